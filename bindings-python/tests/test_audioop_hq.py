"""`trunkline.audioop_hq.ratecv`: a filter behind `audioop.ratecv`'s signature."""

import threading
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trunkline
from trunkline import audioop, audioop_hq

FIXED = [(a, b) for a in (8_000, 16_000, 24_000) for b in (8_000, 16_000, 24_000) if a != b]
PAIRS = [*FIXED, (44_100, 8_000), (8_000, 48_000)]

pairs = st.sampled_from(PAIRS)


def tone(rate: int, hz: float, seconds: float = 0.5) -> bytes:
    time = np.arange(int(rate * seconds)) / rate
    return np.round(20_000 * np.sin(2 * np.pi * hz * time)).astype(np.int16).tobytes()


def level_db(pcm: bytes) -> float:
    """Level over that of `tone`, away from the ends."""
    samples = np.frombuffer(pcm, np.int16)[400:-400].astype(float)
    return 20 * float(np.log10(np.sqrt(np.mean(samples**2)) / (20_000 / np.sqrt(2)) + 1e-12))


def noise(samples: int) -> npt.NDArray[np.int16]:
    return np.random.default_rng(7).integers(-32_768, 32_768, samples).astype(np.int16)


@pytest.mark.parametrize(("inrate", "outrate", "hz"), [
    (24_000, 8_000, 5_000), (24_000, 8_000, 7_000), (16_000, 8_000, 5_500), (24_000, 16_000, 9_500),
    (44_100, 8_000, 6_000),
])  # fmt: skip
def test_a_tone_above_half_the_new_rate_is_gone(inrate: int, outrate: int, hz: int) -> None:
    sound = tone(inrate, hz)
    kept, _ = audioop_hq.ratecv(sound, 2, 1, inrate, outrate, None)
    aliased, _ = audioop.ratecv(sound, 2, 1, inrate, outrate, None)
    assert level_db(kept) < -75
    assert level_db(aliased) > -15


@pytest.mark.parametrize(("inrate", "outrate"), PAIRS)
def test_a_tone_below_comes_through(inrate: int, outrate: int) -> None:
    kept, _ = audioop_hq.ratecv(tone(inrate, 1_000), 2, 1, inrate, outrate, None)
    assert abs(level_db(kept)) < 0.1


@given(pairs, st.sampled_from((1, 2, 3, 4)), st.integers(1, 3), st.lists(st.integers(0, 700), max_size=6))
def test_the_output_does_not_depend_on_how_the_input_is_cut(
    rates: tuple[int, int], width: int, channels: int, cuts: list[int]
) -> None:
    frame = width * channels
    data = noise(1_000 * frame // 2 + 1).tobytes()[: 1_000 * frame]
    whole, _ = audioop_hq.ratecv(data, width, channels, *rates, None)
    state, pieces, bounds = None, b"", [0, *sorted(cuts), 1_000]
    for start, end in zip(bounds, bounds[1:]):
        piece = data[start * frame : end * frame]
        made, state = audioop_hq.ratecv(piece, width, channels, *rates, state)
        pieces += made
    assert pieces == whole


@given(pairs)
def test_it_is_the_resampler_on_every_channel(rates: tuple[int, int]) -> None:
    stereo = noise(2_400).reshape(-1, 2)
    made, _ = audioop_hq.ratecv(stereo.tobytes(), 2, 2, *rates, None)
    for channel in (0, 1):
        alone = trunkline.Resampler(*rates).process(stereo[:, channel].tobytes())
        assert np.frombuffer(made, np.int16)[channel::2].tobytes() == alone


@pytest.mark.parametrize("width", [1, 3, 4])
def test_other_widths_go_through_16_bits(width: int) -> None:
    data = noise(1_200).tobytes()
    at_16 = audioop.lin2lin(data[: len(data) // width * width], width, 2)
    expected, _ = audioop_hq.ratecv(at_16, 2, 1, 8_000, 24_000, None)
    made, _ = audioop_hq.ratecv(data[: len(data) // width * width], width, 1, 8_000, 24_000, None)
    assert made == audioop.lin2lin(expected, 2, width)


def test_the_delay_is_the_resamplers() -> None:
    click = np.zeros(800, np.int16)
    click[100] = 20_000
    made, _ = audioop_hq.ratecv(click.tobytes(), 2, 1, 8_000, 24_000, None)
    late = int(np.argmax(np.frombuffer(made, np.int16))) - 300
    assert late == round(24_000 * trunkline.Resampler(8_000, 24_000).delay)


def test_equal_rates_give_back_what_came() -> None:
    data = noise(300).tobytes()
    made, state = audioop_hq.ratecv(data, 4, 1, 11_025, 11_025, None)
    assert made == data
    assert audioop_hq.ratecv(data, 3, 1, 11_025, 11_025, state)[0] == data


def test_a_state_is_good_for_one_call() -> None:
    data = tone(8_000, 500, 0.02)
    _, state = audioop_hq.ratecv(data, 2, 1, 8_000, 24_000, None)
    audioop_hq.ratecv(data, 2, 1, 8_000, 24_000, state)
    with pytest.raises(audioop.error, match="passed on before"):
        audioop_hq.ratecv(data, 2, 1, 8_000, 24_000, state)


def test_a_refused_call_leaves_the_state_as_it_was() -> None:
    first, second = noise(160).tobytes(), noise(320).tobytes()[320:]
    expected, _ = audioop_hq.ratecv(first + second, 2, 1, 8_000, 24_000, None)
    made, state = audioop_hq.ratecv(first, 2, 1, 8_000, 24_000, None)
    bad_calls: list[tuple[Any, ...]] = [
        (second, 2, 2, 8_000, 24_000, state),
        (second, 2, 1, 8_000, 16_000, state),
        (second[1:], 2, 1, 8_000, 24_000, state),
        (second, 5, 1, 8_000, 24_000, state),
        (second, 2, 1, 8_000, 24_000, state, 0),
        (second, 2, 1, 8_000, 24_000, state, 1, -1),
        (second, 2, 65, 8_000, 24_000, state),
        (second, 2, 1, 0, 24_000, state),
    ]
    for bad in bad_calls:
        with pytest.raises(audioop.error):
            audioop_hq.ratecv(*bad)
    more, _ = audioop_hq.ratecv(second, 2, 1, 8_000, 24_000, state)
    assert made + more == expected


def test_other_states_and_rates_are_refused() -> None:
    for state in ((-1, ((0, 0),)), 5, "state"):
        with pytest.raises(TypeError):
            audioop_hq.ratecv(b"", 2, 1, 8_000, 24_000, state)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(trunkline.UnsupportedRateError):
        audioop_hq.ratecv(b"", 2, 1, 1, 3, None)
    with pytest.raises(audioop.error, match="channels"):
        audioop_hq.ratecv(b"", 2, 65, 8_000, 24_000, None)


def test_one_of_many_threads_gets_a_state() -> None:
    data = bytes(320)
    for _ in range(50):
        _, state = audioop_hq.ratecv(data, 2, 1, 8_000, 24_000, None)
        outcomes: list[bool] = []
        gate = threading.Barrier(8)

        def use(gate: threading.Barrier = gate, state: audioop_hq.RatecvState = state) -> None:
            gate.wait()
            try:
                audioop_hq.ratecv(data, 2, 1, 8_000, 24_000, state)
            except audioop.error:
                outcomes.append(False)
            else:
                outcomes.append(True)

        threads = [threading.Thread(target=use) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == [False] * 7 + [True]
