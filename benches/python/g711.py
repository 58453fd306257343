"""G.711: trunkline, the interpreter's audioop, and a table in NumPy."""

import audioop
from dataclasses import dataclass

import numpy as np
import trunkline

from audio import speech_like
from race import Contestant, statement

PEERS = ["trunkline", "trunkline, into", "audioop", "NumPy table"]
LAWS = ["mulaw", "alaw"]
DECODE, ENCODE = "decode", "encode"


@dataclass(frozen=True)
class Task:
    law: str
    direction: str
    samples: int

    def contestants(self) -> list[Contestant]:
        """All of `PEERS`, whose results are what they should be."""
        pcm = np.resize(speech_like(8_000, 8_000), self.samples)
        codes = np.frombuffer(getattr(trunkline, f"{self.law}_encode")(pcm), np.uint8)
        work = getattr(trunkline, f"{self.law}_{self.direction}")
        into = getattr(trunkline, f"{self.law}_{self.direction}_into")
        name = self.law.removesuffix("law")
        short = "ulaw" if name == "mu" else "alaw"
        if self.direction == DECODE:
            src = codes.tobytes()
            dst = bytearray(2 * self.samples)
            theirs = getattr(audioop, f"{short}2lin")
            table = np.frombuffer(theirs(bytes(range(256)), 2), np.int16)
            dtype: type = np.uint8
        else:
            src = pcm.tobytes()
            dst = bytearray(self.samples)
            theirs = getattr(audioop, f"lin2{short}")
            every = np.arange(1 << 16, dtype=np.uint16).tobytes()
            table = np.frombuffer(theirs(every, 2), np.uint8)
            dtype = np.uint16
        into(src, dst)
        assert work(src) == bytes(dst)
        expected = theirs(src, 2)
        # audioop folds 508 negative samples otherwise than the Recommendation does, by one code.
        ours, others = (np.frombuffer(it, np.uint8).astype(int) for it in (dst, expected))
        assert np.abs(ours - others).max() <= (self.direction == ENCODE)
        assert table[np.frombuffer(src, dtype)].tobytes() == expected
        frombuffer = np.frombuffer
        return [
            statement(PEERS[0], "work(src)", work=work, src=src),
            statement(PEERS[1], "into(src, dst)", into=into, src=src, dst=dst),
            statement(PEERS[2], "theirs(src, 2)", theirs=theirs, src=src),
            statement(
                PEERS[3],
                "table[frombuffer(src, dtype)].tobytes()",
                table=table,
                frombuffer=frombuffer,
                src=src,
                dtype=dtype,
            ),
        ]


def tasks(samples_of: dict[str, int]) -> list[Task]:
    """Each law and direction; `samples_of` each direction."""
    return [Task(law, direction, samples_of[direction]) for law in LAWS for direction in samples_of]
