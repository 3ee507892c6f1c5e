//! What every backend needs to start a program: its directory, where it is. Errors are words for a person.

use crate::environment::Environment;
use consort_core::OperationError;
use rustix::fs::{Access, access};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

/// Runs `"$@"`, reports how it ended, and leaves a shell behind in the same terminal. User values are only ever arguments.
///
/// Standard error must be the pipe that the exit status goes to; the script gives the terminal back to the program.
/// The first argument is the shell to leave behind. `trap : …` keeps this shell alive when the user interrupts the program;
/// the program itself starts with default signal actions.
pub const RUN_THEN_SHELL: &str = r#"exec 3>&2 2>&1
shell=$1
shift
trap : INT QUIT
"$@" 3>&-
status=$?
trap - INT QUIT
echo "$status" >&3
exec 3>&-
stty sane 2>/dev/null
printf '\n\033[0m[%s ended with status %s]\n' "${1##*/}" "$status"
exec "$shell"
"#;

/// The directory that is meant: `~` and `~/…` in `home`, empty `home` itself, everything else as it is.
#[must_use]
pub fn expand_home(directory: &str, home: &Path) -> PathBuf {
    let expanded = match directory {
        "" | "~" => home.to_owned(),
        _ => directory
            .strip_prefix("~/")
            .map_or_else(|| PathBuf::from(directory), |below| home.join(below.trim_start_matches('/'))),
    };
    normalised(&expanded)
}

/// A path without `.`, `..`, doubled and trailing slashes: programs see it as their working directory. As a shell does it, by the
/// names alone, so that links stay in it.
#[must_use]
pub fn normalised(path: &Path) -> PathBuf {
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in path.components() {
        match (part, parts.last()) {
            (Component::CurDir, _) | (Component::ParentDir, Some(Component::RootDir)) => {}
            (Component::ParentDir, Some(Component::Normal(last))) if *last != "~" => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.iter().collect()
}

/// Whether programs can be started there.
///
/// # Errors
/// `directory-missing` or `directory-closed`.
pub fn check_directory(directory: &Path) -> Result<(), OperationError> {
    let shown = directory.display();
    let missing = |message: String| Err(error("directory-missing", message, "Create it, or choose another directory."));
    if !directory.is_absolute() {
        let hint = "Give the whole path, or one that begins with ~/";
        return Err(error("directory-missing", format!("The directory {shown} is not an absolute path."), hint));
    }
    match directory.metadata() {
        Ok(found) if !found.is_dir() => missing(format!("{shown} is not a directory.")),
        Ok(_) if access(directory, Access::EXEC_OK).is_err() => Err(error(
            "directory-closed",
            format!("The directory {shown} may not be entered."),
            "Change its permissions, or choose another directory.",
        )),
        Ok(_) => Ok(()),
        Err(_) => missing(format!("The directory {shown} does not exist.")),
    }
}

/// The file that `program` means: a path as it is (relative ones from `directory`), a name by the `PATH` of the environment.
///
/// # Errors
/// `program-not-found`.
pub fn find_program(program: &str, environment: &Environment, directory: &Path) -> Result<PathBuf, OperationError> {
    if program.contains('/') {
        let home = environment.get(OsStr::new("HOME")).map_or(Path::new("/"), Path::new);
        let path = directory.join(expand_home(program, home));
        return if is_executable(&path) {
            Ok(path)
        } else if path.exists() {
            Err(not_found(
                format!("{} is not an executable file.", path.display()),
                "Check its permissions (chmod +x).",
            ))
        } else {
            Err(not_found(format!("The program {} does not exist.", path.display()), "Check the path."))
        };
    }
    let path = environment.get(OsStr::new("PATH")).cloned().unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| directory.join(folder).join(program))
        .find(|path| is_executable(path));
    found.ok_or_else(|| {
        let hint = format!("Install it, or give its full path. Looked in {}.", path.to_string_lossy());
        not_found(format!("The program {program} was not found."), &hint)
    })
}

/// The first program of this name in a list of directories.
pub(crate) fn find_in_path(program: &str, path: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(path)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(|path| is_executable(path))
}

/// The user's shell, or `/bin/sh` if there is none that works.
#[must_use]
pub fn shell(environment: &Environment) -> PathBuf {
    let wanted = environment.get(OsStr::new("SHELL")).map(PathBuf::from);
    wanted.filter(|shell| shell.is_absolute() && is_executable(shell)).unwrap_or_else(|| "/bin/sh".into())
}

/// By which name a shell is started as an agent: as a login shell, unless it was created from a shell, whose environment it then
/// has already.
pub(crate) fn shell_name(shell: &Path, from_a_shell: bool) -> String {
    let name = shell.file_name().unwrap_or_default().to_string_lossy();
    if from_a_shell { name.into_owned() } else { format!("-{name}") }
}

/// Whether this is a program that may be run.
pub(crate) fn is_executable(path: &Path) -> bool {
    path.is_file() && access(path, Access::EXEC_OK).is_ok()
}

fn not_found(message: String, hint: &str) -> OperationError {
    error("program-not-found", message, hint)
}

fn error(code: &'static str, message: String, hint: &str) -> OperationError {
    OperationError { code: code.into(), message, hint: hint.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_tilde_is_the_home_directory_only_where_a_shell_would_say_so() {
        let home = Path::new("/home/me");
        assert_eq!(expand_home("~", home), home);
        assert_eq!(expand_home("", home), home);
        assert_eq!(expand_home("~/src", home), Path::new("/home/me/src"));
        let text = |directory| expand_home(directory, home).into_os_string().into_string();
        assert_eq!(text("~/"), Ok("/home/me".into()), "programs see it as their working directory");
        assert_eq!(text("/src/./a//"), Ok("/src/a".into()));
        assert_eq!(text("/src/link/../a/.."), Ok("/src".into()));
        assert_eq!(text("/../.."), Ok("/".into()));
        assert_eq!(text("~/src/../../other"), Ok("/home/other".into()));
        let kept = |path: &str| normalised(Path::new(path)).into_os_string().into_string();
        assert_eq!(kept("~/a/../b/"), Ok("~/b".into()));
        assert_eq!(kept("~/../b"), Ok("~/../b".into()), "only the node knows its home");
        assert_eq!(kept("../b/./c"), Ok("../b/c".into()));
        assert_eq!(text("~//src"), Ok("/home/me/src".into()));
        assert_eq!(expand_home("/tmp/~", home), Path::new("/tmp/~"));
        assert_eq!(expand_home("~other", home), Path::new("~other"));
    }

    #[test]
    fn a_directory_must_exist_and_be_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(check_directory(folder.path()), Ok(()));
        assert_eq!(check_directory(&file).unwrap_err().code, "directory-missing");
        let error = check_directory(&folder.path().join("none")).unwrap_err();
        assert_eq!(error.code, "directory-missing");
        assert!(error.message.contains("does not exist") && !error.hint.is_empty());
        assert_eq!(check_directory(Path::new("relative")).unwrap_err().code, "directory-missing");
    }

    #[test]
    fn a_program_is_found_in_the_agent_s_own_path_and_only_if_it_can_run() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("agent");
        fs::write(&program, "#!/bin/sh\n").unwrap();
        let environment = Environment::from([("PATH".into(), format!("/nowhere:{}", folder.path().display()).into())]);
        let find = |program: &str| find_program(program, &environment, folder.path());
        assert_eq!(find("agent").unwrap_err().code, "program-not-found");
        assert!(find("./agent").unwrap_err().message.contains("not an executable file"));
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("agent").unwrap(), program);
        assert!(find("./agent").is_ok());
        assert_eq!(find(program.to_str().unwrap()).unwrap(), program);
        let error = find("no-such-program").unwrap_err();
        assert!(error.hint.contains("/nowhere"), "the hint says where it was looked for");
    }
}
