//! The resampler.

use core::ffi::c_void;

use super::{
    error::*,
    ffi::{self, Home, Object, boundary},
};
use crate::resample::{Profile, Resampler};

/// Filter: at most 2.21 ms of delay; -6 dB at half the lower rate.
pub const TRUNKLINE_PROFILE_VOICE: i32 = 0;
/// Filter: nothing from half the lower rate on, for 3.96 ms of delay. Between 8 and 24 kHz only.
pub const TRUNKLINE_PROFILE_SHARP: i32 = 1;

/// A streaming resampler of PCM16 between two of the rates 8, 16 and 24 kHz.
pub struct trunkline_resampler {
    home: Home,
    inner: Resampler,
}

// SAFETY: `home` is set once, by `Call::init` or `Call::create`.
unsafe impl Object for trunkline_resampler {
    fn home(&self) -> Home {
        self.home
    }
}

fn resampler(from_hz: u32, to_hz: u32, profile: i32) -> Result<Resampler, Code> {
    let profile = match profile {
        TRUNKLINE_PROFILE_VOICE => Profile::Voice,
        TRUNKLINE_PROFILE_SHARP => Profile::Sharp,
        _ => return Err(Code(TRUNKLINE_ERR_ARGUMENT)),
    };
    Ok(Resampler::with_profile(from_hz, to_hz, profile)?)
}

/// Bytes of memory that `trunkline_resampler_init` needs. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn trunkline_resampler_size() -> usize {
    size_of::<trunkline_resampler>()
}

/// Makes a resampler in `memory`, `memory_len` bytes that it keeps. It converts from `from_hz` to
/// `to_hz`, two different ones of 8000, 16000 and 24000, with the filter `profile`
/// (`TRUNKLINE_PROFILE_VOICE` or `_SHARP`), and starts with silence.
///
/// Errors: `TRUNKLINE_ERR_UNSUPPORTED_RATE`; `TRUNKLINE_ERR_ARGUMENT` for another `profile`;
/// `TRUNKLINE_ERR_BUFFER_TOO_SHORT` for less than `trunkline_resampler_size` bytes. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top; the memory is the object's as long as it is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_resampler_init(
    memory: *mut c_void,
    memory_len: usize,
    from_hz: u32,
    to_hz: u32,
    profile: i32,
    out: *mut *mut trunkline_resampler,
) -> i32 {
    boundary(|call| {
        let inner = resampler(from_hz, to_hz, profile)?;
        // SAFETY: as `# Safety` says.
        unsafe {
            call.init(memory, memory_len, 0, out, |home, _| {
                Ok(trunkline_resampler { home, inner })
            })
        }
    })
}

/// As `trunkline_resampler_init`, in memory that it allocates; `trunkline_resampler_free` gives it
/// back.
///
/// Errors: `TRUNKLINE_ERR_UNSUPPORTED_RATE`; `TRUNKLINE_ERR_ARGUMENT` for another `profile`;
/// `TRUNKLINE_ERR_NO_MEMORY`. Any thread.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_resampler_new(
    from_hz: u32,
    to_hz: u32,
    profile: i32,
    out: *mut *mut trunkline_resampler,
) -> i32 {
    boundary(|call| {
        let inner = resampler(from_hz, to_hz, profile)?;
        // SAFETY: as `# Safety` says.
        unsafe { call.create(0, out, |home, _| Ok(trunkline_resampler { home, inner })) }
    })
}

/// Ends a resampler; NULL is ignored. The caller's memory of `trunkline_resampler_init` stays the
/// caller's. Any one thread.
///
/// # Safety
/// NULL or a resampler, which is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_resampler_free(resampler: *mut trunkline_resampler) {
    // SAFETY: as `# Safety` says.
    unsafe { ffi::free(resampler) }
}

/// Takes `src_len` samples, any number, and writes those that are due to `dst`; `written` gets their
/// number, which `trunkline_resampler_output_len` tells before. However the input is cut, the output
/// is the same.
///
/// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT`; nothing is taken then. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_resampler_process(
    resampler: *mut trunkline_resampler,
    src: *const i16,
    src_len: usize,
    dst: *mut i16,
    dst_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (resampler, src, dst, written) = unsafe {
            (
                call.object_mut(resampler)?,
                call.slice(src, src_len)?,
                call.slice_mut(dst, dst_len)?,
                call.out(written)?,
            )
        };
        written.report(resampler.inner.process(src, dst))
    })
}

/// Samples that `trunkline_resampler_process` would write for `src_len` more, to `dst_len`.
///
/// Errors: `TRUNKLINE_ERR_LENGTH` if no memory holds so many. One thread at a time.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_resampler_output_len(
    resampler: *const trunkline_resampler,
    src_len: usize,
    dst_len: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (resampler, dst_len) = unsafe { (call.object(resampler)?, call.out(dst_len)?) };
        if src_len > MAX_SAMPLES {
            return Err(Code(TRUNKLINE_ERR_LENGTH));
        }
        dst_len.set(resampler.inner.output_len(src_len));
        Ok(())
    })
}

/// Writes the samples still in the filter, as if silence followed, and is as new; `written` gets
/// their number, at most `trunkline_resampler_delay` and three.
///
/// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_resampler_flush(
    resampler: *mut trunkline_resampler,
    dst: *mut i16,
    dst_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (resampler, dst, written) = unsafe {
            (
                call.object_mut(resampler)?,
                call.slice_mut(dst, dst_len)?,
                call.out(written)?,
            )
        };
        written.report(resampler.inner.flush(dst))
    })
}

/// Stores the filter's group delay in samples of the output, constant over frequency and time.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_resampler_delay(
    resampler: *const trunkline_resampler,
    delay_samples: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (resampler, delay) = unsafe { (call.object(resampler)?, call.out(delay_samples)?) };
        delay.set(resampler.inner.delay());
        Ok(())
    })
}

/// Forgets all input.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_resampler_reset(resampler: *mut trunkline_resampler) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        unsafe { call.object_mut(resampler) }?.inner.reset();
        Ok(())
    })
}

/// So many samples that the output, three for each at most, is no more than memory holds.
const MAX_SAMPLES: usize = isize::MAX as usize / 8;
