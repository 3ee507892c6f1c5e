//! A program on a PTY, with nothing of ours in between.

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

/// A program on a PTY.
#[derive(Debug)]
pub struct BarePty {
    /// Our end of it.
    pub master: File,
    child: Child,
}

impl BarePty {
    /// Starts a program as session leader with the PTY as its terminal (`setsid --ctty`), of 80×24.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn spawn(program: &[&str]) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a PTY");
        grantpt(&master).expect("a PTY");
        unlockpt(&master).expect("a PTY");
        let name = ptsname(&master, Vec::new()).expect("a name");
        let slave: OwnedFd =
            rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("the other end");
        tcsetwinsize(&slave, Winsize { ws_col: 80, ws_row: 24, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
        let slave = File::from(slave);
        let stdio = || Stdio::from(slave.try_clone().expect("a descriptor"));
        let child = Command::new("setsid")
            .args(["--ctty", "--wait"])
            .args(program)
            .env("TERM", "xterm-256color")
            .env_remove("TMUX")
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .expect("setsid of util-linux");
        BarePty { master: File::from(master), child }
    }

    /// The process that leads the session: `setsid` becomes the program.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads until `needle` was printed.
    ///
    /// # Panics
    /// If the program ends before.
    pub fn wait_text(&mut self, needle: &[u8]) {
        let mut buffer = vec![0; 64 << 10];
        let mut tail: Vec<u8> = Vec::new();
        loop {
            let count = self.master.read(&mut buffer).expect("the program prints");
            tail.extend_from_slice(&buffer[..count]);
            if tail.windows(needle.len()).any(|part| part == needle) {
                return;
            }
            let keep = tail.len().min(needle.len());
            tail.drain(..tail.len() - keep);
        }
    }
}

impl Drop for BarePty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
