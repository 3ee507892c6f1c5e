//! The second half of a run: a core of machines is healed, the others are switched off, everybody looks again, and within a bound
//! everything must have arrived, agree and be quiet. What has not is said in words.

mod mesh;

use crate::event::HostIndex;
use crate::failure::{Checked, Failure, pending_because};
use crate::host::Host;
use crate::ledger::Place;
use crate::page::Stream;
use crate::run::Options;
use crate::world::World;
use consort_core::directory::BackendKind;
use consort_core::output::Holder;
use consort_core::{AgentAddress, AgentId, Node, limits};

/// The healed world must be quiet after this long, plus what its snapshots take over its links.
const BOUND_MS: u64 = 60_000;
/// How often it is looked at.
const STEP_MS: u64 = 500;
/// Quiet must last: timers that are still to come must not change anything (10 s is the longest that changes what is stored).
const REST_MS: u64 = 12_000;
/// In large worlds a page looks at so many terminals.
const MOST_STREAMS: usize = 24;
/// Links between a page's node and a terminal's, as a rule at most.
const LINKS_BETWEEN: u64 = 4;

impl World {
    /// Ends all faults and waits for quiet.
    pub(crate) fn heal(&mut self) -> Checked {
        self.log.op(self.agenda.now(), || "heal".to_string());
        self.choose_core();
        self.end_faults()?;
        while self.hosts.iter().any(|host| !host.retired && host.monitor.is_none()) {
            self.run_for(STEP_MS)?;
        }
        self.gather()?;
        self.run_for(3_000)?;
        self.must_become_quiet()?;
        self.run_for(REST_MS)?;
        // Agents that were started again in the meantime have terminals to look at.
        self.must_become_quiet()?;
        self.must_stay_quiet()?;
        for host in self.hosts.iter().filter(|host| !host.retired) {
            if let Some(node) = host.node() {
                self.people.check_promises(node)?;
            }
        }
        Ok(())
    }

    /// In every third world of several machines some stay off; copied disks always do.
    fn choose_core(&mut self) {
        let hosts = self.setting.hosts.max(1);
        let some_off = hosts > 1 && self.dice.percent(33);
        for host in 0..self.hosts.len() as HostIndex {
            if host >= hosts || host > 0 && some_off && self.dice.percent(30) {
                self.log.op(self.agenda.now(), || format!("host {host} stays off"));
                self.retire(host);
            }
        }
    }

    /// Everybody looks at everything, and within the bound everybody sees it.
    fn must_become_quiet(&mut self) -> Checked {
        self.everybody_looks()?;
        let bound_ms = BOUND_MS + self.snapshots_ms();
        for _ in 0..bound_ms / STEP_MS {
            if self.pending()?.is_empty() {
                return Ok(());
            }
            self.run_for(STEP_MS)?;
            self.everybody_looks()?;
        }
        let pending = self.pending()?;
        if pending.is_empty() {
            return Ok(());
        }
        let shown: Vec<_> = pending.iter().take(8).map(String::as_str).collect();
        Err(pending_because(format!("{} s after the last fault: {}", bound_ms / 1_000, shown.join("; "))))
    }

    /// How long a page needs for a snapshot of each of its terminals: there is one window on the way at a time.
    fn snapshots_ms(&self) -> u64 {
        let window = u64::from(limits::REMOTE_ROOM) * limits::FRAME_BYTES as u64;
        let windows = MOST_STREAMS as u64 * self.setting.snapshot_bytes as u64 / window;
        windows * 2 * LINKS_BETWEEN * self.setting.link_ms.1
    }

    fn end_faults(&mut self) -> Checked {
        for at in 0..self.hosts.len() as HostIndex {
            self.wake_up(at)?;
            let host = &mut self.hosts[at];
            host.traitor = None;
            host.disk.full = false;
            host.disk_ms = 0;
            host.backends.answer_ms = 20;
            host.backends.write_whole();
            host.backends.fail_operations = 0;
            for life in host.backends.lives.iter_mut() {
                life.fail_write(None);
            }
            host.backends.find_tmux(&mut self.agenda);
        }
        self.network.rules.heal();
        self.network.widen(&mut self.agenda);
        for page in &mut self.pages {
            page.late_ms = 0;
            page.hurry();
            page.set_pace(&mut self.agenda, 0);
        }
        Ok(())
    }

    fn everybody_looks(&mut self) -> Checked {
        for index in 0..self.pages.len() as u8 {
            let at = self.pages[usize::from(index)].host;
            if self.hosts[at].retired {
                self.pages[usize::from(index)].forget(&mut self.agenda, &mut self.ledger, |_| true)?;
                continue;
            }
            self.connect(index);
            let terminals = self.terminals_in_reach(at);
            let page = &mut self.pages[usize::from(index)];
            page.forget(&mut self.agenda, &mut self.ledger, |node| !terminals.nodes.contains(&node))?;
            // Each page begins elsewhere, so that together they look at everything.
            let first = usize::from(index) * MOST_STREAMS % terminals.list.len().max(1);
            let turned = terminals.list.iter().cycle().skip(first);
            let turned: Vec<_> = turned.take(terminals.list.len().min(MOST_STREAMS)).copied().collect();
            for (agent, pane) in &turned {
                page.look_again(&mut self.agenda, (*agent, Some(*pane)));
            }
            // Where it does not look, nobody tells it what became of its input.
            let unseen = |place: &Place| {
                let agent = AgentAddress { node: place.node, agent: place.terminal.agent };
                !turned.contains(&(agent, place.terminal.pane))
            };
            page.give_up(&mut self.ledger, unseen)?;
        }
        Ok(())
    }

    /// What is not as it should be, in words.
    fn pending(&self) -> Result<Vec<String>, Failure> {
        let mut pending: Vec<String> = self.people.waiting().collect();
        for host in self.hosts.iter().filter(|host| !host.retired) {
            let Some(node) = host.node() else {
                pending.push(format!("host {} is down", host.index));
                continue;
            };
            let own = pending.len();
            if host.disk.pending() > 0 {
                pending.push(format!("{} changes are not stored", host.disk.pending()));
            }
            // Somebody may have deleted it in the meantime.
            for agent in host.to_start.iter().filter(|agent| node.view().own_agent(**agent).is_some()) {
                pending.push(format!("agent {agent} was not started again"));
            }
            compare_lists(host, node, &mut pending);
            self.compare_store(host, node, &mut pending)?;
            for words in &mut pending[own..] {
                *words = format!("host {}: {words}", host.index);
            }
        }
        self.compare_meshes(&mut pending);
        for page in self.pages.iter().filter(|page| !self.hosts[page.host].retired) {
            if page.viewer().is_none() {
                pending.push(format!("page {} is not connected", page.index));
            }
            for stream in &page.streams {
                let missing = self.missing(stream);
                pending.extend(
                    missing.map(|what| format!("page {}, {:?} {:?}: {what}", page.index, stream.agent, stream.pane)),
                );
            }
        }
        pending.extend(self.ledger.untold().map(|piece| format!("{piece} was neither acknowledged nor lost")));
        self.compare_sizes(&mut pending);
        Ok(pending)
    }

    /// What a stream has not got.
    fn missing(&self, stream: &Stream) -> Option<String> {
        let Some(terminal) = stream.attached else { return Some("not attached".to_string()) };
        let backends = &self.hosts.of(stream.agent.node)?.backends;
        let Some(life) = backends.life_of(terminal) else { return Some("its end was not told".to_string()) };
        let truth = backends.life(life)?;
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
        for host in self.hosts.iter().filter(|host| !host.retired) {
            for life in host.backends.terminals() {
                self.compare_size(host, life, pending);
            }
        }
    }

    fn compare_size(&self, host: &Host, life: u64, pending: &mut Vec<String>) {
        let Some(truth) = host.backends.life(life) else { return };
        let streams = self.pages.iter().flat_map(|page| &page.streams);
        let here = |stream: &&Stream| stream.agent.node == host.id && stream.attached == Some(truth.terminal);
        let looking: Vec<&Stream> = streams.filter(here).collect();
        let holders: Vec<Holder> = looking.iter().map(|stream| stream.holder).collect();
        let shown = host.backends.carriers.get(&truth.terminal.agent).is_some_and(|c| c.shown_elsewhere);
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

    /// What would be restored now is what the node shows now.
    fn compare_store(&self, host: &Host, node: &Node, pending: &mut Vec<String>) -> Result<(), Failure> {
        let options = Options { record: false, ..self.options };
        let (restored, _) = host.restore((self.seed, options), host.clock.at(self.agenda.now()))?;
        let stored: Vec<AgentId> =
            restored.view().agents().filter(|a| a.node == host.id).map(|agent| agent.id).collect();
        for view in node.view().agents().filter(|view| view.managed && view.node == host.id) {
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

/// The node shows exactly the sessions that exist.
fn compare_lists(host: &Host, node: &Node, pending: &mut Vec<String>) {
    for (id, carrier) in &host.backends.carriers {
        let view = node.view().own_agent(*id);
        let panes: Vec<u32> = carrier.panes.iter().map(|(pane, _)| *pane).collect();
        let same = view.is_some_and(|view| {
            view.running && view.name == carrier.name && view.terminals.iter().map(|info| info.pane).eq(panes)
        });
        if !same {
            pending.push(format!("session {id} ({}) is shown otherwise", carrier.name));
        }
    }
    for view in node.view().agents().filter(|view| view.running && view.node == host.id) {
        if !host.backends.carriers.contains_key(&view.id) {
            pending.push(format!("agent {} is shown running and has no session", view.id));
        }
    }
    for kind in BackendKind::ALL {
        if node.view().backend(kind).available != host.backends.is_heard(kind) {
            pending.push(format!("whether {} can be used is shown wrongly", kind.as_str()));
        }
    }
}
