//! The table that is kept.

use crate::reasons;
use std::fmt::Write;

/// What is compared in the last column.
const BETWEEN: &str = "tmux, PTY";

/// What came of comparing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Same,
    /// What differs is explained (see `explained.rs`).
    Explained(Vec<&'static str>),
    /// The first screen that differs, and in what.
    Differs(usize, String),
    /// Nothing was compared.
    Skipped,
}

impl Verdict {
    fn cell(&self) -> String {
        match self {
            Verdict::Same => "same".into(),
            Verdict::Explained(_) => "same, but".into(),
            Verdict::Differs(screen, _) => format!("**differs**, screen {screen}"),
            Verdict::Skipped => "—".into(),
        }
    }
}

/// An item of a menu.
pub(crate) struct Row {
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) screens: usize,
    /// The page against our own terminal.
    pub(crate) pty: Verdict,
    /// The page against a pane of tmux.
    pub(crate) tmux: Verdict,
    /// tmux against our own terminal.
    pub(crate) between: Verdict,
}

impl Row {
    /// Whether a viewer sees something else than the terminal, and nobody knows why.
    pub(crate) fn is_unexplained(&self) -> bool {
        [&self.pty, &self.tmux].into_iter().any(|verdict| matches!(verdict, Verdict::Differs(..)))
    }

    fn why(&self) -> String {
        let mut why: Vec<String> = Vec::new();
        why.extend(reasons::of(&self.path).map(str::to_owned));
        for (name, verdict) in [("page, PTY", &self.pty), ("page, tmux", &self.tmux), (BETWEEN, &self.between)] {
            match verdict {
                Verdict::Explained(reasons) => why.extend(reasons.iter().map(|reason| (*reason).to_owned())),
                Verdict::Differs(_, what) if name != BETWEEN || reasons::of(&self.path).is_none() => {
                    why.push(format!("{name}: {what}"));
                }
                _ => {}
            }
        }
        why.join("; ").replace('|', "\\|")
    }
}

/// The whole page.
pub(crate) fn markdown(tmux: (u32, u32), rows: &[Row]) -> String {
    let mut text = format!("{}\n", reasons::INTRODUCTION.replace("VERSION", &format!("{}.{}", tmux.0, tmux.1)));
    let tried = rows.iter().filter(|row| row.screens > 0).count();
    let screens: usize = rows.iter().map(|row| row.screens).sum();
    let same = |verdict: &Verdict| matches!(verdict, Verdict::Same | Verdict::Explained(_));
    let _ = writeln!(
        text,
        "{tried} items with {screens} screens. The page shows what the terminal shows in {} of them on a PTY and in {} in tmux; tmux and \
         our own terminals show the same in {}.\n",
        rows.iter().filter(|row| row.screens > 0 && same(&row.pty)).count(),
        rows.iter().filter(|row| row.screens > 0 && same(&row.tmux)).count(),
        rows.iter().filter(|row| row.screens > 0 && same(&row.between)).count(),
    );
    text += "| item | | screens | page = PTY | page = tmux | tmux = PTY | why |\n|---|---|---|---|---|---|---|\n";
    for row in rows {
        let (pty, tmux, between) = (row.pty.cell(), row.tmux.cell(), row.between.cell());
        let screens = if row.screens > 0 { row.screens.to_string() } else { "—".into() };
        let (path, name, why) = (&row.path, row.name.replace('|', "\\|"), row.why());
        let _ = writeln!(text, "| {path} | {name} | {screens} | {pty} | {tmux} | {between} | {why} |");
    }
    text
}
