"""Our OpenAI events before the official client's own types.

The client events are those that the Rust test `openai` leaves behind:

    cargo test -p trunkline --test openai
    pytest core/tests/official

The types take members they do not know, so what no type declares is looked for separately.
"""

import json
import os
import typing
from pathlib import Path

import pydantic
import pytest
from openai.types.beta import realtime as beta
from openai.types.realtime import RealtimeClientEvent, RealtimeServerEvent

TESTS = Path(__file__).parents[1]
DATA = TESTS / "data"
CLIENT_EVENTS = Path(
    os.environ.get(
        "TRUNKLINE_CLIENT_EVENTS",
        TESTS.parents[1] / "target" / "tmp" / "openai-client-events.jsonl",
    )
)

# On the wire, but not in the types of the events that carry a session: they are those of requests.
UNDECLARED = {"session.object", "session.id", "session.expires_at"}


def models_by_type(union):
    """The union's models under the value of their `type`."""
    union, *_ = typing.get_args(union) if typing.get_origin(union) is typing.Annotated else (union,)
    models = {}
    for model in typing.get_args(union):
        (kind,) = typing.get_args(model.model_fields["type"].annotation)
        models[kind] = model
    return models


CLIENT = models_by_type(RealtimeClientEvent)
SERVER = models_by_type(RealtimeServerEvent)
BETA_SERVER = models_by_type(beta.RealtimeServerEvent)


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


def check(models, event):
    """Validates `event` and returns the paths of its members that no model declares."""
    model = models[event["type"]]
    return set(undeclared(model.model_validate(event, strict=True)))


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def by_type(event):
    return event["type"]


@pytest.mark.parametrize("event", lines(CLIENT_EVENTS), ids=by_type)
def test_an_event_we_write_is_one_the_client_may_send(event):
    assert check(CLIENT, event) == set()


def test_every_kind_of_event_of_a_websocket_client_that_we_write_was_shown():
    shown = {event["type"] for event in lines(CLIENT_EVENTS)}
    assert CLIENT.keys() - shown == {
        "conversation.item.retrieve",
        "output_audio_buffer.clear",  # WebRTC and SIP only
    }


@pytest.mark.parametrize("event", lines(DATA / "openai-ga-client.jsonl"), ids=by_type)
def test_a_recorded_client_event_is_one(event):
    assert check(CLIENT, event) == set()


@pytest.mark.parametrize("event", lines(DATA / "openai-ga-server.jsonl"), ids=by_type)
def test_a_recorded_server_event_is_one(event):
    assert check(SERVER, event) <= UNDECLARED


def test_every_kind_of_server_event_is_recorded():
    recorded = {event["type"] for event in lines(DATA / "openai-ga-server.jsonl")}
    assert recorded == SERVER.keys()


@pytest.mark.parametrize("event", lines(DATA / "openai-beta-server.jsonl"), ids=by_type)
def test_a_recorded_beta_event_is_one(event):
    assert check(BETA_SERVER, event) == set()


def first(kind):
    return next(event for event in lines(CLIENT_EVENTS) if event["type"] == kind)


@pytest.mark.parametrize(
    ("kind", "path", "wrong"),
    [
        ("session.update", ["session", "audio", "input", "format"], {"type": "audio/pcmu", "rate": 8000}),
        ("session.update", ["session", "temperature"], 0.8),
        ("session.update", ["session", "audio", "input", "turn_detection", "treshold"], 0.5),
        ("conversation.item.truncate", ["audioEndMs"], 1240),
    ],
)
def test_a_member_nobody_declares_does_not_go_unnoticed(kind, path, wrong):
    event = first(kind)
    *parents, last = path
    place = event
    for name in parents:
        place = place[name]
    place[last] = wrong
    assert check(CLIENT, event) != set()


@pytest.mark.parametrize(
    ("kind", "path", "wrong"),
    [
        ("session.update", ["session", "type"], "voice"),
        ("session.update", ["session", "output_modalities"], ["speech"]),
        ("session.update", ["session", "audio", "input", "turn_detection", "threshold"], "0.5"),
        ("conversation.item.truncate", ["audio_end_ms"], "1240"),
        ("conversation.item.truncate", ["audio_end_ms"], 1240.5),
        ("conversation.item.truncate", ["item_id"], None),
    ],
)
def test_a_value_of_the_wrong_kind_does_not_go_unnoticed(kind, path, wrong):
    event = first(kind)
    *parents, last = path
    place = event
    for name in parents:
        place = place[name]
    place[last] = wrong
    with pytest.raises(pydantic.ValidationError):
        check(CLIENT, event)
