//! The bytes that nodes exchange are fixed: every kind of link frame and of message on a circuit, each value of it that can be named.

use consort_core::command::{AnswerWith, NewAgent};
use consort_core::directory::signal::Evidence;
use consort_core::directory::{BackendKind, Desired, Origin, Source, StateKind};
use consort_core::error::RefusalCode;
use consort_core::input::{KnownProgram, ListedDirectory, Listing, Programs, ScreenText, Take, TerminalInfo};
use consort_core::mesh::PROTOCOL;
use consort_core::mesh::facts::{BackendFact, Fact, Key, Value, Version};
use consort_core::output::{EndReason, Holder};
use consort_core::streams::Bytes;
use consort_core::wire::circuit::{Answer, Ask, Form, Header, Kind, Part, SessionId, Tell, encode, parcel, said};
use consort_core::wire::{Content, Frame, Hello, Listed, Lost, Parcel, Span};
use consort_core::{
    Address, AgentAddress, AgentId, Command, Generation, NodeId, Refusal, Reply, Rights, Size, StreamId, TerminalId,
    ViewerInput, ViewerKey, ViewerOutput,
};

const ADVICE: &str = "what nodes say to each other has changed: other versions no longer understand this one. Describe the change in the \
section Links of ARCHITECTURE.md and raise consort_core::mesh::PROTOCOL, or take the change back; only then write these bytes anew";

const NODE: NodeId = NodeId([0xaa; 32]);
const OTHER: NodeId = NodeId([0xbb; 32]);
const AGENT: AgentAddress = AgentAddress { node: NODE, agent: AgentId(300) };
const STREAM: StreamId = StreamId(7);
const SIZE: Size = Size::DEFAULT;

/// Compares bytes with lines of a name and its digits, in which `A` and `B` stand for the ids of two nodes.
fn pinned(named: &[(&str, Vec<u8>)], golden: &str) {
    let (a, b) = ("aa".repeat(32), "bb".repeat(32));
    let line = |(name, bytes): &(&str, Vec<u8>)| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{name}: {}", digits.replace(&a, "A").replace(&b, "B"))
    };
    let now: Vec<String> = named.iter().map(line).collect();
    let before: Vec<&str> = golden.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    assert_eq!(now, before, "\n{}\n{ADVICE}", now.join("\n"));
}

fn removed() -> (Key, Fact) {
    let value = Value::Membership { by: NODE, rights: Rights::View };
    (Key::Member(OTHER), Fact { version: Version(2, 0), value })
}

#[test]
fn the_bytes_of_link_frames_are_fixed() {
    assert_eq!(PROTOCOL, (2, 2), "the frames below are those of protocol 2: pin those of the new one, too");
    let listed = Listed { key: Key::Agent(NODE, AgentId(300)), version: Version(1, 128), hash: 5 };
    let spans = vec![
        Span { end: Some(Key::Node(NODE)), content: Content::Skip },
        Span { end: Some(Key::Links(NODE)), content: Content::Hash(300) },
        Span { end: None, content: Content::Keys(vec![listed]) },
    ];
    let frames = [
        ("hello", Frame::Hello(Hello { protocol: (1, 2), instance: 300, hash: 5 })),
        ("heartbeat", Frame::Heartbeat(u64::MAX)),
        ("facts", Frame::Facts(vec![removed(), removed()])),
        ("reconcile", Frame::Reconcile(spans)),
        ("reconciled", Frame::Reconcile(Vec::new())),
        ("want", Frame::Want(vec![Key::Member(NODE), Key::Agent(OTHER, AgentId(1))])),
        ("parcel", Frame::Parcel(Parcel { from: NODE, to: OTHER, hops: 16, body: vec![1, 2, 3] })),
        ("lost", Frame::Lost(Lost { to: NODE, about: OTHER, hops: 3 })),
        ("farewell", Frame::Farewell(vec![removed()])),
    ];
    let encoded: Vec<_> = frames.iter().map(|(name, frame)| (*name, frame.encode())).collect();
    for ((_, frame), (_, bytes)) in frames.iter().zip(&encoded) {
        assert_eq!(Frame::decode(bytes).as_ref(), Ok(frame));
    }
    pinned(&encoded, LINK_FRAMES);
}

#[test]
fn the_bytes_of_envelopes_are_fixed() {
    let session = SessionId { instance: 300, number: 2 };
    let held = |form| parcel(session, form, &[9]);
    let envelopes = [
        ("offer", held(Form::Offer)),
        ("accept", held(Form::Accept)),
        ("asks", held(Form::Asks(128))),
        ("tells", held(Form::Tells(3))),
        ("reset", parcel(session, Form::Reset, &[])),
        ("what the session is for", session.about()),
    ];
    pinned(&envelopes, ENVELOPES);
}

#[test]
fn the_bytes_of_headers_are_fixed() {
    let header = |kind| said(&Header { circuit: 300, seq: 128, ack: 4, kind }, &[9]);
    let headers = [
        ("messages", header(Kind::Messages)),
        ("probe", header(Kind::Probe)),
        ("answer", header(Kind::Answer)),
        ("reset", header(Kind::Reset)),
    ];
    pinned(&headers, HEADERS);
}

#[test]
fn the_bytes_of_what_openers_say_are_fixed() {
    let attach =
        |from, size, take| ViewerInput::Attach { stream: STREAM, agent: AGENT, pane: Some(1), from, size, take };
    let says = |input| Ask::Viewer(9, input);
    let part = Part { last: true, bytes: &[5, 6] };
    let asks = [
        ("opened", says(ViewerInput::Opened(ViewerKey([3; 16])))),
        ("writable", says(ViewerInput::Writable)),
        ("attach", says(attach(None, None, Take::Never))),
        ("attach from", says(attach(Some((Generation(300), 5)), Some(SIZE), Take::IfFree))),
        ("resize", says(ViewerInput::Resize { stream: STREAM, size: SIZE, take: Take::Always })),
        ("release", says(ViewerInput::Release(STREAM))),
        ("ack", says(ViewerInput::Ack { stream: STREAM, offset: 300 })),
        ("input", says(ViewerInput::Input { stream: STREAM, heard: 2, seq: 300, bytes: b"hi" })),
        ("detach", says(ViewerInput::Detach(STREAM))),
        ("seen", says(ViewerInput::Seen(AGENT))),
        ("closed", says(ViewerInput::Closed)),
        ("room", Ask::Room(9, 8)),
        ("command", Ask::Command { number: 4, since: 300, settled: 3, part }),
        ("bye", Ask::Bye),
    ];
    pinned(&asks.each_ref().map(|(name, ask)| (*name, encode(ask))), ASKS);
}

#[test]
fn the_bytes_of_what_owners_say_are_fixed() {
    let (stream, generation, offset) = (STREAM, Generation(300), 128);
    let terminal = TerminalId { agent: AGENT.agent, pane: 1 };
    let bytes = Bytes::from(&b"hi"[..]);
    let attached = |holder| ViewerOutput::Attached {
        stream,
        node: NODE,
        terminal,
        generation,
        offset,
        input_seq: 5,
        input_known: true,
        size: SIZE,
        holder,
    };
    let snapshot = ViewerOutput::Snapshot { stream, generation, offset, size: SIZE, bytes: bytes.clone() };
    let ended = |reason| Tell::Frame(9, ViewerOutput::Ended { stream, reason });
    let tells = [
        ("attached", Tell::Frame(9, attached(Holder::You))),
        ("attached, other", Tell::Frame(9, attached(Holder::Other))),
        ("data", Tell::Frame(9, ViewerOutput::Data { stream, offset, bytes })),
        ("snapshot", Tell::Frame(9, snapshot.clone())),
        ("part of a snapshot", Tell::Part(9, snapshot)),
        ("size", Tell::Frame(9, ViewerOutput::Size { stream, size: SIZE, holder: Holder::Nobody })),
        ("input-ack", Tell::Frame(9, ViewerOutput::InputAck { stream, seq: 5 })),
        ("input-lost", Tell::Frame(9, ViewerOutput::InputLost { stream, seq: 5, message: "no".into() })),
        ("exited", ended(EndReason::Exited)),
        ("unknown", ended(EndReason::Unknown)),
        ("too many", ended(EndReason::TooMany)),
        ("answer", Tell::Answer(4, Part { last: false, bytes: &[5, 6] })),
        ("forgotten", Tell::Forgotten(4)),
    ];
    pinned(&tells.each_ref().map(|(name, tell)| (*name, encode(tell))), TELLS);
}

#[test]
fn the_bytes_of_commands_are_fixed() {
    let agent = AGENT.agent;
    let new = NewAgent {
        name: "a-b".into(),
        backend: Some(BackendKind::Pty),
        directory: "/".into(),
        program: Some("vi".into()),
        args: vec!["-x".into()],
        env: vec![("K".into(), "V".into())],
        notes: "n".into(),
        tags: vec!["t".into()],
        autostart: true,
        size: SIZE,
        created_unix_ms: 300,
    };
    let admit = Command::Admit { node: OTHER, addresses: vec![Address("h:1".into())], rights: Rights::Operate };
    let commands = [
        ("admit", admit),
        ("remove", Command::Remove(OTHER)),
        ("create", Command::Create(new.clone())),
        ("edit", Command::Edit { agent, name: Some("b".into()), tags: None, autostart: Some(false) }),
        ("set notes", Command::SetNotes { agent, notes: "n".into(), revision: Some(3) }),
        ("start", Command::Start(agent)),
        ("stop", Command::Stop(agent)),
        ("restart", Command::Restart(agent)),
        ("delete", Command::Delete(agent)),
        ("paste", Command::Paste { agent, pane: Some(1), text: "hi".into(), submit: true, anyway: true }),
        ("read notes", Command::ReadNotes(agent)),
        ("read text", Command::ReadText { agent, pane: None, history_lines: 300 }),
        ("list directory", Command::ListDirectory("~".into())),
        ("create from", Command::CreateFrom { new, caller: vec![("P".into(), "/b".into())] }),
        ("choose", Command::Answer { agent, question: 300, with: AnswerWith::Choice("y".into()) }),
        ("answer", Command::Answer { agent, question: 300, with: AnswerWith::Text("hi".into()) }),
        ("explain", Command::Explain(agent)),
        ("list programs", Command::ListPrograms),
    ];
    pinned(&commands.each_ref().map(|(name, command)| (*name, encode(command))), COMMANDS);
}

#[test]
fn the_bytes_of_answers_are_fixed() {
    let done = |reply| Answer { result: Ok(reply), fact: None };
    let refused = |code| Answer { result: Err(Refusal { code, message: "no".into(), hint: "go".into() }), fact: None };
    let text = ScreenText { size: SIZE, cursor: (1, 2), text: "hi".into() };
    let entries = vec![ListedDirectory { name: "a".into(), git: true }];
    let listing = Listing { path: "/h/b".into(), home: "/h".into(), entries };
    let found = KnownProgram { name: "p".into(), path: Some("/p".into()), version: None, checking: true };
    let programs = Programs { path: "/b".into(), programs: vec![found] };
    let (why, kind) = ("w".to_string(), Some(StateKind::Failed));
    let evidence = Evidence { pane: 1, source: Source::Status, kind, why, age_ms: 300, decisive: true };
    let answers = [
        ("agent", Answer { result: Ok(Reply::Agent(AGENT)), fact: Some(removed().1) }),
        ("deleted", done(Reply::Deleted(AGENT))),
        ("node", done(Reply::Node(OTHER))),
        ("notes", done(Reply::Notes { revision: 300 })),
        ("notes text", done(Reply::NotesText { notes: "n".into(), revision: 3 })),
        ("pasted", done(Reply::Pasted { bytes: 300, submitted: true })),
        ("text", done(Reply::Text(text))),
        ("directory", done(Reply::Directory(listing))),
        ("answered", done(Reply::Answered)),
        ("explained", done(Reply::Explained { rules: "r".into(), evidence: vec![evidence] })),
        ("programs", done(Reply::Programs(programs))),
        ("not found", refused(RefusalCode::NotFound)),
        ("invalid", refused(RefusalCode::Invalid)),
        ("name taken", refused(RefusalCode::NameTaken)),
        ("conflict", refused(RefusalCode::Conflict)),
        ("notes changed", refused(RefusalCode::NotesChanged)),
        ("too many", refused(RefusalCode::TooMany)),
        ("unavailable", refused(RefusalCode::Unavailable)),
        ("not stored", refused(RefusalCode::NotStored)),
        ("unreachable", refused(RefusalCode::Unreachable)),
        ("forbidden", refused(RefusalCode::Forbidden)),
        ("backend", refused(RefusalCode::Backend("x".into()))),
        ("agent asks", refused(RefusalCode::AgentAsks)),
        ("question changed", refused(RefusalCode::QuestionChanged)),
    ];
    pinned(&answers.each_ref().map(|(name, answer)| (*name, encode(answer))), ANSWERS);
}

#[test]
fn the_bytes_of_what_facts_are_made_of_are_fixed() {
    let terminal = TerminalInfo {
        pane: 300,
        title: "t".into(),
        command: "c".into(),
        shell: false,
        window: "w".into(),
        active: true,
        size: SIZE,
        corner: (1, 300),
        index: 3,
        exit_code: Some(-1),
        activity: 5,
        bell: true,
    };
    let backend = BackendFact { kind: BackendKind::Tmux, available: true, detail: "d".into() };
    let states = [
        StateKind::Working,
        StateKind::Waiting,
        StateKind::Idle,
        StateKind::Done,
        StateKind::Exited,
        StateKind::Unknown,
    ];
    let sources =
        [Source::Output, Source::Screen, Source::Title, Source::Bell, Source::Process, Source::Hook, Source::None];
    let parts = [
        ("terminal", encode(&terminal)),
        ("backend", encode(&backend)),
        ("backends", encode(&[BackendKind::Tmux, BackendKind::Pty])),
        ("states", encode(&states)),
        ("sources", encode(&sources)),
        ("origins", encode(&[Origin::Created, Origin::Found])),
        ("wanted", encode(&[Desired::Running, Desired::Stopped])),
        ("rights", encode(&[Rights::View, Rights::Operate])),
    ];
    pinned(&parts, PARTS);
}

const PARTS: &str = "
    terminal: ac020174016300017701501801ac020301010501
    backend: 00010164
    backends: 0001
    states: 000102030405
    sources: 03020104050006
    origins: 0001
    wanted: 0001
    rights: 0001
";

const LINK_FRAMES: &str = "
    hello: 000102ac0205
    heartbeat: 01ffffffffffffffffff01
    facts: 0200B020000A0000B020000A00
    reconcile: 030101A000102A01ac0200020103Aac0201800105
    reconciled: 03
    want: 0400A03B01
    parcel: 05AB10010203
    lost: 06AB03
    farewell: 0700B020000A00
";

const ENVELOPES: &str = "
    offer: ac02020009
    accept: ac02020109
    asks: ac020202800109
    tells: ac0202030309
    reset: ac020204
    what the session is for: 636f6e736f727420636972637569747320312c010000000000000200000000000000
";

const HEADERS: &str = "
    messages: ac028001040009
    probe: ac028001040109
    answer: ac028001040209
    reset: ac028001040309
";

const ASKS: &str = "
    opened: 00090003030303030303030303030303030303
    writable: 000901
    attach: 00090207Aac020101000000
    attach from: 00090207Aac02010101ac020501501801
    resize: 00090307501802
    release: 00090407
    ack: 00090507ac02
    input: 0009060702ac02026869
    detach: 00090707
    seen: 000908Aac02
    closed: 000909
    room: 010908
    command: 0204ac020301020506
    bye: 03
";

const TELLS: &str = "
    attached: 00090007Aac0201ac0280010501501800
    attached, other: 00090007Aac0201ac0280010501501801
    data: 000901078001026869
    snapshot: 00090207ac0280015018026869
    part of a snapshot: 01090207ac0280015018026869
    size: 00090307501802
    input-ack: 0009040705
    input-lost: 0009050705026e6f
    exited: 0009060700
    unknown: 0009060701
    too many: 0009060702
    answer: 020400020506
    forgotten: 0304
";

const COMMANDS: &str = "
    admit: 00B0103683a3101
    remove: 01B
    create: 0203612d620101012f0102766901022d7801014b0156016e010174015018ac02
    edit: 03ac02010162000100
    set notes: 04ac02016e0103
    start: 05ac02
    stop: 06ac02
    restart: 07ac02
    delete: 08ac02
    paste: 09ac0201010268690101
    read notes: 0aac02
    read text: 0bac0200ac02
    list directory: 0c017e
    create from: 0d03612d620101012f0102766901022d7801014b0156016e010174015018ac02010150022f62
    choose: 0eac02ac02000179
    answer: 0eac02ac0201026869
    explain: 0fac02
    list programs: 15
";

const ANSWERS: &str = "
    agent: 0000Aac0201020000A00
    deleted: 0001Aac0200
    node: 0002B00
    notes: 0003ac0200
    notes text: 0004016e0300
    pasted: 0005ac020100
    text: 00065018010202686900
    directory: 0007042f682f62022f680101610100
    answered: 000800
    explained: 0009017201010701060177ac020100
    programs: 000e022f6201017001022f70000100
    not found: 0100026e6f02676f00
    invalid: 0101026e6f02676f00
    name taken: 0102026e6f02676f00
    conflict: 0103026e6f02676f00
    notes changed: 0104026e6f02676f00
    too many: 0105026e6f02676f00
    unavailable: 0106026e6f02676f00
    not stored: 0107026e6f02676f00
    unreachable: 0108026e6f02676f00
    forbidden: 0109026e6f02676f00
    backend: 010a0178026e6f02676f00
    agent asks: 010b026e6f02676f00
    question changed: 010c026e6f02676f00
";
