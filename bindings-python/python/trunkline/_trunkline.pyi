"""The native core. Import its names from `trunkline`.

Audio is mono. PCM is 16-bit, little-endian; G.711 is one byte a sample. Any object with a contiguous
buffer will do as input: `bytes`, `bytearray`, `memoryview`, `array`, NumPy arrays of `int16` or `uint8`.

Every object may be used from any thread at any time: calls on one object wait for each other.
A call that raises leaves its object as it was.
"""

from types import ModuleType
from typing import Final, Literal, TypeAlias, final

from typing_extensions import Buffer

__all__ = [
    "AfterSpeech",
    "AudioDropped",
    "BargeIn",
    "Bridge",
    "BufferTooShortError",
    "CallEnded",
    "CallStarted",
    "ClosedError",
    "Concealer",
    "Delete",
    "Dtmf",
    "Event",
    "FormatMismatch",
    "Heard",
    "InvalidBase64Error",
    "InvalidFieldError",
    "InvalidJsonError",
    "ItemDropped",
    "ItemHeard",
    "JitterBuffer",
    "JitterStats",
    "LengthMismatchError",
    "Mark",
    "MessageTooLongError",
    "MissingFieldError",
    "ModelError",
    "Other",
    "Output",
    "OutputPendingError",
    "OverlappingBuffersError",
    "PlaybackHeld",
    "PlaybackLedger",
    "PlaybackResumed",
    "QueueFullError",
    "Resampler",
    "ResponseDone",
    "SemanticVad",
    "ServerVad",
    "SessionReady",
    "SpeechStarted",
    "SpeechStopped",
    "Stats",
    "ToOpenAi",
    "ToTwilio",
    "ToolCall",
    "Transcript",
    "TruncateAt",
    "TrunklineError",
    "Unheard",
    "UnsupportedBufferError",
    "UnsupportedRateError",
    "Usage",
    "VoiceDetector",
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
    "openai",
    "twilio",
]

__version__: str

openai: ModuleType
"""What `trunkline.openai` exports."""
twilio: ModuleType
"""What `trunkline.twilio` exports."""

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
    item_id: Final[str]
    """The item."""
    content_index: Final[int]
    """Content part of the item."""
    audio_ms: Final[int]
    """Its whole length in milliseconds."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class TruncateAt:
    """Tell the model `conversation.item.truncate`."""

    __match_args__ = ("audio_end_ms",)
    audio_end_ms: Final[int]
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
    item_id: Final[str]
    """The item."""
    content_index: Final[int]
    """Content part of the item."""
    heard_ms: Final[int]
    """Audio heard, in whole milliseconds; never more than `received_ms`."""
    received_ms: Final[int]
    """Audio received, in whole milliseconds."""
    start: Final[int]
    """Where it starts on the line, in samples."""
    cut: Final[TruncateAt | Delete | None]
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

# Jitter and loss: PCM at 8 kHz

@final
class JitterStats:
    """Counters of a `JitterBuffer`, all in samples unless said otherwise.

    After every pull `decoded + concealed + stretched - cut + silence == out`.
    """

    __match_args__ = (
        "received_samples",
        "late_samples",
        "lost_samples",
        "duplicate_samples",
        "dropped_samples",
        "stray_samples",
        "decoded_samples",
        "concealed_samples",
        "stretched_samples",
        "cut_samples",
        "silence_samples",
        "out_samples",
        "resyncs",
    )
    received_samples: Final[int]
    """Taken in."""
    late_samples: Final[int]
    """Came after their turn, for the first time; not used."""
    lost_samples: Final[int]
    """Passed over on the time line, and not seen since."""
    duplicate_samples: Final[int]
    """Came again; not used."""
    dropped_samples: Final[int]
    """Taken in, and dropped because later audio had no room."""
    stray_samples: Final[int]
    """Of packets not believed: too far from all other audio, and nothing followed them."""
    decoded_samples: Final[int]
    """Received and played, or cut."""
    concealed_samples: Final[int]
    """Substituted because nothing was there to play: the voice continued, then silence."""
    stretched_samples: Final[int]
    """Added by repeating pitch periods, to let the delay grow."""
    cut_samples: Final[int]
    """Taken out, pitch period by pitch period, to let the delay shrink."""
    silence_samples: Final[int]
    """Silence before the first packet."""
    out_samples: Final[int]
    """Pulled."""
    resyncs: Final[int]
    """Jumps of the time line that were followed; a number of times."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class JitterBuffer:
    """Puts packets in order and hands out a frame every 20 ms.

    It holds audio as long as the network's jitter makes sense of, no longer, conceals what does not
    come in time, and cuts or repeats pitch periods when the delay has to change. Its clock is the pull.
    """

    FRAME: Final = 160
    """Samples of a pulled frame: 20 ms."""
    CAPACITY: Final = 16384
    """The most samples that are held; the longest packet."""

    def __new__(cls) -> JitterBuffer: ...
    def insert(
        self, timestamp: int, pcm: Buffer
    ) -> Literal["accepted", "duplicate", "late", "overflow", "stray", "resynchronised"]:
        """A packet has come.

        Args:
            timestamp: When it was said, in samples; its lower 32 bits count. For Twilio's media, the
                time stamp in milliseconds times 8.
            pcm: Its samples.

        Returns:
            What became of it: `"accepted"`, in whole or what was new of it; `"duplicate"`, all of it
            had come before; `"late"`, its turn had passed; `"overflow"`, taken in, and the oldest audio
            made room for it; `"stray"`, too far from all other audio to be believed, unless the next
            packet continues it; `"resynchronised"`, taken in, and the time line has followed a jump.

        Raises:
            UnsupportedBufferError: Not a contiguous buffer of 16-bit samples or their bytes.
            InvalidFieldError: The packet is empty or longer than `CAPACITY`.
        """

    def pull(self) -> tuple[bytes, Literal["received", "concealed", "silence"]]:
        """Returns the next 20 ms to play, `FRAME` samples, and what they are.

        `"received"` audio only; `"concealed"`, a substitute at least in part; `"silence"`, since
        nothing has come yet, or not for so long that the substitute has faded out.
        """

    def pull_into(self, dst: Buffer, /) -> Literal["received", "concealed", "silence"]:
        """Writes the next 20 ms to play into a buffer, without allocating.

        Args:
            dst: A writable buffer of `FRAME` samples.

        Returns:
            As `pull`.

        Raises:
            UnsupportedBufferError: A buffer of the wrong kind.
            LengthMismatchError: It is not one frame long.
        """

    def reset(self) -> None:
        """Forgets everything, as if new."""

    @property
    def stats(self) -> JitterStats:
        """Counters since it was made."""

    @property
    def delay(self) -> float:
        """Seconds that the next sample has been held beyond what the network makes unavoidable."""

    @property
    def target_delay(self) -> float:
        """What `delay` is to become, in seconds: what the latest packet of the last 6 s needed."""

    @property
    def depth_samples(self) -> int:
        """Samples that are held, holes among them included."""

@final
class Concealer:
    """Fills gaps in a voice with a substitute that continues it, without any delay.

    Every frame goes through it, in order: those that arrived through `receive`, for those that did not
    `conceal`.
    """

    FADE: Final = 480
    """Samples from the first that is concealed to silence, unless said otherwise: 60 ms."""

    def __new__(cls, fade: int = 480) -> Concealer:
        """Makes one that has heard nothing yet.

        Args:
            fade: Samples after which the substitute is silent; with 0, losses are silence.
        """

    def receive(self, pcm: Buffer, /) -> bytes:
        """Takes the next samples that arrived, any number, and returns what to play.

        They are as they were, unless samples before them were concealed: then the first 2.5 ms are
        cross-faded with the substitute.

        Raises:
            UnsupportedBufferError: Not a contiguous buffer of 16-bit samples or their bytes.
        """

    def receive_into(self, src: Buffer, dst: Buffer, /) -> None:
        """As `receive`, into a buffer of as many samples, without allocating.

        Raises:
            UnsupportedBufferError: A buffer is of the wrong kind.
            OverlappingBuffersError: They share memory.
            LengthMismatchError: Their lengths do not match.
        """

    def conceal(self, samples: int, /) -> bytes:
        """Returns a substitute for samples that did not arrive in time.

        Before anything was received, that is silence.
        """

    def conceal_into(self, dst: Buffer, /) -> None:
        """As `conceal`, filling a buffer of samples, without allocating.

        Raises:
            UnsupportedBufferError: A buffer of the wrong kind.
        """

    def reset(self) -> None:
        """Forgets all audio, as if new."""

    @property
    def is_concealing(self) -> bool:
        """Whether the sample before was a substitute, or in a cross-fade with one."""

@final
class VoiceDetector:
    """Tells speech from silence, steady noise, clicks and tones.

    Any division of the samples into calls gives the same result.
    """

    RATE_HZ: Final = 8000
    """Sampling rate."""

    def __new__(cls) -> VoiceDetector:
        """Makes one that has heard nothing yet; it takes what comes first for noise."""

    def process(self, pcm: Buffer, /) -> float | None:
        """Listens to the next samples, any number of them; returns `speech` after the last.

        Raises:
            UnsupportedBufferError: Not a contiguous buffer of 16-bit samples or their bytes.
        """

    def reset(self) -> None:
        """Forgets all it has heard."""

    @property
    def speech(self) -> float | None:
        """For how many seconds the caller has been speaking, up to the last that was loud.

        `None` in silence. In steps of 20 ms; at the onset 60 or 80 ms.
        """

# The bridge

@final
class Bridge:
    """The bridge between a phone call and a realtime model.

    It opens no socket, starts no thread and does no IO: messages of either peer go in by `handle_*`,
    messages for either peer and events come out of `drain`. `trunkline.aio.run` is a loop around it.

    The rule of the loop: one input, then `drain`; then wait for the next message or for
    `poll_timeout`, whichever is first. A message handed in before the last one's outputs are drained
    is refused with `OutputPendingError`. Commands (the methods that are not `handle_*`) may be given at
    any time and need a drain, too.

    Times named `now` are seconds since any fixed point, never going back; left out they are
    `time.monotonic()`. Memory is what it was made with, whatever the peers do or leave undone.
    """

    def __new__(
        cls,
        *,
        model_audio: Literal["pcm24k", "mulaw"] | None = None,
        lead: float | None = None,
        mark_interval: float | None = None,
        downlink_capacity: float | None = None,
        uplink_capacity: float | None = None,
        text_capacity: int | None = None,
        max_gap: float | None = None,
        stall_timeout: float | None = None,
        max_twilio_len: int | None = None,
        max_openai_len: int | None = None,
        barge_in: Literal["never", "on-speech", "on-transcript"] | AfterSpeech | None = None,
        voice_detection: bool = False,
    ) -> Bridge:
        """Makes one for one call. `None` is the default; beyond the bounds given, the bound counts.

        Args:
            model_audio: Audio format on the model's side, both ways: `"pcm24k"` (the default) is PCM at
                24 kHz, resampled here; `"mulaw"` is G.711, passed straight through.
            lead: Seconds of audio sent to the carrier ahead of its playback; at least 0.04. More rides
                out longer pauses of ours or the network's, less makes a barge-in's `clear` flush less.
                Default: 0.2.
            mark_interval: Seconds of audio between two playback marks, and so the resolution of what
                was heard; at least 0.02. Default: 0.1.
            downlink_capacity: Seconds of the model's audio held beyond the lead, 1 to 600. Once it is
                half full, audio is sent ahead to the carrier, which holds minutes; once full, the
                newest is dropped. Models generate several times faster than they are heard: where
                barge-ins into long answers matter, 30 s (240 kB) keep `lead` what it says. Default: 3.5.
            uplink_capacity: Seconds of the caller's audio held while the model cannot take it, the
                oldest dropped beyond; 0.128 to 600. Default: 1.
            text_capacity: Bytes for the texts of one input (a transcript, a tool call's arguments) and
                for commands that wait to be drained (a session's instructions and tools: raise it where
                these are long); 8 KiB to 64 MiB. Default: 12 KiB.
            max_gap: Longest gap in the caller's media time line that is concealed, in seconds: the voice
                fades out, then there is silence. A longer one, or a step back that is longer, is a new
                start. At most 60. Default: 10.
            stall_timeout: Without media for so many seconds in the caller's turn, the voice is faded out
                and the model is fed silence, so that the turn can end. Default: 0.75.
            max_twilio_len: Longest message accepted from the carrier, in bytes. Default: 64 KiB.
            max_openai_len: Longest message accepted from the model, in bytes. Default: 16 MiB.
            barge_in: When the caller's voice stops the model's for good. `"never"`: it is the
                application's to call `interrupt`. `"on-speech"` (the default): as soon as the model
                reports speech. The other two hold playback until it is confirmed, so that a cough does
                not cost an answer: `AfterSpeech(seconds)` once speech has lasted so long;
                `"on-transcript"` with the first word of the turn's transcript, for which
                `update_session` must be given a `transcription_model`.
            voice_detection: Whether the bridge listens to the caller itself and holds playback before
                the model has reported speech. Not for lines on which the caller's end returns the
                model's own speech as an echo.

        Raises:
            InvalidFieldError: A time is negative or not finite, a number of bytes is negative, or there
                is no such choice. `name` is the argument.
        """

    def handle_twilio(self, message: str | Buffer, now: float | None = None) -> None:
        """A message from Twilio has arrived: one whole text frame, as text or as its UTF-8 bytes.

        A message that raises has had no effect, and the call can go on: log the error, leave the
        message out.

        Raises:
            OutputPendingError: The outputs of an earlier input are not drained.
            ClosedError: The call has ended.
            MessageTooLongError: Longer than `max_twilio_len`, or a text in it than `text_capacity` has
                room for.
            InvalidJsonError: Not JSON, or not UTF-8.
            InvalidBase64Error: Its audio is not base64.
            MissingFieldError: It lacks a field that its kind must have.
            InvalidFieldError: A field is wrong, it belongs to another stream, it is out of place, or
                `now` is negative or not finite.
            UnsupportedBufferError: `message` is not a contiguous buffer of bytes.
        """

    def handle_openai(self, message: str | Buffer, now: float | None = None) -> None:
        """A message from the model has arrived: one whole text frame, as text or as its UTF-8 bytes.

        What the model itself refuses or reports is a `ModelError` event, not an exception.

        Raises:
            QueueFullError: Audio of a content part while too many wait to be heard: hand it in again
                later.
            TrunklineError: As for `handle_twilio`.
        """

    def handle_timeout(self, now: float | None = None) -> None:
        """The time that `poll_timeout` named has come. Harmless at any time.

        Raises:
            InvalidFieldError: `now` is negative or not finite.
        """

    def handle_twilio_closed(self, now: float | None = None) -> None:
        """Twilio's socket is closed, with or without a `stop` before: the call is over.

        Raises:
            InvalidFieldError: `now` is negative or not finite.
        """

    def handle_openai_closed(self, now: float | None = None) -> None:
        """The model's socket is closed.

        What it said so far is played out, the caller's audio is kept up to `uplink_capacity`, and a
        response owed stays owed, until `update_session` sets up a new session on a new socket.

        Raises:
            InvalidFieldError: `now` is negative or not finite.
        """

    def drain(self) -> list[Output]:
        """Returns all that is to be done now, in order.

        Each text is one whole message: send it before those that come after it.
        """

    def poll_timeout(self) -> float | None:
        """When `handle_timeout` is to be called next, on the clock of `now`; meaningful once drained."""

    def update_session(
        self,
        *,
        instructions: str | None = None,
        voice: str | None = None,
        speed: float | None = None,
        transcription_model: str | None = None,
        transcription_language: str | None = None,
        transcription_prompt: str | None = None,
        noise_reduction: Literal["near-field", "far-field"] | None = None,
        turn_detection: ServerVad | SemanticVad | Literal["none"] | None = None,
        tools: str | None = None,
        tool_choice: str | None = None,
        extra: str | None = None,
    ) -> None:
        """Sets the model's session up: the first thing to send on a new socket.

        Audio flows, both ways, once the model has confirmed the audio format (`SessionReady`). What is
        `None` is left as the server has it, except transcription and turn detection, which are always
        set. Where `barge_in` waits for a confirmation, `create_response` and `interrupt_response` go
        out as false, and the bridge does what they ask for.

        Args:
            instructions: System prompt; empty to have none.
            voice: Voice name.
            speed: Speaking rate, 0.25 to 1.5.
            transcription_model: Model that transcribes the caller, or no transcription.
            transcription_language: The caller's language for transcription, as an ISO 639-1 code.
            transcription_prompt: Words to expect or a style to keep to, for the transcription model.
            noise_reduction: On the caller's audio: `"near-field"` for handsets and headsets,
                `"far-field"` for speakerphones.
            turn_detection: How turns are found; `ServerVad()` unless given. `"none"`: the application
                commits turns.
            tools: JSON array.
            tool_choice: JSON string (`'"auto"'`, `'"none"'`, `'"required"'`) or object.
            extra: JSON object of further members of `session`. None of those set by the other fields,
                `type`, `output_modalities`, `audio`, nor one of the beta that GA refuses.

        Raises:
            InvalidJsonError: `tools`, `tool_choice` or `extra` is not JSON.
            InvalidFieldError: The server would refuse it for this field.
            QueueFullError: Longer than what `text_capacity` has free.
            ClosedError: The call has ended.
        """

    def create_response(self, response: str | None = None) -> None:
        """Asks the model to speak as soon as it may.

        That is when the session is ready, no response is active and the caller is silent. A request
        that still waits is replaced.

        Args:
            response: The `response` object of `response.create`, as JSON.

        Raises:
            InvalidJsonError: Not JSON.
            InvalidFieldError: Not an object.
            QueueFullError: Longer than 2 KiB.
            ClosedError: The call has ended.
        """

    def send_tool_output(self, call_id: str, output: str) -> None:
        """Answers a `ToolCall`.

        Once every call is answered and their response has ended, the model is asked to go on.

        Raises:
            InvalidFieldError: No such call is open.
            QueueFullError: No room in `text_capacity`.
            ClosedError: The call has ended.
        """

    def send_openai(self, event: str) -> None:
        """Sends any other client event as it is.

        Responses, truncations and audio are better left to the bridge, which keeps their books.

        Args:
            event: JSON object with a `type`.

        Raises:
            InvalidJsonError: Not JSON.
            InvalidFieldError: Not an object with a `type`.
            QueueFullError: No room in `text_capacity`.
            ClosedError: The call has ended.
        """

    def interrupt(self, now: float | None = None) -> None:
        """Stops the model's speech now, as if the caller had spoken over it.

        Raises:
            InvalidFieldError: `now` is negative or not finite.
            QueueFullError: No room in `text_capacity`.
            ClosedError: The call has ended.
        """

    def mark(self, name: str) -> None:
        """Asks for a `Mark` when the caller has heard everything received so far.

        Or when a barge-in has flushed it.

        Args:
            name: 1 to 128 ASCII characters. Names that wait to be sent share 1 KiB, with 101 bytes each
                for their keeping.

        Raises:
            InvalidFieldError: Another name.
            QueueFullError: Too many wait.
            ClosedError: The call has ended.
        """

    def queued_at_carrier(self, now: float | None = None) -> float:
        """Seconds of audio that the carrier was sent and, by the clock, has not played at `now`.

        Raises:
            InvalidFieldError: `now` is negative or not finite.
        """

    @property
    def stats(self) -> Stats:
        """Counters of the call so far, as they are now."""

    @property
    def is_closed(self) -> bool:
        """The call has ended and every output was drained."""

@final
class AfterSpeech:
    """For `Bridge(barge_in=...)`: once the caller has spoken for so long."""

    __match_args__ = ("seconds",)
    seconds: Final[float]

    def __new__(cls, seconds: float) -> AfterSpeech: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class ServerVad:
    """For `Bridge.update_session(turn_detection=...)`: turns are found by energy."""

    __match_args__ = (
        "threshold",
        "prefix_padding_ms",
        "silence_duration_ms",
        "idle_timeout_ms",
        "create_response",
        "interrupt_response",
    )
    threshold: Final[float]
    """0 to 1."""
    prefix_padding_ms: Final[int]
    """Audio before the detected start that belongs to the turn."""
    silence_duration_ms: Final[int]
    """Silence that ends a turn."""
    idle_timeout_ms: Final[int | None]
    """Silence after an answer that makes the model speak again, 5,000 to 30,000; or never."""
    create_response: Final[bool]
    """Answer by itself."""
    interrupt_response: Final[bool]
    """Stop answering by itself when the caller speaks."""

    def __new__(
        cls,
        *,
        threshold: float = 0.5,
        prefix_padding_ms: int = 300,
        silence_duration_ms: int = 500,
        idle_timeout_ms: int | None = None,
        create_response: bool = True,
        interrupt_response: bool = True,
    ) -> ServerVad: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class SemanticVad:
    """For `Bridge.update_session(turn_detection=...)`: turns are found by meaning."""

    __match_args__ = ("eagerness", "create_response", "interrupt_response")
    eagerness: Final[Literal["low", "medium", "high", "auto"]]
    """How soon a pause is taken for the end of the turn: `"low"` waits up to 8 s, `"medium"` 4 s,
    `"high"` 2 s, `"auto"` as the server likes."""
    create_response: Final[bool]
    """Answer by itself."""
    interrupt_response: Final[bool]
    """Stop answering by itself when the caller speaks."""

    def __new__(
        cls,
        *,
        eagerness: Literal["low", "medium", "high", "auto"] = ...,
        create_response: bool = True,
        interrupt_response: bool = True,
    ) -> SemanticVad: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Stats:
    """Counters of one call since its start. Samples are at 8 kHz."""

    __match_args__: Final[tuple[str, ...]]
    media_messages: Final[int]
    """Media messages of the caller's track."""
    media_samples: Final[int]
    """Samples of the caller's voice taken in. All of them, `concealed_samples` and `stall_samples`
    make up what was handed to the model, was cut or dropped, or waits."""
    appended_samples: Final[int]
    """Samples handed to the model."""
    concealed_samples: Final[int]
    """Samples substituted where the caller's media left a gap in its time line: the voice fading
    out, then silence."""
    stall_samples: Final[int]
    """Samples fed because media stopped in the caller's turn: the voice fading out, then silence."""
    cut_samples: Final[int]
    """Samples taken out, pitch period by pitch period, to make up for what was fed."""
    lost_samples: Final[int]
    """Samples of gaps in the time line that have not come since."""
    late_samples: Final[int]
    """Samples that came after their time had been filled; not used."""
    duplicate_samples: Final[int]
    """Samples that came again; not used."""
    uplink_dropped_samples: Final[int]
    """Samples of the caller's voice dropped, oldest first, because the model could not take them."""
    uplink_depth_samples: Final[int]
    """Samples of the caller's voice now waiting for the model."""
    max_uplink_depth_samples: Final[int]
    """The most that ever waited."""
    received_samples: Final[int]
    """Samples of the model's speech put on the line to the caller."""
    sent_samples: Final[int]
    """Samples sent to the carrier."""
    spilled_samples: Final[int]
    """Samples sent ahead of the configured lead because the queue was more than half full."""
    downlink_dropped_samples: Final[int]
    """Samples of the model's speech dropped, newest first, because the queue was full."""
    discarded_bytes: Final[int]
    """Bytes of base64 of the model's speech not used: of interrupted responses, or while the
    session was not ready."""
    depth_samples: Final[int]
    """Samples of the model's speech now waiting to be sent."""
    max_depth_samples: Final[int]
    """The most that ever waited."""
    marks_sent: Final[int]
    """Playback marks sent."""
    marks_heard: Final[int]
    """Playback marks that proved audio heard."""
    marks_ignored: Final[int]
    """Playback marks that proved nothing: flushed by a clear, repeated, overtaken or unknown."""
    barge_ins: Final[int]
    """Barge-ins over speech the caller had not heard to its end."""
    holds: Final[int]
    """Times that playback was held until an interruption was confirmed."""
    false_barge_ins: Final[int]
    """Holds that ended without a barge-in: playback went on, if anything was left of it."""
    truncated_items: Final[int]
    """Items truncated."""
    deleted_items: Final[int]
    """Items deleted because nothing of them was heard."""
    refused_cuts: Final[int]
    """Truncations and deletions the model refused."""
    responses: Final[int]
    """Responses that ended."""
    repeated_responses: Final[int]
    """Requests for a response that met another and were repeated after it."""
    other_messages: Final[int]
    """Messages told as `Other`."""
    response_latency: Final[float | None]
    """From the end of the caller's speech to the first sample of the answer heard, last time. In
    seconds."""
    max_response_latency: Final[float | None]
    """The longest such time. In seconds."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

# What the bridge says

@final
class ToTwilio:
    """Send this text frame to Twilio."""

    __match_args__ = ("text",)
    text: Final[str]

    def __new__(cls, text: str) -> ToTwilio: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class ToOpenAi:
    """Send this text frame to the model."""

    __match_args__ = ("text",)
    text: Final[str]

    def __new__(cls, text: str) -> ToOpenAi: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class CallStarted:
    """The call's stream has started."""

    __match_args__ = ("stream_sid", "call_sid", "custom_parameters")
    stream_sid: Final[str]
    call_sid: Final[str]
    custom_parameters: Final[dict[str, str]]
    """What TwiML's `<Parameter>` gave; a new dict each time."""

    def __new__(
        cls, stream_sid: str, call_sid: str, custom_parameters: dict[str, str]
    ) -> CallStarted: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class CallEnded:
    """The call's stream has ended; nothing follows."""

    __match_args__ = ()

    def __new__(cls) -> CallEnded: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class SessionReady:
    """The model's session is set as asked; audio flows."""

    __match_args__ = ()

    def __new__(cls) -> SessionReady: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class FormatMismatch:
    """The model's session is not set to the format asked for; audio is held back.

    Formats are `"mulaw"`, `"alaw"`, PCM by its rate (`"pcm24k"`, `"pcm16k"`), or `"unknown"`.
    """

    __match_args__ = ("expected", "input", "output")
    expected: Final[str]
    """What was asked for."""
    input: Final[str | None]
    """What the session takes from us, if told."""
    output: Final[str | None]
    """What the session gives us, if told."""

    def __new__(cls, expected: str, input: str | None, output: str | None) -> FormatMismatch: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class SpeechStarted:
    """The caller began to speak."""

    __match_args__ = ("position",)
    position: Final[float]
    """Where, in seconds of the audio appended to this session of the model."""

    def __new__(cls, position: float) -> SpeechStarted: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class SpeechStopped:
    """The caller stopped speaking."""

    __match_args__ = ("position",)
    position: Final[float]
    """Where, in seconds of the audio appended to this session of the model, with the silence that
    told."""

    def __new__(cls, position: float) -> SpeechStopped: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class PlaybackHeld:
    """Playback stands still until it is known whether the caller barges in.

    Unless the call ends before, `BargeIn` follows, or `PlaybackResumed`.
    """

    __match_args__ = ()

    def __new__(cls) -> PlaybackHeld: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class PlaybackResumed:
    """It was no barge-in: playback goes on where it stood, if anything is left of it."""

    __match_args__ = ("held",)
    held: Final[float]
    """Seconds that it stood, the lead that was playing meanwhile included."""

    def __new__(cls, held: float) -> PlaybackResumed: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class BargeIn:
    """The caller spoke over this item; comes last in the barge-in transaction."""

    __match_args__ = ("item_id", "audio_end", "audio_received")
    item_id: Final[str]
    audio_end: Final[float]
    """Seconds of it that were heard."""
    audio_received: Final[float]
    """Seconds of it that had been received; with `audio_end` the share of the words that was heard."""

    def __new__(cls, item_id: str, audio_end: float, audio_received: float) -> BargeIn: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class ItemDropped:
    """This item was queued behind the one the caller spoke over.

    Nothing of it was heard, and the model has been told to forget it.
    """

    __match_args__ = ("item_id",)
    item_id: Final[str]

    def __new__(cls, item_id: str) -> ItemDropped: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class ItemHeard:
    """The caller has heard a content part of this item, mostly its only one, to its end."""

    __match_args__ = ("item_id", "audio_end")
    item_id: Final[str]
    audio_end: Final[float]
    """The part's whole length in seconds."""

    def __new__(cls, item_id: str, audio_end: float) -> ItemHeard: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class AudioDropped:
    """There was no room for all of a delta's audio; its end was dropped.

    One delta brought more than half the queue holds, or the queue cannot be emptied: no stream yet,
    or minutes are waiting at the carrier.
    """

    __match_args__ = ("item_id", "duration")
    item_id: Final[str]
    duration: Final[float]
    """Seconds dropped."""

    def __new__(cls, item_id: str, duration: float) -> AudioDropped: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Transcript:
    """Words."""

    __match_args__ = ("speaker", "item_id", "text", "is_final")
    speaker: Final[Literal["caller", "model"]]
    item_id: Final[str]
    text: Final[str]
    """The next words, or all when final."""
    is_final: Final[bool]
    """The whole of the content part."""

    def __new__(
        cls, speaker: Literal["caller", "model"], item_id: str, text: str, is_final: bool
    ) -> Transcript: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class ToolCall:
    """The model calls a function; answer with `Bridge.send_tool_output`."""

    __match_args__ = ("call_id", "name", "arguments")
    call_id: Final[str]
    """Id to answer with."""
    name: Final[str]
    """The function."""
    arguments: Final[str]
    """Text that should be a JSON object."""

    def __new__(cls, call_id: str, name: str, arguments: str) -> ToolCall: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Dtmf:
    """The caller pressed a key."""

    __match_args__ = ("digit",)
    digit: Final[str]
    """The key, one character."""

    def __new__(cls, digit: str) -> Dtmf: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Mark:
    """A mark of `Bridge.mark` was reached."""

    __match_args__ = ("name", "heard")
    name: Final[str]
    heard: Final[bool]
    """The caller heard what was before it; `False` if a barge-in flushed it."""

    def __new__(cls, name: str, heard: bool) -> Mark: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class ResponseDone:
    """A response has ended."""

    __match_args__ = ("response_id", "status", "reason", "message", "usage")
    response_id: Final[str]
    status: Final[Literal["completed", "cancelled", "incomplete", "failed", "unknown"]]
    """How; `"unknown"` is a status this version does not know."""
    reason: Final[str]
    """Why, in the peer's word; empty if it gave none."""
    message: Final[str]
    """The peer's sentence, if it failed; else empty."""
    usage: Final[Usage | None]

    def __new__(
        cls,
        response_id: str,
        status: Literal["completed", "cancelled", "incomplete", "failed", "unknown"],
        reason: str,
        message: str,
        usage: Usage | None,
    ) -> ResponseDone: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class ModelError:
    """The model refuses something; no exception, but an event."""

    __match_args__ = ("code", "message", "is_fatal")
    code: Final[str]
    """Its code; empty if it gave none."""
    message: Final[str]
    """Its sentence."""
    is_fatal: Final[bool]
    """The session cannot go on."""

    def __new__(cls, code: str, message: str, is_fatal: bool) -> ModelError: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Other:
    """A message that the bridge has no use for, or of a kind it does not know."""

    __match_args__ = ("source", "kind")
    source: Final[Literal["twilio", "openai"]]
    kind: Final[str]

    def __new__(cls, source: Literal["twilio", "openai"], kind: str) -> Other: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Usage:
    """Tokens used by one response."""

    __match_args__ = (
        "total_tokens",
        "input_tokens",
        "output_tokens",
        "input_text_tokens",
        "input_audio_tokens",
        "cached_tokens",
        "cached_text_tokens",
        "cached_audio_tokens",
        "output_text_tokens",
        "output_audio_tokens",
    )
    total_tokens: Final[int]
    """Input and output together."""
    input_tokens: Final[int]
    """Input, of every kind, cached ones included."""
    output_tokens: Final[int]
    """Output, of every kind."""
    input_text_tokens: Final[int]
    """Text among the input."""
    input_audio_tokens: Final[int]
    """Audio among the input."""
    cached_tokens: Final[int]
    """Cached among the input."""
    cached_text_tokens: Final[int]
    """Text among the cached; 0 where the peer does not tell."""
    cached_audio_tokens: Final[int]
    """Audio among the cached; 0 where the peer does not tell. Audio input less this is billed in
    full."""
    output_text_tokens: Final[int]
    """Text among the output."""
    output_audio_tokens: Final[int]
    """Audio among the output."""

    def __new__(
        cls,
        total_tokens: int = 0,
        input_tokens: int = 0,
        output_tokens: int = 0,
        input_text_tokens: int = 0,
        input_audio_tokens: int = 0,
        cached_tokens: int = 0,
        cached_text_tokens: int = 0,
        cached_audio_tokens: int = 0,
        output_text_tokens: int = 0,
        output_audio_tokens: int = 0,
    ) -> Usage: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

Event: TypeAlias = (
    CallStarted
    | CallEnded
    | SessionReady
    | FormatMismatch
    | SpeechStarted
    | SpeechStopped
    | PlaybackHeld
    | PlaybackResumed
    | BargeIn
    | ItemDropped
    | ItemHeard
    | AudioDropped
    | Transcript
    | ToolCall
    | Dtmf
    | Mark
    | ResponseDone
    | ModelError
    | Other
)
"""Something the application may want to know."""

Output: TypeAlias = ToTwilio | ToOpenAi | Event
"""One thing to do."""
