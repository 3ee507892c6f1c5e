//! Asks tmux how wide it takes characters to be. That depends on its version, on the library that it was built with, on the
//! locale and on its options, so a table of ours would be right for some servers only.
//!
//! `#{=1:Cx}` keeps what fits into one column: `C` alone if it has one, `Cx` if it has none, nothing if it has two, and `x` if
//! tmux does not take `C` for a character. (`#{w:C}` would be shorter, and hangs tmux 3.3 on the last kind.)

use super::engine::Engine;
use super::quote::Line;
use crate::backend::TerminalEvent;
use crate::dialect::Dialect;
use crate::dialect::widths::{Width, Widths};
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Characters of one question: tmux answers it in about a millisecond.
const AT_ONCE: usize = 256;
/// Time between two questions, in which tmux does its work.
const PAUSE: Duration = Duration::from_millis(2);
/// What is asked about, the most usual first. The rest are the large blocks of ideographs and Hangul syllables, of which all
/// are wide, and private and unassigned characters.
const ASKED: [RangeInclusive<char>; 7] = [
    '\u{1f000}'..='\u{1faff}',
    '\u{80}'..='\u{33ff}',
    '\u{fb00}'..='\u{ffef}',
    '\u{a000}'..='\u{abff}',
    '\u{d7b0}'..='\u{d7ff}',
    '\u{10000}'..='\u{1efff}',
    '\u{1fb00}'..='\u{1fbff}',
];

/// As if Unicode went on behind its last character.
const BEYOND: &[u8] = b"\xf4\x90\x80\x80";

impl Engine {
    /// Measures, and gives the table to all terminals.
    pub(crate) async fn measure_widths(self: Rc<Self>) {
        let version = self.state.borrow().version;
        let assumed = Widths::assumed(Dialect::Tmux { version });
        let mut measured = Vec::new();
        let asked: Vec<char> = ASKED.into_iter().flatten().collect();
        for characters in asked.chunks(AT_ONCE) {
            let line = Line::new("display-message -p").arg(question(characters));
            let answer = self.ask(line).await.ok().and_then(|bodies| bodies.into_iter().next());
            let Some(widths) = answer.and_then(|answer| widths(characters, &answer)) else {
                log::debug!("tmux does not say how wide {:?} is", characters.first());
                self.state.borrow_mut().widths = None;
                return;
            };
            measured.extend(characters.iter().copied().zip(widths));
            smol::Timer::after(PAUSE).await;
        }
        let line = Line::new("display-message -p").arg([b"#{=1:#{l:", BEYOND, b"}}"].concat());
        let answer = self.ask(line).await.ok().and_then(|bodies| bodies.into_iter().next());
        let beyond = answer.is_some_and(|answer| answer.trim_ascii_end() == BEYOND);
        let widths = Arc::new(assumed.with_measured(&measured).with_beyond(beyond));
        let differs = widths != assumed;
        let mut state = self.state.borrow_mut();
        for (id, terminal) in &mut state.terminals {
            terminal.set_widths(Arc::clone(&widths));
            if differs && terminal.is_watched() {
                self.reports.terminal(*id, TerminalEvent::Skipped);
            }
        }
        state.widths = Some(widths);
    }
}

fn question(characters: &[char]) -> String {
    let mut question = String::with_capacity(characters.len() * 20);
    for character in characters {
        // Writing to a string does not fail.
        let _ = write!(question, "#{{=1:#{{l:{character}x}}}}|");
    }
    question
}

/// The widths that an answer to [`question`] tells; nothing if it is not such an answer.
fn widths(characters: &[char], answer: &[u8]) -> Option<Vec<Width>> {
    let answers: Vec<&str> = std::str::from_utf8(answer).ok()?.trim_end().strip_suffix('|')?.split('|').collect();
    let widths = characters.iter().zip(&answers).map(|(character, answer)| {
        let rest = answer.strip_prefix(*character);
        match (rest, *answer) {
            (Some("x"), _) => Some(Width::Zero),
            (Some(""), _) => Some(Width::One),
            (None, "") => Some(Width::Two),
            (None, "x") => Some(Width::Dropped),
            _ => None,
        }
    });
    if answers.len() == characters.len() { widths.collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_the_width_of_each_character() {
        let characters = ['é', '\u{301}', '日', '\u{378}'];
        assert_eq!(question(&characters[..1]), "#{=1:#{l:éx}}|");
        let answer = "é|\u{301}x||x|".as_bytes();
        let expected = vec![Width::One, Width::Zero, Width::Two, Width::Dropped];
        assert_eq!(widths(&characters, answer), Some(expected));
        assert_eq!(widths(&characters, b"x|x|"), None);
        assert_eq!(widths(&characters, "é|y||x|".as_bytes()), None);
    }
}
