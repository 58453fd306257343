"""`sound.md` and `sound.svg`: what was scored, as text and as a chart."""

CONDITIONS = {
    "phone": "a phone's band, loop",
    "coded": "coded before, loop",
    "model": "the model's voice, down",
    "whole": "whole band, loop",
}
OWN = ["trunkline Voice", "trunkline Sharp"]
LEAST = 4.2
TIE = 0.01


def voices(results, condition, method):
    """PESQ by voice."""
    return {
        key[2]: value for key, value in results.scores.items() if key[:2] == (condition, method)
    }


def mean(results, condition, method):
    values = voices(results, condition, method).values()
    return sum(values) / len(values)


def names(results):
    return ["ideal"] + [method.name for method in results.methods]


def best_peer(results, condition):
    peers = [name for name in names(results) if name not in ["ideal", *OWN]]
    return max(peers, key=lambda name: mean(results, condition, name))


def broken_promises(results):
    broken = []
    for own in OWN:
        score = mean(results, "phone", own)
        if score < LEAST:
            broken.append(f"{own}: {score:.3f} is below {LEAST}")
        for condition, label in CONDITIONS.items():
            score, peer = mean(results, condition, own), best_peer(results, condition)
            if score < mean(results, condition, peer) - TIE:
                broken.append(f"{own}: {score:.3f} is below that of {peer} ({label})")
    return broken


def delays(method):
    if "anew" in method.name:
        return "–"
    return f"{method.up_ms} / {method.down_ms}"


def as_the_ideal(results):
    """Methods that are within a tie of the ideal in all conditions, by delay there and back."""
    found = []
    for method in results.methods:
        behind = [
            mean(results, condition, "ideal") - mean(results, condition, method.name)
            for condition in CONDITIONS
        ]
        if max(behind) <= TIE:
            found.append((float(method.up_ms) + float(method.down_ms), method.name))
    return ", ".join(f"{name} ({delay:.1f} ms)" for delay, name in sorted(found))


def table(rows):
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def main_table(results):
    rows = [
        ["mean PESQ (worst voice)", "delay, ms", *CONDITIONS.values(), "signal to noise, dB"],
        ["---"] + ["---:"] * (len(CONDITIONS) + 2),
    ]
    by_name = {method.name: method for method in results.methods}
    for name in names(results):
        row = [name, delays(by_name[name]) if name in by_name else "–"]
        for condition in CONDITIONS:
            scores = voices(results, condition, name).values()
            row.append(f"{mean(results, condition, name):.3f} ({min(scores):.3f})")
        row.append(f"{results.noise[name]:.1f}" if name in results.noise else "–")
        rows.append(row)
    return table(rows)


def voice_table(results):
    shown = ["ideal", *OWN]
    rows = [["a phone's band, loop", *shown, "best peer"], ["---"] + ["---:"] * (len(shown) + 1)]
    for condition in ("phone", "coded"):
        for voice in voices(results, condition, "ideal"):
            scores = {name: voices(results, condition, name)[voice] for name in names(results)}
            peer = max((n for n in scores if n not in shown), key=scores.get)
            label = voice + (", coded before" if condition == "coded" else "")
            own = [f"{scores[name]:.3f}" for name in shown]
            rows.append([label, *own, f"{scores[peer]:.3f} ({peer})"])
    return table(rows)


def phase_table(results):
    shown = ["ideal", *OWN, "rubato FFT", "soxr VHQ", "speexdsp 10", "linear, no filter"]
    header = [f"{label}, {third}/3" for label in ("phone's band", "coded") for third in range(3)]
    rows = [["PESQ by phase", *header], ["---"] + ["---:"] * 6]
    for name in shown:
        scores = [
            results.phases[condition, name, phase]
            for condition in ("phone", "coded")
            for phase in range(3)
        ]
        rows.append([name] + [f"{score:.3f}" for score in scores])
    return table(rows)


def checksum_table(results):
    rows = [["scored bits", "checksum"], ["---", "---"]]
    rows += [[m.name, f"`{m.checksum}`"] for m in results.methods if m.name in OWN]
    return table(rows)


def text(results):
    """The report."""
    phases = [results.phases["phone", "ideal", phase] for phase in range(3)]
    compared = []
    for condition, label in CONDITIONS.items():
        peer = best_peer(results, condition)
        own = " and ".join(f"{mean(results, condition, name):.3f}" for name in OWN)
        compared.append(f"- {label}: {own}; best peer {mean(results, condition, peer):.3f} ({peer})")
    count = len(voices(results, "phone", "ideal"))
    return f"""# Sound of the resamplers, by PESQ

Speech through each resampler in frames of 20 ms, then through μ-law, against the speech before any
of it: PESQ (ITU-T P.862 narrow band, mapped by P.862.1; package `pesq`). "Loop" is 8 → 24 → 8 kHz →
μ-law → 8 kHz, what an echo at the model's end would do. Made by `make listen`, which also makes
[a page to listen to](listen.html) (a local file: open it in a browser).

![PESQ of each resampler](sound.svg)

{main_table(results)}
"Ideal" is no resampler but the spectrum of the whole recording, rounded to 16 bits before μ-law: the
ceiling, that of μ-law alone. Delay is up / down, with the wait that a player needs for output that
comes in bursts. Signal to noise is that of the loop in a phone's band before μ-law, delay and its
fraction taken out, at the worst of the three phases below. "Anew per packet" keeps nothing from one
packet to the next: `scipy.signal.resample_poly` with its default filter, and `audioop.ratecv` with
`None` for its state, which loses two samples of 480 on the way up. "Linear, no filter" is `ratecv`
with its state kept.

## The promise

trunkline Voice and Sharp score at least {LEAST} in a phone's band, and in no column more than {TIE} less than
any peer. The ideal itself moves between the three phases from {min(phases):.3f} to {max(phases):.3f}: a few
thousandths either way are the measurement's, not the filter's. Voice and Sharp:

{chr(10).join(compared)}

Sharp, which mirrors nothing, does not score more than Voice, and neither do filters of 150 ms: what
Voice mirrors lands above 3.4 kHz, outside what PESQ weighs, and what is left to hear is μ-law.
Within {TIE} of the ideal in every column are, by their delay there and back:
{as_the_ideal(results)}.

## Why three phases

A delay of whole samples at 8 kHz puts the samples of the loop back where they were. Audio that was
μ-law once is then coded to nearly the same bytes and scores near 4.549, PESQ's highest; any other
delay codes it a second time between them. And a straight line without a filter, every third sample
of which is a sample of the input, is then perfect. In a call the answer is not the caller's audio, so
no phase is likelier than another: each score is a mean over loops with 0, 1 and 2 samples of silence
in front at 24 kHz.

{phase_table(results)}
## What is spoken

- **A phone's band**: the {count} recordings of `examples/demo/speech`, at 8 kHz by their spectrum, within
  300 to 3,400 Hz, at 26 dB below overload as P.862 has it.
- **Coded before**: the six voices of `core/tests/data/speech`, which are μ-law. The reference is what
  they decode to, so the ceiling is that of coding twice.
- **The model's voice**: the agent's recordings at 24 kHz, which have sound up to 8 kHz, without that
  below 300 Hz. The reference is their spectrum below 4 kHz.
- **Whole band**: the {count} recordings up to 4 kHz and with their bass. The bass makes μ-law's steps
  coarse and PESQ does not count it as signal, so even the ideal is far below {LEAST}; no phone line
  carries it.

PESQ aligns in time by itself; a delay of whole samples was taken out before, by correlation. The
voices are synthetic: flite's, made from human recordings, and espeak-ng's, made from formulas.
libsoxr's dither differs from run to run, and so do its scores by a thousandth or two; all else is the
same each time.

{voice_table(results)}
## What was scored

`cargo test -p trunkline-benches --test sound` computes these again, over all recordings as they lie in
the repository, and reads the promise from the table above. If the sound changes by one bit, it fails
until this report is made anew.

{checksum_table(results)}"""


def chart(results):
    """Mean PESQ, a row per method, a dot per condition."""
    shown = {"phone": "#1f5fa8", "coded": "#7aa8d8", "model": "#d06a1e"}
    rows = names(results)
    left, low, high, width, top, step = 210, 2.4, 4.6, 620, 56, 20
    bottom = top + step * len(rows)

    def x(score):
        return left + (score - low) / (high - low) * width

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 {bottom + 40}"'
        ' font-family="sans-serif" font-size="13">'
        f'<rect width="900" height="{bottom + 40}" fill="#fff"/>'
    ]
    for tenths in range(24, 47, 2):
        at = x(tenths / 10)
        parts.append(f'<path d="M{at:.1f},{top - 6}V{bottom}" stroke="#e4e4e4"/>')
        parts.append(f'<text x="{at:.1f}" y="{bottom + 18}" text-anchor="middle">{tenths / 10}</text>')
    at = x(LEAST)
    parts.append(f'<path d="M{at:.1f},{top - 6}V{bottom}" stroke="#444" stroke-dasharray="2 4"/>')
    for row, name in enumerate(rows):
        y = top + step * row + step / 2
        weight = ' font-weight="bold"' if name in OWN else ""
        parts.append(f'<text x="{left - 12}" y="{y + 4}" text-anchor="end"{weight}>{name}</text>')
        for condition, colour in reversed(shown.items()):
            at = x(mean(results, condition, name))
            parts.append(f'<circle cx="{at:.1f}" cy="{y}" r="5" fill="{colour}" fill-opacity=".85"/>')
    for key, (condition, colour) in enumerate(shown.items()):
        at = left + 210 * key
        parts.append(f'<circle cx="{at + 5}" cy="24" r="5" fill="{colour}"/>')
        parts.append(f'<text x="{at + 16}" y="28">{CONDITIONS[condition]}</text>')
    return "\n".join(parts) + "</svg>\n"
