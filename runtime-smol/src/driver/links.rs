//! The driver's side of links: what their tasks say, and what core wants of them.

use super::{Driver, Handle, Message};
use crate::link::Dial;
use async_channel::Sender;
use consort_core::{Address, DialId, Input, LinkId, LinkInput, NodeId};
use smol::lock::SemaphoreGuardArc;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// What the driver gives to a link's task.
#[derive(Clone, Debug)]
pub struct LinkEnds {
    /// Frames in order. Bounded by the room that the link gives.
    pub frames: Sender<Vec<u8>>,
    /// Closed, with the other one, when the link is to end.
    pub open: Sender<()>,
}

/// What the tasks of links say.
pub(super) enum LinkMessage {
    Opened(LinkId, NodeId, Option<DialId>, LinkEnds),
    /// A frame, and the room that it takes until core has had it.
    Frame(LinkId, Vec<u8>, SemaphoreGuardArc),
    Writable(LinkId, u32),
    Closed(LinkId),
    DialFailed(DialId, String),
    Network(Vec<Address>),
}

/// All open links, and the way to whoever dials.
pub(super) struct Links {
    pub(super) ends: BTreeMap<LinkId, LinkEnds>,
    pub(super) dials: Sender<Dial>,
}

/// A link that the node knows. Dropping it closes the link, whatever way its connection ends.
#[derive(Debug)]
pub struct Link {
    id: LinkId,
    handle: Handle,
}

impl Link {
    /// There is room for so many more frames.
    pub fn writable(&self, frames: u32) {
        self.handle.send(Message::Link(LinkMessage::Writable(self.id, frames)));
    }

    /// A frame came; `room` is given back when core has had it.
    pub fn heard(&self, frame: Vec<u8>, room: SemaphoreGuardArc) {
        self.handle.send(Message::Link(LinkMessage::Frame(self.id, frame, room)));
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.handle.send(Message::Link(LinkMessage::Closed(self.id)));
    }
}

impl Handle {
    /// A connection whose other end has proven that it is `peer`; `dial` is the dial that it answers.
    #[must_use]
    pub fn open_link(&self, peer: NodeId, dial: Option<DialId>, ends: LinkEnds) -> Link {
        let id = LinkId(self.links.fetch_add(1, Ordering::Relaxed));
        self.send(Message::Link(LinkMessage::Opened(id, peer, dial, ends)));
        Link { id, handle: self.clone() }
    }

    /// A dial led to nothing; `why` is for a person.
    pub fn dial_failed(&self, id: DialId, why: String) {
        self.send(Message::Link(LinkMessage::DialFailed(id, why)));
    }

    /// Where this node can be dialled now, best first.
    pub fn network(&self, addresses: Vec<Address>) {
        self.send(Message::Link(LinkMessage::Network(addresses)));
    }
}

impl Driver {
    pub(super) fn link_message(&mut self, message: LinkMessage) {
        match message {
            LinkMessage::Opened(id, peer, dial, ends) => {
                self.links.ends.insert(id, ends);
                self.handle(Input::Link(id, LinkInput::Opened { peer, dial }));
            }
            LinkMessage::Frame(id, frame, _room) if self.links.ends.contains_key(&id) => {
                self.handle(Input::Link(id, LinkInput::Frame(&frame)));
            }
            LinkMessage::Writable(id, frames) if self.links.ends.contains_key(&id) => {
                self.handle(Input::Link(id, LinkInput::Writable(frames)));
            }
            // Core has closed it: nothing of it counts any more but its end.
            LinkMessage::Frame(..) | LinkMessage::Writable(..) => {}
            LinkMessage::Closed(id) => {
                self.links.ends.remove(&id);
                self.handle(Input::Link(id, LinkInput::Closed));
            }
            LinkMessage::DialFailed(id, why) => self.handle(Input::DialFailed(id, why)),
            LinkMessage::Network(addresses) => self.handle(Input::Network(addresses)),
        }
    }

    pub(super) fn dial(&self, id: DialId, node: NodeId, address: Address) {
        // Without anybody who dials, the node is stopping.
        let _ = self.links.dials.try_send(Dial { id, node, address });
    }

    pub(super) fn transmit(&self, id: LinkId, frame: Vec<u8>) {
        if let Some(ends) = self.links.ends.get(&id) {
            let _ = ends.frames.try_send(frame);
        }
    }

    /// Lets go of a link: its task writes what it has got, and ends.
    pub(super) fn close_link(&mut self, id: LinkId) {
        self.links.ends.remove(&id);
    }
}
