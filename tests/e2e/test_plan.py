"""Saved plans: `diff --plan FILE` keeps what it found, `sync --plan FILE` carries out exactly that."""

import hashlib
import json
import os
import shutil
import stat

import pytest
from harness import (BUSY, DONE, FAILED, FOUND, GUARD, INVALID, NUMBERED, PARTIAL, USAGE, Running, by_key, counts,
                     csv_project, dicts, execute, numbered, state, tracing, wait_until)
from killing import kill_at, writing_commits
from sinks import memory_sink
from test_conflicts import Two
from worlds import World, scripted_project, thing

BOOKS = {"_sync_offers": "entity, source, source_key, key, fields, modified_at, version, pending, raw",
         "_sync_conflicts": "entity, key, field, kind, winner_source, winner_value, loser_source, loser_value, rule, status",
         "_sync_pins": "entity, key, field, value, kept", "_sync_deletes": "entity, key",
         "_sync_state": "entity, source, state, cursor, cursor_kind, position, fingerprint, records_count",
         "_sync_errors": "entity, source, key, field, closed_at IS NULL",
         "_sync_lineage": "entity, key, op, source, source_entity, changes"}


def books(project, without=()):
    """What runs leave in the bookkeeping tables, as far as it does not tell when."""
    return {table: sorted(project.rows(f"SELECT {columns} FROM {table}"), key=repr)
            for table, columns in BOOKS.items() if table not in without}


def hashes(project, table, key):
    return dict(project.rows(f"SELECT {key}, hex(sync_hash) FROM {table}"))


class Twin:
    """A project, and a copy of its database in which an ordinary sync does what the plan does here."""

    def __init__(self, project):
        self.project = project

    def both(self, *sync, expect=DONE):
        project = self.project
        plan = project.folder / "the.plan"
        before = project.db.read_bytes()
        project.diff("--plan", plan, expect=(FOUND, expect))
        assert project.db.read_bytes() == before, "a diff writes nothing"
        result = project.sync("--plan", plan, *sync, expect=expect)
        done = (state(project.db), books(project))
        planned = project.db.read_bytes()
        project.db.write_bytes(before)
        ordinary = project.sync("--full", *sync, expect=expect)
        assert done[0] == state(project.db)
        for table, found in books(project).items():
            assert done[1][table] == found, table
        for entity in ordinary.json["entities"]:
            name = entity["name"]
            assert counts(result, name)[:3] == counts(ordinary, name)[:3]
        project.db.write_bytes(planned)
        project.diff(expect=expect)
        project.sync("--full", expect=expect)
        return result


def plan_of(project, *args, expect=FOUND):
    path = project.folder / "crm.plan"
    project.diff("--plan", path, *args, expect=expect)
    return path


@pytest.fixture(name="csv")
def one_table(tmp_path):
    project = csv_project(tmp_path)
    project.csv("partners", NUMBERED, numbered(30))
    return project


def test_first_load(csv):
    """Goal: a plan for a database that is not there yet."""
    path = plan_of(csv)
    assert not csv.db.exists()
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    result = csv.sync("--plan", path)
    assert counts(result, "partners")[:3] == (30, 0, 0)
    csv.diff(expect=DONE)


def test_creates_updates_deletes_and_revivals(csv):
    """Goal: a streaming entity ends as an ordinary sync would have left it."""
    csv.sync()
    csv.csv("partners", NUMBERED, numbered(28, _3="Ü 3", _7="") + numbered(3, start=40))
    assert counts(Twin(csv).both(), "partners")[:3] == (3, 2, 2)
    csv.csv("partners", NUMBERED, numbered(30))
    assert counts(Twin(csv).both(), "partners")[:3] == (0, 4, 3)


def test_only_what_the_plan_says(csv):
    """Goal: what has changed at the source since then stays out."""
    csv.sync()
    csv.csv("partners", NUMBERED, numbered(30, _3="planned"))
    path = plan_of(csv)
    csv.csv("partners", NUMBERED, numbered(30, _3="planned", _4="later"))
    csv.sync("--plan", path)
    names = by_key(csv.db, "partners", "id", "name")
    assert (names["3"], names["4"]) == ("planned", "name 4")
    (change,) = csv.diff(expect=FOUND).changes
    assert change["key"]["id"] == "4"


def test_a_source_that_is_gone_is_not_asked(csv):
    """Goal: carrying out a plan needs the plan and the sink, no source."""
    csv.sync()
    csv.csv("partners", NUMBERED, numbered(29, _3="x"))
    path = plan_of(csv)
    shutil.rmtree(csv.folder / "data")
    assert counts(csv.sync("--plan", path), "partners")[:3] == (0, 1, 1)


def test_hand_edit_and_conflict(csv):
    """Goal: an edit is overwritten and logged as by a sync, and its conflict closed by the next plan."""
    csv.sync()
    execute(csv.db, "UPDATE partners SET name = 'by hand' WHERE id = '5'")
    Twin(csv).both()
    assert csv.value("SELECT count(*) FROM _sync_conflicts") == 1
    csv.csv("partners", NUMBERED, numbered(30, _6="other"))
    Twin(csv).both()
    assert csv.value("SELECT status FROM _sync_conflicts") == "closed"


def test_cursor_of_the_plan(tmp_path):
    """Goal: the next incremental read starts where the diff's read ended."""
    world = World(tmp_path).stream(rows=[thing(i) for i in range(1, 11)], capabilities=["complete", "delta", "resume"]).write()
    project = scripted_project(tmp_path, world)
    project.sync()
    world.change(3, 20, name="planned").remove(5, seq=21).write()
    Twin(project).both()
    project.sync("--plan", plan_after(project, world), expect=DONE)
    world.forget()
    result = project.sync()
    assert result.json["entities"][0]["sources"][0]["mode"] == "delta" and world.delivered() == 0
    project.diff(expect=DONE)


def plan_after(project, world):
    world.change(4, 30, name="again").write()
    return plan_of(project)


def test_two_sources(tmp_path):
    """Goal: offers, conflicts and deletes of a gathering entity, too."""
    two = Two(tmp_path, n=8)
    project = two.project
    plan = project.folder / "first.plan"
    project.diff("--plan", plan, expect=FOUND)
    project.sync("--plan", plan)
    project.diff(expect=DONE)
    two.says("P-2", "name 2", "other").says("P-9", "new", "9")
    two.change(3, 20, phone="changed")
    two.crm.remove(4, seq=21, stream="partners").write()
    Twin(project).both()
    assert {c["key"] for c in two.open()} == {"P-2", "P-3"}
    two.sheet({k: v for k, v in two.rows.items() if k not in ("P-4", "P-9")})
    two.change(1, 30, code="P-X")
    execute(project.db, "UPDATE partners SET name = 'by hand' WHERE code = 'P-6'")
    execute(project.db, "INSERT INTO partners (row_id, code) VALUES (99, 'stray')")
    Twin(project).both()
    assert "stray" not in by_key(project.db, "partners", "code", "name")


def test_conflicts_that_only_close(tmp_path):
    """Goal: what a sync would write of conflicts alone is in the plan as well."""
    two = Two(tmp_path)
    two.says("P-2", "name 2", "other").says("P-3", "name 3", "other")
    two.project.sync()
    two.says("P-2", "name 2", "02").change(5, 20, name="so that there is a plan")
    Twin(two.project).both()
    assert {c["key"] for c in two.open()} == {"P-3", "P-5"}


def test_row_errors(tmp_path):
    """Goal: records that fail are in the plan: their errors are kept, those of mended ones closed."""
    project = csv_project(tmp_path, settings={"types": {"amount": "decimal"}})
    rows = numbered(12)
    project.csv("partners", NUMBERED, rows[:3] + [("4", "a", "b", "no number")] + rows[4:])
    plan = project.folder / "first.plan"
    project.diff("--plan", plan, expect=PARTIAL)
    project.sync("--plan", plan, expect=PARTIAL)
    assert dicts(project.db, "SELECT * FROM _sync_errors")[0]["key"] == "4"
    project.csv("partners", NUMBERED, rows[:5] + [("6", "a", "b", "x")] + rows[6:11] + [("12", "a", "b", "y")])
    Twin(project).both(expect=PARTIAL)
    assert project.value("SELECT count(*) FROM _sync_errors WHERE closed_at IS NULL") == 2


def test_history(tmp_path):
    """Goal: versions, too."""
    project = csv_project(tmp_path, options={"history": "scd2"})
    project.csv("partners", NUMBERED, numbered(10))
    project.sync()
    project.csv("partners", NUMBERED, numbered(9, _3="x") + numbered(1, start=20))
    Twin(project).both()
    assert project.value("SELECT count(*) FROM partners WHERE id = '3'") == 2


def test_changed_project(tmp_path):
    """Goal: a plan made with an edited project carries the edit out."""
    two = Two(tmp_path)
    two.says("P-1", "name 1", "one")
    two.project.sync()
    two.project.edit(lambda config: config["sources"]["sheet"].update(priority=200))
    Twin(two.project).both()
    assert two.phones()["P-1"] == "one"


def test_equal_inputs_give_equal_bytes(csv):
    """Goal: no time and no chance in a plan; each line is JSON, the last the digest of the others."""
    csv.sync()
    csv.csv("partners", NUMBERED, numbered(28, _3="x") + numbered(2, start=50))
    first = plan_of(csv).read_bytes()
    assert plan_of(csv).read_bytes() == first
    *lines, last = first.splitlines(keepends=True)
    assert json.loads(last)["sha256"] == hashlib.sha256(b"".join(lines)).hexdigest()
    header, *rest = map(json.loads, lines)
    assert header["dvsync_plan"] == 1 and header["project"] == csv.name
    changes = [line for line in rest if "change" in line]
    assert {c["change"]["op"] for c in changes} == {"create", "update", "delete"}
    (update,) = [c for c in changes if c["change"]["op"] == "update"]
    assert update["old"] == {"id": "3", "name": "name 3", "city": "city 3", "amount": "3.50"}


def nothing_done(project, path, code, *says):
    before = (state(project.db), books(project))
    project.command("sync", "--plan", path).expect(code).says(*says)
    assert (state(project.db), books(project)) == before


@pytest.mark.parametrize("edit", ["UPDATE partners SET name = 'x' WHERE id = '3'",
                                  "UPDATE partners SET city = 'x' WHERE id = '3'",
                                  "UPDATE partners SET name = 'x' WHERE id = '30'",
                                  "DELETE FROM partners WHERE id = '3'",
                                  "DELETE FROM partners WHERE id = '30'",
                                  "UPDATE partners SET deleted_at = '2026-01-01T00:00:00.000000Z' WHERE id = '30'",
                                  "INSERT INTO partners (row_id, id) VALUES (99, '50')"])
def test_stale_when_an_old_value_no_longer_matches(csv, edit):
    """Goal: exit 5, and nothing of the plan is applied, when a record of it was touched."""
    csv.sync()
    csv.csv("partners", NUMBERED, numbered(29, _3="new") + numbered(1, start=50))
    path = plan_of(csv)
    execute(csv.db, edit)
    nothing_done(csv, path, GUARD, "no longer fits", "has changed in the sink")


def test_a_later_entity_that_is_stale_keeps_the_first(tmp_path):
    """Goal: all of the plan is looked at before anything is written."""
    project = csv_project(tmp_path, entities=[{"name": n, "key": ["id"]} for n in ("partners", "others")])
    for name in ("partners", "others"):
        project.csv(name, NUMBERED, numbered(10))
    project.sync()
    for name in ("partners", "others"):
        project.csv(name, NUMBERED, numbered(10, _3="new"))
    path = plan_of(project)
    execute(project.db, "UPDATE others SET name = 'x' WHERE id = '3'")
    nothing_done(project, path, GUARD, "others")
    execute(project.db, "UPDATE others SET name = 'name 3' WHERE id = '3'")
    assert counts(project.sync("--plan", path), "others")[:3] == (0, 1, 0)


def test_stale_after_another_sync(csv):
    """Goal: a plan fits the run that it was made behind; carried out, it fits no more."""
    csv.sync()
    csv.csv("partners", NUMBERED, numbered(30, _3="new"))
    path = plan_of(csv)
    csv.sync("--plan", path)
    nothing_done(csv, path, GUARD, "a sync has run since")


def test_stale_after_a_decision(tmp_path):
    """Goal: a pin changes what a sync would write."""
    two = Two(tmp_path)
    two.says("P-2", "name 2", "other")
    two.project.sync()
    two.change(3, 20, name="x")
    path = plan_of(two.project)
    two.project.command("conflicts", "resolve", "1", "--keep", "sheet").expect(DONE)
    nothing_done(two.project, path, GUARD, "resolved or unpinned")


def test_stale_after_an_edit_of_the_project(csv):
    """Goal: another project gives another plan."""
    csv.sync()
    csv.csv("partners", NUMBERED, numbered(30, _3="new"))
    path = plan_of(csv)
    csv.edit(lambda config: config.setdefault("options", {}).update(deletes="hard"))
    nothing_done(csv, path, GUARD, "the project file has changed")


def test_damaged_truncated_edited_foreign(csv, tmp_path):
    """Goal: a clear error, and nothing is applied."""
    csv.sync()
    csv.csv("partners", NUMBERED, numbered(28, _3="new"))
    good = plan_of(csv).read_bytes()
    bad = csv.folder / "bad.plan"
    for content in (b"", b"x", good[:-1], good[:len(good) // 2], good.replace(b'"new"', b'"old"'), good + b"\n",
                    b"\0" * 5000, good[:200] + good[300:]):
        bad.write_bytes(content)
        nothing_done(csv, bad, FAILED, "the plan")
    nothing_done(csv, csv.folder / "missing.plan", FAILED, "cannot be read")
    nothing_done(csv, csv.folder, FAILED, "no ordinary file")
    # Whoever recomputes the digest must still write a plan.
    for line in (b'{"dvsync_plan":1}\n', b'{"dvsync_plan":99}\n', b'{"a":1}\n', b"[]\n", b"{" * 70 + b"\n"):
        body = line + b"".join(good.splitlines(keepends=True)[1:-1])
        bad.write_bytes(body + b'{"sha256":"' + hashlib.sha256(body).hexdigest().encode() + b'"}\n')
        nothing_done(csv, bad, FAILED, "the plan")
    other = csv_project(tmp_path / "other", name="other")
    other.csv("partners", NUMBERED, numbered(3))
    other.sync()
    bad.write_bytes(good)
    nothing_done(other, bad, INVALID, "is for project")


def test_the_guard(csv):
    """Goal: a plan that deletes too much needs the flag, and does nothing without it."""
    csv.sync()
    csv.csv("partners", NUMBERED, numbered(10))
    path = plan_of(csv)
    nothing_done(csv, path, GUARD, "would delete 20 of 30", "--max-delete 20")
    assert counts(csv.sync("--plan", path, "--max-delete", "20"), "partners")[:3] == (0, 0, 20)


def test_no_plan_of_what_could_not_be_compared(csv):
    """Goal: half a comparison is no plan."""
    csv.sync()
    (csv.folder / "data/partners.csv").write_text("id,name,city,amount\n1,a,b,1\n2,a\n")
    path = csv.folder / "crm.plan"
    csv.diff("--plan", path, expect=PARTIAL)
    assert not path.exists() and not list(csv.folder.glob("crm.plan*"))
    csv.command("diff", "--plan", path).says("no plan was saved")
    csv.csv("partners", NUMBERED, numbered(30))
    csv.command("diff", "--plan", csv.folder / "no/such/folder.plan").expect(FAILED).says("could not be written")


def test_only_a_plan_is_replaced(csv):
    """Goal: a name that was mistyped never costs a file: `--plan` replaces a plan, and nothing else."""
    path = plan_of(csv)
    csv.csv("partners", NUMBERED, numbered(31))
    before = path.read_bytes()
    assert plan_of(csv).read_bytes() != before
    project = csv.file.read_bytes()
    for victim in (csv.file, csv.folder / "data"):
        csv.command("diff", "--plan", victim).expect(USAGE).says(victim.name, "no plan")
    assert csv.file.read_bytes() == project


def test_options_that_do_not_go_together(csv):
    """Goal: a plan says itself what is done."""
    csv.sync()
    csv.csv("partners", NUMBERED, numbered(30, _3="new"))
    path = plan_of(csv)
    for args in (["--full"], ["--entity", "partners"], ["--row-limit", "3"], ["--dry-run"], ["--force-overwrite"]):
        csv.command("sync", "--plan", path, *args).expect(USAGE)
    csv.command("diff", "--plan", path, "--row-limit", "3").expect(USAGE)
    csv.sync("--plan", path)


def test_exits_4_while_a_sync_runs(tmp_path):
    """Goal: under the lock."""
    two = Two(tmp_path)
    two.project.sync()
    two.change(1, 20, name="x")
    path = plan_of(two.project)
    reached, go = tmp_path / "reached", tmp_path / "go"
    two.crm.fault("pull", stream="partners", touch=str(reached), wait_for=str(go)).write()
    with Running(["sync", "--config-file", two.project.file], cwd=tmp_path) as sync:
        wait_until(reached.exists, "the sync")
        two.project.command("sync", "--plan", path).expect(BUSY)
        go.touch()
        assert sync.wait().code == DONE


def test_entity_and_force(tmp_path):
    """Goal: a plan of some entities is about these alone; --force-overwrite is remembered."""
    two = Two(tmp_path)
    two.says("P-2", "name 2", "other")
    two.project.sync()
    two.project.command("conflicts", "resolve", "1", "--keep", "sheet").expect(DONE)
    two.project.sync()
    assert two.phones()["P-2"] == "other"
    path = plan_of(two.project, "--entity", "partners", "--force-overwrite")
    two.project.sync("--plan", path)
    assert two.phones()["P-2"] == "02"
    assert dicts(two.project.db, "SELECT status FROM _sync_runs ORDER BY run_id DESC")[0]["status"] == "completed"


def test_killed_at_every_commit(tmp_path):
    """Goal: each entity is there whole or not at all, wherever the run dies; a sync brings the rest."""
    project = csv_project(tmp_path, entities=[{"name": n, "key": ["id"]} for n in ("partners", "others")])
    for name in ("partners", "others"):
        project.csv(name, NUMBERED, numbered(3000))
    project.sync()
    before = state(project.db)
    clean = project.db.read_bytes()
    for name in ("partners", "others"):
        project.csv(name, NUMBERED, numbered(2990, **{f"_{i}": "new" for i in range(1, 2500)}))
    path = plan_of(project)
    trace = tmp_path / "trace"
    project.sync("--plan", path, env=tracing(project.db, trace))
    after = state(project.db)
    commits, wrote = writing_commits(trace)
    assert 4 <= commits <= 8 and wrote, "one for each entity, and those of the run"
    for n in range(1, commits + 1):
        for where in ("DVSYNC_KILL_BEFORE", "DVSYNC_KILL_AFTER"):
            copy_bytes(project, clean)
            kill_at(project, {where: n}, "--plan", path)
            left = state(project.db)
            assert left["partners"] in (before["partners"], after["partners"])
            assert left["others"] in (before["others"], after["others"])
            assert left["others"] == before["others"] or left["partners"] == after["partners"], "in their order"
            project.sync()
            assert state(project.db) == after
            assert project.value("SELECT count(*) FROM _sync_runs WHERE status = 'running'") == 0


def copy_bytes(project, content):
    for tail in ("-wal", "-shm"):
        project.db.with_name(project.db.name + tail).unlink(missing_ok=True)
    project.db.write_bytes(content)


@pytest.mark.parametrize("deletes", ["hard", "ignore"])
def test_other_deletes(tmp_path, deletes):
    """Goal: deletes as the project wants them."""
    project = csv_project(tmp_path, options={"deletes": deletes})
    project.csv("partners", NUMBERED, numbered(30))
    project.sync()
    project.csv("partners", NUMBERED, numbered(28, _3="x"))
    Twin(project).both()


def test_expressions(tmp_path):
    """Goal: `where` and computed fields come out as in a sync."""
    entity = {"name": "partners", "key": ["id"], "from": [{"source": "files", "where": "city <> 'city 3'", "fields": {
        "id": "id", "name": "name", "shout": {"expr": "upper(name)"}}}], "derived": {"label": "name || '!' || shout"}}
    project = csv_project(tmp_path, entities=[entity])
    project.csv("partners", NUMBERED, numbered(20))
    project.sync()
    project.csv("partners", NUMBERED, [(i, n, "city 3" if i == "4" else c, a) for i, n, c, a in numbered(20, _5="x")])
    assert counts(Twin(project).both(), "partners")[:3] == (0, 1, 1)


@pytest.mark.parametrize("kept", ["crm", "sheet"])
def test_a_source_is_dropped(tmp_path, kept):
    """Goal: an entity that gathered and now may stream leaves nothing behind, by a plan as by a sync."""
    two = Two(tmp_path)
    two.says("P-2", "name 2", "other").says("P-9", "nine", "9")
    two.project.sync()

    def drop(config):
        entity = config["entities"][0]
        entity["from"] = [f for f in entity["from"] if f["source"] == kept]
    two.project.edit(drop)
    Twin(two.project).both()
    assert two.open() == []
    two.project.edit(lambda config: config["entities"][0].update(
        {"from": [{"source": s, "fields": {n: n for n in ("code", "name", "phone")}} for s in ("crm", "sheet")]}))
    Twin(two.project).both()
    assert len(two.open()) == 1


def test_new_columns(tmp_path):
    """Goal: `schema: evolve` adds the column when the plan is carried out."""
    project = csv_project(tmp_path, options={"schema": "evolve"})
    project.csv("partners", NUMBERED, numbered(10))
    project.sync()
    project.csv("partners", (*NUMBERED, "more"), [(*row, f"m{row[0]}") for row in numbered(11, _3="x")])
    Twin(project).both()
    assert by_key(project.db, "partners", "id", "more")["3"] == "m3"


def test_versions_of_two_sources(tmp_path):
    """Goal: history of a gathering entity, with deletes and revivals."""
    two = Two(tmp_path)
    two.project.edit(lambda config: config.setdefault("options", {}).update(history="scd2"))
    two.project.sync()
    rows = two.rows
    two.change(1, 20, name="x").sheet({k: v for k, v in rows.items() if k != "P-2"})
    two.crm.remove(2, seq=21, stream="partners").write()
    Twin(two.project).both()
    two.sheet({**rows, "P-3": ("name 3", "else")})
    Twin(two.project).both()
    assert two.project.value("SELECT count(*) FROM partners WHERE code = 'P-2'") == 2


def test_errors_of_a_source(tmp_path):
    """Goal: what a source itself could not turn into a record fails by a plan as by a sync."""
    world = World(tmp_path).stream(rows=[thing(i) for i in range(1, 11)], capabilities=["complete", "delta", "resume"]).write()
    project = scripted_project(tmp_path, world)
    project.sync()
    world.change(4, 20, amount="no number").change(3, 21, name="x").write()
    Twin(project).both(expect=PARTIAL)
    assert project.rows("SELECT key, closed_at FROM _sync_errors") == [("4", None)]
    world.change(4, 22, amount="4.5").write()
    project.diff("--plan", project.folder / "mend.plan")
    project.sync("--plan", project.folder / "mend.plan")
    assert project.value("SELECT count(*) FROM _sync_errors WHERE closed_at IS NULL") == 0


def test_memory_sink(tmp_path):
    """Goal: nothing of this is SQLite's."""
    project = csv_project(tmp_path)
    project.edit(lambda config: config.update(sink=memory_sink(project)))
    project.csv("partners", NUMBERED, numbered(20))
    project.sync()
    project.csv("partners", NUMBERED, numbered(19, _3="x") + numbered(2, start=30))
    path = plan_of(project)
    assert counts(project.sync("--plan", path), "partners")[:3] == (2, 1, 1)
    project.command("sync", "--plan", path).expect(GUARD).says("a sync has run")
    project.diff(expect=DONE)
