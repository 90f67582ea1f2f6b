"""Several sources of one entity: who wins, what disagrees, what goes when one of them goes or fails."""

import json
import signal

import pytest
from harness import (DONE, FAILED, FOUND, PARTIAL, Project, active, by_key, counts, dicts, execute, tracing, validate_json,
                     wait_until, writes_to)
from worlds import FAR, World, column, thing

FIELDS = ("code", "name", "phone")


def two(folder, crm=(), sheet=(), name="demo", low=50, **more):
    """crm (priority 100) and sheet (50), two CSV files, one entity `partners` with the key `code`."""
    project = Project(folder, name)
    fill(project, "crm", crm)
    fill(project, "sheet", sheet)
    entity = {"name": "partners", "key": ["code"], "from": [{"source": "crm", "entity": "crm"},
                                                            {"source": "sheet", "entity": "sheet"}], **more}
    return project.write({
        "sources": {"crm": {"plugin": "csv", "priority": 100, "settings": {"path": "data/crm.csv"}},
                    "sheet": {"plugin": "csv", "priority": low, "settings": {"path": "data/sheet.csv"}}},
        "options": {"max_delete": "100%"}, "entities": [entity]})


def fill(project, source, data):
    """Rows (code, name, phone); None is NULL."""
    project.csv(source, FIELDS, data)


def partners(project, *fields):
    return by_key(project.db, "partners", "code", *(fields or ("name", "phone")))


def conflicts(project, where="closed_at IS NULL"):
    return dicts(project.db, f"SELECT * FROM _sync_conflicts WHERE {where} ORDER BY key, field, kind")


def entity_of(project):
    return project.config["entities"][0]


# ---- Who wins ----

def test_the_higher_priority_wins(tmp_path):
    """Goal: the union of the records; of a field the highest priority with an opinion; NULL is none."""
    project = two(tmp_path, crm=[("A", "from crm", None), ("B", "only crm", "1")],
                  sheet=[("A", "from sheet", "7"), ("C", "only sheet", "3")])
    result = project.sync()
    assert partners(project) == {"A": ("from crm", "7"), "B": ("only crm", "1"), "C": ("only sheet", "3")}
    assert counts(result) == (3, 0, 0, 0, 0, 0)
    project.diff(expect=DONE)
    assert counts(project.sync()) == (0, 0, 0, 3, 0, 0)


def test_equal_priority_goes_by_the_list(tmp_path):
    """Goal: of equal priority the one listed first."""
    project = two(tmp_path, crm=[("A", "first", "1")], sheet=[("A", "second", "1")], low=100)
    project.sync()
    assert partners(project, "name") == {"A": "first"}
    assert conflicts(project)[0]["rule"] == "order"
    project.edit(lambda c: c["entities"][0]["from"].reverse())
    project.sync()
    assert partners(project, "name") == {"A": "second"}


def test_an_empty_string_is_a_value(tmp_path):
    """Goal: the empty string wins over a lower source's text; NULL does not, unless the project says so."""
    project = two(tmp_path, crm=[("A", "", None)], sheet=[("A", "x", "5")])
    project.sync()
    assert partners(project) == {"A": ("", "5")}
    entity_of(project)["from"][0]["fields"] = {"*": True, "phone": {"from": "phone", "nulls": "win"}}
    project.edit(lambda c: None)
    project.sync()
    assert partners(project) == {"A": ("", None)}
    project.diff(expect=DONE)


def test_fields_of_either(tmp_path):
    """Goal: the fields of the entity are those of all its sources, each filled by those that map it."""
    project = two(tmp_path, crm=[("A", "a", "1")], sheet=[("A", "x", "2"), ("B", "y", "3")])
    project.edit(lambda c: c["entities"][0].update({"from": [
        {"source": "crm", "entity": "crm", "fields": {"code": "code", "name": "name"}},
        {"source": "sheet", "entity": "sheet", "fields": {"code": "code", "tel": {"from": "phone", "type": "int64"}}}]}))
    project.sync()
    assert partners(project, "name", "tel") == {"A": ("a", 2), "B": (None, 3)}
    assert conflicts(project) == []
    project.diff(expect=DONE)


def test_types_are_those_of_the_highest(tmp_path):
    """Goal: other offers are converted strictly; what does not fit is a row error, and the rest goes on."""
    world = World(tmp_path).stream(rows=[thing(1), thing(2)]).write()
    project = Project(tmp_path)
    project.csv("sheet", ("code", "amount"), [("C00001", "1.50"), ("C00002", "much"), ("C00003", "3")])
    project.write({
        "sources": {"src": {"plugin": "scripted", "priority": 10, "settings": {"script": str(world.file)}},
                    "sheet": {"plugin": "csv", "settings": {"path": "data/sheet.csv"}}},
        "entities": [{"name": "things", "key": ["code"], "from": [
            {"source": "src", "entity": "things"},
            {"source": "sheet", "entity": "sheet"}]}]})
    result = project.sync(expect=PARTIAL)
    assert by_key(project.db, "things", "code", "amount") == {"C00001": 1.5, "C00002": 2.5, "C00003": 3}
    assert counts(result, "things") == (3, 0, 0, 0, 0, 1)
    assert [(c["key"], c["field"]) for c in conflicts(project)] == [], "1.50 is 1.5"


# ---- What disagrees ----

def test_conflicts_are_listed_once_and_close(tmp_path):
    """Goal: one open row for a disagreement, no write while it stands, closed when the values agree."""
    project = two(tmp_path, crm=[("A", "crm", "1"), ("B", "b", "2")], sheet=[("A", "sheet", "1"), ("B", "b", "2")])
    result = project.sync()
    found = conflicts(project)
    assert [(c["key"], c["field"], c["kind"], c["winner_source"], c["loser_source"], c["rule"]) for c in found] == [
        ("A", "name", "field_differs", "crm", "sheet", "priority")]
    assert (json.loads(found[0]["winner_value"]), json.loads(found[0]["loser_value"])) == ("crm", "sheet")
    assert result.json["entities"][0]["conflicts"] == 1
    trace = tmp_path / "trace"
    project.sync(env=tracing(project.db, trace))
    assert writes_to(trace, "partners", "_sync_lineage", "_sync_conflicts", "_sync_offers") == []
    assert conflicts(project) == found
    fill(project, "sheet", [("A", "other", "1"), ("B", "b", "2")])
    project.sync()
    moved = conflicts(project)
    assert [c["id"] for c in moved] == [found[0]["id"]] and moved[0]["seen_count"] == 2
    fill(project, "sheet", [("A", "crm", "1"), ("B", "b", "2")])
    project.sync()
    assert conflicts(project) == [] and len(conflicts(project, "1")) == 1


def test_the_other_takes_the_place_of_a_winner_that_went(tmp_path):
    """Goal: the winner's record deleted, the other's value returns; both gone, the row goes."""
    project = two(tmp_path, crm=[("A", "crm", "1")], sheet=[("A", "sheet", "2"), ("B", "b", "3")])
    project.sync()
    fill(project, "crm", [("X", "x", "9")])
    result = project.sync()
    assert partners(project) == {"A": ("sheet", "2"), "B": ("b", "3"), "X": ("x", "9")}
    assert counts(result) == (1, 1, 0, 1, 0, 0)
    assert conflicts(project) == []
    fill(project, "sheet", [("B", "b", "3")])
    assert counts(project.sync()) == (0, 0, 1, 2, 0, 0)
    assert set(partners(project)) == {"B", "X"}
    project.diff(expect=DONE)


# ---- Lineage ----

def test_lineage_names_the_winner(tmp_path):
    """Goal: a create names only the fields of another source; an update those that changed, with theirs."""
    project = two(tmp_path, crm=[("A", "crm", None)], sheet=[("A", "sheet", "7")])
    project.sync()
    rows = dicts(project.db, "SELECT * FROM _sync_lineage ORDER BY row_id")
    assert [(r["op"], r["source"], r["source_entity"]) for r in rows] == [("create", "crm", "crm")]
    assert json.loads(rows[0]["changes"]) == {"phone": {"source": "sheet", "source_entity": "sheet", "from": "phone"}}
    fill(project, "sheet", [("A", "sheet", "8")])
    project.sync()
    row = dicts(project.db, "SELECT * FROM _sync_lineage ORDER BY row_id")[-1]
    assert (row["op"], row["source"]) == ("update", "crm")
    assert json.loads(row["changes"]) == {"phone": {"old": "7", "new": "8", "source": "sheet", "source_entity": "sheet",
                                                    "from": "phone"}}
    view = dicts(project.db, "SELECT field_name, source_id, source_ref, previous_value, new_value FROM field_lineage "
                             "WHERE field_name = 'phone' ORDER BY changed_at, new_value")
    assert {(v["source_id"], v["source_ref"]) for v in view} == {("sheet", "sheet.phone")}


def test_raw_of_several(tmp_path):
    """Goal: json_response is an object by source."""
    project = two(tmp_path, crm=[("A", "crm", None)], sheet=[("A", "sheet", "7"), ("B", "b", "1")])
    project.sync()
    raw = {k: json.loads(v) for k, v in by_key(project.db, "partners", "code", "json_response").items()}
    assert raw["A"] == {"crm": {"code": "A", "name": "crm", "phone": None},
                        "sheet": {"code": "A", "name": "sheet", "phone": "7"}}
    assert set(raw["B"]) == {"sheet"}


# ---- A source that fails ----

def test_a_failing_source_keeps_its_offers(tmp_path):
    """Goal: exit 3; what the other says is brought; nothing of the failed one goes."""
    project = two(tmp_path, crm=[("A", "crm", "1")], sheet=[("A", "sheet", "2"), ("B", "b", "3")])
    project.sync()
    (project.folder / "data/sheet.csv").rename(project.folder / "data/away.csv")
    fill(project, "crm", [("A", "changed", None), ("N", "new", "1")])
    result = project.sync(expect=PARTIAL)
    assert partners(project) == {"A": ("changed", "2"), "B": ("b", "3"), "N": ("new", "1")}
    assert counts(result)[:3] == (1, 1, 0)
    fill(project, "crm", [("N", "new", "1")])
    project.sync(expect=PARTIAL)
    assert partners(project)["A"] == ("sheet", "2"), "crm gave it up, the sheet still offers it"
    (project.folder / "data/away.csv").rename(project.folder / "data/sheet.csv")
    project.sync()
    project.diff(expect=DONE)


def test_nothing_before_each_was_read_once(tmp_path):
    """Goal: on the first sync one source fails: no row is made of the other's; then all are."""
    project = two(tmp_path, crm=[("A", "crm", "1")], sheet=[("A", "sheet", "2")])
    (project.folder / "data/sheet.csv").rename(project.folder / "data/away.csv")
    project.sync(expect=FAILED)
    assert project.value("SELECT count(*) FROM partners") == 0
    assert project.value("SELECT count(*) FROM _sync_offers WHERE pending") == 1
    (project.folder / "data/away.csv").rename(project.folder / "data/sheet.csv")
    project.sync()
    assert partners(project) == {"A": ("crm", "1")}


def test_both_fail(tmp_path):
    """Goal: exit 1, and nothing moved."""
    project = two(tmp_path, crm=[("A", "crm", "1")], sheet=[("A", "sheet", "2")])
    project.sync()
    before = project.state()
    for name in ("crm", "sheet"):
        (project.folder / f"data/{name}.csv").unlink()
    project.sync(expect=FAILED)
    assert project.state() == before


# ---- Concurrency ----

@pytest.mark.parametrize("concurrency", [1, 2])
def test_feeds_that_wait_for_each_other(tmp_path, concurrency):
    """Goal: with one place for reading, sources of an entity do not wait for each other for ever."""
    project = two(tmp_path, crm=[("A", "crm", "1")], sheet=[("A", "sheet", "2")])
    project.config["options"]["concurrency"] = concurrency
    project.config["entities"].append({"name": "others", "key": ["code"], "from": [
        {"source": "sheet", "entity": "sheet"}, {"source": "crm", "entity": "crm"},
        {"source": "crm", "entity": "crm", "as": "again"}]})
    project.edit(lambda c: None)
    project.sync()
    assert len(active(project.db, "others")) == 1 and len(active(project.db, "partners")) == 1
    project.diff(expect=DONE)


# ---- Reference ----

def reference(folder, **more):
    """name: crm decides. phone: by reference, from the sheet first (priority), then from crm."""
    project = two(folder, crm=[("A", "crm", "1"), ("B", "b", None)], sheet=[("A", "sheet", "7")], low=500, **more)
    kinds = {"code": "code", "name": "name", "phone": {"from": "phone", "authority": "reference"}}
    project.edit(lambda c: [f.update({"fields": dict(kinds)}) for f in c["entities"][0]["from"]])
    entity_of(project)["from"][1]["fields"].pop("name")
    return project.edit(lambda c: None)


def test_reference_is_written_once(tmp_path):
    """Goal: with the row, from the highest reference offer; never again, not over NULL; diff shows the offer, not as drift."""
    project = reference(tmp_path)
    project.sync()
    assert partners(project) == {"A": ("crm", "7"), "B": ("b", None)}
    fill(project, "sheet", [("A", "sheet", "8"), ("B", "x", "9")])
    result = project.diff(expect=DONE)
    shown = [line["reference"] for line in result.lines if "reference" in line]
    assert shown == [{"entity": "partners", "key": {"code": "A"}, "fields": {
        "phone": {"sink": "7", "source": "8", "from": "sheet", "authority": "reference"}}},
        {"entity": "partners", "key": {"code": "B"}, "fields": {
            "phone": {"sink": None, "source": "9", "from": "sheet", "authority": "reference"}}}]
    project.command("diff").expect(DONE).says("= partners A", '"7" -> "8"  (sheet, reference)')
    assert counts(project.sync()) == (0, 0, 0, 2, 0, 0)
    assert partners(project, "phone") == {"A": "7", "B": None}
    shown = project.command("lineage", "--entity", "partners", "--key", "A", "--field", "phone", "--json").expect(DONE)
    assert {(o["source"], o["value"]) for o in shown.json["reference_offers"]} == {("sheet", "8"), ("crm", "1")}
    validate_json(shown.json, "lineage")
    project.command("lineage", "--entity", "partners", "--key", "A").expect(DONE).says("REFERENCE", "sheet.phone")
    assert conflicts(project) == []
    execute(project.db, "UPDATE partners SET phone = 'mine' WHERE code = 'A'")
    assert counts(project.sync()) == (0, 0, 0, 2, 0, 0)
    assert partners(project, "phone")["A"] == "mine", "a hand edit stays"
    (edit,) = conflicts(project, "1")
    assert [edit[c] for c in ("kind", "field", "winner_source", "winner_value", "loser_value", "rule", "seen_count")] == [
        "local_edit", "phone", "sink", '"mine"', '"8"', "reference", 1]


def test_force_overwrite(tmp_path):
    """Goal: --force-overwrite writes reference fields like the others; priority stays."""
    project = reference(tmp_path)
    project.sync()
    execute(project.db, "UPDATE partners SET phone = 'mine'")
    change = project.diff("--force-overwrite", expect=FOUND).changes[0]
    assert change["fields"] == {"phone": {"sink": "mine", "source": "7", "from": "sheet", "authority": "reference"}}
    project.sync("--force-overwrite")
    assert partners(project, "phone")["A"] == "7"
    assert [(c["key"], c["kind"], c["winner_source"], c["loser_source"]) for c in conflicts(project)][0] == (
        "A", "local_edit", "sheet", "sink")


def test_truth_outranks_reference(tmp_path):
    """Goal: any source_of_truth offer of a field outranks every reference offer, whatever the priorities."""
    project = reference(tmp_path)
    entity_of(project)["from"][0]["fields"]["phone"] = "phone"
    project.edit(lambda c: None)
    project.sync()
    assert partners(project) == {"A": ("crm", "1"), "B": ("b", None)}
    assert conflicts(project) == []


def test_a_single_source_with_reference_fields_gathers(tmp_path):
    """Goal: written with the row, then left alone, also on a revival."""
    project = two(tmp_path, crm=[("A", "a", "1")])
    project.edit(lambda c: c["entities"][0].update({"from": [{"source": "crm", "entity": "crm", "fields": {
        "*": True, "phone": {"from": "phone", "authority": "reference"}}}]}))
    project.sync()
    fill(project, "crm", [("A", "b", "2")])
    project.sync()
    assert partners(project) == {"A": ("b", "1")}
    fill(project, "crm", [("B", "x", "1")])
    project.sync()
    fill(project, "crm", [("A", "c", "3"), ("B", "x", "1")])
    project.sync()
    assert partners(project)["A"] == ("c", "1")
    project.diff(expect=DONE)


# ---- Which records there are ----

def test_records_from(tmp_path):
    """Goal: the named sources decide which records exist; what only others have is counted as skipped."""
    project = two(tmp_path, crm=[("A", "a", None), ("B", "b", None)], sheet=[("A", "x", "7"), ("C", "c", "3")],
                  records_from=["crm"])
    assert counts(project.sync()) == (2, 0, 0, 0, 1, 0)
    assert partners(project) == {"A": ("a", "7"), "B": ("b", None)}
    assert counts(project.sync()) == (0, 0, 0, 2, 1, 0)
    project.diff(expect=DONE)
    fill(project, "crm", [("B", "b", None), ("C", "cc", None)])
    result = project.sync()
    assert partners(project) == {"B": ("b", None), "C": ("cc", "3")}
    assert counts(result) == (1, 0, 1, 1, 0, 0), "A is deleted, though the sheet has it"
    project.diff(expect=DONE)
    assert counts(project.sync()) == (0, 0, 0, 2, 1, 0)


# ---- Derived ----

def test_derived_of_the_whole_record(tmp_path):
    """Goal: computed last, of what is stored, whoever it came from; recomputed when that changes; an edit is overwritten."""
    project = two(tmp_path, crm=[("A", "a", None), ("B", "b", "2")], sheet=[("A", "x", "7")],
                  derived={"label": "name || '/' || coalesce(phone, '-')"})
    project.sync()
    assert partners(project, "label") == {"A": "a/7", "B": "b/2"}
    fill(project, "sheet", [("A", "x", "8")])
    change = project.diff(expect=FOUND).changes[0]
    assert {k: (v["source"], v["from"], v["authority"]) for k, v in change["fields"].items()} == {
        "phone": ("8", "sheet", "source_of_truth"), "label": ("a/8", None, "derived")}
    project.sync()
    assert partners(project, "label")["A"] == "a/8"
    execute(project.db, "UPDATE partners SET label = 'mine' WHERE code = 'B'")
    project.sync()
    assert partners(project, "label")["B"] == "b/2"
    assert [(c["key"], c["field"], c["kind"], c["rule"]) for c in conflicts(project) if c["kind"] == "local_edit"] == [
        ("B", "label", "local_edit", "derived")]
    project.sync()
    assert [c for c in conflicts(project) if c["kind"] == "local_edit"] == []


def test_derived_that_fails(tmp_path):
    """Goal: a row error of that key; the others go on, and it heals."""
    project = two(tmp_path, crm=[("A", "a", "x"), ("B", "b", "2")], derived={"n": {"expr": "to_number(phone)", "type": "int64"}})
    result = project.sync(expect=PARTIAL)
    assert counts(result) == (1, 0, 0, 0, 0, 1) and partners(project, "n") == {"B": 2}
    assert "field \"n\"" in result.json["errors"][0]["message"]
    fill(project, "crm", [("A", "a", "1"), ("B", "b", "2")])
    assert counts(project.sync()) == (1, 0, 0, 1, 0, 0)
    assert partners(project, "n") == {"A": 1, "B": 2}


# ---- Edits by hand ----

def test_local_edit(tmp_path):
    """Goal: found by diff, overwritten, logged once, closed when it is seen to be gone."""
    project = two(tmp_path, crm=[("A", "a", "1")], sheet=[("A", "a", "1")])
    project.sync()
    execute(project.db, "UPDATE partners SET name = 'mine'")
    change = project.diff(expect=FOUND).changes[0]
    assert change["fields"]["name"] == {"sink": "mine", "source": "a", "from": "crm", "authority": "source_of_truth"}
    project.sync()
    assert partners(project) == {"A": ("a", "1")}
    assert [(c["kind"], c["winner_source"], c["loser_source"], json.loads(c["loser_value"])) for c in conflicts(project)] == [
        ("local_edit", "crm", "sink", "mine")]
    project.sync()
    assert conflicts(project) == []


# ---- Incremental sources ----

def mixed(folder, n=6, sheet=(), **stream):
    """A scripted source with a delta (priority 100), keyed by id, and a CSV; the key is `code`."""
    stream.setdefault("capabilities", ["complete", "delta", "resume"])
    world = World(folder).stream(rows=[thing(i) for i in range(1, n + 1)], **stream).write()
    project = Project(folder)
    project.csv("sheet", ("code", "name", "note"), sheet)
    project.write({
        "sources": {"src": {"plugin": "scripted", "priority": 100,
                            "settings": {"script": str(world.file), "log": str(world.log)}},
                    "sheet": {"plugin": "csv", "priority": 50, "settings": {"path": "data/sheet.csv"}}},
        "options": {"max_delete": "100%"},
        "entities": [{"name": "things", "key": ["code"], "from": [
            {"source": "src", "entity": "things"}, {"source": "sheet", "entity": "sheet"}]}]})
    return world, project


def things(project, *fields):
    return by_key(project.db, "things", "code", *(fields or ("name", "note")))


def modes(result, name="things"):
    return [s["mode"] for s in next(e for e in result.json["entities"] if e["name"] == name)["sources"]]


def test_delta_and_csv(tmp_path):
    """Goal: the one is read since its cursor, the other completely; only what changed is looked at; a CSV-only record stays."""
    world, project = mixed(tmp_path, sheet=[("C00001", "sheet 1", "n1"), ("Z", "only here", "n2")])
    assert modes(project.sync()) == ["full", "full"]
    assert things(project)["C00001"] == ("name 1", "n1") and things(project)["Z"] == ("only here", "n2")
    world.change(2, 11, name="changed").remove(1, seq=12).write()
    result = project.sync()
    assert modes(result) == ["delta", "full"]
    assert counts(result, "things") == (0, 2, 0, 0, 0, 0)
    assert things(project)["C00002"] == ("changed", None)
    assert things(project)["C00001"] == ("sheet 1", "n1"), "the tombstone's record is still on the sheet"
    assert conflicts(project) == []
    project.diff(expect=DONE)
    project.sync("--full")
    assert set(things(project)) == {"C00001", "C00002", "C00003", "C00004", "C00005", "C00006", "Z"}


def test_changed_key_moves_the_record(tmp_path):
    """Goal: the record leaves its old key, where another source's offer stands again, and takes the new one."""
    world, project = mixed(tmp_path, sheet=[("C00003", "sheet", "n"), ("X", "x", "nx")])
    project.sync()
    world.change(3, 11, code="X").write()
    project.sync()
    assert things(project)["C00003"] == ("sheet", "n") and things(project)["X"] == ("name 3", "nx")
    project.diff(expect=DONE)


def test_row_that_leaves_where(tmp_path):
    """Goal: also on a run by cursor; the other source's offer stands."""
    world, project = mixed(tmp_path, sheet=[("C00002", "sheet", "n")])
    project.edit(lambda c: c["entities"][0]["from"][0].update({"where": "amount < 100"}))
    project.sync()
    world.change(2, 11, amount="500").change(4, 12, amount="500").write()
    result = project.sync()
    assert modes(result)[0] == "delta"
    assert things(project)["C00002"] == ("sheet", "n") and "C00004" not in things(project)
    project.diff(expect=DONE)


def test_a_pass_is_made_up_for(tmp_path):
    """Goal: a project edit while one source fails: what depends on both is right after the next run."""
    world, project = mixed(tmp_path, sheet=[("C00001", "sheet 1", "n1"), ("C00002", "sheet 2", "n2")])
    project.sync()
    away = project.folder / "data/away.csv"
    (project.folder / "data/sheet.csv").rename(away)
    project.config["sources"]["sheet"]["priority"] = 200
    project.edit(lambda c: None)
    project.sync(expect=PARTIAL)
    away.rename(project.folder / "data/sheet.csv")
    result = project.sync()
    assert modes(result) == ["full", "full"]
    assert things(project, "name")["C00001"] == "sheet 1"
    project.diff(expect=DONE)
    assert modes(project.sync()) == ["delta", "full"]


def test_an_absent_field_keeps_what_was_said(tmp_path):
    """Goal: a delta without a field says nothing of it: the value of an earlier delivery still outranks the other source."""
    world, project = mixed(tmp_path, sheet=[("C00001", "sheet", "n")])
    project.sync()
    for row in world.rows():
        if row["id"] == 1:
            del row["name"]
            row.update(amount="7.5", seq=11)
    world.write()
    project.sync()
    assert things(project, "name", "amount")["C00001"] == ("name 1", 7.5)


# ---- The project changes ----

def fresh(project, folder):
    """The state that the same project gives in a database of its own."""
    other = Project(folder, "fresh")
    config = json.loads(json.dumps(project.config))
    for source in config["sources"].values():
        settings = source["settings"]
        if "path" in settings:
            settings["path"] = str(project.folder / settings["path"])
        settings.pop("log", None)
    config.update(name="fresh", sink={"plugin": "sqlite", "settings": {"path": "fresh.db"}})
    other.write(config)
    other.sync(expect=(DONE, PARTIAL))
    return other


def same_state(project, other):
    """Fields, active records and the open conflicts between sources; a field that left the project keeps its column."""
    assert other.state()
    for table, (names, rows) in other.state().items():
        there = by_key(project.db, table, "code", *names)
        assert there == by_key(other.db, table, "code", *names)
    what = "SELECT entity, key, field, winner_source, winner_value, loser_source, loser_value FROM _sync_conflicts " \
           "WHERE kind = 'field_differs' AND closed_at IS NULL ORDER BY 1, 2, 3, 6"
    assert project.rows(what) == other.rows(what)


EDITS = {
    "priority": lambda c: c["sources"]["sheet"].update(priority=200),
    "add a source": lambda c: c["entities"][0]["from"].append({"source": "third", "entity": "third"}),
    "drop the first": lambda c: c["entities"][0]["from"].pop(0),
    "drop the second": lambda c: c["entities"][0]["from"].pop(1),
    "rename": lambda c: c["entities"][0]["from"][1].update({"as": "other"}),
    "reverse": lambda c: c["entities"][0]["from"].reverse(),
    "records_from": lambda c: c["entities"][0].update(records_from=["sheet"]),
    "nulls": lambda c: c["entities"][0]["from"][0].update(fields={"*": True, "phone": {"from": "phone", "nulls": "win"}}),
    "expression": lambda c: c["entities"][0]["from"][1].update(fields={"*": True, "name": {"expr": "upper(name)"}}),
    "leave out": lambda c: c["entities"][0]["from"][0].update(fields={"*": True, "phone": False}),
    "where": lambda c: c["entities"][0]["from"][0].update(where="code <> 'A'"),
    "derive": lambda c: c["entities"][0].update(derived={"label": "name || '!'"}),
    "static": lambda c: c["entities"][0]["from"][1].update(fields={"*": True, "phone": {"static": "none"}}),
}


@pytest.mark.parametrize("edit", EDITS)
def test_as_a_fresh_database(tmp_path, edit):
    """Goal: after any edit of the project one sync gives what a fresh database would have given, and the way back, too."""
    project = two(tmp_path / "old", crm=[("A", "crm", None), ("B", "b", "1"), ("D", "d", "4")],
                  sheet=[("A", "sheet", "7"), ("B", "b", "2"), ("C", "c", "3")])
    project.csv("third", FIELDS, [("A", "third", "9"), ("E", "e", "5")])
    project.config["sources"]["third"] = {"plugin": "csv", "priority": 70, "settings": {"path": "data/third.csv"}}
    project.edit(lambda c: None)
    project.sync()
    before = json.loads(json.dumps(project.config))
    project.edit(EDITS[edit])
    project.sync()
    same_state(project, fresh(project, tmp_path / "new"))
    project.diff(expect=DONE)
    project.write(before)
    project.sync()
    same_state(project, fresh(project, tmp_path / "back"))
    project.diff(expect=DONE)


# ---- Trials, guards, reads that go wrong ----

def test_guard(tmp_path):
    """Goal: too many deletes: exit 5, upserts stay, nothing is deleted; --max-delete lets it pass, and nothing is left over."""
    rows = [(f"K{i:03}", f"n{i}", None) for i in range(100)]
    project = two(tmp_path, crm=rows[:60], sheet=rows[60:])
    project.config["options"]["max_delete"] = "20%"
    project.edit(lambda c: None)
    project.sync()
    fill(project, "crm", [("K000", "changed", None)])
    result = project.sync(expect=5)
    assert counts(result)[:3] == (0, 1, 0) and len(partners(project)) == 100
    assert partners(project, "name")["K000"] == "changed"
    assert counts(project.sync("--max-delete", "60"))[2] == 59
    assert len(partners(project)) == 41
    project.diff(expect=DONE)


def test_row_limit(tmp_path):
    """Goal: a trial reads so many records of each source, deletes nothing, moves no cursor."""
    project = two(tmp_path, crm=[("A", "a", None), ("B", "b", None)], sheet=[("A", "x", "1"), ("C", "c", "2")])
    project.sync("--row-limit", "1")
    assert partners(project) == {"A": ("a", "1")}
    result = project.sync()
    assert partners(project) == {"A": ("a", "1"), "B": ("b", None), "C": ("c", "2")}
    assert [s["mode"] for s in result.json["entities"][0]["sources"]] == ["full", "full"]
    fill(project, "crm", [])
    project.sync("--row-limit", "1")
    assert len(partners(project)) == 3
    project.sync()
    assert partners(project) == {"A": ("x", "1"), "C": ("c", "2")}


def test_dry_run(tmp_path):
    """Goal: a preview of several sources changes nothing and says what the sync then does."""
    world, project = mixed(tmp_path, sheet=[("C00001", "sheet", "n")])
    project.sync()
    world.change(2, 11, name="changed").remove(3, seq=12).write()
    before = project.state()
    result = project.command("sync", "--dry-run", "--json").expect(FOUND)
    assert {(c["op"], c["key"]["code"]) for c in result.changes} == {("update", "C00002"), ("delete", "C00003")}
    assert project.state() == before
    assert counts(project.sync(), "things")[:3] == (0, 1, 1)


def test_key_twice_in_a_file(tmp_path):
    """Goal: of two rows of one key in a file the later stands, with one warning; a further sync changes nothing."""
    project = two(tmp_path, crm=[("A", "first", "1"), ("A", "second", "1")], sheet=[("A", "x", "2")])
    result = project.sync()
    assert partners(project) == {"A": ("second", "1")}
    assert [e["severity"] for e in result.json["errors"]] == ["warning"]
    assert counts(project.sync()) == (0, 0, 0, 1, 0, 0)


def test_row_errors_of_one_source(tmp_path):
    """Goal: a failing record counts as present for its source; the other's values go on; it heals."""
    project = two(tmp_path, crm=[("A", "a", "1"), ("B", "b", "2")], sheet=[("A", "x", None), ("B", "y", None)])
    project.edit(lambda c: c["entities"][0]["from"][0].update(
        {"fields": {"code": "code", "name": "name", "phone": {"expr": "to_number(phone)", "type": "int64"}}}))
    project.sync()
    fill(project, "crm", [("A", "a", "x"), ("B", "b", "3")])
    result = project.sync(expect=PARTIAL)
    assert counts(result)[5] == 1 and partners(project) == {"A": ("a", 1), "B": ("b", 3)}
    fill(project, "crm", [("A", "aa", "4"), ("B", "b", "3")])
    project.sync()
    assert partners(project) == {"A": ("aa", 4), "B": ("b", 3)}
    assert project.value("SELECT count(*) FROM _sync_errors WHERE closed_at IS NULL") == 0
    project.diff(expect=DONE)


@pytest.mark.parametrize("config,says", [
    ({"from": [{"source": "crm", "entity": "crm"}, {"source": "crm", "entity": "crm"}]}, '"as"'),
    ({"records_from": ["nope"]}, "no \"from\" of this entity is called \"nope\""),
    ({"key": None}, "key"),
    ({"from": [{"source": "crm", "entity": "crm", "fields": {"*": True, "phone": {"from": "phone", "type": "int64"}}},
               {"source": "sheet", "entity": "sheet", "fields": {"*": True, "phone": {"from": "phone", "type": "date"}}}]},
     "type"),
    ({"derived": {"label": "nmae"}}, "did you mean"),
])
def test_mistakes(tmp_path, config, says):
    """Goal: what cannot be is a project error that says what to do."""
    project = two(tmp_path, crm=[("A", "a", "1")], sheet=[("A", "x", "2")])
    entity_of(project).update(config)
    if config.get("key", "") is None:
        entity_of(project).pop("key")
    project.edit(lambda c: None)
    project.sync(expect=78).says(says)


def test_diff_without_a_database(tmp_path):
    """Goal: before the first sync everything is new; by key."""
    project = two(tmp_path, crm=[("B", "b", "1"), ("A", "a", None)], sheet=[("A", "x", "7"), ("C", "c", "3")])
    changes = project.diff(expect=FOUND).changes
    assert [(c["op"], c["key"]["code"]) for c in changes] == [("create", "A"), ("create", "B"), ("create", "C")]
    assert {k: v["from"] for k, v in changes[0]["fields"].items()} == {"code": "crm", "name": "crm", "phone": "sheet"}
    assert not project.db.exists()


def test_diff_with_a_source_away(tmp_path):
    """Goal: what cannot be compared is not shown, and is no zero."""
    project = two(tmp_path, crm=[("A", "a", "1")], sheet=[("A", "x", "7"), ("C", "c", "3")])
    project.sync()
    (project.folder / "data/sheet.csv").unlink()
    result = project.diff(expect=FAILED)
    assert result.changes == [] and result.summary["complete"] is False
    found = result.summary["entities"]["partners"]
    assert found["compared"].startswith("partial: ") and found["deleted"] is None


def test_interrupted_between_its_sources(tmp_path):
    """Goal: one source is read, the other is not yet: stopped, resumed, and right."""
    world = World(tmp_path).stream(rows=[thing(i) for i in range(1, 41)], capabilities=["complete", "delta", "resume"],
                                   checkpoint_every=5, page_size=5)
    world.fault("pull", after_rows=20, touch="reached", wait_for="never")
    world.write()
    project = Project(tmp_path)
    project.csv("sheet", ("code", "name", "note"), [("C00001", "s", "n"), ("Z", "z", "zz")])
    project.write({
        "sources": {"src": {"plugin": "scripted", "priority": 100, "settings": {"script": str(world.file)}},
                    "sheet": {"plugin": "csv", "settings": {"path": "data/sheet.csv"}}},
        "entities": [{"name": "things", "key": ["code"], "from": [
            {"source": "src", "entity": "things"}, {"source": "sheet", "entity": "sheet"}]}]})
    with project.start("sync", "--json") as process:
        wait_until((tmp_path / "reached").exists, "half of it was read")
        process.signal(signal.SIGINT)
        process.wait().expect(130)
    assert project.value("SELECT count(*) FROM things") == 0
    world.calm().write()
    result = project.sync()
    assert {s["name"]: s["reason"] for s in result.json["entities"][0]["sources"]}["src"] == "resumed"
    assert len(things(project)) == 41
    project.diff(expect=DONE)


def test_records_from_with_ignored_deletes(tmp_path):
    """Goal: `deletes: ignore` leaves the row of a record that no deciding source has any more, and counts it as skipped."""
    project = two(tmp_path, crm=[("A", "a", None), ("B", "b", None)], sheet=[("A", "x", "7")], records_from=["crm"],
                  deletes="ignore")
    project.sync()
    fill(project, "crm", [("B", "b", None)])
    for _ in range(2):
        assert counts(project.sync()) == (0, 0, 0, 1, 1, 0)
        assert partners(project)["A"] == ("a", "7")
    project.diff(expect=DONE)


def test_skipped_once(tmp_path):
    """Goal: a record that is changed and gone at the source that decides is counted once."""
    world, project = mixed(tmp_path, sheet=[("C00001", "s", "n"), ("X", "x", "n")])
    entity_of(project)["records_from"] = ["src"]
    project.edit(lambda c: None)
    assert counts(project.sync(), "things")[4] == 1
    world.change(1, 11, code="Y").write()
    project.csv("sheet", ("code", "name", "note"), [("C00001", "s", "changed"), ("X", "x", "changed")])
    assert counts(project.sync(), "things") == (1, 0, 1, 0, 1, 0)
    project.csv("sheet", ("code", "name", "note"), [("C00001", "s", "again"), ("X", "x", "changed")])
    assert counts(project.sync(), "things") == (0, 0, 0, 0, 1, 0)
    project.diff(expect=DONE)


def test_a_pass_that_broke_off_is_tried_again(tmp_path):
    """Goal: a source without a cursor fails in the middle of its read, when the project has just changed: the next run reads
    the others completely, too, though they ended well and have their cursors."""
    world = World(tmp_path, "one").stream(rows=[thing(i) for i in range(1, 5)], capabilities=["complete", "delta", "resume"]).write()
    other = World(tmp_path, "two").stream(rows=[thing(1, name="other")], capabilities=["complete"]).write()
    project = Project(tmp_path)
    project.write({
        "sources": {w.root["identity"]: {"plugin": "scripted", "priority": p, "settings": {"script": str(w.file)}}
                    for w, p in ((world, 2), (other, 1))},
        "entities": [{"name": "things", "key": ["code"], "from": [{"source": "one", "entity": "things"},
                                                                  {"source": "two", "entity": "things"}]}]})
    project.sync()
    project.config["sources"]["two"]["priority"] = 3
    project.edit(lambda c: None)
    other.fault("pull", status="io", scope="stream", message="away").write()
    project.sync(expect=PARTIAL)
    other.calm().write()
    result = project.sync()
    assert modes(result) == ["full", "full"]
    assert by_key(project.db, "things", "code", "name")["C00001"] == "other"
    project.diff(expect=DONE)
    assert modes(project.sync()) == ["delta", "full"]


def test_rebuilt_under_another_type_of_key(tmp_path):
    """Goal: offers whose key is none any more are not in the way of a rebuild, which also tells of their records."""
    project = two(tmp_path, crm=[("01", "a", "1"), ("x", "z", "2")], sheet=[("01", "b", "3")])
    project.sync()
    project.edit(lambda c: [f.update(fields={"*": True, "code": {"from": "code", "type": "int64"}})
                            for f in c["entities"][0]["from"]])
    project.sync("--rebuild", "--entity", "partners", expect=PARTIAL)
    assert partners(project) == {1: ("a", "1")}
    assert project.rows("SELECT source, key FROM _sync_offers ORDER BY 1") == [("crm", "1"), ("sheet", "1")]
    fill(project, "crm", [("01", "a", "1")])
    project.sync()
    project.diff(expect=DONE)


def test_a_pinned_derived_value_is_the_sinks(tmp_path):
    """Goal: a derived value that somebody wrote and that was kept is not told as a source's."""
    project = two(tmp_path, crm=[("A", "a", "1")], derived={"label": "name || phone"})
    project.sync()
    execute(project.db, "UPDATE partners SET label = 'mine'")
    project.sync()
    (edit,) = conflicts(project)
    project.command("conflicts", "resolve", edit["id"], "--keep", "sink").expect(DONE)
    project.sync()
    assert partners(project, "label") == {"A": "mine"}
    told = project.rows("SELECT previous_value, new_value, source_id FROM field_lineage"
                        " WHERE field_name = 'label' ORDER BY changed_at DESC LIMIT 1")
    assert told == [("a1", "mine", "sink")]
