//! One number for a whole run: the same seed gives the same number, or something is not deterministic.

use crate::event::{Feed, Report, Said};
use consort_core::{Output, StoreOperation, TerminalOutput};
use std::fmt::{self, Write};

/// FNV-1a over everything that went into the node and came out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trace(u64);

impl Write for Trace {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}

impl Trace {
    pub(crate) fn new() -> Self {
        Trace(0xCBF2_9CE4_8422_2325)
    }

    pub(crate) fn hash(self) -> u64 {
        self.0
    }

    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
        }
    }

    fn debug(&mut self, value: &dyn fmt::Debug) {
        // Writing into a number cannot fail.
        let _ = write!(self, "{value:?}");
    }

    pub(crate) fn time(&mut self, now: u64) {
        self.bytes(&now.to_le_bytes());
    }

    /// Long bytes are taken as they are: printing them would take most of the time of a run.
    pub(crate) fn feed(&mut self, feed: &Feed) {
        match feed {
            Feed::Terminal(id, Report::Snapshot(size, bytes)) => {
                self.debug(&(id, size, bytes.len()));
                self.bytes(&bytes[..bytes.len().min(64)]);
            }
            Feed::Viewer(id, Said::Input(stream, seq, bytes)) => {
                self.debug(&(id, stream, seq));
                self.bytes(&bytes[..bytes.len().min(64)]);
            }
            Feed::Backend(_) | Feed::Terminal(..) | Feed::Viewer(..) | Feed::Command(..) => self.debug(feed),
        }
    }

    pub(crate) fn output(&mut self, output: &Output) {
        match output {
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
