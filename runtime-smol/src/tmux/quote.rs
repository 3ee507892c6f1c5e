//! Command lines for control mode: arguments that nothing in them can break out of.

use std::fmt::Write;

/// One line of commands being written. Words of ours are added with [`word`](Line::word), anything else with
/// [`arg`](Line::arg).
#[derive(Clone, Debug, Default)]
pub struct Line {
    text: String,
    commands: usize,
}

impl Line {
    /// A line that begins with this command.
    #[must_use]
    pub fn new(command: &str) -> Self {
        Line { text: spelled(command), commands: 1 }
    }

    /// Another command after the ones before it; skipped by tmux when one of those fails.
    #[must_use]
    pub fn then(mut self, command: &str) -> Self {
        if self.commands > 0 {
            self.text.push_str(" ; ");
        }
        self.text.push_str(&spelled(command));
        self.commands += 1;
        self
    }

    /// A word written in this program's source, or a number: no quoting needed.
    #[must_use]
    pub fn word(mut self, word: impl std::fmt::Display) -> Self {
        let _ = write!(self.text, " {word}");
        self
    }

    /// An argument with arbitrary content.
    #[must_use]
    pub fn arg(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.text.push(' ');
        quote(bytes.as_ref(), &mut self.text);
        self
    }

    /// The same line, which will give another number of answers than it has commands of its own (`if-shell`).
    #[must_use]
    pub fn with_commands(mut self, commands: usize) -> Self {
        self.commands = commands;
        self
    }

    /// Commands in it: each gives one answer, up to the first that fails.
    #[must_use]
    pub fn commands(&self) -> usize {
        self.commands
    }

    /// The line with its end.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        let mut bytes = self.text.into_bytes();
        bytes.push(b'\n');
        bytes
    }

    /// The line as text, without its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// A command with its name in a spelling that no `command-alias` of the user's changes: without its last letter. tmux takes
/// every unambiguous beginning of a name for the name, but looks for aliases by the whole word. Arguments may follow the name,
/// and a brace may stand before it.
#[must_use]
pub fn spelled(command: &str) -> String {
    let (brace, rest) = match command.strip_prefix("{ ") {
        Some(rest) => ("{ ", rest),
        None => ("", command),
    };
    let end = rest.find(' ').unwrap_or(rest.len());
    let (name, arguments) = rest.split_at(end);
    let mut short = name.chars();
    short.next_back();
    format!("{brace}{}{arguments}", short.as_str())
}

/// Writes `bytes` as one double-quoted word of tmux's command language. Everything but plain ASCII that means nothing there
/// becomes `\ooo`, so that no byte can end the word, begin an expansion or be taken for the end of input. A command's
/// arguments are C strings: a NUL byte ends the argument, as it does in tmux itself.
pub fn quote(bytes: &[u8], out: &mut String) {
    out.reserve(bytes.len() + 2);
    out.push('"');
    for byte in bytes.iter().take_while(|byte| **byte != 0) {
        match byte {
            b'"' | b'\\' | b'$' | b'~' | b'#' | b';' | b'{' | b'}' | 0..=0x1f | 0x7f..=0xff => {
                let _ = write!(out, "\\{byte:03o}");
            }
            plain => out.push(char::from(*plain)),
        }
    }
    out.push('"');
}

/// A text that gives `text` again where tmux expands formats (`-c`, `-s`, `rename-session`), or nothing if there is none:
/// `#[` cannot be written in a format without being taken for a style.
#[must_use]
pub fn format_literal(text: &str) -> Option<String> {
    (!text.contains("#[") && !text.contains('\0')).then(|| text.replace('#', "##").replace('%', "%%"))
}

/// Undoes `#{q:…}` and the escaping of control characters that tmux adds when it prints to a client. `\` before a digit
/// begins three octal digits, before a letter a C escape, before anything else it is that character.
#[must_use]
pub fn unquote(text: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some(byte) = text.get(at) {
        at += 1;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let Some(next) = text.get(at) else { break };
        let octal = text.get(at..at + 3).filter(|digits| digits.iter().all(|d| (b'0'..=b'7').contains(d)));
        if let Some(digits) = octal {
            out.push(digits.iter().fold(0u8, |value, d| value.wrapping_mul(8).wrapping_add(d - b'0')));
            at += 3;
            continue;
        }
        out.push(match next {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'a' => 7,
            b'b' => 8,
            b'v' => 11,
            b'f' => 12,
            other => *other,
        });
        at += 1;
    }
    out
}

/// Splits a line at spaces that no backslash protects.
pub fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut at = 0;
        while at < text.len() && text[at] != b' ' {
            at += if text[at] == b'\\' { 2 } else { 1 };
        }
        let at = at.min(text.len());
        rest = text.get(at + 1..);
        Some(&text[..at])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What tmux's command parser makes of a double-quoted word: `cmd-parse.y`, `yylex_token` and `yylex_token_escape`.
    fn tmux_reads(text: &str) -> Vec<u8> {
        let inner = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).expect("one quoted word");
        let (bytes, mut out, mut at) = (inner.as_bytes(), Vec::new(), 0);
        while at < bytes.len() {
            match bytes[at] {
                b'\\' => {
                    let digits = &bytes[at + 1..at + 4];
                    assert!(
                        (b'0'..=b'3').contains(&digits[0]) && digits[1..].iter().all(|d| (b'0'..=b'7').contains(d))
                    );
                    out.push(digits.iter().fold(0u32, |v, d| v * 8 + u32::from(d - b'0')) as u8);
                    at += 4;
                }
                b'"' | b'$' | b'~' | b'\n' | 0..=0x1f | 0x7f..=0xff => panic!("not safe: {:?}", bytes[at]),
                plain => {
                    out.push(plain);
                    at += 1;
                }
            }
        }
        out
    }

    proptest! {
        #[test]
        fn every_argument_is_read_as_it_was_meant(bytes in proptest::collection::vec(1..=255u8, 0..100)) {
            let mut text = String::new();
            quote(&bytes, &mut text);
            prop_assert_eq!(tmux_reads(&text), bytes);
        }

        #[test]
        fn every_line_has_no_line_feed_but_its_last(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let line = Line::new("set-buffer").arg(&bytes).then("display-message").arg("x").into_bytes();
            prop_assert_eq!(line.iter().position(|b| *b == b'\n'), Some(line.len() - 1));
        }

        #[test]
        fn fields_and_their_quoting_are_undone(values in proptest::collection::vec("[ -~é日]{0,12}", 1..6)) {
            let quoted: Vec<String> = values.iter().map(|value| {
                let special = "|&;<>()$`\\\"'*?[# =%";
                value.chars().flat_map(|c| special.contains(c).then_some('\\').into_iter().chain([c])).collect()
            }).collect();
            let line = quoted.join(" ");
            let read: Vec<Vec<u8>> = fields(line.as_bytes()).map(unquote).collect();
            prop_assert_eq!(read, values.into_iter().map(String::into_bytes).collect::<Vec<_>>());
        }

        #[test]
        fn nothing_makes_the_readers_fail(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            for field in fields(&bytes) {
                let _ = unquote(field);
            }
        }
    }

    #[test]
    fn a_command_is_spelled_so_that_no_alias_has_its_name() {
        assert_eq!(Line::new("list-panes -a").then("{ send-keys -t").as_str(), "list-pane -a ; { send-key -t");
        assert_eq!(spelled("detach-client"), "detach-clien");
    }

    #[test]
    fn control_characters_that_tmux_escaped_come_back() {
        assert_eq!(unquote(br"a\nb\033c\\n\ d\177"), b"a\nb\x1bc\\n d\x7f");
    }

    #[test]
    fn a_text_for_a_format_has_no_expansion_left() {
        assert_eq!(format_literal("100% #{pid} ok").as_deref(), Some("100%% ##{pid} ok"));
        assert_eq!(format_literal("a#[fg=red]"), None);
    }
}
