//! Single-use passes from a webhook to the stream it announces.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Tokens handed out and not yet used, by call.
#[derive(Default)]
pub(crate) struct Tokens {
    by_call: Mutex<HashMap<String, (String, Instant)>>,
}

impl Tokens {
    /// The token of `call_sid`: 128 random bits in hexadecimal.
    ///
    /// A webhook that Twilio repeats gets the token it got before. `None` if too many tokens
    /// wait to be used.
    pub(crate) fn issue(&self, call_sid: &str, now: Instant) -> anyhow::Result<Option<String>> {
        let mut by_call = self.by_call.lock().unwrap_or_else(PoisonError::into_inner);
        by_call.retain(|_, (_, issued)| now.duration_since(*issued) < LIFETIME);
        if let Some((token, _)) = by_call.get(call_sid) {
            return Ok(Some(token.clone()));
        }
        if by_call.len() == MAX_WAITING {
            return Ok(None);
        }
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)?;
        let token = format!("{:032x}", u128::from_ne_bytes(bits));
        by_call.insert(call_sid.to_owned(), (token.clone(), now));
        Ok(Some(token))
    }

    /// Uses up the token of `call_sid`; `false` if `token` is not it, was used, or is too old.
    pub(crate) fn redeem(&self, call_sid: &str, token: &str, now: Instant) -> bool {
        let mut by_call = self.by_call.lock().unwrap_or_else(PoisonError::into_inner);
        let is_valid = by_call.get(call_sid).is_some_and(|(issued_token, issued)| {
            issued_token == token && now.duration_since(*issued) < LIFETIME
        });
        if is_valid {
            by_call.remove(call_sid);
        }
        is_valid
    }
}

/// Twilio opens the stream within a second or two of the webhook's answer.
const LIFETIME: Duration = Duration::from_secs(60);
/// Bounds memory: some 150 bytes each.
const MAX_WAITING: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_once_for_its_call_and_for_a_minute() {
        let tokens = Tokens::default();
        let now = Instant::now();
        let one = tokens.issue("CA1", now).unwrap().unwrap();
        let two = tokens.issue("CA2", now).unwrap().unwrap();
        assert_eq!(one.len(), 32);
        assert_ne!(one, two);
        assert!(!tokens.redeem("CA2", &one, now), "another call's");
        assert!(tokens.redeem("CA1", &one, now));
        assert!(!tokens.redeem("CA1", &one, now), "used");
        assert!(!tokens.redeem("CA3", &one, now), "unknown call");
        assert!(!tokens.redeem("CA2", &two, now + LIFETIME), "too old");
    }

    #[test]
    fn a_repeated_webhook_gets_the_same_token() {
        let tokens = Tokens::default();
        let now = Instant::now();
        let first = tokens.issue("CA1", now).unwrap();
        assert_eq!(tokens.issue("CA1", now).unwrap(), first);
        assert_ne!(tokens.issue("CA1", now + LIFETIME).unwrap(), first);
    }

    #[test]
    fn waiting_tokens_are_bounded_and_expire() {
        let tokens = Tokens::default();
        let now = Instant::now();
        for n in 0..MAX_WAITING {
            assert!(tokens.issue(&n.to_string(), now).unwrap().is_some());
        }
        assert_eq!(tokens.issue("one more", now).unwrap(), None);
        assert!(tokens.issue("one more", now + LIFETIME).unwrap().is_some());
    }
}
