//! What tmux sends in control mode.

use consort::tmux::parser::{Event, ParseError, Parser};

/// Any bytes are events or an error, and always the same ones, however they are cut into pieces.
pub fn tmux_control(data: &[u8]) {
    let whole = events(std::iter::once(data));
    for size in [1, 7, 64] {
        assert_eq!(events(data.chunks(size)), whole, "pieces of {size} bytes");
    }
}

fn events<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<String>, Option<ParseError>) {
    let mut parser = Parser::new();
    let mut seen = Vec::new();
    for piece in pieces {
        let result = parser.feed(piece, &mut |event: Event<'_>| seen.push(format!("{event:?}")));
        if let Err(error) = result {
            return (seen, Some(error));
        }
    }
    (seen, None)
}
