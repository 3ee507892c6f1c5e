//! What is said about an agent whether or not anyone looks: title, command, activity, bell; at most twice a second.

use super::process::{Pty, is_bare_shell, process_name};
use consort_core::directory::BackendKind;
use consort_core::limits::TITLE_CHARS;
use consort_core::{AgentId, Observation, Size, TerminalInfo};
use std::time::{Duration, Instant};

/// The least time between two looks that lead to a report.
const PERIOD: Duration = Duration::from_millis(500);

/// Collects what has changed and says when it is time to report it.
#[derive(Debug)]
pub(super) struct Observer {
    now: Observation,
    reported: Option<Observation>,
    /// What runs if the system does not say: the program, or the shell.
    default_command: String,
    /// The agent was started with a program, which has not ended yet.
    program_runs: bool,
    last_look: Option<Instant>,
    look_at: Option<Instant>,
    /// Output came since the last look: another look is due after it, when the command may be another.
    fresh: bool,
}

impl Observer {
    pub(super) fn new(
        agent: AgentId,
        name: String,
        directory: String,
        size: Size,
        command: String,
        program: bool,
    ) -> Self {
        let unix_time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let info = TerminalInfo {
            pane: 0,
            title: String::new(),
            command: command.clone(),
            shell: !program,
            window: String::new(),
            active: true,
            size,
            corner: (0, 0),
            index: 0,
            exit_code: None,
            activity: 0,
            bell: false,
        };
        let now = Observation {
            agent,
            backend: BackendKind::Pty,
            name,
            directory,
            created_unix_ms: u64::try_from(unix_time.as_millis()).unwrap_or(u64::MAX),
            terminals: vec![info],
            shown_elsewhere: false,
        };
        Observer {
            now,
            reported: None,
            default_command: command,
            program_runs: program,
            last_look: None,
            look_at: None,
            fresh: false,
        }
    }

    fn info(&mut self) -> &mut TerminalInfo {
        &mut self.now.terminals[0]
    }

    pub(super) fn output(&mut self, bytes: usize, at: Instant) {
        self.info().activity += bytes as u64;
        self.fresh = true;
        self.soon(at);
    }

    pub(super) fn title(&mut self, title: &str, at: Instant) {
        self.info().title = title.chars().take(TITLE_CHARS).collect();
        self.soon(at);
    }

    pub(super) fn bell(&mut self, rung: bool, at: Instant) {
        if self.info().bell != rung {
            self.info().bell = rung;
            self.soon(at);
        }
    }

    pub(super) fn size(&mut self, size: Size) {
        self.info().size = size;
        self.at_once();
    }

    pub(super) fn name(&mut self, name: String) {
        self.now.name = name;
        self.at_once();
    }

    /// The program has ended; a shell goes on.
    pub(super) fn program_ended(&mut self, exit_code: Option<i32>, shell: String) {
        self.program_runs = false;
        self.default_command = shell;
        self.info().exit_code = exit_code;
        self.at_once();
    }

    fn soon(&mut self, at: Instant) {
        let due = self.last_look.map_or(at, |last| (last + PERIOD).max(at));
        self.look_at = Some(self.look_at.map_or(due, |planned| planned.min(due)));
    }

    fn at_once(&mut self) {
        self.last_look = None;
        self.look_at = None;
        self.soon(Instant::now());
    }

    /// When [`due`](Self::due) may have something.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.look_at
    }

    /// The report, if it is time and anything differs from the last one.
    pub(super) fn due(&mut self, pty: &Pty, at: Instant) -> Option<Observation> {
        if self.look_at.is_none_or(|look| look > at) {
            return None;
        }
        self.last_look = Some(at);
        self.look_at = std::mem::take(&mut self.fresh).then(|| at + PERIOD);
        self.look_at_foreground(pty);
        if self.reported.as_ref() == Some(&self.now) {
            return None;
        }
        self.reported = Some(self.now.clone());
        self.reported.clone()
    }

    fn look_at_foreground(&mut self, pty: &Pty) {
        let Some(group) = pty.foreground() else { return };
        let (command, shell) = if group == pty.leader() {
            (self.default_command.clone(), !self.program_runs)
        } else {
            let name = process_name(group).unwrap_or_else(|| self.default_command.clone());
            let shell = is_bare_shell(group, &name);
            (name, shell)
        };
        let info = self.info();
        info.command = command.chars().take(TITLE_CHARS).collect();
        info.shell = shell;
    }
}
