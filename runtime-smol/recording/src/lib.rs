//! What a node was told, kept so that it can be told again: the format of recordings, what is left out of them, and the two ends of a
//! recording that a node is given.
//!
//! A node is a function of what [`Node::new`](consort_core::Node::new) got and of the sequence of its inputs, except for what its
//! [`Seal`](consort_core::seal::Seal) gives. So a [recording](file) holds a [`Header`], and then [`Record`]s: every input with its
//! time, what the seal gave while it was handled, and a [fingerprint](fingerprint::Fingerprint) of what followed. A [`Recorder`] and
//! a [`RecordingSeal`] write them to a [`Tape`], which a thread of the runtime empties into a file; a [`PlayedSeal`] gives again what
//! the seal gave.
//!
//! Unless everything is to be kept, what terminals show, what is typed and pasted, notes and the values of environment variables are
//! replaced by filler of the same length ([`redact`]) before they are written to the tape. No rule of a node depends on them.

pub mod circuit;
pub mod file;
pub mod fingerprint;
pub mod played;
mod record;
pub mod recorder;
pub mod redact;
pub mod seal;
mod squeeze;
pub mod tape;

pub use file::{Header, Reader, Unreadable};
pub use played::PlayedSeal;
pub use record::{Ending, Record};
pub use recorder::Recorder;
pub use seal::RecordingSeal;
pub use tape::Tape;
