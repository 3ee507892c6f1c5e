//! Shared bytes: a slice of a reference-counted buffer. Many viewers of one terminal share one copy.

use alloc::sync::Arc;
use core::fmt;
use core::ops::{Deref, Range};

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
