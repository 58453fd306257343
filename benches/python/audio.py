"""The audio that everything here works on."""

import numpy as np

FRAME_SECONDS = 0.02
FRAME = 160
"""Samples of a frame at 8 kHz."""


def speech_like(samples: int, rate_hz: int) -> np.ndarray:
    """Harmonics of a voice that glides, in syllables, and some breath."""
    t = np.arange(samples) / rate_hz
    phase = 2 * np.pi * (120 * t + 6 * np.sin(2 * np.pi * 0.7 * t))
    voice = sum(np.sin(k * phase) / k for k in range(1, 22))
    breath = np.random.default_rng(1).normal(0, 0.05, samples)
    loudness = 0.55 + 0.45 * np.sin(2 * np.pi * 3 * t)
    return np.round(6_000 * loudness * (voice + breath)).astype(np.int16)


def frames(pcm: np.ndarray, rate_hz: int) -> list[bytes]:
    """Cut into frames of 20 ms."""
    size = round(rate_hz * FRAME_SECONDS)
    return [pcm[at : at + size].tobytes() for at in range(0, len(pcm) - size + 1, size)]
