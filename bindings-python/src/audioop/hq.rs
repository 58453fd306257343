//! `trunkline.audioop_hq`: `ratecv` through the core's filters.

use std::sync::Mutex;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use trunkline::Error;
use trunkline::resample::Profile;

use super::ratecv::{Call, illegal_state};
use super::sample::{get_wide, of, of_mut, put_wide};
use super::{Fragment, error, for_width, new_bytes};
use crate::error::OrRaise;
use crate::gil;
use crate::resample::Kind;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RatecvState>()?;
    module.add_function(wrap_pyfunction!(ratecv_hq, module)?)?;
    Ok(())
}

/// The resamplers of one stream between two calls. The next call takes them out.
#[pyclass(frozen, module = "trunkline.audioop_hq")]
struct RatecvState(Mutex<Option<Converter>>);

#[pyfunction]
#[pyo3(
    signature = (fragment, width, nchannels, inrate, outrate, state, weight_a = 1, weight_b = 0, /),
    text_signature = "(fragment, width, nchannels, inrate, outrate, state, weightA=1, weightB=0, /)"
)]
#[expect(clippy::too_many_arguments, reason = "Python's signature")]
fn ratecv_hq<'py>(
    py: Python<'py>,
    fragment: Fragment<'_>,
    width: i32,
    nchannels: i32,
    inrate: i32,
    outrate: i32,
    state: &Bound<'py, PyAny>,
    weight_a: i32,
    weight_b: i32,
) -> PyResult<(Bound<'py, PyBytes>, RatecvState)> {
    let call = Call::check(
        &fragment, width, nchannels, inrate, outrate, weight_a, weight_b,
    )?;
    if call.channels > MAX_CHANNELS {
        return Err(error::new_err("# of channels should be <= 64"));
    }
    let (mut new, mut held);
    let slot = if state.is_none() {
        new = Some(Converter::new(&call).or_raise(py)?);
        &mut new
    } else {
        let Ok(state) = state.cast::<RatecvState>() else {
            let text = "state must be one that ratecv returned, or None";
            return Err(PyTypeError::new_err(text));
        };
        held = gil::lock(py, &state.get().0);
        &mut *held
    };
    let Some(converter) = slot else {
        return Err(error::new_err("state has been passed on before"));
    };
    if !converter.is_for(&call) {
        return Err(illegal_state());
    }
    let src = fragment.as_bytes();
    let frame_len = call.width as usize * call.channels;
    let dst = new_bytes(py, converter.output_len(call.frames), frame_len, |dst| {
        for_width!(call.width, convert(converter, src, dst));
    })?;
    Ok((dst, RatecvState(Mutex::new(slot.take()))))
}

struct Converter {
    inrate: u32,
    outrate: u32,
    channels: usize,
    /// One a channel, all of which take and give as many samples; none between equal rates.
    resamplers: Vec<Kind>,
}

impl Converter {
    fn new(call: &Call) -> Result<Self, Error> {
        let (inrate, outrate) = (call.inrate, call.outrate);
        let needed = if inrate == outrate { 0 } else { call.channels };
        let resamplers = (0..needed).map(|_| Kind::new(inrate, outrate, Profile::Voice));
        Ok(Self {
            inrate,
            outrate,
            channels: call.channels,
            resamplers: resamplers.collect::<Result<_, _>>()?,
        })
    }

    fn is_for(&self, call: &Call) -> bool {
        (self.inrate, self.outrate, self.channels) == (call.inrate, call.outrate, call.channels)
    }

    fn output_len(&self, frames: usize) -> usize {
        match self.resamplers.first() {
            Some(resampler) => resampler.output_len(frames),
            None => frames,
        }
    }
}

fn convert<const W: usize>(converter: &mut Converter, src: &[u8], dst: &mut [u8]) {
    if converter.resamplers.is_empty() {
        dst.copy_from_slice(src);
        return;
    }
    let count = converter.channels;
    let (src, dst) = (of::<W>(src), of_mut::<W>(dst));
    let mut narrow = vec![0; src.len() / count];
    let mut converted = vec![0; dst.len() / count];
    for (at, resampler) in converter.resamplers.iter_mut().enumerate() {
        for (to, frame) in narrow.iter_mut().zip(src.chunks_exact(count)) {
            *to = (get_wide(&frame[at]) >> 16) as i16;
        }
        resampler
            .process(&narrow, &mut converted)
            .expect("as many as output_len said");
        for (frame, &sample) in dst.chunks_exact_mut(count).zip(&converted) {
            frame[at] = put_wide(i32::from(sample) << 16);
        }
    }
}

/// Each has a filter of its own, even if there is no audio yet.
const MAX_CHANNELS: usize = 64;
