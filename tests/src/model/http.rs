//! As much of HTTP/1.1 as the model API needs: one request per connection, answers of known length or in chunks.

use serde_json::Value;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Larger than any prompt of the programs (their tools and instructions take up to 200 kB).
const BODY_BYTES: usize = 16 << 20;

/// A request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) body: Vec<u8>,
}

/// Reads a request; none if the other end hangs up before it.
pub(super) fn read(stream: &TcpStream) -> std::io::Result<Option<Request>> {
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_string);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Err(ErrorKind::InvalidData.into()) };
    let (mut length, mut chunked, mut expects) = (0, false, false);
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().map_err(|_| Error::from(ErrorKind::InvalidData))?,
            "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
            "expect" => expects = true,
            _ => {}
        }
    }
    if expects {
        (&*stream).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let body = if chunked { read_chunks(&mut reader)? } else { read_bytes(&mut reader, length)? };
    Ok(Some(Request { method, path, body }))
}

fn read_bytes(reader: &mut impl Read, length: usize) -> std::io::Result<Vec<u8>> {
    if length > BODY_BYTES {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn read_chunks(reader: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16).map_err(|_| Error::from(ErrorKind::InvalidData))?;
        body.extend(read_bytes(reader, length)?);
        reader.read_line(&mut line)?;
        if length == 0 {
            return Ok(body);
        }
        if body.len() > BODY_BYTES {
            return Err(ErrorKind::InvalidData.into());
        }
    }
}

/// Writes a whole answer.
pub(super) fn json(mut stream: &TcpStream, status: u16, body: &Value) -> std::io::Result<()> {
    let body = body.to_string();
    let reason = if status == 200 { "OK" } else { "Refused" };
    // A used-up quota does not come back in a minute.
    let retry = if status == 429 { "x-should-retry: false\r\n" } else { "" };
    write!(
        stream,
        "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{retry}Connection: close\r\n\r\n{body}",
        body.len()
    )
}

/// An answer that is written piece by piece: server-sent events, or one JSON object of all pieces at its end.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    stream: &'a TcpStream,
    /// Whether the program asked for events.
    pub(super) streamed: bool,
    /// The model that the program asked for.
    pub(super) model: String,
}

impl<'a> Answer<'a> {
    pub(super) fn begin(mut stream: &'a TcpStream, streamed: bool, model: &str) -> std::io::Result<Self> {
        if streamed {
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\
                        Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
            stream.write_all(head.as_bytes())?;
        }
        Ok(Answer { stream, streamed, model: model.to_string() })
    }

    /// An event with a name, or without one.
    pub(super) fn event(&mut self, name: Option<&str>, data: &Value) -> std::io::Result<()> {
        let name = name.map(|name| format!("event: {name}\n")).unwrap_or_default();
        self.chunk(&format!("{name}data: {data}\n\n"))
    }

    /// A piece of the event stream as it is.
    pub(super) fn chunk(&mut self, text: &str) -> std::io::Result<()> {
        write!(self.stream, "{:x}\r\n{text}\r\n", text.len())?;
        self.stream.flush()
    }

    /// The whole answer for a program that asked for no events.
    pub(super) fn whole(&mut self, body: &Value) -> std::io::Result<()> {
        json(self.stream, 200, body)
    }

    pub(super) fn end(&mut self) -> std::io::Result<()> {
        if self.streamed { self.stream.write_all(b"0\r\n\r\n") } else { Ok(()) }
    }
}
