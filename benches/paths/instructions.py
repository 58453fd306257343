"""Compares counted instructions, gungraun's JSON on standard input, with those in instructions.tsv.

More than the tolerance is a regression, less than it an improvement that is not written down yet:
both fail, and so does a row that only one side has. With --update the figures are written instead.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

COMMITTED = Path(__file__).with_name("instructions.tsv")
# As in instructions.rs.
STEPS = 100
SAMPLES = 160
# Relative, and in instructions: where the stack lies decides over a few of them in a copy.
TOLERANCE = 0.02, 12
# Other compilers choose other instructions; then only more than this is a failure.
TOLERANCE_OF_OTHER_TOOLS = 0.15, 20
# What /proc/cpuinfo calls the levels; "build" is what the compiler was told, and always there.
LEVELS = ("avx2", "sse4_2", "sse2", "build")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--update", action="store_true", help="write instructions.tsv")
    update = parser.parse_args().update
    if platform.machine() != "x86_64":
        print(f"not compared: the figures are of x86_64, and this is {platform.machine()}")
        return 0

    counted = read_counted()
    missing = [level for level in LEVELS[:-1] if level not in cpu_flags()]
    if update:
        if missing:
            sys.exit(f"not written: this machine has no {', '.join(missing)}")
        write(counted)
        print(f"{len(counted)} rows written to {COMMITTED.name}")
        return 0

    committed, tools = read_committed()
    not_run = [row for row in committed if row[1] in missing]
    counted = {row: figure for row, figure in counted.items() if row[1] not in missing}
    rows = [row for row in dict.fromkeys([*committed, *counted]) if row not in not_run]
    same_tools = tools == tools_here()
    relative, absolute = TOLERANCE if same_tools else TOLERANCE_OF_OTHER_TOOLS

    print(f"{'path':22} {'level':7}{'committed':>11}{'now':>11}{'':>9}{'per sample':>12}")
    failures = {"more": 0, "less": 0, "missing": 0, "new": 0}
    for row in rows:
        before, now = committed.get(row), counted.get(row)
        verdict = judge(before, now, relative, absolute)
        if verdict == "less" and not same_tools:
            verdict = None
        if verdict:
            failures[verdict] += 1
        print(table_line(row, before, now, verdict))

    if not same_tools:
        print(
            f"\nOTHER TOOLS: the figures were taken with {tools}, this is {tools_here()}.\n"
            f"Only rows of more than {relative:.0%} more fail; `make instructions-update` brings back"
            f" {TOLERANCE[0]:.0%}."
        )
    for level in missing:
        count = sum(row[1] == level for row in not_run)
        print(f"\nNOT RUN: {count} rows, since this machine has no {level}")
    for verdict, advice in ADVICE.items():
        if failures[verdict]:
            print(f"\nFAILED: {failures[verdict]} {advice}")
    failed = sum(failures.values())
    print(
        f"\n{len(rows) - failed} of {len(rows)} rows within {relative:.0%}"
        f" of instructions.tsv, {failed} failed, {len(not_run)} not run"
    )
    return failed > 0


ADVICE = {
    "more": "rows take more instructions than written down. If that is the price of something:"
    " make instructions-update, and say so in the commit",
    "less": "rows take fewer instructions than written down, so much the better: run"
    " make instructions-update and commit",
    "missing": "rows are written down that were not counted. If they are gone on purpose:"
    " make instructions-update",
    "new": "rows were counted that are not written down: run make instructions-update and commit",
}


def judge(before, now, relative, absolute):
    if now is None:
        return "missing"
    if before is None:
        return "new"
    if abs(now - before) <= before * relative + absolute:
        return None
    return "more" if now > before else "less"


def table_line(row, before, now, verdict):
    path, level = row
    figure = lambda value: "-" if value is None else f"{value:,.1f}"
    change = f"{now / before - 1:+.2%}" if before and now else ""
    each = "-" if now is None else f"{now / unit(path):.2f}"
    line = f"{path:22} {level:7}{figure(before):>11}{figure(now):>11}{change:>9}{each:>12}"
    return f"{line}  {verdict.upper()}" if verdict else line


def unit(path):
    """Samples of a step at 8 kHz; bytes of base64."""
    length = re.fullmatch(r"base64_\w+_(\d+)", path)
    return int(length[1]) if length else SAMPLES


def read_counted():
    """Instructions per step by path and level, in the order of instructions.rs."""
    counted = {}
    for line in sys.stdin:
        summary = json.loads(line)
        (profile,) = summary["profiles"]
        instructions = profile["data"]["total"]["metrics"]["Ir"]["values"]["new"]
        counted[summary["id"], summary["function_name"]] = instructions / STEPS
    if not counted:
        sys.exit("nothing was counted")
    return dict(sorted(counted.items(), key=lambda item: LEVELS.index(item[0][1])))


def read_committed():
    committed = {}
    tools = ""
    for line in COMMITTED.read_text().splitlines() if COMMITTED.exists() else ():
        if line.startswith("# tools: "):
            tools = line.removeprefix("# tools: ")
        elif line and not line.startswith(("#", "path\t")):
            path, level, instructions, _ = line.split("\t")
            committed[path, level] = float(instructions)
    return committed, tools


def write(counted):
    lines = [
        "# Instructions of each hot path per step: 20 ms, or one buffer of base64. Written by"
        " `make instructions-update`.",
        "# Per sample at 8 kHz, of which a step has 160; of base64 per byte.",
        f"# tools: {tools_here()}",
        "path\tlevel\tinstructions\tper sample",
    ]
    for (path, level), figure in counted.items():
        lines.append(f"{path}\t{level}\t{figure:.2f}\t{figure / unit(path):.2f}")
    COMMITTED.write_text("\n".join(lines) + "\n")


def tools_here():
    """What the figures depend on besides the code: the compiler, and the copies of libc."""
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True)
    return f"{rustc.stdout.strip()}, {os.confstr('CS_GNU_LIBC_VERSION')}"


def cpu_flags():
    flags = re.search(r"^flags\s*:(.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return flags[1].split() if flags else ()


if __name__ == "__main__":
    sys.exit(main())
