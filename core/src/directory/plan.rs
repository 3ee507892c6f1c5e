//! The steps that carry out a command on one agent: some for the backend, some for the store, one after the other.

use super::record::Record;
use super::{Desired, Name, Origin};
use crate::command::Command;
use crate::error::{Refusal, RefusalCode};
use crate::id::{AgentId, CommandId};
use crate::input::ProcessInfo;
use crate::limits;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// One step. The plan goes on when it has succeeded and is given up when it has failed.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Store(Box<Record>),
    Unstore,
    Launch,
    Kill,
    Rename(String),
    Mark,
}

/// What the command's sender gets at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Agent,
    Deleted,
    Notes,
}

#[derive(Debug)]
pub(super) struct Plan {
    /// `None`: the node's own doing (restoring the desired state).
    pub(super) command: Option<CommandId>,
    pub(super) steps: VecDeque<Step>,
    pub(super) outcome: Outcome,
    /// When it fails, the agent is forgotten: it was being created.
    pub(super) creating: bool,
    /// What has been done already and stays, in words: a refusal must say it.
    pub(super) done: Option<&'static str>,
    /// What it starts begins a new conversation.
    pub(super) fresh: bool,
}

impl Plan {
    /// Whether it is going to end the carrier, or is just doing it.
    pub(super) fn kills(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Kill))
    }

    /// Whether it is going to start a carrier, or is just doing it.
    pub(super) fn launches(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Launch))
    }

    /// Whether the agent gets this name when it succeeds.
    pub(super) fn gives_name(&self, name: &str) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Store(record) if record.name == name))
    }
}

/// What a plan is made from.
pub(super) struct Situation<'a> {
    pub(super) id: AgentId,
    pub(super) running: bool,
    /// The stored record, or for an agent that was only found, the one it would get.
    pub(super) record: &'a Record,
    pub(super) managed: bool,
}

pub(super) fn refuse(code: RefusalCode, message: impl Into<String>, hint: &str) -> Refusal {
    Refusal { code, message: message.into(), hint: hint.to_string() }
}

/// The plan for a command on an agent that exists.
pub(super) fn plan(id: CommandId, command: &Command, now: &Situation<'_>) -> Result<Plan, Refusal> {
    let with = |steps: Vec<Step>, outcome| Plan {
        command: Some(id),
        steps: steps.into(),
        outcome,
        creating: false,
        done: None,
        fresh: matches!(command, Command::StartFresh(_) | Command::RestartFresh(_)),
    };
    let desired = |desired| Step::Store(Box::new(Record { desired, ended: false, ..now.record.clone() }));
    let name = &now.record.name;
    match command {
        Command::Start(_) | Command::StartFresh(_) if now.running => {
            Err(refuse(RefusalCode::Conflict, format!("{name} is running already."), "Use restart to start it anew."))
        }
        Command::Start(_)
        | Command::StartFresh(_)
        | Command::Stop(_)
        | Command::Restart(_)
        | Command::RestartFresh(_)
            if now.record.origin == Origin::Found =>
        {
            Err(refuse(
                RefusalCode::Conflict,
                format!("{name} is a session that Consort did not start, so it could not be started again."),
                "Adopt it (consort adopt), so that it is started as it runs now; or delete it, and create an agent here in its place.",
            ))
        }
        Command::Start(_) | Command::StartFresh(_) => {
            Ok(with(alloc::vec![Step::Launch, desired(Desired::Running)], Outcome::Agent))
        }
        Command::Stop(_) if !now.running => Err(refuse(RefusalCode::Conflict, format!("{name} is not running."), "")),
        Command::Stop(_) => Ok(with(alloc::vec![Step::Kill, desired(Desired::Stopped)], Outcome::Agent)),
        Command::Restart(_) | Command::RestartFresh(_) => {
            Ok(with(alloc::vec![Step::Kill, Step::Launch, desired(Desired::Running)], Outcome::Agent))
        }
        Command::Delete(_) => Ok(with(alloc::vec![Step::Kill, Step::Unstore], Outcome::Deleted)),
        Command::Adopt { .. } if now.record.origin == Origin::Created => {
            let message = format!("{name} was created here, so it can be started again already.");
            Err(refuse(RefusalCode::Conflict, message, ""))
        }
        Command::Adopt { process, .. } => {
            // Its next start gives its session this name.
            checked_name(name)?;
            let ProcessInfo { program, args, directory } = process.clone();
            super::agent::check_texts([&directory].into_iter().chain(&program).chain(&args))?;
            if args.len() > limits::ARGUMENTS || program.as_ref().is_some_and(|program| program.trim().is_empty()) {
                return Err(refuse(RefusalCode::Invalid, "The program is empty, or has too many arguments.", ""));
            }
            let origin = Origin::Created;
            let record = Record { program, args, directory, origin, autostart: true, ..now.record.clone() };
            Ok(with(changed(now, record, None), Outcome::Agent))
        }
        Command::SetNotes { notes, revision, .. } => {
            let record = with_notes(now.record, notes, *revision)?;
            Ok(with(changed(now, record, None), Outcome::Notes))
        }
        Command::Edit { name: new_name, tags, autostart, .. } => {
            let mut record = now.record.clone();
            if let Some(tags) = tags {
                record.tags = checked_tags(tags)?;
            }
            record.autostart = autostart.unwrap_or(record.autostart);
            if record.autostart && record.origin == Origin::Found {
                return Err(refuse(
                    RefusalCode::Conflict,
                    format!("{name} is a session that Consort did not start, so it cannot be started after a reboot."),
                    "Adopt it (consort adopt), so that it is started as it runs now.",
                ));
            }
            let renamed = new_name.clone().filter(|new| *new != record.name);
            if let Some(new) = &renamed {
                record.name = checked_name(new)?;
            }
            Ok(with(changed(now, record, renamed), Outcome::Agent))
        }
        Command::Admit { .. }
        | Command::Remove(_)
        | Command::Create(_)
        | Command::CreateFrom { .. }
        | Command::ReadNotes(_)
        | Command::Paste { .. }
        | Command::ReadText { .. }
        | Command::Answer { .. }
        | Command::Explain(_)
        | Command::Send { .. }
        | Command::EditQueue { .. }
        | Command::ReadQueue(_)
        | Command::ReadProcess(_)
        | Command::ListPrograms
        | Command::ReadStart(_)
        | Command::ListDirectory(_) => {
            debug_assert!(false, "not planned per agent");
            Err(refuse(RefusalCode::Invalid, format!("{} is no such command.", now.id), ""))
        }
    }
}

fn changed(now: &Situation<'_>, record: Record, renamed: Option<String>) -> Vec<Step> {
    let mut steps = Vec::new();
    // What nobody sees comes first: if it fails, the refusal leaves no trace.
    if !now.managed && now.running {
        steps.push(Step::Mark);
    }
    if let Some(name) = renamed.filter(|_| now.running) {
        steps.push(Step::Rename(name));
    }
    steps.push(Step::Store(Box::new(record)));
    steps
}

fn with_notes(record: &Record, notes: &str, revision: Option<u64>) -> Result<Record, Refusal> {
    if notes.len() > limits::NOTES_BYTES {
        return Err(refuse(
            RefusalCode::TooMany,
            format!("Notes have at most {} KiB.", limits::NOTES_BYTES >> 10),
            "Keep longer texts in a file of the project.",
        ));
    }
    if revision.is_some_and(|seen| seen != record.notes_revision) {
        return Err(refuse(
            RefusalCode::NotesChanged,
            "The notes were changed elsewhere in the meantime.",
            "Read them again and merge your text.",
        ));
    }
    let notes_revision = record.notes_revision + 1;
    Ok(Record { notes: notes.to_string(), notes_revision, ..record.clone() })
}

pub(super) fn checked_name(name: &str) -> Result<String, Refusal> {
    let name = Name::parse(name).map_err(|error| {
        refuse(RefusalCode::Invalid, error.to_string(), "A good name is customers-zoom-backend: level, level, agent.")
    })?;
    Ok(name.as_str().to_string())
}

pub(super) fn checked_tags(tags: &[String]) -> Result<Vec<String>, Refusal> {
    if tags.len() > limits::TAGS {
        return Err(refuse(RefusalCode::TooMany, format!("An agent has at most {} tags.", limits::TAGS), ""));
    }
    let bad = |tag: &&String| {
        tag.trim().is_empty() || tag.chars().count() > limits::TAG_CHARS || tag.chars().any(char::is_control)
    };
    if let Some(tag) = tags.iter().find(bad) {
        let message = format!("'{}' is no tag: 1 to {} characters.", tag.escape_default(), limits::TAG_CHARS);
        return Err(refuse(RefusalCode::Invalid, message, ""));
    }
    let mut checked: Vec<String> = tags.iter().map(|tag| tag.trim().to_string()).collect();
    checked.sort();
    checked.dedup();
    Ok(checked)
}
