//! `consort open`: a fresh login link, in the browser, on the terminal, or as a code for a phone's camera.

use super::api::{Api, Link};
use super::failure::Failure;
use super::output;
use super::picture::picture;
use std::process::{Command, Stdio};

pub(crate) fn open(api: &Api, print: bool) -> Result<(), Failure> {
    let links = api.login_links()?;
    let Some(url) = links.first().map(|link| link.url.clone()) else {
        return Err(Failure::new("This node has no address.").hint("See what it listens on: consort doctor"));
    };
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

/// Prints a code that opens the dashboard on a phone, or says why there is none.
pub(crate) fn show_code(api: &Api) -> Result<(), Failure> {
    let links = api.login_links()?;
    let Some(link) = for_phone(&links) else {
        return Err(Failure::new("No phone can reach this node: it listens on this machine alone.").hint(
            "Start it with --listen 0.0.0.0 (plain HTTP: who shares the network can read along), or put `tailscale serve` or another \
             proxy with HTTPS before it and allow its address: consort allow https://NAME",
        ));
    };
    let picture = picture(&link.url)
        .ok_or_else(|| Failure::new("The link is too long for a code.").hint("consort open --print"))?;
    let page = link.url.split('#').next().unwrap_or_default();
    let mut text =
        format!("{picture}\nPoint the phone's camera at it. It opens {page} and works once, for ten minutes.\n");
    if link.reach == "network" {
        text.push_str("The phone has to be in the same network. Plain HTTP: who shares that network can read along.\n");
    }
    let others: Vec<&Link> = links.iter().filter(|other| *other != link && is_reachable(other)).collect();
    if !others.is_empty() {
        text.push_str("If it does not open, the same login is at:\n");
        others.iter().for_each(|other| text.extend(["  ", &other.url, "\n"]));
    }
    output::text(&text)
}

/// The best link for another device: what the user has set up, encrypted before plain, then the networks of this machine.
fn for_phone(links: &[Link]) -> Option<&Link> {
    links.iter().filter(|link| is_reachable(link)).min_by_key(|link| match link.reach.as_str() {
        "origin" if link.url.starts_with("https:") => 0,
        "origin" => 1,
        _ => 2,
    })
}

/// Whether the link names something that another device can reach.
fn is_reachable(link: &Link) -> bool {
    matches!(link.reach.as_str(), "origin" | "network")
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
    fn a_phone_gets_what_it_can_reach_encrypted_if_possible() {
        let link = |url: &str, reach: &str| Link { url: url.into(), reach: reach.into() };
        let mut links = vec![link("http://localhost:1/", "machine"), link("http://localhost:8023/", "forward")];
        assert_eq!(for_phone(&links), None);
        links.push(link("http://192.168.7.7:1/", "network"));
        links.push(link("http://100.64.0.1:1/", "network"));
        assert_eq!(for_phone(&links), Some(&links[2]));
        links.push(link("http://box.lan/", "origin"));
        links.push(link("https://box.ts.net/", "origin"));
        assert_eq!(for_phone(&links), Some(&links[5]));
    }

    #[test]
    fn a_browser_is_opened_only_where_the_person_can_see_it() {
        let shown = |macos, names: &'static [&str]| has_display(macos, &|name| names.contains(&name));
        assert!(shown(false, &["WAYLAND_DISPLAY"]) && shown(false, &["DISPLAY"]) && shown(true, &[]));
        assert!(!shown(false, &[]));
        assert!(!shown(false, &["DISPLAY", "SSH_CONNECTION"]) && !shown(true, &["SSH_TTY"]));
    }
}
