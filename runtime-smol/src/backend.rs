//! What the driver and a backend (tmux, PTY) say to each other: core's own vocabulary, owned.

use async_channel::{Receiver, Sender};
use consort_core::directory::Signal;
use consort_core::input::ScreenText;
use consort_core::{BackendInput, BackendOperation, OperationId, Size, TerminalId, TerminalInput, TerminalOutput};

/// From the driver to a backend.
#[derive(Debug)]
pub enum ToBackend {
    /// For one of its terminals.
    Terminal(TerminalId, TerminalOutput),
    /// Work; answered by exactly one `BackendInput::Done`.
    Operation(OperationId, BackendOperation),
}

/// From a backend to the driver. The events of one terminal are in order.
#[derive(Debug)]
pub enum FromBackend {
    /// About agents.
    Backend(BackendInput),
    /// About one terminal.
    Terminal(TerminalId, TerminalEvent),
}

/// [`TerminalInput`] with owned bytes, to cross a channel.
#[derive(Debug)]
pub enum TerminalEvent {
    /// See [`TerminalInput::Output`]. At most 64 KiB each.
    Output(Vec<u8>),
    /// See [`TerminalInput::Skipped`].
    Skipped,
    /// See [`TerminalInput::Snapshot`].
    Snapshot {
        /// Size that the bytes are for.
        size: Size,
        /// What to write to an emulator that was reset to that size.
        bytes: Vec<u8>,
    },
    /// See [`TerminalInput::Resized`].
    Resized(Size),
    /// See [`TerminalInput::Written`].
    Written(usize),
    /// See [`TerminalInput::WriteFailed`].
    WriteFailed(String),
    /// The visible text, and whether the cursor is shown: the answer to `TerminalOutput::ReadScreen`.
    Screen(ScreenText, bool),
    /// See [`TerminalInput::Signal`].
    Signal(Signal),
    /// See [`TerminalInput::Closed`].
    Closed,
}

impl TerminalEvent {
    /// The same as core wants it; nothing if it has to be read first: the text of a screen.
    #[must_use]
    pub fn as_input(&self) -> Option<TerminalInput<'_>> {
        Some(match self {
            TerminalEvent::Output(bytes) => TerminalInput::Output(bytes),
            TerminalEvent::Skipped => TerminalInput::Skipped,
            TerminalEvent::Snapshot { size, bytes } => TerminalInput::Snapshot { size: *size, bytes },
            TerminalEvent::Resized(size) => TerminalInput::Resized(*size),
            TerminalEvent::Written(bytes) => TerminalInput::Written { bytes: *bytes },
            TerminalEvent::WriteFailed(reason) => TerminalInput::WriteFailed(reason.clone()),
            TerminalEvent::Screen(..) => return None,
            TerminalEvent::Signal(signal) => TerminalInput::Signal(signal.clone()),
            TerminalEvent::Closed => TerminalInput::Closed,
        })
    }
}

/// The two ends that a backend is started with.
#[derive(Clone, Debug)]
pub struct Ends {
    /// What the driver wants. Unbounded as a channel, bounded by core: input windows and pending commands.
    pub orders: Receiver<ToBackend>,
    /// What the backend reports. Bounded: a backend that outruns the driver waits.
    pub reports: Sender<FromBackend>,
}

/// The driver's way to a backend: takes an order without waiting, or says that the backend is gone (false).
pub type Way = Box<dyn Fn(ToBackend) -> bool>;
