"""Every fault of the simulator in every phase: absorbed (right content, exit 0), or reported, with only whole records
that the source delivered, nothing deleted, and the cursor at a checkpoint; the next run without faults mends all."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from dataverse import assert_equal, dataverse_project, definition, simulated, stored
from harness import DONE, FAILED, LONG, PARTIAL, SHORT, counts, entity, wait_until
from sim import Sim

PHASES = [{"phase": "challenge"}, {"phase": "token"}, {"phase": "metadata"},
          {"phase": "metadata", "after": 2}, {"phase": "rows", "page": "first"},
          {"phase": "rows", "page": "middle"}, {"phase": "rows", "page": "last"}]
ROWS = [p for p in PHASES if p["phase"] == "rows"]

# fault, more of it, where it makes sense, and whether one of it must leave no trace
FAULTS = {
    "429 in seconds": ("429", {"retry_after": "1"}, PHASES, True),
    "429 with a date": ("429", {"retry_after": "date:1"}, PHASES, True),
    "429 without Retry-After": ("429", {}, PHASES, True),
    "503": ("503", {}, PHASES, True),
    "503 with Retry-After": ("503", {"retry_after": "1"}, PHASES, True),
    "500": ("500", {}, PHASES, True),
    "502": ("502", {}, PHASES, True),
    "504": ("504", {}, PHASES, True),
    "408": ("408", {}, PHASES, True),
    "reset": ("reset", {}, PHASES, True),
    "truncate": ("truncate", {}, PHASES[1:], True),
    "truncate_chunked": ("truncate_chunked", {}, PHASES[1:], True),
    "cut_json": ("cut_json", {}, PHASES[1:], True),
    "empty_body": ("empty_body", {}, PHASES[1:], True),
    "html": ("html", {}, PHASES[1:], True),
    "stall": ("stall", {}, PHASES, True),
    "slow": ("slow", {"ms": 300}, PHASES, True),
    "latency": ("latency", {"ms": 300}, PHASES, True),
    "badgzip": ("badgzip", {}, PHASES[2:], True),
    "gzipbomb": ("gzipbomb", {}, PHASES[2:], False),
    "unauthorized": ("unauthorized", {}, PHASES[2:], True),
    "error_in_body": ("error_in_body", {}, ROWS, True),
    "loop": ("loop", {}, ROWS[:2], True),
    "foreign": ("foreign", {}, ROWS[:2], False),
    "duplicates": ("duplicates", {}, ROWS[1:], True),
    "empty_last": ("empty_last", {}, ROWS[2:], True),
    "redirect": ("redirect", {}, PHASES[1:], False),
    "403": ("403", {}, PHASES[1:], False),
    "404": ("404", {}, PHASES[1:], False),
    "400": ("400", {}, PHASES[1:], False),
}


def in_parallel(check, cases):
    with ThreadPoolExecutor(8) as pool:
        for case, future in [(c, pool.submit(check, c)) for c in cases]:
            try:
                future.result()
            except BaseException as e:
                raise AssertionError(f"{case}: {e}") from e


def fresh(folder, sim, **settings):
    return dataverse_project(folder, sim, ["accounts"], page_size=40,
                             **{"timeout_seconds": 1, "max_retries": 3, **settings})


def folder_of(tmp_path, case):
    return tmp_path / "-".join(str(v) for v in case.values())


@pytest.mark.parametrize("name", FAULTS)
def test_once(tmp_path, name):
    """Goal: a fault that happens once is absorbed, in whatever phase; the protocol is kept."""
    kind, more, phases, absorbed = FAULTS[name]

    def check(case):
        with Sim("--rows", "accounts=230", "--gzip") as sim:
            project = fresh(folder_of(tmp_path, case), sim)
            fault = sim.fault(kind, **more, **case)
            result = project.command("sync", "--json")
            assert sim.faults()[fault]["happened"] == 1, f"the fault never happened: {result}"
            if absorbed:
                assert result.code == DONE, result
                sim.expect_clean()
            else:
                assert result.code in (DONE, FAILED, PARTIAL), result
                assert result.code == DONE or result.json["errors"] or result.err, result
                sim.clear_faults()
                project.sync()
            sim.clear_log()
            assert_equal(project, sim, "accounts")
            assert project.value("SELECT count(*) FROM accounts WHERE deleted_at IS NOT NULL") == 0

    in_parallel(check, phases[::2] if SHORT else phases)


def assert_only_what_was_delivered(project, sim):
    """Every row of the table is a whole record of the organisation."""
    if not project.db.exists() or not project.value("SELECT count(*) FROM sqlite_master WHERE name = 'accounts'"):
        return 0
    expected = simulated(sim, "accounts")
    found = stored(project, "accounts", "accountid")
    for key, row in found.items():
        assert {c: row[c] for c in expected[key]}.keys() == expected[key].keys()
        assert row["name"] == expected[key]["name"] and row["versionnumber"] == expected[key]["versionnumber"]
    return len(found)


@pytest.mark.parametrize("name", [n for n in FAULTS if LONG or FAULTS[n][0] not in ("502", "504", "408", "slow", "latency")])
@pytest.mark.skipif(SHORT, reason="waits more than it runs")
def test_for_ever(tmp_path, name):
    """Goal: a fault that does not end is reported in a clear message; nothing that was there is deleted, no cursor
    moves; afterwards one sync mends all."""
    kind, more, phases, _ = FAULTS[name]
    if kind in ("duplicates", "empty_last", "slow", "latency"):
        pytest.skip("it does no harm, however often")

    def check(case):
        with Sim("--rows", "accounts=230", "--rows", "contacts=5", "--gzip") as sim:
            project = fresh(folder_of(tmp_path, case), sim, max_retries=1)
            project.sync()
            cursor = project.value("SELECT cursor FROM _sync_state WHERE entity = 'accounts'")
            project.edit(lambda c: c["entities"].append("contacts"))
            sim.clear_log()
            sim.fault(kind, **more, **case, times=-1)
            result = project.command("sync", "--full", "--json")
            assert result.code in (FAILED, PARTIAL), result
            assert result.json["errors"] and "sim-secret" not in result.err + result.out, result
            assert not [v for v in sim.violations() if "secret" in v], sim.violations()
            assert project.value("SELECT count(*) FROM accounts WHERE deleted_at IS NULL") == 230
            assert project.value("SELECT cursor FROM _sync_state WHERE entity = 'accounts'") == cursor, result
            sim.clear_faults()
            sim.clear_log()
            project.sync()
            assert_equal(project, sim, "accounts")
            assert_equal(project, sim, "contacts")

    in_parallel(check, phases if LONG else phases[:1] + phases[-1:])


def test_first_load_that_fails_holds_whole_records_only(tmp_path):
    """Goal: what a broken-off first load has brought are whole records, and the next run goes on behind them."""
    with Sim("--rows", "accounts=2000") as sim:
        project = fresh(tmp_path, sim, max_retries=0, timeout_seconds=60)
        sim.fault("truncate", phase="rows", page=40, times=-1)
        result = project.command("sync")
        assert result.code == FAILED and "page 40" in result.err, result
        there = assert_only_what_was_delivered(project, sim)
        assert 0 < there <= 2000
        sim.clear_faults()
        sim.clear_log()
        project.sync()
        assert min(r["page"] for r in sim.requests(phase="rows")) == 40
        assert_equal(project, sim, "accounts")


def test_unauthorized_in_the_middle_costs_one_token(tmp_path):
    """Goal: a 401 on page 3 costs one token and no row."""
    with Sim("--rows", "accounts=230") as sim:
        project = fresh(tmp_path, sim)
        sim.fault("unauthorized", phase="rows", page=3)
        project.sync()
        assert len(sim.requests(phase="token")) == 2
        assert len([r for r in sim.requests(phase="rows") if r["page"] == 3]) == 2
        assert_equal(project, sim, "accounts")


def test_tokens_that_expire_all_the_time(tmp_path):
    """Goal: with tokens of two seconds and slow pages, the sync renews them before they expire: no 401 at all."""
    with Sim("--rows", "accounts=400", "--token-seconds", "2", "--latency", "150") as sim:
        project = fresh(tmp_path, sim)
        project.sync()
        assert len(sim.requests(phase="token")) >= 2
        assert not [r for r in sim.requests(phase="rows") if r["status"] == 401]
        assert_equal(project, sim, "accounts")


def test_429_pauses_all_streams(tmp_path):
    """Goal: after a 429 no stream of the source asks for anything before the pause is over."""
    with Sim("--rows", "accounts=600", "--rows", "contacts=600", "--rows", "opportunities=600") as sim:
        project = dataverse_project(tmp_path, sim, ["accounts", "contacts", "opportunities"], page_size=50)
        sim.fault("429", phase="rows", after=6, retry_after="2")
        project.sync()
        refused, = [r for r in sim.requests() if r["status"] == 429]
        during = [r for r in sim.requests() if refused["ms"] + 50 < r["ms"] < refused["ms"] + 1950]
        assert not during, during
        for table in ("accounts", "contacts", "opportunities"):
            assert_equal(project, sim, table)


def test_a_column_that_vanishes_in_mid_read(tmp_path):
    """Goal: a column removed while pages are read: noticed, the table read once more without it, in the same run."""
    with Sim("--rows", "accounts=300") as sim:
        project = fresh(tmp_path, sim)
        sim.fault("latency", phase="rows", ms=150, times=-1)
        with project.start("sync", "--json") as running:
            wait_until(lambda: len(sim.requests(phase="rows")) >= 3, "the third page")
            sim.drop_column("accounts", "fax")
            sim.clear_faults()
            result = running.wait()
        assert result.code == DONE, result
        sim.clear_log()
        assert project.value("SELECT count(*) FROM accounts") == 300


def test_a_gzip_bomb_is_no_danger(tmp_path):
    """Goal: a body that inflates more than 200 times is refused, and said so."""
    with Sim("--rows", "accounts=30", "--gzip") as sim:
        project = fresh(tmp_path, sim, max_retries=0, timeout_seconds=60)  # 64 MB take a busy machine their time
        sim.fault("gzipbomb", phase="rows", times=-1)
        result = project.command("sync")
        assert result.code == FAILED and "200" in result.err, result


def test_cancelled_while_waiting(tmp_path):
    """Goal: SIGINT ends a sync at once that waits for a pause of an hour."""
    with Sim("--rows", "accounts=300") as sim:
        project = fresh(tmp_path, sim)
        sim.fault("429", phase="rows", page=3, retry_after="3000", times=-1)
        with project.start("sync") as running:
            wait_until(lambda: [r for r in sim.requests() if r["status"] == 429], "the 429")
            running.signal(2)
            assert running.wait(timeout=5).code == 130


def test_duplicates_across_pages_are_one_row_each(tmp_path):
    with Sim("--rows", "accounts=230") as sim:
        project = fresh(tmp_path, sim)
        sim.fault("duplicates", phase="rows", times=-1)
        result = project.sync()
        assert counts(result, "accounts")[0] == 230 and not entity(result.json, "accounts")["row_errors"]
        _, key, _ = definition(sim, sim.token(), "accounts")
        assert key == "accountid"
        assert_equal(project, sim, "accounts")


def test_many_streams_fail_and_one_does_not(tmp_path):
    """Goal: a table that cannot be read leaves the others alone: exit 3."""
    with Sim("--rows", "accounts=100", "--rows", "contacts=100") as sim:
        project = dataverse_project(tmp_path, sim, ["accounts", "contacts"], max_retries=0)
        sim.fault("403", phase="rows", table="contacts", times=-1, code="0x80040220",
                  message="Principal user is missing prvReadContact privilege")
        result = project.command("sync", "--json")
        assert result.code == PARTIAL and "prvReadContact" in result.out, result
        sim.clear_faults()
        sim.clear_log()
        assert_equal(project, sim, "accounts")

