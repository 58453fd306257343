//! How a simulated call is set up.

use trunkline::bridge::{Config, ModelAudio};

/// How a call is set up. Times in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) config: Config,
    /// One-way delays: Twilio to Bridge, Bridge to Twilio, model to Bridge, Bridge to model.
    pub(crate) delays: [u64; 4],
    /// Up to so much more on every message.
    pub(crate) jitter: u64,
    /// Twilio's clock is so many parts per million slow.
    pub(crate) ppm: i64,
    /// The host wakes up to so much later than `poll_timeout` asks.
    pub(crate) late_timer: u64,
    pub(crate) creates_response: bool,
    pub(crate) interrupts_response: bool,
    pub(crate) seed: u64,
}

impl Setup {
    /// μ-law straight through: every byte that comes out can be traced.
    pub(crate) fn mulaw() -> Self {
        let mut config = Config::default();
        config.model_audio = ModelAudio::Mulaw;
        Self::with(config)
    }

    pub(crate) fn pcm() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        Self {
            config,
            delays: [20_000, 20_000, 30_000, 30_000],
            jitter: 0,
            ppm: 0,
            late_timer: 0,
            creates_response: true,
            interrupts_response: true,
            seed: 1,
        }
    }
}
