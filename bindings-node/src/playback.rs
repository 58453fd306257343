use napi::bindgen_prelude::*;
use napi_derive::napi;
use trunkline::playback::{self, Cut, Echo};

use crate::buffer::{Number, Text, new_list, new_string};
use crate::error::OrThrow;
use crate::handle::Handle;
use crate::number::{duration, to_ms, whole_u32};
use crate::object::Fields;

/// What the caller has heard of the model's speech, for a server that keeps its own loop.
///
/// Tell it what was received, sent and echoed; ask it, when the caller interrupts, what to truncate.
/// Times are milliseconds of any clock that does not go back, such as `performance.now()`.
pub struct PlaybackLedger {
    inner: Box<playback::PlaybackLedger>,
}

/// An empty ledger for a model that speaks at `modelRateHz`: 24,000 (the default) for PCM16, 8,000
/// for G.711.
#[napi(
    catch_unwind,
    namespace = "ledger",
    js_name = "create",
    ts_args_type = "modelRateHz?: number",
    ts_return_type = "Handle"
)]
pub fn ledger_create(env: Env, model_rate_hz: Option<Number>) -> Result<Unknown<'static>> {
    let rate = whole_u32(
        env,
        "modelRateHz",
        model_rate_hz.map_or(24_000.0, |rate| rate.0),
    )?;
    if rate == 0 {
        return Err(trunkline::Error::InvalidField {
            name: "modelRateHz",
        })
        .or_throw(env);
    }
    let inner = Box::new(playback::PlaybackLedger::new(rate));
    let size = size_of::<playback::PlaybackLedger>();
    Handle::give(env, PlaybackLedger { inner }, size)
}

/// A content part exists, though none of its audio has come yet. It counts as unheard.
#[napi(
    catch_unwind,
    namespace = "ledger",
    js_name = "announce",
    ts_args_type = "handle: Handle, itemId: string, contentIndex: number"
)]
pub fn ledger_announce(
    env: Env,
    handle: Handle<PlaybackLedger>,
    item_id: Text,
    content_index: Number,
) -> Result<()> {
    let this = &mut *handle.get();
    let index = whole_u32(env, "contentIndex", content_index.0)?;
    this.inner
        .announce(&item_id.to_owned()?, index)
        .or_throw(env)
}

/// Audio of a content part has arrived: `modelSamples` at the model's rate, which became
/// `lineSamples` at 8 kHz at the end of the line.
#[napi(
    catch_unwind,
    namespace = "ledger",
    js_name = "receive",
    ts_args_type = "handle: Handle, itemId: string, contentIndex: number, modelSamples: number, lineSamples: number"
)]
pub fn ledger_receive(
    env: Env,
    handle: Handle<PlaybackLedger>,
    item_id: Text,
    content_index: Number,
    model_samples: Number,
    line_samples: Number,
) -> Result<()> {
    let this = &mut *handle.get();
    let index = whole_u32(env, "contentIndex", content_index.0)?;
    let model_samples = whole_u32(env, "modelSamples", model_samples.0)? as usize;
    let line_samples = whole_u32(env, "lineSamples", line_samples.0)? as usize;
    this.inner
        .receive(&item_id.to_owned()?, index, model_samples, line_samples)
        .or_throw(env)
}

/// No more audio will come for this content part; without `contentIndex`, for any of the item;
/// without `itemId`, for any at all.
#[napi(
    catch_unwind,
    namespace = "ledger",
    js_name = "finish",
    ts_args_type = "handle: Handle, itemId?: string, contentIndex?: number"
)]
pub fn ledger_finish(
    env: Env,
    handle: Handle<PlaybackLedger>,
    item_id: Option<Text>,
    content_index: Option<Number>,
) -> Result<()> {
    let this = &mut *handle.get();
    let item_id = item_id.map(|item_id| item_id.to_owned()).transpose()?;
    let index = content_index.map(|index| whole_u32(env, "contentIndex", index.0));
    match (item_id, index.transpose()?) {
        (Some(item_id), Some(index)) => this.inner.finish(&item_id, index),
        (Some(item_id), None) => this.inner.finish_item(&item_id),
        (None, _) => this.inner.finish_all(),
    }
    Ok(())
}

/// The next `samples` of the line have gone to the carrier.
#[napi(
    catch_unwind,
    namespace = "ledger",
    js_name = "send",
    ts_args_type = "handle: Handle, now: number, samples: number"
)]
pub fn ledger_send(
    env: Env,
    handle: Handle<PlaybackLedger>,
    now: Number,
    samples: Number,
) -> Result<()> {
    let this = &mut *handle.get();
    let now = duration(env, "now", now.0)?;
    let samples = whole_u32(env, "samples", samples.0)? as usize;
    this.inner.send(now, samples);
    Ok(())
}

/// The name of a mark to send behind everything sent so far.
#[napi(
    catch_unwind,
    namespace = "ledger",
    js_name = "mark",
    ts_args_type = "handle: Handle",
    ts_return_type = "string"
)]
pub fn ledger_mark(env: Env, handle: Handle<PlaybackLedger>) -> Result<Unknown<'static>> {
    let this = &mut *handle.get();
    new_string(env, this.inner.mark().as_str())
}

/// The carrier has echoed a mark: playback reached it, or it was on its way when playback was
/// cleared, or the ledger did not name it.
#[napi(
    catch_unwind,
    namespace = "ledger",
    js_name = "handleMark",
    ts_args_type = "handle: Handle, now: number, name: string",
    ts_return_type = "'Heard' | 'Flushed' | 'Foreign'"
)]
pub fn ledger_handle_mark(
    env: Env,
    handle: Handle<PlaybackLedger>,
    now: Number,
    name: Text,
) -> Result<&'static str> {
    let this = &mut *handle.get();
    let now = duration(env, "now", now.0)?;
    Ok(match this.inner.handle_mark(now, &name.to_owned()?) {
        Echo::Heard => "Heard",
        Echo::Flushed => "Flushed",
        _ => "Foreign",
    })
}

/// The oldest content part, once it is finished and wholly heard; each is told once.
#[napi(
    catch_unwind,
    namespace = "ledger",
    js_name = "popHeard",
    ts_args_type = "handle: Handle",
    ts_return_type = "HeardPart | undefined"
)]
pub fn ledger_pop_heard(
    env: Env,
    handle: Handle<PlaybackLedger>,
) -> Result<Option<Unknown<'static>>> {
    let this = &mut *handle.get();
    let Some(heard) = this.inner.pop_heard() else {
        return Ok(None);
    };
    let fields = Fields::new(env)?
        .text("itemId", heard.item_id())?
        .set("contentIndex", heard.content_index)?
        .number("audioMs", heard.audio_ms)?;
    Ok(Some(fields.build()))
}

/// The content parts not wholly heard, oldest first, and what to tell the model of each if
/// playback stops now.
#[napi(
    catch_unwind,
    namespace = "ledger",
    js_name = "unheard",
    ts_args_type = "handle: Handle",
    ts_return_type = "UnheardPart[]"
)]
pub fn ledger_unheard(env: Env, handle: Handle<PlaybackLedger>) -> Result<Unknown<'static>> {
    let this = &*handle.get();
    let parts = this.inner.unheard().map(|part| {
        let fields = Fields::new(env)?
            .text("itemId", part.item_id)?
            .set("contentIndex", part.content_index)?
            .number("heardMs", part.heard_ms)?
            .number("receivedMs", part.received_ms)?;
        let cut = match part.cut() {
            Cut::TruncateAt { audio_end_ms } => {
                Fields::of_type(env, "TruncateAt")?.number("audioEndMs", audio_end_ms)?
            }
            Cut::Delete => Fields::of_type(env, "Delete")?,
            _ => Fields::of_type(env, "None")?,
        };
        Ok(fields.set("cut", cut.build())?.build())
    });
    new_list(env, &parts.collect::<Result<Vec<_>>>()?)
}

/// Playback has been stopped and the carrier's queue emptied: nothing on the line will be heard any
/// more, and marks sent before this count for nothing.
#[napi(
    catch_unwind,
    namespace = "ledger",
    js_name = "clear",
    ts_args_type = "handle: Handle"
)]
pub fn ledger_clear(handle: Handle<PlaybackLedger>) {
    let this = &mut *handle.get();
    this.inner.clear();
}

/// Audio that the carrier was sent and, by the clock, has not played, in milliseconds.
#[napi(
    catch_unwind,
    namespace = "ledger",
    js_name = "queuedMs",
    ts_args_type = "handle: Handle, now: number"
)]
pub fn ledger_queued_ms(env: Env, handle: Handle<PlaybackLedger>, now: Number) -> Result<f64> {
    let this = &*handle.get();
    Ok(to_ms(this.inner.queued(duration(env, "now", now.0)?)))
}

/// Samples that the caller has heard, as far as marks prove it.
#[napi(
    catch_unwind,
    namespace = "ledger",
    js_name = "heardSamples",
    ts_args_type = "handle: Handle"
)]
pub fn ledger_heard_samples(handle: Handle<PlaybackLedger>) -> f64 {
    let this = &*handle.get();
    this.inner.heard_samples() as f64
}

/// Samples sent.
#[napi(
    catch_unwind,
    namespace = "ledger",
    js_name = "sentSamples",
    ts_args_type = "handle: Handle"
)]
pub fn ledger_sent_samples(handle: Handle<PlaybackLedger>) -> f64 {
    let this = &*handle.get();
    this.inner.sent_samples() as f64
}

/// Samples received.
#[napi(
    catch_unwind,
    namespace = "ledger",
    js_name = "receivedSamples",
    ts_args_type = "handle: Handle"
)]
pub fn ledger_received_samples(handle: Handle<PlaybackLedger>) -> f64 {
    let this = &*handle.get();
    this.inner.received_samples() as f64
}

/// Samples sent since the last mark.
#[napi(
    catch_unwind,
    namespace = "ledger",
    js_name = "unmarkedSamples",
    ts_args_type = "handle: Handle"
)]
pub fn ledger_unmarked_samples(handle: Handle<PlaybackLedger>) -> f64 {
    let this = &*handle.get();
    this.inner.unmarked_samples() as f64
}

/// No content part is waiting for more audio from the model.
#[napi(
    catch_unwind,
    namespace = "ledger",
    js_name = "isFinished",
    ts_args_type = "handle: Handle"
)]
pub fn ledger_is_finished(handle: Handle<PlaybackLedger>) -> bool {
    let this = &*handle.get();
    this.inner.is_finished()
}

/// The share of `text` that was heard when `heardMs` of `totalMs` of its speech were, cut back to a
/// whole word: an estimate.
#[napi(
    catch_unwind,
    ts_args_type = "text: string, heardMs: number, totalMs: number",
    ts_return_type = "string"
)]
pub fn heard_text(
    env: Env,
    text: Text,
    heard_ms: Number,
    total_ms: Number,
) -> Result<Unknown<'static>> {
    let heard = duration(env, "heardMs", heard_ms.0)?.as_millis() as u64;
    let total = duration(env, "totalMs", total_ms.0)?.as_millis() as u64;
    new_string(env, playback::heard_text(&text.to_owned()?, heard, total))
}
