"""Dataverse: records that are not what the metadata says, positions that are refused, values that may be hidden."""

import re

import pytest
from dataverse import assert_equal, before, dataverse_project, simulated, stored
from harness import DONE, FAILED, PARTIAL, counts, entity
from sim import Sim


@pytest.fixture(name="sim")
def organisation():
    with Sim("--rows", "accounts=230") as sim:
        yield sim


def in_record(key, pattern, to):
    """A change of the answers for `before`: in the record of this key."""
    def change(_path, status, headers, body):
        record = re.compile(rb'\{[^{}]*"accountid":"' + key.encode() + rb'"[^{}]*\}')
        return status, headers, record.sub(lambda m: re.sub(pattern, to, m[0], count=1), body)
    return change


WRONG = {
    "text for a number": (rb'"revenue":[^,}]*', b'"revenue":"much"', "revenue"),
    "number for a text": (rb'"name":"[^"]*"', b'"name":17', "name"),
    "object for a number": (rb'"revenue":[^,}]*', b'"revenue":[1]', "revenue"),
    "half a surrogate pair": (rb'"name":"[^"]*"', rb'"name":"\\ud800"', "name"),
    "U+0000": (rb'"name":"[^"]*"', rb'"name":"a\\u0000b"', "name"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_value_of_a_wrong_type(tmp_path, sim, kind):
    """Goal: one value that is not what its column is: a row error that names field and key and has the record; all other
    rows arrive, exit 3; the record counts as present; when the value is right again, the error is closed."""
    pattern, to, field = WRONG[kind]
    key = list(simulated(sim, "accounts"))[117]
    with before(sim, in_record(key, pattern, to)) as org:
        project = dataverse_project(tmp_path, org, ["accounts"], page_size=50)
        result = project.sync(expect=PARTIAL)
        assert counts(result, "accounts")[0] == 229 and entity(result.json, "accounts")["row_errors"] == 1
        error, = result.json["errors"]
        assert error["field"] == field and error["key"] == key, error
        (record, open_field), = project.rows("SELECT record, field FROM _sync_errors WHERE closed_at IS NULL")
        record = record.encode() if isinstance(record, str) else record
        assert open_field == field and key.encode() in record
        again = project.sync("--full", expect=PARTIAL)
        assert counts(again, "accounts")[2] == 0
    project.edit(lambda c: c["source"]["settings"].update(url=sim.url))
    project.sync("--full")
    assert project.value("SELECT count(*) FROM _sync_errors WHERE closed_at IS NULL") == 0
    sim.clear_log()
    assert_equal(project, sim, "accounts")


def test_a_value_that_becomes_wrong(tmp_path, sim):
    """Goal: a record that was good and is wrong now keeps its row; nothing is deleted."""
    key = list(simulated(sim, "accounts"))[5]
    wrong = [False]
    change = in_record(key, rb'"name":"[^"]*"', b'"name":17')
    with before(sim, lambda *a: change(*a) if wrong[0] else a[1:]) as org:
        project = dataverse_project(tmp_path, org, ["accounts"], page_size=50)
        project.sync()
        wrong[0] = True
        assert counts(project.sync("--full", expect=PARTIAL), "accounts")[2] == 0
        assert key in stored(project, "accounts", "accountid")


@pytest.mark.parametrize("to", [b'"nokey":"x"', b'"accountid":null', b'"accountid":"x"'])
def test_a_record_without_a_key(tmp_path, sim, to):
    """Goal: a record that cannot be told is an error, and a complete read that met one deletes nothing, and says so."""
    keys = list(simulated(sim, "accounts"))
    wrong = [False]
    change = in_record(keys[7], rb'"accountid":"[^"]*"', to)
    with before(sim, lambda *a: change(*a) if wrong[0] else a[1:]) as org:
        project = dataverse_project(tmp_path, org, ["accounts"], page_size=50)
        project.sync()
        wrong[0] = True
        sim.change(accounts={"delete": [keys[100]]})
        result = project.sync("--full", expect=PARTIAL)
        assert counts(result, "accounts")[2] == 0 and entity(result.json, "accounts")["row_errors"] == 1
        assert keys[100] in stored(project, "accounts", "accountid")
        wrong[0] = False
        assert counts(project.sync("--full"), "accounts")[2] == 1


def test_huge_texts(tmp_path, sim):
    """Goal: a text of 10 MB arrives as it is, beside others; the next read finds no difference."""
    key = list(simulated(sim, "accounts"))[60]
    huge = '0123456789 ä😀"\n' * 500_000

    def change(_path, status, headers, body):
        record = re.compile(rb'(\{[^{}]*"accountid":"' + key.encode() + rb'"[^{}]*"description":)(?:null|"[^"]*")')
        quoted = text.replace('"', '\\"').encode()
        return status, headers, record.sub(lambda m: m[1] + b'"' + quoted + b'"', body)

    text = '0123456789 \\u00e4\\ud83d\\ude00"\\n' * 500_000
    with before(sim, change) as org:
        project = dataverse_project(tmp_path, org, ["accounts"], page_size=50)
        project.sync()
        assert project.value("SELECT description FROM accounts WHERE accountid = ?", key) == huge
        assert counts(project.sync("--full"), "accounts")[:4] == (0, 0, 0, 230)


def test_a_secured_value_that_is_hidden(tmp_path):
    """Goal: a secured column that is null may be hidden from us: what was there before stays."""
    with Sim("--rows", "contacts=200") as sim:
        rows = simulated(sim, "contacts")
        key = next(k for k, r in rows.items() if r["governmentid"])
        project = dataverse_project(tmp_path, sim, ["contacts"])
        project.sync()
        sim.change(contacts={"update": [{"contactid": key, "governmentid": None, "jobtitle": None}]})
        project.sync("--full")
        assert project.value("SELECT governmentid FROM contacts WHERE contactid = ?", key) == rows[key]["governmentid"]
        assert project.value("SELECT jobtitle FROM contacts WHERE contactid = ?", key) is None


def broken_off(tmp_path, sim):
    """A project whose first load stopped behind page 3, and the fault of it gone."""
    project = dataverse_project(tmp_path, sim, ["accounts"], page_size=40, max_retries=0)
    sim.fault("500", phase="rows", page=4, times=-1)
    assert project.command("sync").code == FAILED
    assert project.value("SELECT position FROM _sync_state WHERE entity = 'accounts'")
    sim.clear_faults()
    sim.clear_log()
    return project


REFUSALS = {
    "an expired stamp": ("400", {"code": "0x80044352", "message": "Version stamp associated with the client has expired."}),
    "a bad cookie": ("400", {"code": "0x80060888", "message": "Malformed XML in the Paging Cookie"}),
    "not found": ("404", {}),
    "gone": ("410", {}),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_position_that_is_refused(tmp_path, sim, kind):
    """Goal: a stored nextLink that the service does not take any more: the table is read from its start in the same run,
    and a deleted record is noticed."""
    fault, more = REFUSALS[kind]
    keys = list(simulated(sim, "accounts"))
    project = broken_off(tmp_path, sim)
    sim.change(accounts={"delete": keys[:1]})
    sim.fault(fault, phase="rows", **more)
    project.sync()
    pages = [r["page"] for r in sim.requests(phase="rows")]
    assert pages[0] == 4 and pages[1:] == [1, 2, 3, 4, 5, 6], pages
    sim.clear_log()
    project.sync("--full")
    assert_equal(project, sim, "accounts")


def test_a_column_that_comes_while_a_read_is_broken_off(tmp_path, sim):
    """Goal: the pages behind a stored position ask for the columns of then. If there are others now, all is read anew."""
    project = broken_off(tmp_path, sim)
    sim.add_column("accounts", "new_colour")
    project.sync()
    pages = [r["page"] for r in sim.requests(phase="rows")]
    assert pages == [1, 2, 3, 4, 5, 6], pages
    here = project.value("SELECT count(*) FROM accounts WHERE json_response LIKE '%\"new_colour\"%'")
    assert here == 230 - 120, here  # json_response is written with its row, and 120 were there


def test_row_limit(tmp_path, sim):
    """Goal: a trial reads no more than it needs, moves no cursor and deletes nothing."""
    project = dataverse_project(tmp_path, sim, ["accounts"])
    project.sync()
    cursor = project.value("SELECT cursor FROM _sync_state WHERE entity = 'accounts'")
    sim.advance(1000)
    sim.clear_log()
    project.command("sync", "--full", "--row-limit", "10")
    asked, = sim.requests(phase="rows")
    assert asked["page"] == 1
    assert project.value("SELECT cursor FROM _sync_state WHERE entity = 'accounts'") == cursor
    assert project.value("SELECT count(*) FROM accounts WHERE deleted_at IS NULL") == 230
    assert project.command("sync", "--full", "--row-limit", "230").code in (DONE, PARTIAL)
    assert project.value("SELECT cursor FROM _sync_state WHERE entity = 'accounts'") == cursor
    sim.expect_clean()
