//! Conversion between rates by straight lines from sample to sample, without a filter against images
//! and aliases: what `audioop` did. [`hq`](super::hq) does better.

use std::slice;

use pyo3::exceptions::{PyMemoryError, PyOverflowError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};

use super::sample::{get_wide, of, of_mut, put_wide};
use super::{Fragment, Width, error, for_width, new_bytes};

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(ratecv, module)?)?;
    Ok(())
}

#[pyfunction]
#[pyo3(
    signature = (fragment, width, nchannels, inrate, outrate, state, weight_a = 1, weight_b = 0, /),
    text_signature = "(fragment, width, nchannels, inrate, outrate, state, weightA=1, weightB=0, /)"
)]
#[expect(clippy::too_many_arguments, reason = "Python's signature")]
fn ratecv<'py>(
    py: Python<'py>,
    fragment: Fragment<'_>,
    width: i32,
    nchannels: i32,
    inrate: i32,
    outrate: i32,
    state: &Bound<'py, PyAny>,
    weight_a: i32,
    weight_b: i32,
) -> PyResult<(Bound<'py, PyBytes>, State<'py>)> {
    let call = Call::check(
        &fragment, width, nchannels, inrate, outrate, weight_a, weight_b,
    )?;
    let mut converter = Converter::new(&call, weight_a, weight_b);
    let mut channels = new_channels(call.channels)?;
    if state.is_none() {
        converter.ahead = -converter.outrate;
    } else {
        converter.ahead = parse_state(state, &mut channels)?;
    }
    let len = converter
        .output_len(call.frames)
        .ok_or_else(illegal_state)?;
    let src = fragment.as_bytes();
    let frame_len = call.width as usize * call.channels;
    let dst = new_bytes(py, len, frame_len, |dst| {
        for_width!(call.width, convert(&mut converter, src, &mut channels, dst));
    })?;
    let channels = PyTuple::new(py, channels.iter().map(|it| (it.before, it.now)))?;
    Ok((dst, State(converter.ahead, channels)))
}

/// [`Converter::ahead`], and of each channel the samples [`before`](Channel::before) and now.
#[derive(IntoPyObject)]
struct State<'py>(i64, Bound<'py, PyTuple>);

/// Arguments in range.
pub(super) struct Call {
    pub(super) width: Width,
    pub(super) channels: usize,
    pub(super) frames: usize,
    pub(super) inrate: u32,
    pub(super) outrate: u32,
}

impl Call {
    pub(super) fn check(
        fragment: &Fragment<'_>,
        width: i32,
        nchannels: i32,
        inrate: i32,
        outrate: i32,
        weight_a: i32,
        weight_b: i32,
    ) -> PyResult<Self> {
        let size = width;
        let width = Width::new(width)?;
        if nchannels < 1 {
            return Err(error::new_err("# of channels should be >= 1"));
        }
        if size.checked_mul(nchannels).is_none() {
            let text = "width * nchannels too big for a C int";
            return Err(PyOverflowError::new_err(text));
        }
        if weight_a < 1 || weight_b < 0 {
            let text = "weightA should be >= 1, weightB should be >= 0";
            return Err(error::new_err(text));
        }
        let channels = nchannels as usize;
        let (len, frame_len) = (fragment.as_bytes().len(), width as usize * channels);
        if !len.is_multiple_of(frame_len) {
            return Err(error::new_err("not a whole number of frames"));
        }
        if inrate <= 0 || outrate <= 0 {
            return Err(error::new_err("sampling rate not > 0"));
        }
        Ok(Self {
            width,
            channels,
            frames: len / frame_len,
            inrate: inrate as u32,
            outrate: outrate as u32,
        })
    }
}

/// Two input samples of one channel, at 32 bits.
#[derive(Clone, Default)]
struct Channel {
    before: i32,
    now: i32,
}

struct Converter {
    inrate: i64,
    outrate: i64,
    /// How far the last input sample is ahead of the next output sample, in steps of which there are
    /// `outrate` between input samples and `inrate` between output samples.
    ahead: i64,
    /// Of an input sample and of what was taken for the one before, in what is taken for it.
    weights: Option<[f64; 2]>,
}

impl Converter {
    fn new(call: &Call, weight_a: i32, weight_b: i32) -> Self {
        let divisor = gcd(call.inrate, call.outrate);
        let common = gcd(weight_a as u32, weight_b as u32);
        let weights = [weight_a, weight_b].map(|weight| f64::from(weight as u32 / common));
        Self {
            inrate: (call.inrate / divisor).into(),
            outrate: (call.outrate / divisor).into(),
            ahead: 0,
            weights: (weight_b > 0).then_some(weights),
        }
    }

    /// Output frames for so many of input. None if a state that no call returned asks for more than
    /// there can be.
    fn output_len(&self, frames: usize) -> Option<usize> {
        let (inrate, outrate) = (self.inrate as i128, self.outrate as i128);
        let ahead = i128::from(self.ahead) + frames as i128 * outrate;
        let len = if ahead < 0 { 0 } else { ahead / inrate + 1 };
        let most = (frames as i128 + inrate - 1) / inrate * outrate;
        (len <= most).then_some(len as usize)
    }

    /// Goes on to the next input frame.
    #[inline(always)]
    fn take<const W: usize>(&mut self, frame: &[[u8; W]], channels: &mut [Channel]) {
        for (channel, sample) in channels.iter_mut().zip(frame) {
            channel.before = channel.now;
            channel.now = get_wide(sample);
            if let Some([now, before]) = self.weights {
                let sum = now * f64::from(channel.now) + before * f64::from(channel.before);
                channel.now = (sum / (now + before)) as i32;
            }
        }
        self.ahead += self.outrate;
    }

    /// The next output sample of a channel.
    #[inline(always)]
    fn between(&self, channel: &Channel) -> i32 {
        let before = f64::from(channel.before) * self.ahead as f64;
        let now = f64::from(channel.now) * (self.outrate - self.ahead) as f64;
        ((before + now) / self.outrate as f64) as i32
    }
}

/// Takes all of `src` and fills `dst`.
fn convert<const W: usize>(
    converter: &mut Converter,
    src: &[u8],
    channels: &mut [Channel],
    dst: &mut [u8],
) {
    match channels {
        [only] => convert_frames::<W>(converter, src, slice::from_mut(only), dst),
        all => convert_frames::<W>(converter, src, all, dst),
    }
}

/// Inlined, so that there is one of its own for a single channel.
#[inline(always)]
fn convert_frames<const W: usize>(
    converter: &mut Converter,
    src: &[u8],
    channels: &mut [Channel],
    dst: &mut [u8],
) {
    let mut frames = of::<W>(src).chunks_exact(channels.len());
    for output in of_mut::<W>(dst).chunks_exact_mut(channels.len()) {
        while converter.ahead < 0 {
            let Some(frame) = frames.next() else { return };
            converter.take(frame, channels);
        }
        for (to, channel) in output.iter_mut().zip(&*channels) {
            *to = put_wide(converter.between(channel));
        }
        converter.ahead -= converter.inrate;
    }
    // Those after the last output sample.
    for frame in frames {
        converter.take(frame, channels);
    }
}

fn new_channels(count: usize) -> PyResult<Vec<Channel>> {
    let mut channels = Vec::new();
    channels
        .try_reserve_exact(count)
        .map_err(|_| PyMemoryError::new_err("not enough memory for channels"))?;
    channels.resize(count, Channel::default());
    Ok(channels)
}

/// The state of a call before: its [`ahead`](Converter::ahead), the rest of it into `channels`.
fn parse_state(state: &Bound<'_, PyAny>, channels: &mut [Channel]) -> PyResult<i64> {
    let wrong_shape = || PyTypeError::new_err("ratecv(): illegal state argument");
    let Ok(state) = state.cast::<PyTuple>() else {
        return Err(PyTypeError::new_err("state must be a tuple or None"));
    };
    if state.len() != 2 {
        return Err(wrong_shape());
    }
    let ahead = state.get_item(0)?.extract::<i32>()?;
    let samples = state.get_item(1)?;
    let samples = samples.cast::<PyTuple>().map_err(|_| wrong_shape())?;
    if samples.len() != channels.len() {
        return Err(illegal_state());
    }
    for (channel, pair) in channels.iter_mut().zip(samples) {
        let pair = pair.cast::<PyTuple>().map_err(|_| wrong_shape())?;
        if pair.len() != 2 {
            return Err(wrong_shape());
        }
        channel.before = pair.get_item(0)?.extract()?;
        channel.now = pair.get_item(1)?.extract()?;
    }
    Ok(ahead.into())
}

pub(super) fn illegal_state() -> PyErr {
    error::new_err("illegal state argument")
}

fn gcd(mut a: u32, mut b: u32) -> u32 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}
