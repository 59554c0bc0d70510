//! Winograd's algorithm on the GPU, on interpreted machine code: the shapes that its tiles and steps
//! make special, each plan of it against the reference.

mod support;

use MIOpen::engine::{self, Choice};
use MIOpen::gpu::code_object::embedded;
use MIOpen::gpu::every_plan;
use MIOpen::problem::{DataType, Direction};
use MIOpen::solver::Memory;
use support::Rng;
use support::case::{ARRANGEMENTS, Arrangement, Case, PLAIN, RunOptions, Spread, check_error};
use support::device::{has_simhip, on_gpu, run_on_device};
use support::tensor::Fill;

const DIRECTIONS: [Direction; 2] = [Direction::Fwd, Direction::Bwd];
const TYPES: [DataType; 3] = [DataType::F32, DataType::F16, DataType::BF16];

/// Runs each of its plans on integers, which must be exact, and reals; returns how many there are.
fn check(case: &Case, rng: &mut Rng, options: RunOptions) -> usize {
    let (problem, context) = (case.problem(), on_gpu(36));
    let Memory::Device(gpu) = context.memory else { unreachable!() };
    let mut checked = 0;
    for (kernel, plan) in every_plan(&problem, gpu) {
        if !kernel.contains("winograd") {
            continue;
        }
        for fill in [Fill::SmallIntegers, Fill::Reals] {
            let inputs = case.inputs(fill, rng);
            let old = case.output(if options.beta == 0.0 { Fill::Garbage } else { fill }, rng);
            let mut got = old.clone();
            run_on_device(&*plan, &context, &problem, &inputs, &mut got, options);
            let spread = if fill == Fill::Reals {
                Spread::of(&kernel, case.direction)
            } else {
                Spread::None
            };
            check_error(case, &inputs, &old, &got, options, spread);
        }
        checked += 1;
    }
    checked
}

fn served(case: &Case, rng: &mut Rng) {
    assert!(check(case, rng, PLAIN) > 0, "{case:?} is not served");
}

#[test]
fn sizes_about_tiles_and_blocks() {
    if !has_simhip() {
        return;
    }
    let rng = &mut Rng::new(21);
    for direction in DIRECTIONS {
        for (height, width) in [(1, 1), (1, 2), (2, 1), (3, 2), (2, 5), (7, 9), (8, 8), (13, 4)] {
            let mut case = Case::square(direction, 2, 5, 7, 3, 3);
            case.input = vec![height, width];
            case.fit_out();
            served(&case, rng);
        }
        for (c, k) in [(1, 1), (8, 32), (9, 33), (7, 31), (32, 8), (33, 64), (65, 3), (24, 40)] {
            served(&Case::square(direction, 3, c, k, 6, 3), rng);
        }
    }
}

/// More padding than the filter reaches, none, and different ones; where padding is missing or
/// abundant, patches lie partly or wholly outside of the input.
#[test]
fn paddings() {
    if !has_simhip() {
        return;
    }
    let rng = &mut Rng::new(22);
    for direction in DIRECTIONS {
        for pads in [[0, 0], [1, 0], [0, 2], [2, 2], [3, 1], [5, 4]] {
            for (size, grow) in [(3, 0i64), (6, 0), (6, 2), (6, -1)] {
                let mut case = Case::square(direction, 1, 6, 5, size, 3);
                case.pads = pads.to_vec();
                case.fit_out();
                // The output need not have the length of the formula.
                for len in &mut case.out {
                    *len = (*len as i64 + grow).max(1) as usize;
                }
                served(&case, rng);
            }
        }
        // A filter longer than the padded input: one output all the same.
        let mut case = Case::square(direction, 1, 6, 5, 2, 3);
        case.pads = vec![0, 0];
        case.out = vec![1, 1];
        served(&case, rng);
    }
}

#[test]
fn types_layouts_groups_and_scalars() {
    if !has_simhip() {
        return;
    }
    let rng = &mut Rng::new(23);
    let scaled = RunOptions { alpha: -2.0, beta: 0.75, grants_workspace: true, ..PLAIN };
    for direction in DIRECTIONS {
        for dtype in TYPES {
            for arrangement in ARRANGEMENTS {
                let mut case = Case::square(direction, 2, 12, 20, 7, 3).with_dtype(dtype);
                case.arrangements = [arrangement; 3];
                assert!(check(&case, rng, scaled) > 0);
            }
            let mut grouped = Case::square(direction, 2, 15, 36, 5, 3).with_dtype(dtype);
            grouped.groups = 3;
            assert!(check(&grouped, rng, scaled) > 0);
            grouped.arrangements = [Arrangement::ChannelsLast; 3];
            served(&grouped, rng);
        }
    }
}

/// Three dimensions, where the filter has no depth.
#[test]
fn flat_filters_on_volumes() {
    if !has_simhip() {
        return;
    }
    let rng = &mut Rng::new(24);
    for direction in DIRECTIONS {
        for (depth_pad, depth_stride) in [(0, 1), (1, 1), (1, 2)] {
            let mut case = Case::square(direction, 2, 6, 5, 0, 0);
            (case.input, case.filter) = (vec![3, 5, 6], vec![1, 3, 3]);
            (case.pads, case.strides, case.dilations) =
                (vec![depth_pad, 1, 1], vec![depth_stride, 1, 1], vec![1; 3]);
            case.fit_out();
            let plans = check(&case, rng, PLAIN);
            // Backward-data with a stride falls into phases.
            assert_eq!(plans > 0, depth_stride == 1 || direction == Direction::Fwd);
        }
    }
}

#[test]
fn what_it_does_not_serve() {
    if !has_simhip() {
        return;
    }
    let rng = &mut Rng::new(25);
    for direction in [Direction::Fwd, Direction::Bwd, Direction::Wrw] {
        let mut cases = vec![Case::square(direction, 1, 8, 8, 9, 5)];
        let square = Case::square(direction, 1, 8, 8, 9, 3);
        for (strides, dilations) in [([2, 1], [1, 1]), ([1, 2], [1, 1]), ([1, 1], [2, 1])] {
            let mut case = square.clone();
            (case.strides, case.dilations) = (strides.to_vec(), dilations.to_vec());
            case.fit_out();
            cases.push(case);
        }
        if direction == Direction::Wrw {
            cases.push(square);
        }
        for case in cases {
            assert_eq!(check(&case, rng, PLAIN), 0, "{case:?}");
        }
    }
}

/// It is chosen where it is expected to be faster, and the tiles elsewhere.
#[test]
fn it_is_chosen_by_the_estimate() {
    if embedded().is_empty() {
        println!("skipped: this build has no GPU kernels");
        return;
    }
    let context = on_gpu(36);
    let (first, last) = (Arrangement::ChannelsFirst, Arrangement::ChannelsLast);
    // Images, channels in and out, size; of ResNet-50 and YOLOv8n. Half of a tile of Winograd stays empty
    // for 16 channels; where 4 does not divide the channels that lie innermost, each lane of a load meets
    // another line.
    for (n, c, k, size, arrangement, solver) in [
        (1, 64, 64, 56, first, 1_001_005),
        (1, 128, 128, 28, first, 1_001_005),
        (1, 512, 512, 7, first, 1_001_005),
        (4, 32, 32, 80, first, 1_001_005),
        (4, 80, 80, 80, first, 1_001_005),
        (4, 16, 16, 160, first, 1_001_002),
        (4, 64, 64, 80, last, 1_001_005),
        (4, 62, 62, 80, last, 1_001_001),
    ] {
        for direction in DIRECTIONS {
            let mut case = Case::square(direction, n, c, k, size, 3);
            case.arrangements = [arrangement; 3];
            let problem = case.problem();
            let plan = engine::prepare(&problem, Choice::Default, &context).unwrap();
            assert_eq!(plan.solver.0, solver, "{problem:?}");
            let solutions = engine::solutions(&problem, &context).unwrap();
            assert!(solutions.iter().any(|solution| solution.workspace_bytes == 0));
        }
    }
}
