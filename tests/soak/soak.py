#!/usr/bin/python3
"""Soak test: random lives of a database, each by a seed.

    DVSYNC_BIN=build/dev/bin/dvsync python3 tests/soak/soak.py SEED [--without 0,2] [--keep FOLDER]
    DVSYNC_BIN=... python3 tests/soak/soak.py SEED --seconds 600      this seed and those that follow it

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
from trial import Trial  # noqa: E402

MOST_FAILED = 10  # then something is wrong that more seeds do not tell better

def attempt(seed, without=(), keep=None):
    """None, or (what went wrong, the trial)."""
    folder = Path(keep or tempfile.mkdtemp(prefix="dvsync-soak-"))
    trial = Trial(seed, folder, without)
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


def shorter(seed, steps):
    """The steps that can be left out, one after the other, and the trial fails all the same."""
    without = set()
    for n in range(steps):
        if attempt(seed, without | {n}):
            without.add(n)
    return sorted(without)


def command(seed, without=()):
    script = Path(__file__).resolve().relative_to(ROOT)
    left_out = f" --without {','.join(map(str, without))}" if without else ""
    return f"DVSYNC_BIN={BIN} /usr/bin/python3 {script} {seed}{left_out}"


def report(seed, without=(), keep=None):
    """None, or the story of a failed trial."""
    failed = attempt(seed, without, keep)
    if not failed:
        return None
    wrong, trial = failed
    lines = [f"soak trial {seed} failed: {wrong}", "", *(f"  {line}" for line in trial.told), "",
             "again:   " + command(seed, without)]
    if not without:
        less = shorter(seed, trial.steps)
        if less:
            lines.append("shorter: " + command(seed, less))
    return "\n".join(lines)


def soak(seed, seconds, tell=print):
    """Trials of `seed` and those that follow, for so long. Returns how many there were, and the seeds that failed."""
    end, first, failed = time.monotonic() + seconds, seed, []
    while time.monotonic() < end and len(failed) < MOST_FAILED:
        story = report(seed)
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
    options = parser.parse_args()
    if options.seconds:
        trials, failed = soak(options.seed, options.seconds, lambda text: print(text, flush=True))
        print(f"{trials} trials from seed {options.seed} on, failed: {failed or 'none'}")
        return 1 if failed else 0
    story = report(options.seed, [int(n) for n in options.without.split(",") if n], options.keep)
    print(story or f"soak trial {options.seed} is fine")
    return 1 if story else 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
