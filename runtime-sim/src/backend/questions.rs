//! Scripted questions: programs that ask, and what is typed for an answer.
//!
//! Every question of a run has a number of its own, which is in its words and in the keys of its choices. So a key that is typed says
//! which question it was meant for; with a real program it does not, and a key that comes too late answers whatever is asked then.

use super::{Backends, Life};
use crate::agenda::Agenda;
use crate::event::{Event, Feed, HostIndex, Report};
use crate::failure::{Checked, must};
use consort_core::TerminalId;
use consort_core::directory::Signal;
use consort_core::directory::signal::{Choice, Dialog, Question, Reading};
use std::collections::BTreeMap;

/// Which of the questions of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct QuestionNumber(u64);

impl QuestionNumber {
    /// The question with these words.
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        text.strip_prefix("Proceed with step ")?.strip_suffix('?')?.parse().ok().map(QuestionNumber)
    }

    /// The terminal whose screen is reported, and the question there.
    pub(crate) fn reported(feed: &Feed) -> Option<(TerminalId, Self)> {
        let Feed::Terminal(terminal, Report::Signal(Signal::Screen(reading))) = feed else { return None };
        Some((*terminal, QuestionNumber::of_text(&reading.dialog.as_ref()?.question.text)?))
    }

    /// The question that these keys answer.
    pub(crate) fn of_keys(bytes: &[u8]) -> Option<Self> {
        let number = bytes.strip_prefix(b"y").or_else(|| bytes.strip_prefix(b"n"))?;
        std::str::from_utf8(number).ok()?.parse().ok().map(QuestionNumber)
    }

    fn dialog(self) -> Dialog {
        let choice = |key: &str, label: &str| Choice { key: key.to_string(), label: label.to_string() };
        let choices = vec![choice("y", "Yes"), choice("n", "No")];
        let question = Question { text: format!("Proceed with step {}?", self.0), choices, ..Question::default() };
        Dialog { question, keys: ["y", "n"].map(|key| format!("{key}{}", self.0).into_bytes()).into() }
    }
}

/// The questions that programs of one machine have asked, and the answers that arrived.
#[derive(Debug, Default)]
pub(super) struct Questions {
    asked: u64,
    typed: BTreeMap<QuestionNumber, u32>,
}

impl Life {
    pub(super) fn reading(&self, digest: u64) -> Reading {
        Reading { digest, dialog: self.asks.map(QuestionNumber::dialog), ..Reading::default() }
    }
}

impl Backends {
    /// A program asks something new, or nothing any more: somebody has answered in its terminal.
    pub(crate) fn pose(&mut self, agenda: &mut Agenda<Event>, number: u64, asks: bool) {
        let question = asks.then(|| self.questions.next(self.host));
        let Some(life) = self.lives.get_mut(number).filter(|life| !life.ended) else { return };
        life.asks = question;
        let agent = life.terminal.agent;
        self.print(agenda, number, 20);
        self.seen(agenda, agent);
    }

    /// Keys have reached a program. It takes those for the question that it asks, and goes on.
    pub(super) fn answer(&mut self, agenda: &mut Agenda<Event>, terminal: TerminalId, bytes: &[u8]) -> Checked {
        let Some(life) = self.life_of(terminal) else { return Ok(()) };
        // Enter, once more, answers nothing.
        let Some(question) = QuestionNumber::of_keys(bytes) else { return Ok(()) };
        let typed = self.questions.typed.entry(question).or_default();
        *typed += 1;
        must!(*typed == 1, "two answers to {question:?} were typed");
        if self.lives[life].asks == Some(question) {
            self.pose(agenda, life, false);
        }
        Ok(())
    }

    /// How many answers to a question were typed.
    pub(crate) fn answers_to(&self, question: QuestionNumber) -> u32 {
        self.questions.typed.get(&question).copied().unwrap_or_default()
    }
}

impl Questions {
    fn next(&mut self, host: HostIndex) -> QuestionNumber {
        self.asked += 1;
        QuestionNumber(u64::from(host) << 32 | self.asked)
    }
}
