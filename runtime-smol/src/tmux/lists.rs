//! Keeping the list of agents and terminals: when tmux is asked, and what its answer changes.
//!
//! Notifications of tmux bring a complete list at once. Besides, tmux is asked once a second: for the panes that printed
//! lately, and for what can change elsewhere without a notification. Every tenth time the list is complete; so a program that
//! replaces another one in the foreground without printing a byte is seen within ten seconds, everything else within one.

use super::engine::{Answer, ConnectionId, Engine, State, Then};
use super::launch;
use super::listing::{self, CLIENTS_FORMAT, LIST_FORMAT, Pane, QUICK_FORMAT, Session, is_shell};
use super::quote::Line;
use super::terminal::Terminal;
use crate::backend::TerminalEvent;
use consort_core::directory::BackendKind;
use consort_core::limits::TITLE_CHARS;
use consort_core::{AgentId, BackendInput, Observation, Size, TerminalId, TerminalInfo};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Changes that come within this time are listed together.
const COALESCE: Duration = Duration::from_millis(20);
/// Quick lists between two complete ones.
const QUICK_LISTS: u32 = 9;
/// A window that printed since the last list was asked for, or within so many seconds before that, is listed completely.
const RECENT_SECONDS: u64 = 1;

impl State {
    /// Lists everything now, or again after the list that is under way.
    pub(crate) fn list(&mut self) {
        let Some(monitor) = self.monitor else { return };
        if !self.identified || self.listing.in_flight.is_some() || self.listing.held > 0 || self.listing.examining > 0 {
            self.listing.again = true;
            return;
        }
        self.listing.in_flight = Some(Instant::now());
        self.listing.asked_at = unix_seconds();
        self.listing.again = false;
        let next = std::mem::take(&mut self.listing.waiting_next);
        self.listing.waiting.extend(next);
        let line = Line::new("list-clients -F").word(format!("\"{CLIENTS_FORMAT}\""));
        let line = line.then("list-panes -a -F").word(format!("\"{LIST_FORMAT}\""));
        self.send(monitor, line, Then::List);
    }

    /// Lists what may have changed. Called once a second: a complete list costs tmux 70 µs per pane.
    pub(crate) fn poll(&mut self) {
        let Some(monitor) = self.monitor else { return };
        if !self.identified
            || self.listing.held > 0
            || self.listing.examining > 0
            || self.listing.quick.1 >= QUICK_LISTS
            || self.sessions.is_empty()
        {
            return self.list();
        }
        self.listing.quick.1 += 1;
        self.listing.in_vain = self.listing.in_vain.saturating_sub(1);
        self.listing.in_flight = Some(Instant::now());
        // On a machine that is busy, the last list may be long ago.
        let recent = std::mem::replace(&mut self.listing.asked_at, unix_seconds()).saturating_sub(RECENT_SECONDS);
        let line = Line::new("list-clients -F").word(format!("\"{CLIENTS_FORMAT}\""));
        let line = line.then("list-panes -a -F").word(format!("\"{QUICK_FORMAT}\""));
        let line = line.then("list-panes -a -f").word(format!("'#{{e|>=:#{{window_activity}},{recent}}}'"));
        self.send(monitor, line.word("-F").word(format!("\"{LIST_FORMAT}\"")), Then::Quick);
    }

    /// tmux's answer to [`poll`](State::poll).
    pub(crate) fn quickly_listed(&mut self, engine: &Rc<Engine>, answer: Answer) {
        self.listing.in_flight = None;
        let merged = match answer.as_deref() {
            Ok([clients, quick, panes]) if *quick == self.listing.quick.0 => self
                .merged(listing::sessions(panes, &self.global))
                .map(|sessions| (sessions, self.shown_elsewhere(clients))),
            Ok([_, quick, _]) => {
                self.listing.quick.0.clone_from(quick);
                None
            }
            _ => None,
        };
        match merged {
            Some((sessions, shown)) if !self.listing.again => self.apply(engine, sessions, &shown),
            _ => self.list(),
        }
    }

    /// The known sessions with what was listed of some; nothing if that is not enough to go on.
    fn merged(&self, listed: BTreeMap<u32, Session>) -> Option<BTreeMap<u32, Session>> {
        let mut sessions = self.sessions.clone();
        for (id, update) in listed {
            let known = sessions.get_mut(&id)?;
            for pane in update.panes {
                let old = known.panes.iter_mut().find(|old| old.id == pane.id)?;
                *old = pane;
            }
            known.panes.sort_by_key(|pane| pane.index);
            (known.mark, known.name, known.path) = (update.mark, update.name, update.path);
        }
        Some(sessions)
    }

    fn shown_elsewhere(&self, clients: &[u8]) -> BTreeSet<u32> {
        let helpers: BTreeSet<u32> = self.connections.values().filter_map(|c| c.control.process()).collect();
        listing::shown_elsewhere(clients, |name, pid| name.starts_with("consort-") || helpers.contains(&pid))
    }

    /// Lists soon: changes come in groups.
    pub(crate) fn list_soon(&mut self, engine: &Rc<Engine>) {
        if std::mem::replace(&mut self.listing.soon, true) {
            return;
        }
        // A hook that changes something after every list would keep us listing: what brings nothing new is asked less often.
        let pause = COALESCE.max(self.listing.took * 4).max(COALESCE * (1 << self.listing.in_vain.min(5)));
        self.listing.in_vain += 1;
        let later = Rc::clone(engine);
        let task = async move {
            smol::Timer::after(pause).await;
            let mut state = later.state.borrow_mut();
            state.listing.soon = false;
            state.list();
        };
        engine.spawn(task);
    }

    /// tmux's answer to [`list`](State::list).
    pub(crate) fn listed(&mut self, engine: &Rc<Engine>, answer: Answer) {
        if let Some(asked) = self.listing.in_flight.take() {
            self.listing.took = asked.elapsed();
        }
        match answer {
            Ok(bodies) => {
                let [clients, panes] = bodies.as_slice() else { return };
                let shown = self.shown_elsewhere(clients);
                self.listing.quick.1 = 0;
                let sessions = listing::sessions(panes, &self.global);
                if self.examine(&sessions) {
                    return;
                }
                self.apply(engine, sessions, &shown);
            }
            Err(message) => log::debug!("listing: {message}"),
        }
        for waiting in self.listing.waiting.drain(..) {
            let _ = waiting.try_send(());
        }
        if !std::mem::replace(&mut self.listing.listed, true) {
            engine.reports.backend(BackendInput::Listed(BackendKind::Tmux));
        }
        if self.listing.again && self.listing.held == 0 {
            if self.listing.waiting_next.is_empty() { self.list_soon(engine) } else { self.list() }
        }
    }

    /// Looks at the environments of sessions without a mark that were not seen before: one that was made for an agent has
    /// the agent's id there, and was left half made if the mark is missing (we ended in the middle, or a hook interfered).
    /// True: there are some, and a list follows when all is known.
    fn examine(&mut self, sessions: &BTreeMap<u32, Session>) -> bool {
        let Some(monitor) = self.monitor else { return false };
        self.listing.examined.retain(|id| sessions.contains_key(id));
        let unmarked = sessions.values().filter(|session| session.mark.is_none()).map(|session| session.id);
        let new: Vec<u32> = unmarked.filter(|id| self.listing.examined.insert(*id)).collect();
        for id in &new {
            self.listing.examining += 1;
            let line = Line::new("show-environment -t").word(format!("'${id}'")).word(launch::AGENT_VARIABLE);
            self.send(monitor, line, Then::Examined(*id));
        }
        !new.is_empty()
    }

    /// The answer for one session of [`examine`](State::examine).
    pub(crate) fn examined(&mut self, id: ConnectionId, session: u32, answer: Answer) {
        let body = answer.ok().and_then(|bodies| bodies.into_iter().next()).unwrap_or_default();
        let agent = launch::agent_of_environment(&body).filter(|agent| !self.agents.contains_key(agent));
        if let Some(agent) = agent {
            log::info!("session ${session} was made for agent {agent} and not marked; marking it");
            self.send(id, launch::settings(Line::default(), &format!("${session}:"), agent, ""), Then::Ignore);
        }
        self.listing.examining = self.listing.examining.saturating_sub(1);
        if self.listing.examining == 0 {
            self.list();
        }
    }

    fn apply(&mut self, engine: &Rc<Engine>, sessions: BTreeMap<u32, Session>, shown: &BTreeSet<u32>) {
        let agents = listing::agents(&self.identity, &sessions);
        let gone: Vec<(AgentId, u32)> = self
            .agents
            .iter()
            .filter(|(agent, session)| agents.get(session) != Some(agent))
            .map(|(agent, session)| (*agent, *session))
            .collect();
        if self.sessions != sessions {
            self.listing.in_vain = 0;
            engine.config.report.update(|status| status.sessions = sessions.len());
        }
        self.sessions = sessions;
        self.agents = agents.iter().map(|(session, agent)| (*agent, *session)).collect();
        self.agents_by_session = agents;
        self.restore_sizes(engine);
        for (agent, session) in gone {
            self.forget_agent(engine, agent);
            if !self.sessions.contains_key(&session) {
                self.forget_session(session);
            }
        }
        let all: Vec<(AgentId, u32)> = self.agents.iter().map(|(agent, session)| (*agent, *session)).collect();
        for (agent, session) in all {
            self.observe(engine, agent, session, shown.contains(&session));
        }
        let panes: BTreeSet<u32> = self.terminals.keys().map(|terminal| terminal.pane).collect();
        self.shells.retain(|pane, _| panes.contains(pane));
    }

    /// Ends an agent and its terminals.
    pub(crate) fn forget_agent(&mut self, engine: &Rc<Engine>, agent: AgentId) {
        let ended: Vec<TerminalId> =
            self.terminals.keys().filter(|terminal| terminal.agent == agent).copied().collect();
        for terminal in ended {
            self.forget_terminal(engine, terminal);
        }
        if self.seen.remove(&agent).is_some() {
            engine.reports.backend(BackendInput::Gone(agent));
        }
    }

    fn forget_terminal(&mut self, engine: &Rc<Engine>, id: TerminalId) {
        self.release_size(id);
        if let Some(terminal) = self.terminals.remove(&id) {
            engine.reports.terminal(id, TerminalEvent::Closed);
            self.unlisten(terminal.session);
        }
    }

    fn observe(&mut self, engine: &Rc<Engine>, agent: AgentId, session: u32, shown_elsewhere: bool) {
        let Some(session) = self.sessions.get(&session).cloned() else { return };
        let present: BTreeSet<u32> = session.panes.iter().map(|pane| pane.id).collect();
        let first = TerminalId { agent, pane: 0 };
        let last = TerminalId { agent, pane: u32::MAX };
        let ended: Vec<TerminalId> =
            self.terminals.range(first..=last).map(|(id, _)| *id).filter(|id| !present.contains(&id.pane)).collect();
        for id in ended {
            self.forget_terminal(engine, id);
        }
        for pane in &session.panes {
            let id = TerminalId { agent, pane: pane.id };
            let size = Size::clamped(pane.size.0, pane.size.1);
            match self.terminals.get_mut(&id) {
                Some(terminal) => {
                    terminal.window = pane.window;
                    self.resized(engine, id, size);
                }
                None => {
                    let filter = self.filter(size.cols());
                    self.terminals.insert(id, Terminal::new(session.id, pane.window, size, filter));
                }
            }
        }
        let terminals = session.panes.iter().map(|pane| self.terminal_info(pane)).collect();
        let observation = Observation {
            agent,
            backend: BackendKind::Tmux,
            name: session.name,
            directory: session.path,
            created_unix_ms: session.created * 1_000,
            terminals,
            shown_elsewhere,
        };
        if self.seen.get(&agent) != Some(&observation) {
            self.seen.insert(agent, observation.clone());
            engine.reports.backend(BackendInput::Seen(observation));
        }
    }

    fn terminal_info(&mut self, pane: &Pane) -> TerminalInfo {
        // An agent's program runs below a small script of ours, which leaves a shell behind: the program is what counts.
        let launched = !pane.program.is_empty() && pane.exit_code.is_none() && pane.command == "sh";
        let command = if launched { &pane.program } else { &pane.command };
        let shell = is_shell(command) && (launched || self.is_top_process(pane));
        TerminalInfo {
            pane: pane.id,
            title: self.title_of(pane),
            command: shortened(command),
            shell,
            window: shortened(&format!("{}:{}", pane.index.0, pane.window_name)),
            active: pane.active,
            size: Size::clamped(pane.size.0, pane.size.1),
            corner: pane.corner,
            index: pane.index.1,
            exit_code: pane.exit_code,
            activity: pane.activity,
            bell: pane.bell,
        }
    }

    /// The title that the pane's program set. What is none leaves the one before it.
    fn title_of(&self, pane: &Pane) -> String {
        if pane.title.is_empty() || pane.title == self.identity.host {
            return String::new();
        }
        let title = shown_title(&pane.title);
        if !title.is_empty() {
            return shortened(title);
        }
        let mut known = self.seen.values().flat_map(|observation| &observation.terminals);
        known.find(|terminal| terminal.pane == pane.id).map(|terminal| terminal.title.clone()).unwrap_or_default()
    }

    /// Whether the pane's first process is in the foreground itself. Looked up again only when the pane did something.
    fn is_top_process(&mut self, pane: &Pane) -> bool {
        if let Some((activity, command, answer)) = self.shells.get(&pane.id)
            && (*activity, command) == (pane.activity, &pane.command)
        {
            return *answer;
        }
        let answer = foreground_group(pane.pid).is_none_or(|group| group == pane.pid);
        // Within the second in which it printed, it may still change without another sign.
        let settled = unix_seconds() > pane.activity + 1;
        if settled {
            self.shells.insert(pane.id, (pane.activity, pane.command.clone(), answer));
        }
        answer
    }
}

/// The process group in the foreground of a process's terminal, where the system tells.
fn foreground_group(pid: u32) -> Option<u32> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, which may hold anything.
    let after_name = stat.iter().rposition(|b| *b == b')')?;
    let fields = std::str::from_utf8(stat.get(after_name + 2..)?).ok()?;
    fields.split(' ').nth(5)?.parse().ok()
}

fn unix_seconds() -> u64 {
    unix_ms() / 1_000
}

/// Unix time in milliseconds.
pub(crate) fn unix_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// A pane's title; nothing if it is a command for the terminal that tmux took for one: it takes every `ESC _ … ESC \` for a
/// title, and programs that show pictures ask by one whether the terminal can (kitty's protocol: `G`, keys with their values, and
/// perhaps data).
pub(crate) fn shown_title(title: &str) -> &str {
    let keys = title.strip_prefix('G').map(|rest| rest.split_once(';').map_or(rest, |(keys, _)| keys));
    let is_key = |key: &str| {
        let (name, value) = key.split_once('=').unwrap_or_default();
        name.len() == 1
            && name.chars().all(|c| c.is_ascii_alphabetic())
            && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    if keys.is_some_and(|keys| keys.split(',').all(is_key)) { "" } else { title }
}

fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(TITLE_CHARS).collect()
}

impl Engine {
    /// Waits until a list that is asked for from now on has been reported. Returns whether it was: it goes with a connection that ends.
    pub(crate) async fn list_now(&self) -> bool {
        let (sender, receiver) = async_channel::bounded(1);
        {
            let mut state = self.state.borrow_mut();
            if state.monitor.is_none() {
                return false;
            }
            state.listing.waiting_next.push(sender);
            state.list();
        }
        receiver.recv().await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_for_pictures_is_not_shown_as_a_title() {
        for command in ["Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA", "Ga=d", "Gm=1;base64=="] {
            assert_eq!(shown_title(command), "");
        }
        for title in ["", "Git: main", "G", "Grand = total", "Goal=x", "work"] {
            assert_eq!(shown_title(title), title);
        }
    }
}
