//! A terminal for the tests: a PTY with its user at one end and the binary at the other.

use crate::node::BOUND;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};

pub(crate) struct Terminal {
    user: File,
    program: File,
    /// Everything that was written to it, and where to look on from.
    shown: Arc<(Mutex<Vec<u8>>, Condvar)>,
    seen: Mutex<usize>,
}

impl Terminal {
    pub(crate) fn new(rows: u16, cols: u16) -> Self {
        let user = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&user).unwrap();
        unlockpt(&user).unwrap();
        let name = ptsname(&user, Vec::new()).unwrap();
        let path = std::ffi::OsStr::from_bytes(name.as_bytes());
        let program = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let user = File::from(user);
        let shown = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let (mut reader, written) = (user.try_clone().unwrap(), shown.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4_096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                written.0.lock().unwrap().extend_from_slice(&buffer[..count]);
                written.1.notify_all();
            }
        });
        let terminal = Terminal { user, program, shown, seen: Mutex::new(0) };
        terminal.resize(rows, cols);
        terminal
    }

    /// Runs a command in it.
    pub(crate) fn spawn(&self, mut command: Command) -> Child {
        let end = || self.program.try_clone().unwrap();
        command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap()
    }

    pub(crate) fn types(&self, keys: &str) {
        (&self.user).write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn resize(&self, rows: u16, cols: u16) {
        tcsetwinsize(&self.user, Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    }

    pub(crate) fn modes(&self) -> Termios {
        tcgetattr(&self.program).unwrap()
    }

    /// Waits until `text` has been written to it, ever.
    pub(crate) fn wait_for(&self, text: &str) {
        self.wait_from(0, text);
    }

    /// Waits until `text` is written after everything that was waited for before.
    pub(crate) fn wait_for_another(&self, text: &str) {
        let from = *self.seen.lock().unwrap();
        self.wait_from(from, text);
    }

    /// Everything that was written to it.
    pub(crate) fn shown(&self) -> String {
        String::from_utf8_lossy(&self.shown.0.lock().unwrap()).into_owned()
    }

    fn wait_from(&self, from: usize, text: &str) {
        let find = |shown: &Vec<u8>| shown[from..].windows(text.len()).position(|window| window == text.as_bytes());
        let shown = self.shown.0.lock().unwrap();
        let waited = self.shown.1.wait_timeout_while(shown, BOUND, |shown| find(shown).is_none());
        let shown = waited.unwrap().0;
        match find(&shown) {
            Some(at) => {
                let mut seen = self.seen.lock().unwrap();
                *seen = (*seen).max(from + at + text.len());
            }
            None => panic!("{text:?} never came; there was {:?}", String::from_utf8_lossy(&shown)),
        }
    }
}
