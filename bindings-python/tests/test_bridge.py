"""The bridge between two scripted peers, in virtual time."""

import array
import json
import math
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import Buffer

import trunkline
import wire
from trunkline import (
    AfterSpeech,
    BargeIn,
    Bridge,
    CallEnded,
    CallStarted,
    Dtmf,
    FormatMismatch,
    ItemHeard,
    Mark,
    ModelError,
    Other,
    PlaybackHeld,
    PlaybackResumed,
    ResponseDone,
    SessionReady,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    Transcript,
    Usage,
)
from virtual_call import SILENCE, Call


def tone(samples: int, hz: float = 440.0, rate: int = 8_000) -> bytes:
    """PCM."""
    angles = 2 * math.pi * hz * np.arange(samples) / rate
    return (12_000 * np.sin(angles)).astype("<i2").tobytes()


VOICE = trunkline.mulaw_encode(tone(8_000))
MULAW = {side: {"format": {"type": "audio/pcmu"}} for side in ("input", "output")}
FRAMES = [VOICE[begin : begin + 160] for begin in range(0, len(VOICE), 160)]


def mulaw_call() -> Call:
    return Call.started(Bridge(model_audio="mulaw", downlink_capacity=30))


def test_a_start_tells_ids_and_parameters() -> None:
    call = Call(Bridge())
    call.twilio(wire.start({"lang": "de", "name": "J\u00fcrgen \u260e\n"}))
    parameters = {"lang": "de", "name": "J\u00fcrgen \u260e\n"}
    assert call.events == [CallStarted(wire.STREAM_SID, wire.CALL_SID, parameters)]


def test_nothing_is_appended_before_the_session_is_as_asked_and_nothing_is_lost() -> None:
    call = Call(Bridge(model_audio="mulaw"))
    call.twilio(wire.start())
    call.bridge.update_session()
    call.drain()
    call.caller(*FRAMES[:10])
    assert call.appended() == b""
    call.openai(wire.session_updated(call.to_openai[0]["session"]))
    assert SessionReady() in call.events
    assert call.appended() == VOICE[:1_600]


def test_a_session_of_another_format_is_told_and_gets_no_audio() -> None:
    call = Call(Bridge(model_audio="mulaw"))
    call.twilio(wire.start())
    call.bridge.update_session()
    call.drain()
    pcm = {"format": {"type": "audio/pcm", "rate": 24_000}}
    call.openai(wire.session_with({"input": pcm, "output": {"format": {"type": "audio/pcma"}}}))
    call.caller(*FRAMES[:10])
    assert FormatMismatch("mulaw", "pcm24k", "alaw") in call.events
    assert call.appended() == b""


def test_the_caller_comes_to_the_model_at_24_khz_as_through_a_resampler() -> None:
    call = Call.started(Bridge())
    call.caller(*FRAMES)
    pcm = call.appended()
    assert pcm == trunkline.Resampler(8_000, 24_000).process(trunkline.mulaw_decode(VOICE))
    heard = np.frombuffer(pcm, "<i2").astype(float)
    delay = round(trunkline.Resampler(8_000, 24_000).delay * 24_000)
    said = np.frombuffer(tone(24_000, rate=24_000), "<i2").astype(float)
    middle = slice(1_000, 20_000)
    error = heard[delay:][middle] - said[middle]
    assert 10 * math.log10(np.mean(said[middle] ** 2) / np.mean(error**2)) > 30


def test_the_caller_comes_to_a_model_of_mulaw_byte_for_byte() -> None:
    call = mulaw_call()
    call.caller(*FRAMES)
    assert call.appended() == VOICE


def test_the_model_is_heard_byte_for_byte_and_never_further_ahead_than_the_lead() -> None:
    call = mulaw_call()
    call.speech("item_1", VOICE * 5)
    assert call.bridge.queued_at_carrier(call.now) == pytest.approx(0.2, abs=0.02)
    call.run_for(6)
    assert call.player.heard(call.now) == VOICE * 5
    assert call.player.most_ahead == pytest.approx(0.2, abs=0.02)
    assert ItemHeard("item_1", 5.0) in call.events


def test_the_lead_is_what_was_asked_for() -> None:
    call = Call.started(Bridge(model_audio="mulaw", downlink_capacity=30, lead=0.5))
    call.speech("item_1", VOICE * 3)
    call.run_for(4)
    assert call.player.most_ahead == pytest.approx(0.5, abs=0.02)


def test_a_barge_in_clears_and_truncates_at_what_marks_prove_was_heard() -> None:
    call = mulaw_call()
    call.speech("item_1", VOICE * 5)
    call.run_for(1.73)
    call.to_openai.clear()
    call.openai(wire.speech_started("item_2", 300))
    heard = len(call.player.heard(call.now)) / 8
    (truncate,) = call.to_openai
    assert call.to_twilio[-1]["event"] == "clear"
    assert truncate["type"] == "conversation.item.truncate"
    assert (truncate["item_id"], truncate["content_index"]) == ("item_1", 0)
    assert heard - 120 <= truncate["audio_end_ms"] <= heard
    end = truncate["audio_end_ms"] / 1_000
    assert call.events[-2:] == [SpeechStarted(0.3), BargeIn("item_1", end, 5.0)]
    call.run_for(5)
    assert len(call.player.heard(call.now)) / 8 == heard
    assert not any(isinstance(event, ItemHeard) for event in call.events)


def test_interrupt_stops_the_model_as_the_callers_voice_does() -> None:
    call = mulaw_call()
    call.openai(wire.response_created("resp_1"))
    call.openai(wire.item_added("resp_1", "item_1"))
    call.openai(wire.delta("resp_1", "item_1", VOICE))
    call.run_for(0.5)
    call.bridge.interrupt(call.now)
    call.drain()
    assert call.to_twilio[-1]["event"] == "clear"
    assert call.kinds() == ["response.cancel", "conversation.item.truncate"]


def test_with_barge_in_never_the_model_goes_on() -> None:
    bridge = Bridge(model_audio="mulaw", downlink_capacity=30, barge_in="never")
    call = Call.started(bridge)
    call.speech("item_1", VOICE * 2)
    call.run_for(0.5)
    call.openai(wire.speech_started("item_2", 300))
    call.run_for(3)
    assert call.player.heard(call.now) == VOICE * 2


def test_a_cough_holds_playback_and_costs_none_of_it() -> None:
    bridge = Bridge(model_audio="mulaw", downlink_capacity=30, barge_in=AfterSpeech(1.0))
    call = Call.started(bridge)
    call.speech("item_1", VOICE * 3)
    call.run_for(0.5)
    call.openai(wire.speech_started("item_2", 0))
    assert call.events[-1] == PlaybackHeld()
    call.run_for(0.3)
    call.openai(wire.speech_stopped("item_2", 200))
    call.run_for(4)
    assert any(isinstance(event, PlaybackResumed) for event in call.events)
    assert call.player.heard(call.now) == VOICE * 3
    assert call.bridge.stats.false_barge_ins == 1


def test_a_tool_call_is_told_answered_and_followed_by_a_response() -> None:
    call = mulaw_call()
    call.openai(wire.response_created("resp_1"))
    call.openai(wire.item_added("resp_1", "item_call_1", "function_call"))
    call.openai(wire.function_call("resp_1", "call_1", "book", '{"day":"tue"}'))
    call.openai(wire.response_done("resp_1"))
    assert ToolCall("call_1", "book", '{"day":"tue"}') in call.events
    call.bridge.send_tool_output("call_1", '{"ok":"\u00fc"}')
    call.drain()
    assert call.kinds() == ["conversation.item.create", "response.create"]
    item = call.to_openai[0]["item"]
    assert item == {"type": "function_call_output", "call_id": "call_1", "output": '{"ok":"\u00fc"}'}


def test_what_the_model_never_called_cannot_be_answered() -> None:
    call = mulaw_call()
    with pytest.raises(trunkline.InvalidFieldError) as caught:
        call.bridge.send_tool_output("call_1", "{}")
    assert caught.value.name == "call_id"
    call.drain()
    assert call.to_openai == []


def test_words_keys_ends_and_errors_are_events() -> None:
    call = mulaw_call()
    call.twilio(wire.dtmf("#"))
    call.openai(wire.response_created("resp_1"))
    call.openai(wire.item_added("resp_1", "item_1"))
    call.openai(wire.transcript("item_1", "Good ", caller=False, final=False))
    call.openai(wire.transcript("item_1", "Good day", caller=False, final=True))
    usage = {"total_tokens": 30, "input_tokens": 20, "output_tokens": 10}
    usage_details = {"input_token_details": {"text_tokens": 5, "audio_tokens": 15}}
    call.openai(wire.response_done("resp_1", usage=usage | usage_details))
    call.openai(wire.speech_started("item_2", 500))
    call.openai(wire.speech_stopped("item_2", 1_500))
    call.openai(wire.transcript("item_2", "Tuesday?", caller=True, final=True))
    call.openai(wire.error("invalid_value", "No."))
    call.openai({"type": "surprise.event", "event_id": "event_x"})
    used = Usage(
        total_tokens=30,
        input_tokens=20,
        output_tokens=10,
        input_text_tokens=5,
        input_audio_tokens=15,
    )
    assert call.events == [
        Dtmf("#"),
        Transcript("model", "item_1", "Good ", False),
        Transcript("model", "item_1", "Good day", True),
        ResponseDone("resp_1", "completed", "", "", used),
        SpeechStarted(0.5),
        SpeechStopped(1.5),
        Transcript("caller", "item_2", "Tuesday?", True),
        ModelError("invalid_value", "No.", False),
        Other("openai", "surprise.event"),
    ]


def test_a_mark_is_told_once_what_was_before_it_is_heard() -> None:
    call = mulaw_call()
    call.speech("item_1", VOICE)
    call.bridge.mark("greeting over")
    call.drain()
    call.run_for(0.9)
    assert Mark("greeting over", True) not in call.events
    call.run_for(0.2)
    assert Mark("greeting over", True) in call.events


def test_a_barge_in_tells_marks_that_were_not_reached() -> None:
    call = mulaw_call()
    call.speech("item_1", VOICE)
    call.bridge.mark("greeting over")
    call.run_for(0.5)
    call.openai(wire.speech_started("item_2", 300))
    call.run_for(0.1)
    assert Mark("greeting over", False) in call.events


def test_a_response_asked_for_waits_until_it_may_be_made() -> None:
    call = mulaw_call()
    call.openai(wire.response_created("resp_1"))
    call.bridge.create_response('{"instructions":"Say goodbye."}')
    call.drain()
    assert call.to_openai == []
    call.openai(wire.response_done("resp_1"))
    assert call.to_openai[0]["response"] == {"instructions": "Say goodbye."}


def test_another_event_goes_out_as_it_is() -> None:
    call = mulaw_call()
    event = '{ "type":"input_audio_buffer.clear" }'
    call.bridge.send_openai(event)
    assert call.bridge.drain() == [trunkline.ToOpenAi(event)]


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
