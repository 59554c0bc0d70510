//! The registry against the reference: every solver on every problem that it takes.

#[path = "solvers/depthwise.rs"]
mod depthwise;
#[path = "solvers/padding.rs"]
mod padding;
mod support;
#[path = "solvers/winograd.rs"]
mod winograd;
#[path = "solvers/winograd_wrw.rs"]
mod winograd_wrw;

use MIOpen::engine::solvers;
use MIOpen::problem::{DataType, Direction};
use MIOpen::solver::Solver;
use support::Rng;
use support::case::{
    ARRANGEMENTS, Arrangement, Case, PLAIN, RunOptions, Spread, check_error, oracle, random,
    run_solver, threads,
};
use support::tensor::{Fill, TestTensor};

const DIRECTIONS: [Direction; 3] = [Direction::Fwd, Direction::Bwd, Direction::Wrw];

/// Runs every solver on a case with integers, which come out exact in f32, and with reals.
fn check(case: &Case, rng: &mut Rng, options: RunOptions) {
    for fill in [Fill::SmallIntegers, Fill::Reals] {
        let inputs = case.inputs(fill, rng);
        let old = case.output(if options.beta == 0.0 { Fill::Garbage } else { fill }, rng);
        check_with(case, &inputs, &old, options);
    }
}

fn check_with(case: &Case, inputs: &[TestTensor; 2], old: &TestTensor, options: RunOptions) {
    let problem = case.problem();
    let mut served = 0;
    for solver in solvers() {
        if solver.applicable(&problem, &threads(options.threads)).is_err() {
            continue;
        }
        served += 1;
        let mut got = old.clone();
        run_solver(*solver, &problem, inputs, &mut got, options);
        check_error(case, inputs, old, &got, options, Spread::of(solver.name(), case.direction));
    }
    assert!(served >= 2, "only {served} solvers for {case:?}");
}

/// What a solver writes over `old` with so many threads.
fn output_of(
    solver: &dyn Solver,
    case: &Case,
    inputs: &[TestTensor; 2],
    old: &TestTensor,
    threads: usize,
) -> TestTensor {
    let mut out = old.clone();
    run_solver(solver, &case.problem(), inputs, &mut out, RunOptions { threads, ..PLAIN });
    out
}

/// Bits that differ make a message that is short.
fn assert_same_bits(a: &TestTensor, b: &TestTensor, what: &str) {
    let differing = a.bits().iter().zip(b.bits()).filter(|(a, b)| **a != *b).count();
    assert_eq!(differing, 0, "{what}");
}

#[test]
fn random_shapes() {
    for seed in 0..1200 {
        let rng = &mut Rng::new(seed);
        let case = random(rng);
        let options = RunOptions {
            threads: rng.between(1, 3),
            alpha: rng.pick(&[1.0, 1.0, 0.5, -2.0]),
            beta: rng.pick(&[0.0, 0.0, 0.0, 1.0, -0.75]),
            grants_workspace: rng.between(0, 1) == 1,
        };
        check(&case, rng, options);
    }
}

/// Every solver that serves the case, and is exact with whole numbers, against the oracle.
fn check_exact(case: &Case, inputs: &[TestTensor; 2], old: &TestTensor) {
    let mut want = old.clone();
    oracle(&case.problem(), inputs, &mut want, 1.0, 0.0);
    for solver in solvers() {
        // Tiles of 3 and 4, and filters of 5, divide by 3 and multiply by roots.
        let is_inexact = ["winograd_5x5", "winograd_4x4", "winograd_3x3", "winograd_2x2_5x5"];
        let is_inexact = is_inexact.iter().any(|form| solver.name().contains(form));
        if is_inexact || solver.applicable(&case.problem(), &threads(2)).is_err() {
            continue;
        }
        let mut got = old.clone();
        run_solver(*solver, &case.problem(), inputs, &mut got, PLAIN);
        assert_eq!(got.values(), want.values(), "{} {case:?}", solver.name());
    }
}

/// Small integers are exact in f32 whatever the order of summation.
#[test]
fn integers_are_exact() {
    for seed in 0..100 {
        let rng = &mut Rng::new(1000 + seed);
        let case = random(rng).with_dtype(DataType::F32);
        let inputs = case.inputs(Fill::SmallIntegers, rng);
        let old = case.output(Fill::Garbage, rng);
        check_exact(&case, &inputs, &old);
    }
}

/// Sizes round the lengths at which the solvers cut: rows, pixels, reduction chunks.
#[test]
fn edges_of_tiles() {
    let around = |len: usize| [len - 1, len, len + 1];
    let rng = &mut Rng::new(5);
    for direction in DIRECTIONS {
        for size in [32, 64, 128, 256].into_iter().flat_map(around) {
            // Channels on both sides, on few pixels.
            check(&Case::square(direction, 1, 3, size, 5, 3), rng, PLAIN);
            check(&Case::square(direction, 1, size, 3, 5, 3), rng, PLAIN);
            check(&Case::square(direction, 1, size, 9, 6, 1), rng, PLAIN);
        }
        for size in [48, 96, 192, 384].into_iter().flat_map(around) {
            // Pixels: one long row, and rows that add up.
            let mut row = Case::square(direction, 1, 3, 5, 3, 3);
            row.input = vec![2, size];
            row.fit_out();
            check(&row, rng, PLAIN);
            row.input = vec![size, 3];
            row.fit_out();
            check(&row, rng, PLAIN);
        }
        for size in 1..26 {
            // The micro-kernel's own edges.
            check(&Case::square(direction, 1, size, 26 - size, 4, 1), rng, PLAIN);
        }
    }
}

/// Reductions of more channels than a block of tiles takes, on few pixels, which lie in one box or
/// in several images.
#[test]
fn long_reductions() {
    let rng = &mut Rng::new(17);
    for direction in [Direction::Fwd, Direction::Bwd] {
        for (n, channels, size, filter) in
            [(1, 383, 5, 1), (2, 700, 3, 1), (1, 2100, 2, 1), (1, 75, 6, 3)]
        {
            let (c, k) = if direction == Direction::Fwd { (channels, 35) } else { (35, channels) };
            let case = Case::square(direction, n, c, k, size, filter);
            for dtype in [DataType::F32, DataType::F16, DataType::BF16] {
                check(&case.clone().with_dtype(dtype), rng, PLAIN);
            }
            let mut strided = case.with_dtype(DataType::F32);
            strided.strides = vec![2; 2];
            strided.fit_out();
            check(&strided, rng, RunOptions { threads: 3, ..PLAIN });
        }
    }
}

/// Factors near the largest float, whose rounding overflows where the solver rounds them.
#[test]
fn largest_floats() {
    let rng = &mut Rng::new(18);
    for direction in [Direction::Fwd, Direction::Bwd] {
        for filter in [1, 3] {
            let case = Case::square(direction, 1, 20, 20, 6, filter).with_dtype(DataType::F32);
            let mut inputs = case.inputs(Fill::SmallIntegers, rng);
            let count = inputs[0].values().len();
            let values = inputs[0].values();
            inputs[0].set_all(
                |number| if number == count / 2 { f32::MAX } else { values[number] as f32 },
            );
            let small: Vec<f64> = inputs[1].values();
            inputs[1].set_all(|number| small[number] as f32 * 0.015625);
            let old = case.output(Fill::Garbage, rng);
            let mut want = old.clone();
            oracle(&case.problem(), &inputs, &mut want, 1.0, 0.0);
            for solver in solvers() {
                let is_winograd = solver.name().contains("winograd");
                if is_winograd || solver.applicable(&case.problem(), &threads(1)).is_err() {
                    continue;
                }
                let mut got = old.clone();
                run_solver(*solver, &case.problem(), &inputs, &mut got, PLAIN);
                assert_eq!(got.values(), want.values(), "{} {case:?}", solver.name());
            }
        }
    }
}

#[test]
fn channels_of_groups() {
    let rng = &mut Rng::new(6);
    for direction in DIRECTIONS {
        for arrangement in [Arrangement::ChannelsFirst, Arrangement::ChannelsLast] {
            for (c, k, groups) in [(32, 32, 32), (32, 64, 32), (40, 20, 20), (24, 36, 4)] {
                let mut case = Case::square(direction, 2, c, k, 9, 3);
                case.groups = groups;
                case.arrangements = [arrangement; 3];
                check(&case, rng, PLAIN);
                case.strides = vec![2, 3];
                case.fit_out();
                check(&case, rng, PLAIN);
            }
        }
    }
}

/// Rows and columns round the widths of the blocks that backward-weights sums at once, images that
/// share a box and images that are cut into several.
#[test]
fn blocks_of_backward_weights() {
    let rng = &mut Rng::new(13);
    for k in 1..10 {
        for (n, c, size, filter) in [(3, 2, 6, 1), (1, 1, 40, 3), (2, 3, 9, 3), (1, 1, 11, 5)] {
            check(&Case::square(Direction::Wrw, n, c, k, size, filter), rng, PLAIN);
        }
        // Fewer output channels than input channels, and filters of one tap.
        for (stride, pad) in [(1, 0), (2, 0), (1, 1), (3, 2)] {
            let mut pointwise = Case::square(Direction::Wrw, 2, 41, k, 9, 1);
            pointwise.strides = vec![stride; 2];
            pointwise.pads = vec![pad; 2];
            pointwise.fit_out();
            check(&pointwise, rng, PLAIN);
        }
    }
    let mut long = Case::square(Direction::Wrw, 1, 2, 3, 9, 3);
    long.input = vec![2, 5000];
    long.fit_out();
    check(&long, rng, PLAIN);
}

/// Strides beyond the filter leave input elements that nothing reaches: their gradient is 0.
#[test]
fn strides_beyond_the_filter() {
    let rng = &mut Rng::new(7);
    for direction in DIRECTIONS {
        for (filter, stride, pad) in [(1, 2, 0), (2, 5, 1), (3, 7, 0), (1, 20, 0), (4, 4, 0)] {
            let mut case = Case::square(direction, 2, 3, 4, 11, filter);
            case.strides = vec![stride, stride.min(3)];
            case.pads = vec![pad; 2];
            case.fit_out();
            check(&case, rng, PLAIN);
            check(&case, rng, RunOptions { alpha: 2.0, beta: -1.0, ..PLAIN });
        }
    }
}

/// Many taps, so that one channel's exceed every tile: 33 x 33.
#[test]
fn large_filters() {
    let rng = &mut Rng::new(9);
    for direction in DIRECTIONS {
        let mut case = Case::square(direction, 1, 2, 3, 40, 33);
        case.pads = vec![0; 2];
        case.fit_out();
        check(&case, rng, PLAIN);
    }
}

/// A long reduction over pixels is split; the splits depend on nothing but the problem.
#[test]
fn splits_of_backward_weights() {
    let rng = &mut Rng::new(10);
    for grants_workspace in [false, true] {
        for (n, c, k, size, filter) in [(1, 3, 8, 70, 3), (9, 4, 5, 31, 1), (40, 2, 3, 9, 5)] {
            let case = Case::square(Direction::Wrw, n, c, k, size, filter);
            check(&case, rng, RunOptions { grants_workspace, ..PLAIN });
        }
    }
}

#[test]
fn bits_do_not_depend_on_threads_or_workspace_or_the_run() {
    for seed in 0..24 {
        let rng = &mut Rng::new(2000 + seed);
        let case = match seed % 4 {
            0 => Case::square(rng.pick(&DIRECTIONS), 1, 17, 40, 21, 3),
            1 => Case::square(rng.pick(&DIRECTIONS), 1, 70, 33, 12, 1),
            2 => {
                let mut case = Case::square(rng.pick(&DIRECTIONS), 3, 7, 7, 37, 3);
                case.groups = 7;
                case.strides = vec![rng.pick(&[1, 2]); 2];
                case.fit_out();
                case
            }
            _ => random(rng),
        };
        let inputs = case.inputs(Fill::Reals, rng);
        let old = case.output(Fill::Garbage, rng);
        for solver in solvers() {
            if solver.applicable(&case.problem(), &threads(1)).is_err() {
                continue;
            }
            let mut first = old.clone();
            let alone = RunOptions { threads: 1, ..PLAIN };
            run_solver(*solver, &case.problem(), &inputs, &mut first, alone);
            for threads in [1, 2, 3, 5] {
                let mut again = old.clone();
                let options = RunOptions { threads, grants_workspace: threads % 2 == 0, ..PLAIN };
                run_solver(*solver, &case.problem(), &inputs, &mut again, options);
                assert_same_bits(&first, &again, &format!("{} {case:?}", solver.name()));
            }
        }
    }
}

/// NaN and infinity anywhere in the inputs give what the reference gives, also
/// where a tap meets padding and nothing may be added.
#[test]
fn non_finite_inputs() {
    let specials = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    for seed in 0..150 {
        let rng = &mut Rng::new(3000 + seed);
        let mut case = if seed % 3 == 0 {
            Case::square(rng.pick(&DIRECTIONS), 2, 5, 6, 12, 3)
        } else {
            random(rng)
        };
        if seed % 5 == 0 {
            case.arrangements = [Arrangement::ChannelsLast; 3];
        }
        let mut inputs = case.inputs(Fill::SmallIntegers, rng);
        let tensor = &mut inputs[rng.between(0, 1)];
        let count = tensor.values().len();
        let places: Vec<usize> = (0..3).map(|_| rng.between(0, count - 1)).collect();
        let values: Vec<f64> = tensor.values();
        let special = rng.pick(&specials);
        tensor.set_all(
            |number| {
                if places.contains(&number) { special } else { values[number] as f32 }
            },
        );
        let old = case.output(Fill::Garbage, rng);
        check_with(&case, &inputs, &old, RunOptions { threads: 1 + seed as usize % 2, ..PLAIN });
        let old = case.output(Fill::SmallIntegers, rng);
        check_with(&case, &inputs, &old, RunOptions { alpha: 3.0, beta: 1.0, ..PLAIN });
    }
}

#[test]
fn int8_is_exact() {
    for seed in 0..120 {
        let rng = &mut Rng::new(4000 + seed);
        let mut case = random(rng);
        if seed % 4 == 0 {
            // Reductions beyond what one f32 sum holds exactly.
            case = Case::square(Direction::Fwd, 1, rng.between(200, 400), 5, 4, 3);
        }
        case.direction = Direction::Fwd;
        case.dtype = DataType::I8;
        case.y_dtype = rng.pick(&[DataType::I32, DataType::F32, DataType::I8]);
        let inputs = case.inputs(Fill::WholeInt8, rng);
        let old = case.output(Fill::Garbage, rng);
        check_exact(&case, &inputs, &old);
    }
}

/// int8 by every solver and by one to three threads, to an output of one of its types.
fn check_int8(case: &Case, rng: &mut Rng) {
    let mut case = case.clone();
    case.dtype = DataType::I8;
    case.y_dtype = rng.pick(&[DataType::I32, DataType::F32, DataType::I8]);
    let inputs = case.inputs(Fill::WholeInt8, rng);
    // What these scalars make of sums of a few thousand products is exact in f32.
    let scalars = if case.y_dtype == DataType::F32 { (-0.5, 2.0) } else { (1.0, 0.0) };
    for (alpha, beta) in [(1.0, 0.0), scalars] {
        let fill = if beta == 0.0 { Fill::Garbage } else { Fill::SmallIntegers };
        let old = case.output(fill, rng);
        let mut want = old.clone();
        oracle(&case.problem(), &inputs, &mut want, alpha, beta);
        for solver in solvers() {
            if solver.applicable(&case.problem(), &threads(1)).is_err() {
                continue;
            }
            for threads in 1..4 {
                let mut got = old.clone();
                let grants_workspace = threads == 2;
                let options = RunOptions { threads, alpha, beta, grants_workspace };
                run_solver(*solver, &case.problem(), &inputs, &mut got, options);
                assert_same_bits(&got, &want, &format!("{} {case:?}", solver.name()));
            }
        }
    }
}

/// Round the lengths at which int8 is cut: words of two and four channels, panels, register
/// blocks, blocks of the reduction; and taps round the sixteen words that are made at a time.
#[test]
fn edges_of_int8_blocks() {
    let rng = &mut Rng::new(14);
    for c in 1..10 {
        check_int8(&Case::square(Direction::Fwd, 1, c, 16 - c, 5, 3), rng);
        check_int8(&Case::square(Direction::Fwd, 2, 13 - c, c, 4, 1), rng);
    }
    for c in [255, 256, 257, 260, 1030] {
        check_int8(&Case::square(Direction::Fwd, 1, c, 7, 5, 1), rng);
        check_int8(&Case::square(Direction::Fwd, 1, c, 15, 2, 3), rng);
    }
    for size in [15, 16, 17, 31, 32, 33, 63, 65] {
        let mut row = Case::square(Direction::Fwd, 1, 5, 3, 3, 3);
        row.input = vec![2, size];
        row.fit_out();
        check_int8(&row, rng);
        row.strides = vec![1, 2];
        row.fit_out();
        check_int8(&row, rng);
    }
    for filter in [4, 5, 7] {
        check_int8(&Case::square(Direction::Fwd, 1, 3, 29, 9, filter), rng);
    }
    // Rows of the filter in several pieces.
    check_int8(&Case::square(Direction::Fwd, 1, 130, 300, 6, 3), rng);
}

/// Every mix of arrangements and strides, with groups where the layout has them.
#[test]
fn arrangements_of_int8() {
    let rng = &mut Rng::new(15);
    for x in ARRANGEMENTS {
        for w in ARRANGEMENTS {
            for y in ARRANGEMENTS {
                let mut case = Case::square(Direction::Fwd, 2, 7, 9, 6, 3);
                case.arrangements = [x, w, y];
                let stride = rng.pick(&[1, 2, 3]);
                case.strides = vec![stride, 1];
                case.dilations = vec![1, rng.pick(&[1, 2])];
                case.fit_out();
                check_int8(&case, rng);
            }
        }
        let mut wide = Case::square(Direction::Fwd, 1, 37, 19, 11, 1);
        wide.arrangements = [x; 3];
        check_int8(&wide, rng);
    }
    for arrangement in [Arrangement::ChannelsFirst, Arrangement::ChannelsLast] {
        for (c, k, groups) in [(12, 12, 12), (12, 24, 4), (40, 20, 2)] {
            let mut case = Case::square(Direction::Fwd, 2, c, k, 9, 3);
            case.groups = groups;
            case.arrangements = [arrangement; 3];
            check_int8(&case, rng);
        }
        for (size, filter, stride) in [(7, 3, 1), (33, 3, 2), (40, 5, 1), (9, 1, 2), (34, 33, 1)] {
            let mut case = Case::square(Direction::Fwd, 2, 5, 5, size, filter);
            case.groups = 5;
            case.strides = vec![stride; 2];
            case.pads = vec![filter as i32 / 2 % 4; 2];
            case.arrangements = [arrangement; 3];
            case.fit_out();
            check_int8(&case, rng);
        }
    }
}

/// Mixed extremes, whose products have both signs at their largest; a sum beyond 2^31 wraps.
#[test]
fn int8_extremes_of_both_signs_are_exact() {
    let rng = &mut Rng::new(16);
    let mut case = Case::square(Direction::Fwd, 1, 131, 9, 5, 3);
    case.dtype = DataType::I8;
    case.y_dtype = DataType::I32;
    let extremes = |tensor: &TestTensor, rng: &mut Rng| {
        let mut tensor = tensor.clone();
        tensor.set_all(|_| rng.pick(&[-128.0, 127.0]));
        tensor
    };
    let inputs = case.inputs(Fill::WholeInt8, rng).map(|tensor| extremes(&tensor, rng));
    check_exact(&case, &inputs, &case.output(Fill::Garbage, &mut Rng::new(0)));

    // 2^24 by as many products as a depthwise filter may have in f32, and a sum beyond 2^31.
    let mut deep = Case::square(Direction::Fwd, 1, 1, 1, 32, 32);
    deep.pads = vec![0; 2];
    deep.fit_out();
    let long = Case::square(Direction::Fwd, 1, 132_000, 1, 1, 1);
    for (case, products) in [(deep, 1024i32), (long, 132_000)] {
        let mut case = case.with_dtype(DataType::I8);
        case.y_dtype = DataType::I32;
        let inputs = case.inputs(Fill::WholeInt8, rng).map(|mut tensor| {
            tensor.set_all(|_| -128.0);
            tensor
        });
        let mut want = case.output(Fill::Garbage, rng);
        oracle(&case.problem(), &inputs, &mut want, 1.0, 0.0);
        assert_eq!(want.values(), [f64::from((i64::from(products) << 14) as i32)]);
        check_exact(&case, &inputs, &want);
    }
}

/// All inputs -128: the largest products there are, over the longest exact chunks.
#[test]
fn int8_extremes_are_exact() {
    let mut case = Case::square(Direction::Fwd, 1, 1025, 3, 5, 3);
    case.dtype = DataType::I8;
    case.y_dtype = DataType::I32;
    let rng = &mut Rng::new(0);
    let inputs = case.inputs(Fill::WholeInt8, rng).map(|mut tensor| {
        tensor.set_all(|_| -128.0);
        tensor
    });
    let mut got = case.output(Fill::Garbage, rng);
    let mut want = got.clone();
    oracle(&case.problem(), &inputs, &mut want, 1.0, 0.0);
    assert_eq!(want.values()[12], f64::from(1025 * 9 * (1 << 14)));
    for solver in solvers() {
        if solver.applicable(&case.problem(), &threads(PLAIN.threads)).is_err() {
            continue;
        }
        run_solver(*solver, &case.problem(), &inputs, &mut got, PLAIN);
        assert_eq!(got.values(), want.values(), "{}", solver.name());
    }
}

/// Every mix of arrangements, on a shape that is not degenerate in any dimension.
#[test]
fn mixed_arrangements() {
    let rng = &mut Rng::new(11);
    for direction in DIRECTIONS {
        for x in ARRANGEMENTS {
            for w in ARRANGEMENTS {
                for y in ARRANGEMENTS {
                    let mut case = Case::square(direction, 2, 3, 5, 4, 3);
                    case.arrangements = [x, w, y];
                    check(&case, rng, PLAIN);
                }
            }
        }
    }
}
