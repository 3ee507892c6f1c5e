//! Standard input and output with failures that a person can act on.

use super::failure::Failure;
use consort_core::limits::PASTE_BYTES;
use std::io::{ErrorKind, Read as _, Write as _};

/// Prints a text as it is.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    bytes(text.as_bytes())
}

/// Prints a line.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    bytes(format!("{text}\n").as_bytes())
}

/// Prints bytes as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::reader_gone(),
        _ => Failure::new(format!("Standard output cannot be written: {error}")),
    })
}

/// `argument`, or standard input without its last line break if it is `-`.
pub(crate) fn argument_or_stdin(argument: &str) -> Result<String, Failure> {
    if argument != "-" {
        return Ok(argument.into());
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(PASTE_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::new(format!("Standard input cannot be read: {error}")))?;
    if bytes.len() > PASTE_BYTES {
        return Err(Failure::new(format!("Standard input is larger than {} MiB.", PASTE_BYTES >> 20)));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| Failure::new("Standard input is not UTF-8 text."))?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}
