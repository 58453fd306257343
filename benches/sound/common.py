"""What the scores and the listening page share: the resamplers' program, and signals."""

import collections
import os
import pathlib
import subprocess
import sys
import wave

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "concealment"))
from measure import RATE, ROOT, level, losses, read_wav, resampled, telephone_band, write_wav  # noqa: E402

__all__ = ["RATE", "ROOT", "losses", "read_wav", "resampled", "telephone_band", "write_wav"]

WIDE_RATE = 24_000
SPEECH = ROOT / "examples" / "demo" / "speech"

Method = collections.namedtuple("Method", "name up_ms down_ms from_4000_db from_4600_db checksum")


def build():
    command = ["cargo", "build", "--release", "--locked", "-p", "trunkline-benches"]
    command += ["--features", "c-peers", "--bin", "sound", "--bin", "conceal"]
    subprocess.run(command, check=True, cwd=ROOT)
    target = ROOT / os.environ.get("CARGO_TARGET_DIR", "target")
    return target / "release"


def run(binaries, jobs):
    """Runs (way, source, start of names) and returns the methods, in the order of their numbers."""
    lines = "".join(f"{way}\t{source}\t{start}\n" for way, source, start in jobs)
    command = [binaries / "sound"]
    done = subprocess.run(command, input=lines, text=True, check=True, stdout=subprocess.PIPE)
    return [Method(*line.split("\t")) for line in done.stdout.splitlines()]


def rate_of(path):
    with wave.open(str(path)) as recording:
        return recording.getframerate()


def at_level(audio, level_of):
    """At 26 dB below overload in its loud parts, measured on `level_of`, as PESQ expects speech."""
    return pcm16(audio * 32768 * 10 ** (-26 / 20) / level(level_of))


def pcm16(audio):
    return np.clip(np.round(audio), -32768, 32767).astype("<i2")


def without_bass(audio, rate):
    spectrum = np.fft.rfft(audio)
    hertz = np.arange(len(spectrum)) * rate / len(audio)
    return np.fft.irfft(spectrum * np.clip((hertz - 200) / 100, 0, 1), len(audio))


def below_4_khz(hertz):
    return hertz < 4_000


def aligned(reference, audio):
    """`audio` without its delay of whole samples, as long as `reference`."""
    size = 1 << (len(reference) + len(audio)).bit_length()
    spectra = np.fft.rfft(audio, size) * np.conj(np.fft.rfft(reference, size))
    delay = int(np.argmax(np.fft.irfft(spectra, size)))
    delay = delay - size if delay > size // 2 else delay
    audio = audio[max(delay, 0) :]
    audio = np.concatenate([np.zeros(max(-delay, 0)), audio, np.zeros(len(reference))])
    return audio[: len(reference)].astype("<i2")


def delayed(audio, samples):
    """By any fraction of a sample, by the spectrum of the whole recording."""
    padded = np.concatenate([audio, np.zeros(len(audio) % 2 + 2)])
    spectrum = np.fft.rfft(padded)
    turns = np.arange(len(spectrum)) / len(padded)
    return np.fft.irfft(spectrum * np.exp(-2j * np.pi * turns * samples), len(padded))
