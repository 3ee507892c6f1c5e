//! Strangers at a node's door: what they may say before they have proven who they are, and that nothing of it harms anybody.

use consort_tests::{FaultRelay, TestNode, wait_until};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Longer than a stranger may take, shorter than a test that hangs.
const PATIENCE: Duration = Duration::from_secs(15);

/// A connection to `address` that has asked for a link; the status of the answer.
fn knock(address: SocketAddr, more: &str) -> (TcpStream, u16) {
    let mut stream = TcpStream::connect(address).expect("the node listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let request = format!(
        "GET /link HTTP/1.1\r\nHost: anything\r\n{more}Connection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).expect("the request is sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer");
        head.push(byte[0]);
    }
    let status = String::from_utf8_lossy(&head).split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (stream, status)
}

fn address(node: &TestNode) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], node.port()))
}

/// A masked binary WebSocket frame (with a mask of zeros).
fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x82, 0x80 | 126];
    frame.extend((payload.len() as u16).to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// How long it takes until the node ends the connection.
fn until_closed(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    let mut buffer = [0; 4_096];
    while matches!(stream.read(&mut buffer), Ok(1..)) {}
    begun.elapsed()
}

#[test]
fn a_page_cannot_speak_to_the_door_of_nodes() {
    let node = TestNode::start();
    assert_eq!(knock(address(&node), "Origin: http://evil.example\r\n").1, 403);
    assert_eq!(knock(address(&node), &format!("Origin: http://localhost:{}\r\n", node.port())).1, 403);
    assert_eq!(knock(address(&node), "Cookie: a=b\r\n").1, 101);
}

#[test]
fn who_says_nothing_garbage_or_too_much_is_sent_away() {
    let node = TestNode::start();
    let memory = node.memory_bytes();
    let (mut silent, _) = knock(address(&node), "");
    for payload in [&b"garbage"[..], &[1, 0], &[1, 0, 7, 7], &[1, 9], &[0; 3_000], &[]] {
        let (mut stream, _) = knock(address(&node), "");
        stream.write_all(&frame(payload)).expect("it is sent");
        assert!(until_closed(&mut stream) < Duration::from_secs(3), "{payload:?}");
    }
    // A first message of the right length, which is no point of the curve that anybody has the key of, and then nothing.
    let (mut half, _) = knock(address(&node), "");
    half.write_all(&frame(&[&[1, 0][..], &[9; 32]].concat())).expect("it is sent");
    let (mut huge, _) = knock(address(&node), "");
    huge.write_all(&[0x82, 0x80 | 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])
        .expect("it is sent");
    assert!(until_closed(&mut huge) < Duration::from_secs(3));
    let (mut many, _) = knock(address(&node), "");
    let first = frame(&[&[1, 0][..], &[9; 32]].concat());
    many.write_all(&first).and_then(|()| many.write_all(&frame(&[0; 4_090]))).expect("it is sent");
    assert!(until_closed(&mut many) < Duration::from_secs(3), "more than 4 KiB in all");
    assert!(until_closed(&mut silent) < Duration::from_secs(8));
    assert!(until_closed(&mut half) < Duration::from_secs(8));
    assert!(node.memory_bytes() < memory + (8 << 20), "a stranger's numbers are not allocated for");
    assert_eq!(node.get("/api/peers")["peers"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_flood_of_strangers_keeps_nobody_out() {
    let (desk, laptop) = (TestNode::named("desk"), TestNode::named("laptop"));
    let flood: Vec<_> = (0..300).map(|_| knock(address(&desk), "")).collect();
    // They all come from this machine's address, as the laptop does.
    laptop.join(&desk);
    drop(flood);
}

#[test]
fn what_a_node_has_said_is_worth_nothing_when_somebody_else_says_it_again() {
    let (desk, laptop) = (TestNode::hidden("desk"), TestNode::hidden("laptop"));
    let wire = FaultRelay::before(desk.port());
    laptop.ask(&desk, &wire.address());
    wait_until("the link", || desk.reaches("laptop") && laptop.reaches("desk"));
    let linked = || desk.peers()["laptop"]["since_ms"].as_u64().expect("a time");
    let since = linked();
    let conversations = wire.said();
    assert!(conversations.len() >= 2, "it has asked, and it has linked");
    for said in conversations {
        // All of it at once, and only the handshake with nothing after it.
        for words in [&said[..], &said[..said.len().min(700)]] {
            let mut stream = TcpStream::connect(address(&desk)).expect("it listens");
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            // It may be sent away before it has said everything.
            let _ = stream.write_all(words);
            assert!(until_closed(&mut stream) < Duration::from_secs(8));
        }
    }
    assert!(linked() >= since, "it was there all the time");
    assert_eq!(desk.get("/api/peers")["requests"], serde_json::json!([]), "nobody has asked again");
}

#[test]
fn a_removed_machine_is_a_stranger_however_often_it_dials() {
    let (desk, laptop) = (TestNode::hidden("desk"), TestNode::hidden("laptop"));
    let wire = FaultRelay::before(desk.port());
    laptop.ask(&desk, &wire.address());
    wait_until("the link", || desk.reaches("laptop") && laptop.reaches("desk"));
    // It does not hear that it was removed: the wire stands still until its link is given up.
    wire.stall();
    assert_eq!(desk.cli(&["remove", "laptop", "--yes"]).0, 0);
    wait_until("it is gone", || desk.peers().is_empty());
    let dialled = wire.said().len();
    wire.go_on();
    wire.half_open();
    wait_until("it has dialled again, or heard of it", || {
        wire.said().len() > dialled || laptop.get("/api/nodes")["nodes"][0]["removed"] == true
    });
    wait_until("it knows", || laptop.get("/api/nodes")["nodes"][0]["removed"] == true);
    assert!(desk.peers().is_empty() && !laptop.reaches("desk"));
    assert_eq!(desk.get("/api/peers")["requests"], serde_json::json!([]));
}

#[test]
fn somebody_else_at_a_members_address_gets_no_link() {
    let (desk, mut laptop) = (TestNode::named("desk"), TestNode::named("laptop"));
    laptop.join(&desk);
    let port = laptop.port();
    laptop.kill();
    wait_until("it is gone", || !desk.reaches("laptop"));
    let mut thief = TestNode::prepared_at(port);
    thief.run_named("laptop", &[]);
    std::thread::sleep(Duration::from_secs(4));
    assert!(!desk.reaches("laptop") && thief.peers().is_empty());
}

#[test]
fn other_addresses_are_for_nodes_alone_and_only_once_somebody_is_invited() {
    let node = TestNode::named("desk");
    let listening = || node.get("/api/peers")["listening"].as_array().cloned().unwrap_or_default();
    assert!(listening().is_empty(), "nothing listens outside of the machine");
    let _ = node.invite();
    // A machine without any other address has nothing to open.
    for place in listening() {
        let place: SocketAddr = place.as_str().and_then(|text| text.parse().ok()).expect("an address");
        assert_eq!(knock(place, "").1, 101);
        let mut stream = TcpStream::connect(place).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let request = format!(
            "GET /api/agents HTTP/1.1\r\nHost: localhost:{}\r\nAuthorization: Bearer {}\r\n\r\n",
            node.port(),
            node.token()
        );
        stream.write_all(request.as_bytes()).expect("it is sent");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 404 "), "not even with the token: {answer}");
    }
}
