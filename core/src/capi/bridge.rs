//! The bridge: made, told, and asked for.

use core::{
    ffi::{c_char, c_void},
    time::Duration,
};

use super::{
    config::trunkline_config,
    error::*,
    ffi::{self, Home, Object, boundary, size_with_tail},
    session::trunkline_session,
};
use crate::{Bridge, RawJson, bridge::Config};

/// Bridge of one call between Twilio Media Streams and OpenAI Realtime. One input, then
/// `trunkline_bridge_poll_output` until it says NONE; then wait for the next message or for
/// `trunkline_bridge_poll_timeout`, whichever is first.
pub struct trunkline_bridge {
    home: Home,
    pub(super) inner: Bridge<&'static mut [u8]>,
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
