"""The rules of the loop around the bridge: order, limits, bad input, time, threads."""

import array
import json
import math
import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import Buffer

import trunkline
import wire
from trunkline import Bridge, CallEnded, CallStarted, Other
from virtual_call import FRAMES, MULAW, SILENCE, VOICE, Call, mulaw_call


def test_a_second_input_before_a_drain_is_refused_and_changes_nothing() -> None:
    calls = [mulaw_call(), mulaw_call()]
    for call in calls:
        call.bridge.handle_twilio(json.dumps(wire.media(0, FRAMES[0])), call.now)
    with pytest.raises(trunkline.OutputPendingError):
        calls[0].bridge.handle_twilio(json.dumps(wire.media(1, FRAMES[1])), calls[0].now)
    with pytest.raises(trunkline.OutputPendingError):
        calls[0].bridge.handle_openai(json.dumps(wire.speech_started("i", 1)), calls[0].now)
    assert calls[0].bridge.drain() == calls[1].bridge.drain() != []
    assert calls[0].bridge.stats == calls[1].bridge.stats


@pytest.mark.parametrize("peer", ["twilio", "openai"])
def test_a_message_over_the_limit_is_refused_and_the_call_goes_on(peer: str) -> None:
    bridge = Bridge(model_audio="mulaw", max_twilio_len=1_000, max_openai_len=1_000)
    call = Call.started(bridge)
    handle = bridge.handle_twilio if peer == "twilio" else bridge.handle_openai
    with pytest.raises(trunkline.MessageTooLongError) as caught:
        handle("x" * 1_001, call.now)
    assert (caught.value.limit, caught.value.actual) == (1_000, 1_001)
    call.caller(*FRAMES[:2])
    assert call.appended() == VOICE[:320]


def test_a_message_of_many_megabytes_is_taken() -> None:
    call = mulaw_call()
    call.openai({"type": "surprise.event", "pad": "\u00fc" * (2 << 20)})
    assert call.events == [Other("openai", "surprise.event")]


def test_after_the_end_inputs_and_commands_are_refused() -> None:
    call = mulaw_call()
    call.bridge.handle_twilio(json.dumps(wire.stop()), call.now)
    assert not call.bridge.is_closed
    call.drain()
    assert call.events == [CallEnded()]
    assert call.bridge.is_closed
    assert call.bridge.poll_timeout() is None
    refused: list[Callable[[], None]] = [
        lambda: call.twilio(wire.media(0, SILENCE)),
        lambda: call.openai(wire.speech_started("item_1", 0)),
        lambda: call.bridge.update_session(),
        lambda: call.bridge.create_response(),
        lambda: call.bridge.send_openai('{"type":"x"}'),
        lambda: call.bridge.send_tool_output("call_1", "{}"),
        lambda: call.bridge.interrupt(call.now),
        lambda: call.bridge.mark("x"),
    ]
    for refuse in refused:
        with pytest.raises(trunkline.ClosedError):
            refuse()
    assert call.bridge.drain() == []


def test_twilios_closed_socket_ends_the_call() -> None:
    call = mulaw_call()
    call.bridge.handle_twilio_closed(call.now)
    call.drain()
    assert call.events == [CallEnded()]
    assert call.bridge.is_closed


def test_with_the_models_socket_closed_the_caller_is_kept_for_the_next_session() -> None:
    call = mulaw_call()
    call.bridge.handle_openai_closed(call.now)
    call.drain()
    call.caller(*FRAMES[:10])
    assert call.to_openai == []
    call.bridge.update_session()
    call.drain()
    call.openai(wire.session_updated(call.to_openai[0]["session"]))
    assert call.appended() == VOICE[:1_600]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_message_may_be_any_buffer_of_utf_8(kind: Callable[[bytes], Buffer]) -> None:
    bridge = Bridge()
    bridge.handle_twilio(kind(json.dumps(wire.start({"a": "\u00fc"})).encode()), 1.0)
    assert bridge.drain() == [CallStarted(wire.STREAM_SID, wire.CALL_SID, {"a": "\u00fc"})]


def test_what_is_not_text_is_refused_by_what_it_is() -> None:
    bridge = Bridge()
    with pytest.raises(trunkline.UnsupportedBufferError):
        bridge.handle_twilio(array.array("i", [1, 2]))
    with pytest.raises(trunkline.UnsupportedBufferError):
        bridge.handle_twilio(memoryview(b"abcd")[::2])
    with pytest.raises(trunkline.InvalidJsonError) as caught:
        bridge.handle_twilio(b'{"event":"\xff"}')
    assert caught.value.offset == 10
    with pytest.raises(trunkline.InvalidJsonError) as caught:
        bridge.handle_openai('{"type":"\ud800"}')
    assert caught.value.offset == 9
    with pytest.raises(TypeError):
        bridge.handle_twilio(7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    assert bridge.drain() == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
KINDS = ["media", "mark", "dtmf", "start", "session.updated", "response.done", "error"]
MEMBERS = ["media", "mark", "dtmf", "start", "session", "response", "error", "item", "streamSid"]


@given(
    st.lists(
        st.one_of(
            st.text(),
            st.binary(),
            JSON.map(json.dumps),
            st.tuples(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(MEMBERS), JSON)).map(
                lambda both: json.dumps({"event": both[0], "type": both[0], **both[1]})
            ),
        )
    )
)
def test_whatever_is_handed_in_is_taken_or_refused_and_the_call_goes_on(
    messages: list[str | bytes],
) -> None:
    call = mulaw_call()
    for message in messages:
        for handle in (call.bridge.handle_twilio, call.bridge.handle_openai):
            try:
                handle(message, call.now)
            except trunkline.TrunklineError:
                pass
            call.bridge.drain()
    call.openai(wire.session_with(MULAW))
    call.caller(FRAMES[0])
    assert call.appended()[-160:] == FRAMES[0]


@given(st.floats(0, 1e9))
def test_a_timeout_that_was_named_has_come_at_its_time(now: float) -> None:
    call = Call(Bridge(model_audio="mulaw", downlink_capacity=30), now)
    call.twilio(wire.start())
    call.bridge.update_session()
    call.drain()
    call.openai(wire.session_updated(call.to_openai[0]["session"]))
    call.speech("item_1", VOICE)
    timeouts = 0
    while (due := call.bridge.poll_timeout()) is not None:
        assert now <= due <= now + 1.1
        call.bridge.handle_timeout(due)
        call.drain()
        timeouts += 1
    assert timeouts <= 60
    assert call.bridge.stats.sent_samples == 8_000


def test_now_is_the_clock_of_asyncio_unless_given() -> None:
    bridge = Bridge(model_audio="mulaw", downlink_capacity=30)
    bridge.handle_twilio(json.dumps(wire.start()))
    bridge.drain()
    bridge.update_session()
    bridge.drain()
    bridge.handle_openai(json.dumps(wire.session_with(MULAW)))
    bridge.drain()
    bridge.handle_openai(json.dumps(wire.delta("resp_1", "item_1", VOICE)))
    bridge.drain()
    due = bridge.poll_timeout()
    assert due is not None
    assert time.monotonic() - 1 < due < time.monotonic() + 1


@pytest.mark.parametrize("now", [-1.0, math.nan, math.inf, 1e300])
def test_a_time_that_is_none_is_refused(now: float) -> None:
    bridge = Bridge()
    refused: list[Callable[[], object]] = [
        lambda: bridge.handle_twilio("{}", now),
        lambda: bridge.handle_openai("{}", now),
        lambda: bridge.handle_timeout(now),
        lambda: bridge.handle_twilio_closed(now),
        lambda: bridge.handle_openai_closed(now),
        lambda: bridge.interrupt(now),
        lambda: bridge.queued_at_carrier(now),
    ]
    for refuse in refused:
        with pytest.raises(trunkline.InvalidFieldError) as caught:
            refuse()
        assert caught.value.name == "now"
    assert not bridge.is_closed


def test_counters_add_up() -> None:
    call = mulaw_call()
    call.caller(*FRAMES)
    call.speech("item_1", VOICE * 2)
    call.run_for(1)
    stats = call.bridge.stats
    assert stats.media_messages == len(FRAMES)
    assert stats.media_samples == stats.appended_samples == len(VOICE)
    assert stats.received_samples == stats.sent_samples + stats.depth_samples == 2 * len(VOICE)
    before = call.bridge.stats
    call.caller(SILENCE)
    assert call.bridge.stats != before, "what was read does not change"


def test_eight_threads_may_use_one_bridge() -> None:
    bridge = Bridge(model_audio="mulaw", text_capacity=1 << 20)
    bridge.handle_twilio(json.dumps(wire.start()))
    sent: list[trunkline.Output] = []
    failures: list[Exception] = []

    def use(thread: int) -> None:
        try:
            for number in range(200):
                bridge.send_openai(json.dumps({"type": "x", "thread": thread, "number": number}))
                sent.extend(bridge.drain())
                assert bridge.stats.marks_sent == 0
                try:
                    bridge.handle_openai("x" * (300 << 10))
                except (trunkline.OutputPendingError, trunkline.InvalidJsonError):
                    pass
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=use, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    texts = [json.loads(output.text) for output in sent if isinstance(output, trunkline.ToOpenAi)]
    assert len(texts) == 8 * 200
    assert {(text["thread"], text["number"]) for text in texts} == {
        (thread, number) for thread in range(8) for number in range(200)
    }
