"""Global options, environment and small flags: what each visibly does."""

import json
import re
import shutil

import pytest
from harness import (BIN, DONE, FOUND, INVALID, NUMBERED, PARTIAL, PLUGINS, USAGE, by_key, counts, csv_project,
                     numbered, run)


@pytest.fixture(name="project")
def small(tmp_path):
    project = csv_project(tmp_path)
    project.csv("partners", NUMBERED, numbered(20))
    return project


def test_help_and_version():
    """Goal: --help on every level; --version names the program, its libraries and plugins."""
    top = run("--help").expect(DONE)
    for command in ("list", "diff", "sync", "validate", "status", "history", "stats", "lineage", "plugins", "schema",
                    "cancel"):
        assert re.search(rf"\b{command}\b", top.out), command
        shown = run(command, "--help").expect(DONE)
        assert command in shown.out and shown.err == ""
    run("plugins", "info", "--help").expect(DONE)
    version = run("--version").expect(DONE)
    version.says("dvsync", "0.1.0", "yaml", "csv", "sqlite")
    run().expect(USAGE)


def test_directory(project):
    """Goal: --directory, then $DVSYNC_DIRECTORY, then ./configs, then the working directory."""
    for args, kw in ((("--directory", project.folder), {}), ((), {"env": {"DVSYNC_DIRECTORY": project.folder}}),
                     ((), {"cwd": project.folder})):
        run(*args, "sync", "--name", "demo", **kw).expect(DONE)
    other = project.folder / "other"
    shutil.copytree(project.folder, other / "configs")
    run("status", "--name", "demo", cwd=other).expect(DONE)
    run("--directory", project.folder / "nowhere", "list").expect(USAGE, INVALID, 1).says("nowhere")


def test_quiet_and_verbose(project):
    """Goal: -q leaves only results and errors, -v says more."""
    plain = project.command("sync", "--full")
    quiet = run("-q", "sync", "--full", "--config-file", project.file)
    longer = run("--quiet", "sync", "--full", "--config-file", project.file)
    verbose = run("-v", "--verbose", "sync", "--full", "--config-file", project.file)
    assert [r.code for r in (plain, quiet, longer, verbose)] == [DONE] * 4
    assert quiet.err == "" and longer.err == ""
    assert len(verbose.err) > len(plain.err)


def test_color(project):
    """Goal: no escape sequence into a pipe, unless asked for; NO_COLOR and never are obeyed."""
    for args, env, colored in (([], {}, False), (["--color", "auto"], {}, False), (["--color", "never"], {}, False),
                               (["--color", "always"], {}, True), ([], {"NO_COLOR": "1"}, False)):
        result = run(*args, "diff", "--config-file", project.file, env=env).expect(FOUND)
        assert ("\x1b[" in result.text) is colored, (args, env)
    run("--color", "sometimes", "list").expect(USAGE).says("sometimes")


def test_log_format(project):
    """Goal: --log-format json makes every line on stderr an object."""
    result = run("-v", "--log-format", "json", "sync", "--config-file", project.file).expect(DONE)
    lines = result.err.splitlines()
    assert lines and all(isinstance(json.loads(line), dict) for line in lines)
    run("-v", "--log-format", "text", "sync", "--config-file", project.file).expect(DONE)
    run("--log-format", "xml", "list").expect(USAGE)


def test_plugin_path(project, open_path):
    """Goal: --plugin-path and $DVSYNC_PLUGIN_PATH are searched; files that others can write are refused."""
    folder = open_path / "plugins"
    folder.mkdir()
    copy = folder / "dvsync-source-mine.so"
    shutil.copy(PLUGINS / "dvsync-source-csv.so", copy)
    project.write({**project.config, "sources": {"files": {"plugin": "mine", "settings": {"path": "data"}}}})
    project.command("sync").expect(INVALID, 1, FOUND).says("mine")
    run("--plugin-path", folder, "plugins").expect(DONE)
    copy.chmod(0o666)
    result = run("--plugin-path", folder, "sync", "--config-file", project.file)
    assert result.code in (INVALID, 1), result
    result.says(copy.name)


def test_plugin_is_never_a_path(project):
    """Goal: `plugin:` is a name."""
    for name in ("./csv", "/tmp/x.so", "../csv", "CSV", "a" * 33):
        project.write({**project.config, "sources": {"files": {"plugin": name, "settings": {"path": "data"}}}})
        project.command("validate").expect(INVALID)


def test_results_on_stdout_everything_else_on_stderr(project):
    """Goal: stdout holds the document and nothing else, also with --no-progress and -v."""
    result = run("-v", "sync", "--json", "--no-progress", "--config-file", project.file).expect(DONE)
    assert result.json["status"] == "completed"
    result = run("-v", "diff", "--json", "--no-progress", "--config-file", project.file).expect(DONE)
    assert result.summary["drift"] is False
    result = run("sync", "--json", "--config-file", project.folder / "nowhere.yaml").expect(INVALID)
    assert "nowhere.yaml" in result.err


def test_concurrency(tmp_path):
    """Goal: the number of streams read at once changes nothing in the outcome."""
    states = []
    for n in (1, 2, 8):
        project = csv_project(tmp_path / str(n), options={"concurrency": n},
                              entities=[{"name": f"e{i}", "key": ["id"]} for i in range(6)])
        for i in range(6):
            project.csv(f"e{i}", NUMBERED, numbered(50 + i))
        project.sync()
        states.append(project.state())
    assert states[0] == states[1] == states[2] and len(states[0]) == 6


def test_summary_table(project):
    """Goal: sync prints a table: entity, what was created, updated, deleted."""
    project.command("sync").expect(DONE).says("partners", "20")
    project.csv("partners", NUMBERED, numbered(19, _3="x"))
    out = project.command("sync").expect(DONE).out
    row = next(line for line in out.splitlines() if "partners" in line)
    assert {"1", "18"} <= set(re.findall(r"\d+", row))


def test_full_every_and_full(project):
    """Goal: `full_every` and --full are taken; a CSV source is read completely anyway."""
    project.write({**project.config, "options": {"full_every": "12h"}})
    assert counts(project.sync())[0] == 20
    assert project.sync("--full").json["entities"][0]["sources"][0]["mode"] == "full"
    project.write({**project.config, "options": {"full_every": 0}})
    project.sync()


def test_interpolation(project):
    """Goal: ${VAR}, ${VAR:-default}, ${file:...} and $${ in values, once; what came from a file stays secret."""
    (project.folder / "where").write_text("data\n")
    fields = {"id": "id", "a": {"static": "${ONE}"}, "b": {"static": "$${ONE}"}}
    project.csv("partners", NUMBERED, numbered(1))
    for path in ("${WHERE:-data}", "${file:where}"):
        project.write({**project.config, "sources": {"files": {"plugin": "csv", "settings": {"path": path}}},
                       "entities": [{"name": "partners", "key": ["id"], "from": [
                           {"source": "files", "fields": fields}]}]})
        project.sync(env={"ONE": "first ${TWO}"})
        assert by_key(project.db, "partners", "id", "a", "b")["1"] == ("first ${TWO}", "${ONE}")
    (project.folder / "where").write_text("treasure-island\n")
    result = project.command("sync", env={"ONE": "x"})
    assert result.code in (1, INVALID) and "treasure-island" not in result.text
    fields["c"] = {"static": "${file:where}"}
    project.write(project.config)
    result = project.command("sync", env={"ONE": "x"}).expect(INVALID)
    assert "treasure-island" not in result.text, "it would stand in a table"


def test_library_beside_the_program():
    """Goal: the tests run the build they think they run."""
    assert BIN.exists() and (PLUGINS / "dvsync-source-csv.so").exists() and PARTIAL == 3
