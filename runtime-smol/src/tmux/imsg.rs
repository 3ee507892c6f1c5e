//! tmux's own client protocol (version 8): what a `tmux -C` process says to the server, without the process.
//!
//! Messages are OpenBSD imsg: a header of 16 bytes in native byte order, then the payload. A control client announces
//! itself with `IDENTIFY` messages, passes the descriptors that tmux reads commands from and writes answers to, and names
//! its first command. From then on the messages are only about the client's life; everything else is lines on the
//! descriptors. Nothing here ever starts a server.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::net::{AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketType};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::unix::net::UnixStream;
use std::path::Path;

const PROTOCOL_VERSION: u32 = 8;
const HEADER_BYTES: usize = 16;
/// Bytes of one message with its header at most.
const MESSAGE_BYTES: usize = 16_384;

const MSG_VERSION: u32 = 12;
const MSG_IDENTIFY_TERM: u32 = 101;
const MSG_IDENTIFY_TTYNAME: u32 = 102;
const MSG_IDENTIFY_STDIN: u32 = 104;
const MSG_IDENTIFY_DONE: u32 = 106;
const MSG_IDENTIFY_CLIENTPID: u32 = 107;
const MSG_IDENTIFY_CWD: u32 = 108;
const MSG_IDENTIFY_FEATURES: u32 = 109;
const MSG_IDENTIFY_STDOUT: u32 = 110;
const MSG_IDENTIFY_LONGFLAGS: u32 = 111;
const MSG_COMMAND: u32 = 200;
const MSG_DETACH: u32 = 201;
const MSG_DETACHKILL: u32 = 202;
const MSG_READY: u32 = 207;

const CLIENT_CONTROL: u64 = 0x2000;
const CLIENT_UTF8: u64 = 0x1_0000;

/// How the length field of a header is laid out; they differ only in a message that carries a descriptor (and, on
/// big-endian machines, everywhere).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// tmux up to 3.5: 16 bits of length, 16 bits of flags of which 1 means "a descriptor follows".
    Short,
    /// Later ones: 32 bits of length of which the highest means "a descriptor follows".
    Long,
}

impl Layout {
    fn header(self, kind: u32, payload: usize, descriptor: bool) -> [u8; HEADER_BYTES] {
        let length = HEADER_BYTES + payload;
        let mut header = [0; HEADER_BYTES];
        header[0..4].copy_from_slice(&kind.to_ne_bytes());
        match self {
            Layout::Short => {
                header[4..6].copy_from_slice(&(length as u16).to_ne_bytes());
                header[6..8].copy_from_slice(&u16::from(descriptor).to_ne_bytes());
            }
            Layout::Long => {
                let mark = if descriptor { 0x8000_0000 } else { 0 };
                header[4..8].copy_from_slice(&(length as u32 | mark).to_ne_bytes());
            }
        }
        header[8..12].copy_from_slice(&PROTOCOL_VERSION.to_ne_bytes());
        header[12..16].copy_from_slice(&u32::MAX.to_ne_bytes());
        header
    }

    fn message(self, kind: u32, payload: &[u8], descriptor: bool) -> Vec<u8> {
        let mut message = self.header(kind, payload.len(), descriptor).to_vec();
        message.extend_from_slice(payload);
        message
    }

    /// Length of the message that begins with this header.
    fn length(self, header: &[u8; HEADER_BYTES]) -> usize {
        match self {
            Layout::Short => usize::from(u16::from_ne_bytes([header[4], header[5]])),
            Layout::Long => (u32::from_ne_bytes([header[4], header[5], header[6], header[7]]) & 0x7fff_ffff) as usize,
        }
    }
}

/// Who the client says it is.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// What `tmux list-clients` calls it. Must be unique on the server.
    pub name: &'a str,
    /// Process id, shown by `list-clients`.
    pub pid: u32,
}

/// Connects to the server at `socket` and becomes the control client that runs `command` first. tmux reads commands from and
/// writes lines to `terminal`. Nothing waits: whether the command succeeded shows on the other end of `terminal`, whether
/// the server understood at all shows on the returned socket (see [`Life`]).
///
/// # Errors
/// There is no server, it accepts nothing now, or the command is longer than one message.
pub fn attach(
    socket: &Path,
    layout: Layout,
    identity: Identity<'_>,
    terminal: &UnixStream,
    command: &[&str],
) -> io::Result<UnixStream> {
    let mut argv = (command.len() as u32).to_ne_bytes().to_vec();
    for word in command {
        argv.extend_from_slice(word.as_bytes());
        argv.push(0);
    }
    if HEADER_BYTES + argv.len() > MESSAGE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the command is too long for tmux"));
    }
    let server = connect(socket)?;
    let flags = (CLIENT_CONTROL | CLIENT_UTF8).to_ne_bytes();
    let text = |text: &str| [text.as_bytes(), &[0]].concat();
    let mut opening = Vec::new();
    opening.extend(layout.message(MSG_IDENTIFY_TERM, &text("consort"), false));
    opening.extend(layout.message(MSG_IDENTIFY_FEATURES, &0i32.to_ne_bytes(), false));
    opening.extend(layout.message(MSG_IDENTIFY_TTYNAME, &text(identity.name), false));
    opening.extend(layout.message(MSG_IDENTIFY_CWD, &text("/"), false));
    send(&server, &opening, None)?;
    send(&server, &layout.message(MSG_IDENTIFY_STDIN, &[], true), Some(terminal.as_fd()))?;
    send(&server, &layout.message(MSG_IDENTIFY_STDOUT, &[], true), Some(terminal.as_fd()))?;
    // The flags go with the end of the introduction, in one piece: from the moment that tmux knows a client to be in control
    // mode it notifies it, and before the introduction has ended it has nowhere to write to (tmux 3.3a crashes then).
    let mut closing = layout.message(MSG_IDENTIFY_CLIENTPID, &identity.pid.to_ne_bytes(), false);
    closing.extend(layout.message(MSG_IDENTIFY_LONGFLAGS, &flags, false));
    closing.extend(layout.message(MSG_IDENTIFY_DONE, &[], false));
    closing.extend(layout.message(MSG_COMMAND, &argv, false));
    send(&server, &closing, None)?;
    Ok(server)
}

/// Whether a tmux server accepts connections at this socket. Starts nothing and waits for nothing.
#[must_use]
pub fn listens(socket: &Path) -> bool {
    connect(socket).is_ok()
}

/// A connected, non-blocking socket. A server whose queue of connections is full is an error, not a wait.
fn connect(path: &Path) -> io::Result<UnixStream> {
    let socket: OwnedFd = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&socket, true)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(UnixStream::from(socket))
}

/// Sends a whole message. These few hundred bytes are the first on the connection: they fit its buffer, or something is
/// wrong with the server.
fn send(socket: &UnixStream, message: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let descriptors = descriptor.map(|fd| [fd]);
    if let Some(descriptors) = &descriptors {
        ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    #[cfg(target_os = "linux")]
    let flags = SendFlags::NOSIGNAL;
    #[cfg(not(target_os = "linux"))]
    let flags = SendFlags::empty();
    let sent = rustix::net::sendmsg(socket, &[IoSlice::new(message)], &mut ancillary, flags)?;
    if sent == message.len() { Ok(()) } else { Err(io::Error::from(io::ErrorKind::WouldBlock)) }
}

/// What the server said about the client's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The client is attached to a session.
    Ready,
    /// The server speaks another version of the protocol.
    OtherVersion,
    /// Somebody, or a hook, detached the client.
    Detached,
    /// The client is to end: its session or the server is gone, its command failed.
    End,
}

/// Reads the messages of the server.
#[derive(Debug)]
pub struct Life {
    layout: Layout,
    buffer: Vec<u8>,
}

impl Life {
    /// A reader of the messages of one connection.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        Life { layout, buffer: Vec::new() }
    }

    /// Takes the next bytes and says what they mean. A message that makes no sense is an end.
    pub fn feed(&mut self, bytes: &[u8], mut news: impl FnMut(News)) {
        self.buffer.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(header) =
            self.buffer.get(at..at + HEADER_BYTES).and_then(|h| <&[u8; HEADER_BYTES]>::try_from(h).ok())
        {
            let length = self.layout.length(header);
            if !(HEADER_BYTES..=MESSAGE_BYTES).contains(&length) {
                self.buffer.clear();
                return news(News::End);
            }
            if self.buffer.len() < at + length {
                break;
            }
            match u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) {
                MSG_READY => news(News::Ready),
                MSG_VERSION => news(News::OtherVersion),
                MSG_DETACH | MSG_DETACHKILL => news(News::Detached),
                // Flags of the client (212, 218) and files to write belong to terminals and to `save-buffer`: not ours.
                212.. => {}
                _ => news(News::End),
            }
            at += length;
        }
        self.buffer.drain(..at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headers_without_a_descriptor_are_the_same_for_every_version_on_little_endian_machines() {
        if cfg!(target_endian = "little") {
            assert_eq!(Layout::Short.header(200, 44, false), Layout::Long.header(200, 44, false));
        }
        assert_ne!(Layout::Short.header(104, 0, true), Layout::Long.header(104, 0, true));
    }

    #[test]
    fn the_end_of_a_client_is_noticed_and_what_concerns_others_is_not() {
        for layout in [Layout::Short, Layout::Long] {
            let mut bytes = layout.message(MSG_READY, &[], false);
            bytes.extend(layout.message(218, &[0; 8], false));
            bytes.extend(layout.message(201, b"name\0", false));
            bytes.extend(layout.message(203, &0i32.to_ne_bytes(), false));
            let (mut life, mut seen) = (Life::new(layout), Vec::new());
            for byte in bytes {
                life.feed(&[byte], |news| seen.push(news));
            }
            assert_eq!(seen, [News::Ready, News::Detached, News::End]);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_fail_or_grow(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..100), 0..30)) {
            let mut life = Life::new(Layout::Long);
            for piece in pieces {
                life.feed(&piece, |_| ());
                prop_assert!(life.buffer.len() <= MESSAGE_BYTES + 100);
            }
        }
    }
}
