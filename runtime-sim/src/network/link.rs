//! One link: two ends that know different things, and a pipe in each direction.

use crate::agenda::Millis;
use crate::event::{HostIndex, NodeLife};
use consort_core::{DialId, LinkId, LinkInput, NodeId};
use std::collections::VecDeque;

/// What a node is told of a link.
#[derive(Debug)]
pub(crate) struct Telling {
    pub(crate) host: HostIndex,
    pub(crate) life: NodeLife,
    pub(crate) link: LinkId,
    pub(crate) feed: LinkFeed,
}

/// [`LinkInput`] with owned values.
#[derive(Clone, Debug)]
pub(crate) enum LinkFeed {
    Opened { peer: NodeId, dial: Option<DialId> },
    Frame(Vec<u8>),
    Writable(u32),
    Closed,
}

impl LinkFeed {
    pub(crate) fn as_input(&self) -> LinkInput<'_> {
        match self {
            LinkFeed::Opened { peer, dial } => LinkInput::Opened { peer: *peer, dial: *dial },
            LinkFeed::Frame(bytes) => LinkInput::Frame(bytes),
            LinkFeed::Writable(frames) => LinkInput::Writable(*frames),
            LinkFeed::Closed => LinkInput::Closed,
        }
    }
}

#[derive(Debug)]
pub(super) struct Link {
    /// The one that dialled, and the one that was dialled.
    pub(super) ends: [End; 2],
    /// What each end sends.
    pub(super) pipes: [Pipe; 2],
}

/// One end, as its node knows it.
#[derive(Debug)]
pub(super) struct End {
    pub(super) host: HostIndex,
    pub(super) life: NodeLife,
    pub(super) dial: Option<DialId>,
    pub(super) state: EndState,
    /// Frames of room that the node has.
    pub(super) granted: u32,
    /// When the dial began.
    pub(super) began: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndState {
    /// The node does not know of it yet.
    Coming,
    Open,
    /// The node has closed it and waits for the confirmation.
    Closing,
    Closed,
}

/// What is on its way.
#[derive(Debug)]
pub(super) enum Carried {
    Frame(Vec<u8>),
    /// The sender's end is closed; nothing follows.
    End,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Pipe {
    queue: VecDeque<Carried>,
    /// Bytes in it.
    pub(super) buffered: usize,
    /// When the last frame will have left the sender, in microseconds.
    free_us: u64,
    /// When the last frame arrives: none overtakes another.
    pub(super) last: Millis,
    /// Frames whose time came while the way was blocked.
    pub(super) missed: u32,
    pub(super) stalled: bool,
    /// 0: endless.
    pub(super) bytes_per_ms: u64,
    dead: bool,
}

impl Pipe {
    pub(super) fn new(bytes_per_ms: u64) -> Self {
        Pipe {
            queue: VecDeque::new(),
            buffered: 0,
            free_us: 0,
            last: 0,
            missed: 0,
            stalled: false,
            bytes_per_ms,
            dead: false,
        }
    }

    /// Puts something on its way. `Some`: when it arrives.
    pub(super) fn put(&mut self, now: Millis, delay: Millis, carried: Carried) -> Option<Millis> {
        let bytes = if let Carried::Frame(bytes) = &carried { bytes.len() } else { 0 };
        self.buffered += bytes;
        if self.dead {
            return None;
        }
        let left = (bytes as u64 * 1_000).checked_div(self.bytes_per_ms).map_or(now, |sending_us| {
            self.free_us = self.free_us.max(now * 1_000) + sending_us;
            self.free_us / 1_000
        });
        self.last = self.last.max(left + delay);
        self.queue.push_back(carried);
        Some(self.last)
    }

    /// Takes what arrives next.
    pub(super) fn take(&mut self) -> Option<Carried> {
        let carried = self.queue.pop_front()?;
        if let Carried::Frame(bytes) = &carried {
            self.buffered -= bytes.len();
        }
        Some(carried)
    }

    /// What is in it never arrives, and nothing more does.
    pub(super) fn die(&mut self) {
        self.queue = VecDeque::new();
        self.missed = 0;
        self.dead = true;
    }
}
