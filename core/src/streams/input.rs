//! What viewers type: who may, whether it is in order, and what its typist is told.

use super::typing::Verdict;
use super::viewer::Stream;
use super::{Onlooker, StreamKey, Streams};
use crate::act::Act;
use crate::id::{Generation, StreamId, ViewerKey};
use crate::limits;
use crate::output::{Event, Output, TerminalOutput};
use crate::time::Instant;
use alloc::collections::VecDeque;

/// A numbered input as it comes from a viewer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Typed<'a> {
    /// `Attached` and `InputLost` of the stream that the viewer had.
    pub(crate) heard: u32,
    /// Its number.
    pub(crate) seq: u64,
    /// What is to be written.
    pub(crate) bytes: &'a [u8],
}

impl Streams {
    /// A viewer types. What it sent before it knew with which number to go on has been told to be lost.
    pub(crate) fn type_in(
        &mut self,
        now: Instant,
        viewer: Onlooker,
        stream: StreamId,
        typed: Typed<'_>,
        out: &mut VecDeque<Output>,
    ) {
        let Typed { heard, seq, bytes } = typed;
        let Some(key) = self.viewers.get(&viewer).map(|viewer| viewer.key) else { return };
        let newest = self.typists.get(&key) == Some(&viewer);
        let Some(state) = self.stream_mut((viewer, stream)).filter(|state| state.is_aware(heard)) else { return };
        let Some(generation) = state.terminal else { return };
        if !newest {
            // What is still under way on an older connection has been repeated on the newer one.
            state.lose_input(seq, "the page types through a newer connection");
            return self.queue((viewer, stream));
        }
        let Some(terminal) = self.terminals.get_mut(&generation) else { return };
        // The stream's end says that nothing more is written.
        if terminal.closed {
            return;
        }
        let verdict = terminal.typing.take(now, key, seq, bytes.len());
        let id = terminal.id;
        let Some(state) = self.stream_mut((viewer, stream)) else { return };
        match verdict {
            Verdict::Write => {
                state.typed_bytes += bytes.len() as u64;
                if state.typed_told.is_none_or(|at| now.since(at) >= limits::TYPED_EVENT_TIME) {
                    state.typed_told = Some(now);
                    let count = core::mem::take(&mut state.typed_bytes);
                    out.push_back(Output::Event(Event::Typed(viewer.who(), id, count)));
                }
                out.push_back(Output::Terminal(id, TerminalOutput::Write(bytes.to_vec())));
            }
            Verdict::Duplicate => {
                state.input_acked = true;
                self.queue((viewer, stream));
            }
            Verdict::Lost(first, why) => {
                state.lose_input(first, why);
                self.queue((viewer, stream));
            }
        }
    }

    /// Input of a node that may only look: its viewer is told, and the log once a minute. What was taken while it might type is no
    /// new input.
    pub(crate) fn refuse_input(
        &mut self,
        now: Instant,
        key: StreamKey,
        (heard, seq): (u32, u64),
        out: &mut VecDeque<Output>,
    ) {
        let Some(who) = self.viewers.get(&key.0).map(|viewer| viewer.key) else { return };
        let taken = self.terminal_of(key).is_some_and(|terminal| terminal.typing.has_taken(&who, seq));
        let Some(stream) = self.stream_mut(key).filter(|stream| stream.is_aware(heard)) else { return };
        if taken {
            stream.input_acked = true;
            return self.queue(key);
        }
        let refusal = stream.refuse_input(now, seq);
        self.queue(key);
        if let (Some(refusal), Onlooker::There(node, _), Some(shown)) = (refusal, key.0, self.shown_by(key)) {
            out.push_back(Output::Event(Event::Acted(node, Act::typing(shown.agent), Err(refusal))));
        }
    }

    /// Changes the streams that a viewer has of a terminal.
    pub(super) fn queue_typist(&mut self, generation: Generation, key: ViewerKey, change: impl Fn(&mut Stream)) {
        let Some(terminal) = self.terminals.get(&generation) else { return };
        for (viewer, id) in &terminal.attached {
            let Some(state) = self.viewers.get_mut(viewer).filter(|state| state.key == key) else { continue };
            if let Some(stream) = state.streams.get_mut(id) {
                change(stream);
            }
            state.queue(*id);
            self.dirty.insert(*viewer);
        }
    }
}
