//! The same conversation while everything goes wrong, and what must hold even then.

use std::{fs, ops::Range, path::Path, time::Duration};

use anyhow::{Context, ensure};
use futures_util::future::try_join_all;
use serde_json::Value;
use trunkline_simulators::twilio::{CallRecord, Ending, Step};

use crate::{
    Call, Check, Options,
    analysis::Measured,
    conversation::Conversation,
    reaction::{Reaction, Way},
    scene,
    server::Resources,
    stage::{Stage, seconds},
    storm_checks, storm_report,
};

/// A conversation under faults, then short calls that break off.
#[derive(Clone, Debug)]
pub struct Storm {
    /// The conversation.
    pub call: Call,
    pub(crate) short_calls: Vec<ShortCall>,
    pub(crate) reactions: Vec<Reaction>,
    /// Of the server's process before the first call, after the conversation, and at the end.
    pub(crate) resources: [Option<Resources>; 3],
}

/// A call that breaks off, or hangs.
#[derive(Clone, Debug)]
pub(crate) struct ShortCall {
    pub(crate) breach: &'static Breach,
    pub(crate) record: CallRecord,
    /// The last the server has logged about it.
    pub(crate) closed: Value,
}

/// What goes wrong on a short call, and how it then has to end.
#[derive(Debug)]
pub(crate) struct Breach {
    pub(crate) name: &'static str,
    pub(crate) twilio: &'static [&'static str],
    pub(crate) model: &'static [&'static str],
    pub(crate) ending: Ending,
    /// The server's reasons that are true.
    pub(crate) reasons: &'static [&'static str],
}

impl Storm {
    /// Makes all the calls, in real time.
    ///
    /// # Errors
    /// When something cannot be started, or the server does not survive.
    pub async fn play(options: &Options) -> anyhow::Result<Self> {
        let conversation = Conversation::load(&options.speech)?;
        let model_faults = faults(MODEL_FAULTS)?;
        let stage = Stage::set(
            options,
            &conversation,
            SPEED,
            model_faults,
            SERVER_ARGUMENTS,
        )
        .await?;
        let before = stage.server.resources();
        let script = conversation.script(THINKING);
        let twilio = stage.call(1, script, faults(TWILIO_FAULTS)?).await;
        stage.closed(&twilio.call_sid).await?;
        let after = stage.server.resources();
        let log = stage.take_log();

        let mut short_calls = Vec::new();
        for (n, breach) in (2..).zip(BREACHES) {
            stage.model.set_faults(faults(breach.model)?);
            let script = vec![
                Step::WaitAgentStarts,
                Step::Say(conversation.caller[0].speech.clone()),
                Step::WaitAgentStarts,
                Step::WaitAgentSilent(THINKING),
                Step::HangUp,
            ];
            let record = stage.call(n, script, faults(breach.twilio)?).await;
            let closed = stage.closed(&record.call_sid).await?;
            short_calls.push(ShortCall {
                breach,
                record,
                closed,
            });
        }
        let at_the_end = stage.server.settled(before).await;
        let (sessions, _) = stage.strike().await?;
        ensure!(
            sessions.len() > short_calls.len(),
            "{} sessions for {} calls",
            sessions.len(),
            1 + short_calls.len()
        );
        let model = sessions.into_iter().next().context("no session")?;
        let reactions = try_join_all(WAYS.iter().map(|way| Reaction::measure(options, way)));
        Ok(Self {
            call: Call {
                twilio,
                model,
                log,
                kept: None,
                conversation,
                model_audio: options.model_audio,
            },
            short_calls,
            reactions: reactions.await?,
            resources: [before, after, at_the_end],
        })
    }

    /// What must hold, and whether it does.
    ///
    /// # Errors
    /// When the call lacks something that has to be measured.
    pub fn checks(&self) -> anyhow::Result<Vec<Check>> {
        Ok(storm_checks::all(self, &self.measured()?))
    }

    /// Writes the files that [`Call::write`] does, with what went wrong.
    ///
    /// # Errors
    /// As [`checks`](Self::checks), and when a file cannot be written.
    pub fn write(&self, directory: &Path) -> anyhow::Result<()> {
        self.call.write_records(directory)?;
        let measured = self.measured()?;
        let picture = scene::picture(&self.call, &measured).svg();
        fs::write(directory.join("call.svg"), picture)?;
        let checks = storm_checks::all(self, &measured);
        let page = storm_report::markdown(self, &measured, &checks);
        Ok(fs::write(directory.join("report.md"), page)?)
    }
}

impl Storm {
    fn measured(&self) -> anyhow::Result<Measured> {
        Measured::of_stormy(&self.call.twilio, &self.call.model, &self.holds())
    }

    /// When the server held playback, until it went on or was cut.
    pub(crate) fn holds(&self) -> Vec<Range<Duration>> {
        let at = |line: &Value| Duration::from_secs_f64(seconds(line).max(0.0));
        let held = self.call.server_lines("playback_held").map(at);
        held.map(|held| {
            let resumed = self.call.server_lines("playback_resumed").map(at);
            let cut = self.call.server_lines("barge_in").map(at);
            let end = resumed.chain(cut).filter(|end| *end >= held).min();
            held..end.unwrap_or(self.call.twilio.ended)
        })
        .collect()
    }
}

/// The faults that are written so.
fn faults<F>(texts: &[&str]) -> anyhow::Result<Vec<F>>
where
    F: std::str::FromStr<Err = anyhow::Error>,
{
    texts.iter().map(|text| text.parse()).collect()
}

/// What goes wrong on Twilio's side of the conversation. The noise falls into the agent's second
/// line.
pub(crate) const TWILIO_FAULTS: &[&str] = &[
    "jitter:max=40ms",
    "stall:for=200ms,every=2s,at=1s",
    "loss:percent=1,burst=40ms",
    "duplicate:percent=1",
    "reorder:percent=1",
    "drift:ppm=300",
    "mark-loss:percent=10",
    "mark-delay:percent=5,by=1s",
    "mark-repeat:percent=5",
    "garbage:every=1.3s",
    "noise:for=200ms,at=9.2s",
];

/// What goes wrong on the model's side of the conversation.
pub(crate) const MODEL_FAULTS: &[&str] = &[
    "jitter:max=60ms",
    "stall:for=200ms,every=3s",
    "late-delta:count=3",
    "refuse-truncate:count=1",
    "slow-update:by=400ms",
    "event:at=1s,every=1.7s",
    "error:at=5s,every=7s,code=rate_limit_exceeded",
];

/// The short calls after the conversation.
const BREACHES: &[Breach] = &[
    Breach {
        name: "Twilio breaks off",
        twilio: &["reset:at=2s"],
        model: &[],
        ending: Ending::Reset,
        reasons: &["twilio_failed"],
    },
    Breach {
        // Every two seconds, and each time there is another session.
        name: "the model breaks off",
        twilio: &[],
        model: &["reset:at=2s"],
        ending: Ending::CallerHungUp,
        reasons: &["stopped"],
    },
    Breach {
        name: "both read slowly",
        twilio: &["slow-read:for=2s,at=1s"],
        model: &["slow-read:for=2s,at=1s"],
        ending: Ending::CallerHungUp,
        reasons: &["stopped"],
    },
];

/// What the server may go by when the caller speaks over the agent, the slowest first.
const WAYS: &[Way] = &[
    Way {
        name: "the model's word",
        arguments: &[],
    },
    Way {
        name: "its own ears, then the model's word",
        arguments: &["--voice-detection"],
    },
    Way {
        name: "its own ears, then 150 ms of speech",
        arguments: &["--voice-detection", "--barge-in", "after-speech:150"],
    },
];

/// So that noise does not end the agent's turn: twice as long as it lasts.
pub(crate) const SERVER_ARGUMENTS: &[&str] =
    &["--voice-detection", "--barge-in", "after-speech:400"];
/// A busy model, so that it still speaks when it is interrupted.
pub(crate) const SPEED: f64 = 3.0;
/// How long the agent is silent before the caller speaks: longer than it takes to begin again after
/// noise.
const THINKING: Duration = Duration::from_millis(1_400);

#[cfg(test)]
mod tests {
    use trunkline_simulators::{openai, twilio};

    use super::*;

    #[test]
    fn every_fault_is_one() {
        faults::<twilio::Fault>(TWILIO_FAULTS).expect("faults of Twilio");
        faults::<openai::Fault>(MODEL_FAULTS).expect("faults of the model");
        for breach in BREACHES {
            faults::<twilio::Fault>(breach.twilio).expect(breach.name);
            faults::<openai::Fault>(breach.model).expect(breach.name);
        }
    }
}
