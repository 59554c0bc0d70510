//! `probe`, on a stand-in for the real library that computes, hangs, dies, errs or refuses as its
//! number of output channels tells, in the memory of a stand-in for the GPU.
#![cfg(feature = "cli")]

use serde_json::Value;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

/// 3x3 layers, smallest first; what they do stands in the name.
const SHAPES: &str = "\
passes 1 3 6 6 4 3 3 1 1 1 1 1 1 1
hangs 1 3 6 6 13 3 3 1 1 1 1 1 1 1
dies 1 3 6 6 17 3 3 1 1 1 1 1 1 1
errs 1 3 6 6 19 3 3 1 1 1 1 1 1 1
refuses 1 3 6 6 23 3 3 1 1 1 1 1 1 1
large 1 3 50 50 4 3 3 1 1 1 1 1 1 1
";

/// Name, outcome, whether it was known before, rule.
type Row = (String, String, bool, String);

struct Scene {
    folder: PathBuf,
    hip: PathBuf,
    real: PathBuf,
}

impl Scene {
    /// `None` where simhip is not built.
    fn new(name: &str) -> Option<Scene> {
        let hip = match std::env::var_os("MIOPEN_BYPASS_TEST_HIP") {
            Some(path) => PathBuf::from(path),
            None => {
                let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ctest/simhip/target");
                let built =
                    ["release", "debug"].map(|kind| folder.join(kind).join("libamdhip64.so"));
                let Some(path) = built.into_iter().find(|path| path.is_file()) else {
                    println!(
                        "skipped: simhip is not built (cargo build --release in ctest/simhip)"
                    );
                    return None;
                };
                path
            }
        };
        let folder =
            std::env::temp_dir().join(format!("miopen-probe-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let node = folder.join("kfd/nodes/1");
        fs::create_dir_all(&node).unwrap();
        fs::write(
            node.join("properties"),
            "simd_count 72\nsimd_per_cu 2\ngfx_target_version 100100\nlocation_id 768\ndomain 0\n",
        )
        .unwrap();
        fs::write(folder.join("shapes"), SHAPES).unwrap();
        let real = folder.join("libMIOpen.so.1");
        fs::write(folder.join("real.c"), REAL).unwrap();
        let target = "x86_64-unknown-linux-gnu";
        let mut compiler = cc::Build::new()
            .cargo_metadata(false)
            .opt_level(1)
            .target(target)
            .host(target)
            .get_compiler()
            .to_command();
        compiler.arg(folder.join("real.c")).arg("-o").arg(&real);
        compiler.args(["-shared", "-fPIC", "-Wl,--build-id", "-Wl,-soname,libMIOpen.so.1"]);
        assert!(compiler.status().unwrap().success());
        Some(Scene { folder, hip, real })
    }

    fn run(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_miopen-bypass"))
            .arg("probe")
            .args(words)
            .env_remove("HSA_OVERRIDE_GFX_VERSION")
            .env("LD_LIBRARY_PATH", self.hip.parent().unwrap())
            .env("MIOPEN_BYPASS_TEST_HIP", &self.hip)
            .env("MIOPEN_BYPASS_REAL_LIB", &self.real)
            .env("MIOPEN_BYPASS_KFD_TOPOLOGY", self.folder.join("kfd"))
            .env("MIOPEN_BYPASS_JOURNAL", self.folder.join("state"))
            .output()
            .unwrap()
    }

    /// Exit status, and what the rows say.
    fn rows(&self, words: &[&str]) -> (Option<i32>, Vec<Row>) {
        let shapes = self.folder.join("shapes");
        let common =
            ["--json", "--time-limit", "3", "--forw", "1", "--shapes", shapes.to_str().unwrap()];
        let output = self.run(&[&common[..], words].concat());
        let rows: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", text(&output)));
        let word = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let rows = rows.as_array().unwrap().iter().map(|row| {
            let known = row["is_known"].as_bool().unwrap();
            (word(row, "name"), word(row, "outcome"), known, word(row, "rule"))
        });
        (output.status.code(), rows.collect())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
}

#[test]
fn each_outcome_is_told_kept_and_not_tried_again() {
    let Some(scene) = Scene::new("outcomes") else { return };
    let (status, rows) = scene.rows(&["--list"]);
    assert_eq!(status, Some(0));
    assert!(rows.iter().all(|row| row.1.is_empty() && !row.2), "{rows:?}");

    let (status, rows) = scene.rows(&[]);
    let told: Vec<(&str, &str)> = rows.iter().map(|row| (row.0.as_str(), row.1.as_str())).collect();
    let expected = [
        ("passes", "passed"),
        ("hangs", "hung"),
        ("dies", "died"),
        ("errs", "wrong"),
        ("refuses", "refused"),
        ("large", "passed"),
    ];
    assert_eq!(told, expected);
    assert_eq!(status, Some(1), "some did not pass");
    let rules: Vec<&str> = rows.iter().map(|row| row.3.as_str()).collect();
    assert_eq!(rules, ["", "", "", "", "", "large-image"]);

    let file = fs::read_to_string(scene.folder.join("state/probed.tsv")).unwrap();
    assert!(
        file.contains("passed\t") && file.contains("\tgfx1010 gfx1010 3.4.5 conv -n 1 "),
        "{file}"
    );
    let start = Instant::now();
    let (_, again) = scene.rows(&[]);
    assert!(again.iter().all(|row| row.2), "{again:?}");
    assert_eq!(
        again.iter().map(|row| &row.1).collect::<Vec<_>>(),
        rows.iter().map(|row| &row.1).collect::<Vec<_>>()
    );
    assert!(start.elapsed().as_secs_f64() < 2.9, "nothing hung again");

    let (status, trusted) = scene.rows(&["--again", "--trust", "--filter", "large"]);
    assert_eq!((status, trusted[0].1.as_str()), (Some(0), "trusted"));
    let output = scene.run(&[
        "--list", "-n", "1", "-c", "3", "-H", "50", "-W", "50", "-k", "4", "-y", "3", "-x", "3",
        "-p", "1", "-q", "1", "-F", "1",
    ]);
    assert!(text(&output).contains("trusted (before)"), "{}", text(&output));
}

#[test]
fn an_interrupted_probe_goes_on() {
    let Some(scene) = Scene::new("interrupted") else { return };
    // The machine went down in the middle of the second: this is what it left.
    let (_, rows) = scene.rows(&["--filter", "passes"]);
    assert_eq!(rows[0].1, "passed");
    let file = scene.folder.join("state/probed.tsv");
    let text = fs::read_to_string(&file).unwrap();
    let begun = text.lines().find(|line| line.starts_with("hung\t")).expect("written beforehand");
    let key = begun.replace("-k 4", "-k 17");
    fs::write(&file, format!("{text}\n{key}\nhun")).unwrap();
    let (_, rows) = scene.rows(&["--filter", "es"]);
    let told: Vec<(&str, &str, bool)> =
        rows.iter().map(|row| (row.0.as_str(), row.1.as_str(), row.2)).collect();
    let expected =
        [("passes", "passed", true), ("dies", "hung", true), ("refuses", "refused", false)];
    assert_eq!(told, expected);
}

#[test]
fn what_cannot_be_probed_is_told() {
    let Some(scene) = Scene::new("cannot") else { return };
    let failed = |output: Output, part: &str| {
        assert_eq!(output.status.code(), Some(3), "{}", text(&output));
        assert!(text(&output).contains(part), "{}", text(&output));
    };
    failed(scene.run(&["--device", "1", "--list"]), "there is no card 1");
    let node = scene.folder.join("kfd/nodes/1/properties");
    fs::write(&node, fs::read_to_string(&node).unwrap().replace("100100", "100300")).unwrap();
    failed(scene.run(&["--list"]), "not RDNA1");
    let output = Command::new(env!("CARGO_BIN_EXE_miopen-bypass"))
        .args(["probe".as_ref(), "--list".as_ref()] as [&OsStr; 2])
        .env("MIOPEN_BYPASS_JOURNAL", "off")
        .output()
        .unwrap();
    failed(output, "the journal is off");
}

const REAL: &str = r#"
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
struct tensor { int dtype, rank, length[5], stride[5]; };
struct conv { int pad[3], stride[3], dilation[3]; };
struct perf { int algorithm; float time; size_t memory; };
int miopenGetVersion(size_t *a, size_t *b, size_t *c) { *a = 3; *b = 4; *c = 5; return 0; }
int miopenCreate(void **handle) { *handle = malloc(1); return 0; }
int miopenCreateTensorDescriptor(struct tensor **t) { *t = calloc(1, sizeof **t); return 0; }
int miopenSetTensorDescriptor(struct tensor *t, int dtype, int rank, int *length, int *stride) {
    t->dtype = dtype;
    t->rank = rank;
    for (int i = 0; i < rank; ++i) { t->length[i] = length[i]; t->stride[i] = stride[i]; }
    return 0;
}
int miopenCreateConvolutionDescriptor(struct conv **c) { *c = calloc(1, sizeof **c); return 0; }
int miopenInitConvolutionNdDescriptor(struct conv *c, int dim, int *p, int *s, int *d, int mode) {
    for (int i = 0; i < dim; ++i) { c->pad[i] = p[i]; c->stride[i] = s[i]; c->dilation[i] = d[i]; }
    return dim == 2 && mode == 0 ? 0 : 7;
}
int miopenConvolutionForwardGetWorkSpaceSize(void *h, struct tensor *w, struct tensor *x,
                                             struct conv *c, struct tensor *y, size_t *bytes) {
    *bytes = 256;
    return 0;
}
int miopenFindConvolutionForwardAlgorithm(void *h, struct tensor *xd, const void *x,
                                          struct tensor *wd, const void *w, struct conv *c,
                                          struct tensor *yd, void *y, int asked, int *count,
                                          struct perf *perf, void *scratch, size_t bytes,
                                          bool exhaustive) {
    if (wd->length[0] == 23) return 7;
    *count = 1;
    perf->algorithm = 5;
    perf->memory = 256;
    return asked >= 1 && bytes == 256 && scratch ? 0 : 7;
}
/* What the search for rules sets before it loads a library. */
static bool is_steered(void) {
    const char *mode = getenv("MIOPEN_FIND_MODE");
    return mode && mode[0] == 'F';
}
typedef int (*copy)(void *, const void *, size_t, int);
static long span(const struct tensor *t) {
    long elems = 1;
    for (int i = 0; i < t->rank; ++i) elems += (long)(t->length[i] - 1) * t->stride[i];
    return elems;
}
static float *fetch(copy hipMemcpy, const struct tensor *t, const void *from) {
    float *host = malloc(span(t) * sizeof(float));
    if (hipMemcpy(host, from, span(t) * sizeof(float), 2) != 0) exit(9);
    return host;
}
int miopenConvolutionForward(void *h, const void *alpha, struct tensor *xd, const void *x,
                             struct tensor *wd, const void *w, struct conv *c, int algorithm,
                             const void *beta, struct tensor *yd, void *y, void *scratch,
                             size_t bytes) {
    int k_all = wd->length[0];
    if (!is_steered() || algorithm != 5) return 7;
    while (k_all == 13) sleep(60);
    if (k_all == 17) abort();
    void *hip = dlopen(getenv("MIOPEN_BYPASS_TEST_HIP"), RTLD_NOW | RTLD_NOLOAD);
    copy hipMemcpy = hip ? (copy)dlsym(hip, "hipMemcpy") : NULL;
    if (!hipMemcpy) return 7;
    float *xs = fetch(hipMemcpy, xd, x), *ws = fetch(hipMemcpy, wd, w);
    float *ys = fetch(hipMemcpy, yd, y);
    for (int n = 0; n < yd->length[0]; ++n)
        for (int k = 0; k < k_all; ++k)
            for (int i = 0; i < yd->length[2]; ++i)
                for (int j = 0; j < yd->length[3]; ++j) {
                    double sum = 0;
                    for (int ch = 0; ch < wd->length[1]; ++ch)
                        for (int r = 0; r < wd->length[2]; ++r)
                            for (int s = 0; s < wd->length[3]; ++s) {
                                int a = i * c->stride[0] + r * c->dilation[0] - c->pad[0];
                                int b = j * c->stride[1] + s * c->dilation[1] - c->pad[1];
                                if (a < 0 || b < 0 || a >= xd->length[2] || b >= xd->length[3])
                                    continue;
                                sum += xs[n * xd->stride[0] + ch * xd->stride[1] + a * xd->stride[2] + b]
                                     * ws[k * wd->stride[0] + ch * wd->stride[1] + r * wd->stride[2] + s];
                            }
                    ys[n * yd->stride[0] + k * yd->stride[1] + i * yd->stride[2] + j] =
                        (float)(k_all == 19 && k == 18 ? sum * 1.01 : sum);
                }
    return hipMemcpy(y, ys, span(yd) * sizeof(float), 1);
}
"#;
