"""The Realtime simulator before the official client and its types."""

import asyncio
import base64
import json
import typing

import pydantic
import pytest
from conftest import write_tone
from openai import AsyncOpenAI
from openai.types.realtime import RealtimeServerEvent

# On the wire, but not in the types of the events that carry a session: they are those of requests.
UNDECLARED = {"session.object", "session.id", "session.expires_at"}
FAST = ("--latency", "20", "--transcription", "5-20", "--speed", "20")


def models_by_type():
    """The models of all server events under the value of their `type`."""
    union, *_ = typing.get_args(RealtimeServerEvent)
    models = {}
    for model in typing.get_args(union):
        (kind,) = typing.get_args(model.model_fields["type"].annotation)
        models[kind] = model
    return models


MODELS = models_by_type()


def undeclared(value, path=""):
    """The paths of all members in `value` that its models do not declare."""
    if isinstance(value, pydantic.BaseModel):
        for name in value.model_extra or {}:
            yield f"{path}{name}"
        for name in value.model_fields_set & type(value).model_fields.keys():
            yield from undeclared(getattr(value, name), f"{path}{name}.")
    elif isinstance(value, list):
        for element in value:
            yield from undeclared(element, path)


class Session:
    """A connection of the official client that checks everything it receives."""

    def __init__(self, connection):
        self.connection = connection
        self.seen = []

    async def next(self):
        data = await asyncio.wait_for(self.connection.recv_bytes(), 10)
        event = pydantic.TypeAdapter(dict).validate_json(data)
        checked = MODELS[event["type"]].model_validate_json(data, strict=True)
        assert set(undeclared(checked)) <= UNDECLARED, event
        parsed = self.connection.parse_event(data)
        assert type(parsed) is MODELS[event["type"]]
        self.seen.append(parsed)
        return parsed

    async def until(self, kind):
        while True:
            event = await self.next()
            if event.type == kind:
                return event
            assert event.type != "error", event

    async def say(self, pcm):
        """Sends audio in frames of 20 ms."""
        for begin in range(0, len(pcm), 960):
            frame = base64.b64encode(pcm[begin : begin + 960]).decode()
            await self.connection.input_audio_buffer.append(audio=frame)

    def audio(self, item_id):
        return b"".join(
            base64.b64decode(event.delta)
            for event in self.seen
            if event.type == "response.output_audio.delta" and event.item_id == item_id
        )


def converse(base_url, conversation):
    """Runs `conversation` on a fresh connection and returns all that was received."""

    async def run():
        client = AsyncOpenAI(api_key="sk-simulated", websocket_base_url=base_url)
        async with client.realtime.connect(model="gpt-realtime-2.1") as connection:
            session = Session(connection)
            await session.until("session.created")
            await conversation(session)
            return session.seen

    return asyncio.run(run())


TELEPHONY = {
    "type": "realtime",
    "output_modalities": ["audio"],
    "instructions": "You are the booking agent of a clinic.",
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "noise_reduction": {"type": "near_field"},
            "transcription": {"model": "gpt-transcribe", "language": "en"},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "prefix_padding_ms": 300,
                "silence_duration_ms": 300,
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "marin"},
    },
    "tools": [
        {
            "type": "function",
            "name": "look_up",
            "description": "Find a free slot.",
            "parameters": {"type": "object", "properties": {"day": {"type": "string"}}},
        }
    ],
}
SILENCE = bytes(48 * 600)


def test_a_conversation_with_a_tool_call_and_an_interruption(realtime, tmp_path):
    answer = write_tone(tmp_path / "answer.wav", 2.0)
    question = write_tone(tmp_path / "question.wav", 0.5, hertz=300)
    base_url = realtime(
        {
            "turns": [
                {"user": "Is Tuesday free?", "tool": {"name": "look_up", "arguments": {"day": "tue"}}},
                {"speech": "answer.wav", "transcript": "Tuesday at nine is free."},
                {"user": "Wait.", "speech": "answer.wav", "transcript": "Yes?", "speed": 1.0},
                {"user": "Stop.", "speech": "answer.wav", "transcript": "Fine."},
            ]
        },
        *FAST,
    )

    async def conversation(session):
        connection = session.connection
        await connection.session.update(session=TELEPHONY)
        updated = await session.until("session.updated")
        assert updated.session.audio.input.turn_detection.silence_duration_ms == 300
        assert updated.session.tools[0].name == "look_up"

        # A turn that ends in a tool call, told in all three places.
        await session.say(question + SILENCE)
        done = await session.until("response.done")
        (call,) = done.response.output
        told = [
            event for event in session.seen if event.type == "response.function_call_arguments.done"
        ]
        items = [event for event in session.seen if event.type == "response.output_item.done"]
        assert [call.call_id] == [event.call_id for event in told]
        assert [call.call_id] == [event.item.call_id for event in items]
        assert {call.arguments, told[0].arguments, items[0].item.arguments} == {'{"day":"tue"}'}
        await connection.conversation.item.create(
            item={"type": "function_call_output", "call_id": call.call_id, "output": "{}"}
        )
        await connection.response.create()
        done = await session.until("response.done")
        assert done.response.status == "completed"
        (message,) = done.response.output
        assert message.content[0].transcript == "Tuesday at nine is free."
        assert session.audio(message.id) == answer
        assert done.response.usage.output_token_details.audio_tokens == 40

        # A response that the caller interrupts.
        await session.say(question + SILENCE)
        await session.until("response.output_audio.delta")
        await session.say(question)
        done = await session.until("response.done")
        assert (done.response.status, done.response.status_details.reason) == (
            "cancelled",
            "turn_detected",
        )
        (message,) = done.response.output
        assert message.status == "incomplete"
        held = len(session.audio(message.id)) // 48
        truncate = connection.conversation.item.truncate
        await truncate(item_id=message.id, content_index=0, audio_end_ms=held + 1)
        error = await session.next()
        while error.type != "error":
            error = await session.next()
        assert (error.error.code, error.error.message) == (
            "invalid_value",
            f"Audio content of {held}ms is already shorter than {held + 1}ms",
        )
        await truncate(item_id=message.id, content_index=0, audio_end_ms=30)
        await session.until("conversation.item.truncated")
        await connection.conversation.item.retrieve(item_id=message.id)
        retrieved = await session.until("conversation.item.retrieved")
        assert retrieved.item.content[0].transcript is None
        assert len(base64.b64decode(retrieved.item.content[0].audio)) == 30 * 48
        await connection.conversation.item.delete(item_id=message.id)
        await session.until("conversation.item.deleted")
        await session.say(SILENCE)
        await session.until("rate_limits.updated")

    seen = converse(base_url, conversation)
    transcripts = [
        event.transcript
        for event in seen
        if event.type == "conversation.item.input_audio_transcription.completed"
    ]
    assert transcripts[:2] == ["Is Tuesday free?", "Wait."]
    assert {event.type for event in seen} >= {
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.done",
        "response.output_audio.done",
        "response.content_part.done",
    }


def test_a_manual_turn_in_text_and_endings_other_than_success(realtime, tmp_path):
    write_tone(tmp_path / "answer.wav", 1.0)
    speech = {"speech": "answer.wav", "transcript": "We are open from nine to five."}
    base_url = realtime(
        {
            "turns": [
                speech,
                {**speech, "incomplete": "max_output_tokens"},
                {"failed": {"code": "server_error", "message": "The server had an error."}},
                {**speech, "speed": 1.0},
            ]
        },
        *FAST,
    )

    async def conversation(session):
        connection = session.connection
        manual = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
        await connection.session.update(session=manual)
        updated = await session.until("session.updated")
        assert updated.session.audio.input.turn_detection is None
        await session.say(bytes(48 * 200))
        await connection.input_audio_buffer.commit()
        await session.until("conversation.item.done")
        await connection.response.create(
            response={"output_modalities": ["text"], "metadata": {"purpose": "test"}}
        )
        done = await session.until("response.done")
        assert done.response.output[0].content[0].text == speech["transcript"]
        assert done.response.metadata == {"purpose": "test"}

        await connection.response.create()
        done = await session.until("response.done")
        assert (done.response.status, done.response.status_details.reason) == (
            "incomplete",
            "max_output_tokens",
        )
        await connection.response.create()
        done = await session.until("response.done")
        assert done.response.status == "failed"
        assert done.response.status_details.error.code == "server_error"

        await connection.response.create()
        await session.until("response.output_audio.delta")
        await connection.response.create(response={"conversation": "none"})
        await connection.response.cancel()
        done = await session.until("response.done")
        assert done.response.status_details.reason == "client_cancelled"
        outside = await session.until("response.done")
        assert (outside.response.status, outside.response.conversation_id) == ("completed", None)
        await connection.input_audio_buffer.clear()
        await session.until("input_audio_buffer.cleared")

    converse(base_url, conversation)


@pytest.mark.parametrize("encoding", ["audio/pcmu", "audio/pcma"])
def test_telephone_audio_both_ways(realtime, tmp_path, encoding):
    write_tone(tmp_path / "answer.wav", 0.5)
    base_url = realtime(
        {"turns": [{"user": "Hello?", "speech": "answer.wav", "transcript": "Hello."}]}, *FAST
    )
    side = {"format": {"type": encoding}}

    async def conversation(session):
        update = {"type": "realtime", "audio": {"input": side, "output": side}}
        await session.connection.session.update(session=update)
        updated = await session.until("session.updated")
        assert updated.session.audio.output.format.type == encoding
        loud, silent = (b"\x9f\x1f", b"\xff") if encoding == "audio/pcmu" else (b"\xb5\x35", b"\xd5")
        await session.say(loud * 4_000 + silent * 4_000)
        done = await session.until("response.done")
        assert len(session.audio(done.response.output[0].id)) == 4_000

    converse(base_url, conversation)


def test_a_refused_update_changes_nothing(realtime, tmp_path):
    write_tone(tmp_path / "answer.wav", 0.1)
    base_url = realtime({"turns": [{"speech": "answer.wav", "transcript": "Hello."}]})

    async def conversation(session):
        update = {
            "type": "realtime",
            "audio": {"input": {"format": {"type": "audio/pcmu", "rate": 8000}}},
        }
        await session.connection.session.update(session=update, event_id="evt_1")
        error = await session.next()
        assert error.type == "error"
        assert (error.error.code, error.error.param, error.error.event_id) == (
            "unknown_parameter",
            "session.audio.input.format.rate",
            "evt_1",
        )
        await session.connection.session.update(session={"type": "realtime"})
        updated = await session.until("session.updated")
        assert updated.session.audio.input.format.type == "audio/pcm"

    converse(base_url, conversation)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "input_audio_buffer.cleared", "event_id": "event_x", "surplus": 1},
        {"type": "input_audio_buffer.cleared", "event_id": 1},
        {
            "type": "response.done",
            "event_id": "event_x",
            "response": {"id": "resp_x", "output": [{"type": "message", "role": "nobody"}]},
        },
    ],
)
def test_an_event_that_is_not_the_services_does_not_go_unnoticed(realtime, tmp_path, event):
    write_tone(tmp_path / "answer.wav", 0.1)
    base_url = realtime(
        {
            "turns": [{"speech": "answer.wav", "transcript": "Hello."}],
            "faults": ["event:sending=session.updated,json=" + json.dumps(event)],
        }
    )

    async def conversation(session):
        await session.connection.session.update(session={"type": "realtime"})
        await session.until("session.updated")

    with pytest.raises((AssertionError, pydantic.ValidationError)):
        converse(base_url, conversation)
