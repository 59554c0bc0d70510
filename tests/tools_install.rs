//! `install`, `uninstall` and `status` on made-up installations of each kind.
#![cfg(feature = "cli")]

mod scene;

use scene::{NEXT_VERSION, STUB_VERSION, Scene, Seen, seen, snapshot, text};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

fn through_ours(version: &str) -> Seen {
    Seen { ours: true, version: version.to_owned(), cxx: true }
}

fn without_ours(version: &str) -> Seen {
    Seen { ours: false, version: version.to_owned(), cxx: true }
}

const PACKAGES: &str = "venv/lib/python3.12/site-packages";

#[test]
fn rocm_is_installed_over_and_given_back() {
    let scene = Scene::new("rocm");
    scene.rocm("opt/rocm-6.2.0", 60200);
    let (prefix, lib) = (scene.path("opt/rocm-6.2.0"), scene.path("opt/rocm-6.2.0/lib"));
    let program = scene.linked_program("driver", &lib, true);
    let before = snapshot(&lib);

    assert!(scene.succeeds("status --prefix", &prefix).contains("not installed"));
    let planned = scene.succeeds("install --dry-run --prefix", &prefix);
    assert!(planned.contains("libMIOpen.so.1 -> libMIOpen.so.1.0.60200-bypass"), "{planned}");
    assert_eq!(snapshot(&lib), before, "a dry run changes nothing");

    scene.succeeds("install --prefix", &prefix);
    for name in ["libMIOpen.so", "libMIOpen.so.1"] {
        assert_eq!(scene.load(&lib.join(name)), through_ours(STUB_VERSION));
    }
    let real = lib.join("libMIOpen.so.1.0.60200");
    assert_eq!(scene.load(&real), without_ours(STUB_VERSION));
    assert_eq!(fs::read(&real).unwrap(), before[&real]);
    // A program that was linked with the real one, and needs a C++ function of it.
    let output = Command::new(program).env_clear().output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(seen(&text(&output)), through_ours(STUB_VERSION));

    let status = scene.succeeds("status --prefix", &prefix);
    assert!(
        status.contains("miopen-bypass installed") && status.contains("ROCm 6.2.0"),
        "{status}"
    );
    assert!(scene.succeeds("install --prefix", &prefix).contains("installed already"));
    scene.succeeds("uninstall --prefix", &prefix);
    assert_eq!(snapshot(&lib), before);
    assert!(scene.ends_with(3, "uninstall --prefix", &prefix).contains("nothing is installed"));
}

#[test]
fn a_distributions_library_is_found_without_being_named() {
    let scene = Scene::new("debian");
    let folder = "usr/lib/x86_64-linux-gnu";
    scene.real(&format!("{folder}/libMIOpen.so.1.0"), STUB_VERSION, &[]);
    scene.link(&format!("{folder}/libMIOpen.so.1"), "libMIOpen.so.1.0");
    let before = snapshot(&scene.path("usr"));
    scene.succeeds("install --root", &scene.root);
    let entry = scene.path(folder).join("libMIOpen.so.1");
    assert_eq!(scene.load(&entry), through_ours(STUB_VERSION));
    // An upgrade in place: the same name, another file.
    scene.real(&format!("{folder}/libMIOpen.so.1.0"), NEXT_VERSION, &[]);
    assert_eq!(scene.load(&entry), through_ours(NEXT_VERSION));
    assert!(scene.succeeds("status --root", &scene.root).contains("upgraded in its place"));
    scene.real(&format!("{folder}/libMIOpen.so.1.0"), STUB_VERSION, &[]);
    scene.succeeds("uninstall --root", &scene.root);
    assert_eq!(snapshot(&scene.path("usr")), before);
}

#[test]
fn a_wheels_file_is_kept_and_a_reinstallation_noticed() {
    let scene = Scene::new("wheel");
    let file = format!("{PACKAGES}/torch/lib/libMIOpen.so");
    let (venv, entry) = (scene.path("venv"), scene.path(&file));
    let kept = scene.path(&format!("{file}.original"));
    let real = fs::read(scene.real(&file, STUB_VERSION, &[])).unwrap();
    scene.succeeds("install --venv", &venv);
    assert_eq!(scene.load(&entry), through_ours(STUB_VERSION));
    assert_eq!(fs::read(&kept).unwrap(), real);
    assert!(scene.succeeds("status --venv", &venv).contains("Python wheel"));

    // pip removes the names that it knows, and writes new files.
    fs::remove_file(&entry).unwrap();
    let next = fs::read(scene.real(&file, NEXT_VERSION, &[])).unwrap();
    let status = scene.ends_with(1, "status --venv", &venv);
    assert!(status.contains("CHANGED") && status.contains("is a file again"), "{status}");
    let refusal = scene.ends_with(3, "uninstall --venv", &venv);
    assert!(refusal.contains("has been replaced since"), "{refusal}");
    assert_eq!(scene.load(&entry), without_ours(NEXT_VERSION));

    scene.succeeds("install --venv", &venv);
    assert_eq!(scene.load(&entry), through_ours(NEXT_VERSION));
    assert_eq!(fs::read(&kept).unwrap(), next, "the old file is of no more use");
    scene.succeeds("status --venv", &venv);

    // And with force, after the next one: the new file stays, and nothing of ours does.
    fs::remove_file(&entry).unwrap();
    scene.real(&file, STUB_VERSION, &[]);
    scene.succeeds("uninstall --force --venv", &venv);
    let left = snapshot(&venv);
    assert_eq!(left.keys().collect::<Vec<_>>(), [&entry]);
    assert_eq!(scene.load(&entry), without_ours(STUB_VERSION));
}

#[test]
fn a_package_that_pip_removed_leaves_only_what_force_takes_away() {
    let scene = Scene::new("removed");
    let file = format!("{PACKAGES}/torch/lib/libMIOpen.so");
    scene.real(&file, STUB_VERSION, &[]);
    let venv = scene.path("venv");
    scene.succeeds("install --venv", &venv);
    fs::remove_file(scene.path(&file)).unwrap();
    assert!(scene.ends_with(1, "status --venv", &venv).contains("its package was removed"));
    scene.ends_with(3, "uninstall --venv", &venv);
    scene.succeeds("uninstall --force --venv", &venv);
    assert!(snapshot(&venv).is_empty());
}

#[test]
fn the_rocm_wheels_are_found_in_their_neighbouring_package() {
    let scene = Scene::new("therock");
    let lib = format!("{PACKAGES}/_rocm_sdk_libraries_gfx101X_dgpu/lib");
    scene.real(&format!("{lib}/libMIOpen.so.1"), STUB_VERSION, &[]);
    let (venv, before) = (scene.path("venv"), snapshot(&scene.path(PACKAGES)));
    assert!(scene.succeeds("install --venv", &venv).contains("libMIOpen.so.1.original"));
    assert!(scene.succeeds("status --venv", &venv).contains("TheRock wheel"));
    assert_eq!(scene.load(&scene.path(&lib).join("libMIOpen.so.1")), through_ours(STUB_VERSION));
    // An environment that is moved keeps working.
    let moved = scene.path("moved");
    fs::rename(&venv, &moved).unwrap();
    let entry = moved.join(Path::new(&lib).strip_prefix("venv").unwrap()).join("libMIOpen.so.1");
    assert_eq!(scene.load(&entry), through_ours(STUB_VERSION));
    fs::rename(&moved, &venv).unwrap();
    scene.succeeds("uninstall --venv", &venv);
    assert_eq!(snapshot(&scene.path(PACKAGES)), before);
}

#[test]
fn a_name_with_a_hash_is_what_auditwheel_makes() {
    let scene = Scene::new("hash");
    let file = format!("{PACKAGES}/torch.libs/libMIOpen-0a1b2c3d.so.1");
    let name = OsStr::new("-Wl,-soname,libMIOpen-0a1b2c3d.so.1");
    scene.real(&file, STUB_VERSION, &[name]);
    let before = snapshot(&scene.path(PACKAGES));
    scene.succeeds("install --lib", &scene.path(&file));
    assert_eq!(scene.load(&scene.path(&file)), through_ours(STUB_VERSION));
    scene.succeeds("uninstall --lib", &scene.path(&file));
    assert_eq!(snapshot(&scene.path(PACKAGES)), before);
}

#[test]
fn links_from_another_folder_follow() {
    // ROCm before 5.2.
    let scene = Scene::new("old");
    scene.rocm("opt/rocm-4.5.0/miopen", 40500);
    scene.link("opt/rocm-4.5.0/lib/libMIOpen.so.1", "../miopen/lib/libMIOpen.so.1");
    scene.link("opt/rocm-4.5.0/lib/libMIOpen.so", "../miopen/lib/libMIOpen.so");
    scene.succeeds("install --prefix", &scene.path("opt/rocm-4.5.0"));
    for folder in ["lib", "miopen/lib"] {
        let entry = scene.path("opt/rocm-4.5.0").join(folder).join("libMIOpen.so");
        assert_eq!(scene.load(&entry), through_ours(STUB_VERSION));
    }
}

#[test]
fn ldconfig_leaves_the_link_to_us_and_an_upgrade_takes_it_back() {
    let scene = Scene::new("ldconfig");
    let Some(ldconfig) =
        ["/sbin/ldconfig", "/usr/sbin/ldconfig"].iter().find(|f| Path::new(f).exists())
    else {
        println!("skipped: no ldconfig");
        return;
    };
    scene.rocm("opt/rocm", 60200);
    let lib = scene.path("opt/rocm/lib");
    let refresh = || {
        // -n: this folder alone, and no cache.
        let status = Command::new(ldconfig).arg("-n").arg(&lib).status().unwrap();
        assert!(status.success());
    };
    scene.succeeds("install --prefix", &scene.path("opt/rocm"));
    refresh();
    assert_eq!(scene.load(&lib.join("libMIOpen.so.1")), through_ours(STUB_VERSION));
    assert!(scene.succeeds("status --prefix", &scene.path("opt/rocm")).contains("installed"));

    // Arch: the old file goes, the new one has another number.
    fs::remove_file(lib.join("libMIOpen.so.1.0.60200")).unwrap();
    scene.real("opt/rocm/lib/libMIOpen.so.1.0.60400", NEXT_VERSION, &[]);
    refresh();
    assert_eq!(scene.load(&lib.join("libMIOpen.so.1")), without_ours(NEXT_VERSION));
    let status = scene.ends_with(1, "status --prefix", &scene.path("opt/rocm"));
    assert!(status.contains("ldconfig has taken the name back"), "{status}");
    scene.succeeds("install --prefix", &scene.path("opt/rocm"));
    assert_eq!(scene.load(&lib.join("libMIOpen.so.1")), through_ours(NEXT_VERSION));
    assert!(!lib.join("libMIOpen.so.1.0.60200-bypass").exists(), "the old copy is removed");
    scene.succeeds("status --prefix", &scene.path("opt/rocm"));
}

#[test]
fn what_must_not_be_is_refused() {
    let scene = Scene::new("refused");
    // Ourselves.
    fs::create_dir_all(scene.path("own/lib")).unwrap();
    fs::copy(&scene.ours, scene.path("own/lib/libMIOpen.so.1")).unwrap();
    let refusal = scene.ends_with(3, "install --prefix", &scene.path("own"));
    assert!(refusal.contains("a build of miopen-bypass already"), "{refusal}");
    // A system's library linked into a wheel.
    scene.rocm("opt/rocm-5.7.0", 50700);
    scene.link(
        &format!("{PACKAGES}/torch/lib/libMIOpen.so"),
        scene.path("opt/rocm-5.7.0/lib/libMIOpen.so.1"),
    );
    let refusal = scene.ends_with(3, "install --venv", &scene.path("venv"));
    assert!(refusal.contains("another ROCm than the wheel"), "{refusal}");
    // A library beside the HIP of another release.
    let hip = scene.hip("elsewhere/libamdhip64.so.5", 5);
    scene.hip("mixed/lib/libamdhip64.so.6", 6);
    let flags = ["-Wl,--no-as-needed".as_ref(), hip.as_os_str()];
    scene.real("mixed/lib/libMIOpen.so.1", STUB_VERSION, &flags);
    let refusal = scene.ends_with(3, "install --prefix", &scene.path("mixed"));
    assert!(refusal.contains("two releases of ROCm are mixed"), "{refusal}");
    // Somebody's file under a name that is needed.
    scene.real("busy/lib/libMIOpen.so.1", STUB_VERSION, &[]);
    fs::write(scene.path("busy/lib/libMIOpen.so.1.original"), "precious").unwrap();
    let refusal = scene.ends_with(3, "install --prefix", &scene.path("busy"));
    assert!(refusal.contains("is in the way"), "{refusal}");
    // Two, and none was named; then nothing at all, and no library.
    scene.rocm("opt/rocm-6.2.0", 60200);
    let refusal = scene.ends_with(2, "install --root", &scene.root);
    assert!(refusal.contains("rocm-5.7.0") && refusal.contains("rocm-6.2.0"), "{refusal}");
    scene.ends_with(3, "install --prefix", &scene.path("nowhere"));
    let other = scene.path("text.so");
    fs::write(&other, "INPUT(libMIOpen.so.1)").unwrap();
    scene.ends_with(3, "install --lib", &other);
    let prefix = scene.path("opt/rocm-6.2.0");
    let args = ["install".as_ref(), "--prefix".as_ref(), prefix.as_os_str(), "--library".as_ref()];
    let output = scene.command(&[&args[..], &[other.as_os_str()]].concat()).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", text(&output));
}

#[test]
fn a_changed_file_is_not_removed_without_force() {
    let scene = Scene::new("changed");
    scene.rocm("opt/rocm", 60200);
    let (prefix, lib) = (scene.path("opt/rocm"), scene.path("opt/rocm/lib"));
    let before = snapshot(&lib);
    scene.succeeds("install --prefix", &prefix);
    let ours = lib.join("libMIOpen.so.1.0.60200-bypass");
    let mut bytes = fs::read(&ours).unwrap();
    bytes.push(0);
    fs::write(&ours, bytes).unwrap();
    assert!(scene.ends_with(1, "status --prefix", &prefix).contains("not the file that was"));
    let installed = snapshot(&lib);
    scene.ends_with(3, "uninstall --prefix", &prefix);
    assert_eq!(snapshot(&lib), installed);
    scene.succeeds("uninstall --force --prefix", &prefix);
    assert_eq!(snapshot(&lib), before);
}

#[test]
fn a_record_that_leads_out_of_its_folder_is_not_followed() {
    let scene = Scene::new("record");
    scene.rocm("opt/rocm", 60200);
    let prefix = scene.path("opt/rocm");
    scene.succeeds("install --prefix", &prefix);
    let record = prefix.join("lib/miopen-bypass-install.json");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace("\"libMIOpen.so.1.0.60200-bypass\"", "\"../../victim\""))
        .unwrap();
    fs::write(scene.path("opt/victim"), "precious").unwrap();
    scene.ends_with(3, "uninstall --force --prefix", &prefix);
    assert!(scene.path("opt/victim").exists());
    fs::write(&record, "{").unwrap();
    scene.ends_with(3, "status --prefix", &prefix);
}
