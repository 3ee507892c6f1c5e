//! The environment of login shells: real ones, with start-up files that do whatever such files do.

use consort::environment::{Environments, Question};
use consort_core::directory::BackendKind;
use consort_core::{AgentId, LaunchSpec, Size};
use consort_web::environment::{LoginReport, Mode};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// What an agent gets, and what the node says of where it is from.
struct Asked {
    variables: BTreeMap<String, String>,
    report: LoginReport,
    home: tempfile::TempDir,
}

/// Asks a shell of a user with this start-up file.
fn ask(shell: &str, start_up: &str) -> Asked {
    ask_within(shell, start_up, (Duration::from_secs(20), Duration::from_secs(20)))
}

fn ask_within(shell: &str, start_up: &str, times: (Duration, Duration)) -> Asked {
    let home = tempfile::tempdir().expect("a home directory");
    let file = home.path().join(match shell {
        "bash" => ".bashrc",
        "zsh" => ".zshrc",
        "fish" => ".config/fish/config.fish",
        _ => ".profile",
    });
    fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    fs::write(&file, start_up).expect("a start-up file");
    if shell == "bash" {
        let profile = "export FROM_PROFILE=yes\ncase $- in *i*) . ~/.bashrc;; esac\n";
        fs::write(home.path().join(".bash_profile"), profile).expect("a profile");
    }
    let text = |text: &str| OsString::from(text);
    let node = vec![
        (text("PATH"), std::env::var_os("PATH").expect("PATH")),
        (text("HOME"), home.path().into()),
        (text("SHELL"), which(shell).into()),
        (text("CLAUDECODE"), text("1")),
        (text("NODE_SECRET"), text("of the node")),
    ];
    let question = Question { helper: env!("CARGO_BIN_EXE_consort").into(), node, times };
    let environments = Environments::ask(question, home.path()).expect("a thread");
    let variables = environments.of(&spec()).into_iter();
    let text = |text: OsString| text.to_string_lossy().into_owned();
    let variables = variables.map(|(name, value)| (text(name), text(value))).collect();
    let report = environments.report().shell.expect("it was asked");
    Asked { variables, report, home }
}

fn which(shell: &str) -> String {
    let folders = ["/bin", "/usr/bin", "/usr/local/bin"].map(|folder| format!("{folder}/{shell}"));
    folders.into_iter().find(|path| Path::new(path).exists()).unwrap_or_else(|| panic!("install {shell}"))
}

fn spec() -> LaunchSpec {
    LaunchSpec {
        agent: AgentId(7),
        backend: BackendKind::Pty,
        name: "a-b".into(),
        directory: "~".into(),
        program: None,
        args: Vec::new(),
        env: Vec::new(),
        caller: Vec::new(),
        size: Size::DEFAULT,
        last: None,
    }
}

impl Asked {
    fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    fn is_from(&self, mode: Mode) {
        assert_eq!(self.report.mode, mode, "{:?}", self.report);
        assert_eq!(self.report.problem.is_none(), mode == Mode::Interactive, "{:?}", self.report);
    }
}

/// Processes that still run and have this word on their command line.
fn running(word: &str) -> usize {
    let processes = fs::read_dir("/proc").expect("Linux").filter_map(Result::ok);
    let command = |process: fs::DirEntry| fs::read(process.path().join("cmdline")).ok();
    processes.filter_map(command).filter(|line| String::from_utf8_lossy(line).contains(word)).count()
}

#[test]
fn what_start_up_files_export_reaches_agents_and_marks_do_not() {
    let posix = "export API_KEY='se=cr et\nline'\nexport PATH=\"$HOME/bin:$PATH\" CLAUDECODE=1 KITTY_WINDOW_ID=3\n";
    let fish = "set -gx API_KEY 'se=cr et\nline'\nset -gx PATH $HOME/bin $PATH\nset -gx CLAUDECODE 1\n";
    for (shell, start_up) in [("bash", posix), ("zsh", posix), ("dash", posix), ("fish", fish)] {
        let asked = ask(shell, start_up);
        asked.is_from(Mode::Interactive);
        assert_eq!(asked.variable("API_KEY"), "se=cr et\nline", "{shell}");
        let bin = format!("{}/bin:", asked.home.path().display());
        assert!(asked.variable("PATH").contains(&bin), "{shell}: {}", asked.variable("PATH"));
        assert!(asked.variable("SHELL").ends_with(shell), "{shell}");
        for name in
            ["CLAUDECODE", "KITTY_WINDOW_ID", "NODE_SECRET", "SHLVL", "PWD", "_", "CONSORT_RESOLVING_ENVIRONMENT"]
        {
            assert_eq!(asked.variables.get(name), None, "{shell}: {name}");
        }
    }
}

#[test]
fn whatever_start_up_files_print_ask_for_and_leave_behind_does_no_harm() {
    let posix = "yes 'export API_KEY=wrong' | head -c 3000000; printf 'no end of line'\n\
        read answer; read answer </dev/tty; echo \"asked $answer\"; sudo -n true\n\
        (while :; do echo noise; done) & (exec -a left-behind-$$ sleep 300) &\n\
        nonsense-that-is-not-there; false\n\
        export API_KEY=right\ntrap 'echo bye' EXIT\n[ -n \"$BASH_VERSION\" ] && BASH_XTRACEFD=1 && set -x\n\
        return 3\n";
    let fish = "yes 'set -gx API_KEY wrong' | head -c 3000000; printf 'no end of line'\n\
        read answer; echo asked $answer\nsleep 300 &\nfalse\nset -gx API_KEY right\n\
        function bye --on-event fish_exit; echo bye; end\n";
    for (shell, start_up) in [("bash", posix), ("zsh", posix), ("fish", fish)] {
        let asked = ask(shell, start_up);
        asked.is_from(Mode::Interactive);
        assert_eq!(asked.variable("API_KEY"), "right", "{shell}");
    }
    let until = Instant::now() + Duration::from_secs(20);
    while running("left-behind-") > 0 {
        assert!(Instant::now() < until, "what they left behind is hung up on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_shell_that_waits_for_ever_is_ended_with_all_that_it_started() {
    let short = (Duration::from_millis(1_500), Duration::from_secs(20));
    for shell in ["bash", "zsh"] {
        let word = format!("waits-for-ever-{}-{shell}", std::process::id());
        let start_up = format!("export API_KEY=k\n(trap '' HUP TERM INT; exec -a {word} sleep 300)\n");
        let begun = Instant::now();
        let asked = ask_within(shell, &start_up, short);
        assert!(begun.elapsed() < Duration::from_secs(15), "{shell}: {:?}", begun.elapsed());
        asked.is_from(Mode::Login);
        let problem = asked.report.problem.as_deref().unwrap_or_default();
        assert!(problem.contains("was not ready within"), "{problem}");
        assert!(asked.report.advice.as_deref().unwrap_or_default().contains("consort env reload"));
        assert_eq!(running(&word), 0, "{shell}");
        if shell == "bash" {
            assert_eq!(asked.variable("FROM_PROFILE"), "yes", "without its interactive part");
        }
    }
}

#[test]
fn a_shell_that_becomes_another_program_is_asked_in_another_way() {
    // Only unless they are in tmux already, as most do it.
    let tmux = "export API_KEY=k\n[ -z \"$TMUX\" ] && exec tmux -L consort-test-none attach\n";
    for shell in ["bash", "zsh"] {
        let asked = ask(shell, tmux);
        asked.is_from(Mode::Interactive);
        assert_eq!(asked.variable("API_KEY"), "k", "{shell}");
        assert_eq!(asked.variables.get("TMUX"), None, "{shell}");
    }
    let asked = ask("bash", "export API_KEY=k\nexec fish\n");
    asked.is_from(Mode::Login);
    assert_eq!(asked.variable("FROM_PROFILE"), "yes");
    let guarded = "export API_KEY=k\n[ -z \"$CONSORT_RESOLVING_ENVIRONMENT\" ] && exec fish\n";
    let asked = ask("bash", guarded);
    asked.is_from(Mode::Interactive);
    assert_eq!(asked.variable("API_KEY"), "k");
}

#[test]
fn without_any_answer_agents_get_what_the_node_has() {
    // No shell at all.
    let asked = ask("true", "");
    asked.is_from(Mode::Node);
    assert_eq!(asked.variable("NODE_SECRET"), "of the node");
    assert_eq!(asked.variables.get("CLAUDECODE"), None);
    assert!(asked.report.problem.as_deref().unwrap_or_default().contains("/true -l -i ended"), "{:?}", asked.report);
}

#[test]
fn a_shell_is_asked_again_when_somebody_wants_that() {
    let home = tempfile::tempdir().expect("a home directory");
    let start_up = home.path().join(".profile");
    fs::write(&start_up, "export API_KEY=first\n").expect("a start-up file");
    let text = |text: &str| OsString::from(text);
    let node = vec![(text("HOME"), home.path().into()), (text("SHELL"), text("/bin/sh"))];
    let times = (Duration::from_secs(20), Duration::from_secs(20));
    let question = Question { helper: env!("CARGO_BIN_EXE_consort").into(), node, times };
    let environments = Environments::ask(question, home.path()).expect("a thread");
    let key = || environments.of(&spec()).get(&text("API_KEY")).cloned();
    assert_eq!(key(), Some(text("first")));
    fs::write(&start_up, "export API_KEY=second\n").expect("a start-up file");
    assert_eq!(key(), Some(text("first")), "nobody has asked");
    environments.reload();
    assert_eq!(environments.report().shell.map(|shell| shell.mode), Some(Mode::Interactive));
    assert_eq!(key(), Some(text("second")));
}
