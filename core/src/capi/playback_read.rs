//! The books of what the caller has heard: what they say.

use core::ffi::c_char;

use super::{
    ffi::{Record, boundary},
    output::micros,
    playback::{copy, trunkline_playback_ledger},
    trunkline_text,
};
use crate::playback::{self, Cut, Unheard};

/// Nothing is to be told of the part: deleting the item covers it.
pub const TRUNKLINE_CUT_NONE: i32 = 0;
/// The item is to be truncated at `heard_ms` of the part (`conversation.item.truncate`).
pub const TRUNKLINE_CUT_TRUNCATE: i32 = 1;
/// The item is to be deleted (`conversation.item.delete`): nothing of it was heard.
pub const TRUNKLINE_CUT_DELETE: i32 = 2;

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
