"""A call through the `Bridge`, and what both peers say in it."""

import base64
import json
from collections.abc import Callable, Iterator
from itertools import count

import trunkline
from trunkline import Bridge, ToOpenAi, ToTwilio

from audio import FRAME_SECONDS, frames, speech_like

STREAM = "MZ22222222222222222222222222222222"
Send = Callable[[str], object]


class Call:
    """A call in progress through the bridge, and the time that it is at."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.bridge = Bridge()
        self.now = 0.0
        media_format = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
        start = {"streamSid": STREAM, "callSid": "CA1", "accountSid": "AC1", "tracks": ["inbound"]}
        start |= {"customParameters": {}, "mediaFormat": media_format}
        self.twilio(
            json.dumps({"event": "start", "sequenceNumber": "1", "streamSid": STREAM, "start": start})
        )
        pcm = {"format": {"type": "audio/pcm", "rate": 24000}}
        session = {"type": "realtime", "audio": {"input": pcm, "output": pcm}}
        self.openai(json.dumps({"type": "session.updated", "event_id": "event_1", "session": session}))

    def twilio(self, text: str) -> None:
        self.now += FRAME_SECONDS
        self.bridge.handle_twilio(text, self.now)
        for output in self.bridge.drain():
            if isinstance(output, (ToTwilio, ToOpenAi)):
                self.send(output.text)

    def openai(self, text: str) -> None:
        self.now += FRAME_SECONDS
        self.bridge.handle_openai(text, self.now)
        for output in self.bridge.drain():
            if isinstance(output, (ToTwilio, ToOpenAi)):
                self.send(output.text)


def twilio_texts() -> Iterator[str]:
    """What Twilio sends of a call, without end."""
    pcm = speech_like(8_000, 8_000)
    payloads = [base64.b64encode(trunkline.mulaw_encode(it)).decode() for it in frames(pcm, 8_000)]
    for n in count():
        yield (
            f'{{"event":"media","sequenceNumber":"{n + 2}","media":{{"track":"inbound",'
            f'"chunk":"{n + 1}","timestamp":"{20 * n}","payload":"{payloads[n % len(payloads)]}"}},'
            f'"streamSid":"{STREAM}"}}'
        )


def openai_texts() -> Iterator[str]:
    """What the model sends of an answer, without end."""
    pcm = speech_like(24_000, 24_000)
    deltas = [base64.b64encode(it).decode() for it in frames(pcm, 24_000)]
    for n in count():
        yield (
            f'{{"type":"response.output_audio.delta","event_id":"event_{n + 2}",'
            f'"response_id":"resp_1","item_id":"item_1","output_index":0,"content_index":0,'
            f'"delta":"{deltas[n % len(deltas)]}"}}'
        )
