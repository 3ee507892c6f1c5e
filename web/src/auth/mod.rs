//! Who may come in. Pure rules over a request's head; the address of a client never counts.
//!
//! 1. `Host` must be one of ours, so that a name that an attacker points at this machine (DNS rebinding) gets nothing.
//! 2. An `Origin`, wherever it is sent, must be the one that belongs to that `Host`, or one that the user has allowed.
//! 3. Everything but health, the login and the dashboard's own files needs a cookie or a token.
//! 4. A WebSocket, a login, and every change that a cookie vouches for need that `Origin`: it may not be missing.
//!
//! Requests on the control socket are let in: the file's permission was their authentication.

mod cookie;
mod login;
mod sites;

pub use cookie::CookieKey;
pub use login::{Admitted, LoginTokens};
pub use sites::{Allowed, HostName, InvalidSite, Names, ORIGINS, Place, Reach, Site, Sites};

use crate::http::{Head, Via};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
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

/// The rules with this node's names and secrets.
#[derive(Debug)]
pub struct Gate {
    sites: RwLock<Sites>,
    key: CookieKey,
    cookie_name: String,
    token: String,
}

impl Gate {
    /// A gate for these names. `token` is the permanent token of programs; an empty one never matches.
    #[must_use]
    pub fn new(sites: Sites, key: CookieKey, token: String) -> Self {
        let cookie_name = key.name();
        Gate { sites: RwLock::new(sites), key, cookie_name, token }
    }

    /// The names that the node answers to at present.
    pub fn sites(&self) -> RwLockReadGuard<'_, Sites> {
        // Every change is a single call that leaves the names whole, whatever panicked.
        self.sites.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, to change them.
    pub fn sites_mut(&self) -> RwLockWriteGuard<'_, Sites> {
        self.sites.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides about a request.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn judge(&self, head: &Head<'_>, need: Need, unix_s: u64) -> Result<Access, Denial> {
        if head.via == Via::ControlSocket {
            return Ok(Access::ControlSocket);
        }
        let ours = {
            let sites = self.sites();
            let host = head.headers.host.and_then(HostName::parse).filter(|host| sites.answers(host));
            let host = host.ok_or(Denial::Host)?;
            match head.headers.origin {
                Some(origin) if sites.fits(origin, &host) => true,
                // A page behind a proxy that put a Host of ours in: its files may come, so that it can say that its address is not
                // known. Browsers send an Origin for scripts too, and only they can claim to be of the same origin for a page.
                Some(_) if need == Need::Nothing && head.headers.fetch_site == Some("same-origin") => false,
                Some(_) => return Err(Denial::ForeignOrigin),
                None => false,
            }
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
        let mut present = false;
        for value in cookies(head.headers.cookie.unwrap_or(""), &self.cookie_name) {
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

    /// The `Set-Cookie` value that logs in the browser that sent this. `None` if its head does not tell where the browser sees us:
    /// never of a request with an `Origin`.
    #[must_use]
    pub fn set_cookie(&self, head: &Head<'_>, unix_s: u64, nonce: [u8; 16]) -> Option<String> {
        let attributes = self.cookie_attributes(head)?;
        let value = self.key.issue(unix_s, nonce);
        Some(format!("{}={value}; Max-Age={}; {attributes}", self.cookie_name, cookie::LIFETIME_S))
    }

    /// The `Set-Cookie` value that logs it out.
    #[must_use]
    pub fn clear_cookie(&self, head: &Head<'_>) -> Option<String> {
        Some(format!("{}=; Max-Age=0; {}", self.cookie_name, self.cookie_attributes(head)?))
    }

    fn cookie_attributes(&self, head: &Head<'_>) -> Option<String> {
        let host = head.headers.host.and_then(HostName::parse);
        let (path, https) = self.sites().cookie_scope(head.headers.origin, host.as_ref())?;
        Some(format!("Path={path}; HttpOnly; SameSite=Strict{}", if https { "; Secure" } else { "" }))
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
