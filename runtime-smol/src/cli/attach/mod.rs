//! `consort attach`: an agent's terminal in the user's own.
//!
//! The user's terminal shows its alternate screen meanwhile, as with tmux: its scrollback stays clean and comes back.
//!
//! - [`session`]: what a viewer says and shows; no input or output.
//! - [`filter`] (rules: [`verdict`]), [`keys`], [`typing`], [`wire`]: its parts.
//! - [`terminal`], [`link`]: the two ends that bytes really move through; `run` joins them.

mod filter;
mod keys;
mod link;
mod session;
#[cfg(test)]
mod session_tests;
mod terminal;
mod typing;
mod verdict;
mod wire;

pub use keys::{DetachKey, InvalidKey};
pub(crate) use session::Target;
pub(crate) use terminal::require_terminal;

use super::failure::Failure;
use super::output;
use crate::paste::PasteFilter;
use async_io::Async;
use async_signal::{Signal, Signals};
use async_tungstenite::tungstenite::Message;
use futures_lite::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _, future};
use keys::KeyScanner;
use link::{Event, Link};
use session::{Action, End, Mark, Session};
use std::collections::VecDeque;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use terminal::Screen;

/// How long a notice stays, and how long at least when output waits behind it.
const NOTICE: Duration = Duration::from_secs(3);
const GLANCE: Duration = Duration::from_secs(1);
/// How often it is said for how long a machine has been away.
const AWAY: Duration = Duration::from_secs(1);
/// How often the node is asked whether it is there, and how long it may be silent.
const PING: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_secs(15);
/// Waiting times between attempts to connect: from, to.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));
/// How long the last keys before a detach may take to leave.
const FAREWELL: Duration = Duration::from_secs(1);
/// Bytes read from the user's terminal at once.
const KEYS_BYTES: usize = 16 << 10;

/// How an attachment was left.
#[derive(Debug)]
enum Left {
    /// By the detach key; of so many bytes typed before it nobody has said that they arrived, and nobody was there to say it.
    Detached { lost: usize },
    /// The agent's terminal has ended.
    Exited(String),
    /// By a signal, or because the user's terminal is gone.
    Hangup,
}

/// Shows the target until the user detaches or it ends.
pub(crate) fn run(socket: &Path, target: &Target, detach: DetachKey) -> Result<(), Failure> {
    require_terminal()?;
    let detaches = format!("{detach} detaches");
    let executor: smol::LocalExecutor<'static> = smol::LocalExecutor::new();
    let left = smol::block_on(executor.run(async {
        let link = Link::open(&executor, socket.to_path_buf(), Duration::ZERO);
        // Whatever prevents the first connection is said without touching the screen.
        match link.next().await {
            Event::Down(failure) => return Err(failure),
            Event::Up | Event::Text(_) | Event::Binary(_) => {}
        }
        output::line(&format!("attached to {} — {detaches}", target.name))?;
        let screen = Screen::enter(&target.name)?;
        let session = Session::new(target.clone(), viewer_key()?, detaches.clone(), screen.size());
        let mut attachment = Attachment::new(&executor, socket, &screen, session, detach, link)?;
        let left = attachment.drive().await;
        if attachment.session.has_changed_tab_stops() {
            screen.reset_tab_stops();
        }
        left
    }))?;
    let name = &target.name;
    match left {
        Left::Detached { lost: 0 } => output::line(&format!("detached; {name} runs on")),
        Left::Detached { lost } => {
            Err(Failure::new(format!("detached; the last {lost} bytes that you typed may not have arrived at {name}.")))
        }
        Left::Exited(reason) => output::line(&reason),
        Left::Hangup => Err(Failure::new(format!("interrupted; {name} runs on"))),
    }
}

/// 128 random bits in 22 characters: who this viewer is, across its connections.
fn viewer_key() -> Result<String, Failure> {
    let mut key = [0; 16];
    getrandom::fill(&mut key).map_err(|error| Failure::new(format!("There is no randomness: {error}")))?;
    Ok(data_encoding::BASE64URL_NOPAD.encode(&key))
}

/// A session between its two ends.
struct Attachment<'a> {
    executor: &'a smol::LocalExecutor<'static>,
    socket: PathBuf,
    screen: &'a Screen,
    tty: Async<File>,
    signals: Signals,
    session: Session,
    keys: KeyScanner,
    pastes: PasteFilter,
    paint: Paint,
    link: Link,
    /// The next waiting time, and whether the last attempt failed.
    back_off: Duration,
    heard: Instant,
    pinged: Instant,
    notice_shown: Instant,
    notice_until: Option<Instant>,
    /// Up to when the session was told how long its agent's machine has been away.
    counted: Instant,
}

/// What is to be written to the user's terminal.
#[derive(Debug, Default)]
struct Paint {
    chunks: VecDeque<(Vec<u8>, Option<Mark>)>,
    /// Bytes of the first chunk that are written.
    written: usize,
}

/// What can happen.
enum Happening {
    Link(Event),
    Keys(usize),
    Painted(usize),
    Signal(Signal),
    Time,
    TerminalGone,
}

impl<'a> Attachment<'a> {
    fn new(
        executor: &'a smol::LocalExecutor<'static>,
        socket: &Path,
        screen: &'a Screen,
        mut session: Session,
        detach: DetachKey,
        link: Link,
    ) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::new(format!("The terminal cannot be used: {error}"));
        let signals = [Signal::Winch, Signal::Cont, Signal::Term, Signal::Hup, Signal::Int, Signal::Quit];
        session.connected();
        Ok(Attachment {
            executor,
            socket: socket.to_path_buf(),
            tty: screen.file().and_then(Async::new_nonblocking).map_err(failed)?,
            signals: Signals::new(signals).map_err(failed)?,
            screen,
            session,
            keys: KeyScanner::new(detach),
            pastes: PasteFilter::default(),
            paint: Paint::default(),
            link,
            back_off: Duration::ZERO,
            heard: Instant::now(),
            pinged: Instant::now(),
            notice_shown: Instant::now(),
            notice_until: None,
            counted: Instant::now(),
        })
    }

    async fn drive(&mut self) -> Result<Left, Failure> {
        let mut keys = vec![0; KEYS_BYTES];
        loop {
            if let Some(left) = self.act()? {
                return Ok(left);
            }
            match self.wait(&mut keys).await {
                Happening::Link(event) => self.linked(event),
                Happening::Keys(count) => {
                    if self.typed(&keys[..count]) {
                        self.flush_typed().await;
                        let answered = self.session.is_answered();
                        let lost = if answered { self.session.unsent() } else { self.session.unconfirmed() };
                        return Ok(Left::Detached { lost });
                    }
                }
                Happening::Painted(count) => {
                    if let Some(mark) = self.paint.advance(count) {
                        self.session.painted(mark);
                    }
                }
                Happening::Signal(Signal::Winch) => self.session.resized(self.screen.size()),
                Happening::Signal(Signal::Cont) => {
                    self.screen.enter_again();
                    self.session.refresh();
                }
                Happening::Signal(_) | Happening::TerminalGone => return Ok(Left::Hangup),
                Happening::Time => self.timed(),
            }
        }
    }

    /// Does what the session says.
    fn act(&mut self) -> Result<Option<Left>, Failure> {
        while let Some(action) = self.session.poll() {
            match action {
                Action::Text(text) => self.link.send(Message::text(text)),
                Action::Binary(bytes) => self.link.send(Message::binary(bytes)),
                Action::Paint { bytes, upto } => self.paint.push(bytes, upto),
                Action::ForgetPaint => self.paint = Paint::default(),
                Action::EndNoticeSoon => {
                    (self.notice_shown, self.notice_until) = (Instant::now(), Some(Instant::now() + NOTICE))
                }
                Action::EndNotice => {
                    let glance = self.notice_shown + GLANCE;
                    self.notice_until = Some(self.notice_until.map_or(glance, |until| until.min(glance)));
                }
                Action::End(End::Exited(reason)) => return Ok(Some(Left::Exited(reason))),
                Action::End(End::Failed(failure)) => return Err(failure),
            }
        }
        Ok(None)
    }

    async fn wait(&mut self, keys: &mut [u8]) -> Happening {
        let (tty, paint, session, signals) = (&self.tty, &self.paint, &self.session, &mut self.signals);
        // A window that is full makes the terminal wait, unless nobody empties it: then at least the detach key is heard.
        // A prepared paste can be longer than it came: a byte that is not UTF-8 becomes three, and some are held back for a while.
        let room = session.room().saturating_sub(16) / 3;
        let room = if session.is_answered() { room.min(keys.len()) } else { keys.len() };
        let away = session.is_away().then_some(self.counted + AWAY);
        let deadline = [Some(self.pinged + PING), self.notice_until, away].into_iter().flatten().min();
        let link = async { Happening::Link(self.link.next().await) };
        let typed = async {
            if room == 0 {
                return future::pending().await;
            }
            match (&mut &*tty).read(&mut keys[..room]).await {
                Ok(0) | Err(_) => Happening::TerminalGone,
                Ok(count) => Happening::Keys(count),
            }
        };
        let painted = async {
            let Some(bytes) = paint.next() else { return future::pending().await };
            if bytes.is_empty() {
                return Happening::Painted(0);
            }
            match (&mut &*tty).write(bytes).await {
                Ok(0) | Err(_) => Happening::TerminalGone,
                Ok(count) => Happening::Painted(count),
            }
        };
        let signal = async {
            match signals.next().await {
                Some(Ok(signal)) => Happening::Signal(signal),
                Some(Err(_)) | None => future::pending().await,
            }
        };
        let time = async {
            if let Some(deadline) = deadline {
                smol::Timer::at(deadline).await;
            }
            Happening::Time
        };
        // The user comes first: whatever floods in, the detach key is heard.
        future::or(signal, future::or(typed, future::or(painted, future::or(link, time)))).await
    }

    /// Takes keys; returns whether the user detaches.
    fn typed(&mut self, keys: &[u8]) -> bool {
        let detach_at = self.keys.scan(keys);
        let keys = self.pastes.filter(&keys[..detach_at.unwrap_or(keys.len())]);
        if !keys.is_empty() && !self.session.typed(&keys) {
            self.paint.push(b"\x07".to_vec(), None);
        }
        detach_at.is_some()
    }

    /// Gives what was typed just before the detach key a moment to leave.
    async fn flush_typed(&mut self) {
        if self.act().is_ok() {
            self.link.finish(FAREWELL).await;
        }
    }

    fn linked(&mut self, event: Event) {
        self.heard = Instant::now();
        match event {
            Event::Up => self.session.connected(),
            Event::Text(text) => {
                let was_away = self.session.is_away();
                self.session.text(&text);
                if !was_away {
                    self.counted = self.heard;
                }
            }
            Event::Binary(bytes) => {
                self.back_off = Duration::ZERO;
                self.session.binary(&bytes);
            }
            Event::Down(_) => self.reconnect(),
        }
    }

    fn reconnect(&mut self) {
        if self.session.is_connected() {
            self.session.disconnected();
        }
        if !self.back_off.is_zero() {
            self.session.unreachable();
        }
        self.link = Link::open(self.executor, self.socket.clone(), self.back_off);
        self.back_off = (self.back_off * 2).clamp(BACK_OFF.0, BACK_OFF.1);
        self.heard = Instant::now();
    }

    fn timed(&mut self) {
        let now = Instant::now();
        if self.notice_until.is_some_and(|until| until <= now) {
            self.notice_until = None;
            self.session.notice_over();
        }
        if self.session.is_away() && self.counted + AWAY <= now {
            self.session.time_passes(now - self.counted);
            self.counted = now;
        }
        if self.pinged + PING <= now {
            self.pinged = now;
            if self.session.is_connected() && self.heard + SILENCE <= now {
                return self.reconnect();
            }
            if self.session.is_connected() {
                self.session.ping();
            }
        }
    }
}

impl Paint {
    fn push(&mut self, bytes: Vec<u8>, mark: Option<Mark>) {
        self.chunks.push_back((bytes, mark));
    }

    /// What to write next; empty chunks only carry their mark.
    fn next(&self) -> Option<&[u8]> {
        self.chunks.front().map(|(bytes, _)| &bytes[self.written..])
    }

    /// So many bytes are written; returns the mark of a chunk that is done.
    fn advance(&mut self, count: usize) -> Option<Mark> {
        self.written += count;
        let (bytes, _) = self.chunks.front()?;
        if self.written < bytes.len() {
            return None;
        }
        self.written = 0;
        self.chunks.pop_front()?.1
    }
}
