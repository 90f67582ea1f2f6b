"""keep_raw, switched by the project: json_response is what a fresh database would have, after one sync."""

import json

import pytest
from harness import (DONE, FAILED, FOUND, NUMBERED, by_key, counts, csv_project, entity, execute, numbered, tracing,
                     writes_to)
from worlds import World, scripted_project


def make(folder, data, **more):
    project = csv_project(folder, entities=[{"name": "partners", "key": ["id"], **more}])
    project.csv("partners", NUMBERED, data)
    return project


def raws(project):
    """{id: has it a json_response} of the active rows."""
    return {row[0]: row[1] for row in project.rows(
        "SELECT id, json_response IS NOT NULL FROM partners WHERE deleted_at IS NULL")}


KINDS = {"streams": [{"source": "files", "entity": "partners"}],
         "gathers": [{"source": "files", "entity": "partners", "as": "one"},
                     {"source": "files", "entity": "more", "as": "two"}]}


@pytest.mark.parametrize("kind", KINDS)
def test_keep_raw_switched_off_and_on(tmp_path, kind):
    """Goal: one sync later json_response is as a fresh database would have it, also in rows that did not change; no record
    of before stands beside new values."""
    project = make(tmp_path, numbered(30))
    project.csv("more", NUMBERED, numbered(20, start=20))
    project.edit(lambda c: c.update(options={"max_delete": "100%"}))
    project.edit(lambda c: c["entities"][0].update({"from": KINDS[kind]}))
    project.sync()
    everybody = {str(i) for i in range(1, 40 if kind == "gathers" else 31)}
    assert raws(project) == dict.fromkeys(everybody, 1)
    lineage = project.value("SELECT count(*) FROM _sync_lineage")
    for keeps in (False, True):
        project.edit(lambda c, on=keeps: c["entities"][0].update(keep_raw=on))
        project.diff(expect=DONE)
        before = project.state()
        result = project.sync()
        assert counts(result) == (0, 0, 0, len(everybody), 0, 0)
        assert {s["reason"] for s in entity(result.json)["sources"]} == {"the project changed"}
        assert raws(project) == dict.fromkeys(everybody, int(keeps))
        assert project.value("SELECT count(*) FROM _sync_offers WHERE (raw IS NOT NULL) <> ?", int(keeps)) == 0
        assert project.state() == before
        trace = tmp_path / f"trace-{keeps}"
        project.sync(env=tracing(project.db, trace))
        assert writes_to(trace, "partners", "_sync_offers") == []
    assert project.value("SELECT count(*) FROM _sync_lineage") == lineage
    assert json.loads(by_key(project.db, "partners", "id", "json_response")["1"]) == (
        {"one": dict(zip(NUMBERED, numbered(1)[0]))} if kind == "gathers" else dict(zip(NUMBERED, numbered(1)[0])))


def test_keep_raw_switched_by_a_sync_that_does_not_end(tmp_path):
    """Goal: what it did not come to is done by the next one, which goes on where it was; and by a switch back."""
    world = World(tmp_path).generated("partners", 3000, checkpoint_every=100, page_size=100).write()
    project = scripted_project(tmp_path, world, entities=["partners"])
    project.sync()
    for keeps in (False, True):
        project.edit(lambda c, on=keeps: c.update(options={"keep_raw": on}))
        world.fault("pull", after_rows=1500, status="network").write()
        project.sync(expect=FAILED)
        assert 0 < sum(raws(project).values()) < 3000
        world.calm().write()
        result = project.sync()
        assert entity(result.json)["sources"][0]["reason"] == "resumed"
        assert set(raws(project).values()) == {int(keeps)}
    world.fault("pull", after_rows=1500, status="network").write()
    project.edit(lambda c: c.update(options={"keep_raw": False}))
    project.sync(expect=FAILED)
    world.calm().write()
    project.edit(lambda c: c.update(options={"keep_raw": True}))
    project.sync()
    assert set(raws(project).values()) == {1}


def test_keep_raw_switched_off_in_a_plan(tmp_path):
    """Goal: a plan, which looks at what it names alone, leaves the rest to the next sync."""
    project = make(tmp_path, numbered(30))
    project.sync()
    project.edit(lambda c: c["entities"][0].update(keep_raw=False))
    project.csv("partners", NUMBERED, numbered(30, _7="new"))
    project.command("diff", "--plan", "plan").expect(FOUND)
    project.sync("--plan", "plan")
    assert [i for i, has in raws(project).items() if not has] == ["7"]
    project.sync()
    assert set(raws(project).values()) == {0}


def test_a_column_of_somebody_else_is_left_alone_without_keep_raw(tmp_path):
    """Goal: an adopted table may have a json_response; it is ours only once records are kept."""
    project = make(tmp_path, numbered(3), keep_raw=False, adopt=True)
    execute(project.db, "CREATE TABLE partners (id TEXT, name TEXT, city TEXT, amount TEXT, json_response TEXT)")
    execute(project.db, "INSERT INTO partners VALUES ('1', 'old', '', '', 'mine')")
    project.sync()
    project.csv("partners", NUMBERED, numbered(3, _1="newer"))
    project.sync()
    assert project.rows("SELECT name, json_response FROM partners WHERE id = '1'") == [("newer", "mine")]
