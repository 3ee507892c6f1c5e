//! What runs in the foreground of a pane: program, arguments and directory, so that it can be started again.

use super::engine::Engine;
use super::launch::error;
use super::operations::{Outcome, refused};
use super::quote::Line;
use consort_core::input::ProcessInfo;
use consort_core::{OperationDone, TerminalId};
use std::path::Path;
use std::process::Command;

/// Shells, as processes are called.
const SHELLS: [&str; 10] = ["sh", "bash", "zsh", "fish", "dash", "ksh", "tcsh", "csh", "nu", "ash"];

impl Engine {
    /// Reads what runs in the foreground of a pane.
    pub(crate) async fn read_process(&self, terminal: TerminalId) -> Outcome {
        self.known(terminal)?;
        let line = Line::new("display-message -p -t")
            .word(format!("%{}", terminal.pane))
            .word("'#{pane_pid} #{pane_current_path}'");
        let bodies = self.ask(line).await.map_err(|message| refused(&message))?;
        let text = bodies.first().map(|body| String::from_utf8_lossy(body).into_owned()).unwrap_or_default();
        let (pid, directory) = text.trim_end_matches('\n').split_once(' ').unwrap_or_default();
        let unreadable = || {
            let message = "The program in its terminal cannot be read.";
            error("process-unreadable", message, "It may have ended just now, or belong to another user.")
        };
        let pid: u32 = pid.parse().map_err(|_| unreadable())?;
        let (pid, directory) = (pid, directory.to_owned());
        let words = smol::unblock(move || foreground(pid).and_then(arguments)).await.ok_or_else(unreadable)?;
        Ok(OperationDone::Process(info(words, directory)))
    }
}

/// Program and arguments of a process. A shell that waits for commands does not count: it is what starts when no program is named.
fn info(words: Vec<String>, directory: String) -> ProcessInfo {
    let mut words = words.into_iter();
    let program = words.next().unwrap_or_default();
    let args: Vec<String> = words.collect();
    let name = program.trim_start_matches('-');
    let name = Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or(name);
    let plain = args.iter().all(|argument| argument.starts_with('-') && argument != "-c");
    if SHELLS.contains(&name) && plain {
        return ProcessInfo { program: None, args: Vec::new(), directory };
    }
    ProcessInfo { program: Some(program), args, directory }
}

/// The process that has the terminal of the process `pid`.
fn foreground(pid: u32) -> Option<u32> {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        // Behind the name, which may hold anything: state, parent, group, session, terminal, its foreground group.
        Ok(stat) => stat.rsplit_once(')')?.1.split_whitespace().nth(5)?.parse().ok(),
        Err(_) => ps(pid, "tpgid=")?.trim().parse().ok(),
    }
}

fn arguments(pid: u32) -> Option<Vec<String>> {
    let Ok(bytes) = std::fs::read(format!("/proc/{pid}/cmdline")) else {
        // Without /proc, spaces separate arguments: a person is asked whether they are right.
        let words: Vec<String> = ps(pid, "command=")?.split_whitespace().map(String::from).collect();
        return (!words.is_empty()).then_some(words);
    };
    // A program that has written its title over its arguments leaves zeros behind it.
    let text = String::from_utf8(bytes).ok()?;
    let text = text.trim_end_matches('\0');
    (!text.is_empty()).then(|| text.split('\0').map(String::from).collect())
}

fn ps(pid: u32, what: &str) -> Option<String> {
    let output = Command::new("ps").args(["-o", what, "-p", &pid.to_string()]).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> (Option<String>, usize) {
        let info = info(words.iter().map(|word| (*word).to_owned()).collect(), "/".into());
        (info.program, info.args.len())
    }

    #[test]
    fn a_shell_without_a_script_is_no_program() {
        assert_eq!(read(&["-bash"]), (None, 0));
        assert_eq!(read(&["/bin/zsh", "-l", "-i"]), (None, 0));
        assert_eq!(read(&["bash", "-c", "make watch"]), (Some("bash".into()), 2));
        assert_eq!(read(&["sh", "run.sh"]), (Some("sh".into()), 1));
        assert_eq!(read(&["claude", "--continue"]), (Some("claude".into()), 1));
    }

    #[test]
    fn a_process_is_read_by_its_number() {
        let words = arguments(std::process::id()).expect("our own arguments");
        assert_eq!(words[0], std::env::args().next().expect("a program"));
    }
}
