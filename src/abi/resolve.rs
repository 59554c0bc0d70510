//! Points a slot at its target, at the first call of its function.

use super::backend::{self, Backend};
use super::entries::{FUNCTIONS, Function, SLOTS};
use super::guard;
use super::proxy;
use crate::error::{Error, Status};
use crate::trace;
use std::arch::naked_asm;
use std::cell::Cell;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering};

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
    match chosen.unwrap_or_else(|_| Err("a panic".into())) {
        Ok(target) => {
            SLOTS[index].store(target.cast_mut(), Ordering::Release);
            target
        }
        // The slot stays as it is, so that each call says what is missing.
        Err(reason) => {
            let _ = catch_unwind(|| complain(index, reason));
            stand_in(function)
        }
    }
}

/// The function to run, or why there is none.
fn choose(function: &Function) -> Result<*const (), String> {
    match backend::backend() {
        Backend::Proxy(real) => {
            let in_front = function.in_front.filter(|_| proxy::is_wanted());
            let target = in_front.or_else(|| real.function(function.name));
            target
                .or_else(|| function.alone.filter(|_| is_string(function)))
                .ok_or_else(|| format!("is not in {}", real.path().display()))
        }
        Backend::Standalone => {
            function.alone.ok_or_else(|| "needs a real libMIOpen, and there is none".to_owned())
        }
    }
}

/// Tells everybody once, and afterwards whoever wants to know of failures.
fn complain(index: usize, reason: String) {
    static TOLD: [AtomicBool; FUNCTIONS.len()] =
        [const { AtomicBool::new(false) }; FUNCTIONS.len()];
    let name = FUNCTIONS[index].name.to_string_lossy();
    let error = Error::not_implemented(reason);
    if TOLD[index].swap(true, Ordering::Relaxed) {
        guard::remember(&name, &error);
    } else {
        trace::line(&format!("{name} {}: {}", error.context, error.status.name()));
        guard::keep(&name, &error);
    }
}

/// The one function whose result is a string, for which no status can stand. Ours needs nothing
/// but its argument, so it serves whoever else answers.
fn is_string(function: &Function) -> bool {
    function.name == c"miopenGetErrorString"
}

/// What answers for a function that cannot be had now.
fn stand_in(function: &Function) -> *const () {
    match function.alone {
        Some(ours) if is_string(function) => ours,
        _ => not_implemented as *const (),
    }
}

/// Stands in for any function that returns a status: it reads no argument.
extern "C" fn not_implemented() -> u32 {
    Status::NotImplemented as u32
}
