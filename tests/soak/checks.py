"""What must hold in the database of a soak trial: after every run, and when all is calm again."""

from collections import defaultdict

from harness import dicts, quoted, tables, value
from sinks import of_memory

OPS = {"create": False, "update": True, "delete": True, "revive": False}  # op: is the record alive before it


class Database:
    """All tables of a project at one instant, in either sink."""

    def __init__(self, project):
        self.project = project
        self.is_memory = project.config["sink"]["plugin"] == "memory"
        self.path = project.folder / f"{project.name}.mem" if self.is_memory else project.db
        if not self.path.exists() or self.path.stat().st_size == 0:
            self.tables = {}
        elif self.is_memory:
            self.tables = of_memory(project)
        else:
            self.tables = {t: dicts(project.db, f"SELECT * FROM {quoted(t)} ORDER BY rowid")
                           for t in tables(project.db) if not t.startswith("sqlite_")}

    def __getitem__(self, name):
        return self.tables.get(name, [])

    def of(self, name, entity):
        return [r for r in self[name] if r["entity"] == entity]

    def active(self, stream):
        return [r for r in self[stream.name] if r.get("deleted_at") is None]

    def open_errors(self, entity):
        return [r for r in self.of("_sync_errors", entity) if r["closed_at"] is None and r["severity"] == "error"]

    def written(self, run_id):
        """Which keys the lineage of one run has, by operation."""
        found = defaultdict(set)
        for r in self["_sync_lineage"]:
            if r["run_id"] == run_id:
                found[r["op"]].add((r["entity"], r["key"]))
        return found


def after_any_run(before, now, streams):
    """Killed, failed or well: no record was deleted that the source has had all the time."""
    known = {r["row_id"] for r in before["_sync_lineage"]}
    for stream in streams:
        wrong = {r["key"] for r in now.of("_sync_lineage", stream.name)
                 if r["op"] == "delete" and r["row_id"] not in known} & stream.lasting()
        assert not wrong, f"{stream.name}: deleted, though the source has them: {sorted(wrong)}"


def told(document, now):
    """The counts that a run reports are those of its lineage: a record once, and a new one as new."""
    keys = now.written(document["run_id"])
    created, updated, deleted = keys["create"], keys["update"] | keys["revive"], keys["delete"]
    totals = document["totals"]
    numbers = (totals["rows_created"], totals["rows_updated"], totals["rows_deleted"])
    lineage = (len(created), len(updated - created), len(deleted))
    assert numbers == lineage, f"the run tells of {numbers} created, updated and deleted rows, its lineage of {lineage}"


def no_open_errors(document, now):
    """Exit 0 says that no record of the entities is failing."""
    for entity in document["entities"]:
        found = now.open_errors(entity["name"])
        assert not found, f"exit 0 with open row errors of {entity['name']}: {found[:2]}"


def state(now, stream, what):
    """The active rows are what the source has; of failing records any older state may be there."""
    rows = now.active(stream)
    keys = [r[stream.key] for r in rows]
    assert len(keys) == len(set(keys)), f"{what}: {stream.name}: a key twice: {sorted(keys)}"
    failing = stream.failing()
    if stream.gathers and failing:
        return  # what a failing record had before still takes part
    expected = stream.expected()
    found = {r["id"]: (r["code"], r["val"], r["kind"]) for r in rows if r["id"] not in failing}
    extra = {i: f for i, f in found.items() if expected.get(i) != f}
    missing = {i: f for i, f in expected.items() if found.get(i) != f}
    assert not extra and not missing, f"{what}: {stream.name}: extra {extra}, missing {missing}"


def errors(now, stream, what):
    """One open row for each record that fails, none for any other."""
    found = sorted(int(r["source_key"] if stream.gathers else r["key"]) for r in now.open_errors(stream.name))
    assert found == stream.failing(), f"{what}: {stream.name}: open errors {found}, failing {stream.failing()}"


def story(now, stream, what):
    """The lineage of each key is a life that can be, and ends in the row's state."""
    lives, alive = defaultdict(list), {}
    for r in now.of("_sync_lineage", stream.name):
        lives[r["key"]].append(r["op"])
    for key, ops in lives.items():
        living = False
        for n, op in enumerate(ops):
            fits = living == OPS[op] and (op != "revive" or n > 0) and (op != "create" or n == 0 or stream.hard)
            assert fits, f"{what}: {stream.name}: lineage of {key}: {ops}"
            living = op != "delete"
        alive[key] = living
    rows = {str(r[stream.key]): r.get("deleted_at") is None for r in now[stream.name]}
    told = {k: v for k, v in alive.items() if v or not stream.hard}
    assert rows == told, f"{what}: {stream.name}: rows and lineage differ: {set(rows.items()) ^ set(told.items())}"


def offers(now, stream, what):
    """One offer for each record of the source, none of them pending."""
    if not stream.gathers or stream.failing():
        return
    found = sorted((int(r["source_key"]), r["key"], bool(r["pending"])) for r in now.of("_sync_offers", stream.name))
    wanted = sorted((i, r.code, False) for i, r in stream.records.items())
    assert found == wanted, f"{what}: {stream.name}: offers differ: {set(found) ^ set(wanted)}"


def books(now, source, what):
    """Nothing is left of any run: none is going on, nothing waits, the lock is free, the file is sound."""
    for table in ("_sync_runs", "_sync_log"):
        running = [r for r in now[table] if r["status"] == "running"]
        assert not running, f"{what}: still running in {table}: {running[:2]}"
    strangers = [r for r in now["_sync_state"] if r["source"] != source]
    assert not strangers, f"{what}: a state of a source that left: {strangers[:2]}"
    failing = {(r["entity"], r["key"]) for r in now["_sync_errors"] if r["closed_at"] is None and r["source_key"]}
    for table in ("_sync_deletes", "_sync_seen", "_sync_locks"):
        left = [r for r in now[table] if table != "_sync_deletes" or (r["entity"], r["key"]) not in failing]
        assert not left, f"{what}: left in {table}: {left[:2]}"
    if not now.is_memory:
        assert value(now.path, "PRAGMA integrity_check") == "ok", what


def calm(now, streams, source, what):
    """All of them; for a database that nothing has disturbed for two runs."""
    for stream in streams:
        state(now, stream, what)
        errors(now, stream, what)
        story(now, stream, what)
        offers(now, stream, what)
    books(now, source, what)
