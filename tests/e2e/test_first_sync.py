"""A first sync is equal to its source cell by cell, for every type and for real files."""

import csv
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from harness import (DONE, FOUND, active, by_key, columns, counts, csv_project, execute, numbered, NUMBERED, rows,
                     value, write_csv)

UNICODE_DATA = Path("/usr/share/unicode/UnicodeData.txt")

# (type, text in the CSV, typeof in SQLite, value in SQLite): how values are stored, docs/guide.md.
CELLS = [
    ("bool", "true", "integer", 1),
    ("bool", "false", "integer", 0),
    ("int64", "0", "integer", 0),
    ("int64", "9007199254740993", "integer", 9007199254740993),
    ("int64", "9223372036854775807", "integer", 9223372036854775807),
    ("int64", "-9223372036854775808", "integer", -9223372036854775808),
    ("double", "0.1", "real", 0.1),
    ("double", "-1e300", "real", -1e300),
    ("double", "5e-324", "real", 5e-324),
    ("decimal", "2.00", "integer", 2),
    ("decimal", "-17", "integer", -17),
    ("decimal", "1.50", "real", 1.5),
    ("decimal", "9007199254740993", "integer", 9007199254740993),
    ("decimal", "1234567890.123456789", "text", "1234567890.123456789"),
    ("decimal", "-9999999999.999999999", "text", "-9999999999.999999999"),
    ("decimal", "9223372036854775807", "integer", 9223372036854775807),
    ("decimal", "9223372036854775809", "text", "9223372036854775809"),
    ("text", "", "text", ""),
    ("text", None, "null", None),
    ("text", " kept ", "text", " kept "),
    ("text", "NULL", "text", "NULL"),
    ("text", "007", "text", "007"),
    ("text", "😀 𝔘 日本 é", "text", "😀 𝔘 日本 é"),
    ("text", 'says "so", twice\nand\r\nagain', "text", 'says "so", twice\nand\r\nagain'),
    ("date", "2024-02-29", "text", "2024-02-29"),
    ("date", "0001-01-01", "text", "0001-01-01"),
    ("date", "9999-12-31", "text", "9999-12-31"),
    ("timestamp", "2024-01-01T00:00:00Z", "text", "2024-01-01T00:00:00.000000Z"),
    ("timestamp", "2024-01-01T01:30:00.123456+01:30", "text", "2024-01-01T00:00:00.123456Z"),
    ("timestamp", "2023-12-31T16:00:00-08:00", "text", "2024-01-01T00:00:00.000000Z"),
    ("uuid", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "text", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("json", '{"b": [1, 2.50], "a": "ü"}', "text", '{"b": [1, 2.50], "a": "ü"}'),
]
TYPES = sorted({kind for kind, *_ in CELLS})


def write_cells(project):
    """One row a cell, one column a type; the other columns are NULL."""
    data = [(str(i), *(text if kind == column else None for column in TYPES))
            for i, (kind, text, _, _) in enumerate(CELLS)]
    project.csv("cells", ("id", *(f"a_{t}" for t in TYPES)), data)


@pytest.mark.parametrize("how", ["types setting", "type of the field"])
def test_every_type_cell_by_cell(tmp_path, how):
    """Goal: what goes in comes out, whichever way the types were given."""
    if how == "types setting":
        project = csv_project(tmp_path, entities=[{"name": "cells", "key": ["id"]}],
                              settings={"types": {f"a_{t}": t for t in TYPES if t != "text"}})
    else:
        fields = {"id": "id", **{f"a_{t}": {"from": f"a_{t}", "type": t} for t in TYPES}}
        project = csv_project(tmp_path, entities=[{"name": "cells", "key": ["id"],
                                                   "from": [{"source": "files", "fields": fields}]}])
    write_cells(project)
    project.sync()
    for i, (kind, text, storage, expected) in enumerate(CELLS):
        found = project.rows(f"SELECT typeof(a_{kind}), a_{kind} FROM cells WHERE id = ?", str(i))
        assert found == [(storage, expected)], (kind, text)
        for other in TYPES:
            if other != kind:
                assert project.value(f"SELECT a_{other} FROM cells WHERE id = ?", str(i)) is None
    assert project.diff(expect=DONE).changes == []
    result = project.sync()
    assert counts(result, "cells") == (0, 0, 0, len(CELLS), 0, 0)


def test_equal_values_in_other_spelling_are_no_change(tmp_path):
    """Goal: values are compared, not their spelling."""
    types = {"amount": "decimal", "at": "timestamp", "guid": "uuid", "doc": "json", "n": "int64", "on": "bool"}
    header = ("id", *types)
    project = csv_project(tmp_path, settings={"types": types})
    guid = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    project.csv("partners", header, [("1", "1.5", "2024-01-01T00:00:00Z", guid, '{"a":1,"b":[2]}', "7", "true")])
    project.sync()
    project.csv("partners", header, [("1", "1.50", "2024-01-01T01:00:00+01:00", guid.upper(),
                                      '{ "b": [2.0], "a": 1 }', "7", "true")])
    assert project.diff(expect=DONE).changes == []
    assert counts(project.sync()) == (0, 0, 0, 1, 0, 0)


def test_ten_megabytes_in_one_text(tmp_path):
    """Goal: a text of 10 MB arrives whole, between small rows."""
    big = ("0123456789abcdé\n" * 700_000)[:10_000_000]
    project = csv_project(tmp_path)
    project.csv("partners", ("id", "body"), [("1", "small"), ("2", big), ("3", "small")])
    project.sync()
    assert project.value("SELECT body FROM partners WHERE id = '2'") == big
    assert project.value("SELECT count(*) FROM partners") == 3
    assert counts(project.sync()) == (0, 0, 0, 3, 0, 0)
    assert len(big.encode()) > 10_000_000


def test_system_columns_of_a_new_row(tmp_path):
    """Goal: the columns that docs/tables.md promises, filled from the first row on."""
    project = csv_project(tmp_path)
    project.csv("partners", NUMBERED, numbered(3))
    result = project.sync().json
    assert columns(project.db, "partners")[0] == "row_id"
    assert set(columns(project.db, "partners")) == {*NUMBERED, "row_id", "sync_hash", "sync_time", "deleted_at",
                                                    "json_response"}
    started = project.value("SELECT started_at FROM _sync_runs")
    for row in project.rows("SELECT typeof(row_id), sync_hash, sync_time, deleted_at, json_response FROM partners"
                            " ORDER BY row_id"):
        assert row[0] == "integer"
        assert isinstance(row[1], bytes) and len(row[1]) == 4 * len(NUMBERED)
        assert all(row[1][i:i + 4] not in (b"\0\0\0\0", b"\0\0\0\1", b"\1\0\0\0") for i in range(0, len(row[1]), 4))
        assert row[2] == started
        assert row[3] is None
        assert set(json.loads(row[4])) == set(NUMBERED)
    assert project.value("SELECT run_id FROM _sync_runs") == result["run_id"]
    assert project.rows("SELECT * FROM partners_current ORDER BY row_id") == project.rows(
        "SELECT * FROM partners ORDER BY row_id")


def test_sync_hash_says_null_and_position(tmp_path):
    """Goal: sync_hash holds four bytes a field at its _sync_schema.position, NULL as 1."""
    project = csv_project(tmp_path)
    project.csv("partners", ("id", "a", "b"), [("1", "x", None), ("2", None, "x")])
    project.sync()
    position = dict(project.rows("SELECT field, position FROM _sync_schema WHERE entity = 'partners'"))
    assert len(set(position.values())) == 3
    first = min(position.values())
    for key, field in (("1", "b"), ("2", "a")):
        found = project.value("SELECT sync_hash FROM partners WHERE id = ?", key)
        part = found[4 * (position[field] - first):][:4]
        assert sorted(part) == [0, 0, 0, 1]


def test_numbers_can_be_compared_in_sql(tmp_path):
    """Goal: `WHERE amount > 1000` works on decimals."""
    project = csv_project(tmp_path, settings={"types": {"amount": "decimal"}})
    project.csv("partners", ("id", "amount"), [("1", "999.99"), ("2", "1000.01"), ("3", "20000"), ("4", "7")])
    project.sync()
    assert project.rows("SELECT id FROM partners WHERE amount > 1000 ORDER BY id") == [("2",), ("3",)]


def packages():
    """The package list of this machine."""
    names = ("package", "version", "architecture", "status", "installed_size", "section", "maintainer", "homepage",
             "depends", "summary", "description")
    fields = ("${binary:Package}", "${Version}", "${Architecture}", "${db:Status-Abbrev}", "${Installed-Size}",
              "${Section}", "${Maintainer}", "${Homepage}", "${Depends}", "${binary:Summary}", "${Description}")
    done = subprocess.run(["dpkg-query", "-W", "-f", "\x1f".join(fields) + "\x1e"], stdout=subprocess.PIPE, check=True)
    records = [tuple(r.split("\x1f")) for r in done.stdout.decode().split("\x1e") if r]
    return names, records


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="no dpkg here")
def test_package_list_of_this_machine(tmp_path):
    """Goal: real input is cell by cell equal; an installed package shows in diff and arrives with sync."""
    header, data = packages()
    assert len(data) > 50
    project = csv_project(tmp_path, entities=[{"name": "packages", "key": ["package"]}],
                          settings={"types": {"installed_size": "int64"}})
    path = tmp_path / "data/packages.csv"
    path.parent.mkdir()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        writer.writerow(header)
        writer.writerows([*data[:-1]])
    project.sync()
    quoted = ", ".join(header)
    number = header.index("installed_size")

    def expected(records):
        return sorted(tuple(int(v) if i == number else v for i, v in enumerate(r)) for r in records)

    assert sorted(rows(project.db, f"SELECT {quoted} FROM packages")) == expected(data[:-1])
    with path.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(data[-1])
    changes = project.diff(expect=FOUND).changes
    assert [(c["op"], c["key"]) for c in changes] == [("create", {"package": data[-1][0]})]
    project.sync()
    assert sorted(rows(project.db, f"SELECT {quoted} FROM packages")) == expected(data)
    project.diff(expect=DONE)


@pytest.mark.skipif(not UNICODE_DATA.exists(), reason="package unicode-data is not installed")
def test_unicode_data(tmp_path):
    """Goal: 34,924 rows without header, `;`, cell by cell equal; a second sync finds nothing."""
    project = csv_project(tmp_path, entities=[{"name": "UnicodeData", "key": ["c1"]}],
                          settings={"path": str(UNICODE_DATA), "delimiter": ";", "header": False})
    names = [f"c{i}" for i in range(1, 16)]
    expected = sorted(tuple(v or None for v in line.split(";")) for line in
                      UNICODE_DATA.read_text(encoding="utf-8").splitlines())
    assert len(expected) == 34_924
    assert counts(project.sync(), "UnicodeData") == (34_924, 0, 0, 0, 0, 0)
    assert sorted(rows(project.db, f"SELECT {', '.join(names)} FROM UnicodeData"), key=lambda r: r[0]) == sorted(
        expected, key=lambda r: r[0])
    assert counts(project.sync(), "UnicodeData") == (0, 0, 0, 34_924, 0, 0)
    project.diff(expect=DONE)


def test_one_file_as_the_source(tmp_path):
    """Goal: `path` may be a file; its stream is called like it."""
    project = csv_project(tmp_path, settings={"path": "people.csv"}, entities=[{"name": "people", "key": ["id"]}])
    write_csv(tmp_path / "people.csv", ("id", "name"), [("1", "Ada"), ("2", "Grace")])
    project.sync()
    assert by_key(project.db, "people", "id", "name") == {"1": "Ada", "2": "Grace"}


def test_byte_order_mark_line_ends_and_null_text(tmp_path):
    """Goal: a BOM belongs to no name, CRLF ends lines, the `null` setting names NULL."""
    project = csv_project(tmp_path, settings={"null": "\\N"})
    (tmp_path / "data").mkdir()
    (tmp_path / "data/partners.csv").write_bytes(
        b'\xef\xbb\xbfid,name,note\r\n1,\\N,5" wide\r\n2,"two\r\nlines",""\r\n')
    project.sync()
    assert by_key(project.db, "partners", "id", "name", "note") == {
        "1": (None, '5" wide'), "2": ("two\r\nlines", "")}


def test_any_identifier(tmp_path):
    """Goal: names of entities and fields may be anything that is not reserved."""
    names = ("id", "select", 'quo"ted', "mit Leerzeichen", "日本", "semi;colon", "order")
    project = csv_project(tmp_path, entities=[{"name": 'gro"up by', "key": ["id"],
                                               "from": [{"source": "files", "entity": "partners"}]}])
    project.csv("partners", names, [tuple(str(i) for i in range(len(names)))])
    project.sync()
    assert set(names) <= set(columns(project.db, 'gro"up by'))
    assert active(project.db, 'gro"up by', with_types=False) == [
        tuple(str(names.index(n)) for n in sorted(names))]
    assert value(project.db, 'SELECT count(*) FROM "gro""up by_current"') == 1
    project.diff(expect=DONE)


def test_wal_and_mode_of_a_new_database(tmp_path):
    """Goal: a database that dvsync made is 0600, in WAL mode, and left without a filled WAL."""
    project = csv_project(tmp_path)
    project.csv("partners", NUMBERED, numbered(10))
    project.sync()
    assert project.db.stat().st_mode & 0o777 == 0o600
    assert project.db.read_bytes()[18:20] == b"\x02\x02"
    wal = project.db.with_name(project.db.name + "-wal")
    assert not wal.exists() or wal.stat().st_size == 0
    lock = project.db.resolve().with_name(f"{project.db.name}.{project.name}.lock")
    assert lock.stat().st_mode & 0o777 == 0o600
    execute(project.db, "PRAGMA integrity_check")
    assert value(project.db, "PRAGMA integrity_check") == "ok"
