//! A door with a fake node behind it, and a client that writes its requests by hand.

use async_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use async_tungstenite::tungstenite::{Bytes, Message, WebSocket};
use consort::door::{BrowserSocket, Door, Handlers, Visitor, Where, names};
use consort_core::command::NewAgent;
use consort_core::directory::BackendKind;
use consort_core::{
    AgentAddress, AgentId, BackendInput, Command, Config, Identity, Input, Instant, Node, NodeId, Observation, Refusal,
    Reply, Restored,
};
use consort_web::Clock;
use consort_web::api::{self, Api, Audit, Eventually, Look};
use consort_web::auth::{CookieKey, Sites};
use consort_web::json::NodeFacts;
use consort_web::lines::Lines;
use futures_lite::StreamExt;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) const TOKEN: &str = "a-permanent-token";
/// How long the fake node takes to create an agent called `slow`.
pub(crate) const SLOW: Duration = Duration::from_millis(600);

/// An open door on a thread of its own. Dropping it closes the door and waits until it is closed.
pub(crate) struct House {
    port: u16,
    folder: PathBuf,
    _own: Option<tempfile::TempDir>,
    node: Arc<Fake>,
    api: Arc<Api>,
    stop: async_channel::Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl House {
    pub(crate) fn open() -> Self {
        let own = tempfile::tempdir().unwrap();
        let mut house = Self::try_open(own.path(), 0).unwrap();
        house._own = Some(own);
        house
    }

    pub(crate) fn open_at(port: u16) -> Result<Self, String> {
        Self::try_open(tempfile::tempdir().unwrap().path(), port)
    }

    pub(crate) fn open_beside(&self) -> Result<Self, String> {
        Self::try_open(&self.folder, 0)
    }

    pub(crate) fn try_open(folder: &Path, port: u16) -> Result<Self, String> {
        more_descriptors();
        let place = Where {
            addresses: Vec::new(),
            port,
            control: folder.join("control.sock"),
            private: folder.join("private"),
            apart: None,
        };
        let door = Door::open(&place).map_err(|error| error.to_string())?;
        let port = door.port();
        let node = Arc::new(Fake::new());
        let config = api::Config {
            sites: Sites::new(port, names(&door.addresses(), &[])),
            cookie_key: CookieKey::new(&[3; 32]),
            token: TOKEN.to_owned(),
            events: Arc::new(consort_web::events::Events::new(7)),
            facts: NodeFacts {
                id: NodeId([7; 32]),
                version: "9.8.7",
                home: "/home/me".to_owned(),
                lines: Lines::default(),
                serving: vec!["127.0.0.1:23000".parse().unwrap()],
                tmux_socket: Some("work".into()),
                log: None,
                tmux: consort_web::tmux::TmuxReport::default(),
            },
        };
        let api = Arc::new(Api::new(config, Arc::clone(&node) as Arc<dyn api::Node>));
        let (stop, stopped) = async_channel::bounded::<()>(1);
        let served = Arc::clone(&api);
        let thread = std::thread::spawn(move || {
            let stopped = async move {
                let _ = stopped.recv().await;
            };
            let (_, links) = async_channel::bounded(1);
            let handlers = Handlers {
                on_socket: Rc::new(|socket, visitor| Box::pin(echo(socket, visitor)) as _),
                on_link: Rc::new(|socket| Box::pin(async move { drop(socket) })),
                links,
            };
            smol::block_on(door.serve(served, Arc::new(clock), handlers, || {}, stopped)).unwrap();
        });
        let folder = folder.to_owned();
        Ok(House { port, folder, _own: None, node, api, stop, thread: Some(thread) })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn host(&self) -> String {
        format!("localhost:{}", self.port)
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.host())
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    pub(crate) fn control(&self) -> UnixStream {
        UnixStream::connect(self.control_path()).unwrap()
    }

    pub(crate) fn control_path(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    pub(crate) fn control_mode(&self) -> u32 {
        std::fs::metadata(self.control_path()).unwrap().permissions().mode() & 0o777
    }

    pub(crate) fn tcp(&self, request: &str) -> Answer {
        ask(&mut self.connect(), request.as_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.tcp(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host()))
    }

    pub(crate) fn link(&self) -> String {
        self.api.login_link(clock())
    }

    /// The whole `Cookie` header of a browser that is logged in.
    pub(crate) fn cookie(&self) -> String {
        let link = self.link();
        let body = format!(r#"{{"token":"{}"}}"#, link.split_once("#token=").unwrap().1);
        let (host, origin, length) = (self.host(), self.origin(), body.len());
        let answer = self.tcp(&format!(
            "POST /api/login HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        ));
        format!("Cookie: {}", answer.header("set-cookie").unwrap().split(';').next().unwrap())
    }

    /// How many commands reached the node.
    pub(crate) fn commands(&self) -> usize {
        self.node.0.lock().unwrap().commands
    }

    /// Puts that many agents into the node.
    pub(crate) fn fill(&self, count: usize) {
        let mut inside = self.node.0.lock().unwrap();
        for number in 0..count {
            inside.create(NewAgent { name: format!("customers-zoom-backend{number}"), ..NewAgent::default() });
        }
    }
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "House({})", self.port)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.close();
        let ended = self.thread.take().unwrap().join();
        if !std::thread::panicking() {
            ended.unwrap();
        }
    }
}

async fn echo(mut socket: BrowserSocket, _: Visitor) {
    while let Some(Ok(message)) = socket.next().await {
        if !message.is_binary() || socket.send(message).await.is_err() {
            return;
        }
    }
}

fn clock() -> Clock {
    let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    Clock { unix_ms, uptime_ms: 5_000 }
}

/// The thousand dribblers are in this process too.
fn more_descriptors() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum.map(|maximum| maximum.min(8_192)).or(Some(8_192));
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// A node without a driver: real core, commands that are carried out at once.
struct Fake(Mutex<Inside>);

struct Inside {
    core: Node,
    next: u64,
    commands: usize,
}

impl Fake {
    fn new() -> Self {
        let config = Config { name: "test".to_owned(), start_unix_ms: None };
        let identity = Identity { id: NodeId([7; 32]), epoch: 1 };
        let mut core = Node::new(
            config,
            identity,
            Restored::default(),
            Box::new(consort_core::sham::Sham::new(identity.id, 1)),
            [1; 32],
            Instant::START,
        )
        .unwrap();
        while core.poll_output().is_some() {}
        core.handle(Instant::START, Input::Backend(BackendInput::Available(BackendKind::Tmux, "tmux 3.4".to_owned())));
        while core.poll_output().is_some() {}
        Fake(Mutex::new(Inside { core, next: 1, commands: 0 }))
    }
}

impl Inside {
    /// A session that was found: the shortest way to an agent.
    fn create(&mut self, new: NewAgent) -> AgentId {
        let agent = AgentId(self.next);
        self.next += 1;
        let observation = Observation {
            agent,
            backend: BackendKind::Tmux,
            name: new.name,
            directory: "/".to_owned(),
            created_unix_ms: new.created_unix_ms,
            terminals: Vec::new(),
            shown_elsewhere: false,
        };
        self.core.handle(Instant::START, Input::Backend(BackendInput::Seen(observation)));
        while self.core.poll_output().is_some() {}
        agent
    }
}

impl api::Node for Fake {
    fn command(&self, node: NodeId, command: Command) -> Eventually<'_, Result<Reply, Refusal>> {
        let Command::Create(new) = command else { unreachable!("the door's tests only create agents") };
        assert_ne!(new.name, "panic", "as asked for");
        Box::pin(async move {
            if new.name == "slow" {
                smol::Timer::after(SLOW).await;
            }
            let mut inside = self.0.lock().unwrap();
            inside.commands += 1;
            Ok(Reply::Agent(AgentAddress { node, agent: inside.create(new) }))
        })
    }

    fn read(&self, look: Look) -> Eventually<'_, ()> {
        look(self.0.lock().unwrap().core.view(), Instant::START);
        Box::pin(std::future::ready(()))
    }

    fn sleep(&self, length: Duration) -> Eventually<'_, ()> {
        Box::pin(async move {
            smol::Timer::after(length).await;
        })
    }

    fn audit(&self, _: Audit<'_>) {}
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads one answer; its body if a length is given and `head_only` answers have none to give.
    pub(crate) fn read(stream: &mut impl Read) -> Self {
        Self::read_for(stream, false)
    }

    fn read_for(stream: &mut impl Read, head_only: bool) -> Self {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            assert_eq!(stream.read(&mut byte).unwrap(), 1, "closed after {:?}", String::from_utf8_lossy(&head));
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        if !head_only && status != 304 {
            answer.body.resize(length, 0);
            stream.read_exact(&mut answer.body).unwrap();
        }
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(existing, _)| existing == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// Writes a request and reads its answer.
pub(crate) fn ask(stream: &mut (impl Read + Write), request: &[u8]) -> Answer {
    stream.write_all(request).unwrap();
    Answer::read_for(stream, request.starts_with(b"HEAD "))
}

/// Asks for a WebSocket as a browser does.
pub(crate) fn upgrade(stream: &mut (impl Read + Write), path: &str, host: &str, more: &str) -> Answer {
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}Connection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    let answer = ask(stream, request.as_bytes());
    if answer.status == 101 {
        assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }
    answer
}

pub(crate) fn web_socket(stream: TcpStream) -> WebSocket<TcpStream> {
    WebSocket::from_raw_socket(stream, Role::Client, Some(WebSocketConfig::default()))
}

pub(crate) fn binary(bytes: &[u8]) -> Message {
    Message::Binary(Bytes::copy_from_slice(bytes))
}
