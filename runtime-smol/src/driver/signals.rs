//! What terminals show and say, read by the manifests of programs before core gets it.

use super::Driver;
use crate::screens;
use consort_core::directory::{BackendKind, Signal};
use consort_core::input::ScreenText;
use consort_core::{AgentId, AgentView, Input, TerminalId, TerminalInput};
use consort_web::hook::HookMessage;

impl Driver {
    /// The visible text of a terminal.
    pub(super) fn screen(&mut self, id: TerminalId, text: &ScreenText, cursor_shown: bool) {
        let view = super::node(&self.core).view();
        let Some(agent) = view.own_agent(id.agent) else { return };
        let Some(glance) = screens::glance(&agent, id.pane) else { return };
        let started = agent.program.filter(|_| agent.hooks);
        let added = started.and_then(|program| self.environments.as_ref()?.hooks_of(program, agent.args));
        let glance = screens::Glance { hooks: added.as_deref(), ..glance };
        let reading = self.screens.read(id, text, cursor_shown, glance);
        self.handle(Input::Terminal(id, TerminalInput::Signal(Signal::Screen(reading))));
    }

    /// The titles of an agent's terminals may be others than before.
    pub(super) fn titles(&mut self, id: AgentId) {
        let view = super::node(&self.core).view();
        let mut changed = Vec::new();
        if let Some(agent) = view.own_agent(id) {
            for info in agent.terminals {
                let id = TerminalId { agent: id, pane: info.pane };
                if let Some(glance) = screens::glance(&agent, info.pane)
                    && let Some(says) = self.screens.title(id, &glance)
                {
                    changed.push((id, says));
                }
            }
        }
        for (id, says) in changed {
            self.handle(Input::Terminal(id, TerminalInput::Signal(Signal::Title(says))));
        }
    }

    /// A hook of a program says something. The program is in the pane that it names, if one of ours is that; else it is in the terminal
    /// of the agent that it names: never is it found by where it works.
    pub(super) fn hook(&mut self, message: &HookMessage) {
        let view = super::node(&self.core).view();
        let pane = message.tmux.as_ref().map(|(_, pane)| *pane);
        let in_pane = pane.and_then(|pane| {
            let carries = |agent: &AgentView<'_>| {
                agent.backend == BackendKind::Tmux && agent.terminals.iter().any(|info| info.pane == pane)
            };
            let agent = view.own_agents().find(carries)?;
            Some(TerminalId { agent: agent.id, pane })
        });
        let named = || {
            let agent = view.own_agent(message.agent.as_ref()?.parse().ok()?)?;
            let info = agent.terminals.iter().find(|info| info.active).or(agent.terminals.first())?;
            Some(TerminalId { agent: agent.id, pane: info.pane })
        };
        if let Some(id) = in_pane.or_else(named) {
            self.handle(Input::Terminal(id, TerminalInput::Signal(Signal::Hook(message.report()))));
        }
    }

    /// An agent or some of its terminals are gone.
    pub(super) fn forget_screens(&mut self, agent: AgentId) {
        let view = super::node(&self.core).view();
        let terminals =
            view.own_agent(agent).map_or_else(Vec::new, |agent| agent.terminals.iter().map(|info| info.pane).collect());
        self.screens.retain(|id| id.agent != agent || terminals.contains(&id.pane));
    }
}
