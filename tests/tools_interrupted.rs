//! An installation that ends at any step leaves a working library, and can be completed or undone.
#![cfg(feature = "cli")]

mod scene;

use scene::{NEXT_VERSION, STUB_VERSION, Scene, snapshot, text};
use std::fs;
use std::path::{Path, PathBuf};

const KILLED: i32 = 137;
const WHEEL: &str = "venv/lib/python3.12/site-packages/torch/lib/libMIOpen.so";

/// A layout: what to install to, and the names that programs ask for.
struct Place {
    option: &'static str,
    place: PathBuf,
    folder: PathBuf,
    entries: Vec<&'static str>,
}

impl Place {
    fn rocm(scene: &Scene) -> Place {
        scene.rocm("opt/rocm", 60200);
        Place {
            option: "--prefix",
            place: scene.path("opt/rocm"),
            folder: scene.path("opt/rocm/lib"),
            entries: vec!["libMIOpen.so", "libMIOpen.so.1"],
        }
    }

    fn wheel(scene: &Scene) -> Place {
        scene.real(WHEEL, STUB_VERSION, &[]);
        Place {
            option: "--venv",
            place: scene.path("venv"),
            folder: scene.path(WHEEL).parent().unwrap().to_owned(),
            entries: vec!["libMIOpen.so"],
        }
    }

    /// Two names that are two files, as a wheel has them that cannot hold links.
    fn copies(scene: &Scene) -> Place {
        let place = Place::wheel(scene);
        fs::copy(scene.path(WHEEL), place.folder.join("libMIOpen.so.1")).unwrap();
        Place { entries: vec!["libMIOpen.so", "libMIOpen.so.1"], ..place }
    }

    fn words(&self, verb: &str) -> String {
        format!("{verb} {}", self.option)
    }

    /// Runs it until it gets through, killed one step later each time; `after_kill` sees each.
    fn kill_at_each_step(&self, scene: &Scene, verb: &str, mut after_kill: impl FnMut(u32)) -> u32 {
        for steps in 0..100 {
            let stop = steps.to_string();
            let more = ["--stop-after".as_ref(), stop.as_ref()];
            let output = scene.run(&self.words(verb), &self.place, &more);
            match output.status.code() {
                Some(0) => return steps,
                Some(KILLED) => after_kill(steps),
                _ => panic!("{verb}, step {steps}: {}", text(&output)),
            }
        }
        panic!("{verb} never gets through");
    }

    fn assert_works(&self, scene: &Scene, version: &str) {
        for entry in &self.entries {
            let seen = scene.load(&self.folder.join(entry));
            assert!(seen.version == version && seen.cxx, "{entry}: {seen:?}");
        }
    }

    fn assert_ours(&self, scene: &Scene) {
        for entry in &self.entries {
            assert!(scene.load(&self.folder.join(entry)).ours, "{entry}");
        }
    }
}

/// Kills `install` at each step, then undoes or completes it.
fn interrupt_install(scene: &Scene, place: &Place) {
    let before = snapshot(&place.folder);
    let steps = place.kill_at_each_step(scene, "install", |step| {
        place.assert_works(scene, STUB_VERSION);
        // A run that was killed before its record was written has nothing to undo but its
        // temporary file, which the next one writes over.
        if place.folder.join("miopen-bypass-install.json").exists() {
            let expected = if is_complete(place) { 0 } else { 1 };
            scene.ends_with(expected, &place.words("status"), &place.place);
            scene.succeeds(&place.words("uninstall"), &place.place);
            assert_eq!(snapshot(&place.folder), before, "step {step}");
        }
    });
    assert!(steps > 5, "only {steps} steps");
    scene.succeeds(&place.words("uninstall"), &place.place);
    assert_eq!(snapshot(&place.folder), before);

    // The same without undoing it: each run finds what the one before left.
    place.kill_at_each_step(scene, "install", |_| place.assert_works(scene, STUB_VERSION));
    place.assert_ours(scene);
    scene.succeeds(&place.words("status"), &place.place);
    scene.succeeds(&place.words("uninstall"), &place.place);
    assert_eq!(snapshot(&place.folder), before);
}

fn is_complete(place: &Place) -> bool {
    let record = fs::read_to_string(place.folder.join("miopen-bypass-install.json")).unwrap();
    record.contains("\"complete\": true")
}

/// Kills `uninstall` at each step, then completes it or installs again.
fn interrupt_uninstall(scene: &Scene, place: &Place) {
    let before = snapshot(&place.folder);
    scene.succeeds(&place.words("install"), &place.place);
    let steps = place.kill_at_each_step(scene, "uninstall", |_| {
        place.assert_works(scene, STUB_VERSION);
        scene.succeeds(&place.words("install"), &place.place);
        place.assert_ours(scene);
    });
    assert!(steps > 3, "only {steps} steps");
    assert_eq!(snapshot(&place.folder), before);
    scene.succeeds(&place.words("install"), &place.place);
    let mut stop = 0;
    while place.folder.join("miopen-bypass-install.json").exists() {
        let steps = stop.to_string();
        let more = ["--stop-after".as_ref(), steps.as_ref()];
        scene.run(&place.words("uninstall"), &place.place, &more);
        place.assert_works(scene, STUB_VERSION);
        stop += 1;
    }
    assert_eq!(snapshot(&place.folder), before);
}

#[test]
fn installing_over_links() {
    let scene = Scene::new("kill-rocm");
    let place = Place::rocm(&scene);
    interrupt_install(&scene, &place);
    interrupt_uninstall(&scene, &place);
}

#[test]
fn installing_over_a_file() {
    let scene = Scene::new("kill-wheel");
    let place = Place::wheel(&scene);
    interrupt_install(&scene, &place);
    interrupt_uninstall(&scene, &place);
}

#[test]
fn installing_over_two_copies_of_a_file() {
    let scene = Scene::new("kill-copies");
    let place = Place::copies(&scene);
    interrupt_install(&scene, &place);
    interrupt_uninstall(&scene, &place);
}

#[test]
fn installing_again_after_an_upgrade() {
    let scene = Scene::new("kill-upgrade");
    let place = Place::wheel(&scene);
    let upgrade = |version: &str| {
        fs::remove_file(scene.path(WHEEL)).unwrap();
        scene.real(WHEEL, version, &[]);
    };
    scene.succeeds(&place.words("install"), &place.place);
    upgrade(NEXT_VERSION);
    place.kill_at_each_step(&scene, "install", |_| place.assert_works(&scene, NEXT_VERSION));
    place.assert_ours(&scene);
    scene.succeeds(&place.words("uninstall"), &place.place);
    let left: Vec<PathBuf> = snapshot(&place.folder).into_keys().collect();
    assert_eq!(left, [scene.path(WHEEL)]);
    assert_eq!(scene.load(Path::new(&left[0])).version, NEXT_VERSION);
}
