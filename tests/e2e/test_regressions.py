"""Bugs of the corners: each test failed before its bug was mended."""

import signal

import pytest
from harness import (DONE, FOUND, GUARD, INTERRUPTED, INVALID, NUMBERED, PARTIAL, Project, by_key, connect, csv_project,
                     execute, is_commit, numbered, statements, tracing, wait_until)
from killing import check_end, kill_at
from worlds import World, column, scripted_project

FIELDS = ("code", "name", "phone")


def two(folder, crm, sheet, **more):
    """crm (priority 100) and sheet (50), two CSV files, one entity `partners` with the key `code`."""
    project = Project(folder)
    project.csv("crm", FIELDS, crm)
    project.csv("sheet", FIELDS, sheet)
    entity = {"name": "partners", "key": ["code"],
              "from": [{"source": "crm", "entity": "crm"}, {"source": "sheet", "entity": "sheet"}], **more}
    return project.write({
        "sources": {"crm": {"plugin": "csv", "priority": 100, "settings": {"path": "data/crm.csv"}},
                    "sheet": {"plugin": "csv", "priority": 50, "settings": {"path": "data/sheet.csv"}}},
        "options": {"max_delete": "100%"}, "entities": [entity]})


def many(n, name):
    return [(f"K{i:06}", f"{name} {i}", str(i)) for i in range(n)]


def test_an_excluded_field_may_be_derived(tmp_path):
    """Goal: "*" without a field, which is derived instead, is no contradiction; a mapped one is."""
    project = two(tmp_path, crm=[("A", "a", "1")], sheet=[("B", "b", None)], derived={"name": "'D' || code"})
    for entry in project.config["entities"][0]["from"]:
        entry["fields"] = {"*": True, "name": False}
    project.edit(lambda c: None)
    project.sync()
    assert by_key(project.db, "partners", "code", "name") == {"A": "DA", "B": "DB"}
    project.config["entities"][0]["from"][1]["fields"]["name"] = "name"
    project.edit(lambda c: None)
    project.command("sync").expect(78).says('the field is derived and comes from "sheet", too')


def test_guard_of_a_plan_names_the_flag_that_helps(tmp_path):
    """Goal: a plan that deletes all rows is let through by what its refusal says, and by nothing less."""
    project = two(tmp_path, crm=many(5, "crm"), sheet=[])
    project.sync()
    project.csv("crm", FIELDS, [])
    project.command("diff", "--plan", "plan").expect(FOUND)
    project.command("sync", "--plan", "plan", "--max-delete", "5").expect(GUARD).says("--max-delete 100%")
    project.command("sync", "--plan", "plan", "--max-delete", "100%").expect(DONE)
    assert by_key(project.db, "partners", "code", "name") == {}


def commits_of_rows(trace):
    """How many COMMITs end a transaction that wrote rows of `partners`."""
    found, wrote = 0, False
    for sql in statements(trace):
        wrote |= sql.startswith("INSERT INTO") and '"partners"' in sql
        if is_commit(sql):
            found += wrote
            wrote = False
    return found


def test_the_end_of_several_sources_is_no_huge_transaction(tmp_path):
    """Goal: what two sources offer is committed page by page; killed between the pages, the next run ends alike."""
    n = 9_000
    project = two(tmp_path, crm=many(n, "crm"), sheet=many(n // 3, "sheet"))
    trace = tmp_path / "trace"
    project.sync(env=tracing(project.db, trace))
    assert commits_of_rows(trace) >= 3
    expected = project.state()
    conflicts = project.value("SELECT count(*) FROM _sync_conflicts WHERE closed_at IS NULL")
    assert conflicts == n // 3
    for number, kind in enumerate(("DVSYNC_KILL_BEFORE", "DVSYNC_KILL_AFTER")):
        folder = tmp_path / f"victim-{number}"
        victim = two(folder, crm=many(n, "crm"), sheet=many(n // 3, "sheet"))
        kill_at(victim, {kind: 3, "DVSYNC_KILL_SINCE": 'INTO main."partners"'})
        there = victim.value("SELECT count(*) FROM partners")
        assert 0 < there < n
        victim.sync()
        check_end(victim, expected, set(), "partners", "code", kind)
        assert victim.value("SELECT count(*) FROM _sync_conflicts WHERE closed_at IS NULL") == conflicts
        assert victim.value("SELECT count(*) FROM _sync_offers WHERE pending") == 0
        victim.diff(expect=DONE)


@pytest.mark.parametrize("second", ["sync", "plan"])
def test_stopped_while_it_reconciles(tmp_path, second):
    """Goal: a first SIGINT is heard between the pages; the next run, or a plan, brings the rest."""
    n = 30_000
    project = two(tmp_path, crm=many(n, "crm"), sheet=many(100, "sheet"))
    with project.start("sync", "--json") as process:
        wait_until(lambda: project.db.exists() and there(project), "some rows are there")
        process.signal(signal.SIGINT)
        process.wait().expect(INTERRUPTED)
    assert 0 < there(project) < n
    assert project.runs()[-1] == "cancelled"
    if second == "plan":
        project.command("diff", "--plan", "plan").expect(FOUND)
        project.sync("--plan", "plan")
    else:
        project.sync()
    assert there(project) == n
    project.diff(expect=DONE)


def there(project):
    try:
        return project.value("SELECT count(*) FROM partners")
    except Exception as e:  # not made yet
        assert "no such table" in str(e) or "locked" in str(e), e
        return 0


def test_a_diff_follows_what_the_record_refers_to(tmp_path):
    """Goal: behind an entity of two sources, what a losing offer refers to is not read, in a diff as in a sync."""
    world = World(tmp_path).stream("staff", columns=[column("id", "text", key=1), column("boss")],
                                   rows=[{"id": f"s{i}", "$number": i, "seq": i, "boss": "s6" if i == 1 else None}
                                         for i in range(1, 9)], capabilities=["complete", "resume", "fetch"]).write()
    project = Project(tmp_path)
    owner = {"*": True, "owner": {"from": "owner", "refers_to": "staff"}}
    project.csv("pa", ("code", "owner"), [("A", "s1"), ("B", "s4")])
    project.csv("pb", ("code", "owner"), [("B", "s8"), ("C", "s7")])
    project.write({
        "sources": {"src": {"plugin": "scripted", "settings": {"script": str(world.file)}},
                    "x": {"plugin": "csv", "settings": {"path": "data"}}},
        "options": {"max_delete": "100%"},
        "entities": [
            {"name": "staff", "from": [{"source": "src", "entity": "staff", "scope": "referenced",
                                        "fields": {"*": True, "boss": {"from": "boss", "refers_to": "staff"}}}]},
            {"name": "partners", "key": ["code"], "from": [
                {"source": "x", "entity": "pa", "as": "pa", "fields": owner},
                {"source": "x", "entity": "pb", "as": "pb", "fields": owner}]}]})
    found = {c["key"]["id"] for c in project.diff(expect=FOUND).changes if c["entity"] == "staff"}
    assert found == {"s1", "s4", "s6", "s7"}
    project.sync()
    assert set(by_key(project.db, "staff", "id", "boss")) == {"s1", "s4", "s6", "s7"}
    project.diff(expect=DONE)
    project.csv("pa", ("code", "owner"), [("A", "s1")])
    assert [(c["op"], c["key"]) for c in project.diff(expect=FOUND).changes if c["entity"] == "staff"] == [
        ("create", {"id": "s8"}), ("delete", {"id": "s4"})]
    project.sync()
    project.diff(expect=DONE)


def test_conflicts_of_a_record_that_is_gone_end_though_deletes_are_ignored(tmp_path):
    """Goal: the row stays, but nothing disagrees about it any more: its conflicts close, its pins go."""
    project = two(tmp_path, crm=[("A", "crm", "1"), ("B", "b", "2")], sheet=[("A", "sheet", "7"), ("B", "b", "2")],
                  deletes="ignore")
    project.sync("--fail-on-conflict", expect=FOUND)
    number = project.value("SELECT id FROM _sync_conflicts WHERE field = 'name'")
    project.command("conflicts", "resolve", str(number), "--keep", "sheet").expect(DONE)
    project.sync("--fail-on-conflict", expect=FOUND)
    for name in ("crm", "sheet"):
        project.csv(name, FIELDS, [("B", "b", "2")])
    project.sync("--fail-on-conflict", expect=DONE)
    assert by_key(project.db, "partners", "code", "name") == {"A": "sheet", "B": "b"}
    assert project.rows("SELECT DISTINCT status FROM _sync_conflicts") == [("closed",)]
    assert project.value("SELECT count(*) FROM _sync_pins") == 0
    project.diff(expect=DONE)


def test_a_diff_follows_the_row_of_a_failing_record(tmp_path):
    """Goal: a record with a row error keeps its row, and what this refers to: a diff shows no delete of that."""
    world = World(tmp_path).stream("staff", columns=[column("id", "text", key=1), column("name")],
                                   rows=[{"id": f"s{i}", "$number": i, "seq": i, "name": "x"} for i in range(1, 5)],
                                   capabilities=["complete", "resume", "fetch"]).write()
    project = Project(tmp_path)
    project.csv("pa", ("code", "owner", "n"), [("A", "s1", "1"), ("B", "s2", "2")])
    project.write({
        "sources": {"src": {"plugin": "scripted", "settings": {"script": str(world.file)}},
                    "x": {"plugin": "csv", "settings": {"path": "data"}}},
        "options": {"max_delete": "100%"},
        "entities": [
            {"name": "staff", "from": [{"source": "src", "entity": "staff", "scope": "referenced"}]},
            {"name": "partners", "key": ["code"], "from": [{"source": "x", "entity": "pa", "fields": {
                "*": True, "n": {"from": "n", "type": "int64"}, "owner": {"from": "owner", "refers_to": "staff"}}}]}]})
    project.sync()
    project.csv("pa", ("code", "owner", "n"), [("A", "s1", "bad"), ("B", "s3", "2")])
    changes = [(c["op"], c["key"]) for c in project.diff(expect=PARTIAL).changes if c["entity"] == "staff"]
    assert changes == [("create", {"id": "s3"}), ("delete", {"id": "s2"})]
    project.sync(expect=PARTIAL)
    assert set(by_key(project.db, "staff", "id", "name")) == {"s1", "s3"}


def test_a_mistake_in_the_mapping_of_one_source_is_one_of_the_project(tmp_path):
    """Goal: exit 78 also when the other source is well; what that one says is brought."""
    project = two(tmp_path, crm=[("A", "a", "1")], sheet=[("A", "a", "1")])
    project.sync()
    project.config["entities"][0]["from"][1]["fields"] = {"code": "code", "name": {"expr": "upper(nmae)"}}
    project.edit(lambda c: None)
    project.csv("crm", FIELDS, [("A", "b", "1")])
    project.diff(expect=INVALID)
    result = project.sync(expect=INVALID)
    assert "nmae" in result.json["errors"][0]["message"]
    assert by_key(project.db, "partners", "code", "name") == {"A": "b"}
    assert project.runs()[-1] in ("failed", "partial")


def test_versions_do_not_fit_an_adopted_table_with_a_key_of_its_own(tmp_path):
    """Goal: refused before anything is written; each version would be refused by the table otherwise, for ever."""
    project = two(tmp_path, crm=[("A", "a", "1")], sheet=[], adopt=True, history="scd2")
    with connect(project.db, write=True) as db:
        db.execute("CREATE TABLE partners (code TEXT PRIMARY KEY, name TEXT, phone TEXT)")
        db.execute("INSERT INTO partners VALUES ('A', 'old', '0')")
    db.close()
    assert "primary key" in project.sync(expect=INVALID).json["errors"][0]["message"]
    assert project.rows("SELECT code, name FROM partners") == [("A", "old")]
    project.edit(lambda c: c["entities"][0].update(history="none"))
    project.sync()
    assert by_key(project.db, "partners", "code", "name") == {"A": "a"}


PARTNERS = ("code", "owner", "n")


def referring(folder, rows, sources=("pa",), **more):
    """Entity `staff` behind `scope: referenced`, and `partners` of CSV files, whose field `owner` refers to it."""
    world = World(folder).stream("staff", columns=[column("id", "text", key=1), column("name")],
                                 rows=[{"id": f"s{i}", "$number": i, "seq": i, "name": "x"} for i in range(1, 9)],
                                 capabilities=["complete", "resume", "fetch"]).write()
    project = Project(folder)
    for name in sources:
        project.csv(name, PARTNERS, rows if name == sources[0] else [])
    fields = {"*": True, "n": {"from": "n", "type": "int64"}, "owner": {"from": "owner", "refers_to": "staff"}}
    return project.write({
        "sources": {"src": {"plugin": "scripted", "settings": {"script": str(world.file)}},
                    "x": {"plugin": "csv", "settings": {"path": "data"}}},
        "options": {"max_delete": "100%"},
        "entities": [
            {"name": "staff", "from": [{"source": "src", "entity": "staff", "scope": "referenced"}]},
            {"name": "partners", "key": ["code"], **more,
             "from": [{"source": "x", "entity": name, "as": name, "fields": fields} for name in sources]}]})


def found_staff(project, *args, command="diff", expect=(DONE, FOUND, PARTIAL)):
    result = project.command(command, "--json", *args).expect(*(expect if isinstance(expect, tuple) else (expect,)))
    return [(c["op"], c["key"]["id"]) for c in result.changes if c["entity"] == "staff"]


def held_staff(project):
    return sorted(by_key(project.db, "staff", "id", "name"))


@pytest.mark.parametrize("sources", [("pa",), ("pa", "pb")], ids=len)
def test_a_diff_follows_rows_that_stay_though_their_records_are_gone(tmp_path, sources):
    """Goal: with `deletes: ignore` a row stays active, and so does what it refers to: no diff shows that it would go."""
    project = referring(tmp_path, [("A", "s1", "1"), ("B", "s2", "2"), ("C", "s3", "3")], sources, deletes="ignore")
    project.sync()
    project.csv("pa", PARTNERS, [("A", "s1", "1"), ("B", "s4", "2")])
    assert found_staff(project, expect=FOUND) == [("create", "s4"), ("delete", "s2")]
    project.sync()
    assert held_staff(project) == ["s1", "s3", "s4"]
    project.diff(expect=DONE)
    project.sync("--full")
    assert held_staff(project) == ["s1", "s3", "s4"]


@pytest.mark.parametrize("sources", [("pa",), ("pa", "pb")], ids=len)
def test_a_diff_follows_rows_whose_records_could_not_be_read(tmp_path, sources):
    """Goal: a record with a row error, and rows that a record without a key protects, keep what they refer to."""
    project = referring(tmp_path, [("A", "s1", "1"), ("B", "s2", "2"), ("C", "s3", "3")], sources)
    project.sync()
    project.csv("pa", PARTNERS, [("A", "s1", "1"), ("B", "s4", "bad"), ("C", "s5", "3")])
    assert found_staff(project, expect=PARTIAL) == [("create", "s5"), ("delete", "s3")]
    project.sync(expect=PARTIAL)
    assert held_staff(project) == ["s1", "s2", "s5"]
    project.csv("pa", PARTNERS, [("A", "s1", "1"), (None, "s2", "2")])
    assert found_staff(project, expect=PARTIAL) == []
    project.sync(expect=PARTIAL)
    assert held_staff(project) == ["s1", "s2", "s5"]
    assert found_staff(project, expect=PARTIAL) == []


def test_a_diff_follows_pinned_values(tmp_path):
    """Goal: what a record refers to is what its row will hold, also where the source says something else."""
    project = referring(tmp_path, [("A", "s1", "1")])
    project.sync()
    with connect(project.db, write=True) as db:
        db.execute("UPDATE partners SET owner = 's2'")
    db.close()
    project.sync()
    number = project.value("SELECT id FROM _sync_conflicts WHERE field = 'owner'")
    project.command("conflicts", "resolve", str(number), "--keep", "sink").expect(DONE)
    assert found_staff(project, expect=FOUND) == [("create", "s2"), ("delete", "s1")]
    project.sync()
    assert held_staff(project) == ["s2"]
    project.diff(expect=DONE)


@pytest.mark.parametrize("sources", [("pa",), ("pa", "pb")], ids=len)
def test_a_preview_follows_rows_that_the_guard_keeps(tmp_path, sources):
    """Goal: a preview that the guard stops deletes nothing of what the kept rows refer to, as its sync."""
    project = referring(tmp_path, [(f"K{i}", f"s{1 + i % 4}", "1") for i in range(40)], sources)
    project.sync()
    project.csv("pa", PARTNERS, [("K0", "s5", "1")])
    for args in (("sync", "--dry-run"), ("sync",)):
        result = project.command(*args, "--max-delete", "1", "--json").expect(GUARD)
        if "--dry-run" in args:
            assert [(c["op"], c["key"]["id"]) for c in result.changes if c["entity"] == "staff"] == [("create", "s5")]
    assert held_staff(project) == ["s1", "s2", "s3", "s4", "s5"]


def test_edits_and_pins_of_a_streaming_record_that_is_gone_end_though_deletes_are_ignored(tmp_path):
    """Goal: nothing disagrees about a row whose record is gone: its conflict closes and its pin goes, others' stay."""
    project = csv_project(tmp_path, entities=[{"name": "partners", "key": ["id"], "deletes": "ignore"}])
    project.csv("partners", NUMBERED, numbered(6))
    project.sync()
    execute(project.db, "UPDATE partners SET name = 'mine' WHERE id IN ('1', '2', '3', '4')")
    project.sync()
    numbers = dict(project.rows("SELECT key, id FROM _sync_conflicts"))
    for key in ("2", "3"):
        project.command("conflicts", "resolve", str(numbers[key]), "--keep", "sink").expect(DONE)
    project.csv("partners", NUMBERED, [row for row in numbered(6, _4="new") if row[0] not in ("1", "2", "6")])
    execute(project.db, "UPDATE partners SET name = 'mine again' WHERE id = '4'")
    project.sync()
    assert dict(project.rows("SELECT key, status FROM _sync_conflicts")) == {
        "1": "closed", "2": "closed", "3": "resolved", "4": "open"}
    assert project.rows("SELECT key FROM _sync_pins") == [("3",)]
    assert by_key(project.db, "partners", "id", "name") == {
        "1": "name 1", "2": "name 2", "3": "mine", "4": "new", "5": "name 5", "6": "name 6"}
    project.diff(expect=DONE)


@pytest.mark.parametrize("fields", [None, {"code": "code", "name": "name", "phone": "phone"}], ids=["all", "named"])
def test_a_column_that_is_gone_at_one_of_two_sources(tmp_path, fields):
    """Goal: the warning says what becomes of the values: the other source gives them, or nobody does and they stay."""
    project = two(tmp_path, [("A", "crm", "1"), ("B", "b", "1")], [("A", "sheet", "2"), ("C", "c", "3")])
    if fields:
        for entry in project.config["entities"][0]["from"]:
            entry["fields"] = fields
        project.edit(lambda c: None)
    project.sync()
    project.csv("crm", ("code", "phone"), [("A", "1"), ("B", "1")])
    (warning,) = project.sync().json["errors"]
    assert (warning["source"], warning["field"]) == ("crm", "name")
    says = "the table keeps its values" if fields else "the other sources alone give the field"
    assert says in warning["message"]
    now = {"A": "crm", "B": "b", "C": "c"} if fields else {"A": "sheet", "B": None, "C": "c"}
    assert by_key(project.db, "partners", "code", "name") == now
    project.csv("sheet", ("code", "phone"), [("A", "2"), ("C", "3")])
    warnings = project.sync().json["errors"]
    assert [w["source"] for w in warnings] == ["crm", "sheet"]
    assert all("the table keeps its values" in w["message"] for w in warnings)
    assert by_key(project.db, "partners", "code", "name") == now


def test_a_pin_that_does_not_fit_any_more_is_told(tmp_path):
    """Goal: after a change of type: what is not applied, where, and what to do; once a run, until it is unpinned."""
    project = csv_project(tmp_path)
    project.csv("partners", NUMBERED, numbered(4))
    project.sync()
    execute(project.db, "UPDATE partners SET amount = CASE id WHEN '1' THEN '7.5' ELSE 'much' END WHERE id < '3'")
    project.sync()
    pins = dict(project.rows("SELECT key, id FROM _sync_conflicts"))
    for number in pins.values():
        project.command("conflicts", "resolve", str(number), "--keep", "sink").expect(DONE)
    project.sync()
    assert by_key(project.db, "partners", "id", "amount") == {"1": "7.5", "2": "much", "3": "3.50", "4": "4.50"}
    project.edit(lambda c: c["entities"][0].update({"from": [{"source": "files", "fields": {
        "*": True, "amount": {"from": "amount", "type": "decimal"}}}]}))
    for args in (("--rebuild", "--entity", "partners"), ()):
        (told,) = [e for e in project.sync(*args).json["errors"] if "pinned" in e["message"]]
        assert (told["severity"], told["entity"], told["key"], told["field"]) == ("warning", "partners", "2", "amount")
        assert "decimal" in told["message"] and f"conflicts unpin {pins['2']}" in told["message"]
        assert by_key(project.db, "partners", "id", "amount") == {"1": 7.5, "2": 2.5, "3": 3.5, "4": 4.5}
    (told,) = project.diff(expect=DONE).summary["errors"]
    assert told["key"] == "2"
    project.command("conflicts", "unpin", str(pins["2"])).expect(DONE)
    assert project.sync().json["errors"] == []


def test_a_preview_follows_what_will_be_stored(tmp_path):
    """Goal: a followed record that now refers to another one no longer names the former one, in a preview as in a sync."""
    columns = [column("id", "int64", key=1), column("boss", "int64"), column("seq", "int64", version=True)]
    world = World(tmp_path)
    for name, rows in (("staff", [{"id": 1, "boss": 3, "seq": 1}]), ("teams", [{"id": 3, "boss": 8, "seq": 1}]),
                       ("things", [])):
        modes = ["complete", "fetch", *(["cursor", "resume"] if name != "things" else [])]
        world.stream(name, columns=columns, rows=rows, capabilities=modes, apply_conditions=True)

    def followed(name, to):
        refers = {"fields": {"*": True, "boss": {"from": "boss", "refers_to": to}}} if to else {}
        scope = {"scope": "referenced"} if name != "staff" else {}
        return {"name": name, "from": [{"source": "src", "entity": name, **scope, **refers}]}

    project = scripted_project(tmp_path, world.write(), entities=[
        followed("staff", "teams"), followed("teams", "things"), followed("things", None)])
    project.sync()
    assert project.value("SELECT count(*) FROM teams") == 1 and project.value("SELECT count(*) FROM things") == 0
    world["things"]["rows"] = [{"id": 8, "boss": None, "seq": 2}]
    world["teams"]["rows"] = [{"id": 3, "boss": 2, "seq": 3}]
    world.write()
    told = project.command("sync", "--dry-run", "--json").expect(FOUND).changes
    assert [(c["entity"], c["op"]) for c in told] == [("teams", "update")]
    project.sync()
    assert project.value("SELECT count(*) FROM things") == 0
