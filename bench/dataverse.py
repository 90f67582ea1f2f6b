"""Dataverse to SQLite: the simulator (bin/dvsync-sim) with accounts of 42 columns, dvsync's default options.

Floors: floor_dataverse.c, which reads the same pages in one thread and inserts the same rows without an engine, or
compares them with its table. The organisation changes from round to round and never back: each step says in which
state of it the database has to be before it runs.
"""
import json
import math
import sqlite3
import subprocess
import urllib.parse
import urllib.request
from decimal import Decimal

from harness import Ladder, Run, Step, World, Wrong, must, quote

# The rungs of ladder.c over a floor that only downloads. The four lowest belong to both.
READ = [("download", "download"), ("read", "+ tokenise, typed values"), ("raw", "+ the record as JSON"), ("map", "+ map")]
LOAD = READ + [("reconcile", "+ reconcile"), ("write", "+ write, commits, key index"),
               ("lineage", "+ lineage and its index")]
UNCHANGED = READ + [("read_back", "+ read back by row id"), ("compare", "+ reconcile")]

CLIENT_ID, CLIENT_SECRET = "sim-client", "sim-secret"
BIRTH = "2026-01-15T08:00:00Z"  # so that every start makes the same rows
PAGE = 5000
PAUSE = 600      # seconds of the simulator's clock: more than overlap_seconds
SAMPLE = 97      # of every so many rows json_response is looked into
HEADERS = {"Accept": "application/json", "OData-Version": "4.0", "OData-MaxVersion": "4.0"}
KINDS = {"Decimal": "n", "Money": "n", "Double": "r", "Boolean": "b", "DateTime": "z", "Integer": "i", "BigInt": "i",
         "Picklist": "i", "State": "i", "Status": "i"}


class Number(str):
    """The text of a JSON number."""


def as_stored(value, kind):
    """A value of the Web API as the sink keeps it; kinds as in floor_dataverse.c."""
    if value is None:
        return None
    if kind == "n":
        number = Decimal(value)
        return int(number) if number == number.to_integral_value() else float(number)
    if kind == "r":
        return float(value)
    if kind == "z":
        return value[:-1] + ".000000Z"
    return int(value) if isinstance(value, (bool, Number)) else value


def exact(text):
    return json.loads(text, parse_float=Number, parse_int=Number)


class Table:
    """One entity set: its rows' number, its columns as the Web API names them, the key first."""

    def __init__(self, name, rows):
        self.name = name
        self.rows = rows
        self.columns = []
        self.kinds = {}

    def argument(self, where=""):
        """For floor_dataverse."""
        return self.name + "=" + ",".join(f"{c}:{self.kinds[c]}" for c in self.columns) + where

    def address(self, where=""):
        return f"{self.name}?$select={','.join(self.columns)}{where}&$orderby={self.columns[0]}"


class Dataverse(World):
    name = "dataverse"
    title = "Dataverse to SQLite"
    default_columns = 42

    def __init__(self, options):
        super().__init__(options)
        share = [options.rows // options.tables + (i < options.rows % options.tables) for i in range(options.tables)]
        self.tables = [Table("accounts" if i == 0 else f"new_parts{i + 1}", n) for i, n in enumerate(share)]
        self.process = None
        self.url = None
        self.state = 0           # how often the organisation was changed
        self.stored = None       # the state that bench.db holds; None: nothing that can be relied on
        self.floor_state = None  # of floor.db
        self.changes = []        # per change, the number of rows changed
        self.since = ""          # for an address: only what the last change changed
        self.page_bytes = 0

    # ---- The organisation ----

    def start(self):
        command = [str(self.build / "bin/dvsync-sim"), "--seed", str(self.o.seed), "--time", BIRTH]
        for t in self.tables:
            command += ["--rows", f"{t.name}={t.rows}"]
            if t.name != "accounts" or self.o.columns != self.default_columns:
                command += ["--columns", f"{t.name}={self.o.columns}"]
        command += ["--gzip"] if self.o.gzip else []
        command += ["--latency", str(self.o.latency)] if self.o.latency else []
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url.startswith("http://127.0.0.1:"):
            raise Wrong("the simulator did not start")

    def close(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process.stdout.close()

    def ask(self, address, body=None, headers=None):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(address, data=body, headers=headers or {}), timeout=600) as answer:
            return answer.read()

    def control(self, place, document=None):
        body = None if document is None else json.dumps(document).encode()
        return self.ask(f"{self.url}/sim/{place}", body)

    def forget_requests(self):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(urllib.request.Request(f"{self.url}/sim/log", method="DELETE"), timeout=60).close()

    def token(self):
        form = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "grant_type": "client_credentials",
                "scope": f"{self.url}/.default"}
        tenant = "a1b2c3d4-0000-4000-8000-5157a70b1e55"
        answer = self.ask(f"{self.url}/{tenant}/oauth2/v2.0/token", urllib.parse.urlencode(form).encode())
        return json.loads(answer)["access_token"]

    def pages(self, address, token):
        """The rows of each page, numbers as texts."""
        address = f"{self.url}/api/data/v9.2/{address}"
        while address:
            body = self.ask(address, headers={**HEADERS, "Authorization": f"Bearer {token}",
                                              "Prefer": f"odata.maxpagesize={PAGE}"})
            page = exact(body)
            yield page["value"], len(body)
            address = page.get("@odata.nextLink")

    def pause(self):
        """So much time passes that what changed before is not within the next incremental read; the time."""
        return json.loads(self.control("clock", {"advance_seconds": PAUSE}))["now"]

    def describe_table(self, table, token):
        headers = {**HEADERS, "Authorization": f"Bearer {token}"}

        def get(place):
            return json.loads(self.ask(f"{self.url}/api/data/v9.2/{place}", headers=headers))["value"]

        entity = next(e for e in get("EntityDefinitions?$select=LogicalName,EntitySetName,PrimaryIdAttribute")
                      if e["EntitySetName"] == table.name)
        place = f"EntityDefinitions(LogicalName='{entity['LogicalName']}')/Attributes"
        dates = {a["LogicalName"] for a in get(place + "/Microsoft.Dynamics.CRM.DateTimeAttributeMetadata"
                                               "?$select=LogicalName,DateTimeBehavior")
                 if a["DateTimeBehavior"]["Value"] == "DateOnly"}
        types = {}
        for a in get(place + "?$select=LogicalName,AttributeType"):
            lookup = a["AttributeType"] in ("Lookup", "Customer", "Owner")
            types[f"_{a['LogicalName']}_value" if lookup else a["LogicalName"]] = a["AttributeType"]
        row = get(f"{table.name}?$top=1")[0]
        key = entity["PrimaryIdAttribute"]
        table.columns = [key] + [c for c in row if "@" not in c and c != key]
        table.kinds = {c: "t" if c in dates else KINDS.get(types[c], "t") for c in table.columns}

    # ---- The truth, read by this script ----

    def put_truth(self, con, table, address, token):
        places = ",".join("?" * len(table.columns))
        kinds = [table.kinds[c] for c in table.columns]
        keys = set()
        for rows, size in self.pages(address, token):
            values = [[as_stored(row[c], k) for c, k in zip(table.columns, kinds)] for row in rows]
            con.executemany(f"INSERT OR REPLACE INTO {quote(table.name)} VALUES ({places})", values)
            keys.update(v[0] for v in values)
            self.page_bytes += size
        return keys

    def generate(self):
        if not (self.build / "bench/floor_dataverse").exists():
            raise Wrong("there is no floor: bench/floor_dataverse.c needs YAJL and libcurl")
        self.start()
        token = self.token()
        con = sqlite3.connect(self.work / "truth.db")
        for table in self.tables:
            self.describe_table(table, token)
            names = ",".join(quote(c) for c in table.columns[1:])
            con.execute(f"DROP TABLE IF EXISTS {quote(table.name)}")
            con.execute(f"CREATE TABLE {quote(table.name)} ({quote(table.columns[0])} PRIMARY KEY, {names}) WITHOUT ROWID")
            if len(self.put_truth(con, table, table.address(), token)) != table.rows:
                raise Wrong(f"the simulator has not {table.rows} rows of {table.name}")
            con.commit()
        con.close()
        settings = f'{{url: "{self.url}", client_id: {CLIENT_ID}, client_secret: {CLIENT_SECRET}}}'
        for name, tables in (("bench", self.tables), ("ladder", self.tables[:1])):
            entities = "".join(f"  - {{name: {t.name}, key: [{t.columns[0]}]}}\n" for t in tables)
            (self.work / f"{name}.yaml").write_text(
                f"name: {name}\nsource: {{plugin: dataverse, settings: {settings}}}\n"
                f"sink: {{plugin: sqlite, settings: {{path: {name}.db}}}}\n"
                f"options: {{concurrency: {self.o.tables}}}\nentities:\n{entities}")

    def describe(self):
        parts = [f"{self.o.rows:,} rows x {self.o.columns} columns", f"{self.page_bytes / 1e6:.0f} MB of JSON"]
        parts += [f"{self.o.tables} tables"] if self.o.tables > 1 else []
        parts += ["gzip"] if self.o.gzip else []
        parts += [f"{self.o.latency} ms an answer"] if self.o.latency else []
        return (f"{self.title}: {', '.join(parts)}",
                {"columns": self.o.columns, "json_bytes": self.page_bytes, "tables": self.o.tables, "gzip": self.o.gzip,
                 "latency_ms": self.o.latency, "changed_rows": self.changes})

    # ---- State ----

    def change(self):
        """--change percent of each table get new values; the truth follows."""
        now = self.pause()
        token = self.token()
        con = sqlite3.connect(self.work / "truth.db")
        self.since = f"&$filter=modifiedon ge {now[:19]}Z".replace(" ", "%20")
        total = 0
        for table in self.tables:
            n = max(1, round(table.rows * self.o.change / 100))
            report = json.loads(self.control("change", {table.name: {"random": {"update": n}}}))
            keys = set(report[table.name]["updated"])
            if self.put_truth(con, table, table.address(self.since), token) != keys:
                raise Wrong(f"{table.name}: the rows with a new modifiedon are not those that were changed")
            total += len(keys)
        con.commit()
        con.close()
        self.changes.append(total)
        self.state += 1

    def ready(self, prepare):
        """prepare(), and a log that begins with the step."""
        def run():
            prepare()
            self.forget_requests()
        return run

    def start_empty(self):
        self.pause()
        self.stored = None
        self.remove("bench.db")

    def start_equal(self):
        """The database holds what the organisation has."""
        if self.stored is None:
            self.start_empty()
        if self.stored != self.state:
            must(self.dvsync("bench.yaml", "sync"))
            self.stored = self.state

    def start_behind(self):
        """The organisation is one change ahead of the database."""
        if self.stored is None or self.stored != self.state - 1:
            self.start_equal()
            self.change()

    # ---- Programs ----

    def floor(self, how, db=None, where=""):
        return must(self.execute([self.build / "bench/floor_dataverse", f"--{how}", self.url, CLIENT_ID, CLIENT_SECRET,
                                  *(t.argument(where) for t in self.tables), *([self.work / db] if db else [])]))

    def need_change(self):
        if not self.changes:
            self.change()

    def need_floor(self):
        if self.floor_state != self.state:
            self.remove("floor.db")
            self.floor("insert-raw", "floor.db")
            self.floor_state = self.state

    # ---- Checks ----

    def compare(self, db, table, state, raw):
        """Every cell of the table against the truth; a sample of the records as JSON."""
        if state != self.state:
            raise Wrong(f"{db} is of state {state}, the truth of {self.state}")  # a mistake of this script
        con = self.read_only(db)
        key, t = quote(table.columns[0]), quote(table.name)
        try:
            con.execute("ATTACH ? AS truth", (f"file:{self.work}/truth.db?mode=ro",))
            n = con.execute(f"SELECT count(*) FROM main.{t}").fetchone()[0]
            if n != table.rows:
                raise Wrong(f"{db}: {table.name} has {n} rows instead of {table.rows}")
            differ = " OR ".join(f"a.{quote(c)} IS NOT b.{quote(c)}" for c in table.columns)
            n, least = con.execute(f"SELECT count(*), min(a.{key}) FROM truth.{t} a LEFT JOIN main.{t} b ON "
                                   f"a.{key} = b.{key} WHERE {differ}").fetchone()
            if n:
                raise Wrong(f"{db}: {n} rows of {table.name} are missing or differ, the first is {least}")
            if not raw:
                return
            columns = ",".join(quote(c) for c in table.columns)
            for text, *row in con.execute(f"SELECT json_response,{columns} FROM main.{t} WHERE row_id % {SAMPLE} = 0"):
                record = exact(text)
                if [as_stored(record[c], table.kinds[c]) for c in table.columns] != row:
                    raise Wrong(f"{db}: json_response of {row[0]} is not its row")
        finally:
            con.close()

    def note_requests(self, run):
        """What the run asked for, by kind; and it kept to the protocol."""
        violations = json.loads(self.control("violations"))
        if violations:
            raise Wrong(f"against the protocol: {violations[0]['text']}")
        run.requests = {}
        for line in self.control("requests").splitlines():
            entry = json.loads(line)
            kind = "pages" if entry["phase"] == "rows" else "other"
            run.requests[kind] = run.requests.get(kind, 0) + 1
        return run

    def check_floor(self, db, raw):
        def check(run):
            self.note_requests(must(run))
            for table in self.tables:
                self.compare(db, table, self.state, raw)
            if raw:
                self.floor_state = self.state
        return check

    def check_bytes(self, run):
        self.note_requests(must(run))
        if self.state == 0 and json.loads(run.out)["bytes"] != self.page_bytes:
            raise Wrong("the floor did not get all bytes")

    def check_rows(self, run):
        self.check_bytes(run)
        result = json.loads(run.out)
        if result["rows"] != self.o.rows or result["different"] != 0:
            raise Wrong(f"the floor saw {result['rows']} rows, {result['different']} of them different")

    def check_answer(self, run):
        self.note_requests(must(run))
        if json.loads(run.out)["rows"] != self.changes[-1]:
            raise Wrong(f"the floor saw {json.loads(run.out)['rows']} rows instead of {self.changes[-1]}")

    def check_sync(self, expected):
        """expected(): the counts that sync must print."""
        def check(run):
            self.check_totals(run, **expected())
            self.note_requests(run)
            for table in self.tables:
                self.compare("bench.db", table, self.state, raw=True)
            self.stored = self.state
        return check

    def check_diff(self, expected=dict):
        def check(run):
            self.check_changes(run, **expected())
            self.note_requests(run)
            if self.stored == self.state:
                for table in self.tables:
                    self.compare("bench.db", table, self.state, raw=True)  # it changed nothing
        return check

    # ---- Steps ----

    def ideal(self):
        """Of a server that is slow and nothing else: its pauses, one after another for each table."""
        pages = math.ceil(self.tables[0].rows / PAGE)
        return Run(pages * self.o.latency / 1000, 0, 0, 0, "")

    def updates(self, name):
        return lambda: {name: self.changes[-1]} if self.o.change else {}

    def make_floors(self):
        fresh = self.ready(lambda: None)

        def without(db):
            return self.ready(lambda: self.remove(db))

        if self.o.latency:
            return [Step("ideal", f"ideal: {self.o.latency} ms a page", self.ideal, floor="ideal"),
                    Step("floor", "floor: download + insert, with raw",
                         lambda: self.floor("insert-raw", "floor.db"), prepare=without("floor.db"),
                         check=self.check_floor("floor.db", raw=True), floor="ideal")]
        return [
            Step("floor_download", "floor: download", lambda: self.floor("download"), prepare=fresh,
                 check=self.check_bytes, floor="floor"),
            Step("floor_tokenise", "floor: download + YAJL", lambda: self.floor("tokenise"), prepare=fresh,
                 check=self.check_rows, floor="floor"),
            Step("floor_no_raw", "floor: download + insert, without raw",
                 lambda: self.floor("insert", "plain.db"), prepare=without("plain.db"),
                 check=self.check_floor("plain.db", raw=False), floor="floor"),
            Step("floor", "floor: download + insert, with raw", lambda: self.floor("insert-raw", "floor.db"),
                 prepare=without("floor.db"), check=self.check_floor("floor.db", raw=True), floor="floor"),
            Step("floor_read", "floor: download + read back + compare", lambda: self.floor("read", "floor.db"),
                 prepare=self.ready(self.need_floor), check=self.check_rows, floor="floor_read"),
        ]

    def make_steps(self):
        rows, percent = self.o.rows, self.o.change
        slow = bool(self.o.latency)
        load, read = ("ideal", "ideal") if slow else ("floor", "floor_read")

        def sync(*more):
            return lambda: self.dvsync("bench.yaml", "sync", *more)

        def diff():
            return self.dvsync("bench.yaml", "diff")

        return self.make_floors() + [
            Step("first", "dvsync sync: first sync", sync(), prepare=self.ready(self.start_empty),
                 check=self.check_sync(lambda: {"created": rows}), floor=load, target=1.3 if slow else 1.6),
            Step("unchanged", "dvsync sync --full: nothing changed", sync("--full"), prepare=self.ready(self.start_equal),
                 check=self.check_sync(lambda: {"unchanged": rows}), floor=read, target=1.3 if slow else 2),
            Step("diff", "dvsync diff: no drift", diff, prepare=self.ready(self.start_equal), check=self.check_diff(),
                 floor=read, target=1.3 if slow else 2),
            Step("diff_changed", f"dvsync diff: {percent:g} % differ", diff, prepare=self.ready(self.start_behind),
                 check=self.check_diff(self.updates("update")), floor=read, target=1.3 if slow else 2),
            Step("changed", f"dvsync sync: {percent:g} % changed", sync(), prepare=self.ready(self.start_behind),
                 check=self.check_sync(self.updates("updated")), floor="first", target=None if slow else 0.03),
            Step("answer", f"floor: the {percent:g} % + YAJL", lambda: self.floor("tokenise", where=self.since),
                 prepare=self.ready(self.need_change), check=self.check_answer, floor="first"),
            Step("nothing", "dvsync sync: nothing new", sync(), prepare=self.ready(self.start_quiet),
                 check=self.check_sync(dict), floor="first"),
        ]

    def start_quiet(self):
        """As start_equal; and so late that nothing is read twice."""
        self.start_equal()
        self.pause()
        must(self.dvsync("bench.yaml", "sync"))
        self.pause()

    # ---- Ladder ----

    def ladders(self):
        if self.o.latency or self.o.tables > 1:
            return []
        return [Ladder("first sync", LOAD, "first", "floor"),
                Ladder("nothing changed", UNCHANGED, "unchanged", "floor_read")]

    def run_ladder(self):
        rungs = self.ladder_costs(dict(LOAD + UNCHANGED), download=self.floor("download").cpu)
        self.compare("ladder.db", self.tables[0], self.state, raw=True)
        return rungs
