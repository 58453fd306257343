"""The whole way of 20 ms through a server between Twilio and OpenAI Realtime, text to text.

Inbound, a `media` message of Twilio becomes an `input_audio_buffer.append` with PCM at 24 kHz;
outbound, a `response.output_audio.delta` with such PCM becomes a `media` message. What a server does
with the texts is the same for all: here they are handed to `send`, which keeps the last.
"""

import asyncio
import audioop
import base64
import json
from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np
import orjson
import pybase64
import soxr
from pipecat.frames.frames import OutputAudioRawFrame
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.services.openai.realtime import events
from trunkline import ToOpenAi, ToTwilio

from audio import FRAME_SECONDS
from call import STREAM, Call, Send, openai_texts, twilio_texts
from race import Contestant
from turns import async_turn, turn

IN, OUT = "in", "out"
OURS = "trunkline Bridge"
OURS_MATCH = "trunkline Bridge, by match"
BY_HAND = "orjson, pybase64, audioop"
BY_HAND_TEMPLATES = "f-strings, pybase64, audioop"
STANDARD_LIBRARY = "json, base64, audioop"
WITH_SOXR = "f-strings, pybase64, python-soxr HQ"
PIPECAT = "pipecat's serializer"
PIPECAT_WHOLE = "pipecat's serializer and OpenAI events"


class Path(Protocol):
    """A server's two directions."""

    def twilio(self, text: str) -> None: ...

    def openai(self, text: str) -> None: ...


class AsyncPath(Protocol):
    async def twilio(self, text: str) -> None: ...

    async def openai(self, text: str) -> None: ...


class CallByMatch(Call):
    """By `match`, which takes Python longer than `isinstance`."""

    def twilio(self, text: str) -> None:
        self.now += FRAME_SECONDS
        self.bridge.handle_twilio(text, self.now)
        for output in self.bridge.drain():
            match output:
                case ToTwilio(text):
                    self.send(text)
                case ToOpenAi(text):
                    self.send(text)

    def openai(self, text: str) -> None:
        self.now += FRAME_SECONDS
        self.bridge.handle_openai(text, self.now)
        for output in self.bridge.drain():
            match output:
                case ToTwilio(text):
                    self.send(text)
                case ToOpenAi(text):
                    self.send(text)


class ByHand:
    """The quickest parts, and no filter."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.up = self.down = None

    def twilio(self, text: str) -> None:
        message = orjson.loads(text)
        if message["event"] == "media":
            codes = pybase64.b64decode(message["media"]["payload"])
            pcm = audioop.ulaw2lin(codes, 2)
            wide, self.up = audioop.ratecv(pcm, 2, 1, 8_000, 24_000, self.up)
            audio = pybase64.b64encode_as_string(wide)
            append = {"type": "input_audio_buffer.append", "audio": audio}
            self.send(orjson.dumps(append).decode())

    def openai(self, text: str) -> None:
        event = orjson.loads(text)
        if event["type"] == "response.output_audio.delta":
            pcm = pybase64.b64decode(event["delta"])
            narrow, self.down = audioop.ratecv(pcm, 2, 1, 24_000, 8_000, self.down)
            payload = pybase64.b64encode_as_string(audioop.lin2ulaw(narrow, 2))
            media = {"event": "media", "streamSid": STREAM, "media": {"payload": payload}}
            self.send(orjson.dumps(media).decode())


class ByHandTemplates:
    """As `ByHand`, without a library to write what is always the same."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.up = self.down = None

    def twilio(self, text: str) -> None:
        message = orjson.loads(text)
        if message["event"] == "media":
            codes = pybase64.b64decode(message["media"]["payload"])
            pcm = audioop.ulaw2lin(codes, 2)
            wide, self.up = audioop.ratecv(pcm, 2, 1, 8_000, 24_000, self.up)
            audio = pybase64.b64encode_as_string(wide)
            self.send(f'{{"type":"input_audio_buffer.append","audio":"{audio}"}}')

    def openai(self, text: str) -> None:
        event = orjson.loads(text)
        if event["type"] == "response.output_audio.delta":
            pcm = pybase64.b64decode(event["delta"])
            narrow, self.down = audioop.ratecv(pcm, 2, 1, 24_000, 8_000, self.down)
            payload = pybase64.b64encode_as_string(audioop.lin2ulaw(narrow, 2))
            self.send(
                f'{{"event":"media","streamSid":"{STREAM}","media":{{"payload":"{payload}"}}}}'
            )


class StandardLibrary:
    """As most examples do it; no filter."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.up = self.down = None

    def twilio(self, text: str) -> None:
        message = json.loads(text)
        if message["event"] == "media":
            pcm = audioop.ulaw2lin(base64.b64decode(message["media"]["payload"]), 2)
            wide, self.up = audioop.ratecv(pcm, 2, 1, 8_000, 24_000, self.up)
            audio = base64.b64encode(wide).decode()
            self.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))

    def openai(self, text: str) -> None:
        event = json.loads(text)
        if event["type"] == "response.output_audio.delta":
            pcm = base64.b64decode(event["delta"])
            narrow, self.down = audioop.ratecv(pcm, 2, 1, 24_000, 8_000, self.down)
            payload = base64.b64encode(audioop.lin2ulaw(narrow, 2)).decode()
            media = {"event": "media", "streamSid": STREAM, "media": {"payload": payload}}
            self.send(json.dumps(media))


class WithSoxr:
    """The quickest parts, and python-soxr's filter."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.up = soxr.ResampleStream(8_000, 24_000, 1, dtype="int16")
        self.down = soxr.ResampleStream(24_000, 8_000, 1, dtype="int16")

    def twilio(self, text: str) -> None:
        message = orjson.loads(text)
        if message["event"] == "media":
            pcm = audioop.ulaw2lin(pybase64.b64decode(message["media"]["payload"]), 2)
            wide = self.up.resample_chunk(np.frombuffer(pcm, np.int16))
            audio = pybase64.b64encode_as_string(wide)
            self.send(f'{{"type":"input_audio_buffer.append","audio":"{audio}"}}')

    def openai(self, text: str) -> None:
        event = orjson.loads(text)
        if event["type"] == "response.output_audio.delta":
            pcm = np.frombuffer(pybase64.b64decode(event["delta"]), np.int16)
            narrow = self.down.resample_chunk(pcm)
            payload = pybase64.b64encode_as_string(audioop.lin2ulaw(narrow, 2))
            self.send(
                f'{{"event":"media","streamSid":"{STREAM}","media":{{"payload":"{payload}"}}}}'
            )


class Pipecat:
    """Only what is the serializer's: frames for Twilio's messages, and the messages for frames. The
    model's side is left out, but for the PCM that a frame has to have."""

    def __init__(self, send: Send) -> None:
        self.send = send
        params = TwilioFrameSerializer.InputParams(auto_hang_up=False, sample_rate=24_000)
        self.serializer = TwilioFrameSerializer(STREAM, params=params)
        # What `setup` sets, without the pipeline that it needs.
        self.serializer._sample_rate = 24_000

    async def twilio(self, text: str) -> None:
        if frame := await self.serializer.deserialize(text):
            self.send(frame.audio)

    async def openai(self, text: str) -> None:
        audio = pybase64.b64decode(orjson.loads(text)["delta"])
        frame = OutputAudioRawFrame(audio=audio, sample_rate=24_000, num_channels=1)
        if message := await self.serializer.serialize(frame):
            self.send(message)


class PipecatWhole(Pipecat):
    """With what pipecat's service for OpenAI Realtime does on the model's side."""

    async def twilio(self, text: str) -> None:
        if frame := await self.serializer.deserialize(text):
            payload = base64.b64encode(frame.audio).decode("utf-8")
            event = events.InputAudioBufferAppendEvent(audio=payload)
            self.send(json.dumps(event.model_dump(exclude_none=True)))

    async def openai(self, text: str) -> None:
        event = events.parse_server_event(text)
        audio = base64.b64decode(event.delta)
        frame = OutputAudioRawFrame(audio=audio, sample_rate=24_000, num_channels=1)
        if message := await self.serializer.serialize(frame):
            self.send(message)


PATHS: dict[str, Callable[[Send], Path]] = {
    OURS: Call,
    OURS_MATCH: CallByMatch,
    BY_HAND: ByHand,
    BY_HAND_TEMPLATES: ByHandTemplates,
    STANDARD_LIBRARY: StandardLibrary,
    WITH_SOXR: WithSoxr,
}
ASYNC_PATHS: dict[str, Callable[[Send], AsyncPath]] = {PIPECAT: Pipecat, PIPECAT_WHOLE: PipecatWhole}


def contestants(loop: asyncio.AbstractEventLoop, direction: str) -> list[Contestant]:
    """All of them, each in the middle of a call."""
    texts = twilio_texts if direction == IN else openai_texts
    method = "twilio" if direction == IN else "openai"
    return [
        *(
            Contestant(name, turn(getattr(make(last().append), method), texts()))
            for name, make in PATHS.items()
        ),
        *(
            Contestant(name, async_turn(loop, getattr(make(last().append), method), texts()))
            for name, make in ASYNC_PATHS.items()
        ),
    ]


def last() -> deque[object]:
    return deque(maxlen=1)
