//! A node in the background (`consort -d`): it leaves the session of the shell that started it, keeps a log file of bounded size, and
//! reports to the process that waits for it whether it is up.
//!
//! `consort -d` runs itself again with `--detached` instead of forking, and reads that process's standard output ([`READY`] marks the
//! end of the announcement; output that ends without it explains why the node could not start). See `cli/start.rs` for that side.

use rustix::stdio::{dup2_stderr, dup2_stdout};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The log file in the state directory.
pub const LOG_FILE: &str = "consort.log";

/// The byte that a node in the background writes behind its announcement, once it is up.
pub const READY: u8 = 0;

/// Bytes of the log file before it becomes `consort.log.1` and a new one begins.
const LOG_BYTES: u64 = 1 << 20;

/// This process, after it has left its parent's session.
#[derive(Debug)]
pub struct Background {
    log: PathBuf,
}

impl Background {
    /// Leaves the session of the parent; from now on standard error is the log file.
    ///
    /// # Errors
    /// The log file cannot be written.
    pub fn enter(state_dir: &Path) -> io::Result<Self> {
        // Only the leader of a group cannot begin a session. It has no terminal to lose then, or a person wanted it so.
        let _ = rustix::process::setsid();
        DirBuilder::new().recursive(true).mode(0o700).create(state_dir)?;
        let log = state_dir.join(LOG_FILE);
        dup2_stderr(append_to(&log)?)?;
        // The directory of the shell may be one that somebody wants to unmount or delete.
        let home = std::env::home_dir().unwrap_or_else(|| PathBuf::from("/"));
        let _ = std::env::set_current_dir(home).or_else(|_| std::env::set_current_dir("/"));
        Ok(Background { log })
    }

    /// The log file.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// What writes log lines: standard error, which panics also go to, and with it the file, replaced when it is full.
    #[must_use]
    pub fn logger(&self) -> Box<dyn Write + Send> {
        let written = fs::metadata(&self.log).map_or(0, |meta| meta.len());
        let replaced = |file: &File| Ok(dup2_stderr(file)?).and_then(|()| Ok(dup2_stdout(file)?));
        Box::new(Log { path: self.log.clone(), written, limit: LOG_BYTES, sink: io::stderr(), replaced })
    }

    /// Reports that the node is up. Whoever waits for that sees the end of standard output, which is the log file from now on.
    pub fn ready(&self) {
        let mut stdout = io::stdout();
        let _ = stdout.write_all(&[READY]).and_then(|()| stdout.flush());
        if let Err(error) = append_to(&self.log).and_then(|file| Ok(dup2_stdout(file)?)) {
            log::warn!("standard output cannot be sent to the log file: {error}");
        }
    }

    /// Reports why the node could not start, to whoever waits and to the log.
    pub fn failed(&self, message: &str) {
        for mut out in [Box::new(io::stdout()) as Box<dyn Write>, Box::new(io::stderr())] {
            let _ = out.write_all(message.as_bytes()).and_then(|()| out.flush());
        }
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

/// A log file that is replaced when it is full; one old file is kept.
struct Log<S, R> {
    path: PathBuf,
    written: u64,
    limit: u64,
    /// Writes to the file.
    sink: S,
    /// Makes the sink write to this file.
    replaced: R,
}

impl<S, R: FnMut(&File) -> io::Result<()>> Log<S, R> {
    fn replace(&mut self) -> io::Result<()> {
        fs::rename(&self.path, self.path.with_extension("log.1"))?;
        (self.replaced)(&append_to(&self.path)?)
    }
}

impl<S: Write, R: FnMut(&File) -> io::Result<()>> Write for Log<S, R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len() as u64;
        if self.written > 0 && self.written.saturating_add(length) > self.limit {
            // What cannot be replaced now (a full disk) is tried again after as much again.
            let _ = self.replace();
            self.written = 0;
        }
        self.sink.write_all(bytes)?;
        self.written = self.written.saturating_add(length);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// Writes to whichever file it was given last.
    #[derive(Clone)]
    struct Sink(Arc<Mutex<File>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_log_is_bounded_and_ends_with_the_newest_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOG_FILE);
        let sink = Sink(Arc::new(Mutex::new(append_to(&path).unwrap())));
        let target = sink.clone();
        let replaced = move |file: &File| {
            *target.0.lock().unwrap() = file.try_clone()?;
            Ok(())
        };
        let mut log = Log { path: path.clone(), written: 0, limit: 1_000, sink, replaced };
        for line in 0..500 {
            writeln!(log, "line {line}").unwrap();
            assert!(fs::metadata(&path).unwrap().len() <= 1_000);
        }
        let (old, new) = (path.with_extension("log.1"), fs::read_to_string(&path).unwrap());
        assert!(fs::metadata(&old).unwrap().len() <= 1_000 && new.ends_with("line 499\n"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        let first = new.lines().next().unwrap().trim_start_matches("line ").parse::<u32>().unwrap();
        assert!(
            fs::read_to_string(old).unwrap().ends_with(&format!("line {}\n", first - 1)),
            "nothing is lost between"
        );
    }
}
