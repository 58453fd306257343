use core::time::Duration;

use crate::{dialect::AudioFormat, playback::duration_to_samples};

/// Settings of a [`Bridge`](super::Bridge); `Default` is the recommended set.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Audio format on the model's side, both ways. Default: PCM16 at 24 kHz.
    pub model_audio: ModelAudio,
    /// Audio sent to the carrier ahead of its playback; at least 40 ms. More rides out longer
    /// pauses of ours or the network's, less makes a barge-in's `clear` flush less. Default: 200 ms.
    pub lead: Duration,
    /// Audio between two playback marks, and so the resolution of what was heard; at least 20 ms.
    /// Default: 100 ms.
    pub mark_interval: Duration,
    /// Model audio held beyond the lead; at least 1 s. Once it is half full, audio is sent ahead to
    /// the carrier, which holds minutes; once full, the newest is dropped. Models generate several
    /// times faster than they are heard: where barge-ins into long answers matter, 30 s (240 kB)
    /// keep `lead` what it says. Default: 3.5 s, 28 kB; at most 10 minutes.
    pub downlink_capacity: Duration,
    /// Caller audio held while the model cannot take it, the oldest dropped beyond; at least 128 ms.
    /// Default: 1 s, 8 kB; at most 10 minutes.
    pub uplink_capacity: Duration,
    /// Bytes for the texts of one input (a transcript, a tool call's arguments) and for commands
    /// that wait to be polled (a session's instructions and tools: raise it where these are long); at
    /// least 8 KiB, at most 64 MiB. Default: 12 KiB.
    pub text_capacity: usize,
    /// Longest gap in the caller's media time line that is concealed: the voice fades out, then there
    /// is silence. A longer one, or a step back that is longer, is a new start. Default: 10 s; at
    /// most 60 s.
    pub max_gap: Duration,
    /// Without media for so long in the caller's turn, the voice is faded out and the model is fed
    /// silence, so that the turn can end. Should the audio come after all, the time fed is made up
    /// for by cutting pitch periods and pauses; of packets shorter than Twilio's 20 ms, pauses only.
    /// Default: 750 ms.
    pub stall_timeout: Duration,
    /// Longest message accepted from the carrier, in bytes. Default: 64 KiB.
    pub max_twilio_len: usize,
    /// Longest message accepted from the model, in bytes. Default: 16 MiB.
    pub max_openai_len: usize,
    /// When the caller's voice stops the model's. Default: [`BargeIn::OnSpeech`].
    pub barge_in: BargeIn,
    /// Whether the bridge listens to the caller itself, by a
    /// [`VoiceDetector`](crate::VoiceDetector), and holds playback before the model has reported
    /// speech. It saves the way to the model and back and the time its own detection takes; a voice
    /// that the model does not hear costs a pause. Not for lines on which the caller's end returns
    /// the model's own speech as an echo. Default: no.
    pub voice_detection: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model_audio: ModelAudio::Pcm24k,
            lead: Duration::from_millis(200),
            mark_interval: Duration::from_millis(100),
            downlink_capacity: Duration::from_millis(3_500),
            uplink_capacity: Duration::from_secs(1),
            text_capacity: 12 << 10,
            max_gap: Duration::from_secs(10),
            stall_timeout: Duration::from_millis(750),
            max_twilio_len: 64 << 10,
            max_openai_len: 16 << 20,
            barge_in: BargeIn::OnSpeech,
            voice_detection: false,
        }
    }
}

impl Config {
    /// Bytes of storage a bridge with these settings uses; what
    /// [`with_storage`](super::Bridge::with_storage) must be given.
    pub fn storage_len(&self) -> usize {
        super::REQUEST_LEN
            + super::MARKS_LEN
            + self.text_len()
            + self.uplink_len()
            + self.downlink_len()
    }

    /// At least what the largest barge-in transaction takes.
    pub(super) fn text_len(&self) -> usize {
        self.text_capacity.clamp(8 << 10, 64 << 20)
    }

    /// At least what one piece of a message takes.
    pub(super) fn uplink_len(&self) -> usize {
        duration_to_samples(self.uplink_capacity.min(MAX_CAPACITY)).max(1 << 10) as usize
    }

    /// At least a second.
    pub(super) fn downlink_len(&self) -> usize {
        duration_to_samples(self.downlink_capacity.min(MAX_CAPACITY)).max(8_000) as usize
    }
}

/// When the caller's voice stops the model's for good: the barge-in transaction.
///
/// The last two wait for a confirmation, so that a cough or a slammed door does not cost an answer.
/// Until then playback is *held*: the lead that the carrier has plays out, nothing more is sent. If
/// the confirmation fails, playback goes on with the very next sample, and the caller has missed
/// none. Only speech over the model's voice needs to be confirmed; any other turn is one at once.
///
/// What is sent ahead of the lead cannot be held: see [`Config::downlink_capacity`].
///
/// A session that is set up by [`update_session`](super::Bridge::update_session) then neither
/// cancels nor answers by itself, whatever [`SessionUpdate`](crate::SessionUpdate) says: the bridge
/// cancels what is confirmed, and where `create_response` was asked for, it asks for the answer to
/// each turn that is one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BargeIn {
    /// Never; it is the application's to call [`interrupt`](super::Bridge::interrupt).
    Never,
    /// As soon as the model reports speech.
    #[default]
    OnSpeech,
    /// Once speech has lasted so long. Shorter speech is answered only if, by its end, nothing is
    /// left of what it was spoken over.
    ///
    /// With [`Config::voice_detection`] it is measured here, as it comes in. Otherwise the model's
    /// word is all there is: it reports an end only after the silence that ends a turn, so that much
    /// is waited on top (nothing, where the session does not tell how much it is). Should a voice
    /// measured here never be reported as speech by the model, an answer is asked for after 3 s all
    /// the same, so that the call does not fall silent.
    AfterSpeech(Duration),
    /// With the first word of the turn's transcript, which
    /// [`SessionUpdate::transcription_model`](crate::SessionUpdate::transcription_model) has to be
    /// set for.
    ///
    /// An empty or failed transcript ends the hold. So do 2 s without one after the end of the turn
    /// and 10 s in all; should it come later yet and not be empty, the barge-in is made then.
    OnTranscript,
}

impl BargeIn {
    /// Speech over the model's voice is no barge-in by itself.
    pub(super) fn is_confirmed_later(self) -> bool {
        matches!(self, Self::AfterSpeech(_) | Self::OnTranscript)
    }
}

/// What Twilio itself would keep (error 31931).
const MAX_CAPACITY: Duration = Duration::from_secs(600);

/// Audio format on the model's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelAudio {
    /// PCM16 at 24 kHz, resampled here.
    Pcm24k,
    /// G.711 μ-law, passed straight through.
    Mulaw,
}

impl ModelAudio {
    pub(super) fn format(self) -> AudioFormat {
        match self {
            Self::Pcm24k => AudioFormat::Pcm16 { rate_hz: 24_000 },
            Self::Mulaw => AudioFormat::Mulaw,
        }
    }
}
