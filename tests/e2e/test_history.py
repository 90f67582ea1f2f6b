"""history: scd2. Every version of a record, when it held, and that no two of one record ever overlap."""

import json
from datetime import datetime, timedelta, timezone

import pytest
from harness import (DONE, FAILED, FOUND, GUARD, INVALID, NUMBERED, PARTIAL, columns, connect, counts, csv_project,
                     execute, numbered, tracing, write_csv, writes_to)
from killing import copy_database, writing_commits
from sinks import both_equal, memory_sink, of_memory
from worlds import THINGS, World, column, scripted_project, thing

STAMPED = [*THINGS, column("changed", "timestamp", flags=["modified"])]
PARTNERS = {"name": "partners", "key": ["id"], "history": "scd2"}


def stamp(moment):
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def ago(**delta):
    return stamp(datetime.now(timezone.utc) - timedelta(**delta))


def check_intervals(versions):
    """Of (key, valid_from, valid_to) rows: none is empty or inverted, no two of a key overlap, one at most is open."""
    by_key = {}
    for key, begin, end in versions:
        assert end is None or end > begin, f"{key}: from {begin} to {end}"
        by_key.setdefault(key, []).append((begin, end))
    for key, intervals in by_key.items():
        intervals.sort()
        for (_, end), (begin, _) in zip(intervals, intervals[1:]):
            assert end is not None and end <= begin, f"{key}: {intervals}"


def intervals(project, table="partners", key="id"):
    found = project.rows(f"SELECT {key}, valid_from, valid_to FROM {table}")
    check_intervals(found)
    return found


def versions(project, key, table="partners", name="name", key_column="id"):
    """(value, valid_from, valid_to) of one record, oldest first."""
    intervals(project, table, key_column)
    return project.rows(f"SELECT {name}, valid_from, valid_to FROM {table} WHERE {key_column} = ? ORDER BY valid_from", key)


def started(project, run=-1):
    return [r[0] for r in project.rows("SELECT started_at FROM _sync_runs ORDER BY run_id")][run]


def ops(project, key):
    return [r[0] for r in project.rows("SELECT op FROM _sync_lineage WHERE key = ? ORDER BY row_id", key)]


def make(folder, n=20, **entity):
    project = csv_project(folder, entities=[{**PARTNERS, **entity}])
    project.csv("partners", NUMBERED, numbered(n))
    return project


# ---- Streaming ----

def test_a_change_makes_a_version(tmp_path):
    """Goal: the old version ends where the new one begins; the view and the counts know the current ones only."""
    project = make(tmp_path)
    assert counts(project.sync()) == (20, 0, 0, 0, 0, 0)
    first = started(project)
    assert {r[1:] for r in intervals(project)} == {(first, None)}
    assert "deleted_at" not in columns(project.db, "partners")
    project.csv("partners", NUMBERED, numbered(20, _3="new name"))
    assert [(c["op"], c["key"], c["fields"]["name"]["sink"], c["fields"]["name"]["source"])
            for c in project.diff(expect=FOUND).changes] == [("update", {"id": "3"}, "name 3", "new name")]
    assert counts(project.sync()) == (0, 1, 0, 19, 0, 0)
    second = started(project)
    assert versions(project, "3") == [("name 3", first, second), ("new name", second, None)]
    assert project.value("SELECT count(*) FROM partners_current") == 20
    assert project.value("SELECT name FROM partners_current WHERE id = '3'") == "new name"
    assert ops(project, "3") == ["create", "update"]
    assert json.loads(project.value("SELECT changes FROM _sync_lineage WHERE op = 'update'")) == {
        "name": {"old": "name 3", "new": "new name"}}
    assert [json.loads(r[0])["name"] for r in project.rows(
        "SELECT json_response FROM partners WHERE id = '3' ORDER BY valid_from")] == ["name 3", "new name"]
    assert project.rows("SELECT DISTINCT sync_time FROM partners WHERE id = '3'") == [(second,)], "both were written"
    whole = project.rows("SELECT id, name, city, amount FROM partners_current WHERE id = '3'")
    assert whole == [("3", "new name", "city 3", "3.50")], "what did not change is in the new version, too"
    stats = project.command("stats", "--json").json["entities"][0]
    assert (stats["active"], stats["deleted"], stats["versions"]) == (20, None, 21)
    lineage = project.command("lineage", "--json", "--entity", "partners", "--key", "3", "--field", "name").json
    assert lineage["fields"][0]["value"] == "new name" and lineage["fields"][0]["previous_value"] == "name 3"


def test_nothing_new_writes_nothing(tmp_path):
    """Goal: a sync of unchanged data executes no write on the table or the lineage."""
    project = make(tmp_path)
    project.sync()
    project.csv("partners", NUMBERED, numbered(20, _3="new name"))
    project.sync()
    trace = tmp_path / "trace"
    assert counts(project.sync(env=tracing(project.db, trace))) == (0, 0, 0, 20, 0, 0)
    assert writes_to(trace, "partners", "_sync_lineage") == []
    assert project.diff(expect=DONE).changes == []


def test_delete_and_revival(tmp_path):
    """Goal: a delete ends the version; a record that comes back has a new one, not before the delete."""
    project = make(tmp_path)
    project.sync()
    project.csv("partners", NUMBERED, numbered(19))
    assert [c["op"] for c in project.diff(expect=FOUND).changes] == ["delete"]
    assert counts(project.sync()) == (0, 0, 1, 19, 0, 0)
    gone = started(project)
    assert versions(project, "20") == [("name 20", started(project, 0), gone)]
    assert project.value("SELECT count(*) FROM partners_current") == 19
    assert counts(project.sync()) == (0, 0, 0, 19, 0, 0), "deleted once"
    project.csv("partners", NUMBERED, numbered(20))
    assert counts(project.sync()) == (0, 1, 0, 19, 0, 0), "revived counts as updated"
    back = started(project)
    assert versions(project, "20") == [("name 20", started(project, 0), gone), ("name 20", back, None)]
    assert ops(project, "20") == ["create", "delete", "revive"]
    project.csv("partners", NUMBERED, numbered(19))
    project.sync()
    project.csv("partners", NUMBERED, numbered(20, _20="changed"))
    project.sync()
    assert [v[0] for v in versions(project, "20")] == ["name 20", "name 20", "changed"]
    assert project.diff(expect=DONE).changes == []


def test_hard_delete_removes_all_versions(tmp_path):
    """Goal: hard leaves nothing of the record but its lineage."""
    project = make(tmp_path, deletes="hard")
    for name in ("a", "b", "c"):
        project.csv("partners", NUMBERED, numbered(20, _20=name))
        project.sync()
    assert len(versions(project, "20")) == 3
    project.csv("partners", NUMBERED, numbered(19))
    assert counts(project.sync()) == (0, 0, 1, 19, 0, 0)
    assert versions(project, "20") == []
    assert project.value("SELECT count(*) FROM partners") == 19
    assert ops(project, "20") == ["create", "update", "update", "delete"]
    project.csv("partners", NUMBERED, numbered(20))
    assert counts(project.sync()) == (1, 0, 0, 19, 0, 0)


def test_ignored_deletes_end_no_version(tmp_path):
    """Goal: ignore does nothing at all."""
    project = make(tmp_path, deletes="ignore")
    project.sync()
    project.csv("partners", NUMBERED, numbered(5))
    project.sync()
    assert project.value("SELECT count(*) FROM partners_current") == 20


def test_guard_counts_current_versions(tmp_path):
    """Goal: the limit is a share of the active records, not of all versions; nothing is closed when it trips."""
    project = make(tmp_path, n=100)
    for name in ("a", "b", "c", "d"):
        project.csv("partners", NUMBERED, numbered(100, **{f"_{i}": f"{name}{i}" for i in range(1, 101)}))
        project.sync()
    project.csv("partners", NUMBERED, numbered(75, **{f"_{i}": f"d{i}" for i in range(1, 101)}))
    project.sync(expect=GUARD).says("25 of 100")
    assert project.value("SELECT count(*) FROM partners_current") == 100


def test_hand_edit_makes_a_version(tmp_path):
    """Goal: a value that somebody changed in the table is put right in a new version; the edited one stays as it was
    found."""
    project = make(tmp_path)
    project.sync()
    execute(project.db, "UPDATE partners SET name = 'edited' WHERE id = '7'")
    assert [c["key"]["id"] for c in project.diff(expect=FOUND).changes] == ["7"]
    project.sync()
    assert [v[0] for v in versions(project, "7")] == ["edited", "name 7"]
    assert project.diff(expect=DONE).changes == []


def test_indexes(tmp_path):
    """Goal: unique among the current versions, and (key, valid_from); a lookup by key needs no walk."""
    project = make(tmp_path)
    project.sync()
    made = {r[0]: r[1] for r in project.rows("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND "
                                             "tbl_name = 'partners'")}
    current = [sql for sql in made.values() if "UNIQUE" in sql and 'WHERE "valid_to" IS NULL' in sql]
    assert len(current) == 1 and '"id"' in current[0]
    assert any('"id"' in sql and '"valid_from"' in sql for sql in made.values())
    with pytest.raises(Exception, match="UNIQUE"):
        execute(project.db, "INSERT INTO partners (row_id, id) VALUES (99, '1')")


def test_of_a_first_load_the_last_record_of_a_key_stands(tmp_path):
    """Goal: a key that comes twice in one read has one version."""
    project = csv_project(tmp_path, entities=[PARTNERS])
    project.csv("partners", NUMBERED, [*numbered(20), ("5", "again", "x", "1")])
    project.sync()
    assert [v[0] for v in versions(project, "5")] == ["again"]
    project.sync()
    assert [v[0] for v in versions(project, "5")] == ["again"]


# ---- Times ----

def stamped(folder, *moments, **more):
    world = World(folder).stream(columns=STAMPED, rows=[thing(i, changed=m) for i, m in enumerate(moments, 1)]).write()
    return world, scripted_project(folder, world, entities=[{"name": "things", "history": "scd2", **more}])


def story(project, i):
    return versions(project, i, "things")


def change(world, project, i, seq, name, changed):
    world.change(i, seq, name=name, changed=changed).write()
    project.sync()


def test_first_version_begins_with_the_record(tmp_path):
    """Goal: the first version begins when the source says the record was modified, not in the future."""
    old, ahead = ago(days=3), ago(days=-3)
    _, project = stamped(tmp_path, old, ahead, None)
    project.sync()
    assert [story(project, i)[0][1] for i in (1, 2, 3)] == [old, started(project), started(project)]


def test_modification_times(tmp_path):
    """Goal: the new version begins when the source says; late, backdated, equal and future times take the reading."""
    old, newer = ago(days=3), ago(days=2)
    world, project = stamped(tmp_path, *[old] * 5)
    project.sync()
    for i, moment in enumerate((newer, old, ago(days=4), ago(days=-1), None), 1):
        world.change(i, 100 + i, name="second", changed=moment)
    world.write()
    project.sync()
    now = started(project)
    for i, begins in enumerate((newer, now, now, now, now), 1):
        assert story(project, i) == [(f"name {i}", old, begins), ("second", begins, None)], i


def test_versions_follow_in_order_whatever_the_clock(tmp_path):
    """Goal: with a modification time that went back and forth each version begins behind the one before."""
    world, project = stamped(tmp_path, ago(days=3))
    project.sync()
    for n, moment in enumerate((ago(days=1), ago(days=2), ago(hours=30), ago(days=-5), ago(minutes=1), ago(days=9))):
        change(world, project, 1, 100 + n, f"v{n}", moment)
    assert [v[0] for v in story(project, 1)] == ["name 1", *[f"v{n}" for n in range(6)]]


def test_clock_turned_back(tmp_path):
    """Goal: a version that begins behind the time of reading is not inverted by the next change or by a delete."""
    world, project = stamped(tmp_path, ago(days=3), ago(days=3))
    project.sync()
    ahead = ago(days=-2)
    execute(project.db, "UPDATE things SET valid_from = ?", ahead)
    change(world, project, 1, 100, "second", ago(days=1))
    world.remove(2, 101).write()
    project.sync("--max-delete", "100%")
    behind = ahead[:-2] + str(int(ahead[-2]) + 1) + "Z" if ahead[-2] != "9" else None
    intervals(project, "things")
    if behind:
        assert story(project, 1) == [("name 1", ahead, behind), ("second", behind, None)]
        assert story(project, 2) == [("name 2", ahead, behind)]


def test_revival_with_an_old_modification_time(tmp_path):
    """Goal: a record that comes back as it was begins where it had ended, not before."""
    old = ago(days=3)
    world, project = stamped(tmp_path, old, old, old)
    project.sync()
    kept = world.rows()[2]
    world.remove(3, 100).write()
    project.sync()
    gone = started(project)
    world.rows().append({**kept, "seq": 101, "name": "back", "changed": ago(days=2)})
    world["things"]["tombstones"] = []
    world.write()
    project.sync()
    assert story(project, 3) == [("name 3", old, gone), ("back", gone, None)]


def test_two_changes_in_one_run_make_one_version(tmp_path):
    """Goal: what changes once more in the same read changes in the version that the run has made."""
    world, project = stamped(tmp_path, *[ago(days=3)] * 3)
    project.sync()
    world.rows().append({**thing(1, 100, name="second", changed=ago(days=2))})
    world.rows().append({**thing(2, 101)})
    world.rows().append({**thing(1, 102, name="third", changed=ago(days=1))})
    world["things"]["rows"] = [r for r in world.rows() if not (r["id"] == 1 and r["seq"] == 1)]
    world["things"].update(page_size=1, page_delay_ms=40)
    world.write()
    project.sync()
    assert [v[0] for v in story(project, 1)] == ["name 1", "third"]
    assert ops(project, "1") == ["create", "update", "update"], "both were seen"


# ---- Reads that end early ----

def test_resumed_read_deletes_what_it_did_not_meet_and_nothing_else(tmp_path):
    """Goal: a row that got a new version before the read stopped counts as met."""
    world = World(tmp_path).stream(columns=STAMPED, rows=[thing(i) for i in range(1, 101)], capabilities=["complete", "resume"],
                                   checkpoint_every=10, page_size=10).write()
    project = scripted_project(tmp_path, world, entities=[{"name": "things", "history": "scd2"}])
    project.sync()
    world["things"]["rows"] = [thing(i, name=f"new {i}") for i in range(1, 101) if i % 25]
    world.fault("pull", after_rows=60, status="network", scope="stream", message="gone").write()
    project.sync(expect=FAILED)
    assert 0 < project.value("SELECT count(*) FROM things WHERE valid_to IS NOT NULL") <= 60
    world.calm().write()
    result = project.sync()
    assert counts(result, "things")[2] == 4
    assert {r[0] for r in project.rows("SELECT id FROM things_current")} == {i for i in range(1, 101) if i % 25}
    assert len(intervals(project, "things")) == 196
    project.diff(expect=DONE)


@pytest.mark.parametrize("key", ["id", "code"])
def test_killed_at_any_commit(tmp_path, key):
    """Goal: kill -9 before or after a commit, and again: same state as without, and of each change one version."""
    world = World(tmp_path).stream(columns=STAMPED, rows=[thing(i, changed=ago(days=9)) for i in range(1, 201)],
                                   capabilities=["complete", "resume"], checkpoint_every=20, page_size=20).write()
    project = scripted_project(tmp_path, world, entities=[{"name": "things", "key": [key], "history": "scd2"}])
    project.sync()
    before = tmp_path / "before.db"
    copy_database(project.db, before)
    newer = ago(days=2)
    world["things"].update(rows=[thing(i, name=f"new {i}", changed=newer) for i in range(1, 201) if i % 25],
                           page_delay_ms=30)
    world.write()
    trace = tmp_path / "trace"
    project.sync(env=tracing(project.db, trace))
    expected, told = project.state(), sorted(versions_of(project))
    commits, _ = writing_commits(trace)
    killed = 0
    for n in (2, commits // 2, commits - 1):
        copy_database(before, project.db)
        for when in ("DVSYNC_KILL_BEFORE", "DVSYNC_KILL_AFTER"):
            result = project.command("sync", env=tracing(project.db, **{when: str(n)}))
            assert result.code in (-9, DONE), result  # how many commits there are is not fixed
            killed += result.code == -9
            intervals(project, "things")
        project.sync()
        assert project.state() == expected, n
        assert sorted(versions_of(project)) == told, n
        assert {r[0] for r in project.rows("SELECT count(*) FROM things GROUP BY id")} == {1, 2}
    assert killed >= 2


def versions_of(project):
    """(id, name, valid_from, closed): all but the moments that differ from run to run."""
    intervals(project, "things")
    return project.rows("SELECT id, name, valid_from, valid_to IS NOT NULL FROM things")


# ---- Gathering ----

def gathering(folder, n=20, **more):
    world = World(folder).stream(columns=STAMPED, rows=[thing(i, changed=ago(days=9)) for i in range(1, n + 1)],
                                 capabilities=["complete", "delta", "resume"]).write()
    return world, scripted_project(folder, world, entities=[{"name": "things", "key": ["code"], "history": "scd2", **more}])


def test_gathering(tmp_path):
    """Goal: versions of an entity with offers: changed keys, tombstones and revivals included."""
    world, project = gathering(tmp_path)
    assert counts(project.sync(), "things") == (20, 0, 0, 0, 0, 0)
    newer = ago(days=2)
    world.change(3, 100, name="second", changed=newer).change(4, 101, code="MOVED", changed=newer).remove(5, 102).write()
    result = project.sync()
    now = started(project)
    assert counts(result, "things")[:3] == (1, 1, 2)
    first = project.value("SELECT changed FROM things WHERE code = 'C00003' AND valid_to IS NOT NULL")
    assert versions(project, "C00003", "things", key_column="code") == [("name 3", first, newer), ("second", newer, None)]
    assert versions(project, "MOVED", "things", key_column="code") == [("name 4", newer, None)]
    assert [v[2] for v in versions(project, "C00004", "things", key_column="code")] == [now]
    assert [v[2] for v in versions(project, "C00005", "things", key_column="code")] == [now]
    trace = tmp_path / "trace"
    assert counts(project.sync("--full", env=tracing(project.db, trace)), "things")[:3] == (0, 0, 0)
    assert writes_to(trace, "things", "_sync_lineage") == []
    world.rows().append(thing(5, 103, changed=ago(days=1)))
    world["things"]["tombstones"] = []
    world.change(4, 104, code="C00004", changed=ago(days=1)).write()
    assert counts(project.sync(), "things")[:3] == (0, 2, 1)
    intervals(project, "things", "code")
    assert {r[0] for r in project.rows("SELECT code FROM things_current")} == {f"C{i:05}" for i in range(1, 21)}
    project.diff(expect=DONE)


def several(folder, authority="source_of_truth"):
    """things from crm (with modification times) and sheet, by code; the phone is the sheet's alone."""
    world = World(folder, "crm").stream(columns=STAMPED, rows=[thing(i, changed=ago(days=9)) for i in (1, 2, 3)],
                                        capabilities=["complete", "delta"]).write()
    project = scripted_project(folder, world, entities=[{
        "name": "things", "key": ["code"], "history": "scd2", "from": [
            {"source": "crm", "entity": "things", "fields": {"code": "code", "name": "name", "changed": "changed"}},
            {"source": "sheet", "entity": "things", "fields": {
                "code": "code", "name": "name", "phone": {"from": "phone", "authority": authority}}}]}])
    crm = project.config["sources"].pop("src")
    project.write({**project.config, "options": {"max_delete": "100%"}, "sources": {
        "crm": {**crm, "priority": 100}, "sheet": {"plugin": "csv", "priority": 50, "settings": {"path": "data"}}}})
    return world, project


def fill(project, *data):
    project.csv("things", ("code", "name", "phone"), data)


def test_several_sources(tmp_path):
    """Goal: one version a run, whichever sources changed; it begins with the newest of the changed offers, or, where only
    an offer went away, with the reading."""
    world, project = several(tmp_path)
    fill(project, ("C00001", "sheet 1", "11"), ("C00002", "sheet 2", "22"), ("C00004", "sheet 4", "44"))
    project.sync()
    assert len(intervals(project, "things", "code")) == 4
    assert project.diff(expect=DONE).changes == []
    newer = ago(days=1)
    world.change(1, 100, name="second", changed=newer).remove(2, 101).write()
    fill(project, ("C00001", "sheet 1", "12"), ("C00002", "sheet 2", "22"), ("C00004", "sheet 4", "45"))
    result = project.sync()
    now = started(project)
    assert counts(result, "things")[:3] == (0, 3, 0)
    told = {key: versions(project, key, "things", "name, phone", "code") for key in ("C00001", "C00002", "C00004")}
    assert [(*v[:2], v[2]) for v in told["C00001"]][1] == ("second", "12", newer), "the sheet has no such time"
    assert told["C00002"][1] == ("sheet 2", "22", now, None), "the winner is gone: the other's value returns"
    assert told["C00004"][1] == ("sheet 4", "45", now, None)
    assert all(len(v) == 2 for v in told.values())
    fill(project)
    world["things"].update(rows=[r for r in world.rows() if r["id"] != 3])
    world["things"]["tombstones"].append({"id": 3, "seq": 102})
    world.write()
    assert counts(project.sync(), "things")[:3] == (0, 1, 3)
    assert project.rows("SELECT code, phone FROM things_current") == [("C00001", None)], "nobody says it any more"
    intervals(project, "things", "code")
    assert project.diff(expect=DONE).changes == []


def test_reference_field_of_a_revived_record(tmp_path):
    """Goal: a field that is written once stays as it was, also in the version of a record that comes back."""
    _, project = several(tmp_path, authority="reference")
    fill(project, ("C00009", "nine", "99"))
    project.sync()
    execute(project.db, "UPDATE things SET phone = 'mine' WHERE code = 'C00009'")
    fill(project, ("C00009", "changed", "100"))
    project.sync()
    fill(project)
    project.sync()
    fill(project, ("C00009", "back", "101"))
    project.sync()
    assert [v[:2] for v in versions(project, "C00009", "things", "name, phone", "code")] == [
        ("nine", "mine"), ("changed", "mine"), ("back", "mine")]
    assert project.diff(expect=DONE).changes == []


# ---- Row errors ----

def test_a_row_error_counts_as_present(tmp_path):
    """Goal: a record that fails keeps its current version; when it is mended it has a new one."""
    project = csv_project(tmp_path, entities=[{**PARTNERS, "from": [{"source": "files", "entity": "partners", "fields": {
        "id": "id", "name": "name", "amount": {"from": "amount", "type": "decimal"}}}]}])
    project.csv("partners", NUMBERED, numbered(20))
    project.sync()
    data = numbered(20)
    project.csv("partners", NUMBERED, [*data[:4], ("5", "worse", "x", "no number"), *data[5:]])
    project.sync(expect=PARTIAL)
    assert [v[0] for v in versions(project, "5")] == ["name 5"]
    project.csv("partners", NUMBERED, numbered(20, _5="better"))
    project.sync()
    assert [v[0] for v in versions(project, "5")] == ["name 5", "better"]


def test_what_the_sink_refuses(tmp_path):
    """Goal: a version that the sink does not take leaves the one before open, and is tried again; so is a delete."""
    project = make(tmp_path)
    project.sync()
    execute(project.db, "CREATE TRIGGER no_new BEFORE INSERT ON partners WHEN NEW.name = 'bad' "
                        "BEGIN SELECT RAISE(ABORT, 'not here'); END")
    execute(project.db, "CREATE TRIGGER no_end BEFORE UPDATE ON partners WHEN OLD.id = '20' AND NEW.valid_to IS NOT NULL "
                        "BEGIN SELECT RAISE(ABORT, 'it stays'); END")
    project.csv("partners", NUMBERED, [*numbered(18, _3="bad", _4="good"), *numbered(1, start=21)])
    result = project.sync(expect=PARTIAL)
    assert counts(result) == (1, 1, 1, 16, 0, 2)
    assert [v[0] for v in versions(project, "3")] == ["name 3"] and versions(project, "3")[0][2] is None
    assert [v[0] for v in versions(project, "4")] == ["name 4", "good"]
    assert versions(project, "20")[0][2] is None and versions(project, "19")[0][2] is not None
    assert ops(project, "3") == ["create"] and ops(project, "20") == ["create"]
    execute(project.db, "DROP TRIGGER no_new")
    execute(project.db, "DROP TRIGGER no_end")
    project.sync()
    assert [v[0] for v in versions(project, "3")] == ["name 3", "bad"]
    assert versions(project, "20")[0][2] is not None
    assert project.diff(expect=DONE).changes == []


# ---- Other sinks, other tables ----


def test_diff_is_the_same_as_without_history(tmp_path):
    """Goal: creates, updates, deletes and revivals show as they do in a table without versions."""
    shown = []
    for history in ("none", "scd2"):
        project = make(tmp_path / history, history=history)
        told = []
        for data in (numbered(20), numbered(21, _3="x"), numbered(17, _3="y"), numbered(21, _3="y", _20="back")):
            project.csv("partners", NUMBERED, data)
            lines = project.diff().lines
            told.append((lines[:-1], lines[-1]["summary"]["entities"]))
            told.append(counts(project.sync()))
        shown.append(told)
    assert shown[0] == shown[1]

def test_memory_sink_ends_alike(tmp_path):
    """Goal: the same versions on both sinks after load, change, delete, revival and hard delete."""
    for deletes in ("soft", "hard"):
        pair = []
        for kind in ("sqlite", "memory"):
            project = csv_project(tmp_path / deletes / kind, settings={"path": str(tmp_path / "data")},
                                  entities=[{**PARTNERS, "deletes": deletes}])
            if kind == "memory":
                project.write({**project.config, "sink": memory_sink(project)})
            pair.append(project)
        for data in (numbered(30), numbered(30, _2="x"), numbered(28, _2="y"), numbered(30, _30="back"), numbered(30)):
            write_csv(tmp_path / "data/partners.csv", NUMBERED, data)
            one, two = [p.diff() for p in pair]
            assert one.lines == two.lines
            one, two = [p.sync().json for p in pair]
            assert one["totals"] == two["totals"]
            both_equal(*pair)
        check_intervals([(r["id"], r["valid_from"], r["valid_to"]) for r in of_memory(pair[1])["partners"]])


def test_adopted_table(tmp_path):
    """Goal: rows that were there are current versions without a known beginning; the next change ends them."""
    project = make(tmp_path, adopt=True)
    project.csv("partners", NUMBERED, numbered(3))
    with connect(project.db, write=True) as db:
        db.execute("CREATE TABLE partners (id TEXT, name TEXT, city TEXT, amount TEXT)")
        db.executemany("INSERT INTO partners VALUES (?, ?, ?, ?)", [*numbered(3, _2="theirs"), ("9", "gone", "x", "1")])
    db.close()
    project.sync("--max-delete", "100%")
    now = started(project)
    assert project.rows("SELECT id, name, valid_from, valid_to FROM partners ORDER BY id, row_id") == [
        ("1", "name 1", None, None), ("2", "theirs", None, now), ("2", "name 2", now, None), ("3", "name 3", None, None),
        ("9", "gone", None, now)]
    project.diff(expect=DONE)


def test_several_key_fields(tmp_path):
    """Goal: versions of records with a key of several fields."""
    project = csv_project(tmp_path, entities=[{"name": "partners", "key": ["id", "city"], "history": "scd2",
                                               "deletes": "hard"}])
    project.csv("partners", NUMBERED, numbered(20))
    project.sync()
    project.csv("partners", NUMBERED, numbered(20, _3="x"))
    project.sync()
    assert len(project.rows("SELECT * FROM partners WHERE id = '3'")) == 2
    project.csv("partners", NUMBERED, [r for r in numbered(20, _3="x") if r[0] != "3"])
    project.sync()
    assert project.rows("SELECT * FROM partners WHERE id = '3'") == []


def test_history_is_not_changed_in_passing(tmp_path):
    """Goal: a table has versions or none; to change that it must be made anew: 78, nothing is written."""
    project = make(tmp_path, history="none")
    project.sync()
    before = project.rows("SELECT * FROM partners")
    project.edit(lambda c: c["entities"][0].update(history="scd2"))
    project.command("sync").expect(INVALID).says("history", "--rebuild")
    project.command("diff").expect(INVALID).says("history", "--rebuild")
    assert project.rows("SELECT * FROM partners") == before


def test_default_for_entities(tmp_path):
    """Goal: options.history is the default, an entity's own word wins."""
    project = csv_project(tmp_path, options={"history": "scd2"},
                          entities=[{"name": "a", "key": ["id"]}, {"name": "b", "key": ["id"], "history": "none"}])
    for name in "ab":
        project.csv(name, NUMBERED, numbered(5))
    project.sync()
    assert {"valid_from", "valid_to"} <= set(columns(project.db, "a")) and "deleted_at" not in columns(project.db, "a")
    assert not {"valid_from", "valid_to"} & set(columns(project.db, "b"))
