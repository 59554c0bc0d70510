//! How many times as fast int8 is as the f32 implicit GEMM on the same instruction set, and as int8 on
//! the crate `gemm`: the layers of a shapes file, forward, all in turns, the shortest times.
//!
//!     cargo run --release --example int8_speed [THREADS [FILTER [LAYOUT]]]
//!
//! LAYOUT is NCHW or NHWC, of all tensors of all contenders.

use MIOpen::engine::solvers;
use MIOpen::memory::{HostBuffers, InputBuffer, OutputBuffer};
use MIOpen::problem::{ConvProblem, DataType};
use MIOpen::solver::{Buffers, Context, ConvArgs, Plan};
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

const ROUNDS: usize = 9;
/// Calls of one contender follow each other for so long.
const BURST: Duration = Duration::from_millis(4);

/// A solver's plan with its tensors.
struct Contender {
    plan: Box<dyn Plan>,
    problem: ConvProblem,
    workspace: Vec<u8>,
    int8: [Vec<i8>; 2],
    floats: [Vec<f32>; 2],
    sums: Vec<i32>,
    float_sums: Vec<f32>,
    best_us: f64,
}

impl Contender {
    fn new(plan: Box<dyn Plan>, problem: ConvProblem) -> Self {
        let is_int8 = problem.input_dtype() == DataType::I8;
        let lengths = problem.input_tensors().map(|tensor| tensor.span_elems());
        let out_elems = problem.output_tensor().span_elems();
        Contender {
            workspace: vec![0; plan.workspace_bytes()],
            int8: lengths.map(|len| vec![3; if is_int8 { len } else { 0 }]),
            floats: lengths.map(|len| vec![3.0; if is_int8 { 0 } else { len }]),
            sums: vec![1; if is_int8 { out_elems } else { 0 }],
            float_sums: vec![1.0; if is_int8 { 0 } else { out_elems }],
            best_us: f64::INFINITY,
            plan,
            problem,
        }
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let threads: usize = args.next().map_or(1, |text| text.parse().expect("a number of threads"));
    let filter = args.next().unwrap_or_default();
    let layout = args.next().unwrap_or_else(|| "NCHW".to_owned());
    let context = Context::new(NonZeroUsize::new(threads));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/shapes.tsv");
    let shapes = std::fs::read_to_string(path).expect("the file of the checkout");
    let mut sums = [0.0; 3];
    let mut layers = 0;
    for line in shapes.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [name, numbers @ ..] = &fields[..] else { continue };
        if !name.contains(&filter) {
            continue;
        }
        let words = "nchwkyxuvpqljg".chars().map(|letter| match letter {
            'h' => 'H',
            'w' => 'W',
            other => other,
        });
        let flags: String =
            words.zip(numbers).map(|(word, number)| format!(" -{word} {number}")).collect();
        let flags = format!("{flags} -I {layout} -O {layout} -f {layout} -F 1");
        let contender = |base: &str, solver: Option<&str>| -> Option<(Contender, &str)> {
            let problem: ConvProblem = format!("{base}{flags}").parse().expect("a known layer");
            let serving = solvers().iter().filter(|candidate| {
                solver.is_none_or(|name| candidate.name().contains(name))
                    && !candidate.is_last_resort()
                    && candidate.reaches(context.memory)
                    && candidate.applicable(&problem, &context).is_ok()
            });
            let best = serving.min_by(|a, b| {
                let estimate = |s: &&&dyn MIOpen::solver::Solver| s.estimate_us(&problem, &context);
                estimate(a).total_cmp(&estimate(b))
            })?;
            let plan = best.plan(&problem, &context).expect("an applicable problem");
            Some((Contender::new(plan, problem), best.name()))
        };
        let all = [
            contender("convint8", None),
            contender("conv", Some("float_igemm")),
            contender("conv", None),
            contender("convint8", Some("any_igemm_gemm")),
        ];
        let [Some((int8, chosen)), Some((igemm, _)), Some((f32_chosen, f32_name)), Some((old, _))] =
            all
        else {
            continue;
        };
        let mut contenders = [int8, igemm, f32_chosen, old];
        for _ in 0..ROUNDS {
            for contender in &mut contenders {
                run(contender, &context);
            }
        }
        let [int8, igemm, f32_chosen, old] = contenders.map(|contender| contender.best_us);
        let ratios = [igemm / int8, f32_chosen / int8, old / int8];
        println!(
            "{name:<20} {chosen:<26} {int8:>9.0} us  {:>5.2} of f32 igemm  {:>5.2} of {f32_name:<28} \
             {:>5.2} of any_igemm_gemm",
            ratios[0], ratios[1], ratios[2]
        );
        sums.iter_mut().zip(ratios).for_each(|(sum, ratio)| *sum += ratio.ln());
        layers += 1;
    }
    let means = sums.map(|sum| (sum / f64::from(layers.max(1))).exp());
    println!(
        "{layers} layers, geometric means: {:.2} times as fast as the f32 implicit GEMM, {:.2} times \
         the chosen f32 solver, {:.2} times int8 on the crate gemm",
        means[0], means[1], means[2]
    );
}

/// A burst of calls.
fn run(contender: &mut Contender, context: &Context) {
    let begin = Instant::now();
    while begin.elapsed() < BURST {
        let (inputs, output) = if contender.problem.input_dtype() == DataType::I8 {
            let [a, b] = &contender.int8;
            ([InputBuffer::I8(a), InputBuffer::I8(b)], OutputBuffer::I32(&mut contender.sums))
        } else {
            let [a, b] = &contender.floats;
            (
                [InputBuffer::F32(a), InputBuffer::F32(b)],
                OutputBuffer::F32(&mut contender.float_sums),
            )
        };
        let mut args = ConvArgs {
            buffers: Buffers::Host(HostBuffers { inputs, output }),
            alpha: 1.0,
            beta: 0.0,
            workspace: &mut contender.workspace,
        };
        let time_us = contender.plan.execute_timed(context, &mut args).expect("a run");
        contender.best_us = contender.best_us.min(time_us);
    }
}
