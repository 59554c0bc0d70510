//! The one error type: a status that the C caller gets, and a context for whoever asks why.
#![forbid(unsafe_code)]

use std::borrow::Cow;
use std::fmt;

/// MIOpen's status codes, by their values in the C ABI (`miopenStatus_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Status {
    Success = 0,
    NotInitialized = 1,
    InvalidValue = 2,
    BadParm = 3,
    AllocFailed = 4,
    InternalError = 5,
    NotImplemented = 6,
    UnknownError = 7,
    UnsupportedOp = 8,
    GpuOperationsSkipped = 9,
    VersionMismatch = 10,
}

impl Status {
    /// The enumerator's own name, as `miopenGetErrorString` gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Success => "miopenStatusSuccess",
            Status::NotInitialized => "miopenStatusNotInitialized",
            Status::InvalidValue => "miopenStatusInvalidValue",
            Status::BadParm => "miopenStatusBadParm",
            Status::AllocFailed => "miopenStatusAllocFailed",
            Status::InternalError => "miopenStatusInternalError",
            Status::NotImplemented => "miopenStatusNotImplemented",
            Status::UnknownError => "miopenStatusUnknownError",
            Status::UnsupportedOp => "miopenStatusUnsupportedOp",
            Status::GpuOperationsSkipped => "miopenStatusGpuOperationsSkipped",
            Status::VersionMismatch => "miopenStatusVersionMismatch",
        }
    }
}

/// Why a call failed: what the C caller is told, and what a person is told on demand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub status: Status,
    pub context: Cow<'static, str>,
}

impl Error {
    pub fn new(status: Status, context: impl Into<Cow<'static, str>>) -> Self {
        Error { status, context: context.into() }
    }

    /// A parameter that the real library answers with `miopenStatusBadParm`.
    pub fn bad_parm(context: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Status::BadParm, context)
    }

    /// What the real library throws without a status of its own: `miopenStatusUnknownError`.
    pub fn unknown(context: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Status::UnknownError, context)
    }

    /// A combination that exists in MIOpen's API but that no code here serves.
    pub fn not_implemented(context: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Status::NotImplemented, context)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.context, self.status.name())
    }
}

impl std::error::Error for Error {}

/// `Result` of everything inside the library.
pub type Result<T> = std::result::Result<T, Error>;
