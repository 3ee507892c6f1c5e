//! What the audit log says of acts: those of people here, and those of other nodes.

use super::Driver;
use crate::audit::{AuditEvent, By};
use consort_core::{Act, AgentAddress, NodeId, Refusal, Reply, Who};

impl Driver {
    /// A command that was given here, for whatever node, is answered.
    pub(super) fn note(&self, node: NodeId, act: Act, result: &Result<Reply, Refusal>) {
        let who = By::from("api");
        let agent = match result {
            Ok(Reply::Node(node)) => {
                let event = AuditEvent::Mesh { who, node: *node, what: act.what.into(), detail: String::new() };
                return self.audit.record(event);
            }
            Ok(Reply::Agent(agent)) => Some(*agent),
            Ok(_) | Err(_) => act.agent.map(|agent| AgentAddress { node, agent }),
        };
        self.note_act(who, agent, act, result.as_ref().err());
    }

    /// Another node has changed something here, or was refused.
    pub(super) fn note_of_another(&self, by: NodeId, act: Act, result: &Result<(), Refusal>) {
        let agent = act.agent.map(|agent| AgentAddress { node: self.view().id(), agent });
        self.note_act(self.by(Who::Node(by)), agent, act, result.as_ref().err());
    }

    fn note_act(&self, who: By, agent: Option<AgentAddress>, act: Act, refusal: Option<&Refusal>) {
        let agent = agent.map(|agent| agent.written_at(self.view().id()));
        let Act { what, detail, reads, .. } = act;
        match (refusal, agent) {
            (Some(refusal), agent) => {
                let what = format!("{what} {}", agent.unwrap_or(detail)).trim_end().to_string();
                self.audit.record(AuditEvent::Refused { who, what, why: refusal.message.clone() });
            }
            (None, Some(agent)) if !reads => {
                self.audit.record(AuditEvent::Agent { who, agent, what: what.into(), detail });
            }
            (None, _) => {}
        }
    }

    pub(super) fn by(&self, who: Who) -> By {
        match who {
            Who::Viewer(id) => By::Here(self.viewers.get(&id).map(|(_, who)| who.clone()).unwrap_or_default()),
            Who::Node(id) => By::Node { id, via: self.view().node(id).and_then(|node| node.via) },
        }
    }
}
