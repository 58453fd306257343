"""Scores packet loss concealment with PESQ (ITU-T P.862, narrow band) and writes the report.

    pip install --require-hashes -r benches/concealment/requirements.txt
    python benches/concealment/measure.py

Writes `benches/report/concealment.md` and `.svg`. The speech is made by espeak-ng and flite, from
Debian. A development tool: nothing of it is part of the library or of its tests.
"""

import collections
import concurrent.futures
import os
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
METHODS = ["silence", "repeat", "trunkline", "long-fade"]
LABELS = {
    "silence": "silence",
    "repeat": "last packet × 0.7",
    "trunkline": "`Concealer`",
    "long-fade": "`Concealer`, fade of 180 ms",
}
# The published figures, on other speech: read them by what they gain over silence.
PUBLISHED = {
    "silence": [3.91, 3.21, 2.40, 1.55, 3.00, 2.47, 1.61],
    "last packet × 0.7": [3.94, 3.28, 2.65, 1.93, 3.34, 2.95, 2.18],
    "G.711 Appendix I": [3.99, 3.43, 2.85, 2.07, 3.30, 2.89, 2.07],
    "goal": [4.00, 3.55, 3.00, 2.25, 3.45, 3.05, 2.30],
}

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
    """Speech of one voice between pauses: int16 at 8 kHz, 26 dB below overload as is usual."""
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
    audio *= 32768 * 10 ** (-26 / 20) / level(audio)
    pause = np.zeros(RATE // 2)
    audio = np.concatenate([pause, audio, pause])
    return np.clip(np.round(audio), -32768, 32767).astype("<i2")


def level(audio):
    """Of the packets that are not silent."""
    packets = audio[: len(audio) // PACKET * PACKET].reshape(-1, PACKET)
    power = (packets**2).mean(axis=1)
    return np.sqrt(power[power > power.max() * 1e-4].mean())


def telephone_band(hertz):
    """Gain of a telephone's band of 300 to 3,400 Hz with soft edges."""
    return np.clip((hertz - 200) / 100, 0, 1) * np.clip((3_600 - hertz) / 200, 0, 1)


def resampled(audio, rate, band=telephone_band):
    """To 8 kHz and within a band, by the spectrum of the whole recording."""
    padded = np.concatenate([audio, np.zeros(-len(audio) % rate)])
    spectrum = np.fft.rfft(padded)
    seconds = len(padded) // rate
    length = seconds * RATE
    spectrum = spectrum[: length // 2 + 1].copy()
    spectrum *= band(np.arange(len(spectrum)) / seconds)
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


def write_wav(path, audio, rate=RATE):
    with wave.open(str(path), "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(rate)
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


def mean_row(scores, voices, method):
    """A figure per condition, and its spread over seeds: the standard error of the mean."""
    row = []
    for kind, percent in CONDITIONS:
        by_seed = [
            np.mean([scores[voice, kind, percent, seed, method] for voice in voices])
            for seed in range(SEEDS)
        ]
        row.append((np.mean(by_seed), np.std(by_seed, ddof=1) / np.sqrt(SEEDS)))
    return row


def table(first, rows):
    header = [first] + [f"{kind} {percent} %" for kind, percent in CONDITIONS]
    lines = [header, ["---"] + ["---:"] * len(CONDITIONS)] + rows
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def own_table(scores, voices):
    rows = []
    for method in METHODS:
        row = mean_row(scores, voices, method)
        rows.append([LABELS[method]] + [f"{mean:.2f} ± {error:.2f}" for mean, error in row])
    return table("PESQ", rows)


def gain_table(scores, voices):
    def gains(label, row, silence):
        return [label] + [f"{value - base:+.2f}" for value, base in zip(row, silence)]

    own = {m: [mean for mean, _ in mean_row(scores, voices, m)] for m in METHODS}
    rows = [gains(LABELS[method], own[method], own["silence"]) for method in METHODS[1:]]
    for label, row in list(PUBLISHED.items())[1:]:
        rows.append(gains(f"published: {label}", row, PUBLISHED["silence"]))
    return table("over silence", rows)


def voice_table(scores):
    rows = []
    for voice in VOICES:
        row = [mean for mean, _ in mean_row(scores, [voice.name], "trunkline")]
        base = [mean for mean, _ in mean_row(scores, [voice.name], "silence")]
        label = f"{voice.name} ({voice.sex}{', held out' if voice.held_out else ''})"
        rows.append([label] + [f"{a:.2f} ({a - b:+.2f})" for a, b in zip(row, base)])
    return table("`Concealer` (over silence)", rows)


def report(scores, ceilings):
    """The report's text."""
    everyone = [voice.name for voice in VOICES]
    held_out = [voice.name for voice in VOICES if voice.held_out]
    published = [[label] + [f"{value:.2f}" for value in row] for label, row in PUBLISHED.items()]
    for method in METHODS[2:]:
        row = [mean for mean, _ in mean_row(scores, everyone, method)]
        away = [f"{mean - goal:+.2f}" for mean, goal in zip(row, PUBLISHED["goal"])]
        published.append([f"{LABELS[method]} less the goal"] + away)
    ceiling = ", ".join(f"{name} {value:.2f}" for name, value in ceilings.items())
    return f"""# Packet loss concealment, by PESQ

Mean PESQ (ITU-T P.862 narrow band, mapped by P.862.1; package `pesq`) of 20 ms packets through
μ-law, against the speech before it: {len(VOICES)} voices of {len(TEXTS)} recordings each, {SEEDS} seeds, ± the
standard error over seeds. Random losses are independent; bursts follow a Gilbert model with a mean
of 60 ms. No method looks ahead. Made by `python benches/concealment/measure.py`.

![PESQ over loss](concealment.svg)

All voices:

{own_table(scores, everyone)}
The voices that no constant was tuned on:

{own_table(scores, held_out)}
## Beside published figures

{table("published", published)}
They were measured on other speech, where silence already scores otherwise, so what a method gains
over silence says more than its score:

{gain_table(scores, everyone)}
## By voice

{voice_table(scores)}
μ-law alone, without any loss: {ceiling}.

## Notes

- Speech: espeak-ng (formant synthesis) and flite (its recorded voices), in a telephone's band of
  300 to 3,400 Hz, at 26 dB below overload. No human recordings.
- The constants were chosen on the voices that are not held out.
- A loss is silent 60 ms after it began (`Concealer::FADE`). Bursts are 60 ms long on average, so
  many outlast the fade: the row with a fade of 180 ms (`Concealer::with_fade`) shows what that
  costs. Repeating the last packet never becomes silent.
"""


def plot(scores):
    """The same as an SVG: a curve per method over the share that is lost."""
    colours = {"silence": "#999", "repeat": "#d06a1e", "trunkline": "#1f5fa8", "long-fade": "#7aa8d8"}
    everyone = [voice.name for voice in VOICES]
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 420" font-family="sans-serif"'
        ' font-size="13"><rect width="900" height="420" fill="#fff"/>'
    ]
    for panel, kind in enumerate(["random", "bursts"]):
        left = 60 + 430 * panel

        def at(percent, pesq):
            return f"{left + percent * 17:.1f},{370 - (pesq - 1) * 95:.1f}"

        name = "independent losses" if kind == "random" else "bursts, 60 ms on average"
        parts.append(f'<text x="{left}" y="28" font-size="15">PESQ, {name}</text>')
        for pesq in (1, 2, 3, 4):
            y = 370 - (pesq - 1) * 95
            parts.append(f'<path d="M{left},{y}h350" stroke="#ddd"/>')
            parts.append(f'<text x="{left - 18}" y="{y + 4}">{pesq}</text>')
        for percent in [percent for each, percent in CONDITIONS if each == kind]:
            x = left + percent * 17
            parts.append(f'<text x="{x}" y="390" text-anchor="middle">{percent} %</text>')
        shown = [at_ for at_, (each, _) in enumerate(CONDITIONS) if each == kind]
        for label, dash in (("goal", "2 4"), ("G.711 Appendix I", "8 4")):
            points = " ".join(at(CONDITIONS[n][1], PUBLISHED[label][n]) for n in shown)
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="#444" stroke-dasharray="{dash}"/>'
            )
        for method, colour in colours.items():
            row = mean_row(scores, everyone, method)
            points = " ".join(at(CONDITIONS[n][1], row[n][0]) for n in shown)
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
            )
    keys = [(LABELS[method].replace("`", ""), colour, "") for method, colour in colours.items()]
    keys += [("published: goal", "#444", "2 4"), ("published: App. I", "#444", "8 4")]
    for x, (label, colour, dash) in zip((60, 140, 280, 380, 590, 720), keys):
        parts.append(f'<path d="M{x},408h18" stroke="{colour}" stroke-dasharray="{dash}"/>')
        parts.append(f'<text x="{x + 22}" y="412" font-size="11">{label}</text>')
    return "\n".join(parts) + "</svg>\n"


def ceilings_of(binary, directory, recordings):
    """PESQ of μ-law alone, by voice."""
    nothing_lost = run(binary, directory, recordings, ["trunkline"], [("random", 0)], [0], 1)
    return {voice: score for (voice, *_), score in nothing_lost.items()}


def main():
    build = ["cargo", "build", "--release", "--locked", "-p", "trunkline-benches", "--bin", "conceal"]
    subprocess.run(build, check=True, cwd=ROOT)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    binary = target / "release" / "conceal"
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        recordings = make_speech(directory)
        ceilings = ceilings_of(binary, directory, recordings)
        scores = {}
        for seed in range(SEEDS):
            # A seed at a time: each overwrites the recordings of the one before.
            scores |= run(binary, directory, recordings, METHODS, CONDITIONS, [seed], os.cpu_count())
    folder = ROOT / "benches" / "report"
    (folder / "concealment.md").write_text(report(scores, ceilings))
    (folder / "concealment.svg").write_text(plot(scores))
    print("benches/report/concealment.md")


if __name__ == "__main__":
    main()
