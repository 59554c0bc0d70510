//! Lines out of logs as command lines.
//!
//! The library logs problems as `miopen-bypass: conv -n 1 ... -F 1: solver`, the real one as
//! `MIOpen(HIP): ... ./bin/MIOpenDriver convfp16 -n 1 ...`. Either may stand after the command as
//! it is, in quotes or without; what precedes the word `conv...` is dropped, and so is what follows
//! the problem.
#![forbid(unsafe_code)]

use std::ffi::OsString;

/// MIOpenDriver's words for a convolution, each with the data type it stands for.
const BASE_WORDS: [(&str, &str); 4] =
    [("conv", "fp32"), ("convfp16", "fp16"), ("convbfp16", "bf16"), ("convint8", "int8")];

/// Turns a pasted line into the subcommand `conv` and its flags; other command lines stay.
pub fn expand(args: Vec<OsString>) -> Vec<OsString> {
    match args.get(1).and_then(|word| word.to_str()) {
        Some(first) if is_line(first) => {}
        _ => return args,
    }
    let words = args[1..].iter().flat_map(|arg| match arg.to_str() {
        Some(line) if is_line(line) => line_words(line).into_iter().map(OsString::from).collect(),
        _ => vec![arg.clone()],
    });
    match conv_words(words.collect()) {
        Some(words) => args[..1].iter().cloned().chain(words).collect(),
        None => args,
    }
}

/// The words of a logged line from its base word on, up to where the problem ends.
pub fn line_words(line: &str) -> Vec<&str> {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    let first_flag = words.iter().position(|word| word.starts_with('-')).unwrap_or(words.len());
    if let Some(end) = words[first_flag..].iter().position(|word| ends_problem(word)) {
        words.truncate(first_flag + end + 1);
        if let Some(last) = words.last_mut() {
            *last = last.trim_end_matches([':', ';']);
        }
    }
    words
}

/// Whether a word begins a logged line, or a whole line is one.
pub fn is_line(text: &str) -> bool {
    text.split_whitespace().next().is_some_and(|word| {
        base_type(word).is_some()
            || word == "miopen-bypass:"
            || word.starts_with("MIOpen(")
            || word.ends_with("MIOpenDriver")
    })
}

fn base_type(word: &str) -> Option<&'static str> {
    BASE_WORDS.iter().find(|(base, _)| *base == word).map(|(_, dtype)| *dtype)
}

/// Numbers and names end with a colon or semicolon only where the log says more than the problem.
fn ends_problem(word: &str) -> bool {
    word.len() > 1 && !word.starts_with('-') && word.ends_with([':', ';'])
}

/// `conv`, the data type if it is not the default, and the flags.
fn conv_words(words: Vec<OsString>) -> Option<Vec<OsString>> {
    let is_flag = |word: &OsString| word.to_str().is_some_and(|word| word.starts_with('-'));
    let first_flag = words.iter().position(is_flag).unwrap_or(words.len());
    let (leading, flags) = words.split_at(first_flag);
    // What precedes the base word belongs to the log, but nothing may stand behind it.
    let dtype = base_type(leading.last()?.to_str()?)?;

    let mut expanded = vec![OsString::from("conv")];
    if dtype != "fp32" {
        expanded.extend(["--dtype".into(), dtype.into()]);
    }
    let mut flags = flags.iter();
    while let Some(word) = flags.next() {
        match word.to_str().filter(|word| ends_problem(word)) {
            None => expanded.push(word.clone()),
            Some(word) => {
                expanded.push(word.trim_end_matches([':', ';']).into());
                // The rest tells of solvers; our own options may follow it.
                if let Some(flag) = flags.find(|&word| is_flag(word)) {
                    expanded.push(flag.clone());
                }
            }
        }
    }
    Some(expanded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(words: &[&str]) -> String {
        let args = std::iter::once("miopen-bypass").chain(words.iter().copied());
        let words: Vec<String> = expand(args.map(OsString::from).collect())
            .into_iter()
            .map(|word| word.into_string().unwrap())
            .collect();
        words[1..].join(" ")
    }

    #[test]
    fn our_log_line_is_a_command_line() {
        let line = "miopen-bypass: convfp16 -n 1 -m conv -F 1: f32_igemm";
        let want = "conv --dtype fp16 -n 1 -m conv -F 1";
        assert_eq!(expanded(&[line]), want);
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(expanded(&words), want);
        assert_eq!(expanded(&[line, "--list"]), format!("{want} --list"));
        let words: Vec<&str> = words.into_iter().chain(["--list"]).collect();
        assert_eq!(expanded(&words), format!("{want} --list"));
    }

    #[test]
    fn a_decision_is_cut_where_the_problem_ends() {
        let line = "miopen-bypass: conv -n 1 -F 4; f32_a: 12 us, workspace 0 bytes; not b: -1 < 0";
        assert_eq!(expanded(&[line]), "conv -n 1 -F 4");
    }

    #[test]
    fn the_real_librarys_line_is_one_too() {
        let line = "MIOpen(HIP): Command [LogCmdConvolution] ./bin/MIOpenDriver convint8 -n 2 -F 1";
        assert_eq!(expanded(&[line]), "conv --dtype int8 -n 2 -F 1");
        assert_eq!(expanded(&["conv", "MIOpenDriver", "convbfp16", "-n", "2"]), {
            "conv --dtype bf16 -n 2"
        });
    }

    #[test]
    fn other_command_lines_stay() {
        assert_eq!(expanded(&["run", "python", "conv", "-x"]), "run python conv -x");
        assert_eq!(expanded(&["conv", "--shapes", "a file"]), "conv --shapes a file");
        assert_eq!(expanded(&["conv", "word", "-n", "1"]), "conv word -n 1");
        assert_eq!(expanded(&[]), "");
    }
}
