//! The variables that the user has set for all agents of this machine, in the state directory: a JSON object with a line for each,
//! so that a person can read it, closed to others. Values never leave this file and the agents but for who asks for one by name.

use consort_core::limits;
use consort_web::environment::{VariableReport, check_variable};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The file in the state directory.
const FILE: &str = "environment";

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VariablesError {
    /// It cannot be read.
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    Read(PathBuf, io::Error),
    /// It holds something else. It is never taken for an empty one.
    #[error("{path}: {reason}: correct or delete it, then start again", path = .0.display(), reason = .1)]
    Damaged(PathBuf, String),
}

/// What is set.
pub(super) struct Variables {
    folder: PathBuf,
    set: Mutex<BTreeMap<String, String>>,
}

impl std::fmt::Debug for Variables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.lock().keys()).finish()
    }
}

impl Variables {
    /// Reads what is kept in `state_dir`.
    pub(super) fn load(state_dir: &Path) -> Result<Self, VariablesError> {
        let path = state_dir.join(FILE);
        let set = match fs::read(&path) {
            Ok(bytes) => parsed(&bytes).map_err(|reason| VariablesError::Damaged(path, reason))?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(VariablesError::Read(path, error)),
        };
        Ok(Variables { folder: state_dir.to_owned(), set: Mutex::new(set) })
    }

    /// Sets one, or removes it. Returns whether it was there.
    ///
    /// # Errors
    /// There are too many, or what the system says; then everything is as before.
    pub(super) fn set(&self, name: &str, value: Option<&str>) -> io::Result<bool> {
        let mut set = self.lock();
        let mut changed = set.clone();
        let before = match value {
            Some(value) => changed.insert(name.to_owned(), value.to_owned()),
            None => changed.remove(name),
        };
        if changed.len() > limits::VARIABLES {
            return Err(io::Error::other(format!("there are {} already, which is the most", limits::VARIABLES)));
        }
        store(&self.folder, &changed)?;
        *set = changed;
        Ok(before.is_some())
    }

    pub(super) fn get(&self, name: &str) -> Option<String> {
        self.lock().get(name).cloned()
    }

    pub(super) fn all(&self) -> BTreeMap<String, String> {
        self.lock().clone()
    }

    pub(super) fn report(&self) -> Vec<VariableReport> {
        let report =
            |(name, value): (&String, &String)| VariableReport { name: name.clone(), length: value.chars().count() };
        self.lock().iter().map(report).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        // A panic elsewhere leaves it whole: it is replaced in one step.
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is wrong is said without quoting the file: values are secret.
fn parsed(bytes: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let set: BTreeMap<String, String> = serde_json::from_slice(bytes)
        .map_err(|error| format!("it is not an object of texts (line {}, column {})", error.line(), error.column()))?;
    set.iter().try_for_each(|(name, value)| check_variable(name, value))?;
    Ok(set)
}

/// Keeps exactly these, whole or not at all.
fn store(folder: &Path, set: &BTreeMap<String, String>) -> io::Result<()> {
    let unfinished = folder.join(format!("{FILE}.new"));
    // One that was left by others may have other permissions.
    let _ = fs::remove_file(&unfinished);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    serde_json::to_writer_pretty(&mut file, set)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    fs::rename(&unfinished, folder.join(FILE))?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_was_set_is_loaded_and_others_cannot_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let variables = Variables::load(folder.path()).unwrap();
        assert!(!variables.set("KEY", Some("a=b\n\"ü")).unwrap());
        assert!(variables.set("KEY", Some("c")).unwrap());
        variables.set("OTHER", Some("")).unwrap();
        assert!(variables.set("OTHER", None).unwrap() && !variables.set("OTHER", None).unwrap());
        let path = folder.path().join(FILE);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let again = Variables::load(folder.path()).unwrap();
        assert_eq!(again.all(), BTreeMap::from([("KEY".to_owned(), "c".to_owned())]));
        assert!(!format!("{again:?}").contains("\"c\""), "no value in a log");
    }

    #[test]
    fn a_damaged_file_is_never_taken_for_an_empty_one_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        for damaged in
            ["", "{\"KEY\": \"hunter2\"", "{\"KEY\": [\"hunter2\"]}", "{\"1\": \"hunter2\"}", "{\"CONSORT_X\": \"\"}"]
        {
            fs::write(&path, damaged).unwrap();
            let error = Variables::load(folder.path()).unwrap_err().to_string();
            assert!(error.contains("correct or delete it") && !error.contains("hunter2"), "{damaged}: {error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }

    #[test]
    fn what_cannot_be_stored_does_not_hold() {
        let folder = tempfile::tempdir().unwrap();
        let variables = Variables::load(folder.path()).unwrap();
        for number in 0..limits::VARIABLES {
            variables.lock().insert(format!("V{number}"), String::new());
        }
        assert!(variables.set("ONE_MORE", Some("x")).is_err());
        assert_eq!(variables.get("ONE_MORE"), None);
        variables.set("V0", None).unwrap();
        fs::create_dir(folder.path().join("environment.new")).unwrap();
        assert!(variables.set("ONE_MORE", Some("x")).is_err(), "its place is taken");
        assert_eq!(variables.get("ONE_MORE"), None);
    }
}
