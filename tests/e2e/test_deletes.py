"""Deletes: soft, hard and ignored; revival; the guard; reads that prove nothing."""

import pytest
from harness import (DONE, FAILED, FOUND, GUARD, NUMBERED, PARTIAL, by_key, counts, csv_project, execute, numbered,
                     run)


def make(folder, n=100, deletes=None, **more):
    entity = {"name": "partners", "key": ["id"], **({"deletes": deletes} if deletes else {})}
    project = csv_project(folder, entities=[entity], **more)
    project.csv("partners", NUMBERED, numbered(n))
    return project


def test_soft_delete_and_revival(tmp_path):
    """Goal: a record that is gone is marked, and comes back as the same row."""
    project = make(tmp_path)
    project.sync()
    row_id = project.value("SELECT row_id FROM partners WHERE id = '100'")
    project.csv("partners", NUMBERED, numbered(99))
    assert counts(project.sync()) == (0, 0, 1, 99, 0, 0)
    assert project.value("SELECT deleted_at FROM partners WHERE id = '100'").endswith("Z")
    assert project.value("SELECT count(*) FROM partners_current") == 99
    assert counts(project.sync()) == (0, 0, 0, 99, 0, 0), "deleted once"
    project.diff(expect=DONE)

    project.csv("partners", NUMBERED, numbered(100, _100="back again"))
    assert [(c["op"], c["key"]["id"]) for c in project.diff(expect=FOUND).changes] in (
        [("create", "100")], [("update", "100")])
    assert counts(project.sync()) == (0, 1, 0, 99, 0, 0), "revived counts as updated"
    assert project.rows("SELECT row_id, name, deleted_at FROM partners WHERE id = '100'") == [
        (row_id, "back again", None)]
    assert project.rows("SELECT op FROM _sync_lineage WHERE key = '100' ORDER BY rowid") == [
        ("create",), ("delete",), ("revive",)]


def test_hard_delete(tmp_path):
    """Goal: hard removes the row; a record that returns is a new one."""
    project = make(tmp_path, deletes="hard")
    project.sync()
    project.csv("partners", NUMBERED, numbered(99))
    assert counts(project.sync()) == (0, 0, 1, 99, 0, 0)
    assert project.value("SELECT count(*) FROM partners") == 99
    project.csv("partners", NUMBERED, numbered(100))
    assert counts(project.sync()) == (1, 0, 0, 99, 0, 0)
    assert project.rows("SELECT op FROM _sync_lineage WHERE key = '100' ORDER BY rowid") == [
        ("create",), ("delete",), ("create",)]


def test_ignored_deletes(tmp_path):
    """Goal: ignore does nothing at all, also in diff."""
    project = make(tmp_path, deletes="ignore")
    project.sync()
    project.csv("partners", NUMBERED, numbered(10))
    assert project.diff(expect=DONE).changes == []
    assert counts(project.sync())[:4] == (0, 0, 0, 10)
    assert project.value("SELECT count(*) FROM partners") == 100


def test_default_for_entities(tmp_path):
    """Goal: options.deletes is the default, an entity's own word wins."""
    project = csv_project(tmp_path, options={"deletes": "hard"},
                          entities=[{"name": "a", "key": ["id"]}, {"name": "b", "key": ["id"], "deletes": "soft"}])
    for name in "ab":
        project.csv(name, NUMBERED, numbered(20))
    project.sync()
    for name in "ab":
        project.csv(name, NUMBERED, numbered(19))
    project.sync()
    assert project.value("SELECT count(*) FROM a") == 19
    assert project.value("SELECT count(*) FROM b") == 20


def test_rows_inserted_by_hand_are_deleted(tmp_path):
    """Goal: an active row that no source names goes with the next complete pass."""
    project = make(tmp_path)
    project.sync()
    execute(project.db, "INSERT INTO partners (row_id, id, name) SELECT max(row_id) + 1, 'mine', 'by hand'"
                        " FROM partners")
    assert [(c["op"], c["key"]) for c in project.diff(expect=FOUND).changes] == [("delete", {"id": "mine"})]
    assert counts(project.sync()) == (0, 0, 1, 100, 0, 0)


# ---- The guard ----

def vanish(project):
    """25 of 100 rows go, one changes and one is new."""
    data = numbered(100, _1="changed")[:75] + numbered(1, start=1000)
    project.csv("partners", NUMBERED, data)


def check_refused(project, result):
    result.says("25", "--max-delete")
    assert counts(result)[:3] == (1, 1, 0)
    assert project.value("SELECT count(*) FROM partners WHERE deleted_at IS NULL") == 101
    assert project.value("SELECT name FROM partners WHERE id = '1'") == "changed", "upserts stay"
    assert project.value("SELECT count(*) FROM partners WHERE id = '1000'") == 1
    assert "running" not in project.runs()


def test_guard_refuses_a_quarter(tmp_path):
    """Goal: 25 % vanish: exit 5, nothing deleted, upserts kept; --max-delete lets it pass."""
    project = make(tmp_path)
    project.sync()
    vanish(project)
    assert len([c for c in project.diff(expect=FOUND).changes if c["op"] == "delete"]) == 25
    check_refused(project, project.sync(expect=GUARD))
    again = project.sync(expect=GUARD)
    assert counts(again)[:3] == (0, 0, 0), "and it goes on refusing"
    project.sync("--max-delete", "24%", expect=GUARD)
    project.sync("--max-delete", "24", expect=GUARD)
    assert counts(project.sync("--max-delete", "30%"))[:3] == (0, 0, 25)
    assert project.value("SELECT count(*) FROM partners WHERE deleted_at IS NULL") == 76
    project.sync()


def test_guard_by_count(tmp_path):
    """Goal: max_delete may be a number of rows, in the project and on the command line."""
    project = make(tmp_path, options={"max_delete": 24})
    project.sync()
    vanish(project)
    project.sync(expect=GUARD)
    assert counts(project.sync("--max-delete", "25"))[2] == 25


def test_percentage_never_trips_on_fewer_than_ten(tmp_path):
    """Goal: nine rows of ten may go under a percentage, ten of twelve may not."""
    project = make(tmp_path, n=10)
    project.sync()
    project.csv("partners", NUMBERED, numbered(1))
    assert counts(project.sync())[2] == 9
    project.csv("partners", NUMBERED, numbered(12))
    project.sync()
    project.csv("partners", NUMBERED, numbered(2))
    project.sync(expect=GUARD)


@pytest.mark.parametrize("n", [2, 5, 100])
def test_empty_file_never_empties_a_table(tmp_path, n):
    """Goal: all rows of a table go only with --max-delete 100%, however few they are."""
    project = make(tmp_path, n=n)
    project.sync()
    project.csv("partners", NUMBERED, [])
    project.sync(expect=GUARD)
    for allowed in ("99%", str(n), "1000000"):
        project.sync("--max-delete", allowed, expect=GUARD)
    (tmp_path / "data/partners.csv").write_bytes(b"")
    project.sync(expect=(GUARD, FAILED))
    assert project.value("SELECT count(*) FROM partners WHERE deleted_at IS NULL") == n
    project.csv("partners", NUMBERED, [])
    assert counts(project.sync("--max-delete", "100%"))[2] == n


def test_last_row_of_a_table_of_one_may_go(tmp_path):
    """Goal: "all rows" trips only on tables with more than one."""
    project = make(tmp_path, n=1)
    project.sync()
    project.csv("partners", NUMBERED, [])
    assert counts(project.sync())[2] == 1


def test_guard_is_for_each_entity(tmp_path):
    """Goal: one entity's guard stops its deletes, the other's go on; the exit code tells."""
    project = csv_project(tmp_path, entities=[{"name": "a", "key": ["id"]}, {"name": "b", "key": ["id"]}])
    for name in "ab":
        project.csv(name, NUMBERED, numbered(100))
    project.sync()
    project.csv("a", NUMBERED, numbered(50))
    project.csv("b", NUMBERED, numbered(99))
    result = project.sync(expect=GUARD)
    assert counts(result, "a")[2] == 0 and counts(result, "b")[2] == 1


@pytest.mark.parametrize("bad", ["twenty", "-1", "120%", "10 %%", ""])
def test_max_delete_that_makes_no_sense(tmp_path, bad):
    """Goal: a limit that cannot be read is wrong usage."""
    make(tmp_path).command("sync", f"--max-delete={bad}").expect(64)


# ---- Reads that prove nothing ----

def test_unidentifiable_record_stops_deletes(tmp_path):
    """Goal: a complete read with a record without key deletes nothing and says so."""
    project = make(tmp_path)
    project.sync()
    data = numbered(99)
    data[0] = (None, "who?", "x", "1")
    project.csv("partners", NUMBERED, data)
    result = project.sync(expect=PARTIAL)
    assert counts(result)[2] == 0 and counts(result)[5] == 1
    assert project.value("SELECT count(*) FROM partners WHERE deleted_at IS NULL") == 100
    result.says("delete")


@pytest.mark.parametrize("by", ["type of the field", "types setting"])
def test_failed_record_counts_as_present(tmp_path, by):
    """Goal: a record with a value that does not fit keeps its row; others are deleted."""
    project = make(tmp_path, **({"settings": {"types": {"amount": "decimal"}}} if by == "types setting" else {}))
    if by != "types setting":
        project.edit(lambda c: c["entities"][0].update({"from": [{"source": "files", "fields": {
            "*": True, "amount": {"from": "amount", "type": "decimal"}}}]}))
    project.sync()
    data = [(i, n, c, "many" if i == "5" else a) for i, n, c, a in numbered(99)]
    project.csv("partners", NUMBERED, data)
    result = project.sync(expect=PARTIAL)
    assert counts(result) == (0, 0, 1, 98, 0, 1)
    assert project.value("SELECT deleted_at FROM partners WHERE id = '5'") is None
    assert project.value("SELECT deleted_at FROM partners WHERE id = '100'") is not None


def test_missing_file_deletes_nothing(tmp_path):
    """Goal: a source that cannot be read fails the run and leaves the table alone."""
    project = make(tmp_path)
    project.sync()
    (tmp_path / "data/partners.csv").unlink()
    project.sync("--max-delete", "100%", expect=FAILED)
    assert project.value("SELECT count(*) FROM partners WHERE deleted_at IS NULL") == 100
    assert project.runs() == ["completed", "failed"]


def test_other_entities_are_untouched_by_entity(tmp_path):
    """Goal: --entity syncs just that one."""
    project = csv_project(tmp_path, entities=[{"name": "a", "key": ["id"]}, {"name": "b", "key": ["id"]}])
    for name in "ab":
        project.csv(name, NUMBERED, numbered(100))
    project.sync()
    for name in "ab":
        project.csv(name, NUMBERED, numbered(99))
    result = project.sync("--entity", "b")
    assert [e["name"] for e in result.json["entities"]] == ["b"]
    assert len(by_key(project.db, "a", "id", "name")) == 100
    assert len(by_key(project.db, "b", "id", "name")) == 99
    assert [c["entity"] for c in project.diff("--entity", "a", expect=FOUND).changes] == ["a"]
    project.command("sync", "--entity", "nobody").expect(64, 78).says("nobody")
    assert run("sync", "--config-file", project.file, "--entity", "a", "--entity", "b").code == DONE
