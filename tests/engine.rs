//! Find, immediate mode and plain runs.

mod support;

use std::collections::HashSet;

use MIOpen::engine::{self, Choice, MAX_SOLUTIONS, solvers};
use MIOpen::error::{Error, Status};
use MIOpen::memory::HostBuffers;
use MIOpen::problem::{ConvDesc, ConvProblem, DataType, Direction, Mode, TensorDesc};
use MIOpen::solver::{Algorithm, Buffers, ConvArgs, SolverId};
use support::Rng;
use support::case::{Case, PLAIN, check_against_oracle, random, threads};
use support::tensor::{Fill, TestTensor};

const DIRECTIONS: [Direction; 3] = [Direction::Fwd, Direction::Bwd, Direction::Wrw];

fn with_args<R>(
    inputs: &[TestTensor; 2],
    output: &mut TestTensor,
    workspace: &mut [u8],
    call: impl FnOnce(&mut ConvArgs<'_>) -> R,
) -> R {
    let result = call(&mut ConvArgs {
        buffers: Buffers::Host(HostBuffers {
            inputs: [inputs[0].input(), inputs[1].input()],
            output: output.output(),
        }),
        alpha: 1.0,
        beta: 0.0,
        workspace,
    });
    output.check_canaries();
    result
}

#[test]
fn solver_ids_and_names_are_distinct_and_foreign_to_miopen() {
    let ids: HashSet<SolverId> = solvers().iter().map(|solver| solver.id()).collect();
    let names: HashSet<&str> = solvers().iter().map(|solver| solver.name()).collect();
    assert_eq!((ids.len(), names.len()), (solvers().len(), solvers().len()));
    assert!(ids.iter().all(|id| id.0 >= SolverId::FIRST));
    let last: Vec<&str> = solvers().iter().rev().take(2).map(|solver| solver.name()).collect();
    assert_eq!(last, ["cpu_staged", "any_direct_naive"]);
}

/// Clients store these numbers across runs; one that changes breaks them.
#[test]
fn solver_ids_never_change() {
    let id_of = |name: &str| {
        solvers().iter().find(|solver| solver.name() == name).map(|solver| solver.id().0)
    };
    assert_eq!(id_of("any_direct_naive"), Some(1_000_001));
    assert_eq!(id_of("any_igemm_gemm"), Some(1_000_002));
    assert_eq!(id_of("gpu_igemm"), Some(1_001_001));
    assert_eq!(id_of("gpu_direct"), Some(1_001_002));
    assert_eq!(id_of("gpu_igemm_wrw"), Some(1_001_003));
    assert_eq!(id_of("gpu_direct_wrw"), Some(1_001_004));
    assert_eq!(id_of("gpu_winograd"), Some(1_001_005));
    assert_eq!(id_of("cpu_staged"), Some(1_002_001));
}

#[test]
fn solutions_are_what_clients_expect() {
    for seed in 0..50 {
        let rng = &mut Rng::new(seed);
        let problem = random(rng).problem();
        let context = threads(2);
        let solutions = engine::solutions(&problem, &context).unwrap();
        assert!((1..=MAX_SOLUTIONS).contains(&solutions.len()));
        assert!(solutions.iter().any(|solution| solution.required_workspace_bytes == 0));
        assert!(solutions.windows(2).all(|pair| pair[0].time_us <= pair[1].time_us));
        assert!(solutions.iter().all(|solution| solution.time_us > 0.0));
        let most = solutions.iter().map(|solution| solution.workspace_bytes).max().unwrap();
        assert_eq!(engine::workspace_bytes(&problem, &context).unwrap(), most);
    }
}

#[test]
fn find_measures_remembers_and_leaves_the_result() {
    for direction in DIRECTIONS {
        let case = Case::square(direction, 2, 8, 12, 14, 3);
        let (problem, context) = (case.problem(), threads(2));
        let rng = &mut Rng::new(3);
        let inputs = case.inputs(Fill::Reals, rng);
        let old = case.output(Fill::Garbage, rng);
        for exhaustive in [false, true] {
            let mut output = old.clone();
            let found = with_args(&inputs, &mut output, &mut [], |args| {
                engine::find(&problem, &context, args, exhaustive).unwrap()
            });
            check_against_oracle(&case, &inputs, &old, &output, PLAIN);
            assert!(!found.is_empty() && found.iter().all(|s| s.is_measured && s.time_us > 0.0));
            assert!(found.windows(2).all(|pair| pair[0].time_us <= pair[1].time_us));
            let algorithms: HashSet<Algorithm> = found.iter().map(|s| s.algorithm).collect();
            assert_eq!(algorithms.len(), found.len());
            // Immediate mode now lists the winner with its measured time.
            let solutions = engine::solutions(&problem, &context).unwrap();
            let winner = solutions.iter().find(|s| s.solver == found[0].solver).unwrap();
            assert!(winner.is_measured);
            let default = engine::prepare(&problem, Choice::Default, &context).unwrap();
            assert_eq!(default.solver, solutions[0].solver);
        }
    }
}

#[test]
fn every_choice_runs() {
    for direction in DIRECTIONS {
        let case = Case::square(direction, 1, 5, 4, 9, 3);
        let (problem, context) = (case.problem(), threads(2));
        let rng = &mut Rng::new(4);
        let inputs = case.inputs(Fill::Reals, rng);
        let old = case.output(Fill::Garbage, rng);
        let algorithms = [
            Algorithm::Gemm,
            Algorithm::Direct,
            Algorithm::Fft,
            Algorithm::Winograd,
            Algorithm::ImplicitGemm,
        ];
        let by_algorithm = algorithms.map(Choice::Algorithm);
        let by_solver = solvers().iter().map(|solver| Choice::Solver(solver.id()));
        let foreign = [85, 1].map(|id| Choice::from_solution_id(id).unwrap());
        for choice in by_algorithm.into_iter().chain(by_solver).chain(foreign) {
            if let Choice::Solver(id) = choice {
                let solver = solvers().iter().find(|solver| solver.id() == id).unwrap();
                if solver.applicable(&problem, &context).is_err() {
                    continue;
                }
            }
            let mut output = old.clone();
            with_args(&inputs, &mut output, &mut [], |args| {
                engine::run(&problem, choice, &context, args).unwrap();
            });
            check_against_oracle(&case, &inputs, &old, &output, PLAIN);
        }
        let direct = Choice::Algorithm(Algorithm::Direct);
        let direct = engine::prepare(&problem, direct, &context).unwrap();
        assert_eq!(direct.algorithm, Algorithm::Direct);
    }
}

#[test]
fn ids_are_checked() {
    assert_eq!(Choice::from_solution_id(0).unwrap_err().status, Status::BadParm);
    // Those of the real library stand for our default.
    assert_eq!(Choice::from_solution_id(1).unwrap(), Choice::Default);
    for unknown in [SolverId::FIRST - 1, u64::MAX] {
        assert_eq!(Choice::from_solution_id(unknown).unwrap_err().status, Status::BadParm);
    }
    let problem = Case::square(Direction::Fwd, 1, 2, 2, 4, 1).problem();
    let unknown = Choice::Solver(SolverId(u64::MAX));
    let error = engine::prepare(&problem, unknown, &threads(1)).unwrap_err();
    assert_eq!(error.status, Status::BadParm);
}

#[test]
fn what_nobody_serves_is_refused_with_reasons() {
    let case = Case::square(Direction::Fwd, 1, 2, 2, 4, 1).with_dtype(DataType::F64);
    let (problem, context) = (case.problem(), threads(1));
    assert_eq!(engine::solutions(&problem, &context).unwrap(), []);
    let rejections = engine::rejections(&problem, &context);
    assert_eq!(rejections.len(), solvers().len());
    assert!(rejections.iter().all(|(_, reason)| !reason.0.is_empty()));
    let error = engine::prepare(&problem, Choice::Default, &context).unwrap_err();
    assert_eq!(error.status, Status::UnknownError);
    assert!(error.context.contains("any_direct_naive"));
    let solver = Choice::Solver(solvers()[0].id());
    let error = engine::prepare(&problem, solver, &context).unwrap_err();
    assert_eq!(error.status, Status::BadParm);
    assert_eq!(engine::workspace_bytes(&problem, &context).unwrap(), 0);
}

/// Outputs whose elements share memory are left to the naive solver, which is
/// sequential; they must not race.
#[test]
fn shared_output_elements_are_served_in_order() {
    let desc = |lengths: &[usize], strides: &[usize]| {
        TensorDesc::new(DataType::F32, lengths, strides).unwrap()
    };
    let conv = ConvDesc::new(Mode::Convolution, &[0, 0], &[1, 1], &[1, 1]).unwrap();
    let problem = ConvProblem::new(
        Direction::Fwd,
        desc(&[1, 1, 4, 4], &[16, 16, 4, 1]),
        desc(&[1, 1, 1, 1], &[1, 1, 1, 1]),
        desc(&[1, 1, 4, 4], &[16, 16, 1, 1]),
        &conv,
    )
    .unwrap();
    let rng = &mut Rng::new(1);
    let inputs = problem.input_tensors().map(|d| TestTensor::new(*d, Fill::SmallIntegers, rng));
    let mut output = TestTensor::new(*problem.output_tensor(), Fill::Garbage, rng);
    let context = threads(4);
    assert_eq!(engine::solutions(&problem, &context).unwrap().len(), 1);
    with_args(&inputs, &mut output, &mut [], |args| {
        engine::run(&problem, Choice::Default, &context, args).unwrap();
    });
    let (x, w) = (inputs[0].values(), inputs[1].values()[0]);
    // Rows overlap; of each element the last one written stays.
    let want: Vec<f64> = (0..16)
        .map(|i| {
            let place = i / 4 + i % 4;
            let row = place.min(3);
            w * x[row * 4 + place - row]
        })
        .collect();
    assert_eq!(output.values(), want);
}

#[test]
fn wrong_buffers_are_refused() {
    let case = Case::square(Direction::Fwd, 1, 3, 4, 6, 3);
    let (problem, context) = (case.problem(), threads(2));
    let rng = &mut Rng::new(2);
    let inputs = case.inputs(Fill::Reals, rng);
    let short = TensorDesc::packed(DataType::F32, &[1, 4, 6, 5]).unwrap();
    let other = TensorDesc::packed(DataType::F16, &[1, 4, 6, 6]).unwrap();
    for desc in [short, other] {
        for solver in solvers() {
            if solver.applicable(&problem, &context).is_err() {
                continue;
            }
            let mut output = TestTensor::new(desc, Fill::Garbage, rng);
            let before = output.bits();
            let error: Error = with_args(&inputs, &mut output, &mut [], |args| {
                engine::run(&problem, Choice::Solver(solver.id()), &context, args).unwrap_err()
            });
            assert_eq!(error.status, Status::BadParm);
            assert_eq!(output.bits(), before);
        }
    }
}

#[test]
fn integer_outputs_take_no_scalars() {
    let mut case = Case::square(Direction::Fwd, 1, 3, 4, 6, 3);
    case.dtype = DataType::I8;
    for y_dtype in [DataType::I32, DataType::I8] {
        case.y_dtype = y_dtype;
        let rng = &mut Rng::new(2);
        let inputs = case.inputs(Fill::WholeInt8, rng);
        let mut output = case.output(Fill::Garbage, rng);
        for solver in solvers() {
            if solver.applicable(&case.problem(), &threads(1)).is_err() {
                continue;
            }
            let choice = Choice::Solver(solver.id());
            let error = with_args(&inputs, &mut output, &mut [], |args| {
                args.alpha = 2.0;
                engine::run(&case.problem(), choice, &threads(1), args).unwrap_err()
            });
            assert_eq!(error.status, Status::NotImplemented);
        }
    }
}

/// Many threads at once, on few problems and on many, one pool between them.
#[test]
fn calls_from_many_threads() {
    std::thread::scope(|scope| {
        for thread in 0..6 {
            scope.spawn(move || {
                for round in 0..25 {
                    let rng = &mut Rng::new(thread % 3 * 1000 + round);
                    let case = random(rng);
                    let inputs = case.inputs(Fill::Reals, rng);
                    let old = case.output(Fill::Garbage, rng);
                    let mut output = old.clone();
                    let context = threads(1 + round as usize % 3);
                    let problem = case.problem();
                    let bytes = engine::workspace_bytes(&problem, &context).unwrap();
                    let mut workspace = vec![0; bytes];
                    with_args(&inputs, &mut output, &mut workspace, |args| {
                        engine::run(&problem, Choice::Default, &context, args).unwrap();
                    });
                    check_against_oracle(&case, &inputs, &old, &output, PLAIN);
                }
            });
        }
    });
}

/// Descriptors may claim anything; asking about them costs neither time nor memory.
#[test]
fn absurd_problems_are_planned_in_no_time() {
    let desc = |lengths: &[usize]| TensorDesc::packed(DataType::F32, lengths).unwrap();
    let conv = |stride: i32| {
        ConvDesc::new(Mode::Convolution, &[1, 1], &[stride, stride], &[1, 1]).unwrap()
    };
    let many = 1usize << 28;
    for direction in DIRECTIONS {
        for (x, w, y, stride) in [
            ([many, 1, 999, 999], [64, 1, 3, 3], [many, 64, 999, 999], 1),
            ([1, many, 9, 9], [many, many, 3, 3], [1, many, 9, 9], 1),
            ([1, 1, 1, 1 << 40], [1, 1, 1, 1 << 40], [1, 1, 3, 3], 1),
            ([1, 1, 1 << 20, 1 << 20], [1, 1, 1, 1], [1, 1, 9, 9], i32::MAX),
        ] {
            let context = threads(2);
            let problem =
                ConvProblem::new(direction, desc(&x), desc(&w), desc(&y), &conv(stride)).unwrap();
            let solutions = engine::solutions(&problem, &context).unwrap();
            assert!(!solutions.is_empty());
            assert!(solutions.iter().all(|solution| solution.time_us.is_finite()));
            engine::workspace_bytes(&problem, &context).unwrap();
        }
    }
}
