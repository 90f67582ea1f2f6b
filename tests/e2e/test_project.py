"""What a project file can say about fields, keys and tables, and what comes of it in the sink."""

import json

import pytest
from harness import (DONE, FAILED, FOUND, INVALID, NUMBERED, PARTIAL, Project, active, by_key, columns, connect, counts,
                     csv_project, execute, mapped, numbered, tables, value)
from worlds import World, column, scripted_project, thing


def entity(fields=None, **more):
    result = {"name": "partners", "key": ["id"], **more}
    if fields is not None:
        result["from"] = [{"source": "files", "fields": fields}]
    return [result]


def make(folder, fields=None, options=None, settings=None, data=None, **more):
    project = csv_project(folder, entities=entity(fields, **more), options=options, settings=settings)
    project.csv("partners", NUMBERED, numbered(20) if data is None else data)
    return project


def test_renames(tmp_path):
    """Goal: fields carry the entity's names, and lineage tells the source's."""
    project = make(tmp_path, {"code": "id", "label": {"from": "name"}}, key=["code"])
    project.sync()
    assert mapped(project.db, "partners") == ["code", "label"]
    assert by_key(project.db, "partners", "code", "label")["7"] == "name 7"
    assert project.rows("SELECT source, source_entity, source_field FROM _sync_schema WHERE field = 'label'") == [
        ("files", "partners", "name")]


def test_all_fields_with_exceptions(tmp_path):
    """Goal: "*" takes all, `false` leaves one out, an override renames or types one."""
    project = make(tmp_path, {"*": True, "city": False, "amount": {"from": "amount", "type": "decimal"}})
    project.sync()
    assert mapped(project.db, "partners") == ["amount", "id", "name"]
    assert project.value("SELECT typeof(amount) FROM partners LIMIT 1") == "real"


def test_static(tmp_path):
    """Goal: a static value stands in every row; a new one is a change of every row."""
    project = make(tmp_path, {"*": True, "kind": {"static": "customer"}})
    project.sync()
    assert {r[0] for r in project.rows("SELECT kind FROM partners")} == {"customer"}
    assert counts(project.sync()) == (0, 0, 0, 20, 0, 0)
    project.edit(lambda c: c["entities"][0]["from"][0]["fields"].update(kind={"static": "supplier"}))
    assert len(project.diff(expect=FOUND).changes) == 20
    assert counts(project.sync()) == (0, 20, 0, 0, 0, 0)
    assert {r[0] for r in project.rows("SELECT kind FROM partners")} == {"supplier"}


def test_entity_renamed_from_its_stream(tmp_path):
    """Goal: an entity may be called otherwise than the stream it comes from."""
    project = csv_project(tmp_path, entities=[{"name": "customers", "key": ["id"],
                                               "from": [{"source": "files", "entity": "partners"}]}])
    project.csv("partners", NUMBERED, numbered(3))
    project.sync()
    assert len(active(project.db, "customers")) == 3
    assert "partners" not in tables(project.db)


def test_source_short_form(tmp_path):
    """Goal: `source:` is one source, named after its plugin."""
    project = Project(tmp_path).write({"source": {"plugin": "csv", "settings": {"path": "data"}},
                                       "entities": [{"name": "partners", "key": ["id"]}]})
    project.csv("partners", NUMBERED, numbered(3))
    result = project.sync().json
    assert result["entities"][0]["sources"][0]["name"] == "csv"


def test_several_sources(tmp_path):
    """Goal: several sources, each entity from one of them."""
    project = Project(tmp_path).write({
        "sources": {"one": {"plugin": "csv", "settings": {"path": "data/one.csv"}},
                    "two": {"plugin": "csv", "priority": 10, "settings": {"path": "data/two.csv", "delimiter": ";"}}},
        "entities": [{"name": "one", "key": ["id"], "from": [{"source": "one"}]},
                     {"name": "two", "key": ["id"], "from": [{"source": "two"}]}]})
    project.csv("one", NUMBERED, numbered(3))
    project.csv("two", NUMBERED, numbered(4), delimiter=";")
    result = project.sync().json
    assert [e["sources"][0]["name"] for e in result["entities"]] == ["one", "two"]
    assert len(active(project.db, "one")) == 3 and len(active(project.db, "two")) == 4


@pytest.mark.parametrize("keep", [True, False])
def test_keep_raw(tmp_path, keep):
    """Goal: json_response holds the record as an object of its texts, unless keep_raw is off."""
    project = make(tmp_path, {"id": "id", "amount": {"from": "amount", "type": "decimal"}}, keep_raw=keep,
                   data=[("1", "A", None, "1.50"), ("2", "", "x", "2")])
    project.sync()
    if not keep:
        assert "json_response" not in columns(project.db, "partners")
        return
    found = {k: json.loads(v) for k, v in by_key(project.db, "partners", "id", "json_response").items()}
    assert found == {"1": {"id": "1", "name": "A", "city": None, "amount": "1.50"},
                     "2": {"id": "2", "name": "", "city": "x", "amount": "2"}}


def test_json_response_is_never_compared(tmp_path):
    """Goal: a change that no mapped field shows is no change."""
    project = make(tmp_path, {"id": "id", "name": "name"})
    project.sync()
    project.csv("partners", NUMBERED, [(i, n, "elsewhere", a) for i, n, _, a in numbered(20)])
    assert project.diff(expect=DONE).changes == []
    assert counts(project.sync()) == (0, 0, 0, 20, 0, 0)


def test_composite_key(tmp_path):
    """Goal: several key fields; the key in _sync_ tables is a JSON array of their texts."""
    project = make(tmp_path, key=["city", "n"], settings={"types": {"n": "int64"}}, data=[])
    header = ("city", "n", "name")
    data = [("a", "1", "x"), ("a", "2", "y"), ("b", "1", 'q"uote'), ('c"', "1", "z")]
    project.csv("partners", header, data)
    project.sync()
    assert counts(project.sync()) == (0, 0, 0, 4, 0, 0)
    keys = {tuple(json.loads(k)) for k, in project.rows("SELECT key FROM _sync_lineage")}
    assert keys == {("a", "1"), ("a", "2"), ("b", "1"), ('c"', "1")}
    project.csv("partners", header, [*data[1:], ("a", "3", "w")])
    changes = project.diff(expect=FOUND).changes
    assert [(c["op"], c["key"]) for c in changes] == [("create", {"city": "a", "n": 3}),
                                                      ("delete", {"city": "a", "n": 1})]
    shown = project.command("lineage", "--entity", "partners", "--key", "city=b", "--key", "n=1").expect(DONE)
    shown.says("name", "files")


@pytest.mark.parametrize("kind, one, same", [
    ("int64", "42", "042"), ("decimal", "1.50", "1.5"), ("uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
                                                       "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("timestamp", "2024-01-01T01:00:00+01:00", "2024-01-01T00:00:00Z"), ("date", "2024-01-01", "2024-01-01")])
def test_typed_keys(tmp_path, kind, one, same):
    """Goal: keys are canonical: another spelling of the same value is the same record."""
    if kind == "int64":
        same = "42"
    project = csv_project(tmp_path, settings={"types": {"id": kind}})
    project.csv("partners", ("id", "name"), [(one, "x")])
    project.sync()
    project.csv("partners", ("id", "name"), [(same, "y")])
    assert counts(project.sync()) == (0, 1, 0, 0, 0, 0)
    assert project.value("SELECT count(*) FROM partners") == 1


@pytest.mark.parametrize("kind", ["double", "json", "bytes"])
def test_types_that_cannot_be_keys(tmp_path, kind):
    """Goal: a double, json or bytes key is a project error, found before anything is written."""
    project = make(tmp_path, settings={"types": {"id": kind}})
    project.command("sync").expect(INVALID, FAILED).says("id")
    assert not project.db.exists() or "partners" not in tables(project.db)


def test_entity_without_key(tmp_path):
    """Goal: a CSV file declares no key; the project must give one."""
    project = csv_project(tmp_path, entities=["partners"])
    project.csv("partners", NUMBERED, numbered(3))
    project.command("sync").expect(INVALID, FAILED).says("partners", "key")


def test_key_that_is_no_field(tmp_path):
    """Goal: a key that the entity does not have is refused, naming it."""
    project = make(tmp_path, {"name": "name"}, key=["code"])
    project.command("sync").expect(INVALID, FAILED).says("code")


def test_mapping_of_a_column_that_is_not_there(tmp_path):
    """Goal: a mapping from an unknown column names the column and the nearest one."""
    project = make(tmp_path, {"id": "id", "label": "nmae"})
    project.command("sync").expect(INVALID, FAILED, PARTIAL).says("nmae", "name")


@pytest.mark.parametrize("name", ["_sync_things", "sqlite_things", "field_lineage", "_optionset_x"])
def test_reserved_entity_names(tmp_path, name):
    """Goal: reserved names are project errors."""
    project = csv_project(tmp_path, entities=[{"name": name, "key": ["id"],
                                               "from": [{"source": "files", "entity": "partners"}]}])
    project.csv("partners", NUMBERED, numbered(3))
    project.command("sync").expect(INVALID).says(name)


def test_name_of_another_entitys_view(tmp_path):
    """Goal: an entity called X_current clashes with the view of X."""
    project = csv_project(tmp_path, entities=[{"name": "partners", "key": ["id"]},
                                              {"name": "partners_current", "key": ["id"]}])
    project.command("validate").expect(INVALID).says("partners_current")


@pytest.mark.parametrize("column", ["row_id", "sync_hash", "json_response", "deleted_at"])
def test_system_columns_clash(tmp_path, column):
    """Goal: a source field called like a system column is an error that proposes a rename; renamed it works."""
    project = csv_project(tmp_path)
    project.csv("partners", ("id", column), [("1", "x")])
    project.command("sync").expect(INVALID, FAILED).says(column)
    project.write({**project.config, "entities": [{"name": "partners", "key": ["id"], "from": [
        {"source": "files", "fields": {"id": "id", "its_" + column: column}}]}]})
    project.sync()
    assert by_key(project.db, "partners", "id", "its_" + column) == {"1": "x"}


# ---- Tables that dvsync did not make ----

def foreign_table(project):
    connection = connect(project.db, write=True)
    connection.execute("CREATE TABLE partners (id TEXT, name TEXT, city TEXT, amount TEXT, note TEXT)")
    connection.executemany("INSERT INTO partners VALUES (?, ?, ?, ?, 'mine')",
                           [("1", "old", "city 1", "1.50"), ("900", "only here", "x", "1")])
    connection.close()


def test_foreign_table_is_refused(tmp_path):
    """Goal: a table that dvsync did not make is refused, and stays as it is."""
    project = make(tmp_path)
    foreign_table(project)
    before = project.rows("SELECT * FROM partners")
    project.command("sync").expect(INVALID).says("partners", "adopt")
    assert project.rows("SELECT * FROM partners") == before


def test_adopt(tmp_path):
    """Goal: with `adopt: true` its rows are taken over: equal ones stay, others are put right or deleted."""
    project = make(tmp_path, adopt=True)
    foreign_table(project)
    project.sync()
    assert by_key(project.db, "partners", "id", "name")["1"] == "name 1"
    assert set(by_key(project.db, "partners", "id", "name")) == {str(i) for i in range(1, 21)}
    assert project.value("SELECT note FROM partners WHERE id = '1'") == "mine", "other columns are left alone"
    project.diff(expect=DONE)
    assert counts(project.sync()) == (0, 0, 0, 20, 0, 0)


# ---- _sync tables ----

def test_bookkeeping_tables(tmp_path):
    """Goal: every bookkeeping table is there with its columns, `project` first in each."""
    expected = {
        "_sync_runs": "run_id status trigger started_at completed_at rows_processed rows_created rows_updated"
                      " rows_deleted rows_unchanged rows_skipped row_errors conflicts error_message host pid",
        "_sync_log": "run_id entity source mode status started_at completed_at rows_processed rows_created"
                     " rows_updated rows_deleted rows_unchanged rows_skipped row_errors conflicts error_message",
        "_sync_state": "entity source state cursor cursor_kind position read_mode read_started_at watermark"
                       " fingerprint last_sync_time last_full_at records_count",
        "_sync_tables": "table_name entity created_run_id",
        "_sync_schema": "entity field position type source plugin source_entity source_field is_key first_seen"
                        " last_seen",
        "_sync_errors": "run_id entity source row_number source_key key field severity message record first_seen"
                        " last_seen attempts closed_at",
        "_sync_lineage": "run_id entity key op source source_entity changes changed_at",
        "_sync_locks": "run_id host pid acquired_at heartbeat_at cancel_requested",
        "_sync_offers": "offer_id entity source source_key key fields modified_at version pending run_id seen_at",
        "_sync_deletes": "",
        "_sync_seen": "",
        "_sync_plugin_state": "source key bytes",
    }
    project = make(tmp_path)
    project.sync()
    for table, names in expected.items():
        there = columns(project.db, table)
        assert "project" in there[:2], (table, there)  # behind the row number
        assert set(names.split()) <= set(there), (table, there)
        assert {r[0] for r in project.rows(f"SELECT DISTINCT project FROM {table}")} <= {"demo"}
    run = project.rows("SELECT status, rows_processed, rows_created, rows_unchanged, completed_at >= started_at"
                       " FROM _sync_runs")
    assert run == [("completed", 20, 20, 0, 1)]
    assert project.rows("SELECT entity, source, mode, status, rows_created FROM _sync_log") == [
        ("partners", "files", "full", "completed", 20)]
    assert project.rows("SELECT entity, source, state, position, records_count FROM _sync_state") == [
        ("partners", "files", "completed", None, 20)]
    assert project.value("SELECT count(*) FROM _sync_offers") == 0, "a CSV entity streams: it has no offers"
    for name in ("started_at", "completed_at"):
        text = project.value(f"SELECT {name} FROM _sync_runs")
        assert len(text) == len("2024-01-01T00:00:00.000000Z") and text.endswith("Z")


def test_run_id_is_uuid_v7(tmp_path):
    """Goal: run ids are UUIDv7 text, so that they sort by time."""
    project = make(tmp_path)
    ids = [project.sync().json["run_id"] for _ in range(3)]
    assert ids == sorted(ids) and all(len(i) == 36 and i[14] == "7" and i == i.lower() for i in ids)


def test_key_index_is_unique(tmp_path):
    """Goal: the key has a unique index over all rows, soft-deleted ones included."""
    project = make(tmp_path)
    project.sync()
    unique = [r for r in project.rows("PRAGMA index_list(partners)") if r[2] == 1]
    assert [[c[2] for c in project.rows(f'PRAGMA index_info("{r[1]}")')] for r in unique] == [["id"]]
    assert unique[0][4] == 0, "no partial index"
    try:
        execute(project.db, "INSERT INTO partners (row_id, id) VALUES (100000, '1')")
        raise AssertionError("a second row of the same key was possible")
    except Exception as e:  # noqa: BLE001
        assert "UNIQUE" in str(e)


def test_several_projects_in_one_database(tmp_path):
    """Goal: projects share a database; a table belongs to the one that made it, the other is refused."""
    first = csv_project(tmp_path / "a", name="first", sink={"plugin": "sqlite", "settings": {"path": "../both.db"}})
    second = csv_project(tmp_path / "b", name="second", sink={"plugin": "sqlite", "settings": {"path": "../both.db"}},
                         entities=[{"name": "things", "key": ["id"]}])
    first.db = second.db = tmp_path / "both.db"
    first.csv("partners", NUMBERED, numbered(5))
    second.csv("things", NUMBERED, numbered(6))
    second.csv("partners", NUMBERED, numbered(7))
    first.sync()
    second.sync()
    assert value(first.db, "SELECT count(*) FROM partners") == 5
    assert value(first.db, "SELECT count(*) FROM things") == 6
    assert {r[0] for r in first.rows("SELECT DISTINCT project FROM _sync_lineage")} == {"first", "second"}
    assert len(first.command("history", "--json").json["runs"]) == 1
    second.write({**second.config, "entities": [{"name": "partners", "key": ["id"]}]})
    second.command("sync").expect(INVALID).says("partners", "first")
    assert value(first.db, "SELECT count(*) FROM partners") == 5
    assert counts(first.sync()) == (0, 0, 0, 5, 0, 0)


# ---- Sources under other labels, and entities that come and go ----

def labelled(folder, key="code", rows=20, **stream):
    stream.setdefault("capabilities", ["complete", "delta", "resume"])
    world = World(folder).stream(rows=[thing(i) for i in range(1, rows + 1)], **stream).write()
    project = scripted_project(folder, world, entities=[{"name": "things", "key": [key]}], options={"max_delete": "100%"})
    return world, project


def relabel(project, label):
    project.edit(lambda c: c.update(sources={label: next(iter(c["sources"].values()))}))


def labels(project, table, condition="1"):
    return {row[0] for row in project.rows(f"SELECT DISTINCT source FROM {table} WHERE {condition}")}


KEYS = pytest.mark.parametrize("key", ["id", "code"], ids=("streams", "gathers"))


@KEYS
def test_source_renamed_and_renamed_back(tmp_path, key):
    """Goal: a label that comes back does not go on from its old cursor: all is read, nothing is deleted."""
    world, project = labelled(tmp_path, key)
    for label in ("src", "other", "src", "other"):
        relabel(project, label)
        world.forget()
        result = project.sync()
        assert [s["mode"] for s in world.starts()] == ["full"], label
        assert counts(result, "things")[1:3] == (0, 0), label
        assert len(active(project.db, "things")) == 20
        assert labels(project, "_sync_state") == {label}
        assert labels(project, "_sync_offers") == ({label} if key == "code" else set())
    project.diff(expect=DONE)


def test_source_renamed_for_a_trial(tmp_path):
    """Goal: a trial under another label leaves no cursor without its offers either."""
    _, project = labelled(tmp_path)
    project.sync()
    relabel(project, "other")
    project.sync("--row-limit", "5")
    relabel(project, "src")
    assert counts(project.sync(), "things") == (0, 0, 0, 20, 0, 0)
    assert labels(project, "_sync_offers") == {"src"}
    project.diff(expect=DONE)


@KEYS
def test_nothing_is_left_of_a_source_that_left(tmp_path, key):
    """Goal: an unfinished read of it, its seen-set, its waiting keys and its open errors go with the label."""
    world, project = labelled(tmp_path, key, rows=60, checkpoint_every=5, page_size=5)
    project.sync()
    execute(project.db, "INSERT INTO _sync_errors (project, entity, source, source_key, key, severity, message, first_seen, "
            "last_seen) SELECT 'demo', 'things', 'src', '9', 'C00009', 'error', 'by hand', started_at, started_at "
            "FROM _sync_runs LIMIT 1")
    world.remove(5).remove(6, seq=62)
    world.fault("pull", after_rows=40, delay_ms=300, status="network").write()
    project.command("sync", "--full").expect(FAILED)
    assert project.value("SELECT count(*) FROM _sync_seen") > 0
    world.calm().write()
    relabel(project, "other")
    assert counts(project.sync(), "things")[2] == 2
    for table, condition in (("_sync_state", "1"), ("_sync_seen", "1"), ("_sync_deletes", "1"), ("_sync_offers", "1"),
                             ("_sync_errors", "closed_at IS NULL")):
        assert "src" not in labels(project, table, condition), table
    project.diff(expect=DONE)


def test_open_errors_of_a_source_that_left(tmp_path):
    """Goal: they close, and a record that the other label mends does not hide those that still fail."""
    columns_ = [column("id", "int64", key=1), column("name")]
    world = World(tmp_path).stream(columns=columns_, capabilities=["complete", "delta"], rows=[
        {"id": i, "name": "bad" if i < 3 else "3", "seq": i} for i in (1, 2, 3)]).write()
    fields = {"id": "id", "name": {"from": "name", "type": "int64"}}
    project = scripted_project(tmp_path, world, entities=[
        {"name": "things", "from": [{"source": "src", "fields": fields}]}])
    project.sync(expect=PARTIAL)
    project.edit(lambda c: c["entities"][0]["from"][0].update(source="other"))
    relabel(project, "other")
    world.change(1, 4, name="1").write()
    assert counts(project.sync(expect=PARTIAL), "things") == (1, 0, 0, 1, 0, 1)
    assert project.rows("SELECT source, key FROM _sync_errors WHERE closed_at IS NULL") == [("other", "2")]
    world.change(2, 5, name="2").write()
    project.sync(expect=DONE)
    assert project.rows("SELECT source, key FROM _sync_errors WHERE closed_at IS NULL") == []


def test_first_load_of_a_source_that_left(tmp_path):
    """Goal: the table that it began is finished by another label, also when it holds a key twice."""
    world = World(tmp_path).stream(rows=[thing(i, **{"$number": i}) for i in range(1, 41)] +
                                   [thing(3, name="again", **{"$number": 41})] +
                                   [thing(i, **{"$number": i}) for i in range(50, 81)],
                                   capabilities=["complete", "resume"], checkpoint_every=5, page_size=5)
    world.fault("pull", after_rows=60, delay_ms=300, status="network").write()
    project = scripted_project(tmp_path, world)
    project.command("sync").expect(FAILED)
    assert project.value("SELECT count(*) FROM things WHERE id = 3") == 2
    world.calm().write()
    relabel(project, "other")
    project.sync()
    assert project.value("SELECT count(*) FROM things") == 71
    assert project.rows("SELECT name FROM things WHERE id = 3") == [("again",)]
    project.sync()
    project.diff(expect=DONE)


@KEYS
@pytest.mark.parametrize("dropped", [False, True], ids=("table stays", "table dropped"))
def test_entity_taken_out_and_put_back(tmp_path, key, dropped):
    """Goal: cursor and offers are still those of its table: it goes on from there; not if the table is gone."""
    world, project = labelled(tmp_path, key)
    world.stream("others", rows=[thing(1)], capabilities=["complete"]).write()
    entities = [{"name": "others"}, {"name": "things", "key": [key]}]
    project.edit(lambda c: c.update(entities=entities))
    project.sync()
    project.edit(lambda c: c.update(entities=entities[:1]))
    world.change(5, 21, name="changed").remove(6, seq=22).write()
    project.sync()
    if dropped:
        execute(project.db, "DROP VIEW things_current")
        execute(project.db, "DROP TABLE things")
    project.edit(lambda c: c.update(entities=entities))
    world.forget()
    result = project.sync()
    assert [s["mode"] for s in world.starts()] == ["full" if dropped else "delta"]
    assert counts(result, "things")[:3] == ((19, 0, 0) if dropped else (0, 1, 1))
    project.diff(expect=DONE)


@pytest.mark.parametrize("how", ["source", "project"])
def test_entity_that_gathers_and_streams_in_turn(tmp_path, how):
    """Goal: whoever changes what the records go by, source or project, the cursor is not used: no offers belong to it."""
    world, project = labelled(tmp_path, rows=0)
    project.edit(lambda c: c["entities"][0].update({"from": [{"source": "src", "fields": {
        "code": "code", "name": "name"}}]}))

    def turn(gathers):
        if how == "source":
            world["things"]["columns"] = [column("id", "int64", **({"key": 1} if gathers else {})),
                                          column("code", **({} if gathers else {"key": 1})), column("name"),
                                          column("amount", "decimal")]
        else:
            project.edit(lambda c: c["entities"][0]["from"][0]["fields"].update(
                code={"from": "code" if gathers else "id", "type": "text"}))
        world.write()

    for i in range(1, 21):
        world.rows().append(thing(i, code=str(i)))
    for n, gathers in enumerate((False, True, False, True)):
        turn(gathers)
        world.change(7, 21 + n, name=f"name {n}").write().forget()
        result = project.sync()
        assert [s["mode"] for s in world.starts()] == ["full"]
        assert counts(result, "things")[:3] == ((0, 1, 0) if n else (20, 0, 0))
        assert project.value("SELECT count(*) FROM _sync_offers") == (20 if gathers else 0)
        project.diff(expect=DONE)
