"""What the source of a soak trial has, and what the database must hold once everything came through."""

import dataclasses

from worlds import column

COLUMNS = [column("id", "int64", key=1), column("code"), column("seq", "int64", flags=["version"]), column("val")]
BAD = "bad"  # a val that is no int64: a row error
IDS, CODES = 40, 25


@dataclasses.dataclass(frozen=True)
class Record:
    code: str
    val: str
    seq: int


class Stream:
    """One stream of the source and the entity that is made of it."""

    def __init__(self, name, rng, bad, twice):
        self.name = name
        self.gathers = rng.random() < 0.5  # its key is `code`, which several records may have, and which moves
        self.hard = rng.random() < 0.4
        self.bad = bad                     # how often a changed record has a val that cannot be mapped
        self.twice = twice                 # how often a changed record comes with its older self before it
        self.kind = 0                      # a `static` field: the project's edits
        self.delta = rng.random() < 0.6
        self.capabilities = ["complete"] + ["delta"] * self.delta + ["resume"] * (rng.random() < 0.8)
        self.records, self.tombstones, self.older = {}, {}, {}
        self.steady = set()                # (record, key) that the source has had since the read in progress began
        for _ in range(rng.randint(1, 4)):
            self.change(rng, deletes=0)

    @property
    def key(self):
        return "code" if self.gathers else "id"

    def next_seq(self):
        return 1 + max([r.seq for r in self.records.values()] + list(self.tombstones.values()), default=0)

    def put(self, i, code, val):
        self.records[i] = Record(code, val, self.next_seq())
        self.tombstones.pop(i, None)
        self.steady &= self.present()

    def change(self, rng, deletes=0.4):
        """Up to 12 records are changed, come new or go."""
        for _ in range(rng.randint(0, 12)):
            i = rng.randint(1, IDS)
            old = self.records.get(i)
            if old and rng.random() < deletes:
                self.tombstones[i] = self.next_seq()
                del self.records[i]
                self.older.pop(i, None)
                self.steady &= self.present()
                continue
            self.older.pop(i, None)
            if old and rng.random() < self.twice:
                self.older[i] = old
            val = BAD if rng.random() < self.bad else str(rng.randint(1, 9))
            self.put(i, f"K{rng.randint(1, CODES)}" if self.gathers else f"v{rng.randint(1, 9)}", val)

    def mend(self):
        """No record is bad any more."""
        self.bad = 0
        for i in self.failing():
            self.put(i, self.records[i].code, "7")
            self.older.pop(i, None)
        self.older = {i: r for i, r in self.older.items() if r.val != BAD}

    def failing(self):
        return sorted(i for i, r in self.records.items() if r.val == BAD)

    def entity(self, source):
        fields = {"id": "id", "code": "code", "seq": "seq", "val": {"from": "val", "type": "int64"},
                  "kind": {"static": f"kind {self.kind}"}}
        return {"name": self.name, "from": [{"source": source, "entity": self.name, "fields": fields}],
                **({"key": ["code"]} if self.gathers else {}), **({"deletes": "hard"} if self.hard else {})}

    def script(self, rng):
        """This stream for the scripted source; pages and positions are new dice every time."""
        rows = [self.row(i, r, i) for i, r in sorted(self.older.items())]
        rows += [self.row(i, r, IDS + i) for i, r in sorted(self.records.items())]
        return {"columns": COLUMNS, "capabilities": self.capabilities, "rows": rows,
                "tombstones": [{"id": i, "seq": seq} for i, seq in self.tombstones.items()] if self.delta else [],
                "page_size": rng.randint(1, 6), "checkpoint_every": rng.randint(1, 7),
                "page_delay_ms": rng.choice([0, 0, 1, 10])}

    @staticmethod
    def row(i, record, number):
        return {"id": i, "code": record.code, "seq": record.seq, "val": record.val, "$number": number}

    def expected(self):
        """{id: (code, val, kind)} of the active rows; nobody knows while records of a gathering entity fail."""
        if not self.gathers:
            return {i: self.fields(r) for i, r in self.records.items() if r.val != BAD}
        winners = {}
        for i, r in self.records.items():
            if r.code not in winners or winners[r.code][1].seq < r.seq:
                winners[r.code] = (i, r)
        return {i: self.fields(r) for i, r in winners.values()}

    def fields(self, record):
        return (record.code, int(record.val), f"kind {self.kind}")

    def present(self):
        """(record, the text of its key); a failing record of a gathering entity keeps its last good self's key."""
        if self.gathers:
            return {(i, r.code) for i, r in self.records.items() if r.val != BAD}
        return {(i, str(i)) for i in self.records}

    def read_began(self):
        """A read from the start: from now on it is known which records come and go under it."""
        self.steady = self.present()

    def lasting(self):
        """The keys that a read in progress cannot have missed, however often it was resumed."""
        return {key for _, key in self.steady}
