//! A viewer of the tests: speaks the browser's protocol, keeps a screen per stream, checks every frame against the rules.

use crate::screen::Screen;
use crate::way::Way;
use crate::{PATIENCE, wait_until};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use tungstenite::{Message, WebSocket};

/// A connection.
pub struct TestViewer {
    socket: WebSocket<TcpStream>,
    way: Way,
    key: String,
    /// What each stream shows.
    pub streams: BTreeMap<u32, TestStream>,
    /// Control messages that nobody has asked for yet.
    pub inbox: VecDeque<Value>,
    /// Acknowledge what was processed (on unless a test wants a viewer that does not).
    pub acknowledge: bool,
}

impl std::fmt::Debug for TestViewer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestViewer").field("streams", &self.streams.len()).finish_non_exhaustive()
    }
}

/// One terminal that is looked at.
#[derive(Debug)]
pub struct TestStream {
    /// What it shows.
    pub screen: Screen,
    /// All data bytes since the last snapshot.
    pub data: Vec<u8>,
    /// Numbering and position.
    pub generation: String,
    /// Offset after the last byte.
    pub offset: u64,
    /// Snapshots so far.
    pub snapshots: u32,
    /// `you`, `other` or `none`.
    pub holder: String,
    /// Columns and rows.
    pub size: (u64, u64),
    /// The last acknowledged input.
    pub input_acked: u64,
    /// Reason of its end.
    pub ended: Option<String>,
    /// Bytes received in all.
    pub received: u64,
    opened: bool,
    /// `attached` and `input-lost` that came.
    heard: u32,
    agent: String,
    next_seq: u64,
    unacknowledged: VecDeque<(u64, Vec<u8>)>,
}

impl Default for TestStream {
    fn default() -> Self {
        TestStream {
            screen: Screen::new(80, 24),
            data: Vec::new(),
            generation: String::new(),
            offset: 0,
            snapshots: 0,
            holder: String::new(),
            size: (0, 0),
            input_acked: 0,
            ended: None,
            received: 0,
            opened: false,
            heard: 0,
            agent: String::new(),
            next_seq: 1,
            unacknowledged: VecDeque::new(),
        }
    }
}

fn open(way: &Way) -> WebSocket<TcpStream> {
    let socket = way.websocket();
    socket.get_ref().set_read_timeout(Some(Duration::from_millis(5))).expect("a timeout");
    socket
}

impl TestViewer {
    /// Connects, says hello and waits for the welcome.
    ///
    /// # Panics
    /// If the node does not let it in.
    #[must_use]
    pub fn connect(way: Way) -> Self {
        use std::hash::{BuildHasher, RandomState};
        let random = [RandomState::new().hash_one(0), RandomState::new().hash_one(1)];
        let mut key = String::new();
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let number = u128::from(random[0]) << 64 | u128::from(random[1]);
        for place in 0..21 {
            key.push(char::from(LETTERS[(number >> (122 - 6 * place) & 63) as usize]));
        }
        key.push(char::from(LETTERS[((number & 3) << 4) as usize]));
        let mut viewer = TestViewer {
            socket: open(&way),
            way,
            key,
            streams: BTreeMap::new(),
            inbox: VecDeque::new(),
            acknowledge: true,
        };
        viewer.hello();
        viewer
    }

    fn hello(&mut self) {
        let key = self.key.clone();
        self.say(&json!({ "t": "hello", "protocol": 1, "viewer": key }));
        self.expect("welcome");
    }

    /// Sends a control message.
    ///
    /// # Panics
    /// If the connection is broken.
    pub fn say(&mut self, message: &Value) {
        self.send(Message::text(message.to_string()));
    }

    fn send(&mut self, message: Message) {
        let until = Instant::now() + PATIENCE;
        let mut result = self.socket.send(message);
        while let Err(tungstenite::Error::Io(error)) = &result {
            if error.kind() != std::io::ErrorKind::WouldBlock || Instant::now() > until {
                let error = error.to_string();
                // The node says why before it goes.
                self.read();
                panic!("sending failed: {error}");
            }
            result = self.socket.flush();
        }
        result.expect("the connection holds");
    }

    /// Cuts the connection, comes back as the same viewer, and goes on with every stream from where it was.
    pub fn reconnect(&mut self) {
        self.socket = open(&self.way);
        self.inbox.clear();
        self.hello();
        let streams: Vec<u32> = self.streams.keys().copied().collect();
        for s in streams {
            let stream = &self.streams[&s];
            let (from, agent) =
                (json!({ "generation": stream.generation, "offset": stream.offset }), stream.agent.clone());
            self.say(&json!({ "t": "attach", "s": s, "agent": agent, "from": from, "take": "never" }));
        }
    }

    /// Looks at an agent's active terminal as stream `s` and waits for its first snapshot.
    pub fn attach(&mut self, s: u32, agent: &str, size: Option<(u16, u16)>, take: &str) {
        self.open(s, agent, size, take);
        self.wait(&format!("a snapshot of {agent}"), |viewer| viewer.streams[&s].snapshots > 0);
    }

    /// Looks at an agent and waits for nothing.
    pub fn open(&mut self, s: u32, agent: &str, size: Option<(u16, u16)>, take: &str) {
        let size = size.map(|(cols, rows)| json!({ "cols": cols, "rows": rows }));
        self.streams.insert(s, TestStream { agent: agent.to_string(), ..TestStream::default() });
        self.say(&json!({ "t": "attach", "s": s, "agent": agent, "size": size, "take": take }));
    }

    /// Types, numbered. Waits for room in the input window.
    pub fn type_bytes(&mut self, s: u32, bytes: &[u8]) {
        for chunk in bytes.chunks(16 << 10) {
            self.wait("room for input", |viewer| viewer.streams[&s].pending_bytes() + chunk.len() <= 64 << 10);
            let stream = self.streams.entry(s).or_default();
            let seq = stream.next_seq;
            stream.next_seq += 1;
            stream.unacknowledged.push_back((seq, chunk.to_vec()));
            self.send_input(s, seq, chunk);
        }
    }

    fn send_input(&mut self, s: u32, seq: u64, bytes: &[u8]) {
        let mut frame = vec![3];
        frame.extend_from_slice(&s.to_le_bytes());
        frame.extend_from_slice(&seq.to_le_bytes());
        frame.extend_from_slice(&self.streams[&s].heard.to_le_bytes());
        frame.extend_from_slice(bytes);
        self.send(Message::binary(frame));
    }

    /// Reads until the condition holds.
    ///
    /// # Panics
    /// After [`PATIENCE`], or when a frame breaks the protocol.
    pub fn wait(&mut self, what: &str, condition: impl Fn(&TestViewer) -> bool) {
        if condition(self) {
            return;
        }
        let me = std::cell::RefCell::new(self);
        wait_until(what, || {
            let mut viewer = me.borrow_mut();
            viewer.read();
            condition(&viewer)
        });
    }

    /// The next control message with this `t`.
    pub fn expect(&mut self, t: &str) -> Value {
        self.wait(t, |viewer| viewer.inbox.iter().any(|message| message["t"] == t));
        let at = self.inbox.iter().position(|message| message["t"] == t).expect("it is there");
        self.inbox.remove(at).expect("it is there")
    }

    /// Reads what is there now.
    pub fn read(&mut self) {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let message: Value = serde_json::from_str(text.as_str()).expect("control messages are JSON");
                    self.control(message);
                }
                Ok(Message::Binary(bytes)) => self.bytes(&bytes),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(error) => panic!("the connection broke: {error}"),
            }
        }
    }

    fn control(&mut self, message: Value) {
        let number = |name: &str| message[name].as_u64().unwrap_or(0);
        let s = u32::try_from(number("s")).expect("a stream");
        let mut repeat = Vec::new();
        if let Some(stream) = self.streams.get_mut(&s) {
            let words = |name: &str| message[name].as_str().unwrap_or("").to_string();
            match message["t"].as_str().unwrap_or("") {
                "attached" => {
                    stream.generation = words("generation");
                    stream.holder = words("holder");
                    stream.size = (number("cols"), number("rows"));
                    stream.opened = true;
                    stream.heard += 1;
                    if message["input_known"] == true {
                        stream.acked(number("input_seq"));
                        repeat.extend(stream.unacknowledged.iter().cloned());
                    }
                }
                "size" => {
                    stream.holder = words("holder");
                    stream.size = (number("cols"), number("rows"));
                }
                "input-ack" => stream.acked(number("seq")),
                "input-lost" => stream.heard += 1,
                "ended" => stream.ended = Some(words("reason")),
                "error" => panic!("the node complains: {message}"),
                _ => {}
            }
        }
        for (seq, bytes) in repeat {
            self.send_input(s, seq, &bytes);
        }
        self.inbox.push_back(message);
    }

    fn bytes(&mut self, frame: &[u8]) {
        let s = u32::from_le_bytes(frame[1..5].try_into().expect("a header"));
        let offset = u64::from_le_bytes(frame[5..13].try_into().expect("a header"));
        let acknowledge = self.acknowledge;
        // Frames of a stream that was just left may still come.
        let Some(stream) = self.streams.get_mut(&s) else { return };
        assert!(stream.opened, "bytes come after 'attached'");
        stream.received += frame.len() as u64;
        match frame[0] {
            1 => {
                assert_eq!(offset, stream.offset, "nothing missing, nothing twice");
                stream.screen.write(&frame[13..]);
                stream.data.extend_from_slice(&frame[13..]);
                stream.offset += (frame.len() - 13) as u64;
            }
            2 => {
                let half = |at: usize| u16::from_le_bytes(frame[at..at + 2].try_into().expect("a header"));
                stream.screen = Screen::new(half(21), half(23));
                stream.screen.write(&frame[25..]);
                stream.data.clear();
                stream.offset = offset;
                stream.snapshots += 1;
            }
            kind => panic!("a frame of kind {kind}"),
        }
        let processed = stream.offset;
        if acknowledge {
            let mut ack = vec![4];
            ack.extend_from_slice(&s.to_le_bytes());
            ack.extend_from_slice(&processed.to_le_bytes());
            self.send(Message::binary(ack));
        }
    }
}

impl TestStream {
    fn acked(&mut self, seq: u64) {
        self.input_acked = self.input_acked.max(seq);
        while self.unacknowledged.front().is_some_and(|(first, _)| *first <= seq) {
            self.unacknowledged.pop_front();
        }
    }

    /// How much of what was typed is not acknowledged.
    #[must_use]
    pub fn pending_bytes(&self) -> usize {
        self.unacknowledged.iter().map(|(_, bytes)| bytes.len()).sum()
    }

    /// Whether everything typed is acknowledged.
    #[must_use]
    pub fn all_acked(&self) -> bool {
        self.unacknowledged.is_empty()
    }
}
