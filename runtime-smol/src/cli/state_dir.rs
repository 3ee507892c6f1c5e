//! Where the state of this machine's node is.

use super::failure::Failure;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The file with the permanent access token.
pub const TOKEN_FILE: &str = "token";

/// The folder that `chosen` or the conventions of the operating system name, absolute.
///
/// # Errors
/// If no folder was chosen and the user has no home.
pub(crate) fn resolve(chosen: Option<&Path>) -> Result<PathBuf, Failure> {
    let folder = match chosen {
        Some(folder) => folder.to_path_buf(),
        None => by_convention(cfg!(target_os = "macos"), std::env::home_dir(), std::env::var_os("XDG_STATE_HOME"))
            .ok_or_else(|| {
                Failure::new("There is no home directory to keep the state in.")
                    .hint("Choose one with: --state-dir DIR")
            })?,
    };
    std::path::absolute(&folder).map_err(|error| Failure::usage(format!("{}: {error}", folder.display())))
}

/// The same for a program that has nobody to complain to.
pub(crate) fn folder(chosen: Option<&Path>) -> Option<PathBuf> {
    resolve(chosen).ok()
}

fn by_convention(macos: bool, home: Option<PathBuf>, xdg_state: Option<OsString>) -> Option<PathBuf> {
    let home = home.filter(|home| home.is_absolute());
    if macos {
        return Some(home?.join("Library/Application Support/consort"));
    }
    // The XDG specification: a relative path is to be ignored.
    let state = xdg_state.map(PathBuf::from).filter(|path| path.is_absolute());
    Some(state.or_else(|| Some(home?.join(".local/state")))?.join("consort"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linux(home: Option<&str>, xdg: Option<&str>) -> Option<PathBuf> {
        by_convention(false, home.map(PathBuf::from), xdg.map(OsString::from))
    }

    #[test]
    fn on_linux_the_state_is_where_xdg_says_or_below_the_home() {
        assert_eq!(linux(Some("/home/me"), None), Some("/home/me/.local/state/consort".into()));
        assert_eq!(linux(Some("/home/me"), Some("/state")), Some("/state/consort".into()));
        assert_eq!(linux(Some("/home/me"), Some("relative")), Some("/home/me/.local/state/consort".into()));
        assert_eq!(linux(None, None), None);
    }

    #[test]
    fn on_macos_the_state_is_in_application_support() {
        let folder = by_convention(true, Some("/Users/me".into()), Some("/state".into()));
        assert_eq!(folder, Some("/Users/me/Library/Application Support/consort".into()));
    }
}
