//! How the program of an agent goes on with its last conversation when it is started again: by `[resume]` of its manifest. A conversation
//! that no hook has reported is looked for among the program's own files, by directory and time, and taken only if it can be no other.

use crate::environment::Environment;
use crate::launch::expand_home;
use crate::screens::manifest::{Find, Manifest};
use consort_core::directory::signal::Session;
use consort_core::input::StartInfo;
use consort_core::{LastConversation, LaunchSpec};
use data_encoding::HEXLOWER;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A program that was started with an agent begins its conversation at most so long before or after that, by its own word.
const BEFORE_MS: u64 = 5_000;
const AFTER_MS: u64 = 60_000;
/// Files and folders that are looked at, and bytes of a file's first line.
const ENTRIES: usize = 20_000;
const LINE_BYTES: u64 = 1 << 20;

/// The arguments of an agent, whose first `at` belong to an interpreter, with those that make its program go on; and what that is.
pub(crate) fn resumed(
    manifest: &Manifest,
    at: usize,
    spec: &LaunchSpec,
    environment: &Environment,
) -> (Vec<String>, StartInfo) {
    let plain = spec.args.clone();
    let fresh = |why: &str| (spec.args.clone(), StartInfo { why: why.to_owned(), ..StartInfo::default() });
    let (Some(resume), Some(last)) = (&manifest.resume, &spec.last) else { return fresh("") };
    let known = last.session.as_ref().filter(|session| session.program == manifest.name);
    let given = |word: &String| {
        plain.iter().any(|arg| arg == word || arg.strip_prefix(&**word).is_some_and(|rest| rest.starts_with('=')))
    };
    if let Some(word) = resume.unless.iter().find(|word| given(word)) {
        let why = known.map_or(String::new(), |_| format!("its own arguments decide how it begins ({word})"));
        return fresh(&why);
    }
    let session = match known {
        Some(session) if last.others.contains(&session.id) => {
            return fresh("another agent is in its last conversation");
        }
        Some(session) if !session.transcript.is_empty() && !Path::new(&session.transcript).is_file() => {
            return fresh("nothing was said in its last conversation");
        }
        Some(session) => session.clone(),
        None => {
            let mut found = resume.find.as_ref().map_or(Vec::new(), |find| found(find, last, spec, environment));
            match (found.pop(), found.len()) {
                (None, _) => return fresh(""),
                (Some((id, file)), 0) => {
                    Session { program: manifest.name.clone(), id, transcript: file.to_string_lossy().into_owned() }
                }
                (Some(_), more) => {
                    let why = format!(
                        "{} conversations began in its directory when it was started, and which is its own is not known",
                        more + 1
                    );
                    return fresh(&why);
                }
            }
        }
    };
    // It becomes an argument.
    if !session.is_valid() {
        return fresh("");
    }
    let mut args = plain;
    args.splice(at..at, resume.arguments.iter().map(|argument| argument.replace("{id}", &session.id)));
    let command = spec.program.iter().chain(&args).cloned().collect();
    (args, StartInfo { session: Some(session), command, why: String::new() })
}

/// The conversations that began in the agent's directory when it was started last, with their files.
fn found(find: &Find, last: &LastConversation, spec: &LaunchSpec, environment: &Environment) -> Vec<(String, PathBuf)> {
    if last.started_unix_ms == 0 {
        return Vec::new();
    }
    let home = environment.get(OsStr::new("HOME")).map_or(Path::new("/"), Path::new);
    let Some(pattern) = find.files.iter().find_map(|file| placed(file, environment)) else { return Vec::new() };
    let parts: Vec<&str> = pattern.to_str().unwrap_or_default().split('/').filter(|part| !part.is_empty()).collect();
    let earliest = last.started_unix_ms.saturating_sub(BEFORE_MS);
    let (mut files, mut left) = (Vec::new(), ENTRIES);
    matching(Path::new("/"), &parts, UNIX_EPOCH + Duration::from_millis(earliest), &mut left, &mut files);
    let directory = real(&expand_home(&spec.directory, home));
    let hash = HEXLOWER.encode(&Sha256::digest(directory.as_os_str().as_encoded_bytes()));
    let is_its_own = |line: &Value| {
        let text = |path: &str| at(line, path).and_then(Value::as_str);
        let began = at(line, &find.began).and_then(unix_ms);
        text(&find.directory).is_some_and(|path| path == hash || real(Path::new(path)) == directory)
            && began.is_some_and(|began| (earliest..=last.started_unix_ms + AFTER_MS).contains(&began))
            && find.with.iter().all(|(path, value)| text(path) == Some(value))
    };
    let ids = files.into_iter().filter_map(|file| {
        let line = first_line(&file)?;
        let id = at(&line, &find.id)?.as_str()?.to_owned();
        (is_its_own(&line) && !last.others.contains(&id)).then_some((id, file))
    });
    let mut found: Vec<(String, PathBuf)> = ids.collect();
    // A program may keep a conversation in several files.
    found.sort();
    found.dedup_by(|later, earlier| later.0 == earlier.0);
    found
}

/// A path that begins with `/`, `~/` or `$NAME/`; nothing if that variable is not set.
fn placed(path: &str, environment: &Environment) -> Option<PathBuf> {
    let variable = |name: &str| environment.get(OsStr::new(name)).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some((name, rest)) = path.strip_prefix('$').and_then(|path| path.split_once('/')) {
        return Some(variable(name)?.join(rest));
    }
    match path.strip_prefix("~/") {
        Some(rest) => Some(variable("HOME")?.join(rest)),
        None => Some(PathBuf::from(path)),
    }
}

/// Collects the files below a folder whose path fits, part by part (`*` stands for anything within one), changed since then.
fn matching(folder: &Path, parts: &[&str], since: SystemTime, left: &mut usize, files: &mut Vec<PathBuf>) {
    let Some((part, rest)) = parts.split_first() else { return };
    let Some((begin, end)) = part.split_once('*') else {
        let path = folder.join(part);
        return if rest.is_empty() {
            push_changed(path, since, files)
        } else {
            matching(&path, rest, since, left, files)
        };
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        if name.len() < begin.len() + end.len() || !name.starts_with(begin) || !name.ends_with(end) {
            continue;
        }
        if rest.is_empty() {
            push_changed(entry.path(), since, files);
        } else {
            matching(&entry.path(), rest, since, left, files);
        }
    }
}

fn push_changed(path: PathBuf, since: SystemTime, files: &mut Vec<PathBuf>) {
    let data = fs::metadata(&path).ok().filter(fs::Metadata::is_file);
    if data.and_then(|data| data.modified().ok()).is_some_and(|changed| changed >= since) {
        files.push(path);
    }
}

fn first_line(file: &Path) -> Option<Value> {
    let mut line = Vec::new();
    BufReader::new(File::open(file).ok()?.take(LINE_BYTES)).read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice(&line).ok()
}

/// The member at a path of names.
fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, name| value.get(name))
}

fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// A time in milliseconds, or as `2026-11-30T19:16:44.292Z`.
fn unix_ms(value: &Value) -> Option<u64> {
    if let Some(number) = value.as_u64() {
        return Some(number);
    }
    let text = value.as_str()?.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let number = |text: &str| text.parse::<u64>().ok();
    let date: Vec<u64> = date.split('-').map(number).collect::<Option<_>>()?;
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let clock: Vec<u64> = clock.split(':').map(number).collect::<Option<_>>()?;
    let ([year, month @ 1..=12, day @ 1..=31], [hour, minute, second]) = (&date[..], &clock[..]) else { return None };
    if !(1970..=9999).contains(year) || *hour > 23 || *minute > 59 || *second > 60 {
        return None;
    }
    // Days since 1970-01-01, counted from March, so that a leap day is the last of its year.
    let (y, m) = if *month > 2 { (*year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    let thousandths: String = fraction.chars().chain("000".chars()).take(3).collect();
    Some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1_000 + number(&thousandths)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screens::load::Manifests;
    use consort_core::directory::BackendKind;
    use consort_core::{AgentId, Size};
    use serde_json::json;

    const STARTED: u64 = 1_796_066_204_000;

    fn spec(program: &str, args: &[&str], last: LastConversation) -> LaunchSpec {
        LaunchSpec {
            agent: AgentId(7),
            backend: BackendKind::Pty,
            name: "a".into(),
            directory: "~/work".into(),
            program: Some(program.into()),
            args: args.iter().map(ToString::to_string).collect(),
            env: Vec::new(),
            caller: Vec::new(),
            size: Size::DEFAULT,
            last: Some(Box::new(last)),
        }
    }

    fn session(program: &str, id: &str, transcript: &Path) -> LastConversation {
        let transcript = transcript.to_str().unwrap().to_owned();
        let session = Session { program: program.into(), id: id.into(), transcript };
        LastConversation { session: Some(session), started_unix_ms: STARTED, others: Vec::new() }
    }

    /// In this home folder.
    fn resumed_in(home: &Path, spec: &LaunchSpec) -> (Vec<String>, StartInfo) {
        let manifests = Manifests::new(None);
        let (manifest, at) = manifests.of_command(spec.program.as_ref().unwrap(), &spec.args).unwrap();
        resumed(manifest, at, spec, &Environment::from([("HOME".into(), home.into())]))
    }

    #[test]
    fn a_conversation_with_a_transcript_is_gone_on_with() {
        let home = tempfile::tempdir().unwrap();
        let transcript = home.path().join("5f.jsonl");
        let claude = spec("claude", &["--model", "opus"], session("claude", "5f", &transcript));
        let (args, info) = resumed_in(home.path(), &claude);
        assert_eq!(
            (args, info.session, &*info.why),
            (claude.args.clone(), None, "nothing was said in its last conversation")
        );
        fs::write(&transcript, "{}").unwrap();
        let (args, info) = resumed_in(home.path(), &claude);
        assert_eq!(args, ["--resume", "5f", "--model", "opus"]);
        assert_eq!(info.command, ["claude", "--resume", "5f", "--model", "opus"]);
        assert_eq!(info.session, claude.last.clone().unwrap().session);

        let gemini = spec("node", &["--no-warnings", "x/gemini.js"], session("gemini", "5f", &transcript));
        assert_eq!(resumed_in(home.path(), &gemini).0, ["--no-warnings", "x/gemini.js", "--resume", "5f"]);
        let other = spec("claude", &[], session("gemini", "5f", &transcript));
        assert_eq!(resumed_in(home.path(), &other), (Vec::new(), StartInfo::default()), "of another program");
    }

    #[test]
    fn nothing_is_added_that_is_there_already_or_not_wanted() {
        let home = tempfile::tempdir().unwrap();
        let transcript = home.path().join("5f.jsonl");
        fs::write(&transcript, "{}").unwrap();
        for args in [&["--continue"][..], &["-r", "x"], &["--resume=x"], &["--model", "opus", "-c"]] {
            let (given, info) = resumed_in(home.path(), &spec("claude", args, session("claude", "5f", &transcript)));
            assert!(given == args && info.session.is_none() && info.why.contains("its own arguments"), "{info:?}");
        }
        let fresh = LaunchSpec { last: None, ..spec("claude", &[], LastConversation::default()) };
        assert_eq!(resumed_in(home.path(), &fresh), (Vec::new(), StartInfo::default()));
        let mut taken = session("claude", "5f", &transcript);
        taken.others.push("5f".into());
        assert!(resumed_in(home.path(), &spec("claude", &[], taken)).0.is_empty(), "another agent is in it");
    }

    #[test]
    fn a_conversation_is_found_by_directory_and_time_if_it_is_the_only_one() {
        let home = tempfile::tempdir().unwrap();
        let (work, folder) = (home.path().join("work"), home.path().join(".codex/sessions/2026/11/30"));
        fs::create_dir_all(&work).unwrap();
        fs::create_dir_all(&folder).unwrap();
        let write = |id: &str, cwd: &Path, began: &str, source: &str| {
            let meta = json!({ "id": id, "timestamp": began, "cwd": cwd, "source": source });
            let line = json!({ "type": "session_meta", "payload": meta });
            fs::write(folder.join(format!("rollout-{id}.jsonl")), format!("{line}\n{{}}\n")).unwrap();
        };
        let last = LastConversation { started_unix_ms: STARTED, ..LastConversation::default() };
        let codex = spec("codex", &["--no-daemon"], last.clone());
        let look = || resumed_in(home.path(), &codex);
        assert_eq!(look(), (codex.args.clone(), StartInfo::default()));
        write("elsewhere", home.path(), "2026-11-30T19:16:44.292Z", "cli");
        write("earlier", &work, "2026-11-30T18:16:44.292Z", "cli");
        write("later", &work, "2026-11-30T20:16:44.292Z", "cli");
        write("sub", &work, "2026-11-30T19:16:44.292Z", "subagent");
        assert_eq!(look(), (codex.args.clone(), StartInfo::default()));
        write("own", &work, "2026-11-30T19:16:46.292Z", "cli");
        let (args, info) = look();
        assert_eq!(args, ["resume", "own", "--no-daemon"]);
        let file = folder.join("rollout-own.jsonl").to_str().unwrap().to_owned();
        assert_eq!(info.session, Some(Session { program: "codex".into(), id: "own".into(), transcript: file }));
        write("twin", &work, "2026-11-30T19:16:47Z", "cli");
        let (args, info) = look();
        assert!(args == codex.args && info.why.starts_with("2 conversations"), "{info:?}");
        fs::copy(folder.join("rollout-twin.jsonl"), folder.join("rollout-twin-2.jsonl")).unwrap();
        assert_eq!(look().1.why, info.why, "two files of one conversation");
        let others = vec!["twin".to_owned()];
        let other = spec("codex", &[], LastConversation { others, ..last });
        assert_eq!(resumed_in(home.path(), &other).0, ["resume", "own"], "the other one is another agent's");
    }

    #[test]
    fn a_directory_may_be_a_hash() {
        let home = tempfile::tempdir().unwrap();
        let (work, folder) = (home.path().join("work"), home.path().join(".gemini/tmp/work/chats"));
        fs::create_dir_all(&work).unwrap();
        fs::create_dir_all(&folder).unwrap();
        let hash = HEXLOWER.encode(&Sha256::digest(real(&work).as_os_str().as_encoded_bytes()));
        let line =
            json!({ "sessionId": "5f", "projectHash": hash, "startTime": "2026-11-30T19:16:46Z", "kind": "main" });
        fs::write(folder.join("session-1.jsonl"), line.to_string()).unwrap();
        let last = LastConversation { started_unix_ms: STARTED, ..LastConversation::default() };
        assert_eq!(resumed_in(home.path(), &spec("gemini", &["-y"], last)).0, ["--resume", "5f", "-y"]);
    }

    #[test]
    fn times_are_read() {
        let read = |text: &str| unix_ms(&Value::from(text));
        assert_eq!(read("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(read("2026-11-30T19:16:44.292Z"), Some(1_796_066_204_292));
        assert_eq!(read("2024-02-29T23:59:59.5Z"), Some(1_709_251_199_500));
        assert_eq!(unix_ms(&Value::from(7)), Some(7));
        for bad in ["", "2026-11-30", "2026-13-01T00:00:00Z", "2026-11-30T19:16Z", "é-11-30T19:16:44Z"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
