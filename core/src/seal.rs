//! What keeps the words of two nodes from everybody between them. Core says what is sealed, and what follows when something does not
//! open; how it is done is the runtime's, which has the node's key.
//!
//! A session begins with an offer and its answer. After that each end seals under numbers of its own, 0, 1, 2 …, each used once.

use crate::id::NodeId;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt::Debug;

/// Begins sessions in the name of one node.
pub trait Seal: Debug + Send {
    /// Offers a session to a node, which alone can accept it. `about` is what it is for, as both ends know it: an offer for one thing is
    /// none for another. Also gives what is to be said to the node. `None`: it cannot be done now, for want of randomness.
    fn offer(&mut self, to: NodeId, about: &[u8]) -> Option<(Box<dyn Offer>, Vec<u8>)>;

    /// Accepts a session that was offered, and gives the answer. `None`: it was not offered by that node, to this one, for that.
    ///
    /// An offer may be an old one that somebody says again. Only what opens in the session proves that the other end is there.
    fn accept(&mut self, from: NodeId, about: &[u8], offer: &[u8]) -> Option<(Box<dyn Session>, Vec<u8>)>;
}

/// An offer that was made.
pub trait Offer: Debug + Send {
    /// Takes the answer. `None`: this is not it, and the offer stands.
    fn answered(&mut self, answer: &[u8]) -> Option<Box<dyn Session>>;
}

/// What two nodes say to each other, and nobody else can read, say or change.
pub trait Session: Debug + Send {
    /// Appends `plain`, sealed: [`SEAL_BYTES`](crate::limits::SEAL_BYTES) longer, and [`SEALED_BYTES`](crate::limits::SEALED_BYTES) at most.
    fn seal(&self, number: u64, plain: &[u8], to: &mut Vec<u8>);

    /// Replaces what is in `plain` by what the other end has sealed under that number. False: it has not, and nothing of `plain` counts.
    fn open(&self, number: u64, sealed: &[u8], plain: &mut Vec<u8>) -> bool;
}
