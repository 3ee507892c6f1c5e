//! Finds what is not plain text, 64 bytes at once: most of what programs print is nothing else.

/// Bytes that are looked at together.
const BLOCK: usize = 64;
/// Bytes whose places are found before any is looked at: what is done at a place is then the same again and again, whatever the
/// block, which processors foresee.
pub(super) const WINDOW: usize = 512;
/// Places of a block that are written without counting them first.
const AT_ONCE: usize = 4;

/// Places in a window.
pub(super) type Places = [u16; WINDOW + AT_ONCE];
/// Room for them.
pub(super) const ROOM: Places = [0; WINDOW + AT_ONCE];

/// Finds the bytes of a window that not every terminal reads alike: all but printable ASCII and the controls from BEL to CR. The
/// first so many places are theirs, in order.
#[inline]
pub(super) fn others(window: &[u8], places: &mut Places) -> usize {
    let (blocks, rest) = window.as_chunks();
    let mut count = 0;
    for (at, block) in blocks.iter().enumerate() {
        write(others_of(block), at * BLOCK, places, &mut count);
    }
    if !rest.is_empty() {
        let mut block = [b' '; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        write(others_of(&block), blocks.len() * BLOCK, places, &mut count);
    }
    count
}

/// Writes where the bits of a block are.
#[inline]
fn write(bits: u64, from: usize, places: &mut Places, count: &mut usize) {
    let mut left = bits;
    let mut next = || {
        let place = from as u16 + left.trailing_zeros() as u16;
        left &= left.wrapping_sub(1);
        place
    };
    let Some(room) = places[*count..].first_chunk_mut::<AT_ONCE>() else { return };
    room.iter_mut().for_each(|place| *place = next());
    let end = *count + bits.count_ones() as usize;
    if end > *count + AT_ONCE {
        places[*count + AT_ONCE..end].iter_mut().for_each(|place| *place = next());
    }
    *count = end;
}

/// A bit for each byte of a block that is not text.
#[inline]
fn others_of(block: &[u8; BLOCK]) -> u64 {
    // The compiler makes vectors of this.
    let marks = block.map(|byte| u8::from(!is_text(byte)));
    let (words, _) = marks.as_chunks();
    let bits = words.iter().enumerate().map(|(at, word)| lowest_bits(u64::from_le_bytes(*word)) << (8 * at));
    bits.fold(0, |all, bits| all | bits)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(window: &[u8]) -> Vec<usize> {
        let mut places = ROOM;
        let count = others(window, &mut places);
        places[..count].iter().map(|place| usize::from(*place)).collect()
    }

    #[test]
    fn every_byte_is_known_at_every_place() {
        for byte in 0..=u8::MAX {
            for place in 0..BLOCK + 3 {
                let mut window = [b"\r\n\x07~ "[place % 5]; BLOCK + 3];
                window[place] = byte;
                let text = matches!(byte, b' '..=b'~' | 0x07..=0x0d);
                let expected = if text { vec![] } else { vec![place] };
                assert_eq!(all(&window), expected, "{byte:#x} at {place}");
            }
        }
    }

    #[test]
    fn a_window_may_be_full_of_them() {
        assert_eq!(all(&[0x1b; WINDOW]), (0..WINDOW).collect::<Vec<_>>());
    }

    proptest! {
        #[test]
        fn all_places_are_found_in_order(window in "[ a-z\\x1b\\x00é]{0,200}") {
            let expected = window.bytes().enumerate().filter(|(_, byte)| !is_text(*byte)).map(|(at, _)| at).collect::<Vec<_>>();
            prop_assert_eq!(all(window.as_bytes()), expected);
        }
    }
}
