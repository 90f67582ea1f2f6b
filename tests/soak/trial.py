"""One soak trial: a database lives through disturbed runs, then two undisturbed ones, and must equal the source.

Everything follows from the seed, but for how threads meet. A step has dice of its own, so that steps can be left out
(`--without`) and the others stay what they are.
"""

import random
from pathlib import Path

import checks
import disturb
from checks import Database
from harness import DONE, FOUND, PARTIAL, check_sync_document, wait_until
from model import Stream
from sinks import memory_sink
from worlds import World, scripted_project


class Trial:
    def __init__(self, seed, folder, without=()):
        self.seed, self.folder, self.without = seed, Path(folder), set(without)
        self.told = []
        rng = random.Random(f"{seed}")
        names = ["people"] if rng.random() < 0.7 else ["people", "places", "things"]
        bad, self.twice = rng.choice([0, 0, 0.2]), rng.choice([0, 0, 0.25])
        self.streams = [Stream(name, rng, bad, self.twice) for name in names]
        self.memory = rng.random() < 0.7
        self.generation, self.source = 1, "crm"
        self.options = {"max_delete": "100%", "concurrency": rng.randint(1, 4)}
        self.steps = rng.randint(2, 7)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.world = World(self.folder)
        self.project = scripted_project(self.folder, self.world)
        self.write_project()
        shapes = [f"{s.name}: {'gathers' if s.gathers else 'streams'}, {'+'.join(s.capabilities)}"
                  f"{', hard deletes' if s.hard else ''}" for s in self.streams]
        self.tell(f"{'memory' if self.memory else 'sqlite'} sink; bad {bad}, twice {self.twice}; " + "; ".join(shapes))

    def tell(self, text):
        self.told.append(text)

    def failing(self):
        return any(s.failing() for s in self.streams)

    def write_project(self):
        settings = {"script": str(self.world.file), "log": str(self.world.log)}
        config = {"sources": {self.source: {"plugin": "scripted", "settings": settings}}, "options": self.options,
                  "entities": [s.entity(self.source) for s in self.streams]}
        if self.memory:
            config["sink"] = memory_sink(self.project)
        self.project.write(config)

    def write_world(self, rng, fault=None):
        self.world.root = {"identity": "world", "generation": self.generation, "faults": [fault] if fault else [],
                           "streams": {s.name: s.script(rng) for s in self.streams}}
        self.world.write()

    # ---- Runs ----

    def started(self, disturbance, args):
        """The result of a run that is sent signals when it has reached the fault's place, if it does."""
        reached = self.project.folder / disturb.REACHED
        with self.project.start("sync", "--json", *args, env=disturbance.env) as running:
            wait_until(lambda: reached.exists() or running.process.poll() is not None, "the fault or the end")
            for number in disturbance.signals:
                if running.process.poll() is None:
                    running.signal(number)
            return running.wait()

    def sync(self, rng, disturbance, *args):
        """One run, and what must hold after any."""
        before = Database(self.project)
        self.write_world(rng, disturbance.source)
        disturb.arm(disturbance, self.project, self.memory)
        self.world.forget()
        if disturbance.signals:
            result = self.started(disturbance, args)
        else:
            result = self.project.command("sync", "--json", *args, env=disturbance.env)
        self.tell(f"sync {' '.join(args)} [{disturbance}]: {summary(result)}")
        sound(result)
        assert disturbance.may_end_with(result.code), f"exit {result.code}\n{result}"
        now = Database(self.project)
        for stream in self.streams:
            if any(not start["resume"] for start in self.world.starts(stream.name)):
                stream.read_began()
        checks.after_any_run(before, now, self.streams)
        document = check_sync_document(result.json) if result.out else None
        # A first load counts the copies of a record as they come, and each record once when it has ended.
        ended = document and all(e["status"] == "completed" for e in document["entities"])
        if document and not disturbance.commit_lied() and (ended or not self.twice):
            checks.told(document, now)
        if result.code == DONE:
            checks.no_open_errors(document, now)
        return result

    def undisturbed(self, rng, *args, what):
        result = self.sync(rng, disturb.Disturbance("nothing"), *args)
        wanted = PARTIAL if self.failing() else DONE
        assert result.code == wanted, f"{what}: exit {result.code}, not {wanted}\n{result}"
        return result

    def look(self, rng, *command):
        """diff, or a dry run: it changes nothing and does not fail."""
        before = Database(self.project).tables
        self.write_world(rng)
        disturb.arm(disturb.Disturbance("nothing"), self.project, self.memory)
        result = self.project.command(*command, "--json")
        self.tell(f"{' '.join(command)}: exit {result.code}")
        sound(result)
        assert result.code in (DONE, FOUND, PARTIAL), result
        assert Database(self.project).tables == before, f"{command} has changed the database"
        return result

    # ---- The trial ----

    def step(self, rng):
        """One disturbed run, then the source changes."""
        disturbance = disturb.draw(rng, self.streams, self.project, self.memory)
        args = ["--full"] if rng.random() < 0.15 else []
        if rng.random() < 0.15 and not self.twice:  # a limit may fall between a record's two selves
            args += ["--row-limit", str(rng.randint(1, 20))]
        if len(self.streams) > 1 and rng.random() < 0.1:
            args += ["--entity", rng.choice(self.streams).name]
        if rng.random() < 0.1:
            self.generation += 1
            self.tell("the source refuses all tokens from now on")
        if rng.random() < 0.12:
            self.edit_project(rng)
        result = self.sync(rng, disturbance, *args)
        if disturbance.what == "nothing" and result.code == DONE and not args:
            self.check_clean_run()
        for stream in self.streams:
            if rng.random() < 0.7:
                stream.change(rng)
        if rng.random() < 0.2:
            self.look(rng, *rng.choice([["diff"], ["sync", "--dry-run"]]))

    def edit_project(self, rng):
        """Another static value in one entity, or another name for the source."""
        if rng.random() < 0.5:
            stream = rng.choice(self.streams)
            stream.kind += 1
            self.tell(f"{stream.name} has another static value")
        else:
            self.source = "crm2" if self.source == "crm" else "crm"
            self.tell(f"the source is called {self.source} now")
        self.write_project()

    def check_clean_run(self):
        """A run that nothing disturbed and that resumed nothing has caught up with the source."""
        now = Database(self.project)
        for stream in self.streams:
            if not any(s["resume"] for s in self.world.starts(stream.name)):
                checks.state(now, stream, "after an undisturbed run")

    def idle(self, rng, what):
        """All read again: nothing is written, and diff finds nothing."""
        result = self.undisturbed(rng, "--full", what=what)
        totals = result.json["totals"]
        written = {c: totals[f"rows_{c}"] for c in ("created", "updated", "deleted") if totals[f"rows_{c}"]}
        assert not written, f"{what}: a second complete read has {written}\n{result}"
        checks.calm(Database(self.project), self.streams, self.source, what)
        found = self.look(rng, "diff")
        assert found.code == (PARTIAL if self.failing() else DONE), f"{what}: {found}"

    def run(self):
        for n in range(self.steps):
            if n not in self.without:
                self.tell(f"step {n}")
                self.step(random.Random(f"{self.seed}/{n}"))
        rng = random.Random(f"{self.seed}/end")
        self.tell("the end")
        self.sync(rng, disturb.Disturbance("nothing"))  # goes on with what was begun: not all is as it is now
        self.undisturbed(rng, what="the second")
        checks.calm(Database(self.project), self.streams, self.source, "after two undisturbed runs")
        if any(s.older for s in self.streams):  # they become known
            self.undisturbed(rng, "--full", what="the first complete read")
        self.idle(rng, "read again")
        if self.failing():
            for stream in self.streams:
                stream.mend()
            self.tell("no record is bad any more")
            self.undisturbed(rng, what="mended")
            checks.calm(Database(self.project), self.streams, self.source, "mended")
            self.idle(rng, "mended, read again")


def sound(result):
    """No sanitizer has said anything."""
    for word in ("Sanitizer", "runtime error:", "WARNING: MEMORY"):
        assert word not in result.err, result


def summary(result):
    """One line about a run, for the story of a failed trial."""
    if not result.out:
        return f"exit {result.code} {result.err[:300]}"
    document = result.json
    parts = [f"exit {result.code}"]
    for e in document["entities"]:
        counts = " ".join(f"{k.removeprefix('rows_')}={v}" for k, v in e.items() if isinstance(v, int) and v)
        parts.append(f"{e['name']}: {'; '.join(str(s.get('mode')) for s in e['sources'])}: {counts}")
    parts += [f"{e['severity']}: {e['message'][:120]}" for e in document["errors"][:3]]
    return " | ".join(parts)
