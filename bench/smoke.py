#!/usr/bin/env python3
"""Proves on a few hundred rows that the benchmark works: every step gets a speed, and none when the content is wrong.

    bench/smoke.py BUILD [csv|dataverse|gather]
"""
import json
import pathlib
import subprocess
import sys
import tempfile

ROWS = 300
RUN = pathlib.Path(__file__).resolve().parent / "run.py"
STEPS = {"floor_no_raw", "floor", "floor_read", "first", "unchanged", "diff", "diff_changed", "changed"}
GATHER = {f"{name}_{kind}" for name in ("stream", "one", "two") for kind in ("first", "unchanged", "diff", "changed")}
# The steps; what a bad dvsync loses: file, table, column; steps that are right then, and steps that are wrong.
WORLDS = {"csv": (STEPS, ("bench.db", "records", "f1"), ("floor", "floor_read"), ("first", "diff")),
          "dataverse": (STEPS | {"floor_download", "floor_tokenise", "answer", "nothing"}, ("bench.db", "accounts", "name"),
                        ("floor", "floor_read"), ("first", "diff")),
          "gather": (GATHER, ("two.db", "records", "f1"), ("one_first",),
                     ("two_first", "two_unchanged"))}

# A dvsync that loses one value on its way into the database.
BAD = """#!/bin/sh
{dvsync} "$@"
code=$?
exec python3 - "$code" "{db}" <<'END'
import os, sqlite3, sys
if not os.path.exists(sys.argv[2]):
    sys.exit(int(sys.argv[1]))
con = sqlite3.connect(sys.argv[2])
con.execute("UPDATE {table} SET {column} = 'lost' WHERE row_id = 7")
con.commit()
sys.exit(int(sys.argv[1]))
END
"""


def run(build, world, folder, *more):
    result = folder / "result.json"
    done = subprocess.run([sys.executable, RUN, world, "--build", build, "--no-build", "--rows", str(ROWS), "--repeat",
                           "1", "--work", folder, "--json", result, *more], stdout=subprocess.PIPE, text=True)
    print(done.stdout)
    return done, json.loads(result.read_text())


def good(build, world, folder):
    done, result = run(build, world, folder)
    assert done.returncode == 0, f"exit code {done.returncode}"
    steps = {step["step"]: step for step in result["steps"]}
    assert WORLDS[world][0] <= set(steps), f"steps are missing: {WORLDS[world][0] - set(steps)}"
    for step in steps.values():
        assert step["rows_per_second"] > 0 and step["peak_mb"] > 0 and step["ratio"] > 0, step
    for sync in ("first", "unchanged") if result["where_the_time_goes"] else ():
        rungs = result["where_the_time_goes"][sync]
        assert len(rungs) > 3 and all(rung["cpu_seconds"] > 0 for rung in rungs), rungs


def bad(build, world, folder):
    fake = folder / "build"
    (fake / "bin").mkdir(parents=True)
    for name in ("bench", "plugins", "bin/dvsync-sim"):
        (fake / name).symlink_to(build / name)
    program = fake / "bin/dvsync"
    _, (db, table, column), right, wrong = WORLDS[world]
    program.write_text(BAD.format(dvsync=build / "bin/dvsync", db=folder / db, table=table, column=column))
    program.chmod(0o755)
    done, result = run(fake, world, folder, "--only", *right, *wrong)
    assert done.returncode == 1, f"exit code {done.returncode}"
    steps = {step["step"]: step for step in result["steps"]}
    for name in wrong:
        assert "wrong" in steps[name] and "rows_per_second" not in steps[name], steps[name]
    assert steps[right[0]]["rows_per_second"] > 0, "what is right has a speed"


def pauses(build, world, folder):
    """The options of the service: compressed answers, pauses, several tables."""
    if world != "dataverse":
        return
    done, result = run(build, world, folder, "--gzip", "--latency", "20", "--tables", "2")
    assert done.returncode == 0, f"exit code {done.returncode}"
    first = next(step for step in result["steps"] if step["step"] == "first")
    assert first["seconds"] > 0.02 and first["requests"]["pages"] == 2, first


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    world = sys.argv[2] if len(sys.argv) > 2 else "csv"
    for test in (good, bad, pauses):
        with tempfile.TemporaryDirectory(prefix="dvsync-bench-") as folder:
            test(build, world, pathlib.Path(folder))


if __name__ == "__main__":
    main()
