//! How long work in a stream takes, without waiting for it: an event before and one behind it, and
//! a look later at those that have passed. Only where a report is asked for, which then has the
//! times of work on a GPU.
#![forbid(unsafe_code)]

use crate::config::config;
use crate::error::Result;
use crate::hip::{CurrentDevice, Event, Passage, StreamRef};
use crate::per_process::PerProcess;
use crate::report::Recorded;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Works that are waited for at the same time; the times of more are not known. Frameworks run some
/// hundred launches ahead of the GPU.
const MAX_RUNNING: usize = 4096;

/// Works that are looked at for each new one: more than one, so that the queue drains.
const LOOKS: usize = 4;

/// Work that is about to be enqueued.
pub(super) struct Stopwatch {
    start: Event,
    ordinal: u32,
    stream: usize,
}

struct Running {
    start: Event,
    stop: Event,
    recorded: Recorded,
}

static RUNNING: PerProcess<Mutex<VecDeque<Running>>> = PerProcess::new();

impl Stopwatch {
    /// Whether times are wanted at all.
    pub fn is_wanted() -> bool {
        config().report.is_some()
    }

    /// Marks the present end of a stream of that device. `None` where no report is asked for, or
    /// the stream takes no events.
    pub fn start(ordinal: u32, stream: usize) -> Option<Stopwatch> {
        if !Self::is_wanted() {
            return None;
        }
        look(LOOKS);
        Some(Stopwatch { start: mark(ordinal, stream).ok()?, ordinal, stream })
    }

    /// Marks the end of the work, whose time goes to `recorded` once it is known.
    pub fn stop(self, recorded: Recorded) {
        let (Ok(stop), Some(running)) =
            (mark(self.ordinal, self.stream), RUNNING.get(Mutex::default))
        else {
            return;
        };
        let mut running = running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.len() < MAX_RUNNING {
            running.push_back(Running { start: self.start, stop, recorded });
        }
    }
}

fn mark(ordinal: u32, stream: usize) -> Result<Event> {
    let _current = CurrentDevice::set(ordinal)?;
    let event = Event::timing()?;
    event.record(StreamRef::from_address(stream))?;
    Ok(event)
}

/// Adds the times of all that is over.
pub(super) fn look_at_all() {
    look(MAX_RUNNING);
}

/// Looks at the oldest ones; those that are not over go back to the end, since other streams may be
/// further than the first one.
fn look(count: usize) {
    let Some(running) = RUNNING.get(Mutex::default) else { return };
    let count = count.min(running.lock().unwrap_or_else(PoisonError::into_inner).len());
    for _ in 0..count {
        // Not under the lock: HIP may take its time.
        let oldest = running.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(one) = oldest else { return };
        match one.stop.passage() {
            Ok(Passage::Passed) => {
                if let Ok(time_us) = one.stop.elapsed_us_since(&one.start) {
                    one.recorded.add_time_us(time_us);
                }
            }
            Ok(Passage::Ahead) => {
                running.lock().unwrap_or_else(PoisonError::into_inner).push_back(one);
            }
            // A fault, or a stream that is being captured: there is no time.
            Ok(Passage::Captured) | Err(_) => {}
        }
    }
}
