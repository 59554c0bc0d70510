//! HIP's error codes.
#![forbid(unsafe_code)]

/// `hipError_t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HipError(pub i32);

macro_rules! errors {
    ($($constant:ident = $value:literal, $name:literal, $text:literal;)*) => {
        impl HipError {
            $(pub const $constant: HipError = HipError($value);)*
            /// Value, name and description of every code that has one.
            pub const ALL: &[(i32, &str, &str)] = &[$(($value, $name, $text),)*];
        }
    };
}

errors! {
    SUCCESS = 0, "hipSuccess", "no error";
    INVALID_VALUE = 1, "hipErrorInvalidValue", "invalid argument";
    OUT_OF_MEMORY = 2, "hipErrorOutOfMemory", "out of memory";
    NOT_INITIALIZED = 3, "hipErrorNotInitialized", "initialization error";
    DEINITIALIZED = 4, "hipErrorDeinitialized", "driver shutting down";
    INVALID_CONFIGURATION = 9, "hipErrorInvalidConfiguration", "invalid configuration argument";
    INVALID_DEVICE_POINTER = 17, "hipErrorInvalidDevicePointer", "invalid device pointer";
    INVALID_MEMCPY_DIRECTION = 21, "hipErrorInvalidMemcpyDirection",
        "invalid copy direction for memcpy";
    INSUFFICIENT_DRIVER = 35, "hipErrorInsufficientDriver",
        "driver version is insufficient for runtime version";
    INVALID_DEVICE_FUNCTION = 98, "hipErrorInvalidDeviceFunction", "invalid device function";
    NO_DEVICE = 100, "hipErrorNoDevice", "no ROCm-capable device is detected";
    INVALID_DEVICE = 101, "hipErrorInvalidDevice", "invalid device ordinal";
    INVALID_IMAGE = 200, "hipErrorInvalidImage", "device kernel image is invalid";
    INVALID_CONTEXT = 201, "hipErrorInvalidContext", "invalid device context";
    MAP_FAILED = 205, "hipErrorMapFailed", "mapping of buffer object failed";
    NO_BINARY_FOR_GPU = 209, "hipErrorNoBinaryForGpu",
        "no kernel image is available for execution on the device";
    INVALID_KERNEL_FILE = 218, "hipErrorInvalidKernelFile", "invalid kernel file";
    FILE_NOT_FOUND = 301, "hipErrorFileNotFound", "file not found";
    SHARED_OBJECT_INIT_FAILED = 303, "hipErrorSharedObjectInitFailed",
        "shared object initialization failed";
    OPERATING_SYSTEM = 304, "hipErrorOperatingSystem", "OS call failed or operation not supported";
    INVALID_HANDLE = 400, "hipErrorInvalidHandle", "invalid resource handle";
    ILLEGAL_STATE = 401, "hipErrorIllegalState",
        "the operation cannot be performed in the present state";
    NOT_FOUND = 500, "hipErrorNotFound", "named symbol not found";
    NOT_READY = 600, "hipErrorNotReady", "device not ready";
    ILLEGAL_ADDRESS = 700, "hipErrorIllegalAddress", "an illegal memory access was encountered";
    LAUNCH_OUT_OF_RESOURCES = 701, "hipErrorLaunchOutOfResources",
        "too many resources requested for launch";
    LAUNCH_TIME_OUT = 702, "hipErrorLaunchTimeOut", "the launch timed out and was terminated";
    LAUNCH_FAILURE = 719, "hipErrorLaunchFailure", "unspecified launch failure";
    NOT_SUPPORTED = 801, "hipErrorNotSupported", "operation not supported";
    UNKNOWN = 999, "hipErrorUnknown", "unknown error";
    RUNTIME_MEMORY = 1052, "hipErrorRuntimeMemory", "runtime memory call returned error";
    RUNTIME_OTHER = 1053, "hipErrorRuntimeOther", "runtime call other than memory returned error";
}

impl HipError {
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|e| e.0 == self.0).map_or("hipErrorUnknown", |e| e.1)
    }

    pub fn text(self) -> &'static str {
        Self::ALL.iter().find(|e| e.0 == self.0).map_or("unknown error", |e| e.2)
    }

    /// By value or by name.
    pub fn parse(text: &str) -> Option<Self> {
        let by_name = Self::ALL.iter().find(|e| e.1 == text).map(|e| e.0);
        by_name.or_else(|| text.parse().ok()).map(HipError)
    }
}

pub type HipResult = Result<(), HipError>;
