//! Winograd's transform of inputs; the points and matrices are those of [`super::winograd`].
//!
//! First the columns, on whole lines of the image, whose neighbours lie side by side; then the rows
//! of each tile, from lines that the L1 cache holds.

use super::simd::{MAX_LANES, Simd, ask_for, isa_kernel};
use super::winograd::{Form, input_line, load_columns, tile_vector};
use super::winograd_stride2::transform_pairs;
use crate::cpu::isa::Isa;

/// Lines of tiles, in a tensor or in planes.
#[derive(Clone, Copy, Debug)]
pub struct InputLines<'a> {
    /// From the first channel on.
    pub source: &'a [f32],
    /// Distance of neighbouring channels.
    pub channel_stride: usize,
    /// Where the lines of elements begin, `form.window()` for each line of tiles; `None` for zeros.
    pub lines: &'a [Option<usize>],
    /// Zeros before the elements that exist.
    pub before: usize,
    /// Elements that exist in a line.
    pub len: usize,
    /// Tiles in a line.
    pub tiles_w: usize,
    /// Distance of neighbouring positions in the panels.
    pub position_stride: usize,
}

impl InputLines<'_> {
    /// Floats from one line of half transformed elements to the next.
    fn pitch(before: usize, len: usize, width: usize) -> usize {
        (before + len.next_multiple_of(MAX_LANES)).max(width).next_multiple_of(MAX_LANES)
    }

    /// Floats that [`transform_input`] needs for `tile_lines` lines of `tiles_w` tiles, of which at
    /// most `len` elements exist.
    pub fn buffer_elems(form: Form, tile_lines: usize, tiles_w: usize) -> usize {
        let width = form.step() * tiles_w + form.window() - form.step();
        // Neither zeros nor elements exceed the width; each half of a line, see [`Half::of_pairs`], has as
        // much more.
        let pitch = Self::pitch(width, 0, 0) + 4 * MAX_LANES;
        (2 * tile_lines * form.side() + 1) * pitch
    }
}

/// Which rows of panels are filled: `count` of `all` from row `first` on.
#[derive(Clone, Copy, Debug)]
pub struct PanelRows {
    pub first: usize,
    pub count: usize,
    pub all: usize,
}

/// Transforms tiles of `form.window()` squared into panels of two vectors, one matrix of `rows.all` rows, each of
/// a channel, for each of the positions. Tiles that fill up the last vector repeat the first.
///
/// # Panics
/// Where a line lies outside the source, or `buffer` or `panels` is too short; where some rows only are filled
/// of a form of stride 2.
pub fn transform_input(
    isa: Isa,
    form: Form,
    input: InputLines<'_>,
    rows: PanelRows,
    buffer: &mut [f32],
    panels: &mut [f32],
) {
    let PanelRows { first, count: channels, all } = rows;
    assert!(first + channels <= all);
    if form.has_stride_2() {
        assert!(channels == all);
        return transform_pairs(isa, form, input, channels, buffer, panels);
    }
    let (side, tile) = (form.side(), form.tile());
    let (half, tiles) = Half::new(isa, input, [side, side, tile], channels, buffer);
    let panel_cols = 2 * tile_vector(isa);
    assert!(tiles.len().next_multiple_of(panel_cols) * all <= input.position_stride);
    assert!(side * side * input.position_stride <= panels.len());
    let to = Places {
        first: panels.as_mut_ptr().wrapping_add(first * panel_cols),
        panel_stride: panel_cols * all,
        channel_stride: panel_cols,
        position_stride: input.position_stride,
    };
    let tiles = Tiles { offsets: &tiles, runs: &runs_of(isa, &tiles) };
    // SAFETY: `half` is of this input; results lie inside `panels`, by the assertions.
    unsafe {
        match form {
            Form::Tile2Taps3 => transform::<4>(isa, input, channels, half, tiles, to),
            _ => transform::<6>(isa, input, channels, half, tiles, to),
        }
    }
}

/// Which fours of each vector's tiles are four floats apart.
pub(super) fn runs_of(isa: Isa, offsets: &[usize]) -> Vec<u32> {
    let lanes = tile_vector(isa);
    let is_run = |four: &[usize]| four.windows(2).all(|pair| pair[1] == pair[0] + 4);
    let of_vector = |tiles: &[usize]| {
        tiles.chunks(4).enumerate().map(|(index, four)| u32::from(is_run(four)) << index).sum()
    };
    offsets.chunks(lanes).map(of_vector).collect()
}

/// Lines whose columns are transformed, in a buffer.
#[derive(Clone, Copy)]
pub(super) struct Half {
    /// Of a channel and of the next one, in turns.
    pub lines: *mut f32,
    /// Distance of lines.
    pub pitch: usize,
    /// A line of zeros.
    pub zeros: *const f32,
}

impl Half {
    /// The lines of tiles of `from` squared, `step` apart, that become `side` squared; and where each
    /// tile begins in those of a channel: a whole number of vectors.
    ///
    /// # Panics
    /// Where a line lies outside the source, or the buffer is too short.
    pub(super) fn new(
        isa: Isa,
        input: InputLines<'_>,
        [from, side, step]: [usize; 3],
        channels: usize,
        buffer: &mut [f32],
    ) -> (Self, Vec<usize>) {
        let InputLines { before, len, tiles_w, .. } = input;
        let width = step * tiles_w + from - step;
        let pitch = InputLines::pitch(before, len, width);
        assert!(before + len <= width);
        Self::with_pitch(isa, input, [from, side, step], pitch, channels, buffer)
    }

    /// The same of a stride of 2, for tiles 8 apart: of each line the even columns, and in its second half
    /// the odd ones, so that those of a tile are 4 apart in both.
    pub(super) fn of_pairs(
        isa: Isa,
        input: InputLines<'_>,
        [from, side]: [usize; 2],
        channels: usize,
        buffer: &mut [f32],
    ) -> (Self, Vec<usize>) {
        let InputLines { before, len, tiles_w, .. } = input;
        let width = 8 * tiles_w + from - 8;
        assert!(before + len <= width);
        let pitch = 2 * InputLines::pitch(before / 2 + 1, len.div_ceil(2), width.div_ceil(2));
        Self::with_pitch(isa, input, [from, side, 4], pitch, channels, buffer)
    }

    fn with_pitch(
        isa: Isa,
        input: InputLines<'_>,
        [from, side, step]: [usize; 3],
        pitch: usize,
        channels: usize,
        buffer: &mut [f32],
    ) -> (Self, Vec<usize>) {
        let InputLines { lines, len, tiles_w, .. } = input;
        assert!(lines.len().is_multiple_of(from));
        let last = lines
            .iter()
            .flatten()
            .max()
            .map_or(0, |last| last + channels.saturating_sub(1) * input.channel_stride + len);
        assert!(last <= input.source.len());
        let tile_lines = lines.len() / from;
        let mut tiles: Vec<usize> = (0..tile_lines * tiles_w)
            .map(|index| index / tiles_w * side * pitch + index % tiles_w * step)
            .collect();
        tiles.resize(tiles.len().next_multiple_of(tile_vector(isa)), 0);
        // What lies beside the elements that exist stays zero; of the line behind the others, all.
        let buffer = &mut buffer[..(2 * tile_lines * side + 1) * pitch];
        buffer.fill(0.0);
        let first = buffer.as_mut_ptr();
        let zeros = first.wrapping_add(2 * tile_lines * side * pitch).cast_const();
        (Half { lines: first, pitch, zeros }, tiles)
    }
}

/// The tiles of a channel.
#[derive(Clone, Copy)]
pub(super) struct Tiles<'a> {
    /// Where each begins in the lines of a channel; a whole number of vectors.
    pub offsets: &'a [usize],
    /// Of each vector, which are side by side: see [`Simd::load_6_columns`].
    pub runs: &'a [u32],
}

/// Where transformed tiles go: pairs of vectors.
#[derive(Clone, Copy)]
pub(super) struct Places {
    pub first: *mut f32,
    pub panel_stride: usize,
    pub channel_stride: usize,
    pub position_stride: usize,
}

isa_kernel! {
    /// # Safety
    /// The rest must be [`Half::new`] of `input` with tiles of `SIDE` squared, and `to` have
    /// room.
    unsafe fn transform[SIDE](
        input: InputLines<'_>, channels: usize, half: Half, tiles: Tiles<'_>, to: Places,
    ) = input_body
}

/// # Safety
/// As `transform`; the instruction set of `S` must be present.
#[inline(always)]
unsafe fn input_body<S: Simd, const SIDE: usize>(
    input: InputLines<'_>,
    channels: usize,
    half: Half,
    tiles: Tiles<'_>,
    to: Places,
) {
    if channels == 0 {
        return;
    }
    let half_elems = input.lines.len() * half.pitch;
    // SAFETY: the caller's promise.
    unsafe {
        // A channel ahead, for what is read back at once waits for all that was stored before it.
        transform_lines::<S, SIDE>(input, 0, half);
        for channel in 0..channels {
            let ahead = Half { lines: half.lines.add((channel + 1) % 2 * half_elems), ..half };
            if channel + 1 < channels {
                transform_lines::<S, SIDE>(input, channel + 1, ahead);
            }
            let this = Half { lines: half.lines.add(channel % 2 * half_elems), ..half };
            let to = Places { first: to.first.add(channel * to.channel_stride), ..to };
            let next = (channel + 2).min(channels - 1);
            let ahead = Ahead::new(input, next, tiles.offsets.len() / S::LANES * SIDE);
            transform_rows::<S, SIDE>(this, tiles, to, ahead);
        }
    }
}

/// The lines of a channel that is still to come: they are too short for the processor to foresee where
/// the next ones begin.
pub(super) struct Ahead<'a> {
    lines: std::slice::Iter<'a, Option<usize>>,
    /// Where the channel begins.
    source: *const f32,
    len: usize,
    /// Lines that are asked for at a time.
    share: usize,
}

impl<'a> Ahead<'a> {
    /// Those of a channel, asked for in so many shares.
    #[inline(always)]
    pub(super) fn new(input: InputLines<'a>, channel: usize, shares: usize) -> Self {
        Ahead {
            lines: input.lines.iter(),
            source: input.source.as_ptr().wrapping_add(channel * input.channel_stride),
            len: input.len,
            share: input.lines.len().div_ceil(shares),
        }
    }

    /// Asks for the next share.
    #[inline(always)]
    pub(super) fn ask(&mut self) {
        for line in self.lines.by_ref().take(self.share).flatten() {
            for at in (0..self.len).step_by(MAX_LANES) {
                ask_for(self.source.wrapping_add(line + at));
            }
        }
    }
}

/// Where the lines of a line of tiles begin: those of a channel at `source`, and zeros.
///
/// # Safety
/// The lines must lie in the channel.
#[inline(always)]
pub(super) unsafe fn line_begins<const LINES: usize>(
    lines: &[Option<usize>],
    source: *const f32,
    zeros: *const f32,
) -> [*const f32; LINES] {
    let mut from = [zeros; LINES];
    for row in 0..LINES {
        if let Some(offset) = lines[row] {
            // SAFETY: the caller's promise.
            from[row] = unsafe { source.add(offset) };
        }
    }
    from
}

/// The columns of all lines of a channel times the matrix.
///
/// # Safety
/// As `transform`.
#[inline(always)]
unsafe fn transform_lines<S: Simd, const SIDE: usize>(
    input: InputLines<'_>,
    channel: usize,
    half: Half,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let source = input.source.as_ptr().add(channel * input.channel_stride);
        for (index, lines) in input.lines.chunks_exact(SIDE).enumerate() {
            let from = line_begins::<SIDE>(lines, source, half.zeros);
            let to = half.lines.add(index * SIDE * half.pitch + input.before);
            transform_columns::<S, SIDE>(from, input.len, to, half.pitch);
        }
    }
}

/// The rows of all tiles of a channel times the matrix.
///
/// # Safety
/// As `transform`; `to` begins with the channel.
#[inline(always)]
unsafe fn transform_rows<S: Simd, const SIDE: usize>(
    half: Half,
    tiles: Tiles<'_>,
    to: Places,
    mut ahead: Ahead<'_>,
) {
    for (index, offsets) in tiles.offsets.chunks_exact(S::LANES).enumerate() {
        // SAFETY: the caller's promise.
        unsafe {
            let out = to.first.add(index / 2 * to.panel_stride + index % 2 * S::LANES);
            for row in 0..SIDE {
                ahead.ask();
                let from = half.lines.add(row * half.pitch);
                let columns = load_columns::<S, SIDE>(from, offsets.as_ptr(), tiles.runs[index]);
                let columns = input_line::<S, SIDE>(columns);
                for col in 0..SIDE {
                    S::store(out.add((row * SIDE + col) * to.position_stride), columns[col]);
                }
            }
        }
    }
}

/// The columns of `SIDE` lines times the matrix, to lines `pitch` apart.
///
/// # Safety
/// `len` floats must be readable in each line, and as many, up to whole vectors, writable.
#[inline(always)]
unsafe fn transform_columns<S: Simd, const SIDE: usize>(
    from: [*const f32; SIDE],
    len: usize,
    to: *mut f32,
    pitch: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        for at in (0..len).step_by(S::LANES) {
            let mut column = [S::splat(0.0); SIDE];
            for row in 0..SIDE {
                let from = from[row].add(at);
                column[row] = if at + S::LANES <= len {
                    S::load(from)
                } else {
                    S::load_first(from, len - at)
                };
            }
            let column = input_line::<S, SIDE>(column);
            for row in 0..SIDE {
                S::store(to.add(row * pitch + at), column[row]);
            }
        }
    }
}
