"""Dataverse and a CSV file for one entity, matched by a key that is not Dataverse's own."""

import json

import pytest
from dataverse import simulated
from harness import DONE, FOUND, PARTIAL, Project, by_key, counts, dicts, execute, tracing, writes_to
from sim import Sim


@pytest.fixture(name="sim")
def organisation():
    with Sim("--rows", "accounts=60") as sim:
        yield sim
        sim.expect_clean()


@pytest.fixture(name="project")
def a_project(sim, tmp_path):
    project = Project(tmp_path, "crm")
    project.write({
        "sources": {"crm": {"plugin": "dataverse", "priority": 100, "settings": sim.settings(overlap_seconds=0)},
                    "sheet": {"plugin": "csv", "priority": 50, "settings": {"path": "data/partners.csv"}}},
        "options": {"max_delete": "100%"},
        "entities": [{"name": "partners", "key": ["partner_code"], "from": [
            {"source": "crm", "entity": "accounts", "where": "statecode = 0", "fields": {
                "partner_code": "accountnumber", "name": {"from": "name", "authority": "source_of_truth"},
                "phone": {"expr": "digits(telephone1)", "authority": "reference"}, "kind": {"static": "customer"}}},
            {"source": "sheet", "entity": "partners", "fields": {
                "partner_code": "code", "name": "name", "phone": {"from": "phone", "authority": "reference"}, "note": "note"}}],
            "derived": {"label": "name || ' (' || partner_code || ')'"}}]})
    return project


def sheet(project, *data):
    project.csv("partners", ("code", "name", "phone", "note"), data)


def active(sim):
    """{accountnumber: row} of the accounts that take part."""
    return {r["accountnumber"]: r for r in simulated(sim, "accounts").values() if r["statecode"] == 0}


def partners(project, *fields):
    return by_key(project.db, "partners", "partner_code", *fields)


def conflicts(project):
    return dicts(project.db, "SELECT key, field, kind, winner_source, loser_source, seen_count FROM _sync_conflicts "
                             "WHERE closed_at IS NULL ORDER BY key, field, kind")


def mode(result):
    return result.json["entities"][0]["sources"][0]["mode"]


def test_one_entity_of_both(sim, project, tmp_path):
    """Goal: Dataverse and a CSV file, end to end: priority, conflicts once, no writes, deletes, moves, edits, where."""
    accounts = active(sim)
    first, second, third = list(accounts)[:3]
    sheet(project, (first, "another name", "111", "n1"), (second, accounts[second]["name"], "222", "n2"),
          ("CSV-1", "only here", "333", "n3"))
    result = project.sync()
    assert counts(result, "partners")[0] == len(accounts) + 1
    found = partners(project, "name", "note", "kind", "label")
    assert found[first] == (accounts[first]["name"], "n1", "customer", f"{accounts[first]['name']} ({first})")
    assert found["CSV-1"] == ("only here", "n3", None, "only here (CSV-1)")
    assert [(c["key"], c["field"], c["kind"], c["winner_source"], c["loser_source"]) for c in conflicts(project)] == [
        (first, "name", "field_differs", "crm", "sheet")]

    trace = tmp_path / "trace"
    sim.advance(3600)
    again = project.sync(env=tracing(project.db, trace))
    assert mode(again) == "cursor"
    assert writes_to(trace, "partners", "_sync_lineage", "_sync_conflicts") == []
    project.diff(expect=DONE)

    # The conflict closes when they agree; a cursor run is enough.
    sheet(project, (first, accounts[first]["name"], "111", "n1"), (second, accounts[second]["name"], "222", "n2"),
          ("CSV-1", "only here", "333", "n3"))
    project.sync()
    assert conflicts(project) == []

    # A row that leaves `where`, on a cursor run: the sheet's offer stands, or the record goes.
    sim.advance(3600)
    sim.change(accounts={"update": [{"accountid": accounts[c]["accountid"], "statecode": 1} for c in (first, third)]})
    left = project.sync()
    assert mode(left) == "cursor" and counts(left, "partners")[1:3] == (1, 1)
    assert partners(project, "name", "kind")[first] == (accounts[first]["name"], None) and third not in partners(project, "name")

    # The winner's record is deleted: found by a complete read; the other's value returns.
    sheet(project, (first, "mine", "111", "n1"), (second, "the sheet's", "222", "n2"), ("CSV-1", "only here", "333", "n3"))
    sim.change(accounts={"delete": [accounts[second]["accountid"]]})
    project.sync("--full")
    assert partners(project, "name")[second] == "the sheet's" and partners(project, "name")["CSV-1"] == "only here"

    # A changed key moves the record.
    fourth = list(accounts)[3]
    sim.advance(3600)
    sim.change(accounts={"update": [{"accountid": accounts[fourth]["accountid"], "accountnumber": "CSV-1"}]})
    project.sync()
    now = partners(project, "name", "note")
    assert fourth not in now and now["CSV-1"] == (accounts[fourth]["name"], "n3")
    project.diff(expect=DONE)

    # Edits by hand: found, overwritten where the source decides, kept where it is a reference.
    fifth = list(accounts)[4]
    execute(project.db, "UPDATE partners SET name = 'edited', phone = '000' WHERE partner_code = ?", fifth)
    change = project.diff(expect=FOUND).changes
    assert [set(c["fields"]) for c in change] == [{"name"}], "phone is a reference, and label is right again with the name"
    project.sync("--full")
    assert partners(project, "name", "phone")[fifth] == (accounts[fifth]["name"], "000")
    assert {(c["key"], c["field"], c["kind"]) for c in conflicts(project)} == {("CSV-1", "name", "field_differs"),
                                                                             (fifth, "name", "local_edit"), (fifth, "phone", "local_edit")}


def test_one_of_them_away(sim, project):
    """Goal: the organisation cannot be reached: exit 3, the sheet is brought, nothing of the organisation goes."""
    accounts = active(sim)
    first = list(accounts)[0]
    sheet(project, (first, "s", "1", "n1"))
    project.sync()
    project.config["sources"]["crm"]["settings"].update(url="http://127.0.0.1:9", max_retries=0)
    project.edit(lambda c: None)
    sheet(project, (first, "s", "1", "n2"), ("X", "x", "2", "n3"))
    project.sync(expect=PARTIAL)
    found = partners(project, "name", "note")
    assert found[first] == (accounts[first]["name"], "n2") and found["X"] == ("x", "n3")
    assert len(found) == len(accounts) + 1


def test_lineage(sim, project):
    """Goal: `lineage` and a query on the view name source, source entity and field of every value."""
    accounts = active(sim)
    first = list(accounts)[0]
    sheet(project, (first, "s", "1", "note"))
    project.sync()
    row = dicts(project.db, "SELECT source, source_entity, changes FROM _sync_lineage WHERE key = ?", first)[0]
    assert (row["source"], row["source_entity"]) == ("crm", "accounts")
    view = {v["field_name"]: (v["source_type"], v["source_id"], v["source_ref"]) for v in dicts(
        project.db, "SELECT * FROM field_lineage WHERE entity_id = ?", first)}
    assert view["name"] == ("dataverse", "crm", "accounts.name")
    assert view["note"] == ("csv", "sheet", "partners.note")
    assert json.loads(row["changes"])["note"] == {"source": "sheet", "source_entity": "partners", "from": "note"}
    result = project.command("lineage", "--entity", "partners", "--key", first, "--field", "note", "--json")
    result.expect(DONE).says("sheet", "partners", "note")
