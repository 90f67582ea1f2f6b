"""Dataverse to SQLite: what arrives is what the organisation has."""

import json

import pytest
from dataverse import SMALL, assert_equal, dataverse_project, definition, exact, simulated
from harness import DONE, FOUND, INVALID, PARTIAL, entity, tracing, writes_to
from sim import Sim


@pytest.fixture(name="sim")
def small_organisation():
    with Sim(*SMALL, "--rows", "datatypes=120") as sim:
        yield sim
        sim.expect_clean()


def test_every_value(sim, tmp_path):
    """Goal: every value of every row, of every type and of 290 columns, over many pages; the second sync finds nothing
    and writes nothing."""
    project = dataverse_project(tmp_path, sim, ["accounts", "contacts", "datatypes"], page_size=50)
    first = project.sync()
    assert entity(first.json, "accounts")["rows_created"] == 230
    for table in ("accounts", "contacts", "datatypes"):
        assert_equal(project, sim, table)
    wide = project.rows("SELECT count(*) FROM pragma_table_info('contacts')")[0][0]
    assert wide > 250
    trace = tmp_path / "trace"
    again = project.sync("--full", env=tracing(project.db, trace))
    assert again.json["totals"]["rows_unchanged"] == 230 + 40 + 120
    assert not writes_to(trace, "accounts", "contacts", "datatypes", "_sync_lineage")
    assert project.diff().code == DONE


def test_json_response_is_the_record(sim, tmp_path):
    """Goal: json_response has all readable columns with their numbers as they were spelled, also those not mapped."""
    project = dataverse_project(tmp_path, sim, [
        {"name": "firms", "from": [{"source": "dataverse", "entity": "accounts", "fields": {
            "accountid": "accountid", "title": "name"}}]}])
    project.sync()
    expected = simulated(sim, "accounts")
    for key, raw in project.rows("SELECT accountid, json_response FROM firms"):
        record = exact(raw)
        assert record.keys() - {"@odata.etag"} == expected[key].keys()
        assert record["@odata.etag"].startswith("W/")
    money = project.value("SELECT json_response FROM firms WHERE json_response LIKE '%\"revenue\":%.%'")
    assert len(exact(money)["revenue"].split(".")[1]) == 4


def test_only_the_columns_wanted(sim, tmp_path):
    """Goal: without json_response no other column is asked for but the two that tell versions apart."""
    project = dataverse_project(tmp_path, sim, [
        {"name": "firms", "keep_raw": False, "from": [{"source": "dataverse", "entity": "account", "fields": {
            "accountid": "accountid", "title": "name"}}]}])
    project.sync()
    asked = [r["query"] for r in sim.requests(phase="rows")]
    assert asked and all("$select=accountid,name,modifiedon,versionnumber&" in q for q in asked), asked
    assert project.value("SELECT count(*) FROM firms WHERE title IS NOT NULL") > 0


def test_logical_name_and_set_name(sim, tmp_path):
    """Goal: `account` and `accounts` are the same stream; a wrong name gets a hint."""
    project = dataverse_project(tmp_path, sim, [
        {"name": "account", "from": [{"source": "dataverse", "entity": "account"}]}])
    project.sync()
    assert project.value("SELECT count(*) FROM account") == 230
    wrong = dataverse_project(tmp_path / "w", sim, ["acounts"])
    result = wrong.command("sync")
    assert result.code != DONE and "accounts" in result.err


def test_columns_that_cannot_be_read(sim, tmp_path):
    """Goal: companions of lookups, virtual columns and columns that are not valid for read are never asked for; choices
    (Virtual by their type) are."""
    token = sim.token()
    _, _, types = definition(sim, token, "contacts")
    project = dataverse_project(tmp_path, sim, ["contacts"])
    project.sync()
    ours = {r[0] for r in project.rows("SELECT name FROM pragma_table_info('contacts')")}
    readable = next(iter(simulated(sim, "contacts").values())).keys()
    assert readable <= ours
    assert types.keys() - ours, "the metadata has columns that cannot be read"


def test_page_sizes_and_prefer(sim, tmp_path):
    """Goal: the page size is asked for on every page, each page once, in the order of the key."""
    project = dataverse_project(tmp_path, sim, ["accounts"], page_size=100)
    project.sync()
    pages = sim.requests(phase="rows")
    assert [p["page"] for p in pages] == [1, 2, 3]
    assert sum(1 for p in sim.requests(phase="token")) == 1


def test_row_limit(sim, tmp_path):
    """Goal: a trial asks for no more than it shows, and leaves no cursor."""
    project = dataverse_project(tmp_path, sim, ["accounts"])
    result = project.sync("--row-limit", "7")
    assert entity(result.json, "accounts")["rows_created"] == 7
    assert len(sim.requests(phase="rows")) == 1
    assert entity(project.sync().json, "accounts")["rows_created"] == 223


def test_gzip_and_plain_are_the_same(tmp_path):
    """Goal: a compressing server gives the same rows."""
    with Sim(*SMALL, "--gzip") as sim:
        project = dataverse_project(tmp_path, sim, ["accounts", "contacts"], page_size=100)
        project.sync()
        assert_equal(project, sim, "accounts")
        assert_equal(project, sim, "contacts")
        sim.expect_clean()


@pytest.mark.parametrize("challenge", ["plain", "quoted", "no-resource", "mixed", "several"])
def test_every_challenge(tmp_path, challenge):
    """Goal: the tenant is found in every form of the challenge."""
    with Sim("--rows", "accounts=3", "--challenge", challenge, "--expires-in", "string") as sim:
        dataverse_project(tmp_path, sim, ["accounts"]).sync()
        sim.expect_clean()


def test_explicit_authority_asks_no_challenge(sim, tmp_path):
    from sim import TENANT
    project = dataverse_project(tmp_path, sim, ["accounts"], authority=sim.url, tenant_id=TENANT)
    project.sync()
    assert not sim.requests(phase="challenge")


def test_metadata_refused(tmp_path):
    """Goal: where EntityDefinitions may not be read, $metadata tells the columns; the rows are the same."""
    with Sim(*SMALL) as sim:
        sim.fault("403", phase="metadata", times=1)  # the list of tables is what is asked for first
        project = dataverse_project(tmp_path, sim, ["accounts", "contacts"])
        project.sync()
        sim.clear_faults()
        assert_equal(project, sim, "accounts")
        assert_equal(project, sim, "contacts")


def test_validate_tries_the_connection(sim, tmp_path):
    """Goal: validate signs in and knows the columns; a wrong secret is named without being shown."""
    project = dataverse_project(tmp_path, sim, ["accounts"])
    assert project.command("validate").code == DONE
    project = dataverse_project(tmp_path / "x", sim, ["accounts"], client_secret="wrong-secret-value")
    result = project.command("validate")
    assert result.code == FOUND and "invalid_client" in result.err + result.out
    assert "wrong-secret-value" not in result.err + result.out


def test_bad_settings(sim, tmp_path):
    """Goal: each mistake names its setting, before anything is sent."""
    for settings, word in [({"url": "ftp://x"}, "url"), ({"url": "http://example.com"}, "url"),
                           ({"url": sim.url + "/main.aspx"}, "url"), ({"authority": "http://example.com"}, "authority"),
                           ({"page_size": 5001}, "page_size"), ({"max_concurrent": 53}, "max_concurrent"),
                           ({"client_secret": ""}, "client_secret"), ({"api_version": "v9/2"}, "api_version")]:
        project = dataverse_project(tmp_path / word, sim, ["accounts"])
        config = json.loads(json.dumps(sim.settings(**settings)))
        project.edit(lambda c, s=config: c["source"].update(settings=s))
        result = project.command("validate")
        assert result.code == INVALID and word in result.out + result.err, (settings, result)
    assert not [r for r in sim.requests() if r["phase"] != "metadata" and r["status"] != 401]


def test_schema_changes_at_the_source(sim, tmp_path):
    """Goal: a new column is reported and lives on in json_response, a removed one keeps its values (schema: lock)."""
    project = dataverse_project(tmp_path, sim, ["accounts"])
    project.sync()
    sim.add_column("accounts", "new_colour")
    sim.drop_column("accounts", "fax")
    faxes = project.value("SELECT count(fax) FROM accounts")
    result = project.sync("--full")
    assert result.code in (DONE, PARTIAL), result
    assert project.value("SELECT count(fax) FROM accounts") == faxes > 0
    assert project.command("validate").says("new_colour", "fax")
