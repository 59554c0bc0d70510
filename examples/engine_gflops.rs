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
    println!("# f32 FMA peak of one thread: {:.1} GFLOP/s", peak_gflops());

    let table = std::fs::read_to_string(path).expect("the table of shapes");
    for line in table.lines().skip(1).filter(|line| line.contains(filter)) {
        let (name, numbers) = line.split_once('\t').expect("a tab after the name");
        let v: Vec<usize> = numbers.split('\t').map(|n| n.parse().expect("a number")).collect();
        let problem = problem(direction, layout, &v);
        let time_us = time_us(&problem, &context);
        let gflops = 2.0 * problem.multiply_adds() / time_us * 1e-3;
        println!("{name:28} {time_us:10.0} us {gflops:8.1} GFLOP/s");
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

fn time_us(problem: &ConvProblem, context: &Context) -> f64 {
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
    let begin = Instant::now();
    let mut best_us = f64::INFINITY;
    let mut runs = 0;
    while runs < 3 || begin.elapsed().as_secs_f64() < BUDGET_S {
        let start = Instant::now();
        engine::run(problem, Choice::Default, context, &mut args).unwrap();
        best_us = best_us.min(start.elapsed().as_secs_f64() * 1e6);
        runs += 1;
    }
    best_us
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
