//! The second half of a run: every fault ends, everybody looks again, and within a bound everything must have arrived, agree and
//! be quiet. What has not is said in words.

use crate::failure::{Checked, Failure, pending_because};
use crate::page::Stream;
use crate::world::{World, restore};
use consort_core::directory::BackendKind;
use consort_core::output::Holder;
use consort_core::{AgentId, TerminalId};

/// The healed world must be quiet after this long.
const BOUND_MS: u64 = 60_000;
/// How often it is looked at.
const STEP_MS: u64 = 500;
/// Quiet must last: timers that are still to come must not change anything (10 s is the longest that changes what is stored).
const REST_MS: u64 = 12_000;

impl World {
    /// Ends all faults and waits for quiet.
    pub(crate) fn heal(&mut self) -> Checked {
        self.log.op(self.agenda.now(), || "heal".to_string());
        self.end_faults();
        while self.node().is_none() {
            self.run_for(STEP_MS)?;
        }
        self.run_for(3_000)?;
        self.must_become_quiet()?;
        self.run_for(REST_MS)?;
        // Agents that were started again in the meantime have terminals to look at.
        self.must_become_quiet()?;
        let Some(node) = self.node() else { return Ok(()) };
        self.host.people.check_promises(node)
    }

    /// Everybody looks at everything, and within the bound everybody sees it.
    fn must_become_quiet(&mut self) -> Checked {
        self.everybody_looks()?;
        for _ in 0..BOUND_MS / STEP_MS {
            if self.pending()?.is_empty() {
                return Ok(());
            }
            self.run_for(STEP_MS)?;
        }
        let pending = self.pending()?;
        if pending.is_empty() {
            return Ok(());
        }
        let shown: Vec<_> = pending.iter().take(8).map(String::as_str).collect();
        Err(pending_because(format!("{} s after the last fault: {}", BOUND_MS / 1_000, shown.join("; "))))
    }

    fn end_faults(&mut self) {
        let host = &mut self.host;
        host.disk.full = false;
        host.disk_ms = 0;
        host.backends.answer_ms = 20;
        host.backends.write_whole();
        host.backends.fail_operations = 0;
        for life in &mut host.backends.lives {
            life.fail_write(None);
        }
        host.backends.find_tmux(&mut self.agenda);
        for page in &mut self.pages {
            page.late_ms = 0;
            page.hurry();
            page.set_pace(&mut self.agenda, 0);
        }
    }

    fn everybody_looks(&mut self) -> Checked {
        let terminals = self.visible_terminals();
        for index in 0..self.pages.len() as u8 {
            self.connect(index);
            for (agent, pane) in &terminals {
                let page = &mut self.pages[usize::from(index)];
                page.look_again(&mut self.agenda, (*agent, Some(*pane)));
            }
            let gone = |terminal: &TerminalId| !terminals.contains(&(terminal.agent, terminal.pane));
            self.pages[usize::from(index)].give_up(&mut self.ledger, gone)?;
        }
        Ok(())
    }

    /// What is not as it should be, in words.
    fn pending(&self) -> Result<Vec<String>, Failure> {
        let mut pending = Vec::new();
        let Some(node) = self.node() else { return Ok(vec!["the node is down".to_string()]) };
        pending.extend(self.host.people.waiting());
        if self.host.disk.pending() > 0 {
            pending.push(format!("{} changes are not stored", self.host.disk.pending()));
        }
        for agent in &self.host.to_start {
            pending.push(format!("agent {agent} was not started again"));
        }
        for page in &self.pages {
            if page.viewer().is_none() {
                pending.push(format!("page {} is not connected", page.index));
            }
            for stream in &page.streams {
                let missing = self.missing(stream);
                pending.extend(
                    missing.map(|what| format!("page {}, {} {:?}: {what}", page.index, stream.agent, stream.pane)),
                );
            }
        }
        pending.extend(self.ledger.untold().map(|piece| format!("{piece} was neither acknowledged nor lost")));
        self.compare_sizes(&mut pending);
        self.compare_lists(node, &mut pending);
        self.compare_store(node, &mut pending)?;
        Ok(pending)
    }

    /// What a stream has not got.
    fn missing(&self, stream: &Stream) -> Option<String> {
        let Some(terminal) = stream.attached else { return Some("not attached".to_string()) };
        let Some(life) = self.host.backends.life_of(terminal) else { return Some("its end was not told".to_string()) };
        let truth = self.host.backends.life(life)?;
        let Some(position) = stream.position else { return Some("no snapshot".to_string()) };
        if position.life != life {
            return Some(format!("shows life {} instead of {life}", position.life));
        }
        if position.printed != truth.printed {
            return Some(format!("shows {} of {} bytes", position.printed, truth.printed));
        }
        if position.size != truth.size || stream.size != Some(truth.size) {
            return Some(format!(
                "has size {:?} (screen {:?}) instead of {:?}",
                stream.size, position.size, truth.size
            ));
        }
        if !position.full {
            return Some("has a shortened history".to_string());
        }
        (!stream.typist.is_idle()).then(|| "input is on its way".to_string())
    }

    /// Who holds a size is agreed by all, and the size is the holder's.
    fn compare_sizes(&self, pending: &mut Vec<String>) {
        for life in self.host.backends.terminals() {
            let Some(truth) = self.host.backends.life(life) else { continue };
            let streams = self.pages.iter().flat_map(|page| &page.streams);
            let looking: Vec<&Stream> = streams.filter(|stream| stream.attached == Some(truth.terminal)).collect();
            let holders: Vec<Holder> = looking.iter().map(|stream| stream.holder).collect();
            let shown = self.host.backends.carriers.get(&truth.terminal.agent).is_some_and(|c| c.shown_elsewhere);
            if !agree(&holders, truth.held, shown) {
                let id = truth.terminal;
                let held = truth.held;
                pending.push(format!("{id:?}: the holders are {holders:?}, held: {held}, shown elsewhere: {shown}"));
            }
            let holder = looking.iter().find(|stream| stream.holder == Holder::You);
            let wishes = holder.map(|stream| stream.wishes.as_slice()).unwrap_or_default();
            if !wishes.is_empty() && !truth.size_is_foreign && !wishes.contains(&truth.size) {
                pending.push(format!("{:?} is {:?}, its holder wants {wishes:?}", truth.terminal, truth.size));
            }
        }
    }

    /// The node shows exactly the sessions that exist.
    fn compare_lists(&self, node: &consort_core::Node, pending: &mut Vec<String>) {
        for (id, carrier) in &self.host.backends.carriers {
            let view = node.view().own_agent(*id);
            let panes: Vec<u32> = carrier.panes.iter().map(|(pane, _)| *pane).collect();
            let same = view.is_some_and(|view| {
                view.running && view.name == carrier.name && view.terminals.iter().map(|info| info.pane).eq(panes)
            });
            if !same {
                pending.push(format!("session {id} ({}) is shown otherwise", carrier.name));
            }
        }
        for view in node.view().agents().filter(|view| view.running) {
            if !self.host.backends.carriers.contains_key(&view.id) {
                pending.push(format!("agent {} is shown running and has no session", view.id));
            }
        }
        for kind in BackendKind::ALL {
            if node.view().backend(kind).available != self.is_heard(kind) {
                pending.push(format!("whether {} can be used is shown wrongly", kind.as_str()));
            }
        }
    }

    /// What would be restored now is what the node shows now.
    fn compare_store(&self, node: &consort_core::Node, pending: &mut Vec<String>) -> Result<(), Failure> {
        let restored = restore(&self.host.disk, self.seed, self.host.life + 1)?;
        let stored: Vec<AgentId> = restored.view().agents().map(|agent| agent.id).collect();
        for view in node.view().agents().filter(|view| view.managed) {
            let Some(kept) = restored.view().own_agent(view.id) else {
                pending.push(format!("agent {} is managed and not stored", view.id));
                continue;
            };
            let fields = [
                ("name", kept.name == view.name),
                ("notes", (kept.notes, kept.notes_revision) == (view.notes, view.notes_revision)),
                ("tags", kept.tags == view.tags),
                ("desired state", kept.desired == view.desired),
                ("autostart", kept.autostart == view.autostart),
            ];
            for (field, _) in fields.iter().filter(|(_, same)| !same) {
                pending.push(format!("the {field} of agent {} is stored otherwise", view.id));
            }
        }
        for id in stored {
            if !node.view().own_agent(id).is_some_and(|view| view.managed) {
                pending.push(format!("agent {id} is stored and not shown"));
            }
        }
        Ok(())
    }
}

fn agree(holders: &[Holder], held: bool, shown_elsewhere: bool) -> bool {
    let holding = holders.iter().filter(|holder| **holder == Holder::You).count();
    let others = if held || shown_elsewhere { Holder::Other } else { Holder::Nobody };
    holding == usize::from(held) && holders.iter().all(|holder| *holder == Holder::You || *holder == others)
}
