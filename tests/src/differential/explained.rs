//! Differences that stay, each with its reason. ARCHITECTURE.md names them too ("What still differs").

use super::capture::line_drawing;
use super::grid::rows_differ_but;
use super::{Case, Cell, Compared, Difference, Grid, Grids, Part, Stage};
use consort::dialect::widths::Widths;

/// Who decides what is right.
#[derive(Clone, Copy, Debug)]
pub enum Authority<'a> {
    /// A tmux of this version, which counts by these widths.
    Tmux((u32, u32), &'a Widths),
    /// Our own emulator.
    Pty,
}

/// Why a difference of this case stays; `None` if nothing explains it. `repaired`: viewers got a snapshot in between.
#[must_use]
pub fn reason(authority: Authority<'_>, case: &Case, difference: &Difference, repaired: bool) -> Option<&'static str> {
    let Authority::Tmux(version, widths) = authority else { return None };
    let Grids { own, shown, replaced } = &**difference.grids.as_ref()?;
    let behind = match difference.part {
        Part::Normal => true,
        // Rows of it that the smaller screen has no place for, or that the larger one has taken back.
        Part::History if own.normal.is_some() => begin_alike(&own.history, &shown.history),
        _ => false,
    };
    if behind && case.resize.is_some() {
        return Some("tmux gives the screen behind the alternate one another size only when it is shown again");
    }
    let at_cursor = |wanted: (u16, u16)| difference.part == Part::Cursor && shown.cursor == wanted;
    if own.cursor.0 > own.size.0 && at_cursor((own.size.0, own.cursor.1)) {
        return Some("tmux leaves the cursor outside of an alternate screen that got smaller");
    }
    if difference.part == Part::History && only_blank_rows_differ(&own.history, &shown.history) {
        return Some("tmux also keeps rows as history that were erased before the screen was");
    }
    let live = matches!(difference.stage, Stage::LiveToCut | Stage::Live);
    let from_snapshot = !live || repaired || case.resize.is_some();
    let overlapping = from_snapshot && has_overlapping_characters(widths, rows_of(difference.part, own), own.size.0);
    if overlapping || replaced.iter().any(|grid| has_unclear_cells(widths, grid)) {
        return Some(
            "tmux does not tell where cells begin: one was cut in half, or characters stand side by side that would join",
        );
    }
    let row_differs = matches!(difference.part, Part::Screen | Part::History | Part::Cursor);
    if version >= (3, 4) && from_snapshot && row_differs && has_joined_blank(own) {
        return Some("tmux does not tell where a cell ends that nothing but a joiner was put into");
    }
    if version < (3, 4) && from_snapshot && only_erased_colours_differ(difference.part, own, shown) {
        return Some("tmux before 3.4 does not tell the background of cells that were erased behind a row's text");
    }
    None
}

/// The rows that a part consists of; none of the cursor.
fn rows_of(part: Part, grid: &Grid) -> &[Vec<Cell>] {
    match (part, &grid.normal) {
        (Part::Screen, _) => &grid.screen,
        (Part::History, _) => &grid.history,
        (Part::Normal, Some(normal)) => normal,
        _ => &[],
    }
}

/// Whether a row has more columns of text than there are.
fn has_overlapping_characters(widths: &Widths, rows: &[Vec<Cell>], columns: u16) -> bool {
    let text = |row: &Vec<Cell>| row.iter().map(|cell| cell.text.as_str()).collect::<String>();
    rows.iter().any(|row| widths.columns(&text(row)) > usize::from(columns))
}

/// Whether the shorter ones are what the longer ones begin with.
fn begin_alike(own: &[Vec<Cell>], shown: &[Vec<Cell>]) -> bool {
    let both = own.len().min(shown.len());
    rows_differ_but("", &own[..both], &shown[..both], Compared::TMUX, &|_, _| false).is_none()
}

/// Whether there is a row whose cells nobody can tell by its characters, which are all that a capture has.
fn has_unclear_cells(widths: &Widths, grid: &Grid) -> bool {
    let mut rows = grid.screen.iter().chain(&grid.history).chain(grid.normal.iter().flatten());
    rows.any(|row| has_lone_half(row) || joins_otherwise(widths, row))
}

/// Whether half of a wide character has lost the other half.
fn has_lone_half(row: &[Cell]) -> bool {
    let halves = row.windows(2).any(|cells| (cells[0].width == 2) != (cells[1].width == 0));
    halves || row.first().is_some_and(|cell| cell.width == 0)
}

/// Whether the characters of a row would make other cells if they were printed again.
fn joins_otherwise(widths: &Widths, row: &[Cell]) -> bool {
    // A line that is drawn is a letter, which joins less.
    let is_drawn = |text: &str| ('`'..='~').any(|letter| text.chars().eq([line_drawing(letter)]) && text.len() > 1);
    let text = |cell: &Cell| if is_drawn(&cell.text) { "q".to_owned() } else { cell.text.clone() };
    let cells: Vec<String> = row.iter().filter(|cell| cell.width > 0).map(text).collect();
    !widths.clusters(&cells.concat()).map(|cluster| cluster.text).eq(cells.iter().map(String::as_str))
}

/// Whether a joiner was printed behind a cell without text: what comes next may belong to it or not.
fn has_joined_blank(own: &Grid) -> bool {
    let joined = |row: &Vec<Cell>| row.windows(2).any(|cells| cells[0].text == " " && cells[1].text == "\u{200d}");
    own.screen.iter().chain(&own.history).any(joined)
}

/// Whether the rows with text are the same: what an erasure leaves is blank, in whatever colour.
fn only_blank_rows_differ(own: &[Vec<Cell>], shown: &[Vec<Cell>]) -> bool {
    let has_text = |row: &&Vec<Cell>| row.iter().any(|cell| cell.text != " ");
    let used = |rows: &[Vec<Cell>]| rows.iter().filter(has_text).cloned().collect::<Vec<_>>();
    rows_differ_but("", &used(own), &used(shown), Compared::TMUX, &|_, _| false).is_none()
}

/// Whether nothing differs but that blank cells have a background which is not shown.
fn only_erased_colours_differ(part: Part, own: &Grid, shown: &Grid) -> bool {
    if matches!(part, Part::Size | Part::Which | Part::Cursor) {
        return false;
    }
    let (own, shown) = (rows_of(part, own), rows_of(part, shown));
    let erased = |own: &Cell, shown: &Cell| own.text == " " && shown.text == " " && shown.pen.background.is_empty();
    rows_differ_but("", own, shown, Compared::TMUX, &erased).is_none()
}
