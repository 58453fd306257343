"""Races: contestants that do the same work, by turns, in one thread.

What counts is the thread's CPU time, which others on the machine take nothing of.
"""

import asyncio
import gc
import statistics
import time
import timeit
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

ROUNDS = 201
# Long beside the clock's resolution, short beside what else the machine does.
TURN_SECONDS = 3e-3


@dataclass(frozen=True)
class Contestant:
    name: str
    run: Callable[[int], float]
    """Does the work so many times and returns the seconds that they took."""


@dataclass(frozen=True)
class Time:
    """Seconds for doing the work once."""

    median: float
    minimum: float


def statement(name: str, code: str, **names: object) -> Contestant:
    """One that executes `code`, to which `names` are local variables."""
    setup = "\n".join(f"{key} = names[{key!r}]" for key in names) or "pass"
    timer = timeit.Timer(code, setup, time.thread_time, {"names": names})
    return Contestant(name, timer.timeit)


def race(contestants: Sequence[Contestant], rounds: int = ROUNDS) -> dict[str, Time]:
    """Lets all take their turn in every round, each time another one first."""
    counts = {one.name: calibrate(one) for one in contestants}
    times: dict[str, list[float]] = {one.name: [] for one in contestants}
    gc.collect()
    gc.disable()
    for n in range(rounds):
        first = n % len(contestants)
        for one in [*contestants[first:], *contestants[:first]]:
            count = counts[one.name]
            times[one.name].append(one.run(count) / count)
    gc.enable()
    return {name: Time(statistics.median(all_), min(all_)) for name, all_ in times.items()}


def calibrate(one: Contestant) -> int:
    """How many times make up a turn."""
    one.run(10)
    count = 10
    while (seconds := one.run(count)) < TURN_SECONDS / 4:
        count *= 2
    return max(1, round(count * TURN_SECONDS / seconds))


def awaited(
    name: str, loop: asyncio.AbstractEventLoop, work: Callable[..., Awaitable[object]], *args: object
) -> Contestant:
    """One that awaits `work(*args)` within the event loop."""

    async def turn(count: int) -> float:
        start = time.thread_time()
        for _ in range(count):
            await work(*args)
        return time.thread_time() - start

    return Contestant(name, lambda count: loop.run_until_complete(turn(count)))
