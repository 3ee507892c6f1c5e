//! What a node says of the environment that its agents are started with. Never a value of it.

use serde::Serialize;

/// Where the environment of agents is from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The user's login shell with all its start-up files.
    #[default]
    Interactive,
    /// The login shell without those for interactive shells.
    Login,
    /// The node's own: the shell could not be read.
    Node,
}

/// What became of asking the login shell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LoginReport {
    /// The shell that was asked.
    pub shell: String,
    /// Where the environment is from.
    pub mode: Mode,
    /// How many variables agents get from it.
    pub variables: usize,
    /// How long it took.
    pub took_ms: u64,
    /// When it was asked.
    pub read_unix_ms: u64,
    /// Why it could not be read as it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// What to do about that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}
