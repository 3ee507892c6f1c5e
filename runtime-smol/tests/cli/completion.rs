//! Completion in real shells at a real terminal: names come from the node.

use crate::node::{BOUND, FakeNode, agent};
use crate::screen::Terminal;
use crate::{consort, three_agents};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// A shell with the binary in its path; `None`: it is not installed here.
fn shell(folder: &Path, words: &[&str]) -> Option<Command> {
    let path = std::env::var("PATH").unwrap_or_default();
    let there = path.split(':').any(|folder| Path::new(folder).join(words[0]).is_file());
    if !there {
        eprintln!("skipped: {} is not installed", words[0]);
        return None;
    }
    let binary = Path::new(env!("CARGO_BIN_EXE_consort")).parent().unwrap();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).env_clear().env("PATH", format!("{}:{path}", binary.display()));
    command.env("HOME", folder).env("TERM", "dumb").env("LANG", "C.UTF-8").env("CONSORT_STATE_DIR", folder);
    command.env("PS1", "$ ");
    Some(command)
}

/// Presses Tab in a shell behind each of these lines, and waits for what completes it.
fn completes(words: &[&str], load: &str, lines: &[(&str, &str)]) {
    let node = three_agents();
    let Some(command) = shell(node.folder(), words) else { return };
    let terminal = Terminal::new(24, 100);
    let mut child = terminal.spawn(command);
    terminal.types(&format!("{load}; echo load''ed\n"));
    terminal.wait_for_another("loaded");
    for (typed, completed) in lines {
        terminal.types(&format!("{typed}\t"));
        terminal.wait_for_another(completed);
        terminal.types("\u{15}");
    }
    terminal.types("exit\n");
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > BOUND {
            child.kill().unwrap();
            panic!("{} does not end", words[0]);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

const LINES: [(&str, &str); 4] = [
    ("consort attach sc", "scratch"),
    ("consort send customers-zoom-b", "customers-zoom-backend"),
    ("consort ls --state wai", "waiting"),
    ("consort ls --machine lap", "laptop"),
];

#[test]
fn bash_completes_agents_machines_and_states() {
    completes(&["bash", "--norc", "--noprofile", "-i"], "source <(consort completions bash)", &LINES);
}

#[test]
fn zsh_completes_agents_machines_and_states() {
    let load = "autoload -U compinit; compinit -D -u; source <(consort completions zsh)";
    completes(&["zsh", "-f", "-i"], load, &LINES);
}

#[test]
fn fish_completes_agents_machines_and_states() {
    let node = three_agents();
    let Some(mut command) = shell(node.folder(), &["fish", "--no-config"]) else { return };
    // Its prompt asks the terminal questions; what Tab would offer is what `complete -C` prints.
    let lines = LINES.map(|(typed, _)| format!("complete -C '{typed}'")).join("; ");
    let output = command.args(["-c", &format!("consort completions fish | source; {lines}")]).output().unwrap();
    let offered = String::from_utf8(output.stdout).unwrap();
    for (_, completed) in LINES {
        assert!(offered.lines().any(|line| line.split('\t').next() == Some(completed)), "{completed} in {offered}");
    }
    assert!(offered.contains("scratch\tworking"), "with its state: {offered}");
}

/// What the script of bash gets for `consort attach sc`.
fn offered(folder: &Path) -> (String, String, Duration) {
    let mut command = consort(folder, &["--", "consort", "attach", "sc"]);
    command.env("CONSORT_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", "2").env("_CLAP_IFS", "\n");
    let began = Instant::now();
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), began.elapsed())
}

#[test]
fn completion_is_silent_without_a_node_and_does_not_wait_for_one_that_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let (out, err, _) = offered(folder.path());
    assert_eq!((out.as_str(), err.as_str()), ("", ""));

    let _hangs = UnixListener::bind(folder.path().join("control.sock")).unwrap();
    let (out, err, took) = offered(folder.path());
    assert_eq!((out.as_str(), err.as_str()), ("", ""));
    // 200 ms, and whatever a busy machine needs to start a process.
    assert!(took < Duration::from_secs(2), "{took:?}");

    let node = FakeNode::start(vec![agent("ccccccccccccc", "scratch")]);
    assert_eq!(offered(node.folder()).0, "scratch");
}
