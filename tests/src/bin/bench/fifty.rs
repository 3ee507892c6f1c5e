//! Fifty nodes on this machine as real processes, and the dashboard of one of them with two thousand agents.

use crate::dashboard;
use crate::footprint::cpu_ticks;
use crate::report::{Report, quantile};
use consort_tests::{TestNode, wait_until};
use serde_json::json;
use std::time::{Duration, Instant};

const NODES: usize = 50;
/// On each node.
const AGENTS: usize = 40;

pub(crate) fn measure(report: &mut Report) {
    let names: Vec<String> = (0..NODES).map(|number| format!("node-{number:02}")).collect();
    let mut nodes: Vec<TestNode> = names.iter().map(|_| TestNode::prepared_on_loopback_alone()).collect();
    for (node, name) in nodes.iter_mut().zip(&names) {
        node.run_named(name, &[]);
    }
    for node in &nodes[1..] {
        let (status, body) = node.http("POST", "/api/join", Some(&json!({ "target": nodes[0].invite() })));
        assert_eq!(status, 200, "{body}");
    }
    wait_for_all(&nodes);
    for node in &mut nodes {
        node.kill();
    }
    let begun = Instant::now();
    for (node, name) in nodes.iter_mut().zip(&names) {
        node.run_named(name, &[]);
    }
    report.show("50 nodes: all processes started, after", begun.elapsed().as_secs_f64(), "s");
    let begun = Instant::now();
    wait_for_all(&nodes);
    report.at_most("50 nodes: all reach all, after the last start", begun.elapsed().as_secs_f64(), 5.0, "s");

    std::thread::sleep(Duration::from_secs(15));
    let window = Duration::from_secs(20);
    let before: Vec<u64> = nodes.iter().map(|node| cpu_ticks(node.pid())).collect();
    std::thread::sleep(window);
    let share = |(node, before): (&TestNode, &u64)| {
        let ticks = (cpu_ticks(node.pid()) - before) as f64 / rustix::param::clock_ticks_per_second() as f64;
        ticks / window.as_secs_f64() * 100.0
    };
    let mut shares: Vec<f64> = nodes.iter().zip(&before).map(share).collect();
    let mut memory: Vec<f64> = nodes.iter().map(|node| node.memory_bytes() as f64 / 1e6).collect();
    report.at_most("50 nodes at rest: the busiest one", quantile(&mut shares, 1.0), 1.0, "% of a core");
    report.show("… the one in the middle", quantile(&mut shares, 0.5), "% of a core");
    report.at_most("50 nodes: memory of the largest one", quantile(&mut memory, 1.0), 15.0, "MB");

    for (number, node) in nodes.iter().enumerate() {
        let mut words = Vec::new();
        for agent in 0..AGENTS {
            let name = format!("group{}-team{}-agent{}", agent % 9, number % 11, number * AGENTS + agent);
            let session = ["new-session", "-d", "-x", "80", "-y", "24", "-s", &name, "cat", ";"].map(str::to_string);
            words.extend(session);
        }
        node.tmux(&words.iter().map(String::as_str).collect::<Vec<_>>());
    }
    wait_until("two thousand agents", || nodes[0].agents().len() == NODES * AGENTS);
    for name in ["switch-one", "switch-two"] {
        nodes[NODES - 1].create_script(name, &format!("seq 1 2000; echo {name}-is-here; exec cat"));
        nodes[0].agent_named(name);
    }
    dashboard::measure_of(report, &nodes[0]);
}

/// Every node reaches every other one.
fn wait_for_all(nodes: &[TestNode]) {
    let whole = |node: &TestNode| {
        let peers = node.peers();
        peers.len() == nodes.len() - 1 && peers.values().all(|peer| peer["reachable"] == true)
    };
    wait_until("all reach all", || nodes.iter().all(whole));
}
