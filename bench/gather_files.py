"""Two CSV files that speak for one entity, to SQLite: what gathering costs beside one source that gathers, and that
beside one source that streams.

Both files have every record; in --change percent of them the second says something else in one or two fields. So each
record has two offers, and some records have open conflicts, all the time.
"""
import contextlib
import json
import sqlite3

from csv_files import CsvFiles
from harness import Step, Wrong, must, quote

SAMPLE = 97  # of every so many rows json_response is looked into

# One source; the same with a field that is written only once, so that it gathers; two.
FROM = {"stream": "    from: [{source: crm, entity: crm}]\n",
        "one": "    from: [{source: crm, entity: crm, fields: {\"*\": true, f1: {from: f1, authority: reference}}}]\n",
        "two": "    from: [{source: crm, entity: crm}, {source: sheet, entity: sheet}]\n"}
PROJECT = """name: {name}
sources:
  crm: {{plugin: csv, priority: 100, settings: {{path: data/crm.csv}}}}
{sheet}sink: {{plugin: sqlite, settings: {{path: {name}.db}}}}
entities:
  - name: records
    key: [id]
{entries}"""
SHEET = "  sheet: {plugin: csv, priority: 50, settings: {path: data/sheet.csv}}\n"


class GatherFiles(CsvFiles):
    name = "gather"
    title = "Two CSV files for one entity"
    default_columns = 20

    def __init__(self, options):
        super().__init__(options)
        self.stored = {}    # what NAME.db holds: base or changed; not there: nothing that can be relied on
        self.clashes = {}   # fields of which the sources say different things
        self.updates = {}   # rows that the change makes different

    def generate(self):
        common = [self.build / "bench/gen_csv", "--rows", self.o.rows, "--columns", self.o.columns, "--seed",
                  self.o.seed, "--change", self.o.change, "--change-seed"]
        must(self.execute(common[:-3], out=self.work / "base.csv"))
        for seed, name in ((1, "changed"), (2, "sheet")):
            must(self.execute([*common, seed], out=self.work / f"{name}.csv"))
        for name in ("base", "changed", "sheet"):
            self.load_floor(f"{name}.csv", f"truth_{name}.db", raw=False)
        (self.work / "data").mkdir(exist_ok=True)
        self.link("sheet.csv", "data/sheet.csv")
        for name, entries in FROM.items():
            text = PROJECT.format(name=name, entries=entries, sheet=SHEET if name == "two" else "")
            (self.work / f"{name}.yaml").write_text(text)
        for state in ("base", "changed"):
            self.merge_truth(state)
        for name, prefix, but in (("stream", "", ()), ("one", "", ("f1",)), ("two", "merged_", ())):
            self.updates[name] = self.count_different(prefix, but)

    def merge_truth(self, state):
        """truth_merged_STATE.db: of each field the first file's value, or where that is NULL the second's."""
        self.remove(f"truth_merged_{state}.db")
        with contextlib.closing(self.writable(f"truth_merged_{state}.db")) as con:
            for label, file in (("crm", state), ("sheet", "sheet")):
                con.execute(f"ATTACH ? AS {label}", (str(self.work / f"truth_{file}.db"),))
            both = "FROM crm.t c JOIN sheet.t s ON c.id = s.id"
            fields = ", ".join(f"coalesce(c.{quote(f)}, s.{quote(f)}) AS {quote(f)}" for f in self.columns)
            con.execute(f"CREATE TABLE t AS SELECT {fields} {both} ORDER BY c.row_id")
            con.execute("CREATE UNIQUE INDEX t_id ON t (id)")
            clashes = " + ".join(f"sum(c.{quote(f)} <> s.{quote(f)})" for f in self.columns)
            self.clashes[state] = con.execute(f"SELECT {clashes} {both}").fetchone()[0] or 0
            con.commit()

    def writable(self, db):
        return sqlite3.connect(self.work / db)

    def count_different(self, prefix, but):
        """Rows that differ between base and changed, the fields `but` aside."""
        with contextlib.closing(self.read_only(f"truth_{prefix}base.db")) as con:
            con.execute("ATTACH ? AS other", (f"file:{self.work}/truth_{prefix}changed.db?mode=ro",))
            differ = " OR ".join(f"a.{quote(c)} IS NOT b.{quote(c)}" for c in self.columns if c not in but)
            return con.execute(f"SELECT count(*) FROM main.t a JOIN other.t b ON a.id = b.id WHERE {differ}").fetchone()[0]

    def describe(self):
        size = sum((self.work / f"{name}.csv").stat().st_size for name in ("base", "sheet"))
        return (f"{self.title}: {self.o.rows:,} rows x {self.o.columns} columns in each, {size / 1e6:.0f} MB of CSV, "
                f"{self.clashes['base']:,} values in which they differ",
                {"columns": self.o.columns, "csv_bytes": size, "clashes": self.clashes["base"]})

    # ---- State ----

    def use(self, state):
        self.link(f"{state}.csv", "data/crm.csv")
        for name in ("crm", "sheet"):
            with open(self.work / f"data/{name}.csv", "rb") as file:
                while file.read(1 << 20):
                    pass
        self.current = state

    def empty(self, name):
        def prepare():
            self.use("base")
            self.stored.pop(name, None)
            self.remove(f"{name}.db")
        return prepare

    def loaded(self, name, state):
        """NAME.db holds base, the first file is `state`."""
        def prepare():
            if self.stored.get(name) != "base":
                self.empty(name)()
                must(self.dvsync(f"{name}.yaml", "sync"))
                self.stored[name] = "base"
            self.use(state)
        return prepare

    # ---- Checks ----

    def count(self, name, expected, query):
        with contextlib.closing(self.read_only(f"{name}.db")) as con:
            n = con.execute("SELECT count(*) FROM " + query).fetchone()[0]
        if n != expected:
            raise Wrong(f"{name}.db: {n} instead of {expected} of {query}")

    def check_table(self, name, state):
        """All cells; the offers and conflicts that there must be; a sample of the records as JSON."""
        if name != "one" or state == "base":
            self.compare(f"{name}.db", "records", f"merged_{state}" if name == "two" else state)
        else:
            self.compare_but_reference(state)
        offers = {"stream": 0, "one": 1, "two": 2}[name] * self.o.rows
        self.count(name, offers, "_sync_offers")
        self.count(name, 0, "_sync_offers WHERE pending")
        self.count(name, self.clashes[state] if name == "two" else 0, "_sync_conflicts WHERE closed_at IS NULL")
        self.count(name, self.o.rows, "(SELECT DISTINCT key FROM _sync_lineage WHERE op = 'create')")
        if name == "two":
            self.check_raw(state)

    def compare_but_reference(self, state):
        """f1 stays as it was first written."""
        columns = self.columns
        try:
            self.columns = [c for c in columns if c != "f1"]
            self.compare("one.db", "records", state)
            self.columns = ["id", "f1"]
            self.compare("one.db", "records", "base")
        finally:
            self.columns = columns

    def check_raw(self, state):
        """json_response of a row is as of the last time that the row was written: the first load."""
        if state != "base":
            return
        with contextlib.closing(self.read_only("two.db")) as con:
            for label, file in (("crm", "base"), ("sheet", "sheet")):
                con.execute(f"ATTACH ? AS {label}", (f"file:{self.work}/truth_{file}.db?mode=ro",))
                fields = ", ".join(f"b.{quote(c)}" for c in self.columns)
                for text, *row in con.execute(f"SELECT a.json_response, {fields} FROM main.records a JOIN {label}.t b "
                                              f"ON a.id = b.id WHERE a.row_id % {SAMPLE} = 1"):
                    record = json.loads(text)[label]
                    if [record[c] or None for c in self.columns] != [None if v is None else str(v) for v in row]:
                        raise Wrong(f"two.db: json_response of {row[0]} is not what {label} says")

    def check_run(self, name, **expected):
        def check(run):
            self.check_totals(run, **expected)
            self.check_table(name, self.current)
            self.stored[name] = self.current
        return check

    def check_quiet(self, name):
        def check(run):
            self.check_changes(run)
            self.check_table(name, "base")
        return check

    # ---- Steps ----

    def steps_of(self, name, what, below, target):
        """`below` names the project whose step of the same kind is this one's floor."""
        rows, changed = self.o.rows, self.updates[name]

        def step(kind, title, command, prepare, check, floor=f"{below}_{{}}"):
            return Step(f"{name}_{kind}", f"{what}: {title}", lambda: self.dvsync(f"{name}.yaml", *command),
                        prepare=prepare, check=check, floor=floor.format(kind), target=target)

        return [
            step("first", "first load", ["sync"], self.empty(name), self.check_run(name, created=rows)),
            step("unchanged", "nothing changed", ["sync", "--full"], self.loaded(name, "base"),
                 self.check_run(name, unchanged=rows)),
            step("diff", "diff, no drift", ["diff"], self.loaded(name, "base"), self.check_quiet(name)),
            step("changed", f"{self.o.change:g} % changed", ["sync"], self.loaded(name, "changed"),
                 self.check_run(name, updated=changed, unchanged=rows - changed))]

    def make_steps(self):
        return (self.steps_of("stream", "one source, streaming", "stream", None) +
                self.steps_of("one", "one source, gathering", "stream", None) +
                self.steps_of("two", "two sources", "one", 2))

    def ladders(self):
        return []
