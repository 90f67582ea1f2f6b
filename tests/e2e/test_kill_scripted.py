"""kill -9 with the scripted source: as test_kill_csv.py, and the source's log proves where the next run went on.

Every page is committed by itself, because the source pauses between pages: more than 50 commits a run.
"""

import json
import random

import pytest
from harness import DONE, LONG, state, tracing
from killing import (SEED, check_end, commit_points, copy_database, deleted_keys, kill_at, kill_at_random, sample,
                     writing_commits)
from worlds import World, scripted_project, thing

ROWS, PAGE = 1_200, 20
GONE = range(50, ROWS, 80)


class Setting:
    """A world, the database before, and what an undisturbed run makes of it."""

    def __init__(self, folder, how, key):
        self.folder, self.how = folder, how
        self.entities = [{"name": "things", "key": [key]}]
        self.key = key
        self.before = folder / "before.db"
        filler = self.make("filler")
        world = World(folder).stream(
            rows=[thing(i) for i in range(1, ROWS + 1)], checkpoint_every=PAGE, page_size=PAGE,
            capabilities=["complete", "resume"] + (["delta"] if how == "delta" else []))
        self.allowed = set()
        if how != "first load":
            world.write()
            filler.sync()
            copy_database(filler.db, self.before)
            world["things"]["rows"] = [thing(i, seq=ROWS + i, name=f"new {i}") for i in range(1, ROWS + 1)
                                       if i not in GONE]
            world["things"]["tombstones"] = [{"id": i, "seq": 3 * ROWS + i} for i in GONE]
        self.fast = json.dumps(world.root)
        for ms in (30, 90, 270):  # a busy machine commits more at a time
            world["things"]["page_delay_ms"] = ms
            self.slow = json.dumps(world.root)
            self.project = self.victim(f"calm{ms}")
            trace = folder / f"trace{ms}"
            self.seconds = self.project.sync(env=tracing(self.project.db, trace)).json["duration_seconds"]
            self.commits, wrote = writing_commits(trace)
            if wrote >= 50:
                break
        self.state = state(self.project.db)
        assert wrote >= 50, f"only {wrote} commits: nothing is proven"
        if how != "first load":
            self.allowed = {str(r[0]) for r in self.project.rows(
                f"SELECT {key} FROM things WHERE deleted_at IS NOT NULL")}
            assert len(self.allowed) == 15

    def make(self, name):
        world = World(self.folder)
        (self.folder / name).mkdir()
        world.log = self.folder / name / "source.log"
        project = scripted_project(self.folder / name, world, entities=self.entities)
        project.world = world
        return project

    def victim(self, name):
        project = self.make(name)
        project.world.file.write_text(self.slow)
        copy_database(self.before, project.db)
        return project

    def position(self, project):
        """Where the database says that the read can go on, None if there is no unfinished one."""
        try:
            found = project.rows("SELECT position, state FROM _sync_state")
        except Exception:  # noqa: BLE001
            return None
        return json.loads(found[0][0]) if found and found[0][0] is not None else None

    def again(self, project, where):
        assert deleted_keys(project.db, "things", self.key) <= self.allowed, where
        position = self.position(project)
        project.world.forget()
        project.world.file.write_text(self.fast)
        project.sync(expect=DONE)
        starts = project.world.starts()
        if position is not None:
            assert starts[0]["resume"] is True and json.loads(starts[0]["token"]) == position, f"{where}: not resumed"
            assert project.world.delivered() <= ROWS - position["after"] + PAGE or self.how == "delta", where
            assert len(starts) == 1, where
        else:
            assert not starts[0]["resume"], where
        check_end(project, self.state, self.allowed, "things", self.key, where)
        project.db.unlink()
        return position is not None


HOW = [("first load", "id"), ("delta", "id"), ("complete read", "id"), ("delta", "code"), ("complete read", "code")]


@pytest.fixture(name="setting", scope="module", params=HOW, ids=[f"{h}, key {k}" for h, k in HOW])
def made(request, tmp_path_factory):
    return Setting(tmp_path_factory.mktemp("kill"), *request.param)


def test_at_commit_points(setting):
    """Goal: killed right before or after any commit: resumed from its last position, same state."""
    points = commit_points(setting.commits, "things", setting.allowed)
    chosen = sample(points, 4)
    resumed = 0
    for i, point in enumerate(chosen):
        project = setting.victim(f"v{i}")
        kill_at(project, point)
        resumed += setting.again(project, f"{point} of {setting.commits} (seed {SEED})")
    assert resumed >= len(chosen) // 3, "hardly any run was resumed"


def test_at_random_instants(setting):
    """Goal: the same at any instant, also several times in a row."""
    kill_at_random(setting, setting.seconds, 40 if LONG else 5)


def test_inside_the_source(setting):
    """Goal: killed in the middle of a page, between two commits."""
    choice = random.Random(SEED)
    for after in sorted({choice.randrange(1, ROWS - len(GONE)) for _ in range(10 if LONG else 1)}):
        project = setting.victim(f"s{after}")
        world = json.loads(setting.slow)
        world["faults"] = [{"slot": "pull", "after_rows": after, "kill": True}]
        project.world.file.write_text(json.dumps(world))
        result = project.command("sync")
        assert result.code == -9, result
        setting.again(project, f"killed after {after} rows (seed {SEED})")
