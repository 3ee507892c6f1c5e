//! `consort doctor`: what is well on this machine, what is not, and what to do about it.

mod environment;
mod peers;
mod port;
mod state;
mod tmux;

use super::api::{Api, Health};
use super::args::PlaceFlags;
use super::failure::{FAILED, Failure, OK};
use super::output;
use super::style::{Paint, Style, locale_is_utf8};
use super::text;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Good,
    /// It works, but not as well as it could, or not yet.
    Warning,
    /// It cannot work like this.
    Bad,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Check {
    /// A word or two: what was looked at.
    name: Cow<'static, str>,
    outcome: Outcome,
    /// What was found.
    message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<String>,
}

impl Check {
    fn good(name: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Check { name: name.into(), outcome: Outcome::Good, message: message.into(), advice: None }
    }

    fn warning(name: impl Into<Cow<'static, str>>, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Check { outcome: Outcome::Warning, advice: Some(advice.into()), ..Check::good(name, message) }
    }

    fn bad(name: impl Into<Cow<'static, str>>, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Check { outcome: Outcome::Bad, ..Check::warning(name, message, advice) }
    }
}

pub(crate) fn run(api: &Api, state_dir: &Path, place: &PlaceFlags, as_json: bool) -> Result<ExitCode, Failure> {
    let (node, health) = node(api);
    let mut checks = vec![node];
    checks.extend(health.is_some().then(|| dashboard(api)));
    checks.extend(state::checks(state_dir));
    // A node that runs knows best what it uses.
    let running = health.is_some().then(|| api.place().ok()).flatten();
    match &running {
        Some(running) => checks.push(port::served(&running.serving)),
        None => checks.push(port::check(place.listen, health.as_ref())),
    }
    if health.is_some() {
        checks.extend(port::reach(api, health.as_ref()));
        checks.extend(peers::checks(api));
        checks.extend(environment::checks(api));
    }
    let socket = running.as_ref().map_or(&place.tmux_socket, |running| &running.tmux_socket);
    let seen = || Some(api.place().ok()?.tmux.unwrap_or_default()).filter(|_| health.is_some());
    checks.extend(tmux::checks(socket.as_deref().filter(|name| !name.is_empty()), &seen));
    checks.extend(terminal(&|name| std::env::var(name).ok().filter(|value| !value.is_empty())));
    let bad = checks.iter().any(|check| check.outcome == Outcome::Bad);
    if as_json {
        output::line(&format!("{:#}", serde_json::json!({ "ok": !bad, "checks": checks })))?;
    } else {
        output::text(&report(&checks, &Style::of_stdout()))?;
    }
    Ok(ExitCode::from(if bad { FAILED } else { OK }))
}

fn report(checks: &[Check], style: &Style) -> String {
    let width = checks.iter().map(|check| text::width(&check.name)).max().unwrap_or(0);
    let mut out = String::new();
    for check in checks {
        let (symbol, ascii, paint) = match check.outcome {
            Outcome::Good => ("✓", "+", Paint::Green),
            Outcome::Warning => ("!", "!", Paint::Yellow),
            Outcome::Bad => ("✗", "x", Paint::Red),
        };
        let symbol = style.paint(paint, if style.unicode { symbol } else { ascii });
        let _ = writeln!(out, "{symbol} {:width$}  {}", check.name, text::one_line(&check.message));
        for line in check.advice.iter().flat_map(|advice| advice.lines()) {
            let _ = writeln!(out, "  {:width$}  {}", "", style.paint(Paint::Bold, &text::one_line(line)));
        }
    }
    out
}

fn node(api: &Api) -> (Check, Option<Health>) {
    let own = env!("CARGO_PKG_VERSION");
    match api.health() {
        Ok(health) if health.version == own => {
            let message = format!("running: version {own}, id {}, up for {}", health.node, text::age(health.uptime_ms));
            (Check::good("node", message), Some(health))
        }
        Ok(health) => {
            let message = format!("the node runs version {}, this command is {own}", health.version);
            (
                Check::warning("node", message, "Restart the node to run the new version; agents in tmux live on."),
                Some(health),
            )
        }
        Err(failure) if failure.is_no_node() => {
            (Check::warning("node", "no node is running here", "Start one with: consort"), None)
        }
        Err(failure) => (Check::bad("node", failure.to_string().replace('\n', " "), "See the node's log."), None),
    }
}

fn dashboard(api: &Api) -> Check {
    match api.client().request("GET", "/", None) {
        Ok(answer) if answer.status == 200 && !answer.body.is_empty() => Check::good("dashboard", "part of the node"),
        Ok(answer) => Check::bad(
            "dashboard",
            format!("the node answers / with status {}", answer.status),
            "Build it again with npm installed: cargo build --release",
        ),
        Err(failure) => Check::bad("dashboard", failure.to_string(), "See the node's log."),
    }
}

fn terminal(variable: &dyn Fn(&str) -> Option<String>) -> Vec<Check> {
    let locale = if locale_is_utf8(variable) {
        Check::good("locale", "UTF-8")
    } else {
        Check::warning(
            "locale",
            "not a UTF-8 one: box drawing and emoji will be garbled",
            "Set one, for example: export LC_ALL=C.UTF-8",
        )
    };
    let terminal = match variable("TERM").as_deref() {
        Some("dumb") | None => Check::warning(
            "terminal",
            "TERM is not set or dumb: consort attach will not look right",
            "Use a terminal that sets TERM.",
        ),
        Some(term) => Check::good("terminal", term),
    };
    vec![locale, terminal]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_says_what_was_found_and_below_it_what_to_do() {
        let checks = [Check::good("tmux", "tmux 3.4"), Check::bad("locale", "is C", "export LC_ALL=C.UTF-8")];
        let plain = Style { colour: false, unicode: true, width: None, height: None };
        assert_eq!(report(&checks, &plain), "✓ tmux    tmux 3.4\n✗ locale  is C\n          export LC_ALL=C.UTF-8\n");
    }

    #[test]
    fn the_environment_decides_about_locale_and_terminal() {
        let outcomes = |pairs: &'static [(&str, &str)]| {
            let find = |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string());
            terminal(&find).into_iter().map(|check| check.outcome).collect::<Vec<_>>()
        };
        assert_eq!(outcomes(&[("LANG", "de_DE.UTF-8"), ("TERM", "xterm")]), [Outcome::Good, Outcome::Good]);
        assert_eq!(outcomes(&[("LC_ALL", "C"), ("TERM", "dumb")]), [Outcome::Warning, Outcome::Warning]);
    }
}
