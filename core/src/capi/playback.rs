//! The books of what the caller has heard.

use core::{
    ffi::{c_char, c_void},
    time::Duration,
};

use super::{
    error::*,
    ffi::{self, Home, Object, Record, boundary},
    output::micros,
    trunkline_text,
};
use crate::{
    PlaybackLedger,
    playback::{self, Cut, Echo, Unheard},
};

/// Playback reached the mark.
pub const TRUNKLINE_ECHO_HEARD: i32 = 0;
/// The mark was on the way when playback was cleared; it counts for nothing.
pub const TRUNKLINE_ECHO_FLUSHED: i32 = 1;
/// The ledger did not name the mark, or not yet.
pub const TRUNKLINE_ECHO_FOREIGN: i32 = 2;

/// Nothing is to be told of the part: deleting the item covers it.
pub const TRUNKLINE_CUT_NONE: i32 = 0;
/// The item is to be truncated at `heard_ms` of the part (`conversation.item.truncate`).
pub const TRUNKLINE_CUT_TRUNCATE: i32 = 1;
/// The item is to be deleted (`conversation.item.delete`): nothing of it was heard.
pub const TRUNKLINE_CUT_DELETE: i32 = 2;

/// Books of one call's playback: what the caller has heard, item by item.
pub struct trunkline_playback_ledger {
    home: Home,
    inner: PlaybackLedger,
}

// SAFETY: `home` is set once, by `Call::init` or `Call::create`.
unsafe impl Object for trunkline_playback_ledger {
    fn home(&self) -> Home {
        self.home
    }
}

/// How far playback has come. Positions are samples at 8 kHz since the ledger was made.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trunkline_playback_state {
    /// Received from the model.
    pub received_samples: u64,
    /// Sent to the carrier.
    pub sent_samples: u64,
    /// Heard by the caller, as far as marks prove it.
    pub heard_samples: u64,
    /// Sent since the last mark.
    pub unmarked_samples: u64,
    /// When, by the clock, the carrier will have played all it was sent.
    pub play_end_us: u64,
    /// How often playback was cleared.
    pub epoch: u32,
    /// 1 if no content part is waiting for more audio from the model.
    pub is_finished: i32,
}

// SAFETY: `repr(C)`, and of integers only.
unsafe impl Record for trunkline_playback_state {
    const FIRST_SIZE: usize = size_of::<Self>();
}

/// A content part of an item, heard or not.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trunkline_playback_part {
    /// The item; no text if there is no such part.
    pub item_id: trunkline_text,
    /// Audio heard, in whole milliseconds; never more than `received_ms`.
    pub heard_ms: u64,
    /// Audio received, in whole milliseconds.
    pub received_ms: u64,
    /// Where it starts, in samples at 8 kHz; 0 for a part that was heard.
    pub start_samples: u64,
    /// Content part of the item.
    pub content_index: u32,
    /// What the model is to be told if playback stops now: `TRUNKLINE_CUT_...`.
    pub cut: i32,
}

// SAFETY: `repr(C)`, and of numbers and pointers only.
unsafe impl Record for trunkline_playback_part {
    const FIRST_SIZE: usize = size_of::<Self>();
}

impl trunkline_playback_part {
    const NONE: Self = Self {
        item_id: trunkline_text::NONE,
        heard_ms: 0,
        received_ms: 0,
        start_samples: 0,
        content_index: 0,
        cut: TRUNKLINE_CUT_NONE,
    };

    fn of_unheard(part: Unheard<'_>) -> Self {
        Self {
            item_id: trunkline_text::new(part.item_id),
            heard_ms: part.heard_ms,
            received_ms: part.received_ms,
            start_samples: part.start,
            content_index: part.content_index,
            cut: match part.cut() {
                Cut::None => TRUNKLINE_CUT_NONE,
                Cut::TruncateAt { .. } => TRUNKLINE_CUT_TRUNCATE,
                Cut::Delete => TRUNKLINE_CUT_DELETE,
            },
        }
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

/// Takes the oldest content part from the books, once it is finished and wholly heard; each is told
/// once. `part` gets it, or a part without item if there is none; the caller knows `part_size` bytes
/// of it (`sizeof *part`). The item's id is put into `buf`; 64 bytes are enough.
///
/// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_playback_ledger_pop_heard(
    ledger: *mut trunkline_playback_ledger,
    buf: *mut c_char,
    buf_len: usize,
    part: *mut trunkline_playback_part,
    part_size: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (ledger, buf, part, written) = unsafe {
            (
                call.object_mut(ledger)?,
                call.buf(buf, buf_len)?,
                call.record(part, part_size)?,
                call.out(written)?,
            )
        };
        let mut popped = ledger.inner.clone();
        let Some(heard) = popped.pop_heard() else {
            written.set(0);
            part.set(trunkline_playback_part::NONE);
            return Ok(());
        };
        let ptr = buf.as_ptr();
        let len = heard.item_id().len();
        written.report(copy(heard.item_id(), buf))?;
        part.set(trunkline_playback_part {
            item_id: trunkline_text {
                ptr: ptr.cast(),
                len,
            },
            heard_ms: heard.audio_ms,
            received_ms: heard.audio_ms,
            content_index: heard.content_index,
            ..trunkline_playback_part::NONE
        });
        ledger.inner = popped;
        Ok(())
    })
}

/// Looks at the content part number `index`, from 0, of those not wholly heard, oldest first. `part`
/// gets it, or a part without item if there are not so many; the caller knows `part_size` bytes of it
/// (`sizeof *part`). The item's id points into the ledger: it is valid until the next call that may
/// change it.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_playback_ledger_unheard(
    ledger: *const trunkline_playback_ledger,
    index: usize,
    part: *mut trunkline_playback_part,
    part_size: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (ledger, part) = unsafe { (call.object(ledger)?, call.record(part, part_size)?) };
        let unheard = ledger.inner.unheard().nth(index);
        part.set(unheard.map_or(
            trunkline_playback_part::NONE,
            trunkline_playback_part::of_unheard,
        ));
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

/// Stores how far playback has come, of which the caller knows `state_size` bytes (`sizeof *state`).
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_playback_ledger_state(
    ledger: *const trunkline_playback_ledger,
    state: *mut trunkline_playback_state,
    state_size: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (ledger, state) = unsafe { (call.object(ledger)?, call.record(state, state_size)?) };
        let ledger = &ledger.inner;
        state.set(trunkline_playback_state {
            received_samples: ledger.received_samples(),
            sent_samples: ledger.sent_samples(),
            heard_samples: ledger.heard_samples(),
            unmarked_samples: ledger.unmarked_samples(),
            play_end_us: micros(ledger.play_end()),
            epoch: ledger.epoch(),
            is_finished: i32::from(ledger.is_finished()),
        });
        Ok(())
    })
}

/// Estimates how much of `text` was heard when `heard_ms` of `total_ms` of its speech were:
/// `heard_len` gets the length in bytes of its beginning, cut back to a whole word.
///
/// Errors: none of its own. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_heard_text(
    text: *const c_char,
    text_len: usize,
    heard_ms: u64,
    total_ms: u64,
    heard_len: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (text, heard_len) = unsafe { (call.text(text, text_len)?, call.out(heard_len)?) };
        heard_len.set(playback::heard_text(text, heard_ms, total_ms).len());
        Ok(())
    })
}

fn copy(text: &str, buf: &mut [u8]) -> Result<usize, crate::Error> {
    let (needed, actual) = (text.len(), buf.len());
    let to = buf
        .get_mut(..needed)
        .ok_or(crate::Error::BufferTooShort { needed, actual })?;
    to.copy_from_slice(text.as_bytes());
    Ok(needed)
}

/// So many samples that the ledger's sums of them stay far from 64 bits, over any call.
const MAX_SAMPLES: usize = u32::MAX as usize;
