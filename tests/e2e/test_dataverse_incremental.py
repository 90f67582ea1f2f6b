"""Dataverse, later runs: what changed is found, whatever its time stamp, and deletes are seen by complete reads."""

import threading

import pytest
from dataverse import assert_equal, dataverse_project, simulated
from harness import DONE, FOUND, GUARD, counts, entity, tracing, wait_until, writes_to
from sim import Sim


@pytest.fixture(name="sim")
def organisation():
    with Sim("--rows", "accounts=300", "--rows", "contacts=20") as sim:
        yield sim
        sim.expect_clean()


def some_keys(sim, n, table="accounts"):
    return list(simulated(sim, table))[:n]


def mode(result, table="accounts"):
    return entity(result.json, table)["sources"][0]["mode"]


def test_inserts_updates_and_deletes(sim, tmp_path):
    """Goal: a cursor run brings inserts and updates, the next complete read marks what was deleted."""
    project = dataverse_project(tmp_path, sim, ["accounts", "contacts"], overlap_seconds=0)
    project.sync()
    sim.advance(1000)
    before = set(some_keys(sim, 300))
    report = sim.change(accounts={"random": {"insert": 5, "update": 7, "delete": 3}})["accounts"]
    gone = set(report["deleted"])
    inserted, updated = set(report["inserted"]) - gone, set(report["updated"]) & before - gone
    second = project.sync()
    assert mode(second) == "cursor" and counts(second, "accounts")[:3] == (len(inserted), len(updated), 0)
    found = project.diff("--json")
    assert found.code == FOUND and {c["op"] for c in found.changes} == {"delete"}
    assert {c["key"]["accountid"] for c in found.changes} == gone & before
    third = project.sync("--full")
    assert counts(third, "accounts")[:3] == (0, 0, len(gone & before))
    assert_equal(project, sim, "accounts")
    assert project.value("SELECT count(*) FROM accounts WHERE deleted_at IS NOT NULL") == len(gone & before)
    assert project.diff().code == DONE


def test_a_cursor_run_asks_for_what_changed(sim, tmp_path):
    """Goal: an incremental run asks by modifiedon, from the server's time less the overlap, and writes nothing when
    nothing changed."""
    project = dataverse_project(tmp_path, sim, ["accounts"])
    project.sync()
    sim.advance(3600)
    sim.clear_log()
    trace = tmp_path / "trace"
    again = project.sync(env=tracing(project.db, trace))
    assert counts(again, "accounts")[:4] == (0, 0, 0, 0)
    asked = sim.requests(phase="rows")
    assert len(asked) == 1 and "$filter=modifiedon%20ge%20" in asked[0]["query"]
    assert not writes_to(trace, "accounts", "_sync_lineage")


def test_rows_at_the_watermark(sim, tmp_path):
    """Goal: a record saved in the very second of the watermark is not lost (`ge`, not `gt`)."""
    project = dataverse_project(tmp_path, sim, ["accounts"], overlap_seconds=0)
    project.sync()
    cursor = project.value("SELECT cursor FROM _sync_state WHERE entity = 'accounts'")
    text = cursor.decode() if isinstance(cursor, bytes) else cursor
    stamp = text.splitlines()[-1]
    key, = some_keys(sim, 1)
    sim.change(accounts={"update": [{"accountid": key, "name": "at the watermark", "modifiedon": stamp}]})
    project.sync()
    assert project.value("SELECT name FROM accounts WHERE accountid = ?", key) == "at the watermark"


def test_committed_late_inside_the_overlap(sim, tmp_path):
    """Goal: a record whose modifiedon lies before the last read, because its transaction took long, is not lost."""
    project = dataverse_project(tmp_path, sim, ["accounts"], overlap_seconds=120)
    project.sync()
    now = sim.advance(0)
    sim.advance(30)
    key, = some_keys(sim, 1)
    sim.change(accounts={"update": [{"accountid": key, "name": "late", "modifiedon": now}]})
    sim.advance(600)
    project.sync()
    assert project.value("SELECT name FROM accounts WHERE accountid = ?", key) == "late"


def test_changes_during_a_long_read(sim, tmp_path):
    """Goal: records inserted and changed behind the cursor while a long read goes on come with the next run; a
    record that was inserted behind it is not taken for deleted."""
    project = dataverse_project(tmp_path, sim, ["accounts"], page_size=30)
    first, *_ = some_keys(sim, 5)
    sim.fault("latency", phase="rows", ms=150, times=-1)
    with project.start("sync") as running:
        wait_until(lambda: len(sim.requests(phase="rows")) >= 4, "the fourth page")
        sim.change(accounts={
            "update": [{"accountid": first, "name": "changed behind the cursor"}],
            "insert": [{"accountid": "00000000-0000-0000-0000-000000000001", "name": "inserted behind the cursor"}]})
        assert running.wait().code == DONE
    sim.clear_faults()
    assert project.value("SELECT count(*) FROM accounts WHERE name LIKE '%behind the cursor'") == 0
    project.sync()
    assert project.value("SELECT count(*) FROM accounts WHERE name LIKE '%behind the cursor'") == 2
    project.sync("--full")
    assert_equal(project, sim, "accounts")


def test_rows_change_while_they_are_read(sim, tmp_path):
    """Goal: inserts, updates and deletes all along a first read and an incremental one; at the end a complete read
    and the organisation agree, and diff is empty."""
    project = dataverse_project(tmp_path, sim, ["accounts"], page_size=20)
    sim.fault("latency", phase="rows", ms=30, times=-1)
    stop = threading.Event()

    def meddle():
        while not stop.wait(0.02):
            sim.change(accounts={"random": {"insert": 2, "update": 3, "delete": 1}})

    thread = threading.Thread(target=meddle)
    thread.start()
    try:
        project.sync("--max-delete", "100%")
        project.sync()
    finally:
        stop.set()
        thread.join()
    sim.clear_faults()
    project.sync("--full", "--max-delete", "100%")
    assert_equal(project, sim, "accounts")
    assert project.diff().code == DONE


def test_a_table_without_modifiedon(tmp_path):
    """Goal: a table without modifiedon is read completely each time."""
    with Sim("--rows", "accounts=20", "--rows", "accountleadscollection=50") as sim:
        project = dataverse_project(tmp_path, sim, ["accountleadscollection"])
        project.sync()
        sim.change(accountleadscollection={"random": {"insert": 2, "delete": 1}})
        second = project.sync()
        assert mode(second, "accountleadscollection") == "full"
        assert_equal(project, sim, "accountleadscollection")


def test_lost_rights_do_not_empty_the_table(sim, tmp_path):
    """Goal: when most records vanish from sight, the guard stops the deletes."""
    project = dataverse_project(tmp_path, sim, ["accounts"])
    project.sync()
    sim.change(accounts={"random": {"delete": 290}})
    refused = project.sync("--full", expect=GUARD)
    assert "max_delete" in refused.err or "--max-delete" in refused.out + refused.err
    assert project.value("SELECT count(*) FROM accounts WHERE deleted_at IS NULL") == 300


def test_another_organisation_behind_the_address(tmp_path):
    """Goal: when another organisation answers at the same address, cursor and position are not used."""
    with Sim("--rows", "accounts=30", "--seed", "1") as sim:
        port = sim.port
        project = dataverse_project(tmp_path, sim, ["accounts"])
        project.sync()
    with Sim("--rows", "accounts=30", "--seed", "2", "--port", port) as sim:
        result = project.sync("--max-delete", "100%")
        assert mode(result) == "full"
        assert_equal(project, sim, "accounts")


def test_the_cursor_is_the_servers_time(tmp_path):
    """Goal: a server whose clock is two days off loses nothing."""
    with Sim("--rows", "accounts=30", "--time", "2024-02-28T23:59:50Z") as sim:
        project = dataverse_project(tmp_path, sim, ["accounts"], overlap_seconds=0)
        project.sync()
        sim.advance(20)
        sim.change(accounts={"random": {"update": 3}})
        result = project.sync()
        assert mode(result) == "cursor" and counts(result, "accounts")[1] == 3
        assert_equal(project, sim, "accounts")
