"""`dvsync init`: a project file from a source's own streams."""

import re

import pytest
from harness import DONE, FAILED, INVALID, USAGE, run, validate_json


@pytest.fixture(name="folder")
def two_files(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "people.csv").write_text("id,name\n1,Ada\n2,Grace\n")
    (data / "odd name.csv").write_text("yes,no\n1,2\n")
    return tmp_path


def init(folder, *args):
    return run("init", "--plugin", "csv", *args, cwd=folder)


def test_a_file_that_works(folder):
    """Goal: what init writes is valid as it is, and its first sync brings the rows."""
    written = init(folder, "--name", "new", "--output", "new.yaml", "path=data", "types={id: int64}")
    assert written.code == DONE and "dvsync validate --config-file new.yaml" in written.out
    assert run("validate", "--config-file", "new.yaml", cwd=folder).code == DONE
    synced = run("sync", "--config-file", "new.yaml", "--json", cwd=folder)
    assert synced.code == DONE
    assert {e["name"]: e["rows_created"] for e in synced.json["entities"]} == {"odd name": 1, "people": 2}
    text = (folder / "new.yaml").read_text()
    assert "# delimiter:" in text and "no key: name the columns" in text


def test_only_some_entities(folder):
    """Goal: --entity enables those, the others stand as comments."""
    text = init(folder, "--entity", "people", "path=data").out
    assert re.search(r"^  # - .*odd name", text, re.M) and re.search(r"^  - name: people$", text, re.M)
    unknown = init(folder, "--entity", "peeple", "path=data")
    assert unknown.code == FAILED and 'no stream "peeple"' in unknown.err


def test_json(folder):
    document = init(folder, "--json", "path=data").json
    validate_json(document, "init")
    assert [e["name"] for e in document["entities"]] == ["odd name", "people"]
    assert document["yaml"] == init(folder, "path=data").out


def test_mistakes(folder):
    """Goal: each mistake is named, and no file that is there is touched."""
    (folder / "there.yaml").write_text("mine")
    for args, code, words in [
        ([], INVALID, "path"),
        (["pathh=data"], INVALID, 'no setting "pathh"'),
        (["data"], USAGE, "NAME=VALUE"),
        (["path=nowhere"], FAILED, "nowhere"),
        (["path=data", "header=perhaps"], INVALID, "header"),
        (["path=data", "--name", "a b"], INVALID, "name"),
        (["path=data", "--output", "there.yaml"], FAILED, "exists"),
        (["path=data", "--output", "missing/x.yaml"], INVALID, "error: missing/x.yaml: its folder"),
    ]:
        result = init(folder, *args)
        assert result.code == code, (args, result.err)
        assert words in result.err, (args, result.err)
    assert (folder / "there.yaml").read_text() == "mine"
    assert run("init", cwd=folder).code == USAGE
    assert run("init", "--plugin", "none", cwd=folder).code == FAILED
