//! Nodes that know each other, on loopback: what a hop costs, and how soon all know of a change.

use crate::bulk::{coloured_text, pty_run};
use crate::echo::our_echo;
use crate::report::{Report, median, quantile};
use consort_tests::net::Fault;
use consort_tests::{Net, TestNode, Typist, wait_for_mesh, wait_until};
use rustix::process::Signal;
use serde_json::json;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Rounds of keys; one, two and three nodes take turns.
const ROUNDS: usize = 5;
const NAMES: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

/// Three nodes in a row: the ends reach each other over the middle.
fn row() -> [TestNode; 3] {
    let names = [NAMES[0], NAMES[1], NAMES[2]];
    let nodes = names.map(TestNode::hidden);
    for end in [0, 2] {
        nodes[end].ask(&nodes[1], &format!("127.0.0.1:{}", nodes[1].port()));
    }
    wait_for_mesh(&nodes.each_ref(), &names);
    nodes
}

/// The id that a node knows another one's agent by.
fn seen(at: &TestNode, name: &str) -> String {
    at.agent_named(name)["id"].as_str().expect("an id").to_string()
}

/// What a hop adds to a key's echo, and what it leaves of the speed of a flood.
pub(crate) fn measure_hops(report: &mut Report) {
    // The owner is the last one; who looks is that one itself, its neighbour, and the one behind that.
    let nodes = row();
    let owner = &nodes[2];
    let viewers = [&nodes[2], &nodes[1], &nodes[0]];
    for backend in ["pty", "tmux"] {
        let name = format!("echo-{backend}");
        let args = ["-c", "stty raw -echo; echo ready; exec cat"];
        owner.create(&json!({ "name": name, "backend": backend, "program": "sh", "args": args }));
        let mut samples: [Vec<f64>; 3] = Default::default();
        for _ in 0..ROUNDS {
            for (viewer, samples) in viewers.iter().zip(&mut samples) {
                samples.extend(our_echo(viewer, &seen(viewer, &name)));
            }
        }
        let [one, two, three] = samples.each_mut().map(|samples| median(samples));
        report.show(&format!("key echo, {backend}, one node, p50"), one, "ms");
        for (number, samples) in samples.iter_mut().enumerate() {
            let what = format!("key echo, {backend}, nodes on the way: {}, p99", number + 1);
            report.show(&what, quantile(samples, 0.99), "ms");
        }
        report.at_most(&format!("key echo, {backend}, two nodes: added, p50"), two - one, 0.3, "ms");
        report.at_most(
            &format!("key echo, {backend}, three nodes: added by the second hop, p50"),
            three - two,
            0.3,
            "ms",
        );
    }
    let file = coloured_text(owner.folder());
    let mut rates: [Vec<f64>; 3] = Default::default();
    for run in 0..5 {
        for (hops, (viewer, rates)) in viewers.iter().zip(&mut rates).enumerate() {
            let (seconds, received) = pty_run(owner, viewer, &file, &format!("bulk-{hops}-{run}"));
            rates.push(received as f64 / seconds / 1e6);
        }
    }
    // The fastest run is the one that other work on the machine has disturbed least.
    let [one, two, three] = rates.each_mut().map(|rates| quantile(rates, 1.0));
    report.show("100 MB on a PTY, what a viewer gets, one node, the fastest of five", one, "MB/s");
    report.at_least("… two nodes, against one", two / one * 100.0, 70.0, "%");
    report.at_least("… three nodes, against two", three / two * 100.0, 70.0, "%");
}

/// From Enter on `join` until both show both.
pub(crate) fn measure_pairing(report: &mut Report) {
    let mut times: Vec<f64> = (0..9)
        .map(|_| {
            let (one, other) = (TestNode::named("one"), TestNode::named("other"));
            let code = one.invite();
            let begun = Instant::now();
            let mut join = other.client().args(["join", &code]).stdout(Stdio::null()).spawn().expect("the binary runs");
            wait_until("both show both", || one.reaches("other") && other.reaches("one"));
            let took = begun.elapsed();
            assert!(join.wait().expect("it ends").success());
            milliseconds(took)
        })
        .collect();
    report.at_most("pairing: from Enter to both machines in both lists", median(&mut times), 300.0, "ms");
    report.show("… the slowest of nine", quantile(&mut times, 1.0), "ms");
}

/// How soon the others know that a node is gone, and that it is back.
pub(crate) fn measure_losses(report: &mut Report) {
    let mut nodes = NAMES.map(TestNode::named);
    for number in 1..nodes.len() {
        nodes[number].join(&nodes[0]);
    }
    wait_for_mesh(&nodes.each_ref(), &NAMES);
    // Somebody works meanwhile: an idle mesh may be quick because nothing else happens.
    let mut typist = Typist::new(&nodes[0], &nodes[1], "work");
    let (mut killed, mut back, mut silent, mut woken) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for sample in 0..5 {
        let lost = 2 + sample % 3;
        typist.type_words(20);
        let begun = Instant::now();
        nodes[lost].kill();
        killed.push(all_show(&nodes, lost, false, begun));
        nodes[lost].run_named(NAMES[lost], &[]);
        back.push(all_show(&nodes, lost, true, Instant::now()));
        wait_for_mesh(&nodes.each_ref(), &NAMES);

        // Not always at the same moment after the last heartbeat.
        std::thread::sleep(Duration::from_millis(313 * sample as u64));
        let begun = Instant::now();
        nodes[lost].signal(Signal::STOP);
        silent.push(all_show(&nodes, lost, false, begun));
        let begun = Instant::now();
        nodes[lost].signal(Signal::CONT);
        woken.push(all_show(&nodes, lost, true, begun));
        wait_for_mesh(&nodes.each_ref(), &NAMES);
    }
    typist.check(&nodes[1]);
    for (what, mut times, most) in [
        ("process killed, shown by all", killed, 1.0),
        ("process started again, shown by all", back, 2.0),
        ("process paused, shown by all", silent, 7.0),
        ("process goes on, shown by all", woken, 2.0),
    ] {
        report.at_most(&format!("five nodes: {what}, the slowest of five"), quantile(&mut times, 1.0), most, "s");
    }
}

/// How soon two machines have each other back after the network between them has swallowed everything for a while.
pub(crate) fn measure_cuts(report: &mut Report) {
    const WHAT: &str = "two machines, nothing gets through for 20 s: shown again by both, the slowest of five";
    let net = match Net::build(2) {
        Ok(net) => net,
        Err(why) => return report.skipped(WHAT, &why),
    };
    let nodes = [0, 1].map(|number| TestNode::on(net.machine(number), NAMES[number]));
    nodes[1].join(&nodes[0]);
    let mut back: Vec<f64> = (0..5)
        .map(|_| {
            net.cut(0, 1, Fault::Drop);
            std::thread::sleep(Duration::from_secs(20));
            net.heal_all();
            let begun = Instant::now();
            all_show(&nodes, 0, true, begun).max(all_show(&nodes, 1, true, begun))
        })
        .collect();
    report.at_most(WHAT, quantile(&mut back, 1.0), 2.0, "s");
    report.show("… the one in the middle", quantile(&mut back, 0.5), "s");
}

/// Seconds until all others show a node as there, or as away.
fn all_show(nodes: &[TestNode], of: usize, there: bool, begun: Instant) -> f64 {
    wait_until("all show it", || {
        nodes.iter().enumerate().all(|(number, node)| number == of || node.reaches(NAMES[of]) == there)
    });
    begun.elapsed().as_secs_f64()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
