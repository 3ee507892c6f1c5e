//! What a node shows, and since when, as its dashboard is told.

use consort_tests::way::Way;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tungstenite::Message;

/// What is shown of something, and since when.
type Shown = (bool, Instant);

/// Names of the other machines that are shown, and whether they can be reached; names of all agents, and whether they run.
#[derive(Debug, Default)]
pub(crate) struct Show {
    pub(crate) machines: BTreeMap<String, Shown>,
    pub(crate) agents: BTreeMap<String, Shown>,
}

/// Somebody who looks at a node's dashboard until the node is gone.
#[derive(Clone, Debug)]
pub(crate) struct Watch(Arc<Mutex<Show>>);

impl Watch {
    pub(crate) fn start(way: &Way) -> Self {
        let watch = Watch(Arc::default());
        let (show, mut socket) = (watch.clone(), way.websocket());
        let hello = r#"{"t":"hello","protocol":1,"viewer":"AAAAAAAAAAAAAAAAAAAAAA"}"#;
        socket.send(Message::text(hello)).expect("sent");
        std::thread::spawn(move || {
            while let Ok(message) = socket.read() {
                if let Message::Text(text) = message {
                    show.take(&serde_json::from_str(text.as_str()).expect("control messages are JSON"), Instant::now());
                }
            }
        });
        watch
    }

    pub(crate) fn show(&self) -> MutexGuard<'_, Show> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, message: &Value, now: Instant) {
        let list = |name: &str| message[name].as_array().cloned().unwrap_or_default();
        let Show { machines, agents } = &mut *self.show();
        match message["t"].as_str() {
            Some("nodes") => {
                for node in list("all").iter().filter(|node| node["self"] == false) {
                    note(machines, node, "reachable", now);
                }
            }
            Some("agents") => list("all").iter().for_each(|agent| note(agents, agent, "running", now)),
            Some("agent") => note(agents, &message["agent"], "running", now),
            _ => {}
        }
    }
}

/// Notes what is said of something, and when, if it was something else before.
fn note(shown: &mut BTreeMap<String, Shown>, of: &Value, what: &str, now: Instant) {
    let (name, holds) = (of["name"].as_str().unwrap_or_default(), of[what] == true);
    match shown.get_mut(name) {
        Some((before, _)) if *before == holds => {}
        _ => drop(shown.insert(name.to_string(), (holds, now))),
    }
}
