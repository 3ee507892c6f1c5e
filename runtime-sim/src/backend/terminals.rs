//! Scripted terminals: printing, snapshots, writing, sizes.

use super::{Backends, Epoch, Life, Tick, Writing};
use crate::agenda::{Agenda, Lane};
use crate::event::{Event, Feed, Report};
use crate::failure::Checked;
use crate::ledger::{Ledger, Place};
use crate::script::Picture;
use consort_core::directory::{BackendKind, Signal};
use consort_core::{NodeId, Size, TerminalId, TerminalOutput};
use std::collections::VecDeque;

impl Life {
    pub(super) fn new(node: NodeId, terminal: TerminalId, kind: BackendKind, size: Size) -> Self {
        Life {
            node,
            terminal,
            kind,
            ended: false,
            printed: 0,
            gaps: 0,
            size,
            size_is_foreign: false,
            size_before: None,
            held: false,
            watched: false,
            session: 0,
            writes: VecDeque::new(),
            fail_write_after: None,
            answers: Lane::default(),
            title: String::new(),
            bell: false,
            shell: false,
            asks: None,
        }
    }

    /// The connection to the node was lost at least once.
    pub(crate) fn was_away(&self) -> bool {
        self.session > 0
    }

    /// Lets a write fail after some bytes, or (`None`) no more.
    pub(crate) fn fail_write(&mut self, after: Option<usize>) {
        self.fail_write_after = after;
    }

    fn unwatch(&mut self) {
        self.watched = false;
        self.gap();
    }

    /// Whoever watched and wrote is gone.
    pub(super) fn disconnect(&mut self) {
        self.unwatch();
        self.held = false;
        self.size_before = None;
        self.session += 1;
        self.writes.clear();
    }

    fn gap(&mut self) {
        self.gaps += 1;
    }
}

impl Backends {
    pub(super) fn terminal_ordered(
        &mut self,
        agenda: &mut Agenda<Event>,
        id: TerminalId,
        what: TerminalOutput,
        epoch: Epoch,
    ) {
        let Some(number) = self.life_of(id) else { return };
        let life = &mut self.lives[number];
        let now = self.reported.of(life.kind, id);
        if epoch.ends != now.ends || !self.tmux_connected && life.kind == BackendKind::Tmux {
            return;
        }
        let delay = self.dice.up_to(self.answer_ms);
        match what {
            TerminalOutput::Watch => {
                life.watched = true;
                life.gap();
            }
            TerminalOutput::Unwatch => life.unwatch(),
            TerminalOutput::Snapshot { history_lines } => {
                let tick = Tick::Snapshot { life: number, session: life.session, history_lines };
                life.answers.send(agenda, delay, Event::backend(self.host, tick));
            }
            TerminalOutput::Write(_) if epoch.failed_writes != now.failed_writes => {}
            TerminalOutput::Write(bytes) => {
                life.writes.push_back(Writing { bytes, done: 0 });
                if life.writes.len() == 1 {
                    agenda.after(delay, Event::backend(self.host, Tick::Write { life: number }));
                }
            }
            TerminalOutput::Resize(size) => {
                life.held = true;
                let tick = Tick::Resize { life: number, session: life.session, size: Some(size) };
                life.answers.send(agenda, delay, Event::backend(self.host, tick));
            }
            TerminalOutput::ReleaseSize => {
                life.held = false;
                let tick = Tick::Resize { life: number, session: life.session, size: None };
                life.answers.send(agenda, delay, Event::backend(self.host, tick));
            }
            TerminalOutput::ReadScreen => {
                agenda.after(delay, Event::backend(self.host, Tick::Screen { life: number, session: life.session }));
            }
        }
    }

    /// The life, if it has not ended and the node hears of it.
    fn heard(&mut self, number: u64) -> Option<&mut Life> {
        let life = &self.lives[number];
        let heard = !life.ended && self.is_heard(life.kind);
        heard.then(|| &mut self.lives[number])
    }

    fn tell(&mut self, agenda: &mut Agenda<Event>, number: u64, report: Report) {
        let (kind, id) = (self.lives[number].kind, self.lives[number].terminal);
        self.report(agenda, kind, Feed::Terminal(id, report));
    }

    pub(crate) fn print(&mut self, agenda: &mut Agenda<Event>, number: u64, bytes: u32) {
        let Some(life) = self.lives.get_mut(number).filter(|life| !life.ended) else { return };
        let from = life.printed;
        life.printed += u64::from(bytes);
        if !self.heard(number).is_some_and(|life| life.watched) {
            return;
        }
        let (mut at, end) = (from, from + u64::from(bytes));
        while at < end {
            let count = (self.manner.chunk_bytes as u64).min(end - at);
            self.tell(agenda, number, Report::Output(number, at, count as usize));
            at += count;
        }
    }

    /// Prints without delivering.
    pub(crate) fn skip(&mut self, agenda: &mut Agenda<Event>, number: u64, bytes: u32) {
        let Some(life) = self.lives.get_mut(number).filter(|life| !life.ended) else { return };
        life.printed += u64::from(bytes);
        if let Some(life) = self.heard(number).filter(|life| life.watched) {
            life.gap();
            self.tell(agenda, number, Report::Skipped);
        }
    }

    pub(super) fn snapshot(&mut self, agenda: &mut Agenda<Event>, (number, session): (u64, u32), history_lines: u32) {
        let padding = self.manner.snapshot_padding;
        let Some(life) = self.heard(number).filter(|life| life.session == session) else { return };
        let picture = Picture { life: number, printed: life.printed, history_lines, gaps: life.gaps, size: life.size };
        let report = Report::Snapshot(life.size, picture.encode(padding));
        self.tell(agenda, number, report);
    }

    pub(super) fn screen(&mut self, agenda: &mut Agenda<Event>, (number, session): (u64, u32)) {
        let digest = self.dice.up_to(3);
        if let Some(life) = self.heard(number).filter(|life| life.session == session) {
            let reading = life.reading(digest);
            self.tell(agenda, number, Report::Signal(Signal::Screen(reading)));
        }
    }

    /// Writes a part of the oldest input, or fails.
    pub(super) fn write(&mut self, agenda: &mut Agenda<Event>, ledger: &mut Ledger, number: u64) -> Checked {
        let (most, delay) = (self.manner.write_bytes, self.dice.up_to(self.answer_ms));
        let Some(life) = self.heard(number) else { return Ok(()) };
        let Some(writing) = life.writes.front_mut() else { return Ok(()) };
        // Never in more than some dozens of parts: they would only take the run's time.
        let part = most.max(writing.bytes.len() / 32).min(writing.bytes.len() - writing.done);
        let room = life.fail_write_after.unwrap_or(usize::MAX);
        writing.done += part.min(room);
        life.fail_write_after = life.fail_write_after.map(|left| left.saturating_sub(part));
        let place = Place { node: life.node, terminal: life.terminal };
        if part > room {
            life.fail_write_after = None;
            if writing.done > 0 {
                ledger.wrote((place, number), &writing.bytes, writing.done)?;
            }
            life.writes.clear();
            if room > 0 {
                self.tell(agenda, number, Report::Written(room));
            }
            self.tell(agenda, number, Report::WriteFailed);
            return Ok(());
        }
        if writing.done == writing.bytes.len() {
            ledger.wrote((place, number), &writing.bytes, writing.done)?;
            life.writes.pop_front();
        }
        if !life.writes.is_empty() {
            agenda.after(delay, Event::backend(self.host, Tick::Write { life: number }));
        }
        self.tell(agenda, number, Report::Written(part));
        Ok(())
    }

    /// Gives a terminal another size and says so.
    pub(super) fn resize(&mut self, agenda: &mut Agenda<Event>, number: u64, size: Size) -> bool {
        let Some(life) = self.lives.get_mut(number).filter(|life| !life.ended && life.size != size) else {
            return false;
        };
        let agent = life.terminal.agent;
        life.size = size;
        life.gap();
        if self.heard(number).is_some() {
            self.tell(agenda, number, Report::Resized(size));
            self.seen(agenda, agent);
        }
        true
    }

    /// The node sets the size, or leaves it to whoever else shows the terminal.
    pub(super) fn resize_ordered(
        &mut self,
        agenda: &mut Agenda<Event>,
        (number, session): (u64, u32),
        size: Option<Size>,
    ) {
        let life = &mut self.lives[number];
        if life.session != session {
            return;
        }
        let agent = life.terminal.agent;
        let shown_elsewhere = self.carriers.get(&agent).is_some_and(|carrier| carrier.shown_elsewhere);
        match size {
            Some(size) => {
                life.size_is_foreign = false;
                life.size_before.get_or_insert(life.size);
                self.resize(agenda, number, size);
            }
            None => {
                let before = life.size_before.take();
                let size = if shown_elsewhere { Some(Size::clamped(132, 43)) } else { before };
                if let Some(size) = size {
                    self.resize(agenda, number, size);
                }
            }
        }
    }
}
