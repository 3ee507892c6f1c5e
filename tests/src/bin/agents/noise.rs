//! Records ordinary terminals for the corpus of noise (`tests/agents/noise`): builds, tests, editors, pagers, logs, shells and
//! monitors, whose text is full of questions that nobody asks. Each session is played for eleven minutes.

use consort_tests::BarePty;
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::termios::tcgetpgrp;
use serde_json::json;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long each session lasts.
const LENGTH: Duration = Duration::from_secs(11 * 60);
/// How often it is noted which program is in the foreground.
const LOOK: Duration = Duration::from_millis(100);

/// A session: its name, size, shell, and what is typed how many tenths of a second after what came before.
struct Session {
    name: &'static str,
    size: (u16, u16),
    shell: &'static [&'static str],
    typed: &'static [(u16, &'static str)],
}

const BASH: &[&str] = &["bash", "--norc", "--noprofile", "-i"];
const SESSIONS: [Session; 6] = [
    Session {
        name: "builds",
        size: (120, 40),
        shell: BASH,
        typed: &[
            (10, "cargo build\r"),
            (60, "cargo test\r"),
            (120, "touch src/lib.rs; cargo test -- --nocapture\r"),
            (100, "sed -i 's/let yes/let no/' src/lib.rs; cargo build\r"),
            (60, "sed -i 's/let no/let yes/' src/lib.rs; cargo build 2>&1 | tail -n 3\r"),
            (60, "yes | sh install.sh\r"),
            (50, "sh install.sh --yes\r"),
            (50, "make deploy\r"),
            (80, "node --test prompts.test.mjs\r"),
            (60, "python3 -m unittest -v test_prompts\r"),
        ],
    },
    Session {
        name: "editor",
        size: (100, 30),
        shell: BASH,
        typed: &[
            (10, "vim -u NONE -N claude.toml\r"),
            (20, "/proceed\r"),
            (20, "n"),
            (20, "n"),
            (20, "G"),
            (10, "oDo you want to proceed? (y/n)"),
            (40, "\u{1b}"),
            (20, ":w\r"),
            (20, ":split noise.log\r"),
            (20, "100G"),
            (20, "\u{6}"),
            (20, "\u{6}"),
            (20, "/Would you\r"),
            (30, "\u{17}w"),
            (20, ":%s/Yes/Sure/g\r"),
            (20, "u"),
            (20, ":qa!\r"),
            (10, "vim -u NONE -N -R permission.txt\r"),
            (40, "G"),
            (40, ":q\r"),
            (10, "vim -u NONE -N -c 'set nomodeline laststatus=2 number' src/lib.rs\r"),
            (20, "\u{6}"),
            (30, "ggO// Overwrite the file? [y/N]"),
            (50, "\u{1b}:q!\r"),
        ],
    },
    Session {
        name: "pager",
        size: (80, 24),
        shell: BASH,
        typed: &[
            (10, "git --no-pager log --oneline\r"),
            (20, "git log -p\r"),
            (20, " "),
            (20, "/do you want\r"),
            (30, "n"),
            (20, "G"),
            (20, "q"),
            (10, "git diff HEAD~2\r"),
            (40, " "),
            (20, "q"),
            (10, "less noise.log\r"),
            (30, "/proceed\r"),
            (30, "G"),
            (30, "q"),
            (10, "less permission.txt\r"),
            (50, "q"),
            (10, "cat permission.txt\r"),
            (60, "cat question.txt\r"),
            (60, "cat plan.txt trust.txt\r"),
            (60, "clear\r"),
            (10, "grep -rn 'y/n' . | head -n 40\r"),
            (50, "head -n 20 noise.log | cut -c1-70\r"),
        ],
    },
    Session {
        name: "logs",
        size: (120, 30),
        shell: BASH,
        typed: &[
            (10, "python3 server.py\r"),
            (600, "\u{3}"),
            (10, "tail -n 20 -f noise.log\r"),
            (100, "\u{3}"),
            (10, "while read -r line; do echo \"$line\"; sleep 0.2; done <noise.log\r"),
            (300, "\u{3}"),
            (10, "sh slow.sh\r"),
            (200, ""),
        ],
    },
    Session {
        name: "shells",
        size: (90, 24),
        shell: BASH,
        typed: &[
            (10, "git commit -m 'Do you want to proceed? (y/n)'"),
            (60, "\u{3}"),
            (10, "echo 'Would you like to continue? [Y/n]'"),
            (50, "\r"),
            (10, "PS1='\\w [?] ❯ '\r"),
            (40, "rm -i [y/n]"),
            (40, "\u{3}"),
            (10, "PS1='continue?$ '\r"),
            (40, "cat <<END\r"),
            (20, "Are you sure? (yes/no)"),
            (40, "\r"),
            (20, "END\r"),
            (30, "zsh -f\r"),
            (30, "PS1='%~ %# '\r"),
            (20, "print 'Proceed? (y/n)'"),
            (40, "\r"),
            (20, "exit\r"),
            (20, "fish --no-config --private\r"),
            (40, "echo 'Do you trust this folder?'\r"),
            (30, "echo 'Do you"),
            (40, "\u{3}"),
            (20, "exit\r"),
            (20, "python3 -q\r"),
            (20, "print('Deploy, proceed? (y/n)')\r"),
            (30, "def ask():\r"),
            (20, "    return 'Continue? (y/n)'"),
            (50, "\r\r"),
            (20, "ask()\r"),
            (30, "exit()\r"),
            (20, "gdb -q\r"),
            (30, "print \"Overwrite it? (y/n)\""),
            (40, "\r"),
            (30, "quit\r"),
            (20, "bc -q\r"),
            (30, "1+1\r"),
            (20, "quit\r"),
            (20, "clear\r"),
        ],
    },
    Session {
        name: "monitors",
        size: (100, 30),
        shell: BASH,
        typed: &[
            (10, "top -d 1\r"),
            (150, "q"),
            (10, "watch -n 1 'tail -n $((RANDOM % 20 + 5)) noise.log'\r"),
            (200, "\u{3}"),
            (10, "node spinner.mjs\r"),
            (200, "\u{3}"),
            (
                10,
                "for i in $(seq 300); do printf '\\rStep %s of 300: asks \"Proceed? (y/n)\"' $i; sleep 0.1; done; echo\r",
            ),
            (330, ""),
        ],
    },
];

/// Plays all of them at once and writes what they print.
pub(crate) fn record(into: &Path, screens: &Path) {
    std::fs::create_dir_all(into).expect("a folder");
    std::thread::scope(|scope| {
        for session in &SESSIONS {
            scope.spawn(move || {
                let folder = tempfile::tempdir().expect("a folder");
                prepare(folder.path(), screens);
                session.record(folder.path(), &into.join(format!("{}.cast.gz", session.name)));
            });
        }
    });
}

impl Session {
    /// As lines of JSON after one with the size: milliseconds, and what was printed, or the program in the foreground and whether that is
    /// the shell.
    fn record(&self, folder: &Path, file: &Path) {
        let directory = folder.display();
        let shell = self.shell.join(" ");
        let (cols, rows) = self.size;
        let command = format!(
            "cd {directory}; stty cols {cols} rows {rows}; export LC_ALL=C.UTF-8 HOME=$PWD/home PAGER=less LESS=; exec {shell}"
        );
        let pty = BarePty::spawn(&["sh", "-c", &command]);
        let (chunks, printed) = channel();
        let mut output = pty.master.try_clone().expect("a descriptor");
        std::thread::spawn(move || {
            let mut buffer = vec![0; 16 << 10];
            while let Ok(count) = output.read(&mut buffer) {
                if count == 0 || chunks.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let mut cast = GzEncoder::new(File::create(file).expect("a file"), Compression::best());
        let mut line = |value: serde_json::Value| writeln!(cast, "{value}").expect("it is written");
        line(json!([cols, rows]));
        let began = Instant::now();
        let mut typist = pty.master.try_clone().expect("a descriptor");
        let typed = self.typed;
        std::thread::spawn(move || {
            for (pause, text) in typed.iter().cycle() {
                std::thread::sleep(Duration::from_millis(u64::from(*pause) * 100));
                for key in text.chars() {
                    if typist.write_all(key.to_string().as_bytes()).is_err() || began.elapsed() > LENGTH {
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(30));
                }
            }
        });
        let (mut rest, mut seen) = (Vec::new(), (String::new(), false));
        while began.elapsed() < LENGTH {
            let chunk = match printed.recv_timeout(LOOK) {
                Ok(chunk) => chunk,
                Err(RecvTimeoutError::Timeout) => Vec::new(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let at = began.elapsed().as_millis();
            let foreground = tcgetpgrp(&pty.master).map_or(0, |group| group.as_raw_nonzero().get());
            let name = std::fs::read_to_string(format!("/proc/{foreground}/comm")).unwrap_or_default();
            let foreground = (name.trim().to_owned(), u32::try_from(foreground) == Ok(pty.pid()));
            if foreground != seen && !foreground.0.is_empty() {
                line(json!([at, foreground.0, foreground.1]));
                seen = foreground;
            }
            rest.extend(chunk);
            let whole = match std::str::from_utf8(&rest) {
                Ok(_) => rest.len(),
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                Err(_) => rest.len(),
            };
            if whole > 0 {
                let text = String::from_utf8_lossy(&rest[..whole]).into_owned();
                line(json!([at, text]));
                rest.drain(..whole);
            }
        }
        line(json!([began.elapsed().as_millis(), ""]));
        cast.finish().expect("it is written");
    }
}

/// What the sessions work on: a package with tests, scripts, logs, a repository, recorded dialogs.
fn prepare(folder: &Path, screens: &Path) {
    let write = |name: &str, text: &str| {
        let file = folder.join(name);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, text).expect("a file");
    };
    for name in ["permission", "question", "plan", "trust"] {
        write(
            &format!("{name}.txt"),
            &std::fs::read_to_string(screens.join(format!("{name}.txt"))).unwrap_or_default(),
        );
    }
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../runtime-smol/agents/claude.toml");
    write("claude.toml", &std::fs::read_to_string(manifest).expect("a manifest"));
    let log = LOG.iter().cycle().take(400).fold(String::new(), |text, line| text + line + "\n");
    write("noise.log", &log);
    write(
        "home/.gitconfig",
        "[user]\nname = Ann\nemail = ann@example.org\n[init]\ndefaultBranch = main\n[core]\npager = less\n",
    );
    for (name, text) in FILES {
        write(name, text);
    }
    let git = "export HOME=$PWD/home; git init -q; for file in *.txt *.toml *.log src/lib.rs; do git add $file; \
               git commit -qm \"Ask: do you want to proceed? ($file)\"; done";
    let status = std::process::Command::new("sh").args(["-c", git]).current_dir(folder).status();
    assert!(status.is_ok_and(|status| status.success()), "git makes a repository");
}

/// Lines of a log that quote dialogs of agent programs and questions of installers.
const LOG: [&str; 12] = [
    "   Compiling serde v1.0.228",
    "INFO agent: screen says 'Do you want to proceed?'",
    "Do you want to proceed?",
    "  ❯ 1. Yes",
    "    2. No, and tell Claude what to do differently (esc)",
    "DEBUG prompt=\"Overwrite the file? (y/n)\" answered=true",
    "Would you like to run the following command?  -- quoted from the manual",
    "test prompts::asks_for_a_password ... ok",
    "E   AssertionError: 'Continue? [Y/n]' != 'Continue? [y/N]'",
    "Allow execution of: 'ls'? was shown and confirmed",
    "Press Enter to continue",
    "warning: unused variable: `answer`",
];

const FILES: [(&str, &str); 9] = [
    ("Cargo.toml", "[package]\nname = \"prompts\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[workspace]\n"),
    (
        "src/lib.rs",
        r#"//! Questions: do you want to proceed?

/// Asks "Overwrite the file? (y/n)".
pub fn ask(answer: &str) -> &'static str {
    let yes = answer == "y";
    if yes { "Do you want to continue? [Y/n] y" } else { "Would you like to retry? (yes/no)" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn do_you_want_to_proceed() {
        println!("Do you want to proceed? (y/n)");
        std::thread::sleep(std::time::Duration::from_secs(2));
        println!("❯ 1. Yes\n  2. No");
        std::thread::sleep(std::time::Duration::from_secs(1));
    }

    #[test]
    fn asks_for_a_password() {
        assert_eq!(ask("y"), "Do you want to continue? [y/N] y");
    }

    #[test]
    fn press_enter_to_continue() {
        assert_eq!(ask("n"), "Would you like to retry? (yes/no)");
    }
}
"#,
    ),
    (
        "install.sh",
        "echo Reading package lists... Done\nfor package in alpha beta gamma; do\n  printf 'Do you want to install %s? [Y/n] ' $package\n  \
         if [ \"$1\" = --yes ]; then echo y; else read answer; echo; fi\n  echo \"Unpacking $package ...\"; sleep 1\ndone\necho All done.\n",
    ),
    (
        "Makefile",
        "deploy:\n\t@echo 'Asking the server: proceed?'\n\t@sleep 1\n\t@echo 'Do you want to deploy? (y/n) y (by default)'\n\t@for i in 1 2 3 4; do echo \
         \"  [$$i/4] upload: continue? yes\"; sleep 1; done\n\t@echo '❯ 1. Yes'; echo '  2. No'; echo 'was what it asked'\n",
    ),
    (
        "prompts.test.mjs",
        "import { test } from 'node:test';\nimport assert from 'node:assert';\ntest('Do you want to proceed?', async () => { await new Promise((done) => setTimeout(done, 1500)); \
         });\ntest('Continue? [Y/n]', () => assert.equal('Overwrite? (y/n)', 'Overwrite? [y/N]'));\n",
    ),
    (
        "test_prompts.py",
        "import time, unittest\n\n\nclass Prompts(unittest.TestCase):\n    def test_asks(self):\n        \"\"\"Do you want to proceed? (y/n)\"\"\"\n        \
         print('Press any key to continue...')\n        time.sleep(1)\n\n    def test_fails(self):\n        \"\"\"Would you like to continue?\"\"\"\n        \
         self.assertEqual('Allow this? [y/n]', 'Allow this? [Y/n]')\n",
    ),
    (
        "server.py",
        "import random, sys, time\nlines = [line.rstrip('\\n') for line in open('noise.log')]\nrandom.seed(7)\nwhile True:\n    line = \
         random.choice(lines)\n    print(time.strftime('%H:%M:%S'), random.choice(['INFO', 'WARN', 'DEBUG']), line, flush=True)\n    \
         if random.random() < 0.2:\n        print('Waiting for user db... ', end='', flush=True)\n        time.sleep(1.5)\n        print('ok', flush=True)\n    \
         time.sleep(random.choice([0.02, 0.1, 0.5, 3]))\n",
    ),
    (
        "slow.sh",
        "for name in alpha beta gamma delta epsilon; do\n  printf 'Checking %s... ' $name; sleep 2; echo done\n  echo \"$name says: would you like to continue? It was told \
         yes.\"; sleep 1\n  printf 'Downloading %s: ' $name; for i in 1 2 3 4; do printf '%s0%% ' $i; sleep 0.4; done; echo\ndone\n",
    ),
    (
        "spinner.mjs",
        "const frames = [...'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'];\nlet i = 0;\nprocess.stdout.write('\\x1b[?25l');\nprocess.on('SIGINT', () => { process.stdout.write('\\x1b[?25h\\n'); \
         process.exit(); });\nsetInterval(() => { process.stdout.write(`\\r\\x1b[K${frames[i % 10]} Installing ${i}: the last question was \"Proceed? (y/n)\"`); \
         if (++i % 40 === 0) process.stdout.write(`\\r\\x1b[K✔ Do you want to continue? · yes\\n`); }, 80);\n",
    ),
];
