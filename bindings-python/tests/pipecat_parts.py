"""What the tests of the shims for pipecat share."""

import asyncio
import base64
import json
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

import numpy as np
from pipecat.frames.frames import Frame, OutputAudioRawFrame
from pipecat.processors.frame_processor import FrameProcessorSetup
from pipecat.utils.asyncio.task_manager import TaskManager

STREAM = "MZ22222222222222222222222222222222"
T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)


class Worker:
    """Takes what is queued for the pipeline."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.came = asyncio.Event()

    async def queue_frame(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.came.set()


def set_up_with(worker: Worker) -> FrameProcessorSetup:
    clock, pipeline_worker = cast(Any, None), cast(Any, worker)
    return FrameProcessorSetup(clock, task_manager=TaskManager(), pipeline_worker=pipeline_worker)


def speech(samples: int, rate_hz: int) -> bytes:
    t = np.arange(samples) / rate_hz
    tone = 8_000 * np.sin(2 * np.pi * 440 * t) + 3_000 * np.sin(2 * np.pi * 1_100 * t)
    return bytes(tone.astype(np.int16))


def audio(pcm: bytes, rate_hz: int) -> OutputAudioRawFrame:
    return OutputAudioRawFrame(audio=pcm, sample_rate=rate_hz, num_channels=1)


def payload(message: str) -> bytes:
    return base64.b64decode(json.loads(message)["media"]["payload"])
