"""G.711 on every kind of buffer, against the interpreter's own `audioop`."""

import array
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trunkline

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    audioop = pytest.importorskip("audioop", reason="removed in Python 3.13")

ALL_CODES = bytes(range(256))
ALL_SAMPLES = array.array("h", range(-32_768, 32_768)).tobytes()

PCM_KINDS: list[Callable[[bytes], trunkline.Buffer]] = []


@given(st.binary(max_size=4_000))
def test_decoders_are_those_of_audioop(codes: bytes) -> None:
    assert trunkline.mulaw_decode(codes) == audioop.ulaw2lin(codes, 2)
    assert trunkline.alaw_decode(codes) == audioop.alaw2lin(codes, 2)
