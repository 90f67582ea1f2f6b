"""A sync of unchanged data writes nothing that anybody could see; proven by tracing the statements."""

from harness import (DONE, NUMBERED, counts, csv_project, execute, is_commit, numbered, statements, tracing,
                     writes_to)

QUIET = ("partners", "others", "_sync_lineage", "_sync_conflicts", "_sync_offers", "_sync_deletes", "_sync_schema")


def traced_sync(project, tmp_path, name, *args, **kw):
    trace = tmp_path / name
    result = project.sync(*args, env=tracing(project.db, trace), **kw)
    found = statements(trace)
    assert any(is_commit(sql) for sql in found), "the shim saw no statement: is it loaded?"
    return result, trace


def make(tmp_path, **more):
    project = csv_project(tmp_path, entities=[{"name": "partners", "key": ["id"]}, {"name": "others", "key": ["id"]}],
                          **more)
    project.csv("partners", NUMBERED, numbered(500))
    project.csv("others", NUMBERED, numbered(100))
    return project


def test_trace_sees_the_writes_of_a_first_sync(tmp_path):
    """Goal: the proof below can fail: the same trace of a first sync is full of writes."""
    project = make(tmp_path)
    _, trace = traced_sync(project, tmp_path, "first")
    assert writes_to(trace, "partners") and writes_to(trace, "others") and writes_to(trace, "_sync_lineage")


def test_second_sync_writes_no_data(tmp_path):
    """Goal: no INSERT, UPDATE, DELETE or schema statement on data tables, lineage and conflicts."""
    project = make(tmp_path, settings={"types": {"amount": "decimal"}})
    project.sync()
    before = project.rows("SELECT * FROM partners"), project.rows("SELECT * FROM _sync_lineage")
    for full in ((), ("--full",)):
        result, trace = traced_sync(project, tmp_path, f"second{len(full)}", *full)
        assert counts(result) == (0, 0, 0, 500, 0, 0)
        assert counts(result, "others") == (0, 0, 0, 100, 0, 0)
        assert result.json["errors"] == []
        assert writes_to(trace, *QUIET[:5]) == []
        words = ("CREATE", "ALTER", "DROP")
        assert [s for s in statements(trace) if s.split(None, 1)[:1] and s.split(None, 1)[0].upper() in words
                and "temp" not in s.lower() and "if not exists" not in s.lower()] == []
    assert (project.rows("SELECT * FROM partners"), project.rows("SELECT * FROM _sync_lineage")) == before
    project.diff(expect=DONE)


def test_one_change_writes_one_row(tmp_path):
    """Goal: an update touches its row and one lineage row, nothing else."""
    project = make(tmp_path)
    project.sync()
    before = {r[0]: r for r in project.rows("SELECT * FROM partners")}
    lineage = project.value("SELECT count(*) FROM _sync_lineage")
    project.csv("partners", NUMBERED, numbered(500, _77="changed"))
    result, trace = traced_sync(project, tmp_path, "change")
    assert counts(result) == (0, 1, 0, 499, 0, 0)
    after = {r[0]: r for r in project.rows("SELECT * FROM partners")}
    assert len([k for k in after if after[k] != before[k]]) == 1
    assert project.value("SELECT count(*) FROM _sync_lineage") == lineage + 1
    assert writes_to(trace, "others") == []
    updates = writes_to(trace, "partners")
    assert len(updates) == 1 and "city" not in updates[0], updates


def test_hand_edit_is_overwritten(tmp_path):
    """Goal: a value that somebody changed in the sink is put right by the next complete read."""
    project = make(tmp_path)
    project.sync()
    execute(project.db, "UPDATE partners SET name = 'by hand' WHERE id = '5'")
    execute(project.db, "DELETE FROM partners WHERE id = '6'")
    execute(project.db, "UPDATE partners SET amount = 5.5 WHERE id = '7'")  # a number where a text was
    diff = {c["key"]["id"]: c for c in project.diff(expect=2).changes}
    assert {k: c["op"] for k, c in diff.items()} == {"5": "update", "6": "create", "7": "update"}
    assert diff["5"]["fields"]["name"]["sink"] == "by hand"
    assert diff["5"]["fields"]["name"]["source"] == "name 5"
    assert counts(project.sync()) == (1, 2, 0, 497, 0, 0)
    assert project.rows("SELECT name, typeof(amount) FROM partners WHERE id IN ('5', '7') ORDER BY id") == [
        ("name 5", "text"), ("name 7", "text")]
    project.diff(expect=DONE)
