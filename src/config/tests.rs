//! Of values, layers and changes.
#![forbid(unsafe_code)]

use super::*;
use std::fs;
use std::path::Path;

fn lookup<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
    |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
}

fn read(pairs: &[(&str, &str)]) -> Config {
    Config::read_with(lookup(pairs), &[])
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path =
            std::env::temp_dir().join(format!("miopen-config-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn defaults_hold_without_an_environment() {
    let config = read(&[]);
    assert_eq!(config.real_lib, RealLib::Search);
    assert_eq!(config.device, Device::Auto);
    assert_eq!((config.threads, config.isa), (None, None));
    assert_eq!(config.kfd_topology, Path::new("/sys/class/kfd/kfd/topology"));
    assert_eq!((config.journal, config.report, config.trace), (Journal::Usual, None, None));
    assert_eq!(config.workspace_limit_bytes, None);
    let live = Live {
        strategy: Strategy::Auto,
        size_threshold: 42,
        enable_implicit_gemm: true,
        cpu_fallback: true,
        cache_decisions: true,
        verbose: 0,
    };
    assert_eq!(config.live, live);
    assert!(config.unusable.is_empty());
    assert!(config.in_force.iter().all(|one| one.value == one.setting.default));
    assert_eq!(config.in_force.len(), SETTINGS.len());
}

#[test]
fn amx_is_no_limit() {
    let config = read(&[("MIOPEN_BYPASS_ISA", "amx")]);
    assert_eq!(config.isa, None);
    assert!(config.unusable.is_empty());
    assert!(config.in_force.iter().any(|one| one.value == "amx"));
}

#[test]
fn values_are_taken() {
    let config = read(&[
        ("MIOPEN_BYPASS_REAL_LIB", "/opt/rocm/lib/libMIOpen.so.1"),
        ("MIOPEN_BYPASS_DEVICE", "CPU"),
        ("MIOPEN_BYPASS_THREADS", " 3 "),
        ("MIOPEN_BYPASS_VERBOSE", "2"),
        ("MIOPEN_BYPASS_ISA", "avx2"),
        ("MIOPEN_BYPASS_STRATEGY", "Selective"),
        ("MIOPEN_BYPASS_SIZE_THRESHOLD", "0"),
        ("MIOPEN_BYPASS_CPU_FALLBACK", "off"),
        ("MIOPEN_BYPASS_WORKSPACE_LIMIT", "256M"),
        ("MIOPEN_BYPASS_JOURNAL", "OFF"),
        ("MIOPEN_BYPASS_REPORT", "exit"),
        ("MIOPEN_BYPASS_TRACE", "Trace.txt"),
    ]);
    assert_eq!(config.real_lib, RealLib::Path("/opt/rocm/lib/libMIOpen.so.1".into()));
    assert_eq!(config.device, Device::Cpu);
    assert_eq!(config.threads, NonZeroUsize::new(3));
    assert_eq!(config.live.verbose, 2);
    assert_eq!(config.isa, Some(IsaLevel::Avx2Fma));
    assert_eq!((config.live.strategy, config.live.size_threshold), (Strategy::Selective, 0));
    assert!(!config.live.cpu_fallback && config.live.cache_decisions);
    assert_eq!(config.workspace_limit_bytes, Some(256 << 20));
    assert_eq!((config.journal, config.report), (Journal::Off, Some(Report::Exit)));
    assert_eq!(config.trace, Some("Trace.txt".into()));
    assert!(config.unusable.is_empty());
}

#[test]
fn wrong_values_are_named_and_the_default_holds() {
    let config = read(&[
        ("MIOPEN_BYPASS_DEVICE", "tpu"),
        ("MIOPEN_BYPASS_THREADS", "0"),
        ("MIOPEN_BYPASS_VERBOSE", "loud"),
        ("MIOPEN_BYPASS_STRATEGY", "brave"),
        ("MIOPEN_BYPASS_WORKSPACE_LIMIT", "-1"),
        ("MIOPEN_BYPASS_CACHE_DECISIONS", "perhaps"),
    ]);
    let defaults = read(&[]);
    assert_eq!(Config { unusable: Vec::new(), ..config.clone() }, defaults);
    let names: Vec<_> = config.unusable.iter().filter_map(|complaint| complaint.setting).collect();
    let expected = [STRATEGY, CACHE_DECISIONS, WORKSPACE_LIMIT, VERBOSE, DEVICE, THREADS];
    assert_eq!(names, expected.map(|setting| setting.name));
    assert_eq!(
        config.unusable[4].to_string(),
        "MIOPEN_BYPASS_DEVICE=tpu is not `auto` or `cpu`; the default holds"
    );
}

#[test]
fn miopens_own_log_level_counts_unless_ours_is_set() {
    let raised = read(&[("MIOPEN_LOG_LEVEL", "6")]);
    assert_eq!(raised.live.verbose, 2);
    let both = [("MIOPEN_LOG_LEVEL", "7"), ("MIOPEN_BYPASS_VERBOSE", "0")];
    assert_eq!(read(&both).live.verbose, 0);
}

#[test]
fn an_empty_variable_is_an_unset_one() {
    assert_eq!(read(&[("MIOPEN_BYPASS_REAL_LIB", "")]).real_lib, RealLib::Search);
}

#[test]
fn later_layers_win() {
    let folder = Folder::new("layers");
    let system = folder.file(
        "etc.toml",
        "strategy = \"off\"\nsize_threshold = 10\nthreads = 5\nverbose = 1\ncpu_fallback = false\n",
    );
    let user = folder.file("user/config.toml", "size_threshold = 20 # mine\nthreads = 6\n");
    let named = folder.file("named.toml", "MIOPEN_BYPASS_THREADS = 7\n");
    let pairs = [("MIOPEN_BYPASS_CONFIG", named.to_str().unwrap()), ("MIOPEN_BYPASS_VERBOSE", "3")];
    let config = Config::read_with(lookup(&pairs), &[system.clone(), user.clone()]);
    assert_eq!(config.unusable, []);
    assert_eq!(config.live.strategy, Strategy::Off);
    assert_eq!(config.live.size_threshold, 20);
    assert_eq!(config.threads, NonZeroUsize::new(7));
    assert_eq!(config.live.verbose, 3);
    assert!(!config.live.cpu_fallback);
    let origin = |setting: &Setting| {
        let one = config.in_force.iter().find(|one| one.setting.name == setting.name).unwrap();
        one.origin.clone()
    };
    assert_eq!(origin(&STRATEGY), Origin::File(system));
    assert_eq!(origin(&SIZE_THRESHOLD), Origin::File(user));
    assert_eq!(origin(&THREADS), Origin::File(named));
    assert_eq!(origin(&VERBOSE), Origin::Environment);
    assert_eq!(origin(&ISA), Origin::Default);
}

#[test]
fn the_users_folder_is_that_of_the_specification() {
    let user = |pairs: &[(&str, &str)]| usual_files(&lookup(pairs)).pop().unwrap();
    assert_eq!(user(&[("HOME", "/h")]), Path::new("/h/.config/miopen-bypass/config.toml"));
    let both = [("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")];
    assert_eq!(user(&both), Path::new("/x/miopen-bypass/config.toml"));
    // A relative one is to be ignored.
    let relative = [("HOME", "/h"), ("XDG_CONFIG_HOME", "x")];
    assert_eq!(user(&relative), Path::new("/h/.config/miopen-bypass/config.toml"));
    assert_eq!(user(&[]), Path::new(SYSTEM_FILE));
}

#[test]
fn what_is_wrong_with_a_file_takes_one_line_each() {
    let folder = Folder::new("wrong");
    let unparsable = folder.file("a.toml", "threads = 4\nstrategy = \n");
    let odd = folder.file("b.toml", "colour = 1\nthreads = [1]\nisa = \"avx3\"\nverbose = 1\n");
    let pairs = [("MIOPEN_BYPASS_CONFIG", "/nowhere/c.toml")];
    let config = Config::read_with(lookup(&pairs), &[unparsable, odd]);
    let lines: Vec<String> = config.unusable.iter().map(ToString::to_string).collect();
    let has = |parts: [&str; 2]| {
        lines.iter().filter(|line| parts.iter().all(|part| line.contains(part))).count() == 1
    };
    assert!(has(["a.toml:2: ", "the file is passed over"]), "{lines:?}");
    assert!(has(["b.toml: there is no setting colour", "passed over"]), "{lines:?}");
    assert!(has(["b.toml: threads takes 1 to 1024", "passed over"]), "{lines:?}");
    assert!(has(["b.toml: MIOPEN_BYPASS_ISA=avx3 is not", "the default holds"]), "{lines:?}");
    assert!(has(["/nowhere/c.toml", "passed over"]), "{lines:?}");
    assert_eq!(lines.len(), 5, "{lines:?}");
    assert!(lines.iter().all(|line| !line.contains('\n')), "{lines:?}");
    assert_eq!((config.threads, config.live.verbose), (None, 1));
}

#[test]
fn limits_have_units() {
    for (text, bytes) in [("0", 0), ("512", 512), ("4k", 4096), ("2 MiB", 2 << 20), ("1G", 1 << 30)]
    {
        assert_eq!(values::limit_bytes(&normal(text)), Some(Some(bytes)), "{text}");
    }
    for text in ["", "m", "1t", "-1", "1.5g", "18446744073709551615", "18446744073709551615k"] {
        assert_eq!(values::limit_bytes(text), None, "{text}");
    }
    assert_eq!(values::limit_bytes("none"), Some(None));
}

#[test]
fn settings_change_at_run_time_where_that_can_be() {
    let before = generation();
    for (name, value, read_back) in [
        ("strategy", "selective", "selective"),
        ("MIOPEN_BYPASS_SIZE_THRESHOLD", " 64 ", "64"),
        ("ENABLE_IMPLICIT_GEMM", "off", "0"),
        ("Cpu_Fallback", "no", "0"),
        ("CACHE_DECISIONS", "0", "0"),
        ("WORKSPACE_LIMIT", "1K", "1024"),
    ] {
        set(name, value).unwrap();
        assert_eq!(get(name).as_deref(), Some(read_back), "{name}");
    }
    assert_ne!(generation(), before);
    assert_eq!(live().size_threshold, 64);
    assert_eq!(workspace_limit_bytes(), Some(1024));
    let status = |name: &str, value: &str| set(name, value).unwrap_err().status;
    assert_eq!(status("strategy", "brave"), crate::error::Status::BadParm);
    assert_eq!(status("colour", "1"), crate::error::Status::BadParm);
    assert_eq!(status("threads", "2"), crate::error::Status::NotImplemented);
    assert_eq!(get("colour"), None);
    for setting in SETTINGS {
        assert!(get(setting.name).is_some(), "{}", setting.name);
    }
}
