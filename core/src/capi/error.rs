//! Codes, and their texts.

use core::ffi::{CStr, c_char};

use crate::Error;

/// Done.
pub const TRUNKLINE_OK: i32 = 0;
/// A pointer is NULL.
pub const TRUNKLINE_ERR_NULL: i32 = -1;
/// A defect in the library was caught; the object must not be used again, only freed.
pub const TRUNKLINE_ERR_PANIC: i32 = -2;
/// A pointer is not aligned to what it points to.
pub const TRUNKLINE_ERR_MISALIGNED: i32 = -3;
/// An argument overlaps with one that is written to.
pub const TRUNKLINE_ERR_OVERLAP: i32 = -4;
/// A length is more than memory can hold.
pub const TRUNKLINE_ERR_LENGTH: i32 = -5;
/// A text is not UTF-8.
pub const TRUNKLINE_ERR_UTF8: i32 = -6;
/// The size of a struct is none that this version of the library knows.
pub const TRUNKLINE_ERR_STRUCT_SIZE: i32 = -7;
/// A number is none of those that stand for something.
pub const TRUNKLINE_ERR_ARGUMENT: i32 = -8;
/// There is no memory left.
pub const TRUNKLINE_ERR_NO_MEMORY: i32 = -9;
/// Two buffers that must be of the same length are not.
pub const TRUNKLINE_ERR_LENGTH_MISMATCH: i32 = -10;
/// A buffer is too short; what was to go there is kept.
pub const TRUNKLINE_ERR_BUFFER_TOO_SHORT: i32 = -11;
/// A message or a text in it is longer than is accepted.
pub const TRUNKLINE_ERR_MESSAGE_TOO_LONG: i32 = -12;
/// Not a JSON text, or one nested too deep.
pub const TRUNKLINE_ERR_INVALID_JSON: i32 = -13;
/// Not base64.
pub const TRUNKLINE_ERR_INVALID_BASE64: i32 = -14;
/// A message lacks a field.
pub const TRUNKLINE_ERR_MISSING_FIELD: i32 = -15;
/// A field or an argument has the wrong type, form or range.
pub const TRUNKLINE_ERR_INVALID_FIELD: i32 = -16;
/// No conversion between these sampling rates.
pub const TRUNKLINE_ERR_UNSUPPORTED_RATE: i32 = -17;
/// A bounded queue has no room.
pub const TRUNKLINE_ERR_QUEUE_FULL: i32 = -18;
/// The outputs of an earlier input are not polled.
pub const TRUNKLINE_ERR_OUTPUT_PENDING: i32 = -19;
/// The call has ended.
pub const TRUNKLINE_ERR_CLOSED: i32 = -20;
/// Not a flight recording, or a damaged one; no function returns this yet.
pub const TRUNKLINE_ERR_INVALID_RECORDING: i32 = -21;
/// A flight recording that breaks off; no function returns this yet.
pub const TRUNKLINE_ERR_TRUNCATED_RECORDING: i32 = -22;
/// A flight recording of another version; no function returns this yet.
pub const TRUNKLINE_ERR_UNSUPPORTED_VERSION: i32 = -23;

/// The text of a code, in English, without a full stop; one for unknown codes, too. The string is
/// static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn trunkline_strerror(code: i32) -> *const c_char {
    text(code).as_ptr()
}

const fn text(code: i32) -> &'static CStr {
    match code {
        TRUNKLINE_OK => c"ok",
        TRUNKLINE_ERR_NULL => c"null pointer",
        TRUNKLINE_ERR_PANIC => c"defect in the library",
        TRUNKLINE_ERR_MISALIGNED => c"misaligned pointer",
        TRUNKLINE_ERR_OVERLAP => c"overlapping buffers",
        TRUNKLINE_ERR_LENGTH => c"impossible length",
        TRUNKLINE_ERR_UTF8 => c"not UTF-8",
        TRUNKLINE_ERR_STRUCT_SIZE => c"struct of an unknown size",
        TRUNKLINE_ERR_ARGUMENT => c"argument out of range",
        TRUNKLINE_ERR_NO_MEMORY => c"no memory left",
        TRUNKLINE_ERR_LENGTH_MISMATCH => c"lengths do not match",
        TRUNKLINE_ERR_BUFFER_TOO_SHORT => c"buffer too short",
        TRUNKLINE_ERR_MESSAGE_TOO_LONG => c"message too long",
        TRUNKLINE_ERR_INVALID_JSON => c"invalid JSON",
        TRUNKLINE_ERR_INVALID_BASE64 => c"invalid base64",
        TRUNKLINE_ERR_MISSING_FIELD => c"missing field",
        TRUNKLINE_ERR_INVALID_FIELD => c"invalid field or argument",
        TRUNKLINE_ERR_UNSUPPORTED_RATE => c"unsupported sampling rates",
        TRUNKLINE_ERR_QUEUE_FULL => c"queue full",
        TRUNKLINE_ERR_OUTPUT_PENDING => c"outputs of the previous input are not drained",
        TRUNKLINE_ERR_CLOSED => c"the call has ended",
        TRUNKLINE_ERR_INVALID_RECORDING => c"not a flight recording, or damaged",
        TRUNKLINE_ERR_TRUNCATED_RECORDING => c"the flight recording breaks off",
        TRUNKLINE_ERR_UNSUPPORTED_VERSION => c"flight recording of another version",
        _ => c"unknown code",
    }
}

/// A code that is not `TRUNKLINE_OK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code(pub(super) i32);

impl From<Error> for Code {
    fn from(error: Error) -> Self {
        Self(match error {
            Error::LengthMismatch { .. } => TRUNKLINE_ERR_LENGTH_MISMATCH,
            Error::BufferTooShort { .. } => TRUNKLINE_ERR_BUFFER_TOO_SHORT,
            Error::MessageTooLong { .. } => TRUNKLINE_ERR_MESSAGE_TOO_LONG,
            Error::InvalidJson { .. } => TRUNKLINE_ERR_INVALID_JSON,
            Error::InvalidBase64 { .. } => TRUNKLINE_ERR_INVALID_BASE64,
            Error::MissingField { .. } => TRUNKLINE_ERR_MISSING_FIELD,
            Error::InvalidField { .. } => TRUNKLINE_ERR_INVALID_FIELD,
            Error::UnsupportedRate { .. } => TRUNKLINE_ERR_UNSUPPORTED_RATE,
            Error::QueueFull { .. } => TRUNKLINE_ERR_QUEUE_FULL,
            Error::InvalidRecording { .. } => TRUNKLINE_ERR_INVALID_RECORDING,
            Error::TruncatedRecording { .. } => TRUNKLINE_ERR_TRUNCATED_RECORDING,
            Error::UnsupportedVersion { .. } => TRUNKLINE_ERR_UNSUPPORTED_VERSION,
            Error::OutputPending => TRUNKLINE_ERR_OUTPUT_PENDING,
            Error::Closed => TRUNKLINE_ERR_CLOSED,
        })
    }
}
