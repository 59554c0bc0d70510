//! A progress bar for long runs: on stderr, and only where that is a terminal.
#![forbid(unsafe_code)]

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The bar; `len` steps. indicatif draws nothing where stderr is no terminal.
pub struct Progress(ProgressBar);

impl Progress {
    /// One step is no progress to watch.
    pub fn new(len: usize) -> Self {
        if len < 2 {
            return Progress(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(len as u64), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg} ({eta} left)")
        {
            bar.set_style(style);
        }
        Progress(bar)
    }

    /// Begins a step.
    pub fn step(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// Ends a step.
    pub fn done(&self) {
        self.0.inc(1);
    }

    /// Writes to the same terminal without spoiling the bar.
    pub fn around<R>(&self, write: impl FnOnce() -> R) -> R {
        self.0.suspend(write)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
