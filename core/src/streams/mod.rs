//! Bytes, offsets, credit, who types and who sets the size.

mod bytes;

pub use bytes::Bytes;
