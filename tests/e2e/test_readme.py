"""What README and docs/ say is so: links, the output of the demo, the examples of the guide and of the Dataverse page,
settings, columns, the projects in configs/."""

import contextlib
import json
import os
import re
import shutil
import subprocess

import pytest
from harness import (BIN, BUILD, DONE, FAILED, FOUND, INVALID, PARTIAL, ROOT, columns, connect, environment, run, tables,
                     wait_until)
from sim import CLIENT_ID, CLIENT_SECRET, Sim

README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
DATAVERSE = (ROOT / "docs/dataverse.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def anchor(heading):
    """The name that a heading gets on the usual hosts."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def blocks(text, language):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [content for name, content in found if name == language]


def without_comments(text):
    """Lines of YAML without comments and blank ones; the examples have no "#" in values."""
    lines = [re.sub(r"\s*#.*", "", line).rstrip() for line in text.splitlines()]
    return [line for line in lines if line]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, name = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), f"{document.name}: {target}"
        if name:
            headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert name in map(anchor, headings), f"{document.name}: {target}"


def section(text, heading):
    """What stands under a heading, up to the next one of its level or above."""
    level = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE).group(1)
    return re.split(rf"^#{{1,{len(level)}}} ", text.split(f"\n{level} {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]


def shell(script, cwd, stdin=None):
    """Runs commands of the documentation, with the built programs in PATH; what they leave running is ended."""
    script = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n" + script
    path = os.pathsep.join([str(BIN.parent), os.environ["PATH"]])
    return subprocess.run(["bash", "-euc", script], cwd=cwd, input=stdin, env=environment({"PATH": path}),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, check=False)


@pytest.mark.parametrize("name", ["dataverse", "packages"])
def test_readme_shows_the_projects(name):
    shown = next(b for b in blocks(README, "yaml") if f"name: {name}\n" in b)
    file = (ROOT / f"configs/{name}.yaml").read_text(encoding="utf-8")
    assert without_comments(shown) == without_comments(file)


def comparable(text):
    """Without what differs from run to run: ids, times, durations, and so the width of columns."""
    text = re.sub(r"\(run [0-9a-f-]{36}\)", "(run ID)", text)
    text = re.sub(r"(\d+m )?\d+(\.\d+)?s\b", "TIMEs", text)
    return [re.sub(r" +", " ", line).strip() for line in text.strip().splitlines()]


RUN_OR_TIME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|"
                         r"\d{4}-\d\d-\d\dT[\d:.]+Z")


def built(folder):
    """A build folder for scripts/demo, which writes beside the programs."""
    build = folder / "built"
    build.mkdir()
    for name in ("bin", "plugins", "lib"):
        if (BUILD / name).exists():
            (build / name).symlink_to(BUILD / name)
    return build


def test_the_demo_shows_what_readme_shows(tmp_path):
    """scripts/demo, run with what is built here from a folder of its own, twice: it says what README says, and leaves no
    simulator behind."""
    shown = next(b for b in blocks(README, "") if "== A Dataverse organisation" in b)
    build = built(tmp_path)

    def plain(text):
        text = re.sub(r"process \d+, at http://127\.0\.0\.1:\d+", "process N, at ADDRESS", text)
        return comparable(RUN_OR_TIME.sub("X", text.replace(str(build / "demo"), "build/demo")))

    for _ in range(2):
        done = shell(f"cd /; {ROOT}/scripts/demo {build} 2>&1", tmp_path)
        assert done.returncode == 0, done.stdout
        assert plain(done.stdout) == plain(shown)
        process = re.search(r"process (\d+), at", done.stdout).group(1)
        assert not os.path.exists(f"/proc/{process}")


def test_an_interrupted_demo_stops_its_simulator(tmp_path):
    """SIGTERM in the middle: the exit code says so, and the simulator is gone."""
    build = built(tmp_path)
    with open(tmp_path / "out", "wb") as out, subprocess.Popen(
            [ROOT / "scripts/demo", build], cwd="/", env=environment(), stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.STDOUT) as demo:
        said = wait_until(lambda: re.search(r"process (\d+), at", (tmp_path / "out").read_text()), "the simulator")
        assert os.path.exists(f"/proc/{said.group(1)}")
        demo.terminate()
        assert demo.wait(timeout=60) == 143
    assert not os.path.exists(f"/proc/{said.group(1)}")


def write_files(folder, block):
    """The files of a block of the guide, as `cat` shows them."""
    for name, content in re.findall(r"\$ cat (\S+)\n(.*?)(?=\$ cat|\Z)", block, re.DOTALL):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")


def check_shown(folder, block, code):
    """Runs the command of a block of the guide; what it prints is what the guide shows, but for ids and times."""
    command, _, output = block.partition("\n")
    assert command.startswith("$ dvsync ")
    done = run(*command.split()[2:], cwd=folder).expect(code)
    assert sorted(comparable(RUN_OR_TIME.sub("X", done.err + done.out))) == sorted(comparable(RUN_OR_TIME.sub("X", output)))


def shown(text, command):
    return next(b for b in blocks(text, "") if b.startswith(f"$ dvsync {command}"))


def test_the_first_projects_of_the_guide(tmp_path):
    """The sections "A first project", "Lineage" and "A second source", typed in and run."""
    sync = ["sync", "--config-file", "crm.yaml"]
    text = section(GUIDE, "A first project")
    write_files(tmp_path, blocks(text, "")[0])
    (tmp_path / "crm.yaml").write_text(blocks(text, "yaml")[0], encoding="utf-8")
    check_shown(tmp_path, shown(text, "sync"), PARTIAL)
    orders, partners = tmp_path / "shop/orders.csv", tmp_path / "shop/partners.csv"
    orders.write_text(orders.read_text().replace("yesterday", "2026-11-04"))
    partners.write_text(partners.read_text().replace("London", "Paris"))
    check_shown(tmp_path, shown(text, "diff"), FOUND)
    run(*sync, cwd=tmp_path).expect(DONE)
    assert "the sink is up to date" in run("diff", *sync[1:], cwd=tmp_path).expect(DONE).out

    # What else the documents show of this project: the lineage, and each SQL example works.
    check_shown(tmp_path, shown(section(GUIDE, "Lineage"), "lineage"), DONE)
    versions = (tmp_path / "crm.yaml").read_text(encoding="utf-8").replace("crm.db", "versions.db")
    (tmp_path / "versions.yaml").write_text(versions + "options: {history: scd2}\n", encoding="utf-8")
    run("sync", "--config-file", "versions.yaml", cwd=tmp_path).expect(DONE)
    for sql in [*blocks(GUIDE, "sql"), *blocks((ROOT / "docs/tables.md").read_text(encoding="utf-8"), "sql")]:
        query_all(tmp_path / ("versions.db" if "valid_from" in sql else "crm.db"), sql)
    at, = re.findall(r"-- What was a partner's city.*?;", GUIDE, re.DOTALL)
    (changed,), = query_all(tmp_path / "crm.db", "SELECT changed_at FROM _sync_lineage WHERE op = 'update'")
    for moment, city in (("2000-01-01", None), (changed[:-1], "London"), (changed, "Paris")):
        assert query_all(tmp_path / "crm.db", at.replace("2026-11-22T12:00:00", moment)) == [(city,)]

    text = section(GUIDE, "A second source")
    write_files(tmp_path, blocks(text, "")[0])
    (tmp_path / "crm.yaml").write_text(blocks(text, "yaml")[0], encoding="utf-8")
    check_shown(tmp_path, shown(text, "diff"), FOUND)
    run(*sync, cwd=tmp_path).expect(DONE)
    check_shown(tmp_path, shown(text, "conflicts --config-file"), DONE)
    check_shown(tmp_path, shown(text, "conflicts resolve"), DONE)
    run(*sync, cwd=tmp_path).expect(DONE)
    check_shown(tmp_path, shown(text, "lineage"), DONE)
    assert query_all(tmp_path / "crm.db", "SELECT city FROM partners_current ORDER BY code") == [("Paris",), ("Boston",)]


def query_all(db, text):
    """Executes every statement; the rows of the last one."""
    rows = []
    with contextlib.closing(connect(db)) as connection:
        for statement in re.sub(r"--.*", "", text).split(";"):
            if statement.strip():
                rows = connection.execute(statement).fetchall()
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("plugin, heading", [("csv", "The csv source"), ("sqlite", "The sqlite sink"),
                                             ("dataverse", "Settings")])
def test_settings_of_the_plugins(plugin, heading):
    """All settings, in their order, and the defaults of those that have one."""
    text = DATAVERSE if plugin == "dataverse" else GUIDE
    table = section(text, heading).split("|---|---|---|\n")[1].split("\n\n")[0]
    told = [re.match(r"\| `(\w+)` \| (.*) \| (.*) \|$", line).groups() for line in table.splitlines()]
    info = run("plugins", "info", plugin, "--json").expect(DONE).json
    options = (info.get("source") or info["sink"])["options"]
    assert [name for name, _, _ in told] == [o["name"] for o in options]
    for (name, _, default), option in zip(told, options):
        assert (default == "required") == option["required"], name
        if option["default"] is not None:
            assert default == str(option["default"]), name


def test_the_packages_of_a_debian_machine(tmp_path):
    """The guide's small example, on this machine."""
    if shutil.which("dpkg-query") is None:
        pytest.skip("no Debian machine")
    (tmp_path / "configs").mkdir()
    shutil.copy(ROOT / "configs/packages.yaml", tmp_path / "configs")
    script, = blocks(section(GUIDE, "The packages of a Debian machine"), "sh")
    done = shell(script, tmp_path)
    assert done.returncode == 0, done
    file = tmp_path / "build/demo/packages.csv"
    count = len(file.read_text(encoding="utf-8").splitlines()) - 1
    assert query_all(tmp_path / "build/demo/packages.db", "SELECT count(*) FROM packages_current") == [(count,)]
    file.write_text(re.sub(r"^(dpkg,[^,]*,)[^,]*", r"\g<1>99", file.read_text(encoding="utf-8"), flags=re.MULTILINE))
    found = run("diff", "--name", "packages", "--json", cwd=tmp_path).expect(FOUND)
    assert [c["op"] for c in found.changes] == ["update"]


def test_the_trial_of_the_guide(tmp_path):
    """The guide's few lines with the simulator."""
    script, = blocks(section(GUIDE, "The dataverse source"), "sh")
    done = shell(script, tmp_path)
    assert done.returncode == 0, done
    assert query_all(tmp_path / "trial.db", "SELECT count(*) FROM accounts_current") == [(5000,)]
    assert "sim-secret" in script and "${SIM_SECRET:-sim-secret}" in (tmp_path / "trial.yaml").read_text()


def test_a_real_organisation_step_by_step(tmp_path):
    """The commands of docs/dataverse.md, with the simulator as the organisation: first sync, cron, the drift check."""
    app = "00000000-1111-2222-3333-444444444444"
    first, check = section(DATAVERSE, "First sync"), section(DATAVERSE, "A drift check in CI")
    assert app in first
    with Sim("--rows", "accounts=300", "--rows", "contacts=50", "--client-id", app, "--client-secret", "se-cr+et&") as sim:
        def local(text):
            return text.replace("/etc/dvsync", str(tmp_path)).replace("https://org.crm.dynamics.com", sim.url)

        for script in blocks(first, "sh"):
            done = shell(local(script), tmp_path, stdin="se-cr+et&\n")
            assert done.returncode == 0, done
        assert (tmp_path / "dataverse.secret").stat().st_mode & 0o777 == 0o600
        assert "se-cr+et" not in (tmp_path / "crm.yaml").read_text()
        assert query_all(tmp_path / "crm.db", "SELECT count(*) FROM accounts_current") == [(300,)]
        assert b"se-cr+et" not in (tmp_path / "crm.db").read_bytes()

        drift, = blocks(check, "sh")
        assert shell(local(drift), tmp_path).returncode == 0
        sim.change(accounts={"random": {"update": 3}})
        found = shell(local(drift), tmp_path)
        assert found.returncode == 1 and "has drifted" in found.stderr
        line, = [b for b in blocks(section(DATAVERSE, "Every night"), "") if "--all" in b]
        night = local(line.split("*  ", 1)[1].replace("/var/log", str(tmp_path)).strip())
        assert shell(night, tmp_path).returncode == 0
        assert json.loads((tmp_path / "dvsync.jsonl").read_text())["totals"]["rows_updated"] == 3
        assert shell(local(drift), tmp_path).returncode == 0
        sim.fault("403", phase="rows", times=-1)
        failed = shell(local(drift), tmp_path)
        assert failed.returncode == 1 and "could not be checked" in failed.stderr

        # What the page shows of the cursor.
        cursor, = [b for b in blocks(DATAVERSE, "") if "_sync_state" in b]
        statement = re.search(r'crm\.db "(.*)"', cursor).group(1)
        (entity, stored), = query_all(tmp_path / "crm.db", statement)
        stored = stored.decode() if isinstance(stored, bytes) else stored
        shown = RUN_OR_TIME.sub("X", cursor.split("\n", 1)[1]).strip()
        assert f"{entity}|{RUN_OR_TIME.sub('X', stored)}".strip() == shown


def test_messages_of_the_dataverse_page(tmp_path):
    """The words by which the page's table of messages is found."""
    told = section(DATAVERSE, "Messages")
    with Sim("--rows", "accounts=3") as sim:
        env = {"DATAVERSE_URL": sim.url, "DATAVERSE_CLIENT_ID": CLIENT_ID, "DVSYNC_DATAVERSE_DB": tmp_path / "x.db"}
        project = ["--config-file", ROOT / "configs/dataverse.yaml"]
        wrong = run("validate", *project, env={**env, "DATAVERSE_CLIENT_SECRET": "x"}).expect(FOUND).text
        for words in ("invalid_client", "AADSTS7000215"):
            assert words in wrong and words in told
        env["DATAVERSE_CLIENT_SECRET"] = CLIENT_SECRET
        sim.fault("403", phase="rows", times=-1)
        refused = run("sync", *project, "--entity", "accounts", env=env).expect(FAILED).text
        words = "0x80072560: The user is not a member of the organization"
        assert words in refused and words in told
        elsewhere = run("validate", *project, env={**env, "DATAVERSE_URL": f"{sim.url}/sim"}).expect(INVALID).text
        assert "without a path" in elsewhere


def csv_of(folder, **files):
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


def test_every_project_in_configs_is_valid(tmp_path):
    """`dvsync validate` finds no error in any of them, with the variables that they ask for."""
    env = {
        "DVSYNC_DEMO_DIR": csv_of(tmp_path / "demo", packages="package,architecture,installed_size\na,all,1\n"),
        "DVSYNC_SHOP_DIR": csv_of(tmp_path / "shop", orders="order_no,ordered_at\n1,2026-11-21T10:00:00Z\n",
                                  lines="order,line,amount\n1,1,2.5\n", partners="number,name,phone\nA,Ada,1\n"),
        "DVSYNC_OFFICE_DIR": csv_of(tmp_path / "office", people="no;salary;entry\n1;2;2026-11-21\n",
                                    partners="code;name;note\nA;Ada;\n"),
        "DVSYNC_REFERENCE_DB": tmp_path / "reference.db",
        "DVSYNC_EXPRESSIONS_DB": tmp_path / "expressions.db",
        "DVSYNC_DATAVERSE_DB": tmp_path / "dataverse.db",
        "DATAVERSE_CLIENT_ID": CLIENT_ID,
        "DATAVERSE_CLIENT_SECRET": CLIENT_SECRET,
    }
    projects = sorted((ROOT / "configs").glob("*.yaml"))
    assert {"dataverse", "packages", "reference"} <= {p.stem for p in projects}
    with Sim("--rows", "accounts=3", "--rows", "contacts=3") as sim:
        env["DATAVERSE_URL"] = sim.url
        for project in projects:
            if project.stem == "unicode" and not os.path.exists("/usr/share/unicode/UnicodeData.txt"):
                env["DVSYNC_UNICODE_DATA"] = tmp_path / "UnicodeData.txt"
                env["DVSYNC_UNICODE_DATA"].write_text("0041;A;Lu;0;L;;;;;N;;;;0061;\n")
            result = run("validate", "--config-file", project, env=env).expect(DONE)
            assert " 0 errors" in result.out, result
        for name in ("reference", "expressions"):
            run("sync", "--config-file", ROOT / f"configs/{name}.yaml", env=env).expect(DONE)
        synced = run("sync", "--config-file", ROOT / "configs/dataverse.yaml", "--json", env=env).expect(DONE)
        assert {e["name"]: e["rows_created"] for e in synced.json["entities"]} == {"accounts": 3, "people": 3}
        sim.expect_clean()


def test_the_reference_has_every_key():
    """configs/reference.yaml has each key that the JSON Schema of a project has, and the guide tells of it."""
    schema = run("schema").expect(DONE).json
    parts = [schema, *(schema["$defs"][name] for name in ("source", "options", "entity", "from", "field"))]
    keys = {key for part in parts for form in (part, *part.get("anyOf", [])) for key in form.get("properties", {})}
    assert {"entities", "priority", "full_every", "records_from", "scope", "nulls"} <= keys
    reference = (ROOT / "configs/reference.yaml").read_text(encoding="utf-8")
    for key in keys:
        assert re.search(rf"\b{key}:", reference), key
        assert re.search(rf"`{key}\b|\b{key}:", GUIDE), key


def test_every_column_of_the_bookkeeping_is_described(tmp_path):
    text = (ROOT / "docs/tables.md").read_text(encoding="utf-8")
    (tmp_path / "things.csv").write_text("id\n1\n")
    (tmp_path / "p.yaml").write_text("name: p\nsource: {plugin: csv, settings: {path: things.csv}}\n"
                                     "sink: {plugin: sqlite, settings: {path: p.db}}\n"
                                     "entities: [{name: things, key: [id]}]\n")
    run("sync", "--config-file", tmp_path / "p.yaml").expect(DONE)
    books = sorted(t for t in tables(tmp_path / "p.db") if t.startswith("_sync_"))
    assert books
    for table in books:
        assert f"`{table}`" in text, table
        for column in columns(tmp_path / "p.db", table):
            assert f"`{column}`" in text, f"{table}.{column}"
