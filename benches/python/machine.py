"""What was measured on, and with."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import trunkline

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ROOT / "benches" / "report"
PACKAGES = ["numpy", "orjson", "pipecat-ai", "pybase64", "samplerate", "scipy", "soxr"]


def header(command: str) -> list[tuple[str, str]]:
    return [
        ("command", f"`{command}`"),
        ("date", datetime.now(UTC).strftime("%Y-%m-%d")),
        ("CPU", f"{cpu()}, {trunkline.instruction_set()}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}"),
        ("trunkline", f"{trunkline.__version__}, the wheel for any x86-64"),
        ("packages", ", ".join(f"{name} {version(name)}" for name in PACKAGES)),
    ]


def cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores"


def table(head: list[str], rows: list[list[str]], align: str) -> str:
    """In Markdown; `align` has an `l` or an `r` for each column."""
    marks = {"l": "---", "r": "---:"}
    lines = [head, [marks[it] for it in align], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
