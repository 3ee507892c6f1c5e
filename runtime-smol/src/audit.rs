//! The audit log: who did what and when, one JSON object per line, appended and never rewritten.
//!
//! What is logged may come from anyone, also from those who are refused: strings are bounded and escaped, so that a line of
//! the file is always one entry, and showing it in a terminal does nothing else.

use async_channel::{Receiver, Sender, TrySendError};
use consort_core::{NodeId, TerminalId};
use serde_json::{Map, Value, json};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes of the file before it becomes `audit.log.1` and a new one begins.
pub const FILE_BYTES: u64 = 8 << 20;
/// Entries that wait to be written. Beyond them entries are counted instead, and the count is logged.
const WAITING: usize = 4_096;
/// Characters of one string.
const TEXT_CHARS: usize = 512;

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// Somebody at this node: the address or name of a viewer or client.
    Here(String),
    /// Another node, on somebody's behalf.
    Node {
        /// Which.
        id: NodeId,
        /// The neighbour that leads there: the node itself over a direct link. `None`: it is out of reach by now.
        via: Option<NodeId>,
    },
}

impl<T: Into<String>> From<T> for By {
    fn from(who: T) -> Self {
        By::Here(who.into())
    }
}

impl By {
    fn fields(&self) -> Map<String, Value> {
        let named = |node: NodeId| format!("node {}", node.short());
        let fields = match self {
            By::Here(who) => json!({"who": text(who)}),
            By::Node { id, via } => {
                let way = via.map(|via| if via == *id { "direct".to_string() } else { named(via) });
                json!({"who": named(*id), "by": id.to_string(), "via": way})
            }
        };
        object(fields)
    }
}

/// Something worth remembering.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditEvent {
    /// The node has started.
    Started {
        /// Its version.
        version: String,
    },
    /// The node ends as it should.
    Stopped,
    /// Somebody logged in.
    LoggedIn {
        /// Who.
        who: By,
    },
    /// The user allowed pages of this origin, or took that back.
    Origin {
        /// Who.
        who: By,
        /// Its address.
        url: String,
        /// Allowed, or removed.
        allowed: bool,
    },
    /// A variable for all agents; never its value.
    Variable {
        /// Who.
        who: By,
        /// Its name.
        name: String,
        /// `set`, `removed` or `shown`.
        what: &'static str,
    },
    /// Somebody was refused.
    Refused {
        /// Who.
        who: By,
        /// What they wanted ("GET /ws").
        what: String,
        /// Why not.
        why: String,
    },
    /// Somebody looks at a terminal.
    Attached {
        /// Who.
        who: By,
        /// Which one.
        terminal: TerminalId,
    },
    /// Somebody typed; never what.
    Typed {
        /// Who.
        who: By,
        /// Where.
        terminal: TerminalId,
        /// How much since the last such entry.
        bytes: u64,
    },
    /// Somebody did something to an agent.
    Agent {
        /// Who.
        who: By,
        /// Which one, as the API writes it: of another node with `@` and that node's id.
        agent: String,
        /// What: `create`, `rename`, `edit`, `notes`, `start`, `stop`, `restart`, `delete`, `paste` …
        what: String,
        /// More of it: the new name, the program.
        detail: String,
    },
    /// Somebody changed who belongs to the mesh, or asked for it.
    Mesh {
        /// Who.
        who: By,
        /// Which node it is about.
        node: NodeId,
        /// What: `admit`, `remove`, `invite`, `paired`, `asked` …
        what: String,
        /// More of it: its rights, its name, its address.
        detail: String,
    },
}

impl AuditEvent {
    fn fields(&self) -> (&'static str, Map<String, Value>) {
        let (event, who, fields) = match self {
            AuditEvent::Started { version } => ("started", None, json!({"version": text(version)})),
            AuditEvent::Stopped => ("stopped", None, json!({})),
            AuditEvent::LoggedIn { who } => ("login", Some(who), json!({})),
            AuditEvent::Origin { who, url, allowed } => {
                (if *allowed { "origin-allowed" } else { "origin-removed" }, Some(who), json!({"url": text(url)}))
            }
            AuditEvent::Variable { who, name, what } => {
                ("variable", Some(who), json!({"name": text(name), "what": what}))
            }
            AuditEvent::Refused { who, what, why } => {
                ("refused", Some(who), json!({"what": text(what), "why": text(why)}))
            }
            AuditEvent::Attached { who, terminal: at } => {
                ("attach", Some(who), json!({"agent": at.agent.to_string(), "terminal": at.pane}))
            }
            AuditEvent::Typed { who, terminal: at, bytes } => {
                ("typed", Some(who), json!({"agent": at.agent.to_string(), "terminal": at.pane, "bytes": bytes}))
            }
            AuditEvent::Mesh { who, node, what, detail } => {
                ("mesh", Some(who), json!({"node": node.to_string(), "what": text(what), "detail": text(detail)}))
            }
            AuditEvent::Agent { who, agent, what, detail } => {
                ("agent", Some(who), json!({"agent": text(agent), "what": text(what), "detail": text(detail)}))
            }
        };
        let mut all = who.map(By::fields).unwrap_or_default();
        all.extend(object(fields));
        (event, all)
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// A string of bounded length. JSON escapes the C0 controls; the others (C1, line and paragraph separators, changes of the
/// writing direction) are replaced: a terminal or an editor may act on them.
fn text(text: &str) -> String {
    let harmless = |character: char| {
        let acts = ('\u{7f}'..='\u{9f}').contains(&character)
            || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        if acts { '\u{fffd}' } else { character }
    };
    let mut shown: String = text.chars().take(TEXT_CHARS).map(harmless).collect();
    if text.chars().nth(TEXT_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

/// The log of one state directory. Recording never waits and never fails; clones write to the same file.
#[derive(Clone, Debug)]
pub struct Audit {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    entries: Sender<(SystemTime, AuditEvent)>,
    missed: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Audit {
    /// Opens `audit.log` in the state directory and starts the thread that writes it.
    ///
    /// # Errors
    /// If the system gives no thread. A file that cannot be opened is logged, and tried again with every entry.
    pub fn open(directory: &Path) -> io::Result<Self> {
        Self::with_limit(directory, FILE_BYTES)
    }

    /// The same with another bound of the file, in bytes.
    ///
    /// # Errors
    /// See [`open`](Self::open).
    pub fn with_limit(directory: &Path, file_bytes: u64) -> io::Result<Self> {
        let (entries, queue) = async_channel::bounded(WAITING);
        let missed = Arc::new(AtomicU64::new(0));
        let mut log =
            Log { path: directory.join("audit.log"), file: None, written: 0, limit: file_bytes, failing: false };
        let counted = Arc::clone(&missed);
        let thread = thread::Builder::new().name("audit".into()).spawn(move || log.work_off(&queue, &counted))?;
        Ok(Audit { shared: Arc::new(Shared { entries, missed, thread: Some(thread) }) })
    }

    /// Adds an entry with the time of now.
    pub fn record(&self, event: AuditEvent) {
        if let Err(TrySendError::Full(_)) = self.shared.entries.try_send((SystemTime::now(), event)) {
            self.shared.missed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Shared {
    /// Writes what waits.
    fn drop(&mut self) {
        self.entries.close();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said why.
            let _ = thread.join();
        }
    }
}

struct Log {
    path: PathBuf,
    file: Option<File>,
    written: u64,
    limit: u64,
    /// The last write failed, and that was logged.
    failing: bool,
}

impl Log {
    fn work_off(&mut self, queue: &Receiver<(SystemTime, AuditEvent)>, missed: &AtomicU64) {
        while let Ok((time, event)) = queue.recv_blocking() {
            let missed = missed.swap(0, Ordering::Relaxed);
            if missed > 0 {
                self.add(&line(time, "missed", object(json!({"entries": missed}))));
            }
            let (name, fields) = event.fields();
            self.add(&line(time, name, fields));
        }
    }

    fn add(&mut self, line: &str) {
        match self.write(line) {
            Ok(()) => self.failing = false,
            Err(error) => {
                self.file = None;
                if !std::mem::replace(&mut self.failing, true) {
                    log::error!(
                        "the audit log {} cannot be written: {error}; entries are lost until it can",
                        self.path.display()
                    );
                }
            }
        }
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let mut file = self.open()?;
        if self.written > 0 && self.written + line.len() as u64 > self.limit {
            fs::rename(&self.path, self.path.with_extension("log.1"))?;
            file = self.open()?;
        }
        // One call: a line is there or not, also when the node is killed.
        file.write_all(line.as_bytes())?;
        self.written += line.len() as u64;
        self.file = Some(file);
        Ok(())
    }

    /// The open file, or the one that has its name now.
    fn open(&mut self) -> io::Result<File> {
        if let Some(file) = self.file.take() {
            return Ok(file);
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&self.path)?;
        self.written = file.metadata()?.len();
        if self.written > 0 && !ends_with_line_feed(&file)? {
            // A full disk has cut the last entry: the next one gets its own line.
            file.write_all(b"\n")?;
            self.written += 1;
        }
        Ok(file)
    }
}

fn ends_with_line_feed(mut file: &File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn line(time: SystemTime, event: &str, fields: Map<String, Value>) -> String {
    let mut all = Map::new();
    all.insert("time".into(), rfc3339(time).into());
    all.insert("event".into(), event.into());
    all.extend(fields);
    format!("{}\n", Value::Object(all))
}

/// `2026-01-31T23:59:59.123Z`.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil_date(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", since.subsec_millis())
}

/// Year, month and day of a day counted from 1970-01-01 (Howard Hinnant's algorithm: years that begin in March, in eras of 400).
fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> String {
        rfc3339(UNIX_EPOCH + Duration::from_millis(seconds * 1_000 + 7))
    }

    #[test]
    fn times_are_written_as_people_and_programs_read_them() {
        assert_eq!(at(0), "1970-01-01T00:00:00.007Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.007Z");
        assert_eq!(at(1_767_225_599), "2025-12-31T23:59:59.007Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.007Z");
    }

    #[test]
    fn text_is_bounded_and_cannot_act_on_what_shows_it() {
        assert_eq!(text("a\u{9b}31m\u{202e}b"), "a\u{fffd}31m\u{fffd}b");
        assert_eq!(text(&"x".repeat(10_000)).chars().count(), TEXT_CHARS + 1);
        let (_, fields) = AuditEvent::LoggedIn { who: "a\n\u{1b}[31m".into() }.fields();
        assert!(!line(UNIX_EPOCH, "login", fields).trim_end().contains(char::is_control));
    }

    #[test]
    fn of_another_node_it_is_said_which_and_over_whom_it_speaks() {
        let (id, relay) = (NodeId([1; 32]), NodeId([2; 32]));
        let fields = |via| Value::Object(By::Node { id, via }.fields());
        let who = format!("node {}", id.short());
        assert_eq!(fields(Some(id)), json!({"who": who, "by": id.to_string(), "via": "direct"}));
        let over = format!("node {}", relay.short());
        assert_eq!(fields(Some(relay)), json!({"who": who, "by": id.to_string(), "via": over}));
        assert_eq!(fields(None), json!({"who": who, "by": id.to_string(), "via": null}));
    }
}
