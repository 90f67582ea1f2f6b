"""Worlds for the scripted source (tests/plugins/README.md): what it has, how it fails, what it was asked."""

import copy
import json
from pathlib import Path

from harness import Project

FAR = "2020-01-01T00:00:00.000000Z"


def column(name, kind="text", key=0, **more):
    return {"name": name, "type": kind, **({"key": key} if key else {}), **more}


THINGS = [column("id", "int64", key=1), column("code"), column("name"), column("amount", "decimal")]


def thing(i, seq=None, **changes):
    return {"id": i, "$number": i, "code": f"C{i:05}", "name": f"name {i}", "amount": f"{i}.5",
            "seq": i if seq is None else seq, **changes}


class World:
    """The script of one scripted source."""

    def __init__(self, folder, name="world"):
        self.file = Path(folder) / f"{name}.json"
        self.log = Path(folder) / f"{name}.log"
        self.root = {"identity": name, "streams": {}, "faults": []}

    def stream(self, name="things", columns=None, rows=(), tombstones=(),
               capabilities=("complete", "cursor", "delta", "resume"), **more):
        self.root["streams"][name] = {"columns": copy.deepcopy(columns or THINGS), "rows": list(rows),
                                      "tombstones": list(tombstones), "capabilities": list(capabilities), **more}
        return self

    def generated(self, name, n, capabilities=("complete", "resume"), **more):
        generate = {"rows": n, **more.pop("generate", {})}
        return self.stream(name, columns=more.pop("columns", THINGS), capabilities=capabilities, generate=generate,
                           **more)

    def __getitem__(self, name):
        return self.root["streams"][name]

    def fault(self, slot, **more):
        self.root["faults"].append({"slot": slot, **more})
        return self

    def calm(self):
        self.root["faults"] = []
        return self

    def write(self):
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(self.root, ensure_ascii=False), encoding="utf-8")
        new.rename(self.file)
        return self

    def rows(self, stream="things"):
        return self[stream]["rows"]

    def change(self, i, seq, stream="things", **changes):
        for row in self.rows(stream):
            if row["id"] == i:
                row.update(changes, seq=seq)
                return self
        raise KeyError(i)

    def remove(self, i, seq=None, stream="things"):
        """Takes a record away; with seq a tombstone says so."""
        self[stream]["rows"] = [r for r in self.rows(stream) if r["id"] != i]
        if seq is not None:
            self[stream]["tombstones"].append({"id": i, "seq": seq})
        return self

    # What it was asked.

    def asked(self, slot=None):
        if not self.log.exists():
            return []
        lines = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [e for e in lines if slot is None or e.get("slot", e.get("event")) == slot]

    def starts(self, stream="things"):
        return [e for e in self.asked("start") if e.get("stream", e.get("name")) == stream]

    def delivered(self, stream="things"):
        """Rows and tombstones that pulls have delivered since the log was forgotten."""
        return sum(e.get("rows", 0) for e in self.asked("pull") if e.get("stream", e.get("name")) == stream)

    def forget(self):
        self.log.unlink(missing_ok=True)


def scripted_project(folder, world, name="demo", entities=None, options=None, sink=None):
    project = Project(folder, name)
    settings = {"script": str(world.file), "log": str(world.log)}
    config = {"sources": {"src": {"plugin": "scripted", "settings": settings}},
              "entities": entities or ["things"]}
    if options:
        config["options"] = options
    if sink:
        config["sink"] = sink
    return project.write(config)
