//! What the lines of a journal come to.
#![forbid(unsafe_code)]

use super::Learned;
use super::owner::{Life, life};
use super::record::{Cause, Owner, Record};
use std::collections::HashMap;

/// Problems remembered. A large network has some hundred layers in three directions.
const PROBLEMS_AT_MOST: usize = 4096;

/// A run of a problem that takes longer than this is taken for hung by others. Searches of the real
/// library may take as long; then the others lose speed, and nothing else.
const SUSPECT_AFTER_S: u64 = 60;

/// A run of a process that cannot be looked up is given up after this time.
const GIVEN_UP_AFTER_S: u64 = 600;

/// What is known of a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub learned: Learned,
    pub cause: Option<Cause>,
    /// When it went wrong; 0 where it did not.
    pub at_unix_s: u64,
    /// Position among all that is known: later ones are kept rather than earlier ones.
    order: usize,
}

/// A run that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Open {
    key: String,
    at_unix_s: u64,
}

/// All that a journal says.
#[derive(Clone, Debug, Default)]
pub struct State {
    known: HashMap<String, Known>,
    open: HashMap<(Owner, u64), Open>,
    order: usize,
}

impl State {
    /// Takes a line's word.
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Begin { owner, number, at_unix_s, key } => {
                self.open.insert((owner, number), Open { key, at_unix_s });
            }
            Record::Done { owner, number } => {
                if let Some(open) = self.open.remove(&(owner, number)) {
                    // A process that came through does not clear what another one died of.
                    let is_bad =
                        self.known.get(&open.key).is_some_and(|one| one.learned == Learned::Bad);
                    if !is_bad {
                        self.learn(open.key, Learned::Proven, None, 0);
                    }
                }
            }
            Record::Void { owner, number } => {
                self.open.remove(&(owner, number));
            }
            Record::Failed { owner, number, at_unix_s } => {
                if let Some(open) = self.open.remove(&(owner, number)) {
                    self.learn(open.key, Learned::Bad, Some(Cause::Failed), at_unix_s);
                }
            }
            Record::Bad { cause, at_unix_s, key } => {
                self.learn(key, Learned::Bad, Some(cause), at_unix_s);
            }
            Record::Proven { key } => self.learn(key, Learned::Proven, None, 0),
        }
    }

    /// Takes what was found out by other means.
    pub fn learn(&mut self, key: String, learned: Learned, cause: Option<Cause>, at_unix_s: u64) {
        self.order += 1;
        self.known.insert(key, Known { learned, cause, at_unix_s, order: self.order });
    }

    /// What is known of the problem.
    pub fn of(&self, key: &str) -> Option<&Known> {
        self.known.get(key)
    }

    /// All that is known, in the order in which it was learned.
    pub fn all(&self) -> Vec<(&str, &Known)> {
        let mut all: Vec<_> = self.known.iter().map(|(key, known)| (key.as_str(), known)).collect();
        all.sort_by_key(|(_, known)| known.order);
        all
    }

    /// Runs that have begun.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// Turns the runs of processes that are no more into what they teach; gives the new records.
    pub fn settle(&mut self, now_unix_s: u64) -> Vec<Record> {
        let is_over = |owner: &Owner, open: &Open| match life(owner) {
            Life::Running => false,
            Life::Over => true,
            Life::Unknown => now_unix_s.saturating_sub(open.at_unix_s) > GIVEN_UP_AFTER_S,
        };
        let over: Vec<(Owner, u64)> = self
            .open
            .iter()
            .filter(|((owner, _), open)| is_over(owner, open))
            .map(|(id, _)| id.clone())
            .collect();
        let mut records = Vec::new();
        for id in over {
            let Some(open) = self.open.remove(&id) else { continue };
            let (key, at_unix_s) = (open.key, now_unix_s);
            records.push(Record::Bad { cause: Cause::Died, at_unix_s, key });
            records.push(Record::Void { owner: id.0, number: id.1 });
        }
        records.iter().cloned().for_each(|record| self.apply(record));
        records
    }

    /// Problems that other processes have been at for suspiciously long.
    pub fn suspects(&self, now_unix_s: u64) -> Vec<String> {
        let is_long = |open: &&Open| now_unix_s.saturating_sub(open.at_unix_s) > SUSPECT_AFTER_S;
        self.open.values().filter(is_long).map(|open| open.key.clone()).collect()
    }

    /// The fewest records that say the same; of too many, the oldest go, harmless ones first.
    pub fn records(&self) -> Vec<Record> {
        let mut kept = self.all();
        if kept.len() > PROBLEMS_AT_MOST {
            let mut surplus = kept.len() - PROBLEMS_AT_MOST;
            let mut drop_some = |is_meant: fn(&Known) -> bool| {
                kept.retain(|(_, known)| {
                    let goes = surplus > 0 && is_meant(known);
                    surplus -= usize::from(goes);
                    !goes
                });
            };
            drop_some(|known| known.learned != Learned::Bad);
            drop_some(|_| true);
        }
        let known = kept.into_iter().map(|(key, known)| {
            let key = key.to_owned();
            match known.cause {
                Some(cause) => Record::Bad { cause, at_unix_s: known.at_unix_s, key },
                None => Record::Proven { key },
            }
        });
        let open = self.open.iter().map(|((owner, number), open)| Record::Begin {
            owner: owner.clone(),
            number: *number,
            at_unix_s: open.at_unix_s,
            key: open.key.clone(),
        });
        known.chain(open).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::owner::this_process;

    fn begin(owner: &Owner, number: u64, key: &str) -> Record {
        Record::Begin { owner: owner.clone(), number, at_unix_s: 100, key: key.to_owned() }
    }

    fn learned(state: &State, key: &str) -> Learned {
        state.of(key).map_or(Learned::Nothing, |known| known.learned)
    }

    #[test]
    fn what_ends_is_proven_and_what_an_ended_process_left_open_is_bad() {
        let (dead, own) = (Owner("0.0.1.1".to_owned()), this_process());
        let mut state = State::default();
        state.apply(begin(&dead, 1, "a"));
        state.apply(begin(&dead, 2, "b"));
        state.apply(begin(&own, 1, "c"));
        state.apply(begin(&own, 2, "d"));
        state.apply(Record::Done { owner: dead.clone(), number: 1 });
        state.apply(Record::Void { owner: own.clone(), number: 2 });
        let added = state.settle(200);
        assert_eq!(added.len(), 2);
        assert_eq!(
            ["a", "b", "c", "d"].map(|key| learned(&state, key)),
            [Learned::Proven, Learned::Bad, Learned::Nothing, Learned::Nothing]
        );
        assert_eq!(state.settle(200), []);
        // A survivor does not lift it.
        state.apply(begin(&own, 3, "b"));
        state.apply(Record::Done { owner: own.clone(), number: 3 });
        assert_eq!(learned(&state, "b"), Learned::Bad);
        assert_eq!(state.suspects(160), Vec::<String>::new());
        assert_eq!(state.suspects(161), ["c"]);

        let mut again = State::default();
        state.records().into_iter().for_each(|record| again.apply(record));
        assert_eq!((again.known.len(), &again.open), (2, &state.open));
        assert_eq!(learned(&again, "b"), Learned::Bad);
    }

    #[test]
    fn an_error_is_remembered() {
        let own = this_process();
        let mut state = State::default();
        state.apply(begin(&own, 1, "a"));
        state.apply(Record::Failed { owner: own, number: 1, at_unix_s: 300 });
        let known = state.of("a").unwrap();
        assert_eq!((known.learned, known.cause), (Learned::Bad, Some(Cause::Failed)));
    }

    #[test]
    fn of_too_many_the_bad_stay() {
        let mut state = State::default();
        state.apply(Record::Bad { cause: Cause::Died, at_unix_s: 1, key: "bad".to_owned() });
        for number in 0..PROBLEMS_AT_MOST + 10 {
            state.apply(Record::Proven { key: format!("key {number}") });
        }
        let records = state.records();
        assert_eq!(records.len(), PROBLEMS_AT_MOST);
        assert!(matches!(&records[0], Record::Bad { key, .. } if key == "bad"));
        let last = format!("key {}", PROBLEMS_AT_MOST + 9);
        assert!(matches!(records.last(), Some(Record::Proven { key }) if *key == last));
    }
}
