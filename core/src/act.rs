//! What a command does, in words for a log: never what was written or pasted, only how much.

use crate::command::{AnswerWith, Command, Rights, WhenBusy};
use crate::id::{AgentId, NodeId};
use alloc::format;
use alloc::string::{String, ToString};

/// Characters of a detail: it may be of anybody, and be nonsense that is refused.
const DETAIL_CHARS: usize = 100;

/// What a command does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// `create`, `rename`, `stop` …
    pub what: &'static str,
    /// The agent that it is about, if that exists already.
    pub agent: Option<AgentId>,
    /// More of it: the new name, a path, how much was pasted. At most 100 characters.
    pub detail: String,
    /// It changes nothing: worth a word only if it was refused.
    pub reads: bool,
}

impl Act {
    /// What a command does.
    #[must_use]
    pub fn of(command: &Command) -> Self {
        let bytes = |text: &str| format!("{} bytes", text.len());
        match command {
            Command::Create(new) | Command::CreateFrom { new, .. } => {
                Act { detail: cut(&new.name), ..Act::new("create") }
            }
            Command::Edit { agent, name: Some(name), .. } => Act { detail: cut(name), ..Act::on(*agent, "rename") },
            Command::Edit { agent, .. } => Act::on(*agent, "edit"),
            Command::SetNotes { agent, notes, .. } => Act { detail: bytes(notes), ..Act::on(*agent, "notes") },
            Command::Start(agent) => Act::on(*agent, "start"),
            Command::Stop(agent) => Act::on(*agent, "stop"),
            Command::Restart(agent) => Act::on(*agent, "restart"),
            Command::StartFresh(agent) => Act { detail: "a new conversation".to_string(), ..Act::on(*agent, "start") },
            Command::RestartFresh(agent) => {
                Act { detail: "a new conversation".to_string(), ..Act::on(*agent, "restart") }
            }
            Command::ReadStart(agent) => Act { reads: true, ..Act::on(*agent, "read start") },
            Command::Delete(agent) => Act::on(*agent, "delete"),
            Command::Paste { agent, text, .. } => Act { detail: bytes(text), ..Act::on(*agent, "paste") },
            Command::Send { agent, text, busy, .. } => {
                let what = if *busy == WhenBusy::Queue { "queue" } else { "paste" };
                Act { detail: bytes(text), ..Act::on(*agent, what) }
            }
            Command::EditQueue { agent, number, text } => {
                let detail = text.as_ref().map_or("cancelled".to_string(), |text| bytes(text));
                Act { detail: format!("text {number}: {detail}"), ..Act::on(*agent, "change queue") }
            }
            Command::ReadProcess(agent) => Act { reads: true, ..Act::on(*agent, "read process") },
            Command::Adopt { agent, process } => {
                let detail = cut(process.program.as_deref().unwrap_or("a shell"));
                Act { detail, ..Act::on(*agent, "adopt") }
            }
            Command::ReadQueue(agent) => Act { reads: true, ..Act::on(*agent, "read queue") },
            Command::Answer { agent, with: AnswerWith::Choice(choice), .. } => {
                Act { detail: cut(choice), ..Act::on(*agent, "answer") }
            }
            Command::Answer { agent, with: AnswerWith::Text(text), .. } => {
                Act { detail: bytes(text), ..Act::on(*agent, "answer") }
            }
            Command::Explain(agent) => Act { reads: true, ..Act::on(*agent, "explain") },
            Command::ReadText { agent, .. } => Act { reads: true, ..Act::on(*agent, "read screen") },
            Command::ReadNotes(agent) => Act { reads: true, ..Act::on(*agent, "read notes") },
            Command::ListDirectory(path) => Act { detail: cut(path), reads: true, ..Act::new("list directory") },
            Command::ListPrograms => Act { reads: true, ..Act::new("list programs") },
            Command::Admit { node, rights: Rights::View, .. } => Act::about(*node, "admit to view"),
            Command::Admit { node, rights: Rights::Operate, .. } => Act::about(*node, "admit to operate"),
            Command::Remove(node) => Act::about(*node, "remove"),
        }
    }

    /// Something that was asked for and could not be read.
    pub(crate) fn unreadable() -> Self {
        Act::new("unreadable command")
    }

    /// Typing into a terminal of an agent.
    pub(crate) fn typing(agent: AgentId) -> Self {
        Act::on(agent, "type")
    }

    fn new(what: &'static str) -> Self {
        Act { what, agent: None, detail: String::new(), reads: false }
    }

    fn on(agent: AgentId, what: &'static str) -> Self {
        Act { agent: Some(agent), ..Act::new(what) }
    }

    fn about(node: NodeId, what: &'static str) -> Self {
        Act { detail: node.to_string(), ..Act::new(what) }
    }
}

fn cut(text: &str) -> String {
    text.chars().take(DETAIL_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::NewAgent;
    use alloc::vec::Vec;

    const A: AgentId = AgentId(7);

    fn edit(name: Option<&str>) -> Command {
        Command::Edit { agent: A, name: name.map(str::to_string), tags: None, autostart: None }
    }

    fn paste(text: &str) -> Command {
        Command::Paste { agent: A, pane: None, text: text.into(), submit: true, anyway: false }
    }

    #[test]
    fn of_what_is_written_or_pasted_a_log_says_how_much_and_of_the_rest_what() {
        let told = |command| {
            let act = Act::of(&command);
            (act.what, act.agent, act.detail)
        };
        let node = NodeId([7; 32]);
        let admit = |rights| Command::Admit { node, addresses: Vec::new(), rights };
        let create = NewAgent { name: "a-b".into(), notes: "secret".into(), ..NewAgent::default() };
        assert_eq!(told(Command::Create(create)), ("create", None, "a-b".into()));
        assert_eq!(told(edit(Some("c"))), ("rename", Some(A), "c".into()));
        assert_eq!(told(edit(None)), ("edit", Some(A), "".into()));
        let notes = Command::SetNotes { agent: A, notes: "secret".into(), revision: None };
        assert_eq!(told(notes), ("notes", Some(A), "6 bytes".into()));
        assert_eq!(told(paste("hunter2")), ("paste", Some(A), "7 bytes".into()));
        assert_eq!(told(Command::ListDirectory("/srv".into())), ("list directory", None, "/srv".into()));
        assert_eq!(told(admit(Rights::View)), ("admit to view", None, node.to_string()));
        assert_eq!(told(admit(Rights::Operate)), ("admit to operate", None, node.to_string()));
        assert_eq!(told(Command::Remove(node)), ("remove", None, node.to_string()));
    }

    #[test]
    fn a_detail_has_at_most_a_hundred_characters() {
        let long = "é".repeat(101);
        let listed = Command::ListDirectory(long.clone());
        for command in
            [Command::Create(NewAgent { name: long.clone(), ..NewAgent::default() }), edit(Some(&long)), listed]
        {
            assert_eq!(Act::of(&command).detail, "é".repeat(100));
        }
    }

    #[test]
    fn what_only_reads_changes_nothing_and_all_else_does() {
        let reads = |command| Act::of(&command).reads;
        assert!(reads(Command::ReadNotes(A)));
        assert!(reads(Command::ReadText { agent: A, pane: None, history_lines: 0 }));
        assert!(reads(Command::ListDirectory("/".into())));
        for command in
            [edit(None), edit(Some("b")), paste("x"), Command::Start(A), Command::Stop(A), Command::Delete(A)]
        {
            assert!(!reads(command));
        }
    }
}
