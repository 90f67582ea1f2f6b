"""`schema: lock`, and edits of the project itself."""

import json

from harness import (DONE, FAILED, FOUND, INVALID, NUMBERED, PARTIAL, by_key, columns, counts, csv_project, execute,
                     mapped, numbered, tables)


def make(folder, n=20, **more):
    project = csv_project(folder, **more)
    project.csv("partners", NUMBERED, numbered(n))
    return project


def test_new_column_is_reported_and_lives_in_json_response(tmp_path):
    """Goal: a new source field makes no column; it is said, and kept in json_response."""
    project = make(tmp_path)
    project.sync()
    before = columns(project.db, "partners")
    project.csv("partners", (*NUMBERED, "colour"), [(*r, "red") for r in numbered(21)])
    result = project.sync()
    result.says("colour")
    assert counts(result) == (1, 0, 0, 20, 0, 0)
    assert columns(project.db, "partners") == before
    assert json.loads(by_key(project.db, "partners", "id", "json_response")["21"])["colour"] == "red"
    project.command("diff").expect(DONE)
    project.sync().says("colour")


def test_removed_column_keeps_its_values(tmp_path):
    """Goal: a source field that is gone leaves column and values as they are; absent is not NULL."""
    project = make(tmp_path)
    project.sync()
    before = columns(project.db, "partners")
    project.csv("partners", ("id", "name", "amount"), [(i, n, a) for i, n, _, a in numbered(20, _3="new")])
    result = project.sync()
    result.says("city")
    assert counts(result) == (0, 1, 0, 19, 0, 0)
    assert columns(project.db, "partners") == before
    assert by_key(project.db, "partners", "id", "city")["3"] == "city 3"
    project.csv("partners", NUMBERED, numbered(20, _3="new"))
    assert counts(project.sync()) == (0, 0, 0, 20, 0, 0), "and it may come back"


def test_removed_column_that_is_mapped_by_name(tmp_path):
    """Goal: an explicit mapping from a field that is gone is said, naming it."""
    project = make(tmp_path, entities=[{"name": "partners", "key": ["id"], "from": [
        {"source": "files", "fields": {"id": "id", "town": "city"}}]}])
    project.sync()
    project.csv("partners", ("id", "name"), [(i, n) for i, n, *_ in numbered(20)])
    result = project.command("sync")
    assert result.code in (DONE, FAILED, PARTIAL, INVALID), result
    result.says("city")
    assert by_key(project.db, "partners", "id", "town")["3"] == "city 3"


def test_reordered_columns_are_no_change(tmp_path):
    """Goal: columns go by name."""
    project = make(tmp_path)
    project.sync()
    order = (2, 0, 3, 1)
    project.csv("partners", [NUMBERED[i] for i in order], [[r[i] for i in order] for r in numbered(20)])
    assert counts(project.sync()) == (0, 0, 0, 20, 0, 0)


def test_key_column_that_is_gone(tmp_path):
    """Goal: without its key an entity fails, and nothing is deleted."""
    project = make(tmp_path)
    project.sync()
    project.csv("partners", ("name", "city"), [(n, c) for _, n, c, _ in numbered(20)])
    project.command("sync", "--max-delete", "100%").expect(FAILED, INVALID).says("id")
    assert len(by_key(project.db, "partners", "id", "name")) == 20


# ---- Edits of the project ----

def refused(project, *words):
    before = project.state(), columns(project.db, "partners")
    project.command("sync").expect(INVALID).says(*words)
    assert (project.state(), columns(project.db, "partners")) == before


def test_changed_key_is_refused(tmp_path):
    """Goal: another key needs --rebuild: 78, nothing is written."""
    project = make(tmp_path)
    project.sync()
    project.edit(lambda c: c["entities"][0].update(key=["name"]))
    refused(project, "partners", "key")


def test_changed_type_is_refused(tmp_path):
    """Goal: another type of a field: 78, nothing is written."""
    fields = {"*": True, "amount": {"from": "amount", "type": "decimal"}}
    project = make(tmp_path, entities=[{"name": "partners", "key": ["id"], "from": [
        {"source": "files", "fields": fields}]}])
    project.sync()
    fields["amount"]["type"] = "text"
    project.write(project.config)
    refused(project, "partners", "amount")


def test_history_is_refused(tmp_path):
    """Goal: a table has versions or none: to change that needs --rebuild: 78, nothing is written."""
    project = make(tmp_path)
    project.sync()
    project.edit(lambda c: c["entities"][0].update(history="scd2"))
    refused(project, "history")


def test_new_field_of_the_project_is_carried_out(tmp_path):
    """Goal: the project's own edits are always carried out: a new field becomes a column and is filled."""
    fields = {"id": "id", "name": "name"}
    project = make(tmp_path, entities=[{"name": "partners", "key": ["id"], "from": [
        {"source": "files", "fields": fields}]}])
    project.sync()
    fields["town"] = "city"
    project.write(project.config)
    changes = project.diff(expect=FOUND).changes
    assert len(changes) == 20 and all(set(c["fields"]) == {"town"} for c in changes)
    assert counts(project.sync()) == (0, 20, 0, 0, 0, 0)
    assert by_key(project.db, "partners", "id", "town")["3"] == "city 3"
    positions = [r[0] for r in project.rows("SELECT position FROM _sync_schema WHERE entity = 'partners'")]
    assert len(positions) == len(set(positions)) == 3


def test_dropped_field_keeps_its_column(tmp_path):
    """Goal: a field that left the project keeps its column; sync_hash positions are never reused."""
    fields = {"id": "id", "name": "name", "town": "city"}
    project = make(tmp_path, entities=[{"name": "partners", "key": ["id"], "from": [
        {"source": "files", "fields": fields}]}])
    project.sync()
    town = project.value("SELECT position FROM _sync_schema WHERE field = 'town'")
    del fields["town"]
    project.write(project.config)
    assert counts(project.sync())[:3] == (0, 0, 0)
    assert "town" in columns(project.db, "partners")
    fields["price"] = "amount"
    project.write(project.config)
    project.sync()
    assert project.value("SELECT position FROM _sync_schema WHERE field = 'price'") != town
    project.diff(expect=DONE)


def test_changed_mapping_is_carried_out(tmp_path):
    """Goal: a field that comes from another column now is put right in every row; both mappings stay on record."""
    fields = {"id": "id", "label": "name"}
    project = make(tmp_path, entities=[{"name": "partners", "key": ["id"], "from": [
        {"source": "files", "fields": fields}]}])
    project.sync()
    fields["label"] = "city"
    project.write(project.config)
    assert counts(project.sync()) == (0, 20, 0, 0, 0, 0)
    assert by_key(project.db, "partners", "id", "label")["3"] == "city 3"
    assert sorted(r[0] for r in project.rows("SELECT source_field FROM _sync_schema WHERE field = 'label'")) == [
        "city", "name"]


def test_entity_that_left_the_project(tmp_path):
    """Goal: the table of an entity that is no longer in the project stays."""
    project = make(tmp_path, entities=[{"name": "partners", "key": ["id"]}, {"name": "others", "key": ["id"]}])
    project.csv("others", NUMBERED, numbered(5))
    project.sync()
    project.edit(lambda c: c["entities"].pop())
    project.sync()
    assert len(by_key(project.db, "others", "id", "name")) == 5
    project.diff(expect=DONE)


def test_index_and_view_that_were_dropped_come_back(tmp_path):
    """Goal: a missing index or view is made again."""
    project = make(tmp_path)
    project.sync()
    for (name,) in project.rows("SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'partners'"
                                " AND sql IS NOT NULL"):
        execute(project.db, f'DROP INDEX "{name}"')
    execute(project.db, "DROP VIEW partners_current")
    project.sync()
    assert [r for r in project.rows("PRAGMA index_list(partners)") if r[2] == 1]
    assert project.value("SELECT count(*) FROM partners_current") == 20


def test_table_that_was_dropped_comes_back(tmp_path):
    """Goal: a data table that somebody dropped is filled again."""
    project = make(tmp_path)
    project.sync()
    execute(project.db, "DROP VIEW partners_current")
    execute(project.db, "DROP TABLE partners")
    project.sync()
    assert "partners" in tables(project.db) and mapped(project.db, "partners") == sorted(NUMBERED)
    assert len(by_key(project.db, "partners", "id", "name")) == 20
