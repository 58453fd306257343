//! The call itself, and everything that is written down about it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};
use serde_json::Value;
use trunkline_simulators::{openai::SessionRecord, twilio::CallRecord};

use crate::{
    analysis::Measured,
    checks::{self, Check},
    conversation::{Conversation, THINKING},
    kept::Kept,
    report, scene,
    stage::Stage,
};

/// What is played, and through what.
#[derive(Clone, Debug)]
pub struct Options {
    /// The bridge server's program.
    pub server: PathBuf,
    /// Directory with the WAV files and their words.
    pub speech: PathBuf,
    /// Audio format between the server and the model.
    pub model_audio: ModelAudio,
    /// Print what happens as it happens.
    pub shows_progress: bool,
    /// Directory for what the server keeps of the call; emptied first. Without one it goes with the server.
    pub server_data: Option<PathBuf>,
}

/// Audio format between the server and the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelAudio {
    /// 16-bit PCM at 24 kHz, resampled by the bridge.
    Pcm24k,
    /// G.711 μ-law, passed straight through.
    Mulaw,
}

impl ModelAudio {
    /// As the server's command line has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcm24k => "pcm24k",
            Self::Mulaw => "mulaw",
        }
    }
}

/// Everything that was written down about one call.
#[derive(Clone, Debug)]
pub struct Call {
    /// By the simulated Twilio.
    pub twilio: CallRecord,
    /// By the simulated model.
    pub model: SessionRecord,
    /// Lines of both simulators and of the server, by time; `t` is in seconds.
    pub log: Vec<Value>,
    /// By the server, in its database.
    pub kept: Option<Kept>,
    pub(crate) conversation: Conversation,
    pub(crate) model_audio: ModelAudio,
}

impl Call {
    /// Makes the call, in real time, and gathers what all three have written down about it.
    ///
    /// # Errors
    /// When something cannot be started, or the server does not end when told to.
    pub async fn play(options: &Options) -> anyhow::Result<Self> {
        let conversation = Conversation::load(&options.speech)?;
        let stage = Stage::set(options, &conversation, SPEED, Vec::new(), &[]).await?;
        let twilio = stage
            .call(1, conversation.script(THINKING), Vec::new())
            .await;
        let kept = Kept::of(&stage.server, &twilio.call_sid).await?;
        let (mut sessions, log) = stage.strike().await?;
        ensure!(
            sessions.len() == 1,
            "{} sessions instead of one",
            sessions.len()
        );
        Ok(Self {
            twilio,
            model: sessions.remove(0),
            log,
            kept: Some(kept),
            conversation,
            model_audio: options.model_audio,
        })
    }

    /// What must hold, and whether it does.
    ///
    /// # Errors
    /// When the call lacks something that has to be measured.
    pub fn checks(&self) -> anyhow::Result<Vec<Check>> {
        Ok(checks::all(self, &Measured::of(&self.twilio, &self.model)?))
    }

    /// Writes `call.wav` (left: the caller, right: what the caller heard), `call.jsonl`, `call.svg`
    /// and `report.md` into `directory`.
    ///
    /// # Errors
    /// As [`checks`](Self::checks), and when a file cannot be written.
    pub fn write(&self, directory: &Path) -> anyhow::Result<()> {
        // The records first: they are most needed when the rest fails.
        self.write_records(directory)?;
        let measured = Measured::of(&self.twilio, &self.model)?;
        let picture = scene::picture(self, &measured).svg();
        fs::write(directory.join("call.svg"), picture)?;
        let checks = checks::all(self, &measured);
        let page = report::markdown(self, &measured, &checks);
        Ok(fs::write(directory.join("report.md"), page)?)
    }

    /// Writes `call.wav` and `call.jsonl`.
    pub(crate) fn write_records(&self, directory: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(directory)?;
        self.twilio.write_wav(directory.join("call.wav"))?;
        let lines: String = self.log.iter().map(|line| format!("{line}\n")).collect();
        fs::write(directory.join("call.jsonl"), lines).context("cannot write the log")
    }

    /// Which of the agent's lines one of its items is: a line that was cut short is a beginning of it.
    pub(crate) fn line_of(&self, item_id: &str) -> usize {
        let words = self.words_of(item_id);
        let mut lines = self.conversation.agent.iter();
        let line = lines.position(|line| line.text.starts_with(words));
        line.unwrap_or_default()
    }

    /// The words of one of the agent's items, as the model told them to the server.
    pub(crate) fn words_of(&self, item_id: &str) -> &str {
        self.told(AGENTS_WORDS)
            .find_map(|(item, words)| (item == item_id).then_some(words))
            .unwrap_or_default()
    }

    /// What the model told the server was said, in the order in which it did: whose words `kind` names, with the item.
    pub(crate) fn told(&self, kind: &str) -> impl Iterator<Item = (&str, &str)> {
        let events = self.model.server_events.iter();
        events
            .filter(move |event| event.kind == kind)
            .filter_map(|event| {
                let text = |name: &str| event.event[name].as_str();
                Some((text("item_id")?, text("transcript")?))
            })
    }

    /// Lines of the server's log, with `event` as their name.
    pub(crate) fn server_lines(&self, event: &str) -> impl Iterator<Item = &Value> {
        self.log
            .iter()
            .filter(move |line| line["source"] == "server" && line["event"] == event)
    }
}

/// Event that tells all words of an item of the agent's.
pub(crate) const AGENTS_WORDS: &str = "response.output_audio_transcript.done";
/// Event that tells all words of a turn of the caller's.
pub(crate) const CALLERS_WORDS: &str = "conversation.item.input_audio_transcription.completed";
/// About that of the service.
const SPEED: f64 = 8.0;
