//! Two other nodes, as somebody would fake them who may have their keys: they greet as the protocol says, or do not; they keep the
//! numbers of circuits, or do not.

use crate::cursor::Cursor;
use crate::made::{self, Known, NODE, OTHERS};
use consort_core::mesh::PROTOCOL;
use consort_core::mesh::facts::{Fact, Key, NodeFact, NodeRef, Value, Version};
use consort_core::output::{EndReason, Holder};
use consort_core::seal::{Offer, Seal, Session};
use consort_core::sham::Sham;
use consort_core::wire::circuit::{
    Answer, Ask, Envelope, Form, Header, Kind, Part, SessionId, Tell, append, encode, envelope, header, messages,
    parcel, said,
};
use consort_core::wire::{Content, Frame, Hello, Listed, Lost, Parcel, Span};
use consort_core::{
    DialId, LinkId, NodeId, Refusal, Reply, StreamId, TerminalId, ViewerInput, ViewerOutput, error::RefusalCode,
    limits, streams::Bytes,
};
use std::collections::BTreeMap;

/// The others, and their links with the node.
pub(crate) struct Peers {
    pub(crate) links: BTreeMap<LinkId, usize>,
    pub(crate) dials: BTreeMap<DialId, NodeId>,
    next_link: u64,
    fakes: [Fake; 2],
}

/// One of the others.
struct Fake {
    instance: u64,
    seal: Sham,
    /// An answer to the node's offer that is to be sent.
    answer: Option<Vec<u8>>,
    /// Its own circuit, on which it asks.
    asking: Talk,
    /// The node's, on which it answers.
    owning: Talk,
    /// The node's stream that was opened here last.
    asked: Option<(u64, StreamId)>,
    /// The node's command that came last.
    command: u64,
}

/// One end of a session, and of the newest circuit on it.
#[derive(Default)]
struct Talk {
    id: SessionId,
    /// It was offered and not answered.
    offer: Option<Box<dyn Offer>>,
    session: Option<Box<dyn Session>>,
    /// Parcels that were sealed.
    sealed: u64,
    circuit: u64,
    /// Parcels with messages that were said on the circuit, and that were heard.
    said: u64,
    taken: u64,
}

impl Talk {
    fn new(id: SessionId) -> Self {
        Talk { id, ..Talk::default() }
    }

    fn open(&mut self, circuit: u64) {
        (self.circuit, self.said, self.taken) = (circuit, 0, 0);
    }

    /// What the node says, opened.
    fn hear(&mut self, number: u64, sealed: &[u8]) -> Option<Vec<u8>> {
        let mut plain = Vec::new();
        let opens = self.session.as_ref()?.open(number, sealed, &mut plain);
        assert!(opens, "core seals what it says in the session that was agreed on");
        let (header, _) = header(&plain).expect("core sends what it can read itself");
        if header.circuit > self.circuit {
            self.open(header.circuit);
        }
        if header.kind == Kind::Messages && (header.circuit, header.seq) == (self.circuit, self.taken) {
            self.taken += 1;
        }
        Some(plain)
    }

    /// A parcel's body with messages, or without. Before there is a session nobody can open it.
    fn say(&mut self, form: fn(u64) -> Form, kind: Kind, messages: &[u8]) -> Vec<u8> {
        let header = Header { circuit: self.circuit, seq: self.said, ack: self.taken, kind };
        self.said += u64::from(kind == Kind::Messages);
        let mut body = parcel(self.id, form(self.sealed), &[]);
        if let Some(session) = &self.session {
            session.seal(self.sealed, &said(&header, messages), &mut body);
        }
        self.sealed += 1;
        body
    }
}

impl Peers {
    pub(crate) fn new() -> Self {
        Peers {
            links: BTreeMap::new(),
            dials: BTreeMap::new(),
            next_link: 0,
            fakes: [0, 1].map(|at| Fake::new(OTHERS[at], 0)),
        }
    }

    /// A link that is there now, and who is at its other end.
    pub(crate) fn open(&mut self, peer: NodeId) -> LinkId {
        let link = LinkId(self.next_link);
        self.next_link += 1;
        self.links.insert(link, OTHERS.iter().position(|other| *other == peer).unwrap_or(0));
        link
    }

    /// One of the links that are there.
    pub(crate) fn link(&self, cursor: &mut Cursor<'_>) -> Option<LinkId> {
        let choice = usize::from(cursor.byte());
        self.links.keys().copied().nth(choice % self.links.len().max(1))
    }

    /// What the node sent.
    pub(crate) fn hear(&mut self, link: LinkId, bytes: &[u8]) {
        let frame = Frame::decode(bytes).expect("core sends what it can read itself");
        let Frame::Parcel(parcel) = frame else { return };
        let Some(at) = self.links.get(&link).copied() else { return };
        // What it passes on for others, or to others, is sealed.
        if let Some(fake) = self.fakes.get_mut(at).filter(|_| parcel.from == NODE && parcel.to == OTHERS[at]) {
            fake.hear(&parcel.body);
        }
    }

    /// The greeting of whoever is at the other end.
    pub(crate) fn greeting(&mut self, link: LinkId, cursor: &mut Cursor<'_>) -> Vec<u8> {
        let at = self.links.get(&link).copied().unwrap_or(0);
        if let (true, Some(fake)) = (cursor.below(8) == 7, self.fakes.get_mut(at)) {
            *fake = Fake::new(OTHERS[at], fake.instance + 1);
        }
        let instance = self.fakes.get(at).map_or(0, |fake| fake.instance);
        Frame::Hello(Hello { protocol: PROTOCOL, instance, hash: u64::from(cursor.flag()) }).encode()
    }

    /// What the other end says of itself first: that it is there, and linked with the node.
    pub(crate) fn introduction(&mut self, link: LinkId) -> Vec<u8> {
        let at = self.links.get(&link).copied().unwrap_or(0);
        let Some(fake) = self.fakes.get(at) else { return Vec::new() };
        let version = Version(1 + fake.instance, 1);
        let node = NodeFact { instance: fake.instance, protocol: PROTOCOL, ..NodeFact::default() };
        let links = Value::Links(vec![NodeRef::from(NODE)]);
        let facts = [(Key::Node(OTHERS[at]), Value::Node(Box::new(node))), (Key::Links(OTHERS[at]), links)];
        Frame::Facts(facts.into_iter().map(|(key, value)| (key, Fact { version, value })).collect()).encode()
    }

    /// A frame on a link, mostly a good one.
    pub(crate) fn frame(&mut self, link: LinkId, cursor: &mut Cursor<'_>, known: &Known) -> Vec<u8> {
        let at = self.links.get(&link).copied().unwrap_or(0);
        let mut bytes = match cursor.below(12) {
            0 => return cursor.bytes(300).to_vec(),
            1 => self.greeting(link, cursor),
            2 => Frame::Heartbeat(cursor.number()).encode(),
            3 | 4 => {
                let count = cursor.below(4);
                Frame::Facts((0..count).map(|_| made::fact(cursor)).collect()).encode()
            }
            5 => Frame::Reconcile(spans(cursor)).encode(),
            6 => {
                let count = cursor.below(4);
                Frame::Want((0..count).map(|_| made::key(cursor)).collect()).encode()
            }
            7 => lost(cursor).encode(),
            8 if cursor.below(4) == 0 => {
                let count = cursor.below(3);
                Frame::Farewell((0..count).map(|_| made::fact(cursor)).collect()).encode()
            }
            _ => {
                let from = if cursor.below(8) == 7 { made::node(cursor) } else { OTHERS[at] };
                let to = if cursor.below(8) == 7 { made::node(cursor) } else { NODE };
                let hops = limits::HOPS - cursor.below(limits::HOPS + 1);
                let body = match self.fakes.get_mut(at) {
                    Some(fake) if cursor.below(8) < 7 => fake.parcel(cursor, known),
                    _ => cursor.bytes(200).to_vec(),
                };
                Frame::Parcel(Parcel { from, to, hops, body }).encode()
            }
        };
        if cursor.below(8) == 7 {
            mutate(&mut bytes, cursor);
        }
        bytes
    }
}

impl Fake {
    fn new(id: NodeId, instance: u64) -> Self {
        Fake {
            instance,
            seal: Sham::new(id, instance),
            answer: None,
            asking: Talk::default(),
            owning: Talk::default(),
            asked: None,
            command: 0,
        }
    }

    /// What the node says.
    fn hear(&mut self, body: &[u8]) {
        let (Envelope { session: id, form }, held) = envelope(body).expect("core sends what it can read itself");
        match form {
            Form::Offer if self.owning.id == id => {}
            Form::Offer => {
                self.owning = Talk::new(id);
                let accepted = self.seal.accept(NODE, &id.about(), held);
                let (session, words) = accepted.expect("core offers to whom it speaks");
                self.owning.session = Some(session);
                self.answer = Some(parcel(id, Form::Accept, &words));
            }
            Form::Accept if id == self.asking.id => {
                if let Some(session) = self.asking.offer.as_mut().and_then(|offer| offer.answered(held)) {
                    self.asking.session = Some(session);
                }
            }
            Form::Asks(number) if id == self.owning.id => {
                let Some(plain) = self.owning.hear(number, held) else { return };
                let (_, said) = header(&plain).expect("core sends what it can read itself");
                for ask in messages::<Ask<'_>>(said).expect("core sends what it can read itself") {
                    match ask {
                        Ask::Viewer(viewer, ViewerInput::Attach { stream, .. }) => self.asked = Some((viewer, stream)),
                        Ask::Command { number, .. } => self.command = number,
                        Ask::Viewer(..) | Ask::Room(..) | Ask::Bye => {}
                    }
                }
            }
            Form::Tells(number) if id == self.asking.id => {
                let Some(plain) = self.asking.hear(number, held) else { return };
                let (_, said) = header(&plain).expect("core sends what it can read itself");
                messages::<Tell<'_>>(said).expect("core sends what it can read itself");
            }
            Form::Accept | Form::Asks(_) | Form::Tells(_) | Form::Reset => {}
        }
    }

    /// The body of a parcel.
    fn parcel(&mut self, cursor: &mut Cursor<'_>, known: &Known) -> Vec<u8> {
        if cursor.below(8) < 7
            && let Some(answer) = self.answer.take()
        {
            return answer;
        }
        match cursor.below(8) {
            0 if self.asking.session.is_none() || cursor.below(4) == 0 => {
                let id = SessionId { instance: self.instance, number: self.asking.id.number + 1 };
                let (offer, words) = self.seal.offer(NODE, &id.about()).expect("it always can");
                self.asking = Talk { offer: Some(offer), circuit: self.asking.circuit + 1, ..Talk::new(id) };
                parcel(id, Form::Offer, &words)
            }
            0 => {
                self.asking.open(self.asking.circuit + 1);
                let said = encode(&Ask::Viewer(0, ViewerInput::Opened(made::viewer_key(cursor))));
                self.asking.say(Form::Asks, Kind::Messages, &append(&Ask::Room(0, limits::REMOTE_ROOM), said))
            }
            1 => match cursor.below(8) {
                0 => parcel(self.owning.id, Form::Reset, &[]),
                1 => parcel(self.asking.id, Form::Asks(cursor.number()), cursor.bytes(40)),
                2 => parcel(self.owning.id, Form::Tells(cursor.number()), cursor.bytes(40)),
                3 => parcel(self.owning.id, Form::Accept, cursor.bytes(16)),
                4 => self.asking.say(Form::Asks, kind(cursor), &[]),
                _ => self.owning.say(Form::Tells, kind(cursor), &[]),
            },
            2..=4 => {
                let mut said = Vec::new();
                if self.asking.said == 0 && cursor.below(8) < 7 {
                    said = append(&Ask::Viewer(0, ViewerInput::Opened(made::viewer_key(cursor))), said);
                    said = append(&Ask::Room(0, limits::REMOTE_ROOM), said);
                }
                let count = 1 + cursor.below(3);
                let said = (0..count).fold(said, |said, _| ask(cursor, known, said));
                self.asking.say(Form::Asks, Kind::Messages, &said)
            }
            _ => {
                let count = 1 + cursor.below(3);
                let said = (0..count).fold(Vec::new(), |said, _| self.tell(cursor, known, said));
                self.owning.say(Form::Tells, Kind::Messages, &said)
            }
        }
    }

    /// An owner's message.
    fn tell(&self, cursor: &mut Cursor<'_>, known: &Known, said: Vec<u8>) -> Vec<u8> {
        let (viewer, stream) = self.asked.unwrap_or((0, StreamId(0)));
        let number = self.command.wrapping_sub(u64::from(cursor.below(2)));
        match cursor.below(8) {
            0 => append(&Tell::Forgotten(number), said),
            1 | 2 => {
                let bytes = encode(&answer(cursor, known));
                let part = Part { last: cursor.below(4) > 0, bytes: &bytes };
                append(&Tell::Answer(number, part), said)
            }
            3 => append(&Tell::Part(viewer, snapshot(cursor, known, stream)), said),
            _ => append(&Tell::Frame(viewer, frame(cursor, known, stream)), said),
        }
    }
}

/// An opener's message.
fn ask(cursor: &mut Cursor<'_>, known: &Known, said: Vec<u8>) -> Vec<u8> {
    let viewer = u64::from(cursor.below(6) / 4);
    match cursor.below(8) {
        0 => append(&Ask::Viewer(viewer, ViewerInput::Opened(made::viewer_key(cursor))), said),
        1 => append(&Ask::Room(viewer, u32::from(cursor.below(10))), said),
        2 | 3 => {
            let bytes = encode(&known.command(cursor));
            let part = Part { last: cursor.below(4) > 0, bytes: &bytes };
            let since = if cursor.below(4) > 0 { 1 } else { cursor.number() };
            let (number, settled) = (u64::from(cursor.below(8)), u64::from(cursor.below(8)));
            append(&Ask::Command { number, since, settled, part }, said)
        }
        4 if cursor.below(4) == 0 => append(&Ask::Bye, said),
        _ => append(&Ask::Viewer(viewer, known.viewer_input(cursor)), said),
    }
}

fn answer(cursor: &mut Cursor<'_>, known: &Known) -> Answer {
    let result = match cursor.below(4) {
        0 => Err(Refusal { code: RefusalCode::NotFound, message: cursor.text(8), hint: String::new() }),
        1 => Ok(Reply::Agent(known.address(cursor))),
        2 => Ok(Reply::Deleted(known.address(cursor))),
        _ => Ok(Reply::NotesText { notes: cursor.text(8), revision: cursor.number() }),
    };
    Answer { result, fact: cursor.flag().then(|| made::fact(cursor).1) }
}

fn frame(cursor: &mut Cursor<'_>, known: &Known, stream: StreamId) -> ViewerOutput {
    let holder = [Holder::You, Holder::Other, Holder::Nobody][usize::from(cursor.below(3))];
    let (generation, offset) = known.positions[usize::from(cursor.byte()) % known.positions.len()];
    match cursor.below(8) {
        0 | 1 => ViewerOutput::Attached {
            stream,
            node: if cursor.below(4) > 0 { OTHERS[usize::from(cursor.below(2))] } else { made::node(cursor) },
            terminal: TerminalId { agent: known.agent(cursor), pane: u32::from(cursor.below(3)) },
            generation,
            offset,
            input_seq: cursor.number(),
            input_known: cursor.flag(),
            size: made::size(cursor),
            holder,
        },
        2 | 3 => ViewerOutput::Data {
            stream,
            offset: offset.wrapping_add(cursor.number()),
            bytes: Bytes::from(&[b'z'; 300][..usize::from(cursor.byte())]),
        },
        4 => snapshot(cursor, known, stream),
        5 => ViewerOutput::Size { stream, size: made::size(cursor), holder },
        6 if cursor.flag() => ViewerOutput::InputAck { stream, seq: cursor.number() },
        6 => ViewerOutput::InputLost { stream, seq: cursor.number(), message: cursor.text(8) },
        _ => ViewerOutput::Ended { stream, reason: EndReason::Exited },
    }
}

fn snapshot(cursor: &mut Cursor<'_>, known: &Known, stream: StreamId) -> ViewerOutput {
    let (generation, offset) = known.positions[usize::from(cursor.byte()) % known.positions.len()];
    let offset = offset.wrapping_add(cursor.number());
    ViewerOutput::Snapshot {
        stream,
        generation,
        offset,
        size: made::size(cursor),
        bytes: Bytes::from(cursor.bytes(64)),
    }
}

fn kind(cursor: &mut Cursor<'_>) -> Kind {
    [Kind::Probe, Kind::Answer, Kind::Reset, Kind::Messages][usize::from(cursor.below(4))]
}

fn spans(cursor: &mut Cursor<'_>) -> Vec<Span> {
    let count = cursor.below(5);
    let content = |cursor: &mut Cursor<'_>| match cursor.below(3) {
        0 => Content::Skip,
        1 => Content::Hash(cursor.number()),
        _ => {
            let count = cursor.below(4);
            let listed =
                |_| Listed { key: made::key(cursor), version: made::version(cursor), hash: u32::from(cursor.byte()) };
            Content::Keys((0..count).map(listed).collect())
        }
    };
    (0..count).map(|_| Span { end: cursor.flag().then(|| made::key(cursor)), content: content(cursor) }).collect()
}

fn lost(cursor: &mut Cursor<'_>) -> Frame {
    let to = if cursor.flag() { NODE } else { made::node(cursor) };
    Frame::Lost(Lost { to, about: made::node(cursor), hops: cursor.byte() })
}

/// One byte is another, or the end is missing.
fn mutate(bytes: &mut Vec<u8>, cursor: &mut Cursor<'_>) {
    let at = cursor.number() as usize % bytes.len().max(1);
    if cursor.flag() {
        bytes.truncate(at);
    } else if let Some(byte) = bytes.get_mut(at) {
        *byte = cursor.byte();
    }
}
