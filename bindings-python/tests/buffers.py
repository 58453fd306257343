"""Bytes and samples in every kind of object that exports them."""

import array
from collections.abc import Callable
from typing import cast

import numpy as np
from typing_extensions import Buffer

BYTES: dict[str, Callable[[bytes], Buffer]] = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "memoryview at an odd address": lambda data: memoryview(b"x" + data)[1:],
    "memoryview of a bytearray": lambda data: memoryview(bytearray(data)),
    "signed array": lambda data: array.array("b", data),
    "unsigned array": lambda data: array.array("B", data),
    "numpy": lambda data: ndarray(data, "u1"),
}

# PCM may come as what it is or as its bytes.
PCM: dict[str, Callable[[bytes], Buffer]] = {
    **BYTES,
    "array of samples": lambda data: array.array("h", data),
    "memoryview of samples": lambda data: memoryview(data).cast("h"),
    "numpy of samples": lambda data: ndarray(data, "i2"),
    "numpy of little-endian samples": lambda data: ndarray(data, "<i2"),
    "two-dimensional numpy": lambda data: ndarray(data, "i2", columns=1),
}

WRITABLE_BYTES: dict[str, Callable[[int], Buffer]] = {
    "bytearray": bytearray,
    "memoryview": lambda length: memoryview(bytearray(length)),
    "array": lambda length: array.array("B", bytes(length)),
    "numpy": lambda length: ndarray(bytearray(length), "u1"),
}

WRITABLE_PCM: dict[str, Callable[[int], Buffer]] = {
    "bytearray": lambda length: bytearray(2 * length),
    "array": lambda length: array.array("h", bytes(2 * length)),
    "numpy": lambda length: ndarray(bytearray(2 * length), "i2"),
    "two-dimensional numpy": lambda length: ndarray(bytearray(2 * length), "i2", columns=1),
}


def ndarray(
    data: bytes | bytearray, dtype: str, *, columns: int | None = None, only: int | None = None
) -> Buffer:
    """NumPy's types say that it exports buffers from Python 3.12 on; it does on 3.11, too."""
    array = np.frombuffer(data, dtype)
    if columns is not None:
        array = array.reshape(-1, columns)
    return cast(Buffer, array if only is None else array[:, only])
