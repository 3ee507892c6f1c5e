//! What the filter does with a sequence when it is complete: keeps it, leaves it out or writes it otherwise, and remembers what it
//! changes.

use super::super::Dialect;
use super::super::doubts::Doubt;
use super::super::sequences::{self, Verdict};
use super::super::writing::Writing;
use super::{Filter, Last};

impl Filter {
    /// Carries out what was decided about the sequence that is held.
    pub(super) fn conclude(&mut self, verdict: Verdict, introducer: &[u8], out: &mut Vec<u8>) {
        let last = std::mem::replace(&mut self.last, Last::Nothing);
        let home = std::mem::take(&mut self.home);
        match verdict {
            Verdict::Keep => {
                if introducer == b"\x1b[" {
                    self.writing.control(&self.held);
                    self.home = self.absolute && sequences::is_home(&self.held);
                } else {
                    self.writing.escape(&self.held);
                }
                match (introducer, self.held.first(), self.held.last()) {
                    (b"\x1b", Some(b'7'), _) | (b"\x1b[", _, Some(b's')) => self.doubts.saved_cursor(),
                    (b"\x1b", Some(b'8'), _) => self.doubts.restored_cursor(),
                    (b"\x1b[", Some(first), Some(b'u')) if !matches!(first, b'<'..=b'?') => {
                        self.doubts.restored_cursor()
                    }
                    _ => {}
                }
                out.extend_from_slice(introducer);
                out.extend_from_slice(&self.held);
            }
            // What is left out moves no cursor.
            Verdict::Drop => self.home = home,
            Verdict::As(last) => {
                out.extend_from_slice(introducer);
                out.extend_from_slice(&self.held[..self.held.len() - 1]);
                out.push(last);
            }
            Verdict::Modes { modes, set } => {
                if modes.contains(&20) {
                    self.returns = set;
                }
                // Insertion is the only other one.
                if modes.contains(&4) {
                    self.inserts = set;
                    out.extend_from_slice(if set { b"\x1b[4h" } else { b"\x1b[4l" });
                }
            }
            Verdict::PrivateModes { mut modes, set } => {
                if modes.contains(&3) && matches!(self.dialect, Dialect::Tmux { .. }) {
                    // Whatever the width is: tmux erases the screen, browsers do nothing.
                    modes.retain(|mode| *mode != 3);
                    out.extend_from_slice(b"\x1b[H\x1b[2J");
                }
                if self.one_screen {
                    modes.retain(|mode| !matches!(mode, 47 | 1047 | 1049));
                }
                if modes.contains(&6) {
                    self.absolute = !set;
                }
                if modes.contains(&7) {
                    self.wraps = set;
                }
                for mode in modes.iter().filter(|mode| matches!(mode, 47 | 1047 | 1049)) {
                    self.writing.show_alternate(set, *mode == 1049);
                    self.doubts.show_alternate(set);
                }
                sequences::write_private_modes(&modes, set, out);
            }
            // tmux moves what was on the screen to its history, as it does when all of the screen is erased.
            Verdict::EraseBelow if home && matches!(self.dialect, Dialect::Tmux { .. }) => {
                out.extend_from_slice(b"\x1b[2J")
            }
            Verdict::EraseBelow => out.extend_from_slice(b"\x1b[J"),
            Verdict::Repeat(times) => {
                if let Last::Character(character) = last {
                    if times > 1 && self.widths.of(character).columns() > 1 {
                        self.doubts.raise(Doubt::RepeatedWide);
                    }
                    self.repeat(character, times, out);
                }
            }
            Verdict::Reset => {
                (self.wraps, self.absolute, self.returns, self.inserts) = (true, true, false, false);
                self.doubts.reset();
                self.writing = Writing::default();
                sequences::write_reset(self.dialect, self.columns, out);
            }
        }
    }

    /// Repeats a character as often as the line has columns at most. Our terminals wrap as ever. tmux stops at the end of the
    /// line: without wrapping, what is too much is printed where it is already. tmux then takes the line for full, and by the
    /// mode that is written twice the page's emulator knows that it has to do the same (see `tmux-rules.ts`).
    fn repeat(&self, character: char, times: usize, out: &mut Vec<u8>) {
        let times = times.min(usize::from(self.columns));
        let (before, after): (&[u8], &[u8]) = match self.dialect {
            Dialect::Tmux { .. } if self.wraps => (b"\x1b[?7;7l", b"\x1b[?7;7h"),
            _ => (b"", b""),
        };
        // Since 3.4 tmux repeats the letter that stands for a line, not the line.
        let plain = matches!(self.dialect, Dialect::Tmux { version } if version >= (3, 4));
        let (letters, lines) = self.writing.drawing().filter(|_| plain).unwrap_or_default();
        out.extend_from_slice(before);
        out.extend_from_slice(letters);
        for _ in 0..times {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        out.extend_from_slice(lines);
        out.extend_from_slice(after);
    }
}
