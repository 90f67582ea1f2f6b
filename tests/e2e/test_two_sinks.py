"""The same scenarios on the memory sink and on SQLite end with equal tables, and use every slot of plugin.h.

The memory sink is another implementation of the contract, in plain C; what differs between the two is a mistake
in one of the sinks, or something in the core that leans on SQLite.
"""

import re

import pytest
from harness import (BUSY, DONE, FAILED, FOUND, GUARD, INTERRUPTED, NUMBERED, PARTIAL, ROOT, counts, csv_project, numbered,
                     wait_until)
from sinks import asked_of_sink, both_equal, memory_sink, set_faults
from worlds import World, column, scripted_project, thing


class Pair:
    """Two projects over the same source, one with each sink."""

    def __init__(self, folder, make):
        self.projects = []
        for kind in ("sqlite", "memory"):
            project = make(folder / kind)
            if kind == "memory":
                project.write({**project.config, "sink": memory_sink(project)})
            self.projects.append(project)
        self.memory = self.projects[1]

    def sync(self, *args, **kw):
        """Both; counts and status must be equal, and then all tables."""
        one, two = [p.sync(*args, **kw).json for p in self.projects]
        assert one["totals"] == two["totals"] and one["status"] == two["status"]
        both_equal(*self.projects)

    def diff(self, *args, **kw):
        """Both print the same lines."""
        one, two = [p.diff(*args, **kw) for p in self.projects]
        assert one.lines == two.lines and one.code == two.code


def csv_pair(folder, settings=None, **more):
    def make(where):
        return csv_project(where, settings={"path": str(folder / "data"), **(settings or {})}, **more)

    pair = Pair(folder, make)

    def write(header, data):
        for project in pair.projects:
            target = folder / "data"
            project.folder, kept = target.parent, project.folder
            project.csv("partners", header, data)
            project.folder = kept
    pair.csv = write
    return pair


def test_csv_life(tmp_path):
    """Goal: load, nothing new, changes, deletes, revival, guard, row errors, new columns: equal tables after each."""
    pair = csv_pair(tmp_path)
    steps = [(NUMBERED, numbered(100), (), DONE), (NUMBERED, numbered(100), (), DONE),
             (NUMBERED, numbered(101, _3="x")[:-5], (), DONE), (NUMBERED, numbered(100), (), DONE),
             (NUMBERED, numbered(40), (), GUARD), (NUMBERED, numbered(40), ("--max-delete", "100%"), DONE),
             (NUMBERED, [*numbered(40), (None, "who", "x", "1")], (), PARTIAL),
             ((*NUMBERED, "colour"), [(*r, "red") for r in numbered(41)], (), DONE),
             (("id", "name"), [r[:2] for r in numbered(42, _1="new")], (), DONE)]
    for header, data, args, code in steps:
        pair.csv(header, data)
        pair.diff()
        pair.sync(*args, expect=code)


@pytest.mark.parametrize("deletes", ["hard", "ignore"])
def test_other_deletes(tmp_path, deletes):
    """Goal: hard and ignored deletes end alike."""
    pair = csv_pair(tmp_path, entities=[{"name": "partners", "key": ["id"], "deletes": deletes}])
    for n in (100, 95, 100):
        pair.csv(NUMBERED, numbered(n))
        pair.diff()
        pair.sync()


def test_types_and_composite_key(tmp_path):
    """Goal: every type ends as the same value in both."""
    from test_first_sync import CELLS, TYPES
    entities = [{"name": "partners", "key": ["part", "id"]}]
    pair = csv_pair(tmp_path, entities=entities,
                    settings={"types": {"id": "int64", **{f"a_{t}": t for t in TYPES if t != "text"}}})
    data = [("p", str(i), *(text if kind == column else None for column in TYPES))
            for i, (kind, text, _, _) in enumerate(CELLS)]
    pair.csv(("part", "id", *(f"a_{t}" for t in TYPES)), data)
    pair.sync()
    pair.diff(expect=DONE)
    pair.csv(("part", "id", *(f"a_{t}" for t in TYPES)), data[::2])
    pair.diff()
    pair.sync("--max-delete", "100%")


def scripted_pair(folder, key, n=50):
    folder.mkdir(exist_ok=True)
    world = World(folder).stream(rows=[thing(i) for i in range(1, n + 1)], checkpoint_every=5, page_size=5,
                                 capabilities=["complete", "delta", "resume"]).write()
    pair = Pair(folder, lambda where: scripted_project(where, world, entities=[{"name": "things", "key": [key]}]))
    return world, pair


@pytest.mark.parametrize("key", ["id", "code"])
def test_delta_life(tmp_path, key):
    """Goal: the same with a delta, tombstones, changed keys, a stop in the middle, a refused token."""
    world, pair = scripted_pair(tmp_path, key)
    pair.sync()
    world.change(5, 51, name="changed").remove(7, seq=52).change(9, 53, code="C99999").write()
    pair.diff()
    pair.sync()
    for i in range(10, 40):
        world.change(i, 60 + i, name=f"again {i}")
    world.remove(41, seq=61)
    world.fault("pull", after_rows=12, delay_ms=300, status="network").write()
    for project in pair.projects:
        project.sync(expect=FAILED)
    world.calm().write()
    pair.sync()
    world.root["generation"] = 2
    world.remove(42).write()
    pair.sync()
    pair.sync("--full")
    pair.diff(expect=DONE)


@pytest.mark.parametrize("key", ["id", "code"])
def test_diff_over_a_column_that_is_not_there_yet(tmp_path, key):
    """Goal: a diff of a project with a new field reads the table as it is, and sync adds the column."""
    world, pair = scripted_pair(tmp_path, key, 8)
    pair.sync()
    fields = {"*": True, "twice": {"expr": "code || code"}}
    entity = {"name": "things", "key": [key], "from": [{"source": "src", "fields": fields}]}
    for project in pair.projects:
        project.write({**project.config, "entities": [entity]})
    pair.diff(expect=FOUND)
    pair.sync()
    pair.diff(expect=DONE)


# ---- What can go wrong in a sink ----

def small(folder, n=50):
    project = csv_project(folder)
    project.write({**project.config, "sink": memory_sink(project)})
    project.csv("partners", NUMBERED, numbered(n))
    return project


SINK_SLOTS = ["open", "lock", "inspect", "writer", "begin", "commit", "savepoint", "release", "apply_schema",
              "ensure_index", "ensure_view", "scan", "count", "write"]


@pytest.mark.parametrize("slot, later", [*((s, False) for s in [*SINK_SLOTS, "load"]),
                                         *((s, True) for s in [*SINK_SLOTS, "read"] if s != "apply_schema")])
def test_sink_that_fails_in_a_slot(tmp_path, slot, later):
    """Goal: each failing slot is an error with the sink's own words; nothing half is left; the next run is fine."""
    project = small(tmp_path)
    if later:
        project.sync()
        project.csv("partners", NUMBERED, numbered(60, _3="changed"))
    set_faults(project, [{"slot": slot, "status": "io", "message": "the shelf fell down", "scope": "source",
                          "times": 0}])
    result = project.command("sync")
    assert any(e.get("event") == "fault" for e in asked_of_sink(project)), "the slot was not called"
    assert result.code in (FAILED, PARTIAL), result
    result.says("the shelf fell down")
    set_faults(project, [])
    project.sync()
    assert project.diff(expect=DONE).changes == []
    status = project.command("history", "--json").json
    assert not [r for r in status["runs"] if r["status"] == "running"]


@pytest.mark.parametrize("nth", range(1, 5))
def test_commit_that_fails(tmp_path, nth):
    """Goal: whichever commit fails, the next run ends right."""
    project = small(tmp_path, n=3000)
    set_faults(project, [{"slot": "commit", "nth": nth, "status": "disk_full", "message": "the shelf is full",
                          "scope": "source"}])
    result = project.command("sync")
    assert any(e.get("event") == "fault" for e in asked_of_sink(project)), "the run has fewer commits"
    assert result.code in (FAILED, PARTIAL), result
    result.says("the shelf is full")
    set_faults(project, [])
    project.sync()
    assert project.diff(expect=DONE).changes == []


def test_row_that_the_sink_refuses(tmp_path):
    """Goal: DVS_SCOPE_ROW: that record is a row error, the others are written."""
    project = small(tmp_path)
    project.sync()
    project.csv("partners", NUMBERED, [(i, n + "!", c, a) for i, n, c, a in numbered(50)])
    set_faults(project, [{"slot": "write", "table": "partners", "status": "data", "scope": "row", "row": 3,
                          "message": "does not fit the shelf"}])
    result = project.sync(expect=PARTIAL)
    assert result.json["totals"]["row_errors"] == 1 and result.json["totals"]["rows_updated"] == 49
    result.says("does not fit the shelf")


# Slots of the sink that the host has no call for: `verify` looks for dangling references with scans, and a run calls
# the sink on the thread that would have to interrupt it. The tests of the sinks alone call them.
NOT_CALLED = {"missing", "interrupt"}


def test_every_slot_is_called(tmp_path):
    """Goal: nothing of plugin.h is untested: all slots of both tables stand in the logs of these scenarios."""
    header = (ROOT / "core/include/dvsync/plugin.h").read_text()

    def slots(struct):
        body = re.search(rf"typedef struct {struct} \{{(.*?)\n\}} {struct};", header, re.S).group(1)
        return set(re.findall(r"\(\*(\w+)\)\(", body))

    world, pair = scripted_pair(tmp_path / "a", "code")
    project = pair.memory
    project.write({**project.config, "sink": memory_sink(project, clock=True)})
    project.command("validate").expect(DONE)
    project.sync()
    world.change(5, 51, name="x").remove(7, seq=52).write()
    for command in ("diff", "status", "history", "stats"):
        project.command(command)
    project.sync()
    world.change(6, 53, name="x").fault("pull", hang="interrupt").write()
    with project.start("sync") as process:
        wait_until(lambda: any(e.get("event") == "fault" for e in world.asked()), "the read hangs")
        project.command("sync").expect(BUSY)
        project.command("cancel").expect(DONE)
        process.signal(2)
        process.wait().expect(INTERRUPTED)
    world.calm().write()
    other = small(tmp_path / "b")
    other.sync()
    set_faults(other, [{"slot": "write", "table": "partners", "status": "data", "scope": "row", "row": 0}])
    other.csv("partners", NUMBERED, [(i, "new", c, a) for i, n, c, a in numbered(50)])
    other.sync(expect=PARTIAL)
    other.command("history", "--clear").expect(DONE)
    called = {e.get("slot") for e in asked_of_sink(project) + asked_of_sink(other)}
    assert slots("dvs_sink_api") - called == NOT_CALLED
    (tmp_path / "c").mkdir()
    referring = World(tmp_path / "c").stream("things", columns=[column("id", "int64", key=1), column("owner", "int64")],
                                             rows=[{"id": 1, "owner": 5}])
    referring.stream("staff", columns=[column("id", "int64", key=1)], rows=[{"id": 5}, {"id": 6}],
                     capabilities=["complete", "fetch"]).write()
    third = scripted_project(tmp_path / "c", referring, entities=[
        {"name": "things", "from": [{"fields": {"id": "id", "owner": {"from": "owner", "refers_to": "staff"}}}]},
        {"name": "staff", "from": [{"scope": "referenced"}]}])
    assert counts(third.sync(), "staff")[0] == 1
    assert slots("dvs_source_api") == {e.get("slot") for e in world.asked() + referring.asked()} & slots("dvs_source_api")
