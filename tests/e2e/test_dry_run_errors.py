"""Row errors in a diff and in the preview of a sync: what the sync will say of them is what is said before."""

import pytest
from harness import DONE, FOUND, PARTIAL, SHORT, by_key, counts, csv_project, dicts, entity, execute
from worlds import World, column, scripted_project, thing

FIELDS = {"*": True, "name": {"from": "name", "type": "int64"}}
KINDS = {"streams": {"name": "things", "from": [{"source": "src", "fields": FIELDS}]},
         "gathers": {"name": "things", "key": ["code"], "from": [{"source": "src", "fields": FIELDS}]}}
KIND = pytest.mark.parametrize("kind", KINDS)
MODE = pytest.mark.parametrize("mode", ["delta"] if SHORT else ["cursor", "delta"])
COUNTS = ("created", "updated", "deleted", "unchanged", "row_errors")


def number(i, **more):
    return thing(i, **{"name": str(i), **more})


def open_errors(project):
    return dicts(project.db, "SELECT * FROM _sync_errors WHERE closed_at IS NULL AND severity = 'error' ORDER BY key")


def make(folder, kind, mode, bad=(2, 3), n=5):
    """A project that was synced once, with open row errors."""
    world = World(folder).stream(rows=[number(i, name="x" if i in bad else str(i)) for i in range(1, n + 1)],
                                 capabilities=["complete", mode]).write()
    project = scripted_project(folder, world, entities=[KINDS[kind]], options={"max_delete": "100%"})
    project.sync(expect=PARTIAL if bad else DONE)
    return world, project


def foretold(project, name="things", look=("sync", "--dry-run"), sync=(), same=COUNTS):
    """The counts, the changes and the row errors of one are those of the other; gives the exit codes of both."""
    before = by_key(project.db, name, "row_id", "name")
    errors = open_errors(project)
    told = project.command(*look, "--json").expect(DONE, FOUND, PARTIAL)
    assert (before, errors) == (by_key(project.db, name, "row_id", "name"), open_errors(project)), "only read"
    result = project.sync(*sync, expect=(DONE, PARTIAL))
    says, did = told.summary["entities"][name], entity(result.json, name)
    assert [says[c] for c in same] == [did[c if c == "row_errors" else f"rows_{c}"] for c in same], f"{told}\n{result}"
    assert listed(told.summary) == listed(result.json)
    expected = PARTIAL if result.code == PARTIAL else FOUND if told.changes else DONE
    assert told.code == expected, f"{told}\n{result}"
    assert says["compared"].startswith("partial: ") or result.code == DONE
    return told, result


def listed(document):
    return sorted((e["key"] or "", e["field"] or "") for e in document["errors"] if e["severity"] == "error")


def correct(project, text, new):
    """What was received is what a program that reads it otherwise would accept now."""
    assert execute(project.db, "UPDATE _sync_errors SET cells = replace(cells, ?, ?) WHERE closed_at IS NULL", text, new)


@KIND
@MODE
def test_open_errors_stand_in_a_preview(tmp_path, kind, mode):
    """Goal: a record that fails is mapped again by the sync, so the preview says 3 as well, and counts it once; with
    other changes or without, and when it is delivered anew and fails once more."""
    world, project = make(tmp_path, kind, mode)
    told, _ = foretold(project)
    assert told.code == PARTIAL and told.changes == [] and told.summary["entities"]["things"]["row_errors"] == 2
    world.change(1, 10, name="11").write()
    told, _ = foretold(project)
    assert told.code == PARTIAL and [c["op"] for c in told.changes] == ["update"]
    world.change(2, 11, amount="7").change(4, 12, name="y").write()
    told, result = foretold(project)
    assert counts(result, "things")[5] == 3 and len(open_errors(project)) == 3
    world.change(2, 13, name="22").change(3, 14, name="33").change(4, 15, name="44").write()
    told, _ = foretold(project)
    assert told.code == FOUND and len(told.changes) == 3
    assert foretold(project)[0].code == DONE


@KIND
@MODE
def test_errors_that_map_now_are_shown(tmp_path, kind, mode):
    """Goal: what the sync will make of an open error's record stands in the preview, also when it is delivered anew."""
    world, project = make(tmp_path, kind, mode)
    correct(project, '"x"', '"77"')
    world.change(3, 10, name="78").write()
    told, _ = foretold(project, same=COUNTS[:3])
    assert told.code == FOUND
    assert sorted(c["fields"]["name"]["source"] for c in told.changes) == [77, 78]
    assert set(by_key(project.db, "things", "id", "name").values()) == {1, 77, 78, 4, 5}


@KIND
def test_errors_of_records_that_are_gone(tmp_path, kind):
    """Goal: a tombstone ends the error of its record, in the preview as in the sync."""
    world, project = make(tmp_path, kind, "delta")
    world.remove(2, 10).remove(3, 11).remove(4, 12).write()
    foretold(project, same=("created", "updated", "deleted"))


@KIND
def test_what_the_sink_refuses_stays_open_in_a_preview(tmp_path, kind):
    """Goal: only the sink can tell whether it takes a record now: what will be tried is shown, and it is partial."""
    world, project = make(tmp_path, kind, "delta", bad=())
    for op in ("INSERT", "UPDATE"):
        execute(project.db, f"CREATE TRIGGER no_{op} BEFORE {op} ON things WHEN NEW.name = 13 "
                            "BEGIN SELECT RAISE(ABORT, 'unlucky'); END")
    world.change(2, 10, name="13").write()
    project.sync(expect=PARTIAL)
    told = project.command("sync", "--dry-run", "--json").expect(PARTIAL)
    assert [c["fields"]["name"]["source"] for c in told.changes] == [13]
    project.sync(expect=PARTIAL)
    world.change(2, 11, name="14").write()
    told = project.command("sync", "--dry-run", "--json").expect(FOUND if kind == "streams" else PARTIAL)
    project.sync(expect=DONE)
    assert project.command("sync", "--dry-run", "--json").expect(DONE).changes == []


@KIND
@MODE
def test_refused_cursor_in_a_preview(tmp_path, kind, mode):
    """Goal: what begins again as a complete read forgets the errors that it does not raise, and counts each once."""
    world, project = make(tmp_path, kind, mode)
    world.change(1, 10, name="11")
    world["things"]["rows"][1].update(name="22")
    world.fault("start", mode=mode, status="resume").write()
    told, _ = foretold(project)
    assert told.code == PARTIAL and told.summary["entities"]["things"]["row_errors"] == 1


@KIND
def test_a_diff_looks_at_what_the_sources_have_now(tmp_path, kind):
    """Goal: a diff reads completely: an open error that it does not raise again is none of it, as in `sync --full`."""
    world, project = make(tmp_path, kind, "delta")
    world["things"]["rows"][1].update(name="22")
    world.write()
    told, _ = foretold(project, look=("diff",), sync=("--full",))
    assert told.code == PARTIAL and told.summary["entities"]["things"]["row_errors"] == 1
    world["things"]["rows"][2].update(name="33")
    world.write()
    told, _ = foretold(project, look=("diff",), sync=("--full",))
    assert told.code == FOUND and told.summary["entities"]["things"]["compared"] == "full"


@pytest.mark.parametrize("scope", ["streams", "gathers"])
def test_a_preview_of_several_sources(tmp_path, scope):
    """Goal: the errors of each source of an entity, of which one is read completely at every sync."""
    world = World(tmp_path).stream(rows=[number(i, name="x" if i == 2 else str(i)) for i in range(1, 6)],
                                   capabilities=["complete", "delta"])
    world.stream("more", rows=[number(i, name="y" if i == 7 else str(i)) for i in range(6, 9)],
                 capabilities=["complete"] if scope == "streams" else ["complete", "cursor"]).write()
    project = scripted_project(tmp_path, world, entities=[{"name": "things", "from": [
        {"source": "src", "fields": FIELDS}, {"source": "src", "entity": "more", "as": "more", "fields": FIELDS}]}])
    project.sync(expect=PARTIAL)
    told, _ = foretold(project)
    assert told.code == PARTIAL and told.summary["entities"]["things"]["row_errors"] == 2
    world["more"]["rows"][1].update(name="7", seq=20)
    world.write()
    told, _ = foretold(project)
    assert told.summary["entities"]["things"]["row_errors"] == 1 and len(told.changes) == 1


# ---- One key twice in one read ----

NUMBERS = {"types": {"n": "int64"}}
HEADER = ("id", "name", "n")
SPLIT = {"streams": {"name": "partners", "key": ["id"]},
         "gathers": {"name": "partners", "key": ["id"], "from": [{"source": "files", "fields": {
             "*": True, "name": {"from": "name", "authority": "reference"}}}]}}
FAR = pytest.mark.parametrize("far", [1, 20_000])


def twice(folder, kind, far, *records):
    """A file with rows between the first of the records and the others."""
    project = csv_project(folder, entities=[SPLIT[kind]], settings=NUMBERS, options={"max_delete": "100%"})
    between = [(f"k{i}", "x", 1) for i in range(far)]
    project.csv("partners", HEADER, [("a", "one", 1), ("b", "two", 2), *between])
    project.sync()
    project.csv("partners", HEADER, [records[0], *between, *records[1:]])
    return project


@KIND
@FAR
@pytest.mark.parametrize("n", [1, 11])
def test_bad_and_then_well(tmp_path, kind, far, n):
    """Goal: the record delivered last came through, so nothing failed: diff, saved plan, preview and sync agree."""
    project = twice(tmp_path, kind, far, ("a", "one", "bad"), ("b", "two", 2), ("a", "one", n))
    code = DONE if n == 1 else FOUND
    project.command("sync", "--dry-run", "--json").expect(code)
    plan = tmp_path / "saved.plan"
    project.command("diff", "--plan", plan).expect(code)
    told, result = foretold(project, "partners", look=("diff",), sync=("--plan", plan), same=COUNTS[:3] + ("row_errors",))
    assert (told.code, result.code) == (code, DONE)
    assert by_key(project.db, "partners", "id", "n")["a"] == n
    project.csv("partners", HEADER, [("a", "one", "bad"), *[(f"k{i}", "x", 1) for i in range(far)], ("a", "one", n),
                                     ("b", "two", 2)])
    told, result = foretold(project, "partners", look=("diff",))
    assert (told.code, result.code) == (DONE, DONE)


@KIND
@FAR
def test_well_and_then_bad(tmp_path, kind, far):
    """Goal: the last one failed: its error stays, and the one before stands; the same for all that say so."""
    project = twice(tmp_path, kind, far, ("a", "one", 11), ("b", "two", 2), ("a", "one", "bad"))
    project.command("sync", "--dry-run", "--json").expect(PARTIAL)
    plan = tmp_path / "saved.plan"
    project.command("diff", "--plan", plan).expect(PARTIAL)
    told, result = foretold(project, "partners", look=("diff",), sync=("--plan", plan), same=("created", "deleted"))
    assert (told.code, result.code) == (PARTIAL, PARTIAL) and len(open_errors(project)) == 1
    assert by_key(project.db, "partners", "id", "n")["a"] == 11
    told, result = foretold(project, "partners", look=("diff",), same=("created", "updated", "deleted", "row_errors"))
    assert (told.code, result.code) == (PARTIAL, PARTIAL) and told.changes == []


@KIND
@FAR
def test_bad_in_two_fields_and_twice(tmp_path, kind, far):
    """Goal: a record that fails twice counts once."""
    project = twice(tmp_path, kind, far, ("a", "one", "bad"), ("b", "two", "worse"), ("a", "one", "worse"))
    told, result = foretold(project, "partners", look=("diff",))
    assert told.summary["entities"]["partners"]["row_errors"] == 2 == counts(result)[5]


@KIND
def test_records_without_a_key(tmp_path, kind):
    """Goal: of these nobody can tell which is which: each counts, in a diff as in a sync."""
    project = twice(tmp_path, kind, 1, ("", "one", 1), ("", "two", 2), ("a", "one", 1))
    told, result = foretold(project, "partners", look=("diff",), same=("created", "updated", "deleted", "row_errors"))
    assert told.summary["entities"]["partners"]["row_errors"] == 2 == counts(result)[5]


def test_a_plan_keeps_the_error_of_another_record_of_the_key(tmp_path):
    """Goal: two records of one key fail and one comes through behind that: the plan knows which."""
    rows = [number(1, code="A", name="x"), number(2, code="A", name="y"), number(1, code="A")]
    world = World(tmp_path).stream(rows=rows, capabilities=["complete"], page_size=1).write()
    project = scripted_project(tmp_path, world, entities=[KINDS["gathers"]])
    plan = tmp_path / "saved.plan"
    told = project.command("diff", "--plan", plan, "--json").expect(PARTIAL)
    assert told.summary["entities"]["things"]["row_errors"] == 1
    project.sync("--plan", plan, expect=PARTIAL)
    assert [(e["source_key"], e["key"]) for e in open_errors(project)] == [("2", "A")]
