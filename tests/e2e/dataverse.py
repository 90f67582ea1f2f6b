"""What the tests of the Dataverse source share: projects over the simulator, and the comparison of a database with
what the simulator itself says of its rows."""

import json
import re
import threading
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

from harness import Project, connect, quoted
from sim import CLIENT_ID, CLIENT_SECRET, ask

SMALL = ("--rows", "accounts=230", "--rows", "contacts=40")


def dataverse_project(folder, sim, entities, options=None, name="crm", plugin="dataverse", **settings):
    """plugin: "dataversetiny" asks for so few columns at a time that contacts come in several parts."""
    project = Project(folder, name=name)
    project.write({
        "name": name,
        "source": {"plugin": plugin, "settings": sim.settings(**settings)},
        "sink": {"plugin": "sqlite", "settings": {"path": f"{name}.db"}},
        "options": options or {},
        "entities": entities,
    })
    return project


def definition(sim, token, set_name):
    """Logical name, key, and the columns by their JSON keys with Microsoft's type, as the metadata has them."""
    sets = sim.get("EntityDefinitions?$select=LogicalName,EntitySetName,PrimaryIdAttribute", token).json["value"]
    entity = next(e for e in sets if e["EntitySetName"] == set_name)
    place = f"EntityDefinitions(LogicalName='{entity['LogicalName']}')/Attributes"
    dates = sim.get(place + "/Microsoft.Dynamics.CRM.DateTimeAttributeMetadata?$select=LogicalName,DateTimeBehavior",
                    token).json["value"]
    behaviour = {d["LogicalName"]: d["DateTimeBehavior"]["Value"] for d in dates}
    types = {}
    for a in sim.get(place, token).json["value"]:
        lookup = a["AttributeType"] in ("Lookup", "Customer", "Owner")
        name = f"_{a['LogicalName']}_value" if lookup else a["LogicalName"]
        types[name] = "DateOnly" if behaviour.get(a["LogicalName"]) == "DateOnly" else a["AttributeType"]
    return entity["LogicalName"], entity["PrimaryIdAttribute"], types


def as_stored(value, type_name):
    """A value of the Web API as the sqlite sink keeps it."""
    if value is None:
        return None
    if type_name in ("Decimal", "Money"):
        number = Decimal(value)
        if number == number.to_integral_value() and -2**63 <= number < 2**63:
            return int(number)
        return float(number) if Decimal(repr(float(number))) == number else number
    if type_name == "Double":
        return float(value)
    if type_name == "DateTime":
        return value[:-1] + ".000000Z"
    if isinstance(value, bool):
        return int(value)
    return int(value) if isinstance(value, Number) else value


class Number(str):
    """The text of a JSON number."""


def exact(text):
    return json.loads(text, parse_float=Number, parse_int=Number)


def simulated(sim, set_name, where=""):
    """{key: {column: value as stored}} of every row that the simulator has, read page by page as a client does. Columns:
    those that the rows show when nothing is selected, which is what can be read. (That is against the rules of a client, so
    the simulator's log is looked at before, and emptied afterwards.)"""
    sim.expect_clean()
    token = sim.token()
    _, key, types = definition(sim, token, set_name)
    address, result = set_name + where, {}
    while address:
        page = exact(sim.get(address, token).body)
        for row in page["value"]:
            result[row[key]] = {c: as_stored(v, types.get(c)) for c, v in row.items() if "@" not in c}
        address = page.get("@odata.nextLink")
    sim.clear_log()
    return result


def stored(project, table, key, active=True):
    """The same of the database. Exact decimals that are kept as text become Decimal, to be compared as numbers."""
    with connect(project.db) as connection:
        connection.row_factory = lambda cursor, row: {d[0]: v for d, v in zip(cursor.description, row)}
        where = " WHERE deleted_at IS NULL" if active else ""
        return {r[key]: r for r in connection.execute(f"SELECT * FROM {quoted(table)}{where}")}


def assert_equal(project, sim, table, set_name=None):
    """Every value of every row, nothing less and nothing more."""
    set_name = set_name or table
    token = sim.token()
    _, key, _ = definition(sim, token, set_name)
    expected = simulated(sim, set_name)
    found = stored(project, table, key)
    assert found.keys() == expected.keys(), (
        f"{table}: {len(found)} rows, the organisation has {len(expected)}; "
        f"missing {sorted(expected.keys() - found.keys())[:3]}, too many {sorted(found.keys() - expected.keys())[:3]}")
    for record, row in expected.items():
        for column, value in row.items():
            here = found[record][column]
            if isinstance(value, Decimal) and isinstance(here, str):
                here = Decimal(here)
            assert (type(here), here) == (type(value), value), f"{table} {record} {column}: {here!r}, not {value!r}"
    return expected


# ---- Between the program and the simulator ----

class Listener:
    """Serves each request with `answer(method, path, headers, body)` → (status, headers, body), and keeps it all.
    tls: an ssl.SSLContext of a server; then it speaks https. host: what clients call it."""

    def __init__(self, answer, tls=None, host="127.0.0.1"):
        outer = self
        self.seen = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.seen.append((self.command, self.path, dict(self.headers), body))
                status, headers, text = answer(self.command, self.path, self.headers, body)
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = handle_any

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"{'https' if tls else 'http'}://{host}:{self.server.server_port}"
        if tls:  # the handshake is made by the connection's own thread, when it reads
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
            self.server.handle_error = lambda *_: None
        self.thread = threading.Thread(target=self.server.serve_forever)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def settings(self, **more):
        """As of a simulator: the settings of a source that reads from here."""
        return {"url": self.url, "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, **more}

    def paths(self):
        return [path for _, path, _, _ in self.seen]

    def tokens(self):
        return {m[1] for _, _, headers, _ in self.seen if (m := re.fullmatch(r"Bearer\s+(\S+)", headers.get("Authorization", "")))}


def before(sim, change=lambda path, status, headers, body: (status, headers, body), **more):
    """The simulator behind a listener that changes its answers. Each takes the listener for the organisation."""
    def moved(data, here, there):
        for form in (str, lambda url: quote(url, safe="")):
            data = data.replace(form(here).encode(), form(there).encode())
        return data

    def answer(method, path, headers, body):
        here = listener.url
        sent = {k: v for k, v in headers.items()
                if k.lower() not in ("host", "connection", "content-length", "accept-encoding")}
        reply = ask(sim.url + path, method, moved(body, here, sim.url) if method == "POST" else None, sent)
        got = [(k, v.replace(sim.url, here)) for k, v in reply.headers.items()]
        return change(path, reply.status, got, moved(reply.body, sim.url, here))

    listener = Listener(answer, **more)
    return listener
