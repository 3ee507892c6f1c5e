//! The origins that the user has allowed, in the state directory: one address per line, so that a person can read it.

use consort_web::auth::Site;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file in the state directory.
const FILE: &str = "origins";

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OriginsError {
    /// It cannot be read.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Read(PathBuf, io::Error),
    /// It holds something else. It is never taken for an empty one.
    #[error("{path}, line {line}: {error}: correct or delete the line, then start again", path = .0.display(), line = .1, error = .2)]
    Damaged(PathBuf, usize, consort_web::auth::InvalidSite),
}

/// Reads what is kept in `state_dir`.
///
/// # Errors
/// It cannot be read, or a line is not an origin.
pub fn load(state_dir: &Path) -> Result<Vec<Site>, OriginsError> {
    let path = state_dir.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(OriginsError::Read(path, error)),
    };
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(at, line)| line.parse().map_err(|error| OriginsError::Damaged(path.clone(), at + 1, error))).collect()
}

/// Keeps exactly these, whole or not at all.
///
/// # Errors
/// What the system says; what was kept before is still there.
pub fn store(state_dir: &Path, origins: &[String]) -> io::Result<()> {
    let unfinished = state_dir.join(format!("{FILE}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    for origin in origins {
        writeln!(file, "{origin}")?;
    }
    file.sync_all()?;
    fs::rename(&unfinished, state_dir.join(FILE))?;
    fs::File::open(state_dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_loaded_and_a_damaged_line_is_not_skipped() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load(folder.path()).unwrap(), []);
        let origins = ["https://box.example.org/consort/".to_owned(), "http://localhost:8023/".to_owned()];
        store(folder.path(), &origins).unwrap();
        let loaded: Vec<String> = load(folder.path()).unwrap().iter().map(Site::url).collect();
        assert_eq!(loaded, origins);
        fs::write(folder.path().join(FILE), "https://box.example.org/\n\nrubbish\n").unwrap();
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(error.contains("line 3: 'rubbish'"), "{error}");
    }
}
