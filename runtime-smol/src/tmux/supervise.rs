//! Finding tmux and its server, staying connected to it, and noticing when either is gone.

use super::connection::{Address, Ending, Transport};
use super::engine::{Engine, Role};
use super::launch::error;
use super::listing::{EXIT, GlobalOptions, MARK, PROGRAM, SIZE, ServerIdentity};
use super::lists::unix_ms;
use super::quote::{Line, fields, spelled, unquote};
use crate::launch::find_in_path;
use consort_core::directory::BackendKind;
use consort_core::{AgentId, BackendInput, OperationError};
use consort_web::tmux::{TmuxEnding, TmuxReport, TmuxStatus};
use futures_lite::future;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime};

/// The oldest tmux that has all that is needed here (pausing panes, client flags).
const OLDEST: (u32, u32) = (3, 2);
/// Time between looks for a tmux program.
const PROGRAM_INTERVAL: Duration = Duration::from_secs(3);
/// Time between looks for a server.
const SERVER_INTERVAL: Duration = Duration::from_millis(400);
/// Time between lists.
const LIST_INTERVAL: Duration = Duration::from_secs(1);
/// A server that does not answer for so long is treated as gone.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// A connection that lasted this long was not detached by a hook that waits for connections.
const HOLDS: Duration = Duration::from_millis(1_500);
/// Detached so often, soon after connecting, it is not a person who does that.
const DETACHED_AT_MOST: u32 = 3;
/// Time between attempts to connect to a tmux that detaches us: at first, and at most.
const DETACHED_PAUSE: Duration = Duration::from_millis(200);
const DETACHED_PAUSE_AT_MOST: Duration = Duration::from_secs(5);

/// A tmux program that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Program {
    path: PathBuf,
    /// Where its server listens, and where that was expected when it was asked.
    socket: PathBuf,
    expected: PathBuf,
    modified: Option<SystemTime>,
    version: (u32, u32),
    /// As tmux says it: `tmux 3.3a`.
    text: String,
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unconnected {
    /// There is no server, or it has no session.
    NoServer,
    /// There is one and it takes no connection now.
    Busy,
    /// There is one and it does not understand us this way.
    NotUnderstood,
    /// There is one and it detached us.
    Detached,
}

impl Engine {
    /// Runs for ever: looks for tmux, and while there is one, for its server.
    pub(crate) async fn supervise(self: &Rc<Self>) {
        let mut said = None;
        loop {
            match self.find_program().await {
                Ok(program) => {
                    said = None;
                    self.config.report.update(|status| {
                        *status = TmuxStatus {
                            program: Some(program.path.display().to_string()),
                            version: Some(program.text.clone()),
                            socket: Some(program.socket.display().to_string()),
                            ..TmuxStatus::default()
                        };
                    });
                    self.reports.backend(BackendInput::Available(BackendKind::Tmux, program.text.clone()));
                    self.state.borrow_mut().listing.listed = false;
                    self.serve(&program).await;
                    self.server_gone();
                }
                Err(reason) => {
                    if said.as_ref() != Some(&reason) {
                        self.reports.backend(BackendInput::Unavailable(BackendKind::Tmux, reason.clone()));
                        self.config.report.update(|status| {
                            *status = TmuxStatus { trouble: Some(reason.clone()), ..TmuxStatus::default() };
                        });
                        said = Some(reason);
                    }
                    self.pause(PROGRAM_INTERVAL).await;
                }
            }
        }
    }

    /// Stays connected to the server whenever there is one. Returns when the program is another one or gone.
    async fn serve(self: &Rc<Self>, program: &Program) {
        let transports = Transport::candidates(program.version, self.config.direct);
        let mut transport = 0;
        let mut checked = Instant::now();
        // How often in a row the connection was detached soon after it was made.
        let mut detached = 0;
        let mut endings = Endings::default();
        loop {
            match self.connect(program, transports[transport]).await {
                Ok(ended) => {
                    let since = Instant::now();
                    self.config.report.update(|status| status.connected_unix_ms = Some(unix_ms()));
                    let ending = self.poll(program, &ended).await;
                    endings.note(&self.config.report, ending);
                    if ending != Some(Ending::Detached) || since.elapsed() > HOLDS {
                        detached = 0;
                    }
                    if ending == Some(Ending::Detached) {
                        self.was_detached(program, &mut detached).await;
                    }
                    continue;
                }
                Err(Unconnected::Detached) => {
                    endings.note(&self.config.report, Some(Ending::Detached));
                    self.was_detached(program, &mut detached).await;
                    continue;
                }
                Err(Unconnected::NotUnderstood) if transport + 1 < transports.len() => {
                    log::info!("tmux does not understand {:?}; trying another way", transports[transport]);
                    transport += 1;
                    continue;
                }
                Err(Unconnected::Busy) => {
                    self.config.report.update(|status| {
                        let reason = "tmux takes no connection now: it is busy, or stopped".to_owned();
                        status.last_ending = Some(TmuxEnding { reason, unix_ms: unix_ms(), in_a_minute: 1 });
                    });
                    self.pause(SERVER_INTERVAL).await;
                    continue;
                }
                Err(Unconnected::NoServer | Unconnected::NotUnderstood) => transport = 0,
            }
            self.server_gone();
            self.listed_nothing();
            self.pause(SERVER_INTERVAL).await;
            if checked.elapsed() > PROGRAM_INTERVAL {
                checked = Instant::now();
                if !program.is_unchanged() || program.expected != self.config.which().expected() {
                    return;
                }
            }
        }
    }

    /// Waits, but not when something says that it is worth looking now.
    async fn pause(&self, time: Duration) {
        let timer = async {
            smol::Timer::after(time).await;
        };
        let looked = async {
            let _ = self.looked.recv().await;
        };
        future::or(timer, looked).await;
    }

    /// Connects the monitor. The receiver tells when that connection has ended.
    async fn connect(
        self: &Rc<Self>,
        program: &Program,
        transport: Transport,
    ) -> Result<async_channel::Receiver<Ending>, Unconnected> {
        let socket = program.socket.clone();
        let (ended, ending) = async_channel::bounded(1);
        {
            let mut state = self.state.borrow_mut();
            state.address = Some(Address { program: program.path.clone(), socket: socket.clone(), transport });
            state.version = program.version;
            state.monitor_ended = Some(ended);
            let attach = ["attach-session", "-E", "-f", "ignore-size,no-output"];
            match state.open(self, Role::Monitor, &attach) {
                Ok(id) => state.monitor = Some(id),
                Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                    return Err(Unconnected::NoServer);
                }
                Err(error) => {
                    log::debug!("connecting to tmux: {error}");
                    return Err(Unconnected::Busy);
                }
            }
        }
        let identity = async {
            let line = Line::new("display-message -p '#{pid} #{start_time} #{q:host}'");
            Some(self.ask(line).await)
        };
        let patience = async {
            smol::Timer::after(ANSWER_TIME).await;
            None
        };
        match future::or(identity, patience).await {
            Some(Ok(bodies)) => {
                self.connected(bodies.first().and_then(|body| parse_identity(body)).unwrap_or_default());
                self.look_at_options(program).await;
                // Later versions make control characters in pastes visible unless told not to.
                let usage = self.ask(Line::new("list-commands paste-buffer")).await.unwrap_or_default();
                let usage = usage.first().map(|body| String::from_utf8_lossy(body).into_owned()).unwrap_or_default();
                let raw = usage.split(['[', ']']).any(|word| word.starts_with('-') && word.contains('S'));
                self.state.borrow_mut().paste_raw = if raw { " -S" } else { "" };
                Ok(ending)
            }
            Some(Err(_)) => Err(self.not_connected(&socket, ending.try_recv().ok())),
            None => {
                self.drop_monitor();
                Err(Unconnected::NotUnderstood)
            }
        }
    }

    fn connected(self: &Rc<Self>, identity: ServerIdentity) {
        let other = self.state.borrow().identity != identity;
        if other {
            self.forget_agents();
            let mut state = self.state.borrow_mut();
            (state.identity, state.widths) = (identity, None);
        }
        if self.state.borrow().widths.is_none() {
            self.spawn(Rc::clone(self).measure_widths());
        }
        self.state.borrow_mut().identified = true;
    }

    /// Nothing came of a connection: no session to attach to, or no common language.
    fn not_connected(&self, socket: &Path, ending: Option<Ending>) -> Unconnected {
        self.drop_monitor();
        match ending {
            Some(Ending::OtherVersion) => Unconnected::NotUnderstood,
            Some(Ending::Detached) => Unconnected::Detached,
            // tmux answered in control mode, so it understood.
            Some(Ending::Understood) => Unconnected::NoServer,
            _ if super::imsg::listens(socket) => Unconnected::NotUnderstood,
            _ => Unconnected::NoServer,
        }
    }

    fn drop_monitor(&self) {
        let mut state = self.state.borrow_mut();
        if let Some(monitor) = state.monitor {
            state.hang_up(monitor);
        }
    }

    /// What the user's options mean for us: the server may end with us, and ours may be set for all sessions.
    async fn look_at_options(self: &Rc<Self>, program: &Program) {
        let mut line = Line::new("show-options -sv exit-unattached");
        for name in [MARK, EXIT, PROGRAM, SIZE] {
            for scope in ["-gqv", "-gwqv", "-sqv"] {
                line = line.then("show-options").word(scope).word(name);
            }
        }
        let Ok(values) = self.ask(line).await else { return };
        let Some((exit_unattached, global)) = values.split_first() else { return };
        self.state.borrow_mut().global = GlobalOptions::new(global);
        let mut detail = program.text.clone();
        if exit_unattached == b"on" {
            detail.push_str("; its option exit-unattached is on: tmux and all agents in it end when the node ends");
        }
        if self.state.borrow().trouble.is_none() {
            self.reports.backend(BackendInput::Available(BackendKind::Tmux, detail));
        }
    }

    /// tmux detached us. If that happens again and again it cannot be used, and a person has to know why.
    async fn was_detached(self: &Rc<Self>, program: &Program, times: &mut u32) {
        *times += 1;
        if *times >= DETACHED_AT_MOST && self.state.borrow().trouble.is_none() {
            let reason = detaching(&detaching_hooks(&program.path, &program.socket).await);
            self.lose_sight();
            self.state.borrow_mut().trouble = Some(reason.clone());
            self.config.report.update(|status| status.trouble = Some(reason.clone()));
            self.reports.backend(BackendInput::Unavailable(BackendKind::Tmux, reason));
        }
        let pause = DETACHED_PAUSE.saturating_mul(1 << times.saturating_sub(1).min(8));
        self.pause(pause.min(DETACHED_PAUSE_AT_MOST)).await;
    }

    /// A connection holds after all.
    fn holds(self: &Rc<Self>, program: &Program) {
        if self.state.borrow_mut().trouble.take().is_some() {
            self.config.report.update(|status| status.trouble = None);
            self.reports.backend(BackendInput::Available(BackendKind::Tmux, program.text.clone()));
        }
    }

    /// Lists once a second until the connection has ended. After trouble, not before it is seen that the connection holds.
    async fn poll(self: &Rc<Self>, program: &Program, ended: &async_channel::Receiver<Ending>) -> Option<Ending> {
        let troubled = self.state.borrow().trouble.is_some();
        if troubled {
            self.state.borrow_mut().listing.held += 1;
            let holds = async {
                smol::Timer::after(HOLDS).await;
                Ok(())
            };
            let ending = future::or(async { Err(ended.recv().await.ok()) }, holds).await;
            self.state.borrow_mut().listing.held -= 1;
            if let Err(ending) = ending {
                return ending;
            }
            self.holds(program);
        }
        let list = async {
            loop {
                let stuck = {
                    let mut state = self.state.borrow_mut();
                    let since = state.listing.in_flight;
                    if since.is_none() {
                        state.poll();
                    }
                    since.is_some_and(|since| since.elapsed() > ANSWER_TIME)
                };
                if stuck {
                    log::warn!("tmux does not answer; connecting again");
                    self.drop_monitor();
                    return None;
                }
                smol::Timer::after(LIST_INTERVAL).await;
            }
        };
        future::or(async { ended.recv().await.ok() }, list).await
    }

    /// What runs in tmux is not seen any more, which is not to say that it has ended.
    fn lose_sight(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        state.seen.clear();
        state.listing.listed = false;
        drop(state);
        self.server_gone();
    }

    /// The server is gone, and with it everything that it carried.
    fn server_gone(self: &Rc<Self>) {
        self.forget_agents();
        self.drop_monitor();
        self.config.report.update(|status| status.sessions = 0);
        let mut state = self.state.borrow_mut();
        state.identity = ServerIdentity::default();
        state.connections.clear();
        state.watches.clear();
        state.leases = Default::default();
    }

    fn forget_agents(self: &Rc<Self>) {
        let mut state = self.state.borrow_mut();
        let agents: Vec<AgentId> = std::mem::take(&mut state.agents).into_keys().collect();
        for agent in agents {
            state.forget_agent(self, agent);
        }
        state.agents_by_session.clear();
        state.sessions.clear();
        state.shells.clear();
        state.listing.examined.clear();
    }

    fn listed_nothing(&self) {
        if !std::mem::replace(&mut self.state.borrow_mut().listing.listed, true) {
            self.reports.backend(BackendInput::Listed(BackendKind::Tmux));
        }
    }

    /// The tmux program to launch with, and the socket of its server.
    pub(crate) fn tmux_program(&self) -> Result<(PathBuf, PathBuf), OperationError> {
        let state = self.state.borrow();
        let address = state.address.as_ref();
        address.map(|address| (address.program.clone(), address.socket.clone())).ok_or_else(|| {
            error("tmux-unavailable", "tmux is not available on this machine.", "Install tmux 3.2 or later.")
        })
    }

    async fn find_program(&self) -> Result<Program, String> {
        let path = self.config.program.clone().or_else(|| {
            find_in_path("tmux", self.config.variable("PATH").map(std::ffi::OsString::as_os_str).unwrap_or_default())
        });
        let Some(path) = path else {
            return Err(format!("tmux is not installed; Consort needs {}. {INSTALL}", needed()));
        };
        let asked = path.clone();
        let output = smol::unblock(move || std::process::Command::new(asked).arg("-V").output()).await;
        let text = match output {
            Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
            Err(error) => return Err(format!("{} cannot be run: {error}. {INSTALL}", path.display())),
        };
        match parse_version(&text) {
            Some(version) if version >= OLDEST => {
                let modified = path.metadata().and_then(|data| data.modified()).ok();
                let which = self.config.which();
                let expected = which.expected();
                let socket = which.ask(&path).await.map_err(|reason| format!("{text} has no socket: {reason}."))?;
                Ok(Program { path, socket, expected, modified, version, text })
            }
            Some(_) => Err(format!("{text} is too old; Consort needs {}. {INSTALL}", needed())),
            None => Err(format!("{} does not say its version ({text:?}); Consort needs {}.", path.display(), needed())),
        }
    }
}

/// When connections ended lately.
#[derive(Debug, Default)]
struct Endings(VecDeque<Instant>);

impl Endings {
    fn note(&mut self, report: &TmuxReport, ending: Option<Ending>) {
        let now = Instant::now();
        self.0.push_back(now);
        self.0.retain(|ended| now.duration_since(*ended) < Duration::from_secs(60));
        let reason = match ending {
            Some(Ending::Detached) => "tmux detached the node",
            Some(_) => "tmux ended the connection",
            None => "tmux did not answer",
        };
        let ending = TmuxEnding { reason: reason.to_owned(), unix_ms: unix_ms(), in_a_minute: self.0.len() };
        report.update(|status| {
            status.connected_unix_ms = None;
            status.last_ending = Some(ending);
        });
    }
}

/// The hooks that detach clients, as tmux shows them.
pub(crate) async fn detaching_hooks(tmux: &Path, socket: &Path) -> Vec<String> {
    let mut command = smol::process::Command::new(tmux);
    command.arg("-N").arg("-S").arg(socket).args([&spelled("show-hooks"), "-g"]);
    command.env_remove("TMUX").stdin(std::process::Stdio::null()).kill_on_drop(true);
    let said = async { command.output().await.map(|output| output.stdout).unwrap_or_default() };
    let late = async {
        smol::Timer::after(PROGRAM_INTERVAL).await;
        Vec::new()
    };
    let printed = future::or(said, late).await;
    let lines = String::from_utf8_lossy(&printed).into_owned();
    // Hooks that nobody has set are listed too, without commands.
    let detaches = |line: &&str| line.split_once(' ').is_some_and(|(_, commands)| commands.contains("detach"));
    lines.lines().filter(detaches).map(|line| line.trim().to_owned()).collect()
}

/// What to say about hooks that detach us.
fn detaching(hooks: &[String]) -> String {
    match hooks {
        [] => "Your tmux detaches Consort whenever it connects: look for a hook or a script that detaches clients."
            .to_owned(),
        hooks => format!(
            "A hook of your tmux detaches Consort whenever it connects: {}. Remove it, or let it spare control clients.",
            hooks.join(", ")
        ),
    }
}

const INSTALL: &str = "Install it with: apt install tmux, dnf install tmux, pacman -S tmux or brew install tmux.";

fn needed() -> String {
    format!("tmux {}.{} or later", OLDEST.0, OLDEST.1)
}

impl Program {
    fn is_unchanged(&self) -> bool {
        self.path.metadata().is_ok_and(|data| data.modified().ok() == self.modified)
    }
}

/// The version in `tmux 3.3a`, `tmux next-3.6` or `tmux openbsd-7.5`; one without a number is a development version.
fn parse_version(text: &str) -> Option<(u32, u32)> {
    let version = text.strip_prefix("tmux ")?;
    if version == "master" || version.starts_with("openbsd-") {
        return Some((u32::MAX, 0));
    }
    let (major, rest) = version.strip_prefix("next-").unwrap_or(version).split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn parse_identity(body: &[u8]) -> Option<ServerIdentity> {
    let fields: Vec<Vec<u8>> = fields(body).map(unquote).collect();
    let [pid, start, host] = fields.as_slice() else { return None };
    let host = String::from_utf8_lossy(host).into_owned();
    Some(ServerIdentity { pid: super::parser::number(pid)?, start: super::parser::number(start)?, host })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_old_ones_are_older() {
        assert_eq!(parse_version("tmux 3.3a"), Some((3, 3)));
        assert_eq!(parse_version("tmux next-3.6"), Some((3, 6)));
        assert_eq!(parse_version("tmux 3.10"), Some((3, 10)));
        assert!(parse_version("tmux 2.9a").is_some_and(|version| version < OLDEST));
        assert!(parse_version("tmux openbsd-7.5").is_some_and(|version| version >= OLDEST));
        assert_eq!(parse_version("screen 4"), None);
    }
}
