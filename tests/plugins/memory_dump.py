#!/usr/bin/python3
"""Reads (and, for hand edits, writes) the file of the memory sink.

    memory_dump.py FILE [TABLE...]      prints {table: [row, ...]} as JSON, rows by row id

As a module: load(path) gives the same as Python values, schema(path) the columns, indexes and views;
insert, update and delete change rows as another program would: one transaction each.

Values are as the SQLite sink would hold them: bool 0 or 1, date, timestamp and uuid as text. Decimals are
their canonical text, whatever number SQLite would make of them (sqlite_decimal does the same to its values).
Bytes are base64 text unless raw_bytes is true.
"""
import base64
import datetime
import decimal
import fcntl
import json
import os
import struct
import sys
import time
import uuid
import zlib

HEADER = b"dvsync-memory-1\n"
MAGIC = b"TXN\n"
WRITING = (1 << 60) + 1  # the byte that a writer locks

(NULL, BOOL, INT64, DOUBLE, DECIMAL, TEXT, BYTES, DATE, TIMESTAMP, UUID, JSON) = range(1, 12)
KINDS = ["absent", "null", "bool", "int64", "double", "decimal", "text", "bytes", "date", "timestamp", "uuid", "json"]
WITH_BYTES = frozenset((DECIMAL, TEXT, BYTES, UUID, JSON))
EMPTY = (NULL, None)
EPOCH = datetime.datetime(1970, 1, 1)
NONE = 0xFFFFFFFF


class Table:
    def __init__(self, name, columns):
        self.name = name
        self.columns = columns  # of dicts: name, kind, flags, key_position, max_length
        self.rows = {}          # row id -> list of (kind, value)
        self.indexes = {}       # name -> dict: unique, columns, only_null, only_set (names)

    def names(self):
        return [c["name"] for c in self.columns]


class Database:
    def __init__(self):
        self.tables = {}  # by lower-case name
        self.views = {}
        self.length = 0   # bytes of the file that count


U8, U32, I64, F64 = (struct.Struct("<" + form).unpack_from for form in "BIqd")


class Reader:
    """Takes one value after the other; struct.error or ValueError when the bytes end too early."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def u8(self):
        self.at += 1
        return U8(self.data, self.at - 1)[0]

    def u32(self):
        self.at += 4
        return U32(self.data, self.at - 4)[0]

    def i64(self):
        self.at += 8
        return I64(self.data, self.at - 8)[0]

    def bytes(self):
        start = self.at + 4
        self.at = start + U32(self.data, self.at)[0]
        if self.at > len(self.data):
            raise ValueError("an operation ends too early")
        return self.data[start:self.at]

    def text(self):
        return self.bytes().decode()

    def column(self):
        return {"name": self.text(), "kind": self.u8(), "flags": self.u32(), "key_position": self.u32(),
                "max_length": self.u32()}

    def cell(self):
        kind = self.u8()
        if kind == NULL:
            return EMPTY
        if kind in WITH_BYTES:
            return (kind, self.bytes())
        self.at += 8
        return (kind, (F64 if kind == DOUBLE else I64)(self.data, self.at - 8)[0])


def position(table, name):
    for i, column in enumerate(table.columns):
        if column["name"].lower() == name.lower():
            return i
    raise KeyError(f"table {table.name} has no column {name}")


def change_rows(db, op, r):
    table = db.tables[r.text().lower()]
    if op == 10:
        row = [r.cell() for _ in range(r.u32())]
        table.rows[row[0][1]] = row
    elif op == 11:
        row = table.rows[r.i64()]
        for _ in range(r.u32()):
            column = r.u32()
            row[column] = r.cell()
    else:
        table.rows.pop(r.i64(), None)


def change_columns(db, op, table, r):
    if op == 2:
        table.columns.append(r.column())
        for row in table.rows.values():
            row.append(EMPTY)
    elif op == 3:
        at = position(table, r.text())
        del table.columns[at]
        for row in table.rows.values():
            del row[at]
    elif op == 4:
        old = r.text()
        at, new = position(table, old), r.column()["name"]
        table.columns[at]["name"] = new
        for index in table.indexes.values():
            for key in ("only_null", "only_set"):
                index[key] = new if index[key] == old else index[key]
            index["columns"] = [new if c == old else c for c in index["columns"]]
        for view in db.views.values():
            if view["table"].lower() == table.name.lower() and view["only_null"].lower() == old.lower():
                view["only_null"] = new


def change_table(db, op, table, r):
    if op == 5:
        del db.tables[table.name.lower()]
        return
    old, name = table.name, r.text()
    del db.tables[old.lower()]
    table.name = name
    db.tables[name.lower()] = table
    for view in db.views.values():
        for key in ("table", "table2"):
            view[key] = name if view[key].lower() == old.lower() else view[key]


def make_index(table, r):
    name, unique, n = r.text(), bool(r.u8()), r.u32()
    columns = [r.u32() for _ in range(n)]
    only = [r.u32(), r.u32()]
    names = table.names()
    table.indexes[name] = {"unique": unique, "columns": [names[c] for c in columns],
                           "only_null": None if only[0] == NONE else names[only[0]],
                           "only_set": None if only[1] == NONE else names[only[1]]}


def apply(db, payload):
    r = Reader(payload)
    while r.at < len(payload):
        op = r.u8()
        if op >= 10:
            change_rows(db, op, r)
            continue
        name = r.text()
        table = db.tables.get(name.lower())
        if op == 1:
            db.tables[name.lower()] = Table(name, [r.column() for _ in range(r.u32())])
        elif op in (2, 3, 4):
            change_columns(db, op, table, r)
        elif op in (5, 6):
            change_table(db, op, table, r)
        elif op == 7:
            make_index(table, r)
        elif op == 8:
            for t in db.tables.values():
                t.indexes = {k: v for k, v in t.indexes.items() if k.lower() != name.lower()}
        elif op == 9:
            db.views[name.lower()] = {"name": name, "type": r.u8(), "table": r.text(), "table2": r.text(),
                                      "only_null": r.text()}
        else:
            raise ValueError(f"unknown operation {op}")


def read(path):
    """The whole Database; a transaction that is not all there does not count."""
    with open(path, "rb") as file:
        data = file.read()
    db = Database()
    if len(data) < len(HEADER):
        return db
    if not data.startswith(HEADER):
        raise ValueError(f"{path} is no memory database")
    at = len(HEADER)
    while at + 16 <= len(data):
        magic, crc, length = struct.unpack_from("<4sIQ", data, at)
        payload = data[at + 16:at + 16 + length]
        if magic != MAGIC or len(payload) != length or zlib.crc32(payload) != crc:
            break
        apply(db, payload)
        at += 16 + length
    db.length = at
    return db


def plain(cell, raw_bytes=False):
    kind, value = cell
    if kind == DATE:
        return (EPOCH + datetime.timedelta(days=value)).strftime("%Y-%m-%d").rjust(10, "0")
    if kind == TIMESTAMP:
        return (EPOCH + datetime.timedelta(microseconds=value)).isoformat(timespec="microseconds") + "Z"
    if kind == UUID:
        return str(uuid.UUID(bytes=value))
    if kind == BYTES:
        return value if raw_bytes else base64.b64encode(value).decode()
    return value.decode() if kind in WITH_BYTES else value


def rows_of(table, raw_bytes=False):
    names = table.names()
    return [dict(zip(names, (plain(c, raw_bytes) for c in table.rows[row_id]))) for row_id in sorted(table.rows)]


def load(path, raw_bytes=False):
    """{table: [row as dict, ...]}, rows by row id."""
    return {t.name: rows_of(t, raw_bytes) for t in read(path).tables.values()}


def schema(path):
    """{"tables": {name: {"columns": {name: kind}, "indexes": {...}}}, "views": {...}}"""
    db = read(path)
    return {"tables": {t.name: {"columns": {c["name"]: KINDS[c["kind"]] for c in t.columns}, "indexes": t.indexes}
                       for t in db.tables.values()},
            "views": {v["name"]: {k: x for k, x in v.items() if k != "name"} for v in db.views.values()}}


def sqlite_decimal(value):
    """The canonical text of a decimal as SQLite holds it (INTEGER, REAL or TEXT)."""
    if value is None:
        return None
    number = decimal.Decimal(repr(value) if isinstance(value, float) else str(value))
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


# Hand edits.

def pack_cell(kind, value):
    if value is None:
        return struct.pack("<B", NULL)
    if kind == DOUBLE:
        return struct.pack("<Bd", kind, value)
    if kind == UUID:
        value = uuid.UUID(value).bytes
    elif kind == DATE and isinstance(value, str):
        value = (datetime.datetime.fromisoformat(value) - EPOCH).days
    elif kind == TIMESTAMP and isinstance(value, str):
        value = (datetime.datetime.fromisoformat(value.rstrip("Z")) - EPOCH) // datetime.timedelta(microseconds=1)
    elif kind == BYTES and isinstance(value, str):
        value = base64.b64decode(value)
    if kind in WITH_BYTES:
        value = value.encode() if isinstance(value, str) else value
        return struct.pack("<BI", kind, len(value)) + value
    return struct.pack("<Bq", kind, int(value))


def pack_text(text):
    return struct.pack("<I", len(text.encode())) + text.encode()


def append(path, make, timeout=10):
    """Adds the transaction that make(database) returns, as soon as nobody else is writing."""
    lock = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, WRITING, 1, 0)
    deadline = time.monotonic() + timeout
    with open(path, "r+b") as file:
        while True:
            try:
                fcntl.fcntl(file, getattr(fcntl, "F_OFD_SETLK", 37), lock)
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.001)
        db = read(path)
        payload = make(db)
        file.truncate(db.length)
        file.seek(db.length)
        file.write(struct.pack("<4sIQ", MAGIC, zlib.crc32(payload), len(payload)) + payload)


def insert(path, table, row):
    """row: {column: value}; columns left out are NULL."""
    def make(db):
        t = db.tables[table.lower()]
        return b"".join([b"\x0a", pack_text(t.name), struct.pack("<I", len(t.columns))] +
                        [pack_cell(c["kind"], row.get(c["name"])) for c in t.columns])
    append(path, make)


def update(path, table, row_id, values):
    def make(db):
        t = db.tables[table.lower()]
        if row_id not in t.rows:
            raise KeyError(f"table {table} has no row {row_id}")
        out = [b"\x0b", pack_text(t.name), struct.pack("<qI", row_id, len(values))]
        for name, value in values.items():
            at = position(t, name)
            out.append(struct.pack("<I", at) + pack_cell(t.columns[at]["kind"], value))
        return b"".join(out)
    append(path, make)


def delete(path, table, row_id):
    append(path, lambda db: b"\x0c" + pack_text(db.tables[table.lower()].name) + struct.pack("<q", row_id))


def main(arguments):
    if not arguments:
        sys.exit("usage: memory_dump.py FILE [TABLE...]")
    tables = load(arguments[0])
    wanted = arguments[1:] or sorted(tables)
    json.dump({name: tables[name] for name in wanted}, sys.stdout, ensure_ascii=False, indent=1)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main(sys.argv[1:])
