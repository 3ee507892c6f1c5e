//! What nodes say to each other, decoded. For the fuzzer and for the tests that pin its bytes; no part of the interface.

/// What travels on a circuit, in parcels.
pub mod circuit {
    pub use crate::circuits::wire::{
        Answer, Ask, Envelope, Form, Garbled, Header, Kind, Part, SessionId, Tell, append, decode, encode, envelope,
        header, messages, parcel, said,
    };
}
pub use crate::mesh::Parcel;
pub use crate::mesh::frame::{Content, Frame, Hello, Listed, Lost, Span};
