//! Commands for other nodes: what was asked and not answered yet, and at the other end what was answered and may be asked again.
//!
//! A command is carried out once. Its number is its opener's; it is repeated on the next circuit when one has broken, and says in
//! which session it was said first. The owner remembers its answers until the opener says that it has them; one whose memory does not
//! reach back to that session (it was restarted, or had removed the opener) may have carried it out, and says so instead.

use super::News;
use super::wire::{self, Answer, Ask, Garbled, Part, SessionId};
use crate::act::Act;
use crate::command::{Command, Reply, Rights};
use crate::error::{Refusal, RefusalCode};
use crate::id::{AgentAddress, CommandId, NodeId};
use crate::limits;
use crate::mesh::facts::Key;
use crate::time::Instant;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Commands that one other node has not answered.
#[derive(Debug, Default)]
pub(super) struct Asked {
    requests: BTreeMap<u64, Request>,
}

#[derive(Debug)]
pub(super) struct Request {
    pub(super) id: CommandId,
    /// The encoded command.
    pub(super) body: Vec<u8>,
    pub(super) deadline: Instant,
    /// The session in which it was sent first, at least in part.
    since: Option<u64>,
}

impl Request {
    pub(super) fn new(id: CommandId, body: Vec<u8>, deadline: Instant) -> Self {
        Request { id, body, deadline, since: None }
    }
}

/// Commands that are on their way on one circuit, in parts, one after the other.
#[derive(Debug, Default)]
pub(super) struct Sending {
    queue: VecDeque<u64>,
    /// Bytes of the first that are sent.
    at: usize,
}

impl Sending {
    pub(super) fn push(&mut self, number: u64) {
        self.queue.push_back(number);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The next part, encoded, to be said in the session of this number.
    pub(super) fn next(&mut self, session: u64, asked: &mut Asked) -> Option<Vec<u8>> {
        loop {
            let number = *self.queue.front()?;
            let settled = asked.requests.keys().next().copied().unwrap_or(number);
            let Some(request) = asked.requests.get_mut(&number) else {
                self.advance();
                continue;
            };
            let since = *request.since.get_or_insert(session);
            let part = Part::of(&request.body, self.at);
            let (last, len) = (part.last, part.bytes.len());
            let message = wire::encode(&Ask::Command { number, since, settled, part });
            self.at += len;
            if last {
                self.advance();
            }
            return Some(message);
        }
    }

    fn advance(&mut self) {
        self.queue.pop_front();
        self.at = 0;
    }
}

impl Asked {
    pub(super) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.requests.len()
    }

    pub(super) fn insert(&mut self, number: u64, request: Request) {
        self.requests.insert(number, request);
    }

    /// On a fresh circuit everything is asked (again).
    pub(super) fn send_all(&self) -> Sending {
        Sending { queue: self.requests.keys().copied().collect(), at: 0 }
    }

    /// An answer has come, whole. One that nobody waits for any more is nothing.
    pub(super) fn answered(
        &mut self,
        node: NodeId,
        number: u64,
        answer: &[u8],
    ) -> Result<Option<News<'static>>, Garbled> {
        let Answer { result, fact } = wire::decode(answer)?;
        let about = match &result {
            Ok(Reply::Agent(address) | Reply::Deleted(address)) => Some(*address),
            Ok(_) | Err(_) => None,
        };
        if about.is_some_and(|address| address.node != node) {
            return Err(Garbled);
        }
        let Some(request) = self.requests.remove(&number) else { return Ok(None) };
        let fact = about.zip(fact).map(|(AgentAddress { agent, .. }, fact)| (Key::Agent(node, agent), fact));
        Ok(Some(News::Reply(request.id, result, fact)))
    }

    /// The other node does not know any more whether it carried out a command.
    pub(super) fn forgotten(&mut self, number: u64) -> Option<News<'static>> {
        self.give_up(number, "it was restarted, or forgot this machine, before it answered")
    }

    /// When the first one has waited long enough.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.requests.values().map(|request| request.deadline).min()
    }

    pub(super) fn expire(&mut self, now: Instant) -> Vec<News<'static>> {
        let late: Vec<u64> =
            self.requests.iter().filter(|(_, request)| request.deadline <= now).map(|(number, _)| *number).collect();
        let seconds = limits::REMOTE_COMMAND_TIME.as_millis() / 1_000;
        let why = format!("it did not answer within {seconds} s");
        late.into_iter().filter_map(|number| self.give_up(number, &why)).collect()
    }

    pub(super) fn give_up_all(&mut self, why: &str) -> Vec<News<'static>> {
        let all: Vec<u64> = self.requests.keys().copied().collect();
        all.into_iter().filter_map(|number| self.give_up(number, why)).collect()
    }

    fn give_up(&mut self, number: u64, why: &str) -> Option<News<'static>> {
        let request = self.requests.remove(&number)?;
        let mut message = why.to_string();
        if request.since.is_some() {
            message.push_str("; it may have carried the command out");
        }
        message.push('.');
        let hint = "Look at the agents of that machine before you try again.";
        Some(News::Reply(request.id, Err(unreachable(message, hint)), None))
    }
}

/// Commands of other nodes that are being carried out here.
#[derive(Debug)]
pub(super) struct Tickets {
    open: BTreeMap<CommandId, Ticket>,
    next: u64,
}

#[derive(Debug)]
pub(super) struct Ticket {
    /// Whose.
    pub(super) node: NodeId,
    /// Which memory of answers it belongs to.
    pub(super) memory: SessionId,
    /// Its number there.
    pub(super) number: u64,
    /// What it does.
    pub(super) act: Act,
}

impl Default for Tickets {
    fn default() -> Self {
        Tickets { open: BTreeMap::new(), next: CommandId::OF_OTHERS }
    }
}

impl Tickets {
    pub(super) fn open(&mut self, ticket: Ticket) -> CommandId {
        let id = CommandId(self.next);
        self.next += 1;
        self.open.insert(id, ticket);
        id
    }

    pub(super) fn close(&mut self, id: CommandId) -> Option<Ticket> {
        self.open.remove(&id)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

/// What a node has answered to another, or is about to.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The session with the asking node in which the memory begins.
    since: SessionId,
    settled: u64,
    given: BTreeMap<u64, Given>,
}

#[derive(Debug)]
enum Given {
    /// It is being carried out.
    Pending,
    /// Encoded; whether it is kept after it was sent. What only reads is carried out again instead.
    Done(Vec<u8>, bool),
}

/// What to do with a command that has come.
#[derive(Debug)]
pub(super) enum Then {
    /// Carry it out.
    CarryOut(Command),
    /// It was answered before: send what is kept.
    Answer,
    /// It is refused: send that, and say what was refused.
    Refuse(Act, Refusal),
    /// It is being carried out, or the opener has its answer.
    Nothing,
}

impl Answers {
    pub(super) fn new(since: SessionId) -> Self {
        Answers { since, ..Answers::default() }
    }

    /// When it begins: another one has another.
    pub(super) fn since(&self) -> SessionId {
        self.since
    }

    /// The opener has the answers to all commands below this one, or does not want them.
    pub(super) fn settle(&mut self, below: u64) {
        self.settled = self.settled.max(below);
        self.given = self.given.split_off(&self.settled);
    }

    pub(super) fn take(&mut self, number: u64, command: &[u8], rights: Rights) -> Then {
        match self.given.get(&number) {
            _ if number < self.settled => return Then::Nothing,
            Some(Given::Pending) => return Then::Nothing,
            Some(Given::Done(..)) => return Then::Answer,
            None => {}
        }
        if self.given.len() >= limits::REMOTE_COMMANDS {
            // An opener that keeps its own bound never comes here.
            return Then::Nothing;
        }
        let (act, refused) = match wire::decode(command) {
            Ok(command) => match permitted(&command, rights) {
                Ok(()) => {
                    self.given.insert(number, Given::Pending);
                    return Then::CarryOut(command);
                }
                Err(refusal) => (Act::of(&command), refusal),
            },
            Err(wire::Garbled) => (Act::unreadable(), unreadable()),
        };
        self.done(number, Answer { result: Err(refused.clone()), fact: None });
        Then::Refuse(act, refused)
    }

    pub(super) fn done(&mut self, number: u64, answer: Answer) {
        if number < self.settled {
            return;
        }
        let keep = !matches!(
            answer.result,
            Ok(Reply::Text(_) | Reply::NotesText { .. } | Reply::Directory(_) | Reply::Programs(_))
        );
        let mut bytes = wire::encode(&answer);
        if bytes.len() > limits::REMOTE_ANSWER_BYTES {
            let message = "the answer is too long to travel.";
            let refusal = refusal(RefusalCode::TooMany, message.to_string(), "Ask for fewer lines.");
            bytes = wire::encode(&Answer { result: Err(refusal), fact: None });
        }
        self.given.insert(number, Given::Done(bytes, keep));
    }

    /// The encoded answer.
    pub(super) fn get(&self, number: u64) -> Option<&[u8]> {
        match self.given.get(&number)? {
            Given::Pending => None,
            Given::Done(bytes, _) => Some(bytes),
        }
    }

    /// It was sent in full.
    pub(super) fn sent(&mut self, number: u64) {
        if matches!(self.given.get(&number), Some(Given::Done(_, false))) {
            self.given.remove(&number);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.given.len()
    }
}

/// What the node on whose behalf it is asked may do.
fn permitted(command: &Command, rights: Rights) -> Result<(), Refusal> {
    match (command, rights) {
        (Command::Admit { .. } | Command::Remove(_), _) => Err(own_mesh()),
        (Command::CreateFrom { .. }, _) => Err(own_variables()),
        (
            Command::ReadNotes(_)
            | Command::ReadText { .. }
            | Command::Explain(_)
            | Command::ReadQueue(_)
            | Command::ReadStart(_),
            Rights::View,
        )
        | (_, Rights::Operate) => Ok(()),
        (
            Command::Create(_)
            | Command::Edit { .. }
            | Command::SetNotes { .. }
            | Command::Start(_)
            | Command::Stop(_)
            | Command::Restart(_)
            | Command::StartFresh(_)
            | Command::RestartFresh(_)
            | Command::Delete(_)
            | Command::Paste { .. }
            | Command::Answer { .. }
            | Command::Send { .. }
            | Command::EditQueue { .. }
            | Command::ReadProcess(_)
            | Command::Adopt { .. }
            | Command::ListDirectory(_)
            | Command::ListPrograms,
            Rights::View,
        ) => {
            let message = "the asking machine may only look here.";
            Err(refusal(RefusalCode::Forbidden, message.to_string(), "Change its rights on a member that may operate."))
        }
    }
}

/// Who belongs to the mesh is said where a person asks.
pub(super) fn own_mesh() -> Refusal {
    let message = "admitting and removing is done by the node that a person asks.".to_string();
    refusal(RefusalCode::Invalid, message, "Ask this node itself.")
}

/// What a shell of one machine has means nothing on another.
pub(super) fn own_variables() -> Refusal {
    let message = "an agent gets variables of a shell on the shell's own machine only.".to_string();
    refusal(RefusalCode::Invalid, message, "Leave them out, or give the agent variables of its own.")
}

fn unreadable() -> Refusal {
    let message = "the command cannot be read there.".to_string();
    refusal(RefusalCode::Invalid, message, "Run the same version on both machines.")
}

pub(super) fn unreachable(message: String, hint: &str) -> Refusal {
    refusal(RefusalCode::Unreachable, message, hint)
}

pub(super) fn refusal(code: RefusalCode, message: String, hint: &str) -> Refusal {
    Refusal { code, message, hint: hint.to_string() }
}
