//! Terminals across two nodes, and across a relay.

use super::Figure;
use super::town::Town;
use crate::scenario::Setting;
use consort_core::AgentAddress;
use consort_core::input::Take;

/// Width of the links: 10 MB/s.
const WIDTH: u64 = 10_000;
const FLOOD_MS: u16 = 4_000;

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
    let (back, rtt) = (view.cut(), view.rtt());
    vec![
        Figure::new(
            &format!("terminal {what}: share of the link's width"),
            nodes,
            "≥ 90 %",
            format!("{share} %"),
            share >= 90,
        ),
        Figure::new(
            &format!("terminal {what}: screen right after a cut of 2 s and a new link"),
            nodes,
            "≤ 1 round trip + a snapshot",
            format!("{back} ms (round trip {rtt} ms)"),
            back <= rtt * 2 + 50,
        ),
    ]
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

    /// The link is cut for two seconds while the terminal prints a little; how long after the new link the screen is right.
    fn cut(&mut self) -> u64 {
        let host = crate::backend::host_of(self.life);
        let world = &mut self.town.world;
        let hosts = world.setting.hosts;
        for (number, ends) in world.network.open_links() {
            if ends.contains(&host) {
                world.network.cut(&mut world.agenda, number, [Some(0), Some(0)]);
            }
        }
        (0..hosts).for_each(|host| world.network.rules.set_refusing(host, true));
        world.hosts[host].backends.flood(&mut world.agenda, self.life, 10_000, 1_500);
        self.town.pass(2_000);
        let network = &mut self.town.world.network;
        (0..hosts).for_each(|host| network.rules.set_refusing(host, false));
        let (life, made) = (self.life, network.made);
        self.town.until(60_000, 1, |town| town.world.network.made > made);
        // The link is there for the dialled end half a round trip after it was made.
        self.town.pass(20);
        self.town.until(60_000, 1, |town| Self::is_right(town, life)).unwrap_or(60_000)
    }
}
