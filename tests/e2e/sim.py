"""The Dataverse simulator for end-to-end tests: started on a free port, told what to do, stopped.

    with Sim("--rows", "accounts=12000") as sim:
        sim.fault("429", page="middle", retry_after="1")
        ... run dvsync with sim.settings() ...
        sim.expect_clean()
"""

import http.client
import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from harness import BIN

SIM = Path(os.environ.get("DVSYNC_SIM", BIN.parent / "dvsync-sim"))
TENANT = "a1b2c3d4-0000-4000-8000-5157a70b1e55"
CLIENT_ID, CLIENT_SECRET = "sim-client", "sim-secret"
ODATA = {"Accept": "application/json", "OData-Version": "4.0", "OData-MaxVersion": "4.0"}


class Reply:
    """An answer of any status: body and headers."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {dict(self.headers)}\n{self.body[:2000]!r}"


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def ask(url, method="GET", body=None, headers=None, timeout=30):
    """One request; a status is never an exception, an incomplete body is one."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)
    request = urllib.request.Request(url, data=body, headers=headers or {}, method=method)
    try:
        with opener.open(request, timeout=timeout) as answer:
            return Reply(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as answer:
        with answer:
            return Reply(answer.code, answer.headers, answer.read())


class Sim:
    """A simulator that runs; use as a context manager, so that none is left behind."""

    def __init__(self, *args, env=None):
        self.args = [str(SIM), *map(str, args)]
        self.process = subprocess.Popen(self.args, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url.startswith("http://127.0.0.1:"):
            self.process.kill()
            _, err = self.process.communicate()
            raise AssertionError(f"the simulator did not start: {' '.join(self.args)}\n{err}")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        code, err = self.stop()
        assert kind is not None or (code, err) == (0, ""), f"the simulator ended with {code}\n{err}"

    def stop(self, timeout=30):
        """Ends it as a user would, and gives its exit code and what it said on stderr."""
        if self.process.stdout.closed:
            return 0, ""
        self.process.terminate()
        try:
            _, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise AssertionError(f"the simulator did not stop in {timeout} s") from None
        return self.process.returncode, err

    @property
    def port(self):
        return int(self.url.rsplit(":", 1)[1])

    def settings(self, **more):
        """The settings of a source of the plugin dataverse that reads from here."""
        return {"url": self.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **more}

    # ---- control ----

    def control(self, method, place, document=None):
        body = None if document is None else json.dumps(document).encode()
        answer = ask(f"{self.url}/sim/{place}", method, body)
        assert answer.status == 200, f"{method} /sim/{place}: {answer}"
        return answer

    def change(self, changes=None, **tables):
        """sim.change(accounts={"update": [...]}), or random={...}; the report of what was changed."""
        return self.control("POST", "change", changes if changes is not None else tables).json

    def fault(self, kind, **members):
        """Arms one fault; its id."""
        return self.control("POST", "faults", {"fault": kind, **members}).json[0]

    def faults(self):
        """{id: fault}, with how often each happened."""
        return {f["id"]: f for f in self.control("GET", "faults").json}

    def clear_faults(self):
        self.control("DELETE", "faults")

    def requests(self, **wanted):
        """The log, oldest first; only entries with these values."""
        entries = [json.loads(line) for line in self.control("GET", "requests").text.splitlines()]
        return [e for e in entries if all(e[k] == v for k, v in wanted.items())]

    def violations(self):
        return [v["text"] for v in self.control("GET", "violations").json]

    def expect_clean(self):
        """The client kept to the protocol."""
        found = self.control("GET", "violations").json
        if found:
            numbers = {v["request"] for v in found}
            entries = [e for e in self.requests() if e["number"] in numbers]
            raise AssertionError(f"violations: {json.dumps(found, indent=1)}\nof {json.dumps(entries, indent=1)}")

    def clear_log(self):
        self.control("DELETE", "log")

    def advance(self, seconds):
        """Moves the simulator's clock; its time."""
        return self.control("POST", "clock", {"advance_seconds": seconds}).json["now"]

    def drop_column(self, table, column):
        self.control("POST", "columns", {"table": table, "drop": column})

    def add_column(self, table, column, type_name="String"):
        self.control("POST", "columns", {"table": table, "add": column, "type": type_name})

    # ---- as a client ----

    def token(self, expect=200, path=f"/{TENANT}/oauth2/v2.0/token", **fields):
        form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "grant_type": "client_credentials",
                "scope": f"{self.url}/.default", **fields}
        body = urllib.parse.urlencode({k: v for k, v in form.items() if v is not None}).encode()
        answer = ask(self.url + path, "POST", body)
        assert answer.status == expect, answer
        return answer.json["access_token"] if expect == 200 else answer

    def get(self, address, token, prefer=None, timeout=30, **headers):
        """GET of an address below the Web API (or a whole one), as a client does that keeps to the protocol."""
        url = address if address.startswith("http") else f"{self.url}/api/data/v9.2/{address}"
        sent = {**ODATA, "Authorization": f"Bearer {token}", **headers}
        if prefer:
            sent["Prefer"] = prefer
        return ask(url, headers={k: v for k, v in sent.items() if v is not None}, timeout=timeout)

    def pages(self, address, token, prefer=None):
        """The documents of all pages, following each link untouched."""
        while address:
            answer = self.get(address, token, prefer)
            assert answer.status == 200, answer
            yield answer.json
            address = answer.json.get("@odata.nextLink")

    def rows(self, address, token, prefer=None):
        return [row for page in self.pages(address, token, prefer) for row in page["value"]]


# What a request ends with when the network fails: the connection, or the rest of the body.
BROKEN = (http.client.HTTPException, urllib.error.URLError, OSError)
