//! Standard input and output with failures that a person can act on.

use super::failure::Failure;
use consort_core::limits::PASTE_BYTES;
use std::io::{ErrorKind, IsTerminal as _, Read as _, Write as _};

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

/// Confirms to a person what happened; a script has the exit code.
pub(crate) fn done(sentence: &str) -> Result<(), Failure> {
    if std::io::stdout().is_terminal() { line(&super::text::one_line(sentence)) } else { Ok(()) }
}

/// Asks a person, unless `yes`.
pub(crate) fn confirm(yes: bool, what: &str, question: &str, otherwise: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        let question = super::text::one_line(question);
        return Err(
            Failure::usage(format!("{what}, and there is nobody to ask. {question}")).hint("Confirm with: --yes")
        );
    }
    eprint!("{} [y/N] ", super::text::one_line(question));
    let _ = std::io::stderr().flush();
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    let agreed = read.is_ok() && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if agreed { Ok(()) } else { Err(Failure::new(otherwise)) }
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
