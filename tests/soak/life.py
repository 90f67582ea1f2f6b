"""What the trials have in common: a story that is told, dice for each step, and runs that are disturbed."""

import random
from pathlib import Path

import disturb
from checks import Database
from harness import DONE, FOUND, PARTIAL, wait_until


class Life:
    """A database's life by a seed. Its kinds have `steps`, `project`, `memory`, step(rng), end(rng) and write_source(rng)."""

    dice = ""  # before the seed: each kind draws its own

    def __init__(self, seed, folder, without=()):
        self.seed, self.folder, self.without = seed, Path(folder), set(without)
        self.told = []
        self.folder.mkdir(parents=True, exist_ok=True)

    def tell(self, text):
        self.told.append(text)

    def started(self, disturbance, args):
        """The result of a run that is sent signals when it has reached the fault's place, if it does."""
        reached = self.project.folder / disturb.REACHED
        with self.project.start("sync", "--json", *args, env=disturbance.env) as running:
            wait_until(lambda: reached.exists() or running.process.poll() is not None, "the fault or the end")
            for number in disturbance.signals:
                if running.process.poll() is None:
                    running.signal(number)
            return running.wait()

    def disturbed(self, disturbance, args):
        """One run of a source that is written already, and what must hold of its end after any."""
        disturb.arm(disturbance, self.project, self.memory)
        if disturbance.signals:
            result = self.started(disturbance, args)
        else:
            result = self.project.command("sync", "--json", *args, env=disturbance.env)
        self.tell(f"sync {' '.join(args)} [{disturbance}]: {summary(result)}")
        sound(result)
        assert disturbance.may_end_with(result.code), f"exit {result.code}\n{result}"
        return result

    def look(self, rng, *command):
        """diff, or a dry run: it changes nothing and does not fail."""
        before = Database(self.project).tables
        self.write_source(rng)
        disturb.arm(disturb.Disturbance("nothing"), self.project, self.memory)
        result = self.project.command(*command, "--json")
        self.tell(f"{' '.join(command)}: exit {result.code}")
        sound(result)
        assert result.code in (DONE, FOUND, PARTIAL), result
        assert Database(self.project).tables == before, f"{command} has changed the database"
        return result

    def run(self):
        for n in range(self.steps):
            if n not in self.without:
                self.tell(f"step {n}")
                self.step(random.Random(f"{self.dice}{self.seed}/{n}"))
        self.end(random.Random(f"{self.dice}{self.seed}/end"))


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
