"""`validate`: the schemas of sources, project and sink against each other."""

import json
import re

import pytest
from dataverse import dataverse_project
from harness import (DONE, FAILED, FOUND, INVALID, NUMBERED, columns, csv_project, execute, numbered, snapshot,
                     validate_json)
from sim import Sim
from sinks import memory_sink
from worlds import World, column, scripted_project, thing


def validate(project, expect=DONE):
    document = validate_json(project.command("validate", "--json").expect(expect).json, "validate")
    problems = document["problems"]
    for severity in ("error", "warning", "info"):
        assert document[severity + "s"] == sum(p["severity"] == severity for p in problems)
    for p in problems:
        if p["check"]:
            assert p["entity"] and re.search(r"demo\.yaml$", p["file"]), p
            assert p["line"] > 0 or p["check"] == "table_extra", p
    return problems


def found(problems, *words):
    """(severity, check, entity, source, field) of the rows that are about schemas."""
    rows = [(p["severity"], p["check"], p["entity"], p["source"], p["field"]) for p in problems
            if p["check"] and all(w in p["message"] for w in words)]
    return sorted(rows, key=str)


def scripted(folder, rule="lock", sink=None, extra=(), **more):
    world = World(folder)
    world.stream(columns=[column("id", "int64", key=1), column("v", "int64"), column("name"), *extra],
                 rows=[{"id": i, "$number": i, "seq": i, "v": i, "name": f"name {i}"} for i in range(1, 4)]).write()
    project = scripted_project(folder, world, entities=[{"name": "things", "schema": rule, **more}])
    if sink:
        project.write({**project.config, "sink": sink(project)})
    return project, world


def test_nothing_wrong(tmp_path):
    """Goal: before the first sync nothing is wrong, and after it neither; nothing is written."""
    project, _ = scripted(tmp_path)
    assert not found(validate(project)) and not project.db.exists()
    project.sync()
    before = snapshot(tmp_path)
    assert validate(project) == []
    project.command("validate").expect(DONE).says("nothing wrong was found")
    assert {k: v for k, v in snapshot(tmp_path).items() if not k.endswith(".log")} == {
        k: v for k, v in before.items() if not k.endswith(".log")}


CHANGES = {
    "new": ("column_new", "extra", ("warning", "info", "error")),
    "gone": ("column_gone", "name", ("warning", "warning", "error")),
    "wider": ("type", "v", ("error", "info", "error")),
    "other": ("type", "name", ("error", "info", "error")),
    "nullable": ("nullability", "v", ("info", "info", "error")),
    "key": ("key", None, ("error", "error", "error")),
}


def different(world, what):
    stream = world["things"]
    by_name = {c["name"]: c for c in stream["columns"]}
    if what == "new":
        stream["columns"].append(column("extra"))
    elif what == "gone":
        stream["columns"].remove(by_name["name"])
        for row in world.rows():
            row.pop("name")
    elif what == "wider":
        by_name["v"]["type"] = "decimal"
    elif what == "other":
        by_name["name"]["type"] = "json"
    elif what == "nullable":
        by_name["v"]["nullable"] = False
    elif what == "key":
        by_name["name"].update(key=2, nullable=False)
    world.write()


@pytest.mark.parametrize("at,rule", enumerate(["lock", "evolve", "strict"]))
@pytest.mark.parametrize("what", CHANGES)
def test_source_that_changed(tmp_path, what, at, rule):
    """Goal: each change of a source is a row with its severity by the rule, with entity, source and field, and says what to
    do; a sync agrees: it fails where validate says error."""
    project, world = scripted(tmp_path, rule)
    project.sync()
    different(world, what)
    check, field, severities = CHANGES[what]
    severity = severities[at]
    rows = found(validate(project, FOUND if severity == "error" else DONE))
    assert (severity, check, "things", "src", field) in rows
    assert what != "new" or len(rows) == 1, "told once"
    errors = [r for r in rows if r[0] == "error"]
    assert bool(errors) == (severity == "error")
    if what == "wider":
        for row in world.rows():
            row["v"] = str(row["v"])
    if what == "other":
        for row in world.rows():
            row["name"] = {"a": row["name"]}
    world.write()
    project.command("sync").expect(FAILED if severity == "error" else DONE)
    if severity == "info" and what != "other":  # text from json: the column goes on being wider
        assert not [r for r in found(validate(project)) if r[1] in ("column_new", "type")], "and then it is done"


def test_converted_field(tmp_path):
    """Goal: where the project names the type, another one at the source is no error."""
    project, world = scripted(tmp_path, **{"from": [{"source": "src", "fields": {
        "*": True, "v": {"from": "v", "type": "text"}}}]})
    project.sync()
    different(world, "wider")
    assert found(validate(project)) == [("info", "type", "things", "src", "v")]


@pytest.mark.parametrize("sink", [None, memory_sink], ids=["sqlite", "memory"])
def test_table_against_project(tmp_path, sink):
    """Goal: a field without column, a column without field, a table without entity, each with its place."""
    fields = {"id": "id", "v": "v"}
    project, world = scripted(tmp_path, sink=sink, **{"from": [{"source": "src", "fields": fields}]})
    world.stream("others", rows=[thing(1)]).write()
    project.edit(lambda c: c["entities"].append("others"))
    project.sync()
    fields["title"] = "name"
    del fields["v"]
    project.edit(lambda c: c["entities"].pop())
    problems = validate(project)
    assert found(problems) == [("info", "column_extra", "things", None, "v"), ("info", "column_missing", "things", None, "title"),
                               ("info", "table_extra", "others", None, None)]


def test_table_that_was_edited(tmp_path):
    """Goal: columns that somebody dropped, added or declared otherwise, and a table that is gone, are told."""
    project, _ = scripted(tmp_path, rule="strict")
    project.sync()
    execute(project.db, "DROP VIEW things_current")
    execute(project.db, "ALTER TABLE things DROP COLUMN v")
    execute(project.db, "ALTER TABLE things ADD COLUMN note TEXT")
    assert found(validate(project, FOUND)) == [("error", "column_missing", "things", None, "v"),
                                               ("info", "column_extra", "things", None, "note")]
    project.edit(lambda c: c["entities"][0].update(schema="lock"))
    assert found(validate(project))[1] == ("warning", "column_missing", "things", None, "v")
    execute(project.db, "ALTER TABLE things ADD COLUMN v REAL")
    assert ("warning", "type", "things", None, "v") in found(validate(project), "REAL", "int64")
    execute(project.db, "DROP TABLE things")
    assert found(validate(project)) == [("warning", "table_missing", "things", None, None)]


def test_adopted_table(tmp_path):
    """Goal: a table to be adopted is compared, too: its columns, types and NOT NULL."""
    project, _ = scripted(tmp_path, adopt=True)
    project.command("sync", "--entity", "things").expect(DONE)
    execute(project.db, "DROP VIEW things_current")
    execute(project.db, "DROP TABLE things")
    execute(project.db, "DELETE FROM _sync_tables")
    execute(project.db, "CREATE TABLE things(id INTEGER PRIMARY KEY, v BLOB NOT NULL, note TEXT)")
    assert found(validate(project)) == [
        ("info", "column_extra", "things", None, "note"), ("info", "column_missing", "things", None, "name"),
        ("warning", "nullability", "things", None, "v"), ("warning", "type", "things", None, "v")]
    project.edit(lambda c: c["entities"][0].pop("adopt"))
    problems = validate(project, INVALID)
    assert not found(problems) and any("adopt: true" in p["message"] for p in problems)


def test_key_that_may_be_null(tmp_path):
    """Goal: a nullable column as key is an info; a source without types does not tell, so nothing is said."""
    project, _ = scripted(tmp_path, key=["name"])
    assert found(validate(project)) == [("info", "nullability", "things", "src", "name")]
    csv = csv_project(tmp_path / "csv")
    csv.csv("partners", NUMBERED, numbered(3))
    assert not found(validate(csv))


# ---- References ----

def with_references(folder, owner_type="int64", refers_to="users", targets=("users",), users=None):
    world = World(folder)
    world.stream("users", columns=[column("id", "int64", key=1), column("code", key=2 if users == "two" else 0)],
                 rows=[{"id": 1, "$number": 1, "seq": 1, "code": "a"}])
    world.stream("teams", columns=[column("id", "int64", key=1)], rows=[])
    world.stream(columns=[column("id", "int64", key=1), column("owner", owner_type, targets=list(targets))], rows=[])
    world.write()
    spec = {"from": "owner", "refers_to": refers_to} if refers_to else "owner"
    entities = [{"name": "things", "from": [{"source": "src", "fields": {"id": "id", "owner": spec}}]}, "users"]
    return scripted_project(folder, world, entities=entities)


@pytest.mark.parametrize("more,expected,words", [
    ({}, [], ()),
    ({"owner_type": "text"}, [("warning", "reference", "things", "src", "owner")], ("text", "int64")),
    ({"targets": ("teams",)}, [("warning", "reference", "things", "src", "owner")], ("teams",)),
    ({"targets": ("teams", "users")}, [], ()),
    ({"users": "two"}, [("error", "reference", "things", "src", "owner")], ("2 fields",)),
    ({"targets": ("teams",), "refers_to": None}, [("info", "reference", "things", "src", None)], ("teams", "owner")),
    ({"targets": ("teams", "users"), "refers_to": None}, [], ()),
])
def test_references(tmp_path, more, expected, words):
    """Goal: what the project says of a reference against the referred entity's key, and against what the source says."""
    project = with_references(tmp_path, **more)
    problems = validate(project, FOUND if any(e[0] == "error" for e in expected) else DONE)
    assert [f for f in found(problems) if f[1] == "reference"] == expected
    assert not expected or found(problems, *words), problems


def test_reference_to_no_entity(tmp_path):
    """Goal: refers_to names an entity of the project, or the file cannot be used."""
    project = with_references(tmp_path, refers_to="user")
    problems = validate(project, INVALID)
    assert any("user" in p["message"] and "users" in p["message"] for p in problems)


# ---- Several sources ----

def test_several_sources(tmp_path):
    """Goal: an entity of two sources is looked at as a whole: the type of a field is the higher source's, and each row
    names the source that it is about."""
    (tmp_path / "a").mkdir()
    one, two = World(tmp_path, "one"), World(tmp_path, "two")
    for world, kind in ((one, "int64"), (two, "decimal")):
        world.stream(columns=[column("id", "int64", key=1), column("v", kind)], rows=[]).write()
    project = scripted_project(tmp_path, one)
    project.edit(lambda c: c.update(sources={
        w.file.stem: {"plugin": "scripted", "priority": p, "settings": {"script": str(w.file), "log": str(w.log)}}
        for w, p in ((one, 100), (two, 50))}, entities=[{"name": "things", "key": ["id"], "schema": "strict", "from": [
            {"source": "one", "entity": "things"}, {"source": "two", "entity": "things"}]}]))
    assert not [r for r in found(validate(project)) if r[0] != "info"]
    project.sync()
    two["things"]["columns"].append(column("extra"))
    two.write()
    assert ("error", "column_new", "things", "two", "extra") in found(validate(project, FOUND))


# ---- Text and Markdown ----

def test_text(tmp_path):
    """Goal: one line a row, with its place in the file, severity and place in the project."""
    project, world = scripted(tmp_path, **{"from": [{"source": "src", "fields": {"id": "id", "v": {"from": "v"}}}]})
    project.sync()
    different(world, "wider")
    result = project.command("validate").expect(FOUND)
    line = next(n for n, text in enumerate(project.file.read_text().splitlines(), 1) if '"v"' in text)
    assert re.search(rf"demo\.yaml:{line}:\d+: error: entities\[0\]\.from\[0\]\.fields\.v: field \"v\" was of type int64", result.out)
    result.says("1 error, 0 warnings, 0 infos")


def test_markdown(tmp_path):
    """Goal: --markdown FILE writes tables by severity, beside text or JSON; what names hold cannot break them."""
    project, world = scripted(tmp_path, extra=[column("a|b_*<i>", "int64")])
    project.sync()
    different(world, "new")
    for c in world["things"]["columns"]:
        if c["name"].startswith("a|"):
            c["type"] = "json"
    world.write()
    target = tmp_path / "schema.md"
    target.write_text("old " * 1000)
    result = project.command("validate", "--json", "--markdown", "schema.md").expect(FOUND)
    assert len(json.loads(result.out)["problems"]) == 2
    text = target.read_text()
    assert text.startswith("# dvsync validate: demo\n\nErrors: 1, warnings: 1, infos: 0.\n")
    assert text.index("## Errors") < text.index("## Warnings") and "## Infos" not in text and "old" not in text
    rows = [line for line in text.splitlines() if line.startswith("| ") and "where" not in line]
    assert len(rows) == 2
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 6, row
    assert r"a\|b\_\*&lt;i>" in rows[0] and "| things | src | " in rows[0] and "| extra | " in rows[1]
    project.command("validate", "--markdown", "no/such/schema.md").expect(FAILED).says("no/such/schema.md")
    world["things"]["columns"] = world["things"]["columns"][:3]
    world.write()


def test_markdown_of_an_unusable_file(tmp_path):
    """Goal: 78 with all errors of the file, in the Markdown, too."""
    project, _ = scripted(tmp_path)
    project.edit(lambda c: c["entities"][0].update(shcema="lock"))
    project.command("validate", "--markdown", "schema.md").expect(INVALID).says("shcema")
    assert "shcema" in (tmp_path / "schema.md").read_text()


def test_no_sink_yet_and_no_source(tmp_path):
    """Goal: what cannot be reached is an error of its own, and everything else is still looked at."""
    project, world = scripted(tmp_path)
    world.stream("others", rows=[thing(1)]).write()
    project.edit(lambda c: c["entities"].append({"name": "others", "from": [{"source": "src", "fields": {"id": "id"}}]}))
    project.sync()
    world.fault("describe", stream="things", times=0, status="network", message="no way to things").write()
    execute(project.db, "ALTER TABLE others ADD COLUMN note")
    problems = validate(project, FOUND)
    assert any("no way to things" in p["message"] for p in problems)
    assert ("info", "column_extra", "others", None, "note") in found(problems)
    assert "note" in columns(project.db, "others")


def test_dataverse(tmp_path):
    """Goal: a Dataverse organisation: nothing wrong but lookups to tables that the project does not have."""
    with Sim("--rows", "accounts=20", "--rows", "contacts=20") as sim:
        project = dataverse_project(tmp_path, sim, ["accounts", "contacts"], name="demo")
        project.sync()
        problems = validate(project)
        assert {p["severity"] for p in problems} <= {"info"} and {p["check"] for p in problems} <= {"reference"}
