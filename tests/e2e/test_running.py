"""A sync that is going on: seen, refused a second time, stopped, cancelled, killed, taken over."""

import json
import os
import signal
import socket
import sqlite3
import time

import pytest
from harness import (BUSY, DONE, FAILED, FOUND, INTERRUPTED, NUMBERED, SHIM, TERMINATED, USAGE, connect, counts,
                     csv_project, execute, numbered, run, state, validate_json, wait_until)

N = 4000
WIDE = "x" * 2000


def wide(n, **changes):
    """About 8 MB of rows."""
    return [(i, name, city + WIDE, amount) for i, name, city, amount in numbered(n, **changes)]


def slow(ms=200):
    """The CSV file is read with a pause before each buffer: a sync takes several seconds."""
    return {"LD_PRELOAD": SHIM, "DVSYNC_SLOW_FILE": "/partners.csv", "DVSYNC_SLOW_MS": ms}


@pytest.fixture(name="project")
def changed(tmp_path):
    """Synced once; the next sync has something to do."""
    project = csv_project(tmp_path)
    project.csv("partners", NUMBERED, wide(N))
    project.sync()
    project.csv("partners", NUMBERED, wide(N + 1, _4000="changed"))
    return project


def running(project):
    """True once a run is on record as going on."""
    try:
        return project.value("SELECT count(*) FROM _sync_runs WHERE status = 'running'") == 1
    except sqlite3.Error:
        return False


def started(project, *args, **kw):
    process = project.start("sync", *args, env=slow(**kw))
    try:
        wait_until(lambda: running(project) or process.process.poll() is not None, "a run on record")
        assert process.process.poll() is None, process.wait()
    except AssertionError:
        process.__exit__()
        raise
    return process


def finished(project):
    """What must hold after the next undisturbed sync."""
    project.sync()
    assert "running" not in project.runs()
    assert project.value("SELECT count(*) FROM partners WHERE deleted_at IS NULL") == N + 1
    assert project.value("SELECT name FROM partners WHERE id = '4000'") == "changed"
    assert project.diff(expect=DONE).changes == []


def refused(project, pid):
    begin = time.monotonic()
    result = project.command("sync").expect(BUSY)
    assert time.monotonic() - begin < 3, "it waited"
    result.says(str(pid), socket.gethostname())
    return result


def test_second_sync_is_refused_at_once(project):
    """Goal: exit 4 at once, naming pid and host of the first; the first goes on."""
    with started(project) as first:
        refused(project, first.pid)
        project.command("sync", "--dry-run").expect(BUSY)
        document = project.command("sync", "--json").expect(BUSY)
        assert document.out == "", "there is no run to tell of"
        first.wait().expect(DONE)
    assert project.runs() == ["completed", "completed"]
    project.diff(expect=DONE)


def make_heartbeat_old(project, first):
    """True when it was possible: the process may have been stopped inside of a transaction, then it goes on a bit."""
    other = sqlite3.connect(project.db, timeout=0, isolation_level=None)
    try:
        other.execute("UPDATE _sync_locks SET heartbeat_at = '2020-01-01T00:00:00.000000Z'")
        return True
    except sqlite3.OperationalError:
        first.signal(signal.SIGCONT)
        time.sleep(0.03)
        first.signal(signal.SIGSTOP)
        return False
    finally:
        other.close()


def test_second_sync_is_refused_while_the_first_is_stopped(project):
    """Goal: the kernel's lock decides, however old the heartbeat is."""
    with started(project) as first:
        first.signal(signal.SIGSTOP)
        refused(project, first.pid)
        wait_until(lambda: make_heartbeat_old(project, first), "a stop outside of a transaction")
        refused(project, first.pid)
        first.signal(signal.SIGCONT)
        first.wait().expect(DONE)
    finished(project)


def test_lock_is_not_inherited_and_file_stays(project):
    """Goal: the lock file is never unlinked, and free as soon as the process is gone."""
    lock = project.db.with_name(f"{project.db.name}.{project.name}.lock")
    inode = lock.stat().st_ino
    with started(project) as first:
        first.kill()
    project.sync()
    assert lock.stat().st_ino == inode


@pytest.mark.parametrize("sql", [
    "UPDATE _sync_locks SET run_id = '00000000-0000-7000-8000-000000000000'",
    "DELETE FROM _sync_locks"])
def test_replaced_owner_cannot_commit(project, sql):
    """Goal: a run whose row in _sync_locks was replaced by another program ends with 1 and writes nothing more."""
    with started(project) as first:
        assert execute(project.db, sql) == 1
        result = first.wait().expect(FAILED)
    result.says("run")
    assert project.value("SELECT name FROM partners WHERE id = '4000'") == "name 4000"
    assert project.value("SELECT count(*) FROM partners") == N
    execute(project.db, "DELETE FROM _sync_locks")
    finished(project)


@pytest.mark.parametrize("number, code", [(signal.SIGINT, INTERRUPTED), (signal.SIGTERM, TERMINATED)])
def test_signals(project, number, code):
    """Goal: the first signal stops cleanly, on record as cancelled; the next sync finishes the work."""
    with started(project) as first:
        first.signal(number)
        begin = time.monotonic()
        first.wait().expect(code)
        assert time.monotonic() - begin < 3
    assert project.runs() == ["completed", "cancelled"]
    active = project.value("SELECT count(*) FROM partners WHERE deleted_at IS NULL")
    assert active >= N, "an unfinished read deletes nothing"
    finished(project)


def test_signal_in_a_first_load(tmp_path):
    """Goal: the same before anything was synced."""
    project = csv_project(tmp_path)
    project.csv("partners", NUMBERED, wide(N + 1, _4000="changed"))
    with started(project) as first:
        first.signal(signal.SIGINT)
        first.wait().expect(INTERRUPTED)
    assert project.runs() == ["cancelled"]
    finished(project)


def test_second_interrupt_ends_at_once(project):
    """Goal: who presses ^C twice need not wait."""
    with started(project, ms=5000) as first:
        first.signal(signal.SIGINT)
        time.sleep(0.2)
        first.signal(signal.SIGINT)
        begin = time.monotonic()
        result = first.wait()
        assert time.monotonic() - begin < 2
        assert result.code in (INTERRUPTED, -signal.SIGINT), result
    finished(project)


@pytest.mark.parametrize("args", [["--wait"], [], ["--json"], ["--wait", "--json"]])
def test_cancel(project, args):
    """Goal: cancel asks the running sync to stop at its next checkpoint; --wait waits; --json reports."""
    with started(project) as first:
        result = project.command("cancel", *args).expect(DONE)
        if "--json" in args:
            validate_json(result.json, "cancel")
        if "--wait" in args:
            assert "running" not in project.runs()
        first.wait(timeout=20).expect(INTERRUPTED, TERMINATED)
    assert project.runs() == ["completed", "cancelled"]
    finished(project)
    project.command("cancel", *args).expect(DONE)
    assert counts(project.sync())[3] == N + 1, "an old request cancels no later run"


def test_status_of_a_running_sync(project):
    """Goal: status tells pid, host and entity of the run that is going on; list says syncing."""
    with started(project) as first:
        document = validate_json(project.command("status", "--json").expect(DONE).json, "status")
        assert document["state"] == "syncing"
        text = json.dumps(document)
        assert str(first.pid) in text and socket.gethostname() in text
        project.command("status").expect(DONE).says("syncing", str(first.pid))
        run("--directory", project.folder, "list").expect(DONE).says("syncing")
        project.diff(expect=(FOUND, DONE))
        first.wait().expect(DONE)


def test_killed_run_is_shown_as_failed(project):
    """Goal: after kill -9 the run is failed (owner gone), first as shown, then on record."""
    with started(project) as first:
        first.kill()
    assert project.runs() == ["completed", "running"], "nobody was there to write it down"
    result = project.command("status").expect(DONE).says("owner gone")
    assert "syncing" not in result.out
    document = project.command("status", "--json").expect(DONE).json
    assert document["state"] == "error"
    assert "owner gone" in json.dumps(document)
    history = project.command("history").expect(DONE)
    assert "running" not in history.out
    run("--directory", project.folder, "list").expect(DONE).says("error")
    finished(project)
    assert project.runs() == ["completed", "failed", "completed"]
    assert "owner gone" in project.value("SELECT error_message FROM _sync_runs WHERE status = 'failed'")


def test_sync_beside_a_writer_of_another_program(project):
    """Goal: a short transaction of somebody else delays a sync, it does not fail it."""
    with connect(project.db, write=True) as other:
        other.execute("BEGIN IMMEDIATE")
        process = project.start("sync")
        with process:
            time.sleep(1)
            other.execute("COMMIT")
            process.wait().expect(DONE)
    other.close()
    project.diff(expect=DONE)


def test_other_projects_are_not_locked_out(tmp_path):
    """Goal: the lock is one project's: another one of the same database syncs meanwhile."""
    projects = [csv_project(tmp_path / n, name=n, entities=[{"name": e, "key": ["id"]}],
                            sink={"plugin": "sqlite", "settings": {"path": "../both.db"}})
                for n, e in (("one", "partners"), ("two", "things"))]
    for project in projects:
        project.db = tmp_path / "both.db"
        project.csv("partners", NUMBERED, wide(N))
        project.csv("things", NUMBERED, numbered(N))
    projects[1].sync()
    with started(projects[0]) as first:
        projects[1].sync()
        first.wait().expect(DONE)
    assert {len(v[1]) for v in state(tmp_path / "both.db").values()} == {N}


# ---- small things that the walk asks for ----

def test_plugins_info_json():
    """Goal: `plugins info NAME --json` is one document."""
    document = validate_json(run("plugins", "info", "csv", "--json").expect(DONE).json, "plugins-info")
    assert "delimiter" in json.dumps(document)


def test_diff_never_trips_the_guard(project):
    """Goal: diff shows all deletes, with any --max-delete; a senseless limit is wrong usage all the same."""
    project.csv("partners", NUMBERED, [])
    for limit in ("5", "50%"):
        result = project.diff("--max-delete", limit, expect=FOUND)
        assert len(result.changes) == N
    project.command("diff", "--max-delete", "many").expect(USAGE)


def test_defaults_said_aloud(project):
    """Goal: the default of every choice may be written out, and changes nothing."""
    project.sync()
    project.write({**project.config, "options": {"history": "none", "schema": "lock"}, "entities": [
        {"name": "partners", "key": ["id"], "history": "none", "schema": "lock", "from": [
            {"source": "files", "scope": "all", "fields": {
                "*": True, "name": {"from": "name", "authority": "source_of_truth"}}}]}]})
    assert counts(project.sync())[:3] == (0, 0, 0)


def test_no_process_is_left(project):
    """Goal: a sync leaves no child behind."""
    project.sync()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                assert str(project.file).encode() not in file.read()
        except OSError:
            pass
