//! Tests of the filter.

use super::*;
use proptest::prelude::*;

const TMUX: Dialect = Dialect::Tmux { version: (3, 3) };

fn canonical(dialect: Dialect, pieces: &[&[u8]]) -> Vec<u8> {
    let mut filter = Filter::new(dialect, 80);
    let (mut all, mut out) = (Vec::new(), Vec::new());
    for piece in pieces {
        all.extend_from_slice(filter.feed(piece, &mut out));
    }
    all
}

fn tmux(bytes: &[u8]) -> String {
    canonical(TMUX, &[bytes]).escape_ascii().to_string()
}

#[test]
fn ascii_takes_a_joiner_where_tmux_does_not_collect_it() {
    let mut out = Vec::new();
    let cases = [("", false), ("\x1b[4h", true), ("\x1b[?7l", true), ("\x1b(0", true), ("\x1b[4h\x1b[4l", false)];
    for (before, joined) in cases {
        let mut filter = Filter::new(Dialect::Tmux { version: (3, 3) }, 80);
        let text = format!("{before}\u{1f6dd}\u{200d}ab");
        let shown = String::from_utf8(filter.feed(text.as_bytes(), &mut out).to_vec()).expect("text");
        assert_eq!(shown.ends_with("\u{200d}ab"), joined, "{before:?}: {shown:?}");
    }
}

#[test]
fn common_output_passes_unchanged() {
    for text in [
        "plain text\r\n\tand more\x08\x07",
        "\x1b[1;38;5;200mcolour\x1b[m \x1b[2K\x1b[10;20H\x1b[?1049h\x1b[?25l",
        "é日本語🦀 \x1b(0qqq\x1b(B \x1b]0;title\x1b\\",
    ] {
        assert_eq!(canonical(TMUX, &[text.as_bytes()]), text.as_bytes());
        assert_eq!(canonical(Dialect::Pty, &[text.as_bytes()]), text.as_bytes());
    }
}

#[test]
fn titles_and_strings_that_tmux_does_not_print_are_left_out() {
    assert_eq!(tmux(b"a\x1bkcd /usr\x1b\\b"), "ab");
    assert_eq!(tmux(b"a\x1b_Gi=31,s=1;AAAA\x1b\\b"), "ab");
    assert_eq!(tmux(b"a\x1bPq#0;2\x1bx\x18\x1b\\b"), "ab");
    assert_eq!(tmux(b"a\x1b^private\x1b\\\x1bXstring\x1b[1mb"), r"a\x1b[1mb");
}

#[test]
fn a_string_ends_where_tmux_ends_it() {
    assert_eq!(tmux(b"\x1b]2;title\x07x"), r"\x1b]2;title\x07x");
    assert_eq!(tmux(b"\x1b]2;title\x1b[31mx"), r"\x1b]2;title\x1b\\\x1b[31mx");
    assert_eq!(tmux(b"\x1b]2;title\x18x"), r"\x1b]2;title\x1b\\x");
    assert_eq!(tmux(b"\x1bktitle\x18x"), "x");
}

#[test]
fn modes_that_tmux_does_not_know_are_left_out() {
    assert_eq!(tmux(b"\x1b[20h\x1b[4;20h\x1b[?45h\x1b[?1;1048h"), r"\x1b[4h\x1b[?1h");
}

fn pty(bytes: &str) -> String {
    canonical(Dialect::Pty, &[bytes.as_bytes()]).escape_ascii().to_string()
}

#[test]
fn our_terminals_carry_out_the_new_line_mode_here() {
    assert_eq!(pty("\x1b[20ha\nb\x0bc\x1b[4;20ld\n"), r"a\n\rb\x0b\rc\x1b[4ld\n");
    assert_eq!(pty("\x1b[20h\x1bca\n"), r"\x1bca\n");
}

#[test]
fn modes_that_others_read_otherwise_are_written_as_all_read_them() {
    assert_eq!(pty("\x1b[?1048h\x1b[?6;1048;25l\x1b[?3h"), r"\x1b7\x1b[?6l\x1b8\x1b[?25l");
    assert_eq!(pty("\x1b[3a\x1b[2e"), r"\x1b[3C\x1b[2B");
}

#[test]
fn a_string_contains_nothing_that_others_end_it_at() {
    assert_eq!(pty("\x1b]2;a\u{9c}b\u{85}c\x07"), r"\x1b]2;abc\x07");
}

#[test]
fn only_a_character_that_takes_place_is_repeated() {
    assert_eq!(pty("ae\u{301}\x1b[3b"), r"ae\xcc\x81");
}

#[test]
fn c1_controls_and_broken_characters_print_nothing() {
    assert_eq!(canonical(TMUX, &["a\u{9b}31mb\u{85}c".as_bytes()]), "a\u{34f}31mb\u{34f}c".as_bytes());
    assert_eq!(pty("a\u{9b}31mb\u{85}c"), "a31mbc");
    assert_eq!(tmux(b"a\xffb\xc3c\xe2\x82d\xed\xa0\x80e\xf5f"), "abcdef");
    // A first byte swallows as many as it announces, until ASCII comes.
    assert_eq!(tmux(b"\xc3\xc3\xa9x"), "x");
}

#[test]
fn a_repeated_character_stays_in_its_line() {
    assert_eq!(tmux(b"x\x1b[3b"), r"x\x1b[?7;7lxxx\x1b[?7;7h");
    assert_eq!(tmux(b"x\x1b[m\x1b[3b"), r"x\x1b[m");
    assert_eq!(tmux("日\x1b[3b".as_bytes()), "日".as_bytes().escape_ascii().to_string());
    assert_eq!(tmux(b"\x1b[?7lx\x1b[2bA"), r"\x1b[?7lxxxA");
    assert_eq!(tmux(b"m\x1b[2147483647b").len(), 80 + 1 + 2 * 10);
}

#[test]
fn erasing_from_the_first_cell_on_keeps_what_was_there_in_the_history() {
    assert_eq!(tmux(b"text\x1b[H\x1b[J"), r"text\x1b[H\x1b[2J");
    assert_eq!(tmux(b"\x1b[1;1H\x1b[0Jx\x1b[J"), r"\x1b[1;1H\x1b[2Jx\x1b[J");
    assert_eq!(
        tmux(b"\x1b[H\n\x1b[J\x1b[2;1H\x1b[J\x1b[?6h\x1b[H\x1b[J"),
        r"\x1b[H\n\x1b[J\x1b[2;1H\x1b[J\x1b[?6h\x1b[H\x1b[J"
    );
    assert_eq!(canonical(Dialect::Pty, &[b"\x1b[H\x1b[J"]), b"\x1b[H\x1b[J");
}

#[test]
fn a_byte_order_mark_is_as_wide_for_browsers_as_for_the_authority() {
    let mut filter = Filter::new(TMUX, 80);
    let measured = filter.widths().with_measured(&[('\u{feff}', crate::dialect::widths::Width::One)]);
    filter.set_widths(Arc::new(measured));
    let mut out = Vec::new();
    assert_eq!(filter.feed("a\u{feff}b".as_bytes(), &mut out), b"a b");
    assert_eq!(canonical(TMUX, &["a\u{feff}b".as_bytes()]), "a\u{2060}b".as_bytes());
    assert_eq!(canonical(Dialect::Pty, &["a\u{feff}b".as_bytes()]), b"ab");
}

#[test]
fn a_control_character_within_a_sequence_acts_at_once() {
    assert_eq!(tmux(b"\x1b[3\r1mx"), r"\r\x1b[31mx");
}

#[test]
fn sequences_that_tmux_drops_for_their_length_are_dropped() {
    let long = [b"\x1b[".to_vec(), b"1;".repeat(40), b"mx".to_vec()].concat();
    assert_eq!(tmux(&long), "x");
    assert_eq!(tmux(b"\x1b[99999999999Ax\x1b[<1?3my"), "xy");
}

#[test]
fn nothing_is_passed_on_before_it_is_complete() {
    let mut filter = Filter::new(TMUX, 80);
    let mut out = Vec::new();
    for (piece, passed) in
        [(&b"a\x1b["[..], &b"a"[..]), (b"31", b""), (b"m", b"\x1b[31m"), (b"\xe2\x82", b""), (b"\xac", "€".as_bytes())]
    {
        assert_eq!(filter.feed(piece, &mut out), passed);
    }
    assert_eq!(filter.string(), None);
    filter.feed(b"\x1bktitle", &mut out);
    assert!(filter.string().is_some());
    filter.abandon_string();
    assert_eq!(filter.feed(b"text", &mut out), b"text");
}

/// Output with everything that the filter treats in a way of its own.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        "[ -~]{0,6}".prop_map(String::into_bytes),
        "[é日🦀\u{85}\u{9b}\u{301}]{1,3}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..4),
        proptest::sample::select(vec![
            &b"\x1b"[..],
            b"\x1b[",
            b"\x1b]",
            b"\x1bP",
            b"\x1b_",
            b"\x1bk",
            b"\x1b\\",
            b"\x07",
            b"\x18",
            b"\r\n",
            b"\x1b[5b",
            b"\x1b[?7l",
            b"\x1b[?7h",
            b"\x1b[20h",
            b"\x1b[4h",
            b"\x1b[31m",
            b"\x1b[1;2H",
            b"\x1b[H",
            b"\x1b[1;1H",
            b"\x1b[J",
            b"\x1b[?6h",
            b"\x1b[m",
            b"\x1b[1;38;5;200m",
            b"\x1b[123456m",
            b"\x0e",
            b"\x0f",
            b"\x1b7",
            b"\x1b8",
            b"\x1bc",
            b"\x1b(0",
            b"\x1b[?1049h",
            b"\x1b[>4;2m",
            b"0;title",
            b"\x1b[2 q",
            b"\x1b[6n",
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// What a terminal is told of pen, character sets and saved cursor.
fn written(filter: &Filter) -> String {
    let mut out = Vec::new();
    filter.writing().write_saved(&mut out);
    filter.writing().write(&mut out);
    out.extend_from_slice(filter.writing().beside_alternate().as_bytes());
    out.escape_ascii().to_string()
}

fn dialect() -> impl Strategy<Value = Dialect> {
    proptest::sample::select(vec![TMUX, Dialect::Tmux { version: (3, 5) }, Dialect::Pty])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn where_the_output_is_split_makes_no_difference(
        output in output(), dialect in dialect(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..5)
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(output.len() + 1)).collect();
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts.into_iter().chain([output.len()]) {
            pieces.push(&output[from..cut]);
            from = cut;
        }
        prop_assert_eq!(canonical(dialect, &pieces), canonical(dialect, &[&output]));
    }

    #[test]
    fn output_passed_at_once_is_as_byte_by_byte(
        pieces in proptest::collection::vec(output(), 1..4), dialect in dialect()
    ) {
        let (mut quick, mut slow) = (Filter::new(dialect, 80), Filter::new(dialect, 80));
        let (mut out, mut expected) = (Vec::new(), Vec::new());
        for piece in &pieces {
            expected.clear();
            for byte in piece {
                slow.byte(*byte, &mut expected);
            }
            slow.end_piece(piece.len());
            let passed = quick.feed(piece, &mut out);
            prop_assert_eq!(passed.escape_ascii().to_string(), expected.escape_ascii().to_string());
            prop_assert_eq!((quick.state, quick.last, quick.home), (slow.state, slow.last, slow.home));
            prop_assert_eq!(written(&quick), written(&slow));
        }
    }

    #[test]
    fn canonical_output_is_its_own_canonical_form(output in output(), dialect in dialect()) {
        let once = canonical(dialect, &[&output]);
        prop_assert_eq!(canonical(dialect, &[&once]).escape_ascii().to_string(), once.escape_ascii().to_string());
        prop_assert!(std::str::from_utf8(&once).is_ok(), "canonical bytes are valid UTF-8");
    }
}

#[test]
fn what_tmux_does_not_know_leaves_the_character_to_repeat() {
    for unknown in [&b"\x1b[2a"[..], b"\x1b F", b"\x1b[!p", b"\x1b[99999999999C", b"\x1b[<u"] {
        let repeated = tmux(&[b"x", unknown, b"\x1b[b"].concat());
        assert!(repeated.contains(r"\x1b[?7;7lx"), "{}: {repeated}", unknown.escape_ascii());
    }
    assert_eq!(tmux(b"x\x1b[c\x1b[b\x1b[1:2A\x1b[b"), "x");
}

#[test]
fn a_question_between_going_home_and_erasing_changes_nothing() {
    for between in ["", "\x1b[6n", "\x1b[c", "\x1b[99z"] {
        assert_eq!(tmux(format!("\x1b[H{between}\x1b[J").as_bytes()), r"\x1b[H\x1b[2J", "{between:?}");
    }
}

#[test]
fn fast_blinking_is_blinking() {
    assert_eq!(tmux(b"\x1b[6ma\x1b[1;6;38;5;6;6;48;2;6;6;6m"), r"\x1b[5ma\x1b[1;5;38;5;6;5;48;2;6;6;6m");
    assert_eq!(canonical(Dialect::Pty, &[b"\x1b[6m"]), b"\x1b[5m");
}

#[test]
fn a_control_in_a_string_does_not_end_it() {
    assert_eq!(canonical(TMUX, &["\x1b]0;a\u{9c}é\x07".as_bytes()]), "\x1b]0;aé\x07".as_bytes());
}

fn doubts(pieces: &[&[u8]]) -> Vec<Doubt> {
    let mut filter = Filter::new(TMUX, 80);
    filter.snapshot_taken(false);
    let mut out = Vec::new();
    let feed = |piece: &&[u8]| {
        match *piece {
            b"snapshot" => filter.snapshot_taken(filter.doubts.is_alternate()),
            b"resize" => filter.set_columns(40),
            piece => drop(filter.feed(piece, &mut out).len()),
        }
        filter.take_doubt()
    };
    pieces.iter().filter_map(feed).collect()
}

#[test]
fn what_only_the_authority_can_answer_is_a_doubt() {
    assert_eq!(doubts(&[b"\x1b7a", b"snapshot", b"\x1b8"]), [Doubt::RestoredCursor]);
    assert_eq!(doubts(&[b"\x1b[?1049h", b"resize", b"snapshot", b"\x1b[?1049l"]), [Doubt::ResizedBehind]);
    assert_eq!(doubts(&[b"\x1b[?1049h\x1bc"]), [Doubt::ResetAlternate]);
    assert_eq!(doubts(&["a漢\x1b[2b".as_bytes()]), []);
    let mut newer = Filter::new(Dialect::Tmux { version: (3, 5) }, 80);
    newer.feed("a漢\x1b[2b".as_bytes(), &mut Vec::new());
    assert_eq!(newer.take_doubt(), Some(Doubt::RepeatedWide));
}

#[test]
fn a_joiner_at_the_end_of_a_short_piece_joins_nothing_to_older_versions() {
    let text = "a👩\u{200d}".as_bytes();
    let long = ["123456789 ".repeat(3).as_bytes(), text].concat();
    assert_eq!(canonical(TMUX, &[text, "💻".as_bytes()]), "a👩💻".as_bytes());
    assert_eq!(canonical(TMUX, &[&long, "💻".as_bytes()]), [&long, "💻".as_bytes()].concat());
    assert_eq!(doubts(&[text, "💻".as_bytes()]), []);
    assert_eq!(doubts(&[&long, "💻".as_bytes()]), [Doubt::SplitJoiner]);
}

const NEWER: Dialect = Dialect::Tmux { version: (3, 5) };

#[test]
fn newer_versions_repeat_letters_in_the_place_of_lines() {
    assert!(tmux(b"\x1b(0q\x1b[2b").ends_with(r"\x1b[?7;7lqq\x1b[?7;7h"));
    assert!(canonical(NEWER, &[b"\x1b(0q\x1b[2b"]).ends_with(b"\x1b[?7;7l\x1b(Bqq\x1b(0\x1b[?7;7h"));
    assert!(canonical(NEWER, &[b"\x1b)0\x0eq\x1b[2b"]).ends_with(b"\x1b[?7;7l\x1b)Bqq\x1b)0\x1b[?7;7h"));
}

#[test]
fn what_is_encoded_beyond_unicode_is_a_character_where_the_authority_prints_it() {
    let text = b"a\xf4\x90\x80\x80b";
    let mut filter = Filter::new(NEWER, 80);
    assert_eq!(filter.feed(text, &mut Vec::new()), b"ab");
    filter.set_widths(Arc::new(Widths::clone(&Widths::assumed(NEWER)).with_beyond(true)));
    assert_eq!(filter.feed(text, &mut Vec::new()), "a\u{fffd}b".as_bytes());
    assert_eq!(filter.feed(b"\xf4\x90\x80A", &mut Vec::new()), b"A");
}

#[test]
fn where_there_is_one_screen_only_the_modes_for_the_other_do_nothing() {
    let mut filter = Filter::new(TMUX, 80);
    filter.set_one_screen(true);
    filter.restart();
    let mut out = Vec::new();
    assert_eq!(filter.feed(b"\x1b[?1049;25h\x1b[?47h\x1b[?1047l", &mut out), b"\x1b[?25h");
    assert!(!filter.doubts.is_alternate());
}

#[test]
fn whatever_is_printed_while_the_cursor_is_outside_of_the_screen_is_doubtful() {
    let mut filter = Filter::new(TMUX, 80);
    let doubt = |filter: &mut Filter| {
        filter.feed(b"x", &mut Vec::new());
        filter.take_doubt()
    };
    filter.cursor_is_outside();
    assert_eq!([doubt(&mut filter), doubt(&mut filter)], [Some(Doubt::CursorOutside); 2]);
    filter.snapshot_taken(false);
    assert_eq!(doubt(&mut filter), None);
}

#[test]
fn a_joiner_is_used_up_by_what_is_hidden() {
    assert_eq!(canonical(TMUX, &["\u{200d}\u{feff}한".as_bytes()]), "\u{200d}\u{2060}한".as_bytes());
}

#[test]
fn ordinary_programs_raise_no_doubt() {
    let editor = b"\x1b[?1049h\x1b[22;0;0t\x1b[>4;2m\x1b[?1h\x1b=\x1b[H\x1b[2J\x1b[1;24r\x1b[24;1H\x1b[1;1H\x1b7x\x1b8\x1b[M\x1b[?1049l";
    let prompt = b"\r\x1b[0m\x1b[27m\x1b[24m\x1b[J% \x1b[K\x1b[?2004h\x1b[s right\x1b[u\x1b[4Dls\x08\x08";
    let agent = "\x1b[?2026h\x1b[2K\x1b[1A\x1b[2K\x1b[G\u{256d}\u{2500} \u{2733}\u{fe0e} 日本\x1b[?2026l\x1b[3J\x1b[H\x1b[2J\x1bc".as_bytes();
    assert_eq!(doubts(&[editor, prompt, b"snapshot", editor, b"resize", prompt, agent, b"\x1b[?1049l"]), []);
}
