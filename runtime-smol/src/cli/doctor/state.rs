//! The state directory: there, ours, closed to others, with room, without damaged files.

use super::Check;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// The folder of the stored values: see [`store`](crate::store).
const VALUES: &str = "state";
/// Free space below which it gets tight, and below which nothing can be promised.
const TIGHT_BYTES: u64 = 500 << 20;
const NO_ROOM_BYTES: u64 = 20 << 20;

pub(super) fn checks(folder: &Path) -> Vec<Check> {
    let mut checks = vec![directory(folder)];
    checks.extend(crate::sockets::place(folder).apart.map(|apart| sockets(&apart)));
    checks.extend(space(folder));
    checks.extend(damaged(folder));
    checks
}

fn directory(folder: &Path) -> Check {
    let shown = folder.display();
    match std::fs::metadata(folder) {
        Ok(meta) if meta.is_dir() => permissions(folder, &meta),
        Ok(_) => Check::bad(
            "state",
            format!("{shown} is not a directory"),
            "Move it away, or choose another: --state-dir DIR",
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Check::good("state", format!("{shown} (made when a node starts)"))
        }
        Err(error) => {
            Check::bad("state", format!("{shown}: {error}"), "Make it readable, or choose another: --state-dir DIR")
        }
    }
}

fn permissions(folder: &Path, meta: &Metadata) -> Check {
    let shown = folder.display();
    if meta.uid() != rustix::process::geteuid().as_raw() {
        let advice = "Run consort as its owner, or choose another: --state-dir DIR";
        return Check::bad("state", format!("{shown} belongs to user {}", meta.uid()), advice);
    }
    match meta.mode() & 0o077 {
        0 => Check::good("state", shown.to_string()),
        others if others & 0o022 != 0 => {
            Check::bad("state", format!("other users can change {shown}"), format!("chmod 700 '{shown}'"))
        }
        _ => Check::warning("state", format!("other users can look into {shown}"), format!("chmod 700 '{shown}'")),
    }
}

/// The folder of the sockets, where the path of the state directory is too long for them.
fn sockets(folder: &Path) -> Check {
    let shown = folder.display();
    match std::fs::symlink_metadata(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Check::good("sockets", format!("{shown} (made when a node starts; the state directory's path is too long)"))
        }
        Ok(meta) if meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw() && meta.mode() & 0o077 == 0 => {
            Check::good("sockets", format!("{shown}: the state directory's path is too long for them"))
        }
        Ok(_) => Check::bad(
            "sockets",
            format!("{shown} belongs to another user or can be entered by others"),
            "Have it removed, or choose a shorter path for the state: --state-dir DIR",
        ),
        Err(error) => Check::bad("sockets", format!("{shown}: {error}"), "Choose a shorter path: --state-dir DIR"),
    }
}

/// Free space on the file system of the nearest folder that exists.
fn space(folder: &Path) -> Option<Check> {
    let existing = folder.ancestors().find(|folder| folder.exists())?;
    let system = rustix::fs::statvfs(existing).ok()?;
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    let message = format!("{} MiB free for state", free >> 20);
    let advice = "Make room: without it names, notes and settings cannot be saved.";
    Some(match free {
        0..NO_ROOM_BYTES => Check::bad("space", message, advice),
        NO_ROOM_BYTES..TIGHT_BYTES => Check::warning("space", message, advice),
        _ => Check::good("space", message),
    })
}

/// Files that a node could not read and set aside.
fn damaged(folder: &Path) -> Option<Check> {
    let values = folder.join(VALUES);
    let names =
        std::fs::read_dir(&values).ok()?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut damaged: Vec<String> = names.filter(|name| name.contains(".damaged-")).collect();
    damaged.sort();
    if damaged.is_empty() {
        return None;
    }
    let message = format!("set aside because they could not be read: {}", damaged.join(", "));
    Some(Check::warning(
        "files",
        message,
        format!("Look into {} for what they held, then delete them.", values.display()),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn outcome(folder: &Path) -> Outcome {
        directory(folder).outcome
    }

    #[test]
    fn a_state_directory_is_ours_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("state");
        assert_eq!(outcome(&folder), Outcome::Good, "not there yet");
        std::fs::create_dir(&folder).unwrap();
        for (mode, expected) in [(0o700, Outcome::Good), (0o755, Outcome::Warning), (0o777, Outcome::Bad)] {
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(outcome(&folder), expected, "{mode:o}");
        }
        let file = parent.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(outcome(&file), Outcome::Bad);
    }

    #[test]
    fn files_that_were_set_aside_are_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(damaged(folder.path()), None);
        std::fs::create_dir(folder.path().join(VALUES)).unwrap();
        assert_eq!(damaged(folder.path()), None);
        std::fs::write(folder.path().join(VALUES).join("agent.damaged-1"), "").unwrap();
        assert!(damaged(folder.path()).unwrap().message.contains("agent.damaged-1"));
    }

    #[test]
    fn the_folder_of_the_sockets_is_ours_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("sockets");
        assert_eq!(sockets(&folder).outcome, Outcome::Good, "not there yet");
        std::fs::create_dir(&folder).unwrap();
        for (mode, expected) in [(0o700, Outcome::Good), (0o755, Outcome::Bad)] {
            std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(sockets(&folder).outcome, expected, "{mode:o}");
        }
    }
}
