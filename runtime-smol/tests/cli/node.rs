//! A node made of canned answers: its control socket, and WebSockets that the test itself plays.

use async_tungstenite::tungstenite::{Message, WebSocket, accept};
use serde_json::{Value, json};
use std::io::{Cursor, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long anything may take that is waited for.
pub(crate) const BOUND: Duration = Duration::from_secs(30);

/// A method, a path and a body.
pub(crate) type Request = (String, String, Value);

pub(crate) struct FakeNode {
    folder: tempfile::TempDir,
    agents: Value,
    requests: Arc<Mutex<Vec<Request>>>,
    viewers: Receiver<Viewer>,
}

/// An agent as the API has it.
pub(crate) fn agent(id: &str, name: &str) -> Value {
    let segments: Vec<&str> = name.splitn(3, '-').collect();
    let (leaf, path) = segments.split_last().unwrap();
    json!({"id":id,"node":"n","name":name,"path":path,"leaf":leaf,"backend":"tmux","managed":true,"running":true,
        "wanted":"running","autostart":true,"state":{"kind":"working","why":"printed output","source":"output","age_ms":12_000},
        "program":"claude","args":[],"directory":"/home/me/zoom","notes":"one\ntwo","notes_revision":1,"tags":[],
        "created_unix_ms":1,"terminals":[{"id":3,"title":"Fix the build","command":"node","cols":80,"rows":24,
        "active":true,"window":"1:zsh","exit_code":null}]})
}

impl FakeNode {
    pub(crate) fn start(agents: Vec<Value>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("control.sock")).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (new_viewers, viewers) = channel();
        let agents = Value::from(agents);
        let (known, seen) = (agents.clone(), requests.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (known, seen, viewers) = (known.clone(), seen.clone(), new_viewers.clone());
                std::thread::spawn(move || serve(stream, &known, &seen, &viewers));
            }
        });
        FakeNode { folder, agents, requests, viewers }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn agents(&self) -> Value {
        self.agents.clone()
    }

    /// The last request.
    pub(crate) fn last(&self) -> Request {
        self.requests.lock().unwrap().last().cloned().expect("there was a request")
    }

    /// The last request that changed something.
    pub(crate) fn last_change(&self) -> Request {
        let requests = self.requests.lock().unwrap();
        requests.iter().rfind(|(method, _, _)| method != "GET").cloned().expect("there was one")
    }

    /// How many requests there were that changed something.
    pub(crate) fn changes(&self) -> usize {
        self.requests.lock().unwrap().iter().filter(|(method, _, _)| method != "GET").count()
    }

    /// The next WebSocket that somebody opens.
    pub(crate) fn viewer(&self) -> Viewer {
        self.viewers.recv_timeout(BOUND).expect("a viewer connects")
    }
}

fn serve(mut stream: UnixStream, agents: &Value, seen: &Mutex<Vec<Request>>, viewers: &Sender<Viewer>) {
    stream.set_read_timeout(Some(BOUND)).unwrap();
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        let mut buffer = [0; 4_096];
        match stream.read(&mut buffer) {
            Ok(count @ 1..) => bytes.extend_from_slice(&buffer[..count]),
            _ => return,
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).unwrap();
    let mut words = head.split(' ');
    let (method, path) = (words.next().unwrap().to_string(), words.next().unwrap().to_string());
    if path == "/ws" {
        let stream = Replayed { first: Cursor::new(bytes), stream };
        let _ = viewers.send(Viewer { socket: accept(stream).unwrap() });
        return;
    }
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).map_or(0, |n| n.parse().unwrap());
    let mut body = bytes[head_end..].to_vec();
    body.resize(length, 0);
    stream.read_exact(&mut body[bytes.len() - head_end..]).unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let (status, answer) = answer(&method, &path, &body, agents);
    seen.lock().unwrap().push((method, path, body));
    let answer = answer.to_string();
    let _ = write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{answer}", answer.len());
}

/// What the node says to a request.
fn answer(method: &str, path: &str, body: &Value, agents: &Value) -> (u16, Value) {
    let changed = json!({"agent": agent("nnnnnnnnnnnnn", "a-b")});
    match (method, path) {
        ("GET", "/") => (200, json!("<html>")),
        ("GET", "/api/health") => {
            (200, json!({"status":"ok","version":env!("CARGO_PKG_VERSION"),"node":"abcdefg","uptime_ms":61_000}))
        }
        ("GET", "/api/agents") => (200, json!({ "agents": agents })),
        ("GET", "/api/nodes") => {
            let own = json!({"id":"n","name":"laptop","home":"/home/me","self":true,"reachable":true});
            let far = json!({"id":"m","name":"server","home":"/home/me","reachable":false,"since_ms":240_000});
            // The other machine is there as soon as it has an agent.
            let several = agents.as_array().unwrap().iter().any(|agent| agent["node"] == "m");
            (200, if several { json!({"nodes":[own, far]}) } else { json!({"nodes":[own]}) })
        }
        ("GET", "/api/peers") => (200, json!({"peers":[{"id":"n","name":"laptop","self":true,"reachable":true}]})),
        ("GET", "/api/place") => (200, json!({"serving":["127.0.0.1:4711"],"tmux_socket":"no-such-server"})),
        ("POST", "/api/agents") => (201, changed),
        ("POST", "/api/link") => (200, json!({"url":"http://localhost:23000/#token=t"})),
        ("PATCH", _) if body["name"] == "taken" => (
            409,
            json!({"error":{"code":"name-taken","message":"An agent named taken exists already.",
                "hint":"Choose another name or rename that one."}}),
        ),
        ("DELETE", _) => (200, json!({"deleted":"x"})),
        ("POST", path) if path.ends_with("/input") => {
            (200, json!({"written":5,"submitted":body["submit"] == true && body["text"] != "never-submitted"}))
        }
        ("GET", path) if path.contains("/screen") => {
            (200, json!({"cols":80,"rows":24,"cursor":{"col":0,"row":0},"text":"$ ls\n\u{1b}[31mfile\n\n\n"}))
        }
        ("GET", path) if path.ends_with("/notes") => (200, json!({"notes":"remember the milk","revision":1})),
        ("PUT", path) if path.ends_with("/notes") => (200, json!({"revision":2})),
        ("PATCH" | "POST", _) => (200, changed),
        _ => (404, json!({"error":{"code":"not-found","message":"There is nothing here.","hint":""}})),
    }
}

/// A stream whose first bytes were read already.
pub(crate) struct Replayed {
    first: Cursor<Vec<u8>>,
    stream: UnixStream,
}

impl Read for Replayed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self.first.read(buffer)? {
            0 => self.stream.read(buffer),
            count => Ok(count),
        }
    }
}

impl Write for Replayed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

/// The stream, the number and the bytes of a frame.
fn frame(bytes: &[u8]) -> (u32, u64, Vec<u8>) {
    let stream = u32::from_le_bytes(bytes[1..5].try_into().unwrap());
    let number = u64::from_le_bytes(bytes[5..13].try_into().unwrap());
    // Behind the number of an input is what its viewer had heard.
    let header = if bytes[0] == 3 { 17 } else { 13 };
    (stream, number, bytes[header..].to_vec())
}

/// The node's end of a viewer's WebSocket. Reading waits, within a bound.
pub(crate) struct Viewer {
    socket: WebSocket<Replayed>,
}

impl Viewer {
    /// The next text message and the next binary frame of these kinds, in whatever order they come.
    pub(crate) fn hears_and_receives(&mut self, text_kind: &str, frame_kind: u8) -> (Value, (u32, u64, Vec<u8>)) {
        let (mut heard, mut received) = (None, None);
        loop {
            match self.socket.read().expect(text_kind) {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(text.as_str()).unwrap();
                    heard = heard.or_else(|| (message["t"] == text_kind).then_some(message));
                }
                Message::Binary(bytes) if bytes[0] == frame_kind => received = received.or_else(|| Some(frame(&bytes))),
                _ => {}
            }
            if let (Some(heard), Some(received)) = (&heard, &received) {
                return (heard.clone(), received.clone());
            }
        }
    }

    /// The next text message of this kind; others are passed over.
    pub(crate) fn hears(&mut self, kind: &str) -> Value {
        loop {
            if let Message::Text(text) = self.socket.read().expect(kind) {
                let message: Value = serde_json::from_str(text.as_str()).unwrap();
                if message["t"] == kind {
                    return message;
                }
            }
        }
    }

    /// The next binary frame of this kind, without the kind: 3 is input, 4 an acknowledgement.
    pub(crate) fn receives(&mut self, kind: u8) -> (u32, u64, Vec<u8>) {
        loop {
            if let Message::Binary(bytes) = self.socket.read().expect("a frame")
                && bytes[0] == kind
            {
                return frame(&bytes);
            }
        }
    }

    pub(crate) fn says(&mut self, message: &Value) {
        self.socket.send(Message::text(message.to_string())).unwrap();
    }

    pub(crate) fn sends_data(&mut self, stream: u32, offset: u64, bytes: &[u8]) {
        let frame = [&[1][..], &stream.to_le_bytes(), &offset.to_le_bytes(), bytes].concat();
        self.socket.send(Message::binary(frame)).unwrap();
    }

    pub(crate) fn sends_snapshot(&mut self, stream: u32, offset: u64, (cols, rows): (u16, u16), bytes: &[u8]) {
        let frame = [
            &[2][..],
            &stream.to_le_bytes(),
            &offset.to_le_bytes(),
            &7u64.to_le_bytes(),
            &cols.to_le_bytes(),
            &rows.to_le_bytes(),
            bytes,
        ];
        self.socket.send(Message::binary(frame.concat())).unwrap();
    }
}
