//! Hands whole requests to the HTTP threads and takes whole answers back.

use super::head::Request;
use super::workers::{VIA_HEADER, WORKERS, Workers};
use async_io::{Async, Timer};
use consort_web::api::Lane;
use consort_web::{Head, Via};
use futures_lite::future::or;
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use smol::lock::Semaphore;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long a request waits for a free thread and its answer together. Commands take at most ten seconds.
const EXCHANGE: Duration = Duration::from_secs(20);

/// Bytes of an answer: more than the largest list that the limits of core allow to be useful.
const ANSWER_BYTES: usize = 256 << 20;

/// The way to the HTTP threads.
#[derive(Debug)]
pub(super) struct Exchange {
    workers: Workers,
    /// Connections without a request on them: never more than there are threads.
    idle: RefCell<Vec<Async<UnixStream>>>,
    /// One for each thread.
    threads: Semaphore,
    /// One less: requests that wait for the node leave one thread to those that do not.
    patient: Semaphore,
    /// Anybody may ask for files, as fast as they like: half of the threads are for others.
    files: Semaphore,
}

/// An answer as it goes to the client, but for the `Connection` header.
#[derive(Debug)]
pub(super) struct Answer {
    /// Status line, headers, empty line and body.
    pub(super) bytes: Vec<u8>,
    /// Length of the status line and the headers, without the empty line.
    pub(super) head_bytes: usize,
}

impl Exchange {
    /// Connects to the threads, while there surely are descriptors for it.
    pub(super) fn new(workers: Workers) -> io::Result<Self> {
        let connect = |_| Async::new(UnixStream::connect(workers.path())?);
        let idle = (0..WORKERS).map(connect).collect::<io::Result<_>>()?;
        let [threads, patient, files] = [WORKERS, WORKERS - 1, WORKERS / 2].map(Semaphore::new);
        Ok(Exchange { workers, idle: RefCell::new(idle), threads, patient, files })
    }

    /// Has a request answered.
    ///
    /// # Errors
    /// `TimedOut` if all threads are busy or the answer took too long; others if the threads are gone.
    pub(super) async fn answer(&self, request: &Request<'_>, body: &[u8], lane: Lane) -> io::Result<Answer> {
        let head = rewritten(&request.head, body.len());
        let exchange = async {
            let _lane = match lane {
                Lane::Quick => None,
                Lane::File => Some(self.files.acquire().await),
                Lane::Node => Some(self.patient.acquire().await),
            };
            let _thread = self.threads.acquire().await;
            // If this future is dropped the connection goes with it: nobody gets the rest of another one's answer.
            let mut connection = self.connection().await?;
            connection.write_all(head.as_bytes()).await?;
            connection.write_all(body).await?;
            let answer = read_answer(&mut connection, request.head.method == "HEAD").await?;
            self.idle.borrow_mut().push(connection);
            Ok(answer)
        };
        let deadline = async {
            Timer::after(EXCHANGE).await;
            Err(io::Error::new(ErrorKind::TimedOut, "the node is too busy"))
        };
        or(exchange, deadline).await
    }

    async fn connection(&self) -> io::Result<Async<UnixStream>> {
        // In a statement of its own: the table must not be borrowed while connecting.
        let idle = self.idle.borrow_mut().pop();
        match idle {
            Some(connection) => Ok(connection),
            None => Async::<UnixStream>::connect(self.workers.path()).await,
        }
    }
}

/// The request with only what the API reads: nothing else of what a client wrote gets to the threads.
fn rewritten(head: &Head<'_>, body_bytes: usize) -> String {
    let via = match head.via {
        Via::Tcp => "tcp",
        Via::ControlSocket => "control",
    };
    let mut text = format!("{} {} HTTP/1.1\r\n", head.method, head.target);
    for (name, value) in head.headers.iter() {
        // Writing to a string cannot fail.
        let _ = write!(text, "{name}: {value}\r\n");
    }
    let _ = write!(text, "{VIA_HEADER}: {via}\r\ncontent-length: {body_bytes}\r\n\r\n");
    text
}

async fn read_answer(connection: &mut Async<UnixStream>, head_only: bool) -> io::Result<Answer> {
    let mut bytes = Vec::with_capacity(2 << 10);
    let mut piece = vec![0; 16 << 10];
    let wrong = || io::Error::new(ErrorKind::InvalidData, "an answer that is no HTTP");
    let head_bytes = loop {
        let count = connection.read(&mut piece).await?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let searched = bytes.len().saturating_sub(3);
        bytes.extend_from_slice(&piece[..count]);
        if let Some(at) = bytes[searched..].windows(4).position(|window| window == b"\r\n\r\n") {
            break searched + at + 2;
        }
    };
    let body_bytes = if head_only { 0 } else { body_bytes(&bytes[..head_bytes + 2]).ok_or_else(wrong)? };
    let whole = head_bytes + 2 + body_bytes;
    if body_bytes > ANSWER_BYTES || bytes.len() > whole {
        return Err(wrong());
    }
    bytes.reserve_exact(whole - bytes.len());
    while bytes.len() < whole {
        let count = connection.read(&mut piece).await?;
        if count == 0 || count > whole - bytes.len() {
            return Err(wrong());
        }
        bytes.extend_from_slice(&piece[..count]);
    }
    Ok(Answer { bytes, head_bytes })
}

fn body_bytes(head: &[u8]) -> Option<usize> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut fields);
    response.parse(head).ok()?;
    if matches!(response.code?, 100..=199 | 204 | 304) {
        return Some(0);
    }
    let length = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"))?;
    std::str::from_utf8(length.value).ok()?.parse().ok()
}
