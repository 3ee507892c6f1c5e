//! vttest on a PTY, with our emulator as its terminal: waits until it waits for somebody, and types.

use consort::dialect::{Dialect, Filter};
use consort::pty::{Emulator, Palette};
use consort_core::Size;
use consort_tests::BarePty;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{Read, Write};
use std::time::{Duration, Instant};

/// Columns and rows: vttest is made for these.
pub(crate) const SIZE: (u16, u16) = (80, 24);
/// How long vttest may take to wait for somebody: some of its tests draw slowly on purpose.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long nothing has to come from a vttest that waits for input until all that it printed is here.
const QUIET: Timespec = Timespec { tv_sec: 0, tv_nsec: 30_000_000 };
/// What it says where a number is to be chosen, up to the largest one.
const CHOOSE: &str = "Enter choice number (0 - ";

/// A running vttest.
pub(crate) struct Session {
    pty: BarePty,
    _folder: tempfile::TempDir,
    filter: Filter,
    emulator: Emulator,
    /// All that it has printed.
    pub(crate) printed: Vec<u8>,
}

/// A menu that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Menu {
    /// What stands above its items.
    pub(crate) title: String,
    /// What each number from 1 on stands for.
    pub(crate) items: Vec<String>,
}

impl Session {
    /// Starts it; it shows its first menu.
    pub(crate) fn start() -> Self {
        let size = Size::clamped(SIZE.0, SIZE.1);
        let folder = tempfile::tempdir().expect("a folder");
        let mut session = Session {
            // It may leave a log where it runs.
            pty: BarePty::spawn(&["sh", "-c", "cd \"$0\" && exec vttest", &folder.path().to_string_lossy()]),
            _folder: folder,
            filter: Filter::new(Dialect::Pty, SIZE.0),
            emulator: Emulator::new(size, Palette::default()),
            printed: Vec::new(),
        };
        assert!(session.settle() && session.menu().is_some(), "vttest begins with a menu");
        session
    }

    /// Types, and waits until it has been read and answered. False: vttest has ended, or does not wait for anybody.
    pub(crate) fn types(&mut self, text: &str) -> bool {
        self.pty.master.write_all(text.as_bytes()).is_ok() && self.settle()
    }

    /// Waits until vttest waits for input and all that it has printed is here, and answers its questions meanwhile.
    fn settle(&mut self) -> bool {
        let until = Instant::now() + PATIENCE;
        let mut waits = false;
        loop {
            let mut end = [PollFd::new(&self.pty.master, PollFlags::IN)];
            let ready = poll(&mut end, Some(&QUIET)).expect("poll") > 0;
            if ready {
                waits = false;
                let mut buffer = vec![0; 64 << 10];
                let Ok(count @ 1..) = self.pty.master.read(&mut buffer) else { return false };
                self.output(&buffer[..count]);
            } else if self.reads_its_terminal() {
                // It waited before, and nothing came since: what it prints comes before it waits.
                if std::mem::replace(&mut waits, true) {
                    return true;
                }
            }
            if Instant::now() > until {
                return false;
            }
        }
    }

    fn output(&mut self, bytes: &[u8]) {
        self.printed.extend_from_slice(bytes);
        let mut canonical = Vec::new();
        self.emulator.feed(self.filter.feed(bytes, &mut canonical));
        let answers = self.emulator.take_news().answers;
        self.pty.master.write_all(&answers).expect("vttest takes answers");
    }

    /// Whether the process is inside of `read(0, …)`, by the number of that call on x86-64 or on ARM.
    fn reads_its_terminal(&self) -> bool {
        let call = std::fs::read_to_string(format!("/proc/{}/syscall", self.pty.pid())).unwrap_or_default();
        call.starts_with("0 0x0 ") || call.starts_with("63 0x0 ")
    }

    /// The menu that is shown, if vttest waits for a choice.
    pub(crate) fn menu(&self) -> Option<Menu> {
        let text = self.emulator.screen_text();
        let last = text.lines().rfind(|line| !line.trim().is_empty())?;
        let most: usize = last.trim().strip_prefix(CHOOSE)?.strip_suffix("):")?.parse().ok()?;
        let item = |number: usize| {
            let mark = format!("{number}. ");
            let found = text.lines().find_map(|line| line.trim_start().strip_prefix(&mark));
            found.unwrap_or_default().trim().to_owned()
        };
        let above = text.lines().map(str::trim).take_while(|line| !line.starts_with("0. "));
        Some(Menu { title: above.collect(), items: (1..=most).map(item).collect() })
    }
}
