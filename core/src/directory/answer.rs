//! Typing that depends on what the screen shows: answers go only to the question they are meant for, and a text that is sent does not go into a
//! question by accident, nor to a program that still starts. The screen is read first; what it shows then decides, in the same step.

use super::carry_out::paste_limit;
use super::confirm::Sender;
use super::plan::refuse;
use super::signal::{Asked, Evidence};
use super::state::StateKind;
use super::{Directory, Out, Pending, Source, no_such_agent};
use crate::command::{AnswerWith, Reply};
use crate::error::{Refusal, RefusalCode};
use crate::id::{AgentId, CommandId, TerminalId};
use crate::limits;
use crate::output::{BackendOperation, Output, TerminalOutput};
use crate::time::Instant;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Typing that waits for its terminal's screen to be read.
#[derive(Debug)]
pub(super) struct Typing {
    /// Who is answered; `None`: nobody asks now.
    command: Option<CommandId>,
    terminal: TerminalId,
    what: What,
    /// The screen is waited for until then.
    until: Instant,
    /// Its program still starts.
    starting: bool,
}

/// What becomes of a text for a program that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Busy {
    /// It is typed all the same.
    Type,
    /// It is refused.
    Refuse,
}

#[derive(Debug)]
enum What {
    /// An answer to the question with this id.
    Answer(u64, AnswerWith),
    /// An answer in words, whose place was opened.
    Words(u64, String),
    /// A text, with Enter, and also into a program that works or not.
    Paste(String, Busy),
    /// A text of the agent's queue, with its number.
    Queued(u64, String),
}

impl Directory {
    pub(super) fn answer(
        &mut self,
        now: Instant,
        command: CommandId,
        agent: AgentId,
        (question, with): (u64, AnswerWith),
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let known = self.agents.get(&agent).filter(|agent| agent.is_visible()).ok_or_else(no_such_agent)?;
        let Some(asked) = known.signals.asked(question) else {
            return Err(changed(known.signals.state().asked.as_ref()));
        };
        let terminal = TerminalId { agent, pane: asked.pane };
        self.type_after_reading(now, (Some(command), terminal), What::Answer(question, with), out)
    }

    /// Pastes a text and presses Enter, unless the agent asks something.
    pub(super) fn send(
        &mut self,
        now: Instant,
        command: CommandId,
        (agent, pane): (AgentId, Option<u32>),
        (text, busy): (String, Busy),
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let terminal = self.terminal_for(agent, pane)?;
        paste_limit(&text)?;
        self.type_after_reading(now, (Some(command), terminal), What::Paste(text, busy), out)
    }

    /// Pastes a text of the agent's queue, unless it asks or works.
    pub(super) fn send_queued(
        &mut self,
        now: Instant,
        terminal: TerminalId,
        (number, text): (u64, String),
        out: &mut Out,
    ) -> Result<(), Refusal> {
        self.type_after_reading(now, (None, terminal), What::Queued(number, text), out)
    }

    fn type_after_reading(
        &mut self,
        now: Instant,
        (command, terminal): (Option<CommandId>, TerminalId),
        what: What,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let Some(agent) = self.agents.get_mut(&terminal.agent) else { return Err(no_such_agent()) };
        if agent.typing.len() >= limits::PENDING_COMMANDS {
            return Err(refuse(RefusalCode::TooMany, "Too many texts wait to be typed.", "Try again in a moment."));
        }
        let time = if matches!(what, What::Words(..)) { limits::OPEN_TIME } else { limits::READ_TIME };
        agent.typing.push(Typing { command, terminal, what, until: now + time, starting: false });
        agent.signals.read_now(now, terminal.pane);
        out.push_back(Output::Terminal(terminal, TerminalOutput::ReadScreen));
        self.decide(now, terminal.agent, out);
        Ok(())
    }

    /// The screen of a terminal was just read: what waited for that is typed, or refused.
    pub(super) fn type_what_waits(&mut self, now: Instant, terminal: TerminalId, out: &mut Out) {
        let Some(agent) = self.agents.get_mut(&terminal.agent) else { return };
        let all = core::mem::take(&mut agent.typing);
        let (due, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|typing| typing.terminal == terminal);
        agent.typing = rest;
        for mut typing in due {
            let agent = self.agents.get_mut(&terminal.agent);
            let starts = agent.and_then(|agent| agent.signals.starts_until(now, terminal.pane));
            match (starts, &typing.what, self.agents.get_mut(&terminal.agent)) {
                (Some(until), What::Paste(..) | What::Queued(..), Some(agent)) => {
                    (typing.until, typing.starting) = (until, true);
                    agent.typing.push(typing);
                }
                (_, What::Words(question, _), Some(agent))
                    if agent.signals.asked(*question).is_some()
                        && agent.signals.keys_for_words(terminal.pane).is_some() =>
                {
                    // The screen does not show its place yet.
                    agent.typing.push(typing);
                }
                _ => self.type_now(now, typing, out),
            }
        }
        self.decide(now, terminal.agent, out);
    }

    /// The keys that open the place for an answer in words were typed: it is written once the screen shows that place.
    pub(super) fn words_place_opens(
        &mut self,
        now: Instant,
        command: CommandId,
        terminal: TerminalId,
        (question, text): (u64, String),
        out: &mut Out,
    ) {
        let what = What::Words(question, text);
        if let Err(refusal) = self.type_after_reading(now, (Some(command), terminal), what, out) {
            self.answer_typed(now, terminal, false);
            out.push_back(Output::Reply(command, Err(refusal)));
        }
    }

    fn type_now(&mut self, now: Instant, typing: Typing, out: &mut Out) {
        let Typing { command, terminal, what, .. } = typing;
        let result = match (what, command) {
            (What::Answer(question, with), Some(command)) => {
                self.type_answer(now, command, terminal, (question, with), out)
            }
            (What::Words(question, text), Some(command)) => {
                self.type_words(now, command, terminal, (question, text), out)
            }
            (What::Paste(text, busy), Some(command)) => {
                self.paste_unless_asked(now, command, terminal, (text, busy), out)
            }
            (What::Queued(number, text), _) => return self.paste_queued(now, terminal, (number, text), out),
            (What::Answer(..) | What::Words(..) | What::Paste(..), None) => Ok(()),
        };
        if let (Err(refusal), Some(command)) = (result, command) {
            out.push_back(Output::Reply(command, Err(refusal)));
        }
    }

    fn paste_queued(&mut self, now: Instant, terminal: TerminalId, (number, text): (u64, String), out: &mut Out) {
        let id = terminal.agent;
        if !self.takes_queued_text(now, terminal, number) {
            return self.queued_text_not_typed(now, id, number, out);
        }
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.signals.typed(now, terminal.pane);
        }
        let pending = Pending::Send(Sender::Queue(number), terminal, text.clone());
        let paste = BackendOperation::Paste { terminal, text, submit: true };
        if self.ask(pending, paste, out).is_err() {
            self.queued_text_not_typed(now, id, number, out);
        }
    }

    fn type_answer(
        &mut self,
        now: Instant,
        command: CommandId,
        terminal: TerminalId,
        (question, with): (u64, AnswerWith),
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let agent = self.agents.get_mut(&terminal.agent).ok_or_else(no_such_agent)?;
        let Some(asked) = agent.signals.asked(question).cloned() else {
            return Err(changed(agent.signals.state().asked.as_ref().filter(|asked| asked.id != question)));
        };
        if agent.signals.is_answered(now, terminal.pane) {
            let message = format!("{} was just answered.", quoted(&asked));
            return Err(refuse(RefusalCode::QuestionChanged, message, "Look again in a moment whether it still asks."));
        }
        let operation = match with {
            AnswerWith::Choice(choice) => {
                let bytes = agent.signals.keys_for(terminal.pane, &choice).ok_or_else(|| no_such_choice(&asked))?;
                BackendOperation::Type { terminal, bytes: bytes.to_vec() }
            }
            AnswerWith::Text(text) if asked.question.free_text => {
                paste_limit(&text)?;
                if let Some(keys) = agent.signals.keys_for_words(terminal.pane) {
                    let bytes = keys.to_vec();
                    agent.signals.answering(now, terminal.pane);
                    let pending = Pending::Words(command, terminal, question, text);
                    return self
                        .ask(pending, BackendOperation::Type { terminal, bytes }, out)
                        .inspect_err(|_| self.answer_typed(now, terminal, false));
                }
                BackendOperation::Paste { terminal, text, submit: true }
            }
            AnswerWith::Text(_) => return Err(no_such_choice(&asked)),
        };
        agent.signals.answering(now, terminal.pane);
        self.ask(Pending::Answer(command, terminal), operation, out)
            .inspect_err(|_| self.answer_typed(now, terminal, false))
    }

    /// Writes an answer in words whose place is open now.
    fn type_words(
        &mut self,
        now: Instant,
        command: CommandId,
        terminal: TerminalId,
        (question, text): (u64, String),
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let agent = self.agents.get(&terminal.agent).ok_or_else(no_such_agent)?;
        let result = match agent.signals.asked(question) {
            Some(_) => {
                let paste = BackendOperation::Paste { terminal, text, submit: true };
                self.ask(Pending::Answer(command, terminal), paste, out)
            }
            None => Err(changed(agent.signals.state().asked.as_ref().filter(|asked| asked.id != question))),
        };
        result.inspect_err(|_| self.answer_typed(now, terminal, false))
    }

    /// An answer has reached its terminal, or not.
    pub(super) fn answer_typed(&mut self, now: Instant, terminal: TerminalId, typed: bool) {
        if let Some(agent) = self.agents.get_mut(&terminal.agent) {
            agent.signals.answered(now, terminal.pane, typed);
        }
    }

    fn paste_unless_asked(
        &mut self,
        now: Instant,
        command: CommandId,
        terminal: TerminalId,
        (text, busy): (String, Busy),
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let agent = self.agents.get_mut(&terminal.agent).ok_or_else(no_such_agent)?;
        if let Some(why) = agent.signals.asks(now, terminal.pane) {
            let message = format!("{} asks {why}.", agent.name());
            let hint =
                "Answer it (consort answer), or send the text anyway (--anyway): it would be typed into the question.";
            return Err(refuse(RefusalCode::AgentAsks, message, hint));
        }
        if let Some(why) = agent.signals.works(now, terminal.pane).filter(|_| busy == Busy::Refuse) {
            let message = format!("{} works: {why}.", agent.name());
            let hint = "Type the text now all the same (--now), or have it typed when it is idle (--queue).";
            return Err(refuse(RefusalCode::AgentWorks, message, hint));
        }
        agent.signals.typed(now, terminal.pane);
        let pending = Pending::Send(Sender::Command(command), terminal, text.clone());
        self.ask(pending, BackendOperation::Paste { terminal, text, submit: true }, out)
    }

    /// Screens that were waited for too long: nothing is typed.
    pub(super) fn give_up_typing(&mut self, now: Instant, id: AgentId, out: &mut Out) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let gone = agent.seen.is_none();
        let all = core::mem::take(&mut agent.typing);
        let (due, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|typing| gone || typing.until <= now);
        agent.typing = rest;
        for typing in due {
            let Some(command) = typing.command else {
                if let What::Queued(number, _) = typing.what {
                    self.queued_text_not_typed(now, id, number, out);
                }
                continue;
            };
            let message = match typing.what {
                _ if typing.starting => {
                    "It was started and has not shown that it can be written to, so nothing was typed."
                }
                What::Words(..) => {
                    self.answer_typed(now, typing.terminal, false);
                    "The place for an answer in words did not open, so the answer was not typed."
                }
                _ => "Its screen could not be read, so nothing was typed.",
            };
            let refusal = refuse(RefusalCode::Unavailable, message, "Try again, or type into its terminal.");
            out.push_back(Output::Reply(command, Err(refusal)));
        }
    }

    pub(super) fn explain(
        &self,
        now: Instant,
        command: CommandId,
        agent: AgentId,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let agent = self.agents.get(&agent).filter(|agent| agent.is_visible()).ok_or_else(no_such_agent)?;
        let mut evidence = agent.signals.evidence(now);
        if agent.seen.is_none() {
            let state = agent.signals.state();
            let age_ms = now.since(state.since).as_millis();
            evidence = Vec::from([Evidence {
                pane: 0,
                source: Source::Process,
                kind: Some(StateKind::Exited),
                why: state.why.clone(),
                age_ms,
                decisive: true,
            }]);
        }
        let rules = agent.signals.rules().to_string();
        out.push_back(Output::Reply(command, Ok(Reply::Explained { rules, evidence })));
        Ok(())
    }
}

impl Typing {
    pub(super) fn until(&self) -> Instant {
        self.until
    }
}

fn quoted(asked: &Asked) -> String {
    format!("“{}”", asked.question.text)
}

/// The question is not there any more, or is another one now.
fn changed(now: Option<&Asked>) -> Refusal {
    let message = match now {
        Some(asked) => format!("The question has changed. It asks now: {}.", quoted(asked)),
        None => "It does not ask this any more.".to_string(),
    };
    refuse(RefusalCode::QuestionChanged, message, "Look at what it asks now (consort questions), and answer that.")
}

fn no_such_choice(asked: &Asked) -> Refusal {
    let offered: Vec<String> =
        asked.question.choices.iter().map(|choice| format!("{} ({})", choice.key, choice.label)).collect();
    let text = if asked.question.free_text { ", or a text" } else { "" };
    let message = format!("{} is answered by: {}{text}.", quoted(asked), offered.join(", "));
    refuse(RefusalCode::Invalid, message, "Choose one of these.")
}
