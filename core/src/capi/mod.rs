//! trunkline for C: phone audio and realtime AI voice, joined without glitches.
//!
//! A `trunkline_bridge` stands between a phone call (Twilio Media Streams) and a realtime model
//! (OpenAI Realtime). Its parts are usable by themselves: G.711, resampling, a jitter buffer, both
//! peers' messages, and the books of what the caller has heard. Nothing here opens a socket, starts
//! a thread or reads a clock; times are arguments. What follows holds for every function.
//!
//! Errors. A function returns `TRUNKLINE_OK` or a negative code; `trunkline_strerror` has its text.
//! A call that fails has had no effect: the object is as before and no output is written. One output
//! is an exception: where the last parameter is called `written`, `TRUNKLINE_ERR_BUFFER_TOO_SHORT`
//! stores there how much the buffer must hold, and the call can be made again. Besides the codes that
//! a function names, each may return `TRUNKLINE_ERR_NULL`, `_MISALIGNED`, `_OVERLAP`, `_LENGTH`,
//! `_UTF8`, `_STRUCT_SIZE` and `_ARGUMENT` for arguments that cannot be meant, and
//! `TRUNKLINE_ERR_PANIC` for a defect in the library, after which the object must not be used
//! again, only freed.
//!
//! Pointers. None may be NULL, but a buffer or text of length 0 may; `_free` ignores NULL. A buffer is
//! followed by its length in elements. All memory is the caller's and is used only during the call,
//! save what a function says it keeps. No two arguments may overlap, unless both are only read.
//! Outputs need not be initialized.
//!
//! Objects. `_new` allocates one, once; `_free` gives it back. `_init` makes one in memory of the
//! caller, of at least `_size` bytes and aligned to `TRUNKLINE_ALIGN`, as from `malloc`; it allocates
//! nothing, the object must stay where it is, and it needs no `_free`: the memory may just be reused.
//! No other function allocates.
//!
//! Threads. Functions without an object may be called from any thread at any time. An object may be
//! used by any thread, but by one at a time.
//!
//! Text is UTF-8 with its length in bytes, without a NUL at its end. Audio is mono, PCM16 in the
//! machine's byte order. Times ending in `_us` are microseconds; a `now_us` counts from any fixed
//! point and never goes back.
//!
//! Structs that are read begin with their size, those that are filled in are followed by it, so that a
//! later library, whose structs may have more members, works with a program of today. Members called
//! `reserved` are 0.
#![allow(
    unsafe_code,
    reason = "pointers come from C; every one goes through `ffi`"
)]
#![allow(non_camel_case_types, reason = "the names are those of the C header")]

mod bridge;
mod bridge_poll;
mod config;
mod error;
mod ffi;
mod g711;
mod jitter;
mod message;
mod openai_read;
mod openai_write;
mod output;
mod playback;
mod playback_read;
mod resample;
mod session;
mod stats;
mod twilio;

use core::ffi::c_char;

pub use bridge::*;
pub use bridge_poll::*;
pub use config::*;
pub use error::*;
pub use g711::*;
pub use jitter::*;
pub use message::*;
pub use openai_read::*;
pub use openai_write::*;
pub use output::*;
pub use playback::*;
pub use playback_read::*;
pub use resample::*;
pub use session::*;
pub use stats::*;
pub use twilio::*;

/// Alignment in bytes of the memory given to `_init` functions; that of `malloc` is always enough.
pub const TRUNKLINE_ALIGN: usize = 8;

/// Text of `len` bytes, UTF-8, without a NUL at its end. No text is `{NULL, 0}`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trunkline_text {
    /// The first byte.
    pub ptr: *const c_char,
    /// Length in bytes.
    pub len: usize,
}

impl trunkline_text {
    const NONE: Self = Self {
        ptr: core::ptr::null(),
        len: 0,
    };

    const fn new(text: &str) -> Self {
        Self {
            ptr: text.as_ptr().cast(),
            len: text.len(),
        }
    }
}

/// The version of the library that is linked, as `"1.2.3"`; of the header, see
/// `TRUNKLINE_VERSION_MAJOR`. The string is static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn trunkline_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Panics, and says so by its code: the one way to see that a panic stops at the boundary.
///
/// cbindgen:ignore
#[cfg(feature = "internal")]
#[unsafe(no_mangle)]
pub extern "C" fn trunkline_internal_panic() -> i32 {
    ffi::boundary(|_| panic!("asked for"))
}
