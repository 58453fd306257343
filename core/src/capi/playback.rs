//! The books of what the caller has heard: what goes in.

use core::{
    ffi::{c_char, c_void},
    time::Duration,
};

use super::{
    error::*,
    ffi::{self, Home, Object, boundary},
};
use crate::{Error, PlaybackLedger, playback::Echo};

/// Playback reached the mark.
pub const TRUNKLINE_ECHO_HEARD: i32 = 0;
/// The mark was on the way when playback was cleared; it counts for nothing.
pub const TRUNKLINE_ECHO_FLUSHED: i32 = 1;
/// The ledger did not name the mark, or not yet.
pub const TRUNKLINE_ECHO_FOREIGN: i32 = 2;

/// Books of one call's playback: what the caller has heard, item by item.
pub struct trunkline_playback_ledger {
    home: Home,
    pub(super) inner: PlaybackLedger,
}

// SAFETY: `home` is set once, by `Call::init` or `Call::create`.
unsafe impl Object for trunkline_playback_ledger {
    fn home(&self) -> Home {
        self.home
    }
}

/// Bytes of memory that `trunkline_playback_ledger_init` needs, about 2 KiB. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn trunkline_playback_ledger_size() -> usize {
    size_of::<trunkline_playback_ledger>()
}

/// Makes an empty ledger in `memory`, `memory_len` bytes that it keeps, for a model that speaks at
/// `model_rate_hz`: 24000 for PCM16, 8000 for G.711.
///
/// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT` for less than `trunkline_playback_ledger_size` bytes. Any
/// thread.
///
/// # Safety
/// Pointers and lengths as described at the top; the memory is the object's as long as it is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_playback_ledger_init(
    memory: *mut c_void,
    memory_len: usize,
    model_rate_hz: u32,
    out: *mut *mut trunkline_playback_ledger,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        unsafe {
            call.init(memory, memory_len, 0, out, |home, _| {
                let inner = PlaybackLedger::new(model_rate_hz);
                Ok(trunkline_playback_ledger { home, inner })
            })
        }
    })
}

/// As `trunkline_playback_ledger_init`, in memory that it allocates;
/// `trunkline_playback_ledger_free` gives it back.
///
/// Errors: `TRUNKLINE_ERR_NO_MEMORY`. Any thread.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_playback_ledger_new(
    model_rate_hz: u32,
    out: *mut *mut trunkline_playback_ledger,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        unsafe {
            call.create(0, out, |home, _| {
                let inner = PlaybackLedger::new(model_rate_hz);
                Ok(trunkline_playback_ledger { home, inner })
            })
        }
    })
}

/// Ends a ledger; NULL is ignored. The caller's memory of `trunkline_playback_ledger_init` stays the
/// caller's. Any one thread.
///
/// # Safety
/// NULL or a ledger, which is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_playback_ledger_free(ledger: *mut trunkline_playback_ledger) {
    // SAFETY: as `# Safety` says.
    unsafe { ffi::free(ledger) }
}

/// Audio of a content part has arrived: `model_samples` at the model's rate, which became
/// `line_samples` at 8 kHz at the end of the line. Both may be 0 for a part that only exists yet.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for an `item_id` that is empty, longer than 64 bytes or not
/// plain ASCII; `TRUNKLINE_ERR_QUEUE_FULL` if 16 parts wait and not even the oldest has been sent;
/// `TRUNKLINE_ERR_LENGTH` for more samples than memory could hold. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_playback_ledger_receive(
    ledger: *mut trunkline_playback_ledger,
    item_id: *const c_char,
    item_id_len: usize,
    content_index: u32,
    model_samples: usize,
    line_samples: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (ledger, item_id) =
            unsafe { (call.object_mut(ledger)?, call.text(item_id, item_id_len)?) };
        if model_samples > MAX_SAMPLES || line_samples > MAX_SAMPLES {
            return Err(Code(TRUNKLINE_ERR_LENGTH));
        }
        let ledger = &mut ledger.inner;
        Ok(ledger.receive(item_id, content_index, model_samples, line_samples)?)
    })
}

/// No more audio will come for `content_index` of `item_id`.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_playback_ledger_finish(
    ledger: *mut trunkline_playback_ledger,
    item_id: *const c_char,
    item_id_len: usize,
    content_index: u32,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (ledger, item_id) =
            unsafe { (call.object_mut(ledger)?, call.text(item_id, item_id_len)?) };
        ledger.inner.finish(item_id, content_index);
        Ok(())
    })
}

/// No more audio will come for any part of `item_id`.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_playback_ledger_finish_item(
    ledger: *mut trunkline_playback_ledger,
    item_id: *const c_char,
    item_id_len: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (ledger, item_id) =
            unsafe { (call.object_mut(ledger)?, call.text(item_id, item_id_len)?) };
        ledger.inner.finish_item(item_id);
        Ok(())
    })
}

/// No more audio will come for any part known so far.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_playback_ledger_finish_all(
    ledger: *mut trunkline_playback_ledger,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        unsafe { call.object_mut(ledger) }?.inner.finish_all();
        Ok(())
    })
}

/// The next `samples` at 8 kHz have gone to the carrier at `now_us`; no more than were received.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_playback_ledger_send(
    ledger: *mut trunkline_playback_ledger,
    now_us: u64,
    samples: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let ledger = unsafe { call.object_mut(ledger) }?;
        ledger.inner.send(Duration::from_micros(now_us), samples);
        Ok(())
    })
}

/// Names a mark to send behind everything sent so far; `written` gets the name's length, at most 34
/// bytes. Its echo goes to `trunkline_playback_ledger_handle_mark`.
///
/// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_playback_ledger_mark(
    ledger: *mut trunkline_playback_ledger,
    buf: *mut c_char,
    buf_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (ledger, buf, written) = unsafe {
            (
                call.object_mut(ledger)?,
                call.buf(buf, buf_len)?,
                call.out(written)?,
            )
        };
        let mut marked = ledger.inner.clone();
        let name = marked.mark();
        written.report(copy(name.as_str(), buf))?;
        ledger.inner = marked;
        Ok(())
    })
}

/// The carrier has echoed the mark `name` at `now_us`; `echo` gets what that means,
/// `TRUNKLINE_ECHO_...`.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_playback_ledger_handle_mark(
    ledger: *mut trunkline_playback_ledger,
    now_us: u64,
    name: *const c_char,
    name_len: usize,
    echo: *mut i32,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (ledger, name, echo) = unsafe {
            (
                call.object_mut(ledger)?,
                call.text(name, name_len)?,
                call.out(echo)?,
            )
        };
        let now = Duration::from_micros(now_us);
        echo.set(match ledger.inner.handle_mark(now, name) {
            Echo::Heard => TRUNKLINE_ECHO_HEARD,
            Echo::Flushed => TRUNKLINE_ECHO_FLUSHED,
            Echo::Foreign => TRUNKLINE_ECHO_FOREIGN,
        });
        Ok(())
    })
}

/// Playback has been stopped and the carrier's queue emptied: nothing sent or received so far will be
/// heard any more, and marks sent before this count for nothing.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_playback_ledger_clear(
    ledger: *mut trunkline_playback_ledger,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        unsafe { call.object_mut(ledger) }?.inner.clear();
        Ok(())
    })
}

pub(super) fn copy(text: &str, buf: &mut [u8]) -> Result<usize, Error> {
    let (needed, actual) = (text.len(), buf.len());
    let to = buf
        .get_mut(..needed)
        .ok_or(Error::BufferTooShort { needed, actual })?;
    to.copy_from_slice(text.as_bytes());
    Ok(needed)
}

/// So many samples that the ledger's sums of them stay far from 64 bits, over any call.
const MAX_SAMPLES: usize = u32::MAX as usize;
