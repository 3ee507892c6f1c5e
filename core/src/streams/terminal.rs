//! One terminal that somebody looks at (or did a moment ago): its ring, its snapshot, its size lease, its input.

use super::ring::Ring;
use super::typing::Typing;
use super::{Bytes, StreamKey};
use crate::id::{Generation, NodeId, Size, TerminalId, ViewerKey};
use crate::limits;
use crate::output::{Holder, Output, TerminalOutput};
use crate::time::{Duration, Instant};
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

#[derive(Debug)]
pub(super) struct Terminal {
    /// The node that it is on: this one.
    pub(super) node: NodeId,
    pub(super) id: TerminalId,
    pub(super) generation: Generation,
    pub(super) ring: Ring,
    pub(super) size: Size,
    /// Somebody else's terminal program shows it and decides its size.
    pub(super) shown_elsewhere: bool,
    pub(super) attached: BTreeSet<StreamKey>,
    pub(super) typing: Typing,
    pub(super) closed: bool,
    /// The backend was told to deliver output.
    pub(super) watched: bool,
    /// Kept only while a stream needs it.
    snapshot: Option<Snapshot>,
    /// A snapshot is on its way; whether with full history.
    requested: Option<bool>,
    /// Snapshots on their way that were asked for before the last `Unwatch`: what follows them is not continuous.
    stale: u32,
    flooding: bool,
    flood_until: Instant,
    /// Viewers that got a shortened history, and the offset of the full one that they were sent later: if they go on from there or
    /// before, they may not have it.
    shortened: BTreeMap<ViewerKey, u64>,
    lease: Option<StreamKey>,
    /// The size that the holder wants; a new wish is passed on at once, the answer is `Resized`.
    wanted: Option<Size>,
    linger_until: Option<Instant>,
}

/// The terminal's state after all output before `offset`.
#[derive(Clone, Debug)]
pub(super) struct Snapshot {
    pub(super) offset: u64,
    pub(super) size: Size,
    pub(super) bytes: Bytes,
    pub(super) full: bool,
}

impl Terminal {
    pub(super) fn new(node: NodeId, generation: Generation, target: super::Target) -> Self {
        let super::Target { id, size, shown_elsewhere } = target;
        Terminal {
            node,
            id,
            generation,
            ring: Ring::default(),
            size,
            shown_elsewhere,
            attached: BTreeSet::new(),
            typing: Typing::default(),
            closed: false,
            watched: false,
            snapshot: None,
            requested: None,
            stale: 0,
            flooding: false,
            flood_until: Instant::START,
            shortened: BTreeMap::new(),
            lease: None,
            wanted: None,
            linger_until: None,
        }
    }

    fn send(&self, what: TerminalOutput, out: &mut VecDeque<Output>) {
        out.push_back(Output::Terminal(self.id, what));
    }

    // Who looks.

    pub(super) fn attach(&mut self, key: StreamKey, out: &mut VecDeque<Output>) {
        self.attached.insert(key);
        self.linger_until = None;
        if !self.watched {
            self.watched = true;
            self.send(TerminalOutput::Watch, out);
        }
    }

    pub(super) fn detach(&mut self, now: Instant, key: StreamKey, out: &mut VecDeque<Output>) {
        self.release(key, out);
        self.attached.remove(&key);
        if self.attached.is_empty() {
            self.linger_until = Some(now + limits::LINGER);
            self.snapshot = None;
        }
    }

    /// When [`wake`](Self::wake) has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let full = (self.watched && self.flooding).then_some(self.flood_until);
        [self.linger_until, full].into_iter().flatten().min()
    }

    /// Does what is due. Returns whether streams with a shortened history may ask for the full one now.
    pub(super) fn wake(&mut self, now: Instant, out: &mut VecDeque<Output>) -> bool {
        if self.linger_until.is_some_and(|at| at <= now) {
            if self.watched {
                self.watched = false;
                self.stale += u32::from(self.requested.take().is_some());
                self.ring.skip();
                self.shortened.clear();
                self.send(TerminalOutput::Unwatch, out);
            }
            self.typing.expire(now);
            self.linger_until = (!self.forgettable()).then(|| now + limits::INPUT_MEMORY_TIME);
        }
        let over = self.flooding && self.flood_until <= now;
        self.flooding &= !over;
        over
    }

    /// Nothing about it is worth keeping.
    pub(super) fn forgettable(&self) -> bool {
        self.attached.is_empty() && (self.closed || !self.watched && self.stale == 0 && self.typing.is_empty())
    }

    // Bytes.

    pub(super) fn output(&mut self, bytes: &[u8]) {
        // A backend may still deliver what was on its way when it was told to stop.
        if self.watched {
            self.ring.push(bytes);
        }
    }

    /// Bytes are missing from here on. Floods show by gaps that follow each other.
    pub(super) fn skip(&mut self, now: Instant) {
        self.ring.skip();
        self.snapshot = None;
        self.note_gap(now);
    }

    /// A viewer fell out of the ring, or the backend skipped.
    pub(super) fn note_gap(&mut self, now: Instant) {
        // A flood ends in `wake` and nowhere else: the streams with a shortened history are told there.
        self.flooding |= now < self.flood_until;
        self.flood_until = now + limits::FLOOD_TIME;
    }

    pub(super) fn resized(&mut self, size: Size) {
        self.size = size;
        self.ring.skip();
        self.snapshot = None;
    }

    /// Takes the backend's answer. Returns whether it can be used.
    pub(super) fn snapshot_taken(&mut self, size: Size, bytes: &[u8]) -> bool {
        if self.stale > 0 {
            self.stale -= 1;
            return false;
        }
        let full = self.requested.take().unwrap_or(false);
        if self.attached.is_empty() {
            return false;
        }
        self.size = size;
        self.snapshot = Some(Snapshot { offset: self.ring.end(), size, bytes: Bytes::from(bytes), full });
        true
    }

    /// The snapshot, if data can go on from it; else asks the backend for one.
    pub(super) fn snapshot(&mut self, out: &mut VecDeque<Output>) -> Option<Snapshot> {
        if self.closed {
            return None;
        }
        if let Some(snapshot) = self.usable_snapshot() {
            return Some(snapshot.clone());
        }
        if self.requested.is_none() {
            let full = !self.flooding;
            self.requested = Some(full);
            let history_lines = if full { limits::SNAPSHOT_HISTORY_LINES } else { limits::FLOOD_HISTORY_LINES };
            self.send(TerminalOutput::Snapshot { history_lines }, out);
        }
        None
    }

    /// Where a stream begins that nobody had before: at the snapshot that it will get.
    pub(super) fn fresh_offset(&self) -> u64 {
        self.usable_snapshot().map_or(self.ring.end(), |snapshot| snapshot.offset)
    }

    fn usable_snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref().filter(|s| self.ring.holds(s.offset) && (s.full || self.flooding))
    }

    pub(super) fn has_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    /// A viewer is sent a snapshot with full or shortened history.
    pub(super) fn note_history(&mut self, viewer: ViewerKey, snapshot: &Snapshot) {
        if !snapshot.full {
            if self.shortened.len() < limits::VIEWERS {
                self.shortened.insert(viewer, u64::MAX);
            }
        } else if let Some(from) = self.shortened.get_mut(&viewer) {
            *from = snapshot.offset;
        }
    }

    /// Whether a viewer that goes on from an offset may lack history.
    pub(super) fn is_shortened(&self, viewer: &ViewerKey, offset: u64) -> bool {
        self.shortened.get(viewer).is_some_and(|from| offset <= *from)
    }

    pub(super) fn is_flooding(&self) -> bool {
        self.flooding
    }

    /// Nobody needs the snapshot any more.
    pub(super) fn drop_snapshot(&mut self) {
        self.snapshot = None;
    }

    /// Everybody has processed what is before `offset`.
    pub(super) fn release_before(&mut self, offset: u64) {
        self.ring.release(offset.saturating_sub(limits::RESUME_BYTES as u64));
    }

    // Size.

    pub(super) fn holder(&self, key: StreamKey) -> Holder {
        match self.lease {
            Some(holder) if holder == key => Holder::You,
            Some(_) => Holder::Other,
            None if self.shown_elsewhere => Holder::Other,
            None => Holder::Nobody,
        }
    }

    pub(super) fn lease_is_free(&self) -> bool {
        self.lease.is_none() && !self.shown_elsewhere
    }

    /// Gives the lease to `key`. Returns whether the holder has changed.
    pub(super) fn grant(&mut self, key: StreamKey, size: Size, out: &mut VecDeque<Output>) -> bool {
        let changed = self.lease.replace(key) != Some(key);
        // Also when the size seems to be right: somebody else may have changed it, or it may be on its way back.
        if self.wanted != Some(size) || self.size != size {
            self.send(TerminalOutput::Resize(size), out);
        }
        self.wanted = Some(size);
        changed
    }

    /// Takes the lease from `key`. Returns whether it had it.
    pub(super) fn release(&mut self, key: StreamKey, out: &mut VecDeque<Output>) -> bool {
        let held = self.lease == Some(key);
        if held {
            self.lease = None;
            self.wanted = None;
            if !self.closed {
                self.send(TerminalOutput::ReleaseSize, out);
            }
        }
        held
    }

    pub(super) fn is_lease_held_by_attached(&self) -> bool {
        self.lease.is_none_or(|key| self.attached.contains(&key))
    }

    /// How long a wake may be away at most, for checks.
    pub(super) const LONGEST_WAIT: Duration = limits::INPUT_MEMORY_TIME;
}
