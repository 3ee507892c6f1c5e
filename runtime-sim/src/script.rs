//! What terminals print: every byte is a pure function of the terminal's life and the offset, so that any viewer can check any
//! byte without anybody remembering it. A snapshot names the place in the script that it shows.

use consort_core::Size;

fn word(life: u64, index: u64) -> [u8; 8] {
    let mut mixed = (life.wrapping_mul(0xD6E8_FEB8_6659_FD93) ^ index).wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (mixed ^ (mixed >> 31)).to_le_bytes()
}

/// Replaces `out` by `count` bytes of the script from `from` on.
pub(crate) fn print(life: u64, from: u64, count: usize, out: &mut Vec<u8>) {
    out.clear();
    let skip = (from % 8) as usize;
    let words = (skip + count).div_ceil(8) as u64;
    out.reserve(words as usize * 8);
    for index in from / 8..from / 8 + words {
        out.extend_from_slice(&word(life, index));
    }
    out.truncate(skip + count);
    out.drain(..skip);
}

/// Whether `bytes` are what the script says from `from` on.
pub(crate) fn matches(life: u64, from: u64, bytes: &[u8]) -> bool {
    let head = bytes.len().min((8 - from % 8) as usize % 8);
    let (head, rest) = bytes.split_at(head);
    let skip = (from % 8) as usize;
    if !head.is_empty() && word(life, from / 8)[skip..skip + head.len()] != *head {
        return false;
    }
    let mut index = (from + head.len() as u64) / 8;
    rest.chunks(8).all(|chunk| {
        let same = word(life, index)[..chunk.len()] == *chunk;
        index += 1;
        same
    })
}

/// What a scripted snapshot says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// Which life of which terminal.
    pub(crate) life: u64,
    /// Everything before this offset of the script is in it.
    pub(crate) printed: u64,
    /// How much history was asked for.
    pub(crate) history_lines: u32,
    /// How often the stream of output was interrupted before.
    pub(crate) gaps: u32,
    pub(crate) size: Size,
}

impl Picture {
    pub(crate) const BYTES: usize = 28;

    /// The picture as bytes, followed by `padding` zeroes.
    pub(crate) fn encode(&self, padding: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(Self::BYTES + padding);
        bytes.extend(self.life.to_le_bytes());
        bytes.extend(self.printed.to_le_bytes());
        bytes.extend(self.history_lines.to_le_bytes());
        bytes.extend(self.gaps.to_le_bytes());
        bytes.extend(self.size.cols().to_le_bytes());
        bytes.extend(self.size.rows().to_le_bytes());
        bytes.resize(Self::BYTES + padding, 0);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (life, rest) = bytes.split_first_chunk()?;
        let (printed, rest) = rest.split_first_chunk()?;
        let (history_lines, rest) = rest.split_first_chunk()?;
        let (gaps, rest) = rest.split_first_chunk()?;
        let (cols, rest) = rest.split_first_chunk()?;
        let (rows, padding) = rest.split_first_chunk()?;
        let size = Size::clamped(u16::from_le_bytes(*cols), u16::from_le_bytes(*rows));
        padding.iter().all(|byte| *byte == 0).then_some(Picture {
            life: u64::from_le_bytes(*life),
            printed: u64::from_le_bytes(*printed),
            history_lines: u32::from_le_bytes(*history_lines),
            gaps: u32::from_le_bytes(*gaps),
            size,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_printed_anywhere_matches_there_and_nowhere_else(life in 0u64..9, from in 0u64..99, count in 1usize..99) {
            let mut bytes = Vec::new();
            print(life, from, count, &mut bytes);
            prop_assert_eq!(bytes.len(), count);
            prop_assert!(matches(life, from, &bytes));
            bytes[count / 2] ^= 1;
            prop_assert!(!matches(life, from, &bytes));
        }

        #[test]
        fn a_picture_is_read_back_as_it_was_made(life: u64, printed: u64, history_lines: u32, padding in 0usize..50) {
            let picture = Picture { life, printed, history_lines, gaps: 3, size: Size::clamped(80, 24) };
            prop_assert_eq!(Picture::decode(&picture.encode(padding)), Some(picture));
        }
    }
}
