//! What a run prints while it goes.

use crate::agenda::Millis;

/// How much is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Nothing.
    #[default]
    Nothing,
    /// The operations.
    Short,
    /// Also everything that goes into the node and comes out.
    Full,
}

/// Prints, or not.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Log(pub(crate) Detail);

impl Log {
    /// Something the node got or gave.
    pub(crate) fn line(self, now: Millis, words: impl FnOnce() -> String) {
        if self.0 == Detail::Full {
            print(now, &words());
        }
    }

    /// An operation.
    pub(crate) fn op(self, now: Millis, words: impl FnOnce() -> String) {
        if self.0 >= Detail::Short {
            print(now, &words());
        }
    }
}

fn print(now: Millis, words: &str) {
    let mut words = words;
    // Long bytes say nothing to a reader.
    if let Some((cut, _)) = words.char_indices().nth(400) {
        words = &words[..cut];
    }
    println!("{now:>9} {words}");
}
