//! All lives of the terminals of one machine, numbered so that no number occurs on another machine.

use super::Life;
use crate::event::HostIndex;
use std::ops::{Index, IndexMut};

/// Bits of a life's number below the machine's.
const BITS: u32 = 32;

/// Lives are never forgotten: pages are checked against them.
#[derive(Debug)]
pub(crate) struct Lives {
    base: u64,
    list: Vec<Life>,
}

impl Lives {
    pub(super) fn new(host: HostIndex) -> Self {
        Lives { base: u64::from(host) << BITS, list: Vec::new() }
    }

    /// Adds one and says its number.
    pub(super) fn push(&mut self, life: Life) -> u64 {
        self.list.push(life);
        self.base + self.list.len() as u64 - 1
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Life> {
        self.list.iter_mut()
    }

    pub(super) fn get(&self, number: u64) -> Option<&Life> {
        self.list.get(number.checked_sub(self.base)? as usize)
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Life> {
        self.list.get_mut(number.checked_sub(self.base)? as usize)
    }
}

/// The machine that a life belongs to.
pub(crate) fn host_of(number: u64) -> HostIndex {
    (number >> BITS) as HostIndex
}

impl Index<u64> for Lives {
    type Output = Life;
    fn index(&self, number: u64) -> &Life {
        &self.list[(number - self.base) as usize]
    }
}

impl IndexMut<u64> for Lives {
    fn index_mut(&mut self, number: u64) -> &mut Life {
        &mut self.list[(number - self.base) as usize]
    }
}
