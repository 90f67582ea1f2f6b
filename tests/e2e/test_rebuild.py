"""sync --rebuild --entity E: everything is read into a new table, which takes the old one's place at the end, or never."""

import json

import pytest
from harness import (DONE, FAILED, GUARD, INVALID, NUMBERED, USAGE, columns, counts, csv_project, entity, execute,
                     numbered, state, tables, tracing, wait_until)
from killing import LAST, check_integrity, copy_database, kill_at, writing_commits
from sinks import both_equal, memory_sink
from worlds import World, scripted_project, thing

KILLS = ("DVSYNC_KILL_BEFORE", "DVSYNC_KILL_AFTER")
REBUILD = ("--rebuild", "--entity", "partners")


def make(folder, n=50, **more):
    project = csv_project(folder, **more)
    project.csv("partners", NUMBERED, numbered(n))
    return project


def fresh(project, folder):
    """What an empty database would have been given: its state."""
    config = json.loads(json.dumps(project.config))
    for source in config["sources"].values():
        source["settings"] = {k: str(project.folder / v) if k == "path" else v for k, v in source["settings"].items()}
    other = csv_project(folder, name=project.name)
    other.write(config)
    other.sync()
    return other.state()


def left_over(project):
    """Tables, rows and indexes that a rebuild has left behind."""
    return [r[0] for r in project.rows("SELECT name FROM sqlite_master WHERE name LIKE '%rebuild%' UNION ALL "
                                       "SELECT table_name FROM _sync_tables WHERE table_name LIKE '%rebuild%'")]


def indexes(project, table="partners"):
    return {r[0] for r in project.rows("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ?", table)}


def settled(project, table="partners"):
    """Nothing is left over, and the next sync and diff find nothing."""
    assert left_over(project) == []
    assert project.diff(expect=DONE).changes == []
    result = project.sync()
    assert counts(result, table)[:3] == (0, 0, 0)


def test_history_to_and_fro(tmp_path):
    """Goal: an entity gets versions, and loses them again; table, view, indexes and what is recorded are those of the
    new kind."""
    project = make(tmp_path)
    project.sync()
    project.edit(lambda c: c["entities"][0].update(history="scd2"))
    project.command("sync").expect(INVALID).says("--rebuild --entity partners")
    result = project.sync(*REBUILD)
    assert counts(result) == (50, 0, 0, 0, 0, 0)
    assert entity(result.json)["sources"][0]["reason"] == "--rebuild"
    assert {"valid_from", "valid_to"} <= set(columns(project.db, "partners"))
    assert "deleted_at" not in columns(project.db, "partners")
    assert "valid_to" in columns(project.db, "partners_current")
    settled(project)
    project.csv("partners", NUMBERED, numbered(50, _3="new"))
    project.sync()
    assert project.value("SELECT count(*) FROM partners") == 51
    project.edit(lambda c: c["entities"][0].update(history="none"))
    project.sync(*REBUILD).says("1 deleted rows or former versions")
    assert project.value("SELECT count(*) FROM partners") == 50
    assert indexes(project) == {"_sync_key_partners", "_sync_deleted_partners"}
    settled(project)


def test_changed_key(tmp_path):
    """Goal: another key: the lineage of the old one stays, the new one is looked up by its own index."""
    project = make(tmp_path)
    project.sync()
    project.edit(lambda c: c["entities"][0].update(key=["name", "city"]))
    project.command("sync").expect(INVALID).says("key", "--rebuild")
    assert counts(project.sync(*REBUILD)) == (50, 0, 0, 0, 0, 0)
    assert project.state() == fresh(project, tmp_path / "fresh")
    assert project.value("SELECT count(*) FROM _sync_lineage WHERE key = '7'") == 1
    assert project.value("SELECT count(*) FROM _sync_lineage WHERE key = '[\"name 7\",\"city 0\"]'") == 1
    settled(project)
    project.csv("partners", NUMBERED, [*numbered(49), ("other", "name 1", "city 1", "5")])
    assert counts(project.sync())[:3] == (0, 1, 1)


def test_changed_type(tmp_path):
    """Goal: a field of another type."""
    fields = {"*": True, "amount": {"from": "amount", "type": "text"}}
    project = make(tmp_path, entities=[{"name": "partners", "key": ["id"], "from": [{"source": "files", "fields": fields}]}])
    project.sync()
    fields["amount"]["type"] = "decimal"
    project.write(project.config)
    project.command("sync").expect(INVALID).says("amount", "--rebuild")
    assert counts(project.sync(*REBUILD)) == (0, 0, 0, 50, 0, 0)
    assert project.value("SELECT typeof(amount) FROM partners WHERE id = '3'") == "real"
    assert project.value("SELECT count(*) FROM _sync_conflicts") == 0, "nobody has edited anything"
    settled(project)


def test_versions_and_deleted_rows_come_along(tmp_path):
    """Goal: a field of another type costs no history: former versions have the converted values, those that cannot be
    converted are told; of the lineage only real changes."""
    fields = {"*": True, "amount": {"from": "amount", "type": "text"}}
    for history, name in (("scd2", "valid_to"), ("none", "deleted_at")):
        fields["amount"]["type"] = "text"
        project = csv_project(tmp_path / history, entities=[{"name": "partners", "key": ["id"], "history": history,
                                                             "from": [{"source": "files", "fields": fields}]}])
        data = numbered(30)
        project.csv("partners", NUMBERED, [("1", "one", "x", "no number"), *data[1:]])
        project.sync()
        project.csv("partners", NUMBERED, data[:29])
        project.sync()
        before = project.rows("SELECT row_id, id, name, %s, sync_time FROM partners ORDER BY row_id" % (
            name if history == "none" else "valid_from, valid_to"))
        story = project.rows("SELECT key, op, run_id FROM _sync_lineage ORDER BY row_id")
        fields["amount"]["type"] = "decimal"
        project.write(project.config)
        project.csv("partners", NUMBERED, [*data[:28], ("29", "name 29", "city 1", "77")])
        result = project.sync(*REBUILD)
        assert counts(result) == (0, 1, 0, 28, 0, 0)
        after = project.rows("SELECT row_id, id, name, %s, sync_time FROM partners ORDER BY row_id" % (
            name if history == "none" else "valid_from, valid_to"))
        assert [r for r in before if r[1] != "29"] == [r for r in after if r[1] != "29"]
        assert project.rows("SELECT typeof(amount) FROM partners GROUP BY 1 ORDER BY 1") == [
            ("integer",), *([("null",)] if history == "scd2" else []), ("real",)]
        if history == "scd2":
            result.says("1 value of the old table")
            assert project.rows("SELECT amount FROM partners WHERE id = '29' ORDER BY valid_from") == [(29.5,), (77,)]
        assert project.value(f"SELECT {name} FROM partners WHERE id = '30'") is not None
        assert project.rows("SELECT key, op, run_id FROM _sync_lineage ORDER BY row_id")[:-1] == story
        assert project.value("SELECT count(*) FROM _sync_conflicts") == 0
        settled(project)


def test_offers_under_another_key(tmp_path):
    """Goal: an entity that streamed gathers now, and back: tombstones find their record."""
    world = World(tmp_path).stream(rows=[thing(i) for i in range(1, 21)], capabilities=["complete", "delta", "resume"]).write()
    project = scripted_project(tmp_path, world)
    project.sync()
    for n, key in enumerate((["code"], ["name"], ["id"])):
        project.edit(lambda c, key=key: c.update(entities=[{"name": "things", "key": key}]))
        project.command("sync").expect(INVALID)
        assert counts(project.sync("--rebuild", "--entity", "things"), "things")[0] == 20 - n
        assert project.value("SELECT count(*) FROM _sync_offers") == (0 if key == ["id"] else 20 - n)
        settled(project, "things")
        world.remove(20 - n, 100 + n).write()
        assert counts(project.sync(), "things")[:3] == (0, 0, 1)
        assert project.value("SELECT count(*) FROM things_current") == 19 - n
        settled(project, "things")


def test_conflicts_and_pins_of_the_old_key(tmp_path):
    """Goal: under another key there are other records: what was open of the former ones is closed, their pins go; under
    the same key conflicts and pins stay."""
    project = csv_project(tmp_path, options={"max_delete": "100%"})
    for name in ("crm", "sheet"):
        project.csv(name, ("code", "name", "phone"), [("A", "name A", name), ("B", "name B", name), ("C", "name C", name)])
    project.write({**project.config, "sources": {n: {"plugin": "csv", "priority": p, "settings": {"path": f"data/{n}.csv"}}
                                                 for n, p in (("crm", 100), ("sheet", 50))},
                   "entities": [{"name": "partners", "key": ["code"], "from": [
                       {"source": "crm", "entity": "crm"}, {"source": "sheet", "entity": "sheet"}]}]})
    project.sync()
    ids = dict(project.rows("SELECT key, id FROM _sync_conflicts"))
    assert set(ids) == {"A", "B", "C"}
    project.command("conflicts", "resolve", str(ids["A"]), "--keep", "sheet").expect(DONE)
    project.sync()
    assert project.value("SELECT phone FROM partners WHERE code = 'A'") == "sheet"
    project.edit(lambda c: c["entities"][0].update(history="scd2"))
    project.sync(*REBUILD)
    assert project.rows("SELECT key, status FROM _sync_conflicts ORDER BY key") == [
        ("A", "resolved"), ("B", "open"), ("C", "open")]
    assert project.value("SELECT phone FROM partners WHERE code = 'A'") == "sheet", "still pinned"
    settled(project)
    project.edit(lambda c: c["entities"][0].update(key=["name"]))
    project.sync(*REBUILD)
    assert project.rows("SELECT key, status FROM _sync_conflicts ORDER BY id") == [
        ("A", "closed"), ("B", "closed"), ("C", "closed"), ("name A", "open"), ("name B", "open"), ("name C", "open")]
    assert project.value("SELECT count(*) FROM _sync_pins") == 0
    assert project.value("SELECT phone FROM partners WHERE code = 'A'") == "crm"
    settled(project)


def test_local_edits_of_the_old_key(tmp_path):
    """Goal: the same for an entity without offers: a conflict under the old key does not stay open for ever."""
    project = make(tmp_path)
    project.sync()
    execute(project.db, "UPDATE partners SET city = 'mine' WHERE id = '7'")
    project.sync()
    assert project.rows("SELECT key, kind, status FROM _sync_conflicts") == [("7", "local_edit", "open")]
    project.edit(lambda c: c["entities"][0].update(key=["name"]))
    project.sync(*REBUILD)
    assert project.rows("SELECT key, kind, status FROM _sync_conflicts") == [("7", "local_edit", "closed")]


def test_nothing_has_changed(tmp_path):
    """Goal: a table may be made anew for no reason; hand-made columns and rows are gone; views of others work again."""
    project = make(tmp_path)
    project.sync()
    expected = project.state()
    execute(project.db, "ALTER TABLE partners ADD COLUMN mine TEXT")
    execute(project.db, "CREATE VIEW my_view AS SELECT id, upper(name) AS loud FROM partners_current")
    execute(project.db, "CREATE VIEW my_other AS SELECT id FROM partners")
    execute(project.db, "INSERT INTO partners(row_id, id) VALUES (99, 'hand')")
    assert counts(project.sync(*REBUILD)) == (0, 0, 1, 50, 0, 0)
    assert project.state() == expected
    assert "mine" not in columns(project.db, "partners")
    assert project.value("SELECT loud FROM my_view WHERE id = '3'") == "NAME 3"
    assert project.value("SELECT count(*) FROM my_other") == 51, "a row that the source has not is deleted, softly"
    settled(project)


def test_only_the_entity_named(tmp_path):
    """Goal: the others are not read."""
    project = csv_project(tmp_path, entities=[{"name": n, "key": ["id"]} for n in "ab"])
    for name in "ab":
        project.csv(name, NUMBERED, numbered(5))
    project.sync()
    result = project.sync("--rebuild", "--entity", "b")
    assert [e["name"] for e in result.json["entities"]] == ["b"]
    assert project.value("SELECT count(DISTINCT run_id) FROM _sync_lineage WHERE entity = 'a'") == 1


def test_first_sync(tmp_path):
    """Goal: where there is no table yet, a rebuild is a first sync."""
    project = make(tmp_path)
    assert counts(project.sync(*REBUILD)) == (50, 0, 0, 0, 0, 0)
    assert left_over(project) == []
    settled(project)


@pytest.mark.parametrize("args, word", [((), "--entity"), (("--entity", "partners", "--row-limit", "3"), "--row-limit"),
                                        (("--entity", "partners", "--dry-run"), "--dry-run"),
                                        (("--entity", "nobody"), "nobody")])
def test_wrong_usage(tmp_path, args, word):
    """Goal: what cannot be meant is wrong usage, and does nothing."""
    project = make(tmp_path)
    project.sync()
    before = project.db.read_bytes()
    project.command("sync", "--rebuild", *args).expect(USAGE).says(word)
    assert project.db.read_bytes() == before


def test_guard(tmp_path):
    """Goal: a source that has lost many records does not empty the table by way of a new one, whether or not that takes
    over what the old one held."""
    for key in (["id"], ["name"]):
        guarded(tmp_path / key[0], key)


def guarded(folder, key):
    project = make(folder, n=100)
    project.sync()
    before = project.state()
    kept = ["id"]
    for n, allow in ((70, "30"), (0, "100%")):
        project.csv("partners", NUMBERED, numbered(n))
        project.edit(lambda c: c["entities"][0].update(key=key))
        project.sync(*REBUILD, expect=GUARD).says("max-delete " + allow)
        assert project.state() == before and left_over(project) == []
        project.csv("partners", NUMBERED, numbered(100))
        project.edit(lambda c: c["entities"][0].update(key=kept))
        assert counts(project.sync()) == (0, 0, 0, 100, 0, 0)
    project.csv("partners", NUMBERED, numbered(70))
    project.edit(lambda c: c["entities"][0].update(key=key))
    project.sync(*REBUILD, "--max-delete", "30")
    assert project.value("SELECT count(*) FROM partners_current") == 70
    settled(project)


def slow_world(folder, n=400, key="id", **more):
    world = World(folder).stream(rows=[thing(i, name=f"new {i}") for i in range(1, n + 1)], checkpoint_every=20,
                                 page_size=20, page_delay_ms=30, capabilities=["complete", "delta", "resume"], **more)
    return world, scripted_project(folder, world, entities=[{"name": "things", "key": [key]}])


@pytest.mark.parametrize("key", ["id", "code"])
def test_failed_source_leaves_the_old_table(tmp_path, key):
    """Goal: a source that fails half-way: the old table is as it was, nothing is left over, and the next sync reads
    completely, into the old table."""
    world, project = slow_world(tmp_path, key=key)
    world["things"]["rows"] = [thing(i) for i in range(1, 401)]
    world.write()
    project.sync()
    before = project.state()
    story = project.rows("SELECT key, op FROM _sync_lineage ORDER BY row_id")
    world["things"]["rows"] = [thing(i, seq=1000 + i, name=f"new {i}") for i in range(1, 401)]
    world.fault("pull", after_rows=200, status="network", scope="stream", message="gone").write()
    project.sync("--rebuild", "--entity", "things", expect=FAILED)
    assert project.state() == before and left_over(project) == []
    assert project.rows("SELECT key, op FROM _sync_lineage ORDER BY row_id") == story
    world.calm().forget()
    world.write()
    assert counts(project.sync(), "things") == (0, 400, 0, 0, 0, 0)
    assert world.starts()[0]["mode"] == "full" and not world.starts()[0]["resume"]
    settled(project, "things")


@pytest.mark.parametrize("key, history", [("id", "none"), ("id", "scd2"), ("code", "none")])
def test_killed_at_any_commit(tmp_path, key, history):
    """Goal: kill -9 before or after any commit: the old table whole, or the new one; the next sync removes what is left."""
    world, project = slow_world(tmp_path, n=120, key=key)
    world["things"]["rows"] = [thing(i) for i in range(1, 121)]
    world.write()
    project.sync()
    old = project.state()
    world["things"]["rows"] = [thing(i, seq=1000 + i, name=f"new {i}") for i in range(1, 121)]
    world.write()
    project.edit(lambda c: c["entities"][0].update(history=history))
    before = tmp_path / "before.db"
    copy_database(project.db, before)
    args = ("--rebuild", "--entity", "things")
    trace = tmp_path / "trace"
    project.sync(*args, env=tracing(project.db, trace))
    new = project.state()
    assert new != old
    assert writing_commits(trace)[0] >= 5
    points = [{when: n} for n in (2, 3) for when in KILLS] + [
        {when: 1, "DVSYNC_KILL_SINCE": since} for since in ("RENAME TO", LAST[2]) for when in KILLS]
    for i, point in enumerate(points):
        copy_database(before, project.db)
        project.edit(lambda c: c["entities"][0].update(history=history))
        kill_at(project, point, *args)
        found = state(project.db)
        assert found == (new if i > 4 else old), f"{point}: not the table that it should be"
        check_integrity(project.db)
        again = args if i % 2 else ()
        if found == old and not again:  # as it was before, also when the project is put back
            project.edit(lambda c: c["entities"][0].update(history="none"))
        project.sync(*again)
        assert project.state() == new, point
        assert left_over(project) == [] and "running" not in project.runs()
        told = {("create", 120), ("update", 120)} if history == "none" or (found == old and not again) else {("create", 240)}
        assert set(project.rows("SELECT op, count(*) FROM _sync_lineage GROUP BY op")) == told, f"{point}: each told once"
        settled(project, "things")


def test_memory_sink_ends_alike(tmp_path):
    """Goal: the same on both sinks."""
    pair = []
    for kind in ("sqlite", "memory"):
        project = csv_project(tmp_path / kind, settings={"path": str(tmp_path / "data")})
        if kind == "memory":
            project.write({**project.config, "sink": memory_sink(project)})
        pair.append(project)
    pair[0].folder, kept = tmp_path, pair[0].folder
    pair[0].csv("partners", NUMBERED, numbered(30))
    pair[0].folder = kept
    for history in ("none", "scd2", "scd2", "none"):
        for project in pair:
            project.edit(lambda c, history=history: c["entities"][0].update(history=history))
            project.sync(*REBUILD)
        both_equal(*pair)
        for project in pair:
            project.sync()
        both_equal(*pair)


def test_status_in_between(tmp_path):
    """Goal: while the new table is filled, the old one answers; nothing else can be told from a run's own tables."""
    world, project = slow_world(tmp_path)
    world["things"]["rows"] = [thing(i) for i in range(1, 401)]
    world.write()
    project.sync()
    world.fault("pull", after_rows=200, touch=str(tmp_path / "there"), wait_for=str(tmp_path / "go")).write()
    with project.start("sync", "--rebuild", "--entity", "things") as running:
        wait_until((tmp_path / "there").exists, "the middle of the read")
        wait_until(lambda: left_over(project), "a commit")
        assert project.value("SELECT count(*) FROM things_current") == 400
        assert len([t for t in tables(project.db) if not t.startswith("_sync_")]) == 1
        project.command("stats").expect(DONE)
        (tmp_path / "go").touch()
        assert running.wait().code == DONE
    settled(project, "things")
