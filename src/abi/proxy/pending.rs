//! Launches of the real library that nobody knows the end of yet.
//!
//! An event in the stream behind each one tells when it is over. The events are looked at when
//! another unproven problem is launched and when a handle is destroyed; nobody waits, and the
//! stream is not held up.
#![forbid(unsafe_code)]

use crate::error::Result;
use crate::hip::{CurrentDevice, Event, Passage, StreamRef};
use crate::journal::Token;
use crate::per_process::PerProcess;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Launches that are waited for at the same time. A network has some hundred layers, and the
/// first round of them is over before the host is far into the second.
const MAX_PENDING: usize = 256;

struct Pending {
    token: Token,
    event: Event,
}

type Queue = Mutex<VecDeque<Pending>>;
static QUEUE: PerProcess<Queue> = PerProcess::new();

/// Marks the present end of a stream: when it has come so far, the problem is proven.
pub(super) fn add(token: Token, ordinal: u32, stream: usize) {
    let mark = || -> Result<Event> {
        let _current = CurrentDevice::set(ordinal)?;
        let event = Event::ordering()?;
        event.record(StreamRef::from_address(stream))?;
        Ok(event)
    };
    // Without a mark it is never known; the token, dropped, counts for nothing.
    let (Ok(event), Some(queue)) = (mark(), QUEUE.get(Queue::default)) else { return };
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    if queue.len() >= MAX_PENDING {
        // Behind a stream that hangs the oldest is the culprit, so it must stay. The new one is not
        // followed: its record stays open until the process ends in good order.
        std::mem::forget(token);
        return;
    }
    queue.push_back(Pending { token, event });
}

/// Completes what is over.
pub(super) fn poll() {
    let Some(queue) = QUEUE.get(Queue::default) else { return };
    let waiting = {
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *queue)
    };
    let mut unfinished = VecDeque::new();
    let mut has_faulted = false;
    for Pending { token, event } in waiting {
        match event.passage() {
            Ok(Passage::Passed) => token.complete(),
            Ok(Passage::Ahead) => unfinished.push_back(Pending { token, event }),
            Ok(Passage::Captured) => drop(token),
            // After a fault every event answers with it. The oldest that was not over is the one
            // to suspect; of the others nothing is known.
            Err(_) if has_faulted => drop(token),
            Err(_) => {
                has_faulted = true;
                token.failed();
            }
        }
    }
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    unfinished.append(&mut queue);
    *queue = unfinished;
}
