//! Links between nodes: a WebSocket on the node's one port, a Noise session inside it, frames of core inside that.
//!
//! This moves bytes and proves identities. Who may link, who is dialled and when, what a frame says: all that is core's.
//!
//! ```text
//! Output::Dial ── dial ── socket::connect ── greet::call ─┐
//!                                                          ├─ carry ── Input::Link, Output::Transmit, Output::CloseLink
//! door, GET /link ── knocks ── greet::hear ── peers ──────┘
//! ```

mod carry;
pub(crate) mod greet;
pub(crate) mod knocks;
pub(crate) mod noise;
pub(crate) mod seal;
pub(crate) mod socket;

pub(crate) use carry::carry;
pub use socket::{LINK_PATH, NodeSocket};

use consort_core::{Address, DialId, NodeId};

/// What the driver wants dialled; answered by a link or by `DialFailed`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Core's number for it.
    pub id: DialId,
    /// Who must answer.
    pub node: NodeId,
    /// Where.
    pub address: Address,
}
