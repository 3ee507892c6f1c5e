//! Who may come in. Pure rules over a request's head; the address of a client never counts.
//!
//! 1. `Host` must be one of ours, so that a name that an attacker points at this machine (DNS rebinding) gets nothing.
//! 2. An `Origin`, wherever it is sent, must be the one that belongs to that `Host`, compared byte by byte.
//! 3. Everything but health, the login and the dashboard's own files needs a cookie or a token.
//! 4. A WebSocket, a login, and every change that a cookie vouches for need that `Origin`: it may not be missing.
//!
//! Requests on the control socket are let in: the file's permission was their authentication.

mod cookie;
mod login;
mod sites;

pub use cookie::CookieKey;
pub use login::{Admitted, LoginTokens};
pub use sites::{InvalidSite, Site, Sites};

use crate::http::{Head, Problem, Via};
use subtle::ConstantTimeEq;

/// What an endpoint asks of those who call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: health and the dashboard's files.
    Nothing,
    /// The exact origin, but no login yet: logging in and out.
    Origin,
    /// A login, to look.
    Login,
    /// A login, to change something.
    Change,
    /// A login and in every case the exact origin: WebSockets.
    Socket,
}

/// What a request was let in by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing was needed.
    Stranger,
    /// It came over the control socket.
    ControlSocket,
    /// The permanent token.
    Token,
    /// The dashboard's cookie; `renew` when it is old enough to be given anew.
    Cookie {
        /// Give a fresh one with the answer.
        renew: bool,
    },
}

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// No `Host`, or not one of ours.
    #[error("This node does not answer to the name in the request's Host header.")]
    Host,
    /// An `Origin` that is not ours.
    #[error("The request comes from another page.")]
    ForeignOrigin,
    /// No `Origin` where one is needed.
    #[error("The request does not say which page it comes from.")]
    MissingOrigin,
    /// Neither cookie nor token.
    #[error("A login is needed.")]
    NoCredentials,
    /// A cookie or token that does not count (any more).
    #[error("The login is not valid or has expired.")]
    BadCredentials,
}

impl From<Denial> for Problem {
    fn from(denial: Denial) -> Self {
        let (status, code, hint) = match denial {
            Denial::Host => (403, "host-refused", "Open the dashboard by the address that `consort open` shows."),
            Denial::ForeignOrigin => {
                (403, "origin-refused", "Use the dashboard's own page, or a token without a browser.")
            }
            Denial::MissingOrigin => {
                (403, "origin-missing", "Send the Origin header, or use a token instead of a cookie.")
            }
            Denial::NoCredentials | Denial::BadCredentials => {
                (401, "login-needed", "Run `consort open` for the dashboard, `consort token` for programs.")
            }
        };
        Problem::new(status, code, denial.to_string(), hint)
    }
}

/// The rules with this node's names and secrets.
#[derive(Debug)]
pub struct Gate {
    sites: Sites,
    key: CookieKey,
    token: String,
}

impl Gate {
    /// A gate for these names. `token` is the permanent token of programs; an empty one never matches.
    #[must_use]
    pub fn new(sites: Sites, key: CookieKey, token: String) -> Self {
        Gate { sites, key, token }
    }

    /// The names that the node answers to.
    #[must_use]
    pub fn sites(&self) -> &Sites {
        &self.sites
    }

    /// Decides about a request.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn judge(&self, head: &Head<'_>, need: Need, unix_s: u64) -> Result<Access, Denial> {
        if head.via == Via::ControlSocket {
            return Ok(Access::ControlSocket);
        }
        let site = head.headers.host.and_then(|host| self.sites.find(host)).ok_or(Denial::Host)?;
        let ours = match head.headers.origin {
            Some(origin) if origin == site.origin() => true,
            Some(_) => return Err(Denial::ForeignOrigin),
            None => false,
        };
        match need {
            Need::Nothing => return Ok(Access::Stranger),
            Need::Origin if ours => return Ok(Access::Stranger),
            Need::Origin => return Err(Denial::MissingOrigin),
            Need::Socket if !ours => return Err(Denial::MissingOrigin),
            Need::Login | Need::Change | Need::Socket => {}
        }
        let access = self.credentials(head, unix_s)?;
        if matches!(access, Access::Cookie { .. }) && !ours {
            if need == Need::Change {
                return Err(Denial::MissingOrigin);
            }
            // A browser sends no Origin with a GET, but it says when another page is behind it.
            if matches!(head.headers.fetch_site, Some("same-site" | "cross-site")) {
                return Err(Denial::ForeignOrigin);
            }
        }
        Ok(access)
    }

    fn credentials(&self, head: &Head<'_>, unix_s: u64) -> Result<Access, Denial> {
        if let Some(authorization) = head.headers.authorization {
            // A wrong token is wrong even beside a good cookie: who sends one means it.
            return if self.is_token(bearer(authorization)) { Ok(Access::Token) } else { Err(Denial::BadCredentials) };
        }
        let name = self.cookie_name();
        let mut present = false;
        for value in cookies(head.headers.cookie.unwrap_or(""), &name) {
            present = true;
            if let Some(age) = self.key.verify(value, unix_s) {
                return Ok(Access::Cookie { renew: age >= RENEW_AFTER_S });
            }
        }
        Err(if present { Denial::BadCredentials } else { Denial::NoCredentials })
    }

    /// Whether this is the permanent token. Takes the same time for every wrong one of the same length.
    #[must_use]
    pub fn is_token(&self, candidate: &str) -> bool {
        !self.token.is_empty() && bool::from(self.token.as_bytes().ct_eq(candidate.as_bytes()))
    }

    /// The `Set-Cookie` value that logs a browser in which came to `host`.
    #[must_use]
    pub fn set_cookie(&self, host: Option<&str>, unix_s: u64, nonce: [u8; 16]) -> String {
        let value = self.key.issue(unix_s, nonce);
        format!("{}={value}; Max-Age={}; {}", self.cookie_name(), cookie::LIFETIME_S, self.cookie_attributes(host))
    }

    /// The `Set-Cookie` value that logs it out.
    #[must_use]
    pub fn clear_cookie(&self, host: Option<&str>) -> String {
        format!("{}=; Max-Age=0; {}", self.cookie_name(), self.cookie_attributes(host))
    }

    /// Cookies do not know ports: the name keeps two nodes on one machine apart.
    fn cookie_name(&self) -> String {
        format!("consort_{}", self.sites.port())
    }

    fn cookie_attributes(&self, host: Option<&str>) -> &'static str {
        match host.and_then(|host| self.sites.find(host)) {
            Some(site) if site.is_https() => "Path=/; HttpOnly; SameSite=Strict; Secure",
            _ => "Path=/; HttpOnly; SameSite=Strict",
        }
    }
}

/// A cookie older than this is given anew, so that a dashboard in use never has to log in again.
const RENEW_AFTER_S: u64 = 24 * 3_600;

/// Cookies of one name that are looked at: other services on this host may have set some of the same name.
const COOKIE_CANDIDATES: usize = 8;

fn bearer(authorization: &str) -> &str {
    match authorization.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start_matches(' '),
        _ => "",
    }
}

fn cookies<'a>(header: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    header
        .split(';')
        .filter_map(move |pair| pair.trim_matches([' ', '\t']).strip_prefix(name)?.strip_prefix('='))
        .take(COOKIE_CANDIDATES)
}

#[cfg(test)]
mod tests;
