//! Starting an agent: checks first, then one `new-session` whose every word is quoted. User text is never part of a script.

use super::TmuxConfig;
use super::engine::Engine;
use super::operations::{literal, mark_line};
use super::quote::Line;
use crate::launch::{check_directory, expand_home};
use consort_core::{LaunchSpec, OperationError, Size};
use std::ffi::OsString;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

/// What runs in the pane of an agent with a program of its own: the program, and when that ends, a note how, the terminal in
/// a usable state, and the user's shell in the same directory. `$1` is tmux, the rest the program and its arguments.
/// Leaving the alternate screen also brings back a cursor that was kept, so that is done only if the program has not left it.
/// The trap keeps the script alive when Ctrl-C ends the program; the program itself gets the default handling.
const SCRIPT: &str = r#"consort_tmux=$1; shift
trap : INT QUIT
"$@"
consort_status=$?
trap - INT QUIT
stty sane 2>/dev/null
consort_alternate=$("$consort_tmux" set-option -p -t "$TMUX_PANE" @consort_exit "$consort_status" \; \
    display-message -p -t "$TMUX_PANE" '#{alternate_on}' 2>/dev/null)
[ "$consort_alternate" != 1 ] || printf '\033[?1049l'
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

/// A launch whose every part was checked.
#[derive(Debug)]
pub(crate) struct Prepared {
    name: String,
    directory: String,
    /// Program as an absolute path with its arguments; empty for the user's shell.
    argv: Vec<String>,
    /// Last part of the program's path; empty for the user's shell.
    pub(crate) program_name: String,
    env: Vec<(String, String)>,
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
pub(crate) fn prepare(config: &TmuxConfig, spec: &LaunchSpec) -> Result<Prepared, OperationError> {
    let name = check_name(&spec.name)?;
    let directory = config.expand(&spec.directory);
    check_directory(&directory)?;
    let path =
        directory.to_str().ok_or_else(|| error("directory-missing", "The directory's name is not UTF-8.", ""))?;
    let mut env = vec![
        ("CONSORT_AGENT_ID".to_owned(), spec.agent.to_string()),
        ("CONSORT_AGENT_NAME".to_owned(), spec.name.clone()),
    ];
    for (key, value) in &spec.env {
        if key.is_empty() || key.contains(['=', '\0']) || value.contains('\0') {
            return Err(error("environment-invalid", &format!("{} is no variable.", key.escape_debug()), ""));
        }
        env.push((key.clone(), value.clone()));
    }
    if spec.args.iter().any(|argument| argument.contains('\0')) {
        return Err(error("argument-invalid", "An argument contains a NUL character.", "Remove it."));
    }
    let mut argv = Vec::new();
    let mut program_name = String::new();
    if let Some(program) = &spec.program {
        let found = find_program(config, spec, &directory, program)?;
        program_name = found.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        argv.push(found.to_string_lossy().into_owned());
        argv.extend(spec.args.iter().cloned());
    }
    Ok(Prepared { name, directory: literal(path, "directory")?, argv, program_name, env, size: spec.size })
}

fn find_program(
    config: &TmuxConfig,
    spec: &LaunchSpec,
    directory: &Path,
    program: &str,
) -> Result<PathBuf, OperationError> {
    let found = if program.contains('/') {
        Some(directory.join(expand_home(program, &config.home))).filter(|path| is_executable(path))
    } else {
        let path = spec.env.iter().rev().find(|(key, _)| key == "PATH").map(|(_, value)| OsString::from(value));
        let path = path.or_else(|| config.variable("PATH").cloned()).unwrap_or_default();
        find_in_path(program, &path)
    };
    found.filter(|path| path.to_str().is_some()).ok_or_else(|| {
        error(
            "program-not-found",
            &format!("The program {} was not found, or is not executable.", program.escape_debug()),
            "Install it, or give its full path.",
        )
    })
}

/// The first executable of this name in a list of directories.
pub(crate) fn find_in_path(program: &str, path: &std::ffi::OsStr) -> Option<PathBuf> {
    if program.is_empty() {
        return None;
    }
    std::env::split_paths(path)
        .filter(|directory| directory.is_absolute())
        .map(|d| d.join(program))
        .find(|p| is_executable(p))
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// The command that makes the session. It prints the ids of session and pane.
pub(crate) fn new_session(prepared: &Prepared, tmux: &Path) -> Line {
    let mut line = Line::new("new-session -d -E -P -F '#{session_id} #{pane_id}' -s").arg(&prepared.name);
    line = line.word("-c").arg(&prepared.directory);
    line = line.word("-x").word(prepared.size.cols()).word("-y").word(prepared.size.rows());
    for (key, value) in &prepared.env {
        line = line.word("-e").arg(format!("{key}={value}"));
    }
    if prepared.argv.is_empty() {
        return line;
    }
    line = line.word("-- /bin/sh -c").arg(SCRIPT).word("sh").arg(tmux.as_os_str().as_encoded_bytes());
    prepared.argv.iter().fold(line, Line::arg)
}

/// What tmux's refusal of `new-session` means.
pub(crate) fn failed(spec: &LaunchSpec, message: &str) -> OperationError {
    if message.starts_with("duplicate session") {
        return name_taken(&spec.name);
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
    prepared: &Prepared,
    tmux: &Path,
    spec: &LaunchSpec,
) -> Result<(), OperationError> {
    engine.state.borrow_mut().listing.held += 1;
    let result = start_and_mark(engine, prepared, tmux, spec).await;
    engine.state.borrow_mut().listing.held -= 1;
    result?;
    for _ in 0..100 {
        let _ = engine.look.try_send(());
        if engine.state.borrow().monitor.is_some() {
            return Ok(());
        }
        smol::Timer::after(Duration::from_millis(50)).await;
    }
    Err(error("launch-failed", "tmux was started but does not answer.", "Look at tmux itself."))
}

async fn start_and_mark(
    engine: &Engine,
    prepared: &Prepared,
    tmux: &Path,
    spec: &LaunchSpec,
) -> Result<(), OperationError> {
    let made =
        commands(&engine.config, tmux, new_session(prepared, tmux)).await.map_err(|message| failed(spec, &message))?;
    let (session, pane) = made.trim().split_once(' ').ok_or_else(|| failed(spec, &format!("it said {made:?}")))?;
    let mark = mark_line(session, pane, spec.agent, &prepared.program_name);
    commands(&engine.config, tmux, mark).await.map_err(|message| failed(spec, &message))?;
    Ok(())
}

/// Has a `tmux` process execute commands, starting the server if there is none. They are handed over by its standard input:
/// on a command line they would be limited in length and split at semicolons.
async fn commands(config: &TmuxConfig, tmux: &Path, line: Line) -> Result<String, String> {
    let mut command = Command::new(tmux);
    if let Some(name) = &config.socket_name {
        command.args(["-L", name]);
    }
    command.args(["start-server", ";", "source-file", "-"]);
    command.env_clear().envs(config.clean_environment()).current_dir(&config.home).process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = smol::unblock(move || {
        let mut child = command.spawn()?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(&line.into_bytes())?;
        }
        child.wait_with_output()
    });
    let output = output.await.map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() && output.stderr.is_empty() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{} {}", text(&output.stderr), text(&output.stdout)).trim().to_owned())
    }
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
