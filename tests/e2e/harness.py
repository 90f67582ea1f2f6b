"""What the end-to-end tests share: writing projects, running the built dvsync, looking into its database.

The database is read with Python's sqlite3, another program than the one under test. Each test works in a
folder of its own; nothing here is shared between tests but the binaries.
"""

import contextlib
import hashlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import jsonschema

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("DVSYNC_BIN", ROOT / "build/e2e/bin/dvsync")).absolute()
BUILD = BIN.parent.parent
PLUGINS = Path(os.environ.get("DVSYNC_BUILD_PLUGINS", BUILD / "plugins"))
TEST_PLUGINS = Path(os.environ.get("DVSYNC_TEST_PLUGINS", BUILD / "tests/plugins"))
SHIM = Path(os.environ.get("DVSYNC_TEST_SHIM", BUILD / "tests/e2e/trace_sqlite.so"))
SQLITE3 = os.environ.get("SQLITE3", "sqlite3")
LONG = os.environ.get("DVSYNC_LONG") == "1"
SHORT = bool(os.environ.get("DVSYNC_SHORT"))  # a sanitizer is looking: once through everything is enough
SCHEMAS = ROOT / "docs/json"

SYSTEM_COLUMNS = {"row_id", "sync_hash", "sync_time", "valid_from", "valid_to", "deleted_at", "json_response"}

# Exit codes, as in README.
DONE, FAILED, FOUND, PARTIAL, BUSY, GUARD, USAGE, INVALID = 0, 1, 2, 3, 4, 5, 64, 78
INTERRUPTED, TERMINATED = 130, 143


class Result:
    """One finished run of the program."""

    def __init__(self, args, code, out, err):
        self.args, self.code, self.raw_out, self.raw_err = args, code, out, err
        self.out = out.decode("utf-8", "replace")
        self.err = err.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        """The objects of a JSON Lines output."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def changes(self):
        return [line for line in self.lines if "op" in line]

    @property
    def summary(self):
        return self.lines[-1]["summary"]

    @property
    def text(self):
        return self.out + self.err

    def expect(self, *codes):
        assert self.code in codes, f"exit {self.code}, expected {codes}\n{self}"
        return self

    def says(self, *parts):
        """All of `parts` stand in the output, whatever their case."""
        for part in parts:
            assert part.lower() in self.text.lower(), f"{part!r} is not in\n{self}"
        return self

    def __repr__(self):
        return (f"$ {' '.join(map(str, self.args))}\nexit {self.code}\n-- stdout\n{self.out[:4000]}"
                f"\n-- stderr\n{self.err[:4000]}")


def environment(extra=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith("DVSYNC_") and k != "NO_COLOR"}
    env["DVSYNC_PLUGIN_PATH"] = f"{PLUGINS}:{TEST_PLUGINS}"
    env.update({k: str(v) for k, v in (extra or {}).items()})
    return env


def run(*args, cwd=None, env=None, prefix=(), timeout=60):
    """Runs dvsync with `args`; never raises for an exit code."""
    args = [*map(str, prefix), str(BIN), *map(str, args)]
    with subprocess.Popen(args, cwd=cwd, env=environment(env), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"no end after {timeout} s\n{Result(args, None, out, err)}") from None
    return Result(args, process.returncode, out, err)


class Running:
    """A dvsync in the background; use as a context manager, so that none is left behind."""

    def __init__(self, args, cwd=None, env=None):
        self.args = [str(BIN), *map(str, args)]
        self.process = subprocess.Popen(self.args, cwd=cwd, env=environment(env), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        """kill -9, and wait until it is gone."""
        self.process.kill()
        return self.wait()

    def wait(self, timeout=60):
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            raise AssertionError(f"no end after {timeout} s\n{Result(self.args, None, out, err)}") from None
        return Result(self.args, self.process.returncode, out, err)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.communicate()


def wait_until(check, what, timeout=30):
    """Polls `check` until it gives something true, and returns that."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        value = check()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not after {timeout} s")


def wait_gone(pid, timeout=30):
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), f"end of process {pid}", timeout)


def validate_json(document, name):
    """Checks a document against docs/json/NAME.schema.json."""
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(document)
    return document


# ---- CSV ----

def csv_field(value, delimiter=","):
    if value is None:
        return ""
    text = str(value)
    if text == "" or any(c in text for c in (delimiter, '"', "\n", "\r")) or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text


def csv_text(header, rows, delimiter=","):
    lines = [header] if header else []
    return "".join(delimiter.join(csv_field(v, delimiter) for v in row) + "\n" for row in [*lines, *rows])


def write_csv(path, header, rows, delimiter=","):
    """Writes a file of which no reader ever sees a half: a new inode, then a rename."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.write_text(csv_text(header, rows, delimiter), encoding="utf-8", newline="")
    new.rename(path)
    return path


def numbered(n, start=1, **changes):
    """n rows of (id, name, city, amount); `changes` maps "id" numbers as _5="x" to other names."""
    return [(str(i), changes.get(f"_{i}", f"name {i}"), f"city {i % 7}", f"{i}.50")
            for i in range(start, start + n)]


NUMBERED = ("id", "name", "city", "amount")


# ---- Databases ----

def connect(db, write=False):
    """The database through another program; read-only unless `write`."""
    if write:
        return sqlite3.connect(db, timeout=10, isolation_level=None)
    return sqlite3.connect(f"file:{db}?mode=ro", uri=True, timeout=10)


def rows(db, sql, *params):
    with contextlib.closing(connect(db)) as connection:
        return connection.execute(sql, params).fetchall()


def value(db, sql, *params):
    found = rows(db, sql, *params)
    return found[0][0] if found else None


def dicts(db, sql, *params):
    with contextlib.closing(connect(db)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql, params)]


def execute(db, sql, *params):
    with contextlib.closing(connect(db, write=True)) as connection:
        return connection.execute(sql, params).rowcount


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def columns(db, table):
    return [row[1] for row in rows(db, f"PRAGMA table_info({quoted(table)})")]


def tables(db):
    return {row[0] for row in rows(db, "SELECT name FROM sqlite_master WHERE type = 'table'")}


def mapped(db, table):
    return sorted(c for c in columns(db, table) if c.lower() not in SYSTEM_COLUMNS)


def active(db, table, with_types=True):
    """The mapped fields of the active rows, in the order of these: the state of an entity."""
    names = mapped(db, table)
    there = columns(db, table)
    condition = " AND ".join(f"{c} IS NULL" for c in ("deleted_at", "valid_to") if c in there) or "1"
    wanted = ", ".join(quoted(n) + (f", typeof({quoted(n)})" if with_types else "") for n in names)
    found = rows(db, f"SELECT {wanted} FROM {quoted(table)} WHERE {condition}")
    return sorted(found, key=lambda row: tuple((str(type(v)), str(v)) for v in row))


def state(db):
    """active() of every data table."""
    return {t: (mapped(db, t), active(db, t)) for t in tables(db)
            if not t.startswith(("_sync_", "sqlite_", "_optionset_"))}


def by_key(db, table, key, *fields):
    """{key: (fields...)} of the active rows, or {key: field} for one field."""
    there = columns(db, table)
    condition = " WHERE deleted_at IS NULL" if "deleted_at" in there else ""
    wanted = ", ".join(quoted(f) for f in (key, *fields))
    found = rows(db, f"SELECT {wanted} FROM {quoted(table)}{condition}")
    return {row[0]: row[1] if len(fields) == 1 else row[1:] for row in found}


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def snapshot(folder):
    """Every file of a folder with its content's hash, for "nothing was touched"."""
    return {p.name: digest(p) for p in sorted(Path(folder).iterdir()) if p.is_file()}


# ---- Projects ----

class Project:
    """One project file in a folder of its own, with a SQLite sink beside it."""

    def __init__(self, folder, name="demo"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.file = self.folder / f"{name}.yaml"
        self.db = self.folder / f"{name}.db"
        self.config = None
        self.env = {}

    def write(self, config):
        """The project file; JSON is YAML. Defaults: name, and a SQLite sink."""
        self.config = {"name": self.name, "sink": {"plugin": "sqlite", "settings": {"path": self.db.name}},
                       **config}
        self.file.write_text(json.dumps(self.config, indent=1, ensure_ascii=False), encoding="utf-8")
        return self

    def edit(self, change):
        change(self.config)
        return self.write(self.config)

    def csv(self, name, header, data, delimiter=","):
        return write_csv(self.folder / "data" / f"{name}.csv", header, data, delimiter)

    def command(self, name, *args, config=True, **kw):
        where = ("--config-file", self.file) if config else ()
        kw.setdefault("cwd", self.folder)
        kw["env"] = {**self.env, **(kw.get("env") or {})}
        return run(name, *where, *args, **kw)

    def sync(self, *args, expect=DONE, **kw):
        """`sync --json`, its document checked against the published schema."""
        result = self.command("sync", "--json", *args, **kw)
        codes = expect if isinstance(expect, tuple) else (expect,)
        result.expect(*codes)
        if result.out:
            check_sync_document(result.json)
        return result

    def diff(self, *args, expect=None, **kw):
        """`diff --json`, each line checked against the published schema."""
        result = self.command("diff", "--json", *args, **kw)
        if expect is not None:
            codes = expect if isinstance(expect, tuple) else (expect,)
            result.expect(*codes)
        for line in result.lines:
            validate_json(line, "diff")
        return result

    def start(self, name, *args, env=None):
        return Running([name, "--config-file", self.file, *args], cwd=self.folder, env={**self.env, **(env or {})})

    def rows(self, sql, *params):
        return rows(self.db, sql, *params)

    def value(self, sql, *params):
        return value(self.db, sql, *params)

    def active(self, table):
        return active(self.db, table)

    def state(self):
        return state(self.db)

    def runs(self):
        """(status, ...) of all runs, oldest first."""
        return [row[0] for row in rows(self.db, "SELECT status FROM _sync_runs ORDER BY run_id")]


def csv_project(folder, name="demo", entities=None, settings=None, options=None, **more):
    """A project over the folder data/ with one entity `partners`, key `id`, unless told otherwise."""
    project = Project(folder, name)
    config = {"sources": {"files": {"plugin": "csv", "settings": {"path": "data", **(settings or {})}}},
              "entities": entities or [{"name": "partners", "key": ["id"]}], **more}
    if options:
        config["options"] = options
    return project.write(config)


def check_sync_document(document):
    """The published schema, and that the totals are the sums."""
    validate_json(document, "sync")
    for name in ("processed", "created", "updated", "deleted", "unchanged", "skipped"):
        assert document["totals"][f"rows_{name}"] == sum(e[f"rows_{name}"] for e in document["entities"])
    return document


def entity(document, name="partners"):
    return next(e for e in document["entities"] if e["name"] == name)


def counts(result, name="partners"):
    """(created, updated, deleted, unchanged, skipped, row errors) of one entity of `sync --json`."""
    e = entity(result.json, name)
    return (e["rows_created"], e["rows_updated"], e["rows_deleted"], e["rows_unchanged"], e["rows_skipped"],
            e["row_errors"])


# ---- Tracing and killing through the preloaded shim ----

def tracing(db, trace=None, **more):
    """The environment under which the shim watches the database `db`."""
    env = {"LD_PRELOAD": SHIM, "DVSYNC_TRACE_DB": "/" + Path(db).name}
    if trace:
        env["DVSYNC_TRACE_FILE"] = trace
    env.update(more)
    return env


def statements(trace):
    path = Path(trace)
    return path.read_text(errors="replace").splitlines() if path.exists() else []


def is_commit(sql):
    return sql.lstrip().upper().startswith(("COMMIT", "END"))


WRITE = re.compile(r"\s*(?:INSERT(?:\s+OR\s+\w+)?\s+INTO|REPLACE\s+INTO|UPDATE(?:\s+OR\s+\w+)?|DELETE\s+FROM)\s+"
                   r"(?:\"?main\"?\s*\.\s*)?(\"(?:[^\"]|\"\")+\"|\w+)", re.I)


def writes_to(trace, *names):
    """The INSERT, UPDATE, DELETE and REPLACE statements of a trace on one of the tables."""
    wanted = {n.lower() for n in names}
    found = []
    for sql in statements(trace):
        match = WRITE.match(sql)
        if match and match.group(1).strip('"').replace('""', '"').lower() in wanted:
            found.append(sql)
    return found


# ---- Without privileges ----

def unprivileged(*command):
    """A prefix that runs a command without root's privileges, the build folder being perhaps root's alone; nothing where
    we are not root."""
    if os.geteuid() != 0:
        return list(command)
    return ["setpriv", "--inh-caps=-all", "--bounding-set=-all", *command]


def prove_unwritable(folder):
    """That the unprivileged user really cannot write into the folder, else the test would prove nothing."""
    probe = Path(folder) / "probe"
    done = subprocess.run(unprivileged("/bin/sh", "-c", f"echo x > '{probe}'"), stderr=subprocess.DEVNULL,
                          check=False)
    assert done.returncode != 0 and not probe.exists(), f"{folder} can be written by the unprivileged user"
