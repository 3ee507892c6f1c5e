//! What is passed on although viewers may show something else than the authority: rare things that no canonical bytes express
//! and that only the authority can answer. The filter raises a [`Doubt`], and a snapshot follows once the output rests.
//!
//! Whatever ordinary programs print must raise none: a doubt costs a snapshot. What is common is made the same in the filter or
//! in the page's emulator instead.

/// Why viewers may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The program went back to a cursor that it saved before the last snapshot, which does not say where that is.
    RestoredCursor,
    /// The program left an alternate screen whose size had changed: tmux reflows the normal screen only then.
    ResizedBehind,
    /// The terminal was reset on the alternate screen, which tmux does not leave.
    ResetAlternate,
    /// A long piece of output ended between a zero width joiner and what it joins. tmux before 3.4 joins nothing if its read ended
    /// there too, and where reads end is not known.
    SplitJoiner,
    /// Something was printed while tmux had the cursor outside of a screen that got smaller, which no snapshot can show.
    CursorOutside,
    /// A wide character was repeated: where tmux stops depends on the column, and it wraps there.
    RepeatedWide,
}

/// What has to be known to raise doubts.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Doubts {
    raised: Option<Doubt>,
    /// The cursor was saved since the last snapshot.
    saved: bool,
    /// The alternate screen is shown.
    alternate: bool,
    /// It has another size than the screen that it hides.
    resized: bool,
    /// The cursor was outside of the screen at the last snapshot.
    outside: bool,
}

impl Doubts {
    #[cfg(test)]
    pub(super) fn is_alternate(&self) -> bool {
        self.alternate
    }

    pub(super) fn raise(&mut self, doubt: Doubt) {
        self.raised.get_or_insert(doubt);
    }

    pub(super) fn take(&mut self) -> Option<Doubt> {
        self.raised.take()
    }

    /// Viewers have got, or are about to get, everything that a snapshot carries.
    pub(super) fn snapshot(&mut self, alternate: bool) {
        *self = Doubts { alternate, resized: self.resized && alternate, ..Doubts::default() };
    }

    pub(super) fn cursor_is_outside(&mut self) {
        self.outside = true;
    }

    pub(super) fn printed(&mut self) {
        if self.outside {
            self.raise(Doubt::CursorOutside);
        }
    }

    pub(super) fn saved_cursor(&mut self) {
        self.saved = true;
    }

    pub(super) fn restored_cursor(&mut self) {
        if !self.saved {
            self.raise(Doubt::RestoredCursor);
        }
    }

    pub(super) fn resized(&mut self) {
        self.resized |= self.alternate;
    }

    pub(super) fn reset(&mut self) {
        if self.alternate {
            self.raise(Doubt::ResetAlternate);
        }
    }

    pub(super) fn show_alternate(&mut self, shown: bool) {
        if std::mem::replace(&mut self.alternate, shown) && !shown && std::mem::take(&mut self.resized) {
            self.raise(Doubt::ResizedBehind);
        }
    }
}
