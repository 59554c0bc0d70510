//! Work on several threads, inside somebody else's process.
//!
//! The threads belong to this library and sleep between calls; the process's
//! global rayon pool is never touched. The calling thread works too, so one
//! thread needs no pool, and a call makes progress while others hold the pool.
//!
//! Layers follow each other at once, and a thread that sleeps on a processor that
//! halts takes tens of microseconds to come back. So threads look out for work for a
//! moment before they sleep, and so does a caller for the end of the others' work.
#![forbid(unsafe_code)]

use std::collections::{HashMap, VecDeque};
use std::hint::spin_loop;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder, Yield};

use super::placement::Placement;
use crate::error::Result;
use crate::per_process::PerProcess;

/// Pools by number of helpers. A process has one, unless its thread count changes.
type Pools = Mutex<HashMap<usize, Arc<Pool>>>;

/// How long threads stay awake without work: about what waking them takes, so that the time spent
/// in vain is never much more than what was to be saved. 16 to 36 us were seen from a signal to its
/// sleeper on a virtual machine (KVM, Zen 3).
const AWAKE: Duration = Duration::from_micros(50);

/// Looks while a thread waits, between two looks at the clock or into the queues. `spin_loop` takes
/// 40 to 65 cycles on Zen and on Skylake and later.
const SPINS: usize = 8;

struct Pool {
    threads: ThreadPool,
    placement: Placement,
    /// Threads that look out for work, or are about to.
    watches: Arc<AtomicUsize>,
}

impl Pool {
    /// Lets `helpers` threads, once they have no more work, look out for some before they sleep.
    fn keep_awake(&self, helpers: usize) {
        for _ in self.watches.load(Ordering::Relaxed)..helpers {
            self.watches.fetch_add(1, Ordering::Relaxed);
            let watches = Arc::clone(&self.watches);
            self.threads.spawn(move || {
                look_out();
                watches.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }
}

/// Does what work comes to the pool of this thread, until none came for a while.
fn look_out() {
    let mut idle_since = Instant::now();
    while idle_since.elapsed() < AWAKE {
        if rayon::yield_now() == Some(Yield::Executed) {
            idle_since = Instant::now();
        }
        (0..SPINS).for_each(|_| spin_loop());
    }
}

/// Waits for the others, but no longer than it is worth.
fn await_end(running: &AtomicUsize) {
    let start = Instant::now();
    while running.load(Ordering::Acquire) > 0 && start.elapsed() < AWAKE {
        (0..SPINS).for_each(|_| spin_loop());
    }
    // The pool has still to note that they have ended.
    (0..2 * SPINS).for_each(|_| spin_loop());
}

/// Counts a thread out, also where its work panics.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}

static POOLS: PerProcess<Pools> = PerProcess::new();

/// The pool with that many threads beside the caller's, built at first use.
///
/// `None` where threads are not to be had; the caller then works alone.
fn pool_of(helpers: usize) -> Option<Arc<Pool>> {
    let pools = POOLS.get(Pools::default)?;
    let mut pools = pools.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = pools.get(&helpers) {
        return Some(Arc::clone(pool));
    }
    let (placement, announce) = Placement::new(helpers);
    let threads = ThreadPoolBuilder::new()
        .num_threads(helpers)
        .start_handler(announce)
        // Linux shows 15 characters.
        .thread_name(|index| format!("miopen-cpu-{index}"))
        .build()
        .ok()?;
    let pool = Arc::new(Pool { threads, placement, watches: Arc::default() });
    pools.insert(helpers, Arc::clone(&pool));
    Some(pool)
}

/// The items that each thread begins with: as many for each, neighbours together.
///
/// So a thread meets the same items when a call is repeated, and the same images of a batch in one
/// layer after the other: what it has written lies in its own caches. Who has no more takes from the
/// others' ends.
struct Queues<Item>(Vec<Mutex<VecDeque<Item>>>);

impl<Item> Queues<Item> {
    fn new(items: Vec<Item>, workers: usize) -> Self {
        let all = items.len();
        let mut items = items.into_iter();
        let part = |worker: usize| (worker + 1) * all / workers - worker * all / workers;
        let queues = (0..workers)
            .map(|worker| Mutex::new(items.by_ref().take(part(worker)).collect()))
            .collect();
        Queues(queues)
    }

    fn next(&self, worker: usize) -> Option<Item> {
        let lock = |index: usize| self.0[index].lock().unwrap_or_else(PoisonError::into_inner);
        let own = lock(worker).pop_front();
        own.or_else(|| {
            let others = (worker + 1..self.0.len()).chain(0..worker);
            others.into_iter().find_map(|other| lock(other).pop_back())
        })
    }
}

/// Calls `work` for every item, on up to `threads` threads.
///
/// Each item starts exactly once, with one thread in order, unless one fails: then no more are
/// begun and the first error is returned. Each thread makes its scratch with
/// `scratch` before its first item.
///
/// # Errors
/// What `scratch` or `work` reports.
pub fn for_each<Item: Send, Scratch>(
    threads: NonZeroUsize,
    items: Vec<Item>,
    scratch: impl Fn() -> Result<Scratch> + Sync,
    work: impl Fn(&mut Scratch, Item) -> Result<()> + Sync,
) -> Result<()> {
    let helpers = threads.get().min(items.len()).saturating_sub(1);
    let queues = Queues::new(items, helpers + 1);
    let failure = Mutex::new(None);
    let drain = |worker: usize| -> Result<()> {
        let Some(first) = queues.next(worker) else {
            return Ok(());
        };
        let mut scratch = scratch()?;
        work(&mut scratch, first)?;
        while let Some(item) = queues.next(worker) {
            work(&mut scratch, item)?;
        }
        Ok(())
    };
    let drain_and_report = |worker: usize| {
        if let Err(error) = drain(worker) {
            // Nobody begins another item.
            while queues.next(worker).is_some() {}
            let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
            failure.get_or_insert(error);
        }
    };
    // A pool of all threads serves calls with fewer items too.
    let pool = if helpers == 0 { None } else { pool_of(threads.get() - 1) };
    match pool {
        None => drain_and_report(0),
        Some(pool) => {
            pool.placement.keep_off_caller();
            let running = AtomicUsize::new(helpers);
            pool.threads.in_place_scope(|scope| {
                let (running, drain_and_report) = (&running, &drain_and_report);
                for helper in 0..helpers {
                    scope.spawn(move |_| {
                        let _running = Running(running);
                        drain_and_report(1 + helper);
                    });
                }
                pool.keep_awake(helpers);
                drain_and_report(0);
                await_end(running);
            });
        }
    }
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        None => Ok(()),
        Some(error) => Err(error),
    }
}

/// As [`for_each`]; returns whether `work` said yes to every item.
///
/// # Errors
/// What `scratch` or `work` reports.
pub fn all<Item: Send, Scratch>(
    threads: NonZeroUsize,
    items: Vec<Item>,
    scratch: impl Fn() -> Result<Scratch> + Sync,
    work: impl Fn(&mut Scratch, Item) -> Result<bool> + Sync,
) -> Result<bool> {
    let all = AtomicBool::new(true);
    for_each(threads, items, scratch, |scratch, item| {
        if !work(scratch, item)? {
            all.store(false, Ordering::Relaxed);
        }
        Ok(())
    })?;
    Ok(all.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn threads(count: usize) -> NonZeroUsize {
        NonZeroUsize::new(count).unwrap()
    }

    #[test]
    fn every_item_is_done_once() {
        for count in [1, 2, 3, 9] {
            for items in [0, 1, 2, 100] {
                let done: Vec<AtomicUsize> = (0..items).map(|_| AtomicUsize::new(0)).collect();
                let scratches = AtomicUsize::new(0);
                for_each(
                    threads(count),
                    (0..items).collect(),
                    || Ok(scratches.fetch_add(1, Ordering::Relaxed)),
                    |_, item: usize| {
                        done[item].fetch_add(1, Ordering::Relaxed);
                        Ok(())
                    },
                )
                .unwrap();
                assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 1));
                assert!(scratches.into_inner() <= count.min(items));
            }
        }
    }

    #[test]
    fn an_error_ends_the_work() {
        for count in [1, 3] {
            let begun = AtomicUsize::new(0);
            let result = for_each(
                threads(count),
                (0..1000).collect(),
                || Ok(()),
                |(), item: usize| {
                    begun.fetch_add(1, Ordering::Relaxed);
                    if item == 5 { Err(Error::bad_parm("five")) } else { Ok(()) }
                },
            );
            assert_eq!(result, Err(Error::bad_parm("five")));
            assert!(count > 1 || begun.into_inner() == 6);
        }
        let scratch = || Err::<(), _>(Error::bad_parm("scratch"));
        let result = for_each(threads(2), vec![1, 2], scratch, |(), _| Ok(()));
        assert_eq!(result, Err(Error::bad_parm("scratch")));
    }

    #[test]
    fn one_no_is_enough() {
        for count in [1, 3] {
            let all_below =
                |end: usize| all(threads(count), (0..50).collect(), || Ok(()), |(), i| Ok(i < end));
            assert_eq!(all_below(50), Ok(true));
            assert_eq!(all_below(49), Ok(false));
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_spares_the_pool() {
        let work = |fatal: usize| {
            std::panic::catch_unwind(|| {
                let items = (0..50).collect();
                for_each(
                    threads(3),
                    items,
                    || Ok(()),
                    |(), item: usize| {
                        assert_ne!(item, fatal);
                        Ok(())
                    },
                )
            })
        };
        assert!(work(7).is_err());
        assert!(work(usize::MAX).is_ok());
    }
}
