//! Three machines, of which the first reaches the third only through the second: what is typed at the first arrives at the third,
//! and what the third shows is seen at the first, whatever happens on the way.

use consort_tests::net::Fault;
use consort_tests::typist::wait_until_same;
use consort_tests::{FaultRelay, Net, TestNode, Typist, wait_for, wait_for_mesh, wait_until};
use rustix::process::Signal;
use serde_json::json;
use std::time::Duration;

const NAMES: [&str; 3] = ["first", "middle", "last"];

/// Machines in a row: each reaches only its neighbours.
fn row(net: &Net) -> [TestNode; 3] {
    net.cut(0, 2, Fault::Drop);
    let nodes = [0, 1, 2].map(|number| TestNode::on(net.machine(number), NAMES[number]));
    nodes[0].join(&nodes[1]);
    nodes[2].join(&nodes[1]);
    wait_for_mesh(&nodes.each_ref(), &NAMES);
    nodes
}

/// The same without networks of their own: nobody can be dialled but the one in the middle, by each end through a relay.
fn relayed_row() -> ([TestNode; 3], [FaultRelay; 2]) {
    let nodes = NAMES.map(TestNode::hidden);
    let relays = [0, 2].map(|end: usize| {
        let relay = FaultRelay::before(nodes[1].port());
        nodes[end].ask(&nodes[1], &relay.address());
        relay
    });
    wait_for_mesh(&nodes.each_ref(), &NAMES);
    (nodes, relays)
}

#[test]
fn what_is_typed_arrives_once_and_in_order_while_links_are_cut() {
    let Some(net) = Net::of(3) else { return };
    let [first, _middle, last] = &row(&net);
    assert_eq!(first.peers()["last"]["via"], first.peers()["middle"]["id"], "{:?}", first.peers()["last"]);
    let mut typist = Typist::new(first, last, "far");
    typist.type_words(100);
    typist.check(last);
    for (one, other) in [(0, 1), (1, 2)] {
        for fault in [Fault::Reset, Fault::Drop] {
            net.cut(one, other, fault);
            typist.type_until("the cut is noticed", || !first.reaches("last"));
            net.heal(one, other);
            typist.type_until("the links are back", || first.reaches("last"));
            typist.check(last);
        }
    }
}

#[test]
fn what_is_typed_arrives_once_and_in_order_while_one_direction_is_cut() {
    let Some(net) = Net::of(3) else { return };
    let [first, _middle, last] = &row(&net);
    let mut typist = Typist::new(first, last, "far");
    for (from, to) in [(0, 1), (1, 0), (1, 2), (2, 1)] {
        net.one_way(from, to, Fault::Drop);
        typist.type_until("the cut is noticed", || !first.reaches("last") && !last.reaches("first"));
        net.heal(from, to);
        typist.type_until("the links are back", || first.reaches("last"));
        typist.check(last);
    }
}

#[test]
fn what_is_typed_arrives_once_and_in_order_while_the_machine_in_the_middle_is_killed_and_started_again() {
    let Some(net) = Net::of(3) else { return };
    let [first, mut middle, last] = row(&net);
    let mut typist = Typist::new(&first, &last, "far");
    for _ in 0..3 {
        typist.type_words(200);
        middle.kill();
        typist.type_until("its end is noticed", || !first.reaches("last") && !last.reaches("first"));
        middle.run_named("middle", &[]);
        typist.type_until("it is back", || first.reaches("last"));
        typist.check(&last);
    }
}

#[test]
fn when_one_of_two_machines_in_the_middle_dies_in_mid_stream_the_other_one_carries_on() {
    let Some(net) = Net::of(4) else { return };
    net.cut(0, 3, Fault::Drop);
    let names = ["first", "north", "south", "last"];
    let mut nodes = names.map(|name| {
        let number = names.iter().position(|other| *other == name).expect("it is one of them");
        TestNode::on(net.machine(number), name)
    });
    for end in [0, 2, 3] {
        nodes[end].join(&nodes[1]);
    }
    wait_for_mesh(&nodes.each_ref(), &names);
    let mut typist = Typist::new(&nodes[0], &nodes[3], "far");
    let id = |node: &TestNode| node.get("/api/nodes")["nodes"][0]["id"].clone();
    // Whichever carries now is killed, and then the other one.
    for _ in 0..2 {
        let via = nodes[0].peers()["last"]["via"].clone();
        let (carrier, spare) = if via == id(&nodes[1]) { (1, 2) } else { (2, 1) };
        assert_eq!(via, id(&nodes[carrier]));
        let spare = id(&nodes[spare]);
        let first = &nodes[0];
        typist.type_words(500);
        nodes[carrier].signal(Signal::KILL);
        typist.type_until("the other one carries", || first.peers()["last"]["via"] == spare && first.reaches("last"));
        typist.type_words(500);
        typist.check(&nodes[3]);
        nodes[carrier].kill();
        nodes[carrier].run_named(names[carrier], &[]);
        wait_for_mesh(&nodes.each_ref(), &names);
    }
}

#[test]
fn what_is_typed_arrives_once_and_in_order_while_a_machine_is_paused() {
    let Some(net) = Net::of(3) else { return };
    let nodes = row(&net);
    let (first, last) = (&nodes[0], &nodes[2]);
    let mut typist = Typist::new(first, last, "far");
    for paused in [1, 2] {
        nodes[paused].signal(Signal::STOP);
        typist.type_until("it is noticed", || !first.reaches("last"));
        nodes[paused].signal(Signal::CONT);
        typist.type_until("it is back", || first.reaches("last"));
        typist.check(last);
    }
}

#[test]
fn a_terminal_follows_a_machine_to_another_address() {
    let Some(net) = Net::of(3) else { return };
    let nodes = row(&net);
    let (first, last) = (&nodes[0], &nodes[2]);
    let mut typist = Typist::new(first, last, "far");
    for machine in [2, 1, 0] {
        let before = net.address(machine);
        net.move_to_another_address(machine);
        let (before, after) = (format!("{before}:"), format!("{}:", net.address(machine)));
        let moved = |node: &TestNode| {
            let node = node.peers()[NAMES[machine]].clone();
            let link = node["address"].as_str().unwrap_or_default();
            let told = node["addresses"].to_string();
            told.contains(&after) && !told.contains(&before) && !link.starts_with(&before)
        };
        let others = nodes.iter().enumerate().filter(|(number, _)| *number != machine);
        let others: Vec<&TestNode> = others.map(|(_, node)| node).collect();
        typist.type_until("all know where it is now", || others.iter().all(|node| moved(node)));
        typist.type_until("all reach each other", || first.reaches("last") && last.reaches("first"));
        typist.check(last);
    }
}

#[test]
fn a_slow_and_uneven_network_delays_and_loses_nothing() {
    let ([first, _middle, last], relays) = &relayed_row();
    for relay in relays {
        relay.delay(Duration::from_millis(200), Duration::from_millis(50));
    }
    let mut typist = Typist::new(first, last, "far");
    typist.type_words(1_000);
    typist.check(last);
    relays[0].refuse();
    typist.type_until("the cut is noticed", || !first.reaches("last"));
    relays[0].go_on();
    typist.type_until("the links are back", || first.reaches("last"));
    typist.check(last);
    assert!(last.reaches("first"));
}

#[test]
fn a_network_that_stands_still_is_waited_for_or_noticed_and_loses_nothing() {
    let ([first, _middle, last], relays) = &relayed_row();
    let mut typist = Typist::new(first, last, "far");
    for relay in relays {
        relay.stall();
        typist.type_words(200);
        relay.go_on();
        typist.check(last);
        relay.stall();
        typist.type_until("it is noticed", || !first.reaches("last"));
        relay.go_on();
        typist.type_until("the links are back", || first.reaches("last"));
        typist.check(last);
    }
}

#[test]
fn what_a_far_program_prints_while_links_are_cut_is_all_on_the_screen_in_the_end() {
    let ([first, _middle, last], relays) = &relayed_row();
    last.create_script("far", "for i in $(seq 1 400); do seq 1 150; sleep 0.02; done; echo the-end; exec cat");
    let id = first.agent_named("far")["id"].as_str().expect("an id").to_string();
    let mut viewer = first.viewer();
    viewer.attach(1, &id, None, "never");
    let faults: [fn(&FaultRelay); 3] = [FaultRelay::refuse, FaultRelay::half_open, FaultRelay::stall];
    let mut cuts = 0;
    while !last.capture("far").iter().any(|line| line == "the-end") {
        let relay = &relays[cuts % 2];
        faults[cuts % 3](relay);
        viewer.read();
        relay.go_on();
        let before = viewer.streams[&1].received;
        wait_until("more of it, or the end", || {
            viewer.read();
            viewer.streams[&1].received > before || last.capture("far").iter().any(|line| line == "the-end")
        });
        cuts += 1;
    }
    assert!(cuts >= 3, "each fault at least once");
    wait_until_same(&mut viewer, last, "far");
}

#[test]
fn a_connection_of_which_one_end_has_forgotten_is_noticed_and_replaced() {
    let ([first, _middle, last], relays) = &relayed_row();
    let mut typist = Typist::new(first, last, "far");
    for relay in relays {
        // The end in the middle notices at once, and says so; the other one by the silence.
        relay.half_open();
        typist.type_until("it is noticed", || !first.reaches("last") || !last.reaches("first"));
        typist.type_until("the links are back", || first.reaches("last") && last.reaches("first"));
        typist.check(last);
    }
}

#[test]
fn what_is_done_over_a_machine_in_the_middle_is_in_the_owners_log_with_who_was_in_the_middle() {
    let ([first, middle, last], _relays) = relayed_row();
    let there = last.id();
    assert_eq!(first.get(&format!("/api/directories?path=%2F&node={there}"))["path"], "/");
    first.create(&json!({ "name": "far-made", "directory": "/", "program": "cat", "node": there }));
    assert_eq!(last.agent_named("far-made")["node"], there.as_str());
    let entry = wait_for("the entry", || last.audit_log().into_iter().find(|entry| entry["what"] == "create"));
    assert_eq!((&entry["by"], &entry["detail"]), (&json!(first.id()), &json!("far-made")), "{entry}");
    assert_eq!(entry["via"], format!("node {}", &middle.id()[..7]), "{entry}");
    assert!(middle.audit_log().iter().all(|entry| entry["what"] != "create"), "it only passes it on");
}
