//! The process side of a PTY: opening one, starting a session in it, asking what runs in the foreground, ending it.

use super::PtyConfig;
use crate::environment::Environment;
use crate::{launch, session};
use consort_core::{LaunchSpec, OperationError, Size};
use rustix::fs::{Mode, OFlags};
use rustix::io::FdFlags;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{InputModes, OptionalActions, Winsize};
use std::io::{self, PipeReader, Read as _};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;

/// A PTY and the session that runs in it. Dropping it closes the PTY, which hangs up on whatever still uses it.
#[derive(Debug)]
pub(super) struct Pty {
    master: Arc<OwnedFd>,
    child: Child,
    leader: Pid,
    reaped: bool,
    /// Process groups that were sent a signal: those that are to end.
    signalled: Vec<Pid>,
}

/// What a launch needs beside the PTY: checked, so that what fails later is the system.
#[derive(Debug)]
pub(super) struct Prepared {
    directory: PathBuf,
    shell: PathBuf,
    program: Option<PathBuf>,
    environment: Environment,
    from_a_shell: bool,
}

impl Prepared {
    /// Checks directory and program in the agent's own environment.
    pub(super) fn new(
        spec: &LaunchSpec,
        mut environment: Environment,
        config: &PtyConfig,
    ) -> Result<Self, OperationError> {
        environment.entry("TERM".into()).or_insert_with(|| "xterm-256color".into());
        let directory = launch::expand_home(&spec.directory, &config.home);
        launch::check_directory(&directory)?;
        let program = match &spec.program {
            Some(program) => Some(launch::find_program(program, &environment, &directory)?),
            None => None,
        };
        environment.insert("PWD".into(), directory.clone().into());
        let from_a_shell = !spec.caller.is_empty();
        Ok(Prepared { shell: launch::shell(&environment), directory, program, environment, from_a_shell })
    }

    /// Where the agent works.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What runs when nothing else does: the program, or the shell.
    pub(super) fn name(&self) -> String {
        let file = self.program.as_ref().unwrap_or(&self.shell);
        file.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The shell that is left behind.
    pub(super) fn shell_name(&self) -> String {
        self.shell.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The command of the session's leader, and the pipe that the program's exit status comes through. Without a program it is
    /// the user's shell as a login shell; with one, a script that runs it and leaves a shell behind.
    fn command(&self, args: &[String], terminal: &OwnedFd) -> io::Result<(Command, Option<PipeReader>)> {
        let mut command;
        let mut status = None;
        if let Some(program) = &self.program {
            let (reader, writer) = io::pipe()?;
            command = Command::new("/bin/sh");
            command.args(["-c", launch::RUN_THEN_SHELL, "consort"]).arg(&self.shell).arg(program).args(args);
            command.stderr(writer);
            status = Some(reader);
        } else {
            command = Command::new(&self.shell);
            command.arg0(launch::shell_name(&self.shell, self.from_a_shell)).stderr(terminal.try_clone()?);
        }
        command.env_clear().envs(&self.environment).current_dir(&self.directory);
        command.stdin(terminal.try_clone()?).stdout(terminal.try_clone()?);
        Ok((command, status))
    }
}

impl Pty {
    /// Opens a PTY of this size and starts the session.
    pub(super) fn spawn(prepared: &Prepared, args: &[String], size: Size) -> io::Result<(Self, Option<PipeReader>)> {
        let (master, terminal) = open(size)?;
        let (mut command, status) = prepared.command(args, &terminal)?;
        session::lead(&mut command, true);
        let child = command.spawn()?;
        let leader = Pid::from_raw(child.id().cast_signed()).ok_or(io::ErrorKind::InvalidData)?;
        Ok((Pty { master: Arc::new(master), child, leader, reaped: false, signalled: Vec::new() }, status))
    }

    pub(super) fn master(&self) -> &Arc<OwnedFd> {
        &self.master
    }

    /// Tells the kernel and, by it, the program (`SIGWINCH`) the new size.
    pub(super) fn resize(&self, size: Size) -> io::Result<()> {
        Ok(rustix::termios::tcsetwinsize(&self.master, winsize(size))?)
    }

    /// The process that leads the session.
    pub(super) fn leader(&self) -> Pid {
        self.leader
    }

    /// The process group that the terminal's keys go to.
    pub(super) fn foreground(&self) -> Option<Pid> {
        rustix::termios::tcgetpgrp(&self.master).ok()
    }

    /// Sends a signal to the session leader's group, to the one in the foreground and to all that were sent one before.
    pub(super) fn signal(&mut self, signal: Signal) {
        for group in [Some(self.leader), self.foreground()].into_iter().flatten() {
            if !self.signalled.contains(&group) {
                self.signalled.push(group);
            }
        }
        for group in &self.signalled {
            // A group that is gone needs no signal.
            let _ = rustix::process::kill_process_group(*group, signal);
        }
    }

    /// Whether anything is left of the groups that were sent a signal.
    pub(super) fn any_left(&self) -> bool {
        !self.reaped || self.signalled.iter().any(|group| group_runs(*group))
    }

    /// Takes the leader's exit status, waiting for it if it is still running: its exit status, or 128 + signal.
    pub(super) fn reap(&mut self) -> i32 {
        let status = self.child.wait();
        self.reaped = true;
        let code =
            |status: std::process::ExitStatus| status.code().or_else(|| status.signal().map(|signal| 128 + signal));
        status.ok().and_then(code).unwrap_or(-1)
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if !self.reaped {
            self.signal(Signal::KILL);
            self.reap();
        }
    }
}

/// Makes all files that this process was started with close when it starts another: what a supervisor or a shell left open here
/// is no business of the agents. Files opened later close by themselves.
#[allow(unsafe_code)]
pub(super) fn keep_files_private() {
    let Ok(files) = std::fs::read_dir("/dev/fd") else { return };
    for file in files.filter_map(|file| file.ok()?.file_name().to_str()?.parse::<i32>().ok()).filter(|file| *file > 2) {
        // SAFETY: the number was open a moment ago and is used for one call, which changes nothing but the flag. Should it have
        // been closed or used again meanwhile, the call fails or sets the flag that the new file has already.
        let file = unsafe { BorrowedFd::borrow_raw(file) };
        let _ = rustix::io::fcntl_setfd(file, FdFlags::CLOEXEC);
    }
}

/// Waits until the process has ended, without taking its exit status.
pub(super) fn wait_for_end(process: Pid) {
    while let Err(rustix::io::Errno::INTR) =
        rustix::process::waitid(WaitId::Pid(process), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
    {}
}

/// Whether a process of this group still runs. Processes that have ended and wait for their parent, who may be slow, do not.
fn group_runs(group: Pid) -> bool {
    if rustix::process::test_kill_process_group(group).is_err() {
        return false;
    }
    let Ok(processes) = std::fs::read_dir("/proc") else { return true };
    let mut of_group = processes.filter_map(|process| {
        let stat = std::fs::read_to_string(process.ok()?.path().join("stat")).ok()?;
        // The name before it, in brackets, may contain anything.
        let mut fields = stat.rsplit(')').next()?.split_whitespace();
        let (state, _parent, of) = (fields.next()?, fields.next()?, fields.next()?);
        (of == group.as_raw_nonzero().to_string()).then(|| state.to_owned())
    });
    let told = std::path::Path::new("/proc/self/stat").exists();
    !told || of_group.any(|state| !matches!(state.as_str(), "Z" | "X"))
}

/// The name of a process, if the system tells without asking another program.
pub(super) fn process_name(process: Pid) -> Option<String> {
    let name = std::fs::read_to_string(format!("/proc/{}/comm", process.as_raw_nonzero())).ok()?;
    Some(name.trim_end().to_owned())
}

/// Whether a process is a shell that was given nothing to run.
pub(super) fn is_bare_shell(process: Pid, name: &str) -> bool {
    const SHELLS: [&str; 14] =
        ["ash", "bash", "csh", "dash", "elvish", "fish", "ksh", "mksh", "nu", "pwsh", "sh", "tcsh", "xonsh", "zsh"];
    let arguments = || std::fs::read(format!("/proc/{}/cmdline", process.as_raw_nonzero())).unwrap_or_default();
    SHELLS.contains(&name) && {
        let arguments = arguments();
        arguments.split(|byte| *byte == 0).skip(1).all(|argument| argument.is_empty() || argument.starts_with(b"-"))
            && !arguments.windows(4).any(|part| part == b"\0-c\0")
    }
}

fn winsize(size: Size) -> Winsize {
    Winsize { ws_row: size.rows(), ws_col: size.cols(), ws_xpixel: 0, ws_ypixel: 0 }
}

/// The two ends of a new PTY: ours, which does not block, and the program's.
fn open(size: Size) -> io::Result<(OwnedFd, OwnedFd)> {
    let master = open_master()?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    let terminal = rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::termios::tcsetwinsize(&terminal, winsize(size))?;
    // Erasing a character in a line that the kernel edits erases all its bytes.
    let mut settings = rustix::termios::tcgetattr(&terminal)?;
    settings.input_modes |= InputModes::IUTF8;
    rustix::termios::tcsetattr(&terminal, OptionalActions::Now, &settings)?;
    let flags = rustix::fs::fcntl_getfl(&master)?;
    rustix::fs::fcntl_setfl(&master, flags | OFlags::NONBLOCK)?;
    Ok((master, terminal))
}

#[cfg(target_os = "linux")]
fn open_master() -> io::Result<OwnedFd> {
    Ok(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?)
}

#[cfg(not(target_os = "linux"))]
fn open_master() -> io::Result<OwnedFd> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    rustix::io::fcntl_setfd(&master, FdFlags::CLOEXEC)?;
    Ok(master)
}

/// The status that the script wrote, once the pipe is readable. Nothing if it was ended before it could.
pub(super) fn read_status(mut pipe: PipeReader) -> Option<i32> {
    let mut text = [0; 16];
    let count = pipe.read(&mut text).ok()?;
    str::from_utf8(&text[..count]).ok()?.trim().parse().ok()
}
