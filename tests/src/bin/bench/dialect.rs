//! What it costs to bring a terminal's output into canonical form: against reading the same output from tmux at all, and as a share
//! of the time that the output takes to a viewer.

use crate::bulk;
use crate::footprint::cpu_ticks;
use crate::report::{Report, median};
use consort::dialect::{Dialect, Filter};
use consort::tmux::parser::{Event, Parser};
use consort_tests::TestNode;
use std::hint::black_box;
use std::time::Instant;

/// Bytes of a pane that tmux puts into one line, about, and that a PTY gives at once.
const CHUNK: usize = 4096;
/// Bytes whose time is taken at once.
const PIECE: usize = 1 << 20;
/// Runs of the whole way to a viewer.
const WAYS: usize = 3;

pub(crate) fn measure(report: &mut Report) {
    let node = TestNode::start();
    let file = bulk::coloured_text(node.folder());
    let text = std::fs::read(&file).expect("the file");
    let filtered = filter(&text);
    let mut out = Vec::new();
    let copied = seconds(&text, |chunk| {
        out.clear();
        out.extend_from_slice(chunk);
        black_box(&out);
    });
    let mut parser = Parser::new();
    let lines: Vec<Vec<u8>> = text[..PIECE].chunks(CHUNK).map(control_mode).collect();
    let mut lines = lines.iter().cycle();
    let parsed = seconds(&text, |_| {
        let seen = parser.feed(lines.next().expect("a cycle"), &mut |event| {
            if let Event::Output { bytes, .. } = event {
                black_box(bytes);
            }
        });
        seen.expect("control mode");
    });
    report.show("100 MB of coloured text into canonical form", filtered * 1_000.0, "ms");
    report.show("… against copying them", filtered / copied, "×");
    report.show("… against reading them from tmux's control mode", filtered / parsed, "×");
    let way = |run: &dyn Fn(&str) -> f64| {
        let before = cpu_ticks(node.pid());
        let mut times: Vec<f64> = (0..WAYS).map(|at| run(&format!("way-{at}"))).collect();
        let computed = (cpu_ticks(node.pid()) - before) as f64 / rustix::param::clock_ticks_per_second() as f64;
        (median(&mut times), computed / WAYS as f64)
    };
    let (pty, computed) = way(&|name| bulk::pty_run(&node, &node, &file, name).0);
    report.at_most("… of the time that they take from a PTY to one viewer", filtered / pty * 100.0, 2.0, "%");
    report.show("… of what the node computes meanwhile", filtered / computed * 100.0, "%");
    let (tmux, _) = way(&|name| bulk::tmux_run(&node, &file, name, true));
    report.at_most("… of the time that they take inside tmux, with one viewer", filtered / tmux * 100.0, 2.0, "%");
    let mixed = "┌──────┐ 日本語のテキスト, naïve café ✓ │ ░▒▓ │\r\n".repeat(20_000_000 / 90);
    let mixed = filter(mixed.as_bytes()) / mixed.len() as f64 * text.len() as f64;
    report.show("100 MB of text beyond ASCII into canonical form", mixed * 1_000.0, "ms");
}

fn filter(text: &[u8]) -> f64 {
    let mut filter = Filter::new(Dialect::Tmux { version: (3, 5) }, 80);
    let mut out = Vec::new();
    seconds(text, |chunk| {
        black_box(filter.feed(chunk, &mut out));
    })
}

/// How long work on all chunks of a text takes: by the middle one of its pieces, so that what else runs on the machine is left out.
fn seconds(text: &[u8], mut work: impl FnMut(&[u8])) -> f64 {
    let mut times = Vec::new();
    for piece in text.chunks_exact(PIECE) {
        let start = Instant::now();
        for chunk in piece.chunks(CHUNK) {
            work(black_box(chunk));
        }
        times.push(start.elapsed().as_secs_f64());
    }
    median(&mut times) * text.len() as f64 / PIECE as f64
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
