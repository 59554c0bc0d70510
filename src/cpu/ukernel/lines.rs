//! Copying lines: from a tensor into planes with padding, and back.

use super::simd::{MAX_LANES, Simd, ask_for, isa_kernel};
use crate::cpu::isa::Isa;
use crate::memory::MatrixMut;

/// Floats behind its last line that a plane buffer must have: copies go by vectors.
pub const LINE_SLACK_ELEMS: usize = 2 * MAX_LANES;

/// A line of a plane: where it begins, and where its first element that exists
/// lies in the source; `None` for a line of padding.
pub type Line = (usize, Option<usize>);

/// What the lines of one phase have in common.
#[derive(Clone, Copy, Debug)]
pub struct LineShape {
    /// Zeros before the elements that exist.
    pub before: usize,
    /// Elements that exist.
    pub len: usize,
    /// All elements, zeros behind included.
    pub total: usize,
    /// Distance of elements in the source.
    pub stride: usize,
}

/// Fills lines. They rise in the plane, at least `shape.total` apart; up to
/// [`LINE_SLACK_ELEMS`] behind the last one are undefined afterwards.
///
/// # Panics
/// Where a line lies outside the plane or an element outside the source.
pub fn stage_lines(isa: Isa, source: &[f32], lines: &[Line], shape: LineShape, plane: &mut [f32]) {
    let LineShape { before, len, total, stride } = shape;
    assert!(before + len <= total);
    let last_to = lines.iter().map(|line| line.0).max().unwrap_or(0);
    assert!(last_to + total + LINE_SLACK_ELEMS <= plane.len());
    // Vectors that elements are picked from end behind a line's last one; near the end of the tensor that is
    // too far.
    let reach = match stride {
        1 => len,
        2 | 4 => (len + MAX_LANES) * stride,
        _ => len.saturating_sub(1).saturating_mul(stride).saturating_add(1),
    };
    let is_inside =
        |line: &&Line| line.1.is_none_or(|from| from.saturating_add(reach) <= source.len());
    let inside = lines.iter().take_while(is_inside).count();
    let (inside, others) = lines.split_at(inside);
    // SAFETY: what vectors read lies inside the source; writes end before the slack does.
    unsafe { stage(isa, source.as_ptr(), inside, shape, plane.as_mut_ptr()) }
    for &(to, from) in others {
        let line = &mut plane[to..to + total];
        line.fill(0.0);
        let Some(from) = from.filter(|_| len > 0) else {
            continue;
        };
        let values = source[from..].iter().step_by(stride);
        for (element, value) in line[before..before + len].iter_mut().zip(values) {
            *element = *value;
        }
    }
}

isa_kernel! {
    /// # Safety
    /// As [`stage_lines`] asserts.
    unsafe fn stage(
        source: *const f32,
        lines: &[Line],
        shape: LineShape,
        plane: *mut f32,
    ) = stage_body
}

/// # Safety
/// As `stage`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn stage_body<S: Simd>(
    source: *const f32,
    lines: &[Line],
    shape: LineShape,
    plane: *mut f32,
) {
    let LineShape { before, len, total, stride } = shape;
    // SAFETY: the caller's promise. What a copy leaves behind its end is
    // overwritten by the zeros behind it and by the lines that follow.
    unsafe {
        for &(to, from) in lines {
            let to = plane.add(to);
            let Some(from) = from else {
                zeros::<S>(to, total);
                continue;
            };
            if stride == 1 {
                stage_line::<S>(source.add(from), shape, to);
                continue;
            }
            let from = source.add(from);
            zeros::<S>(to, before);
            let inside = to.add(before);
            let mut at = 0;
            if stride != 2 && stride != 4 {
                while at < len {
                    inside.add(at).write(*from.add(at * stride));
                    at += 1;
                }
            }
            while at < len {
                let elements = if stride == 2 {
                    S::load_even(from.add(2 * at))
                } else {
                    let from = from.add(4 * at);
                    let (low, high) = (S::load_even(from), S::load_even(from.add(2 * S::LANES)));
                    let [elements, _] = S::deinterleave(low, high);
                    elements
                };
                S::store(inside.add(at), elements);
                at += S::LANES;
            }
            zeros::<S>(inside.add(len), total - before - len);
        }
    }
}

/// A line whose elements lie side by side, zeros and all: no float is stored twice.
///
/// # Safety
/// As `stage`; the elements begin at `from`.
#[inline(always)]
unsafe fn stage_line<S: Simd>(from: *const f32, shape: LineShape, to: *mut f32) {
    let LineShape { before, len, total, .. } = shape;
    let end = before + len;
    // Where the element of the line's first float would lie; what is read lies inside the tensor.
    let origin = from.wrapping_sub(before);
    let mut at = 0;
    // SAFETY: the caller's promise.
    unsafe {
        while at < before {
            let lanes = S::load_lanes(origin.wrapping_add(at), before - at, end - at);
            S::store(to.add(at), lanes);
            at += S::LANES;
        }
        while at + S::LANES <= end {
            S::store(to.add(at), S::load(origin.wrapping_add(at)));
            at += S::LANES;
        }
        while at < total {
            let lanes = S::load_lanes(origin.wrapping_add(at), 0, end.max(at) - at);
            S::store(to.add(at), lanes);
            at += S::LANES;
        }
    }
}

/// Rows whose elements are in turn those of one phase and of the other, each of which has its rows one behind the
/// other; a phase that is `None` has zeros.
///
/// # Panics
/// Where a phase has other than as many elements, or columns of `to` are not contiguous.
pub fn join_phases(isa: Isa, phases: [Option<&[f32]>; 2], to: &mut MatrixMut<'_, f32>) {
    let (rows, cols) = to.shape();
    let (row_stride, col_stride) = to.strides();
    assert!(col_stride == 1 || cols <= 1);
    for (phase, cols) in phases.into_iter().zip([cols.div_ceil(2), cols / 2]) {
        assert!(phase.is_none_or(|phase| phase.len() == rows * cols));
    }
    let phases = phases.map(|phase| phase.map_or(std::ptr::null(), <[f32]>::as_ptr));
    // SAFETY: the matrix is exclusive and its columns are contiguous; the phases have as many elements.
    unsafe { join(isa, phases, to.as_mut_ptr(), [rows, cols], row_stride) }
}

isa_kernel! {
    /// # Safety
    /// As [`join_phases`] asserts; a phase may be null.
    unsafe fn join(
        phases: [*const f32; 2],
        to: *mut f32,
        shape: [usize; 2],
        row_stride: usize,
    ) = join_body
}

/// # Safety
/// As `join`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn join_body<S: Simd>(
    [even, odd]: [*const f32; 2],
    to: *mut f32,
    [rows, cols]: [usize; 2],
    row_stride: usize,
) {
    let [evens, odds] = [cols.div_ceil(2), cols / 2];
    let [has_even, has_odd] = [!even.is_null(), !odd.is_null()];
    // SAFETY: the caller's promise; where a phase is null, none of it is read.
    unsafe {
        let (mut left, mut right) = (S::splat(0.0), S::splat(0.0));
        for row in 0..rows {
            let to = to.add(row * row_stride);
            let (even, odd) = (even.wrapping_add(row * evens), odd.wrapping_add(row * odds));
            let mut at = 0;
            while at + S::LANES <= odds {
                if has_even {
                    left = S::load(even.add(at));
                }
                if has_odd {
                    right = S::load(odd.add(at));
                }
                let [low, high] = S::interleave(left, right);
                S::store(to.add(2 * at), low);
                S::store(to.add(2 * at + S::LANES), high);
                at += S::LANES;
            }
            let rest = cols - 2 * at;
            if rest == 0 {
                continue;
            }
            if has_even {
                left = S::load_first(even.add(at), evens - at);
            }
            if has_odd {
                right = S::load_first(odd.add(at), odds - at);
            }
            let [low, high] = S::interleave(left, right);
            S::store_first(to.add(2 * at), low, rest.min(S::LANES));
            if rest > S::LANES {
                S::store_first(to.add(2 * at + S::LANES), high, rest - S::LANES);
            }
        }
    }
}

/// Zeros, rounded up to whole vectors.
///
/// # Safety
/// They must be writable.
#[inline(always)]
unsafe fn zeros<S: Simd>(to: *mut f32, len: usize) {
    let mut at = 0;
    while at < len {
        // SAFETY: the caller's promise.
        unsafe { S::store(to.add(at), S::splat(0.0)) };
        at += S::LANES;
    }
}

/// Asks for elements that are needed soon, where the processor cannot foresee it.
#[inline]
pub fn prefetch<T>(elements: &[T]) {
    for line in elements.chunks((64 / size_of::<T>()).max(1)) {
        ask_for(line.as_ptr());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::IsaLevel;

    /// Lines at every stride and of many lengths, the last of which ends with the source.
    #[test]
    fn lines_of_strides() {
        let levels = [IsaLevel::Scalar, IsaLevel::Avx2Fma, IsaLevel::Avx512];
        for isa in levels.into_iter().filter_map(Isa::supported) {
            for stride in 1..8 {
                for len in [0, 1, 2, 5, 15, 16, 17, 33, 70] {
                    let (before, behind) = (len % 4, len % 3);
                    let total = before + len + behind;
                    let shape = LineShape { before, len, total, stride };
                    let span = if len == 0 { 0 } else { (len - 1) * stride + 1 };
                    let source: Vec<f32> = (1..=5 * (span + 3)).map(|value| value as f32).collect();
                    let lines: Vec<Line> = (0..5)
                        .map(|line| {
                            let from = (line != 2).then(|| line * (span + 3));
                            let last = source.len() - span;
                            (line * (total + 1), from.map(|from| from.min(last)))
                        })
                        .collect();
                    let mut plane = vec![f32::NAN; 5 * (total + 1) + LINE_SLACK_ELEMS];
                    stage_lines(isa, &source, &lines, shape, &mut plane);
                    for &(to, from) in &lines {
                        for index in 0..total {
                            let is_inside = (before..before + len).contains(&index);
                            let want = match from.filter(|_| is_inside) {
                                Some(from) => source[from + (index - before) * stride],
                                None => 0.0,
                            };
                            let at = format!("{isa:?}, stride {stride}, {len} elements, {index}");
                            assert_eq!(plane[to + index], want, "{at}");
                        }
                    }
                }
            }
        }
    }

    /// Widths round those of vectors, with both phases and with each alone; what lies behind a row stays.
    #[test]
    fn phases_in_turn() {
        const UNTOUCHED: f32 = 12345.0;
        let levels = [IsaLevel::Scalar, IsaLevel::Avx2Fma, IsaLevel::Avx512];
        for isa in levels.into_iter().filter_map(Isa::supported) {
            for cols in (1..70).chain([127, 128, 129]) {
                let (rows, row_elems) = (3, cols + 2);
                let of_phase = |phase: usize| -> Vec<f32> {
                    let cols = (cols + 1 - phase) / 2;
                    (0..rows * cols).map(|index| (1 + 2 * index + phase) as f32).collect()
                };
                let phases = [of_phase(0), of_phase(1)];
                for there in [[true, true], [true, false], [false, true], [false, false]] {
                    let mut out = vec![UNTOUCHED; rows * row_elems];
                    let mut whole = MatrixMut::row_major(&mut out, rows, row_elems);
                    let given = [0, 1].map(|phase| there[phase].then_some(&phases[phase][..]));
                    join_phases(isa, given, &mut whole.some_cols(0..cols));
                    for (at, &got) in out.iter().enumerate() {
                        let (row, col) = (at / row_elems, at % row_elems);
                        let (phase, index) = (col % 2, row * ((cols + 1 - col % 2) / 2) + col / 2);
                        let want = match (col < cols, there[phase]) {
                            (true, true) => phases[phase][index],
                            (true, false) => 0.0,
                            (false, _) => UNTOUCHED,
                        };
                        assert_eq!(got, want, "{isa:?}, {cols} columns, {there:?}, {at}");
                    }
                }
            }
        }
    }
}
