"""The memory sink (tests/plugins/README.md) beside SQLite: settings, faults, log, and comparing both databases."""

import json
import sys

from harness import ROOT, columns, quoted, rows, tables

sys.path.insert(0, str(ROOT / "tests/plugins"))
import memory_dump  # noqa: E402

# What no two runs have in common.
VOLATILE = {"run_id", "valid_from", "created_run_id", "host", "pid", "boot_id", "watermark", "sync_time", "started_at",
            "completed_at", "acquired_at", "heartbeat_at", "first_seen", "last_seen", "seen_at", "changed_at", "last_sync_time",
            "last_full_at", "read_started_at"}
OFTEN = {"deleted_at", "closed_at", "valid_to"}  # compared as: set or not


def memory_sink(project, **settings):
    """The `sink:` of a project that keeps its tables in FOLDER/NAME.mem."""
    faults = project.folder / "faults.json"
    if not faults.exists():
        faults.write_text("[]")
    return {"plugin": "memory", "settings": {"path": f"{project.name}.mem", "faults": faults.name, "log": "sink.log",
                                             **settings}}


def set_faults(project, faults):
    (project.folder / "faults.json").write_text(json.dumps(faults))


def asked_of_sink(project):
    log = project.folder / "sink.log"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def of_memory(project):
    return memory_dump.load(project.folder / f"{project.name}.mem", raw_bytes=True)


def kinds_of_memory(project):
    return {name.lower(): table["columns"]
            for name, table in memory_dump.schema(project.folder / f"{project.name}.mem")["tables"].items()}


def settled(row, kinds, sqlite):
    """A row without what differs from run to run, and with decimals alike."""
    result = {}
    for name, found in row.items():
        if name in VOLATILE:
            continue
        if name in OFTEN:
            found = found is not None
        elif kinds.get(name) == "decimal" and sqlite:
            found = memory_dump.sqlite_decimal(found)
        result[name] = found
    return result


def both_equal(sqlite, memory):
    """All tables of both databases hold the same rows, bookkeeping included."""
    found, kinds = of_memory(memory), kinds_of_memory(memory)
    assert {t.lower() for t in tables(sqlite.db) if not t.startswith("sqlite_")} == set(kinds)
    for table, in_memory in found.items():
        names = columns(sqlite.db, table)
        assert names == list(kinds[table.lower()]), table
        in_sqlite = [dict(zip(names, row)) for row in
                     rows(sqlite.db, f"SELECT * FROM {quoted(table)} ORDER BY {quoted(names[0])}")]
        one = [settled(r, kinds[table.lower()], True) for r in in_sqlite]
        two = [settled(r, kinds[table.lower()], False) for r in in_memory]
        different = [(a, b) for a, b in zip(one, two) if a != b]
        assert not different and len(one) == len(two), f"{table}: {len(one)} and {len(two)} rows, first: " + repr(
            [{k: (a[k], b[k]) for k in a if a[k] != b[k]} for a, b in different[:1]])
