//! What is read back from the store.

use consort_core::sham::Sham;
use consort_core::{Config, Identity, Instant, Node, NodeId, Restored};

/// Any file is an agent or is refused; what was accepted makes a node that holds its invariants. The first line of the data is
/// the key.
pub fn stored_records(data: &[u8]) {
    let (key, bytes) = match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (&b"agent-0000000000000"[..], data),
    };
    let mut restored = Restored::default();
    let accepted = restored.add(&String::from_utf8_lossy(key), bytes).is_ok();
    let config = Config { name: "fuzz".to_string(), start_unix_ms: None };
    let identity = Identity { id: NodeId([1; 32]), epoch: 1 };
    let Ok(node) = Node::new(config, identity, restored, Box::new(Sham::new(identity.id, 1)), [0; 32], Instant::START)
    else {
        unreachable!("a good name")
    };
    assert_eq!(node.view().agents().count(), usize::from(accepted));
    assert_eq!(node.check(), Ok(()));
}
