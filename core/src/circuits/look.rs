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
    /// `Attached` and `InputLost` that came for the viewer, on all circuits, and how many of them before the present one. What the
    /// viewer typed before it had more than those was lost with an older circuit, and nothing may overtake that.
    told: (u32, u32),
    /// What the terminal's node has said on this circuit.
    shown: Option<Shown>,
}

/// An offset that no terminal has: what goes on there begins with a snapshot. The numbering that it is said of tells the owner still
/// which input it may have had.
const NOWHERE: u64 = u64::MAX;

/// Since `Attached`.
#[derive(Clone, Copy, Debug)]
struct Shown {
    generation: Generation,
    /// Where data goes on; `None`: a snapshot must come first.
    next: Option<u64>,
    acked: u64,
    base: u64,
}

impl Look {
    pub(super) fn new(stream: StreamId, attach: (AgentAddress, Option<u32>, crate::streams::Attach)) -> Self {
        let (agent, pane, attach) = attach;
        Look { stream, agent, pane, at: attach.from, size: attach.size, take: attach.take, told: (0, 0), shown: None }
    }

    /// The wish as it is put to the terminal's node.
    pub(super) fn attach(&self, line: StreamId) -> ViewerInput<'static> {
        let Look { agent, pane, at, size, take, .. } = *self;
        ViewerInput::Attach { stream: line, agent, pane, from: at, size, take }
    }

    /// The circuit is gone.
    pub(super) fn interrupt(&mut self) {
        self.told.1 = self.told.0;
        self.shown = None;
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

    /// How much of what was told on this circuit a viewer has heard that has heard so much in all; `None`: nothing.
    pub(super) fn heard_there(&self, heard: u32) -> Option<u32> {
        heard.checked_sub(self.told.1).filter(|there| *there > 0)
    }

    /// The viewer has processed what is before the offset. Gives how much of that it can have, for the terminal's node: it counts what
    /// it may still send from there, too.
    pub(super) fn ack(&mut self, offset: u64) -> Option<u64> {
        let shown = self.shown.as_mut()?;
        shown.acked = shown.acked.max(offset.min(shown.next.unwrap_or(shown.base)));
        Some(shown.acked)
    }

    /// Takes note of a frame for the viewer, or finds that it breaks a rule: whatever the other node sends, the viewer's stream has
    /// no gap and no more on the way than its window.
    pub(super) fn accept(&mut self, peer: NodeId, frame: &ViewerOutput) -> Result<(), Broken> {
        match frame {
            ViewerOutput::Attached { node, terminal, generation, offset, holder, .. } => {
                let asked = *node == peer
                    && terminal.agent == self.agent.agent
                    && self.pane.is_none_or(|pane| pane == terminal.pane);
                if !asked || self.shown.is_some() {
                    return Err(Broken);
                }
                self.pane = Some(terminal.pane);
                self.told.0 = self.told.0.saturating_add(1);
                let next = (self.at == Some((*generation, *offset))).then_some(*offset);
                if next.is_none() {
                    self.at = Some((*generation, NOWHERE));
                }
                self.shown = Some(Shown { generation: *generation, next, acked: *offset, base: *offset });
                self.holds(*holder);
            }
            ViewerOutput::Data { offset, bytes, .. } => {
                let shown = self.shown.as_mut().ok_or(Broken)?;
                let end = offset.checked_add(bytes.len() as u64).ok_or(Broken)?;
                let fits = end <= shown.acked.max(shown.base).saturating_add(limits::WINDOW_BYTES);
                if shown.next != Some(*offset) || bytes.is_empty() || bytes.len() > limits::FRAME_BYTES || !fits {
                    return Err(Broken);
                }
                shown.next = Some(end);
                self.at = Some((shown.generation, end));
            }
            ViewerOutput::Snapshot { generation, offset, .. } => {
                let shown = self.shown.as_mut().ok_or(Broken)?;
                let from = shown.next.unwrap_or(shown.base);
                if shown.generation != *generation || *offset < from {
                    return Err(Broken);
                }
                shown.next = Some(*offset);
                shown.base = *offset;
                self.at = Some((*generation, *offset));
            }
            ViewerOutput::Size { holder, .. } => {
                self.shown.ok_or(Broken)?;
                self.holds(*holder);
            }
            ViewerOutput::InputAck { .. } => drop(self.shown.ok_or(Broken)?),
            ViewerOutput::InputLost { .. } => {
                self.shown.ok_or(Broken)?;
                self.told.0 = self.told.0.saturating_add(1);
            }
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
    use crate::id::{AgentId, TerminalId};
    use crate::streams::{Attach, Bytes};
    use alloc::string::String;
    use alloc::vec;
    use alloc::vec::Vec;

    fn look() -> Look {
        let agent = AgentAddress { node: NodeId([1; 32]), agent: AgentId(1) };
        let attach = Attach { stream: StreamId(1), from: None, size: None, take: Take::Never };
        Look::new(StreamId(1), (agent, None, attach))
    }

    fn attached() -> ViewerOutput {
        ViewerOutput::Attached {
            stream: StreamId(1),
            node: NodeId([1; 32]),
            terminal: TerminalId { agent: AgentId(1), pane: 1 },
            generation: Generation(1),
            offset: 0,
            input_seq: 0,
            input_known: true,
            size: Size::DEFAULT,
            holder: Holder::Nobody,
        }
    }

    #[test]
    fn what_was_typed_before_the_viewer_heard_that_the_stream_is_open_again_is_not_passed_on() {
        let peer = NodeId([1; 32]);
        let mut look = look();
        assert_eq!(look.heard_there(0), None, "it is not open yet");
        look.accept(peer, &attached()).expect("the first");
        assert_eq!(look.heard_there(1), Some(1));
        look.interrupt();
        assert_eq!(look.heard_there(1), None, "there is no circuit");
        look.accept(peer, &attached()).expect("the first of the next circuit");
        assert_eq!(look.heard_there(1), None, "typed before the viewer knew");
        assert_eq!(look.heard_there(2), Some(1));
    }

    #[test]
    fn news_of_a_loss_count_too() {
        let peer = NodeId([1; 32]);
        let mut look = look();
        look.accept(peer, &attached()).expect("the first");
        let lost = ViewerOutput::InputLost { stream: StreamId(1), seq: 1, message: String::new() };
        look.accept(peer, &lost).expect("after it");
        assert_eq!((look.heard_there(1), look.heard_there(2)), (Some(1), Some(2)));
    }

    const PEER: NodeId = NodeId([1; 32]);

    /// Of a stream that was asked for with this pane: whether it takes these frames.
    fn takes(pane: Option<u32>, frames: &[ViewerOutput]) -> bool {
        let mut look = Look { pane, ..look() };
        frames.iter().all(|frame| look.accept(PEER, frame).is_ok())
    }

    fn snapshot(generation: u64, offset: u64) -> ViewerOutput {
        let generation = Generation(generation);
        ViewerOutput::Snapshot {
            stream: StreamId(1),
            generation,
            offset,
            size: Size::DEFAULT,
            bytes: Bytes::from(&[][..]),
        }
    }

    fn data(offset: u64, len: usize) -> ViewerOutput {
        ViewerOutput::Data { stream: StreamId(1), offset, bytes: Bytes::from(&vec![b'x'; len][..]) }
    }

    #[test]
    fn a_stream_shows_the_terminal_that_was_asked_for_and_opens_once() {
        let of = |of: NodeId, agent: u64, pane| {
            let ViewerOutput::Attached { generation, offset, input_seq, input_known, size, holder, .. } = attached()
            else {
                unreachable!()
            };
            let terminal = TerminalId { agent: AgentId(agent), pane };
            let stream = StreamId(1);
            ViewerOutput::Attached {
                stream,
                node: of,
                terminal,
                generation,
                offset,
                input_seq,
                input_known,
                size,
                holder,
            }
        };
        assert!(takes(None, &[of(PEER, 1, 8)]) && takes(Some(8), &[of(PEER, 1, 8)]));
        assert!(!takes(None, &[of(NodeId([2; 32]), 1, 8)]), "of another node");
        assert!(!takes(None, &[of(PEER, 2, 8)]), "of another agent");
        assert!(!takes(Some(7), &[of(PEER, 1, 8)]), "another terminal of the agent");
        assert!(!takes(None, &[attached(), attached()]), "twice");
    }

    #[test]
    fn data_follows_a_snapshot_without_a_gap_and_no_more_than_a_window_that_is_not_acknowledged() {
        let begun = |more: &[ViewerOutput]| takes(None, &[&[attached(), snapshot(1, 5)], more].concat());
        assert!(begun(&[data(5, 3), data(8, 1)]));
        assert!(!takes(None, &[attached(), data(0, 1)]), "no snapshot came");
        assert!(!begun(&[data(6, 1)]) && !begun(&[data(4, 1)]), "a gap, or something again");
        assert!(!begun(&[data(5, 0)]), "nothing");
        assert!(begun(&[data(5, limits::FRAME_BYTES)]) && !begun(&[data(5, limits::FRAME_BYTES + 1)]));
        let window: Vec<_> = (0..limits::WINDOW_BYTES).step_by(1 << 10).map(|at| data(5 + at, 1 << 10)).collect();
        assert!(begun(&window));
        assert!(!begun(&[&window[..], &[data(5 + limits::WINDOW_BYTES, 1)]].concat()));
    }

    #[test]
    fn a_snapshot_is_of_the_numbering_that_was_said_and_does_not_go_back() {
        let begun = |more: &[ViewerOutput]| takes(None, &[&[attached(), snapshot(1, 5), data(5, 2)], more].concat());
        assert!(begun(&[snapshot(1, 7)]) && begun(&[snapshot(1, 99), data(99, 1)]));
        assert!(!begun(&[snapshot(2, 7)]), "another numbering");
        assert!(!begun(&[snapshot(1, 6)]), "back");
        assert!(!takes(None, &[snapshot(1, 0)]), "before the stream is open");
    }
}
