"""What every benchmark of dvsync needs: running programs and saying what they cost, rounds of steps, tables.

A benchmark is a World: the data, the floors, the steps and, when it has one, the ladder of costs of one source and
one sink. csv_files.py is the first; another one is another subclass, listed in run.py.
"""
import contextlib
import json
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parent.parent
PEAK_TARGET_MB = 64  # of any sync or diff, whatever the number of rows


class Wrong(Exception):
    """The content is not what it must be."""


@dataclass
class Run:
    seconds: float
    cpu: float
    peak_kb: int
    code: int
    out: object  # what it printed, or the file that it printed to
    requests: object = None  # what it asked a service for: {kind: number}


@dataclass
class Step:
    """One row of the table. run() does the work once and returns a Run; prepare() comes before each run and
    check(run) behind it, both outside of the clock."""
    name: str
    title: str
    run: object
    prepare: object = None
    check: object = None
    floor: str = None     # name of the step that `ratio` divides by
    target: float = None  # the ratio that we aim at
    results: list = field(default_factory=list)  # one Run a round
    wrong: str = None     # why it gets no speed


@dataclass
class Ladder:
    """The CPU seconds of one kind of run, stage by stage: what each stage adds to those below it."""
    title: str
    rungs: list  # (name, title), the lowest first
    whole: str   # the step of the whole program, shown as the last rung
    floor: str


def must(run, *codes):
    if run.code not in (codes or (0,)):
        raise Wrong(f"exit code {run.code}: {str(run.out).strip()[-400:]}")
    return run


def quote(name):
    return '"' + name.replace('"', '""') + '"'


class World:
    """To be filled in: generate(), make_steps(), and ladders() with run_ladder()."""
    name = None
    title = None
    default_columns = None  # unless --columns says otherwise

    def __init__(self, options):
        self.o = options
        self.build = pathlib.Path(options.build).resolve()
        self.work = pathlib.Path(options.work or tempfile.mkdtemp(prefix="dvsync-bench-")).resolve()
        self.work.mkdir(parents=True, exist_ok=True)

    def generate(self):
        """Makes the data, the projects and the truth that results are compared with."""
        raise NotImplementedError

    def make_steps(self):
        """The steps in the order of a round: floors first, each step behind those whose outcome it needs."""
        raise NotImplementedError

    def describe(self):
        """One line on the data, for the head of the table; and as a dict."""
        raise NotImplementedError

    def ladders(self):
        return []

    def run_ladder(self):
        """Climbs once; {name of the rung: CPU seconds}."""
        raise NotImplementedError

    def close(self):
        """Ends what generate() started."""

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

    def dvsync(self, project, command, *more):
        """The built dvsync with --json; its result is in the file run.out."""
        out = self.work / "out.json"
        run = self.execute([self.build / "bin/dvsync", "--plugin-path", self.build / "plugins", command,
                            "--config-file", self.work / project, "--json", "--no-progress", *more], out=out)
        if run.code in (0, 2):
            run.out = out
        return run

    def remove(self, name):
        for path in self.work.glob(name + "*"):
            path.unlink()

    # ---- Checks ----

    def read_only(self, db):
        return sqlite3.connect(f"file:{self.work / db}?mode=ro", uri=True)

    def ladder_costs(self, wanted, **known):
        """Runs ladder.c on ladder.yaml: {rung: CPU seconds}, `known` ones among them; `wanted` are all that there must be.
        The lineage in ladder.db must know the creation of each record."""
        run = must(self.execute([self.build / "bench/ladder", self.build / "plugins", self.work / "ladder.yaml",
                                 self.o.rows]))
        rungs = {**known, **{rung["rung"]: rung["cpu_seconds"] for rung in json.loads(run.out)["rungs"]}}
        if set(rungs) != set(wanted):
            raise Wrong("ladder.c has other rungs than the table")
        with contextlib.closing(self.read_only("ladder.db")) as con:
            n = con.execute("SELECT count(DISTINCT key) FROM _sync_lineage WHERE op = 'create'").fetchone()[0]
        if n != self.o.rows:
            raise Wrong(f"ladder.db: the lineage knows {n} records instead of {self.o.rows}")
        return rungs

    def check_totals(self, run, **expected):
        """The counts that `sync --json` printed; those not named must be 0."""
        totals = json.loads(pathlib.Path(must(run).out).read_text())["totals"]
        for name in ("created", "updated", "deleted", "unchanged", "skipped"):
            if totals[f"rows_{name}"] != expected.get(name, 0):
                raise Wrong(f"rows_{name} is {totals[f'rows_{name}']} instead of {expected.get(name, 0)}")

    def check_changes(self, run, **expected):
        """The changes that `diff --json` printed, counted by `op`."""
        must(run, 2 if expected else 0)
        ops = {}
        with open(run.out, encoding="utf-8") as lines:
            for line in lines:
                change = json.loads(line)
                op = "summary" if "summary" in change else change["op"]
                ops[op] = ops.get(op, 0) + 1
        if ops != {"summary": 1, **expected}:
            raise Wrong(f"diff printed {ops} instead of {expected} and a summary")


class Bench:
    """Runs a World's steps, round by round, and prints what came of it."""

    def __init__(self, world, options):
        self.world = world
        self.o = options
        self.steps = []
        self.rungs = {}  # name: CPU seconds of each round
        self.ladder_wrong = None

    def prepare(self):
        if not self.o.no_build:
            if not (self.world.build / "CMakeCache.txt").exists():
                subprocess.run(["cmake", "--preset", "release", "-B", self.world.build], cwd=ROOT, check=True,
                               stdout=subprocess.DEVNULL)
            subprocess.run(["cmake", "--build", self.world.build, "--target", "bench_programs", "-j2"], check=True,
                           stdout=subprocess.DEVNULL)
        self.world.generate()
        self.steps = [s for s in self.world.make_steps() if not self.o.only or s.name in self.o.only]

    def say(self, text):
        if sys.stderr.isatty():
            print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def run_step(self, step):
        try:
            if step.prepare:
                step.prepare()
            run = step.run()
            if step.check:
                step.check(run)
            else:
                must(run)
            step.results.append(run)
        except (Wrong, OSError, sqlite3.Error, KeyError, ValueError) as e:
            step.wrong = str(e) or repr(e)

    def wants_ladder(self):
        return bool(self.world.ladders()) and (not self.o.only or "ladder" in self.o.only)

    def climb(self):
        try:
            for name, cpu in self.world.run_ladder().items():
                self.rungs.setdefault(name, []).append(cpu)
        except (Wrong, OSError, sqlite3.Error, KeyError, ValueError) as e:
            self.ladder_wrong = str(e) or repr(e)

    def run(self):
        """Round by round, so that what slows the machine for a while slows a step and its floor alike."""
        for n in range(1, self.o.repeat + 1):
            for step in self.steps:
                if not step.wrong:
                    self.say(f"{n}/{self.o.repeat} {step.title} ...")
                    self.run_step(step)
            if self.wants_ladder() and not self.ladder_wrong:
                self.say(f"{n}/{self.o.repeat} ladder ...")
                self.climb()
        self.say("")

    # ---- Report ----

    def step(self, name):
        """A step that has a speed, or None."""
        return next((s for s in self.steps if s.name == name and s.results and not s.wrong), None)

    def ratios(self, step):
        """Wall seconds to those of the floor, of each round."""
        floor = self.step(step.floor) if step.floor else None
        return [r.seconds / f.seconds for r, f in zip(step.results, floor.results)] if floor else []

    def row(self, step):
        seconds = statistics.median(r.seconds for r in step.results)
        ratios = self.ratios(step)
        ratio = statistics.median(ratios) if ratios else None
        row = {"step": step.name, "title": step.title, "seconds": round(seconds, 3),
               "cpu_seconds": round(statistics.median(r.cpu for r in step.results), 3),
               "rows_per_second": round(self.o.rows / seconds),
               "peak_mb": round(max(r.peak_kb for r in step.results) / 1024, 1), "floor": step.floor,
               "ratio": round(ratio, 2) if ratios else None,
               "ratio_range": [round(min(ratios), 2), round(max(ratios), 2)] if ratios else None,
               "target": step.target, "all_seconds": [round(r.seconds, 3) for r in step.results]}
        if step.results[-1].requests is not None:
            row["requests"] = step.results[-1].requests
        if step.target is not None and ratio is not None:
            row["met"] = ratio <= step.target and row["peak_mb"] <= PEAK_TARGET_MB
        return row

    def rows(self):
        return [{"step": s.name, "title": s.title, "wrong": s.wrong} if s.wrong else self.row(s) for s in self.steps]

    def print_rows(self, rows):
        asked = any("requests" in row for row in rows)  # of a service
        print(f"{'':<38} {'wall':>8} {'cpu':>8} {'rows/s':>10} {'peak MB':>8} " + asked * f"{'requests':>8} " +
              f"{'ratio':>6} {'from-to':>11}  {'of':<10} target")
        for row in rows:
            if "wrong" in row:
                print(f"{row['title']:<38} WRONG: {row['wrong']}")
                continue
            ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
            spread = "" if row["ratio"] is None else "{:.2f}-{:.2f}".format(*row["ratio_range"])
            target = "" if row["target"] is None else f"<= {row['target']:g}"
            if "met" in row:
                target += " met" if row["met"] else " MISSED"
            print(f"{row['title']:<38} {row['seconds']:>8.2f} {row['cpu_seconds']:>8.2f} "
                  f"{row['rows_per_second']:>10,} {row['peak_mb']:>8.1f} " +
                  asked * f"{sum(row.get('requests', {}).values()) or '':>8} " + f"{ratio:>6} {spread:>11}  "
                  f"{row['floor'] or '':<10} {target}".rstrip())

    def least_cpu(self, name):
        step = self.step(name)
        return min(r.cpu for r in step.results) if step else None

    def ladder_rows(self, ladder):
        """The rungs, and as the last one what the whole program uses."""
        floor = self.least_cpu(ladder.floor)
        whole = self.least_cpu(ladder.whole)
        cpus = [(name, title, min(self.rungs[name])) for name, title in ladder.rungs]
        if whole is not None:
            cpus.append((ladder.whole, "the whole program", whole))
        rows = []
        below = 0
        for name, title, cpu in cpus:
            rows.append({"rung": name, "title": title, "cpu_seconds": round(cpu, 3),
                         "rows_per_second": round(self.o.rows / cpu),
                         "added_us_per_row": round((cpu - below) * 1e6 / self.o.rows, 2),
                         "added_share": round((cpu - below) / cpus[-1][2], 3),
                         "ratio": round(cpu / floor, 2) if floor else None})
            below = cpu
        return rows

    def report_ladders(self):
        """Prints the second table and returns it; None when it was not asked for."""
        if not self.wants_ladder():
            return None
        if self.ladder_wrong:
            print(f"\nwhere the CPU time goes: WRONG: {self.ladder_wrong}")
            return {"wrong": self.ladder_wrong}
        tables = {}
        print(f"\n{'where the CPU time goes':<38} {'cpu':>8} {'rows/s':>10} {'us/row':>8} {'share':>6} {'ratio':>6}  of")
        for ladder in self.world.ladders():
            rows = tables[ladder.whole] = self.ladder_rows(ladder)
            print(f"{ladder.title}:")
            for row in rows:
                ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
                print(f"  {row['title']:<36} {row['cpu_seconds']:>8.2f} {row['rows_per_second']:>10,} "
                      f"{row['added_us_per_row']:>+8.2f} {row['added_share']:>6.0%} {ratio:>6}  {ladder.floor}")
        return tables

    def report(self):
        text, facts = self.world.describe()
        rows = self.rows()
        print(f"{text}; median of {self.o.repeat}")
        self.print_rows(rows)
        ladders = self.report_ladders()
        missed = [row["title"] for row in rows if row.get("met") is False]
        if missed:
            print(f"\ntargets missed ({len(missed)}): {'; '.join(missed)}")
        if self.o.json:
            document = {"world": self.world.name, "rows": self.o.rows, "repeat": self.o.repeat, **facts, "steps": rows,
                        "where_the_time_goes": ladders, "missed": missed}
            pathlib.Path(self.o.json).write_text(json.dumps(document, indent=2) + "\n")
        return 1 if self.ladder_wrong or any("wrong" in row for row in rows) else 0

    def clean_up(self):
        self.world.close()
        if self.o.keep:
            print(f"data and databases: {self.world.work}", file=sys.stderr)
        elif not self.o.work:
            shutil.rmtree(self.world.work, ignore_errors=True)
