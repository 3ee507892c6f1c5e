use super::*;
use crate::dialect::Dialect;
use crate::dialect::widths::Widths;
use alacritty_terminal::event::{Event, EventListener};
use alacritty_terminal::term::test::TermSize;
use alacritty_terminal::term::{Config, Osc52, Term};
use alacritty_terminal::vte::ansi::{Processor, StdSyncHandler};
use proptest::prelude::*;
use std::sync::{Arc, Mutex};

fn filtered(pieces: &[&[u8]]) -> Vec<u8> {
    let mut filter = Filter::new(80);
    let mut out = Vec::new();
    for piece in pieces {
        filter.feed(piece, &mut out);
    }
    out
}

fn shown(bytes: &str) -> String {
    String::from_utf8_lossy(&filtered(&[bytes.as_bytes()])).into_owned()
}

/// Everything that makes a terminal send something.
const QUESTIONS: &[&str] = &[
    "\x05",
    "\x1bZ",
    "\x1b[c",
    "\x1b[0c",
    "\x1b[>c",
    "\x1b[>0c",
    "\x1b[=c",
    "\x1b[5n",
    "\x1b[6n",
    "\x1b[?6n",
    "\x1b[?996n",
    "\x1b[?2026$p",
    "\x1b[4$p",
    "\x1b[>q",
    "\x1b[>0q",
    "\x1b[14t",
    "\x1b[18t",
    "\x1b[21t",
    "\x1b[16t",
    "\x1b[x",
    "\x1b[1x",
    "\x1b[?u",
    "\x1b[1;1;1;1;1;1*y",
    "\x1b[1$w",
    "\x1b[2$w",
    "\x1b[1$u",
    "\x1b[&u",
    "\x1b[?1;1;0S",
    "\x1b[?4m",
    "\x1b[#R",
    "\x1b[1;2#|",
    "\x1b[\"v",
    "\x1b]10;?\x07",
    "\x1b]11;?\x1b\\",
    "\x1b]12;?\x07",
    "\x1b]4;1;?\x07",
    "\x1b]4;1;rgb:0/0/0;2;?\x07",
    "\x1b]52;c;?\x07",
    "\x1b]21;foreground=?\x1b\\",
    "\x1b]1337;ReportCellSize\x07",
    "\x1b]50;?\x07",
    "\x1b]22;?\x07",
    "\x1bP$qm\x1b\\",
    "\x1bP+q544e\x1b\\",
    "\x1b_Ga=q,i=1;AAAA\x1b\\",
    "\x1bPtmux;\x1b\x1b[c\x1b\\",
    "\u{9b}c",
    "\u{9d}11;?\u{9c}",
    "\u{9a}",
    "\x1b[?2048h",
    "\x1b[?2031h",
    "\x1b]99;i=1:p=?;\x1b\\",
    "\x1b]5522;type=read;Lg==\x1b\\",
];

#[test]
fn no_question_reaches_the_users_terminal() {
    for question in QUESTIONS {
        let surrounded = format!("a{question}b");
        let rest = shown(&surrounded);
        assert!(rest == "ab" || rest == "a\x1b\\b", "{question:?} leaves {rest:?}");
    }
}

#[test]
fn a_question_hidden_in_another_sequence_is_found() {
    for hidden in [
        "\x1b]0;title\x1b[c",
        "\x1b]0;title\u{9c}\x1b[c",
        "\x1b]0;\u{9b}c",
        "\x1b[1\x1b[c",
        "\x1b[1\x18\x1b[c",
        "\x1bPq#0\x1b[6n",
        "\x1b[\x05c",
        "\x1b[\n0c",
        "\x1b(\x1b[c",
        "\x1b\x1b[c",
        "\u{c2}\u{9b}c",
    ] {
        let rest = shown(hidden);
        for question in ["[c", "[0c", "[6n", "\u{9b}c", "\x05"] {
            assert!(!rest.contains(question), "{hidden:?} leaves {rest:?}");
        }
    }
}

#[test]
fn what_is_left_out_does_not_join_its_neighbours_to_a_question() {
    for pieces in [&b"\xc2\x05\x9bc"[..], b"\xc2\x1b[c\x9bc", b"\x1b\x05[c", b"\x1b[\x1b[c6n", b"\xc2\xc2\x9bc"] {
        let rest = filtered(&[pieces]);
        assert!(!rest.windows(2).any(|pair| pair == b"\xc2\x9b" || pair == b"\x1b["), "{pieces:?} leaves {rest:?}");
    }
}

#[test]
fn what_a_program_draws_passes_unchanged() {
    for drawn in [
        "plain\r\n\ttext",
        "größe 日本 ✳ é©®",
        "\x1b[1;31mred\x1b[0m",
        "\x1b[10;20H",
        "\x1b[2J",
        "\x1b[?25l\x1b[?2004h",
        "\x1b7\x1b8",
        "\x1b(0lqk\x1b(B",
        "\x1b[4:3m\x1b[38:2::1:2:3m",
        "\x1b[5 q",
        "\x1b[!p",
        "\x1b[1;5r",
        "\x1b[?2026h",
        "\x1b[>1u\x1b[<u",
        "\x1b[>4;2m",
        "\x1b[?1000;1006h",
        "\x1b#8",
        "\x1b[3g",
        "\x1b[2;2$x",
        "\x1b=\x1b>",
        "\x1b[s\x1b[u",
        "\x1b[K\x1b[J\x1b[3K",
    ] {
        assert_eq!(shown(drawn), drawn);
    }
}

#[test]
fn a_title_a_link_and_a_picture_pass_with_one_spelling_of_their_end() {
    assert_eq!(shown("\x1b]0;what?\x07x"), "\x1b]0;what?\x1b\\x");
    assert_eq!(shown("\x1b]8;;http://h/?q=?\x1b\\x"), "\x1b]8;;http://h/?q=?\x1b\\x");
    assert_eq!(shown("\x1b]11;#000000\x07"), "\x1b]11;#000000\x1b\\");
    assert_eq!(shown("\x1bP0;1q#0~\x1b\\x"), "\x1bP0;1q#0~\x1b\\x");
    assert_eq!(shown("\x1b]104\x07"), "\x1b]104\x1b\\");
    let copied = format!("\x1b]52;c;{}\x1b\\", "A".repeat(5_000));
    assert_eq!(shown(&copied), copied);
}

#[test]
fn the_program_stays_on_the_screen_that_was_borrowed_for_it() {
    assert_eq!(shown("\x1b[?1049h"), "\x1b[2J");
    assert_eq!(shown("\x1b[?1049;25h"), "\x1b[?25h\x1b[2J");
    assert_eq!(shown("\x1b[3J"), "");
    assert_eq!(shown("\x1b[8;50;200t\x1b[22;0t\x1b[23;0t"), "");
    assert_eq!(shown("\x1b[?3h\x1b[?40h"), "");
    assert!(shown("\x1bc").ends_with("\x1b[2J\x1b[H\x1b7"));
    assert!(!shown("\x1bc").contains("\x1bc"));
}

#[test]
fn a_reset_brings_tab_stops_back_if_they_were_changed() {
    assert!(!shown("\x1bc").contains("\x1b[3g"));
    for changed in ["\x1b[3g", "\x1b[g", "\x1bH", "\x1b[?5W"] {
        let reset = shown(&format!("{changed}\x1bc"));
        assert!(
            reset.ends_with(
                "\x1b[3g\x1b[9G\x1bH\x1b[17G\x1bH\x1b[25G\x1bH\x1b[33G\x1bH\x1b[41G\x1bH\x1b[49G\x1bH\
            \x1b[57G\x1bH\x1b[65G\x1bH\x1b[73G\x1bH\r\x1b[2J\x1b[H\x1b7"
            ),
            "{reset:?}"
        );
    }
}

#[test]
fn movements_that_not_all_terminals_know_are_written_as_those_that_they_know() {
    assert_eq!(shown("\x1b[5e\x1b[a\x1b[0a"), "\x1b[5B\x1b[C\x1b[0C");
    assert_eq!(shown("a\x1b[I\x1b[0I\x1b[3Ib"), "a\t\t\t\t\tb");
    assert_eq!(shown("\x1b[99999999I").len(), 1_000);
}

#[test]
fn the_widths_at_the_head_of_a_snapshot_are_for_the_page_alone() {
    let head = Widths::assumed(Dialect::Pty).command();
    assert!(head.starts_with("\x1b]7117;"));
    assert_eq!(shown(&format!("{head}text")), "text");
}

#[test]
fn leaving_the_alternate_screen_is_told_because_the_other_one_is_not_known() {
    let mut filter = Filter::new(80);
    let mut out = Vec::new();
    filter.feed(b"\x1b[?1049h", &mut out);
    assert!(!filter.take_left_alternate());
    filter.feed(b"x\x1b[?1049l", &mut out);
    assert!(filter.take_left_alternate() && !filter.take_left_alternate());
    // A reset may leave it too; and who is there already does not get an empty one.
    out.clear();
    filter.feed(b"\x1b[?47hx\x1b[?1049hy", &mut out);
    assert_eq!(out, b"\x1b[2Jxy");
    filter.feed(b"\x1bc", &mut out);
    assert!(filter.take_left_alternate());
}

#[test]
fn nothing_may_be_written_within_a_sequence_or_a_character() {
    let at_rest = |pieces: &[&[u8]]| {
        let mut filter = Filter::new(80);
        pieces.iter().for_each(|piece| filter.feed(piece, &mut Vec::new()));
        filter.is_at_rest()
    };
    for whole in ["text", "✳", "😀 é", "\x1b[1m", "\x1b]0;t\x07"] {
        for end in 1..whole.len() {
            let (first, second) = whole.as_bytes().split_at(end);
            assert!(at_rest(&[first, second]), "{whole:?}");
            assert_eq!(
                at_rest(&[first]),
                matches!(whole, "text" | "😀 é") && whole.is_char_boundary(end),
                "{whole:?} {end}"
            );
        }
    }
}

#[test]
fn a_sequence_without_an_end_takes_bounded_memory() {
    for endless in [&b"\x1b["[..], b"\x1b]10;", b"\x1b]", b"\x1bP1;", b"\x1b#", b"\x1b_G"] {
        let mut filter = Filter::new(80);
        let mut out = Vec::new();
        filter.feed(endless, &mut out);
        for _ in 0..200 {
            filter.feed(&[b'!'; 1_000], &mut out);
            assert!(filter.held.len() <= STRING_BYTES + 1);
        }
    }
}

/// What a real emulator would send back, or ask its window for.
fn questions_in(bytes: &[u8]) -> Vec<String> {
    #[derive(Clone, Default)]
    struct Heard(Arc<Mutex<Vec<String>>>);
    impl EventListener for Heard {
        fn send_event(&self, event: Event) {
            let answers = matches!(
                event,
                Event::PtyWrite(_) | Event::ClipboardLoad(..) | Event::ColorRequest(..) | Event::TextAreaSizeRequest(_)
            );
            if answers {
                self.0.lock().unwrap().push(format!("{event:?}"));
            }
        }
    }
    let heard = Heard::default();
    let config = Config { osc52: Osc52::CopyPaste, kitty_keyboard: true, ..Config::default() };
    let mut terminal = Term::new(config, &TermSize::new(80, 24), heard.clone());
    Processor::<StdSyncHandler>::new().advance(&mut terminal, bytes);
    std::mem::take(&mut *heard.0.lock().unwrap())
}

#[test]
fn the_emulator_of_these_tests_does_answer() {
    for question in ["\x1b[c", "\x1b[6n", "\x1b]11;?\x07", "\x1b]52;c;?\x07", "\x1b[18t", "\x1b[?u", "\x1b[?2026$p"] {
        assert_eq!(questions_in(question.as_bytes()).len(), 1, "{question:?}");
    }
}

fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(QUESTIONS).prop_map(|question| question.as_bytes().to_vec());
    let drawn = prop::sample::select(
        &["\x1b[1m", "\x1b]0;t\x07", "ü✳", "\x1b[?1049h", "\x1b[?25l", "\x1bc", "\x1bPq~\x1b\\"][..],
    )
    .prop_map(|text| text.as_bytes().to_vec());
    let noise =
        prop::collection::vec(prop::sample::select(&b"\x1b[]P_\\?;:1c n$\x07\x18\xc2\x9b\x9c\n$p\x05\xff"[..]), 0..12);
    prop_oneof![known, drawn, noise]
}

proptest! {
    #[test]
    fn any_split_gives_the_same_bytes(fragments in prop::collection::vec(fragment(), 0..12), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let bytes = fragments.concat();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        prop_assert_eq!(filtered(&pieces), filtered(&[&bytes]));
    }

    #[test]
    fn an_emulator_is_never_asked_anything(fragments in prop::collection::vec(fragment(), 0..12)) {
        let asked = questions_in(&filtered(&[&fragments.concat()]));
        prop_assert_eq!(asked, Vec::<String>::new());
    }

    #[test]
    fn what_was_filtered_once_has_nothing_left_to_filter(fragments in prop::collection::vec(fragment(), 0..12)) {
        let once = filtered(&[&fragments.concat()]);
        prop_assert_eq!(filtered(&[&once]), once);
    }

    #[test]
    fn plain_text_is_never_touched(text in "[^\\x00-\\x1f\\x7f-\\x9f]{0,200}") {
        let mut with_end = text.clone().into_bytes();
        with_end.push(b'.');
        prop_assert_eq!(filtered(&[&with_end]), with_end);
    }
}
