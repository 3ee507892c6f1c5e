//! The table.

use std::fmt;

/// Rows of the table in the order in which they were measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    what: String,
    measured: String,
    target: String,
    met: Option<bool>,
}

impl Report {
    /// A figure with an upper bound.
    pub(crate) fn at_most(&mut self, what: &str, measured: f64, bound: f64, unit: &str) {
        self.add(what, number(measured, unit), format!("≤ {}", number(bound, unit)), Some(measured <= bound));
    }

    /// A figure with a lower bound.
    pub(crate) fn at_least(&mut self, what: &str, measured: f64, bound: f64, unit: &str) {
        self.add(what, number(measured, unit), format!("≥ {}", number(bound, unit)), Some(measured >= bound));
    }

    /// A figure that is only shown.
    pub(crate) fn show(&mut self, what: &str, measured: f64, unit: &str) {
        self.add(what, number(measured, unit), String::new(), None);
    }

    /// Something that could not be measured here, and why.
    pub(crate) fn skipped(&mut self, what: &str, why: &str) {
        self.add(what, format!("skipped: {why}"), String::new(), None);
    }

    /// How many targets were missed.
    pub(crate) fn missed(&self) -> usize {
        self.rows.iter().filter(|row| row.met == Some(false)).count()
    }

    fn add(&mut self, what: &str, measured: String, target: String, met: Option<bool>) {
        eprintln!("  {what}: {measured} {target}");
        self.rows.push(Row { what: what.to_string(), measured, target, met });
    }
}

fn number(value: f64, unit: &str) -> String {
    let digits = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    let space = if unit == "×" { "" } else { " " };
    format!("{value:.digits$}{space}{unit}")
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| figure | measured | target | |\n|---|---|---|---|")?;
        for row in &self.rows {
            let mark = match row.met {
                Some(true) => "met",
                Some(false) => "**missed**",
                None => "",
            };
            writeln!(f, "| {} | {} | {} | {mark} |", row.what, row.measured, row.target)?;
        }
        Ok(())
    }
}

/// The value at a share (0 to 1) of the sorted samples.
pub(crate) fn quantile(samples: &mut [f64], share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let last = samples.len().saturating_sub(1);
    samples.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

/// The middle of the samples.
pub(crate) fn median(samples: &mut [f64]) -> f64 {
    quantile(samples, 0.5)
}
