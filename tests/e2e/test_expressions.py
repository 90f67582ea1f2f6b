"""Expressions in projects: fields computed from the source's, records left out by `where`, fields derived from others."""

import pytest
from dataverse import dataverse_project, simulated
from harness import (DONE, FAILED, FOUND, INVALID, PARTIAL, ROOT, by_key, counts, csv_project, dicts, entity, execute, run,
                     tracing, writes_to)
from sim import Sim
from worlds import World, scripted_project, thing


def partners(where=None, fields=None, derived=None, **more):
    source = {"entity": "partners", "fields": fields or {"*": True}}
    if where is not None:
        source["where"] = where
    result = {"name": "partners", "key": ["id"], "from": [source], **more}
    if derived:
        result["derived"] = derived
    return [result]


def people(folder, rows, **mapping):
    project = csv_project(folder, entities=partners(**mapping))
    project.csv("partners", HEADER, rows)
    return project


HEADER = ("id", "name", "phone", "born", "revenue")
ROWS = [("1", "Ann", "+49 (30) 123", "31.12.1999", "1.234,50"), ("2", "Bob", None, "01.02.2000", "7"),
        ("3", "Cy", "n/a", "29.02.2024", "12.345.678.901.234.567,891")]
COMPUTED = {"id": "id", "name": {"expr": "upper(name)"}, "phone": {"expr": "digits(phone)"},
            "born": {"expr": "to_date(born, '%d.%m.%Y')", "type": "date"},
            "revenue": {"expr": "to_number(revenue, 'de')", "type": "decimal"}}


def test_expr(tmp_path):
    """Goal: computed fields, with their types; NULL gives NULL; a long decimal loses no digit; a second sync is quiet."""
    project = people(tmp_path, ROWS, fields=COMPUTED)
    assert counts(project.sync(), "partners") == (3, 0, 0, 0, 0, 0)
    assert project.rows("SELECT name, phone, born, revenue, typeof(revenue) FROM partners ORDER BY id") == [
        ("ANN", "4930123", "1999-12-31", 1234.5, "real"), ("BOB", None, "2000-02-01", 7, "integer"),
        ("CY", "", "2024-02-29", "12345678901234567.891", "text")]
    trace = tmp_path / "trace"
    assert counts(project.sync(env=tracing(project.db, trace)), "partners")[:4] == (0, 0, 0, 3)
    assert writes_to(trace, "partners", "_sync_lineage") == []
    project.diff(expect=DONE)


def test_failing_expression_is_a_row_error(tmp_path):
    """Goal: the field and the value stand in the message; the others come through; the record counts as present, and
    when it is mended the error closes."""
    project = people(tmp_path, ROWS, fields=COMPUTED)
    project.sync()
    project.csv("partners", HEADER,
                [ROWS[0], ("2", "Bob", None, "30.02.2000", "7"), ROWS[2]])
    result = project.sync(expect=PARTIAL)
    assert counts(result, "partners") == (0, 0, 0, 2, 0, 1)
    (error,) = dicts(project.db, "SELECT key, field, message FROM _sync_errors WHERE closed_at IS NULL")
    assert (error["key"], error["field"]) == ("2", "born") and '"30.02.2000"' in error["message"]
    assert by_key(project.db, "partners", "id", "born")["2"] == "2000-02-01"
    project.csv("partners", HEADER, ROWS)
    project.sync()
    assert project.value("SELECT count(*) FROM _sync_errors WHERE closed_at IS NULL") == 0


def test_where_in_a_complete_read(tmp_path):
    """Goal: what does not match, or gives NULL, takes no part; what stops matching is deleted; what matches again is
    revived; an error in a record that is left out is none."""
    project = people(tmp_path, ROWS + [("4", "Di", "5", "never", "x")], where="phone <> 'n/a' AND id <> '4'",
                     fields=COMPUTED, deletes="soft")
    assert counts(project.sync("--max-delete", "100%"), "partners") == (1, 0, 0, 0, 0, 0)
    assert list(by_key(project.db, "partners", "id", "name")) == ["1"], "2 has no phone: NULL is no match"
    project.diff(expect=DONE)
    project.csv("partners", HEADER, [("1", "Ann", "n/a", *ROWS[0][3:]), ("2", "Bob", "1", "01.02.2000", "7")])
    changes = project.diff(expect=FOUND).changes
    assert {(c["op"], c["key"]["id"]) for c in changes} == {("delete", "1"), ("create", "2")}
    assert counts(project.sync("--max-delete", "100%"), "partners")[:3] == (1, 0, 1)
    project.csv("partners", HEADER, ROWS[:1])
    assert counts(project.sync("--max-delete", "100%"), "partners")[:3] == (0, 1, 1)
    assert project.value("SELECT deleted_at FROM partners WHERE id = '1'") is None
    project.diff(expect=DONE)


KINDS = {"cursor": ["complete", "cursor", "resume"], "delta": ["complete", "delta", "resume"]}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", ["id", "code"])
def test_where_in_an_incremental_read(tmp_path, kind, key):
    """Goal: a row that leaves `where` goes on a cursor or delta run, whether the entity streams or gathers, and comes
    back; --full afterwards changes nothing."""
    world = World(tmp_path).stream(rows=[thing(i) for i in range(1, 21)], capabilities=KINDS[kind]).write()
    project = scripted_project(tmp_path, world, entities=[
        {"name": "things", "key": [key], "from": [{"where": "amount < 15 AND name <> 'gone'"}]}])
    assert counts(project.sync(), "things")[:3] == (14, 0, 0)
    assert (project.value("SELECT count(*) FROM _sync_offers") != 0) == (key == "code")
    world.change(3, 21, name="gone").change(18, 22, amount="1").change(17, 23, name="still out").write()
    result = project.sync()
    assert entity(result.json, "things")["sources"][0]["mode"] == kind
    assert counts(result, "things")[:3] == (1, 0, 1)
    assert project.value("SELECT count(*) FROM things WHERE id = 3 AND deleted_at IS NULL") == 0
    project.diff(expect=DONE)
    world.change(3, 24, name="back").write()
    assert counts(project.sync(), "things")[:3] == (0, 1, 0)
    assert project.value("SELECT name FROM things WHERE id = 3 AND deleted_at IS NULL") == "back"
    assert counts(project.sync("--full"), "things")[:3] == (0, 0, 0)


def test_where_reads_columns_that_no_field_takes(tmp_path):
    """Goal: columns that only expressions name are read; decimals compare as numbers, whatever their length."""
    amounts = ["2", "10", "12345678901234567890.123456789", "-12345678901234567890.123456789"]
    world = World(tmp_path).stream(rows=[thing(i + 1, amount=a) for i, a in enumerate(amounts)]).write()
    project = scripted_project(tmp_path, world, options={"keep_raw": False}, entities=[
        {"name": "things", "from": [{"where": "amount > 9", "fields": {"id": "id", "name": "name"}}]}])
    project.sync()
    assert project.rows("SELECT id FROM things ORDER BY id") == [(2,), (3,)]


def test_failing_where(tmp_path):
    """Goal: a `where` that cannot be decided for a record is a row error; nothing is deleted for it."""
    project = people(tmp_path, ROWS, where="to_number(revenue, 'de') > 0")
    project.sync()
    project.csv("partners", HEADER, [ROWS[0], ROWS[1], ("3", "Cy", "1", "x", "much")])
    assert counts(project.sync(expect=PARTIAL), "partners") == (0, 0, 0, 2, 0, 1)
    assert project.rows("SELECT key, field FROM _sync_errors WHERE closed_at IS NULL") == [("3", "where")]
    assert project.value("SELECT count(*) FROM partners WHERE deleted_at IS NULL") == 3


def test_derived(tmp_path):
    """Goal: computed of the fields as they are stored, again when they change; a hand edit is overwritten."""
    derived = {"label": "name || ' (' || id || ')'", "old": {"expr": "born < '2000-01-01'", "type": "bool"}}
    project = people(tmp_path, ROWS, fields=COMPUTED, derived=derived)
    project.sync()
    assert project.rows("SELECT label, old FROM partners ORDER BY id") == [
        ("ANN (1)", 1), ("BOB (2)", 0), ("CY (3)", 0)]
    execute(project.db, "UPDATE partners SET label = 'mine' WHERE id = '2'")
    project.csv("partners", HEADER, [("1", "Eve", *ROWS[0][2:]), *ROWS[1:]])
    (first, second) = project.diff(expect=FOUND).changes
    assert set(first["fields"]) == {"name", "label"} and set(second["fields"]) == {"label"}
    project.sync()
    assert by_key(project.db, "partners", "id", "label") == {"1": "EVE (1)", "2": "BOB (2)", "3": "CY (3)"}
    project.diff(expect=DONE)


@pytest.mark.parametrize("change", ["where", "expr", "derived"])
def test_a_changed_expression(tmp_path, change):
    """Goal: an expression is part of what a read gives: when it changes, everything is read anew, and the state is that
    of a fresh database."""
    def wanted(new):
        return [{"name": "things", "from": [{
            "where": "id > 2" if new and change == "where" else "id > 1",
            "fields": {"id": "id", "name": {"expr": "lower(name)" if new and change == "expr" else "upper(name)"}}}],
            "derived": {"label": "name || '!'" if new and change == "derived" else "name || '?'"}}]

    world = World(tmp_path).stream(rows=[thing(i) for i in range(1, 6)]).write()
    project = scripted_project(tmp_path, world, entities=wanted(False))
    project.sync()
    project.edit(lambda config: config.update(entities=wanted(True)))
    result = project.sync("--max-delete", "100%")
    assert entity(result.json, "things")["sources"][0]["mode"] == "full"
    project.diff(expect=DONE)
    fresh = scripted_project(tmp_path, world, name="fresh", entities=wanted(True))
    fresh.sync()
    query = "SELECT id, name, label FROM things WHERE deleted_at IS NULL ORDER BY id"
    assert project.rows(query) == fresh.rows(query)


HOSTILE = {
    "random()": "does not depend on the record",
    "date('now')": "'now'",
    "CURRENT_TIMESTAMP": "does not depend on the record",
    "datetime(born, 'localtime')": "time zone",
    "load_extension('x')": "cannot be used",
    "readfile('/etc/passwd')": "no such function",
    "(SELECT 1)": "subquery",
    "(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c)": "subquery",
    "1) FROM x; ATTACH 'a.db' AS a; SELECT (1": 'more ")" than',
    "count(*)": "cannot be used",
    '"nmae"': 'did you mean "name"?',
    "name ||": "syntax error",
    "regex_like(name, '(')": "no regular expression",
}


@pytest.mark.parametrize("expression", HOSTILE)
def test_refused(tmp_path, expression):
    """Goal: what is not allowed, or misspelt, is a mistake of the project, with its place; nothing is written."""
    for number, mapping in enumerate(({"fields": {"id": "id", "x": {"expr": expression}}}, {"where": expression},
                                      {"derived": {"x": expression}})):
        folder = tmp_path / str(number)
        folder.mkdir()
        project = people(folder, ROWS, **mapping)
        project.command("validate").expect(FOUND, INVALID).says(HOSTILE[expression])
        (error,) = project.sync(expect=(FAILED, INVALID)).json["errors"]
        assert HOSTILE[expression] in error["message"]


@pytest.mark.parametrize("expression, says", [
    ("zeroblob(1000000000)", "too big"),
    ("replace(replace(printf('%900000d', 1), ' ', name), ' ', 'x') || printf('%900000d', 1)", "too big"),
    ("regex_like(replace(printf('%5000d', 1), ' ', 'a') || name, '^(a+)+$')", "too many steps"),
])
def test_stopped(tmp_path, expression, says):
    """Goal: what grows too large or takes too long for a record is stopped, as that record's error."""
    project = people(tmp_path, ROWS[:1], fields={"id": "id", "x": {"expr": expression}})
    project.sync(expect=PARTIAL)
    assert says in project.value("SELECT message FROM _sync_errors")


def test_key_by_expression(tmp_path):
    """Goal: a key may be computed; when it cannot be for a record, nothing is deleted."""
    fields = {"id": {"expr": "to_number(id)", "type": "int64"}, "name": "name"}
    project = people(tmp_path, ROWS, fields=fields)
    project.sync()
    assert list(by_key(project.db, "partners", "id", "name")) == [1, 2, 3]
    project.csv("partners", HEADER, [ROWS[0], ("two", *ROWS[1][1:])])
    assert counts(project.sync(expect=PARTIAL), "partners") == (0, 0, 0, 1, 0, 1)
    assert project.value("SELECT count(*) FROM partners WHERE deleted_at IS NULL") == 3


def test_dataverse(tmp_path):
    """Goal: over the simulator: only columns that fields or expressions name are asked for, a row that leaves `where` goes
    on a cursor run."""
    with Sim("--rows", "accounts=60") as sim:
        project = dataverse_project(tmp_path, sim, [
            {"name": "accounts", "keep_raw": False, "derived": {"label": "name || '!'"}, "from": [
                {"where": "name IS NOT NULL AND name <> 'gone'",
                 "fields": {"accountid": "accountid", "name": "name", "phone": {"expr": "digits(telephone1)"}}}]}],
            overlap_seconds=0)
        project.sync()
        asked = sim.requests(phase="rows")
        assert asked and all("telephone1" in r["query"] and "revenue" not in r["query"] for r in asked)
        rows = simulated(sim, "accounts")
        for key, row in rows.items():
            digits = None if row["telephone1"] is None else "".join(c for c in row["telephone1"] if c in "0123456789")
            assert project.rows("SELECT phone, label FROM accounts WHERE accountid = ?", key) == [
                (digits, row["name"] + "!")]
        gone = next(iter(rows))
        sim.advance(1000)
        sim.change(accounts={"update": [{"accountid": gone, "name": "gone"}]})
        result = project.sync()
        assert entity(result.json, "accounts")["sources"][0]["mode"] in ("cursor", "delta")
        assert counts(result, "accounts")[:3] == (0, 0, 1)
        project.diff(expect=DONE)
        sim.expect_clean()


def documented():
    """(expression, result) of the examples in docs/expressions.md."""
    text = (ROOT / "docs/expressions.md").read_text(encoding="utf-8")
    block = text.split("```sql\n")[1].split("```")[0]
    return [tuple(part.strip() for part in line.split(" -- ")) for line in block.splitlines()]


def test_the_documented_examples(tmp_path):
    """Goal: each example of the documentation gives what it says, and an error where it says one."""
    examples = documented()
    assert len(examples) > 20
    fields = {f"f{i}": {"expr": e} for i, (e, r) in enumerate(examples) if not r.startswith("error: ")}
    project = people(tmp_path, ROWS[:1], fields={"id": "id", **fields})
    project.sync()
    (row,) = dicts(project.db, "SELECT * FROM partners")
    assert {f: row[f] for f in fields} == {f"f{i}": r for i, (_, r) in enumerate(examples) if f"f{i}" in fields}
    failing = {"id": "id", **{f"f{i}": {"expr": e} for i, (e, r) in enumerate(examples) if r.startswith("error: ")}}
    for name, field in list(failing.items())[1:]:
        project = people(tmp_path / name, ROWS[:1], fields={"id": "id", name: field})
        project.sync(expect=PARTIAL)
        assert examples[int(name[1:])][1][len("error: "):] in project.value("SELECT message FROM _sync_errors")


def test_the_example_project(tmp_path):
    """Goal: configs/expressions.yaml runs as it is, and gives what its comments say."""
    db = tmp_path / "expressions.db"
    run("sync", "--config-file", ROOT / "configs/expressions.yaml", "--verify",
        env={"DVSYNC_EXPRESSIONS_DB": str(db)}).expect(DONE).says("0 dangling")
    assert dicts(db, "SELECT code, phone, since, revenue, kind, label, large FROM partners ORDER BY code") == [
        {"code": "P-1", "phone": "493012345", "since": "2019-04-01", "revenue": 1234567.89, "kind": "customer",
         "label": "Acme GmbH (P-1)", "large": 1},
        {"code": "P-2", "phone": None, "since": "2021-11-15", "revenue": 99000, "kind": "supplier",
         "label": "Globex (P-2)", "large": 0},
        {"code": "P-3", "phone": "0800555", "since": "2020-02-28", "revenue": None, "kind": "other",
         "label": "Initech (P-3)", "large": None}]
