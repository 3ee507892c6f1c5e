//! What this program does when it stands between a shell or tmux and an agent: it prints its environment for the node, or
//! takes the one that the node has prepared and becomes the agent's program. Nothing else of the program is needed for that.

use super::login::parse;
use super::{frames, names};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

/// `consort __environment MARK`: prints the environment in pieces behind the mark.
pub(super) const PRINT: &str = "__environment";
/// `consort __launch FILE NAME PROGRAM ARGUMENT…`: becomes the program, called NAME, in the environment that FILE holds.
pub(crate) const LAUNCH: &str = "__launch";

/// What a file with an environment ends with.
pub(super) const COMPLETE: &[u8] = b"=complete";

/// Variables that tmux sets for the program in a pane.
const OF_THE_PANE: [&str; 6] = ["TMUX", "TMUX_PANE", "TERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "PWD"];

/// Does what the command line asks for, if it is one of these.
#[must_use]
pub fn run() -> Option<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    let verb = words.next()?;
    if verb == PRINT {
        let mark = words.next()?.into_string().ok()?;
        return Some(print(&mark));
    }
    if verb == LAUNCH {
        let (file, name, program) = (words.next()?, words.next()?, words.next()?);
        return Some(launch(Path::new(&file), &name, &program, words));
    }
    None
}

fn print(mark: &str) -> ExitCode {
    let variables: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let bytes = super::login::encoded(variables.iter().map(|(name, value)| (name, value)));
    // Without a buffer: each piece must be written by itself.
    let written = rustix::io::dup(rustix::stdio::stdout())
        .map_err(io::Error::from)
        .and_then(|output| frames::write(mark, &bytes, std::fs::File::from(output)));
    if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Returns only if the program cannot be started.
fn launch(file: &Path, name: &OsStr, program: &OsStr, arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut command = Command::new(program);
    command.arg0(name).args(arguments);
    match take(file) {
        Some(environment) => {
            command.env_clear().envs(&environment);
            for name in OF_THE_PANE {
                let of_the_pane = !environment.contains_key(OsStr::new(name)) || name.starts_with("TMUX");
                if let Some(value) = std::env::var_os(name).filter(|_| of_the_pane) {
                    command.env(name, value);
                }
            }
        }
        // The pane was started again by its user (`respawn-pane`): what tmux has of the agent's variables must do.
        None => {
            let marks = std::env::vars_os().map(|(name, _)| name).filter(|name| {
                let text = name.to_string_lossy();
                names::is_stripped(&text) && !text.starts_with("CONSORT_AGENT_") && !OF_THE_PANE.contains(&&*text)
            });
            marks.for_each(|name| {
                command.env_remove(name);
            });
            command.env("COLORTERM", "truecolor");
        }
    }
    let error = command.exec();
    eprintln!("consort: {}: {error}", Path::new(program).display());
    ExitCode::from(127)
}

/// Reads the environment that the node has left in a file, once: then the file is gone.
fn take(file: &Path) -> Option<super::Environment> {
    let bytes = std::fs::read(file).ok()?;
    let _ = std::fs::remove_file(file);
    bytes.strip_suffix(COMPLETE).filter(|bytes| bytes.is_empty() || bytes.ends_with(b"\0")).map(parse)
}
