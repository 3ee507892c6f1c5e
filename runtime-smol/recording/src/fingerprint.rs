//! A number for what followed from an input: what was done, to whom, and how long it is, not what it says. It is the same for a node that
//! was told filler.

use consort_core::{
    BackendOperation, Event, Node, Output, Refusal, Reply, StoreOperation, TerminalOutput, ViewerOutput, Who,
};

/// Of all outputs of one input, in order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Adds an output.
    pub fn add(&mut self, output: &Output) {
        match output {
            Output::Terminal(id, what) => {
                self.words(&[1, id.agent.0, id.pane.into()]);
                self.terminal(what);
            }
            Output::Viewer(id, frame) => {
                self.words(&[2, id.0]);
                self.frame(frame);
            }
            Output::Backend(id, operation) => {
                self.words(&[3, id.0]);
                self.operation(operation);
            }
            Output::ListDirectory(id, path) => self.words(&[4, id.0, len(path)]),
            Output::Reply(id, Ok(reply)) => {
                self.words(&[5, id.0]);
                self.reply(reply);
            }
            Output::Reply(id, Err(refusal)) => self.words(&[6, id.0, refused(refusal)]),
            Output::Store(id, StoreOperation::Put { key, bytes }) => self.words(&[7, id.0, len(key), len(bytes)]),
            Output::Store(id, StoreOperation::Remove { key }) => self.words(&[8, id.0, len(key)]),
            Output::Dial(id, node, address) => self.words(&[9, id.0, short(&node.0), len(&address.0)]),
            Output::Transmit(id, frame) => {
                // The first byte says what kind of frame it is.
                self.words(&[10, id.0, len(frame), frame.first().copied().unwrap_or_default().into()]);
            }
            Output::CloseLink(id) => self.words(&[11, id.0]),
            Output::Event(event) => self.event(event),
            Output::ListPrograms(id) => self.words(&[15, id.0]),
        }
    }

    /// The number, once all is said and done: it also tells which facts the node has now.
    #[must_use]
    pub fn of(mut self, node: &Node) -> u32 {
        self.words(&[12, node.facts().hash()]);
        (self.0 ^ self.0 >> 32) as u32
    }

    fn words(&mut self, words: &[u64]) {
        for word in words {
            let mixed = (self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            self.0 = mixed ^ mixed >> 29;
        }
    }

    fn terminal(&mut self, what: &TerminalOutput) {
        match what {
            TerminalOutput::Watch => self.words(&[1]),
            TerminalOutput::Unwatch => self.words(&[2]),
            TerminalOutput::Snapshot { history_lines } => self.words(&[3, (*history_lines).into()]),
            TerminalOutput::Write(bytes) => self.words(&[4, len(bytes)]),
            TerminalOutput::Resize(size) => self.words(&[5, size.cols().into(), size.rows().into()]),
            TerminalOutput::ReleaseSize => self.words(&[6]),
            TerminalOutput::ReadScreen => self.words(&[7]),
        }
    }

    fn frame(&mut self, frame: &ViewerOutput) {
        match frame {
            ViewerOutput::Attached { stream, node, terminal, generation, offset, input_seq, .. } => {
                self.words(&[1, stream.0.into(), short(&node.0), terminal.agent.0, terminal.pane.into()]);
                self.words(&[generation.0, *offset, *input_seq]);
            }
            ViewerOutput::Data { stream, offset, bytes } => self.words(&[2, stream.0.into(), *offset, len(&**bytes)]),
            ViewerOutput::Snapshot { stream, offset, size, bytes, .. } => {
                self.words(&[3, stream.0.into(), *offset, size.cols().into(), size.rows().into(), len(&**bytes)]);
            }
            ViewerOutput::Size { stream, size, holder } => {
                self.words(&[4, stream.0.into(), size.cols().into(), size.rows().into(), *holder as u64]);
            }
            ViewerOutput::InputAck { stream, seq } => self.words(&[5, stream.0.into(), *seq]),
            ViewerOutput::InputLost { stream, seq, message } => {
                self.words(&[6, stream.0.into(), *seq, len(message)]);
            }
            ViewerOutput::Ended { stream, reason } => self.words(&[7, stream.0.into(), *reason as u64]),
        }
    }

    fn operation(&mut self, operation: &BackendOperation) {
        match operation {
            BackendOperation::ReadStart(spec) => self.words(&[9, spec.agent.0]),
            BackendOperation::Launch(spec) => {
                let texts = [&spec.name, &spec.directory].into_iter().chain(&spec.program).chain(&spec.args);
                self.words(&[1, spec.agent.0, spec.backend as u64]);
                texts.chain(spec.env.iter().flat_map(|(name, value)| [name, value])).for_each(|text| {
                    self.words(&[len(text)]);
                });
            }
            BackendOperation::Kill(agent) => self.words(&[2, agent.0]),
            BackendOperation::Rename(agent, name) => self.words(&[3, agent.0, len(name)]),
            BackendOperation::Mark(agent) => self.words(&[4, agent.0]),
            BackendOperation::Paste { terminal, text, submit } => {
                self.words(&[5, terminal.agent.0, terminal.pane.into(), len(text), (*submit).into()]);
            }
            BackendOperation::Type { terminal, bytes } => {
                self.words(&[7, terminal.agent.0, terminal.pane.into(), len(bytes)]);
            }
            BackendOperation::ReadProcess { terminal } => {
                self.words(&[8, terminal.agent.0, terminal.pane.into()]);
            }
            BackendOperation::ReadText { terminal, history_lines } => {
                self.words(&[6, terminal.agent.0, terminal.pane.into(), (*history_lines).into()]);
            }
        }
    }

    fn reply(&mut self, reply: &Reply) {
        match reply {
            Reply::Agent(agent) => self.words(&[1, short(&agent.node.0), agent.agent.0]),
            Reply::Deleted(agent) => self.words(&[2, short(&agent.node.0), agent.agent.0]),
            Reply::Node(node) => self.words(&[3, short(&node.0)]),
            Reply::Notes { revision } => self.words(&[4, *revision]),
            Reply::NotesText { notes, revision } => self.words(&[5, len(notes), *revision]),
            Reply::Pasted { bytes, submitted } => self.words(&[6, *bytes as u64, (*submitted).into()]),
            Reply::Text(text) => self.words(&[7, len(&text.text)]),
            Reply::Answered => self.words(&[9]),
            Reply::Explained { rules, evidence } => self.words(&[10, len(rules), evidence.len() as u64]),
            Reply::Process(process) => self.words(&[14, len(&process.directory), process.args.len() as u64]),
            Reply::Start(info) => {
                let id = info.session.as_ref().map_or(0, |session| len(&session.id));
                self.words(&[15, id, info.command.len() as u64, len(&info.why)]);
            }
            Reply::Sent { bytes, submitted } => self.words(&[13, *bytes as u64, (*submitted).into()]),
            Reply::Queued { number, ahead } => self.words(&[11, *number, *ahead as u64]),
            Reply::Queue { texts, held } => {
                self.words(&[12, texts.len() as u64, len(held)]);
                texts.iter().for_each(|text| self.words(&[text.number, len(&text.text)]));
            }
            Reply::Programs(known) => self.words(&[13, len(&known.path), known.programs.len() as u64]),
            Reply::Directory(listing) => self.words(&[8, len(&listing.path), listing.entries.len() as u64]),
        }
    }

    fn event(&mut self, event: &Event) {
        self.words(&[13]);
        match event {
            Event::AgentChanged(agent) => self.words(&[1, short(&agent.node.0), agent.agent.0]),
            Event::AgentRemoved(agent) => self.words(&[2, short(&agent.node.0), agent.agent.0]),
            Event::CategoriesChanged => self.words(&[3]),
            Event::NodeChanged(node) => self.words(&[4, short(&node.0)]),
            Event::NodeRemoved(node) => self.words(&[5, short(&node.0)]),
            Event::LinkFault(node, fault) => self.words(&[6, short(&node.0), len(fault.to_string())]),
            Event::Attached(by, terminal) => self.words(&[7, who(by), terminal.agent.0, terminal.pane.into()]),
            Event::Typed(by, terminal, bytes) => {
                self.words(&[8, who(by), terminal.agent.0, terminal.pane.into(), *bytes]);
            }
            Event::Acted(node, act, result) => {
                self.words(&[9, short(&node.0), len(act.what), result.as_ref().err().map_or(0, refused)]);
            }
        }
    }
}

fn len(bytes: impl AsRef<[u8]>) -> u64 {
    bytes.as_ref().len() as u64
}

fn refused(refusal: &Refusal) -> u64 {
    1 + len(refusal.code.clone().into_name().as_bytes()) + (len(&refusal.message) << 16) + (len(&refusal.hint) << 40)
}

/// The beginning of an id.
fn short(id: &[u8; 32]) -> u64 {
    id.iter().take(8).fold(0, |word, byte| word << 8 | u64::from(*byte))
}

fn who(who: &Who) -> u64 {
    match who {
        Who::Viewer(id) => id.0,
        Who::Node(id) => short(&id.0),
    }
}
