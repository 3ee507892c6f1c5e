//! The one language of operations: what people, programs, machines and faults do to nodes. Spoken by the swarm, proptest, the
//! fuzzer, the shrinker and the regression tests.

use consort_core::input::Take;
use serde::{Deserialize, Serialize};

/// One thing that somebody or something does. Numbers choose among what there is at that moment (modulo the count); an operation
/// that does not apply then does nothing, so that every shortened list is a valid one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "every field is a choice among what there is, or a quantity with its unit in the name")]
pub enum Op {
    /// Time passes.
    Wait { ms: u32 },

    // Places.
    /// The person at the command line goes to another machine; so does whatever happens to one machine.
    Go { host: u8 },

    // Programs.
    /// A terminal prints.
    Print { terminal: u8, bytes: u32 },
    /// A terminal prints without a pause for some time.
    Flood { terminal: u8, bytes: u32, ms: u16 },
    /// A terminal prints and its backend does not deliver it (flood control).
    Skip { terminal: u8, bytes: u32 },
    /// A program sets the title, rings the bell, or returns to the shell.
    Look { agent: u8, title: u8, bell: bool, shell: bool },
    /// A program asks something new, or nothing any more.
    Pose { terminal: u8, asks: bool },
    /// A terminal ends; the list of terminals says so before or after.
    ClosePane { terminal: u8, listed_first: bool },
    /// A session ends by itself.
    End { agent: u8 },

    // Somebody else at the same machine.
    /// A session appears that this node did not start.
    Appear { name: u8 },
    /// A session gets one more terminal.
    OpenPane { agent: u8 },
    /// Somebody else renames a session.
    RenameOutside { agent: u8, name: u8 },
    /// Somebody else changes the size of a terminal.
    Reflow { terminal: u8, size: u8 },
    /// Somebody else's terminal program begins or ceases to show a session.
    ShowElsewhere { agent: u8, shown: bool },

    // Faults.
    /// The connection to tmux is lost (or tmux is not there).
    LoseTmux,
    /// It is back.
    FindTmux,
    /// The next operations of backends fail.
    FailOperations { count: u8 },
    /// The next write to a terminal fails, after part of it.
    FailWrite { terminal: u8, after_bytes: u8 },
    /// Backends take up to this long to answer.
    SlowBackends { ms: u16 },
    /// The store takes up to this long to answer.
    SlowDisk { ms: u16 },
    /// The disk is full, or has room again.
    DiskFull { full: bool },
    /// `kill -9` of the node, and its next start. Of the changes that the store had not answered, the first `kept` are there.
    Crash { kept: u8, down_ms: u16 },

    // Machines.
    /// A power cut: like [`Crash`](Self::Crash), but everything on the machine ends and no other machine is told.
    PowerCut { kept: u8, down_ms: u16 },
    /// A backup of the disk is made.
    BackUp,
    /// The node is killed, the backup is brought back, and the node starts.
    RollBack { down_ms: u16 },
    /// The node is killed, everything but its key is lost, and the node starts.
    LoseDisk { down_ms: u16 },
    /// The lid is closed for some time: nothing runs, the network hears nothing.
    Sleep { ms: u32 },
    /// The clock counts so many milliseconds in a second from now on.
    Clock { rate: u16 },
    /// The machine gets another address, and its node learns of it or not.
    Move { told: bool },
    /// Another machine starts with a copy of the disk, and runs for some time.
    Copy { ms: u32 },
    /// The node begins to send what it must not: kind 0 ends that.
    Betray { kind: u8 },

    // The network between machines.
    /// A link is dead; one end learns of it sooner than the other.
    CutLink { link: u8, early_ms: u16, late_ms: u16 },
    /// A link is dead and one end (0 or 1) knows; the other does not.
    HalfOpen { link: u8, end: u8 },
    /// One direction of a link brings nothing until links flow again.
    StallLink { link: u8, end: u8 },
    /// A link is narrow until links flow again.
    NarrowLink { link: u8, bytes_per_ms: u16 },
    /// No link is stalled or narrow.
    FlowLinks,
    /// Packets from one machine to another are dropped.
    Block { from: u8, to: u8 },
    /// Dials from one machine to another are dropped.
    Wall { from: u8, to: u8 },
    /// A machine refuses dials, or does not any more.
    RefuseDials { host: u8, refuses: bool },
    /// The network is split: in two by the bits of the mask, one alone, two that share one machine, a chain.
    Split { shape: u8, mask: u32 },
    /// Splits and blocks end.
    Join,

    // Membership.
    /// Two machines are paired: each admits the other.
    Pair { host: u8 },
    /// One admits another, without being admitted.
    Admit { host: u8, view_only: bool },
    /// A node is removed from the mesh.
    Remove { host: u8 },

    // Viewers: pages in browsers.
    /// A page connects.
    Connect { page: u8 },
    /// A page's connection is cut; the node notices so much later.
    Cut { page: u8, notice_ms: u16 },
    /// A page takes so long for each frame. More than a minute: it stalls.
    Read { page: u8, frame_ms: u16 },
    /// A page acknowledges so late.
    Acknowledge { page: u8, late_ms: u16 },
    /// A page looks at a terminal (or at an agent's active one).
    Attach { page: u8, terminal: u8, active: bool, size: u8, take: u8 },
    /// A page looks at something that does not exist.
    AttachNowhere { page: u8 },
    /// A page looks away.
    Detach { page: u8, stream: u8 },
    /// The space at a page has another size.
    Resize { page: u8, stream: u8, size: u8, take: u8 },
    /// A page gives the size lease back.
    Release { page: u8, stream: u8 },
    /// A person has looked at an agent.
    Seen { page: u8, agent: u8 },
    /// A person types.
    Type { page: u8, stream: u8, bytes: u16 },

    // Commands.
    /// Create an agent.
    Create { name: u8, pty: bool, autostart: bool },
    /// Create an agent on another machine.
    CreateAt { host: u8, name: u8, pty: bool },
    /// Rename an agent.
    Rename { agent: u8, name: u8 },
    /// Change tags and autostart.
    Tag { agent: u8, autostart: bool },
    /// Replace the notes; `stale`: having seen an older revision.
    Notes { agent: u8, stale: bool },
    /// Start.
    Start { agent: u8 },
    /// Stop.
    Stop { agent: u8 },
    /// Restart.
    Restart { agent: u8 },
    /// Delete.
    Delete { agent: u8 },
    /// Paste a text.
    Paste { agent: u8, submit: bool },
    /// Answer what an agent asks, or, `late`, what one has asked before; `twice`: so does somebody at another machine.
    Answer { agent: u8, late: bool, twice: bool },
    /// Read the screen.
    ReadText { agent: u8 },
    /// A command that breaks a rule.
    Nonsense { kind: u8 },
}

impl Op {
    /// How many kinds there are.
    pub const KINDS: u8 = 69;

    /// The operation of a kind (modulo [`KINDS`](Self::KINDS)) with its quantities: total, so that any bytes are a list of
    /// operations.
    #[must_use]
    pub fn of(kind: u8, a: u8, b: u8, amount: u32) -> Op {
        let (c, odd) = ((amount >> 3) as u8, amount % 2 == 1);
        let short = amount as u16;
        match kind % Self::KINDS {
            0 => Op::Wait { ms: amount },
            1 => Op::Print { terminal: a, bytes: amount },
            2 => Op::Flood { terminal: a, bytes: amount, ms: u16::from(b) * 40 },
            3 => Op::Skip { terminal: a, bytes: amount },
            4 => Op::Look { agent: a, title: b, bell: odd, shell: c.is_multiple_of(4) },
            5 => Op::ClosePane { terminal: a, listed_first: odd },
            6 => Op::End { agent: a },
            7 => Op::Appear { name: a },
            8 => Op::OpenPane { agent: a },
            9 => Op::RenameOutside { agent: a, name: b },
            10 => Op::Reflow { terminal: a, size: b },
            11 => Op::ShowElsewhere { agent: a, shown: odd },
            12 => Op::LoseTmux,
            13 => Op::FindTmux,
            14 => Op::FailOperations { count: 1 + a % 4 },
            15 => Op::FailWrite { terminal: a, after_bytes: b },
            16 => Op::SlowBackends { ms: short },
            17 => Op::SlowDisk { ms: short },
            18 => Op::DiskFull { full: odd },
            19 => Op::Crash { kept: a, down_ms: short },
            20 => Op::Connect { page: a },
            21 => Op::Cut { page: a, notice_ms: short },
            22 => Op::Read { page: a, frame_ms: short },
            23 => Op::Acknowledge { page: a, late_ms: short },
            24 => Op::Attach { page: a, terminal: b, active: odd, size: c, take: c >> 4 },
            25 => Op::AttachNowhere { page: a },
            26 => Op::Detach { page: a, stream: b },
            27 => Op::Resize { page: a, stream: b, size: c, take: c >> 4 },
            28 => Op::Release { page: a, stream: b },
            29 => Op::Seen { page: a, agent: b },
            30 | 31 => Op::Type { page: a, stream: b, bytes: short },
            32 => Op::Create { name: a, pty: b.is_multiple_of(4), autostart: odd },
            33 => Op::Rename { agent: a, name: b },
            34 => Op::Tag { agent: a, autostart: odd },
            35 => Op::Notes { agent: a, stale: odd },
            36 => Op::Start { agent: a },
            37 => Op::Stop { agent: a },
            38 => Op::Restart { agent: a },
            39 => Op::Delete { agent: a },
            40 => Op::Paste { agent: a, submit: odd },
            41 => Op::ReadText { agent: a },
            42 => Op::Nonsense { kind: a },
            43 => Op::Go { host: a },
            44 => Op::PowerCut { kept: a, down_ms: short },
            45 => Op::BackUp,
            46 => Op::RollBack { down_ms: short },
            47 => Op::LoseDisk { down_ms: short },
            48 => Op::Sleep { ms: amount },
            49 => Op::Clock { rate: 800 + u16::from(a) * 2 },
            50 => Op::Move { told: odd },
            51 => Op::Copy { ms: amount },
            52 => Op::Betray { kind: a },
            53 => Op::CutLink { link: a, early_ms: u16::from(b), late_ms: short },
            54 => Op::HalfOpen { link: a, end: b },
            55 => Op::StallLink { link: a, end: b },
            56 => Op::NarrowLink { link: a, bytes_per_ms: short },
            57 => Op::FlowLinks,
            58 => Op::Block { from: a, to: b },
            59 => Op::Wall { from: a, to: b },
            60 => Op::RefuseDials { host: a, refuses: odd },
            61 => Op::Split { shape: a, mask: amount },
            62 => Op::Join,
            63 => Op::Pair { host: a },
            64 => Op::Admit { host: a, view_only: odd },
            65 => Op::Remove { host: a },
            66 => Op::CreateAt { host: a, name: b, pty: odd },
            67 => Op::Pose { terminal: a, asks: !b.is_multiple_of(4) },
            _ => Op::Answer { agent: a, late: b.is_multiple_of(4), twice: odd },
        }
    }

    /// Reads a list of operations from any bytes: six for each.
    #[must_use]
    pub fn list(bytes: &[u8]) -> Vec<Op> {
        let read = |piece: &[u8; 6]| {
            let [kind, a, b, low, high, scale] = *piece;
            let amount = u32::from(u16::from_le_bytes([low, high])) << (scale % 6);
            Op::of(kind, a, b, amount)
        };
        bytes.as_chunks().0.iter().map(read).collect()
    }
}

/// The `take` of an operation.
pub(crate) fn take(choice: u8) -> Take {
    match choice % 3 {
        0 => Take::Never,
        1 => Take::IfFree,
        _ => Take::Always,
    }
}
