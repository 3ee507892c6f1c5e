//! The pure state machine of a Consort node.
//!
//! A [`Node`] knows which agents exist, what their terminals printed, who looks at them and who types. It performs no IO,
//! reads no clock and draws no randomness of its own: a runtime calls [`Node::handle`] with an [`Input`], drains
//! [`Node::poll_output`] until it is empty, and calls again no later than [`Node::next_deadline`]. The same node is driven by
//! real sockets and tmux in `runtime-smol` and by scripts in `runtime-sim`.
//!
//! Calls, in the order a runtime makes them:
//!
//! 1. [`Node::new`] once, with what the store held ([`Restored`]) and what seals in the name of the node ([`seal::Seal`]).
//! 2. [`Node::handle`], then [`Node::poll_output`] until it returns `None`. Handling with outputs left is a contract
//!    violation and panics.
//! 3. [`Node::next_deadline`]: at that time, `handle(now, Input::Wake)`.
//! 4. [`Node::view`] at any time: read only.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod act;
pub mod base32;
mod bounded;
mod circuits;
pub mod command;
pub mod directory;
pub mod error;
pub mod id;
pub mod input;
pub mod limits;
pub mod mesh;
pub mod monitor;
mod node;
pub mod output;
pub mod random;
pub mod redact;
pub mod seal;
#[doc(hidden)]
pub mod sham;
pub mod streams;
pub mod time;
mod timers;
pub mod view;
#[doc(hidden)]
pub mod wire;

pub use act::Act;
pub use command::{Command, Reply, Rights};
pub use directory::Undecodable;
pub use error::{ConfigError, PeerFault, Refusal, Violation};
pub use id::{
    AgentAddress, AgentId, CommandId, DialId, Generation, LinkId, NodeId, OperationId, Size, StoreId, StreamId,
    TerminalId, ViewerId, ViewerKey,
};
pub use input::{
    Address, BackendInput, Input, LinkInput, Observation, OperationDone, OperationError, StoreFailure, TerminalInfo,
    TerminalInput, ViewerInput,
};
pub use node::{Config, Identity, Node, Restored};
pub use output::{
    BackendOperation, EndReason, Event, Holder, LastConversation, LaunchSpec, Output, StoreOperation, TerminalOutput,
    ViewerOutput, Who,
};
pub use time::{Deadline, Duration, Instant};
pub use view::{AgentView, NodeView, View};
