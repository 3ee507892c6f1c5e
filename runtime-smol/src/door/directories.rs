//! The directories in a directory, for choosing where an agent works.

use consort_core::Refusal;
use consort_core::error::RefusalCode;
use consort_web::api::{Entry, Listing};
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// Directories that are listed of one directory; of more, the first ones found.
const ENTRIES: usize = 2_000;

/// Entries of any kind that are looked at.
const LOOKED_AT: usize = 50_000;

/// Lists the directories in `path`: absolute, or beginning with `~` for `home`; empty means `home`. May block on a slow disk.
///
/// # Errors
/// Why it cannot be listed, for a person.
pub fn list(home: &Path, path: &str) -> Result<Listing, Refusal> {
    let folder = resolve(home, path)?;
    let read = fs::read_dir(&folder).map_err(|error| {
        let (code, message) = match error.kind() {
            ErrorKind::NotFound => (RefusalCode::NotFound, "There is no such directory"),
            ErrorKind::NotADirectory => (RefusalCode::Invalid, "This is not a directory"),
            ErrorKind::PermissionDenied => (RefusalCode::Invalid, "You may not look into this directory"),
            _ => (RefusalCode::Unavailable, "The directory cannot be read"),
        };
        refusal(code, format!("{message}: {}.", folder.display()))
    })?;
    let mut entries: Vec<Entry> =
        read.take(LOOKED_AT).filter_map(|entry| directory(&entry.ok()?)).take(ENTRIES).collect();
    entries.sort_by_cached_key(|entry| (entry.name.starts_with('.'), entry.name.to_lowercase(), entry.name.clone()));
    Ok(Listing {
        path: folder.display().to_string(),
        parent: folder.parent().map(|parent| parent.display().to_string()),
        entries,
    })
}

/// The directory of an entry, also behind a link. One whose name is not UTF-8 cannot be named in JSON and is left out.
fn directory(entry: &fs::DirEntry) -> Option<Entry> {
    let path = entry.path();
    if !path.is_dir() {
        return None;
    }
    let name = entry.file_name().into_string().ok()?;
    Some(Entry { name, git: path.join(".git").exists(), path: path.to_str()?.to_owned() })
}

fn resolve(home: &Path, path: &str) -> Result<PathBuf, Refusal> {
    if path.contains('\0') {
        return Err(refusal(RefusalCode::Invalid, "A path has no zero bytes.".into()));
    }
    let path = match path.strip_prefix('~') {
        _ if path.is_empty() => home.to_owned(),
        Some("") => home.to_owned(),
        Some(rest) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(path),
    };
    if !path.is_absolute() {
        return Err(refusal(RefusalCode::Invalid, "The path does not begin with '/' or '~/'.".into()));
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

fn refusal(code: RefusalCode, message: String) -> Refusal {
    Refusal { code, message, hint: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(listing.path, home.path().display().to_string());
        assert_eq!(list(home.path(), "").unwrap(), listing);
        assert_eq!(list(home.path(), "~/b/../.").unwrap(), listing);
    }

    #[test]
    fn the_root_has_no_parent() {
        assert_eq!(list(Path::new("/"), "/").unwrap().parent, None);
        assert_eq!(list(Path::new("/"), "/../..").unwrap().path, "/");
    }

    #[test]
    fn what_cannot_be_listed_is_refused_with_the_reason() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("file"), "").unwrap();
        let code = |path| list(home.path(), path).unwrap_err().code;
        assert_eq!(code("~/nothing"), RefusalCode::NotFound);
        assert_eq!(code("~/file"), RefusalCode::Invalid);
        assert_eq!(code("relative"), RefusalCode::Invalid);
        assert_eq!(code("~other"), RefusalCode::Invalid);
        assert_eq!(code("/a\0b"), RefusalCode::Invalid);
    }
}
