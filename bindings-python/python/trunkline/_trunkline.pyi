"""The native core. Import its names from `trunkline`.

Audio is mono. PCM is 16-bit, little-endian; G.711 is one byte a sample. Any object with a contiguous
buffer will do as input: `bytes`, `bytearray`, `memoryview`, `array`, NumPy arrays of `int16` or `uint8`.

Every object may be used from any thread at any time: calls on one object wait for each other.
A call that raises leaves its object as it was.
"""

from typing import Final, Literal, final

from typing_extensions import Buffer

__all__ = [
    "BufferTooShortError",
    "ClosedError",
    "Delete",
    "Heard",
    "InvalidBase64Error",
    "InvalidFieldError",
    "InvalidJsonError",
    "LengthMismatchError",
    "MessageTooLongError",
    "MissingFieldError",
    "OutputPendingError",
    "OverlappingBuffersError",
    "PlaybackLedger",
    "QueueFullError",
    "Resampler",
    "TruncateAt",
    "TrunklineError",
    "Unheard",
    "UnsupportedBufferError",
    "UnsupportedRateError",
    "__version__",
    "alaw_decode",
    "alaw_decode_into",
    "alaw_encode",
    "alaw_encode_into",
    "heard_text",
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

# Playback

@final
class Heard:
    """A content part that the caller has heard to its end."""

    __match_args__ = ("item_id", "content_index", "audio_ms")

    @property
    def item_id(self) -> str:
        """The item."""

    @property
    def content_index(self) -> int:
        """Content part of the item."""

    @property
    def audio_ms(self) -> int:
        """Its whole length in milliseconds."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class TruncateAt:
    """Tell the model `conversation.item.truncate`."""

    __match_args__ = ("audio_end_ms",)

    @property
    def audio_end_ms(self) -> int:
        """Milliseconds from the start of the part; at most heard, at most received."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Delete:
    """Tell the model `conversation.item.delete`: nothing of the item was heard."""

    __match_args__ = ()

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Unheard:
    """A content part that the caller has not heard to its end."""

    __match_args__ = ("item_id", "content_index", "heard_ms", "received_ms", "start", "cut")

    @property
    def item_id(self) -> str:
        """The item."""

    @property
    def content_index(self) -> int:
        """Content part of the item."""

    @property
    def heard_ms(self) -> int:
        """Audio heard, in whole milliseconds; never more than `received_ms`."""

    @property
    def received_ms(self) -> int:
        """Audio received, in whole milliseconds."""

    @property
    def start(self) -> int:
        """Where it starts on the line, in samples."""

    @property
    def cut(self) -> TruncateAt | Delete | None:
        """What the model is to be told; `None` if what it is told of an earlier part covers this one.

        An item of which nothing was heard is deleted: truncating it at 0 would leave an empty answer
        in the conversation.
        """

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class PlaybackLedger:
    """Books of one call's playback: what the caller has heard, item by item.

    A carrier plays what it is sent later than it is sent it, and a model generates faster than anyone
    speaks. What is *received* from the model, *sent* to the carrier and *heard* by the caller are
    positions on one line of samples at 8 kHz. *Heard* grows only by the carrier's echo of a mark that
    the ledger named, and never past what can have been played by the clock: marks that are lost, late,
    doubled, reordered or unknown do no harm.

    Times are in seconds of any clock that does not go back, `time.monotonic()` if left out.
    """

    MAX_PARTS: Final = 16
    """Content parts that may be waiting to be heard at one time."""
    RATE_HZ: Final = 8000
    """Sampling rate of the line."""

    def __new__(cls, model_rate_hz: int) -> PlaybackLedger:
        """Makes an empty one.

        Args:
            model_rate_hz: Rate that the model speaks at: 24,000 for PCM, 8,000 for G.711.

        Raises:
            InvalidFieldError: The rate is 0.
        """

    def announce(self, item_id: str, content_index: int) -> None:
        """A content part exists, though none of its audio has come yet. It counts as unheard.

        Raises:
            InvalidFieldError: The id is empty, longer than 64 bytes or not plain ASCII.
            QueueFullError: `MAX_PARTS` parts wait, and not even the oldest has been sent.
        """

    def receive(
        self, item_id: str, content_index: int, model_samples: int, line_samples: int
    ) -> None:
        """Audio of a content part has arrived.

        Args:
            item_id: The item.
            content_index: Content part of the item.
            model_samples: Samples at the model's rate.
            line_samples: Samples that they became at `RATE_HZ`, at the end of the line.

        Raises:
            InvalidFieldError: As for `announce`.
            QueueFullError: As for `announce`.
        """

    def finish(self, item_id: str, content_index: int) -> None:
        """No more audio will come for this content part. One that never had any is forgotten."""

    def finish_item(self, item_id: str) -> None:
        """No more audio will come for any part of this item."""

    def finish_all(self) -> None:
        """No more audio will come for any content part known so far."""

    def send(self, samples: int, now: float | None = None) -> None:
        """The next `samples` of the line have gone to the carrier.

        Raises:
            InvalidFieldError: `now` is negative or no number.
        """

    def mark(self) -> str:
        """Returns the name of a mark to send behind everything sent so far."""

    def handle_mark(
        self, name: str, now: float | None = None
    ) -> Literal["heard", "flushed", "foreign"]:
        """The carrier has echoed a mark.

        Returns:
            `"heard"` if playback reached it, `"flushed"` if it was on the way when playback was
            cleared, `"foreign"` if the ledger did not name it.

        Raises:
            InvalidFieldError: `now` is negative or no number.
        """

    def pop_heard(self) -> Heard | None:
        """Returns the oldest content part, once it is finished and wholly heard; each is told once."""

    def unheard(self) -> list[Unheard]:
        """Returns the content parts not wholly heard, oldest first, as if playback stopped now."""

    def clear(self) -> None:
        """Playback has been stopped and the carrier's queue emptied.

        Nothing on the line will be heard any more, and marks sent before count for nothing.
        """

    def queued(self, now: float | None = None) -> float:
        """Returns the seconds of audio that the carrier was sent and, by the clock, has not played.

        Raises:
            InvalidFieldError: `now` is negative or no number.
        """

    @property
    def play_end(self) -> float:
        """When, by the clock, the carrier will have played all it was sent."""

    @property
    def heard_samples(self) -> int:
        """Position of the caller's ear on the line, as far as marks prove it."""

    @property
    def sent_samples(self) -> int:
        """Position on the line up to which audio was sent."""

    @property
    def received_samples(self) -> int:
        """Position on the line up to which audio was received."""

    @property
    def unmarked_samples(self) -> int:
        """Samples sent since the last mark."""

    @property
    def is_finished(self) -> bool:
        """No content part is waiting for more audio from the model."""

    @property
    def epoch(self) -> int:
        """How often playback was cleared."""

def heard_text(text: str, heard_ms: int, total_ms: int) -> str:
    """Returns the share of `text` that was heard when `heard_ms` of `total_ms` of its speech were.

    Cut back to a whole word. Speech and text do not run evenly, so this is an estimate; it is what a
    transcript is to show, and what a new session is to be told, after a barge-in.
    """
