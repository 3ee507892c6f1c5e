//! The directories in a directory, for choosing where an agent works.

use crate::backend::FromBackend;
use async_channel::Sender;
use consort_core::input::{ListedDirectory, Listing};
use consort_core::{BackendInput, OperationDone, OperationError, OperationId, limits};
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Entries of any kind that are looked at.
const LOOKED_AT: usize = 50_000;

/// Directories that are read at a time: a disk that does not answer holds a thread.
const AT_A_TIME: usize = 8;

/// Reads directories beside the driver.
#[derive(Debug)]
pub struct Directories {
    home: Arc<Path>,
    reports: Sender<FromBackend>,
}

impl Directories {
    /// For the user whose home directory is `home`; what was read is reported as the end of an operation.
    #[must_use]
    pub fn new(home: PathBuf, reports: Sender<FromBackend>) -> Self {
        Directories { home: home.into(), reports }
    }

    /// Begins to list the directories in `path`.
    ///
    /// # Errors
    /// Too many are being read.
    pub fn list(&self, id: OperationId, path: String) -> Result<(), OperationError> {
        let home = Arc::clone(&self.home);
        // One count is ours, one the clone's.
        if Arc::strong_count(&home) > AT_A_TIME + 1 {
            return Err(error("directories-busy", "Other directories are still being read.".into()));
        }
        let reports = self.reports.clone();
        smol::unblock(move || {
            let result = list(&home, &path).map(OperationDone::Listed);
            // Nobody listens any more: the node has ended.
            let _ = reports.send_blocking(FromBackend::Backend(BackendInput::Done(id, result)));
        })
        .detach();
        Ok(())
    }
}

/// Lists the directories in `path`: absolute, or beginning with `~` for `home`; empty means `home`. May block on a slow disk.
///
/// # Errors
/// `directory-missing`, `directory-invalid`, `directory-closed` or `directory-failed`: why it cannot be listed.
pub fn list(home: &Path, path: &str) -> Result<Listing, OperationError> {
    let folder = resolve(home, path)?;
    let read = fs::read_dir(&folder).map_err(|failure| {
        let (code, message) = match failure.kind() {
            ErrorKind::NotFound => ("directory-missing", "There is no such directory"),
            ErrorKind::NotADirectory => ("directory-invalid", "This is not a directory"),
            ErrorKind::PermissionDenied => ("directory-closed", "You may not look into this directory"),
            _ => ("directory-failed", "The directory cannot be read"),
        };
        error(code, format!("{message}: {}.", folder.display()))
    })?;
    let entries = read.take(LOOKED_AT).filter_map(|entry| directory(&entry.ok()?));
    let mut entries: Vec<ListedDirectory> = entries.take(limits::DIRECTORY_ENTRIES).collect();
    entries.sort_by_cached_key(|entry| (entry.name.starts_with('.'), entry.name.to_lowercase(), entry.name.clone()));
    Ok(Listing { path: folder.display().to_string(), home: home.display().to_string(), entries })
}

/// The directory of an entry, also behind a link. One whose name is not UTF-8 cannot be named in JSON and is left out.
fn directory(entry: &fs::DirEntry) -> Option<ListedDirectory> {
    let path = entry.path();
    if !path.is_dir() {
        return None;
    }
    let name = entry.file_name().into_string().ok()?;
    Some(ListedDirectory { name, git: path.join(".git").exists() })
}

fn resolve(home: &Path, path: &str) -> Result<PathBuf, OperationError> {
    if path.contains('\0') {
        return Err(error("directory-invalid", "A path has no zero bytes.".into()));
    }
    let path = match path.strip_prefix('~') {
        _ if path.is_empty() => home.to_owned(),
        Some("") => home.to_owned(),
        Some(rest) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(path),
    };
    if !path.is_absolute() {
        return Err(error("directory-invalid", "The path does not begin with '/' or '~/'.".into()));
    }
    // By its text alone, as a shell shows it: links in it stay as they are.
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => clean.push(part),
        }
    }
    Ok(clean)
}

fn error(code: &'static str, message: String) -> OperationError {
    OperationError { code: code.into(), message, hint: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_core::directory::BackendKind;

    fn names(listing: &Listing) -> Vec<&str> {
        listing.entries.iter().map(|entry| entry.name.as_str()).collect()
    }

    #[test]
    fn only_directories_are_listed_sorted_with_hidden_ones_last() {
        let home = tempfile::tempdir().unwrap();
        for name in ["b", "A", ".hidden", "c/.git"] {
            fs::create_dir_all(home.path().join(name)).unwrap();
        }
        fs::write(home.path().join("file"), "").unwrap();
        std::os::unix::fs::symlink(home.path().join("b"), home.path().join("link")).unwrap();
        let listing = list(home.path(), "~").unwrap();
        assert_eq!(names(&listing), ["A", "b", "c", "link", ".hidden"]);
        assert_eq!(listing.entries.iter().filter(|entry| entry.git).count(), 1);
        assert_eq!(
            (&listing.path, &listing.home),
            (&home.path().display().to_string(), &home.path().display().to_string())
        );
        assert_eq!(list(home.path(), "").unwrap(), listing);
        assert_eq!(list(home.path(), "~/b/../.").unwrap(), listing);
    }

    #[test]
    fn above_the_root_is_the_root() {
        assert_eq!(list(Path::new("/"), "/../..").unwrap().path, "/");
    }

    #[test]
    fn what_cannot_be_listed_is_refused_with_the_reason() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "").unwrap();
        let code = |path| list(home.path(), path).unwrap_err().code;
        assert_eq!(code("~/nothing"), "directory-missing");
        for invalid in ["~/file", "relative", "~other", "/a\0b"] {
            assert_eq!(code(invalid), "directory-invalid", "{invalid}");
        }
    }

    #[test]
    fn no_more_directories_are_read_at_a_time_than_a_slow_disk_may_hold_threads() {
        let (reports, reported) = async_channel::bounded(1);
        let before = FromBackend::Backend(BackendInput::Listed(BackendKind::Tmux));
        reports.try_send(before).expect("there is room for one, and then for none");
        let directories = Directories::new("/".into(), reports);
        let begun = (0..100).filter(|id| directories.list(OperationId(*id), "/".into()).is_ok()).count();
        assert_eq!(begun, AT_A_TIME, "nobody takes the reports: all are still under way");
        reported.recv_blocking().unwrap();
        for _ in 0..begun {
            let report = reported.recv_blocking().unwrap();
            let FromBackend::Backend(BackendInput::Done(_, Ok(OperationDone::Listed(listing)))) = report else {
                panic!("{report:?}");
            };
            assert_eq!(listing.path, "/");
        }
    }
}
