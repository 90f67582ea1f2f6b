"""Incremental reads with the scripted source: cursor, delta, refused tokens, resume, full_every, schema."""

import json

import pytest
from harness import DONE, FAILED, FOUND, PARTIAL, by_key, columns, counts, dicts, execute
from worlds import FAR, THINGS, World, column, scripted_project, thing


def make(folder, n=20, entities=None, options=None, **stream):
    folder.mkdir(exist_ok=True)
    world = World(folder).stream(rows=[thing(i) for i in range(1, n + 1)], **stream).write()
    return world, scripted_project(folder, world, entities=entities, options=options)


def cursor_only(folder, n=20, **more):
    return make(folder, n, capabilities=["complete", "cursor", "resume"], **more)


def delta_only(folder, n=20, **more):
    return make(folder, n, capabilities=["complete", "delta", "resume"], **more)


def mode(result, name="things"):
    return next(e for e in result.json["entities"] if e["name"] == name)["sources"][0]["mode"]


def test_short_form_of_an_entity(tmp_path):
    """Goal: `entities: [things]` takes all fields, key and types from the source."""
    _, project = make(tmp_path)
    assert counts(project.sync(), "things") == (20, 0, 0, 0, 0, 0)
    assert project.rows("SELECT id, typeof(id), code, amount, typeof(amount) FROM things WHERE id = 3") == [
        (3, "integer", "C00003", 3.5, "real")]
    assert project.value("SELECT count(*) FROM _sync_offers") == 0, "the source's own key: it streams"
    project.diff(expect=DONE)


def test_cursor_reads_what_changed_with_overlap(tmp_path):
    """Goal: the second read starts at the cursor; rows that the overlap delivers again change nothing."""
    world, project = cursor_only(tmp_path)
    assert mode(project.sync()) == "full"
    world.change(5, 21, name="changed")
    world.rows().append(thing(30, seq=22))
    world.write().forget()
    result = project.sync()
    assert mode(result) == "cursor"
    assert counts(result, "things") == (1, 1, 0, 1, 0, 0), "one new, one changed, one again by overlap"
    (start,) = world.starts()
    assert start["mode"] == "cursor"
    assert by_key(project.db, "things", "id", "name")[5] == "changed"
    world.forget()
    result = project.sync()
    assert counts(result, "things")[:3] == (0, 0, 0)
    assert world.delivered() <= 1
    assert project.rows("SELECT state, cursor_kind, position, cursor IS NULL FROM _sync_state") == [
        ("completed", "cursor", None, 0)]


def test_cursor_sees_no_deletes_until_a_complete_read(tmp_path):
    """Goal: a polled cursor deletes nothing; the next complete read finds it."""
    world, project = cursor_only(tmp_path)
    project.sync()
    world.remove(7)
    world.write()
    assert counts(project.sync(), "things")[2] == 0
    assert [(c["op"], c["key"]) for c in project.diff(expect=FOUND).changes] == [("delete", {"id": 7})]
    assert counts(project.sync("--full"), "things")[2] == 1


def test_delta_with_tombstones(tmp_path):
    """Goal: a delta brings changes and deletes; a tombstone of an unknown record is harmless."""
    world, project = delta_only(tmp_path)
    project.sync()
    world.change(5, 21, name="changed").remove(7, seq=22).remove(999, seq=23)
    world.rows().append(thing(30, seq=24))
    world.write().forget()
    result = project.sync()
    assert mode(result) == "delta"
    assert counts(result, "things")[:3] == (1, 1, 1)
    assert [s["mode"] for s in world.starts()] == ["delta"]
    assert project.value("SELECT count(*) FROM things WHERE deleted_at IS NOT NULL") == 1
    assert project.value("SELECT count(*) FROM _sync_deletes") == 0, "applied, not waiting"
    project.diff(expect=DONE)
    world.rows().append(thing(7, seq=25, name="again"))
    world.write()
    assert counts(project.sync(), "things")[:3] == (0, 1, 0), "revived"
    project.diff(expect=DONE)


def test_change_and_delete_of_one_record_in_one_delta(tmp_path):
    """Goal: what came last counts, whichever way round."""
    world, project = delta_only(tmp_path)
    project.sync()
    world.remove(7, seq=21)
    world.rows().append(thing(7, seq=22, name="came back"))
    world.change(8, 23, name="short life").write()
    world["things"]["tombstones"].append({"id": 8, "seq": 24})
    world["things"]["rows"] = [r for r in world.rows() if r["id"] != 8]
    world.write()
    project.sync()
    found = by_key(project.db, "things", "id", "name")
    assert found[7] == "came back" and 8 not in found
    project.diff(expect=DONE)


def test_guard_holds_the_cursor(tmp_path):
    """Goal: too many tombstones: upserts stay, nothing is deleted, the cursor stays, so that nothing is lost."""
    world, project = delta_only(tmp_path, n=100)
    project.sync()
    cursor = project.value("SELECT cursor FROM _sync_state")
    for i in range(1, 41):
        world.remove(i, seq=100 + i)
    world.change(50, 150, name="changed").write()
    project.sync(expect=5)
    assert project.value("SELECT count(*) FROM things WHERE deleted_at IS NULL") == 100
    assert by_key(project.db, "things", "id", "name")[50] == "changed"
    assert project.value("SELECT cursor FROM _sync_state") == cursor
    assert counts(project.sync("--max-delete", "50%"), "things")[2] == 40
    assert project.value("SELECT cursor FROM _sync_state") != cursor
    project.diff(expect=DONE)


def test_refused_token_is_read_in_full_in_the_same_run(tmp_path):
    """Goal: a cursor that the source refuses costs a complete read, not a failed run."""
    world, project = delta_only(tmp_path)
    project.sync()
    world.root["generation"] = 2
    world.remove(7)
    world.write().forget()
    result = project.sync()
    assert mode(result) == "full"
    assert [s["mode"] for s in world.starts()][-1] == "full" and len(world.starts()) == 2
    assert counts(result, "things")[2] == 1, "a complete read finds the delete"
    world.forget()
    assert mode(project.sync()) == "delta", "and a new cursor was kept"


def test_full_every(tmp_path):
    """Goal: when the last complete read is older than full_every, the next one is complete; 0 = never."""
    for options, expected in (({"full_every": "12h"}, "full"), (None, "full"), ({"full_every": 0}, "cursor")):
        folder = tmp_path / str(options and options["full_every"])
        world, project = cursor_only(folder, options=options)
        project.sync()
        world.remove(7)
        world.write()
        assert mode(project.sync()) == "cursor", "not yet"
        execute(project.db, "UPDATE _sync_state SET last_full_at = ?", FAR)
        result = project.sync()
        assert mode(result) == expected
        assert counts(result, "things")[2] == (1 if expected == "full" else 0)


def test_full_reads_completely(tmp_path):
    """Goal: sync --full reads everything and goes on incrementally afterwards."""
    world, project = cursor_only(tmp_path)
    project.sync()
    world.remove(7)
    world.write().forget()
    result = project.sync("--full")
    assert mode(result) == "full" and world.delivered() == 19
    assert counts(result, "things") == (0, 0, 1, 19, 0, 0)
    assert mode(project.sync()) == "cursor"


def test_diff_always_reads_completely(tmp_path):
    """Goal: diff sees what an incremental sync would miss; a dry run previews exactly this sync."""
    world, project = cursor_only(tmp_path)
    project.sync()
    execute(project.db, "UPDATE things SET name = 'by hand' WHERE id = 3")
    world.write().forget()
    assert len(project.diff(expect=FOUND).changes) == 1
    assert [s["mode"] for s in world.starts()] == ["full"]
    world.forget()
    project.command("sync", "--dry-run").expect(DONE)
    assert [s["mode"] for s in world.starts()] == ["cursor"]
    assert mode(project.sync()) == "cursor"


def test_row_limit_moves_no_cursor(tmp_path):
    """Goal: a trial leaves cursor and position where they are."""
    world, project = cursor_only(tmp_path)
    project.sync()
    before = project.rows("SELECT cursor, position, last_full_at FROM _sync_state")
    world.change(5, 21, name="changed").write()
    project.sync("--row-limit", "1", expect=(DONE, PARTIAL))
    assert project.rows("SELECT cursor, position, last_full_at FROM _sync_state") == before
    project.sync()
    assert by_key(project.db, "things", "id", "name")[5] == "changed"


# ---- Resume ----

@pytest.mark.parametrize("how", ["kill", "fault"])
def test_resume_from_the_last_position(tmp_path, how):
    """Goal: the next run goes on where the last commit was, proven by what the source was asked for."""
    world, project = make(tmp_path, n=0, checkpoint_every=100, page_size=100)
    world["things"]["rows"] = [thing(i) for i in range(1, 1001)]
    event = {"kill": True} if how == "kill" else {"status": "network", "message": "the line went dead"}
    world.fault("pull", after_rows=650, delay_ms=300, **event)
    world.write()
    result = project.command("sync")
    assert result.code == (-9 if how == "kill" else FAILED), result
    assert project.value("SELECT state FROM _sync_state") in ("in_progress", "failed")
    assert project.value("SELECT position FROM _sync_state") is not None
    there = project.value("SELECT count(*) FROM things")
    assert there >= 500, "hardly anything was committed"
    world.calm().write().forget()
    result = project.sync()
    (start,) = world.starts()
    assert start["resume"] in (1, True)
    assert world.delivered() <= 1000 - there + 100
    assert len(by_key(project.db, "things", "id", "name")) == 1000
    assert project.value("SELECT count(*) FROM _sync_lineage") == 1000
    assert "running" not in project.runs()
    project.diff(expect=DONE)


def test_refused_position_is_read_from_the_start(tmp_path):
    """Goal: a position that the source refuses costs a read from the start in the same run."""
    world, project = make(tmp_path, n=300, checkpoint_every=10, page_size=10)
    world.fault("pull", after_rows=200, delay_ms=300, status="network").write()
    project.command("sync").expect(FAILED)
    world.calm()
    world.root["generation"] = 2
    world.write().forget()
    project.sync()
    assert len(world.starts()) == 2 and not world.starts()[1].get("resume")
    assert len(by_key(project.db, "things", "id", "name")) == 300
    project.diff(expect=DONE)


def test_resumed_complete_read_deletes_what_is_proven(tmp_path):
    """Goal: after a resume, rows that were seen before the stop are not deleted, missing ones are."""
    world, project = make(tmp_path, n=300, checkpoint_every=10, page_size=10)
    project.sync()
    for i in (5, 150, 295):
        world.remove(i)
    world.fault("pull", after_rows=200, delay_ms=300, status="network").write()
    project.command("sync", "--full").expect(FAILED)
    assert project.value("SELECT count(*) FROM things WHERE deleted_at IS NOT NULL") == 0
    assert project.value("SELECT count(*) FROM _sync_seen") > 0, "the seen-set is kept with the position"
    world.calm().write().forget()
    result = project.sync()
    assert world.starts()[0]["resume"] in (1, True) and world.delivered() < 200
    assert counts(result, "things")[2] == 3
    assert {r[0] for r in project.rows("SELECT id FROM things WHERE deleted_at IS NOT NULL")} == {5, 150, 295}
    assert project.value("SELECT count(*) FROM _sync_seen") == 0
    project.diff(expect=DONE)


def test_waiting_deletes_survive_a_stop(tmp_path):
    """Goal: tombstones that came before the stop are applied by the run that finishes the read."""
    world, project = delta_only(tmp_path, n=100, checkpoint_every=5, page_size=5)
    project.sync()
    for i in range(1, 6):
        world.remove(i, seq=100 + i)
    for i in range(10, 60):
        world.change(i, 110 + i, name="changed")
    world.fault("pull", after_rows=40, delay_ms=300, status="network").write()
    project.command("sync").expect(FAILED)
    assert project.value("SELECT count(*) FROM things WHERE deleted_at IS NOT NULL") == 0
    assert project.value("SELECT count(*) FROM _sync_deletes") == 5
    world.calm().write()
    assert counts(project.sync(), "things")[2] == 5
    project.diff(expect=DONE)


# ---- Row errors in incremental runs ----

def test_row_errors_are_retried_until_they_are_mended(tmp_path):
    """Goal: the cursor moves on, the open record is mapped again in every run until it is delivered anew or deleted."""
    fields = {"id": "id", "code": "code", "name": "name", "amount": {"from": "note", "type": "int64"}}
    columns_ = [*THINGS, column("note")]
    folder = tmp_path
    world = World(folder).stream(columns=columns_, capabilities=["complete", "delta", "resume"],
                                 rows=[thing(i, note=str(i)) for i in range(1, 11)])
    world.change(5, 5, note="five").change(6, 6, note="six").write()
    project = scripted_project(folder, world, entities=[
        {"name": "things", "key": ["id"], "from": [{"source": "src", "fields": fields}]}])
    assert counts(project.sync(expect=PARTIAL), "things") == (8, 0, 0, 0, 0, 2)

    def open_errors():
        return {e["source_key"] or e["key"]: e["attempts"] for e in
                dicts(project.db, "SELECT * FROM _sync_errors WHERE closed_at IS NULL")}

    assert set(open_errors()) == {"5", "6"}
    first = open_errors()
    result = project.sync(expect=PARTIAL)
    assert mode(result) == "delta"
    assert all(open_errors()[k] > first[k] for k in first), "mapped again"
    world.change(5, 21, note="5").write()
    project.sync(expect=PARTIAL)
    assert set(open_errors()) == {"6"} and by_key(project.db, "things", "id", "amount")[5] == 5
    world.remove(6, seq=22)
    world.write()
    project.sync(expect=DONE)
    assert open_errors() == {}
    project.diff(expect=DONE)


def test_bad_cells_are_row_errors(tmp_path):
    """Goal: what no sink may hold (NUL, lone surrogates, NaN, infinity) is a row error with its field."""
    kinds = [column("id", "int64", key=1), column("t"), column("d", "double")]
    world = World(tmp_path).stream(columns=kinds, rows=[
        {"id": 1, "t": "fine", "d": 1.5}, {"id": 2, "t": {"$hex": "610062"}, "d": 1},
        {"id": 3, "t": {"$hex": "eda080"}, "d": 1}, {"id": 4, "t": "x", "d": {"$double": "nan"}},
        {"id": 5, "t": "x", "d": {"$double": "inf"}}, {"id": 6, "t": "fine", "d": -0.0}]).write()
    project = scripted_project(tmp_path, world)
    assert counts(project.sync(expect=PARTIAL), "things") == (2, 0, 0, 0, 0, 4)
    fields = {e["row_number"]: e["field"] for e in dicts(project.db, "SELECT * FROM _sync_errors")}
    assert sorted(fields.values()) == ["d", "d", "t", "t"]


def test_absent_is_not_null(tmp_path):
    """Goal: a field that the source did not deliver is not touched."""
    world, project = make(tmp_path)
    project.sync()
    world.change(3, 21)
    del world.rows()[2]["name"]
    world.change(4, 22, name=None)
    world.write()
    assert counts(project.sync("--full"), "things")[:3] == (0, 1, 0)
    found = by_key(project.db, "things", "id", "name")
    assert found[3] == "name 3" and found[4] is None
    project.diff(expect=DONE)


# ---- Schema ----

def test_changed_type_is_an_error_for_that_entity(tmp_path):
    """Goal: `lock`: a source column of another type fails its entity; others go on; exit 3."""
    world = World(tmp_path).stream("a", rows=[thing(1)]).stream("b", rows=[thing(1)]).write()
    project = scripted_project(tmp_path, world, entities=["a", "b"])
    project.sync()
    world["a"]["columns"][2]["type"] = "int64"
    world["a"]["rows"] = [thing(1, seq=2, name=7)]
    world["b"]["rows"] = [thing(1, seq=2, name="changed")]
    world.write()
    result = project.sync(expect=PARTIAL)
    result.says("name", "a")
    assert by_key(project.db, "b", "id", "name") == {1: "changed"}
    assert by_key(project.db, "a", "id", "name") == {1: "name 1"}
    assert [e["entity"] for e in result.json["errors"] if e["severity"] == "error"] == ["a"]
    project.diff(expect=PARTIAL).says("name")


def test_new_and_removed_column(tmp_path):
    """Goal: `lock`: new ones are reported and live in json_response, removed ones keep their column."""
    world, project = make(tmp_path)
    project.sync()
    before = columns(project.db, "things")
    world["things"]["columns"] = [c for c in world["things"]["columns"] if c["name"] != "name"] + [column("colour")]
    world.change(1, 21, colour="red").write()
    result = project.sync("--full")
    result.says("colour", "name")
    assert columns(project.db, "things") == before
    assert by_key(project.db, "things", "id", "name")[1] == "name 1"
    world.change(1, 22, colour="blue", code="X").write()
    project.sync()
    assert json.loads(by_key(project.db, "things", "id", "json_response")[1])["colour"] == "blue"


def test_renamed_mapping_is_read_in_full(tmp_path):
    """Goal: an edit of what a read gives drops the cursor: `full: the project changed`."""
    fields = {"id": "id", "label": "name"}
    world, project = cursor_only(tmp_path, entities=[
        {"name": "things", "key": ["id"], "from": [{"source": "src", "fields": fields}]}])
    project.sync()
    fields["label"] = "code"
    project.write(project.config)
    result = project.command("sync").expect(DONE)
    result.says("full: the project changed")
    assert by_key(project.db, "things", "id", "label")[3] == "C00003"
    world.forget()
    assert mode(project.sync()) == "cursor"


def test_other_identity_is_read_in_full(tmp_path):
    """Goal: a cursor belongs to the system that gave it: another identity is read completely."""
    world, project = cursor_only(tmp_path)
    project.sync()
    world.root["identity"] = "another system"
    world.write().forget()
    result = project.sync()
    assert mode(result) == "full" and [s["mode"] for s in world.starts()] == ["full"]


# ---- State ----

def test_source_state_survives(tmp_path):
    """Goal: what a source keeps between runs is there again, and it works when it is empty."""
    world, project = make(tmp_path)
    for _ in range(3):
        project.sync()
    assert [(e["before"], e["get"], e["put"]) for e in world.asked("runs")] == [(n, "ok", "ok") for n in range(3)]
    kept = project.rows("SELECT source, key, bytes FROM _sync_plugin_state")
    assert kept and {r[0] for r in kept} == {"src"}
    project.diff(expect=DONE)
    project.command("sync", "--dry-run").expect(DONE)
    assert project.rows("SELECT source, key, bytes FROM _sync_plugin_state") == kept, "reading commands keep nothing"
    execute(project.db, "DELETE FROM _sync_plugin_state")
    world.forget()
    project.sync()
    assert [e["before"] for e in world.asked("runs")] == [0]


# ---- One fails, others succeed ----

@pytest.mark.parametrize("slot, more, code", [
    ("open", {}, FAILED), ("identity", {}, FAILED), ("streams", {}, FAILED), ("describe", {"stream": "a"}, PARTIAL),
    ("start", {"stream": "a"}, PARTIAL), ("pull", {"stream": "a"}, PARTIAL)])
@pytest.mark.parametrize("status", ["network", "auth", "internal"])
def test_source_that_fails_in_a_slot(tmp_path, slot, more, code, status):
    """Goal: a failing slot is an error with the source's own words; entities that can, go on; the next run is fine."""
    world = World(tmp_path).stream("a", rows=[thing(1)]).stream("b", rows=[thing(1)])
    world.fault(slot, status=status, message="out of coffee", times=0, **more).write()
    project = scripted_project(tmp_path, world, entities=["a", "b"])
    result = project.command("sync", "--json")
    if code == PARTIAL:
        result.expect(PARTIAL).says("out of coffee", "a")
        assert len(by_key(project.db, "b", "id", "name")) == 1
        assert project.value("SELECT status FROM _sync_runs") == "partial"
    else:
        assert result.code in (FAILED, PARTIAL, 78), result
        result.says("out of coffee")
    world.calm().write()
    project.sync()
    assert "running" not in project.runs()
    project.diff(expect=DONE)


def test_both_fail(tmp_path):
    """Goal: no entity finished: exit 1, and both are named."""
    world = World(tmp_path).stream("a", rows=[thing(1)]).stream("b", rows=[thing(1)])
    world.fault("start", status="network", message="no line", times=0).write()
    project = scripted_project(tmp_path, world, entities=["a", "b"])
    result = project.sync(expect=FAILED)
    assert {e["entity"] for e in result.json["errors"]} == {"a", "b"}
    assert project.runs() == ["failed"]


def test_source_that_changed_under_the_read(tmp_path):
    """Goal: DVS_E_CHANGED: read once more from the start in the same run, then the entity fails."""
    world, project = make(tmp_path, n=100, page_size=10)
    world.fault("pull", after_rows=50, status="changed", times=1).write()
    project.sync()
    assert len(world.starts()) == 2
    assert len(by_key(project.db, "things", "id", "name")) == 100
    world.calm().fault("pull", after_rows=50, status="changed", times=0)
    world.remove(100)
    world.write().forget()
    project.command("sync", "--full").expect(FAILED)
    assert len(world.starts()) == 2
    assert len(by_key(project.db, "things", "id", "name")) == 100, "nothing is deleted"


def test_row_number_limits_memory_not_rows(tmp_path):
    """Goal: many generated rows in one stream; counts and state are right."""
    world = World(tmp_path).generated("things", 20_000, checkpoint_every=1000).write()
    project = scripted_project(tmp_path, world)
    assert counts(project.sync(), "things")[0] == 20_000
    assert counts(project.sync(), "things")[:3] == (0, 0, 0)
    world["things"]["generate"]["deleted"] = [7, [100, 199]]
    world.write()
    assert counts(project.sync(), "things")[2] == 101
    project.diff(expect=DONE)
