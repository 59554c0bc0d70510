//! The exported functions, written out by `build.rs` from the joined table: for each a trampoline,
//! a slot, and a stub that resolves the slot.

use super::own;
use super::resolve::save_arguments_and_resolve;
use crate::sys::signature;
use std::arch::naked_asm;
use std::ffi::CStr;
use std::sync::atomic::AtomicPtr;

/// Where a trampoline jumps to. It starts at the function's own resolver stub.
pub(super) type Slot = AtomicPtr<()>;

/// One row of the table.
pub(super) struct Function {
    pub name: &'static CStr,
    /// Ours where we stand alone, with the header's exact type behind the address.
    pub alone: Option<*const ()>,
    /// Ours in front of the real library's, where there is something to guard.
    pub in_front: Option<*const ()>,
}

// SAFETY: the addresses are those of code.
unsafe impl Sync for Function {}

macro_rules! trampoline {
    ($name:ident, $resolve:ident, $index:literal, $symver:literal) => {
        // The signature is the caller's and the target's affair: no register is touched.
        // `.symver` stands here because it must be in the object file that defines the symbol.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name() {
            naked_asm!(
                $symver,
                "jmp qword ptr [rip + {slots} + 8 * {index}]",
                slots = sym SLOTS,
                index = const $index,
            )
        }

        // r11 is the one register that the calling convention leaves to stubs like this.
        #[unsafe(naked)]
        unsafe extern "C" fn $resolve() {
            naked_asm!(
                "mov r11d, {index}",
                "jmp {resolve}",
                index = const $index,
                resolve = sym save_arguments_and_resolve,
            )
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/entries.rs"));
include!(concat!(env!("OUT_DIR"), "/real_functions.rs"));
