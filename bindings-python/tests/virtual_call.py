"""A call in virtual time: a model that says what it is told, a Twilio that plays what it is sent."""

import base64
import json
import math
from dataclasses import dataclass, field

import numpy as np

import trunkline
import wire
from trunkline import Bridge, ToOpenAi, ToTwilio
from wire import Json

SILENCE = b"\xff" * 160
MULAW = {side: {"format": {"type": "audio/pcmu"}} for side in ("input", "output")}


def tone(samples: int, hz: float = 440.0, rate: int = 8_000) -> bytes:
    """PCM."""
    angles = 2 * math.pi * hz * np.arange(samples) / rate
    return (12_000 * np.sin(angles)).astype("<i2").tobytes()


VOICE = trunkline.mulaw_encode(tone(8_000))
"""A second."""
FRAMES = [VOICE[begin : begin + 160] for begin in range(0, len(VOICE), 160)]


@dataclass
class Player:
    """The caller's ear. Times are those of the call."""

    runs: list[tuple[float, bytes]] = field(default_factory=list[tuple[float, bytes]])
    echoes: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])
    ends: float = 0.0
    """When all that it has will have been played."""
    most_ahead: float = 0.0
    """The most seconds of audio that ever waited."""

    def take(self, now: float, message: Json) -> None:
        match message["event"]:
            case "media":
                audio = base64.b64decode(message["media"]["payload"])
                begins = max(now, self.ends)
                self.runs.append((begins, audio))
                self.ends = begins + len(audio) / 8_000
                self.most_ahead = max(self.most_ahead, self.ends - now)
            case "mark":
                self.echoes.append((max(now, self.ends), message["mark"]["name"]))
            case _:
                self.runs = [(begins, _until(now, begins, audio)) for begins, audio in self.runs]
                self.echoes = [(min(now, at), name) for at, name in self.echoes]
                self.ends = min(now, self.ends)

    def heard(self, now: float) -> bytes:
        """All audio that was played until `now`."""
        return b"".join(_until(now, begins, audio) for begins, audio in self.runs)


def _until(now: float, begins: float, audio: bytes) -> bytes:
    return audio[: max(0, int((now - begins) * 8_000 + 1e-6))]


class Call:
    """A bridge and both its peers."""

    def __init__(self, bridge: Bridge, now: float = 1_000.0) -> None:
        self.bridge = bridge
        self.now = now
        self.player = Player()
        self.events: list[trunkline.Event] = []
        self.to_twilio: list[Json] = []
        self.to_openai: list[Json] = []
        self.frames = 0

    @classmethod
    def started(cls, bridge: Bridge) -> "Call":
        """One whose stream has started and whose session is as asked."""
        call = cls(bridge)
        call.twilio(wire.start())
        call.bridge.update_session()
        call.drain()
        call.openai(wire.session_updated(call.to_openai[-1]["session"]))
        call.events.clear()
        call.to_openai.clear()
        return call

    def twilio(self, message: Json) -> None:
        self.bridge.handle_twilio(json.dumps(message), self.now)
        self.drain()

    def openai(self, event: Json) -> None:
        self.bridge.handle_openai(json.dumps(event), self.now)
        self.drain()

    def drain(self) -> None:
        for output in self.bridge.drain():
            match output:
                case ToTwilio(text):
                    message = wire.read_to_twilio(text)
                    self.to_twilio.append(message)
                    self.player.take(self.now, message)
                case ToOpenAi(text):
                    self.to_openai.append(json.loads(text))
                case event:
                    self.events.append(event)

    def run_for(self, seconds: float) -> None:
        """Lets time pass, without a word of the caller or the model."""
        end = self.now + seconds
        while True:
            due = self.bridge.poll_timeout()
            echo = min(self.player.echoes, default=None)
            at = min(end, end if due is None else due, end if echo is None else echo[0])
            self.now = max(self.now, at)
            if echo is not None and echo[0] <= self.now:
                self.player.echoes.remove(echo)
                self.twilio(wire.mark(echo[1]))
            elif due is not None and due <= self.now:
                self.bridge.handle_timeout(due)
                self.drain()
            elif at == end:
                return

    def caller(self, *frames: bytes) -> None:
        """The caller's audio, in real time."""
        for frame in frames:
            self.run_for(0.02)
            self.twilio(wire.media(self.frames, frame))
            self.frames += 1

    def speech(self, item_id: str, audio: bytes, response_id: str = "resp_1") -> None:
        """The model says all of `audio` at once."""
        self.openai(wire.response_created(response_id))
        self.openai(wire.item_added(response_id, item_id))
        for begin in range(0, len(audio), 4_800):
            self.openai(wire.delta(response_id, item_id, audio[begin : begin + 4_800]))
        self.openai(wire.audio_done(response_id, item_id))

    def appended(self) -> bytes:
        """All audio that the model was sent."""
        return b"".join(
            base64.b64decode(event["audio"], validate=True)
            for event in self.to_openai
            if event["type"] == "input_audio_buffer.append"
        )

    def kinds(self) -> list[str]:
        """Types of what the model was sent, but for audio."""
        kinds: list[str] = [event["type"] for event in self.to_openai]
        return [kind for kind in kinds if kind != "input_audio_buffer.append"]


def mulaw_call() -> Call:
    """A started call to a model that speaks μ-law."""
    return Call.started(Bridge(model_audio="mulaw", downlink_capacity=30))
