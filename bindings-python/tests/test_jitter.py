"""The jitter buffer, loss concealment and voice detection. PCM at 8 kHz."""

import array
import inspect
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trunkline import (
    Concealer,
    InvalidFieldError,
    JitterBuffer,
    JitterStats,
    LengthMismatchError,
    VoiceDetector,
)

FRAME = JitterBuffer.FRAME


def pcm(samples: list[int]) -> bytes:
    return array.array("h", samples).tobytes()


def samples(pcm: bytes) -> list[int]:
    return array.array("h", pcm).tolist()


def hum(start: int, length: int = FRAME) -> bytes:
    """Something with a pitch of 100 Hz, so that it can be continued."""
    times = range(start, start + length)
    return pcm([round(8_000 * math.sin(n * math.tau / 80)) for n in times])


def test_packets_in_time_are_played_as_they_came() -> None:
    jitter = JitterBuffer()
    for n in range(50):
        assert jitter.insert(n * FRAME, hum(n * FRAME)) == "accepted"
        assert jitter.pull() == (hum(n * FRAME), "received")
    assert jitter.delay == jitter.target_delay == 0
    assert jitter.depth_samples == 0


def test_what_does_not_come_is_concealed_and_then_silent() -> None:
    jitter = JitterBuffer()
    assert jitter.pull() == (bytes(2 * FRAME), "silence")
    for n in range(10):
        jitter.insert(n * FRAME, hum(n * FRAME))
        jitter.pull()
    frame, what = jitter.pull()
    assert what == "concealed"
    assert any(samples(frame))
    assert [jitter.pull()[1] for _ in range(5)][-1] == "silence"


def test_a_packet_says_what_became_of_it() -> None:
    jitter = JitterBuffer()
    assert jitter.insert(0, hum(0)) == "accepted"
    assert jitter.insert(0, hum(0)) == "duplicate"
    assert jitter.insert(2 * FRAME, hum(2 * FRAME)) == "accepted"
    assert jitter.depth_samples == 3 * FRAME
    jitter.pull()
    jitter.pull()
    assert jitter.insert(FRAME, hum(FRAME)) == "late"
    assert jitter.insert(1 << 30, hum(0)) == "stray"
    full = JitterBuffer()
    full.insert(0, bytes(2 * JitterBuffer.CAPACITY))
    assert full.insert(JitterBuffer.CAPACITY, hum(0)) == "overflow"


def test_a_time_line_that_jumps_is_followed() -> None:
    jitter = JitterBuffer()
    jitter.insert(0, hum(0))
    outcomes = [jitter.insert(28_800_000 + n * FRAME, hum(n * FRAME)) for n in range(4)]
    assert "resynchronised" in outcomes
    assert jitter.stats.resyncs == 1


@pytest.mark.parametrize("bad", [b"", bytes(2 * JitterBuffer.CAPACITY + 2)])
def test_packets_of_no_length_or_too_much_are_refused_and_change_nothing(bad: bytes) -> None:
    jitter = JitterBuffer()
    jitter.insert(0, hum(0))
    before = jitter.stats
    with pytest.raises(InvalidFieldError) as caught:
        jitter.insert(FRAME, bad)
    assert caught.value.name == "pcm"
    assert jitter.stats == before


def test_pull_into_fills_one_frame_and_takes_no_other_length() -> None:
    jitter, twin = JitterBuffer(), JitterBuffer()
    for buffer in (jitter, twin):
        buffer.insert(0, hum(0))
    frame = bytearray(2 * FRAME)
    with pytest.raises(LengthMismatchError) as caught:
        jitter.pull_into(bytearray(2 * FRAME + 2))
    assert (caught.value.expected, caught.value.actual) == (FRAME, FRAME + 1)
    assert jitter.stats == twin.stats
    assert (jitter.pull_into(frame), bytes(frame)) == ("received", hum(0))


PACKETS = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 40), st.just(2**32 // FRAME), st.just(10**6)),
        st.integers(1, 3),
        st.booleans(),
    ),
    max_size=60,
)


@given(packets=PACKETS, start=st.sampled_from([0, 2**32 - 3 * FRAME, 2**40]))
def test_every_sample_is_accounted_for(packets: list[tuple[int, int, bool]], start: int) -> None:
    jitter = JitterBuffer()
    for number, frames, pulls in packets:
        jitter.insert(start + number * FRAME, hum(number * FRAME, frames * FRAME))
        if pulls:
            jitter.pull()
        match jitter.stats:
            case JitterStats(
                decoded_samples=decoded,
                concealed_samples=concealed,
                stretched_samples=stretched,
                cut_samples=cut,
                silence_samples=silence,
                out_samples=out,
            ):
                assert decoded + concealed + stretched - cut + silence == out
        assert jitter.depth_samples <= JitterBuffer.CAPACITY
        assert 0 <= jitter.delay
        assert jitter.target_delay <= JitterBuffer.CAPACITY / 2 / 8_000
    jitter.reset()
    assert jitter.stats == JitterBuffer().stats


@given(start=st.integers(0, 2**64 - 2**20))
def test_time_stamps_wrap_around(start: int) -> None:
    """A buffer that counts from `start` plays as one that counts from 0."""
    jitter, twin = JitterBuffer(), JitterBuffer()
    order = [0, 2, 1, 3, 3, 5, 7, 8]
    for number in order:
        outcome = jitter.insert(start + number * FRAME, hum(number * FRAME))
        assert outcome == twin.insert(number * FRAME, hum(number * FRAME))
        assert jitter.pull() == twin.pull()
    assert jitter.stats == twin.stats


def test_a_concealer_changes_nothing_that_follows_nothing_lost() -> None:
    concealer = Concealer()
    assert concealer.receive(hum(0)) == hum(0)
    assert not concealer.is_concealing


def test_a_loss_is_continued_faded_and_left_again() -> None:
    concealer = Concealer()
    concealer.receive(hum(0, 10 * FRAME))
    substitute = samples(concealer.conceal(6 * FRAME))
    assert concealer.is_concealing
    # It goes on where the voice was, within a small step, and has gone silent after `FADE`.
    assert abs(substitute[0] - samples(hum(10 * FRAME, 1))[0]) < 800
    assert max(map(abs, substitute[:FRAME])) > 4_000
    assert not any(substitute[Concealer.FADE :])
    after = hum(16 * FRAME)
    played = concealer.receive(after)
    # 2.5 ms of cross-fade.
    assert played[:40] != after[:40]
    assert played[40:] == after[40:]
    assert not concealer.is_concealing


def test_a_concealer_without_fade_is_silent_at_once() -> None:
    concealer = Concealer(fade=0)
    concealer.receive(hum(0))
    assert concealer.conceal(FRAME) == bytes(2 * FRAME)


def test_the_default_fade_is_the_one_that_is_named() -> None:
    assert inspect.signature(Concealer).parameters["fade"].default == Concealer.FADE


@given(
    cuts=st.lists(st.integers(1, 400), min_size=1, max_size=8),
    lost=st.lists(st.booleans(), min_size=8),
)
def test_what_a_concealer_plays_is_the_same_into_a_buffer(
    cuts: list[int], lost: list[bool]
) -> None:
    concealer, twin = Concealer(), Concealer()
    at = 0
    for length, is_lost in zip(cuts, lost, strict=False):
        dst = array.array("h", bytes(2 * length))
        if is_lost:
            concealer.conceal_into(dst)
            assert dst.tobytes() == twin.conceal(length)
        else:
            concealer.receive_into(hum(at, length), dst)
            assert dst.tobytes() == twin.receive(hum(at, length))
        at += length
    concealer.reset()
    assert concealer.conceal(10) == bytes(20)


def test_a_concealer_writes_only_to_buffers_of_the_right_length() -> None:
    concealer = Concealer()
    with pytest.raises(LengthMismatchError) as caught:
        concealer.receive_into(hum(0), bytearray(2 * FRAME - 2))
    assert (caught.value.expected, caught.value.actual) == (FRAME, FRAME - 1)


def voice(length: int) -> bytes:
    """A buzz of 120 Hz through two formants that come and go: no person, but like one."""
    chance = random.Random(1)
    wave: list[int] = []
    low = high = [0.0, 0.0]
    for n in range(length):
        pulse = 1.0 if n % 67 == 0 else chance.gauss(0, 0.01)
        loud = 0.5 - 0.5 * math.cos(n * math.tau / 4_000)
        low = [pulse + 1.72 * low[0] - 0.90 * low[1], low[0]]
        high = [pulse + 0.60 * high[0] - 0.90 * high[1], high[0]]
        wave.append(round(1_500 * loud * (low[0] + high[0])))
    return pcm(wave)


def noise(length: int, level: float) -> bytes:
    chance = random.Random(2)
    return pcm([round(chance.gauss(0, level)) for _ in range(length)])


def test_a_voice_is_speech_and_noise_is_not() -> None:
    detector = VoiceDetector()
    assert detector.process(noise(8_000, 60)) is None
    speech = detector.process(voice(4_000))
    assert speech is not None
    assert speech == detector.speech
    assert 0.06 <= speech <= 0.5
    assert detector.process(noise(8_000, 60)) is None
    detector.process(voice(4_000))
    detector.reset()
    assert detector.speech is None


@settings(max_examples=25)
@given(cuts=st.lists(st.integers(1, 700), min_size=1, max_size=40))
def test_however_the_samples_are_cut_the_same_is_heard(cuts: list[int]) -> None:
    heard = noise(4_000, 60) + voice(4_000)
    detector, at = VoiceDetector(), 0
    for length in cuts:
        detector.process(heard[2 * at : 2 * (at + length)])
        at += length
    assert detector.speech == VoiceDetector().process(heard[: 2 * at])
