"""What Twilio and the model say, and what each of them takes."""

import base64
import json
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

STREAM_SID = "MZ22222222222222222222222222222222"
CALL_SID = "CA33333333333333333333333333333333"


def b64(audio: bytes) -> str:
    return base64.b64encode(audio).decode()


def start(parameters: Mapping[str, str] | None = None) -> Json:
    return {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": STREAM_SID,
        "start": {
            "accountSid": "AC11111111111111111111111111111111",
            "streamSid": STREAM_SID,
            "callSid": CALL_SID,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters or {},
        },
    }


def media(number: int, audio: bytes) -> Json:
    """The frame of 20 ms with this number, from 0."""
    return {
        "event": "media",
        "sequenceNumber": str(number + 2),
        "streamSid": STREAM_SID,
        "media": {
            "track": "inbound",
            "chunk": str(number + 1),
            "timestamp": str(20 * number),
            "payload": b64(audio),
        },
    }


def mark(name: str) -> Json:
    return {"event": "mark", "sequenceNumber": "9", "streamSid": STREAM_SID, "mark": {"name": name}}


def dtmf(digit: str) -> Json:
    return {
        "event": "dtmf",
        "sequenceNumber": "9",
        "streamSid": STREAM_SID,
        "dtmf": {"track": "inbound_track", "digit": digit},
    }


def stop() -> Json:
    return {
        "event": "stop",
        "sequenceNumber": "9",
        "streamSid": STREAM_SID,
        "stop": {"accountSid": "AC11111111111111111111111111111111", "callSid": CALL_SID},
    }


def session_updated(session: Json) -> Json:
    return {"type": "session.updated", "event_id": "event_1", "session": session}


def session_with(audio: Json) -> Json:
    return session_updated({"type": "realtime", "id": "sess_1", "audio": audio})


def response_created(response_id: str) -> Json:
    response = {"object": "realtime.response", "id": response_id, "status": "in_progress"}
    return {"type": "response.created", "event_id": "event_2", "response": response}


def item_added(response_id: str, item_id: str, kind: str = "message") -> Json:
    return {
        "type": "response.output_item.added",
        "event_id": "event_3",
        "response_id": response_id,
        "output_index": 0,
        "item": {"id": item_id, "object": "realtime.item", "type": kind, "role": "assistant"},
    }


def delta(response_id: str, item_id: str, audio: bytes) -> Json:
    return {
        "type": "response.output_audio.delta",
        "event_id": "event_4",
        "response_id": response_id,
        "item_id": item_id,
        "output_index": 0,
        "content_index": 0,
        "delta": b64(audio),
    }


def audio_done(response_id: str, item_id: str) -> Json:
    return {
        "type": "response.output_audio.done",
        "event_id": "event_5",
        "response_id": response_id,
        "item_id": item_id,
        "output_index": 0,
        "content_index": 0,
    }


def transcript(item_id: str, words: str, *, caller: bool, final: bool) -> Json:
    event: Json = {"event_id": "event_6", "item_id": item_id, "content_index": 0}
    if caller:
        kind = "conversation.item.input_audio_transcription."
        kind += "completed" if final else "delta"
    else:
        kind = "response.output_audio_transcript." + ("done" if final else "delta")
        event |= {"response_id": "resp_1", "output_index": 0}
    return event | {"type": kind, "transcript" if final else "delta": words}


def function_call(response_id: str, call_id: str, name: str, arguments: str) -> Json:
    return {
        "type": "response.output_item.done",
        "event_id": "event_7",
        "response_id": response_id,
        "output_index": 0,
        "item": {
            "id": "item_" + call_id,
            "object": "realtime.item",
            "type": "function_call",
            "status": "completed",
            "call_id": call_id,
            "name": name,
            "arguments": arguments,
        },
    }


def response_done(response_id: str, status: str = "completed", **more: object) -> Json:
    response = {"object": "realtime.response", "id": response_id, "status": status, **more}
    return {"type": "response.done", "event_id": "event_8", "response": response}


def speech_started(item_id: str, ms: int) -> Json:
    return {
        "type": "input_audio_buffer.speech_started",
        "event_id": "event_9",
        "audio_start_ms": ms,
        "item_id": item_id,
    }


def speech_stopped(item_id: str, ms: int) -> Json:
    return {
        "type": "input_audio_buffer.speech_stopped",
        "event_id": "event_10",
        "audio_end_ms": ms,
        "item_id": item_id,
    }


def error(code: str, message: str) -> Json:
    fault = {"type": "invalid_request_error", "code": code, "message": message, "param": None}
    return {"type": "error", "event_id": "event_11", "error": fault}


def read_to_twilio(text: str) -> Json:
    """A message as Twilio takes it: exactly these keys, clean base64, the right stream."""
    message: Json = json.loads(text, object_pairs_hook=_unique)
    assert message["streamSid"] == STREAM_SID
    match message["event"]:
        case "media":
            assert message.keys() == {"event", "streamSid", "media"}
            assert message["media"].keys() == {"payload"}
            assert base64.b64decode(message["media"]["payload"], validate=True)
        case "mark":
            assert message.keys() == {"event", "streamSid", "mark"}
            assert message["mark"].keys() == {"name"}
            assert message["mark"]["name"]
        case kind:
            assert kind == "clear"
            assert message.keys() == {"event", "streamSid"}
    return message


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    members = dict(pairs)
    assert len(members) == len(pairs), "a key twice"
    return members
