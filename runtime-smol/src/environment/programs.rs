//! Which of the known agent programs agents find, where, and in which version. Nobody waits for a program to say its version: it is asked
//! in the background, once for each file.

use super::{Environment, Environments, probe};
use crate::backend::FromBackend;
use crate::launch::find_in_path;
use async_channel::Sender;
use consort_core::input::{KnownProgram, Programs};
use consort_core::{BackendInput, OperationDone, OperationId};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Programs of agents that are known by name.
const KNOWN: [&str; 10] =
    ["claude", "codex", "gemini", "opencode", "aider", "amp", "copilot", "cursor-agent", "goose", "qwen"];
/// How long a program may take to say its version.
const TIME: Duration = Duration::from_secs(10);
/// Bytes of that which are read.
const BYTES: usize = 4 << 10;
/// Characters of a version.
const CHARS: usize = 40;

/// Lists the known programs for other machines, beside the driver.
#[derive(Debug)]
pub struct ProgramLists {
    environments: Environments,
    reports: Sender<FromBackend>,
}

impl ProgramLists {
    /// Of these environments; what was found is reported as the end of an operation.
    #[must_use]
    pub fn new(environments: Environments, reports: Sender<FromBackend>) -> Self {
        ProgramLists { environments, reports }
    }

    /// Begins to list them.
    pub fn list(&self, id: OperationId) {
        let (environments, reports) = (self.environments.clone(), self.reports.clone());
        smol::unblock(move || {
            let done = BackendInput::Done(id, Ok(OperationDone::Programs(environments.programs())));
            // Nobody listens any more: the node has ended.
            let _ = reports.send_blocking(FromBackend::Backend(done));
        })
        .detach();
    }
}

/// What is known of versions. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Versions(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Of a file as it was then: its version, if it said one.
    known: BTreeMap<(PathBuf, SystemTime), Option<String>>,
    waiting: Vec<(PathBuf, SystemTime)>,
    working: bool,
}

impl Versions {
    /// The known programs in the `PATH` of this environment. Those whose version is not known yet are asked meanwhile.
    pub(super) fn report(&self, environment: &Environment) -> Programs {
        let path = environment.get(OsStr::new("PATH")).cloned().unwrap_or_default();
        let programs = KNOWN.map(|name| match find_in_path(name, &path) {
            None => KnownProgram { name: name.into(), ..KnownProgram::default() },
            Some(found) => {
                let version = self.version(&found, environment);
                let path = Some(found.to_string_lossy().into_owned());
                KnownProgram { name: name.into(), path, checking: version.is_none(), version: version.flatten() }
            }
        });
        Programs { path: path.to_string_lossy().into_owned(), programs: programs.into() }
    }

    /// None if it is not known yet.
    fn version(&self, program: &Path, environment: &Environment) -> Option<Option<String>> {
        let modified = fs::metadata(program).and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let file = (program.to_owned(), modified);
        let mut state = self.lock();
        if let Some(version) = state.known.get(&file) {
            return Some(version.clone());
        }
        if !state.waiting.contains(&file) {
            state.waiting.push(file);
        }
        if !state.working {
            let (versions, environment) = (self.clone(), environment.clone());
            let thread = std::thread::Builder::new().name("versions".into());
            state.working = thread.spawn(move || versions.work(&environment)).is_ok();
        }
        None
    }

    fn work(&self, environment: &Environment) {
        loop {
            let file = {
                let mut state = self.lock();
                let Some(file) = state.waiting.first().cloned() else {
                    state.working = false;
                    return;
                };
                file
            };
            let version = ask(&file.0, environment);
            let mut state = self.lock();
            state.waiting.retain(|waiting| *waiting != file);
            // A file that was replaced is another one.
            state.known.retain(|(path, _), _| *path != file.0);
            state.known.insert(file, version);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ask(program: &Path, environment: &Environment) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version").env_clear().envs(environment).env("TERM", "dumb").current_dir("/");
    let mut printed = Vec::new();
    let end = probe::run(command, Instant::now() + TIME, &AtomicBool::new(false), |bytes| {
        printed.extend_from_slice(&bytes[..bytes.len().min(BYTES - printed.len())]);
        printed.len() >= BYTES
    });
    matches!(end, Ok(probe::End::Ended(Some(0)))).then(|| version_in(&String::from_utf8_lossy(&printed)))?
}

/// The version in what a program prints: the first word with a digit, a dot and a digit in it.
fn version_in(text: &str) -> Option<String> {
    let is_version = |word: &&str| {
        let bytes = word.as_bytes();
        let dots =
            bytes.windows(3).any(|three| three[0].is_ascii_digit() && three[1] == b'.' && three[2].is_ascii_digit());
        dots && word.len() <= CHARS && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-+_".contains(&byte))
    };
    let words = text.split(|c: char| c.is_whitespace() || "(),;:/\"'".contains(c));
    let words = words.map(|word| word.trim_end_matches('.')).map(|word| match word.strip_prefix('v') {
        Some(number) if number.starts_with(|c: char| c.is_ascii_digit()) => number,
        _ => word,
    });
    words.into_iter().find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn versions_are_found_in_what_programs_really_print() {
        for (printed, version) in [
            ("2.1.197 (Claude Code)\n", Some("2.1.197")),
            ("codex-cli 0.171.0\n", Some("0.171.0")),
            ("aider 0.86.1\n", Some("0.86.1")),
            ("goose v1.2.3-beta.1.", Some("1.2.3-beta.1")),
            ("2025.09.18-7ae6800\n", Some("2025.09.18-7ae6800")),
            ("warning: no network\n1.18.33\n", Some("1.18.33")),
            ("hello\n", None),
            ("\u{1b}[31m1.2\u{1b}[0m", None),
        ] {
            assert_eq!(version_in(printed).as_deref(), version, "{printed}");
        }
    }

    #[test]
    fn programs_are_found_by_the_agents_path_and_asked_once_without_anybody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let program = |name: &str, script: &str| {
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        };
        let count = folder.path().join("count");
        program("claude", &format!("echo x >> {}; echo '2.1.197 (Claude Code)'", count.display()));
        program("codex", "yes");
        program("gemini", "exit 3");
        let environment =
            Environment::from([("PATH".into(), format!("{}:/usr/bin:/bin", folder.path().display()).into())]);
        let versions = Versions::default();
        let begun = Instant::now();
        let first = versions.report(&environment);
        assert!(begun.elapsed() < Duration::from_secs(2), "nobody waits");
        assert!(first.programs[0].checking && first.programs[0].version.is_none());
        let until = Instant::now() + Duration::from_secs(30);
        let report = loop {
            let report = versions.report(&environment);
            if report.programs.iter().all(|program| !program.checking) {
                break report;
            }
            assert!(Instant::now() < until, "{report:?}");
            std::thread::sleep(Duration::from_millis(10));
        };
        let of = |name: &str| report.programs.iter().find(|program| program.name == name).unwrap();
        assert_eq!(of("claude").version.as_deref(), Some("2.1.197"));
        assert_eq!(of("claude").path.as_deref(), folder.path().join("claude").to_str());
        assert_eq!((of("codex").version.as_deref(), of("gemini").version.as_deref()), (None, None));
        assert!(of("gemini").path.is_some() && of("qwen").path.is_none());
        assert_eq!(fs::read_to_string(count).unwrap(), "x\n", "asked once");
    }
}
