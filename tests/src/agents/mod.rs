//! The real agent programs, each brought into the situations of its life, and what the node shows of them.
//!
//! `program` knows how each is installed and set up, `actor` runs one and drives it, `situation` says what brings it into a
//! situation and what proves that it is in it, `table` holds what the node has to show.

pub mod actor;
pub mod program;
pub mod situation;
pub mod table;

pub use actor::{Actor, Stage};
pub use program::{Installed, Program, Version};
pub use situation::Situation;
pub use table::{Row, Scale, Verdict};
