//! Runs vttest and shows what it prints on our own terminals, on tmux and in the page's emulator; writes the table
//! `tests/vttest.md`.
//!
//! Each screen is where a viewer joins: live bytes until there, a snapshot there, and both again one screen later have to show
//! what the terminal itself shows. Words on the command line choose items, by their numbers; then the table is
//! printed instead.

mod reasons;
mod session;
mod table;
mod walk;

use consort_tests::differential::explained::Authority;
use consort_tests::differential::tmux::Panes;
use consort_tests::differential::{Case, Compared, Emulator, Op, Part, Recorded, compare, explained, pty};
use session::SIZE;
use std::collections::BTreeSet;
use table::{Row, Verdict};

/// Panes at once.
const BATCH: usize = 32;

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    // A menu on the way to a chosen item is wanted too, and everything below it.
    let wanted = |path: &str| {
        let below = |one: &str, other: &str| one == other || one.starts_with(&format!("{other}."));
        chosen.is_empty() || chosen.iter().any(|item| below(item, path) || below(path, item))
    };
    let items = walk::walk(wanted);
    let mut check = Check { panes: Panes::start(None), emulator: Emulator::headless() };
    let rows: Vec<Row> = items.iter().map(|item| check.row(item)).collect();
    let table = table::markdown(check.panes.version(), &rows);
    if chosen.is_empty() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/vttest.md"), table).expect("the table is written");
    } else {
        print!("{table}");
    }
    let wrong = rows.iter().filter(|row| row.is_unexplained()).count();
    if wrong > 0 {
        eprintln!("{wrong} items differ without a reason");
        std::process::exit(1);
    }
}

struct Check {
    panes: Panes,
    emulator: Emulator,
}

impl Check {
    fn row(&mut self, item: &walk::Item) -> Row {
        let row = |screens, pty, tmux, both| Row {
            path: item.path.clone(),
            name: item.name.clone(),
            screens,
            pty,
            tmux,
            between: both,
        };
        let walk::Recorded::Screens(bytes, screens) = &item.recorded else {
            return row(0, Verdict::Skipped, Verdict::Skipped, Verdict::Skipped);
        };
        let ends = screens.iter().skip(1).copied().chain([bytes.len()]);
        let cases: Vec<Case> = screens
            .iter()
            .zip(ends)
            .map(|(cut, end)| Case { size: SIZE, ops: vec![Op::Bytes(bytes[..end].to_vec())], cut: *cut, resize: None })
            .collect();
        let on_pty: Vec<Recorded> = cases.iter().map(pty::run).collect();
        let on_tmux: Vec<Recorded> = cases.chunks(BATCH).flat_map(|cases| self.panes.run(cases)).collect();
        let widths = self.panes.widths();
        let tmux = Authority::Tmux(self.panes.version(), &widths);
        let pty_verdict = self.verdict(Authority::Pty, Compared::PTY, &cases, &on_pty);
        let tmux_verdict = self.verdict(tmux, Compared::TMUX, &cases, &on_tmux);
        let between = between(&on_tmux, &on_pty);
        row(cases.len(), pty_verdict, tmux_verdict, between)
    }

    /// Whether the page shows on each screen what the terminal shows.
    fn verdict(&mut self, authority: Authority<'_>, compared: Compared, cases: &[Case], all: &[Recorded]) -> Verdict {
        let mut reasons = BTreeSet::new();
        for (at, (case, recorded)) in cases.iter().zip(all).enumerate() {
            for difference in compare(&mut self.emulator, recorded, compared) {
                match explained::reason(authority, case, &difference, recorded.repaired) {
                    Some(reason) => drop(reasons.insert(reason)),
                    None => {
                        return Verdict::Differs(at + 1, format!("{:?}: {}", difference.stage, difference.what));
                    }
                }
            }
        }
        if reasons.is_empty() { Verdict::Same } else { Verdict::Explained(reasons.into_iter().collect()) }
    }
}

/// Whether a pane of tmux and a terminal of our own show the same, at each screen.
fn between(on_tmux: &[Recorded], on_pty: &[Recorded]) -> Verdict {
    let all = on_tmux.iter().zip(on_pty).enumerate();
    let different = all.filter_map(|(at, (tmux, pty))| {
        let (own, other) = (&tmux.at_cut, &pty.at_cut);
        let parts = own.differences(other, Compared::BETWEEN);
        let (_, what) = parts.into_iter().find(|(part, _)| *part != Part::History)?;
        Some((at + 1, what))
    });
    let different: Vec<(usize, String)> = different.collect();
    match different.into_iter().next() {
        Some((at, what)) => Verdict::Differs(at, what),
        None => Verdict::Same,
    }
}
