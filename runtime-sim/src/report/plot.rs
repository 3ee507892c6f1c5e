//! A plot of lines, as SVG.

use std::fmt::Write;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 44.0;
const RIGHT: f64 = 190.0;
const TOP: f64 = 12.0;
/// Distinct in light and dark, and for most colour-blind people.
const COLOURS: [&str; 6] = ["#0969da", "#d1632a", "#1a7f5a", "#a240c4", "#b8860b", "#5b6b7b"];

/// Lines with axes that begin at 0.
pub(super) struct Plot {
    x: String,
    y: String,
    lines: Vec<(String, Vec<(f64, f64)>)>,
}

impl Plot {
    pub(super) fn new(x: &str, y: &str) -> Self {
        Plot { x: x.to_string(), y: y.to_string(), lines: Vec::new() }
    }

    pub(super) fn line(&mut self, name: &str, points: Vec<(f64, f64)>) {
        self.lines.push((name.to_string(), points));
    }

    pub(super) fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let most = |of: fn(&(f64, f64)) -> f64| round_up(points().map(of).fold(1.0, f64::max));
        let (most_x, most_y) = (most(|point| point.0), most(|point| point.1));
        let x = |value: f64| LEFT + value / most_x * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - value / most_y * (HEIGHT - BOTTOM - TOP);
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", escape(&self.y));
        for step in 0..=4 {
            let (at_x, at_y) = (most_x * f64::from(step) / 4.0, most_y * f64::from(step) / 4.0);
            let (left, right) = (x(0.0), x(most_x));
            let _ = write!(
                svg,
                "<line class=\"axis\" x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/>\
                 <text x=\"{1:.1}\" y=\"{2:.1}\" text-anchor=\"end\">{at_y:.0}</text>\
                 <text x=\"{3:.1}\" y=\"{4:.1}\" text-anchor=\"middle\">{at_x:.0}</text>",
                y(at_y),
                left - 6.0,
                y(at_y) + 4.0,
                x(at_x),
                HEIGHT - BOTTOM + 16.0,
            );
        }
        for ((name, points), (row, colour)) in self.lines.iter().zip(COLOURS.iter().cycle().enumerate()) {
            let places: Vec<String> = points.iter().map(|(a, b)| format!("{:.1},{:.1}", x(*a), y(*b))).collect();
            let legend = TOP + 14.0 + 18.0 * row as f64;
            let _ = write!(
                svg,
                "<polyline points=\"{}\" stroke=\"{colour}\"/>\
                 <rect x=\"{1:.1}\" y=\"{2:.1}\" width=\"10\" height=\"10\" fill=\"{colour}\"/>\
                 <text x=\"{3:.1}\" y=\"{legend:.1}\">{4}</text>",
                places.join(" "),
                WIDTH - RIGHT + 14.0,
                legend - 9.0,
                WIDTH - RIGHT + 30.0,
                escape(name),
            );
        }
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\
             <text transform=\"translate(14 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text></svg>",
            x(most_x / 2.0),
            HEIGHT - 8.0,
            escape(&self.x),
            (HEIGHT - BOTTOM) / 2.0,
            escape(&self.y),
        );
        svg
    }
}

/// The next 1, 2 or 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|round| *round >= value).unwrap_or(value)
}

/// Text that is safe in HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!([1.0, 7.0, 11.0, 430.0].map(round_up), [1.0, 10.0, 20.0, 500.0]);
    }

    #[test]
    fn a_plot_shows_every_line_by_name() {
        let mut plot = Plot::new("x", "y");
        plot.line("one & two", vec![(0.0, 0.0), (4.0, 8.0)]);
        let svg = plot.svg();
        assert!(svg.contains("one &amp; two") && svg.contains("<polyline") && svg.ends_with("</svg>"));
    }
}
