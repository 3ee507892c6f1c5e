//! The harness of the end-to-end tests: a real node, real tmux, real sockets, and a viewer with a terminal emulator that stands
//! for a browser.

pub mod agents;
pub mod bare_pty;
pub mod dice;
pub mod differential;
pub mod model;
pub mod net;
pub mod node;
pub mod real_terminal;
pub mod relay;
pub mod screen;
pub mod typist;
pub mod viewer;
pub mod way;

pub use bare_pty::BarePty;
pub use dice::Dice;
pub use model::ModelApi;
pub use net::Net;
pub use node::TestNode;
pub use real_terminal::RealTerminal;
pub use relay::FaultRelay;
pub use screen::Screen;
pub use typist::Typist;
pub use viewer::TestViewer;

use std::time::{Duration, Instant};

/// How long a condition may take to come true. Generous: it bounds a hang and measures nothing.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `condition` gives a value.
///
/// # Panics
/// After [`PATIENCE`], with `what`.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < until, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until each node reaches all the others, whose names are given in the same order.
///
/// # Panics
/// After [`PATIENCE`].
pub fn wait_for_mesh(nodes: &[&TestNode], names: &[&str]) {
    let whole = |node: &TestNode, own: usize| {
        let peers = node.peers();
        let mut others = names.iter().enumerate().filter(|(number, _)| *number != own);
        others.all(|(_, name)| peers.get(*name).is_some_and(|peer| peer["reachable"] == true))
    };
    wait_until("all reach all", || nodes.iter().enumerate().all(|(own, node)| whole(node, own)));
}

/// Waits until `condition` holds.
///
/// # Panics
/// After [`PATIENCE`], with `what`.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}
