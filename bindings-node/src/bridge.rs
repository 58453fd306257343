//! The bridge, with one crossing per input: what it is to do comes back with the call.

mod config;
mod output;

use napi::bindgen_prelude::*;
use napi_derive::napi;
use trunkline::bridge::Output;
use trunkline::{Bridge, RawJson};

pub(crate) use output::{format_name, speaker_name, status_name, usage};

use crate::buffer::{Number, Text, new_list, new_number, new_string, undefined};
use crate::error::OrThrow;
use crate::handle::Handle;
use crate::number::{duration, to_ms};
use crate::session::{SessionOptions, json};
use config::BridgeOptions;

/// The native half of `Bridge`; `lib/bridge.cjs` is the other, and says what each method does.
///
/// Methods that give outputs give all there are: `undefined` for none; a string for a single one of the
/// kind that is usual there, a text for the model after a message of Twilio's and for Twilio after
/// anything else; or a list of a kind's number and its value by turns.
pub struct NativeBridge {
    inner: Bridge,
    /// Where outputs are written.
    buf: Vec<u8>,
    /// Where strings are read to.
    scratch: Vec<u8>,
}

impl NativeBridge {
    /// One place that polls, with what it gives in registers: passed on through memory, it waited there
    /// until the text that V8 had just copied was out of the way, 80 ns.
    #[inline(always)]
    fn outputs(&mut self, env: Env, usual: u32) -> Result<Unknown<'static>> {
        let mut single = None;
        let mut list = Vec::new();
        while let Some(output) = self.inner.poll_output(&mut self.buf).or_throw(env)? {
            let (kind, value) = match output {
                Output::ToTwilio(text) => (TO_TWILIO, new_string(env, text)?),
                Output::ToOpenAi(text) => (TO_OPENAI, new_string(env, text)?),
                Output::Event(event) => (EVENT, output::event(env, event)?),
            };
            match single.take() {
                None if list.is_empty() && kind == usual => single = Some(value),
                None => list.extend([new_number(env, kind)?, value]),
                Some(first) => {
                    let (first_kind, kind) = (new_number(env, usual)?, new_number(env, kind)?);
                    list.extend([first_kind, first, kind, value]);
                }
            }
        }
        match single {
            Some(text) => Ok(text),
            None if list.is_empty() => undefined(env),
            None => new_list(env, &list),
        }
    }
}

#[napi(
    catch_unwind,
    namespace = "bridge",
    js_name = "create",
    ts_args_type = "options?: BridgeOptions",
    ts_return_type = "Handle"
)]
pub fn bridge_create(env: Env, options: Option<BridgeOptions>) -> Result<Unknown<'static>> {
    let config = match options {
        Some(options) => options.to_core(env)?,
        None => trunkline::bridge::Config::default(),
    };
    let inner = Bridge::new(config);
    let size = inner.config().storage_len() + inner.max_output_len() + size_of::<NativeBridge>();
    let bridge = NativeBridge {
        buf: vec![0; inner.max_output_len()],
        scratch: Vec::new(),
        inner,
    };
    Handle::give(env, bridge, size)
}

pub(crate) fn handle_twilio(
    env: Env,
    handle: Handle<NativeBridge>,
    message: Text,
    now: Number,
) -> Result<Unknown<'static>> {
    let this = &mut *handle.get();
    let now = duration(env, "now", now.0)?;
    let limit = this.inner.config().max_twilio_len;
    let text = message.read(&mut this.scratch, limit)?;
    this.inner.handle_twilio(now, text).or_throw(env)?;
    this.outputs(env, TO_OPENAI)
}

pub(crate) fn handle_open_ai(
    env: Env,
    handle: Handle<NativeBridge>,
    message: Text,
    now: Number,
) -> Result<Unknown<'static>> {
    let this = &mut *handle.get();
    let now = duration(env, "now", now.0)?;
    let limit = this.inner.config().max_openai_len;
    let text = message.read(&mut this.scratch, limit)?;
    let handled = this.inner.handle_openai(now, text).or_throw(env);
    // One long message is no reason to keep so much.
    if this.scratch.len() > MAX_SCRATCH {
        this.scratch = Vec::new();
    }
    handled?;
    this.outputs(env, TO_TWILIO)
}

pub(crate) fn handle_timeout(
    env: Env,
    handle: Handle<NativeBridge>,
    now: Number,
) -> Result<Unknown<'static>> {
    let this = &mut *handle.get();
    this.inner.handle_timeout(duration(env, "now", now.0)?);
    this.outputs(env, TO_TWILIO)
}

#[napi(
    catch_unwind,
    namespace = "bridge",
    js_name = "handleTwilioClosed",
    ts_args_type = "handle: Handle, now: number",
    ts_return_type = "Outputs"
)]
pub fn bridge_handle_twilio_closed(
    env: Env,
    handle: Handle<NativeBridge>,
    now: Number,
) -> Result<Unknown<'static>> {
    let this = &mut *handle.get();
    this.inner
        .handle_twilio_closed(duration(env, "now", now.0)?);
    this.outputs(env, TO_TWILIO)
}

#[napi(
    catch_unwind,
    namespace = "bridge",
    js_name = "handleOpenAiClosed",
    ts_args_type = "handle: Handle, now: number",
    ts_return_type = "Outputs"
)]
pub fn bridge_handle_open_ai_closed(
    env: Env,
    handle: Handle<NativeBridge>,
    now: Number,
) -> Result<Unknown<'static>> {
    let this = &mut *handle.get();
    this.inner
        .handle_openai_closed(duration(env, "now", now.0)?);
    this.outputs(env, TO_TWILIO)
}

/// What commands have given rise to.
#[napi(
    catch_unwind,
    namespace = "bridge",
    js_name = "drain",
    ts_args_type = "handle: Handle",
    ts_return_type = "Outputs"
)]
pub fn bridge_drain(env: Env, handle: Handle<NativeBridge>) -> Result<Unknown<'static>> {
    let this = &mut *handle.get();
    this.outputs(env, TO_TWILIO)
}

/// Throws what an input before the last one's outputs are drained throws.
#[napi(
    catch_unwind,
    namespace = "bridge",
    js_name = "refuseInput",
    ts_return_type = "never"
)]
pub fn bridge_refuse_input(env: Env) -> Result<()> {
    Err(trunkline::Error::OutputPending).or_throw(env)
}

#[napi(
    catch_unwind,
    namespace = "bridge",
    js_name = "updateSession",
    ts_args_type = "handle: Handle, session: SessionOptions"
)]
pub fn bridge_update_session(
    env: Env,
    handle: Handle<NativeBridge>,
    session: SessionOptions,
) -> Result<()> {
    let this = &mut *handle.get();
    let session = session.to_core(env)?;
    this.inner.update_session(&session).or_throw(env)
}

#[napi(
    catch_unwind,
    namespace = "bridge",
    js_name = "createResponse",
    ts_args_type = "handle: Handle, response?: string"
)]
pub fn bridge_create_response(
    env: Env,
    handle: Handle<NativeBridge>,
    response: Option<String>,
) -> Result<()> {
    let this = &mut *handle.get();
    let response = json(env, response.as_deref())?;
    this.inner.create_response(response).or_throw(env)
}

#[napi(
    catch_unwind,
    namespace = "bridge",
    js_name = "sendToolOutput",
    ts_args_type = "handle: Handle, callId: string, output: string"
)]
pub fn bridge_send_tool_output(
    env: Env,
    handle: Handle<NativeBridge>,
    call_id: Text,
    output: Text,
) -> Result<()> {
    let this = &mut *handle.get();
    this.inner
        .send_tool_output(&call_id.to_owned()?, &output.to_owned()?)
        .or_throw(env)
}

#[napi(
    catch_unwind,
    namespace = "bridge",
    js_name = "sendOpenAi",
    ts_args_type = "handle: Handle, event: string"
)]
pub fn bridge_send_open_ai(env: Env, handle: Handle<NativeBridge>, event: Text) -> Result<()> {
    let this = &mut *handle.get();
    let event = event.to_owned()?;
    let event = RawJson::new(&event).or_throw(env)?;
    this.inner.send_openai(event).or_throw(env)
}

#[napi(
    catch_unwind,
    namespace = "bridge",
    js_name = "interrupt",
    ts_args_type = "handle: Handle, now: number"
)]
pub fn bridge_interrupt(env: Env, handle: Handle<NativeBridge>, now: Number) -> Result<()> {
    let this = &mut *handle.get();
    let now = duration(env, "now", now.0)?;
    this.inner.interrupt(now).or_throw(env)
}

#[napi(
    catch_unwind,
    namespace = "bridge",
    js_name = "mark",
    ts_args_type = "handle: Handle, name: string"
)]
pub fn bridge_mark(env: Env, handle: Handle<NativeBridge>, name: Text) -> Result<()> {
    let this = &mut *handle.get();
    this.inner.mark(&name.to_owned()?).or_throw(env)
}

/// When `handleTimeout` is to be called next, on the clock of `now`; -1 for never.
pub(crate) fn poll_timeout(_: Env, handle: Handle<NativeBridge>) -> Result<f64> {
    let this = &*handle.get();
    Ok(this.inner.poll_timeout().map_or(-1.0, to_ms))
}

#[napi(
    catch_unwind,
    namespace = "bridge",
    js_name = "queuedAtCarrier",
    ts_args_type = "handle: Handle, now: number"
)]
pub fn bridge_queued_at_carrier(
    env: Env,
    handle: Handle<NativeBridge>,
    now: Number,
) -> Result<f64> {
    let this = &*handle.get();
    let now = duration(env, "now", now.0)?;
    Ok(to_ms(this.inner.queued_at_carrier(now)))
}

#[napi(
    catch_unwind,
    namespace = "bridge",
    js_name = "stats",
    ts_args_type = "handle: Handle",
    ts_return_type = "BridgeStats"
)]
pub fn bridge_stats(env: Env, handle: Handle<NativeBridge>) -> Result<Unknown<'static>> {
    let this = &*handle.get();
    output::stats(env, this.inner.stats())
}

#[napi(
    catch_unwind,
    namespace = "bridge",
    js_name = "isClosed",
    ts_args_type = "handle: Handle"
)]
pub fn bridge_is_closed(handle: Handle<NativeBridge>) -> bool {
    let this = &*handle.get();
    this.inner.is_closed()
}

const TO_TWILIO: u32 = 0;
const TO_OPENAI: u32 = 1;
const EVENT: u32 = 2;
/// Bytes that are kept for strings of the model's.
const MAX_SCRATCH: usize = 64 << 10;
