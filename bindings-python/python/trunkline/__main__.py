"""Prints the version, the instruction set in use, and what a self-test finds."""

import sys
from binascii import crc32
from collections.abc import Callable, Iterator

import trunkline


def expand(code: int) -> int:
    """The sample of a μ-law code, by the formula of ITU-T G.711, table 2a."""
    magnitude, exponent = ~code & 0xF, ~code >> 4 & 7
    sample = (2 * magnitude + 33 << exponent) - 33 << 2
    return sample if code & 0x80 else -sample


def mulaw_is_that_of_the_recommendation() -> bool:
    codes = bytes(range(256))
    pcm = trunkline.mulaw_decode(codes)
    samples = memoryview(pcm).cast("h")
    # The two codes of zero are one sample.
    again = codes.replace(b"\x7f", b"\xff")
    return list(samples) == [expand(code) for code in codes] and trunkline.mulaw_encode(pcm) == again


def alaw_comes_back() -> bool:
    codes = bytes(range(256))
    return trunkline.alaw_encode(trunkline.alaw_decode(codes)) == codes


def noise(samples: int) -> Iterator[int]:
    state = 1
    for _ in range(samples):
        state = state * 1_103_515_245 + 12_345 & 0x7FFF_FFFF
        yield (state >> 16) - 0x4000


def resampling_gives_the_same_bits_however_cut() -> bool:
    pcm = b"".join(sample.to_bytes(2, "little", signed=True) for sample in noise(2_400))
    for (from_hz, to_hz), expected in RESAMPLED.items():
        resampler = trunkline.Resampler(from_hz, to_hz)
        whole = resampler.process(pcm) + resampler.flush()
        pieces = b"".join(resampler.process(pcm[at : at + 322]) for at in range(0, len(pcm), 322))
        if whole != pieces + resampler.flush() or crc32(whole) != expected:
            return False
    return True


RESAMPLED = {
    (8_000, 24_000): 0xF46D_4E32,
    (24_000, 8_000): 0xCEC8_A1D9,
    (8_000, 16_000): 0xD393_296C,
    (16_000, 8_000): 0x6CAB_2FE9,
    (16_000, 24_000): 0xAB6E_7D49,
    (24_000, 16_000): 0xEF4F_BDF5,
}

CHECKS: list[tuple[str, Callable[[], bool]]] = [
    ("G.711 μ-law is that of the Recommendation", mulaw_is_that_of_the_recommendation),
    ("G.711 A-law comes back as it was", alaw_comes_back),
    ("resampling gives the same bits on every machine", resampling_gives_the_same_bits_however_cut),
]


def main() -> int:
    print(f"trunkline {trunkline.__version__}, {trunkline.instruction_set()}")
    passed = 0
    for name, check in CHECKS:
        ok = check()
        passed += ok
        print(f"{'ok' if ok else 'FAILED':>6}  {name}")
    return 0 if passed == len(CHECKS) else 1


if __name__ == "__main__":
    sys.exit(main())
