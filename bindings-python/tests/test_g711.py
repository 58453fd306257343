"""G.711 on every kind of buffer, against the interpreter's own `audioop`."""

import array
import warnings
from collections.abc import Callable
from typing import Literal

import pytest
from buffers import BYTES, PCM, WRITABLE_BYTES, WRITABLE_PCM
from hypothesis import given
from hypothesis import strategies as st

import trunkline
from trunkline import (
    InvalidFieldError,
    LengthMismatchError,
    OverlappingBuffersError,
    UnsupportedBufferError,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    # Python 3.13 has none.
    audioop = pytest.importorskip("audioop")

ALL_CODES = bytes(range(256))
ALL_SAMPLES = array.array("h", range(-32_768, 32_768)).tobytes()

DECODERS = ["mulaw_decode", "alaw_decode"]
ENCODERS = ["mulaw_encode", "alaw_encode"]


def call(name: str) -> Callable[..., bytes]:
    function: Callable[..., bytes] = getattr(trunkline, name)
    return function


def sun_mulaw(sample: int) -> int:
    """The encoder that most programs have: Sun's, with its bias and clip for 16 bits."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32_635) + 0x84
    exponent = magnitude.bit_length() - 8
    mantissa = magnitude >> exponent + 3 & 0xF
    return ~(sign | exponent << 4 | mantissa) & 0xFF


def itu_mulaw(sample: int) -> int:
    """As `ulaw_compress` of ITU-T G.191: one's complement of negative samples, 14 bits, bias 33."""
    magnitude = min((~sample if sample < 0 else sample) >> 2, 8_158) + 33
    exponent = magnitude.bit_length() - 6
    mantissa = magnitude >> exponent + 1 & 0xF
    return ~((0x80 if sample < 0 else 0) | exponent << 4 | mantissa) & 0xFF


def test_all_codes_are_decoded_as_audioop_does() -> None:
    assert trunkline.mulaw_decode(ALL_CODES) == audioop.ulaw2lin(ALL_CODES, 2)
    assert trunkline.alaw_decode(ALL_CODES) == audioop.alaw2lin(ALL_CODES, 2)


def test_all_samples_are_encoded_as_each_variant_has_it() -> None:
    itu = bytes(map(itu_mulaw, range(-32_768, 32_768)))
    sun = bytes(map(sun_mulaw, range(-32_768, 32_768)))
    old = audioop.lin2ulaw(ALL_SAMPLES, 2)
    assert trunkline.mulaw_encode(ALL_SAMPLES) == itu
    assert trunkline.mulaw_encode(ALL_SAMPLES, variant="itu") == itu
    assert trunkline.mulaw_encode(ALL_SAMPLES, variant="sun") == sun
    assert trunkline.mulaw_encode(ALL_SAMPLES, variant="audioop") == old
    assert trunkline.alaw_encode(ALL_SAMPLES) == audioop.lin2alaw(ALL_SAMPLES, 2)


def test_the_variants_differ_in_as_many_samples_as_the_documentation_says() -> None:
    def differences(variant: Literal["sun", "audioop"]) -> int:
        other = trunkline.mulaw_encode(ALL_SAMPLES, variant=variant)
        return sum(a != b for a, b in zip(trunkline.mulaw_encode(ALL_SAMPLES), other, strict=True))

    assert (differences("sun"), differences("audioop")) == (127, 508)


@given(codes=st.binary(max_size=4_000))
def test_any_codes_are_decoded_as_audioop_does(codes: bytes) -> None:
    assert trunkline.mulaw_decode(codes) == audioop.ulaw2lin(codes, 2)
    assert trunkline.alaw_decode(codes) == audioop.alaw2lin(codes, 2)


@given(codes=st.binary(max_size=4_000))
def test_what_was_decoded_is_encoded_to_what_it_was(codes: bytes) -> None:
    # The two codes of zero are one sample.
    mulaw = codes.replace(b"\x7f", b"\xff")
    assert trunkline.mulaw_encode(trunkline.mulaw_decode(codes)) == mulaw
    assert trunkline.alaw_encode(trunkline.alaw_decode(codes)) == codes


def test_a_buffer_long_enough_to_let_other_threads_run_gives_the_same() -> None:
    assert trunkline.mulaw_decode(ALL_CODES * 8_192) == trunkline.mulaw_decode(ALL_CODES) * 8_192
    assert trunkline.alaw_encode(ALL_SAMPLES * 16) == trunkline.alaw_encode(ALL_SAMPLES) * 16


@pytest.mark.parametrize("kind", BYTES)
@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("length", [0, 1, 159, 256])
def test_codes_come_in_every_kind_of_buffer(name: str, kind: str, length: int) -> None:
    codes = ALL_CODES[:length]
    assert call(name)(BYTES[kind](codes)) == call(name)(codes)


@pytest.mark.parametrize("kind", PCM)
@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("length", [2, 318, 131_072])
def test_samples_come_in_every_kind_of_buffer(name: str, kind: str, length: int) -> None:
    pcm = ALL_SAMPLES[:length]
    assert call(name)(PCM[kind](pcm)) == call(name)(pcm)


@pytest.mark.parametrize("kind", WRITABLE_PCM)
@pytest.mark.parametrize("name", DECODERS)
def test_codes_are_decoded_into_every_kind_of_writable_buffer(name: str, kind: str) -> None:
    dst = WRITABLE_PCM[kind](256)
    assert call(name + "_into")(ALL_CODES, dst) is None
    assert bytes(dst) == call(name)(ALL_CODES)


@pytest.mark.parametrize("kind", WRITABLE_BYTES)
@pytest.mark.parametrize("name", ENCODERS)
def test_samples_are_encoded_into_every_kind_of_writable_buffer(name: str, kind: str) -> None:
    dst = WRITABLE_BYTES[kind](65_536)
    assert call(name + "_into")(ALL_SAMPLES, dst) is None
    assert bytes(dst) == call(name)(ALL_SAMPLES)


@pytest.mark.parametrize("variant", ["itu", "sun", "audioop"])
def test_a_variant_is_the_same_into_a_buffer(variant: Literal["itu", "sun", "audioop"]) -> None:
    dst = bytearray(65_536)
    trunkline.mulaw_encode_into(ALL_SAMPLES, dst, variant=variant)
    assert dst == trunkline.mulaw_encode(ALL_SAMPLES, variant=variant)


def test_a_variant_that_there_is_not_is_refused() -> None:
    dst = bytearray(b"\x55")
    for name, buffers in (("mulaw_encode", [b"\0\0"]), ("mulaw_encode_into", [b"\0\0", dst])):
        with pytest.raises(InvalidFieldError) as caught:
            call(name)(*buffers, variant="g722")
        assert caught.value.name == "variant"
    assert dst == b"\x55"


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("samples", [0, 255, 257])
def test_only_as_many_samples_as_codes_are_written(name: str, samples: int) -> None:
    dst = bytearray(b"\x55" * 2 * samples)
    with pytest.raises(LengthMismatchError) as caught:
        call(name + "_into")(ALL_CODES, dst)
    assert (caught.value.expected, caught.value.actual) == (256, samples)
    assert dst == b"\x55" * 2 * samples


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("length", [0, 159, 161])
def test_only_as_many_codes_as_samples_are_written(name: str, length: int) -> None:
    dst = bytearray(b"\x55" * length)
    with pytest.raises(LengthMismatchError) as caught:
        call(name + "_into")(bytes(320), dst)
    assert (caught.value.expected, caught.value.actual) == (160, length)
    assert dst == b"\x55" * length


@pytest.mark.parametrize("name", [*DECODERS, *ENCODERS])
def test_source_and_destination_share_no_memory(name: str) -> None:
    memory = memoryview(bytearray(960))
    src, dst = (
        (slice(0, 160), slice(158, 478)) if name in DECODERS else (slice(0, 320), slice(318, 478))
    )
    before = bytes(memory)
    with pytest.raises(OverlappingBuffersError):
        call(name + "_into")(memory[src], memory[dst])
    assert bytes(memory) == before
    apart = memory[slice(src.stop, src.stop + dst.stop - dst.start)]
    call(name + "_into")(memory[src], apart)


@pytest.mark.parametrize("name", ENCODERS)
def test_half_a_sample_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedBufferError) as caught:
        call(name)(b"\0\0\0")
    assert "3 bytes" in caught.value.actual
    assert "16-bit samples" in caught.value.expected
