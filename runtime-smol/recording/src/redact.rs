//! Inputs without what is secret in them: of the same lengths, so that a node does the same.

use consort_core::command::{AnswerWith, Command};
use consort_core::directory::Signal;
use consort_core::input::{ProcessInfo, ScreenText};
use consort_core::limits::{LINK_FRAME_BYTES, PARCEL_BYTES};
use consort_core::redact::{self, FILLER};
use consort_core::wire::Frame;
use consort_core::wire::circuit::envelope;
use consort_core::{BackendInput, Input, LinkInput, OperationDone, Reply, TerminalInput, ViewerInput};

/// Room for filler and for what is changed, kept from one input to the next.
#[derive(Debug, Default)]
pub struct Room {
    filler: Vec<u8>,
    frame: Vec<u8>,
}

/// More than this is not kept.
const KEPT: usize = 256 << 10;

impl Room {
    /// So many bytes of filler.
    fn filler(&mut self, count: usize) -> &[u8] {
        if self.filler.len() > KEPT && count <= KEPT {
            self.filler = Vec::new();
        }
        if self.filler.len() < count {
            self.filler.resize(count, FILLER);
        }
        &self.filler[..count]
    }

    /// A frame of a link. What parcels hold can be read by nobody but their receiver, so that its length is all that anybody else needs;
    /// and that one is told what it holds.
    fn frame(&mut self, frame: &[u8]) -> &[u8] {
        self.frame.clear();
        self.frame.extend_from_slice(frame);
        if frame.len() <= LINK_FRAME_BYTES
            && let Ok(Frame::Parcel(parcel)) = Frame::decode(frame)
            && parcel.body.len() <= PARCEL_BYTES
            && let Ok((_, held)) = envelope(&parcel.body)
        {
            let from = self.frame.len() - held.len();
            self.frame[from..].fill(FILLER);
        }
        &self.frame
    }
}

/// The same input without secrets; `shows_sent_text` as `Node::shows_sent_text` says of it. `room` is where what it then consists of is
/// kept.
#[must_use]
pub fn input<'a>(input: &'a Input<'a>, shows_sent_text: bool, room: &'a mut Room) -> Input<'a> {
    match input {
        // What stands on a program's line for texts is as secret as what was sent. To a node it matters only whether that is it.
        Input::Terminal(id, TerminalInput::Signal(Signal::Screen(reading))) if reading.composer.is_some() => {
            let mut reading = reading.clone();
            if let Some(composer) = &mut reading.composer {
                composer.line.clear();
                composer.pasted |= shows_sent_text;
            }
            Input::Terminal(*id, TerminalInput::Signal(Signal::Screen(reading)))
        }
        Input::Terminal(id, TerminalInput::Output(bytes)) => {
            Input::Terminal(*id, TerminalInput::Output(room.filler(bytes.len())))
        }
        Input::Terminal(id, TerminalInput::Snapshot { size, bytes }) => {
            Input::Terminal(*id, TerminalInput::Snapshot { size: *size, bytes: room.filler(bytes.len()) })
        }
        Input::Viewer(id, ViewerInput::Input { stream, heard, seq, bytes }) => {
            let bytes = room.filler(bytes.len());
            Input::Viewer(*id, ViewerInput::Input { stream: *stream, heard: *heard, seq: *seq, bytes })
        }
        Input::Link(id, LinkInput::Frame(frame)) => Input::Link(*id, LinkInput::Frame(room.frame(frame))),
        Input::Command(id, node, asked) => {
            let mut asked = asked.clone();
            command(&mut asked);
            Input::Command(*id, *node, asked)
        }
        Input::Backend(BackendInput::Done(id, Ok(OperationDone::Text(text)))) => {
            let mut text = text.clone();
            screen_text(&mut text);
            Input::Backend(BackendInput::Done(*id, Ok(OperationDone::Text(text))))
        }
        Input::Backend(BackendInput::Done(id, Ok(OperationDone::Process(info)))) => {
            let mut info = info.clone();
            process(&mut info);
            Input::Backend(BackendInput::Done(*id, Ok(OperationDone::Process(info))))
        }
        Input::Wake
        | Input::Backend(_)
        | Input::Terminal(..)
        | Input::Viewer(..)
        | Input::Link(..)
        | Input::DialFailed(..)
        | Input::Network(_)
        | Input::Stored(..) => input.clone(),
    }
}

/// Takes what is secret out of a command. Its arguments stay: they are part of the fact that every member has of the agent.
pub fn command(command: &mut Command) {
    match command {
        Command::Create(new) => {
            new.env.iter_mut().for_each(|(_, value)| redact::text(value));
            redact::text(&mut new.notes);
        }
        Command::CreateFrom { new, caller } => {
            new.env.iter_mut().chain(caller).for_each(|(_, value)| redact::text(value));
            redact::text(&mut new.notes);
        }
        Command::SetNotes { notes, .. } => redact::text(notes),
        Command::Paste { text, .. }
        | Command::Send { text, .. }
        | Command::EditQueue { text: Some(text), .. }
        | Command::Answer { with: AnswerWith::Text(text), .. } => redact::text(text),
        Command::Admit { .. }
        | Command::Remove(_)
        | Command::Edit { .. }
        | Command::Start(_)
        | Command::Stop(_)
        | Command::Restart(_)
        | Command::Delete(_)
        | Command::ReadNotes(_)
        | Command::ReadText { .. }
        | Command::Answer { with: AnswerWith::Choice(_), .. }
        | Command::Explain(_)
        | Command::EditQueue { text: None, .. }
        | Command::ReadQueue(_)
        | Command::ReadProcess(_)
        | Command::StartFresh(_)
        | Command::RestartFresh(_)
        | Command::ReadStart(_)
        | Command::Adopt { .. }
        | Command::ListPrograms
        | Command::ListDirectory(_) => {}
    }
}

/// Takes what is secret out of a reply.
pub fn reply(reply: &mut Reply) {
    match reply {
        Reply::NotesText { notes, .. } => redact::text(notes),
        Reply::Text(text) => screen_text(text),
        Reply::Process(info) => process(info),
        Reply::Queue { texts, .. } => texts.iter_mut().for_each(|text| redact::text(&mut text.text)),
        Reply::Agent(_)
        | Reply::Deleted(_)
        | Reply::Node(_)
        | Reply::Notes { .. }
        | Reply::Pasted { .. }
        | Reply::Answered
        | Reply::Queued { .. }
        | Reply::Sent { .. }
        | Reply::Explained { .. }
        | Reply::Programs(_)
        | Reply::Start(_)
        | Reply::Directory(_) => {}
    }
}

fn screen_text(text: &mut ScreenText) {
    redact::text(&mut text.text);
}

/// Somebody typed these arguments in a terminal. They become a fact of an agent only if it is adopted with them.
fn process(info: &mut ProcessInfo) {
    info.args.iter_mut().for_each(redact::text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_core::directory::signal::{Composer, Reading};
    use consort_core::{AgentId, TerminalId};

    #[test]
    fn arguments_that_were_typed_in_a_terminal_are_left_out() {
        let args = vec!["--key".to_owned(), "secret".to_owned()];
        let mut read = Reply::Process(ProcessInfo { program: Some("claude".into()), args, directory: "/".into() });
        reply(&mut read);
        let Reply::Process(info) = read else { panic!("{read:?}") };
        assert!(info.args.len() == 2 && info.args[1].len() == 6 && info.args[1] != "secret", "{:?}", info.args);
    }

    #[test]
    fn what_stands_on_the_line_of_a_program_is_left_out_and_whether_it_was_sent_is_kept() {
        let terminal = TerminalId { agent: AgentId(1), pane: 0 };
        for held in [false, true] {
            let composer = Some(Composer { line: "my secret plan".into(), pasted: false });
            let reading = Reading { composer, ..Reading::default() };
            let read = Input::Terminal(terminal, TerminalInput::Signal(Signal::Screen(reading)));
            let mut room = Room::default();
            let kept = input(&read, held, &mut room);
            let Input::Terminal(_, TerminalInput::Signal(Signal::Screen(kept))) = kept else { panic!("{kept:?}") };
            assert_eq!(kept.composer, Some(Composer { line: String::new(), pasted: held }));
        }
    }
}
