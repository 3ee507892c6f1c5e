//! The scenes with real processes.

use crate::watch::Watch;
use consort_sim::bench::{Scene, Times};
use consort_tests::net::Fault;
use consort_tests::{Net, TestNode, wait_for, wait_until};
use serde_json::json;
use std::time::{Duration, Instant};

/// Nodes on machines of their own that are all members of one mesh.
pub(crate) struct Mesh {
    net: Net,
    nodes: Vec<(TestNode, Watch)>,
    samples: usize,
}

impl Mesh {
    /// So many nodes, and room for one more per sample.
    pub(crate) fn new(nodes: usize, samples: usize) -> Result<Self, String> {
        let mut mesh = Mesh { net: Net::build(nodes + samples)?, nodes: Vec::new(), samples };
        for _ in 0..nodes {
            mesh.add();
            mesh.pair_last();
        }
        mesh.settle();
        Ok(mesh)
    }

    /// Plays a scene some times: milliseconds until all nodes show what has happened.
    pub(crate) fn play(&mut self, scene: Scene) -> Times {
        let samples = self.samples;
        let one = |sample: usize| match scene {
            Scene::Killed => self.killed(sample),
            Scene::Vanished => self.vanished(sample),
            Scene::Healed => self.healed(),
            Scene::Changed => self.changed(sample),
            Scene::Joined => self.joined(),
        };
        Times::of((0..samples).map(one).map(|time| time.as_millis() as u64).collect())
    }

    /// How long a packet takes from one node to another, in whole milliseconds and at least one.
    pub(crate) fn link_ms(&self) -> u64 {
        let latencies = |node: &TestNode| {
            let peers = node.peers();
            peers.values().map(|peer| peer["latency_ms"].as_f64()).collect::<Option<Vec<f64>>>()
        };
        let mut all: Vec<f64> =
            self.nodes.iter().flat_map(|(node, _)| wait_for("measured latencies", || latencies(node))).collect();
        all.sort_by(f64::total_cmp);
        ((all[all.len() / 2] / 2.0).round() as u64).max(1)
    }

    fn killed(&mut self, sample: usize) -> Duration {
        let lost = self.somebody(sample);
        let begun = Instant::now();
        self.nodes[lost].0.kill();
        let took = self.until_all_show(lost, false) - begun;
        let (node, watch) = &mut self.nodes[lost];
        node.run_named(&name(lost), &[]);
        *watch = Watch::start(node.way());
        self.settle();
        took
    }

    fn vanished(&mut self, sample: usize) -> Duration {
        let lost = self.somebody(sample);
        // Not always at the same moment after the last heartbeat.
        std::thread::sleep(Duration::from_millis(313 * sample as u64));
        let begun = Instant::now();
        self.net.cut_off(lost, Fault::Drop);
        let took = self.until_all_show(lost, false) - begun;
        self.net.heal_all();
        self.settle();
        took
    }

    /// The time begins when anybody shows a machine of the other half.
    fn healed(&mut self) -> Duration {
        let even = |number: &usize| number.is_multiple_of(2);
        let half: Vec<usize> = (0..self.nodes.len()).filter(even).collect();
        self.net.split(&half, Fault::Drop);
        std::thread::sleep(Duration::from_millis(Scene::SPLIT_MS));
        self.net.heal_all();
        let last = (0..self.nodes.len()).map(|of| self.until_all_show(of, true)).max().expect("there are nodes");
        let names = |evens: bool| (0..self.nodes.len()).filter(move |number| even(number) == evens).map(name);
        let across = self.nodes.iter().enumerate().flat_map(|(number, (_, watch))| {
            let show = watch.show();
            names(!even(&number)).map(|name| show.machines[&name].1).collect::<Vec<_>>()
        });
        let took = last - across.min().expect("there are nodes");
        self.settle();
        took
    }

    /// The time begins when the agent's own node shows it.
    fn changed(&mut self, sample: usize) -> Duration {
        let (owner, agent) = (self.somebody(sample), format!("agent-{sample}"));
        let node = &self.nodes[owner].0;
        let id = node.create(&json!({ "name": agent, "program": "cat", "backend": "pty", "directory": "/" }));
        let since = |watch: &Watch, runs: bool| {
            let shown = watch.show().agents.get(&agent).copied();
            shown.filter(|(running, _)| *running == runs).map(|(_, since)| since)
        };
        wait_until("it is shown", || self.nodes.iter().all(|(_, watch)| since(watch, true).is_some()));
        std::thread::sleep(Duration::from_secs(2));
        let (status, answer) = node.http("POST", &format!("/api/agents/{id}/stop"), None);
        assert_eq!(status, 200, "{answer}");
        wait_until("its end is shown", || self.nodes.iter().all(|(_, watch)| since(watch, false).is_some()));
        let all = self.nodes.iter().filter_map(|(_, watch)| since(watch, false));
        all.max().expect("there are nodes") - since(&self.nodes[owner].1, false).expect("it is shown")
    }

    /// The time begins when both ends have admitted each other.
    fn joined(&mut self) -> Duration {
        self.add();
        let begun = self.pair_last();
        let new = self.nodes.len() - 1;
        let came = |of: usize| self.until_all_show(of, true);
        let took = (0..=new).map(came).max().expect("there are nodes").saturating_duration_since(begun);
        self.settle();
        took
    }

    fn add(&mut self) {
        let number = self.nodes.len();
        let node = TestNode::on(self.net.machine(number), &name(number));
        let watch = Watch::start(node.way());
        self.nodes.push((node, watch));
    }

    /// The last node joins the first one, if it is not that one; when both had admitted each other.
    fn pair_last(&self) -> Instant {
        let (first, last) = (&self.nodes[0].0, &self.nodes[self.nodes.len() - 1].0);
        if self.nodes.len() > 1 {
            let (status, body) = last.http("POST", "/api/join", Some(&json!({ "target": first.invite() })));
            assert_eq!(status, 200, "{body}");
        }
        Instant::now()
    }

    /// One of the nodes, another one for each sample.
    fn somebody(&self, sample: usize) -> usize {
        (sample * 13 + 3) % self.nodes.len()
    }

    /// Waits until all others show a node as there, or as away; since when they do.
    fn until_all_show(&self, of: usize, there: bool) -> Instant {
        let of_name = name(of);
        let since = |watch: &Watch| {
            let shown = watch.show().machines.get(&of_name).copied();
            shown.filter(|(reachable, _)| *reachable == there).map(|(_, since)| since)
        };
        let others = || self.nodes.iter().enumerate().filter(|(number, _)| *number != of).map(|(_, (_, watch))| watch);
        wait_until("all show it", || others().all(|watch| since(watch).is_some()));
        others().filter_map(since).max().expect("there are others")
    }

    /// Waits until all reach all, over links of their own, and a while for whatever comes after that.
    fn settle(&self) {
        for of in 0..self.nodes.len() {
            if self.nodes.len() > 1 {
                self.until_all_show(of, true);
            }
        }
        let direct = |node: &TestNode| node.peers().values().all(|peer| peer["hops"] == 1);
        wait_until("all are linked with all", || self.nodes.iter().all(|(node, _)| direct(node)));
        std::thread::sleep(Duration::from_secs(3));
    }
}

fn name(number: usize) -> String {
    format!("node-{number:02}")
}
