"""Races trunkline and what else Python has for the same work, and writes the report.

    make bench-python

Writes `benches/report/python.md` and `python.svg`.
"""

import asyncio
import sys
import warnings
from dataclasses import dataclass

warnings.simplefilter("ignore", DeprecationWarning)

from loguru import logger

logger.remove()

import g711
import paths
import plot
import report
import resampling
import sound
from audio import FRAME
from race import Time, race

MIB = 1 << 20
Times = dict[str, Time]


@dataclass(frozen=True)
class Results:
    frames: dict[g711.Task, Times]
    mibs: dict[g711.Task, Times]
    resampling: dict[tuple[int, int], Times]
    delays: dict[tuple[int, int], dict[str, sound.Delay]]
    purity: dict[tuple[int, int], dict[str, float]]
    paths: dict[str, Times]


def main() -> None:
    loop = asyncio.new_event_loop()
    # A frame of 20 ms, and a buffer of 1 MiB to read from.
    frame = {g711.DECODE: FRAME, g711.ENCODE: FRAME}
    mib = {g711.DECODE: MIB, g711.ENCODE: MIB // 2}
    delays, purity = {}, {}
    for rates in resampling.DIRECTIONS:
        makers = resampling.processes(loop, *rates)
        delays[rates] = {name: sound.delay(make(), *rates) for name, make in makers.items()}
        purity[rates] = {name: sound.tone_over_rest(make(), *rates) for name, make in makers.items()}
    results = Results(
        frames={task: race(task.contestants()) for task in g711.tasks(frame)},
        mibs={task: race(task.contestants()) for task in g711.tasks(mib)},
        resampling={
            rates: race(resampling.contestants(loop, *rates)) for rates in resampling.DIRECTIONS
        },
        delays=delays,
        purity=purity,
        paths={
            direction: race(paths.contestants(loop, direction))
            for direction in (paths.IN, paths.OUT)
        },
    )
    text = report.write(results)
    plot.write(results)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
