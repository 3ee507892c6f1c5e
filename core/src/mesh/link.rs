//! One link: what is known of its other end, and what is to be sent to it, as state and not as a queue.

use super::facts::{Fact, Facts, Key};
use super::frame::{FactsFrame, Frame, Hello, PROTOCOL, Span};
use super::traffic::Traffic;
use crate::id::{LinkId, NodeId};
use crate::limits;
use crate::output::Output;
use crate::time::Instant;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

/// How far a link is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The other end is not known to be a member; the fact that admits it may be on its way.
    Strange,
    /// This end greets; the other has not greeted yet.
    Greeting,
    /// Both have greeted.
    Open,
    /// Refused, because of these memberships: a last frame, then closed.
    Leaving(Vec<(Key, Fact)>),
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) peer: NodeId,
    /// This end dialled.
    pub(super) dialled: bool,
    pub(super) stage: Stage,
    pub(super) opened: Instant,
    pub(super) heard: Instant,
    /// This end was late and has counted from then; nothing was heard since.
    pub(super) forgiven: bool,
    /// Frames that fit.
    room: u32,
    greeted: bool,
    pub(super) hello: Option<Hello>,
    /// A heartbeat is to be sent.
    pub(super) beat: bool,
    /// The hash of the other end, as it said last, and how often in a row it differed.
    pub(super) hash: u64,
    pub(super) mismatches: u8,
    /// It has brought more than a greeting.
    pub(super) proven: bool,
    /// Another life of the peer came first then and was refused, because this one seems to be alive.
    pub(super) rival: Option<Instant>,
    /// Facts to send.
    pending: BTreeSet<Key>,
    /// When facts were sent last.
    told: Option<Instant>,
    /// Facts to ask for.
    want: BTreeSet<Key>,
    /// A comparison of all facts is wanted.
    pub(super) compare: bool,
    /// The next step of a comparison.
    pub(super) spans: Option<Vec<Span>>,
    pub(super) traffic: Traffic,
    /// Since when neither end needs it.
    pub(super) spare: Option<Instant>,
    /// It is spare for long: others are told that it is gone, then it is closed.
    pub(super) let_go: bool,
    /// It is among those that are looked at next.
    pub(super) touched: bool,
}

impl Link {
    pub(super) fn new(now: Instant, peer: NodeId, dialled: bool, stage: Stage) -> Self {
        Link {
            peer,
            dialled,
            stage,
            opened: now,
            heard: now,
            forgiven: false,
            room: 0,
            greeted: false,
            hello: None,
            beat: false,
            hash: 0,
            mismatches: 0,
            proven: false,
            rival: None,
            pending: BTreeSet::new(),
            told: None,
            want: BTreeSet::new(),
            compare: false,
            spans: None,
            traffic: Traffic::default(),
            spare: None,
            let_go: false,
            touched: false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// So many more frames fit.
    pub(super) fn writable(&mut self, frames: u32) {
        self.room = self.room.saturating_add(frames);
    }

    /// Whether anything would go out now. Parcels leave the last frame of room to the mesh's own.
    pub(super) fn has_room(&self) -> bool {
        self.room >= 2
    }

    /// Whether a parcel would go out now.
    pub(super) fn has_room_for_parcels(&self) -> bool {
        self.is_open() && self.has_room()
    }

    /// The room of another state of the same link.
    pub(super) fn take_room(&mut self, before: &Link) {
        self.room = before.room;
    }

    pub(super) fn pending(&self) -> impl Iterator<Item = &Key> {
        self.pending.iter()
    }

    pub(super) fn tell(&mut self, key: Key) {
        self.pending.insert(key);
    }

    /// Whether a fact waits to be sent.
    pub(super) fn tells(&self, key: &Key) -> bool {
        self.pending.contains(key)
    }

    /// The other end has said it itself.
    pub(super) fn need_not_tell(&mut self, key: &Key) {
        self.pending.remove(key);
    }

    pub(super) fn ask(&mut self, keys: impl IntoIterator<Item = Key>) {
        self.want.extend(keys);
    }

    /// When [`flush`](Self::flush) or a judgement has something to do.
    pub(super) fn next_deadline(&self) -> Instant {
        let silent = match self.stage {
            Stage::Strange => self.opened + limits::STRANGER_TIME,
            Stage::Greeting | Stage::Leaving(_) => self.opened + limits::DIAL_TIME,
            Stage::Open => self.heard + limits::SILENCE_TIME,
        };
        if !self.is_open() || self.room == 0 {
            return silent;
        }
        let facts = (!self.pending.is_empty()).then(|| self.facts_at());
        let spare = if self.let_go { self.over_at() } else { self.let_go_at() };
        [facts, spare].into_iter().flatten().fold(silent, Instant::min)
    }

    /// When a link that neither end needs is let go.
    pub(super) fn let_go_at(&self) -> Option<Instant> {
        self.spare.map(|since| since + limits::SPARE_TIME)
    }

    /// When it is closed.
    pub(super) fn over_at(&self) -> Option<Instant> {
        self.let_go_at().map(|at| at + limits::LET_GO_TIME)
    }

    /// Facts go out at once, but not again before others had time to join them.
    fn facts_at(&self) -> Instant {
        self.told.map_or(Instant::START, |at| at + limits::COALESCE_TIME)
    }

    /// Sends what there is room for, the mesh's own frames first. Returns whether the link is to be closed.
    pub(super) fn flush(
        &mut self,
        now: Instant,
        id: LinkId,
        facts: &Facts,
        instance: u64,
        out: &mut VecDeque<Output>,
    ) -> bool {
        while self.room > 0 {
            let last = matches!(self.stage, Stage::Leaving(_));
            let Some(frame) = self.next_frame(now, facts, instance) else { break };
            self.room -= 1;
            out.push_back(Output::Transmit(id, frame));
            if last {
                return true;
            }
        }
        false
    }

    fn next_frame(&mut self, now: Instant, facts: &Facts, instance: u64) -> Option<Vec<u8>> {
        match &mut self.stage {
            Stage::Strange => return None,
            Stage::Leaving(why) => return Some(Frame::Farewell(core::mem::take(why)).encode()),
            Stage::Greeting | Stage::Open if !self.greeted => {
                self.greeted = true;
                return Some(Frame::Hello(Hello { protocol: PROTOCOL, instance, hash: facts.hash() }).encode());
            }
            Stage::Greeting => return None,
            Stage::Open => {}
        }
        if core::mem::take(&mut self.beat) {
            return Some(Frame::Heartbeat(facts.hash()).encode());
        }
        if !self.want.is_empty() {
            let mut keys = core::mem::take(&mut self.want);
            if let Some(rest) = keys.iter().nth(WANTED_KEYS).copied() {
                self.want = keys.split_off(&rest);
            }
            return Some(Frame::Want(keys.into_iter().collect()).encode());
        }
        let told_now = now >= self.facts_at() || self.told == Some(now);
        if told_now && let Some(frame) = self.next_facts(facts) {
            self.told = Some(now);
            return Some(frame);
        }
        // That nothing differs any more is said when nothing is left to send.
        let goes_on = self.spans.as_ref().is_some_and(|spans| !spans.is_empty());
        if let Some(spans) = self.spans.take_if(|_| goes_on || self.pending.is_empty()) {
            return Some(Frame::Reconcile(spans).encode());
        }
        if let Some(lost) = self.traffic.pop_notice() {
            return Some(Frame::Lost(lost).encode());
        }
        if !self.has_room() {
            return None;
        }
        self.traffic.pop().map(|parcel| Frame::Parcel(parcel).encode())
    }

    fn next_facts(&mut self, facts: &Facts) -> Option<Vec<u8>> {
        let mut frame = FactsFrame::default();
        while frame.len() < limits::FACTS_FRAME_BYTES {
            let Some(key) = self.pending.pop_first() else { break };
            // What has become void in the meantime is told by what made it so.
            if let Some(fact) = facts.get(&key) {
                frame.add(&key, fact);
            }
        }
        frame.encoded()
    }
}

/// Keys asked for in one frame: less than 32 KiB.
const WANTED_KEYS: usize = 700;
