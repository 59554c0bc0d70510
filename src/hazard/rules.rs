//! What is known to go wrong on RDNA1, as data.
//!
//! Nobody of this project has such a card: a rule says what was read, measured or reported by
//! others, and where. The first rule that holds decides; so the closest descriptions of a problem
//! stand before the general ones, for the sake of who reads the reason.
#![forbid(unsafe_code)]

use crate::card::{Card, LibraryVersion};
use crate::config::Live;
use crate::problem::{ConvProblem, DataType, Direction};

/// How well a hazard is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// Measured on a card.
    Measured,
    /// Read in the source of MIOpen or LLVM.
    Source,
    /// Reported by users.
    Reported,
}

impl Strength {
    pub const fn name(self) -> &'static str {
        match self {
            Strength::Measured => "measured",
            Strength::Source => "read in the source",
            Strength::Reported => "reported",
        }
    }
}

/// What programs compile for on an affected card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    /// Anything.
    Any,
    /// An architecture whose code was not made for the silicon.
    Foreign,
    /// gfx103x, which is foreign.
    Gfx103x,
}

impl Reported {
    fn admits(self, card: &Card) -> bool {
        match self {
            Reported::Any => true,
            Reported::Foreign => card.runs_foreign_code(),
            Reported::Gfx103x => card.reported.major == 10 && card.reported.minor == 3,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Reported::Any => "any",
            Reported::Foreign => "not the card's own",
            Reported::Gfx103x => "gfx103x",
        }
    }
}

/// A variable of the real library's environment, and what it is set to.
pub type Steer = (&'static str, &'static str);

/// One hazard. The silicon is RDNA1 in all of them.
#[derive(Debug)]
pub struct Rule {
    /// Never given to another rule: it stands in reports and traces.
    pub id: &'static str,
    pub reported: Reported,
    /// Releases of MIOpen from this one on are without the hazard. An unknown one is taken for
    /// such: libraries before 2.15 are of 2021.
    pub fixed_in: Option<LibraryVersion>,
    /// Empty: all.
    pub directions: &'static [Direction],
    /// Of the inputs. Empty: all.
    pub data_types: &'static [DataType],
    /// Which problems; `None`: none is computed here for this rule, it only steers.
    pub predicate: Option<fn(&ConvProblem, &Live) -> bool>,
    /// The predicate in words.
    pub problems: &'static str,
    /// What is set in the environment before the real library reads it, unless the user did.
    pub steering: &'static [Steer],
    pub reason: &'static str,
    pub source: &'static str,
    pub strength: Strength,
}

impl Rule {
    /// Whether the rule is about this card and the library that serves it.
    pub fn concerns(&self, card: &Card) -> bool {
        let is_fixed = match (self.fixed_in, card.library) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(fixed_in), Some(library)) => library >= fixed_in,
        };
        card.is_affected() && self.reported.admits(card) && !is_fixed
    }

    /// Whether the problem is to be computed here because of this rule.
    pub fn holds(&self, card: &Card, problem: &ConvProblem, live: &Live) -> bool {
        let among = |all: &[Direction]| all.is_empty() || all.contains(&problem.direction());
        let of_type = |all: &[DataType]| all.is_empty() || all.contains(&problem.input_dtype());
        self.predicate.is_some_and(|predicate| {
            among(self.directions)
                && of_type(self.data_types)
                && self.concerns(card)
                && predicate(problem, live)
        })
    }
}

/// Elements of the matrix that im2col makes of one image, all groups together.
fn im2col_elems(problem: &ConvProblem) -> f64 {
    let product = |lengths: [usize; 3]| lengths.iter().map(|&len| len as f64).product::<f64>();
    problem.c() as f64 * product(problem.filter_spatial()) * product(problem.out_spatial())
}

/// im2col makes no matrix for these.
fn is_pointwise(problem: &ConvProblem) -> bool {
    problem.filter_spatial() == [1; 3] && problem.strides() == [1; 3] && problem.pads() == [0; 3]
}

fn is_2d(problem: &ConvProblem) -> bool {
    problem.spatial_dim() == 2
}

/// Whether the image on either side is larger than the setting admits.
pub fn exceeds_threshold(problem: &ConvProblem, live: &Live) -> bool {
    let extents = problem.in_spatial().into_iter().chain(problem.out_spatial());
    extents.max().is_some_and(|largest| largest > live.size_threshold as usize)
}

/// Of MIOpen, with 4 or 8 GB on the card: what users called too much (1 GiB and more).
const IM2COL_BYTES_AT_MOST: f64 = (1u64 << 30) as f64;

/// The largest offset that a kernel can form in 32 bits with a sign.
const OFFSET_AT_MOST: f64 = i32::MAX as f64;

/// All that is known; the first that holds decides.
pub static RULES: [Rule; 10] = [
    Rule {
        id: "large-image",
        reported: Reported::Any,
        fixed_in: None,
        directions: &[],
        data_types: &[],
        predicate: Some(exceeds_threshold),
        problems: "an image on either side is larger than SIZE_THRESHOLD in some extent",
        steering: &[],
        reason: "convolutions of images of 44 x 44 and more did not end, those of 42 x 42 and \
                 less did; it followed the size and not the channels",
        source: "one RX 5600 XT, gfx1030 by override, 16 to 32 channels, 3x3, fp32, forward, only \
                 GEMM enabled. Other shapes, directions and the native card are taken for alike",
        strength: Strength::Measured,
    },
    Rule {
        id: "gemm-rest-fault",
        reported: Reported::Gfx103x,
        fixed_in: None,
        directions: &[Direction::Fwd],
        data_types: &[],
        predicate: Some(|problem, _| !is_pointwise(problem)),
        problems: "forward, unless 1x1 with stride 1",
        steering: &[],
        reason: "GemmFwdRest faults on memory with code for gfx1030 and gfx1031",
        source: "MIOpen#1621, MIOpen#3540",
        strength: Strength::Reported,
    },
    Rule {
        id: "half-precision",
        reported: Reported::Any,
        fixed_in: None,
        directions: &[],
        data_types: &[DataType::F16],
        predicate: Some(|_, _| true),
        problems: "fp16",
        steering: &[],
        reason: "fp16 gives grey or black pictures; gfx1010 has no dot products for it. Ours sums \
                 in fp32",
        source: "ROCm#1857, AUTOMATIC1111#4634, sdnext#900",
        strength: Strength::Reported,
    },
    Rule {
        id: "winograd-hang",
        reported: Reported::Any,
        // The second correction, for Navi 1x, is of November 2021, after ROCm 4.5 (MIOpen 2.14).
        fixed_in: Some(LibraryVersion::new(2, 15, 0)),
        directions: &[],
        data_types: &[DataType::F32],
        predicate: Some(|problem, _| {
            is_2d(problem)
                && problem.filter_spatial() != [1; 3]
                && problem.dilations() == [1; 3]
                && problem.strides().iter().all(|&stride| stride <= 2)
        }),
        problems: "2-D, fp32, filter beyond 1x1, no dilation, strides up to 2",
        steering: &[],
        reason: "the Winograd kernels v21_1_2 hang on gfx10: too few registers are allocated",
        source: "MIOpen#740, #755, #839, corrected for Navi 1x in #1255",
        strength: Strength::Source,
    },
    Rule {
        id: "wrw-1x1-wrong",
        reported: Reported::Any,
        fixed_in: None,
        directions: &[Direction::Wrw],
        data_types: &[DataType::F32],
        predicate: Some(|problem, _| is_2d(problem) && problem.filter_spatial() == [1; 3]),
        problems: "2-D weight gradients of 1x1 filters",
        steering: &[("MIOPEN_DEBUG_CONV_DIRECT_OCL_WRW1X1", "0")],
        reason: "ConvOclBwdWrW1x1 computes wrong weight gradients on gfx10",
        source: "MIOpen#670, open",
        strength: Strength::Reported,
    },
    Rule {
        id: "wrw-53-wrong",
        reported: Reported::Any,
        // Wrong with ROCm 3.9, right in a build of January 2021.
        fixed_in: Some(LibraryVersion::new(2, 11, 0)),
        directions: &[Direction::Wrw],
        data_types: &[],
        predicate: Some(|problem, _| {
            is_2d(problem) && problem.filter_spatial() != [1; 3] && problem.strides() == [1; 3]
        }),
        problems: "2-D weight gradients of filters beyond 1x1 with stride 1",
        steering: &[],
        reason: "ConvOclBwdWrW53 computes wrong weight gradients on gfx10",
        source: "MIOpen#559",
        strength: Strength::Reported,
    },
    Rule {
        id: "im2col-overflow",
        reported: Reported::Any,
        fixed_in: None,
        directions: &[],
        data_types: &[],
        predicate: Some(|problem, _| {
            !is_pointwise(problem) && im2col_elems(problem) > OFFSET_AT_MOST
        }),
        problems: "im2col's matrix has 2^31 elements or more",
        steering: &[],
        reason: "offsets of im2col and col2im overflow",
        source: "MIOpen#3076, MIOpen#3099",
        strength: Strength::Reported,
    },
    Rule {
        id: "im2col-workspace",
        reported: Reported::Any,
        fixed_in: None,
        directions: &[],
        data_types: &[],
        predicate: Some(|problem, _| {
            let elem_bytes = problem.input_dtype().size_bytes() as f64;
            !is_pointwise(problem) && im2col_elems(problem) * elem_bytes > IM2COL_BYTES_AT_MOST
        }),
        problems: "im2col's matrix takes more than 1 GiB",
        steering: &[],
        reason: "the workspace does not fit on a card of 4 to 8 GB",
        source: "MIOpen#1621 (7.1 GB), MIOpen#2789",
        strength: Strength::Reported,
    },
    Rule {
        id: "foreign-code",
        reported: Reported::Foreign,
        fixed_in: None,
        directions: &[],
        data_types: &[],
        predicate: Some(|_, _| true),
        problems: "all",
        // With these, 3 to 512 channels at 32 to 512 pixels passed on the card of `large-image`.
        steering: &[
            ("MIOPEN_DEBUG_CONV_GEMM", "0"),
            ("MIOPEN_DEBUG_CONV_WINOGRAD", "0"),
            ("MIOPEN_DEBUG_CONV_DIRECT", "0"),
            ("MIOPEN_DEBUG_CONV_FFT", "0"),
        ],
        reason: "every kernel that the real library compiles or brings is for another chip: code \
                 for gfx1030 holds s_inst_prefetch, which LLVM avoids on gfx101x because it hangs \
                 shaders, lacks the work-arounds for its defects, and uses operations that mean \
                 something else there",
        source: "LLVM (GCNSubtarget, AMDGPU.td); binaries of onnxruntime-rocm 1.22.2; memory \
                 aperture violations of ROCm 6.2 on the card of `large-image`",
        strength: Strength::Source,
    },
    Rule {
        id: "search",
        reported: Reported::Any,
        fixed_in: None,
        directions: &[],
        data_types: &[],
        predicate: None,
        problems: "none; it steers only",
        steering: &[
            ("MIOPEN_FIND_MODE", "FAST"),
            ("MIOPEN_DEBUG_CONV_DIRECT_NAIVE_CONV_FWD", "0"),
            ("MIOPEN_DEBUG_CONV_DIRECT_NAIVE_CONV_BWD", "0"),
            ("MIOPEN_DEBUG_CONV_DIRECT_NAIVE_CONV_WRW", "0"),
        ],
        reason: "Find runs every solver that applies, the hazardous ones too, and the naive \
                 convolution for up to 29 s a launch, after which the driver resets the card; \
                 ours is the better last resort",
        source: "rocm-libraries#11160, legacy-rocm-build#6337",
        strength: Strength::Reported,
    },
];
