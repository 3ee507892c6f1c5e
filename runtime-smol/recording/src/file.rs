//! The bytes of a recording.
//!
//! ```text
//! magic       7 bytes "CONSREC", one byte version of the format
//! block …     u32 length, u32 CRC-32 of what follows, both little-endian; that many bytes
//! ```
//!
//! The first block holds the [`Header`], the others whole [`Record`]s, in postcard, without runs of filler: pairs of the length of a
//! piece, the piece, and the length of the run behind it, to a run of none. A block that is not whole, or has another checksum, ends
//! what can be read: everything before it counts.

use crate::played::Given;
use crate::record::{Ending, Record};
use crate::squeeze::expand;
use crate::tape::encode;
use consort_core::{Input, Instant, NodeId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// First bytes of every recording; the last of them is the version of the format.
pub const MAGIC: [u8; 8] = *b"CONSREC\x01";
const BLOCK_HEAD: usize = 8;
/// Bytes of one record: the longest hold a snapshot, or all that the store held.
const RECORD_BYTES: usize = 256 << 20;

/// What the node was made from, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the program.
    pub version: String,
    /// Unix time of the node's start in milliseconds; 0: it did not know it, as in the simulator.
    pub began_unix_ms: u64,
    /// Nothing is left out.
    pub all: bool,
    /// What the machine is called.
    pub name: String,
    /// The node.
    pub id: NodeId,
    /// Which of its lives.
    pub epoch: u64,
    /// What its random numbers grow from.
    pub seed: [u8; 32],
    /// When it was made, in its own time.
    pub now_ms: u64,
    /// What the store held and it took.
    pub restored: Vec<(String, Vec<u8>)>,
}

/// Why a file cannot be played back at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is something else.
    #[error("not a recording of consort")]
    Foreign,
    /// Its format is of another version.
    #[error("a recording of another version of consort (format {0}, this one knows {version})", version = MAGIC[7])]
    Version(u8),
    /// It ends before the node had begun.
    #[error("torn so early that nothing can be played back")]
    Torn,
}

/// Whether a file that begins so is a recording, of whatever version.
#[must_use]
pub fn is_recording(beginning: &[u8]) -> bool {
    beginning.starts_with(&MAGIC[..7])
}

/// How a recording begins.
#[must_use]
pub fn beginning(header: &Header) -> Vec<u8> {
    let mut held = Vec::new();
    encode(header, &mut Vec::new(), &mut held);
    [&MAGIC[..], &block(&held)].concat()
}

/// A block of records from a [`Tape`](crate::Tape).
#[must_use]
pub fn block(records: &[u8]) -> Vec<u8> {
    // A tape has less room than 4 GiB.
    let head = [(records.len() as u32).to_le_bytes(), crc32fast::hash(records).to_le_bytes()].concat();
    [&head[..], records].concat()
}

/// How a recording ends.
#[must_use]
pub fn end(ending: Ending) -> Vec<u8> {
    let mut held = Vec::new();
    encode(&Record::End(ending), &mut Vec::new(), &mut held);
    block(&held)
}

/// Reads a recording, input by input.
#[derive(Debug)]
pub struct Reader<'f> {
    header: Header,
    entries: Entries<'f>,
    /// What belongs into things that were opened, by their numbers.
    mends: BTreeMap<u64, Vec<(usize, Vec<u8>)>>,
    opened: u64,
    /// The next input, read already.
    ahead: Option<Vec<u8>>,
}

/// One input and what is known of how it was handled.
#[derive(Clone, Debug)]
pub struct Step {
    record: Vec<u8>,
    /// What the seal gave.
    pub given: Vec<Given>,
    /// The fingerprint of what followed. `None`: the recording ends before that was known.
    pub followed: Option<u32>,
}

impl Step {
    /// The input and its time.
    #[must_use]
    pub fn input(&self) -> (Instant, Input<'_>) {
        match postcard::from_bytes(&self.record) {
            Ok(Record::Input(at, input)) => (Instant::from_millis(at), input),
            // The reader takes no others.
            _ => (Instant::START, Input::Wake),
        }
    }
}

impl<'f> Reader<'f> {
    /// Begins with a file.
    ///
    /// # Errors
    /// It is no recording that can be read.
    pub fn new(file: &'f [u8]) -> Result<Self, Unreadable> {
        if !is_recording(file) {
            return Err(Unreadable::Foreign);
        }
        match file.get(7) {
            Some(version) if *version == MAGIC[7] => {}
            Some(version) => return Err(Unreadable::Version(*version)),
            None => return Err(Unreadable::Torn),
        }
        let mut entries = Entries { file, at: MAGIC.len(), block: &[], ending: None };
        let header = entries.next().ok_or(Unreadable::Torn)?;
        let header = postcard::from_bytes(&header).map_err(|_| Unreadable::Torn)?;
        let mends = mends(entries.clone());
        let mut reader = Reader { header, entries, mends, opened: 0, ahead: None };
        reader.ahead = reader.entries.next();
        Ok(reader)
    }

    /// What the node was made from.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next input; `None` when there is none left.
    pub fn step(&mut self) -> Option<Step> {
        let mut step = Step { record: self.ahead.take()?, given: Vec::new(), followed: None };
        while let Some(entry) = self.entries.next() {
            match postcard::from_bytes(&entry) {
                Ok(Record::Input(..)) => {
                    self.ahead = Some(entry);
                    break;
                }
                Ok(Record::Followed(number)) => step.followed = Some(number),
                Ok(record) => step.given.extend(self.given(&record)),
                // `Entries` gives none that cannot be read.
                Err(_) => break,
            }
        }
        Some(step)
    }

    /// After the last input: why the recording ends, or, if it does not say so, behind how many bytes it is torn.
    ///
    /// # Errors
    /// It is torn.
    pub fn ending(&self) -> Result<Ending, usize> {
        self.entries.ending.ok_or(self.entries.at)
    }

    fn given(&mut self, record: &Record<'_>) -> Option<Given> {
        let mut given = Given::of(record)?;
        if let Given::Opened(plain) = &mut given {
            for (at, bytes) in self.mends.remove(&self.opened).unwrap_or_default() {
                let end = at.checked_add(bytes.len());
                let place = plain.as_mut().and_then(|plain| plain.get_mut(at..end?));
                if let Some(place) = place {
                    place.copy_from_slice(&bytes);
                }
            }
            self.opened += 1;
        }
        Some(given)
    }
}

fn mends(mut entries: Entries<'_>) -> BTreeMap<u64, Vec<(usize, Vec<u8>)>> {
    let mut mends: BTreeMap<u64, Vec<_>> = BTreeMap::new();
    while let Some(entry) = entries.next() {
        if let Ok(Record::Mended { opened, at, bytes }) = postcard::from_bytes(&entry) {
            mends.entry(opened).or_default().push((at as usize, bytes.to_vec()));
        }
    }
    mends
}

/// Everything in a file, one after the other.
#[derive(Clone, Debug)]
struct Entries<'f> {
    file: &'f [u8],
    /// Behind the last whole block.
    at: usize,
    /// What is left of it.
    block: &'f [u8],
    ending: Option<Ending>,
}

impl Entries<'_> {
    fn next(&mut self) -> Option<Vec<u8>> {
        if self.block.is_empty() {
            self.block = self.next_block()?;
        }
        let first = self.at == MAGIC.len();
        let mut entry = Vec::new();
        let read = expand(&mut self.block, RECORD_BYTES, &mut entry);
        if self.block.is_empty() {
            self.at = self.behind();
        }
        read?;
        // The first is the header.
        if first {
            return Some(entry);
        }
        match postcard::from_bytes(&entry).ok()? {
            Record::End(ending) => {
                self.ending = Some(ending);
                None
            }
            _ => Some(entry),
        }
    }

    fn head(&self) -> Option<(usize, u32)> {
        let (head, _) = self.file.get(self.at..)?.split_first_chunk::<BLOCK_HEAD>()?;
        let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        Some((number(0) as usize, number(4)))
    }

    fn behind(&self) -> usize {
        self.at + BLOCK_HEAD + self.head().map_or(0, |(len, _)| len)
    }
}

impl<'f> Entries<'f> {
    /// The bytes of the block that begins here, if it is whole.
    fn next_block(&self) -> Option<&'f [u8]> {
        let (len, checksum) = self.head()?;
        let from = self.at + BLOCK_HEAD;
        let block = self.file.get(from..from.checked_add(len)?)?;
        (self.ending.is_none() && crc32fast::hash(block) == checksum).then_some(block)
    }
}

#[cfg(test)]
mod tests;
