//! One stream of another node's terminal, as its opener remembers it: where it stands, so that it can go on on another circuit, and
//! whether what the other node sends keeps the rules.

use super::line::Broken;
use crate::id::{AgentAddress, Generation, NodeId, Size, StreamId};
use crate::input::{Take, ViewerInput};
use crate::limits;
use crate::output::{Holder, ViewerOutput};

#[derive(Debug)]
pub(super) struct Look {
    /// The viewer's own number for it.
    pub(super) stream: StreamId,
    agent: AgentAddress,
    pane: Option<u32>,
    /// The end of what is on its way to the viewer or has reached it; [`NOWHERE`] while that needs a snapshot.
    at: Option<(Generation, u64)>,
    size: Option<Size>,
    take: Take,
    pub(super) gate: Gate,
    /// What the terminal's node has said on this circuit.
    told: Option<Told>,
}

/// An offset that no terminal has: what goes on there begins with a snapshot. The numbering that it is said of tells the owner still
/// which input it may have had.
const NOWHERE: u64 = u64::MAX;

/// Since `Attached`.
#[derive(Clone, Copy, Debug)]
struct Told {
    generation: Generation,
    /// Where data goes on; `None`: a snapshot must come first.
    next: Option<u64>,
    acked: u64,
    base: u64,
}

/// Which input is passed on. What was lost with a circuit is repeated by the viewer when it is told that the stream is open again;
/// until it has begun to do so, what it typed after that must not overtake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// Everything: nothing was lost.
    Open,
    /// Nothing: the viewer has not been told yet.
    Closed,
    /// Up to this number, then the next one.
    UpTo(u64),
}

impl Look {
    pub(super) fn new(stream: StreamId, attach: (AgentAddress, Option<u32>, crate::streams::Attach)) -> Self {
        let (agent, pane, attach) = attach;
        Look {
            stream,
            agent,
            pane,
            at: attach.from,
            size: attach.size,
            take: attach.take,
            gate: Gate::Closed,
            told: None,
        }
    }

    /// The wish as it is put to the terminal's node.
    pub(super) fn attach(&self, line: StreamId) -> ViewerInput<'static> {
        let Look { agent, pane, at, size, take, .. } = *self;
        ViewerInput::Attach { stream: line, agent, pane, from: at, size, take }
    }

    /// The circuit is gone.
    pub(super) fn interrupt(&mut self) {
        self.gate = Gate::Closed;
        self.told = None;
    }

    pub(super) fn resize(&mut self, size: Size, take: Take) {
        self.size = Some(size);
        if take != Take::Never {
            self.take = take;
        }
    }

    pub(super) fn release(&mut self) {
        self.take = Take::Never;
    }

    /// Whether an input is passed on.
    pub(super) fn passes(&mut self, seq: u64) -> bool {
        match &mut self.gate {
            Gate::Open => true,
            Gate::Closed => false,
            Gate::UpTo(next) if seq > *next => false,
            Gate::UpTo(next) => {
                *next = (*next).max(seq.saturating_add(1));
                true
            }
        }
    }

    /// The viewer was told that the stream is open on a circuit that carries input.
    pub(super) fn viewer_knows(&mut self, written: u64) {
        if self.gate != Gate::Open {
            self.gate = Gate::UpTo(written.saturating_add(1));
        }
    }

    /// The viewer has processed what is before the offset.
    pub(super) fn ack(&mut self, offset: u64) {
        if let Some(told) = &mut self.told {
            told.acked = told.acked.max(offset.min(told.next.unwrap_or(told.base)));
        }
    }

    /// Takes note of a frame for the viewer, or finds that it breaks a rule: whatever the other node sends, the viewer's stream has
    /// no gap and no more on the way than its window.
    pub(super) fn accept(&mut self, peer: NodeId, frame: &ViewerOutput) -> Result<(), Broken> {
        match frame {
            ViewerOutput::Attached { node, terminal, generation, offset, holder, .. } => {
                let asked = *node == peer
                    && terminal.agent == self.agent.agent
                    && self.pane.is_none_or(|pane| pane == terminal.pane);
                if !asked || self.told.is_some() {
                    return Err(Broken);
                }
                self.pane = Some(terminal.pane);
                let next = (self.at == Some((*generation, *offset))).then_some(*offset);
                if next.is_none() {
                    self.at = Some((*generation, NOWHERE));
                }
                self.told = Some(Told { generation: *generation, next, acked: *offset, base: *offset });
                self.holds(*holder);
            }
            ViewerOutput::Data { offset, bytes, .. } => {
                let told = self.told.as_mut().ok_or(Broken)?;
                let end = offset.checked_add(bytes.len() as u64).ok_or(Broken)?;
                let fits = end <= told.acked.max(told.base).saturating_add(limits::WINDOW_BYTES);
                if told.next != Some(*offset) || bytes.is_empty() || bytes.len() > limits::FRAME_BYTES || !fits {
                    return Err(Broken);
                }
                told.next = Some(end);
                self.at = Some((told.generation, end));
            }
            ViewerOutput::Snapshot { generation, offset, .. } => {
                let told = self.told.as_mut().ok_or(Broken)?;
                let from = told.next.unwrap_or(told.base);
                if told.generation != *generation || *offset < from {
                    return Err(Broken);
                }
                told.next = Some(*offset);
                told.base = *offset;
                self.at = Some((*generation, *offset));
            }
            ViewerOutput::Size { holder, .. } => {
                self.told.ok_or(Broken)?;
                self.holds(*holder);
            }
            ViewerOutput::InputAck { .. } | ViewerOutput::InputLost { .. } => drop(self.told.ok_or(Broken)?),
            ViewerOutput::Ended { .. } => {}
        }
        Ok(())
    }

    /// A wish for the size is fulfilled or was refused; who holds it takes it again after an interruption if nobody else has.
    fn holds(&mut self, holder: Holder) {
        self.take = if holder == Holder::You { Take::IfFree } else { Take::Never };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::AgentId;
    use crate::streams::Attach;

    fn look() -> Look {
        let agent = AgentAddress { node: NodeId([1; 32]), agent: AgentId(1) };
        let attach = Attach { stream: StreamId(1), from: None, size: None, take: Take::Never };
        Look::new(StreamId(1), (agent, None, attach))
    }

    #[test]
    fn what_was_typed_after_lost_input_waits_until_the_viewer_repeats_the_lost_input() {
        let mut look = look();
        look.viewer_knows(3);
        assert!(!look.passes(5), "typed before the viewer knew");
        assert!(look.passes(4) && look.passes(5), "repeated");
        assert!(look.passes(3), "the owner knows what it has written");
        assert!(!look.passes(7));
    }

    #[test]
    fn nothing_is_passed_on_between_an_interruption_and_the_moment_at_which_the_viewer_knows() {
        let mut look = look();
        look.gate = Gate::Open;
        assert!(look.passes(100));
        look.interrupt();
        assert!(!look.passes(101));
    }
}
