"""What the serializer for pipecat knows of what the caller has heard."""

import asyncio
import json
from types import SimpleNamespace
from typing import cast

import pytest
from pipecat.frames.frames import EndFrame, InterruptionFrame
from pipecat.serializers.twilio import TwilioFrameSerializer

import trunkline
from pipecat_parts import STREAM, Worker, audio, payload, run, set_up_with, speech
from trunkline import pipecat as ours
from trunkline.pipecat import Playback



class Call:
    """A serializer on a clock of its own, and a carrier that plays what it is sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(ours, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(ours, "MARK_INTERVAL", 0)
        params = TwilioFrameSerializer.InputParams(auto_hang_up=False)
        self.serializer = ours.TwilioFrameSerializer(STREAM, params=params)
        self.interrupted: list[Playback] = []

        async def on_interrupted(_: ours.TwilioFrameSerializer, playback: Playback) -> None:
            self.interrupted.append(playback)

        self.serializer.add_event_handler(  # pyright: ignore[reportUnknownMemberType]
            "on_interrupted", on_interrupted
        )

    async def set_up(self) -> None:
        self.worker = Worker()
        await self.serializer.setup(set_up_with(self.worker))

    async def say(self, seconds: float) -> None:
        samples = round(8_000 * seconds)
        message = await self.serializer.serialize(audio(speech(samples, 8_000), 8_000))
        assert isinstance(message, str) and len(payload(message)) == samples

    async def mark(self) -> str:
        """The mark that is sent behind what was said."""
        await self.worker.came.wait()
        self.worker.came.clear()
        message = await self.serializer.serialize(self.worker.frames.pop())
        assert isinstance(message, str)
        mark = json.loads(message)
        assert (mark["event"], mark["streamSid"]) == ("mark", STREAM)
        return message

    async def interrupt(self) -> None:
        message = await self.serializer.serialize(InterruptionFrame())
        assert json.loads(cast(str, message)) == {"event": "clear", "streamSid": STREAM}
        # Waits for handlers; pipecat's types have nothing here and below.
        await self.serializer.cleanup()  # type: ignore[no-untyped-call]


def test_what_was_heard_is_what_the_echoes_prove(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        call = Call(monkeypatch)
        await call.set_up()
        await call.say(0.2)
        first = await call.mark()
        await call.say(0.3)
        second = await call.mark()
        assert call.serializer.playback == Playback(heard=0.0, sent=0.5)
        call.now += 0.25
        assert await call.serializer.deserialize(first) is None
        assert call.serializer.playback == Playback(heard=0.2, sent=0.5)
        call.now += 0.25
        await call.serializer.deserialize(second.encode())
        assert call.serializer.playback == Playback(heard=0.5, sent=0.5)
        # Speech after a pause is a stretch of its own.
        call.now += 3
        await call.say(0.1)
        assert call.serializer.playback == Playback(heard=0.0, sent=0.1)
        await call.interrupt()
        assert call.interrupted == [Playback(heard=0.0, sent=0.1)]

    run(work())


def test_an_interruption_tells_what_was_heard_and_its_flushed_marks_count_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work() -> None:
        call = Call(monkeypatch)
        await call.set_up()
        await call.say(0.4)
        first = await call.mark()
        await call.say(0.4)
        flushed = await call.mark()
        call.now += 0.45
        await call.serializer.deserialize(first)
        await call.interrupt()
        assert call.interrupted == [Playback(heard=0.4, sent=0.8)]
        # Twilio echoes at once what `clear` flushes, while the answer may be on its way.
        await call.say(0.4)
        await call.serializer.deserialize(flushed)
        assert call.serializer.playback == Playback(heard=0.0, sent=0.4)

    run(work())


def test_nothing_of_what_was_interrupted_comes_with_what_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def work() -> None:
        call = Call(monkeypatch)
        await call.set_up()
        frame = audio(speech(480, 24_000), 24_000)
        first = await call.serializer.serialize(frame)
        await call.interrupt()
        assert await call.serializer.serialize(frame) == first

    run(work())


def test_silence_is_not_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        call = Call(monkeypatch)
        await call.set_up()
        await call.interrupt()
        await call.say(0.2)
        mark = await call.mark()
        call.now += 0.2
        await call.serializer.deserialize(mark)
        await call.interrupt()
        assert call.interrupted == []

    run(work())


def test_a_mark_that_an_interruption_overtakes_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        call = Call(monkeypatch)
        await call.set_up()
        await call.say(0.2)
        await call.worker.came.wait()
        await call.interrupt()
        assert await call.serializer.serialize(call.worker.frames.pop()) is None

    run(work())


def test_audio_that_follows_within_the_interval_has_one_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        call = Call(monkeypatch)
        monkeypatch.setattr(ours, "MARK_INTERVAL", 0.05)
        await call.set_up()
        for _ in range(20):
            await call.say(0.02)
        await call.mark()
        assert call.worker.frames == []
        assert call.serializer.ledger.unmarked_samples == 0

    run(work())


def test_no_mark_is_asked_for_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        call = Call(monkeypatch)
        monkeypatch.setattr(ours, "MARK_INTERVAL", 0.02)
        await call.set_up()
        await call.say(0.02)
        await call.serializer.serialize(EndFrame())
        await asyncio.sleep(0.06)
        assert call.worker.frames == []

    run(work())


def test_more_stretches_than_the_ledger_holds_are_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        call = Call(monkeypatch)
        await call.set_up()
        for _ in range(3 * trunkline.PlaybackLedger.MAX_PARTS):
            await call.say(0.2)  # and no echo ever comes
            call.now += 1
        assert call.serializer.playback == Playback(heard=0.0, sent=0.2)

    run(work())
