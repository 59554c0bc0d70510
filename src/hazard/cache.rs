//! Verdicts already given, by problem and card.
//!
//! A table of fixed size, open addressing. Slots are written once and never emptied, so reading
//! takes no lock; what can change, the verdict, is one atomic word. A problem that finds no slot is
//! judged anew each time.
#![forbid(unsafe_code)]

use super::Verdict;
use crate::card::Card;
use crate::problem::{ConvProblem, Role};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Networks have some hundred distinct layers in three directions; at about a kilobyte a slot that
/// is in use.
const SLOTS: usize = 4096;

/// Places that a problem may take.
const WINDOW: usize = 16;

struct Entry {
    card: Card,
    problem: ConvProblem,
    word: AtomicU64,
}

static TABLE: [OnceLock<Box<Entry>>; SLOTS] = [const { OnceLock::new() }; SLOTS];

/// The verdict of that generation on the problem, else the one that `judge` comes to.
pub fn verdict(
    card: &Card,
    problem: &ConvProblem,
    generation: u32,
    judge: impl FnOnce() -> Verdict,
) -> Verdict {
    let first = hash(card, problem) as usize;
    for at in 0..WINDOW {
        match TABLE[(first + at) % SLOTS].get() {
            Some(entry) if entry.problem == *problem && entry.card == *card => {
                let word = entry.word.load(Ordering::Acquire);
                if (word >> 32) as u32 == generation {
                    return Verdict::unpack(word as u32);
                }
                let verdict = judge();
                entry.word.store(packed(verdict, generation), Ordering::Release);
                return verdict;
            }
            Some(_) => {}
            None => {
                let verdict = judge();
                insert(first + at, card, problem, packed(verdict, generation));
                return verdict;
            }
        }
    }
    judge()
}

fn packed(verdict: Verdict, generation: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(verdict.pack())
}

/// Into the slot, if it is still free. Where another thread was faster the problem is judged once
/// more.
fn insert(at: usize, card: &Card, problem: &ConvProblem, word: u64) {
    let (card, problem, word) = (*card, problem.clone(), AtomicU64::new(word));
    let _ = TABLE[at % SLOTS].set(Box::new(Entry { card, problem, word }));
}

/// Of the numbers in which problems differ most; equality looks at all of them.
fn hash(card: &Card, problem: &ConvProblem) -> u64 {
    // 2^64 / golden ratio: multiplicative hashing (Knuth, TAOCP 3, 6.4).
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let (x, w, y) = (problem.tensor5(Role::X), problem.tensor5(Role::W), problem.tensor5(Role::Y));
    let small = u64::from(card.ordinal)
        | (problem.direction() as u64) << 8
        | u64::from(problem.input_dtype().to_abi()) << 12
        | u64::from(problem.output_dtype().to_abi()) << 16
        | (problem.groups() as u64) << 20;
    let [_, pad_h, pad_w] = problem.pads();
    let [_, stride_h, stride_w] = problem.strides();
    let [_, dilation_h, dilation_w] = problem.dilations();
    let window = (pad_h ^ pad_w << 8 ^ stride_h << 16 ^ stride_w << 24) as u64
        ^ ((dilation_h ^ dilation_w << 8) as u64) << 32;
    let mut sum = small.wrapping_mul(FACTOR) ^ window;
    let numbers = x.lengths.iter().chain(&w.lengths).chain(&y.lengths[2..]).chain(&x.strides[1..4]);
    for &number in numbers {
        sum = (sum.rotate_left(5) ^ number as u64).wrapping_mul(FACTOR);
    }
    sum ^ sum >> 32
}
