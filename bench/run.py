#!/usr/bin/env python3
"""Benchmark of dvsync on files: CSV to SQLite, beside floors that are measured in the same run.

    bench/run.py [--build DIR] [--rows N] [--columns M] [--repeat K] [--json FILE] [--only STEP ...]

Builds the programs it needs in DIR (default build/release, configured with the release preset when it is not
there), makes the data, runs every step, and prints a table: median wall and CPU seconds (user and system), rows per
second, peak memory (of the child process, as the kernel reports it) and the ratio of its wall seconds to those of
the step's floor. A second table says where the CPU time goes: bench/ladder.c, of each rung the least of all
repetitions. What a step leaves behind is checked every time; a step whose content is wrong gets no speed, and the
exit code is 1.

A step is a Step in make_steps(); to add one, add it there. Only the standard library of Python 3 is needed.
"""
import argparse
import json
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parent.parent


class Wrong(Exception):
    """The content is not what it must be."""


@dataclass
class Run:
    seconds: float
    cpu: float
    peak_kb: int
    code: int
    out: str


@dataclass
class Step:
    """One row of the table. run() does the work once and returns a Run; prepare() comes before each run and
    check(run) behind it, both outside of the clock."""
    name: str
    title: str
    run: object
    prepare: object = None
    check: object = None
    floor: str = None  # name of the step that `ratio` divides by
    once: bool = False
    results: list = field(default_factory=list)
    wrong: str = None


# The rungs of bench/ladder.c: name, title. The three lowest belong to both.
LOAD = [("read", "read"), ("raw", "+ the record as JSON"), ("map", "+ map"), ("reconcile", "+ reconcile"),
        ("write", "+ write, commits, key index"), ("lineage", "+ lineage and its index")]
UNCHANGED = LOAD[:3] + [("read_back", "+ read back by row id"), ("compare", "+ reconcile")]


def must(run, *codes):
    if run.code not in (codes or (0,)):
        raise Wrong(f"exit code {run.code}: {run.out.strip()[-400:]}")
    return run


def quote(name):
    return '"' + name.replace('"', '""') + '"'


class Bench:
    def __init__(self, options):
        self.o = options
        self.build = pathlib.Path(options.build).resolve()
        self.work = pathlib.Path(options.work or tempfile.mkdtemp(prefix="dvsync-bench-"))
        self.work.mkdir(parents=True, exist_ok=True)
        self.columns = ["id"] + [f"f{i}" for i in range(1, options.columns)]
        self.changed_rows = None
        self.current = None
        self.steps = []
        self.rungs = {}  # name: CPU seconds of each repetition
        self.ladder_wrong = None

    # ---- Set-up ----

    def prepare_build(self):
        if self.o.no_build:
            return
        if not (self.build / "CMakeCache.txt").exists():
            subprocess.run(["cmake", "--preset", "release", "-B", self.build], cwd=ROOT, check=True,
                           stdout=subprocess.DEVNULL)
        subprocess.run(["cmake", "--build", self.build, "--target", "bench_programs", "-j2"], check=True,
                       stdout=subprocess.DEVNULL)

    def generate(self):
        common = [self.build / "bench/gen_csv", "--rows", self.o.rows, "--columns", self.o.columns, "--seed",
                  self.o.seed]
        must(self.execute(common, out=self.work / "base.csv"))
        must(self.execute(common + ["--change", self.o.change], out=self.work / "changed.csv"))
        (self.work / "bench.yaml").write_text(
            "name: bench\n"
            "sources:\n  file:\n    plugin: csv\n    settings: {path: data/records.csv}\n"
            "sink: {plugin: sqlite, settings: {path: bench.db}}\n"
            "entities:\n  - {name: records, key: [id]}\n")
        (self.work / "ladder.yaml").write_text(
            "name: ladder\n"
            "sources:\n  file:\n    plugin: csv\n    settings: {path: ladder/records.csv}\n"
            "sink: {plugin: sqlite, settings: {path: ladder.db}}\n"
            "entities:\n  - {name: records, key: [id]}\n")
        for folder in ("data", "ladder"):
            (self.work / folder).mkdir(exist_ok=True)
        records = self.work / "ladder/records.csv"
        records.unlink(missing_ok=True)
        os.link(self.work / "base.csv", records)
        for name in ("base", "changed"):
            self.load_floor(name + ".csv", f"truth_{name}.db", raw=False)
        self.changed_rows = self.count_changed()

    def use(self, name):
        """Makes base or changed the file that the project reads."""
        link = self.work / "data/records.new"
        link.unlink(missing_ok=True)
        os.link(self.work / f"{name}.csv", link)
        link.replace(self.work / "data/records.csv")
        self.current = name

    def remove(self, name):
        for path in self.work.glob(name + "*"):
            path.unlink()

    # ---- Programs ----

    def execute(self, command, out=None, stdin=None):
        """Runs a command to its end; bench/measure.c says what it cost."""
        cost = self.work / "cost.json"
        cost.unlink(missing_ok=True)
        with open(out or self.work / "stdout", "w+b") as stdout:
            done = subprocess.run([self.build / "bench/measure", cost, *(str(c) for c in command)], stdout=stdout,
                                  stderr=subprocess.PIPE, stdin=stdin or subprocess.DEVNULL)
            stdout.seek(0)
            text = "" if out else stdout.read().decode("utf-8", "replace")
        text += done.stderr.decode("utf-8", "replace")
        if done.returncode:
            raise Wrong(f"{command[0]} could not be run: {text.strip()[-400:]}")
        cost = json.loads(cost.read_text())
        return Run(cost["seconds"], cost["user"] + cost["system"], cost["peak_kb"], cost["code"], text)

    def dvsync(self, command, *more):
        out = self.work / "out.json"
        run = self.execute([self.build / "bin/dvsync", "--plugin-path", self.build / "plugins", command, "--config-file",
                       self.work / "bench.yaml", "--json", "--no-progress", *more], out=out)
        if run.code in (0, 2):
            run.out = out
        return run

    def load_floor(self, csv, db, raw):
        self.remove(db)
        return must(self.execute([self.build / "bench/floor_csv", *(["--raw"] if raw else []), self.work / csv,
                             self.work / db]))

    def read_floor(self):
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

    def compare(self, db, table, key_null_is_empty=False, where="", name=None):
        """Every cell of db.table against the truth of the current file, or of `name`; both have the key indexed."""
        name = name or self.current or "base"
        con = sqlite3.connect(f"file:{self.work}/{db}?mode=ro", uri=True)
        try:
            con.execute("ATTACH ? AS truth", (f"file:{self.work}/truth_{name}.db?mode=ro",))
            n = con.execute(f"SELECT count(*) FROM {quote(table)} {where}").fetchone()[0]
            if n != self.o.rows:
                raise Wrong(f"{db}: {table} has {n} rows instead of {self.o.rows}")
            left = [f"coalesce(a.{quote(c)}, '')" if key_null_is_empty else f"a.{quote(c)}" for c in self.columns]
            differ = " OR ".join(f"{a} IS NOT b.{quote(c)}" for a, c in zip(left, self.columns))
            n, least = con.execute(f"SELECT count(*), min(a.id) FROM truth.t a LEFT JOIN {quote(table)} b ON "
                                   f"a.id = b.id WHERE b.id IS NULL OR {differ}").fetchone()
            if n:
                raise Wrong(f"{db}: {n} rows of {table} are missing or differ, the first is {least}")
        finally:
            con.close()

    def count_changed(self):
        con = sqlite3.connect(f"file:{self.work}/truth_base.db?mode=ro", uri=True)
        con.execute("ATTACH ? AS other", (f"file:{self.work}/truth_changed.db?mode=ro",))
        differ = " OR ".join(f"a.{quote(c)} IS NOT b.{quote(c)}" for c in self.columns)
        n = con.execute(f"SELECT count(*) FROM main.t a JOIN other.t b USING (row_id) WHERE {differ}").fetchone()[0]
        con.close()
        return n

    def check_sync(self, **expected):
        def check(run):
            must(run)
            totals = json.loads(pathlib.Path(run.out).read_text())["totals"]
            for name in ("created", "updated", "deleted", "unchanged", "skipped"):
                if totals[f"rows_{name}"] != expected.get(name, 0):
                    raise Wrong(f"rows_{name} is {totals[f'rows_{name}']} instead of {expected.get(name, 0)}")
            self.compare("bench.db", "records")
        return check

    def check_ladder(self, rungs):
        if {r["rung"] for r in rungs} != set(dict(LOAD + UNCHANGED)):
            raise Wrong("the ladder has other rungs than its table")
        self.compare("ladder.db", "records", name="base")
        con = sqlite3.connect(f"file:{self.work}/ladder.db?mode=ro", uri=True)
        try:
            n = con.execute("SELECT count(DISTINCT key) FROM _sync_lineage WHERE op = 'create'").fetchone()[0]
        finally:
            con.close()
        if n != self.o.rows:
            raise Wrong(f"ladder.db: the lineage knows {n} records instead of {self.o.rows}")

    def check_diff(self, updates):
        def check(run):
            must(run, 2 if updates else 0)
            ops = {}
            with open(run.out, encoding="utf-8") as lines:
                for line in lines:
                    change = json.loads(line)
                    op = "summary" if "summary" in change else change["op"]
                    ops[op] = ops.get(op, 0) + 1
            expected = {"summary": 1, **({"update": updates} if updates else {})}
            if ops != expected:
                raise Wrong(f"diff printed {ops} instead of {expected}")
        return check

    # ---- Steps ----

    def make_steps(self):
        rows, changed = self.o.rows, self.changed_rows
        load_floor = lambda: self.load_floor("base.csv", "floor.db", raw=True)

        def fresh():
            self.use("base")
            self.remove("bench.db")

        def other():
            self.use("changed" if self.current == "base" else "base")

        def drifted():
            # The database holds `base`; a diff changes nothing, so that it stays so.
            self.use("changed")

        self.steps = [
            Step("floor_no_raw", "floor: read + insert, without raw",
                 lambda: self.load_floor("base.csv", "plain.db", raw=False),
                 check=lambda run: self.compare("plain.db", "t"), floor="floor"),
            Step("floor", "floor: read + insert, with raw", load_floor,
                 check=lambda run: self.compare("floor.db", "t"), floor="floor"),
            Step("import", "sqlite3 .import + key index", self.sqlite_import, prepare=lambda: self.remove("import.db"),
                 check=lambda run: self.compare("import.db", "t", key_null_is_empty=True), floor="floor"),
            Step("floor_read", "floor: read + read back + compare", self.read_floor, floor="floor_read"),
            Step("first", "dvsync sync: first load", lambda: self.dvsync("sync"), prepare=fresh,
                 check=self.check_sync(created=rows), floor="floor"),
            Step("unchanged", "dvsync sync --full: nothing changed", lambda: self.dvsync("sync", "--full"),
                 check=self.check_sync(unchanged=rows), floor="floor_read"),
            Step("diff", "dvsync diff: no drift", lambda: self.dvsync("diff"), check=self.check_diff(0),
                 floor="floor_read"),
            Step("diff_changed", f"dvsync diff: {self.o.change} % differ", lambda: self.dvsync("diff"),
                 prepare=drifted, check=self.check_diff(changed), floor="floor_read"),
            Step("changed", f"dvsync sync: {self.o.change} % changed", lambda: self.dvsync("sync"), prepare=other,
                 check=self.check_sync(updated=changed, unchanged=rows - changed), floor="floor_read"),
        ]

    def wanted(self):
        return [s for s in self.steps if not self.o.only or s.name in self.o.only]

    def run_step(self, step):
        for _ in range(1 if step.once else self.o.repeat):
            print(f"\r\033[K{step.title} ...", end="", file=sys.stderr, flush=True)
            if step.name == "changed" and self.current == "changed" and not step.results:
                self.use("base")  # the diff before it changed the file, but not the database
            if step.prepare:
                step.prepare()
            run = step.run()
            step.results.append(run)
            try:
                if step.check:
                    step.check(run)
                else:
                    must(run)
            except (Wrong, sqlite3.Error, KeyError, ValueError) as e:
                step.wrong = str(e) or repr(e)
                return

    def run_ladder(self):
        for _ in range(self.o.repeat):
            print("\r\033[Kladder ...", end="", file=sys.stderr, flush=True)
            run = must(self.execute([self.build / "bench/ladder", self.build / "plugins", self.work / "ladder.yaml",
                                     self.o.rows]))
            rungs = json.loads(run.out)["rungs"]
            self.check_ladder(rungs)
            for rung in rungs:
                self.rungs.setdefault(rung["rung"], []).append(rung["cpu_seconds"])

    def wants_ladder(self):
        return not self.o.only or "ladder" in self.o.only

    def run(self):
        self.make_steps()
        for step in self.wanted():
            try:
                self.run_step(step)
            except Wrong as e:
                step.wrong = str(e)
        try:
            if self.wants_ladder():
                self.run_ladder()
        except (Wrong, sqlite3.Error, KeyError, ValueError) as e:
            self.ladder_wrong = str(e) or repr(e)
        print("\r\033[K", end="", file=sys.stderr, flush=True)

    # ---- Report ----

    def median(self, name):
        for step in self.steps:
            if step.name == name and step.results and not step.wrong:
                return statistics.median(r.seconds for r in step.results)
        return None

    def table(self):
        lines = []
        for step in self.wanted():
            if step.wrong:
                lines.append({"step": step.name, "title": step.title, "wrong": step.wrong})
                continue
            seconds = self.median(step.name)
            floor = self.median(step.floor) if step.floor else None
            lines.append({"step": step.name, "title": step.title, "seconds": round(seconds, 3),
                          "rows_per_second": round(self.o.rows / seconds),
                          "peak_mb": round(max(r.peak_kb for r in step.results) / 1024, 1),
                          "floor": step.floor, "ratio": round(seconds / floor, 2) if floor else None,
                          "cpu_seconds": round(statistics.median(r.cpu for r in step.results), 3),
                          "all_seconds": [round(r.seconds, 3) for r in step.results]})
        return lines

    def least_cpu(self, name):
        for step in self.steps:
            if step.name == name and step.results and not step.wrong:
                return min(r.cpu for r in step.results)
        return None

    def ladder_table(self, rungs, floor, sync):
        """The rungs of one ladder, and as the last line what the whole program uses."""
        floor = self.least_cpu(floor)
        whole = self.least_cpu(sync)
        cpus = [(name, title, min(self.rungs[name])) for name, title in rungs]
        if whole is not None:
            cpus.append((sync, "the whole program", whole))
        lines = []
        below = 0
        for name, title, cpu in cpus:
            lines.append({"rung": name, "title": title, "cpu_seconds": round(cpu, 3),
                          "rows_per_second": round(self.o.rows / cpu),
                          "added_us_per_row": round((cpu - below) * 1e6 / self.o.rows, 2),
                          "added_share": round((cpu - below) / cpus[-1][2], 3),
                          "ratio": round(cpu / floor, 2) if floor else None})
            below = cpu
        return lines

    def report_ladder(self):
        """Prints the second table and returns it; None when it was not asked for."""
        if not self.wants_ladder():
            return None
        if self.ladder_wrong:
            print(f"\nwhere the time goes: WRONG: {self.ladder_wrong}")
            return {"wrong": self.ladder_wrong}
        tables = {"first": ("first load", "floor"), "unchanged": ("nothing changed", "floor_read")}
        print(f"\n{'where the time goes':<38} {'cpu':>8} {'rows/s':>10} {'us/row':>8} {'share':>6} {'ratio':>6}  of")
        for sync, (title, floor) in tables.items():
            lines = tables[sync] = self.ladder_table(LOAD if sync == "first" else UNCHANGED, floor, sync)
            print(f"{title}:")
            for line in lines:
                ratio = "" if line["ratio"] is None else f"{line['ratio']:.2f}"
                print(f"  {line['title']:<36} {line['cpu_seconds']:>8.2f} {line['rows_per_second']:>10,} "
                      f"{line['added_us_per_row']:>+8.2f} {line['added_share']:>6.0%} {ratio:>6}  {floor}")
        return tables

    def report(self):
        lines = self.table()
        size = (self.work / "base.csv").stat().st_size
        print(f"{self.o.rows:,} rows x {self.o.columns} columns, {size / 1e6:.0f} MB of CSV, "
              f"{self.changed_rows:,} rows changed, median of {self.o.repeat}")
        print(f"{'':<38} {'wall':>8} {'cpu':>8} {'rows/s':>10} {'peak MB':>8} {'ratio':>6}  of")
        for line in lines:
            if "wrong" in line:
                print(f"{line['title']:<38} WRONG: {line['wrong']}")
                continue
            ratio = "" if line["ratio"] is None else f"{line['ratio']:.2f}"
            print(f"{line['title']:<38} {line['seconds']:>8.2f} {line['cpu_seconds']:>8.2f} "
                  f"{line['rows_per_second']:>10,} {line['peak_mb']:>8.1f} {ratio:>6}  {line['floor'] or ''}")
        ladder = self.report_ladder()
        if self.o.json:
            document = {"rows": self.o.rows, "columns": self.o.columns, "csv_bytes": size, "repeat": self.o.repeat,
                        "changed_rows": self.changed_rows, "steps": lines,
                        "where_the_time_goes": ladder}
            pathlib.Path(self.o.json).write_text(json.dumps(document, indent=2) + "\n")
        return 1 if self.ladder_wrong or any("wrong" in line for line in lines) else 0


def main():
    parser = argparse.ArgumentParser(description="benchmark of dvsync: CSV to SQLite beside its floors")
    parser.add_argument("--build", default=ROOT / "build/release", help="build directory (default build/release)")
    parser.add_argument("--no-build", action="store_true", help="the programs are built already")
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--columns", type=int, default=20)
    parser.add_argument("--change", type=float, default=1, help="percent of the rows that change (default 1)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", help="write the results to this file too")
    parser.add_argument("--work", help="where data and databases go (default: a new temporary folder)")
    parser.add_argument("--keep", action="store_true", help="leave data and databases there")
    parser.add_argument("--only", nargs="+", metavar="STEP", help="run only these steps, in their usual order; the second table is the step ladder")
    options = parser.parse_args()
    if options.rows < 1 or options.columns < 1 or options.repeat < 1:
        parser.error("--rows, --columns and --repeat must be at least 1")
    bench = Bench(options)
    try:
        bench.prepare_build()
        bench.generate()
        bench.run()
        return bench.report()
    except (Wrong, subprocess.CalledProcessError) as e:
        print(f"bench: {e}", file=sys.stderr)
        return 1
    finally:
        if options.keep:
            print(f"data and databases: {bench.work}", file=sys.stderr)
        elif not options.work:
            shutil.rmtree(bench.work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
