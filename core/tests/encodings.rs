//! What is written by one version is read by the next: the bytes of facts and of stored agents are fixed.

mod desk;

use consort_core::command::NewAgent;
use consort_core::directory::signal::{HookReport, Session};
use consort_core::directory::{BackendKind, Desired, Origin, Signal, Source, StateKind};
use consort_core::mesh::facts::{AgentFact, Fact, Key, NodeFact, NodeRef, Value, Version};
use consort_core::{Address, AgentId, Command, NodeId, Output, Rights, TerminalInput, redact};
use desk::Desk;
use std::collections::BTreeMap;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_encoding_of_facts_is_fixed() {
    let agent = AgentFact {
        name: "a-b".into(),
        backend: BackendKind::Tmux,
        managed: true,
        origin: Origin::Created,
        running: true,
        desired: Desired::Running,
        autostart: false,
        state: StateKind::Idle,
        source: Source::Output,
        why: "it is quiet".into(),
        program: Some("vid".into()),
        args: vec!["-x".into()],
        directory: "/".into(),
        notes_revision: 3,
        tags: vec!["t".into()],
        created_unix_ms: 1_000,
        terminals: Vec::new(),
        more: Vec::new(),
    };
    let node = NodeFact { name: "n".into(), addresses: vec![Address("h:1".into())], ..NodeFact::default() };
    let zero = NodeId([0; 32]);
    let fact = |a, b, value| Fact { version: Version(a, b), value };
    let by = Value::Membership { by: zero, rights: Rights::Operate };
    let examples = [
        (Key::Member(zero), fact(3, 0, by)),
        (Key::Node(zero), fact(1, 1, Value::Node(node.into()))),
        (Key::Links(zero), fact(1, 2, Value::Links(vec![NodeRef(128)]))),
        (Key::Agent(zero, AgentId(300)), fact(7, 128, Value::Agent(agent.into()))),
        (Key::Agent(zero, AgentId(1)), fact(1, 1, Value::Tombstone)),
    ];
    let zeros = "00".repeat(32);
    let golden = [
        format!("00{zeros}030000{zeros}01"),
        format!("01{zeros}010101016e0103683a31{}", "0000000000"),
        format!("02{zeros}01020201{}", "8001"),
        format!(
            "03{zeros}ac0207800103{}",
            "03612d620001000100000203{}010376696401022d78012f03010174e8070000"
                .replace("{}", "0b6974206973207175696574")
        ),
        format!("03{zeros}01010104"),
    ];
    for (example, golden) in examples.iter().zip(golden) {
        let bytes = postcard::to_allocvec(example).expect("encoding to memory");
        assert_eq!(hex(&bytes), golden);
        assert_eq!(postcard::from_bytes::<(Key, Fact)>(&bytes).as_ref(), Ok(example));
    }
}

/// An agent as version 0.1 stored it: name `a-b`, notes `hello` in revision 3, tag `urgent`, stopped, autostart.
const STORED: (&str, &str) = (
    "agent-000000000000a",
    "00050361 2d62 00 012f 01 03766964 01 022d78 01 014b 0156 0568656c6c6f 03 01 06757267656e74 01 01 e807",
);

#[test]
fn an_agent_that_version_one_stored_is_read() {
    let digits: String = STORED.1.split(' ').collect();
    let bytes: Vec<u8> =
        (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hex")).collect();
    let desk = Desk::with_store(BTreeMap::from([(STORED.0.to_string(), bytes)]));
    let agent = desk.agent(AgentId(5));
    assert_eq!((agent.name, agent.notes, agent.notes_revision), ("a-b", "hello", 3));
    assert_eq!(
        (agent.program, agent.args, agent.tags),
        (Some("vid"), &["-x".to_string()][..], &["urgent".to_string()][..])
    );
    assert!(agent.autostart && agent.created_unix_ms == 1_000);
}

/// The same as version 0.2 stored it: created by somebody, and it has ended by itself.
const STORED_SECOND: &str =
    "01050361 2d62 00 012f 01 03766964 01 022d78 01 014b 0156 0568656c6c6f 03 01 06757267656e74 01 01 e807 00 01";

#[test]
fn an_agent_that_was_stored_before_shells_gave_it_variables_is_read() {
    let digits: String = STORED_SECOND.split(' ').collect();
    let bytes: Vec<u8> =
        (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hex")).collect();
    let desk = Desk::with_store(BTreeMap::from([(STORED.0.to_string(), bytes.clone())]));
    let agent = desk.agent(AgentId(5));
    assert_eq!((agent.name, agent.notes, agent.origin), ("a-b", "hello", Origin::Created));
    let redacted = redact::stored(STORED.0, &bytes).expect("an agent");
    assert_eq!(hex(&redacted), hex(&bytes).replace("014b0156", "014b012a").replace("68656c6c6f", "2a2a2a2a2a"));
}

#[test]
fn what_is_stored_is_what_is_restored() {
    let mut desk = Desk::new();
    let new = NewAgent {
        name: "a-b".into(),
        directory: "~/x".into(),
        program: Some("claude".into()),
        args: vec!["--continue".into()],
        env: vec![("K".into(), "V".into())],
        notes: "n".into(),
        tags: vec!["t".into()],
        autostart: true,
        created_unix_ms: 5,
        ..NewAgent::default()
    };
    let agent = desk.create_as(new);
    desk.gone(agent);
    let restored = Desk::with_store(desk.files.clone());
    let (before, after) = (desk.agent(agent), restored.agent(agent));
    assert_eq!((before.name, before.directory, before.program), (after.name, after.directory, after.program));
    assert_eq!((before.args, before.notes, before.tags), (after.args, after.notes, after.tags));
    assert_eq!((before.autostart, before.created_unix_ms), (after.autostart, after.created_unix_ms));
}

/// The same as it was stored before conversations were: with a variable of a shell.
const STORED_THIRD: &str = "02050361 2d62 00 012f 01 03766964 01 022d78 01 014b 0156 0568656c6c6f 03 01 06757267656e74 01 01 e807 00 01 01 0143 0144";

#[test]
fn an_agent_that_was_stored_before_conversations_were_is_read() {
    let digits: String = STORED_THIRD.split(' ').collect();
    let bytes: Vec<u8> =
        (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hex")).collect();
    let desk = Desk::with_store(BTreeMap::from([(STORED.0.to_string(), bytes.clone())]));
    let agent = desk.agent(AgentId(5));
    assert_eq!((agent.name, agent.notes, agent.session), ("a-b", "hello", None));
    let redacted = redact::stored(STORED.0, &bytes).expect("an agent");
    assert!(hex(&redacted).ends_with("0143012a"), "{}", hex(&redacted));
}

#[test]
fn the_conversation_that_hooks_name_is_kept_with_the_agent() {
    let mut desk = Desk::new();
    let agent = desk.create_as(NewAgent { name: "a".into(), program: Some("claude".into()), ..NewAgent::default() });
    let session =
        |id: &str, transcript: &str| Session { program: "claude".into(), id: id.into(), transcript: transcript.into() };
    let converses = |desk: &mut Desk, session: Session| {
        let report = HookReport { session: Some(session), ..HookReport::default() };
        let mut outputs = desk.terminal(agent, TerminalInput::Signal(Signal::Hook(report)));
        outputs.extend(desk.wait(1));
        for output in outputs {
            if let Output::Store(id, operation) = output {
                desk.stored((id, operation));
            }
        }
    };
    let good = session("0b1f-77", "/home/me/.claude/projects/x/0b1f-77.jsonl");
    converses(&mut desk, good.clone());
    assert_eq!(desk.agent(agent).session, Some(&good));
    for bad in [session("--help", ""), session("a b", ""), session("a", "relative"), session("a", "/x\u{1b}[2J")] {
        converses(&mut desk, bad);
    }
    desk.gone(agent);
    let restored = Desk::with_store(desk.files.clone());
    assert_eq!(restored.agent(agent).session, Some(&good), "it can be resumed");
}

#[test]
fn of_what_version_one_stored_only_a_session_that_nobody_created_was_found() {
    let stored = |program: &str, autostart: &str, created: &str| {
        // Id, name, backend, directory, program, arguments, variables, notes, revision, tags, wanted, autostart, created.
        let digits = format!("0005 0161 00 012f {program} 00 00 00 01 00 00 {autostart} {created}").replace(' ', "");
        let digits = digits.as_bytes().chunks(2).map(|two| core::str::from_utf8(two).expect("ASCII"));
        let bytes: Vec<u8> = digits.map(|two| u8::from_str_radix(two, 16).expect("hex")).collect();
        Desk::with_store(BTreeMap::from([(STORED.0.to_string(), bytes)])).agent(AgentId(5)).origin
    };
    let (second, moment) = ("e807", "e907");
    assert_eq!(stored("00", "00", second), Origin::Found);
    assert_eq!(stored("00", "00", moment), Origin::Created, "tmux tells full seconds");
    assert_eq!(stored("00", "01", second), Origin::Created);
    assert_eq!(stored("010176", "00", second), Origin::Created);
}

#[test]
fn a_stored_agent_without_what_is_secret_is_as_long_and_of_the_same_version() {
    let digits: String = STORED.1.split(' ').collect();
    let bytes: Vec<u8> =
        (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hex")).collect();
    let redacted = redact::stored(STORED.0, &bytes).expect("an agent");
    // The value of its variable and its notes, byte by byte.
    assert_eq!(hex(&redacted), hex(&bytes).replace("014b0156", "014b012a").replace("68656c6c6f", "2a2a2a2a2a"));
    assert!(redact::stored("agent-0000000000001", &bytes).is_err(), "of another agent");

    let mut desk = Desk::new();
    let agent = desk.create_as(NewAgent { name: "a".into(), notes: "secret".into(), ..NewAgent::default() });
    let (key, bytes) = desk.files.iter().next().expect("stored");
    let redacted = redact::stored(key, bytes).expect("an agent");
    assert_eq!(redacted.len(), bytes.len());
    let restored = Desk::with_store(BTreeMap::from([(key.clone(), redacted)]));
    assert_eq!(restored.agent(agent).notes, "******");

    let caller = vec![("KEY".to_string(), "hunter2".to_string())];
    let mut desk = Desk::new();
    desk.create_with(Command::CreateFrom { new: NewAgent { name: "b".into(), ..NewAgent::default() }, caller });
    let (key, bytes) = desk.files.iter().next().expect("stored");
    let has = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
    assert!(has(bytes, b"KEY\x07hunter2"));
    let redacted = redact::stored(key, bytes).expect("an agent");
    assert!(has(&redacted, b"KEY\x07*******") && redacted.len() == bytes.len());
}
