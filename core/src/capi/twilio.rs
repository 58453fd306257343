//! Twilio Media Streams messages.

use core::ffi::c_char;

use super::{
    ffi::{Record, boundary},
    message::Texts,
    trunkline_text,
};
use crate::{
    dialect::{Carrier, CarrierCommand, CarrierEvent, Track},
    twilio::Twilio,
};

/// The socket is open; no stream yet.
pub const TRUNKLINE_TWILIO_CONNECTED: i32 = 0;
/// The stream begins: `call_sid`, and `text`, the custom parameters as a JSON object of strings.
pub const TRUNKLINE_TWILIO_STARTED: i32 = 1;
/// Audio of `track`: `text`, base64 of μ-law at 8 kHz, and `timestamp_ms`.
pub const TRUNKLINE_TWILIO_MEDIA: i32 = 2;
/// The key `digit` was pressed.
pub const TRUNKLINE_TWILIO_DTMF: i32 = 3;
/// Playback has reached the mark named `text`, or a clear has flushed it.
pub const TRUNKLINE_TWILIO_MARK: i32 = 4;
/// The stream has ended.
pub const TRUNKLINE_TWILIO_STOPPED: i32 = 5;
/// A message of the kind `text`, which this version does not know.
pub const TRUNKLINE_TWILIO_OTHER: i32 = 6;

/// What the caller says.
pub const TRUNKLINE_TRACK_INBOUND: i32 = 0;
/// What the caller is played.
pub const TRUNKLINE_TRACK_OUTBOUND: i32 = 1;

/// One message from Twilio. Members that the `kind` does not name are 0 and without text.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct trunkline_twilio_message {
    /// `TRUNKLINE_TWILIO_...`, which say what the other members mean.
    pub kind: i32,
    /// `TRUNKLINE_TRACK_...`.
    pub track: i32,
    /// An ASCII character: 0 to 9, `*`, `#`, A to D.
    pub digit: i32,
    /// 1 if the message has a `sequence_number`.
    pub is_numbered: i32,
    /// Twilio's running number of the message.
    pub sequence_number: u64,
    /// Presentation time of the first sample, since the stream began.
    pub timestamp_ms: u64,
    /// The stream; no text before it has started.
    pub stream_sid: trunkline_text,
    /// The call.
    pub call_sid: trunkline_text,
    /// Audio, parameters, a name or a kind.
    pub text: trunkline_text,
}

// SAFETY: `repr(C)`, and of numbers and pointers only.
unsafe impl Record for trunkline_twilio_message {
    const FIRST_SIZE: usize = size_of::<Self>();
}

/// Reads one message from Twilio into `message`, of which the caller knows `message_size` bytes
/// (`sizeof *message`). Its texts point into `text`, or into `buf` where escapes had to be undone,
/// and are valid as long as these are unchanged.
///
/// Errors: `TRUNKLINE_ERR_INVALID_JSON`, `TRUNKLINE_ERR_MISSING_FIELD`, `TRUNKLINE_ERR_INVALID_FIELD`;
/// `TRUNKLINE_ERR_BUFFER_TOO_SHORT` if the message has escapes and `buf_len` is less than `text_len`,
/// which is always enough. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_twilio_read(
    text: *const c_char,
    text_len: usize,
    buf: *mut c_char,
    buf_len: usize,
    message: *mut trunkline_twilio_message,
    message_size: usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (text, buf, out) = unsafe {
            (
                call.text(text, text_len)?,
                call.buf(buf, buf_len)?,
                call.record(message, message_size)?,
            )
        };
        let message = Twilio.read(text)?;
        let mut texts = Texts::new(text, buf)?;
        let none = trunkline_text::NONE;
        let mut to = trunkline_twilio_message {
            kind: TRUNKLINE_TWILIO_CONNECTED,
            track: 0,
            digit: 0,
            is_numbered: i32::from(message.sequence_number.is_some()),
            sequence_number: message.sequence_number.unwrap_or(0),
            timestamp_ms: 0,
            stream_sid: texts.lend_optional(message.stream_sid)?,
            call_sid: none,
            text: none,
        };
        match message.event {
            CarrierEvent::Connected => to.kind = TRUNKLINE_TWILIO_CONNECTED,
            CarrierEvent::Started {
                call_sid,
                custom_parameters,
            } => {
                to.kind = TRUNKLINE_TWILIO_STARTED;
                to.call_sid = texts.lend(call_sid)?;
                to.text = trunkline_text::new(custom_parameters.as_str());
            }
            CarrierEvent::Media {
                track,
                timestamp_ms,
                payload,
            } => {
                to.kind = TRUNKLINE_TWILIO_MEDIA;
                to.track = match track {
                    Track::Inbound => TRUNKLINE_TRACK_INBOUND,
                    Track::Outbound => TRUNKLINE_TRACK_OUTBOUND,
                };
                to.timestamp_ms = timestamp_ms;
                to.text = texts.lend(payload)?;
            }
            CarrierEvent::Dtmf { digit } => {
                to.kind = TRUNKLINE_TWILIO_DTMF;
                to.digit = digit as i32;
            }
            CarrierEvent::Mark { name } => {
                to.kind = TRUNKLINE_TWILIO_MARK;
                to.text = texts.lend(name)?;
            }
            CarrierEvent::Stopped => to.kind = TRUNKLINE_TWILIO_STOPPED,
            CarrierEvent::Other { kind } => {
                to.kind = TRUNKLINE_TWILIO_OTHER;
                to.text = texts.lend(kind)?;
            }
        }
        out.set(to);
        Ok(())
    })
}

/// Writes a message that queues `audio_len` bytes of μ-law at 8 kHz for playback on the stream
/// `stream_sid`; `written` gets its length in bytes.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for no audio or a stream SID that is not 1 to 64 printable
/// ASCII characters; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_twilio_write_media(
    stream_sid: *const c_char,
    stream_sid_len: usize,
    audio: *const u8,
    audio_len: usize,
    buf: *mut c_char,
    buf_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (stream_sid, audio, buf, written) = unsafe {
            (
                call.text(stream_sid, stream_sid_len)?,
                call.slice(audio, audio_len)?,
                call.buf(buf, buf_len)?,
                call.out(written)?,
            )
        };
        written.report(Twilio.write(stream_sid, CarrierCommand::Media(audio), buf))
    })
}

/// Writes a message that asks for the echo of `name` once playback has reached this point of the
/// stream `stream_sid`; `written` gets its length in bytes.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for no name or a stream SID that is not 1 to 64 printable
/// ASCII characters; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_twilio_write_mark(
    stream_sid: *const c_char,
    stream_sid_len: usize,
    name: *const c_char,
    name_len: usize,
    buf: *mut c_char,
    buf_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (stream_sid, name, buf, written) = unsafe {
            (
                call.text(stream_sid, stream_sid_len)?,
                call.text(name, name_len)?,
                call.buf(buf, buf_len)?,
                call.out(written)?,
            )
        };
        written.report(Twilio.write(stream_sid, CarrierCommand::Mark(name), buf))
    })
}

/// Writes a message that empties the playback queue of the stream `stream_sid`; `written` gets its
/// length in bytes.
///
/// Errors: `TRUNKLINE_ERR_INVALID_FIELD` for a stream SID that is not 1 to 64 printable ASCII
/// characters; `TRUNKLINE_ERR_BUFFER_TOO_SHORT`. Any thread.
///
/// # Safety
/// Pointers and lengths as described at the top.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trunkline_twilio_write_clear(
    stream_sid: *const c_char,
    stream_sid_len: usize,
    buf: *mut c_char,
    buf_len: usize,
    written: *mut usize,
) -> i32 {
    boundary(|call| {
        // SAFETY: as `# Safety` says.
        let (stream_sid, buf, written) = unsafe {
            (
                call.text(stream_sid, stream_sid_len)?,
                call.buf(buf, buf_len)?,
                call.out(written)?,
            )
        };
        written.report(Twilio.write(stream_sid, CarrierCommand::Clear, buf))
    })
}
