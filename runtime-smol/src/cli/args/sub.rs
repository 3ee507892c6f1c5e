//! The commands below `consort hooks`, `consort agents` and `consort env`.

use clap::{Subcommand, ValueHint};
use std::path::PathBuf;

/// What to do with hooks.
#[derive(Debug, Subcommand)]
pub(crate) enum HooksCommand {
    /// Show which programs have hooks that report to Consort, and in which file
    Status {
        /// The program [default: all]
        program: Option<String>,
    },

    /// Show what changes, ask, and install hooks
    Install {
        /// The program [default: all that you use]
        program: Option<String>,

        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },

    /// Show what changes, ask, and remove the hooks
    Remove {
        /// The program [default: all]
        program: Option<String>,

        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// What to do with the rules for screens.
#[derive(Debug, Subcommand)]
pub(crate) enum AgentsCommand {
    /// Check a file of rules, or all of yours in ~/.config/consort/agents
    Check {
        /// The file
        #[arg(value_hint = ValueHint::FilePath)]
        file: Option<PathBuf>,
    },
}

/// What to do with what agents are started with.
#[derive(Debug, Subcommand)]
pub(crate) enum EnvCommand {
    /// Set a variable for all agents of this machine
    Set {
        /// NAME=VALUE; or NAME alone, and the value is read from standard input, where no list of processes shows it
        #[arg(value_name = "NAME[=VALUE]")]
        variable: String,
    },

    /// Remove a variable
    Unset {
        /// Its name
        name: String,
    },

    /// List the variables, without their values
    List {
        /// Print the values, too
        #[arg(long)]
        show: bool,
    },

    /// Ask your login shell again: its start-up files have changed
    Reload,
}
