"""One soak trial: a database lives through disturbed runs, then two undisturbed ones, and must equal the source.

Everything follows from the seed, but for how threads meet. A step has dice of its own, so that steps can be left out
(`--without`) and the others stay what they are.
"""

import random

import checks
import disturb
from checks import Database
from harness import DONE, PARTIAL, check_sync_document
from life import Life
from model import Stream
from sinks import memory_sink
from worlds import World, scripted_project


class Trial(Life):
    def __init__(self, seed, folder, without=()):
        super().__init__(seed, folder, without)
        rng = random.Random(f"{seed}")
        names = ["people"] if rng.random() < 0.7 else ["people", "places", "things"]
        bad, self.twice = rng.choice([0, 0, 0.2]), rng.choice([0, 0, 0.25])
        self.streams = [Stream(name, rng, bad, self.twice) for name in names]
        self.memory = rng.random() < 0.7
        self.generation, self.source = 1, "crm"
        self.options = {"max_delete": "100%", "concurrency": rng.randint(1, 4)}
        self.steps = rng.randint(2, 7)
        self.world = World(self.folder)
        self.project = scripted_project(self.folder, self.world)
        self.write_project()
        shapes = [f"{s.name}: {'gathers' if s.gathers else 'streams'}, {'+'.join(s.capabilities)}"
                  f"{', hard deletes' if s.hard else ''}" for s in self.streams]
        self.tell(f"{'memory' if self.memory else 'sqlite'} sink; bad {bad}, twice {self.twice}; " + "; ".join(shapes))

    def failing(self):
        return any(s.failing() for s in self.streams)

    def write_project(self):
        settings = {"script": str(self.world.file), "log": str(self.world.log)}
        config = {"sources": {self.source: {"plugin": "scripted", "settings": settings}}, "options": self.options,
                  "entities": [s.entity(self.source) for s in self.streams]}
        if self.memory:
            config["sink"] = memory_sink(self.project)
        self.project.write(config)

    def write_source(self, rng, fault=None):
        self.world.root = {"identity": "world", "generation": self.generation, "faults": [fault] if fault else [],
                           "streams": {s.name: s.script(rng) for s in self.streams}}
        self.world.write()

    # ---- Runs ----

    def sync(self, rng, disturbance, *args):
        """One run, and what must hold after any."""
        before = Database(self.project)
        self.write_source(rng, disturbance.source)
        self.world.forget()
        result = self.disturbed(disturbance, args)
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

    def end(self, rng):
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
