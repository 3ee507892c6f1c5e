//! Scenes that `calibrate` also plays with real processes, to compare.

use super::Times;
use super::mesh::{changes, detection_in, joins};
use super::town::Town;
use crate::scenario::Setting;

/// Something that happens to a mesh that all nodes of it get to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// A process is killed.
    Killed,
    /// A machine vanishes without a word.
    Vanished,
    /// A mesh that was split in two halves for [`Scene::SPLIT_MS`] is whole again: from the first link between the halves.
    Healed,
    /// An agent has ended.
    Changed,
    /// A new machine was paired with one of them.
    Joined,
}

impl Scene {
    /// All of them.
    pub const ALL: [Scene; 5] = [Scene::Killed, Scene::Vanished, Scene::Healed, Scene::Changed, Scene::Joined];
    /// How long a split lasts, in milliseconds.
    pub const SPLIT_MS: u64 = 12_000;

    /// What it is, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Scene::Killed => "process killed, known by all",
            Scene::Vanished => "machine vanished, known by all",
            Scene::Healed => "split healed, from the first new link till all reach all",
            Scene::Changed => "an agent's change, known by all",
            Scene::Joined => "join, known by all",
        }
    }

    /// Plays it so often in a mesh of so many nodes, whose links take `link_ms` each way: milliseconds until all know.
    #[must_use]
    pub fn simulated(self, nodes: u16, samples: u16, link_ms: u64) -> Times {
        let settled = |seed| {
            let link_ms = (link_ms, link_ms);
            let setting = Setting { hosts: nodes, pages: 1, link_ms, link_room: 8, ..Setting::default() };
            Town::with(seed, Setting { link_buffer: 1 << 20, ..setting })
        };
        match self {
            Scene::Killed => detection_in(&mut settled(1), false, samples),
            Scene::Vanished => detection_in(&mut settled(1), true, samples),
            Scene::Healed => Times::of((0..samples).map(|seed| healed(&mut settled(u64::from(seed)))).collect()),
            Scene::Changed => changes(&mut settled(1)),
            Scene::Joined => joins(&mut settled(1)).0,
        }
    }
}

fn healed(town: &mut Town) -> u64 {
    const LONGEST_MS: u64 = 60_000;
    town.world.network.rules.split(|host| 1 << (host % 2));
    town.pass(Scene::SPLIT_MS);
    town.world.network.rules.join();
    town.world.network.repeat(&mut town.world.agenda);
    let made = town.world.network.made;
    town.until(LONGEST_MS, 1, |town| town.world.network.made > made);
    let nodes = town.world.setting.hosts;
    town.until(LONGEST_MS, 1, |town| (0..nodes).all(|host| town.knows_all(host))).unwrap_or(LONGEST_MS)
}
