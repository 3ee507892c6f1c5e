//! What every backend needs to start a program: its environment, its directory, where it is. Errors are words for a person.

use consort_core::{LaunchSpec, OperationError};
use rustix::fs::{Access, access};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Variables of the node that an agent gets. Everything else (`TMUX`, tokens, what the node itself was started from) stays here.
const PASSED_ON: [&str; 11] =
    ["HOME", "USER", "LOGNAME", "SHELL", "PATH", "LANG", "TZ", "SSH_AUTH_SOCK", "DISPLAY", "WAYLAND_DISPLAY", "TMPDIR"];
/// Beginnings of names of variables that an agent gets.
const PASSED_ON_PREFIXES: [&str; 2] = ["LC_", "XDG_"];
/// Where programs are looked for if nobody says.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Browsers show UTF-8; a program that is told of no encoding would print ASCII.
const DEFAULT_LANG: &str = if cfg!(target_os = "macos") { "en_US.UTF-8" } else { "C.UTF-8" };

/// Variables by name.
pub type Environment = BTreeMap<OsString, OsString>;

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

/// The environment of an agent: the allowed part of the node's, what a browser's terminal can do, who the agent is, and the
/// agent's own variables, which win.
pub fn environment(spec: &LaunchSpec, node: impl IntoIterator<Item = (OsString, OsString)>) -> Environment {
    let mut environment: Environment = node.into_iter().filter(|(name, _)| is_passed_on(name)).collect();
    let mut default = |name: &str, value: &str| {
        environment.entry(name.into()).or_insert_with(|| value.into());
    };
    default("PATH", DEFAULT_PATH);
    default("SHELL", "/bin/sh");
    let encoded = ["LANG", "LC_ALL", "LC_CTYPE"].iter().any(|name| environment.contains_key(OsStr::new(name)));
    if !encoded {
        environment.insert("LANG".into(), DEFAULT_LANG.into());
    }
    for (name, value) in [
        ("TERM", "xterm-256color"),
        ("COLORTERM", "truecolor"),
        ("CONSORT_AGENT_ID", &spec.agent.to_string()),
        ("CONSORT_AGENT_NAME", &spec.name),
    ] {
        environment.insert(name.into(), value.into());
    }
    environment.extend(spec.env.iter().map(|(name, value)| (name.into(), value.into())));
    environment
}

fn is_passed_on(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    PASSED_ON.contains(&name) || PASSED_ON_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// The directory that is meant: `~` and `~/…` in `home`, empty `home` itself, everything else as it is.
#[must_use]
pub fn expand_home(directory: &str, home: &Path) -> PathBuf {
    let expanded = match directory {
        "" | "~" => home.to_owned(),
        _ => directory
            .strip_prefix("~/")
            .map_or_else(|| PathBuf::from(directory), |below| home.join(below.trim_start_matches('/'))),
    };
    // Without doubled and trailing slashes: programs are told of it as it is written.
    expanded.components().collect()
}

/// Whether programs can be started there.
///
/// # Errors
/// `directory-missing` or `directory-closed`.
pub fn check_directory(directory: &Path) -> Result<(), OperationError> {
    let shown = directory.display();
    let missing = |message: String| Err(error("directory-missing", message, "Create it, or choose another directory."));
    if !directory.is_absolute() {
        return missing(format!("The directory {shown} is not an absolute path."));
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

/// The user's shell, or `/bin/sh` if there is none that works.
#[must_use]
pub fn shell(environment: &Environment) -> PathBuf {
    let wanted = environment.get(OsStr::new("SHELL")).map(PathBuf::from);
    wanted.filter(|shell| shell.is_absolute() && is_executable(shell)).unwrap_or_else(|| "/bin/sh".into())
}

fn is_executable(path: &Path) -> bool {
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
    use consort_core::directory::BackendKind;
    use consort_core::{AgentId, Size};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn spec(env: &[(&str, &str)]) -> LaunchSpec {
        LaunchSpec {
            agent: AgentId(7),
            backend: BackendKind::Pty,
            name: "a-b".into(),
            directory: "~".into(),
            program: None,
            args: Vec::new(),
            env: env.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            size: Size::DEFAULT,
        }
    }

    fn made(node: &[(&str, &str)], own: &[(&str, &str)]) -> BTreeMap<String, String> {
        let node = node.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let text = |text: OsString| text.into_string().unwrap();
        environment(&spec(own), node).into_iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn secrets_and_other_programs_marks_do_not_reach_agents() {
        let node = [
            ("HOME", "/home/me"),
            ("LC_TIME", "de_DE"),
            ("XDG_RUNTIME_DIR", "/run/user/1"),
            ("TMUX", "/tmp/tmux"),
            ("TMUX_PANE", "%1"),
            ("CLAUDECODE", "1"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("CONSORT_TOKEN", "x"),
            ("TERM", "dumb"),
        ];
        let made = made(&node, &[]);
        assert_eq!(made["HOME"], "/home/me");
        assert_eq!(made["LC_TIME"], "de_DE");
        assert_eq!(made["XDG_RUNTIME_DIR"], "/run/user/1");
        assert_eq!(made["TERM"], "xterm-256color");
        assert_eq!(made["COLORTERM"], "truecolor");
        assert_eq!(made["CONSORT_AGENT_ID"], AgentId(7).to_string());
        assert_eq!(made["CONSORT_AGENT_NAME"], "a-b");
        for leaked in ["TMUX", "TMUX_PANE", "CLAUDECODE", "AWS_SECRET_ACCESS_KEY", "CONSORT_TOKEN"] {
            assert!(!made.contains_key(leaked), "{leaked} must not be passed on");
        }
    }

    #[test]
    fn an_agent_s_own_variables_win() {
        let made = made(&[("PATH", "/bin"), ("LANG", "de_DE.UTF-8")], &[("PATH", "/opt/bin"), ("TERM", "vt100")]);
        assert_eq!((&*made["PATH"], &*made["TERM"], &*made["LANG"]), ("/opt/bin", "vt100", "de_DE.UTF-8"));
    }

    #[test]
    fn an_agent_is_told_of_an_encoding_and_a_path_if_the_node_has_none() {
        let made = made(&[], &[]);
        assert!(made["LANG"].ends_with("UTF-8"));
        assert_eq!(made["PATH"], DEFAULT_PATH);
    }

    #[test]
    fn a_tilde_is_the_home_directory_only_where_a_shell_would_say_so() {
        let home = Path::new("/home/me");
        assert_eq!(expand_home("~", home), home);
        assert_eq!(expand_home("", home), home);
        assert_eq!(expand_home("~/src", home), Path::new("/home/me/src"));
        let text = |directory| expand_home(directory, home).into_os_string().into_string();
        assert_eq!(text("~/"), Ok("/home/me".into()), "programs see it as their working directory");
        assert_eq!(text("/src/./a//"), Ok("/src/a".into()));
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
