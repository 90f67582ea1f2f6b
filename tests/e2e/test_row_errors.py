"""Records that cannot be used: kept in _sync_errors, never lost, never in the way of the others."""

import pytest
from harness import (DONE, FAILED, NUMBERED, PARTIAL, by_key, counts, csv_project, dicts, execute, numbered, tracing,
                     writes_to)
from sinks import memory_sink, set_faults
from worlds import World, scripted_project, thing


def make(folder, amount=None, options=None, by="type of the field", **types):
    """`amount` is a decimal, by the field's type or by the source's setting; the two fail in different places."""
    types = {"amount": "decimal", **types}
    if by == "types setting":
        project = csv_project(folder, settings={"types": types}, options=options)
    else:
        fields = {"*": True, **{n: {"from": n, "type": t} for n, t in types.items()}}
        project = csv_project(folder, options=options, entities=[
            {"name": "partners", "key": ["id"], "from": [{"source": "files", "fields": fields}]}])
    write(project, amount or {})
    return project


BY = pytest.mark.parametrize("by", ["type of the field", "types setting"])


def write(project, amount, n=20):
    project.csv("partners", NUMBERED, [(i, name, city, amount.get(i, a)) for i, name, city, a in numbered(n)])


def open_errors(project):
    return dicts(project.db, "SELECT * FROM _sync_errors WHERE closed_at IS NULL ORDER BY row_number")


@BY
def test_bad_value_is_kept_and_the_others_go_on(tmp_path, by):
    """Goal: exit 3; the record stands in _sync_errors as received; the others are written."""
    project = make(tmp_path, {"5": "a lot"}, by=by)
    result = project.sync(expect=PARTIAL)
    assert counts(result) == (19, 0, 0, 0, 0, 1)
    assert "5" not in by_key(project.db, "partners", "id", "name")
    (error,) = open_errors(project)
    assert (error["entity"], error["source"], error["field"], error["severity"]) == (
        "partners", "files", "amount", "error")
    assert error["row_number"] in (5, 6)
    assert "5" in (error["key"], error["source_key"])
    assert "a lot" in error["record"] and "name 5" in error["record"]
    assert "a lot" in error["message"] or "decimal" in error["message"]
    (shown,) = [e for e in result.json["errors"] if e["severity"] == "error"]
    assert (shown["entity"], shown["source"], shown["field"]) == ("partners", "files", "amount")
    assert project.runs() == ["partial"]
    result = project.command("sync").expect(PARTIAL)
    result.says("partners", "amount")


@BY
def test_error_stays_open_until_it_is_mended(tmp_path, by):
    """Goal: one open row per record and field; a complete read closes what it does not raise again."""
    project = make(tmp_path, {"5": "a lot", "6": "too much"}, by=by)
    first = project.sync(expect=PARTIAL).json["run_id"]
    project.sync(expect=PARTIAL)
    found = open_errors(project)
    assert [e["key"] or e["source_key"] for e in found] == ["5", "6"]
    assert all(e["first_seen"] < e["last_seen"] and e["attempts"] >= 2 for e in found)
    assert first
    write(project, {"5": "a lot", "6": "6.5"})
    assert counts(project.sync(expect=PARTIAL)) == (1, 0, 0, 18, 0, 1)
    write(project, {})
    assert counts(project.sync(expect=DONE)) == (1, 0, 0, 19, 0, 0)
    assert open_errors(project) == []
    assert project.value("SELECT count(*) FROM _sync_errors WHERE closed_at IS NOT NULL") == 2


@BY
def test_error_of_a_record_that_is_gone_is_closed(tmp_path, by):
    """Goal: no error outlives its record."""
    project = make(tmp_path, {"20": "a lot"}, by=by)
    project.sync(expect=PARTIAL)
    write(project, {}, n=19)
    assert counts(project.sync(expect=DONE)) == (0, 0, 0, 19, 0, 0)
    assert open_errors(project) == []


@BY
def test_record_that_goes_bad_keeps_its_row(tmp_path, by):
    """Goal: a row whose record fails later stays as it was."""
    project = make(tmp_path, by=by)
    project.sync()
    write(project, {"5": "a lot"})
    assert counts(project.sync(expect=PARTIAL)) == (0, 0, 0, 19, 0, 1)
    assert by_key(project.db, "partners", "id", "amount")["5"] == 5.5


@BY
def test_two_bad_fields_of_one_record(tmp_path, by):
    """Goal: one open row per source record and field; the record counts once."""
    project = make(tmp_path, {"5": "a lot"}, by=by, city="int64")
    project.csv("partners", NUMBERED, [("1", "a", "1", "1"), ("2", "b", "x", "y"), ("3", "c", "3", "3")])
    result = project.sync(expect=PARTIAL)
    assert counts(result) == (2, 0, 0, 0, 0, 1)
    assert {e["field"] for e in open_errors(project)} <= {"city", "amount"}
    assert len(open_errors(project)) in (1, 2)


@pytest.mark.parametrize("options, code", [({"on_row_error": "continue"}, PARTIAL), ({"on_row_error": "stop"}, FAILED)])
def test_on_row_error(tmp_path, options, code):
    """Goal: `continue` goes on, `stop` ends the entity at the first."""
    project = make(tmp_path, {"5": "a lot"}, options=options)
    project.sync(expect=code).says("amount")
    assert project.runs() == ["partial" if code == PARTIAL else "failed"]


def test_stop_ends_only_that_entity(tmp_path):
    """Goal: one entity stops, the others finish: exit 3."""
    project = csv_project(tmp_path, options={"on_row_error": "stop"}, settings={"types": {"amount": "decimal"}},
                          entities=[{"name": "bad", "key": ["id"]}, {"name": "good", "key": ["id"]}])
    project.csv("good", NUMBERED, numbered(5))
    project.csv("bad", NUMBERED, [("1", "x", "y", "z")])
    result = project.sync(expect=PARTIAL)
    assert counts(result, "good") == (5, 0, 0, 0, 0, 0)
    assert project.value("SELECT state FROM _sync_state WHERE entity = 'bad'") == "failed"
    assert project.value("SELECT state FROM _sync_state WHERE entity = 'good'") == "completed"


def test_ragged_rows(tmp_path):
    """Goal: a line with too few or too many fields is a row error; the file goes on behind it."""
    project = csv_project(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/partners.csv").write_text("id,name\n1,a\n2\n3,c,extra\n4,d\n")
    result = project.sync(expect=PARTIAL)
    assert by_key(project.db, "partners", "id", "name") == {"1": "a", "4": "d"}
    assert counts(result)[5] == 2
    assert len(open_errors(project)) == 2


def test_invalid_bytes(tmp_path):
    """Goal: invalid UTF-8 and NUL bytes are row errors, shown escaped, never raw."""
    project = csv_project(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/partners.csv").write_bytes(b"id,name\n1,ok\n2,\xff\xfe\n3,a\x00b\n4,ok\n5,\xed\xa0\x80\n")
    result = project.command("sync").expect(PARTIAL)
    assert by_key(project.db, "partners", "id", "name") == {"1": "ok", "4": "ok"}
    assert len(open_errors(project)) == 3
    for raw in (b"\xff", b"\x00", b"\xed\xa0\x80"):
        assert raw not in result.raw_out + result.raw_err


def test_control_characters_are_never_shown_raw(tmp_path):
    """Goal: text output shows control, escape and bidi characters escaped; the database holds them as they are."""
    evil = "red \x1b[31m bidi \u202e bell \x07"
    project = csv_project(tmp_path)
    project.csv("partners", ("id", "name"), [("1", evil)])
    for command in (("diff",), ("sync",), ("lineage", "--entity", "partners", "--key", "1")):
        result = project.command(*command)
        for raw in (b"\x1b[31m bidi", "\u202e".encode(), b"\x07"):
            assert raw not in result.raw_out + result.raw_err, command
    assert project.value("SELECT name FROM partners") == evil


@pytest.mark.parametrize("key", ["", None, "k" * 1025])
def test_keys_that_are_none(tmp_path, key):
    """Goal: an empty, missing or over-long key is a row error."""
    project = csv_project(tmp_path)
    project.csv("partners", ("id", "name"), [("1", "a"), (key, "b"), ("3", "c")])
    result = project.sync(expect=(PARTIAL,) if key != "" else (PARTIAL, DONE))
    assert {"1", "3"} <= set(by_key(project.db, "partners", "id", "name"))
    if key != "":
        assert counts(result)[5] == 1


def test_longest_key(tmp_path):
    """Goal: 1,024 bytes of key are fine."""
    project = csv_project(tmp_path)
    project.csv("partners", ("id", "name"), [("k" * 1024, "a"), ("é" * 512, "b")])
    project.sync()
    assert counts(project.sync()) == (0, 0, 0, 2, 0, 0)


# ---- The same key twice ----

def test_identical_duplicates_are_fine(tmp_path):
    """Goal: the same record twice in one read is no news."""
    for name in ("first", "later"):
        project = csv_project(tmp_path / name)
        if name == "later":
            project.csv("partners", NUMBERED, numbered(9))
            project.sync()
        project.csv("partners", NUMBERED, [*numbered(10), *numbered(10)])
        result = project.sync()
        assert [e for e in result.json["errors"]] == []
        assert len(by_key(project.db, "partners", "id", "name")) == 10
        assert project.value("SELECT count(*) FROM partners") == 10


@pytest.mark.parametrize("far", [10, 20_000])
@pytest.mark.parametrize("later", [False, True])
def test_differing_duplicates(tmp_path, later, far):
    """Goal: in a streaming entity the later delivered one stands, with one warning; near and far apart."""
    project = csv_project(tmp_path)
    if later:
        project.csv("partners", NUMBERED, numbered(far))
        project.sync()
    project.csv("partners", NUMBERED, [*numbered(1, _1="first"), *numbered(far - 1, start=2),
                                       *numbered(1, _1="second"), *numbered(1, start=2, _2="third")])
    result = project.sync()
    found = by_key(project.db, "partners", "id", "name")
    assert (found["1"], found["2"], len(found)) == ("second", "third", far)
    assert project.value("SELECT count(*) FROM partners") == far
    warnings = [e for e in result.json["errors"] if e["severity"] == "warning"]
    assert len(warnings) == 1, "one warning"
    project.diff(expect=DONE)
    assert counts(project.sync())[:3] == (0, 0, 0), "stable"


# ---- Records that the sink refuses ----

NOT_BAD = "CREATE TRIGGER no_{op} BEFORE {op} ON {table} WHEN NEW.name = 'bad' BEGIN SELECT RAISE(ABORT, 'not bad'); END"


def refuse(project, table):
    for op in ("insert", "update"):
        execute(project.db, NOT_BAD.format(op=op, table=table))


def lift(project):
    for op in ("insert", "update"):
        execute(project.db, f"DROP TRIGGER no_{op}")


@pytest.mark.parametrize("share", [1, 2, 50])
def test_many_refused_records(tmp_path, share):
    """Goal: refusals cost about what they are worth, not a batch each."""
    project = csv_project(tmp_path)
    project.csv("partners", NUMBERED, [])
    project.sync()
    refuse(project, "partners")
    project.csv("partners", NUMBERED, [(i, "bad" if int(i) % share == 0 else name, city, amount)
                                       for i, name, city, amount in numbered(4000)])
    trace = tmp_path / "trace"
    result = project.sync(expect=PARTIAL, env=tracing(project.db, trace))
    assert counts(result) == (4000 - 4000 // share, 0, 0, 0, 0, 4000 // share)
    assert len(writes_to(trace, "partners")) < 20_000
    assert len(open_errors(project)) == 4000 // share


def test_unique_index_of_the_user(tmp_path):
    """Goal: a value that the user's own index refuses is a row error like any other."""
    project = csv_project(tmp_path)
    project.csv("partners", NUMBERED, numbered(5))
    project.sync()
    execute(project.db, "CREATE UNIQUE INDEX one_name ON partners (name)")
    project.csv("partners", NUMBERED, numbered(6, _6="name 2", _3="new"))
    result = project.sync(expect=PARTIAL)
    assert counts(result) == (0, 1, 0, 4, 0, 1)
    assert [e["key"] for e in open_errors(project)] == ["6"]
    execute(project.db, "DROP INDEX one_name")
    assert counts(project.sync(expect=DONE)) == (1, 0, 0, 5, 0, 0)


def test_refused_duplicate(tmp_path):
    """Goal: also a record of a key that is known to come twice, and is taken at the end of the read, is a row error and
    no more; it comes through once the sink takes it, without a complete read."""
    world = World(tmp_path).stream(rows=[thing(i) for i in range(1, 10)] + [thing(3, seq=10, name="later")],
                                   capabilities=["complete", "delta"]).write()
    project = scripted_project(tmp_path, world)
    project.sync()
    project.sync("--full")
    refuse(project, "things")
    world.rows()[-1].update(name="bad")
    world.change(7, 11, name="fine").write()
    for attempt in (1, 2):
        result = project.sync("--full", expect=PARTIAL)
        assert counts(result, "things")[5] == 1 and counts(result, "things")[0:3] == (0, int(attempt == 1), 0)
        found = by_key(project.db, "things", "id", "name")
        assert (found[3], found[7], len(found)) == ("later", "fine", 9)
        (error,) = [e for e in open_errors(project) if e["severity"] == "error"]
        assert (error["key"], error["attempts"]) == ("3", attempt)
        assert "bad" in error["record"]
    lift(project)
    world.forget()
    project.sync(expect=DONE)
    assert {s["mode"] for s in world.starts()} == {"delta"}
    assert by_key(project.db, "things", "id", "name")[3] == "bad"
    assert [e for e in open_errors(project) if e["severity"] == "error"] == []


def test_json_null_of_a_record_that_is_tried_again(tmp_path):
    """Goal: the JSON value null is kept as what it is, also in a row error."""
    columns = [{"name": "id", "type": "int64", "key": 1}, {"name": "name", "type": "text"}, {"name": "j", "type": "json"},
               {"name": "k", "type": "json"}]
    world = World(tmp_path).stream(columns=columns, capabilities=["complete", "delta"], rows=[]).write()
    project = scripted_project(tmp_path, world)
    project.sync()
    refuse(project, "things")
    world.rows().append({"id": 1, "name": "bad", "j": {"$raw": "null"}, "k": None, "seq": 1})
    world.write()
    project.sync(expect=PARTIAL)
    lift(project)
    project.sync(expect=DONE)
    assert project.rows("SELECT j, k FROM things") == [("null", None)]


# ---- A read that goes on, with keys that are known to come twice ----

def twice(folder, first=20, second=150, n=200):
    """A world of n records; record 7 comes as row `first` and again as row `second`. It is known that it does."""
    rows = [thing(i) for i in range(1, n + 1)]
    rows[first - 1] = {**thing(7, seq=first, name="first"), "$number": first}
    rows[second - 1] = {**thing(7, seq=second, name="second"), "$number": second}
    del rows[6]
    world = World(folder).stream(rows=rows, capabilities=["complete", "resume"], checkpoint_every=10, page_size=10).write()
    project = scripted_project(folder, world)
    project.sync()
    project.sync()
    return world, project


def waiting(project):
    return project.value("SELECT count(*) FROM _sync_errors WHERE cells IS NOT NULL OR record IS NOT NULL")


@pytest.mark.parametrize("second", [40, 190])
def test_resumed_read_with_a_duplicate(tmp_path, second):
    """Goal: a duplicate keeps no read from going on; which copy stands does not depend on where it broke off, and the
    row does not change to and fro."""
    world, project = twice(tmp_path, second=second)
    world.fault("pull", after_rows=120, delay_ms=300, status="network").write()
    result = project.sync(expect=FAILED)
    assert counts(result, "things")[:3] == (0, 0, 0) and waiting(project) == 1
    world.calm().write().forget()
    result = project.sync(expect=DONE)
    assert world.delivered() <= 90, "it went on"
    assert counts(result, "things")[:3] == (0, 0, 0)
    assert by_key(project.db, "things", "id", "name")[7] == "second"
    assert len([e for e in open_errors(project) if e["severity"] == "warning"]) == 1 and waiting(project) == 0
    result = project.sync(expect=DONE)
    assert counts(result, "things")[:3] == (0, 0, 0), "still known"
    project.diff(expect=DONE)


def test_resumed_read_writes_what_waited(tmp_path):
    """Goal: what had waited when the read broke off is written, whole."""
    world, project = twice(tmp_path, second=40)
    raw = project.value("SELECT json_response FROM things WHERE id = 7")
    execute(project.db, "DELETE FROM things WHERE id = 7")
    world.fault("pull", after_rows=120, delay_ms=300, status="network").write()
    project.sync(expect=FAILED)
    assert 7 not in by_key(project.db, "things", "id", "name")
    world.calm().write()
    assert counts(project.sync(expect=DONE), "things")[:3] == (1, 0, 0)
    assert project.rows("SELECT name, json_response FROM things WHERE id = 7") == [("second", raw)]
    assert waiting(project) == 0


def test_read_that_is_given_up_with_a_duplicate(tmp_path):
    """Goal: what waited for the end of a read that cannot go on is forgotten: the record is gone by now."""
    world, project = twice(tmp_path, second=40)
    world.fault("pull", after_rows=120, delay_ms=300, status="network").write()
    project.sync(expect=FAILED)
    assert waiting(project) == 1
    world.calm().remove(7)
    world.root["generation"] = 2
    world.fault("pull", after_rows=120, delay_ms=300, status="network").write()
    project.sync(expect=FAILED)
    assert waiting(project) == 0
    world.calm().write().forget()
    result = project.sync(expect=DONE)
    assert world.delivered() < 100 and counts(result, "things")[:3] == (0, 0, 1)
    assert 7 not in by_key(project.db, "things", "id", "name")
    project.diff(expect=DONE)


@pytest.mark.parametrize("resume", [[], ["resume"]], ids=("from the start", "resumed"))
def test_complete_read_that_broke_off_between_two_copies(tmp_path, resume):
    """Goal: the cursor is past the newer copy, and the older one was written: only a complete read puts that right."""
    world = World(tmp_path).stream(rows=[thing(i) for i in range(1, 40)], capabilities=["complete", "delta", *resume],
                                   checkpoint_every=5, page_size=5).write()
    project = scripted_project(tmp_path, world)
    project.sync()
    world.rows()[2:3] = [{**thing(3, seq=3, name="older"), "$number": 3}]
    world.rows().append({**thing(3, seq=50, name="newer"), "$number": 50})
    world.write()
    project.sync()
    assert by_key(project.db, "things", "id", "name")[3] == "newer"
    world.fault("pull", after_rows=20, delay_ms=300, status="network").write()
    project.sync("--full", expect=FAILED)
    world.calm().write()
    result = project.sync()
    assert result.json["entities"][0]["sources"][0]["mode"] == "full"
    assert by_key(project.db, "things", "id", "name")[3] == "newer"
    project.diff(expect=DONE)


# ---- Records that fail again ----

def failing(folder, key):
    world = World(folder).stream(rows=[thing(i) for i in range(1, 10)], capabilities=["complete", "delta"]).write()
    fields = {"*": True, "name": {"from": "name", "type": "int64"}}
    for row in world.rows():
        row["name"] = "1"
    world.write()
    project = scripted_project(folder, world, entities=[
        {"name": "things", "key": [key], "from": [{"source": "src", "fields": fields}]}])
    project.sync()
    return world, project


@pytest.mark.parametrize("key", ["id", "code"])
def test_record_that_fails_again(tmp_path, key):
    """Goal: one open row for one record, and it counts once, also when it is tried again and delivered anew in one run."""
    world, project = failing(tmp_path, key)
    world.change(5, 11, name="bad", code=None if key == "code" else "C00005").write()
    assert counts(project.sync(expect=PARTIAL), "things")[5] == 1
    world.change(2, 12, name="2").change(5, 13, name="worse").write()
    result = project.sync(expect=PARTIAL)
    assert counts(result, "things") == (0, 1, 0, 0, 0, 1)
    assert len(open_errors(project)) == 1
    world.change(5, 14, name="5", code="C00005").write()
    assert counts(project.sync(expect=DONE), "things")[5] == 0
    assert open_errors(project) == []


def test_refused_cursor_counts_errors_once(tmp_path):
    """Goal: what is read again from the start is counted as what it is."""
    world, project = failing(tmp_path, "id")
    world.change(5, 11, name="bad").change(6, 12, name="bad").write()
    assert counts(project.sync(expect=PARTIAL), "things") == (0, 0, 0, 0, 0, 2)
    world.change(7, 13, name="7")
    world.root["generation"] = 2
    world.write()
    result = project.sync(expect=PARTIAL)
    assert counts(result, "things") == (0, 1, 0, 6, 0, 2)
    assert result.json["totals"]["rows_processed"] == 9
    assert len(open_errors(project)) == 2


def test_trial_closes_no_error(tmp_path):
    """Goal: the first rows of a read are not the last word on a record."""
    world, project = failing(tmp_path, "id")
    world.change(5, 11, name="5")
    world.rows().append(thing(5, seq=12, name="bad"))
    world.write()
    assert counts(project.sync(expect=PARTIAL), "things")[5] == 1
    project.sync("--full", "--row-limit", "6", expect=PARTIAL)
    assert [e["key"] for e in open_errors(project)] == ["5"]


# ---- Counts ----

def test_copies_of_a_broken_first_load(tmp_path):
    """Goal: a run counts what its lineage has: a key that an earlier, broken-off load had too is created by this one."""
    rows = [thing(i, **{"$number": i}) for i in range(1, 61)]
    rows[49] = thing(3, name="again", **{"$number": 50})
    world = World(tmp_path).stream(rows=rows, capabilities=["complete", "resume"], checkpoint_every=5, page_size=5)
    world.fault("pull", after_rows=40, delay_ms=300, status="network").write()
    project = scripted_project(tmp_path, world)
    project.command("sync").expect(FAILED)
    world.calm().write()
    result = project.sync()
    created = project.value("SELECT count(*) FROM _sync_lineage WHERE op = 'create' AND run_id = ?", result.json["run_id"])
    assert counts(result, "things")[0] == created
    assert project.value("SELECT count(*) FROM things") == 59
    assert project.value("SELECT name FROM things WHERE id = 3") == "again"
    assert project.value("SELECT count(*) FROM _sync_lineage WHERE op = 'create'") == 59


# ---- Plugins that fail in odd ways ----

@pytest.mark.parametrize("fault", [
    {"slot": "savepoint", "nth": 3, "when": "after", "status": "internal"},
    {"slot": "begin", "nth": 2, "when": "after", "status": "internal"},
    {"slot": "release", "nth": 2, "when": "before", "status": "internal"},
    {"slot": "write", "table": "things", "status": "usage", "scope": "source"},
    {"slot": "load", "table": "things", "status": "usage", "scope": "source"},
    {"slot": "commit", "nth": 2, "status": "usage", "scope": "stream"},
    {"slot": "commit", "nth": 2, "status": "locked", "scope": "stream"},
    {"slot": "scan", "table": "things", "status": "guard", "scope": "stream"},
    {"slot": "identity", "status": "usage"},
], ids=lambda f: "-".join(str(f[k]) for k in ("slot", "when", "status") if k in f))
def test_status_of_a_plugin_is_no_verdict_on_the_user(tmp_path, fault):
    """Goal: what a plugin says in the middle of a run is a failure: no wrong usage, no other run, no guard; the next run
    finds nothing in its way."""
    world = World(tmp_path).stream(rows=[thing(i) for i in range(1, 21)], capabilities=["complete"])
    world.stream("others", rows=[thing(i) for i in range(1, 21)], capabilities=["complete"]).write()
    project = scripted_project(tmp_path, world, entities=["things", "others"])
    project.edit(lambda c: c.update(sink=memory_sink(project)))
    one_entity = fault["slot"] == "scan"
    if fault["slot"] in ("write", "scan"):
        project.sync()
        world.change(5, 21, name="changed").write()
    set_faults(project, [{**fault, "message": "by the test"}])
    result = project.command("sync")
    assert result.code == (PARTIAL if one_entity else FAILED), result
    result.says("by the test")
    set_faults(project, [])
    project.sync(expect=DONE)
    project.diff(expect=DONE)


@pytest.mark.parametrize("slot", ["streams", "describe", "start", "pull", "identity", "open"])
@pytest.mark.parametrize("status", ["usage", "guard", "locked"])
def test_status_of_a_source_is_no_verdict_on_the_user(tmp_path, slot, status):
    """Goal: the same for sources; nothing is deleted for it."""
    world = World(tmp_path).stream(rows=[thing(i) for i in range(1, 21)], capabilities=["complete"]).write()
    project = scripted_project(tmp_path, world)
    project.sync()
    world.fault(slot, status=status, message="by the test").write()
    project.command("sync").expect(FAILED).says("by the test")
    assert project.value("SELECT count(*) FROM things WHERE deleted_at IS NULL") == 20
