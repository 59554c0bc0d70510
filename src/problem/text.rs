//! The text form: the command line of MIOpenDriver that poses the same problem.
//!
//! Flag names, meanings and defaults are those of MIOpenDriver (`driver/conv_driver.hpp`
//! of ROCm/MIOpen), so logs of the real library can be replayed here and our
//! lines there. What MIOpenDriver cannot say has long flags of our own, written
//! only where needed: `--x_strides` and the like, `--y_lengths`, `--dtype`,
//! `--y_dtype`, `--deterministic`, and spatial dimension 1.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use super::conv_desc::{Attribute, ConvDesc, Mode};
use super::conv_problem::{ConvProblem, Direction, Role};
use super::tensor::{DataType, Layout, TensorDesc};
use crate::error::{Error, Result};

/// The flags that pose a problem: short name (or a blank), long name, default.
const FLAGS: [(char, &str, &str); 38] = [
    ('I', "in_layout", ""),
    ('O', "out_layout", ""),
    ('f', "fil_layout", ""),
    ('_', "spatial_dim", "2"),
    ('F', "forw", "0"),
    ('n', "batchsize", "100"),
    ('c', "in_channels", "3"),
    ('!', "in_d", "32"),
    ('H', "in_h", "32"),
    ('W', "in_w", "32"),
    ('k', "out_channels", "32"),
    ('@', "fil_d", "3"),
    ('y', "fil_h", "3"),
    ('x', "fil_w", "3"),
    ('#', "conv_stride_d", "1"),
    ('u', "conv_stride_h", "1"),
    ('v', "conv_stride_w", "1"),
    ('$', "pad_d", "0"),
    ('p', "pad_h", "0"),
    ('q', "pad_w", "0"),
    ('%', "trans_output_pad_d", "0"),
    ('Y', "trans_output_pad_h", "0"),
    ('X', "trans_output_pad_w", "0"),
    ('^', "dilation_d", "1"),
    ('l', "dilation_h", "1"),
    ('j', "dilation_w", "1"),
    ('g', "group_count", "1"),
    ('m', "mode", "conv"),
    ('z', "pad_mode", "default"),
    ('Z', "tensor_vect", "0"),
    ('L', "vector_length", "1"),
    (' ', "dtype", ""),
    (' ', "y_dtype", ""),
    (' ', "y_lengths", ""),
    (' ', "x_strides", ""),
    (' ', "w_strides", ""),
    (' ', "y_strides", ""),
    (' ', "deterministic", "0"),
];

/// Flags of MIOpenDriver that say how to run, not what: short name, long name.
const OTHER_FLAGS: [(char, &str); 20] = [
    ('i', "iter"),
    ('V', "verify"),
    ('C', "verification_cache"),
    ('t', "time"),
    ('w', "wall"),
    ('s', "search"),
    ('P', "printconv"),
    ('o', "dump_output"),
    ('d', "in_data"),
    ('e', "weights"),
    ('b', "bias"),
    ('r', "pad_val"),
    ('a', "in_bias"),
    ('D', "dout_data"),
    ('S', "solution"),
    ('G', "gpualloc"),
    ('U', "in_cast_type"),
    ('T', "out_cast_type"),
    ('R', "wei_cast_type"),
    ('h', "help"),
];

/// The words by which MIOpenDriver selects a data type.
const BASE_ARGS: [(&str, DataType); 4] = [
    ("conv", DataType::F32),
    ("convfp16", DataType::F16),
    ("convbfp16", DataType::BF16),
    ("convint8", DataType::I8),
];

/// The suffixes of spatial flags, outermost dimension first.
const SPATIAL: [&str; 3] = ["d", "h", "w"];

/// A parsed command line of MIOpenDriver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverCommand {
    /// One problem for each direction that `-F` asks for, in the order fwd, bwd, wrw.
    pub problems: Vec<ConvProblem>,
    /// Flags that say how to run, by long name, in the order given.
    pub other_flags: Vec<(&'static str, String)>,
}

impl DriverCommand {
    /// Parses the words of a command line, from `conv` (`convfp16`, ...) on.
    ///
    /// What stands before the first word that begins with `conv` is skipped,
    /// so that lines out of the real library's log parse as they are.
    ///
    /// # Errors
    /// `BadParm` for unknown flags, missing or malformed values, and for what
    /// has no meaning here (vectorised layouts); else what
    /// [`ConvProblem::new`] reports.
    pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Self> {
        let mut words =
            words.iter().map(AsRef::as_ref).skip_while(|word| !word.starts_with("conv"));
        let base_arg =
            words.next().ok_or_else(|| Error::bad_parm("no word conv, convfp16, ..."))?;
        let (_, dtype) = BASE_ARGS
            .into_iter()
            .find(|(word, _)| *word == base_arg)
            .ok_or_else(|| Error::bad_parm(format!("unknown base argument {base_arg}")))?;

        let mut flags = Flags::default();
        let mut other_flags = Vec::new();
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .map(str::to_owned)
                    .ok_or_else(|| Error::bad_parm(format!("flag {word} lacks a value")))
            };
            if let Some(name) = find_flag(word, FLAGS.iter().map(|flag| (flag.0, flag.1))) {
                flags.given.insert(name, value()?);
            } else if let Some(name) = find_flag(word, OTHER_FLAGS.into_iter()) {
                other_flags.push((name, value()?));
            } else {
                return Err(Error::bad_parm(format!("unknown flag {word}")));
            }
        }
        Ok(DriverCommand { problems: flags.problems(dtype)?, other_flags })
    }
}

fn find_flag(
    word: &str,
    mut flags: impl Iterator<Item = (char, &'static str)>,
) -> Option<&'static str> {
    let found = if let Some(long) = word.strip_prefix("--") {
        flags.find(|(_, name)| *name == long)
    } else {
        // MIOpenDriver looks at the first letter only.
        let short = word.strip_prefix('-')?.chars().next()?;
        flags.find(|(letter, _)| *letter == short && short != ' ')
    };
    found.map(|(_, name)| name)
}

/// The flags given, over the defaults.
#[derive(Default)]
struct Flags {
    given: HashMap<&'static str, String>,
}

impl Flags {
    fn text(&self, name: &str) -> &str {
        self.given.get(name).map_or_else(
            || FLAGS.iter().find(|flag| flag.1 == name).map_or("", |flag| flag.2),
            String::as_str,
        )
    }

    fn number<T: FromStr>(&self, name: &str) -> Result<T> {
        let text = self.text(name);
        text.parse().map_err(|_| Error::bad_parm(format!("--{name} {text} is not a number")))
    }

    /// One number for each spatial dimension, from flags such as `pad_h`.
    fn spatial<T: FromStr>(&self, prefix: &str, spatial_dim: usize) -> Result<Vec<T>> {
        SPATIAL[3 - spatial_dim..]
            .iter()
            .map(|suffix| self.number(&format!("{prefix}_{suffix}")))
            .collect()
    }

    fn list(&self, name: &str) -> Result<Option<Vec<usize>>> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(None);
        }
        let numbers = text.split(',').map(str::parse).collect::<std::result::Result<_, _>>();
        numbers.map(Some).map_err(|_| Error::bad_parm(format!("--{name} {text} is no list")))
    }

    fn dtype(&self, name: &str, default: DataType) -> Result<DataType> {
        match self.text(name) {
            "" => Ok(default),
            text => DataType::from_name(text)
                .ok_or_else(|| Error::bad_parm(format!("--{name} {text} is no data type"))),
        }
    }

    /// A tensor in the layout and with the strides that the flags give it.
    fn tensor(
        &self,
        dtype: DataType,
        lengths: &[usize],
        layout_flag: &str,
        strides_flag: &str,
    ) -> Result<TensorDesc> {
        if let Some(strides) = self.list(strides_flag)? {
            return TensorDesc::new(dtype, lengths, &strides);
        }
        match self.text(layout_flag) {
            "" => TensorDesc::packed(dtype, lengths),
            text => {
                let layout = Layout::from_name(&text.to_uppercase())
                    .ok_or_else(|| Error::bad_parm(format!("--{layout_flag} {text}: unknown")))?;
                TensorDesc::with_layout(dtype, layout, lengths)
            }
        }
    }

    fn problems(&self, dtype: DataType) -> Result<Vec<ConvProblem>> {
        if self.text("tensor_vect") != "0" || self.text("vector_length") != "1" {
            return Err(Error::bad_parm("vectorised layouts are not served"));
        }
        let spatial_dim: usize = self.number("spatial_dim")?;
        if !(1..=3).contains(&spatial_dim) {
            return Err(Error::bad_parm("--spatial_dim must be 1, 2 or 3"));
        }
        let dtype = self.dtype("dtype", dtype)?;
        let default_y_dtype = if dtype == DataType::I8 { DataType::I32 } else { dtype };
        let y_dtype = self.dtype("y_dtype", default_y_dtype)?;
        // MIOpenDriver takes any number below 1 for 1.
        let groups = self.number::<i32>("group_count")?.max(1);
        let conv = self.conv_desc(spatial_dim, groups)?;

        let per_group = |channels: usize| -> Result<usize> {
            let groups = groups as usize;
            if channels == 0 || !channels.is_multiple_of(groups) {
                return Err(Error::bad_parm("invalid group number"));
            }
            Ok(channels / groups)
        };
        let (c, k) = (self.number("in_channels")?, self.number("out_channels")?);
        let filter_outer = match conv.mode() {
            Mode::Convolution => [k, per_group(c)?],
            Mode::Transpose => [c, per_group(k)?],
        };
        per_group(c)?;
        per_group(k)?;
        let with_spatial = |outer: [usize; 2], prefix: &str| -> Result<Vec<usize>> {
            Ok(outer.into_iter().chain(self.spatial(prefix, spatial_dim)?).collect())
        };
        let x_lengths = with_spatial([self.number("batchsize")?, c], "in")?;
        let w_lengths = with_spatial(filter_outer, "fil")?;
        let x = self.tensor(dtype, &x_lengths, "in_layout", "x_strides")?;
        let w = self.tensor(dtype, &w_lengths, "fil_layout", "w_strides")?;
        let y_lengths = match self.list("y_lengths")? {
            Some(lengths) => lengths,
            None => conv.forward_output_lengths(&x, &w)?,
        };
        let y = self.tensor(y_dtype, &y_lengths, "out_layout", "y_strides")?;

        self.directions()?
            .into_iter()
            .map(|direction| ConvProblem::new(direction, x, w, y, &conv))
            .collect()
    }

    fn conv_desc(&self, spatial_dim: usize, groups: i32) -> Result<ConvDesc> {
        let mode = match self.text("mode") {
            "conv" => Mode::Convolution,
            "trans" => Mode::Transpose,
            other => return Err(Error::bad_parm(format!("incorrect convolution mode {other}"))),
        };
        let strides = self.spatial("conv_stride", spatial_dim)?;
        let dilations = self.spatial("dilation", spatial_dim)?;
        let pads = self.pads(spatial_dim, mode, &strides, &dilations)?;
        let mut conv = ConvDesc::new(mode, &pads, &strides, &dilations)?;
        conv.set_group_count(groups);
        if mode == Mode::Transpose {
            conv.set_output_pads(&self.spatial::<i32>("trans_output_pad", spatial_dim)?)?;
        }
        conv.set_attribute(Attribute::Deterministic, self.number("deterministic")?)?;
        Ok(conv)
    }

    /// Pads, which `--pad_mode` may override as MIOpenDriver does: only in
    /// convolution mode, and only where nothing is dilated.
    fn pads(
        &self,
        spatial_dim: usize,
        mode: Mode,
        strides: &[i32],
        dilations: &[i32],
    ) -> Result<Vec<i32>> {
        let filter: Vec<i32> = self.spatial("fil", spatial_dim)?;
        let input: Vec<i32> = self.spatial("in", spatial_dim)?;
        let is_dense = dilations.iter().all(|&v| v == 1) || filter.iter().all(|&v| v == 1);
        let overrides = mode == Mode::Convolution && is_dense;
        match self.text("pad_mode") {
            "same" if overrides && strides.iter().all(|&stride| stride > 0) => Ok((0..spatial_dim)
                .map(|dim| {
                    let rest = input[dim] % strides[dim];
                    let covered = if rest == 0 { strides[dim] } else { rest };
                    filter[dim].saturating_sub(covered).max(0) / 2
                })
                .collect()),
            "valid" if overrides => Ok(vec![0; spatial_dim]),
            "default" | "same" | "valid" => self.spatial("pad", spatial_dim),
            other => Err(Error::bad_parm(format!("unknown padding mode {other}"))),
        }
    }

    /// The directions of `-F`: a sum of 1, 2 and 4, where 0 means all.
    fn directions(&self) -> Result<Vec<Direction>> {
        let bits: u32 = self.number("forw")?;
        if bits > 7 {
            return Err(Error::bad_parm(format!("--forw {bits} is not in 0..=7")));
        }
        let all = [(1, Direction::Fwd), (2, Direction::Bwd), (4, Direction::Wrw)];
        Ok(all
            .into_iter()
            .filter(|(bit, _)| bits == 0 || bits & bit != 0)
            .map(|(_, direction)| direction)
            .collect())
    }
}

impl FromStr for ConvProblem {
    type Err = Error;

    /// The one problem that a command line poses; `-F` must name one direction.
    /// Flags that say how to run are ignored.
    fn from_str(line: &str) -> Result<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut problems = DriverCommand::parse(&words)?.problems;
        match (problems.pop(), problems.is_empty()) {
            (Some(problem), true) => Ok(problem),
            _ => Err(Error::bad_parm("the line names several directions; give -F 1, 2 or 4")),
        }
    }
}

impl fmt::Display for ConvProblem {
    /// A line that parses to an equal problem. Always in mode `conv`: a
    /// transposed convolution is the other direction of an ordinary one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (x, w, y) = (self.tensor(Role::X), self.tensor(Role::W), self.tensor(Role::Y));
        let base_arg = BASE_ARGS.iter().find(|(_, dtype)| *dtype == x.dtype());
        write!(f, "{}", base_arg.map_or("conv", |(word, _)| word))?;
        write!(f, " -n {} -c {}", self.n(), self.c())?;
        self.write_spatial(f, ["-!", "-H", "-W"], self.in_spatial())?;
        write!(f, " -k {}", self.k())?;
        self.write_spatial(f, ["-@", "-y", "-x"], self.filter_spatial())?;
        self.write_spatial(f, ["-$", "-p", "-q"], self.pads())?;
        self.write_spatial(f, ["-#", "-u", "-v"], self.strides())?;
        self.write_spatial(f, ["-^", "-l", "-j"], self.dilations())?;
        if self.spatial_dim() != 2 {
            write!(f, " -_ {}", self.spatial_dim())?;
        }
        write!(f, " -m conv -g {}", self.groups())?;
        let forw = match self.direction() {
            Direction::Fwd => 1,
            Direction::Bwd => 2,
            Direction::Wrw => 4,
        };
        write!(f, " -F {forw}")?;

        write_layout(f, x, "-I", "--x_strides")?;
        write_layout(f, w, "-f", "--w_strides")?;
        write_layout(f, y, "-O", "--y_strides")?;
        if base_arg.is_none() {
            write!(f, " --dtype {}", x.dtype().name())?;
        }
        let default_y_dtype = if x.dtype() == DataType::I8 { DataType::I32 } else { x.dtype() };
        if y.dtype() != default_y_dtype {
            write!(f, " --y_dtype {}", y.dtype().name())?;
        }
        if self.formula_y_lengths().as_deref() != Some(y.lengths()) {
            write!(f, " --y_lengths {}", comma_list(y.lengths()))?;
        }
        if self.deterministic() {
            write!(f, " --deterministic 1")?;
        }
        Ok(())
    }
}

impl ConvProblem {
    /// The flags of the spatial dimensions that the problem has.
    fn write_spatial(
        &self,
        f: &mut fmt::Formatter<'_>,
        flags: [&str; 3],
        values: [usize; 3],
    ) -> fmt::Result {
        let first = 3 - self.spatial_dim();
        flags
            .iter()
            .zip(values)
            .skip(first)
            .try_for_each(|(flag, value)| write!(f, " {flag} {value}"))
    }

    /// The lengths of y by the forward formula.
    fn formula_y_lengths(&self) -> Option<Vec<usize>> {
        let first = 3 - self.spatial_dim();
        let as_i32 = |values: [usize; 3]| -> Option<Vec<i32>> {
            values[first..].iter().map(|&value| i32::try_from(value).ok()).collect()
        };
        let conv = ConvDesc::new(
            Mode::Convolution,
            &as_i32(self.pads())?,
            &as_i32(self.strides())?,
            &as_i32(self.dilations())?,
        );
        let mut conv = conv.ok()?;
        conv.set_group_count(i32::try_from(self.groups()).ok()?);
        conv.forward_output_lengths(self.tensor(Role::X), self.tensor(Role::W)).ok()
    }
}

/// The layout, where it is not the default; strides, where no layout has them.
fn write_layout(
    f: &mut fmt::Formatter<'_>,
    tensor: &TensorDesc,
    layout_flag: &str,
    strides_flag: &str,
) -> fmt::Result {
    if TensorDesc::packed(tensor.dtype(), tensor.lengths()).as_ref() == Ok(tensor) {
        return Ok(());
    }
    let layout = [Layout::Nhwc, Layout::Chwn, Layout::Ndhwc].into_iter().find(|&layout| {
        TensorDesc::with_layout(tensor.dtype(), layout, tensor.lengths()).as_ref() == Ok(tensor)
    });
    match layout {
        Some(layout) => write!(f, " {layout_flag} {}", layout.name()),
        None => write!(f, " {strides_flag} {}", comma_list(tensor.strides())),
    }
}

fn comma_list(numbers: &[usize]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
