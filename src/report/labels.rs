//! Labels: which layer a thread is in, as the program says.
//!
//! Each thread has a stack of them, since layers contain layers; the innermost one counts. A label
//! is interned once and then is a number, so a call pays nothing for having one.
#![forbid(unsafe_code)]

use super::table::{Table, mix};
use std::cell::Cell;
use std::sync::OnceLock;

/// Distinct labels kept; a network has some hundred layers.
const CAPACITY: usize = 4096;

/// Bytes of a label that are kept.
pub const LABEL_BYTES: usize = 255;

/// Labels that a thread's stack holds. Deeper ones are counted, so that the pops that belong to
/// them take nothing away, and have no effect.
pub const LABEL_DEPTH: usize = 32;

/// What stands for labels beyond [`CAPACITY`].
const TOO_MANY: &str = "(more labels)";

/// An interned label; the default is that there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Label(u32);

const NONE: u32 = 0;
const OTHERS: u32 = u32::MAX;

static LABELS: OnceLock<Table<Box<str>>> = OnceLock::new();

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static STACK: [Cell<u32>; LABEL_DEPTH] = const { [const { Cell::new(NONE) }; LABEL_DEPTH] };
}

impl Label {
    /// The innermost label of this thread.
    pub fn current() -> Label {
        let depth = DEPTH.with(Cell::get).min(LABEL_DEPTH);
        Label(if depth == 0 { NONE } else { STACK.with(|stack| stack[depth - 1].get()) })
    }

    pub fn number(self) -> u64 {
        self.0.into()
    }

    /// Its text; empty where there is none.
    pub fn text(self) -> &'static str {
        match self.0 {
            NONE => "",
            OTHERS => TOO_MANY,
            number => LABELS
                .get()
                .and_then(|labels| labels.get(number as usize - 1))
                .map_or("", |text| text),
        }
    }

    fn intern(text: &str) -> Label {
        let text = cut(text);
        if text.is_empty() {
            return Label(NONE);
        }
        // Made outside the cell's lock, so that a `fork` finds the lock free.
        let labels = match LABELS.get() {
            Some(labels) => labels,
            None => {
                let table = Table::new(CAPACITY);
                LABELS.get_or_init(|| table)
            }
        };
        let hash = text.bytes().fold(0, |hash, byte| mix(hash, byte.into()));
        let found = labels.find_or_insert(hash, |known| **known == *text, || text.into());
        Label(found.map_or(OTHERS, |(index, _)| index as u32 + 1))
    }
}

/// The first [`LABEL_BYTES`] of a text, less a character that would be cut in two.
fn cut(text: &str) -> &str {
    let end = (0..=LABEL_BYTES.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

/// Calls of this thread belong to this label, until [`pop_label`]. An empty label means none.
pub fn push_label(text: &str) {
    let depth = DEPTH.with(Cell::get);
    if depth < LABEL_DEPTH {
        STACK.with(|stack| stack[depth].set(Label::intern(text).0));
    }
    DEPTH.with(|place| place.set(depth + 1));
}

/// Takes back the latest [`push_label`] of this thread; false where there is none.
pub fn pop_label() -> bool {
    DEPTH.with(|place| match place.get().checked_sub(1) {
        Some(depth) => {
            place.set(depth);
            true
        }
        None => false,
    })
}

/// The innermost label of this thread; empty where there is none.
pub fn current_label() -> &'static str {
    Label::current().text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_label_counts() {
        assert_eq!(current_label(), "");
        push_label("outer");
        push_label("inner");
        assert_eq!(current_label(), "inner");
        let other = std::thread::spawn(current_label).join().unwrap();
        assert_eq!(other, "", "another thread has labels of its own");
        assert!(pop_label());
        assert_eq!(current_label(), "outer");
        push_label("");
        assert_eq!(current_label(), "");
        assert!(pop_label() && pop_label() && !pop_label());
    }

    #[test]
    fn labels_too_deep_do_not_disturb_the_others() {
        for depth in 0..LABEL_DEPTH + 5 {
            push_label(&format!("level {depth}"));
        }
        assert_eq!(current_label(), format!("level {}", LABEL_DEPTH - 1));
        (0..LABEL_DEPTH + 4).for_each(|_| assert!(pop_label()));
        assert_eq!(current_label(), "level 0");
        assert!(pop_label());
    }

    #[test]
    fn a_long_label_is_cut_between_characters() {
        push_label(&"ä".repeat(LABEL_BYTES));
        assert_eq!(current_label(), "ä".repeat(LABEL_BYTES / 2));
        assert!(pop_label());
    }
}
