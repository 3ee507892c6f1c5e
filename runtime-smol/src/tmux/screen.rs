//! From tmux's captures to bytes that bring a fresh terminal emulator to the same state. Pure.
//!
//! What tmux does not tell, and so cannot be restored: where a saved cursor is, the pen and the character sets that the program
//! has chosen before anybody watched (afterwards the filter knows them, see [`Writing`]), cells that were erased (not written) in a background colour beyond the last character of a line (before tmux 3.4), and, before
//! tmux 3.6, focus reports and bracketed paste, for which see [`Modes`].

mod rows;

use super::lists::shown_title;
use super::quote::{Line, fields, unquote};
use crate::dialect::Writing;
use crate::dialect::widths::{Widths, canonical_capture, erase_in_place};
use crate::keyboard::Keyboard;
use consort_core::Size;
use consort_core::limits::SNAPSHOT_BYTES;
use rows::{Row, Writer, draws, row_width, rows};
use std::fmt::Write;

/// What `display-message` is asked for, in the order in which [`State::parse`] reads it.
const STATE_FORMAT: &str = "#{pane_width} #{pane_height} #{cursor_x} #{cursor_y} #{cursor_flag} #{alternate_on} \
    #{alternate_saved_x} #{alternate_saved_y} #{insert_flag} #{keypad_flag} #{keypad_cursor_flag} \
    #{mouse_standard_flag} #{mouse_button_flag} #{mouse_all_flag} #{mouse_utf8_flag} #{mouse_sgr_flag} #{wrap_flag} \
    #{origin_flag} #{scroll_region_upper} #{scroll_region_lower} #{bracket_paste_flag} #{q:pane_title} \
    #{q:pane_tabs} #{q:pane_tty} #{q:pane_key_mode} #{scroll-on-clear} #{alternate-screen}";

/// The commands whose answers make a [`Capture`], executed by tmux in one go.
#[must_use]
pub fn capture_line(pane: u32, history_lines: u32) -> Line {
    let history = format!("-{history_lines}");
    let start = if history_lines == 0 { "0" } else { &history };
    let target = format!("-t %{pane}");
    Line::new("display-message -p")
        .word(&target)
        .word(format!("\"{STATE_FORMAT}\""))
        .then("capture-pane -p -e -N")
        .word(&target)
        .word("-S")
        .word(start)
        .then("capture-pane -p -J")
        .word(&target)
        .word("-S")
        .word(start)
        .then("capture-pane -p -P -C")
        .word(&target)
        .then("capture-pane -p -a -q -e -N")
        .word(&target)
        .then("capture-pane -p -a -q -J")
        .word(&target)
}

/// The answers to [`capture_line`].
#[derive(Debug)]
pub struct Capture {
    /// Everything but text.
    pub state: State,
    rows: Vec<u8>,
    joined: Vec<u8>,
    pending: Vec<u8>,
    saved_rows: Vec<u8>,
    saved_joined: Vec<u8>,
}

/// Modes that tmux has but (before 3.6) does not tell: found out elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// Text is pasted in brackets.
    pub bracketed_paste: bool,
    /// Gaining and losing the focus is reported.
    pub focus: bool,
    /// How keys are reported.
    pub(crate) keyboard: Keyboard,
    /// What the program writes with next.
    pub(crate) writing: Writing,
}

/// The state of a pane without its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// Columns and rows.
    pub size: Size,
    /// `#{bracket_paste_flag}`, which tmux has since 3.6.
    pub bracketed_paste: Option<bool>,
    /// The pane's terminal device.
    pub tty: String,
    /// `modifyOtherKeys` by `#{pane_key_mode}`, which tmux has since 3.5; only where the option `extended-keys` is on.
    pub modify_other_keys: Option<u8>,
    /// The cursor is further out than that, after a screen got smaller.
    pub outside: bool,
    /// Cursor column (may be one past the last: a wrap is pending) and row, from 0.
    pub cursor: (u16, u16),
    flags: Flags,
    /// The alternate screen is shown.
    alternate: bool,
    /// Where the cursor was when that was entered last, if it was with the mode that keeps the cursor (1049). To leave it once
    /// more brings the cursor back again.
    entered: Option<(u16, u16)>,
    region: (u16, u16),
    title: String,
    tabs: Vec<u16>,
    /// The option `scroll-on-clear` is off: what is erased does not go to the history.
    erases_in_place: bool,
    /// The option `alternate-screen` is off: programs do not get any.
    pub one_screen: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flags {
    cursor: bool,
    insert: bool,
    keypad: bool,
    keypad_cursor: bool,
    /// Standard, button, all, UTF-8, SGR: modes 1000, 1002, 1003, 1005, 1006.
    mouse: [bool; 5],
    wrap: bool,
    origin: bool,
}

impl State {
    fn parse(text: &[u8]) -> Option<State> {
        let fields: Vec<Vec<u8>> = fields(text).map(unquote).collect();
        let text = |i: usize| fields.get(i).map(|field| String::from_utf8_lossy(field).into_owned());
        let number = |i: usize| text(i)?.parse::<u16>().ok();
        let flag = |i: usize| text(i).is_some_and(|text| text == "1");
        // Of options that a version does not have nothing is said.
        let off = |i: usize| text(i).is_some_and(|text| text == "0");
        let size = Size::clamped(number(0)?, number(1)?);
        let point = |x: usize, y: usize| Some((number(x)?.min(size.cols()), number(y)?.min(size.rows() - 1)));
        let cursor = (lossy_number(&text(2)?)?, lossy_number(&text(3)?)?);
        Some(State {
            size,
            outside: cursor.0 > size.cols() || cursor.1 >= size.rows(),
            bracketed_paste: text(20).filter(|text| !text.is_empty()).map(|text| text == "1"),
            tty: text(23)?,
            modify_other_keys: match text(24).as_deref() {
                Some("Ext 1") => Some(1),
                Some("Ext 2") => Some(2),
                _ => None,
            },
            cursor: (cursor.0.min(size.cols()), cursor.1.min(size.rows() - 1)),
            flags: Flags {
                cursor: flag(4),
                insert: flag(8),
                keypad: flag(9),
                keypad_cursor: flag(10),
                mouse: [flag(11), flag(12), flag(13), flag(14), flag(15)],
                wrap: flag(16),
                origin: flag(17),
            },
            alternate: flag(5),
            entered: point(6, 7),
            region: (number(18)?, number(19)?),
            title: text(21)?,
            tabs: text(22)?.split(',').filter_map(|tab| tab.parse().ok()).collect(),
            erases_in_place: off(25),
            one_screen: off(26),
        })
    }
}

/// A number that tmux may have lost: 3.3 gives any as the place of the cursor after some reflows.
pub(super) fn lossy_number(text: &str) -> Option<u16> {
    text.parse::<u64>().ok().map(|number| u16::try_from(number).unwrap_or(u16::MAX))
}

impl Capture {
    /// Reads the answers to [`capture_line`]; nothing if they are not what was asked for.
    #[must_use]
    pub fn parse(bodies: &[Vec<u8>]) -> Option<Capture> {
        let [state, rows, joined, pending, saved_rows, saved_joined] = bodies else { return None };
        Some(Capture {
            state: State::parse(state)?,
            rows: canonical_capture(rows).into_owned(),
            joined: canonical_capture(joined).into_owned(),
            pending: unquote(pending),
            saved_rows: canonical_capture(saved_rows).into_owned(),
            saved_joined: canonical_capture(saved_joined).into_owned(),
        })
    }

    /// Whether the pane is in the middle of an escape sequence.
    #[must_use]
    pub fn in_sequence(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The sequence that the pane is in the middle of, as far as it has come.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.pending
    }

    /// The bytes, at most [`SNAPSHOT_BYTES`]: the oldest history is left out to stay below. What has begun and is not complete
    /// is not among them: it follows when it is complete.
    #[must_use]
    pub fn into_bytes(self, mut modes: Modes, widths: &Widths) -> Vec<u8> {
        let state = &self.state;
        modes.keyboard.show_alternate(state.alternate);
        if let (None, Some(level)) = (modes.keyboard.modified(), state.modify_other_keys) {
            modes.keyboard.modify_other_keys(level);
        }
        let mut tail = Vec::new();
        let all = rows(&self.rows, &self.joined, state.size, widths);
        let screen_start = all.len().saturating_sub(usize::from(state.size.rows()));
        let (history, screen) = all.split_at(screen_start);
        let saved;
        let pen = modes.writing.beside_alternate();
        if let Some((x, y)) = state.entered {
            let left = if state.alternate { "" } else { "\x1b[?1049l\x1b[0m" };
            let _ = write_str(&mut tail, &format!("\x1b[{};{}H{pen}\x1b[?1049h{left}", y + 1, x + 1));
        } else if state.alternate {
            let _ = write_str(&mut tail, &format!("{pen}\x1b[?47h"));
        }
        let (normal, shown): (Vec<&Row<'_>>, &[Row<'_>]) = match state.alternate {
            false => (all.iter().collect(), screen),
            true => {
                saved = rows(&self.saved_rows, &self.saved_joined, state.size, widths);
                tail.extend_from_slice(b"\x1b[H");
                if !pen.is_empty() {
                    // Its background may have coloured the screen.
                    tail.extend_from_slice(b"\x1b[0m\x1b[2J");
                }
                let mut alternate = Writer::new(state.size.cols(), widths);
                alternate.rows(&mut screen.iter());
                tail.extend(alternate.finish());
                (history.iter().chain(&saved).collect(), screen)
            }
        };
        state.write_modes(&modes, shown, widths, &mut tail);
        let mut head = Writer::new(state.size.cols(), widths);
        let mut command = widths.command();
        if state.erases_in_place {
            command.push_str(&erase_in_place());
        }
        let room = SNAPSHOT_BYTES.saturating_sub(tail.len() + command.len() + 64);
        let mut bytes: usize = normal.iter().map(|row| row.room()).sum();
        let mut normal = normal.into_iter();
        while bytes > room {
            let Some(row) = normal.next() else { break };
            bytes -= row.room();
        }
        head.rows(&mut normal);
        let mut out = Vec::with_capacity(bytes + command.len() + tail.len() + 64);
        out.extend_from_slice(command.as_bytes());
        // Line drawing is captured as the letters that stand for it, between shifts to the second character set.
        out.extend_from_slice(b"\x1b)0");
        let mut keyboard = String::new();
        modes.keyboard.write_main(&mut keyboard);
        out.extend_from_slice(keyboard.as_bytes());
        out.extend(head.finish());
        out.extend(tail);
        out
    }
}

fn write_str(out: &mut Vec<u8>, text: &str) -> std::fmt::Result {
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

impl State {
    /// Whether the alternate screen is shown.
    pub(crate) fn is_alternate(&self) -> bool {
        self.alternate
    }

    /// Whether lines wrap at their end.
    pub(crate) fn wraps(&self) -> bool {
        self.flags.wrap
    }

    /// Whether characters are inserted.
    pub(crate) fn inserts(&self) -> bool {
        self.flags.insert
    }

    /// Whether addresses are relative to the margins.
    pub(crate) fn has_origin(&self) -> bool {
        self.flags.origin
    }

    /// Everything after the text: title, tabs, region, cursor, modes.
    fn write_modes(&self, modes: &Modes, screen: &[Row<'_>], widths: &Widths, out: &mut Vec<u8>) {
        let mut text = String::from("\x1b)B");
        let title: String = shown_title(&self.title).chars().filter(|c| !c.is_control()).collect();
        let _ = write!(text, "\x1b]2;{title}\x1b\\");
        if !self.tabs.iter().copied().eq((8..self.size.cols()).step_by(8)) {
            text.push_str("\x1b[3g");
            for tab in &self.tabs {
                let _ = write!(text, "\x1b[{}G\x1bH", tab + 1);
            }
        }
        text.push_str(&self.margins());
        out.extend_from_slice(text.as_bytes());
        self.write_cursor(&modes.writing, screen, widths, out);
        let [standard, button, all, utf8, sgr] = self.flags.mouse;
        let switches = [
            (self.flags.insert, "\x1b[4h"),
            (self.flags.keypad, "\x1b="),
            (self.flags.keypad_cursor, "\x1b[?1h"),
            (!self.flags.wrap, "\x1b[?7l"),
            (standard, "\x1b[?1000h"),
            (button, "\x1b[?1002h"),
            (all, "\x1b[?1003h"),
            (utf8, "\x1b[?1005h"),
            (sgr, "\x1b[?1006h"),
            (modes.bracketed_paste, "\x1b[?2004h"),
            (modes.focus, "\x1b[?1004h"),
            (!self.flags.cursor, "\x1b[?25l"),
        ];
        for (_, code) in switches.iter().filter(|(on, _)| *on) {
            out.extend_from_slice(code.as_bytes());
        }
        let mut keyboard = String::new();
        modes.keyboard.write_rest(&mut keyboard);
        out.extend_from_slice(keyboard.as_bytes());
        modes.writing.write(out);
    }

    /// The sequence that sets the margins, if they are not those of a fresh terminal.
    fn margins(&self) -> String {
        let (upper, lower) = self.region;
        if upper < lower && (upper, lower) != (0, self.size.rows() - 1) {
            format!("\x1b[{};{}r", upper + 1, lower + 1)
        } else {
            String::new()
        }
    }

    fn write_cursor(&self, writing: &Writing, screen: &[Row<'_>], widths: &Widths, out: &mut Vec<u8>) {
        let (x, y) = self.cursor;
        let mut column = x + 1;
        let mut last = Vec::new();
        if x >= self.size.cols() {
            // A wrap is pending: only writing the last character again brings that about.
            let row = screen.get(usize::from(y));
            let full = row.is_some_and(|row| row_width(row, widths) >= usize::from(self.size.cols()));
            if !full {
                // That one was erased since.
                (column, last) = (self.size.cols(), b" ".to_vec());
            } else if let Some((character, width, pen)) = row.and_then(|row| row.last_character(widths)) {
                column = self.size.cols() + 1 - width;
                let drawing = row.is_some_and(|row| draws(row.bytes, row.drawing));
                let (on, off) = if drawing { ("\x1b(0", "\x1b(B") } else { ("", "") };
                last = format!("{}{on}{character}{off}\x1b[0m", pen.codes()).into_bytes();
            }
        }
        let (upper, lower) = self.region;
        let relative = self.flags.origin;
        if relative && !(upper..=lower).contains(&y) {
            // No address leads there while there are margins; going back to where the cursor was before does.
            let margins = self.margins();
            let _ = write_str(out, &format!("\x1b[r\x1b[?6h\x1b[{};{column}H\x1b7{margins}\x1b8", y + 1));
            writing.write_saved(out);
        } else {
            writing.write_saved(out);
            let (origin, top) = if relative { ("\x1b[?6h", upper) } else { ("", 0) };
            let _ = write_str(out, &format!("{origin}\x1b[{};{column}H", y.saturating_sub(top) + 1));
        }
        out.extend(last);
    }
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
