"""Twilio's messages, against Python's own json and base64."""

import array
import base64
import json
from binascii import Error as Base64Error
from collections.abc import Callable
from typing import Any

import pytest
from buffers import BYTES
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import COUNTS, IDS, TEXTS, broken, is_json, kind_of_failure, written

from trunkline import (
    InvalidBase64Error,
    InvalidFieldError,
    InvalidJsonError,
    MissingFieldError,
    UnsupportedBufferError,
    twilio,
)

SID = "MZ18ad3ab5a668481ce02b83e7395059f0"
AUDIO = bytes(range(256))


def start(**more: object) -> dict[str, Any]:
    """The message as Twilio's documentation shows it."""
    return {
        "event": "start",
        "sequenceNumber": "1",
        "start": {
            "accountSid": "ACXXXX",
            "streamSid": SID,
            "callSid": "CA123",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"FirstName": "Jane", "RemoteParty": "Bob"},
            **more,
        },
        "streamSid": SID,
    }


def media(payload: str) -> dict[str, Any]:
    return {
        "event": "media",
        "sequenceNumber": "4",
        "media": {"track": "inbound", "chunk": "2", "timestamp": "5", "payload": payload},
        "streamSid": SID,
    }


ALL = [
    json.dumps(message)
    for message in (
        {"event": "connected", "protocol": "Call", "version": "1.0.0"},
        start(),
        media(base64.b64encode(AUDIO).decode()),
        {
            "event": "dtmf",
            "streamSid": SID,
            "sequenceNumber": "5",
            "dtmf": {"track": "inbound_track", "digit": "1"},
        },
        {"event": "mark", "sequenceNumber": "4", "streamSid": SID, "mark": {"name": "my label"}},
        {
            "event": "stop",
            "sequenceNumber": "5",
            "streamSid": SID,
            "stop": {"accountSid": "AC", "callSid": "CA"},
        },
        {"event": "new", "streamSid": SID, "new": {"a": [1, 2, {"b": None}]}},
    )
]


def test_each_kind_of_message_is_an_object_to_match() -> None:
    seen: list[str] = []
    for text in ALL:
        match twilio.read(text):
            case twilio.Connected():
                seen.append("connected")
            case twilio.Started(stream_sid, call_sid, parameters, number):
                assert (stream_sid, call_sid, number) == (SID, "CA123", 1)
                assert parameters == {"FirstName": "Jane", "RemoteParty": "Bob"}
                seen.append("start")
            case twilio.Media(track, timestamp_ms, payload, stream_sid, sequence_number):
                assert (track, timestamp_ms, payload) == ("inbound", 5, AUDIO)
                assert (stream_sid, sequence_number) == (SID, 4)
                seen.append("media")
            case twilio.Dtmf(digit, stream_sid):
                assert (digit, stream_sid) == ("1", SID)
                seen.append("dtmf")
            case twilio.Mark(name, stream_sid, sequence_number):
                assert (name, stream_sid, sequence_number) == ("my label", SID, 4)
                seen.append("mark")
            case twilio.Stopped(stream_sid=stream_sid):
                assert stream_sid == SID
                seen.append("stop")
            case twilio.Other(kind):
                seen.append(kind)
    assert seen == ["connected", "start", "media", "dtmf", "mark", "stop", "new"]


@pytest.mark.parametrize("kind", BYTES)
@pytest.mark.parametrize("text", ALL)
def test_a_message_may_be_text_or_any_buffer_of_it(kind: str, text: str) -> None:
    assert twilio.read(BYTES[kind](text.encode())) == twilio.read(text)


@given(
    data=st.data(),
    audio=st.binary(max_size=400),
    timestamp=COUNTS,
    number=COUNTS,
    bare=st.booleans(),
)
def test_media_is_what_json_and_base64_make_of_it(
    data: st.DataObject, audio: bytes, timestamp: int, number: int, *, bare: bool
) -> None:
    message = media(base64.b64encode(audio).decode())
    message["media"]["timestamp"] = timestamp if bare else str(timestamp)
    message["sequenceNumber"] = number if bare else str(number)
    message["media"]["track"] = track = data.draw(st.sampled_from(["inbound", "outbound"]))
    read = twilio.read(data.draw(written(message)))
    assert isinstance(read, twilio.Media)
    assert (read.track, read.timestamp_ms, read.payload) == (track, timestamp, audio)
    assert (read.stream_sid, read.sequence_number) == (SID, number)


@given(data=st.data(), parameters=st.dictionaries(TEXTS, TEXTS, max_size=5), call_sid=TEXTS)
def test_parameters_of_the_call_are_what_json_makes_of_them(
    data: st.DataObject, parameters: dict[str, str], call_sid: str
) -> None:
    message = start(customParameters=parameters, callSid=call_sid)
    read = twilio.read(data.draw(written(message)))
    assert isinstance(read, twilio.Started)
    assert (read.custom_parameters, read.call_sid) == (parameters, call_sid)


@given(audio=st.binary(min_size=1, max_size=4_000))
def test_media_that_is_written_is_json_with_base64(audio: bytes) -> None:
    payload = base64.b64encode(audio).decode()
    assert json.loads(twilio.media(SID, audio)) == {
        "event": "media",
        "streamSid": SID,
        "media": {"payload": payload},
    }


@given(name=TEXTS.filter(bool), sid=IDS)
def test_marks_and_clears_that_are_written_are_json(name: str, sid: str) -> None:
    mark = {"event": "mark", "streamSid": sid, "mark": {"name": name}}
    assert json.loads(twilio.mark(sid, name)) == mark
    assert json.loads(twilio.clear(sid)) == {"event": "clear", "streamSid": sid}
    echo = twilio.read(twilio.mark(sid, name))
    assert isinstance(echo, twilio.Mark)
    assert (echo.name, echo.stream_sid) == (name, sid)


@settings(max_examples=2_000)
@given(message=broken(ALL))
def test_broken_messages_raise_only_the_errors_that_are_promised(message: str | bytes) -> None:
    outcome = kind_of_failure(twilio.read, message)
    assert (outcome == "InvalidJsonError") == (not is_json(message))


@settings(max_examples=500)
@given(
    message=st.one_of(st.text(), st.binary(), st.text(st.characters(categories=["Cs"]), min_size=1))
)
def test_what_is_no_message_at_all_raises_only_the_errors_that_are_promised(
    message: str | bytes,
) -> None:
    outcome = kind_of_failure(twilio.read, message)
    assert (outcome == "InvalidJsonError") == (not is_json(message))


@given(data=st.data())
def test_a_reader_of_many_messages_reads_each_as_if_it_were_the_first(data: st.DataObject) -> None:
    reader = twilio.Reader()
    number = data.draw(st.integers(0, 2_000))
    for audio in data.draw(st.lists(st.binary(min_size=160, max_size=161), max_size=12)):
        message = media(base64.b64encode(audio).decode())
        message["media"]["timestamp"] = str(20 * number)
        text = data.draw(st.sampled_from([json.dumps(message), *ALL]) | broken(ALL))
        if kind_of_failure(reader.read, text) == "read":
            assert reader.read(text) == twilio.read(text)
        else:
            assert kind_of_failure(reader.read, text) == kind_of_failure(twilio.read, text)
        number += 1


@settings(max_examples=500)
@given(payload=st.text(st.sampled_from("AQgw+/=-_ \n"), max_size=24))
def test_audio_is_taken_only_in_strict_base64(payload: str) -> None:
    """What Python decodes and encodes again to the same text."""
    try:
        audio = base64.b64decode(payload, validate=True)
    except Base64Error:
        audio = b"none"
    text = json.dumps(media(payload))
    if base64.b64encode(audio).decode() == payload:
        read = twilio.read(text)
        assert isinstance(read, twilio.Media)
        assert read.payload == audio
    else:
        with pytest.raises(InvalidBase64Error) as caught:
            twilio.read(text)
        assert 0 <= caught.value.offset <= len(payload)


def test_errors_say_where_and_what() -> None:
    with pytest.raises(InvalidJsonError) as json_error:
        twilio.read('{"event":}')
    assert json_error.value.offset == 9
    with pytest.raises(InvalidJsonError) as utf8_error:
        twilio.read(b'{"event":"\xff"}')
    assert utf8_error.value.offset == 10
    with pytest.raises(InvalidJsonError) as surrogate_error:
        twilio.read('{"ä":"\ud800"}')
    assert surrogate_error.value.offset == 7
    with pytest.raises(MissingFieldError) as missing:
        twilio.read('{"event":"media","media":{"track":"inbound","timestamp":"0"}}')
    assert missing.value.name == "media.payload"
    with pytest.raises(InvalidFieldError) as invalid:
        twilio.read('{"event":"dtmf","dtmf":{"digit":"E"}}')
    assert invalid.value.name == "dtmf.digit"


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        (
            "start.mediaFormat.encoding",
            {"encoding": "audio/l16", "sampleRate": 8000, "channels": 1},
        ),
        (
            "start.mediaFormat.sampleRate",
            {"encoding": "audio/x-mulaw", "sampleRate": 16000, "channels": 1},
        ),
        (
            "start.mediaFormat.channels",
            {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 2},
        ),
    ],
)
def test_a_stream_of_another_format_is_refused(name: str, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        twilio.read(json.dumps(start(mediaFormat=wrong)))
    assert caught.value.name == name


@pytest.mark.parametrize("sid", ["", "x" * 65, 'quo"te', "back\\slash", "with space", "ü"])
def test_stream_sids_that_twilio_does_not_give_are_not_written(sid: str) -> None:
    writers: list[Callable[[], str]] = [
        lambda: twilio.media(sid, AUDIO),
        lambda: twilio.mark(sid, "m"),
        lambda: twilio.clear(sid),
    ]
    for write in writers:
        with pytest.raises(InvalidFieldError) as caught:
            write()
        assert caught.value.name == "streamSid"


def test_messages_that_twilio_would_refuse_are_not_written() -> None:
    with pytest.raises(InvalidFieldError) as audio:
        twilio.media(SID, b"")
    assert audio.value.name == "media.payload"
    with pytest.raises(InvalidFieldError) as mark:
        twilio.mark(SID, "")
    assert mark.value.name == "mark.name"
    with pytest.raises(UnsupportedBufferError):
        twilio.media(SID, array.array("h", bytes(320)))


def test_messages_can_be_compared_hashed_and_printed_but_not_changed() -> None:
    for text in ALL:
        assert twilio.read(text) == twilio.read(text.encode())
        assert hash(twilio.read(text)) == hash(twilio.read(text))
    assert len({twilio.read(text) for text in ALL}) == len(ALL)
    mark = twilio.read(ALL[4])
    assert repr(mark) == f"Mark(name='my label', stream_sid='{SID}', sequence_number=4)"
    with pytest.raises(AttributeError):
        setattr(mark, "name", "mine")
