//! What a node says of the environment that its agents are started with. Never a value of it.

use consort_core::limits;
use serde::Serialize;

/// What agents of a node are started with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EnvironmentReport {
    /// What became of asking the login shell; none while it is asked for the first time.
    pub shell: Option<LoginReport>,
    /// The variables that the user has set for all agents, by name.
    pub variables: Vec<VariableReport>,
}

/// A variable that the user has set for all agents of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VariableReport {
    /// Its name.
    pub name: String,
    /// Characters of its value.
    pub length: usize,
}

/// Whether a person may set a variable of this name for all agents, and give it this value.
///
/// # Errors
/// What is wrong, for a person.
pub fn check_variable(name: &str, value: &str) -> Result<(), String> {
    let shown = || name.chars().take(60).collect::<String>().escape_debug().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.bytes().all(plain) {
        return Err(format!(
            "'{}' cannot be the name of a variable: use letters, digits and '_', not beginning with a digit.",
            shown()
        ));
    }
    if name.starts_with("CONSORT_") {
        return Err(format!("{} is not yours to set: names that begin with CONSORT_ are Consort's own.", shown()));
    }
    if name.len() + value.len() > limits::TEXT_BYTES || value.contains('\0') {
        let most = limits::TEXT_BYTES >> 10;
        return Err(format!("The value of {} has more than {most} KiB or contains a zero byte.", shown()));
    }
    Ok(())
}

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
