"""CSV to SQLite: one file of made-up records (gen_csv.c), one entity, dvsync's default options.

Floors: floor_csv.c, which reads the same file and inserts the same rows without an engine, or reads the file and the
table side by side; and `sqlite3 .import`.
"""
import json
import os
import shutil

from harness import Ladder, Step, World, Wrong, must, quote

# The rungs of ladder.c. The three lowest belong to both.
READ = [("read", "read"), ("raw", "+ the record as JSON"), ("map", "+ map")]
LOAD = READ + [("reconcile", "+ reconcile"), ("write", "+ write, commits, key index"),
               ("lineage", "+ lineage and its index")]
UNCHANGED = READ + [("read_back", "+ read back by row id"), ("compare", "+ reconcile")]

PROJECT = """name: {name}
sources:
  file:
    plugin: csv
    settings: {{path: {folder}/records.csv}}
sink: {{plugin: sqlite, settings: {{path: {name}.db}}}}
entities:
  - {{name: records, key: [id]}}
"""


class CsvFiles(World):
    name = "csv"
    title = "CSV files to SQLite"
    default_columns = 20

    def __init__(self, options):
        super().__init__(options)
        self.columns = ["id"] + [f"f{i}" for i in range(1, options.columns)]
        self.changed_rows = None
        self.current = None  # what the project's file is: base or changed
        self.stored = None   # what bench.db holds: base or changed, None: nothing that can be relied on

    def generate(self):
        common = [self.build / "bench/gen_csv", "--rows", self.o.rows, "--columns", self.o.columns, "--seed",
                  self.o.seed]
        must(self.execute(common, out=self.work / "base.csv"))
        must(self.execute(common + ["--change", self.o.change], out=self.work / "changed.csv"))
        for name, folder in (("bench", "data"), ("ladder", "ladder")):
            (self.work / f"{name}.yaml").write_text(PROJECT.format(name=name, folder=folder))
            (self.work / folder).mkdir(exist_ok=True)
        self.link("base.csv", "ladder/records.csv")
        for name in ("base", "changed"):
            self.load_floor(f"{name}.csv", f"truth_{name}.db", raw=False)
        self.changed_rows = self.count_changed()

    def describe(self):
        size = (self.work / "base.csv").stat().st_size
        return (f"{self.title}: {self.o.rows:,} rows x {self.o.columns} columns, {size / 1e6:.0f} MB of CSV, "
                f"{self.changed_rows:,} rows changed",
                {"columns": self.o.columns, "csv_bytes": size, "changed_rows": self.changed_rows})

    # ---- State ----

    def link(self, file, name):
        new = self.work / f"{name}.new"
        new.unlink(missing_ok=True)
        os.link(self.work / file, new)
        new.replace(self.work / name)

    def use(self, name):
        """Makes base or changed the file that the project reads, and reads it once: the floors' file was read too, so
        that the disk is in none of the speeds."""
        self.link(f"{name}.csv", "data/records.csv")
        with open(self.work / "data/records.csv", "rb") as file:
            while file.read(1 << 20):
                pass
        self.current = name

    def start_empty(self):
        self.use("base")
        self.stored = None
        self.remove("bench.db")

    def start_with_base(self, file):
        """The database holds base, the project reads `file`."""
        if self.stored != "base":
            self.start_empty()
            must(self.dvsync("bench.yaml", "sync"))
            self.stored = "base"
        self.use(file)

    # ---- Programs ----

    def load_floor(self, csv, db, raw):
        self.remove(db)
        return must(self.execute([self.build / "bench/floor_csv", *(["--raw"] if raw else []), self.work / csv,
                                  self.work / db]))

    def read_floor(self):
        if not (self.work / "floor.db").exists():
            self.load_floor("base.csv", "floor.db", raw=True)
        return must(self.execute([self.build / "bench/floor_csv", "--read", self.work / "base.csv",
                                  self.work / "floor.db"]))

    def sqlite_import(self):
        script = (f"PRAGMA page_size=32768;\nPRAGMA journal_mode=WAL;\nPRAGMA synchronous=NORMAL;\n"
                  f".import --csv {self.work}/base.csv t\nCREATE UNIQUE INDEX t_key ON t (id);\n")
        path = self.work / "import.sql"
        path.write_text(script)
        with open(path, "rb") as stdin:
            return must(self.execute(["sqlite3", self.work / "import.db"], stdin=stdin))

    # ---- Checks ----

    def compare(self, db, table, name, null_is_empty=False):
        """Every cell of db.table against the truth of the file base or changed; both have the key indexed."""
        con = self.read_only(db)
        try:
            con.execute("ATTACH ? AS truth", (f"file:{self.work}/truth_{name}.db?mode=ro",))
            n = con.execute(f"SELECT count(*) FROM {quote(table)}").fetchone()[0]
            if n != self.o.rows:
                raise Wrong(f"{db}: {table} has {n} rows instead of {self.o.rows}")
            left = [f"coalesce(a.{quote(c)}, '')" if null_is_empty else f"a.{quote(c)}" for c in self.columns]
            differ = " OR ".join(f"{a} IS NOT b.{quote(c)}" for a, c in zip(left, self.columns))
            n, least = con.execute(f"SELECT count(*), min(a.id) FROM truth.t a LEFT JOIN {quote(table)} b ON "
                                   f"a.id = b.id WHERE b.id IS NULL OR {differ}").fetchone()
            if n:
                raise Wrong(f"{db}: {n} rows of {table} are missing or differ, the first is {least}")
        finally:
            con.close()

    def count_changed(self):
        con = self.read_only("truth_base.db")
        con.execute("ATTACH ? AS other", (f"file:{self.work}/truth_changed.db?mode=ro",))
        differ = " OR ".join(f"a.{quote(c)} IS NOT b.{quote(c)}" for c in self.columns)
        n = con.execute(f"SELECT count(*) FROM main.t a JOIN other.t b USING (row_id) WHERE {differ}").fetchone()[0]
        con.close()
        return n

    def check_floor(self, db, null_is_empty=False):
        def check(run):
            must(run)
            self.compare(db, "t", "base", null_is_empty)
        return check

    def check_read(self, run):
        if json.loads(must(run).out)["different"] != 0:
            raise Wrong("the floor took equal rows for different ones")

    def check_sync(self, **expected):
        def check(run):
            self.check_totals(run, **expected)
            self.compare("bench.db", "records", self.current)
            self.stored = self.current
        return check

    def check_diff(self, **expected):
        def check(run):
            self.check_changes(run, **expected)
            self.compare("bench.db", "records", "base")  # it changed nothing
        return check

    # ---- Steps ----

    def make_steps(self):
        rows, changed, percent = self.o.rows, self.changed_rows, self.o.change
        updates = {"update": changed} if changed else {}
        steps = [
            Step("floor_no_raw", "floor: read + insert, without raw",
                 lambda: self.load_floor("base.csv", "plain.db", raw=False), check=self.check_floor("plain.db"),
                 floor="floor"),
            Step("floor", "floor: read + insert, with raw",
                 lambda: self.load_floor("base.csv", "floor.db", raw=True), check=self.check_floor("floor.db"),
                 floor="floor"),
            Step("import", "sqlite3 .import + key index", self.sqlite_import,
                 prepare=lambda: self.remove("import.db"), check=self.check_floor("import.db", null_is_empty=True),
                 floor="floor"),
            Step("floor_read", "floor: read + read back + compare", self.read_floor, check=self.check_read,
                 floor="floor_read"),
            Step("first", "dvsync sync: first load", lambda: self.dvsync("bench.yaml", "sync"),
                 prepare=self.start_empty, check=self.check_sync(created=rows), floor="floor", target=1.6),
            Step("unchanged", "dvsync sync --full: nothing changed",
                 lambda: self.dvsync("bench.yaml", "sync", "--full"), prepare=lambda: self.start_with_base("base"),
                 check=self.check_sync(unchanged=rows), floor="floor_read", target=2),
            Step("diff", "dvsync diff: no drift", lambda: self.dvsync("bench.yaml", "diff"),
                 prepare=lambda: self.start_with_base("base"), check=self.check_diff(), floor="floor_read", target=2),
            Step("diff_changed", f"dvsync diff: {percent:g} % differ", lambda: self.dvsync("bench.yaml", "diff"),
                 prepare=lambda: self.start_with_base("changed"), check=self.check_diff(**updates),
                 floor="floor_read", target=2),
            Step("changed", f"dvsync sync: {percent:g} % changed", lambda: self.dvsync("bench.yaml", "sync"),
                 prepare=lambda: self.start_with_base("changed"),
                 check=self.check_sync(updated=changed, unchanged=rows - changed), floor="floor_read"),
        ]
        return [s for s in steps if s.name != "import" or shutil.which("sqlite3")]

    # ---- Ladder ----

    def ladders(self):
        return [Ladder("first load", LOAD, "first", "floor"),
                Ladder("nothing changed", UNCHANGED, "unchanged", "floor_read")]

    def run_ladder(self):
        rungs = self.ladder_costs(dict(LOAD + UNCHANGED))
        self.compare("ladder.db", "records", "base")
        return rungs
