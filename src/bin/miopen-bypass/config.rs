//! `config`: every setting, with its value, where that comes from, and what it is for.
#![forbid(unsafe_code)]

use MIOpen::config::{Config, SETTINGS, Setting};
use clap::ValueEnum;
use serde::Serialize;

use crate::ending::{Ending, Failure};
use crate::output::Output;

/// List the settings: value, where it comes from, what it is for
#[derive(clap::Args)]
pub struct Args {
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
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
    Environment,
}

/// A setting as it is in this environment.
#[derive(Clone, Debug, Serialize)]
pub struct InForce {
    pub name: &'static str,
    pub value: String,
    pub origin: Origin,
    pub values: &'static str,
    pub default: &'static str,
    pub text: &'static str,
    /// A value that was given and cannot be used.
    pub unusable: Option<String>,
}

pub fn run(args: &Args, output: &mut Output) -> Result<Ending, Failure> {
    let settings = in_force();
    if args.format == Format::Json {
        output.json(&settings)?;
        return Ok(Ending::Done);
    }
    for (index, setting) in settings.iter().enumerate() {
        if index > 0 {
            output.line("")?;
        }
        let origin = match setting.origin {
            Origin::Default => "default",
            Origin::Environment => "environment",
        };
        output.line(format!("{}={} ({origin})", setting.name, setting.value))?;
        if let Some(unusable) = &setting.unusable {
            output.line(format!("    {unusable}"))?;
        }
        output.line(format!("    {}", setting.text))?;
        output.line(format!("    takes {}; default: {}", setting.values, setting.default))?;
    }
    Ok(Ending::Done)
}

/// All settings as a program that is started here would find them.
pub fn in_force() -> Vec<InForce> {
    let config = Config::read(|name| std::env::var_os(name));
    SETTINGS.iter().map(|setting| one(setting, &config)).collect()
}

fn one(setting: &Setting, config: &Config) -> InForce {
    let complaint = config.unusable.iter().find(|complaint| complaint.setting == setting.name);
    let given = std::env::var_os(setting.name).filter(|value| !value.is_empty());
    let (value, origin) = match given {
        Some(value) if complaint.is_none() => {
            (value.to_string_lossy().into_owned(), Origin::Environment)
        }
        // MIOpen's own variable may have raised it.
        _ if *setting.name == *MIOpen::config::VERBOSE.name && config.verbose > 0 => {
            (config.verbose.to_string(), Origin::Environment)
        }
        _ => (setting.default.to_owned(), Origin::Default),
    };
    InForce {
        name: setting.name,
        value,
        origin,
        values: setting.values,
        default: setting.default,
        text: setting.text,
        unusable: complaint.map(ToString::to_string),
    }
}
