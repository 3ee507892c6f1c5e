//! Finds what is not plain text, 64 bytes at once: most of what programs print is nothing else.

/// Bytes that are looked at together.
pub(super) const BLOCK: usize = 64;

/// Places in a block, in order: a bit for each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places(u64);

/// Where the bytes of a block are that not every terminal reads alike: all but printable ASCII and the controls from BEL to CR.
#[inline]
pub(super) fn others(block: &[u8; BLOCK]) -> Places {
    // The compiler makes vectors of this.
    let marks = block.map(|byte| u8::from(!is_text(byte)));
    let (words, _) = marks.as_chunks();
    let bits = words.iter().enumerate().map(|(at, word)| lowest_bits(u64::from_le_bytes(*word)) << (8 * at));
    Places(bits.fold(0, |all, bits| all | bits))
}

#[inline]
fn is_text(byte: u8) -> bool {
    byte.wrapping_sub(b' ') < 0x5f || byte.wrapping_sub(0x07) < 7
}

/// The lowest bit of each byte, side by side; the others are zero.
#[inline]
fn lowest_bits(word: u64) -> u64 {
    word.wrapping_mul(0x0102_0408_1020_4080) >> 56
}

impl Places {
    /// The next place from `from` on, and none of those before from now on.
    #[inline]
    pub(super) fn next(&mut self, from: usize) -> Option<usize> {
        self.0 &= u64::MAX.checked_shl(from as u32).unwrap_or(0);
        (self.0 != 0).then_some(self.0.trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut places: Places) -> Vec<usize> {
        let mut from = 0;
        std::iter::from_fn(|| {
            let place = places.next(from)?;
            from = place + 1;
            Some(place)
        })
        .collect()
    }

    #[test]
    fn every_byte_is_known_at_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..BLOCK {
                let mut block = [b"\r\n\x07~ "[place % 5]; BLOCK];
                block[place] = byte;
                let text = matches!(byte, b' '..=b'~' | 0x07..=0x0d);
                let expected = if text { vec![] } else { vec![place] };
                assert_eq!(all(others(&block)), expected, "{byte:#x} at {place}");
            }
        }
    }

    #[test]
    fn all_places_are_found_in_order() {
        assert_eq!(all(others(&[0x1b; BLOCK])), (0..BLOCK).collect::<Vec<_>>());
    }
}
