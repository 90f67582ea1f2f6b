"""Records that cannot be used: kept in _sync_errors, never lost, never in the way of the others."""

import pytest
from harness import (DONE, FAILED, NUMBERED, PARTIAL, by_key, counts, csv_project, dicts, numbered)


def make(folder, amount=None, options=None, by="type of the field", **types):
    """`amount` is a decimal, by the field's type or by the source's setting; the two fail in different places."""
    types = {"amount": "decimal", **types}
    if by == "types setting":
        project = csv_project(folder, settings={"types": types}, options=options)
    else:
        fields = {"*": True, **{n: {"from": n, "type": t} for n, t in types.items()}}
        project = csv_project(folder, options=options, entities=[
            {"name": "partners", "key": ["id"], "from": [{"source": "files", "fields": fields}]}])
    write(project, amount or {})
    return project


BY = pytest.mark.parametrize("by", ["type of the field", "types setting"])


def write(project, amount, n=20):
    project.csv("partners", NUMBERED, [(i, name, city, amount.get(i, a)) for i, name, city, a in numbered(n)])


def open_errors(project):
    return dicts(project.db, "SELECT * FROM _sync_errors WHERE closed_at IS NULL ORDER BY row_number")


@BY
def test_bad_value_is_kept_and_the_others_go_on(tmp_path, by):
    """Goal: exit 3; the record stands in _sync_errors as received; the others are written."""
    project = make(tmp_path, {"5": "a lot"}, by=by)
    result = project.sync(expect=PARTIAL)
    assert counts(result) == (19, 0, 0, 0, 0, 1)
    assert "5" not in by_key(project.db, "partners", "id", "name")
    (error,) = open_errors(project)
    assert (error["entity"], error["source"], error["field"], error["severity"]) == (
        "partners", "files", "amount", "error")
    assert error["row_number"] in (5, 6)
    assert "5" in (error["key"], error["source_key"])
    assert "a lot" in error["record"] and "name 5" in error["record"]
    assert "a lot" in error["message"] or "decimal" in error["message"]
    (shown,) = [e for e in result.json["errors"] if e["severity"] == "error"]
    assert (shown["entity"], shown["source"], shown["field"]) == ("partners", "files", "amount")
    assert project.runs() == ["partial"]
    result = project.command("sync").expect(PARTIAL)
    result.says("partners", "amount")


@BY
def test_error_stays_open_until_it_is_mended(tmp_path, by):
    """Goal: one open row per record and field; a complete read closes what it does not raise again."""
    project = make(tmp_path, {"5": "a lot", "6": "too much"}, by=by)
    first = project.sync(expect=PARTIAL).json["run_id"]
    project.sync(expect=PARTIAL)
    found = open_errors(project)
    assert [e["key"] or e["source_key"] for e in found] == ["5", "6"]
    assert all(e["first_seen"] < e["last_seen"] and e["attempts"] >= 2 for e in found)
    assert first
    write(project, {"5": "a lot", "6": "6.5"})
    assert counts(project.sync(expect=PARTIAL)) == (1, 0, 0, 18, 0, 1)
    write(project, {})
    assert counts(project.sync(expect=DONE)) == (1, 0, 0, 19, 0, 0)
    assert open_errors(project) == []
    assert project.value("SELECT count(*) FROM _sync_errors WHERE closed_at IS NOT NULL") == 2


@BY
def test_error_of_a_record_that_is_gone_is_closed(tmp_path, by):
    """Goal: no error outlives its record."""
    project = make(tmp_path, {"20": "a lot"}, by=by)
    project.sync(expect=PARTIAL)
    write(project, {}, n=19)
    assert counts(project.sync(expect=DONE)) == (0, 0, 0, 19, 0, 0)
    assert open_errors(project) == []


@BY
def test_record_that_goes_bad_keeps_its_row(tmp_path, by):
    """Goal: a row whose record fails later stays as it was."""
    project = make(tmp_path, by=by)
    project.sync()
    write(project, {"5": "a lot"})
    assert counts(project.sync(expect=PARTIAL)) == (0, 0, 0, 19, 0, 1)
    assert by_key(project.db, "partners", "id", "amount")["5"] == 5.5


@BY
def test_two_bad_fields_of_one_record(tmp_path, by):
    """Goal: one open row per source record and field; the record counts once."""
    project = make(tmp_path, {"5": "a lot"}, by=by, city="int64")
    project.csv("partners", NUMBERED, [("1", "a", "1", "1"), ("2", "b", "x", "y"), ("3", "c", "3", "3")])
    result = project.sync(expect=PARTIAL)
    assert counts(result) == (2, 0, 0, 0, 0, 1)
    assert {e["field"] for e in open_errors(project)} <= {"city", "amount"}
    assert len(open_errors(project)) in (1, 2)


@pytest.mark.parametrize("options, code", [({"on_row_error": "continue"}, PARTIAL), ({"on_row_error": "stop"}, FAILED)])
def test_on_row_error(tmp_path, options, code):
    """Goal: `continue` goes on, `stop` ends the entity at the first."""
    project = make(tmp_path, {"5": "a lot"}, options=options)
    project.sync(expect=code).says("amount")
    assert project.runs() == ["partial" if code == PARTIAL else "failed"]


def test_stop_ends_only_that_entity(tmp_path):
    """Goal: one entity stops, the others finish: exit 3."""
    project = csv_project(tmp_path, options={"on_row_error": "stop"}, settings={"types": {"amount": "decimal"}},
                          entities=[{"name": "bad", "key": ["id"]}, {"name": "good", "key": ["id"]}])
    project.csv("good", NUMBERED, numbered(5))
    project.csv("bad", NUMBERED, [("1", "x", "y", "z")])
    result = project.sync(expect=PARTIAL)
    assert counts(result, "good") == (5, 0, 0, 0, 0, 0)
    assert project.value("SELECT state FROM _sync_state WHERE entity = 'bad'") == "failed"
    assert project.value("SELECT state FROM _sync_state WHERE entity = 'good'") == "completed"


def test_ragged_rows(tmp_path):
    """Goal: a line with too few or too many fields is a row error; the file goes on behind it."""
    project = csv_project(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/partners.csv").write_text("id,name\n1,a\n2\n3,c,extra\n4,d\n")
    result = project.sync(expect=PARTIAL)
    assert by_key(project.db, "partners", "id", "name") == {"1": "a", "4": "d"}
    assert counts(result)[5] == 2
    assert len(open_errors(project)) == 2


def test_invalid_bytes(tmp_path):
    """Goal: invalid UTF-8 and NUL bytes are row errors, shown escaped, never raw."""
    project = csv_project(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/partners.csv").write_bytes(b"id,name\n1,ok\n2,\xff\xfe\n3,a\x00b\n4,ok\n5,\xed\xa0\x80\n")
    result = project.command("sync").expect(PARTIAL)
    assert by_key(project.db, "partners", "id", "name") == {"1": "ok", "4": "ok"}
    assert len(open_errors(project)) == 3
    for raw in (b"\xff", b"\x00", b"\xed\xa0\x80"):
        assert raw not in result.raw_out + result.raw_err


def test_control_characters_are_never_shown_raw(tmp_path):
    """Goal: text output shows control, escape and bidi characters escaped; the database holds them as they are."""
    evil = "red \x1b[31m bidi \u202e bell \x07"
    project = csv_project(tmp_path)
    project.csv("partners", ("id", "name"), [("1", evil)])
    for command in (("diff",), ("sync",), ("lineage", "--entity", "partners", "--key", "1")):
        result = project.command(*command)
        for raw in (b"\x1b[31m bidi", "\u202e".encode(), b"\x07"):
            assert raw not in result.raw_out + result.raw_err, command
    assert project.value("SELECT name FROM partners") == evil


@pytest.mark.parametrize("key", ["", None, "k" * 1025])
def test_keys_that_are_none(tmp_path, key):
    """Goal: an empty, missing or over-long key is a row error."""
    project = csv_project(tmp_path)
    project.csv("partners", ("id", "name"), [("1", "a"), (key, "b"), ("3", "c")])
    result = project.sync(expect=(PARTIAL,) if key != "" else (PARTIAL, DONE))
    assert {"1", "3"} <= set(by_key(project.db, "partners", "id", "name"))
    if key != "":
        assert counts(result)[5] == 1


def test_longest_key(tmp_path):
    """Goal: 1,024 bytes of key are fine."""
    project = csv_project(tmp_path)
    project.csv("partners", ("id", "name"), [("k" * 1024, "a"), ("é" * 512, "b")])
    project.sync()
    assert counts(project.sync()) == (0, 0, 0, 2, 0, 0)


# ---- The same key twice ----

def test_identical_duplicates_are_fine(tmp_path):
    """Goal: the same record twice in one read is no news."""
    for name in ("first", "later"):
        project = csv_project(tmp_path / name)
        if name == "later":
            project.csv("partners", NUMBERED, numbered(9))
            project.sync()
        project.csv("partners", NUMBERED, [*numbered(10), *numbered(10)])
        result = project.sync()
        assert [e for e in result.json["errors"]] == []
        assert len(by_key(project.db, "partners", "id", "name")) == 10
        assert project.value("SELECT count(*) FROM partners") == 10


@pytest.mark.parametrize("far", [10, 20_000])
@pytest.mark.parametrize("later", [False, True])
def test_differing_duplicates(tmp_path, later, far):
    """Goal: in a streaming entity the later delivered one stands, with one warning; near and far apart."""
    project = csv_project(tmp_path)
    if later:
        project.csv("partners", NUMBERED, numbered(far))
        project.sync()
    project.csv("partners", NUMBERED, [*numbered(1, _1="first"), *numbered(far - 1, start=2),
                                       *numbered(1, _1="second"), *numbered(1, start=2, _2="third")])
    result = project.sync()
    found = by_key(project.db, "partners", "id", "name")
    assert (found["1"], found["2"], len(found)) == ("second", "third", far)
    assert project.value("SELECT count(*) FROM partners") == far
    warnings = [e for e in result.json["errors"] if e["severity"] == "warning"]
    assert len(warnings) == 1, "one warning"
    project.diff(expect=DONE)
    assert counts(project.sync())[:3] == (0, 0, 0), "stable"
