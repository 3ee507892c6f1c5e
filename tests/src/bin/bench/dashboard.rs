//! First paint, size and switching of the dashboard, measured in a real browser by `tests/browser/bench.mjs`.

use crate::report::Report;
use consort_tests::TestNode;
use consort_tests::node::binary;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// A key of the figures, what it means, its bound if there is one, and its unit.
type Row = (&'static str, &'static str, Option<f64>, &'static str);

pub(crate) fn measure(report: &mut Report) {
    let rows = [
        ("first_paint_ms", "first paint of the dashboard", Some(300.0), "ms"),
        ("javascript_kb", "JavaScript of the dashboard, compressed", Some(250.0), "kB"),
        ("switch_ms", "switching between agents, to a full screen", Some(50.0), "ms"),
        ("grid_ms", "from nine terminals side by side to one", Some(50.0), "ms"),
        ("grid_back_ms", "from one terminal back to nine side by side", Some(50.0), "ms"),
        ("filter_ms", "filtering 500 agents, per key", Some(50.0), "ms"),
    ];
    run(report, &rows, Command::new("node").arg("bench.mjs").env("CONSORT_BINARY", binary()));
}

/// The dashboard of a node that knows 50 machines and 2 000 agents.
pub(crate) fn measure_of(report: &mut Report, node: &TestNode) {
    let rows = [
        ("first_paint_ms", "50 machines, 2 000 agents: first paint", None, "ms"),
        ("switch_ms", "50 machines, 2 000 agents: switching between agents of another machine", Some(50.0), "ms"),
        ("filter_ms", "50 machines, 2 000 agents: filtering, per key", Some(50.0), "ms"),
        ("idle_kb_per_s", "50 machines, 2 000 agents: traffic of an idle dashboard", Some(1.0), "kB/s"),
    ];
    let (status, link) = node.http("POST", "/api/link", None);
    assert_eq!(status, 200, "{link}");
    run(report, &rows, Command::new("node").arg("bench.mjs").arg(link["url"].as_str().expect("a link")));
}

fn run(report: &mut Report, rows: &[Row], command: &mut Command) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let output = match command.current_dir(&folder).output() {
        Ok(output) if output.status.success() => output,
        Ok(output) => return report.skipped("dashboard", String::from_utf8_lossy(&output.stderr).trim()),
        Err(error) => return report.skipped("dashboard", &error.to_string()),
    };
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    for (key, what, bound, unit) in rows {
        match (figures[key].as_f64(), bound) {
            (Some(value), Some(bound)) => report.at_most(what, value, *bound, unit),
            (Some(value), None) => report.show(what, value, unit),
            (None, _) => report.skipped(what, "not reported"),
        }
    }
}
