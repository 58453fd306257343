"""What OpenAI's server events should be read as, by the wire's documentation."""

import base64
from typing import Any

Fields = dict[str, object]
Json = dict[str, Any]
NOTHING: Json = {}


def oracle(event: Json) -> tuple[str, Fields]:
    """What `event` should be read as: the class and its fields, by the wire's documentation."""

    def these(*names: str) -> Fields:
        return {name: event[name] for name in names}

    match event["type"].replace("response.output_", "response.").split("."):
        case ["session", ("created" | "updated") as what]:
            return f"Session{what.title()}", {"session": session(event["session"])}
        case ["input_audio_buffer", "speech_started"]:
            return "SpeechStarted", these("item_id", "audio_start_ms")
        case ["input_audio_buffer", "speech_stopped"]:
            return "SpeechStopped", these("item_id", "audio_end_ms")
        case ["response", "created"]:
            response = event["response"]
            is_apart = response.get("conversation_id", "") is None
            return "ResponseCreated", {"response_id": response["id"], "out_of_band": is_apart}
        case ["response", "item", "added"]:
            item = event["item"]
            is_message = item["type"] == "message"
            return "ItemAdded", these("response_id") | {
                "item_id": item["id"],
                "is_message": is_message,
            }
        case ["response", "audio", "delta"]:
            audio = base64.b64decode(event["delta"], validate=True)
            return "AudioDelta", these("response_id", "item_id", "content_index") | {"audio": audio}
        case ["response", "audio", "done"]:
            return "AudioDone", these("response_id", "item_id", "content_index")
        case ["response", "audio_transcript" | "text", step]:
            final = (
                event["transcript" if "transcript" in event else "text"] if step == "done" else ""
            )
            return "Transcript", these("item_id", "response_id") | words(
                "model", event, step, final
            )
        case ["conversation", "item", "input_audio_transcription", "failed"]:
            return "TranscriptionFailed", {"item_id": event["item_id"], "kind": event["type"]}
        case ["conversation", "item", "input_audio_transcription", ("delta" | "completed") as step]:
            fields = {"item_id": event["item_id"], "response_id": None}
            return "Transcript", fields | words("caller", event, step, event.get("transcript"))
        case ["response", "item", "done"] if is_whole_call(event["item"]):
            item = event["item"]
            fields = {name: item[name] for name in ("call_id", "name", "arguments")}
            return "ToolCall", these("response_id") | {"item_id": item["id"]} | fields
        case ["response", "done"]:
            return "ResponseDone", response_done(event["response"])
        case ["error"]:
            error = event["error"]
            return "ErrorEvent", {name: error.get(name) for name in ("code", "message", "event_id")}
        case _:
            return "Other", {"kind": event["type"]}


def words(speaker: str, event: Json, step: str, final: object) -> Fields:
    text = event["delta"] if step == "delta" else final
    return {"speaker": speaker, "text": text, "is_final": step != "delta"}


def is_whole_call(item: Json) -> bool:
    return item["type"] == "function_call" and item.get("status") == "completed"


def response_done(response: Json) -> Fields:
    details: Json = response.get("status_details") or NOTHING
    error: Json = details.get("error") or NOTHING
    known = ("completed", "cancelled", "incomplete", "failed")
    return {
        "response_id": response["id"],
        "status": response["status"] if response["status"] in known else "unknown",
        "reason": details.get("reason") or error.get("code") or error.get("type"),
        "message": error.get("message"),
        "usage": usage(response["usage"]) if response.get("usage") else None,
    }


def usage(usage: Json) -> Fields:
    given: Json = usage.get("input_token_details") or NOTHING
    cached: Json = given.get("cached_tokens_details") or NOTHING
    made: Json = usage.get("output_token_details") or NOTHING
    return {
        "total_tokens": usage.get("total_tokens", 0),
        "input_tokens": usage.get("input_tokens", 0),
        "output_tokens": usage.get("output_tokens", 0),
        "input_text_tokens": given.get("text_tokens", 0),
        "input_audio_tokens": given.get("audio_tokens", 0),
        "cached_tokens": given.get("cached_tokens", 0),
        "cached_text_tokens": cached.get("text_tokens", 0),
        "cached_audio_tokens": cached.get("audio_tokens", 0),
        "output_text_tokens": made.get("text_tokens", 0),
        "output_audio_tokens": made.get("audio_tokens", 0),
    }


def session(session: Json) -> Fields:
    given: Json = session.get("audio", NOTHING).get("input", NOTHING)
    made: Json = session.get("audio", NOTHING).get("output", NOTHING)
    is_said = "turn_detection" in given or "turn_detection" in session
    turns = given.get("turn_detection", session.get("turn_detection"))
    off = False if is_said else None
    return {
        "input": audio_format(given.get("format") or session.get("input_audio_format")),
        "output": audio_format(made.get("format") or session.get("output_audio_format")),
        "creates_response": turns.get("create_response") if turns else off,
        "interrupts_response": turns.get("interrupt_response") if turns else off,
        "silence_duration_ms": turns.get("silence_duration_ms") if turns else None,
        "expires_at": session.get("expires_at"),
    }


def audio_format(format: Any) -> Fields | None:
    if format is None:
        return None
    kind = format if isinstance(format, str) else format["type"]
    match kind:
        case "audio/pcm" | "pcm16":
            rate = 24_000 if isinstance(format, str) else format.get("rate", 24_000)
            return {"encoding": "pcm16", "rate_hz": rate}
        case "audio/pcmu" | "g711_ulaw":
            return {"encoding": "mulaw", "rate_hz": 8_000}
        case "audio/pcma" | "g711_alaw":
            return {"encoding": "alaw", "rate_hz": 8_000}
        case _:
            return {"encoding": "unknown", "rate_hz": None}
