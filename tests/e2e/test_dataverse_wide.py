"""Tables that are too wide for one address: the plugin dataversetiny cuts the $select of contacts into several parts."""

import json
import re

import pytest
from dataverse import assert_equal, dataverse_project, exact, simulated, stored
from harness import DONE, FAILED, counts, tracing, wait_until, writes_to
from sim import Sim


def wide_project(folder, sim, entities=("contacts",), **settings):
    return dataverse_project(folder, sim, list(entities), plugin="dataversetiny", **settings)


def by_key(sim):
    """The requests for other parts."""
    return [r for r in sim.requests(phase="rows") if re.search(r"filter=\w+%20eq%20", r["query"])]


def parts(sim):
    return {re.search(r"\$select=([^&]*)", r["query"])[1] for r in sim.requests(phase="rows")}


@pytest.mark.parametrize("page_size", [7, 39, 40, 41, 100, 5000])
def test_every_value(tmp_path, page_size):
    """Goal: 290 columns in several parts are equal cell by cell, whatever the page size; json_response holds each column
    once; a second complete read writes nothing."""
    with Sim("--rows", "contacts=330") as sim:
        project = wide_project(tmp_path, sim, page_size=page_size)
        assert counts(project.sync(), "contacts")[0] == 330
        assert len(parts(sim)) >= 3
        assert max(len(r["query"]) for r in sim.requests(phase="rows")) < 32768
        expected = assert_equal(project, sim, "contacts")
        for key, raw in project.rows("SELECT contactid, json_response FROM contacts"):
            pairs = json.loads(raw, object_pairs_hook=list)
            assert len({name for name, _ in pairs}) == len(pairs), f"{key}: a name comes twice"
            assert {n for n, _ in pairs} - {"@odata.etag"} == expected[key].keys()
        trace = tmp_path / "trace"
        again = project.sync("--full", env=tracing(project.db, trace))
        assert counts(again, "contacts")[:4] == (0, 0, 0, 330)
        assert not writes_to(trace, "contacts", "_sync_lineage")
        assert project.diff().code == DONE
        sim.expect_clean()


def test_the_records_are_the_same_as_in_one_part(tmp_path):
    """Goal: json_response has the same members and spellings as where one address is enough."""
    with Sim("--rows", "contacts=120") as sim:
        wide = wide_project(tmp_path / "wide", sim, page_size=50)
        narrow = dataverse_project(tmp_path / "narrow", sim, ["contacts"], page_size=50)
        wide.sync()
        narrow.sync()
        records = [{k: exact(r) for k, r in p.rows("SELECT contactid, json_response FROM contacts")}
                   for p in (wide, narrow)]
        assert records[0] == records[1]
        sim.expect_clean()


def test_without_the_whole_record(tmp_path):
    """Goal: the same where only some columns are wanted."""
    with Sim("--rows", "contacts=130") as sim:
        project = wide_project(tmp_path, sim, [{"name": "contacts", "keep_raw": False}], page_size=60)
        project.sync()
        assert len(parts(sim)) >= 3
        assert_equal(project, sim, "contacts")
        sim.expect_clean()


def test_incremental(tmp_path):
    """Goal: changed and new records come whole with the next cursor read."""
    with Sim("--rows", "contacts=300") as sim:
        project = wide_project(tmp_path, sim, page_size=120, overlap_seconds=0)
        project.sync()
        sim.advance(600)
        sim.change(contacts={"random": {"insert": 30, "update": 90}})
        project.sync()
        assert_equal(project, sim, "contacts")
        sim.expect_clean()


def test_a_record_that_vanishes_between_its_parts(tmp_path):
    """Goal: a record deleted after its first part was read is left out whole; the others are complete."""
    with Sim("--rows", "contacts=300") as sim:
        victims = list(simulated(sim, "contacts"))[150:160]
        project = wide_project(tmp_path, sim, page_size=300)
        # The second request of the second bundle waits, so that the records go between their parts.
        sim.fault("latency", phase="rows", after=4, ms=1500)
        with project.start("sync", "--json") as running:
            wait_until(lambda: len(sim.requests(phase="rows")) >= 4, "the second bundle")
            sim.change(contacts={"delete": victims})
            result = running.wait()
        assert result.code == DONE, result
        found = stored(project, "contacts", "contactid")
        half = [k for k in victims if k in found]
        assert not half, half
        assert_equal(project, sim, "contacts")
        assert counts(project.sync("--full"), "contacts")[2] == 0
        sim.expect_clean()


FAULTS = [("429", {"retry_after": "1"}), ("503", {}), ("500", {}), ("reset", {}), ("truncate", {}), ("stall", {}),
          ("cut_json", {}), ("html", {}), ("empty_body", {}), ("unauthorized", {}), ("error_in_body", {})]


@pytest.mark.parametrize("kind, more", FAULTS, ids=[k for k, _ in FAULTS])
def test_a_fault_in_a_request_by_key(tmp_path, kind, more):
    """Goal: what happens once to the request for another part is absorbed; all is equal, the protocol is kept."""
    with Sim("--rows", "contacts=90") as sim:  # one page: all behind it is by key
        project = wide_project(tmp_path, sim, page_size=150, timeout_seconds=1, max_retries=3)
        fault = sim.fault(kind, phase="rows", after=2, **more)
        result = project.sync()
        assert sim.faults()[fault]["happened"] == 1, result
        broken, = [r for r in sim.requests(phase="rows") if r["fault"]]
        assert broken in by_key(sim)
        assert_equal(project, sim, "contacts")
        sim.expect_clean()


def test_a_fault_that_does_not_end(tmp_path):
    """Goal: requests by key that fail for ever fail the table, without a row that lacks a part, and without deletes."""
    with Sim("--rows", "contacts=150") as sim:
        project = wide_project(tmp_path, sim, page_size=150, timeout_seconds=1, max_retries=1)
        sim.fault("500", phase="rows", after=1, times=-1)
        result = project.command("sync", "--json")
        assert result.code == FAILED and "by key" in result.out, result
        assert not stored(project, "contacts", "contactid")
        sim.clear_faults()
        project.sync()
        assert_equal(project, sim, "contacts")


def test_goes_on_from_a_position(tmp_path):
    """Goal: a load that was broken off goes on at its position, and every record is whole."""
    with Sim("--rows", "contacts=330") as sim:
        project = wide_project(tmp_path, sim, page_size=50, max_retries=0)
        sim.fault("500", phase="rows", page=4, times=-1)
        assert project.command("sync").code == FAILED
        assert project.value("SELECT count(*) FROM contacts") == 150
        sim.clear_faults()
        sim.clear_log()
        project.sync()
        assert min(r["page"] for r in sim.requests(phase="rows") if r not in by_key(sim)) == 4
        assert_equal(project, sim, "contacts")


def test_a_column_of_another_part_vanishes(tmp_path):
    """Goal: a column that is removed while its part is fetched: the table is read once more without it, in the same run."""
    with Sim("--rows", "contacts=400") as sim:
        project = wide_project(tmp_path, sim, page_size=100)
        sim.fault("latency", phase="rows", ms=150, times=-1)
        with project.start("sync", "--json") as running:
            last = wait_until(lambda: by_key(sim) and re.search(r"\$select=([^&]*)", by_key(sim)[-1]["query"])[1],
                              "a request by key").split(",")[-1]
            sim.drop_column("contacts", last)
            sim.clear_faults()
            result = running.wait()
        assert result.code == DONE, result
        assert project.value("SELECT count(*) FROM contacts") == 400


def test_row_limit(tmp_path):
    """Goal: a row limit counts records, not parts."""
    with Sim("--rows", "contacts=330") as sim:
        project = wide_project(tmp_path, sim, page_size=100)
        project.command("sync", "--row-limit", "130")
        assert project.value("SELECT count(*) FROM contacts") == 130
        sim.expect_clean()
