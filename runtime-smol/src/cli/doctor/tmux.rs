//! tmux: what the node sees of it and what a look of our own shows; where they differ, one of them is wrong. And the user's
//! options that endanger agents.

use super::Check;
use crate::cli::api::Tmux;
use crate::cli::text;
use crate::tmux::quote::spelled;
use crate::tmux::socket::Which;
use futures_lite::future;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The oldest tmux whose control mode does what the node needs.
const OLDEST: (u32, u32) = (3, 2);
/// How long tmux may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The node sees a change of tmux within this time.
const SIGHT: Duration = Duration::from_secs(3);
/// More connections than this do not end in a minute by chance.
const ENDINGS: usize = 5;
const INSTALL: &str = "Install tmux 3.2 or newer. Without it agents run on terminals of the node and end with it.";
/// Begins the lines that are ours: hooks of the user's may print others.
const OURS: &str = "consort:";

/// `seen` asks the node, if one runs.
pub(super) fn checks(socket: Option<&str>, seen: &dyn Fn() -> Option<Tmux>) -> Vec<Check> {
    let node = seen();
    let named = Which { socket, folder: std::env::var_os("TMUX_TMPDIR").as_ref() }.arguments().join(" ");
    // What the node runs counts; without a node, what it would run.
    let program = node.as_ref().and_then(|node| node.program.clone()).unwrap_or_else(|| "tmux".to_owned());
    let tmux = Program { path: PathBuf::from(program) };
    let (version, usable) = version(&tmux, node.as_ref());
    let mut checks = vec![version];
    if !usable {
        return checks;
    }
    let folder = std::env::var_os("TMUX_TMPDIR");
    let here = here(&tmux, socket, folder.as_ref());
    let socket_path = match (node.as_ref().and_then(|node| node.socket.clone()), &here) {
        (Some(path), _) => PathBuf::from(path),
        (None, Ok(path)) => path.clone(),
        (None, Err(reason)) => {
            let advice = "Make that folder yours alone (chmod 700), or set TMUX_TMPDIR.";
            checks.push(Check::bad("sessions", format!("tmux has no socket: {reason}"), advice));
            return checks;
        }
    };
    let server = Server { tmux, socket: socket_path };
    checks.push(sessions(&server, seen));
    if let (Some(_), Ok(here)) = (&node, &here)
        && *here != server.socket
    {
        checks.push(elsewhere(&server.socket, here, &named));
    }
    checks.extend(node.and_then(|node| node.last_ending).filter(|last| last.in_a_minute >= ENDINGS).map(|last| {
        let message = format!(
            "{} connections of the node ended within a minute: {}, {} ago",
            last.in_a_minute,
            last.reason,
            text::age(unix_ms().saturating_sub(last.unix_ms))
        );
        Check::warning("tmux", message, "Look for a hook or a script that detaches clients: tmux show-hooks -g")
    }));
    checks.extend(server.options());
    checks
}

/// The first check; and whether there is a tmux to go on with.
fn version(tmux: &Program, node: Option<&Tmux>) -> (Check, bool) {
    let trouble = node.and_then(|node| node.trouble.clone());
    let text = match tmux.run(&["-V"]) {
        Answer::Missing => return (missing(tmux, node, trouble), false),
        Answer::Silent => return (Check::bad("tmux", "`tmux -V` does not answer", "See why: tmux -V"), false),
        Answer::Said(output) => String::from_utf8_lossy(&output.stdout).trim().to_string(),
    };
    if let Some(node) = node.filter(|node| node.program.is_none()) {
        let why = node.trouble.clone().unwrap_or_else(|| "it does not say why".to_owned());
        let message = format!("{text} is here, but the node cannot use tmux: {why}");
        return (Check::bad("tmux", message, "Start the node from a shell that finds it: consort"), false);
    }
    if let Some(trouble) = trouble {
        return (Check::bad("tmux", format!("{text}, which the node cannot use: {trouble}"), USE_AGAIN), true);
    }
    match parse_version(&text) {
        Some(parsed) if parsed < OLDEST => (Check::bad("tmux", format!("{text} is too old"), INSTALL), true),
        None if node.is_none() => {
            (Check::warning("tmux", format!("{text}: of unknown age"), "tmux 3.2 or newer is needed."), true)
        }
        _ => (Check::good("tmux", text), true),
    }
}

const USE_AGAIN: &str = "The node tries again all the time; nothing has to be restarted.";

fn missing(tmux: &Program, node: Option<&Tmux>, trouble: Option<String>) -> Check {
    match node.and_then(|node| node.program.as_ref()) {
        Some(_) => Check::bad("tmux", format!("{} was there and is gone", tmux.path.display()), INSTALL),
        None => match trouble {
            Some(trouble) => Check::warning("tmux", trouble, INSTALL),
            None => Check::warning("tmux", "not found", INSTALL),
        },
    }
}

/// Where tmux puts the socket when it is started from this shell.
fn here(tmux: &Program, socket: Option<&str>, folder: Option<&OsString>) -> Result<PathBuf, String> {
    smol::block_on(Which { socket, folder }.ask(&tmux.path))
}

fn elsewhere(node: &Path, here: &Path, named: &str) -> Check {
    let message =
        format!("the node looks at {}, tmux in this shell at {} (TMUX_TMPDIR differs)", node.display(), here.display());
    let advice = format!(
        "Sessions that are made here are not seen. Look at the node's with: tmux -S {}\nOr restart the node from this shell{}.",
        node.display(),
        if named.is_empty() { String::new() } else { format!(" (it looks at: tmux {named})") }
    );
    Check::warning("socket", message, advice)
}

/// The sessions that there are, and those that the node sees. Only asks; a server is not started by that.
fn sessions(server: &Server, seen: &dyn Fn() -> Option<Tmux>) -> Check {
    let at = server.socket.display();
    let there = match server.sessions() {
        Ok(there) => there,
        Err(reason) => {
            let advice = "The node cannot see sessions there. Choose another server with: --tmux-socket NAME";
            return Check::bad("sessions", format!("{at}: {reason}"), advice);
        }
    };
    let Some(mut node) = seen() else {
        return match there {
            Some(count) => Check::good("sessions", format!("{count} at {at}")),
            None => Check::good("sessions", format!("no server at {at} (the first agent starts it)")),
        };
    };
    // What has changed just now takes the node a moment.
    let (start, mut there) = (std::time::Instant::now(), there);
    while !agrees(&node, there) && start.elapsed() < SIGHT {
        std::thread::sleep(Duration::from_millis(100));
        node = seen().unwrap_or_default();
        there = server.sessions().ok().flatten();
    }
    compared(&node, there, &at.to_string())
}

fn agrees(node: &Tmux, there: Option<usize>) -> bool {
    node.sessions == there.unwrap_or(0) && (there.unwrap_or(0) == 0 || node.connected_unix_ms.is_some())
}

/// What it means that the node sees this, and that is there.
fn compared(node: &Tmux, there: Option<usize>, at: &str) -> Check {
    let last = node.last_ending.as_ref().map(|last| format!(" (the last time: {})", last.reason)).unwrap_or_default();
    match (there, node.connected_unix_ms) {
        _ if agrees(node, there) => match (there, node.connected_unix_ms) {
            (Some(count), Some(since)) => {
                let age = text::age(unix_ms().saturating_sub(since));
                Check::good("sessions", format!("{count} at {at}; the node sees them all, connected for {age}"))
            }
            (Some(_), None) => Check::good("sessions", format!("none at {at}, where a server runs")),
            (None, _) => Check::good("sessions", format!("no server at {at} (the first agent starts it)")),
        },
        (Some(count), None) => {
            let why = node.trouble.clone().map_or(last, |trouble| format!(": {trouble}"));
            let message = format!("{count} at {at}, and the node is not connected{why}");
            Check::bad("sessions", message, "The node's agents in tmux cannot be used now. See the node's log.")
        }
        (Some(count), Some(_)) => {
            let message = format!("{count} at {at}, and the node sees {}", node.sessions);
            Check::bad("sessions", message, "Restart the node, and report this: agents in tmux live on.")
        }
        (None, _) => {
            let message = format!("no server at {at}, and the node sees {} sessions", node.sessions);
            Check::bad("sessions", message, "The socket's file is gone: `pkill -USR1 tmux` makes it again.")
        }
    }
}

/// A tmux program.
struct Program {
    path: PathBuf,
}

enum Answer {
    Missing,
    Silent,
    Said(Output),
}

impl Program {
    fn run(&self, arguments: &[&str]) -> Answer {
        let mut command = smol::process::Command::new(&self.path);
        command.args(arguments).env_remove("TMUX").env_remove("TMUX_PANE").stdin(Stdio::null()).kill_on_drop(true);
        let said = async { command.output().await.map_or(Answer::Missing, Answer::Said) };
        let late = async {
            smol::Timer::after(PATIENCE).await;
            Answer::Silent
        };
        smol::block_on(future::or(said, late))
    }
}

/// A server, running or not.
struct Server {
    tmux: Program,
    socket: PathBuf,
}

impl Server {
    /// The lines that a command prints behind [`OURS`], or what tmux says against it.
    fn ask(&self, command: &str, arguments: &[&str]) -> Result<Vec<String>, String> {
        let socket = self.socket.to_string_lossy();
        let (command, mut all) = (spelled(command), vec!["-N", "-S", &socket]);
        all.push(&command);
        all.extend(arguments);
        match self.tmux.run(&all) {
            Answer::Missing => Err("tmux is gone".to_owned()),
            Answer::Silent => Err("tmux does not answer".to_owned()),
            Answer::Said(output) => {
                let printed = String::from_utf8_lossy(&output.stdout).into_owned();
                // A hook that fails makes the process fail too.
                if output.status.success() || !printed.is_empty() {
                    return Ok(printed.lines().map(str::to_owned).collect());
                }
                Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
            }
        }
    }

    /// How many sessions there are; none if there is no server.
    fn sessions(&self) -> Result<Option<usize>, String> {
        match self.ask("list-sessions", &["-F", "consort:#{session_id}"]) {
            Ok(lines) => Ok(Some(lines.iter().filter(|line| line.starts_with(OURS)).count())),
            Err(said) if is_no_server(&said) => Ok(None),
            Err(said) if said.is_empty() => Ok(Some(0)),
            Err(said) => Err(said),
        }
    }

    /// What of the user's configuration ends agents, or keeps the node out.
    fn options(&self) -> Vec<Check> {
        let is = |scope: &str, name: &str, value: &str| {
            self.ask("show-options", &[scope, name]).is_ok_and(|lines| lines.iter().any(|line| line == value))
        };
        let mut checks = Vec::new();
        if is("-sv", "exit-unattached", "on") {
            let message =
                "exit-unattached is on: tmux, and all agents in it, end when the node ends and nobody is attached";
            checks.push(Check::warning(
                "options",
                message,
                "tmux set-option -s exit-unattached off, there and in .tmux.conf",
            ));
        }
        if is("-gwv", "window-size", "manual") {
            checks.push(Check::warning("options", crate::tmux::MANUAL_SIZE, crate::tmux::MANUAL_SIZE_HINT));
        }
        let hooks = self.ask("show-hooks", &["-g"]).unwrap_or_default();
        checks.extend(detaching(&hooks));
        checks
    }
}

/// Hooks that detach or end what they find.
fn detaching(hooks: &[String]) -> Option<Check> {
    let hostile = |line: &&String| {
        let (_, commands) = line.split_once(' ').unwrap_or_default();
        ["detach", "kill-session", "kill-server"].iter().any(|word| commands.contains(word))
    };
    let found: Vec<&str> = hooks.iter().filter(hostile).map(|line| line.trim()).collect();
    if found.is_empty() {
        return None;
    }
    let message = format!("hooks that may detach the node or end agents: {}", found.join(", "));
    Some(Check::warning("hooks", message, "If agents vanish or terminals freeze, look there first: tmux show-hooks -g"))
}

fn is_no_server(said: &str) -> bool {
    said.contains("no server running")
        || said.contains("No such file or directory")
        || said.contains("Connection refused")
}

fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
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
    use super::super::Outcome;
    use super::*;
    use crate::cli::api::TmuxEnding;

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

    #[test]
    fn every_difference_between_tmux_and_the_node_is_bad() {
        let node = |sessions, connected: bool| Tmux {
            sessions,
            connected_unix_ms: connected.then_some(1),
            last_ending: Some(TmuxEnding { reason: "tmux detached the node".into(), ..TmuxEnding::default() }),
            ..Tmux::default()
        };
        let outcome = |node: &Tmux, there| compared(node, there, "/tmp/x").outcome;
        for (node, there) in [(node(2, true), Some(2)), (node(0, false), None), (node(0, false), Some(0))] {
            assert_eq!(outcome(&node, there), Outcome::Good, "{node:?} {there:?}");
        }
        for (node, there) in
            [(node(1, true), Some(2)), (node(0, false), Some(1)), (node(2, false), Some(2)), (node(2, true), None)]
        {
            assert_eq!(outcome(&node, there), Outcome::Bad, "{node:?} {there:?}");
        }
        assert!(compared(&node(0, false), Some(1), "/tmp/x").message.contains("tmux detached the node"));
    }

    #[test]
    fn hooks_that_detach_are_named_and_others_are_not() {
        let hooks = |lines: &[&str]| detaching(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
        assert!(hooks(&["client-attached[0] detach-client -a"]).unwrap().message.contains("detach-client -a"));
        assert_eq!(hooks(&["client-detached", "client-attached[0] display-message hello"]), None);
    }
}
