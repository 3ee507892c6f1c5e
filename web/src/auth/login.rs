//! One-time login tokens, and what failed logins cost.

use data_encoding::BASE64URL_NOPAD;
use std::collections::VecDeque;
use subtle::ConstantTimeEq;

/// Milliseconds that a one-time token is valid: ten minutes.
const LIFETIME_MS: u64 = 10 * 60 * 1_000;

/// Tokens that wait to be used. One more makes the oldest worthless.
const TOKENS: usize = 32;

/// Failed logins that are answered (and recorded) one by one …
const FAILURES: u64 = 20;
/// … before each further one has to wait for this many milliseconds to pass.
const FAILURE_EVERY_MS: u64 = 3_000;

/// The one-time tokens that wait to be used.
///
/// A token has 160 random bits: guessing it is hopeless, limit or not. The limit on failures keeps logs and the processor from
/// being flooded. It is looked at only after a token was found wrong, so nobody can use it to keep the owner out.
#[derive(Debug, Default)]
pub struct LoginTokens {
    waiting: VecDeque<(Secret, u64)>,
    /// Until when the failures so far count, in milliseconds of uptime.
    failures_until: u64,
}

/// 160 random bits.
#[derive(Clone, Copy)]
struct Secret([u8; 20]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The answer to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It was good, and is used up now.
    Yes,
    /// It was not.
    No,
    /// It was not, and there were too many like it lately.
    TooMany,
}

impl LoginTokens {
    /// A new token, made of these random bytes, valid for ten minutes and one use.
    pub fn mint(&mut self, random: [u8; 20], uptime_ms: u64) -> String {
        self.forget_expired(uptime_ms);
        while self.waiting.len() >= TOKENS {
            self.waiting.pop_front();
        }
        self.waiting.push_back((Secret(random), uptime_ms.saturating_add(LIFETIME_MS)));
        BASE64URL_NOPAD.encode(&random)
    }

    /// Uses a token up.
    pub fn redeem(&mut self, token: &str, uptime_ms: u64) -> Admitted {
        self.forget_expired(uptime_ms);
        let mut candidate = [0; 20];
        let readable = token.len() == 27 && BASE64URL_NOPAD.decode_mut(token.as_bytes(), &mut candidate) == Ok(20);
        let mut found = None;
        // All are compared, each in the same time: which one nearly matched cannot be measured.
        for (at, (secret, _)) in self.waiting.iter().enumerate() {
            if bool::from(secret.0.ct_eq(&candidate)) && readable {
                found = Some(at);
            }
        }
        match found {
            Some(at) => {
                self.waiting.remove(at);
                Admitted::Yes
            }
            None => self.failed(uptime_ms),
        }
    }

    fn failed(&mut self, uptime_ms: u64) -> Admitted {
        let until = self.failures_until.max(uptime_ms) + FAILURE_EVERY_MS;
        if until - uptime_ms > FAILURES * FAILURE_EVERY_MS {
            return Admitted::TooMany;
        }
        self.failures_until = until;
        Admitted::No
    }

    fn forget_expired(&mut self, uptime_ms: u64) {
        self.waiting.retain(|(_, expiry)| *expiry > uptime_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_works_once() {
        let mut tokens = LoginTokens::default();
        let token = tokens.mint([1; 20], 0);
        assert_eq!(tokens.redeem(&token, 1), Admitted::Yes);
        assert_eq!(tokens.redeem(&token, 2), Admitted::No);
    }

    #[test]
    fn a_token_works_for_ten_minutes() {
        let mut tokens = LoginTokens::default();
        let (first, second) = (tokens.mint([1; 20], 0), tokens.mint([2; 20], 0));
        assert_eq!(tokens.redeem(&first, LIFETIME_MS - 1), Admitted::Yes);
        assert_eq!(tokens.redeem(&second, LIFETIME_MS), Admitted::No);
    }

    #[test]
    fn the_table_is_bounded_and_the_newest_tokens_stay() {
        let mut tokens = LoginTokens::default();
        let all: Vec<_> = (0..=TOKENS as u8).map(|number| tokens.mint([number; 20], 0)).collect();
        assert_eq!(tokens.redeem(&all[0], 1), Admitted::No);
        assert_eq!(tokens.redeem(&all[1], 1), Admitted::Yes);
        assert_eq!(tokens.redeem(&all[TOKENS], 1), Admitted::Yes);
    }

    #[test]
    fn many_failures_never_keep_a_good_token_out() {
        let mut tokens = LoginTokens::default();
        let token = tokens.mint([1; 20], 0);
        let failures: Vec<_> = (0..100).map(|_| tokens.redeem("wrong", 5)).collect();
        assert_eq!(failures.iter().filter(|answer| **answer == Admitted::No).count(), FAILURES as usize);
        assert_eq!(failures[99], Admitted::TooMany);
        assert_eq!(tokens.redeem(&token, 5), Admitted::Yes);
        assert_eq!(tokens.redeem("wrong", 5 + FAILURE_EVERY_MS), Admitted::No);
    }

    #[test]
    fn what_is_no_token_never_matches_one_of_zeros() {
        let mut tokens = LoginTokens::default();
        tokens.mint([0; 20], 0);
        for text in ["", "A", "ÄÄÄÄÄÄÄÄÄÄÄÄÄ!", &"=".repeat(27), &"A".repeat(26), &"A".repeat(1 << 20)] {
            assert_ne!(tokens.redeem(text, 1), Admitted::Yes);
        }
    }
}
