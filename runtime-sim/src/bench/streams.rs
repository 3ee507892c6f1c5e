//! Terminals across two nodes, and across a relay.

use super::Figure;
use super::town::Town;
use crate::scenario::Setting;
use consort_core::input::Take;
use consort_core::{AgentAddress, limits};

/// Width of the links: 10 MB/s.
const WIDTH: u64 = 10_000;
const FLOOD_MS: u16 = 4_000;
/// A screen with its history.
const SNAPSHOT_BYTES: u32 = 200_000;
/// What is printed while the link is cut: a little is sent again from where the viewer was, much is replaced by a snapshot.
const MISSED: [(u32, &str); 2] = [(10_000, "little was printed"), (3_000_000, "much was printed")];

/// All about streams.
pub(super) fn figures() -> Vec<Figure> {
    [(2, "across two nodes"), (3, "across a relay")].iter().flat_map(|(nodes, what)| of(*nodes, what)).collect()
}

fn of(nodes: u16, what: &str) -> Vec<Figure> {
    let Some(mut view) = Onlooker::new(nodes) else {
        let missing = |what: String, target| Figure::new(&what, nodes, target, "no stream".to_string(), false);
        return vec![missing(format!("terminal {what}: share of the link"), "≥ 90 %")];
    };
    let share = view.flood();
    let of_width = format!("terminal {what}: share of the link's width");
    let mut figures = vec![Figure::new(&of_width, nodes, "≥ 90 %", format!("{share} %"), share >= 90)];
    for (bytes, much) in MISSED {
        let Some(mut view) = Onlooker::new(nodes) else { continue };
        let (back, rtt, sent) = (view.cut(bytes), view.rtt(), sending_ms(bytes, nodes));
        let what = format!("terminal {what}: screen right once it can be reached after a cut of 2 s, {much}");
        let target = format!("≤ {rtt} ms of round trip + {sent} ms of bytes");
        figures.push(Figure::new(&what, nodes, &target, format!("{back} ms"), back <= rtt + sent));
    }
    figures
}

/// How long the links take to carry what was missed, or the snapshot in its place. A node in the middle passes on whole parcels.
fn sending_ms(missed: u32, nodes: u16) -> u64 {
    let bytes = u64::from(missed.min(SNAPSHOT_BYTES));
    let relayed = bytes.min(limits::FRAME_BYTES as u64) * u64::from(nodes - 2);
    (bytes + relayed).div_ceil(WIDTH)
}

/// A page that looks at a terminal of the last machine from the first.
struct Onlooker {
    town: Town,
    life: u64,
}

impl Onlooker {
    fn new(nodes: u16) -> Option<Self> {
        let setting = Setting {
            hosts: nodes,
            pages: 1,
            link_ms: (10, 10),
            link_bytes_per_ms: WIDTH,
            link_buffer: 1 << 20,
            link_room: 8,
            latency_ms: 0,
            order_ms: 0,
            report_ms: 0,
            snapshot_bytes: SNAPSHOT_BYTES as usize,
            ..Setting::default()
        };
        let mut town = Town::with(1, setting);
        let last = nodes - 1;
        if nodes > 2 {
            town.world.network.rules.wall(0, last);
            town.world.network.rules.wall(last, 0);
            town.world.stop(last, 0, false);
            town.start(last);
            town.until(60_000, 50, |town| town.all_show(last, true));
        }
        let backends = &mut town.world.hosts[last].backends;
        backends.appear(&mut town.world.agenda, "flood".to_string());
        let agent = *backends.carriers.keys().next()?;
        let life = backends.terminals().next()?;
        let pane = backends.life(life)?.terminal.pane;
        town.pass(1_000);
        town.world.connect(0);
        let address = AgentAddress { node: town.id(last), agent };
        let (page, agenda) = (&mut town.world.pages[0], &mut town.world.agenda);
        page.attach(agenda, (address, Some(pane)), consort_core::Size::DEFAULT, Take::Never);
        town.pass(1_000);
        let there = town.world.pages[0].streams.first()?.position.is_some();
        there.then_some(Onlooker { town, life })
    }

    /// Whether the page shows all that was printed.
    fn is_right(town: &Town, life: u64) -> bool {
        let printed = town.world.hosts.life(life).map(|life| life.printed);
        let stream = town.world.pages[0].streams.first();
        stream.and_then(|stream| stream.position).map(|position| position.printed) == printed
    }

    /// Prints for some seconds as much as the link can carry; percent of it that arrives.
    fn flood(&mut self) -> u64 {
        let total = WIDTH * u64::from(FLOOD_MS);
        let host = crate::backend::host_of(self.life);
        let world = &mut self.town.world;
        world.hosts[host].backends.flood(&mut world.agenda, self.life, total as u32, FLOOD_MS);
        let life = self.life;
        self.town.pass(50);
        let took = self.town.until(60_000, 10, |town| {
            Self::is_right(town, life) && { town.world.hosts.life(life).is_some_and(|life| life.printed >= total) }
        });
        took.map_or(0, |took| total * 100 / WIDTH / (took + 50).max(1))
    }

    fn rtt(&self) -> u64 {
        20 * u64::from(self.town.world.setting.hosts - 1)
    }

    /// The link is cut for two seconds while the terminal prints; how long after the page's node reaches the terminal's node again the
    /// screen is right.
    fn cut(&mut self, bytes: u32) -> u64 {
        let host = crate::backend::host_of(self.life);
        let world = &mut self.town.world;
        let hosts = world.setting.hosts;
        for (number, ends) in world.network.open_links() {
            if ends.contains(&host) {
                world.network.cut(&mut world.agenda, number, [Some(0), Some(0)]);
            }
        }
        (0..hosts).for_each(|host| world.network.rules.set_refusing(host, true));
        world.hosts[host].backends.flood(&mut world.agenda, self.life, bytes, 1_500);
        self.town.pass(2_000);
        let network = &mut self.town.world.network;
        (0..hosts).for_each(|host| network.rules.set_refusing(host, false));
        let life = self.life;
        self.town.until(60_000, 1, |town| town.reaches(0, host));
        self.town.until(60_000, 1, |town| Self::is_right(town, life)).unwrap_or(60_000)
    }
}
