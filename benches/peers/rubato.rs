//! rubato: the FFT resampler and the sinc one.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, Fft, FixedAsync, FixedSync, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

use super::{Direction, Resampler};

/// [`rubato::Fft`] with a chunk of a frame.
pub struct RubatoFft(Stream<Fft<f32>>);

impl RubatoFft {
    /// Both sides fixed to a frame, the setting with the least buffering.
    pub fn new(direction: Direction) -> Self {
        let (from_hz, to_hz) = (direction.from_hz() as usize, direction.to_hz() as usize);
        let fft = Fft::new(from_hz, to_hz, direction.frame(), 1, FixedSync::Both);
        Self(Stream::new(fft.expect("plain rates"), direction))
    }
}

impl Resampler for RubatoFft {
    fn name(&self) -> &str {
        "rubato FFT"
    }

    fn process_into(&mut self, src: &[i16], dst: &mut [i16]) -> usize {
        self.0.process(src, dst)
    }

    fn flush(&mut self, dst: &mut Vec<i16>) {
        // Its delay is half a frame.
        self.process(&vec![0; self.0.frame], dst);
    }
}

/// [`rubato::Async`] with sinc interpolation and a chunk of a frame.
pub struct RubatoSinc {
    name: &'static str,
    stream: Stream<Async<f32>>,
}

impl RubatoSinc {
    /// A table with just the points that a ratio of three needs, as its documentation advises for
    /// such ratios.
    pub fn exact(direction: Direction) -> Self {
        let parameters = SincInterpolationParameters::new(128, WindowFunction::Blackman2)
            .oversampling_factor(3)
            .interpolation(SincInterpolationType::Nearest);
        Self::new("rubato sinc 128 nearest", direction, &parameters)
    }

    /// As in its example for fixed input.
    pub fn example(direction: Direction) -> Self {
        let parameters = SincInterpolationParameters::new(128, WindowFunction::Blackman2)
            .oversampling_factor(256)
            .interpolation(SincInterpolationType::Quadratic);
        Self::new("rubato sinc 128 quadratic", direction, &parameters)
    }

    /// Its default, which is the setting for quality.
    pub fn recommended(direction: Direction) -> Self {
        let parameters = SincInterpolationParameters::default();
        Self::new("rubato sinc 256 cubic", direction, &parameters)
    }

    fn new(
        name: &'static str,
        direction: Direction,
        parameters: &SincInterpolationParameters,
    ) -> Self {
        let ratio = f64::from(direction.to_hz()) / f64::from(direction.from_hz());
        let frame = direction.frame();
        let sinc = Async::new_sinc(ratio, 1.0, parameters, frame, 1, FixedAsync::Input);
        Self {
            name,
            stream: Stream::new(sinc.expect("plain rates"), direction),
        }
    }
}

impl Resampler for RubatoSinc {
    fn name(&self) -> &str {
        self.name
    }

    fn process_into(&mut self, src: &[i16], dst: &mut [i16]) -> usize {
        self.stream.process(src, dst)
    }

    fn flush(&mut self, dst: &mut Vec<i16>) {
        // 256 points at 8 kHz reach 16 ms ahead.
        self.process(&vec![0; self.stream.frame], dst);
    }
}

/// Either of them between buffers of floats.
struct Stream<R> {
    resampler: R,
    frame: usize,
    input: Vec<f32>,
    output: Vec<f32>,
}

impl<R: rubato::Resampler<f32>> Stream<R> {
    fn new(resampler: R, direction: Direction) -> Self {
        let frame = direction.frame();
        assert_eq!(resampler.input_frames_next(), frame);
        Self {
            frame,
            input: vec![0.0; frame],
            output: vec![0.0; resampler.output_frames_max()],
            resampler,
        }
    }

    fn process(&mut self, src: &[i16], dst: &mut [i16]) -> usize {
        assert_eq!(src.len(), self.frame, "a frame of 20 ms");
        for (float, &sample) in self.input.iter_mut().zip(src) {
            *float = f32::from(sample) / 32_768.0;
        }
        let room = self.output.len();
        let input = InterleavedSlice::new(&self.input, 1, self.frame).expect("one channel");
        let mut output = InterleavedSlice::new_mut(&mut self.output, 1, room).expect("one channel");
        let (_, written) = self
            .resampler
            .process_into_buffer(&input, &mut output, None)
            .expect("a whole frame");
        for (sample, &float) in dst.iter_mut().zip(&self.output[..written]) {
            *sample = to_pcm16(float);
        }
        written
    }
}

/// Rounded half away from zero; `as` saturates.
fn to_pcm16(float: f32) -> i16 {
    let scaled = float * 32_768.0;
    (scaled + 0.5_f32.copysign(scaled)) as i16
}
