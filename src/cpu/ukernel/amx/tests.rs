use super::*;
use crate::cpu::ukernel::{LaneRun, RunPair, split_pairs, split_panel};

/// Numbers between -1 and 1 that are the same in every run.
fn numbers(count: usize) -> Vec<f32> {
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(next).collect()
}

/// The halves of words as floats: lower and upper.
fn halves(word: f32) -> [f32; 2] {
    [f32::from_bits(word.to_bits() << 16), f32::from_bits(word.to_bits() & 0xffff_0000)]
}

/// The tiles, where this machine has them.
fn isa() -> Option<AmxIsa> {
    let isa = AmxIsa::allowed();
    if isa.is_none() {
        println!("skipped: no AMX");
    }
    isa
}

#[test]
fn parts_sum_to_the_float() {
    let Some(isa) = isa() else { return };
    let mut source = numbers(37);
    source.extend([1.0 + f32::EPSILON, -2.0 + f32::EPSILON, 3e38, 1.5e-30, 0.0, -0.0, 257.0]);
    let len = source.len();
    for (parts, bits) in [(1, 8), (2, 11), (3, 24)] {
        // As many bits as the parts hold.
        let source: Vec<f32> = source
            .iter()
            .map(|v| f32::from_bits(v.to_bits() >> (24 - bits) << (24 - bits)))
            .collect();
        let pair = RunPair { first: (0, len), second: (1, len - 1) };
        let mut words = vec![f32::NAN; parts * (len + 3)];
        split_pairs(isa, parts, &source, &[pair], len, &mut words, [0, len + 3]);
        for index in 0..len {
            let of_parts = |half: usize| -> f64 {
                (0..parts)
                    .map(|part| f64::from(halves(words[part * (len + 3) + index])[half]))
                    .sum()
            };
            assert_eq!(of_parts(0), f64::from(source[index]), "{parts} parts");
            let second = source.get(index + 1).copied().unwrap_or(0.0);
            assert_eq!(of_parts(1), f64::from(second), "{parts} parts");
        }
        assert!((0..parts).all(|part| words[part * (len + 3) + len].is_nan()));
    }
}

#[test]
fn what_is_not_finite_leaves_a_nan() {
    let Some(isa) = isa() else { return };
    let source = [f32::NAN, -f32::NAN, f32::from_bits(0x7fff_ffff), f32::INFINITY, f32::MAX];
    let pair = RunPair { first: (0, source.len()), second: (0, source.len()) };
    let mut words = vec![0.0; 3 * source.len()];
    split_pairs(isa, 3, &source, &[pair], source.len(), &mut words, [0, source.len()]);
    for index in 0..source.len() {
        for half in 0..2 {
            let has_nan = (0..3).any(|part| halves(words[part * 5 + index])[half].is_nan());
            assert!(has_nan, "{}", source[index]);
        }
    }
}

#[test]
fn panels_take_runs_and_zeros() {
    let Some(isa) = isa() else { return };
    let source = numbers(100);
    // Columns 0 to 4 from 10 on, 5 to 15 from 50 on, 16 to 18 from 70 on.
    let runs = [
        LaneRun { offset: 10, mask: 0x1f },
        LaneRun { offset: 45, mask: 0xffe0 },
        LaneRun { offset: 70, mask: 0x7 },
    ];
    let rows = [[0, 3], [7, usize::MAX]];
    let mut panel = vec![f32::NAN; 2 * 64];
    split_panel(isa, 2, &source, &rows, [&runs[..2], &runs[2..]], &mut panel, 64);
    for (row, offsets) in rows.into_iter().enumerate() {
        for column in 0..32 {
            let from = match column {
                0..5 => Some(10 + column),
                5..16 => Some(45 + column),
                16..19 => Some(54 + column),
                _ => None,
            };
            for (half, offset) in offsets.into_iter().enumerate() {
                let want =
                    from.filter(|_| offset != usize::MAX).map_or(0.0, |from| source[from + offset]);
                let at = row * 32 + column;
                let got = halves(panel[at])[half] + halves(panel[64 + at])[half];
                assert!((got - want).abs() <= want.abs() * 2f32.powi(-16), "{got} for {want}");
            }
        }
    }
}

/// Rows and columns round tiles and blocks of tiles, from plain matrices.
#[test]
fn products_of_matrices() {
    let Some(isa) = isa() else { return };
    let session = TileSession::begin(isa);
    for (products, unit) in [
        (TileProducts::One, 2f64.powi(-7)),
        (TileProducts::Four, 2f64.powi(-15)),
        (TileProducts::Six, 2f64.powi(-24)),
    ] {
        let parts = products.parts();
        for rows in [1, 15, 16, 17, 32, 33, 70] {
            for cols in [1, 16, 18, 32, 49, 64] {
                for gemm_k in [16, 48] {
                    let a = numbers(rows * 2 * gemm_k);
                    let b = numbers(2 * gemm_k * cols);
                    let stride = gemm_k + 16;
                    let block = parts * TILE_BLOCK * stride;
                    let mut a_words = vec![f32::NAN; rows.div_ceil(TILE_BLOCK) * block];
                    for row in 0..rows {
                        let begin = row * 2 * gemm_k;
                        let pairs: Vec<RunPair> = (0..gemm_k)
                            .map(|word| RunPair {
                                first: (begin + 2 * word, 1),
                                second: (begin + 2 * word + 1, 1),
                            })
                            .collect();
                        let to =
                            &mut a_words[row / TILE_BLOCK * block + row % TILE_BLOCK * stride..];
                        split_pairs(isa, parts, &a, &pairs, 1, to, [1, TILE_BLOCK * stride]);
                    }
                    let panel = gemm_k * TILE_BLOCK;
                    let part_stride = cols.div_ceil(TILE_BLOCK) * panel;
                    let mut b_words = vec![f32::NAN; parts * part_stride];
                    for col in 0..cols {
                        let pairs: Vec<RunPair> = (0..gemm_k)
                            .map(|word| RunPair {
                                first: (2 * word * cols + col, 1),
                                second: ((2 * word + 1) * cols + col, 1),
                            })
                            .collect();
                        let to = &mut b_words[col / TILE_BLOCK * panel + col % TILE_BLOCK..];
                        split_pairs(isa, parts, &b, &pairs, 1, to, [TILE_BLOCK, part_stride]);
                    }
                    let mut c = vec![5.0; rows * cols];
                    let a_rows = AmxRows { words: &a_words, stride };
                    let panels = AmxPanels { words: &b_words, part_stride };
                    for accumulate in [false, true] {
                        let mut dst = MatrixMut::row_major(&mut c, rows, cols);
                        assert!(multiply_tiles(
                            &session, products, gemm_k, a_rows, panels, &mut dst, accumulate
                        ));
                    }
                    for row in 0..rows {
                        for col in 0..cols {
                            let products = (0..2 * gemm_k).map(|kk| {
                                f64::from(a[row * 2 * gemm_k + kk]) * f64::from(b[kk * cols + col])
                            });
                            let (want, size) = products.fold((0.0, 0.0), |(sum, size), product| {
                                (sum + 2.0 * product, size + 2.0 * product.abs())
                            });
                            let got = f64::from(c[row * cols + col]);
                            let bound = (2.0 * unit + 24.0 * 2f64.powi(-24)) * size;
                            assert!(
                                (got - want).abs() <= bound,
                                "{got} for {want}: {rows} x {cols} x {gemm_k}, {products:?}",
                                products = parts
                            );
                        }
                    }
                    // One sum that is not finite is seen, wherever it is.
                    c[rows * cols - 1] = f32::INFINITY;
                    let mut dst = MatrixMut::row_major(&mut c, rows, cols);
                    assert!(!multiply_tiles(
                        &session, products, gemm_k, a_rows, panels, &mut dst, true
                    ));
                }
            }
        }
    }
}

/// Parts, and sums, that are too small for a normal number count as zeros, and no more than that.
#[test]
fn subnormal_parts_are_zeros() {
    let Some(isa) = isa() else { return };
    let session = TileSession::begin(isa);
    let gemm_k = TILE_WORDS;
    let tiny = 2f32.powi(-112);
    let a: Vec<f32> = numbers(2 * gemm_k).into_iter().map(|number| number * tiny).collect();
    let b = numbers(2 * gemm_k);
    let part_stride = gemm_k * TILE_BLOCK;
    let mut a_words = vec![0.0; 3 * TILE_BLOCK * gemm_k];
    let mut b_words = vec![0.0; 3 * part_stride];
    let pairs: Vec<RunPair> = (0..gemm_k)
        .map(|word| RunPair { first: (2 * word, 1), second: (2 * word + 1, 1) })
        .collect();
    split_pairs(isa, 3, &a, &pairs, 1, &mut a_words, [1, TILE_BLOCK * gemm_k]);
    split_pairs(isa, 3, &b, &pairs, 1, &mut b_words, [TILE_BLOCK, part_stride]);
    let mut c = [0.0];
    let rows = AmxRows { words: &a_words, stride: gemm_k };
    let panels = AmxPanels { words: &b_words, part_stride };
    let mut dst = MatrixMut::row_major(&mut c, 1, 1);
    assert!(multiply_tiles(&session, TileProducts::Six, gemm_k, rows, panels, &mut dst, false));
    let want: f64 = a.iter().zip(&b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
    let bound = 8.0 * (2 * gemm_k) as f64 * 2f64.powi(-126);
    assert!((f64::from(c[0]) - want).abs() <= bound, "{} for {want}", c[0]);
    assert!(want.abs() > bound, "a test that zero passes");
}
