//! Whether a text that was pasted, with Enter, has gone: the screen is read again, until the program's line for texts no longer holds it. Some
//! programs take an Enter that follows a paste as a part of it: it is pressed once more, if the screen stands still and still shows the text.

use super::{Directory, Out, Pending};
use crate::command::Reply;
use crate::id::{AgentId, CommandId, TerminalId};
use crate::limits;
use crate::output::{BackendOperation, Output, TerminalOutput};
use crate::time::{Duration, Instant};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Who sends a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sender {
    /// A command, which waits for the answer.
    Command(CommandId),
    /// The agent's queue: the text with this number.
    Queue(u64),
}

/// A text that was pasted, and whose effect is looked for.
#[derive(Clone, Debug)]
pub(super) struct Confirm {
    from: Sender,
    terminal: TerminalId,
    text: String,
    /// When Enter was pressed last, and whether that was the second time.
    entered: Instant,
    again: bool,
    /// The screen is read then.
    look: Instant,
    /// What the screen was at the last look.
    digest: Option<u64>,
}

/// What the screen says about a text.
enum Seen {
    /// It is not on the line any more.
    Gone,
    /// It is there still, on a screen that is this one.
    Held(u64),
}

impl Confirm {
    pub(super) fn deadline(&self) -> Instant {
        self.look
    }

    /// How long after Enter the text may still be seen. Programs work on long texts before they show anything.
    fn patience(&self) -> Duration {
        let (each, bytes, most) = limits::CONFIRM_MORE;
        let more = each.as_millis() * (self.text.len() / bytes) as u64;
        Duration::from_millis(limits::CONFIRM_TIME.as_millis() + more.min(most.as_millis()))
    }
}

impl Directory {
    /// A text was pasted and Enter was pressed: looks whether it has gone, if its program has a line that is known.
    pub(super) fn confirm(
        &mut self,
        now: Instant,
        from: Sender,
        (terminal, text): (TerminalId, String),
        out: &mut Out,
    ) {
        let known =
            self.agents.get_mut(&terminal.agent).filter(|agent| agent.signals.composer(terminal.pane).is_some());
        let Some(agent) = known else { return self.confirmed(now, (from, terminal), text.len(), None, out) };
        let look = now + limits::CONFIRM_LOOK_TIME;
        agent.confirms.push(Confirm { from, terminal, text, entered: now, again: false, look, digest: None });
        self.decide(now, terminal.agent, out);
    }

    /// Whether a text that was sent stands on the line that a terminal is seen to have.
    pub(crate) fn shows_sent_text(&self, terminal: TerminalId, line: &str) -> bool {
        let confirms = self.agents.get(&terminal.agent).map_or(&[][..], |agent| &agent.confirms);
        confirms.iter().any(|confirm| confirm.terminal == terminal && holds(&confirm.text, line))
    }

    /// The screens that are to be read again.
    pub(super) fn look_again(&mut self, now: Instant, id: AgentId, out: &mut Out) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let gone = agent.seen.is_none();
        let mut over = Vec::new();
        agent.confirms.retain_mut(|confirm| {
            // Nothing was read for this long: a terminal that is gone, or a backend that does not answer.
            if gone || now >= confirm.entered + confirm.patience() + limits::READ_TIME {
                over.push((confirm.from, confirm.terminal, confirm.text.len()));
                return false;
            }
            if confirm.look <= now {
                confirm.look = now + limits::CONFIRM_LOOK_TIME;
                out.push_back(Output::Terminal(confirm.terminal, TerminalOutput::ReadScreen));
            }
            true
        });
        for (from, terminal, bytes) in over {
            self.confirmed(now, (from, terminal), bytes, None, out);
        }
    }

    /// The screen of a terminal was just read.
    pub(super) fn look_for_texts(&mut self, now: Instant, terminal: TerminalId, out: &mut Out) {
        let Some(agent) = self.agents.get_mut(&terminal.agent) else { return };
        if agent.confirms.is_empty() {
            return;
        }
        let all = core::mem::take(&mut agent.confirms);
        for mut confirm in all {
            let Some(agent) = self.agents.get_mut(&terminal.agent) else { return };
            if confirm.terminal != terminal {
                agent.confirms.push(confirm);
                continue;
            }
            let asks = agent.signals.asks(now, terminal.pane).is_some();
            let busy = agent.signals.reads_as_busy(terminal.pane);
            let seen = match agent.signals.composer(terminal.pane) {
                Some((line, pasted, digest)) if !asks && (pasted || holds(&confirm.text, line)) => Seen::Held(digest),
                _ => Seen::Gone,
            };
            let since = now.since(confirm.entered);
            match seen {
                Seen::Gone => self.confirmed(now, (confirm.from, terminal), confirm.text.len(), Some(true), out),
                Seen::Held(_) if since >= confirm.patience() => {
                    self.confirmed(now, (confirm.from, terminal), confirm.text.len(), Some(false), out);
                }
                Seen::Held(digest) => {
                    let still = confirm.digest.replace(digest) == Some(digest);
                    if still && !busy && !confirm.again && since >= limits::ENTER_AGAIN_TIME {
                        (confirm.again, confirm.entered) = (true, now);
                        let enter = BackendOperation::Type { terminal, bytes: b"\r".to_vec() };
                        // Without an operation to spare, nothing is pressed, and the text stays where it is.
                        let _ = self.ask(Pending::Enter, enter, out);
                    }
                    if let Some(agent) = self.agents.get_mut(&terminal.agent) {
                        agent.confirms.push(confirm);
                    }
                }
            }
        }
        self.decide(now, terminal.agent, out);
    }

    /// It is known what became of a text: `Some(true)`: it has gone; `Some(false)`: it is on the line still; `None`: Enter was pressed, and
    /// more is not known.
    fn confirmed(
        &mut self,
        now: Instant,
        (from, terminal): (Sender, TerminalId),
        bytes: usize,
        gone: Option<bool>,
        out: &mut Out,
    ) {
        match from {
            Sender::Command(command) => {
                let reply = match gone {
                    None => Reply::Pasted { bytes, submitted: true },
                    Some(submitted) => Reply::Sent { bytes, submitted },
                };
                out.push_back(Output::Reply(command, Ok(reply)));
            }
            Sender::Queue(number) => {
                let ended = match gone {
                    Some(false) => Err("it is on the line still, although Enter was pressed".to_string()),
                    Some(true) | None => Ok(()),
                };
                self.queued_text_typed(now, (terminal.agent, number), ended, out);
            }
        }
    }
}

/// Whether what stands on a program's line is a part of the text.
fn holds(text: &str, line: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().flat_map(str::chars).collect::<String>();
    let line: String = plain(line).chars().take(limits::CONFIRM_CHARS).collect();
    !line.is_empty() && plain(text).contains(&line)
}

#[cfg(test)]
mod tests {
    use super::holds;

    #[test]
    fn a_line_holds_a_text_if_it_is_a_part_of_it() {
        assert!(holds("fix the\n  build", "fix the"));
        assert!(holds("fix the build", "fix  the build"));
        assert!(!holds("fix the build", ""));
        assert!(!holds("fix the build", "Ask Codex to do anything"));
    }
}
