//! What is known of a program from outside: what its screen shows, what its title says, what it reports of itself. Runtimes read
//! vendors' words and report these values; no word of a vendor is known to core.

use super::StateKind;
use crate::limits;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// One observation about the program in a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signal {
    /// What its visible text shows: the answer to `TerminalOutput::ReadScreen`.
    Screen(Reading),
    /// What its title says, each time that is another; `None`: nothing.
    Title(Option<Report>),
    /// What it reports by `OSC 7501`; `None`: nothing any more, or its output is not read any more.
    Status(Option<Report>),
    /// A hook of the program reported this.
    Hook(HookReport),
    /// It wants somebody's attention (`OSC 9`, `99`, `777`), with its text.
    Notified(String),
}

/// A state that a program is in by its own words, and the words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The state. `Idle` means at rest; whether somebody has seen the work that came before is not the program's to say.
    pub kind: StateKind,
    /// Why, in words for a person.
    pub why: String,
}

/// What a hook of a program reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookReport {
    /// What the program does now.
    pub does: HookState,
    /// The conversation that it is in, if the hook names it.
    pub session: Option<Session>,
    /// A sub-agent of it has begun or ended.
    pub subagent: Option<Subagent>,
}

/// What a hook says of the state of its program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum HookState {
    /// Nothing: what was reported before still holds.
    #[default]
    Same,
    /// What was reported before is over.
    Over,
    /// It is in this state.
    Now(Report),
}

/// The beginning or the end of a sub-agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subagent {
    /// It has begun.
    Began,
    /// It has ended.
    Ended,
}

/// The text in one line, without control characters, at most as long as a reason may be.
#[must_use]
pub fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > limits::QUOTE_CHARS * 4 {
            break;
        }
    }
    match line.char_indices().nth(limits::QUOTE_CHARS) {
        Some(_) => line.chars().take(limits::QUOTE_CHARS - 1).chain(['…']).collect(),
        None => line,
    }
}

/// A conversation of an agent program, by which the program can go on with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The name of the program's manifest: `claude`.
    pub program: String,
    /// Its id, as the program gives it: letters, digits and `-_.:`, not beginning with `-`.
    pub id: String,
    /// The file that the program keeps it in, absolute; empty if the program does not say.
    pub transcript: String,
}

impl Session {
    /// Whether it can be kept: programs are given the id as an argument.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
        let is_name = |text: &str| !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain);
        let is_path = self.transcript.is_empty() || self.transcript.starts_with('/');
        is_name(&self.program)
            && is_name(&self.id)
            && self.program.len() <= limits::SESSION_ID_BYTES
            && self.id.len() <= limits::SESSION_ID_BYTES
            && is_path
            && self.transcript.len() <= limits::TRANSCRIPT_BYTES
            && !self.transcript.chars().any(char::is_control)
    }
}

/// What the visible text of a terminal shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The name of the rules that were used ("claude"); empty: those for programs that nobody knows.
    pub rules: String,
    /// A hash of the text: whether it is the same as at the last look.
    pub digest: u64,
    /// The question that it asks.
    pub dialog: Option<Dialog>,
    /// The question is a guess, by rules for programs that nobody knows: it counts when the next look finds it too. A line of a log that
    /// looks like a question may be the last one for a moment.
    pub guessed: bool,
    /// What it does by its words, if it asks nothing.
    pub says: Option<Report>,
    /// How its hooks were set up, for a person who asks why; empty: there is nothing to say.
    pub hooks: Box<str>,
    /// Its line for texts, if the rules know where that is and it is there.
    pub composer: Option<Composer>,
}

/// The line of a program on which texts are written before Enter is pressed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Composer {
    /// What stands there, or on the first of its lines.
    pub line: String,
    /// It stands for something that was pasted ("[Pasted text #1 +40 lines]").
    pub pasted: bool,
}

/// A question on the screen, and how it is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialog {
    /// The question.
    pub question: Question,
    /// For each choice, the keys that choose it as the screen is now: they depend on where the cursor of a menu is. Then, if an answer in
    /// words has a place of its own that is not open yet, the keys that open it.
    pub keys: Vec<Vec<u8>>,
}

/// A question to a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Question {
    /// What kind of question.
    pub kind: QuestionKind,
    /// The line that asks.
    pub text: String,
    /// What it is about: a command, a difference, a URL.
    pub detail: String,
    /// What can be chosen, in the order of the screen.
    #[serde(deserialize_with = "crate::bounded::at_most::<_, _, { limits::CHOICES }>")]
    pub choices: Vec<Choice>,
    /// An answer can be typed.
    pub free_text: bool,
}

impl Question {
    /// Within the limits, without control characters: programs write it, and it goes into pages and logs.
    pub(super) fn tidied(mut self) -> Self {
        tidy(&mut self.text, limits::QUOTE_CHARS * 4);
        tidy(&mut self.detail, limits::DETAIL_CHARS);
        self.choices.truncate(limits::CHOICES);
        for choice in &mut self.choices {
            tidy(&mut choice.key, 16);
            tidy(&mut choice.label, limits::QUOTE_CHARS);
        }
        self
    }
}

fn tidy(text: &mut String, chars: usize) {
    let is_control = |c: char| c.is_control() && c != '\n';
    if text.chars().any(is_control) || text.chars().count() > chars {
        *text = text.chars().filter(|c| !is_control(*c)).take(chars).collect();
    }
}

/// What kind of question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum QuestionKind {
    /// It asks something.
    #[default]
    Question,
    /// It wants to do something and may not without leave.
    Permission,
    /// It has a plan and asks whether to follow it.
    Plan,
    /// Whether it may trust a folder, a hook, a server.
    Trust,
    /// It wants somebody to log in.
    Login,
}

/// One of the choices of a question.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Choice {
    /// What a person names it by: `1`, `y`, `esc`.
    pub key: String,
    /// Its words.
    pub label: String,
}

/// A question as the agent asks it now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Asked {
    /// Another one each time a question is asked.
    pub id: u64,
    /// The pane that asks.
    pub pane: u32,
    /// The question.
    pub question: Question,
}

/// One line of the explanation of a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The pane.
    pub pane: u32,
    /// Where it was read.
    pub source: super::Source,
    /// The state that it speaks for, if it does.
    pub kind: Option<StateKind>,
    /// In words.
    pub why: String,
    /// How old it is, in milliseconds.
    pub age_ms: u64,
    /// It decided the state.
    pub decisive: bool,
}
