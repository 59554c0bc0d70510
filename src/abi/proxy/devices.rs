//! The cards of this process, each looked at once.
#![forbid(unsafe_code)]

use crate::abi::backend;
use crate::card::Card;
use crate::hip;
use crate::solver::Memory;
use crate::trace::{self, Level};
use std::sync::OnceLock;

/// More devices than a machine has.
const MAX_DEVICES: usize = 64;

/// A device of the HIP runtime that needs guarding.
#[derive(Clone, Copy)]
pub(super) struct Device {
    pub card: Card,
    pub memory: Memory,
}

/// The device of that number; `None` for cards of other makes, and where HIP does not say.
pub(super) fn device(ordinal: u32) -> Option<Device> {
    static DEVICES: [OnceLock<Option<Device>>; MAX_DEVICES] =
        [const { OnceLock::new() }; MAX_DEVICES];
    let place = DEVICES.get(ordinal as usize)?;
    match place.get() {
        Some(device) => *device,
        None => {
            let device = look_at(ordinal);
            *place.get_or_init(|| device)
        }
    }
}

fn look_at(ordinal: u32) -> Option<Device> {
    let looked = Card::of(ordinal).and_then(|card| {
        if !card.is_affected() {
            return Ok(None);
        }
        Ok(Some(Device { card, memory: backend::memory_of_device(ordinal)? }))
    });
    looked.unwrap_or_else(|error| {
        trace::say(Level::Failure, || format!("device {ordinal} is left alone: {error}"));
        None
    })
}

/// How many devices there are; 0 where HIP does not say.
pub(super) fn count() -> u32 {
    static COUNT: OnceLock<u32> = OnceLock::new();
    match COUNT.get() {
        Some(count) => *count,
        None => {
            let count = hip::device_count().unwrap_or(0);
            *COUNT.get_or_init(|| count)
        }
    }
}
