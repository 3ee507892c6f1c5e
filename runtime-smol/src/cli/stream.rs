//! The node's stream of events, read line by line over its Unix socket.

use super::failure::Failure;
use super::http::{self, Answer};
use serde_json::Value;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// The node sends at least a comment in this time.
const SILENCE: Duration = Duration::from_secs(60);
/// Bytes of one line: longer than any event.
const LINE_BYTES: u64 = 1 << 20;

/// An open stream.
pub(crate) struct Events {
    stream: BufReader<UnixStream>,
    line: Vec<u8>,
}

/// What came of waiting for an event.
pub(crate) enum Next {
    /// One event.
    Event(Value),
    /// None in this time.
    Nothing,
    /// The node has stopped.
    Ended,
}

impl Events {
    /// Asks for events: those after the one with the id `since`, or else what happens next.
    ///
    /// # Errors
    /// No node, or its refusal.
    pub(crate) fn open(socket: &Path, since: Option<&str>) -> Result<Result<Self, Answer>, Failure> {
        let mut stream = UnixStream::connect(socket).map_err(|error| http::connect_failure(socket, &error))?;
        let wait = Some(SILENCE);
        stream.set_read_timeout(wait).and_then(|()| stream.set_write_timeout(wait)).map_err(http::broken)?;
        let query = since.map_or(String::new(), |id| format!("?since={}", percent(id)));
        let request = format!("GET /api/events{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).map_err(http::broken)?;
        let mut stream = BufReader::new(stream);
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if (&mut stream).take(LINE_BYTES).read_until(b'\n', &mut head).map_err(http::broken)? == 0 {
                return Err(Failure::new("The node broke off in the middle of its answer."));
            }
        }
        if head.starts_with(b"HTTP/1.1 200 ") {
            return Ok(Ok(Events { stream, line: Vec::new() }));
        }
        let mut rest = std::io::Cursor::new(head).chain(stream);
        http::read_answer(&mut rest).map(Err)
    }

    /// Waits for the next event, at the latest until `deadline`.
    ///
    /// # Errors
    /// What was read is not an event, or the connection broke.
    pub(crate) fn next(&mut self, deadline: Option<Instant>) -> Result<Next, Failure> {
        loop {
            let left = deadline.map_or(SILENCE, |at| at.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(Next::Nothing);
            }
            self.stream.get_ref().set_read_timeout(Some(left.min(SILENCE))).map_err(http::broken)?;
            match (&mut self.stream).take(LINE_BYTES).read_until(b'\n', &mut self.line) {
                Ok(0) => return Ok(Next::Ended),
                Ok(_) if !self.line.ends_with(b"\n") => return Ok(Next::Ended),
                Ok(_) => {
                    let line = std::mem::take(&mut self.line);
                    if let Some(data) = line.strip_prefix(b"data: ") {
                        let event = serde_json::from_slice(data);
                        return event.map(Next::Event).map_err(|_| Failure::new("The node's event is not understood."));
                    }
                }
                // What of a line has come is kept.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if deadline.is_none() {
                        return Err(http::broken(error));
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(http::broken(error)),
            }
        }
    }
}

fn percent(id: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    id.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02x}") }).collect()
}
