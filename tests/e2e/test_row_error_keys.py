"""A complete read that meets records it cannot use: it knows which exist, and deletes none of these."""

import pytest
from harness import DONE, PARTIAL, csv_project, counts, dicts

HEADER = b"id,name,n\n"
FIRST = HEADER + b"a,one,1\nb,two,2\nc,three,3\n"


def make(folder):
    project = csv_project(folder, settings={"types": {"n": "int64"}}, options={"max_delete": 100})
    (folder / "data").mkdir(exist_ok=True)
    write(project, FIRST)
    assert counts(project.sync())[0] == 3
    return project


def write(project, data):
    new = project.folder / "partners.new"
    new.write_bytes(data)
    new.rename(project.folder / "data/partners.csv")


def stored(project):
    """{id: (name, n, deleted?)} of all rows."""
    return {row[0]: row[1:] for row in
            project.rows("SELECT id, name, n, deleted_at IS NOT NULL FROM partners")}


def errors(project, where="closed_at IS NULL"):
    return dicts(project.db, f"SELECT * FROM _sync_errors WHERE {where} ORDER BY row_number")


def check_bad_b(project, data, field):
    """Record b cannot be used and c is gone: b stays as it was, c is deleted."""
    write(project, data)
    result = project.sync(expect=PARTIAL)
    assert stored(project) == {"a": ("one", 1, 0), "b": ("two", 2, 0), "c": ("three", 3, 1)}
    assert counts(result)[2] == 1 and counts(result)[5] == 1
    (error,) = errors(project)
    assert (error["entity"], error["key"], error["field"]) == ("partners", "b", field)
    (shown,) = [e for e in result.json["errors"] if e["severity"] == "error"]
    assert (shown["key"], shown["field"]) == ("b", field)


def check_mended(project):
    write(project, HEADER + b"a,one,1\nb,two,22\n")
    project.sync(expect=DONE)
    assert stored(project) == {"a": ("one", 1, 0), "b": ("two", 22, 0), "c": ("three", 3, 1)}
    assert errors(project) == []
    (error,) = errors(project, "closed_at IS NOT NULL")
    assert error["key"] == "b"


def test_bad_number(tmp_path):
    """Goal: a value that does not fit its type leaves its row alone; the removed record is deleted; mending it
    closes the error."""
    project = make(tmp_path)
    check_bad_b(project, HEADER + b"a,one,1\nb,new,many\n", "n")
    check_mended(project)


@pytest.mark.parametrize("name", [b"\xff", b"t\x00wo"])
def test_bad_text(tmp_path, name):
    """Goal: the same for bytes that are no text."""
    project = make(tmp_path)
    check_bad_b(project, HEADER + b"a,one,1\nb," + name + b",2\n", "name")
    check_mended(project)


def test_key_is_the_last_column(tmp_path):
    """Goal: the key is found behind the bad value too."""
    project = csv_project(tmp_path, settings={"types": {"n": "int64"}}, options={"max_delete": 100})
    (tmp_path / "data").mkdir()
    write(project, b"n,name,id\n1,one,a\n2,two,b\n3,three,c\n")
    project.sync()
    check_bad_b(project, b"n,name,id\n1,one,a\nmany,\xc3\xa4,b\n", "n")


def check_nothing_deleted(project, data):
    """Whose record it is cannot be told: nothing is deleted, and the run says so."""
    before = stored(project)
    write(project, data)
    result = project.sync(expect=PARTIAL)
    assert stored(project) == before
    assert counts(result)[2] == 0
    assert any(e["key"] is None for e in errors(project))
    result.says("delete")
    assert any("delete" in e["message"] for e in result.json["errors"])


def test_unidentifiable_record_deletes_nothing(tmp_path):
    """Goal: an open quote may hide any record; after it is closed the deletes are made up for."""
    project = make(tmp_path)
    check_nothing_deleted(project, HEADER + b'a,one,1\nb,"two,2\n')
    write(project, HEADER + b"a,one,1\nb,two,2\n")
    assert counts(project.sync(expect=DONE))[2] == 1
    assert stored(project)["c"] == ("three", 3, 1)
    assert errors(project) == []


def test_bad_key_deletes_nothing(tmp_path):
    """Goal: a record whose key itself is bad may be any."""
    project = make(tmp_path)
    check_nothing_deleted(project, HEADER + b"a,one,1\n\xff,two,2\n")
    check_nothing_deleted(project, HEADER + b"a,one,1\n,two,2\n")


def test_ragged_record_deletes_nothing(tmp_path):
    """Goal: fields that are out of place tell no key: taking "x" or "Smith" for one would leave the record that
    failed without its row."""
    project = make(tmp_path)
    check_nothing_deleted(project, HEADER + b"a,one,1\nx,b,two,2\n")
    check_nothing_deleted(project, HEADER + b"a,one,1\nbtwo,2\n")
    check_nothing_deleted(project, HEADER + b'a,one,1\n"b"two,2,2\n')
