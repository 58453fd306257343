"""OpenAI Realtime events (GA); the names of the beta are understood on input.

`read` makes an object of a server event, for `match`; the other functions write client events, with
members and values that the server knows, ids and texts within its limits. An `event_id` that is given
comes back in the error if the server refuses the event.

    match openai.read(text):
        case openai.AudioDelta(item_id=item, audio=pcm):
            play(item, pcm)
        case openai.ToolCall(call_id=call, name=name, arguments=arguments):
            await websocket.send(openai.tool_output(call, run(name, arguments)))
"""

from typing import Final, Literal, final

from typing_extensions import Buffer

from trunkline import SemanticVad, ServerVad

__all__ = [
    "AudioDelta",
    "AudioDone",
    "AudioFormat",
    "ErrorEvent",
    "ItemAdded",
    "Other",
    "Reader",
    "ResponseCreated",
    "ResponseDone",
    "SessionCreated",
    "SessionState",
    "SessionUpdated",
    "SpeechStarted",
    "SpeechStopped",
    "ToolCall",
    "Transcript",
    "TranscriptionFailed",
    "Usage",
    "append_g711",
    "append_pcm16",
    "cancel_response",
    "clear_audio",
    "commit_audio",
    "create_message",
    "create_response",
    "create_tool_call",
    "delete_item",
    "read",
    "tool_output",
    "truncate_item",
    "update_session",
]

@final
class AudioFormat:
    """Sample format on the model's side."""

    __match_args__ = ("encoding", "rate_hz")
    encoding: Final[Literal["pcm16", "mulaw", "alaw", "unknown"]]
    """16-bit little-endian PCM, or G.711; or something this version does not know."""
    rate_hz: Final[int | None]
    """Sampling rate; 8,000 for G.711, `None` where the encoding is unknown."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class SessionState:
    """What the session is set to; `None` where unsaid."""

    __match_args__ = (
        "input",
        "output",
        "creates_response",
        "interrupts_response",
        "silence_duration_ms",
        "expires_at",
    )
    input: Final[AudioFormat | None]
    """Format that the model expects."""
    output: Final[AudioFormat | None]
    """Format that the model sends."""
    creates_response: Final[bool | None]
    """Voice detection answers by itself at the end of a turn; `False` also when it is off."""
    interrupts_response: Final[bool | None]
    """Voice detection cancels the answer when the caller speaks; `False` also when it is off."""
    silence_duration_ms: Final[int | None]
    """Silence that ends a turn."""
    expires_at: Final[int | None]
    """When the session ends, in seconds since the Unix epoch."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class SessionCreated:
    """The session exists, with the server's defaults."""

    __match_args__ = ("session",)
    session: Final[SessionState]
    """What it is set to."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class SessionUpdated:
    """The session is now set like this."""

    __match_args__ = ("session",)
    session: Final[SessionState]
    """What it is set to."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class SpeechStarted:
    """The caller began to speak."""

    __match_args__ = ("item_id", "audio_start_ms")
    item_id: Final[str | None]
    """Item the turn will become."""
    audio_start_ms: Final[int]
    """Position in appended audio."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class SpeechStopped:
    """The caller stopped speaking."""

    __match_args__ = ("item_id", "audio_end_ms")
    item_id: Final[str | None]
    """Item the turn will become."""
    audio_end_ms: Final[int]
    """Position in appended audio, silence that ended the turn included."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class ResponseCreated:
    """A response is being made."""

    __match_args__ = ("response_id", "out_of_band")
    response_id: Final[str]
    """The response."""
    out_of_band: Final[bool]
    """It does not write to the conversation (`conversation: "none"`)."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class ItemAdded:
    """A response has begun an item."""

    __match_args__ = ("response_id", "item_id", "is_message")
    response_id: Final[str]
    """The response."""
    item_id: Final[str]
    """The item."""
    is_message: Final[bool]
    """It is a message (may be spoken), not a function call or anything else."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class AudioDelta:
    """Speech."""

    __match_args__ = ("response_id", "item_id", "content_index", "audio")
    response_id: Final[str]
    """The response."""
    item_id: Final[str]
    """The item."""
    content_index: Final[int]
    """Content part of the item."""
    audio: Final[bytes]
    """Audio in the session's output format, decoded from base64."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class AudioDone:
    """No more speech for this content part."""

    __match_args__ = ("response_id", "item_id", "content_index")
    response_id: Final[str]
    """The response."""
    item_id: Final[str]
    """The item."""
    content_index: Final[int]
    """Content part of the item."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Transcript:
    """Words, said or understood."""

    __match_args__ = ("speaker", "item_id", "response_id", "text", "is_final")
    speaker: Final[Literal["caller", "model"]]
    """Whose."""
    item_id: Final[str]
    """The item."""
    response_id: Final[str | None]
    """The response, for the model's words."""
    text: Final[str]
    """The next words, or all of them when `is_final`."""
    is_final: Final[bool]
    """`text` is the whole of the content part."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class TranscriptionFailed:
    """The caller's words could not be understood."""

    __match_args__ = ("item_id", "kind")
    item_id: Final[str]
    """The item."""
    kind: Final[str]
    """The event's name on the wire."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class ToolCall:
    """The model calls a function: a completed call, reported once per call."""

    __match_args__ = ("response_id", "item_id", "call_id", "name", "arguments")
    response_id: Final[str]
    """The response."""
    item_id: Final[str]
    """The item."""
    call_id: Final[str]
    """Id to answer with."""
    name: Final[str]
    """The function."""
    arguments: Final[str]
    """Text that should be, but need not be, a JSON object."""
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
    """Text among the cached; 0 where the server does not tell."""
    cached_audio_tokens: Final[int]
    """Audio among the cached; 0 where the server does not tell."""
    output_text_tokens: Final[int]
    """Text among the output."""
    output_audio_tokens: Final[int]
    """Audio among the output."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class ResponseDone:
    """A response has ended."""

    __match_args__ = ("response_id", "status", "reason", "message", "usage")
    response_id: Final[str]
    """The response."""
    status: Final[Literal["completed", "cancelled", "incomplete", "failed", "unknown"]]
    """How."""
    reason: Final[str | None]
    """The server's word for why (`turn_detected`, an error code, …)."""
    message: Final[str | None]
    """The server's sentence, if it failed."""
    usage: Final[Usage | None]
    """Tokens used, if told."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class ErrorEvent:
    """The server refuses something, or is ending the session. Not an exception."""

    __match_args__ = ("code", "message", "event_id")
    code: Final[str | None]
    """Its code."""
    message: Final[str]
    """Its sentence."""
    event_id: Final[str | None]
    """The client event that it answers."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Other:
    """An event with nothing to act on, or of a kind that this version does not know."""

    __match_args__ = ("kind",)
    kind: Final[str]
    """The event's name on the wire."""
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self, /) -> int: ...

@final
class Reader:
    """Reads one session's events, with the same result as `read`, sooner.

    It learns what audio deltas look like from the last one, and need not parse the next one alike.
    """

    def __new__(cls) -> Reader: ...
    def read(
        self, message: str | Buffer, /
    ) -> (
        SessionCreated
        | SessionUpdated
        | SpeechStarted
        | SpeechStopped
        | ResponseCreated
        | ItemAdded
        | AudioDelta
        | AudioDone
        | Transcript
        | TranscriptionFailed
        | ToolCall
        | ResponseDone
        | ErrorEvent
        | Other
    ):
        """As `read`."""

def read(
    message: str | Buffer, /
) -> (
    SessionCreated
    | SessionUpdated
    | SpeechStarted
    | SpeechStopped
    | ResponseCreated
    | ItemAdded
    | AudioDelta
    | AudioDone
    | Transcript
    | TranscriptionFailed
    | ToolCall
    | ResponseDone
    | ErrorEvent
    | Other
):
    """Reads one server event.

    Args:
        message: JSON text, or a buffer of its UTF-8.

    Returns:
        What it says.

    Raises:
        InvalidJsonError: Not a JSON text, or nested deeper than 64.
        MissingFieldError: It lacks a member that its kind must have.
        InvalidFieldError: A member has the wrong type, form or range.
        InvalidBase64Error: The audio is not base64.
    """

def append_pcm16(pcm: Buffer, /) -> str:
    """Writes `input_audio_buffer.append` of PCM at 24 kHz.

    Raises:
        UnsupportedBufferError: Not a contiguous buffer of 16-bit samples or their bytes.
        InvalidFieldError: No audio.
        MessageTooLongError: More than 15 MiB of text.
    """

def append_g711(audio: Buffer, /) -> str:
    """Writes `input_audio_buffer.append` of G.711, μ-law or A-law as the session is set.

    Raises:
        UnsupportedBufferError: Not a contiguous buffer of bytes.
        InvalidFieldError: No audio.
        MessageTooLongError: More than 15 MiB of text.
    """

def update_session(
    *,
    audio: Literal["pcm16", "mulaw", "alaw"] = "pcm16",
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
    event_id: str = "",
) -> str:
    """Writes `session.update`.

    What is `None` is left as the server has it, except transcription and turn detection, which are
    always set.

    Args:
        audio: Format both ways: PCM at 24 kHz, or G.711.
        instructions: System prompt; empty to have none.
        voice: Voice name.
        speed: Speaking rate, 0.25 to 1.5.
        transcription_model: Model that transcribes the caller, or no transcription.
        transcription_language: The caller's language for transcription, as an ISO 639-1 code.
        transcription_prompt: Words to expect or a style to keep to, for the transcription model.
        noise_reduction: On the caller's audio: `"near-field"` for handsets and headsets,
            `"far-field"` for speakerphones.
        turn_detection: How turns are found; `trunkline.ServerVad()` unless given. `"none"`: the
            application commits turns.
        tools: JSON array.
        tool_choice: JSON string (`'"auto"'`, `'"none"'`, `'"required"'`) or object.
        extra: JSON object of further members of `session`. None of those set by the other fields,
            `type`, `output_modalities`, `audio`, nor one of the beta that GA refuses.
        event_id: Comes back in the error if the server refuses this.

    Raises:
        InvalidJsonError: `tools`, `tool_choice` or `extra` is not JSON.
        InvalidFieldError: The server would refuse it for this field.
    """

def commit_audio(*, event_id: str = "") -> str:
    """Writes `input_audio_buffer.commit`: the caller's turn is over.

    Raises:
        InvalidFieldError: An `event_id` of more than 512 characters, here and below.
    """

def clear_audio(*, event_id: str = "") -> str:
    """Writes `input_audio_buffer.clear`: forget the audio that is no item yet."""

def create_response(response: str | None = None, *, event_id: str = "") -> str:
    """Writes `response.create`: answer now.

    Args:
        response: The `response` object as JSON text, if any.
        event_id: Comes back in the error if the server refuses this.

    Raises:
        InvalidJsonError: `response` is not JSON.
        InvalidFieldError: It is not an object.
    """

def cancel_response(response_id: str | None = None, *, event_id: str = "") -> str:
    """Writes `response.cancel`: stop this answer, or whichever is active.

    Raises:
        InvalidFieldError: An empty id.
    """

def truncate_item(
    item_id: str, content_index: int, audio_end_ms: int, *, event_id: str = ""
) -> str:
    """Writes `conversation.item.truncate`: forget what was not heard of a spoken item.

    Args:
        item_id: The item.
        content_index: Content part of the item.
        audio_end_ms: Audio heard, in milliseconds from the start of the content part.
        event_id: Comes back in the error if the server refuses this.

    Raises:
        InvalidFieldError: An empty id.
    """

def delete_item(item_id: str, *, event_id: str = "") -> str:
    """Writes `conversation.item.delete`: forget an item.

    Raises:
        InvalidFieldError: An empty id.
    """

def create_message(
    role: Literal["user", "system", "assistant"],
    text: str,
    *,
    item_id: str | None = None,
    event_id: str = "",
) -> str:
    """Writes `conversation.item.create` of a message.

    Args:
        role: Whose message.
        text: What it says.
        item_id: Id to give the item, if not one of the server's making.
        event_id: Comes back in the error if the server refuses this.

    Raises:
        InvalidFieldError: Another role, or an id that is not of 1 to 32 characters.
    """

def create_tool_call(call_id: str, name: str, arguments: str, *, event_id: str = "") -> str:
    """Writes `conversation.item.create` of a function call of an earlier session.

    Args:
        call_id: Id that the result, which follows, is given for.
        name: The function.
        arguments: Its arguments as the model wrote them.
        event_id: Comes back in the error if the server refuses this.

    Raises:
        InvalidFieldError: A `call_id` that is not of 1 to 32 characters, or no name.
    """

def tool_output(call_id: str, output: str) -> str:
    """Writes `conversation.item.create` of a function's result.

    Args:
        call_id: Id of the call.
        output: The result, any text; JSON by custom.

    Raises:
        InvalidFieldError: An empty id.
    """
