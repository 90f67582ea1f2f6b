"""kill -9 at random instants of reads of a Dataverse organisation: the next run goes on from the last position, and in
the end the database is what an undisturbed sync would have made of it."""

import random

from dataverse import assert_equal, dataverse_project
from harness import DONE, LONG, state
from killing import SEED, check_integrity
from sim import Sim

ROWS = 20_000
KILLS = 500 if LONG else 50


def next_page(project):
    """The page that the stored position names; 1: none."""
    if not project.db.exists():
        return 1
    try:
        position = project.value("SELECT position FROM _sync_state WHERE entity = 'accounts'")
    except Exception:  # killed before the table was made
        return 1
    text = position.decode() if isinstance(position, bytes) else position or ""
    pages = [line.split()[1] for line in text.splitlines() if line.startswith("page ")]
    return int(pages[0]) if pages else 1


def sync_and_kill(project, sim, choice, longest, *args):
    """One sync, killed after a random time; True if it was killed. Asserts where it began."""
    resumes_at = next_page(project)
    sim.clear_log()
    with project.start("sync", *args) as running:
        try:
            running.process.wait(timeout=choice.uniform(0, longest))
        except Exception:
            running.kill()
        code = running.process.poll()
    asked = [r["page"] for r in sim.requests(phase="rows")]
    assert not asked or min(asked) >= resumes_at, f"seed {SEED}: page {min(asked)}, the position says {resumes_at}"
    assert code in (DONE, -9), f"seed {SEED}: exit {code}"
    return code == -9, resumes_at > 1


def test_killed_at_random_instants(tmp_path):
    """Goal: 50 kills over first loads and complete reads of 20,000 rows with pages of 500: the same state, resumed each
    time, no run left running, nothing deleted."""
    choice = random.Random(SEED)
    kills = resumed = rounds = 0
    with Sim("--rows", f"accounts={ROWS}", "--columns", "accounts=12") as sim:
        undisturbed = dataverse_project(tmp_path / "undisturbed", sim, ["accounts"], page_size=500, name="crm")
        duration = undisturbed.sync().json["duration_seconds"]
        expected = state(undisturbed.db)
        while kills < KILLS:
            rounds += 1
            project = dataverse_project(tmp_path / f"round{rounds}", sim, ["accounts"], page_size=500, name="crm")
            for args in ((), ("--full",)):  # a first load, then a complete read over the filled table
                killed = True
                while killed and kills < KILLS:
                    killed, went_on = sync_and_kill(project, sim, choice, duration, *args)
                    kills += killed
                    resumed += went_on
                if killed:
                    project.sync(*args)
                assert "running" not in project.runs(), f"seed {SEED}"
                assert state(project.db) == expected, f"seed {SEED}: another state than an undisturbed run's"
                check_integrity(project.db)
            assert project.value("SELECT count(*) FROM _sync_lineage WHERE op = 'delete'") == 0, f"seed {SEED}"
        sim.clear_log()
        assert_equal(project, sim, "accounts")
        assert resumed >= KILLS // 4, f"seed {SEED}: only {resumed} of the runs went on from a position"


def test_killed_on_an_incremental_read(tmp_path):
    """Goal: the same for cursor reads after many changes."""
    choice = random.Random(SEED + 1)
    with Sim("--rows", "accounts=3000", "--columns", "accounts=12") as sim:
        project = dataverse_project(tmp_path, sim, ["accounts"], page_size=100, overlap_seconds=0)
        project.sync()
        for _ in range(20 if LONG else 3):
            sim.advance(600)
            sim.change(accounts={"random": {"insert": 200, "update": 1500}})
            killed = True
            for _ in range(6):
                killed = killed and sync_and_kill(project, sim, choice, 0.25)[0]
            if killed:
                project.sync()
            assert_equal(project, sim, "accounts")
