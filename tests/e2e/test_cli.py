"""The command line alone: options, help, refusals, exit codes, text, JSON, progress and signals.

A made-up libdvsync (cli_fake.c) is preloaded under the built program and answers what a test says, so that
every answer of the library can be shown, the rare ones included.
"""

import fcntl
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from harness import BIN, DONE, FAILED, FOUND, INVALID, PARTIAL, ROOT, USAGE, Result, validate_json

HERE = Path(__file__).resolve().parent
RUN = "0190f5fe-7c00-7a00-8000-000000000001"
AT = "2026-01-31T10:00:00.000000Z"
CONFIG, SCHEMA, LOCKED, GUARD, CANCELLED, NETWORK, MISUSE = 16, 25, 28, 40, 37, 20, 41

pytestmark = pytest.mark.skipif(not shutil.which("cc"), reason="needs a C compiler for the made-up library")


@pytest.fixture(name="library", scope="session")
def built(tmp_path_factory):
    path = tmp_path_factory.mktemp("fake") / "fake.so"
    subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", f"-I{ROOT}/core/include", "-o", path,
                    HERE / "cli_fake.c"], check=True)
    return path


class Fake:
    """The folder of answers, and the program run against them."""

    def __init__(self, folder, library):
        self.folder, self.library = folder, library
        self.answers = folder / "answers"
        self.answers.mkdir()

    def answer(self, name, document=None, code=None, error=None, **files):
        if document is not None:
            (self.answers / f"{name}.json").write_text(json.dumps(document))
        if code is not None:
            (self.answers / f"{name}.exit").write_text(str(code))
        if error is not None:
            (self.answers / f"{name}.error").write_text(f"{error[0]} {error[1]}")
        for suffix, text in files.items():
            (self.answers / f"{name}.{suffix}").write_bytes(text if isinstance(text, bytes) else text.encode())
        return self

    @property
    def calls(self):
        path = self.answers / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("DVSYNC_") and k != "NO_COLOR"}
        return {**env, "LD_PRELOAD": str(self.library), "DVSYNC_FAKE": str(self.answers), "TERM": "xterm",
                **{k: str(v) for k, v in more.items()}}

    def run(self, *args, env=None, cwd=None, **kw):
        kw.setdefault("stdout", subprocess.PIPE)
        kw.setdefault("stderr", subprocess.PIPE)
        done = subprocess.run([BIN, *map(str, args)], env=self.environment(**(env or {})), cwd=cwd or self.folder,
                              stdin=subprocess.DEVNULL, timeout=60, check=False, **kw)
        return Result(args, done.returncode, done.stdout or b"", done.stderr or b"")

    def terminal(self, *args, columns=100):
        """Runs on a pseudo terminal; what was written to it, as text."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        with subprocess.Popen([BIN, *args], env=self.environment(), cwd=self.folder, stdin=theirs, stdout=theirs,
                              stderr=theirs) as process:
            os.close(theirs)
            out = b""
            while True:
                try:
                    part = os.read(ours, 65536)
                except OSError:
                    break
                if not part:
                    break
                out += part
            process.wait(timeout=60)
        os.close(ours)
        return out.decode()


@pytest.fixture(name="fake")
def fresh(tmp_path, library):
    return Fake(tmp_path, library)


# ---- Options and commands ----

COMMANDS = ("list", "diff", "sync", "validate", "verify", "status", "history", "stats", "lineage", "conflicts", "plugins",
            "schema", "cancel")
MISTAKES = [
    ([], "no command"),
    (["snyc", "--name", "x"], "did you mean 'sync'"),
    (["frobnicate"], "not known"),
    (["sync", "--nmae", "x"], "did you mean --name"),
    (["diff", "--name", "x", "--sum"], "did you mean --summary"),
    (["sync", "--name", "x", "--frobnicate"], "not known"),
    (["-x", "list"], "-x"),
    (["list", "--limit", "3"], "--limit"),
    (["diff", "--name", "x", "--full"], "--full"),
    (["--name", "x", "sync"], "behind the command"),
    (["sync"], "no project was named"),
    (["sync", "crm"], "--name crm"),
    (["sync", "--name", "a", "--config-file", "b"], "more than one project"),
    (["sync", "--name", "a", "--all"], "more than one project"),
    (["diff", "--all"], "--all"),
    (["sync", "--name"], "--name needs a value"),
    (["sync", "--name", "--json"], "--name needs a value"),
    (["sync", "--name="], "empty"),
    (["sync", "--name", "a", "--name", "b"], "--name was given twice"),
    (["sync", "--name", "a", "--full=yes"], "--full takes no value"),
    (["sync", "--name", "a", "--row-limit", "0"], "from 1 on"),
    (["sync", "--name", "a", "--row-limit", "-5"], "from 1 on, not '-5'"),
    (["sync", "--name", "a", "--row-limit", "1e3"], "1e3"),
    (["sync", "--name", "a", "--row-limit", "99999999999999999999999"], "whole number"),
    (["diff", "--name", "a", "--limit", "many"], "many"),
    (["--color", "sometimes", "list"], "auto|always|never"),
    (["--log-format", "xml", "list"], "text|json"),
    (["list", "extra"], "extra"),
    (["plugins", "lits"], "did you mean 'plugins list'"),
    (["plugins", "info"], "needs an argument"),
    (["plugins", "info", "a", "b"], "'b'"),
    (["lineage", "--name", "a", "--key", "x"], "--entity is missing"),
    (["lineage", "--name", "a", "--entity", "x"], "--key is missing"),
    (["lineage", "--name", "a", "--entity", "x", "--key", "a=1", "--key", "2"], "names no field"),
    (["history", "--name", "a", "--keep-latest"], "--clear"),
    (["history", "--name", "a", "--older-than", "90d"], "--clear"),
    (["history", "--name", "a", "--clear", "--run", RUN], "--clear"),
    (["sync", "--name", "a", "--rebuild"], "--entity"),
    (["sync", "--name", "a", "--rebuild", "--entity", "e", "--row-limit", "3"], "--row-limit"),
    (["sync", "--name", "a", "--rebuild", "--entity", "e", "--dry-run"], "--dry-run"),
    (["diff", "--name", "a", "--rebuild", "--entity", "e"], "--rebuild"),
    (["history", "--name", "a", "--run", RUN, "--limit", "3"], "--limit"),
    (["conflicts", "resolve", "7", "--name", "a"], "--keep"),
    (["conflicts", "resolve", "--keep", "sink", "--name", "a"], "ID"),
    (["conflicts", "resolve", "x7", "--keep", "sink", "--name", "a"], "'x7' is no id"),
    (["conflicts", "unpin", "0", "--name", "a"], "'0' is no id"),
    (["conflicts", "unpn", "7", "--name", "a"], "did you mean 'conflicts unpin'"),
    (["sync", "--all", "--plan", "p"], "--all"),
    (["sync", "--name", "a", "--dry-run", "--plan", "p"], "--dry-run"),
    (["diff", "--name", "a", "--plan"], "--plan FILE"),
    (["help", "frobnicate"], "frobnicate"),
    (["completion", "fish"], "fish"),
]


@pytest.mark.parametrize("args, says", MISTAKES, ids=lambda v: " ".join(v) if isinstance(v, list) else "")
def test_wrong_usage(fake, args, says):
    """Goal: one line on stderr that says what is wrong, exit 64, nothing done."""
    result = fake.run(*args).expect(USAGE).says(says)
    assert result.out == "" and result.err.startswith("dvsync: error: ") and result.err.count("\n") == 1
    assert not any(c.startswith(("sync", "diff", "open")) for c in fake.calls)


REFUSED = [["plugins", "check", "x.so"], ["plugins", "new", "mine"]]


@pytest.mark.parametrize("args", REFUSED, ids=" ".join)
def test_refused_for_now(fake, args):
    """Goal: what is not built is refused, never ignored."""
    fake.run(*args).expect(USAGE).says("not supported yet")
    assert fake.calls == []


def test_help(fake):
    """Goal: usage, description, options and examples on every level; nothing of what is refused."""
    top = fake.run("--help").expect(DONE)
    assert fake.run("-h").out == top.out == fake.run("help").out
    for name in COMMANDS:
        assert re.search(rf"^  {name} ", top.out, re.M)
        shown = fake.run(name, "--help").expect(DONE)
        assert shown.out.startswith(f"Usage: dvsync [GLOBAL OPTIONS] {name}")
        assert fake.run("help", name).out == shown.out
        for part in ("Examples:", "Global options:", "--plugin-path DIR"):
            assert part in shown.out
        assert all(len(line) <= 80 or line.startswith("  dvsync ") for line in shown.out.splitlines()[1:])
    assert "--dry-run" in fake.run("sync", "--help").out
    assert "NAME" in fake.run("plugins", "info", "--help").out
    assert fake.calls == [], "help opens nothing"


def test_every_help_example_parses(fake):
    """Goal: the examples in the help are no fiction."""
    for name in (*COMMANDS, "plugins info"):
        text = fake.run(*name.split(), "--help").out.split("Examples:\n")[1]
        for line in text.splitlines():
            args = line.split(" > ")[0].split()[1:]
            assert line.startswith("  dvsync ")
            result = fake.run(*args, "--json")
            assert result.code != USAGE, (line, result)


def test_global_options_before_and_behind(fake):
    """Goal: global options stand anywhere; `=` and letters in a row work."""
    for args in (["--directory", "d", "list"], ["list", "--directory=d"], ["-qv", "list", "--directory", "d"]):
        fake.run(*args).expect(DONE)
        assert fake.calls[-1] == "list directory=d"


def test_directory(fake):
    """Goal: --directory, $DVSYNC_DIRECTORY, ./configs, the working directory."""
    fake.run("list")
    assert fake.calls[-1] == "list directory=."
    (fake.folder / "configs").mkdir()
    fake.run("list")
    assert fake.calls[-1] == "list directory=configs"
    fake.run("list", env={"DVSYNC_DIRECTORY": "/e"})
    assert fake.calls[-1] == "list directory=/e"
    fake.run("list", "--directory", "/o", env={"DVSYNC_DIRECTORY": "/e"})
    assert fake.calls[-1] == "list directory=/o"


def test_plugin_paths(fake):
    """Goal: --plugin-path before $DVSYNC_PLUGIN_PATH before the neighbours; an empty entry is no directory."""
    fake.run("--plugin-path", "one", "--plugin-path", "two", "list", env={"DVSYNC_PLUGIN_PATH": "three::four:"})
    paths = [c[5:] for c in fake.calls if c.startswith("path ")]
    assert paths[:4] == ["one", "two", "three", "four"]
    build = BIN.resolve().parent.parent
    assert (str(build / "plugins") in paths) is ((build / "CMakeCache.txt").exists() and (build / "plugins").is_dir())
    assert "" not in paths and "." not in paths


def test_sync_options(fake):
    """Goal: every option reaches the library."""
    fake.answer("sync", SYNC)
    fake.run("sync", "--name", "crm", "--full", "--entity", "a", "--entity", "b", "--row-limit", "5", "--max-delete",
             "20%", "--no-progress").expect(DONE)
    assert "sync project=crm full=1 dry_run=0 row_limit=5 max_delete=20% trigger=cli progress=0" in fake.calls
    assert [c for c in fake.calls if c.startswith("entity")] == ["entity a", "entity b"]
    assert "rebuild" not in fake.calls
    fake.run("sync", "--name", "crm", "--rebuild", "--entity", "a").expect(DONE)
    assert "rebuild" in fake.calls
    fake.answer("diff", DIFF)
    fake.run("sync", "--config-file", "f.yaml", "--dry-run").expect(DONE)
    assert "open file=f.yaml" in fake.calls
    assert "diff project=file full=0 dry_run=1 row_limit=0 max_delete=- trigger=cli progress=1" in fake.calls
    fake.run("diff", "--name", "crm").expect(DONE)
    assert "diff project=crm full=0 dry_run=0 row_limit=0 max_delete=- trigger=cli progress=1" in fake.calls


def test_other_options(fake):
    """Goal: the same for history, lineage, cancel, validate and plugins."""
    one = ("--name", "crm")
    for args, call in (
            (("history", *one), "history limit=20 run=-"), (("history", *one, "--limit", "0"), "history limit=0 run=-"),
            (("history", *one, "--run", RUN), f"history limit=20 run={RUN}"),
            (("history", *one, "--clear"), "clear keep_latest=0 older_than=-"),
            (("history", *one, "--clear", "--keep-latest", "--older-than", "90d"), "clear keep_latest=1 older_than=90d"),
            (("lineage", *one, "--entity", "e", "--key", "v", "--field", "f", "--history"),
             "lineage entity=e field=f history=1"),
            (("lineage", *one, "--entity", "e", "--key", "a=1", "--key", "b=x=y"), "key b=x=y"),
            (("cancel", *one), "cancel wait=0"), (("cancel", *one, "--wait"), "cancel wait=-1"),
            (("validate", *one, "--directory", "d"), "validate directory=d name=crm file=-"),
            (("validate", "--config-file", "f"), "validate directory=- name=- file=f"),
            (("plugins", "info", "csv"), "info csv")):
        fake.run(*args).expect(DONE)
        assert call in fake.calls, args


def test_single_key_with_an_equals_sign(fake):
    """Goal: `--key id=1` is the key "id=1" if there is one, else the value 1 of the field id."""
    args = ("lineage", "--name", "crm", "--entity", "e", "--key", "id=1")
    fake.answer("lineage", {**LINEAGE, "fields": []})
    fake.run(*args).expect(DONE)
    assert [c for c in fake.calls if c.startswith("key")] == ["key -=id=1", "key id=1"]
    (fake.answers / "calls").unlink()
    fake.answer("lineage", LINEAGE)
    fake.run(*args).expect(DONE)
    assert [c for c in fake.calls if c.startswith("key")] == ["key -=id=1"]


# ---- Answers ----

COUNTS = {"rows_processed": 15, "rows_created": 1, "rows_updated": 2, "rows_deleted": 3, "rows_unchanged": 4,
          "rows_skipped": 5, "row_errors": 0, "conflicts": 0}
SYNC = {"project": "crm", "run_id": RUN, "status": "completed", "started_at": AT, "completed_at": AT,
        "duration_seconds": 3.25, "entities": [{"name": "accounts", "sources": [
            {"name": "crm", "mode": "full", "rows_processed": 9}, {"name": "sheet", "mode": "cursor",
                                                                   "rows_processed": 6}], **COUNTS}],
        "totals": COUNTS, "errors": []}
CHANGES = [
    {"op": "create", "entity": "accounts", "key": {"code": "A-1"},
     "fields": {"name": {"sink": None, "source": "Åsa", "from": "crm", "authority": "source_of_truth"}}},
    {"op": "update", "entity": "accounts", "key": {"code": "A-2"},
     "fields": {"name": {"sink": "old", "source": "new", "from": "crm", "authority": "source_of_truth"}}},
    {"op": "update", "entity": "prices", "key": {"partner": "A", "year": 2026},
     "fields": {"a": {"sink": None, "source": 9007199254740993, "from": "sheet", "authority": "source_of_truth"},
                "b": {"sink": True, "source": "1.50", "from": "sheet", "authority": "source_of_truth"}}},
    {"op": "delete", "entity": "accounts", "key": {"code": "A-3"}},
]
ENTITY = {"compared": "full", "created": 0, "updated": 0, "deleted": 0, "unchanged": 7, "skipped": 0, "row_errors": 0}
DIFF = {"summary": {"project": "crm", "drift": False, "complete": True, "exit_code": 0, "entities": {
    "accounts": ENTITY}, "errors": []}}
DRIFT = {"summary": {"project": "crm", "drift": True, "complete": True, "exit_code": 2, "entities": {
    "accounts": {**ENTITY, "created": 1, "updated": 1, "deleted": 1}, "prices": {**ENTITY, "updated": 1}},
    "errors": []}}
RUN_ROW = {"run_id": RUN, "status": "completed", "trigger": "cli", "started_at": AT, "completed_at": AT,
           "duration_seconds": 75, **COUNTS, "error_message": None, "host": "h", "pid": 1}
LIST = {"projects": [
    {"name": "crm", "file": "configs/crm.yaml", "sources": "crm (dataverse), sheet (csv)", "sink": "sqlite",
     "state": "idle", "valid": True, "error": None,
     "last_run": {"run_id": RUN, "status": "completed", "started_at": AT, "completed_at": AT}},
    {"name": None, "file": "configs/b.yaml", "sources": None, "sink": None, "state": None, "valid": False,
     "error": "configs/b.yaml:3:4: entities: expected a list", "last_run": None},
    {"name": "erp", "file": "configs/erp.yaml", "sources": "csv", "sink": "sqlite", "state": "unknown: X is not set",
     "valid": True, "error": None, "last_run": None}]}
PROBLEM = {"severity": "error", "file": "crm.yaml", "line": 3, "column": 7, "path": "entities[0].key",
           "message": "a key is needed"}
VALIDATE = {"project": "crm", "problems": [PROBLEM, {**PROBLEM, "severity": "warning", "line": 0, "path": "",
                                                     "message": "no entity"}], "errors": 1, "warnings": 1, "infos": 0}
STATUS = {"project": "crm", "state": "syncing", "reason": None,
          "running": {"run_id": RUN, "pid": 4711, "host": "example", "started_at": AT, "heartbeat_at": AT, "entities": [
              {"entity": "accounts", "source": "crm", "mode": "full", "state": "in_progress", "rows": 1200,
               "rate": 99.5}]},
          "last_run": {"run_id": RUN, "status": "failed", "started_at": AT, "completed_at": None,
                       "error_message": "owner gone"},
          "entities": [{"entity": "accounts", "source": "crm", "state": "completed", "mode": "full",
                        "last_sync_time": AT, "last_full_at": None, "records_count": 10}]}
HISTORY = {"project": "crm", "runs": [RUN_ROW]}
ONE_RUN = {"project": "crm", "run": {**RUN_ROW, "entities": [
    {"entity": "accounts", "source": "crm", "mode": "full", "status": "completed", "started_at": AT,
     "completed_at": AT, **COUNTS, "error_message": None}]}}
STATS = {"project": "crm", "entities": [{"entity": "accounts", "active": 11, "deleted": 22, "versions": 33,
                                         "last_sync_time": AT, "last_full_at": None, "cursor": True,
                                         "row_errors_open": 4, "conflicts_open": 44}],
         "runs": {"completed": 3, "failed": 1}, "last_sync": AT}
LINEAGE = {"project": "crm", "entity": "accounts", "key": "A-1", "fields": [
    {"field": "name", "value": "new", "source": "crm", "source_entity": "account", "source_field": "fullname",
     "run_id": RUN, "changed_at": AT, "previous_value": "old", "op": "update"}]}
CONFLICT = {"id": 7, "entity": "accounts", "key": "A-\x1b1", "field": "phone", "kind": "field_differs",
            "winner_source": "crm", "winner_value": "0301", "loser_source": "sheet", "loser_value": None,
            "rule": "priority", "status": "open", "first_run_id": RUN, "last_run_id": RUN, "first_seen": AT,
            "last_seen": AT, "seen_count": 1, "closed_at": None, "pin": None}
PINNED = {**CONFLICT, "id": 8, "status": "resolved", "closed_at": AT,
          "pin": {"value": "030", "kept": "sheet", "pinned_at": AT}}
DERIVED = {**CONFLICT, "id": 9, "kind": "local_edit", "winner_source": None, "rule": "derived",
           "loser_source": "sink"}
CONFLICTS = {"project": "crm", "open": 2, "resolved": 1, "closed": 5, "conflicts": [DERIVED, PINNED, CONFLICT]}
PLUGINS = {"plugins": [
    {"name": "csv", "version": "0.1.0", "path": "/p/dvsync-source-csv.so", "doc": "CSV files", "abi": "1.0",
     "source": True, "sink": False, "error": None},
    {"name": "bad", "version": None, "path": "/p/dvsync-bad.so", "doc": None, "abi": None, "source": False,
     "sink": False, "error": "it exports no dvs_plugin_v1"}]}
INFO = {"name": "csv", "version": "0.1.0", "path": "/p/dvsync-source-csv.so", "doc": "CSV files", "abi": "1.0",
        "source": {"options": [
            {"name": "path", "type": "path", "default": None, "required": True, "secret": False, "doc": "the file",
             "choices": None, "min": None, "max": None},
            {"name": "mode", "type": "text", "default": "a", "required": False, "secret": True, "doc": "how",
             "choices": ["a", "b"], "min": None, "max": None}]}, "sink": None}
VERIFY = {"project": "crm", "dangling": 7, "not_checked": 1, "references": [
    {"entity": "accounts", "field": "owner", "refers_to": ["staff", "teams"], "declared_by": "source", "total": 40,
     "dangling": 7, "reason": None, "samples": [{"key": "A-1", "value": "s-\x1b9"}]},
    {"entity": "accounts", "field": "boss", "refers_to": ["staff"], "declared_by": "project", "total": None,
     "dangling": None, "reason": "entity \"staff\" was not synced yet", "samples": []}]}
CANCEL = {"project": "crm", "requested": True, "stopped": False, "run_id": RUN, "pid": 4711, "host": "example",
          "message": None}
ONE = ("--name", "crm")
REPORTS = [
    ("list", ["list"], "list", LIST, ["crm (dataverse), sheet (csv) -> sqlite", "completed 2026-01-31T10:00:00Z",
                                      "invalid", "b.yaml:3:4: entities: expected a list", "unknown: X is not set"]),
    ("validate", ["validate", *ONE], "validate", VALIDATE, ["crm.yaml:3:7: error: entities[0].key: a key is needed",
                                                            "crm.yaml: warning: no entity", "1 error, 1 warning"]),
    ("status", ["status", *ONE], "status", STATUS, ["syncing", "4711", "example", "accounts", "99.5", "owner gone"]),
    ("history", ["history", *ONE], "history", HISTORY, [RUN, "1m 15s", "cli"]),
    ("run", ["history", *ONE, "--run", RUN], "history", ONE_RUN, ["unchanged     4", "accounts"]),
    ("clear", ["history", *ONE, "--clear"], "history", {"project": "crm", "removed": 3}, ["3 runs were removed"]),
    ("stats", ["stats", *ONE], "stats", STATS, ["11", "22", "33", "3 completed, 1 failed", "yes"]),
    ("verify", ["verify", *ONE], "verify", VERIFY, ["staff, teams", r"A-1 -> s-\x1b9, ...", "2 references, 7 dangling, 1 not",
                                                    "not checked: entity"]),
    ("lineage", ["lineage", *ONE, "--entity", "accounts", "--key", "A-1"], "lineage", LINEAGE,
     ["account.fullname", '"old"', '"new"', "update"]),
    ("conflicts", ["conflicts", *ONE, "--all"], "conflicts", CONFLICTS,
     ["phone", 'crm: "0301"', "sheet: null", "(derived): ", "sink: ", "resolved: sheet", "2 open, 1 resolved, 5 closed",
      r"A-\x1b1"]),
    ("conflicts", ["conflicts", *ONE], "conflicts", {**CONFLICTS, "conflicts": []}, ["crm: no open conflicts"]),
    ("resolve", ["conflicts", "resolve", "8", "--keep", "sheet", *ONE], "conflicts",
     {"project": "crm", "conflict": PINNED}, ["conflict 8: accounts", 'is pinned to "030", the value of sheet']),
    ("unpin", ["conflicts", "unpin", "7", *ONE], "conflicts", {"project": "crm", "conflict": CONFLICT},
     ["conflict 7: accounts", "no longer pinned"]),
    ("plugins", ["plugins"], "plugins", PLUGINS, ["csv", "source", "unusable", "it exports no dvs_plugin_v1"]),
    ("plugins", ["plugins", "list"], "plugins", PLUGINS, ["csv"]),
    ("info", ["plugins", "info", "csv"], "plugins-info", INFO, ["(required)", "a | b", "how (secret)"]),
    ("cancel", ["cancel", *ONE], "cancel", CANCEL, ["asked to stop"]),
    ("schema", ["schema"], "schema", {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"},
     ["draft/2020-12"]),
    ("sync", ["sync", *ONE], "sync", SYNC, ["full (crm), cursor (sheet)", "crm: completed in 3.25s: 1 created"]),
]


TITLES = [" ".join(r[1][:1] + r[1][3:]) for r in REPORTS]


@pytest.mark.parametrize("name, args, schema, document, says", REPORTS, ids=TITLES)
def test_report(fake, name, args, schema, document, says):
    """Goal: text with what matters, JSON as the library gave it, both with the report's exit code."""
    validate_json(document, schema)
    for code in (DONE, PARTIAL):
        fake.answer(name, document, code=code)
        text = fake.run(*args).expect(code)
        for part in says:
            assert part in text.out, f"{part!r}\n{text}"
        result = fake.run(*args, "--json").expect(code)
        assert result.json == document and result.err == ""


@pytest.mark.parametrize("name, args, document", [(r[0], r[1], r[3]) for r in REPORTS], ids=TITLES)
def test_report_of_an_empty_document(fake, name, args, document):
    """Goal: missing members never crash the program."""
    fake.answer(name, {})
    fake.run(*args).expect(DONE)
    for broken in (b"{", b"[1, 2]", b'"text"', json.dumps({k: None for k in document}).encode(),
                   json.dumps({k: [None, {}, 1] for k in document}).encode()):
        fake.answer(name, **{"json": broken})
        assert fake.run(*args).code in (DONE, FAILED), broken


@pytest.mark.parametrize("name, args", [r[:2] for r in REPORTS], ids=TITLES)
def test_report_that_failed(fake, name, args):
    """Goal: each status has its exit code; the message is one line on stderr."""
    for status, code in ((CONFIG, INVALID), (LOCKED, 4), (GUARD, 5), (MISUSE, USAGE), (NETWORK, FAILED),
                         (SCHEMA, FAILED), (CANCELLED, 143), (9999, FAILED)):
        fake.answer(name, error=(status, "the host could not be reached; check url"))
        result = fake.run(*args).expect(code)
        assert result.err == "dvsync: error: the host could not be reached; check url\n" and result.out == ""


def test_diff_text(fake):
    """Goal: one line a change in the manner of terraform plan, then what they add up to."""
    fake.answer("diff", DRIFT, code=2, lines="".join(json.dumps(c) + "\n" for c in CHANGES))
    out = fake.run("diff", *ONE).expect(FOUND).out
    for line in ("+ accounts A-1", '    name: "Åsa"  (crm, source_of_truth)',
                 '~ accounts A-2  name: "old" -> "new"  (crm, source_of_truth)', "~ prices partner=A, year=2026",
                 "    a: null -> 9007199254740993  (sheet, source_of_truth)",
                 '    b: true -> "1.50"  (sheet, source_of_truth)', "- accounts A-3",
                 "crm: 1 to create, 2 to update, 1 to delete"):
        assert line in out.splitlines(), line
    assert re.search(r"^accounts +1 +1 +1 +7 +0 +0 full$", out, re.M)
    limited = fake.run("diff", *ONE, "--limit", "1").expect(FOUND).out
    assert "A-1" in limited and "A-2" not in limited and "1 of 4 changes are shown; --limit 0" in limited
    summary = fake.run("diff", *ONE, "--summary").expect(FOUND).out
    assert "A-1" not in summary and "1 to create" in summary
    dry = fake.run("sync", *ONE, "--dry-run").expect(FOUND).out
    assert dry == out


def test_diff_default_limit(fake):
    """Goal: a first diff does not flood the terminal; 0 shows all."""
    lines = "".join(json.dumps({**CHANGES[3], "key": {"id": i}}) + "\n" for i in range(250))
    drift = {"summary": {**DRIFT["summary"], "entities": {"accounts": {**ENTITY, "deleted": 250}}}}
    fake.answer("diff", drift, code=2, lines=lines)
    out = fake.run("diff", *ONE).expect(FOUND).out
    assert out.count("- accounts") == 100 and "100 of 250 changes are shown" in out
    out = fake.run("diff", *ONE, "--limit", "0").expect(FOUND).out
    assert out.count("- accounts") == 250 and "are shown" not in out


def test_diff_json(fake):
    """Goal: JSON Lines as the library wrote them, the summary last, each after its schema."""
    lines = [json.dumps(c, ensure_ascii=False) for c in CHANGES]
    fake.answer("diff", DRIFT, code=2, lines="".join(f"{line}\n" for line in lines))
    result = fake.run("diff", *ONE, "--json").expect(FOUND)
    assert result.out.splitlines()[:-1] == lines
    for line in result.lines:
        validate_json(line, "diff")
    assert result.summary["drift"] is True
    assert fake.run("diff", *ONE, "--json", "--summary").expect(FOUND).lines == [DRIFT]


def test_diff_that_is_not_whole(fake):
    """Goal: what could not be compared is said, never shown as "no difference"."""
    partial = {"summary": {**DIFF["summary"], "complete": False, "entities": {
        "accounts": {**ENTITY, "compared": "partial: the source failed", "deleted": None}},
        "errors": [{"entity": "accounts", "source": "crm", "severity": "error", "message": "no such file"}]}}
    fake.answer("diff", partial, code=3)
    result = fake.run("diff", *ONE).expect(PARTIAL)
    assert "partial: the source failed" in result.out and "not everything could be compared" in result.out
    assert "up to date" not in result.out
    assert result.err == "dvsync: error: entity accounts, source crm: no such file\n"
    fake.answer("diff", DIFF, code=0)
    assert "the sink is up to date" in fake.run("diff", *ONE).expect(DONE).out


def test_sync_errors(fake):
    """Goal: up to 20 errors on stderr, with where they happened."""
    errors = [{"entity": "accounts", "source": "crm", "row": i, "key": "k", "field": "f", "severity": "error",
               "message": "not a date"} for i in range(30)]
    fake.answer("sync", {**SYNC, "status": "partial", "errors": errors}, code=3)
    result = fake.run("sync", *ONE).expect(PARTIAL)
    assert "dvsync: error: entity accounts, source crm, row 3, key k, field f: not a date" in result.err.splitlines()
    assert result.err.count("not a date") == 20 and "10 more" in result.err
    assert len(fake.run("sync", *ONE, "--json").expect(PARTIAL).json["errors"]) == 30


def test_problems_of_a_project_are_all_listed(fake):
    """Goal: file:line:column: path: message, each on its line, exit 78; without problems, the error itself."""
    other = {**PROBLEM, "line": 9, "column": 1, "path": "sinc", "message": "is not known; did you mean sink?"}
    fake.answer("open", {"problems": [PROBLEM, other]}, error=(CONFIG, "the project could not be read"))
    for command in ("sync", "diff", "status", "history", "stats", "cancel"):
        result = fake.run(command, *ONE).expect(INVALID)
        assert result.err.splitlines() == [
            "dvsync: error: crm.yaml:3:7: entities[0].key: a key is needed",
            "dvsync: error: crm.yaml:9:1: sinc: is not known; did you mean sink?"]
    fake.answer("open", {"problems": []})
    assert fake.run("sync", *ONE).expect(INVALID).err == "dvsync: error: the project could not be read\n"


# ---- sync --all ----

def listed(*names):
    return {"projects": [{**LIST["projects"][0], "name": n, "file": f"{n}.yaml"} for n in names]}


def test_sync_all(fake):
    """Goal: every project, one after the other; broken ones are reported; the first exit code that applies."""
    fake.answer("sync", SYNC, code=3).answer("list", listed("a", "b"))
    out = fake.run("sync", "--all").expect(PARTIAL).out
    assert [c.split()[1] for c in fake.calls if c.startswith("sync")] == ["project=a", "project=b"]
    assert out.count("crm: completed") == 2
    fake.answer("list", {"projects": [LIST["projects"][1], *listed("a")["projects"]]})
    result = fake.run("sync", "--all").expect(INVALID)
    assert "dvsync: error: configs/b.yaml:3:4: entities: expected a list\n" == result.err
    assert "crm: completed" in result.out, "one broken project stops no other"
    fake.answer("list", listed("a", "bad", "c")).answer("open", bad="c.yaml is gone")
    result = fake.run("sync", "--all").expect(INVALID).says("c.yaml is gone")
    assert result.out.count("crm: completed") == 2


def test_sync_all_json(fake):
    """Goal: one document a line, also for a project that could not be synced."""
    (fake.answers / "sync.json").write_text(json.dumps(SYNC, indent=2) + "\n")
    fake.answer("list", {"projects": [LIST["projects"][1], *listed("a", "b")["projects"]]})
    result = fake.run("sync", "--all", "--json").expect(INVALID)
    assert len(result.lines) == 3
    for line in result.lines:
        validate_json(line, "sync")
    assert result.lines[0]["exit_code"] == INVALID and result.lines[0]["project"] is None
    assert result.lines[1:] == [SYNC, SYNC]
    fake.answer("sync", error=(LOCKED, "another run is going on (pid 1)")).answer("list", listed("a"))
    result = fake.run("sync", "--all", "--json").expect(4)
    assert result.lines[0]["project"] == "a" and "pid 1" in result.lines[0]["errors"][0]["message"]


def test_sync_all_without_projects(fake):
    """Goal: a wrong directory is no success."""
    fake.answer("list", {"projects": []})
    fake.run("sync", "--all", "--directory", "wrong").expect(INVALID).says("wrong")


# ---- Text ----

HOSTILE = "a\x1b[31mred\x07\u202eevil\r\n\x85z"


def test_hostile_text_is_escaped(fake):
    """Goal: control, escape and bidi characters of data and names never reach the terminal."""
    def poison(value):
        if isinstance(value, dict):
            return {k if k in KNOWN else k + HOSTILE: poison(v) for k, v in value.items()}
        if isinstance(value, list):
            return [poison(v) for v in value]
        return value + HOSTILE if isinstance(value, str) else value

    for name, args, _, document, _ in REPORTS:
        if name == "schema":
            continue
        fake.answer(name, poison(document))
        check_clean(fake.run(*args), name)
    fake.answer("diff", poison(DRIFT), lines="".join(json.dumps(poison({**c, "op": "update"})) + "\n" for c in CHANGES))
    check_clean(fake.run("diff", *ONE), "diff")
    fake.answer("diff", error=(NETWORK, HOSTILE))
    check_clean(fake.run("diff", *ONE), "error")
    fake.answer("log", warning=HOSTILE)
    check_clean(fake.run("list"), "log")
    check_clean(fake.run("sync", "--name", "x", HOSTILE), "argument")


KNOWN = {k for d in (SYNC, DRIFT, LIST, VALIDATE, STATUS, HISTORY, ONE_RUN, STATS, LINEAGE, PLUGINS, INFO, CANCEL,
                       CONFLICTS, {"conflict": CONFLICT})
         for k in re.findall(r'"(\w+)":', json.dumps(d))} - {"accounts", "prices"} | {"op", "key", "fields", "sink",
                                                                                      "source"}


def check_clean(result, what):
    for raw in ("\x1b", "\x07", "\u202e", "\r", "\x85"):
        assert raw not in result.text, (what, raw, result)
    assert "\\x1b" in result.text, (what, result)


def test_bytes_that_are_no_text(fake):
    """Goal: invalid UTF-8 in a message is shown escaped, as text and as JSON."""
    fake.answer("log", warning=b"bad \xff\xfe bytes")
    assert rb"bad \xff\xfe bytes" in fake.run("list").raw_err
    line = fake.run("--log-format", "json", "list").err.splitlines()[0]
    assert json.loads(line)["message"] == r"bad \xff\xfe bytes"


def test_levels(fake):
    """Goal: -q errors only, else warnings too, -v info, -vv debug; json lines have time, level, message."""
    fake.answer("log", fatal="E", warning="W", info="I", debug="D").answer("list", LIST)
    for args, wanted in (([], "EW"), (["-q"], "E"), (["-v"], "EWI"), (["-vv"], "EWID"), (["-q", "-vv"], "E")):
        assert [line[-1] for line in fake.run(*args, "list").err.splitlines()] == list(wanted)
    lines = [json.loads(line) for line in fake.run("-vv", "--log-format", "json", "list").err.splitlines()]
    assert [(x["level"], x["message"]) for x in lines] == [("error", "E"), ("warning", "W"), ("info", "I"),
                                                            ("debug", "D")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", x["time"]) for x in lines)
    wrong = fake.run("--log-format", "json", "frobnicate").expect(USAGE)
    assert json.loads(wrong.err)["level"] == "error"


def test_color(fake):
    """Goal: colours on a terminal or when asked for; --color always beats NO_COLOR."""
    fake.answer("diff", DRIFT, lines=json.dumps(CHANGES[0]) + "\n")
    for args, env, colored in (([], {}, False), (["--color", "never"], {}, False),
                               (["--color", "always"], {}, True), (["--color", "always"], {"NO_COLOR": "1"}, True)):
        assert ("\x1b[32m+ accounts A-1\x1b[0m" in fake.run(*args, "diff", *ONE, env=env).out) is colored
    assert "\x1b[32m+" in fake.terminal("diff", *ONE)
    assert "\x1b[32m+" not in fake.terminal("--color", "never", "diff", *ONE)


def test_any_locale(fake):
    """Goal: the same bytes whatever the environment's locale."""
    document = {"projects": [{**LIST["projects"][0], "name": "Å漢"}, LIST["projects"][2]]}
    fake.answer("list", document)
    outs = {fake.run("list", env={"LC_ALL": locale}).raw_out for locale in ("C", "C.UTF-8", "de_DE.UTF-8", "POSIX")}
    assert len(outs) == 1 and "Å漢  ".encode() in outs.pop()


def test_version(fake):
    """Goal: program, libraries and plugins, unusable ones with the reason."""
    fake.answer("plugins", PLUGINS)
    result = fake.run("--version").expect(DONE)
    result.says("dvsync 0.1.0", "jansson", "libyaml", "libsmartcols", "ABI 1.0", "/p/dvsync-source-csv.so",
                "unusable: it exports no dvs_plugin_v1")


# ---- Output that cannot be written ----

def test_full_disk(fake):
    """Goal: a result that could not be written is a failure, and said."""
    fake.answer("sync", SYNC)
    with open("/dev/full", "wb") as full:
        fake.run("sync", *ONE, stdout=full).expect(FAILED).says("could not be written", "No space left")
        fake.run("sync", *ONE, "--json", stdout=full).expect(FAILED)
    fake.answer("sync", SYNC, code=5)
    with open("/dev/full", "wb") as full:
        fake.run("sync", *ONE, stdout=full).expect(5)


def test_closed_pipe(fake):
    """Goal: `| head` is no error to talk about, and does not kill the program."""
    lines = "".join(json.dumps({**CHANGES[3], "key": {"id": i}}) + "\n" for i in range(9000))
    fake.answer("diff", DRIFT, code=2, lines=lines)
    reader, writer = os.pipe()
    os.close(reader)
    result = fake.run("diff", *ONE, "--json", stdout=writer)
    os.close(writer)
    assert result.code == FAILED and result.err == ""


def test_closed_standard_output(fake):
    """Goal: a file opened by the library never becomes standard output."""
    fake.answer("list", LIST)
    result = fake.run("list", stdout=None, preexec_fn=lambda: os.close(1))
    result.expect(FAILED).says("could not be written")


# ---- Progress ----

def test_progress_on_a_terminal(fake):
    """Goal: a line that is redrawn, no wider than the terminal, gone at the end."""
    fake.answer("sync", SYNC).answer("progress", count="6")
    out = fake.terminal("sync", *ONE)
    assert "reading" in out and "rows" in out and "ETA" in out and "\x1b[1A\r\x1b[J" in out
    screen = out.rsplit("\x1b[J", 1)[1]
    assert "reading" not in screen and "crm: completed" in re.sub(r"\x1b\[\d*m", "", screen)
    narrow = fake.terminal("--color", "never", "sync", *ONE, columns=40)
    drawn = [line for line in re.split(r"\r?\n|\x1b\[J", narrow) if "reading" in line]
    assert drawn and max(map(len, drawn)) < 40
    assert "\x1bounts" not in narrow and r"acc\x1bounts" in narrow
    for args in (["--no-progress"], ["-q"], ["--log-format", "json"]):
        assert "\x1b[1A" not in fake.terminal("sync", *ONE, *args)


def test_progress_elsewhere(fake):
    """Goal: a message every few seconds, none for a short sync."""
    fake.answer("sync", SYNC).answer("progress", count="6")
    assert fake.run("sync", *ONE).err == ""
    fake.answer("progress", count="50")
    result = fake.run("sync", *ONE)
    assert 1 <= result.err.count("\n") <= 2
    assert re.match(r"dvsync: acc\\x1bounts \(crm\)  reading  \d+ rows  \d+/s", result.err)
    assert fake.run("-q", "sync", *ONE).err == ""


# ---- Signals ----

class Waiting:
    """A sync or diff that runs until it is stopped."""

    def __init__(self, fake, *args):
        self.begun = fake.folder / "begun"
        fake.answer("wait", file=str(self.begun))
        self.process = subprocess.Popen([BIN, *args], env=fake.environment(), cwd=fake.folder,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        end = time.monotonic() + 30
        while not self.begun.exists() and time.monotonic() < end:
            time.sleep(0.01)

    def finish(self, unlink=True):
        if unlink:
            self.begun.unlink()
        out, err = self.process.communicate(timeout=30)
        return Result(self.process.args, self.process.returncode, out, err)


@pytest.mark.parametrize("number, why, code", [(signal.SIGINT, 2, 130), (signal.SIGTERM, 15, 143)])
def test_first_signal_stops_at_a_checkpoint(fake, number, why, code):
    """Goal: the library is asked to stop, and its result is printed."""
    fake.answer("sync", {**SYNC, "status": "cancelled"})
    waiting = Waiting(fake, "sync", *ONE)
    waiting.process.send_signal(number)
    time.sleep(0.3)
    result = waiting.finish().expect(code)
    assert f"stopped {why}" in fake.calls
    assert "crm: cancelled" in result.out and "goes on from there" in result.out
    assert "again to end at once" in result.err


@pytest.mark.parametrize("first, second, code", [(signal.SIGINT, signal.SIGINT, 130),
                                                 (signal.SIGINT, signal.SIGTERM, 143)])
def test_second_signal_ends_at_once(fake, first, second, code):
    """Goal: nobody has to wait for a checkpoint that does not come."""
    waiting = Waiting(fake, "sync", *ONE)
    waiting.process.send_signal(first)
    time.sleep(0.3)
    waiting.process.send_signal(second)
    assert waiting.finish(unlink=False).code in (code, -second)
    assert not any(c.startswith("stopped") for c in fake.calls)


def test_signal_in_sync_all(fake):
    """Goal: the projects that have not begun do not begin."""
    fake.answer("sync", {**SYNC, "status": "cancelled"}).answer("list", listed("a", "b", "c"))
    waiting = Waiting(fake, "sync", "--all", "--json")
    waiting.process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    result = waiting.finish().expect(130)
    assert len(result.lines) == 1 and len([c for c in fake.calls if c.startswith("sync")]) == 1


def test_signal_in_a_diff(fake):
    """Goal: an interrupted diff prints no summary that looks complete."""
    fake.answer("diff", DRIFT, code=2, lines=json.dumps(CHANGES[0]) + "\n")
    waiting = Waiting(fake, "diff", *ONE, "--json")
    waiting.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    result = waiting.finish().expect(143)
    assert "summary" not in result.out and "interrupted" in result.err


def test_ignored_signal_stays_ignored(fake):
    """Goal: a job in the background whose SIGINT is ignored is not stopped by one."""
    fake.answer("sync", SYNC)
    fake.answer("wait", file=str(fake.folder / "begun"))
    process = subprocess.Popen(["sh", "-c", 'trap "" INT; exec "$0" sync --name crm', BIN], env=fake.environment(),
                               cwd=fake.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    end = time.monotonic() + 30
    while not (fake.folder / "begun").exists() and time.monotonic() < end:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.terminate()
    (fake.folder / "begun").unlink()
    process.communicate(timeout=30)
    assert process.returncode == 143


# ---- The rest ----

def test_completion(fake):
    """Goal: bash completes commands, options and choices, and offers nothing that is refused."""
    if not shutil.which("bash"):
        pytest.skip("needs bash")
    script = fake.folder / "completion"
    script.write_text(fake.run("completion", "bash").expect(DONE).out)

    def complete(*words):
        line = " ".join(f"'{w}'" for w in words)
        done = subprocess.run(["bash", "-c", f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1};"
                               ' _dvsync; printf "%s\n" "${COMPREPLY[@]}"'], stdout=subprocess.PIPE, check=True)
        return done.stdout.decode().split()

    assert complete("dvsync", "s") == ["sync", "status", "stats", "schema"]
    assert complete("dvsync", "sync", "--d") == ["--dry-run", "--directory"]
    assert complete("dvsync", "--directory", "x", "diff", "--s") == ["--summary"]
    assert complete("dvsync", "plugins", "i") == ["info"]
    assert complete("dvsync", "--color", "a") == ["auto", "always"]
    assert complete("dvsync", "sync", "--re") == ["--rebuild"] and complete("dvsync", "conf") == ["conflicts"]


def test_man_page_knows_every_command_and_option(fake):
    """Goal: the manual page and the option tables agree."""
    page = (ROOT / "docs/man/dvsync.1").read_text()
    words = set(re.findall(r"-([a-z]+(?:-[a-z]+)*)", " ".join(re.findall(r"Fl .*", page))))
    for name in (*COMMANDS, "plugins info"):
        assert re.search(rf"^\.It Cm {name}", page, re.M), name
        for option in re.findall(r"^  (?:-\w, )?--([a-z-]+)", fake.run(*name.split(), "--help").out, re.M):
            assert option in words, (name, option)
    if shutil.which("mandoc"):
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", ROOT / "docs/man/dvsync.1"],
                              stdout=subprocess.PIPE, check=False)
        assert done.returncode == 0, done.stdout.decode()


def test_schemas_are_schemas():
    """Goal: each published schema is a valid one, draft 2020-12."""
    import jsonschema
    found = sorted((ROOT / "docs/json").glob("*.schema.json"))
    assert {p.name.split(".")[0] for p in found} >= {r[2] for r in REPORTS} | {"diff"}
    for path in found:
        schema = json.loads(path.read_text())
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        jsonschema.Draft202012Validator.check_schema(schema)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, "-q"]))
