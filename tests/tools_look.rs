//! `run`, `config` and `doctor`.
#![cfg(feature = "cli")]

mod scene;

use scene::{STUB_VERSION, Scene, Seen, seen, text};
use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::process::Command;

fn succeeds(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn json(command: Command) -> Value {
    serde_json::from_str(&succeeds(command)).unwrap()
}

fn args<'a>(words: &[&'a str]) -> Vec<&'a OsStr> {
    words.iter().map(|word| OsStr::new(*word)).collect()
}

#[test]
fn a_program_runs_on_our_library_without_an_installation() {
    let scene = Scene::new("run");
    scene.rocm("opt/rocm", 60200);
    let lib = scene.path("opt/rocm/lib");
    let program = scene.linked_program("program", &lib, false);
    let plain = seen(&succeeds(Command::new(&program)));
    assert_eq!(plain, Seen { ours: false, version: STUB_VERSION.to_owned(), cxx: false });
    let words = args(&["run", "--library", scene.ours.to_str().unwrap(), "--"]);
    let mut command = scene.command(&[&words[..], &[program.as_os_str()]].concat());
    command.env("LD_LIBRARY_PATH", &lib);
    let through = seen(&succeeds(command));
    assert_eq!(through, Seen { ours: true, version: STUB_VERSION.to_owned(), cxx: false });
}

#[test]
fn a_program_keeps_its_arguments_its_status_and_what_was_preloaded() {
    let scene = Scene::new("arguments");
    let script = "echo \"$0|$1|$2|$LD_PRELOAD\"; exit 7";
    let words = ["run", "--", "sh", "-c", script, "zero", "a b", "--version"];
    let mut command = scene.command_beside_the_library(&args(&words));
    let before = scene.ours.to_str().unwrap();
    let output = command.env("LD_PRELOAD", before).output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{}", text(&output));
    let line = text(&output);
    assert!(line.starts_with("zero|a b|--version|"), "{line}");
    // The library beside the command, then what was there.
    assert!(line.trim_end().ends_with(&format!("/libMIOpen.so:{before}")), "{line}");

    let words = args(&["run", "--", "./no-such-program"]);
    let output = scene.command_beside_the_library(&words).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output).contains("no-such-program"), "{}", text(&output));
    assert_eq!(scene.command(&args(&["run"])).status().unwrap().code(), Some(2));
    let stub = scene.real("libMIOpen.so.1", STUB_VERSION, &[]);
    let words = ["run", "--library", stub.to_str().unwrap(), "--", "true"];
    let output = scene.command(&args(&words)).output().unwrap();
    assert!(text(&output).contains("is no build of miopen-bypass"), "{}", text(&output));
}

#[test]
fn settings_are_listed_with_their_origin() {
    let scene = Scene::new("config");
    let mut command = scene.command(&args(&["config", "--format", "json"]));
    command.env("MIOPEN_BYPASS_THREADS", "3").env("MIOPEN_BYPASS_DEVICE", "tpu");
    command.env("MIOPEN_LOG_LEVEL", "6");
    let settings = json(command);
    let of = |name: &str| {
        let mut all = settings.as_array().unwrap().iter();
        all.find(|one| one["name"] == format!("MIOPEN_BYPASS_{name}")).unwrap().clone()
    };
    assert_eq!(settings.as_array().unwrap().len(), MIOpen::config::SETTINGS.len());
    assert_eq!(
        (&of("THREADS")["value"], &of("THREADS")["origin"]),
        (&"3".into(), &"environment".into())
    );
    assert_eq!(
        (&of("ISA")["value"], &of("ISA")["origin"]),
        (&of("ISA")["default"], &"default".into())
    );
    let device = of("DEVICE");
    assert_eq!((&device["value"], &device["origin"]), (&"auto".into(), &"default".into()));
    assert!(device["unusable"].as_str().unwrap().contains("tpu"));
    assert_eq!(
        (&of("VERBOSE")["value"], &of("VERBOSE")["origin"]),
        (&"2".into(), &"environment".into())
    );

    let mut command = scene.command(&args(&["config"]));
    command.env("MIOPEN_BYPASS_THREADS", "3");
    let text = succeeds(command);
    assert!(text.contains("MIOPEN_BYPASS_THREADS=3 (environment)"), "{text}");
    for setting in MIOpen::config::SETTINGS {
        assert!(text.contains(setting.text), "{text}");
    }
}

/// A machine with one processor and an RX 5600 XT, a ROCm of the system and a wheel.
fn machine(name: &str) -> Scene {
    let scene = Scene::new(name);
    let nodes = scene.path("sys/class/kfd/kfd/topology/nodes");
    let properties =
        ["gfx_target_version 0\n", "vendor_id 4098\ndevice_id 29471\ngfx_target_version 100100\n"];
    for (node, properties) in properties.iter().enumerate() {
        let folder = nodes.join(node.to_string());
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("properties"), properties).unwrap();
    }
    scene.rocm("opt/rocm-6.2.0", 60200);
    scene.hip("opt/rocm-6.2.0/lib/libamdhip64.so.6", 6);
    let packages = "usr/lib/python3.12/site-packages";
    scene.real(&format!("{packages}/torch/lib/libMIOpen.so"), STUB_VERSION, &[]);
    fs::create_dir_all(scene.path(&format!("{packages}/torch-2.5.1+rocm6.1.dist-info"))).unwrap();
    scene
}

#[test]
fn a_diagnosis_names_gpu_libraries_and_folders() {
    let scene = machine("doctor");
    let root = scene.root.to_str().unwrap();
    let mut command = scene.command(&args(&["doctor", "--json", "--root", root]));
    command.env("HSA_OVERRIDE_GFX_VERSION", "10.3.0").env("MIOPEN_FIND_MODE", "2");
    command.env("MIOPEN_USER_DB_PATH", "/proc/nowhere");
    let report = json(command);
    let gpus = report["gpus"].as_array().unwrap();
    assert_eq!(gpus.len(), 1, "a processor is no GPU");
    assert_eq!(gpus[0]["physical"], "gfx1010");
    assert_eq!(gpus[0]["reported"], "gfx1030");
    assert_eq!(gpus[0]["pci"], "1002:731f");
    assert_eq!(gpus[0]["is_rdna1"], true);

    let libraries = report["libraries"].as_array().unwrap();
    assert_eq!(libraries.len(), 2, "{libraries:?}");
    assert_eq!((&libraries[0]["rocm"], &libraries[0]["layout"]), (&"6.2.0".into(), &"ROCm".into()));
    assert_eq!(libraries[0]["links"], serde_json::json!(["libMIOpen.so.1", "libMIOpen.so"]));
    assert_eq!(libraries[0]["build_id"].as_str().unwrap().len(), 40);
    let wheel = &libraries[1];
    assert_eq!((&wheel["rocm"], &wheel["layout"]), (&"6.1".into(), &"Python wheel".into()));
    assert_eq!(report["hip_runtimes"].as_array().unwrap().len(), 1);
    assert!(report["engine"]["threads"].as_u64().unwrap() >= 1);

    let environment = report["environment"].as_array().unwrap();
    assert!(environment.iter().any(|one| one["name"] == "MIOPEN_FIND_MODE" && one["value"] == "2"));
    let folders = report["folders"].as_array().unwrap();
    let user = folders.iter().find(|folder| folder["purpose"] == "user database").unwrap();
    assert_eq!(user["writable"], false, "{user}");
    let cache = folders.iter().find(|folder| folder["purpose"] == "kernel cache").unwrap();
    assert_eq!(cache["writable"], true, "{cache}");

    // The processor is node 0, the card node 1.
    let mut command = scene.command(&args(&["doctor", "--json", "--root", root]));
    command.env("HSA_OVERRIDE_GFX_VERSION_1", "10.3.1").env("HSA_OVERRIDE_GFX_VERSION", "10.3.0");
    assert_eq!(json(command)["gpus"][0]["reported"], "gfx1031");

    let text = succeeds(scene.command(&args(&["doctor", "--root", root])));
    assert!(text.contains("physical gfx1010, reported gfx1010"), "{text}");
    assert!(text.contains("Rules in force (strategy auto)"), "{text}");
    assert!(text.contains("large-image: an image on either side"), "{text}");
    assert!(!text.contains("foreign-code"), "{text}");
    assert!(text.contains("kdb is harmless"), "{text}");
}

#[test]
fn a_diagnosis_tells_what_decides() {
    let scene = machine("decides");
    let root = scene.root.to_str().unwrap();
    let journal = scene.path("state");
    let version = "#define MIOPEN_VERSION_MAJOR 3\n#define MIOPEN_VERSION_MINOR 2\n\
                   #define MIOPEN_VERSION_PATCH 0\n";
    let header = scene.path("opt/rocm-6.2.0/include/miopen/version.h");
    fs::create_dir_all(header.parent().unwrap()).unwrap();
    fs::write(header, version).unwrap();
    fs::create_dir_all(&journal).unwrap();
    fs::write(journal.join("probed.tsv"), "hung\t7\tgfx1010 gfx1030 3.2.0 conv -n 1\n").unwrap();
    let report = |settings: &[(&str, &str)]| {
        let mut command = scene.command(&args(&["doctor", "--json", "--root", root]));
        json({
            command.env("MIOPEN_BYPASS_JOURNAL", &journal).envs(settings.iter().copied());
            command
        })
    };
    let ids = |report: &Value| -> Vec<String> {
        let rules = report["rules"].as_array().unwrap().iter();
        rules.map(|rule| rule["id"].as_str().unwrap().to_owned()).collect()
    };
    let has = |list: &[String], id: &str| list.iter().any(|one| one == id);

    let under = report(&[("HSA_OVERRIDE_GFX_VERSION", "10.3.0"), ("MIOPEN_DEBUG_CONV_GEMM", "1")]);
    assert!(has(&ids(&under), "foreign-code") && has(&ids(&under), "winograd-hang"));
    let steering = under["steering"].as_array().unwrap();
    let of = |name: &str| steering.iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(of("MIOPEN_DEBUG_CONV_GEMM")["users_value"], "1");
    assert_eq!(of("MIOPEN_DEBUG_CONV_WINOGRAD")["users_value"], Value::Null);
    assert_eq!(of("MIOPEN_FIND_MODE")["value"], "FAST");
    assert_eq!(under["libraries"][0]["version"], "3.2.0");
    let learned = &under["journal"];
    assert_eq!((&learned["writable"], &learned["proven"]), (&true.into(), &0.into()));
    assert!(learned["bad"][0].as_str().unwrap().ends_with("conv -n 1 (probed)"), "{learned}");

    let native = report(&[]);
    assert!(has(&ids(&native), "large-image") && !has(&ids(&native), "foreign-code"));
    assert!(!native.to_string().contains("MIOPEN_DEBUG_CONV_GEMM"), "{native}");
    let off = report(&[("MIOPEN_BYPASS_STRATEGY", "off"), ("MIOPEN_BYPASS_JOURNAL", "off")]);
    assert_eq!((ids(&off).len(), off["steering"].as_array().unwrap().len()), (0, 0));
    assert_eq!(
        (&off["journal"]["writable"], &off["journal"]["folder"]),
        (&false.into(), &Value::Null)
    );
    assert!(off["notes"].to_string().contains("The strategy is off"), "{off}");
}

#[test]
fn settings_come_from_files_too() {
    let scene = Scene::new("files");
    let folder = scene.path("config/miopen-bypass");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("config.toml"), "strategy = \"selective\"\nthreads = 2\n").unwrap();
    let named = scene.path("named.toml");
    fs::write(&named, "size_threshold = 64\ncolour = 1\n").unwrap();
    let mut command = scene.command(&args(&["config", "--json"]));
    command.env("XDG_CONFIG_HOME", scene.path("config")).env("MIOPEN_BYPASS_CONFIG", &named);
    command.env("MIOPEN_BYPASS_THREADS", "3");
    let output = command.output().unwrap();
    assert!(text(&output).contains("there is no setting colour"), "{}", text(&output));
    let settings: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |name: &str| {
        let mut all = settings.as_array().unwrap().iter();
        all.find(|one| one["name"] == format!("MIOPEN_BYPASS_{name}")).unwrap().clone()
    };
    let strategy = of("STRATEGY");
    assert_eq!((&strategy["value"], &strategy["origin"]), (&"selective".into(), &"file".into()));
    assert_eq!(strategy["file"], folder.join("config.toml").to_str().unwrap());
    assert_eq!(strategy["key"], "strategy");
    assert_eq!(
        (&of("SIZE_THRESHOLD")["value"], &of("THREADS")["value"]),
        (&"64".into(), &"3".into())
    );
    assert_eq!(of("THREADS")["origin"], "environment");
}

#[test]
fn a_diagnosis_tells_who_wins_for_a_program() {
    let scene = machine("winner");
    let lib = scene.path("opt/rocm-6.2.0/lib");
    let program = scene.linked_program("program", &lib, false);
    let root = scene.root.to_str().unwrap();
    let words = args(&["doctor", "--json", "--root", root, "--program", program.to_str().unwrap()]);
    let report = json(scene.command(&words));
    assert_eq!(report["program"]["library"]["is_ours"], false);
    let mut command = scene.command(&words);
    command.env("LD_PRELOAD", &scene.ours);
    assert_eq!(json(command)["program"]["library"]["is_ours"], true);

    scene.succeeds("install --prefix", &scene.path("opt/rocm-6.2.0"));
    let report = json(scene.command(&words));
    assert_eq!(report["program"]["library"]["is_ours"], true);
    let also = report["program"]["also_loaded"].as_array().unwrap();
    assert!(also[0].as_str().unwrap().ends_with("libMIOpen.so.1.0.60200"), "{also:?}");
    assert_eq!(report["libraries"].as_array().unwrap().len(), 3);

    let shell = args(&["doctor", "--root", root, "--program", "sh"]);
    assert!(succeeds(scene.command(&shell)).contains("not linked with MIOpen"));
    let nowhere = args(&["doctor", "--root", root, "--program", "no-such-program"]);
    assert_eq!(scene.command(&nowhere).status().unwrap().code(), Some(3));
}

#[test]
fn a_python_counts_with_the_wheels_of_its_environment() {
    let scene = machine("python");
    let packages = "venv/lib/python3.12/site-packages";
    let file = format!("{packages}/torch/lib/libMIOpen.so");
    // Linked as PyTorch's is: it asks for libMIOpen.so, which is known to the loader as .so.1.
    let wheel = scene.real(&file, STUB_VERSION, &["-Wl,-soname,libMIOpen.so".as_ref()]);
    let folder = wheel.parent().unwrap();
    let library = folder.join("libtorch_hip.so");
    let program = scene.linked_program("unused", folder, false);
    fs::rename(program, &library).unwrap();
    scene.real(&file, STUB_VERSION, &[]);
    fs::create_dir_all(scene.path("venv/bin")).unwrap();
    scene.link("venv/bin/python3", "/bin/sh");
    let script = scene.path("train.py");
    fs::write(&script, format!("#!{}\n", scene.path("venv/bin/python3").display())).unwrap();
    let root = scene.root.to_str().unwrap();
    for program in [scene.path("venv/bin/python3"), script] {
        let program = program.to_str().unwrap();
        let words = args(&["doctor", "--json", "--root", root, "--program", program]);
        let answer = &json(scene.command(&words))["program"];
        assert_eq!(answer["asked_by"], library.to_str().unwrap(), "{answer}");
        assert_eq!(answer["library"]["path"], wheel.to_str().unwrap());
    }
}
