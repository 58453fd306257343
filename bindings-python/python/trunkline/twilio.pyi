"""Twilio Media Streams messages, bidirectional streams (`<Connect><Stream>`).

`read` makes an object of a message, for `match`; `media`, `mark` and `clear` write the three messages
that Twilio takes.

    match twilio.read(text):
        case twilio.Media(track="inbound", payload=mulaw):
            heard.write(mulaw)
        case twilio.Started(stream_sid=stream_sid):
            await websocket.send(twilio.media(stream_sid, greeting))
"""

from typing import Final, Literal, final

from typing_extensions import Buffer

__all__ = [
    "Connected",
    "Dtmf",
    "Mark",
    "Media",
    "Other",
    "Reader",
    "Started",
    "Stopped",
    "clear",
    "mark",
    "media",
    "read",
]

@final
class Connected:
    """The socket is open; no stream yet."""

    __match_args__ = ()
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Started:
    """The stream begins. Its audio is G.711 μ-law at 8 kHz: another format is refused."""

    __match_args__ = ("stream_sid", "call_sid", "custom_parameters", "sequence_number")
    stream_sid: Final[str]
    """The stream, for the messages to write."""
    call_sid: Final[str]
    """Id of the call."""
    custom_parameters: Final[dict[str, str]]
    """Parameters set in the call's TwiML; a copy each time."""
    sequence_number: Final[int | None]
    """Running number of the message."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Media:
    """Audio."""

    __match_args__ = ("track", "timestamp_ms", "payload", "stream_sid", "sequence_number")
    track: Final[Literal["inbound", "outbound"]]
    """Whose voice: the caller's is `"inbound"`."""
    timestamp_ms: Final[int]
    """Presentation time of the first sample, in milliseconds since the stream began."""
    payload: Final[bytes]
    """G.711 μ-law at 8 kHz, decoded from base64."""
    stream_sid: Final[str | None]
    """The stream it belongs to; absent before the stream has started."""
    sequence_number: Final[int | None]
    """Running number of the message."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Dtmf:
    """A key was pressed."""

    __match_args__ = ("digit", "stream_sid", "sequence_number")
    digit: Final[str]
    """`0`–`9`, `*`, `#`, `A`–`D`."""
    stream_sid: Final[str | None]
    """The stream it belongs to; absent before the stream has started."""
    sequence_number: Final[int | None]
    """Running number of the message."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Mark:
    """Playback has reached a mark, or a clear has flushed it."""

    __match_args__ = ("name", "stream_sid", "sequence_number")
    name: Final[str]
    """The mark's name."""
    stream_sid: Final[str | None]
    """The stream it belongs to; absent before the stream has started."""
    sequence_number: Final[int | None]
    """Running number of the message."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Stopped:
    """The stream has ended."""

    __match_args__ = ("stream_sid", "sequence_number")
    stream_sid: Final[str | None]
    """The stream it belongs to; absent before the stream has started."""
    sequence_number: Final[int | None]
    """Running number of the message."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Other:
    """A message of a kind that this version does not know."""

    __match_args__ = ("kind", "stream_sid", "sequence_number")
    kind: Final[str]
    """The kind's name on the wire."""
    stream_sid: Final[str | None]
    """The stream it belongs to; absent before the stream has started."""
    sequence_number: Final[int | None]
    """Running number of the message."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Reader:
    """Reads one call's messages, with the same result as `read`, sooner.

    It learns what media look like from the last one, and need not parse the next if it looks alike.
    """

    def __new__(cls) -> Reader: ...
    def read(
        self, message: str | Buffer, /
    ) -> Connected | Started | Media | Dtmf | Mark | Stopped | Other:
        """As `read`."""

def read(message: str | Buffer, /) -> Connected | Started | Media | Dtmf | Mark | Stopped | Other:
    """Reads one message.

    Args:
        message: JSON text, or a buffer of its UTF-8.

    Returns:
        What it says. Members may come in any order, and numbers in strings or bare.

    Raises:
        InvalidJsonError: Not a JSON text, or nested deeper than 64.
        MissingFieldError: It lacks a member that its kind must have.
        InvalidFieldError: A member has the wrong type, form or range.
        InvalidBase64Error: The audio is not base64.
    """

def media(stream_sid: str, mulaw: Buffer) -> str:
    """Writes a message that queues audio for playback.

    Args:
        stream_sid: The stream.
        mulaw: G.711 μ-law at 8 kHz, of any length but none.

    Raises:
        UnsupportedBufferError: Not a contiguous buffer of bytes.
        InvalidFieldError: No audio, or a stream SID that is not 1 to 64 plain ASCII characters.
    """

def mark(stream_sid: str, name: str) -> str:
    """Writes a message that has `name` echoed once playback has reached this point.

    Raises:
        InvalidFieldError: No name, or a stream SID as for `media`.
    """

def clear(stream_sid: str) -> str:
    """Writes a message that empties the playback queue.

    Raises:
        InvalidFieldError: A stream SID as for `media`.
    """
