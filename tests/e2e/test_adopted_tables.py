"""Tables that are not as dvsync makes them: adopted ones, and those that somebody changed by hand."""

import pytest
from harness import FAILED, FOUND, NUMBERED, PARTIAL, by_key, csv_project, execute, numbered, snapshot


def make(folder, n=20):
    project = csv_project(folder, entities=[{"name": "partners", "key": ["id"], "adopt": True}])
    project.csv("partners", NUMBERED, numbered(n))
    return project


@pytest.mark.parametrize("declared", ["row_id TEXT", "row_id INTEGER", "ROW_ID TEXT PRIMARY KEY",
                                      "row_id INT PRIMARY KEY"])
@pytest.mark.parametrize("system", ["", ", sync_hash BLOB, sync_time TEXT, deleted_at TEXT, json_response TEXT"])
def test_row_id_of_somebody_else(tmp_path, declared, system):
    """Goal: a column row_id that does not number the rows is refused, by diff and sync alike, and stays as it is."""
    project = make(tmp_path)
    execute(project.db, f"CREATE TABLE partners ({declared}, id TEXT, name TEXT, city TEXT, amount TEXT{system})")
    execute(project.db, "INSERT INTO partners (row_id, id, name) VALUES ('7', '1', 'mine')")
    before = snapshot(tmp_path)
    project.command("diff").expect(FAILED).says("partners", "row_id", "rename")
    assert snapshot(tmp_path) == before
    project.command("sync").expect(FAILED).says("partners", "row_id", "rename")
    assert project.rows("SELECT row_id, id, name FROM partners") in ([("7", "1", "mine")], [(7, "1", "mine")])


def test_row_id_that_numbers_the_rows(tmp_path):
    """Goal: one that does is used as it is."""
    project = make(tmp_path)
    execute(project.db, "CREATE TABLE partners (id TEXT, name TEXT, row_id INTEGER PRIMARY KEY)")
    execute(project.db, "INSERT INTO partners VALUES ('1', 'mine', 41)")
    assert len(project.diff(expect=FOUND).changes) == 20
    project.sync()
    assert project.value("SELECT row_id FROM partners WHERE id = '1'") == 41
    assert by_key(project.db, "partners", "id", "name")["1"] == "name 1"


def test_diff_of_a_table_that_lost_its_key(tmp_path):
    """Goal: diff says that the rows cannot be told apart, and shows what the next sync would create."""
    project = make(tmp_path)
    project.sync()
    execute(project.db, "DROP INDEX _sync_key_partners")
    execute(project.db, "DROP VIEW partners_current")
    execute(project.db, "ALTER TABLE partners RENAME COLUMN id TO old_id")
    before = snapshot(tmp_path)
    result = project.diff(expect=PARTIAL)
    assert {c["op"] for c in result.changes} == {"create"} and len(result.changes) == 20
    entity = result.summary["entities"]["partners"]
    assert "key" in entity["compared"], entity
    assert snapshot(tmp_path) == before
