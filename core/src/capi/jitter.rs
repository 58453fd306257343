//! The jitter buffer.

use core::ffi::c_void;

use super::{
    error::*,
    ffi::{self, Home, Object, Record, boundary},
    output::micros,
};
use crate::{
    JitterBuffer,
    jitter::{Inserted, Pulled},
};

/// Samples of a pulled frame: 20 ms at 8 kHz.
pub const TRUNKLINE_JITTER_FRAME: usize = 160;
/// The longest packet, and the most that is held, in samples: 2.048 s.
pub const TRUNKLINE_JITTER_CAPACITY: usize = 16384;

/// A packet was taken in, in whole or what was new of it.
pub const TRUNKLINE_INSERTED_ACCEPTED: i32 = 0;
/// All of a packet had come before.
pub const TRUNKLINE_INSERTED_DUPLICATE: i32 = 1;
/// A packet's turn had passed. The delay grows, so that the next one like it is in time.
pub const TRUNKLINE_INSERTED_LATE: i32 = 2;
/// A packet was taken in; the oldest audio made room for it.
pub const TRUNKLINE_INSERTED_OVERFLOW: i32 = 3;
/// A packet is too far from all other audio to be believed, unless the next one continues it.
pub const TRUNKLINE_INSERTED_STRAY: i32 = 4;
/// A packet was taken in, and the time line has followed a jump.
pub const TRUNKLINE_INSERTED_RESYNCHRONISED: i32 = 5;

/// A pulled frame is received audio only.
pub const TRUNKLINE_PULLED_RECEIVED: i32 = 0;
/// A pulled frame is a substitute, at least in part.
pub const TRUNKLINE_PULLED_CONCEALED: i32 = 1;
/// A pulled frame is silence: nothing has come yet, or not for so long that the substitute has
/// faded out.
pub const TRUNKLINE_PULLED_SILENCE: i32 = 2;

/// Puts packets of PCM16 at 8 kHz in order and hands out a frame every 20 ms.
pub struct trunkline_jitter_buffer {
    home: Home,
    inner: JitterBuffer,
}

// SAFETY: `home` is set once, by `Call::init` or `Call::create`.
unsafe impl Object for trunkline_jitter_buffer {
    fn home(&self) -> Home {
        self.home
    }
}

/// Counters of a jitter buffer since it was made, in samples unless said otherwise.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trunkline_jitter_stats {
    /// Taken in.
    pub received_samples: u64,
    /// Came after their turn, for the first time; not used.
    pub late_samples: u64,
    /// Passed over on the time line, and not seen since.
    pub lost_samples: u64,
    /// Came again; not used.
    pub duplicate_samples: u64,
    /// Taken in, and dropped because later audio had no room.
    pub dropped_samples: u64,
    /// Of packets that were not believed.
    pub stray_samples: u64,
    /// Received and played, or cut.
    pub decoded_samples: u64,
    /// Substituted because nothing was there to play.
    pub concealed_samples: u64,
    /// Added by repeating pitch periods, to let the delay grow.
    pub stretched_samples: u64,
    /// Taken out, pitch period by pitch period, to let the delay shrink.
    pub cut_samples: u64,
    /// Silence before the first packet.
    pub silence_samples: u64,
    /// Pulled.
    pub out_samples: u64,
    /// Jumps of the time line that were followed; a number of times.
    pub resyncs: u64,
    /// Held now, holes among them included.
    pub depth_samples: u64,
    /// How much longer the next sample is held now than the network makes unavoidable, in
    /// microseconds.
    pub delay_us: u64,
    /// What `delay_us` is to become.
    pub target_delay_us: u64,
}

// SAFETY: `repr(C)`, and of integers only.
unsafe impl Record for trunkline_jitter_stats {
    const FIRST_SIZE: usize = size_of::<Self>();
}

/// Bytes of memory that `trunkline_jitter_buffer_init` needs, about 37 KiB. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn trunkline_jitter_buffer_size() -> usize {
    size_of::<trunkline_jitter_buffer>()
}

/// Makes an empty jitter buffer in `memory`, `memory_len` bytes that it keeps.
///
/// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT` for less than `trunkline_jitter_buffer_size` bytes. Any
/// thread.
///
/// # Safety
/// Pointers and lengths as described at the top; the memory is the object's as long as it is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_jitter_buffer_init(
    memory: *mut c_void,
    memory_len: usize,
    out: *mut *mut trunkline_jitter_buffer,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        unsafe {
            call.init(memory, memory_len, 0, out, |home, _| {
                let inner = JitterBuffer::new();
                Ok(trunkline_jitter_buffer { home, inner })
            })
        }
    })
}

/// As `trunkline_jitter_buffer_init`, in memory that it allocates; `trunkline_jitter_buffer_free`
/// gives it back.
///
/// Errors: `TRUNKLINE_ERR_NO_MEMORY`. Any thread.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_jitter_buffer_new(
    out: *mut *mut trunkline_jitter_buffer,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        unsafe {
            call.create(0, out, |home, _| {
                let inner = JitterBuffer::new();
                Ok(trunkline_jitter_buffer { home, inner })
            })
        }
    })
}

/// Ends a jitter buffer; NULL is ignored. The caller's memory of `trunkline_jitter_buffer_init`
/// stays the caller's. Any one thread.
///
/// # Safety
/// NULL or a jitter buffer, which is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_jitter_buffer_free(jitter: *mut trunkline_jitter_buffer) {
    // SAFETY: as `# Safety` says.
    unsafe { ffi::free(jitter) }
}

/// A packet has come: `pcm_len` samples at 8 kHz, said at `timestamp`, which counts samples and wraps
/// around, as RTP's do. `outcome` gets what became of it, one of `TRUNKLINE_INSERTED_...`.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for an empty packet or one of more than
/// `TRUNKLINE_JITTER_CAPACITY` samples. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_jitter_buffer_insert(
    jitter: *mut trunkline_jitter_buffer,
    timestamp: u32,
    pcm: *const i16,
    pcm_len: usize,
    outcome: *mut i32,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (jitter, pcm, outcome) = unsafe {
            (
                call.object_mut(jitter)?,
                call.slice(pcm, pcm_len)?,
                call.out(outcome)?,
            )
        };
        outcome.set(match jitter.inner.insert(timestamp, pcm)? {
            Inserted::Accepted => TRUNKLINE_INSERTED_ACCEPTED,
            Inserted::Duplicate => TRUNKLINE_INSERTED_DUPLICATE,
            Inserted::Late => TRUNKLINE_INSERTED_LATE,
            Inserted::Overflow => TRUNKLINE_INSERTED_OVERFLOW,
            Inserted::Stray => TRUNKLINE_INSERTED_STRAY,
            Inserted::Resynchronised => TRUNKLINE_INSERTED_RESYNCHRONISED,
        });
        Ok(())
    })
}

/// The next 20 ms to play: `frame_len`, which is `TRUNKLINE_JITTER_FRAME`, samples at 8 kHz. To be
/// called every 20 ms; it is the buffer's clock. `outcome` gets what the frame is, one of
/// `TRUNKLINE_PULLED_...`.
///
/// Errors: `TRUNKLINE_ERR_LENGTH_MISMATCH` for another length. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_jitter_buffer_pull(
    jitter: *mut trunkline_jitter_buffer,
    frame: *mut i16,
    frame_len: usize,
    outcome: *mut i32,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (jitter, frame, outcome) = unsafe {
            (
                call.object_mut(jitter)?,
                call.slice_mut(frame, frame_len)?,
                call.out(outcome)?,
            )
        };
        let Ok(frame) = frame.try_into() else {
            return Err(Code(TRUNKLINE_ERR_LENGTH_MISMATCH));
        };
        outcome.set(match jitter.inner.pull(frame) {
            Pulled::Received => TRUNKLINE_PULLED_RECEIVED,
            Pulled::Concealed => TRUNKLINE_PULLED_CONCEALED,
            Pulled::Silence => TRUNKLINE_PULLED_SILENCE,
        });
        Ok(())
    })
}

/// Stores the counters, of which the caller knows `stats_size` bytes (`sizeof *stats`).
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_jitter_buffer_stats(
    jitter: *const trunkline_jitter_buffer,
    stats: *mut trunkline_jitter_stats,
    stats_size: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (jitter, out) = unsafe { (call.object(jitter)?, call.record(stats, stats_size)?) };
        let stats = jitter.inner.stats();
        out.set(trunkline_jitter_stats {
            received_samples: stats.received_samples,
            late_samples: stats.late_samples,
            lost_samples: stats.lost_samples,
            duplicate_samples: stats.duplicate_samples,
            dropped_samples: stats.dropped_samples,
            stray_samples: stats.stray_samples,
            decoded_samples: stats.decoded_samples,
            concealed_samples: stats.concealed_samples,
            stretched_samples: stats.stretched_samples,
            cut_samples: stats.cut_samples,
            silence_samples: stats.silence_samples,
            out_samples: stats.out_samples,
            resyncs: stats.resyncs,
            depth_samples: jitter.inner.depth_samples(),
            delay_us: micros(jitter.inner.delay()),
            target_delay_us: micros(jitter.inner.target_delay()),
        });
        Ok(())
    })
}

/// Forgets everything, as if new.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_jitter_buffer_reset(
    jitter: *mut trunkline_jitter_buffer,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        unsafe { call.object_mut(jitter) }?.inner.reset();
        Ok(())
    })
}

const _: () = assert!(
    TRUNKLINE_JITTER_FRAME == <JitterBuffer>::FRAME
        && TRUNKLINE_JITTER_CAPACITY == <JitterBuffer>::CAPACITY,
    "cbindgen cannot follow the core's constants"
);
