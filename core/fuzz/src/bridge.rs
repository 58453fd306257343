//! The Bridge under any sequence of inputs, honest and hostile, at any times.
//!
//! No oracle says what a conversation should sound like, but much is promised of every one: what is
//! refused has no effect, a buffer too short costs nothing, a drain ends, queues keep to their
//! bounds, what is closed stays closed, and the same inputs give the same outputs.

mod messages;
mod ops;
mod run;

use arbitrary::Arbitrary;
use core::time::Duration;
use trunkline::bridge::{BargeIn, Config, ModelAudio};

use self::{
    ops::{Op, Peers, Step},
    run::Run,
};

#[derive(Arbitrary, Debug)]
pub struct Script<'a> {
    settings: Settings,
    ops: Vec<Timed<'a>>,
}

#[derive(Arbitrary, Debug)]
struct Settings {
    is_mulaw: bool,
    barge_in: u8,
    voice_detection: bool,
    /// The stream has started and the session is set up before the first operation.
    is_started: bool,
    lead_ms: u16,
    mark_interval_ms: u16,
    downlink_ms: u16,
    uplink_ms: u16,
    text_bytes: u16,
    max_gap_ms: u16,
    stall_ms: u16,
    max_len: u16,
}

#[derive(Arbitrary, Debug)]
struct Timed<'a> {
    wait: u16,
    /// Eight in a row: how outputs are polled.
    habits: u8,
    op: Op<'a>,
}

impl Script<'_> {
    /// Settings, and all steps with their times, as they are without anybody to answer to.
    pub(crate) fn steps(&self) -> (Config, Vec<(Duration, Step)>) {
        let mut peers = Peers::new(self.settings.is_mulaw);
        let mut steps: Vec<(Duration, Step)> = Vec::new();
        if self.settings.is_started {
            steps.extend(peers.opening().map(|step| (Duration::ZERO, step)));
        }
        let mut now = Duration::ZERO;
        for timed in self.ops.iter().take(MAX_OPS) {
            now = timed.op.time(now, timed.wait);
            steps.extend(
                timed
                    .op
                    .steps(&mut peers)
                    .into_iter()
                    .map(|step| (now, step)),
            );
        }
        (self.settings.config(), steps)
    }
}

pub fn run(script: &Script<'_>) {
    let config = script.settings.config();
    let mut peers = Peers::new(script.settings.is_mulaw);
    let mut first = Run::new(&config);
    let mut log = Vec::new();
    if script.settings.is_started {
        for step in peers.opening() {
            let result = first.take(Duration::ZERO, &step, 0);
            assert_eq!(result, Ok(()), "{step:?}");
            log.push((Duration::ZERO, step, 0, result));
        }
    }
    let mut now = Duration::ZERO;
    let mut heard = 0;
    for timed in script.ops.iter().take(MAX_OPS) {
        now = timed.op.time(now, timed.wait);
        for step in timed.op.steps(&mut peers) {
            let result = first.take(now, &step, timed.habits);
            log.push((now, step, timed.habits, result));
            peers.hear(&first.outputs()[heard..].concat());
            heard = first.outputs().len();
        }
        if first.spent() > MAX_OUTPUT {
            break;
        }
    }
    first.end();

    // The same once more with buffers always long enough, time that never goes back, and something
    // meaningless wherever something was refused.
    let mut again = Run::new(&config);
    let mut latest = Duration::ZERO;
    for (now, step, habits, result) in &log {
        let is_turned_away = result.is_err_and(|error| step.is_turned_away(&error, &config));
        if !is_turned_away {
            latest = latest.max(*now);
        }
        match step.or_nonsense(result, &config) {
            Some(step) => {
                let result_again = again.take(latest, &step, habits & LEAVE);
                assert_eq!(result_again.is_ok(), result.is_ok(), "{step:?}");
            }
            None if habits & LEAVE == 0 => again.drain(0),
            None => {}
        }
    }
    again.end();
    let told = |run: &Run| run.outputs().concat();
    assert_eq!(told(&first), told(&again));
}

impl Settings {
    fn config(&self) -> Config {
        let ms = |ms: u16| Duration::from_millis(ms.into());
        let mut config = Config::default();
        if self.is_mulaw {
            config.model_audio = ModelAudio::Mulaw;
        }
        config.barge_in = match self.barge_in % 8 {
            0 => BargeIn::Never,
            1..4 => BargeIn::OnSpeech,
            4..6 => BargeIn::AfterSpeech(ms(u16::from(self.barge_in) * 4)),
            _ => BargeIn::OnTranscript,
        };
        config.voice_detection = self.voice_detection;
        config.lead = ms(self.lead_ms % 2048);
        config.mark_interval = ms(self.mark_interval_ms % 1024);
        config.downlink_capacity = ms(self.downlink_ms % 8192);
        config.uplink_capacity = ms(self.uplink_ms % 4096);
        config.text_capacity = self.text_bytes.into();
        config.max_gap = ms(self.max_gap_ms);
        config.stall_timeout = ms(self.stall_ms % 2048);
        config.max_openai_len = 1024 + 16 * usize::from(self.max_len);
        config.max_twilio_len = 512 + usize::from(self.max_len);
        config
    }
}

/// Bits of `Timed::habits`: outputs wait until the next operation; a short buffer is tried first.
const LEAVE: u8 = 0x80;
const CRAMPED: u8 = 0x40;

const MAX_OPS: usize = 96;
/// Bytes of output after which a script is cut off, so that none takes seconds.
const MAX_OUTPUT: usize = 4 << 20;
