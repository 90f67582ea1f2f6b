"""What the kill tests share: stop a sync dead at an exact point, look at what is left, run it again."""

import contextlib
import os
import random
import shutil
import sqlite3
import time

from harness import LONG, connect, is_commit, quoted, state, statements, tracing

SEED = int(os.environ.get("DVSYNC_SEED", "0")) or time.time_ns() % 1_000_000


# The last commits: the one with the entity's deletes or the key's index, and the run's own.
LAST = ['"deleted_at"=?', ' ON "%s"(', 'DELETE FROM main."_sync_locks" WHERE "row_id"']


def commit_points(commits, table, filled):
    """Before and after each commit, as variables for the shim. How many there are differs from run to run by a few,
    so the last ones are named by what they hold."""
    kinds = ("DVSYNC_KILL_BEFORE", "DVSYNC_KILL_AFTER")
    last = [LAST[0] if filled else LAST[1] % table, LAST[2]]
    return [{k: n} for n in range(1, commits - 8) for k in kinds] + [
        {k: 1, "DVSYNC_KILL_SINCE": since} for since in last for k in kinds]


def sample(points, n):
    """All of them in the long form, else some from all over; the seed is in the message."""
    if LONG or len(points) <= n:
        return points
    choice = random.Random(SEED)
    step = len(points) // (n - 1)
    return [points[choice.randrange(i * step, (i + 1) * step)] for i in range(n - 1)] + [choice.choice(points[-4:])]


def writing_commits(trace):
    """How many COMMITs there were, and how many of them ended a transaction that wrote something."""
    commits = wrote = 0
    dirty = False
    for sql in statements(trace):
        word = sql.split(None, 1)[0].upper() if sql.strip() else ""
        if is_commit(sql):
            commits += 1
            wrote += dirty
            dirty = False
        elif word in ("INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "ALTER", "DROP", "WITH"):
            dirty = True
    return commits, wrote


def copy_database(source, target):
    """The database and what lies beside it, as they are."""
    for tail in ("", "-wal", "-shm"):
        old, new = source.with_name(source.name + tail), target.with_name(target.name + tail)
        new.unlink(missing_ok=True)
        if old.exists():
            shutil.copy(old, new)


def kill_at(project, env, *args, may_end=False):
    """A sync under the shim that must die by its own SIGKILL. may_end: or end well before the point comes, since a busy
    machine commits more at a time; False then."""
    result = project.command("sync", *args, env=tracing(project.db, **{k: str(v) for k, v in env.items()}))
    assert result.code == -9 or (may_end and result.code == 0), f"it was not killed ({env})\n{result}"
    return result.code == -9


def kill_after(project, seconds, env, *args):
    """kill -9 from outside after so long; True if it was still running."""
    with project.start("sync", *args, env=env) as process:
        with contextlib.suppress(Exception):
            process.process.wait(timeout=seconds)
        alive = process.process.poll() is None
        process.kill()
    return alive


def progress(db):
    """What a database says of how far its reads have come; None before its first sync."""
    try:
        with contextlib.closing(connect(db)) as connection:
            return connection.execute("SELECT * FROM _sync_state ORDER BY 1").fetchall()
    except sqlite3.OperationalError as e:
        assert "no such table" in str(e) or "unable to open" in str(e), e
        return None


def kill_at_random(setting, seconds, kills, env=None):
    """Kills syncs at random instants of the `seconds` that a whole one takes, some of them several times in a row, until
    there were enough `kills`; setting.victim(name) is killed, setting.again(project, where) checks what comes of it.
    Asserts that most runs had committed something of their own when they died."""
    choice = random.Random(SEED)
    killed = moved = 0
    for number in range(10 * kills):
        if killed >= kills:
            break
        project = setting.victim(f"r{number}")
        instants = []
        for _ in range(choice.choice([1, 2, 4])):
            before = progress(project.db)
            instants.append(round(choice.uniform(0, seconds), 3))
            if not kill_after(project, instants[-1], env or {}):
                break  # it had ended by itself
            killed += 1
            moved += progress(project.db) != before
        setting.again(project, f"killed after {instants} s (seed {SEED})")
    assert killed >= kills, f"only {killed} of the runs were killed (seed {SEED})"
    assert moved >= kills // 2, f"only {moved} of {killed} runs had committed anything (seed {SEED})"


def deleted_keys(db, table, key):
    """Keys that are deleted now, or were by any run."""
    try:
        with contextlib.closing(connect(db)) as connection:
            gone = {r[0] for r in connection.execute("SELECT key FROM _sync_lineage WHERE op = 'delete'")}
            return gone | {str(r[0]) for r in connection.execute(
                f"SELECT {quoted(key)} FROM {quoted(table)} WHERE deleted_at IS NOT NULL")}
    except sqlite3.OperationalError as e:
        assert "no such table" in str(e) or "unable to open" in str(e), e
        return set()


def check_integrity(db):
    with contextlib.closing(sqlite3.connect(db)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def check_end(project, expected_state, may_be_deleted, table, key, where):
    """What must hold when a killed sync was run again."""
    assert "running" not in project.runs(), where
    assert project.runs()[-1] == "completed", where
    assert state(project.db) == expected_state, f"{where}: another state than an undisturbed run's"
    assert deleted_keys(project.db, table, key) <= may_be_deleted, f"{where}: a row that the source has was deleted"
    check_integrity(project.db)
