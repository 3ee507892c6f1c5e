//! A person's terminal: a pane of a tmux server of its own, in which `consort attach` runs, and what a pane of tmux shows.

use crate::differential::{Grid, capture};
use crate::{TestNode, wait_until};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A terminal that attaches to an agent, and again each time somebody presses Enter after detaching.
#[derive(Debug)]
pub struct RealTerminal {
    socket: String,
    keeper: Child,
}

/// What a pane shows, and who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Its visible rows; no history.
    pub grid: Grid,
    /// Its title.
    pub title: String,
    /// Whether it shows the alternate screen.
    pub alternate: bool,
}

const LOOK: &str = "#{pane_width} #{pane_height} #{cursor_x} #{cursor_y} #{alternate_on} #{pane_title}";

/// What a pane shows, by a way to run tmux.
///
/// # Panics
/// If tmux gives something else.
#[must_use]
pub fn look(target: &str, tmux: impl FnOnce(&[&str]) -> Output) -> Look {
    let shows = ["display-message", "-p", "-t", target, LOOK, ";", "capture-pane", "-p", "-e", "-N", "-t", target];
    let output = tmux(&shows);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let line = output.stdout.iter().position(|byte| *byte == b'\n').expect("two answers");
    let (state, shown) = output.stdout.split_at(line);
    let state = String::from_utf8_lossy(state);
    let mut fields = state.splitn(6, ' ');
    // A tmux that has lost its cursor says anything.
    let mut number = || {
        let number = fields.next().and_then(|field| field.parse::<u64>().ok()).expect("a number");
        u16::try_from(number).unwrap_or(u16::MAX)
    };
    let [cols, rows, x, y, alternate]: [u16; 5] = std::array::from_fn(|_| number());
    let title = fields.next().unwrap_or_default().to_owned();
    let screen = capture::rows(shown[1..].strip_suffix(b"\n").unwrap_or(&shown[1..]));
    let grid = Grid { size: (cols, rows), cursor: (x, y), history: Vec::new(), older: false, screen, normal: None };
    Look { grid, title, alternate: alternate == 1 }
}

impl RealTerminal {
    /// A terminal of this size that attaches to an agent of a node. It ends with this value, and with the test's process however
    /// that ends: then the node and its tmux server end too.
    ///
    /// # Panics
    /// If tmux does not start.
    #[must_use]
    pub fn attach(node: &TestNode, agent: &str, (cols, rows): (u16, u16)) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let socket = format!("consort-user-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let all = "read -r _; tmux -L \"$1\" kill-server; tmux -L \"$2\" kill-server; kill -9 \"$3\"";
        let keeper = Command::new("setsid")
            .args(["sh", "-c", all, "keeper", &socket, node.tmux_socket(), &node.pid().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("setsid runs");
        let terminal = RealTerminal { socket, keeper };
        let client = node.client();
        let words = std::iter::once(client.get_program()).chain(client.get_args()).map(|word| word.to_string_lossy());
        let client = words.map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
        let script = format!(
            "while {client} attach {agent}; do printf '\\033]2;left\\033\\\\'; read -r _; done; exec sleep 1000000"
        );
        let (cols, rows) = (cols.to_string(), rows.to_string());
        let made = terminal.tmux(&["new-session", "-d", "-s", "user", "-x", &cols, "-y", &rows, &script]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let set = terminal.tmux(&["set", "-g", "status", "off", ";", "set", "-g", "window-size", "manual"]);
        assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
        terminal.resize((cols.parse().unwrap_or(80), rows.parse().unwrap_or(24)));
        terminal
    }

    fn tmux(&self, args: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.args(["-u", "-f", "/dev/null", "-L", &self.socket]).args(args).stdin(Stdio::null());
        command.env_remove("TMUX").env("LC_ALL", "C.UTF-8").env("SHELL", "/bin/sh");
        command.output().expect("tmux runs")
    }

    /// What it shows.
    #[must_use]
    pub fn look(&self) -> Look {
        look("user:", |args| self.tmux(args))
    }

    /// Gives its window another size.
    pub fn resize(&self, (cols, rows): (u16, u16)) {
        self.tmux(&["resize-window", "-t", "user:", "-x", &cols.to_string(), "-y", &rows.to_string()]);
    }

    /// Presses keys, as tmux names them.
    pub fn press(&self, keys: &[&str]) {
        self.tmux(&[&["send-keys", "-t", "user:"], keys].concat());
    }

    /// From now on, all that is written to it goes to this file too.
    pub fn record(&self, path: &std::path::Path) {
        self.tmux(&["pipe-pane", "-t", "user:", &format!("exec cat > '{}'", path.display())]);
    }

    /// Detaches and attaches again.
    ///
    /// # Panics
    /// If it does neither.
    pub fn attach_again(&self) {
        self.press(&["C-]"]);
        // Not before: what is typed while attach gives the terminal back is thrown away.
        wait_until("the user has detached", || self.look().title == "left");
        self.press(&["Enter"]);
        wait_until("the user has attached again", || self.look().alternate);
    }
}

impl Drop for RealTerminal {
    fn drop(&mut self) {
        // First: what it would do is done here and by the node's own end.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
        let _ = self.tmux(&["kill-server"]);
    }
}
