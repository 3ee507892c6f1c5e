//! Reads values from bytes; when there are no more, every value is zero.

/// A place in some bytes.
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Cursor { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    pub(crate) fn below(&mut self, bound: u8) -> u8 {
        self.byte() % bound
    }

    /// A number whose size in bytes is chosen by the first byte: small ones are cheap.
    pub(crate) fn number(&mut self) -> u64 {
        let length = [0, 1, 1, 1, 2, 2, 4, 8][usize::from(self.below(8))];
        (0..length).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    /// At most so many of the bytes that are left.
    pub(crate) fn bytes(&mut self, most: usize) -> &'a [u8] {
        let count = (self.number() as usize).min(most).min(self.rest.len());
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        taken
    }

    pub(crate) fn text(&mut self, most: usize) -> String {
        String::from_utf8_lossy(self.bytes(most)).into_owned()
    }
}
