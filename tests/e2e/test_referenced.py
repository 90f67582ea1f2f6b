"""scope: referenced: only what active, current records refer to is read, by key, to the fixed point."""

import time

import pytest
from dataverse import dataverse_project, simulated
from harness import DONE, FAILED, FOUND, INVALID, PARTIAL, counts, entity
from sim import Sim
from worlds import World, column, scripted_project

THINGS = [column("id", "int64", key=1), column("name"), column("owner", "int64")]
STAFF = [column("id", "int64", key=1), column("name"), column("boss", "int64")]
CAPABILITIES = ["complete", "fetch"]


def thing(i, owner=None, name="thing"):
    return {"id": i, "name": name, "owner": owner}


def person(i, boss=None, name=None):
    return {"id": i, "name": name or f"p{i}", "boss": boss}


def world_of(folder, things, staff, **more):
    return (World(folder).stream("things", columns=THINGS, rows=things, capabilities=CAPABILITIES)
            .stream("staff", columns=STAFF, rows=staff, capabilities=CAPABILITIES, **more).write())


def entities(**more):
    return [{"name": "staff", **more, "from": [{"scope": "referenced", "fields": {
                "id": "id", "name": "name", "boss": {"from": "boss", "refers_to": "staff"}}}]},
            {"name": "things", "from": [{"fields": {
                "id": "id", "name": "name", "owner": {"from": "owner", "refers_to": "staff"}}}]}]


def project_of(folder, world, **more):
    return scripted_project(folder, world, entities=entities(**more))


def staff(project):
    return [i for (i,) in project.rows("SELECT id FROM staff WHERE deleted_at IS NULL ORDER BY id")]


def fetched(world):
    """How many keys each request had."""
    return [call["keys"] for call in world.asked("fetch")]


def test_a_chain_and_a_circle(tmp_path):
    """Goal: a chain of 50 and a circle of 3 complete in one run; nothing else is read, and no key twice."""
    chain = [person(i, boss=i + 1) for i in range(1, 50)] + [person(50)]
    circle = [person(101, 102), person(102, 103), person(103, 101)]
    others = [person(i) for i in range(200, 300)]
    world = world_of(tmp_path, [thing(1, 1), thing(2, 102), thing(3), thing(4, 1)], chain + circle + others)
    project = project_of(tmp_path, world)
    assert counts(project.sync("--verify"), "staff")[:3] == (53, 0, 0)
    assert staff(project) == [*range(1, 51), 101, 102, 103]
    assert sum(fetched(world)) == 53 and [s["stream"] for s in world.asked("start")] == ["things"]
    world.forget()
    assert counts(project.sync(), "staff") == (0, 0, 0, 53, 0, 0)
    assert sum(fetched(world)) == 53
    project.diff(expect=DONE)


def test_batches(tmp_path):
    """Goal: keys go in batches."""
    world = world_of(tmp_path, [thing(i, owner=i) for i in range(1, 351)], [person(i) for i in range(1, 351)])
    project = project_of(tmp_path, world)
    assert counts(project.sync(), "staff")[0] == 350
    assert sorted(fetched(world)) == [50, 100, 100, 100]


@pytest.mark.parametrize("rule", [{"deletes": "soft"}, {"deletes": "hard"}, {"history": "scd2"}], ids=str)
def test_later_runs(tmp_path, rule):
    """Goal: what is referred to now is read, changes come, what nothing refers to any more goes, also where a reference of an
    entity that is followed itself changed; what is gone at the source goes; who comes back is revived."""
    world = world_of(tmp_path, [thing(1, 1), thing(2, 4)], [person(1, boss=2), person(2), person(3), person(4)])
    project = project_of(tmp_path, world, **rule)
    project.sync()

    def now():
        return [i for (i,) in project.rows("SELECT id FROM staff_current ORDER BY id")]

    assert now() == [1, 2, 4]
    world["staff"]["rows"][0] = person(1, boss=3, name="new")
    world.write()
    assert [(c["op"], c["entity"], c["key"]) for c in project.diff("--max-delete", "100%", expect=FOUND).changes] == [
        ("update", "staff", {"id": 1}), ("create", "staff", {"id": 3}), ("delete", "staff", {"id": 2})]
    assert counts(project.sync("--max-delete", "100%"), "staff")[:3] == (1, 1, 1)
    assert now() == [1, 3, 4]
    world["staff"]["rows"] = [person(1, boss=2, name="new"), person(2), person(3)]
    world.write()
    project.sync("--max-delete", "100%")
    assert now() == [1, 2], "4 is gone at the source, 3 is not referred to any more"
    project.command("verify").expect(FOUND)
    world["things"]["rows"] = []
    world.write()
    project.sync("--max-delete", "100%")
    assert now() == []
    project.diff(expect=DONE)


def test_referrers_that_were_not_read_completely(tmp_path):
    """Goal: after an incremental read of who refers nothing is dropped for want of references, but what is gone at the source
    goes; after a complete one it is dropped."""
    world = (World(tmp_path).stream("things", columns=[*THINGS, column("seq", "int64", version=True)],
                                    rows=[{**thing(1, 1), "seq": 1}, {**thing(2, 2), "seq": 2}, {**thing(3, 3), "seq": 3}],
                                    capabilities=["complete", "cursor", "fetch"])
             .stream("staff", columns=STAFF, rows=[person(i) for i in range(1, 5)], capabilities=CAPABILITIES).write())
    project = project_of(tmp_path, world)
    project.sync()
    assert staff(project) == [1, 2, 3]
    world["things"]["rows"][0] = {**thing(1, 4), "seq": 9}
    world["staff"]["rows"] = [person(1), person(2), person(4)]
    world.write()
    result = project.sync("--max-delete", "100%")
    assert entity(result.json, "things")["sources"][0]["mode"] == "cursor"
    assert staff(project) == [1, 2, 4], "1 stays for now, 3 is gone"
    project.sync("--full", "--max-delete", "100%")
    assert staff(project) == [2, 4]


def sequenced(rows, seq=1):
    return [{**row, "seq": seq} for row in rows]


def cursor_world(folder, things, people):
    """Both streams have a cursor."""
    more = [column("seq", "int64", version=True)]
    capabilities = ["complete", "cursor", "resume", "fetch"]
    return (World(folder).stream("things", columns=THINGS + more, rows=sequenced(things), capabilities=capabilities)
            .stream("staff", columns=STAFF + more, rows=sequenced(people), capabilities=capabilities,
                    apply_conditions=True).write())


def test_by_cursor(tmp_path):
    """Goal: a table with a cursor is read by it on later runs: records that the table has are kept up, others are left out,
    and only what is newly referred to is asked for by key; a complete read drops what nothing refers to any more."""
    people = [person(i, boss=i + 1) for i in range(1, 6)] + [person(i) for i in range(6, 100)]
    world = cursor_world(tmp_path, [thing(1, 1), thing(2, 10)], people)
    project = project_of(tmp_path, world)
    project.sync()
    assert staff(project) == [1, 2, 3, 4, 5, 6, 10]
    world.forget()
    result = project.sync()
    assert entity(result.json, "staff")["sources"][0]["mode"] == "cursor"
    assert counts(result, "staff")[:3] == (0, 0, 0) and world.asked("fetch") == []
    # 2 changes, and now refers to 20; 50, which is not there, changes too; thing 1 is moved from 1 to 30.
    world.change(2, 5, stream="staff", name="two", boss=20).change(50, 6, stream="staff", name="fifty")
    world.change(20, 7, stream="staff", boss=21).change(1, 8, owner=30).write()
    world.forget()
    result = project.sync()
    assert counts(result, "staff")[:3] == (3, 1, 0) and sum(fetched(world)) == 3
    assert staff(project) == [1, 2, 3, 4, 5, 6, 10, 20, 21, 30], "nothing is dropped yet"
    assert project.value("SELECT name FROM staff WHERE id = 2") == "two"
    assert counts(project.sync(), "staff")[:3] == (0, 0, 0)
    project.sync("--full", "--max-delete", "100%")
    assert staff(project) == [10, 30]
    project.diff(expect=DONE)
    # Back to one that is gone from the table: revived, though it did not change.
    world.change(1, 30, owner=1).write()
    project.sync()
    assert staff(project) == [1, 2, 10, 20, 21, 30]


def test_row_errors_by_cursor(tmp_path):
    """Goal: a changed record that the table does not have is no row error, one that it has is."""
    world = cursor_world(tmp_path, [thing(1, 1)], [person(1), person(2)])
    project = project_of(tmp_path, world)
    project.edit(lambda c: c["entities"][0]["from"][0]["fields"].update(name={"expr": "to_number(substr(name, 2))"}))
    project.sync()
    world.change(2, 5, stream="staff", name="bad").write()
    project.sync()
    world.change(1, 6, stream="staff", name="bad").write()
    project.sync(expect=PARTIAL)
    assert project.rows("SELECT key FROM _sync_errors WHERE closed_at IS NULL") == [("1",)]
    world.change(1, 7, stream="staff", name="p7").write()
    project.sync()
    assert project.value("SELECT name FROM staff WHERE id = 1") == "7"


def test_two_that_refer_to_each_other_by_cursor(tmp_path):
    """Goal: a chain that goes back and forth between two entities that are followed, by key and by what the tables have."""
    more = [column("seq", "int64", version=True)]
    capabilities = ["complete", "cursor", "fetch"]
    left = [column("id", "int64", key=1), column("to_b", "int64"), *more]
    right = [column("id", "int64", key=1), column("to_a", "int64"), *more]
    world = (World(tmp_path).stream("roots", columns=left, rows=[{"id": 1, "to_b": 1, "seq": 1}], capabilities=capabilities)
             .stream("a", columns=left, rows=[{"id": i, "to_b": i + 1, "seq": 1} for i in range(1, 30)],
                     capabilities=capabilities, apply_conditions=True)
             .stream("b", columns=right, rows=[{"id": i, "to_a": i, "seq": 1} for i in range(1, 30)],
                     capabilities=capabilities, apply_conditions=True).write())
    fields = {"id": "id", "to_b": {"from": "to_b", "refers_to": "b"}}
    project = scripted_project(tmp_path, world, options={"concurrency": 1}, entities=[
        {"name": "a", "from": [{"scope": "referenced", "fields": fields}]},
        {"name": "b", "from": [{"scope": "referenced", "fields": {"id": "id", "to_a": {"from": "to_a", "refers_to": "a"}}}]},
        {"name": "roots", "from": [{"fields": fields}]}])
    project.sync()
    assert project.rows("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)") == [(29, 29)]
    world["a"]["rows"].append({"id": 30, "to_b": 30, "seq": 9})
    world["a"]["rows"].append({"id": 31, "to_b": None, "seq": 9})
    world["b"]["rows"].append({"id": 30, "to_a": 31, "seq": 9})
    world.change(29, 9, stream="b", to_a=30).write()
    project.sync()
    assert project.rows("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)") == [(31, 30)]
    assert [(c["op"], c["entity"], c["key"]) for c in project.diff(expect=FOUND).changes] == [("delete", "a", {"id": 29})]
    project.sync("--full")
    project.diff(expect=DONE)


def test_selected_entities(tmp_path):
    """Goal: --entity says which references it did not follow; of an entity that is followed, alone, nothing is dropped."""
    world = world_of(tmp_path, [thing(1, 1)], [person(1, boss=2), person(2)])
    project = project_of(tmp_path, world)
    result = project.sync("--entity", "things")
    (warning,) = [e for e in result.json["errors"] if e["severity"] == "warning"]
    assert warning["field"] == "owner" and 'entity "staff" were not followed' in warning["message"]
    assert world.asked("fetch") == []
    project.sync()
    world["things"]["rows"] = []
    world.write()
    project.sync("--entity", "staff")
    assert staff(project) == [1, 2]


def test_a_failing_referrer_drops_nothing(tmp_path):
    """Goal: while it is not known what is referred to, nothing is dropped."""
    world = world_of(tmp_path, [thing(1, 1), thing(2, 2)], [person(1), person(2)])
    project = project_of(tmp_path, world)
    project.sync()
    world["things"]["rows"] = [thing(1, 1)]
    world.fault("pull", stream="things", status="network").write()
    assert [c for c in project.diff(expect=(PARTIAL, FAILED)).changes if c["entity"] == "staff"] == []
    project.sync(expect=(PARTIAL, FAILED))
    assert staff(project) == [1, 2]
    world.calm().write()
    project.sync("--max-delete", "100%")
    assert staff(project) == [1]


def test_one_that_is_followed_fails_early(tmp_path):
    """Goal: what only its records refer to is not dropped."""
    teams = [column("id", "int64", key=1), column("lead", "int64")]
    world = world_of(tmp_path, [thing(1, 1)], [person(1), person(2)])
    world.stream("teams", columns=teams, rows=[{"id": 1, "lead": 2}], capabilities=CAPABILITIES).write()
    project = scripted_project(tmp_path, world, entities=[
        {"name": "staff", "from": [{"scope": "referenced", "fields": {"id": "id", "name": "name"}}]},
        {"name": "teams", "from": [{"scope": "referenced", "fields": {
            "id": "id", "lead": {"from": "lead", "refers_to": "staff"}}}]},
        {"name": "things", "from": [{"fields": {"id": {"from": "id", "refers_to": "teams"}, "owner": {
            "from": "owner", "refers_to": "staff"}}}]}])
    project.sync()
    assert staff(project) == [1, 2]
    world.fault("describe", stream="teams", status="network").write()
    project.sync("--max-delete", "100%", expect=PARTIAL)
    assert staff(project) == [1, 2]
    world.calm()["teams"]["rows"][0]["lead"] = 1
    world.write()
    project.sync("--max-delete", "100%")
    assert staff(project) == [1]


def test_a_failing_fetch(tmp_path):
    """Goal: a fetch that fails is the entity's error, nothing is lost, and the next run goes on."""
    world = world_of(tmp_path, [thing(1, 1)], [person(1, boss=2), person(2)])
    project = project_of(tmp_path, world)
    world.fault("fetch", status="network").write()
    result = project.sync(expect=PARTIAL)
    assert entity(result.json, "things")["rows_created"] == 1
    world.calm().write()
    project.sync()
    assert staff(project) == [1, 2]


def test_what_cannot_be_followed(tmp_path):
    """Goal: no field that refers to it, or a source that does not give records by key: said, and exit 78 or a failed entity."""
    world = world_of(tmp_path, [thing(1, 1)], [person(1)])
    project = project_of(tmp_path, world)
    project.edit(lambda c: c["entities"][1]["from"][0]["fields"].update(owner="owner"))
    project.edit(lambda c: c["entities"][0]["from"][0]["fields"].update(boss="boss"))
    result = project.sync(expect=(PARTIAL, FAILED, INVALID))
    assert any("no field refers to it" in e["message"] for e in result.json["errors"])
    assert entity(result.json, "things")["rows_created"] == 1
    other = tmp_path / "other"
    other.mkdir()
    world = (World(other).stream("things", columns=THINGS, rows=[thing(1, 1)], capabilities=CAPABILITIES)
             .stream("staff", columns=STAFF, rows=[person(1)], capabilities=["complete"]).write())
    project_of(other, world).command("validate").expect(FOUND).says("does not give records by key")
    result = project_of(other, world).sync(expect=(PARTIAL, FAILED, INVALID))
    assert any("does not give records by key" in e["message"] for e in result.json["errors"])


def test_a_changed_scope(tmp_path):
    """Goal: from all to referenced and back: after one sync what a fresh database would have."""
    world = world_of(tmp_path, [thing(1, 1)], [person(1, boss=2), person(2), person(3)])
    project = project_of(tmp_path, world)
    project.edit(lambda c: c["entities"][0]["from"][0].update(scope="all"))
    project.sync()
    assert staff(project) == [1, 2, 3]
    project.edit(lambda c: c["entities"][0]["from"][0].update(scope="referenced"))
    project.sync("--max-delete", "100%")
    assert staff(project) == [1, 2]
    project.edit(lambda c: c["entities"][0]["from"][0].update(scope="all"))
    project.sync()
    assert staff(project) == [1, 2, 3]


def test_where_and_row_errors(tmp_path):
    """Goal: `where` leaves out what is followed, too; a record that fails is a row error, and drops nothing."""
    world = world_of(tmp_path, [thing(1, 1), thing(2, 2)], [person(1, boss=3), person(2, name="x"), person(3)])
    project = project_of(tmp_path, world)
    project.edit(lambda c: c["entities"][0]["from"][0].update(where="name <> 'x'"))
    project.sync()
    assert staff(project) == [1, 3]


def test_dataverse(tmp_path):
    """Goal: contacts completely, of the accounts only those that they refer to, by declared lookups: the simulator sees
    reads by key alone."""
    with Sim("--rows", "accounts=300", "--rows", "contacts=40") as sim:
        project = dataverse_project(tmp_path, sim, [
            {"name": "accounts", "keep_raw": False, "from": [{"scope": "referenced", "fields": {
                "accountid": "accountid", "name": "name", "_parentaccountid_value": "_parentaccountid_value"}}]},
            {"name": "contacts"}])
        project.sync()
        rows, contacts = simulated(sim, "accounts"), simulated(sim, "contacts")
        wanted = {c["_parentcustomerid_value"] for c in contacts.values() if c["_parentcustomerid_value"] in rows}
        while True:
            more = {rows[k].get("_parentaccountid_value") for k in wanted} & set(rows) - wanted
            if not more:
                break
            wanted |= more
        assert {k for (k,) in project.rows("SELECT accountid FROM accounts")} == wanted
        assert 0 < len(wanted) < 300
        project.diff(expect=DONE)
        kept, left = next(iter(wanted)), next(iter(set(rows) - wanted))
        sim.advance(1000)
        sim.clear_log()
        sim.change(accounts={"update": [{"accountid": kept, "name": "new"}, {"accountid": left, "name": "other"}]})
        result = project.sync()
        assert entity(result.json, "accounts")["sources"][0]["mode"] == "cursor"
        assert counts(result, "accounts")[:3] == (0, 1, 0)
        assert project.rows("SELECT accountid FROM accounts WHERE name = 'new'") == [(kept,)]
        project.diff(expect=DONE)
        sim.expect_clean()


def test_trials_and_previews(tmp_path):
    """Goal: --row-limit reads so many and deletes nothing, --dry-run and diff write nothing and end."""
    world = cursor_world(tmp_path, [thing(i, i) for i in range(1, 8)], [person(i, boss=i + 10) for i in range(1, 18)])
    project = project_of(tmp_path, world)
    assert len([c for c in project.diff(expect=FOUND).changes if c["entity"] == "staff"]) == 14
    project.sync("--row-limit", "3", expect=(DONE, FOUND, PARTIAL))
    assert 0 < len(staff(project)) <= 7
    project.sync()
    assert staff(project) == [*range(1, 8), *range(11, 18)]
    world.change(1, 5, stream="staff", name="new").change(2, 5, owner=None).write()
    preview = project.command("sync", "--dry-run", "--json").expect(FOUND)
    assert '"op":"update","entity":"staff"' in preview.out
    assert project.value("SELECT name FROM staff WHERE id = 1") == "p1"
    project.sync()
    assert project.value("SELECT name FROM staff WHERE id = 1") == "new"


def test_a_preview_by_cursor_leaves_what_a_changed_record_referred_to(tmp_path):
    """Goal: what the stored row of a record that changed refers to is not read, as in the sync that follows."""
    world = cursor_world(tmp_path, [thing(1, 50), thing(2, 3)], [person(2), person(3)])
    project = project_of(tmp_path, world)
    project.sync()
    world["staff"]["rows"].append(person(50) | {"seq": 5})
    world.change(1, 6, owner=2).write()
    preview = project.command("sync", "--dry-run", "--json").expect(FOUND)
    assert [(c["op"], c["key"]) for c in preview.changes if c["entity"] == "staff"] == [("create", {"id": 2})]
    project.sync()
    assert staff(project) == [2, 3]


def test_a_source_that_cannot_be_opened(tmp_path):
    """Goal: what is followed does not wait for ever for who refers to it."""
    world = cursor_world(tmp_path, [thing(1, 1)], [person(1)])
    project = project_of(tmp_path, world)
    project.edit(lambda c: c["sources"].update(other={"plugin": "csv", "settings": {"path": "nothing"}}))
    project.edit(lambda c: c["entities"].append({"name": "orders", "key": ["id"], "from": [
        {"source": "other", "fields": {"id": "id", "who": {"from": "who", "refers_to": "staff"}}}]}))
    for entry in project.config["entities"][:2]:
        entry["from"][0]["source"] = "src"
    project.write(project.config)
    project.sync(expect=(PARTIAL, FAILED))
    assert staff(project) == [1]
    world.root["streams"].pop("things")
    world.write()
    project.sync(expect=(PARTIAL, FAILED))
    assert staff(project) == [1]


@pytest.mark.parametrize("delay", [0.15, 0.3, 0.5])
def test_killed(tmp_path, delay):
    """Goal: killed while it follows, the next run ends with what an undisturbed one has."""
    with Sim("--rows", "accounts=1500", "--rows", "contacts=900") as sim:
        wanted = [{"name": "accounts", "keep_raw": False, "from": [{"scope": "referenced", "fields": {
            "accountid": "accountid", "name": "name", "_parentaccountid_value": "_parentaccountid_value"}}]},
            {"name": "contacts", "keep_raw": False, "from": [{"fields": {
                "contactid": "contactid", "_parentcustomerid_value": "_parentcustomerid_value"}}]}]
        project = dataverse_project(tmp_path, sim, wanted, page_size=100)
        process = project.start("sync")
        time.sleep(delay)
        process.kill()
        process.wait()
        project.sync()
        fresh = dataverse_project(tmp_path, sim, wanted, name="fresh")
        fresh.sync()
        query = "SELECT accountid, name FROM accounts WHERE deleted_at IS NULL ORDER BY 1"
        assert project.rows(query) == fresh.rows(query) != []
        project.diff(expect=DONE)
