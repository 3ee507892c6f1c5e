use super::*;
use crate::tape::Tape;
use consort_core::{AgentId, TerminalId, TerminalInput};

fn header() -> Header {
    Header {
        version: "0.1.0".into(),
        began_unix_ms: 5,
        all: false,
        name: "a".into(),
        id: NodeId([1; 32]),
        epoch: 3,
        seed: [2; 32],
        now_ms: 0,
        restored: vec![("mesh".into(), vec![1, 2])],
    }
}

/// Three inputs, each in a block of its own, and the end; also where each block begins.
fn recorded() -> (Vec<u8>, Vec<usize>) {
    let (tape, mut file, mut starts) = (Tape::default(), beginning(&header()), Vec::new());
    for at in 1..=3 {
        tape.append(&Record::Input(at, printed(&[at as u8; 3])));
        tape.append(&Record::Sealed(at as u32));
        tape.append(&Record::Followed(at as u32 * 10));
        starts.push(file.len());
        file.extend(block(&tape.take().expect("records")));
    }
    starts.push(file.len());
    file.extend(end(Ending::Stopped));
    (file, starts)
}

fn printed(bytes: &[u8]) -> Input<'_> {
    Input::Terminal(TerminalId { agent: AgentId(1), pane: 0 }, TerminalInput::Output(bytes))
}

/// When an input was, and the fingerprint of what followed.
type Seen = (u64, Option<u32>);

/// All inputs, and how it ends.
fn read(file: &[u8]) -> (Vec<Seen>, Result<Ending, usize>) {
    let mut reader = Reader::new(file).expect("a recording");
    let mut steps = Vec::new();
    while let Some(step) = reader.step() {
        let (at, input) = step.input();
        assert_eq!(input, printed(&[at.as_millis() as u8; 3]));
        assert!(step.followed.is_none() || step.given == [Given::Sealed(at.as_millis() as u32)]);
        steps.push((at.as_millis(), step.followed));
    }
    (steps, reader.ending())
}

#[test]
fn what_is_written_is_read() {
    let (file, _) = recorded();
    assert_eq!(Reader::new(&file).expect("a recording").header(), &header());
    assert_eq!(read(&file), (vec![(1, Some(10)), (2, Some(20)), (3, Some(30))], Ok(Ending::Stopped)));
}

#[test]
fn of_a_file_that_is_cut_anywhere_everything_before_the_cut_counts() {
    let (file, starts) = recorded();
    for cut in starts[0]..file.len() {
        let whole = starts.iter().filter(|start| **start <= cut).count() - 1;
        let (steps, ending) = read(&file[..cut]);
        assert_eq!(steps.len(), whole, "cut at {cut}");
        assert_eq!(ending, Err(starts[whole]));
    }
    for cut in 8..starts[0] {
        assert_eq!(Reader::new(&file[..cut]).err(), Some(Unreadable::Torn));
    }
}

#[test]
fn of_a_file_that_is_damaged_anywhere_everything_before_the_damage_counts() {
    let (file, starts) = recorded();
    for at in starts[0]..file.len() {
        let mut damaged = file.clone();
        damaged[at] ^= 0x40;
        let whole = starts.iter().filter(|start| **start <= at).count() - 1;
        assert_eq!(read(&damaged).0.len(), whole, "byte {at}");
        assert!(read(&damaged).1.is_err());
    }
}

#[test]
fn an_input_that_was_not_finished_is_there_without_what_followed() {
    let tape = Tape::default();
    tape.append(&Record::Input(1, printed(&[1; 3])));
    let file = [beginning(&header()), block(&tape.take().expect("records"))].concat();
    assert_eq!(read(&file).0, [(1, None)]);
}

#[test]
fn another_file_and_another_version_are_told_apart() {
    assert_eq!(Reader::new(b"{}").err(), Some(Unreadable::Foreign));
    assert_eq!(Reader::new(b"").err(), Some(Unreadable::Foreign));
    let mut newer = recorded().0;
    newer[7] = 9;
    assert_eq!(Reader::new(&newer).err(), Some(Unreadable::Version(9)));
    assert!(is_recording(&newer));
}

#[test]
fn what_was_told_later_of_something_that_was_opened_is_in_its_place() {
    let tape = Tape::default();
    tape.append(&Record::Input(1, printed(&[1; 3])));
    tape.append(&Record::Opened(Some(b"ab**ef")));
    tape.append(&Record::Input(2, printed(&[2; 3])));
    tape.append(&Record::Mended { opened: 0, at: 2, bytes: b"cd" });
    tape.append(&Record::Opened(None));
    let file = [beginning(&header()), block(&tape.take().expect("records"))].concat();
    let mut reader = Reader::new(&file).expect("a recording");
    assert_eq!(reader.step().expect("the first").given, [Given::Opened(Some(b"abcdef".to_vec()))]);
    assert_eq!(reader.step().expect("the second").given, [Given::Opened(None)]);
}

#[test]
fn a_node_that_is_too_far_ahead_is_not_recorded_any_more() {
    let tape = Tape::with_room(64);
    while tape.is_running() {
        tape.append(&Record::Input(1, printed(b"abc")));
    }
    assert!(tape.take().expect("what fitted").len() <= 64);
    assert_eq!(tape.take(), Err(Ending::Overrun));
}

#[test]
fn what_terminals_print_takes_no_room() {
    let tape = Tape::default();
    tape.append(&Record::Input(1, printed(&vec![consort_core::redact::FILLER; 60_000])));
    assert!(tape.take().expect("a record").len() < 32);
}
