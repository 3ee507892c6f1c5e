//! Fuzz targets: every decoder, and the whole node, fed with bytes from anywhere. A target panics when a rule is broken.
//!
//! Each is a plain function of bytes. `make fuzz` grows the corpora with a coverage-guided driver (see `driver/`);
//! `cargo test -p consort-fuzz` replays them, and some random bytes, on every run of the tests.

mod circuits;
mod cursor;
mod facts;
mod frames;
mod inputs;
mod links;
mod made;
mod names;
mod ops;
mod peers;
mod recordings;
mod records;
mod tmux;

pub use circuits::circuit_parcels;
pub use facts::merged_facts;
pub use frames::browser_frames;
pub use inputs::node_inputs;
pub use links::link_frames;
pub use names::agent_names;
pub use ops::simulator_ops;
pub use recordings::recordings;
pub use records::stored_records;
pub use tmux::tmux_control;

/// A function that must take any bytes.
pub type Target = fn(&[u8]);

/// All targets with their names; a corpus is a folder of that name in `corpus/`.
pub const TARGETS: [(&str, Target); 10] = [
    ("agent_names", agent_names),
    ("browser_frames", browser_frames),
    ("circuit_parcels", circuit_parcels),
    ("link_frames", link_frames),
    ("merged_facts", merged_facts),
    ("node_inputs", node_inputs),
    ("recordings", recordings),
    ("simulator_ops", simulator_ops),
    ("stored_records", stored_records),
    ("tmux_control", tmux_control),
];

/// The target of a name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|(known, _)| *known == name).map(|(_, target)| *target)
}
