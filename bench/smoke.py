#!/usr/bin/env python3
"""Proves on a few hundred rows that the benchmark works: every step gets a speed, and none when the content is wrong.

    bench/smoke.py BUILD
"""
import json
import pathlib
import subprocess
import sys
import tempfile

ROWS = 300
RUN = pathlib.Path(__file__).resolve().parent / "run.py"
STEPS = {"floor_no_raw", "floor", "floor_read", "first", "unchanged", "diff", "diff_changed", "changed"}

# A dvsync that loses one value on its way into the database.
BAD = """#!/bin/sh
{dvsync} "$@"
code=$?
exec python3 - "$code" "{db}" <<'END'
import sqlite3, sys
con = sqlite3.connect(sys.argv[2])
con.execute("UPDATE records SET f1 = 'lost' WHERE row_id = 7")
con.commit()
sys.exit(int(sys.argv[1]))
END
"""


def run(build, folder, *more):
    result = folder / "result.json"
    done = subprocess.run([sys.executable, RUN, "--build", build, "--no-build", "--rows", str(ROWS), "--repeat", "1",
                           "--work", folder, "--json", result, *more], stdout=subprocess.PIPE, text=True)
    print(done.stdout)
    return done, json.loads(result.read_text())


def good(build, folder):
    done, result = run(build, folder)
    assert done.returncode == 0, f"exit code {done.returncode}"
    steps = {step["step"]: step for step in result["steps"]}
    assert STEPS <= set(steps), f"steps are missing: {STEPS - set(steps)}"
    for step in steps.values():
        assert step["rows_per_second"] > 0 and step["peak_mb"] > 0 and step["ratio"] > 0, step
    for sync in ("first", "unchanged"):
        rungs = result["where_the_time_goes"][sync]
        assert len(rungs) > 3 and all(rung["cpu_seconds"] > 0 for rung in rungs), rungs


def bad(build, folder):
    fake = folder / "build"
    (fake / "bin").mkdir(parents=True)
    for name in ("bench", "plugins"):
        (fake / name).symlink_to(build / name)
    program = fake / "bin/dvsync"
    program.write_text(BAD.format(dvsync=build / "bin/dvsync", db=folder / "bench.db"))
    program.chmod(0o755)
    done, result = run(fake, folder, "--only", "floor", "floor_read", "first", "diff")
    assert done.returncode == 1, f"exit code {done.returncode}"
    steps = {step["step"]: step for step in result["steps"]}
    for name in ("first", "diff"):
        assert "wrong" in steps[name] and "rows_per_second" not in steps[name], steps[name]
    assert steps["floor"]["rows_per_second"] > 0, "what is right has a speed"


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    for test in (good, bad):
        with tempfile.TemporaryDirectory(prefix="dvsync-bench-") as folder:
            test(build, pathlib.Path(folder))


if __name__ == "__main__":
    main()
