//! What happened in a run, for a picture of it.

use crate::agenda::Millis;
use crate::event::HostIndex;

/// What can be seen on the time-line of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Started,
    Stopped,
    Opened,
    Closed,
    /// It knows something else than before.
    Facts,
    /// Something was done to it or from there, in words.
    Op(String),
}

/// Marks in the order of time, if somebody wants them.
#[derive(Debug, Default)]
pub(crate) struct Marks(Option<Vec<(Millis, HostIndex, Mark)>>);

impl Marks {
    /// Marks are kept.
    pub(crate) fn kept() -> Self {
        Marks(Some(Vec::new()))
    }

    pub(crate) fn add(&mut self, at: Millis, host: HostIndex, mark: impl FnOnce() -> Mark) {
        if let Some(list) = &mut self.0 {
            list.push((at, host, mark()));
        }
    }

    pub(crate) fn list(&self) -> &[(Millis, HostIndex, Mark)] {
        self.0.as_deref().unwrap_or_default()
    }
}
