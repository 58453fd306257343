//! The bridge.

use core::{
    ffi::{c_char, c_void},
    time::Duration,
};

use super::{
    config::trunkline_config,
    error::*,
    ffi::{self, Home, Object, boundary, size_with_tail},
    output::{micros, trunkline_output},
    session::trunkline_session,
    stats::trunkline_stats,
};
use crate::{Bridge, Error, RawJson, bridge::Config};

/// The time of a timeout that never comes.
pub const TRUNKLINE_NEVER_US: u64 = u64::MAX;

/// Bridge of one call between Twilio Media Streams and OpenAI Realtime. One input, then
/// `trunkline_bridge_poll_output` until it says NONE; then wait for the next message or for
/// `trunkline_bridge_poll_timeout`, whichever is first.
pub struct trunkline_bridge {
    home: Home,
    inner: Bridge<&'static mut [u8]>,
}

// SAFETY: `home` is set once, by `Call::init` or `Call::create`.
unsafe impl Object for trunkline_bridge {
    fn home(&self) -> Home {
        self.home
    }
}

fn bridge(
    config: Config,
    home: Home,
    storage: &'static mut [u8],
) -> Result<trunkline_bridge, Code> {
    let inner = Bridge::with_storage(config, storage)?;
    Ok(trunkline_bridge { home, inner })
}

/// Bytes of memory that `trunkline_bridge_init` needs for these settings; 0 if `config` is not valid.
/// Any thread.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_size(config: *const trunkline_config) -> usize {
    let mut size = 0;
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let config = unsafe { trunkline_config::read(call, config) }?;
        size = size_with_tail::<trunkline_bridge>(config.storage_len())?;
        Ok(())
    });
    size
}

/// Makes a bridge in `memory`, `memory_len` bytes that it keeps; `config` is not needed afterwards.
///
/// Errors: `TRUNKLINE_ERR_BUFFER_TOO_SHORT` for less than `trunkline_bridge_size` bytes;
/// `TRUNKLINE_ERR_ARGUMENT` for a setting that is not defined. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top; the memory is the object's as long as it is used.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_init(
    memory: *mut c_void,
    memory_len: usize,
    config: *const trunkline_config,
    out: *mut *mut trunkline_bridge,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        unsafe {
            let config = trunkline_config::read(call, config)?;
            let tail = config.storage_len();
            call.init(memory, memory_len, tail, out, |home, storage| {
                bridge(config, home, storage)
            })
        }
    })
}

/// As `trunkline_bridge_init`, in memory that it allocates; `trunkline_bridge_free` gives it back.
///
/// Errors: `TRUNKLINE_ERR_ARGUMENT` for a setting that is not defined; `TRUNKLINE_ERR_NO_MEMORY`. Any
/// thread.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_new(
    config: *const trunkline_config,
    out: *mut *mut trunkline_bridge,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        unsafe {
            let config = trunkline_config::read(call, config)?;
            let tail = config.storage_len();
            call.create(tail, out, |home, storage| bridge(config, home, storage))
        }
    })
}

/// Ends a bridge; NULL is ignored. The caller's memory of `trunkline_bridge_init` stays the caller's.
/// Any one thread.
///
/// # Safety
/// NULL or a bridge, which is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_free(bridge: *mut trunkline_bridge) {
    // SAFETY: as `# Safety` says.
    unsafe { ffi::free(bridge) }
}

/// A message from Twilio has arrived: `text`, one whole text frame.
///
/// Errors, after which the call can go on without the message: `TRUNKLINE_ERR_OUTPUT_PENDING`,
/// `TRUNKLINE_ERR_CLOSED`, `TRUNKLINE_ERR_MESSAGE_TOO_LONG`, `TRUNKLINE_ERR_INVALID_JSON`,
/// `TRUNKLINE_ERR_INVALID_BASE64`, `TRUNKLINE_ERR_MISSING_FIELD`, `TRUNKLINE_ERR_INVALID_FIELD`. One
/// thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_handle_twilio(
    bridge: *mut trunkline_bridge,
    now_us: u64,
    text: *const c_char,
    text_len: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (bridge, text) = unsafe { (call.object_mut(bridge)?, call.text(text, text_len)?) };
        let now = Duration::from_micros(now_us);
        Ok(bridge.inner.handle_twilio(now, text)?)
    })
}

/// A message from the model has arrived: `text`, one whole text frame. What the model itself refuses
/// is an output, not an error.
///
/// Errors, after which the call can go on without the message: as `trunkline_bridge_handle_twilio`,
/// and `TRUNKLINE_ERR_QUEUE_FULL` while too many content parts wait to be heard. One thread at a
/// time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_handle_openai(
    bridge: *mut trunkline_bridge,
    now_us: u64,
    text: *const c_char,
    text_len: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (bridge, text) = unsafe { (call.object_mut(bridge)?, call.text(text, text_len)?) };
        let now = Duration::from_micros(now_us);
        Ok(bridge.inner.handle_openai(now, text)?)
    })
}

/// The time that `trunkline_bridge_poll_timeout` named has come. Harmless at any time.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_handle_timeout(
    bridge: *mut trunkline_bridge,
    now_us: u64,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let bridge = unsafe { call.object_mut(bridge) }?;
        bridge.inner.handle_timeout(Duration::from_micros(now_us));
        Ok(())
    })
}

/// Twilio's socket is closed, with or without a `stop` before: the call is over.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_handle_twilio_closed(
    bridge: *mut trunkline_bridge,
    now_us: u64,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let bridge = unsafe { call.object_mut(bridge) }?;
        let now = Duration::from_micros(now_us);
        bridge.inner.handle_twilio_closed(now);
        Ok(())
    })
}

/// The model's socket is closed. What it said is played out and the caller's audio is kept, until
/// `trunkline_bridge_update_session` sets up a new session on a new socket.
///
/// Errors: none of its own. One thread at a time.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_handle_openai_closed(
    bridge: *mut trunkline_bridge,
    now_us: u64,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let bridge = unsafe { call.object_mut(bridge) }?;
        let now = Duration::from_micros(now_us);
        bridge.inner.handle_openai_closed(now);
        Ok(())
    })
}

/// Sets the model's session up: the first thing to do on a new socket. Audio flows, both ways, from
/// `TRUNKLINE_OUTPUT_SESSION_READY` on. `session` is not needed afterwards.
///
/// Errors: `TRUNKLINE_ERR_QUEUE_FULL`, `TRUNKLINE_ERR_CLOSED`; `TRUNKLINE_ERR_INVALID_FIELD` for what
/// the server would refuse; `TRUNKLINE_ERR_INVALID_JSON`. One thread at a time.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_update_session(
    bridge: *mut trunkline_bridge,
    session: *const trunkline_session,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (bridge, session) = unsafe {
            (
                call.object_mut(bridge)?,
                trunkline_session::read(call, session)?,
            )
        };
        Ok(bridge.inner.update_session(&session)?)
    })
}

/// Asks the model to speak as soon as it may. `response` is the `response` object of
/// `response.create`, JSON; without text there is none. A request that still waits is replaced.
///
/// Errors: `TRUNKLINE_ERR_QUEUE_FULL` beyond 2 KiB, `TRUNKLINE_ERR_CLOSED`,
/// `TRUNKLINE_ERR_INVALID_JSON`; `TRUNKLINE_ERR_INVALID_FIELD` for what is no object. One thread at a
/// time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_create_response(
    bridge: *mut trunkline_bridge,
    response: *const c_char,
    response_len: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (bridge, response) =
            unsafe { (call.object_mut(bridge)?, call.text(response, response_len)?) };
        let response = match response {
            "" => None,
            object => Some(RawJson::new(object)?),
        };
        Ok(bridge.inner.create_response(response)?)
    })
}

/// Answers the tool call `call_id` with `output`, any text, JSON by custom. Once every call is
/// answered and their response has ended, the model is asked to go on.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` if no such call is open; `TRUNKLINE_ERR_QUEUE_FULL`,
/// `TRUNKLINE_ERR_CLOSED`. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_send_tool_output(
    bridge: *mut trunkline_bridge,
    call_id: *const c_char,
    call_id_len: usize,
    output: *const c_char,
    output_len: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (bridge, call_id, output) = unsafe {
            (
                call.object_mut(bridge)?,
                call.text(call_id, call_id_len)?,
                call.text(output, output_len)?,
            )
        };
        Ok(bridge.inner.send_tool_output(call_id, output)?)
    })
}

/// Sends any other client event, `event`, a JSON object with a `type`, as it is.
///
/// Errors: `TRUNKLINE_ERR_INVALID_JSON`; `TRUNKLINE_ERR_INVALID_FIELD` for anything else;
/// `TRUNKLINE_ERR_QUEUE_FULL`, `TRUNKLINE_ERR_CLOSED`. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_send_openai(
    bridge: *mut trunkline_bridge,
    event: *const c_char,
    event_len: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (bridge, event) = unsafe { (call.object_mut(bridge)?, call.text(event, event_len)?) };
        Ok(bridge.inner.send_openai(RawJson::new(event)?)?)
    })
}

/// Stops the model's speech now, as if the caller had spoken over it.
///
/// Errors: `TRUNKLINE_ERR_QUEUE_FULL`, `TRUNKLINE_ERR_CLOSED`. One thread at a time.
///
/// # Safety
/// Pointers as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_interrupt(
    bridge: *mut trunkline_bridge,
    now_us: u64,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let bridge = unsafe { call.object_mut(bridge) }?;
        Ok(bridge.inner.interrupt(Duration::from_micros(now_us))?)
    })
}

/// Asks for `TRUNKLINE_OUTPUT_MARK` when the caller has heard everything received so far, or when a
/// barge-in has flushed it. `name` is 1 to 128 ASCII characters.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for another name; `TRUNKLINE_ERR_QUEUE_FULL`,
/// `TRUNKLINE_ERR_CLOSED`. One thread at a time.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_bridge_mark(
    bridge: *mut trunkline_bridge,
    name: *const c_char,
    name_len: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (bridge, name) = unsafe { (call.object_mut(bridge)?, call.text(name, name_len)?) };
        Ok(bridge.inner.mark(name)?)
    })
}

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
