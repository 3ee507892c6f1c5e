use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Output(u32, Vec<u8>),
    Reply(bool, bool, Vec<u8>),
    Layout(u32, Vec<u8>),
    Plain(String),
    Failed(ParseError),
}

fn events(pieces: &[&[u8]]) -> Vec<Seen> {
    let (mut parser, mut seen) = (Parser::new(), Vec::new());
    for piece in pieces {
        let result = parser.feed(piece, &mut |event| {
            seen.push(match event {
                Event::Output { pane, bytes } => Seen::Output(pane, bytes.to_vec()),
                Event::Reply { own, ok, body } => Seen::Reply(own, ok, body.to_vec()),
                Event::Layout { window, layout } => Seen::Layout(window, layout.to_vec()),
                other => Seen::Plain(format!("{other:?}")),
            });
        });
        if let Err(error) = result {
            seen.push(Seen::Failed(error));
            break;
        }
    }
    seen
}

fn plain(event: &Event<'_>) -> Seen {
    Seen::Plain(format!("{event:?}"))
}

#[test]
fn output_is_unescaped_and_belongs_to_its_pane() {
    assert_eq!(events(&[b"%output %7 a\\015\\012\\134\xc3\xa9b\n"]), [Seen::Output(7, b"a\r\n\\\xc3\xa9b".to_vec())]);
    assert_eq!(events(&[b"%output %7 \n"]), [Seen::Output(7, vec![])]);
}

#[test]
fn extended_output_is_output_whatever_stands_before_the_colon() {
    assert_eq!(events(&[b"%extended-output %3 120 : a : b\n"]), [Seen::Output(3, b"a : b".to_vec())]);
    assert_eq!(events(&[b"%extended-output %3 120 new:thing : x\n"]), [Seen::Output(3, b"x".to_vec())]);
}

#[test]
fn an_answer_ends_only_with_the_numbers_it_began_with() {
    let text = b"%begin 10 5 1\n%end 10 4 1\n%output %1 fake\n%begin 10 6 1\n%end 10 5 1\n";
    assert_eq!(events(&[text]), [Seen::Reply(true, true, b"%end 10 4 1\n%output %1 fake\n%begin 10 6 1".to_vec())]);
}

#[test]
fn an_error_and_an_answer_to_somebody_elses_command_are_told_apart() {
    assert_eq!(
        events(&[b"%begin 1 2 1\nno such pane\n%error 1 2 1\n"]),
        [Seen::Reply(true, false, b"no such pane".to_vec())]
    );
    assert_eq!(events(&[b"%begin 1 2 0\n%end 1 2 0\n"]), [Seen::Reply(false, true, vec![])]);
}

#[test]
fn empty_lines_of_an_answer_are_kept() {
    assert_eq!(events(&[b"%begin 1 2 1\n\na\n\n\n%end 1 2 1\n"]), [Seen::Reply(true, true, b"\na\n\n".to_vec())]);
}

#[test]
fn notifications_that_matter_are_recognised_and_others_ignored() {
    let text = b"%pause %4\n%continue %4\n%sessions-changed\n%session-changed $2 name\n%future-thing x\n%pane-mode-changed %9\n%exit\n";
    let expected = [
        Event::Paused(4),
        Event::Continued(4),
        Event::ListChanged,
        Event::SessionChanged(2),
        Event::Other,
        Event::ModeChanged(9),
        Event::Exit { detached: false },
    ];
    assert_eq!(events(&[text]), expected.iter().map(plain).collect::<Vec<_>>());
}

#[test]
fn text_of_a_hook_is_skipped() {
    let text = b"0: 1 windows (created Mon)\n%begin 1 7 0\nhook\n%end 1 7 0\nmore\n%begin 1 8 1\nours\n%end 1 8 1\n";
    let hook = [Seen::Reply(false, true, b"hook".to_vec())];
    let ours = [Seen::Reply(true, true, b"ours".to_vec())];
    let bare = [plain(&Event::Other)];
    assert_eq!(events(&[text]), [&bare[..], &hook, &bare, &ours].concat());
}

#[test]
fn a_detached_client_is_told_apart_from_one_that_ended() {
    assert_eq!(
        events(&[b"%exit detached (from session a)\n%exit\n%exit server exited\n"]),
        [true, false, false].map(|detached| plain(&Event::Exit { detached }))
    );
}

#[test]
fn a_line_without_end_is_an_error_before_it_fills_the_memory() {
    let piece = vec![b'%'; 1 << 20];
    let pieces: Vec<&[u8]> = (0..17).map(|_| piece.as_slice()).collect();
    assert_eq!(events(&pieces), [Seen::Failed(ParseError::LineTooLong)]);
}

#[test]
fn the_sizes_of_all_panes_are_read_from_a_layout() {
    assert_eq!(layout_panes(b"b25d,80x24,0,0,0"), [(0, 80, 24)]);
    assert_eq!(
        layout_panes(b"d0a2,120x40,0,0{60x40,0,0,1,59x40,61,0[59x20,61,0,2,59x19,61,21,13]}"),
        [(1, 60, 40), (2, 59, 20), (13, 59, 19)]
    );
    assert_eq!(layout_panes(b"nonsense"), []);
}

fn any_line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (any::<u32>(), proptest::collection::vec(any::<u8>(), 0..40)).prop_map(|(pane, data)| {
            let mut line = format!("%output %{pane} ").into_bytes();
            line.extend(data.into_iter().filter(|b| *b != b'\n'));
            line
        }),
        Just(b"%begin 1 2 1".to_vec()),
        Just(b"%end 1 2 1".to_vec()),
        Just(b"%error 1 2 1".to_vec()),
        Just(b"%layout-change @1 b25d,80x24,0,0,0 b25d,80x24,0,0,0 *".to_vec()),
        Just(b"%extended-output %1 5 : x".to_vec()),
        "%[ -~]{0,20}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..20),
    ]
}

proptest! {
    #[test]
    fn any_split_of_the_same_bytes_gives_the_same_events(
        lines in proptest::collection::vec(any_line(), 0..20),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let text = lines.join(&b'\n');
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.sort_unstable();
        let (mut pieces, mut from) = (Vec::new(), 0);
        for cut in cuts {
            pieces.push(&text[from..cut]);
            from = cut;
        }
        pieces.push(&text[from..]);
        let whole = events(&[&text]);
        let split = events(&pieces);
        prop_assert_eq!(whole, split);
    }

    #[test]
    fn whatever_a_pane_prints_comes_out_of_the_escaping_unchanged(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut line = b"%output %5 ".to_vec();
        for byte in &bytes {
            if *byte < b' ' || *byte == b'\\' {
                line.extend_from_slice(format!("\\{byte:03o}").as_bytes());
            } else {
                line.push(*byte);
            }
        }
        line.push(b'\n');
        prop_assert_eq!(events(&[&line]), vec![Seen::Output(5, bytes)]);
    }

    #[test]
    fn no_layout_makes_the_reader_fail(text in proptest::collection::vec(any::<u8>(), 0..100)) {
        let _ = layout_panes(&text);
    }
}
