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
        let case = support::case::random(rng);
        let options = RunOptions {
            threads: rng.between(1, 3),
            alpha: rng.pick(&[1.0, 1.0, 0.5, -2.0]),
            beta: rng.pick(&[0.0, 0.0, 0.0, 1.0, -0.75]),
            grants_workspace: rng.between(0, 1) == 1,
        };
        check(&case, rng, options);
    }
}

#[test]
fn smoke() {
    for direction in DIRECTIONS {
        check(&Case::square(direction, 2, 5, 7, 9, 3), &mut Rng::new(1), PLAIN);
    }
    let _ = ImplicitGemm;
}
