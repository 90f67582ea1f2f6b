"""Random projects: what a diff, a saved plan and a preview say is what the sync does, values and counts; a second sync
writes nothing; verify agrees with the tables; behind `scope: referenced` stands what is referred to, and nothing else."""

import json
import os
import random
import shutil

import pytest
from harness import (DONE, FOUND, LONG, PARTIAL, SHORT, Project, counts, dicts, entity, execute, mapped, quoted,
                     tables)
from test_plan import BOOKS
from worlds import World, column

COLUMNS = [column("id", "int64", key=1), column("code"), column("name"), column("num"), column("owner", "int64"),
           column("boss", "int64"), column("seq", "int64", version=True)]
NAMES = ("things", "staff", "teams")
REFERENCES = {("things", "owner"): "staff", ("things", "boss"): "teams", ("staff", "owner"): "teams",
              ("staff", "boss"): "staff", ("teams", "owner"): "staff", ("teams", "boss"): "things"}
WHERE = ["name IS NOT 'y'", "coalesce(num, '0') <> '3'", "id <> 4"]
COUNTS = ("created", "updated", "deleted", "row_errors")
FIRST = int(os.environ.get("DVSYNC_SEED", "4"))
SEEDS = range(FIRST, FIRST + (60 if LONG else 1 if SHORT else 4))


class Life:
    """A project of three entities over a scripted source and a folder of files, and what befalls it."""

    def __init__(self, folder, seed):
        self.dice = random.Random(f"foretold {seed}")
        self.project = Project(folder)
        self.world = World(folder)
        self.seq, self.bad, self.story = 0, 0.2, []
        self.records = {n: {} for n in NAMES}
        self.gone = {n: {} for n in NAMES}
        self.lines = {n: {} for n in NAMES}
        pick = self.dice.choice
        self.modes = {n: ["complete", "fetch", *pick([[], ["cursor"], ["delta"]]), *pick([[], ["resume"]])] for n in NAMES}
        self.kinds = {n: pick(["stream", "file", "gather", "two", "two", "parts", "followed", "followed"]) for n in NAMES}
        if all(k == "followed" for k in self.kinds.values()):
            self.kinds["things"] = "two"
        self.keys = {n: "code" if k == "gather" else "id" for n, k in self.kinds.items()}
        for name in self.followed():  # somebody refers to it
            if not any(to == name and n != name for (n, _), to in REFERENCES.items()):
                self.kinds[name] = "stream"
        self.entities = [self.entity(n) for n in self.dice.sample(NAMES, 3)]
        for n in NAMES:
            for _ in range(8):
                self.change(n)

    def followed(self):
        return [n for n in NAMES if self.kinds[n] == "followed"]

    def references(self):
        return {at: to for at, to in REFERENCES.items() if self.keys[to] == "id"}

    # ---- The project ----

    def feed(self, name, source, **more):
        pick, references = self.dice.choice, self.references()
        fields = {"id": {"from": "id", "type": "int64"}, "code": "code",
                  "num": pick([{"from": "num", "type": "int64"}, {"expr": "to_number(num)", "type": "int64"}])}
        names = ["name", {"from": "name", "nulls": "win"}, {"expr": "upper(name)"},
                 {"from": "name", "authority": "reference"}]
        fields["name"] = pick(names[:3] if self.kinds[name] in ("stream", "file") else names)
        for field in ("owner", "boss"):
            to = references.get((name, field))
            fields[field] = {"from": field, "type": "int64", **({"refers_to": to} if to else {})}
        return {"source": source, "entity": name, "fields": fields,
                **({"where": pick(WHERE)} if self.dice.random() < 0.25 else {}), **more}

    def entity(self, name):
        kind = self.kinds[name]
        feeds = {"file": [self.feed(name, "sheet")],
                 "two": [self.feed(name, s) for s in self.dice.sample(("crm", "sheet"), 2)],
                 "parts": [self.feed(name, "crm", where="id <= 4"),
                           self.feed(name, "crm", where="id > 4", **{"as": "rest"})],
                 "followed": [self.feed(name, "crm", scope="referenced")]}.get(kind) or [self.feed(name, "crm")]
        return {"name": name, "from": feeds, **({} if kind == "stream" else {"key": [self.keys[name]]}),
                "history": self.dice.choice(["none", "none", "scd2"]), "deletes": self.dice.choice(["soft", "hard"])}

    def edit(self):
        """Another static value, or another order of the sources."""
        chosen = self.dice.choice(self.entities)
        if self.dice.random() < 0.5:
            chosen["from"][0]["fields"]["kind"] = {"static": self.dice.choice("klm")}
        else:
            chosen["from"].reverse()
        self.story.append(f"edit of {chosen['name']}")

    def write(self):
        for n in NAMES:
            self.world.stream(n, columns=COLUMNS, rows=[{**r, "$number": i} for i, r in sorted(self.records[n].items())],
                              tombstones=[{"id": i, "seq": s} for i, s in self.gone[n].items()] if "delta" in self.modes[n]
                              else [], capabilities=self.modes[n], apply_conditions=True, checkpoint_every=2)
            self.project.csv(n, [c["name"] for c in COLUMNS[:-1]], [row for _, row in sorted(self.lines[n].items())])
        self.world.write()
        sources = {"crm": {"plugin": "scripted", "settings": {"script": str(self.world.file), "log": str(self.world.log)}},
                   "sheet": {"plugin": "csv", "priority": 5, "settings": {"path": str(self.project.folder / "data")}}}
        self.project.write(json.loads(json.dumps({
            "sources": sources, "options": {"max_delete": "100%"}, "entities": self.entities})))

    # ---- What befalls it ----

    def change(self, name, deletes=0.3):
        """A record comes, changes or goes."""
        pick, i = self.dice.choice, self.dice.randint(1, 9)
        there = self.dice.choice([self.records, self.lines])[name]
        self.seq += 1
        if i in there and self.dice.random() < deletes:
            del there[i]
            if there is self.records[name]:
                self.gone[name][i] = self.seq
            return
        num = "bad" if self.dice.random() < self.bad else pick([None, "1", "2", "3"])
        values = (f"K{pick([i, i, i, 3])}", pick(["", "x", "y", "Ä𝄞", None]), num, pick([None, *range(1, 11)]),
                  pick([None, None, *range(1, 10), i]))
        if there is self.records[name]:
            there[i] = dict(zip(("id", "code", "name", "num", "owner", "boss", "seq"), (i, *values, self.seq)))
            self.gone[name].pop(i, None)
        else:
            there[i] = (i, f"K{i}", *values[1:])

    def mend(self):
        self.bad, self.seq = 0, self.seq + 1
        for n in NAMES:
            for record in self.records[n].values():
                if record["num"] == "bad":
                    record.update(num="5", seq=self.seq)
            self.lines[n] = {i: (*row[:3], "5" if row[3] == "bad" else row[3], *row[4:]) for i, row in self.lines[n].items()}

    def spoil(self):
        """Somebody edits a table."""
        name = self.dice.choice(NAMES)
        if self.project.db.exists() and name in tables(self.project.db):
            what = self.dice.choice([f"UPDATE {name} SET name = 'mine'", f"UPDATE {name} SET num = 77",
                                     f"DELETE FROM {name}"])
            execute(self.project.db, f"{what} WHERE row_id IN (SELECT row_id FROM {name} LIMIT 1 OFFSET {self.seq % 4})")
            self.story.append(what)

    # ---- What must hold ----

    def rows(self, project, name):
        """{key: fields} of the active, current rows."""
        if not project.db.exists() or name not in tables(project.db):
            return {}
        fields = ", ".join(quoted(f) for f in mapped(project.db, name))
        found = dicts(project.db, f"SELECT {fields} FROM {name}_current")
        assert len({row[self.keys[name]] for row in found}) == len(found), f"two rows of one key in {name}"
        return {row[self.keys[name]]: row for row in found}

    def sync(self, project, *args):
        result = project.sync(*args, expect=(DONE, PARTIAL))
        self.story.append(f"sync {' '.join(map(str, args))}: {result.code}")
        return result

    def foretold(self, *look, sync=()):
        """What one command says is what the other does."""
        before = {n: self.rows(self.project, n) for n in NAMES}
        told = self.project.command(*look, "--json").expect(DONE, FOUND, PARTIAL)
        result = self.sync(self.project, *sync)
        changes = {(c["entity"], *c["key"].values()): c for c in told.changes}
        assert (told.code == PARTIAL) == (result.code == PARTIAL), f"{told}\n{result}"
        for n in NAMES:
            says, did = told.summary["entities"][n], entity(result.json, n)
            done = [did[c if c == "row_errors" else f"rows_{c}"] for c in COUNTS]
            assert [says[c] for c in COUNTS] == done, f"{told}\n{result}"
            self.compare(n, before[n], self.rows(self.project, n), changes)

    @staticmethod
    def compare(name, before, after, changes):
        for key in before.keys() | after.keys():
            was, now, change = before.get(key), after.get(key), changes.get((name, key), {"op": None, "fields": {}})
            if now is None:
                assert change["op"] == "delete", (name, key, was, change)
                continue
            was = {**dict.fromkeys(now), **(was or {})}
            differs = {f for f in now if now[f] != was[f]}
            assert differs <= set(change["fields"]), (name, key, was, now, change)
            assert all(change["fields"][f]["source"] == now[f] for f in change["fields"]), (name, key, now, change)
            assert (key in before) or change["op"] in ("create", "update"), (name, key, change)

    def planned(self):
        """A saved plan leaves what a sync leaves."""
        plan, twin = self.project.folder / "saved.plan", Project(self.project.folder / "twin")
        self.project.command("diff", "--plan", plan).expect(DONE, FOUND, PARTIAL)
        twin.write(json.loads(json.dumps(self.project.config)))
        twin.db.unlink(missing_ok=True)
        if self.project.db.exists():
            shutil.copy(self.project.db, twin.db)
        by_plan, by_sync = self.sync(self.project, "--plan", plan), self.sync(twin, "--full")
        for n in NAMES:
            assert self.rows(self.project, n) == self.rows(twin, n)
            assert counts(by_plan, n)[:3] == counts(by_sync, n)[:3]
        for book, wanted in BOOKS.items():
            one, other = (sorted(p.rows(f"SELECT {wanted} FROM {book}"), key=repr) for p in (self.project, twin))
            assert one == other, book

    def settled(self):
        """Nothing is left to do, and nothing is done."""
        failing = self.project.value("SELECT count(*) FROM _sync_errors WHERE closed_at IS NULL")
        found = self.project.diff(expect=PARTIAL if failing else DONE)
        assert found.changes == []
        before = {n: dicts(self.project.db, f"SELECT * FROM {n}") for n in (*NAMES, "_sync_lineage")}
        self.sync(self.project, "--full")
        assert before == {n: dicts(self.project.db, f"SELECT * FROM {n}") for n in before}
        self.verified()
        if not failing:
            self.closed()

    def verified(self):
        found = self.project.command("verify", "--json").expect(DONE, FOUND).json["references"]
        for (n, field), to in self.references().items():
            values = [row[field] for row in self.rows(self.project, n).values() if row[field] is not None]
            (told,) = [r for r in found if (r["entity"], r["field"]) == (n, field)]
            there = self.rows(self.project, to)
            assert (told["total"], told["dangling"]) == (len(values), sum(v not in there for v in values)), told

    def closed(self):
        """What is reached from the others, by the tables alone, is what stands in those that are followed."""
        rows = {n: self.rows(self.project, n) for n in NAMES}
        reached = {n: set() if n in self.followed() else set(rows[n]) for n in NAMES}
        todo = [(n, key) for n in NAMES for key in reached[n]]
        while todo:
            name, key = todo.pop()
            for (n, field), to in self.references().items():
                value = rows[name][key][field] if n == name else None
                if value in rows[to] and value not in reached[to]:
                    reached[to].add(value)
                    todo.append((to, value))
        for n in self.followed():
            assert reached[n] == set(rows[n])

    def fresh(self):
        """A new database has the same records."""
        other = Project(self.project.folder / "fresh")
        other.write(json.loads(json.dumps(self.project.config)))
        self.sync(other)
        for n in NAMES:
            assert set(self.rows(self.project, n)) == set(self.rows(other, n)), n

    def run(self, number):
        for _ in range(self.dice.randrange(5)):
            self.change(self.dice.choice(NAMES))
        if number and self.dice.random() < 0.3:
            self.edit()
        if number and self.dice.random() < 0.3:
            self.spoil()
        self.write()
        what = self.dice.choice(["diff", "plan", "preview"] if number else ["diff", "plan"])
        self.story.append(f"{number}: {what}")
        if what == "preview":
            self.foretold("sync", "--dry-run")
        if what == "plan" and not self.followed():
            self.planned()
        else:
            self.foretold("diff", sync=["--full"])
        self.settled()


@pytest.mark.parametrize("seed", SEEDS)
def test_foretold(tmp_path, seed):
    """Goal: diff, plan and preview are right about what a sync does, whatever the project, the data and the edits."""
    life = Life(tmp_path, seed)
    try:
        for number in range(4):
            life.run(number)
        life.mend()
        life.write()
        life.foretold("diff", sync=["--full"])
        life.settled()
        life.fresh()
    except AssertionError as e:
        raise AssertionError(f"{e}\n" + "\n".join(life.story) + f"\n{json.dumps(life.entities)}") from e
