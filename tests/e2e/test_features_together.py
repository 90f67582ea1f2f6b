"""Several sources, expressions and history together, in the corners where one feature meets another."""

import json
import os
import random
import time

import pytest
from harness import (DONE, FAILED, FOUND, INVALID, LONG, PARTIAL, SHORT, SYSTEM_COLUMNS, Project, by_key, columns,
                     execute)
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


@pytest.mark.parametrize("sources", [1, 2])
def test_a_pinned_derived_value_is_that_of_the_sink(tmp_path, sources):
    """Goal: diff and lineage say whose value was kept, however many sources there are."""
    project = two(tmp_path, crm=[("A", "a", "1")], derived={"label": "name || phone"})
    project.edit(lambda c: c["entities"][0].update({"from": c["entities"][0]["from"][:sources]}))
    project.sync()
    execute(project.db, "UPDATE partners SET label = 'mine'")
    project.sync()
    project.command("conflicts", "resolve", 1, "--keep", "sink").expect(DONE)
    (change,) = project.diff(expect=FOUND).changes
    assert change["fields"] == {"label": {"sink": "a1", "source": "mine", "from": "sink", "authority": "derived",
                                          "pinned": True}}
    project.sync()
    assert by_key(project.db, "partners", "code", "label") == {"A": "mine"}
    assert project.value("SELECT source_id FROM field_lineage WHERE new_value = 'mine'") == "sink"


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


@pytest.mark.parametrize("key", ["id", "code"])
def test_deletes_that_are_ignored_no_longer(tmp_path, key):
    """Goal: when `deletes: ignore` is taken back, the next sync deletes what went in the meantime."""
    world = World(tmp_path).stream(rows=[thing(i) for i in (1, 2)], capabilities=["complete", "delta", "resume"]).write()
    entity = {"name": "things", "key": [key], "deletes": "ignore"}
    project = scripted_project(tmp_path, world, entities=[entity], options={"max_delete": "100%"})
    project.sync()
    world.remove(2, seq=9).write()
    project.sync()
    assert set(by_key(project.db, "things", "id", "name")) == {1, 2}
    project.edit(lambda c: c["entities"][0].pop("deletes"))
    (source,) = project.sync().json["entities"][0]["sources"]
    assert source["reason"] == "the project changed"
    assert set(by_key(project.db, "things", "id", "name")) == {1}
    (source,) = project.sync().json["entities"][0]["sources"]
    assert source["mode"] == "delta"


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


@pytest.mark.parametrize("change", ["type", "fields"])
def test_offers_of_a_former_key(tmp_path, change):
    """Goal: a table made anew under another key holds what was read, though a record without a usable key was among it:
    what the sources said under the former key is no record of it, in that run and later."""
    project = two(tmp_path, crm=[("01", "a", "1"), ("x", "b", None)], sheet=[("01", "s", "2")])
    project.sync()
    if change == "type":
        kinds = {"code": {"from": "code", "type": "int64"}, "name": "name", "phone": "phone"}
        project.edit(lambda c: [f.update(fields=kinds) for f in c["entities"][0]["from"]])
        expected = [(1, "a", "1")]
    else:
        project.edit(lambda c: c["entities"][0].update(key=["phone", "code"]))
        expected = [("01", "a", "1"), ("01", "s", "2")]
    project.sync("--rebuild", "--entity", "partners", expect=PARTIAL)
    for _ in range(2):
        assert sorted(project.rows("SELECT code, name, phone FROM partners")) == expected
        project.sync(expect=PARTIAL)


# ---- Records that fail ----

def test_a_failing_record_is_no_drift(tmp_path):
    """Goal: what a failing record said before still takes part, in a diff as in a sync."""
    project = two(tmp_path, crm=[("A", "a", "1"), ("B", "b", "2")], sheet=[("A", "s", "3")])
    project.edit(lambda c: c["entities"][0]["from"][0].update(fields={"*": True, "size": {"expr": "to_number(phone)"}}))
    project.sync()
    project.csv("crm", FIELDS, [("A", "a", "bad"), ("B", "new", "2")])
    assert [(c["op"], c["key"]) for c in project.diff(expect=PARTIAL).changes] == [("update", {"code": "B"})]
    project.sync(expect=PARTIAL)
    assert by_key(project.db, "partners", "code", "name", "phone") == {"A": ("a", "1"), "B": ("new", "2")}
    assert project.diff(expect=PARTIAL).changes == []


# ---- Keys of all kinds, at random ----

KEYS = {"text": ["A", "a", "Ä", "e\u0301", "\u00e9", "1", "1.0", " A", "x" * 300, "😀", 'a"b', "null", "[1]", "a\nb", "\\"],
        "decimal": ["1", "1.0", "01", "-0", "0", "1e2", "9007199254740993", "12345678901234567.891"],
        "timestamp": ["2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00", "2024-01-01T00:00:00.5Z", "1969-12-31T23:59:59.999999Z"],
        "bool": ["true", "1", "FALSE"],
        "uuid": ["00112233-4455-6677-8899-AABBCCDDEEFF", "00112233-4455-6677-8899-aabbccddeeff"]}
SEEDS = [int(os.environ["DVSYNC_SEED"])] if "DVSYNC_SEED" in os.environ else \
    [21] + ([] if SHORT else [time.time_ns() % 1_000_000]) + ([time.time_ns() % 999_983 + i for i in range(40)] if LONG else [])


class Life:
    """One entity of two files, whose project is edited again and again; a refused edit is followed by --rebuild."""

    def __init__(self, folder, seed):
        self.dice = random.Random(seed)
        self.folder = folder
        self.kind = self.dice.choice(sorted(KEYS))
        self.rows = {"one": {}, "two": {}}
        self.priority = {"one": 1, "two": 1}
        self.entity = {"name": "things", "key": ["code"], "from": [self.feed("one"), self.feed("two")]}
        self.project = Project(folder)
        self.story = []

    def feed(self, name):
        return {"source": name, "entity": name, "fields": {"*": True, "code": {"from": "code", "type": self.kind}}}

    def change(self):
        rows = self.rows[self.dice.choice(("one", "two"))]
        key = (self.dice.choice(KEYS[self.kind]), self.dice.choice("pq"))
        if rows.pop(key, None) is None:
            rows[key] = (self.dice.choice(("red", "", None)), self.dice.choice(("1", "x", None)))

    def edit(self):
        feed = self.dice.choice(self.entity["from"])
        what = self.dice.choice(("key", "type", "history", "priority", "order", "where", "feeds", "field", "records", "derived"))
        if what == "key":
            self.entity["key"] = self.dice.choice((["code"], ["code", "part"], ["part", "code"]))
        elif what == "type":
            kind = self.dice.choice((self.kind, "text"))
            for one in self.entity["from"]:
                one["fields"]["code"] = {"from": "code", "type": kind}
        elif what == "history":
            self.entity["history"] = self.dice.choice(("none", "scd2"))
        elif what == "priority":
            self.priority["two"] = self.dice.choice((0, 1, 2))
        elif what == "order":
            self.entity["from"].reverse()
        elif what == "feeds" and len(self.entity["from"]) == 2:
            self.entity["from"].remove(feed)
            self.entity.pop("records_from", None)
        elif what == "feeds":
            code = feed["fields"]["code"]
            self.entity["from"].append(self.feed("two" if feed["source"] == "one" else "one"))
            self.entity["from"][1]["fields"]["code"] = code
        elif what == "field":
            feed["fields"]["name"] = self.dice.choice(({"expr": "name || part"}, {"from": "phone"}, False, {"static": "s"},
                                                       {"from": "name", "nulls": "win"}))
        elif what == "where" and feed.pop("where", None) is None:
            feed["where"] = "name IS NULL OR name <> 'red'"
        elif what == "records" and self.entity.pop("records_from", None) is None:
            self.entity["records_from"] = [feed["source"]]
        elif what == "derived" and self.entity.pop("derived", None) is None:
            self.entity["derived"] = {"label": "coalesce(phone, '-')"}
        return what

    def write(self, project):
        for name, rows in self.rows.items():
            project.csv(name, ("code", "part", "name", "phone"), [(*key, *row) for key, row in rows.items()])
        return project.write({"sources": {name: {"plugin": "csv", "priority": self.priority[name], "settings": {"path": "data"}}
                                          for name in self.rows},
                              "options": {"max_delete": "100%"}, "entities": [json.loads(json.dumps(self.entity))]})

    def run(self, number):
        for _ in range(self.dice.randrange(4)):
            self.change()
        self.story.append(self.edit() if number else "first")
        result = self.write(self.project).sync(expect=(DONE, INVALID))
        if result.code == INVALID:
            self.project.sync("--rebuild", "--entity", "things")
        other = self.write(Project(self.folder / f"fresh-{number}"))
        other.sync()
        names = [n for n in columns(other.db, "things") if n not in SYSTEM_COLUMNS]
        current = f"SELECT {', '.join(names)} FROM things_current ORDER BY {', '.join(names)}"
        open_conflicts = "SELECT key, field, winner_source, winner_value, loser_source, loser_value, rule FROM _sync_conflicts " \
                         "WHERE closed_at IS NULL ORDER BY 1, 2"
        for what in (current, open_conflicts):
            assert self.project.rows(what) == other.rows(what), self.story
        assert self.project.diff().code == DONE, self.story
        again = self.project.sync()
        assert again.json["totals"]["rows_unchanged"] == len(other.rows(current)), f"{self.story}\n{again}"


@pytest.mark.parametrize("seed", SEEDS)
def test_keys_of_all_kinds(tmp_path, seed):
    """Goal: after any edits of the project, --rebuild where it is asked for, the state is that of a fresh database."""
    life = Life(tmp_path, seed)
    for _ in range(6):
        life.change()
    for number in range(12 if LONG else 7):
        life.run(number)
