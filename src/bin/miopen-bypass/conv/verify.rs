//! Comparison with the reference, output channel by output channel.
//!
//! A channel of the output is a small convolution without groups, so it can be had alone, and in
//! parallel. A large output is checked in some channels only, the first and the last among them;
//! each is checked at every position, so edges of tiles are not missed.
//!
//! Two tests decide, and both have to hold:
//! - The RMS of the error, as a fraction of the largest value, is within MIOpenDriver's tolerance.
//! - No element errs by more than `(6 * sqrt(terms) + 4) * u * S` and one rounding of the output's
//!   type, with u the roundoff of f32 and S the sum of the products' magnitudes: roundings being as
//!   good as independent, that holds with probability `1 - 2 * terms * exp(-18)` and more (Higham
//!   and Mary, 2019, with lambda = 6). Winograd mixes the elements of a tile; for it S is the
//!   largest one of the channel, and the bound four times as wide: its RMS error was measured at 1.5
//!   times that of direct sums.
//!
//! Integers have to be right.
#![forbid(unsafe_code)]

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use MIOpen::error::{Error, Result};
use MIOpen::memory::{HostBuffers, InputBuffer, OutputBuffer};
use MIOpen::problem::{ConvDesc, ConvProblem, DataType, Direction, Mode, Role, TensorDesc};
use MIOpen::reference;
use MIOpen::solver::Algorithm;
use serde::Serialize;

use super::tensors::{Elements, Tensors};

/// Multiply-adds that the reference may spend on a problem whose output is checked in part: about a
/// second, since it does 100 a microsecond and every product twice.
const PARTIAL_MULTIPLY_ADDS: f64 = 5e7;

/// How much of the output is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    SomeChannels,
    AllChannels,
}

/// What the comparison found.
#[derive(Clone, Debug, Serialize)]
pub struct Verdict {
    pub passed: bool,
    /// Output channels that were compared.
    pub channels_checked: usize,
    pub channels: usize,
    /// RMS of the error over the largest magnitude of the reference.
    pub rms_error: f64,
    pub rms_tolerance: f64,
    /// The largest error of an element as a fraction of its bound; above 1 is wrong.
    pub worst_of_bound: f64,
}

/// Compares the output of `tensors` with the reference.
pub fn verify(
    problem: &ConvProblem,
    tensors: &Tensors,
    algorithm: Algorithm,
    extent: Extent,
    threads: NonZeroUsize,
) -> Result<Verdict> {
    let oracle = Oracle::new(problem, tensors);
    let channels = problem.output_tensor().lengths()[oracle.channel_dim];
    let chosen = chosen_channels(problem, channels, extent);
    let next = AtomicUsize::new(0);
    let sums = Mutex::new(Ok(Sums::default()));
    let work = || {
        while let Some(&channel) = chosen.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found = oracle.compare(channel, &tensors.output, algorithm);
            // Nobody panics with the lock held.
            let Ok(mut sums) = sums.lock() else { return };
            match (&mut *sums, found) {
                (Ok(sums), Ok(found)) => sums.add(&found),
                (sums @ Ok(_), Err(error)) => *sums = Err(error),
                (Err(_), _) => return,
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.get().min(chosen.len()) {
            // Where a thread is not to be had, the others do its work.
            let _ = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let sums = sums.into_inner().map_err(|_| Error::unknown("a thread of the check died"))??;

    let rms_tolerance = rms_tolerance(problem.output_dtype());
    let rms_error = sums.rms_error();
    Ok(Verdict {
        // Written so that NaN fails.
        passed: rms_error <= rms_tolerance && sums.worst_of_bound <= 1.0,
        channels_checked: chosen.len(),
        channels,
        rms_error,
        rms_tolerance,
        worst_of_bound: sums.worst_of_bound,
    })
}

/// MIOpenDriver's tolerance (`GetDefaultTolerance` in `driver/conv_driver.hpp` of ROCm/MIOpen).
fn rms_tolerance(dtype: DataType) -> f64 {
    match dtype {
        DataType::F16 => 8.2e-3,
        DataType::BF16 => 8.0 * 8.2e-3,
        _ => 1.5e-6,
    }
}

/// Evenly spread, the first and the last one among them.
fn chosen_channels(problem: &ConvProblem, channels: usize, extent: Extent) -> Vec<usize> {
    let affordable = PARTIAL_MULTIPLY_ADDS * channels as f64 / problem.multiply_adds();
    let count = match extent {
        Extent::AllChannels => channels,
        Extent::SomeChannels => (affordable as usize).clamp(channels.min(2), channels),
    };
    (0..count).map(|i| i * (channels - 1) / (count - 1).max(1)).collect()
}

#[derive(Default)]
struct Sums {
    elems: usize,
    squared_error: f64,
    largest: f64,
    worst_of_bound: f64,
}

impl Sums {
    fn add(&mut self, other: &Sums) {
        self.elems += other.elems;
        self.squared_error += other.squared_error;
        self.largest = self.largest.max(other.largest);
        self.worst_of_bound = larger(self.worst_of_bound, other.worst_of_bound);
    }

    fn rms_error(&self) -> f64 {
        let rms = (self.squared_error / self.elems as f64).sqrt();
        // Where all is zero, only zero is right.
        if rms == 0.0 { 0.0 } else { rms / self.largest }
    }
}

/// The larger one, and NaN if there is one: `f64::max` would lose it.
fn larger(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

/// The reference on single channels.
struct Oracle<'a> {
    problem: &'a ConvProblem,
    /// The channel dimension of the output tensor.
    channel_dim: usize,
    /// Inputs in f32; none for integers, which need no bound.
    reals: Option<Reals>,
    tensors: &'a Tensors,
    terms: f64,
}

struct Reals {
    values: [Elements; 2],
    magnitudes: [Elements; 2],
}

impl<'a> Oracle<'a> {
    fn new(problem: &'a ConvProblem, tensors: &'a Tensors) -> Self {
        let reals = (problem.input_dtype() != DataType::I8).then(|| Reals {
            values: [0, 1].map(|i| Elements::F32(tensors.inputs[i].to_f32())),
            magnitudes: [0, 1].map(|i| {
                let values = tensors.inputs[i].to_f32();
                Elements::F32(values.into_iter().map(f32::abs).collect())
            }),
        });
        let channel_dim = if problem.direction() == Direction::Wrw { 0 } else { 1 };
        Oracle { problem, channel_dim, reals, tensors, terms: reduction_terms(problem) }
    }

    /// Compares one channel of the output.
    fn compare(&self, channel: usize, got: &Elements, algorithm: Algorithm) -> Result<Sums> {
        let (want, magnitude) = match &self.reals {
            None => (self.channel(channel, &self.tensors.inputs, self.problem)?, Vec::new()),
            Some(reals) => (
                self.channel(channel, &reals.values, self.problem)?,
                self.channel(channel, &reals.magnitudes, self.problem)?,
            ),
        };
        let mixes_elements = algorithm == Algorithm::Winograd;
        let largest_magnitude = magnitude.iter().copied().fold(0.0, f64::max);
        let dtype = self.problem.output_dtype();
        let mut sums = Sums { elems: want.len(), ..Sums::default() };
        let mut number = 0;
        for_each_offset(self.problem.output_tensor(), self.channel_dim, channel, |offset| {
            let (got, want) = (got.get(offset), want[number]);
            let error = (got - want).abs();
            let bound = match magnitude.get(number) {
                None => 0.0,
                Some(_) if mixes_elements => 4.0 * self.bound(largest_magnitude, want, dtype),
                Some(&magnitude) => self.bound(magnitude, want, dtype),
            };
            let of_bound = if error == 0.0 { 0.0 } else { error / bound };
            sums.worst_of_bound = larger(sums.worst_of_bound, of_bound);
            sums.squared_error += error * error;
            sums.largest = sums.largest.max(want.abs());
            number += 1;
        });
        Ok(sums)
    }

    fn bound(&self, magnitude: f64, want: f64, output_dtype: DataType) -> f64 {
        // Half of the smallest subnormal of f16; other types reach further than any sum here.
        let tiny = if output_dtype == DataType::F16 { (0.5f64).powi(25) } else { 0.0 };
        (6.0 * self.terms.sqrt() + 4.0) * roundoff(DataType::F32) * magnitude
            + 1.01 * roundoff(output_dtype) * want.abs()
            + tiny
    }

    /// The reference's result for one channel, in the order of [`for_each_offset`].
    fn channel(
        &self,
        channel: usize,
        inputs: &[Elements; 2],
        problem: &ConvProblem,
    ) -> Result<Vec<f64>> {
        let parts = parts_of_channel(problem, channel);
        let is_real = self.reals.is_some();
        let desc = |role: Role| -> Result<TensorDesc> {
            let part = &parts[role as usize];
            let tensor = problem.tensor(role);
            let dtype = if is_real { DataType::F32 } else { tensor.dtype() };
            if role == problem.direction().output_role() {
                TensorDesc::packed(dtype, &part.lengths)
            } else {
                TensorDesc::new(dtype, &part.lengths, tensor.strides())
            }
        };
        let conv = conv_desc(problem)?;
        let (x, w, y) = (desc(Role::X)?, desc(Role::W)?, desc(Role::Y)?);
        let alone = ConvProblem::new(problem.direction(), x, w, y, &conv)?;

        let [first, second] = problem.direction().input_roles();
        let buffers: [InputBuffer<'_>; 2] = [
            inputs[0].input(parts[first as usize].offset)?,
            inputs[1].input(parts[second as usize].offset)?,
        ];
        let len = alone.output_tensor().span_elems();
        let mut out = match alone.output_dtype() {
            DataType::I8 => Elements::I8(vec![0; len]),
            DataType::I32 => Elements::I32(vec![0; len]),
            _ => Elements::F32(vec![0.0; len]),
        };
        let output: OutputBuffer<'_> = out.output();
        reference::convolve(&alone, &mut HostBuffers { inputs: buffers, output }, 1.0, 0.0)?;
        Ok((0..len).map(|offset| out.get(offset)).collect())
    }
}

/// The part of a tensor that has to do with one output channel.
struct Part {
    lengths: Vec<usize>,
    /// Elements before it.
    offset: usize,
}

/// For x, w and y: the parts that make up the convolution of one output channel.
fn parts_of_channel(problem: &ConvProblem, channel: usize) -> [Part; 3] {
    let groups = problem.groups();
    let (c_per_group, k_per_group) = (problem.c() / groups, problem.k() / groups);
    // First index and length, for the dimensions 0 and 1 of each tensor.
    let whole = |len: usize| (0, len);
    let n = whole(problem.n());
    let ranges = match problem.direction() {
        Direction::Bwd => {
            let (group, c_in_group) = (channel / c_per_group, channel % c_per_group);
            let k_of_group = (group * k_per_group, k_per_group);
            [[n, (channel, 1)], [k_of_group, (c_in_group, 1)], [n, k_of_group]]
        }
        Direction::Fwd | Direction::Wrw => {
            let c_of_group = (channel / k_per_group * c_per_group, c_per_group);
            [[n, c_of_group], [(channel, 1), whole(c_per_group)], [n, (channel, 1)]]
        }
    };
    let part = |role: Role| {
        let tensor = problem.tensor(role);
        let [outer, inner] = ranges[role as usize];
        let mut lengths = tensor.lengths().to_vec();
        lengths[0] = outer.1;
        lengths[1] = inner.1;
        Part { lengths, offset: outer.0 * tensor.strides()[0] + inner.0 * tensor.strides()[1] }
    };
    [part(Role::X), part(Role::W), part(Role::Y)]
}

/// The problem's pads, strides and dilations, without groups.
fn conv_desc(problem: &ConvProblem) -> Result<ConvDesc> {
    let first = 3 - problem.spatial_dim();
    let signed = |values: [usize; 3]| -> Result<Vec<i32>> {
        let out_of_range = |_| Error::bad_parm("a convolution parameter exceeds 32 bits");
        values[first..].iter().map(|&value| i32::try_from(value).map_err(out_of_range)).collect()
    };
    ConvDesc::new(
        Mode::Convolution,
        &signed(problem.pads())?,
        &signed(problem.strides())?,
        &signed(problem.dilations())?,
    )
}

/// Calls `visit` with the offset of each element of a channel, last index fastest.
fn for_each_offset(
    desc: &TensorDesc,
    channel_dim: usize,
    channel: usize,
    mut visit: impl FnMut(usize),
) {
    fn walk(dims: &[(usize, usize)], base: usize, visit: &mut dyn FnMut(usize)) {
        match dims {
            [] => visit(base),
            [(len, stride), rest @ ..] => {
                (0..*len).for_each(|i| walk(rest, base + i * stride, visit))
            }
        }
    }
    let mut dims: Vec<(usize, usize)> =
        desc.lengths().iter().copied().zip(desc.strides().iter().copied()).collect();
    dims[channel_dim].0 = 1;
    walk(&dims, channel * desc.strides()[channel_dim], &mut visit);
}

/// Unit roundoff of a type; integers do not round.
fn roundoff(dtype: DataType) -> f64 {
    match dtype {
        DataType::F32 => (0.5f64).powi(24),
        DataType::F16 => (0.5f64).powi(11),
        DataType::BF16 => (0.5f64).powi(8),
        _ => 0.0,
    }
}

/// Longest sum behind one output element.
fn reduction_terms(problem: &ConvProblem) -> f64 {
    let product = |lengths: [usize; 3]| lengths.iter().product::<usize>() as f64;
    let taps = product(problem.filter_spatial());
    let per_group = |channels: usize| (channels / problem.groups()) as f64;
    match problem.direction() {
        Direction::Fwd => per_group(problem.c()) * taps,
        Direction::Bwd => per_group(problem.k()) * taps,
        Direction::Wrw => problem.n() as f64 * product(problem.out_spatial()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use MIOpen::memory::OutputBuffer;
    use MIOpen::problem::DriverCommand;

    const THREADS: NonZeroUsize = NonZeroUsize::new(2).unwrap();

    /// Every direction, groups, layouts, types, one and three dimensions.
    const LINES: [&str; 6] = [
        "conv -n 2 -c 6 -H 7 -W 5 -k 4 -y 3 -x 2 -p 1 -q 1 -u 2 -g 2 -F 0",
        "conv -n 2 -c 5 -H 7 -W 5 -k 4 -y 3 -x 3 -l 2 -j 2 -p 2 -I NHWC -f NHWC -O NHWC -F 0",
        "convfp16 -n 1 -c 4 -H 6 -W 6 -k 8 -y 3 -x 3 -g 4 -F 0",
        "convbfp16 -n 1 -c 3 -W 9 -k 2 -x 3 -_ 1 -F 0",
        "conv -n 1 -c 2 -! 4 -H 5 -W 3 -k 3 -@ 2 -y 3 -x 1 -_ 3 -m trans -F 0",
        "convint8 -n 1 -c 6 -H 6 -W 6 -k 6 -y 3 -x 3 -g 3 -F 1",
    ];

    fn problems() -> impl Iterator<Item = ConvProblem> {
        LINES.into_iter().flat_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            DriverCommand::parse(&words).unwrap().problems
        })
    }

    /// The reference's own result, all at once.
    fn computed(problem: &ConvProblem) -> Tensors {
        let mut tensors = Tensors::new(problem).unwrap();
        reference::convolve(problem, &mut tensors.buffers().unwrap(), 1.0, 0.0).unwrap();
        tensors
    }

    fn verdict(problem: &ConvProblem, tensors: &Tensors) -> Verdict {
        verify(problem, tensors, Algorithm::Direct, Extent::AllChannels, THREADS).unwrap()
    }

    #[test]
    fn the_right_result_passes() {
        for problem in problems() {
            let verdict = verdict(&problem, &computed(&problem));
            assert!(verdict.passed, "{verdict:?}: {problem}");
            assert_eq!(verdict.channels_checked, verdict.channels);
        }
    }

    #[test]
    fn one_wrong_element_fails_wherever_it_is() {
        for problem in problems() {
            for last in [false, true] {
                let mut tensors = computed(&problem);
                spoil(&mut tensors, last, 0.1);
                let verdict = verdict(&problem, &tensors);
                assert!(!verdict.passed, "{verdict:?}: {problem}");
            }
        }
    }

    #[test]
    fn an_element_that_was_not_written_fails() {
        for problem in problems() {
            let mut tensors = computed(&problem);
            spoil(&mut tensors, true, f32::NAN);
            assert!(!verdict(&problem, &tensors).passed, "{problem}");
        }
    }

    /// Adds to the first or last element: a tenth of what it is made of, 1 in integers.
    fn spoil(tensors: &mut Tensors, last: bool, part: f32) {
        let index = |len: usize| if last { len - 1 } else { 0 };
        match tensors.output.output() {
            OutputBuffer::F32(v) => v[index(v.len())] += part,
            OutputBuffer::F16(v) => {
                let element = &mut v[index(v.len())];
                *element = half::f16::from_f32(element.to_f32() + part);
            }
            OutputBuffer::BF16(v) => {
                let element = &mut v[index(v.len())];
                *element = half::bf16::from_f32(element.to_f32() + 10.0 * part);
            }
            OutputBuffer::I32(v) => v[index(v.len())] += 1,
            OutputBuffer::I8(v) => v[index(v.len())] ^= 1,
        }
    }

    #[test]
    fn a_large_output_is_checked_at_both_ends() {
        let line = "conv -n 8 -c 256 -H 64 -W 64 -k 256 -y 3 -x 3 -F 1";
        let problem: ConvProblem = line.parse().unwrap();
        let chosen = chosen_channels(&problem, 256, Extent::SomeChannels);
        assert_eq!(chosen, [0, 255]);
        assert_eq!(chosen_channels(&problem, 256, Extent::AllChannels).len(), 256);
        assert_eq!(chosen_channels(&problem, 1, Extent::SomeChannels), [0]);
    }
}
