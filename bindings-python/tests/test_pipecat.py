"""The shims for pipecat beside the classes that they take the place of."""

import base64
import inspect
import itertools
import json
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pipecat.audio.resamplers.soxr_stream_resampler import SOXRStreamAudioResampler
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
    TextFrame,
)
from pipecat.serializers import twilio as theirs

import trunkline
from pipecat_parts import STREAM, Worker, audio, payload, run, set_up_with, speech
from trunkline import pipecat as ours
from trunkline.pipecat import StreamAudioResampler

CREDENTIALS = ["call_sid", "account_sid", "auth_token", "api_key_sid", "api_key_secret", "region"]


class Pair:
    """One of each, set up alike."""

    def __init__(self, rate_hz: int = 8_000, **params: Any) -> None:
        given = theirs.TwilioFrameSerializer.InputParams(
            sample_rate=rate_hz, **{"auto_hang_up": False, **params}
        )
        self.theirs = theirs.TwilioFrameSerializer(STREAM, params=given)
        self.ours = ours.TwilioFrameSerializer(STREAM, params=given)
        self.rate_hz = rate_hz

    async def serialize(self, frame: Frame) -> tuple[Any, Any]:
        await self.set_up()
        return await self.theirs.serialize(frame), await self.ours.serialize(frame)

    async def deserialize(self, data: str | bytes) -> tuple[Frame | None, Frame | None]:
        await self.set_up()
        return await self.theirs.deserialize(data), await self.ours.deserialize(data)

    async def set_up(self) -> None:
        setup = set_up_with(Worker())
        await self.theirs.setup(setup)
        await self.ours.setup(setup)


# The serializer, as pipecat's own


def test_the_serializer_takes_the_parameters_of_pipecats_own() -> None:
    def parameters(cls: type) -> list[tuple[str, Any, Any]]:
        those = inspect.signature(cls).parameters.values()
        return [(it.name, it.kind, it.default) for it in those]

    assert parameters(ours.TwilioFrameSerializer) == parameters(theirs.TwilioFrameSerializer)


@pytest.mark.parametrize("given", list(itertools.product([False, True], repeat=len(CREDENTIALS))))
def test_the_serializer_refuses_the_credentials_that_pipecats_own_refuses(
    given: tuple[bool, ...],
) -> None:
    arguments: dict[str, Any] = {
        name: f"a {name}" for name, is_given in zip(CREDENTIALS, given, strict=True) if is_given
    }

    def outcome(cls: type[theirs.TwilioFrameSerializer]) -> str:
        try:
            cls(STREAM, **arguments)
        except ValueError as error:
            return str(error)
        return "accepted"

    assert outcome(ours.TwilioFrameSerializer) == outcome(theirs.TwilioFrameSerializer)


@pytest.mark.parametrize(
    "frame",
    [
        InterruptionFrame(),
        OutputTransportMessageFrame(message={"event": "mark", "mark": {"name": "mine"}}),
        OutputTransportMessageUrgentFrame(message={"any": ["thing", 1, None]}),
        OutputTransportMessageFrame(message={"label": "rtvi-ai", "type": "bot-ready"}),
        TextFrame("unknown to it"),
        EndFrame(),
        CancelFrame(),
        audio(b"", 8_000),
        audio(b"", 24_000),
    ],
    ids=str,
)
def test_frames_without_audio_become_what_pipecats_own_makes_of_them(frame: Frame) -> None:
    expected, actual = run(Pair().serialize(frame))
    assert actual == expected


def test_rtvi_messages_go_out_if_they_are_not_to_be_ignored() -> None:
    frame = OutputTransportMessageFrame(message={"label": "rtvi-ai", "type": "bot-ready"})
    expected, actual = run(Pair(ignore_rtvi_messages=False).serialize(frame))
    assert actual == expected == json.dumps(frame.message)


@given(st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=400))
def test_audio_becomes_the_message_of_pipecats_own_but_for_the_recommendations_rounding(
    samples: list[int],
) -> None:
    pcm = np.array(samples, np.int16).tobytes()
    expected, actual = run(Pair().serialize(audio(pcm, 8_000)))
    assert payload(actual) == trunkline.mulaw_encode(pcm)
    assert payload(expected) == trunkline.mulaw_encode(pcm, variant="audioop")
    envelopes = [json.loads(it) | {"media": list(json.loads(it)["media"])} for it in (expected, actual)]
    assert envelopes[0] == envelopes[1]


def test_each_frame_of_audio_comes_out_whole_where_pipecats_own_waits_for_more() -> None:
    async def work() -> None:
        pair = Pair()
        for _ in range(5):
            expected, actual = await pair.serialize(audio(speech(480, 24_000), 24_000))
            assert len(payload(actual)) == 160
            assert expected is None

    run(work())


def test_audio_sounds_as_that_of_pipecats_own_once_that_comes() -> None:
    async def work() -> tuple[bytes, bytes]:
        pair = Pair()
        pcm = speech(24_000, 24_000)
        parts = [
            await pair.serialize(audio(pcm[at : at + 960], 24_000)) for at in range(0, len(pcm), 960)
        ]
        expected = b"".join(payload(it[0]) for it in parts if it[0])
        return expected, b"".join(payload(it[1]) for it in parts)

    expected, actual = (
        np.frombuffer(trunkline.mulaw_decode(it), np.int16).astype(float) for it in run(work())
    )
    delay = round(trunkline.Resampler(24_000, 8_000).delay * 8_000)
    late = actual[delay + 800 : delay + 4_800]
    same = expected[800:4_800]
    assert np.corrcoef(late, same)[0, 1] > 0.99
    assert abs(np.std(late) / np.std(same) - 1) < 0.02


def media(codes: bytes) -> str:
    payload = base64.b64encode(codes).decode()
    return json.dumps({"event": "media", "streamSid": STREAM, "media": {"payload": payload}})


DIGITS = [{"event": "dtmf", "dtmf": {"digit": digit}} for digit in [*"0123456789*#ABCD", "x", None]]
MESSAGES: list[str | bytes] = [
    *(json.dumps(it) for it in DIGITS),
    json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
    json.dumps({"event": "start", "streamSid": STREAM, "start": {"callSid": "CA1"}}),
    json.dumps({"event": "mark", "streamSid": STREAM, "mark": {"name": "foreign"}}),
    json.dumps({"event": "mark", "streamSid": STREAM, "mark": {"name": 3}}),
    json.dumps({"event": "mark"}),
    json.dumps({"event": "stop", "streamSid": STREAM}),
    json.dumps({"event": "media", "media": {}}),
    json.dumps({"event": "media"}),
    json.dumps({"event": "media", "media": {"payload": ""}}),
    json.dumps({}),
    b'{"event":"dtmf","dtmf":{"digit":"7"}}',
    "not JSON",
    'not JSON, "mark"',
    "",
    media(b"\x00\x7f\x80\xff"),
]


@pytest.mark.parametrize("data", MESSAGES, ids=str)
def test_messages_become_what_pipecats_own_makes_of_them(data: str | bytes) -> None:
    expected, actual = run(Pair().deserialize(data))
    assert type(actual) is type(expected)
    match expected, actual:
        case InputAudioRawFrame(), InputAudioRawFrame():
            assert actual.audio == expected.audio
            assert (actual.sample_rate, actual.num_channels) == (8_000, 1)
        case InputDTMFFrame(), InputDTMFFrame():
            assert actual.button == expected.button
        case _:
            assert expected is None


def test_what_is_no_base64_raises_what_pipecats_own_raises() -> None:
    text = json.dumps({"event": "media", "media": {"payload": "abc"}})
    pair = Pair()
    with pytest.raises(ValueError) as expected:
        run(pair.theirs.deserialize(text))
    with pytest.raises(type(expected.value)):
        run(pair.ours.deserialize(text))


@pytest.mark.parametrize("end", [EndFrame, CancelFrame])
@pytest.mark.parametrize(
    "credentials",
    [{"auth_token": "secret"}, {"api_key_sid": "SK1", "api_key_secret": "secret"}],
    ids=["token", "key"],
)
def test_the_end_of_the_pipeline_hangs_up_once_as_pipecats_own_does(
    end: type[Frame], credentials: dict[str, str]
) -> None:
    async def requests(cls: type[theirs.TwilioFrameSerializer]) -> list[tuple[str, str, str, str]]:
        came: list[tuple[str, str, str, str]] = []

        async def handle(request: web.Request) -> web.Response:
            authorization = request.headers["Authorization"]
            came.append((request.method, request.path, authorization, await request.text()))
            return web.json_response({})

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        serializer = cls(
            STREAM, "CA1", "AC1", base_url=f"http://{host}:{port}", **cast(Any, credentials)
        )
        await serializer.setup(set_up_with(Worker()))
        assert await serializer.serialize(end()) is None
        assert await serializer.serialize(end()) is None
        await runner.cleanup()
        return came

    expected = run(requests(theirs.TwilioFrameSerializer))
    assert run(requests(ours.TwilioFrameSerializer)) == expected
    [(method, path, _, body)] = expected
    assert (method, body) == ("POST", "Status=completed")
    assert path == "/2010-04-01/Accounts/AC1/Calls/CA1.json"


# The resampler


@given(st.lists(st.integers(0, 700), max_size=12))
def test_a_stream_gives_the_bytes_of_the_native_resampler(lengths: list[int]) -> None:
    async def work() -> None:
        pcm = speech(sum(lengths), 8_000)
        shim = StreamAudioResampler(clear_after_secs=None)
        out = b""
        at = 0
        for length in lengths:
            out += await shim.resample(pcm[at : at + 2 * length], 8_000, 24_000)
            at += 2 * length
        out += await shim.flush()
        native = trunkline.Resampler(8_000, 24_000)
        expected = native.process(pcm) + (native.flush() if lengths else b"")
        assert out == expected

    run(work())


def test_equal_rates_give_the_very_audio() -> None:
    pcm = speech(160, 8_000)
    assert run(StreamAudioResampler().resample(pcm, 8_000, 8_000)) is pcm


@pytest.mark.parametrize("resampler", [SOXRStreamAudioResampler, StreamAudioResampler])
def test_a_stream_keeps_its_rates(
    resampler: type[SOXRStreamAudioResampler | StreamAudioResampler],
) -> None:
    async def work() -> None:
        stream = resampler()
        await stream.resample(speech(160, 8_000), 8_000, 24_000)
        with pytest.raises(ValueError, match="8000.*24000.*8000.*16000"):
            await stream.resample(speech(160, 8_000), 8_000, 16_000)

    run(work())


@pytest.mark.parametrize(("seconds", "forgets"), [(0.19, False), (0.21, True)])
def test_a_pause_is_the_end_of_a_stream(
    monkeypatch: pytest.MonkeyPatch, seconds: float, forgets: bool
) -> None:
    async def work() -> bool:
        now = 100.0
        monkeypatch.setattr(ours, "time", SimpleNamespace(monotonic=lambda: now))
        stream = StreamAudioResampler()
        first = await stream.resample(speech(160, 8_000), 8_000, 24_000)
        now += seconds
        return await stream.resample(speech(160, 8_000), 8_000, 24_000) == first

    assert run(work()) == forgets


def test_reset_and_flush_make_it_as_new() -> None:
    async def work() -> None:
        stream = StreamAudioResampler()
        assert await stream.flush() == b""
        await stream.reset()
        first = await stream.resample(speech(160, 8_000), 8_000, 24_000)
        await stream.reset()
        assert await stream.resample(speech(160, 8_000), 8_000, 24_000) == first
        assert await stream.flush()
        assert await stream.resample(speech(160, 8_000), 8_000, 24_000) == first

    run(work())
