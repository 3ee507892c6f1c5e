//! Starting an agent: checks first, then one list of commands whose every word is quoted. User text is never part of a script.
//!
//! The list makes the session, exempts it from `destroy-unattached` and marks it; nothing comes between, except hooks of the
//! user's. If one of those renames the session, the rest of the list fails, and is repeated with the session's id.

use super::TmuxConfig;
use super::engine::Engine;
use super::listing::{MARK, PROGRAM};
use super::operations::literal;
use super::quote::{Line, spelled};
use crate::environment::{Environment, helper};
use crate::launch::{self, check_directory, expand_home};
use consort_core::{AgentId, LaunchSpec, OperationError, Size};
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What runs in the pane of an agent with a program of its own: the program, and when that ends, a note how, the terminal in
/// a usable state, and the user's shell in the same directory. `$1` is tmux, the rest the program and its arguments.
/// Leaving the alternate screen also brings back a cursor that was kept, so that is done only if the program has not left it.
/// Names of commands lack their last letter because of aliases, see [`spelled`]; hooks may add to what is printed.
/// The trap keeps the script alive when Ctrl-C ends the program; the program itself gets the default handling.
const SCRIPT: &str = r#"consort_tmux=$1; shift
trap : INT QUIT
"$@"
consort_status=$?
trap - INT QUIT
stty sane 2>/dev/null
consort_alternate=$("$consort_tmux" set-optio -p -t "$TMUX_PANE" @consort_exit "$consort_status" \; \
    display-messag -p -t "$TMUX_PANE" '#{?alternate_on,consort-alternate,}' 2>/dev/null)
case $consort_alternate in *consort-alternate*) printf '\033[?1049l' ;; esac
printf '\033[?1000l\033[?1002l\033[?1003l\033[?1006l\033[?2004l\033[?25h\033[0m'
printf '\r\n[%s ended with status %s]\r\n' "${1##*/}" "$consort_status"
unset consort_tmux consort_status consort_alternate
exec "${SHELL:-/bin/sh}""#;

/// Variables of the node's environment that a tmux server started by it gets; all others stay behind.
const ENVIRONMENT: [&str; 14] = [
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PATH",
    "LANG",
    "LANGUAGE",
    "TERM",
    "TZ",
    "SSH_AUTH_SOCK",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "COLORTERM",
    "TMPDIR",
];

/// A server that was started takes connections within this time.
const SERVER_TIME: Duration = Duration::from_secs(5);

/// A launch whose every part was checked.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// As the user wrote it.
    plain_name: String,
    /// For where tmux expands formats.
    name: String,
    directory: String,
    /// Program as an absolute path with its arguments; empty for the user's shell.
    argv: Vec<String>,
    /// Last part of the program's path; empty for the user's shell.
    pub(crate) program_name: String,
    /// The user's shell.
    shell: PathBuf,
    /// What the agent's program gets, by a file.
    pub(crate) environment: Environment,
    /// What other windows and panes of its session get, too.
    of_the_session: Environment,
    /// It was created from a shell: what that had set, start-up files for logins must not set otherwise.
    from_a_shell: bool,
    helper: PathBuf,
    size: Size,
}

/// An error for a person.
pub(crate) fn error(code: &'static str, message: &str, hint: &str) -> OperationError {
    OperationError { code: code.into(), message: message.to_owned(), hint: hint.to_owned() }
}

pub(crate) fn name_taken(name: &str) -> OperationError {
    error(
        "name-taken",
        &format!("A tmux session named {name} exists already."),
        "Choose another name or rename that one.",
    )
}

/// The name as tmux takes it literally. tmux would silently change `.` and `:`.
pub(crate) fn check_name(name: &str) -> Result<String, OperationError> {
    let bad = name.chars().find(|c| matches!(c, '.' | ':') || c.is_control());
    if name.is_empty() || name.starts_with(['$', '=', '-']) || bad.is_some() {
        return Err(error(
            "name-invalid",
            &format!("tmux cannot name a session {}.", name.escape_debug()),
            "Use letters, digits, '_' and '-'.",
        ));
    }
    literal(name, "name")
}

/// Checks everything that can be checked before tmux is asked.
pub(crate) fn prepare(
    config: &TmuxConfig,
    spec: &LaunchSpec,
    environment: Environment,
) -> Result<Prepared, OperationError> {
    let name = check_name(&spec.name)?;
    let directory = config.expand(&spec.directory);
    check_directory(&directory)?;
    let path =
        directory.to_str().ok_or_else(|| error("directory-missing", "The directory's name is not UTF-8.", ""))?;
    if let Some((key, _)) = spec.env.iter().find(|(key, value)| !is_variable(key, value)) {
        return Err(error("environment-invalid", &format!("{} is no variable.", key.escape_debug()), ""));
    }
    if spec.args.iter().any(|argument| argument.contains('\0')) {
        return Err(error("argument-invalid", "An argument contains a NUL character.", "Remove it."));
    }
    let helper = config.environments.helper().to_owned();
    if !launch::is_executable(&helper) {
        let message = format!("The program of this node is no longer at {}.", helper.display());
        return Err(error("node-moved", &message, "Start the node again: consort stop && consort -d"));
    }
    let mut argv = Vec::new();
    let mut program_name = String::new();
    if let Some(program) = &spec.program {
        let found = launch::find_program(program, &environment, &directory)?;
        program_name = found.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let not_text = || error("program-not-found", "The program's path is not UTF-8.", "Move it to another folder.");
        argv.push(found.into_os_string().into_string().map_err(|_| not_text())?);
        argv.extend(spec.args.iter().cloned());
    }
    Ok(Prepared {
        plain_name: spec.name.clone(),
        name,
        directory: literal(path, "directory")?,
        argv,
        program_name,
        shell: launch::shell(&environment),
        environment,
        of_the_session: config.environments.added(spec),
        from_a_shell: !spec.caller.is_empty(),
        helper,
        size: spec.size,
    })
}

fn is_variable(name: &str, value: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0')
}

/// The variable in a session's environment that names its agent.
pub(crate) const AGENT_VARIABLE: &str = "CONSORT_AGENT_ID";

/// The agent that a session was made for, from what `show-environment` says of [`AGENT_VARIABLE`].
pub(crate) fn agent_of_environment(body: &[u8]) -> Option<AgentId> {
    let (name, id) = std::str::from_utf8(body).ok()?.trim().split_once('=')?;
    if name == AGENT_VARIABLE { id.parse().ok() } else { None }
}

/// What the line with the id of a new session begins with: hooks may print other lines.
const MADE: &str = "consort-made";

/// The commands that make a session and everything that it needs. They print [`MADE`] and the session's id.
///
/// The program's environment is in the file `handover`: in a command it would make that long, and `show-environment` print it.
pub(crate) fn creation(prepared: &Prepared, tmux: &Path, handover: &Path, agent: AgentId) -> Line {
    // A name with `=` before it is that session and no other.
    let target = format!("={}:", prepared.plain_name);
    settings(new_session(prepared, tmux, handover), &target, agent, &prepared.program_name)
}

/// The commands that give a session what an agent's has, on itself only: it stays when nobody looks, and it is marked.
pub(crate) fn settings(line: Line, session: &str, agent: AgentId, program: &str) -> Line {
    let line = line.then("set-option -t").arg(session).word("destroy-unattached off");
    let line = line.then("set-option -t").arg(session).word(MARK).arg(agent.to_string());
    if program.is_empty() {
        return line;
    }
    line.then("set-option -p -t").arg(session).word(PROGRAM).arg(program)
}

/// The id of a session that was made, from what [`creation`] printed.
pub(crate) fn made(printed: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(printed);
    let mut ids = text.lines().filter_map(|line| line.strip_prefix(MADE)?.strip_prefix(' '));
    ids.find(|id| super::parser::id(id.as_bytes(), b'$').is_some()).map(str::to_owned)
}

fn new_session(prepared: &Prepared, tmux: &Path, handover: &Path) -> Line {
    let format = format!("'{MADE} #{{session_id}}'");
    let mut line = Line::new("new-session -d -E -P -F").word(format).word("-s").arg(&prepared.name);
    line = line.word("-c").arg(&prepared.directory);
    line = line.word("-x").word(prepared.size.cols()).word("-y").word(prepared.size.rows());
    for (key, value) in &prepared.of_the_session {
        line = line.word("-e").arg([key.as_bytes(), b"=", value.as_bytes()].concat());
    }
    line = line.word("--").arg(prepared.helper.as_os_str().as_bytes()).word(helper::LAUNCH);
    line = line.arg(handover.as_os_str().as_bytes());
    if prepared.argv.is_empty() {
        let name = launch::shell_name(&prepared.shell, prepared.from_a_shell);
        return line.arg(name).arg(prepared.shell.as_os_str().as_bytes());
    }
    line = line.word("sh /bin/sh -c").arg(SCRIPT).word("sh").arg(tmux.as_os_str().as_bytes());
    prepared.argv.iter().fold(line, Line::arg)
}

/// What tmux says when its server ends while it is asked.
const SERVER_EXITED: &str = "server exited unexpectedly";
/// How often a session is tried to be made again then.
const ENDING_SERVERS: u32 = 3;

/// Why no session can be made with `window-size manual`, and what to do.
pub(crate) const MANUAL_SIZE: &str = "tmux crashes, with all its sessions, when a session is made while its option window-size is manual for all windows.";
pub(crate) const MANUAL_SIZE_HINT: &str = "Choose another: tmux set-option -gw window-size latest";

/// The environment cannot be handed over.
pub(crate) fn not_prepared(why: &io::Error) -> OperationError {
    let message = format!("The environment of the agent cannot be written to the state directory: {why}.");
    error("not-stored", &message, "Make room on the disk of this machine and try again.")
}

/// What tmux's refusal of `new-session` means.
pub(crate) fn failed(spec: &LaunchSpec, message: &str) -> OperationError {
    if message.starts_with("duplicate session") {
        return name_taken(&spec.name);
    }
    if message.contains(SERVER_EXITED) {
        let message = "tmux crashed when it made its first session.";
        return error(
            "launch-failed",
            message,
            &format!("If your .tmux.conf has window-size manual: {MANUAL_SIZE_HINT}"),
        );
    }
    error(
        "launch-failed",
        &format!("tmux could not start the session: {message}"),
        "Try again, or look at tmux itself.",
    )
}

/// Starts a tmux server with this session as its first, in a clean environment and a group of its own, and waits until
/// the backend is connected to it.
pub(crate) async fn start_server(
    engine: &Rc<Engine>,
    (prepared, handover): (&Prepared, &Path),
    (tmux, socket): (&Path, &Path),
    spec: &LaunchSpec,
) -> Result<(), OperationError> {
    engine.state.borrow_mut().listing.held += 1;
    let made = start_and_mark(engine, (prepared, handover), (tmux, socket), spec).await;
    engine.state.borrow_mut().listing.held -= 1;
    let held_open = made?;
    for _ in 0..100 {
        let _ = engine.look.try_send(());
        if engine.state.borrow().identified {
            return Ok(());
        }
        smol::Timer::after(Duration::from_millis(50)).await;
    }
    let look = "Look at tmux itself, and run: consort doctor";
    if let Some(reason) = engine.state.borrow().trouble.clone() {
        return Err(error("launch-failed", &reason, look));
    }
    // A server without sessions ends when its last client leaves.
    drop(held_open);
    for _ in 0..20 {
        if UnixStream::connect(socket).is_err() {
            return Err(error(
                "launch-failed",
                "tmux ended as soon as it had made the session.",
                "A hook in your tmux configuration may end sessions: look there for kill-session and kill-server.",
            ));
        }
        smol::Timer::after(Duration::from_millis(50)).await;
    }
    Err(error("launch-failed", "tmux was started but does not answer.", look))
}

/// The connection keeps a server alive that ends when no client is left (`exit-unattached`).
async fn start_and_mark(
    engine: &Engine,
    (prepared, handover): (&Prepared, &Path),
    (tmux, socket): (&Path, &Path),
    spec: &LaunchSpec,
) -> Result<Option<UnixStream>, OperationError> {
    let create = || async {
        let line = creation(prepared, tmux, handover, spec.agent);
        commands(&engine.config, (tmux, socket), line).await.map_err(|error| failed(spec, &error.to_string()))
    };
    let mut ran = create().await?;
    // A server that is about to end, because its last session was just ended, still takes connections. The next one is another one.
    for _ in 0..ENDING_SERVERS {
        if made(&ran.printed).is_some() || !ran.complaint().contains(SERVER_EXITED) {
            break;
        }
        smol::Timer::after(Duration::from_millis(100)).await;
        ran = create().await?;
    }
    let Some(session) = made(&ran.printed) else { return Err(failed(spec, &ran.complaint())) };
    if !ran.flawless {
        // A hook of the user's failed, or one renamed the session before it was marked.
        let again = settings(Line::default(), &format!("{session}:"), spec.agent, &prepared.program_name);
        let _ = commands(&engine.config, (tmux, socket), again).await;
    }
    Ok(ran.held_open)
}

/// What a `tmux` process that executed commands has left.
struct Ran {
    printed: Vec<u8>,
    errors: Vec<u8>,
    /// It ended well and said nothing else.
    flawless: bool,
    /// A connection to the server that nothing is said on.
    held_open: Option<UnixStream>,
}

impl Ran {
    fn complaint(&self) -> String {
        let text = [&self.errors[..], b" ", &self.printed[..]].concat();
        String::from_utf8_lossy(&text).trim().to_owned()
    }
}

/// Has a `tmux` process execute commands, starting the server if there is none. They are handed over by its standard input:
/// on a command line they would be limited in length and split at semicolons.
async fn commands(config: &TmuxConfig, (tmux, socket): (&Path, &Path), line: Line) -> io::Result<Ran> {
    let mut command = Command::new(tmux);
    command.arg("-S").arg(socket);
    command.args([&spelled("start-server"), ";", &spelled("source-file"), "-"]);
    command.env_clear().envs(config.clean_environment()).current_dir(&config.home).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let socket = socket.to_owned();
    smol::unblock(move || {
        let mut child = command.spawn()?;
        let held_open = hold_open(&mut child, &socket)?;
        if let Some(mut input) = child.stdin.take() {
            // An early end of the process shows in what it printed.
            let _ = input.write_all(&line.into_bytes());
        }
        let Output { status, stdout, stderr } = child.wait_with_output()?;
        Ok(Ran { flawless: status.success() && stderr.is_empty(), printed: stdout, errors: stderr, held_open })
    })
    .await
}

/// Connects to the server that a process starts, before that process ends: it waits for its input.
fn hold_open(child: &mut Child, socket: &Path) -> io::Result<Option<UnixStream>> {
    let start = Instant::now();
    while start.elapsed() < SERVER_TIME {
        if let Ok(connection) = UnixStream::connect(socket) {
            return Ok(Some(connection));
        }
        if child.try_wait()?.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(None)
}

impl TmuxConfig {
    /// The environment of a server that the node starts: what a login needs, nothing that the node itself was given.
    #[must_use]
    pub fn clean_environment(&self) -> Vec<(OsString, OsString)> {
        let kept = |name: &str| {
            ENVIRONMENT.contains(&name) || name.starts_with("LC_") || name.starts_with("XDG_") || name == "TMUX_TMPDIR"
        };
        self.environment.iter().filter(|(name, _)| name.to_str().is_some_and(kept)).cloned().collect()
    }

    /// A directory as a person writes it: `~` is home, and relative to home if it is relative.
    fn expand(&self, directory: &str) -> PathBuf {
        self.home.join(expand_home(directory, &self.home))
    }
}
