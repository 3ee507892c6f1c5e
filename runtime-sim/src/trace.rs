//! One number for a whole run: the same seed gives the same number, or something is not deterministic.

use crate::event::{Feed, HostIndex, Report, Said};
use crate::network::LinkFeed;
use consort_core::{LinkId, Output, StoreOperation, TerminalOutput};
use std::fmt::{self, Write};

/// FNV-1a over everything that went into the nodes and came out, eight bytes at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trace {
    hash: u64,
    /// Nothing is noted.
    off: bool,
}

impl Write for Trace {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

impl Trace {
    pub(crate) fn new(off: bool) -> Self {
        Trace { hash: 0xCBF2_9CE4_8422_2325, off }
    }

    pub(crate) fn hash(self) -> u64 {
        self.hash
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.number(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        last[7] = rest.len() as u8;
        self.number(u64::from_le_bytes(last));
    }

    fn number(&mut self, number: u64) {
        let mixed = (self.hash ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.hash = mixed ^ (mixed >> 29);
    }

    fn debug(&mut self, value: &dyn fmt::Debug) {
        // Writing into a number cannot fail.
        let _ = write!(self, "{value:?}");
    }

    pub(crate) fn time(&mut self, host: HostIndex, now: u64) {
        self.number(now << 16 | u64::from(host));
    }

    /// Long bytes are taken as they are: printing them would take most of the time of a run.
    pub(crate) fn feed(&mut self, host: HostIndex, feed: &Feed) {
        if self.off {
            return;
        }
        self.number(u64::from(host));
        match feed {
            Feed::Terminal(id, Report::Snapshot(size, bytes)) => {
                self.debug(&(id, size, bytes.len()));
                self.bytes(&bytes[..bytes.len().min(64)]);
            }
            Feed::Viewer(id, Said::Input(stream, heard, seq, bytes)) => {
                self.debug(&(id, stream, heard, seq));
                self.bytes(&bytes[..bytes.len().min(64)]);
            }
            Feed::Backend(_)
            | Feed::Terminal(..)
            | Feed::Viewer(..)
            | Feed::Command(..)
            | Feed::Network(_)
            | Feed::DialFailed(..) => self.debug(feed),
        }
    }

    pub(crate) fn link(&mut self, host: HostIndex, link: LinkId, feed: &LinkFeed) {
        if self.off {
            return;
        }
        self.number(u64::from(host));
        self.number(link.0);
        match feed {
            LinkFeed::Frame(bytes) => self.bytes(bytes),
            LinkFeed::Writable(frames) => self.number(1 | u64::from(*frames) << 8),
            LinkFeed::Closed => self.number(2),
            LinkFeed::Opened { .. } => self.number(3),
        }
    }

    pub(crate) fn output(&mut self, output: &Output) {
        if self.off {
            return;
        }
        match output {
            Output::Transmit(link, bytes) => {
                self.number(link.0);
                self.bytes(bytes);
            }
            Output::Terminal(id, TerminalOutput::Write(bytes)) => {
                self.debug(&(id, bytes.len()));
                self.bytes(&bytes[..bytes.len().min(64)]);
            }
            Output::Store(id, StoreOperation::Put { key, bytes }) => {
                self.debug(&(id, key));
                self.bytes(bytes);
            }
            _ => self.debug(output),
        }
    }
}
