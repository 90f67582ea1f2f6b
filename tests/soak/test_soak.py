"""Random lives of a database, each by a seed (soak.py): killed, failed, interrupted and refused runs, then calm.

Short form: a fixed set of seeds. DVSYNC_LONG=1: new seeds for DVSYNC_SOAK_SECONDS (default 300); DVSYNC_SEED gives the
first of them.
"""

import os
import time

import pytest
import soak
from harness import LONG, SHORT
from shared_trial import SharedTrial
from trial import Trial

SEEDS = range(1, 9 if SHORT else 26)
SHARED_SEEDS = range(1, 9 if SHORT else 21)
SECONDS = float(os.environ.get("DVSYNC_SOAK_SECONDS", "300"))
FIRST = int(os.environ.get("DVSYNC_SEED", "0")) or time.time_ns() % 1_000_000_000


@pytest.mark.parametrize("seed", SEEDS)
def test_fixed_seeds(seed):
    """Goal: whatever happened, two undisturbed syncs make the database equal to the source, and a third is idle."""
    story = soak.report(seed)
    assert not story, story


@pytest.mark.parametrize("seed", SHARED_SEEDS)
def test_shared_entities(seed):
    """Goal: the same of an entity of several sources: it holds what the project's rules make of them, as a new database
    does, however the runs, the project and the sink were treated."""
    story = soak.report(seed, kind=SharedTrial)
    assert not story, story


@pytest.mark.skipif(not LONG, reason="the long form (make check-long)")
@pytest.mark.parametrize("kind", [Trial, SharedTrial])
def test_new_seeds(kind):
    """Goal: the same for as many seeds as there is time for; all that fail are told."""
    trials, failed = soak.soak(FIRST, SECONDS, kind=kind)
    print(f"{trials} trials from seed {FIRST} on")
    assert not failed, f"failed: {failed}"
