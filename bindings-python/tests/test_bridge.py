"""The bridge between two scripted peers, in virtual time."""

import math

import numpy as np
import pytest

import trunkline
import wire
from trunkline import (
    AfterSpeech,
    BargeIn,
    Bridge,
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
from virtual_call import FRAMES, VOICE, Call, mulaw_call, tone


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
