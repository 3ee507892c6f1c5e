//! What a command says when it could not do its work, and the exit code that goes with it.

use std::fmt;
use std::path::Path;

/// Exit codes, as documented in `consort --help`.
pub(crate) const OK: u8 = 0;
pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const NO_NODE: u8 = 3;
/// What was waited for cannot come any more.
pub(crate) const ENDED: u8 = 4;
/// The time for waiting is over: as of timeout(1).
pub(crate) const TIMED_OUT: u8 = 124;

/// Why a command ends without success: one sentence, what to do about it, and an exit code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    message: String,
    hint: Option<String>,
    code: u8,
    /// The stable name of a refusal of the node.
    reason: Option<String>,
}

impl Failure {
    /// The command was refused or went wrong.
    pub fn new(message: impl Into<String>) -> Self {
        Failure { message: message.into(), hint: None, code: FAILED, reason: None }
    }

    /// The command was called in a way that cannot work.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure { code: USAGE, ..Failure::new(message) }
    }

    /// Nothing answers on the node's control socket.
    pub(crate) fn no_node(socket: &Path) -> Self {
        let message = format!("No node is running here (no answer on {}).", socket.display());
        Failure { code: NO_NODE, ..Failure::new(message) }.hint("Start one with: consort")
    }

    /// Whoever read our standard output has gone: nothing to say, and not a failure (`consort ls | head -1`).
    pub(crate) fn reader_gone() -> Self {
        Failure { code: OK, ..Failure::new("") }
    }

    /// With another exit code.
    #[must_use]
    pub(crate) fn with_code(self, code: u8) -> Self {
        Failure { code, ..self }
    }

    /// Adds what to do next.
    #[must_use]
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Failure { hint: Some(hint.into()), ..self }
    }

    /// Adds the stable name of the node's refusal.
    #[must_use]
    pub(crate) fn reason(self, reason: impl Into<String>) -> Self {
        Failure { reason: Some(reason.into()), ..self }
    }

    /// Whether the node refused for this reason.
    pub(crate) fn is(&self, reason: &str) -> bool {
        self.reason.as_deref() == Some(reason)
    }

    /// Whether the node has not answered in time.
    pub(crate) fn is_silence(&self) -> bool {
        self.is(super::http::SILENT)
    }

    /// The exit code of the process.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }

    /// Whether this is [`Failure::no_node`].
    pub(crate) fn is_no_node(&self) -> bool {
        self.code == NO_NODE
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) if !hint.is_empty() => write!(f, "\n{hint}"),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_node_is_named_by_its_socket_and_says_how_to_start_one() {
        let failure = Failure::no_node(Path::new("/state/control.sock"));
        assert_eq!(
            failure.to_string(),
            "No node is running here (no answer on /state/control.sock).\nStart one with: consort"
        );
        assert_eq!(failure.code(), 3);
    }
}
