"""Scores the resamplers' sound with PESQ (ITU-T P.862, narrow band) and makes the listening page.

    make listen

Writes `benches/report/sound.md`, `sound.svg`, `listen.html` and `listen/`, and fails if trunkline
does not keep what `sound.md` promises. A development tool, as `../concealment/measure.py`, whose
environment and helpers it shares. Only what is in the repository is spoken.
"""

import collections
import concurrent.futures
import pathlib
import sys
import tempfile

import numpy as np
from pesq import pesq

import page
import report
from common import (
    RATE,
    ROOT,
    SPEECH,
    WIDE_RATE,
    aligned,
    at_level,
    below_4_khz,
    build,
    delayed,
    pcm16,
    rate_of,
    read_wav,
    resampled,
    run,
    without_bass,
    write_wav,
)

PHASES = range(3)

# What is resampled, by which way, and what it is compared with.
Case = collections.namedtuple("Case", "condition voice source reference way")
# PESQ by condition, method and voice; by condition, method and phase; signal to noise by method.
Results = collections.namedtuple("Results", "scores phases noise methods")


def make_cases(directory):
    """Cases of all recordings; the μ-law files are decoded by the codec's definition."""
    cases = []

    def add(condition, voice, source, rate, reference, way="loop"):
        paths = [directory / f"{condition}-{voice}-{part}.wav" for part in ("source", "reference")]
        write_wav(paths[0], source, rate)
        write_wav(paths[1], reference)
        cases.append(Case(condition, voice, *paths, way))

    for path in sorted(SPEECH.glob("*.wav")):
        rate, audio = rate_of(path), read_wav(path).astype(float)
        voice = path.stem
        phone = resampled(audio, rate)
        phone = at_level(phone, phone)
        add("phone", voice, phone, RATE, phone)
        whole = resampled(audio, rate, below_4_khz)
        whole = at_level(whole, whole)
        add("whole", voice, whole, RATE, whole)
        if rate == WIDE_RATE:
            source = without_bass(audio, rate)
            reference = resampled(source, rate, below_4_khz)
            source, reference = (at_level(each, reference) for each in (source, reference))
            add("model", voice, source, WIDE_RATE, reference, "down")
    for path in sorted((ROOT / "core" / "tests" / "data" / "speech").glob("*.ulaw")):
        coded = np.array([decoded(code) for code in path.read_bytes()], dtype="<i2")
        add("coded", path.stem, coded, RATE, coded)
    return cases


def decoded(code):
    """A μ-law code's sample (G.711, table 2b)."""
    code = ~code & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def signal_to_noise(job):
    """In dB between 300 and 3,400 Hz, with no delay left: what resampling alone adds."""
    reference, path = job
    reference = read_wav(reference)
    audio = aligned(reference, read_wav(path))
    ideal, real = np.fft.rfft(reference), np.fft.rfft(audio)
    turns = np.arange(len(ideal)) / len(reference)
    band = (turns * RATE >= 300) & (turns * RATE <= 3_400)
    ideal, real, turns = ideal[band], real[band], turns[band]

    def error(shift):
        return float((abs(real * np.exp(2j * np.pi * turns * shift) - ideal) ** 2).sum())

    shift = 0.0
    for step in (0.1, 0.01, 0.001, 0.0001):
        shift = min((shift + step * n for n in range(-10, 11)), key=error)
    return 10 * np.log10(float((abs(ideal) ** 2).sum()) / max(error(shift), 1e-9))


def score(job):
    reference, path = job
    reference = read_wav(reference)
    return pesq(RATE, reference, aligned(reference, read_wav(path)), "nb")


def measure(binaries, directory):
    """Everything that the report says, by one run."""
    cases = make_cases(directory)
    jobs = []
    for case in cases:
        for phase in PHASES:
            start = start_of(directory, case, phase)
            jobs.append((f"{case.way}{phase}", case.source, start))
            # The same by a filter without any flaw: the spectrum of the whole recording.
            ideal = pcm16(delayed(read_wav(case.reference), phase / 3))
            write_wav(f"{start}-ideal-source.wav", ideal)
            jobs.append(("mulaw", f"{start}-ideal-source.wav", f"{start}-ideal"))
    methods = run(binaries, jobs)
    files = [("ideal", "ideal")] + [(method.name, n) for n, method in enumerate(methods)]
    scored, plain = [], []
    for case in cases:
        for phase in PHASES:
            start = start_of(directory, case, phase)
            for name, number in files:
                key = case.condition, name, case.voice, phase
                scored.append((key, (case.reference, f"{start}-{number}-mulaw.wav")))
                if case.condition == "phone" and number != "ideal":
                    plain.append((key, (case.reference, f"{start}-{number}.wav")))
    with concurrent.futures.ProcessPoolExecutor() as pool:
        values = pool.map(score, [pair for _, pair in scored], chunksize=8)
        scores = {key: value for (key, _), value in zip(scored, values)}
        values = pool.map(signal_to_noise, [pair for _, pair in plain], chunksize=8)
        noise = {key: value for (key, _), value in zip(plain, values)}
    worst_phase = {}
    for (_, name, phase), value in mean_by(noise, (0, 1, 3)).items():
        worst_phase[name] = min(value, worst_phase.get(name, value))
    return Results(mean_by(scores, (0, 1, 2)), mean_by(scores, (0, 1, 3)), worst_phase, methods)


def start_of(directory, case, phase):
    return directory / f"{case.condition}-{case.voice}-{phase}"


def mean_by(values, fields):
    """The mean of all values that have these fields of their key in common."""
    groups = collections.defaultdict(list)
    for key, value in values.items():
        groups[tuple(key[field] for field in fields)].append(value)
    return {key: float(np.mean(group)) for key, group in groups.items()}


def main():
    binaries = build()
    folder = ROOT / "benches" / "report"
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        results = measure(binaries, directory)
        (folder / "sound.md").write_text(report.text(results))
        (folder / "sound.svg").write_text(report.chart(results))
        page.write(folder, binaries, directory, results)
    print("benches/report/sound.md, sound.svg, listen.html")
    broken = report.broken_promises(results)
    if broken:
        sys.exit("\n".join(broken))


if __name__ == "__main__":
    main()
