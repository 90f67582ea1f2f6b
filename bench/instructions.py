#!/usr/bin/env python3
"""What dvsync costs in instructions, counted by callgrind: of two builds, where seconds are too coarse to tell.

    bench/instructions.py BUILD [OTHER] [--rows N] [--columns M] [--most PERCENT]

Loads a CSV file, syncs it again without a change, and compares it, with BUILD, and with OTHER, an older build. Needs
valgrind. The exit code is 1 when BUILD executes PERCENT more than OTHER in any of these.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

RUNS = (("first load", ["sync"]), ("nothing changed", ["sync", "--full"]), ("diff, no drift", ["diff"]))
PROJECT = """name: bench
sources: {file: {plugin: csv, settings: {path: data/records.csv}}}
sink: {plugin: sqlite, settings: {path: bench.db}}
entities: [{name: records, key: [id]}]
"""


def count(build, work, arguments):
    """Instructions of all threads."""
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={work}/callgrind.out", build / "bin/dvsync",
               "--plugin-path", build / "plugins", *arguments, "--config-file", work / "bench.yaml", "--json",
               "--no-progress"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    found = re.search(r"refs:\s+([\d,]+)", done.stderr)
    if done.returncode != 0 or not found:
        sys.exit(f"instructions: exit code {done.returncode}: {done.stderr[-400:]}")
    return int(found.group(1).replace(",", ""))


def measure(build, o):
    """Instructions of each of RUNS."""
    with tempfile.TemporaryDirectory(prefix="dvsync-instructions-") as folder:
        work = pathlib.Path(folder)
        (work / "data").mkdir()
        (work / "bench.yaml").write_text(PROJECT)
        with open(work / "data/records.csv", "wb") as file:
            subprocess.run([o.build / "bench/gen_csv", "--rows", str(o.rows), "--columns", str(o.columns)], stdout=file,
                           check=True)
        return [count(build, work, arguments) for _, arguments in RUNS]


def main():
    parser = argparse.ArgumentParser(description="instructions of dvsync, beside those of another build")
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("other", type=pathlib.Path, nargs="?")
    parser.add_argument("--rows", type=int, default=20000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--most", type=float, default=float("inf"), metavar="PERCENT")
    o = parser.parse_args()
    o.build = o.build.resolve()
    if not shutil.which("valgrind"):
        sys.exit("instructions: valgrind is not installed")
    here = measure(o.build, o)
    there = measure(o.other.resolve(), o) if o.other else here
    worst = 0
    print(f"{o.rows:,} rows x {o.columns} columns{'':<20} {'instructions':>15} {'a row':>8}" +
          bool(o.other) * f" {'other build':>15} {'more':>8}")
    for (title, _), now, before in zip(RUNS, here, there):
        more = (now - before) * 100 / before
        worst = max(worst, more)
        print(f"{title:<46} {now:>15,} {now // o.rows:>8,}" + bool(o.other) * f" {before:>15,} {more:>+7.1f}%")
    return 1 if worst > o.most else 0


if __name__ == "__main__":
    sys.exit(main())
