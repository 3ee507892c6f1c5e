//! What a browser sends, as core's own values.

use super::{KIND_ACK, KIND_INPUT, PROTOCOL};
use consort_core::input::Take;
use consort_core::limits::INPUT_CHUNK_BYTES;
use consort_core::{AgentAddress, Generation, NodeId, Size, StreamId, ViewerInput, ViewerKey};
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// A frame as it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A text frame.
    Text(&'a str),
    /// A binary frame.
    Binary(&'a [u8]),
}

/// What a browser said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientMessage<'a> {
    /// Who it is. The first message, and only that.
    Hello(ViewerKey),
    /// To be answered with the same id.
    Ping(u64),
    /// For core.
    Viewer(ViewerInput<'a>),
}

/// A frame that breaks the protocol. The node says so and closes the socket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// Text that is not the JSON of a message.
    #[error("The message is not understood: {0}.")]
    Json(String),
    /// A message with an unknown `t`.
    #[error("There is no message '{}'.", .0.escape_debug())]
    UnknownMessage(String),
    /// The page was made for another node.
    #[error("The page speaks version {0} of the protocol, the node version {PROTOCOL}.")]
    Version(u32),
    /// A field whose value is not what it must be.
    #[error("The field '{field}' is not {expected}.")]
    Field {
        /// Its name.
        field: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A binary frame of an unknown kind.
    #[error("There is no frame of kind {0}.")]
    UnknownKind(u8),
    /// A binary frame that ends before its header does, or goes on where nothing may follow.
    #[error("A frame of {0} bytes cannot be of its kind.")]
    Length(usize),
    /// More input in one frame than allowed.
    #[error("Input of {0} bytes is too long: at most {INPUT_CHUNK_BYTES} fit one frame.")]
    InputTooLong(usize),
}

impl ProtocolError {
    /// The stable name in the `error` message.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            ProtocolError::Json(_) => "bad-json",
            ProtocolError::UnknownMessage(_) | ProtocolError::UnknownKind(_) => "unknown-message",
            ProtocolError::Version(_) => "version",
            ProtocolError::Field { .. } => "bad-field",
            ProtocolError::Length(_) => "bad-length",
            ProtocolError::InputTooLong(_) => "input-too-long",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            ProtocolError::Version(_) => "Reload the page.",
            _ => "Reload the page; if that does not help, report a bug.",
        }
    }
}

/// Reads one frame that came to the node `own`. Total: every sequence of bytes is a message or an error.
///
/// # Errors
/// The rule of the protocol that the frame breaks.
pub fn decode(own: NodeId, frame: Incoming<'_>) -> Result<ClientMessage<'_>, ProtocolError> {
    match frame {
        Incoming::Text(text) => decode_text(own, text),
        Incoming::Binary(bytes) => decode_binary(bytes).map(ClientMessage::Viewer),
    }
}

fn decode_binary(frame: &[u8]) -> Result<ViewerInput<'_>, ProtocolError> {
    let short = || ProtocolError::Length(frame.len());
    let (kind, rest) = frame.split_first().ok_or_else(short)?;
    if !matches!(*kind, KIND_INPUT | KIND_ACK) {
        return Err(ProtocolError::UnknownKind(*kind));
    }
    let (stream, rest) = rest.split_first_chunk().ok_or_else(short)?;
    let (number, bytes) = rest.split_first_chunk().ok_or_else(short)?;
    let stream = StreamId(u32::from_le_bytes(*stream));
    let number = u64::from_le_bytes(*number);
    if *kind == KIND_INPUT {
        let (heard, bytes) = bytes.split_first_chunk().ok_or_else(short)?;
        let heard = u32::from_le_bytes(*heard);
        if bytes.len() > INPUT_CHUNK_BYTES {
            return Err(ProtocolError::InputTooLong(bytes.len()));
        }
        return Ok(ViewerInput::Input { stream, heard, seq: number, bytes });
    }
    if bytes.is_empty() { Ok(ViewerInput::Ack { stream, offset: number }) } else { Err(short()) }
}

fn decode_text(own: NodeId, text: &str) -> Result<ClientMessage<'_>, ProtocolError> {
    #[derive(Deserialize)]
    struct Tag<'a> {
        #[serde(borrow)]
        t: Cow<'a, str>,
    }
    let tag: Tag<'_> = read(text)?;
    let input = match &*tag.t {
        "hello" => return read::<Hello<'_>>(text)?.message(),
        "ping" => return Ok(ClientMessage::Ping(read::<Ping>(text)?.id)),
        "attach" => read::<Attach<'_>>(text)?.input(own)?,
        "size" => read::<Resize>(text)?.input(),
        "release" => ViewerInput::Release(StreamId(read::<OfStream>(text)?.s)),
        "detach" => ViewerInput::Detach(StreamId(read::<OfStream>(text)?.s)),
        "seen" => ViewerInput::Seen(agent(own, &read::<Seen<'_>>(text)?.agent)?),
        unknown => return Err(ProtocolError::UnknownMessage(unknown.chars().take(40).collect())),
    };
    Ok(ClientMessage::Viewer(input))
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ProtocolError> {
    serde_json::from_str(text).map_err(|error| ProtocolError::Json(error.to_string()))
}

fn agent(own: NodeId, text: &str) -> Result<AgentAddress, ProtocolError> {
    AgentAddress::read_at(own, text)
        .map_err(|_| ProtocolError::Field { field: "agent", expected: "the id of an agent" })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Hello<'a> {
    #[serde(rename = "t")]
    _t: IgnoredAny,
    protocol: u32,
    #[serde(borrow)]
    viewer: Cow<'a, str>,
}

impl Hello<'_> {
    fn message(self) -> Result<ClientMessage<'static>, ProtocolError> {
        if self.protocol != PROTOCOL {
            return Err(ProtocolError::Version(self.protocol));
        }
        let wrong = ProtocolError::Field { field: "viewer", expected: "22 characters base64url of 16 bytes" };
        let mut key = [0; 16];
        // The length first: the decoder needs a buffer of exactly the right size.
        if self.viewer.len() != 22 {
            return Err(wrong);
        }
        match BASE64URL_NOPAD.decode_mut(self.viewer.as_bytes(), &mut key) {
            Ok(16) => Ok(ClientMessage::Hello(ViewerKey(key))),
            _ => Err(wrong),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ping {
    #[serde(rename = "t")]
    _t: IgnoredAny,
    id: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfStream {
    #[serde(rename = "t")]
    _t: IgnoredAny,
    s: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seen<'a> {
    #[serde(rename = "t")]
    _t: IgnoredAny,
    #[serde(borrow)]
    agent: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attach<'a> {
    #[serde(rename = "t")]
    _t: IgnoredAny,
    s: u32,
    #[serde(borrow)]
    agent: Cow<'a, str>,
    terminal: Option<u32>,
    #[serde(borrow)]
    from: Option<Resume<'a>>,
    size: Option<Cells>,
    #[serde(default)]
    take: TakeName,
}

impl Attach<'_> {
    fn input(self, own: NodeId) -> Result<ViewerInput<'static>, ProtocolError> {
        Ok(ViewerInput::Attach {
            stream: StreamId(self.s),
            agent: agent(own, &self.agent)?,
            pane: self.terminal,
            from: self.from.map(|from| from.value()).transpose()?,
            size: self.size.map(|cells| size(cells.cols, cells.rows)),
            take: self.take.into(),
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resume<'a> {
    #[serde(borrow)]
    generation: Cow<'a, str>,
    offset: u64,
}

impl Resume<'_> {
    fn value(self) -> Result<(Generation, u64), ProtocolError> {
        let wrong = ProtocolError::Field { field: "generation", expected: "16 lower-case hexadecimal digits" };
        let digits = self.generation.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match u64::from_str_radix(&self.generation, 16) {
            Ok(number) if digits && self.generation.len() == 16 => Ok((Generation(number), self.offset)),
            _ => Err(wrong),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cells {
    cols: u64,
    rows: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Resize {
    #[serde(rename = "t")]
    _t: IgnoredAny,
    s: u32,
    #[serde(default)]
    take: TakeName,
    cols: u64,
    rows: u64,
}

impl Resize {
    fn input(self) -> ViewerInput<'static> {
        ViewerInput::Resize { stream: StreamId(self.s), size: size(self.cols, self.rows), take: self.take.into() }
    }
}

fn size(cols: u64, rows: u64) -> Size {
    let cells = |number: u64| u16::try_from(number).unwrap_or(u16::MAX);
    Size::clamped(cells(cols), cells(rows))
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum TakeName {
    #[default]
    Never,
    IfFree,
    Always,
}

impl From<TakeName> for Take {
    fn from(name: TakeName) -> Take {
        match name {
            TakeName::Never => Take::Never,
            TakeName::IfFree => Take::IfFree,
            TakeName::Always => Take::Always,
        }
    }
}

#[cfg(test)]
mod tests;
