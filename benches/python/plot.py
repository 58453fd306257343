"""The picture of the report."""

from typing import TYPE_CHECKING

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

import paths
import resampling
from machine import REPORTS
from report import in_and_out

if TYPE_CHECKING:
    from compare import Results

OURS, THEIRS = "#0b7a75", "#9aa5b1"


def write(results: "Results") -> None:
    plt.rcParams.update({"svg.hashsalt": "trunkline", "font.size": 9, "axes.spines.top": False})
    plt.rcParams.update({"axes.spines.right": False})
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    both = in_and_out(results)
    names = sorted(both, key=lambda name: both[name].median, reverse=True)
    micros = [1e6 * both[name].median for name in names]
    bars = left.barh(names, micros, color=[color(name) for name in names])
    left.bar_label(bars, [f" {it:.1f} µs" for it in micros])
    left.set_title("20 ms, in and out, text to text")
    left.set_xlabel("µs")
    left.margins(x=0.15)

    rates = resampling.DIRECTIONS[0]
    for name, delay in results.delays[rates].items():
        x, y = 1e6 * results.resampling[rates][name].median, max(0.0, 1e3 * delay.gapless)
        purity = results.purity[rates][name]
        right.scatter(x, y, s=40, color=color(name), marker="o" if purity > 60 else "x")
        # The many of next to no delay lie side by side.
        angle = 40 if y < 10 else 0
        right.annotate(
            name, (x, y), textcoords="offset points", xytext=(3, 5), fontsize=7.5, rotation=angle
        )
    right.set_xscale("log")
    right.xaxis.set_major_formatter("{x:g}")
    right.margins(x=0.25, y=0.12)
    right.spines["bottom"].set_position(("outward", 4))
    right.set_title("8 → 24 kHz (crosses: less than 60 dB of tone over rest)")
    right.set_xlabel("µs for a frame of 20 ms")
    right.set_ylabel("delay, ms")
    figure.savefig(REPORTS / "python.svg", metadata={"Date": None})


def color(name: str) -> str:
    return OURS if name in (paths.OURS, paths.OURS_MATCH) or name.startswith("trunkline") else THEIRS
