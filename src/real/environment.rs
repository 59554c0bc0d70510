//! Variables for the real library, set in the process that it is about to be loaded into.

use std::ffi::{CString, c_char};
use std::sync::atomic::{AtomicPtr, Ordering};

unsafe extern "C" {
    /// The environment of the process (`environ(7)`): pointers to `NAME=value`, the last one null.
    static environ: AtomicPtr<*mut c_char>;
}

/// Adds variables that are not set. Those that the caller finds set already are not to be passed.
///
/// Other threads of the host may read the environment at this moment, which makes `setenv` unsafe:
/// it may free the table that they walk. So a new table is made, and takes the place of the old one
/// in one step; the old one is left as it is, for ever, and so are the new entries. A thread that
/// calls `setenv` at the very same time gets its own way: then the step is tried again on its
/// table.
pub fn set_before_load(variables: &[(&str, &str)]) {
    let entries: Vec<*mut c_char> = variables
        .iter()
        .filter_map(|(name, value)| CString::new(format!("{name}={value}")).ok())
        .map(CString::into_raw)
        .collect();
    if entries.is_empty() {
        return;
    }
    // SAFETY: the C library's own variable, a pointer at its alignment.
    let place: &AtomicPtr<*mut c_char> = unsafe { &environ };
    loop {
        let old = place.load(Ordering::Acquire);
        let mut table: Vec<*mut c_char> = Vec::new();
        // SAFETY: the table ends with a null pointer; it is read as `getenv` reads it, entry by
        // entry, and no string is looked at.
        unsafe {
            let mut at = old;
            while !at.is_null() && !(*at).is_null() {
                table.push(*at);
                at = at.add(1);
            }
        }
        table.extend_from_slice(&entries);
        table.push(std::ptr::null_mut());
        let new = Box::leak(table.into_boxed_slice()).as_mut_ptr();
        if place.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env::var_os;

    #[test]
    fn variables_are_added_and_the_others_stay() {
        let before: Vec<_> = std::env::vars_os().collect();
        set_before_load(&[("MIOPEN_TEST_ONE", "1"), ("MIOPEN_TEST_TWO", "two words")]);
        assert_eq!(var_os("MIOPEN_TEST_ONE").unwrap(), "1");
        assert_eq!(var_os("MIOPEN_TEST_TWO").unwrap(), "two words");
        for (name, value) in before {
            assert_eq!(var_os(&name), Some(value));
        }
        // The C library goes on from our table.
        // SAFETY: the other threads of this program read the environment through the standard
        // library, which lets no one read while it writes.
        unsafe { std::env::set_var("MIOPEN_TEST_THREE", "3") };
        let all = ["MIOPEN_TEST_ONE", "MIOPEN_TEST_TWO", "MIOPEN_TEST_THREE", "PATH"];
        assert!(all.iter().all(|name| var_os(name).is_some()));

        // Those who read meanwhile are not disturbed.
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..20_000).for_each(|_| assert!(var_os("PATH").is_some())));
            }
            (0..200).for_each(|_| set_before_load(&[("MIOPEN_TEST_AGAIN", "1")]));
        });
    }
}
