//! Carries out operations: finds what their numbers choose, and does nothing if there is no such thing.

use crate::failure::Checked;
use crate::op::{Op, take};
use crate::world::World;
use consort_core::directory::BackendKind;
use consort_core::{AgentId, Command, CommandId, Size};

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
        match op {
            Op::Wait { ms } => return self.run_for(u64::from(ms)),
            Op::LoseTmux => self.host.backends.lose_tmux(&mut self.agenda),
            Op::FindTmux => self.host.backends.find_tmux(&mut self.agenda),
            Op::FailOperations { count } => self.host.backends.fail_operations = count,
            Op::SlowBackends { ms } => self.host.backends.answer_ms = u64::from(ms).min(SLOWEST_MS),
            Op::SlowDisk { ms } => self.host.disk_ms = u64::from(ms).min(SLOWEST_MS),
            Op::DiskFull { full } => self.host.disk.full = full,
            Op::Crash { kept, down_ms } => self.crash(usize::from(kept % 8), u64::from(down_ms)),
            Op::Print { .. }
            | Op::Flood { .. }
            | Op::Skip { .. }
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
            Op::Create { .. }
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
                if let Some(command) = self.command_of(op) {
                    return self.command(command);
                }
            }
        }
        Ok(())
    }

    fn act_on_terminal(&mut self, op: Op) {
        let lives: Vec<u64> = self.host.backends.terminals().collect();
        let (backends, agenda) = (&mut self.host.backends, &mut self.agenda);
        let (Op::Print { terminal, .. }
        | Op::Flood { terminal, .. }
        | Op::Skip { terminal, .. }
        | Op::ClosePane { terminal, .. }
        | Op::Reflow { terminal, .. }
        | Op::FailWrite { terminal, .. }) = op
        else {
            return;
        };
        let Some(life) = nth(&lives, terminal) else { return };
        match op {
            Op::Print { bytes, .. } => backends.print(agenda, life, bytes),
            Op::Flood { bytes, ms, .. } => backends.flood(agenda, life, bytes, ms),
            Op::Skip { bytes, .. } => backends.skip(agenda, life, bytes),
            Op::ClosePane { listed_first, .. } => backends.close_pane(agenda, life, listed_first),
            Op::Reflow { size: choice, .. } => backends.reflow(agenda, life, size(choice)),
            Op::FailWrite { after_bytes, .. } => {
                backends.lives[life as usize].fail_write(Some(usize::from(after_bytes)));
            }
            _ => {}
        }
    }

    fn act_on_session(&mut self, op: Op) {
        let sessions: Vec<AgentId> = self.host.backends.carriers.keys().copied().collect();
        let (backends, agenda) = (&mut self.host.backends, &mut self.agenda);
        if let Op::Appear { name: choice } = op {
            return backends.appear(agenda, name(choice));
        }
        let (Op::Look { agent, .. }
        | Op::End { agent }
        | Op::OpenPane { agent }
        | Op::RenameOutside { agent, .. }
        | Op::ShowElsewhere { agent, .. }) = op
        else {
            return;
        };
        let Some(agent) = nth(&sessions, agent) else { return };
        match op {
            Op::Look { title, bell, shell, .. } => backends.look(agenda, agent, title, bell, shell),
            Op::End { .. } => backends.end(agenda, agent),
            Op::OpenPane { .. } => backends.open_pane(agenda, agent),
            Op::RenameOutside { name: choice, .. } => {
                let renamed = backends.rename_outside(agenda, agent, name(choice));
                if renamed {
                    self.host.people.renamed_outside(agent);
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
                let target = nth(&self.visible_terminals(), terminal);
                let (page, agenda) = (&mut self.pages[usize::from(index)], &mut self.agenda);
                if let Some((agent, pane)) = target {
                    page.attach(agenda, (agent, Some(pane).filter(|_| !active)), size(choice), take(how));
                }
            }
            Op::AttachNowhere { .. } => {
                let (page, agenda) = (&mut self.pages[usize::from(index)], &mut self.agenda);
                page.attach(agenda, (AgentId(1), None), Size::DEFAULT, take(0));
            }
            Op::Seen { agent, .. } => {
                if let Some(agent) = nth(&self.visible_agents(), agent) {
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

    fn command_of(&mut self, op: Op) -> Option<(CommandId, Command)> {
        let node = self.node()?;
        let agents = self.visible_agents();
        let revision = |agent| node.view().own_agent(agent).map_or(0, |agent| agent.notes_revision);
        let of = |choice| nth(&agents, choice);
        if let Op::Notes { agent, stale } = op {
            let agent = of(agent)?;
            let seen = revision(agent);
            let seen = if stale { seen.checked_sub(1) } else { Some(seen) };
            return Some(self.host.people.notes(agent, seen));
        }
        if let Op::Stop { agent } | Op::Delete { agent } | Op::Tag { agent, .. } = op {
            self.host.to_start.remove(&of(agent)?);
        }
        let people = &mut self.host.people;
        Some(match op {
            Op::Create { name: choice, pty, autostart } => people.create(name(choice), pty, autostart, size(choice)),
            Op::Rename { agent, name: choice } => people.rename(of(agent)?, name(choice)),
            Op::Tag { agent, autostart } => people.tag(of(agent)?, autostart),
            Op::Start { agent } => people.start(of(agent)?),
            Op::Stop { agent } => people.stop(of(agent)?),
            Op::Restart { agent } => people.restart(of(agent)?),
            Op::Delete { agent } => people.delete(of(agent)?),
            Op::Paste { agent, submit } => people.paste(of(agent)?, submit),
            Op::ReadText { agent } => people.read_text(of(agent)?),
            Op::Nonsense { kind } => people.nonsense(kind),
            _ => return None,
        })
    }

    /// All agents that the node shows, in the order of their names.
    pub(crate) fn visible_agents(&self) -> Vec<AgentId> {
        self.node().map(|node| node.view().agents().map(|agent| agent.id).collect()).unwrap_or_default()
    }

    /// All terminals that the node shows.
    pub(crate) fn visible_terminals(&self) -> Vec<(AgentId, u32)> {
        let Some(node) = self.node() else { return Vec::new() };
        let agents = node.view().agents();
        agents.flat_map(|agent| agent.terminals.iter().map(move |info| (agent.id, info.pane))).collect()
    }

    /// Whether the node hears of sessions of a kind.
    pub(crate) fn is_heard(&self, kind: BackendKind) -> bool {
        self.host.backends.is_heard(kind)
    }
}
