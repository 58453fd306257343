//! The bridge: what is to be done next, and how it goes.

use core::{ffi::c_char, time::Duration};

use super::{
    bridge::trunkline_bridge,
    ffi::boundary,
    output::{micros, trunkline_output},
    stats::trunkline_stats,
};
use crate::Error;

/// The time of a timeout that never comes.
pub const TRUNKLINE_NEVER_US: u64 = u64::MAX;

/// Stores when `trunkline_bridge_handle_timeout` is to be called next, or `TRUNKLINE_NEVER_US`. It is
/// meaningful once outputs are drained.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_poll_timeout(
    bridge: *const trunkline_bridge,
    timeout_us: *mut u64,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (bridge, timeout) = unsafe { (call.object(bridge)?, call.out(timeout_us)?) };
        timeout.set(match bridge.inner.poll_timeout() {
            None => TRUNKLINE_NEVER_US,
            // Rounded up: a timeout handled too soon would not be handled.
            Some(time) => micros(time.saturating_add(Duration::from_nanos(999))),
        });
        Ok(())
    })
}

/// Takes the next thing to do or to know, of kind NONE if there is nothing. The caller knows
/// `output_size` bytes of `output` (`sizeof *output`). Its texts are in `buf`, valid until that is
/// reused; `written` gets how much of it they take. `trunkline_bridge_max_output_len` bytes are always
/// enough.
///
/// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT`; the output is kept. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_poll_output(
    bridge: *mut trunkline_bridge,
    buf: *mut c_char,
    buf_len: usize,
    output: *mut trunkline_output,
    output_size: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (bridge, buf, output, written) = unsafe {
            (
                call.object_mut(bridge)?,
                call.buf(buf, buf_len)?,
                call.record(output, output_size)?,
                call.out(written)?,
            )
        };
        match bridge.inner.poll_output(buf) {
            Ok(next) => {
                let next = trunkline_output::new(next);
                written.set(next.text_bytes());
                output.set(next);
                Ok(())
            }
            Err(error) => written.report(Err::<usize, Error>(error)),
        }
    })
}

/// Stores how many bytes hold the texts of any output of this bridge.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_max_output_len(
    bridge: *const trunkline_bridge,
    max_len: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (bridge, max_len) = unsafe { (call.object(bridge)?, call.out(max_len)?) };
        max_len.set(bridge.inner.max_output_len());
        Ok(())
    })
}

/// Stores the counters of the call so far, of which the caller knows `stats_size` bytes
/// (`sizeof *stats`).
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_stats(
    bridge: *const trunkline_bridge,
    stats: *mut trunkline_stats,
    stats_size: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (bridge, stats) = unsafe { (call.object(bridge)?, call.record(stats, stats_size)?) };
        stats.set(trunkline_stats::new(bridge.inner.stats()));
        Ok(())
    })
}

/// Stores how much audio the carrier was sent and, by the clock, has not played at `now_us`: the
/// delay between sending and hearing.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_queued_at_carrier(
    bridge: *const trunkline_bridge,
    now_us: u64,
    queued_us: *mut u64,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (bridge, queued) = unsafe { (call.object(bridge)?, call.out(queued_us)?) };
        let now = Duration::from_micros(now_us);
        queued.set(micros(bridge.inner.queued_at_carrier(now)));
        Ok(())
    })
}

/// Stores 1 if the call has ended and every output was polled, else 0.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_is_closed(
    bridge: *const trunkline_bridge,
    is_closed: *mut i32,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (bridge, is_closed) = unsafe { (call.object(bridge)?, call.out(is_closed)?) };
        is_closed.set(i32::from(bridge.inner.is_closed()));
        Ok(())
    })
}
