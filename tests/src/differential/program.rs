//! Terminal programs as data: what is printed, in operations that can be left out one by one.

use std::fmt::Write;

/// How a control of the C1 set is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `ESC` and a letter.
    Escape,
    /// One byte from 0x80 on: not UTF-8.
    Byte,
    /// The character, as UTF-8.
    Utf8,
}

/// One thing that a program prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Characters.
    Text(String),
    /// Bytes as they are: broken UTF-8.
    Bytes(Vec<u8>),
    /// A control character.
    Control(u8),
    /// A control of the C1 set, by the letter that stands for it behind `ESC`.
    C1(Form, u8),
    /// `ESC [`, private marker, parameters, intermediates, final.
    Csi(String, Vec<String>, String, u8),
    /// `ESC` and what follows.
    Escape(String),
    /// A string: what begins it, its text, what ends it.
    String(String, String, String),
}

impl Op {
    /// Its bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Op::Text(text) => out.extend_from_slice(text.as_bytes()),
            Op::Bytes(bytes) => out.extend_from_slice(bytes),
            Op::Control(byte) => out.push(*byte),
            Op::C1(Form::Escape, letter) => out.extend_from_slice(&[0x1b, *letter]),
            Op::C1(Form::Byte, letter) => out.push(letter + 0x40),
            Op::C1(Form::Utf8, letter) => out.extend_from_slice(&[0xc2, letter + 0x40]),
            Op::Csi(private, parameters, intermediates, last) => {
                out.extend_from_slice(b"\x1b[");
                out.extend_from_slice(private.as_bytes());
                out.extend_from_slice(parameters.join(";").as_bytes());
                out.extend_from_slice(intermediates.as_bytes());
                out.push(*last);
            }
            Op::Escape(rest) => {
                out.push(0x1b);
                out.extend_from_slice(rest.as_bytes());
            }
            Op::String(begin, text, end) => {
                for part in [begin, text, end] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
        }
    }

    /// What it is, without its values: what differences are sorted by.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Op::Text(text) => text.chars().map(class).fold(String::from("text"), |mut all, class| {
                if !all.ends_with(class) {
                    all.push(' ');
                    all.push_str(class);
                }
                all
            }),
            Op::Bytes(bytes) => format!("bytes {bytes:02x?}"),
            Op::Control(byte) => format!("C0 {byte:02x}"),
            Op::C1(form, letter) => format!("C1 {form:?} {}", char::from(*letter)),
            Op::Csi(private, parameters, intermediates, last) => {
                let last = char::from(*last);
                let named = matches!(last, 'h' | 'l' | 'J' | 'K' | 'm' | 'n' | 't');
                let shown = if named { parameters.join(";") } else { String::new() };
                format!("CSI {private}{shown}{intermediates}{last}")
            }
            Op::Escape(rest) => format!("ESC {rest}"),
            Op::String(begin, _, end) => format!("string {begin:?} {end:?}"),
        }
    }
}

fn class(character: char) -> &'static str {
    match character as u32 {
        0x00..0x80 => "ascii",
        0x80..0xa0 => "C1",
        0xa0..0x100 => "latin",
        0x0300..0x0370 | 0x20d0..0x2100 | 0x0483..0x048a | 0x0e00..0x0e80 | 0x0900..0x0980 => "mark",
        0x200b..0x2010 | 0x2028..0x202f | 0x2060..0x2070 | 0xfeff => "format",
        0xfe00..0xfe10 => "selector",
        0x1100..0x1200 | 0xa960..0xa980 | 0xd7b0..0xd800 => "jamo",
        0x2e80..0xa000 | 0xac00..0xd7a4 | 0xff00..0xff61 => "wide",
        0x1f1e6..0x1f200 => "flag",
        0x1f3fb..0x1f400 => "skin",
        0x1f000.. => "emoji",
        _ => "other",
    }
}

/// One case: what is printed on a terminal of which size, where a viewer joins, and where another size comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Columns and rows at first.
    pub size: (u16, u16),
    /// What is printed.
    pub ops: Vec<Op>,
    /// A viewer joins after so many bytes (or at the end).
    pub cut: usize,
    /// After this many operations, the terminal has another size.
    pub resize: Option<(usize, (u16, u16))>,
}

/// What happens to a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Bytes are printed.
    Print(Vec<u8>),
    /// It has another size.
    Resize((u16, u16)),
    /// A viewer joins.
    Cut,
}

impl Case {
    /// All bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.encode(self.ops.len())
    }

    fn encode(&self, ops: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.ops[..ops.min(self.ops.len())].iter().for_each(|op| op.encode(&mut bytes));
        bytes
    }

    /// What happens, in order. There is exactly one cut.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let bytes = self.bytes();
        let cut = self.cut.min(bytes.len());
        let mut marks = vec![(cut, Event::Cut)];
        if let Some((ops, size)) = self.resize {
            marks.push((self.encode(ops).len(), Event::Resize(size)));
        }
        marks.sort_by_key(|(at, _)| *at);
        let (mut events, mut from) = (Vec::new(), 0);
        for (at, mark) in marks {
            if at > from {
                events.push(Event::Print(bytes[from..at].to_vec()));
            }
            events.push(mark);
            from = at;
        }
        if from < bytes.len() {
            events.push(Event::Print(bytes[from..].to_vec()));
        }
        events
    }

    /// What its operations are: cases of the same kind probably differ for the same reason.
    #[must_use]
    pub fn kind(&self) -> String {
        let mut kinds: Vec<String> = self.ops.iter().map(Op::kind).collect();
        kinds.dedup();
        kinds.extend(self.resize.map(|_| "resize".to_owned()));
        kinds.join(", ")
    }

    /// The case as somebody would type it.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut text = format!("{}x{} \"", self.size.0, self.size.1);
        for (at, byte) in self.bytes().into_iter().enumerate() {
            if at == self.cut {
                text.push('¦');
            }
            match byte {
                0x1b => text.push_str("\\e"),
                b'\n' => text.push_str("\\n"),
                b'\r' => text.push_str("\\r"),
                b'\\' | b'"' => {
                    text.push('\\');
                    text.push(char::from(byte));
                }
                0x20..0x7f => text.push(char::from(byte)),
                _ => {
                    let _ = write!(text, "\\x{byte:02x}");
                }
            }
        }
        text.push('"');
        if let Some((ops, (cols, rows))) = self.resize {
            let _ = write!(text, " and {cols}x{rows} after {} bytes", self.encode(ops).len());
        }
        text
    }
}
