//! The user's own terminal: borrowed in raw mode, always given back as it was.

use super::filter::{CLEAR, CUT_OFF, RESET_MODES, default_tab_stops};
use super::wire::Size;
use crate::cli::failure::Failure;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr, ttyname};
use std::fs::File;
use std::io;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

/// Saves the title, goes to the alternate screen.
const ENTER: &[u8] = b"\x1b[22;0t\x1b[?1049h";
/// Back from there.
const LEAVE: &[u8] = b"\x1b[?1049l\x1b[23;0t\x1b[?25h";

/// What has to be undone, for the guard, for a panic, for whoever comes first.
static BORROWED: Mutex<Option<Borrowed>> = Mutex::new(None);

struct Borrowed {
    terminal: File,
    modes: Termios,
}

fn raw(modes: &Termios) -> Termios {
    let mut raw = modes.clone();
    raw.make_raw();
    raw
}

fn borrowed() -> MutexGuard<'static, Option<Borrowed>> {
    BORROWED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fails unless a person is at both ends.
pub(crate) fn require_terminal() -> Result<(), Failure> {
    if isatty(rustix::stdio::stdin()) && isatty(rustix::stdio::stdout()) {
        return Ok(());
    }
    Err(Failure::usage("attach needs a terminal for its input and output.")
        .hint("Without one use: consort screen AGENT, consort send AGENT TEXT"))
}

/// The user's terminal in raw mode, showing the alternate screen. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Screen {
    file: File,
}

impl Screen {
    /// Borrows the terminal that is standard input.
    pub(super) fn enter(title: &str) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::new(format!("The terminal cannot be used: {error}"));
        let file = open().map_err(failed)?;
        let modes = tcgetattr(&file).map_err(|error| failed(error.into()))?;
        let raw = raw(&modes);
        give_back_on_panic();
        *borrowed() = Some(Borrowed { terminal: file.try_clone().map_err(failed)?, modes });
        let screen = Screen { file };
        tcsetattr(&screen.file, OptionalActions::Now, &raw).map_err(|error| failed(error.into()))?;
        let title = format!("\x1b]0;{title}\x1b\\");
        write_all(&screen.file, &[ENTER, title.as_bytes(), RESET_MODES, CLEAR].concat());
        Ok(screen)
    }

    /// After the process was stopped: whoever stopped it has put the terminal back.
    pub(super) fn enter_again(&self) {
        if let Some(borrowed) = &*borrowed() {
            let _ = tcsetattr(&self.file, OptionalActions::Now, &raw(&borrowed.modes));
        }
        write_all(&self.file, ENTER);
    }

    /// Tab stops as most terminals come with: what theirs were cannot be asked for.
    pub(super) fn reset_tab_stops(&self) {
        write_all(&self.file, &[CUT_OFF, &default_tab_stops(self.size().cols)].concat());
    }

    /// For reading keys and writing pictures; never blocks.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Its size now; a terminal that does not say has the usual one.
    pub(super) fn size(&self) -> Size {
        match tcgetwinsize(&self.file) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size { cols: size.ws_col, rows: size.ws_row },
            _ => Size { cols: 80, rows: 24 },
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Opens standard input's terminal anew: what is set not to block is then not shared with the shell.
fn open() -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let by_name =
        ttyname(rustix::stdio::stdin(), Vec::new()).and_then(|name| rustix::fs::open(name, flags, Mode::empty()));
    // In some containers a terminal has no name there.
    by_name.or_else(|_| rustix::fs::open("/dev/tty", flags, Mode::empty())).map(File::from).map_err(io::Error::from)
}

fn give_back() {
    let Some(Borrowed { terminal, modes }) = borrowed().take() else { return };
    write_all(&terminal, &[CUT_OFF, RESET_MODES, LEAVE].concat());
    // What was typed ahead was meant for the agent: the shell must not run it.
    let _ = tcsetattr(&terminal, OptionalActions::Flush, &modes);
}

/// A panic's message shall appear on the normal screen, in lines.
fn give_back_on_panic() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let next = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            next(panic);
        }));
    });
}

/// Writes everything, unless the terminal takes nothing for a second.
fn write_all(terminal: &File, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match rustix::io::write(terminal, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                let second = Timespec { tv_sec: 1, tv_nsec: 0 };
                let ready = poll(&mut [PollFd::new(terminal, PollFlags::OUT)], Some(&second));
                if !matches!(ready, Ok(1..) | Err(rustix::io::Errno::INTR)) {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}
