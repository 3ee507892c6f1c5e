//! Names of the local network: a machine is found by its name where nothing else knows it.

use consort_tests::net::neighbours;
use consort_tests::{TestNode, wait_until};

#[test]
fn a_machine_is_joined_by_the_name_that_it_has_on_the_local_network() {
    let Some([here, there]) = neighbours() else { return };
    let here = TestNode::on_with(here, "Desk", &["--mdns"]);
    let there = TestNode::on_with(there, "Mac mini", &["--mdns", "--trust-network", "lan"]);
    // Nothing is announced before somebody is to be let in.
    let _ = there.invite();
    let address = format!("mac-mini.local:{}", there.port());
    wait_until("it is found by its name", || here.cli(&["join", &address]).0 == 0);
    wait_until("both know each other", || here.reaches("Mac mini") && there.reaches("Desk"));
    let told = here.peers()["Mac mini"]["addresses"].to_string();
    assert!(told.contains(&address), "others are told the name too: {told}");
}
