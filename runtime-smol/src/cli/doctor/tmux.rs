//! tmux: there, new enough, answering on the socket that the node would use.

use super::Check;
use futures_lite::future;
use std::process::{Output, Stdio};
use std::time::Duration;

/// The oldest tmux whose control mode does what the node needs.
const OLDEST: (u32, u32) = (3, 2);
/// How long tmux may take.
const PATIENCE: Duration = Duration::from_secs(5);
const INSTALL: &str = "Install tmux 3.2 or newer. Without it agents run on terminals of the node and end with it.";

pub(super) fn checks(socket: Option<&str>) -> Vec<Check> {
    let version = match tmux(None, &["-V"]) {
        Answer::Missing => return vec![Check::warning("tmux", "not found", INSTALL)],
        Answer::Silent => return vec![Check::bad("tmux", "`tmux -V` does not answer", "See why: tmux -V")],
        Answer::Said(output) => String::from_utf8_lossy(&output.stdout).trim().to_string(),
    };
    let version = match parse_version(&version) {
        Some(parsed) if parsed >= OLDEST => Check::good("tmux", version),
        Some(_) => Check::bad("tmux", format!("{version} is too old"), INSTALL),
        None => Check::warning("tmux", format!("{version}: of unknown age"), "tmux 3.2 or newer is needed."),
    };
    vec![version, server(socket)]
}

/// Only asks; a server is not started by that.
fn server(socket: Option<&str>) -> Check {
    let called = socket.map_or("the default server".into(), |name| format!("server {name}"));
    match tmux(socket, &["list-sessions", "-F", "#{session_id}"]) {
        Answer::Said(output) if output.status.success() => {
            let sessions = String::from_utf8_lossy(&output.stdout).lines().count();
            Check::good("sessions", format!("{sessions} on {called}"))
        }
        Answer::Said(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().to_string();
            if is_no_server(&said) {
                return Check::good("sessions", format!("{called} is not running (the first agent starts it)"));
            }
            Check::bad(
                "sessions",
                format!("{called}: {said}"),
                "The node cannot see sessions there. Choose with: --tmux-socket NAME",
            )
        }
        Answer::Silent => {
            Check::bad("sessions", format!("{called} does not answer"), "See why with: tmux list-sessions")
        }
        Answer::Missing => Check::bad("sessions", "tmux is gone", INSTALL),
    }
}

fn is_no_server(said: &str) -> bool {
    said.contains("no server running")
        || said.contains("No such file or directory")
        || said.contains("Connection refused")
}

enum Answer {
    Missing,
    Silent,
    Said(Output),
}

fn tmux(socket: Option<&str>, arguments: &[&str]) -> Answer {
    let mut command = smol::process::Command::new("tmux");
    if let Some(socket) = socket {
        command.args(["-L", socket]);
    }
    command.args(arguments).env_remove("TMUX").stdin(Stdio::null()).kill_on_drop(true);
    let said = async { command.output().await.map_or(Answer::Missing, Answer::Said) };
    let late = async {
        smol::Timer::after(PATIENCE).await;
        Answer::Silent
    };
    smol::block_on(future::or(said, late))
}

/// The numbers in `tmux 3.3a`, `tmux next-3.5`, `tmux openbsd-7.5` (none: it follows its system).
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let version = text.strip_prefix("tmux ")?;
    let version = version.strip_prefix("next-").unwrap_or(version);
    let (major, minor) = version.split_once('.')?;
    let digits = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
    Some((major.parse().ok()?, minor[..digits].parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_tmux_are_compared_as_numbers() {
        assert_eq!(parse_version("tmux 3.3a"), Some((3, 3)));
        assert_eq!(parse_version("tmux next-3.10"), Some((3, 10)));
        assert_eq!(parse_version("tmux 3.2-rc3"), Some((3, 2)));
        assert_eq!(parse_version("tmux openbsd-7.5"), None);
        assert_eq!(parse_version("something"), None);
        assert!((3, 10) > OLDEST && (3, 1) < OLDEST);
    }

    #[test]
    fn a_server_that_is_not_running_is_no_fault() {
        assert!(is_no_server("no server running on /tmp/tmux-1000/default"));
        assert!(is_no_server("error connecting to /tmp/tmux-1000/x (No such file or directory)"));
        assert!(!is_no_server("server version is too old for client"));
    }
}
