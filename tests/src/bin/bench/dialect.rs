//! What it costs to bring a tmux pane's output into canonical form, against reading the same output from tmux at all.

use crate::bulk::coloured_text;
use crate::report::{Report, median};
use consort::dialect::{Dialect, Filter};
use consort::tmux::parser::{Event, Parser};
use std::hint::black_box;
use std::time::Instant;

/// Bytes of a pane that tmux puts into one line, about.
const CHUNK: usize = 4096;
const RUNS: usize = 5;

pub(crate) fn measure(report: &mut Report) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read(coloured_text(folder.path())).expect("the file");
    let lines: Vec<Vec<u8>> = text.chunks(CHUNK).map(control_mode).collect();
    let (mut filtered, mut copied, mut parsed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let mut filter = Filter::new(Dialect::Tmux { version: (3, 5) }, 80);
        let mut out = Vec::new();
        filtered.push(seconds(|| {
            for chunk in text.chunks(CHUNK) {
                black_box(filter.feed(chunk, &mut out));
            }
        }));
        copied.push(seconds(|| {
            for chunk in text.chunks(CHUNK) {
                out.clear();
                out.extend_from_slice(black_box(chunk));
                black_box(&out);
            }
        }));
        let mut parser = Parser::new();
        parsed.push(seconds(|| {
            for line in &lines {
                let seen = parser.feed(line, &mut |event| {
                    if let Event::Output { bytes, .. } = event {
                        black_box(bytes);
                    }
                });
                seen.expect("control mode");
            }
        }));
    }
    let (filtered, copied, parsed) = (median(&mut filtered), median(&mut copied), median(&mut parsed));
    report.show("100 MB of a tmux pane into canonical form", filtered * 1_000.0, "ms");
    report.show("… against copying them", filtered / copied, "×");
    report.show("… against reading them from tmux's control mode", filtered / parsed, "×");
}

fn seconds(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// A piece of output as tmux sends it.
fn control_mode(bytes: &[u8]) -> Vec<u8> {
    let mut line = b"%output %0 ".to_vec();
    for byte in bytes {
        match byte {
            0..=0x1f | b'\\' => line.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
            _ => line.push(*byte),
        }
    }
    line.push(b'\n');
    line
}
