#!/usr/bin/env python3
"""How many calls a server carries: trunkline's and one written by hand in Node, by turns, in one run.

For audio transcoded to 24 kHz and passed through, each server gets more and more calls until 1% of the frames
in either direction take longer than the bar; then the last number that kept to it is narrowed down. A number
counts as kept if it is in one of two tries, as whatever else the machine does falls on both servers. Made are
benches/report/load.md and load.svg.
"""

import argparse
import json
import math
import os
import resource
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import report
import servers
from servers import AUDIO, ROOT, SIMULATOR


@dataclass
class Run:
    """One load of one server."""

    calls: int
    holds: bool
    report: dict


@dataclass
class Search:
    """The most calls for which a server keeps to the bar."""

    name: str
    runs: list[Run] = field(default_factory=list)

    @property
    def most(self) -> int:
        return max((run.calls for run in self.runs if run.holds), default=0)

    @property
    def too_many(self) -> int | None:
        return min((run.calls for run in self.runs if not run.holds), default=None)

    def next(self, first: int, precision: float) -> int | None:
        """What to try next; nothing once both ends are within `precision` of each other."""
        most, too_many = self.most, self.too_many
        if too_many is None:
            return 2 * most or first
        if most == 0:
            return too_many // 2 or None
        if too_many <= most + max(1, math.floor(most * precision)):
            return None
        between = round(math.sqrt(most * too_many))
        return between if most < between < too_many else None


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options

    def load(self, name: str, audio: str, calls: int, bars: list[str]) -> Run:
        """One load of a server of its own."""
        with tempfile.TemporaryDirectory() as directory:
            listen, model = (f"127.0.0.1:{port}" for port in free_ports(2))
            if name == "trunkline":
                server = servers.ours(audio, listen, model, Path(directory), self.options.recordings)
            else:
                server = servers.node(audio, listen, model, self.options.resampler)
            result = Path(directory) / "report.json"
            command = [str(SIMULATOR), "load", "--calls", str(calls), "--json", str(result)]
            command += ["--to", servers.CALLED, "--webhook", servers.WEBHOOK, "--auth-token", servers.AUTH_TOKEN]
            command += ["--connect-to", listen, "--model-listen", model]
            command += ["--ramp", str(self.options.ramp), "--duration", str(self.options.seconds)]
            command += [*bars, "--", *server.command]
            environment = os.environ | server.environment
            done = subprocess.run(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            if not result.exists():
                raise SystemExit(f"no report of {calls} calls at {name}:\n{done.stdout}")
            run = Run(calls, done.returncode == 0, json.loads(result.read_text()))
        up, down = (run.report[way]["p99_ms"] for way in ("uplink", "downlink"))
        word = "holds" if run.holds else "fails"
        print(f"{AUDIO[audio]:>22} {name:>9} {calls:>5} calls: p99 {up:.2f} ms up, {down:.2f} ms down, {word}",
              flush=True)
        return run

    def tried(self, name: str, audio: str, calls: int, bars: list[str]) -> Run:
        """A load, and another one if it fails."""
        run = self.load(name, audio, calls, bars)
        return run if run.holds else self.load(name, audio, calls, bars)

    def search(self, audio: str) -> list[Search]:
        searches = [Search("trunkline"), Search("Node")]
        bars = ["--p99-ms", str(self.options.bar_ms)]
        going = True
        while going:
            going = False
            for search in searches:
                calls = search.next(self.options.first, self.options.precision)
                if calls is not None:
                    search.runs.append(self.tried(search.name, audio, calls, bars))
                    going = True
        return searches


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [it.getsockname()[1] for it in sockets]
    for it in sockets:
        it.close()
    return ports


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=16, help="measured in each load (16)")
    parser.add_argument("--ramp", type=float, default=8, help="from the first call to the last (8)")
    parser.add_argument("--bar-ms", type=float, default=10, help="bar for the p99 (10)")
    parser.add_argument("--first", type=int, default=100, help="calls to begin with (100)")
    parser.add_argument("--precision", type=float, default=0.05, help="of the numbers found (0.05)")
    parser.add_argument("--audio", choices=AUDIO, action="append", help="only this way (both)")
    parser.add_argument("--resampler", choices=["speex", "lines"], default="speex", help="Node's (speex)")
    parser.add_argument(
        "--recordings", choices=["wav", "mulaw", "off"], default="off", help="trunkline's (off, as Node's)"
    )
    parser.add_argument("--skip-build", action="store_true")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    if not options.skip_build:
        packages = ["-p", "trunkline-bridge-server", "-p", "trunkline-simulators"]
        cargo = os.environ.get("CARGO", "cargo")
        subprocess.run([cargo, "build", "--release", "--locked", *packages], check=True, cwd=ROOT)
    # Two sockets a call, in each process.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    bench = Bench(options)
    chosen = options.audio or list(AUDIO)
    goals = [
        (calls, audio, bench.tried("trunkline", audio, calls, bars))
        for audio in chosen
        for calls, bars in report.GOALS.items()
    ]
    searches = {audio: bench.search(audio) for audio in chosen}
    report.write(options, goals, searches)


if __name__ == "__main__":
    main()
