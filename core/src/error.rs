//! The crate's one error type.

use core::fmt;

/// Why a call was refused.
///
/// Every variant leaves the object it came from as it was before the call: nothing was consumed,
/// nothing was lost, and the same call may be made again once the cause is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Two slices that must have related lengths do not; nothing was written.
    LengthMismatch {
        /// Elements the call needs in the slice it complains about.
        expected: usize,
        /// Elements it was given.
        actual: usize,
    },
    /// The destination is too short; nothing was written and the output, if any, is kept.
    BufferTooShort {
        /// Elements the destination must hold.
        needed: usize,
        /// Elements it holds.
        actual: usize,
    },
    /// A message or a text in it is longer than the configured cap; it was not looked at further.
    MessageTooLong {
        /// The cap in bytes.
        limit: usize,
        /// The length in bytes.
        actual: usize,
    },
    /// Not a JSON text (RFC 8259), or one nested deeper than the reader allows.
    InvalidJson {
        /// Byte offset of the first byte that cannot stand there.
        offset: usize,
    },
    /// Not base64 (RFC 4648 §4, canonical, padded).
    InvalidBase64 {
        /// Byte offset of the first character that cannot stand there.
        offset: usize,
    },
    /// A field this kind of message must have is missing.
    MissingField {
        /// The field's name on the wire.
        name: &'static str,
    },
    /// A field or argument has the wrong type, form or range.
    InvalidField {
        /// The field's name on the wire, or the argument's name.
        name: &'static str,
    },
    /// No conversion between these sampling rates.
    UnsupportedRate {
        /// Rate of the input in Hz.
        from_hz: u32,
        /// Rate of the output in Hz.
        to_hz: u32,
    },
    /// A bounded queue has no room for this; it holds what it held.
    QueueFull {
        /// Bytes the call needs.
        needed: usize,
        /// Bytes that are free.
        free: usize,
    },
    /// Not a flight recording, or a damaged one.
    InvalidRecording {
        /// Byte offset of what cannot stand there.
        offset: usize,
    },
    /// A flight recording that breaks off: more bytes should follow.
    TruncatedRecording {
        /// Byte offset of what is not whole.
        offset: usize,
    },
    /// A flight recording of a format that this version does not read.
    UnsupportedVersion {
        /// The format's number.
        version: u16,
        /// The number of the one that is read.
        supported: u16,
    },
    /// Outputs of an earlier input have not been polled; the new input was not looked at.
    OutputPending,
    /// The call has ended; the input was not looked at.
    Closed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::LengthMismatch { expected, actual } => {
                write!(f, "length mismatch: expected {expected}, got {actual}")
            }
            Self::BufferTooShort { needed, actual } => {
                write!(f, "buffer too short: {needed} needed, got {actual}")
            }
            Self::MessageTooLong { limit, actual } => {
                write!(f, "message too long: {actual} bytes, limit {limit}")
            }
            Self::InvalidJson { offset } => write!(f, "invalid JSON at byte {offset}"),
            Self::InvalidBase64 { offset } => write!(f, "invalid base64 at byte {offset}"),
            Self::MissingField { name } => write!(f, "missing field `{name}`"),
            Self::InvalidField { name } => write!(f, "invalid field `{name}`"),
            Self::UnsupportedRate { from_hz, to_hz } => {
                write!(f, "unsupported rates: {from_hz} Hz to {to_hz} Hz")
            }
            Self::QueueFull { needed, free } => {
                write!(f, "queue full: {needed} bytes needed, {free} free")
            }
            Self::InvalidRecording { offset } => {
                write!(f, "not a flight recording, or damaged, at byte {offset}")
            }
            Self::TruncatedRecording { offset } => {
                write!(f, "the flight recording breaks off at byte {offset}")
            }
            Self::UnsupportedVersion { version, supported } => {
                write!(
                    f,
                    "flight recording of format {version}, only {supported} is read"
                )
            }
            Self::OutputPending => f.write_str("outputs of the previous input are not drained"),
            Self::Closed => f.write_str("the call has ended"),
        }
    }
}

impl core::error::Error for Error {}
