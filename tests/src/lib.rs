//! The harness of the end-to-end tests: a real node, real tmux, real sockets, and a viewer with a terminal emulator that stands
//! for a browser.

pub mod net;
pub mod node;
pub mod screen;
pub mod viewer;
pub mod way;

pub use node::TestNode;
pub use screen::Screen;
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

/// Waits until `condition` holds.
///
/// # Panics
/// After [`PATIENCE`], with `what`.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}
