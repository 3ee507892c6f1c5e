//! Terminals and commands of other nodes.
//!
//! A *circuit* is the conversation of one node, the opener, with another, the owner of what is looked at: streams of the opener's
//! viewers, and commands. It rides in parcels that the mesh carries and may lose. Nothing is sent again on a circuit: when
//! something is missing the circuit is broken, the opener opens another one, every stream goes on from the offset that it has
//! reached, viewers repeat the input that was not acknowledged, and commands are repeated under their numbers. Reconnecting,
//! another route and another life of the owner are all the same.
//!
//! All that is said is sealed from end to end: nodes in the middle pass on what they can neither read nor make.
//!
//! Credit is end to end: of one viewer there are at most [`REMOTE_ROOM`](limits::REMOTE_ROOM) frames on the way, wherever they wait.

mod arrive;
mod commands;
mod line;
mod look;
mod opener;
mod owner;
mod sealed;
pub(crate) mod wire;

use crate::act::Act;
use crate::command::{Command, Reply, Rights};
use crate::error::{Refusal, RefusalCode, Violation};
use crate::id::{AgentAddress, CommandId, NodeId, StreamId, ViewerId, ViewerKey};
use crate::input::ViewerInput;
use crate::limits;
use crate::mesh::facts::{Fact, Key};
use crate::output::{Output, ViewerOutput};
use crate::random::Random;
use crate::seal::Seal;
use crate::streams::{Attach, Delivered, Onlooker, Streams};
use crate::time::{Duration, Instant};
use crate::timers::Timers;
use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use arrive::Answered;
use commands::{Answers, Request, Ticket, Tickets};
use look::Look;
use opener::Opener;
use owner::Owner;
use wire::{Answer, SessionId};

/// What carries circuits, and what it knows of the nodes: the mesh.
pub(crate) trait Carrier {
    /// Sends a parcel. False: there is no way to the node now.
    fn send(&mut self, to: NodeId, body: Vec<u8>) -> bool;
    /// A parcel that is sent now need not wait here.
    fn room_towards(&self, to: NodeId) -> bool;
    /// There is a way to the node.
    fn is_reachable(&self, node: NodeId) -> bool;
    /// What a member may do; `None`: it is not one.
    fn rights_of(&self, node: NodeId) -> Option<Rights>;
    /// What people call it.
    fn name_of(&self, node: NodeId) -> Option<&str>;
    /// Something uses the way to the node, or no longer: the shorter the better.
    fn want_direct(&mut self, node: NodeId, wanted: bool);
}

/// What the rest of the node is to do.
#[derive(Debug, PartialEq)]
pub(crate) enum News<'p> {
    /// Another node's viewer did this here.
    Viewer(Onlooker, ViewerInput<'p>),
    /// Another node's viewer typed (having heard so much, this number), and that node may only look.
    RefuseInput(Onlooker, StreamId, (u32, u64)),
    /// Another node asks for this: see [`Circuits::ticket`].
    Command { of: NodeId, number: u64, command: Command },
    /// Another node has asked for this, and was refused.
    Refused(NodeId, Act, Refusal),
    /// A frame for a stream of a viewer here.
    Frame(ViewerId, StreamId, ViewerOutput),
    /// A stream of a viewer here leads to nothing any more.
    Lost(ViewerId, StreamId),
    /// The answer to a command that was asked for here, and what its owner says of the agent since.
    Reply(CommandId, Result<Reply, Refusal>, Option<(Key, Fact)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Opener(NodeId),
    Owner(NodeId),
}

/// All circuits of this node.
#[derive(Debug)]
pub(crate) struct Circuits {
    instance: u64,
    random: Random,
    seal: Box<dyn Seal>,
    openers: BTreeMap<NodeId, Opener>,
    owners: BTreeMap<NodeId, Owner>,
    /// Sessions that were offered here and that nothing was said in yet: at most one of each node.
    answered: BTreeMap<NodeId, Answered>,
    tickets: Tickets,
    next_circuit: u64,
    next_line: u32,
    next_command: u64,
    timers: Timers<End>,
    /// Nodes whose circuits have something to do, if only to wait for room.
    busy: BTreeSet<NodeId>,
}

impl Circuits {
    pub(crate) fn new(instance: u64, random: Random, seal: Box<dyn Seal>) -> Self {
        Circuits {
            instance,
            random,
            seal,
            openers: BTreeMap::new(),
            owners: BTreeMap::new(),
            answered: BTreeMap::new(),
            tickets: Tickets::default(),
            next_circuit: 0,
            next_line: 0,
            next_command: 0,
            timers: Timers::default(),
            busy: BTreeSet::new(),
        }
    }

    // What viewers here want.

    /// A number for one more stream.
    pub(crate) fn next_line(&mut self) -> StreamId {
        self.next_line = self.next_line.wrapping_add(1);
        StreamId(self.next_line)
    }

    /// A viewer wants to look at another node's agent, as stream `line` of the circuit. False: too many do.
    pub(crate) fn attach(
        &mut self,
        now: Instant,
        (viewer, key, line): (ViewerId, ViewerKey, StreamId),
        (agent, pane): (AgentAddress, Option<u32>),
        attach: Attach,
    ) -> bool {
        let look = Look::new(attach.stream, (agent, pane, attach));
        self.opener(now, agent.node).is_some_and(|opener| opener.attach(viewer, key, line, look))
    }

    /// A viewer did something with one of its streams of another node.
    pub(crate) fn viewer(&mut self, viewer: ViewerId, (node, line): (NodeId, StreamId), input: ViewerInput<'_>) {
        if let Some(opener) = self.openers.get_mut(&node) {
            opener.viewer(viewer, line, input);
            self.busy.insert(node);
        }
    }

    /// A person has looked at another node's agent. Said if it can be said now.
    pub(crate) fn seen(&mut self, now: Instant, agent: AgentAddress, carrier: &impl Carrier) {
        if carrier.rights_of(agent.node).is_some() && carrier.is_reachable(agent.node) {
            if self.openers.get_mut(&agent.node).and_then(Opener::up).is_none() {
                self.open(now, agent.node);
            }
            if let Some(opener) = self.opener(now, agent.node) {
                opener.say(ViewerInput::Seen(agent));
            }
        }
    }

    /// A viewer's connection is gone.
    pub(crate) fn close(&mut self, viewer: ViewerId) {
        for (node, opener) in &mut self.openers {
            opener.close(viewer);
            self.busy.insert(*node);
        }
    }

    /// A frame has left a viewer's queue.
    pub(crate) fn delivered(&mut self, delivered: Delivered) {
        if let Some(opener) = self.openers.get_mut(&delivered.node) {
            opener.passed(delivered.viewer);
            self.busy.insert(delivered.node);
        }
    }

    /// Another node's viewer may have a frame to be sent.
    pub(crate) fn calls(&mut self, onlooker: Onlooker) {
        if let Onlooker::There(node, viewer) = onlooker
            && let Some(owner) = self.owners.get_mut(&node)
        {
            owner.calls(viewer);
            self.busy.insert(node);
        }
    }

    // Commands.

    /// A person or program asks another node for something.
    pub(crate) fn command(
        &mut self,
        now: Instant,
        (id, node): (CommandId, NodeId),
        command: &Command,
        carrier: &impl Carrier,
    ) -> Result<(), Refusal> {
        let refuse = |code, message: &str, hint| {
            let named = format!("{}: {message}", name(node, carrier));
            Err(commands::refusal(code, named, hint))
        };
        if matches!(command, Command::Admit { .. } | Command::Remove(_)) {
            return Err(commands::own_mesh());
        }
        if matches!(command, Command::CreateFrom { .. }) {
            return Err(commands::own_variables());
        }
        if carrier.rights_of(node).is_none() {
            let hint = "Look at the list of machines.";
            return refuse(RefusalCode::NotFound, "it is not a machine of this mesh.", hint);
        }
        if !carrier.is_reachable(node) {
            let hint = "Try again when the list shows it as reachable.";
            return refuse(RefusalCode::Unreachable, "it cannot be reached.", hint);
        }
        let body = wire::encode(command);
        if body.len() > limits::REMOTE_COMMAND_BYTES {
            return refuse(RefusalCode::TooMany, "the command is too long to travel.", "Shorten it.");
        }
        let number = self.next_command;
        let Some(opener) = self.opener(now, node).filter(|opener| opener.asked.len() < limits::REMOTE_COMMANDS) else {
            return refuse(RefusalCode::TooMany, "too many commands wait for it.", "Try again in a moment.");
        };
        opener.request(number, Request::new(id, body, now + limits::REMOTE_COMMAND_TIME));
        self.next_command += 1;
        Ok(())
    }

    /// The number under which another node's command is carried out here.
    pub(crate) fn ticket(&mut self, of: NodeId, number: u64, command: &Command) -> CommandId {
        let memory = self.owners.get(&of).map(|owner| owner.answers.since()).unwrap_or_default();
        self.tickets.open(Ticket { node: of, memory, number, act: Act::of(command) })
    }

    /// Whether answers to other nodes' commands are awaited.
    pub(crate) fn has_tickets(&self) -> bool {
        !self.tickets.is_empty()
    }

    /// A command of another node was carried out or refused. Gives whose it was, and what it did.
    pub(crate) fn answer(
        &mut self,
        id: CommandId,
        result: Result<Reply, Refusal>,
        fact: Option<Fact>,
    ) -> Option<(NodeId, Act)> {
        let Ticket { node, memory, number, act } = self.tickets.close(id)?;
        if let Some(owner) = self.owners.get_mut(&node).filter(|owner| owner.answers.since() == memory) {
            owner.answers.done(number, Answer { result, fact });
            if let Some(up) = owner.up() {
                up.answer(number);
            }
            self.busy.insert(node);
        }
        Some((node, act))
    }

    // The way to other nodes.

    /// Parcels from here to a node are being lost, or there is no way to it any more. What is wanted of it waits until there is one.
    pub(crate) fn lost(&mut self, now: Instant, node: NodeId) -> Vec<News<'static>> {
        let mut news = Vec::new();
        if let Some(opener) = self.openers.get_mut(&node) {
            opener.down(now, |tries| pause(&mut self.random, tries));
        }
        if let Some(owner) = self.owners.get_mut(&node) {
            owner.down(now, &mut news);
        }
        self.busy.insert(node);
        news
    }

    /// There is a way to a node, or another one than before: is everything still right at its end?
    pub(crate) fn rerouted(&mut self, node: NodeId) {
        if let Some(up) = self.openers.get_mut(&node).and_then(Opener::up) {
            up.line.ask();
        }
        if let Some(up) = self.owners.get_mut(&node).and_then(Owner::up) {
            up.line.ask();
        }
        self.busy.insert(node);
    }

    /// Something about a node differs: whether it is a member, what it may do, which life it is in.
    pub(crate) fn node_changed(&mut self, now: Instant, node: NodeId, carrier: &impl Carrier) -> Vec<News<'static>> {
        let mut news = Vec::new();
        let rights = carrier.rights_of(node);
        if let Some(owner) = self.owners.get_mut(&node) {
            // Under other rights everything is opened anew.
            if owner.up().is_some_and(|up| Some(up.rights) != rights) {
                owner.down(now, &mut news);
            }
            if rights.is_none() {
                self.forget_owner(node);
            }
        }
        if rights.is_none() {
            self.answered.remove(&node);
        }
        if let Some(opener) = self.openers.get_mut(&node) {
            if rights.is_none() {
                opener.down(now, |_| Duration::default());
                let ended = opener.end_all();
                news.extend(ended.into_iter().map(|(viewer, stream)| News::Lost(viewer, stream)));
                news.extend(opener.asked.give_up_all("it was removed from the mesh"));
            } else if let Some(up) = opener.up() {
                up.line.ask();
            }
        }
        name_refusals(&mut news, node, carrier);
        self.busy.insert(node);
        news
    }

    // Time.

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.timers.next()
    }

    pub(crate) fn wake(&mut self, now: Instant, carrier: &impl Carrier) -> Vec<News<'static>> {
        let mut all = Vec::new();
        while let Some(end) = self.timers.pop_due(now) {
            let mut news = Vec::new();
            let node = match end {
                End::Opener(node) => {
                    if let Some(opener) = self.openers.get_mut(&node) {
                        news.extend(opener.asked.expire(now));
                        if opener.up().is_some_and(|up| up.line.wake(now).is_err()) {
                            opener.unanswered(now, |tries| pause(&mut self.random, tries));
                        }
                    }
                    node
                }
                End::Owner(node) => {
                    if let Some(owner) = self.owners.get_mut(&node)
                        && owner.up().is_some_and(|up| up.line.wake(now).is_err() || up.is_stranded(now))
                    {
                        owner.down(now, &mut news);
                    }
                    node
                }
            };
            self.busy.insert(node);
            name_refusals(&mut news, node, carrier);
            all.extend(news);
        }
        all
    }

    /// Sends what there is room for. Gives whether something was sent: then there may be room for more.
    pub(crate) fn flush(
        &mut self,
        now: Instant,
        carrier: &mut impl Carrier,
        streams: &mut Streams,
        out: &mut VecDeque<Output>,
    ) -> bool {
        let mut sent = false;
        for node in core::mem::take(&mut self.busy) {
            sent |= self.flush_opener(now, node, carrier);
            if let Some(owner) = self.owners.get_mut(&node) {
                sent |= owner.flush(now, carrier, (streams, out));
            }
            self.reschedule(now, node, carrier);
        }
        sent
    }

    fn flush_opener(&mut self, now: Instant, node: NodeId, carrier: &mut impl Carrier) -> bool {
        let Some(opener) = self.openers.get_mut(&node) else { return false };
        if opener.is_over() || opener.is_wanted() && opener.has_said_bye() {
            opener.down(now, |_| Duration::default());
        }
        if opener.is_wanted() {
            opener.idle_since = None;
            if matches!(opener.state, opener::State::Down(at) if at <= now) && carrier.is_reachable(node) {
                self.open(now, node);
            }
        } else {
            let since = *opener.idle_since.get_or_insert(now);
            if now.since(since) >= limits::LINGER && !opener.has_said_bye() {
                opener.say_bye();
            }
        }
        let Some(opener) = self.openers.get_mut(&node) else { return false };
        match opener.flush(now, carrier) {
            Ok(sent) => sent,
            Err(line::Broken) => {
                opener.down(now, |tries| pause(&mut self.random, tries));
                true
            }
        }
    }

    fn reschedule(&mut self, now: Instant, node: NodeId, carrier: &mut impl Carrier) {
        let mut waiting = false;
        let mut at = None;
        let reachable = carrier.is_reachable(node);
        if let Some(opener) = self.openers.get_mut(&node) {
            carrier.want_direct(node, opener.has_streams());
            let asked = opener.asked.next_deadline();
            let wanted = opener.is_wanted();
            let idle = opener.idle_since.filter(|_| !wanted && !opener.has_said_bye());
            let circuit = match &opener.state {
                opener::State::Up(up) => {
                    up.line.next_deadline().into_iter().chain(idle.map(|at| at + limits::LINGER)).min()
                }
                opener::State::Down(again) => {
                    waiting |= wanted && reachable && *again <= now;
                    (wanted && reachable && *again > now).then_some(*again)
                }
            };
            at = asked.into_iter().chain(circuit).min();
            waiting |= opener.is_waiting();
            if opener.is_forgettable() {
                self.openers.remove(&node);
                at = None;
            }
        }
        self.timers.set(End::Opener(node), at);
        let mut at = None;
        if let Some(owner) = self.owners.get_mut(&node) {
            at = match &mut owner.state {
                owner::State::Up(up) => up.next_deadline(now, reachable),
                owner::State::Broken(telling) => (reachable && telling.at > now).then_some(telling.at),
            };
            waiting |= owner.is_waiting(now);
        }
        self.timers.set(End::Owner(node), at);
        if waiting {
            self.busy.insert(node);
        }
    }

    /// Every rule of this component.
    pub(crate) fn check(&self) -> Result<(), Violation> {
        if [self.openers.len(), self.owners.len(), self.answered.len()].into_iter().any(|len| len > limits::CIRCUITS) {
            return Err(Violation("too many circuits".to_string()));
        }
        for (node, opener) in &self.openers {
            opener.check().map_err(|what| Violation(format!("{what}: {node:?}")))?;
        }
        for (node, owner) in &self.owners {
            owner.check().map_err(|what| Violation(format!("{what}: {node:?}")))?;
        }
        Ok(())
    }

    // Helpers.

    fn opener(&mut self, now: Instant, node: NodeId) -> Option<&mut Opener> {
        if self.openers.len() >= limits::CIRCUITS && !self.openers.contains_key(&node) {
            return None;
        }
        self.busy.insert(node);
        Some(self.openers.entry(node).or_insert_with(|| Opener::new(node, now)))
    }

    /// Opens a circuit to a node, if that can be done now.
    fn open(&mut self, now: Instant, node: NodeId) -> Option<&mut Opener> {
        self.next_circuit += 1;
        let number = self.next_circuit;
        if self.opener(now, node)?.needs_session() {
            let id = SessionId { instance: self.instance, number };
            let offer = self.seal.offer(node, &id.about());
            let opener = self.openers.get_mut(&node)?;
            match offer {
                Some(offer) => opener.offers(id, offer),
                None => {
                    opener.state = opener::State::Down(now + limits::CIRCUIT_AGAIN_TIME.1);
                    return None;
                }
            }
        }
        let opener = self.openers.get_mut(&node)?;
        opener.open(now, number);
        Some(opener)
    }

    /// Its answers are not asked for again. What is still carried out for it goes on and is not told.
    fn forget_owner(&mut self, node: NodeId) {
        self.owners.remove(&node);
        self.busy.insert(node);
    }
}

/// How long to wait before a circuit is opened that has broken `tries` times.
fn pause(random: &mut Random, tries: u32) -> Duration {
    let (first, most) = limits::CIRCUIT_AGAIN_TIME;
    let bound = (first.as_millis() << tries.min(16)).min(most.as_millis());
    Duration::from_millis(1 + random.below(bound))
}

fn name(node: NodeId, carrier: &impl Carrier) -> String {
    carrier.name_of(node).map_or_else(|| node.short(), ToString::to_string)
}

/// A person must see which node refused.
fn name_refusals(news: &mut [News<'_>], node: NodeId, carrier: &impl Carrier) {
    for piece in news {
        if let News::Reply(_, Err(refusal), _) = piece {
            let name = name(node, carrier);
            if refusal.code == RefusalCode::Forbidden {
                // The owner's words are for its log: who reads these is the machine that may only look.
                refusal.message = format!("This machine may only look at {name}.");
                refusal.hint =
                    "A machine that may operate lets it, with: consort admit NAME --rights operate".to_string();
            } else {
                refusal.message = format!("{name}: {}", refusal.message);
            }
        }
    }
}

#[cfg(test)]
mod tests;
