//! Which of an agent's terminals is meant: `--pane N`, the number that lists show (tmux's `%N`), or `--pane WINDOW.PANE`.

use super::api::{Agent, Terminal};
use super::failure::Failure;
use super::text;
use std::fmt::Write as _;
use std::str::FromStr;

/// A terminal as a person names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PaneName {
    /// By its number within the agent.
    Number(u32),
    /// By the numbers of its window and of itself in that window, as tmux shows them.
    Place(u32, u32),
}

impl FromStr for PaneName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |_| "expected a number, as in 3 or %3, or a window and a pane in it, as in 1.0".to_string();
        match text.split_once('.') {
            Some((window, pane)) => Ok(PaneName::Place(window.parse().map_err(wrong)?, pane.parse().map_err(wrong)?)),
            None => text.strip_prefix('%').unwrap_or(text).parse().map(PaneName::Number).map_err(wrong),
        }
    }
}

/// The number of the terminal that is meant.
///
/// # Errors
/// The agent has none of this name: the message lists those that it has.
pub(crate) fn pick(agent: &Agent, called: &str, wanted: PaneName) -> Result<u32, Failure> {
    let places = places(agent);
    let found = places.iter().find(|(place, terminal)| match wanted {
        PaneName::Number(number) => terminal.id == number,
        PaneName::Place(window, pane) => *place == Some((window, pane)),
    });
    if let Some((_, terminal)) = found {
        return Ok(terminal.id);
    }
    let wanted = match wanted {
        PaneName::Number(number) => number.to_string(),
        PaneName::Place(window, pane) => format!("{window}.{pane}"),
    };
    let called = text::one_line(called);
    if places.is_empty() {
        return Err(Failure::new(format!("{called} has no pane {wanted}: it is not running."))
            .hint(format!("Start it with: consort start {called}")));
    }
    let mut lines = String::from("It has:");
    for (place, terminal) in places {
        let place = place.map_or(String::new(), |(window, pane)| format!("{window}.{pane}"));
        let active = if terminal.active { "  (active)" } else { "" };
        let (command, title) = (text::one_line(&terminal.command), text::one_line(&terminal.title));
        let line = format!("{:>4}  {place:5} {command:12} {title}", terminal.id);
        let _ = write!(lines, "\n{}{active}", line.trim_end());
    }
    Err(Failure::new(format!("{called} has no pane {wanted}.")).hint(lines))
}

/// The terminals with the numbers of their windows, and theirs in these. A terminal of the node itself is in no window.
fn places(agent: &Agent) -> Vec<(Option<(u32, u32)>, &Terminal)> {
    let place = |terminal: &Terminal| {
        let window = terminal.window.split(':').next()?.parse().ok()?;
        Some((window, terminal.index))
    };
    agent.terminals.iter().map(|terminal| (place(terminal), terminal)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent() -> Agent {
        let terminal = |id, (window, index): (&str, u32), active| Terminal {
            id,
            window: window.into(),
            index,
            active,
            command: "zsh".into(),
            ..Terminal::default()
        };
        let terminals =
            vec![terminal(3, ("1:a.b", 1), false), terminal(9, ("1:a.b", 2), true), terminal(4, ("12:x", 0), false)];
        Agent { terminals, ..Agent::default() }
    }

    #[test]
    fn a_pane_is_named_by_its_number_or_by_window_and_place() {
        let picked = |wanted: &str| pick(&agent(), "a", wanted.parse().unwrap()).ok();
        assert_eq!(picked("9"), Some(9));
        assert_eq!(picked("%4"), Some(4));
        assert_eq!((picked("1.1"), picked("1.2"), picked("12.0")), (Some(3), Some(9), Some(4)));
        assert_eq!((picked("1"), picked("1.0"), picked("2.0")), (None, None, None));
        for wrong in ["", "x", "1.", ".1", "1.2.3", "-1"] {
            assert!(wrong.parse::<PaneName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_pane_gets_the_list_of_those_that_are_there() {
        let message = pick(&agent(), "a", PaneName::Number(7)).unwrap_err().to_string();
        let expected = "a has no pane 7.\nIt has:\n   3  1.1   zsh\n   9  1.2   zsh  (active)\n   4  12.0  zsh";
        assert_eq!(message, expected);
        let message = pick(&Agent::default(), "a", PaneName::Place(0, 0)).unwrap_err().to_string();
        assert_eq!(message, "a has no pane 0.0: it is not running.\nStart it with: consort start a");
    }
}
