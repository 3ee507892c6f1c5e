//! Runs a program of the user's that may do anything: print without end, wait for ever, leave others behind. It gets a
//! session of its own without a terminal, nothing to read, and a time limit; at the limit everything in its session ends.

use crate::session;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use rustix::time::Timespec;
use std::io::{self, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often it is looked whether the program has ended while others hold its output open, and whether to give up.
const LOOK: Duration = Duration::from_millis(20);
/// What was satisfied may run on for this long, so that it can end in order.
const GRACE: Duration = Duration::from_secs(2);

/// How it came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// `take` has what it wants.
    Satisfied,
    /// The program has ended; its status, if it was not a signal.
    Ended(Option<i32>),
    /// It has not ended in time, and was ended.
    Late,
    /// The node is stopping.
    Stopped,
}

/// Runs it until `take`, which gets what it prints, returns true, the program ends, or the time is over.
///
/// # Errors
/// It cannot be started or read from.
pub(crate) fn run(
    mut command: Command,
    until: Instant,
    stop: &AtomicBool,
    mut take: impl FnMut(&[u8]) -> bool,
) -> io::Result<End> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    session::lead(&mut command, false);
    let mut running = Running::new(command.spawn()?)?;
    let mut output = running.child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
    fcntl_setfl(&output, fcntl_getfl(&output)? | OFlags::NONBLOCK)?;
    let mut open = true;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Ok(End::Stopped);
        }
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(End::Late);
        }
        if open {
            wait_for(&output, left.min(LOOK))?;
        } else {
            std::thread::sleep(left.min(LOOK));
        }
        // Before the output is read: what was printed before the end is read then.
        let ended = running.has_ended();
        match read(&mut output, until, &mut take)? {
            Reading::Satisfied => {
                running.end_in_order();
                return Ok(End::Satisfied);
            }
            Reading::Empty => {}
            Reading::Closed => open = false,
        }
        if ended {
            return Ok(End::Ended(running.status()));
        }
    }
}

enum Reading {
    Satisfied,
    Empty,
    Closed,
}

fn read(output: &mut ChildStdout, until: Instant, take: &mut impl FnMut(&[u8]) -> bool) -> io::Result<Reading> {
    let mut buffer = [0; 16 << 10];
    while Instant::now() < until {
        match output.read(&mut buffer) {
            Ok(0) => return Ok(Reading::Closed),
            Ok(count) if take(&buffer[..count]) => return Ok(Reading::Satisfied),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Reading::Empty)
}

fn wait_for(output: &ChildStdout, time: Duration) -> io::Result<()> {
    let time = Timespec::try_from(time).map_err(|_| io::ErrorKind::InvalidInput)?;
    match poll(&mut [PollFd::new(output, PollFlags::IN)], Some(&time)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A program in a session of its own. Dropping it ends all of the session.
struct Running {
    child: Child,
    leader: Pid,
    over: bool,
}

impl Running {
    fn new(child: Child) -> io::Result<Self> {
        let leader = Pid::from_raw(child.id().cast_signed()).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Running { child, leader, over: false })
    }

    /// Whether the leader has ended, without taking its status: as long as that is there, its number means nobody else.
    fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        matches!(
            rustix::process::waitid(WaitId::Pid(self.leader), options),
            Ok(Some(_)) | Err(rustix::io::Errno::CHILD)
        )
    }

    /// What it left behind is hung up on, as by a terminal that is closed.
    fn hang_up(&mut self) {
        session::signal_all(self.leader, Signal::HUP);
        self.over = true;
        let _ = self.child.wait();
    }

    fn status(&mut self) -> Option<i32> {
        self.hang_up();
        self.child.wait().ok()?.code()
    }

    /// Lets it end by itself, on a thread of its own.
    fn end_in_order(mut self) {
        let until = Instant::now() + GRACE;
        // Without a thread it is ended at once.
        let _ = std::thread::Builder::new().name("probe".into()).stack_size(64 << 10).spawn(move || {
            while Instant::now() < until {
                if self.has_ended() {
                    return self.hang_up();
                }
                std::thread::sleep(LOOK);
            }
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        // One that is just starting others may be a step ahead.
        for _ in 0..10 {
            if !session::signal_all(self.leader, Signal::KILL) {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = self.child.wait();
    }
}
