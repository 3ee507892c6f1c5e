//! Asks the user's login shell for its environment: what its start-up files set, whatever else they do.

use super::frames::Reader;
use super::names::{is_of_a_login, is_stripped};
use super::probe::{self, End};
use super::{Environment, helper};
use crate::launch;
use consort_web::environment::{LoginReport, Mode};
use data_encoding::HEXLOWER;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a login shell may take with all that it reads when it is interactive.
const INTERACTIVE_TIME: Duration = Duration::from_secs(5);
/// How long it may take without that.
const LOGIN_TIME: Duration = Duration::from_secs(2);
/// All of it, at most.
pub(super) const LONGEST: Duration = Duration::from_secs(8);

/// Start-up files find it in their environment, so that they can leave out what nobody needs here.
const GUARD: &str = "CONSORT_RESOLVING_ENVIRONMENT";

/// What is asked, and by what.
#[derive(Clone, Debug)]
pub struct Question {
    /// Our own program, which prints its environment between marks.
    pub helper: PathBuf,
    /// The node's environment: what a login begins with is taken from it, and all of it if the shell cannot be read.
    pub node: Vec<(OsString, OsString)>,
    /// How long the two attempts may take.
    pub times: (Duration, Duration),
}

impl Question {
    /// The question to the shell of this process's user.
    #[must_use]
    pub fn of_this_process(helper: PathBuf) -> Self {
        Question { helper, node: std::env::vars_os().collect(), times: (INTERACTIVE_TIME, LOGIN_TIME) }
    }

    fn variable(&self, name: &str) -> Option<&OsStr> {
        self.node.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_os_str())
    }

    fn shell(&self) -> PathBuf {
        let named = self.variable("SHELL").map(PathBuf::from);
        let usable = |shell: &PathBuf| shell.is_absolute() && launch::is_executable(shell);
        named.filter(usable).or_else(|| of_the_user().filter(usable)).unwrap_or_else(|| "/bin/sh".into())
    }
}

/// What agents are given, and where it is from.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) environment: Environment,
    pub(crate) report: LoginReport,
}

/// Asks. Takes at most [`LONGEST`], unless the system stands still.
pub(super) fn ask(question: &Question, stop: &AtomicBool) -> Login {
    let begun = Instant::now();
    let shell = question.shell();
    let attempts = Attempts { question, shell: &shell, stop };
    let (found, mode, trouble) = attempts.run(begun);
    let environment = match found {
        Some(environment) => environment,
        None => question.node.iter().cloned().collect(),
    };
    let environment: Environment = environment.into_iter().filter(|(name, _)| !is_stripped_name(name)).collect();
    let (problem, advice) = trouble.map(|trouble| in_words(&shell, mode, trouble)).unzip();
    if let (Some(problem), Some(advice)) = (&problem, &advice)
        && !stop.load(std::sync::atomic::Ordering::Relaxed)
    {
        log::warn!("{problem} {advice}");
    }
    let report = LoginReport {
        shell: shell.display().to_string(),
        mode,
        variables: environment.len(),
        took_ms: millis(begun.elapsed()),
        read_unix_ms: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis),
        problem,
        advice,
    };
    Login { environment, report }
}

struct Attempts<'a> {
    question: &'a Question,
    shell: &'a Path,
    stop: &'a AtomicBool,
}

/// Why there is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    NoHelper,
    NotStarted,
    /// After so many seconds.
    Late(u64),
    /// It ended, or became another program, before it did what it was asked.
    Ended(Option<i32>),
    TooMuch,
}

impl Attempts<'_> {
    fn run(&self, begun: Instant) -> (Option<Environment>, Mode, Option<Trouble>) {
        if !launch::is_executable(&self.question.helper) {
            return (None, Mode::Node, Some(Trouble::NoHelper));
        }
        let (interactive, login) = self.question.times;
        let until = begun + interactive;
        let first = match self.attempt(true, false, until) {
            Ok(found) => return (Some(found), Mode::Interactive, None),
            // Many start tmux from here, in place of the shell, unless they are in it already.
            Err(Trouble::Ended(_)) => self.attempt(true, true, until),
            Err(trouble) => Err(trouble),
        };
        let trouble = match first {
            Ok(found) => return (Some(found), Mode::Interactive, None),
            Err(trouble) => match trouble {
                Trouble::Late(_) => Trouble::Late(interactive.as_secs()),
                other => other,
            },
        };
        match self.attempt(false, false, Instant::now() + login) {
            Ok(found) => (Some(found), Mode::Login, Some(trouble)),
            Err(_) => (None, Mode::Node, Some(trouble)),
        }
    }

    fn attempt(&self, interactive: bool, in_tmux: bool, until: Instant) -> Result<Environment, Trouble> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| Trouble::NotStarted)?;
        let mark = HEXLOWER.encode(&random);
        let mut reader = Reader::new(&mark);
        let command = self.command(interactive, in_tmux, &mark);
        match probe::run(command, until, self.stop, |bytes| reader.take(bytes)).map_err(|_| Trouble::NotStarted)? {
            End::Satisfied => reader.finish().map(|read| parse(&read)).ok_or(Trouble::TooMuch),
            End::Ended(status) => Err(Trouble::Ended(status)),
            End::Late | End::Stopped => Err(Trouble::Late(0)),
        }
    }

    fn command(&self, interactive: bool, in_tmux: bool, mark: &str) -> Command {
        let name = self.shell.file_name().unwrap_or_default().to_string_lossy();
        let words = format!("{} {} {mark}", quoted(&self.question.helper), helper::PRINT);
        let mut command = Command::new(self.shell);
        // A csh takes `-l` alone only, but knows a login by its own name as well.
        if matches!(&*name, "csh" | "tcsh") {
            command.arg0(format!("-{name}"));
        } else {
            command.arg("-l");
        }
        command.args(interactive.then_some("-i")).arg("-c").arg(words);
        command.env_clear();
        let of_a_login = |name: &OsString| name.to_str().is_some_and(is_of_a_login);
        command.envs(self.question.node.iter().filter(|(name, _)| of_a_login(name)).map(|(name, value)| (name, value)));
        // Start-up files do less for a dumb terminal.
        command.env("TERM", "xterm-256color").env("SHELL", self.shell).env(GUARD, "1");
        if in_tmux {
            command.env("TMUX", "/dev/null,0,0").env("TMUX_PANE", "%0");
        }
        command.current_dir(self.question.variable("HOME").map_or(Path::new("/"), Path::new));
        if !Path::new(self.question.variable("HOME").unwrap_or_default()).is_dir() {
            command.current_dir("/");
        }
        command
    }
}

/// A path as one word: so that POSIX shells, fish and csh take it.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.to_string_lossy().replace('\'', r"'\''"))
}

fn is_stripped_name(name: &OsStr) -> bool {
    name.to_str().is_some_and(is_stripped)
}

/// Variables from `NAME=VALUE` parts that end in NUL.
pub(super) fn parse(bytes: &[u8]) -> Environment {
    let pair = |part: &[u8]| {
        let at = part.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
        Some((OsString::from_vec(part[..at].to_vec()), OsString::from_vec(part[at + 1..].to_vec())))
    };
    bytes.split(|byte| *byte == 0).filter_map(pair).collect()
}

/// The opposite of [`parse`].
pub(super) fn encoded<'a>(variables: impl IntoIterator<Item = (&'a OsString, &'a OsString)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in variables {
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'=');
        bytes.extend_from_slice(value.as_bytes());
        bytes.push(0);
    }
    bytes
}

/// What happened, and what to do about it.
fn in_words(shell: &Path, mode: Mode, trouble: Trouble) -> (String, String) {
    let shell = shell.display();
    let try_it = format!("{shell} -l -i -c true </dev/null");
    let (why, advice) = match trouble {
        Trouble::NoHelper => (
            "the program of this node is no longer where it was started from".to_owned(),
            "Restart the node: consort stop && consort -d".to_owned(),
        ),
        Trouble::NotStarted => {
            (format!("{shell} cannot be started"), "Check that it is installed: echo $SHELL".to_owned())
        }
        Trouble::Late(seconds) => (
            format!("{shell} -l -i was not ready within {seconds} seconds"),
            format!("See which of its start-up files waits: {try_it}; then run: consort env reload"),
        ),
        Trouble::Ended(_) => (
            format!("{shell} -l -i ended, or became another program, before it was asked"),
            format!(
                "See which of its start-up files does that: {try_it}; it can test for {GUARD}. Then run: consort env reload"
            ),
        ),
        Trouble::TooMuch => (
            "its environment is larger than 2 MiB".to_owned(),
            "Remove what is that large from its start-up files, then run: consort env reload".to_owned(),
        ),
    };
    let instead = match mode {
        Mode::Login => "the one of the shell without -i",
        Mode::Interactive | Mode::Node => "the one of the node itself",
    };
    (format!("The environment of your login shell could not be read: {why}. Agents get {instead}."), advice)
}

/// The login shell of this process's user, as the system's list of users has it.
fn of_the_user() -> Option<PathBuf> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let own = rustix::process::getuid().as_raw().to_string();
    users.lines().map(|line| line.split(':')).find_map(|fields| {
        let fields: Vec<&str> = fields.collect();
        (fields.get(2) == Some(&own.as_str())).then(|| PathBuf::from(fields.get(6).unwrap_or(&"")))
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
