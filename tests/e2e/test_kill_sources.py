"""kill -9 with two sources of one entity: offers, positions, waiting keys and cursors are committed together, and the
entity's end is all or nothing. As test_kill_scripted.py."""

import json

import pytest
from harness import DONE, LONG, Project, state, tracing, write_csv
from killing import (SEED, check_end, commit_points, copy_database, deleted_keys, kill_at, kill_at_random, sample,
                     writing_commits)
from worlds import World, thing

ROWS, PAGE = 1_000, 20
HEADER = ("code", "name", "note")


def sheet(version):
    """Every third record of the script, and some of its own."""
    shared = [(f"C{i:05}", f"sheet {i}" if i % 2 else f"name {i}", f"{version} {i}") for i in range(3, ROWS, 3)]
    return shared + [(f"S{i:05}", f"own {i}", version) for i in range(0, 60, 2 if version == "old" else 3)]


class Setting:
    """What is there before, and what an undisturbed run makes of it."""

    def __init__(self, folder, how):
        self.folder, self.how = folder, how
        self.before = folder / "before.db"
        self.world = World(folder).stream(
            rows=[thing(i) for i in range(1, ROWS + 1)], checkpoint_every=PAGE, page_size=PAGE,
            capabilities=["complete", "resume"] + (["delta"] if how == "delta" else []))
        self.allowed = set()
        if how != "first":
            self.world.write()
            filler = self.make("filler", "old")
            filler.sync()
            copy_database(filler.db, self.before)
            things = self.world["things"]
            gone = range(50, ROWS, 80)
            things["rows"] = [thing(i, seq=ROWS + i, name=f"new {i}", **({"code": f"M{i:05}"} if i % 90 == 0 else {}))
                              for i in range(1, ROWS + 1) if i not in gone]
            things["tombstones"] = [{"id": i, "seq": 3 * ROWS + i} for i in gone]
        self.fast = json.dumps(self.world.root)
        for ms in (30, 90, 270):  # a busy machine commits more at a time
            self.world["things"]["page_delay_ms"] = ms
            self.slow = json.dumps(self.world.root)
            self.project = self.victim(f"calm{ms}")
            trace = folder / f"trace{ms}"
            self.seconds = self.project.sync(env=tracing(self.project.db, trace)).json["duration_seconds"]
            self.commits, wrote = writing_commits(trace)
            if wrote >= 40:
                break
        self.state = state(self.project.db)
        self.conflicts = self.open_conflicts(self.project)
        assert wrote >= 40, f"only {wrote} commits: nothing is proven"
        assert self.conflicts
        if how != "first":
            self.allowed = {str(r[0]) for r in self.project.rows("SELECT code FROM things WHERE deleted_at IS NOT NULL")}
            assert self.allowed

    def write_sheet(self, folder, version):
        write_csv(folder / "data/sheet.csv", HEADER, sheet(version))

    def open_conflicts(self, project):
        return project.rows("SELECT key, field, winner_value, loser_value FROM _sync_conflicts WHERE closed_at IS NULL "
                            "ORDER BY 1, 2")

    def make(self, name, version):
        project = Project(self.folder / name)
        self.write_sheet(project.folder, version)
        return project.write({
            "sources": {"src": {"plugin": "scripted", "priority": 100, "settings": {"script": str(self.world.file)}},
                        "sheet": {"plugin": "csv", "priority": 50, "settings": {"path": "data/sheet.csv"}}},
            "options": {"max_delete": "100%"},
            "entities": [{"name": "things", "key": ["code"], "from": [
                {"source": "src", "entity": "things"}, {"source": "sheet", "entity": "sheet"}]}]})

    def victim(self, name):
        project = self.make(name, "old" if self.how == "first" else "new")
        self.world.file.write_text(self.slow)
        if self.how != "first":
            copy_database(self.before, project.db)
        return project

    def again(self, project, where):
        assert deleted_keys(project.db, "things", "code") <= self.allowed, where
        self.world.file.write_text(self.fast)
        project.sync(expect=DONE)
        check_end(project, self.state, self.allowed, "things", "code", where)
        assert self.open_conflicts(project) == self.conflicts, where
        assert project.value("SELECT count(*) FROM _sync_offers WHERE pending") == 0, where
        assert project.value("SELECT count(*) FROM _sync_deletes") == 0, where
        project.diff(expect=DONE)


@pytest.fixture(name="setting", scope="module", params=["first", "full", "delta"])
def a_setting(tmp_path_factory, request):
    return Setting(tmp_path_factory.mktemp(request.param), request.param)


def test_killed_at_commits(setting):
    """Goal: killed before or after any commit, the next run ends as an undisturbed one: same rows, same open conflicts."""
    kinds = ("DVSYNC_KILL_BEFORE", "DVSYNC_KILL_AFTER")
    points = commit_points(setting.commits, "things", filled=True)[:-4] if setting.how == "first" else \
        commit_points(setting.commits, "things", filled=True)
    points += [{k: 1, "DVSYNC_KILL_SINCE": '"_sync_conflicts"'} for k in kinds]
    for number, point in enumerate(sample(points, 12)):
        project = setting.victim(f"commit-{number}")
        kill_at(project, point)
        setting.again(project, f"{setting.how}, {point}, seed {SEED}")


def test_killed_at_any_time(setting):
    """Goal: the same at random instants, also several times in a row."""
    kill_at_random(setting, setting.seconds, 40 if LONG else 8)
