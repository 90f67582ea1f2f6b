"""`schema: evolve` and `schema: strict`: sources whose columns come, go and change their type."""

import json
from decimal import Decimal

import pytest
from dataverse import dataverse_project
from harness import (DONE, FAILED, FOUND, NUMBERED, PARTIAL, by_key, columns, connect, counts, csv_project, entity, execute,
                     mapped, numbered, rows, statements, tracing, value, writes_to)
from killing import check_integrity, copy_database, kill_at, writing_commits
from sim import Sim, ask
from sinks import both_equal, memory_sink
from worlds import World, column, scripted_project, thing

COLOURED = (*NUMBERED, "colour")


def evolving(folder, n=20, rule="evolve", **more):
    project = csv_project(folder, entities=[{"name": "partners", "key": ["id"], "schema": rule, **more}])
    project.csv("partners", NUMBERED, numbered(n))
    return project


def scripted(folder, kind, values, rule="evolve", sink=None, n=None, **more):
    """A stream `things` with a column `v` of a type; the world and a project over it."""
    folder.mkdir(exist_ok=True)
    world = World(folder)
    world.stream(columns=[column("id", "int64", key=1), column("v", kind), column("name")], checkpoint_every=10,
                 rows=[{"id": i, "$number": i, "seq": i, "v": v, "name": f"name {i}"} for i, v in enumerate(values, 1)])
    world.write()
    project = scripted_project(folder, world, entities=[{"name": "things", "schema": rule, **more}])
    if sink:
        project.write({**project.config, "sink": sink(project)})
    return project, world


def retype(world, kind, convert=None, name="v"):
    """The source says another type from now on; its values go along."""
    for c in world["things"]["columns"]:
        if c["name"] == name:
            c["type"] = kind
    for row in world.rows():
        if convert and row.get(name) is not None:
            row[name] = convert(row[name])
    world.write()


def declared(db, table="things"):
    return {r[1]: r[2] for r in rows(db, f"PRAGMA table_info({table})")}


# ---- New and removed columns ----

def test_new_column_is_added_and_back_filled(tmp_path):
    """Goal: with `evolve` a new source field becomes a column, and every row gets its value in that run."""
    project = evolving(tmp_path)
    project.sync()
    project.csv("partners", COLOURED, [(*r, "red" if i % 2 else None) for i, r in enumerate(numbered(21), 1)])
    before = project.diff(expect=FOUND)
    assert len(before.changes) == 11 and all("colour" in c["fields"] for c in before.changes)
    assert "colour" not in columns(project.db, "partners"), "a diff changes nothing"
    result = project.sync()
    result.says("colour")
    assert counts(result) == (1, 10, 0, 10, 0, 0), "rows that have nothing there stay as they are"
    assert by_key(project.db, "partners", "id", "colour") == {str(i): "red" if i % 2 else None for i in range(1, 22)}
    assert json.loads(by_key(project.db, "partners", "id", "json_response")["3"])["colour"] == "red"
    assert project.value("SELECT count(*) FROM _sync_lineage WHERE op = 'update' AND changes LIKE '%\"colour\"%'") == 10
    assert "colour" in columns(project.db, "partners_current")
    project.diff(expect=DONE)
    trace = tmp_path / "trace"
    again = project.sync(env=tracing(project.db, trace))
    assert counts(again) == (0, 0, 0, 21, 0, 0) and "colour" not in again.text
    assert not writes_to(trace, "partners", "_sync_lineage") and statements(trace)


def test_exceptions_stay_exceptions(tmp_path):
    """Goal: a new column that the project leaves out, or takes under another name, is not added as it is."""
    project = evolving(tmp_path, **{"from": [{"source": "files", "fields": {
        "*": True, "secret": False, "shade": {"from": "colour"}, "colour": False}}]})
    project.csv("partners", (*NUMBERED, "colour"), [(*r, "red") for r in numbered(5)])
    project.sync()
    project.csv("partners", (*COLOURED, "secret", "size"), [(*r, "red", "x", "1") for r in numbered(5)])
    project.sync()
    assert mapped(project.db, "partners") == sorted((*NUMBERED, "shade", "size"))


def test_named_fields_take_no_new_column(tmp_path):
    """Goal: only "*" means new columns."""
    project = evolving(tmp_path, **{"from": [{"source": "files", "fields": {"id": "id", "title": "name"}}]})
    project.sync()
    project.csv("partners", COLOURED, [(*r, "red") for r in numbered(20)])
    assert counts(project.sync()) == (0, 0, 0, 20, 0, 0)
    assert mapped(project.db, "partners") == ["id", "title"]


def test_removed_column_keeps_its_values_and_comes_back(tmp_path):
    """Goal: a field that is gone keeps its column; when it is back, the rows follow it again."""
    project = evolving(tmp_path)
    project.sync()
    before = columns(project.db, "partners")
    project.csv("partners", ("id", "name", "amount"), [(i, n, a) for i, n, _, a in numbered(21)])
    project.sync().says("city", "gone")
    assert columns(project.db, "partners") == before
    assert by_key(project.db, "partners", "id", "city")["3"] == "city 3"
    assert by_key(project.db, "partners", "id", "city")["21"] is None
    project.csv("partners", NUMBERED, [(i, n, f"new {i}", a) for i, n, _, a in numbered(21)])
    assert counts(project.sync()) == (0, 21, 0, 0, 0, 0)
    assert columns(project.db, "partners") == before
    assert by_key(project.db, "partners", "id", "city")["21"] == "new 21"
    project.diff(expect=DONE)


def test_evolve_once_then_lock(tmp_path):
    """Goal: one sync with `evolve` takes the new columns over; `lock` keeps them from then on."""
    project = evolving(tmp_path, rule="lock")
    project.sync()
    project.csv("partners", COLOURED, [(*r, "red") for r in numbered(20)])
    project.sync().says("not synced")
    for rule in ("evolve", "lock"):
        project.edit(lambda c, rule=rule: c["entities"][0].update(schema=rule))
        project.sync()
    assert set(by_key(project.db, "partners", "id", "colour").values()) == {"red"}
    project.csv("partners", COLOURED, [(*r, "blue") for r in numbered(20)])
    assert counts(project.sync()) == (0, 20, 0, 0, 0, 0)
    assert set(by_key(project.db, "partners", "id", "colour").values()) == {"blue"}


def test_new_column_of_an_incremental_stream(tmp_path):
    """Goal: a source that is read by cursor is read completely in the run that finds a new column, and by cursor again
    after that."""
    project, world = scripted(tmp_path, "int64", range(1, 31))
    project.sync()
    world["things"]["columns"].append(column("extra"))
    for row in world.rows():
        row["extra"] = f"extra {row['id']}"
    world.write()
    world.forget()
    result = project.sync()
    assert [s["mode"] for s in world.starts()] == ["full"]
    assert counts(result, "things") == (0, 30, 0, 0, 0, 0)
    assert project.value("SELECT reason FROM _sync_log ORDER BY row_id DESC LIMIT 1") == "the source's columns changed"
    assert by_key(project.db, "things", "id", "extra")[7] == "extra 7"
    world.forget()
    project.sync()
    assert [s["mode"] for s in world.starts()] != ["full"]


def test_trial_of_a_new_column(tmp_path):
    """Goal: --row-limit fills some rows; the next sync reads completely and fills them all."""
    project, world = scripted(tmp_path, "int64", range(1, 31))
    project.sync()
    world["things"]["columns"].append(column("extra"))
    for row in world.rows():
        row["extra"] = "x"
    world.write()
    project.sync("--row-limit", "5")
    project.sync()
    assert set(by_key(project.db, "things", "id", "extra").values()) == {"x"}
    project.diff(expect=DONE)


# ---- Types ----

WIDENINGS = [
    ("bool", "int64", [True, False, None], int, {1: 1, 2: 0, 3: None}, "INTEGER"),
    ("int64", "decimal", [5, -7, 9007199254740993, None], str, {1: 5, 2: -7, 3: 9007199254740993, 4: None}, ""),
    ("int64", "double", [5, -7, None], float, {1: 5.0, 2: -7.0, 3: None}, "REAL"),
    ("double", "decimal", [0.1, 2.5, None], str, {1: 0.1, 2: 2.5, 3: None}, ""),
    ("date", "timestamp", ["2024-02-29", None], lambda d: d + "T00:00:00Z",
     {1: "2024-02-29T00:00:00.000000Z", 2: None}, "TEXT"),
    ("int64", "text", [5, None], str, {1: "5", 2: None}, "TEXT"),
    ("decimal", "text", ["1.50", "12345678901234567.89"], lambda v: v.replace("1.50", "1.5"), {1: "1.5", 2: "12345678901234567.89"}, "TEXT"),
    ("bool", "text", [True, False], lambda b: str(b).lower(), {1: "true", 2: "false"}, "TEXT"),
    ("uuid", "text", ["00112233-4455-6677-8899-AABBCCDDEEFF"], str.lower,
     {1: "00112233-4455-6677-8899-aabbccddeeff"}, "TEXT"),
    ("json", "text", [{"b": 1, "a": [1.0]}], lambda v: '{"a":[1],"b":1}', {1: '{"a":[1],"b":1}'}, "TEXT"),
    ("timestamp", "text", ["2024-02-29T12:00:00+01:00"], lambda v: "2024-02-29T11:00:00.000000Z",
     {1: "2024-02-29T11:00:00.000000Z"}, "TEXT"),
]


@pytest.mark.parametrize("sink", [None, memory_sink], ids=["sqlite", "memory"])
@pytest.mark.parametrize("was,now,values,convert,expected,declaration", WIDENINGS, ids=[f"{w[0]}-{w[1]}" for w in WIDENINGS])
def test_safe_widening(tmp_path, was, now, values, convert, expected, declaration, sink):
    """Goal: the column gets the wider type and keeps every value; where the source says the same values, no row changes,
    neither in the diff before nor in the sync, and no lineage is written."""
    project, world = scripted(tmp_path, was, values, sink=sink)
    project.sync()
    retype(world, now, convert)
    n = len(values)
    assert project.diff(expect=DONE).summary["entities"]["things"]["unchanged"] == n
    result = project.sync()
    result.says(f"{was} to {now}")
    assert counts(result, "things") == (0, 0, 0, n, 0, 0)
    if not sink:
        assert by_key(project.db, "things", "id", "v") == expected
        assert declared(project.db)["v"] == declaration
        assert not [c for c in columns(project.db, "things") if c.startswith("_sync")]
        assert project.value("SELECT count(*) FROM _sync_lineage WHERE op <> 'create'") == 0
        assert project.rows("SELECT type FROM _sync_schema WHERE field = 'v' ORDER BY row_id") == [(was,), (now,)]
        assert len({r[0] for r in project.rows("SELECT position FROM _sync_schema WHERE field = 'v'")}) == 1
        check_integrity(project.db)
    project.diff(expect=DONE)
    again = project.sync("--full")
    assert counts(again, "things") == (0, 0, 0, n, 0, 0) and f"to {now}" not in again.text
    if not sink:
        trace = tmp_path / "trace"
        project.sync("--full", env=tracing(project.db, trace))
        assert not writes_to(trace, "things", "_sync_lineage") and statements(trace)


def test_widening_on_both_sinks_alike(tmp_path):
    """Goal: SQLite and the memory sink end with the same tables after columns came and became wider."""
    pair = []
    for name, sink in (("one", None), ("two", memory_sink)):
        project, world = scripted(tmp_path / name, "int64", [1, 2, None, 4], sink=sink)
        project.sync()
        retype(world, "decimal", lambda v: f"{v}.25" if v == 2 else str(v))
        world["things"]["columns"].append(column("extra", "double"))
        for row in world.rows():
            row["extra"] = 0.5
        world.write()
        project.sync()
        pair.append(project)
    pair[1].name = "demo"
    both_equal(pair[0], pair[1])


def test_values_that_changed_with_the_type(tmp_path):
    """Goal: beside a widening only rows with other values are written; a value that somebody edited is found."""
    project, world = scripted(tmp_path, "int64", range(1, 21))
    project.sync()
    execute(project.db, "UPDATE things SET v = 1000 WHERE id = 3")
    retype(world, "decimal", lambda v: f"{v}.5" if v == 7 else str(v))
    changes = project.diff(expect=FOUND).changes
    assert sorted((c["key"]["id"], c["fields"]["v"]["sink"], c["fields"]["v"]["source"]) for c in changes) == [
        (3, "1000", "3"), (7, "7", "7.5")]
    assert counts(project.sync(), "things") == (0, 2, 0, 18, 0, 0)
    assert by_key(project.db, "things", "id", "v")[7] == 7.5
    assert by_key(project.db, "things", "id", "v")[3] == 3


def test_sync_hash_follows_the_new_text(tmp_path):
    """Goal: where the canonical text becomes another one (true, 1), sync_hash still says that we wrote the value, and of an
    edited value that we did not."""
    project, world = scripted(tmp_path, "bool", [True, False, True])
    project.sync()
    execute(project.db, "UPDATE things SET v = 1 WHERE id = 2")
    retype(world, "int64", int)
    world.change(2, 1, v=1)
    world.write()
    project.sync()
    position = project.value("SELECT position FROM _sync_schema WHERE field = 'v'")
    hashes = {i: h[4 * position:4 * position + 4] for i, h in project.rows("SELECT id, sync_hash FROM things")}
    fresh, other = scripted(tmp_path / "fresh", "int64", [1, 0, 1])
    assert other.file.exists()
    fresh.sync()
    expected = {i: h[4 * position:4 * position + 4] for i, h in fresh.rows("SELECT id, sync_hash FROM things")}
    assert hashes[1] == expected[1] and hashes[3] == expected[3]
    assert hashes[2] != expected[1], "somebody else wrote it"


def test_narrower_type_goes_into_the_wider_column(tmp_path):
    """Goal: a source that goes back to a narrower type loses nothing: the column stays wide."""
    project, world = scripted(tmp_path, "decimal", ["1.5", "2", "3"])
    project.sync()
    retype(world, "int64", lambda v: int(float(v)))
    assert counts(project.sync(), "things") == (0, 1, 0, 2, 0, 0)
    assert by_key(project.db, "things", "id", "v") == {1: 1, 2: 2, 3: 3}
    assert declared(project.db)["v"] == ""
    retype(world, "decimal", lambda v: f"{v}.75")
    assert counts(project.sync(), "things") == (0, 3, 0, 0, 0, 0)
    project.diff(expect=DONE)


@pytest.mark.parametrize("was,now,values,convert", [
    ("text", "int64", ["1", "2"], int), ("decimal", "int64", ["1", "2"], int), ("timestamp", "bool", ["2024-01-01T00:00:00Z"],
                                                                                lambda v: True),
    ("text", "json", ["1"], json.loads), ("uuid", "bytes", ["00112233-4455-6677-8899-aabbccddeeff"], lambda v: "AAAA")])
def test_unsafe_change_is_an_error_for_that_entity(tmp_path, was, now, values, convert):
    """Goal: a change that could lose something fails its entity with a clear message and writes nothing; others go on.
    (What still fits into the wider column, does.)"""
    project, world = scripted(tmp_path, was, values)
    world.stream("others", rows=[thing(i) for i in range(1, 4)]).write()
    project.edit(lambda c: c["entities"].append("others"))
    project.sync()
    before = project.rows("SELECT * FROM things"), columns(project.db, "things"), declared(project.db)
    retype(world, now, convert)
    if (now, was) in [(w[0], w[1]) for w in WIDENINGS]:
        project.sync()
        assert declared(project.db) == before[2]
        return
    result = project.sync(expect=PARTIAL)
    result.says("things", f"was of type {was} and is now {now}", "type:")
    assert (project.rows("SELECT * FROM things"), columns(project.db, "things"), declared(project.db)) == before
    assert entity(result.json, "others")["status"] == "completed"
    project.diff(expect=PARTIAL).says(f"is now {now}")


def test_int64_to_double_only_if_every_value_stays(tmp_path):
    """Goal: an int64 above 2^53 has no double: the entity fails, names the row, and nothing changes."""
    project, world = scripted(tmp_path, "int64", [1, 9007199254740993])
    project.sync()
    retype(world, "double", float)
    project.sync(expect=FAILED).says("cannot become double", "row_id 2")
    assert declared(project.db)["v"] == "INTEGER"
    assert by_key(project.db, "things", "id", "v")[2] == 9007199254740993
    execute(project.db, "UPDATE things SET v = 2 WHERE id = 2")
    project.sync()
    assert declared(project.db)["v"] == "REAL"
    assert by_key(project.db, "things", "id", "v")[2] == 9007199254740992.0


def test_value_of_another_kind_in_the_column(tmp_path):
    """Goal: what somebody wrote into the column is neither lost nor guessed at: the entity fails until it is put right."""
    project, world = scripted(tmp_path, "int64", [1, 2, 3])
    project.sync()
    execute(project.db, "UPDATE things SET v = 'twenty' WHERE id = 2")
    retype(world, "decimal", str)
    project.sync(expect=FAILED).says(r'\"v\"', "row_id 2")
    execute(project.db, "UPDATE things SET v = 1.5 WHERE id = 2")
    assert counts(project.sync(), "things") == (0, 1, 0, 2, 0, 0)
    assert by_key(project.db, "things", "id", "v") == {1: 1, 2: 2, 3: 3}


def test_key_that_becomes_wider(tmp_path):
    """Goal: a key field may become wider where its canonical text stays: the rows are found, none is made anew."""
    project, world = scripted(tmp_path, "text", [f"v{i}" for i in range(1, 31)])
    project.sync()
    for c in world["things"]["columns"]:
        if c["name"] == "id":
            c["type"] = "text"
    for row in world.rows():
        row["id"] = str(row["id"])
    world.write()
    project.diff(expect=DONE)
    assert counts(project.sync(), "things") == (0, 0, 0, 30, 0, 0)
    assert by_key(project.db, "things", "id", "v")["7"] == "v7"
    assert [r for r in project.rows("PRAGMA index_list(things)") if r[2] == 1], "the key has its unique index"
    world.change("7", 99, v="changed").write()
    assert counts(project.sync(), "things")[:3] == (0, 1, 0)
    project.diff(expect=DONE)


def test_diff_looks_up_rows_by_the_key_as_it_is_stored(tmp_path):
    """Goal: a diff before the key becomes wider finds rows that do not come in the order in which they lie."""
    project, world = scripted(tmp_path, "text", [f"v{i}" for i in range(1, 101)])
    project.sync()
    retype(world, "text", lambda i: str(i) if i < 100 else "0100", "id")
    world["things"]["rows"] = world.rows()[80:]
    world.write()
    summary = project.diff(expect=FOUND).summary["entities"]["things"]
    assert (summary["created"], summary["updated"], summary["unchanged"], summary["deleted"]) == (1, 0, 19, 81)
    project.sync("--max-delete", "100%")
    assert sorted(by_key(project.db, "things", "id", "v")) == sorted(["0100", *(str(i) for i in range(81, 100))])


def test_many_rows_become_wider(tmp_path):
    """Goal: a table of several pages is converted whole, and so are gaps in its row ids."""
    project, world = scripted(tmp_path, "decimal", [f"{i}.25" for i in range(1, 501)])
    project.sync()
    execute(project.db, "DELETE FROM things WHERE id BETWEEN 100 AND 200")
    retype(world, "text")
    assert counts(project.sync(), "things") == (101, 0, 0, 399, 0, 0)
    assert by_key(project.db, "things", "id", "v") == {i: f"{i}.25" for i in range(1, 501)}


def test_deleted_rows_become_wider_too(tmp_path):
    """Goal: rows that are soft-deleted keep their values in the new column."""
    project, world = scripted(tmp_path, "int64", range(1, 21))
    project.sync()
    world.remove(5, seq=50).write()
    project.sync()
    retype(world, "decimal", str)
    project.sync()
    assert project.rows("SELECT v, typeof(v) FROM things WHERE id = 5 AND deleted_at IS NOT NULL") == [(5, "integer")]


def test_views_and_triggers_of_others_survive(tmp_path):
    """Goal: a view and a trigger that somebody made over the column go on working."""
    project, world = scripted(tmp_path, "int64", [1, 2, 3])
    project.sync()
    execute(project.db, "CREATE VIEW total AS SELECT sum(v) AS v FROM things")
    execute(project.db, "CREATE TABLE seen(v)")
    execute(project.db, "CREATE TRIGGER watch AFTER UPDATE OF name ON things BEGIN INSERT INTO seen VALUES(new.v); END")
    retype(world, "decimal", lambda v: f"{v}.5")
    assert counts(project.sync(), "things") == (0, 3, 0, 0, 0, 0)
    assert value(project.db, "SELECT v FROM total") == 7.5
    execute(project.db, "UPDATE things SET name = 'x' WHERE id = 2")
    assert value(project.db, "SELECT v FROM seen") == 2.5
    assert declared(project.db)["v"] == ""


def test_index_of_somebody_else(tmp_path):
    """Goal: an index over the column stops the change, and the message names it."""
    project, world = scripted(tmp_path, "int64", [1, 2, 3])
    project.sync()
    execute(project.db, "CREATE INDEX by_v ON things(v)")
    retype(world, "decimal", str)
    project.sync(expect=FAILED).says("by_v")
    assert declared(project.db)["v"] == "INTEGER"
    execute(project.db, "DROP INDEX by_v")
    project.sync()
    assert declared(project.db)["v"] == ""


def test_offers_become_wider(tmp_path):
    """Goal: an entity that gathers keeps its offers readable: nothing is made anew, tombstones still find their record."""
    project, world = scripted(tmp_path, "int64", range(1, 31), key=["name"])
    project.sync()
    retype(world, "decimal", lambda v: f"{v}.5" if v == 4 else str(v))
    assert [c["fields"]["v"]["sink"] for c in project.diff(expect=FOUND).changes] == ["4"]
    assert counts(project.sync(), "things") == (0, 1, 0, 29, 0, 0)
    fields = json.loads(project.value("SELECT fields FROM _sync_offers WHERE source_key = '7'"))
    assert fields["v"] == "7"
    world.remove(7, seq=99).write()
    assert counts(project.sync(), "things")[2] == 1
    project.diff(expect=DONE)


# ---- Killed in the middle ----

def test_killed_during_the_change(tmp_path):
    """Goal: kill -9 at each commit point around a widening with a new column leaves the old or the new table, and the next
    run ends as one that was not disturbed."""
    project, world = scripted(tmp_path, "int64", range(1, 121))
    project.sync()
    retype(world, "decimal", lambda v: f"{v}.5" if v % 3 == 0 else str(v))
    world["things"]["columns"].append(column("extra"))
    for row in world.rows():
        row["extra"] = f"extra {row['id']}"
    world.write()
    start = tmp_path / "start.db"
    copy_database(project.db, start)
    trace = tmp_path / "trace"
    project.sync(env=tracing(project.db, trace))
    expected = project.state()
    commits, _ = writing_commits(trace)
    seen = set()
    for n in range(1, commits + 1):
        for kind in ("DVSYNC_KILL_BEFORE", "DVSYNC_KILL_AFTER"):
            copy_database(start, project.db)
            kill_at(project, {kind: n})
            with connect(project.db) as connection:  # the WAL comes along
                kinds = {r[1]: r[2] for r in connection.execute("PRAGMA table_info(things)")}
                types = connection.execute("SELECT definition FROM _sync_tables WHERE entity = 'things'").fetchone()[0]
            wide = kinds["v"] == ""
            seen.add(wide)
            assert wide == ("extra" in kinds), f"{kind} {n}: half a change: {kinds}"
            assert json.loads(types)["fields"]["v"]["type"] == ("decimal" if wide else "int64"), f"{kind} {n}"
            assert not [c for c in kinds if c.startswith("_sync")]
            project.sync()
            assert project.state() == expected, f"{kind} {n}"
            assert project.runs()[-1] == "completed" and "running" not in project.runs()
            check_integrity(project.db)
    assert seen == {False, True}


# ---- Strict ----

def different(world, what):
    stream = world["things"]
    if what == "new":
        stream["columns"].append(column("extra"))
    elif what == "gone":
        stream["columns"] = [c for c in stream["columns"] if c["name"] != "name"]
        for row in world.rows():
            row.pop("name")
    elif what == "type":
        retype(world, "decimal", str)
    elif what == "nullable":
        next(c for c in stream["columns"] if c["name"] == "v")["nullable"] = False
    elif what == "key":
        next(c for c in stream["columns"] if c["name"] == "name").update(key=2, nullable=False)
    world.write()


@pytest.mark.parametrize("what,words", [("new", ("extra", "is new")), ("gone", ("name", "is gone")),
                                        ("type", (r'\"v\"', "int64", "decimal")), ("nullable", (r'\"v\"', "never NULL")),
                                        ("key", ("name", "second in the key"))])
def test_strict_refuses_any_difference(tmp_path, what, words):
    """Goal: with `strict` a new, removed or changed column is an error before anything of the entity is written."""
    project, world = scripted(tmp_path, "int64", [1, 2, 3], rule="strict")
    world.stream("others", rows=[thing(1)]).write()
    project.edit(lambda c: c["entities"].append("others"))
    project.sync()
    project.sync("--full"), project.diff(expect=DONE)
    before = project.rows("SELECT * FROM things"), columns(project.db, "things"), project.rows("SELECT * FROM _sync_schema")
    world.change(2, 9, v=22)
    different(world, what)
    result = project.sync(expect=PARTIAL)
    result.says(*words, "strict", "things")
    assert (project.rows("SELECT * FROM things"), columns(project.db, "things")) == before[:2]
    assert [r for r in project.rows("SELECT * FROM _sync_schema") if r[2] == "things"] == [
        r for r in before[2] if r[2] == "things"]
    project.diff(expect=PARTIAL).says(*words)


def test_strict_with_files(tmp_path):
    """Goal: the same for a CSV file, whose columns have no types."""
    project = evolving(tmp_path, rule="strict")
    project.sync()
    before = project.rows("SELECT * FROM partners")
    project.csv("partners", COLOURED[:2] + COLOURED[3:], [(*r[:2], r[3], "red") for r in numbered(21)])
    project.sync(expect=FAILED).says("colour", "is new", "city", "is gone")
    assert project.rows("SELECT * FROM partners") == before
    project.csv("partners", NUMBERED, numbered(21))
    assert counts(project.sync()) == (1, 0, 0, 20, 0, 0)


def test_strict_after_evolve(tmp_path):
    """Goal: one sync with `evolve` takes a difference over; `strict` accepts it from then on."""
    project, world = scripted(tmp_path, "int64", [1, 2, 3], rule="strict")
    project.sync()
    different(world, "new")
    different(world, "type")
    project.sync(expect=FAILED).says("extra", r'\"v\"')
    for rule in ("evolve", "strict"):
        project.edit(lambda c, rule=rule: c["entities"][0].update(schema=rule))
        project.sync()
    assert declared(project.db)["v"] == "" and "extra" in columns(project.db, "things")


def test_strict_looks_at_what_the_entity_takes(tmp_path):
    """Goal: columns that the entity does not take may come and go."""
    project, world = scripted(tmp_path, "int64", [1, 2, 3], rule="strict",
                              **{"from": [{"source": "src", "fields": {"id": "id", "v": "v"}}]})
    project.sync()
    different(world, "gone")
    different(world, "new")
    project.sync()
    different(world, "nullable")
    project.sync(expect=FAILED).says("never NULL")


def test_strict_and_the_projects_own_edits(tmp_path):
    """Goal: edits of the project are carried out, also with `strict`."""
    fields = {"id": "id", "v": "v"}
    project, _ = scripted(tmp_path, "int64", [1, 2, 3], rule="strict", **{"from": [{"source": "src", "fields": fields}]})
    project.sync()
    fields["title"] = "name"
    project.write(project.config)
    assert counts(project.sync(), "things") == (0, 3, 0, 0, 0, 0)
    assert by_key(project.db, "things", "id", "title")[2] == "name 2"


def test_strict_misses_a_column_of_the_table(tmp_path):
    """Goal: a column that somebody dropped from the table is a difference, too; `lock` adds and fills it."""
    project = evolving(tmp_path, rule="strict")
    project.sync()
    execute(project.db, "DROP VIEW partners_current")
    execute(project.db, "ALTER TABLE partners DROP COLUMN city")
    project.sync(expect=FAILED).says("city", "strict")
    assert "city" not in columns(project.db, "partners")
    project.edit(lambda c: c["entities"][0].update(schema="lock"))
    project.sync()
    assert by_key(project.db, "partners", "id", "city")["3"] == "city 3"


def test_strict_and_a_column_that_no_field_needs(tmp_path):
    """Goal: the column of a field that left the project may be dropped."""
    fields = {"id": "id", "v": "v", "name": "name"}
    project, _ = scripted(tmp_path, "int64", [1, 2], rule="strict", **{"from": [{"source": "src", "fields": fields}]})
    project.sync()
    del fields["v"]
    project.write(project.config)
    project.sync()
    execute(project.db, "DROP VIEW things_current")
    execute(project.db, "ALTER TABLE things DROP COLUMN v")
    project.sync("--full")
    assert columns(project.db, "things")[1:3] == ["id", "name"]


@pytest.mark.parametrize("rule", ["lock", "evolve", "strict"])
def test_key_of_the_source_that_changes(tmp_path, rule):
    """Goal: the source's own key is the table's: another one is an error, whatever the rule."""
    project, world = scripted(tmp_path, "int64", [1, 2, 3], rule=rule)
    project.sync()
    different(world, "key")
    project.sync(expect=FAILED).says("key")
    assert len(by_key(project.db, "things", "id", "v")) == 3


# ---- Dataverse ----

def test_dataverse_column_comes_and_goes(tmp_path):
    """Goal: a column that an administrator adds arrives in every row; one that is removed keeps its values."""
    with Sim("--rows", "accounts=230") as sim:
        project = dataverse_project(tmp_path, sim, [{"name": "accounts", "schema": "evolve", "from": [
            {"source": "dataverse", "entity": "accounts"}]}])
        project.sync()
        names = set(columns(project.db, "accounts"))
        fax = by_key(project.db, "accounts", "accountid", "fax")
        for document in ({"table": "accounts", "add": "new_size", "type": "Integer"}, {"table": "accounts", "drop": "fax"}):
            assert ask(f"{sim.url}/sim/columns", "POST", json.dumps(document).encode()).status == 200
        result = project.sync()
        result.says("new_size", "fax")
        assert set(columns(project.db, "accounts")) == names | {"new_size"}
        assert by_key(project.db, "accounts", "accountid", "fax") == fax
        assert project.value("SELECT count(new_size) FROM accounts") == result.json["totals"]["rows_updated"]
        project.diff(expect=DONE)


# ---- Several sources ----

def two_sources(folder, rule="evolve", kind="int64", values=(lambda i: i, lambda i: i + 100), **more):
    one, two = World(folder, "one"), World(folder, "two")
    for world, make in zip((one, two), values):
        world.stream(columns=[column("id", "int64", key=1), column("v", kind), column("w", "int64")], checkpoint_every=5,
                     rows=[{"id": i, "$number": i, "seq": i, "v": make(i), "w": i} for i in range(1, 11)])
        world.write()
    two.rows().append({"id": 50, "$number": 50, "seq": 50, "v": values[0](50), "w": 50})
    two.write()
    project = scripted_project(folder, one)
    project.edit(lambda c: c.update(sources={
        w.file.stem: {"plugin": "scripted", "priority": p, "settings": {"script": str(w.file), "log": str(w.log)}}
        for w, p in ((one, 100), (two, 50))}, entities=[{"name": "things", "key": ["id"], "schema": rule, "from": [
            {"source": "one", "entity": "things", "fields": {"*": True, "w": False}},
            {"source": "two", "entity": "things"}], **more}]))
    return project, one, two


def test_two_sources_with_a_new_column(tmp_path):
    """Goal: a column that one of two sources has anew is added and filled for the records of both."""
    project, one, two = two_sources(tmp_path)
    project.sync()
    two["things"]["columns"].append(column("extra"))
    for row in two.rows():
        row["extra"] = f"extra {row['id']}"
    two.write()
    project.diff(expect=FOUND)
    project.sync()
    assert by_key(project.db, "things", "id", "extra") == {i: f"extra {i}" for i in (*range(1, 11), 50)}
    assert by_key(project.db, "things", "id", "v")[3] == 3
    project.diff(expect=DONE)
    one.forget(), two.forget()
    trace = tmp_path / "trace"
    project.sync(env=tracing(project.db, trace))
    assert not writes_to(trace, "things", "_sync_lineage") and statements(trace)


def test_two_sources_and_the_type_of_the_higher(tmp_path):
    """Goal: the field's type is that of the higher source: when that becomes wider, the offers of the other go along, also
    when it cannot be read in that run."""
    project, one, two = two_sources(tmp_path)
    project.sync()
    retype(one, "decimal", lambda v: f"{v}.5")
    two.fault("pull", times=0, status="network", message="no way to two").write()
    project.sync(expect=(PARTIAL, FAILED))
    two.calm().write()
    project.sync()
    assert declared(project.db)["v"] == ""
    assert by_key(project.db, "things", "id", "v") == {**{i: i + 0.5 for i in range(1, 11)}, 50: 50}
    assert project.value("SELECT count(*) FROM things WHERE deleted_at IS NOT NULL") == 0
    one.remove(3, seq=90).write()
    project.sync()
    assert by_key(project.db, "things", "id", "v")[3] == 103, "the lower source's value stands in"
    project.diff(expect=DONE)


def test_offers_of_a_source_that_fails_while_it_is_read(tmp_path):
    """Goal: where the offers' texts become others (true, 1), those of a source that was not read in that run still count."""
    project, one, two = two_sources(tmp_path, kind="bool", values=(lambda i: True, lambda i: i == 50))
    project.sync()
    one.remove(3, seq=90)
    retype(one, "int64", int)
    retype(two, "int64", int)
    two.fault("pull", times=0, status="network", message="no way to two").write()
    project.sync(expect=(PARTIAL, FAILED)).says("no way to two")
    assert declared(project.db)["v"] == "INTEGER"
    offers = [json.loads(r[0])["v"] for r in project.rows("SELECT fields FROM _sync_offers WHERE source = 'two' ORDER BY key")]
    assert sorted(offers) == [0] * 10 + [1] and {type(o) for o in offers} == {int}, "not true and false"
    two.calm().write()
    project.sync()
    assert by_key(project.db, "things", "id", "v") == {**{i: 1 for i in range(1, 11)}, 3: 0, 50: 1}


def test_two_sources_and_a_wider_type_of_the_lower(tmp_path):
    """Goal: the lower source's values are converted strictly into the field's type: its wider type changes nothing."""
    project, _, two = two_sources(tmp_path)
    project.sync()
    retype(two, "decimal", str)
    retype(two, "decimal", str, "w")
    project.sync()
    assert declared(project.db)["v"] == "INTEGER"
    assert declared(project.db)["w"] == "", "only the lower source has it"
    project.diff(expect=DONE)


def test_two_sources_strict(tmp_path):
    """Goal: with `strict` a difference of one source stops the entity, both sources' records stay as they are."""
    project, _, two = two_sources(tmp_path, rule="strict")
    project.sync()
    before = project.rows("SELECT * FROM things")
    retype(two, "decimal", lambda v: f"{v}.5")
    project.sync(expect=FAILED).says("two", "int64", "decimal", "strict")
    assert project.rows("SELECT * FROM things") == before


# ---- With history, pins and --rebuild ----

def test_versions_become_wider(tmp_path):
    """Goal: with scd2 all versions are converted, a wider type makes none; a new column makes one version of each record
    that has a value there."""
    project, world = scripted(tmp_path, "int64", range(1, 11), history="scd2")
    project.sync()
    world.change(3, 50, v=33).write()
    project.sync()
    retype(world, "decimal", str)
    project.diff(expect=DONE)
    assert counts(project.sync(), "things") == (0, 0, 0, 10, 0, 0)
    assert project.rows("SELECT v, valid_to IS NULL FROM things WHERE id = 3 ORDER BY row_id") == [(3, 0), (33, 1)]
    assert declared(project.db)["v"] == ""
    assert [r for r in project.rows("PRAGMA index_list(things)") if r[2] == 1], "the key has its unique index"
    world["things"]["columns"].append(column("extra"))
    world.change(5, 60, extra="x").write()
    assert counts(project.sync(), "things")[:3] == (0, 1, 0)
    assert project.rows("SELECT extra FROM things WHERE id = 5 ORDER BY row_id") == [(None,), ("x",)]
    project.diff(expect=DONE)


def test_wider_key_with_history(tmp_path):
    """Goal: the key of a table with versions becomes wider; its indexes are there again."""
    project, world = scripted(tmp_path, "int64", range(1, 11), history="scd2")
    project.sync()
    indexes = [r[1:4] for r in project.rows("PRAGMA index_list(things)")]
    world.change(3, 50, v=33).write()
    project.sync()
    retype(world, "text", str, "id")
    assert counts(project.sync(), "things") == (0, 0, 0, 10, 0, 0)
    assert sorted(r[1:4] for r in project.rows("PRAGMA index_list(things)")) == sorted(indexes)
    assert project.rows("SELECT id, v FROM things WHERE id = '3' ORDER BY row_id") == [("3", 3), ("3", 33)]
    project.diff(expect=DONE)


def test_pins_become_wider(tmp_path):
    """Goal: a value that was pinned stays pinned when its field becomes wider."""
    project, one, two = two_sources(tmp_path, kind="bool", values=(lambda i: True, lambda i: False))
    project.sync()
    listed = project.command("conflicts", "--json").json
    number = next(c["id"] for c in listed["conflicts"] if c["key"] in ("4", {"id": 4}))
    project.command("conflicts", "resolve", number, "--keep", "two").expect(DONE)
    project.sync()
    assert by_key(project.db, "things", "id", "v")[4] == 0
    for world in (one, two):
        retype(world, "int64", lambda v: 7 if v else 0)
    project.sync()
    values = by_key(project.db, "things", "id", "v")
    assert (values[4], values[5]) == (0, 7)
    project.diff(expect=DONE)


@pytest.mark.parametrize("rule", ["lock", "strict", "evolve"])
def test_rebuild_takes_everything_over(tmp_path, rule):
    """Goal: `sync --rebuild` reads into a new table by the source's columns as they are, whatever the rule."""
    project, world = scripted(tmp_path, "text", ["1", "2", "3"], rule=rule)
    project.sync()
    retype(world, "uuid", lambda v: f"00112233-4455-6677-8899-00000000000{v}")
    world["things"]["columns"] = [c for c in world["things"]["columns"] if c["name"] != "name"] + [column("extra", "bool")]
    for row in world.rows():
        row.pop("name")
        row["extra"] = True
    world.write()
    project.command("sync", "--rebuild", "--entity", "things").expect(DONE)
    assert mapped(project.db, "things") == ["extra", "id", "v"]
    project.diff(expect=DONE)
    project.sync("--full")
    assert project.command("validate").expect(DONE).says("nothing wrong")
