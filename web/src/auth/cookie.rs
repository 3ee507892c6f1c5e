//! The dashboard's cookie: a signed statement that needs no table, so that it outlives restarts of the node.
//!
//! `v1.EXPIRY.NONCE.SIGNATURE`: unix seconds in decimal, 16 random bytes and HMAC-SHA256 of what stands before, both base64url.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::fmt;

/// Seconds that a cookie is valid: 30 days.
pub(super) const LIFETIME_S: u64 = 30 * 24 * 3_600;

/// Bytes of a cookie at most; a longer one is not looked at.
const COOKIE_BYTES: usize = 128;

/// Signs and checks cookies. Whoever holds it can log in; who replaces it logs everybody out.
#[derive(Clone)]
pub struct CookieKey(Hmac<Sha256>);

impl fmt::Debug for CookieKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieKey(…)")
    }
}

impl CookieKey {
    /// The key made from a stored secret.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        let mut mac = Hmac::new_from_slice(secret).expect("HMAC takes keys of every length");
        // The secret may sign other things too: this prefix belongs to cookies alone.
        mac.update(b"consort cookie\0");
        CookieKey(mac)
    }

    /// The name of this node's cookie. Cookies know neither ports nor paths of other nodes: two nodes that a browser reaches under one
    /// name (`localhost`, by port forwardings) must not overwrite each other's.
    pub(super) fn name(&self) -> String {
        let mark = self.0.clone().chain_update("name").finalize().into_bytes();
        format!("consort_{}", &HEXLOWER.encode(&mark)[..10])
    }

    /// A cookie that is valid for 30 days from `unix_s`.
    pub(super) fn issue(&self, unix_s: u64, nonce: [u8; 16]) -> String {
        let statement = format!("v1.{}.{}", unix_s.saturating_add(LIFETIME_S), BASE64URL_NOPAD.encode(&nonce));
        let signature = self.0.clone().chain_update(&statement).finalize().into_bytes();
        format!("{statement}.{}", BASE64URL_NOPAD.encode(&signature))
    }

    /// Seconds since a valid cookie was issued; `None` if it is not ours, was changed, has expired, or says that it will be
    /// valid for longer than any that was issued by now.
    pub(super) fn verify(&self, cookie: &str, unix_s: u64) -> Option<u64> {
        if cookie.len() > COOKIE_BYTES {
            return None;
        }
        let (statement, signature) = cookie.rsplit_once('.')?;
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
        self.0.clone().chain_update(statement).verify_slice(&signature).ok()?;
        let mut parts = statement.split('.');
        let (Some("v1"), Some(expiry)) = (parts.next(), parts.next()) else { return None };
        let left = expiry.parse::<u64>().ok()?.checked_sub(unix_s).filter(|left| *left > 0)?;
        LIFETIME_S.checked_sub(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: u64 = 1_790_000_000;

    #[test]
    fn a_cookie_is_valid_for_thirty_days_and_tells_its_age() {
        let key = CookieKey::new(&[1; 32]);
        let cookie = key.issue(NOW, [2; 16]);
        assert_eq!(key.verify(&cookie, NOW), Some(0));
        assert_eq!(key.verify(&cookie, NOW + 86_400), Some(86_400));
        assert_eq!(key.verify(&cookie, NOW + LIFETIME_S - 1), Some(LIFETIME_S - 1));
        assert_eq!(key.verify(&cookie, NOW + LIFETIME_S), None);
        // A clock that was set back: the cookie claims to be from the future.
        assert_eq!(key.verify(&cookie, NOW - 1), None);
    }

    #[test]
    fn a_cookie_of_another_key_or_version_is_worth_nothing() {
        let key = CookieKey::new(&[1; 32]);
        assert_eq!(CookieKey::new(&[2; 32]).verify(&key.issue(NOW, [0; 16]), NOW), None);
        let statement = format!("v2.{}.x", NOW + 10);
        let signature = key.0.clone().chain_update(&statement).finalize().into_bytes();
        assert_eq!(key.verify(&format!("{statement}.{}", BASE64URL_NOPAD.encode(&signature)), NOW), None);
    }

    proptest! {
        #[test]
        fn no_text_and_no_changed_cookie_passes(text in "\\PC{0,150}", at: prop::sample::Index, with in "[ -~]") {
            let key = CookieKey::new(&[1; 32]);
            prop_assert_eq!(key.verify(&text, NOW), None);
            let cookie = key.issue(NOW, [9; 16]);
            let at = at.index(cookie.len());
            let changed = format!("{}{with}{}", &cookie[..at], &cookie[at + 1..]);
            if changed != cookie {
                prop_assert_eq!(key.verify(&changed, NOW), None);
            }
        }
    }
}
