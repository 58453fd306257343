"""Writes benches/report/load.md and load.svg."""

import math
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from servers import AUDIO, ROOT

if TYPE_CHECKING:
    import argparse

    from run import Run, Search

REPORTS = ROOT / "benches/report"
# Calls, and what `trunkline-sim load` is to hold the server to.
GOALS = {
    100: ["--p50-ms", "1", "--p99-ms", "5", "--memory-kib", "256"],
    200: ["--p99-ms", "10", "--memory-kib", "256"],
}
# How many times as many calls as Node's.
RATIOS = {"pcm24k": 10, "mulaw": 3}
COLORS = {"trunkline": "#0b7a75", "Node": "#9aa5b1"}


def write(
    options: "argparse.Namespace",
    goals: "list[tuple[int, str, Run]]",
    searches: "dict[str, list[Search]]",
) -> None:
    words = sys.argv[1:]
    command = " ".join(["benches/load/run.py", *words]) if words else "make bench-load"
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    lines = [
        "# Calls at a time, beside a server written by hand in Node",
        "",
        f"`{command}`, {datetime.now(UTC):%Y-%m-%d}: {cpu()}, Linux {platform.release()}, Node {node}. Callers and model are "
        "[`trunkline-sim load`](../../examples/simulators/README.md#a-load), on the same cores as the server; it says what the latencies "
        "are. Each load has a server of its own, the two take turns, and a number of calls counts as kept if it is in one of two tries. "
        f"Measured are {options.seconds:g} s once all calls are up. Node's server is [`server.mjs`](../load/server.mjs), which has no pacing, "
        f"marks or records to keep; it resamples by {'speex in WebAssembly, quality 3' if options.resampler == 'speex' else 'lines'}. trunkline's "
        f"keeps calls, transcripts and analytics in SQLite as always; recordings: {options.recordings}.",
        "",
        "| goal | measured | |",
        "|---|---|---|",
    ]
    for calls, audio, run in goals:
        lines.append(goal(calls, audio, run))
    for audio, found in searches.items():
        ours, theirs = (search.most for search in found)
        ratio = ours / theirs if theirs else math.inf
        word = "reached" if ratio >= RATIOS[audio] else "**not reached**"
        lines.append(
            f"| {AUDIO[audio]}: {RATIOS[audio]}× the calls of Node at p99 ≤ {options.bar_ms:g} ms "
            f"| {ours} to {theirs}: {ratio:.1f}× | {word} |"
        )
    lines += [
        "",
        "What bounds both is the kernel: a frame is received, sent, and by whoever sends it put through all of TCP up to the receiver, "
        "and callers and model cost as much as the server. CPU is of one core, per call; memory is what the calls added to the server.",
    ]
    lines += ["", "![p99 over calls](load.svg)"]
    for audio, found in searches.items():
        lines += ["", f"## {AUDIO[audio][0].upper()}{AUDIO[audio][1:]}", "", *table(found)]
    REPORTS.joinpath("load.md").write_text("\n".join(lines) + "\n")
    REPORTS.joinpath("load.svg").write_text(picture(searches, options.bar_ms))
    print(f"\n{REPORTS.joinpath('load.md').read_text()}")


def goal(calls: int, audio: str, run: "Run") -> str:
    up, down = run.report["uplink"], run.report["downlink"]
    kib = run.report["server"]["memory_per_call_bytes"] / 1024
    bars = GOALS[calls]
    told = ", ".join(
        f"{name[2:].removesuffix('-ms').removesuffix('-kib')} ≤ {bar} {'KiB a call' if name.endswith('kib') else 'ms'}"
        for name, bar in zip(bars[::2], bars[1::2], strict=True)
    )
    word = "reached" if run.holds else "**not reached**"
    return (
        f"| {calls} calls, {AUDIO[audio]}: {told} | p50 {up['p50_ms']:.2f} up, {down['p50_ms']:.2f} ms down; "
        f"p99 {up['p99_ms']:.2f} up, {down['p99_ms']:.2f} ms down; {kib:.0f} KiB | {word} |"
    )


def table(found: "list[Search]") -> list[str]:
    head = ["server", "calls", "up p50", "p99", "p99.9", "down p50", "p99", "p99.9", "underruns", "CPU a call", "memory a call", "generator", ""]
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 2) + "---|"]
    for search in found:
        for run in sorted(search.runs, key=lambda run: run.calls):
            up, down, server = (run.report[key] for key in ("uplink", "downlink", "server"))
            cells = [search.name, str(run.calls)]
            for times in (up, down):
                cells += [f"{times[key]:.2f}" for key in ("p50_ms", "p99_ms", "p999_ms")]
            cells += [
                str(run.report["audio"]["underruns"]),
                f"{server['cpu_percent_per_call']:.3f} %",
                f"{server['memory_per_call_bytes'] / 1024:.0f} KiB",
                f"{100 * run.report['generator_cpu']:.0f} %",
                "holds" if run.holds else "fails",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def picture(searches: "dict[str, list[Search]]", bar_ms: float) -> str:
    """The longer p99 of the two directions over the number of calls, both in logarithms."""
    width, height, left, bottom, gap = 360, 220, 46, 40, 40
    runs = [run for found in searches.values() for search in found for run in search.runs]
    low, high = (pick(run.calls for run in runs) for pick in (min, max))
    slow = max(10 * bar_ms, 10)

    def x(calls: float) -> float:
        return left + (width - left) * math.log(calls / low) / math.log(max(high / low, 2))

    def y(ms: float) -> float:
        ms = min(max(ms, 0.1), slow)
        return (height - bottom) * (1 - math.log(ms / 0.1) / math.log(slow / 0.1)) + 24

    parts = []
    for index, (audio, found) in enumerate(searches.items()):
        parts.append(f'<g transform="translate({index * (width + gap)} 0)">')
        parts.append(f'<text x="{left}" y="14" font-weight="bold">{AUDIO[audio]}: p99 in ms over calls</text>')
        tick = 0.1
        while tick <= slow * 1.001:
            parts.append(f'<line x1="{left}" x2="{width}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#dde2e7"/>')
            parts.append(f'<text x="{left - 6}" y="{y(tick) + 3:.1f}" text-anchor="end">{tick:g}</text>')
            tick *= 10
        parts.append(
            f'<line x1="{left}" x2="{width}" y1="{y(bar_ms):.1f}" y2="{y(bar_ms):.1f}" stroke="#c0392b" stroke-dasharray="4 3"/>'
        )
        for calls in sorted({low, *(search.most for search in found if search.most)}):
            parts.append(f'<text x="{x(calls):.1f}" y="{height - bottom + 40}" text-anchor="middle">{calls}</text>')
        for place, search in enumerate(found):
            points = [
                (x(run.calls), y(max(run.report[way]["p99_ms"] for way in ("uplink", "downlink"))))
                for run in sorted(search.runs, key=lambda run: run.calls)
            ]
            color = COLORS[search.name]
            path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
            parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
            parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3" fill="{color}"/>' for px, py in points]
            parts.append(f'<text x="{left + 8}" y="{40 + 14 * place}" fill="{color}">{search.name}</text>')
        parts.append("</g>")
    whole = len(searches) * (width + gap)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {height + 10}" font-family="sans-serif" font-size="10">\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores"
