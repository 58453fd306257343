"""`trunkline.audioop` against the interpreter's own module: same results, same exceptions."""

import array
import importlib.util
import math
import struct
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import trunkline
from trunkline import audioop as ours

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    theirs = pytest.importorskip("audioop", reason="removed in Python 3.13")

WIDTHS = (1, 2, 3, 4)
FUNCTIONS = sorted(set(ours.__all__) - {"error"})

widths = st.sampled_from(WIDTHS)
factors = st.floats(-4, 4) | st.floats(allow_nan=True, allow_infinity=True) | st.integers(-9, 9)
c_ints = st.integers(-(1 << 31), (1 << 31) - 1)
rates = st.sampled_from([1, 2, 3, 7, 8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 2**31 - 1])


def extremes(width: int) -> st.SearchStrategy[bytes]:
    """Samples at and next to the ends of the range and at zero: where sums clip and signs change."""
    top = 1 << 8 * width - 1
    near = st.sampled_from([-top, 1 - top, -1, 0, 1, top - 2, top - 1])
    samples = near.map(lambda value: value.to_bytes(width, sys.byteorder, signed=True))
    return st.lists(samples, max_size=40).map(b"".join)


@st.composite
def sized(draw: st.DrawFn, frame: int = 1, max_size: int = 200) -> tuple[bytes, int]:
    """A whole number of frames of so many samples, and their width."""
    width = draw(widths)
    data = draw(st.binary(max_size=max_size) | extremes(width))
    return data[: len(data) // (width * frame) * width * frame], width


def outcome(function: Callable[..., object], *arguments: object) -> object:
    """What a call returns, or the kind of exception; a message where it is the module's own."""
    try:
        returned = function(*arguments)
    except Exception as exception:
        kind = type(exception)
        return (kind.__name__, str(exception)) if kind.__name__ == "error" else kind
    # NaN is not itself; this way it is, and −0.0 is not 0.0.
    return repr(returned)


def assert_same(name: str, *arguments: object) -> None:
    expected = outcome(getattr(theirs, name), *arguments)
    assert outcome(getattr(ours, name), *arguments) == expected, (name, arguments)


def test_it_has_the_names_of_the_interpreters_module() -> None:
    public = {name for name in dir(theirs) if not name.startswith("_")}
    assert set(ours.__all__) == public
    assert len(FUNCTIONS) == 26


@given(sized())
def test_functions_of_one_fragment_are_the_same(fragment: tuple[bytes, int]) -> None:
    one = ("avg avgpp byteswap cross lin2alaw lin2ulaw max maxpp minmax reverse rms").split()
    for name in one:
        assert_same(name, *fragment)


@given(sized(), widths)
def test_widths_convert_the_same(fragment: tuple[bytes, int], width: int) -> None:
    assert_same("lin2lin", *fragment, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_code_decodes_the_same(width: int) -> None:
    for name in ("alaw2lin", "ulaw2lin"):
        assert_same(name, bytes(range(256)), width)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_sample_encodes_the_same(width: int) -> None:
    top = array.array("i", (value << 16 | 0x8000 for value in range(-32_768, 32_768))).tobytes()
    for name in ("lin2alaw", "lin2ulaw"):
        assert_same(name, theirs.lin2lin(top, 4, width), width)


@given(sized(), st.data())
def test_sums_are_the_same(fragment: tuple[bytes, int], data: st.DataObject) -> None:
    samples, width = fragment
    length = st.binary(min_size=len(samples), max_size=len(samples))
    other = data.draw(st.just(samples) | st.just(samples[::-1]) | length)
    assert_same("add", samples, other, width)


@given(sized(), c_ints)
@example((b"\x7f\x80", 1), 1)
def test_biases_are_the_same(fragment: tuple[bytes, int], bias: int) -> None:
    assert_same("bias", *fragment, bias)


@given(sized(), factors)
@example((b"\0\1\2\3", 4), math.nan)
@example((b"\0\0\0\0", 4), math.inf)
def test_products_are_the_same(fragment: tuple[bytes, int], factor: float) -> None:
    assert_same("mul", *fragment, factor)


@given(sized(frame=2), factors, factors)
@example((bytes(range(8)), 4), math.inf, -math.inf)
def test_channels_mix_the_same(fragment: tuple[bytes, int], left: float, right: float) -> None:
    assert_same("tomono", *fragment, left, right)
    assert_same("tostereo", *fragment, left, right)


@given(sized(), st.integers(-3, 60))
def test_samples_are_found_the_same(fragment: tuple[bytes, int], index: int) -> None:
    assert_same("getsample", *fragment, index)


pcm = st.binary(max_size=80) | extremes(2) | st.integers(0, 40).map(lambda n: bytes(2 * n))


@given(pcm, pcm, st.integers(-2, 50))
def test_searches_find_the_same(fragment: bytes, reference: bytes, length: int) -> None:
    assert_same("findfit", fragment, reference)
    assert_same("findfit", reference + fragment, reference)
    assert_same("findfactor", fragment, reference)
    assert_same("findfactor", fragment, fragment[::-1])
    assert_same("findmax", fragment, length)


def test_sums_that_doubles_no_longer_hold_are_rounded_the_same() -> None:
    noise = np.random.default_rng(5).integers(0, 256, 1 << 24, dtype=np.uint8).tobytes()
    loud = b"\x80" * (1 << 24)
    for name in ("avg", "rms"):
        for width in (2, 4):
            assert_same(name, noise, width)
            assert_same(name, loud, width)
        assert_same(name, noise[: 3 << 20], 3)
    louder = bytes([0, 0x80]) * ((1 << 23) + 5)
    assert_same("findfactor", louder + b"\1\0\3\0\5\0", louder + b"\7\0\3\0\1\0")
    assert_same("rms", louder + b"\1\0" * 9, 2)


@given(st.lists(sized(), max_size=4))
def test_adpcm_is_the_same_from_call_to_call(fragments: list[tuple[bytes, int]]) -> None:
    encoder = decoder = None
    for samples, width in fragments:
        codes = theirs.lin2adpcm(samples, width, encoder)
        assert ours.lin2adpcm(samples, width, encoder) == codes
        pcm = theirs.adpcm2lin(samples, width, decoder)
        assert ours.adpcm2lin(samples, width, decoder) == pcm
        encoder, decoder = codes[1], pcm[1]


@given(sized(), st.integers(-40_000, 40_000), st.integers(-3, 95))
def test_any_adpcm_state_is_taken_or_refused_the_same(
    fragment: tuple[bytes, int], value: int, index: int
) -> None:
    assert_same("lin2adpcm", *fragment, (value, index))
    assert_same("adpcm2lin", *fragment, (value, index))


@given(
    widths, st.integers(1, 3), rates, rates, st.integers(1, 7), st.integers(0, 7),
    st.lists(st.binary(max_size=60), max_size=4),
)  # fmt: skip
def test_ratecv_is_the_same_from_call_to_call(
    width: int, channels: int, inrate: int, outrate: int, a: int, b: int, pieces: list[bytes]
) -> None:
    state: tuple[int, tuple[tuple[int, int], ...]] | None = None
    frame = width * channels
    if outrate // math.gcd(inrate, outrate) > 50_000 and inrate < outrate:
        inrate, outrate = outrate, inrate  # else the output is longer than memory
    for piece in pieces:
        samples = piece[: len(piece) // frame * frame]
        expected = theirs.ratecv(samples, width, channels, inrate, outrate, state, a, b)
        assert ours.ratecv(samples, width, channels, inrate, outrate, state, a, b) == expected
        state = expected[1]


@given(sized(), rates, st.integers(-100_000, -1), c_ints, c_ints, st.integers(0, 3))
def test_ratecv_goes_on_from_any_state_the_same(
    fragment: tuple[bytes, int], inrate: int, ahead: int, before: int, now: int, weight: int
) -> None:
    # A state may come of other rates. One of 0 or more is of no call: CPython may write too far.
    state = (ahead, ((before, now),))
    assert_same("ratecv", *fragment, 1, inrate, 8_000, state, 2, weight)


def test_ratecv_refuses_a_state_that_asks_for_more_than_the_input_can_give() -> None:
    for fragment in (b"", b"\0\0"):
        with pytest.raises(ours.error, match="illegal state"):
            ours.ratecv(fragment, 2, 1, 1, 3, ((1 << 31) - 1, ((0, 0),)))


BAD_WIDTHS = [-1, 0, 5, 1 << 40, 2.0, "2", None]
BAD_FRAGMENTS: list[object] = ["text", None, 5, [1, 2], memoryview(bytes(8))[::2]]
BAD_RATECV_STATES: list[object] = [
    5, [], (), (-1,), (-1, ()), (-1, [(0, 0)]), (-1, (5,)), (-1, ((0,),)), (-1, ((0, 0, 0),)),
    (-1, ((0, 0), (0, 0))), (-1, ((0, 0.5),)), (-1, ((0, 1 << 31),)), ("x", ((0, 0),)),
    (-1 << 40, ((0, 0),)), (-1, ((0, 0),), 0),
]  # fmt: skip
BAD_ADPCM_STATES: list[object] = [
    5, [0, 0], (), (0,), (0, 0, 0), (0.5, 0), (0, "x"), (1 << 40, 0), (0, 89), (0, -1)
]  # fmt: skip
BAD_CALLS: list[tuple[object, ...]] = [
    *(("add", b"ab", b"ab", width) for width in BAD_WIDTHS),
    *(("adpcm2lin", b"ab", width, None) for width in BAD_WIDTHS),
    *(("bias", b"ab", width, 1) for width in BAD_WIDTHS),
    *(("getsample", b"ab", width, 0) for width in BAD_WIDTHS),
    *(("lin2adpcm", b"ab", width, None) for width in BAD_WIDTHS),
    *(("lin2lin", b"ab", width, 2) for width in BAD_WIDTHS),
    *(("lin2lin", b"ab", 2, width) for width in BAD_WIDTHS),
    *(("mul", b"ab", width, 1) for width in BAD_WIDTHS),
    *(("ratecv", b"ab", width, 1, 8, 8, None) for width in BAD_WIDTHS),
    *(("tomono", b"abcd", width, 1, 1) for width in BAD_WIDTHS),
    *(("tostereo", b"ab", width, 1, 1) for width in BAD_WIDTHS),
    *(("add", fragment, b"ab", 2) for fragment in BAD_FRAGMENTS),
    *(("add", b"ab", fragment, 2) for fragment in BAD_FRAGMENTS),
    *(("findfit", b"ab", fragment) for fragment in BAD_FRAGMENTS),
    *(("max", fragment, 2) for fragment in BAD_FRAGMENTS),
    *(("max", fragment, 1 << 40) for fragment in BAD_FRAGMENTS),
    *(("ratecv", fragment, 2, 1, 8, 8, None) for fragment in BAD_FRAGMENTS),
    ("add", b"ab", b"abcd", 2),
    ("add", b"abc", b"abc", 2),
    ("add", b"abc", b"a", 2),
    ("bias", b"ab", 2, 1 << 31),
    ("bias", b"ab", 2, 1.5),
    ("mul", b"ab", 2, "x"),
    ("mul", b"ab", 2, 1 << 2_000),
    ("mul", b"ab", 5, "x"),
    ("tomono", b"ab", 2, 1, 1),
    ("tomono", b"abcd", 2, 1, None),
    ("tostereo", b"ab", 2, 1),
    ("getsample", b"ab", 2, 1 << 80),
    ("getsample", b"ab", 2, 0.0),
    ("findmax", b"ab", 1 << 80),
    ("findmax", b"abc", 1),
    ("findmax", b"ab", -1),
    ("findfit", b"abc", b"ab"),
    ("findfit", b"ab", b"abcd"),
    ("findfactor", b"ab", b"abcd"),
    ("max",),
    ("max", b"ab"),
    ("max", b"ab", 2, 3),
    ("ratecv", b"ab", 2, 0, 8, 8, None),
    ("ratecv", b"ab", 2, -1, 8, 8, None),
    ("ratecv", b"ab", 2, 1 << 30, 8, 8, None),
    ("ratecv", b"ab", 2, 1, 0, 8, None),
    ("ratecv", b"ab", 2, 1, 8, -8, None),
    ("ratecv", b"ab", 2, 1, 8, 1 << 31, None),
    ("ratecv", b"ab", 2, 2, 8, 8, None),
    ("ratecv", b"ab", 2, 1, 8, 8),
    ("ratecv", b"ab", 2, 1, 8, 8, None, 0),
    ("ratecv", b"ab", 2, 1, 8, 8, None, 1, -1),
    *(("ratecv", b"ab", 2, 1, 8, 8, state) for state in BAD_RATECV_STATES),
    *(("adpcm2lin", b"ab", 2, state) for state in BAD_ADPCM_STATES),
    *(("lin2adpcm", b"ab", 2, state) for state in BAD_ADPCM_STATES),
]


@pytest.mark.parametrize("call", BAD_CALLS, ids=repr)
def test_a_bad_call_raises_the_same(call: tuple[str, *tuple[object, ...]]) -> None:
    name, *arguments = call
    with pytest.raises(Exception):
        getattr(theirs, name)(*arguments)
    assert_same(name, *arguments)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_arguments_are_positional_only(name: str) -> None:
    with pytest.raises(TypeError):
        getattr(ours, name)(fragment=b"")


@given(st.binary(max_size=60), st.integers(-2, 6))
def test_any_length_and_width_is_taken_or_refused_the_same(data: bytes, width: int) -> None:
    for name in FUNCTIONS:
        arguments: dict[str, tuple[object, ...]] = {
            "add": (data, data, width),
            "findfactor": (data, data),
            "findfit": (data, data[: len(data) // 2]),
            "findmax": (data, width),
            "ratecv": (data, width, 1, 8_000, 11_025, None),
            "tomono": (data, width, 1, 1),
            "tostereo": (data, width, 1, 1),
            "adpcm2lin": (data, width, None),
            "lin2adpcm": (data, width, None),
            **{it: (data, width, 1) for it in ("bias", "getsample", "lin2lin", "mul")},
        }
        assert_same(name, *arguments.get(name, (data, width)))


def test_any_contiguous_buffer_is_a_fragment() -> None:
    data = struct.pack("=6h", 1, -2, 300, -400, 32_767, -32_768)
    expected = theirs.mul(data, 2, 0.5)
    fragments: list[Any] = [
        bytearray(data), memoryview(data), array.array("i", data), array.array("d", data + bytes(4)),
        np.frombuffer(data, np.int16), np.frombuffer(data, np.int16).reshape(2, 3),
        memoryview(bytes(1) + data)[1:],
    ]  # fmt: skip
    for fragment in fragments:
        assert ours.mul(fragment, 2, 0.5)[:12] == expected
        assert_same("findmax", fragment, 2)
        assert_same("lin2ulaw", fragment, 2)


def test_a_strided_array_is_refused_the_same() -> None:
    assert_same("max", np.zeros(8, np.int16)[::2], 2)
    assert_same("max", np.zeros((4, 4), np.int16).T, 2)


def test_its_error_can_be_caught_by_its_name() -> None:
    with pytest.raises(ours.error, match="Size should be 1, 2, 3 or 4") as caught:
        ours.max(b"", 5)
    assert type(caught.value).__mro__[1:] == theirs.error.__mro__[1:]


def test_another_thread_runs_while_it_works() -> None:
    fragment = bytes(32 << 20)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1_000)  # only a thread that gives the interpreter up lets another run
    try:
        assert any(ran_during(lambda: ours.mul(fragment, 2, 0.5)) for _ in range(10))
        assert not ran_during(lambda: ours.mul(fragment[:320], 2, 0.5))
    finally:
        sys.setswitchinterval(interval)


def ran_during(work: Callable[[], object]) -> bool:
    go, ran = threading.Event(), threading.Event()

    def wait_and_run() -> None:
        go.wait()
        ran.set()

    thread = threading.Thread(target=wait_and_run)
    thread.start()
    go.set()
    work()
    did_run = ran.is_set()
    thread.join()
    return did_run


def run(script: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_old_code_works_with_the_module_replaced() -> None:
    script = """
import sys, trunkline
REPLACE
import io, struct, sunau, wave, aifc
import audioop
from audioop import lin2ulaw, ratecv, error
pcm = struct.pack("<320h", *(n * 97 % 4001 - 2000 for n in range(320)))
out = io.BytesIO()
with sunau.open(out, "wb") as file:
    out.close = lambda: None
    file.setparams((1, 2, 8000, 0, "ULAW", ""))
    file.writeframes(pcm)
with sunau.open(io.BytesIO(out.getvalue())) as file:
    print(file.getparams(), file.readframes(400).hex())
out = io.BytesIO()
with aifc.open(out, "wb") as file:
    out.close = lambda: None
    file.aifc()
    file.setparams((1, 2, 8000, 0, b"G722", b""))
    file.writeframes(pcm)
with aifc.open(io.BytesIO(out.getvalue())) as file:
    print(file.getparams(), file.readframes(400).hex())
out = io.BytesIO()
with wave.open(out, "wb") as file:
    file.setparams((1, 2, 8000, 0, "NONE", ""))
    file.writeframes(audioop.lin2lin(audioop.ulaw2lin(lin2ulaw(pcm, 2), 4), 4, 2))
with wave.open(io.BytesIO(out.getvalue())) as file:
    wide, state = ratecv(file.readframes(400), 2, 1, 8000, 24000, None)
print(wide.hex(), state, audioop.__name__ == "trunkline.audioop", file=sys.stdout)
try:
    audioop.add(b"a", b"ab", 1)
except error as raised:
    print(raised)
"""
    assigned = run(script.replace("REPLACE", 'sys.modules["audioop"] = trunkline.audioop'))
    installed = run(script.replace("REPLACE", "trunkline.install_audioop()"))
    without = run(script.replace("REPLACE", ""))
    assert "True" in assigned
    assert assigned == installed == without.replace("False", "True")


def test_install_takes_the_place_of_the_interpreters_unless_told_otherwise() -> None:
    script = "import trunkline; trunkline.install_audioop({}); import audioop; print(audioop.__name__)"
    assert run(script.format("")) == "trunkline.audioop\n"
    assert run(script.format("replace=False")) == "audioop\n"
    hidden = "import sys; sys.path[:], sys.meta_path[:] = [], sys.meta_path[:2]; "
    imported = "import trunkline, importlib.util, importlib.machinery; "
    assert run(imported + hidden + script.format("replace=False")) == "trunkline.audioop\n"


@pytest.mark.skipif(
    importlib.util.find_spec("test.test_audioop") is None, reason="installed without its tests"
)
def test_it_passes_the_interpreters_own_tests() -> None:
    script = """
import sys, types, unittest, warnings, trunkline
trunkline.install_audioop()
# They ask for the module afresh and for a warning that it is deprecated.
from test.support import warnings_helper
warnings_helper.import_deprecated = __import__
from test import test_audioop
assert test_audioop.audioop is trunkline.audioop
result = unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromModule(test_audioop))
print(result.testsRun)
sys.exit(not result.wasSuccessful())
"""
    assert int(run(script)) > 20


def test_it_is_there_after_importing_the_package() -> None:
    assert trunkline.audioop is ours
