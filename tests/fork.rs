//! A forked child computes: its parent's threads and locks are not there.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use MIOpen::engine::{self, Choice};
use MIOpen::memory::HostBuffers;
use MIOpen::problem::Direction;
use MIOpen::solver::{Buffers, ConvArgs};
use support::Rng;
use support::case::{Case, threads};
use support::tensor::{Fill, TestTensor};

/// How long a child may take before it counts as hung.
const PATIENCE: Duration = Duration::from_secs(30);

/// One convolution on three threads through cache and pool; the bits of its output.
fn compute(seed: u64) -> Vec<u32> {
    let rng = &mut Rng::new(seed);
    let case = Case::square(Direction::Fwd, 1, 8, 40, 12 + seed as usize % 5, 3);
    let inputs = case.inputs(Fill::Reals, rng);
    let mut output: TestTensor = case.output(Fill::Garbage, rng);
    let mut args = ConvArgs {
        buffers: Buffers::Host(HostBuffers {
            inputs: [inputs[0].input(), inputs[1].input()],
            output: output.output(),
        }),
        alpha: 1.0,
        beta: 0.0,
        workspace: &mut [],
    };
    engine::run(&case.problem(), Choice::Default, &threads(3), &mut args).unwrap();
    output.bits()
}

/// Runs `work` in a child; whether it returned true in time.
fn in_child(work: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs `work`, which is the point of the test, and leaves by `_exit`.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork failed");
    if pid == 0 {
        let is_good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        // SAFETY: ends the child without the parent's exit handlers.
        unsafe { libc::_exit(i32::from(!matches!(is_good, Ok(true)))) };
    }
    let start = Instant::now();
    loop {
        let mut status = 0;
        // SAFETY: waits for the child made above; `status` is a live int.
        let waited = unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) };
        if waited == pid {
            return libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
        }
        if start.elapsed() > PATIENCE {
            // SAFETY: the child made above, not yet waited for.
            unsafe {
                libc::kill(pid, libc::SIGKILL);
                libc::waitpid(pid, &raw mut status, 0);
            }
            return false;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn children_and_grandchildren_compute() {
    let want = compute(1);
    assert!(in_child(|| compute(1) == want));
    // Deeper than the slots that fork generations rotate through.
    fn nest(depth: usize, want: &[u32]) -> bool {
        let here = compute(1) == want;
        here && (depth == 0 || in_child(|| nest(depth - 1, want)))
    }
    assert!(in_child(|| nest(12, &want)));
    assert_eq!(compute(1), want);
}

/// Forks while other threads hold the engine's locks and keep its pool busy.
#[test]
fn forks_amid_work() {
    let stop = AtomicBool::new(false);
    let want: Vec<Vec<u32>> = (0..5).map(compute).collect();
    std::thread::scope(|scope| {
        for thread in 0..3 {
            let (stop, want) = (&stop, &want);
            scope.spawn(move || {
                let mut seed = thread;
                while !stop.load(Ordering::Relaxed) {
                    assert_eq!(compute(seed % 5), want[seed as usize % 5]);
                    seed += 1;
                }
            });
        }
        let children_are_good =
            (0..60).all(|round| in_child(|| compute(round % 5) == want[round as usize % 5]));
        stop.store(true, Ordering::Relaxed);
        assert!(children_are_good);
    });
}
