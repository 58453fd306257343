//! The few declarations of speexdsp and libsamplerate that are used, for Debian's libraries.
//!
//! By hand, because the published crates do not serve: `speexdsp-sys` 0.1.2 needs libclang and a
//! bindgen of 2018, `libsamplerate-sys` 0.1.12 builds a copy of its own with cmake. Sources:
//! `speex/speex_resampler.h` of libspeexdsp-dev 1.2.1, `samplerate.h` of libsamplerate0-dev 0.2.2.

use std::ffi::{c_double, c_int, c_long, c_short, c_uint};

/// Opaque.
#[repr(C)]
pub(super) struct SpeexResamplerState {
    _private: [u8; 0],
}

#[link(name = "speexdsp")]
unsafe extern "C" {
    pub(super) fn speex_resampler_init(
        channels: c_uint,
        in_rate: c_uint,
        out_rate: c_uint,
        quality: c_int,
        error: *mut c_int,
    ) -> *mut SpeexResamplerState;

    pub(super) fn speex_resampler_process_int(
        state: *mut SpeexResamplerState,
        channel: c_uint,
        input: *const c_short,
        input_len: *mut c_uint,
        output: *mut c_short,
        output_len: *mut c_uint,
    ) -> c_int;

    pub(super) fn speex_resampler_destroy(state: *mut SpeexResamplerState);
}

/// Opaque.
#[repr(C)]
pub(super) struct SrcState {
    _private: [u8; 0],
}

/// `SRC_DATA`.
#[repr(C)]
pub(super) struct SrcData {
    pub(super) data_in: *const f32,
    pub(super) data_out: *mut f32,
    pub(super) input_frames: c_long,
    pub(super) output_frames: c_long,
    pub(super) input_frames_used: c_long,
    pub(super) output_frames_gen: c_long,
    pub(super) end_of_input: c_int,
    pub(super) src_ratio: c_double,
}

pub(super) const SRC_SINC_BEST_QUALITY: c_int = 0;
pub(super) const SRC_SINC_MEDIUM_QUALITY: c_int = 1;
pub(super) const SRC_SINC_FASTEST: c_int = 2;
pub(super) const SRC_LINEAR: c_int = 4;

#[link(name = "samplerate")]
unsafe extern "C" {
    pub(super) fn src_new(converter: c_int, channels: c_int, error: *mut c_int) -> *mut SrcState;

    pub(super) fn src_process(state: *mut SrcState, data: *mut SrcData) -> c_int;

    pub(super) fn src_delete(state: *mut SrcState) -> *mut SrcState;

    pub(super) fn src_short_to_float_array(input: *const c_short, output: *mut f32, len: c_int);

    pub(super) fn src_float_to_short_array(input: *const f32, output: *mut c_short, len: c_int);
}
