//! What each authority does with complete sequences, and so what is passed on. The facts are from tmux's `input.c` and from
//! `vte`'s `ansi.rs`.

use super::Dialect;

/// What becomes of a sequence.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    Drop,
    /// The same with another last byte.
    As(u8),
    /// Modes that the authority knows.
    Modes {
        modes: Vec<u32>,
        set: bool,
    },
    /// Private modes, without those that the authority does not know.
    PrivateModes {
        modes: Vec<u32>,
        set: bool,
    },
    /// Erases from the cursor to the end of the screen.
    EraseBelow,
    /// Repeats the last character.
    Repeat(usize),
    /// Everything is as at the beginning.
    Reset,
}

/// Parameters of a sequence; tmux drops one with more.
const PARAMETERS: usize = 23;
/// Bytes of a sequence that is passed without a closer look.
const PLAIN_BYTES: usize = 48;
/// The private mode that saves and restores the cursor.
const SAVED_CURSOR: u32 = 1048;

/// The length of the control sequence at the beginning of `bytes` if every authority knows it, whatever its numbers are.
#[inline]
pub(super) fn plain(bytes: &[u8]) -> Option<usize> {
    let body = bytes.strip_prefix(b"\x1b[")?;
    let found = body.first_chunk().and_then(|chunk| leading_numbers(u64::from_le_bytes(*chunk)));
    let (length, lone_six) = match found {
        Some(found) => found,
        None => more_numbers(body)?,
    };
    let plain = match *body.get(length)? {
        b'm' => !lone_six,
        last => matches!(last, b'A'..=b'D' | b'G' | b'H' | b'K' | b'd'),
    };
    plain.then_some(length + 3)
}

/// How many digits and semicolons the body of a sequence begins with, and whether one of the numbers is 6, where that cannot be
/// seen at once.
fn more_numbers(body: &[u8]) -> Option<(usize, bool)> {
    body.first_chunk().and_then(|chunk| leading_numbers_of_many(u128::from_le_bytes(*chunk))).or_else(|| {
        let length = numbers(body)?;
        Some((length, has_lone_six(&body[..length])))
    })
}

/// Counts digits and semicolons, all bytes of a word at once.
macro_rules! leading_numbers {
    ($name:ident, $word:ty) => {
        /// How many digits and semicolons these bytes begin with, and whether one of the numbers is 6. `None`: all are, or a
        /// number may be too large for somebody.
        #[inline]
        fn $name(word: $word) -> Option<(usize, bool)> {
            const ONES: $word = <$word>::from_ne_bytes([1; size_of::<$word>()]);
            const HIGH: $word = ONES << 7;
            // The highest bit of each byte says whether the byte is at least `first`. No sum is too large for its byte.
            let low = word & !HIGH;
            let from = |first: u8| low + ONES * <$word>::from(0x80 - first);
            let ascii = !word & HIGH;
            let digits = from(b'0') & !from(b'9' + 1) & ascii;
            let semicolons = from(b';') & !from(b';' + 1) & ascii;
            let others = (digits | semicolons) ^ HIGH;
            if others == 0 {
                return None;
            }
            let before_end = (others & others.wrapping_neg()) - 1;
            if size_of::<$word>() > 8 {
                // Eight digits are not too many for anybody.
                let mut runs = digits & digits >> 8;
                runs &= runs >> 16;
                runs &= runs >> 32;
                if runs & before_end != 0 {
                    return None;
                }
            }
            let sixes = from(b'6') & !from(b'7') & digits;
            let first = semicolons << 8 | 0x80;
            let last = (semicolons | others) >> 8;
            Some((others.trailing_zeros() as usize / 8, sixes & first & last & before_end != 0))
        }
    };
}

leading_numbers!(leading_numbers, u64);
leading_numbers!(leading_numbers_of_many, u128);

/// Bytes of numbers of at most five digits, separated by semicolons.
fn numbers(body: &[u8]) -> Option<usize> {
    let (mut digits, mut parameters) = (0, 1);
    for (at, byte) in body.iter().enumerate().take(PLAIN_BYTES) {
        match byte {
            b'0'..=b'9' if digits < 5 => digits += 1,
            b';' if parameters < PARAMETERS => (digits, parameters) = (0, parameters + 1),
            b'0'..=b'9' | b';' => return None,
            _ => return Some(at),
        }
    }
    None
}

/// Whether one of the parameters is 6, which may be fast blinking.
fn has_lone_six(parameters: &[u8]) -> bool {
    parameters.contains(&b'6') && parameters.split(|byte| *byte == b';').any(|part| part == b"6")
}

/// Makes fast blinking, which browsers do not know, blinking in the parameters of an SGR sequence, as tmux and our emulator do.
pub(super) fn slow_down_blinking(parameters: &mut [u8]) {
    if !has_lone_six(parameters) {
        return;
    }
    let mut colour = 0;
    for part in parameters.split_mut(|byte| *byte == b';') {
        match (colour, &*part) {
            // What follows 38, 48 or 58 says how many numbers are its colour.
            (4, b"5") => colour = 1,
            (4, b"2") => colour = 3,
            (4, _) => colour = 0,
            (0, b"38" | b"48" | b"58") => colour = 4,
            (0, b"6") => part[0] = b'5',
            (0, _) => {}
            _ => colour -= 1,
        }
    }
}

/// Whether the sequence puts the cursor into the first cell.
pub(super) fn goes_home(sequence: &[u8]) -> bool {
    sequence.strip_prefix(b"\x1b[").is_some_and(is_home)
}

/// As [`goes_home`], of what follows `CSI`.
pub(super) fn is_home(sequence: &[u8]) -> bool {
    matches!(sequence, b"H" | b";H" | b"1H" | b"1;H" | b";1H" | b"1;1H")
}

/// `sequence` is what follows `ESC`.
pub(super) fn of_escape(dialect: Dialect, sequence: &[u8]) -> Verdict {
    match sequence {
        b"c" => Verdict::Reset,
        b"7" | b"8" | b"#8" | b"=" | b">" | b"D" | b"E" | b"H" | b"M" | b"(0" | b"(B" | b")0" | b")B" => Verdict::Keep,
        b"*0" | b"*B" | b"+0" | b"+B" | b"Z" if dialect == Dialect::Pty => Verdict::Keep,
        _ => Verdict::Drop,
    }
}

/// Whether tmux knows what follows `ESC`. Of what it does not know it takes no notice at all.
pub(super) fn tmux_knows_escape(sequence: &[u8]) -> bool {
    sequence == b"\\" || of_escape(Dialect::Tmux { version: (3, 2) }, sequence) != Verdict::Drop
}

/// The same for what follows `CSI`.
pub(super) fn tmux_knows_csi(sequence: &[u8]) -> bool {
    let Some((last, body)) = sequence.split_last() else { return false };
    let of_numbers = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b';' | b':');
    let (numbers, others): (Vec<u8>, Vec<u8>) = body.iter().partition(|byte| of_numbers(byte));
    // Parts with colons are strings to it, which it does not look into here.
    let plain: Vec<&[u8]> = numbers.split(|byte| *byte == b';').filter(|part| !part.contains(&b':')).collect();
    if parameters(&plain.join(&b';')).is_none() {
        return false;
    }
    match others.as_slice() {
        b"" => matches!(
            last,
            b'@'..=b'H' | b'J'..=b'M' | b'P' | b'S' | b'T' | b'X' | b'Z' | b'`' | b'b' | b'c' | b'd' | b'f' | b'g'
                | b'h' | b'l'..=b'n' | b'r'..=b'u'
        ),
        b"?" => matches!(last, b'h' | b'l'),
        b">" => matches!(last, b'c' | b'm' | b'n' | b'q'),
        b" " => *last == b'q',
        _ => false,
    }
}

/// `sequence` is what follows `CSI`.
pub(super) fn of_csi(dialect: Dialect, sequence: &[u8]) -> Verdict {
    let Some((last, body)) = sequence.split_last() else { return Verdict::Drop };
    let prefix = body.first().copied().filter(|byte| matches!(byte, b'<'..=b'?'));
    let body = if prefix.is_some() { &body[1..] } else { body };
    let numbers = body.iter().position(|byte| (0x20..=0x2f).contains(byte)).unwrap_or(body.len());
    let (numbers, intermediates) = body.split_at(numbers);
    let colons = numbers.contains(&b':');
    let Some(numbers) = parameters(numbers) else { return Verdict::Drop };
    let pty = dialect == Dialect::Pty;
    match (prefix, intermediates, last) {
        (None, [], b'm') => Verdict::Keep,
        _ if colons => Verdict::Drop,
        (None, [], b'J') if matches!(numbers.first(), None | Some(None | Some(0))) => Verdict::EraseBelow,
        (None, [], b'b') => Verdict::Repeat(numbers.first().copied().flatten().unwrap_or(1).max(1) as usize),
        (None, [], b'h' | b'l') => modes(dialect, &numbers, *last == b'h'),
        (Some(b'?'), [], b'h' | b'l') => private_modes(dialect, &numbers, *last == b'h'),
        (None, [], b'@'..=b'H' | b'J'..=b'M' | b'P' | b'S' | b'T' | b'X' | b'Z' | b'`' | b'd' | b'f' | b'g') => {
            Verdict::Keep
        }
        (None, [], b'r' | b's' | b'u') => Verdict::Keep,
        // The stack of titles.
        (None, [], b't') if matches!(numbers.first(), Some(Some(22 | 23))) => Verdict::Keep,
        // Browsers leave margins out of these two.
        (None, [], b'a') if pty => Verdict::As(b'C'),
        (None, [], b'e') if pty => Verdict::As(b'B'),
        (None, [], b'I') if pty => Verdict::Keep,
        // Questions, which our emulator answers, and the browser must not.
        (None, [], b'c' | b'n' | b't') | (Some(b'>'), [], b'c') | (None | Some(b'?'), [b'$'], b'p') if pty => {
            Verdict::Keep
        }
        (Some(b'?'), [], b'm' | b'u') if pty => Verdict::Keep,
        (None, [b' '], b'q') => Verdict::Keep,
        // Keyboard protocols: nothing of the screen depends on them, and whoever types may want to know.
        (Some(b'>'), [], b'm' | b'n' | b'u') | (Some(b'<' | b'='), [], b'u') => Verdict::Keep,
        _ => Verdict::Drop,
    }
}

/// The numbers of a sequence; nothing if it is one that tmux drops.
fn parameters(text: &[u8]) -> Option<Vec<Option<u32>>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let mut numbers = Vec::new();
    for part in text.split(|byte| *byte == b';') {
        let plain = part.iter().all(u8::is_ascii_digit);
        let number = std::str::from_utf8(part).ok()?.parse::<u32>().ok().filter(|number| *number <= i32::MAX as u32);
        if !part.is_empty() && plain && number.is_none() {
            return None;
        }
        numbers.push(number);
    }
    (numbers.len() <= PARAMETERS).then_some(numbers)
}

/// tmux knows insertion only.
fn modes(dialect: Dialect, numbers: &[Option<u32>], set: bool) -> Verdict {
    let known = |mode: &u32| *mode == 4 || (*mode == 20 && dialect == Dialect::Pty);
    Verdict::Modes { modes: numbers.iter().flatten().copied().filter(known).collect(), set }
}

fn private_modes(dialect: Dialect, numbers: &[Option<u32>], set: bool) -> Verdict {
    let known = |mode: &u32| match dialect {
        Dialect::Tmux { .. } => {
            // Synchronised output (2026) and scrolling of the alternate screen (1007) are no matter of the screen's content.
            matches!(mode, 1 | 3 | 6 | 7 | 12 | 25 | 47 | 1000..=1006 | 1047 | 1049 | 1007 | 2004 | 2026)
                && (*mode != 1001 || !set)
        }
        // Another width, and reverse wraparound; the emulator does not know them, others do.
        Dialect::Pty => !matches!(mode, 3 | 45),
    };
    let modes: Vec<u32> = numbers.iter().flatten().copied().filter(known).collect();
    Verdict::PrivateModes { modes, set }
}

/// Writes the sequences for these private modes.
pub(super) fn write_private_modes(modes: &[u32], set: bool, out: &mut Vec<u8>) {
    for part in modes.chunk_by(|one, other| (*one == SAVED_CURSOR) == (*other == SAVED_CURSOR)) {
        if part[0] == SAVED_CURSOR {
            // Browsers and others do not agree about it alone.
            out.extend_from_slice(if set { b"\x1b7" } else { b"\x1b8" });
            continue;
        }
        out.extend_from_slice(b"\x1b[?");
        for (at, mode) in part.iter().enumerate() {
            if at > 0 {
                out.push(b';');
            }
            out.extend_from_slice(mode.to_string().as_bytes());
        }
        out.push(if set { b'h' } else { b'l' });
    }
}

/// Writes what `ESC c` does.
pub(super) fn write_reset(_dialect: Dialect, _columns: u16, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x1bc");
}

/// Whether an OSC with this content is passed on. Unknown ones are harmless; our own (see [`super`]) are for snapshots only.
pub(super) fn keeps_osc(_dialect: Dialect, content: &[u8]) -> bool {
    let digits = content.iter().take_while(|byte| byte.is_ascii_digit()).count();
    // However it is written: browsers read it as a number.
    let number =
        content[..digits].iter().fold(0, |number: u32, digit| number.saturating_mul(10) + u32::from(digit - b'0'));
    digits > 0 && number != super::widths::OSC
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn leading_numbers_are_counted(body in "[0-9;]{0,16}[0-9;:m<é\\x1b]{16}|([0-9]{0,3};)*(6;)?(6|16|60)?m[6;]{16}") {
            let first = body.bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b';')).count();
            let six = has_lone_six(&body.as_bytes()[..first]);
            let short = leading_numbers(u64::from_le_bytes(*body.as_bytes().first_chunk().expect("eight bytes")));
            prop_assert_eq!(short, (first < 8).then_some((first, six)));
            let long = leading_numbers_of_many(u128::from_le_bytes(*body.as_bytes().first_chunk().expect("16 bytes")));
            let digits = body.as_bytes()[..first.min(16)].split(|byte| *byte == b';').map(<[u8]>::len).max();
            prop_assert_eq!(long, (first < 16 && digits < Some(8)).then_some((first, six)));
        }
    }
}
