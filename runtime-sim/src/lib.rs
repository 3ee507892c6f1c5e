//! The deterministic simulator of Consort: the real core between scripted terminals, viewers, people and a store, in virtual time,
//! on one thread, from a seed.
//!
//! A [`Scenario`] is data: a [`Setting`](scenario::Setting) and a list of [`Op`]s. In the first half of a [`run`] anything may
//! fail and nothing wrong may happen: every event is followed by the contract monitor, core's own invariants and the oracles
//! (every byte a viewer gets, every byte a terminal is typed, every answer to a command, every entry of the lists). In the second
//! half all faults end, and within a bound everything must have arrived.

mod act;
mod agenda;
mod backend;
pub mod bench;
mod clock;
mod dice;
mod disk;
mod event;
pub mod failure;
mod heal;
mod host;
mod ledger;
pub mod log;
mod marks;
mod mirror;
mod network;
pub mod op;
mod oracle;
mod page;
mod people;
mod recorded;
pub mod replay;
pub mod report;
pub mod run;
pub mod sabotage;
pub mod scenario;
mod script;
pub mod shrink;
mod trace;
mod treason;
mod wakes;
mod world;

pub use failure::{Failure, FailureKind};
pub use op::Op;
pub use replay::{Replayed, replay};
pub use run::{Options, Outcome, run, run_twice};
pub use sabotage::Sabotage;
pub use scenario::{Preset, Scenario, Setting};
