"""Turns that take the next texts, which are made beforehand."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator


def turn(handle: Callable[[str], None], texts: Iterator[str]) -> Callable[[int], float]:
    def run(times: int) -> float:
        those = [next(texts) for _ in range(times)]
        start = time.thread_time()
        for text in those:
            handle(text)
        return time.thread_time() - start

    return run


def async_turn(
    loop: asyncio.AbstractEventLoop,
    handle: Callable[[str], Awaitable[None]],
    texts: Iterator[str],
) -> Callable[[int], float]:
    def run(times: int) -> float:
        those = [next(texts) for _ in range(times)]

        async def all_of_them() -> float:
            start = time.thread_time()
            for text in those:
                await handle(text)
            return time.thread_time() - start

        return loop.run_until_complete(all_of_them())

    return run
