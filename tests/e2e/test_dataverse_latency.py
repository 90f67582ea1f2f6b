"""Dataverse: where each answer takes its time, requests of the streams overlap, and not more than allowed are under way."""

from dataverse import assert_equal, dataverse_project
from sim import Sim

TABLES = ["accounts", "contacts", "opportunities", "tasks", "emails", "products"]
LATENCY = 250
ROWS = [a for t in TABLES for a in ("--rows", f"{t}=200")]


def under_way(requests):
    """The most requests that waited for their answers at one time, as the simulator saw it."""
    begins = sorted(r["ms"] for r in requests)
    return max(sum(1 for b in begins if begin - LATENCY < b <= begin) for begin in begins)


def test_streams_overlap(tmp_path):
    """Goal: six tables ask at the same time, all along the read."""
    with Sim(*ROWS, "--latency", LATENCY) as sim:
        project = dataverse_project(tmp_path, sim, TABLES, page_size=40)
        project.sync()
        rows = sim.requests(phase="rows")
        assert len(rows) == 6 * 5
        for page in (1, 3, 5):
            assert under_way([r for r in rows if r["page"] == page]) >= 4, page
        assert under_way(sim.requests()) <= 8
        sim.expect_clean()
        for table in TABLES[:2]:
            assert_equal(project, sim, table)


def test_no_more_than_allowed(tmp_path):
    """Goal: max_concurrent holds for all streams together, metadata included."""
    with Sim(*ROWS, "--latency", LATENCY) as sim:
        project = dataverse_project(tmp_path, sim, TABLES, page_size=100, max_concurrent=2)
        project.sync()
        assert under_way(sim.requests()) == 2
        sim.expect_clean()


def test_one_at_a_time(tmp_path):
    """Goal: with one request at a time, tables in several parts come too, without waiting for each other."""
    with Sim("--rows", "contacts=230", "--rows", "accounts=230") as sim:
        project = dataverse_project(tmp_path, sim, ["contacts", "accounts"], plugin="dataversetiny", max_concurrent=1)
        project.sync()
        gaps = [b["ms"] - a["ms"] for a, b in zip(sim.requests(), sim.requests()[1:])]
        assert max(gaps) < 5000, gaps
        assert_equal(project, sim, "contacts")
        sim.clear_log()
        assert_equal(project, sim, "accounts")
