"""Settings of the bridge, and the classes of what it says."""

import gc
import json
import math
import subprocess
import sys
from typing import Any, Final, get_args

import pytest

import trunkline
import wire
from trunkline import AfterSpeech, Bridge, SemanticVad, ServerVad, ToOpenAi
from wire import Json

# One of each, by its arguments.
EXAMPLES: Final[dict[type[Any], tuple[object, ...]]] = {
    trunkline.ToTwilio: ("{}",),
    trunkline.ToOpenAi: ("{}",),
    trunkline.CallStarted: ("MZ1", "CA1", {"a": "b", "c": "d"}),
    trunkline.CallEnded: (),
    trunkline.SessionReady: (),
    trunkline.FormatMismatch: ("pcm24k", "mulaw", None),
    trunkline.SpeechStarted: (1.5,),
    trunkline.SpeechStopped: (2.5,),
    trunkline.PlaybackHeld: (),
    trunkline.PlaybackResumed: (0.25,),
    trunkline.BargeIn: ("item_1", 1.25, 3.0),
    trunkline.ItemDropped: ("item_1",),
    trunkline.ItemHeard: ("item_1", 3.0),
    trunkline.AudioDropped: ("item_1", 0.5),
    trunkline.Transcript: ("caller", "item_1", "Good day", True),
    trunkline.ToolCall: ("call_1", "book", "{}"),
    trunkline.Dtmf: ("#",),
    trunkline.Mark: ("over", False),
    trunkline.ResponseDone: ("resp_1", "failed", "error", "No.", trunkline.Usage(total_tokens=3)),
    trunkline.ModelError: ("invalid_value", "No.", True),
    trunkline.Other: ("twilio", "surprise"),
    trunkline.Usage: (10, 9, 8, 7, 6, 5, 4, 3, 2, 1),
    trunkline.AfterSpeech: (0.5,),
}
EACH = pytest.mark.parametrize(("kind", "values"), EXAMPLES.items())


def test_every_output_is_in_the_union_and_shown_here() -> None:
    assert set(get_args(trunkline.Output)) <= EXAMPLES.keys()
    assert set(get_args(trunkline.Output)) == {
        *get_args(trunkline.Event),
        trunkline.ToTwilio,
        trunkline.ToOpenAi,
    }
    assert isinstance(trunkline.CallEnded(), trunkline.Event)
    assert not isinstance(trunkline.ToTwilio(""), trunkline.Event)


@EACH
def test_fields_are_in_the_order_of_the_arguments(kind: Any, values: tuple[object, ...]) -> None:
    made = kind(*values)
    assert tuple(getattr(made, name) for name in kind.__match_args__) == values


@EACH
def test_equal_is_what_has_equal_fields_and_is_of_the_same_class(
    kind: Any, values: tuple[object, ...]
) -> None:
    made = kind(*values)
    assert made == kind(*values)
    assert hash(made) == hash(kind(*values))
    assert not made != kind(*values)
    for other, others in EXAMPLES.items():
        assert (made == other(*others)) == (kind is other)
    assert made != values
    for index, value in enumerate(values):
        match value:
            case bool():
                changed: object = not value
            case str():
                changed = value + "x"
            case int() | float():
                changed = value + 1
            case _:
                continue
        assert made != kind(*values[:index], changed, *values[index + 1 :])


@EACH
def test_the_repr_makes_it_again(kind: Any, values: tuple[object, ...]) -> None:
    assert eval(repr(kind(*values)), dict(vars(trunkline))) == kind(*values)


@EACH
def test_nothing_can_be_changed(kind: Any, values: tuple[object, ...]) -> None:
    made = kind(*values)
    for name in (*kind.__match_args__, "new"):
        with pytest.raises(AttributeError):
            setattr(made, name, "x")


def test_parameters_count_whatever_their_order_and_cannot_be_changed_from_outside() -> None:
    made = trunkline.CallStarted("MZ1", "CA1", {"a": "b", "c": "d"})
    other = trunkline.CallStarted("MZ1", "CA1", {"c": "d", "a": "b"})
    made.custom_parameters["a"] = "x"
    assert made == other
    assert hash(made) == hash(other)


def test_match_takes_fields_by_place_and_by_name() -> None:
    output: trunkline.Output = trunkline.BargeIn("item_1", 1.25, 3.0)
    match output:
        case trunkline.BargeIn(item_id, end, audio_received=received):
            assert (item_id, end, received) == ("item_1", 1.25, 3.0)
        case _:
            pytest.fail("no match")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((name, value) for name in ("lead", "mark_interval", "downlink_capacity", "uplink_capacity",
            "max_gap", "stall_timeout") for value in (-0.1, math.nan, math.inf)),
        *((name, value) for name in ("text_capacity", "max_twilio_len", "max_openai_len")
            for value in (-1, 1 << 70)),
        ("model_audio", "pcm16k"),
        ("barge_in", "sometimes"),
        ("barge_in", AfterSpeech(-1.0)),
        ("barge_in", AfterSpeech(math.nan)),
    ],
)  # fmt: skip
def test_a_setting_that_is_none_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(trunkline.InvalidFieldError) as caught:
        Bridge(**{name: value})  # type: ignore[arg-type]
    assert caught.value.name == name


@pytest.mark.parametrize("name", ["lead", "text_capacity", "barge_in", "model_audio"])
def test_a_setting_of_another_type_is_a_type_error(name: str) -> None:
    with pytest.raises(TypeError):
        Bridge(**{name: object()})  # type: ignore[arg-type]


def test_settings_beyond_their_bounds_are_taken_at_the_bound() -> None:
    Bridge(lead=0, mark_interval=0, downlink_capacity=1e9, uplink_capacity=0, text_capacity=0)


def session(**fields: Any) -> Json:
    bridge = Bridge(model_audio="mulaw")
    bridge.update_session(**fields)
    (output,) = bridge.drain()
    assert isinstance(output, ToOpenAi)
    event: Json = json.loads(output.text)
    assert event["type"] == "session.update"
    updated: Json = event["session"]
    return updated


def test_every_field_of_a_session_goes_where_it_belongs() -> None:
    tools = [{"type": "function", "name": "book", "parameters": {"type": "object"}}]
    assert session(
        instructions="Be \u00fcseful.",
        voice="marin",
        speed=1.25,
        transcription_model="gpt-4o-transcribe",
        transcription_language="de",
        transcription_prompt="Names.",
        noise_reduction="far-field",
        turn_detection=ServerVad(
            threshold=0.25,
            prefix_padding_ms=200,
            silence_duration_ms=400,
            idle_timeout_ms=6_000,
            create_response=False,
            interrupt_response=False,
        ),
        tools=json.dumps(tools),
        tool_choice='"required"',
        extra='{"max_output_tokens":300}',
    ) == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "Be \u00fcseful.",
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "noise_reduction": {"type": "far_field"},
                "transcription": {
                    "model": "gpt-4o-transcribe",
                    "language": "de",
                    "prompt": "Names.",
                },
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.25,
                    "prefix_padding_ms": 200,
                    "silence_duration_ms": 400,
                    "idle_timeout_ms": 6_000,
                    "create_response": False,
                    "interrupt_response": False,
                },
            },
            "output": {"format": {"type": "audio/pcmu"}, "voice": "marin", "speed": 1.25},
        },
        "tools": tools,
        "tool_choice": "required",
        "max_output_tokens": 300,
    }


@pytest.mark.parametrize("eagerness", ["low", "medium", "high", "auto"])
def test_turns_may_be_found_by_meaning(eagerness: Any) -> None:
    detection = session(turn_detection=SemanticVad(eagerness=eagerness, create_response=False))
    assert detection["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": eagerness,
        "create_response": False,
        "interrupt_response": True,
    }


def test_turns_may_be_left_to_the_application() -> None:
    assert session(turn_detection="none")["audio"]["input"]["turn_detection"] is None


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"speed": 9.0}, trunkline.InvalidFieldError),
        ({"speed": math.nan}, trunkline.InvalidFieldError),
        ({"voice": ""}, trunkline.InvalidFieldError),
        ({"instructions": "\ud800"}, trunkline.InvalidFieldError),
        ({"noise_reduction": "loud"}, trunkline.InvalidFieldError),
        ({"turn_detection": "vad"}, trunkline.InvalidFieldError),
        ({"turn_detection": ServerVad(threshold=2.0)}, trunkline.InvalidFieldError),
        ({"turn_detection": ServerVad(silence_duration_ms=-1)}, trunkline.InvalidFieldError),
        ({"turn_detection": ServerVad(prefix_padding_ms=1 << 32)}, trunkline.InvalidFieldError),
        ({"turn_detection": ServerVad(idle_timeout_ms=1)}, trunkline.InvalidFieldError),
        ({"tools": "{}"}, trunkline.InvalidFieldError),
        ({"tools": "["}, trunkline.InvalidJsonError),
        ({"tool_choice": "auto"}, trunkline.InvalidJsonError),
        ({"extra": '{"type":"x"}'}, trunkline.InvalidFieldError),
        ({"instructions": "x" * (13 << 10)}, trunkline.QueueFullError),
    ],
)
def test_a_session_that_cannot_be_is_refused_and_nothing_is_sent(
    fields: dict[str, Any], error: type[Exception]
) -> None:
    bridge = Bridge()
    with pytest.raises(error):
        bridge.update_session(**fields)
    assert bridge.drain() == []


def test_the_garbage_collector_may_run_anything_at_any_time() -> None:
    """A finalizer that uses the bridge finds it unlocked, or this never ends."""
    script = f"""
import faulthandler, gc, json, trunkline
faulthandler.dump_traceback_later(20, exit=True)
bridge = trunkline.Bridge()
runs = 0

class Cycle:
    def __init__(self):
        self.me = self
    def __del__(self):
        global runs
        runs += 1
        bridge.poll_timeout(), bridge.stats, bridge.is_closed, bridge.queued_at_carrier()

gc.set_threshold(1, 1, 1)
bridge.handle_twilio({json.dumps(json.dumps(wire.start({"a": "b"})))})
for _ in range(1_000):
    Cycle()
    bridge.send_openai('{{"type":"x"}}')
    bridge.drain()
    try:
        bridge.handle_openai("{{")
    except trunkline.InvalidJsonError:
        pass
assert runs > 900, runs
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_bridges_and_their_outputs_leave_no_memory_behind() -> None:
    def use() -> None:
        for _ in range(20_000):
            bridge = Bridge()
            bridge.handle_twilio(json.dumps(wire.start({"a": "b"})))
            assert repr(bridge.drain())
            assert hash(bridge.stats)

    use()
    before = resident()
    for _ in range(5):
        use()
    gc.collect()
    assert resident() - before < 4 << 20


def resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4_096


def test_the_interpreter_ends_with_bridges_in_use_by_threads() -> None:
    script = """
import threading, trunkline
bridge = trunkline.Bridge()
def use():
    while True:
        try:
            bridge.handle_openai("x" * (1 << 20))
        except trunkline.TrunklineError:
            bridge.drain()
for _ in range(4):
    threading.Thread(target=use, daemon=True).start()
"""
    for _ in range(20):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
