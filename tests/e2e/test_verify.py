"""References: what `verify` finds in the sink, by the project's refers_to and by what a source declares."""

import pytest
from dataverse import dataverse_project, simulated
from harness import DONE, FAILED, FOUND, PARTIAL, Project, execute, validate_json
from sim import Sim


def reference(document, entity, field):
    (found,) = [r for r in document["references"] if (r["entity"], r["field"]) == (entity, field)]
    return found


def verify(project, expect):
    document = project.command("verify", "--json").expect(expect).json
    validate_json(document, "verify")
    return document


STAFF = (("id", "name", "boss"), [("1", "Ann", None), ("2", "Bob", "1"), ("3", "Cy", "1")])
PARTNERS = (("code", "owner"), [("A", "1"), ("B", "2"), ("C", None), ("D", "9"), ("E", "x")])


def two_entities(folder, sink="sqlite", **more):
    project = Project(folder)
    project.csv("staff", *STAFF)
    project.csv("partners", *PARTNERS)
    project.write({
        "name": project.name, "source": {"plugin": "csv", "settings": {"path": "data"}},
        "sink": {"plugin": "sqlite", "settings": {"path": f"{project.name}.db"}}, "entities": [
            {"name": "staff", "key": ["id"], **more, "from": [{"fields": {
                "id": {"from": "id", "type": "int64"}, "name": "name", "boss": {"from": "boss", "refers_to": "staff"}}}]},
            {"name": "partners", "key": ["code"], **more, "from": [{"fields": {
                "code": "code", "owner": {"from": "owner", "refers_to": "staff"}}}]}]})
    return project


def test_verify(tmp_path):
    """Goal: per field with refers_to the active records that have a value, and those whose value is no active record's
    key, whatever its type; a record that refers to its own entity; exit 2 when one dangles."""
    project = two_entities(tmp_path)
    project.command("verify").expect(FAILED).says("nothing to verify yet")
    project.sync()
    document = verify(project, FOUND)
    assert reference(document, "staff", "boss") == {
        "entity": "staff", "field": "boss", "refers_to": ["staff"], "declared_by": "project", "total": 2, "dangling": 0,
        "reason": None, "samples": []}
    owner = reference(document, "partners", "owner")
    assert (owner["total"], owner["dangling"]) == (4, 2)
    assert owner["samples"] == [{"key": "D", "value": "9"}, {"key": "E", "value": "x"}]
    assert document["dangling"] == 2 and document["not_checked"] == 0
    project.command("verify").expect(FOUND).says("D -> 9, E -> x", "2 references, 2 dangling")
    project.csv("partners", PARTNERS[0], PARTNERS[1][:3])
    project.sync("--max-delete", "100%")
    assert verify(project, DONE)["dangling"] == 0


@pytest.mark.parametrize("rule", [{"deletes": "soft"}, {"deletes": "hard"}, {"history": "scd2"}], ids=str)
def test_only_active_records_count(tmp_path, rule):
    """Goal: a deleted record, or a version that is over, is no target, and refers to nothing."""
    project = two_entities(tmp_path, **rule)
    project.csv("partners", PARTNERS[0], PARTNERS[1][:3])
    project.sync()
    verify(project, DONE)
    project.csv("staff", STAFF[0], [STAFF[1][0], STAFF[1][2]])
    project.sync("--max-delete", "100%")
    document = verify(project, FOUND)
    assert reference(document, "partners", "owner")["samples"] == [{"key": "B", "value": "2"}]
    assert reference(document, "staff", "boss")["total"] == 1
    project.csv("partners", PARTNERS[0], [PARTNERS[1][0], PARTNERS[1][2]])
    project.sync("--max-delete", "100%")
    verify(project, DONE)


def test_what_cannot_be_checked_is_not_zero(tmp_path):
    """Goal: an entity that was not synced, or whose key has several fields: not checked, exit 3."""
    project = two_entities(tmp_path)
    project.sync("--entity", "partners")
    document = verify(project, PARTIAL)
    owner = reference(document, "partners", "owner")
    assert owner["total"] is None and owner["dangling"] is None and '"staff" was not synced' in owner["reason"]
    project.command("verify").expect(PARTIAL).says("2 not checked")


def test_at_the_end_of_sync_and_diff(tmp_path):
    """Goal: --verify checks the sink when sync or diff is done, and its exit code counts."""
    project = two_entities(tmp_path)
    result = project.command("sync", "--json", "--verify").expect(FOUND).json
    validate_json(result, "sync")
    validate_json(result["verify"], "verify")
    assert result["status"] == "completed" and result["verify"]["dangling"] == 2
    project.command("sync", "--verify").expect(FOUND).says("2 dangling")
    project.command("diff", "--verify").expect(FOUND).says("2 dangling")
    last = project.diff("--verify", expect=FOUND)
    assert last.changes == [] and last.summary["verify"]["dangling"] == 2 and last.summary["drift"] is False
    project.csv("partners", PARTNERS[0], PARTNERS[1][:3])
    project.command("sync", "--verify", "--max-delete", "100%").expect(DONE)
    project.command("diff", "--verify").expect(DONE)


def test_unknown_target(tmp_path):
    """Goal: refers_to names an entity of the project; others are errors with their place."""
    project = two_entities(tmp_path)
    project.edit(lambda config: config["entities"][1]["from"][0]["fields"]["owner"].update(refers_to="staf"))
    project.command("verify").expect(78).says('there is no entity "staf"', 'did you mean "staff"')


def test_declared_by_the_source(tmp_path):
    """Goal: Dataverse declares what its lookups point to: one whose targets are all in the project is checked, the key being
    the field that holds the source's own; others are not."""
    with Sim("--rows", "accounts=60", "--rows", "contacts=80") as sim:
        project = dataverse_project(tmp_path, sim, [
            {"name": "firms", "from": [{"entity": "accounts"}]}, {"name": "contacts"}])
        project.sync()
        rows = simulated(sim, "accounts")
        document = verify(project, DONE)
        names = {(r["entity"], r["field"]): r for r in document["references"]}
        assert names, "the simulator's lookups among accounts and contacts"
        assert all(r["declared_by"] == "source" and r["total"] is not None for r in names.values())
        checked = {f for _, f in names}
        assert "_ownerid_value" not in checked, "its targets are not in the project"
        (entity, field), found = next((k, r) for k, r in names.items() if r["total"] and r["refers_to"] == ["firms"])
        (gone,) = project.rows(f'SELECT "{field}" FROM "{entity}" WHERE "{field}" IS NOT NULL LIMIT 1')[0]
        assert gone in rows
        execute(project.db, "UPDATE firms SET deleted_at = '2024-01-01T00:00:00.000000Z' WHERE accountid = ?", gone)
        document = verify(project, FOUND)
        again = reference(document, entity, field)
        assert again["dangling"] >= 1 and again["samples"][0]["value"] == gone
