//! Texts that wait until an agent is idle. The agent's owner keeps them. A text is written down as *being typed* before it is typed, so it is
//! typed at most once: what a restart finds in that state is reported as unknown and left to a person.
//!
//! Changes of one queue are stored one after the other, each before it counts, so a refusal leaves no trace.

use super::agent::Agent;
use super::carry_out::paste_limit;
use super::plan::refuse;
use super::state::StateKind;
use super::{Directory, Out, StoredFor, no_such_agent};
use crate::command::{Fate, QueuedText, Reply};
use crate::error::{Refusal, RefusalCode};
use crate::id::{AgentId, CommandId, StoreId, TerminalId};
use crate::input::StoreFailure;
use crate::limits;
use crate::output::{Output, StoreOperation};
use crate::redact;
use crate::time::Instant;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// A text of a queue, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Item {
    text: QueuedText,
    /// The rules by which the screen was read when it was queued: a text for a program that is known goes to no other.
    rules: String,
}

/// A change of a queue.
#[derive(Clone, Debug)]
enum Change {
    Add(CommandId, Item),
    Edit(CommandId, u64, String),
    Cancel(CommandId, u64),
    /// The first text is going to be typed.
    Begin(u64),
    /// It was not typed after all.
    Undo(u64),
    /// It was typed, or nobody knows.
    End(u64, Result<(), String>),
    /// What could not be stored before.
    Again,
}

/// The texts that wait for one agent.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue {
    items: Vec<Item>,
    /// The number of the next text.
    next: u64,
    changes: VecDeque<Change>,
    /// A change that the store works on, and the texts when it is done.
    storing: Option<(StoreId, Change, Vec<Item>)>,
    /// When a text was typed last, and whether the agent has worked since.
    typed: Option<(Instant, bool)>,
    /// Nothing is typed before.
    not_before: Option<Instant>,
    /// The store has an older state.
    unstored: bool,
    /// There is something in the store.
    kept: bool,
}

/// A stored queue that was read back.
#[derive(Clone, Debug)]
pub(crate) struct RestoredQueue(Queue);

/// The versions of the encoding. A new one is a new variant; old ones are read for ever.
#[derive(Serialize, Deserialize)]
enum Stored {
    V1(AgentId, u64, Vec<Item>),
}

const PREFIX: &str = "queue-";

/// The store's key of an agent's queue.
fn key(id: AgentId) -> String {
    format!("{PREFIX}{id}")
}

/// Whether a key of the store is one of a queue.
pub(crate) fn owns(key: &str) -> bool {
    key.starts_with(PREFIX)
}

fn read(key_read: &str, bytes: &[u8]) -> Result<(AgentId, u64, Vec<Item>), super::Undecodable> {
    let (Stored::V1(id, next, items), rest) = postcard::take_from_bytes(bytes).map_err(|_| super::Undecodable)?;
    (rest.is_empty() && key(id) == key_read).then_some((id, next, items)).ok_or(super::Undecodable)
}

/// Reads a stored queue back.
pub(crate) fn decode(key_read: &str, bytes: &[u8]) -> Result<(AgentId, RestoredQueue), super::Undecodable> {
    let (id, next, items) = read(key_read, bytes)?;
    let mut queue = Queue { items, next, kept: true, ..Queue::default() };
    queue.lose_track("the node was restarted while it was typed");
    Ok((id, RestoredQueue(queue)))
}

/// A stored queue without its texts: as long.
pub(crate) fn redacted(key_read: &str, bytes: &[u8]) -> Result<Vec<u8>, super::Undecodable> {
    let (id, next, mut items) = read(key_read, bytes)?;
    items.iter_mut().for_each(|item| redact::text(&mut item.text.text));
    postcard::to_allocvec(&Stored::V1(id, next, items)).map_err(|_| super::Undecodable)
}

impl From<RestoredQueue> for Queue {
    fn from(restored: RestoredQueue) -> Self {
        restored.0
    }
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// There is something to be done for it.
    pub(super) fn is_used(&self) -> bool {
        !self.items.is_empty() || self.unstored || self.typed.is_some()
    }

    /// Texts and their bytes, those included that are still to be stored.
    fn size(&self) -> (usize, usize) {
        let stored = self.items.iter();
        let storing = self.storing.iter().map(|(_, change, _)| change);
        let added = storing.chain(&self.changes).filter_map(|change| match change {
            Change::Add(_, item) => Some(item),
            _ => None,
        });
        stored.chain(added).fold((0, 0), |(texts, bytes), item| (texts + 1, bytes + item.text.text.len()))
    }

    /// What was being typed was perhaps typed.
    pub(super) fn lose_track(&mut self, why: &str) {
        for item in self.items.iter_mut().filter(|item| item.text.fate == Fate::Typing) {
            item.text.fate = Fate::Unknown(why.to_string());
        }
    }

    /// The commands that wait for the store.
    fn commands(&mut self) -> Vec<CommandId> {
        let storing = self.storing.take().map(|(_, change, _)| change);
        let all = storing.into_iter().chain(core::mem::take(&mut self.changes));
        all.filter_map(|change| match change {
            Change::Add(command, _) | Change::Edit(command, ..) | Change::Cancel(command, _) => Some(command),
            Change::Begin(_) | Change::Undo(_) | Change::End(..) | Change::Again => None,
        })
        .collect()
    }

    /// The texts after a change.
    fn after(&self, change: &Change) -> Result<Vec<Item>, Refusal> {
        let mut items = self.items.clone();
        let at = |number: u64| self.items.iter().position(|item| item.text.number == number);
        let free = |number: u64| match at(number) {
            None => Err(refuse(
                RefusalCode::NotFound,
                format!("No text {number} waits for it."),
                "It may have been typed. See what waits: consort queue",
            )),
            Some(at) if self.items[at].text.fate == Fate::Typing => {
                Err(refuse(RefusalCode::Conflict, format!("Text {number} is just being typed."), ""))
            }
            Some(at) => Ok(at),
        };
        match change {
            Change::Add(_, item) => items.push(item.clone()),
            Change::Edit(_, number, text) => {
                let item = &mut items[free(*number)?].text;
                (item.text, item.fate) = (text.clone(), Fate::Waiting);
            }
            Change::Cancel(_, number) => drop(items.remove(free(*number)?)),
            Change::Begin(number) | Change::Undo(number) => {
                let fate = if matches!(change, Change::Begin(_)) { Fate::Typing } else { Fate::Waiting };
                at(*number).into_iter().for_each(|at| items[at].text.fate = fate.clone());
            }
            Change::End(number, ended) => {
                let typing = at(*number).filter(|at| items[*at].text.fate == Fate::Typing);
                match (typing, ended) {
                    (Some(at), Ok(())) => drop(items.remove(at)),
                    (Some(at), Err(why)) => items[at].text.fate = Fate::Unknown(why.clone()),
                    (None, _) => {}
                }
            }
            Change::Again => {}
        }
        Ok(items)
    }

    /// The agent does this now.
    pub(super) fn observed(&mut self, kind: StateKind) {
        if let Some((_, worked)) = &mut self.typed {
            *worked |= matches!(kind, StateKind::Working | StateKind::Waiting | StateKind::Failed);
        }
    }

    pub(super) fn deadline(&self, now: Instant) -> Option<Instant> {
        self.not_before.filter(|at| self.unstored && *at > now)
    }
}

impl Agent {
    /// From when on the first text can be typed, as things are; or why not, for a person.
    fn queue_due(&self, now: Instant) -> Result<(u64, Instant), &'static str> {
        let queue = &self.queue;
        let first = queue.items.first().ok_or("")?;
        match first.text.fate {
            Fate::Waiting => {}
            Fate::Typing => return Err("the first text is being typed"),
            Fate::Unknown(_) => {
                return Err("it is not known whether the first text was typed: cancel it, or edit it to send it");
            }
        }
        if queue.storing.is_some() || !queue.changes.is_empty() || self.plan.is_some() || !self.typing.is_empty() {
            return Err("something else is being done to it");
        }
        if self.seen.is_none() {
            return Err("it does not run");
        }
        let state = self.signals.state();
        match state.kind {
            StateKind::Idle | StateKind::Done => {}
            StateKind::Working => return Err("it works"),
            StateKind::Waiting => return Err("it asks something"),
            StateKind::Failed => return Err("it has failed"),
            StateKind::Exited => return Err("its program has ended"),
            StateKind::Unknown => return Err("its state is not known yet"),
        }
        let sight = self.signals.sight(first.text.pane).ok_or("its terminal is gone")?;
        if !first.rules.is_empty() && first.rules != sight.rules {
            return Err("its program is another one than when the text was queued");
        }
        let idle = state.since + limits::QUEUE_SETTLE_TIME;
        let person = sight.person_typed_at.map(|at| at + limits::PERSON_TIME);
        let before = queue.typed.filter(|(_, worked)| !worked).map(|(at, _)| at + limits::QUEUE_PAUSE);
        let at = [person, before, queue.not_before].into_iter().flatten().fold(idle, Instant::max);
        Ok((first.text.number, at.max(now)))
    }

    /// When a text of its queue is to be typed, if nothing happens until then.
    pub(super) fn queue_deadline(&self, now: Instant) -> Option<Instant> {
        let due = self.queue_due(now).ok().map(|(_, at)| at).filter(|at| *at > now);
        due.into_iter().chain(self.queue.deadline(now)).min()
    }

    /// Refuses a text that its queue has no room for: it adds so many texts, and takes the place of so many bytes. `others`: the bytes of
    /// all other texts that wait on this machine.
    fn check_room(&self, others: usize, (added, replaced): (usize, usize), text: &str) -> Result<(), Refusal> {
        let (texts, bytes) = self.queue.size();
        let most = if texts + added > limits::QUEUE_TEXTS {
            format!("it keeps at most {} texts", limits::QUEUE_TEXTS)
        } else if bytes - replaced + text.len() > limits::QUEUE_BYTES {
            format!("it keeps at most {} MiB", limits::QUEUE_BYTES >> 20)
        } else if others + text.len() > limits::QUEUES_BYTES {
            format!("all queues of this machine keep at most {} MiB", limits::QUEUES_BYTES >> 20)
        } else {
            return Ok(());
        };
        let message = format!("The queue of {} is full: {most}.", self.name());
        Err(refuse(RefusalCode::TooMany, message, "Wait until some were typed, or cancel some (consort queue)."))
    }

    fn queue_reply(&self, now: Instant) -> Reply {
        let texts = self.queue.items.iter().map(|item| item.text.clone()).collect();
        let held = match self.queue_due(now) {
            Err(why) => why,
            Ok((_, at)) if at > now => {
                match self.signals.sight(self.queue.items.first().and_then(|item| item.text.pane)) {
                    Some(sight) if sight.person_typed_at.is_some_and(|typed| now < typed + limits::PERSON_TIME) => {
                        "somebody types there"
                    }
                    _ => "it has been idle for a moment only",
                }
            }
            Ok(_) => "",
        };
        Reply::Queue { texts, held: held.to_string() }
    }
}

impl Directory {
    // Commands.

    /// Bytes of all texts that wait.
    fn queued_bytes(&self) -> usize {
        self.agents.values().map(|agent| agent.queue.size().1).sum()
    }

    /// Keeps a text until the agent is idle.
    pub(super) fn queue(
        &mut self,
        now: Instant,
        command: CommandId,
        (id, pane): (AgentId, Option<u32>),
        (text, unix_ms): (String, u64),
        out: &mut Out,
    ) -> Result<(), Refusal> {
        paste_limit(&text)?;
        if text.is_empty() {
            return Err(refuse(RefusalCode::Invalid, "An empty text is not kept.", ""));
        }
        let all = self.queued_bytes();
        let agent = self.agents.get_mut(&id).filter(|agent| agent.is_visible()).ok_or_else(no_such_agent)?;
        agent.check_room(all, (1, 0), &text)?;
        let rules = agent.signals.sight(pane).map_or(String::new(), |sight| sight.rules.to_string());
        agent.queue.next += 1;
        let text = QueuedText { number: agent.queue.next, text, pane, unix_ms, fate: Fate::Waiting };
        self.change_queue(now, id, Change::Add(command, Item { text, rules }), out);
        Ok(())
    }

    /// Changes the text with this number, or takes it out.
    pub(super) fn edit_queue(
        &mut self,
        now: Instant,
        command: CommandId,
        (id, number): (AgentId, u64),
        text: Option<String>,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let all = self.queued_bytes();
        let agent = self.agents.get(&id).filter(|agent| agent.is_visible()).ok_or_else(no_such_agent)?;
        if let Some(text) = &text {
            if text.is_empty() {
                return Err(refuse(RefusalCode::Invalid, "The text is empty.", "Cancel it if it is not to be typed."));
            }
            if let Some(item) = agent.queue.items.iter().find(|item| item.text.number == number) {
                let before = item.text.text.len();
                agent.check_room(all - before, (0, before), text)?;
            }
        }
        if agent.queue.changes.len() >= limits::QUEUE_TEXTS {
            return Err(refuse(RefusalCode::TooMany, "Too many changes of the queue wait.", "Try again in a moment."));
        }
        let change = text.map_or(Change::Cancel(command, number), |text| Change::Edit(command, number, text));
        self.change_queue(now, id, change, out);
        Ok(())
    }

    pub(super) fn read_queue(
        &self,
        now: Instant,
        command: CommandId,
        id: AgentId,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let agent = self.agents.get(&id).filter(|agent| agent.is_visible()).ok_or_else(no_such_agent)?;
        out.push_back(Output::Reply(command, Ok(agent.queue_reply(now))));
        Ok(())
    }

    // Changes.

    fn change_queue(&mut self, now: Instant, id: AgentId, change: Change, out: &mut Out) {
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.queue.changes.push_back(change);
            self.next_change(now, id, out);
        }
    }

    /// Stores the next change, if none is being stored.
    fn next_change(&mut self, now: Instant, id: AgentId, out: &mut Out) {
        loop {
            let store_id = StoreId(self.next_store);
            let Some(agent) = self.agents.get_mut(&id) else { return };
            let queue = &mut agent.queue;
            if queue.storing.is_some() {
                return;
            }
            let Some(change) = queue.changes.pop_front() else { return self.decide(now, id, out) };
            match (queue.after(&change), change) {
                (Ok(items), change) => {
                    // Encoding to memory fails for no value of these types.
                    let bytes = postcard::to_allocvec(&Stored::V1(id, queue.next, items.clone())).unwrap_or_default();
                    queue.storing = Some((store_id, change, items));
                    queue.kept = true;
                    self.store(StoreOperation::Put { key: key(id), bytes }, StoredFor::Queue(id), out);
                    return self.decide(now, id, out);
                }
                (Err(refusal), Change::Edit(command, ..) | Change::Cancel(command, _) | Change::Add(command, _)) => {
                    out.push_back(Output::Reply(command, Err(refusal)));
                }
                (Err(_), Change::Begin(_) | Change::Undo(_) | Change::End(..) | Change::Again) => {}
            }
        }
    }

    /// The store has answered.
    pub(super) fn queue_stored(
        &mut self,
        now: Instant,
        (id, store_id): (AgentId, StoreId),
        result: Result<(), StoreFailure>,
        out: &mut Out,
    ) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let queue = &mut agent.queue;
        let Some((_, change, items)) = queue.storing.take_if(|(expected, ..)| *expected == store_id) else { return };
        let kept = result.is_ok();
        queue.unstored =
            !kept && (queue.unstored || matches!(change, Change::Undo(_) | Change::End(..) | Change::Again));
        if !kept {
            queue.not_before = Some(now + limits::STORE_AGAIN_TIME);
        }
        // What has happened has happened, whether that is stored or not.
        if kept || matches!(change, Change::Undo(_) | Change::End(..)) {
            queue.items = items;
        }
        match (change, result) {
            (Change::Add(command, _) | Change::Edit(command, ..) | Change::Cancel(command, _), Err(failure)) => {
                let message = format!("The text could not be stored: {}.", failure.0);
                let refusal =
                    refuse(RefusalCode::NotStored, message, "Make room on the disk of this machine and try again.");
                out.push_back(Output::Reply(command, Err(refusal)));
            }
            (Change::Add(command, item), Ok(())) => {
                let number = item.text.number;
                let ahead = queue.items.iter().position(|item| item.text.number == number).unwrap_or_default();
                out.push_back(Output::Reply(command, Ok(Reply::Queued { number, ahead })));
            }
            (Change::Edit(command, ..) | Change::Cancel(command, _), Ok(())) => {
                let reply = agent.queue_reply(now);
                out.push_back(Output::Reply(command, Ok(reply)));
            }
            (Change::Begin(number), Ok(())) => self.type_queued_text(now, id, number, out),
            (Change::Begin(_) | Change::Undo(_) | Change::End(..) | Change::Again, _) => {}
        }
        self.announce(id, out);
        self.next_change(now, id, out);
    }

    /// Everything of its queue is forgotten: the agent is gone.
    pub(super) fn drop_queue(&mut self, id: AgentId, mut queue: Queue, out: &mut Out) {
        for command in queue.commands() {
            out.push_back(Output::Reply(command, Err(no_such_agent())));
        }
        if queue.kept {
            self.store(StoreOperation::Remove { key: key(id) }, StoredFor::Queue(id), out);
        }
    }

    /// The agent is out of sight, and may come back: what waits for it is kept until it is known.
    pub(super) fn put_queue_aside(&mut self, id: AgentId, out: &mut Out) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        let mut queue = core::mem::take(&mut agent.queue);
        for command in queue.commands() {
            out.push_back(Output::Reply(command, Err(no_such_agent())));
        }
        queue.lose_track("its terminal was lost while it was typed");
        if queue.kept {
            self.queues_aside.insert(id, queue);
        }
    }

    /// Everything that runs is known: what waits for others waits for nobody.
    pub(super) fn drop_queues_aside(&mut self, out: &mut Out) {
        for (id, queue) in core::mem::take(&mut self.queues_aside) {
            self.drop_queue(id, queue, out);
        }
    }

    // Typing.

    /// Begins with the first text, if the agent is ready for it.
    pub(super) fn deliver_if_due(&mut self, now: Instant, id: AgentId, out: &mut Out) {
        let Some(agent) = self.agents.get_mut(&id) else { return };
        agent.queue.observed(agent.signals.state().kind);
        if agent.queue.unstored && agent.queue.not_before.is_none_or(|at| at <= now) && agent.queue.storing.is_none() {
            agent.queue.unstored = false;
            return self.change_queue(now, id, Change::Again, out);
        }
        if let Ok((number, at)) = agent.queue_due(now)
            && at <= now
        {
            self.change_queue(now, id, Change::Begin(number), out);
        }
    }

    /// It is written down that the text is being typed: now it is.
    fn type_queued_text(&mut self, now: Instant, id: AgentId, number: u64, out: &mut Out) {
        let begun = |item: &&Item| item.text.number == number;
        let agent = self.agents.get(&id);
        let item = agent.and_then(|agent| agent.queue.items.iter().find(begun)).map(|item| item.text.clone());
        let Some(item) = item else { return };
        let typed = self.terminal_for(id, item.pane);
        let typed = typed.and_then(|terminal| self.send_queued(now, terminal, (number, item.text), out));
        if typed.is_err() {
            self.queued_text_not_typed(now, id, number, out);
        }
    }

    /// Nothing of the text was typed: it waits on.
    pub(super) fn queued_text_not_typed(&mut self, now: Instant, id: AgentId, number: u64, out: &mut Out) {
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.queue.not_before = Some(now + limits::QUEUE_AGAIN_TIME);
        }
        self.change_queue(now, id, Change::Undo(number), out);
    }

    /// The text was typed, or it is not known whether it was.
    pub(super) fn queued_text_typed(
        &mut self,
        now: Instant,
        (id, number): (AgentId, u64),
        ended: Result<(), String>,
        out: &mut Out,
    ) {
        if let Some(agent) = self.agents.get_mut(&id) {
            agent.queue.typed = Some((now, false));
        }
        self.change_queue(now, id, Change::End(number, ended), out);
    }

    /// Whether a queued text may be typed into this terminal as its screen was read just now.
    pub(super) fn takes_queued_text(&self, now: Instant, terminal: TerminalId, number: u64) -> bool {
        let Some(agent) = self.agents.get(&terminal.agent) else { return false };
        let Some(item) = agent.queue.items.iter().find(|item| item.text.number == number) else { return false };
        let Some(sight) = agent.signals.sight(Some(terminal.pane)) else { return false };
        let another = !item.rules.is_empty() && item.rules != sight.rules;
        let person = sight.person_typed_at.is_some_and(|at| now < at + limits::PERSON_TIME);
        let busy =
            agent.signals.asks(now, terminal.pane).is_some() || agent.signals.works(now, terminal.pane).is_some();
        !another && !person && !busy && agent.plan.is_none()
    }
}
