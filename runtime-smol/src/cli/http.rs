//! A small HTTP/1.1 client over the node's Unix socket: one request, one answer, bounded in size and time.

use super::failure::Failure;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The largest answer that is read.
const ANSWER_BYTES: usize = 256 << 20;
/// The largest head of an answer.
const HEAD_BYTES: usize = 64 << 10;
/// How long the node may be silent, unless somebody is less patient.
const SILENCE: Duration = Duration::from_secs(60);

/// The reason of a failure to get an answer in time.
pub(crate) const SILENT: &str = "silent";

/// A node's control socket.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    socket: PathBuf,
    patience: Duration,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Client { socket, patience: SILENCE }
    }

    /// One that gives up after this much silence.
    pub(crate) fn with_patience(socket: PathBuf, patience: Duration) -> Self {
        Client { socket, patience }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Sends one request and reads its answer.
    ///
    /// # Errors
    /// [`Failure::no_node`] if nothing listens; otherwise what went wrong on the way.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&str>) -> Result<Answer, Failure> {
        let stream = UnixStream::connect(&self.socket).map_err(|error| connect_failure(&self.socket, &error))?;
        let silence = Some(self.patience);
        stream.set_read_timeout(silence).and_then(|()| stream.set_write_timeout(silence)).map_err(broken)?;
        exchange(stream, "localhost", method, path, body)
    }
}

/// One request and its answer over a fresh connection.
pub(crate) fn exchange(
    mut stream: impl Read + Write,
    host: &str,
    method: &str,
    path: &str,
    body: Option<&str>,
) -> Result<Answer, Failure> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    if let Some(body) = body {
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        request += &format!("{kind}Content-Length: {}\r\n", body.len());
    }
    request += "\r\n";
    request += body.unwrap_or_default();
    // A node may answer (413, 503) and close before it has read everything: its answer counts, not our broken pipe.
    let sent = stream.write_all(request.as_bytes());
    read_answer(&mut stream).map_err(|failure| sent.err().map_or(failure, broken))
}

/// Why there is no connection to `socket`.
pub(crate) fn connect_failure(socket: &Path, error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::NotADirectory => Failure::no_node(socket),
        ErrorKind::PermissionDenied => Failure::new(format!("{} belongs to another user.", socket.display()))
            .hint("Run the command as the user who runs the node, or choose another state with --state-dir DIR."),
        ErrorKind::InvalidInput => Failure::new(format!("{} is too long a path for a socket.", socket.display()))
            .hint("Choose a shorter one with --state-dir DIR."),
        _ => Failure::new(format!("{}: {error}", socket.display())),
    }
}

pub(crate) fn broken(error: std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            Failure::new("The node does not answer.").reason(SILENT).hint("See what it does: consort doctor")
        }
        _ => Failure::new(format!("The connection to the node broke: {error}")),
    }
}

pub(crate) fn read_answer(stream: &mut impl Read) -> Result<Answer, Failure> {
    let mut bytes = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(broken(error)),
        };
        bytes.extend_from_slice(&buffer[..count]);
        match parse(&bytes, count == 0) {
            Parsed::Whole(answer) => return Ok(answer),
            Parsed::Partial if count > 0 && bytes.len() <= ANSWER_BYTES => {}
            Parsed::Partial if count > 0 => return Err(Failure::new("The node's answer is too large.")),
            Parsed::Partial => return Err(Failure::new("The node broke off in the middle of its answer.")),
            Parsed::Malformed => return Err(Failure::new("What answered on the control socket is not a node.")),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    Whole(Answer),
    Partial,
    Malformed,
}

/// Reads an answer from what has arrived so far; `ended` says that nothing more will.
fn parse(bytes: &[u8], ended: bool) -> Parsed {
    let Some(head_end) = find(&bytes[..bytes.len().min(HEAD_BYTES)], b"\r\n\r\n") else {
        return if bytes.len() >= HEAD_BYTES || (ended && !bytes.is_empty()) {
            Parsed::Malformed
        } else {
            Parsed::Partial
        };
    };
    let Some((status, framing)) = std::str::from_utf8(&bytes[..head_end]).ok().and_then(parse_head) else {
        return Parsed::Malformed;
    };
    let rest = &bytes[head_end + 4..];
    let body = match framing {
        _ if status == 204 || status == 304 => Some(Vec::new()),
        Framing::Length(length) => rest.get(..length).map(<[u8]>::to_vec),
        Framing::Chunked if !ended && !rest.ends_with(b"\r\n\r\n") => None,
        Framing::Chunked => match dechunk(rest) {
            Some(body) => body,
            None => return Parsed::Malformed,
        },
        Framing::UntilEnd => ended.then(|| rest.to_vec()),
    };
    body.map_or(Parsed::Partial, |body| Parsed::Whole(Answer { status, body }))
}

#[derive(Clone, Copy)]
enum Framing {
    Length(usize),
    Chunked,
    UntilEnd,
}

fn parse_head(head: &str) -> Option<(u16, Framing)> {
    let mut lines = head.split("\r\n");
    let mut status_line = lines.next()?.split(' ');
    status_line.next().filter(|version| version.starts_with("HTTP/1."))?;
    let status = status_line.next()?.parse().ok()?;
    let mut framing = Framing::UntilEnd;
    for line in lines {
        let (name, value) = line.split_once(':')?;
        if name.eq_ignore_ascii_case("transfer-encoding") && value.trim().eq_ignore_ascii_case("chunked") {
            framing = Framing::Chunked;
        } else if name.eq_ignore_ascii_case("content-length") && !matches!(framing, Framing::Chunked) {
            framing = Framing::Length(value.trim().parse().ok()?);
        }
    }
    Some((status, framing))
}

/// The body in chunks: `Some(None)` when more is to come, `None` when it is none.
fn dechunk(mut rest: &[u8]) -> Option<Option<Vec<u8>>> {
    let mut body = Vec::new();
    loop {
        let Some(line_end) = find(rest, b"\r\n") else { return Some(None) };
        let line = std::str::from_utf8(&rest[..line_end]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        rest = &rest[line_end + 2..];
        if size == 0 {
            return Some(Some(body));
        }
        let Some(chunk) = rest.get(..size) else { return Some(None) };
        body.extend_from_slice(chunk);
        match rest.get(size..size.checked_add(2)?) {
            Some(b"\r\n") => rest = &rest[size + 2..],
            Some(_) => return None,
            None => return Some(None),
        }
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(status: u16, body: &str) -> Parsed {
        Parsed::Whole(Answer { status, body: body.into() })
    }

    #[test]
    fn a_body_ends_by_its_length_by_its_last_chunk_or_with_the_connection() {
        let length = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        assert_eq!(parse(length, false), whole(200, "ok"));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        assert_eq!(parse(chunked, false), whole(200, "abcde"));
        let closing = b"HTTP/1.0 404 Not Found\r\n\r\nnothing";
        assert_eq!(parse(closing, false), Parsed::Partial);
        assert_eq!(parse(closing, true), whole(404, "nothing"));
        assert_eq!(parse(b"HTTP/1.1 204 No Content\r\n\r\n", false), whole(204, ""));
    }

    #[test]
    fn every_proper_beginning_of_an_answer_is_partial() {
        for answer in [
            &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..],
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na\r\n\r\n4\r\n\r\n\r\n\r\n0\r\n\r\n",
        ] {
            for end in 0..answer.len() {
                assert_eq!(parse(&answer[..end], false), Parsed::Partial, "{end}");
            }
            assert!(matches!(parse(answer, false), Parsed::Whole(_)));
        }
    }

    #[test]
    fn what_is_not_http_is_called_malformed() {
        for bytes in [&b"SSH-2.0\r\n\r\n"[..], b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1 200\r\nno colon\r\n\r\n"] {
            assert_eq!(parse(bytes, false), Parsed::Malformed);
        }
        assert_eq!(parse(&vec![b'x'; HEAD_BYTES], false), Parsed::Malformed);
        assert_eq!(parse(b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n", false), Parsed::Malformed);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>, ended: bool) {
            let _ = parse(&bytes, ended);
            let _ = parse(&[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &bytes[..]].concat(), ended);
        }
    }
}
