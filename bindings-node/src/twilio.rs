//! Messages of Twilio Media Streams.

use napi::bindgen_prelude::*;
use napi_derive::napi;
use trunkline::dialect::{Carrier as _, CarrierCommand, CarrierEvent, Track};
use trunkline::{JsonStr, base64, twilio::Twilio};

use crate::buffer::{Source, Text, new_bytes, new_string};
use crate::error::OrThrow;
use crate::object::Fields;

/// Reads one message.
#[napi(
    catch_unwind,
    namespace = "twilio",
    js_name = "read",
    ts_args_type = "message: string | Uint8Array",
    ts_return_type = "TwilioMessage"
)]
pub fn twilio_read(env: Env, message: Text) -> Result<Unknown<'static>> {
    let mut scratch = Vec::new();
    let message = Twilio
        .read(message.read(&mut scratch, usize::MAX)?)
        .or_throw(env)?;
    let fields = match message.event {
        CarrierEvent::Connected => Fields::of_type(env, "Connected")?,
        CarrierEvent::Started {
            call_sid,
            custom_parameters,
        } => Fields::of_type(env, "Started")?
            .json("callSid", call_sid)?
            .text("customParameters", custom_parameters.as_str())?,
        CarrierEvent::Media {
            track,
            timestamp_ms,
            payload,
        } => {
            let track = match track {
                Track::Outbound => "outbound",
                _ => "inbound",
            };
            Fields::of_type(env, "Media")?
                .text("track", track)?
                .number("timestampMs", timestamp_ms)?
                .set("audio", decoded(env, payload)?)?
        }
        CarrierEvent::Dtmf { digit } => {
            Fields::of_type(env, "Dtmf")?.text("digit", digit.encode_utf8(&mut [0; 4]))?
        }
        CarrierEvent::Mark { name } => Fields::of_type(env, "Mark")?.json("name", name)?,
        CarrierEvent::Stopped => Fields::of_type(env, "Stopped")?,
        CarrierEvent::Other { kind } => Fields::of_type(env, "Other")?.json("kind", kind)?,
        _ => Fields::of_type(env, "Other")?.text("kind", "")?,
    };
    Ok(fields
        .json_or_null("streamSid", message.stream_sid)?
        .number_or_null("sequenceNumber", message.sequence_number)?
        .build())
}

/// Writes a `media` message.
#[napi(
    catch_unwind,
    namespace = "twilio",
    js_name = "media",
    ts_args_type = "streamSid: string, audio: Uint8Array",
    ts_return_type = "string"
)]
pub fn twilio_media(env: Env, stream_sid: Text, audio: Source) -> Result<Unknown<'static>> {
    write(env, &stream_sid, CarrierCommand::Media(audio.bytes()?))
}

/// Writes a `mark` message.
#[napi(
    catch_unwind,
    namespace = "twilio",
    js_name = "mark",
    ts_args_type = "streamSid: string, name: string",
    ts_return_type = "string"
)]
pub fn twilio_mark(env: Env, stream_sid: Text, name: Text) -> Result<Unknown<'static>> {
    write(env, &stream_sid, CarrierCommand::Mark(&name.to_owned()?))
}

/// Writes a `clear` message.
#[napi(
    catch_unwind,
    namespace = "twilio",
    js_name = "clear",
    ts_args_type = "streamSid: string",
    ts_return_type = "string"
)]
pub fn twilio_clear(env: Env, stream_sid: Text) -> Result<Unknown<'static>> {
    write(env, &stream_sid, CarrierCommand::Clear)
}

fn write(env: Env, stream_sid: &Text, command: CarrierCommand<'_>) -> Result<Unknown<'static>> {
    let stream_sid = stream_sid.to_owned()?;
    let text = written(env, |dst| Twilio.write(&stream_sid, command, dst))?;
    new_string(env, &text)
}

/// What `write` writes, which says how much room it needs.
pub(crate) fn written(
    env: Env,
    write: impl Fn(&mut [u8]) -> std::result::Result<usize, trunkline::Error>,
) -> Result<String> {
    let mut text = vec![0; 1 << 10];
    let len = match write(&mut text) {
        Err(trunkline::Error::BufferTooShort { needed, .. }) => {
            text.resize(needed, 0);
            write(&mut text)
        }
        done => done,
    };
    text.truncate(len.or_throw(env)?);
    String::from_utf8(text)
        .or(Err(trunkline::Error::InvalidField { name: "message" }))
        .or_throw(env)
}

/// The bytes that a base64 string stands for.
pub(crate) fn decoded(env: Env, text: JsonStr<'_>) -> Result<Unknown<'static>> {
    let mut bytes = vec![0; base64_capacity(text.len())];
    let len = base64::decode_str(text, &mut bytes).or_throw(env)?;
    let bytes = bytes.get(..len).unwrap_or_default();
    new_bytes(env, len, |dst| {
        dst.copy_from_slice(bytes);
        Ok(())
    })
}

fn base64_capacity(len: usize) -> usize {
    len.div_ceil(4) * 3
}
