"""kill -9 with the CSV source: whatever the instant, the next run ends as if nothing had happened.

The files are read slowly (by the shim), so that the queue runs empty behind every batch, which is then committed by
itself: more than 50 commits a run.
Short form: some commit points; DVSYNC_LONG=1: all of them. DVSYNC_SEED repeats a random choice.
"""

import random

import pytest
from harness import DONE, LONG, SHIM, csv_project, state, tracing, write_csv
from killing import (SEED, check_end, commit_points, copy_database, deleted_keys, kill_at, kill_at_random, sample,
                     writing_commits)

N, WIDE = 3_900, 9_000  # rows, bytes a row: about 60 rows are a batch of half a megabyte, that is two reads
SLOW = {"DVSYNC_SLOW_FILE": "/partners.csv", "LD_PRELOAD": str(SHIM)}
GONE = {str(i) for i in range(100, 3_900, 400)}
HEADER = ("id", "version", "body")


def records(version, without=()):
    body = "x" * WIDE
    return [(str(i), version if i % 2 else "always", body) for i in range(N) if str(i) not in without]


class World:
    """Databases before and after an undisturbed run, and how many commits that took."""

    def __init__(self, folder, filled):
        self.folder = folder
        self.before = folder / "before.db"
        self.csv = folder / "data/partners.csv"
        self.allowed = GONE if filled else set()
        self.completed = int(filled)  # runs that were completed before
        if filled:
            write_csv(self.csv, HEADER, records("old"))
            filler = self.make(folder / "filler")
            filler.sync()
            copy_database(filler.db, self.before)
        write_csv(self.csv, HEADER, records("new", self.allowed))
        self.size = self.csv.stat().st_size
        for ms in (15, 45, 135):  # a busy machine commits more at a time
            self.slow = {**SLOW, "DVSYNC_SLOW_MS": str(ms)}
            self.project = self.victim(f"calm{ms}")
            trace = folder / f"trace{ms}"
            calm = self.project.sync(env={**tracing(self.project.db, trace), **self.slow})
            self.seconds = calm.json["duration_seconds"]
            self.state = state(self.project.db)
            self.commits, wrote = writing_commits(trace)
            if wrote >= 50:
                break
        assert wrote >= 50, f"only {wrote} commits: nothing is proven"

    def make(self, folder):
        return csv_project(folder, settings={"path": str(self.folder / "data")}, options={"keep_raw": False})

    def victim(self, name):
        project = self.make(self.folder / name)
        copy_database(self.before, project.db)
        return project

    def done(self, project):
        """How many records the database holds as committed by the run that died."""
        try:
            return project.value("SELECT count(*) FROM partners WHERE version = 'new'") * 2
        except Exception:  # noqa: BLE001
            return 0

    def again(self, project, where):
        assert deleted_keys(project.db, "partners", "id") <= self.allowed, where
        done = self.done(project)
        position = project.value("SELECT position FROM _sync_state") if done else None
        if done and project.value("SELECT count(*) FROM _sync_runs WHERE status = 'completed'") > self.completed:
            position = None  # a run was killed behind its last commit, the next one began a new read
        reads = project.folder / "reads"
        env = {"LD_PRELOAD": str(SHIM), "DVSYNC_SLOW_FILE": "/partners.csv", "DVSYNC_TRACE_READS": str(reads)}
        project.command("sync", env=env).expect(DONE)
        if position is not None:
            read = sum(map(int, reads.read_text().split()))
            left = self.size * (N - done) // N
            assert read <= left + 3_000_000, f"{where}: {read} bytes read again, {left} were left: not resumed"
        check_end(project, self.state, self.allowed, "partners", "id", where)
        project.db.unlink()
        return position is not None


@pytest.fixture(name="world", scope="module", params=["first load", "complete read over a filled table"])
def made(request, tmp_path_factory):
    return World(tmp_path_factory.mktemp("kill"), request.param != "first load")


def test_at_commit_points(world):
    """Goal: killed right before or right after any commit, the next run goes on and ends in the same state."""
    killed = resumed = 0
    points = commit_points(world.commits, "partners", world.allowed)
    chosen = sample(points, 6)
    for i, point in enumerate(chosen):
        project = world.victim(f"v{i}")
        killed += kill_at(project, {**world.slow, **point}, may_end="DVSYNC_KILL_SINCE" not in point)
        resumed += world.again(project, f"{point} of {world.commits} (seed {SEED})")
    assert killed >= len(chosen) * 2 // 3, "hardly any run was killed"
    assert resumed >= len(chosen) // 3, "hardly any run was resumed"


def test_within_commits(world):
    """Goal: killed between two writes to the file, in the middle of a commit, nothing is torn."""
    choice = random.Random(SEED)
    for _ in range(20 if LONG else 2):
        n = choice.randrange(5, world.commits * 10)
        project = world.victim(f"w{n}")
        kill_at(project, {**world.slow, "DVSYNC_KILL_WRITE": n})
        world.again(project, f"DVSYNC_KILL_WRITE={n} (seed {SEED})")


def test_at_random_instants(world):
    """Goal: the same at any instant, by the clock; killed several times in a row as well."""
    kill_at_random(world, world.seconds, 40 if LONG else 10, world.slow)
