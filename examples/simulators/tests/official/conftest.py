"""Runs the simulators' command for the tests.

    cargo build -p trunkline-simulators
    pytest examples/simulators/tests/official
"""

import contextlib
import json
import math
import os
import struct
import subprocess
import wave
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
BINARY = Path(os.environ.get("TRUNKLINE_SIM", ROOT / "target" / "debug" / "trunkline-sim"))


def write_tone(path, seconds, rate=24_000, hertz=440):
    """A tone that stands in for speech; returns its 16-bit samples as bytes."""
    samples = [
        round(12_000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(int(seconds * rate))
    ]
    pcm = struct.pack(f"<{len(samples)}h", *samples)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return pcm


@pytest.fixture
def realtime(tmp_path):
    """Starts the Realtime simulator with a script and gives its WebSocket base URL."""
    with contextlib.ExitStack() as stack:

        def start(script, *arguments):
            path = tmp_path / "script.json"
            path.write_text(json.dumps(script), encoding="utf-8")
            command = [BINARY, "openai", "--listen", "127.0.0.1:0", "--script", path, *arguments]
            process = stack.enter_context(
                subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(process.terminate)
            listening = json.loads(process.stdout.readline())
            assert listening["kind"] == "listening"
            return listening["url"].removesuffix("/realtime")

        yield start
