"""Twilio Media Streams messages, bidirectional streams (`<Connect><Stream>`)."""

from trunkline._trunkline import twilio as _native

Connected = _native.Connected
Dtmf = _native.Dtmf
Mark = _native.Mark
Media = _native.Media
Other = _native.Other
Reader = _native.Reader
Started = _native.Started
Stopped = _native.Stopped
clear = _native.clear
mark = _native.mark
media = _native.media
read = _native.read

__all__ = [
    "Connected",
    "Dtmf",
    "Mark",
    "Media",
    "Other",
    "Reader",
    "Started",
    "Stopped",
    "clear",
    "mark",
    "media",
    "read",
]
