"""Conflicts: where two sources, or a source and the sink, disagree; `conflicts`, its pins, --fail-on-conflict."""

import json

import pytest
from harness import (BUSY, DONE, FAILED, FOUND, USAGE, Project, Running, by_key, csv_project, dicts, execute, tracing,
                     validate_json, wait_until, writes_to)
from worlds import World, column

COLUMNS = [column("id", "int64", key=1), column("code"), column("name"), column("phone")]


def partner(i, **changes):
    return {"id": i, "$number": i, "code": f"P-{i}", "name": f"name {i}", "phone": f"0{i}", "seq": i, **changes}


class Two:
    """Partners from crm (scripted: a delta) and from sheet (csv: complete), crm first."""

    def __init__(self, folder, n=5, **priorities):
        self.crm = World(folder, "crm").stream("partners", columns=COLUMNS, rows=[partner(i) for i in range(1, n + 1)],
                                               capabilities=["complete", "delta", "resume"]).write()
        self.project = Project(folder)
        self.sheet({f"P-{i}": (f"name {i}", f"0{i}") for i in range(1, n + 1)})
        priorities = {"crm": 100, "sheet": 50, **priorities}
        plain = {name: name for name in ("code", "name", "phone")}
        self.project.write({
            "sources": {"crm": {"plugin": "scripted", "priority": priorities["crm"],
                                "settings": {"script": str(self.crm.file), "log": str(self.crm.log)}},
                        "sheet": {"plugin": "csv", "priority": priorities["sheet"], "settings": {"path": "data"}}},
            "entities": [{"name": "partners", "key": ["code"],
                          "from": [{"source": "crm", "fields": plain}, {"source": "sheet", "fields": plain}]}]})

    def sheet(self, rows):
        self.rows = rows
        self.project.csv("partners", ("code", "name", "phone"), [(k, *v) for k, v in rows.items()])
        return self

    def says(self, code, name, phone):
        return self.sheet({**self.rows, code: (name, phone)})

    def change(self, i, seq, **changes):
        self.crm.change(i, seq, stream="partners", **changes).write()
        return self

    def listed(self, *args):
        return validate_json(self.project.command("conflicts", "--json", *args).expect(DONE).json, "conflicts")

    def open(self):
        return self.listed()["conflicts"]

    def phones(self):
        return by_key(self.project.db, "partners", "code", "phone")


@pytest.fixture(name="two")
def two_sources(tmp_path):
    return Two(tmp_path)


def pair(conflict):
    return (conflict["key"], conflict["field"], conflict["kind"], conflict["winner_source"], conflict["winner_value"],
            conflict["loser_source"], conflict["loser_value"])


def test_listed_once_and_closed_when_they_agree(two):
    """Goal: `conflicts` lists a disagreement once, without writes while it stands, and it closes by itself."""
    project = two.project
    two.says("P-2", "name 2", "other")
    first = project.sync().json
    (conflict,) = two.open()
    assert pair(conflict) == ("P-2", "phone", "field_differs", "crm", "02", "sheet", "other")
    assert conflict["rule"] == "priority" and conflict["seen_count"] == 1 and conflict["status"] == "open"
    assert conflict["first_run_id"] == conflict["last_run_id"] == first["run_id"]
    assert first["totals"]["conflicts"] == 1 and two.phones()["P-2"] == "02"
    text = project.command("conflicts").expect(DONE)
    text.says("P-2", "phone", 'crm: "02"', 'sheet: "other"', "1 open, 0 resolved, 0 closed")
    assert project.diff(expect=DONE).summary["entities"]["partners"]["conflicts"] == 1
    project.command("diff").expect(DONE).says("up to date; 1 conflict")
    project.command("sync", "--full").expect(DONE).says(", 1 conflict (run")
    before = dicts(project.db, "SELECT * FROM _sync_conflicts")
    for args in ((), ("--full",)):
        trace = project.folder / "trace"
        project.sync(*args, env=tracing(project.db, trace))
        assert writes_to(trace, "partners", "_sync_conflicts", "_sync_lineage") == []
    assert dicts(project.db, "SELECT * FROM _sync_conflicts") == before
    two.says("P-2", "name 2", "another")
    project.sync()
    (moved,) = two.open()
    assert moved["loser_value"] == "another" and moved["seen_count"] == 2 and moved["id"] == conflict["id"]
    assert moved["last_seen"] > moved["first_seen"] == conflict["first_seen"]
    two.says("P-2", "name 2", "02")
    project.sync()
    assert two.open() == []
    (closed,) = two.listed("--all")["conflicts"]
    assert closed["status"] == "closed" and closed["closed_at"] and closed["id"] == conflict["id"]
    project.command("conflicts").expect(DONE).says("no open conflicts", "1 closed")
    two.says("P-2", "name 2", "again")
    project.sync()
    (again,) = two.open()
    assert again["id"] != conflict["id"]


def test_entity_limit_and_stats(two):
    """Goal: the counts are complete, whatever is shown."""
    two.sheet({f"P-{i}": ("x", "y") for i in range(1, 6)})
    two.project.sync()
    listed = two.listed("--limit", "3")
    assert listed["open"] == 10 and len(listed["conflicts"]) == 3
    ids = [c["id"] for c in two.listed("--limit", "0")["conflicts"]]
    assert len(ids) == 10 and ids == sorted(ids, reverse=True)
    assert two.listed("--entity", "partners")["open"] == 10
    two.project.command("conflicts", "--entity", "partner").expect(USAGE).says('did you mean "partners"')
    two.project.command("conflicts", "--limit", "3").says("the newest 3 are shown")
    stats = validate_json(two.project.command("stats", "--json").json, "stats")
    assert stats["entities"][0]["conflicts_open"] == 10


def test_a_record_that_goes_closes_its_conflicts(two):
    """Goal: no conflict outlives its record; when the winner's record goes, the other's value stands."""
    project = two.project
    two.says("P-1", "name 1", "one").says("P-2", "name 2", "two")
    project.sync()
    assert len(two.open()) == 2
    two.crm.remove(1, seq=10, stream="partners").write()
    project.sync()
    assert two.phones()["P-1"] == "one"
    assert [c["key"] for c in two.open()] == ["P-2"]
    two.crm.remove(2, seq=11, stream="partners").write()
    two.sheet({k: v for k, v in two.rows.items() if k != "P-2"})
    project.sync()
    assert two.open() == [] and "P-2" not in two.phones()


def test_priority_changes_places(two):
    """Goal: the same pair the other way round is the same conflict."""
    two.says("P-1", "name 1", "one")
    two.project.sync()
    (before,) = two.open()

    def turn(config):
        config["sources"]["sheet"]["priority"] = 200
    two.project.edit(turn)
    two.project.sync()
    (after,) = two.open()
    assert after["id"] == before["id"] and pair(after)[3:] == ("sheet", "one", "crm", "01")
    assert two.phones()["P-1"] == "one"


def test_local_edit_is_logged_and_overwritten(two):
    """Goal: what somebody changed in the sink is found by diff, overwritten, and on record until it is seen to be gone."""
    project = two.project
    project.sync()
    execute(project.db, "UPDATE partners SET phone = 'by hand' WHERE code = 'P-3'")
    (change,) = project.diff(expect=FOUND).changes
    assert change["fields"]["phone"]["sink"] == "by hand"
    assert two.open() == [], "a diff logs nothing"
    project.sync("--full")
    assert two.phones()["P-3"] == "03"
    (edit,) = two.open()
    assert pair(edit) == ("P-3", "phone", "local_edit", "crm", "03", "sink", "by hand")
    project.sync("--full")
    assert two.open() == []


def test_local_edit_of_a_streaming_entity(tmp_path):
    """Goal: an entity of one source logs edits, too; one that it makes itself is none."""
    project = csv_project(tmp_path)
    project.csv("partners", ("id", "name"), [("1", "a"), ("2", "b")])
    project.sync()
    project.csv("partners", ("id", "name"), [("1", "A"), ("2", "b")])
    assert project.sync().json["totals"]["conflicts"] == 0
    execute(project.db, "UPDATE partners SET name = 'x' WHERE id = '2'")
    result = project.sync().json
    assert result["totals"]["conflicts"] == 1 and result["totals"]["rows_updated"] == 1
    (edit,) = dicts(project.db, "SELECT * FROM _sync_conflicts")
    assert (edit["key"], edit["kind"], edit["winner_source"], edit["loser_source"], edit["loser_value"],
            edit["status"]) == ("2", "local_edit", "files", "sink", '"x"', "open")
    project.sync()
    assert project.value("SELECT status FROM _sync_conflicts") == "closed"
    # Kept from now on: the next sync writes it back.
    execute(project.db, "UPDATE partners SET name = 'y' WHERE id = '2'")
    project.sync()
    number = str(project.value("SELECT id FROM _sync_conflicts WHERE status = 'open'"))
    project.command("conflicts", "resolve", number, "--keep", "sink").expect(DONE)
    project.sync()
    assert by_key(project.db, "partners", "id", "name")["2"] == "y"
    project.csv("partners", ("id", "name"), [("1", "A"), ("2", "c")])
    project.sync()
    assert by_key(project.db, "partners", "id", "name")["2"] == "y"
    project.command("conflicts", "unpin", number).expect(DONE)
    project.sync()
    assert by_key(project.db, "partners", "id", "name")["2"] == "c"
    project.diff(expect=DONE)


@pytest.mark.parametrize("keep, value", [("sheet", "other"), ("crm", "02"), ("sink", "02")])
def test_resolve_and_unpin(two, keep, value):
    """Goal: `resolve` pins the chosen value, the next sync writes it, and it stays until `unpin`."""
    project = two.project
    two.says("P-2", "name 2", "other")
    project.sync()
    (conflict,) = two.open()
    number = str(conflict["id"])
    done = project.command("conflicts", "resolve", number, "--keep", keep, "--json").expect(DONE).json
    validate_json(done, "conflicts")
    assert done["conflict"]["status"] == "resolved"
    assert (done["conflict"]["pin"]["value"], done["conflict"]["pin"]["kept"]) == (value, keep)
    assert two.open() == [] and two.listed()["resolved"] == 1
    assert two.phones()["P-2"] == "02", "the next sync writes it"
    project.sync()
    assert two.phones()["P-2"] == value
    project.diff(expect=DONE)
    # Whatever the sources say.
    two.change(2, 20, phone="new").says("P-2", "name 2", "newer")
    project.sync()
    project.sync("--full")
    assert two.phones()["P-2"] == value and two.open() == []
    project.command("conflicts", "resolve", number, "--keep", "crm").expect(FAILED).says("resolved already", "unpin")
    project.command("conflicts", "unpin", number).expect(DONE).says("no longer pinned")
    project.command("conflicts", "unpin", number).expect(FAILED).says("nothing is pinned")
    project.sync()
    assert two.phones()["P-2"] == "new"
    (again,) = two.open()
    assert pair(again)[3:] == ("crm", "new", "sheet", "newer")
    project.diff(expect=DONE)
    assert ("unpin",) in project.rows("SELECT op FROM _sync_lineage WHERE key = 'P-2'")
    told = project.command("lineage", "--entity", "partners", "--key", "P-2", "--history", "--json").expect(DONE).json
    assert "unpin" in [c["op"] for c in told["changes"]]


def pin_the_sheets_value(two):
    """P-2's phone is pinned to "other", the loser's value, and stands in the sink."""
    two.says("P-2", "name 2", "other")
    two.project.sync()
    two.project.command("conflicts", "resolve", "1", "--keep", "sheet").expect(DONE)
    two.project.sync()
    assert two.phones()["P-2"] == "other"


def test_force_overwrite_ignores_pins(two):
    """Goal: --force-overwrite writes what the sources say; the pin is there for the next sync."""
    project = two.project
    pin_the_sheets_value(two)
    project.sync("--force-overwrite", "--full")
    assert two.phones()["P-2"] == "02"
    project.sync("--full")
    assert two.phones()["P-2"] == "other"


def test_a_pin_ends_with_its_record(two):
    """Goal: a record that comes back is the sources' again."""
    project = two.project
    pin_the_sheets_value(two)
    rows = two.rows
    two.sheet({k: v for k, v in rows.items() if k != "P-2"})
    two.crm.remove(2, seq=20, stream="partners").write()
    project.sync()
    assert project.value("SELECT count(*) FROM _sync_pins") == 0
    assert [c["status"] for c in two.listed("--all")["conflicts"]] == ["closed"]
    two.sheet(rows)
    project.sync()
    assert two.phones()["P-2"] == "other"
    two.crm.rows("partners").append(partner(2, seq=30))
    two.crm.write()
    project.sync()
    assert two.phones()["P-2"] == "02"


def test_what_cannot_be_decided(two):
    """Goal: unknown ids, closed conflicts and wrong names are told apart, and nothing is written."""
    project = two.project
    project.command("conflicts").expect(DONE).says("no open conflicts")
    project.command("conflicts", "resolve", "1", "--keep", "crm").expect(FAILED).says("never synced")
    two.says("P-2", "name 2", "other")
    project.sync()
    before = project.db.read_bytes()
    project.command("conflicts", "resolve", "4711", "--keep", "crm").expect(FAILED).says("no conflict with the id 4711")
    project.command("conflicts", "unpin", "4711").expect(FAILED).says("no conflict with the id 4711")
    project.command("conflicts", "resolve", "1", "--keep", "shet").expect(USAGE).says('did you mean "sheet"')
    project.command("conflicts", "unpin", "1").expect(FAILED).says("is open")
    project.command("conflicts", "resolve", "one", "--keep", "crm").expect(USAGE)
    assert project.db.read_bytes() == before
    two.says("P-2", "name 2", "02")
    project.sync()
    project.command("conflicts", "resolve", "1", "--keep", "crm").expect(FAILED).says("is closed")


def test_exits_4_while_a_sync_runs(two):
    """Goal: the project's lock is taken, as a sync takes it."""
    project = two.project
    two.says("P-2", "name 2", "other")
    project.sync()
    reached, go = project.folder / "reached", project.folder / "go"
    two.crm.fault("pull", stream="partners", touch=str(reached), wait_for=str(go)).write()
    with Running(["sync", "--config-file", project.file], cwd=project.folder) as sync:
        wait_until(reached.exists, "the sync")
        for args in (("resolve", "1", "--keep", "crm"), ("unpin", "1")):
            project.command("conflicts", *args).expect(BUSY).says(str(sync.pid))
        project.command("conflicts").expect(DONE).says("P-2")
        go.touch()
        assert sync.wait().code == DONE
    project.command("conflicts", "resolve", "1", "--keep", "crm").expect(DONE)


def test_fail_on_conflict(two):
    """Goal: --fail-on-conflict exits 2 while conflicts stay open, also when this run did not look at their records."""
    project = two.project
    project.sync("--fail-on-conflict")
    two.says("P-2", "name 2", "other")
    result = project.sync("--fail-on-conflict", expect=FOUND)
    assert result.json["status"] == "completed"
    project.sync("--fail-on-conflict", expect=FOUND)
    project.sync(expect=DONE)
    project.diff("--fail-on-conflict", expect=FOUND)
    project.diff(expect=DONE)
    project.command("sync", "--dry-run", "--fail-on-conflict").expect(FOUND)
    project.command("conflicts", "resolve", "1", "--keep", "crm").expect(DONE)
    project.sync("--fail-on-conflict")
    project.diff("--fail-on-conflict", expect=DONE)


def test_values_are_exact(tmp_path):
    """Goal: large values stand shortened in the log and are whole again when pinned; numbers keep their digits."""
    columns = [column("code", key=1), column("note"), column("big", "int64"), column("sum", "decimal"),
               column("doc", "json")]
    large = "ü" * 3000
    row = {"code": "A", "note": "short", "big": 2**53 + 1, "sum": "1.50", "doc": {"a": [1, None]}, "seq": 1}
    other = {"code": "A", "note": large, "big": 2**53 + 2, "sum": "12345678901234567.89", "doc": {"a": []}, "seq": 1}
    project = Project(tmp_path)
    worlds = {"a": World(tmp_path, "a").stream("t", columns=columns, rows=[row]).write(),
              "b": World(tmp_path, "b").stream("t", columns=columns, rows=[other]).write()}
    project.write({
        "sources": {n: {"plugin": "scripted", "settings": {"script": str(w.file)}} for n, w in worlds.items()},
        "entities": [{"name": "t", "from": [{"source": "a"}, {"source": "b"}]}]})
    project.sync()
    found = {c["field"]: c for c in project.command("conflicts", "--json").json["conflicts"]}
    assert set(found) == {"note", "big", "sum", "doc"}
    assert found["note"]["loser_value"]["bytes"] == 6000 and found["note"]["rule"] == "order"
    assert (found["big"]["winner_value"], found["big"]["loser_value"]) == (2**53 + 1, 2**53 + 2)
    assert (found["sum"]["winner_value"], found["sum"]["loser_value"]) == ("1.5", "12345678901234567.89")
    for field in found:
        project.command("conflicts", "resolve", str(found[field]["id"]), "--keep", "b").expect(DONE)
    project.sync()
    assert project.rows("SELECT note, big, sum FROM t") == [(large, 2**53 + 2, "12345678901234567.89")]
    assert json.loads(project.value("SELECT doc FROM t")) == {"a": []}
    project.diff(expect=DONE)
