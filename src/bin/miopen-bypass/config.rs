//! `config`: every setting, with its value, where that comes from, and what it is for.
#![forbid(unsafe_code)]

use std::path::PathBuf;

use MIOpen::config::{self, Config, Setting, name_in_file, usual_files};
use clap::ValueEnum;
use serde::Serialize;

use crate::ending::{Ending, Failure, complain};
use crate::output::Output;

/// List the settings: value, where it comes from, what it is for
#[derive(clap::Args)]
pub struct Args {
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// The same as --format json
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    Default,
    File,
    Environment,
}

/// A setting as it is in this environment.
#[derive(Clone, Debug, Serialize)]
pub struct InForce {
    pub name: &'static str,
    /// Its name in a file.
    pub key: String,
    pub value: String,
    pub origin: Origin,
    /// The file that it comes from.
    pub file: Option<PathBuf>,
    pub values: &'static str,
    pub default: &'static str,
    pub text: &'static str,
    /// Whether a program can change it while it runs.
    pub at_run_time: bool,
    /// A value that was given and cannot be used.
    pub unusable: Option<String>,
}

impl InForce {
    /// `NAME=value`, with the place that it comes from.
    pub fn line(&self) -> String {
        let origin = match (&self.file, self.origin) {
            (Some(file), _) => file.display().to_string(),
            (None, Origin::Environment) => "environment".to_owned(),
            (None, _) => "default".to_owned(),
        };
        format!("{}={} ({origin})", self.name, self.value)
    }
}

pub fn run(args: &Args, output: &mut Output) -> Result<Ending, Failure> {
    let config = Config::read(|name| std::env::var_os(name));
    for complaint in config.unusable.iter().filter(|one| one.setting.is_none()) {
        complain(&Failure::failed(complaint.to_string()));
    }
    let settings = in_force(&config);
    if args.json || args.format == Format::Json {
        output.json(&settings)?;
        return Ok(Ending::Done);
    }
    for setting in &settings {
        output.line(setting.line())?;
        if let Some(unusable) = &setting.unusable {
            output.line(format!("    {unusable}"))?;
        }
        output.line(format!("    {}", setting.text))?;
        output.line(format!("    takes {}; default: {}", setting.values, setting.default))?;
        output.line("")?;
    }
    output.line("A file has `name = value` lines (TOML), the name in lower case and without")?;
    output.line("MIOPEN_BYPASS_, such as `strategy = \"off\"`. Read in this order, last wins:")?;
    for file in usual_files(&|name| std::env::var_os(name)) {
        let state = if file.exists() { "" } else { " (is not there)" };
        output.line(format!("    {}{state}", file.display()))?;
    }
    output.line(format!("    what {} names, then the environment", config::CONFIG.name))?;
    Ok(Ending::Done)
}

/// All settings as a program that is started here would find them.
pub fn in_force(config: &Config) -> Vec<InForce> {
    let one = |one: &config::InForce| {
        let Setting { name, values, default, text, at_run_time } = *one.setting;
        let mut complaints = config.unusable.iter();
        let complaint = complaints.find(|complaint| complaint.setting == Some(name));
        let (origin, file) = match &one.origin {
            config::Origin::Default => (Origin::Default, None),
            config::Origin::File(path) => (Origin::File, Some(path.clone())),
            config::Origin::Environment => (Origin::Environment, None),
        };
        InForce {
            name,
            key: name_in_file(one.setting),
            value: one.value.clone(),
            origin,
            file,
            values,
            default,
            text,
            at_run_time,
            unusable: complaint.map(ToString::to_string),
        }
    };
    config.in_force.iter().map(one).collect()
}
