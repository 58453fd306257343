"""How the servers under load are started. Both listen at `listen`, dial `model`, and answer the same webhook."""

from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIMULATOR = ROOT / "target/release/trunkline-sim"
PUBLIC_URL = "https://voice.example.com"
WEBHOOK = f"{PUBLIC_URL}/twilio/incoming-call"
CALLED = "+15550100"
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
AUDIO = {"pcm24k": "transcoding to 24 kHz", "mulaw": "G.711 passed through"}


@dataclass
class Server:
    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


def ours(audio: str, listen: str, model: str, directory: Path, recordings: str) -> Server:
    """trunkline-bridge-server as it is run, its files in `directory`, recordings in their format or off."""
    host, port = listen.split(":")
    environment = {
        "HOST": host,
        "PORT": port,
        "PUBLIC_BASE_URL": PUBLIC_URL,
        "TWILIO_ACCOUNT_SID": f"AC{'5' * 32}",
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        # The number that is called, and its agent's; the caller speaks first, as with the other server.
        "TWILIO_PHONE_NUMBER": CALLED,
        "GREETING": "",
        "OPENAI_API_KEY": "sk-load",
        "OPENAI_REALTIME_URL": f"ws://{model}/v1/realtime",
        "MODEL_AUDIO": audio,
        "API_KEY": "f" * 32,
        "DATABASE_URL": f"sqlite://{directory}/trunkline.db?mode=rwc",
        "JOURNAL_PATH": str(directory / "journal"),
        "RECORDING_STORAGE_PATH": str(directory / "recordings"),
        "RECORDING_FORMAT": recordings,
        "GREETINGS_PATH": str(directory / "greetings"),
        "MAX_CALLS": "10000",
        "LOG_FILE": str(directory / "log.jsonl"),
    }
    for name in ["journal", "recordings", "greetings"]:
        (directory / name).mkdir()
    return Server("trunkline", [str(ROOT / "target/release/trunkline-bridge-server")], environment)


def node(audio: str, listen: str, model: str, resampler: str) -> Server:
    """server.mjs."""
    environment = {
        "LISTEN": listen,
        "PUBLIC_URL": PUBLIC_URL,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "OPENAI_API_KEY": "sk-load",
        "OPENAI_REALTIME_URL": f"ws://{model}/v1/realtime",
        "MODEL_AUDIO": audio,
        "RESAMPLER": resampler,
        "NODE_ENV": "production",
    }
    return Server("Node", ["node", str(ROOT / "benches/load/server.mjs")], environment)
