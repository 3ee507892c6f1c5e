//! Files that are said to be recordings.

use consort_core::NodeId;
use consort_recording::Ending;
use consort_recording::file::{Header, Reader, beginning, block, end};

/// Any file is read to where it is torn, or refused; any records in a whole block are read or end what can be read.
pub fn recordings(data: &[u8]) {
    read(data);
    let header = Header {
        version: String::new(),
        began_unix_ms: 0,
        all: false,
        name: "fuzz".to_string(),
        id: NodeId([1; 32]),
        epoch: 1,
        seed: [0; 32],
        now_ms: 0,
        restored: Vec::new(),
    };
    let whole = [beginning(&header), block(data), end(Ending::Stopped)].concat();
    let torn = read(&whole);
    assert!(torn.is_none_or(|behind| behind <= whole.len()));
}

/// Reads all. Gives behind how many bytes it is torn, if it is.
fn read(file: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(file).ok()?;
    let mut steps = 0;
    while let Some(step) = reader.step() {
        let _ = step.input();
        steps += 1;
        assert!(steps <= file.len(), "an input takes at least a byte");
    }
    reader.ending().err()
}
