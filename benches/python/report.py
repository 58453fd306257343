"""The report in Markdown."""

from typing import TYPE_CHECKING

import g711
import paths
import resampling
from machine import REPORTS, header, table
from race import ROUNDS, Time

if TYPE_CHECKING:
    from compare import Results

INTRODUCTION = f"""\
# trunkline for Python beside what else there is

Made by `make bench-python`, all in one run: {ROUNDS} rounds, in each of which all take their turn of
about 3 ms. Times are of the CPU, medians with minimums in parentheses; ratios are of medians, to
trunkline's.
"""

G711 = """\
## G.711

From `bytes` to new `bytes`, but for "into", which writes to a `bytearray` and allocates nothing.
"""

RESAMPLING = """\
## Resampling

A stream of 16-bit samples in frames of 20 ms, from `bytes` to `bytes`, conversions included where a
library needs them.

- **Delay**: a pulse's shift within what comes out, and the most that is ever missing of the output
  after a frame: playback must begin so much later, or it runs dry. In parentheses what is missing on
  average, with the shift.
- **Tone over rest**: a tone over all else that comes out, noise, images and seams of frames. Going up
  it is one of 3 kHz; going down one of 1 kHz, with one of 6 kHz beside it that must not come through.

`resample_poly` keeps no state from frame to frame, and `ratecv` has no filter; QQ is hardly one.
pipecat's resampler is python-soxr at VHQ.
"""

PATHS = f"""\
## From text to text

20 ms through a server between Twilio and OpenAI Realtime. In: a `media` message becomes an
`input_audio_buffer.append` with PCM at 24 kHz. Out: a `response.output_audio.delta` with such PCM
becomes a `media` message. The bridge also keeps the time line of the caller's audio, paces the
model's, sends marks, and keeps the books for a barge-in; those made by hand do none of that, and of
them only the one with python-soxr has a filter.

`{paths.PIPECAT}` is what is the serializer's alone, and leaves out the model's side but for the PCM of
a frame to send; the other does also what pipecat's service for OpenAI Realtime does. Neither has
the pipeline between them, with its queues.
"""


def write(results: "Results") -> str:
    parts = [
        INTRODUCTION,
        table(["", ""], [list(row) for row in header("make bench-python")], "ll"),
        "![times and delays](python.svg)\n",
        G711,
        "A frame of 20 ms, 160 samples:\n",
        of_g711(results.frames, ns),
        "1 MiB of input:\n",
        of_g711(results.mibs, us),
        RESAMPLING,
        *(of_resampling(results, rates) for rates in resampling.DIRECTIONS),
        PATHS,
        of_paths(results),
        "## What was aimed at\n",
        of_aims(results),
    ]
    text = "\n".join(parts)
    (REPORTS / "python.md").write_text(text)
    return text


def of_g711(those: dict[g711.Task, dict[str, Time]], unit: "Unit") -> str:
    ours, into, audioop, numpy = g711.PEERS
    head = ["", ours, "into", audioop, "ratio", numpy, "ratio"]
    rows = [
        [
            f"{LAWS[task.law]} {task.direction}",
            *(unit(times[it]) for it in (ours, into, audioop)),
            ratio(times, audioop, ours),
            unit(times[numpy]),
            ratio(times, numpy, ours),
        ]
        for task, times in those.items()
    ]
    return table(head, rows, "lrrrrrr")


LAWS = {"mulaw": "μ-law", "alaw": "A-law"}


def of_resampling(results: "Results", rates: tuple[int, int]) -> str:
    times = results.resampling[rates]
    head = [f"{rates[0]} → {rates[1]} Hz", "time", "ratio", "delay", "tone over rest"]
    rows = []
    for name, time in times.items():
        # Into a buffer it is the same resampler.
        delay = results.delays[rates].get(name) or results.delays[rates][resampling.OURS]
        purity = results.purity[rates].get(name) or results.purity[rates][resampling.OURS]
        rows.append(
            [
                name,
                ns(time),
                ratio(times, name, resampling.OURS),
                f"{ms(delay.gapless)} ({ms(delay.mean)}) ms",
                f"{purity:.0f} dB",
            ]
        )
    return table(head, rows, "lrrrr")


def ms(seconds: float) -> str:
    return f"{abs(1e3 * seconds):.1f}"


def of_paths(results: "Results") -> str:
    inward, outward = results.paths[paths.IN], results.paths[paths.OUT]
    both = in_and_out(results)
    head = ["", "in", "ratio", "out", "ratio", "both", "ratio"]
    rows = [
        [
            name,
            *(
                cell
                for times in (inward, outward, both)
                for cell in (ns(times[name]), ratio(times, name, paths.OURS))
            ),
        ]
        for name in inward
    ]
    return table(head, rows, "lrrrrrr")


def in_and_out(results: "Results") -> dict[str, Time]:
    inward, outward = results.paths[paths.IN], results.paths[paths.OUT]
    return {
        name: Time(
            inward[name].median + outward[name].median, inward[name].minimum + outward[name].minimum
        )
        for name in inward
    }


def of_aims(results: "Results") -> str:
    ours, _, audioop, _ = g711.PEERS

    def g(those: dict[g711.Task, dict[str, Time]], direction: str) -> tuple[float, float]:
        [times] = [it for task, it in those.items() if (task.law, task.direction) == ("mulaw", direction)]
        return ratios(times, audioop, ours)

    up = resampling.DIRECTIONS[0]
    both = in_and_out(results)
    by_hand = (paths.BY_HAND, paths.BY_HAND_TEMPLATES)
    best = min(by_hand, key=lambda name: both[name].median)
    delays = results.delays[up]
    less = 1e3 * (delays[resampling.SOXR_HQ].gapless - delays[resampling.OURS].gapless)
    aims = [
        ("μ-law encode, a frame, over audioop", 5, g(results.frames, g711.ENCODE)),
        ("μ-law decode, a frame, over audioop", 1, g(results.frames, g711.DECODE)),
        ("μ-law encode, 1 MiB, over audioop", 5, g(results.mibs, g711.ENCODE)),
        ("μ-law decode, 1 MiB, over audioop", 5, g(results.mibs, g711.DECODE)),
        (
            f"8 → 24 kHz over python-soxr HQ, at {less:.0f} ms less delay",
            12,
            ratios(results.resampling[up], resampling.SOXR_HQ, resampling.OURS),
        ),
        (f"both ways over {best}", 8, ratios(both, best, paths.OURS)),
        (f"both ways over {paths.WITH_SOXR}", 8, ratios(both, paths.WITH_SOXR, paths.OURS)),
        (f"both ways over {paths.PIPECAT}", 25, ratios(both, paths.PIPECAT, paths.OURS)),
        (f"both ways over {paths.PIPECAT_WHOLE}", 25, ratios(both, paths.PIPECAT_WHOLE, paths.OURS)),
    ]
    rows = [
        [name, f"≥ {aim}×", f"{median:.1f}×", f"{minimum:.1f}×", "met" if median >= aim else "missed"]
        for name, aim, (median, minimum) in aims
    ]
    return table(["", "aim", "of medians", "of minimums", ""], rows, "lrrrl")


class Unit:
    def __init__(self, name: str, seconds: float) -> None:
        self.name, self.seconds = name, seconds

    def __call__(self, time: Time) -> str:
        median, minimum = time.median / self.seconds, time.minimum / self.seconds
        return f"{median:,.0f} ({minimum:,.0f}) {self.name}"


ns = Unit("ns", 1e-9)
us = Unit("µs", 1e-6)


def ratios(times: dict[str, Time], of: str, to: str) -> tuple[float, float]:
    return times[of].median / times[to].median, times[of].minimum / times[to].minimum


def ratio(times: dict[str, Time], of: str, to: str) -> str:
    return f"{ratios(times, of, to)[0]:.1f}×"
