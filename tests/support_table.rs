//! Keeps `docs/functions.md` true to `src/abi/functions.in`.
//!
//! `UPDATE_DOCS=1 cargo test --test support_table` writes the page anew.
#![forbid(unsafe_code)]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Policies of functions that look at the convolution before the real library gets it.
const JUDGED: [&str; 2] = ["guard", "watch"];
/// Policies of functions that are ours where there is no real library.
const OWN: [&str; 2] = ["own", "guard"];

struct Section {
    title: String,
    /// Name, policy, remark.
    functions: Vec<(String, String, String)>,
}

fn at_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A comment line after an empty one opens a section; the file's head is none, since no function
/// follows it before the next.
fn sections(table: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in table.lines() {
        let (content, remark) = line.split_once('#').unwrap_or((line, ""));
        let words: Vec<&str> = content.split_whitespace().collect();
        match words[..] {
            [] if !remark.is_empty() => {
                sections.push(Section { title: remark.trim().to_owned(), functions: Vec::new() });
            }
            [name, policy] => sections.last_mut().expect("a section").functions.push((
                name.to_owned(),
                policy.to_owned(),
                remark.trim().to_owned(),
            )),
            [] => {}
            _ => panic!("not `name policy  # remark`: {line}"),
        }
    }
    sections.retain(|section| !section.functions.is_empty());
    sections
}

fn page(sections: &[Section]) -> String {
    let mut page = String::from(
        "# Every function, and who answers it\n\n\
         Written from `src/abi/functions.in` by `UPDATE_DOCS=1 cargo test --test support_table`.\n\n\
         With a real libMIOpen every function is forwarded to it; on a machine with an RDNA1 card \
         the functions marked *judged* look at the convolution first, and compute it here if it is \
         to be bypassed. Standing alone, the functions marked *own* are computed here, and the \
         others return `miopenStatusNotImplemented`.\n\n",
    );
    let count_of = |section: &Section, policies: [&str; 2]| {
        let among = |policy: &String| policies.contains(&policy.as_str());
        section.functions.iter().filter(|(_, policy, _)| among(policy)).count()
    };
    page.push_str("| group | functions | judged | own |\n|---|---:|---:|---:|\n");
    let (mut functions, mut all_judged, mut owned) = (0, 0, 0);
    for section in sections {
        let group = section.title.split([':', ',', '(']).next().unwrap_or("").trim();
        let count = section.functions.len();
        let (judged, own) = (count_of(section, JUDGED), count_of(section, OWN));
        writeln!(page, "| {group} | {count} | {judged} | {own} |").unwrap();
        functions += count;
        all_judged += judged;
        owned += own;
    }
    writeln!(page, "| **all** | **{functions}** | **{all_judged}** | **{owned}** |").unwrap();
    for section in sections {
        let head = "| function | with a real libMIOpen | standing alone | |\n|---|---|---|---|";
        writeln!(page, "\n## {}\n\n{head}", section.title).unwrap();
        for (name, policy, remark) in &section.functions {
            let real = if JUDGED.contains(&policy.as_str()) { "judged" } else { "forwarded" };
            let alone = if OWN.contains(&policy.as_str()) { "own" } else { "not implemented" };
            writeln!(page, "| `{name}` | {real} | {alone} | {remark} |").unwrap();
        }
    }
    page
}

#[test]
fn the_page_of_functions_is_up_to_date() {
    let table = fs::read_to_string(at_root("src/abi/functions.in")).unwrap();
    let expected = page(&sections(&table));
    let path = at_root("docs/functions.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "docs/functions.md is not what src/abi/functions.in says; UPDATE_DOCS=1 writes it anew"
    );
}

#[test]
fn sections_and_remarks_are_read() {
    let table = "# Head of the file\n#\n\n# Handle: ours\nmiopenCreate own\n\n\
                 # Softmax\nmiopenSoftmaxForward forward  # retired\n";
    let sections = sections(table);
    let titles: Vec<&str> = sections.iter().map(|section| section.title.as_str()).collect();
    assert_eq!(titles, ["Handle: ours", "Softmax"]);
    assert_eq!(sections[1].functions[0].2, "retired");
    assert!(page(&sections).contains("| **all** | **2** | **0** | **1** |"));
}
