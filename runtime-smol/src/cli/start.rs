//! `consort -d`: starts the node in the background, and waits until it is up or has failed.

use super::api::Api;
use super::args::ServeOptions;
use super::failure::Failure;
use super::lifecycle::{ANSWER, process_in_lock};
use super::{output, report, text};
use crate::background::{LOG_FILE, READY};
use crate::sockets;
use std::ffi::OsStr;
use std::io::Read as _;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Says to the started process that it is the one in the background.
pub(crate) const DETACHED: &str = "--detached";

/// How long a node may take to be up.
const START: Duration = Duration::from_secs(60);

/// Bytes of an announcement that are read.
const ANNOUNCEMENT_BYTES: u64 = 64 << 10;

/// Starts this command line's node in the background, unless one runs already.
#[must_use]
pub fn start(options: &ServeOptions) -> ExitCode {
    let done = match running(options) {
        Some(line) => output::line(&line),
        None => launch(options),
    };
    done.map_or_else(|failure| report(&failure), |()| ExitCode::SUCCESS)
}

fn running(options: &ServeOptions) -> Option<String> {
    let api = Api::with_patience(sockets::place(&options.state_dir).control, ANSWER);
    let health = api.health().ok()?;
    let process = api.place().ok().and_then(|place| place.pid).or_else(|| process_in_lock(&options.state_dir));
    let process = process.map_or(String::new(), |process| format!(" (process {process})"));
    let age = text::age(health.uptime_ms);
    Some(format!("A node has been running here for {age}{process}. Open its dashboard with: consort open"))
}

fn launch(options: &ServeOptions) -> Result<(), Failure> {
    let failed = |error| Failure::new(format!("The node cannot be started: {error}"));
    let binary = std::env::current_exe().map_err(failed)?;
    let arguments = std::env::args_os().skip(1);
    let mut command = Command::new(binary);
    command.args(arguments).arg(OsStr::new(DETACHED)).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let announced = announcement(&mut child);
    let process = child.id();
    let log = options.state_dir.join(LOG_FILE);
    match announced {
        Some(text) if text.ends_with(&[READY]) => {
            let log = log.display();
            let about = format!(
                "The node runs in the background (process {process}; `consort stop` ends it). Its log is {log}."
            );
            // The link stays the last line.
            let announced = String::from_utf8_lossy(&text[..text.len() - 1]).into_owned();
            output::text(&format!("{about}\n{announced}"))
        }
        Some(text) => {
            let _ = child.wait();
            let text = String::from_utf8_lossy(&text);
            let message = text.trim().trim_start_matches("consort: ");
            if message.is_empty() {
                let failure = Failure::new("The node ended while it was starting.");
                return Err(failure.hint(format!("Its log is {}", log.display())));
            }
            Err(Failure::new(message))
        }
        None => {
            let _ = child.kill().and_then(|()| child.wait());
            let seconds = START.as_secs();
            Err(Failure::new(format!("The node was not up within {seconds} seconds, and was ended."))
                .hint(format!("Its log is {}", log.display())))
        }
    }
}

/// What the process prints until it is up or gone; nothing if it takes too long.
fn announcement(child: &mut Child) -> Option<Vec<u8>> {
    let mut stdout = child.stdout.take()?.take(ANNOUNCEMENT_BYTES);
    let (done, text) = channel();
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = stdout.read_to_end(&mut text);
        let _ = done.send(text);
    });
    text.recv_timeout(START).ok()
}
