"""The streaming resampler: however it is fed, the same bytes come out."""

import array
import math
from itertools import pairwise

import pytest
from buffers import PCM, WRITABLE_PCM
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline import (
    BufferTooShortError,
    InvalidFieldError,
    OverlappingBuffersError,
    Resampler,
    UnsupportedRateError,
)

FIXED = [
    (8_000, 16_000),
    (8_000, 24_000),
    (16_000, 8_000),
    (16_000, 24_000),
    (24_000, 8_000),
    (24_000, 16_000),
]
ANY = [(44_100, 8_000), (8_000, 48_000), (22_050, 16_000)]
RATES = [*FIXED, *ANY]

SIGNAL = array.array(
    "h", [(n * 7_919 + n * n * 31) % 65_536 - 32_768 for n in range(6_000)]
).tobytes()


def samples(pcm: bytes) -> list[int]:
    return array.array("h", pcm).tolist()


@settings(max_examples=150)
@given(
    rates=st.sampled_from(RATES),
    length=st.integers(0, 6_000),
    cuts=st.lists(st.integers(0, 6_000), max_size=30),
)
def test_however_the_input_is_cut_the_output_is_the_same(
    rates: tuple[int, int], length: int, cuts: list[int]
) -> None:
    pcm = SIGNAL[: 2 * length]
    whole = Resampler(*rates)
    expected = whole.process(pcm) + whole.flush()
    pieces = Resampler(*rates)
    places = [0, *sorted(min(cut, length) for cut in cuts), length]
    got = b"".join(pieces.process(pcm[2 * start : 2 * end]) for start, end in pairwise(places))
    assert got + pieces.flush() == expected


@settings(max_examples=60)
@given(rates=st.sampled_from(FIXED), cuts=st.lists(st.integers(0, 900), max_size=12))
def test_the_sharp_profile_is_cut_likewise(rates: tuple[int, int], cuts: list[int]) -> None:
    if 16_000 in rates:
        with pytest.raises(UnsupportedRateError):
            Resampler(*rates, profile="sharp")
        return
    whole, pieces = Resampler(*rates, profile="sharp"), Resampler(*rates, profile="sharp")
    at, got = 0, b""
    for length in cuts:
        got += pieces.process(SIGNAL[2 * at : 2 * (at + length)])
        at += length
    assert got + pieces.flush() == whole.process(SIGNAL[: 2 * at]) + whole.flush()


@pytest.mark.parametrize("rates", RATES)
def test_an_impulse_comes_after_the_delay_that_is_told(rates: tuple[int, int]) -> None:
    from_hz, to_hz = rates
    resampler = Resampler(from_hz, to_hz)
    before = 300
    impulse = array.array("h", [0] * before + [30_000] + [0] * 3_000)
    out = samples(resampler.process(impulse))
    peak = max(range(len(out)), key=lambda n: abs(out[n]))
    expected = (before / from_hz + resampler.delay) * to_hz
    # Between two samples of the output, where the rates have no common ones.
    assert abs(peak - expected) <= 1
    assert 0 < resampler.delay < 0.0125


@pytest.mark.parametrize("rates", RATES)
def test_a_tone_stays_what_it_was_but_for_the_delay(rates: tuple[int, int]) -> None:
    from_hz, to_hz = rates
    resampler = Resampler(from_hz, to_hz)
    length = from_hz // 4
    tone = array.array(
        "h", [round(10_000 * math.sin(n * math.tau * 440 / from_hz)) for n in range(length)]
    )
    out = samples(resampler.process(tone))
    settled = range(to_hz // 20, len(out))
    expected = [math.sin((n / to_hz - resampler.delay) * math.tau * 440) * 10_000 for n in settled]
    error = max(abs(out[n] - value) for n, value in zip(settled, expected, strict=True))
    # 0.1 dB, which the pass band may be off by, and rounding. Between rates without a common multiple
    # that is near, the delay is told to the nearest sample of the output.
    half_a_sample = 0 if rates in FIXED else math.tau * 440 / to_hz / 2
    assert error <= 10_000 * (0.012 + half_a_sample) + 2


@pytest.mark.parametrize("rates", RATES)
def test_a_flush_gives_the_rest_and_starts_anew(rates: tuple[int, int]) -> None:
    from_hz, to_hz = rates
    resampler = Resampler(from_hz, to_hz)
    first = resampler.process(SIGNAL) + resampler.flush()
    assert resampler.process(SIGNAL) + resampler.flush() == first
    # As long as the input, and the delay.
    expected = (6_000 / from_hz + resampler.delay) * to_hz
    assert expected - 1 <= len(first) // 2 <= expected + to_hz / from_hz + 1


@pytest.mark.parametrize("rates", RATES)
def test_a_reset_is_as_good_as_a_new_one(rates: tuple[int, int]) -> None:
    resampler = Resampler(*rates)
    resampler.process(SIGNAL[:1_234])
    resampler.reset()
    assert resampler.process(SIGNAL) == Resampler(*rates).process(SIGNAL)


@given(rates=st.sampled_from(RATES), lengths=st.lists(st.integers(0, 500), max_size=20))
def test_what_is_said_of_the_length_is_what_comes(
    rates: tuple[int, int], lengths: list[int]
) -> None:
    resampler, twin = Resampler(*rates), Resampler(*rates)
    for length in lengths:
        expected = resampler.output_len(length)
        pcm = SIGNAL[: 2 * length]
        out = resampler.process(pcm)
        assert len(out) == 2 * expected
        dst = bytearray(2 * expected + 20)
        assert twin.process_into(pcm, dst) == expected
        assert dst == out + bytes(20)


@pytest.mark.parametrize("kind", PCM)
def test_samples_come_in_every_kind_of_buffer(kind: str) -> None:
    assert Resampler(8_000, 24_000).process(PCM[kind](SIGNAL)) == Resampler(8_000, 24_000).process(
        SIGNAL
    )


@pytest.mark.parametrize("kind", WRITABLE_PCM)
def test_samples_go_to_every_kind_of_writable_buffer(kind: str) -> None:
    dst = WRITABLE_PCM[kind](480)
    assert Resampler(8_000, 24_000).process_into(SIGNAL[:320], dst) == 480
    assert bytes(dst) == Resampler(8_000, 24_000).process(SIGNAL[:320])


@pytest.mark.parametrize("rates", RATES)
def test_too_short_a_buffer_is_refused_and_nothing_taken(rates: tuple[int, int]) -> None:
    resampler = Resampler(*rates)
    needed = resampler.output_len(2_000)
    dst = bytearray(2 * needed - 2)
    with pytest.raises(BufferTooShortError) as caught:
        resampler.process_into(SIGNAL[:4_000], dst)
    assert (caught.value.needed, caught.value.actual) == (needed, needed - 1)
    assert not any(dst)
    assert resampler.process(SIGNAL) == Resampler(*rates).process(SIGNAL)


def test_source_and_destination_share_no_memory() -> None:
    memory = memoryview(bytearray(2_000))
    with pytest.raises(OverlappingBuffersError):
        Resampler(8_000, 24_000).process_into(memory[:320], memory[318 : 318 + 960])


@pytest.mark.parametrize(
    "rates", [(0, 8_000), (8_000, 0), (3_999, 8_000), (8_000, 192_001), (2**32 - 1, 1)]
)
def test_rates_that_there_is_no_conversion_between_are_refused(rates: tuple[int, int]) -> None:
    with pytest.raises(UnsupportedRateError) as caught:
        Resampler(*rates)
    assert (caught.value.from_hz, caught.value.to_hz) == rates


def test_a_profile_that_there_is_not_is_refused() -> None:
    make: type = Resampler
    with pytest.raises(InvalidFieldError) as caught:
        make(8_000, 24_000, profile="soft")
    assert caught.value.name == "profile"


def test_it_says_what_it_is() -> None:
    resampler = Resampler(8_000, 24_000)
    assert (resampler.from_hz, resampler.to_hz) == (8_000, 24_000)
    assert repr(resampler) == "Resampler(8000, 24000)"
    assert resampler.delay == pytest.approx(0.00221, abs=1e-5)
