//! Somebody at one machine who types into a tmux agent of another one, and wants every key to arrive there once and in order.

use crate::{TestNode, TestViewer, wait_until};
use serde_json::json;
use std::path::PathBuf;

/// What is not acknowledged at most while something is waited for: half of what a browser may have on the way.
const AHEAD_BYTES: usize = 32 << 10;

/// The typist. What is typed is echoed on the far screen and kept in a file there.
#[derive(Debug)]
pub struct Typist {
    viewer: TestViewer,
    agent: String,
    file: PathBuf,
    expected: Vec<u8>,
}

impl Typist {
    /// At `here`, with a fresh agent of this name at `there`.
    ///
    /// # Panics
    /// If the agent is not seen.
    #[must_use]
    pub fn new(here: &TestNode, there: &TestNode, agent: &str) -> Self {
        let file = there.folder().join(agent);
        let script = "stty -echo -icanon; echo ready; exec tee \"$0\"";
        there.create(&json!({ "name": agent, "program": "sh", "args": ["-c", script, file.to_str()] }));
        let id = here.agent_named(agent)["id"].as_str().expect("an id").to_string();
        let mut viewer = here.viewer();
        viewer.open(1, &id, Some((100, 30)), "always");
        let ready = |viewer: &TestViewer| viewer.streams[&1].screen.lines().iter().any(|line| line.contains("ready"));
        viewer.wait("it is ready", ready);
        Typist { viewer, agent: agent.to_string(), file, expected: Vec::new() }
    }

    /// Types some numbered words, as fast as the browser's window allows.
    pub fn type_words(&mut self, count: usize) {
        for _ in 0..count {
            let word = format!("{} ", self.expected.len());
            self.viewer.type_bytes(1, word.as_bytes());
            self.expected.extend(word.into_bytes());
        }
    }

    /// Types until something has come true.
    pub fn type_until(&mut self, what: &str, condition: impl Fn() -> bool) {
        wait_until(what, || {
            if self.viewer.streams[&1].pending_bytes() < AHEAD_BYTES {
                self.type_words(1);
            }
            self.viewer.read();
            condition()
        });
    }

    /// Everything typed has arrived, once and in order, and this viewer's screen is the one that tmux has `there`.
    ///
    /// # Panics
    /// If not.
    pub fn check(&mut self, there: &TestNode) {
        self.viewer.wait("all is acknowledged", |viewer| viewer.streams[&1].all_acked());
        let typed = || std::fs::read(&self.file).unwrap_or_default();
        wait_until("all is in the file", || typed().len() >= self.expected.len());
        assert!(typed() == self.expected, "each key once, in order");
        wait_until_same(&mut self.viewer, there, &self.agent);
        let lost = self.viewer.inbox.iter().find(|message| message["t"] == "input-lost");
        assert_eq!(lost, None, "nothing is lost");
    }
}

/// Waits until what a viewer's stream 1 shows is what tmux has `there`: history and screen.
///
/// # Panics
/// If it does not come to that.
pub fn wait_until_same(viewer: &mut TestViewer, there: &TestNode, agent: &str) {
    wait_until("the screen is that of tmux", || {
        viewer.read();
        let (mut ours, theirs) = (viewer.streams[&1].screen.lines(), there.capture(agent));
        // Who was there all the time has more than tmux keeps.
        ours.drain(..ours.len().saturating_sub(theirs.len()));
        ours == theirs
    });
}
