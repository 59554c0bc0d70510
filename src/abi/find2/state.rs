//! What the objects of Find 2.0 hold.
#![forbid(unsafe_code)]

use crate::abi::objects::Table;
use crate::abi::proxy::{RawConv, RawTensor};
use crate::abi::tensor_descriptor::TensorState;
use crate::engine;
use crate::error::{Error, Result, Status};
use crate::problem::{ConvDesc, ConvProblem, Direction, DriverCommand, Role};
use crate::solver::SolverId;
use crate::sys::{miopenProblemDirection_t, miopenTensorArgumentId_t};
use std::fmt::Write;
use std::sync::Arc;

/// Problems, ours and notes of the real library's that hold a convolution.
pub(in crate::abi) static PROBLEMS: Table<Problem> = Table::with_foreign(4, "miopenProblem_t");
/// Options, ours and notes of the real library's.
pub(in crate::abi) static OPTIONS: Table<Options> = Table::with_foreign(5, "miopenFindOptions_t");
/// Solutions of ours, in front of a real library too.
pub(in crate::abi) static SOLUTIONS: Table<Solution> = Table::new(6, "miopenSolution_t");
/// Which problem a solution of the real library was found for.
pub(in crate::abi) static REAL_SOLUTIONS: Table<Parts> = Table::with_foreign(7, "miopenSolution_t");

/// What was read of a problem of the real library.
#[derive(Clone, Copy)]
pub(in crate::abi) struct Parts {
    pub tensors: [RawTensor; 3],
    pub conv: RawConv,
    pub direction: Direction,
}

/// What `miopenProblem_t` stands for.
#[derive(Clone)]
pub(in crate::abi) struct Problem {
    /// As it was given: it is looked at when the problem is searched.
    pub direction: miopenProblemDirection_t,
    pub source: Source,
    /// Whether other operations belong to it.
    pub is_fused: bool,
}

/// The convolution and its tensors, in the order X, W, Y.
#[derive(Clone)]
// Few exist, and each lies in an allocation of its own.
#[allow(clippy::large_enum_variant)]
pub(in crate::abi) enum Source {
    Ours { conv: Arc<ConvDesc>, tensors: [Option<TensorState>; 3] },
    Real { conv: RawConv, tensors: [Option<RawTensor>; 3] },
}

impl Problem {
    pub fn new(direction: miopenProblemDirection_t, source: Source) -> Problem {
        Problem { direction, source, is_fused: false }
    }

    /// `None` for a number that means none to a convolution.
    pub fn conv_direction(&self) -> Option<Direction> {
        type D = miopenProblemDirection_t;
        match self.direction {
            D::miopenProblemDirectionForward => Some(Direction::Fwd),
            D::miopenProblemDirectionBackward => Some(Direction::Bwd),
            D::miopenProblemDirectionBackwardWeights => Some(Direction::Wrw),
            _ => None,
        }
    }

    /// The parts of a problem of the real library, if all have been set.
    pub fn parts(&self) -> Option<Parts> {
        let Source::Real { conv, tensors: [Some(x), Some(w), Some(y)] } = self.source else {
            return None;
        };
        Some(Parts { tensors: [x, w, y], conv, direction: self.conv_direction()? })
    }
}

/// The place of a tensor in the order X, W, Y; `None` for those of other operations.
pub(super) fn place_of(id: miopenTensorArgumentId_t) -> Option<usize> {
    type I = miopenTensorArgumentId_t;
    match id {
        I::miopenTensorConvolutionX => Some(0),
        I::miopenTensorConvolutionW => Some(1),
        I::miopenTensorConvolutionY => Some(2),
        _ => None,
    }
}

/// The role in the problem that runs, of a tensor of the call.
pub(super) fn role_at(place: usize, swapped: bool) -> Role {
    match (place, swapped) {
        (1, _) => Role::W,
        (0, false) | (2, true) => Role::X,
        _ => Role::Y,
    }
}

/// What `miopenFindOptions_t` stands for.
#[derive(Clone)]
pub(in crate::abi) struct Options {
    pub is_exhaustive: bool,
    pub is_by_workspace: bool,
    pub workspace_limit_bytes: usize,
    /// Address and length.
    pub workspace: Option<(usize, usize)>,
    /// Addresses, in the order X, W, Y; 0: not given.
    pub tensors: [usize; 3],
}

impl Default for Options {
    fn default() -> Options {
        Options {
            is_exhaustive: false,
            is_by_workspace: false,
            workspace_limit_bytes: usize::MAX,
            workspace: None,
            tensors: [0; 3],
        }
    }
}

/// What a `miopenSolution_t` of ours stands for.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::abi) struct Solution {
    pub problem: ConvProblem,
    /// In transpose mode the problem's x is the call's y and the reverse.
    pub swapped: bool,
    pub solver: SolverId,
    pub time_us: f64,
    pub workspace_bytes: usize,
}

/// How a saved solution begins. Clients keep them across processes and releases: the number after
/// it changes with the format.
const MAGIC: &str = "miopen-bypass solution ";
const FORMAT: &str = "1";

impl Solution {
    pub fn new(problem: &ConvProblem, swapped: bool, found: &engine::Solution) -> Solution {
        Solution {
            problem: problem.clone(),
            swapped,
            solver: found.solver,
            time_us: found.time_us,
            workspace_bytes: found.workspace_bytes,
        }
    }

    /// As text: the problem in MIOpenDriver's flags.
    pub fn save(&self) -> String {
        let Solution { problem, swapped, solver, time_us, workspace_bytes } = self;
        let mut text = format!("{MAGIC}{FORMAT}\n");
        let swapped = u8::from(*swapped);
        // Writing to a String cannot fail.
        let _ = write!(text, "{swapped} {solver} {time_us} {workspace_bytes}\n{problem}\n");
        text
    }

    /// Whether that was saved by us, in whatever format.
    pub fn is_ours(data: &[u8]) -> bool {
        data.starts_with(MAGIC.as_bytes())
    }

    /// # Errors
    /// `VersionMismatch` for a format of another release, `UnknownError` for what is no solution.
    pub fn load(data: &[u8]) -> Result<Solution> {
        let damaged = || Error::unknown("this is no saved solution of miopen-bypass");
        let text = std::str::from_utf8(data).map_err(|_| damaged())?;
        let rest = text.strip_prefix(MAGIC).ok_or_else(damaged)?;
        let (format, rest) = rest.split_once('\n').ok_or_else(damaged)?;
        if format != FORMAT {
            return Err(Error::new(
                Status::VersionMismatch,
                format!("a saved solution of format {format}; this is {FORMAT}"),
            ));
        }
        let (numbers, problem) = rest.split_once('\n').ok_or_else(damaged)?;
        let numbers: Vec<&str> = numbers.split(' ').collect();
        let &[swapped, solver, time_us, workspace_bytes] = numbers.as_slice() else {
            return Err(damaged());
        };
        let words: Vec<&str> = problem.split_whitespace().collect();
        let problems = DriverCommand::parse(&words).map_err(|_| damaged())?.problems;
        let [problem] = problems.as_slice() else { return Err(damaged()) };
        Ok(Solution {
            problem: problem.clone(),
            swapped: match swapped {
                "0" => false,
                "1" => true,
                _ => return Err(damaged()),
            },
            solver: SolverId(solver.parse().map_err(|_| damaged())?),
            time_us: time_us.parse().map_err(|_| damaged())?,
            workspace_bytes: workspace_bytes.parse().map_err(|_| damaged())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{DataType, TensorDesc};

    #[test]
    fn what_is_saved_is_loaded() {
        let tensor = |lengths: &[usize]| TensorDesc::packed(DataType::F16, lengths).unwrap();
        let (x, w, y) = (tensor(&[2, 3, 5, 6]), tensor(&[4, 3, 1, 2]), tensor(&[2, 4, 5, 5]));
        let conv = ConvDesc::new(crate::problem::Mode::Convolution, &[0; 2], &[1; 2], &[1; 2]);
        for direction in [Direction::Fwd, Direction::Bwd, Direction::Wrw] {
            let problem = ConvProblem::new(direction, x, w, y, conv.as_ref().unwrap()).unwrap();
            let solution = Solution {
                problem,
                swapped: direction == Direction::Bwd,
                solver: SolverId(1_001_001),
                time_us: 12.25,
                workspace_bytes: 4096,
            };
            let saved = solution.save();
            assert!(Solution::is_ours(saved.as_bytes()));
            assert_eq!(Solution::load(saved.as_bytes()).unwrap(), solution);
            // Cut anywhere, it is refused or, without the last line's end, whole.
            for length in 0..saved.len() - 1 {
                assert!(
                    Solution::load(&saved.as_bytes()[..length])
                        .map_or(true, |loaded| loaded != solution),
                    "{length}"
                );
            }
            let newer = saved.replacen(" 1\n", " 2\n", 1);
            let error = Solution::load(newer.as_bytes()).unwrap_err();
            assert_eq!(error.status, Status::VersionMismatch);
        }
    }
}
