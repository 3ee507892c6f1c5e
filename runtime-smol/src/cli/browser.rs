//! `consort open`: a fresh login link, in the browser or on the terminal.

use super::api::Api;
use super::failure::Failure;
use super::output;
use std::process::{Command, Stdio};

pub(crate) fn open(api: &Api, print: bool) -> Result<(), Failure> {
    let url = api.login_link()?;
    if print || !has_display(cfg!(target_os = "macos"), &|name| std::env::var_os(name).is_some_and(|v| !v.is_empty())) {
        return output::line(&url);
    }
    if open_in_browser(&url) {
        // Without the token: it is for the browser alone.
        let page = url.split('#').next().unwrap_or_default();
        return output::line(&format!("opened {page} in the browser"));
    }
    eprintln!("consort: No browser could be opened. This link works once, for ten minutes:");
    output::line(&url)
}

/// Opens a page in the user's browser. Returns false if there is no browser to be opened.
#[must_use]
pub fn open_in_browser(url: &str) -> bool {
    let program = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let started =
        Command::new(program).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let Ok(mut opener) = started else { return false };
    // The opener hands the page to the browser and ends; one that stays *is* the browser.
    let (done, answer) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let status = opener.wait();
        let _ = done.send(status.is_ok_and(|status| status.success()));
    });
    answer.recv_timeout(std::time::Duration::from_secs(3)).unwrap_or(true)
}

/// Whether a browser opened here would appear before the person who asked.
fn has_display(macos: bool, set: &dyn Fn(&str) -> bool) -> bool {
    let remote = set("SSH_CONNECTION") || set("SSH_TTY");
    !remote && (macos || set("DISPLAY") || set("WAYLAND_DISPLAY"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_opened_only_where_the_person_can_see_it() {
        let shown = |macos, names: &'static [&str]| has_display(macos, &|name| names.contains(&name));
        assert!(shown(false, &["WAYLAND_DISPLAY"]) && shown(false, &["DISPLAY"]) && shown(true, &[]));
        assert!(!shown(false, &[]));
        assert!(!shown(false, &["DISPLAY", "SSH_CONNECTION"]) && !shown(true, &["SSH_TTY"]));
    }
}
