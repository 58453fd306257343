"""How late a resampler's output is, and how much of it is the input."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from audio import FRAME_SECONDS, frames

Process = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Delay:
    """In seconds."""

    shift: float
    """How far a pulse moves within what comes out."""
    mean: float
    """The shift, and what is still missing of the output after a frame, on average."""
    gapless: float
    """The shift, and the most that is ever missing: playback must begin so much later."""


def delay(process: Process, from_hz: int, to_hz: int) -> Delay:
    """That of a new stream of 4 s."""
    center = 2.0
    t = np.arange(4 * from_hz) / from_hz
    pulse = np.round(16_000 * np.exp(-(((t - center) / 5e-4) ** 2) / 2)).astype(np.int16)
    out: list[bytes] = []
    missing = []
    samples = 0
    for n, frame in enumerate(frames(pulse, from_hz), 1):
        out.append(process(frame))
        samples += len(out[-1]) // 2
        missing.append(n * FRAME_SECONDS - samples / to_hz)
    came = np.frombuffer(b"".join(out), np.int16).astype(float)
    peak = int(np.argmax(came))
    around = np.arange(peak - to_hz // 250, peak + to_hz // 250 + 1)
    middle = (around * came[around]).sum() / came[around].sum()
    shift = middle / to_hz - center
    return Delay(shift, shift + float(np.mean(missing)), shift + max(missing))


def tone_over_rest(process: Process, from_hz: int, to_hz: int) -> float:
    """In dB: a tone over all else that comes out. Going up it is one of 3 kHz, which an image at
    5 kHz belongs to; going down one of 1 kHz beside one of 6 kHz, which must not come through."""
    t = np.arange(3 * from_hz) / from_hz
    tone_hz = 3_000 if from_hz < to_hz else 1_000
    tones = 8_000 * np.sin(2 * np.pi * tone_hz * t + 0.3)
    if from_hz > to_hz:
        tones += 8_000 * np.sin(2 * np.pi * 6_000 * t + 0.7)
    pcm = np.round(tones).astype(np.int16)
    out = b"".join(process(frame) for frame in frames(pcm, from_hz))
    came = np.frombuffer(out, np.int16)[to_hz:].astype(float)
    phase = 2 * np.pi * tone_hz * np.arange(len(came)) / to_hz
    base = np.stack([np.sin(phase), np.cos(phase), np.ones(len(came))], axis=1)
    fit, *_ = np.linalg.lstsq(base, came, rcond=None)
    rest = came - base @ fit
    tone = base[:, :2] @ fit[:2]
    return 10 * float(np.log10((tone**2).sum() / (rest**2).sum()))
