"""The listening page: `listen.html` and the clips of `listen/`."""

import html
import pathlib
import re
import shutil
import subprocess

import numpy as np
from pesq import pesq

import report
import spectrogram
from common import (
    RATE,
    SPEECH,
    WIDE_RATE,
    aligned,
    at_level,
    below_4_khz,
    losses,
    pcm16,
    read_wav,
    resampled,
    run,
    without_bass,
    write_wav,
)

SPOKEN_BY_MODEL = "agent-1"
SPOKEN_BY_CALLER = "caller-2"
CALLER_SECONDS = 1.3
SWEEP_SECONDS = 1.2
LOSSES = ("random", 10)


class Page:
    """Collects sections of clips, each a WAV file and a picture of it."""

    def __init__(self, folder):
        self.clips = folder / "listen"
        shutil.rmtree(self.clips, ignore_errors=True)
        self.clips.mkdir(parents=True)
        self.parts = []
        self.section = None

    def begin(self, name, title, text):
        self.end()
        self.section = name
        self.parts.append(f"<h2>{title}</h2>\n<p>{text}</p>\n" + '<div class="clips">')

    def end(self):
        if self.section:
            self.parts.append("</div>")

    def clip(self, title, audio, rate, caption):
        slug = re.sub("[^a-z0-9]+", "-", title.lower().replace("μ", "mu")).strip("-")
        name = f"{self.section}-{slug}"
        write_wav(self.clips / f"{name}.wav", audio, rate)
        (self.clips / f"{name}.png").write_bytes(spectrogram.png(audio, rate))
        own = ' class="own"' if title.startswith("trunkline") else ""
        title = html.escape(title)
        self.parts.append(
            f"<figure{own}><h3>{title}</h3>\n"
            f'<div class="picture"><img src="listen/{name}.png" alt="spectrogram: {title}">'
            f"<span>{rate // 2_000} kHz</span><span>0</span></div>\n"
            f'<audio controls preload="none" src="listen/{name}.wav"></audio>\n'
            f"<figcaption>{caption}</figcaption></figure>"
        )

    def text(self):
        template = pathlib.Path(__file__).with_name("page.html").read_text()
        shown = {
            "{floor}": str(spectrogram.FLOOR_DB).replace("-", "−"),
            "{top}": str(spectrogram.TOP_DB).replace("-", "−"),
            "{sections}": "\n".join(self.parts),
        }
        for mark, value in shown.items():
            template = template.replace(mark, value)
        return template


def write(folder, binaries, directory, results):
    page = Page(folder)
    numbers = {method.name: number for number, method in enumerate(results.methods)}
    from_model(page, directory, results, numbers)
    from_caller(page, binaries, directory, results, numbers)
    sweep(page, binaries, directory, results, numbers)
    concealed(page, binaries, directory)
    page.end()
    (folder / "listen.html").write_text(page.text())


def caption(results, name, way, condition):
    method = next(method for method in results.methods if method.name == name)
    delay = method.up_ms if way == "up" else method.down_ms
    late = "no delay, nothing kept between packets" if "anew" in name else f"delay {delay} ms"
    return f"{late} · PESQ {report.mean(results, condition, name):.2f}"


def from_model(page, directory, results, numbers):
    page.begin(
        "model",
        "What the caller hears of the model",
        "24 kHz to 8 kHz and μ-law. What lies above 4 kHz must go: where it does not, every <i>s</i> is"
        " mirrored to below and hisses where the voice has nothing.",
    )
    start = directory / f"model-{SPOKEN_BY_MODEL}"
    reference = read_wav(f"{start}-reference.wav")
    page.clip("the model's voice", read_wav(f"{start}-source.wav"), WIDE_RATE, "24 kHz, before")
    ceiling = read_wav(f"{start}-0-ideal-mulaw.wav")[: len(reference)]
    score = f"no resampler, only μ-law · PESQ {report.mean(results, 'model', 'ideal'):.2f}"
    page.clip("μ-law only", ceiling, RATE, score)
    for name in MODEL_METHODS:
        audio = read_wav(f"{start}-0-{numbers[name]}-mulaw.wav")
        page.clip(name, aligned(reference, audio), RATE, caption(results, name, "down", "model"))


def from_caller(page, binaries, directory, results, numbers):
    page.begin(
        "caller",
        "What the model hears of the caller",
        "8 kHz to 24 kHz. Nothing may appear above 4 kHz: without a filter the voice is there again,"
        " upside down; without memory between packets there are 50 clicks a second. PESQ is that of the"
        " whole loop, since it looks at the telephone's band only.",
    )
    source = resampled(read_wav(SPEECH / f"{SPOKEN_BY_CALLER}.wav").astype(float), RATE)
    source = at_level(source, source)[: int(CALLER_SECONDS * RATE)]
    path = directory / "listen-caller.wav"
    write_wav(path, source)
    run(binaries, [("up", path, directory / "listen-caller")])
    page.clip("the caller", source, RATE, "8 kHz, before")
    spectrum = np.fft.rfft(source)
    reference = np.fft.irfft(np.pad(spectrum, (0, len(source))), 3 * len(source)) * 3
    for name in CALLER_METHODS:
        audio = read_wav(directory / f"listen-caller-{numbers[name]}.wav")
        audio = aligned(reference, audio)
        page.clip(name, audio, WIDE_RATE, caption(results, name, "up", "phone"))


def sweep(page, binaries, directory, results, numbers):
    page.begin(
        "sweep",
        "A tone that rises to 12 kHz",
        "24 kHz to 8 kHz, without μ-law. It should rise to 4 kHz and end there. What comes back down is"
        " mirrored; trunkline Voice lets a little of that through beside 4 kHz, for 1.75 ms less delay than Sharp.",
    )
    time = np.arange(int(SWEEP_SECONDS * WIDE_RATE)) / WIDE_RATE
    tone = np.sin(2 * np.pi * 6_000 * time**2 / SWEEP_SECONDS)
    fade = np.clip(np.minimum(time, SWEEP_SECONDS - time) / 0.01, 0, 1)
    source = pcm16(8_000 * tone * fade)
    path = directory / "listen-sweep.wav"
    write_wav(path, source, WIDE_RATE)
    run(binaries, [("down0", path, directory / "listen-sweep")])
    page.clip("the tone", source, WIDE_RATE, "24 kHz, before")
    reference = resampled(source.astype(float), WIDE_RATE, below_4_khz)
    for name in SWEEP_METHODS:
        audio = read_wav(directory / f"listen-sweep-{numbers[name]}.wav")
        method = results.methods[numbers[name]]
        mirrored = f"mirrored: {method.from_4000_db} dB from 4.0 kHz, {method.from_4600_db} dB from 4.6 kHz on"
        text = "a click at every packet" if "anew" in name else mirrored.replace("-", "−")
        page.clip(name, aligned(reference, audio), RATE, text)


def concealed(page, binaries, directory):
    kind, percent = LOSSES
    page.begin(
        "loss",
        f"One packet of {100 // percent} lost",
        f"Packets of 20 ms, {percent} % of them lost at random, the same ones in each clip, through μ-law."
        ' PESQ is that of the clip; <a href="concealment.md">concealment.md</a> has the means.',
    )
    path = directory / f"phone-{SPOKEN_BY_CALLER}-reference.wav"
    reference = read_wav(path)
    packets = len(reference) // 160
    mask = "".join("01"[int(lost)] for lost in losses(kind, percent, packets, 0))
    for method, title in LOSS_METHODS.items():
        target = directory / f"listen-loss-{method}.wav"
        lost = "0" * packets if method == "none" else mask
        line = f"{'silence' if method == 'none' else method}\t{path}\t{target}\t{lost}\n"
        subprocess.run([binaries / "conceal"], input=line, text=True, check=True)
        audio = read_wav(target)
        score = pesq(RATE, reference[: len(audio)], audio, "nb")
        page.clip(title, audio, RATE, f"PESQ {score:.2f}")


MODEL_METHODS = [
    "trunkline Voice",
    "trunkline Sharp",
    "rubato FFT",
    "rubato sinc 256 cubic",
    "soxr HQ",
    "speexdsp 5",
    "libsamplerate medium",
    "linear, no filter",
    "filter, anew per packet",
]
CALLER_METHODS = [
    "trunkline Voice",
    "trunkline Sharp",
    "rubato FFT",
    "linear, no filter",
    "filter, anew per packet",
    "linear, anew per packet",
]
SWEEP_METHODS = [
    "trunkline Voice",
    "trunkline Sharp",
    "rubato FFT",
    "soxr HQ",
    "speexdsp 5",
    "linear, no filter",
    "filter, anew per packet",
]
LOSS_METHODS = {
    "none": "nothing lost",
    "silence": "silence instead",
    "repeat": "last packet × 0.7",
    "trunkline": "trunkline's Concealer",
}
