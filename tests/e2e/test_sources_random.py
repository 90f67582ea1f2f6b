"""Several sources, at random: after every sync the state is that of a fresh database, however the changes came."""

import json
import os
import random
import time

import pytest
from harness import DONE, LONG, PARTIAL, Project, columns, execute
from worlds import World, column

SEEDS = [int(os.environ["DVSYNC_SEED"])] if "DVSYNC_SEED" in os.environ else \
    [11, 12, 13, time.time_ns() % 1_000_000] + ([time.time_ns() % 999_983 + i for i in range(40)] if LONG else [])
CODES = [f"K{i}" for i in range(8)]
VALUES = ["red", "green", "blue", "", None]
COLUMNS = [column("id", "int64", key=1), column("code"), column("name"), column("phone"), column("size", "int64")]


class Random:
    """Two scripted sources with deltas and a sheet, one entity."""

    def __init__(self, folder, seed):
        self.choice = random.Random(seed)
        self.folder = folder
        self.seq = 0
        self.worlds = [World(folder, name) for name in ("one", "two")]
        for world in self.worlds:
            world.stream(columns=COLUMNS, rows=[], capabilities=["complete", "delta", "resume"],
                         checkpoint_every=self.choice.choice([1, 3, 50]), page_size=self.choice.choice([1, 4, 50]))
        self.sheet = {}
        self.project = Project(folder)
        self.story = []
        self.entries = [{"source": "one", "entity": "things"}, {"source": "two", "entity": "things"},
                        {"source": "sheet", "entity": "sheet"}]
        self.entity = {"name": "things", "key": ["code"], "from": list(self.entries),
                       "deletes": self.pick("soft", "soft", "hard"), "history": self.pick("none", "none", "scd2")}
        self.concurrency = self.pick(1, 2, 8)
        self.priorities = {"one": 3, "two": 2, "sheet": 1}
        for _ in range(12):
            self.change()
        self.write()

    def pick(self, *of):
        return self.choice.choice(of)

    def value(self):
        return self.choice.choice(VALUES)

    def change(self):
        """One change at one source."""
        self.seq += 1
        what = self.pick("one", "two", "sheet")
        if what == "sheet":
            code = self.choice.choice(CODES)
            if self.choice.random() < 0.3:
                self.sheet.pop(code, None)
            else:
                self.sheet[code] = (code, self.value(), self.value(), self.pick("1", "2", None))
            return
        world = self.worlds[what == "two"]
        rows = world.rows()
        number = self.choice.randrange(1, 7)
        there = [r for r in rows if r["id"] == number]
        if there and self.choice.random() < 0.3:
            world.remove(number, seq=self.seq)
            return
        row = {"id": number, "$number": number, "code": self.choice.choice(CODES), "name": self.value(),
               "phone": self.value(), "size": self.pick(1, 2, None), "seq": self.seq}
        if there:
            there[0].update(row)
        else:
            rows.append(row)

    def edit(self):
        """One edit of the project."""
        what = self.pick("priority", "sources", "records", "fields", "derived", "nulls", "where")
        if what == "priority":
            self.priorities[self.pick("one", "two", "sheet")] = self.choice.randrange(1, 5)
        elif what == "sources":
            count = self.pick(1, 2, 3, 3)
            self.entity["from"] = self.choice.sample(self.entries, count)
            self.entity.pop("records_from", None)
        elif what == "records":
            if self.entity.pop("records_from", None) is None:
                self.entity["records_from"] = [self.choice.choice(self.entity["from"])["source"]]
        elif what == "derived":
            if self.entity.pop("derived", None) is None:
                self.entity["derived"] = {"label": self.pick("name || '-' || phone", "coalesce(name, size, 'x')")}
        else:
            entry = self.choice.choice(self.entity["from"])
            if what == "where":
                if entry.pop("where", None) is None:
                    entry["where"] = "phone IS NULL OR phone <> 'red'"
            elif entry.pop("fields", None) is None:
                entry["fields"] = {"*": True, "phone": {"from": "phone", "nulls": "win"}} if what == "nulls" else \
                    self.pick({"*": True, "name": False}, {"*": True, "name": {"expr": "upper(name)"}},
                              {"*": True, "phone": {"static": "none"}})
        self.story.append(f"edit {what}")

    def write(self):
        for world in self.worlds:
            world.write()
        self.project.csv("sheet", ("code", "name", "phone", "size"), [self.sheet[c] for c in sorted(self.sheet)])
        self.project.write(self.config("demo.db"))

    def config(self, db):
        sources = {w.root["identity"]: {"plugin": "scripted", "settings": {"script": str(w.file)}} for w in self.worlds}
        sources["sheet"] = {"plugin": "csv", "settings": {"path": str(self.folder / "data/sheet.csv"), "types": {"size": "int64"}}}
        for name, source in sources.items():
            source["priority"] = self.priorities[name]
        return {"sources": sources, "sink": {"plugin": "sqlite", "settings": {"path": db}}, "options": {"max_delete": "100%", "concurrency": self.concurrency},
                "entities": [json.loads(json.dumps(self.entity))]}

    def compare(self, number, whole):
        """With a database of its own that was synced once."""
        other = Project(self.folder / f"fresh-{number}", "fresh")
        other.write({**self.config("fresh.db"), "name": "fresh"})
        other.sync(expect=(DONE, PARTIAL))
        names = [n for n in self.names(other) if n != "code"]
        assert self.current(self.project, names) == self.current(other, names), "\n".join(self.story)
        if whole:
            what = "SELECT key, field, winner_source, winner_value, loser_source, loser_value FROM _sync_conflicts " \
                   "WHERE kind = 'field_differs' AND closed_at IS NULL ORDER BY 1, 2, 5"
            assert self.project.rows(what) == other.rows(what), "\n".join(self.story)

    def current(self, project, names):
        """{code: fields} of the active, current rows."""
        there = columns(project.db, "things")
        condition = " AND ".join(f"{c} IS NULL" for c in ("deleted_at", "valid_to") if c in there) or "1"
        found = project.rows(f"SELECT code, {', '.join(names)} FROM things WHERE {condition}")
        assert len({row[0] for row in found}) == len(found), "two current rows of one key"
        return {row[0]: row[1:] for row in found}

    def names(self, other):
        return list(other.state()["things"][0])

    def spoil(self):
        execute(self.project.db, f"UPDATE things SET name = 'mine' WHERE code = '{self.choice.choice(CODES)}'")

    def run(self, number):
        for _ in range(self.choice.randrange(0, 4)):
            self.change()
        if self.choice.random() < 0.3:
            self.edit()
        spoilt = number > 0 and self.choice.random() < 0.2
        if spoilt:
            self.spoil()
        failing = self.pick(*self.worlds) if number > 1 and self.choice.random() < 0.2 else None
        if failing:
            failing.fault(self.pick("pull", "describe", "start"), status="io", scope="stream", message="away")
        self.write()
        args = ["--full"] if spoilt or self.choice.random() < 0.2 else []
        self.story.append(f"sync {number} {args} failing {failing and failing.root['identity']}")
        result = self.project.sync(*args, expect=(DONE, PARTIAL, 1))
        if failing:
            failing.calm()
            self.write()
            self.story.append("again")
            result = self.project.sync(expect=DONE) if not spoilt else self.project.sync("--full", expect=DONE)
        assert result.code == DONE, f"{result}\n" + "\n".join(self.story)
        self.compare(number, True)
        found = self.project.diff()
        assert found.code == DONE, f"{found}\n" + "\n".join(self.story)


@pytest.mark.parametrize("seed", SEEDS)
def test_as_a_fresh_database(tmp_path, seed):
    """Goal: any changes, edits, failures and hand edits, in any order and any split into runs, end in the same state."""
    world = Random(tmp_path, seed)
    for number in range(40 if LONG else 14):
        world.run(number)
