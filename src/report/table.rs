//! A bounded table that only grows: readers and writers never wait for each other.
//!
//! A slot is claimed by one atomic flag before it is filled, so nobody can be waiting for a slot,
//! and a `fork` in the middle of an insertion costs the child that slot and nothing else. Two
//! threads that insert equal values at once may both succeed; whoever reads the table adds up
//! equal values.
#![forbid(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Slots that are looked at for one value. With tables at most half full the expected number is
/// below 2; a table in which this many neighbours are taken is as good as full.
const PROBES: usize = 32;

/// See the module.
pub(super) struct Table<T> {
    slots: Box<[Slot<T>]>,
}

struct Slot<T> {
    is_claimed: AtomicBool,
    value: OnceLock<Box<(u64, T)>>,
}

impl<T> Table<T> {
    /// A table of `capacity` slots, which is a power of two.
    pub fn new(capacity: usize) -> Self {
        debug_assert!(capacity.is_power_of_two());
        let slot = || Slot { is_claimed: AtomicBool::new(false), value: OnceLock::new() };
        Table { slots: (0..capacity).map(|_| slot()).collect() }
    }

    /// The value with this hash for which `is_equal` holds, or the one that `make` makes, and its
    /// index, which stays. `None` where the table is full.
    pub fn find_or_insert(
        &self,
        hash: u64,
        is_equal: impl Fn(&T) -> bool,
        make: impl FnOnce() -> T,
    ) -> Option<(usize, &T)> {
        let mask = self.slots.len() - 1;
        for probe in 0..PROBES.min(self.slots.len()) {
            let index = (hash as usize).wrapping_add(probe) & mask;
            let slot = &self.slots[index];
            match slot.value.get() {
                Some(entry) if entry.0 == hash && is_equal(&entry.1) => {
                    return Some((index, &entry.1));
                }
                Some(_) => {}
                None if !slot.is_claimed.swap(true, Ordering::Relaxed) => {
                    // Only who claimed the slot comes here, so this waits for nobody.
                    let entry = slot.value.get_or_init(|| Box::new((hash, make())));
                    return Some((index, &entry.1));
                }
                // Another thread is filling it, or was when this process was forked.
                None => {}
            }
        }
        None
    }

    /// The value at an index that [`Table::find_or_insert`] gave.
    pub fn get(&self, index: usize) -> Option<&T> {
        self.slots.get(index)?.value.get().map(|entry| &entry.1)
    }

    /// All values that are there.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(|slot| slot.value.get().map(|entry| &entry.1))
    }
}

/// Mixes a word into a hash: the multiplier of the 64-bit golden ratio, and the upper bits brought
/// down, since slots are chosen by the lower ones.
pub(super) fn mix(hash: u64, word: u64) -> u64 {
    let product = (hash ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    product ^ (product >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_a_slot_and_others_do_not() {
        let table = Table::new(64);
        let find = |value: u32, hash: u64| {
            table.find_or_insert(hash, |other| *other == value, || value).map(|(index, _)| index)
        };
        let first = find(1, 7).unwrap();
        assert_eq!(find(1, 7), Some(first));
        assert_ne!(find(2, 7), Some(first), "the same hash, another value");
        assert_eq!(table.get(first), Some(&1));
        assert_eq!(table.iter().count(), 2);
    }

    #[test]
    fn a_full_table_says_so_and_keeps_what_it_has() {
        let table = Table::new(16);
        let find = |value: u64| table.find_or_insert(value, |o| *o == value, || value).is_some();
        assert!((0..16).all(find));
        assert!(!find(16));
        assert!((0..16).all(find));
    }

    #[test]
    fn threads_together_lose_nothing() {
        let table = Table::new(1024);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for value in 0..300u64 {
                        let hash = mix(0, value);
                        let found = table.find_or_insert(hash, |o| *o == value, || value);
                        assert_eq!(found.map(|(_, value)| *value), Some(value));
                    }
                });
            }
        });
        let mut values: Vec<u64> = table.iter().copied().collect();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values, (0..300).collect::<Vec<_>>());
    }
}
