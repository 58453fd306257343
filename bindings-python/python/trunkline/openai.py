"""OpenAI Realtime events (GA); the names of the beta are understood on input."""

from trunkline._trunkline import openai as _native

AudioDelta = _native.AudioDelta
AudioDone = _native.AudioDone
AudioFormat = _native.AudioFormat
ErrorEvent = _native.ErrorEvent
ItemAdded = _native.ItemAdded
Other = _native.Other
Reader = _native.Reader
ResponseCreated = _native.ResponseCreated
ResponseDone = _native.ResponseDone
SessionCreated = _native.SessionCreated
SessionState = _native.SessionState
SessionUpdated = _native.SessionUpdated
SpeechStarted = _native.SpeechStarted
SpeechStopped = _native.SpeechStopped
ToolCall = _native.ToolCall
Transcript = _native.Transcript
TranscriptionFailed = _native.TranscriptionFailed
Usage = _native.Usage
append_g711 = _native.append_g711
append_pcm16 = _native.append_pcm16
cancel_response = _native.cancel_response
clear_audio = _native.clear_audio
commit_audio = _native.commit_audio
create_message = _native.create_message
create_response = _native.create_response
create_tool_call = _native.create_tool_call
delete_item = _native.delete_item
read = _native.read
tool_output = _native.tool_output
truncate_item = _native.truncate_item
update_session = _native.update_session

__all__ = [
    "AudioDelta",
    "AudioDone",
    "AudioFormat",
    "ErrorEvent",
    "ItemAdded",
    "Other",
    "Reader",
    "ResponseCreated",
    "ResponseDone",
    "SessionCreated",
    "SessionState",
    "SessionUpdated",
    "SpeechStarted",
    "SpeechStopped",
    "ToolCall",
    "Transcript",
    "TranscriptionFailed",
    "Usage",
    "append_g711",
    "append_pcm16",
    "cancel_response",
    "clear_audio",
    "commit_audio",
    "create_message",
    "create_response",
    "create_tool_call",
    "delete_item",
    "read",
    "tool_output",
    "truncate_item",
    "update_session",
]
