//! A plot of lines, as SVG.

use std::fmt::Write;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 44.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 20.0;
/// So many points of a line are marked and named.
const FEW: usize = 8;
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

    /// The plot, below the names of its lines if there are several.
    pub(super) fn html(&self) -> String {
        let names = self.lines.iter().zip(COLOURS.iter().cycle());
        let names = names.map(|((name, _), colour)| format!("<li style=\"--line: {colour}\">{}</li>", escape(name)));
        let legend = if self.lines.len() > 1 { names.collect() } else { String::new() };
        format!("<figure><ul>{legend}</ul>{}</figure>", self.svg())
    }

    fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|(_, points)| points);
        let steps = |of: fn(&(f64, f64)) -> f64| round_steps(points().map(of).fold(1.0, f64::max));
        let ((step_x, most_x), (step_y, most_y)) = (steps(|point| point.0), steps(|point| point.1));
        let x = |value: f64| LEFT + value / most_x * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - value / most_y * (HEIGHT - BOTTOM - TOP);
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", escape(&self.y));
        for at in ticks(step_y, most_y) {
            let (right, y, text) = (x(most_x), y(at), grouped(at));
            let _ = write!(
                svg,
                "<line class=\"axis\" x1=\"{LEFT:.1}\" x2=\"{right:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
                LEFT - 6.0,
                y + 4.0,
            );
        }
        for at in ticks(step_x, most_x) {
            let (x, y, text) = (x(at), HEIGHT - BOTTOM + 18.0, grouped(at));
            let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{text}</text>");
        }
        for ((_, points), colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let places: Vec<String> = points.iter().map(|(a, b)| format!("{:.1},{:.1}", x(*a), y(*b))).collect();
            let _ = write!(svg, "<polyline points=\"{}\" stroke=\"{colour}\"/>", places.join(" "));
            for (a, b) in points.iter().filter(|_| points.len() <= FEW) {
                let (x, y, text) = (x(*a), y(*b), grouped(*b));
                let _ = write!(
                    svg,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>\
                     <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{text}</text>",
                    y - 8.0
                );
            }
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

/// A step of 1, 2 or 5 times a power of ten, and a multiple of it (at most six) that is not below a value.
pub(super) fn round_steps(value: f64) -> (f64, f64) {
    let power = 10_f64.powf(value.log10().floor() - 1.0);
    let steps = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0].map(|step| step * power);
    let step = steps.into_iter().find(|step| value / step <= 6.0).unwrap_or(value);
    (step, (value / step).ceil() * step)
}

/// From 0 to `most`.
pub(super) fn ticks(step: f64, most: f64) -> impl Iterator<Item = f64> {
    (0..).map(move |count| f64::from(count) * step).take_while(move |at| *at <= most + step / 2.0)
}

/// A number as people write it: groups of three digits, no more decimals than it needs.
fn grouped(value: f64) -> String {
    if value.fract() != 0.0 && value < 10.0 {
        return format!("{value:.1}");
    }
    let digits = format!("{value:.0}");
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    let groups: Vec<_> = groups.into_iter().map(String::from_utf8_lossy).collect();
    groups.join("\u{202f}")
}

/// Text that is safe in HTML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers_and_have_few_steps() {
        for (value, step, most) in [(1.0, 0.2, 1.0), (7.0, 2.0, 8.0), (11.0, 2.0, 12.0), (430.0, 100.0, 500.0)] {
            let (found_step, found_most) = round_steps(value);
            assert!(
                (found_step - step).abs() < 1e-9 && (found_most - most).abs() < 1e-9,
                "{value}: {found_step}, {found_most}"
            );
        }
    }

    #[test]
    fn long_numbers_are_written_in_groups() {
        assert_eq!(
            [0.0, 0.5, 42.0, 1_250.0, 1_234_567.0].map(grouped),
            ["0", "0.5", "42", "1\u{202f}250", "1\u{202f}234\u{202f}567"]
        );
    }

    #[test]
    fn a_plot_shows_every_line_by_name() {
        let mut plot = Plot::new("x", "y");
        plot.line("one & two", vec![(0.0, 0.0), (4.0, 8.0)]);
        plot.line("three", vec![(0.0, 1.0)]);
        let html = plot.html();
        assert!(html.contains("one &amp; two") && html.contains("three") && html.matches("<polyline").count() == 2);
    }
}
