//! Plans and measured times, by problem.
//!
//! Bounded and sharded. The cache belongs to the process: a forked child
//! starts with an empty one (see [`PerProcess`]), so no lock that another
//! thread held at the fork is ever waited for. Where no cache is to be had,
//! plans are made anew each time.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::Result;
use crate::per_process::PerProcess;
use crate::problem::ConvProblem;
use crate::solver::{Algorithm, Context, Plan, SolverId};

/// Problems kept. A large network has some hundred distinct layers in three
/// directions; a plan holds a few kilobytes of offsets.
const CAPACITY: usize = 1024;

/// Shards, so that threads on different problems seldom meet.
const SHARDS: usize = 8;

type Key = (ConvProblem, Context);

#[derive(Default)]
struct Entry {
    plans: Vec<(SolverId, Arc<dyn Plan>)>,
    times_us: Vec<(SolverId, f64)>,
    /// What was chosen among the solvers of a family, or of all.
    choices: Vec<(Option<Algorithm>, SolverId)>,
    last_use: u64,
}

struct Cache {
    hasher: RandomState,
    clock: AtomicU64,
    shards: [Mutex<HashMap<Key, Entry>>; SHARDS],
}

static CACHE: PerProcess<Cache> = PerProcess::new();

impl Cache {
    fn new() -> Self {
        Cache {
            hasher: RandomState::new(),
            clock: AtomicU64::new(0),
            shards: std::array::from_fn(|_| Mutex::new(HashMap::new())),
        }
    }

    fn shard(&self, key: &Key) -> MutexGuard<'_, HashMap<Key, Entry>> {
        let shard = self.hasher.hash_one(key) as usize % SHARDS;
        // An entry is never left half-written, so a panic elsewhere spoils nothing.
        self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the entry of `key`, if there is one.
    fn read<R>(&self, key: &Key, look: impl FnOnce(&Entry) -> Option<R>) -> Option<R> {
        let mut shard = self.shard(key);
        let entry = shard.get_mut(key)?;
        entry.last_use = self.clock.fetch_add(1, Ordering::Relaxed);
        look(entry)
    }

    /// Changes the entry of `key`, made if need be; the oldest one of the shard makes room.
    fn write(&self, key: Key, change: impl FnOnce(&mut Entry)) {
        let mut shard = self.shard(&key);
        if shard.len() >= CAPACITY / SHARDS
            && !shard.contains_key(&key)
            && let Some(oldest) =
                shard.iter().min_by_key(|(_, entry)| entry.last_use).map(|(key, _)| key.clone())
        {
            shard.remove(&oldest);
        }
        let entry = shard.entry(key).or_default();
        entry.last_use = self.clock.fetch_add(1, Ordering::Relaxed);
        change(entry);
    }
}

fn put<V>(list: &mut Vec<(SolverId, V)>, solver: SolverId, value: V) {
    list.retain(|(id, _)| *id != solver);
    list.push((solver, value));
}

/// The cached plan, else the one that `make` makes.
pub fn plan(
    problem: &ConvProblem,
    context: &Context,
    solver: SolverId,
    make: impl FnOnce() -> Result<Arc<dyn Plan>>,
) -> Result<Arc<dyn Plan>> {
    let Some(cache) = CACHE.get(Cache::new) else {
        return make();
    };
    let key = (problem.clone(), context.clone());
    let known = cache.read(&key, |entry| {
        entry.plans.iter().find(|(id, _)| *id == solver).map(|(_, plan)| Arc::clone(plan))
    });
    if let Some(plan) = known {
        return Ok(plan);
    }
    // Made outside the lock: two threads may do it twice, none waits for long.
    let plan = make()?;
    cache.write(key, |entry| put(&mut entry.plans, solver, Arc::clone(&plan)));
    Ok(plan)
}

/// Stores what Find measured.
pub fn remember_time(problem: &ConvProblem, context: &Context, solver: SolverId, time_us: f64) {
    if let Some(cache) = CACHE.get(Cache::new) {
        let key = (problem.clone(), context.clone());
        cache.write(key, |entry| {
            put(&mut entry.times_us, solver, time_us);
            entry.choices.clear();
        });
    }
}

/// What Find measured, if it did.
pub fn measured_time_us(problem: &ConvProblem, context: &Context, solver: SolverId) -> Option<f64> {
    let key = (problem.clone(), context.clone());
    CACHE.get(Cache::new)?.read(&key, |entry| {
        entry.times_us.iter().find(|(id, _)| *id == solver).map(|&(_, time_us)| time_us)
    })
}

/// What [`remember_choice`] stored, unless a time was measured since.
pub fn choice(
    problem: &ConvProblem,
    context: &Context,
    family: Option<Algorithm>,
) -> Option<SolverId> {
    let key = (problem.clone(), context.clone());
    CACHE.get(Cache::new)?.read(&key, |entry| {
        entry.choices.iter().find(|(known, _)| *known == family).map(|&(_, id)| id)
    })
}

/// Stores the solver chosen by estimates and times, which take a while to compare.
pub fn remember_choice(
    problem: &ConvProblem,
    context: &Context,
    family: Option<Algorithm>,
    solver: SolverId,
) {
    if let Some(cache) = CACHE.get(Cache::new) {
        let key = (problem.clone(), context.clone());
        cache.write(key, |entry| {
            entry.choices.retain(|(known, _)| *known != family);
            entry.choices.push((family, solver));
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{ConvDesc, DataType, Direction, TensorDesc};

    fn key(n: usize) -> Key {
        let one = TensorDesc::packed(DataType::F32, &[1, 1, 1, 1]).unwrap();
        let image = TensorDesc::packed(DataType::F32, &[n, 1, 1, 1]).unwrap();
        let conv = ConvDesc::default();
        let problem = ConvProblem::new(Direction::Fwd, image, one, image, &conv).unwrap();
        (problem, Context::new(None))
    }

    fn time_of(cache: &Cache, n: usize) -> Option<f64> {
        cache.read(&key(n), |entry| entry.times_us.first().map(|&(_, time_us)| time_us))
    }

    #[test]
    fn old_entries_make_room() {
        let cache = Cache::new();
        for n in 1..=3 * CAPACITY {
            cache.write(key(n), |entry| put(&mut entry.times_us, SolverId(1), n as f64));
            // What is used often stays.
            assert_eq!(time_of(&cache, 1), Some(1.0));
        }
        let lengths = cache.shards.iter().map(|shard| shard.lock().unwrap().len());
        assert!(lengths.sum::<usize>() <= CAPACITY);
        assert_eq!(time_of(&cache, 3 * CAPACITY), Some(3.0 * CAPACITY as f64));
        assert_eq!(time_of(&cache, 2), None);
    }

    #[test]
    fn newer_values_replace() {
        let cache = Cache::new();
        for time_us in [5.0, 3.0] {
            cache.write(key(1), |entry| put(&mut entry.times_us, SolverId(1), time_us));
            cache.write(key(1), |entry| put(&mut entry.times_us, SolverId(2), 1.0));
        }
        let times = cache.read(&key(1), |entry| Some(entry.times_us.clone())).unwrap();
        assert_eq!(times.len(), 2);
        assert!(times.contains(&(SolverId(1), 3.0)));
    }
}
