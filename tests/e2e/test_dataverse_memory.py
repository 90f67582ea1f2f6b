"""Dataverse: the memory of a sync does not grow with the number of rows, and is small, also with many wide streams."""

import time
from pathlib import Path

import pytest
from dataverse import dataverse_project
from harness import BUILD, DONE, LONG
from sim import Sim

MOST_KB = 64 << 10
SMALL, LARGE = 20_000, 100_000 if LONG else 60_000
EIGHT = ["accounts", "contacts", "opportunities", "tasks", "emails", "products", "systemusers", "teams"]

pytestmark = pytest.mark.skipif(
    "sanitize" in next((line for line in (BUILD / "CMakeCache.txt").read_text().splitlines()
                        if line.startswith("CMAKE_C_FLAGS_RELWITHDEBINFO:")), "")
    and "CMAKE_BUILD_TYPE:STRING=RelWithDebInfo" in (BUILD / "CMakeCache.txt").read_text(),
    reason="a sanitizer's shadow memory counts as ours")


def peak(project, *args):
    """The most memory (KB) that a command had resident. From /proc, for ru_maxrss would count what this program had when it
    started the other."""
    most = 0
    with project.start(*args) as running:
        status = Path(f"/proc/{running.pid}/status")
        while running.process.poll() is None:
            lines = status.read_text().splitlines()
            most = max([most, *(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))])
            time.sleep(0.005)
        result = running.wait()
    assert result.code == DONE, result
    assert most > 0
    return most


def peaks(folder, entities, rows, **settings):
    args = [a for table, n in rows.items() for a in ("--rows", f"{table}={n}")]
    with Sim(*args) as sim:
        project = dataverse_project(folder, sim, entities, **settings)
        found = {"first": peak(project, "sync", "-q"), "full": peak(project, "sync", "--full", "-q"),
                 "diff": peak(project, "diff", "--summary", "-q")}
        sim.expect_clean()
    return found


def test_more_rows_need_no_more_memory(tmp_path):
    """Goal: many times the rows, nearly the same peak, and below 64 MB: first load, complete read, diff."""
    small = peaks(tmp_path / "small", ["accounts"], {"accounts": SMALL})
    large = peaks(tmp_path / "large", ["accounts"], {"accounts": LARGE})
    for what, kb in large.items():
        assert kb < MOST_KB, (what, small, large)
        # Queue and read-ahead hold up to 16 MB, and how full they get is a matter of timing.
        assert kb < small[what] + 16384 + (LARGE - SMALL) * 40 / 1024, (what, small, large)


def test_eight_streams(tmp_path):
    """Goal: eight tables at once, one of them of 290 columns: still below 64 MB."""
    n = 20_000 if LONG else 3_000
    found = peaks(tmp_path, EIGHT, {t: n // 4 if t == "contacts" else n for t in EIGHT})
    assert max(found.values()) < MOST_KB, found
