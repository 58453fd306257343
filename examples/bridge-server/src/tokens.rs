//! Single-use passes from a webhook to the stream it announces.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use crate::admission::{Admission, Farewell};

/// Tokens handed out and not yet used, by call.
#[derive(Default)]
pub(crate) struct Tokens {
    by_call: Mutex<HashMap<String, (String, Instant, Arc<Admission>)>>,
    farewells: Mutex<HashMap<String, Farewell>>,
}

impl Tokens {
    /// The token of `admission`'s call: 128 random bits in hexadecimal.
    ///
    /// A webhook that Twilio repeats gets the token it got before. `None` if too many tokens
    /// wait to be used.
    pub(crate) fn issue(&self, admission: Admission, now: Instant) -> anyhow::Result<Option<String>> {
        let mut by_call = self.by_call.lock().unwrap_or_else(PoisonError::into_inner);
        by_call.retain(|_, (_, issued, _)| now.duration_since(*issued) < LIFETIME);
        if let Some((token, ..)) = by_call.get(&admission.call_sid) {
            return Ok(Some(token.clone()));
        }
        if by_call.len() == MAX_WAITING {
            return Ok(None);
        }
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)?;
        let token = format!("{:032x}", u128::from_ne_bytes(bits));
        by_call.insert(admission.call_sid.clone(), (token.clone(), now, Arc::new(admission)));
        Ok(Some(token))
    }

    /// Uses up the token of `call_sid`; `None` if `token` is not it, was used, or is too old.
    pub(crate) fn redeem(&self, call_sid: &str, token: &str, now: Instant) -> Option<Arc<Admission>> {
        let mut by_call = self.by_call.lock().unwrap_or_else(PoisonError::into_inner);
        let is_valid = by_call.get(call_sid).is_some_and(|(issued_token, issued, _)| {
            issued_token == token && now.duration_since(*issued) < LIFETIME
        });
        let (.., admission) = by_call.remove(call_sid).filter(|_| is_valid)?;
        Some(admission)
    }

    /// What Twilio is to do when the stream of `call_sid` has ended.
    pub(crate) fn set_farewell(&self, call_sid: &str, farewell: Farewell) {
        let mut farewells = self.farewells.lock().unwrap_or_else(PoisonError::into_inner);
        farewells.insert(call_sid.to_owned(), farewell);
    }

    /// Takes what [`set_farewell`](Self::set_farewell) left.
    pub(crate) fn farewell(&self, call_sid: &str) -> Farewell {
        let mut farewells = self.farewells.lock().unwrap_or_else(PoisonError::into_inner);
        farewells.remove(call_sid).unwrap_or_default()
    }
}

/// Twilio opens the stream within a second or two of the webhook's answer.
const LIFETIME: Duration = Duration::from_secs(60);
/// Bounds memory: some 150 bytes each.
const MAX_WAITING: usize = 10_000;

