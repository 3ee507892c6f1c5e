//! Carries out operations: finds what their numbers choose, and does nothing if there is no such thing.

mod mesh;

use crate::backend::{QuestionNumber, host_of};
use crate::event::HostIndex;
use crate::failure::Checked;
use crate::host::Host;
use crate::marks::Mark;
use crate::op::{Op, take};
use crate::people::Request;
use crate::world::World;
use consort_core::{AgentAddress, AgentId, AgentView, Size};

/// Nothing takes longer than this, so that what is under way when faults end arrives within the bound. (The runtime itself ends a viewer that
/// is silent for 15 s.)
const SLOWEST_MS: u64 = 20_000;

/// Names that people choose from: a few, so that they collide.
const NAMES: [&str; 12] = [
    "a",
    "b",
    "customers-zoom-api",
    "customers-zoom-web",
    "customers-acme",
    "infra-db",
    "infra-db-replica-2",
    "lab",
    "größe-日本",
    "lab-one",
    "lab-two-three-four",
    "work-x",
];

fn name(choice: u8) -> String {
    NAMES[usize::from(choice) % NAMES.len()].to_string()
}

fn size(choice: u8) -> Size {
    Size::clamped(40 + u16::from(choice % 16) * 10, 10 + u16::from(choice / 16) * 3)
}

fn nth<T: Copy>(all: &[T], choice: u8) -> Option<T> {
    all.get(usize::from(choice).checked_rem(all.len())?).copied()
}

impl World {
    /// One operation.
    pub(crate) fn act(&mut self, op: Op) -> Checked {
        self.log.op(self.agenda.now(), || format!("{op:?}"));
        if !matches!(op, Op::Wait { .. } | Op::Go { .. }) {
            self.marks.add(self.agenda.now(), self.seat, || Mark::Op(format!("{op:?}")));
        }
        match op {
            Op::Wait { ms } => return self.run_for(u64::from(ms)),
            Op::Go { host } => self.seat = self.chosen_host(host),
            Op::LoseTmux => self.hosts[self.seat].backends.lose_tmux(&mut self.agenda),
            Op::FindTmux => self.hosts[self.seat].backends.find_tmux(&mut self.agenda),
            Op::FailOperations { count } => self.hosts[self.seat].backends.fail_operations = count,
            Op::SlowBackends { ms } => self.hosts[self.seat].backends.answer_ms = u64::from(ms).min(SLOWEST_MS),
            Op::SlowDisk { ms } => self.hosts[self.seat].disk_ms = u64::from(ms).min(SLOWEST_MS),
            Op::DiskFull { full } => self.hosts[self.seat].disk.full = full,
            Op::Crash { .. }
            | Op::PowerCut { .. }
            | Op::BackUp
            | Op::RollBack { .. }
            | Op::LoseDisk { .. }
            | Op::Sleep { .. }
            | Op::Clock { .. }
            | Op::Move { .. }
            | Op::Copy { .. }
            | Op::Betray { .. } => return self.act_on_machine(op),
            Op::CutLink { .. }
            | Op::HalfOpen { .. }
            | Op::StallLink { .. }
            | Op::NarrowLink { .. }
            | Op::FlowLinks
            | Op::Block { .. }
            | Op::Wall { .. }
            | Op::RefuseDials { .. }
            | Op::Split { .. }
            | Op::Join => self.act_on_network(op),
            Op::Pair { .. } | Op::Admit { .. } | Op::Remove { .. } => return self.act_on_members(op),
            Op::Print { .. }
            | Op::Flood { .. }
            | Op::Skip { .. }
            | Op::Pose { .. }
            | Op::ClosePane { .. }
            | Op::Reflow { .. }
            | Op::FailWrite { .. } => self.act_on_terminal(op),
            Op::Look { .. }
            | Op::End { .. }
            | Op::Appear { .. }
            | Op::OpenPane { .. }
            | Op::RenameOutside { .. }
            | Op::ShowElsewhere { .. } => self.act_on_session(op),
            Op::Connect { .. }
            | Op::Cut { .. }
            | Op::Read { .. }
            | Op::Acknowledge { .. }
            | Op::Attach { .. }
            | Op::AttachNowhere { .. }
            | Op::Detach { .. }
            | Op::Resize { .. }
            | Op::Release { .. }
            | Op::Seen { .. }
            | Op::Type { .. } => return self.act_in_page(op),
            Op::Answer { agent, late, twice } => return self.answer(agent, late, twice),
            Op::Create { .. }
            | Op::CreateAt { .. }
            | Op::Rename { .. }
            | Op::Tag { .. }
            | Op::Notes { .. }
            | Op::Start { .. }
            | Op::Stop { .. }
            | Op::Restart { .. }
            | Op::Delete { .. }
            | Op::Paste { .. }
            | Op::ReadText { .. }
            | Op::Nonsense { .. } => {
                if let Some(request) = self.request_of(op) {
                    return self.ask(self.seat, request);
                }
            }
        }
        Ok(())
    }

    fn act_on_terminal(&mut self, op: Op) {
        let lives: Vec<u64> = self.hosts.iter().flat_map(|host| host.backends.terminals()).collect();
        let (Op::Print { terminal, .. }
        | Op::Flood { terminal, .. }
        | Op::Skip { terminal, .. }
        | Op::Pose { terminal, .. }
        | Op::ClosePane { terminal, .. }
        | Op::Reflow { terminal, .. }
        | Op::FailWrite { terminal, .. }) = op
        else {
            return;
        };
        let Some(life) = nth(&lives, terminal) else { return };
        let (backends, agenda) = (&mut self.hosts[host_of(life)].backends, &mut self.agenda);
        match op {
            Op::Print { bytes, .. } => backends.print(agenda, life, bytes),
            Op::Flood { bytes, ms, .. } => backends.flood(agenda, life, bytes, ms),
            Op::Skip { bytes, .. } => backends.skip(agenda, life, bytes),
            Op::Pose { asks, .. } => backends.pose(agenda, life, asks),
            Op::ClosePane { listed_first, .. } => backends.close_pane(agenda, life, listed_first),
            Op::Reflow { size: choice, .. } => backends.reflow(agenda, life, size(choice)),
            Op::FailWrite { after_bytes, .. } => {
                backends.lives[life].fail_write(Some(usize::from(after_bytes)));
            }
            _ => {}
        }
    }

    fn act_on_session(&mut self, op: Op) {
        let of = |host: &Host| host.backends.carriers.keys().map(|agent| (host.index, *agent)).collect::<Vec<_>>();
        let sessions: Vec<(HostIndex, AgentId)> = self.hosts.iter().flat_map(of).collect();
        if let Op::Appear { name: choice } = op {
            return self.hosts[self.seat].backends.appear(&mut self.agenda, name(choice));
        }
        let (Op::Look { agent, .. }
        | Op::End { agent }
        | Op::OpenPane { agent }
        | Op::RenameOutside { agent, .. }
        | Op::ShowElsewhere { agent, .. }) = op
        else {
            return;
        };
        let Some((host, agent)) = nth(&sessions, agent) else { return };
        let node = self.hosts[host].id;
        let (backends, agenda) = (&mut self.hosts[host].backends, &mut self.agenda);
        match op {
            Op::Look { title, bell, shell, .. } => backends.look(agenda, agent, title, bell, shell),
            Op::End { .. } => backends.end(agenda, agent),
            Op::OpenPane { .. } => backends.open_pane(agenda, agent),
            Op::RenameOutside { name: choice, .. } => {
                let renamed = backends.rename_outside(agenda, agent, name(choice));
                if renamed {
                    self.people.renamed_outside(AgentAddress { node, agent });
                }
            }
            Op::ShowElsewhere { shown, .. } => backends.show_elsewhere(agenda, agent, shown),
            _ => {}
        }
    }

    fn act_in_page(&mut self, op: Op) -> Checked {
        let (Op::Connect { page }
        | Op::Cut { page, .. }
        | Op::Read { page, .. }
        | Op::Acknowledge { page, .. }
        | Op::Attach { page, .. }
        | Op::AttachNowhere { page }
        | Op::Detach { page, .. }
        | Op::Resize { page, .. }
        | Op::Release { page, .. }
        | Op::Seen { page, .. }
        | Op::Type { page, .. }) = op
        else {
            return Ok(());
        };
        let indices: Vec<u8> = (0..self.pages.len() as u8).collect();
        let Some(index) = nth(&indices, page) else { return Ok(()) };
        match op {
            Op::Connect { .. } => self.connect(index),
            Op::Cut { notice_ms, .. } => self.cut(index, u64::from(notice_ms).min(SLOWEST_MS)),
            Op::Attach { terminal, active, size: choice, take: how, .. } => {
                let target = nth(&self.visible_terminals(self.pages[usize::from(index)].host), terminal);
                let (page, agenda) = (&mut self.pages[usize::from(index)], &mut self.agenda);
                if let Some((agent, pane)) = target {
                    page.attach(agenda, (agent, Some(pane).filter(|_| !active)), size(choice), take(how));
                }
            }
            Op::AttachNowhere { .. } => {
                let (page, agenda) = (&mut self.pages[usize::from(index)], &mut self.agenda);
                let node = self.hosts[page.host].id;
                page.attach(agenda, (AgentAddress { node, agent: AgentId(1) }, None), Size::DEFAULT, take(0));
            }
            Op::Seen { agent, .. } => {
                if let Some(agent) = nth(&self.visible_agents(self.pages[usize::from(index)].host), agent) {
                    self.pages[usize::from(index)].seen(&mut self.agenda, agent);
                }
            }
            _ => return self.act_on_stream(index, op),
        }
        Ok(())
    }

    fn act_on_stream(&mut self, page: u8, op: Op) -> Checked {
        let (page, agenda, ledger) = (&mut self.pages[usize::from(page)], &mut self.agenda, &mut self.ledger);
        let streams: Vec<usize> = (0..page.streams.len()).collect();
        let chosen = |choice| nth(&streams, choice);
        match op {
            Op::Read { frame_ms, .. } => page.set_pace(agenda, u64::from(frame_ms)),
            Op::Acknowledge { late_ms, .. } => page.late_ms = u64::from(late_ms),
            Op::Detach { stream, .. } => {
                if let Some(index) = chosen(stream) {
                    return page.detach(agenda, ledger, index);
                }
            }
            Op::Resize { stream, size: choice, take: how, .. } => {
                if let Some(index) = chosen(stream) {
                    page.resize(agenda, index, size(choice), take(how));
                }
            }
            Op::Release { stream, .. } => {
                if let Some(index) = chosen(stream) {
                    page.release(agenda, index);
                }
            }
            Op::Type { stream, bytes, .. } => {
                if let Some(index) = chosen(stream) {
                    page.type_in(agenda, ledger, index, usize::from(bytes));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Somebody answers a question, and perhaps somebody at the next machine does so at the same moment.
    fn answer(&mut self, agent: u8, late: bool, twice: bool) -> Checked {
        let next = (self.seat + 1) % self.setting.hosts.max(1);
        for seat in [Some(self.seat), twice.then_some(next)].into_iter().flatten() {
            let from = self.seat_at(seat);
            let Some(node) = self.hosts[seat].node().filter(|_| self.hosts[seat].is_awake()) else { continue };
            let asking = node.view().agents().filter_map(|agent| {
                let asked = agent.state.asked.as_ref()?;
                Some((
                    AgentAddress { node: agent.node, agent: agent.id },
                    asked.id,
                    QuestionNumber::of_text(&asked.question.text)?,
                ))
            });
            let asking: Vec<_> = asking.collect();
            if let Some(request) = self.people.answer(from, &asking, usize::from(agent), late) {
                self.ask(seat, request)?;
            }
        }
        Ok(())
    }

    fn request_of(&mut self, op: Op) -> Option<Request> {
        let from = self.seat_at(self.seat);
        if !self.hosts[self.seat].is_awake() {
            return None;
        }
        let agents = self.visible_agents(self.seat);
        let of = |choice| nth(&agents, choice);
        if let Op::Notes { agent, stale } = op {
            let agent = of(agent)?;
            let view = self.hosts[self.seat].node()?.view().agent(agent);
            let seen = view.map_or(0, |agent| agent.notes_revision);
            let seen = if stale { seen.checked_sub(1) } else { Some(seen) };
            return Some(self.people.notes(from, agent, seen));
        }
        if let Op::Stop { agent } | Op::Delete { agent } | Op::Tag { agent, .. } = op {
            let agent = of(agent)?;
            for host in self.hosts.iter_mut().filter(|host| host.id == agent.node) {
                host.to_start.remove(&agent.agent);
            }
        }
        let people = &mut self.people;
        Some(match op {
            Op::Create { name: choice, pty, autostart } => {
                people.create(from, from.id, (name(choice), pty, autostart, size(choice)))
            }
            Op::CreateAt { host, name: choice, pty } => {
                let node = self.hosts[HostIndex::from(host) % self.setting.hosts.max(1)].id;
                people.create(from, node, (name(choice), pty, true, size(choice)))
            }
            Op::Rename { agent, name: choice } => people.rename(from, of(agent)?, name(choice)),
            Op::Tag { agent, autostart } => people.tag(from, of(agent)?, autostart),
            Op::Start { agent } => people.start(from, of(agent)?),
            Op::Stop { agent } => people.stop(from, of(agent)?),
            Op::Restart { agent } => people.restart(from, of(agent)?),
            Op::Delete { agent } => people.delete(from, of(agent)?),
            Op::Paste { agent, submit } => people.paste(from, of(agent)?, submit),
            Op::ReadText { agent } => people.read_text(from, of(agent)?),
            Op::Nonsense { kind } => people.nonsense(from, from.id, kind),
            _ => return None,
        })
    }

    /// The machine that a number chooses: not one with a copied disk.
    pub(crate) fn chosen_host(&self, choice: u8) -> HostIndex {
        HostIndex::from(choice) % self.setting.hosts.max(1)
    }

    /// All agents that a node shows, in the order of their names.
    pub(crate) fn visible_agents(&self, host: HostIndex) -> Vec<AgentAddress> {
        let Some(node) = self.hosts[host].node() else { return Vec::new() };
        node.view().agents().map(|agent| AgentAddress { node: agent.node, agent: agent.id }).collect()
    }

    /// All terminals that a node shows.
    pub(crate) fn visible_terminals(&self, host: HostIndex) -> Vec<(AgentAddress, u32)> {
        let Some(node) = self.hosts[host].node() else { return Vec::new() };
        let agents = node.view().agents();
        let of = |agent: AgentView<'_>| {
            let address = AgentAddress { node: agent.node, agent: agent.id };
            agent.terminals.iter().map(|info| (address, info.pane)).collect::<Vec<_>>()
        };
        agents.flat_map(of).collect()
    }
}
