//! The routes between viewers, streams, circuits and the mesh.

use super::Node;
use crate::circuits::{Carrier, News};
use crate::command::Rights;
use crate::id::{AgentAddress, CommandId, NodeId, StreamId, ViewerId};
use crate::input::ViewerInput;
use crate::mesh::facts::Key;
use crate::mesh::{Mesh, MeshNews};
use crate::output::{EndReason, Event, Output};
use crate::streams::{Attach, Onlooker, Typed};
use alloc::vec::Vec;

/// The mesh carries circuits.
impl Carrier for Mesh {
    fn send(&mut self, to: NodeId, body: Vec<u8>) -> bool {
        Mesh::send(self, to, body)
    }

    fn room_towards(&self, to: NodeId) -> bool {
        Mesh::room_towards(self, to)
    }

    fn is_reachable(&self, node: NodeId) -> bool {
        Mesh::is_reachable(self, node)
    }

    fn rights_of(&self, node: NodeId) -> Option<Rights> {
        Mesh::rights_of(self, node)
    }

    fn name_of(&self, node: NodeId) -> Option<&str> {
        self.facts().node(node).map(|fact| &*fact.name)
    }

    fn want_direct(&mut self, node: NodeId, wanted: bool) {
        Mesh::want_direct(self, node, wanted);
    }
}

impl Node {
    /// Something that a viewer did, of this node or of another.
    pub(super) fn viewer(&mut self, id: Onlooker, input: ViewerInput<'_>) {
        if let Some(stream) = stream_of(&input)
            && let Onlooker::Here(viewer) = id
            && let Some(route) = self.streams.remote(viewer, stream)
        {
            return self.remote_stream((viewer, stream), route, input);
        }
        let (now, out) = (self.now, &mut self.outputs);
        match input {
            ViewerInput::Opened(key) => self.streams.open(id, key),
            ViewerInput::Writable => self.streams.writable(id),
            ViewerInput::Attach { stream, agent, pane, from, size, take } => {
                self.attach(id, (agent, pane), Attach { stream, from, size, take });
            }
            ViewerInput::Resize { stream, size, take } => self.streams.take_size((id, stream), size, take, out),
            ViewerInput::Release(stream) => self.streams.release_size((id, stream), out),
            ViewerInput::Ack { stream, offset } => self.streams.ack(id, stream, offset),
            ViewerInput::Input { stream, heard, seq, bytes } => {
                if let Some(terminal) = self.streams.shown_by((id, stream)) {
                    self.directory.typed(now, terminal, out);
                }
                self.streams.type_in(now, id, stream, Typed { heard, seq, bytes }, out);
            }
            ViewerInput::Detach(stream) => self.streams.detach(now, id, stream, out),
            ViewerInput::Seen(agent) if agent.node == self.identity.id => {
                self.directory.looked_at(now, agent.agent, out);
            }
            ViewerInput::Seen(agent) => {
                if let Onlooker::Here(_) = id {
                    self.circuits.seen(now, agent, &self.mesh);
                }
            }
            ViewerInput::Closed => {
                self.streams.close(now, id, out);
                if let Onlooker::Here(viewer) = id {
                    self.circuits.close(viewer);
                }
            }
        }
    }

    fn attach(&mut self, id: Onlooker, (agent, pane): (AgentAddress, Option<u32>), attach: Attach) {
        let (now, own) = (self.now, self.identity.id);
        match id {
            Onlooker::Here(viewer) if agent.node != own => self.attach_remote(viewer, (agent, pane), attach),
            Onlooker::Here(_) | Onlooker::There(..) => {
                let target = match agent.node == own {
                    true => self.directory.target(agent.agent, pane),
                    // Nobody leads on from here.
                    false => Err(EndReason::Unknown),
                };
                self.streams.attach(now, id, attach, target, &mut self.outputs);
                self.directory.looked_at(now, agent.agent, &mut self.outputs);
            }
        }
    }

    fn attach_remote(&mut self, viewer: ViewerId, (agent, pane): (AgentAddress, Option<u32>), attach: Attach) {
        let (now, out) = (self.now, &mut self.outputs);
        let (node, key) = (agent.node, (Onlooker::Here(viewer), attach.stream));
        if self.mesh.rights_of(node).is_none() {
            self.streams.detach(now, key.0, key.1, out);
            return self.streams.refuse(key, EndReason::Unknown);
        }
        let line = self.circuits.next_line();
        let Some(who) = self.streams.attach_remote(now, (viewer, attach.stream), (node, line), out) else { return };
        if !self.circuits.attach(now, (viewer, who, line), (agent, pane), attach) {
            self.streams.refuse(key, EndReason::TooMany);
        }
    }

    /// Something that a viewer did with a stream of another node.
    fn remote_stream(
        &mut self,
        (viewer, stream): (ViewerId, StreamId),
        route: (NodeId, StreamId),
        input: ViewerInput<'_>,
    ) {
        match input {
            // What had the number before is left first.
            ViewerInput::Attach { .. } => {
                self.circuits.viewer(viewer, route, ViewerInput::Detach(stream));
                self.streams.detach(self.now, Onlooker::Here(viewer), stream, &mut self.outputs);
                self.viewer(Onlooker::Here(viewer), input);
            }
            ViewerInput::Detach(_) => {
                self.circuits.viewer(viewer, route, input);
                self.streams.detach(self.now, Onlooker::Here(viewer), stream, &mut self.outputs);
            }
            input => self.circuits.viewer(viewer, route, input),
        }
    }

    /// News go from the mesh to the others, here and nowhere else.
    pub(super) fn hear_mesh(&mut self) {
        while let Some(news) = self.mesh.poll_news() {
            let now = self.now;
            match news {
                MeshNews::Arrived(parcel) => {
                    let mut plain = Vec::new();
                    let parcel = (parcel.from, &parcel.body[..]);
                    let news = self.circuits.arrived(now, parcel, &mut plain, &mut self.mesh);
                    self.hear_circuits(news);
                }
                MeshNews::Undeliverable(node) | MeshNews::Unreachable(node) => {
                    let news = self.circuits.lost(now, node);
                    self.hear_circuits(news);
                }
                MeshNews::Reachable(node) | MeshNews::Rerouted(node) => self.circuits.rerouted(node),
                MeshNews::Removed(node) | MeshNews::NodeFact(node) => {
                    let news = self.circuits.node_changed(now, node, &self.mesh);
                    self.hear_circuits(news);
                }
                MeshNews::AgentFact(..) => {}
            }
        }
    }

    /// News go from the circuits to the others, here and nowhere else.
    pub(super) fn hear_circuits(&mut self, news: Vec<News<'_>>) {
        for piece in news {
            match piece {
                News::Viewer(onlooker, input) => self.viewer(onlooker, input),
                News::RefuseInput(onlooker, stream, typed) => {
                    self.streams.refuse_input(self.now, (onlooker, stream), typed, &mut self.outputs);
                }
                News::Command { of, number, command } => {
                    let id = self.circuits.ticket(of, number, &command);
                    self.directory.command(self.now, id, command, &mut self.outputs);
                }
                News::Refused(by, act, refusal) => {
                    self.outputs.push_back(Output::Event(Event::Acted(by, act, Err(refusal))));
                }
                News::Frame(viewer, stream, frame) => self.streams.deliver(viewer, stream, frame),
                News::Lost(viewer, stream) => {
                    self.streams.detach(self.now, Onlooker::Here(viewer), stream, &mut self.outputs);
                    self.streams.refuse((Onlooker::Here(viewer), stream), EndReason::Unknown);
                }
                News::Reply(id, result, fact) => {
                    if let Some((key, fact)) = fact {
                        self.mesh.learn(key, fact);
                    }
                    self.outputs.push_back(Output::Reply(id, result));
                }
            }
        }
    }

    /// Answers to commands of other nodes go to them, with what is known of the agent since.
    pub(super) fn answer_others(&mut self) {
        if !self.circuits.has_tickets() {
            return;
        }
        for output in core::mem::take(&mut self.outputs) {
            match output {
                Output::Reply(id, result) if id.0 >= CommandId::OF_OTHERS => {
                    let agent = match &result {
                        Ok(crate::Reply::Agent(address) | crate::Reply::Deleted(address)) => Some(*address),
                        Ok(_) | Err(_) => None,
                    };
                    let key = agent.map(|address| Key::Agent(address.node, address.agent));
                    let fact = key.and_then(|key| self.mesh.facts().get(&key).cloned());
                    let outcome = result.as_ref().map(drop).map_err(Clone::clone);
                    if let Some((by, mut act)) = self.circuits.answer(id, result, fact) {
                        act.agent = act.agent.or(agent.map(|address| address.agent));
                        if !act.reads || outcome.is_err() {
                            self.outputs.push_back(Output::Event(Event::Acted(by, act, outcome)));
                        }
                    }
                }
                output => self.outputs.push_back(output),
            }
        }
    }

    /// Sends what viewers and links have room for, until nothing moves any more.
    pub(super) fn exchange(&mut self) {
        let now = self.now;
        loop {
            self.streams.flush(now, &mut self.outputs);
            while let Some(onlooker) = self.streams.take_calling() {
                self.circuits.calls(onlooker);
            }
            for delivered in self.streams.take_delivered() {
                self.circuits.delivered(delivered);
            }
            let sent = self.circuits.flush(now, &mut self.mesh, &mut self.streams, &mut self.outputs);
            self.mesh.flush(now, &mut self.outputs);
            if !sent && self.streams.is_settled() {
                break;
            }
        }
    }
}

/// The stream that something is done with.
fn stream_of(input: &ViewerInput<'_>) -> Option<StreamId> {
    match *input {
        ViewerInput::Attach { stream, .. }
        | ViewerInput::Resize { stream, .. }
        | ViewerInput::Release(stream)
        | ViewerInput::Ack { stream, .. }
        | ViewerInput::Input { stream, .. }
        | ViewerInput::Detach(stream) => Some(stream),
        ViewerInput::Opened(_) | ViewerInput::Writable | ViewerInput::Seen(_) | ViewerInput::Closed => None,
    }
}
