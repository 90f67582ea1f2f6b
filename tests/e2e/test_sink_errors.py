"""What can be wrong with the database: each a clear line and the right exit code, never a damaged file."""

import contextlib
import os
import subprocess

import pytest
from harness import (DONE, FAILED, FOUND, INVALID, NUMBERED, PARTIAL, connect, counts, csv_project, execute, numbered, state,
                     statements, tracing, value)


def make(folder, n=100, **more):
    project = csv_project(folder, **more)
    project.csv("partners", NUMBERED, numbered(n))
    return project


def test_not_a_database(tmp_path):
    """Goal: a file that is no database is refused and left as it is."""
    project = make(tmp_path)
    project.db.write_text("this is a letter to my aunt\n" * 100)
    before = project.db.read_bytes()
    for command in ("sync", "diff"):
        project.command(command).expect(FAILED).says(project.db.name, "database")
    assert project.db.read_bytes() == before


def test_damaged_database(tmp_path):
    """Goal: a damaged file gives an error, not a crash and not a silent repair."""
    project = make(tmp_path, n=5000)
    project.sync()
    size = project.db.stat().st_size
    with project.db.open("r+b") as file:
        file.seek(size // 2)
        file.write(os.urandom(size // 3))
    result = project.command("sync")
    assert result.code in (FAILED, PARTIAL), result
    assert project.db.name in result.err or "database" in result.err


def test_locked_by_another_program(tmp_path):
    """Goal: a database that another program keeps locked fails the run after busy_timeout_ms, with a clear line."""
    project = make(tmp_path, sink={"plugin": "sqlite", "settings": {"path": "demo.db", "busy_timeout_ms": 300}})
    project.sync()
    project.csv("partners", NUMBERED, numbered(101))
    with contextlib.closing(connect(project.db, write=True)) as other:
        other.execute("BEGIN IMMEDIATE")
        project.command("sync", timeout=20).expect(FAILED).says("lock")
        other.execute("ROLLBACK")
    assert counts(project.sync()) == (1, 0, 0, 100, 0, 0)
    assert "running" not in project.runs()


def test_read_only_file(open_path):
    """Goal: a database without write permission: exit 1, says so, unchanged."""
    from harness import prove_unwritable, unprivileged
    folder = open_path / "p"
    project = make(folder)
    project.sync()
    project.csv("partners", NUMBERED, numbered(101))
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    prove_unwritable(folder)
    before = project.db.read_bytes()
    project.command("sync", prefix=unprivileged()).expect(FAILED).says(project.db.name)
    project.command("validate", prefix=unprivileged()).expect(DONE).says(
        f"warning: sink: {project.db} may not be written", "0 errors, 1 warning")
    project.db.chmod(0o666)
    project.command("validate", prefix=unprivileged()).expect(DONE).says(f"warning: sink: {folder} may not be written")
    folder.chmod(0o777)
    project.command("validate", prefix=unprivileged()).expect(DONE).says("nothing wrong was found")
    assert project.db.read_bytes() == before


def test_folder_that_is_not_there(tmp_path):
    """Goal: the sink's folder is not made by magic; the error names it."""
    project = make(tmp_path, sink={"plugin": "sqlite", "settings": {"path": "nowhere/demo.db"}})
    project.command("sync").expect(FAILED, INVALID).says("nowhere")


@pytest.mark.parametrize("after", [0, 20_000, 400_000])
def test_full_disk(tmp_path, after):
    """Goal: no space left: exit 1 and says so; the next sync, with space, ends right."""
    project = make(tmp_path, n=5000)
    result = project.command("sync", env=tracing(project.db, DVSYNC_FULL_AFTER=after)).expect(FAILED, PARTIAL)
    result.says("full", "space") if "space" in result.text.lower() else result.says("full")
    project.sync()
    assert value(project.db, "SELECT count(*) FROM partners") == 5000
    assert value(project.db, "PRAGMA integrity_check") == "ok"
    assert "running" not in project.runs()
    project.diff(expect=DONE)


def test_full_disk_on_a_tiny_file_system(tmp_path):
    """Goal: the same on a real file system without space."""
    mount = tmp_path / "tiny"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(mount)], stderr=subprocess.DEVNULL,
                      check=False).returncode != 0:
        pytest.skip("cannot mount a tmpfs here; the shim's ENOSPC tests the same")
    try:
        project = make(tmp_path, n=10_000, sink={"plugin": "sqlite", "settings": {"path": "tiny/demo.db"}})
        project.db = mount / "demo.db"
        result = project.command("sync").expect(FAILED, PARTIAL)
        assert "full" in result.text or "space" in result.text, result
        if project.db.exists() and project.db.stat().st_size:
            assert value(project.db, "PRAGMA integrity_check") == "ok"
        subprocess.run(["mount", "-o", "remount,size=100m", str(mount)], check=True)
        project.sync()
        assert value(project.db, "SELECT count(*) FROM partners") == 10_000
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_file_size_limit(tmp_path):
    """Goal: a file that may not grow any more (`ulimit -f`) is an error as a full disk is, never a killed program."""
    project = make(tmp_path, n=5000)
    project.command("sync", prefix=("prlimit", f"--fsize={300 << 10}")).expect(FAILED, PARTIAL).says(project.db.name)
    project.sync()
    assert value(project.db, "SELECT count(*) FROM partners") == 5000
    assert value(project.db, "PRAGMA integrity_check") == "ok"


def test_link_to_a_file_that_is_not_there(tmp_path):
    """Goal: sync makes no file where a dangling link points, and diff and validate say so before."""
    project = make(tmp_path)
    project.db.symlink_to(tmp_path / "elsewhere.db")
    for command, code in (("sync", FAILED), ("diff", FAILED), ("validate", FOUND)):
        project.command(command).expect(code).says(project.db.name, "link")
    assert not (tmp_path / "elsewhere.db").exists()


@pytest.mark.parametrize("edit", ["ALTER TABLE _sync_state DROP COLUMN watermark",
                                  "UPDATE _sync_tables SET definition = '{\"format\":2}'",
                                  "UPDATE _sync_tables SET definition = '{'"])
def test_made_by_another_version(tmp_path, edit):
    """Goal: bookkeeping that is not understood is refused, with what it may be and what to do, and left as it is."""
    project = make(tmp_path)
    project.sync()
    execute(project.db, edit)
    project.csv("partners", NUMBERED, numbered(50))
    before = state(project.db), project.rows("SELECT * FROM _sync_tables")
    for command, code in (("sync", FAILED), ("diff", FAILED), ("validate", FOUND)):
        project.command(command).expect(code).says("_sync_", "another version of dvsync", "use that version")
    assert before == (state(project.db), project.rows("SELECT * FROM _sync_tables"))


def test_settings_of_the_sink(tmp_path):
    """Goal: page_size, journal_mode and synchronous are taken; nonsense is a project error with its place."""
    def sink(**settings):
        return {"plugin": "sqlite", "settings": {"path": "demo.db", **settings}}

    project = make(tmp_path, sink=sink(page_size=4096, journal_mode="delete", synchronous="full"))
    project.sync(env=tracing(project.db, tmp_path / "trace"))
    assert any("synchronous=full" in s for s in statements(tmp_path / "trace"))
    assert value(project.db, "PRAGMA page_size") == 4096
    assert value(project.db, "PRAGMA journal_mode") == "delete"
    project.db.unlink()
    project.write({**project.config, "sink": sink()})
    project.sync()
    assert value(project.db, "PRAGMA page_size") == 32768
    for wrong in ({"page_size": 1000}, {"journal_mode": "quick"}, {"busy_timeout_ms": "soon"}, {"colour": "red"}):
        project.write({**project.config, "sink": sink(**wrong)})
        project.command("sync").expect(INVALID, FAILED).says(next(iter(wrong)))


def test_two_ways_to_one_file_are_one_lock(tmp_path):
    """Goal: the lock is on the real path: a link to the database locks the same project."""
    project = make(tmp_path)
    project.sync()
    link = tmp_path / "link.db"
    link.symlink_to(project.db)
    project.write({**project.config, "sink": {"plugin": "sqlite", "settings": {"path": "link.db"}}})
    project.sync()
    assert not list(tmp_path.glob("link.db.*lock"))
    assert value(project.db, "SELECT count(*) FROM _sync_runs") == 2


def test_views_and_triggers_of_others_run_nothing(tmp_path):
    """Goal: a hostile schema in the file cannot make dvsync run code: the sink opens it defensively."""
    project = make(tmp_path)
    project.sync()
    connection = connect(project.db, write=True)
    connection.execute("CREATE TABLE loot (x)")
    connection.execute("CREATE VIEW spy AS SELECT load_extension('x') AS y")
    connection.close()
    project.csv("partners", NUMBERED, numbered(101))
    assert counts(project.sync()) == (1, 0, 0, 100, 0, 0)
