//! What happens to sessions without the node: programs end, people use tmux, the connection to tmux is lost.

use super::{Backends, Carrier, Tick};
use crate::agenda::Agenda;
use crate::event::{Event, Feed, Report};
use consort_core::directory::BackendKind;
use consort_core::{AgentId, BackendInput, Size};

/// Ids of sessions that somebody else made: far from those that a node draws, in practice.
const FOREIGN: u64 = 0x00F0_0000_0000_0000;

impl Backends {
    /// A terminal prints without a pause: `bytes` within `ms`.
    pub(crate) fn flood(&mut self, agenda: &mut Agenda<Event>, life: u64, bytes: u32, ms: u16) {
        let steps = (u32::from(ms) / 20).clamp(1, 100);
        for step in 0..steps {
            let delay = u64::from(ms) * u64::from(step) / u64::from(steps);
            agenda.after(delay, Event::backend(self.host, Tick::Print { life, bytes: bytes / steps }));
        }
    }

    pub(crate) fn look(&mut self, agenda: &mut Agenda<Event>, agent: AgentId, title: u8, bell: bool, shell: bool) {
        const TITLES: [&str; 4] = ["", "⠂ Fixing the build", "✳ Fixed\u{7}", "zsh"];
        let Some((_, life)) = self.carriers.get(&agent).and_then(|carrier| carrier.panes.first()) else { return };
        let life = &mut self.lives[*life];
        life.title = TITLES[usize::from(title) % TITLES.len()].to_string();
        (life.bell, life.shell) = (bell, shell);
        self.seen(agenda, agent);
    }

    /// One terminal of several ends.
    pub(crate) fn close_pane(&mut self, agenda: &mut Agenda<Event>, number: u64, listed_first: bool) {
        let id = self.lives[number].terminal;
        let Some(carrier) = self.carriers.get_mut(&id.agent) else { return };
        if carrier.panes.len() < 2 {
            return self.end(agenda, id.agent);
        }
        carrier.panes.retain(|(_, life)| *life != number);
        let kind = carrier.kind;
        let life = &mut self.lives[number];
        life.ended = true;
        life.writes.clear();
        if listed_first {
            self.seen(agenda, id.agent);
        }
        if self.is_heard(kind) {
            self.report(agenda, kind, Feed::Terminal(id, Report::Closed));
        }
        if !listed_first {
            self.seen(agenda, id.agent);
        }
    }

    /// Somebody makes a session, unless its name is taken.
    pub(crate) fn appear(&mut self, agenda: &mut Agenda<Event>, name: String) {
        if self.name_is_taken(BackendKind::Tmux, &name) {
            return;
        }
        let agent = AgentId(FOREIGN + self.next_foreign);
        self.next_foreign += 1;
        let carrier = Carrier {
            kind: BackendKind::Tmux,
            name,
            directory: "/home/somebody".to_string(),
            created_unix_ms: agenda.now(),
            panes: Vec::new(),
            shown_elsewhere: false,
        };
        self.carriers.insert(agent, carrier);
        self.add_pane(agent, Size::DEFAULT);
        self.seen(agenda, agent);
    }

    pub(crate) fn open_pane(&mut self, agenda: &mut Agenda<Event>, agent: AgentId) {
        let Some(carrier) = self.carriers.get(&agent) else { return };
        if carrier.kind == BackendKind::Tmux && carrier.panes.len() < 4 {
            self.add_pane(agent, Size::clamped(40, 24));
            self.seen(agenda, agent);
        }
    }

    /// Returns whether somebody renamed it.
    pub(crate) fn rename_outside(&mut self, agenda: &mut Agenda<Event>, agent: AgentId, name: String) -> bool {
        let tmux = self.carriers.get(&agent).is_some_and(|carrier| carrier.kind == BackendKind::Tmux);
        if !tmux || self.name_is_taken(BackendKind::Tmux, &name) {
            return false;
        }
        if let Some(carrier) = self.carriers.get_mut(&agent) {
            carrier.name = name;
        }
        self.seen(agenda, agent);
        true
    }

    pub(crate) fn reflow(&mut self, agenda: &mut Agenda<Event>, life: u64, size: Size) {
        if self.resize(agenda, life, size) {
            self.lives[life].size_is_foreign = true;
        }
    }

    pub(crate) fn show_elsewhere(&mut self, agenda: &mut Agenda<Event>, agent: AgentId, shown: bool) {
        let Some(carrier) = self.carriers.get_mut(&agent).filter(|carrier| carrier.kind == BackendKind::Tmux) else {
            return;
        };
        carrier.shown_elsewhere = shown;
        self.seen(agenda, agent);
    }

    /// The connection to tmux is lost; the sessions live on unseen.
    pub(crate) fn lose_tmux(&mut self, agenda: &mut Agenda<Event>) {
        let was_heard = self.is_heard(BackendKind::Tmux);
        for life in self.lives.iter_mut().filter(|life| life.kind == BackendKind::Tmux) {
            life.disconnect();
        }
        self.tmux_connected = false;
        if was_heard {
            let reason = "the connection was lost".to_string();
            self.report(agenda, BackendKind::Tmux, Feed::Backend(BackendInput::Unavailable(BackendKind::Tmux, reason)));
        }
    }

    pub(crate) fn find_tmux(&mut self, agenda: &mut Agenda<Event>) {
        if !self.tmux_connected {
            self.tmux_connected = true;
            if self.booted.get(&BackendKind::Tmux) == Some(&true) {
                self.boot(agenda, BackendKind::Tmux);
            }
        }
    }

    /// From now on input is written as fast as it comes.
    pub(crate) fn write_whole(&mut self) {
        self.manner.write_bytes = usize::MAX >> 1;
    }
}
