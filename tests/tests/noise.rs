//! Ordinary programs whose output looks like a question are not shown as waiting; a real question is.

use consort_tests::{TestNode, wait_until};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long nothing may be taken for a question.
const WATCHED: Duration = Duration::from_secs(8);

/// Log lines that quote dialogs of agent programs and questions of installers.
fn log(lines: usize) -> String {
    let words = [
        "   Compiling serde v1.0.228",
        "INFO agent: screen says 'Do you want to proceed?'",
        "  ❯ 1. Yes",
        "    2. No, and tell Claude what to do differently (esc)",
        "DEBUG prompt=\"Overwrite the file? (y/n)\" answered=true",
        "Would you like to run the following command?  -- quoted from the manual",
        "test prompts::asks_for_a_password ... ok",
        "E   AssertionError: 'Continue? [Y/n]' != 'Continue? [y/N]'",
        "Allow execution of: 'ls'? was shown and confirmed",
        "warning: unused variable: `answer`",
    ];
    (0..lines).map(|line| format!("{}\n", words[line % words.len()])).collect()
}

/// A program, what it is given, and whether the machine has it.
fn noises(folder: &Path) -> Vec<(&'static str, String)> {
    let file = folder.join("noise.log");
    std::fs::write(&file, log(400)).expect("a file");
    // What a real dialog looks like, in the history of a shell.
    let screens = Path::new(env!("CARGO_MANIFEST_DIR")).join("agents/screens");
    let recorded = screens.join("claude/2.1.197/permission.txt");
    let file = file.display();
    vec![
        ("slow-log", format!("while read -r line; do echo \"$line\"; sleep 0.05; done <{file}")),
        ("whole-log", format!("cat {file}; exec sleep 60")),
        ("then-prompt", format!("cat {file}; PS1='$ ' exec sh -i")),
        ("quoted-dialog", format!("cat {}; PS1='$ ' exec sh -i", recorded.display())),
        ("answered", "printf 'Deploy, proceed? (y/n) y\\nDeploying.\\n'; exec sleep 60".to_string()),
        ("tail", format!("tail -n 5 -f {file}")),
        ("less", format!("exec less {file}")),
        ("less-end", format!("exec less +G {file}")),
        ("vim", format!("exec vim -u NONE -N -R {file}")),
        ("man", "exec man sh".to_string()),
        ("top", "exec top".to_string()),
        ("git", "exec git -c core.pager='less -+F' log --stat".to_string()),
    ]
}

fn has(script: &str) -> bool {
    let Some(program) = script.strip_prefix("exec ").and_then(|rest| rest.split(' ').next()) else { return true };
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    if !found {
        println!("skipped: {program} is not installed");
    }
    found
}

fn state(agent: &Value) -> String {
    format!(
        "{} ({})",
        agent["state"]["kind"].as_str().unwrap_or_default(),
        agent["state"]["why"].as_str().unwrap_or_default()
    )
}

#[test]
fn what_only_looks_like_a_question_is_none() {
    let node = TestNode::start();
    let here = env!("CARGO_MANIFEST_DIR");
    let create = |name: &str, script: &str, backend: &str| {
        let name = format!("{name}-{backend}");
        node.create(&json!({
            "name": name, "directory": here, "program": "/bin/sh", "args": ["-c", script], "backend": backend,
            "env": { "TERM": "xterm-256color", "LC_ALL": "C.UTF-8" },
        }));
        name
    };
    let mut noisy = Vec::new();
    for (name, script) in noises(node.folder()).into_iter().filter(|(_, script)| has(script)) {
        noisy.extend(["tmux", "pty"].map(|backend| create(name, &script, backend)));
    }
    let asking = ["tmux", "pty"]
        .map(|backend| create("asks", "printf 'Deploy, proceed? (y/n) '; read answer; exec sleep 60", backend));
    // The rules are at work: a real question is seen.
    wait_until("a real question", || asking.iter().all(|name| node.agent_named(name)["state"]["kind"] == "waiting"));
    let until = Instant::now() + WATCHED;
    let mut wrong: Vec<String> = Vec::new();
    while Instant::now() < until {
        for agent in node.agents().iter().filter(|agent| agent["state"]["kind"] == "waiting") {
            let name = agent["name"].as_str().unwrap_or_default();
            let line = format!("{name}: {}", state(agent));
            if noisy.iter().any(|noise| noise == name) && !wrong.contains(&line) {
                wrong.push(line);
            }
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(wrong.is_empty(), "shown as waiting:\n{}", wrong.join("\n"));
}
