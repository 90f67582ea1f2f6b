"""diff tells exactly what a complete sync would do, and touches nothing."""

import contextlib
import shutil
import signal
import sqlite3
from decimal import Decimal, InvalidOperation

import pytest
from harness import (DONE, FOUND, NUMBERED, PARTIAL, by_key, connect, csv_project, digest,
                     execute, mapped, numbered, prove_unwritable, quoted, snapshot, statements, tracing, unprivileged)
from worlds import World, scripted_project, thing


def make(folder, data=None, **more):
    project = csv_project(folder, **more)
    project.csv("partners", NUMBERED, numbered(50) if data is None else data)
    return project


def test_before_the_first_sync(tmp_path):
    """Goal: without a database, everything is a create, and no database appears."""
    project = make(tmp_path)
    result = project.diff(expect=FOUND)
    assert [c["op"] for c in result.changes] == ["create"] * 50
    assert [c["key"]["id"] for c in result.changes] == [str(i) for i in range(1, 51)], "source order"
    assert result.summary["drift"] is True
    assert result.summary["project"] == "demo"
    assert not project.db.exists()


def test_install_change_and_remove(tmp_path):
    """Goal: what was added, changed and removed shows field by field; sync brings it; then nothing is left."""
    project = make(tmp_path)
    project.sync()
    data = numbered(51, _7="renamed")
    del data[2]
    project.csv("partners", NUMBERED, data)
    result = project.diff(expect=FOUND)
    update, create, delete = result.changes
    assert (update["op"], update["entity"], update["key"]) == ("update", "partners", {"id": "7"})
    assert update["fields"] == {"name": {"sink": "name 7", "source": "renamed", "from": "files",
                                         "authority": "source_of_truth"}}
    assert (create["op"], create["key"]) == ("create", {"id": "51"})
    assert create["fields"]["name"]["source"] == "name 51"
    assert (delete["op"], delete["key"]) == ("delete", {"id": "3"})
    assert "partners" in str(result.summary["entities"])

    text = project.command("diff").expect(FOUND)
    text.says("name 7", "renamed", "51", "files")

    project.sync()
    assert project.diff(expect=DONE).changes == []
    assert project.diff(expect=DONE).summary["drift"] is False


def test_order_of_changes(tmp_path):
    """Goal: entities as in the project, creates and updates in source order, deletes last, by key."""
    project = make(tmp_path, entities=[{"name": "zebra", "key": ["id"]}, {"name": "ant", "key": ["id"]}])
    data = [(str(i), "x") for i in (5, 3, 9, 1, 7)]
    project.csv("zebra", ("id", "name"), data)
    project.csv("ant", ("id", "name"), data)
    project.sync("--max-delete", "100%")
    data = [("9", "y"), ("8", "x"), ("7", "y"), ("6", "x")]
    for name in ("zebra", "ant"):
        project.csv(name, ("id", "name"), data)
    found = [(c["entity"], c["op"], c["key"]["id"]) for c in project.diff(expect=FOUND).changes]
    expected = [("update", "9"), ("create", "8"), ("update", "7"), ("create", "6"), ("delete", "1"), ("delete", "3"),
                ("delete", "5")]
    assert found == [(e, *rest) for e in ("zebra", "ant") for rest in expected]


def test_limit_and_summary(tmp_path):
    """Goal: --limit shortens the text, never the counts; --summary shows counts only."""
    project = make(tmp_path)
    text = project.command("diff", "--limit", "3").expect(FOUND)
    assert "name 3" in text.out and "name 40" not in text.out and "50" in text.out
    text = project.command("diff", "--summary").expect(FOUND)
    assert "name 3" not in text.out and "50" in text.out


def same(a, b):
    if a == b:
        return True
    try:
        return a is not None and b is not None and Decimal(str(a)) == Decimal(str(b))
    except InvalidOperation:
        return False


def apply(changes, db):
    """A few lines of script: JSON Lines onto a database."""
    with contextlib.closing(connect(db, write=True)) as connection:
        for change in changes:
            table, key = quoted(change["entity"]), change["key"]
            where = " AND ".join(f"{quoted(k)} = ?" for k in key)
            values = {n: f["source"] for n, f in change.get("fields", {}).items()}
            if change["op"] == "create":
                values.update(key)
                connection.execute(f"INSERT INTO {table} (row_id, {', '.join(map(quoted, values))}) VALUES "
                                   f"((SELECT coalesce(max(row_id), 0) + 1 FROM {table}), {', '.join('?' * len(values))})",
                                   list(values.values()))
            elif change["op"] == "update":
                connection.execute(f"UPDATE {table} SET {', '.join(quoted(n) + ' = ?' for n in values)} WHERE {where}"
                                   " AND deleted_at IS NULL", [*values.values(), *key.values()])
            else:
                connection.execute(f"DELETE FROM {table} WHERE {where}", list(key.values()))


def test_json_lines_applied_to_a_copy_equal_a_full_sync(tmp_path):
    """Goal: the printed changes are the whole truth: applied by a script they give what `sync --full` gives."""
    types = {"amount": "decimal", "n": "int64", "at": "timestamp", "ok": "bool"}
    header = ("id", "name", "amount", "n", "at", "ok")
    project = csv_project(tmp_path, settings={"types": types})

    def record(i, name="x"):
        return (str(i), name if i % 5 else None, f"{i}.1234567890123456789", str(2**53 + i),
                f"2024-01-01T00:00:{i % 60:02}+01:00", "true" if i % 2 else "false")

    project.csv("partners", header, [record(i) for i in range(200)])
    project.sync()
    project.csv("partners", header, [record(i, "y" if i % 3 == 0 else "x") for i in range(20, 230)])
    execute(project.db, "UPDATE partners SET n = 1 WHERE id = '100'")
    copy = tmp_path / "copy.db"
    shutil.copy(project.db, copy)
    changes = project.diff(expect=FOUND).changes
    assert {c["op"] for c in changes} == {"create", "update", "delete"}
    with contextlib.closing(connect(copy, write=True)) as connection:  # its rules are dvsync's, not the script's
        for name, in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
                                        " AND tbl_name = 'partners'").fetchall():
            connection.execute(f"DROP INDEX {quoted(name)}")
    apply(changes, copy)
    project.sync("--full")
    names = mapped(project.db, "partners")
    found = by_key(copy, "partners", "id", *names)
    expected = by_key(project.db, "partners", "id", *names)
    assert set(found) == set(expected)
    for key, values in expected.items():
        assert all(same(a, b) for a, b in zip(found[key], values)), (key, found[key], values)


def test_dry_run_previews_this_sync(tmp_path):
    """Goal: sync --dry-run exits as diff and changes no byte; 5 where the guard would stop it."""
    project = make(tmp_path)
    project.command("sync", "--dry-run").expect(FOUND)
    assert not project.db.exists()
    project.sync()
    before = snapshot(tmp_path)
    project.command("sync", "--dry-run").expect(DONE)
    project.csv("partners", NUMBERED, numbered(60))
    project.command("sync", "--dry-run").expect(FOUND).says("60")
    project.csv("partners", NUMBERED, numbered(10))
    project.command("sync", "--dry-run").expect(5)
    project.command("sync", "--dry-run", "--max-delete", "90%").expect(FOUND)
    project.diff(expect=FOUND)
    assert snapshot(tmp_path) == before


def test_row_limit(tmp_path):
    """Goal: a trial reads only so many rows, deletes nothing, and says that it compared in part."""
    project = make(tmp_path)
    project.diff("--row-limit", "5", expect=FOUND)
    project.sync("--row-limit", "5", expect=(DONE, PARTIAL))
    assert project.value("SELECT count(*) FROM partners") == 5
    project.diff("--row-limit", "5", expect=PARTIAL).says("partial")
    project.sync()
    assert project.value("SELECT count(*) FROM partners") == 50
    project.sync("--row-limit", "5", expect=(DONE, PARTIAL))
    assert project.value("SELECT count(*) FROM partners WHERE deleted_at IS NULL") == 50


def test_a_check_that_could_not_be_made_is_not_zero(tmp_path):
    """Goal: an entity that cannot be read shows as that, and the exit code says so."""
    project = make(tmp_path, entities=[{"name": "partners", "key": ["id"]}, {"name": "gone", "key": ["id"]}])
    project.csv("gone", NUMBERED, numbered(3))
    project.sync()
    (tmp_path / "data/gone.csv").unlink()
    result = project.diff(expect=PARTIAL)
    assert result.changes == []
    assert "gone" in str(result.summary)
    result.says("gone")


# ---- diff touches nothing ----

@pytest.mark.parametrize("args", [["diff", "--json"], ["diff"], ["status"], ["history"], ["stats"], ["validate"],
                                  ["sync", "--dry-run"], ["lineage", "--entity", "partners", "--key", "1"]])
def test_reading_commands_change_no_byte(tmp_path, args):
    """Goal: the database file and everything beside it stay as they were, byte by byte."""
    project = make(tmp_path)
    project.sync()
    project.csv("partners", NUMBERED, numbered(55, _3="other"))
    before = snapshot(tmp_path)
    project.command(*args).expect(DONE, FOUND)
    assert snapshot(tmp_path) == before


def closed_folder(open_path):
    """A synced project whose folder nobody but its owner may write to."""
    folder = open_path / "closed"
    project = make(folder)
    project.sync()
    project.csv("partners", NUMBERED, numbered(51, _7="renamed"))
    return folder, project


def close(folder):
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    folder.chmod(0o555)
    prove_unwritable(folder)


def diff_as_nobody(project, scratch):
    scratch.mkdir(mode=0o777)
    scratch.chmod(0o777)
    result = project.diff(prefix=unprivileged(), env={"TMPDIR": scratch, "HOME": scratch}, expect=FOUND)
    assert [(c["op"], c["key"]["id"]) for c in result.changes] == [("update", "7"), ("create", "51")]
    assert list(scratch.iterdir()) == [], "something was left in $TMPDIR"
    return result


def test_diff_in_a_folder_without_write_permission(open_path):
    """Goal: diff works as an unprivileged user in a 0555 folder, without a WAL beside the file."""
    folder, project = closed_folder(open_path)
    for tail in ("-wal", "-shm"):
        project.db.with_name(project.db.name + tail).unlink(missing_ok=True)
    close(folder)
    before = snapshot(folder)
    diff_as_nobody(project, open_path / "tmp")
    assert snapshot(folder) == before


def leave_a_wal(db):
    """A change of row 9 that only the WAL holds, as a process leaves it that was killed; -> WAL and SHM files."""
    connection = sqlite3.connect(db, isolation_level=None)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("UPDATE partners SET name = 'only in the wal' WHERE id = '9'")
    saved = {}
    for tail in ("", "-wal", "-shm"):
        saved[tail] = db.with_name(db.name + tail).read_bytes()
    connection.close()
    for tail, content in saved.items():
        db.with_name(db.name + tail).write_bytes(content)
    assert len(saved["-wal"]) > 0


@pytest.mark.parametrize("shm", [True, False])
@pytest.mark.parametrize("closed", [True, False])
def test_diff_beside_a_left_over_wal(open_path, shm, closed):
    """Goal: what stands only in the WAL is seen, with and without -shm, and no byte of database and WAL changes."""
    folder, project = closed_folder(open_path)
    leave_a_wal(project.db)
    if not shm:
        project.db.with_name(project.db.name + "-shm").unlink()
    if closed:
        close(folder)
    else:
        for path in (folder, *folder.rglob("*")):
            path.chmod(path.stat().st_mode | 0o444)
    files = [project.db, project.db.with_name(project.db.name + "-wal")]
    before = [digest(f) for f in files]
    (open_path / "tmp").mkdir()
    (open_path / "tmp").chmod(0o777)
    prefix = unprivileged() if closed else ()
    result = project.diff(prefix=prefix, env={"TMPDIR": open_path / "tmp"}, expect=FOUND)
    found = {c["key"]["id"]: c for c in result.changes}
    assert set(found) == {"7", "9", "51"}
    assert found["9"]["fields"]["name"]["sink"] == "only in the wal"
    assert [digest(f) for f in files] == before
    assert list((open_path / "tmp").iterdir()) == []


def test_sync_in_a_folder_without_write_permission(open_path):
    """Goal: where nothing can be written sync says so, in one line, and nothing is changed."""
    folder, project = closed_folder(open_path)
    close(folder)
    before = snapshot(folder)
    result = project.command("sync", prefix=unprivileged()).expect(1)
    result.says(project.db.name)
    assert snapshot(folder) == before


def test_diff_sees_one_moment(tmp_path):
    """Goal: diff runs beside a program that writes to the database, without waiting for it or stopping it."""
    project = make(tmp_path)
    project.sync()
    with contextlib.closing(connect(project.db, write=True)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE partners SET name = 'not committed'")
        assert project.diff(expect=DONE).changes == []
        other.execute("COMMIT")
    assert len(project.diff(expect=FOUND).changes) == 50


def test_diff_runs_no_writing_statement(tmp_path):
    """Goal: on the database itself diff executes nothing but reads."""
    project = make(tmp_path)
    project.sync()
    project.csv("partners", NUMBERED, numbered(55))
    trace = tmp_path / "trace"
    project.diff(env=tracing(project.db, trace), expect=FOUND)
    words = {s.split(None, 1)[0].upper().rstrip(";") for s in statements(trace) if s.strip()}
    assert words and words <= {"SELECT", "PRAGMA", "BEGIN", "COMMIT", "ROLLBACK", "END", "WITH"}, words


@pytest.mark.parametrize("history", ["none", "scd2"])
def test_a_first_load_that_was_broken_off(tmp_path, history):
    """Goal: its table has no key index yet; no row is looked up by its key there, which would walk the table each time."""
    world = World(tmp_path).generated("things", 1500, checkpoint_every=100, page_size=100, page_delay_ms=40).write()
    project = scripted_project(tmp_path, world, options={"history": history})
    world.fault("pull", after_rows=900, kill=True).write()
    project.sync(expect=-signal.SIGKILL)
    there = project.value("SELECT count(*) FROM things")
    assert 0 < there < 1500 and project.value("SELECT first_load FROM _sync_state") == 1
    world.calm()
    world["things"].pop("page_delay_ms")
    world.write()
    execute(project.db, "UPDATE things SET name = 'edited' WHERE id = 3")
    trace = tmp_path / "trace"
    changes = project.diff(expect=FOUND, env=tracing(project.db, trace)).changes
    assert {c["key"]["id"] for c in changes if c["op"] == "create"} == set(range(there + 1, 1501))
    assert [c["key"] for c in changes if c["op"] == "update"] == [{"id": 3}] and len(changes) == 1500 - there + 1
    reads = [sql for sql in statements(trace) if 'FROM main."things"' in sql]
    assert reads and not [sql for sql in reads if '"id"' in sql.partition(" WHERE ")[2].partition(" ORDER ")[0]]
    project.sync()  # it goes on where it was
    project.sync("--full")
    project.diff(expect=DONE)


# ---- What is told twice counts once ----

@pytest.mark.parametrize("key", [None, "code"])
@pytest.mark.parametrize("status, look", [("changed", ("diff",)), ("resume", ("sync", "--dry-run"))])
def test_a_comparison_that_begins_again(tmp_path, status, look, key):
    """Goal: what a read has told that is given up half-way is told once."""
    world = World(tmp_path).stream(rows=[thing(i) for i in range(1, 8)], page_size=2,
                                   capabilities=["complete", "cursor"]).write()
    project = scripted_project(tmp_path, world, entities=[{"name": "things", **({"key": [key]} if key else {})}])
    project.sync()
    world["things"]["rows"] = [thing(i, seq=i + 10, name=f"new {i}") for i in range(1, 9)]
    world.fault("pull", after_rows=5, status=status).write()
    told = project.command(*look, "--json").expect(FOUND)
    found = told.summary["entities"]["things"]
    assert (found["created"], found["updated"], found["unchanged"], found["fields"]) == (1, 7, 0, {"name": 7})
    assert len(told.changes) == 8 and len({c["key"].get("id", c["key"].get("code")) for c in told.changes}) == 8


@pytest.mark.parametrize("last", ["one", "third"])
@pytest.mark.parametrize("far", [1, 20_000])
def test_changed_fields_of_a_key_that_comes_twice(tmp_path, far, last):
    """Goal: the summary counts what the changes show."""
    project = csv_project(tmp_path)
    between = [(f"k{i}", "x", "y", "1") for i in range(far)]
    project.csv("partners", NUMBERED, [("a", "one", "c", "1"), *between])
    project.sync()
    project.csv("partners", NUMBERED, [("a", "first", "d", "1"), *between, ("a", last, "c", "1")])
    n = int(last == "third")
    told = project.diff(expect=FOUND if n else DONE)
    found = told.summary["entities"]["partners"]
    assert (len(told.changes), found["updated"], found["fields"]) == (n, n, {"name": 1} if n else {})
