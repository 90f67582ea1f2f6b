"""Deletes: soft, hard and ignored; revival; the guard; reads that prove nothing."""

import pytest
from harness import (DONE, FAILED, FOUND, GUARD, NUMBERED, PARTIAL, by_key, counts, csv_project, execute, numbered,
                     run, tracing, writes_to)
from worlds import World, scripted_project, thing


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


# ---- Deletes that the sink refuses ----

REFUSED = "SELECT key, attempts, closed_at IS NOT NULL FROM _sync_errors ORDER BY row_id"


def forbid(project, deletes, *codes):
    """A trigger of the user, on what a delete does."""
    op = "DELETE" if deletes == "hard" else "UPDATE OF deleted_at"
    kept = ", ".join(repr(c) for c in codes)
    execute(project.db, f"CREATE TRIGGER kept BEFORE {op} ON things WHEN OLD.code IN ({kept}) "
                        "BEGIN SELECT RAISE(ABORT, 'not this one'); END")


def things(folder, key, deletes, n=20, capabilities=("complete", "delta", "resume")):
    world = World(folder).stream(rows=[thing(i) for i in range(1, n + 1)], capabilities=capabilities).write()
    project = scripted_project(folder, world, options={"max_delete": "100%"}, entities=[
        {"name": "things", "key": [key], **({"deletes": deletes} if deletes != "soft" else {})}])
    project.sync()
    return world, project


@pytest.mark.parametrize("key", ["id", "code"], ids=("streams", "gathers"))
@pytest.mark.parametrize("deletes", ["soft", "hard"])
@pytest.mark.parametrize("full", [(), ("--full",)], ids=("delta", "full"))
def test_refused_delete_is_a_row_error(tmp_path, key, deletes, full):
    """Goal: the others go, exit 3 while it is refused, one row error; it is tried again in every run, a delta too."""
    world, project = things(tmp_path, key, deletes)
    forbid(project, deletes, "C00003", "C00007")
    for i in (2, 3, 7, 9):
        world.remove(i, seq=20 + i)
    world.change(1, 40, name="changed").write()
    result = project.sync(*full, expect=PARTIAL)
    assert counts(result, "things") == (0, 1, 2, 0 if not full else 15, 0, 2)
    result.says("not this one")
    keys = ["3", "7"] if key == "id" else ["C00003", "C00007"]
    assert set(by_key(project.db, "things", "id", "name")) == set(range(1, 21)) - {2, 9}
    assert project.rows(REFUSED) == [(keys[0], 1, 0), (keys[1], 1, 0)]
    assert project.value("SELECT count(*) FROM _sync_lineage WHERE op = 'delete'") == 2
    world.forget()
    result = project.sync(*full, expect=PARTIAL)
    assert counts(result, "things")[2] == 0 and counts(result, "things")[5] == 2
    assert project.rows(REFUSED) == [(keys[0], 2, 0), (keys[1], 2, 0)]
    assert {c["op"] for c in project.diff(expect=FOUND).changes} == {"delete"}
    execute(project.db, "DROP TRIGGER kept")
    world.forget()
    result = project.sync(expect=DONE)
    assert {s["mode"] for s in world.starts()} == {"delta"} and counts(result, "things")[2] == 2
    assert set(by_key(project.db, "things", "id", "name")) == set(range(1, 21)) - {2, 3, 7, 9}
    assert [r[2] for r in project.rows(REFUSED)] == [1, 1]
    assert project.value("SELECT count(*) FROM _sync_deletes") == 0
    project.diff(expect=DONE)


@pytest.mark.parametrize("key", ["id", "code"], ids=("streams", "gathers"))
@pytest.mark.parametrize("how", ["back", "gone by hand", "read in full"])
def test_refused_delete_that_is_settled_otherwise(tmp_path, key, how):
    """Goal: the error closes when the record is back or the row is gone, and the key no longer waits."""
    world, project = things(tmp_path, key, "soft")
    forbid(project, "soft", "C00003")
    world.remove(3, seq=21)
    world.write()
    project.sync(expect=PARTIAL)
    if how == "back":
        world["things"]["tombstones"] = []
        world.rows().append(thing(3, seq=22, name="back"))
        world.write()
    elif how == "gone by hand":
        execute(project.db, "DELETE FROM things WHERE id = 3")
    else:
        execute(project.db, "DROP TRIGGER kept")
    project.sync(*(["--full"] if how == "read in full" else []), expect=DONE)
    assert by_key(project.db, "things", "id", "name").get(3) == ("back" if how == "back" else None)
    assert project.value("SELECT count(*) FROM _sync_errors WHERE closed_at IS NULL") == 0
    assert project.value("SELECT count(*) FROM _sync_deletes") == 0


def test_refused_delete_of_a_source_without_cursor(tmp_path):
    """Goal: the next complete read finds the row again."""
    world, project = things(tmp_path, "id", "hard", capabilities=("complete",))
    forbid(project, "hard", "C00003")
    world.remove(3).remove(4)
    world.write()
    assert counts(project.sync(expect=PARTIAL), "things") == (0, 0, 1, 18, 0, 1)
    assert counts(project.sync(expect=PARTIAL), "things") == (0, 0, 0, 18, 0, 1)
    assert project.rows(REFUSED) == [("3", 2, 0)]
    execute(project.db, "DROP TRIGGER kept")
    assert counts(project.sync(expect=DONE), "things") == (0, 0, 1, 18, 0, 0)
    project.diff(expect=DONE)


def test_refused_delete_and_the_guard(tmp_path):
    """Goal: a run that the guard stops forgets no delete that waits."""
    world, project = things(tmp_path, "id", "soft", n=100)
    forbid(project, "soft", "C00003")
    world.remove(3, seq=101)
    world.write()
    project.sync(expect=PARTIAL)
    for i in range(10, 40):
        world.remove(i, seq=100 + i)
    world.write()
    project.sync("--max-delete", "5", expect=GUARD)
    execute(project.db, "DROP TRIGGER kept")
    assert counts(project.sync("--max-delete", "31"), "things")[2] == 31
    assert project.value("SELECT count(*) FROM _sync_errors WHERE closed_at IS NULL") == 0
    project.diff(expect=DONE)


@pytest.mark.parametrize("key", ["id", "code"], ids=("streams", "gathers"))
def test_many_refused_deletes(tmp_path, key):
    """Goal: they cost about what they are worth, over several pages, not a page each."""
    n = 3000
    world, project = things(tmp_path, key, "soft", n=n)
    odd = [f"C{i:05}" for i in range(1, n + 1, 2)]
    forbid(project, "soft", *odd)
    world["things"]["rows"] = []
    world.write()
    trace = tmp_path / "trace"
    result = project.sync("--full", expect=PARTIAL, env=tracing(project.db, trace))
    assert counts(result, "things") == (0, 0, n // 2, 0, 0, n // 2)
    assert len(writes_to(trace, "things")) < 5 * n
    assert project.value("SELECT count(*) FROM _sync_deletes") == n // 2
    execute(project.db, "DROP TRIGGER kept")
    assert counts(project.sync(expect=DONE), "things")[2] == n // 2
    assert project.value("SELECT count(*) FROM _sync_deletes") == 0
