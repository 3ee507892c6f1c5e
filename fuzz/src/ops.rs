//! The whole node in the simulated world.

use consort_sim::{Op, Options, Scenario, Setting, run};

/// The first bytes say how the world behaves, the others are operations: every promise is kept.
pub fn simulator_ops(data: &[u8]) {
    let Some((head, rest)) = data.split_first_chunk() else { return };
    // Longer runs find no more per second.
    let ops = Op::list(&rest[..rest.len().min(600)]);
    let outcome = run(&Scenario { seed: u64::from(head[0]), setting: setting(*head), ops }, Options::default());
    if let Some(failure) = outcome.failure {
        panic!("{failure}");
    }
}

fn setting([_, pages, room, latency, backends, wake, chunk]: [u8; 7]) -> Setting {
    Setting {
        pages: 1 + pages % 4,
        room: 1 + u32::from(room % 8),
        latency_ms: u64::from(latency),
        order_ms: u64::from(backends % 16),
        report_ms: u64::from(backends / 16),
        late_wake_ms: u64::from(wake) * 4,
        chunk_bytes: 100 << (chunk % 10),
        write_bytes: 4 << (chunk / 16),
        hosts: 1 + u16::from(pages / 4 % 4),
        ..Setting::default()
    }
}
