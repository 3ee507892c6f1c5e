//! Three machines, of which the first reaches the third only through the second: what is typed at the first arrives at the third,
//! and what the third shows is seen at the first, whatever happens to the links.

use consort_tests::net::{Fault, Net};
use consort_tests::{TestNode, TestViewer, wait_until};
use serde_json::json;
use std::path::PathBuf;

/// Machines in a row: each reaches only its neighbours.
fn row(net: &Net) -> Vec<TestNode> {
    net.cut(0, 2, Fault::Drop);
    let names = ["first", "middle", "last"];
    let nodes: Vec<TestNode> =
        names.iter().enumerate().map(|(number, name)| TestNode::on(net.machine(number), name)).collect();
    nodes[0].join(&nodes[1]);
    nodes[2].join(&nodes[1]);
    wait_until("the ends of the row", || nodes[0].reaches("last") && nodes[2].reaches("first"));
    nodes
}

/// Somebody at one machine who types into a terminal of another one.
struct Typist {
    viewer: TestViewer,
    file: PathBuf,
    expected: Vec<u8>,
}

/// The name of the agent that is typed into.
const AGENT: &str = "far";

impl Typist {
    /// What is typed is echoed on the screen, and kept in a file.
    fn new(here: &TestNode, there: &TestNode) -> Self {
        let file = there.folder().join("typed");
        let script = "stty -echo -icanon; echo ready; exec tee \"$0\"";
        there.create(&json!({ "name": AGENT, "program": "sh", "args": ["-c", script, file.to_str()] }));
        let id = here.agent_named(AGENT)["id"].as_str().expect("an id").to_string();
        let mut viewer = here.viewer();
        viewer.open(1, &id, Some((100, 30)), "always");
        viewer
            .wait("it is ready", |viewer| viewer.streams[&1].screen.lines().iter().any(|line| line.contains("ready")));
        Typist { viewer, file, expected: Vec::new() }
    }

    /// Types some numbered words, as fast as the browser's window allows.
    fn type_words(&mut self, count: usize) {
        for _ in 0..count {
            let word = format!("{} ", self.expected.len());
            self.viewer.type_bytes(1, word.as_bytes());
            self.expected.extend(word.into_bytes());
        }
    }

    /// Types until something has come true.
    fn type_until(&mut self, what: &str, condition: impl Fn() -> bool) {
        let me = std::cell::RefCell::new(self);
        wait_until(what, || {
            let mut me = me.borrow_mut();
            // A page keeps a bounded part of what is not acknowledged.
            if me.viewer.streams[&1].pending_bytes() < 32 << 10 {
                me.type_words(1);
            }
            me.viewer.read();
            condition()
        });
    }

    /// Everything typed has arrived, once and in order, and both see the same.
    fn check(&mut self, there: &TestNode) {
        self.viewer.wait("all is acknowledged", |viewer| viewer.streams[&1].all_acked());
        let typed = || std::fs::read(&self.file).unwrap_or_default();
        wait_until("all is in the file", || typed().len() >= self.expected.len());
        assert!(typed() == self.expected, "each key once, in order");
        wait_until("the screen is that of tmux", || {
            self.viewer.read();
            let (mut ours, theirs) = (self.viewer.streams[&1].screen.lines(), there.capture(AGENT));
            // Who was there all the time has more than tmux keeps.
            ours.drain(..ours.len().saturating_sub(theirs.len()));
            ours == theirs
        });
        let lost = self.viewer.inbox.iter().find(|message| message["t"] == "input-lost");
        assert_eq!(lost, None, "nothing is lost");
    }
}

#[test]
fn what_is_typed_over_a_machine_in_the_middle_arrives_once_and_in_order_while_links_are_cut() {
    let Some(net) = Net::of(3) else { return };
    let nodes = row(&net);
    let (first, last) = (&nodes[0], &nodes[2]);
    assert_eq!(first.peers()["last"]["via"], first.peers()["middle"]["id"], "{:?}", first.peers()["last"]);
    let mut typist = Typist::new(first, last);
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
