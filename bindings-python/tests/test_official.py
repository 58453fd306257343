"""All that the bridge says to the model, before the official `openai` package's own types.

The types take members they do not know, so what no type declares is looked for separately.
"""

import json
from collections.abc import Callable, Iterator
from typing import Annotated, Any, get_args, get_origin

import pydantic
import pytest
from openai.types.realtime import RealtimeClientEvent

import wire
from trunkline import Bridge, SemanticVad, ServerVad, mulaw_encode
from virtual_call import Call
from wire import Json

CALLER = mulaw_encode(bytes(320))
MODEL = bytes(48_000)
"""A second of PCM, or more of μ-law."""


def models_by_type(union: Any) -> dict[str, type[pydantic.BaseModel]]:
    """The union's models under the value of their `type`."""
    union = get_args(union)[0] if get_origin(union) is Annotated else union
    models: dict[str, type[pydantic.BaseModel]] = {}
    for model in get_args(union):
        (kind,) = get_args(model.model_fields["type"].annotation)
        models[kind] = model
    return models


CLIENT = models_by_type(RealtimeClientEvent)


def undeclared(value: object, path: str = "") -> Iterator[str]:
    """The paths of all members in `value` that its models do not declare."""
    if isinstance(value, pydantic.BaseModel):
        for name in value.model_extra or {}:
            yield f"{path}{name}"
        for name in value.model_fields_set & type(value).model_fields.keys():
            yield from undeclared(getattr(value, name), f"{path}{name}.")
    elif isinstance(value, list):
        for element in value:  # pyright: ignore[reportUnknownVariableType]
            yield from undeclared(element, path)  # pyright: ignore[reportUnknownArgumentType]


def check(event: Json) -> None:
    checked = CLIENT[event["type"]].model_validate(event, strict=True)
    assert set(undeclared(checked)) == set()


TOOLS = json.dumps(
    [{"type": "function", "name": "book", "description": "Books.", "parameters": {"type": "object"}}]
)
SESSIONS: list[dict[str, Any]] = [
    {},
    {"instructions": "Be \u00fcseful.", "voice": "marin", "speed": 1.25},
    {"transcription_model": "gpt-4o-transcribe", "transcription_language": "de"},
    {"transcription_model": "whisper-1", "transcription_prompt": "Names."},
    {"noise_reduction": "near-field", "turn_detection": ServerVad(idle_timeout_ms=5_000)},
    {"noise_reduction": "far-field", "turn_detection": SemanticVad(eagerness="low")},
    {"turn_detection": "none", "tools": TOOLS, "tool_choice": '"required"'},
    {"tool_choice": '{"type":"function","name":"book"}', "extra": '{"max_output_tokens":300}'},
]


@pytest.mark.parametrize("model_audio", ["pcm24k", "mulaw"])
@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: ",".join(session) or "default")
def test_every_session_is_one_the_client_may_ask_for(session: dict[str, Any], model_audio: Any) -> None:
    call = Call(Bridge(model_audio=model_audio))
    call.bridge.update_session(**session)
    call.drain()
    (event,) = call.to_openai
    check(event)


def converse(bridge: Bridge) -> list[Json]:
    """A call in which the bridge has every reason to say something."""
    call = Call(bridge)
    call.twilio(wire.start())
    call.bridge.update_session(tools=TOOLS, transcription_model="gpt-4o-transcribe")
    call.drain()
    call.openai(wire.session_updated(call.to_openai[0]["session"]))
    call.bridge.create_response('{"instructions":"Greet the caller.","tool_choice":"none"}')
    call.drain()
    call.caller(*[CALLER] * 10)

    # Two items, and the caller speaks over the first while the second is being made.
    call.speech("item_1", MODEL)
    call.openai(wire.item_added("resp_1", "item_2"))
    call.openai(wire.delta("resp_1", "item_2", MODEL))
    call.run_for(0.4)
    call.bridge.interrupt(call.now)
    call.drain()
    call.openai(wire.response_done("resp_1", "cancelled"))

    # A tool, and what is to be said about its output.
    call.openai(wire.response_created("resp_2"))
    call.openai(wire.item_added("resp_2", "item_call_1", "function_call"))
    call.openai(wire.function_call("resp_2", "call_1", "book", "{}"))
    call.openai(wire.response_done("resp_2"))
    call.bridge.send_tool_output("call_1", '{"ok":true}')
    call.drain()
    return call.to_openai


@pytest.mark.parametrize(
    "make",
    [
        lambda: Bridge(downlink_capacity=30),
        lambda: Bridge(downlink_capacity=30, model_audio="mulaw", barge_in="on-transcript"),
    ],
    ids=["pcm24k", "mulaw"],
)
def test_every_kind_of_event_is_one_the_client_may_send(make: Callable[[], Bridge]) -> None:
    events = converse(make())
    for event in events:
        check(event)
    assert {event["type"] for event in events} == {
        "session.update",
        "input_audio_buffer.append",
        "response.create",
        "response.cancel",
        "conversation.item.truncate",
        "conversation.item.delete",
        "conversation.item.create",
    }


@pytest.mark.parametrize(
    ("kind", "path", "wrong"),
    [
        ("session.update", ["session", "audio", "input", "format"], {"type": "audio/pcmu", "rate": 1}),
        ("session.update", ["session", "temperature"], 0.8),
        ("conversation.item.truncate", ["audio_end_ms"], "1240"),
        ("conversation.item.truncate", ["audioEndMs"], 1240),
        ("conversation.item.delete", ["item_id"], None),
    ],
)
def test_what_is_wrong_does_not_go_unnoticed(kind: str, path: list[str], wrong: object) -> None:
    events = converse(Bridge(downlink_capacity=30))
    event = next(event for event in events if event["type"] == kind)
    check(event)
    *parents, last = path
    place = event
    for name in parents:
        place = place[name]
    place[last] = wrong
    with pytest.raises((AssertionError, pydantic.ValidationError)):
        check(event)
