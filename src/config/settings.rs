//! The list of settings.
#![forbid(unsafe_code)]

/// One setting as it is listed to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Environment variable. In a file the part after [`PREFIX`], in lower case.
    pub name: &'static str,
    /// What it takes.
    pub values: &'static str,
    pub default: &'static str,
    pub text: &'static str,
    /// Whether [`set`](super::set) can change it while the process runs.
    pub at_run_time: bool,
}

/// What every variable's name begins with.
pub const PREFIX: &str = "MIOPEN_BYPASS_";

const BOOLEAN: &str = "0 or 1 (also off/on, no/yes, false/true)";

pub const STRATEGY: Setting = Setting {
    name: "MIOPEN_BYPASS_STRATEGY",
    values: "`auto`, `implicit_gemm`, `cpu_fallback`, `selective` or `off`",
    default: "auto",
    text: "which convolutions of an RDNA1 card are computed here; auto: those that a rule or the \
           journal names; implicit_gemm: all, on the GPU; cpu_fallback: all, on the CPU; \
           selective: those beyond SIZE_THRESHOLD, on the CPU; off: none",
    at_run_time: true,
};
pub const SIZE_THRESHOLD: Setting = Setting {
    name: "MIOPEN_BYPASS_SIZE_THRESHOLD",
    values: "0 to 4294967295",
    // Measured on one RX 5600 XT under HSA_OVERRIDE_GFX_VERSION=10.3.0: 3x3 convolutions of images
    // of up to 42 x 42 ended, those of 44 x 44 and more did not.
    default: "42",
    text: "the largest extent of an image that the rule on sizes, and the strategy selective, \
           leave to the real library",
    at_run_time: true,
};
pub const ENABLE_IMPLICIT_GEMM: Setting = Setting {
    name: "MIOPEN_BYPASS_ENABLE_IMPLICIT_GEMM",
    values: BOOLEAN,
    default: "1",
    text: "whether our GPU kernels may run; 0: what is computed here is computed on the CPU",
    at_run_time: true,
};
pub const CPU_FALLBACK: Setting = Setting {
    name: "MIOPEN_BYPASS_CPU_FALLBACK",
    values: BOOLEAN,
    default: "1",
    text: "whether the CPU computes what our GPU kernels do not serve; 0: that is left to the real \
           library, hazard or not",
    at_run_time: true,
};
pub const CACHE_DECISIONS: Setting = Setting {
    name: "MIOPEN_BYPASS_CACHE_DECISIONS",
    values: BOOLEAN,
    default: "1",
    text: "whether the verdict on a problem is kept; 0: the rules are asked at every call",
    at_run_time: true,
};
pub const WORKSPACE_LIMIT: Setting = Setting {
    name: "MIOPEN_BYPASS_WORKSPACE_LIMIT",
    values: "`none`, or bytes, with K, M or G behind",
    default: "none",
    text: "the largest workspace that our solvers ask for; those that need more are left out",
    at_run_time: true,
};
pub const JOURNAL: Setting = Setting {
    name: "MIOPEN_BYPASS_JOURNAL",
    values: "a folder, or `off`",
    default: "$XDG_STATE_HOME/miopen-bypass, else ~/.local/state/miopen-bypass",
    text: "where is kept which convolutions the real library did not survive on this card",
    at_run_time: false,
};
pub const REPORT: Setting = Setting {
    name: "MIOPEN_BYPASS_REPORT",
    values: "`off`, `exit`, or a file",
    default: "off",
    text: "statistics of the convolutions; exit: on stderr at the end; a file: there",
    at_run_time: false,
};
pub const TRACE: Setting = Setting {
    name: "MIOPEN_BYPASS_TRACE",
    values: "`off`, or a file",
    default: "off",
    text: "a file that gets each convolution as a line of MIOpenDriver's flags",
    at_run_time: false,
};
pub const REAL_LIB: Setting = Setting {
    name: "MIOPEN_BYPASS_REAL_LIB",
    values: "a path, or `none`",
    default: "searched for",
    text: "the libMIOpen that safe calls are forwarded to; `none`: stand alone",
    at_run_time: false,
};
pub const DEVICE: Setting = Setting {
    name: "MIOPEN_BYPASS_DEVICE",
    values: "`auto` or `cpu`",
    default: "auto",
    text: "where our own convolutions run; `cpu`: stand alone, and buffers are host memory",
    at_run_time: false,
};
pub const THREADS: Setting = Setting {
    name: "MIOPEN_BYPASS_THREADS",
    values: "1 to 1024",
    default: "the processors that this process may use",
    text: "threads of the CPU engine",
    at_run_time: false,
};
pub const ISA: Setting = Setting {
    name: "MIOPEN_BYPASS_ISA",
    values: "`scalar`, `avx2`, `avx512` or `amx`",
    default: "the highest that the processor has",
    text: "the highest instruction set that the CPU engine's own kernels use",
    at_run_time: false,
};
pub const VERBOSE: Setting = Setting {
    name: "MIOPEN_BYPASS_VERBOSE",
    values: "0 to 3",
    default: "0",
    text: "what goes to stderr; 0: one line at the first convolution of ours, 1: why a call \
           failed, 2: which solver ran and why others did not, 3: every call",
    at_run_time: true,
};
pub const CONFIG: Setting = Setting {
    name: "MIOPEN_BYPASS_CONFIG",
    values: "a file",
    default: "none",
    text: "a file of settings that is read after the system's and the user's; only as a variable",
    at_run_time: false,
};
pub const KFD_TOPOLOGY: Setting = Setting {
    name: "MIOPEN_BYPASS_KFD_TOPOLOGY",
    values: "a folder",
    default: "/sys/class/kfd/kfd/topology",
    text: "where the kernel driver lists the GPUs; for tests",
    at_run_time: false,
};

/// All settings, in the order in which they are listed.
pub const SETTINGS: [Setting; 16] = [
    STRATEGY,
    SIZE_THRESHOLD,
    ENABLE_IMPLICIT_GEMM,
    CPU_FALLBACK,
    CACHE_DECISIONS,
    WORKSPACE_LIMIT,
    JOURNAL,
    REPORT,
    TRACE,
    VERBOSE,
    REAL_LIB,
    DEVICE,
    THREADS,
    ISA,
    CONFIG,
    KFD_TOPOLOGY,
];

/// The setting of that name, with or without [`PREFIX`], in any case.
pub fn setting_named(name: &str) -> Option<&'static Setting> {
    static ALL: [Setting; SETTINGS.len()] = SETTINGS;
    let short = |full: &'static str| full.strip_prefix(PREFIX).unwrap_or(full);
    ALL.iter().find(|setting| {
        setting.name.eq_ignore_ascii_case(name) || short(setting.name).eq_ignore_ascii_case(name)
    })
}
