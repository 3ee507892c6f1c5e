//! `tmux capture-pane -e -N` as cells.
//!
//! A capture does not say where a cell ends: each character is taken for a cell of its own, so it can be compared with what an
//! emulator shows by characters only (see `Compared::columns`). Gaps are spaces, so that columns count nevertheless.

use super::{Cell, Pen};

/// The rows of a capture.
#[must_use]
pub fn rows(capture: &[u8]) -> Vec<Vec<Cell>> {
    let mut reader = Reader { pen: Pen::default(), drawing: false };
    capture.split(|byte| *byte == b'\n').map(|line| reader.row(&text(line))).collect()
}

/// The text of a line. tmux may print characters behind the last one of Unicode.
fn text(mut line: &[u8]) -> String {
    let mut text = String::new();
    while let Some(at) = line.windows(4).position(|bytes| matches!(bytes, [0xf4, 0x90..=0xbf, ..])) {
        text += &String::from_utf8_lossy(&line[..at]);
        text.push(char::REPLACEMENT_CHARACTER);
        line = &line[at + 4..];
    }
    text + &String::from_utf8_lossy(line)
}

struct Reader {
    pen: Pen,
    /// The characters are those of DEC's line drawing.
    drawing: bool,
}

impl Reader {
    fn row(&mut self, line: &str) -> Vec<Cell> {
        let mut cells: Vec<Cell> = Vec::new();
        let mut rest = line;
        while let Some(character) = rest.chars().next() {
            rest = &rest[character.len_utf8()..];
            match character {
                '\x1b' if rest.starts_with('[') => {
                    let end = rest.find('m').map_or(rest.len(), |end| end + 1);
                    self.sgr(rest[1..end].trim_end_matches('m'));
                    rest = &rest[end..];
                }
                '\x1b' if rest.starts_with(']') => {
                    let end = rest.find("\x1b\\").map_or(rest.len(), |end| end + 2);
                    rest = &rest[end..];
                }
                '\x0e' => self.drawing = true,
                '\x0f' => self.drawing = false,
                // Nothing is seen of either, and viewers are given the same for them.
                '\u{80}'..='\u{9f}' | '\u{feff}' => self.character('\u{2060}', &mut cells),
                _ => self.character(character, &mut cells),
            }
        }
        while cells.last() == Some(&Cell::blank()) {
            cells.pop();
        }
        cells
    }

    fn character(&mut self, character: char, cells: &mut Vec<Cell>) {
        let shown = if self.drawing { line_drawing(character) } else { character };
        cells.push(Cell { text: shown.into(), width: 1, pen: self.pen.clone() });
    }

    fn sgr(&mut self, parameters: &str) {
        let mut numbers = parameters.split(';').peekable();
        while let Some(number) = numbers.next() {
            let mut parts = number.split(':');
            let code: u16 = parts.next().and_then(|code| code.parse().ok()).unwrap_or(0);
            let style = parts.next();
            match code {
                0 => self.pen = Pen::default(),
                4 => self.set('u', style != Some("0")),
                1 => self.set('b', true),
                2 => self.set('d', true),
                3 => self.set('i', true),
                // 53 is written in this way.
                5 if style == Some("3") => self.set('o', true),
                5 => self.set('k', true),
                7 => self.set('v', true),
                8 => self.set('h', true),
                9 => self.set('s', true),
                53 => self.set('o', true),
                55 => self.set('o', false),
                30..=37 => self.pen.foreground = (code - 30).to_string(),
                90..=97 => self.pen.foreground = (code - 82).to_string(),
                40..=47 => self.pen.background = (code - 40).to_string(),
                100..=107 => self.pen.background = (code - 92).to_string(),
                39 => self.pen.foreground = String::new(),
                49 => self.pen.background = String::new(),
                38 | 48 | 58 => {
                    let colour = match numbers.next() {
                        Some("5") => numbers.next().unwrap_or_default().to_owned(),
                        Some("2") => {
                            let mut part = || numbers.next().and_then(|part| part.parse::<u8>().ok()).unwrap_or(0);
                            format!("#{:02x}{:02x}{:02x}", part(), part(), part())
                        }
                        _ => String::new(),
                    };
                    match code {
                        38 => self.pen.foreground = colour,
                        48 => self.pen.background = colour,
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }

    fn set(&mut self, attribute: char, on: bool) {
        let mut all: Vec<char> = self.pen.attributes.chars().filter(|letter| *letter != attribute).collect();
        if on {
            all.push(attribute);
        }
        self.pen.attributes = "bdiukvhso".chars().filter(|letter| all.contains(letter)).collect();
    }
}

/// The character that DEC's line drawing shows in the place of another.
#[must_use]
pub fn line_drawing(character: char) -> char {
    const DRAWN: [char; 31] = [
        '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─', '⎼', '⎽', '├', '┤',
        '┴', '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
    ];
    let place = (character as usize).checked_sub('`' as usize);
    place.and_then(|place| DRAWN.get(place).copied()).unwrap_or(character)
}
