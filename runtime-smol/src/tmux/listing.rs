//! What tmux says about its sessions, windows and panes: one line per pane, read into values. Pure.

use super::parser::id;
use super::quote::{fields, unquote};
use consort_core::{AgentId, Size};
use std::collections::{BTreeMap, BTreeSet};

/// The user option that marks a session with its agent's id.
pub const MARK: &str = "@consort_id";
/// The pane option that holds how the agent's program ended.
pub const EXIT: &str = "@consort_exit";
/// The pane option that names the program that the agent was started with.
pub const PROGRAM: &str = "@consort_program";
/// The window option that holds the size that a window has again when nobody of ours decides about it any more.
pub const SIZE: &str = "@consort_size";

/// What a line of the list holds, separated by spaces; whatever a user or a program chose is quoted by tmux.
pub const LIST_FORMAT: &str = "#{session_id} #{window_id} #{pane_id} #{session_created} #{window_index} #{pane_index} \
    #{window_active} #{pane_active} #{pane_width} #{pane_height} #{window_width} #{window_height} #{window_activity} \
    #{window_bell_flag} #{pane_dead} #{pane_dead_status} #{pane_dead_signal} #{pane_pid} #{q:@consort_id} \
    #{q:@consort_exit} #{q:@consort_program} #{q:session_name} #{q:window_name} #{q:pane_current_command} \
    #{q:pane_title} #{q:session_path} #{q:@consort_size} \
    #{pane_left} #{pane_top}";

/// What a line of the quick list holds: what can change without a notification and without output. A line costs tmux a tenth
/// of one in [`LIST_FORMAT`].
pub const QUICK_FORMAT: &str = "#{pane_id} #{pane_width} #{pane_height} #{window_bell_flag}";

/// What a line of the list of clients holds.
pub const CLIENTS_FORMAT: &str = "#{session_id} #{client_pid} #{q:client_name}";

/// A session with its panes, in the order in which a person sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Number of its id (`$3` → 3).
    pub id: u32,
    /// Unix time in seconds.
    pub created: u64,
    /// The agent's id that it is marked with.
    pub mark: Option<AgentId>,
    /// Its name.
    pub name: String,
    /// The directory it was made in.
    pub path: String,
    /// At least one.
    pub panes: Vec<Pane>,
}

/// A pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pane {
    /// Number of its id (`%12` → 12).
    pub id: u32,
    /// Number of its window's id (`@4` → 4).
    pub window: u32,
    /// Window and pane index, as shown in the status line.
    pub index: (u32, u32),
    /// The active pane of the active window.
    pub active: bool,
    /// Columns and rows.
    pub size: (u16, u16),
    /// Column and row of its first cell within its window.
    pub corner: (u16, u16),
    /// Columns and rows of its window.
    pub window_size: (u16, u16),
    /// Who decides about that, or has decided and could not put it back.
    pub decided: Option<Decided>,
    /// Unix time in seconds of the last output in its window.
    pub activity: u64,
    /// The bell rang in its window.
    pub bell: bool,
    /// How its program ended: exit status or 128 + signal.
    pub exit_code: Option<i32>,
    /// Its first process.
    pub pid: u32,
    /// The program that the agent was started with, unless it has ended.
    pub program: String,
    /// Name of its window.
    pub window_name: String,
    /// The command in the foreground.
    pub command: String,
    /// The title that the program set; the host's name if none.
    pub title: String,
}

/// Somebody decides about the size of a window: the value of [`SIZE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What the window had before.
    pub before: Size,
    /// What it has been given.
    pub now: Size,
    /// The node's process.
    pub by: u32,
}

impl std::fmt::Display for Decided {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (before, now) = (self.before, self.now);
        write!(f, "{}x{},{}x{},{}", before.cols(), before.rows(), now.cols(), now.rows(), self.by)
    }
}

impl std::str::FromStr for Decided {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let size = |text: &str| {
            let (cols, rows) = text.split_once('x')?;
            Some(Size::clamped(cols.parse().ok()?, rows.parse().ok()?))
        };
        let mut parts = text.split(',');
        let mut next = || parts.next().ok_or(());
        let (before, now, by) = (size(next()?).ok_or(())?, size(next()?).ok_or(())?, next()?.parse().map_err(|_| ())?);
        Ok(Decided { before, now, by })
    }
}

/// What our options are set to where a user set them for all sessions or panes (`set-option -g @consort_id …`). A format gives
/// that value for each that has none of its own, and it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GlobalOptions(BTreeSet<String>);

impl GlobalOptions {
    /// From the values of all of them, empty ones among them.
    #[must_use]
    pub fn new(values: &[Vec<u8>]) -> Self {
        let text = values.iter().map(|value| String::from_utf8_lossy(value).into_owned());
        GlobalOptions(text.filter(|value| !value.is_empty()).collect())
    }
}

/// Reads the answer to `list-panes -a -F` [`LIST_FORMAT`]. Lines that make no sense are left out.
#[must_use]
pub fn sessions(body: &[u8], global: &GlobalOptions) -> BTreeMap<u32, Session> {
    let mut sessions: BTreeMap<u32, Session> = BTreeMap::new();
    for line in body.split(|b| *b == b'\n') {
        let Some((session, pane)) = line_of(line, global) else { continue };
        let session = sessions.entry(session.id).or_insert(session);
        // A window can be linked twice into one session.
        if !session.panes.iter().any(|known| known.id == pane.id) {
            session.panes.push(pane);
        }
    }
    for session in sessions.values_mut() {
        session.panes.sort_by_key(|pane| pane.index);
    }
    sessions
}

fn line_of(line: &[u8], global: &GlobalOptions) -> Option<(Session, Pane)> {
    let fields: Vec<&[u8]> = fields(line).collect();
    let raw = |i: usize| fields.get(i).copied().unwrap_or_default();
    let text = |i: usize| String::from_utf8_lossy(&unquote(raw(i))).into_owned();
    fn value<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
        std::str::from_utf8(field).ok()?.parse().ok()
    }
    if fields.len() != 29 {
        return None;
    }
    let flag = |i: usize| raw(i) == b"1";
    let own = |i: usize| Some(text(i)).filter(|value| !global.0.contains(value)).unwrap_or_default();
    let ended = own(19).parse::<i32>().ok();
    let dead = flag(14).then(|| value::<i32>(raw(16)).map(|signal| 128 + signal).or(value(raw(15))).unwrap_or(0));
    let pane = Pane {
        id: id(raw(2), b'%')?,
        window: id(raw(1), b'@')?,
        index: (value(raw(4))?, value(raw(5))?),
        active: flag(6) && flag(7),
        size: (value(raw(8))?, value(raw(9))?),
        corner: (value(raw(27)).unwrap_or(0), value(raw(28)).unwrap_or(0)),
        window_size: (value(raw(10))?, value(raw(11))?),
        decided: own(26).parse().ok(),
        activity: value(raw(12)).unwrap_or(0),
        bell: raw(13).first().is_some_and(|b| *b != b'0'),
        exit_code: ended.or(dead),
        pid: value(raw(17)).unwrap_or(0),
        program: if ended.is_none() { own(20) } else { String::new() },
        window_name: text(22),
        command: text(23),
        title: text(24),
    };
    let session = Session {
        id: id(raw(0), b'$')?,
        created: value(raw(3))?,
        mark: own(18).parse().ok(),
        name: text(21),
        path: text(25),
        panes: Vec::new(),
    };
    Some((session, pane))
}

/// Reads the answer to `list-clients -F` [`CLIENTS_FORMAT`]: the sessions that somebody else's client shows.
#[must_use]
pub fn shown_elsewhere(body: &[u8], ours: impl Fn(&str, u32) -> bool) -> BTreeSet<u32> {
    let mut shown = BTreeSet::new();
    for line in body.split(|b| *b == b'\n') {
        let fields: Vec<Vec<u8>> = fields(line).map(unquote).collect();
        let [session, pid, name] = fields.as_slice() else { continue };
        let pid = super::parser::number(pid).unwrap_or(0);
        if let (Some(session), false) = (id(session, b'$'), ours(&String::from_utf8_lossy(name), pid)) {
            shown.insert(session);
        }
    }
    shown
}

/// One life of a tmux server.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ServerIdentity {
    /// Its process id.
    pub pid: u64,
    /// Unix time of its start, in seconds.
    pub start: u64,
    /// The name of its host, which is the title of a pane whose program set none.
    pub host: String,
}

/// Which agent each session carries: the one it is marked with, or one derived from what does not change while the session
/// lives. Of two sessions with the same mark (copied by a person) the older keeps it.
#[must_use]
pub fn agents(server: &ServerIdentity, sessions: &BTreeMap<u32, Session>) -> BTreeMap<u32, AgentId> {
    let mut order: Vec<&Session> = sessions.values().collect();
    order.sort_by_key(|session| (session.created, session.id));
    let (mut agents, mut taken) = (BTreeMap::new(), BTreeSet::new());
    for session in &order {
        if let Some(mark) = session.mark.filter(|mark| taken.insert(*mark)) {
            agents.insert(session.id, mark);
        }
    }
    for session in order {
        agents.entry(session.id).or_insert_with(|| {
            let mut salt = 0;
            let mut derived = derive(server, session, salt);
            while !taken.insert(derived) {
                salt += 1;
                derived = derive(server, session, salt);
            }
            derived
        });
    }
    agents
}

/// FNV-1a over the numbers that name the session, mixed so that neighbours differ in every bit.
fn derive(server: &ServerIdentity, session: &Session, salt: u64) -> AgentId {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for number in [server.pid, server.start, u64::from(session.id), session.created, salt] {
        for byte in number.to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    AgentId(hash ^ (hash >> 31))
}

/// Whether this is the name of a shell.
#[must_use]
pub fn is_shell(command: &str) -> bool {
    const SHELLS: [&str; 17] = [
        "sh", "bash", "zsh", "fish", "dash", "ash", "ksh", "ksh93", "mksh", "oksh", "tcsh", "csh", "nu", "pwsh",
        "elvish", "xonsh", "busybox",
    ];
    SHELLS.contains(&command.strip_prefix('-').unwrap_or(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"$1 @2 %3 1700000000 0 0 1 1 80 24 80 24 1700000005 0 0   4242    a-b-c zsh node \ a\ \\\"x\"\ 日本 /tmp/x\ny 80x24,47x42,7 40 1"#;

    fn session(id: u32, created: u64, mark: Option<u64>) -> Session {
        Session { id, created, mark: mark.map(AgentId), name: String::new(), path: String::new(), panes: vec![] }
    }

    fn by_id(sessions: impl IntoIterator<Item = Session>) -> BTreeMap<u32, Session> {
        sessions.into_iter().map(|session| (session.id, session)).collect()
    }

    #[test]
    fn a_line_is_read_whatever_the_title_and_the_directory_are() {
        let sessions = sessions(LINE.as_bytes(), &GlobalOptions::default());
        let session = &sessions[&1];
        assert_eq!((session.name.as_str(), session.path.as_str()), ("a-b-c", "/tmp/x\ny"));
        assert_eq!(session.panes[0].title, " a \\\"x\" 日本");
        assert_eq!((session.panes[0].id, session.panes[0].window, session.panes[0].pid), (3, 2, 4242));
        assert_eq!(session.panes[0].corner, (40, 1));
        let decided = Decided { before: Size::clamped(80, 24), now: Size::clamped(47, 42), by: 7 };
        assert_eq!(session.panes[0].decided, Some(decided));
        assert_eq!(decided.to_string().parse(), Ok(decided));
        for wrong in ["", "80x24", "80x24,47x42", "80x24,47,7", "x,x,x"] {
            assert_eq!(wrong.parse::<Decided>(), Err(()), "{wrong}");
        }
    }

    #[test]
    fn lines_that_make_no_sense_are_left_out() {
        let text = format!("nonsense\n\n{LINE}\n$1 @2 %3 x");
        assert_eq!(sessions(text.as_bytes(), &GlobalOptions::default()).len(), 1);
    }

    #[test]
    fn the_older_session_keeps_a_mark_that_was_copied() {
        let server = ServerIdentity { pid: 7, start: 9, host: "h".into() };
        let agents = agents(&server, &by_id([session(1, 20, Some(5)), session(2, 10, Some(5)), session(3, 30, None)]));
        assert_eq!(agents[&2], AgentId(5));
        assert_ne!(agents[&1], AgentId(5));
        assert_ne!(agents[&1], agents[&3]);
    }

    #[test]
    fn the_id_of_an_unmarked_session_is_stable_and_another_server_gives_another() {
        let server = ServerIdentity { pid: 7, start: 9, host: "h".into() };
        let sessions = by_id([session(0, 20, None)]);
        assert_eq!(agents(&server, &sessions), agents(&server, &sessions));
        assert_ne!(agents(&server, &sessions), agents(&ServerIdentity { pid: 8, ..server }, &sessions));
    }

    #[test]
    fn clients_of_ours_do_not_count_as_somebody_elses() {
        let shown = shown_elsewhere(b"$1 10 consort-10-1\n$2 99 /dev/pts/3\n$3 10 client-10", |name, pid| {
            name.starts_with("consort-") || pid == 10
        });
        assert_eq!(shown, BTreeSet::from([2]));
    }
}
