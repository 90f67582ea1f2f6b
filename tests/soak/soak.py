#!/usr/bin/python3
"""Soak test: random lives of a database, each by a seed.

    DVSYNC_BIN=build/dev/bin/dvsync python3 tests/soak/soak.py SEED [--without 0,2] [--keep FOLDER]
    DVSYNC_BIN=... python3 tests/soak/soak.py SEED --seconds 600      this seed and those that follow it
    DVSYNC_BIN=... python3 tests/soak/soak.py SEED --shared ...       an entity that several sources share

A trial that fails is told step by step, then tried again without each of its steps, and what is left of it is
printed as a command. test_soak.py does the same under pytest.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent / "e2e"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

from harness import BIN, ROOT  # noqa: E402
from shared_trial import SharedTrial  # noqa: E402
from trial import Trial  # noqa: E402

MOST_FAILED = 10  # then something is wrong that more seeds do not tell better

def attempt(seed, without=(), keep=None, kind=Trial):
    """None, or (what went wrong, the trial)."""
    folder = Path(keep or tempfile.mkdtemp(prefix="dvsync-soak-"))
    trial = kind(seed, folder, without)
    try:
        trial.run()
        return None
    except AssertionError as e:
        return str(e), trial
    except Exception:  # noqa: BLE001
        return traceback.format_exc(), trial
    finally:
        if not keep:
            shutil.rmtree(folder)


def shorter(seed, steps, kind):
    """The steps that can be left out, one after the other, and the trial fails all the same."""
    without = set()
    for n in range(steps):
        if attempt(seed, without | {n}, kind=kind):
            without.add(n)
    return sorted(without)


def command(seed, without, kind):
    script = Path(__file__).resolve().relative_to(ROOT)
    options = f" --without {','.join(map(str, without))}" if without else ""
    options += " --shared" if kind is SharedTrial else ""
    return f"DVSYNC_BIN={BIN} /usr/bin/python3 {script} {seed}{options}"


def report(seed, without=(), keep=None, kind=Trial):
    """None, or the story of a failed trial."""
    failed = attempt(seed, without, keep, kind)
    if not failed:
        return None
    wrong, trial = failed
    lines = [f"soak trial {seed} failed: {wrong}", "", *(f"  {line}" for line in trial.told), "",
             "again:   " + command(seed, without, kind)]
    if not without:
        less = shorter(seed, trial.steps, kind)
        if less:
            lines.append("shorter: " + command(seed, less, kind))
    return "\n".join(lines)


def soak(seed, seconds, tell=print, kind=Trial):
    """Trials of `seed` and those that follow, for so long. Returns how many there were, and the seeds that failed."""
    end, first, failed = time.monotonic() + seconds, seed, []
    while time.monotonic() < end and len(failed) < MOST_FAILED:
        story = report(seed, kind=kind)
        if story:
            failed.append(seed)
            tell(story + "\n")
        seed += 1
    return seed - first, failed


def main():
    parser = argparse.ArgumentParser(description="random lives of a database, each by a seed")
    parser.add_argument("seed", type=int)
    parser.add_argument("--seconds", type=float, help="this seed and those that follow it, for so long")
    parser.add_argument("--without", default="", metavar="N,...", help="leave these steps out")
    parser.add_argument("--keep", metavar="FOLDER", help="the trial's files stay there (of one seed)")
    parser.add_argument("--shared", action="store_true", help="an entity that several sources share")
    options = parser.parse_args()
    kind = SharedTrial if options.shared else Trial
    if options.seconds:
        trials, failed = soak(options.seed, options.seconds, lambda text: print(text, flush=True), kind)
        print(f"{trials} trials from seed {options.seed} on, failed: {failed or 'none'}")
        return 1 if failed else 0
    story = report(options.seed, [int(n) for n in options.without.split(",") if n], options.keep, kind)
    print(story or f"soak trial {options.seed} is fine")
    return 1 if story else 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
