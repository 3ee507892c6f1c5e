//! One viewer's connection: its streams, its room, and what each stream has to say next.

use super::Onlooker;
use super::remote::Remote;
use super::terminal::Terminal;
use crate::error::{Refusal, RefusalCode};
use crate::id::{Generation, StreamId, ViewerKey};
use crate::limits;
use crate::output::{EndReason, Output, ViewerOutput};
use crate::time::Instant;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::{String, ToString};

#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) key: ViewerKey,
    /// Frames that the connection can take.
    pub(super) room: u32,
    pub(super) streams: BTreeMap<StreamId, Stream>,
    /// Its streams of other nodes' terminals. A number is in one of the two.
    pub(super) remotes: BTreeMap<StreamId, Remote>,
    /// Streams that may have a frame to send, in turn. Each at most once (`Stream::queued`).
    pub(super) ready: VecDeque<StreamId>,
}

/// What a stream still has to say is state, not a queue: however slow the viewer, it does not grow.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// `None`: refused, only `ended` is left to say.
    pub(super) terminal: Option<Generation>,
    pub(super) announce: bool,
    /// The viewer has seen the terminal in its present numbering before.
    known: bool,
    /// Offset after the last byte sent.
    pub(super) sent: u64,
    /// Everything before is processed.
    pub(super) acked: u64,
    /// Offset of the last snapshot: credit counts from there, if that is not acknowledged yet.
    base: u64,
    /// Its position cannot be continued: it needs a snapshot.
    pub(super) behind: bool,
    /// Its snapshot had a shortened history.
    pub(super) partial: bool,
    /// The last snapshot is not processed yet: no other one is sent.
    snapshot_open: bool,
    pub(super) size_changed: bool,
    pub(super) input_acked: bool,
    pub(super) input_lost: Option<(u64, String)>,
    /// `Attached` and `InputLost` that were said: each says with which number the viewer goes on.
    told: u32,
    pub(super) ended: Option<EndReason>,
    pub(super) queued: bool,
    pub(super) typed_bytes: u64,
    pub(super) typed_told: Option<Instant>,
    refusal_told: Option<Instant>,
}

impl Viewer {
    pub(super) fn new(key: ViewerKey) -> Self {
        Viewer { key, room: 0, streams: BTreeMap::new(), remotes: BTreeMap::new(), ready: VecDeque::new() }
    }

    pub(super) fn queue(&mut self, id: StreamId) {
        let queued = match self.streams.get_mut(&id) {
            Some(stream) => Some(&mut stream.queued),
            None => self.remotes.get_mut(&id).map(|remote| &mut remote.queued),
        };
        if queued.is_some_and(|queued| !core::mem::replace(queued, true)) {
            self.ready.push_back(id);
        }
    }

    /// All its streams.
    pub(super) fn count(&self) -> usize {
        self.streams.len() + self.remotes.len()
    }
}

impl Stream {
    /// A stream that only has its end to tell.
    pub(super) fn refused(reason: EndReason) -> Self {
        Stream { ended: Some(reason), ..Stream::default() }
    }

    /// A stream that goes on at `from`, or needs a snapshot.
    pub(super) fn open(terminal: &Terminal, viewer: &ViewerKey, from: Option<(Generation, u64)>) -> Self {
        let resumed =
            from.filter(|(generation, offset)| *generation == terminal.generation && terminal.ring.holds(*offset));
        let at = resumed.map_or_else(|| terminal.fresh_offset(), |(_, offset)| offset);
        let partial = resumed.is_some() && terminal.is_shortened(viewer, at);
        Stream {
            terminal: Some(terminal.generation),
            announce: true,
            known: from.is_some_and(|(generation, _)| generation == terminal.generation),
            sent: at,
            acked: at,
            behind: resumed.is_none() || partial && !terminal.is_flooding(),
            partial,
            ..Stream::default()
        }
    }

    pub(super) fn ack(&mut self, offset: u64) {
        // Nobody can have processed what was not sent.
        self.acked = self.acked.max(offset.min(self.sent));
        if self.acked >= self.base {
            self.snapshot_open = false;
        }
    }

    /// Input `first` and what follows it is lost; the viewer is to be told.
    pub(super) fn lose_input(&mut self, first: u64, why: &str) {
        if self.input_lost.as_ref().is_none_or(|(known, _)| first < *known) {
            self.input_lost = Some((first, why.to_string()));
        }
    }

    /// Input `seq` may not be typed. Gives the refusal, if it is to be told (again).
    pub(super) fn refuse_input(&mut self, now: Instant, seq: u64) -> Option<Refusal> {
        self.lose_input(seq, "this machine may only look at the agents of others");
        if self.refusal_told.is_some_and(|at| now.since(at) < limits::TYPED_EVENT_TIME) {
            return None;
        }
        self.refusal_told = Some(now);
        let message = "the asking machine may only look here.".to_string();
        Some(Refusal { code: RefusalCode::Forbidden, message, hint: String::new() })
    }

    /// Whether who has heard so much knows with which number to go on. What does not is from before, and was told to be lost.
    pub(super) fn is_aware(&self, heard: u32) -> bool {
        heard > 0 && heard == self.told && self.input_lost.is_none()
    }

    /// The terminal has ended. A stream that only waited for the full history goes on with what it has.
    pub(super) fn end(&mut self, ring_holds_it: bool) {
        self.ended = Some(EndReason::Exited);
        self.behind &= !(self.partial && ring_holds_it);
    }

    fn credit(&self) -> u64 {
        limits::WINDOW_BYTES.saturating_sub(self.sent.saturating_sub(self.acked.max(self.base)))
    }

    /// The next frame, if there is one and the viewer has credit for it.
    pub(super) fn next(
        &mut self,
        now: Instant,
        viewer: (Onlooker, ViewerKey),
        id: StreamId,
        terminal: Option<&mut Terminal>,
        out: &mut VecDeque<Output>,
    ) -> Option<ViewerOutput> {
        let Some(terminal) = terminal else {
            return self.ended.map(|reason| ViewerOutput::Ended { stream: id, reason });
        };
        if core::mem::take(&mut self.announce) {
            // What is said here includes all that was to be said of size and input until now.
            self.size_changed = false;
            self.input_acked = false;
            self.input_lost = None;
            self.told = self.told.saturating_add(1);
            let written = terminal.typing.written(&viewer.1);
            return Some(ViewerOutput::Attached {
                stream: id,
                node: terminal.node,
                terminal: terminal.id,
                generation: terminal.generation,
                offset: self.sent,
                input_seq: written.unwrap_or(0),
                input_known: terminal.typing.is_certain(&viewer.1, self.known),
                size: terminal.size,
                holder: terminal.holder((viewer.0, id)),
            });
        }
        if let Some(seq) = core::mem::take(&mut self.input_acked).then(|| terminal.typing.written(&viewer.1)).flatten()
        {
            return Some(ViewerOutput::InputAck { stream: id, seq });
        }
        // It also says that everything before is written: not before that is so.
        let written = terminal.typing.written(&viewer.1);
        if let Some((seq, message)) = self.input_lost.take_if(|(seq, _)| written.is_none_or(|to| *seq <= to + 1)) {
            self.told = self.told.saturating_add(1);
            return Some(ViewerOutput::InputLost { stream: id, seq, message });
        }
        if core::mem::take(&mut self.size_changed) {
            return Some(ViewerOutput::Size {
                stream: id,
                size: terminal.size,
                holder: terminal.holder((viewer.0, id)),
            });
        }
        self.next_bytes(now, viewer.1, id, terminal, out)
    }

    fn next_bytes(
        &mut self,
        now: Instant,
        viewer: ViewerKey,
        id: StreamId,
        terminal: &mut Terminal,
        out: &mut VecDeque<Output>,
    ) -> Option<ViewerOutput> {
        if !self.behind && !terminal.ring.holds(self.sent) {
            self.behind = true;
            // It fell out of the ring, or the terminal skipped (which has been noted already).
            terminal.note_gap(now);
        }
        if self.behind && !terminal.closed {
            return self.next_snapshot(viewer, id, terminal, out);
        }
        let credit = self.credit().min(limits::FRAME_BYTES as u64) as usize;
        let more = !self.behind && self.sent < terminal.ring.end();
        if more && credit == 0 {
            return None;
        }
        if more {
            let bytes = terminal.ring.read(self.sent, credit)?;
            let offset = self.sent;
            self.sent += bytes.len() as u64;
            return Some(ViewerOutput::Data { stream: id, offset, bytes });
        }
        self.ended.map(|reason| ViewerOutput::Ended { stream: id, reason })
    }

    fn next_snapshot(
        &mut self,
        viewer: ViewerKey,
        id: StreamId,
        terminal: &mut Terminal,
        out: &mut VecDeque<Output>,
    ) -> Option<ViewerOutput> {
        if self.snapshot_open {
            return None;
        }
        let snapshot = terminal.snapshot(out)?;
        self.behind = false;
        self.partial = !snapshot.full;
        terminal.note_history(viewer, &snapshot);
        self.sent = snapshot.offset;
        self.base = snapshot.offset;
        self.snapshot_open = self.acked < snapshot.offset;
        Some(ViewerOutput::Snapshot {
            stream: id,
            generation: terminal.generation,
            offset: snapshot.offset,
            size: snapshot.size,
            bytes: snapshot.bytes,
        })
    }
}
