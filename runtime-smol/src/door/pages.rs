//! Hands whole requests for pages to the HTTP threads and takes whole answers back.

use super::head::Request;
use super::workers::{VIA_HEADER, WORKERS, Workers};
use async_io::Async;
use consort_web::{Head, Via};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};
use smol::lock::Semaphore;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::io::{self, ErrorKind};
use std::os::unix::net::UnixStream;

/// Bytes of an answer: more than the largest file.
const ANSWER_BYTES: usize = 64 << 20;

/// The way to the HTTP threads.
#[derive(Debug)]
pub(super) struct Pages {
    workers: Workers,
    /// Connections without a request on them: never more than there are threads.
    idle: RefCell<Vec<Async<UnixStream>>>,
    /// One for each thread.
    threads: Semaphore,
}

/// An answer as it goes to the client, but for the `Connection` header.
#[derive(Debug)]
pub(super) struct Answer {
    /// Status line, headers, empty line and body.
    pub(super) bytes: Vec<u8>,
    /// Length of the status line and the headers, without the empty line.
    pub(super) head_bytes: usize,
}

impl Pages {
    /// Connects to the threads, while there surely are descriptors for it.
    pub(super) fn new(workers: Workers) -> io::Result<Self> {
        let connect = |_| Async::new(UnixStream::connect(workers.path())?);
        let idle = (0..WORKERS).map(connect).collect::<io::Result<_>>()?;
        Ok(Pages { workers, idle: RefCell::new(idle), threads: Semaphore::new(WORKERS) })
    }

    /// Has a request answered.
    ///
    /// # Errors
    /// The threads are gone.
    pub(super) async fn answer(&self, request: &Request<'_>, body: &[u8]) -> io::Result<Answer> {
        let head = rewritten(&request.head, body.len());
        let _thread = self.threads.acquire().await;
        // If this future is dropped the connection goes with it: nobody gets the rest of another one's answer.
        let mut connection = self.connection().await?;
        connection.write_all(head.as_bytes()).await?;
        connection.write_all(body).await?;
        let answer = read_answer(&mut connection, request.head.method == "HEAD").await?;
        self.idle.borrow_mut().push(connection);
        Ok(answer)
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
