//! Completion of names in shells. The script that a shell loads runs this program at every completion, and the program asks the node
//! for agents and machines: quickly, and in silence if there is none.

use super::api::{Agent, Api, Machine};
use super::args::Args;
use super::failure::Failure;
use super::{machine, output, state_dir, text};
use clap::CommandFactory as _;
use clap_complete::CompleteEnv;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::Shells;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

/// The variable by which a script asks for completions; its value is the shell.
const VARIABLE: &str = "CONSORT_COMPLETE";

/// How long a person may wait for names after pressing Tab.
const PATIENCE: Duration = Duration::from_millis(200);

/// Answers a completion script, and does not return then. For any other command line it does nothing.
pub fn complete() {
    CompleteEnv::with_factory(Args::command).var(VARIABLE).bin("consort").complete();
}

/// Prints the script that a shell loads.
pub(crate) fn script(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let name = shell.to_string();
    let known =
        shells.completer(&name).ok_or_else(|| Failure::usage(format!("There are no completions for {name}.")))?;
    known
        .write_registration(VARIABLE, "consort", "consort", "consort", &mut script)
        .map_err(|error| Failure::new(format!("The script cannot be written: {error}")))?;
    output::bytes(&script)
}

/// Names of agents that begin with what was typed.
pub(crate) fn agents(typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy().into_owned();
    quickly(move |api| {
        let (agents, machines) = (api.agents().ok()?, api.machines().ok()?);
        let called = agents.iter().map(|agent| candidate(agent, &agents, &machines));
        Some(called.filter(|(name, _)| name.starts_with(&typed)).collect())
    })
}

/// How an agent is written on a command line, and what a shell shows beside it.
fn candidate(agent: &Agent, all: &[Agent], machines: &[Machine]) -> (String, String) {
    let machine = machines.iter().find(|machine| machine.id == agent.node);
    let label = machine.map_or_else(String::new, |machine| machine::label(machine, machines));
    let several = all.iter().filter(|other| other.name == agent.name).count() > 1;
    let state = match machine {
        Some(machine) if !machine.own && !machine.reachable => "unreachable",
        _ => &agent.state.kind,
    };
    let there = if machines.len() > 1 { format!(" on {label}") } else { String::new() };
    // Names of sessions that were found may hold what a shell would act on: such an agent is completed by its id.
    let plain = |name: &str| name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '·'));
    let full = if several && machine.is_some() { format!("{}@{label}", agent.name) } else { agent.name.clone() };
    let (name, description) = if plain(&full) {
        (full, format!("{state}{there}"))
    } else {
        (agent.id.clone(), format!("{}: {state}{there}", agent.name))
    };
    (name, text::one_line(&description))
}

/// Names of machines that begin with what was typed.
pub(crate) fn machines(typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy().into_owned();
    quickly(move |api| {
        let machines = api.machines().ok()?;
        let called = machines.iter().map(|machine| (machine::label(machine, &machines), machine.state().to_string()));
        Some(called.filter(|(name, _)| name.starts_with(&typed)).collect())
    })
}

/// What the node answers within [`PATIENCE`]; otherwise nothing.
fn quickly(ask: impl FnOnce(&Api) -> Option<Vec<(String, String)>> + Send + 'static) -> Vec<CompletionCandidate> {
    let Some(state_dir) = state_dir::resolve(chosen(std::env::args_os()).as_deref()).ok() else { return Vec::new() };
    let (done, answer) = channel();
    std::thread::spawn(move || {
        let api = Api::with_patience(crate::sockets::place(&state_dir).control, PATIENCE);
        let _ = done.send(ask(&api));
    });
    let names = answer.recv_timeout(PATIENCE).ok().flatten().unwrap_or_default();
    let described =
        |(name, help): (String, String)| CompletionCandidate::new(name).help((!help.is_empty()).then(|| help.into()));
    names.into_iter().map(described).collect()
}

/// The state directory that the command line or the environment names.
fn chosen(words: impl Iterator<Item = OsString>) -> Option<PathBuf> {
    let mut words = words.skip_while(|word| word != "--").skip(1);
    while let Some(word) = words.next() {
        if word == "--state-dir" {
            return words.next().map(PathBuf::from);
        }
        if let Some(folder) = word.to_str().and_then(|word| word.strip_prefix("--state-dir=")) {
            return Some(folder.into());
        }
    }
    std::env::var_os("CONSORT_STATE_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(name: &str, node: &str) -> Agent {
        Agent { id: format!("id-of-{name}"), name: name.into(), node: node.into(), ..Agent::default() }
    }

    #[test]
    fn a_name_is_completed_so_that_it_is_found() {
        let machines =
            [Machine { own: true, reachable: true, ..Machine::named("d", "desk") }, Machine::named("s", "server")];
        let found = Agent { id: "id-of-my".into(), ..agent("my rm", "d") };
        let agents = [agent("a-b", "d"), agent("twin", "d"), agent("twin", "s"), found];
        let names: Vec<(String, String)> = agents.iter().map(|one| candidate(one, &agents, &machines)).collect();
        let names: Vec<(&str, &str)> = names.iter().map(|(name, help)| (name.as_str(), help.as_str())).collect();
        let expected = [
            ("a-b", "on desk"),
            ("twin@desk", "on desk"),
            ("twin@server", "unreachable on server"),
            ("id-of-my", "my rm:  on desk"),
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn the_state_directory_of_the_completed_command_line_counts() {
        let chosen = |line: &str| chosen(line.split(' ').map(OsString::from));
        assert_eq!(chosen("consort -- consort --state-dir /s ls"), Some("/s".into()));
        assert_eq!(chosen("consort -- consort ls --state-dir=/t"), Some("/t".into()));
    }
}
