//! One convolution, with the freedom that tests need.

use MIOpen::problem::{ConvDesc, ConvProblem, DataType, Direction, Mode, Role, TensorDesc};
use MIOpen::solver::{Buffers, Context, ConvArgs, Plan, Solver};
use MIOpen::{memory::HostBuffers, reference};
use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};
use std::num::NonZeroUsize;

use super::Rng;
use super::tensor::{Fill, TestTensor};

/// How a tensor's elements are arranged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arrangement {
    /// N, C, D, H, W.
    ChannelsFirst,
    /// N, D, H, W, C.
    ChannelsLast,
    /// C, D, H, W, N.
    BatchLast,
    /// Channels first, with gaps after every row, plane and image.
    Gapped,
    /// Channels last, with gaps.
    GappedChannelsLast,
}

pub const ARRANGEMENTS: [Arrangement; 5] = [
    Arrangement::ChannelsFirst,
    Arrangement::ChannelsLast,
    Arrangement::BatchLast,
    Arrangement::Gapped,
    Arrangement::GappedChannelsLast,
];

impl Arrangement {
    pub fn desc(self, dtype: DataType, lengths: &[usize]) -> TensorDesc {
        let rank = lengths.len();
        let spatial = 2..rank;
        let order: Vec<usize> = match self {
            Arrangement::ChannelsFirst | Arrangement::Gapped => (0..rank).collect(),
            Arrangement::ChannelsLast | Arrangement::GappedChannelsLast => {
                [0].into_iter().chain(spatial).chain([1]).collect()
            }
            Arrangement::BatchLast => [1].into_iter().chain(spatial).chain([0]).collect(),
        };
        let gapped = matches!(self, Arrangement::Gapped | Arrangement::GappedChannelsLast);
        let mut strides = vec![0; rank];
        let mut stride = 1;
        for &dim in order.iter().rev() {
            strides[dim] = stride;
            stride = stride * lengths[dim] + usize::from(gapped) * 2;
        }
        // Group strides must divide; the outermost one is free to grow.
        TensorDesc::new(dtype, lengths, &strides).unwrap()
    }
}

/// A convolution; `out` may disagree with the formula.
#[derive(Clone, Debug)]
pub struct Case {
    pub direction: Direction,
    pub dtype: DataType,
    /// Type of y; differs from `dtype` for int8 only.
    pub y_dtype: DataType,
    pub n: usize,
    pub c: usize,
    pub k: usize,
    pub groups: usize,
    pub input: Vec<usize>,
    pub filter: Vec<usize>,
    pub out: Vec<usize>,
    pub pads: Vec<i32>,
    pub strides: Vec<i32>,
    pub dilations: Vec<i32>,
    pub arrangements: [Arrangement; 3],
}

impl Case {
    /// 2-D, square, unit stride, "same" padding, f32, NCHW.
    pub fn square(
        direction: Direction,
        n: usize,
        c: usize,
        k: usize,
        size: usize,
        filter: usize,
    ) -> Self {
        let mut case = Case {
            direction,
            dtype: DataType::F32,
            y_dtype: DataType::F32,
            n,
            c,
            k,
            groups: 1,
            input: vec![size; 2],
            filter: vec![filter; 2],
            out: vec![],
            pads: vec![filter as i32 / 2; 2],
            strides: vec![1; 2],
            dilations: vec![1; 2],
            arrangements: [Arrangement::ChannelsFirst; 3],
        };
        case.fit_out();
        case
    }

    /// Sets `out` by the formula.
    pub fn fit_out(&mut self) {
        self.out = (0..self.input.len())
            .map(|dim| {
                let reach = self.dilations[dim] as i64 * (self.filter[dim] as i64 - 1) + 1;
                let room = self.input[dim] as i64 + 2 * i64::from(self.pads[dim]) - reach;
                (room / i64::from(self.strides[dim]) + 1).max(1) as usize
            })
            .collect();
    }

    pub fn with_dtype(mut self, dtype: DataType) -> Self {
        self.dtype = dtype;
        self.y_dtype = dtype;
        self
    }

    fn lengths(&self, role: Role) -> Vec<usize> {
        let (outer, spatial) = match role {
            Role::X => ([self.n, self.c], &self.input),
            Role::W => ([self.k, self.c / self.groups], &self.filter),
            Role::Y => ([self.n, self.k], &self.out),
        };
        outer.into_iter().chain(spatial.iter().copied()).collect()
    }

    fn problem_of(&self, dtype: DataType, y_dtype: DataType, arr: [Arrangement; 3]) -> ConvProblem {
        let mut conv =
            ConvDesc::new(Mode::Convolution, &self.pads, &self.strides, &self.dilations).unwrap();
        conv.set_group_count(self.groups as i32);
        ConvProblem::new(
            self.direction,
            arr[0].desc(dtype, &self.lengths(Role::X)),
            arr[1].desc(dtype, &self.lengths(Role::W)),
            arr[2].desc(y_dtype, &self.lengths(Role::Y)),
            &conv,
        )
        .unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn problem(&self) -> ConvProblem {
        self.problem_of(self.dtype, self.y_dtype, self.arrangements)
    }

    /// The same in f32 without gaps: what the oracle computes.
    pub fn f32_problem(&self) -> ConvProblem {
        self.problem_of(DataType::F32, DataType::F32, [Arrangement::ChannelsFirst; 3])
    }

    pub fn inputs(&self, fill: Fill, rng: &mut Rng) -> [TestTensor; 2] {
        self.problem().input_tensors().map(|desc| TestTensor::new(*desc, fill, rng))
    }

    pub fn output(&self, fill: Fill, rng: &mut Rng) -> TestTensor {
        TestTensor::new(*self.problem().output_tensor(), fill, rng)
    }
}

pub fn threads(count: usize) -> Context {
    Context::new(NonZeroUsize::new(count))
}

/// What a run is given beside problem and tensors.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions {
    pub threads: usize,
    pub alpha: f64,
    pub beta: f64,
    /// Grant the workspace the plan wants.
    pub grants_workspace: bool,
}

pub const PLAIN: RunOptions =
    RunOptions { threads: 2, alpha: 1.0, beta: 0.0, grants_workspace: false };

/// Runs one solver; canaries of output and workspace are checked, inputs must stay as they are.
pub fn run_solver(
    solver: &dyn Solver,
    problem: &ConvProblem,
    inputs: &[TestTensor; 2],
    output: &mut TestTensor,
    options: RunOptions,
) {
    let context = threads(options.threads);
    solver.applicable(problem, &context).unwrap_or_else(|reason| panic!("{reason}: {problem:?}"));
    let plan = solver.plan(problem, &context).unwrap();
    run_plan(&*plan, inputs, output, options);
}

pub fn run_plan(
    plan: &dyn Plan,
    inputs: &[TestTensor; 2],
    output: &mut TestTensor,
    options: RunOptions,
) {
    const GUARD_BYTES: usize = 100;
    const GUARD: u8 = 0xC7;
    let before = [inputs[0].bits(), inputs[1].bits()];
    let granted = if options.grants_workspace { plan.workspace_bytes() } else { 0 };
    let mut workspace = vec![GUARD; granted + 2 * GUARD_BYTES];
    let mut args = ConvArgs {
        buffers: Buffers::Host(HostBuffers {
            inputs: [inputs[0].input(), inputs[1].input()],
            output: output.output(),
        }),
        alpha: options.alpha,
        beta: options.beta,
        workspace: &mut workspace[GUARD_BYTES..GUARD_BYTES + granted],
    };
    plan.execute(&threads(options.threads), &mut args).unwrap();
    assert!(workspace[..GUARD_BYTES].iter().all(|&byte| byte == GUARD));
    assert!(workspace[GUARD_BYTES + granted..].iter().all(|&byte| byte == GUARD));
    output.check_canaries();
    assert!(before == [inputs[0].bits(), inputs[1].bits()], "an input was written");
}

/// The reference's result in f32, from values that are exact in f32.
pub fn oracle(
    problem: &ConvProblem,
    inputs: &[TestTensor; 2],
    output: &mut TestTensor,
    alpha: f64,
    beta: f64,
) {
    let mut buffers =
        HostBuffers { inputs: [inputs[0].input(), inputs[1].input()], output: output.output() };
    reference::convolve(problem, &mut buffers, alpha, beta).unwrap();
}

/// Unit roundoff of a type.
fn roundoff(dtype: DataType) -> f64 {
    match dtype {
        DataType::F32 => (0.5f64).powi(24),
        DataType::F16 => (0.5f64).powi(11),
        DataType::BF16 => (0.5f64).powi(8),
        _ => 0.0,
    }
}

/// Checks a float result against the reference.
///
/// With u the roundoff of f32, a sum of `terms` products in any order errs by
/// at most about `terms * u * S`, where S is the sum of the products'
/// magnitudes (Higham, Accuracy and Stability, section 3.1). Roundings being
/// as good as independent, `lambda * sqrt(terms) * u * S` holds with probability
/// above `1 - 2 * terms * exp(-lambda^2 / 2)` (Higham and Mary, 2019), so with
/// lambda 6 it practically always does; seeds are fixed besides. One more
/// rounding each for alpha, beta and the output type. 16-bit accumulation
/// would exceed this bound many times over.
pub fn check_against_oracle(
    case: &Case,
    inputs: &[TestTensor; 2],
    old: &TestTensor,
    got: &TestTensor,
    options: RunOptions,
) {
    check_error(case, inputs, old, got, options, Spread::None);
}

/// How far a solver's rounding errors reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// Each sum has its own errors only.
    None,
    /// Transforms mix the sums of a tile: Winograd, `Y = A' [sum over c of (G g G') * (B' d B)] A`.
    ///
    /// At a position (i, j) of the transformed tile, the C products and their sum are at most
    /// `C * g_max * d_max * (G_i B_i) * (G_j B_j)` in magnitude, with G_i and B_i the sums of the
    /// absolute values in row i of G and B'. An output (p, q) adds these with the weights
    /// `A_pi * A_qj`. Errors of the positions being as good as independent, as in
    /// [`check_against_oracle`], that of the output is the root of the sum of their squares:
    /// `amplification = (max over p of sqrt(sum over i of (A_pi G_i B_i)^2))^2` times what a sum of
    /// C products of `g_max * d_max` would have.
    ///
    /// Backward-weights sums over tiles instead of channels, as many as C. Of stride 2, up to four
    /// positions share a sum, of up to 4 C products: `G_i B_i` of each of them adds up. Filters that are
    /// cut into sub-filters have as many times the channels.
    Tile {
        amplification: f64,
        /// Positions that share a sum.
        positions: f64,
        /// Taps of the filter, or of a sub-filter, and pixels of a tile of dy, in each dimension.
        taps: usize,
        tile: usize,
        /// Whether filters of more taps, or of a stride, are cut into sub-filters.
        is_cut: bool,
    },
}

impl Spread {
    /// Of the solver, or the kernel, of that name.
    pub fn of(solver: &str, direction: Direction) -> Self {
        let is_wrw = direction == Direction::Wrw;
        let six_points = |taps: usize| {
            let tile = 7 - taps;
            let amplification =
                if is_wrw { six_points(tile, taps) } else { six_points(taps, tile) };
            Spread::Tile { amplification, positions: 1.0, taps, tile, is_cut: true }
        };
        let (amplification, positions) = if solver.contains("winograd_4x4_3x3_s2") {
            match direction {
                Direction::Bwd => (amplification(&WEIGHTS_PAIRS, &ROW_SUMS_PAIRS_BWD), 1.0),
                _ => (amplification(&WEIGHTS_PAIRS, &ROW_SUMS_PAIRS_FWD), 4.0),
            }
        } else if solver.contains("winograd_4x4") {
            return six_points(3);
        } else if solver.contains("winograd_5x5_2x2") {
            return six_points(2);
        } else if solver.contains("winograd_3x3_4x4") {
            return six_points(4);
        } else if solver.contains("winograd_2x2_5x5") {
            return six_points(5);
        } else if solver.contains("winograd") {
            (amplification(&WEIGHTS_2X2, &ROW_SUMS_2X2), 1.0)
        } else {
            return Spread::None;
        };
        Spread::Tile { amplification, positions, taps: 3, tile: 4, is_cut: false }
    }
}

/// Absolute values of the output matrix A', and G_i and B_i of each row, for the points
/// 0, 1, -1, infinity.
const WEIGHTS_2X2: [[f64; 4]; 2] = [[1.0, 1.0, 1.0, 0.0], [0.0, 1.0, 1.0, 1.0]];
const ROW_SUMS_2X2: [(f64, f64); 4] = [(1.0, 2.0), (1.5, 2.0), (1.5, 2.0), (1.0, 2.0)];

/// [`Spread::Tile`] for the points 0, +-a, +-b, infinity with a = sqrt(1/2), b = sqrt(2): so many taps
/// and results in each dimension.
fn six_points(taps: usize, results: usize) -> f64 {
    let (a, b) = (FRAC_1_SQRT_2, SQRT_2);
    let powers = |point: f64| (0..taps as i32).map(|power| point.powi(power)).sum::<f64>();
    let of_a = (powers(a) * 2.0 / 3.0, 3.0 + 3.0 * a);
    let of_b = (powers(b) / 6.0, 1.5 + 1.5 * b);
    let sums = [(1.0, 4.5), of_a, of_a, of_b, of_b, (1.0, 4.5)];
    let weights: Vec<[f64; 6]> = (0..results)
        .map(|row| {
            let (of_a, of_b) = (a.powi(row as i32), b.powi(row as i32));
            let at = |number: usize| if row == number { 1.0 } else { 0.0 };
            [at(0), of_a, of_a, of_b, of_b, at(results - 1)]
        })
        .collect();
    amplification(&weights, &sums)
}

/// The same of stride 2, for the points 0, +-b, 1/2, infinity with b = sqrt(2): of the results that
/// meet taps 0 and 2, and of the sums of products with tap 1 alone. Backward, results that meet tap 1
/// have only those. Forward, the sums of the points 0 and infinity have them too.
const WEIGHTS_PAIRS: [[f64; 6]; 4] = {
    let b = SQRT_2;
    [
        [1.0, 1.0, 1.0, 1.0, 0.0, 0.0],
        [0.0, b, b, 0.5, 0.0, 1.0],
        [0.0, 2.0, 2.0, 0.25, 0.0, 1.0],
        [0.0, 2.0 * b, 2.0 * b, 0.125, 1.0, 0.0],
    ]
};
const ROW_SUMS_PAIRS_FWD: [(f64, f64); 6] = row_sums_pairs(1.0);
const ROW_SUMS_PAIRS_BWD: [(f64, f64); 6] = row_sums_pairs(0.0);

const fn row_sums_pairs(tap_1: f64) -> [(f64, f64); 6] {
    let b = SQRT_2;
    let positive = ((1.0 + b) / (4.0 * (b - 0.5)), 1.0 + (b - 0.5) + 0.5 * b);
    let negative = ((1.0 + b) / (4.0 * (b + 0.5)), 1.0 + (b + 0.5) + 0.5 * b);
    let half = (1.5 * 8.0 / 7.0, 3.0);
    [(1.0, 4.5 + tap_1), positive, negative, half, (1.0, 4.5 + tap_1), (1.0, 1.0)]
}

/// See [`Spread::Tile`]: 22 for tiles of 2, 148 for tiles of 4, 211 for tiles of 3, 296 for
/// filters of 5 x 5; of stride 2, 65 forward and 56 backward.
fn amplification<const SIDE: usize>(weights: &[[f64; SIDE]], sums: &[(f64, f64); SIDE]) -> f64 {
    let square_sum = |row: &[f64; SIDE]| -> f64 {
        row.iter().zip(sums).map(|(weight, (g, b))| (weight * g * b).powi(2)).sum()
    };
    weights.iter().map(square_sum).fold(0.0, f64::max)
}

/// As [`check_against_oracle`], for a solver whose errors spread.
pub fn check_error(
    case: &Case,
    inputs: &[TestTensor; 2],
    old: &TestTensor,
    got: &TestTensor,
    options: RunOptions,
    spread: Spread,
) {
    let problem = case.f32_problem();
    let run = |change: fn(f32) -> f32, alpha: f64, beta: f64| {
        let inputs = [inputs[0].to_f32(change), inputs[1].to_f32(change)];
        let mut output = old.to_f32(change);
        oracle(&problem, &inputs, &mut output, alpha, beta);
        output.values()
    };
    let want = run(|v| v, options.alpha, options.beta);
    let magnitude = run(f32::abs, options.alpha.abs(), options.beta.abs());
    let magnitude: Vec<f64> = match spread {
        Spread::None => magnitude,
        Spread::Tile { amplification, .. } => {
            let largest = |tensor: &TestTensor| {
                let finite = tensor.values().into_iter().filter(|value| value.is_finite());
                finite.fold(0.0, |largest: f64, value| largest.max(value.abs()))
            };
            let product = largest(&inputs[0]) * largest(&inputs[1]);
            let old_part = if options.beta == 0.0 { 0.0 } else { options.beta * largest(old) };
            let sum = options.alpha * tile_terms(&problem, spread) * product * amplification;
            vec![sum.abs() + old_part.abs(); magnitude.len()]
        }
    };
    let terms = match spread {
        Spread::None => reduction_terms(&problem),
        // The transforms' own roundings: some six in a row, of input, filter and output, in both
        // dimensions.
        Spread::Tile { positions, .. } => positions * tile_terms(&problem, spread) + 36.0,
    };
    let u = roundoff(DataType::F32);
    let u_out = roundoff(problem_output_dtype(case));
    // The smallest subnormal of f16; results near zero cannot be nearer than half of it.
    let tiny = if problem_output_dtype(case) == DataType::F16 { (0.5f64).powi(24) } else { 1e-38 };
    for (index, ((&got, &want), &magnitude)) in
        got.values().iter().zip(&want).zip(&magnitude).enumerate()
    {
        if want.is_nan() || want.is_infinite() {
            assert!(
                got == want || (got.is_nan() && want.is_nan()),
                "element {index}: {got} instead of {want} in {case:?}"
            );
            continue;
        }
        let bound = (6.0 * terms.sqrt() + 4.0) * u * magnitude + u_out * want.abs() * 1.01 + tiny;
        assert!(
            (got - want).abs() <= bound,
            "element {index}: {got} instead of {want}, bound {bound:e}, in {case:?} {options:?}"
        );
    }
}

/// Products at each position of a transformed tile: channels, and for backward-weights tiles.
fn tile_terms(problem: &ConvProblem, spread: Spread) -> f64 {
    let Spread::Tile { taps, tile, is_cut, .. } = spread else {
        return reduction_terms(problem);
    };
    let subfilters = |dim: usize| -> usize {
        let (len, stride) = (problem.filter_spatial()[dim], problem.strides()[dim]);
        let of_phase = |phase: usize| (len - phase).div_ceil(stride).div_ceil(taps);
        if is_cut { (0..stride.min(len)).map(of_phase).sum() } else { 1 }
    };
    let tiles = |dim: usize| {
        let out = problem.out_spatial()[dim];
        let phases = problem.dilations()[dim].min(out);
        phases * out.div_ceil(phases).div_ceil(tile)
    };
    let terms = match problem.direction() {
        Direction::Fwd => problem.c() / problem.groups() * subfilters(1) * subfilters(2),
        Direction::Bwd => problem.k() / problem.groups() * subfilters(1) * subfilters(2),
        Direction::Wrw => problem.n() * tiles(1) * tiles(2),
    };
    terms as f64
}

fn problem_output_dtype(case: &Case) -> DataType {
    case.problem().output_dtype()
}

/// Longest sum behind one output element.
fn reduction_terms(problem: &ConvProblem) -> f64 {
    let product = |lengths: [usize; 3]| lengths.iter().product::<usize>();
    let taps = product(problem.filter_spatial());
    let terms = match problem.direction() {
        Direction::Fwd => problem.c() / problem.groups() * taps,
        Direction::Bwd => problem.k() / problem.groups() * taps,
        Direction::Wrw => problem.n() * product(problem.out_spatial()),
    };
    terms as f64
}

/// Draws a small convolution of any kind that the float types admit, in any arrangements, with at
/// most so many channels a group; its output's lengths are still to be fitted.
pub fn draw(rng: &mut Rng, channels_at_most: usize) -> Case {
    const DIRECTIONS: [Direction; 3] = [Direction::Fwd, Direction::Bwd, Direction::Wrw];
    let spatial_dim = rng.pick(&[1, 2, 2, 2, 3]);
    let dtype = rng.pick(&[DataType::F32, DataType::F32, DataType::F16, DataType::BF16]);
    let groups = rng.pick(&[1, 1, 2, 3]);
    let (c_per_group, k_per_group) =
        (rng.between(1, channels_at_most), rng.between(1, channels_at_most));
    let largest = [40, 14, 6][spatial_dim - 1];
    let mut dims = |low: usize, high: usize| -> Vec<usize> {
        (0..spatial_dim).map(|_| rng.between(low, high)).collect()
    };
    let as_i32 = |values: Vec<usize>| -> Vec<i32> { values.iter().map(|&v| v as i32).collect() };
    let (input, filter) = (dims(1, largest), dims(1, 4));
    let (pads, strides, dilations) = (as_i32(dims(0, 3)), as_i32(dims(1, 3)), as_i32(dims(1, 3)));
    Case {
        direction: rng.pick(&DIRECTIONS),
        dtype,
        y_dtype: dtype,
        n: rng.between(1, 3),
        c: groups * c_per_group,
        k: groups * k_per_group,
        groups,
        input,
        filter,
        out: vec![],
        pads,
        strides,
        dilations,
        arrangements: [0; 3].map(|_| rng.pick(&ARRANGEMENTS)),
    }
}

/// A small convolution of any kind that the CPU's float solvers take.
pub fn random(rng: &mut Rng) -> Case {
    let mut case = draw(rng, 9);
    if case.groups > 1 {
        // Groups are served in layouts whose group stride divides.
        case.arrangements =
            [0; 3].map(|_| rng.pick(&[Arrangement::ChannelsFirst, Arrangement::ChannelsLast]));
    }
    case.fit_out();
    if rng.between(0, 4) == 0 {
        // y need not agree with the formula.
        for len in &mut case.out {
            *len = (*len + rng.between(0, 4)).saturating_sub(2).max(1);
        }
    }
    case
}
