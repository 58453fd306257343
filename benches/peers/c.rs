//! The C libraries: libsoxr through the crate `soxr`, the others through [`ffi`].

use std::ffi::c_long;
use std::ptr::NonNull;

use soxr::{
    Soxr,
    format::Mono,
    params::{QualityRecipe, QualitySpec, RuntimeSpec},
};

use super::{Direction, Resampler, append};

mod ffi;

/// All settings that are compared.
pub(super) fn resamplers(direction: Direction) -> Vec<Box<dyn Resampler>> {
    let soxr = [
        ("soxr QQ", QualityRecipe::Quick),
        ("soxr LQ", QualityRecipe::Low),
        ("soxr MQ", QualityRecipe::Medium),
        ("soxr HQ", QualityRecipe::high()),
        ("soxr VHQ", QualityRecipe::very_high()),
    ];
    let speex = [("speexdsp 3", 3), ("speexdsp 5", 5), ("speexdsp 10", 10)];
    let samplerate = [
        ("libsamplerate linear", ffi::SRC_LINEAR),
        ("libsamplerate fastest", ffi::SRC_SINC_FASTEST),
        ("libsamplerate medium", ffi::SRC_SINC_MEDIUM_QUALITY),
        ("libsamplerate best", ffi::SRC_SINC_BEST_QUALITY),
    ];
    let mut all: Vec<Box<dyn Resampler>> = Vec::new();
    for (name, recipe) in soxr {
        all.push(Box::new(SoxrStream::new(name, direction, recipe)));
    }
    for (name, quality) in speex {
        all.push(Box::new(Speex::new(name, direction, quality)));
    }
    for (name, converter) in samplerate {
        all.push(Box::new(Samplerate::new(name, direction, converter)));
    }
    all
}

/// libsoxr on 16-bit samples, dither and all else as it comes.
struct SoxrStream {
    name: &'static str,
    soxr: Soxr<Mono<i16>>,
}

impl SoxrStream {
    fn new(name: &'static str, direction: Direction, recipe: QualityRecipe) -> Self {
        let soxr = Soxr::new_with_params(
            direction.from_hz().into(),
            direction.to_hz().into(),
            QualitySpec::new(recipe),
            RuntimeSpec::default(),
        );
        Self {
            name,
            soxr: soxr.expect("plain rates"),
        }
    }
}

impl Resampler for SoxrStream {
    fn name(&self) -> &str {
        self.name
    }

    fn process_into(&mut self, src: &[i16], dst: &mut [i16]) -> usize {
        let done = self.soxr.process(src, dst).expect("a good stream");
        assert_eq!(done.input_frames, src.len());
        done.output_frames
    }

    fn flush(&mut self, dst: &mut Vec<i16>) {
        loop {
            let before = dst.len();
            append(dst, |room| self.soxr.drain(room).expect("a good stream"));
            if dst.len() == before {
                break;
            }
        }
    }
}

/// speexdsp's resampler through its 16-bit interface.
struct Speex {
    name: &'static str,
    frame: usize,
    state: NonNull<ffi::SpeexResamplerState>,
}

impl Speex {
    fn new(name: &'static str, direction: Direction, quality: i32) -> Self {
        let (from_hz, to_hz) = (direction.from_hz(), direction.to_hz());
        let mut error = 0;
        // SAFETY: any numbers are allowed here, and `error` is valid for a write.
        let state =
            unsafe { ffi::speex_resampler_init(1, from_hz, to_hz, quality, &raw mut error) };
        let state = NonNull::new(state).unwrap_or_else(|| panic!("speexdsp: error {error}"));
        Self {
            name,
            frame: direction.frame(),
            state,
        }
    }
}

impl Resampler for Speex {
    fn name(&self) -> &str {
        self.name
    }

    fn process_into(&mut self, src: &[i16], dst: &mut [i16]) -> usize {
        let mut taken = u32::try_from(src.len()).expect("a frame");
        let mut written = u32::try_from(dst.len()).expect("room");
        // SAFETY: the state lives until `drop`, is not shared, and has one channel. The library
        // reads at most `taken` samples and writes at most `written`, which are the lengths of the
        // slices, and slices of different borrows do not overlap.
        let error = unsafe {
            ffi::speex_resampler_process_int(
                self.state.as_ptr(),
                0,
                src.as_ptr(),
                &raw mut taken,
                dst.as_mut_ptr(),
                &raw mut written,
            )
        };
        assert_eq!((error, taken as usize), (0, src.len()));
        written as usize
    }

    fn flush(&mut self, dst: &mut Vec<i16>) {
        // Its longest filter here, of quality 10, has 256 taps at 8 kHz: 16 ms to go.
        self.process(&vec![0; self.frame], dst);
    }
}

impl Drop for Speex {
    fn drop(&mut self) {
        // SAFETY: the state came from `speex_resampler_init` and is not used any more.
        unsafe { ffi::speex_resampler_destroy(self.state.as_ptr()) }
    }
}

/// libsamplerate between the library's own conversions.
struct Samplerate {
    name: &'static str,
    ratio: f64,
    state: NonNull<ffi::SrcState>,
    input: Vec<f32>,
    output: Vec<f32>,
}

impl Samplerate {
    fn new(name: &'static str, direction: Direction, converter: i32) -> Self {
        let mut error = 0;
        // SAFETY: any numbers are allowed here, and `error` is valid for a write.
        let state = unsafe { ffi::src_new(converter, 1, &raw mut error) };
        let state = NonNull::new(state).unwrap_or_else(|| panic!("libsamplerate: error {error}"));
        Self {
            name,
            ratio: f64::from(direction.to_hz()) / f64::from(direction.from_hz()),
            state,
            input: vec![0.0; direction.frame()],
            output: vec![0.0; super::ROOM],
        }
    }

    fn run(&mut self, src: &[i16], dst: &mut [i16], is_last: bool) -> usize {
        let input = &mut self.input[..src.len()];
        let room = dst.len().min(self.output.len());
        let length = i32::try_from(src.len()).expect("a frame");
        // SAFETY: both slices have `length` elements.
        unsafe { ffi::src_short_to_float_array(src.as_ptr(), input.as_mut_ptr(), length) }
        let mut data = ffi::SrcData {
            data_in: input.as_ptr(),
            data_out: self.output.as_mut_ptr(),
            input_frames: length.into(),
            output_frames: c_long::try_from(room).expect("room"),
            input_frames_used: 0,
            output_frames_gen: 0,
            end_of_input: is_last.into(),
            src_ratio: self.ratio,
        };
        // SAFETY: the state lives until `drop` and is not shared; `data` holds one channel's
        // buffers with their lengths, which outlive the call and do not overlap.
        let error = unsafe { ffi::src_process(self.state.as_ptr(), &raw mut data) };
        assert_eq!((error, data.input_frames_used), (0, length.into()));
        let written = data.output_frames_gen as usize;
        // SAFETY: `written` is at most `room`, which neither buffer is shorter than.
        unsafe {
            let written = written as i32;
            ffi::src_float_to_short_array(self.output.as_ptr(), dst.as_mut_ptr(), written);
        }
        written
    }
}

impl Resampler for Samplerate {
    fn name(&self) -> &str {
        self.name
    }

    fn process_into(&mut self, src: &[i16], dst: &mut [i16]) -> usize {
        self.run(src, dst, false)
    }

    fn flush(&mut self, dst: &mut Vec<i16>) {
        append(dst, |room| self.run(&[], room, true));
    }
}

impl Drop for Samplerate {
    fn drop(&mut self) {
        // SAFETY: the state came from `src_new` and is not used any more.
        unsafe { ffi::src_delete(self.state.as_ptr()) };
    }
}
