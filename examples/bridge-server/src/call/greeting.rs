//! A greeting recorded beforehand: played while the model is being connected, past the bridge, which has its own
//! books.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite};
use trunkline::{
    dialect::{Carrier as _, CarrierCommand, CarrierEvent},
    twilio::Twilio,
};

use super::{Call, tools::Finished};
use crate::{admission::Admission, end::End, time::UnixMs};

/// How far the greeting is.
pub(super) enum Greeting {
    /// There is none, or it is over.
    None,
    Loading,
    Playing(Playing),
}

/// Audio on its way. Lengths are in bytes of μ-law, which are samples at 8 kHz.
pub(super) struct Playing {
    audio: Arc<[u8]>,
    began: Option<Duration>,
    sent: usize,
    heard: usize,
}

impl Greeting {
    /// Nothing is being played, nor will be.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self, Self::None)
    }

    /// When the next piece has to leave.
    pub(super) fn due(&self) -> Option<Duration> {
        match self {
            Self::Playing(playing) if playing.sent < playing.audio.len() => Some(playing.due()),
            _ => None,
        }
    }
}

impl Playing {
    fn due(&self) -> Duration {
        let began = self.began.unwrap_or_default();
        (began + length(self.sent)).saturating_sub(LEAD)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Call<S> {
    /// Reads the agent's greeting, if it has one. The disk is waited for elsewhere.
    pub(super) fn load_greeting(&mut self, admission: &Admission) {
        let Some(name) = admission.agent.settings.greeting_audio.clone() else {
            return;
        };
        let greetings = self.app.greetings.clone();
        self.greeting = Greeting::Loading;
        self.running.spawn(async move {
            let loaded = tokio::task::spawn_blocking(move || greetings.load(&name)).await;
            Finished::Greeting(match loaded {
                Ok(audio) => audio.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            })
        });
    }

    pub(super) fn greeting_loaded(&mut self, greeting: Result<Arc<[u8]>, String>) {
        match greeting {
            Ok(audio) => {
                let words = self
                    .admission
                    .as_ref()
                    .and_then(|admission| admission.agent.settings.greeting.clone());
                self.conversation
                    .recorded_words(ITEM_ID, &words.unwrap_or_default());
                self.greeting = Greeting::Playing(Playing {
                    audio,
                    began: None,
                    sent: 0,
                    heard: 0,
                });
            }
            // Then the model has to greet.
            Err(error) => {
                self.log("greeting_failed", json!({ "error": error }));
                self.greeting = Greeting::None;
                if self.session.opened > Duration::ZERO {
                    self.session.owes = true;
                    self.session.asks_at = Some(self.now());
                }
            }
        }
    }

    /// Sends what is due, a mark behind each piece.
    pub(super) fn play_greeting(&mut self) -> Result<(), End> {
        let now = self.now();
        loop {
            let Greeting::Playing(playing) = &mut self.greeting else {
                return Ok(());
            };
            playing.began.get_or_insert(now);
            if playing.sent == playing.audio.len() || playing.due() > now {
                return Ok(());
            }
            let from = playing.sent;
            let to = (from + PIECE).min(playing.audio.len());
            playing.sent = to;
            let audio = Arc::clone(&playing.audio);
            self.send_carrier(CarrierCommand::Media(&audio[from..to]))?;
            self.send_carrier(CarrierCommand::Mark(&format!("{MARK}{to}")))?;
        }
    }

    /// Twilio has said something: perhaps that a piece of the greeting was heard.
    pub(super) fn greeting_echoed(&mut self, message: &str) {
        let Greeting::Playing(playing) = &mut self.greeting else {
            return;
        };
        if !message.contains(MARK) {
            return;
        }
        if let Ok(message) = Twilio.read(message)
            && let CarrierEvent::Mark { name } = message.event
            && let Some(heard) = name.as_plain().and_then(|name| name.strip_prefix(MARK))
            && let Ok(heard) = heard.parse::<usize>()
        {
            playing.heard = playing.heard.max(heard.min(playing.sent));
            if playing.heard == playing.audio.len() {
                self.stop_greeting();
            }
        }
    }

    /// The caller speaks over it.
    pub(super) fn interrupt_greeting(&mut self) -> Result<(), End> {
        let Greeting::Playing(playing) = &self.greeting else {
            return Ok(());
        };
        let heard_ms = ms(playing.heard);
        self.settle_greeting(true);
        self.record_barge_in(ITEM_ID, heard_ms);
        self.send_carrier(CarrierCommand::Clear)
    }

    /// It is over, or the call is.
    pub(super) fn stop_greeting(&mut self) {
        self.settle_greeting(false);
    }

    fn settle_greeting(&mut self, interrupted: bool) {
        if let Greeting::Playing(playing) = std::mem::replace(&mut self.greeting, Greeting::None) {
            let (heard, of) = (ms(playing.heard), ms(playing.audio.len()));
            self.conversation
                .heard(ITEM_ID, heard, of, interrupted, UnixMs::now());
        }
    }

    fn send_carrier(&mut self, command: CarrierCommand<'_>) -> Result<(), End> {
        let mut text = vec![0; Twilio.max_media_len(PIECE)];
        let len = Twilio
            .write(&self.stream_sid, command, &mut text)
            .map_err(End::Bridge)?;
        text.truncate(len);
        // The writer makes text of text.
        let text = String::from_utf8(text).unwrap_or_default();
        self.send_twilio(&text)
    }
}

fn ms(samples: usize) -> u64 {
    samples as u64 / 8
}

fn length(samples: usize) -> Duration {
    Duration::from_micros(samples as u64 * 125)
}

/// Stands for the model's name of the item.
const ITEM_ID: &str = "greeting";
/// What the marks' names begin with; their position follows.
const MARK: &str = "greeting-";
/// What is sent at a time, and the resolution of what was heard: 100 ms.
const PIECE: usize = 800;
/// Sent ahead of its playback, as the bridge does by default.
const LEAD: Duration = Duration::from_millis(200);
