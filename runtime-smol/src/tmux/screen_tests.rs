use super::*;
use crate::dialect::Dialect;
use proptest::prelude::*;
use std::sync::Arc;

fn widths() -> Arc<Widths> {
    Widths::assumed(Dialect::Tmux { version: (3, 3) })
}

fn size(cols: u16, rows: u16) -> Size {
    Size::clamped(cols, rows)
}

fn wrapped(captured: &str, joined: &str, cols: u16) -> Vec<bool> {
    rows(captured.as_bytes(), joined.as_bytes(), size(cols, 3), &widths()).iter().map(|row| row.wrapped).collect()
}

#[test]
fn a_full_row_that_runs_on_is_wrapped() {
    assert_eq!(wrapped("0123\n45\nx", "012345\nx", 4), [true, false, false]);
    assert_eq!(wrapped("\x1b[31m0123\n4\x1b[0m5\nx", "012345\nx", 4), [true, false, false]);
}

#[test]
fn a_row_before_an_empty_one_is_not_wrapped() {
    assert_eq!(wrapped("0123\n\nx", "0123x", 4), [false, false, false]);
    assert_eq!(wrapped("0123\n\x1b[41m  \x1b[0m\nx", "0123x", 4), [false, false, false]);
}

#[test]
fn a_row_that_is_not_full_any_more_is_not_wrapped() {
    assert_eq!(wrapped("$ \nls", "$ ls", 4), [false, false]);
}

#[test]
fn a_wide_character_that_does_not_fit_wraps_before_the_edge() {
    assert_eq!(wrapped("日本x\n語", "日本x語", 6), [true, false]);
    assert_eq!(wrapped("日本x\ny", "日本xy", 6), [false, false]);
}

#[test]
fn rows_padded_with_empty_cells_are_aligned_all_the_same() {
    assert_eq!(wrapped("ab  \n0123\n45  ", "ab\n012345", 4), [false, true, false]);
}

#[test]
fn captures_that_do_not_belong_together_wrap_nothing() {
    assert_eq!(wrapped("0123\n45", "something else", 4), [false, false]);
}

fn capture(cols: u16, height: u16, rows: &str) -> Capture {
    let state = format!("{cols} {height} 0 0 1 0   0 0 0 0 0 0 0 0 1 0 0 {}  title  /dev/null", height - 1);
    let bodies = [state.as_str(), rows, rows, "", "", ""].map(|body| body.as_bytes().to_vec());
    Capture::parse(&bodies).expect("a capture")
}

#[test]
fn a_cursor_that_tmux_has_lost_is_in_the_last_row() {
    let state = "8 2 4030360699 25 1 0   0 0 0 0 0 0 0 0 1 0 0 1  title  /dev/null";
    let bodies = [state, "ab\n12345678", "ab\n12345678", "", "", ""].map(|body| body.as_bytes().to_vec());
    let bytes = Capture::parse(&bodies).expect("a capture").into_bytes(Modes::default(), &widths());
    let text = String::from_utf8(bytes).expect("text");
    assert!(text.contains("\x1b[2;8H8"), "{text:?}");
}

#[test]
fn a_background_is_set_aside_at_the_end_of_a_line() {
    let bytes = capture(10, 2, "\x1b[44mab\ncd").into_bytes(Modes::default(), &widths());
    let text = String::from_utf8(bytes).expect("text");
    assert!(text.contains("\x1b[44mab\x1b[49m\r\n\x1b[44mcd"), "{text:?}");
}

#[test]
fn the_oldest_history_is_left_out_to_stay_below_the_bound_and_colours_go_on() {
    let row = "x".repeat(900);
    let text = format!("\x1b[31m{row}\n{}last", format!("{row}\n").repeat(10_000));
    let bytes = capture(1_000, 2, &text).into_bytes(Modes::default(), &widths());
    assert!(bytes.len() <= SNAPSHOT_BYTES && bytes.len() > SNAPSHOT_BYTES / 2);
    let head = [widths().command().as_bytes(), b"\x1b)0\x1b[31mxxx"].concat();
    assert!(bytes.starts_with(&head));
    assert!(memchr::memmem::find(&bytes, b"last").is_some());
}

#[test]
fn what_follows_a_joined_emoji_is_placed() {
    let text = "\x1b[1m👩\u{200d}💻\x1b[0m 10%\né日 x";
    let bytes = capture(20, 2, text).into_bytes(Modes::default(), &widths());
    let text = String::from_utf8(bytes).expect("text");
    assert!(text.contains("\x1b[1m👩\u{200d}💻\x1b[3G\x1b[0m 10%\r\né日 x"), "{text:?}");
}

#[test]
fn a_c1_control_within_a_cell_is_not_in_the_snapshot() {
    let bytes = capture(20, 2, "a\u{9b}2Jb\n").into_bytes(Modes::default(), &widths());
    assert!(String::from_utf8(bytes).expect("text").contains("a\u{34f}2Jb"));
}

#[test]
fn cells_that_were_erased_and_not_written_are_no_text() {
    let written = |rows: &str, joined: &str| {
        let mut capture = capture(10, 2, rows);
        capture.joined = joined.as_bytes().to_vec();
        String::from_utf8(capture.into_bytes(Modes::default(), &widths())).expect("text")
    };
    assert!(written("\x1b[44mab    \x1b[0m\nx", "ab\nx").contains("\x1b[44mab\x1b[4X\x1b[0m\r\nx"));
    assert!(
        written("ab  \x1b[44m  \x1b[0m  \x1b[41m  ", "ab")
            .contains("ab\x1b[44m\x1b[2C\x1b[2X\x1b[0m\x1b[41m\x1b[4C\x1b[2X")
    );
    assert!(written("ab  \nx", "ab\nx").contains("ab\r\nx"));
    assert!(written("\x0eqq\x0f  \nqq", "qq\nqq").contains("\x0eqq\x0f\r\nqq"));
    // A row that runs on, of which nothing was written.
    assert!(written("    \n  x ", "  x").contains("  x"));
    assert!(written("\x1b[44mab  \nx", "ab  \nx").contains("\x1b[44mab  \x1b[49m\r\n"));
}

#[test]
fn what_is_no_character_is_one_in_a_snapshot() {
    let mut capture = capture(20, 2, "x\n");
    capture.rows = canonical_capture(b"a\xf4\x90\x80\x80b\xef\xbb\xbfc\xef\xbc\x81\xc2\xa0").into_owned();
    let bytes = capture.into_bytes(Modes::default(), &widths());
    let text = String::from_utf8(bytes).expect("text");
    assert!(text.contains("a\u{fffd}b\u{2060}") && text.contains("c\u{ff01}\u{a0}"), "{text:?}");
}

#[test]
fn a_cursor_outside_of_the_margins_that_addresses_are_relative_to_is_put_there() {
    let state = |x, y| format!("8 4 {x} {y} 1 0   0 0 0 0 0 0 0 0 1 1 1 2  title  /dev/null");
    let written = |x, y| {
        let bodies = [&*state(x, y), "12345678", "12345678", "", "", ""].map(|body| body.as_bytes().to_vec());
        let bytes = Capture::parse(&bodies).expect("a capture").into_bytes(Modes::default(), &widths());
        String::from_utf8(bytes).expect("text")
    };
    assert!(written(3, 2).contains("\x1b[?6h\x1b[2;4H"));
    assert!(written(3, 0).contains("\x1b[r\x1b[?6h\x1b[1;4H\x1b7\x1b[2;3r\x1b8"));
    assert!(written(8, 0).contains("\x1b[1;8H\x1b7\x1b[2;3r\x1b88\x1b[0m"));
    assert!(written(3, 3).contains("\x1b[4;4H\x1b7\x1b[2;3r\x1b8"));
}

#[test]
fn options_are_followed_where_they_are_known() {
    let state = |options: &str| format!("8 4 0 0 1 0   0 0 0 0 0 0 0 0 1 0 0 3  title  /dev/null {options}");
    let parsed = |options: &str| State::parse(state(options).as_bytes()).expect("a state");
    let of = |options: &str| (parsed(options).erases_in_place, parsed(options).one_screen);
    assert_eq!(
        [of(" 1 1"), of(" 0 1"), of(r"Ext\ 1 1 0"), of("")],
        [(false, false), (true, false), (false, true), (false, false)]
    );
}

#[test]
fn a_title_cannot_end_its_sequence() {
    let state = r"80 24 0 0 1 0   0 0 0 0 0 0 0 0 1 0 0 23  a\\\033\\b\007c  /dev/null";
    let bodies = [state, "", "", "", "", ""].map(|body| body.as_bytes().to_vec());
    let bytes = Capture::parse(&bodies).expect("a capture").into_bytes(Modes::default(), &widths());
    let text = String::from_utf8(bytes).expect("text");
    let title = text.split("\x1b]2;").nth(1).and_then(|rest| rest.split("\x1b\\").next());
    assert_eq!(title, Some("a\\\\bc"));
}

proptest! {
    #[test]
    fn nothing_that_tmux_could_answer_makes_a_snapshot_fail(
        bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 5),
        flags in proptest::collection::vec(0..3u16, 18),
    ) {
        let flags: Vec<String> = flags.iter().map(u16::to_string).collect();
        let state = format!("{} 0 1  t 8,16 /dev/null", flags.join(" "));
        let mut all = vec![state.into_bytes()];
        all.extend(bodies);
        if let Some(capture) = Capture::parse(&all) {
            let bytes = capture.into_bytes(Modes::default(), &widths());
            prop_assert!(bytes.len() <= SNAPSHOT_BYTES);
        }
    }
}
