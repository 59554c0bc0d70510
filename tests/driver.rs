//! The command `miopen-bypass`, from outside: what it prints, and how it ends.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use MIOpen::problem::ConvProblem;
use serde_json::Value;

/// One small problem, all directions.
const SMALL: &str = "-n 1 -c 4 -H 6 -W 6 -k 4 -y 3 -x 3 -p 1 -q 1";

fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_miopen-bypass"));
    command.env_remove("MIOPEN_BYPASS_ISA").env_remove("MIOPEN_BYPASS_THREADS");
    command
}

/// Runs the command on words that are separated by blanks.
fn run(words: &str) -> Output {
    command().args(words.split_whitespace()).stdin(Stdio::null()).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// The output, of a run that must have ended with this status.
fn output_with(status: i32, words: &str) -> Output {
    let output = run(words);
    assert_eq!(output.status.code(), Some(status), "{words}: {}", stderr(&output));
    output
}

/// The results of a run that prints JSON.
fn results(words: &str) -> Vec<Value> {
    let output = output_with(0, &format!("{words} --format json"));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    document["results"].as_array().unwrap().clone()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no text {key} in {value}"))
}

/// A file for the time of a test.
struct TempFile(std::path::PathBuf);

impl TempFile {
    fn new(name: &str, content: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("miopen-bypass-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        TempFile(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn conv_runs_verifies_and_times_each_direction() {
    let output = output_with(0, &format!("conv {SMALL} -i 2"));
    let lines: Vec<&str> = stdout(&output).lines().collect();
    // Three problems that can be pasted, a header, three rows.
    assert_eq!(lines.len(), 7, "{lines:?}");
    for (line, forw) in lines.iter().zip(["-F 1", "-F 2", "-F 4"]) {
        assert!(line.starts_with("conv ") && line.ends_with(forw), "{line}");
    }
    for (row, direction) in lines[4..].iter().zip(["fwd", "bwd", "wrw"]) {
        assert!(row.starts_with(direction) && row.contains("ok (rms"), "{row}");
    }
    assert_eq!(stderr(&output), "");
}

#[test]
fn the_json_document_has_what_it_promises() {
    let output = output_with(0, &format!("conv {SMALL} -F 4 -i 3 --threads 1 --format json"));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["threads"], 1);
    assert_eq!(document.get("isa"), None);
    let [result] = &document["results"].as_array().unwrap()[..] else { panic!("{document}") };
    assert_eq!(text(result, "direction"), "wrw");
    assert!(text(result, "problem").parse::<ConvProblem>().is_ok());
    assert!(result["id"].as_u64().unwrap() > 1_000_000);
    assert!(!text(result, "solver").is_empty());
    assert!(result["workspace_bytes"].is_u64());
    let time = &result["time"];
    assert_eq!(time["runs"], 3);
    let (median_us, min_us) = (time["median_us"].as_f64(), time["min_us"].as_f64());
    assert!(median_us >= min_us && min_us > Some(0.0), "{time}");
    assert!(time["gflops"].as_f64() > Some(0.0));
    let verification = &result["verification"];
    assert_eq!(verification["passed"], true);
    assert_eq!(verification["channels_checked"], verification["channels"]);
    assert!(verification["rms_error"].as_f64() <= verification["rms_tolerance"].as_f64());
    assert!(verification["worst_of_bound"].as_f64() <= Some(1.0));
}

#[test]
fn verification_and_timing_can_be_left_out() {
    let results = results(&format!("conv {SMALL} -F 1 -V 0 -t 0"));
    assert_eq!(results[0].get("time"), None);
    assert_eq!(results[0].get("verification"), None);
}

#[test]
fn a_problem_that_is_printed_can_be_pasted() {
    let problems = [
        format!("conv {SMALL}"),
        format!("convfp16 {SMALL} -I NHWC -f NHWC -O NHWC -g 2"),
        format!("convbfp16 {SMALL} -m trans -u 2 -v 2 -Y 1 -X 1"),
        format!("convint8 {SMALL} -F 1"),
        "conv -n 1 -c 2 -! 4 -H 5 -W 3 -k 3 -@ 2 -y 3 -x 1 -_ 3 -# 2 -$ 1 -^ 1".into(),
        "conv -n 1 -c 2 -W 9 -k 3 -x 3 -_ 1 --x_strides 30,15,1 --deterministic 1".into(),
        format!("conv {SMALL} --y_lengths 1,4,5,7"),
    ];
    for words in problems {
        for result in results(&format!("{words} -t 0")) {
            let problem = text(&result, "problem");
            for pasted in [
                format!("{problem} -t 0"),
                format!("miopen-bypass: {problem}: f32_some_solver -t 0"),
                format!("conv MIOpenDriver {problem} -t 0"),
            ] {
                let again = results(&pasted);
                assert_eq!(again.len(), 1, "{pasted}");
                assert_eq!(text(&again[0], "problem"), problem, "{pasted}");
            }
        }
    }
}

#[test]
fn a_quoted_log_line_is_one_argument() {
    let lines = [
        format!("miopen-bypass: convfp16 {SMALL} -F 1; a: 12 us, workspace 0 bytes; not b: -1"),
        format!("MIOpen(HIP): Command [Log] ./bin/MIOpenDriver convfp16 {SMALL} -F 1 -t 1"),
    ];
    for line in lines {
        let output = command().args([&line, "-t", "0"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}: {}", stderr(&output));
        assert!(stdout(&output).starts_with("convfp16 -n 1 -c 4"), "{line}");
    }
}

#[test]
fn solvers_are_listed_with_estimates_or_reasons() {
    let results = results(&format!("conv {SMALL} -F 1 --list --isa scalar"));
    let solvers = results[0]["solvers"].as_array().unwrap();
    assert_eq!(solvers.len(), MIOpen::engine::solvers().len());
    assert_eq!(solvers.iter().filter(|solver| solver["chosen"] == true).count(), 1);
    assert_eq!(solvers[0]["chosen"], true, "the best one stands first");
    for solver in solvers {
        let is_served = solver["estimate_us"].as_f64().is_some_and(|time_us| time_us > 0.0);
        let is_rejected = !solver["rejection"].as_str().unwrap_or_default().is_empty();
        assert!(is_served != is_rejected, "{solver}");
        if text(solver, "solver").contains("avx") {
            assert!(is_rejected, "{solver} above the level asked for");
        }
    }
    let table = output_with(0, &format!("conv {SMALL} -F 1 --list"));
    assert_eq!(stdout(&table).lines().count(), 1 + solvers.len());
}

#[test]
fn a_solver_can_be_forced_by_name_and_by_id() {
    let all = MIOpen::engine::solvers();
    let naive =
        all.iter().find(|solver| solver.name() == "any_direct_naive").expect("the last resort");
    for choice in [
        format!("--solver {}", naive.name()),
        format!("--solver {}", naive.id()),
        format!("-S {}", naive.id()),
    ] {
        let results = results(&format!("conv {SMALL} -F 2 -t 0 {choice}"));
        assert_eq!(text(&results[0], "solver"), naive.name());
    }
    // An id of the real library's means our own choice, and so does a search.
    for choice in ["--solver 85", "-S 0", "-S -1", "-s 1"] {
        assert_eq!(results(&format!("conv {SMALL} -F 1 -t 0 {choice}")).len(), 1);
    }
}

#[test]
fn a_lowered_instruction_set_is_reported() {
    let output = output_with(0, &format!("conv {SMALL} -F 1 -t 0 --isa scalar --format json"));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["isa"], "scalar");
}

const SHAPES: &str = "\
# a comment
name\tn\tc\th\tw\tk\ty\tx\tsh\tsw\tph\tpw\tdh\tdw\tg
net.first\t1\t3\t8\t8\t4\t3\t3\t2\t2\t1\t1\t1\t1\t1

net.grouped 1 4 8 8 4 3 3 1 1 2 2 2 2 2
";

#[test]
fn a_file_of_layers_is_run() {
    let file = TempFile::new("layers.tsv", SHAPES);
    let all = results(&format!("conv --shapes {} -t 0", file.path()));
    let names: Vec<&str> = all.iter().map(|result| text(result, "name")).collect();
    assert_eq!(names[..3], ["net.first"; 3]);
    assert_eq!(names[3..], ["net.grouped"; 3]);
    assert!(text(&all[3], "problem").contains("-l 2 -j 2"), "columns in order");

    // Flags override the file.
    let one =
        results(&format!("conv --shapes {} --filter first -F 1 -n 2 -I NHWC -t 0", file.path()));
    assert_eq!(one.len(), 1);
    let problem = text(&one[0], "problem");
    assert!(problem.contains("-n 2 ") && problem.contains("-I NHWC"), "{problem}");

    let table = output_with(0, &format!("conv --shapes {} -t 0", file.path()));
    assert_eq!(stdout(&table).lines().count(), 1 + 6);
}

#[test]
fn layers_come_from_standard_input_too_and_logged_lines_are_layers() {
    let mut child = command()
        .args(["conv", "--shapes", "-", "-t", "0", "--format", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = format!("miopen-bypass: convfp16 {SMALL} -F 2: some_solver\n");
    child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["results"][0]["direction"], "bwd");
    assert!(text(&document["results"][0], "problem").starts_with("convfp16"));
}

#[test]
fn the_check_of_the_selection_agrees_with_its_status() {
    let file = TempFile::new("selection.tsv", SHAPES);
    let output = run(&format!("conv --check-selection --shapes {} --format json", file.path()));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let results = document["results"].as_array().unwrap();
    assert_eq!(results.len(), 6);
    let mut all_passed = true;
    for result in results {
        let ratio = result["ratio"].as_f64().unwrap();
        assert!(ratio >= 1.0, "{result}");
        assert_eq!(result["passed"], ratio <= 1.1, "{result}");
        all_passed &= ratio <= 1.1;
        let measured = result["solvers"].as_array().unwrap();
        assert!(measured.iter().any(|solver| solver["solver"] == result["chosen"]));
        assert!(measured.iter().any(|solver| solver["solver"] == result["best"]));
    }
    assert_eq!(output.status.code(), Some(if all_passed { 0 } else { 1 }));
}

#[test]
fn complaints_are_one_line_with_a_status() {
    let short = TempFile::new("short.tsv", "# first line\nlayer 1 2 3\n");
    let letters = TempFile::new("letters.tsv", "layer 1 3 8 8 4 3 x 1 1 1 1 1 1 1\n");
    let empty = TempFile::new("empty.tsv", "# nothing\n");
    let cases = [
        ("conv -n 0".into(), 2, "lengths must be > 0"),
        ("conv -n many".into(), 2, "--batchsize many is not a number"),
        ("conv -c 3 -g 2".into(), 2, "invalid group number"),
        ("conv -n".into(), 2, "a value is required"),
        ("conv --nonsense".into(), 2, "unexpected argument '--nonsense'"),
        ("conv word".into(), 2, "unexpected argument 'word'"),
        ("conv -n 1 -V 3".into(), 2, "--verify 3 is not 0, 1 or 2"),
        ("conv -n 1 -i 0".into(), 2, "--iter 0 is not a number above 0"),
        ("conv -n 1 --solver nobody".into(), 2, "no solver nobody; there are"),
        ("conv -n 1 --solver 5000".into(), 2, "invalid solution id 5000"),
        ("conv -n 1 --list --check-selection".into(), 2, "cannot be used with"),
        ("conv --threads 0".into(), 2, "invalid value '0'"),
        (format!("conv --shapes {}", short.path()), 2, ":2: a layer has a name and 14 numbers"),
        (format!("conv --shapes {}", letters.path()), 2, ":1: column x: x is not a number"),
        (format!("conv --shapes {}", empty.path()), 2, "no layers"),
        ("conv --shapes /nowhere/at/all".into(), 3, "/nowhere/at/all: No such file"),
        ("convint8 -n 1 -F 4".into(), 2, "int8 has no backward-weights"),
        ("nonsense".into(), 2, "unrecognized subcommand 'nonsense'"),
        ("man nonsense".into(), 2, "there is no subcommand nonsense"),
        ("man --folder /nowhere/at/all".into(), 3, "/nowhere/at/all"),
        ("completions tcl".into(), 2, "invalid value 'tcl'"),
    ];
    for (words, status, wanted) in cases {
        let output = output_with(status, &words);
        let complaint = stderr(&output);
        assert!(complaint.contains(wanted), "{words}: {complaint}");
        assert!(complaint.starts_with("miopen-bypass: "), "{words}: {complaint}");
        assert_eq!(complaint.lines().count(), 1, "{words}: {complaint}");
        assert_eq!(stdout(&output), "", "{words}");
    }
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    for words in [format!("conv {SMALL}"), "--help".into(), "man conv".into(), "peak".into()] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command()
            .args(words.split_whitespace())
            .stdout(writer)
            .stderr(Stdio::piped())
            .spawn()
            .and_then(|child| child.wait_with_output())
            .unwrap();
        assert_eq!(output.status.code(), Some(141), "{words}");
        assert_eq!(stderr(&output), "", "{words}");
    }
}

#[test]
fn completions_and_manual_pages_come_from_the_parser() {
    for shell in ["bash", "zsh", "fish"] {
        let output = output_with(0, &format!("completions {shell}"));
        assert!(stdout(&output).contains("check-selection"), "{shell}");
    }
    assert!(stdout(&output_with(0, "man")).contains(".TH miopen"));
    assert!(stdout(&output_with(0, "man conv")).contains("out_channels"));
    let help = output_with(0, "conv --help");
    assert!(stdout(&help).contains("MIOpenDriver's flags"));
    assert!(stdout(&output_with(0, "--help")).contains("Exit status"));
}

#[test]
fn the_peak_of_the_multiply_add_units_is_a_number() {
    let output = output_with(0, "peak --threads 1 --format json");
    let peaks: Value = serde_json::from_slice(&output.stdout).unwrap();
    for peak in peaks.as_array().unwrap() {
        assert!(["avx2", "avx512"].contains(&text(peak, "isa")));
        assert_eq!(peak["threads"], 1);
        // A slow core of 2013 on a busy machine, and more than any core has.
        let gflops = peak["gflops"].as_f64().unwrap();
        assert!((1.0..2000.0).contains(&gflops), "{peak}");
    }
}
