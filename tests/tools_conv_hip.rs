//! `miopen-bypass conv` on a GPU: here always simhip, which interprets the kernels.
#![cfg(feature = "cli")]

mod support;

use serde_json::Value;
use std::process::{Command, Output};
use support::device::{has_simhip, simhip_path};

fn conv(words: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_miopen-bypass"));
    command.arg("conv").args(words.split_whitespace()).env_remove("LD_PRELOAD");
    command.output().unwrap()
}

fn stdout(output: &Output) -> &str {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    std::str::from_utf8(&output.stdout).unwrap()
}

fn on_simhip(words: &str) -> Output {
    conv(&format!("--simhip {} {words}", simhip_path().unwrap().display()))
}

fn results(words: &str) -> Vec<Value> {
    let output = on_simhip(&format!("{words} --format json"));
    let document: Value = serde_json::from_str(stdout(&output)).unwrap();
    document["results"].as_array().unwrap().clone()
}

#[test]
fn results_are_verified_and_instructions_counted() {
    if !has_simhip() {
        return;
    }
    for dtype in ["fp32", "fp16", "bf16"] {
        let small = "-n 2 -c 8 -H 9 -W 7 -k 12 -y 3 -x 3 -p 1 -q 1";
        let all = results(&format!("{small} -F 0 -V 2 --dtype {dtype}"));
        assert_eq!(all.len(), 3);
        for result in all {
            assert_eq!(result["verification"]["passed"], true, "{result}");
            assert!(result["solver"].as_str().unwrap().starts_with("gpu_"), "{result}");
            let counts = &result["counts"];
            let useful = counts["useful_fma_lanes"].as_f64().unwrap();
            assert!(useful > 0.0 && useful < 1.0, "{counts}");
            let lanes = counts["valu_lanes_issued"].as_f64().unwrap();
            assert!((useful * lanes - f64::from(2 * 8 * 12 * 9 * 7 * 9)).abs() < 1.0, "{counts}");
            assert_eq!(counts["estimates"].as_array().unwrap().len(), 2);
            // The clock of an interpreter is no time.
            assert_eq!(result.get("time"), None);
        }
    }
}

/// Over whole layers, packing and partly empty tiles included.
#[test]
fn winograd_issues_fewer_instructions() {
    if !has_simhip() {
        return;
    }
    for (layer, directions, lanes_less, all_less) in [
        // Of ResNet-50 with one image, and of YOLOv8n with four.
        ("-n 1 -c 64 -H 56 -W 56 -k 64", [1, 2].as_slice(), 1.8, 1.65),
        ("-n 1 -c 512 -H 7 -W 7 -k 512", &[1], 1.0, 1.2),
        ("-n 4 -c 32 -H 80 -W 80 -k 32", &[2], 1.75, 1.6),
    ] {
        for direction in directions {
            let counts = |solver: &str| {
                let is_verified = u32::from(solver == "gpu_winograd");
                let result = results(&format!(
                    "{layer} -y 3 -x 3 -p 1 -q 1 -F {direction} --solver {solver} -V {is_verified}"
                ))
                .swap_remove(0);
                if is_verified == 1 {
                    let verification = &result["verification"];
                    assert_eq!(verification["passed"], true, "{result}");
                    // MIOpenDriver's tolerance.
                    assert!(verification["rms_error"].as_f64().unwrap() < 1.5e-6, "{result}");
                }
                assert_eq!(result["counts"]["lds_conflict_cycles"], 0, "{result}");
                let number = |name: &str| result["counts"][name].as_f64().unwrap();
                [number("valu_lanes_issued"), number("wave_instructions")]
            };
            let (winograd, tiles) = (counts("gpu_winograd"), counts("gpu_igemm"));
            let less = [tiles[0] / winograd[0], tiles[1] / winograd[1]];
            assert!(less[0] > lanes_less && less[1] > all_less, "{layer} {direction}: {less:?}");
        }
    }
}

#[test]
fn the_table_calls_estimates_estimates() {
    if !has_simhip() {
        return;
    }
    let output = on_simhip("-n 1 -c 8 -H 8 -W 8 -k 8 -y 1 -x 1 -F 3");
    let table = stdout(&output);
    assert_eq!(table.lines().filter(|line| line.contains("estimated, not measured")).count(), 2);
    assert!(table.contains("RX 5600 XT") && table.contains("geometric mean over 2"), "{table}");
    let list = on_simhip("-n 1 -c 8 -H 8 -W 8 -k 8 -y 1 -x 1 -F 1 --list");
    assert!(stdout(&list).contains("gpu_igemm"), "{}", stdout(&list));
}

#[test]
fn what_cannot_be_is_said() {
    let small = "-n 1 -c 4 -H 5 -W 5 -k 4 -y 1 -x 1 -F 1";
    let failed = |words: &str, status: i32, text: &str| {
        let output = conv(&format!("{small} {words}"));
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{words}: {complaint}");
        assert!(complaint.contains(text), "{words}: {complaint}");
    };
    failed("--device cuda", 2, "hip:NUMBER");
    failed("--simhip /no/such/file.so", 3, "/no/such/file.so");
    if !has_simhip() {
        return;
    }
    let output = on_simhip(&format!("{small} --device hip:7"));
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let output = on_simhip(&format!("{small} -s 1"));
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Of all lanes that vector instructions occupy in a layer, packing, partial tiles and sums of parts
/// included, so many do a multiply-add of the convolution. Figures of the machine code that is
/// shipped, repeatable; a tile or a choice that gets worse fails here.
#[test]
fn layers_reach_their_share_of_useful_lanes() {
    if !has_simhip() {
        return;
    }
    for (shape, least) in [
        // ResNet-50, one image: many points, few points, very few, and a 1x1 layer.
        ("-n 1 -c 64 -H 56 -W 56 -k 64 -y 3 -x 3 -p 1 -q 1", [0.95, 0.95, 0.92]),
        ("-n 1 -c 256 -H 14 -W 14 -k 256 -y 3 -x 3 -p 1 -q 1", [0.79, 0.79, 0.90]),
        ("-n 1 -c 512 -H 7 -W 7 -k 512 -y 3 -x 3 -p 1 -q 1", [0.66, 0.66, 0.75]),
        ("-n 1 -c 64 -H 56 -W 56 -k 256 -y 1 -x 1", [0.87, 0.94, 0.92]),
        // YOLOv8n: narrow layers, for which backward-weights has no tile.
        ("-n 4 -c 32 -H 80 -W 80 -k 32 -y 3 -x 3 -p 1 -q 1", [0.93, 0.93, 0.36]),
    ] {
        for (result, least) in results(&format!("{shape} -F 0 -V 0")).iter().zip(least) {
            let useful = result["counts"]["useful_fma_lanes"].as_f64().unwrap();
            println!("{shape} {}: {useful:.3}", result["direction"]);
            assert!(useful >= least, "{shape} {}: {useful:.3}", result["direction"]);
        }
    }
}
