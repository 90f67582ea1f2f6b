"""One soak trial of an entity that several sources share: disturbed runs, changes at the sources, in the project and by
hand, then calm: the database must hold what the sources and the project say, as a new one does.

Everything follows from the seed, but for how threads meet. A step has dice of its own, so that steps can be left out.
"""

import json
import random
import shutil

import disturb
import shared_checks as checks
from checks import Database
from harness import DONE, FOUND, Project, check_sync_document, execute, quoted
from life import Life, sound, summary
from shared import ENTITY, FIELDS, Rules, Source, value
from sinks import memory_sink

NAMES = ("crm", "sheet", "extra")


class SharedTrial(Life):
    dice = "shared "

    def __init__(self, seed, folder, without=()):
        super().__init__(seed, folder, without)
        rng = random.Random(f"shared {seed}")
        names = NAMES[:rng.choice([2, 2, 2, 3])]
        bad = rng.choice([0, 0, 0, 0.15])
        self.sources = {n: Source(n, self.folder, rng, bad) for n in names}
        self.memory = rng.random() < 0.5
        self.rules = Rules(list(names), rng)
        self.rules.apply(self.sources)
        self.history = rng.choice(["none", "none", "scd2"])
        self.deletes = rng.choice(["soft", "soft", "hard"])
        self.steps = rng.randint(2, 7)
        self.edited = False    # by hand, and no complete read since then that was not disturbed
        self.mapped = {*FIELDS, "label"}  # all the time
        self.touched = set()   # (key, field) that ever were
        self.edits = {}        # {(key, field): value} that are to be found in the log
        self.project = self.write_project(Project(self.folder))
        self.tell(f"{'memory' if self.memory else 'sqlite'} sink, history {self.history}, deletes {self.deletes}; " +
                  "; ".join(f"{s.name}: {'+'.join(s.capabilities)}" for s in self.sources.values()))
        self.tell_rules()

    def tell_rules(self):
        r = self.rules
        if r.derived is None:
            self.mapped.discard("label")
        self.tell(f"rules: precedence {r.precedence()}, records_from {r.records_from}, derived {r.derived}, " +
                  ", ".join(f"{n}: {json.dumps({f: r.says[n][f] for f in FIELDS})}" +
                            f"{' where' if r.where[n] else ''} nulls win {[f for f in FIELDS if r.null_wins[n][f]]}" for n in r.taking_part))

    def write_project(self, project):
        used = {n: s for n, s in self.sources.items() if n in self.rules.taking_part}
        config = {"sources": {n: {"plugin": "scripted", "priority": self.rules.priority[n],
                                  "settings": {"script": str(s.world.file), "log": str(s.world.log)}}
                              for n, s in sorted(used.items(), key=lambda item: self.rules.order.index(item[0]))},
                  "options": {"max_delete": "100%", "concurrency": 3},
                  "entities": [self.rules.entity(self.sources, self.history, self.deletes)]}
        if self.memory:
            config["sink"] = memory_sink(project)
        return project.write(config)

    def write_source(self, rng, fault=None, at=None):
        for n, source in self.sources.items():
            source.write(rng, fault if n == at else None)

    # ---- Runs ----

    def draw(self, rng):
        """A disturbance, and the source whose script it is written into."""
        at = rng.choice(self.rules.taking_part)

        class Named:
            name = self.sources[at].stream
        disturbance = disturb.draw(rng, [Named], self.project, self.memory)
        if disturbance.what == "refuse" and disturbance.sink and "table" in disturbance.sink:
            disturbance.sink["table"] = ENTITY
        return disturbance, at

    def sync(self, rng, disturbance, at, *args):
        """One run, and what must hold after any."""
        before = Database(self.project)
        self.write_source(rng, disturbance.source, at)
        for source in self.sources.values():
            source.world.forget()
        result = self.disturbed(disturbance, args)
        now = Database(self.project)
        self.nothing_lost(before, now)
        checks.versions(now, self.history, "after a run")
        if result.out:
            check_sync_document(result.json)
        if result.code == DONE and "--row-limit" not in args:
            for n in self.rules.taking_part:
                self.sources[n].lasting = self.sources[n].present()
        return result

    def failing(self):
        return any(self.sources[n].failing() for n in self.rules.taking_part)

    def nothing_lost(self, before, now):
        """No record was deleted that a source that decides has had all the time."""
        known = {r["row_id"] for r in before["_sync_lineage"]}
        lasting = {key for n in self.rules.deciders() for _, key in self.sources[n].lasting}
        wrong = {r["key"] for r in now.of("_sync_lineage", ENTITY)
                 if r["op"] == "delete" and r["row_id"] not in known} & lasting
        assert not wrong, f"deleted, though a source has them: {sorted(wrong)}"

    def undisturbed(self, rng, *args, what):
        result = self.sync(rng, disturb.Disturbance("nothing"), None, *args)
        assert result.code == DONE, f"{what}: exit {result.code}\n{result}"
        if "--full" in args:
            self.edited = False
        return result

    # ---- What happens between runs ----

    def edit_project(self, rng):
        if rng.random() < 0.3:
            name = rng.choice(list(self.sources))
            self.sources[name].generation += 1
            self.tell(f"{name} refuses all tokens from now on")
            return
        self.rules = Rules(list(self.sources), rng)
        self.write_project(self.project)
        self.tell_rules()
        self.rules.apply(self.sources)

    def edit_by_hand(self, rng):
        """A value, a row more or a row less in the SQLite file."""
        now = Database(self.project)
        if self.memory or not now[ENTITY]:
            return
        row = rng.choice(now[ENTITY])
        is_current = row.get("deleted_at") is None and row.get("valid_to") is None
        where = f"UPDATE {quoted(ENTITY)} SET {{}} = ? WHERE row_id = ?"
        self.edited = True
        if rng.random() < 0.15:
            execute(self.project.db, f"DELETE FROM {quoted(ENTITY)} WHERE code = ?", row["code"])
            self.edits = {k: v for k, v in self.edits.items() if k[0] != row["code"]}
            self.touched |= {(row["code"], f) for f in FIELDS}
            self.tell(f"by hand: {row['code']} deleted")
            return
        field = rng.choice(FIELDS)
        new = value(rng, field) if rng.random() < 0.4 else 77 if field == "c" else "by hand"
        execute(self.project.db, where.format(quoted(field)), new, row["row_id"])
        self.touched.add((row["code"], field))
        if is_current and row[field] is not None and row[field] != new and (row["code"], field) not in self.edits:
            self.edits[row["code"], field] = new
        else:
            self.edits.pop((row["code"], field), None)
        self.tell(f"by hand: {row['code']}.{field} is {new!r} now, in row {row['row_id']}")

    def resolve(self, rng):
        """One open conflict is resolved, or one pin taken back."""
        now = Database(self.project)
        disturb.arm(disturb.Disturbance("nothing"), self.project, self.memory)
        rows = [r for r in now.of("_sync_conflicts", ENTITY) if r["status"] == "open"]
        pinned = [r for r in now.of("_sync_pins", ENTITY)]
        if rows and (not pinned or rng.random() < 0.6):
            row = rng.choice(rows)
            keep = rng.choice([r for r in (row["winner_source"], row["loser_source"]) if r])
            result = self.project.command("conflicts", "resolve", row["id"], "--keep", keep)
            self.tell(f"conflicts resolve {row['id']} ({row['key']}.{row['field']}) --keep {keep}: {result.err.strip()}")
            assert result.code == DONE, result
        elif pinned:
            row = rng.choice(pinned)
            result = self.project.command("conflicts", "unpin", row["conflict_id"])
            self.tell(f"conflicts unpin {row['conflict_id']} ({row['key']}.{row['field']}): {result.err.strip()}")
            assert result.code == DONE, result

    # ---- The trial ----

    def step(self, rng):
        disturbance, at = self.draw(rng)
        args = ["--full"] if rng.random() < 0.15 else []
        if rng.random() < 0.1:
            args += ["--force-overwrite"]
        if rng.random() < 0.1:
            args += ["--row-limit", str(rng.randint(1, 12))]
        if rng.random() < 0.25:
            self.edit_project(rng)
        if rng.random() < 0.12:
            self.carry_out_plan(rng)
        result = self.sync(rng, disturbance, at, *args)
        if disturbance.what == "nothing" and result.code == DONE and not args and not self.edited and \
                not self.failing():
            self.check_clean_run()
        for source in self.sources.values():
            if rng.random() < 0.7:
                source.change(rng)
        if rng.random() < 0.2:
            self.edit_by_hand(rng)
        if rng.random() < 0.25:
            self.resolve(rng)
        if rng.random() < 0.2:
            self.look(rng, *rng.choice([["diff"], ["sync", "--dry-run"]]))

    def carry_out_plan(self, rng):
        """A plan that is carried out does what a sync does."""
        if self.failing() or not Database(self.project).tables:
            return
        disturb.arm(disturb.Disturbance("nothing"), self.project, self.memory)
        self.write_source(rng)
        plan = self.folder / "saved.plan"
        plan.unlink(missing_ok=True)
        found = self.project.command("diff", "--json", "--plan", plan)
        self.tell(f"diff --plan: exit {found.code}")
        assert found.code in (DONE, FOUND), found
        other = self.folder / "other"
        shutil.rmtree(other, ignore_errors=True)
        other.mkdir()
        for file in self.folder.iterdir():
            if file.name.startswith("demo.") and file.suffix not in (".yaml", ".lock"):
                shutil.copy(file, other / file.name)
        synced = self.write_project(Project(other))
        result = synced.command("sync", "--json", "--full")
        assert result.code == DONE, f"the sync beside a plan: {result}"
        result = self.project.command("sync", "--json", "--plan", plan)
        self.tell(f"sync --plan: {summary(result)}")
        sound(result)
        assert result.code == DONE, result
        self.edited = False
        now, then = Database(self.project), Database(synced)
        checks.state(now, self.rules, self.sources, self.touched, "after a plan")
        checks.alike(now, then)

    def check_clean_run(self):
        """A run that nothing disturbed and that resumed nothing has caught up with the sources."""
        resumed = any(start["resume"] for n in self.rules.taking_part
                      for start in self.sources[n].world.starts(self.sources[n].stream))
        if not resumed:
            checks.state(Database(self.project), self.rules, self.sources, self.touched, "after an undisturbed run")

    def calm(self, what):
        now = Database(self.project)
        checks.state(now, self.rules, self.sources, self.touched, what)
        checks.versions(now, self.history, what)
        checks.no_false_edits(now, self.touched, what)
        checks.story(now, self.mapped, self.deletes == "hard", {key for key, _ in self.touched}, what)
        checks.offers(now, self.rules, self.sources, what)
        checks.books(now, what)
        assert not now.open_errors(ENTITY), f"{what}: open row errors: {now.open_errors(ENTITY)[:2]}"
        return now

    def compare_with_new(self, rng):
        """A new database, made by one sync, has the same state."""
        other = self.write_project(Project(self.folder / "new"))
        self.write_source(rng)
        result = other.command("sync", "--json")
        assert result.code == DONE, f"a new database: exit {result.code}\n{result}"
        checks.state(Database(other), self.rules, self.sources, (), "a new database")

    def end(self, rng):
        for source in self.sources.values():
            source.mend()
        self.tell("the end; no record is bad any more")
        self.sync(rng, disturb.Disturbance("nothing"), None)  # goes on with what was begun
        self.undisturbed(rng, "--full", what="the first complete read")
        now = self.calm("after a complete read")
        checks.edits(now, self.edits, self.rules, self.sources, "after a complete read")
        self.undisturbed(rng, "--full", what="the second")
        before = self.calm("after the second complete read")
        found = self.look(rng, "diff")
        assert found.code == DONE, f"a diff after a complete read: {found}"
        result = self.undisturbed(rng, "--full", what="the third")
        written = {c: v for c in ("created", "updated", "deleted") if (v := result.json["totals"][f"rows_{c}"])}
        assert not written, f"a third complete read has {written}\n{result}"
        checks.idle(before, self.calm("after the third complete read"), "the third complete read")
        self.compare_with_new(rng)
