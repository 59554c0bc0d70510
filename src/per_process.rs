//! Shared state that a forked child does not inherit.
//!
//! After `fork` only the forking thread lives on in the child: threads of a
//! pool are gone, and a lock that another thread held stays locked for ever. So
//! such state belongs to the process that made it. The child starts afresh on
//! a lock that nobody can have held, and what it inherited is leaked, since
//! dropping it could wait for threads that are not there.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

/// Forks of forks before a lock is used again. Deeper nesting is rare, and
/// costs nothing but the risk that the wrapped-round lock was held at a fork.
const SLOTS: usize = 8;

/// A value made at most once in each process; usable as a `static`.
pub struct PerProcess<T> {
    /// Process id in the upper half, number of the fork generation in the lower one.
    /// 0 before first use.
    generation: AtomicU64,
    slots: [Mutex<Option<Owned<T>>>; SLOTS],
}

struct Owned<T> {
    pid: u32,
    value: Arc<T>,
}

impl<T> PerProcess<T> {
    /// An empty cell.
    pub const fn new() -> Self {
        PerProcess { generation: AtomicU64::new(0), slots: [const { Mutex::new(None) }; SLOTS] }
    }

    /// This process's value, made by `init` at the first call in it.
    ///
    /// `None` only where more than [`SLOTS`] generations of forks met a lock
    /// that was held at a fork: do without the value then. `init` runs under
    /// the lock and must not call `get` on the same cell.
    pub fn get(&self, init: impl FnOnce() -> T) -> Option<Arc<T>> {
        let pid = std::process::id();
        let (slot, is_reused) = self.slot_of(pid);
        let mut guard = if is_reused {
            match self.slots[slot].try_lock() {
                Ok(guard) => guard,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return None,
            }
        } else {
            // Every holder of this lock runs in this process and will let go.
            self.slots[slot].lock().unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(owned) = guard.as_ref()
            && owned.pid == pid
        {
            return Some(Arc::clone(&owned.value));
        }
        let value = Arc::new(init());
        let ancestors = guard.replace(Owned { pid, value: Arc::clone(&value) });
        std::mem::forget(ancestors);
        Some(value)
    }

    /// The slot of this process, and whether an ancestor may have used it before.
    fn slot_of(&self, pid: u32) -> (usize, bool) {
        let mut seen = self.generation.load(Ordering::Acquire);
        loop {
            let number = seen & u64::from(u32::MAX);
            let locate = |number: u64| (number as usize % SLOTS, number as usize >= SLOTS);
            if seen != 0 && seen >> 32 == u64::from(pid) {
                return locate(number);
            }
            let next_number = if seen == 0 { 0 } else { number + 1 };
            let next = u64::from(pid) << 32 | next_number;
            match self.generation.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return locate(next_number),
                Err(now) => seen = now,
            }
        }
    }
}

impl<T> Default for PerProcess<T> {
    fn default() -> Self {
        Self::new()
    }
}
