//! `make bench`: measures the product against references in the same run and prints one table.
//!
//! Figures are medians; ratios are against a reference that was measured a moment before on the same machine.

mod bulk;
mod client;
mod dashboard;
mod dialect;
mod echo;
mod fifty;
mod footprint;
mod history;
mod hooks;
mod mesh;
mod reference;
mod report;
mod states;

use report::Report;

/// Measures one part of the product.
type Part = (&'static str, fn(&mut Report));

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let mut report = Report::default();
    let parts: [Part; 14] = [
        ("footprint", footprint::measure),
        ("history", history::measure),
        ("hooks", hooks::measure),
        ("states", states::measure),
        ("echo", echo::measure),
        ("pty", bulk::measure_pty),
        ("tmux", bulk::measure_tmux),
        ("dialect", dialect::measure),
        ("dashboard", dashboard::measure),
        ("hops", mesh::measure_hops),
        ("pairing", mesh::measure_pairing),
        ("losses", mesh::measure_losses),
        ("cuts", mesh::measure_cuts),
        ("fifty", fifty::measure),
    ];
    for (name, measure) in parts {
        if wanted.is_empty() || wanted.iter().any(|part| part == name) {
            eprintln!("measuring {name} …");
            measure(&mut report);
        }
    }
    print!("{report}");
    if report.missed() > 0 {
        eprintln!("{} targets missed", report.missed());
    }
}
