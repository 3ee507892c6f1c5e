//! The JSON bodies of requests. Unknown fields are refused by name; an error says where it is.

use crate::http::{Head, Problem};
use consort_core::command::{AnswerWith, NewAgent};
use consort_core::directory::BackendKind;
use consort_core::input::ProcessInfo;
use consort_core::{Rights, Size};
use serde::de::{DeserializeOwned, Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// Reads the body of a request as JSON.
pub(super) fn parse<T: DeserializeOwned>(head: &Head<'_>, body: &[u8]) -> Result<T, Problem> {
    let kind = head.headers.content_type.unwrap_or("");
    let essence = kind.split(';').next().unwrap_or("").trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(
            415,
            "not-json",
            "The request's body is not declared as JSON.",
            "Send the header Content-Type: application/json.",
        ));
    }
    serde_json::from_slice(body).map_err(|error| {
        // serde_json's own message ends with "at line L column C".
        let code = if error.is_data() { "invalid" } else { "bad-json" };
        Problem::new(400, code, format!("The request's body is not understood: {error}."), "")
    })
}

/// Accepts the body of a request that has nothing to say: none, or an empty object.
pub(super) fn nothing(body: &[u8]) -> Result<(), Problem> {
    match body.trim_ascii() {
        b"" | b"{}" => Ok(()),
        _ => Err(Problem::invalid("This request takes no body.", "")),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    pub(super) token: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Origin {
    pub(super) url: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VariableName {
    pub(super) name: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Create {
    name: String,
    #[serde(default)]
    directory: String,
    program: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: Variables,
    /// Variables of the shell that asks; only on its own machine.
    #[serde(default)]
    pub(super) caller: Variables,
    #[serde(default)]
    notes: String,
    #[serde(default)]
    tags: Vec<String>,
    backend: Option<Backend>,
    /// An agent is meant to be there: after a reboot too, unless somebody says otherwise.
    #[serde(default = "yes")]
    autostart: bool,
    cols: Option<u16>,
    rows: Option<u16>,
    /// The id of the machine that it is to be on.
    pub(super) node: Option<String>,
}

impl Create {
    pub(super) fn agent(self, unix_ms: u64) -> NewAgent {
        let default = Size::DEFAULT;
        NewAgent {
            name: self.name,
            backend: self.backend.map(Backend::kind),
            directory: self.directory,
            program: self.program,
            args: self.args,
            env: self.env.0,
            notes: self.notes,
            tags: self.tags,
            autostart: self.autostart,
            size: Size::clamped(self.cols.unwrap_or(default.cols()), self.rows.unwrap_or(default.rows())),
            created_unix_ms: unix_ms,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Backend {
    Tmux,
    Pty,
}

impl Backend {
    fn kind(self) -> BackendKind {
        match self {
            Backend::Tmux => BackendKind::Tmux,
            Backend::Pty => BackendKind::Pty,
        }
    }
}

/// Variables in the order in which they were written, no name twice.
#[derive(Debug, Default)]
pub(super) struct Variables(pub(super) Vec<(String, String)>);

impl<'de> Deserialize<'de> for Variables {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Variables;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with variables")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Variables, A::Error> {
                let mut pairs: Vec<(String, String)> = Vec::new();
                let mut names = std::collections::BTreeSet::new();
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    if !names.insert(name.clone()) {
                        return Err(A::Error::custom(format!("the variable '{}' is there twice", name.escape_debug())));
                    }
                    pairs.push((name, value));
                }
                Ok(Variables(pairs))
            }
        }
        input.deserialize_map(Pairs)
    }
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    pub(super) name: Option<String>,
    pub(super) tags: Option<Vec<String>>,
    pub(super) autostart: Option<bool>,
}

/// How to start an agent.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Start {
    /// It begins a new conversation.
    #[serde(default)]
    pub(super) fresh: bool,
}

impl Start {
    /// Without a body, it goes on with its last conversation.
    pub(super) fn read(head: &Head<'_>, body: &[u8]) -> Result<Self, Problem> {
        if nothing(body).is_ok() { Ok(Start::default()) } else { parse(head, body) }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Input {
    pub(super) text: String,
    #[serde(default)]
    pub(super) submit: bool,
    pub(super) terminal: Option<u32>,
    /// Names the request, so that repeating it is not doing it again.
    pub(super) once: Option<String>,
    /// Also if the agent asks something.
    #[serde(default)]
    pub(super) anyway: bool,
    /// Also if it works.
    #[serde(default)]
    pub(super) now: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Enqueue {
    pub(super) text: String,
    pub(super) terminal: Option<u32>,
    pub(super) once: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Process {
    program: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    directory: String,
}

impl From<Process> for ProcessInfo {
    fn from(Process { program, args, directory }: Process) -> Self {
        ProcessInfo { program, args, directory }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SendToAll {
    pub(super) agents: Vec<String>,
    pub(super) text: String,
    #[serde(default)]
    pub(super) queue: bool,
    #[serde(default)]
    pub(super) anyway: bool,
    #[serde(default)]
    pub(super) now: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EditQueued {
    pub(super) text: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    question: String,
    choice: Option<String>,
    text: Option<String>,
}

impl Answer {
    /// The id of the question, and the answer: one of the two.
    pub(super) fn checked(self) -> Result<(u64, AnswerWith), Problem> {
        let id = (self.question.len() == 16).then(|| u64::from_str_radix(&self.question, 16).ok()).flatten();
        let Some(id) = id else {
            return Err(Problem::invalid("\"question\" is the id of a question.", "It is in the agent's state."));
        };
        match (self.choice, self.text) {
            (Some(choice), None) => Ok((id, AnswerWith::Choice(choice))),
            (None, Some(text)) => Ok((id, AnswerWith::Text(text))),
            _ => Err(Problem::invalid("An answer is a \"choice\" or a \"text\".", "")),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetNotes {
    pub(super) notes: String,
    pub(super) revision: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Admit {
    #[serde(default)]
    pub(super) rights: RightsName,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Join {
    /// A code, or an address.
    pub(super) target: String,
    #[serde(default)]
    pub(super) rights: RightsName,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RightsName {
    View,
    #[default]
    Operate,
}

impl From<RightsName> for Rights {
    fn from(name: RightsName) -> Self {
        match name {
            RightsName::View => Rights::View,
            RightsName::Operate => Rights::Operate,
        }
    }
}
