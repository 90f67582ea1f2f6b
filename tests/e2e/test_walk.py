"""The walk: every command, option and project key that users are promised works and is tested, or is refused.

The list is tests/data/spec/walk.json, typed by hand. None may be ignored: what is accepted
names the test that exercises it, what is not yet built says "not supported yet".
"""

import copy
import json
import re
import shutil
from pathlib import Path

import pytest
from harness import DONE, INVALID, NUMBERED, ROOT, USAGE, csv_project, numbered, run

HERE = Path(__file__).resolve().parent
WALK = json.loads((ROOT / "tests/data/spec/walk.json").read_text())["walk"]
ARGUMENTS = [e for e in WALK if e["what"] in ("command", "option")]
KEYS = [e for e in WALK if e["what"] == "key"]
EXERCISED = [e for e in WALK if "exercised" in e]


def title(entry):
    if entry["what"] == "key":
        return f"{entry['path']}={json.dumps(entry['value'], ensure_ascii=False)}"[:80]
    return " ".join(a for a in entry["args"] if a != "@PROJECT")


@pytest.fixture(name="walked", scope="module")
def synced(tmp_path_factory):
    """A project that was synced once; each test gets a copy."""
    project = csv_project(tmp_path_factory.mktemp("walk"), name="walk")
    project.csv("partners", NUMBERED, numbered(20))
    (project.folder / "plugins").mkdir()
    project.sync()
    return project


def arguments(entry, project):
    run_id = project.value("SELECT run_id FROM _sync_runs")
    result = []
    for arg in entry["args"]:
        result += ["--config-file", str(project.file)] if arg == "@PROJECT" else [arg.replace("@RUN", run_id)]
    return result


@pytest.fixture(name="project")
def a_copy(walked, tmp_path):
    folder = tmp_path / "walk"
    shutil.copytree(walked.folder, folder)
    project = csv_project(folder, name="walk")
    return project


@pytest.mark.parametrize("entry", ARGUMENTS, ids=title)
def test_command_or_option(project, entry):
    """Goal: each is accepted with its value, or refused as not supported yet."""
    before = project.db.read_bytes()
    result = run(*arguments(entry, project), cwd=project.folder)
    if entry.get("refused"):
        result.expect(USAGE).says("not supported yet")
        assert project.db.read_bytes() == before
    else:
        result.expect(*entry["exit"])
        assert "not supported" not in result.text


def patched(entry, config):
    config = copy.deepcopy(config)
    config["entities"][0]["from"] = [{"source": "files", "entity": "partners"}]
    place = config
    *path, last = [int(p) if p.isdigit() else p for p in entry["path"].split(".")]
    for part in path:
        if not isinstance(part, int) and part not in place:
            place[part] = {}
        place = place[part]
    place[last] = entry["value"]
    if "instead_of" in entry:
        config.pop(entry["instead_of"])
        config["entities"][0].pop("from")
    if entry.get("validate") == "scripted":
        pytest.skip("needs a source that declares its key; the test named does it")
    return config, place, last


@pytest.mark.parametrize("entry", KEYS, ids=title)
def test_project_key(project, entry):
    """Goal: each key is accepted with its value, or refused as not supported yet, with its place in the file."""
    config, _, _ = patched(entry, project.config)
    project.write(config)
    (project.folder / "walk.secret").write_text("data\n")
    project.db.unlink()  # a table that is there allows no other key or type
    result = project.command("validate", env={"WALK_SET": "x"})
    if "invalid" in entry:
        result.expect(INVALID).says(entry["invalid"])
    elif entry.get("refused"):
        result.expect(INVALID).says("not supported yet")
        assert re.search(r"walk\.yaml:\d+:\d+", result.text), result
        project.command("sync").expect(INVALID).says("not supported yet")
    else:
        result.expect(DONE)
        assert "not supported" not in result.text


@pytest.mark.parametrize("entry", [e for e in KEYS if e["path"].count(".") > 0 or e["path"] in ("name", "options")],
                         ids=title)
def test_misspelt_key_is_refused_with_a_hint(project, entry):
    """Goal: an unknown key is an error with its place and the nearest known name, never ignored."""
    config, place, last = patched(entry, project.config)
    if last in ("from", 0) or entry["path"].endswith((".settings", ".plugin")) and "sink" in entry["path"]:
        pytest.skip("not a key of its own")
    place[last + "x"] = place.pop(last)
    project.write(config)
    result = project.command("validate").expect(INVALID)
    result.says(last + "x")
    assert re.search(rf"\b{re.escape(last)}\b(?!x)", result.text), f"no hint at {last}\n{result}"
    assert re.search(r"walk\.yaml:\d+:\d+", result.text)


@pytest.mark.parametrize("entry", [e for e in ARGUMENTS if e["what"] == "option" and e["name"].startswith("--")],
                         ids=title)
def test_misspelt_option_is_refused_with_a_hint(project, entry):
    """Goal: an unknown option is wrong usage, with the nearest known name."""
    name = entry["name"]
    wrong = name[:-2] + name[-1] + name[-2] if name[-1] != name[-2] else name[:-1]
    args = [wrong if a == name else a for a in arguments(entry, project)]
    result = run(*args, cwd=project.folder).expect(USAGE)
    result.says(wrong)
    if not entry.get("refused"):
        assert name in result.text, f"no hint at {name}\n{result}"


@pytest.mark.parametrize("name", sorted({e["name"].split()[0] for e in WALK if e["what"] == "command"}))
def test_misspelt_command_is_refused_with_a_hint(name):
    """Goal: an unknown command is wrong usage, with the nearest known name."""
    wrong = name[0] + name[2] + name[1] + name[3:]
    if wrong == name:
        wrong = name + "x"
    run(wrong).expect(USAGE).says(wrong, name)


def body_of(place):
    """The text of the function that a walk entry names."""
    file, name = place.split("::")
    text = (HERE / file).read_text()
    found = re.search(rf"^(    )?def {re.escape(name)}\(.*?(?=^(    )?def |^class |^@|\Z)", text, re.M | re.S)
    assert found, f"{place}: there is no such function"
    decorators = re.search(rf"((?:^ *@[^\n]*\n(?: +[^\n]*\n)*)+)(    )?def {re.escape(name)}\(", text, re.M)
    return (decorators.group(1) if decorators else "") + found.group(0)


@pytest.mark.parametrize("entry", EXERCISED, ids=title)
def test_the_test_named_exists_and_mentions_it(entry):
    """Goal: "exercised" is no empty word."""
    assert entry["mentions"] in body_of(entry["exercised"]), entry


def test_the_list_is_whole():
    """Goal: the walk has the keys and values that came last, and only these commands are refused."""
    refused = {e["name"] if e["what"] != "key" else e["path"].split(".")[-1] for e in WALK if e.get("refused")}
    assert refused <= {"plugins check", "plugins new", "--plan"}
    values = json.dumps([e for e in WALK if e["what"] == "key"])
    for word in ("referenced", "nulls", "reference", "derived", "records_from", "scd2", "evolve", "strict"):
        assert word in values
