//! What is written by one version is read by the next: the bytes of facts and of stored agents are fixed.

mod desk;

use consort_core::command::NewAgent;
use consort_core::mesh::facts::{Fact, Key, State, Value, Version};
use consort_core::{AgentId, NodeId};
use desk::Desk;
use std::collections::BTreeMap;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_encoding_of_facts_is_fixed() {
    let agent = Value::Agent { name: "a-b".into(), state: State::Idle, title: "✳".into(), running: true };
    let examples = [
        (
            Key::Member(NodeId([0; 32])),
            Fact { version: Version(3, 0), value: Value::Membership { by: NodeId([0; 32]) } },
        ),
        (Key::Agent(NodeId([0; 32]), AgentId(300)), Fact { version: Version(7, 128), value: agent }),
        (Key::Node(NodeId([0; 32])), Fact { version: Version(1, 1), value: Value::Tombstone }),
    ];
    let zeros = "00".repeat(32);
    let golden = [
        format!("00{zeros}030000{zeros}"),
        format!("02{zeros}ac0207800102{}", "03612d620203e29cb301"),
        format!("01{zeros}010103"),
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
