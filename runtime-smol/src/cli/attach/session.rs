//! One agent's terminal in the user's: the viewer's side of the stream protocol, without any input or output of its own.
//!
//! Whoever runs a session tells it what happened ([`connected`](Session::connected), [`text`](Session::text),
//! [`typed`](Session::typed) …) and then does what [`Session::poll`] says until it says nothing more.

use super::filter::{CLEAR, CUT_OFF, Filter, RESET_MODES, default_tab_stops};
use super::typing::Typing;
use super::wire::{self, Frame, From, OfNode, Size, ToNode};
use crate::cli::api::Machine;
use crate::cli::failure::Failure;
use crate::cli::text::{age, cut, one_line};
use memchr::memmem;
use std::collections::VecDeque;
use std::time::Duration;

/// How a tmux's snapshot says which cursor comes back when the alternate screen is left once more.
const ENTERED_AND_LEFT: &[u8] = b"\x1b[?1049h\x1b[?1049l";

/// Said while there is no connection.
const UNREACHABLE: &str = "no answer from the node; trying again";
/// Said when there is one again.
const BACK: &str = "the node answers again";

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Send a text message.
    Text(String),
    /// Send a binary message.
    Binary(Vec<u8>),
    /// Write to the user's terminal, then say [`Session::painted`] with the mark.
    Paint { bytes: Vec<u8>, upto: Option<Mark> },
    /// What waits to be written is out of date.
    ForgetPaint,
    /// Say [`Session::notice_over`] in a few seconds.
    EndNoticeSoon,
    /// Output waits behind the notice: say it as soon as the notice could be read.
    EndNotice,
    /// This is over.
    End(End),
}

/// An offset of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    stream: u32,
    offset: u64,
}

/// Why a session is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The agent's terminal has ended; the node's words.
    Exited(String),
    /// Something refused to go on.
    Failed(Failure),
}

/// What to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its id.
    pub(crate) agent: String,
    /// What people call it.
    pub(crate) name: String,
    /// Which of its terminals; `None` is the active one.
    pub(crate) pane: Option<u32>,
}

impl Target {
    /// The id of its machine, if that is another one than this.
    fn far(&self) -> Option<&str> {
        self.agent.split_once('@').map(|(_, node)| node)
    }
}

/// One line over the bottom of the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Notice {
    text: String,
    /// It stays until what it says is over; others until a key, output or a few seconds.
    lasting: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Session {
    target: Target,
    viewer: String,
    /// Which key detaches, in words.
    detaches: String,
    greeted: bool,
    /// What the machine of the agent is called, if it is another one.
    machine: String,
    /// For how long that has been out of reach.
    away: Option<Duration>,
    /// This machine may only look there.
    looks_only: bool,
    size: Size,
    /// Whether our size counts.
    holds_size: bool,
    /// The foreign size that the user was told about.
    told_size: Option<Size>,
    link: Link,
    /// The last stream number used.
    stream: u32,
    /// What has arrived: the life of the numbering and the offset of the next byte.
    seen: Option<From>,
    typing: Typing,
    /// How many `attached` and `input-lost` the stream had: what is typed counts only if it knows of all.
    heard: u32,
    filter: Filter,
    notice: Option<Notice>,
    /// The screen shows something that is not the agent's, or misses something that is.
    stale: bool,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Down,
    /// `attach` is sent on a new connection and not answered.
    Attaching,
    /// `attach` is sent for a new picture and not answered; the connection is the same.
    Refreshing,
    Attached,
}

impl Session {
    /// A session of the viewer with this random key; `detaches` says which key does.
    pub(super) fn new(target: Target, viewer: String, detaches: String, size: Size) -> Self {
        Session {
            target,
            viewer,
            detaches,
            greeted: false,
            machine: String::new(),
            away: None,
            looks_only: false,
            size,
            holds_size: false,
            told_size: None,
            link: Link::Down,
            stream: 0,
            seen: None,
            typing: Typing::default(),
            heard: 0,
            filter: Filter::new(size.cols),
            notice: None,
            stale: false,
            actions: VecDeque::new(),
        }
    }

    /// What to do next.
    pub(super) fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// How many more typed bytes are taken.
    pub(super) fn room(&self) -> usize {
        self.typing.room()
    }

    /// Bytes that were typed and not sent.
    pub(super) fn unsent(&self) -> usize {
        self.typing.unsent()
    }

    /// Bytes that were typed and of which nobody has said that they are written.
    pub(super) fn unconfirmed(&self) -> usize {
        let sent: usize = self.typing.unacknowledged().map(|(_, bytes)| bytes.len()).sum();
        sent + self.typing.unsent()
    }

    pub(super) fn is_connected(&self) -> bool {
        self.link != Link::Down
    }

    /// Whether the user's terminal has other tab stops than it came with.
    pub(super) fn has_changed_tab_stops(&self) -> bool {
        self.filter.has_changed_tab_stops()
    }

    /// Whether the agent's machine cannot be reached from the node.
    pub(super) fn is_away(&self) -> bool {
        self.away.is_some()
    }

    /// Somebody is there who takes what is typed.
    pub(super) fn is_answered(&self) -> bool {
        self.is_connected() && !self.is_away()
    }

    /// So much time has passed: who is away is so for longer.
    pub(super) fn time_passes(&mut self, time: Duration) {
        if let Some(away) = &mut self.away {
            *away += time;
            if self.is_connected() {
                self.show_away();
            }
        }
    }

    fn show_away(&mut self) {
        let Some(away) = self.away else { return };
        let mut text = format!("{} cannot be reached for {}", self.machine, age(away.as_millis() as u64));
        match self.unconfirmed() {
            0 => {}
            bytes => text += &format!("; {bytes} bytes typed wait for it"),
        }
        self.show(Notice { text: format!("{text}; {}", self.detaches), lasting: true });
    }

    /// The machines, as the node sees them now.
    fn nodes(&mut self, machines: &[Machine]) {
        let Some(there) = self.target.far().and_then(|id| machines.iter().find(|machine| machine.id == id)) else {
            return;
        };
        self.machine = if there.name.is_empty() { there.short().to_string() } else { one_line(&there.name) };
        self.looks_only = machines.iter().any(|machine| machine.own && machine.rights == "view");
        if !there.reachable {
            self.away = Some(Duration::from_millis(there.since_ms));
            self.show_away();
        } else if self.away.take().is_some() && self.notice.as_ref().is_some_and(|notice| notice.lasting) {
            let text = format!("{} is back", self.machine);
            self.show_notice(text);
        }
    }

    /// A new connection: introduce yourself and go on where the last one broke off.
    pub(super) fn connected(&mut self) {
        self.send(&ToNode::Hello { protocol: wire::PROTOCOL, viewer: &self.viewer.clone() });
        // A person at a terminal who attaches wants the size; one who only comes back takes it if nobody else has.
        self.attach(if self.greeted { "if-free" } else { "always" });
        self.link = Link::Attaching;
    }

    /// The connection is gone.
    pub(super) fn disconnected(&mut self) {
        self.link = Link::Down;
        self.holds_size = false;
    }

    /// There has been no new connection at once: the user should know.
    pub(super) fn unreachable(&mut self) {
        if self.notice.as_ref().is_none_or(|notice| notice.text != UNREACHABLE) {
            self.show(Notice { text: UNREACHABLE.into(), lasting: true });
        }
    }

    /// A text message came.
    pub(super) fn text(&mut self, message: &str) {
        match serde_json::from_str(message) {
            Ok(message) => self.control(message),
            Err(error) => self.fail(Failure::new(format!("The node's message is not understood: {error}"))),
        }
    }

    fn control(&mut self, message: OfNode) {
        match message {
            OfNode::Welcome { protocol } if protocol == wire::PROTOCOL => {}
            OfNode::Welcome { protocol } => self.fail(
                Failure::new(format!(
                    "The node speaks version {protocol} of the protocol, this command {}.",
                    wire::PROTOCOL
                ))
                .hint("Restart the node so that both are of the same version."),
            ),
            OfNode::Attached { s, terminal, input_seq, input_known, holder, .. } if s == self.stream => {
                self.target.pane = Some(terminal);
                self.holds_size = holder == "you";
                self.link = Link::Attached;
                if self.notice.as_ref().is_some_and(|notice| notice.text == UNREACHABLE) {
                    self.show_notice(BACK.into());
                }
                self.heard += 1;
                self.settle_input(input_seq, input_known);
                self.send_typed();
            }
            OfNode::Nodes { all } => self.nodes(&all),
            OfNode::Size { s, holder, .. } if s == self.stream => self.holds_size = holder == "you",
            OfNode::InputAck { seq, .. } => {
                self.typing.acknowledged(seq);
                self.send_typed();
            }
            OfNode::InputLost { s, seq, message } if s == self.stream => {
                self.heard += 1;
                let bytes = self.typing.lost(seq);
                if bytes > 0 {
                    self.show_notice(format!("not typed ({bytes} bytes): {}", one_line(&message)));
                }
                self.send_typed();
            }
            OfNode::Ended { s, reason, message } if s == self.stream => self.ended(&reason, &message),
            OfNode::Error { message, hint } => {
                self.fail(Failure::new(one_line(&message)).hint(one_line(&hint.unwrap_or_default())));
            }
            OfNode::Attached { .. }
            | OfNode::Size { .. }
            | OfNode::InputLost { .. }
            | OfNode::Ended { .. }
            | OfNode::Other => {}
        }
    }

    /// After `attached`: what the owner has not written is repeated if it knows what it wrote, and told as uncertain if not.
    fn settle_input(&mut self, input_seq: u64, input_known: bool) {
        if input_known {
            self.typing.acknowledged(input_seq);
        } else if self.typing.is_open() {
            let bytes = self.typing.lost(input_seq.saturating_add(1));
            return self.show_notice(format!("the last {bytes} bytes that you typed may not have arrived"));
        }
        let (stream, heard) = (self.stream, self.heard);
        let again = self.typing.unacknowledged();
        self.actions.extend(again.map(|(seq, bytes)| Action::Binary(wire::input(stream, heard, seq, bytes))));
    }

    fn ended(&mut self, reason: &str, message: &str) {
        let message = one_line(message);
        let name = &self.target.name;
        let end = match reason {
            "exited" if message.is_empty() => End::Exited(format!("{name} has ended")),
            "exited" => End::Exited(format!("{name} has ended: {message}")),
            _ if message.is_empty() => {
                End::Failed(Failure::new(format!("{name} cannot be shown ({}).", one_line(reason))))
            }
            _ => End::Failed(Failure::new(message)),
        };
        self.actions.push_back(Action::End(end));
    }

    /// A binary message came.
    pub(super) fn binary(&mut self, message: &[u8]) {
        match Frame::decode(message) {
            Some(Frame::Data { s, offset, bytes }) if s == self.stream => self.data(offset, bytes),
            Some(Frame::Snapshot { s, offset, generation, cols, rows, bytes }) if s == self.stream => {
                self.seen = Some(From { generation: format!("{generation:016x}"), offset });
                self.snapshot(offset, Size { cols, rows }, bytes);
            }
            // Of a stream that we have just left.
            Some(_) => {}
            None => self.fail(Failure::new("The node sent a frame that is not understood.")),
        }
    }

    fn data(&mut self, offset: u64, bytes: &[u8]) {
        if self.notice.is_some() && self.stale {
            // It could scroll the notice's line away: the picture that follows the notice has all of it.
            return self.actions.push_back(Action::EndNotice);
        }
        let Some(seen) = &mut self.seen else { return self.refresh() };
        // What we have already is skipped; what is missing cannot be guessed.
        let Some(known) = seen.offset.checked_sub(offset) else { return self.refresh() };
        let Some(fresh) = usize::try_from(known).ok().and_then(|known| bytes.get(known..)) else { return };
        seen.offset += fresh.len() as u64;
        let upto = Some(Mark { stream: self.stream, offset: seen.offset });
        let mut painted = Vec::with_capacity(fresh.len());
        self.filter.feed(fresh, &mut painted);
        self.actions.push_back(Action::Paint { bytes: painted, upto });
        if self.filter.take_left_alternate() {
            self.refresh();
        }
    }

    /// The whole screen anew, as one picture.
    fn snapshot(&mut self, offset: u64, size: Size, bytes: &[u8]) {
        let before = std::mem::replace(&mut self.filter, Filter::new(self.size.cols));
        let tab_stops = if before.has_changed_tab_stops() { default_tab_stops(self.size.cols) } else { Vec::new() };
        self.stale = false;
        let mut picture = Vec::with_capacity(bytes.len());
        // There is only one screen here, and it shows what is to be seen already: entering the other one would erase it.
        let (text, rest) = match memmem::find(bytes, ENTERED_AND_LEFT) {
            Some(at) => (&bytes[..at], &bytes[at + ENTERED_AND_LEFT.len()..]),
            None => (bytes, &[][..]),
        };
        self.filter.feed(text, &mut picture);
        self.filter.feed(rest, &mut picture);
        self.filter.take_left_alternate();
        // In one go, unless it ends within a sequence, where nothing may be added.
        let (begin, end): (&[u8], &[u8]) =
            if self.filter.is_at_rest() { (b"\x1b[?2026h", b"\x1b[?2026l") } else { (b"", b"") };
        let painted = [CUT_OFF, RESET_MODES, begin, &tab_stops, CLEAR, &picture, end].concat();
        self.actions.push_back(Action::ForgetPaint);
        self.actions.push_back(Action::Paint { bytes: painted, upto: Some(Mark { stream: self.stream, offset }) });
        let first = !std::mem::replace(&mut self.greeted, true);
        let foreign = self.foreign_size(size);
        match (first, foreign) {
            _ if self.is_away() => self.draw_notice(),
            (true, Some(foreign)) => self.show_notice(format!("{}; {foreign}", self.greeting())),
            (true, None) => self.show_notice(self.greeting()),
            (false, Some(foreign)) => self.show_notice(foreign),
            (false, None) => self.draw_notice(),
        }
    }

    fn greeting(&self) -> String {
        let (name, detaches) = (&self.target.name, &self.detaches);
        if self.looks_only {
            return format!("only looking at {name}: this machine may not type there — {detaches}");
        }
        format!("attached to {name} — {detaches}")
    }

    /// What to tell about a size that is not ours, once. While ours counts another one is on its way out.
    fn foreign_size(&mut self, size: Size) -> Option<String> {
        if size == self.size || self.holds_size {
            self.told_size = None;
            return None;
        }
        if self.told_size.replace(size) == Some(size) {
            return None;
        }
        let (Size { cols, rows }, own) = (size, self.size);
        Some(format!("its size is {cols}×{rows}, this window's {}×{}", own.cols, own.rows))
    }

    /// Everything before the mark is on the user's terminal.
    pub(super) fn painted(&mut self, mark: Mark) {
        if matches!(self.link, Link::Attached | Link::Refreshing) && mark.stream == self.stream {
            self.actions.push_back(Action::Binary(wire::ack(self.stream, mark.offset)));
        }
    }

    /// The user typed this; returns false if not all of it could be taken.
    pub(super) fn typed(&mut self, bytes: &[u8]) -> bool {
        if self.looks_only {
            self.show_notice(format!(
                "only looking: this machine may not type on {} — {}",
                self.machine, self.detaches
            ));
            return true;
        }
        let refused = self.typing.typed(bytes);
        self.send_typed();
        if self.is_away() {
            self.show_away();
        } else if self.notice.is_some() && self.is_connected() {
            self.notice_over();
        }
        refused == 0
    }

    fn send_typed(&mut self) {
        if self.link != Link::Attached {
            return;
        }
        while let Some((seq, bytes)) = self.typing.next() {
            self.actions.push_back(Action::Binary(wire::input(self.stream, self.heard, seq, &bytes)));
        }
    }

    /// The user's terminal has another size. It counts if we hold the size or nobody does.
    pub(super) fn resized(&mut self, size: Size) {
        if size == self.size {
            return;
        }
        self.size = size;
        self.filter.set_columns(size.cols);
        if self.is_connected() {
            self.send(&ToNode::Size { s: self.stream, take: "if-free", cols: size.cols, rows: size.rows });
        }
        // Ours counts: the new size comes with a new picture. Else the old size has to be painted anew.
        if !self.holds_size {
            self.refresh();
        }
    }

    /// The user's terminal lost what it showed: paint it anew.
    pub(super) fn refresh(&mut self) {
        self.stale = true;
        if self.link == Link::Attached {
            let left = self.stream;
            // In this order, so that the size is handed over and not let go.
            self.attach(if self.holds_size { "always" } else { "if-free" });
            self.link = Link::Refreshing;
            self.send(&ToNode::Detach { s: left });
        }
    }

    /// The notice has been there long enough.
    pub(super) fn notice_over(&mut self) {
        if self.is_connected() && self.notice.take_if(|notice| !notice.lasting).is_some() {
            self.refresh();
        }
    }

    /// Asks the node whether it is there; whatever it sends is the answer.
    pub(super) fn ping(&mut self) {
        self.send(&ToNode::Ping { id: 1 });
    }

    fn attach(&mut self, take: &str) {
        self.stream += 1;
        self.heard = 0;
        let from = if self.stale { None } else { self.seen.clone() };
        if from.is_none() {
            self.seen = None;
        }
        let agent = self.target.agent.clone();
        let (s, terminal, size) = (self.stream, self.target.pane, Some(self.size));
        self.send(&ToNode::Attach { s, agent: &agent, terminal, from, size, take });
        if !self.greeted {
            self.send(&ToNode::Seen { agent: &agent });
        }
    }

    /// Says something for a moment.
    fn show_notice(&mut self, text: String) {
        self.show(Notice { text, lasting: false });
    }

    fn show(&mut self, notice: Notice) {
        let passes = !notice.lasting;
        self.notice = Some(notice);
        self.draw_notice();
        if passes {
            self.actions.push_back(Action::EndNoticeSoon);
        }
    }

    fn draw_notice(&mut self) {
        if let Some(notice) = &self.notice
            && self.filter.is_at_rest()
        {
            let text = cut(&format!(" {} ", notice.text), usize::from(self.size.cols).saturating_sub(1), true);
            let bytes = format!("\x1b7\x1b[?6l\x1b[{};1H\x1b[0;7m\x1b[2K{text}\x1b[0m\x1b8", self.size.rows);
            self.actions.push_back(Action::Paint { bytes: bytes.into_bytes(), upto: None });
            self.stale = true;
        }
    }

    fn send(&mut self, message: &ToNode<'_>) {
        self.actions.push_back(Action::Text(message.to_json()));
    }

    fn fail(&mut self, failure: Failure) {
        self.actions.push_back(Action::End(End::Failed(failure)));
    }
}
