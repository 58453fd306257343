"""OpenAI's events, against Python's json and base64 and the official package's types."""

import array
import base64
import json
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from buffers import BYTES, PCM
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import COUNTS, IDS, TEXTS, broken, is_json, kind_of_failure, written
from openai.types.realtime import RealtimeClientEvent
from openai_oracle import Fields, Json, oracle
from pydantic import BaseModel, ValidationError

from trunkline import (
    InvalidFieldError,
    InvalidJsonError,
    MessageTooLongError,
    SemanticVad,
    ServerVad,
    UnsupportedBufferError,
    openai,
)

DATA = Path(__file__).parents[2] / "core" / "tests" / "data"
RECORDED = [
    line
    for name in ("openai-ga-server.jsonl", "openai-beta-server.jsonl")
    for line in (DATA / name).read_text(encoding="utf-8").splitlines()
]


def fields(record: object) -> Fields:
    """The fields of a record, those of records in it likewise."""
    names: tuple[str, ...] = getattr(type(record), "__match_args__")
    values: Fields = {name: getattr(record, name) for name in names}
    return {
        name: fields(value) if type(value).__module__ == "trunkline.openai" else value
        for name, value in values.items()
    }


@pytest.mark.parametrize("text", RECORDED, ids=lambda text: json.loads(text)["type"])
def test_a_recorded_event_is_what_json_makes_of_it(text: str) -> None:
    event = openai.read(text)
    assert (type(event).__name__, fields(event)) == oracle(json.loads(text))
    assert event == openai.read(text.encode())
    assert hash(event) == hash(openai.read(bytearray(text.encode())))
    assert repr(event).startswith(f"{type(event).__name__}(")


def test_every_class_of_event_was_seen() -> None:
    seen = {type(openai.read(text)).__name__ for text in RECORDED}
    parts = {"AudioFormat", "SessionState", "Usage"}
    classes = {name for name in openai.__all__ if isinstance(getattr(openai, name), type)} - {
        "Reader"
    }
    assert seen == classes - parts


@given(data=st.data(), audio=st.binary(max_size=2_000), response=TEXTS, item=TEXTS, index=COUNTS)
def test_an_audio_delta_is_what_json_and_base64_make_of_it(
    data: st.DataObject, audio: bytes, response: str, item: str, index: int
) -> None:
    event = {
        "type": data.draw(st.sampled_from(["response.output_audio.delta", "response.audio.delta"])),
        "event_id": "event_1",
        "response_id": response,
        "item_id": item,
        "output_index": 0,
        "content_index": index,
        "delta": base64.b64encode(audio).decode(),
    }
    match openai.read(data.draw(written(event))):
        case openai.AudioDelta(response_id, item_id, content_index, pcm):
            assert (response_id, item_id, content_index, pcm) == (response, item, index, audio)
        case other:
            pytest.fail(f"read as {other!r}")


@settings(max_examples=2_000)
@given(message=broken(RECORDED))
def test_broken_events_raise_only_the_errors_that_are_promised(message: str | bytes) -> None:
    outcome = kind_of_failure(openai.read, message)
    assert (outcome == "InvalidJsonError") == (not is_json(message))


def test_a_reader_of_many_events_reads_each_as_if_it_were_the_first() -> None:
    reader = openai.Reader()
    delta = {"type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "delta": ""}
    for number in range(300):
        delta["delta"] = base64.b64encode(bytes([number % 256]) * 480).decode()
        delta["item_id"] = f"item_{number // 3}"
        for text in (json.dumps(delta), RECORDED[number % len(RECORDED)]):
            assert reader.read(text) == openai.read(text)
            assert kind_of_failure(reader.read, text[:-1]) == "InvalidJsonError"


# What is written


def declared(union: object) -> dict[str, type[BaseModel]]:
    """The models of a union under the value of their `type`."""
    models: dict[str, type[BaseModel]] = {}
    for model in typing.get_args(typing.get_args(union)[0]) or typing.get_args(union):
        (kind,) = typing.get_args(model.model_fields["type"].annotation)
        models[kind] = model
    return models


CLIENT = declared(RealtimeClientEvent)


def undeclared(value: object, path: str = "") -> Iterator[str]:
    """The paths of all members in `value` that its models do not declare: they take any."""
    match value:
        case BaseModel():
            yield from (f"{path}{name}" for name in value.model_extra or {})
            for name in value.model_fields_set & type(value).model_fields.keys():
                yield from undeclared(getattr(value, name), f"{path}{name}.")
        case list():
            for element in typing.cast(list[object], value):
                yield from undeclared(element, path)
        case _:
            pass


def checked(text: str) -> Json:
    """The event, after the official package has found it to be one that a client may send."""
    event: Json = json.loads(text)
    model = CLIENT[event["type"]].model_validate(event, strict=True)
    assert list(undeclared(model)) == []
    return event


@given(audio=st.binary(min_size=2, max_size=3_000), kind=st.sampled_from(sorted(PCM)))
def test_an_append_of_pcm_is_json_with_base64(audio: bytes, kind: str) -> None:
    audio = audio[: len(audio) // 2 * 2]
    expected = {"type": "input_audio_buffer.append", "audio": base64.b64encode(audio).decode()}
    assert checked(openai.append_pcm16(PCM[kind](audio))) == expected


@given(audio=st.binary(min_size=1, max_size=3_000), kind=st.sampled_from(sorted(BYTES)))
def test_an_append_of_g711_is_json_with_base64(audio: bytes, kind: str) -> None:
    expected = {"type": "input_audio_buffer.append", "audio": base64.b64encode(audio).decode()}
    assert checked(openai.append_g711(BYTES[kind](audio))) == expected


@given(event_id=TEXTS.filter(bool))
def test_an_event_has_an_id_if_it_was_given_one(event_id: str) -> None:
    assert checked(openai.commit_audio()) == {"type": "input_audio_buffer.commit"}
    for text in (
        openai.update_session(event_id=event_id),
        openai.commit_audio(event_id=event_id),
        openai.clear_audio(event_id=event_id),
        openai.create_response(event_id=event_id),
        openai.cancel_response(event_id=event_id),
        openai.truncate_item("item", 0, 0, event_id=event_id),
        openai.delete_item("item", event_id=event_id),
        openai.create_message("user", "", event_id=event_id),
        openai.create_tool_call("call", "name", "{}", event_id=event_id),
    ):
        assert checked(text)["event_id"] == event_id


@given(item=TEXTS.filter(bool), index=COUNTS, end=COUNTS)
def test_an_item_is_truncated_or_deleted(item: str, index: int, end: int) -> None:
    assert checked(openai.truncate_item(item, index, end)) == {
        "type": "conversation.item.truncate",
        "item_id": item,
        "content_index": index,
        "audio_end_ms": end,
    }
    assert checked(openai.delete_item(item)) == {
        "type": "conversation.item.delete",
        "item_id": item,
    }


@given(text=TEXTS, role=st.sampled_from(["user", "system", "assistant"]), item=st.none() | IDS)
def test_a_message_is_created(
    text: str, role: typing.Literal["user", "system", "assistant"], item: str | None
) -> None:
    item = item and item[:32]
    part = "output_text" if role == "assistant" else "input_text"
    message = {"type": "message", "role": role, "content": [{"type": part, "text": text}]}
    event = checked(openai.create_message(role, text, item_id=item))
    assert event["item"] == message | ({"id": item} if item else {})


@given(call=IDS, name=TEXTS.filter(bool), text=TEXTS)
def test_a_call_and_its_output_are_created(call: str, name: str, text: str) -> None:
    call = call[:32]
    assert checked(openai.create_tool_call(call, name, text))["item"] == {
        "type": "function_call",
        "call_id": call,
        "name": name,
        "arguments": text,
    }
    assert checked(openai.tool_output(call, text)) == {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": call, "output": text},
    }


def test_a_response_is_created_and_cancelled() -> None:
    assert checked(openai.create_response()) == {"type": "response.create"}
    response = {"instructions": "Say 'hello'.", "output_modalities": ["audio"]}
    assert checked(openai.create_response(json.dumps(response)))["response"] == response
    assert checked(openai.cancel_response()) == {"type": "response.cancel"}
    assert checked(openai.cancel_response("resp_1"))["response_id"] == "resp_1"
    assert checked(openai.clear_audio()) == {"type": "input_audio_buffer.clear"}


def test_a_session_is_updated_with_all_that_was_given() -> None:
    tools = [
        {
            "type": "function",
            "name": "look_up",
            "description": "d",
            "parameters": {"type": "object"},
        }
    ]
    event = checked(
        openai.update_session(
            audio="mulaw",
            instructions='Be "kind".',
            voice="marin",
            speed=1.25,
            transcription_model="whisper-1",
            transcription_language="de",
            transcription_prompt="Namen",
            noise_reduction="near-field",
            turn_detection=SemanticVad(eagerness="low", interrupt_response=False),
            tools=json.dumps(tools),
            tool_choice='"auto"',
            extra='{"max_output_tokens": 100}',
        )
    )
    assert event["session"] == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": 'Be "kind".',
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "noise_reduction": {"type": "near_field"},
                "transcription": {"model": "whisper-1", "language": "de", "prompt": "Namen"},
                "turn_detection": {
                    "type": "semantic_vad",
                    "eagerness": "low",
                    "create_response": True,
                    "interrupt_response": False,
                },
            },
            "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.25},
        },
        "tools": tools,
        "tool_choice": "auto",
        "max_output_tokens": 100,
    }


def test_a_session_left_to_the_server_has_pcm_and_voice_detection() -> None:
    session = checked(openai.update_session())["session"]
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert session["audio"]["input"]["transcription"] is None
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    off = checked(openai.update_session(audio="alaw", turn_detection="none"))["session"]
    assert off["audio"]["input"]["turn_detection"] is None
    assert off["audio"]["output"]["format"] == {"type": "audio/pcma"}
    vad = ServerVad(threshold=0.25, idle_timeout_ms=6_000)
    turns = checked(openai.update_session(turn_detection=vad))["session"]["audio"]["input"]
    assert turns["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.25,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": 6_000,
        "create_response": True,
        "interrupt_response": True,
    }


def test_the_official_types_do_not_take_everything() -> None:
    with pytest.raises(ValidationError):
        checked('{"type": "conversation.item.truncate", "item_id": "i", "content_index": 0}')
    with pytest.raises(AssertionError):
        checked('{"type": "input_audio_buffer.commit", "eventId": "1"}')


def refusal(writer: str, /, **arguments: Any) -> str:
    """The field for which this writer refuses the arguments."""
    with pytest.raises(InvalidFieldError) as caught:
        getattr(openai, writer)(**arguments)
    return caught.value.name


def test_what_the_server_would_refuse_is_not_written() -> None:
    assert refusal("delete_item", item_id="") == "item_id"
    assert refusal("truncate_item", item_id="", content_index=0, audio_end_ms=0) == "item_id"
    assert refusal("cancel_response", response_id="") == "response_id"
    assert refusal("commit_audio", event_id="x" * 513) == "event_id"
    assert refusal("create_message", role="nobody", text="") == "role"
    assert refusal("create_message", role="user", text="", item_id="x" * 33) == "item.id"
    assert refusal("create_tool_call", call_id="", name="n", arguments="") == "item.call_id"
    assert refusal("create_tool_call", call_id="c", name="", arguments="") == "item.name"
    assert refusal("tool_output", call_id="", output="") == "item.call_id"
    assert refusal("create_response", response="[]") == "response"
    assert refusal("update_session", audio="pcm") == "audio"
    assert refusal("update_session", speed=2.0) == "session.audio.output.speed"
    assert refusal("update_session", tools="{}") == "session.tools"
    assert refusal("update_session", extra='{"temperature": 1}') == "session.extra"
    with pytest.raises(InvalidFieldError) as audio:
        openai.append_pcm16(b"")
    assert audio.value.name == "audio"
    with pytest.raises(InvalidJsonError) as response:
        openai.create_response('{"a":}')
    assert response.value.offset == 5


def test_audio_that_is_too_much_or_no_audio_is_not_written() -> None:
    with pytest.raises(MessageTooLongError) as caught:
        openai.append_g711(bytes(12 << 20))
    assert (caught.value.limit, caught.value.actual) == (
        15 << 20,
        (16 << 20) + len('{"type":"input_audio_buffer.append","audio":""}'),
    )
    with pytest.raises(UnsupportedBufferError):
        openai.append_g711(array.array("h", [1, 2]))
    with pytest.raises(UnsupportedBufferError):
        openai.append_pcm16(b"odd")
