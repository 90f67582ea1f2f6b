"""What README and docs/ say is so: links, the example of the guide, settings, columns, the package list's project."""

import contextlib
import re

import pytest

from harness import DONE, FOUND, PARTIAL, ROOT, columns, connect, run, tables

GUIDE = (ROOT / "docs/guide.md").read_text(encoding="utf-8")
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


def test_readme_shows_the_project_of_the_demo():
    shown = next(b for b in blocks((ROOT / "README.md").read_text(encoding="utf-8"), "yaml") if "name: packages" in b)
    file = (ROOT / "configs/packages.yaml").read_text(encoding="utf-8")
    assert without_comments(shown) == without_comments(file)


def comparable(text):
    """Without what differs from run to run: ids, times, durations, and so the width of columns."""
    text = re.sub(r"\(run [0-9a-f-]{36}\)", "(run ID)", text)
    text = re.sub(r"\d+\.\d\ds", "TIMEs", text)
    return [re.sub(r" +", " ", line).strip() for line in text.strip().splitlines()]


def test_the_first_project_of_the_guide(tmp_path):
    """The section "A first project", typed in and run."""
    section = GUIDE.split("\n## A first project\n")[1].split("\n## ")[0]
    plain = blocks(section, "")
    (tmp_path / "shop").mkdir()
    for name, content in re.findall(r"\$ cat (\S+)\n(.*?)(?=\$ cat|\Z)", plain[0], re.DOTALL):
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "crm.yaml").write_text(blocks(section, "yaml")[0], encoding="utf-8")

    def shown(block):
        command, _, output = block.partition("\n")
        assert command.startswith("$ dvsync ")
        return command.split()[2:], comparable(output)

    arguments, output = shown(plain[1])
    result = run(*arguments, cwd=tmp_path).expect(PARTIAL)
    assert sorted(comparable(result.err + result.out)) == sorted(output)

    orders, partners = tmp_path / "shop/orders.csv", tmp_path / "shop/partners.csv"
    orders.write_text(orders.read_text().replace("yesterday", "2026-11-04"))
    partners.write_text(partners.read_text().replace("London", "Paris"))
    arguments, output = shown(plain[2])
    assert comparable(run(*arguments, cwd=tmp_path).expect(FOUND).out) == output

    run("sync", "--config-file", "crm.yaml", cwd=tmp_path).expect(DONE)
    assert "the sink is up to date" in run("diff", "--config-file", "crm.yaml", cwd=tmp_path).expect(DONE).out

    # What else the guide shows of this project. Each SQL example works and the lineage is as shown.
    lineage = next(b for b in blocks(GUIDE, "") if b.startswith("$ dvsync lineage"))
    arguments, output = shown(lineage)
    ids_and_times = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[\d:]+Z")
    made = run(*arguments, cwd=tmp_path).expect(DONE).out
    assert comparable(ids_and_times.sub("X", made)) == [ids_and_times.sub("X", line) for line in output]
    for text in [*blocks(GUIDE, "sql"), *blocks((ROOT / "docs/tables.md").read_text(encoding="utf-8"), "sql")]:
        query_all(tmp_path / "crm.db", text)


def query_all(db, text):
    with contextlib.closing(connect(db)) as connection:
        for statement in re.sub(r"--.*", "", text).split(";"):
            if statement.strip():
                connection.execute(statement).fetchall()


@pytest.mark.parametrize("plugin, heading", [("csv", "The csv source"), ("sqlite", "The sqlite sink")])
def test_settings_of_the_plugins(plugin, heading):
    section = GUIDE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    table = section.split("|---|---|---|\n")[1].split("\n\n")[0]
    told = [re.match(r"\| `(\w+)`", line).group(1) for line in table.splitlines()]
    info = run("plugins", "info", plugin, "--json").expect(DONE).json
    assert told == [option["name"] for option in (info.get("source") or info["sink"])["options"]]


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
