//! From a webhook to the stream it announces, and to the end of it: one answer for each call, however often
//! Twilio asks.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use subtle::ConstantTimeEq;

use crate::admission::{Admission, Farewell};

/// The calls that were answered lately, by SID.
#[derive(Default)]
pub(crate) struct Admissions {
    by_sid: Mutex<HashMap<String, Entry>>,
}

struct Entry {
    /// What the webhook was answered.
    twiml: String,
    at: Instant,
    pass: Option<Pass>,
    farewell: Farewell,
    /// Twilio will ask for the farewell.
    is_awaited: bool,
}

/// What the stream has to show, and what it gets for it.
struct Pass {
    token: String,
    admission: Arc<Admission>,
    is_used: bool,
}

/// How a call's webhook is answered.
pub(crate) enum Answer {
    /// With a stream; `twiml` of the token.
    Admit {
        admission: Admission,
        twiml: Box<dyn FnOnce(&str) -> String>,
    },
    /// With something else.
    Refuse { twiml: String },
}

impl Admissions {
    /// The TwiML for `call_sid`: what `decide` gives the first time, and the same ever after. It gets the
    /// number of [`announced`](Self::announced) streams.
    ///
    /// `None` if too many calls wait for their streams.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(crate) fn answer(
        &self,
        call_sid: &str,
        now: Instant,
        decide: impl FnOnce(usize) -> Answer,
    ) -> anyhow::Result<Option<String>> {
        let mut by_sid = self.lock();
        if let Some(entry) = by_sid.get(call_sid)
            && now.duration_since(entry.at) < REMEMBERED
        {
            return Ok(Some(entry.twiml.clone()));
        }
        if by_sid.len() >= MAX_ENTRIES {
            by_sid.retain(|_, entry| entry.is_needed(now));
            if by_sid.len() >= MAX_ENTRIES {
                return Ok(None);
            }
        }
        let announced = by_sid.values().filter(|entry| entry.is_announced(now));
        let (twiml, pass) = match decide(announced.count()) {
            Answer::Admit { admission, twiml } => {
                // 128 bits.
                let mut bits = [0; 16];
                getrandom::fill(&mut bits)?;
                let token = format!("{:032x}", u128::from_ne_bytes(bits));
                let pass = Pass {
                    admission: Arc::new(admission),
                    is_used: false,
                    token,
                };
                (twiml(&pass.token), Some(pass))
            }
            Answer::Refuse { twiml } => (twiml, None),
        };
        let entry = Entry {
            twiml: twiml.clone(),
            at: now,
            pass,
            farewell: Farewell::default(),
            is_awaited: false,
        };
        by_sid.insert(call_sid.to_owned(), entry);
        Ok(Some(twiml))
    }

    /// Uses up the token of `call_sid`; `None` if `token` is not it, was used, or is too old.
    pub(crate) fn redeem(
        &self,
        call_sid: &str,
        token: &str,
        now: Instant,
    ) -> Option<Arc<Admission>> {
        let mut by_sid = self.lock();
        let entry = by_sid.get_mut(call_sid)?;
        let pass = entry.pass.as_mut()?;
        let is_valid = bool::from(pass.token.as_bytes().ct_eq(token.as_bytes()))
            && !pass.is_used
            && now.duration_since(entry.at) < TOKEN_LIFETIME;
        if !is_valid {
            return None;
        }
        pass.is_used = true;
        Some(Arc::clone(&pass.admission))
    }

    /// How many streams were announced a moment ago and have not come yet.
    pub(crate) fn announced(&self, now: Instant) -> usize {
        let by_sid = self.lock();
        by_sid
            .values()
            .filter(|entry| entry.is_announced(now))
            .count()
    }

    /// What Twilio is to do when the stream of `call_sid` has ended.
    pub(crate) fn set_farewell(&self, call_sid: &str, farewell: Farewell) {
        if let Some(entry) = self.lock().get_mut(call_sid) {
            entry.farewell = farewell;
        }
    }

    /// The server has closed the stream of `call_sid`, so that Twilio will ask what comes after it.
    pub(crate) fn await_farewell(&self, call_sid: &str) {
        if let Some(entry) = self.lock().get_mut(call_sid) {
            entry.is_awaited = true;
        }
    }

    /// Whether Twilio is still to ask, on any call.
    pub(crate) fn are_awaited(&self) -> bool {
        self.lock().values().any(|entry| entry.is_awaited)
    }

    /// What Twilio is to do, as often as it asks, and who was called.
    pub(crate) fn farewell(&self, call_sid: &str) -> Option<(Farewell, Arc<Admission>)> {
        let mut by_sid = self.lock();
        let entry = by_sid.get_mut(call_sid)?;
        entry.is_awaited = false;
        let pass = entry.pass.as_ref()?;
        Some((entry.farewell.clone(), Arc::clone(&pass.admission)))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        self.by_sid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Its stream is most likely on its way.
    fn is_announced(&self, now: Instant) -> bool {
        let pass = self.pass.as_ref();
        pass.is_some_and(|pass| !pass.is_used) && now.duration_since(self.at) < STREAM_PATIENCE
    }

    /// Its stream may still come, or is under way.
    fn is_needed(&self, now: Instant) -> bool {
        self.pass.as_ref().is_some_and(|pass| {
            let is_waiting = !pass.is_used && now.duration_since(self.at) < TOKEN_LIFETIME;
            is_waiting || Arc::strong_count(&pass.admission) > 1
        })
    }
}

/// Twilio opens the stream within a second or two of the webhook's answer.
const TOKEN_LIFETIME: Duration = Duration::from_secs(60);
/// By then it has done so, or the caller is gone.
const STREAM_PATIENCE: Duration = Duration::from_secs(5);
/// Twilio tries a webhook again within seconds; the longest call is four hours.
const REMEMBERED: Duration = Duration::from_secs(5 * 3_600);
/// Bounds memory: some 800 bytes each, and an agent that calls share.
const MAX_ENTRIES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        agent::{Agent, AgentSettings},
        time::UnixMs,
    };

    fn admission(call_sid: &str) -> Admission {
        let settings = AgentSettings {
            name: String::new(),
            instructions: String::new(),
            voice: None,
            model: None,
            language: None,
            greeting: None,
            greeting_audio: None,
            tools: Vec::new(),
            turn_detection: None,
            enabled: true,
        };
        Admission {
            call_id: format!("id of {call_sid}"),
            call_sid: call_sid.to_owned(),
            caller: String::new(),
            called: String::new(),
            agent: Arc::new(Agent {
                id: String::new(),
                settings,
                created_at: UnixMs(0),
                updated_at: UnixMs(0),
            }),
        }
    }

    /// The token that the call is given.
    fn issue(admissions: &Admissions, call_sid: &str, now: Instant) -> Option<String> {
        let answer = |_| Answer::Admit {
            admission: admission(call_sid),
            twiml: Box::new(str::to_owned),
        };
        admissions.answer(call_sid, now, answer).unwrap()
    }

    #[test]
    fn a_token_is_good_once_for_its_call_and_for_a_minute() {
        let admissions = Admissions::default();
        let now = Instant::now();
        let one = issue(&admissions, "CA1", now).unwrap();
        let two = issue(&admissions, "CA2", now).unwrap();
        assert_eq!(one.len(), 32);
        assert_ne!(one, two);
        assert!(
            admissions.redeem("CA2", &one, now).is_none(),
            "another call's"
        );
        let admission = admissions.redeem("CA1", &one, now).unwrap();
        assert_eq!(admission.call_id, "id of CA1");
        assert!(admissions.redeem("CA1", &one, now).is_none(), "used");
        assert!(
            admissions.redeem("CA3", &one, now).is_none(),
            "unknown call"
        );
        let late = now + TOKEN_LIFETIME;
        assert!(admissions.redeem("CA2", &two, late).is_none(), "too old");
    }

    #[test]
    fn a_repeated_webhook_gets_the_same_answer_and_no_second_pass() {
        let admissions = Admissions::default();
        let now = Instant::now();
        let first = issue(&admissions, "CA1", now).unwrap();
        assert!(admissions.redeem("CA1", &first, now).is_some());
        let later = now + Duration::from_secs(3_600);
        for at in [now, later] {
            assert_eq!(issue(&admissions, "CA1", at).unwrap(), first);
            assert!(admissions.redeem("CA1", &first, at).is_none());
        }
        let refused = |_| Answer::Refuse {
            twiml: "no".to_owned(),
        };
        assert_eq!(
            admissions.answer("CA2", now, refused).unwrap().unwrap(),
            "no"
        );
        assert_eq!(issue(&admissions, "CA2", now).unwrap(), "no");
        assert!(admissions.redeem("CA2", "no", now).is_none());
    }

    #[test]
    fn entries_are_bounded_and_those_of_calls_that_are_over_give_way() {
        let admissions = Admissions::default();
        let now = Instant::now();
        for n in 0..MAX_ENTRIES {
            assert!(issue(&admissions, &n.to_string(), now).is_some());
        }
        assert_eq!(issue(&admissions, "one more", now), None);
        let token = issue(&admissions, "7", now).unwrap();
        let under_way = admissions.redeem("7", &token, now).unwrap();
        assert_eq!(issue(&admissions, "one more", now), None);
        drop(under_way);
        assert!(issue(&admissions, "one more", now).is_some());
        assert_eq!(issue(&admissions, "and another", now), None);
        let late = now + TOKEN_LIFETIME;
        assert!(issue(&admissions, "and another", late).is_some());
    }

    #[test]
    fn a_stream_is_announced_until_it_comes_or_some_seconds_have_passed() {
        let admissions = Admissions::default();
        let now = Instant::now();
        let token = issue(&admissions, "CA1", now).unwrap();
        issue(&admissions, "CA2", now);
        assert_eq!(admissions.announced(now), 2);
        assert!(admissions.redeem("CA1", &token, now).is_some());
        assert_eq!(admissions.announced(now), 1);
        assert_eq!(admissions.announced(now + STREAM_PATIENCE), 0);
    }

    #[test]
    fn a_farewell_is_told_as_often_as_it_is_asked_for() {
        let admissions = Admissions::default();
        let now = Instant::now();
        issue(&admissions, "CA1", now);
        admissions.await_farewell("CA1");
        assert!(admissions.are_awaited());
        let told = || admissions.farewell("CA1").map(|(farewell, _)| farewell);
        assert_eq!(told(), Some(Farewell::HangUp));
        assert!(!admissions.are_awaited());
        let sentence = Farewell::Say("Sorry.".to_owned());
        admissions.set_farewell("CA1", sentence.clone());
        assert_eq!((told(), told()), (Some(sentence.clone()), Some(sentence)));
        admissions.set_farewell("CA2", Farewell::HangUp);
        assert!(admissions.farewell("CA2").is_none());
    }
}
