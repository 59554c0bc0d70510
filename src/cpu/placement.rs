//! On which processors the pool's threads run: on others than the thread that calls them.
//!
//! A scheduler may wake a helper on the caller's processor though another one idles, and there it
//! waits until the caller has used up its time: two threads then take as long as one. Linux does
//! so as a guest of a hypervisor, where a processor that idles counts as one that the host has taken
//! away (`available_idle_cpu` asks `vcpu_is_preempted`). So a helper may run everywhere where it
//! might before, but not on the processor on which its caller was last seen. A caller rarely moves,
//! and while it does not this costs no system call.
#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex, OnceLock};

use rustix::thread::{CpuSet, Pid, gettid, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// The threads of one pool.
pub struct Placement {
    /// Filled in by the threads as they start.
    helpers: Arc<[OnceLock<Pid>]>,
    /// What was last done with each.
    barred: Mutex<Vec<Option<Barred>>>,
}

/// A processor that a helper is kept off.
#[derive(Clone, Copy)]
struct Barred {
    processor: usize,
    /// Where the helper might run before.
    allowed: CpuSet,
}

impl Placement {
    /// For a pool of `count` threads, and what each of them calls at its start with its number.
    pub fn new(count: usize) -> (Self, impl Fn(usize) + Send + Sync + 'static) {
        let helpers: Arc<[OnceLock<Pid>]> = (0..count).map(|_| OnceLock::new()).collect();
        let placement =
            Placement { helpers: Arc::clone(&helpers), barred: Mutex::new(vec![None; count]) };
        let announce = move |index: usize| {
            helpers[index].get_or_init(gettid);
        };
        (placement, announce)
    }

    /// Keeps the helpers off the processor that the calling thread runs on.
    ///
    /// Where the system refuses, or allows a helper no other processor, all stays as it is.
    pub fn keep_off_caller(&self) {
        // Where another caller is at it, its processor is as good a guess.
        let Ok(mut barred) = self.barred.try_lock() else { return };
        let processor = sched_getcpu();
        for (helper, barred) in self.helpers.iter().zip(&mut *barred) {
            let is_done = barred.is_some_and(|barred| barred.processor == processor);
            if let Some(&helper) = helper.get().filter(|_| !is_done) {
                *barred = keep_off(helper, processor, *barred);
            }
        }
    }
}

fn keep_off(helper: Pid, processor: usize, before: Option<Barred>) -> Option<Barred> {
    let current = sched_getaffinity(Some(helper)).ok()?;
    let allowed = match before {
        Some(barred) if without(barred.allowed, barred.processor) == current => barred.allowed,
        // At first, and where somebody else has moved the thread since.
        _ => current,
    };
    let wanted = without(allowed, processor);
    if wanted.count() == 0 {
        return None;
    }
    if wanted != current {
        sched_setaffinity(Some(helper), &wanted).ok()?;
    }
    Some(Barred { processor, allowed })
}

fn without(mut processors: CpuSet, processor: usize) -> CpuSet {
    if processor < CpuSet::MAX_CPU {
        processors.unset(processor);
    }
    processors
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn a_helper_runs_anywhere_but_on_its_callers_processor() {
        let (placement, announce) = Placement::new(1);
        let ((started, has_started), (end, ended)) = (channel(), channel::<()>());
        let helper = std::thread::spawn(move || {
            announce(0);
            started.send(gettid()).unwrap();
            let _ = ended.recv();
        });
        let tid = has_started.recv().unwrap();
        let before = sched_getaffinity(Some(tid)).unwrap();
        // The caller stays where it is while it looks.
        let mut here = CpuSet::new();
        for processor in (0..CpuSet::MAX_CPU).filter(|&processor| before.is_set(processor)) {
            here.clear();
            here.set(processor);
            sched_setaffinity(None, &here).unwrap();
            placement.keep_off_caller();
            let now = sched_getaffinity(Some(tid)).unwrap();
            let expected = without(before, processor);
            assert_eq!(now, if expected.count() == 0 { before } else { expected });
        }
        // What somebody else allows is what holds.
        sched_setaffinity(Some(tid), &here).unwrap();
        placement.keep_off_caller();
        assert_eq!(sched_getaffinity(Some(tid)).unwrap(), here);
        drop(end);
        helper.join().unwrap();
    }
}
