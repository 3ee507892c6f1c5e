//! What commands do, for the audit log.

use crate::audit::AuditEvent;
use consort_core::{AgentId, Command, Refusal, Reply, Rights};

/// What a command does, for the audit log: never what was written or pasted, only how much.
#[derive(Debug)]
pub(super) struct Act {
    agent: Option<AgentId>,
    what: &'static str,
    detail: String,
}

impl Act {
    pub(super) fn of(command: &Command) -> Self {
        let act = |agent: &AgentId, what, detail| Act { agent: Some(*agent), what, detail };
        match command {
            Command::Create(new) => Act { agent: None, what: "create", detail: new.name.clone() },
            Command::Edit { agent, name: Some(name), .. } => act(agent, "rename", name.clone()),
            Command::Edit { agent, .. } => act(agent, "edit", String::new()),
            Command::SetNotes { agent, notes, .. } => act(agent, "notes", format!("{} bytes", notes.len())),
            Command::Start(agent) => act(agent, "start", String::new()),
            Command::Stop(agent) => act(agent, "stop", String::new()),
            Command::Restart(agent) => act(agent, "restart", String::new()),
            Command::Delete(agent) => act(agent, "delete", String::new()),
            Command::Paste { agent, text, .. } => act(agent, "paste", format!("{} bytes", text.len())),
            Command::ReadText { agent, .. } | Command::ReadNotes(agent) => act(agent, "read", String::new()),
            Command::Admit { node, rights, .. } => {
                Act { agent: None, what: admission(*rights), detail: node.to_string() }
            }
            Command::Remove(node) => Act { agent: None, what: "remove", detail: node.to_string() },
        }
    }

    pub(super) fn event(self, result: &Result<Reply, Refusal>) -> Option<AuditEvent> {
        let who = "api".to_string();
        match result {
            Err(refusal) => {
                let what = format!("{} {}", self.what, self.agent.map_or(self.detail, |agent| agent.to_string()));
                Some(AuditEvent::Refused { who, what, why: refusal.message.clone() })
            }
            Ok(_) if self.what == "read" => None,
            Ok(Reply::Node(node)) => {
                Some(AuditEvent::Mesh { who, node: *node, what: self.what.into(), detail: String::new() })
            }
            Ok(Reply::Agent(agent)) => {
                Some(AuditEvent::Agent { who, agent: agent.agent, what: self.what.into(), detail: self.detail })
            }
            Ok(_) => Some(AuditEvent::Agent { who, agent: self.agent?, what: self.what.into(), detail: self.detail }),
        }
    }
}

fn admission(rights: Rights) -> &'static str {
    match rights {
        Rights::View => "admit to view",
        Rights::Operate => "admit to operate",
    }
}
