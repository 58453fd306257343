"""The library in a second language, through the header alone; and the examples, as they are built.

Where the paths are comes from the environment: HEADER, LIBRARY, EXAMPLES (a folder of programs).
"""

import audioop
import base64
import json
import math
import os
import random
import re
import struct
import subprocess
import tempfile
import unittest
import wave
from pathlib import Path

from header import load

HEADER, LIBRARY = os.environ["HEADER"], os.environ["LIBRARY"]
EXAMPLES = Path(os.environ["EXAMPLES"])
ROOT = Path(__file__).parents[3]
DATA = ROOT / "core" / "tests" / "data"

ffi, lib = load(HEADER, LIBRARY)


def check(rc: int) -> None:
    assert rc == lib.TRUNKLINE_OK, text_of(rc)


def text_of(rc: int) -> str:
    return ffi.string(lib.trunkline_strerror(rc)).decode()


def text(value) -> str:
    """A text of a struct."""
    return ffi.buffer(value.ptr, value.len)[:].decode() if value.len else ""


def new(create, kind: str, *arguments):
    out = ffi.new(f"{kind} **")
    check(create(*arguments, out))
    return ffi.gc(out[0], getattr(lib, f"{kind}_free"))


def written(function, *arguments, room: int = 65_536) -> bytes:
    """What a function writes into a buffer of bytes."""
    buf, count = ffi.new("char[]", room), ffi.new("size_t *")
    check(function(*arguments, buf, room, count))
    return ffi.buffer(buf, count[0])[:]


class Library(unittest.TestCase):
    def test_exports_what_the_header_declares_and_nothing_else(self):
        lines = subprocess.check_output(["nm", "-D", "--defined-only", LIBRARY], text=True).splitlines()
        exported = {line.split()[2] for line in lines}
        code = re.sub(r"//[^\n]*", "", Path(HEADER).read_text())
        self.assertEqual(exported, set(re.findall(r"\b(trunkline_\w+)\(", code)))

    def test_has_the_version_of_the_header(self):
        parts = [lib.TRUNKLINE_VERSION_MAJOR, lib.TRUNKLINE_VERSION_MINOR, lib.TRUNKLINE_VERSION_PATCH]
        version = ffi.string(lib.trunkline_version()).decode()
        self.assertEqual(version, ".".join(map(str, parts)))

    def test_has_another_text_for_every_code(self):
        names = [name for name in dir(lib) if name.startswith("TRUNKLINE_ERR_")]
        texts = {text_of(getattr(lib, name)) for name in names}
        self.assertEqual(len(texts), len(names))
        self.assertNotIn(text_of(-9_999), texts)

    def test_documents_errors_and_threads_of_every_function(self):
        functions = re.findall(r"((?://[^\n]*\n)+)[\w ]+[ *](trunkline_\w+)\(", Path(HEADER).read_text())
        self.assertEqual({name for _, name in functions}, {name for name in dir(lib) if name.startswith("trunkline_")})
        for docs, name in functions:
            with self.subTest(name):
                docs = docs.replace("\n// ", " ")
                self.assertRegex(docs, r"Any thread\.|One thread at a time\.|Any one thread\.")
                if not re.search(r"_(free|size|version|strerror)$", name):
                    self.assertRegex(docs, r"Errors(:|, )")


class Codecs(unittest.TestCase):
    def test_agree_with_audioop_on_every_code_and_sample(self):
        codes = bytes(range(256))
        samples = struct.pack("<65536h", *range(-32_768, 32_768))
        pcm, dst = ffi.new("int16_t[256]"), ffi.new("uint8_t[65536]")
        check(lib.trunkline_mulaw_decode(codes, 256, pcm, 256))
        self.assertEqual(ffi.buffer(pcm)[:], audioop.ulaw2lin(codes, 2))
        check(lib.trunkline_alaw_decode(codes, 256, pcm, 256))
        self.assertEqual(ffi.buffer(pcm)[:], audioop.alaw2lin(codes, 2))
        src = ffi.from_buffer("int16_t[]", samples)
        check(lib.trunkline_mulaw_encode_with(lib.TRUNKLINE_MULAW_AUDIOOP, src, 65_536, dst, 65_536))
        self.assertEqual(ffi.buffer(dst)[:], audioop.lin2ulaw(samples, 2))
        check(lib.trunkline_mulaw_encode(src, 65_536, dst, 65_536))
        others = sum(a != b for a, b in zip(ffi.buffer(dst)[:], audioop.lin2ulaw(samples, 2)))
        self.assertEqual(others, 508)

    def test_go_from_law_to_law_through_the_linear_value(self):
        codes, dst, pcm = bytes(range(256)), ffi.new("uint8_t[256]"), ffi.new("int16_t[256]")
        expected = ffi.new("uint8_t[256]")
        check(lib.trunkline_mulaw_decode(codes, 256, pcm, 256))
        check(lib.trunkline_alaw_encode(pcm, 256, expected, 256))
        check(lib.trunkline_mulaw_to_alaw(codes, 256, dst, 256))
        self.assertEqual(ffi.buffer(dst)[:], ffi.buffer(expected)[:])
        check(lib.trunkline_alaw_decode(codes, 256, pcm, 256))
        check(lib.trunkline_mulaw_encode(pcm, 256, expected, 256))
        check(lib.trunkline_alaw_to_mulaw(codes, 256, dst, 256))
        self.assertEqual(ffi.buffer(dst)[:], ffi.buffer(expected)[:])

    def test_write_and_read_base64_as_python_does(self):
        rng = random.Random(1)
        for length in [*range(1, 70), 767, 768, 769, 1_536, 5_000]:
            data = rng.randbytes(length)
            encoded = written(lib.trunkline_base64_encode, data, length)
            self.assertEqual(encoded, base64.b64encode(data))
            dst, count = ffi.new("uint8_t[]", length), ffi.new("size_t *")
            check(lib.trunkline_base64_decode(encoded, len(encoded), dst, length, count))
            self.assertEqual(ffi.buffer(dst, count[0])[:], data)

    def test_refuse_broken_base64_without_writing(self):
        good = base64.b64encode(bytes(3_000))
        for at in [0, 1_000, 1_023, 1_024, 2_047, 3_999]:
            bad = good[:at] + b"=" + good[at + 1 :]
            if at == len(good) - 1:
                bad = good[:at] + b"-"
            dst, count = ffi.new("uint8_t[]", b"\xa5" * 3_000), ffi.new("size_t *", 7)
            rc = lib.trunkline_base64_decode(bad, len(bad), dst, 3_000, count)
            self.assertEqual(rc, lib.TRUNKLINE_ERR_INVALID_BASE64)
            self.assertEqual(ffi.buffer(dst, 3_000)[:], b"\xa5" * 3_000)
            self.assertEqual(count[0], 7)

    def test_resample_alike_however_the_input_is_cut(self):
        rng = random.Random(2)
        pcm = ffi.new("int16_t[]", [rng.randrange(-9_000, 9_000) for _ in range(2_400)])

        def resample(cut) -> bytes:
            arguments = 24_000, 8_000, lib.TRUNKLINE_PROFILE_SHARP
            resampler = new(lib.trunkline_resampler_new, "trunkline_resampler", *arguments)
            dst, count, expected, out = ffi.new("int16_t[2400]"), ffi.new("size_t *"), ffi.new("size_t *"), b""
            at = 0
            while at < 2_400:
                length = min(cut(), 2_400 - at)
                check(lib.trunkline_resampler_output_len(resampler, length, expected))
                check(lib.trunkline_resampler_process(resampler, pcm + at, length, dst, 2_400, count))
                self.assertEqual(count[0], expected[0])
                out += ffi.buffer(dst, 2 * count[0])[:]
                at += length
            check(lib.trunkline_resampler_delay(resampler, expected))
            check(lib.trunkline_resampler_flush(resampler, dst, 2_400, count))
            self.assertEqual(count[0], expected[0])
            return out + ffi.buffer(dst, 2 * count[0])[:]

        whole = resample(lambda: 2_400)
        self.assertEqual(resample(lambda: 1), whole)
        self.assertEqual(resample(lambda: rng.randrange(1, 500)), whole)


class Messages(unittest.TestCase):
    def read(self, function, kind: str, line: bytes):
        message, buf = ffi.new(f"{kind} *"), ffi.new("char[]", len(line))
        # Both have to outlive what is read.
        self.kept = ffi.new("char[]", line), buf
        check(function(self.kept[0], len(line), buf, len(line), message, ffi.sizeof(kind)))
        return message

    def test_of_twilio_say_what_json_says(self):
        kinds = {"connected": 0, "start": 1, "media": 2, "dtmf": 3, "mark": 4, "stop": 5}
        for line in (DATA / "twilio-from.jsonl").read_bytes().splitlines():
            # As some writers do, with an escape that has to be undone.
            for text_line in (line, line.replace(b"/", rb"\/")):
                said = json.loads(text_line)
                message = self.read(lib.trunkline_twilio_read, "trunkline_twilio_message", text_line)
                self.assertEqual(message.kind, kinds[said["event"]])
                start = said.get("start", {})
                sid = said.get("streamSid", start.get("streamSid", ""))
                self.assertEqual(text(message.stream_sid), sid)
                self.assertEqual(text(message.call_sid), start.get("callSid", ""))
                match said["event"]:
                    case "media":
                        self.assertEqual(text(message.text), said["media"]["payload"])
                        self.assertEqual(message.timestamp_ms, int(said["media"]["timestamp"]))
                    case "mark":
                        self.assertEqual(text(message.text), said["mark"]["name"])
                    case "dtmf":
                        self.assertEqual(chr(message.digit), said["dtmf"]["digit"])
                    case "start":
                        self.assertEqual(json.loads(text(message.text)), start.get("customParameters", {}))
                if "sequenceNumber" in said:
                    self.assertEqual(message.sequence_number, int(said["sequenceNumber"]))
                self.assertEqual(message.is_numbered, "sequenceNumber" in said)

    def test_of_the_model_say_what_json_says(self):
        seen = set()
        for line in (DATA / "openai-ga-server.jsonl").read_bytes().splitlines():
            said = json.loads(line)
            event = self.read(lib.trunkline_openai_read, "trunkline_openai_event", line)
            seen.add(event.kind)
            if event.kind == lib.TRUNKLINE_OPENAI_OTHER:
                self.assertEqual(text(event.name), said["type"])
                continue
            for member in ("response_id", "item_id"):
                if member in said and text(getattr(event, member)):
                    self.assertEqual(text(getattr(event, member)), said[member])
            match event.kind:
                case lib.TRUNKLINE_OPENAI_AUDIO_DELTA:
                    self.assertEqual(text(event.text), said["delta"])
                case lib.TRUNKLINE_OPENAI_TRANSCRIPT:
                    words = said.get("delta") or said.get("transcript") or said.get("text")
                    self.assertEqual(text(event.text), words)
                    self.assertEqual(event.flag, "delta" not in said)
                case lib.TRUNKLINE_OPENAI_SPEECH_STARTED:
                    self.assertEqual(event.position_ms, said["audio_start_ms"])
                case lib.TRUNKLINE_OPENAI_RESPONSE_DONE:
                    usage = said["response"].get("usage") or {}
                    self.assertEqual(event.usage.total_tokens, usage.get("total_tokens", 0))
                    self.assertEqual(text(event.response_id), said["response"]["id"])
                case lib.TRUNKLINE_OPENAI_TOOL_CALL:
                    self.assertEqual(json.loads(text(event.text)), {"day": "tue"})
                case lib.TRUNKLINE_OPENAI_ERROR:
                    self.assertEqual(text(event.text), said["error"]["message"])
        self.assertEqual(seen, set(range(lib.TRUNKLINE_OPENAI_OTHER + 1)))

    def test_are_written_as_json_that_says_it(self):
        def event(function, *arguments):
            return json.loads(written(function, *arguments))

        e, i = (b"e1", 2), (b'it"em', 5)
        item = 'it"em'
        audio = bytes(range(256))
        media = event(lib.trunkline_twilio_write_media, b"MZ1", 3, audio, 256)
        self.assertEqual(base64.b64decode(media["media"]["payload"]), audio)
        mark = event(lib.trunkline_twilio_write_mark, b"MZ1", 3, *i)
        self.assertEqual(mark, {"event": "mark", "streamSid": "MZ1", "mark": {"name": item}})
        clear = event(lib.trunkline_twilio_write_clear, b"MZ1", 3)
        self.assertEqual(clear, {"event": "clear", "streamSid": "MZ1"})

        def expect(said, kind, **members):
            self.assertEqual(said, {"type": kind, **members})

        pcm = ffi.from_buffer("int16_t[]", audio)
        append = "input_audio_buffer.append"
        encoded = base64.b64encode(audio).decode()
        expect(event(lib.trunkline_openai_write_append_pcm16, pcm, 128), append, audio=encoded)
        expect(event(lib.trunkline_openai_write_append_g711, audio, 256), append, audio=encoded)
        expect(event(lib.trunkline_openai_write_commit_audio, *e), "input_audio_buffer.commit", event_id="e1")
        expect(event(lib.trunkline_openai_write_clear_audio, ffi.NULL, 0), "input_audio_buffer.clear")
        expect(event(lib.trunkline_openai_write_create_response, *e, ffi.NULL, 0), "response.create", event_id="e1")
        said = event(lib.trunkline_openai_write_create_response, *e, b'{"x":1}', 7)
        expect(said, "response.create", event_id="e1", response={"x": 1})
        said = event(lib.trunkline_openai_write_cancel_response, *e, b"r1", 2)
        expect(said, "response.cancel", event_id="e1", response_id="r1")
        said = event(lib.trunkline_openai_write_truncate_item, *e, *i, 1, 40)
        members = {"item_id": item, "content_index": 1, "audio_end_ms": 40}
        expect(said, "conversation.item.truncate", event_id="e1", **members)
        said = event(lib.trunkline_openai_write_delete_item, *e, *i)
        expect(said, "conversation.item.delete", event_id="e1", item_id=item)
        for role, name, part in [
            (lib.TRUNKLINE_ROLE_USER, "user", "input_text"),
            (lib.TRUNKLINE_ROLE_SYSTEM, "system", "input_text"),
            (lib.TRUNKLINE_ROLE_ASSISTANT, "assistant", "output_text"),
        ]:
            said = event(lib.trunkline_openai_write_create_message, *e, *i, role, b"hi", 2)
            message = {"type": "message", "id": item, "role": name, "content": [{"type": part, "text": "hi"}]}
            expect(said, "conversation.item.create", event_id="e1", item=message)
        said = event(lib.trunkline_openai_write_create_tool_call, *e, b"c1", 2, b"f", 1, b"{}", 2)
        call = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
        expect(said, "conversation.item.create", event_id="e1", item=call)
        said = event(lib.trunkline_openai_write_tool_output, b"c1", 2, b"{}", 2)
        output = {"type": "function_call_output", "call_id": "c1", "output": "{}"}
        expect(said, "conversation.item.create", item=output)

    def test_of_a_session_say_all_that_the_struct_says(self):
        session = ffi.new("trunkline_session *")
        check(lib.trunkline_session_default(session, ffi.sizeof("trunkline_session")))
        kept = []

        def put(member: str, value: bytes) -> None:
            kept.append(ffi.new("char[]", value))
            getattr(session, member).ptr, getattr(session, member).len = kept[-1], len(value)

        put("instructions", "Grüß".encode())
        put("voice", b"marin")
        put("transcription_model", b"whisper-1")
        put("transcription_language", b"de")
        put("transcription_prompt", b"names")
        put("tools", b'[{"type":"function","name":"f"}]')
        put("tool_choice", b'"auto"')
        put("extra", b'{"max_output_tokens":100}')
        session.speed = 1.25
        session.noise_reduction = lib.TRUNKLINE_NOISE_REDUCTION_NEAR_FIELD
        session.turn_detection = lib.TRUNKLINE_TURN_DETECTION_SEMANTIC_VAD
        session.eagerness = lib.TRUNKLINE_EAGERNESS_LOW
        session.create_response = 0
        said = written(lib.trunkline_openai_write_session, b"", 0, lib.TRUNKLINE_ENCODING_PCM16, session)
        pcm = {"type": "audio/pcm", "rate": 24_000}
        turns = {
            "type": "semantic_vad", "eagerness": "low",
            "create_response": False, "interrupt_response": True,
        }  # fmt: skip
        transcription = {"model": "whisper-1", "language": "de", "prompt": "names"}
        self.assertEqual(
            json.loads(said)["session"],
            {
                "type": "realtime",
                "output_modalities": ["audio"],
                "instructions": "Grüß",
                "audio": {
                    "input": {
                        "format": pcm,
                        "noise_reduction": {"type": "near_field"},
                        "transcription": transcription,
                        "turn_detection": turns,
                    },
                    "output": {"format": pcm, "voice": "marin", "speed": 1.25},
                },
                "tools": [{"type": "function", "name": "f"}],
                "tool_choice": "auto",
                "max_output_tokens": 100,
            },
        )


class Objects(unittest.TestCase):
    def test_jitter_buffer_hands_out_what_came_and_counts_it(self):
        jitter = new(lib.trunkline_jitter_buffer_new, "trunkline_jitter_buffer")
        pcm, frame, outcome = ffi.new("int16_t[160]", [500] * 160), ffi.new("int16_t[160]"), ffi.new("int32_t *")
        check(lib.trunkline_jitter_buffer_insert(jitter, 8_000, pcm, 160, outcome))
        self.assertEqual(outcome[0], lib.TRUNKLINE_INSERTED_ACCEPTED)
        check(lib.trunkline_jitter_buffer_insert(jitter, 8_000, pcm, 160, outcome))
        self.assertEqual(outcome[0], lib.TRUNKLINE_INSERTED_DUPLICATE)
        check(lib.trunkline_jitter_buffer_pull(jitter, frame, 160, outcome))
        self.assertEqual(outcome[0], lib.TRUNKLINE_PULLED_RECEIVED)
        self.assertEqual(list(frame), [500] * 160)
        check(lib.trunkline_jitter_buffer_pull(jitter, frame, 160, outcome))
        self.assertEqual(outcome[0], lib.TRUNKLINE_PULLED_CONCEALED)
        stats = ffi.new("trunkline_jitter_stats *")
        check(lib.trunkline_jitter_buffer_stats(jitter, stats, ffi.sizeof("trunkline_jitter_stats")))
        counted = stats.received_samples, stats.duplicate_samples, stats.concealed_samples, stats.out_samples
        self.assertEqual(counted, (160, 160, 160, 320))
        check(lib.trunkline_jitter_buffer_reset(jitter))
        check(lib.trunkline_jitter_buffer_pull(jitter, frame, 160, outcome))
        self.assertEqual(outcome[0], lib.TRUNKLINE_PULLED_SILENCE)

    def test_ledger_knows_what_was_heard(self):
        ledger = new(lib.trunkline_playback_ledger_new, "trunkline_playback_ledger", 24_000)
        part, size = ffi.new("trunkline_playback_part *"), ffi.sizeof("trunkline_playback_part")
        echo = ffi.new("int32_t *")
        check(lib.trunkline_playback_ledger_receive(ledger, b"item_1", 6, 0, 9_600, 3_200))
        check(lib.trunkline_playback_ledger_send(ledger, 0, 1_600))
        name = written(lib.trunkline_playback_ledger_mark, ledger)
        check(lib.trunkline_playback_ledger_handle_mark(ledger, 230_000, name, len(name), echo))
        self.assertEqual(echo[0], lib.TRUNKLINE_ECHO_HEARD)
        check(lib.trunkline_playback_ledger_unheard(ledger, 0, part, size))
        self.assertEqual((text(part.item_id), part.cut), ("item_1", lib.TRUNKLINE_CUT_TRUNCATE))
        self.assertEqual((part.heard_ms, part.received_ms), (200, 400))
        check(lib.trunkline_playback_ledger_unheard(ledger, 1, part, size))
        self.assertEqual(part.item_id.len, 0)
        check(lib.trunkline_playback_ledger_clear(ledger))
        check(lib.trunkline_playback_ledger_handle_mark(ledger, 300_000, name, len(name), echo))
        self.assertEqual(echo[0], lib.TRUNKLINE_ECHO_FLUSHED)
        heard = ffi.new("size_t *")
        words = "half past nine on Tuesday"
        check(lib.trunkline_heard_text(words.encode(), len(words), 600, 1_000, heard))
        self.assertEqual(words[: heard[0]], "half past nine")

    def test_live_in_the_callers_memory_and_nowhere_else(self):
        config = ffi.new("trunkline_config *")
        check(lib.trunkline_config_default(config, ffi.sizeof("trunkline_config")))
        size = lib.trunkline_bridge_size(config)
        config.downlink_capacity_us += 1_000_000
        self.assertEqual(lib.trunkline_bridge_size(config), size + 8_000)
        config.downlink_capacity_us -= 1_000_000
        memory, bridge = ffi.new("char[]", b"\xa5" * (size + 64)), ffi.new("trunkline_bridge **")
        check(lib.trunkline_bridge_init(memory, size, config, bridge))
        self.assertEqual(ffi.cast("char *", bridge[0]), ffi.cast("char *", memory))
        check(lib.trunkline_bridge_handle_timeout(bridge[0], 1_000))
        lib.trunkline_bridge_free(bridge[0])
        self.assertEqual(ffi.buffer(memory + size, 64)[:], b"\xa5" * 64)

    def test_structs_of_a_later_header_are_filled_up_with_zeros(self):
        size = ffi.sizeof("trunkline_config")
        memory = ffi.new("char[]", b"\xa5" * (size + 64))
        check(lib.trunkline_config_default(ffi.cast("trunkline_config *", memory), size + 32))
        self.assertEqual(ffi.buffer(memory + size, 64)[:], bytes(32) + b"\xa5" * 32)


    def test_no_settings_and_no_times_make_a_bridge_panic(self):
        rng = random.Random(3)
        edges = [0, 1, 20_000, 2**31, 2**32, 2**53, 2**63, 2**64 - 1]
        lines = [(DATA / name).read_bytes().splitlines() for name in ("twilio-from.jsonl", "openai-ga-server.jsonl")]
        config, session = ffi.new("trunkline_config *"), ffi.new("trunkline_session *")
        size, kept = ffi.sizeof("trunkline_output"), ffi.new("trunkline_output *")
        buf, count, time = ffi.new("char[200000]"), ffi.new("size_t *"), ffi.new("uint64_t *")
        check(lib.trunkline_session_default(session, ffi.sizeof("trunkline_session")))
        codes = set()
        for _ in range(100):
            check(lib.trunkline_config_default(config, ffi.sizeof("trunkline_config")))
            config.barge_in, config.model_audio = rng.randrange(4), rng.randrange(2)
            config.voice_detection = rng.randrange(2)
            for member in ("lead", "mark_interval", "uplink_capacity", "max_gap", "stall_timeout", "barge_in_speech"):
                if rng.random() < 0.5:
                    setattr(config, f"{member}_us", rng.choice(edges))
            bridge = new(lib.trunkline_bridge_new, "trunkline_bridge", config)
            for _ in range(100):
                now_us = rng.choice([*edges, rng.randrange(2**40)])
                twilio, openai = map(rng.choice, lines)
                codes.add(
                    rng.choice(
                        [
                            lambda: lib.trunkline_bridge_handle_twilio(bridge, now_us, twilio, len(twilio)),
                            lambda: lib.trunkline_bridge_handle_openai(bridge, now_us, openai, len(openai)),
                            lambda: lib.trunkline_bridge_handle_timeout(bridge, now_us),
                            lambda: lib.trunkline_bridge_handle_openai_closed(bridge, now_us),
                            lambda: lib.trunkline_bridge_update_session(bridge, session),
                            lambda: lib.trunkline_bridge_interrupt(bridge, now_us),
                            lambda: lib.trunkline_bridge_mark(bridge, b"m", 1),
                            lambda: lib.trunkline_bridge_create_response(bridge, ffi.NULL, 0),
                            lambda: lib.trunkline_bridge_queued_at_carrier(bridge, now_us, time),
                            lambda: lib.trunkline_bridge_poll_timeout(bridge, time),
                        ]
                    )()
                )
                for _ in range(200):
                    codes.add(lib.trunkline_bridge_poll_output(bridge, buf, 200_000, kept, size, count))
                    if kept.kind == lib.TRUNKLINE_OUTPUT_NONE:
                        break
        self.assertNotIn(lib.TRUNKLINE_ERR_PANIC, codes)
        self.assertIn(lib.TRUNKLINE_OK, codes)
        self.assertIn(lib.TRUNKLINE_ERR_INVALID_FIELD, codes)


class Examples(unittest.TestCase):
    def run_example(self, *arguments: object) -> str:
        program, *rest = map(str, arguments)
        return subprocess.run([EXAMPLES / program, *rest], check=True, capture_output=True, text=True).stdout

    def test_codec_goes_to_mulaw_and_back(self):
        for rate in (8_000, 16_000, 24_000):
            with self.subTest(rate), tempfile.TemporaryDirectory() as folder:
                source, coded, back = (Path(folder) / name for name in ("source.wav", "coded.wav", "back.wav"))
                tone = [round(9_000 * math.sin(2 * math.pi * 440 * n / rate)) for n in range(rate)]
                with wave.open(str(source), "wb") as out:
                    out.setparams((1, 2, rate, 0, "NONE", ""))
                    out.writeframes(struct.pack(f"<{rate}h", *tone))
                self.run_example("codec", source, coded)
                self.run_example("codec", coded, back)
                codes = coded.read_bytes()[46:]
                self.assertEqual(len(codes), 8_000)
                with wave.open(str(back)) as read:
                    self.assertEqual(read.getparams()[:4], (1, 2, 8_000, 8_000))
                    pcm = read.readframes(8_000)
                self.assertEqual(pcm, audioop.ulaw2lin(codes, 2))
                if rate == 8_000:
                    self.assertEqual(audioop.ulaw2lin(audioop.lin2ulaw(pcm, 2), 2), pcm)
                    noise = [a - b for a, b in zip(struct.unpack("<8000h", pcm), tone)]
                    power = sum(x * x for x in tone) / sum(x * x for x in noise)
                    self.assertGreater(10 * math.log10(power), 35)

    def test_bridge_joins_the_recorded_call_and_cuts_at_what_was_heard(self):
        recording = ROOT / "examples" / "c" / "call.txt"
        lines = self.run_example("bridge", recording).splitlines()
        sent = {
            peer: [json.loads(one.split(" ", 1)[1]) for one in lines if one.startswith(peer)]
            for peer in ("twilio", "openai")
        }
        events = [line for line in lines if line.startswith("event")]
        came = [line.split(" ", 2) for line in recording.read_text().splitlines()]

        self.assertEqual(sent["openai"][0]["type"], "session.update")
        frames = sum('"event":"media"' in frame for _, _, frame in came)
        appended = [one["audio"] for one in sent["openai"] if one["type"] == "input_audio_buffer.append"]
        self.assertEqual(sum(len(base64.b64decode(audio)) for audio in appended), frames * 160 * 3 * 2)

        clears = [number for number, one in enumerate(sent["twilio"]) if one["event"] == "clear"]
        media = [base64.b64decode(one["media"]["payload"]) for one in sent["twilio"] if one["event"] == "media"]
        deltas = [json.loads(frame)["delta"] for _, peer, frame in came if peer == "openai" and "audio.delta" in frame]
        received = sum(len(base64.b64decode(delta)) for delta in deltas) // 6
        self.assertLessEqual(abs(sum(map(len, media)) - received), 20)
        last = [one for one in sent["twilio"][: clears[-1]] if one["event"] == "mark"]
        echoes = [json.loads(frame) for _, peer, frame in came if peer == "twilio" and '"mark"' in frame]
        echoed = {one["mark"]["name"] for one in echoes}
        self.assertLessEqual({one["mark"]["name"] for one in last}, echoed)

        (truncate,) = [one for one in sent["openai"] if one["type"] == "conversation.item.truncate"]
        speech_us = [int(time) for time, _, frame in came if "speech_started" in frame][-1]
        first_us = next(int(time) for time, _, frame in came if "audio.delta" in frame)
        self.assertEqual(truncate["item_id"], "item_2")
        self.assertLessEqual(1_000 * truncate["audio_end_ms"], speech_us - first_us)
        self.assertGreaterEqual(1_000 * truncate["audio_end_ms"], speech_us - first_us - 200_000)
        self.assertIn(f"event barge-in: item_2, {truncate['audio_end_ms']} of 1200 ms heard", events)
        self.assertEqual(events[0], "event call started: CA1")
        self.assertEqual(events[-2], "event call ended")


if __name__ == "__main__":
    unittest.main()
