"""Gathering: entities whose key is not the source's own, so that tombstones and changed keys find their record."""

import pytest
from harness import (DONE, FAILED, FOUND, GUARD, PARTIAL, by_key, counts, csv_project, dicts, execute, tracing,
                     writes_to)
from sinks import asked_of_sink, memory_sink
from worlds import FAR, World, scripted_project, thing

ENTITY = {"name": "things", "key": ["code"]}


def make(folder, n=20, **stream):
    stream.setdefault("capabilities", ["complete", "delta", "resume"])
    world = World(folder).stream(rows=[thing(i) for i in range(1, n + 1)], **stream).write()
    return world, scripted_project(folder, world, entities=[ENTITY])


def offers(project):
    return dict(project.rows("SELECT source_key, key FROM _sync_offers"))


def names(project):
    return by_key(project.db, "things", "code", "name")


def test_one_offer_per_record(tmp_path):
    """Goal: _sync_offers tells who has what; nothing is pending when the run has ended; a second sync is quiet."""
    _, project = make(tmp_path)
    assert counts(project.sync(), "things") == (20, 0, 0, 0, 0, 0)
    assert offers(project) == {str(i): f"C{i:05}" for i in range(1, 21)}
    assert project.value("SELECT count(*) FROM _sync_offers WHERE pending") == 0
    assert {r[0] for r in project.rows("SELECT DISTINCT key FROM _sync_lineage")} == set(offers(project).values())
    trace = tmp_path / "trace"
    result = project.sync("--full", env=tracing(project.db, trace))
    assert counts(result, "things")[:3] == (0, 0, 0)
    assert writes_to(trace, "things", "_sync_lineage") == []
    project.diff(expect=DONE)


def test_csv_entity_has_no_offers(tmp_path):
    """Goal: csv declares no key, so the project's key is its own: it streams."""
    project = csv_project(tmp_path)
    project.csv("partners", ("id", "name"), [("1", "a"), ("2", "b")])
    project.sync()
    project.csv("partners", ("id", "name"), [("1", "a"), ("3", "b")])
    project.sync()
    assert project.value("SELECT count(*) FROM _sync_offers") == 0


@pytest.mark.parametrize("full", [(), ("--full",)])
def test_changed_key_moves_the_record(tmp_path, full):
    """Goal: a record whose key changed leaves its old row and has a new one, in a delta and in a complete read."""
    world, project = make(tmp_path)
    project.sync()
    world.change(5, 21, code="X").write()
    changes = project.diff(expect=FOUND).changes
    assert {(c["op"], c["key"]["code"]) for c in changes} == {("create", "X"), ("delete", "C00005")}
    result = project.sync(*full)
    assert counts(result, "things")[:3] == (1, 0, 1)
    assert names(project)["X"] == "name 5" and "C00005" not in names(project)
    assert offers(project)["5"] == "X"
    project.diff(expect=DONE)


def test_tombstone_by_source_key_finds_the_record(tmp_path):
    """Goal: a tombstone knows only the source's key, the offer knows whose it is."""
    world, project = make(tmp_path)
    project.sync()
    world.remove(7, seq=21).remove(4711, seq=22)
    world.write()
    assert counts(project.sync(), "things")[:3] == (0, 0, 1)
    assert "C00007" not in names(project) and "7" not in offers(project)
    project.diff(expect=DONE)


def test_two_records_exchange_their_keys(tmp_path):
    """Goal: what looks like chaos in between ends right: two updates, no delete."""
    world, project = make(tmp_path)
    project.sync()
    world.change(1, 21, code="C00002").change(2, 22, code="C00001").write()
    project.sync()
    found = names(project)
    assert (found["C00001"], found["C00002"], len(found)) == ("name 2", "name 1", 20)
    assert project.value("SELECT count(*) FROM _sync_lineage WHERE op = 'delete'") == 0
    project.diff(expect=DONE)


def test_two_records_of_one_key(tmp_path):
    """Goal: the smaller source key stands, with one warning; when it goes, the other takes its place."""
    world, project = make(tmp_path)
    world.rows().append(thing(30, seq=21, code="C00003", name="rival"))
    world.write()
    result = project.sync()
    assert names(project)["C00003"] == "name 3", "3 sorts before 30"
    assert len([e for e in result.json["errors"] if e["severity"] == "warning"]) == 1
    assert len(offers(project)) == 21 and len(names(project)) == 20
    world.remove(3, seq=22)
    world.write()
    project.sync()
    assert names(project)["C00003"] == "rival"
    project.diff(expect=DONE)


def test_newer_version_stands(tmp_path):
    """Goal: of two records of one key the one with the newer modification time stands, whatever their order."""
    columns = [{"name": "id", "type": "int64", "key": 1}, {"name": "code", "type": "text"},
               {"name": "name", "type": "text"}, {"name": "changed", "type": "timestamp"}]
    for older, newer in ((1, 2), (2, 1)):
        folder = tmp_path / str(older)
        folder.mkdir()
        times = {older: "2024-01-01T00:00:00Z", newer: "2024-06-01T00:00:00Z"}
        world = World(folder).stream(columns=columns, modified_column="changed", rows=[
            {"id": i, "code": "same", "name": f"name {i}", "changed": times[i], "seq": i} for i in (1, 2)]).write()
        project = scripted_project(folder, world, entities=[ENTITY])
        project.sync()
        assert names(project) == {"same": f"name {newer}"}
        project.diff(expect=DONE)


def test_record_missing_from_a_complete_read(tmp_path):
    """Goal: it loses its offer, and its row goes."""
    world, project = make(tmp_path)
    project.sync()
    world.remove(7)
    world.write()
    execute(project.db, "UPDATE _sync_state SET last_full_at = ?", FAR)
    assert counts(project.sync(), "things")[2] == 1
    assert "7" not in offers(project) and "C00007" not in names(project)


def test_rows_by_hand_go(tmp_path):
    """Goal: at the end of a complete pass, active rows that no offer names are deleted."""
    _, project = make(tmp_path)
    project.sync()
    execute(project.db, "INSERT INTO things (row_id, code, name) SELECT max(row_id) + 1, 'mine', 'x' FROM things")
    assert [(c["op"], c["key"]["code"]) for c in project.diff(expect=FOUND).changes] == [("delete", "mine")]
    assert counts(project.sync("--full"), "things")[2] == 1


def test_guard_while_gathering(tmp_path):
    """Goal: a quarter gone: exit 5, nothing deleted; --max-delete lets it pass."""
    world, project = make(tmp_path, n=100)
    project.sync()
    for i in range(1, 26):
        world.remove(i, seq=100 + i)
    world.change(50, 200, name="changed").write()
    result = project.sync(expect=GUARD)
    assert len(names(project)) == 100 and names(project)["C00050"] == "changed"
    assert counts(result, "things")[2] == 0
    assert counts(project.sync("--max-delete", "25"), "things")[2] == 25
    assert len(names(project)) == 75
    project.diff(expect=DONE)


def test_nothing_is_reconciled_before_the_first_complete_read(tmp_path):
    """Goal: a first read that breaks off writes offers, no rows; the next run goes on from its position."""
    world, project = make(tmp_path, n=300, checkpoint_every=10, page_size=10)
    world.fault("pull", after_rows=200, delay_ms=300, status="network").write()
    project.command("sync").expect(FAILED)
    assert len(offers(project)) >= 100
    assert "things" not in project.state() or names(project) == {}
    world.calm().write().forget()
    project.sync()
    assert world.delivered() <= 210 and len(names(project)) == 300 and len(offers(project)) == 300
    project.diff(expect=DONE)


def test_resumed_complete_read_while_gathering(tmp_path):
    """Goal: the seen-set over offers proves who is gone, also across a stop."""
    world, project = make(tmp_path, n=300, checkpoint_every=10, page_size=10)
    project.sync()
    for i in (5, 150, 295):
        world.remove(i)
    world.fault("pull", after_rows=200, delay_ms=300, status="network").write()
    project.command("sync", "--full").expect(FAILED)
    assert len(names(project)) == 300
    world.calm().write().forget()
    assert counts(project.sync(), "things")[2] == 3
    assert len(names(project)) == 297 and world.delivered() < 200
    project.diff(expect=DONE)


def test_record_without_the_projects_key(tmp_path):
    """Goal: a record whose project key is NULL is a row error; it is known by its source key and deletes nothing."""
    world, project = make(tmp_path)
    project.sync()
    world.change(5, 21, code=None).write()
    result = project.sync("--full", expect=3)
    assert counts(result, "things")[5] == 1
    assert "C00005" in names(project), "a failed record counts as present"
    world.change(5, 22, code="C00005", name="mended").write()
    project.sync()
    assert names(project)["C00005"] == "mended"


# ---- Records that the sink refuses when the read has ended ----

REFUSALS = [  # what the user's database refuses, what lifts it, and the name that is refused
    ("CREATE TRIGGER no_{op} BEFORE {op} ON things WHEN NEW.name = 'bad' BEGIN SELECT RAISE(ABORT, 'not bad'); END",
     "DROP TRIGGER no_{op}", "bad"),
    ("CREATE UNIQUE INDEX one_name ON things (name)", "DROP INDEX one_name", "name 9")]


def refuse(project, rule, lift=False):
    for op in ("insert", "update"):
        if lift or op == "insert" or "{op}" in rule:
            execute(project.db, rule.format(op=op).replace("DROP INDEX", "DROP INDEX IF EXISTS"))


def refused(project):
    return dicts(project.db, "SELECT * FROM _sync_errors WHERE closed_at IS NULL ORDER BY key")


@pytest.mark.parametrize("rule, lift, name", REFUSALS, ids=("trigger", "unique index"))
@pytest.mark.parametrize("full", [(), ("--full",)], ids=("delta", "full"))
def test_refused_record_is_a_row_error(tmp_path, rule, lift, name, full):
    """Goal: the others are written, exit 3; it is tried again in every run, and comes through by itself once the
    sink takes it, without a complete read."""
    world, project = make(tmp_path)
    project.sync()
    refuse(project, rule)
    world.change(5, 21, name=name).change(6, 22, name="good")
    world.rows().extend([thing(31, seq=23, name=name), thing(32, seq=24, name="new")])
    world.write()
    result = project.sync(*full, expect=PARTIAL)
    assert counts(result, "things")[:3] == (1, 1, 0) and counts(result, "things")[5] == 2
    found = names(project)
    assert (found["C00005"], found["C00006"], found["C00032"]) == ("name 5", "good", "new")
    assert "C00031" not in found and len(found) == 21
    assert [(e["key"], e["attempts"]) for e in refused(project)] == [("C00005", 1), ("C00031", 1)]
    assert all(name in e["record"] for e in refused(project))
    result = project.sync(*full, expect=PARTIAL)
    assert counts(result, "things")[:3] == (0, 0, 0) and counts(result, "things")[5] == 2
    assert [(e["key"], e["attempts"]) for e in refused(project)] == [("C00005", 2), ("C00031", 2)]
    assert project.value("SELECT count(*) FROM _sync_errors") == 2, "one row for each"
    refuse(project, lift, lift=True)
    world.forget()
    result = project.sync(expect=DONE)
    assert counts(result, "things")[:3] == (1, 1, 0)
    assert {s["mode"] for s in world.starts()} == {"delta"}
    assert (names(project)["C00005"], names(project)["C00031"]) == (name, name)
    assert refused(project) == [] and project.value("SELECT count(*) FROM _sync_offers WHERE pending") == 0
    project.diff(expect=DONE)


def test_refused_hand_edit_is_tried_again(tmp_path):
    """Goal: also a record that the source did not touch: only the complete read finds the edit, a delta mends it."""
    world, project = make(tmp_path)
    project.sync()
    execute(project.db, "UPDATE things SET name = 'mine' WHERE code = 'C00004'")
    refuse(project, REFUSALS[0][0].replace("'bad'", "'name 4'"))
    assert counts(project.sync("--full", expect=PARTIAL), "things")[5] == 1
    assert names(project)["C00004"] == "mine"
    refuse(project, REFUSALS[0][1], lift=True)
    project.sync(expect=DONE)
    assert names(project)["C00004"] == "name 4" and refused(project) == []


@pytest.mark.parametrize("how", ["mended", "deleted", "moved"])
def test_refused_record_that_changes(tmp_path, how):
    """Goal: no error outlives what it was raised for."""
    world, project = make(tmp_path)
    project.sync()
    refuse(project, REFUSALS[0][0])
    world.change(5, 21, name="bad").write()
    project.sync(expect=PARTIAL)
    if how == "mended":
        world.change(5, 22, name="fine")
    elif how == "deleted":
        world.remove(5, seq=22)
    else:
        world.change(5, 22, name="fine", code="elsewhere")
    world.write()
    project.sync(expect=DONE)
    assert refused(project) == []
    assert names(project).get("elsewhere" if how == "moved" else "C00005") == (None if how == "deleted" else "fine")
    project.diff(expect=DONE)


def test_refused_record_keeps_its_row(tmp_path):
    """Goal: what is refused is there: neither a complete read nor a tombstone of a rival deletes its row."""
    world, project = make(tmp_path)
    world.rows().append(thing(30, seq=21, code="C00003", name="bad"))
    world.write()
    project.sync()
    refuse(project, REFUSALS[0][0])
    world.remove(3, seq=22)
    world.write()
    assert counts(project.sync(expect=PARTIAL), "things")[2] == 0
    assert names(project)["C00003"] == "name 3"
    assert counts(project.sync("--full", expect=PARTIAL), "things")[2] == 0
    assert names(project)["C00003"] == "name 3"
    refuse(project, REFUSALS[0][1], lift=True)
    project.sync(expect=DONE)
    assert names(project)["C00003"] == "bad"


def test_many_refused_records(tmp_path):
    """Goal: refusals cost about what they are worth, not a page each."""
    world, project = make(tmp_path, n=0)
    project.sync()
    refuse(project, REFUSALS[0][0])
    world.rows().extend(thing(i, name="bad" if i % 2 else f"name {i}") for i in range(1, 2001))
    world.write()
    trace = tmp_path / "trace"
    result = project.sync(expect=PARTIAL, env=tracing(project.db, trace))
    assert counts(result, "things") == (1000, 0, 0, 0, 0, 1000)
    assert len(writes_to(trace, "things")) < 10_000
    assert len(refused(project)) == 1000


# ---- JSON null ----

@pytest.mark.parametrize("key", ["id", "code"], ids=("streams", "gathers"))
def test_json_null_is_a_value(tmp_path, key):
    """Goal: the JSON value null and no value are two things, also by way of an offer."""
    columns = [{"name": "id", "type": "int64", "key": 1}, {"name": "code", "type": "text"}, {"name": "j", "type": "json"},
               {"name": "k", "type": "json"}]
    raw = {"$raw": "null"}
    world = World(tmp_path).stream(columns=columns, capabilities=["complete", "delta"], rows=[
        {"id": 1, "code": "a", "j": raw, "k": None, "seq": 1}, {"id": 2, "code": "b", "j": None, "k": raw, "seq": 2},
        {"id": 3, "code": "c", "j": {"$raw": '"null"'}, "k": [None], "seq": 3}]).write()
    project = scripted_project(tmp_path, world, entities=[{"name": "things", "key": [key]}])
    project.sync()
    assert project.rows("SELECT code, j, k FROM things ORDER BY code") == [
        ("a", "null", None), ("b", None, "null"), ("c", '"null"', "[null]")]
    project.diff(expect=DONE)
    world.rows()[0].update(j=None, k=raw, seq=4)
    world.write()
    assert counts(project.sync(), "things")[:3] == (0, 1, 0)
    assert project.rows("SELECT j, k FROM things WHERE code = 'a'") == [(None, "null")]
    project.diff(expect=DONE)


# ---- Rows that only a failing record has ----

FAILING = [{"name": "things", "key": ["code"], "from": [{"source": "src", "fields": {
    "id": "id", "code": "code", "name": {"from": "name", "type": "int64"}}}]}]


def kept_alive(folder):
    """Row A belongs to nobody but record 2, which fails."""
    rows = [thing(1, code="A", name="1"), thing(2, code="B", name="2"), thing(3, code="C", name="3")]
    world = World(folder).stream(rows=rows, capabilities=["complete", "delta", "resume"]).write()
    project = scripted_project(folder, world, entities=FAILING, options={"max_delete": "100%"})
    project.sync()
    world.change(2, 4, code="A", name="bad").write()
    project.sync(expect=PARTIAL)
    world.change(1, 5, code="D").write()
    return world, project


@pytest.mark.parametrize("full", [(), ("--full",)], ids=("delta", "full"))
def test_failing_record_keeps_the_row_of_its_key(tmp_path, full):
    """Goal: a failed record counts as present under the key it has now, in a delta as in a complete read."""
    world, project = kept_alive(tmp_path)
    assert counts(project.sync(*full, expect=PARTIAL), "things")[2] == 0
    assert set(names(project)) == {"A", "B", "C", "D"}
    world.change(3, 6, name="33").write()
    assert counts(project.sync(expect=PARTIAL), "things")[2] == 0
    assert set(names(project)) == {"A", "B", "C", "D"}


@pytest.mark.parametrize("full", [(), ("--full",)], ids=("delta", "full"))
@pytest.mark.parametrize("how", ["moved", "mended elsewhere", "mended here", "deleted"])
def test_failing_record_lets_the_row_go(tmp_path, full, how):
    """Goal: when that record moves on, comes through or is deleted, the row is looked at again, in a delta, too."""
    world, project = kept_alive(tmp_path)
    project.sync(*full, expect=PARTIAL)
    if how == "deleted":
        world.remove(2, seq=6)
    else:
        world.change(2, 6, **{"moved": {"code": "E"}, "mended elsewhere": {"code": "E", "name": "5"},
                              "mended here": {"name": "5"}}[how])
    world.write()
    project.sync(expect=PARTIAL if how == "moved" else DONE)
    expected = {"moved": {"B"}, "mended elsewhere": {"E"}, "mended here": {"A"}, "deleted": set()}[how]
    assert set(names(project)) == {"C", "D"} | expected
    if how != "moved":
        assert project.value("SELECT count(*) FROM _sync_deletes") == 0
        project.diff(expect=DONE)


def test_failing_record_of_a_resumed_read(tmp_path):
    """Goal: also when the failing record was met before the stop that the read goes on from."""
    rows = [thing(i, code=f"K{i}", name=str(i)) for i in range(1, 301)]
    world = World(tmp_path).stream(rows=rows, capabilities=["complete", "delta", "resume"], checkpoint_every=10,
                                   page_size=10).write()
    project = scripted_project(tmp_path, world, entities=FAILING)
    project.sync()
    world.change(2, 301, code="K1", name="bad").change(1, 302, code="new")
    world.fault("pull", after_rows=200, delay_ms=300, status="network").write()
    project.command("sync", "--full").expect(FAILED)
    world.calm().write().forget()
    assert counts(project.sync(expect=PARTIAL), "things")[2] == 0
    assert [s["resume"] for s in world.starts()] == [True]
    assert {"K1", "K2", "new"} <= set(names(project))


# ---- Large offers ----

def test_offers_are_reconciled_by_the_megabyte(tmp_path):
    """Goal: however many large offers there are, about 1 MB of them is in hand at a time; small ones go together."""
    large = {"$repeat": "ab", "times": 100_000}
    rows = [thing(i, name=large if 100 < i <= 140 else f"name {i}") for i in range(1, 1001)]
    world = World(tmp_path).stream(rows=rows, capabilities=["complete"]).write()
    project = scripted_project(tmp_path, world, entities=[ENTITY])
    project.edit(lambda c: c.update(sink=memory_sink(project)))
    project.sync()
    (tmp_path / "sink.log").unlink()
    assert counts(project.sync(), "things") == (0, 0, 0, 1000, 0, 0)
    pages, at_once = [], 0
    for call in asked_of_sink(project):
        if call["slot"] == "scan" and call["table"] == "_sync_offers" and call["where"] in (2, 3):
            pages.append(0)  # the next keys of the entity, behind the last one
        elif call["slot"] == "read" and call["table"] == "_sync_offers" and pages:
            pages[-1] += call["keys"]
            at_once = max(at_once, call["keys"])
    assert sum(pages) == 1000
    assert len([p for p in pages if p]) >= 8, "40 large ones of 200 KB"
    assert len([p for p in pages if p]) <= 20 and at_once <= 16
