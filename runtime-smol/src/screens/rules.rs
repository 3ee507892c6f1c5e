//! Whether a rule of a manifest holds for a screen, and the question that it finds there.

use super::lines::{self, Line, Numbered};
use super::manifest::{Choose, Detail, Key, Rule, State};
use super::pattern::Pattern;
use consort_core::directory::signal::{Choice, Dialog, Question, Report};

/// Lines of what a question is about.
const DETAIL_LINES: usize = 12;
/// Lines of a question.
const QUESTION_LINES: usize = 4;

/// What a rule found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Asks(Dialog),
    Says(Report),
}

/// The first rule that holds.
pub(super) fn first(rules: &[Rule], lines: &[Line<'_>]) -> Option<Found> {
    rules.iter().find_map(|rule| apply(rule, lines))
}

fn apply(rule: &Rule, all: &[Line<'_>]) -> Option<Found> {
    let mut lines = lines::bottom(all, rule.lines);
    if let Some(after) = &rule.after {
        let found = lines.iter().enumerate().rev().filter(|(_, line)| after.matches(line.bare));
        let (at, _) = found.take(rule.after_nth).nth(rule.after_nth - 1)?;
        lines = &lines[at + 1..];
    }
    let shown = |pattern: &Pattern| lines.iter().find(|line| !line.is_blank() && pattern.matches(line.bare));
    let footer = lines::bottom(lines, rule.footer_lines);
    let in_footer = |pattern: &Pattern| footer.iter().find(|line| !line.is_blank() && pattern.matches(line.bare));
    let holds = rule.all.iter().all(|pattern| shown(pattern).is_some())
        && (rule.any.is_empty() || rule.any.iter().any(|pattern| shown(pattern).is_some()))
        && (rule.footer.is_empty() || rule.footer.iter().any(|pattern| in_footer(pattern).is_some()))
        && !rule.none.iter().any(|pattern| shown(pattern).is_some());
    if !holds {
        return None;
    }
    if rule.state == State::Waiting {
        return dialog(rule, lines).map(Found::Asks);
    }
    let quoted = rule.any.iter().chain(&rule.all).find_map(shown).or_else(|| rule.footer.iter().find_map(in_footer));
    // A line at rest says nothing that anybody would want to read.
    let why = if rule.state == State::Idle { String::new() } else { quoted.map_or("", |line| line.bare).to_owned() };
    let why = if why.is_empty() { rule.name.clone() } else { why };
    Some(Found::Says(Report { kind: rule.state.kind(), why }))
}

fn dialog(rule: &Rule, lines: &[Line<'_>]) -> Option<Dialog> {
    let menu = match rule.choose {
        Some(_) => lines::menu(lines, !rule.unmarked)?,
        None => Vec::new(),
    };
    let end = menu.first().map_or(lines.len(), |choice| choice.at);
    let asks = |line: &Line<'_>| rule.question.iter().any(|pattern| pattern.matches(line.bare));
    let (from, to, text) = match lines[..end].iter().rposition(asks) {
        Some(at) => (at, at + 1, lines[at].bare.to_owned()),
        None if menu.is_empty() => {
            // Without choices: the line that made the rule hold.
            let shown = |line: &Line<'_>| rule.any.iter().chain(&rule.all).any(|pattern| pattern.matches(line.bare));
            let at = lines.iter().rposition(shown).or_else(|| lines.iter().rposition(|line| !line.is_blank()))?;
            (at, at + 1, lines[at].bare.to_owned())
        }
        None => paragraph_above(lines, end)?,
    };
    let detail = match rule.detail {
        Detail::None => String::new(),
        Detail::Above => {
            let top = lines[..from].iter().rposition(|line| line.rule).map_or(0, |at| at + 1);
            joined(&lines[top..from])
        }
        Detail::Between => {
            let ends = |line: &Line<'_>| rule.footer.iter().any(|pattern| pattern.matches(line.bare));
            let end = lines[to..end.max(to)].iter().position(ends).map_or(end, |at| to + at);
            joined(&lines[to..end.max(to)])
        }
    };
    let mut choices = Vec::new();
    let mut keys = Vec::new();
    let words = words_in(rule, &menu);
    let mut words_keys = None;
    if let Some(choose) = rule.choose {
        let highlighted = menu.iter().position(|choice| choice.highlighted).unwrap_or(0);
        for (at, choice) in menu.iter().enumerate() {
            if words == Some(at) {
                // Where nothing marks the cursor, what is written stands below the choice.
                let below = lines.get(choice.at + 1).filter(|_| rule.unmarked);
                let is_open = choice.highlighted || below.is_some_and(|line| !line.is_blank());
                words_keys = Some(if is_open { Vec::new() } else { typed(choose, choice, at, highlighted) });
                continue;
            }
            keys.push(typed(choose, choice, at, highlighted));
            choices.push(Choice { key: choice.number.to_string(), label: choice.label.clone() });
        }
    }
    let is_shown = |pattern: &Pattern| lines.iter().any(|line| pattern.matches(line.bare));
    for key in rule.keys.iter().filter(|key| key.shown.as_ref().is_none_or(is_shown)) {
        let Some(typed) = typed_for(key, lines) else { continue };
        keys.push(typed);
        choices.push(Choice { key: key.key.clone(), label: key.label.clone() });
    }
    let free_text = rule.text || words_keys.is_some();
    keys.extend(words_keys.filter(|keys| !keys.is_empty()));
    let question = Question { kind: rule.kind.kind(), text, detail, choices, free_text };
    Some(Dialog { question, keys })
}

/// Which of the choices is where an answer in words is written. One with a mark (`[ ]`) is one of several.
fn words_in(rule: &Rule, menu: &[Numbered]) -> Option<usize> {
    let with = |pattern: &Option<Pattern>| {
        let pattern = pattern.as_ref()?;
        menu.iter().position(|choice| pattern.matches(&choice.label))
    };
    let at = with(&rule.words).or_else(|| with(&rule.words_before)?.checked_sub(1))?;
    (!menu[at].label.starts_with('[')).then_some(at)
}

/// The paragraph above this line: where it begins and ends, and its text.
fn paragraph_above(lines: &[Line<'_>], end: usize) -> Option<(usize, usize, String)> {
    let last = lines[..end].iter().rposition(|line| !line.is_blank())?;
    let before = lines[..last].iter().rposition(Line::is_blank).map_or(0, |at| at + 1);
    let first = before.max((last + 1).saturating_sub(QUESTION_LINES));
    let text: Vec<&str> = lines[first..=last].iter().map(|line| line.bare).collect();
    Some((first, last + 1, text.join(" ")))
}

fn joined(lines: &[Line<'_>]) -> String {
    let shown: Vec<&str> = lines.iter().filter(|line| !line.is_blank()).map(|line| line.bare).collect();
    shown[shown.len().saturating_sub(DETAIL_LINES)..].join("\n")
}

/// What is typed for a choice that is not numbered; `None`: what is clicked on is not there.
fn typed_for(key: &Key, lines: &[Line<'_>]) -> Option<Vec<u8>> {
    let Some(words) = &key.click else { return Some(key.types.as_ref().unwrap_or(&key.key).clone().into_bytes()) };
    let (row, column) = lines.iter().rev().find_map(|line| Some((line.row + 1, line.column_of(words)? + 1)))?;
    // The left button is pressed and let go, as terminals report it (SGR).
    Some(format!("\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m").into_bytes())
}

/// What is typed to make a choice.
fn typed(choose: Choose, choice: &Numbered, at: usize, highlighted: usize) -> Vec<u8> {
    match choose {
        Choose::Digit => choice.number.to_string().into_bytes(),
        Choose::DigitEnter => format!("{}\r", choice.number).into_bytes(),
        Choose::Arrows => {
            let (arrow, count) =
                if at >= highlighted { ("\x1b[B", at - highlighted) } else { ("\x1b[A", highlighted - at) };
            (arrow.repeat(count) + "\r").into_bytes()
        }
        Choose::Hotkey => {
            let key = choice.label.rsplit_once('(').and_then(|(_, key)| key.strip_suffix(')')).unwrap_or("");
            match key {
                "esc" => b"\x1b".to_vec(),
                "enter" => b"\r".to_vec(),
                key if key.chars().count() == 1 => key.as_bytes().to_vec(),
                _ => Vec::new(),
            }
        }
    }
}
