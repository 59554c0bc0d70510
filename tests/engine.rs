//! The registry against the reference: every solver on every problem that it takes.

mod support;

use MIOpen::cpu::ImplicitGemm;
use MIOpen::engine::solvers;
use MIOpen::problem::{DataType, Direction};
use support::Rng;
use support::case::{
    ARRANGEMENTS, Arrangement, Case, PLAIN, RunOptions, check_against_oracle, run_solver, threads,
};
use support::tensor::Fill;

const DIRECTIONS: [Direction; 3] = [Direction::Fwd, Direction::Bwd, Direction::Wrw];

/// Runs every solver on a case with integers, which must come out exact, and with reals.
fn check(case: &Case, rng: &mut Rng, options: RunOptions) {
    let problem = case.problem();
    for fill in [Fill::SmallIntegers, Fill::Reals] {
        if fill == Fill::Reals && case.dtype == DataType::I8 {
            continue;
        }
        let inputs = case.inputs(fill, rng);
        let old_fill = if options.beta == 0.0 { Fill::Garbage } else { fill };
        let old = case.output(old_fill, rng);
        for solver in solvers() {
            if solver.applicable(&problem, &threads(options.threads)).is_err() {
                continue;
            }
            let mut got = old.clone();
            run_solver(*solver, &problem, &inputs, &mut got, options);
            check_against_oracle(case, &inputs, &old, &got, options);
        }
    }
}

#[test]
fn random_shapes() {
    for seed in 0..400 {
        let rng = &mut Rng::new(seed);
        let case = random_case(rng);
        let options = RunOptions {
            threads: rng.between(1, 3),
            alpha: rng.pick(&[1.0, 1.0, 0.5, -2.0]),
            beta: rng.pick(&[0.0, 0.0, 0.0, 1.0, -0.75]),
            grants_workspace: rng.between(0, 1) == 1,
        };
        check(&case, rng, options);
    }
}

fn random_case(rng: &mut Rng) -> Case {
    let spatial_dim = rng.pick(&[1, 2, 2, 2, 3]);
    let dtype = rng.pick(&[DataType::F32, DataType::F32, DataType::F16, DataType::BF16]);
    let groups = rng.pick(&[1, 1, 2, 3]);
    let (c_per_group, k_per_group) = (rng.between(1, 9), rng.between(1, 9));
    let largest = [40, 14, 6][spatial_dim - 1];
    let mut dims = |low: usize, high: usize| -> Vec<usize> {
        (0..spatial_dim).map(|_| rng.between(low, high)).collect()
    };
    let as_i32 = |values: Vec<usize>| -> Vec<i32> { values.iter().map(|&v| v as i32).collect() };
    let (input, filter) = (dims(1, largest), dims(1, 4));
    let (pads, strides, dilations) = (as_i32(dims(0, 3)), as_i32(dims(1, 3)), as_i32(dims(1, 3)));
    let mut case = Case {
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
    };
    if groups > 1 {
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

#[test]
fn smoke() {
    for direction in DIRECTIONS {
        check(&Case::square(direction, 2, 5, 7, 9, 3), &mut Rng::new(1), PLAIN);
    }
    let _ = ImplicitGemm;
}
