"""Commands over a directory: list, sync --all, finding projects by name; and reports on one project."""

import json
import re

import pytest
from harness import (DONE, FAILED, FOUND, INVALID, NUMBERED, PARTIAL, USAGE, connect, csv_project, execute, numbered,
                     rows, run, validate_json, value, write_csv)


def directory(folder):
    """Two good projects, one that fails, a broken file, two of one name, and files that are no projects."""
    for name in ("alpha", "beta"):
        project = csv_project(folder, name=name, entities=[{"name": name, "key": ["id"]}])
        project.csv(name, NUMBERED, numbered(5))
    (folder / "broken.yaml").write_text("name: broken\nsources: {a: [1, 2\n")
    (folder / "compose.yml").write_text("services: {web: {image: nginx}}\n")
    (folder / "notes.txt").write_text("sources: none\n")
    (folder / "sub").mkdir()
    (folder / "sub/config.yml").write_text(json.dumps(
        {"name": "gamma", "source": {"plugin": "csv", "settings": {"path": "gamma.csv"}},
         "sink": {"plugin": "sqlite", "settings": {"path": "gamma.db"}}, "entities": [{"name": "gamma", "key": ["id"]}]}))
    write_csv(folder / "sub/gamma.csv", NUMBERED, numbered(5))


def listed(folder):
    result = run("--directory", folder, "list", "--json").expect(DONE)
    validate_json(result.json, "list")
    return {p["file"].rsplit("/", 1)[-1] if "sub" not in p["file"] else "sub": p for p in result.json["projects"]}


def test_list(tmp_path):
    """Goal: every project with its state; a broken file is a row marked invalid, the others still list."""
    directory(tmp_path)
    found = listed(tmp_path)
    assert set(found) == {"alpha.yaml", "beta.yaml", "broken.yaml", "sub"}
    assert found["alpha.yaml"]["state"] == "never_synced"
    assert "broken.yaml" in json.dumps(found["broken.yaml"])
    assert re.search(r"broken\.yaml:\d+", json.dumps(found["broken.yaml"]))
    run("--directory", tmp_path, "sync", "--name", "alpha").expect(DONE)
    assert listed(tmp_path)["alpha.yaml"]["state"] == "idle"
    text = run("--directory", tmp_path, "list").expect(DONE)
    for word in ("alpha", "beta", "gamma", "broken", "csv", "sqlite", "idle", "never_synced"):
        assert word in text.out, word
    (tmp_path / "data/alpha.csv").unlink()
    run("--directory", tmp_path, "sync", "--name", "alpha").expect(FAILED)
    assert listed(tmp_path)["alpha.yaml"]["state"] == "error"
    assert run("list", env={"DVSYNC_DIRECTORY": tmp_path}).expect(DONE).out.count("beta") >= 1


def test_two_projects_of_one_name(tmp_path):
    """Goal: both are invalid in list; asked for by name it is ambiguous, by file it works."""
    directory(tmp_path)
    (tmp_path / "again.yaml").write_text((tmp_path / "alpha.yaml").read_text())
    found = listed(tmp_path)
    assert "beta" in found["beta.yaml"]["name"]
    for name in ("alpha.yaml", "again.yaml"):
        assert "alpha" in json.dumps(found[name]) and found[name] != found["beta.yaml"]
        assert re.search("again|alpha", json.dumps(found[name].get("error", "")))
    run("--directory", tmp_path, "sync", "--name", "alpha").expect(INVALID).says("alpha", ".yaml", "--config-file")
    run("--directory", tmp_path, "sync", "--name", "nobody").expect(INVALID).says("nobody")
    run("sync", "--config-file", tmp_path / "again.yaml").expect(DONE)
    run("sync").expect(USAGE)
    run("--directory", tmp_path, "sync", "--name", "beta", "--config-file", tmp_path / "beta.yaml").expect(USAGE)


def test_name_that_a_broken_file_may_hold(tmp_path):
    """Goal: whoever asks for a project by its name hears of the files that could not be read for their names."""
    directory(tmp_path)
    run("--directory", tmp_path, "sync", "--name", "nobody").expect(INVALID).says("broken.yaml")
    (tmp_path / "broken.yaml").unlink()
    assert "could not be read" not in run("--directory", tmp_path, "sync", "--name", "nobody").expect(INVALID).text


def test_list_needs_no_variables(tmp_path):
    """Goal: list works although the variables of a project are not set; sync names all of them."""
    project = csv_project(tmp_path, settings={"path": "${NOT_SET_ONE}"},
                          sink={"plugin": "sqlite", "settings": {"path": "${NOT_SET_TWO}"}})
    run("--directory", tmp_path, "list").expect(DONE).says("demo")
    project.command("validate").expect(INVALID).says("NOT_SET_ONE", "NOT_SET_TWO")
    project.csv("partners", NUMBERED, numbered(3))
    project.sync(env={"NOT_SET_ONE": "data", "NOT_SET_TWO": "demo.db"})
    run("--directory", tmp_path, "list").expect(DONE).says("unknown")


def test_sync_all(tmp_path):
    """Goal: --all syncs every project of the directory, with one exit code."""
    directory(tmp_path)
    (tmp_path / "broken.yaml").unlink()
    run("--directory", tmp_path, "sync", "--all").expect(DONE)
    for name, db in (("alpha", "alpha.db"), ("beta", "beta.db"), ("gamma", "sub/gamma.db")):
        assert value(tmp_path / db, f"SELECT count(*) FROM {name}") == 5
    (tmp_path / "data/beta.csv").unlink()
    write_csv(tmp_path / "data/alpha.csv", NUMBERED, numbered(6))
    result = run("--directory", tmp_path, "sync", "--all")
    result.expect(FAILED, PARTIAL).says("beta")
    assert value(tmp_path / "alpha.db", "SELECT count(*) FROM alpha") == 6, "one failing project stops no other"
    (tmp_path / "broken.yaml").write_text("name: [\nsink: x")
    run("--directory", tmp_path, "sync", "--all").expect(INVALID).says("broken.yaml")
    run("--directory", tmp_path, "sync", "--all", "--name", "alpha").expect(USAGE)


# ---- Reports ----

@pytest.fixture(name="project")
def synced(tmp_path):
    """Three runs: a first load, one with a change and a delete, one that found nothing."""
    project = csv_project(tmp_path)
    project.csv("partners", NUMBERED, numbered(20))
    project.sync()
    project.csv("partners", NUMBERED, numbered(19, _7="renamed"))
    project.sync()
    project.sync()
    return project


def report(project, name, *args, schema=None):
    result = project.command(name, "--json", *args).expect(DONE)
    return validate_json(result.json, schema or name)


def test_history(project):
    """Goal: runs, newest first; one in full; cleared without touching state and lineage."""
    ids = [r[0] for r in project.rows("SELECT run_id FROM _sync_runs ORDER BY run_id DESC")]
    document = report(project, "history")
    assert [r["run_id"] for r in document["runs"]] == ids
    assert [r["rows_updated"] for r in document["runs"]] == [0, 1, 0]
    assert [r["run_id"] for r in report(project, "history", "--limit", "2")["runs"]] == ids[:2]
    one = json.dumps(project.command("history", "--json", "--run", ids[1]).expect(DONE).json)
    assert ids[1] in one and "partners" in one and ids[0] not in one
    text = project.command("history").expect(DONE)
    assert text.out.count("completed") >= 3
    before = project.rows("SELECT * FROM _sync_lineage"), project.rows("SELECT * FROM _sync_state"), project.state()
    project.command("history", "--clear", "--older-than", "90d").expect(DONE)
    assert len(project.runs()) == 3
    project.command("history", "--clear", "--keep-latest").expect(DONE)
    assert [r[0] for r in project.rows("SELECT run_id FROM _sync_runs")] == ids[:1]
    project.command("history", "--clear").expect(DONE)
    assert project.runs() == []
    assert (project.rows("SELECT * FROM _sync_lineage"), project.rows("SELECT * FROM _sync_state"),
            project.state()) == before
    project.command("history", "--run", ids[0]).says(ids[0])
    project.sync()


def test_history_clear_by_age(project):
    """Goal: --older-than clears old runs only."""
    execute(project.db, "UPDATE _sync_runs SET started_at = '2020-01-01T00:00:00.000000Z',"
                        " completed_at = '2020-01-01T00:01:00.000000Z' WHERE run_id ="
                        " (SELECT min(run_id) FROM _sync_runs)")
    project.command("history", "--clear", "--older-than", "90d").expect(DONE)
    assert len(project.runs()) == 2


def test_stats(project):
    """Goal: rows per entity, runs by status, last sync."""
    document = report(project, "stats")
    (partners,) = document["entities"]
    assert (partners["entity"], partners["active"], partners["deleted"]) == ("partners", 19, 1)
    assert "completed" in json.dumps(document) and "3" in json.dumps(document)
    project.command("stats").expect(DONE).says("partners", "19")


def test_status(project):
    """Goal: an idle project says so, with its last run."""
    document = report(project, "status")
    assert document["state"] == "idle"
    project.command("status").expect(DONE).says("idle")
    never = csv_project(project.folder / "never", name="never")
    assert never.command("status", "--json").expect(DONE).json["state"] == "never_synced"
    assert not never.db.exists()


def test_lineage_equals_the_view(project):
    """Goal: where each value came from; SQL on field_lineage gives the same answer as the command."""
    document = report(project, "lineage", "--entity", "partners", "--key", "7", "--history")
    by_view = [r for r in rows(project.db, "SELECT field_name, previous_value, source_type, source_id, source_ref,"
                               " sync_run_id, changed_at FROM field_lineage WHERE entity_type = 'partners' AND"
                               " entity_id = '7' ORDER BY changed_at, field_name")]
    assert len(by_view) == 5, "four fields of the create, one of the update"
    assert {r[2:5] for r in by_view} == {("csv", "files", f"partners.{n}") for n in NUMBERED}
    (update,) = [r for r in by_view if r[1] is not None]
    assert update[:2] == ("name", "name 7")
    told = {(c["field"], c["previous_value"], c["source"], f"{c['source_entity']}.{c['source_field']}", c["run_id"],
             c["changed_at"]) for c in document["changes"]}
    assert told == {(field, before, source, ref, run_id, at) for field, before, _, source, ref, run_id, at in by_view}
    now = report(project, "lineage", "--entity", "partners", "--key", "7", "--field", "name")
    text = json.dumps(now)
    assert "renamed" in text and "name 7" in text and "city" not in text
    shown = project.command("lineage", "--entity", "partners", "--key", "7").expect(DONE)
    shown.says("renamed", "files", "partners", "name")


def test_lineage_rows(project):
    """Goal: one row per record, run and operation; changes only for updates of streaming entities."""
    assert project.rows("SELECT op, count(*) FROM _sync_lineage GROUP BY op ORDER BY op") == [
        ("create", 20), ("delete", 1), ("update", 1)]
    assert project.value("SELECT count(*) FROM _sync_lineage WHERE op = 'create' AND changes IS NOT NULL") == 0
    changes = json.loads(project.value("SELECT changes FROM _sync_lineage WHERE op = 'update'"))
    assert set(changes) == {"name"}
    assert (changes["name"]["old"], changes["name"]["new"]) == ("name 7", "renamed")
    assert project.rows("SELECT DISTINCT source, source_entity FROM _sync_lineage") == [("files", "partners")]


def test_lineage_of_nobody(project):
    """Goal: an unknown entity is wrong, an unknown key is said."""
    project.command("lineage", "--entity", "nobody", "--key", "7").expect(USAGE, INVALID).says("nobody")
    project.command("lineage", "--entity", "partners", "--key", "4711").says("4711")
    project.command("lineage", "--entity", "partners").expect(USAGE)


def test_large_values_in_lineage(tmp_path):
    """Goal: values over 4 KB stand in lineage as their hash and length."""
    project = csv_project(tmp_path)
    project.csv("partners", ("id", "body"), [("1", "a" * 5000)])
    project.sync()
    project.csv("partners", ("id", "body"), [("1", "b" * 6000)])
    project.sync()
    changes = json.loads(project.value("SELECT changes FROM _sync_lineage WHERE op = 'update'"))
    assert changes["body"]["old"]["bytes"] == 5000 and changes["body"]["new"]["bytes"] == 6000
    assert len(changes["body"]["new"]["sha256"]) == 64


def test_plugins_and_schema(tmp_path):
    """Goal: the installed plugins with their options, and a JSON Schema that knows them."""
    document = validate_json(run("plugins", "--json").expect(DONE).json, "plugins")
    assert {"csv", "sqlite"} <= {p["name"] for p in document["plugins"]}
    run("plugins", "info", "csv").expect(DONE).says("delimiter", "header", "types")
    run("plugins", "info", "sqlite").expect(DONE).says("busy_timeout_ms")
    run("plugins", "info", "nobody").expect(FAILED, USAGE, INVALID).says("nobody")
    schema = run("schema").expect(DONE).json
    assert "delimiter" in json.dumps(schema) and schema["$schema"].startswith("https://json-schema.org/")
    import jsonschema
    project = csv_project(tmp_path)
    jsonschema.Draft202012Validator(schema).validate(project.config)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({**project.config, "entitis": []})


def test_validate(tmp_path):
    """Goal: 0 for a good project, 2 for what only plugins can find, 78 for a bad file."""
    project = csv_project(tmp_path)
    project.csv("partners", NUMBERED, numbered(3))
    result = project.command("validate", "--json").expect(DONE)
    validate_json(result.json, "validate")
    assert not project.db.exists(), "validate writes nothing"
    project.write({**project.config, "sources": {"files": {"plugin": "csv", "settings": {"path": "nowhere"}}}})
    project.command("validate").expect(FOUND).says("nowhere")
    project.file.write_text("name: demo\nsources: {}\nsinc: {}\n")
    result = project.command("validate").expect(INVALID)
    result.says("demo.yaml:3:1", "sinc", "sink")


def test_reports_beside_a_locked_database(project):
    """Goal: reports need no lock: they work while another program writes."""
    with connect(project.db, write=True) as other:
        other.execute("BEGIN IMMEDIATE")
        for name in ("status", "history", "stats"):
            project.command(name).expect(DONE)
        other.execute("ROLLBACK")
    other.close()
