"""No request carries a secret to a host outside the rule, and none stands in anything that is written."""

from urllib.parse import quote, quote_plus

import pytest
from dataverse import Listener, before, dataverse_project
from harness import DONE, FAILED, FOUND, INVALID, PARTIAL
from sim import TENANT, Sim

SECRET = "Qx7~sEcReT.w1th%20/odd+&=chars"


def stranger():
    return Listener(lambda *_: (200, [("Content-Type", "application/json")], b'{"access_token":"x","expires_in":9,"value":[]}'))


def assert_unspoken(*texts, result=None, folder=None):
    """None of the texts stands in what a command said, nor in any file of the folder, but the project itself."""
    texts = [form.encode() for t in texts for form in {t, quote(t, safe=""), quote_plus(t)}]
    places = {"stdout": result.raw_out, "stderr": result.raw_err} if result else {}
    if folder:
        places.update({str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.suffix != ".yaml"})
    for place, content in places.items():
        for text in texts:
            assert text not in content, f"{text[:12]}... stands in {place}"


@pytest.fixture(name="sim")
def organisation():
    with Sim("--rows", "accounts=60", "--client-secret", SECRET) as sim:
        yield sim


def project_of(folder, listener, **settings):
    """A project over a listener, of which the secret is no part but its file."""
    return dataverse_project(folder, listener, ["accounts"], **{"client_secret": SECRET, "page_size": 20, "max_retries": 1,
                                                                "timeout_seconds": 2, **settings})


def test_config(tmp_path, sim):
    """Goal: plain http to another machine is refused before anything is sent, whichever setting says it."""
    with before(sim) as org:
        for name, settings in {"url": {"url": "http://org.crm.dynamics.com"},
                               "authority": {"authority": "http://login.microsoftonline.com/x"}}.items():
            result = project_of(tmp_path / name, org, **settings).command("sync", "-vv")
            assert result.code == INVALID and name in result.err and "https" in result.err, result
            assert_unspoken(SECRET, result=result, folder=tmp_path / name)
        assert not org.seen


CHALLENGES = {
    "a foreign host": "https://login.example.com/{t}/oauth2/authorize",
    "one that looks alike": "https://login.microsoftonline.com.example.com/{t}/oauth2/authorize",
    "a user before the host": "https://login.microsoftonline.com@example.com/{t}/oauth2/authorize",
    "another port": "https://login.microsoftonline.com:8443/{t}/oauth2/authorize",
    "plain http": "http://login.microsoftonline.com/{t}/oauth2/authorize",
    "no address": "file:///etc/passwd",
}


@pytest.mark.parametrize("kind", CHALLENGES)
def test_challenge(tmp_path, sim, kind):
    """Goal: an organisation that names a foreign login host gets no secret sent there: a clear error, and no other request."""
    uri = CHALLENGES[kind].format(t=TENANT)

    def change(_path, status, headers, body):
        headers = [(k, f"Bearer authorization_uri={uri}" if k.lower() == "www-authenticate" else v) for k, v in headers]
        return status, headers, body

    with before(sim, change) as org:
        project = project_of(tmp_path, org)
        result = project.command("sync", "-vv")
        assert result.code == FAILED, result
        assert "authority" in result.err and ("secret was not sent" in result.err or "no address" in result.err), result
        assert "resolve" not in result.err, result
        assert [m for m, *_ in org.seen] == ["GET"], org.paths()
        assert_unspoken(SECRET, result=result, folder=tmp_path)


def test_authority_by_name(tmp_path, sim):
    """Goal: who names another login host in the project may have it: the secret goes there, and nowhere else."""
    with stranger() as login, before(sim) as org:
        result = project_of(tmp_path, org, authority=f"{login.url}/{TENANT}").command("sync", "-vv")
        assert result.code == FAILED, result  # the stranger's token is none of the organisation's
        assert login.paths()[0] == f"/{TENANT}/oauth2/v2.0/token"
        assert org.seen and not [body for _, _, _, body in org.seen if b"client_secret" in body]
        assert_unspoken(SECRET, result=result, folder=tmp_path)


@pytest.mark.parametrize("phase", ["token", "metadata", "rows"])
def test_redirect(tmp_path, sim, phase):
    """Goal: a redirect is never followed: neither secret nor token goes to where it leads."""
    with stranger() as other:
        def change(path, status, headers, body):
            at = "token" if "/oauth2/" in path else "rows" if "/accounts" in path else "metadata"
            wanted = at == phase and status == 200
            return (307, [("Location", other.url + path)], b"") if wanted else (status, headers, body)

        with before(sim, change) as org:
            result = project_of(tmp_path, org).command("sync", "-vv", "--json")
            assert result.code == FAILED, result
            result.says("redirect", "127.0.0.1")
            assert not other.seen
            assert_unspoken(SECRET, *org.tokens(), result=result, folder=tmp_path)
    assert not [v for v in sim.violations() if "redirect" in v or "followed" in v], sim.violations()


def test_redirect_by_the_simulator(tmp_path, sim):
    """Goal: the same in the simulator's own eyes: one request more in no log, no violation."""
    for phase in ("token", "metadata", "rows"):
        sim.clear_log()
        sim.fault("redirect", phase=phase)
        project = dataverse_project(tmp_path / phase, sim, ["accounts"], client_secret=SECRET, max_retries=0)
        project.command("sync")
        redirected, = [i for i, r in enumerate(sim.requests()) if r["fault"]]
        assert sim.requests()[redirected + 1:] == []
        sim.expect_clean()
        sim.clear_faults()


def test_next_link(tmp_path, sim):
    """Goal: a nextLink to another origin is refused before anything is sent there, in pages and in what a position says."""
    with stranger() as other:
        def change(path, status, headers, body):
            return status, headers, body.replace(b'nextLink":"' + org.url.encode(), b'nextLink":"' + other.url.encode())

        with before(sim, change) as org:
            project = project_of(tmp_path, org)
            result = project.command("sync", "-vv", "--json")
            assert result.code == FAILED and f"another host, {other.url}" in result.out, result
            assert not other.seen
            assert_unspoken(SECRET, *org.tokens(), "skiptoken", result=result, folder=tmp_path)
            assert len(org.tokens()) == 1


def test_a_position_that_leads_elsewhere(tmp_path, sim):
    """Goal: a database that somebody wrote into sends no token to another host: the position is dropped."""
    import sqlite3
    with stranger() as other:
        project = project_of(tmp_path, sim)
        sim.fault("500", phase="rows", page=3, times=-1)
        assert project.command("sync").code == FAILED
        with sqlite3.connect(project.db) as db:
            position, = db.execute("SELECT position FROM _sync_state WHERE entity = 'accounts'").fetchone()
            assert sim.url.encode() in bytes(position)
            db.execute("UPDATE _sync_state SET position = ?", (bytes(position).replace(sim.url.encode(), other.url.encode()),))
        sim.clear_faults()
        assert project.sync().code == DONE
        assert not other.seen
        assert project.value("SELECT count(*) FROM accounts") == 60


def test_nothing_is_written_down(tmp_path, sim):
    """Goal: secret and tokens stand in no output, log, document, database or file beside it, whether all goes well or not,
    and in no environment or command line of the program."""
    for name, faults in {"well": [], "unauthorized": [{"fault": "unauthorized", "phase": "rows", "times": -1}],
                         "refused": [{"fault": "403", "phase": "token", "times": -1}],
                         "broken": [{"fault": "truncate", "phase": "rows", "times": -1}],
                         "html": [{"fault": "html", "phase": "token", "times": -1}]}.items():
        for fault in faults:
            kind = fault.pop("fault")
            sim.fault(kind, **fault)
        folder = tmp_path / name
        with before(sim) as org:
            project = project_of(folder, org)
            for command in (["sync", "--json", "-vv"], ["sync", "--full", "-vv", "--log-format", "json"], ["diff", "--json", "-vv"],
                            ["validate", "-vv"], ["status", "--json"], ["history", "--json"], ["stats"], ["list"]):
                result = project.command(command[0], *command[1:], config=command[0] != "list")
                assert result.code in (DONE, FAILED, FOUND, PARTIAL), result
                assert_unspoken(SECRET, *org.tokens(), result=result, folder=folder)
                assert name != "well" or result.code == DONE, result
            assert org.tokens() or name in ("refused", "html")
        sim.clear_faults()


def test_a_wrong_secret_is_not_shown(tmp_path, sim):
    """Goal: not even the service's own words about it bring the secret into a message."""
    wrong = "wr0ng-but-still-private"

    def change(_path, status, headers, body):
        return status, headers, body.replace(b"AADSTS7000215: ", b"AADSTS7000215: not " + wrong.encode() + b", ")

    with before(sim, change) as org:
        result = project_of(tmp_path, org, client_secret=wrong).command("sync", "-vv", "--json")
        assert result.code == FAILED and "client_secret" in result.text, result
        assert_unspoken(wrong, result=result, folder=tmp_path)
