//! What is to be run: one problem of the command line, or the layers of a file.
#![forbid(unsafe_code)]

use std::io::Read;
use std::path::Path;

use MIOpen::problem::{ConvProblem, DriverCommand};

use crate::ending::Failure;
use crate::paste;

/// The columns of a shapes file, each with the flag that it gives. `dh` and `dw` are dilations.
const COLUMNS: [(&str, &str); 14] = [
    ("n", "--batchsize"),
    ("c", "--in_channels"),
    ("h", "--in_h"),
    ("w", "--in_w"),
    ("k", "--out_channels"),
    ("y", "--fil_h"),
    ("x", "--fil_w"),
    ("sh", "--conv_stride_h"),
    ("sw", "--conv_stride_w"),
    ("ph", "--pad_h"),
    ("pw", "--pad_w"),
    ("dh", "--dilation_h"),
    ("dw", "--dilation_w"),
    ("g", "--group_count"),
];

/// A layer in one direction.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Empty for the problem of a command line.
    pub name: String,
    pub problem: ConvProblem,
}

/// The problem that the flags pose, in each direction asked for.
pub fn of_flags(flags: &[String]) -> Result<(Vec<Layer>, DriverCommand), Failure> {
    let command = parse(&[], flags)?;
    let layers = command
        .problems
        .iter()
        .map(|problem| Layer { name: String::new(), problem: problem.clone() })
        .collect();
    Ok((layers, command))
}

/// The layers of a file, `-` for standard input; `flags` override what it says of each.
///
/// A line is a name and 14 numbers (see [`COLUMNS`]), or a command line as logs have it. Empty
/// lines, a line of column names and lines that begin with `#` are passed over. `filter`: only names
/// that contain it.
pub fn of_file(path: &Path, flags: &[String], filter: &str) -> Result<Vec<Layer>, Failure> {
    of_text(&read(path)?, &path.display().to_string(), flags, filter)
}

/// The layers of a file's text, which complaints name `source`.
pub fn of_text(
    text: &str,
    source: &str,
    flags: &[String],
    filter: &str,
) -> Result<Vec<Layer>, Failure> {
    let mut layers = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || is_header(line) {
            continue;
        }
        let at_line =
            |failure: Failure| Failure::Usage(format!("{source}:{}: {failure}", number + 1));
        let (name, words) = line_of_file(line).map_err(at_line)?;
        if !name.contains(filter) {
            continue;
        }
        let problems = parse(&words, flags).map_err(at_line)?.problems;
        layers.extend(problems.into_iter().map(|problem| Layer { name: name.clone(), problem }));
    }
    if layers.is_empty() {
        return Err(Failure::Usage(format!("{source}: no layers")));
    }
    Ok(layers)
}

/// A file's text; `-` is standard input.
pub fn read(path: &Path) -> Result<String, Failure> {
    let result = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    result.map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
}

fn is_header(line: &str) -> bool {
    line.split_whitespace().skip(1).eq(COLUMNS.map(|(name, _)| name))
}

/// Name and words of a line; the words begin with the base word or with flags.
fn line_of_file(line: &str) -> Result<(String, Vec<String>), Failure> {
    if paste::is_line(line) {
        let words = paste::line_words(line);
        return Ok((line.to_owned(), words.into_iter().map(str::to_owned).collect()));
    }
    let fields: Vec<&str> = line.split_whitespace().collect();
    if fields.len() != COLUMNS.len() + 1 {
        return Err(Failure::Usage(format!(
            "a layer has a name and {} numbers, this line has {} words",
            COLUMNS.len(),
            fields.len()
        )));
    }
    let mut words = vec!["conv".to_owned()];
    for ((column, flag), field) in COLUMNS.iter().zip(&fields[1..]) {
        if field.parse::<u32>().is_err() {
            return Err(Failure::Usage(format!("column {column}: {field} is not a number")));
        }
        words.extend([(*flag).to_owned(), (*field).to_owned()]);
    }
    Ok((fields[0].to_owned(), words))
}

/// Parses a line's words and, after them, the flags of the command line: the last one counts.
pub fn parse(line: &[String], flags: &[String]) -> Result<DriverCommand, Failure> {
    let base = if line.is_empty() { &["conv".to_owned()] } else { line };
    let words: Vec<&String> = base.iter().chain(flags).collect();
    let words: Vec<&str> = words.into_iter().map(String::as_str).collect();
    DriverCommand::parse(&words).map_err(|error| Failure::Usage(error.context.into_owned()))
}
