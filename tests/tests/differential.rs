//! Terminals and the page's emulator show the same, cell by cell: our own, and panes of the tmux that is installed. What once
//! differed, and programs that are drawn; `make differ` draws many more.

use consort_tests::differential::explained::Authority;
use consort_tests::differential::{Case, Compared, Emulator, Op, case, compare, explained, pty, tmux};

/// Programs that are drawn. They take seven seconds, on each kind of terminal.
const CASES: u64 = 150;

/// What once differed.
const ONCE: [&str; 33] = [
    "\n\x1b[?1048l",
    "\n\n\x1b[s\r\n\x1b8",
    "one\x1b[31m\x1b[?1048h\x1b[m\r\n\x1b[?1048ltwo",
    "\x1b)0\x0e\x1b7\x0f\x1b[5;5H\x1b8qqq",
    "\x1b[2;3r\x1b[?6h\x1b7\x1b[?6l\x1b8\x1b[Hx",
    "\n\x1b[?6lx",
    "\x1b[?6h\x1b[2r\x1b[3Cx\x1b[2Ay\x1b[Gz",
    "\x1b[1;3r\x1b[3ex\x1b[2ay",
    "\n\x1b[?3hx",
    "ab\n\x1b[?1047h\x1b[4`x\x1b[?1047ly",
    "\n\x1b[?1047h\x1b[?1049l",
    "\x1b[?1049h\n\x1b[?1049h\x1b8",
    "\x1b[42m\x1b[?1049hx",
    "\x1b[2;3r1\r\n2\r\n3\r\n\x1b[?1047h1\r\n2\r\n3\r\n4\r\n",
    "ab\x1b7\x1b[?1047h\x1b[3;3H\x1b7\x1b[?1049lx",
    "\x1b[20hone\ntwo\x0bthree\x1b[20l\nx",
    "\x1b[42m\x1b#8x",
    "one\x1b[42m\x1b[2Jx",
    "one\x1b[44m\n\x1b[K\x1b[m\x1b[2Jx",
    "漢字漢字\x1b[4h\x1b[4Gpq\x1b[2;1H漢\x1b[Gx",
    "漢字漢字\x1b[42m\x1b[2Gx\x1b[7Gy",
    "漢字\x1b[2G\x1b[2@",
    "漢\x1b[99b\x1b[?7lx\x1b[9G漢",
    "\u{200d}漢\r\u{301}x\x1b[6G\u{301}",
    "e\u{301}\x1b[3bx",
    "\x1b]8;;http://a/\u{9c}b\x1b\\c\x1b]8;;\x1b\\",
    "\x1b]133;A\u{9c}x\x1b[4G",
    "abcdefgh\x1b7\r\n\x1b8x",
    "\x1b[3Habc\x1b[7m漢漢漢\x1b[T",
    "\x1b[?7l12345678\n漢\u{200b}e\u{301}漢",
    "\x1b[5ma\x1b[25mb\x1b[6mc",
    "漢字\x1b[2G\u{301}\u{200b}\x1b[4Gx",
    "\x1b(0q_q\x1b(Bq_q",
];

fn differences<'a>(cases: impl Iterator<Item = Case> + 'a) -> impl Iterator<Item = String> + 'a {
    let mut emulator = Emulator::headless();
    cases.filter_map(move |case| {
        let all = compare(&mut emulator, &pty::run(&case), Compared::PTY);
        let difference =
            all.iter().find(|difference| explained::reason(Authority::Pty, &case, difference, false).is_none())?;
        Some(format!("{}\n    {:?}: {}", case.describe(), difference.stage, difference.what))
    })
}

fn assert_none(differences: impl Iterator<Item = String>) {
    let all: Vec<String> = differences.collect();
    assert!(all.is_empty(), "{} differ:\n{}", all.len(), all.join("\n"));
}

#[test]
fn what_once_differed_is_the_same() {
    let cases = ONCE.iter().flat_map(|text| {
        let bytes = text.as_bytes();
        let case = Case { size: (8, 4), ops: vec![Op::Bytes(bytes.to_vec())], cut: bytes.len() / 2, resize: None };
        [Case { cut: bytes.len(), ..case.clone() }, case]
    });
    // Cells that a scroll has coloured are erased with the others of a row that got longer.
    let ops = ["\x1b[101m\x1b[3T", "\x1b[m\x1b[3L"].map(|text| Op::Bytes(text.into())).into();
    let longer = Case { size: (8, 8), ops, cut: 0, resize: Some((1, (20, 2))) };
    assert_none(differences(cases.chain([longer])));
}

#[test]
fn drawn_programs_show_the_same() {
    assert_none(differences((0..CASES).map(case)));
}

/// What once differed on tmux, apart from [`ONCE`].
const ONCE_ON_TMUX: [&str; 50] = [
    "abcdefgh\x1b[Dx\x1b[H12345678\x08y",
    "abcdefgh\x1b[0dx",
    "ab\x1b[?47lcdefgh\x1b[?47lx",
    "abcdefgh\x1b[2bx\x1b[Hab\x1b[99bx",
    "ab\x1b F\x1b[2b\x1b[1:2A\x1b[2b",
    "abc\r\x1b[J",
    "a\n\x1b[?1049h\x1b[3J",
    "\x1b[?47h\x1b[3;3H\x1b[?1049lx",
    "\x1b[41mab\ncd\x1b[?1049hef",
    "\x1b[53;41mab\x1b[6mcd",
    "\x1b(0abcdefgh",
    "abcdefgh\x1b[2@\x1b[H\x1b[5@\x1b[99@",
    "one\r\ntwo\x1b[3;4r\x1b[3L",
    "漢字漢\x1b[2G\x1b[J\x1b[H\x1b[P",
    "漢字\x1b[4h\x1b[2Gab漢",
    "\u{200d}👧a\u{200d}👩\u{200d}👩\u{200d}👩\u{200d}👩\u{200d}👩",
    "\x1b]8;;http://a/\u{9c}b\x1b\\c",
    "漢字漢字字\x1b[4;44mx",
    "e\u{86}x\u{9e}",
    "q\u{feff}🇩🇪x",
    "q\u{9c}🇩🇪x",
    " 漢x\x1b[G❤\u{fe0f}",
    "123456789\x1b[H\n\x08x",
    "\x1b[?7labcdefghij👍🏽\u{301}",
    "\u{200d}\u{feff}\u{feff}한x",
    "hi±\u{301}漢\x1b[3b\u{301}\x1b[9b",
    "\x1b[48;5;95m\x1b[Lab\x1b[K\x1b[0m\x1b[2J",
    "a\x1b[44m\x1b[2@\x1b[4G\x1b[2X\x1b[H\x1b[Jx",
    "1234567❤\u{fe0f}y",
    "\x1b[8G❤\u{fe0f}\x1b[31mx",
    "ef漢🚀\x1b[b",
    "漢\x1b[3b",
    "\x1b(0q\x1b[3b\x1b(Bq\x0eq",
    "漢\x1b[2G\u{301}x",
    "\x1b[?7l\x1b[7G漢\u{301}",
    "👨\u{200d}👩\u{200d}👧🇩🇪",
    "\x1b[?6h\x1b[2;3rabcdefgh\x1b[?25l",
    "\x1b[?6h\x1b[2;3rab\x1b7\x1b[2;2H\x1b8cd",
    "1\r\n2\r\n3\r\n4\x1b7\x1b[2;3r\x1b[?6h\x1b8\x1b[?6hx",
    "漢\u{9c}🇩🇪🇫🇷漢",
    "ab\x1b(0q\x1b(B🇩\x1b(0q\x1b(B🇪c",
    "你字\x1b[2G1\u{fe0f}\u{20e3}กx",
    "ש\u{5b8}\u{200d}\u{200b}\x1b[4b",
    "ש\u{5b8}\u{200d}\u{200b}\u{200b}\u{200b}\u{200b}\u{200b}🇩",
    "字\x1b[2Gc！❤你",
    "🇩🇪\x1b[2Gjklpm",
    "\x1b(0字\u{200d}ijkl漢",
    "abcdefghij\x1b[H\x1b[99P\n\x08x",
    "abcdefghij\x1b[1K\r\x08x",
    "abcdefghij\x1b[1;3H\x1b[K\r\n\x08x",
];

/// A size and what is printed, and then another size and more.
type Resized = ((u16, u16), &'static str, (u16, u16), &'static str);

/// The same of panes whose size changed after the first of two parts.
const ONCE_RESIZED: [Resized; 3] = [
    ((16, 5), "\x1b[3;9fyzabcdefghi\x1b[6;7Hlmno", (8, 7), "\x1b[2;3r\n\r\n\x1b[10Gk\nbcd"),
    ((10, 3), "漢字👩\n字👩👩👩\n\x1b[?1047h", (60, 2), ""),
    ((8, 8), "1\r\n2\r\n3\r\n4\r\n5\r\n6\r\n7\r\n漢\r\n\x1b[?1049h", (8, 2), "x"),
];

/// Behind the last character of Unicode, which some versions of tmux print.
const BEYOND_UNICODE: &[u8] = b"a\xf4\x90\x80\x80b\xf4\x90\x80\x80\x1b[bc";

/// The same of panes, which run side by side, with these options of tmux.
fn differences_on_tmux(cases: &[Case], options: &[&str]) -> Vec<String> {
    let (mut panes, mut emulator) = (tmux::Panes::start_with(None, options), Emulator::headless());
    let widths = panes.widths();
    let authority = Authority::Tmux(panes.version(), &widths);
    let mut all = Vec::new();
    for cases in cases.chunks(64) {
        for (case, recorded) in cases.iter().zip(panes.run(cases)) {
            let differences = compare(&mut emulator, &recorded, Compared::TMUX);
            let reason = |difference| explained::reason(authority, case, difference, recorded.repaired);
            if let Some(difference) = differences.iter().find(|difference| reason(difference).is_none()) {
                all.push(format!("{}\n    {:?}: {}", case.describe(), difference.stage, difference.what));
            }
        }
    }
    all
}

fn cut_in_the_middle(bytes: &[u8]) -> Case {
    let bytes = bytes.to_vec();
    Case { size: (8, 4), cut: bytes.len() / 2, ops: vec![Op::Bytes(bytes)], resize: None }
}

#[test]
fn panes_of_tmux_show_the_same() {
    let once =
        ONCE.iter().chain(&ONCE_ON_TMUX).map(|text| text.as_bytes()).chain([BEYOND_UNICODE]).map(cut_in_the_middle);
    let resized = ONCE_RESIZED.iter().map(|(size, first, later, rest)| {
        let ops = [first, rest].map(|text| Op::Bytes(text.as_bytes().to_vec())).into();
        Case { size: *size, ops, cut: first.len() / 2, resize: Some((1, *later)) }
    });
    let cases: Vec<Case> = once.chain(resized).chain((0..CASES).map(case)).collect();
    assert_none(differences_on_tmux(&cases, &[]).into_iter());
}

/// What the options of a tmux change.
const WITH_OPTIONS: [&str; 6] = [
    "one\r\ntwo\x1b[2Jx",
    "one\r\ntwo\x1b[42m\x1b[H\x1b[Jx",
    "1\r\n2\r\n3\r\n4\r\n5\x1bcx",
    "one\x1b[?1049htwo\x1b[2J\x1b[?1049lx",
    "one\r\n\x1b[?47htwo\x1b[?47lx\x1b[H\x1b[J",
    "one\x1b[?3htwo\x1b[?1049;25h\x1b[?1047lx",
];

#[test]
fn options_of_tmux_are_followed() {
    let cases: Vec<Case> = WITH_OPTIONS.iter().map(|text| cut_in_the_middle(text.as_bytes())).collect();
    for options in [["scroll-on-clear off"], ["alternate-screen off"]] {
        assert_none(differences_on_tmux(&cases, &options).into_iter());
    }
}
