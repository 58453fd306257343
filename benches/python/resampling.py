"""Streaming resamplers, from bytes to bytes, a frame of 20 ms at a time."""

import asyncio
import audioop
from collections.abc import Callable

import numpy as np
import samplerate
import scipy.signal
import soxr
import trunkline
from pipecat.audio.resamplers.soxr_stream_resampler import SOXRStreamAudioResampler

from audio import frames, speech_like
from race import Contestant, awaited, statement

Process = Callable[[bytes], bytes]

DIRECTIONS = [(8_000, 24_000), (24_000, 8_000)]
OURS = "trunkline"
SOXR_HQ = "python-soxr HQ"
RATECV = "audioop.ratecv"


class Soxr:
    def __init__(self, quality: str, from_hz: int, to_hz: int) -> None:
        self.stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16", quality=quality)

    def process(self, pcm: bytes) -> bytes:
        return self.stream.resample_chunk(np.frombuffer(pcm, np.int16)).tobytes()


class SampleRate:
    def __init__(self, converter: str, from_hz: int, to_hz: int) -> None:
        self.resampler = samplerate.Resampler(converter, channels=1)
        self.ratio = to_hz / from_hz

    def process(self, pcm: bytes) -> bytes:
        wide = self.resampler.process(np.frombuffer(pcm, np.int16) * SCALE, self.ratio)
        return to_int16(wide * np.float32(32_768))


class ResamplePoly:
    """Keeps no state: each frame is as if silence were around it."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        divisor = np.gcd(from_hz, to_hz)
        self.up, self.down = to_hz // divisor, from_hz // divisor

    def process(self, pcm: bytes) -> bytes:
        samples = np.frombuffer(pcm, np.int16).astype(np.float32)
        return to_int16(scipy.signal.resample_poly(samples, self.up, self.down))


class RateCv:
    """No filter: lines between the samples."""

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self.from_hz, self.to_hz = from_hz, to_hz
        self.state = None

    def process(self, pcm: bytes) -> bytes:
        out, self.state = audioop.ratecv(pcm, 2, 1, self.from_hz, self.to_hz, self.state)
        return out


SCALE = np.float32(1 / 32_768)


def to_int16(samples: np.ndarray) -> bytes:
    return np.clip(np.rint(samples), -32_768, 32_767).astype(np.int16).tobytes()


PEERS: dict[str, Callable[[int, int], Process]] = {
    OURS: lambda from_hz, to_hz: trunkline.Resampler(from_hz, to_hz).process,
    "trunkline, sharp": lambda *rates: trunkline.Resampler(*rates, profile="sharp").process,
    SOXR_HQ: lambda *rates: Soxr("HQ", *rates).process,
    "python-soxr QQ": lambda *rates: Soxr("QQ", *rates).process,
    "samplerate sinc_fastest": lambda *rates: SampleRate("sinc_fastest", *rates).process,
    "scipy resample_poly": lambda *rates: ResamplePoly(*rates).process,
    RATECV: lambda *rates: RateCv(*rates).process,
}
PIPECAT = "pipecat SOXRStreamAudioResampler"


def contestants(
    loop: asyncio.AbstractEventLoop, from_hz: int, to_hz: int
) -> list[Contestant]:
    """All of `PEERS`, trunkline into a buffer, and pipecat's, each in the middle of a stream."""
    frame = frames(speech_like(from_hz // 10, from_hz), from_hz)[2]
    into = trunkline.Resampler(from_hz, to_hz).process_into
    dst = bytearray(len(frame) * to_hz // from_hz)
    those = [
        statement(name, "process(frame)", process=make(from_hz, to_hz), frame=frame)
        for name, make in PEERS.items()
    ]
    those.insert(1, statement("trunkline, into", "into(frame, dst)", into=into, frame=frame, dst=dst))
    resample = SOXRStreamAudioResampler().resample
    those.append(awaited(PIPECAT, loop, resample, frame, from_hz, to_hz))
    return those


def processes(
    loop: asyncio.AbstractEventLoop, from_hz: int, to_hz: int
) -> dict[str, Callable[[], Process]]:
    """What makes a new one of each."""

    def pipecat() -> Process:
        resampler = SOXRStreamAudioResampler(clear_after_secs=None)
        return lambda pcm: loop.run_until_complete(resampler.resample(pcm, from_hz, to_hz))

    makers: dict[str, Callable[[], Process]] = {
        name: lambda make=make: make(from_hz, to_hz) for name, make in PEERS.items()
    }
    return makers | {PIPECAT: pipecat}
