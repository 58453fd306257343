"""Scores packet loss concealment with PESQ (ITU-T P.862, narrow band) and writes the report.

    python benches/concealment/measure.py

Needs `requirements.txt` beside this file, and espeak-ng and flite from Debian to make the speech.
A development tool: nothing of it is part of the library or of its tests.
"""

import argparse
import collections
import concurrent.futures
import io
import pathlib
import subprocess
import tempfile
import wave

import numpy as np
from pesq import pesq

ROOT = pathlib.Path(__file__).resolve().parents[2]
RATE = 8_000
PACKET = 160
SEEDS = 12
CONDITIONS = [("random", 1), ("random", 5), ("random", 10), ("random", 20)] + [
    ("bursts", 5),
    ("bursts", 10),
    ("bursts", 20),
]
METHODS = ["silence", "repeat", "trunkline"]

Voice = collections.namedtuple("Voice", "name sex held_out command")
VOICES = [
    Voice("flite awb", "m", False, ["flite", "-voice", "awb"]),
    Voice("flite kal16", "m", False, ["flite", "-voice", "kal16"]),
    Voice("espeak-ng en-us+f2", "f", False, ["espeak-ng", "-v", "en-us+f2", "-s", "160"]),
    Voice("espeak-ng en-gb+m3", "m", False, ["espeak-ng", "-v", "en-gb+m3", "-s", "160"]),
    Voice("flite slt", "f", True, ["flite", "-voice", "slt"]),
    Voice("flite rms", "m", True, ["flite", "-voice", "rms"]),
    Voice("espeak-ng en-gb+f4", "f", True, ["espeak-ng", "-v", "en-gb+f4", "-s", "150"]),
    Voice("espeak-ng en-us+m1", "m", True, ["espeak-ng", "-v", "en-us+m1", "-s", "150"]),
]
TEXTS = [
    "Good morning, you are through to the harbour office. The ferry to the island leaves at"
    " half past nine from the second pier. Shall I put two seats aside for you?",
    "I would like to move my appointment from Thursday to Monday, please. My number ends in four"
    " seven oh one. Anything after lunch suits me, but not before two.",
]


def speech(voice, text):
    """Speech of one voice: int16 at 8 kHz, between pauses, at the usual level of 26 dB below overload."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        if voice.command[0] == "flite":
            command = voice.command + ["-t", text, "-o", file.name]
        else:
            command = voice.command + ["-w", file.name, text]
        subprocess.run(command, check=True)
        with wave.open(file.name) as recording:
            rate = recording.getframerate()
            data = recording.readframes(recording.getnframes())
    audio = np.frombuffer(data, dtype="<i2").astype(float)
    audio = resampled(audio, rate)
    frames = audio[: len(audio) // PACKET * PACKET].reshape(-1, PACKET)
    power = (frames**2).mean(axis=1)
    level = np.sqrt(power[power > power.max() * 1e-4].mean())
    audio *= 32768 * 10 ** (-26 / 20) / level
    pause = np.zeros(RATE // 2)
    audio = np.concatenate([pause, audio, pause])
    return np.clip(np.round(audio), -32768, 32767).astype("<i2")


def resampled(audio, rate):
    """To 8 kHz with everything from 3.8 kHz on taken out, by the spectrum of the whole recording."""
    padded = np.concatenate([audio, np.zeros(-len(audio) % rate)])
    spectrum = np.fft.rfft(padded)
    seconds = len(padded) // rate
    length = seconds * RATE
    spectrum = spectrum[: length // 2 + 1].copy()
    hertz = np.arange(len(spectrum)) / seconds
    spectrum *= np.clip((3_800 - hertz) / 200 + 1, 0, 1)
    return np.fft.irfft(spectrum, length)[: len(audio) * RATE // rate] * RATE / rate


def losses(kind, percent, packets, seed):
    """Which packets are lost: independently, or by a Gilbert model with bursts of 3 on average."""
    random = np.random.default_rng([seed, percent, kind == "bursts"])
    rate = percent / 100
    if kind == "random":
        return random.random(packets) < rate
    end = 1 / 3
    begin = end * rate / (1 - rate)
    lost = np.zeros(packets, dtype=bool)
    state = random.random() < rate
    for packet in range(packets):
        lost[packet] = state
        state = random.random() >= end if state else random.random() < begin
    return lost


def write_wav(path, audio):
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(RATE)
        recording.writeframes(audio.tobytes())


def read_wav(path):
    with wave.open(str(path)) as recording:
        return np.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2")


def score(job):
    reference, target = job
    original, degraded = read_wav(reference), read_wav(target)
    return pesq(RATE, original[: len(degraded)], degraded, "nb")


def make_speech(directory):
    """Recordings by voice name."""
    recordings = {}
    for number, voice in enumerate(VOICES):
        recordings[voice.name] = []
        for part, text in enumerate(TEXTS):
            path = directory / f"voice{number}-{part}.wav"
            write_wav(path, speech(voice, text))
            recordings[voice.name].append(path)
    return recordings


def run(binary, directory, recordings, methods, conditions, seeds, workers):
    """PESQ by (voice, kind, percent, seed, method), a mean over the voice's recordings."""
    jobs = []
    for voice, paths in recordings.items():
        for part, path in enumerate(paths):
            packets = len(read_wav(path)) // PACKET
            for kind, percent in conditions:
                for seed in seeds:
                    lost = losses(kind, percent, packets, 100 * seed + part)
                    mask = "".join("01"[int(packet)] for packet in lost)
                    for method in methods:
                        target = directory / f"out{len(jobs)}.wav"
                        jobs.append(((voice, kind, percent, seed, method), path, target, mask))
    lines = "".join(f"{key[4]}\t{path}\t{target}\t{mask}\n" for key, path, target, mask in jobs)
    subprocess.run([binary], input=lines, text=True, check=True)
    scores = collections.defaultdict(list)
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        pairs = [(path, target) for _, path, target, _ in jobs]
        for (key, *_), value in zip(jobs, pool.map(score, pairs, chunksize=16)):
            scores[key].append(value)
    return {key: float(np.mean(values)) for key, values in scores.items()}
