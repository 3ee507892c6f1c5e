//! The commands about agents: list, create, type, look, rename, start and stop, delete, notes.

use super::api::{Agent, Api, Machine};
use super::args::{AgentArg, LsArgs, NewArgs};
use super::attach::{self, DetachKey, Target};
use super::failure::Failure;
use super::filter::Filter;
use super::pane::{self, PaneName};
use super::pick::{Census, Precision};
use super::style::Style;
use super::{environment, machine, output, table, text};
use crate::launch::normalised;
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Lists the agents that fit.
///
/// # Errors
/// There are filters, and no agent matches: scripts can ask that way.
pub(crate) fn list(api: &Api, list: &LsArgs) -> Result<(), Failure> {
    let machines = api.machines()?;
    let json = api.agents_as_json()?;
    let agents = Api::read_agents(json.clone())?;
    note_trouble(api);
    let filter = Filter::of(list, &machines, &agents)?;
    let fits: Vec<bool> = agents.iter().map(|agent| filter.fits(agent, &machines)).collect();
    let none = !fits.contains(&true);
    if list.json {
        let fitting = json.as_array().into_iter().flatten().zip(&fits).filter(|(_, fits)| **fits);
        let fitting = fitting.map(|(agent, _)| with_start(api, with_machine(agent.clone(), &machines))).collect();
        output::line(&format!("{:#}", Value::Array(fitting)))?;
    } else if !none {
        let fitting: Vec<Agent> =
            agents.iter().zip(&fits).filter(|(_, fits)| **fits).map(|(agent, _)| agent.clone()).collect();
        let style = Style::of_stdout();
        output::text(&match style.width {
            None => table::lines(&fitting, &machines),
            Some(_) => table::table(&fitting, &machines, &style) + &table::summary(&fitting, &machines),
        })?;
    }
    if !none || (filter.is_empty() && (list.json || Style::of_stdout().width.is_none())) {
        return Ok(());
    }
    if filter.is_empty() {
        return output::line("No agents yet. Create one with: consort new NAME -- PROGRAM");
    }
    Err(match agents.len() {
        0 => Failure::new("No agent matches: there are none yet.").hint("Create one with: consort new NAME -- PROGRAM"),
        1 => Failure::new("The only agent does not fit.").hint("See it with: consort ls"),
        all => Failure::new(format!("None of the {all} agents matches.")).hint("See them all with: consort ls"),
    })
}

/// An empty or short list has a reason if tmux cannot be used.
fn note_trouble(api: &Api) {
    let trouble = api.place().ok().and_then(|place| place.tmux).and_then(|tmux| tmux.trouble);
    if let Some(trouble) = trouble {
        eprintln!("consort: tmux: {}", text::one_line(&trouble));
    }
}

/// An agent as the API has it, with the name of its machine, whether that can be reached, and since when.
fn with_machine(mut agent: Value, machines: &[Machine]) -> Value {
    if let Some(machine) = machines.iter().find(|machine| agent["node"] == machine.id.as_str()) {
        agent["machine"] = json!(machine.name);
        agent["reachable"] = json!(machine.reachable);
        agent["since_ms"] = json!(machine.since_ms);
    }
    agent
}

/// A stopped agent with what a start would do with its last conversation.
fn with_start(api: &Api, mut agent: Value) -> Value {
    let stopped = agent["running"] == false && agent["origin"] == "created" && !agent["session"].is_null();
    if let Some(id) = agent["id"].as_str().filter(|_| stopped)
        && let Ok(start) = api.start(id)
    {
        agent["start"] = start;
    }
    agent
}

pub(crate) fn create(api: &Api, new: NewArgs) -> Result<(), Failure> {
    if new.attach {
        attach::require_terminal()?;
    }
    let machines = api.machines()?;
    let (name, machine) = place(&machines, &new)?;
    let far = machine.is_some_and(|machine| !machine.own);
    let node = machine.or_else(|| machines.iter().find(|machine| machine.own)).map(|machine| machine.id.clone());
    if machines.len() > 1 && !new.yes {
        let census = Census { agents: api.agents()?, machines: machines.clone() };
        if let Some(question) = namesake(&census, &node.unwrap_or_default(), name) {
            let what = "new would make two agents share a name";
            output::confirm(false, what, &question, "Nothing was created.")?;
        }
    }
    let mut request = json!({
        "name": name,
        "directory": if far { directory_there(new.dir.as_deref())? } else { directory(new.dir.as_deref())? },
        "autostart": !new.no_autostart,
    });
    if let Some(machine) = machine.filter(|machine| !machine.own) {
        request["node"] = json!(machine.id);
    }
    let mut program = new.program.into_iter();
    if let Some(name) = program.next() {
        request["program"] = json!(name);
        request["args"] = json!(program.collect::<Vec<String>>());
    }
    if !far && !new.clean_env {
        let (passed, too_long) = environment::of_this_shell(std::env::vars_os());
        for name in too_long {
            eprintln!("consort: {name} is longer than 16 KiB and is not handed over");
        }
        request["caller"] = passed.into_iter().collect();
    }
    let switch = new.no_hooks.then(|| {
        let (name, off) = consort_core::directory::HOOKS_OFF;
        (name.to_owned(), off.to_owned())
    });
    if !new.env.is_empty() || switch.is_some() {
        request["env"] = new.env.into_iter().chain(switch).collect();
    }
    if let Some(notes) = new.notes {
        request["notes"] = json!(notes);
    }
    if let Some(backend) = new.backend {
        request["backend"] = json!(backend.as_str());
    }
    if let Ok(size) = rustix::termios::tcgetwinsize(std::io::stdout())
        && size.ws_col > 0
        && size.ws_row > 0
    {
        request["cols"] = json!(size.ws_col);
        request["rows"] = json!(size.ws_row);
    }
    let mut agent = api.create(&request)?;
    if !new.tag.is_empty() {
        agent = api
            .change(&agent.id, &json!({ "tags": new.tag }))
            .map_err(|failure| Failure::new(format!("{} was created, but not tagged: {failure}", agent.name)))?;
    }
    if agent.backend == "tmux" {
        warn_of_options(api, &agent.node);
    }
    if new.attach {
        let called = Census { agents: Vec::new(), machines }.called(&agent);
        return attach::run(api.client().socket(), &target(&agent, &called, None), new.keys.detach_key);
    }
    if std::io::stdout().is_terminal() {
        let called = text::one_line(&Census { agents: Vec::new(), machines }.called(&agent));
        return output::line(&format!("created {called}; look at it with: consort attach {called}"));
    }
    output::line(&agent.id)
}

/// Says on standard error what the user's tmux will do to a new agent. The agent is there, so a failure here is none.
fn warn_of_options(api: &Api, node: &str) {
    let Ok(tmux) = api.tmux_of(node) else { return };
    if let Some((_, warning)) = tmux["detail"].as_str().and_then(|detail| detail.split_once("; ")) {
        eprintln!("consort: tmux: {} (`consort doctor` says how to change that)", text::one_line(warning));
    }
}

/// The name of a new agent, and the machine that it shall be on if one is named.
fn place<'a>(machines: &'a [Machine], new: &'a NewArgs) -> Result<(&'a str, Option<&'a Machine>), Failure> {
    let (name, at) = new.name.rsplit_once('@').map_or((&*new.name, None), |(name, at)| (name, Some(at)));
    let pick = |node: Option<&str>| node.map(|node| machine::pick(machines, node)).transpose();
    match (pick(at)?, pick(new.node.as_deref())?) {
        (Some(at), Some(node)) if at.id != node.id => {
            Err(Failure::usage(format!("{} is on {}, and --node says {}.", new.name, at.name, node.name)))
        }
        (at, node) => Ok((name, at.or(node))),
    }
}

/// A directory of another machine: what is relative here means nothing there.
fn directory_there(chosen: Option<&Path>) -> Result<String, Failure> {
    match chosen {
        None => Ok("~".into()),
        Some(dir) if dir.starts_with("~") || dir.is_absolute() => directory(chosen),
        Some(dir) => Err(Failure::usage(format!("{} is relative to a directory of this machine.", dir.display()))
            .hint("Give an absolute directory of that machine, or one that begins with ~/")),
    }
}

/// An absolute directory, or one that begins with `~` as it is: the node knows its home.
fn directory(chosen: Option<&Path>) -> Result<String, Failure> {
    let chosen = chosen.unwrap_or(Path::new("."));
    let absolute = match chosen {
        dir if dir.starts_with("~") || dir.is_absolute() => dir.to_path_buf(),
        dir => current_directory()?.join(dir),
    };
    let absolute = normalised(&absolute);
    let not_text = |_| Failure::new(format!("{} is not UTF-8: a node cannot be told of it.", chosen.display()));
    absolute.into_os_string().into_string().map_err(not_text)
}

/// Where this command was started, by the links that led there, if the shell has told.
fn current_directory() -> Result<PathBuf, Failure> {
    let real = std::env::current_dir().map_err(|error| {
        Failure::new(format!("The current directory cannot be used: {error}.")).hint("Name one with: --dir DIR")
    })?;
    let same = |path: &PathBuf| match (path.metadata(), real.metadata()) {
        (Ok(one), Ok(other)) => path.is_absolute() && (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    };
    Ok(std::env::var_os("PWD").map(PathBuf::from).filter(same).unwrap_or(real))
}

fn target(agent: &Agent, called: &str, pane: Option<u32>) -> Target {
    Target { agent: agent.id.clone(), name: text::one_line(called), pane }
}

pub(crate) fn attach(api: &Api, wanted: &AgentArg, pane: Option<PaneName>, key: DetachKey) -> Result<(), Failure> {
    attach::require_terminal()?;
    let census = Census::take(api)?;
    let agent = census.pick(wanted, Precision::Beginning)?;
    let called = census.called(agent);
    if let Some(machine) = census.machine_of(agent).filter(|machine| !machine.reachable) {
        let (name, age) = (text::one_line(&machine.name), text::age(machine.since_ms));
        return Err(Failure::new(format!("{name} has been out of reach for {age}."))
            .hint(format!("{} goes on there. See what {name} is up to: consort peers", agent.name)));
    }
    let pane = pane.map(|pane| pane::pick(agent, &called, pane)).transpose()?;
    if !agent.running && agent.terminals.is_empty() {
        return Err(
            Failure::new(format!("{called} is not running.")).hint(format!("Start it with: consort start {called}"))
        );
    }
    attach::run(api.client().socket(), &target(agent, &called, pane), key)
}

pub(crate) fn screen(api: &Api, wanted: &AgentArg, history: u32, pane: Option<PaneName>) -> Result<(), Failure> {
    let census = Census::take(api)?;
    let agent = census.pick(wanted, Precision::Beginning)?;
    let pane = pane.map(|pane| pane::pick(agent, &census.called(agent), pane)).transpose()?;
    let screen = text::lines(&api.screen(&agent.id, history, pane)?);
    let shown = screen.trim_end();
    if shown.is_empty() { Ok(()) } else { output::line(shown) }
}

pub(crate) fn rename(api: &Api, wanted: &AgentArg, new: &str, yes: bool) -> Result<(), Failure> {
    let census = Census::take(api)?;
    let agent = census.pick(wanted, Precision::Beginning)?;
    let new = new_name(&census, agent, new)?;
    if let Some(question) = namesake(&census, &agent.node, new) {
        output::confirm(yes, "rename would make two agents share a name", &question, "Nothing was renamed.")?;
    }
    let before = census.called(agent);
    let renamed = Agent { name: api.change(&agent.id, &json!({ "name": new }))?.name, ..agent.clone() };
    output::done(&format!("{before} is now {}", census.called(&renamed)))
}

/// What to ask before an agent of the machine `node` gets a name that an agent of another machine has.
fn namesake(census: &Census, node: &str, name: &str) -> Option<String> {
    let other = census.agents.iter().find(|agent| agent.name == name && agent.node != node)?;
    let machine = census.machine_of(other).map_or("another machine", |machine| &machine.name);
    let (name, machine) = (text::one_line(name), text::one_line(machine));
    Some(format!(
        "{machine} has an agent named {name}, too. From then on each has to be named with its machine, as in \
         {name}@{machine}. Use that name all the same?"
    ))
}

/// The name in `new`, which may say the machine again; an agent does not move to another one.
fn new_name<'a>(census: &Census, agent: &Agent, new: &'a str) -> Result<&'a str, Failure> {
    let Some((name, at)) = new.rsplit_once('@') else { return Ok(new) };
    let there = machine::pick(&census.machines, at)?;
    if there.id == agent.node {
        return Ok(name);
    }
    let (called, there) = (census.called(agent), text::one_line(&there.name));
    Err(Failure::usage(format!("{called} cannot move to {there}: an agent stays on its machine."))
        .hint(format!("Rename it there with: consort rename {called} {name}")))
}

/// What can be ordered of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Start { fresh: bool },
    Stop,
    Restart { fresh: bool },
}

pub(crate) fn order(api: &Api, wanted: &AgentArg, order: Order) -> Result<(), Failure> {
    let interactive = std::io::stdin().is_terminal();
    let (verb, done, precision, fresh) = match order {
        Order::Start { fresh } => ("start", "started", Precision::Beginning, Some(fresh)),
        Order::Stop => ("stop", "stopped", precision_of_an_end(interactive), None),
        Order::Restart { fresh } => ("restart", "restarted", precision_of_an_end(interactive), Some(fresh)),
    };
    let census = Census::take(api)?;
    let agent = census.pick(wanted, precision)?;
    if fresh == Some(false) {
        // A node of an older version does not know, and begins a new conversation.
        let start = api.start(&agent.id).ok();
        if let Some(line) = start.as_ref().and_then(|start| conversation(&census.called(agent), start)) {
            eprintln!("{line}");
        }
    }
    api.order(&agent.id, verb, fresh == Some(true))?;
    output::done(&format!("{done} {}", census.called(agent)))
}

/// What a start does with an agent's last conversation, if there is something to say.
fn conversation(called: &str, start: &Value) -> Option<String> {
    let text = |value: &Value| text::one_line(value.as_str().unwrap_or_default());
    if let Some(session) = start["resumes"].as_object() {
        let command: Vec<String> = start["command"].as_array().into_iter().flatten().map(word).collect();
        return Some(format!("{called} resumes the conversation {}: {}", text(&session["id"]), command.join(" ")));
    }
    let why = text(&start["why"]);
    (!why.is_empty()).then(|| format!("{called} begins a new conversation: {why}"))
}

/// A word of a command line, as a person would type it.
fn word(value: &Value) -> String {
    match value.as_str().unwrap_or_default() {
        plain if !plain.is_empty() && !plain.contains([' ', '\'', '"']) => text::one_line(plain),
        other => format!("'{}'", text::one_line(other)),
    }
}

pub(crate) fn adopt(api: &Api, wanted: &AgentArg, yes: bool) -> Result<(), Failure> {
    let census = Census::take(api)?;
    let agent = census.pick(wanted, precision_of_an_end(!yes))?;
    let called = census.called(agent);
    if agent.origin == "created" {
        return Err(Failure::new(format!("{called} was created here, so it can be started again already.")));
    }
    let process = api.process(&agent.id)?;
    let mut command = vec![process["program"].as_str().map_or("your shell".to_string(), |_| word(&process["program"]))];
    command.extend(process["args"].as_array().into_iter().flatten().map(word));
    let (command, directory) = (command.join(" "), text::one_line(process["directory"].as_str().unwrap_or_default()));
    let question =
        format!("{called} runs {command} in {directory}. Start it like this from now on, also after a reboot?");
    output::confirm(yes, "adopt decides what is started", &question, "Nothing was changed.")?;
    api.adopt(&agent.id, &process)?;
    output::done(&format!("adopted {called}: {command} in {directory}"))
}

/// A script must name in full what it ends: a beginning could hit another agent once the one it meant is gone.
fn precision_of_an_end(interactive: bool) -> Precision {
    if interactive { Precision::Beginning } else { Precision::Full }
}

pub(crate) fn remove(api: &Api, wanted: &AgentArg, yes: bool) -> Result<(), Failure> {
    let interactive = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !yes && !interactive {
        return Err(
            Failure::usage("rm deletes an agent for good, and there is nobody to ask.").hint("Confirm with: --yes")
        );
    }
    let census = Census::take(api)?;
    let agent = census.pick(wanted, precision_of_an_end(!yes))?;
    if !yes {
        let mut known = agent.clone();
        if agent.id.contains('@') {
            // The list does not carry the notes of other machines' agents.
            known.notes = api.notes(&agent.id).ok();
        }
        known.name = census.called(agent);
        output::confirm(yes, "rm deletes an agent for good", &what_is_lost(&known), "Nothing was deleted.")?;
    }
    api.delete(&agent.id)?;
    output::done(&format!("deleted {}", census.called(agent)))
}

/// The question before a deletion.
fn what_is_lost(agent: &Agent) -> String {
    let mut lost = Vec::new();
    if agent.running {
        let program = text::one_line(agent.command());
        let age = text::age(agent.state.age_ms);
        let program = if program.is_empty() { "its program".into() } else { program };
        lost.push(format!("{program} ends ({} for {age})", text::one_line(&agent.state.kind)));
        lost.push(match agent.terminals.len() {
            0 | 1 => "its scrollback is lost".into(),
            several => format!("the scrollback of its {several} terminals is lost"),
        });
    }
    match agent.notes.as_deref().unwrap_or_default().trim().lines().count() {
        0 => {}
        1 => lost.push("1 line of notes is lost".into()),
        lines => lost.push(format!("{lines} lines of notes are lost")),
    }
    let name = text::one_line(&agent.name);
    let found = agent.running && agent.origin == "found";
    let whose = if found { " It is your own tmux session, not one that Consort started:" } else { "" };
    if lost.is_empty() { format!("Delete {name}?") } else { format!("Delete {name}?{whose} {}.", lost.join(", ")) }
}

pub(crate) fn notes(api: &Api, wanted: &AgentArg, new: Option<String>) -> Result<(), Failure> {
    let census = Census::take(api)?;
    let agent = census.pick(wanted, Precision::Beginning)?;
    if let Some(new) = new {
        return api.set_notes(&agent.id, &output::argument_or_stdin(&new)?);
    }
    let notes = text::lines(&api.notes(&agent.id)?);
    if notes.is_empty() || notes.ends_with('\n') { output::text(&notes) } else { output::line(&notes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::api::{AgentState, Terminal};

    #[test]
    fn the_question_before_a_deletion_says_what_will_be_lost() {
        let mut agent = Agent { name: "zoom".into(), ..Agent::default() };
        assert_eq!(what_is_lost(&agent), "Delete zoom?");
        agent.running = true;
        agent.program = Some("/bin/claude".into());
        agent.state = AgentState { kind: "working".into(), age_ms: 12_000, ..AgentState::default() };
        assert_eq!(what_is_lost(&agent), "Delete zoom? claude ends (working for 12s), its scrollback is lost.");
        agent.notes = Some("one\ntwo\n".into());
        assert_eq!(
            what_is_lost(&agent),
            "Delete zoom? claude ends (working for 12s), its scrollback is lost, 2 lines of notes are lost."
        );
        agent.origin = "found".into();
        agent.backend = "tmux".into();
        agent.notes = None;
        agent.terminals = vec![Terminal::default(), Terminal::default()];
        assert_eq!(
            what_is_lost(&agent),
            "Delete zoom? It is your own tmux session, not one that Consort started: \
             claude ends (working for 12s), the scrollback of its 2 terminals is lost."
        );
    }

    #[test]
    fn a_new_name_may_say_the_agents_own_machine_and_no_other() {
        let machines = vec![Machine::named("d", "desk"), Machine::named("m", "mini")];
        let agent = Agent { node: "m".into(), name: "web".into(), ..Agent::default() };
        let census = Census { agents: Vec::new(), machines };
        assert_eq!(new_name(&census, &agent, "web2"), Ok("web2"));
        assert_eq!(new_name(&census, &agent, "web2@mini"), Ok("web2"));
        let error = new_name(&census, &agent, "web2@desk").unwrap_err().to_string();
        assert!(error.contains("stays on its machine") && error.ends_with("consort rename web@mini web2"), "{error}");
    }

    #[test]
    fn a_directory_is_made_absolute_unless_the_node_must_find_the_home() {
        assert_eq!(directory(Some(Path::new("~/src"))), Ok("~/src".into()));
        assert_eq!(directory(Some(Path::new("/src"))), Ok("/src".into()));
        let here = std::env::current_dir().unwrap();
        assert_eq!(directory(None), Ok(here.to_str().unwrap().into()));
        assert_eq!(directory(Some(Path::new("x"))), Ok(here.join("x").to_str().unwrap().into()));
    }
}
