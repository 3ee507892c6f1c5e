//! A lean viewer: reads frames as fast as it can and acknowledges them; no emulator.

use consort_tests::TestNode;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tungstenite::{Bytes, Message, WebSocket};

/// A connection to the node.
pub(crate) struct Client {
    socket: WebSocket<TcpStream>,
    seq: u64,
    ended: bool,
    /// `attached` and `input-lost` of each stream.
    heard: BTreeMap<u64, u32>,
}

/// What came in.
pub(crate) enum Frame {
    /// Output.
    Data(Bytes),
    /// A snapshot of a stream.
    Snapshot(u32, Bytes),
    /// Something else.
    Other,
}

impl Frame {
    /// The terminal bytes in it.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Frame::Data(bytes) => &bytes[13..],
            Frame::Snapshot(_, bytes) => &bytes[25..],
            Frame::Other => &[],
        }
    }
}

impl Client {
    pub(crate) fn connect(node: &TestNode) -> Self {
        let mut socket = node.way().websocket();
        socket.get_ref().set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
        // Each client is a viewer of its own: its input numbers begin at 1.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let viewer = format!("{:0>21}A", COUNT.fetch_add(1, Ordering::Relaxed));
        let hello = format!(r#"{{"t":"hello","protocol":1,"viewer":"{viewer}"}}"#);
        socket.send(Message::text(hello)).expect("sent");
        Client { socket, seq: 0, ended: false, heard: BTreeMap::new() }
    }

    pub(crate) fn attach(&mut self, s: u32, agent: &str) {
        let attach = format!(r#"{{"t":"attach","s":{s},"agent":"{agent}","take":"never"}}"#);
        self.socket.send(Message::text(attach)).expect("sent");
    }

    pub(crate) fn type_bytes(&mut self, s: u32, bytes: &[u8]) {
        self.seq += 1;
        let mut frame = vec![3];
        frame.extend_from_slice(&s.to_le_bytes());
        frame.extend_from_slice(&self.seq.to_le_bytes());
        frame.extend_from_slice(&self.heard.get(&u64::from(s)).copied().unwrap_or(0).to_le_bytes());
        frame.extend_from_slice(bytes);
        self.socket.send(Message::binary(frame)).expect("sent");
    }

    /// The next frame, acknowledged.
    pub(crate) fn next(&mut self) -> Frame {
        let bytes = match self.socket.read().expect("the connection holds") {
            Message::Binary(bytes) => bytes,
            Message::Text(text) => {
                self.control(&serde_json::from_str(text.as_str()).expect("control messages are JSON"));
                return Frame::Other;
            }
            _ => return Frame::Other,
        };
        let s = u32::from_le_bytes(bytes[1..5].try_into().expect("a header"));
        let offset = u64::from_le_bytes(bytes[5..13].try_into().expect("a header"));
        let (frame, end) = match bytes[0] {
            1 => (Frame::Data(bytes.clone()), offset + bytes.len() as u64 - 13),
            _ => (Frame::Snapshot(s, bytes.clone()), offset),
        };
        let mut ack = vec![4];
        ack.extend_from_slice(&s.to_le_bytes());
        ack.extend_from_slice(&end.to_le_bytes());
        self.socket.send(Message::binary(ack)).expect("sent");
        frame
    }

    fn control(&mut self, message: &Value) {
        match message["t"].as_str() {
            Some("ended") => self.ended = true,
            Some("attached" | "input-lost") => *self.heard.entry(message["s"].as_u64().unwrap_or(0)).or_default() += 1,
            _ => {}
        }
    }

    /// A stream has ended.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Reads until a snapshot of the stream has come.
    pub(crate) fn wait_snapshot(&mut self, s: u32) -> Bytes {
        loop {
            if let Frame::Snapshot(stream, bytes) = self.next()
                && stream == s
            {
                return bytes;
            }
        }
    }

    /// Reads until `needle` was printed.
    pub(crate) fn wait_text(&mut self, needle: &[u8]) -> u64 {
        let mut tail = Vec::new();
        let mut received = 0;
        loop {
            let frame = self.next();
            let bytes = frame.bytes();
            received += bytes.len() as u64;
            let from = bytes.len().saturating_sub(64 << 10);
            tail.extend_from_slice(&bytes[from..]);
            if tail.windows(needle.len()).any(|part| part == needle) {
                return received;
            }
            let keep = tail.len().min(needle.len());
            tail.drain(..tail.len() - keep);
        }
    }
}
