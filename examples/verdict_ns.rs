//! What a verdict on a known problem costs, in nanoseconds of a thread's processor time, for one
//! thread and for many at once.
//!
//!     cargo run --release --example verdict_ns

use MIOpen::card::{Card, LibraryVersion};
use MIOpen::hazard::{self, Route};
use MIOpen::hip::topology::Architecture;
use MIOpen::problem::ConvProblem;
use std::hint::black_box;

const THREADS: usize = 16;
const ROUNDS: usize = 2_000;
/// What the hot path may cost.
const GOAL_NS: f64 = 200.0;

fn main() {
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("MIOPEN_BYPASS_JOURNAL", "off") };
    let navi10 = Architecture { major: 10, minor: 1, stepping: 0 };
    let library = Some(LibraryVersion::new(3, 2, 0));
    let card = Card { ordinal: 0, physical: navi10, reported: navi10, library };
    let problems = layers();
    let forwarded = problems
        .iter()
        .filter(|problem| hazard::verdict(&card, problem).route == Route::Forward)
        .count();
    println!("{} problems, {forwarded} of them forwarded", problems.len());

    let alone = ns_of_a_verdict(&card, &problems);
    let together = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..THREADS).map(|_| scope.spawn(|| ns_of_a_verdict(&card, &problems))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).fold(0.0, f64::max)
    });
    println!("1 thread: {alone:.0} ns; the slowest of {THREADS} threads: {together:.0} ns");
    let within = if together <= GOAL_NS { "within" } else { "beyond" };
    println!("{within} the goal of {GOAL_NS} ns");
}

/// Of a network's kind: 3x3 and 1x1 layers of growing width in three directions.
fn layers() -> Vec<ConvProblem> {
    let mut problems = Vec::new();
    for (c, size) in [(64, 56), (128, 28), (256, 14), (512, 7)] {
        for (filter, pad) in [(1, 0), (3, 1)] {
            for direction in [1, 2, 4] {
                let line = format!(
                    "conv -n 8 -c {c} -H {size} -W {size} -k {c} -y {filter} -x {filter} \
                     -p {pad} -q {pad} -F {direction}"
                );
                problems.push(line.parse().expect("a problem of its own grammar"));
            }
        }
    }
    problems
}

/// The best of several measurements.
fn ns_of_a_verdict(card: &Card, problems: &[ConvProblem]) -> f64 {
    let once = || {
        let start_ns = processor_ns();
        for _ in 0..ROUNDS {
            for problem in problems {
                black_box(hazard::verdict(black_box(card), black_box(problem)));
            }
        }
        (processor_ns() - start_ns) as f64 / (ROUNDS * problems.len()) as f64
    };
    (0..7).map(|_| once()).fold(f64::INFINITY, f64::min)
}

/// Processor time of this thread: what waiting for a turn costs is not the library's.
fn processor_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a place for the time.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
