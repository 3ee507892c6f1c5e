use super::*;
use consort_core::command::NewAgent;
use consort_core::streams::Bytes;
use consort_core::{AgentId, Generation, Reply, Size, StreamId};

fn said(circuit: u64, messages: &[Vec<u8>]) -> Vec<u8> {
    circuit::said(&Header { circuit, seq: 0, ack: 0, kind: Kind::Messages }, &messages.concat())
}

fn command(part: &[u8], last: bool) -> Vec<u8> {
    circuit::encode(&Ask::Command { number: 1, since: 2, settled: 1, part: Part { last, bytes: part } })
}

fn notes(text: &str) -> Vec<u8> {
    circuit::encode(&Command::SetNotes { agent: AgentId(7), notes: text.into(), revision: Some(3) })
}

/// What the parts of a command are, once all that was told later is in its place.
fn mended(opened: &mut [Vec<u8>], mends: &Mends) {
    for (piece, bytes) in mends {
        assert_eq!(piece.len, bytes.len());
        opened[piece.opened as usize][piece.at..piece.at + piece.len].copy_from_slice(bytes);
    }
}

fn input(bytes: &[u8]) -> Vec<u8> {
    circuit::encode(&Ask::Viewer(1, ViewerInput::Input { stream: StreamId(1), heard: 1, seq: 2, bytes }))
}

#[test]
fn what_is_typed_and_shown_is_left_out_and_all_else_stays() {
    let asks = |secret: &[u8]| said(1, &[input(secret), circuit::encode(&Ask::Room(1, 8)), input(secret)]);
    let mut plain = asks(b"hunter2");
    assert_eq!(Redactor::new(true).redact(0, &mut plain), Mends::new());
    assert_eq!(plain, asks(b"*******"));

    let bytes = |text: &[u8]| Bytes::from(text);
    let tells = |secret: &[u8]| {
        let data = ViewerOutput::Data { stream: StreamId(1), offset: 5, bytes: bytes(secret) };
        let (generation, size) = (Generation(4), Size::default());
        let snapshot =
            ViewerOutput::Snapshot { stream: StreamId(1), generation, offset: 5, size, bytes: bytes(secret) };
        said(1, &[circuit::encode(&Tell::Frame(1, data)), circuit::encode(&Tell::Part(1, snapshot))])
    };
    let mut plain = tells(b"hunter2");
    assert_eq!(Redactor::new(false).redact(0, &mut plain), Mends::new());
    assert_eq!(plain, tells(b"*******"));
}

#[test]
fn a_command_in_parts_is_whole_without_its_secrets_once_its_last_part_is_there() {
    let (whole, wanted) = (notes("hunter2, hunter2"), notes("****************"));
    let parts = |whole: &[u8]| {
        let [a, b, c] = [&whole[..1], &whole[1..5], &whole[5..]];
        vec![said(1, &[command(a, false)]), said(1, &[command(b, false)]), said(1, &[command(c, true)])]
    };
    let (mut opened, mut redactor) = (parts(&whole), Redactor::new(true));
    for number in 0..2 {
        assert_eq!(redactor.redact(number, &mut opened[number as usize]), Mends::new());
    }
    assert_eq!(opened[1], parts(&vec![FILLER; whole.len()])[1], "nothing of it is known yet");
    let mends = redactor.redact(2, &mut opened[2]);
    mended(&mut opened, &mends);
    assert_eq!(opened, parts(&wanted));
}

#[test]
fn an_answer_in_parts_too() {
    let answer = |notes: &str| {
        let reply = Reply::NotesText { notes: notes.into(), revision: 3 };
        circuit::encode(&Answer { result: Ok(reply), fact: None })
    };
    let parts = |whole: &[u8]| {
        let part = |last, bytes| circuit::encode(&Tell::Answer(1, Part { last, bytes }));
        vec![said(1, &[part(false, &whole[..4])]), said(1, &[part(true, &whole[4..])])]
    };
    let (mut opened, mut redactor) = (parts(&answer("hunter2")), Redactor::new(false));
    assert_eq!(redactor.redact(0, &mut opened[0]), Mends::new());
    let mends = redactor.redact(1, &mut opened[1]);
    mended(&mut opened, &mends);
    assert_eq!(opened, parts(&answer("*******")));
}

#[test]
fn what_another_circuit_has_begun_is_no_part_of_a_command() {
    let whole = notes("hunter2");
    let mut redactor = Redactor::new(true);
    redactor.redact(0, &mut said(1, &[command(&whole[..4], false)]));
    let mut again = said(2, &[command(&whole, true)]);
    assert_eq!(redactor.redact(1, &mut again), Mends::new());
    assert_eq!(again, said(2, &[command(&notes("*******"), true)]));
}

#[test]
fn of_what_cannot_be_read_nothing_is_kept() {
    let mut garbled = said(1, &[circuit::encode(&Ask::Room(1, 8)), vec![99, b'h', b'i']]);
    Redactor::new(true).redact(0, &mut garbled);
    assert_eq!(garbled, said(1, &[circuit::encode(&Ask::Room(1, 8)), vec![FILLER; 3]]));
    let mut no_command = said(1, &[command(b"hunter2", true)]);
    Redactor::new(true).redact(0, &mut no_command);
    assert_eq!(no_command, said(1, &[command(b"*******", true)]));
}

#[test]
fn variables_of_a_new_agent_keep_their_names() {
    let create = |value: &str| {
        let env = vec![("KEY".to_string(), value.to_string())];
        circuit::encode(&Command::Create(NewAgent { name: "a".into(), env, ..NewAgent::default() }))
    };
    let mut plain = said(1, &[command(&create("hunter2"), true)]);
    Redactor::new(true).redact(0, &mut plain);
    assert_eq!(plain, said(1, &[command(&create("*******"), true)]));
}
