//! GFLOP/s of the CPU engine on the layers of a table, next to the machine's peak.
//!
//! `engine_gflops SHAPES.tsv [FILTER [THREADS [fwd|bwd|wrw [nhwc]]]]`; the table has the
//! columns name, n, c, h, w, k, y, x, sh, sw, ph, pw, dh, dw, g, and FILTER is
//! a substring of the name. The best of several runs counts.

use std::num::NonZeroUsize;
use std::time::Instant;

use MIOpen::engine::{self, Choice};
use MIOpen::memory::{HostBuffers, InputBuffer, OutputBuffer};
use MIOpen::problem::{ConvDesc, ConvProblem, DataType, Direction, Layout, Mode, TensorDesc};
use MIOpen::solver::{Buffers, Context, ConvArgs};

/// Seconds spent on each layer.
const BUDGET_S: f64 = 0.3;

/// Solvers whose estimate is this many times the best one are not timed.
const HOPELESS: f64 = 4.0;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(path) = args.first() else {
        eprintln!("usage: engine_gflops SHAPES.tsv [FILTER [THREADS [fwd|bwd|wrw [nhwc]]]]");
        std::process::exit(2);
    };
    let filter = args.get(1).map_or("", String::as_str);
    let threads = args.get(2).and_then(|arg| arg.parse().ok());
    let direction = match args.get(3).map(String::as_str) {
        Some("bwd") => Direction::Bwd,
        Some("wrw") => Direction::Wrw,
        _ => Direction::Fwd,
    };
    let layout = if args.get(4).is_some() { Layout::Nhwc } else { Layout::Nchw };
    let context = Context::new(threads.and_then(NonZeroUsize::new));
    println!("# {} threads, {}, {}", context.cpu_threads, direction.name(), layout.name());
    let peak = peak_gflops();
    println!("# f32 GEMM in cache, one thread: {peak:.1} GFLOP/s; percentages are of that");

    let table = std::fs::read_to_string(path).expect("the table of shapes");
    for line in table.lines().skip(1).filter(|line| line.contains(filter)) {
        let (name, numbers) = line.split_once('\t').expect("a tab after the name");
        let v: Vec<usize> = numbers.split('\t').map(|n| n.parse().expect("a number")).collect();
        let problem = problem(direction, layout, &v);
        // The first is what the engine chooses.
        for (index, (solver, time_us)) in times_us(&problem, &context).into_iter().enumerate() {
            let gflops = 2.0 * problem.multiply_adds() / time_us * 1e-3;
            let percent = gflops / (peak * context.cpu_threads.get() as f64) * 100.0;
            let layer = if index == 0 { name } else { "" };
            println!("{layer:28} {time_us:10.0} us {gflops:8.1} GFLOP/s {percent:5.1} % {solver}");
        }
    }
}

fn problem(direction: Direction, layout: Layout, v: &[usize]) -> ConvProblem {
    let [n, c, h, w, k, y, x, sh, sw, ph, pw, dh, dw, g] = *v else {
        panic!("14 numbers a line");
    };
    let int = |values: [usize; 2]| values.map(|value| value as i32);
    let mut conv =
        ConvDesc::new(Mode::Convolution, &int([ph, pw]), &int([sh, sw]), &int([dh, dw])).unwrap();
    conv.set_group_count(g as i32);
    let desc = |lengths: &[usize]| TensorDesc::with_layout(DataType::F32, layout, lengths).unwrap();
    let (x, w) = (desc(&[n, c, h, w]), desc(&[k, c / g, y, x]));
    let y = desc(&conv.forward_output_lengths(&x, &w).unwrap());
    ConvProblem::new(direction, x, w, y, &conv).unwrap()
}

/// The solvers worth timing, each with its best time, fastest first.
fn times_us(problem: &ConvProblem, context: &Context) -> Vec<(&'static str, f64)> {
    let filled = |len: usize| -> Vec<f32> { (0..len).map(|i| (i % 13) as f32 - 6.0).collect() };
    let inputs = problem.input_tensors().map(|tensor| filled(tensor.span_elems()));
    let mut output = filled(problem.output_tensor().span_elems());
    let mut workspace = vec![0; engine::workspace_bytes(problem, context).unwrap()];
    let mut args = ConvArgs {
        buffers: Buffers::Host(HostBuffers {
            inputs: [InputBuffer::F32(&inputs[0]), InputBuffer::F32(&inputs[1])],
            output: OutputBuffer::F32(&mut output),
        }),
        alpha: 1.0,
        beta: 0.0,
        workspace: &mut workspace,
    };
    let solutions = engine::solutions(problem, context).unwrap();
    let limit_us = HOPELESS * solutions[0].time_us;
    let mut times: Vec<_> = solutions
        .iter()
        .filter(|solution| solution.time_us <= limit_us)
        .map(|solution| (solution, f64::INFINITY))
        .collect();
    let begin = Instant::now();
    let mut runs = 0;
    // Interleaved, so that a slow spell of the machine hits all alike.
    while runs < 3 || begin.elapsed().as_secs_f64() < BUDGET_S {
        for (solution, best_us) in &mut times {
            let clock = Clock::start(context);
            engine::run(problem, Choice::Solver(solution.solver), context, &mut args).unwrap();
            *best_us = best_us.min(clock.elapsed_us());
        }
        runs += 1;
    }
    times.into_iter().map(|(solution, best_us)| (solution.name, best_us)).collect()
}

/// Time on the wall, or of the one thread: other programs on the machine then do little harm.
enum Clock {
    Wall(Instant),
    Thread(f64),
}

impl Clock {
    fn start(context: &Context) -> Self {
        if context.cpu_threads.get() == 1 {
            Clock::Thread(thread_us())
        } else {
            Clock::Wall(Instant::now())
        }
    }

    fn elapsed_us(&self) -> f64 {
        match self {
            Clock::Wall(start) => start.elapsed().as_secs_f64() * 1e6,
            Clock::Thread(start_us) => thread_us() - start_us,
        }
    }
}

/// CPU time of this thread.
fn thread_us() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 * 1e-3
}

/// What a GEMM that stays in cache attains: the practical ceiling.
fn peak_gflops() -> f64 {
    let size = 384;
    let (a, b) = (vec![1.0f32; size * size], vec![1.0f32; size * size]);
    let mut c = vec![0.0f32; size * size];
    let mut best_s = f64::INFINITY;
    for _ in 0..50 {
        let start = Instant::now();
        let (s, one) = (size as isize, 1);
        // SAFETY: three square matrices of the stated size and strides.
        unsafe {
            gemm::gemm(
                size,
                size,
                size,
                c.as_mut_ptr(),
                one,
                s,
                false,
                a.as_ptr(),
                one,
                s,
                b.as_ptr(),
                one,
                s,
                0.0,
                1.0,
                false,
                false,
                false,
                gemm::Parallelism::None,
            );
        }
        best_s = best_s.min(start.elapsed().as_secs_f64());
    }
    2.0 * (size as f64).powi(3) / best_s * 1e-9
}
