//! Parcels: from here, to here, and on their way.

use super::frame::Lost;
use super::{Mesh, MeshNews, Parcel};
use crate::id::{LinkId, NodeId};

impl Mesh {
    /// A parcel has come over a link.
    pub(super) fn arrived(&mut self, parcel: Parcel) {
        // One in this node's own name has gone in a circle while routes changed.
        if parcel.from == self.id || !self.facts.is_member(parcel.from) {
            return;
        }
        if parcel.to == self.id {
            self.news.push_back(MeshNews::Arrived(parcel));
        } else {
            self.forward(parcel);
        }
    }

    /// Puts a parcel on the next link of its way; if there is none, its sender shall know.
    pub(super) fn forward(&mut self, mut parcel: Parcel) {
        let (from, to) = (parcel.from, parcel.to);
        let taken = match (parcel.hops.checked_sub(1), self.towards(to)) {
            (Some(hops), Some(link)) => {
                parcel.hops = hops;
                self.links.get_mut(&link).is_some_and(|link| link.traffic.push(parcel))
            }
            _ => false,
        };
        if !taken {
            self.lost(from, to);
        }
    }

    /// A notice of lost parcels, on its way to their sender. A notice that is lost itself is not missed: the sender asks when it
    /// hears nothing.
    pub(super) fn pass_back(&mut self, lost: Lost) {
        if lost.to == self.id {
            return self.news.push_back(MeshNews::Undeliverable(lost.about));
        }
        let (Some(hops), Some(link)) = (lost.hops.checked_sub(1), self.towards(lost.to)) else { return };
        if let Some(link) = self.links.get_mut(&link) {
            link.traffic.notify(Lost { hops, ..lost });
        }
    }

    fn towards(&self, node: NodeId) -> Option<LinkId> {
        self.open.get(&self.graph.route(node)?.via).copied()
    }
}
