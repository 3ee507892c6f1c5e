//! One terminal as a page sees it. Every frame is checked: data is contiguous and what the script says, snapshots show a true
//! moment, nothing comes unasked.

use super::typist::Typist;
use crate::failure::{Checked, must};
use crate::host::Hosts;
use crate::ledger::{Ledger, Place};
use crate::script::{self, Picture};
use consort_core::output::Holder;
use consort_core::{AgentAddress, EndReason, Generation, Size, StreamId, TerminalId, limits};

/// A page's wish to see a terminal, and what it has got.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) agent: AgentAddress,
    /// `None`: the active one, until the node has said which that is.
    pub(crate) pane: Option<u32>,
    /// Its number on the present connection.
    pub(crate) number: Option<StreamId>,
    pub(crate) attached: Option<TerminalId>,
    /// `Attached` and `InputLost` that came under this number.
    pub(crate) heard: u32,
    /// It is another node's.
    remote: bool,
    /// Data must not come before a snapshot.
    needs_snapshot: bool,
    pub(crate) position: Option<Position>,
    pub(crate) size: Option<Size>,
    pub(crate) holder: Holder,
    /// The sizes one of which counts if this page holds the lease.
    pub(crate) wishes: Vec<Size>,
    pub(crate) typist: Typist,
}

/// What the screen shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Position {
    pub(crate) generation: Generation,
    /// In core's numbering.
    pub(crate) offset: u64,
    pub(crate) life: u64,
    /// In the script's numbering.
    pub(crate) printed: u64,
    /// The history was not shortened.
    pub(crate) full: bool,
    /// Interruptions of the output before it.
    gaps: u32,
    pub(crate) size: Size,
}

/// What `Attached` says.
pub(crate) struct Attachment {
    pub(crate) terminal: TerminalId,
    pub(crate) generation: Generation,
    pub(crate) offset: u64,
    pub(crate) size: Size,
    pub(crate) holder: Holder,
}

impl Stream {
    pub(crate) fn new(agent: AgentAddress, pane: Option<u32>, remote: bool) -> Self {
        Stream {
            agent,
            pane,
            number: None,
            attached: None,
            heard: 0,
            remote,
            needs_snapshot: true,
            position: None,
            size: None,
            holder: Holder::Nobody,
            wishes: Vec::new(),
            typist: Typist::new(),
        }
    }

    /// Which terminal it shows, or is going to.
    pub(crate) fn place(&self) -> Option<Place> {
        let place = |pane| Place { node: self.agent.node, terminal: TerminalId { agent: self.agent.agent, pane } };
        self.pane.map(place)
    }

    /// The connection is gone; what the screen shows stays.
    pub(crate) fn disconnect(&mut self) {
        self.number = None;
        self.attached = None;
        self.wishes.clear();
    }

    /// The node has opened the stream. What was typed for another numbering (another life, or one that the node has forgotten)
    /// is not repeated.
    pub(crate) fn attached(&mut self, ledger: &mut Ledger, said: &Attachment) -> Checked {
        if self.position.is_some_and(|position| position.generation != said.generation) {
            self.typist.give_up(ledger)?;
        }
        // What another node shows is attached again when the way to it changes.
        must!(self.attached.is_none() || self.remote, "{:?} was attached twice", self.number);
        must!(said.terminal.agent == self.agent.agent, "asked for {:?}, got {:?}", self.agent, said.terminal);
        must!(
            self.pane.is_none_or(|pane| pane == said.terminal.pane),
            "got {:?} instead of the asked pane",
            said.terminal
        );
        self.attached = Some(said.terminal);
        self.pane = Some(said.terminal.pane);
        self.size = Some(said.size);
        self.holder = said.holder;
        self.position = self.position.filter(|position| position.generation == said.generation);
        self.needs_snapshot = self.position.is_none_or(|position| position.offset != said.offset);
        Ok(())
    }

    pub(crate) fn data(&mut self, hosts: &Hosts, offset: u64, bytes: &[u8]) -> Checked {
        must!(!self.needs_snapshot, "data at {offset} before the snapshot that it follows");
        let Some(position) = &mut self.position else { unreachable!("no snapshot is needed, so there was one") };
        must!(offset == position.offset, "data at {offset} follows {}", position.offset);
        let life = position.life;
        must!(
            script::matches(life, position.printed, bytes),
            "data at {offset} is not what life {life} printed at {}",
            position.printed
        );
        position.offset += bytes.len() as u64;
        position.printed += bytes.len() as u64;
        let printed = hosts.life(life).map_or(0, |life| life.printed);
        must!(position.printed <= printed, "data at {offset} is from the future of life {life}");
        Ok(())
    }

    pub(crate) fn snapshot(
        &mut self,
        hosts: &Hosts,
        (generation, offset): (Generation, u64),
        size: Size,
        bytes: &[u8],
    ) -> Checked {
        let picture = Picture::decode(bytes);
        must!(picture.is_some(), "a snapshot of {} bytes was mutilated", bytes.len());
        let Some(picture) = picture else { return Ok(()) };
        let life = hosts.life(picture.life);
        let shown = life.map(|life| (life.node, life.terminal));
        let wanted = self.attached.map(|terminal| (self.agent.node, terminal));
        must!(shown == wanted, "a snapshot of {shown:?} for {wanted:?}");
        must!(picture.size == size, "a snapshot for {:?} was sent as one for {size:?}", picture.size);
        must!(life.is_some_and(|life| picture.printed <= life.printed), "a snapshot from the future");
        if let Some(before) = self.position.filter(|before| before.life == picture.life) {
            must!(
                before.printed <= picture.printed,
                "the screen went back from {} to {}",
                before.printed,
                picture.printed
            );
        }
        self.needs_snapshot = false;
        self.size = Some(size);
        self.position = Some(Position {
            generation,
            offset,
            life: picture.life,
            printed: picture.printed,
            full: picture.history_lines == limits::SNAPSHOT_HISTORY_LINES,
            gaps: picture.gaps,
            size,
        });
        Ok(())
    }

    /// The end: it must be true, and the last words must have been delivered to whoever could still get them.
    pub(crate) fn ended(&mut self, hosts: &Hosts, ledger: &mut Ledger, reason: EndReason) -> Checked {
        let Some(terminal) = self.attached else { return self.typist.give_up(ledger) };
        // A node that is removed takes its terminals along.
        let unknown = self.remote && reason == EndReason::Unknown;
        must!(reason == EndReason::Exited || unknown, "{terminal:?} was attached and ended as {reason:?}");
        // So may a copy of a node that never had them.
        if unknown || hosts.iter().filter(|host| host.id == self.agent.node).count() > 1 {
            return self.typist.give_up(ledger);
        }
        if let Some(position) = self.position.filter(|_| !self.needs_snapshot) {
            let life = hosts.life(position.life);
            must!(
                life.is_some_and(|life| life.ended || life.was_away()),
                "{terminal:?} was said to have ended and lives"
            );
            let missing = life.map_or(0, |life| life.printed) - position.printed;
            // What was on its way from another node when the way broke is gone with the terminal.
            let whole = !self.remote && life.is_some_and(|life| life.ended && position.gaps == life.gaps);
            must!(
                !whole || missing == 0 || missing > limits::RING_BYTES as u64 / 2,
                "the last {missing} bytes of {terminal:?} were not delivered"
            );
        }
        // The word that input was written may have been lost with the way.
        if self.remote { self.typist.give_up(ledger) } else { self.typist.abandon(ledger) }
    }
}
