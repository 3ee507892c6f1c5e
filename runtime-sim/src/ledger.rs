//! The oracle of typed input: every piece is written at most once, in order, to the terminal it was meant for, and its page is told
//! the truth about it.

use crate::failure::{Checked, must, unsafe_because};
use consort_core::{NodeId, TerminalId};
use std::collections::BTreeMap;

/// One piece of input, numbered by the ledger across all pages.
pub(crate) type Piece = u32;

/// A terminal anywhere in the mesh.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) node: NodeId,
    pub(crate) terminal: TerminalId,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pieces: Vec<Entry>,
    /// The last piece that a page wrote to a life of a terminal.
    last: BTreeMap<(u8, u64), Piece>,
}

#[derive(Debug)]
struct Entry {
    page: u8,
    terminal: Place,
    /// Which life of the terminal the person saw when typing.
    life: Option<u64>,
    told: Told,
    written: Written,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Written,
    Lost,
    /// It may or may not have arrived.
    Unsure,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    No,
    Partly,
    Fully,
}

impl Ledger {
    /// A person types: the bytes that say who, what and in which order.
    pub(crate) fn typed(&mut self, page: u8, terminal: Place, life: Option<u64>, length: usize) -> (Piece, Vec<u8>) {
        let piece = self.pieces.len() as Piece;
        self.pieces.push(Entry { page, terminal, life, told: Told::Nothing, written: Written::No });
        let mut bytes = piece.to_le_bytes().to_vec();
        bytes.resize(length.max(4), b'.');
        (piece, bytes)
    }

    /// A backend wrote `bytes` of which the first `count` reached the program.
    pub(crate) fn wrote(&mut self, (terminal, life): (Place, u64), bytes: &[u8], count: usize) -> Checked {
        let read = bytes.first_chunk().map(|number| u32::from_le_bytes(*number));
        let Some((piece, entry)) = read.and_then(|piece| Some((piece, self.pieces.get_mut(piece as usize)?))) else {
            return Err(unsafe_because(format!("{terminal:?} got input that nobody typed")));
        };
        let page = entry.page;
        must!(entry.terminal == terminal, "input {piece} of page {page} for {:?} went to {terminal:?}", entry.terminal);
        must!(
            entry.life.is_none_or(|meant| meant == life),
            "input {piece} of page {page} for life {:?} went to life {life}",
            entry.life
        );
        must!(entry.written == Written::No, "input {piece} of page {page} was written twice");
        must!(entry.told != Told::Lost, "input {piece} of page {page} was written after it was reported lost");
        let last = self.last.insert((page, life), piece);
        must!(last < Some(piece), "input {piece} of page {page} was written after input {last:?}");
        entry.written = if count == bytes.len() { Written::Fully } else { Written::Partly };
        Ok(())
    }

    /// The page was told that the piece is written.
    pub(crate) fn acknowledged(&mut self, piece: Piece) -> Checked {
        let entry = &mut self.pieces[piece as usize];
        let page = entry.page;
        must!(entry.written == Written::Fully, "input {piece} of page {page} was acknowledged but is not written");
        entry.told = Told::Written;
        Ok(())
    }

    /// The page was told that the piece is lost.
    pub(crate) fn lost(&mut self, piece: Piece) -> Checked {
        let entry = &mut self.pieces[piece as usize];
        let page = entry.page;
        must!(entry.written != Written::Fully, "input {piece} of page {page} was reported lost but is written");
        entry.told = Told::Lost;
        Ok(())
    }

    /// The page was told that nobody knows.
    pub(crate) fn unsure(&mut self, piece: Piece) {
        self.pieces[piece as usize].told = Told::Unsure;
    }

    /// Pieces whose page was told nothing.
    pub(crate) fn untold(&self) -> impl Iterator<Item = String> {
        let untold = self.pieces.iter().enumerate().filter(|(_, entry)| entry.told == Told::Nothing);
        untold.map(|(piece, entry)| format!("input {piece} of page {} to {:?}", entry.page, entry.terminal))
    }
}
