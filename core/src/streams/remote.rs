//! Streams of other nodes' terminals: frames that came from there and wait for their turn at a viewer here.
//!
//! They share turn and room of their viewer with its other streams. How many there may be is granted to the other node, so that
//! nothing grows here.

use super::viewer::{Stream, Viewer};
use super::{Onlooker, StreamKey, Streams};
use crate::error::Violation;
use crate::id::{NodeId, StreamId, ViewerId, ViewerKey};
use crate::limits;
use crate::output::{EndReason, Output, ViewerOutput};
use crate::time::Instant;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;

/// A stream of another node's terminal.
#[derive(Debug)]
pub(super) struct Remote {
    node: NodeId,
    /// Its number on the circuit to that node.
    line: StreamId,
    frames: VecDeque<ViewerOutput>,
    pub(super) queued: bool,
}

/// A frame of another node has left the queue: it went to its viewer, or is not wanted any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// The node that it came from.
    pub(crate) node: NodeId,
    /// The viewer.
    pub(crate) viewer: ViewerId,
}

impl Remote {
    /// What is known of its frames when nobody wants them any more.
    pub(super) fn dropped(self, viewer: Onlooker) -> impl Iterator<Item = Delivered> {
        let node = self.node;
        self.frames.into_iter().filter_map(move |_| match viewer {
            Onlooker::Here(viewer) => Some(Delivered { node, viewer }),
            Onlooker::There(..) => None,
        })
    }
}

impl Viewer {
    /// The next frame of a remote stream whose turn it is.
    pub(super) fn next_remote(&mut self, id: Onlooker, next: StreamId) -> Option<(ViewerOutput, Delivered)> {
        let Onlooker::Here(viewer) = id else { return None };
        let remote = self.remotes.get_mut(&next)?;
        remote.queued = false;
        let frame = remote.frames.pop_front()?;
        let delivered = Delivered { node: remote.node, viewer };
        self.room -= 1;
        if matches!(frame, ViewerOutput::Ended { .. }) {
            self.remotes.remove(&next);
        } else {
            self.queue(next);
        }
        Some((frame, delivered))
    }
}

impl Streams {
    /// Opens a stream of a terminal of `node`, which is number `line` on the circuit there. What had the viewer's number before is
    /// detached. Gives the viewer's key, unless the viewer is not served or has too many streams.
    pub(crate) fn attach_remote(
        &mut self,
        now: Instant,
        (viewer, stream): (ViewerId, StreamId),
        (node, line): (NodeId, StreamId),
        out: &mut VecDeque<Output>,
    ) -> Option<ViewerKey> {
        let onlooker = Onlooker::Here(viewer);
        self.detach(now, onlooker, stream, out);
        let state = self.viewers.get_mut(&onlooker)?;
        if state.count() >= limits::STREAMS_PER_VIEWER {
            self.refuse((onlooker, stream), EndReason::TooMany);
            return None;
        }
        state.remotes.insert(stream, Remote { node, line, frames: VecDeque::new(), queued: false });
        Some(state.key)
    }

    /// Ends a stream that cannot be opened. Refusals need room to be said; a viewer that never reads cannot pile them up.
    pub(crate) fn refuse(&mut self, key: StreamKey, reason: EndReason) {
        if let Some(state) = self.viewers.get_mut(&key.0) {
            state.remotes.remove(&key.1);
            if state.count() < 2 * limits::STREAMS_PER_VIEWER {
                self.add_stream(key, Stream::refused(reason));
            }
        }
    }

    /// Where a stream leads, if it is one of another node's terminal: the node and its number on the circuit there.
    pub(crate) fn remote(&self, viewer: ViewerId, stream: StreamId) -> Option<(NodeId, StreamId)> {
        let remote = self.viewers.get(&Onlooker::Here(viewer))?.remotes.get(&stream)?;
        Some((remote.node, remote.line))
    }

    /// A frame came from another node. It had been granted.
    pub(crate) fn deliver(&mut self, viewer: ViewerId, stream: StreamId, frame: ViewerOutput) {
        let onlooker = Onlooker::Here(viewer);
        let remote = self.viewers.get_mut(&onlooker).and_then(|state| state.remotes.get_mut(&stream));
        if let Some(remote) = remote {
            remote.frames.push_back(frame);
            self.queue((onlooker, stream));
        }
    }

    /// Other nodes' viewers that may have a frame now.
    pub(crate) fn take_calling(&mut self) -> Option<Onlooker> {
        self.calling.pop_first()
    }

    /// What became of frames that other nodes sent.
    pub(crate) fn take_delivered(&mut self) -> Vec<Delivered> {
        core::mem::take(&mut self.delivered)
    }

    /// Uses room of a viewer for a frame that was not made here (a further part of a snapshot).
    pub(crate) fn take_room(&mut self, onlooker: Onlooker) -> bool {
        let Some(state) = self.viewers.get_mut(&onlooker).filter(|state| state.room > 0) else { return false };
        state.room -= 1;
        true
    }

    /// Nothing is left to be asked for or told.
    pub(crate) fn is_settled(&self) -> bool {
        self.dirty.is_empty() && self.calling.is_empty() && self.delivered.is_empty()
    }

    pub(super) fn check_remotes(&self) -> Result<(), Violation> {
        for (id, viewer) in &self.viewers {
            let mut waiting = alloc::collections::BTreeMap::<NodeId, u32>::new();
            for (stream, remote) in &viewer.remotes {
                *waiting.entry(remote.node).or_default() += remote.frames.len() as u32;
                if viewer.streams.contains_key(stream) {
                    return Err(Violation(format!("{stream:?} of {id:?} leads to two terminals")));
                }
            }
            if let Some((node, count)) = waiting.iter().find(|(_, count)| **count > limits::REMOTE_ROOM) {
                return Err(Violation(format!("{count} frames of {node:?} wait for {id:?}")));
            }
        }
        Ok(())
    }
}
