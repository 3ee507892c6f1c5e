//! The life of one connection: requests one after the other, or a WebSocket. Every wait in it has an end.

use super::crowd::{Phase, Place};
use super::exchange::Answer;
use super::head::{self, Fault, Request, Scanner, Upgrade};
use super::pages::Answer as Page;
use super::socket::Socket;
use super::{Entrance, House, Visitor, upgrade};
use crate::link::LINK_PATH;
use async_io::Timer;
use consort_web::api::Lane;
use consort_web::http::Problem;
use consort_web::{Clock, Response, Via, api};
use futures_lite::future::or;
use futures_lite::io::AsyncWriteExt;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

/// From the first byte of a head to its last; a connection that asks for nothing is closed as fast.
const HEAD: Duration = Duration::from_secs(10);
/// A connection that was served may wait so long for its next request.
const IDLE: Duration = Duration::from_secs(60);
/// From the end of a head to the end of its body.
const BODY: Duration = Duration::from_secs(30);
/// A client takes the next bytes of an answer within this time, …
const WRITE: Duration = Duration::from_secs(10);
/// … and all of it within this.
const WRITE_ALL: Duration = Duration::from_secs(120);
/// How long, and how much, is read and thrown away after a refusal, so that the client gets to read why.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 256 << 10;

/// After this time without an event a stream says that it is still there: less than proxies wait for.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Bytes that a client may send while it waits for an answer.
const PIPELINED_BYTES: usize = 16 << 10;

/// What to do after a request.
enum Next {
    Ask,
    Close,
    /// Close, but let the client finish writing: it has to get the answer first.
    Linger,
    Socket(Upgraded),
}

/// What a connection has become.
enum Upgraded {
    Browser(Visitor),
    Node,
}

/// Serves a connection until it ends or its place is given to another one.
pub(super) async fn serve(socket: Socket, entrance: Entrance, place: Place, house: Rc<House>) {
    let life = async {
        let mut connection =
            Connection { socket, entrance, buffer: Vec::new(), served: false, place: &place, house: &house };
        match connection.requests().await {
            Ok(Some(Upgraded::Browser(visitor))) => {
                let stream = upgrade::stream(connection.socket).await;
                (house.on_socket)(stream, visitor).await;
            }
            Ok(Some(Upgraded::Node)) => (house.on_link)(upgrade::node_stream(connection.socket).await).await,
            Ok(None) | Err(_) => {}
        }
    };
    or(life, place.evicted()).await;
}

struct Connection<'a> {
    socket: Socket,
    entrance: Entrance,
    /// What was read and belongs to the next request.
    buffer: Vec<u8>,
    /// It had at least one answer.
    served: bool,
    place: &'a Place,
    house: &'a House,
}

impl Connection<'_> {
    /// Serves requests until the connection ends or becomes a WebSocket.
    async fn requests(&mut self) -> io::Result<Option<Upgraded>> {
        loop {
            let bytes = match self.read_head().await? {
                Asked::Head(bytes) => bytes,
                Asked::Nothing => return Ok(None),
                Asked::Late => {
                    let late = Problem::new(408, "timeout", "The request did not arrive in time.", "");
                    self.send(late.into(), false, false).await?;
                    return Ok(None);
                }
                Asked::Wrong(fault) => {
                    log::debug!("a request from {:?} is refused: {fault}", self.socket.peer());
                    self.send(Problem::from(fault).into(), false, false).await?;
                    self.linger().await;
                    return Ok(None);
                }
            };
            let next = match head::parse(&bytes, self.entrance.via()) {
                Ok(request) => self.request(&request, &bytes).await?,
                Err(fault) => {
                    log::debug!("a request from {:?} is refused: {fault}", self.socket.peer());
                    self.send(Problem::from(fault).into(), false, false).await?;
                    Next::Linger
                }
            };
            match next {
                Next::Ask => self.served = true,
                Next::Close => return Ok(None),
                Next::Socket(upgraded) => return Ok(Some(upgraded)),
                Next::Linger => {
                    self.linger().await;
                    return Ok(None);
                }
            }
        }
    }

    async fn request(&mut self, request: &Request<'_>, bytes: &[u8]) -> io::Result<Next> {
        let clock = (self.house.clock)();
        match request.upgrade {
            Some(wanted) if request.head.path() == LINK_PATH => return self.link(request, wanted).await,
            _ if self.entrance == Entrance::Links => {
                // The dashboard is not served here, not even to say that it is not.
                let nothing = Problem::new(404, "not-found", "Only other nodes are served at this address.", "");
                self.send(nothing.into(), false, request.head.method == "HEAD").await?;
                return Ok(Next::Linger);
            }
            Some(wanted) => return self.upgrade(request, wanted).await,
            None => {}
        }
        let head_only = request.head.method == "HEAD";
        let admission = match self.house.api.admit(&request.head, clock) {
            Ok(admission) => admission,
            Err(response) => {
                self.place.enter_phase(Phase::Served, false);
                // Its body is not read: only a request without one leaves the connection in a known state.
                let stay = request.keep_alive && request.body_bytes == 0;
                self.send(response, stay, head_only).await?;
                return Ok(if stay { Next::Ask } else { Next::Linger });
            }
        };
        self.place.enter_phase(Phase::Served, admission.known);
        if request.body_bytes > admission.body_bytes as u64 {
            self.send(api::body_too_large(admission), false, head_only).await?;
            return Ok(Next::Linger);
        }
        if admission.lane == Lane::Events && !head_only {
            return self.events(request, clock).await;
        }
        let body = self.read_body(request).await?;
        let house = self.house;
        let answer = house.exchange.answer(request, bytes, &body, admission.lane);
        let answer = if admission.lane == Lane::Wait {
            // For as long as it takes, but not for a client that has gone.
            let gone = async {
                self.client_gone().await;
                Err(ErrorKind::BrokenPipe.into())
            };
            or(answer, gone).await
        } else {
            answer.await
        };
        match answer {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Next::Close),
            Ok(answer) => {
                match answer {
                    Answer::Page(page) => self.send_page(page, request.keep_alive).await?,
                    Answer::Own(response) => {
                        self.place.holds(response.body.len());
                        self.send(response, request.keep_alive, head_only).await?;
                    }
                }
                Ok(if request.keep_alive { Next::Ask } else { Next::Close })
            }
            Err(error) => {
                log::warn!("a request could not be answered: {error}");
                let busy = Problem::new(503, "busy", "The node is too busy to answer.", "Try again in a few seconds.");
                self.send(Response::from(busy).with("Retry-After", "5"), false, head_only).await?;
                Ok(Next::Close)
            }
        }
    }

    /// Sends events until the client goes.
    async fn events(&mut self, request: &Request<'_>, clock: Clock) -> io::Result<Next> {
        let mut reader = match self.house.api.events(&request.head, clock) {
            Ok(reader) => reader,
            Err(response) => {
                self.send(response, false, false).await?;
                return Ok(Next::Close);
            }
        };
        if !self.place.become_socket() {
            let full = Problem::new(503, "too-many", "Too many others are connected.", "Close some of them.");
            self.send(full.into(), false, false).await?;
            return Ok(Next::Close);
        }
        let head = Response::empty(200).with("Content-Type", "text/event-stream; charset=utf-8");
        // Proxies (nginx) hand each event on at once.
        let head = head.with("X-Accel-Buffering", "no");
        // The first comment says that the stream is open, before anything has happened.
        self.write(&[&stream_head(&head)[..], b": open\n\n"].concat()).await?;
        loop {
            let next = async { reader.next().await.iter().map(|event| event.to_stream()).collect::<String>() };
            let quiet = async {
                Timer::after(HEARTBEAT).await;
                ": quiet\n\n".to_owned()
            };
            let gone = async {
                self.client_gone().await;
                String::new()
            };
            let text = or(next, or(gone, quiet)).await;
            if text.is_empty() {
                return Ok(Next::Close);
            }
            self.write(text.as_bytes()).await?;
        }
    }

    /// Ends when the client has closed its side, or sends more than one could want while it waits.
    async fn client_gone(&mut self) {
        while self.buffer.len() < PIPELINED_BYTES {
            if !matches!(self.socket.read_onto(&mut self.buffer, PIPELINED_BYTES).await, Ok(1..)) {
                return;
            }
        }
    }

    async fn upgrade(&mut self, request: &Request<'_>, wanted: Upgrade<'_>) -> io::Result<Next> {
        let refusal = match self.house.api.admit_socket(&request.head, (self.house.clock)()) {
            Err(response) => response,
            // Bytes after the request were written before the answer was seen: no WebSocket client does that.
            Ok(_) if request.body_bytes > 0 || !self.buffer.is_empty() => Problem::from(Fault::Malformed).into(),
            Ok(access) => match upgrade::accept(&request.head, wanted) {
                Err(response) => response,
                Ok(_) if !self.place.become_socket() => {
                    Problem::new(503, "too-many", "Too many browsers are connected.", "Close some of them.").into()
                }
                Ok(bytes) => {
                    let visitor = Visitor { via: self.entrance.via(), access, peer: self.socket.peer() };
                    self.write(&bytes).await?;
                    return Ok(Next::Socket(Upgraded::Browser(visitor)));
                }
            },
        };
        self.refuse_upgrade(refusal).await
    }

    /// Another node, perhaps: it proves that inside the WebSocket. A page cannot, and need not get that far: it says that it is one.
    async fn link(&mut self, request: &Request<'_>, wanted: Upgrade<'_>) -> io::Result<Next> {
        let refusal = match upgrade::accept(&request.head, wanted) {
            _ if self.entrance == Entrance::Front(Via::ControlSocket) || request.head.headers.origin.is_some() => {
                Problem::new(403, "not-a-node", "Only other nodes are served at this address.", "").into()
            }
            Err(response) => response,
            Ok(_) if request.body_bytes > 0 || !self.buffer.is_empty() => Problem::from(Fault::Malformed).into(),
            Ok(_) if !self.place.become_socket() => {
                Problem::new(503, "too-many", "Too many others are connected.", "Try again later.").into()
            }
            Ok(bytes) => {
                self.write(&bytes).await?;
                return Ok(Next::Socket(Upgraded::Node));
            }
        };
        self.refuse_upgrade(refusal).await
    }

    async fn refuse_upgrade(&mut self, refusal: Response) -> io::Result<Next> {
        self.place.enter_phase(Phase::Served, false);
        self.send(refusal, false, false).await?;
        Ok(Next::Linger)
    }

    async fn read_head(&mut self) -> io::Result<Asked> {
        if self.served {
            self.place.enter_phase(Phase::Asking, false);
        }
        let mut scanner = Scanner::default();
        let mut deadline = Instant::now() + if self.served && self.buffer.is_empty() { IDLE } else { HEAD };
        loop {
            match scanner.scan(&self.buffer) {
                Ok(None) => {}
                Ok(Some(length)) => {
                    let rest = self.buffer.split_off(length);
                    return Ok(Asked::Head(std::mem::replace(&mut self.buffer, rest)));
                }
                Err(fault) => return Ok(Asked::Wrong(fault)),
            }
            let begins = self.buffer.is_empty();
            match within(deadline, self.socket.read_onto(&mut self.buffer, usize::MAX)).await {
                Ok(0) => return Ok(Asked::Nothing),
                Ok(_) if begins => deadline = deadline.min(Instant::now() + HEAD),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    return Ok(if self.buffer.is_empty() { Asked::Nothing } else { Asked::Late });
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn read_body(&mut self, request: &Request<'_>) -> io::Result<Vec<u8>> {
        // Within the admission's limit; memory grows with what has really come.
        let length = usize::try_from(request.body_bytes).map_err(|_| io::Error::from(ErrorKind::OutOfMemory))?;
        let rest = self.buffer.split_off(self.buffer.len().min(length));
        let mut body = std::mem::replace(&mut self.buffer, rest);
        if body.len() == length {
            return Ok(body);
        }
        if request.expects_continue && body.is_empty() {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        let deadline = Instant::now() + BODY;
        while body.len() < length {
            let left = length - body.len();
            if within(deadline, self.socket.read_onto(&mut body, left)).await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.place.holds(body.capacity());
        }
        Ok(body)
    }

    async fn send_page(&mut self, answer: Page, keep_alive: bool) -> io::Result<()> {
        self.place.holds(answer.bytes.capacity());
        let (head, rest) = answer.bytes.split_at(answer.head_bytes);
        let mut first = Vec::with_capacity(head.len() + 64);
        first.extend_from_slice(head);
        first.extend_from_slice(connection_header(keep_alive));
        // The head and a small body in one packet.
        let (with_head, rest) = rest.split_at(rest.len().min(4 << 10));
        first.extend_from_slice(with_head);
        let all = Instant::now() + WRITE_ALL;
        self.write_until(&first, all).await?;
        self.write_until(rest, all).await
    }

    /// Sends an answer that the door gives itself.
    async fn send(&mut self, response: Response, keep_alive: bool, head_only: bool) -> io::Result<()> {
        self.write(&to_bytes(&response, keep_alive, head_only)).await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_until(bytes, Instant::now() + WRITE_ALL).await
    }

    async fn write_until(&mut self, mut bytes: &[u8], all: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            let deadline = all.min(Instant::now() + WRITE);
            let count = within(deadline, self.socket.write(bytes)).await?;
            if count == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            bytes = &bytes[count..];
        }
        Ok(())
    }

    /// Closes our side and reads on for a moment: a reset would take the answer away from the client.
    async fn linger(&mut self) {
        self.place.enter_phase(Phase::Asking, false);
        let deadline = Instant::now() + LINGER;
        if within(deadline, self.socket.close()).await.is_err() {
            return;
        }
        let mut read = 0;
        while read < LINGER_BYTES {
            self.buffer.clear();
            match within(deadline, self.socket.read_onto(&mut self.buffer, usize::MAX)).await {
                Ok(count) if count > 0 => read += count,
                _ => return,
            }
        }
    }
}

enum Asked {
    /// A whole head.
    Head(Vec<u8>),
    /// The connection ended, or was idle for too long.
    Nothing,
    /// Only a part of one, and then too long nothing.
    Late,
    /// Something else.
    Wrong(Fault),
}

async fn within<T>(deadline: Instant, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    or(work, async {
        Timer::at(deadline).await;
        Err(ErrorKind::TimedOut.into())
    })
    .await
}

fn connection_header(keep_alive: bool) -> &'static [u8] {
    if keep_alive { b"Connection: keep-alive\r\n" } else { b"Connection: close\r\n" }
}

fn to_bytes(response: &Response, keep_alive: bool, head_only: bool) -> Vec<u8> {
    let mut text = head_text(response);
    text.push_str(&format!("Content-Length: {}\r\n", response.body.len()));
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(connection_header(keep_alive));
    bytes.extend_from_slice(b"\r\n");
    if !head_only {
        bytes.extend_from_slice(&response.body);
    }
    bytes
}

/// The head of an answer that ends with the connection.
fn stream_head(response: &Response) -> Vec<u8> {
    let mut bytes = head_text(response).into_bytes();
    bytes.extend_from_slice(connection_header(false));
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn head_text(response: &Response) -> String {
    let mut text = format!("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
    let date = httpdate::fmt_http_date(SystemTime::now());
    let own = [("Server", "consort"), ("Date", date.as_str())];
    for (name, value) in own.into_iter().chain(response.headers.iter().map(|(name, value)| (*name, &**value))) {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text
}

fn reason(status: u16) -> &'static str {
    tiny_http::StatusCode(status).default_reason_phrase()
}
