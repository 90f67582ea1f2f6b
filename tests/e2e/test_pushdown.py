"""`where` that the source applies itself: only complete reads, only what surely lets every matching record through, and the
same result as without."""

import random
from urllib.parse import unquote

import pytest
from dataverse import dataverse_project
from harness import DONE, PARTIAL, counts, entity
from sim import Sim
from worlds import World, column, scripted_project, thing

COLUMNS = [column("id", "int64", key=1), column("name"), column("code", "int64"), column("flag", "bool"),
           column("day", "date"), column("at", "timestamp"), column("who", "uuid")]


def guid(i):
    return f"00000000-0000-4000-8000-{i:012d}"


def some(choose, n):
    """n rows of few different values, NULLs among them."""
    return [{"id": i, "name": choose.choice(["a", "A", "b ", None]), "code": choose.choice([-1, 0, 1, 2, None]),
             "flag": choose.choice([True, False, None]), "day": choose.choice(["2024-02-28", "2024-02-29", None]),
             "at": choose.choice(["2024-02-29T00:00:00Z", "2024-02-29T12:00:00.5Z", None]),
             "who": choose.choice([guid(1), guid(2), None])} for i in range(1, n + 1)]


def term(choose):
    op = choose.choice(["=", "<>", "<", "<=", ">", ">="])
    return choose.choice([
        f"code {op} {choose.randint(-1, 2)}", f"{choose.randint(-1, 2)} {op} code", f"day {op} '2024-02-29'",
        f"at {op} '2024-02-29'", f"at {op} '2024-02-29T12:00:00.500000Z'", f"who {op} '{guid(1)}'", "flag", "NOT flag",
        f"flag = {choose.choice(['0', '1', 'TRUE'])}", f"name {op} '{choose.choice(['a', 'A', 'b', 'b '])}'",
        f"{choose.choice(['code', 'name', 'day', 'at', 'flag', 'who'])} IS {choose.choice(['', 'NOT '])}NULL",
        "name LIKE 'a%'", "(code = 1 OR flag)", "(code = 1 AND flag)", "id % 2", "code BETWEEN 0 AND 1"])


def where(choose):
    return choose.choice([" AND ", " AND ", " AND ", " OR "]).join(term(choose) for _ in range(choose.randint(1, 4)))


def test_random_conditions(tmp_path):
    """Goal: a source that applies what it is given exactly, NULL meeting no comparison, leaves out nothing that matches: the
    result is that of a `where` that cannot be pushed down."""
    choose = random.Random(20261121)
    world = World(tmp_path).stream(columns=COLUMNS, rows=some(choose, 300), apply_conditions=True).write()
    pushed = 0
    for number in range(30):
        text = where(choose)
        results = []
        for label, condition in (("pushed", text), ("local", f"({text}) OR 0")):
            project = scripted_project(tmp_path, world, name=f"{label}{number}", entities=[
                {"name": "things", "key": ["id"], "from": [{"where": condition}]}])
            project.sync()
            results.append(project.rows("SELECT id FROM things ORDER BY id"))
            (start,) = world.starts()
            pushed += len(start["conditions"])
            assert label == "pushed" or start["conditions"] == []
            world.forget()
        assert results[0] == results[1], text
    assert pushed > 30


def test_only_complete_reads(tmp_path):
    """Goal: a complete read carries the conditions, a cursor read never: it must see a row that leaves `where`."""
    world = World(tmp_path).stream(rows=[thing(i) for i in range(1, 21)],
                                   capabilities=["complete", "cursor", "resume"], apply_conditions=True).write()
    project = scripted_project(tmp_path, world, entities=[
        {"name": "things", "from": [{"where": "name <> 'gone' AND id > 5 AND amount < 1000"}]}])
    assert counts(project.sync(), "things")[0] == 15
    world.change(7, 21, name="gone").write()
    assert counts(project.sync(), "things")[:3] == (0, 0, 1)
    project.sync("--full")
    assert [[c["column"] for c in start["conditions"]] for start in world.starts()] == [["id"], [], ["id"]]
    project.diff(expect=DONE)


def rows_filters(sim):
    return [r["query"].split("$filter=")[1].split("&")[0] if "$filter=" in r["query"] else None
            for r in sim.requests(phase="rows") if "$skiptoken" not in r["query"]]


DATAVERSE = [
    ("statecode = 0 AND name IS NOT NULL", "statecode eq 0 and name ne null"),
    ("donotemail AND createdon >= '2020-01-01'", "donotemail eq true and createdon ge 2019-12-31T23:59:59Z"),
    ("name = 'O''Neil & Söhne'", "name eq 'O''Neil & Söhne'"),
    ("revenue > 1000 AND numberofemployees < 500", "numberofemployees lt 500"),
    ("name > 'M' AND telephone1 IS NULL", "telephone1 eq null"),
    ("to_number(revenue) > 5 AND statecode = 0", None),
    ("statecode = 0 OR statecode = 1", None),
    ("_ownerid_value <> '00000000-0000-0000-0000-000000000001'", "_ownerid_value ne 00000000-0000-0000-0000-000000000001"),
]
CONTACTS = [("birthdate >= '1980-01-01'", "birthdate ge 1980-01-01"), ("birthdate = '1980-01-01'", "birthdate eq 1980-01-01")]


def test_dataverse(tmp_path):
    """Goal: $filter says the part that is sure; the rows are those of the local evaluation."""
    cases = [("account", *case) for case in DATAVERSE] + [("contact", *case) for case in CONTACTS]
    with Sim("--rows", "accounts=150", "--rows", "contacts=150") as sim:
        for number, (table, condition, expected) in enumerate(cases):
            results = []
            for label, text in (("pushed", condition), ("local", f"({condition}) OR 0")):
                project = dataverse_project(tmp_path, sim, [{"name": f"{table}s", "from": [{"where": text}]}],
                                            name=f"{label}{number}", page_size=50)
                project.sync()
                results.append(project.rows(f"SELECT {table}id FROM {table}s ORDER BY 1"))
                (asked,) = rows_filters(sim)
                assert (unquote(asked) if asked else None) == (expected if label == "pushed" else None), condition
                sim.expect_clean()
                sim.clear_log()
            assert results[0] == results[1], condition


@pytest.mark.parametrize("listed, condition, expected", [
    (True, "governmentid = 'A-1' AND statecode = 0", None),
    (True, "governmentid IS NOT NULL AND statecode = 0", None),
    (False, "lastname IS NOT NULL AND statecode = 0", "statecode eq 0")])
def test_dataverse_what_may_be_hidden(tmp_path, listed, condition, expected):
    """Goal: nothing is left out by the source where a value may be hidden from us, for then nothing is decided; nor is it
    asked about NULL where $metadata, which does not tell which values these are, is all that there is."""
    with Sim("--rows", "contacts=60") as sim:
        if not listed:
            sim.fault("403", phase="metadata", times=1)  # the list of tables is what is asked for first
        project = dataverse_project(tmp_path, sim, [{"name": "contacts", "from": [{"where": condition}]}])
        project.sync(expect=PARTIAL if "governmentid" in condition else DONE)
        (asked,) = rows_filters(sim)
        assert (unquote(asked) if asked else None) == expected


def test_dataverse_later_runs(tmp_path):
    """Goal: the cursor read after a filtered one has only its own filter, and sees what leaves."""
    with Sim("--rows", "accounts=60") as sim:
        project = dataverse_project(tmp_path, sim, [
            {"name": "accounts", "from": [{"where": "statecode = 0", "fields": {"accountid": "accountid", "name": "name"}}]}],
            overlap_seconds=0)
        project.sync()
        before = dict(project.rows("SELECT accountid, name FROM accounts"))
        (gone, *_) = before
        sim.advance(1000)
        sim.change(accounts={"update": [{"accountid": gone, "statecode": 1}]})
        sim.clear_log()
        result = project.sync()
        assert entity(result.json, "accounts")["sources"][0]["mode"] == "cursor"
        assert counts(result, "accounts")[:3] == (0, 0, 1)
        asked = rows_filters(sim)
        assert asked and not [f for f in asked if "statecode" in f]
        project.diff(expect=DONE)
        sim.expect_clean()


def test_a_filter_that_the_service_refuses(tmp_path):
    """Goal: the read goes on without it, and says so."""
    with Sim("--rows", "accounts=120") as sim:
        project = dataverse_project(tmp_path, sim, [{"name": "accounts", "from": [{"where": "statecode = 0"}]}],
                                    page_size=50)
        sim.fault("413", phase="rows", page="first", times=1)
        result = project.sync()
        assert rows_filters(sim) == ["statecode%20eq%200", None]
        assert "read without a filter" in result.err
        fresh = dataverse_project(tmp_path, sim, [{"name": "accounts", "from": [{"where": "statecode = 0"}]}], name="fresh")
        fresh.sync()
        query = "SELECT accountid FROM accounts ORDER BY 1"
        assert project.rows(query) == fresh.rows(query)
