"""The first offers of a database go in without a look at what was there; what came twice is put right at the end."""

import signal

import pytest
from harness import DONE, FAILED, FOUND, PARTIAL, by_key, counts, tables, wait_until
from worlds import World, column, scripted_project, thing

ENTITY = {"name": "things", "key": ["code"]}
INDEXES = {"_sync_offers_source", "_sync_offers_key", "_sync_offers_pending"}
ALL = ["complete", "delta", "resume"]


def many(n=60, capabilities=ALL, rows=None, **more):
    """Rows of a stream that come in small batches."""
    rows = [thing(i) for i in range(1, n + 1)] if rows is None else rows
    return {"rows": rows, "capabilities": capabilities, "checkpoint_every": 10, "page_size": 10, **more}


def make(folder, project="demo", **stream):
    world = World(folder, f"world_{project}").stream(**many(**stream)).write()
    return world, scripted_project(folder, world, name=project, entities=[ENTITY])


def names(project):
    return by_key(project.db, "things", "code", "name")


def is_sound(project):
    """One offer of each source record, each known by its indexes, none pending; and nothing is left to do."""
    assert project.value("SELECT count(*) FROM (SELECT 1 FROM _sync_offers GROUP BY project, entity, source, source_key "
                         "HAVING count(*) > 1)") == 0
    assert project.value("SELECT count(*) FROM _sync_offers WHERE pending") == 0
    assert {n for n, in project.rows("SELECT name FROM sqlite_schema WHERE name GLOB '_sync_offers_*'")} == INDEXES
    assert project.value("PRAGMA integrity_check") == "ok"
    project.diff(expect=DONE)


def test_records_given_twice(tmp_path):
    """Goal: of a record that comes again the last delivery stands, with the key that it has then."""
    rows = [thing(i) for i in range(1, 61)]
    rows += [thing(5, name="again"), thing(7, code="moved"), thing(9), thing(5, name="once more"), thing(8, code="C00007")]
    _, project = make(tmp_path, rows=rows)
    assert counts(project.sync(), "things")[0] == 60
    expected = {f"C{i:05}": f"name {i}" for i in range(1, 61)}
    expected.update(C00005="once more", C00007="name 8", moved="name 7")
    del expected["C00008"]
    assert names(project) == expected
    is_sound(project)


def test_a_key_of_a_file_given_twice(tmp_path):
    """Goal: the same of a source without keys of its own, in batches far apart: one warning."""
    rows = [thing(i, code=f"K{i % 50}") for i in range(1, 61)]
    _, project = make(tmp_path, rows=rows, columns=[column("code"), column("name"), column("amount", "decimal")])
    once = {"*": True, "amount": {"from": "amount", "authority": "reference"}}
    project.edit(lambda c: c.update(entities=[{**ENTITY, "from": [{"source": "src", "entity": "things", "fields": once}]}]))
    result = project.sync()
    assert [e["severity"] for e in result.json["errors"]] == ["warning"]
    assert names(project) == {f"K{i % 50}": f"name {i}" for i in range(11, 61)}
    is_sound(project)


@pytest.mark.parametrize("row", [{"id": 5, "$tombstone": True}, thing(5, name={"$absent": True})],
                         ids=("tombstone", "absent"))
def test_records_that_look_back(tmp_path, row):
    """Goal: a tombstone, and a field that is not told, find the record that the same read has brought before."""
    rows = [thing(i) for i in range(1, 41)] + [row] + [thing(i) for i in range(41, 61)] + [thing(3, name="again")]
    _, project = make(tmp_path, rows=rows)
    project.sync()
    assert names(project).get("C00005") == (None if "$tombstone" in row else "name 5")
    assert names(project)["C00003"] == "again" and len(names(project)) == 60 - ("$tombstone" in row)
    is_sound(project)


def test_read_again_from_the_start(tmp_path):
    """Goal: the source changes while it is read: what only the first try has seen goes."""
    world, project = make(tmp_path, capabilities=["complete"])
    world.fault("pull", after_rows=40, touch="reached", wait_for="go", status="changed").write()
    with project.start("sync", "--json") as process:
        wait_until((tmp_path / "reached").exists, "40 rows were read")
        world.calm()
        world.remove(3)
        world.change(4, 70, name="changed").write()
        (tmp_path / "go").touch()
        process.wait().expect(DONE)
    assert len(names(project)) == 59 and "C00003" not in names(project) and names(project)["C00004"] == "changed"
    is_sound(project)


def test_a_trial_first(tmp_path):
    """Goal: a run with a limit leaves offers behind that the next run knows."""
    _, project = make(tmp_path)
    project.sync("--row-limit", "25")
    assert counts(project.sync(), "things")[0] + 25 == 60
    is_sound(project)


def test_two_projects_in_one_database(tmp_path):
    """Goal: another project makes the indexes while this one loads without them, and what this one brings twice is
    put right all the same."""
    rows = [thing(i) for i in range(1, 61)] + [thing(5, name="again"), thing(31, code="moved")]
    first, one = make(tmp_path, rows=rows)
    _, two = make(tmp_path, project="other")
    entity = {**ENTITY, "name": "others", "from": [{"source": "src", "entity": "things"}]}
    two.edit(lambda c: c.update(sink=one.config["sink"], entities=[entity]))
    first.fault("pull", after_rows=40, touch="reached", wait_for="go").write()
    with one.start("sync") as process:
        wait_until((tmp_path / "reached").exists, "40 rows were read")
        wait_until(lambda: one.value("SELECT count(*) FROM _sync_offers") >= 30, "they are committed")
        two.sync()
        (tmp_path / "go").touch()
        process.wait().expect(DONE)
    assert names(one)["C00005"] == "again" and names(one)["moved"] == "name 31" and len(names(one)) == 60
    is_sound(one)
    two.diff(expect=DONE)


def test_failed_half_way(tmp_path):
    """Goal: nothing is reconciled of a source that failed in its first read; the next run goes on from there."""
    rows = [thing(i) for i in range(1, 41)] + [thing(5, name="again")] + [thing(i) for i in range(41, 61)]
    world, project = make(tmp_path, rows=rows)
    world.fault("pull", after_rows=50, delay_ms=300, status="network").write()
    project.command("sync").expect(FAILED, PARTIAL)
    assert names(project) == {}
    world.calm().write()
    project.sync()
    assert len(names(project)) == 60 and names(project)["C00005"] == "again"
    is_sound(project)


# ---- What the next run must know, or cannot ----

TWICE = [*(thing(i) for i in range(1, 41)), thing(5, name="again"), thing(7, code="moved"),
         *(thing(i) for i in range(41, 101))]


def as_twice():
    expected = {f"C{i:05}": f"name {i}" for i in range(1, 101)}
    expected.update(C00005="again", moved="name 7")
    del expected["C00007"]
    return expected


def killed(folder, rows=TWICE, after=60, **stream):
    world, project = make(folder, rows=list(rows), **stream)
    world.fault("pull", after_rows=after, touch="reached", wait_for="never").write()
    with project.start("sync") as process:
        wait_until((folder / "reached").exists, f"{after} rows were read")
        wait_until(lambda: project.value("SELECT count(*) FROM _sync_offers") >= after - 10, "they are committed")
        process.signal(signal.SIGKILL)
    world.calm().write()
    return world, project


@pytest.mark.parametrize("capabilities", [ALL, ["complete"]], ids=("resumed", "again"))
@pytest.mark.parametrize("then", ["sync", "diff", "full"])
def test_killed(tmp_path, capabilities, then):
    """Goal: killed while loading, with records that came twice already; whatever runs next, it ends well."""
    _, project = killed(tmp_path, capabilities=capabilities)
    assert project.value("SELECT count(*) FROM _sync_offers WHERE source_key IN ('5', '7')") == 4
    if then == "diff":
        assert len(project.diff(expect=FOUND).changes) == 100
    project.sync(*(["--full"] if then == "full" else []))
    assert names(project) == as_twice()
    is_sound(project)


def test_plan_behind_a_kill(tmp_path):
    """Goal: a plan that was made over a load that broke off does what a sync does."""
    _, project = killed(tmp_path, capabilities=["complete"])
    project.command("diff", "--plan", "plan").expect(FOUND)
    project.command("sync", "--plan", "plan").expect(DONE)
    assert names(project) == as_twice()
    is_sound(project)


def test_plan_behind_a_kill_with_many_twice(tmp_path):
    """Goal: what was delivered last is what a plan compares with, wherever its pages end."""
    once = [thing(i) for i in range(1, 301)]
    world, project = killed(tmp_path, rows=[*once, *(thing(i, name="again") for i in range(1, 301)), thing(301)],
                            after=600, capabilities=["complete"])
    world["things"]["rows"] = once
    world.write()
    project.command("diff", "--plan", "plan").expect(FOUND)
    project.command("sync", "--plan", "plan").expect(DONE)
    assert names(project) == {f"C{i:05}": f"name {i}" for i in range(1, 301)}
    is_sound(project)


def test_records_that_fail_behind_a_kill(tmp_path):
    """Goal: of a record that fails, what stands is what was delivered last, in a diff as in a sync."""
    world, project = killed(tmp_path, capabilities=["complete"])
    world["things"]["rows"] = [r for r in TWICE if r["id"] not in (5, 7)] + [
        {"id": i, "$error": {"key": str(i), "message": "bad"}} for i in (5, 7)]
    world.write()
    foretold = {c["key"]["code"]: c["fields"]["name"]["source"] for c in project.command("diff", "--json").changes}
    project.sync(expect=PARTIAL)
    assert names(project) == foretold == as_twice()


def test_changes_alone(tmp_path):
    """Goal: a read of changes that finds no offers and breaks off leaves none twice."""
    world, project = make(tmp_path, rows=[thing(1)])
    project.edit(lambda c: c.update(options={"max_delete": "100%"}))
    project.sync()
    world.remove(1, seq=2).write()
    project.sync()
    assert project.value("SELECT count(*) FROM _sync_offers") == 0
    world["things"]["rows"] = [{**row, "seq": 10 + i} for i, row in enumerate(TWICE)]
    world.fault("pull", after_rows=60, delay_ms=300, status="network").write()
    project.command("sync").expect(FAILED, PARTIAL)
    world.calm().write()
    project.sync()
    assert names(project) == as_twice()
    is_sound(project)


def test_nothing_is_reconciled(tmp_path):
    """Goal: what one source gave twice is put right, too, when the other fails before it was ever read."""
    worlds = [World(tmp_path, n).stream(**many(rows=rows)) for n, rows in (("a", TWICE), ("b", [thing(1)]))]
    worlds[1].fault("open", status="network")
    sources = {w.write().file.stem: {"plugin": "scripted", "settings": {"script": str(w.file)}} for w in worlds}
    project = scripted_project(tmp_path, worlds[0], entities=[
        {**ENTITY, "from": [{"source": n, "entity": "things"} for n in sources]}])
    project.edit(lambda c: c.update(sources=sources))
    project.command("sync").expect(FAILED, PARTIAL)
    assert project.value("SELECT count(*) FROM _sync_offers") == 100 and names(project) == {}
    worlds[1].calm().write()
    project.sync()
    assert names(project) == as_twice()
    is_sound(project)


def test_the_other_project_is_quicker(tmp_path):
    """Goal: a project that begins while the table is empty leaves the indexes of one that fills it meanwhile alone."""
    _, one = make(tmp_path)
    slow, two = make(tmp_path, project="other")
    entity = {**ENTITY, "name": "others", "from": [{"source": "src", "entity": "things"}]}
    two.edit(lambda c: c.update(sink=one.config["sink"], entities=[entity]))
    slow.fault("pull", after_rows=0, touch="reached", wait_for="go").write()
    with two.start("sync") as process:
        wait_until((tmp_path / "reached").exists, "it reads")
        one.sync()
        made = one.rows("SELECT name, rootpage FROM sqlite_schema WHERE name GLOB '_sync_offers_*'")
        (tmp_path / "go").touch()
        process.wait().expect(DONE)
    assert one.value("SELECT count(*) FROM _sync_offers") == 120
    is_sound(one)
    assert one.rows("SELECT name, rootpage FROM sqlite_schema WHERE name GLOB '_sync_offers_*'") == made
    two.diff(expect=DONE)


@pytest.mark.parametrize("slow", ["things", "others"])
def test_several_entities(tmp_path, slow):
    """Goal: one entity is reconciled while another loads, with records that come twice on both sides of that moment."""
    rows = [*TWICE, thing(5, name="third"), thing(8, code="moved 8")]
    world = World(tmp_path).stream(**many(rows=rows)).stream("others", **many(rows=rows))
    world.fault("pull", stream=slow, after_rows=60, touch="reached", wait_for="go").write()
    fast = "others" if slow == "things" else "things"
    project = scripted_project(tmp_path, world, entities=[ENTITY, {"name": "others", "key": ["code"]}])
    with project.start("sync") as process:
        wait_until((tmp_path / "reached").exists, "60 rows were read")
        wait_until(lambda: fast in tables(project.db) and project.value(f"SELECT count(*) FROM {fast}") == 100,
                   "the other is done")
        (tmp_path / "go").touch()
        process.wait().expect(DONE)
    expected = {**as_twice(), "C00005": "third", "moved 8": "name 8"}
    del expected["C00008"]
    for table in ("things", "others"):
        assert by_key(project.db, table, "code", "name") == expected
    is_sound(project)


def test_one_key_very_often(tmp_path):
    """Goal: more offers of one key than are looked at together."""
    _, project = make(tmp_path, rows=[thing(1), *(thing(5, name=f"n{i}") for i in range(5000)), thing(9)],
                      checkpoint_every=100, page_size=100)
    project.sync()
    assert names(project) == {"C00001": "name 1", "C00005": "n4999", "C00009": "name 9"}
    is_sound(project)
