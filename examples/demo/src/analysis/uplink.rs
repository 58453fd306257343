//! Caller to model.

use std::{ops::Range, time::Duration};

use anyhow::{Context, ensure};
use trunkline_simulators::{
    audio::{MODEL_RATE, PHONE_RATE, duration_of, resample},
    openai::SessionRecord,
    twilio::CallRecord,
};

use super::{ALIGNED, MAX_LAG};
use crate::signal::{Spread, lag, snr_db};

/// Caller to model.
pub(crate) struct Uplink {
    /// Frame sent by Twilio → append received by the model that holds its last sample.
    pub(crate) added: Spread,
    /// Frames that were sent before the session was ready, and the longest any of them waited.
    pub(crate) held_frames: usize,
    pub(crate) held_max: Duration,
    /// Frames that had not reached the model when the call ended.
    pub(crate) frames_in_flight: usize,
    /// By how much the sound lags behind the count of samples: the filter's delay.
    pub(crate) lag: Duration,
    /// Of each line the caller spoke, in dB.
    pub(crate) snr_db: Vec<f64>,
    /// The same without the frames that were lost on the way or came out of order.
    pub(crate) intact_snr_db: Vec<f64>,
}

impl Uplink {
    /// Fails if the caller or the model lacks something that has to be measured.
    pub(super) fn of(call: &CallRecord, session: &SessionRecord) -> anyhow::Result<Self> {
        let ratio = u64::from(session.input_rate_hz / PHONE_RATE);
        ensure!(ratio > 0, "the model has got no audio");
        let ready = session
            .server_events
            .iter()
            .find(|event| event.kind == "session.updated")
            .context("the session was never set up")?
            .time;
        let (mut added, mut held) = (Vec::new(), Vec::new());
        let mut frames_in_flight = 0;
        for frame in &call.sent {
            let end_sample = (frame.first_sample + frame.samples) * ratio;
            let append = session
                .appends
                .partition_point(|append| append.end_sample < end_sample);
            match session.appends.get(append) {
                Some(append) if frame.time >= ready => {
                    added.push(append.time.saturating_sub(frame.time))
                }
                Some(append) => held.push(append.time.saturating_sub(frame.time)),
                None => frames_in_flight += 1,
            }
        }

        let sent = resample(&call.caller, PHONE_RATE, MODEL_RATE);
        let got = resample(&session.input, session.input_rate_hz, MODEL_RATE);
        let mut lags = Vec::new();
        let (mut snrs, mut intact_snrs) = (Vec::new(), Vec::new());
        let gaps = gaps(call);
        for said in &call.said {
            let first = (said.first_sample * FINE) as usize;
            let end = first + (said.samples * FINE) as usize;
            ensure!(
                end + MAX_LAG <= got.len(),
                "the model has not got all that the caller said"
            );
            let reference = &sent[first..end];
            let lag = lag(
                &reference[..reference.len().min(ALIGNED)],
                &got[first..],
                MAX_LAG,
            );
            snrs.push(snr_db(reference, &got[first + lag..end + lag]));
            let mut intact = [reference.to_vec(), got[first + lag..end + lag].to_vec()];
            for samples in &mut intact {
                for gap in &gaps {
                    let begin = gap.start.clamp(first, end) - first;
                    samples[begin..gap.end.clamp(first, end) - first].fill(0);
                }
            }
            intact_snrs.push(snr_db(&intact[0], &intact[1]));
            lags.push(duration_of(lag as u64, MODEL_RATE));
        }
        Ok(Self {
            added: Spread::of(added),
            held_frames: held.len(),
            held_max: held.into_iter().max().unwrap_or_default(),
            frames_in_flight,
            lag: lags.into_iter().max().context("the caller said nothing")?,
            snr_db: snrs,
            intact_snr_db: intact_snrs,
        })
    }
}

/// Where frames of the caller were lost or overtaken, with one frame before and two behind, into
/// which what is put there may fade; in samples of [`MODEL_RATE`].
fn gaps(call: &CallRecord) -> Vec<Range<usize>> {
    let frame = 20 * MODEL_RATE as usize / 1_000;
    let mut gaps = Vec::new();
    let mut next = 0;
    for sent in &call.sent {
        let from = (sent.first_sample * FINE) as usize;
        if from > next {
            gaps.push(next.saturating_sub(frame)..from + 2 * frame);
        }
        next = next.max(from + (sent.samples * FINE) as usize);
    }
    gaps
}

/// Samples of the rate at which signals are aligned per sample of the telephone.
const FINE: u64 = (MODEL_RATE / PHONE_RATE) as u64;
