//! Node's view of trunkline: the native half. What users import is `main.cjs` and `main.mjs`, and what
//! they read is `main.d.ts`.
//!
//! Everything is synchronous: 20 ms of audio is too little work for a thread. Buffers are read and
//! written in place, see `buffer`; errors have a stable `code`, see `error`.
#![deny(unsafe_code)]
// `#[napi]` writes items that have no documentation, and wants all that it exports to be `pub`.
#![allow(missing_docs, unnameable_types, unreachable_pub)]

mod bridge;
mod buffer;
mod error;
mod g711;
mod handle;
mod hot;
mod jitter;
mod number;
mod object;
mod openai;
mod playback;
mod resample;
mod session;
mod twilio;

use napi::bindgen_prelude::*;
use napi_derive::napi;

/// The instruction set that the kernels run on, chosen at run time: `AVX-512`, `AVX2`, `SSE4.2`, `NEON`, …
#[napi(catch_unwind)]
pub fn instruction_set() -> &'static str {
    trunkline::instruction_set()
}

#[napi(module_exports)]
pub fn register(exports: Object<'_>, env: Env) -> Result<()> {
    hot::register(env, &exports)
}
