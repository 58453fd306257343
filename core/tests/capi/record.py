"""Makes the recording of examples/c: a short call, as the bridge's two peers would send it.

    python record.py include/trunkline.h target/release/libtrunkline.so > examples/c/call.txt

The peers are simulated in virtual time around a bridge with the example's settings: a carrier that plays
what it is sent and echoes marks when it gets there, and a model that answers once. The voices are those
of core/tests/data/speech. The caller says something, the model answers, the caller speaks over it.
"""

import base64
import heapq
import itertools
import json
import sys
from pathlib import Path

from header import load

SPEECH = Path(__file__).parent.parent / "data" / "speech"
FRAME_US = 20_000
ANSWER_US = 2_000_000
BARGE_IN_US = 2_900_000
END_US = 3_600_000

ffi, lib = load(sys.argv[1], sys.argv[2])


def check(rc: int) -> None:
    assert rc == 0, ffi.string(lib.trunkline_strerror(rc))


class Call:
    def __init__(self) -> None:
        self.queue: list[tuple[int, int, str, str]] = []
        self.order = itertools.count()
        self.play_end_us = 0
        self.marks: dict[str, int] = {}
        config, bridge = ffi.new("trunkline_config *"), ffi.new("trunkline_bridge **")
        check(lib.trunkline_config_default(config, ffi.sizeof("trunkline_config")))
        check(lib.trunkline_bridge_new(config, bridge))
        self.bridge = bridge[0]
        session = ffi.new("trunkline_session *")
        check(lib.trunkline_session_default(session, ffi.sizeof("trunkline_session")))
        check(lib.trunkline_bridge_update_session(self.bridge, session))
        self.drain(0)

    def put(self, time_us: int, peer: str, message: object) -> None:
        text = json.dumps(message, separators=(",", ":"))
        heapq.heappush(self.queue, (time_us, next(self.order), peer, text))

    def drain(self, now_us: int) -> None:
        buf, out, written = ffi.new("char[65536]"), ffi.new("trunkline_output *"), ffi.new("size_t *")
        while True:
            size = ffi.sizeof("trunkline_output")
            check(lib.trunkline_bridge_poll_output(self.bridge, buf, 65536, out, size, written))
            if out.kind == lib.TRUNKLINE_OUTPUT_NONE:
                return
            if out.kind in (lib.TRUNKLINE_OUTPUT_TO_TWILIO, lib.TRUNKLINE_OUTPUT_TO_OPENAI):
                message = json.loads(ffi.buffer(out.text.ptr, out.text.len)[:])
                self.answer(now_us, message)

    def answer(self, now_us: int, message: dict) -> None:
        """What the peer does that the bridge has sent this."""
        match message.get("event") or message["type"]:
            case "media":
                audio = base64.b64decode(message["media"]["payload"])
                self.play_end_us = max(self.play_end_us, now_us) + 125 * len(audio)
            case "mark":
                self.marks[message["mark"]["name"]] = max(self.play_end_us, now_us)
                self.echo(max(self.play_end_us, now_us), message["mark"]["name"])
            case "clear":
                flushed = [name for name, at in self.marks.items() if at > now_us]
                self.queue = [one for one in self.queue if not any(f'"{name}"' in one[3] for name in flushed)]
                heapq.heapify(self.queue)
                self.play_end_us = now_us
                for name in flushed:
                    self.echo(now_us + 1_000, name)
            case "session.update":
                self.put(now_us + 2_000, "openai", {"type": "session.updated", "session": message["session"]})

    def echo(self, time_us: int, name: str) -> None:
        self.put(time_us, "twilio", {"event": "mark", "streamSid": "MZ1", "mark": {"name": name}})

    def run(self) -> None:
        timeout = ffi.new("uint64_t *")
        while self.queue:
            check(lib.trunkline_bridge_poll_timeout(self.bridge, timeout))
            if timeout[0] <= self.queue[0][0]:
                check(lib.trunkline_bridge_handle_timeout(self.bridge, timeout[0]))
                self.drain(timeout[0])
                continue
            now_us, _, peer, text = heapq.heappop(self.queue)
            print(now_us, peer, text)
            handle = getattr(lib, f"trunkline_bridge_handle_{peer}")
            check(handle(self.bridge, now_us, text.encode(), len(text)))
            self.drain(now_us)


def caller(call: Call) -> None:
    voice = (SPEECH / "flite-slt.ulaw").read_bytes()
    again = 160 * (BARGE_IN_US // FRAME_US)
    line = voice[: 160 * 70].ljust(again, b"\xff") + voice[: 160 * 20]
    call.put(0, "twilio", {"event": "connected", "protocol": "Call", "version": "1.0.0"})
    media_format = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    start = {"streamSid": "MZ1", "callSid": "CA1", "tracks": ["inbound"], "mediaFormat": media_format}
    call.put(0, "twilio", {"event": "start", "streamSid": "MZ1", "start": start})
    for number in range(END_US // FRAME_US):
        payload = base64.b64encode(line[160 * number :][:160].ljust(160, b"\xff")).decode()
        media = {"track": "inbound", "timestamp": str(20 * number), "payload": payload}
        call.put(FRAME_US * (number + 1), "twilio", {"event": "media", "streamSid": "MZ1", "media": media})
    call.put(END_US + FRAME_US, "twilio", {"event": "stop", "streamSid": "MZ1"})


def model(call: Call) -> None:
    def say(time_us: int, kind: str, **members: object) -> None:
        call.put(time_us, "openai", {"type": kind, **members})

    ids = {"response_id": "resp_1", "item_id": "item_2", "content_index": 0}
    say(300_000, "input_audio_buffer.speech_started", audio_start_ms=100, item_id="item_1")
    say(1_900_000, "input_audio_buffer.speech_stopped", audio_end_ms=1_880, item_id="item_1")
    words = "Wait a moment, please."
    say(1_950_000, "conversation.item.input_audio_transcription.completed", item_id="item_1", transcript=words)
    say(ANSWER_US, "response.created", response={"id": "resp_1"})
    item = {"id": "item_2", "type": "message", "role": "assistant"}
    say(ANSWER_US, "response.output_item.added", response_id="resp_1", item=item)
    for number, delta in enumerate(deltas()):
        say(ANSWER_US + 30_000 * number, "response.output_audio.delta", **ids, delta=delta)
    done = ANSWER_US + 300_000
    say(done, "response.output_audio_transcript.done", **ids, transcript="Wait a moment, please. Could you")
    say(done, "response.output_audio.done", **ids)
    say(done, "response.done", response={"id": "resp_1", "status": "completed"})
    say(BARGE_IN_US + 200_000, "input_audio_buffer.speech_started", audio_start_ms=2_900, item_id="item_3")


def deltas() -> list[str]:
    """1.2 s of speech, 200 ms each, at 24 kHz."""
    voice = (SPEECH / "espeak-en-us-m3.ulaw").read_bytes()[: 8 * 1_200]
    narrow, wide = ffi.new(f"int16_t[{len(voice)}]"), ffi.new(f"int16_t[{3 * len(voice)}]")
    resampler, written = ffi.new("trunkline_resampler **"), ffi.new("size_t *")
    check(lib.trunkline_mulaw_decode(voice, len(voice), narrow, len(voice)))
    check(lib.trunkline_resampler_new(8_000, 24_000, lib.TRUNKLINE_PROFILE_VOICE, resampler))
    check(lib.trunkline_resampler_process(resampler[0], narrow, len(voice), wide, 3 * len(voice), written))
    pcm = ffi.buffer(wide)[:]
    return [base64.b64encode(pcm[at : at + 9_600]).decode() for at in range(0, len(pcm), 9_600)]


call = Call()
caller(call)
model(call)
call.run()
