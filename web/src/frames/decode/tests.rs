//! Both directions of the WebSocket protocol: the examples of the protocol page, every rule, and every byte.

use super::*;
use crate::frames::{Frame, KIND_DATA, KIND_SNAPSHOT, encode};
use consort_core::streams::Bytes;
use consort_core::{AgentId, EndReason, Holder, TerminalId, ViewerOutput};
use proptest::prelude::*;

fn text(json: &str) -> Result<ClientMessage<'_>, ProtocolError> {
    decode(OWN, Incoming::Text(json))
}

fn input(json: &str) -> ViewerInput<'_> {
    match text(json) {
        Ok(ClientMessage::Viewer(input)) => input,
        other => panic!("{json}: {other:?}"),
    }
}

fn frame(kind: u8, stream: u32, number: u64, bytes: &[u8]) -> Vec<u8> {
    [&[kind][..], &stream.to_le_bytes(), &number.to_le_bytes(), bytes].concat()
}

fn typed_frame(stream: u32, heard: u32, seq: u64, bytes: &[u8]) -> Vec<u8> {
    frame(KIND_INPUT, stream, seq, &[&heard.to_le_bytes(), bytes].concat())
}

const OWN: NodeId = NodeId([7; 32]);
const AGENT: AgentId = AgentId(0x0123_4567_89ab_cdef);
const AT: AgentAddress = AgentAddress { node: OWN, agent: AGENT };

#[test]
fn every_text_message_of_the_protocol_is_understood() {
    let id = AGENT.to_string();
    let hello = r#"{"t":"hello","protocol":1,"viewer":"AAECAwQFBgcICQoLDA0ODw"}"#;
    assert_eq!(text(hello), Ok(ClientMessage::Hello(ViewerKey(std::array::from_fn(|at| at as u8)))));
    assert_eq!(text(r#"{"t":"ping","id":5}"#), Ok(ClientMessage::Ping(5)));
    let attach = format!(
        r#"{{"t":"attach","s":7,"agent":"{id}","terminal":3,"from":{{"generation":"00000000000000ff","offset":123}},
            "size":{{"cols":120,"rows":40}},"take":"if-free"}}"#
    );
    let expected = ViewerInput::Attach {
        stream: StreamId(7),
        agent: AT,
        pane: Some(3),
        from: Some((Generation(255), 123)),
        size: Some(Size::clamped(120, 40)),
        take: Take::IfFree,
    };
    assert_eq!(input(&attach), expected);
    let least = format!(r#"{{"t":"attach","s":7,"agent":"{id}","terminal":null,"from":null,"size":null}}"#);
    let expected =
        ViewerInput::Attach { stream: StreamId(7), agent: AT, pane: None, from: None, size: None, take: Take::Never };
    assert_eq!(input(&least), expected);
    assert_eq!(
        input(r#"{"t":"size","s":7,"take":"always","cols":70000,"rows":0}"#),
        ViewerInput::Resize { stream: StreamId(7), size: Size::clamped(1_000, 1), take: Take::Always }
    );
    assert_eq!(input(r#"{"t":"release","s":7}"#), ViewerInput::Release(StreamId(7)));
    assert_eq!(input(r#"{"t":"detach","s":7}"#), ViewerInput::Detach(StreamId(7)));
    assert_eq!(input(&format!(r#"{{"t":"seen","agent":"{id}"}}"#)), ViewerInput::Seen(AT));
}

#[test]
fn a_text_message_that_breaks_a_rule_is_refused_with_it() {
    let code = |json: &str| text(json).unwrap_err().code();
    assert_eq!(code(""), "bad-json");
    assert_eq!(code("{"), "bad-json");
    assert_eq!(code("[]"), "bad-json");
    assert_eq!(code(r#"{"t":5}"#), "bad-json");
    assert_eq!(code(r#"{"t":"nothing"}"#), "unknown-message");
    assert_eq!(code(r#"{"t":"ping","id":5,"more":1}"#), "bad-json");
    assert_eq!(code(r#"{"t":"ping","t":"ping","id":5}"#), "bad-json");
    assert_eq!(code(r#"{"t":"ping","id":-5}"#), "bad-json");
    assert_eq!(code(r#"{"t":"ping","id":5} x"#), "bad-json");
    assert_eq!(code(r#"{"t":"detach","s":4294967296}"#), "bad-json");
    assert_eq!(code(r#"{"t":"seen","agent":"no id"}"#), "bad-field");
    assert_eq!(code(r#"{"t":"hello","protocol":2,"viewer":"AAECAwQFBgcICQoLDA0ODw"}"#), "version");
    for viewer in
        ["", "AAECAwQFBgcICQoLDA0OD", "AAECAwQFBgcICQoLDA0ODw=", "AAECAwQFBgcICQoLDA0OD/", "AAECAwQFBgcICQoLDA0ODx"]
    {
        assert_eq!(code(&format!(r#"{{"t":"hello","protocol":1,"viewer":"{viewer}"}}"#)), "bad-field", "{viewer}");
    }
    for generation in ["ff", "00000000000000FF", "+0000000000000ff", "00000000000000000", "gggggggggggggggg"] {
        let json =
            format!(r#"{{"t":"attach","s":1,"agent":"{AGENT}","from":{{"generation":"{generation}","offset":0}}}}"#);
        assert_eq!(code(&json), "bad-field", "{generation}");
    }
    let message = text(r#"{"t":"ping","id":5,"more":1}"#).unwrap_err().to_string();
    assert!(message.contains("unknown field `more`") && message.contains("column"), "{message}");
}

#[test]
fn input_and_acknowledgements_are_binary() {
    let typed = typed_frame(7, 2, 9, b"ls\r");
    let expected = ViewerInput::Input { stream: StreamId(7), heard: 2, seq: 9, bytes: b"ls\r" };
    assert_eq!(decode(OWN, Incoming::Binary(&typed)), Ok(ClientMessage::Viewer(expected)));
    let ack = frame(KIND_ACK, 7, u64::MAX, b"");
    let expected = ViewerInput::Ack { stream: StreamId(7), offset: u64::MAX };
    assert_eq!(decode(OWN, Incoming::Binary(&ack)), Ok(ClientMessage::Viewer(expected)));
}

#[test]
fn a_binary_frame_that_breaks_a_rule_is_refused_with_it() {
    let error = |bytes: &[u8]| decode(OWN, Incoming::Binary(bytes)).unwrap_err();
    assert_eq!(error(b""), ProtocolError::Length(0));
    assert_eq!(error(&typed_frame(7, 1, 9, b"")[..16]), ProtocolError::Length(16));
    assert_eq!(error(&frame(KIND_ACK, 7, 9, b"x")), ProtocolError::Length(14));
    for kind in [0, KIND_DATA, KIND_SNAPSHOT, 5, 255] {
        assert_eq!(error(&frame(kind, 7, 9, b"")), ProtocolError::UnknownKind(kind));
    }
    let long = vec![0; INPUT_CHUNK_BYTES + 1];
    assert_eq!(error(&typed_frame(7, 1, 9, &long)), ProtocolError::InputTooLong(long.len()));
    assert!(decode(OWN, Incoming::Binary(&typed_frame(7, 1, 9, &long[1..]))).is_ok());
}

#[test]
fn terminal_bytes_go_out_behind_the_headers_of_the_protocol() {
    let data = ViewerOutput::Data { stream: StreamId(7), offset: 123, bytes: Bytes::from(&b"hello"[..]) };
    assert_eq!(encode(OWN, &data), Frame::Binary(frame(KIND_DATA, 7, 123, b"hello")));
    let snapshot = ViewerOutput::Snapshot {
        stream: StreamId(7),
        generation: Generation(0xff),
        offset: 123,
        size: Size::clamped(120, 40),
        bytes: Bytes::from(&b"screen"[..]),
    };
    let after = [&255_u64.to_le_bytes()[..], &120_u16.to_le_bytes(), &40_u16.to_le_bytes(), b"screen"].concat();
    assert_eq!(encode(OWN, &snapshot), Frame::Binary(frame(KIND_SNAPSHOT, 7, 123, &after)));
}

#[test]
fn every_other_output_is_the_text_message_of_the_protocol() {
    let stream = StreamId(7);
    let size = Size::clamped(120, 40);
    let attached = ViewerOutput::Attached {
        stream,
        node: OWN,
        terminal: TerminalId { agent: AGENT, pane: 3 },
        generation: Generation(0xff),
        offset: 123,
        input_seq: 9,
        input_known: true,
        size,
        holder: Holder::You,
    };
    let far = ViewerOutput::Attached {
        stream,
        node: NodeId([5; 32]),
        terminal: TerminalId { agent: AGENT, pane: 3 },
        generation: Generation(0xff),
        offset: 0,
        input_seq: 0,
        input_known: false,
        size,
        holder: Holder::Other,
    };
    let at = NodeId([5; 32]);
    let lost = ViewerOutput::InputLost { stream, seq: 10, message: "tmux said \"no\"".to_owned() };
    let cases = [
        (
            attached,
            format!(
                r#"{{"t":"attached","s":7,"agent":"{AGENT}","terminal":3,"generation":"00000000000000ff","offset":123,"input_seq":9,"input_known":true,"cols":120,"rows":40,"holder":"you"}}"#
            ),
        ),
        (
            far,
            format!(
                r#"{{"t":"attached","s":7,"agent":"{AGENT}@{at}","terminal":3,"generation":"00000000000000ff","offset":0,"input_seq":0,"input_known":false,"cols":120,"rows":40,"holder":"other"}}"#
            ),
        ),
        (
            ViewerOutput::Size { stream, size, holder: Holder::Nobody },
            r#"{"t":"size","s":7,"cols":120,"rows":40,"holder":"none"}"#.to_owned(),
        ),
        (ViewerOutput::InputAck { stream, seq: 9 }, r#"{"t":"input-ack","s":7,"seq":9}"#.to_owned()),
        (lost, r#"{"t":"input-lost","s":7,"seq":10,"message":"tmux said \"no\""}"#.to_owned()),
        (
            ViewerOutput::Ended { stream, reason: EndReason::Exited },
            r#"{"t":"ended","s":7,"reason":"exited","message":""}"#.to_owned(),
        ),
    ];
    for (output, json) in cases {
        assert_eq!(encode(OWN, &output), Frame::Text(json));
    }
}

proptest! {
    #[test]
    fn every_frame_is_a_message_or_an_error(bytes: Vec<u8>, json in "\\PC{0,60}") {
        let _ = decode(OWN, Incoming::Binary(&bytes));
        let _ = decode(OWN, Incoming::Text(&json));
        let _ = decode(OWN, Incoming::Text(&format!(r#"{{"t":"attach","s":1,{json}}}"#)));
    }

    #[test]
    fn input_comes_out_as_it_went_in(stream: u32, heard: u32, seq: u64, bytes in prop::collection::vec(any::<u8>(), 0..INPUT_CHUNK_BYTES)) {
        let frame = typed_frame(stream, heard, seq, &bytes);
        let expected = ViewerInput::Input { stream: StreamId(stream), heard, seq, bytes: &bytes };
        prop_assert_eq!(decode(OWN, Incoming::Binary(&frame)), Ok(ClientMessage::Viewer(expected)));
    }

    #[test]
    fn data_keeps_every_byte_in_a_frame_without_spare_room(stream: u32, offset: u64, bytes: Vec<u8>) {
        let output = ViewerOutput::Data { stream: StreamId(stream), offset, bytes: Bytes::from(bytes.as_slice()) };
        let Frame::Binary(sent) = encode(OWN, &output) else { panic!("data is binary") };
        prop_assert_eq!(&sent, &frame(KIND_DATA, stream, offset, &bytes));
        prop_assert_eq!(sent.capacity(), sent.len());
    }

    #[test]
    fn a_viewer_key_has_one_spelling(key: [u8; 16]) {
        let json = format!(r#"{{"t":"hello","protocol":1,"viewer":"{}"}}"#, BASE64URL_NOPAD.encode(&key));
        prop_assert_eq!(text(&json), Ok(ClientMessage::Hello(ViewerKey(key))));
    }
}
