//! What is counted for one entry, spread over cache lines so that threads seldom meet.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Cache lines of one entry. Threads beyond that many share.
const SHARDS: usize = 8;

/// One thread's part, on a cache line of its own (64 bytes on every x86-64).
#[repr(align(64))]
#[derive(Default)]
struct Shard {
    calls: AtomicU64,
    timed_calls: AtomicU64,
    time_ns: AtomicU64,
    longest_ns: AtomicU64,
    workspace_bytes: AtomicU64,
}

/// The counters of one entry.
#[derive(Default)]
pub(super) struct Counters {
    shards: [Shard; SHARDS],
}

/// What [`Counters`] hold, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub calls: u64,
    pub timed_calls: u64,
    pub time_us: f64,
    pub longest_us: f64,
    /// The largest one of any call.
    pub workspace_bytes: u64,
}

impl Counters {
    pub fn count_call(&self, workspace_bytes: usize) {
        let shard = self.shard();
        shard.calls.fetch_add(1, Ordering::Relaxed);
        raise(&shard.workspace_bytes, workspace_bytes as u64);
    }

    pub fn add_time(&self, time_us: f64) {
        // Negative and NaN become 0: a clock that goes wrong must not spoil the sums.
        let time_ns = (time_us * 1e3) as u64;
        let shard = self.shard();
        shard.timed_calls.fetch_add(1, Ordering::Relaxed);
        shard.time_ns.fetch_add(time_ns, Ordering::Relaxed);
        raise(&shard.longest_ns, time_ns);
    }

    pub fn sums(&self) -> Sums {
        let mut sums = Sums::default();
        for shard in &self.shards {
            sums.calls += shard.calls.load(Ordering::Relaxed);
            sums.timed_calls += shard.timed_calls.load(Ordering::Relaxed);
            sums.time_us += shard.time_ns.load(Ordering::Relaxed) as f64 * 1e-3;
            sums.longest_us =
                sums.longest_us.max(shard.longest_ns.load(Ordering::Relaxed) as f64 * 1e-3);
            sums.workspace_bytes =
                sums.workspace_bytes.max(shard.workspace_bytes.load(Ordering::Relaxed));
        }
        sums
    }

    /// Sets everything to 0. Calls that come in at the same time may survive in part.
    pub fn reset(&self) {
        for shard in &self.shards {
            let Shard { calls, timed_calls, time_ns, longest_ns, workspace_bytes } = shard;
            for counter in [calls, timed_calls, time_ns, longest_ns, workspace_bytes] {
                counter.store(0, Ordering::Relaxed);
            }
        }
    }

    fn shard(&self) -> &Shard {
        thread_local! {
            static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
        }
        static THREADS: AtomicUsize = AtomicUsize::new(0);
        let own = OWN.with(|own| {
            if own.get() == usize::MAX {
                own.set(THREADS.fetch_add(1, Ordering::Relaxed) % SHARDS);
            }
            own.get()
        });
        &self.shards[own]
    }
}

/// A maximum costs a locked instruction only where it rises.
fn raise(counter: &AtomicU64, value: u64) {
    if counter.load(Ordering::Relaxed) < value {
        counter.fetch_max(value, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_all_threads_are_added_up() {
        let counters = Counters::default();
        std::thread::scope(|scope| {
            for thread in 0..20 {
                let counters = &counters;
                scope.spawn(move || {
                    for _ in 0..100 {
                        counters.count_call(thread);
                    }
                    counters.add_time(thread as f64);
                });
            }
        });
        let want = Sums {
            calls: 2000,
            timed_calls: 20,
            time_us: 190.0,
            longest_us: 19.0,
            workspace_bytes: 19,
        };
        assert_eq!(counters.sums(), want);
        counters.add_time(f64::NAN);
        counters.add_time(-1.0);
        assert_eq!(counters.sums().time_us, 190.0);
        counters.reset();
        assert_eq!(counters.sums(), Sums::default());
    }
}
