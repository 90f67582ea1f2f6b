"""The ways in which a run of a soak trial is disturbed. Each draws its place from the dice it is given."""

import signal

from harness import tracing
from sinks import set_faults

SINK_SLOTS = ["commit", "commit", "write", "load", "read", "scan", "savepoint", "delete_where", "begin"]
SINK_FAILURES = ["disk_full", "io", "internal", "busy"]
SOURCE_FAILURES = ["network", "changed", "resume"]
REACHED = "reached"


class Disturbance:
    """What one run is started with: faults of the source and of the memory sink, environment, a signal."""

    def __init__(self, what, source=None, sink=None, env=None, signals=()):
        self.what, self.source, self.sink, self.env, self.signals = what, source, sink, env or {}, signals

    def __repr__(self):
        more = [str(x) for x in (self.source, self.sink, {k: v for k, v in self.env.items() if k != "LD_PRELOAD"})
                if x]
        return " ".join([self.what, *more, *(signal.Signals(s).name for s in self.signals)])

    def may_end_with(self, code):
        return code in {"nothing": (0, 3), "kill": (0, 1, 3, -9), "fail": (0, 1, 3), "refuse": (0, 1, 3),
                        "signal": (0, 1, 3, 130, 143)}[self.what]


    def commit_lied(self):
        """A commit was made that failed all the same: the run cannot know what it did."""
        return bool(self.sink) and self.sink["slot"] == "commit" and self.sink["when"] == "after"


def pull(rng, streams, **what):
    return {"slot": "pull", "stream": rng.choice(streams).name, "after_rows": rng.randint(0, 30), **what}


def sink_call(rng, **what):
    return {"slot": rng.choice(SINK_SLOTS), "nth": rng.randint(2, 25), "when": rng.choice(["before", "after"]), **what}


def kill(rng, streams, project, memory):
    """kill -9 in the source, or in the sink: in a slot, or before or after a commit or a write to the file."""
    if rng.random() < 0.5:
        return Disturbance("kill", source=pull(rng, streams, kill=True))
    if memory:
        return Disturbance("kill", sink=sink_call(rng, kill=True))
    point = rng.choice([("DVSYNC_KILL_BEFORE", 15), ("DVSYNC_KILL_AFTER", 15), ("DVSYNC_KILL_WRITE", 150)])
    return Disturbance("kill", env=tracing(project.db, **{point[0]: str(rng.randint(1, point[1]))}))


def fail(rng, streams, project, memory):
    """A slot fails: the source's network, a change under the read, a refused position; the disk, the sink."""
    if rng.random() < 0.5:
        return Disturbance("fail", source=pull(rng, streams, status=rng.choice(SOURCE_FAILURES), message="by the test"))
    if memory:
        return Disturbance("fail", sink=sink_call(rng, status=rng.choice(SINK_FAILURES), message="by the test"))
    return Disturbance("fail", env=tracing(project.db, DVSYNC_FULL_AFTER=str(rng.randint(0, 400_000))))


def refuse(rng, streams, project, memory):
    """The sink refuses some records of one batch."""
    if not memory:
        return fail(rng, streams, project, memory)
    row = {"slot": rng.choice(["write", "load"]), "table": rng.choice(streams).name, "nth": rng.randint(1, 4),
           "times": rng.randint(1, 3), "status": "data", "scope": "row", "row": rng.randint(0, 2),
           "message": "by the test"}
    return Disturbance("refuse", sink=row)


def interrupt(rng, streams, project, memory):
    """SIGINT or SIGTERM, perhaps twice, while a slot is at work: it waits until the run is cancelled."""
    wait = {"touch": str(project.folder / REACHED), "wait_for": str(project.folder / "never")}
    signals = rng.choice([[signal.SIGINT], [signal.SIGTERM], [signal.SIGINT, signal.SIGINT]])
    if memory and rng.random() < 0.5:
        return Disturbance("signal", sink=sink_call(rng, **wait), signals=signals)
    return Disturbance("signal", source=pull(rng, streams, **wait), signals=signals)


KINDS = [(kill, 0.35), (fail, 0.25), (refuse, 0.08), (interrupt, 0.12)]  # else: nothing


def draw(rng, streams, project, memory):
    dice = rng.random()
    for kind, share in KINDS:
        if dice < share:
            return kind(rng, streams, project, memory)
        dice -= share
    return Disturbance("nothing")


def arm(disturbance, project, memory):
    """Writes the sink's faults; those of the source go into its script."""
    (project.folder / REACHED).unlink(missing_ok=True)
    if memory:
        set_faults(project, [disturbance.sink] if disturbance.sink else [])
