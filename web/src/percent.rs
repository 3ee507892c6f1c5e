//! Percent-encoding of targets, read strictly.

use std::borrow::Cow;

/// Decodes one segment of a path. None if an escape is not two hexadecimal digits, or the whole is not UTF-8.
pub(crate) fn segment(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('%') { decode(text.bytes()).map(Cow::Owned) } else { Some(Cow::Borrowed(text)) }
}

/// Decodes a name or a value of a query, where `+` is a space. None as for a [`segment`].
pub(crate) fn form(text: &str) -> Option<String> {
    decode(text.bytes().map(|byte| if byte == b'+' { b' ' } else { byte }))
}

fn decode(mut rest: impl Iterator<Item = u8>) -> Option<String> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = Vec::with_capacity(rest.size_hint().1.unwrap_or(0));
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => (digit(rest.next()?)? * 16 + digit(rest.next()?)?) as u8,
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_is_a_space_in_queries_only() {
        assert_eq!(segment("a+b%2b%40%C3%A4").as_deref(), Some("a+b+@ä"));
        assert_eq!(form("a+b%2b%40%C3%A4").as_deref(), Some("a b+@ä"));
    }

    #[test]
    fn what_is_not_an_escape_or_not_utf8_is_refused() {
        for text in ["%", "%4", "%4g", "%+1", "% 1", "%ff", "a%zz"] {
            assert_eq!((segment(text), form(text)), (None, None), "{text}");
        }
    }
}
