//! Measuring the time of a prepared convolution.
#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use MIOpen::error::Result;
use MIOpen::solver::{Buffers, Context, ConvArgs, Plan};
use serde::Serialize;

use super::tensors::Tensors;

/// What is spent on a problem where no number of runs is given.
const BUDGET: Duration = Duration::from_millis(333);

/// Runs at least and at most, where no number of runs is given.
const RUNS: std::ops::RangeInclusive<usize> = 3..=1000;

/// Times of single runs.
#[derive(Clone, Debug, Serialize)]
pub struct Timing {
    pub runs: usize,
    pub median_us: f64,
    pub min_us: f64,
    /// From the median; a multiplication and an addition are two operations, and padding counts as
    /// if it were data.
    pub gflops: f64,
}

impl Timing {
    /// From the times of single runs, of which there must be one.
    pub fn new(mut times_us: Vec<f64>, multiply_adds: f64) -> Self {
        times_us.sort_by(f64::total_cmp);
        let median_us = times_us[times_us.len() / 2];
        Timing {
            runs: times_us.len(),
            median_us,
            min_us: times_us[0],
            gflops: 2.0 * multiply_adds / median_us * 1e-3,
        }
    }
}

/// A plan with all that it needs to run.
pub struct Runner<'a> {
    pub plan: &'a dyn Plan,
    pub context: &'a Context,
    pub tensors: &'a mut Tensors,
    pub workspace: &'a mut [u8],
}

impl Runner<'_> {
    /// Runs once; the time in microseconds.
    pub fn run(&mut self) -> Result<f64> {
        let mut args = ConvArgs {
            buffers: Buffers::Host(self.tensors.buffers()?),
            alpha: 1.0,
            beta: 0.0,
            workspace: &mut *self.workspace,
        };
        let start = Instant::now();
        self.plan.execute(self.context, &mut args)?;
        Ok(start.elapsed().as_secs_f64() * 1e6)
    }

    /// Runs `runs` times, or as often as the budget holds. The caller has warmed up.
    pub fn time(&mut self, runs: Option<usize>, multiply_adds: f64) -> Result<Timing> {
        Ok(Timing::new(repeated(runs, || self.run())?, multiply_adds))
    }
}

/// The times of `runs` runs, or of as many as the budget holds.
pub fn repeated(runs: Option<usize>, mut run: impl FnMut() -> Result<f64>) -> Result<Vec<f64>> {
    let (least, most) = runs.map_or((*RUNS.start(), *RUNS.end()), |runs| (runs, runs));
    let begin = Instant::now();
    let mut times_us = Vec::new();
    while times_us.len() < least || (times_us.len() < most && begin.elapsed() < BUDGET) {
        times_us.push(run()?);
    }
    Ok(times_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_come_from_the_median() {
        let timing = Timing::new(vec![30.0, 10.0, 20.0], 1e6);
        assert_eq!((timing.runs, timing.median_us, timing.min_us), (3, 20.0, 10.0));
        assert!((timing.gflops - 100.0).abs() < 1e-9);
    }
}
