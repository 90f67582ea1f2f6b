"""A complete read that meets records it cannot use: it knows which exist, and deletes none of these."""

import pytest
from harness import DONE, PARTIAL, csv_project, counts, dicts
from worlds import World, scripted_project, thing

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


# ---- What `sync --json` lists ----

def listed(result):
    """(key, field) of the row errors that the document names."""
    return [(e["key"], e["field"]) for e in result.json["errors"] if e["severity"] == "error"]


@pytest.mark.parametrize("kind", ["streams", "gathers"])
@pytest.mark.parametrize("far", [1, 20_000])
def test_an_error_that_is_mended_in_the_same_run_is_none_of_the_run(tmp_path, kind, far):
    """Goal: delivered again and well, or with another error: listed is what is open at the end, each record once."""
    project = make(tmp_path)
    if kind == "gathers":
        project.edit(lambda c: c["entities"][0].update({"from": [{"source": "files", "fields": {
            "*": True, "name": {"from": "name", "authority": "reference"}}}]}))
    between = b"".join(b"k%d,x,1\n" % i for i in range(far))
    write(project, HEADER + b"a,one,bad\nb,two,bad\n" + between + b"a,one,11\nb,two,worse\n")
    result = project.sync(expect=PARTIAL)
    assert stored(project)["a"] == ("one", 11, 0)
    assert listed(result) == [("b", "n")] and counts(result)[5] == 1
    assert [e["key"] for e in errors(project)] == ["b"]
    write(project, HEADER + b"a,one,bad\nb,two,bad\n" + between + b"b,two,22\na,one,12\n")
    result = project.sync(expect=DONE)
    assert stored(project)["b"] == ("two", 22, 0)
    assert listed(result) == [] and counts(result)[5] == 0 and errors(project) == []
    write(project, HEADER + b"a,one,13\nb,two,22\n" + between + b"a,one,bad\n")
    result = project.sync(expect=PARTIAL)
    assert listed(result) == [("a", "n")] and counts(result)[5] == 1


def test_a_read_that_begins_again_lists_its_errors_once(tmp_path):
    """Goal: what failed before the source changed is listed when it fails in the second attempt, and only then."""
    world = World(tmp_path).stream(rows=[thing(i) for i in range(1, 8)], page_size=2).write()
    project = scripted_project(tmp_path, world)
    project.sync()
    world["things"]["rows"] = [thing(i, name=None if i == 2 else f"new {i}") for i in range(1, 8)]
    project.edit(lambda c: c.update(entities=[{"name": "things", "from": [{"fields": {
        "*": True, "name": {"expr": "to_number(substr(name, 5))"}}}]}]))
    world["things"]["rows"][2]["name"] = "new x"
    world.fault("pull", after_rows=5, status="changed").write()
    result = project.sync(expect=PARTIAL)
    assert listed(result) == [("3", "name")] and counts(result, "things")[5] == 1


def test_more_mended_errors_than_are_listed(tmp_path):
    """Goal: those that there was no room for are not counted as left out when they are mended."""
    project = make(tmp_path)
    rows = [b"k%d,x,%%s\n" % i for i in range(3000)]
    write(project, HEADER + b"".join(r % b"bad" for r in rows) + b"".join(r % b"1" for r in rows[:2990]))
    result = project.sync("--max-delete", "100%", expect=PARTIAL)
    assert counts(result)[5] == 10 and len(errors(project)) == 10
    assert len(listed(result)) + result.json.get("errors_not_shown", 0) == 10
