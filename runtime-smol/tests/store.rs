//! What must survive, survives; what cannot be kept is said so.

use consort::audit::{Audit, AuditEvent};
use consort::store::{Loaded, Store, StoreError, StoreWorker};
use consort_core::{AgentId, StoreId, StoreOperation, TerminalId};
use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn entries(store: &Store) -> Vec<(String, Vec<u8>)> {
    let Loaded { entries, problems } = store.load().unwrap();
    assert_eq!(problems, Vec::<String>::new());
    entries
}

#[test]
fn what_was_put_is_there_after_a_restart_and_what_was_removed_is_not() {
    let folder = folder();
    let store = Store::open(folder.path()).unwrap();
    store.put("agent-1", b"one").unwrap();
    store.put("agent-2", b"").unwrap();
    store.put("agent-1", b"one, changed").unwrap();
    store.put("agent-3", b"three").unwrap();
    store.remove("agent-3").unwrap();
    store.remove("agent-9").unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(entries(&store), [("agent-1".into(), b"one, changed".to_vec()), ("agent-2".into(), Vec::new())]);
}

#[test]
fn nobody_else_can_read_it() {
    let folder = folder();
    let root = folder.path().join("deep/state-directory");
    let store = Store::open(&root).unwrap();
    store.put("agent-1", b"x").unwrap();
    store.secret("identity").unwrap();
    for directory in [root.clone(), root.join("state"), root.join("secrets")] {
        assert_eq!(mode(&directory), 0o700, "{}", directory.display());
    }
    for file in ["state/agent-1", "secrets/identity", "lock"] {
        assert_eq!(mode(root.join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_directory_that_was_open_to_others_is_closed_to_them() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let _store = Store::open(folder.path()).unwrap();
    assert_eq!(mode(folder.path()), 0o700);
}

#[test]
fn two_nodes_cannot_use_one_directory_and_the_second_is_told_by_whom() {
    let folder = folder();
    let first = Store::open(folder.path()).unwrap();
    let error = Store::open(folder.path()).unwrap_err();
    assert!(error.to_string().contains("`consort open`"), "{error}");
    assert!(matches!(error, StoreError::InUse { process: Some(process), .. } if process == std::process::id()));
    assert!(error.to_string().contains(&format!("(process {})", std::process::id())), "{error}");
    drop(first);
    Store::open(folder.path()).unwrap();
}

#[test]
fn a_lock_left_by_a_crash_does_not_matter() {
    let folder = folder();
    fs::write(folder.path().join("lock"), "123456789\n").unwrap();
    Store::open(folder.path()).unwrap();
    assert_eq!(fs::read_to_string(folder.path().join("lock")).unwrap(), format!("{}\n", std::process::id()));
}

/// Damages a stored file, and checks that it is kept aside and reported, never read as empty.
fn set_aside(damage: impl Fn(&mut Vec<u8>), said: &str) {
    let folder = folder();
    let store = Store::open(folder.path()).unwrap();
    store.put("agent-1", b"precious").unwrap();
    store.put("agent-2", b"fine").unwrap();
    let path = folder.path().join("state/agent-1");
    for number in 1..3 {
        store.put("agent-1", b"precious").unwrap();
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        let loaded = store.load().unwrap();
        assert_eq!(loaded.entries, [("agent-2".to_owned(), b"fine".to_vec())]);
        let [problem] = &loaded.problems[..] else { panic!("one problem, not {:?}", loaded.problems) };
        assert!(
            problem.contains(said) && problem.contains("restore it from a backup") && !problem.contains('\n'),
            "{problem}"
        );
        assert!(!path.exists());
        assert_eq!(fs::read(folder.path().join(format!("state/agent-1.damaged-{number}"))).unwrap(), bytes);
        assert_eq!(entries(&store).len(), 1, "it is reported once");
    }
}

#[test]
fn a_file_cut_off_anywhere_is_set_aside() {
    for length in 0..23 {
        set_aside(|bytes| bytes.truncate(length), "is torn");
    }
}

#[test]
fn a_file_with_a_changed_bit_is_set_aside() {
    set_aside(|bytes| bytes[18] ^= 1, "checksum");
    set_aside(|bytes| bytes[13] ^= 1, "checksum");
    set_aside(|bytes| bytes[8] ^= 1, "is torn");
}

#[test]
fn a_foreign_or_newer_file_is_set_aside() {
    set_aside(|bytes| *bytes = b"{\"some\":\"json of another program\"}".to_vec(), "not a file of consort");
    set_aside(|bytes| bytes[7] = 2, "another version");
    set_aside(|bytes| bytes.push(b'x'), "is torn");
}

#[test]
fn what_a_crash_left_half_written_is_not_taken_for_a_value() {
    let folder = folder();
    let store = Store::open(folder.path()).unwrap();
    store.put("agent-1", b"old").unwrap();
    fs::write(folder.path().join("state/agent-1.new"), b"CONS").unwrap();
    fs::write(folder.path().join("state/notes of the user.txt"), b"hands off").unwrap();
    assert_eq!(entries(&store), [("agent-1".to_owned(), b"old".to_vec())]);
    assert!(!folder.path().join("state/agent-1.new").exists());
    assert!(folder.path().join("state/notes of the user.txt").exists(), "what is not ours is left alone");
}

#[test]
fn keys_that_could_leave_the_directory_are_refused() {
    let folder = folder();
    let store = Store::open(folder.path()).unwrap();
    for key in ["", ".", "..", "a/b", "../x", "a.new", "ä", "a b", &"x".repeat(101)] {
        assert!(matches!(store.put(key, b"x"), Err(StoreError::Key(_))), "{key}");
        assert!(matches!(store.remove(key), Err(StoreError::Key(_))), "{key}");
        assert!(matches!(store.secret(key), Err(StoreError::Key(_))), "{key}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_so_and_leaves_the_old_value() {
    let folder = folder();
    let store = Store::open(folder.path()).unwrap();
    store.put("agent-1", b"old").unwrap();
    // Writing to this device fails as on a full disk.
    symlink("/dev/full", folder.path().join("state/agent-1.new")).unwrap();
    let error = store.put("agent-1", b"new").unwrap_err().to_string();
    assert!(error.contains("No space left on device") && error.contains("free some space"), "{error}");
    assert_eq!(entries(&store), [("agent-1".to_owned(), b"old".to_vec())]);
    store.put("agent-1", b"new").unwrap();
    assert_eq!(entries(&store), [("agent-1".to_owned(), b"new".to_vec())]);
}

#[test]
fn a_write_that_fails_leaves_the_old_value() {
    let folder = folder();
    let store = Store::open(folder.path()).unwrap();
    store.put("agent-1", b"old").unwrap();
    fs::create_dir_all(folder.path().join("state/agent-1.new/in the way")).unwrap();
    let error = store.put("agent-1", b"new").unwrap_err().to_string();
    assert!(error.contains("cannot write") && error.contains("agent-1"), "{error}");
    assert_eq!(entries(&store), [("agent-1".to_owned(), b"old".to_vec())]);
}

#[test]
fn the_worker_answers_everything_in_order() {
    let folder = folder();
    let (worker, answers) = StoreWorker::start(Store::open(folder.path()).unwrap()).unwrap();
    for number in 0..1_000u64 {
        let key = format!("agent-{}", number % 7);
        let operation = if number % 5 == 4 {
            StoreOperation::Remove { key }
        } else if number == 500 {
            StoreOperation::Put { key: "../escape".into(), bytes: Vec::new() }
        } else {
            StoreOperation::Put { key, bytes: number.to_le_bytes().to_vec() }
        };
        worker.submit(StoreId(number), operation);
    }
    for number in 0..1_000 {
        let (id, result) = answers.recv_blocking().unwrap();
        assert_eq!(id, StoreId(number));
        assert_eq!(result.is_err(), number == 500, "{result:?}");
    }
    drop(worker);
    let stored = entries(&Store::open(folder.path()).unwrap());
    let wanted: Vec<_> = (0..7u64)
        .filter_map(|key| {
            let last = (0..1_000).rev().find(|number| number % 7 == key && *number != 500)?;
            (last % 5 != 4).then(|| (format!("agent-{key}"), last.to_le_bytes().to_vec()))
        })
        .collect();
    assert_eq!(stored, wanted);
}

#[test]
fn a_worker_that_ends_finishes_what_it_was_given() {
    let folder = folder();
    let (worker, answers) = StoreWorker::start(Store::open(folder.path()).unwrap()).unwrap();
    worker.submit(StoreId(1), StoreOperation::Put { key: "agent-1".into(), bytes: b"last".to_vec() });
    drop(worker);
    assert_eq!(answers.recv_blocking().unwrap(), (StoreId(1), Ok(())));
    assert!(answers.recv_blocking().is_err(), "nothing follows");
    assert_eq!(entries(&Store::open(folder.path()).unwrap()).len(), 1);
}

#[test]
fn a_secret_is_made_once_and_never_replaced() {
    let folder = folder();
    let store = Store::open(folder.path()).unwrap();
    let identity = store.secret("identity").unwrap();
    assert_ne!(identity, store.secret("cookies").unwrap());
    assert_eq!(identity, store.secret("identity").unwrap());
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(identity, store.secret("identity").unwrap());
    let path = folder.path().join("secrets/identity");
    fs::write(&path, &identity[..31]).unwrap();
    let error = store.secret("identity").unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }) && error.to_string().contains("31 bytes"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), &identity[..31], "an identity is not thrown away");
}

#[test]
fn every_start_has_a_larger_number_than_all_before() {
    let folder = folder();
    for wanted in 1..5 {
        assert_eq!(Store::open(folder.path()).unwrap().next_epoch().unwrap(), wanted);
    }
    fs::write(folder.path().join("epoch"), b"").unwrap();
    let error = Store::open(folder.path()).unwrap().next_epoch().unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "a lost counter is not started again: {error}");
}

fn audit_lines(folder: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(folder.join("audit.log")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

#[test]
fn the_audit_log_has_one_object_per_entry_whatever_is_in_it() {
    let folder = folder();
    let terminal = TerminalId { agent: AgentId(7), pane: 3 };
    let audit = Audit::open(folder.path()).unwrap();
    audit.record(AuditEvent::Started { version: "0.1.0".into() });
    audit.record(AuditEvent::Refused {
        who: "1.2.3.4".into(),
        what: "GET /ws\r\n\u{1b}[2J{\"".into(),
        why: "origin".into(),
    });
    audit.record(AuditEvent::Typed { who: "me".into(), terminal, bytes: 12 });
    drop(audit);
    let lines = audit_lines(folder.path());
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["event"], "started");
    assert!(lines[0]["time"].as_str().is_some_and(|time| time.starts_with("20") && time.ends_with('Z')));
    assert_eq!(lines[1]["what"], "GET /ws\r\n\u{1b}[2J{\"");
    assert_eq!((lines[2]["bytes"].as_u64(), lines[2]["agent"].as_str()), (Some(12), Some(&*AgentId(7).to_string())));
    assert_eq!(mode(folder.path().join("audit.log")), 0o600);
}

#[test]
fn the_audit_log_is_appended_to_after_a_restart_even_if_its_last_line_was_cut() {
    let folder = folder();
    let audit = Audit::open(folder.path()).unwrap();
    audit.record(AuditEvent::Stopped);
    drop(audit);
    let path = folder.path().join("audit.log");
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("{\"event\":\"cut");
    fs::write(&path, text).unwrap();
    let audit = Audit::open(folder.path()).unwrap();
    audit.record(AuditEvent::Started { version: String::new() });
    drop(audit);
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[0].contains("stopped")
            && lines[2].contains("started")
            && serde_json::from_str::<serde_json::Value>(lines[2]).is_ok()
    );
}

#[test]
fn the_audit_log_is_bounded_by_two_files() {
    let folder = folder();
    let audit = Audit::with_limit(folder.path(), 4_000).unwrap();
    for number in 0..500 {
        audit.record(AuditEvent::LoggedIn { who: number.to_string().into() });
    }
    drop(audit);
    let size = |name: &str| fs::metadata(folder.path().join(name)).unwrap().len();
    assert!(size("audit.log") <= 4_000 && size("audit.log.1") <= 4_000);
    assert_eq!(audit_lines(folder.path()).last().unwrap()["who"], "499");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn an_audit_log_that_cannot_be_written_stops_nobody_and_goes_on_when_it_can() {
    let folder = folder();
    fs::create_dir(folder.path().join("audit.log")).unwrap();
    let audit = Audit::open(folder.path()).unwrap();
    for _ in 0..10_000 {
        audit.record(AuditEvent::Stopped);
    }
    drop(audit);
    fs::remove_dir(folder.path().join("audit.log")).unwrap();
    let audit = Audit::open(folder.path()).unwrap();
    audit.record(AuditEvent::Started { version: String::new() });
    drop(audit);
    assert_eq!(audit_lines(folder.path()).len(), 1);
}
