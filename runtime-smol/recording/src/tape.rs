//! What was recorded and is not written yet: bounded, and never waited for by the node.

use crate::record::{Ending, Record};
use crate::squeeze::squeeze;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes that wait for the disk. A node that is that far ahead is not recorded any more.
const WAITING_BYTES: usize = 16 << 20;

/// The way from a node to the file. Clones are the same tape.
#[derive(Clone, Debug)]
pub struct Tape {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    bell: Condvar,
}

#[derive(Debug)]
struct Waiting {
    /// Squeezed records.
    bytes: Vec<u8>,
    most: usize,
    /// Where records are encoded.
    scratch: Vec<u8>,
    /// Things that were opened.
    opened: u64,
    ended: Option<Ending>,
}

impl Default for Tape {
    fn default() -> Self {
        Tape::with_room(WAITING_BYTES)
    }
}

impl Tape {
    /// A tape on which so many bytes can wait.
    #[must_use]
    pub fn with_room(bytes: usize) -> Self {
        let waiting = Waiting { bytes: Vec::new(), most: bytes, scratch: Vec::new(), opened: 0, ended: None };
        Tape { shared: Arc::new(Shared { waiting: Mutex::new(waiting), bell: Condvar::new() }) }
    }

    /// Adds a record. Without room for it the recording ends.
    pub fn append(&self, record: &Record<'_>) {
        self.lock().append(record, &self.shared.bell);
    }

    /// Adds something that was opened, and before it what its number makes of it.
    pub(crate) fn append_opened(&self, opened: impl FnOnce(u64, &mut dyn FnMut(&Record<'_>))) {
        let mut waiting = self.lock();
        let number = waiting.opened;
        waiting.opened += 1;
        opened(number, &mut |record| waiting.append(record, &self.shared.bell));
    }

    /// Ends the recording: nothing is added any more.
    pub fn end(&self, ending: Ending) {
        let mut waiting = self.lock();
        waiting.ended.get_or_insert(ending);
        self.shared.bell.notify_one();
    }

    /// Whether the recording goes on.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.lock().ended.is_none()
    }

    /// Waits for whole records, and takes them. When there are none left and the recording has ended: why it has.
    ///
    /// # Errors
    /// The end.
    pub fn take(&self) -> Result<Vec<u8>, Ending> {
        let mut waiting = self.lock();
        loop {
            if !waiting.bytes.is_empty() {
                return Ok(std::mem::take(&mut waiting.bytes));
            }
            if let Some(ending) = waiting.ended {
                return Err(ending);
            }
            waiting = self.shared.bell.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn append(&mut self, record: &Record<'_>, bell: &Condvar) {
        if self.ended.is_some() {
            return;
        }
        let before = self.bytes.len();
        encode(record, &mut self.scratch, &mut self.bytes);
        if self.bytes.len() > self.most {
            self.bytes.truncate(before);
            self.ended = Some(Ending::Overrun);
        }
        if before == 0 {
            bell.notify_one();
        }
    }
}

/// Appends a record as it stands in a file.
pub(crate) fn encode(record: &impl serde::Serialize, scratch: &mut Vec<u8>, to: &mut Vec<u8>) {
    scratch.clear();
    // Encoding to memory has nothing to fail at.
    *scratch = postcard::to_extend(record, std::mem::take(scratch)).unwrap_or_default();
    squeeze(scratch, to);
    scratch.shrink_to(1 << 20);
}
