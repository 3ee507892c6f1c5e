//! A network of its own for some processes: interfaces, addresses, ports and rules that nothing else on this machine sees.

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A network namespace. It lasts as long as this value or a process in it, so nothing stays behind, however a test ends.
#[derive(Debug)]
pub struct Namespace {
    file: File,
}

impl Namespace {
    /// A new one with a loopback interface that is up.
    ///
    /// # Errors
    /// Why there can be none, in words for a person.
    pub fn new() -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("consort-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        run(Command::new("ip").args(["netns", "add", &name]), "")?;
        let opened = File::open(format!("/run/netns/{name}")).map_err(|error| error.to_string());
        // The open file keeps it; the name would only outlive a test that is killed.
        run(Command::new("ip").args(["netns", "delete", &name]), "")?;
        let namespace = Namespace { file: opened? };
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// Does something in it: sockets that are made and processes that are started there stay there.
    ///
    /// # Panics
    /// If it cannot be entered, or with `f`.
    pub fn within<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        let entered = || {
            move_into_link_name_space(self.file.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("its own namespace is entered");
            f()
        };
        // Only this thread moves, and it ends: nobody has to move back.
        let result = std::thread::scope(|scope| scope.spawn(entered).join());
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Where `ip` finds it, as long as this process runs.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd())
    }

    /// Runs lines of `ip` commands in it.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn ip(&self, lines: &str) -> Result<(), String> {
        self.within(|| run(Command::new("ip").args(["-batch", "-"]), lines))
    }

    /// Whether its line to the outside is in use.
    ///
    /// # Panics
    /// Without `ip`.
    #[must_use]
    pub fn line_is_up(&self) -> bool {
        let shown = self.within(|| Command::new("ip").args(["-brief", "link", "show", "dev", "eth0"]).output());
        String::from_utf8_lossy(&shown.expect("ip runs").stdout).contains(" UP ")
    }

    /// Carries out a file of nftables, wholly or not at all.
    ///
    /// # Errors
    /// What `nft` says.
    pub fn nft(&self, rules: &str) -> Result<(), String> {
        self.within(|| run(Command::new("nft").args(["-f", "-"]), rules))
    }

    /// Runs one `tc` command in it.
    ///
    /// # Errors
    /// What `tc` says.
    pub fn tc(&self, words: &str) -> Result<(), String> {
        self.within(|| run(Command::new("tc").args(words.split(' ')), ""))
    }
}

/// Runs a command with a text as its input.
fn run(command: &mut Command, input: &str) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |error: std::io::Error| format!("{program}: {error}");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    let mut stdin = child.stdin.take().expect("piped");
    // One that refuses before it has read everything says why itself.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
