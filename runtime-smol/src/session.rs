//! Processes in a session of their own: how one begins, and how all that is left of one ends.

use rustix::process::{Pid, Signal};
use std::process::Command;

/// Makes the command lead a new session, with every signal at its default: a node that was started with `nohup` or in the
/// background ignores some, and what it starts would never be interrupted. If its standard input is a `terminal`, that
/// becomes the controlling terminal; otherwise there is none, and nothing in the session can take the node's.
#[allow(unsafe_code)]
pub(crate) fn lead(command: &mut Command, terminal: bool) {
    use std::os::unix::process::CommandExt;
    let in_child = move || {
        for signal in 1..32 {
            // SAFETY: setting a signal to its default runs no code of ours; the two that cannot be set are refused.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        rustix::process::setsid()?;
        if terminal {
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed. The closure makes system calls, touches no memory
    // but its stack, allocates nothing and takes no lock; `Errno` becomes an `io::Error` without allocation.
    unsafe {
        command.pre_exec(in_child);
    }
}

/// Sends a signal to every process of the session that `leader` began, whatever groups they are in. Returns whether there were
/// any. Where the system does not list processes, only those of the leader's own group are found.
///
/// The leader must not have been waited for yet: until then its number means nobody else.
pub(crate) fn signal_all(leader: Pid, signal: Signal) -> bool {
    let members = members(leader);
    if members.is_empty() {
        return rustix::process::kill_process_group(leader, signal).is_ok();
    }
    members.iter().filter(|member| rustix::process::kill_process(**member, signal).is_ok()).count() > 0
}

/// The processes of a session that still run.
fn members(leader: Pid) -> Vec<Pid> {
    let session = leader.as_raw_nonzero().to_string();
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    let member = |process: std::io::Result<std::fs::DirEntry>| {
        let number = process.ok()?.file_name().to_str()?.parse::<i32>().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
        // The name before it, in brackets, may contain anything. Behind it: state, parent, group, session.
        let mut fields = stat.rsplit(')').next()?.split_whitespace();
        let (state, of) = (fields.next()?, fields.nth(2)?);
        (of == session && !matches!(state, "Z" | "X")).then(|| Pid::from_raw(number))?
    };
    processes.filter_map(member).collect()
}
