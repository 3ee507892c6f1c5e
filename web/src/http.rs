//! HTTP requests and responses as data: only the parts that the API looks at.

use serde::Serialize;
use std::borrow::Cow;

/// The time of a request, read by the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Wall clock: milliseconds since 1970. Only for what must outlive a restart (cookies) or is shown.
    pub unix_ms: u64,
    /// Monotonic: milliseconds since the node started.
    pub uptime_ms: u64,
}

/// Where a request came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// A TCP port. Everybody who can reach it is a stranger until they show a cookie or a token.
    Tcp,
    /// The Unix socket, whose file permission lets in only the node's own user.
    ControlSocket,
}

/// The part of a request before its body.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Where it came in.
    pub via: Via,
    /// The method as sent: methods are case-sensitive.
    pub method: &'a str,
    /// The target as sent, in origin form: a path that begins with `/`, and perhaps a query.
    pub target: &'a str,
    /// The headers that matter here.
    pub headers: Headers<'a>,
}

impl<'a> Head<'a> {
    /// The target up to the query.
    #[must_use]
    pub fn path(&self) -> &'a str {
        self.target.split_once('?').map_or(self.target, |(path, _)| path)
    }

    /// What follows the first `?`; empty if there is none.
    #[must_use]
    pub fn query(&self) -> &'a str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}

/// A header that makes a request impossible to understand in one way only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// It is there more than once, so that two readers could see two requests.
    #[error("The header {0} is there more than once.")]
    Repeated(&'static str),
    /// Its value has bytes other than printable ASCII, spaces and tabs.
    #[error("The header {0} has characters that do not belong there.")]
    Characters(&'static str),
}

macro_rules! headers {
    ($($(#[$doc:meta])* $field:ident = $name:literal,)*) => {
        /// The headers that the API looks at; all others are as if they had not been sent.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Headers<'a> {
            $($(#[$doc])* pub $field: Option<&'a str>,)*
        }

        impl<'a> Headers<'a> {
            /// Picks the headers of interest from all that were sent. Names are compared without regard to case.
            ///
            /// # Errors
            /// The first of them that is repeated or is not printable ASCII.
            pub fn collect(all: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, HeaderFault> {
                let mut found = Headers::default();
                for (name, value) in all {
                    $(if name.eq_ignore_ascii_case($name) {
                        let put = if HINTS.contains(&$name) { put_hint } else { put };
                        put(&mut found.$field, $name, value)?;
                        continue;
                    })*
                }
                Ok(found)
            }

            /// The headers that are there, by their names in lower case: to hand a request on with nothing else in it.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, &'a str)> {
                [$(($name, self.$field)),*].into_iter().filter_map(|(name, value)| Some((name, value?)))
            }
        }
    };
}

headers! {
    /// Which node the client thinks it talks to.
    host = "host",
    /// The page that a browser makes the request for.
    origin = "origin",
    /// What a browser says of that page's relation to us.
    fetch_site = "sec-fetch-site",
    /// A program's token.
    authorization = "authorization",
    /// A browser's cookies.
    cookie = "cookie",
    /// What the body is.
    content_type = "content-type",
    /// Which compressions the client understands.
    accept_encoding = "accept-encoding",
    /// Which version of a file the client has.
    if_none_match = "if-none-match",
    /// The last event that the client has.
    last_event_id = "last-event-id",
    /// What kinds of answer the client can show. Only decides how a refusal looks.
    accept = "accept",
    /// What a browser wants an answer for. Only decides how a refusal looks, and what it suggests.
    fetch_mode = "sec-fetch-mode",
    /// The scheme that a proxy was reached by. Anybody can send it: only for what a refusal suggests.
    forwarded_proto = "x-forwarded-proto",
}

/// Headers that decide about nothing but how a refusal is worded. Some may rightly be there twice.
const HINTS: [&str; 3] = ["accept", "sec-fetch-mode", "x-forwarded-proto"];

/// Takes the first readable value.
#[allow(clippy::unnecessary_wraps, reason = "in the place of `put`")]
fn put_hint<'a>(slot: &mut Option<&'a str>, name: &'static str, value: &'a [u8]) -> Result<(), HeaderFault> {
    if slot.is_none() {
        let _ = put(slot, name, value);
    }
    Ok(())
}

fn put<'a>(slot: &mut Option<&'a str>, name: &'static str, value: &'a [u8]) -> Result<(), HeaderFault> {
    if slot.is_some() {
        return Err(HeaderFault::Repeated(name));
    }
    if !value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
        return Err(HeaderFault::Characters(name));
    }
    let text = std::str::from_utf8(value).map_err(|_| HeaderFault::Characters(name))?;
    *slot = Some(text.trim_matches([' ', '\t']));
    Ok(())
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Names and values, all printable ASCII. `Content-Length`, `Date` and `Connection` are the server's business.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body; for `HEAD` the one that `GET` would get, which the server leaves out.
    pub body: Cow<'static, [u8]>,
}

impl Response {
    /// A response with that status, without a body, never cached, with the headers that every response has.
    #[must_use]
    pub fn empty(status: u16) -> Self {
        let headers = SECURITY_HEADERS.iter().map(|(name, value)| (*name, Cow::Borrowed(*value))).collect();
        Response { status, headers, body: Cow::Borrowed(&[]) }.with("Cache-Control", "no-store")
    }

    /// `value` as JSON. If it cannot be written (a map with keys that are no strings: a bug), status 500.
    #[must_use]
    pub fn json(status: u16, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Response { body: Cow::Owned(body), ..Response::empty(status).with("Content-Type", JSON) },
            Err(error) => {
                log::error!("an answer cannot be written as JSON: {error}");
                Response::empty(500)
            }
        }
    }

    /// The same with this header, instead of an earlier one of that name.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.retain(|(existing, _)| !existing.eq_ignore_ascii_case(name));
        self.headers.push((name, value.into()));
        self
    }

    /// A page with this status. `html` is complete and has everything in it escaped.
    #[must_use]
    pub fn page(status: u16, html: String) -> Self {
        let response = Response::empty(status).with("Content-Type", "text/html; charset=utf-8");
        Response { body: Cow::Owned(html.into_bytes()), ..response }
    }

    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(existing, _)| existing.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }
}

const JSON: &str = "application/json; charset=utf-8";

/// On every response, whatever it is. Styles may be inline because terminals are drawn with computed ones; scripts never.
const SECURITY_HEADERS: [(&str, &str); 6] = [
    (
        "Content-Security-Policy",
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
];

/// What went wrong, in the one shape that all errors have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Status code, 400 to 599.
    pub status: u16,
    /// Stable name, for programs.
    pub code: Cow<'static, str>,
    /// What happened, for a person: one sentence.
    pub message: String,
    /// What to do next; may be empty.
    pub hint: String,
}

impl Problem {
    /// A problem.
    #[must_use]
    pub fn new(
        status: u16,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Problem { status, code: code.into(), message: message.into(), hint: hint.into() }
    }

    /// A request that breaks a rule of the API.
    #[must_use]
    pub fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Problem::new(400, "invalid", message, hint)
    }
}

impl From<HeaderFault> for Problem {
    fn from(fault: HeaderFault) -> Self {
        Problem::new(400, "bad-request", fault.to_string(), "")
    }
}

impl From<Problem> for Response {
    fn from(problem: Problem) -> Self {
        #[derive(Serialize)]
        struct Body<'a> {
            error: Inner<'a>,
        }
        #[derive(Serialize)]
        struct Inner<'a> {
            code: &'a str,
            message: &'a str,
            hint: &'a str,
        }
        let Problem { status, code, message, hint } = &problem;
        Response::json(*status, &Body { error: Inner { code, message, hint } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_header_of_interest_that_is_there_twice_is_refused_whatever_its_case() {
        let twice = [("Host", &b"a"[..]), ("hOST", b"a")];
        assert_eq!(Headers::collect(twice), Err(HeaderFault::Repeated("host")));
        let others = [("x-a", &b"1"[..]), ("x-a", b"2"), ("x-b", b"\xff")];
        assert_eq!(Headers::collect(others), Ok(Headers::default()));
    }

    #[test]
    fn every_response_carries_the_security_headers_and_no_cors_header() {
        for response in [Response::empty(204), Response::json(200, &1), Problem::invalid("x", "").into()] {
            for (name, value) in SECURITY_HEADERS {
                assert_eq!(response.header(name), Some(value));
            }
            assert!(!response.headers.iter().any(|(name, _)| name.starts_with("Access-Control")));
            assert_eq!(response.header("cache-control"), Some("no-store"));
        }
    }

    proptest! {
        #[test]
        fn what_was_collected_is_what_is_handed_on(value in "[ -~]{0,40}", bytes: Vec<u8>) {
            let found = Headers::collect([("Origin", value.as_bytes())]).unwrap();
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), vec![("origin", value.trim())]);
            if let Ok(found) = Headers::collect([("cookie", bytes.as_slice())]) {
                prop_assert!(found.cookie.unwrap().bytes().all(|b| b != b'\r' && b != b'\n' && b.is_ascii()));
            }
        }
    }
}
