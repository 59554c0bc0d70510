//! The objects that clients hold in standalone mode: handles and descriptors.
//!
//! What a client gets is no address but a key: a cookie that marks it as ours, the kind of object,
//! and a serial number that is never given out twice. So a NULL, stale, foreign or mistyped
//! "pointer" is told by looking it up, and nothing that a client passes is ever dereferenced. The
//! keys lie outside the address range of user space, so a client that dereferences one, which
//! MIOpen's API gives it no means to do, stops at that line.
#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Non-canonical on x86-64: no mapping can ever have it.
const COOKIE: u64 = 0xB1A5 << 48;
const KIND_SHIFT: u32 = 44;
/// Keys are multiples of 16, as addresses of heap objects are: clients that check alignment stay
/// content.
const SERIAL_SHIFT: u32 = 4;
/// As many as threads are likely to look objects up at once; a look-up holds its shard for tens of
/// nanoseconds.
const SHARDS: usize = 16;

type Shard<T> = RwLock<BTreeMap<u64, Arc<T>>>;

/// All live objects of one kind. An object never changes: it is replaced. So nobody holds a lock
/// while working with one, and [`HeldAcrossFork`] covers every lock there is.
pub(super) struct Table<T> {
    kind: u64,
    name: &'static str,
    /// Whether it also has entries for objects of the real library, under their addresses.
    has_foreign: bool,
    next_serial: AtomicU64,
    shards: [Shard<T>; SHARDS],
}

impl<T> Table<T> {
    /// `kind` is below 16 and differs between tables.
    pub const fn new(kind: u64, name: &'static str) -> Table<T> {
        Table::made(kind, name, false)
    }

    const fn made(kind: u64, name: &'static str, has_foreign: bool) -> Table<T> {
        Table {
            kind,
            name,
            has_foreign,
            next_serial: AtomicU64::new(1),
            shards: [const { RwLock::new(BTreeMap::new()) }; SHARDS],
        }
    }

    /// The same, with room for what is noted of the real library's objects.
    pub const fn with_foreign(kind: u64, name: &'static str) -> Table<T> {
        Table::made(kind, name, true)
    }

    /// Notes something of the real library's object at that address.
    pub fn note(&self, address: u64, object: T) {
        let shard = &self.shards[shard_index(address)];
        shard.write().unwrap_or_else(PoisonError::into_inner).insert(address, Arc::new(object));
    }

    /// Keeps the object; the key is the client's "pointer" to it.
    pub fn insert(&self, object: T) -> u64 {
        let serial = self.next_serial.fetch_add(1, Ordering::Relaxed);
        let key = COOKIE | (self.kind << KIND_SHIFT) | (serial << SERIAL_SHIFT);
        let shard = &self.shards[shard_index(key)];
        shard.write().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::new(object));
        key
    }

    /// The live object of that key. It lives on while used, even if another thread destroys it.
    pub fn get(&self, key: u64) -> Result<Arc<T>> {
        let shard = self.shard(key)?.read().unwrap_or_else(PoisonError::into_inner);
        shard.get(&key).cloned().ok_or_else(|| self.complain(key))
    }

    /// Replaces the object by what `change` makes of it; a failure leaves it as it was.
    pub fn replace(&self, key: u64, change: impl FnOnce(&T) -> Result<T>) -> Result<()> {
        let mut shard = self.shard(key)?.write().unwrap_or_else(PoisonError::into_inner);
        let object = shard.get_mut(&key).ok_or_else(|| self.complain(key))?;
        *object = Arc::new(change(object)?);
        Ok(())
    }

    /// Forgets the object. NULL is fine, as in the real library.
    pub fn remove(&self, key: u64) -> Result<()> {
        if key == 0 {
            return Ok(());
        }
        let removed = {
            let mut shard = self.shard(key)?.write().unwrap_or_else(PoisonError::into_inner);
            shard.remove(&key)
        };
        removed.map(drop).ok_or_else(|| self.complain(key))
    }

    /// Where an object of that key lives. What cannot be a key of ours is refused without a lock,
    /// which matters before the first object of all: only then are locks held across a fork.
    fn shard(&self, key: u64) -> Result<&Shard<T>> {
        if !self.is_of_this_kind(key) && (!self.has_foreign || key == 0) {
            return Err(self.complain(key));
        }
        Ok(&self.shards[shard_index(key)])
    }

    /// Whether the key is one of ours, alive or not; what is none may be the real library's.
    pub fn is_of_this_kind(&self, key: u64) -> bool {
        key >> KIND_SHIFT == (COOKIE >> KIND_SHIFT | self.kind)
    }

    fn complain(&self, key: u64) -> Error {
        let name = self.name;
        Error::bad_parm(match key {
            0 => format!("{name} is NULL"),
            _ if self.is_of_this_kind(key) => {
                format!("{name} {key:#x} has been destroyed")
            }
            _ => format!("{key:#x} is not a {name} of this library"),
        })
    }
}

fn shard_index(key: u64) -> usize {
    (key >> SERIAL_SHIFT) as usize % SHARDS
}

/// The key that a client's object pointer is.
pub(super) fn key_of<T>(object: *const T) -> u64 {
    object.addr() as u64
}

/// The object pointer that a client gets.
pub(super) fn pointer_of<T>(key: u64) -> *mut T {
    std::ptr::without_provenance_mut(key as usize)
}

/// Locks that a `fork` must not catch in other threads' hands, since nobody would release them in
/// the child. `before` takes them all, `after` releases them, in parent and child.
pub(super) trait HeldAcrossFork: Sync {
    fn hold(&'static self, held: &mut Vec<Box<dyn std::any::Any>>);
}

impl<T: Send + Sync + 'static> HeldAcrossFork for Table<T> {
    fn hold(&'static self, held: &mut Vec<Box<dyn std::any::Any>>) {
        for shard in &self.shards {
            held.push(Box::new(shard.write().unwrap_or_else(PoisonError::into_inner)));
        }
    }
}

thread_local! {
    static HELD: RefCell<Vec<Box<dyn std::any::Any>>> = const { RefCell::new(Vec::new()) };
}

/// Takes the locks of the tables, in the thread that is about to fork.
pub(super) fn hold_for_fork(tables: &[&'static dyn HeldAcrossFork]) {
    let _ = HELD.try_with(|held| {
        let mut held = held.borrow_mut();
        tables.iter().for_each(|table| table.hold(&mut held));
    });
}

/// Releases them, in the parent and in the child.
pub(super) fn release_after_fork() {
    let _ = HELD.try_with(|held| held.borrow_mut().clear());
}

#[cfg(test)]
mod tests {
    use super::*;

    static NUMBERS: Table<i32> = Table::new(1, "number");
    static WORDS: Table<&str> = Table::new(2, "word");

    #[test]
    fn only_live_keys_of_the_right_kind_are_found() {
        let number = NUMBERS.insert(7);
        let word = WORDS.insert("seven");
        assert_eq!(*NUMBERS.get(number).unwrap(), 7);
        for wrong in [0, 0x1234, word, number + 16, u64::MAX] {
            assert!(NUMBERS.get(wrong).is_err(), "{wrong:#x}");
        }
        NUMBERS.remove(number).unwrap();
        assert!(NUMBERS.get(number).unwrap_err().context.contains("has been destroyed"));
        assert!(NUMBERS.remove(number).is_err());
        assert!(NUMBERS.remove(0).is_ok());
    }

    #[test]
    fn a_key_is_never_given_out_twice() {
        static TABLE: Table<()> = Table::new(3, "unit");
        let stale = TABLE.insert(());
        TABLE.remove(stale).unwrap();
        assert!((0..1000).all(|_| TABLE.insert(()) != stale));
        assert!(TABLE.get(stale).is_err());
    }

    #[test]
    fn a_failing_change_leaves_the_object() {
        let key = NUMBERS.insert(1);
        let seen = NUMBERS.get(key).unwrap();
        NUMBERS.replace(key, |number| Ok(number + 1)).unwrap();
        assert!(NUMBERS.replace(key, |_| Err(Error::bad_parm("no"))).is_err());
        assert_eq!((*seen, *NUMBERS.get(key).unwrap()), (1, 2));
        NUMBERS.remove(key).unwrap();
        assert!(NUMBERS.replace(key, |number| Ok(*number)).is_err());
    }

    #[test]
    fn an_object_outlives_its_destruction_while_used() {
        let key = NUMBERS.insert(1);
        let used = NUMBERS.get(key).unwrap();
        NUMBERS.remove(key).unwrap();
        assert_eq!(*used, 1);
    }
}
