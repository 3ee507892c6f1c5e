//! Cases on real panes of a real tmux, through the backend of the node. Many at once: each is a window of one session.

use super::program::{Case, Event};
use super::{Grid, Recorded, Step, capture};
use crate::PATIENCE;
use async_channel::{Receiver, Sender};
use consort::backend::{Ends, FromBackend, TerminalEvent, ToBackend};
use consort::dialect::Dialect;
use consort::dialect::widths::{Width, Widths};
use consort::environment::Environments;
use consort::tmux::{self, TmuxConfig};
use consort_core::limits::SNAPSHOT_HISTORY_LINES;
use consort_core::{AgentId, BackendInput, TerminalId, TerminalOutput};
use data_encoding::BASE64;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The longest time that asking tmux for widths takes.
const MEASURING: Duration = Duration::from_secs(60);

/// A tmux server with a session for cases, and the node's backend that looks at it.
#[derive(Debug)]
pub struct Panes {
    program: PathBuf,
    socket: String,
    home: tempfile::TempDir,
    control: Control,
    orders: Option<Sender<ToBackend>>,
    reports: Receiver<FromBackend>,
    thread: Option<JoinHandle<()>>,
    fifos: u64,
    version: (u32, u32),
    widths: Arc<Widths>,
}

/// A pane that runs a case.
struct Pane {
    id: u32,
    window: String,
    terminal: TerminalId,
    input: File,
    printed: usize,
    /// What a viewer was given since the last look at this.
    steps: Vec<Step>,
    /// Live bytes are missing: a viewer goes on with the next snapshot.
    skipped: bool,
    /// That has happened.
    repaired: bool,
    size: (u16, u16),
}

impl Panes {
    /// Starts a server of this tmux (of the one in `PATH` if none).
    ///
    /// # Panics
    /// If tmux does not start.
    #[must_use]
    pub fn start(program: Option<&Path>) -> Self {
        Self::start_with(program, &[])
    }

    /// The same with these options of panes, such as `scroll-on-clear off`.
    ///
    /// # Panics
    /// If tmux does not start, or does not know an option.
    #[must_use]
    pub fn start_with(program: Option<&Path>, options: &[&str]) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let program = program.map_or_else(|| PathBuf::from("tmux"), Path::to_owned);
        let socket = format!("consort-differ-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let home = tempfile::tempdir().expect("a home directory");
        let environment = environment(home.path());
        let command = || {
            let mut command = Command::new(&program);
            command.args(["-f", "/dev/null", "-u", "-L", &socket]).env_clear().envs(environment.iter().cloned());
            command
        };
        let session = ["new-session", "-d", "-s", "cases", "-x", "80", "-y", "24", "exec sleep 1000000"];
        let made = command().args(session).output().expect("tmux runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut control = Control::start(&mut command());
        // However this process ends, the server ends with it.
        control.send("set-option -t cases destroy-unattached on");
        control.answer();
        for option in options {
            control.send(&format!("set-option -wg {option}"));
            control.answer();
        }
        control.send("display-message -p '#{version} #{pane_id}'");
        let first = String::from_utf8_lossy(&control.answer()).into_owned();
        let (orders, orders_end) = async_channel::unbounded();
        let (reports_end, reports) = async_channel::bounded(4096);
        let config = TmuxConfig {
            socket_name: Some(socket.clone()),
            program: Some(program.clone()),
            home: home.path().to_owned(),
            direct: true,
            environments: Environments::fixed(environment.clone(), "/bin/false".into(), home.path()).expect("a folder"),
            environment: environment.clone(),
            report: Default::default(),
            // At once: what is compared is what viewers see after it.
            repair_rest: Duration::ZERO,
        };
        let ends = Ends { orders: orders_end, reports: reports_end };
        let thread = std::thread::spawn(move || async_io::block_on(tmux::start(config, ends)));
        let (version, first) = first.split_once(' ').expect("a version and a pane");
        let version = version_of(version);
        let mut panes = Panes {
            program,
            socket,
            home,
            control,
            orders: Some(orders),
            reports,
            thread: Some(thread),
            fifos: 0,
            version,
            widths: Widths::assumed(Dialect::Tmux { version }),
        };
        panes.widths = panes.wait_for_widths(first);
        panes
    }

    /// Waits until the backend has asked tmux for the widths of characters. What it assumes before that is replaced in any
    /// watched pane by a snapshot, which would hide what is looked for here.
    fn wait_for_widths(&self, first: &str) -> Arc<Widths> {
        let pane = first[1..].parse().expect("a pane");
        let terminal = TerminalId { agent: self.agent_with(&[pane]), pane };
        let assumed = Widths::assumed(Dialect::Tmux { version: self.version });
        let (command, mut measured) = (assumed.command(), None);
        let until = Instant::now() + MEASURING;
        self.order(terminal, TerminalOutput::Watch);
        // Where tmux counts as is assumed, there is nothing to wait for, and nothing shows that.
        while Instant::now() < until {
            self.order(terminal, TerminalOutput::Snapshot { history_lines: 0 });
            let snapshot = loop {
                if let FromBackend::Terminal(_, TerminalEvent::Snapshot { bytes, .. }) = self.report("a snapshot") {
                    break bytes;
                }
            };
            if !snapshot.starts_with(command.as_bytes()) {
                measured = Some(Arc::new(assumed.with_measured(&table(&snapshot))));
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.order(terminal, TerminalOutput::Unwatch);
        measured.unwrap_or(assumed)
    }

    /// How wide it takes characters to be.
    #[must_use]
    pub fn widths(&self) -> Arc<Widths> {
        Arc::clone(&self.widths)
    }

    /// The version of tmux.
    #[must_use]
    pub fn version(&self) -> (u32, u32) {
        self.version
    }

    /// Runs cases side by side.
    ///
    /// # Panics
    /// If tmux or the backend does not answer.
    pub fn run(&mut self, cases: &[Case]) -> Vec<Recorded> {
        let mut panes = self.open(cases);
        let mut events: Vec<VecDeque<Event>> = cases.iter().map(|case| case.events().into()).collect();
        let mut cuts: Vec<Option<(Grid, Vec<Step>, Step)>> = cases.iter().map(|_| None).collect();
        while events.iter().any(|events| !events.is_empty()) {
            let round: Vec<Option<Event>> = events.iter_mut().map(VecDeque::pop_front).collect();
            for (pane, event) in panes.iter_mut().zip(&round) {
                if let Some(Event::Print(bytes)) = event {
                    pane.input.write_all(bytes).expect("the pane's pipe takes it");
                    pane.printed += bytes.len();
                }
            }
            self.wait_until_printed(&panes);
            let resized: Vec<usize> = (0..panes.len())
                .filter(|at| matches!(round[*at], Some(Event::Resize(size)) if size != panes[*at].size))
                .collect();
            for at in &resized {
                let Some(Event::Resize((cols, rows))) = round[*at] else { continue };
                panes[*at].size = (cols, rows);
                self.control.send(&format!("resize-window -t {} -x {cols} -y {rows}", panes[*at].window));
            }
            resized.iter().for_each(|_| drop(self.control.answer()));
            for (at, snapshot) in self.snapshots(&mut panes, &resized) {
                panes[at].steps.push(snapshot);
            }
            let cut: Vec<usize> = (0..panes.len()).filter(|at| matches!(round[*at], Some(Event::Cut))).collect();
            let looks = self.look(&panes, &cut);
            for ((at, snapshot), grid) in self.snapshots(&mut panes, &cut).into_iter().zip(looks) {
                cuts[at] = Some((grid, std::mem::take(&mut panes[at].steps), snapshot));
            }
        }
        let all: Vec<usize> = (0..panes.len()).collect();
        let looks = self.look(&panes, &all);
        let ends = self.snapshots(&mut panes, &all);
        for pane in &panes {
            self.control.send(&format!("kill-window -t {}", pane.window));
        }
        panes.iter().for_each(|_| drop(self.control.answer()));
        let whole = cuts.into_iter().zip(looks).zip(ends).zip(panes);
        whole
            .map(|(((cut, at_end), (_, snapshot_at_end)), pane)| {
                let (at_cut, before, snapshot_at_cut) = cut.expect("each case is cut");
                Recorded {
                    at_cut,
                    at_end,
                    before,
                    after: pane.steps,
                    snapshot_at_cut,
                    snapshot_at_end,
                    repaired: pane.repaired,
                }
            })
            .collect()
    }

    fn open(&mut self, cases: &[Case]) -> Vec<Pane> {
        let paths: Vec<PathBuf> = cases
            .iter()
            .map(|_| {
                self.fifos += 1;
                self.home.path().join(format!("pane-{}", self.fifos))
            })
            .collect();
        let made = Command::new("mkfifo").args(&paths).status().expect("mkfifo runs");
        assert!(made.success());
        for (case, path) in cases.iter().zip(&paths) {
            let run = format!("stty raw -echo; exec cat {}", path.display());
            let (cols, rows) = case.size;
            self.control.send(&format!("new-window -d -P -F '#{{pane_id}} #{{window_id}}' -t cases: \"{run}\""));
            self.control.send(&format!("resize-window -t cases:$ -x {cols} -y {rows}"));
        }
        let mut ids = Vec::new();
        for _ in cases {
            let answer = String::from_utf8_lossy(&self.control.answer()).into_owned();
            self.control.answer();
            let (pane, window) = answer.split_once(' ').expect("two ids");
            ids.push((pane[1..].parse().expect("a pane"), window.to_owned()));
        }
        let agent = self.agent_with(&ids.iter().map(|(pane, _)| *pane).collect::<Vec<_>>());
        let mut panes: Vec<Pane> = cases
            .iter()
            .zip(ids)
            .zip(paths)
            .map(|((case, (id, window)), path)| {
                // Open for both: opening waits for nobody, and the pane's end is never the pipe's.
                let input = File::options().read(true).write(true).open(&path).expect("a pipe");
                let terminal = TerminalId { agent, pane: id };
                Pane {
                    id,
                    window,
                    terminal,
                    input,
                    printed: 0,
                    steps: Vec::new(),
                    skipped: false,
                    repaired: false,
                    size: case.size,
                }
            })
            .collect();
        for pane in &panes {
            self.order(pane.terminal, TerminalOutput::Watch);
        }
        let all: Vec<usize> = (0..panes.len()).collect();
        for (at, snapshot) in self.snapshots(&mut panes, &all) {
            panes[at].steps.push(snapshot);
        }
        panes
    }

    /// Waits until the backend has reported these panes.
    fn agent_with(&self, panes: &[u32]) -> AgentId {
        loop {
            let FromBackend::Backend(BackendInput::Seen(seen)) = self.report("the panes") else { continue };
            if panes.iter().all(|pane| seen.terminals.iter().any(|info| info.pane == *pane)) {
                return seen.agent;
            }
        }
    }

    fn order(&self, terminal: TerminalId, order: TerminalOutput) {
        let orders = self.orders.as_ref().expect("running");
        orders.try_send(ToBackend::Terminal(terminal, order)).expect("the backend takes orders");
    }

    fn report(&self, what: &str) -> FromBackend {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.reports.try_recv() {
                Ok(report) => return report,
                Err(error) => assert!(!error.is_closed() && Instant::now() < until, "waited for {what}: {error}"),
            }
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
    }

    /// Snapshots of some of the panes; what comes before them is kept with its pane.
    fn snapshots(&self, panes: &mut [Pane], wanted: &[usize]) -> Vec<(usize, Step)> {
        for at in wanted {
            self.order(panes[*at].terminal, TerminalOutput::Snapshot { history_lines: SNAPSHOT_HISTORY_LINES });
        }
        let mut taken = BTreeMap::new();
        while taken.len() < wanted.len() {
            let FromBackend::Terminal(id, event) = self.report("snapshots") else { continue };
            let Some(at) = panes.iter().position(|pane| pane.terminal == id) else { continue };
            match event {
                TerminalEvent::Output(bytes) if !panes[at].skipped => panes[at].steps.push(Step::Append(bytes)),
                TerminalEvent::Snapshot { size, bytes } => {
                    let step = Step::Replace((size.cols(), size.rows()), bytes);
                    if std::mem::take(&mut panes[at].skipped) {
                        panes[at].steps.push(step.clone());
                    }
                    taken.insert(at, step);
                }
                TerminalEvent::Skipped => (panes[at].skipped, panes[at].repaired) = (true, true),
                _ => {}
            }
        }
        taken.into_iter().collect()
    }

    fn wait_until_printed(&self, panes: &[Pane]) {
        for pane in panes {
            self.control.wait_for(pane.id, pane.printed);
        }
    }

    /// tmux's own screens of some of the panes.
    fn look(&mut self, panes: &[Pane], wanted: &[usize]) -> Vec<Grid> {
        for at in wanted {
            let target = format!("-t %{}", panes[*at].id);
            let format = "#{pane_width} #{pane_height} #{cursor_x} #{cursor_y} #{alternate_on}";
            self.control.send(&format!("display-message -p {target} \"{format}\""));
            self.control.send(&format!("capture-pane -p -e -N -S - {target}"));
            self.control.send(&format!("capture-pane -p -a -q -e -N {target}"));
        }
        wanted.iter().map(|_| self.grid()).collect()
    }

    fn grid(&mut self) -> Grid {
        let state = String::from_utf8_lossy(&self.control.answer()).into_owned();
        let (shown, saved) = (self.control.answer(), self.control.answer());
        let numbers: Vec<u16> = state.split(' ').map(|number| number.parse().expect("a number")).collect();
        let mut history = capture::rows(&shown);
        let screen = history.split_off(history.len().saturating_sub(usize::from(numbers[1])));
        Grid {
            size: (numbers[0], numbers[1]),
            cursor: (numbers[2], numbers[3]),
            history,
            older: false,
            screen,
            normal: (numbers[4] == 1).then(|| capture::rows(&saved)),
        }
    }
}

impl Drop for Panes {
    fn drop(&mut self) {
        self.orders.take();
        while self.reports.try_recv().is_ok() {}
        let mut kill = Command::new(&self.program);
        kill.args(["-L", &self.socket, "kill-server"]).env_clear().envs(environment(self.home.path()));
        let _ = kill.output();
        if let Some(thread) = self.thread.take().filter(|_| !std::thread::panicking()) {
            let _ = thread.join();
        }
    }
}

/// The table of widths at the head of a snapshot.
fn table(snapshot: &[u8]) -> Vec<(char, Width)> {
    let command = snapshot.split(|byte| *byte == b'\\').next().unwrap_or_default();
    let encoded = command.rsplit(|byte| *byte == b';').next().and_then(|rest| rest.strip_suffix(b"\x1b"));
    let bytes = BASE64.decode(encoded.expect("a table")).expect("a table in base64");
    let (mut table, mut start, mut number, mut shift) = (Vec::new(), 0, 0u32, 0);
    for byte in bytes {
        number |= u32::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            let width = [Width::Zero, Width::One, Width::Two][(number & 3) as usize];
            table.extend((start..start + (number >> 2)).filter_map(char::from_u32).map(|character| (character, width)));
            start += number >> 2;
            (number, shift) = (0, 0);
        }
    }
    table
}

/// `3.3a` as numbers.
fn version_of(text: &str) -> (u32, u32) {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
    (numbers.next().expect("a major version"), numbers.next().unwrap_or(0))
}

fn environment(home: &Path) -> Vec<(OsString, OsString)> {
    let text = |text: &str| OsString::from(text);
    vec![
        (text("PATH"), std::env::var_os("PATH").unwrap_or_default()),
        (text("TMUX_TMPDIR"), home.into()),
        (text("HOME"), home.into()),
        (text("SHELL"), text("/bin/sh")),
        (text("LANG"), text("C.UTF-8")),
        (text("TERM"), text("xterm-256color")),
    ]
}

/// A control client of the test's own: it makes and looks at panes, and counts what they print as tmux reads it.
#[derive(Debug)]
struct Control {
    process: Child,
    commands: ChildStdin,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<Read>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Read {
    printed: BTreeMap<u32, usize>,
    answers: VecDeque<Vec<u8>>,
    ended: bool,
}

impl Control {
    fn start(tmux: &mut Command) -> Self {
        let attach = ["-C", "attach-session", "-f", "ignore-size", "-t", "cases"];
        let process = tmux.args(attach).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = process.expect("tmux runs");
        let commands = process.stdin.take().expect("a pipe");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe"));
        let shared = Arc::new(Shared::default());
        let reader = Arc::clone(&shared);
        std::thread::spawn(move || {
            let (mut line, mut block) = (Vec::new(), None::<Vec<u8>>);
            while lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                reader.line(line.strip_suffix(b"\n").unwrap_or(&line), &mut block);
                line.clear();
            }
            reader.state.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
            reader.changed.notify_all();
        });
        let mut control = Control { process, commands, shared };
        // To attach is a command too.
        control.answer();
        control
    }

    fn send(&mut self, command: &str) {
        writeln!(self.commands, "{command}").expect("tmux takes commands");
    }

    /// The answer to the oldest command that was not answered yet.
    fn answer(&mut self) -> Vec<u8> {
        self.wait("an answer", |read| read.answers.pop_front())
    }

    fn wait_for(&self, pane: u32, bytes: usize) {
        self.wait(&format!("{bytes} bytes of pane {pane}"), |read| {
            let printed = read.printed.get(&pane).copied().unwrap_or(0);
            assert!(printed <= bytes, "the pane prints more than it was given");
            (printed == bytes).then_some(())
        });
    }

    fn wait<T>(&self, what: &str, mut wanted: impl FnMut(&mut Read) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        let mut read = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = wanted(&mut read) {
                return found;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !read.ended, "waited for {what}; ended: {}", read.ended);
            read = self.shared.changed.wait_timeout(read, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    fn line(&self, line: &[u8], block: &mut Option<Vec<u8>>) {
        if let Some(body) = block {
            if line.starts_with(b"%end ") || line.starts_with(b"%error ") {
                assert!(!line.starts_with(b"%error "), "tmux refuses: {}", String::from_utf8_lossy(body));
                body.pop();
                let body = block.take().unwrap_or_default();
                self.state.lock().unwrap_or_else(PoisonError::into_inner).answers.push_back(body);
                self.changed.notify_all();
            } else {
                body.extend_from_slice(line);
                body.push(b'\n');
            }
        } else if line.starts_with(b"%begin ") {
            *block = Some(Vec::new());
        } else if let Some(output) = line.strip_prefix(b"%output %") {
            let space = output.iter().position(|byte| *byte == b' ').unwrap_or(output.len());
            let pane = std::str::from_utf8(&output[..space]).ok().and_then(|pane| pane.parse().ok()).unwrap_or(0);
            // Three digits stand for a byte behind each backslash.
            let text = output.get(space + 1..).unwrap_or_default();
            let escaped = text.iter().filter(|byte| **byte == b'\\').count();
            let mut read = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            *read.printed.entry(pane).or_default() += text.len() - 3 * escaped;
            self.changed.notify_all();
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
