//! Anything may fail, for minutes: `make soak`. What is typed arrives once and in order, and all agree whenever they can.

use consort_tests::net::Fault;
use consort_tests::{Dice, Net, TestNode, Typist, wait_for_mesh};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const NAMES: [&str; 5] = ["first", "north", "south", "west", "last"];
/// Somebody types here …
const FIRST: usize = 0;
/// … into a terminal there. Neither is killed: what was typed into a node that is killed is nobody's to repeat.
const LAST: usize = 4;

fn number_from(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

struct House {
    net: Net,
    nodes: Vec<TestNode>,
    killed: BTreeSet<usize>,
    paused: BTreeSet<usize>,
    dice: Dice,
}

impl House {
    /// Something fails, or works again.
    fn fail(&mut self) {
        let (one, step) = (self.dice.below(NAMES.len()), 1 + self.dice.below(NAMES.len() - 1));
        let other = (one + step) % NAMES.len();
        let fault = self.dice.pick(&[Fault::Drop, Fault::Reset, Fault::NoDial]);
        let what = self.dice.below(12);
        eprintln!("{what}: {one} {other} {fault:?}");
        match what {
            0..3 => self.net.cut(one, other, fault),
            3 => self.net.one_way(one, other, fault),
            4 => self.net.split(&[one, other], fault),
            5..7 => self.net.heal(one, other),
            7 => self.net.heal_all(),
            8 => self.net.move_to_another_address(one),
            // A page would connect again to a node that has stood still; this viewer does not.
            9 if one != FIRST && !self.killed.contains(&one) => {
                self.nodes[one].signal(Signal::STOP);
                self.paused.insert(one);
            }
            10 => self.go_on(one),
            11 if ![FIRST, LAST].contains(&one) && self.killed.insert(one) => {
                self.paused.remove(&one);
                self.nodes[one].kill();
            }
            _ => {}
        }
    }

    /// A machine works again.
    fn go_on(&mut self, machine: usize) {
        if self.paused.remove(&machine) {
            self.nodes[machine].signal(Signal::CONT);
        }
        if self.killed.remove(&machine) {
            self.nodes[machine].run_named(NAMES[machine], &[]);
        }
    }

    /// Everything works again, and everybody shows that.
    fn heal(&mut self) {
        self.net.heal_all();
        for machine in 0..NAMES.len() {
            self.go_on(machine);
        }
        wait_for_mesh(&self.nodes.iter().collect::<Vec<_>>(), &NAMES);
    }
}

#[test]
#[ignore = "takes minutes: make soak"]
fn whatever_fails_everything_typed_arrives_once_and_in_order_and_all_agree_again() {
    let Some(net) = Net::of(NAMES.len()) else { return };
    let minutes = number_from("CONSORT_SOAK_MINUTES").unwrap_or(5);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let seed = number_from("CONSORT_SOAK_SEED").unwrap_or(now.as_secs());
    eprintln!("seed {seed}");
    let nodes: Vec<TestNode> =
        NAMES.iter().enumerate().map(|(number, name)| TestNode::on(net.machine(number), name)).collect();
    for node in &nodes[1..] {
        node.join(&nodes[0]);
    }
    let mut typist = Typist::new(&nodes[FIRST], &nodes[LAST], "far");
    let (killed, paused) = (BTreeSet::new(), BTreeSet::new());
    let mut house = House { net, nodes, killed, paused, dice: Dice::new(seed) };
    let until = Instant::now() + Duration::from_secs(minutes * 60);
    let mut rounds = 0;
    while Instant::now() < until {
        for _ in 0..8 {
            house.fail();
            // Some faults are noticed at once, some are over before anybody notices, some last.
            let lasts = Instant::now() + Duration::from_millis(house.dice.pick(&[50, 500, 2_000, 7_000]));
            typist.type_until("the next fault", || Instant::now() >= lasts);
        }
        house.heal();
        typist.check(&house.nodes[LAST]);
        rounds += 1;
        eprintln!("round {rounds} is over");
    }
}
