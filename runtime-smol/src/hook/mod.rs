//! `consort hook PROGRAM`: agent programs run it at every event and hand it what happened as JSON. It says so to the node of this machine, if
//! there is one, and never keeps the program waiting, never fails, and never prints what a program would take for an answer.

pub(crate) mod equip;
mod events;
pub(crate) mod own;
mod payload;
pub(crate) mod settings;

use crate::sockets;
use consort_web::hook::HookMessage;
use payload::Payload;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The command.
const HOOK: &str = "hook";
/// Bytes of a payload that are looked at; what follows is read and dropped.
const PAYLOAD_BYTES: u64 = 1 << 20;
/// However stuck something is, the program waits no longer.
const LONGEST: Duration = Duration::from_millis(1_000);
/// How long the node is waited for, so that what happens next is not reported before this.
const ANSWER_TIME: Duration = Duration::from_millis(300);
/// Programs that take what a hook prints for JSON.
const JSON_READERS: [&str; 2] = ["gemini", "qwen"];

/// Does what the command line asks for, if it is a hook. Costs as little as it can: nothing else of this program is set up.
#[must_use]
pub fn run() -> Option<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    if words.next()? != HOOK {
        return None;
    }
    let words: Vec<OsString> = words.collect();
    let wish = Wish::read(&words)?;
    // A fault of ours is not the agent's.
    std::panic::set_hook(Box::new(|_| {}));
    let _ = std::panic::catch_unwind(|| hook(&wish));
    Some(ExitCode::SUCCESS)
}

/// The command line of a hook.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wish {
    program: String,
    state_dir: Option<PathBuf>,
    /// Some programs hand over what happened as an argument.
    payload: Option<OsString>,
}

impl Wish {
    /// `None`: it is for a person (`--help`), or not understood.
    fn read(words: &[OsString]) -> Option<Wish> {
        let mut wish = Wish::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("--state-dir") => wish.state_dir = Some(words.next()?.into()),
                Some("--help" | "-h") => return None,
                Some(text) if wish.program.is_empty() && !text.starts_with('-') => wish.program = text.to_owned(),
                _ if wish.program.is_empty() => return None,
                _ => wish.payload = Some(word.clone()),
            }
        }
        (!wish.program.is_empty()).then_some(wish)
    }
}

/// The same for a command line that begins with something else.
pub(crate) fn say(program: String, state_dir: &Path, payload: Option<OsString>) {
    hook(&Wish { program, state_dir: Some(state_dir.to_owned()), payload });
}

fn hook(wish: &Wish) {
    let limit = std::thread::Builder::new().stack_size(32 << 10).spawn(|| {
        std::thread::sleep(LONGEST);
        std::process::exit(0);
    });
    if JSON_READERS.contains(&wish.program.as_str()) {
        let _ = io::stdout().write_all(b"{}\n").and_then(|()| io::stdout().flush());
    }
    // Without the limit nothing that may block is done.
    if limit.is_err() {
        return;
    }
    let payload = match &wish.payload {
        Some(payload) => Payload::read(payload.as_encoded_bytes()),
        None => Payload::read(&from_standard_input()),
    };
    if let Some(message) = events::message(&wish.program, &payload) {
        let _ = report(wish, &located(message, |name| std::env::var_os(name)));
    }
}

fn from_standard_input() -> Vec<u8> {
    let mut input = io::stdin().lock();
    let mut bytes = Vec::new();
    if !input.is_terminal() && (&mut input).take(PAYLOAD_BYTES).read_to_end(&mut bytes).is_ok() {
        // A writer whose pipe breaks may take that for a failure of the hook.
        let _ = io::copy(&mut input, &mut io::sink());
    }
    bytes
}

/// The message with where it comes from: the agent, and the tmux server with its pane, as the environment has them.
fn located(message: HookMessage, variable: impl Fn(&str) -> Option<OsString>) -> HookMessage {
    let text = |name: &str| variable(name)?.into_string().ok();
    let tmux = || {
        let socket = text("TMUX")?.rsplitn(3, ',').last()?.to_owned();
        Some((socket, text("TMUX_PANE")?.strip_prefix('%')?.parse().ok()?))
    };
    HookMessage { agent: text("CONSORT_AGENT_ID"), tmux: tmux(), ..message }
}

/// Says it to the node.
fn report(wish: &Wish, message: &HookMessage) -> io::Result<()> {
    let state_dir = wish.state_dir.clone().or_else(|| std::env::var_os("CONSORT_STATE_DIR").map(PathBuf::from));
    let state_dir = crate::cli::state_folder(state_dir.as_deref()).ok_or(io::ErrorKind::NotFound)?;
    let mut stream = connected(&sockets::place(&state_dir).control)?;
    let body = serde_json::to_string(message)?;
    let length = body.len();
    stream.set_write_timeout(Some(ANSWER_TIME))?;
    stream.write_all(
        format!(
            "POST /api/hook HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    )?;
    stream.set_read_timeout(Some(ANSWER_TIME))?;
    // Whatever it says: it has the message then.
    stream.read(&mut [0; 16]).map(drop)
}

/// A connection to the socket, if it is accepted at once.
fn connected(socket: &Path) -> io::Result<UnixStream> {
    let made =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    connect(&made, &SocketAddrUnix::new(socket)?)?;
    let stream = UnixStream::from(made);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// The command that a program runs as its hook, for a shell.
#[must_use]
pub fn command(consort: &Path, program: &str, state_dir: Option<&Path>) -> String {
    let mut words = vec![quoted(consort.as_os_str()), HOOK.to_owned(), program.to_owned()];
    if let Some(state_dir) = state_dir {
        words.extend(["--state-dir".to_owned(), quoted(state_dir.as_os_str())]);
    }
    words.join(" ")
}

/// A word of a shell's command.
fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-_.+".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(words: &[&str]) -> Option<Wish> {
        Wish::read(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_command_line_is_a_hook_or_for_a_person() {
        assert_eq!(wish(&["claude"]).unwrap().program, "claude");
        let full = wish(&["codex", "--state-dir", "/s", "{\"type\":1}"]).unwrap();
        assert_eq!((full.state_dir, full.payload), (Some("/s".into()), Some("{\"type\":1}".into())));
        for for_a_person in [&["--help"][..], &["claude", "-h"], &[], &["--unknown", "claude"]] {
            assert_eq!(wish(for_a_person), None, "{for_a_person:?}");
        }
    }

    #[test]
    fn the_place_of_a_program_is_its_pane_and_its_agent() {
        let environment = |name: &str| {
            let value = match name {
                "TMUX" => "/tmp/a,b/default,123,4",
                "TMUX_PANE" => "%12",
                "CONSORT_AGENT_ID" => "agent",
                _ => return None,
            };
            Some(OsString::from(value))
        };
        let found = located(HookMessage::default(), environment);
        assert_eq!(found.tmux, Some(("/tmp/a,b/default".into(), 12)), "folders may have commas");
        assert_eq!(found.agent.as_deref(), Some("agent"));
        let odd = located(HookMessage::default(), |name| (name == "TMUX_PANE").then(|| "12".into()));
        assert_eq!((odd.tmux, odd.agent), (None, None));
    }

    #[test]
    fn a_command_survives_a_shell_whatever_the_folders_are_called() {
        let text = command(Path::new("/it's/con sort"), "claude", Some(Path::new("/s$(x)")));
        assert_eq!(text, r"'/it'\''s/con sort' hook claude --state-dir '/s$(x)'");
        assert_eq!(command(Path::new("/usr/bin/consort"), "qwen", None), "/usr/bin/consort hook qwen");
    }
}
