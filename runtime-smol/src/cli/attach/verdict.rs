//! Which control sequences may be written to the user's own terminal: the rules of the [filter](super::filter).

/// What becomes of a whole sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    Drop,
    /// These bytes instead.
    Replace(Vec<u8>),
    /// A full reset: of what was borrowed only.
    Reset,
    /// These bytes instead, and the screen is empty unless it is the alternate one already.
    EnterAlternate(Vec<u8>),
    /// These bytes instead, and the screen that was there before the alternate one has to be asked for.
    LeaveAlternate(Vec<u8>),
}

/// What becomes of a string (OSC, DCS) of which this much is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StringFate {
    /// More has to be known.
    Unknown,
    Pass,
    /// It passes if it ends without a question.
    PassIfQuiet,
    Drop,
}

/// Private modes that are not the program's to change here: 132 columns, the alternate screens, and two that make a terminal
/// send reports by itself.
const HELD_MODES: &[&[u8]] = &[b"3", b"40", b"47", b"1047", b"1049", b"2031", b"2048"];
const ALTERNATE_SCREENS: &[&[u8]] = &[b"47", b"1047", b"1049"];

/// An escape sequence that is neither CSI nor a string; without its `ESC`.
pub(super) fn of_escape(sequence: &[u8]) -> Verdict {
    match sequence {
        b"c" => Verdict::Reset,
        // DECID; and 8-bit answers, which would not be understood.
        b"Z" | b" G" => Verdict::Drop,
        // An end of a string that was already ended.
        b"\\" => Verdict::Drop,
        _ => Verdict::Keep,
    }
}

/// A control sequence, without its `ESC [`.
pub(super) fn of_csi(sequence: &[u8]) -> Verdict {
    let Some((last, body)) = sequence.split_last() else { return Verdict::Drop };
    let intermediates = body.iter().position(|byte| (0x20..0x30).contains(byte)).unwrap_or(body.len());
    let (parameters, intermediates) = body.split_at(intermediates);
    let (prefix, parameters) = match parameters.split_first() {
        Some((prefix @ b'<'..=b'?', rest)) => (Some(*prefix), rest),
        _ => (None, parameters),
    };
    match (prefix, intermediates, last) {
        // Device attributes.
        (_, b"", b'c') => Verdict::Drop,
        // Status reports; with > it changes how keys are reported.
        (None | Some(b'?'), b"", b'n') => Verdict::Drop,
        // XTVERSION.
        (Some(b'>'), b"", b'q') => Verdict::Drop,
        // Window size, position, title: reports and changes.
        (None, b"", b't') => Verdict::Drop,
        // Terminal parameters; keyboard flags and key formats; graphics attributes; self tests.
        (None, b"", b'x' | b'y') | (Some(b'?'), b"", b'u' | b'm' | b'S') => Verdict::Drop,
        // DECRQM; checksums; presentation and terminal state; user preferred sets; colours and rendition; the viewport.
        (_, b"$", b'p' | b'w' | b'u') | (_, b"*", b'y') | (_, b"&", b'u') | (_, b"#", b'R' | b'S' | b'|' | b'y') => {
            Verdict::Drop
        }
        (_, b"\"", b'v') | (_, b"'", b'|' | b'z' | b'{') | (_, b"+", _) => Verdict::Drop,
        // The user's scrollback stays.
        (None, b"", b'J') if parameters.split(|byte| *byte == b';').any(|field| field == b"3") => Verdict::Drop,
        // Relative movements that not all terminals know (tmux knows none of them), as those that all know.
        (None, b"", b'a') => Verdict::Replace([b"\x1b[", parameters, b"C"].concat()),
        (None, b"", b'e') => Verdict::Replace([b"\x1b[", parameters, b"B"].concat()),
        (None, b"", b'I') => tabs(parameters),
        (Some(b'?'), b"", b'h' | b'l') => of_modes(parameters, *last == b'h'),
        _ => Verdict::Keep,
    }
}

/// So many tabs. Digits only: a number too large for us is larger than any terminal.
fn tabs(parameters: &[u8]) -> Verdict {
    const MOST: usize = 1_000;
    match std::str::from_utf8(parameters) {
        Ok(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let count = if digits.is_empty() { 1 } else { digits.parse().unwrap_or(MOST).clamp(1, MOST) };
            Verdict::Replace(vec![b'\t'; count])
        }
        _ => Verdict::Keep,
    }
}

fn of_modes(parameters: &[u8], set: bool) -> Verdict {
    let fields = || parameters.split(|byte| *byte == b';');
    if !fields().any(|field| HELD_MODES.contains(&trimmed(field))) {
        return Verdict::Keep;
    }
    let kept: Vec<&[u8]> = fields().filter(|field| !HELD_MODES.contains(&trimmed(field))).collect();
    let mut bytes = Vec::new();
    if !kept.is_empty() {
        bytes.extend_from_slice(b"\x1b[?");
        bytes.extend_from_slice(&kept.join(&b';'));
        bytes.push(if set { b'h' } else { b'l' });
    }
    let switches = fields().any(|field| ALTERNATE_SCREENS.contains(&trimmed(field)));
    match (switches, set) {
        (false, _) => Verdict::Replace(bytes),
        (true, true) => Verdict::EnterAlternate(bytes),
        (true, false) => Verdict::LeaveAlternate(bytes),
    }
}

/// A number without its leading zeros.
fn trimmed(field: &[u8]) -> &[u8] {
    let zeros = field.iter().take_while(|byte| **byte == b'0').count();
    &field[zeros..]
}

/// An operating system command, as much of it as has arrived, without its `ESC ]`.
pub(super) fn of_osc(begun: &[u8]) -> StringFate {
    let Some(end) = begun.iter().position(|byte| *byte == b';') else {
        return if begun.len() <= 8 { StringFate::Unknown } else { StringFate::Drop };
    };
    match number(&begun[..end]) {
        // Titles, directory, links, notifications, prompt marks: a question mark in them is text.
        Some(0 | 1 | 2 | 7 | 8 | 9 | 133 | 633 | 777) => StringFate::Pass,
        // The clipboard: written or asked for, which its second field decides.
        Some(52) => match begun[end + 1..].iter().position(|byte| *byte == b';').map(|at| begun.get(end + at + 2)) {
            None | Some(None) => StringFate::Unknown,
            Some(Some(b'?')) => StringFate::Drop,
            Some(Some(_)) => StringFate::Pass,
        },
        Some(number) if is_colour(number) => StringFate::PassIfQuiet,
        // iTerm's pictures; everything else of it answers or acts.
        Some(1337) => match &begun[end + 1..] {
            rest if rest.starts_with(b"File=") => StringFate::Pass,
            rest if b"File=".starts_with(rest) => StringFate::Unknown,
            _ => StringFate::Drop,
        },
        _ => StringFate::Drop,
    }
}

/// Whether an operating system command that ended before it was decided may be written.
pub(super) fn of_whole_osc(whole: &[u8]) -> bool {
    let fields = || whole.split(|byte| *byte == b';');
    let quiet = !fields().skip(1).any(|field| field.contains(&b'?'));
    quiet && fields().next().and_then(number).is_some_and(is_colour)
}

/// Palette, special and dynamic colours, their resets, and the shape of the pointer.
fn is_colour(number: u32) -> bool {
    matches!(number, 4 | 5 | 10..=19 | 22 | 104 | 105 | 110..=119)
}

/// A device control string, as much of it as has arrived, without its `ESC P`: only pictures (sixel) pass.
pub(super) fn of_dcs(begun: &[u8]) -> StringFate {
    match begun.split_last() {
        Some((b'q', parameters)) if parameters.iter().all(|byte| matches!(byte, b'0'..=b'9' | b';')) => {
            StringFate::Pass
        }
        Some((b'0'..=b'9' | b';', _)) if begun.len() <= 64 => StringFate::Unknown,
        _ => StringFate::Drop,
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}
