//! `consort env`: what agents of this machine are started with; and what `consort new` hands over from the caller's shell.

use super::api::{Api, EnvironmentReport, Shell};
use super::args::EnvCommand;
use super::failure::Failure;
use super::style::Style;
use super::{output, text};
use crate::environment::names;
use consort_core::limits;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal as _;

pub(crate) fn run(api: &Api, command: EnvCommand) -> Result<(), Failure> {
    match command {
        EnvCommand::Set { variable } => {
            let (name, value) = match variable.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.to_owned()),
                None => (variable, value()?),
            };
            api.set_variable(&name, &value)?;
            output::done(&format!("{name} is set for agents that are started from now on"))
        }
        EnvCommand::Unset { name } => {
            api.remove_variable(&name)?;
            output::done(&format!("{name} is no longer set for agents that are started from now on"))
        }
        EnvCommand::List { show } => list(api, show),
        EnvCommand::Reload => {
            let shell = api.reload_environment()?.shell.unwrap_or_default();
            match &shell.problem {
                None => output::line(&described(&shell)),
                Some(problem) => Err(Failure::new(text::one_line(problem))
                    .hint(text::one_line(shell.advice.as_deref().unwrap_or_default()))),
            }
        }
    }
}

/// A value from standard input: on a command line others could read it.
fn value() -> Result<String, Failure> {
    if std::io::stdin().is_terminal() {
        return Err(Failure::usage("There is no value.").hint("Give NAME=VALUE, or write the value to standard input."));
    }
    output::argument_or_stdin("-")
}

fn list(api: &Api, show: bool) -> Result<(), Failure> {
    let EnvironmentReport { variables, .. } = api.environment()?;
    if variables.is_empty() && Style::of_stdout().width.is_some() {
        return output::line("No variables are set for all agents. Set one with: consort env set NAME=VALUE");
    }
    let mut out = String::new();
    for variable in &variables {
        let name = &variable.name;
        let line = if show {
            let value = api.variable(name)?;
            // For programs as it is; for people so that it does nothing to their terminal.
            format!("{name}={}\n", if Style::of_stdout().width.is_some() { text::one_line(&value) } else { value })
        } else {
            format!("{name}  ({} character{})\n", variable.length, if variable.length == 1 { "" } else { "s" })
        };
        out.push_str(&line);
    }
    output::text(&out)
}

/// Where the environment of agents is from, in a sentence.
pub(crate) fn described(shell: &Shell) -> String {
    let took = shell.took_ms as f64 / 1_000.0;
    let how = match shell.mode.as_str() {
        "interactive" => "-l -i",
        "login" => "-l",
        _ => return format!("the node's own: {} variables", shell.variables),
    };
    format!("{} variables of {} {how}, read in {took:.1} s", shell.variables, text::one_line(&shell.shell))
}

/// The variables of this shell that a node is asked to give to an agent, and the names of those that are too long for that.
pub(crate) fn of_this_shell(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> (BTreeMap<String, String>, Vec<String>) {
    let mut passed = BTreeMap::new();
    let mut too_long = Vec::new();
    for (name, value) in variables {
        // What is not text cannot be said in JSON; functions that a shell exports have names that only it understands.
        let (Ok(name), Ok(value)) = (name.into_string(), value.into_string()) else { continue };
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !plain || names::is_stripped(&name) || names::is_of_a_moment(&name) {
            continue;
        }
        if value.len() > limits::TEXT_BYTES {
            too_long.push(name);
        } else {
            passed.insert(name, value);
        }
    }
    (passed, too_long)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStringExt;

    #[test]
    fn only_text_goes_over_that_is_not_ours_and_not_too_long() {
        let pair = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        let shell = [
            pair("VIRTUAL_ENV", "/venv"),
            pair("CONSORT_STATE_DIR", "/x"),
            pair("TMUX", "/x"),
            pair("BASH_FUNC_x%%", "() { :; }"),
            pair("LONG", &"x".repeat(limits::TEXT_BYTES + 1)),
            (OsString::from("BYTES"), OsString::from_vec(vec![0xff])),
        ];
        let (passed, too_long) = of_this_shell(shell);
        assert_eq!(passed, BTreeMap::from([("VIRTUAL_ENV".to_owned(), "/venv".to_owned())]));
        assert_eq!(too_long, ["LONG"]);
    }

    #[test]
    fn where_the_environment_is_from_is_one_sentence() {
        let shell = |mode: &str| Shell {
            mode: mode.into(),
            shell: "/bin/zsh".into(),
            variables: 43,
            took_ms: 312,
            ..Shell::default()
        };
        assert_eq!(described(&shell("interactive")), "43 variables of /bin/zsh -l -i, read in 0.3 s");
        assert_eq!(described(&shell("node")), "the node's own: 43 variables");
    }
}
