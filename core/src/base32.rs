//! Base 32 as ids and pairing codes are written, and the check characters by which a typing error is noticed.

use alloc::string::String;
use alloc::vec::Vec;

/// Crockford's base 32, lower case: no `i`, `l`, `o`, `u`, so that an id can be read aloud.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Check characters at the end of a checked text.
const CHECK_CHARS: usize = 4;
/// Characters between two hyphens of a checked text.
const GROUP_CHARS: usize = 7;
/// Characters that are looked at of a checked text: the code below tells errors apart up to 1 023.
const CHECKED_CHARS: usize = 1_000;

/// The multiples by 1, 2, 4, 8 and 16 of x⁴ + 18x³ + 12x² + 11x + 12 over GF(32), without the leading term. Its roots are α and α² of a
/// generator α of GF(1024)*, which makes a BCH code of distance three: any two wrong characters are noticed, so any swap is too.
const GENERATOR: [u32; 5] = [0x9316c, 0x0e2d8, 0x15535, 0x23e4f, 0x4783e];

/// Appends the characters of `bytes`.
pub(crate) fn encode(bytes: &[u8], out: &mut String) {
    out.extend(symbols(bytes).into_iter().map(letter));
}

/// Reads what [`encode`] wrote, in either case. Only the one valid spelling of `N` bytes is read.
pub(crate) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != (N * 8).div_ceil(5) {
        return None;
    }
    let symbols: Option<Vec<u8>> = text.bytes().map(symbol).collect();
    bytes(&symbols?)?.try_into().ok()
}

/// `bytes` for people to read and type: characters in groups of seven, the last four of them check characters. Any two wrong or
/// swapped characters are noticed, and all but one in a million of other errors.
#[must_use]
pub fn checked(bytes: &[u8]) -> String {
    let mut symbols = symbols(bytes);
    let check = remainder(symbols.iter().copied().chain([0; CHECK_CHARS])) ^ 1;
    symbols.extend((0..CHECK_CHARS).rev().map(|place| (check >> (5 * place) & 31) as u8));
    let mut out = String::new();
    for (at, symbol) in symbols.into_iter().enumerate() {
        if at > 0 && at % GROUP_CHARS == 0 {
            out.push('-');
        }
        out.push(letter(symbol));
    }
    out
}

/// Reads what [`checked`] wrote: in either case, with or without its hyphens, and with the letters that are taken for digits.
#[must_use]
pub fn read_checked(text: &str) -> Option<Vec<u8>> {
    let letters = text.bytes().filter(|byte| !matches!(byte, b'-' | b' '));
    let symbols: Option<Vec<u8>> = letters.take(CHECKED_CHARS + 1).map(lenient_symbol).collect();
    let symbols = symbols.filter(|symbols| (CHECK_CHARS..=CHECKED_CHARS).contains(&symbols.len()))?;
    if remainder(symbols.iter().copied()) != 1 {
        return None;
    }
    bytes(&symbols[..symbols.len() - CHECK_CHARS])
}

fn letter(symbol: u8) -> char {
    char::from(ALPHABET[usize::from(symbol & 31)])
}

fn symbol(letter: u8) -> Option<u8> {
    ALPHABET.iter().position(|known| *known == letter.to_ascii_lowercase()).map(|place| place as u8)
}

fn lenient_symbol(letter: u8) -> Option<u8> {
    match letter.to_ascii_lowercase() {
        b'o' => Some(0),
        b'i' | b'l' => Some(1),
        other => symbol(other),
    }
}

fn symbols(bytes: &[u8]) -> Vec<u8> {
    let mut symbols = Vec::with_capacity((bytes.len() * 8).div_ceil(5));
    let (mut buffer, mut filled) = (0u32, 0);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        filled += 8;
        while filled >= 5 {
            filled -= 5;
            symbols.push((buffer >> filled & 31) as u8);
        }
    }
    if filled > 0 {
        symbols.push((buffer << (5 - filled) & 31) as u8);
    }
    symbols
}

/// The bytes of symbols. Bits beyond the last byte are less than a symbol, and zero in the one valid spelling.
fn bytes(symbols: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(symbols.len() * 5 / 8);
    let (mut buffer, mut filled) = (0u32, 0);
    for symbol in symbols {
        buffer = (buffer << 5) | u32::from(*symbol);
        filled += 5;
        if filled >= 8 {
            filled -= 8;
            out.push((buffer >> filled) as u8);
        }
    }
    (filled < 5 && buffer & ((1 << filled) - 1) == 0).then_some(out)
}

/// What is left of a polynomial with these coefficients, behind a leading 1, after division by the generator.
fn remainder(symbols: impl Iterator<Item = u8>) -> u32 {
    symbols.fold(1, |rest, symbol| {
        let top = rest >> 15;
        let shifted = ((rest & 0x7fff) << 5) ^ u32::from(symbol);
        GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1).fold(shifted, |rest, (_, part)| rest ^ part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn letters_that_look_like_digits_are_read_as_digits() {
        let text = checked(&[0, 64, 1, 0]);
        assert!(text.contains('0') && text.contains('1'), "{text}");
        let typed = text.replace('0', "o").replace('1', "L");
        assert_eq!(read_checked(&typed), Some(vec![0, 64, 1, 0]));
    }

    /// These symbols with the check characters that belong to them.
    fn with_check(symbols: &[u8]) -> String {
        let check = remainder(symbols.iter().copied().chain([0; CHECK_CHARS])) ^ 1;
        let check = (0..CHECK_CHARS).rev().map(|place| (check >> (5 * place) & 31) as u8);
        symbols.iter().copied().chain(check).map(letter).collect()
    }

    /// A pairing code that one version shows is typed into another.
    #[test]
    fn what_is_written_with_check_characters_is_the_same_in_every_version() {
        assert_eq!(checked(b"consort"), "cdqpwwv-fe9t0pe-bq");
    }

    #[test]
    fn of_several_spellings_of_the_same_bytes_one_is_read() {
        assert_eq!(read_checked(&with_check(&[31, 28])), Some(vec![255]));
        assert_eq!(read_checked(&with_check(&[31, 29])), None, "a bit beyond the last byte is set");
        for more in 1..8 {
            let bytes = [0; 5];
            let symbols = vec![0; 8 + more];
            let read = [1, 2, 3, 4].into_iter().find(|count| (count * 8usize).div_ceil(5) == more);
            let read = read.map(|count| [&bytes[..], &bytes[..count]].concat());
            assert_eq!(read_checked(&with_check(&symbols)), read, "{more} characters after eight");
        }
    }

    #[test]
    fn a_thousand_characters_are_read_and_not_one_more() {
        let longest = checked(&[7; 622]);
        assert_eq!(longest.bytes().filter(|byte| *byte != b'-').count(), CHECKED_CHARS);
        assert_eq!(read_checked(&longest), Some(vec![7; 622]));
        assert_eq!(read_checked(&(longest + "0")), None);
        assert_eq!(read_checked(&checked(&[7; 623])), None);
    }

    proptest! {
        #[test]
        fn what_is_written_with_check_characters_is_read_again(bytes: Vec<u8>) {
            prop_assert_eq!(read_checked(&checked(&bytes)), Some(bytes));
        }

        #[test]
        fn two_wrong_characters_anywhere_are_noticed(
            bytes in proptest::collection::vec(0u8.., 1..200), at: (usize, usize), by in (1u8..32, 0u8..32),
        ) {
            let text: Vec<u8> = checked(&bytes).bytes().filter(|byte| *byte != b'-').collect();
            let mut wrong: Vec<u8> = text.iter().map(|byte| symbol(*byte).unwrap()).collect();
            let (first, second) = (at.0 % text.len(), at.1 % text.len());
            wrong[first] ^= by.0;
            if second != first {
                wrong[second] ^= by.1;
            }
            let wrong: String = wrong.into_iter().map(letter).collect();
            prop_assert_eq!(read_checked(&wrong), None);
        }

        #[test]
        fn no_text_makes_the_reader_fail_otherwise_than_by_saying_so(text in "\\PC*") {
            let _ = read_checked(&text);
        }
    }
}
