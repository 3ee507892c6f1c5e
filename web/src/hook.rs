//! What a hook of an agent program says to the node: a small message in Consort's own words, made by `consort hook` from the program's.

use consort_core::directory::StateKind;
use consort_core::directory::signal::{HookReport, HookState, Report, Session, Subagent, one_line};
use serde::{Deserialize, Serialize};

/// The body of `POST /api/hook`. Members that a newer program adds are ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HookMessage {
    /// The name of the program's manifest: `claude`.
    pub program: String,
    /// The id of the agent that it says it is.
    pub agent: Option<String>,
    /// The socket of the tmux server around it, and its pane there.
    pub tmux: Option<(String, u32)>,
    /// What it does now.
    pub does: Does,
    /// Why, for a person.
    pub why: String,
    /// The id of its conversation, and the file that it is kept in.
    pub session: Option<(String, String)>,
    /// A sub-agent has begun (true) or ended.
    pub subagent: Option<bool>,
}

/// What the program does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Does {
    /// What it did before.
    #[default]
    Same,
    /// What was reported before is over.
    Over,
    /// It works.
    Working,
    /// It asks something.
    Waiting,
    /// It rests.
    Idle,
    /// It has failed.
    Failed,
}

impl HookMessage {
    /// The same for core. What is too long is cut, and a session that cannot be one is left out: strangers write these.
    #[must_use]
    pub fn report(&self) -> HookReport {
        let now = |kind| HookState::Now(Report { kind, why: one_line(&self.why) });
        let session = self.session.as_ref().map(|(id, transcript)| Session {
            program: self.program.clone(),
            id: id.clone(),
            transcript: transcript.clone(),
        });
        HookReport {
            does: match self.does {
                Does::Same => HookState::Same,
                Does::Over => HookState::Over,
                Does::Working => now(StateKind::Working),
                Does::Waiting => now(StateKind::Waiting),
                Does::Idle => now(StateKind::Idle),
                Does::Failed => now(StateKind::Failed),
            },
            session: session.filter(Session::is_valid),
            subagent: self.subagent.map(|began| if began { Subagent::Began } else { Subagent::Ended }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_core::limits;

    #[test]
    fn what_strangers_write_is_cut_and_cleaned() {
        let message: HookMessage = serde_json::from_value(serde_json::json!({
            "program": "claude", "does": "waiting", "why": format!("a\u{1b}[2J\n b {}", "x".repeat(1_000_000)),
            "session": ["--help", "/x"], "subagent": true, "from the future": 1,
        }))
        .unwrap();
        let report = message.report();
        let HookState::Now(says) = &report.does else { panic!("{report:?}") };
        assert!(says.why.starts_with("a [2J b xxx") && says.why.ends_with('…'), "{}", says.why);
        assert_eq!(says.why.chars().count(), limits::QUOTE_CHARS);
        assert_eq!((report.session, report.subagent), (None, Some(Subagent::Began)));
    }
}
