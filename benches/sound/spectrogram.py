"""Spectrograms as small PNG files of few colours."""

import struct
import zlib

import numpy as np

COLUMNS = 240
ROWS = 120
FLOOR_DB = -96
TOP_DB = -18
# Dark to bright, evenly so to the eye.
ANCHORS = ["0b0924", "2f1163", "6a1c81", "a8327d", "e14f63", "fb8861", "fec488", "fcfdbf"]
COLOURS = 24


def png(audio, rate):
    """`COLUMNS` steps of time by `ROWS` of frequency, 0 Hz at the bottom."""
    window = 2 * ROWS * rate // 8_000
    shape = np.hanning(window)
    padded = np.concatenate([np.zeros(window // 2), audio / 32768, np.zeros(window)])
    starts = np.linspace(0, len(audio), COLUMNS, endpoint=False).astype(int)
    frames = np.stack([padded[start : start + window] * shape for start in starts])
    power = abs(np.fft.rfft(frames)[:, : window // 2]) ** 2 / (shape.sum() / 2) ** 2
    power = power.reshape(COLUMNS, ROWS, -1).max(axis=2)
    level = 10 * np.log10(power + 1e-12)
    shade = np.clip((level - FLOOR_DB) / (TOP_DB - FLOOR_DB), 0, 1)
    pixels = np.round(shade * (COLOURS - 1)).astype(np.uint8).T[::-1]
    return encode(pixels, palette())


def palette():
    anchors = np.array([list(bytes.fromhex(anchor)) for anchor in ANCHORS], dtype=float)
    at = np.linspace(0, len(anchors) - 1, COLOURS)
    channels = [np.interp(at, np.arange(len(anchors)), channel) for channel in anchors.T]
    return np.round(np.stack(channels, axis=1)).astype(np.uint8)


def encode(pixels, colours):
    """A PNG file of one byte per pixel, an index into the colours."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = pixels.shape
    unfiltered = b"".join(b"\0" + row.tobytes() for row in pixels)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0))
        + chunk(b"PLTE", colours.tobytes())
        + chunk(b"IDAT", zlib.compress(unfiltered, 9))
        + chunk(b"IEND", b"")
    )
