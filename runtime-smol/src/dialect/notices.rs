//! What programs tell the terminal of themselves by operating system commands: their state (`OSC 7501`), progress (`OSC 9;4`), notifications
//! (`OSC 9`, `99`, `777`), and a shell's prompt (`OSC 133`). Read from the program's own bytes, wherever they are cut.

use consort_core::directory::signal::{Report, one_line};
use consort_core::directory::{Signal, StateKind};
use consort_core::limits;
use std::collections::BTreeMap;

const ESC: u8 = 0x1b;
const BEL: u8 = 0x07;
/// Bytes of a command that is read; longer ones are none of these.
const COMMAND_BYTES: usize = 4 << 10;
/// Records of one terminal; a program may report for its parts by name.
const RECORDS: usize = 16;

/// Reads the commands of one terminal.
#[derive(Debug, Default)]
pub struct Notices {
    place: Place,
    command: Vec<u8>,
    /// What each part has reported by `OSC 7501`.
    records: BTreeMap<String, Report>,
    progress: Option<Report>,
    /// What was said last.
    said: Option<Report>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Text,
    Escape,
    Command,
    /// Longer than it may be, up to its end.
    TooLong,
    /// An escape within a command: its end, if a backslash follows.
    Ending,
}

impl Notices {
    /// Reads the next bytes; gives what they say.
    pub fn read(&mut self, bytes: &[u8]) -> Vec<Signal> {
        let mut signals = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.place == Place::Text {
                // Nearly everything: one fast look for where a sequence begins.
                let Some(at) = memchr::memchr(ESC, rest) else { break };
                self.place = Place::Escape;
                rest = &rest[at + 1..];
                continue;
            }
            let byte = rest[0];
            rest = &rest[1..];
            match (self.place, byte) {
                (Place::Escape, b']') => {
                    self.place = Place::Command;
                    self.command.clear();
                }
                (Place::Escape, ESC) => {}
                (Place::Escape, _) => self.place = Place::Text,
                (Place::Command | Place::TooLong, 0x18 | 0x1a) => self.place = Place::Text,
                (Place::Command | Place::TooLong, ESC) => {
                    if self.place == Place::TooLong {
                        self.command.clear();
                    }
                    self.place = Place::Ending;
                }
                (Place::Ending, b'\\') | (Place::Command, BEL) => {
                    self.place = Place::Text;
                    self.ended(&mut signals);
                }
                (Place::TooLong, BEL) => self.place = Place::Text,
                // The escape was the beginning of something else.
                (Place::Ending, b']') => {
                    self.place = Place::Command;
                    self.command.clear();
                }
                (Place::Ending, _) => self.place = Place::Text,
                (Place::Command, byte) => {
                    self.command.push(byte);
                    if self.command.len() > COMMAND_BYTES {
                        self.place = Place::TooLong;
                    }
                }
                (Place::TooLong | Place::Text, _) => {}
            }
        }
        signals
    }

    /// The output has a gap here.
    pub fn cut(&mut self) {
        self.place = Place::Text;
    }

    /// The output is not read any more, or has a gap: what was reported may have changed since.
    pub fn lost(&mut self) -> Option<Signal> {
        *self = Notices { said: self.said.take(), ..Notices::default() };
        self.said.take().map(|_| Signal::Status(None))
    }

    fn ended(&mut self, signals: &mut Vec<Signal>) {
        let command = std::mem::take(&mut self.command);
        let text = String::from_utf8_lossy(&command);
        let (number, rest) = text.split_once(';').unwrap_or((&text, ""));
        match number {
            "7501" => self.report(rest),
            "9" => match rest.strip_prefix("4;") {
                Some(progress) => self.progressed(progress),
                None if rest != "4" => signals.extend(notified(rest)),
                None => {}
            },
            "99" => {
                let (how, what) = rest.split_once(';').unwrap_or(("", rest));
                if how.split(':').any(|part| part == "e=1") {
                    signals.extend(decoded(what).as_deref().and_then(notified));
                } else if !how.split(':').any(|part| part.starts_with("p=") && part != "p=title" && part != "p=body") {
                    signals.extend(notified(what));
                }
            }
            "777" => {
                signals.extend(rest.strip_prefix("notify;").and_then(|text| notified(&text.replacen(';', ": ", 1))))
            }
            // A prompt: what worked or asked before has ended.
            "133" if rest.starts_with('A') => {
                self.records.retain(|_, report| !matches!(report.kind, StateKind::Working | StateKind::Waiting));
                self.progress = None;
            }
            _ => {}
        }
        let says = self.strongest();
        if says != self.said {
            self.said.clone_from(&says);
            signals.push(Signal::Status(says));
        }
    }

    /// What the parts do together: a question counts most. Progress is work, and what a part says of its work says more.
    fn strongest(&self) -> Option<Report> {
        let rank = |report: &&Report| match report.kind {
            StateKind::Waiting => 3,
            StateKind::Failed => 2,
            StateKind::Working => 1,
            _ => 0,
        };
        self.progress.iter().chain(self.records.values()).max_by_key(rank).cloned()
    }

    fn report(&mut self, text: &str) {
        let fields = || text.split(':').filter_map(|field| field.split_once('='));
        let field = |name: &str| fields().find(|(known, _)| *known == name).map(|(_, value)| value);
        let id: String = field("id").unwrap_or_default().chars().take(limits::QUOTE_CHARS).collect();
        let app = field("app").filter(|app| !app.is_empty()).unwrap_or("it");
        let (kind, why) = match (field("state"), field("kind")) {
            (Some("clear"), _) => {
                self.records.remove(&id);
                return;
            }
            (Some("idle"), _) => (StateKind::Idle, "rests"),
            (Some("done"), _) => (StateKind::Idle, "has finished"),
            (Some("working"), _) => (StateKind::Working, "works"),
            (Some("blocked"), Some("permission")) => (StateKind::Waiting, "asks for permission"),
            (Some("blocked"), Some("auth")) => (StateKind::Waiting, "asks for a login"),
            (Some("blocked"), _) => (StateKind::Waiting, "asks something"),
            (Some("error"), _) => (StateKind::Failed, "has failed"),
            // Of a later version of this.
            _ => return,
        };
        if self.records.len() >= RECORDS && !self.records.contains_key(&id) {
            return;
        }
        let words = [field("title"), field("msg")].into_iter().flatten().filter_map(decoded);
        let words: Vec<String> = words.filter(|words| !words.trim().is_empty()).collect();
        let percent = field("progress").and_then(|number| number.parse::<u8>().ok()).filter(|number| *number <= 100);
        let percent = percent.map_or_else(String::new, |percent| format!(" ({percent} %)"));
        let words = if words.is_empty() { String::new() } else { format!(": {}", words.join(": ")) };
        let why = one_line(&format!("{app} says that it {why}{percent}{words}"));
        if kind == StateKind::Idle {
            // Not every program takes back the progress that it has shown.
            self.progress = None;
        }
        self.records.insert(id, Report { kind, why });
    }

    fn progressed(&mut self, text: &str) {
        let mut parts = text.split(';');
        let state = parts.next();
        let percent = parts.next().and_then(|number| number.parse::<u8>().ok()).filter(|number| *number <= 100);
        self.progress = match (state, percent) {
            (Some("1"), Some(percent)) => Some(format!("it shows its progress: {percent} %")),
            (Some("1" | "3"), _) => Some("it shows that it makes progress".to_owned()),
            _ => None,
        }
        .map(|why| Report { kind: StateKind::Working, why });
    }
}

fn notified(text: &str) -> Option<Signal> {
    let text = one_line(text);
    (!text.is_empty()).then_some(Signal::Notified(text))
}

fn decoded(text: &str) -> Option<String> {
    let bytes = data_encoding::BASE64.decode(text.as_bytes()).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn says(bytes: &[u8]) -> Vec<(StateKind, String)> {
        let signals = Notices::default().read(bytes).into_iter();
        let status = |signal| match signal {
            Signal::Status(Some(report)) => Some((report.kind, report.why)),
            _ => None,
        };
        signals.filter_map(status).collect()
    }

    #[test]
    fn every_state_of_a_program_is_read() {
        let cases = [
            ("state=idle:app=codex", StateKind::Idle, "codex says that it rests"),
            ("state=done", StateKind::Idle, "it says that it has finished"),
            ("state=working:app=codex:progress=40", StateKind::Working, "codex says that it works (40 %)"),
            ("state=blocked:app=codex:kind=permission", StateKind::Waiting, "codex says that it asks for permission"),
            ("state=blocked:kind=question:msg=V2hpY2g/", StateKind::Waiting, "it says that it asks something: Which?"),
            ("state=error:msg=////", StateKind::Failed, "it says that it has failed: ��"),
        ];
        for (text, kind, why) in cases {
            for end in ["\x07", "\x1b\\"] {
                let bytes = format!("text\x1b]7501;{text}{end}more");
                assert_eq!(says(bytes.as_bytes()), [(kind, why.replace("��", "\u{fffd}\u{fffd}\u{fffd}"))], "{text}");
            }
        }
        assert!(says(b"\x1b]7501;state=of-the-future\x07").is_empty());
        assert!(says(b"\x1b]7501;state=working\x18").is_empty(), "it was cancelled");
    }

    #[test]
    fn a_report_holds_until_it_is_cleared_or_a_prompt_comes() {
        let mut notices = Notices::default();
        assert_eq!(notices.read(b"\x1b]7501;state=working\x07").len(), 1);
        assert_eq!(notices.read(b"\x1b]7501;state=working\x07"), [], "nothing new");
        assert_eq!(notices.read(b"\x1b]133;A\x07"), [Signal::Status(None)]);
        notices.read(b"\x1b]7501;state=blocked:id=a\x07\x1b]7501;state=working:id=b\x07");
        assert_eq!(notices.said.as_ref().unwrap().kind, StateKind::Waiting, "a question counts most");
        notices.read(b"\x1b]7501;state=clear:id=a\x07");
        assert_eq!(notices.said.as_ref().unwrap().kind, StateKind::Working);
        assert_eq!(notices.lost(), Some(Signal::Status(None)));
        assert_eq!(notices.lost(), None);
    }

    #[test]
    fn progress_counts_until_a_report_of_rest_behind_it() {
        let mut notices = Notices::default();
        let mut said = |bytes: &str| {
            notices.read(bytes.as_bytes());
            notices.said.as_ref().map(|report| report.kind)
        };
        assert_eq!(said("\x1b]7501;state=idle\x07"), Some(StateKind::Idle));
        assert_eq!(said("\x1b]9;4;1;30\x07"), Some(StateKind::Working), "a program that rests shows no progress");
        assert_eq!(said("\x1b]7501;state=blocked\x07"), Some(StateKind::Waiting));
        assert_eq!(said("\x1b]7501;state=done\x07"), Some(StateKind::Idle));
        assert_eq!(said("\x1b]9;4;3\x07"), Some(StateKind::Working));
        assert_eq!(said("\x1b]9;4;0\x07"), Some(StateKind::Idle));
    }

    #[test]
    fn notifications_and_progress_are_read() {
        let read = |text: &str| Notices::default().read(format!("\x1b]{text}\x07").as_bytes());
        let notified = |text: &str| vec![Signal::Notified(text.into())];
        assert_eq!(read("9;Build done"), notified("Build done"));
        assert_eq!(read("777;notify;Claude;needs you"), notified("Claude: needs you"));
        assert_eq!(read("99;i=1:d=0;Hello"), notified("Hello"));
        assert_eq!(read("99;e=1;SGVsbG8="), notified("Hello"));
        assert_eq!(read("99;p=?;"), []);
        assert_eq!(read("9;\u{1b}"), [], "not a text");
        assert!(matches!(&read("9;4;1;30")[..], [Signal::Status(Some(report))] if report.why.ends_with("30 %")));
        assert_eq!(read("9;4;0"), []);
        assert_eq!(read("2;a title"), []);
    }

    #[test]
    fn a_command_that_is_too_long_is_none_and_ends_nothing_else() {
        let mut notices = Notices::default();
        let long = format!("\x1b]7501;state=working:msg={}", "x".repeat(100_000));
        assert_eq!(notices.read(long.as_bytes()), []);
        assert!(notices.command.capacity() < 16 << 10);
        assert_eq!(notices.read(b"\x1b\\\x1b]9;after\x07"), [Signal::Notified("after".into())]);
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_output_is_cut(cuts in prop::collection::vec(0_usize..200, 0..6)) {
            let bytes = b"a\x1b]7501;state=blocked:kind=auth\x1b\\b\x1b[1m\x1b]0;t\x07\x1b]9;note\x07\x1b\x1b]9;4;3\x07\x1b]7501;state=clear\x07";
            let whole = Notices::default().read(bytes);
            // A question, a note, and progress once the question is cleared: it counted more.
            prop_assert_eq!(whole.len(), 3);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut notices = Notices::default();
            let pieces: Vec<Signal> = cuts.windows(2).flat_map(|cut| notices.read(&bytes[cut[0]..cut[1]])).collect();
            prop_assert_eq!(pieces, whole);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let mut notices = Notices::default();
            notices.read(&[b"\x1b]7501;state=", &bytes[..], b"\x07"].concat());
            notices.read(&bytes);
        }
    }
}
