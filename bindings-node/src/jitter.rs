use napi::bindgen_prelude::*;
use napi_derive::napi;
use trunkline::jitter::{self, Inserted, Pulled};

use crate::buffer::{Number, Source, Target};
use crate::error::OrThrow;
use crate::handle::Handle;
use crate::number::{to_ms, whole_u32};
use crate::object::Fields;

/// Packets in as they come, one frame of 20 ms out at every `pull`: mono 16-bit samples at 8 kHz.
///
/// It has no clock: its clock is the pull. What is out of order is put in order, what does not come in
/// time is concealed, and the delay follows what the network needs. It holds 2 s.
pub struct JitterBuffer {
    inner: Box<jitter::JitterBuffer>,
}

/// An empty buffer.
#[napi(
    catch_unwind,
    namespace = "jitter",
    js_name = "create",
    ts_args_type = "",
    ts_return_type = "Handle"
)]
pub fn jitter_create(env: Env) -> Result<Unknown<'static>> {
    let inner = Box::default();
    let size = size_of::<jitter::JitterBuffer>();
    Handle::give(env, JitterBuffer { inner }, size)
}

/// A packet has come, said at `timestamp`, in samples, wrapping around at 2³². For Twilio's
/// milliseconds, pass `(ms * 8) >>> 0`. Says what became of it.
#[napi(
    catch_unwind,
    namespace = "jitter",
    js_name = "insert",
    ts_args_type = "handle: Handle, timestamp: number, samples: Int16Array | Uint8Array",
    ts_return_type = "'Accepted' | 'Duplicate' | 'Late' | 'Overflow' | 'Stray' | 'Resynchronised'"
)]
pub fn jitter_insert(
    env: Env,
    handle: Handle<JitterBuffer>,
    timestamp: Number,
    samples: Source,
) -> Result<&'static str> {
    let this = &mut *handle.get();
    let timestamp = whole_u32(env, "timestamp", timestamp.0)?;
    let inserted = this.inner.insert(timestamp, &samples.samples()?);
    Ok(match inserted.or_throw(env)? {
        Inserted::Accepted => "Accepted",
        Inserted::Duplicate => "Duplicate",
        Inserted::Late => "Late",
        Inserted::Overflow => "Overflow",
        Inserted::Stray => "Stray",
        Inserted::Resynchronised => "Resynchronised",
        _ => "Accepted",
    })
}

/// Fills `frame`, an array of 160 samples, with the next 20 ms to play, and says what they are.
#[napi(
    catch_unwind,
    namespace = "jitter",
    js_name = "pull",
    ts_args_type = "handle: Handle, frame: Int16Array | Uint8Array",
    ts_return_type = "'Received' | 'Concealed' | 'Silence'"
)]
pub fn jitter_pull(
    env: Env,
    handle: Handle<JitterBuffer>,
    mut frame: Target,
) -> Result<&'static str> {
    let this = &mut *handle.get();
    let frame = frame.samples(None)?;
    let actual = frame.len();
    let frame = frame
        .try_into()
        .map_err(|_| trunkline::Error::LengthMismatch {
            expected: jitter::JitterBuffer::<256>::FRAME,
            actual,
        });
    Ok(match this.inner.pull(frame.or_throw(env)?) {
        Pulled::Received => "Received",
        Pulled::Silence => "Silence",
        _ => "Concealed",
    })
}

/// Forgets everything, as if new.
#[napi(
    catch_unwind,
    namespace = "jitter",
    js_name = "reset",
    ts_args_type = "handle: Handle"
)]
pub fn jitter_reset(handle: Handle<JitterBuffer>) {
    let this = &mut *handle.get();
    this.inner.reset();
}

/// How much longer the next sample is held than the network makes unavoidable, in milliseconds.
#[napi(
    catch_unwind,
    namespace = "jitter",
    js_name = "delayMs",
    ts_args_type = "handle: Handle"
)]
pub fn jitter_delay_ms(handle: Handle<JitterBuffer>) -> f64 {
    let this = &*handle.get();
    to_ms(this.inner.delay())
}

/// What `delayMs` is to become.
#[napi(
    catch_unwind,
    namespace = "jitter",
    js_name = "targetDelayMs",
    ts_args_type = "handle: Handle"
)]
pub fn jitter_target_delay_ms(handle: Handle<JitterBuffer>) -> f64 {
    let this = &*handle.get();
    to_ms(this.inner.target_delay())
}

/// Samples that are held, holes among them included.
#[napi(
    catch_unwind,
    namespace = "jitter",
    js_name = "depthSamples",
    ts_args_type = "handle: Handle"
)]
pub fn jitter_depth_samples(handle: Handle<JitterBuffer>) -> f64 {
    let this = &*handle.get();
    this.inner.depth_samples() as f64
}

/// Counters since it was made.
#[napi(
    catch_unwind,
    namespace = "jitter",
    js_name = "stats",
    ts_args_type = "handle: Handle",
    ts_return_type = "Record<string, number>"
)]
pub fn jitter_stats(env: Env, handle: Handle<JitterBuffer>) -> Result<Unknown<'static>> {
    let this = &*handle.get();
    let stats = this.inner.stats();
    let fields = [
        ("receivedSamples", stats.received_samples),
        ("lateSamples", stats.late_samples),
        ("lostSamples", stats.lost_samples),
        ("duplicateSamples", stats.duplicate_samples),
        ("droppedSamples", stats.dropped_samples),
        ("straySamples", stats.stray_samples),
        ("decodedSamples", stats.decoded_samples),
        ("concealedSamples", stats.concealed_samples),
        ("stretchedSamples", stats.stretched_samples),
        ("cutSamples", stats.cut_samples),
        ("silenceSamples", stats.silence_samples),
        ("outSamples", stats.out_samples),
        ("resyncs", stats.resyncs),
    ];
    let object = fields
        .into_iter()
        .try_fold(Fields::new(env)?, |object, (name, value)| {
            object.number(name, value)
        });
    Ok(object?.build())
}
