//! What the callers and the model of a load have in common.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Options;
use super::downlink::Downlink;
use super::histogram::Histogram;
use super::uplink::Uplink;
use crate::twilio;

/// One per run.
pub(super) struct Shared {
    /// The same for all calls.
    pub(super) twilio: twilio::Options,
    pub(super) lines: Vec<Line>,
    /// Of what was sent or due meanwhile, latencies count. The calls end with it.
    pub(super) steady: Range<Instant>,
    pub(super) uplink: Mutex<Histogram>,
    pub(super) downlink: Mutex<Histogram>,
    /// By how much frames leave late.
    pub(super) caller_lag: Mutex<Histogram>,
    /// By how much deltas leave late.
    pub(super) model_lag: Mutex<Histogram>,
    pub(super) violations: Mutex<Violations>,
    damaged: AtomicU64,
    start: Instant,
    ramp: Duration,
}

/// One call, seen from both ends.
pub(super) struct Line {
    pub(super) uplink: Mutex<Uplink>,
    pub(super) downlink: Mutex<Downlink>,
}

/// What broke a protocol, the first few in words.
#[derive(Debug, Default)]
pub(super) struct Violations {
    pub(super) count: u64,
    pub(super) first: Vec<String>,
}

impl Shared {
    /// The first call starts now.
    pub(super) fn new(options: &Options) -> Self {
        let start = Instant::now();
        let from = start + options.ramp + SETTLE;
        Self {
            twilio: twilio::Options {
                webhook: options.webhook.clone(),
                connect_to: Some(options.connect_to.clone()),
                auth_token: options.auth_token.clone(),
                from: options.from.clone(),
                to: options.to.clone(),
                seed: options.seed,
                ..twilio::Options::default()
            },
            lines: (0..options.calls)
                .map(|_| Line {
                    uplink: Mutex::default(),
                    downlink: Mutex::new(Downlink::new(options.lead)),
                })
                .collect(),
            steady: from..from + options.duration,
            uplink: Mutex::default(),
            downlink: Mutex::default(),
            caller_lag: Mutex::default(),
            model_lag: Mutex::default(),
            violations: Mutex::default(),
            damaged: AtomicU64::new(0),
            start,
            ramp: options.ramp,
        }
    }

    /// When call `index` is dialled.
    pub(super) fn start_of(&self, index: usize) -> Instant {
        self.start + self.ramp.mul_f64(index as f64 / self.lines.len() as f64)
    }

    /// The first time from `now` on at which a frame of call `index` may begin: calls are spread over
    /// the 20 ms of a frame, neighbours far from each other.
    pub(super) fn phase_of(&self, index: usize, now: Instant) -> Instant {
        let ptime = Duration::from_millis(20);
        let phase = ptime.mul_f64((index as f64 * GOLDEN_RATIO).fract());
        let since = now.saturating_duration_since(self.start + phase);
        let frames = since.as_nanos().div_ceil(ptime.as_nanos());
        self.start + phase + ptime * frames as u32
    }

    /// Takes down that a peer broke a protocol.
    pub(super) fn violation(&self, what: &str) {
        let mut violations = lock(&self.violations);
        violations.count += 1;
        if violations.first.len() < VIOLATIONS_TOLD {
            violations.first.push(what.chars().take(200).collect());
        }
    }

    /// Audio arrived in which there was not what was sent.
    pub(super) fn damaged(&self) {
        self.damaged.fetch_add(1, Ordering::Relaxed);
    }

    /// How often that was.
    pub(super) fn damages(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }
}

/// What is behind a mutex that holds counters only.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From the last call's start to the first latency that counts.
const SETTLE: Duration = Duration::from_secs(1);
/// Multiples of it are spread evenly, however many there are.
const GOLDEN_RATIO: f64 = 0.618_033_988_749_895;
const VIOLATIONS_TOLD: usize = 10;
