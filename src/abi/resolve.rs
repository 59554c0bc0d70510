//! Points a slot at its target, at the first call of its function.

use super::backend::{self, Backend};
use super::entries::{FUNCTIONS, Function, SLOTS};
use crate::error::Status;
use crate::trace;
use std::arch::naked_asm;
use std::cell::Cell;
use std::panic::catch_unwind;
use std::sync::atomic::Ordering;

/// Entered by a jump from a resolver stub, with the slot's index in r11 and the caller's arguments
/// in place. Keeps the argument registers (six integer, eight vector, rax for the sake of
/// completeness), has the slot resolved, and jumps on as if nothing had been between.
#[unsafe(naked)]
pub(super) unsafe extern "C" fn save_arguments_and_resolve() {
    naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        // 7 integer registers, 8 vector registers, and 8 bytes that keep the stack aligned.
        "sub rsp, 192",
        "mov [rsp], rdi",
        "mov [rsp + 8], rsi",
        "mov [rsp + 16], rdx",
        "mov [rsp + 24], rcx",
        "mov [rsp + 32], r8",
        "mov [rsp + 40], r9",
        "mov [rsp + 48], rax",
        "movups [rsp + 64], xmm0",
        "movups [rsp + 80], xmm1",
        "movups [rsp + 96], xmm2",
        "movups [rsp + 112], xmm3",
        "movups [rsp + 128], xmm4",
        "movups [rsp + 144], xmm5",
        "movups [rsp + 160], xmm6",
        "movups [rsp + 176], xmm7",
        "mov edi, r11d",
        "call {resolve}",
        "mov r11, rax",
        "mov rdi, [rsp]",
        "mov rsi, [rsp + 8]",
        "mov rdx, [rsp + 16]",
        "mov rcx, [rsp + 24]",
        "mov r8, [rsp + 32]",
        "mov r9, [rsp + 40]",
        "mov rax, [rsp + 48]",
        "movups xmm0, [rsp + 64]",
        "movups xmm1, [rsp + 80]",
        "movups xmm2, [rsp + 96]",
        "movups xmm3, [rsp + 112]",
        "movups xmm4, [rsp + 128]",
        "movups xmm5, [rsp + 144]",
        "movups xmm6, [rsp + 160]",
        "movups xmm7, [rsp + 176]",
        "leave",
        "jmp r11",
        resolve = sym resolve,
    )
}

thread_local! {
    static RESOLVING: Cell<bool> = const { Cell::new(false) };
}

extern "C" fn resolve(index: u32) -> *const () {
    target_of(index as usize)
}

fn target_of(index: usize) -> *const () {
    // The real library's initialisers, which run while we open it, may call an MIOpen function
    // that the loader bound to us. There is nothing to send that call to yet.
    let function = &FUNCTIONS[index];
    if RESOLVING.replace(true) {
        return stand_in(function);
    }
    // A panic must not cross the caller's frames.
    let chosen = catch_unwind(|| choose(function));
    RESOLVING.set(false);
    let (target, missing) = chosen.unwrap_or_else(|_| (stand_in(function), None));

    let before = SLOTS[index].swap(target.cast_mut(), Ordering::AcqRel);
    let first = !std::ptr::eq(before, target);
    if let (Some(missing), true) = (missing, first) {
        trace::line(&missing);
    }
    target
}

/// The function to run, and what a person should know where there is none.
fn choose(function: &Function) -> (*const (), Option<String>) {
    let name = function.name.to_string_lossy();
    match backend::backend() {
        Backend::Proxy(real) => match real.function(function.name) {
            Some(target) => (target, None),
            None => {
                let path = real.path().display();
                (
                    stand_in(function),
                    Some(format!("{name} is not in {path}: miopenStatusNotImplemented")),
                )
            }
        },
        Backend::Standalone => match function.own {
            Some(target) => (target, None),
            None => (
                stand_in(function),
                Some(format!(
                    "{name} needs a real libMIOpen, and there is none: miopenStatusNotImplemented"
                )),
            ),
        },
    }
}

/// What answers for a function that cannot be had now.
fn stand_in(function: &Function) -> *const () {
    match function.own {
        // The one function whose result is a string, for which no status can stand. Ours needs
        // nothing but its argument, so it serves whoever else answers.
        Some(ours) if function.name == c"miopenGetErrorString" => ours,
        _ => not_implemented as *const (),
    }
}

/// Stands in for any function that returns a status: it reads no argument.
extern "C" fn not_implemented() -> u32 {
    Status::NotImplemented as u32
}
