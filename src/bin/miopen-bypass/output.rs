//! Standard output. A closed pipe comes back as an error, where `println!` would panic.
#![forbid(unsafe_code)]

use std::io::{self, BufWriter, Stdout, Write};

use serde::Serialize;

use crate::ending::Failure;

/// Where results go.
pub struct Output {
    writer: BufWriter<Stdout>,
}

impl Output {
    pub fn stdout() -> Self {
        Output { writer: BufWriter::new(io::stdout()) }
    }

    /// Writes a line, at once: whoever watches a long run sees each result when it is there.
    pub fn line(&mut self, text: impl AsRef<str>) -> Result<(), Failure> {
        writeln!(self.writer, "{}", text.as_ref())?;
        Ok(self.writer.flush()?)
    }

    /// Writes bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        Ok(self.writer.write_all(bytes)?)
    }

    /// Writes a JSON document, indented, with a line end.
    pub fn json(&mut self, document: &impl Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(document)
            .map_err(|error| Failure::failed(format!("JSON: {error}")))?;
        self.line(text)
    }

    /// Writes out what is left.
    pub fn finish(&mut self) -> Result<(), Failure> {
        Ok(self.writer.flush()?)
    }
}
