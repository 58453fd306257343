"""The wheel as it is shipped beside one built for this machine alone.

    make native-python

Writes `benches/report/python-native.md`.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable

import trunkline

from audio import FRAME, frames, speech_like
from call import Call, openai_texts, twilio_texts
from machine import REPORTS, header, table
from race import Contestant, calibrate, statement
from turns import turn

RUNS = 25
BATCHES = 30
WITHIN = 1.10
RATIOS = [(8, 24), (24, 8), (8, 16), (16, 8), (16, 24), (24, 16)]


def functions() -> list[Contestant]:
    pcm = speech_like(FRAME, 8_000).tobytes()
    codes = trunkline.mulaw_encode(pcm)
    mib = codes * ((1 << 20) // FRAME)
    calls: list[tuple[str, Callable[..., object], bytes]] = [
        ("mulaw_decode", trunkline.mulaw_decode, codes),
        ("mulaw_encode", trunkline.mulaw_encode, pcm),
        ("alaw_decode", trunkline.alaw_decode, codes),
        ("alaw_encode", trunkline.alaw_encode, pcm),
        ("mulaw_decode, 1 MiB", trunkline.mulaw_decode, mib),
        ("mulaw_encode, 1 MiB", trunkline.mulaw_encode, mib),
    ]
    for from_khz, to_khz in RATIOS:
        rates = 1_000 * from_khz, 1_000 * to_khz
        frame = frames(speech_like(rates[0] // 10, rates[0]), rates[0])[2]
        resample = trunkline.Resampler(*rates).process
        calls.append((f"Resampler({rates[0]}, {rates[1]}).process", resample, frame))
    return [
        *(statement(name, "work(src)", work=work, src=src) for name, work, src in calls),
        Contestant("Bridge, in", turn(Call(len).twilio, twilio_texts())),
        Contestant("Bridge, out", turn(Call(len).openai, openai_texts())),
    ]


def measure() -> dict[str, float]:
    """The quickest of some batches of each, in seconds a call."""
    quickest = {}
    for one in functions():
        count = calibrate(one)
        quickest[one.name] = min(one.run(count) / count for _ in range(BATCHES))
    return quickest


def compare(builds: list[str]) -> str:
    """Runs both by turns, each time in a process of its own."""
    times: list[dict[str, list[float]]] = [{}, {}]
    for n in range(2 * RUNS):
        which = (n + n // 2) % 2
        environment = os.environ | {"PYTHONPATH": builds[which]}
        command = [sys.executable, "-B", __file__]
        run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        for name, seconds in json.loads(run.stdout).items():
            times[which].setdefault(name, []).append(seconds)
    rows = []
    within = 0
    for name in times[0]:
        cells = [name]
        ratios = []
        for statistic in (min, statistics.median):
            baseline, native = (1e9 * statistic(those[name]) for those in times)
            ratios.append(baseline / native)
            bold = "**" if ratios[-1] > WITHIN else ""
            cells += [f"{baseline:,.1f}", f"{native:,.1f}", f"{bold}{ratios[-1]:.2f}{bold}"]
        within += min(ratios) <= WITHIN
        rows.append(cells)
    head = ["", "any, minimum", "this, minimum", "ratio", "any, median", "this, median", "ratio"]
    return f"""\
# The wheel for any x86-64 beside one for this machine

Nanoseconds of the CPU a call: the same wheel built as it is shipped and with `-C target-cpu=native`, {RUNS}
runs of each by turns, each in a process of its own and the quickest of {BATCHES} batches. A call has a
frame of 20 ms where it does not say otherwise. Above {WITHIN:.2f} is bold.

{table(["", ""], [list(row) for row in header("make native-python")], "ll")}
{table(head, rows, "lrrrrrr")}
{within} of {len(rows)} are within {WITHIN:.2f} by one ratio or both.
"""


if __name__ == "__main__":
    if len(sys.argv) == 1:
        json.dump(measure(), sys.stdout)
    else:
        text = compare(sys.argv[1:3])
        (REPORTS / "python-native.md").write_text(text)
        sys.stdout.write(text)
