//! MIOpenDriver's flags, as the parser and the problem grammar of the library take them.
#![forbid(unsafe_code)]

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, FromArgMatches};

/// Short name if there is one, long name, what it takes, help. Meanings and defaults are those of
/// MIOpenDriver (`driver/conv_driver.hpp` of ROCm/MIOpen), which the library's grammar keeps.
const FLAGS: [(Option<char>, &str, &str, &str); 43] = [
    (Some('n'), "batchsize", "N", "Images [default: 100]"),
    (Some('c'), "in_channels", "C", "Input channels, all groups together [default: 3]"),
    (Some('!'), "in_d", "D", "Input depth [default: 32]"),
    (Some('H'), "in_h", "H", "Input height [default: 32]"),
    (Some('W'), "in_w", "W", "Input width [default: 32]"),
    (Some('k'), "out_channels", "K", "Output channels, all groups together [default: 32]"),
    (Some('@'), "fil_d", "Z", "Filter depth [default: 3]"),
    (Some('y'), "fil_h", "Y", "Filter height [default: 3]"),
    (Some('x'), "fil_w", "X", "Filter width [default: 3]"),
    (Some('$'), "pad_d", "PAD", "Padding in depth [default: 0]"),
    (Some('p'), "pad_h", "PAD", "Padding in height [default: 0]"),
    (Some('q'), "pad_w", "PAD", "Padding in width [default: 0]"),
    (Some('#'), "conv_stride_d", "STRIDE", "Stride in depth [default: 1]"),
    (Some('u'), "conv_stride_h", "STRIDE", "Stride in height [default: 1]"),
    (Some('v'), "conv_stride_w", "STRIDE", "Stride in width [default: 1]"),
    (Some('^'), "dilation_d", "DILATION", "Dilation in depth [default: 1]"),
    (Some('l'), "dilation_h", "DILATION", "Dilation in height [default: 1]"),
    (Some('j'), "dilation_w", "DILATION", "Dilation in width [default: 1]"),
    (Some('g'), "group_count", "G", "Groups [default: 1]"),
    (Some('_'), "spatial_dim", "DIM", "Spatial dimensions, 1 to 3 [default: 2]"),
    (
        Some('m'),
        "mode",
        "MODE",
        "conv, or trans: transposed, which is shown as the direction of the ordinary convolution that it is [default: conv]",
    ),
    (Some('%'), "trans_output_pad_d", "PAD", "Extra output planes of a transposed convolution"),
    (Some('Y'), "trans_output_pad_h", "PAD", "Extra output rows of a transposed convolution"),
    (Some('X'), "trans_output_pad_w", "PAD", "Extra output columns of a transposed convolution"),
    (
        Some('z'),
        "pad_mode",
        "MODE",
        "default, same or valid; the latter two override the padding [default: default]",
    ),
    (
        Some('F'),
        "forw",
        "SUM",
        "Directions: 1 forward, 2 backward-data, 4 backward-weights, or a sum of them; 0 all [default: 0]",
    ),
    (Some('I'), "in_layout", "LAYOUT", "Layout of x: NCHW, NHWC, CHWN, NCDHW, NDHWC"),
    (Some('f'), "fil_layout", "LAYOUT", "Layout of the filter"),
    (Some('O'), "out_layout", "LAYOUT", "Layout of y"),
    (
        None,
        "dtype",
        "TYPE",
        "fp32, fp16, bf16 or int8; the words convfp16, convbfp16 and convint8 in the place of conv say the same [default: fp32]",
    ),
    (None, "y_dtype", "TYPE", "Type of y, where it is another one [default: int32 for int8]"),
    (None, "y_lengths", "LIST", "Lengths of y that the formula does not give, with commas"),
    (None, "x_strides", "LIST", "Strides of x in elements, N first, with commas"),
    (None, "w_strides", "LIST", "Strides of the filter, K first"),
    (None, "y_strides", "LIST", "Strides of y, N first"),
    (None, "deterministic", "0|1", "Ask for bitwise repeatable results"),
    (
        Some('i'),
        "iter",
        "RUNS",
        "Timed runs [default: as many as a third of a second holds, at least 3]",
    ),
    (
        Some('V'),
        "verify",
        "0|1|2",
        "Compare with the reference: 0 no, 1 some channels of a large output, 2 all of it [default: 1]",
    ),
    (Some('t'), "time", "0|1", "Measure the time [default: 1]"),
    (Some('s'), "search", "0|1", "Choose the solver by measuring all of them"),
    (
        Some('S'),
        "solution",
        "ID",
        "Run the solver with this id; that of a solver of the real library, or 0, means our choice",
    ),
    (Some('Z'), "tensor_vect", "0", "Vectorised layouts; only 0, none, is served"),
    (Some('L'), "vector_length", "1", "Likewise; only 1 is served"),
];

/// Flags of MIOpenDriver that a pasted line may have and that mean nothing here.
const IGNORED_FLAGS: [(char, &str); 14] = [
    ('C', "verification_cache"),
    ('w', "wall"),
    ('P', "printconv"),
    ('o', "dump_output"),
    ('d', "in_data"),
    ('e', "weights"),
    ('b', "bias"),
    ('r', "pad_val"),
    ('a', "in_bias"),
    ('D', "dout_data"),
    ('G', "gpualloc"),
    ('U', "in_cast_type"),
    ('T', "out_cast_type"),
    ('R', "wei_cast_type"),
];

/// Heading of MIOpenDriver's flags in the help.
const HEADING: &str = "MIOpenDriver's flags";

/// The flags that were given.
#[derive(Clone, Debug, Default)]
pub struct DriverFlags {
    /// `--name value` for each, fit for the library's grammar.
    pub words: Vec<String>,
}

impl clap::Args for DriverFlags {
    fn augment_args(command: Command) -> Command {
        let served = FLAGS.into_iter().map(|(short, long, value, help)| {
            let arg = flag(long).value_name(value).help(help).help_heading(HEADING);
            match short {
                Some(letter) => arg.short(letter),
                None => arg,
            }
        });
        let ignored =
            IGNORED_FLAGS.into_iter().map(|(letter, long)| flag(long).short(letter).hide(true));
        // As with MIOpenDriver, the last one given counts.
        command.args_override_self(true).args(served).args(ignored)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flag(long: &'static str) -> Arg {
    Arg::new(long).long(long).num_args(1).allow_hyphen_values(true)
}

impl FromArgMatches for DriverFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut words = Vec::new();
        for (_, long, ..) in FLAGS {
            if matches.value_source(long) != Some(ValueSource::CommandLine) {
                continue;
            }
            if let Some(value) = matches.get_one::<String>(long) {
                words.extend([format!("--{long}"), value.clone()]);
            }
        }
        Ok(DriverFlags { words })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
