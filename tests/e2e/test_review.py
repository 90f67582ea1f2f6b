"""What a review by strangers found: each test failed before its bug was mended."""

import signal

import pytest
from harness import (DONE, FOUND, GUARD, INTERRUPTED, INVALID, PARTIAL, Project, by_key, connect, is_commit, statements,
                     tracing, wait_until)
from killing import check_end, kill_at
from worlds import World, column

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
