//! G.711 and base64.

use core::ffi::c_char;

use super::{error::*, ffi::boundary};
use crate::{alaw, base64, g711::Variant, mulaw};

/// The μ-law code of silence.
pub const TRUNKLINE_MULAW_SILENCE: u8 = 0xFF;
/// The A-law code of the smallest positive sample; A-law has no code for silence.
pub const TRUNKLINE_ALAW_SILENCE: u8 = 0xD5;

/// μ-law encoder: ITU-T's reference.
pub const TRUNKLINE_MULAW_ITU: i32 = 0;
/// μ-law encoder: the common 16-bit one; differs from ITU-T's for 127 negative samples.
pub const TRUNKLINE_MULAW_SUN: i32 = 1;
/// μ-law encoder: that of Python's `audioop`; differs from ITU-T's for 508 negative samples.
pub const TRUNKLINE_MULAW_AUDIOOP: i32 = 2;

/// Decodes μ-law: `src_len` codes become as many PCM16 samples. 8 kHz on the phone; the rate is not
/// looked at.
///
/// Errors: `TRUNKLINE_ERR_LENGTH_MISMATCH` if `dst_len` is not `src_len`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_mulaw_decode(
    src: *const u8,
    src_len: usize,
    dst: *mut i16,
    dst_len: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (src, dst) = unsafe { (call.slice(src, src_len)?, call.slice_mut(dst, dst_len)?) };
        Ok(mulaw::decode(src, dst)?)
    })
}

/// Encodes PCM16 as μ-law, with ITU-T's reference encoder: `src_len` samples become as many codes.
///
/// Errors: `TRUNKLINE_ERR_LENGTH_MISMATCH` if `dst_len` is not `src_len`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_mulaw_encode(
    src: *const i16,
    src_len: usize,
    dst: *mut u8,
    dst_len: usize,
) -> i32 {
    // SAFETY: the contract is the same.
    unsafe { trunkline_mulaw_encode_with(TRUNKLINE_MULAW_ITU, src, src_len, dst, dst_len) }
}

/// Encodes PCM16 as μ-law with one of the encoders that are in use, `variant`
/// (`TRUNKLINE_MULAW_ITU`, `_SUN` or `_AUDIOOP`): `src_len` samples become as many codes.
///
/// Errors: `TRUNKLINE_ERR_LENGTH_MISMATCH` if `dst_len` is not `src_len`; `TRUNKLINE_ERR_ARGUMENT`
/// for another `variant`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_mulaw_encode_with(
    variant: i32,
    src: *const i16,
    src_len: usize,
    dst: *mut u8,
    dst_len: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (src, dst) = unsafe { (call.slice(src, src_len)?, call.slice_mut(dst, dst_len)?) };
        let variant = match variant {
            TRUNKLINE_MULAW_ITU => Variant::Itu,
            TRUNKLINE_MULAW_SUN => Variant::Sun,
            TRUNKLINE_MULAW_AUDIOOP => Variant::Audioop,
            _ => return Err(Code(TRUNKLINE_ERR_ARGUMENT)),
        };
        Ok(mulaw::encode_with(variant, src, dst)?)
    })
}

/// Converts μ-law to A-law through the linear value: `src_len` codes become as many.
///
/// Errors: `TRUNKLINE_ERR_LENGTH_MISMATCH` if `dst_len` is not `src_len`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_mulaw_to_alaw(
    src: *const u8,
    src_len: usize,
    dst: *mut u8,
    dst_len: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (src, dst) = unsafe { (call.slice(src, src_len)?, call.slice_mut(dst, dst_len)?) };
        Ok(mulaw::to_alaw(src, dst)?)
    })
}

/// Decodes A-law: `src_len` codes become as many PCM16 samples.
///
/// Errors: `TRUNKLINE_ERR_LENGTH_MISMATCH` if `dst_len` is not `src_len`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_alaw_decode(
    src: *const u8,
    src_len: usize,
    dst: *mut i16,
    dst_len: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (src, dst) = unsafe { (call.slice(src, src_len)?, call.slice_mut(dst, dst_len)?) };
        Ok(alaw::decode(src, dst)?)
    })
}

/// Encodes PCM16 as A-law: `src_len` samples become as many codes. All A-law encoders agree.
///
/// Errors: `TRUNKLINE_ERR_LENGTH_MISMATCH` if `dst_len` is not `src_len`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_alaw_encode(
    src: *const i16,
    src_len: usize,
    dst: *mut u8,
    dst_len: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (src, dst) = unsafe { (call.slice(src, src_len)?, call.slice_mut(dst, dst_len)?) };
        Ok(alaw::encode(src, dst)?)
    })
}

/// Converts A-law to μ-law through the linear value: `src_len` codes become as many.
///
/// Errors: `TRUNKLINE_ERR_LENGTH_MISMATCH` if `dst_len` is not `src_len`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_alaw_to_mulaw(
    src: *const u8,
    src_len: usize,
    dst: *mut u8,
    dst_len: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (src, dst) = unsafe { (call.slice(src, src_len)?, call.slice_mut(dst, dst_len)?) };
        Ok(alaw::to_mulaw(src, dst)?)
    })
}

/// Encodes `src_len` bytes as base64 (RFC 4648 section 4), padded, without a NUL at the end.
/// `written` gets the number of characters: four for every three bytes or part of them.
///
/// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_base64_encode(
    src: *const u8,
    src_len: usize,
    dst: *mut c_char,
    dst_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (src, dst, written) = unsafe {
            (
                call.slice(src, src_len)?,
                call.buf(dst, dst_len)?,
                call.out(written)?,
            )
        };
        written.report(base64::encode(src, dst))
    })
}

/// Decodes base64, strictly: the payload of a media message, the audio of a delta. `written` gets
/// the number of bytes, at most three for every four characters.
///
/// Errors: `TRUNKLINE_ERR_INVALID_BASE64`; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_base64_decode(
    src: *const c_char,
    src_len: usize,
    dst: *mut u8,
    dst_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (src, dst, written) = unsafe {
            (
                call.slice(src.cast::<u8>(), src_len)?,
                call.slice_mut(dst, dst_len)?,
                call.out(written)?,
            )
        };
        check_base64(src)?;
        written.report(base64::decode(src, dst))
    })
}

/// Decodes all of `src` to nowhere: an output is not to be begun that cannot be finished.
fn check_base64(src: &[u8]) -> Result<(), Code> {
    let mut bytes = [0; 768];
    let mut blocks = src.chunks(1_024).peekable();
    while let Some(block) = blocks.next() {
        let len = base64::decode(block, &mut bytes)?;
        let is_padded_within = len < bytes.len() && blocks.peek().is_some();
        if is_padded_within {
            return Err(Code(TRUNKLINE_ERR_INVALID_BASE64));
        }
    }
    Ok(())
}

const _: () = assert!(
    TRUNKLINE_MULAW_SILENCE == mulaw::SILENCE && TRUNKLINE_ALAW_SILENCE == alaw::SILENCE,
    "cbindgen cannot follow the core's constants"
);
