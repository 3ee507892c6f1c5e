//! The thread of one terminal: reads what the program prints, writes what is typed, answers orders, in one exact order.

mod lent;

pub(super) use lent::Turn;

use super::attend::{self, Lent};
use super::beside::Beside;
use super::emulator::{Emulator, Palette};
use super::input::{InputQueue, Source};
use super::mailbox::{Order, Orders, Work};
use super::observe::Observer;
use super::paste::{Paste, Step};
use super::process::{Pty, read_status};
use super::reports::Reports;
use crate::backend::{FromBackend, TerminalEvent};
use crate::dialect::notices::Notices;
use crate::dialect::{Dialect, Filter};
use crate::paste::PasteText;
use async_channel::Sender;
use consort_core::input::StartInfo;
use consort_core::{BackendInput, OperationDone, OperationError, OperationId, Size, TerminalId, TerminalOutput};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::Signal;
use std::collections::VecDeque;
use std::io::PipeReader;
use std::time::{Duration, Instant};

/// Bytes of one report of output.
const CHUNK_BYTES: usize = consort_core::limits::FRAME_BYTES;
/// How long what runs in the terminal may take to end when it is asked to, before it is made to.
const GRACE: Duration = Duration::from_secs(2);
/// How often to look whether it has.
const GRACE_STEP: Duration = Duration::from_millis(20);
/// How long after the end of the session's leader its last output is waited for, if something else holds the terminal open.
const LAST_OUTPUT: Duration = Duration::from_millis(50);
/// How long nothing is read from a terminal that nobody has open.
const UNUSED: Duration = Duration::from_millis(200);
/// How long nothing is printed before the emulator gives back memory.
const REST: Duration = Duration::from_secs(5);

/// A terminal and everything that belongs to it, owned by its thread.
pub(super) struct Terminal {
    id: TerminalId,
    pty: Pty,
    orders: Orders,
    reports: Reports,
    /// Where the driver's thread takes terminals that somebody types in.
    lender: Option<Sender<Lent>>,
    /// When the last key was written.
    typed_at: Option<Instant>,
    /// Bytes of output since then.
    printed: usize,
    /// The program's exit status comes through here, once.
    status: Option<PipeReader>,
    shell: String,
    filter: Filter,
    notices: Notices,
    emulator: Beside,
    observer: Observer,
    input: InputQueue,
    pastes: VecDeque<Pasting>,
    watched: bool,
    /// While a viewer decides: the size before that.
    size_before: Option<Size>,
    chunk: Vec<u8>,
    /// Room for a chunk in its canonical form.
    canonical: Vec<u8>,
    ending: Option<Ending>,
    exited: Option<Instant>,
    kills: Vec<OperationId>,
    /// Nobody has the terminal open until then, as far as we look.
    unused_until: Option<Instant>,
    rest_at: Option<Instant>,
    finished: bool,
}

/// A paste and whom to tell.
struct Pasting {
    operation: OperationId,
    text: PasteText,
    submit: bool,
    /// Set when its turn has come.
    begun: Option<Paste>,
}

/// What runs has been asked to end.
struct Ending {
    deadline: Instant,
    forced: bool,
}

/// The start that a terminal answers, and what it did.
#[derive(Debug)]
pub(super) struct Launched {
    pub(super) operation: OperationId,
    pub(super) start: StartInfo,
}

/// What a terminal is made of.
pub(super) struct Parts {
    pub(super) id: TerminalId,
    pub(super) pty: Pty,
    pub(super) orders: Orders,
    pub(super) reports: Sender<FromBackend>,
    pub(super) lender: Option<Sender<Lent>>,
    pub(super) status: Option<PipeReader>,
    pub(super) shell: String,
    pub(super) observer: Observer,
    pub(super) size: Size,
    pub(super) palette: Palette,
}

impl Terminal {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { id, pty, orders, reports, lender, status, shell, observer, size, palette } = parts;
        Terminal {
            id,
            pty,
            orders,
            reports: Reports::new(reports),
            lender,
            typed_at: None,
            printed: 0,
            status,
            shell,
            filter: Filter::new(Dialect::Pty, size.cols()),
            notices: Notices::default(),
            emulator: Beside::new(Emulator::new(size, palette)),
            observer,
            input: InputQueue::default(),
            pastes: VecDeque::new(),
            watched: false,
            size_before: None,
            chunk: Vec::new(),
            canonical: Vec::new(),
            ending: None,
            exited: None,
            kills: Vec::new(),
            unused_until: None,
            rest_at: None,
            finished: false,
        }
    }

    /// Runs until the session has ended or is killed. `launched` is the operation that the start answers. `None`: a fault of the
    /// node, elsewhere, has ended it.
    pub(super) fn run(mut self: Box<Self>, launched: Launched) -> Option<()> {
        self.observer.title("", Instant::now());
        self.report_observation();
        self.done(launched.operation, Ok(OperationDone::Start(launched.start)));
        while !self.finished {
            let ready = self.wait();
            for order in self.orders.take() {
                self.obey(order);
            }
            if ready.status {
                self.program_ended();
            }
            if ready.output || self.exited.is_some() {
                self.read();
            } else if ready.nothing && self.emulator.is_away() {
                self.news(Instant::now());
            }
            self.write();
            self.tick();
            if let Some(lender) = self.lender.clone().filter(|_| self.may_be_lent(Instant::now())) {
                self = attend::lend(&lender, self)?;
            }
        }
        self.close();
        Some(())
    }

    /// Sleeps until the program printed something or can take something, an order came, or a time has come.
    fn wait(&self) -> Ready {
        let mut events = PollFlags::IN;
        if !self.input.is_empty() {
            events |= PollFlags::OUT;
        }
        let in_use = self.unused_until.is_none() && self.exited.is_none();
        let mut waited = vec![PollFd::new(self.orders.woken(), PollFlags::IN)];
        if in_use {
            waited.push(PollFd::new(self.pty.master(), events));
        }
        if let Some(status) = &self.status {
            waited.push(PollFd::new(status, PollFlags::IN));
        }
        // While the emulator works elsewhere nothing is waited for but that.
        let deadline = if self.emulator.is_away() { Some(Instant::now()) } else { self.deadline() };
        let timeout = deadline.map(|at| at.saturating_duration_since(Instant::now()));
        // Rounded up: waking before the time would only mean sleeping again.
        let timeout = timeout.and_then(|left| Timespec::try_from(left + Duration::from_micros(500)).ok());
        // An interrupted wait is one in which nothing happened.
        let Ok(count) = poll(&mut waited, timeout.as_ref()) else { return Ready::default() };
        let readable = PollFlags::IN | PollFlags::HUP | PollFlags::ERR;
        Ready {
            nothing: count == 0,
            output: in_use && waited[1].revents().intersects(readable),
            status: self.status.is_some() && waited.last().is_some_and(|last| last.revents().intersects(readable)),
        }
    }

    /// The next time at which something is to be done without anything happening.
    fn deadline(&self) -> Option<Instant> {
        let paste = self.pastes.front().map(|pasting| match self.paste_step(pasting) {
            Some(Step::Wait(until)) => until,
            _ => Instant::now(),
        });
        let ending = self
            .ending
            .as_ref()
            .map(|ending| if self.exited.is_some() { Instant::now() + GRACE_STEP } else { ending.deadline });
        let last_output = self.exited.map(|_| Instant::now() + GRACE_STEP);
        [paste, ending, last_output, self.unused_until, self.rest_at, self.observer.deadline()]
            .into_iter()
            .flatten()
            .min()
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Terminal(order) => self.obey_core(order),
            Order::Operation(operation, work) => self.work(operation, work),
            Order::Exited => {
                self.pty.reap();
                self.exited = Some(Instant::now());
            }
            Order::Shutdown => self.end(),
        }
    }

    fn obey_core(&mut self, order: TerminalOutput) {
        let now = Instant::now();
        match order {
            TerminalOutput::Watch => {
                self.watched = true;
                self.observer.bell(false, now);
            }
            TerminalOutput::Unwatch => self.watched = false,
            TerminalOutput::Snapshot { history_lines } => {
                let emulator = self.emulator.get();
                let (size, bytes) = (emulator.size(), emulator.snapshot(history_lines));
                self.tell(TerminalEvent::Snapshot { size, bytes });
            }
            TerminalOutput::Write(bytes) => {
                self.observer.bell(false, now);
                (self.typed_at, self.printed) = (Some(now), 0);
                self.input.push(bytes, Source::Typed);
            }
            TerminalOutput::Resize(size) => {
                self.size_before.get_or_insert(self.emulator.get().size());
                self.resize(size);
            }
            // Nobody but our viewers shows a PTY.
            TerminalOutput::ReleaseSize => {
                if let Some(before) = self.size_before.take() {
                    self.resize(before);
                }
            }
            TerminalOutput::ReadScreen => {
                let emulator = self.emulator.get();
                let (text, shown) = (emulator.text(0), emulator.cursor_shown());
                self.tell(TerminalEvent::Screen(text, shown));
            }
        }
    }

    fn resize(&mut self, size: Size) {
        // What was printed before belongs to the old size.
        self.read();
        // Without a size in the kernel the program just does not hear of it; viewers still get one size.
        if let Err(error) = self.pty.resize(size) {
            log::warn!("the terminal of agent {} could not be resized: {error}", self.id.agent);
        }
        self.filter.set_columns(size.cols());
        self.emulator.get().resize(size);
        self.tell(TerminalEvent::Resized(size));
        self.observer.size(size);
    }

    fn work(&mut self, operation: OperationId, work: Work) {
        match work {
            Work::Kill => {
                self.kills.push(operation);
                self.end();
            }
            Work::Rename(name) => {
                self.observer.name(name);
                self.report_observation();
                self.done(operation, Ok(OperationDone::Done));
            }
            // Every terminal of ours carries its agent's id.
            Work::Mark => self.done(operation, Ok(OperationDone::Done)),
            Work::Paste { text, submit } => {
                self.observer.bell(false, Instant::now());
                self.pastes.push_back(Pasting { operation, text, submit, begun: None });
            }
            Work::Type(bytes) => {
                self.observer.bell(false, Instant::now());
                self.input.push(bytes, Source::Answer);
                self.done(operation, Ok(OperationDone::Done));
            }
            Work::ReadText { history_lines } => {
                let text = self.emulator.get().text(history_lines);
                self.done(operation, Ok(OperationDone::Text(text)));
            }
        }
    }

    /// Reads what is there, at most a chunk, and hands it on before anything else is done with it.
    fn read(&mut self) {
        self.chunk.clear();
        self.chunk.reserve(CHUNK_BYTES);
        let end = loop {
            match rustix::io::read(self.pty.master(), rustix::buffer::spare_capacity(&mut self.chunk)) {
                Ok(0) | Err(Errno::IO) => break true,
                Ok(_) if self.chunk.len() < CHUNK_BYTES => {}
                Err(Errno::INTR) => {}
                Ok(_) | Err(_) => break false,
            }
        };
        let now = Instant::now();
        if end {
            self.unused_until = Some(now + UNUSED);
        }
        let silent = self.chunk.len() < CHUNK_BYTES;
        if !self.chunk.is_empty() {
            self.output(now);
        }
        if silent && self.exited.is_some_and(|exited| end || now >= exited + LAST_OUTPUT) {
            self.leave_when_empty(now);
        }
    }

    fn output(&mut self, now: Instant) {
        self.printed += self.chunk.len();
        self.observer.output(self.chunk.len(), now);
        for signal in self.notices.read(&self.chunk) {
            self.tell(TerminalEvent::Signal(signal));
        }
        // From here on the output is canonical: the same bytes for the emulator and for viewers.
        if self.filter.rewrites(&self.chunk, &mut self.canonical) {
            std::mem::swap(&mut self.chunk, &mut self.canonical);
        }
        if self.watched {
            let pieces = self.chunk.chunks(CHUNK_BYTES);
            let outputs = pieces.map(|piece| FromBackend::Terminal(self.id, TerminalEvent::Output(piece.to_vec())));
            if !self.reports.tell_first(outputs) {
                self.end();
            }
        }
        if self.emulator.is_away() {
            self.news(now);
        }
        self.chunk = self.emulator.feed(std::mem::take(&mut self.chunk));
        if !self.emulator.is_away() {
            self.news(now);
        }
        self.rest_at = Some(now + REST);
        if let Some(paste) = self.pastes.front_mut().and_then(|pasting| pasting.begun.as_mut()) {
            paste.output(now);
        }
    }

    /// What the emulator has to say about all output until now; waits for it.
    fn news(&mut self, now: Instant) {
        let news = self.emulator.get().take_news();
        self.input.push(news.answers, Source::Answer);
        if news.bell {
            self.observer.bell(true, now);
        }
        if let Some(title) = news.title {
            self.observer.title(&title, now);
        }
    }

    fn write(&mut self) {
        if self.input.is_empty() {
            return;
        }
        let progress = self.input.write(self.pty.master());
        if progress.typed > 0 {
            self.tell(TerminalEvent::Written(progress.typed));
        }
        if progress.pasted > 0 {
            let left = self.input.waiting(Source::Paste);
            if let Some(paste) = self.pastes.front_mut().and_then(|pasting| pasting.begun.as_mut()) {
                paste.progress(left, Instant::now());
            }
        }
        if let Some(error) = progress.failed {
            self.tell(TerminalEvent::WriteFailed(format!("The terminal takes no input: {error}.")));
            self.fail_pastes();
        }
    }

    /// Does what is due.
    fn tick(&mut self) {
        let now = Instant::now();
        self.unused_until = self.unused_until.filter(|until| *until > now);
        if self.rest_at.is_some_and(|at| at <= now) {
            self.rest_at = None;
            (self.chunk, self.canonical) = (Vec::new(), Vec::new());
            self.emulator.rest();
        }
        if self.exited.is_none() {
            self.report_observation();
        }
        self.paste();
        let late = self.ending.as_mut().filter(|ending| !ending.forced && now >= ending.deadline);
        if let Some(ending) = late {
            ending.forced = true;
            self.pty.signal(Signal::KILL);
        }
    }

    fn report_observation(&mut self) {
        if let Some(observation) = self.observer.due(&self.pty, Instant::now()) {
            self.report(FromBackend::Backend(BackendInput::Seen(observation)));
        }
    }

    fn program_ended(&mut self) {
        let Some(exit_code) = self.status.take().and_then(read_status) else { return };
        self.observer.program_ended(Some(exit_code), self.shell.clone());
    }

    /// Goes on with the first paste.
    fn paste(&mut self) {
        while let Some(mut pasting) = self.pastes.pop_front() {
            let now = Instant::now();
            let Some(paste) = &mut pasting.begun else {
                let bytes = std::mem::take(&mut pasting.text).encode(self.emulator.get().bracketed_paste());
                self.input.push(bytes, Source::Paste);
                pasting.begun = Some(Paste::new(pasting.submit, now));
                self.pastes.push_front(pasting);
                self.write();
                continue;
            };
            match paste.step(self.input.waiting(Source::Paste), now) {
                Step::Wait(_) => return self.pastes.push_front(pasting),
                Step::PressEnter => {
                    paste.pressed(now);
                    self.input.push(b"\r".to_vec(), Source::Paste);
                    self.pastes.push_front(pasting);
                    self.write();
                }
                Step::Finished(submitted) => self.done(pasting.operation, Ok(OperationDone::Pasted { submitted })),
                Step::Stalled => {
                    self.input.forget(Source::Paste);
                    self.done(pasting.operation, Err(not_reading()));
                }
            }
        }
    }

    fn paste_step(&self, pasting: &Pasting) -> Option<Step> {
        pasting.begun.as_ref().map(|paste| paste.step(self.input.waiting(Source::Paste), Instant::now()))
    }

    fn fail_pastes(&mut self) {
        for pasting in std::mem::take(&mut self.pastes) {
            self.done(pasting.operation, Err(ended()));
        }
    }

    /// Asks what runs to end.
    fn end(&mut self) {
        if self.ending.is_none() {
            self.ending = Some(Ending { deadline: Instant::now() + GRACE, forced: false });
            // A stopped process ends only when it goes on.
            self.pty.signal(Signal::HUP);
            self.pty.signal(Signal::CONT);
        }
    }

    /// The session's leader has ended and its output is read: the terminal ends too, as soon as what was to be ended has.
    fn leave_when_empty(&mut self, now: Instant) {
        let waits = self.ending.as_ref().is_some_and(|ending| now < ending.deadline + GRACE && self.pty.any_left());
        self.finished = !waits;
    }

    fn close(mut self) {
        let left = self.orders.close();
        self.fail_pastes();
        self.tell(TerminalEvent::Closed);
        self.report(FromBackend::Backend(BackendInput::Gone(self.id.agent)));
        for operation in std::mem::take(&mut self.kills) {
            self.done(operation, Ok(OperationDone::Done));
        }
        for order in left {
            if let Order::Operation(operation, work) = order {
                self.done(operation, if matches!(work, Work::Kill) { Ok(OperationDone::Done) } else { Err(ended()) });
            }
        }
    }

    fn done(&mut self, operation: OperationId, result: Result<OperationDone, OperationError>) {
        self.report(FromBackend::Backend(BackendInput::Done(operation, result)));
    }

    fn tell(&mut self, event: TerminalEvent) {
        self.report(FromBackend::Terminal(self.id, event));
    }

    /// Hands a report over; waits while the driver is behind. Without a driver nothing is left to do but to end.
    fn report(&mut self, report: FromBackend) {
        if !self.reports.tell(report) {
            self.end();
        }
    }
}

/// What waiting has found.
#[derive(Clone, Copy, Debug, Default)]
struct Ready {
    /// Nothing came in time.
    nothing: bool,
    output: bool,
    status: bool,
}

/// The answer to an operation on a terminal that is not there any more.
pub(super) fn ended() -> OperationError {
    OperationError {
        code: "not-running".into(),
        message: "The agent's terminal has ended.".into(),
        hint: "Start the agent again.".into(),
    }
}

fn not_reading() -> OperationError {
    OperationError {
        code: "not-reading".into(),
        message: "The program does not read its input; a part of the text may have arrived.".into(),
        hint: "Look at the terminal: the program may be busy or stopped.".into(),
    }
}
