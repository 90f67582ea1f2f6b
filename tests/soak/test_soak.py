"""Random lives of a database, each by a seed (soak.py): killed, failed, interrupted and refused runs, then calm.

Short form: a fixed set of seeds. DVSYNC_LONG=1: new seeds for DVSYNC_SOAK_SECONDS (default 300); DVSYNC_SEED gives the
first of them.
"""

import os
import time

import pytest
import soak
from harness import LONG

SEEDS = range(1, 26)
SECONDS = float(os.environ.get("DVSYNC_SOAK_SECONDS", "300"))
FIRST = int(os.environ.get("DVSYNC_SEED", "0")) or time.time_ns() % 1_000_000_000


@pytest.mark.parametrize("seed", SEEDS)
def test_fixed_seeds(seed):
    """Goal: whatever happened, two undisturbed syncs make the database equal to the source, and a third is idle."""
    story = soak.report(seed)
    assert not story, story


@pytest.mark.skipif(not LONG, reason="the long form (make check-long)")
def test_new_seeds():
    """Goal: the same for as many seeds as there is time for; all that fail are told."""
    trials, failed = soak.soak(FIRST, SECONDS)
    print(f"{trials} trials from seed {FIRST} on")
    assert not failed, f"failed: {failed}"
