//! The GPU's solvers against the reference, on interpreted machine code: every solver on every
//! problem that it takes.

mod support;

use std::collections::BTreeSet;

use MIOpen::engine::solvers;
use MIOpen::gpu::code_object::{describe, embedded};
use MIOpen::gpu::every_plan;
use MIOpen::problem::{DataType, Direction};
use support::Rng;
use support::case::{
    Arrangement, Case, PLAIN, RunOptions, Spread, check_against_oracle, check_error, draw,
};
use support::device::{has_simhip, on_gpu, run_on_device};
use support::tensor::Fill;

const DIRECTIONS: [Direction; 3] = [Direction::Fwd, Direction::Bwd, Direction::Wrw];
const TYPES: [DataType; 3] = [DataType::F32, DataType::F16, DataType::BF16];

/// Runs every solver on a case with integers, which must come out exact, and with reals.
fn check(case: &Case, rng: &mut Rng, options: RunOptions, compute_units: u32) {
    let problem = case.problem();
    let context = on_gpu(compute_units);
    for fill in [Fill::SmallIntegers, Fill::Reals] {
        let inputs = case.inputs(fill, rng);
        let old_fill = if options.beta == 0.0 { Fill::Garbage } else { fill };
        let old = case.output(old_fill, rng);
        let mut served = 0;
        for solver in solvers().iter().filter(|solver| solver.reaches(context.memory)) {
            if solver.applicable(&problem, &context).is_err() {
                continue;
            }
            let plan = solver.plan(&problem, &context).unwrap();
            let mut got = old.clone();
            run_on_device(&*plan, &context, &problem, &inputs, &mut got, options);
            check_error(
                case,
                &inputs,
                &old,
                &got,
                options,
                Spread::of(solver.name(), case.direction),
            );
            if fill == Fill::Reals {
                // The same bits every time, wherever the scratch memory is.
                let grants_workspace = !options.grants_workspace;
                let mut again = old.clone();
                let options = RunOptions { grants_workspace, ..options };
                run_on_device(&*plan, &context, &problem, &inputs, &mut again, options);
                assert!(got.bits() == again.bits(), "{} varies on {case:?}", solver.name());
            }
            served += 1;
        }
        assert!(served >= 2, "only {served} solvers took {case:?}");
    }
}

#[test]
fn random_shapes() {
    if !has_simhip() {
        return;
    }
    for seed in 0..120 {
        let rng = &mut Rng::new(seed);
        let case = random_case(rng);
        let options = RunOptions {
            threads: 1,
            alpha: rng.pick(&[1.0, 1.0, 0.5, -2.0]),
            beta: rng.pick(&[0.0, 0.0, 0.0, 1.0, -0.75]),
            grants_workspace: rng.between(0, 1) == 1,
        };
        // A large card makes for small tiles and split reductions.
        let compute_units = rng.pick(&[1, 36]);
        check(&case, rng, options, compute_units);
    }
}

fn random_case(rng: &mut Rng) -> Case {
    let mut case = draw(rng, 20);
    if case.groups > 1 {
        // Group strides must divide, which gaps behind the channels prevent.
        case.arrangements = [Arrangement::ChannelsFirst; 3];
    }
    case.fit_out();
    case
}

#[test]
fn sizes_about_tiles() {
    if !has_simhip() {
        return;
    }
    let rng = &mut Rng::new(7);
    for direction in DIRECTIONS {
        for (c, k) in [(4, 63), (64, 64), (65, 4), (8, 129), (128, 33)] {
            let mut case = Case::square(direction, 1, c, k, 9, 1);
            check(&case, rng, PLAIN, 1);
            // With a factor no filter is read in place.
            check(&case, rng, RunOptions { alpha: 0.5, ..PLAIN }, 36);
            case.arrangements = [Arrangement::ChannelsLast; 3];
            check(&case, rng, PLAIN, 36);
        }
    }
}

#[test]
fn every_type_direction_and_layout() {
    if !has_simhip() {
        return;
    }
    let rng = &mut Rng::new(8);
    for direction in DIRECTIONS {
        for dtype in TYPES {
            for arrangement in [Arrangement::ChannelsFirst, Arrangement::ChannelsLast] {
                let mut case = Case::square(direction, 2, 12, 20, 7, 3).with_dtype(dtype);
                case.arrangements = [arrangement; 3];
                check(&case, rng, RunOptions { beta: 0.5, alpha: 2.0, ..PLAIN }, 36);
                case.strides = vec![2; 2];
                case.fit_out();
                check(&case, rng, PLAIN, 1);
            }
        }
    }
}

#[test]
fn long_filters_and_many_phases() {
    if !has_simhip() {
        return;
    }
    let rng = &mut Rng::new(9);
    for direction in DIRECTIONS {
        // More taps than a mask holds; more residues than a launch takes.
        let mut long = Case::square(direction, 1, 4, 5, 40, 40);
        long.input = vec![1, 50];
        long.filter = vec![1, 40];
        long.pads = vec![0, 3];
        long.fit_out();
        check(&long, rng, PLAIN, 36);
        let mut many = Case::square(direction, 1, 4, 5, 11, 5);
        many.strides = vec![4, 5];
        many.fit_out();
        check(&many, rng, PLAIN, 36);
    }
}

/// Matrix kernels of the embedded code objects that no case of [`every_kernel`] launched.
fn kernels_not_in(launched: &BTreeSet<String>) -> Vec<String> {
    let images = embedded().iter().map(|(_, image)| describe(image).unwrap().1);
    let names = images.flatten().map(|kernel| kernel.name);
    // These go with every plan or with every split one.
    let is_matrix = |name: &String| !name.ends_with("_pack") && !name.ends_with("_reduce");
    names.filter(is_matrix).filter(|name| !launched.contains(name)).collect()
}

#[test]
fn every_kernel() {
    if !has_simhip() {
        return;
    }
    let rng = &mut Rng::new(11);
    let context = on_gpu(36);
    let MIOpen::solver::Memory::Device(gpu) = context.memory else { unreachable!() };
    let mut launched = BTreeSet::new();
    for dtype in TYPES {
        let mut cases = Vec::new();
        for direction in DIRECTIONS {
            let mut runs = Case::square(direction, 2, 12, 20, 7, 3);
            cases.push(runs.clone());
            runs.arrangements = [Arrangement::ChannelsLast; 3];
            cases.push(runs);
            // An odd number of channels, and a filter that no mask holds.
            cases.push(Case::square(direction, 2, 5, 7, 6, 3));
            let mut long = Case::square(direction, 1, 4, 5, 40, 40);
            (long.input, long.filter, long.pads) = (vec![1, 50], vec![1, 40], vec![0, 3]);
            long.fit_out();
            cases.push(long);
        }
        // Pointwise filters, read in place.
        cases.push(Case::square(Direction::Fwd, 2, 24, 128, 5, 1));
        cases.push(Case::square(Direction::Bwd, 2, 128, 24, 5, 1));
        cases.push(Case::square(Direction::Wrw, 2, 128, 128, 4, 1));
        // Tiles that overlap, with taps beside the channels; rows of points longer than two steps.
        let mut rows = Case::square(Direction::Wrw, 1, 20, 36, 3, 3);
        rows.input = vec![3, 19];
        rows.fit_out();
        cases.push(rows);
        let mut volume = Case::square(Direction::Wrw, 2, 3, 4, 0, 0);
        (volume.input, volume.filter, volume.pads) = (vec![4, 3, 5], vec![2, 3, 3], vec![1; 3]);
        (volume.strides, volume.dilations) = (vec![1; 3], vec![1; 3]);
        volume.fit_out();
        cases.push(volume);
        for case in cases {
            let case = case.with_dtype(dtype);
            let problem = case.problem();
            let inputs = case.inputs(Fill::Reals, rng);
            let old = case.output(Fill::Reals, rng);
            let options = RunOptions { beta: -0.5, grants_workspace: true, ..PLAIN };
            for (kernel, plan) in every_plan(&problem, gpu) {
                let mut got = old.clone();
                run_on_device(&*plan, &context, &problem, &inputs, &mut got, options);
                check_error(
                    &case,
                    &inputs,
                    &old,
                    &got,
                    options,
                    Spread::of(&kernel, case.direction),
                );
                launched.insert(kernel);
            }
        }
    }
    assert_eq!(kernels_not_in(&launched), Vec::<String>::new());
}

/// NaN and infinity in either input give what the reference gives, by every kernel: also where a tap
/// meets the padding and nothing may be added.
#[test]
fn non_finite_inputs() {
    if !has_simhip() {
        return;
    }
    let context = on_gpu(36);
    let MIOpen::solver::Memory::Device(gpu) = context.memory else { unreachable!() };
    for seed in 0..48 {
        let rng = &mut Rng::new(4000 + seed);
        let case = match seed % 4 {
            // All four ways to gather, and tiles that are partly empty.
            0 => Case::square(rng.pick(&DIRECTIONS), 2, 8, 12, 6, 3),
            1 => Case::square(rng.pick(&DIRECTIONS), 1, 5, 6, 7, 3),
            2 => {
                let mut long = Case::square(rng.pick(&DIRECTIONS), 1, 4, 5, 40, 40);
                (long.input, long.filter, long.pads) = (vec![1, 50], vec![1, 40], vec![0, 3]);
                long.fit_out();
                long
            }
            _ => random_case(rng),
        };
        let special = rng.pick(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
        let mut inputs = case.inputs(Fill::SmallIntegers, rng);
        let tensor = &mut inputs[seed as usize / 2 % 2];
        let values = tensor.values();
        let places: Vec<usize> = (0..2).map(|_| rng.between(0, values.len() - 1)).collect();
        tensor.set_all(|at| if places.contains(&at) { special } else { values[at] as f32 });
        let old = case.output(Fill::Garbage, rng);
        for (_, plan) in every_plan(&case.problem(), gpu) {
            let mut got = old.clone();
            run_on_device(&*plan, &context, &case.problem(), &inputs, &mut got, PLAIN);
            check_against_oracle(&case, &inputs, &old, &got, PLAIN);
        }
    }
}

#[test]
fn stems() {
    if !has_simhip() {
        return;
    }
    let rng = &mut Rng::new(12);
    // Three channels into large filters: ResNet's stem and AlexNet's, small images.
    for (filter, stride, pad, size, k) in [(7, 2, 3, 23, 24), (11, 4, 2, 35, 16)] {
        for direction in DIRECTIONS {
            let mut case = Case::square(direction, 1, 3, k, size, filter);
            (case.strides, case.pads) = (vec![stride; 2], vec![pad; 2]);
            case.fit_out();
            check(&case, rng, PLAIN, 36);
        }
    }
}

#[test]
fn transposed_shapes() {
    if !has_simhip() {
        return;
    }
    let rng = &mut Rng::new(13);
    // A transposed convolution is another one's backward-data (`ConvProblem::new` resolves it), with
    // even filters and output rows that the formula leaves open.
    for (filter, stride, pad, open) in [(2, 2, 0, 0), (4, 2, 1, 0), (3, 2, 1, 1), (3, 3, 0, 2)] {
        let small: i32 = 5;
        let large = (small - 1) * stride - 2 * pad + filter as i32 + open;
        for dtype in TYPES {
            let mut case = Case::square(Direction::Bwd, 2, 12, 20, large as usize, filter);
            (case.strides, case.pads) = (vec![stride; 2], vec![pad; 2]);
            case.fit_out();
            assert_eq!(case.out, [small as usize; 2]);
            check(&case.with_dtype(dtype), rng, PLAIN, 36);
        }
    }
}

#[test]
fn depthwise() {
    if !has_simhip() {
        return;
    }
    let rng = &mut Rng::new(10);
    for direction in DIRECTIONS {
        for filter in [3, 5, 7] {
            let mut case = Case::square(direction, 2, 6, 6, 13, filter);
            case.groups = 6;
            check(&case, rng, PLAIN, 36);
        }
    }
}
