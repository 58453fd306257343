"""Designs the resampling filters and writes ../src/resample/taps.rs.

    python3 -m venv .venv && .venv/bin/pip install numpy scipy
    .venv/bin/python core/design/design.py

Two steps, both deterministic:

1. A linear-phase prototype at the higher (or common) rate as a minimax linear programme: least
   stop-band magnitude on a dense grid. The Nyquist filters have every M-th tap from the centre
   fixed to zero and the centre to 1/M, so their pass-band error is at most (M - 1) times the
   stop-band magnitude and needs no constraint of its own. The Sharp filters end their stop band at
   the Nyquist frequency itself, which no Nyquist filter can; there the pass band is constrained.
2. Rounding to integers, then a descent over single and paired steps of one unit that keeps each
   polyphase component's sum exact (so a constant stays that constant) and lowers the largest
   stop-band magnitude.
"""

import math
import pathlib
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog


@dataclass(frozen=True)
class Spec:
    name: str  # of the Rust constant
    about: str
    taps: int  # length of the prototype, odd
    rate: float  # Hz at which the prototype runs
    up: int  # zero stuffing before it
    down: int  # decimation after it
    nyquist: int  # 0, or M of an M-th band filter
    passband: float  # Hz
    stopband: float  # Hz
    final_bits: int  # fraction bits of the second accumulation
    shift: int  # further fraction bits of the first


SPECS = [
    Spec("VOICE_8_24", "8 kHz to 24 kHz, Voice", 107, 24_000, 3, 1, 3, 3_400, 4_600, 14, 2),
    Spec("VOICE_24_8", "24 kHz to 8 kHz, Voice", 107, 24_000, 1, 3, 3, 3_400, 4_600, 15, 2),
    Spec("VOICE_8_16", "8 kHz to 16 kHz, Voice", 71, 16_000, 2, 1, 2, 3_400, 4_600, 14, 2),
    Spec("VOICE_16_8", "16 kHz to 8 kHz, Voice", 71, 16_000, 1, 2, 2, 3_400, 4_600, 15, 2),
    Spec("VOICE_16_24", "16 kHz to 24 kHz, Voice", 125, 48_000, 3, 2, 3, 7_000, 9_000, 14, 2),
    Spec("VOICE_24_16", "24 kHz to 16 kHz, Voice", 125, 48_000, 2, 3, 3, 7_000, 9_000, 14, 2),
    Spec("SHARP_8_24", "8 kHz to 24 kHz, Sharp", 191, 24_000, 3, 1, 0, 3_400, 4_000, 14, 2),
    Spec("SHARP_24_8", "24 kHz to 8 kHz, Sharp", 191, 24_000, 1, 3, 0, 3_400, 4_000, 14, 3),
]

# Pass-band error the Sharp design may trade for stop band, relative to it.
SHARP_PASS_WEIGHT = 12.0


def prototype(spec):
    """Ideal taps h[0..taps), unit gain at 0 Hz."""
    centre = (spec.taps - 1) // 2
    free = np.array([d for d in range(centre + 1) if not spec.nyquist or d % spec.nyquist])
    stop = grid(spec.stopband, spec.rate / 2, 24 * spec.taps)
    columns = cosines(spec, free, stop)
    fixed = 1 / spec.nyquist if spec.nyquist else 0.0
    rows = [np.c_[columns, -np.ones(len(stop))], np.c_[-columns, -np.ones(len(stop))]]
    limits = [np.full(len(stop), -fixed), np.full(len(stop), fixed)]
    if not spec.nyquist:
        passed = grid(0, spec.passband, 12 * spec.taps)
        columns = cosines(spec, free, passed)
        slack = np.full(len(passed), -SHARP_PASS_WEIGHT)
        rows += [np.c_[columns, slack], np.c_[-columns, slack]]
        limits += [np.ones(len(passed)), -np.ones(len(passed))]
    solution = linprog(
        np.r_[np.zeros(len(free)), 1],
        A_ub=np.vstack(rows),
        b_ub=np.concatenate(limits),
        bounds=[(None, None)] * len(free) + [(0, None)],
        method="highs",
    )
    assert solution.success, solution.message
    taps = np.zeros(spec.taps)
    taps[centre] = fixed
    taps[centre + free] = solution.x[:-1]
    taps[centre - free] = solution.x[:-1]
    return taps


def quantise(spec, ideal):
    """Integers t with t / 2**(final_bits + shift) = up * h."""
    unit = 1 << (spec.final_bits + spec.shift)
    centre = (spec.taps - 1) // 2
    target = ideal * spec.up * unit
    half = np.round(target[centre:]).astype(int)
    movable = [d for d in range(centre + 1) if not spec.nyquist or d % spec.nyquist]
    if spec.nyquist and spec.up == spec.nyquist:
        half[0] = unit  # this phase is a pure delay and is not computed at all
    elif spec.nyquist:
        movable.insert(0, 0)  # a third, say, has no exact form anyway
    stop = grid(spec.stopband, spec.rate / 2, 12 * spec.taps)
    table = cosines(spec, np.arange(centre + 1), stop)
    classes = phase_classes(spec)

    def sums(half):
        full = mirror(half)
        return [int(full[c].sum()) for c in classes]

    wanted = [unit] * len(classes)
    repair(half, movable, target[centre:], sums, wanted)
    response = table @ half
    best = np.abs(response).max()
    moves = single_and_paired(movable)
    while True:
        gain, chosen = 0.0, None
        for move in moves:
            trial = half.copy()
            for d, step in move:
                trial[d] += step
            if sums(trial) != wanted:
                continue
            shifted = response + sum(step * table[:, d] for d, step in move)
            worst = np.abs(shifted).max()
            if best - worst > gain + 1e-9:
                gain, chosen = best - worst, (trial, shifted, worst)
        if chosen is None:
            return mirror(half)
        half, response, best = chosen


def phase_classes(spec):
    """Index sets of the prototype whose sums are the gains for a constant input."""
    every = np.arange(spec.taps)
    return [every[every % spec.up == phase] for phase in range(spec.up)]


def repair(half, movable, ideal, sums, wanted):
    """Moves the taps that lose least until every class has its exact sum."""
    for _ in range(200):
        now = sums(half)
        if now == wanted:
            return
        options = []
        for d in movable:
            for step in (-1, 1):
                trial = half.copy()
                trial[d] += step
                distance = sum(abs(a - b) for a, b in zip(sums(trial), wanted))
                options.append((distance, abs(trial[d] - ideal[d]), d, step))
        _, _, d, step = min(options)
        half[d] += step
    raise AssertionError(f"no exact sums: {sums(half)} for {wanted}")


def single_and_paired(movable):
    steps = [(d, s) for d in movable for s in (-1, 1)]
    pairs = [(a, b) for i, a in enumerate(steps) for b in steps[i + 1 :] if a[0] != b[0]]
    return [(s,) for s in steps] + pairs


def mirror(half):
    return np.concatenate([half[:0:-1], half])


def cosines(spec, distances, frequencies):
    """Columns of the zero-phase response per tap distance from the centre."""
    matrix = 2 * np.cos(2 * np.pi * np.outer(frequencies, distances) / spec.rate)
    matrix[:, distances == 0] = 1
    return matrix


def grid(low, high, points):
    return np.linspace(low, high, points)


def decibels(x):
    return 20 * math.log10(x)


def measure(spec, taps):
    """Largest stop-band magnitude and pass-band deviation in dB on a finer grid."""
    unit = spec.up * (1 << (spec.final_bits + spec.shift))
    centre = (spec.taps - 1) // 2
    distances = np.arange(centre + 1)
    stop = cosines(spec, distances, grid(spec.stopband, spec.rate / 2, 200 * spec.taps))
    passed = cosines(spec, distances, grid(0, spec.passband, 200 * spec.taps))
    half = taps[centre:] / unit
    ripple = np.abs(passed @ half - 1).max()
    return decibels(np.abs(stop @ half).max()), decibels(1 + ripple)


def render(spec, taps, ideal_stop):
    stop, ripple = measure(spec, taps)
    centre = (spec.taps - 1) // 2
    lines = [
        f"/// {spec.about}: {spec.taps} taps at {spec.rate / 1000:g} kHz, pass band to "
        f"{spec.passband / 1000:g} kHz, stop",
        f"/// band from {spec.stopband / 1000:g} kHz. Units of 2^-{spec.final_bits + spec.shift}"
        f", gain {spec.up}. Stop band {stop:.1f} dB (before rounding",
        f"/// {ideal_stop:.1f} dB), pass-band deviation {ripple:.4f} dB.",
        f"pub(super) const {spec.name}: [i32; {centre + 1}] = [",
    ]
    row = "   "
    for tap in taps[: centre + 1]:
        item = f" {underscored(int(tap))},"
        if len(row) + len(item) > 99:
            lines.append(row)
            row = "   "
        row += item
    lines += [row, "];", ""]
    return "\n".join(lines)


def underscored(value):
    return f"{value:_}" if abs(value) >= 10_000 else str(value)


HEADER = """//! Filter taps: data only, written by `core/design/design.py`, which says how they are designed.
//!
//! Each array is the first half of a symmetric filter, its centre last.

"""


def main():
    parts = []
    for spec in SPECS:
        ideal = prototype(spec)
        ideal_stop = measure(spec, ideal * spec.up * (1 << (spec.final_bits + spec.shift)))[0]
        taps = quantise(spec, ideal)
        stop, ripple = measure(spec, taps)
        print(f"{spec.name}: ideal {ideal_stop:.1f} dB, integer {stop:.1f} dB, ripple {ripple:.4f}")
        parts.append(render(spec, taps, ideal_stop))
    target = pathlib.Path(__file__).resolve().parent.parent / "src" / "resample" / "taps.rs"
    target.parent.mkdir(exist_ok=True)
    target.write_text(HEADER + "\n".join(parts))


if __name__ == "__main__":
    main()
