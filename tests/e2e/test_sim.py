"""The Dataverse simulator itself, over HTTP: other tests rely on what it does, and on what it notices."""

import email.utils
import gzip
import json
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
import zlib

import pytest

from sim import BROKEN, CLIENT_SECRET, ODATA, SIM, TENANT, Sim, ask

SELECT = "accounts?$select=name"
PAGED = "odata.maxpagesize=40"


@pytest.fixture(scope="module")
def shared():
    """One simulator for tests that leave no trace in it."""
    with Sim("--rows", "accounts=100", "--rows", "contacts=30") as running:
        yield running


@pytest.fixture
def sim(shared):
    shared.clear_faults()
    shared.clear_log()
    yield shared


@pytest.fixture
def token(sim):
    value = sim.token()
    sim.clear_log()
    return value


# ---- the program ----

def run_sim(*args, timeout=20):
    return subprocess.run([str(SIM), *args], capture_output=True, text=True, timeout=timeout, check=False)


@pytest.mark.parametrize("args", [["--port", "70000"], ["--nonsense", "1"], ["--rows", "accounts"], ["accounts=5"],
                                  ["--columns", "accounts=5"], ["--fault", "{}"], ["--fault", '{"fault":"none"}'],
                                  ["--port"]])
def test_wrong_command_line(args):
    result = run_sim(*args)
    assert result.returncode == 64 and result.stdout == ""
    assert re.fullmatch(r"dvsync-sim: .+\n", result.stderr)


def test_help():
    result = run_sim("--help")
    assert result.returncode == 0 and result.stderr == "" and "--max-concurrent" in result.stdout


def test_data_that_cannot_be_read(tmp_path):
    result = run_sim("--data", str(tmp_path / "missing.csv"))
    assert result.returncode == 1 and "missing.csv" in result.stderr


def test_port_in_use(sim):
    result = run_sim("--port", str(sim.port))
    assert result.returncode == 1 and str(sim.port) in result.stderr


def test_ready_file_and_stop(tmp_path):
    ready = tmp_path / "ready"
    sim = Sim("--ready-file", ready, "--rows", "accounts=1")
    assert ready.read_text() == sim.url + "\n"
    assert sim.stop() == (0, "")
    sim = Sim("--rows", "accounts=1")
    sim.process.send_signal(signal.SIGINT)
    assert sim.process.wait(20) == 0
    sim.stop()
    sim = Sim("--rows", "accounts=1")
    sim.control("POST", "stop", {})
    assert sim.process.wait(20) == 0
    sim.stop()


def test_stops_while_requests_hang():
    sim = Sim("--rows", "accounts=1")
    token = sim.token()
    sim.fault("timeout")
    failed = []

    def hang():
        try:
            sim.get(SELECT, token)
        except BROKEN as error:
            failed.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    while not sim.requests(fault="timeout"):
        time.sleep(0.02)
    assert sim.stop() == (0, "")
    thread.join(20)
    assert failed


def test_listens_on_loopback_only(sim):
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", sim.port), timeout=5).close()


# ---- sign-in ----

def test_challenge(sim):
    answer = ask(f"{sim.url}/api/data/v9.2/accounts")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == (
        f"Bearer authorization_uri={sim.url}/{TENANT}/oauth2/authorize, resource_id={sim.url}/")
    assert [e["phase"] for e in sim.requests()] == ["challenge"]
    sim.expect_clean()


@pytest.mark.parametrize("form, pattern", [
    ("quoted", r'Bearer authorization_uri="URL/TENANT/oauth2/authorize", resource_id="URL/"'),
    ("no-resource", r"Bearer authorization_uri=URL/TENANT/oauth2/authorize"),
    ("mixed", r'bEARER Resource_ID = URL/ ,AUTHORIZATION_URI="URL/TENANT/oauth2/authorize"'),
    ("several", r"Negotiate\|Bearer authorization_uri=URL/TENANT/oauth2/authorize, resource_id=URL/"),
    ("none", "")])
def test_challenge_forms(form, pattern):
    with Sim("--challenge", form, "--rows", "accounts=1", "--tenant", "TENANT") as sim:
        headers = ask(f"{sim.url}/api/data/").headers.get_all("WWW-Authenticate") or []
        assert re.fullmatch(pattern, "|".join(headers).replace(sim.url, "URL"))


def test_token(sim):
    answer = ask(f"{sim.url}/{TENANT}/oauth2/v2.0/token", "POST", urllib.parse.urlencode({
        "client_id": "sim-client", "client_secret": CLIENT_SECRET, "grant_type": "client_credentials",
        "scope": f"{sim.url}/.default"}).encode())
    assert answer.status == 200
    assert answer.json["token_type"] == "Bearer" and answer.json["expires_in"] == 3599
    assert sim.get(SELECT, answer.json["access_token"]).status == 200
    assert sim.token() != answer.json["access_token"]
    sim.expect_clean()


def test_expires_in_string():
    with Sim("--expires-in", "string", "--token-seconds", "7", "--rows", "accounts=1") as sim:
        form = urllib.parse.urlencode({"client_id": "sim-client", "client_secret": CLIENT_SECRET,
                                       "grant_type": "client_credentials", "scope": f"{sim.url}/.default"})
        answer = ask(f"{sim.url}/{TENANT}/oauth2/v2.0/token", "POST", form.encode())
        assert answer.json["expires_in"] == "7"


def test_secret_is_decoded():
    secret = "a+b&c=%41 ü~"
    with Sim("--client-secret", secret, "--client-id", "x y", "--rows", "accounts=1") as sim:
        assert sim.get(SELECT, sim.token(client_secret=secret, client_id="x y")).status == 200
        sim.expect_clean()


@pytest.mark.parametrize("fields, status, error, code", [
    ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
    ({"client_secret": None}, 401, "invalid_client", 7000215),
    ({"client_id": "other"}, 400, "unauthorized_client", 700016),
    ({"scope": "https://elsewhere.example/.default"}, 400, "invalid_scope", 70011),
    ({"scope": "URL//.default"}, 400, "invalid_scope", 70011),
    ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
    ({"path": "/other/oauth2/v2.0/token"}, 400, "invalid_request", 90002)])
def test_token_refused(sim, fields, status, error, code):
    fields = {k: v.replace("URL", sim.url) if v else v for k, v in fields.items()}
    answer = sim.token(expect=status, **fields)
    assert answer.json["error"] == error and answer.json["error_codes"] == [code]
    assert answer.json["error_description"].startswith(f"AADSTS{code}: ")
    assert {"timestamp", "trace_id", "correlation_id", "error_uri"} <= answer.json.keys()


def test_token_grows_old():
    with Sim("--token-seconds", "100", "--rows", "accounts=1") as sim:
        token = sim.token()
        sim.advance(99)
        assert sim.get(SELECT, token).status == 200
        sim.advance(2)
        answer = sim.get(SELECT, token)
        assert answer.status == 401 and "authorization_uri=" in answer.headers["WWW-Authenticate"]
        sim.expect_clean()
        assert sim.get(SELECT, token).status == 401
        assert "token 1 was used again after its 401" in sim.violations()
        assert sim.get(SELECT, sim.token()).status == 200


def test_foreign_token(sim):
    for bearer in ("x", "x.1", sim.token() + "0", ""):
        assert sim.get(SELECT, bearer).status == 401


# ---- reading ----

def test_headers(sim, token):
    answer = sim.get(SELECT, token, 'odata.include-annotations="*",odata.maxpagesize=7')
    assert answer.status == 200
    assert answer.headers.get_all("Date") and len(answer.headers.get_all("Date")) == 1
    assert "odata.metadata=minimal" in answer.headers["Content-Type"]
    assert answer.headers["OData-Version"] == "4.0"
    assert answer.headers["Preference-Applied"] == 'odata.include-annotations="*",odata.maxpagesize=7'
    assert answer.headers["x-ms-service-request-id"]
    assert answer.headers["x-ms-ratelimit-time-remaining-xrm-requests"] == "1,160.42"
    assert len(answer.json["value"]) == 7
    assert "Preference-Applied" not in sim.get(SELECT, token, "odata.maxpagesize=6000").headers
    sim.expect_clean()


def test_paging_to_the_end(sim, token):
    pages = list(sim.pages(SELECT, token, PAGED))
    assert [len(p["value"]) for p in pages] == [40, 40, 20]
    assert len({row["accountid"] for page in pages for row in page["value"]}) == 100
    assert [(e["page"], e["status"], e["bearer"] > 0) for e in sim.requests(phase="rows")] == [
        (n, 200, True) for n in (1, 2, 3)]
    sim.expect_clean()


def test_queries(sim, token):
    everything = sim.rows("accounts?$select=name,createdon", token)
    assert len(everything) == 100 and all({"name", "accountid", "@odata.etag"} <= row.keys() for row in everything)
    some = everything[17]["accountid"]
    assert [r["accountid"] for r in sim.rows(f"accounts?$select=name&$filter=accountid%20eq%20{some}", token)] == [some]
    ordered = sim.rows("accounts?$select=createdon&$orderby=createdon%20desc,accountid", token)
    dates = [row["createdon"] for row in ordered]
    assert dates == sorted(dates, reverse=True)
    assert len(sim.rows("accounts?$select=name&$top=3", token)) == 3
    assert sim.get("accounts?$select=name&$count=true", token).json["@odata.count"] == 100
    sim.expect_clean()


def test_metadata(sim, token):
    answer = sim.get("$metadata", token, Accept="application/xml")
    assert answer.status == 200 and b"<EntityContainer" in answer.body and "xml" in answer.headers["Content-Type"]
    assert "accounts" in [s["name"] for s in sim.get("", token).json["value"]]
    answer = sim.get("EntityDefinitions(LogicalName='account')?$select=LogicalName,EntitySetName", token)
    assert answer.json["EntitySetName"] == "accounts"
    assert [e["phase"] for e in sim.requests()] == ["metadata"] * 3
    sim.expect_clean()


def test_errors(sim, token):
    answer = sim.get("accounts?$select=nosuch", token)
    assert answer.status == 400 and answer.json["error"]["code"] == "0x80060888"
    assert "Could not find a property named 'nosuch'" in answer.json["error"]["message"]
    assert sim.get("nosuch?$select=a", token).status == 404
    assert sim.get(f"{sim.url}/api/data/v7.0/accounts", token).status == 404
    assert ask(f"{sim.url}/api/data/v9.2/accounts", "POST", b"{}", {"Authorization": f"Bearer {token}"}).status == 405
    assert ask(f"{sim.url}/elsewhere").status == 404


def test_same_seed_same_rows():
    args = ("--rows", "accounts=50", "--time", "2026-01-02T03:04:05Z", "--seed", "9")
    with Sim(*args) as one, Sim(*args) as two, Sim(*args[:-1], "10") as other:
        rows = [s.rows("accounts?$select=name,createdon,revenue", s.token()) for s in (one, two, other)]
    assert rows[0] == rows[1] != rows[2]


def test_localhost_keeps_its_name(sim, token):
    answer = sim.get(f"http://localhost:{sim.port}/api/data/v9.2/{SELECT}", token, PAGED)
    assert answer.json["@odata.nextLink"].startswith(f"http://localhost:{sim.port}/")


def test_gzip():
    with Sim("--gzip", "--rows", "accounts=300") as sim:
        token = sim.token()
        for address in (SELECT, "accounts?$select=createdon", SELECT, "EntityDefinitions?$select=LogicalName"):
            plain = sim.get(address, token)
            assert "Content-Encoding" not in plain.headers
            packed = sim.get(address, token, **{"Accept-Encoding": "gzip"})
            assert packed.headers["Content-Encoding"] == "gzip" and len(packed.body) < len(plain.body)
            assert gzip.decompress(packed.body) == plain.body


def test_change(sim):
    with Sim("--rows", "accounts=10") as own:
        token = own.token()
        first = own.rows("accounts?$select=name,versionnumber", token)[0]
        own.advance(60)
        report = own.change(accounts={"update": [{"accountid": first["accountid"], "name": "Neu"}]})
        assert report["accounts"]["updated"] == [first["accountid"]]
        now = own.rows(f"accounts?$select=name,versionnumber&$filter=accountid%20eq%20{first['accountid']}", token)[0]
        assert now["name"] == "Neu" and now["versionnumber"] > first["versionnumber"]
        own.change(accounts={"random": {"insert": 5, "delete": 2}})
        assert len(own.rows(SELECT, token)) == 13
    bad = ask(f"{sim.url}/sim/change", "POST", b'{"nosuch":{"insert":[{}]}}')
    assert bad.status == 400 and "nosuch" in bad.json["error"]["message"]


def test_change_while_reading():
    with Sim("--rows", "accounts=600", "--gzip") as sim:
        token, seen, done = sim.token(), [], threading.Event()

        def read():
            while not done.is_set():
                seen.append(len({row["accountid"] for row in sim.rows(SELECT, token, "odata.maxpagesize=150")}))

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for n in range(15):
            sim.change(accounts={"random": {"insert": 10, "update": 50, "delete": 10}})
            sim.add_column("accounts", f"new_extra{n}", "Integer")
        done.set()
        for thread in threads:
            thread.join(60)
        assert len(seen) >= 3 and all(400 < n < 800 for n in seen)
        assert len(sim.rows(SELECT, token)) == 600


def test_columns(sim):
    with Sim("--rows", "accounts=10") as own:
        token = own.token()
        own.add_column("accounts", "new_extra", "String")
        assert own.rows("accounts?$select=new_extra", token)[0]["new_extra"] is None
        own.drop_column("accounts", "name")
        assert own.get(SELECT, token).status == 400
    for document in ({}, {"table": "accounts"}, {"table": "nosuch", "drop": "name"},
                     {"table": "accounts", "drop": "nosuch"}, {"table": "accounts", "drop": "name", "more": 1}):
        assert ask(f"{sim.url}/sim/columns", "POST", json.dumps(document).encode()).status == 400


def test_clock(sim):
    with Sim("--rows", "accounts=1", "--time", "2026-01-02T03:04:05Z") as own:
        date = email.utils.parsedate_to_datetime(ask(own.url + "/api/data/").headers["Date"])
        assert date.isoformat()[:15] == "2026-01-02T03:0"
        assert own.advance(86400)[:13] == "2026-01-03T03"
    for body in (b"", b"{}", b"[]", b'{"advance_seconds":"1"}', b'{"advance_seconds":1e300}'):
        assert ask(f"{sim.url}/sim/clock", "POST", body).status == 400


def test_control_refuses(sim):
    assert ask(f"{sim.url}/sim/nosuch").status == 404
    assert ask(f"{sim.url}/sim/change").status == 405
    assert ask(f"{sim.url}/sim/faults", "POST", b'{"fault":"none"}').status == 400


# ---- faults ----

def test_statuses(sim, token):
    for status in ("400", "403", "404", "408", "410", "412", "413", "429", "500", "501", "502", "503", "504"):
        number = sim.fault(status)
        assert sim.get(SELECT, token).status == int(status)
        assert sim.faults()[number]["happened"] == 1
        sim.clear_log()  # and the pause
        assert sim.get(SELECT, token).status == 200


def test_status_says_what_it_is_told(sim, token):
    sim.fault("400", code="0x80044352", message="Version stamp associated with the client has expired.")
    answer = sim.get(SELECT, token)
    assert answer.json == {"error": {"code": "0x80044352",
                                     "message": "Version stamp associated with the client has expired."}}


def test_throttle(sim, token):
    sim.fault("429", retry_after="1")
    answer = sim.get(SELECT, token)
    assert answer.headers["Retry-After"] == "1" and answer.json["error"]["code"] == "0x80072322"
    time.sleep(0.5)
    assert sim.get(SELECT, token).status == 200
    assert len(sim.violations()) == 1 and "Retry-After" in sim.violations()[0]
    sim.clear_log()
    sim.fault("503", retry_after="date:1")
    answer = sim.get(SELECT, token)
    distance = (email.utils.parsedate_to_datetime(answer.headers["Retry-After"])
                - email.utils.parsedate_to_datetime(answer.headers["Date"]))
    assert distance.total_seconds() in (0, 1)  # a second may have begun in between
    time.sleep(1.1)
    assert sim.get(SELECT, token).status == 200
    sim.expect_clean()


def test_faults_in_their_phase(sim):
    sim.fault("503", phase="challenge")
    assert ask(f"{sim.url}/api/data/").status == 503
    assert ask(f"{sim.url}/api/data/").status == 401
    sim.fault("503", phase="token")
    assert sim.token(expect=503).json["error"] == "temporarily_unavailable"
    token = sim.token()
    sim.fault("500", phase="metadata")
    assert sim.get(SELECT, token).status == 200
    assert sim.get("WhoAmI", token).status == 500
    assert [e["fault"] for e in sim.requests()] == ["503", None, "503", None, None, "500"]


def test_faults_at_their_page(sim, token):
    for page, failing in (("first", 1), ("middle", 2), ("last", 3), (2, 2)):
        sim.clear_log()
        sim.fault("500", page=page)
        address, statuses = SELECT, []
        while address:
            answer = sim.get(address, token, PAGED)
            statuses.append(answer.status)
            address = answer.json.get("@odata.nextLink") if answer.status == 200 else address
        assert statuses == [500 if n == failing else 200 for n in sorted([1, 2, 3, failing])][:failing] + [200] * (4 - failing)
        assert [e["page"] for e in sim.requests(status=500)] == [failing]


def test_fault_of_one_table(sim, token):
    sim.fault("500", table="contacts", times=-1)
    assert sim.get(SELECT, token).status == 200
    assert sim.get("contacts?$select=fullname", token).status == 500
    assert sim.get("contacts?$select=fullname", token).status == 500
    sim.clear_faults()
    assert sim.get("contacts?$select=fullname", token).status == 200


def raw(sim, token, address=SELECT):
    """The bytes that come before the connection ends, and how it ends."""
    received = b""
    with socket.create_connection(("127.0.0.1", sim.port), timeout=20) as connection:
        headers = "".join(f"{k}: {v}\r\n" for k, v in {**ODATA, "Authorization": f"Bearer {token}"}.items())
        connection.sendall(f"GET /api/data/v9.2/{address} HTTP/1.1\r\nHost: x\r\n{headers}\r\n".encode())
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            return received, "reset"
    return received, "end"


def test_reset(sim, token):
    sim.fault("reset")
    received, end = raw(sim, token)
    assert end == "reset" and b"Content-Length" in received


def test_truncate(sim, token):
    sim.fault("truncate")
    received, end = raw(sim, token)
    promised = int(re.search(rb"Content-Length: (\d+)", received)[1])
    assert end == "end" and len(received.split(b"\r\n\r\n", 1)[1]) == promised // 2
    sim.fault("truncate_chunked")
    received, end = raw(sim, token)
    assert end == "end" and b"Transfer-Encoding: chunked" in received and not received.endswith(b"0\r\n\r\n")
    for fault in ("truncate", "truncate_chunked", "reset"):
        sim.fault(fault)
        with pytest.raises(BROKEN):
            sim.get(SELECT, token)
        assert sim.get(SELECT, token).status == 200


def test_cut_and_empty_json(sim, token):
    sim.fault("cut_json")
    answer = sim.get(SELECT, token)
    assert answer.status == 200 and answer.body.startswith(b"{")
    with pytest.raises(ValueError):
        assert answer.json
    sim.fault("empty_body")
    assert sim.get(SELECT, token).body == b""


def test_slow_and_latency(sim, token):
    sim.fault("slow", ms=600)
    start = time.monotonic()
    assert sim.get(SELECT, token).json
    assert time.monotonic() - start >= 0.5
    sim.fault("latency", ms=400)
    start = time.monotonic()
    assert sim.get(SELECT, token).json
    assert time.monotonic() - start >= 0.4


def test_no_answer(sim, token):
    sim.fault("timeout")
    with pytest.raises(TimeoutError):
        sim.get(SELECT, token, timeout=0.5)
    sim.fault("stall")
    with pytest.raises(TimeoutError):
        sim.get(SELECT, token, timeout=0.5)
    assert [e["status"] for e in sim.requests()] == [0, 200]


def test_html_and_redirect(sim, token):
    sim.fault("html")
    answer = sim.get(SELECT, token)
    assert answer.status == 200 and "html" in answer.headers["Content-Type"] and "<html>" in answer.text
    sim.fault("redirect")
    answer = sim.get(SELECT, token)
    assert answer.status == 302
    sim.expect_clean()
    ask(answer.headers["Location"], headers={"Authorization": f"Bearer {token}"})
    assert sim.violations() == ["an Authorization header was sent to /login"]


def test_unauthorized(sim):
    token = sim.token()
    sim.fault("unauthorized", page=2)
    page = sim.get(SELECT, token, PAGED)
    answer = sim.get(page.json["@odata.nextLink"], token, PAGED)
    assert answer.status == 401 and "invalid_token" in answer.headers["WWW-Authenticate"]
    other = sim.token()
    assert sim.get(page.json["@odata.nextLink"], other, PAGED).status == 200
    sim.expect_clean()
    assert sim.get(page.json["@odata.nextLink"], token, PAGED).status == 401
    assert len(sim.violations()) == 1 and "used again after its 401" in sim.violations()[0]


def test_bad_gzip(sim, token):
    sim.fault("badgzip")
    answer = sim.get(SELECT, token)
    assert answer.headers["Content-Encoding"] == "gzip"
    with pytest.raises((OSError, EOFError, zlib.error)):
        gzip.decompress(answer.body)
    sim.fault("gzipbomb")
    answer = sim.get(SELECT, token)
    assert len(gzip.decompress(answer.body)) > 200 * len(answer.body)


def test_spoilt_links(sim, token):
    sim.fault("loop", page=2)
    links = [sim.get(SELECT, token, PAGED).json["@odata.nextLink"]]
    links.append(sim.get(links[0], token, PAGED).json["@odata.nextLink"])
    assert links[0] == links[1]
    sim.fault("foreign")
    link = sim.get(SELECT, token, PAGED).json["@odata.nextLink"]
    assert not link.startswith(sim.url + "/")


def test_odd_pages(sim, token):
    everything = {row["accountid"] for row in sim.rows(SELECT, token, PAGED)}
    sim.fault("duplicates", page=2)
    ids = [row["accountid"] for row in sim.rows(SELECT, token, PAGED)]
    assert set(ids) == everything and len(ids) > len(everything)
    sim.fault("empty_last")
    pages = list(sim.pages(SELECT, token, PAGED))
    assert [len(p["value"]) for p in pages] == [40, 40, 20, 0]
    sim.fault("error_in_body", page=2)
    pages = [sim.get(SELECT, token, PAGED)]
    pages.append(sim.get(pages[0].json["@odata.nextLink"], token, PAGED))
    assert pages[1].status == 200 and b'"error"' in pages[1].body
    sim.expect_clean()


def test_faults_from_the_command_line():
    with Sim("--rows", "accounts=1", "--fault", '{"fault":"503","phase":"challenge"}') as sim:
        assert ask(f"{sim.url}/api/data/").status == 503


# ---- what it notices ----

def test_missing_headers(sim, token):
    for header, value in (("OData-Version", None), ("OData-MaxVersion", "3.0"), ("Accept", "*/*")):
        sim.clear_log()
        assert sim.get(SELECT, token, **{header: value}).status == 200
        assert len(sim.violations()) == 1 and header in sim.violations()[0]


@pytest.mark.parametrize("prefer", ['odata.include-annotations="*",' + PAGED, "odata.maxpagesize=41", None])
def test_another_prefer_on_the_next_page(sim, token, prefer):
    link = sim.get(SELECT, token, PAGED).json["@odata.nextLink"]
    sim.expect_clean()
    sim.get(link, token, prefer)
    assert len(sim.violations()) == 1 and "Prefer" in sim.violations()[0]


def test_altered_link(sim, token):
    link = sim.get(SELECT, token, PAGED).json["@odata.nextLink"]
    sim.get(link.replace("%2522", "%22", 1), token, PAGED)
    assert sim.violations()


def test_unwise_queries(sim, token):
    sim.get("accounts", token)
    assert any("$select" in v for v in sim.violations())
    sim.clear_log()
    sim.get("accounts?$select=name&$top=5", token, PAGED)
    assert any("$top" in v for v in sim.violations())


def test_long_address(sim, token):
    assert sim.get(SELECT + "&x=" + "y" * 32000, token).status != 414
    sim.clear_log()
    assert sim.get(SELECT + "&x=" + "y" * 33000, token).status == 414
    assert "32768" in sim.violations()[0]


def test_secrets_elsewhere(sim, token):
    sim.get(f"accounts?$select=name&x={CLIENT_SECRET}", token)
    assert "client secret" in sim.violations()[0]
    sim.clear_log()
    sim.get(SELECT, token, **{"x-odd": CLIENT_SECRET})
    assert "client secret" in sim.violations()[0]
    sim.clear_log()
    ask(f"{sim.url}/sim/requests", headers={"Authorization": f"Bearer {token}"})
    assert "/sim/requests" in sim.violations()[0]
    sim.clear_log()
    ask(f"{sim.url}/{TENANT}/oauth2/v2.0/token?client_secret={CLIENT_SECRET}", "POST", b"")
    assert "client secret" in sim.violations()[0]


def test_too_many_at_once():
    with Sim("--rows", "accounts=5", "--latency", "1000", "--max-concurrent", "3") as sim:
        token = sim.token()
        statuses = []

        def ask_one():
            statuses.append(sim.get(SELECT, token).status)

        threads = [threading.Thread(target=ask_one) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert set(statuses) == {200, 429}
        assert any("more than 3 requests at once" in v for v in sim.violations())


def test_many_at_once_are_fine():
    with Sim("--rows", "accounts=500", "--max-concurrent", "8") as sim:
        token = sim.token()
        statuses = []

        def ask_many():
            statuses.extend(sim.get(SELECT, token).status for _ in range(25))

        threads = [threading.Thread(target=ask_many) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert statuses == [200] * 200
        sim.expect_clean()
        assert len(sim.requests(phase="rows")) == 200
