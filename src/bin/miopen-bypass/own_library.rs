//! Which build of our library a subcommand works with.
#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use MIOpen::real::{Identity, layout};

use crate::ending::Failure;

#[derive(clap::Args)]
pub struct OwnLibrary {
    /// The miopen-bypass library to use; otherwise the one that was built or installed with this
    /// command
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
}

impl OwnLibrary {
    /// Its absolute path, links resolved.
    ///
    /// # Errors
    /// Where there is none, or it is no build of ours.
    pub fn find(&self) -> Result<PathBuf, Failure> {
        match &self.library {
            Some(path) => is_ours(path)
                .map_err(|reason| Failure::failed(format!("{}: {reason}", path.display()))),
            None => beside_the_command(),
        }
    }
}

fn is_ours(path: &Path) -> Result<PathBuf, String> {
    match Identity::of_file(path)? {
        identity if identity.is_ours => path.canonicalize().map_err(|error| error.to_string()),
        _ => Err("is no build of miopen-bypass".to_owned()),
    }
}

/// Cargo builds both into one folder; `make install` puts the command into PREFIX/bin.
fn beside_the_command() -> Result<PathBuf, Failure> {
    let command = std::env::current_exe()
        .map_err(|error| Failure::failed(format!("where this command lies: {error}")))?;
    let folder = command.parent().unwrap_or(Path::new("/"));
    let mut folders = vec![folder.to_owned()];
    folders.extend(folder.parent().into_iter().flat_map(layout::folders_below_prefix));
    let files = folders.iter().flat_map(|folder| layout::libraries_in(folder));
    files.into_iter().find_map(|path| is_ours(&path).ok()).ok_or_else(|| {
        Failure::failed(format!(
            "no library of miopen-bypass lies beside {} or in a lib folder next to it; --library \
             names one",
            command.display()
        ))
    })
}
