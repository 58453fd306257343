"""What must hold for every object, however it is used: no leak, no crash, errors that say why."""

import array
import ctypes
import json
import math
import os
import random
import resource
import subprocess
import sys
import threading
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from buffers import ndarray
from typing_extensions import Buffer, TypeVar

import trunkline
from trunkline import (
    Bridge,
    Concealer,
    JitterBuffer,
    OverlappingBuffersError,
    PlaybackLedger,
    Resampler,
    UnsupportedBufferError,
    VoiceDetector,
    openai,
    twilio,
)

FRAME = bytes(320)
MEDIA = json.dumps(
    {
        "event": "media",
        "streamSid": "MZ1",
        "media": {"track": "inbound", "timestamp": "0", "payload": b64encode(bytes(160)).decode()},
    }
)
DELTA = json.dumps(
    {
        "type": "response.output_audio.delta",
        "response_id": "resp_1",
        "item_id": "item_1",
        "delta": b64encode(bytes(960)).decode(),
    }
)

# Memory


def used_resampler() -> object:
    resampler = Resampler(8_000, 24_000)
    return resampler, resampler.process(FRAME), resampler.flush()


def used_ledger() -> object:
    ledger = PlaybackLedger(24_000)
    ledger.receive("item_1", 0, 480, 160)
    ledger.send(160, now=0)
    return ledger, ledger.handle_mark(ledger.mark(), now=1), ledger.unheard()


def used_jitter_buffer() -> object:
    jitter = JitterBuffer()
    return jitter, jitter.insert(0, FRAME), jitter.pull(), jitter.stats


def used_concealer() -> object:
    concealer = Concealer()
    return concealer, concealer.receive(FRAME), concealer.conceal(160)


def used_detector() -> object:
    detector = VoiceDetector()
    return detector, detector.process(FRAME)


def refused_message() -> object:
    try:
        return twilio.read('{"event":')
    except trunkline.InvalidJsonError as error:
        return error


MAKERS: list[tuple[Callable[[], object], int]] = [
    (used_resampler, 100_000),
    (used_ledger, 100_000),
    (used_jitter_buffer, 50_000),
    (used_concealer, 50_000),
    (used_detector, 150_000),
    (lambda: Resampler(44_100, 8_000), 500),
    (lambda: Bridge(), 9_500),
    (lambda: trunkline.mulaw_encode(trunkline.mulaw_decode(FRAME)), 140_000),
    (lambda: twilio.read(MEDIA), 100_000),
    (lambda: openai.read(DELTA), 100_000),
    (lambda: twilio.media("MZ1", FRAME), 100_000),
    (refused_message, 100_000),
]


def test_a_million_objects_come_and_go_without_memory_growing() -> None:
    assert sum(count for _, count in MAKERS) == 1_000_000
    for make, _ in MAKERS:
        for _ in range(100):
            make()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for make, count in MAKERS:
        for _ in range(count):
            make()
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    # A byte of each would be as much.
    assert grown_kib < 1_000


# Buffers


@dataclass
class Taker:
    """A function of one buffer to read from."""

    take: Callable[[Buffer], object]
    is_pcm: bool


TAKERS = {
    "mulaw_decode": Taker(trunkline.mulaw_decode, is_pcm=False),
    "mulaw_decode_into": Taker(
        lambda src: trunkline.mulaw_decode_into(src, bytearray(4)), is_pcm=False
    ),
    "mulaw_encode": Taker(trunkline.mulaw_encode, is_pcm=True),
    "mulaw_encode_into": Taker(
        lambda src: trunkline.mulaw_encode_into(src, bytearray(4)), is_pcm=True
    ),
    "alaw_decode": Taker(trunkline.alaw_decode, is_pcm=False),
    "alaw_encode": Taker(trunkline.alaw_encode, is_pcm=True),
    "Resampler.process": Taker(lambda src: Resampler(8_000, 24_000).process(src), is_pcm=True),
    "Resampler.process_into": Taker(
        lambda src: Resampler(8_000, 24_000).process_into(src, bytearray(99)), is_pcm=True
    ),
    "JitterBuffer.insert": Taker(lambda src: JitterBuffer().insert(0, src), is_pcm=True),
    "Concealer.receive": Taker(lambda src: Concealer().receive(src), is_pcm=True),
    "Concealer.receive_into": Taker(
        lambda src: Concealer().receive_into(src, bytearray(4)), is_pcm=True
    ),
    "VoiceDetector.process": Taker(lambda src: VoiceDetector().process(src), is_pcm=True),
    "twilio.read": Taker(twilio.read, is_pcm=False),
    "twilio.media": Taker(lambda src: twilio.media("MZ1", src), is_pcm=False),
    "openai.read": Taker(openai.read, is_pcm=False),
    "openai.append_pcm16": Taker(openai.append_pcm16, is_pcm=True),
    "openai.append_g711": Taker(openai.append_g711, is_pcm=False),
}

STRIDED: dict[str, Buffer] = {
    "every other byte": memoryview(bytes(16))[::2],
    "backwards": memoryview(bytes(16))[::-1],
    "a column": ndarray(bytes(32), "u1", columns=4, only=1),
    "every other sample": memoryview(bytes(32)).cast("h")[::2],
}

WRONG: dict[str, Buffer] = {
    "32-bit integers": array.array("i", [1, 2]),
    "floats": array.array("f", [1.0]),
    "unsigned samples": array.array("H", [1, 2]),
    "doubles": ndarray(bytes(16), "f8"),
    "big-endian samples": ndarray(bytes(16), ">i2"),
    "truth values": ndarray(bytes(16), "?"),
    "structures": ndarray(bytes(16), "i1,i1"),
}


@pytest.mark.parametrize("kind", STRIDED | WRONG)
@pytest.mark.parametrize("name", TAKERS)
def test_a_buffer_of_the_wrong_kind_is_refused_by_an_error_that_says_why(
    name: str, kind: str
) -> None:
    taker = TAKERS[name]
    with pytest.raises(UnsupportedBufferError) as caught:
        taker.take((STRIDED | WRONG)[kind])
    error = caught.value
    assert error.expected.startswith(
        "a contiguous buffer of " + ("16-bit" if taker.is_pcm else "bytes")
    )
    assert "of format '" in error.actual
    assert ("not contiguous" in error.actual) == (kind in STRIDED)
    assert str(error) == f"expected {error.expected}, got {error.actual}"


@pytest.mark.parametrize("name", [name for name, taker in TAKERS.items() if taker.is_pcm])
@pytest.mark.parametrize("length", [1, 3, 321])
def test_half_a_sample_is_refused_by_an_error_that_says_so(name: str, length: int) -> None:
    for pcm in (bytes(length), bytearray(length), ndarray(bytes(length), "u1")):
        with pytest.raises(UnsupportedBufferError) as caught:
            TAKERS[name].take(pcm)
        assert caught.value.actual == f"{length} bytes, an odd number"


@pytest.mark.parametrize("name", [name for name, taker in TAKERS.items() if not taker.is_pcm])
def test_samples_are_no_bytes(name: str) -> None:
    with pytest.raises(UnsupportedBufferError) as caught:
        TAKERS[name].take(array.array("h", [1, 2]))
    assert caught.value.actual == "array of format 'h'"


WRITERS: dict[str, Callable[[Buffer, Buffer], object]] = {
    "mulaw_decode_into": trunkline.mulaw_decode_into,
    "alaw_decode_into": trunkline.alaw_decode_into,
    "mulaw_encode_into": trunkline.mulaw_encode_into,
    "alaw_encode_into": trunkline.alaw_encode_into,
    "Resampler.process_into": lambda src, dst: Resampler(24_000, 8_000).process_into(src, dst),
    "Concealer.receive_into": lambda src, dst: Concealer().receive_into(src, dst),
    "Concealer.conceal_into": lambda _, dst: Concealer().conceal_into(dst),
    "JitterBuffer.pull_into": lambda _, dst: JitterBuffer().pull_into(dst),
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_cannot_be_written_to_is_refused(name: str) -> None:
    for read_only in (FRAME, memoryview(FRAME), memoryview(bytearray(320)).toreadonly()):
        with pytest.raises(UnsupportedBufferError) as caught:
            WRITERS[name](FRAME, read_only)
        assert caught.value.expected == "a writable buffer"
        assert caught.value.actual.startswith("a read-only ")
    with pytest.raises(UnsupportedBufferError):
        WRITERS[name](FRAME, memoryview(bytearray(640))[::2])
    with pytest.raises(UnsupportedBufferError):
        WRITERS[name](FRAME, array.array("i", bytes(640)))


@pytest.mark.parametrize("name", [name for name in WRITERS if "encode" not in name])
def test_samples_are_written_only_where_samples_may_lie(name: str) -> None:
    memory = memoryview(bytearray(640))
    odd = memory[1:321] if memory_address(memory) % 2 == 0 else memory[:320]
    with pytest.raises(UnsupportedBufferError) as caught:
        WRITERS[name](FRAME[:160], odd)
    assert caught.value.actual == "one at an odd address"


def memory_address(memory: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


@pytest.mark.parametrize(
    "name", [name for name in WRITERS if "conceal_" not in name and "pull" not in name]
)
@pytest.mark.parametrize("shift", [0, 2, 318])
def test_buffers_that_overlap_are_refused_and_left_as_they_were(name: str, shift: int) -> None:
    memory = memoryview(bytearray(random.Random(1).randbytes(640)))
    before = bytes(memory)
    with pytest.raises(OverlappingBuffersError):
        WRITERS[name](memory[:320], memory[shift : shift + 320])
    with pytest.raises(OverlappingBuffersError):
        WRITERS[name](memory[shift : shift + 320], memory[:320])
    assert bytes(memory) == before


def test_what_is_no_buffer_is_a_type_error() -> None:
    for taker in TAKERS.values():
        take: Callable[..., object] = taker.take
        for nothing in (None, 5, [1, 2], object()):
            with pytest.raises(TypeError):
                take(nothing)


def test_a_buffer_cannot_be_resized_while_it_is_read() -> None:
    pcm = bytearray(32 << 20)
    refused = 0
    for _ in range(20):
        with ThreadPoolExecutor(1) as pool:
            encoded = pool.submit(trunkline.mulaw_encode, pcm)
            while not encoded.done():
                try:
                    pcm.append(0)
                    pcm.pop()
                except BufferError:
                    refused += 1
            assert encoded.exception() is not None or len(encoded.result()) == len(pcm) // 2
        if refused:
            break
    assert refused
    # And can be again.
    pcm.clear()


# Threads

THREADS = 8
T = TypeVar("T")


def in_threads(work: Callable[[int], T]) -> list[T]:
    """What each of eight threads returns that begin at the same time."""
    barrier = threading.Barrier(THREADS)

    def run(thread: int) -> T:
        barrier.wait()
        return work(thread)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


@pytest.fixture(autouse=True)
def eager_switches() -> Iterator[None]:
    """Threads take turns as often as they can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


# Below and above the size from which other threads run meanwhile.
@pytest.mark.parametrize(("length", "calls"), [(160, 500), (200_000, 4)])
@pytest.mark.parametrize("rates", [(8_000, 24_000), (24_000, 8_000), (44_100, 8_000)])
def test_a_resampler_fed_by_threads_gives_what_it_was_fed(
    rates: tuple[int, int], length: int, calls: int
) -> None:
    """All feed the same, so that it does not matter whose turn it is: what comes is as if one had."""
    shared, alone = Resampler(*rates), Resampler(*rates)
    pcm = array.array("h", [(n * 7_919) % 20_000 - 10_000 for n in range(length)])
    outputs = in_threads(lambda _: [shared.process(pcm) for _ in range(calls)])
    made = Counter(output for thread in outputs for output in thread)
    assert made == Counter(alone.process(pcm) for _ in range(THREADS * calls))
    assert shared.flush() == alone.flush()


def test_a_jitter_buffer_used_by_threads_accounts_for_every_sample() -> None:
    jitter = JitterBuffer()

    def work(thread: int) -> None:
        for number in range(300):
            jitter.insert((thread * 300 + number) % 400 * 160, FRAME)
            jitter.pull()
            assert jitter.stats.out_samples % 160 == 0

    in_threads(work)
    stats = jitter.stats
    assert stats.out_samples == THREADS * 300 * 160
    made = stats.decoded_samples + stats.concealed_samples + stats.stretched_samples
    assert made - stats.cut_samples + stats.silence_samples == stats.out_samples


def test_a_ledger_used_by_threads_counts_every_sample() -> None:
    ledger = PlaybackLedger(8_000)

    def work(thread: int) -> None:
        for number in range(300):
            ledger.receive("item_1", 0, 10, 10)
            ledger.send(10, now=number / 100)
            ledger.handle_mark(ledger.mark(), now=number / 100)
            assert ledger.unheard()[0].item_id == "item_1"

    in_threads(work)
    assert ledger.received_samples == ledger.sent_samples == THREADS * 300 * 10
    assert ledger.heard_samples <= ledger.sent_samples


def test_a_concealer_and_a_detector_are_used_by_threads() -> None:
    concealer, detector = Concealer(), VoiceDetector()
    wave = array.array("h", [round(8_000 * math.sin(n / 12)) for n in range(160)])

    def work(thread: int) -> None:
        for number in range(200):
            if (number + thread) % 5:
                assert len(concealer.receive(wave)) == 320
            else:
                assert len(concealer.conceal(160)) == 320
            detector.process(wave)
            assert concealer.is_concealing in (True, False)

    in_threads(work)
    concealer.reset()
    assert concealer.conceal(160) == bytes(320)


# The end

LAST_WORDS = """
import array, sys, threading, time
import trunkline
from trunkline import Bridge, Concealer, JitterBuffer, PlaybackLedger, Resampler, VoiceDetector, twilio

sys.setswitchinterval(1e-5)
resampler, odd = Resampler(8_000, 24_000), Resampler(44_100, 8_000)
jitter, concealer, detector = JitterBuffer(), Concealer(), VoiceDetector()
ledger, bridge = PlaybackLedger(24_000), Bridge()
frame, long = bytes(320), bytes(1 << 20)

def work(number):
    while True:
        resampler.process(long if number % 2 else frame)
        odd.process(long if number % 4 == 1 else frame)
        detector.process(long if number % 4 == 3 else frame)
        jitter.insert(number, frame)
        jitter.pull()
        concealer.conceal(160)
        ledger.receive("item", 0, 1, 1)
        ledger.unheard()
        try:
            twilio.read("{")
        except trunkline.InvalidJsonError:
            pass
        trunkline.mulaw_encode(long)

for number in range(4):
    threading.Thread(target=work, args=(number,), daemon=True).start()
time.sleep(float(sys.argv[1]))
print("done", flush=True)
"""


def test_the_interpreter_ends_with_live_objects_and_busy_threads() -> None:
    chance = random.Random(1)

    def run(delay: float) -> tuple[int, str, str]:
        command = [sys.executable, "-c", LAST_WORDS, str(delay)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ends = list(pool.map(run, [chance.uniform(0, 0.05) for _ in range(100)]))
    assert [end for end in ends if end != (0, "done\n", "")] == []
