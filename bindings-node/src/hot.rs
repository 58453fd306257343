//! What is called for every frame, without `#[napi]`: that allocates for each call, to book borrows for
//! what runs beyond it, and takes 50 ns of the 120 that decoding a frame would.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use napi::bindgen_prelude::*;
use napi::{JsError, sys};

use crate::buffer::{Number, Source, Target, Text};
use crate::handle::Handle;
use crate::{bridge, g711, resample};

/// Adds the functions to `exports`, under the names that `lib/native.d.ts` declares.
pub(crate) fn register(env: Env, exports: &Object<'_>) -> Result<()> {
    for (name, function) in FUNCTIONS {
        let mut value = ptr::null_mut();
        // SAFETY: the environment is valid, the name ends with a NUL, and so are the places to write to.
        let made = unsafe {
            sys::napi_create_function(
                env.raw(),
                name.as_ptr(),
                name.count_bytes() as isize,
                Some(*function),
                ptr::null_mut(),
                &raw mut value,
            )
        };
        // SAFETY: as above; the value was just made, if it was.
        let set = unsafe {
            match made {
                sys::Status::napi_ok => {
                    sys::napi_set_named_property(env.raw(), exports.raw(), name.as_ptr(), value)
                }
                failed => failed,
            }
        };
        if set != sys::Status::napi_ok {
            return Err(Error::new(Status::from(set), String::new()));
        }
    }
    Ok(())
}

type Function = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

const FUNCTIONS: &[(&CStr, Function)] = &[
    (c"mulawDecodeInto", mulaw_decode_into),
    (c"mulawEncodeInto", mulaw_encode_into),
    (c"alawDecodeInto", alaw_decode_into),
    (c"alawEncodeInto", alaw_encode_into),
    (c"resamplerProcessInto", resampler_process_into),
    (c"bridgeHandleTwilio", bridge_handle_twilio),
    (c"bridgeHandleOpenAi", bridge_handle_open_ai),
    (c"bridgeHandleTimeout", bridge_handle_timeout),
    (c"bridgePollTimeout", bridge_poll_timeout),
];

/// Declares `extern "C"` functions that take their arguments from JavaScript and give their result back.
macro_rules! functions {
    ($($name:ident($($arg:ident: $type:ty),*) => $call:expr;)*) => {
        $(unsafe extern "C" fn $name(
            env: sys::napi_env,
            info: sys::napi_callback_info,
        ) -> sys::napi_value {
            call(env, info, |raw, arguments| {
                let [$($arg),*] = arguments;
                // SAFETY: the arguments are values of this environment.
                $(let $arg = unsafe { <$type>::from_napi_value(raw, $arg) }?;)*
                let env = Env::from_raw(raw);
                // SAFETY: the environment is valid.
                unsafe { ToNapiValue::to_napi_value(raw, $call(env, $($arg),*)?) }
            })
        })*
    };
}

functions! {
    mulaw_decode_into(src: Source, dst: Target) => g711::mulaw_decode_into;
    mulaw_encode_into(src: Source, dst: Target, variant: Number) => g711::mulaw_encode_into;
    alaw_decode_into(src: Source, dst: Target) => g711::alaw_decode_into;
    alaw_encode_into(src: Source, dst: Target, variant: Number) => g711::alaw_encode_into;
    resampler_process_into(resampler: Handle<resample::Resampler>, src: Source, dst: Target)
        => resample::process_into;
    bridge_handle_twilio(bridge: Handle<bridge::NativeBridge>, message: Text, now: Number)
        => bridge::handle_twilio;
    bridge_handle_open_ai(bridge: Handle<bridge::NativeBridge>, message: Text, now: Number)
        => bridge::handle_open_ai;
    bridge_handle_timeout(bridge: Handle<bridge::NativeBridge>, now: Number)
        => bridge::handle_timeout;
    bridge_poll_timeout(bridge: Handle<bridge::NativeBridge>) => bridge::poll_timeout;
}

/// Runs `body` on the first `N` arguments, `undefined` where there are fewer; throws its error.
#[inline(always)]
fn call<const N: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    body: impl FnOnce(sys::napi_env, [sys::napi_value; N]) -> Result<sys::napi_value>,
) -> sys::napi_value {
    let mut arguments = [ptr::null_mut(); N];
    let mut count = N;
    // SAFETY: both are those of this call, and there is room for so many arguments.
    unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &raw mut count,
            arguments.as_mut_ptr(),
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    let result = catch_unwind(AssertUnwindSafe(|| body(env, arguments)));
    let error = match result {
        Ok(Ok(value)) => return value,
        Ok(Err(error)) => error,
        Err(_) => Error::from_reason("a bug in trunkline: a panic"),
    };
    // SAFETY: the environment is valid.
    unsafe { JsError::from(error).throw_into(env) };
    ptr::null_mut()
}
