//! How soon the agent falls silent when the caller speaks, by what the server goes by.

use std::time::Duration;

use anyhow::Context;
use trunkline_simulators::{
    Speech,
    audio::{PHONE_RATE, duration_of, level_dbfs},
    twilio::Step,
};

use crate::{Options, conversation::Conversation, stage::Stage};

/// One barge-in, timed from the first sample of the caller's voice.
#[derive(Clone, Debug)]
pub(crate) struct Reaction {
    pub(crate) way: &'static Way,
    /// The model says that the caller speaks.
    pub(crate) noticed: Duration,
    /// Nothing more is sent to Twilio.
    pub(crate) held: Duration,
    /// Twilio's queue is cleared.
    pub(crate) cleared: Duration,
    /// The caller hears the last of the agent.
    pub(crate) silent: Duration,
    /// What the model believes was heard beyond what was, in ms.
    pub(crate) error_ms: f64,
}

/// What the server goes by.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) name: &'static str,
    pub(crate) arguments: &'static [&'static str],
}

impl Reaction {
    /// Makes a short call in which the caller speaks over the greeting.
    pub(crate) async fn measure(options: &Options, way: &'static Way) -> anyhow::Result<Self> {
        let options = Options {
            shows_progress: false,
            ..options.clone()
        };
        let conversation = Conversation::load(&options.speech)?;
        let whole = conversation.caller[2].speech.at(PHONE_RATE);
        let begin = onset(&whole);
        let voice = whole[begin..whole.len().min(begin + SPOKEN)].to_vec();
        let faults = vec![MODEL_FAULT.parse()?];
        let stage = Stage::set(&options, &conversation, SPEED, faults, way.arguments).await?;
        let script = vec![
            Step::WaitAgentStarts,
            Step::WaitAgentHeard(Duration::from_secs(1)),
            Step::Say(Speech::new(voice, PHONE_RATE)),
            Step::Pause(Duration::from_millis(200)),
            Step::HangUp,
        ];
        let call = stage.call(1, script, Vec::new()).await;
        stage.closed(&call.call_sid).await?;
        let (sessions, _) = stage.strike().await?;
        let session = sessions.first().context("no session")?;

        let onset = call.said.first().context("the caller said nothing")?.start;
        let clear = call.clears.first().context("nothing was cleared")?;
        let noticed = session
            .speech
            .iter()
            .find(|change| change.started)
            .context("the model has noticed nothing")?;
        let sent = call.received.iter().rfind(|media| media.time <= clear.time);
        let run = call.runs.iter().rfind(|run| run.start < clear.time);
        let truncate = session.truncates.first().context("nothing was truncated")?;
        let played = duration_of(clear.played_samples, PHONE_RATE).as_secs_f64() * 1e3;
        let since = |time: Duration| time.saturating_sub(onset);
        Ok(Self {
            way,
            noticed: since(noticed.time),
            held: since(sent.context("nothing was sent")?.time),
            cleared: since(clear.time),
            silent: since(run.context("nothing was heard")?.end()),
            error_ms: truncate.audio_end_ms as f64 - played,
        })
    }
}

/// The first sample of a voice: where 10 ms are as loud as the simulated detection wants.
fn onset(samples: &[i16]) -> usize {
    let blocks = samples.chunks(PHONE_RATE as usize / 100);
    let quiet = blocks.take_while(|block| level_dbfs(block) < -40.0);
    quiet.map(<[i16]>::len).sum()
}

/// The service's detection and the way to it take their time.
pub(crate) const MODEL_FAULT: &str = "late-vad:by=200ms";
const SPEED: f64 = 8.0;
/// 0.9 s: enough to be taken for an interruption by any of the ways.
const SPOKEN: usize = PHONE_RATE as usize * 9 / 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_begins_where_it_is_loud() {
        let mut samples = vec![20; 1_000];
        samples.extend([8_000; 500]);
        assert_eq!(onset(&samples), 960);
        assert_eq!(onset(&samples[1_000..]), 0);
    }
}
