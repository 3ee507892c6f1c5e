//! First paint, size and switching of the dashboard, measured in a real browser by `tests/browser/bench.mjs`.

use crate::report::Report;
use consort_tests::node::binary;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

pub(crate) fn measure(report: &mut Report) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let output = Command::new("node").arg("bench.mjs").env("CONSORT_BINARY", binary()).current_dir(&folder).output();
    let output = match output {
        Ok(output) if output.status.success() => output,
        Ok(output) => return report.skipped("dashboard", String::from_utf8_lossy(&output.stderr).trim()),
        Err(error) => return report.skipped("dashboard", &error.to_string()),
    };
    let figures: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    for (key, what, bound, unit) in [
        ("first_paint_ms", "first paint of the dashboard", 300.0, "ms"),
        ("javascript_kb", "JavaScript of the dashboard, compressed", 250.0, "kB"),
        ("switch_ms", "switching between agents, to a full screen", 50.0, "ms"),
        ("filter_ms", "filtering 500 agents, per key", 50.0, "ms"),
    ] {
        match figures[key].as_f64() {
            Some(value) => report.at_most(what, value, bound, unit),
            None => report.skipped(what, "not reported"),
        }
    }
}
