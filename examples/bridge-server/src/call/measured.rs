//! What is measured on a call.

use std::{sync::LazyLock, time::Duration};

use serde_json::{Map, Value, json};
use trunkline::bridge::Stats;
use vader_sentimental::SentimentIntensityAnalyzer;

use super::conversation::Conversation;
use crate::{
    record::{CallAnalytics, Speaker, Turn},
    report::ms,
};

/// Figures that grow with the call.
#[derive(Default)]
pub(super) struct Measured {
    pub(super) tokens: u64,
    pub(super) caller_talk_ms: i64,
    pub(super) interruptions: i64,
    /// Sessions of the model.
    pub(super) sessions: u32,
    /// How often it was lost.
    pub(super) losses: u32,
    agent_talk_ms: i64,
    last_latency: Option<Duration>,
    latencies_ms: Vec<i64>,
    last_media: Option<Duration>,
    jitter_us: f64,
    /// The mark under way whose echo is waited for, and when it would come if the network took no time.
    mark: Option<(String, Duration)>,
    round_trip: Option<Duration>,
}

impl Measured {
    /// A message of Twilio's has come.
    pub(super) fn heard_from_twilio(&mut self, now: Duration, message: &str) {
        if let Some((name, _)) = &self.mark
            && message.len() < MAX_MARK
            && message.contains(&**name)
            && let Some((_, expected)) = self.mark.take()
        {
            let took = now.saturating_sub(expected);
            // The shortest is that of the network; a longer one has waited for something.
            self.round_trip = Some(self.round_trip.map_or(took, |best| best.min(took)));
        }
        if !message.contains(MEDIA) {
            return;
        }
        if let Some(last) = self.last_media.replace(now) {
            let off = now.saturating_sub(last).abs_diff(PTIME).as_micros() as f64;
            // RFC 3550 §6.4.1.
            self.jitter_us += (off - self.jitter_us) / 16.0;
        }
    }

    /// A message goes to Twilio; what it stands behind is played at `played`.
    pub(super) fn told_twilio(&mut self, played: Duration, message: &str) {
        if message.starts_with(CLEAR) {
            self.mark = None;
        }
        let is_late = |mark: &(String, Duration)| mark.1 + MARK_PATIENCE < played;
        if self.mark.as_ref().is_none_or(is_late)
            && message.starts_with(MARK)
            && let Some(name) = message.rsplit('"').nth(1)
        {
            self.mark = Some((format!("\"{name}\""), played));
        }
    }

    /// A turn is over.
    pub(super) fn turn(&mut self, turn: &Turn) {
        if turn.speaker == Speaker::Agent {
            self.agent_talk_ms += turn.ended_at.0 - turn.started_at.0;
        }
    }

    /// Takes the bridge's last latency down, if it is a new one.
    pub(super) fn note_latency(&mut self, stats: &Stats) {
        if stats.response_latency != self.last_latency {
            self.last_latency = stats.response_latency;
            if let Some(latency) = stats.response_latency
                && self.latencies_ms.len() < MAX_LATENCIES
            {
                self.latencies_ms
                    .push(i64::try_from(ms(latency)).unwrap_or(i64::MAX));
            }
        }
    }

    /// All of it; the caller's words are weighed on another thread.
    pub(super) async fn analytics(
        &self,
        conversation: &Conversation,
        language: Option<&str>,
    ) -> CallAnalytics {
        let words: Vec<String> = conversation.callers_words().map(str::to_owned).collect();
        let sentiment = match is_english(language) && !words.is_empty() {
            true => tokio::task::spawn_blocking(move || sentiment(&words))
                .await
                .ok(),
            false => None,
        };
        CallAnalytics {
            sentiment,
            caller_talk_ms: self.caller_talk_ms,
            agent_talk_ms: self.agent_talk_ms,
            interruptions: self.interruptions,
            response_latencies_ms: self.latencies_ms.clone(),
            total_tokens: i64::try_from(self.tokens).unwrap_or(i64::MAX),
        }
    }

    /// What is told besides: the language, if set, how good the network was, and how the model's sessions went.
    pub(super) fn metadata(&self, stats: &Stats, language: Option<String>) -> Map<String, Value> {
        let audio = |samples: u64| samples / 8;
        let mut metadata = Map::new();
        if let Some(language) = language {
            metadata.insert("language".to_owned(), language.into());
        }
        metadata.insert(
            "network".to_owned(),
            json!({
                "jitterMs": (self.jitter_us / 1_000.0).round() as u64,
                "lateMs": audio(stats.late_samples),
                "lostMs": audio(stats.lost_samples),
                "concealedMs": audio(stats.concealed_samples),
                "stallMs": audio(stats.stall_samples),
                "markRoundTripMs": self.round_trip.map(ms),
            }),
        );
        metadata.insert(
            "model".to_owned(),
            json!({
                "sessions": self.sessions,
                "losses": self.losses,
                "droppedCallerAudioMs": audio(stats.uplink_dropped_samples),
            }),
        );
        metadata
    }
}

/// The mean of the turns' compound scores, from −1 to 1.
///
/// By VADER (Hutto and Gilbert, "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social Media Text",
/// 2014): a list of English words with weights and rules for what stands around them. It scores sentence by sentence;
/// over a whole call its scale would run full.
fn sentiment(turns: &[String]) -> f64 {
    let sum: f64 = turns
        .iter()
        .map(|turn| VADER.polarity_scores(turn).compound)
        .sum();
    sum / turns.len() as f64
}

/// VADER's words are English; in another language silence is better than a zero that looks like a score.
fn is_english(language: Option<&str>) -> bool {
    language.is_none_or(|tag| {
        tag.split('-')
            .next()
            .is_some_and(|primary| primary.eq_ignore_ascii_case("en"))
    })
}

static VADER: LazyLock<SentimentIntensityAnalyzer<'static>> =
    LazyLock::new(SentimentIntensityAnalyzer::new);

/// Twilio's packet time.
const PTIME: Duration = Duration::from_millis(20);
/// What tells `media` messages apart; no name or base64 has quotes.
const MEDIA: &str = "\"media\"";
/// As the bridge writes them.
const MARK: &str = r#"{"event":"mark""#;
const CLEAR: &str = r#"{"event":"clear""#;
/// Longer messages are not echoes of marks.
const MAX_MARK: usize = 512;
/// An echo that has not come by then is lost.
const MARK_PATIENCE: Duration = Duration::from_secs(5);
/// Some 4 KiB: an answer every ten seconds for an hour and a half.
const MAX_LATENCIES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentiment_has_the_sign_of_the_words() {
        let of = |texts: &[&str]| {
            sentiment(
                &texts
                    .iter()
                    .map(|text| (*text).to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert!(of(&["Great, thank you so much!"]) > 0.5);
        assert!(of(&["This is terrible.", "I am very angry."]) < -0.4);
        assert!(of(&["Half past two."]).abs() < 0.1);
        assert!(is_english(None) && is_english(Some("en-GB")) && !is_english(Some("de")));
    }

    #[test]
    fn a_marks_round_trip_is_what_its_echo_takes_beyond_playback() {
        let ms = Duration::from_millis;
        let mut measured = Measured::default();
        measured.told_twilio(
            ms(1_000),
            r#"{"event":"mark","streamSid":"MZ","mark":{"name":"tl:1"}}"#,
        );
        measured.heard_from_twilio(ms(900), r#"{"event":"mark","mark":{"name":"tl:2"}}"#);
        measured.heard_from_twilio(ms(1_040), r#"{"event":"mark","mark":{"name":"tl:1"}}"#);
        assert_eq!(measured.round_trip, Some(ms(40)));
    }

    #[test]
    fn jitter_is_that_of_the_packets_arrival() {
        let mut even = Measured::default();
        let mut uneven = Measured::default();
        for n in 0..200 {
            let at = Duration::from_millis(20 * n);
            even.heard_from_twilio(at, r#"{"event":"media"}"#);
            uneven.heard_from_twilio(
                at + Duration::from_millis(10 * (n % 2)),
                r#"{"event":"media"}"#,
            );
        }
        assert!(even.jitter_us < 1.0, "{}", even.jitter_us);
        assert!(
            (9_000.0..11_000.0).contains(&uneven.jitter_us),
            "{}",
            uneven.jitter_us
        );
    }
}
