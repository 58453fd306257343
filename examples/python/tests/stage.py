"""A server between a simulated Twilio and a simulated model, each a process of its own."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
SIMULATOR = os.environ.get("TRUNKLINE_SIM", str(ROOT / "target/debug/trunkline-sim"))
SPEECH = ROOT / "examples/demo/speech"
PUBLIC_URL = "https://voice.example.com"
AUTH_TOKEN = "12345"

# The caller hears the first two answers to their end and speaks over the third.
CALL = (
    *("wait-start", "wait-silent:500", f"say:{SPEECH / 'caller-1.wav'}"),
    *("wait-start", "wait-silent:500", f"say:{SPEECH / 'caller-2.wav'}"),
    *("wait-start", "wait-heard:1650", f"say:{SPEECH / 'caller-3.wav'}"),
    *("wait-start", "wait-silent:500", "hang-up"),
)

Record = dict[str, Any]


@dataclass
class Played:
    """What the simulators wrote down, on clocks of their own."""

    exit_code: int
    call: Record
    sessions: list[Record]


def play(module: str, folder: Path, *script: str) -> Played:
    """Has the application in `module` take one call."""
    with model(folder) as url, server(module, url) as port:
        caller = subprocess.run(
            [
                *(SIMULATOR, "twilio", "--webhook", f"{PUBLIC_URL}/twilio/incoming-call"),
                *("--connect-to", f"127.0.0.1:{port}", "--auth-token", AUTH_TOKEN, "--no-media"),
                *("--record", folder / "call.json", "--log", folder / "twilio.jsonl"),
                *script,
            ],
            timeout=60,
            check=False,
        )
    call = json.loads((folder / "call.json").read_text(encoding="utf-8"))
    sessions = [json.loads(path.read_text("utf-8")) for path in folder.glob("sessions/session-?.json")]
    return Played(caller.returncode, call, sessions)


@contextlib.contextmanager
def model(folder: Path) -> Iterator[str]:
    speech = folder / "speech"
    speech.mkdir()
    for number in range(1, 5):
        for suffix in ("wav", "txt"):
            shutil.copy(SPEECH / f"agent-{number}.{suffix}", speech / f"{number}.{suffix}")
        if number > 1:
            shutil.copy(SPEECH / f"caller-{number - 1}.txt", speech / f"{number}.user.txt")
    command = [SIMULATOR, "openai", "--listen", "127.0.0.1:0", "--speech", speech, "--no-media"]
    with running([*command, "--record", folder / "sessions"], stdout=subprocess.PIPE) as process:
        assert process.stdout
        yield json.loads(process.stdout.readline())["url"]


@contextlib.contextmanager
def server(module: str, model_url: str) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    environment = os.environ | {
        "PUBLIC_URL": PUBLIC_URL,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "OPENAI_API_KEY": "sk-simulated",
        "OPENAI_REALTIME_URL": model_url,
    }
    command = [sys.executable, "-m", "uvicorn", f"{module}:app", "--port", str(port)]
    with running(command, cwd=ROOT / "examples/python", env=environment):
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert time.monotonic() < until, "the server does not start"
                time.sleep(0.05)
        yield port


@contextlib.contextmanager
def running(command: list[Any], **options: Any) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(command, text=True, **options) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)


def heard_ms(call: Record, clear: Record) -> float:
    """How much was heard of what played when `clear` came, in one piece."""
    runs = [run for run in call["runs"] if run["first_sample"] < clear["played_samples"]]
    return float(clear["played_samples"] - runs[-1]["first_sample"]) / 8
