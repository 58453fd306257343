"""The native core. Import its names from `trunkline`.

Audio is mono. PCM is 16-bit, little-endian; G.711 is one byte a sample. Any object with a contiguous
buffer will do as input: `bytes`, `bytearray`, `memoryview`, `array`, NumPy arrays of `int16` or `uint8`.

Every object may be used from any thread at any time: calls on one object wait for each other.
A call that raises leaves its object as it was.
"""

from collections.abc import Buffer
from typing import Literal, final

__all__ = [
    "BufferTooShortError",
    "ClosedError",
    "InvalidBase64Error",
    "InvalidFieldError",
    "InvalidJsonError",
    "LengthMismatchError",
    "MessageTooLongError",
    "MissingFieldError",
    "OutputPendingError",
    "OverlappingBuffersError",
    "QueueFullError",
    "Resampler",
    "TrunklineError",
    "UnsupportedBufferError",
    "UnsupportedRateError",
    "__version__",
    "alaw_decode",
    "alaw_decode_into",
    "alaw_encode",
    "alaw_encode_into",
    "instruction_set",
    "mulaw_decode",
    "mulaw_decode_into",
    "mulaw_encode",
    "mulaw_encode_into",
]

__version__: str

def instruction_set() -> str:
    """The instruction set that the kernels run with on this machine, such as `"AVX2"`.

    It is chosen at run time. All give the same bytes.
    """

# Errors

class TrunklineError(ValueError):
    """Base of all errors that trunkline raises. The object that raised is as it was before the call."""

class UnsupportedBufferError(TrunklineError):
    """A buffer is of the wrong format, strided, read-only, or of an odd length."""

    expected: str
    actual: str

class OverlappingBuffersError(TrunklineError):
    """Source and destination share memory."""

class LengthMismatchError(TrunklineError):
    """Two buffers that must have related lengths do not; nothing was written."""

    expected: int
    """Elements that the destination must have."""
    actual: int

class BufferTooShortError(TrunklineError):
    """The destination is too short; nothing was written."""

    needed: int
    """Elements that the destination must have."""
    actual: int

class MessageTooLongError(TrunklineError):
    """A message is longer than the limit; it was not looked at further."""

    limit: int
    """In bytes."""
    actual: int

class InvalidJsonError(TrunklineError):
    """Not a JSON text (RFC 8259)."""

    offset: int
    """Of the first byte that cannot stand there."""

class InvalidBase64Error(TrunklineError):
    """Not base64 (RFC 4648 §4, canonical, padded)."""

    offset: int
    """Of the first character that cannot stand there."""

class MissingFieldError(TrunklineError):
    """A message lacks a field that its kind must have."""

    name: str

class InvalidFieldError(TrunklineError):
    """A field or an argument has the wrong type, form or range."""

    name: str

class UnsupportedRateError(TrunklineError):
    """No conversion between these sampling rates."""

    from_hz: int
    to_hz: int

class QueueFullError(TrunklineError):
    """A bounded queue has no room for this; it holds what it held."""

    needed: int
    """In bytes, as is `free`."""
    free: int

class OutputPendingError(TrunklineError):
    """Outputs of an earlier input have not been drained; the new input was not looked at."""

class ClosedError(TrunklineError):
    """The call has ended; the input was not looked at."""

# G.711

def mulaw_decode(src: Buffer, /) -> bytes:
    """Decodes G.711 μ-law to PCM.

    Args:
        src: Codes, one byte each.

    Returns:
        As many samples, two bytes each.

    Raises:
        UnsupportedBufferError: `src` is not a contiguous buffer of bytes.
    """

def mulaw_decode_into(src: Buffer, dst: Buffer, /) -> None:
    """Decodes G.711 μ-law into a buffer, without allocating.

    Args:
        src: Codes, one byte each.
        dst: A writable buffer of as many samples.

    Raises:
        UnsupportedBufferError: A buffer is of the wrong kind.
        OverlappingBuffersError: They share memory.
        LengthMismatchError: Their lengths do not match.
    """

def mulaw_encode(src: Buffer, /, *, variant: Literal["itu", "sun", "audioop"] = "itu") -> bytes:
    """Encodes PCM as G.711 μ-law.

    Args:
        src: Samples.
        variant: How negative samples are folded: `"itu"` as ITU-T's reference does, `"sun"` as the
            common 16-bit encoder with bias 0x84 (differs for 127 samples), `"audioop"` as
            `audioop.lin2ulaw` did (for 508).

    Returns:
        One byte for each sample.

    Raises:
        UnsupportedBufferError: `src` is not a contiguous buffer of 16-bit samples or their bytes.
        InvalidFieldError: No such variant.
    """

def mulaw_encode_into(
    src: Buffer, dst: Buffer, /, *, variant: Literal["itu", "sun", "audioop"] = "itu"
) -> None:
    """Encodes PCM as G.711 μ-law into a buffer, without allocating.

    Args:
        src: Samples.
        dst: A writable buffer of one byte for each.
        variant: As for `mulaw_encode`.

    Raises:
        UnsupportedBufferError: A buffer is of the wrong kind.
        OverlappingBuffersError: They share memory.
        LengthMismatchError: Their lengths do not match.
        InvalidFieldError: No such variant.
    """

def alaw_decode(src: Buffer, /) -> bytes:
    """Decodes G.711 A-law to PCM; as `mulaw_decode`."""

def alaw_decode_into(src: Buffer, dst: Buffer, /) -> None:
    """Decodes G.711 A-law into a buffer; as `mulaw_decode_into`."""

def alaw_encode(src: Buffer, /) -> bytes:
    """Encodes PCM as G.711 A-law; as `mulaw_encode`. All A-law encoders agree: there is no variant."""

def alaw_encode_into(src: Buffer, dst: Buffer, /) -> None:
    """Encodes PCM as G.711 A-law into a buffer; as `mulaw_encode_into`."""

# Resampling

@final
class Resampler:
    """A streaming resampler, which keeps its filter's state from call to call.

    Between 8, 16 and 24 kHz it delays by at most 2.21 ms, and gives the same bytes on every machine
    however the input is cut. Any other rates from 4 to 192 kHz go through `rubato`, with a delay of 80
    samples of the lower rate or a little more.
    """

    def __new__(
        cls, from_hz: int, to_hz: int, *, profile: Literal["voice", "sharp"] = "voice"
    ) -> Resampler:
        """Makes one that starts with silence before the first sample.

        Args:
            from_hz: Rate of the input.
            to_hz: Rate of the output.
            profile: `"voice"` has the least delay, and −6 dB at half the lower rate; `"sharp"` lets
                nothing through from half the lower rate on, for 3.96 ms, between 8 and 24 kHz only.

        Raises:
            UnsupportedRateError: No conversion between these rates.
            InvalidFieldError: No such profile.
        """

    def process(self, pcm: Buffer, /) -> bytes:
        """Takes all of `pcm` and returns what it becomes: `output_len` samples.

        Raises:
            UnsupportedBufferError: Not a contiguous buffer of 16-bit samples or their bytes.
        """

    def process_into(self, src: Buffer, dst: Buffer, /) -> int:
        """Takes all of `src` and writes what it becomes to the start of `dst`, without allocating.

        Returns:
            Samples written.

        Raises:
            UnsupportedBufferError: A buffer is of the wrong kind.
            OverlappingBuffersError: They share memory.
            BufferTooShortError: `dst` is shorter than `output_len`; nothing was taken.
        """

    def output_len(self, samples: int, /) -> int:
        """Samples that `process` returns for so many more."""

    def flush(self) -> bytes:
        """Returns what is still in the filter, as if silence followed, and is as new."""

    def reset(self) -> None:
        """Forgets all input."""

    @property
    def delay(self) -> float:
        """Delay in seconds, constant over frequency and time."""

    @property
    def from_hz(self) -> int:
        """Rate of the input in Hz."""

    @property
    def to_hz(self) -> int:
        """Rate of the output in Hz."""
