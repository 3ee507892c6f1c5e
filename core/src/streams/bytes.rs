//! Shared bytes: a slice of a reference-counted buffer. Many viewers of one terminal share one copy.

use alloc::sync::Arc;
use core::fmt;
use core::ops::{Deref, Range};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

/// A cheap-to-clone slice of shared bytes.
#[derive(Clone)]
pub struct Bytes {
    buffer: Arc<[u8]>,
    range: Range<usize>,
}

impl Bytes {
    /// The part of `self` in `range`, which must lie within it.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len(), "slice out of bounds");
        Bytes { buffer: Arc::clone(&self.buffer), range: self.range.start + range.start..self.range.start + range.end }
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Bytes { buffer: Arc::from(bytes), range: 0..bytes.len() }
    }
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.buffer[self.range.clone()]
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Bytes {}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({})", self.len())
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Slice;

        impl Visitor<'_> for Slice {
            type Value = Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes::from(bytes))
            }
        }

        deserializer.deserialize_bytes(Slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_what_they_hold_wherever_that_lies() {
        let all = Bytes::from(&b"echo echo!"[..]);
        assert_eq!(all.slice(0..4), all.slice(5..9));
        assert_eq!(all.slice(5..10).slice(1..5), Bytes::from(&b"cho!"[..]));
        assert_ne!(all.slice(0..4), all.slice(0..5));
        assert_ne!(all.slice(0..4), all.slice(1..5));
    }
}
