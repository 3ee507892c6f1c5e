//! A run as data: how the world behaves, and the list of operations. Drawn from a seed, or written out in a test.

use crate::dice::Dice;
use crate::network::Manner;
use crate::op::Op;
use serde::{Deserialize, Serialize};

/// Everything that decides a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// Delays and choices within the world are drawn from it.
    pub seed: u64,
    /// How the world behaves.
    pub setting: Setting,
    /// What happens.
    pub ops: Vec<Op>,
}

/// Machines that an operation can choose among.
const MOST_HOSTS: u16 = 250;

/// Which faults exist in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// Whatever the seed draws.
    #[default]
    Any,
    /// None.
    Calm,
    /// Those of the network.
    Network,
    /// Those of machines: crashes, power cuts, lost disks, sleep.
    Machines,
    /// What people do to the membership, and nothing else.
    Members,
}

impl Preset {
    fn has(self, kind: u8) -> bool {
        let fault = matches!(kind, 3 | 12 | 14..=19 | 21 | 44..=62);
        match self {
            Preset::Any => true,
            Preset::Calm => !fault && !matches!(kind, 65),
            Preset::Network => !fault || matches!(kind, 53..=62),
            Preset::Machines => !fault || matches!(kind, 16..=19 | 44..=52),
            Preset::Members => !fault,
        }
    }
}

/// How the world behaves in a run. Delays are drawn between 0 and the number given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// How many machines there are.
    pub hosts: u16,
    /// How many pages there are.
    pub pages: u8,
    /// Delay between a page and the node, each way.
    pub latency_ms: u64,
    /// Frames that fit a connection.
    pub room: u32,
    /// Delay of orders to backends.
    pub order_ms: u64,
    /// Delay of reports of backends.
    pub report_ms: u64,
    /// The node is woken so much after its deadline.
    pub late_wake_ms: u64,
    /// Most output in one report.
    pub chunk_bytes: usize,
    /// Most input that is written at once.
    pub write_bytes: usize,
    /// Size of snapshots.
    pub snapshot_bytes: usize,
    /// Delay between two machines, each way: at least and at most.
    pub link_ms: (u64, u64),
    /// Added to it, drawn for every frame.
    pub jitter_ms: u64,
    /// Width of links between machines; 0: endless.
    pub link_bytes_per_ms: u64,
    /// Bytes that fit a link.
    pub link_buffer: usize,
    /// Frames of room that a link gives in advance.
    pub link_room: u32,
    /// So many pairs of machines in a hundred can never connect.
    pub apart_percent: u8,
}

impl Default for Setting {
    /// A calm world.
    fn default() -> Self {
        Setting {
            hosts: 1,
            pages: 3,
            latency_ms: 5,
            room: 8,
            order_ms: 1,
            report_ms: 1,
            late_wake_ms: 0,
            chunk_bytes: 16 << 10,
            write_bytes: 4 << 10,
            snapshot_bytes: 64,
            link_ms: (1, 20),
            jitter_ms: 0,
            link_bytes_per_ms: 0,
            link_buffer: 256 << 10,
            link_room: 4,
            apart_percent: 0,
        }
    }
}

impl Scenario {
    /// The scenario of a seed: sizes, mix and strength of everything are drawn first, then the operations.
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        Scenario::drawn(seed, None, Preset::Any)
    }

    /// The scenario of a seed with a number of machines, and with some faults only.
    #[must_use]
    pub fn drawn(seed: u64, hosts: Option<u16>, preset: Preset) -> Self {
        let mut dice = Dice::new(seed, 100);
        let mut setting = Setting::drawn(&mut dice);
        setting.hosts = hosts.map_or(setting.hosts, |hosts| hosts.clamp(1, MOST_HOSTS));
        if preset == Preset::Calm {
            setting = Setting { hosts: setting.hosts, pages: setting.pages, ..Setting::default() };
        }
        let mix = Mix::drawn(&mut dice, setting.hosts, preset);
        let count = 20 + dice.magnitude(250);
        let mut ops = opening(&mut dice, &setting);
        ops.extend((0..count).map(|_| mix.draw(&mut dice)));
        Scenario { seed, setting, ops }
    }
}

impl Setting {
    pub(crate) fn links(&self) -> Manner {
        Manner {
            delay_ms: self.link_ms,
            jitter_ms: self.jitter_ms,
            bytes_per_ms: self.link_bytes_per_ms,
            buffer_bytes: self.link_buffer,
            room: self.link_room,
        }
    }

    fn drawn(dice: &mut Dice) -> Self {
        let snapshot_bytes = match dice.up_to(99) {
            0 => 8 << 20,
            1..10 => 64 << 10,
            _ => 64,
        };
        let hosts = match dice.up_to(99) {
            0..40 => 1,
            40..92 => 2 + dice.up_to(4) as u16,
            _ => 7 + dice.magnitude(23) as u16,
        };
        let least = dice.magnitude(100);
        Setting {
            hosts,
            pages: 1 + dice.up_to(4) as u8,
            latency_ms: dice.magnitude(500),
            room: *dice.pick(&[1, 1, 2, 4, 8, 8]),
            order_ms: dice.magnitude(100),
            report_ms: dice.magnitude(100),
            late_wake_ms: if dice.percent(30) { dice.magnitude(2_000) } else { 0 },
            chunk_bytes: *dice.pick(&[100, 4 << 10, 16 << 10, 64 << 10]),
            write_bytes: *dice.pick(&[4, 100, 16 << 10]),
            snapshot_bytes,
            link_ms: (least, least + dice.magnitude(200)),
            jitter_ms: dice.magnitude(50),
            link_bytes_per_ms: *dice.pick(&[0, 0, 0, 10_000, 1_000, 100]),
            link_buffer: *dice.pick(&[64 << 10, 256 << 10, 1 << 20]),
            link_room: *dice.pick(&[2, 3, 4, 8]),
            apart_percent: if dice.percent(25) { dice.up_to(40) as u8 } else { 0 },
        }
    }
}

/// Something to begin with: a mesh, sessions, agents, pages that look.
fn opening(dice: &mut Dice, setting: &Setting) -> Vec<Op> {
    let mut ops = vec![Op::Wait { ms: 200 }];
    let shape = dice.up_to(3);
    for host in 1..setting.hosts as u8 {
        // A chain, a star, a tree; now and then somebody stays alone.
        let other = match shape {
            0 => host - 1,
            1 => 0,
            _ => dice.up_to(u64::from(host) - 1) as u8,
        };
        if !dice.percent(5) {
            ops.extend([Op::Go { host }, Op::Pair { host: other }]);
        }
        if dice.percent(20) {
            ops.push(Op::Wait { ms: dice.magnitude(2_000) as u32 });
        }
    }
    for host in 0..setting.hosts as u8 {
        ops.push(Op::Go { host });
        let most = if setting.hosts > 3 { 1 } else { 2 };
        for name in 0..dice.up_to(most) as u8 {
            ops.push(Op::Appear { name });
        }
        for number in 0..u64::from(host == 0) + dice.up_to(most) {
            let (pty, autostart) = (dice.percent(30), dice.percent(60));
            ops.push(Op::Create { name: 5 + number as u8, pty, autostart });
        }
    }
    ops.extend((0..setting.pages).map(|page| Op::Connect { page }));
    ops.push(Op::Wait { ms: 500 });
    for page in 0..setting.pages {
        let (terminal, size, take) = (dice.draw() as u8, dice.draw() as u8, dice.draw() as u8);
        ops.push(Op::Attach { page, terminal, active: false, size, take });
    }
    ops.push(Op::Wait { ms: 500 });
    ops
}

/// How often each kind of operation comes in a run, and how large its quantity gets.
struct Mix {
    kinds: Vec<u8>,
    strength: u64,
}

/// Kinds from here on are for several machines, except those of questions.
const SEVERAL: u8 = 43;
/// Kinds from here on are about questions.
const QUESTIONS: u8 = 67;

/// Kind, weight, and whether every run has it.
const WEIGHTS: [(u8, u8, bool); Op::KINDS as usize] = [
    (0, 40, true),
    (1, 15, true),
    (2, 4, false),
    (3, 4, false),
    (4, 2, false),
    (5, 2, false),
    (6, 2, false),
    (7, 2, false),
    (8, 2, false),
    (9, 2, false),
    (10, 2, false),
    (11, 2, false),
    (12, 1, false),
    (13, 2, true),
    (14, 2, false),
    (15, 3, false),
    (16, 2, false),
    (17, 2, false),
    (18, 3, false),
    (19, 1, false),
    (20, 6, true),
    (21, 4, false),
    (22, 4, false),
    (23, 2, false),
    (24, 8, true),
    (25, 1, false),
    (26, 3, false),
    (27, 4, false),
    (28, 2, false),
    (29, 1, false),
    (30, 10, false),
    (31, 10, false),
    (32, 3, false),
    (33, 3, false),
    (34, 2, false),
    (35, 3, false),
    (36, 2, false),
    (37, 2, false),
    (38, 1, false),
    (39, 2, false),
    (40, 1, false),
    (41, 1, false),
    (42, 1, false),
    (43, 12, true),
    (44, 1, false),
    (45, 2, false),
    (46, 1, false),
    (47, 1, false),
    (48, 2, false),
    (49, 1, false),
    (50, 1, false),
    (51, 1, false),
    (52, 1, false),
    (53, 4, false),
    (54, 2, false),
    (55, 2, false),
    (56, 2, false),
    (57, 3, true),
    (58, 2, false),
    (59, 2, false),
    (60, 2, false),
    (61, 2, false),
    (62, 3, true),
    (63, 2, false),
    (64, 1, false),
    (65, 1, false),
    (66, 2, false),
    (67, 8, false),
    (68, 10, false),
];

impl Mix {
    fn drawn(dice: &mut Dice, hosts: u16, preset: Preset) -> Self {
        let mut kinds = Vec::new();
        let rarely = 30 + dice.up_to(60);
        for (kind, weight, always) in WEIGHTS {
            if (SEVERAL..QUESTIONS).contains(&kind) && hosts == 1 || !preset.has(kind) {
                continue;
            }
            if always || dice.percent(rarely) {
                let times = u64::from(weight) * (1 + dice.up_to(3));
                kinds.extend(std::iter::repeat_n(kind, times as usize));
            }
        }
        Mix { kinds, strength: dice.up_to(100) }
    }

    fn draw(&self, dice: &mut Dice) -> Op {
        let kind = *dice.pick(&self.kinds);
        let most = match kind {
            0 => 15_000,
            1 => 50_000,
            2 => 30_000 * self.strength,
            3 => 100_000,
            16 | 17 => 30 * self.strength,
            19 => 5_000,
            21 => 20_000,
            22 => return read(dice),
            23 => 3_000,
            44 | 46 | 47 => 10_000,
            48 | 51 => 60_000,
            53 => 20_000,
            56 => 2_000,
            30 | 31 => 16 << 10,
            _ => u64::from(u16::MAX),
        };
        let amount = match kind {
            0..=23 | 30 | 31 | 44 | 46..=48 | 51 | 53 | 56 => dice.magnitude(most),
            _ => dice.up_to(most),
        };
        Op::of(kind, dice.draw() as u8, dice.draw() as u8, amount as u32)
    }
}

/// Stalled, slow or quick.
fn read(dice: &mut Dice) -> Op {
    let frame_ms = if dice.percent(25) { u64::from(u16::MAX) } else { dice.magnitude(400) };
    Op::Read { page: dice.draw() as u8, frame_ms: frame_ms as u16 }
}
