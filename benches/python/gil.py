"""From how much audio on does it pay to let other threads run meanwhile?

    make gil-python

Builds the bindings twice, never and always giving up the interpreter, and prints what each costs and
brings: what `DETACH_LEN` in `bindings-python/src/gil.rs` is chosen by.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "target" / "gil"
BUILDS = {"kept": "usize::MAX", "given up": "0"}
SIZES = [160, 64 << 10, 256 << 10, 1 << 20, 4 << 20]
SECONDS = 0.2
RUNS = 7
Call = Callable[[], object]


def build() -> None:
    source = WORK / "source"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True)
    shutil.rmtree(source, ignore_errors=True)
    for name in listed.stdout.decode().split("\0"):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, source / name)
    gil_rs = source / "bindings-python" / "src" / "gil.rs"
    text = gil_rs.read_text()
    for name, value in BUILDS.items():
        changed, count = re.subn(r"(DETACH_LEN: usize =) [^;]+;", rf"\1 {value};", text)
        assert count == 1
        # Constants compared with everything or nothing.
        gil_rs.write_text("#![allow(clippy::all, unused_comparisons)]\n" + changed)
        out = WORK / name
        shutil.rmtree(out, ignore_errors=True)
        subprocess.run(
            [
                *(Path(sys.executable).with_name("maturin"), "build", "--quiet", "--release"),
                *("--locked", "--out", out),
            ],
            cwd=source / "bindings-python",
            env=os.environ | {"CARGO_TARGET_DIR": str(WORK / "cargo")},
            check=True,
        )
        [wheel] = out.glob("*.whl")
        shutil.unpack_archive(wheel, out, "zip")


def measure() -> dict[str, dict[str, float]]:
    """In this process, of the build that it finds: seconds a call."""
    import trunkline

    rows: dict[str, dict[str, float]] = {}
    for size in SIZES:
        src = bytes(size)
        for name, make in {
            "mulaw_encode_into": lambda: encoder(trunkline, src),
            "Resampler(8000, 24000).process_into": lambda: upsampler(trunkline, src),
        }.items():
            rows[f"{name} {size}"] = {
                "alone": together([make()]),
                "beside": beside_python(make()),
                "two": together([make(), make()]),
            }
    return rows


def encoder(trunkline, src: bytes) -> Call:
    dst = bytearray(len(src) // 2)
    return lambda: trunkline.mulaw_encode_into(src, dst)


def upsampler(trunkline, src: bytes) -> Call:
    process = trunkline.Resampler(8_000, 24_000).process_into
    dst = bytearray(3 * len(src))
    return lambda: process(src, dst)


def together(calls: list[Call]) -> float:
    """Each in a thread of its own, over all the calls that they make."""
    counts = [0] * len(calls)
    start = time.perf_counter()

    def work(which: int) -> None:
        end = start + SECONDS
        while time.perf_counter() < end:
            calls[which]()
            counts[which] += 1

    threads = [threading.Thread(target=work, args=[which]) for which in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - start) / sum(counts)


def beside_python(call: Call) -> float:
    """Beside a thread that is busy with Python."""
    done = threading.Event()

    def busy() -> None:
        while not done.is_set():
            pass

    thread = threading.Thread(target=busy)
    thread.start()
    seconds = together([call])
    done.set()
    thread.join()
    return seconds


def main() -> None:
    build()
    runs: dict[str, list[dict[str, dict[str, float]]]] = {name: [] for name in BUILDS}
    for _ in range(RUNS):
        for name, those in runs.items():
            environment = os.environ | {"PYTHONPATH": str(WORK / name)}
            command = [sys.executable, "-B", __file__, "--measure"]
            run = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
            those.append(json.loads(run.stdout))
    print("µs a call           alone             beside Python        two threads, over both")
    print("               kept  given up        kept  given up        kept  given up   gain")
    # By function; sizes stay in order.
    for key in sorted(runs["kept"][0], key=lambda key: key.rsplit(" ", 1)[0]):
        name, size = key.rsplit(" ", 1)
        if int(size) == SIZES[0]:
            print(name)
        columns = {
            column: [statistics.median(1e6 * it[key][column] for it in those) for those in runs.values()]
            for column in ("alone", "beside", "two")
        }
        kept, given_up = columns["two"]
        cells = "      ".join(f"{a:9.2f} {b:9.2f}" for a, b in columns.values())
        print(f"{int(size):>9,} {cells}  {kept / given_up:5.2f}")


if __name__ == "__main__":
    if "--measure" in sys.argv:
        json.dump(measure(), sys.stdout)
    else:
        main()
