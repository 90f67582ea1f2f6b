"""What a diff says, what a plan carries out and what a sync does are the same, where features meet."""

import pytest
from harness import DONE, FAILED, FOUND, INVALID, PARTIAL, Project, counts, csv_project, execute
from test_conflicts import Two
from test_plan import Twin
from worlds import World, column, scripted_project


def two_files(folder, **more):
    """One entity of two files: n by one, x by the other."""
    project = Project(folder)
    project.csv("one", ("id", "n"), [("1", "5"), ("2", "6"), ("3", "7")])
    project.csv("two", ("id", "x"), [("1", "a"), ("2", "b")])
    return project.write({"sources": {"files": {"plugin": "csv", "settings": {"path": "data"}}}, "entities": [{
        "name": "t", "key": ["id"], **more, "from": [
            {"source": "files", "as": "one", "entity": "one", "fields": {"id": "id", "n": {"from": "n", "type": "int64"}}},
            {"source": "files", "as": "two", "entity": "two", "fields": {"id": "id", "x": "x"}}]}]})


@pytest.mark.parametrize("rule", [{}, {"history": "scd2"}, {"deletes": "hard"}], ids=str)
def test_diff_of_a_failing_record_of_two_sources(tmp_path, rule):
    """Goal: a failing record keeps what it last offered, in a diff and a plan as in a sync."""
    project = two_files(tmp_path, **rule)
    project.sync()
    project.csv("one", ("id", "n"), [("1", "bad"), ("2", "66"), ("3", "bad")])
    found = project.diff(expect=PARTIAL)
    assert [(c["op"], c["key"]["id"]) for c in found.changes] == [("update", "2")]
    assert counts(Twin(project).both(expect=PARTIAL), "t")[:3] == (0, 1, 0)
    assert project.rows("SELECT id, n FROM t_current ORDER BY id") == [("1", 5), ("2", 66), ("3", 7)]
    project.diff(expect=PARTIAL)


REFERRING = [column("id", "int64", key=1), column("name"), column("boss", "int64"), column("seq", "int64", version=True)]


def referring(i, boss=None, name=None, seq=1):
    return {"id": i, "name": name or f"p{i}", "boss": boss, "seq": seq}


def ids(project):
    return [i for (i,) in project.rows("SELECT id FROM staff_current ORDER BY id")]


def followed(folder, capabilities=(), key=None, **more):
    """Things, completely; of the staff those that things and staff refer to."""
    capabilities = ["complete", "fetch", *capabilities]
    world = (World(folder).stream("things", columns=REFERRING, rows=[referring(1, 1), referring(2, 4)],
                                  capabilities=capabilities)
             .stream("staff", columns=REFERRING, rows=[referring(1, 2), *(referring(i) for i in range(2, 9))],
                     capabilities=capabilities, apply_conditions=True).write())
    boss = {"from": "boss", "refers_to": "staff"}
    project = scripted_project(folder, world, entities=[
        {"name": "things", "from": [{"fields": {"id": "id", "boss": boss}}]},
        {"name": "staff", **({"key": key} if key else {}), **more,
         "from": [{"scope": "referenced", "fields": {"id": "id", "name": "name", "boss": boss}}]}])
    return world, project


@pytest.mark.parametrize("capabilities", [[], ["cursor"]], ids=str)
@pytest.mark.parametrize("rule", [{}, {"history": "scd2"}, {"deletes": "hard"}, {"deletes": "ignore"}], ids=str)
def test_rebuild_of_what_is_referred_to(tmp_path, rule, capabilities):
    """Goal: a table with `scope: referenced` can be made anew on its own, with what the other tables refer to."""
    world, project = followed(tmp_path, capabilities, **rule)
    project.sync()
    assert ids(project) == [1, 2, 4]
    project.edit(lambda c: c["entities"][1]["from"][0]["fields"].update(name={"from": "name", "type": "json"}))
    world["staff"]["rows"] = [{**row, "name": f'"{row["name"]}"'} for row in world["staff"]["rows"]]
    world.write()
    project.command("sync").expect(INVALID).says("sync --rebuild --entity staff")
    assert counts(project.sync("--rebuild", "--entity", "staff"), "staff")[3:] == (0, 0, 0)
    assert project.rows("SELECT id, name FROM staff_current ORDER BY id") == [(1, '"p1"'), (2, '"p2"'), (4, '"p4"')]
    assert project.sync("--full").json["totals"]["rows_unchanged"] == 5
    project.diff(expect=DONE)


def test_rebuild_while_a_referred_record_fails(tmp_path):
    """Goal: what a failing record refers to is not known, so the old table stays."""
    world, project = followed(tmp_path)
    project.edit(lambda c: c["entities"][1]["from"][0]["fields"].update(name={"expr": "to_number(substr(name, 2))"}))
    project.sync()
    world["staff"]["rows"][0]["name"] = "bad"
    world.write()
    project.command("sync", "--rebuild", "--entity", "staff").expect(FAILED).says("not read completely")
    assert ids(project) == [1, 2, 4]


def previewed(project, *args, expect=FOUND):
    """What `sync --dry-run` says comes true; {(op, key)} of it."""
    found = project.command("sync", "--dry-run", "--json", *args).expect(expect)
    before = project.db.read_bytes()
    result = project.sync(*args, expect=(DONE, PARTIAL))
    for e in result.json["entities"]:
        told = found.summary["entities"][e["name"]]
        assert [told[c] for c in ("created", "updated", "deleted", "row_errors")] == [
            e["rows_created"], e["rows_updated"], e["rows_deleted"], e["row_errors"]], f"{found}\n{result}"
    assert project.db.read_bytes() != before
    return sorted((c["op"], *c["key"].values()) for c in found.changes)


def test_preview_of_the_changes_of_two_sources(tmp_path):
    """Goal: a sync by cursor sees what changed, and only that; so does its preview."""
    two = Two(tmp_path, n=300)
    two.crm["partners"]["capabilities"] = ["complete", "cursor"]
    two.crm.write()
    two.says("P-999", "nine", "9")
    project = two.project
    project.sync()
    execute(project.db, "UPDATE partners SET name = 'by hand' WHERE code IN ('P-1', 'P-2')")
    two.crm.remove(3, stream="partners")
    two.change(1, 500, name="new")
    two.sheet({k: v for k, v in two.rows.items() if k not in ("P-3", "P-999")})
    two.says("P-1000", "ten", "10")
    assert previewed(project) == [("create", "P-1000"), ("delete", "P-999"), ("update", "P-1")]
    # P-2, edited, and P-3, deleted, are for the complete read.
    assert previewed(project, "--full") == [("delete", "P-3"), ("update", "P-2")]


def test_preview_of_what_was_resolved(tmp_path):
    """Goal: a pin is written by the next sync, though its record did not change."""
    two = Two(tmp_path, n=4)
    two.crm["partners"]["capabilities"] = ["complete", "delta"]
    two.crm.write()
    two.says("P-2", "name 2", "other")
    two.project.sync()
    two.project.command("conflicts", "resolve", two.open()[0]["id"], "--keep", "sheet").expect(DONE)
    assert previewed(two.project) == [("update", "P-2")]
    assert two.phones()["P-2"] == "other"


def test_preview_of_one_gathering_source(tmp_path):
    """Goal: a record that moves to another key, one that goes and one that leaves `where`, by a delta."""
    world = World(tmp_path).stream("things", columns=REFERRING, rows=[referring(i, i % 3) for i in range(1, 9)],
                                   capabilities=["complete", "delta"]).write()
    project = scripted_project(tmp_path, world, entities=[{"name": "things", "key": ["name"], "from": [
        {"fields": {"name": "name", "boss": "boss"}, "where": "boss < 5"}]}])
    project.sync()
    world.change(2, 20, name="moved").change(5, 21, boss=9).remove(7, seq=22).write()
    assert previewed(project) == [("create", "moved"), ("delete", "p2"), ("delete", "p5"), ("delete", "p7")]
    project.diff(expect=DONE)


def test_preview_of_what_is_referred_to(tmp_path):
    """Goal: behind `scope: referenced`, when who refers is read by cursor, a gathering entity that is read completely loses
    what the source has no more, and keeps what nothing refers to; its preview says so."""
    world, project = followed(tmp_path, ["cursor"])
    fields = project.config["entities"][1]["from"][0]["fields"]
    fields["name"] = {"from": "name", "authority": "reference"}
    project.write(project.config).sync()
    assert ids(project) == [1, 2, 4]
    fields["kind"] = {"static": "x"}
    project.write(project.config)
    world["staff"]["rows"] = [referring(1), referring(2), referring(8)]
    world.change(1, 20, boss=8).write()
    assert previewed(project, "--max-delete", "100%") == [
        ("create", 8), ("delete", 4), ("update", 1)]
    assert ids(project) == [1, 2, 8], "nothing refers to 1 and 2"


def test_numbers_as_people_write_them(tmp_path):
    """Goal: text output shows a number with the digits that it needs, and any number that JSON can hold, however large."""
    project = csv_project(tmp_path, settings={"types": {"d": "double", "j": "json"}})
    project.csv("partners", ("id", "d", "j"), [("1", "-62.51322", '{"a": 0.1}'), ("2", "0.30000000000000004", "1e400"),
                                               ("3", "1e300", '{"-1": [123456789012345678901234567890, "\\"2e999"]}')])
    project.command("diff").expect(FOUND).says(
        "d: -62.51322 ", 'j: {"a": 0.1} ', "d: 0.30000000000000004 ", 'j: "1e400" ', "d: 1e300 ",
        'j: {"-1": ["123456789012345678901234567890", "\\"2e999"]}')
    project.sync()
    execute(project.db, "UPDATE partners SET d = 0.7, j = '1e999'")
    project.command("diff").expect(FOUND).says("d: 0.7 -> -62.51322 ", 'j: "1e999" -> {"a": 0.1} ')
    project.sync()
    project.command("conflicts").expect(DONE).says("sink: 0.7 ", 'sink: "1e999"')
    project.command("lineage", "--entity", "partners", "--key", "2", "--history").expect(DONE).says("0.30000000000000004 ", '"1e400" ')


def test_column_that_is_gone_where_another_source_has_it(tmp_path):
    """Goal: a source whose column is gone keeps what it has said, in a diff and a plan as in a sync; afterwards nothing differs."""
    project = Project(tmp_path)
    project.csv("one", ("id", "n", "y"), [("1", "5", "a"), ("2", "6", "b")])
    project.csv("two", ("id", "n"), [("1", "50"), ("2", None)])
    project.write({"sources": {"files": {"plugin": "csv", "settings": {"path": "data"}}}, "entities": [{
        "name": "t", "key": ["id"], "from": [
            {"source": "files", "as": "one", "entity": "one", "fields": {"id": "id", "n": "n", "y": "y"}},
            {"source": "files", "as": "two", "entity": "two", "fields": {"id": "id", "n": "n"}}]}]})
    project.sync()
    project.csv("one", ("id", "y"), [("1", "a"), ("2", "c")])
    Twin(project).both()
    assert project.rows("SELECT id, n, y FROM t ORDER BY id") == [("1", "5", "a"), ("2", "6", "c")]
