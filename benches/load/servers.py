"""How the servers under load are started. Both listen at `listen`, dial `model`, and answer the same webhook."""

from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SIMULATOR = ROOT / "target/release/trunkline-sim"
PUBLIC_URL = "https://voice.example.com"
WEBHOOK = f"{PUBLIC_URL}/twilio/incoming-call"
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
AUDIO = {"pcm24k": "transcoding to 24 kHz", "mulaw": "G.711 passed through"}


@dataclass
class Server:
    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


def ours(audio: str, listen: str, model: str, directory: Path) -> Server:
    """trunkline-bridge-server as it is run, its files in `directory`."""
    environment = {
        "LISTEN": listen,
        "PUBLIC_URL": PUBLIC_URL,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "OPENAI_API_KEY": "sk-load",
        "OPENAI_REALTIME_URL": f"ws://{model}/v1/realtime",
        "MODEL_AUDIO": audio,
        # The caller speaks first, as with the other server.
        "GREETING": "",
        "MAX_CALLS": "10000",
        "LOG_FILE": str(directory / "log.jsonl"),
    }
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
