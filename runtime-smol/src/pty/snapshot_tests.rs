//! A snapshot and what follows it shows the same as everything from the beginning.
//!
//! The viewer and the reference read bytes as our terminals do, without history, shortcuts and snapshots of their own. That the
//! page's emulator reads them in the same way is a matter of the differential fuzz.

use super::emulator::{Emulator, Palette};
use super::rows::settle_cursor;
use super::screen::Screen;
use alacritty_terminal::grid::Dimensions;
use alacritty_terminal::index::{Column, Line};
use alacritty_terminal::term::TermMode;
use alacritty_terminal::term::cell::{Cell, Flags};
use alacritty_terminal::vte::ansi::{Color, NamedColor, Processor, Timeout};
use consort_core::Size;
use consort_core::limits::{SNAPSHOT_BYTES, SNAPSHOT_HISTORY_LINES};
use proptest::collection::vec;
use proptest::prelude::*;
use std::fmt;
use std::time::Duration;

#[derive(Default)]
struct NoSync;

impl Timeout for NoSync {
    fn set_timeout(&mut self, _: Duration) {}
    fn clear_timeout(&mut self) {}
    fn pending_timeout(&self) -> bool {
        false
    }
}

struct Viewer {
    screen: Screen,
    parser: Processor<NoSync>,
}

impl Viewer {
    fn new(size: Size) -> Self {
        Viewer { screen: Screen::new(size, Palette::default()), parser: Processor::new() }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.screen, bytes);
    }

    fn resize(&mut self, size: Size) {
        self.screen.resize(size);
        settle_cursor(self.screen.term.grid_mut());
    }

    /// The rows on the screen, cell by cell.
    fn screen(&self) -> Vec<String> {
        let grid = self.screen.term.grid();
        (0..grid.screen_lines() as i32).map(|line| grid[Line(line)][..].iter().map(shown).collect()).collect()
    }

    /// The lines above the screen, unwrapped, without blanks (a blank is left where a wide character did not fit); the last
    /// one may go on in the screen.
    fn history(&self) -> Vec<String> {
        let grid = self.screen.term.grid();
        let mut lines = vec![String::new()];
        for line in -(grid.history_size() as i32)..0 {
            let row = &grid[Line(line)];
            lines.last_mut().unwrap().extend(row[..].iter().map(shown));
            if !row[Column(grid.columns() - 1)].flags.contains(Flags::WRAPLINE) {
                lines.push(String::new());
            }
        }
        lines.iter().map(|line| line.replace(BLANK, "")).collect()
    }

    fn history_rows(&self) -> Vec<String> {
        let grid = self.screen.term.grid();
        let shown_row = |line| {
            let row: String = grid[Line(line)][..].iter().map(shown).collect();
            row.trim_end_matches(BLANK).to_owned()
        };
        (-(grid.history_size() as i32)..0).map(shown_row).collect()
    }

    fn state(&self) -> String {
        let grid = self.screen.term.grid();
        let cursor = &grid.cursor;
        let template = shown(&cursor.template);
        let mode = *self.screen.term.mode() & !TermMode::VI;
        format!(
            "{:?} waits {} pen {template} {:?} {mode:?} {:?} colours {:?}",
            cursor.point,
            cursor.input_needs_wrap,
            cursor.charsets,
            self.screen.term.cursor_style(),
            (0..259).filter_map(|index| self.screen.term.colors()[index].map(|rgb| (index, rgb))).collect::<Vec<_>>()
        )
    }
}

/// How the history is compared.
#[derive(Clone, Copy, Debug)]
enum Compared {
    /// As whole lines, however they are wrapped.
    Lines,
    /// As rows: for programs that move rows away from the rows that they go on in.
    Rows,
}

const BLANK: &str = "\u{1}";

/// A cell as a person sees it.
fn shown(cell: &Cell) -> String {
    let style = cell.flags & !(Flags::WRAPLINE | Flags::LEADING_WIDE_CHAR_SPACER);
    let character = if cell.c == '\t' { ' ' } else { cell.c };
    let default_bg = cell.bg == Color::Named(NamedColor::Background);
    let empty = character == ' '
        && cell.extra.is_none()
        && style.difference(Flags::BOLD | Flags::DIM | Flags::ITALIC).is_empty();
    if empty && default_bg {
        return BLANK.into();
    }
    if empty {
        return format!("[ {:?}]", cell.bg);
    }
    let fg = if cell.fg == Color::Named(NamedColor::Foreground) { String::new() } else { format!("{:?}", cell.fg) };
    let bg = if default_bg { String::new() } else { format!("{:?}", cell.bg) };
    let extra = cell.extra.as_ref().map(|_| {
        let link = cell.hyperlink().map(|link| (link.uri().to_owned(), !link.id().ends_with("_alacritty")));
        format!("{:?}{:?}{link:?}", cell.zerowidth(), cell.underline_color())
    });
    format!("[{character}{fg}/{bg}{style:?}{}]", extra.unwrap_or_default())
}

fn assert_same(reference: &Viewer, viewer: &Viewer, compared: Compared) {
    assert_eq!(reference.state(), viewer.state());
    assert_same_rows("screen", &reference.screen(), &viewer.screen());
    let history = match compared {
        Compared::Lines => Viewer::history,
        Compared::Rows => Viewer::history_rows,
    };
    assert_same_rows("history", &history(reference), &history(viewer));
}

fn assert_same_rows(of: &str, reference: &[String], viewer: &[String]) {
    for (number, (row, shown)) in reference.iter().zip(viewer).enumerate() {
        assert_eq!(row, shown, "row {number} of the {of}");
    }
    assert_eq!(reference.len(), viewer.len(), "rows of the {of}");
}

/// Bytes that a failing test shows readably.
#[derive(Clone)]
struct Stream(Vec<u8>);

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

/// What happens to a terminal before the snapshot.
#[derive(Clone, Debug)]
enum Step {
    Print(Stream),
    Resize(Size),
}

fn size() -> impl Strategy<Value = Size> {
    (2u16..30, 4u16..12).prop_map(|(cols, rows)| Size::clamped(cols, rows))
}

fn narrow_text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[a-z ]{1,20}".prop_map(String::into_bytes),
        "[a-zäß€]{1,40}".prop_map(String::into_bytes),
        "[a-z]\u{301}{1,3}".prop_map(String::into_bytes),
        Just(b"\r\n".to_vec()),
        Just(b"\n\r\n\n".to_vec()),
        Just(b"\t".to_vec()),
        Just(b"\x08".to_vec()),
        "[ \t]{0,3}x[ ]{0,9}\r\n".prop_map(String::into_bytes),
    ]
}

fn wide_text() -> impl Strategy<Value = Vec<u8>> {
    "[a漢字😀 ]{1,25}".prop_map(String::into_bytes)
}

fn sgr() -> impl Strategy<Value = Vec<u8>> {
    let one = prop_oneof![
        (0u16..10).prop_map(|code| code.to_string()),
        (30u16..38).prop_map(|code| code.to_string()),
        (40u16..48).prop_map(|code| code.to_string()),
        (90u16..98).prop_map(|code| code.to_string()),
        (100u16..108).prop_map(|code| code.to_string()),
        any::<u8>().prop_map(|index| format!("38;5;{index}")),
        any::<u8>().prop_map(|index| format!("48;5;{index}")),
        any::<(u8, u8, u8)>().prop_map(|(r, g, b)| format!("48;2;{r};{g};{b}")),
        any::<(u8, u8, u8)>().prop_map(|(r, g, b)| format!("58:2::{r}:{g}:{b}")),
        (0u8..6).prop_map(|kind| format!("4:{kind}")),
        (22u16..30).prop_map(|code| code.to_string()),
        Just("39;49".to_owned()),
        Just("0".to_owned()),
    ];
    vec(one, 0..3).prop_map(|codes| format!("\x1b[{}m", codes.join(";")).into_bytes())
}

/// Attributes without background: how a coloured rest of a line is reflowed is a matter of taste.
fn foreground() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just("0"), Just("1;31"), Just("4:3;38;5;200"), Just("3;38;2;1;2;3")]
        .prop_map(|codes| format!("\x1b[{codes}m").into_bytes())
}

fn moves() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (1u8..14, 1u8..32).prop_map(|(row, col)| format!("\x1b[{row};{col}H")),
        (0u8..9, "[ABCDGdEF]").prop_map(|(count, to)| format!("\x1b[{count}{to}")),
        Just("\x1b7".to_owned()),
        Just("\x1b8".to_owned()),
        Just("\x1bM".to_owned()),
        Just("\x1bD".to_owned()),
    ]
    .prop_map(String::into_bytes)
}

fn scrolling() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        // A region that begins below the screen is nonsense that `Term` takes seriously.
        (1u8..4, 1u8..14).prop_map(|(top, bottom)| format!("\x1b[{top};{bottom}r")),
        Just("\x1b[r".to_owned()),
        (0u8..4, "[STLM]").prop_map(|(count, what)| format!("\x1b[{count}{what}")),
    ]
    .prop_map(String::into_bytes)
}

fn editing() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0u8..9, "[@PX]").prop_map(|(count, what)| format!("\x1b[{count}{what}")),
        (0u8..3, "[KJ]").prop_map(|(count, what)| format!("\x1b[{count}{what}")),
        Just("\x1b[3J".to_owned()),
        Just("\x1b#8".to_owned()),
    ]
    .prop_map(String::into_bytes)
}

fn modes() -> impl Strategy<Value = Vec<u8>> {
    let number = prop_oneof![
        Just("?1"),
        Just("?7"),
        Just("?12"),
        Just("?25"),
        Just("?1000"),
        Just("?1002"),
        Just("?1003"),
        Just("?1004"),
        Just("?1005"),
        Just("?1006"),
        Just("?1007"),
        Just("?1049"),
        Just("?2004"),
        Just("4"),
        Just("20"),
        Just("?2026")
    ];
    prop_oneof![
        6 => (number, "[hl]").prop_map(|(number, set)| format!("\x1b[{number}{set}")),
        1 => Just("\x1b[?1049h".to_owned()),
        1 => Just("\x1b[?7h\x1b[4l".to_owned()),
        1 => "[=>]".prop_map(|keypad| format!("\x1b{keypad}")),
        1 => ("[()]", "[0B]").prop_map(|(set, charset)| format!("\x1b{set}{charset}")),
        1 => "[\x0e\x0f]",
        1 => Just("\x1bH".to_owned()),
        1 => "[03]".prop_map(|which| format!("\x1b[{which}g")),
        1 => (0u8..7).prop_map(|style| format!("\x1b[{style} q")),
        1 => Just("\x1b]0;a title\x07".to_owned()),
        1 => any::<u8>().prop_map(|index| format!("\x1b]4;{index};rgb:12/34/56\x1b\\")),
        1 => Just("\x1b]11;#102030\x07".to_owned()),
        1 => Just("\x1b]8;id=7;http://example/\x1b\\".to_owned()),
        1 => Just("\x1b]8;;\x1b\\".to_owned()),
        1 => Just("\x1bP1;2|unknown\x1b\\".to_owned()),
        1 => Just("\x1b_unknown\x1b\\".to_owned()),
    ]
    .prop_map(String::into_bytes)
}

/// Everything, with characters of one column.
fn narrow_output() -> impl Strategy<Value = Stream> {
    let piece =
        prop_oneof![6 => narrow_text(), 2 => sgr(), 2 => moves(), 1 => scrolling(), 1 => editing(), 1 => modes()];
    vec(piece, 0..60).prop_map(|pieces| Stream(pieces.concat()))
}

/// Wide characters, with everything that does not cut them in two.
fn wide_output() -> impl Strategy<Value = Stream> {
    let piece = prop_oneof![6 => wide_text(), 2 => narrow_text(), 2 => sgr()];
    vec(piece, 0..40).prop_map(|pieces| Stream(pieces.concat()))
}

fn check(first: Size, before: &[Step], rest: &[u8], cut: usize, compared: Compared) {
    let mut emulator = Emulator::new(first, Palette::default());
    let mut reference = Viewer::new(first);
    for step in before {
        match step {
            Step::Print(bytes) => {
                emulator.feed(&bytes.0);
                reference.feed(&bytes.0);
            }
            Step::Resize(size) => {
                emulator.resize(*size);
                reference.resize(*size);
            }
        }
    }
    let (seen, unseen) = rest.split_at(cut);
    emulator.feed(seen);
    let mut viewer = Viewer::new(emulator.size());
    // In one piece: the parser (vte 0.15) loses what follows a character that it is given in two pieces.
    viewer.feed(&[&emulator.snapshot(SNAPSHOT_HISTORY_LINES), unseen].concat());
    reference.feed(rest);
    assert_same(&reference, &viewer, compared);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn a_snapshot_and_the_rest_show_what_the_whole_stream_shows(size in size(), output in narrow_output(), at: prop::sample::Index) {
        check(size, &[], &output.0, at.index(output.0.len() + 1), Compared::Rows);
    }

    #[test]
    fn so_do_wide_characters(size in size(), output in wide_output(), at: prop::sample::Index) {
        check(size, &[], &output.0, at.index(output.0.len() + 1), Compared::Lines);
    }

    #[test]
    fn so_does_a_terminal_that_was_resized(
        sizes in vec(size(), 1..5),
        text in vec(vec(prop_oneof![4 => narrow_text(), 1 => foreground()], 0..20), 1..5),
        output in wide_output(),
        at: prop::sample::Index,
    ) {
        let mut before = Vec::new();
        for (size, text) in sizes.iter().zip(text) {
            // Lines shorter than what is kept for reflowing.
            before.push(Step::Print(Stream(text.join(&b"\r\n"[..]))));
            before.push(Step::Resize(*size));
        }
        check(Size::DEFAULT, &before, &output.0, at.index(output.0.len() + 1), Compared::Lines);
    }
}

#[test]
fn a_screen_of_a_million_colourful_cells_fits_into_a_snapshot() {
    let size = Size::clamped(1_000, 1_000);
    let mut emulator = Emulator::new(size, Palette::default());
    for cell in 0..1_000_000u32 {
        let [_, r, g, b] = cell.to_be_bytes();
        emulator.feed(format!("\x1b[1;38;2;{r};{g};{b};48;2;{b};{r};{g}mx").as_bytes());
    }
    let bytes = emulator.snapshot(SNAPSHOT_HISTORY_LINES);
    assert!(bytes.len() <= SNAPSHOT_BYTES, "{} bytes", bytes.len());
    let mut viewer = Viewer::new(size);
    viewer.feed(&bytes);
    assert!(
        viewer.screen().iter().all(|row| row.matches("[x").count() == 1_000),
        "the text is there, if not its colours"
    );
}

#[test]
fn a_full_history_fits_into_a_snapshot_from_its_end() {
    let mut emulator = Emulator::new(Size::DEFAULT, Palette::default());
    for line in 0..20_000 {
        emulator.feed(format!("\x1b[31m{}\x1b[0m line {line}\r\n", "x".repeat(1_000)).as_bytes());
    }
    let bytes = emulator.snapshot(SNAPSHOT_HISTORY_LINES);
    assert!(bytes.len() <= SNAPSHOT_BYTES && bytes.len() > SNAPSHOT_BYTES / 3, "{} bytes", bytes.len());
    assert!(bytes.windows(10).any(|part| part == b"line 19999"));
}

#[test]
fn a_string_without_end_costs_nothing_and_what_follows_it_is_shown() {
    let mut emulator = Emulator::new(Size::DEFAULT, Palette::default());
    emulator.feed(b"before \x1b]0;");
    for _ in 0..10_000 {
        emulator.feed(&[b'A'; 10_000]);
    }
    assert!(emulator.snapshot(0).len() < Emulator::new(Size::DEFAULT, Palette::default()).snapshot(0).len() + 1_000);
    emulator.feed(b"A\x07after");
    assert!(emulator.screen_text().starts_with("before after\n"), "{}", emulator.screen_text());
    emulator.feed(&[b"\x1bPq".to_vec(), vec![b'#'; 100_000], b"\x07still\x1b\\ and on".to_vec()].concat());
    emulator.feed(b" and on");
    assert!(emulator.screen_text().starts_with("before after and on and on\n"), "{}", emulator.screen_text());
}

#[test]
fn titles_answers_and_bells_are_news_once() {
    let mut emulator = Emulator::new(Size::DEFAULT, Palette::default());
    emulator.feed(b"\x1b]2;a\xc2\x9b31mtitle\x07\x07\x1b[5n\x1b]10;?\x1b\\\x1b[c\x1b]4;1;?\x07\x1b[14t");
    let news = emulator.take_news();
    let answers: &[u8] =
        b"\x1b[0n\x1b]10;rgb:d8d8/d8d8/d8d8\x1b\\\x1b[?6c\x1b]4;1;rgb:cdcd/0000/0000\x07\x1b[4;384;640t";
    assert_eq!(news.answers, answers, "in the order of the questions: {}", news.answers.escape_ascii());
    assert_eq!((news.title.as_deref(), news.bell), (Some("a31mtitle"), true));
    assert_eq!(emulator.take_news(), Default::default());
}

#[test]
fn an_alternate_screen_entered_in_any_way_is_one() {
    for (enter, leave) in [("?1049h", "?1049l"), ("?47h", "?47l"), ("?1047h", "?1047l")] {
        let mut emulator = Emulator::new(Size::DEFAULT, Palette::default());
        emulator.feed(format!("normal\x1b[{enter}\x1b[Halternate").as_bytes());
        assert!(emulator.screen_text().starts_with("alternate\n"), "{enter}");
        emulator.resize(Size::clamped(100, 30));
        let bytes = emulator.snapshot(100);
        let mut viewer = Viewer::new(Size::clamped(100, 30));
        viewer.feed(&bytes);
        viewer.feed(b"\x1b[?1049l");
        emulator.feed(format!("\x1b[{leave}").as_bytes());
        assert!(emulator.screen_text().starts_with("normal\n"), "{leave}");
        assert!(viewer.screen()[0].contains("[n/"), "the viewer has both screens");
    }
}
