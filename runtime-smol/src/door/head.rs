//! The head of a request, read strictly: one meaning or none. Pure.
//!
//! What another parser on the way could read differently (two lengths, two hosts, a transfer coding beside a length, a bare line
//! feed, a folded line) is refused, so that there is nothing to smuggle.

use consort_web::http::{HeaderFault, Problem};
use consort_web::{Head, Headers, Via};

/// Bytes of a head.
pub const HEAD_BYTES: usize = 16 << 10;
/// Headers of a request.
pub const HEADERS: usize = 100;

/// Looks for the end of a head in bytes that arrive piece by piece. Looks at each byte once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scanner {
    seen: usize,
    /// How much of CR LF CR LF the last bytes are.
    matched: usize,
}

impl Scanner {
    /// The length of the head, if `bytes` (everything so far) hold a whole one.
    ///
    /// # Errors
    /// As soon as the bytes cannot become the head of a request.
    pub fn scan(&mut self, bytes: &[u8]) -> Result<Option<usize>, Fault> {
        for byte in bytes.iter().skip(self.seen) {
            self.seen += 1;
            if self.seen > HEAD_BYTES {
                return Err(Fault::TooLarge);
            }
            if self.seen == 1 && !byte.is_ascii_alphabetic() {
                return Err(Fault::Malformed);
            }
            self.matched = match (byte, self.matched) {
                (b'\r', 0 | 2) => self.matched + 1,
                (b'\n', 1 | 3) => self.matched + 1,
                // A bare CR or LF, or another control character.
                (_, 1 | 3) | (b'\n' | 0..=8 | 11..=31 | 127, _) => return Err(Fault::Malformed),
                _ => 0,
            };
            if self.matched == 4 {
                return Ok(Some(self.seen));
            }
        }
        Ok(None)
    }
}

/// A request without its body.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// What the API wants to know.
    pub head: Head<'a>,
    /// Bytes of the body that follows.
    pub body_bytes: u64,
    /// The client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// The client wants to go on with this connection.
    pub keep_alive: bool,
    /// The client wants a WebSocket.
    pub upgrade: Option<Upgrade<'a>>,
}

/// What a client sends to get a WebSocket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upgrade<'a> {
    /// `Sec-WebSocket-Key`.
    pub key: &'a str,
    /// `Sec-WebSocket-Version`.
    pub version: &'a str,
}

/// Why bytes are not a request that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not HTTP/1.x as its standard says.
    #[error("This is not a well-formed HTTP/1.1 request.")]
    Malformed,
    /// More than [`HEAD_BYTES`] or [`HEADERS`].
    #[error("The request's headers are too large.")]
    TooLarge,
    /// No `Host` in HTTP/1.1.
    #[error("The request has no Host header.")]
    NoHost,
    /// A header that must not be repeated is, or has strange characters.
    #[error("{0}")]
    Header(#[from] HeaderFault),
    /// A length that is not one number, or one beside a transfer coding.
    #[error("The request does not say in one way how long its body is.")]
    Length,
    /// A body of unknown length.
    #[error("The length of the request's body must be known from the start.")]
    LengthRequired,
    /// A transfer coding other than chunked.
    #[error("Transfer codings are not supported.")]
    Coding,
    /// An `Expect` other than `100-continue`.
    #[error("What the request expects cannot be done.")]
    Expectation,
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let (status, code) = match fault {
            Fault::Malformed | Fault::NoHost | Fault::Header(_) | Fault::Length => (400, "bad-request"),
            Fault::TooLarge => (431, "headers-too-large"),
            Fault::LengthRequired => (411, "length-required"),
            Fault::Coding => (501, "not-implemented"),
            Fault::Expectation => (417, "expectation-failed"),
        };
        Problem::new(status, code, fault.to_string(), "")
    }
}

/// Reads a whole head, as [`Scanner`] found it.
///
/// # Errors
/// The first rule that it breaks.
pub fn parse(bytes: &[u8], via: Via) -> Result<Request<'_>, Fault> {
    let mut fields = [httparse::EMPTY_HEADER; HEADERS];
    let mut raw = httparse::Request::new(&mut fields);
    match raw.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length == bytes.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Fault::TooLarge),
        _ => return Err(Fault::Malformed),
    }
    let (Some(method), Some(target), Some(version)) = (raw.method, raw.path, raw.version) else {
        return Err(Fault::Malformed);
    };
    // Only origin form: `*`, a whole URL or an authority ask for things that a proxy would do.
    if !target.starts_with('/') || !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(Fault::Malformed);
    }
    let headers = Headers::collect(raw.headers.iter().map(|field| (field.name, field.value)))?;
    if headers.host.is_none() && version == 1 {
        return Err(Fault::NoHost);
    }
    let fields = Fields(raw.headers);
    Ok(Request {
        head: Head { via, method, target, headers },
        body_bytes: fields.body_bytes()?,
        expects_continue: version == 1 && fields.expects_continue()?,
        keep_alive: fields.keep_alive(version),
        upgrade: if method == "GET" && version == 1 { fields.upgrade()? } else { None },
    })
}

/// The headers that say how the connection is used.
struct Fields<'h, 'a>(&'h [httparse::Header<'a>]);

impl<'a> Fields<'_, 'a> {
    fn all(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// The only value of a header.
    fn one(&self, name: &'static str) -> Result<Option<&'a str>, Fault> {
        let mut all = self.all(name);
        let first = all.next();
        if all.next().is_some() {
            return Err(HeaderFault::Repeated(name).into());
        }
        first.map(|value| std::str::from_utf8(value).map_err(|_| HeaderFault::Characters(name).into())).transpose()
    }

    /// Whether a list, which may be spread over several headers, has this token.
    fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name)
            .flat_map(|value| value.split(|byte| *byte == b','))
            .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    }

    fn body_bytes(&self) -> Result<u64, Fault> {
        let length = self.one("content-length").map_err(|_| Fault::Length)?;
        let mut codings = self.all("transfer-encoding").peekable();
        if codings.peek().is_some() {
            return Err(match length {
                Some(_) => Fault::Length,
                None if codings.all(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"chunked")) => {
                    Fault::LengthRequired
                }
                None => Fault::Coding,
            });
        }
        match length {
            None => Ok(0),
            Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| Fault::Length)
            }
            Some(_) => Err(Fault::Length),
        }
    }

    fn expects_continue(&self) -> Result<bool, Fault> {
        match self.one("expect")? {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("100-continue") => Ok(true),
            Some(_) => Err(Fault::Expectation),
        }
    }

    fn keep_alive(&self, version: u8) -> bool {
        match version {
            1 => !self.lists("connection", "close"),
            _ => self.lists("connection", "keep-alive") && !self.lists("connection", "close"),
        }
    }

    fn upgrade(&self) -> Result<Option<Upgrade<'a>>, Fault> {
        if !(self.lists("connection", "upgrade") && self.lists("upgrade", "websocket")) {
            return Ok(None);
        }
        Ok(Some(Upgrade {
            key: self.one("sec-websocket-key")?.unwrap_or(""),
            version: self.one("sec-websocket-version")?.unwrap_or(""),
        }))
    }
}

#[cfg(test)]
mod tests;
