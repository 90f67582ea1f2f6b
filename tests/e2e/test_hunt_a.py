"""Several sources, expressions and history together, in the corners where one feature meets another."""

import pytest
from harness import DONE, FAILED, FOUND, INVALID, PARTIAL, Project, by_key, execute
from worlds import World, column, scripted_project, thing

FIELDS = ("code", "name", "phone")


def two(folder, crm=(), sheet=(), **more):
    """Partners from crm.csv (priority 2) and sheet.csv (priority 1), all fields of both."""
    project = Project(folder)
    project.csv("crm", FIELDS, crm)
    project.csv("sheet", FIELDS, sheet)
    sources = {name: {"plugin": "csv", "priority": priority, "settings": {"path": f"data/{name}.csv"}}
               for name, priority in (("crm", 2), ("sheet", 1))}
    return project.write({"sources": sources, "options": {"max_delete": "100%"}, "entities": [
        {"name": "partners", "key": ["code"], **more,
         "from": [{"source": name, "entity": name} for name in ("crm", "sheet")]}]})


def test_the_source_of_a_record_without_a_key_is_named(tmp_path):
    """Goal: the warning that nothing was deleted names the source that delivered such a record."""
    project = two(tmp_path, crm=[("A", "a", "1")], sheet=[("A", "a", "1"), (None, "x", "2")])
    warnings = [e for e in project.sync(expect=PARTIAL).json["errors"] if e["severity"] == "warning"]
    assert [(w["source"], "nothing was deleted" in w["message"]) for w in warnings] == [("sheet", True)]


# ---- Names compare without case ----

@pytest.mark.parametrize("adopt", [False, True])
def test_a_table_of_another_project_in_other_letters(tmp_path, adopt):
    """Goal: it is that project's table, whatever the case of its name: refused, also with `adopt`."""
    project = two(tmp_path, crm=[("A", "a", "1")])
    project.sync()
    other = two(tmp_path / "other", crm=[("B", "b", "2")], name="PARTNERS", adopt=adopt)
    other.edit(lambda c: c.update(name="other", sink={"plugin": "sqlite", "settings": {"path": str(project.db)}}))
    for command in ("validate", "diff", "sync"):
        other.command(command).expect(INVALID).says('table "partners" belongs to project "demo"')
    assert by_key(project.db, "partners", "code", "name") == {"A": "a"}


def test_an_entity_in_other_letters(tmp_path):
    """Goal: an entity whose name changed its case is told so; its table is not taken for somebody else's."""
    project = two(tmp_path, crm=[("A", "a", "1")])
    project.sync()
    project.edit(lambda c: c["entities"][0].update(name="Partners", adopt=True))
    for command in ("validate", "diff", "sync"):
        project.command(command).expect(INVALID).says('that of the entity "partners"', "without case")
    assert by_key(project.db, "partners", "code", "name") == {"A": "a"}
    assert project.value("SELECT count(*) FROM _sync_tables") == 1


def test_a_field_in_other_letters(tmp_path):
    """Goal: it is the same field: a reference value that somebody edited stays, and is still known as edited."""
    project = two(tmp_path, crm=[("A", "a", "1")])
    project.edit(lambda c: c["entities"][0]["from"][0].update(fields={
        "code": "code", "name": "name", "phone": {"from": "phone", "authority": "reference"}}))
    project.edit(lambda c: c["entities"][0]["from"].pop())
    project.sync()
    execute(project.db, "UPDATE partners SET phone = 'mine', name = 'other'")
    project.edit(lambda c: c["entities"][0]["from"][0].update(fields={
        "code": "code", "Name": "name", "Phone": {"from": "phone", "authority": "reference"}}))
    project.sync()
    assert by_key(project.db, "partners", "code", "name", "phone") == {"A": ("a", "mine")}
    assert project.rows("SELECT kind, winner_source, loser_value FROM _sync_conflicts ORDER BY 2") == [
        ("local_edit", "crm", '"other"'), ("local_edit", "sink", '"1"')]
    assert project.value("SELECT count(DISTINCT position) FROM _sync_schema") == 3
    project.diff(expect=DONE)


# ---- Decisions ----

def test_an_edit_that_was_decided_against_is_no_news(tmp_path):
    """Goal: the sync that writes the value of `resolve` over an edit opens no conflict over it; one over a later edit it does."""
    project = two(tmp_path, crm=[("A", "a", "1")])
    project.edit(lambda c: c["entities"][0]["from"][0].update(fields={
        "*": True, "phone": {"from": "phone", "authority": "reference"}}))
    project.sync()
    execute(project.db, "UPDATE partners SET phone = 'mine'")
    project.sync("--fail-on-conflict", expect=FOUND)
    (edit,) = project.command("conflicts", "--json").json["conflicts"]
    project.command("conflicts", "resolve", edit["id"], "--keep", "crm").expect(DONE)
    assert project.diff("--fail-on-conflict", expect=FOUND).summary["entities"]["partners"]["conflicts"] == 0
    project.sync("--fail-on-conflict")
    assert by_key(project.db, "partners", "code", "phone") == {"A": "1"}
    execute(project.db, "UPDATE partners SET phone = 'again'")
    project.sync("--fail-on-conflict", expect=FOUND)
    assert project.rows("SELECT kind, loser_value, rule FROM _sync_conflicts WHERE status = 'open'") == [
        ("local_edit", '"again"', "pin")]
    assert by_key(project.db, "partners", "code", "phone") == {"A": "1"}


@pytest.mark.parametrize("sources", [1, 2])
def test_a_derived_value_is_nobodys(tmp_path, sources):
    """Goal: in the conflict over an edited derived value no source is the winner, however many sources there are."""
    project = two(tmp_path, crm=[("A", "a", "1")], derived={"label": "name || phone"})
    project.edit(lambda c: c["entities"][0].update({"from": c["entities"][0]["from"][:sources]}))
    project.sync()
    execute(project.db, "UPDATE partners SET label = 'mine'")
    project.sync()
    assert project.rows("SELECT winner_source, winner_value, loser_source, rule FROM _sync_conflicts") == [
        (None, '"a1"', "sink", "derived")]


# ---- Referenced records ----

def test_a_referenced_record_that_leaves_where(tmp_path):
    """Goal: after the project's edit one sync drops it, though those that refer to it were read by delta."""
    world = World(tmp_path).stream("deals", columns=[column("id", "int64", key=1), column("firm", "int64")],
                                   rows=[{"id": i, "firm": i, "seq": i} for i in (1, 2)],
                                   capabilities=["complete", "delta"])
    world.stream("firms", columns=[column("id", "int64", key=1), column("name")],
                 rows=[{"id": i, "name": f"f{i}", "seq": i} for i in (1, 2, 3)], capabilities=["complete", "delta", "fetch"])
    world.write()
    firms = {"name": "firms", "from": [{"scope": "referenced"}]}
    deals = {"name": "deals", "from": [{"fields": {"id": "id", "firm": {"from": "firm", "refers_to": "firms"}}}]}
    project = Project(tmp_path).write({
        "source": {"plugin": "scripted", "settings": {"script": str(world.file)}},
        "options": {"max_delete": "100%"}, "entities": [deals, firms]})
    project.sync()
    assert sorted(by_key(project.db, "firms", "id", "name")) == [1, 2]
    project.edit(lambda c: c["entities"][1]["from"][0].update(where="id <> 2"))
    result = project.sync()
    assert [s["mode"] for s in result.json["entities"][0]["sources"]] == ["delta"]
    assert by_key(project.db, "firms", "id", "name") == {1: "f1"}
    project.diff(expect=DONE)


# ---- Sources that change ----

@pytest.mark.parametrize("left", [["complete", "resume"], ["complete", "cursor", "resume"]])
@pytest.mark.parametrize("key", ["id", "code"])
def test_a_source_that_gives_no_delta_any_more(tmp_path, key, left):
    """Goal: it is read completely, and goes on with what it gives now."""
    world = World(tmp_path).stream(rows=[thing(i) for i in (1, 2)], capabilities=["complete", "delta", "resume"]).write()
    project = scripted_project(tmp_path, world, entities=[{"name": "things", "key": [key]}], options={"max_delete": "100%"})
    project.sync()
    world["things"]["capabilities"] = left
    world.remove(2).change(1, 9, name="new").write()
    result = project.sync()
    (source,) = result.json["entities"][0]["sources"]
    assert source["mode"] == "full" and "changes" in source["reason"]
    assert by_key(project.db, "things", "id", "name") == {1: "new"}
    (source,) = project.sync().json["entities"][0]["sources"]
    assert source["mode"] == ("cursor" if "cursor" in left else "full")
    project.diff(expect=DONE)


# ---- Lineage ----

def test_a_mapping_that_came_back(tmp_path):
    """Goal: the lineage of each change names the mapping of its time, also when a former one is in use again."""
    project = Project(tmp_path)

    def sync(column_of_name, *rows):
        project.csv("things", ("id", "a", "b"), rows)
        project.write({"source": {"plugin": "csv", "settings": {"path": "data"}}, "entities": [
            {"name": "things", "key": ["id"], "from": [{"fields": {"id": "id", "name": column_of_name}}]}]})
        project.sync()

    first, second = ("1", "a1", "b1"), ("2", "a2", "b2")
    sync("a", first)
    sync("b", first, second)
    sync("a", first, second)
    expected = {"1": ["things.a", "things.b", "things.a"], "2": ["things.b", "things.a"]}
    for key, refs in expected.items():
        assert project.rows("SELECT source_ref FROM field_lineage WHERE entity_id = ? AND field_name = 'name' "
                            "ORDER BY changed_at", key) == [(ref,) for ref in refs]
        story = project.command("lineage", "--entity", "things", "--key", key, "--field", "name", "--history", "--json")
        assert [f"{c['source_entity']}.{c['source_field']}" for c in story.json["changes"]] == refs


# ---- Types of keys ----

@pytest.mark.parametrize("rule", ["lock", "evolve"])
def test_a_source_whose_keys_are_of_a_narrower_type(tmp_path, rule):
    """Goal: one that is added with the last word on the key's type is refused until the table is made anew: by the old
    type, spellings of one key would be records of their own."""
    upper, lower = "00112233-4455-6677-8899-AABBCCDDEEFF", "00112233-4455-6677-8899-aabbccddeeff"
    world = World(tmp_path).stream("things", columns=[column("code", "uuid", key=1), column("name")],
                                   rows=[{"code": lower, "name": "of the world", "seq": 1}]).write()
    project = two(tmp_path, crm=[(upper, "of crm", "1")], sheet=[], schema=rule)
    project.sync()
    project.config["sources"]["world"] = {"plugin": "scripted", "priority": 9, "settings": {"script": str(world.file)}}
    project.edit(lambda c: c["entities"][0]["from"].append({"source": "world", "entity": "things"}))
    project.command("sync").expect(FAILED).says("was of type text and is now uuid", "--rebuild")
    assert by_key(project.db, "partners", "code", "name") == {upper: "of crm"}
    project.sync("--rebuild", "--entity", "partners")
    assert by_key(project.db, "partners", "code", "name", "phone") == {lower: ("of the world", "1")}
    project.diff(expect=DONE)
