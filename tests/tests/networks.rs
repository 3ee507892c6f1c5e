//! Machines on networks: pairing, agreeing, and what all of them show when networks and machines fail.

use consort_tests::net::Fault;
use consort_tests::{Net, TestNode, Typist, wait_for_mesh, wait_until};
use rustix::process::Signal;
use serde_json::json;
use std::collections::BTreeSet;

const NAMES: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/// One node on each machine, all paired: each joins the one before it.
fn mesh(net: &Net, count: usize) -> Vec<TestNode> {
    let nodes: Vec<TestNode> = (0..count).map(|number| TestNode::on(net.machine(number), NAMES[number])).collect();
    for number in 1..count {
        nodes[number].join(&nodes[number - 1]);
    }
    all_reach_all(&nodes);
    nodes
}

fn all_reach_all(nodes: &[TestNode]) {
    wait_for_mesh(&nodes.iter().collect::<Vec<_>>(), &NAMES[..nodes.len()]);
}

/// Names and states of all agents that a node shows.
fn agents(node: &TestNode) -> BTreeSet<(String, bool)> {
    let all = node.agents().into_iter();
    all.map(|agent| (agent["name"].as_str().unwrap_or_default().to_string(), agent["running"] == true)).collect()
}

/// Waits until some nodes show the same agents, so many of them.
fn same_agents(nodes: &[&TestNode], count: usize) {
    wait_until("the same agents everywhere", || {
        let first = agents(nodes[0]);
        first.len() == count && nodes.iter().all(|node| agents(node) == first)
    });
}

fn plain(name: &str) -> serde_json::Value {
    json!({ "name": name, "directory": "/", "program": "cat", "backend": "pty" })
}

#[test]
fn a_machine_that_nobody_can_dial_is_a_full_member() {
    let Some(net) = Net::of(3) else { return };
    for other in [0, 1] {
        net.one_way(other, 2, Fault::NoDial);
    }
    let nodes = mesh(&net, 3);
    wait_until("it has dialled both", || nodes[..2].iter().all(|node| node.peers()["two"]["dialled"] == false));
    // Both directions are good for everything.
    Typist::new(&nodes[0], &nodes[2], "there").check(&nodes[2]);
    Typist::new(&nodes[2], &nodes[0], "here").check(&nodes[0]);
    // It comes back by itself: nobody else can do anything about it.
    net.cut_off(2, Fault::Reset);
    wait_until("it is gone", || !nodes[0].reaches("two") && !nodes[1].reaches("two"));
    net.heal_all();
    for other in [0, 1] {
        net.one_way(other, 2, Fault::NoDial);
    }
    all_reach_all(&nodes);
}

#[test]
fn a_code_works_through_whichever_side_can_dial() {
    let Some(net) = Net::of(2) else { return };
    net.one_way(1, 0, Fault::NoDial);
    let [desk, laptop] = ["desk", "laptop"].map(|name| TestNode::on(net.machine(usize::from(name == "laptop")), name));
    let (exit, _, error) = laptop.cli(&["join", &desk.invite()]);
    assert_eq!(exit, 1);
    let other = error.lines().find(|line| line.trim().starts_with("consort join ")).expect("another way");
    let words: Vec<&str> = other.split_whitespace().skip(1).collect();
    let (exit, _, error) = desk.cli(&words);
    assert_eq!(exit, 0, "{error}");
    wait_for_mesh(&[&desk, &laptop], &["desk", "laptop"]);
}

#[test]
fn a_machine_that_was_removed_while_it_was_away_does_not_come_back() {
    let Some(net) = Net::of(3) else { return };
    let nodes = mesh(&net, 3);
    net.cut_off(2, Fault::Drop);
    wait_until("it is away", || !nodes[0].reaches("two") && !nodes[1].reaches("two"));
    assert_eq!(nodes[0].cli(&["remove", "two", "--yes"]).0, 0);
    wait_until("both have removed it", || nodes[..2].iter().all(|node| !node.peers().contains_key("two")));
    net.heal_all();
    wait_until("it hears of it", || nodes[2].get("/api/nodes")["nodes"][0]["removed"] == true);
    assert!(!nodes[2].reaches("zero") && !nodes[2].reaches("one"));
    assert!(nodes[..2].iter().all(|node| !node.peers().contains_key("two")), "it came back by itself");
    nodes[2].join(&nodes[1]);
    all_reach_all(&nodes);
}

#[test]
fn two_halves_of_a_mesh_go_on_and_agree_again_when_the_network_is_whole() {
    let Some(net) = Net::of(5) else { return };
    let mut nodes = mesh(&net, 5);
    for (number, node) in nodes.iter().enumerate() {
        node.create(&plain(&format!("agent-{number}")));
    }
    same_agents(&nodes.iter().collect::<Vec<_>>(), 5);
    for fault in [Fault::Reset, Fault::Drop] {
        net.split(&[0, 1], fault);
        wait_until("each half sees that the other one is away", || {
            let sees = |node: &TestNode, others: &[usize]| others.iter().all(|other| !node.reaches(NAMES[*other]));
            nodes[..2].iter().all(|node| sees(node, &[2, 3, 4])) && nodes[2..].iter().all(|node| sees(node, &[0, 1]))
        });
        assert!(nodes[0].reaches("one") && nodes[2].reaches("three") && nodes[2].reaches("four"));
        let (left, right) = (format!("left-{fault:?}"), format!("right-{fault:?}"));
        nodes[1].create(&plain(&left));
        nodes[4].create(&plain(&right));
        nodes[0].agent_named(&left);
        nodes[2].agent_named(&right);
        assert!(!agents(&nodes[0]).iter().any(|(name, _)| *name == right), "nothing gets through");
        // One half also loses a machine, which the other one hears of when it can.
        nodes[3].kill();
        wait_until("it is gone", || !nodes[2].reaches("three"));
        net.heal_all();
        let rest = [0, 1, 2, 4];
        wait_until("it is away everywhere, and nobody else", || {
            let sees = |node: usize, other: usize| nodes[node].reaches(NAMES[other]) == (other != 3);
            rest.iter().all(|node| (0..5).filter(|other| other != node).all(|other| sees(*node, other)))
        });
        nodes[3].run_named("three", &[]);
        all_reach_all(&nodes);
        // Its terminals of its own ended with it; what was created elsewhere is everywhere.
        wait_until("both halves' agents", || {
            nodes.iter().all(|node| [&left, &right].iter().all(|name| agents(node).iter().any(|(own, _)| own == *name)))
        });
        let count = agents(&nodes[0]).len();
        same_agents(&nodes.iter().collect::<Vec<_>>(), count);
    }
}

#[test]
fn ten_machines_agree_on_who_is_there_and_what_runs_whatever_was_cut_and_killed() {
    let Some(net) = Net::of(10) else { return };
    let mut nodes = mesh(&net, 10);
    for (number, node) in nodes.iter().enumerate() {
        node.create(
            &json!({ "name": format!("agent-{number}"), "program": "cat", "backend": "pty", "autostart": true }),
        );
    }
    same_agents(&nodes.iter().collect::<Vec<_>>(), 10);
    // Some pairs cannot talk: nobody notices, there are ways around.
    for number in 0..5 {
        net.cut(number, number + 5, Fault::Reset);
    }
    wait_until("they are reached over others", || {
        (0..5).all(|number| {
            let there = &nodes[number].peers()[NAMES[number + 5]];
            there["reachable"] == true && there["hops"] == 2
        })
    });
    let mut typist = Typist::new(&nodes[0], &nodes[5], "far");
    typist.type_words(300);
    typist.check(&nodes[5]);
    // One is killed, one is paused, one is cut off without a word.
    nodes[7].kill();
    nodes[8].signal(Signal::STOP);
    net.cut_off(9, Fault::Drop);
    wait_until("all three are known to be away", || {
        nodes[..7].iter().all(|node| ["seven", "eight", "nine"].iter().all(|name| !node.reaches(name)))
    });
    assert!(
        nodes[..7].iter().enumerate().all(|(own, node)| (0..7).all(|other| own == other || node.reaches(NAMES[other])))
    );
    nodes[7].run_named("seven", &[]);
    nodes[8].signal(Signal::CONT);
    net.heal_all();
    all_reach_all(&nodes);
    same_agents(&nodes.iter().collect::<Vec<_>>(), 11);
    typist.type_words(300);
    typist.check(&nodes[5]);
}

#[test]
fn a_flood_through_a_narrow_line_neither_looks_like_silence_nor_stops_a_key() {
    let Some(net) = Net::of(2) else { return };
    let nodes = mesh(&net, 2);
    net.limit_rate(0, 2_000);
    let flood =
        json!({ "name": "flood", "program": "sh", "args": ["-c", "while :; do seq 1 1000; done"], "backend": "pty" });
    nodes[1].create(&flood);
    let id = nodes[0].agent_named("flood")["id"].as_str().expect("an id").to_string();
    let mut flooded = nodes[0].viewer();
    flooded.open(1, &id, None, "never");
    let mut typist = Typist::new(&nodes[0], &nodes[1], "far");
    let since = |node: &TestNode| node.peers()["one"]["since_ms"].as_u64().unwrap_or(0);
    let begun = since(&nodes[0]);
    // Longer than a silence would be borne.
    while since(&nodes[0]) < begun + 8_000 {
        flooded.read();
        typist.type_words(5);
        typist.check(&nodes[1]);
        assert!(nodes[0].reaches("one"), "it was never gone");
        assert!(since(&nodes[0]) > begun, "it was never gone");
    }
    assert!(flooded.streams[&1].received > 1_000_000, "the line was full: {} bytes", flooded.streams[&1].received);
}
