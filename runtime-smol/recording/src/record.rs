//! What a recording is a sequence of.

use consort_core::Input;
use serde::{Deserialize, Serialize};

/// One entry. What the seal gave stands between an input and what followed from it, in the order in which it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant, reason = "there is one at a time, on the stack")]
pub enum Record<'a> {
    /// The node was told this, so many milliseconds after its start.
    Input(u64, #[serde(borrow)] Input<'a>),
    /// The [fingerprint](crate::fingerprint::Fingerprint) of what followed.
    Followed(u32),
    /// A session was offered, in so many bytes, or could not be.
    Offered(Option<u32>),
    /// An offer was accepted, in so many bytes, or not.
    Accepted(Option<u32>),
    /// An answer was one to the offer, or not.
    Answered(bool),
    /// What was sealed did not open, or held this. Counted from 0 within the recording.
    Opened(Option<&'a [u8]>),
    /// What stands at a place in something that was opened before: parts of a command or an answer, known only now that it is whole.
    Mended {
        /// The number of the `Opened`.
        opened: u64,
        /// From which byte on.
        at: u32,
        /// As many as were filler there.
        bytes: &'a [u8],
    },
    /// Something was sealed, which makes so many bytes.
    Sealed(u32),
    /// Nothing follows.
    End(Ending),
}

/// Why a recording ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The node was stopped.
    Stopped,
    /// It reached the bound of all recordings by itself.
    Full,
    /// The node was faster than the disk.
    Overrun,
}
