use napi::bindgen_prelude::*;
use napi_derive::napi;
use trunkline::Error as Core;
use trunkline::resample::{self, AnyRate, Profile};

use crate::buffer::{Number, Source, Target, new_samples};
use crate::error::OrThrow;
use crate::handle::Handle;
use crate::number::whole_u32;

/// A streaming resampler of 16-bit mono samples: any number of them per call, and the same samples
/// out however the input was cut.
///
/// Between 8,000, 16,000 and 24,000 Hz the filters are integer and of about 2 ms of delay; between any
/// other rates of 4,000 to 192,000 Hz they are floating-point, and of 10 ms and more.
pub struct Resampler {
    inner: Kind,
}

enum Kind {
    Fixed(Box<resample::Resampler>),
    Any(Box<AnyRate>),
}

macro_rules! each {
    ($kind:expr, $inner:ident => $call:expr) => {
        match $kind {
            Kind::Fixed($inner) => $call,
            Kind::Any($inner) => $call,
        }
    };
}

impl Kind {
    fn new(from_hz: u32, to_hz: u32, profile: Profile) -> std::result::Result<Self, Core> {
        match resample::Resampler::with_profile(from_hz, to_hz, profile) {
            Ok(fixed) => Ok(Self::Fixed(Box::new(fixed))),
            Err(_) if profile == Profile::Voice => {
                Ok(Self::Any(Box::new(AnyRate::new(from_hz, to_hz)?)))
            }
            Err(error) => Err(error),
        }
    }
}

impl Resampler {
    fn expected(&self, samples: usize) -> usize {
        each!(&self.inner, inner => inner.output_len(samples))
    }
}

/// A resampler from `fromHz` to `toHz`. The profile `voice` is the default, with the lower delay;
/// `sharp`, between 8,000 and 24,000 Hz only, lets nothing through from half the lower rate on,
/// for 4 ms of delay.
#[napi(
    catch_unwind,
    namespace = "resampler",
    js_name = "create",
    ts_args_type = "fromHz: number, toHz: number, profile?: 'voice' | 'sharp'",
    ts_return_type = "Handle"
)]
pub fn resampler_create(
    env: Env,
    from_hz: Number,
    to_hz: Number,
    profile: Option<String>,
) -> Result<Unknown<'static>> {
    let profile = match profile.as_deref() {
        None | Some("voice") => Ok(Profile::Voice),
        Some("sharp") => Ok(Profile::Sharp),
        Some(_) => Err(Core::InvalidField { name: "profile" }),
    };
    let profile = profile.or_throw(env)?;
    let from_hz = whole_u32(env, "fromHz", from_hz.0)?;
    let to_hz = whole_u32(env, "toHz", to_hz.0)?;
    let inner = Kind::new(from_hz, to_hz, profile).or_throw(env)?;
    let size = match &inner {
        Kind::Fixed(inner) => size_of_val(&**inner),
        Kind::Any(_) => ANY_RATE_SIZE,
    };
    Handle::give(env, Resampler { inner }, size)
}

/// Takes all of `src` and writes as many samples as are due to the start of `dst`; returns how
/// many.
pub(crate) fn process_into(
    env: Env,
    handle: Handle<Resampler>,
    src: Source,
    mut dst: Target,
) -> Result<u32> {
    let this = &mut *handle.get();
    let dst = dst.samples(Some(&src))?;
    let src = src.samples()?;
    let written = each!(&mut this.inner, inner => inner.process(&src, dst)).or_throw(env)?;
    Ok(written as u32)
}

/// Samples that `process` returns for `samples` more.
#[napi(
    catch_unwind,
    namespace = "resampler",
    js_name = "outputLen",
    ts_args_type = "handle: Handle, samples: number"
)]
pub fn resampler_output_len(env: Env, handle: Handle<Resampler>, samples: Number) -> Result<f64> {
    let this = &*handle.get();
    let samples = whole_u32(env, "samples", samples.0)?;
    Ok(this.expected(samples as usize) as f64)
}

/// Returns the samples still in the filter, as if silence followed, and is as new.
#[napi(
    catch_unwind,
    namespace = "resampler",
    js_name = "flush",
    ts_args_type = "handle: Handle",
    ts_return_type = "Int16Array"
)]
pub fn resampler_flush(env: Env, handle: Handle<Resampler>) -> Result<Unknown<'static>> {
    let this = &mut *handle.get();
    let len = each!(&this.inner, inner => inner.flush_len());
    let inner = &mut this.inner;
    new_samples(env, len, |dst| {
        each!(inner, inner => inner.flush(dst)).or_throw(env)?;
        Ok(())
    })
}

/// Forgets all input.
#[napi(
    catch_unwind,
    namespace = "resampler",
    js_name = "reset",
    ts_args_type = "handle: Handle"
)]
pub fn resampler_reset(handle: Handle<Resampler>) {
    let this = &mut *handle.get();
    each!(&mut this.inner, inner => inner.reset());
}

/// Delay of the filter in milliseconds, the same for all frequencies.
#[napi(
    catch_unwind,
    namespace = "resampler",
    js_name = "delayMs",
    ts_args_type = "handle: Handle"
)]
pub fn resampler_delay_ms(handle: Handle<Resampler>) -> f64 {
    let this = &*handle.get();
    let (samples, hz) = each!(&this.inner, inner => (inner.delay(), inner.to_hz()));
    samples as f64 * 1e3 / f64::from(hz)
}

/// Delay of the filter in samples of the output.
#[napi(
    catch_unwind,
    namespace = "resampler",
    js_name = "delaySamples",
    ts_args_type = "handle: Handle"
)]
pub fn resampler_delay_samples(handle: Handle<Resampler>) -> u32 {
    let this = &*handle.get();
    each!(&this.inner, inner => inner.delay()) as u32
}

/// Rate of the input in Hz.
#[napi(
    catch_unwind,
    namespace = "resampler",
    js_name = "fromHz",
    ts_args_type = "handle: Handle"
)]
pub fn resampler_from_hz(handle: Handle<Resampler>) -> u32 {
    let this = &*handle.get();
    each!(&this.inner, inner => inner.from_hz())
}

/// Rate of the output in Hz.
#[napi(
    catch_unwind,
    namespace = "resampler",
    js_name = "toHz",
    ts_args_type = "handle: Handle"
)]
pub fn resampler_to_hz(handle: Handle<Resampler>) -> u32 {
    let this = &*handle.get();
    each!(&this.inner, inner => inner.to_hz())
}

/// Bytes of the filter between two rates, at most.
const ANY_RATE_SIZE: usize = 1 << 20;
