"""The native part of `trunkline.audioop` and `trunkline.audioop_hq`. Import from these.

A fragment is any object with a contiguous buffer. Its samples are signed integers of `width` bytes, 1 to
4, in the machine's byte order. Functions that take a width raise `error` if it is another, or if the
fragment is not a whole number of samples.
"""

from typing_extensions import Buffer
from typing import final

__all__ = [
    "RatecvState",
    "add",
    "adpcm2lin",
    "alaw2lin",
    "avg",
    "avgpp",
    "bias",
    "byteswap",
    "cross",
    "error",
    "findfactor",
    "findfit",
    "findmax",
    "getsample",
    "lin2adpcm",
    "lin2alaw",
    "lin2lin",
    "lin2ulaw",
    "max",
    "maxpp",
    "minmax",
    "mul",
    "ratecv",
    "ratecv_hq",
    "reverse",
    "rms",
    "tomono",
    "tostereo",
    "ulaw2lin",
]

class error(Exception):
    """A width, a length or another argument is out of range."""

# Made sample by sample

def add(fragment1: Buffer, fragment2: Buffer, width: int, /) -> bytes:
    """Adds two fragments, which must be equally long. Sums out of range become the nearest in range."""

def bias(fragment: Buffer, width: int, bias: int, /) -> bytes:
    """Adds `bias` to each sample. Sums out of range wrap around."""

def byteswap(fragment: Buffer, width: int, /) -> bytes:
    """Turns each sample's bytes round: little-endian to big-endian, and back."""

def lin2lin(fragment: Buffer, width: int, newwidth: int, /) -> bytes:
    """Changes the width: the first bytes of each sample are kept, zeros follow.

    Files and devices often have samples of one byte unsigned: add a `bias` of 128 then.
    """

def mul(fragment: Buffer, width: int, factor: float, /) -> bytes:
    """Multiplies each sample by `factor`, rounding down. Products out of range become the nearest in
    range."""

def reverse(fragment: Buffer, width: int, /) -> bytes:
    """Puts the samples in the opposite order."""

def tomono(fragment: Buffer, width: int, lfactor: float, rfactor: float, /) -> bytes:
    """Makes one channel of two: left times `lfactor` plus right times `rfactor`, rounded as by `mul`.

    Raises:
        error: As others do, and for an odd number of samples.
    """

def tostereo(fragment: Buffer, width: int, lfactor: float, rfactor: float, /) -> bytes:
    """Makes two channels of one: each sample times `lfactor`, then times `rfactor`, as by `mul`."""

# G.711

def alaw2lin(fragment: Buffer, width: int, /) -> bytes:
    """Decodes A-law, one byte a sample, to samples of `width` bytes."""

def lin2alaw(fragment: Buffer, width: int, /) -> bytes:
    """Encodes samples as A-law, one byte each."""

def lin2ulaw(fragment: Buffer, width: int, /) -> bytes:
    """Encodes samples as μ-law, one byte each; `"audioop"` among the variants of
    `trunkline.mulaw_encode`."""

def ulaw2lin(fragment: Buffer, width: int, /) -> bytes:
    """Decodes μ-law, one byte a sample, to samples of `width` bytes."""

# Intel/DVI ADPCM

def adpcm2lin(
    fragment: Buffer, width: int, state: tuple[int, int] | None, /
) -> tuple[bytes, tuple[int, int]]:
    """Decodes Intel/DVI ADPCM, two samples a byte, to samples of `width` bytes.

    Args:
        fragment: Codes; of two in a byte, that in the upper half is the first.
        width: Of the samples to make.
        state: That of the call before; None at the start.

    Returns:
        Samples, and the state for the next call.

    Raises:
        ValueError: No call has such a state.
    """

def lin2adpcm(
    fragment: Buffer, width: int, state: tuple[int, int] | None, /
) -> tuple[bytes, tuple[int, int]]:
    """Encodes samples as Intel/DVI ADPCM, two a byte; as `adpcm2lin`.

    Of an odd number of samples the last gets no code, though the state is that after it.
    """

# Numbers about a fragment

def avg(fragment: Buffer, width: int, /) -> int:
    """The mean of the samples, rounded down; 0 if there are none."""

def avgpp(fragment: Buffer, width: int, /) -> int:
    """The mean distance from one turning point to the next, rounded down; 0 if there are less than
    two."""

def cross(fragment: Buffer, width: int, /) -> int:
    """How often the sign changes; −1 if there are no samples."""

def getsample(fragment: Buffer, width: int, index: int, /) -> int:
    """The sample at an index, from 0.

    Raises:
        error: As others do, and if there is no such sample.
    """

def max(fragment: Buffer, width: int, /) -> int:
    """The largest absolute value of the samples; 0 if there are none."""

def maxpp(fragment: Buffer, width: int, /) -> int:
    """The largest distance from one turning point to the next; 0 if there are less than two."""

def minmax(fragment: Buffer, width: int, /) -> tuple[int, int]:
    """The smallest and the largest sample; `(0x7FFFFFFF, -0x80000000)` if there are none."""

def rms(fragment: Buffer, width: int, /) -> int:
    """The root of the mean of the samples' squares, rounded down; 0 if there are none."""

# One fragment in another, both of samples of two bytes

def findfactor(fragment: Buffer, reference: Buffer, /) -> float:
    """The factor by which `reference` comes nearest to `fragment`; both must be equally long."""

def findfit(fragment: Buffer, reference: Buffer, /) -> tuple[int, float]:
    """Where in `fragment` a multiple of `reference`, which must not be longer, fits best.

    Returns:
        The offset in samples, and the factor of `reference`.
    """

def findmax(fragment: Buffer, length: int, /) -> int:
    """The offset in samples of those `length` ones that have the most energy."""

# Sampling rates

def ratecv(
    fragment: Buffer,
    width: int,
    nchannels: int,
    inrate: int,
    outrate: int,
    state: tuple[int, tuple[tuple[int, int], ...]] | None,
    weightA: int = 1,
    weightB: int = 0,
    /,
) -> tuple[bytes, tuple[int, tuple[tuple[int, int], ...]]]:
    """Converts between sampling rates by straight lines from sample to sample.

    There is no filter: what is above half the lower rate comes out as noise. `trunkline.audioop_hq` and
    `trunkline.Resampler` have one.

    Args:
        fragment: Whole frames, each with a sample of every channel.
        width: Bytes a sample.
        nchannels: Channels.
        inrate: Rate of the input. Only its ratio to `outrate` matters.
        outrate: Rate of the output.
        state: That of the call before; None at the start.
        weightA: Of an input sample, in the mean that is taken for it.
        weightB: Of the mean before, in the same.

    Returns:
        Frames, and the state for the next call. The first call gives less than the others.

    Raises:
        error: An argument is out of range, or the state is not one of as many channels.
        TypeError: The state is of another form.
    """

def ratecv_hq(
    fragment: Buffer,
    width: int,
    nchannels: int,
    inrate: int,
    outrate: int,
    state: RatecvState | None,
    weightA: int = 1,
    weightB: int = 0,
    /,
) -> tuple[bytes, RatecvState]:
    """Converts between sampling rates with a filter against images and aliases.

    Takes the arguments of `audioop.ratecv`, and works as `trunkline.Resampler` does on every channel: the
    output is the same bytes however the input is cut, and as many for every call of whole groups of
    frames. It comes with the constant delay `trunkline.Resampler(inrate, outrate).delay`, 2.21 ms or
    less between 8, 16 and 24 kHz and 10 to 11 ms for other rates from or to 8 kHz; so much silence given
    at the end brings out the last of the sound. Equal rates give back what came, at once.

    Args:
        fragment: Whole frames, each with a sample of every channel.
        width: Bytes a sample. Of wider samples 16 bits are used.
        nchannels: Channels, 64 at most.
        inrate: Rate of the input in Hz.
        outrate: Rate of the output in Hz.
        state: That of the call before; None at the start. A state is good for one call.
        weightA: Checked as there, otherwise unused: the filter makes a mean needless.
        weightB: As `weightA`.

    Returns:
        Frames, and the state for the next call.

    Raises:
        error: An argument is out of range, or the state is of other rates, of another number of channels
            or has been passed on before; it stays as it was.
        TypeError: The state is not one of this function's.
        UnsupportedRateError: No conversion between these rates.
    """

@final
class RatecvState:
    """The filters between two calls of `trunkline.audioop_hq.ratecv`. It has nothing to look at."""
