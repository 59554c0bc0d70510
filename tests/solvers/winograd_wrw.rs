//! Backward-weights by Winograd's algorithm; and in parts, also by dot products.

use MIOpen::engine::solvers;
use MIOpen::problem::{DataType, Direction};

use super::support::Rng;
use super::support::case::{Arrangement, Case, PLAIN, RunOptions, threads};
use super::support::tensor::Fill;
use super::{assert_same_bits, check, output_of};

fn case(n: usize, c: usize, k: usize, [h, w]: [usize; 2]) -> Case {
    let mut case = Case::square(Direction::Wrw, n, c, k, h, 3).with_dtype(DataType::F32);
    case.input = vec![h, w];
    case.fit_out();
    case
}

/// Images that share a box, that make one, and that are cut in both dimensions; channels round vectors
/// and panels, and beyond a block; pads up to those that leave tiles without any element; types and
/// layouts that go by planes.
#[test]
fn boxes_and_blocks() {
    let rng = &mut Rng::new(19);
    for (n, c, k, size) in [
        (1, 3, 5, [4, 130]),
        (1, 9, 2, [70, 41]),
        (7, 17, 20, [6, 9]),
        (150, 2, 3, [3, 4]),
        (2, 33, 47, [13, 8]),
        (1, 130, 18, [5, 5]),
        (2, 16, 131, [9, 4]),
    ] {
        let plain = case(n, c, k, size);
        for pads in [[1, 1], [0, 0], [2, 0], [0, 5]] {
            let mut case = Case { pads: pads.to_vec(), ..plain.clone() };
            case.fit_out();
            let threads = rng.between(1, 3);
            check(&case, rng, RunOptions { threads, ..PLAIN });
        }
        check(&plain.clone().with_dtype(DataType::BF16), rng, PLAIN);
        let arrangements = [Arrangement::ChannelsLast; 3];
        check(&Case { arrangements, ..plain.clone() }, rng, PLAIN);
        let mut grouped = case(n, 2 * c, 2 * k, size);
        grouped.groups = 2;
        check(&grouped, rng, RunOptions { threads: 2, ..PLAIN });
    }
}

/// Dilations, whose phases are images of unequal length that share boxes.
#[test]
fn dilations() {
    let rng = &mut Rng::new(21);
    for (n, c, k, size) in [(1, 9, 5, [33, 33]), (3, 17, 3, [14, 9]), (2, 3, 20, [5, 40])] {
        for dilations in [[2, 2], [6, 6], [1, 3], [9, 2]] {
            for filter in [3, 4, 5] {
                let mut case = Case::square(Direction::Wrw, n, c, k, size[0], filter);
                case.input = size.to_vec();
                case.dilations = dilations.to_vec();
                case.pads = dilations.map(|dilation| dilation * (filter as i32 / 2)).to_vec();
                case.fit_out();
                let options = RunOptions { threads: rng.between(1, 3), ..PLAIN };
                check(&case, rng, options);
            }
        }
    }
}

/// So many tiles that their sums are formed in parts, however many threads there are; values that are
/// not finite in one of them.
#[test]
fn parts() {
    let rng = &mut Rng::new(20);
    for (c, k, size, finite) in [(3, 18, [92, 92], &[true, false][..]), (17, 6, [64, 200], &[true])]
    {
        let case = case(2, c, k, size);
        check(&case, rng, RunOptions { threads: 2, ..PLAIN });
        let mut inputs = case.inputs(Fill::Reals, rng);
        let old = case.output(Fill::Garbage, rng);
        for &is_finite in finite {
            if !is_finite {
                let values = inputs[0].values();
                let spoiled = values.len() - 7;
                let value = |at: usize| if at == spoiled { f32::NAN } else { values[at] as f32 };
                inputs[0].set_all(value);
            }
            // The fallback of dot products takes its time.
            let has_parts =
                |name: &str| name.contains("winograd") || is_finite && name.contains("wrw_direct");
            for solver in solvers().iter().filter(|solver| has_parts(solver.name())) {
                if solver.applicable(&case.problem(), &threads(1)).is_err() {
                    continue;
                }
                let run = |threads| output_of(*solver, &case, &inputs, &old, threads);
                let alone = run(1);
                assert_eq!(alone.values().iter().all(|value| value.is_finite()), is_finite);
                for threads in [2, 3, 5] {
                    assert_same_bits(&alone, &run(threads), solver.name());
                }
            }
        }
    }
}
