//! One agent: what is stored of it, what its backend sees of it, and what is being done to it.

use super::ages::Former;
use super::answer::Typing;
use super::confirm::Confirm;
use super::pane::Sight;
use super::plan::{Plan, checked_name, checked_tags, refuse};
use super::queue::Queue;
use super::record::Record;
use super::signal::Session;
use super::signals::Signals;
use super::{BackendKind, Desired, News, Origin};
use crate::command::{Command, NewAgent};
use crate::error::{Refusal, RefusalCode};
use crate::id::{AgentId, CommandId, NodeId, Size, TerminalId};
use crate::input::{Observation, StartInfo, TerminalInfo};
use crate::limits;
use crate::time::Instant;
use crate::view::AgentView;
use alloc::borrow::Cow;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A stored agent that was read back.
#[derive(Clone, Debug)]
pub(crate) struct Restored(pub(super) Record);

#[derive(Debug)]
pub(super) struct Agent {
    /// What is stored. `None`: only found, never edited.
    pub(super) record: Option<Record>,
    /// The carrier, if there is one.
    pub(super) seen: Option<Observation>,
    pub(super) signals: Signals,
    /// Typing that waits for a screen to be read.
    pub(super) typing: Vec<Typing>,
    /// Texts that were pasted, and whose effect is looked for.
    pub(super) confirms: Vec<Confirm>,
    /// Texts that wait until it is idle.
    pub(super) queue: Queue,
    pub(super) plan: Option<Plan>,
    pub(super) waiting: VecDeque<(CommandId, Command)>,
    /// The carrier ended by itself, then, and that is not stored yet.
    pub(super) ended_at: Option<Instant>,
    /// Its backend was lost while it ran: whether it has ended is not known.
    pub(super) out_of_sight: bool,
    /// It must be started, as before the node's own start, once nothing else is being done to it.
    pub(super) start_due: bool,
    /// The store could not keep a change that nobody waits for: tried again then.
    pub(super) store_again_at: Option<Instant>,
    /// The conversation that its program is in, or was in last.
    pub(super) session: Option<Session>,
    /// When its carrier was made last, in Unix milliseconds; 0: it has never run, or nobody knows.
    pub(super) started_unix_ms: u64,
    /// Size for the next start.
    pub(super) size: Size,
}

impl Agent {
    /// `former`: its state in the node's former life.
    pub(super) fn found(now: Instant, salt: u64, former: Option<Former>) -> Self {
        Agent {
            record: None,
            seen: None,
            signals: Signals::new(now).salted(salt).was(former),
            typing: Vec::new(),
            confirms: Vec::new(),
            queue: Queue::default(),
            plan: None,
            waiting: VecDeque::new(),
            ended_at: None,
            out_of_sight: false,
            start_due: false,
            store_again_at: None,
            session: None,
            started_unix_ms: 0,
            size: Size::DEFAULT,
        }
    }

    pub(super) fn restored(now: Instant, record: Record, salt: u64, former: Option<Former>) -> Self {
        let found = Agent::found(now, salt, former);
        Agent {
            session: record.session.clone(),
            started_unix_ms: record.started_unix_ms,
            record: Some(record),
            ..found
        }
    }

    pub(super) fn created(now: Instant, size: Size, salt: u64, created_unix_ms: u64) -> Self {
        Agent { size, started_unix_ms: created_unix_ms, ..Agent::found(now, salt, None) }
    }

    /// Not while it is being created: it may still fail.
    pub(super) fn is_visible(&self) -> bool {
        self.seen.is_some() || !self.plan.as_ref().is_some_and(|plan| plan.creating) && self.record.is_some()
    }

    /// The name that its session really has; else the stored one.
    pub(super) fn name(&self) -> &str {
        let stored = self.record.as_ref().map(|record| record.name.as_str());
        self.seen.as_ref().map(|seen| seen.name.as_str()).or(stored).unwrap_or_default()
    }

    pub(super) fn backend(&self) -> Option<BackendKind> {
        let stored = self.record.as_ref().map(|record| record.backend);
        self.seen.as_ref().map(|seen| seen.backend).or(stored)
    }

    /// Takes what the backend sees. Returns whether anybody would see a difference, and what streams must know.
    pub(super) fn observe(&mut self, now: Instant, id: AgentId, mut observation: Observation) -> (bool, Vec<News>) {
        observation.terminals.truncate(limits::TERMINALS_PER_AGENT);
        for info in &mut observation.terminals {
            tidy(&mut info.title);
            tidy(&mut info.command);
            tidy(&mut info.window);
        }
        let news = self.news(id, &observation);
        let changed = self.seen.as_ref().is_none_or(|before| differs(before, &observation));
        let script = self.runs_a_script(&observation);
        if let Some(before) = &self.seen {
            for pane in resized(before, &observation) {
                self.signals.resized(now, pane);
            }
        }
        self.signals.observed(now, observation.terminals.iter().map(|info| sight(info, script)));
        if let Some(info) = observation.terminals.first() {
            self.size = info.size;
        }
        self.seen = Some(observation);
        self.ended_at = None;
        self.out_of_sight = false;
        self.start_due = false;
        (changed, news)
    }

    fn news(&self, id: AgentId, after: &Observation) -> Vec<News> {
        let Some(before) = &self.seen else { return Vec::new() };
        let terminal = |info: &TerminalInfo| TerminalId { agent: id, pane: info.pane };
        let gone = before.terminals.iter().filter(|old| after.terminals.iter().all(|new| new.pane != old.pane));
        let mut news: Vec<News> = gone.map(|info| News::TerminalClosed(terminal(info))).collect();
        if before.shown_elsewhere != after.shown_elsewhere {
            news.extend(after.terminals.iter().map(|info| News::ShownElsewhere(terminal(info), after.shown_elsewhere)));
        }
        news
    }

    /// Its program may be a shell by name, but it was given something to run and has not ended: it does not wait for commands.
    fn runs_a_script(&self, observation: &Observation) -> bool {
        self.record.as_ref().is_some_and(|record| record.program.is_some() && !record.args.is_empty())
            && observation.terminals.iter().all(|info| info.exit_code.is_none())
    }

    /// The session was renamed by others: the stored name follows. Returns the record to store.
    pub(super) fn follow_name(&mut self) -> Option<Record> {
        let seen = self.seen.as_ref()?;
        let record = self.record.as_mut().filter(|record| record.name != seen.name && self.plan.is_none())?;
        record.name.clone_from(&seen.name);
        Some(record.clone())
    }

    /// It ended by itself long enough ago: from now on it is wanted stopped. Returns the record to store.
    pub(super) fn note_end(&mut self, now: Instant) -> Option<Record> {
        self.ended_at.filter(|at| self.plan.is_none() && now.since(*at) >= limits::ENDED_TIME)?;
        self.ended_at = None;
        let record = self.record.as_mut()?;
        (record.desired, record.ended) = (Desired::Stopped, true);
        Some(record.clone())
    }

    /// It has not come back in sight, so it has ended.
    pub(super) fn note_end_out_of_sight(&mut self, now: Instant) {
        self.out_of_sight = false;
        self.signals.stopped("its session has ended");
        let running = self.record.as_ref().is_some_and(|record| record.desired == Desired::Running);
        let killed = self.plan.as_ref().is_some_and(Plan::kills);
        self.ended_at = (running && !killed).then_some(now);
    }

    /// The store failed a while ago: what is to be stored now.
    pub(super) fn store_again(&mut self, now: Instant) -> Option<Record> {
        self.store_again_at.filter(|at| self.plan.is_none() && *at <= now)?;
        self.store_again_at = None;
        let record = self.record.as_mut()?;
        record.session.clone_from(&self.session);
        record.started_unix_ms = self.started_unix_ms;
        Some(record.clone())
    }

    /// Its program is in this conversation now. It is stored as soon as nothing else is.
    pub(super) fn converses(&mut self, now: Instant, session: Session) {
        if session.is_valid() && self.session.as_ref() != Some(&session) {
            self.session = Some(session);
            if self.record.is_some() {
                self.store_again_at = Some(now);
            }
        }
    }

    /// It was started, and its program goes on with this conversation or begins one that nobody knows yet, unless a hook has reported it
    /// already. It is stored as soon as nothing else is.
    pub(super) fn started(&mut self, now: Instant, info: StartInfo) {
        let known = |record: &Record| record.session.as_ref() != self.session.as_ref();
        let reported = self.record.as_ref().is_some_and(known);
        if let Some(session) = info.session.filter(Session::is_valid) {
            self.session = Some(session);
        } else if !reported {
            self.session = None;
        }
        self.started_unix_ms = self.seen.as_ref().map_or(0, |seen| seen.created_unix_ms);
        let stored = self.record.as_ref().map(|record| (&record.session, record.started_unix_ms));
        if stored.is_some_and(|stored| stored != (&self.session, self.started_unix_ms)) {
            self.store_again_at = Some(now);
        }
    }

    /// The id of its conversation.
    pub(super) fn session_id(&self) -> Option<String> {
        self.session.as_ref().map(|session| session.id.clone())
    }

    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        let ended = self.ended_at.map(|at| at + limits::ENDED_TIME);
        // While a command is carried out, the record is the command's.
        let stored = [ended, self.store_again_at].into_iter().flatten().filter(|_| self.plan.is_none());
        let typing = self.typing.iter().map(Typing::until);
        let confirms = self.confirms.iter().map(Confirm::deadline);
        stored.chain(self.signals.deadline()).chain(typing).chain(confirms).chain(self.queue_deadline(now)).min()
    }

    /// It should be started because it ran before the node's own start, and nothing has changed that since.
    pub(super) fn is_to_be_started(&self) -> bool {
        let wanted = self.record.as_ref().is_some_and(|record| record.desired == Desired::Running && record.autostart);
        self.start_due && wanted && self.seen.is_none() && self.plan.is_none()
    }

    /// Whether another agent must not get this name.
    pub(super) fn claims(&self, name: &str) -> bool {
        self.name() == name || self.plan.as_ref().is_some_and(|plan| plan.gives_name(name))
    }

    /// The stored record, or the one it gets when it is edited for the first time.
    pub(super) fn record_or_found(&self) -> Option<Cow<'_, Record>> {
        if let Some(record) = &self.record {
            return Some(Cow::Borrowed(record));
        }
        let seen = self.seen.as_ref()?;
        Some(Cow::Owned(Record {
            name: seen.name.clone(),
            backend: seen.backend,
            directory: seen.directory.clone(),
            program: None,
            args: Vec::new(),
            env: Vec::new(),
            notes: String::new(),
            notes_revision: 0,
            tags: Vec::new(),
            desired: Desired::Running,
            // What it ran is not known: it is not started again by itself.
            autostart: false,
            created_unix_ms: seen.created_unix_ms,
            origin: Origin::Found,
            ended: false,
            caller: Vec::new(),
            session: self.session.clone(),
            started_unix_ms: 0,
        }))
    }

    pub(super) fn view(&self, id: AgentId, node: NodeId) -> AgentView<'_> {
        let record = self.record.as_ref();
        let seen = self.seen.as_ref();
        AgentView {
            id,
            node,
            name: self.name(),
            backend: self.backend().unwrap_or(BackendKind::Tmux),
            managed: record.is_some(),
            origin: record.map_or(Origin::Found, |record| record.origin),
            running: seen.is_some(),
            desired: record.map_or(Desired::Running, |record| record.desired),
            autostart: record.is_some_and(|record| record.autostart),
            state: self.signals.state(),
            program: record.and_then(|record| record.program.as_deref()),
            args: record.map_or(&[], |record| &record.args),
            directory: seen
                .map(|seen| seen.directory.as_str())
                .or(record.map(|r| r.directory.as_str()))
                .unwrap_or_default(),
            notes: record.map_or("", |record| &record.notes),
            notes_revision: record.map_or(0, |record| record.notes_revision),
            tags: record.map_or(&[], |record| &record.tags),
            hooks: !record.is_some_and(Record::has_hooks_off),
            session: self.session.as_ref(),
            created_unix_ms: record.map(|r| r.created_unix_ms).or(seen.map(|s| s.created_unix_ms)).unwrap_or(0),
            terminals: seen.map_or(&[], |seen| &seen.terminals),
            queued: self.queue.len(),
        }
    }
}

/// The record of a new agent, if everything in it keeps the rules.
pub(super) fn record_of(new: NewAgent, caller: Vec<(String, String)>, backend: BackendKind) -> Result<Record, Refusal> {
    let name = checked_name(&new.name)?;
    let tags = checked_tags(&new.tags)?;
    let invalid = |message: String, hint| Err(refuse(RefusalCode::Invalid, message, hint));
    let texts = [&new.directory].into_iter().chain(&new.program).chain(&new.args);
    check_texts(texts.chain(new.env.iter().chain(&caller).flat_map(|(name, value)| [name, value])))?;
    if new.program.as_ref().is_some_and(|program| program.trim().is_empty()) {
        return invalid("The program is empty.".into(), "Leave it out to start your shell.");
    }
    if new.args.len() > limits::ARGUMENTS || new.env.len() > limits::VARIABLES {
        return invalid(format!("At most {} arguments and {} variables.", limits::ARGUMENTS, limits::VARIABLES), "");
    }
    let bytes: usize = caller.iter().map(|(name, value)| name.len() + value.len()).sum();
    if caller.len() > limits::VARIABLES || bytes > limits::CALLER_BYTES {
        let most = format!("{} and {} KiB", limits::VARIABLES, limits::CALLER_BYTES >> 10);
        return invalid(format!("The shell hands over too many variables: at most {most}."), "");
    }
    if let Some((bad, _)) = new.env.iter().chain(&caller).find(|(name, _)| !is_variable(name)) {
        let message = format!("'{}' cannot be the name of a variable.", bad.escape_default());
        return invalid(message, "Use letters, digits and '_', not beginning with a digit.");
    }
    if new.notes.len() > limits::NOTES_BYTES {
        return invalid(format!("Notes have at most {} KiB.", limits::NOTES_BYTES >> 10), "");
    }
    Ok(Record {
        name,
        backend,
        directory: new.directory,
        program: new.program,
        args: new.args,
        env: new.env,
        notes_revision: u64::from(!new.notes.is_empty()),
        notes: new.notes,
        tags,
        desired: Desired::Running,
        autostart: new.autostart,
        created_unix_ms: new.created_unix_ms,
        origin: Origin::Created,
        ended: false,
        caller,
        session: None,
        started_unix_ms: 0,
    })
}

/// Refuses texts that cannot be given to a program.
pub(super) fn check_texts<'a>(mut texts: impl Iterator<Item = &'a String>) -> Result<(), Refusal> {
    if texts.any(|text| text.len() > limits::TEXT_BYTES || text.contains('\0')) {
        let message = "A directory, program, argument or variable is too long or contains a zero byte.";
        return Err(refuse(RefusalCode::Invalid, message, ""));
    }
    Ok(())
}

fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Removes control characters and what is too long: titles are written by programs and go into pages and logs.
fn tidy(text: &mut String) {
    if text.chars().any(char::is_control) || text.chars().count() > limits::TITLE_CHARS {
        *text = text.chars().filter(|c| !c.is_control()).take(limits::TITLE_CHARS).collect();
    }
}

/// Whether a person would see a difference; activity alone shows as state.
fn differs(before: &Observation, after: &Observation) -> bool {
    let same_terminal = |old: &TerminalInfo, new: &TerminalInfo| {
        TerminalInfo { activity: 0, bell: false, ..old.clone() }
            == TerminalInfo { activity: 0, bell: false, ..new.clone() }
    };
    before.name != after.name
        || before.directory != after.directory
        || before.shown_elsewhere != after.shown_elsewhere
        || before.terminals.len() != after.terminals.len()
        || !before.terminals.iter().zip(&after.terminals).all(|(old, new)| same_terminal(old, new))
}

/// The terminals that have another size than before.
fn resized(before: &Observation, after: &Observation) -> impl Iterator<Item = u32> {
    let old = |new: &TerminalInfo| before.terminals.iter().find(|old| old.pane == new.pane);
    let resized = after.terminals.iter().filter(move |new| old(new).is_some_and(|old| old.size != new.size));
    resized.map(|info| info.pane)
}

fn sight(info: &TerminalInfo, script: bool) -> Sight<'_> {
    Sight {
        pane: info.pane,
        active: info.active,
        activity: info.activity,
        bell: info.bell,
        shell: info.shell && !script,
        exit_code: info.exit_code,
        title: &info.title,
    }
}
