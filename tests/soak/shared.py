"""Two or three sources of one entity: what each has, how the project lets them speak, and what must come of it."""

import dataclasses

from worlds import World, column

COLUMNS = [column("id", "int64", key=1), column("code"), column("seq", "int64", flags=["version"]), column("a"),
           column("b"), column("c")]
FIELDS = ("a", "b", "c")  # c is a text at the source and an int64 in the entity
BAD = "bad"               # a c that is none: a row error
ENTITY = "shared"
IDS, CODES = 14, 10
DERIVED = ("coalesce(a, '-') || '/' || coalesce(c, '-')", "coalesce(a, '~') || coalesce(c, '')")


def value(rng, field):
    if rng.random() < 0.25:
        return None
    return rng.randint(1, 4) if field == "c" else rng.choice(["", "x", "y", "Ä𝄞"])


@dataclasses.dataclass(frozen=True)
class Record:
    code: str
    seq: int
    values: tuple


class Source:
    """One source with its script, its log, and its one stream."""

    def __init__(self, name, folder, rng, bad):
        self.name = name
        self.bad = bad  # how often a changed record has a value that cannot be mapped
        self.world = World(folder, name)
        self.generation = 1
        self.delta = rng.random() < 0.7
        self.capabilities = ["complete"] + ["delta"] * self.delta + ["resume"] * (rng.random() < 0.8)
        self.records, self.tombstones = {}, {}
        self.where = False    # the project's: only records whose a is no 'y' take part
        self.lasting = set()  # (id, key) that it has had since a run took them in
        for _ in range(rng.randint(1, 3)):
            self.change(rng, deletes=0)

    def next_seq(self):
        return 1 + max([r.seq for r in self.records.values()] + list(self.tombstones.values()), default=0)

    def change(self, rng, deletes=0.35):
        """Up to 8 records are changed, come new or go."""
        for _ in range(rng.randint(0, 8)):
            i = rng.randint(1, IDS)
            old = self.records.get(i)
            if old and rng.random() < deletes:
                self.tombstones[i] = self.next_seq()
                del self.records[i]
            else:
                moves = old is None or rng.random() < 0.15
                code = f"K{rng.randint(1, CODES)}" if moves else old.code
                fresh = [value(rng, f) if old is None or rng.random() < 0.5 else v
                         for f, v in zip(FIELDS, old.values if old else FIELDS)]
                if BAD in fresh or rng.random() < self.bad:
                    fresh[FIELDS.index("c")] = BAD if rng.random() < self.bad else 7
                self.records[i] = Record(code, self.next_seq(), tuple(fresh))
                self.tombstones.pop(i, None)
            self.lasting &= self.present()

    def failing(self):
        return [i for i, r in self.records.items() if BAD in r.values]

    def mend(self):
        """No record is bad any more."""
        self.bad = 0
        for i in self.failing():
            r = self.records[i]
            self.records[i] = Record(r.code, self.next_seq(), tuple(7 if v == BAD else v for v in r.values))

    def present(self):
        """A failing record keeps its last good self's key."""
        return {(i, r.code) for i, r in self.taking_part().items() if BAD not in r.values}

    def taking_part(self):
        return {i: r for i, r in self.records.items() if not self.where or r.values[FIELDS.index("a")] != "y"}

    def of_key(self, code):
        """The record that speaks for the key: the newest."""
        found = [r for r in self.taking_part().values() if r.code == code]
        return max(found, key=lambda r: r.seq) if found else None

    def write(self, rng, fault=None):
        rows = [{"id": i, "code": r.code, "seq": r.seq, "$number": i,
                 **{f: v if v is None else str(v) for f, v in zip(FIELDS, r.values)}}
                for i, r in sorted(self.records.items())]
        stream = {"columns": COLUMNS, "capabilities": self.capabilities, "rows": rows,
                  "tombstones": [{"id": i, "seq": s} for i, s in self.tombstones.items()] if self.delta else [],
                  "page_size": rng.randint(1, 6), "checkpoint_every": rng.randint(1, 7),
                  "page_delay_ms": rng.choice([0, 0, 1, 5])}
        self.world.root = {"identity": self.name, "generation": self.generation, "faults": [fault] if fault else [],
                           "streams": {self.stream: stream}}
        self.world.write()

    @property
    def stream(self):
        return f"of_{self.name}"


class Rules:
    """How the project lets its sources speak."""

    def __init__(self, names, rng):
        self.order = rng.sample(names, len(names))
        self.priority = {n: rng.choice([0, 0, 50, 100]) for n in names}
        self.taking_part = [n for n in self.order if rng.random() < 0.85] or self.order[:1]
        self.records_from = rng.sample(self.taking_part, rng.randint(1, len(self.taking_part))) \
            if rng.random() < 0.3 else None
        self.says = {n: {f: rng.choice(["truth", "truth", "truth", "reference", None]) for f in FIELDS} for n in names}
        self.null_wins = {n: {f: rng.random() < 0.2 for f in FIELDS} for n in names}
        self.where = {n: rng.random() < 0.2 for n in names}
        self.derived = rng.choice([None, 0, 1])
        spoken = [f for f in FIELDS if any(self.says[n][f] for n in self.taking_part)]
        for f in FIELDS:  # every field is one of the entity's, as a derived one asks for it
            if f not in spoken:
                self.says[self.taking_part[0]][f] = "truth"

    def apply(self, sources):
        """From now on these are the project's."""
        for source in sources.values():
            source.where = self.where[source.name]
            source.lasting = set()

    def precedence(self):
        return sorted(self.taking_part, key=lambda n: (-self.priority[n], self.order.index(n)))

    def deciders(self):
        return self.records_from or self.taking_part

    def field(self, name, field):
        authority = {"truth": {}, "reference": {"authority": "reference"}}[self.says[name][field]]
        nulls = {"nulls": "win"} if self.null_wins[name][field] else {}
        return {"from": field, **authority, **nulls, **({"type": "int64"} if field == "c" else {})}

    def entity(self, sources, history, deletes):
        froms = [{"source": n, "entity": sources[n].stream,
                  "fields": {"code": "code", **{f: self.field(n, f) for f in FIELDS if self.says[n][f]}},
                  **({"where": "a IS NOT 'y'"} if self.where[n] else {})}
                 for n in self.order if n in self.taking_part]
        entity = {"name": ENTITY, "key": ["code"], "from": froms, "history": history, "deletes": deletes}
        if self.records_from:
            entity["records_from"] = self.records_from
        if self.derived is not None:
            entity["derived"] = {"label": DERIVED[self.derived]}
        return entity

    # ---- What must come of it ----

    def opinions(self, sources, code, field, how):
        """[(source, value, whether it is an opinion)] of those who speak so, in order of precedence."""
        found = []
        for n in self.precedence():
            record = sources[n].of_key(code)
            if record is not None and self.says[n][field] == how:
                v = record.values[FIELDS.index(field)]
                found.append((n, v, v is not None or self.null_wins[n][field]))
        return found

    def winner(self, sources, code, field):
        """(source, value): by source_of_truth; None where none has a say, or only by reference."""
        said = self.opinions(sources, code, field, "truth")
        return next(((n, v) for n, v, is_opinion in said if is_opinion), (said[0][0], None) if said else None)

    def is_open(self, sources, code, field):
        """What stands there is nobody's business but the sink's: only references speak."""
        if self.winner(sources, code, field):
            return False
        return bool(self.opinions(sources, code, field, "reference")) or \
            all(self.says[n][field] != "truth" for n in self.taking_part)

    def keys(self, sources):
        return {r.code for n in self.deciders() for r in sources[n].taking_part().values()}

    def expected(self, sources):
        """{key: {field: value}}; fields that are open stand not there."""
        rows = {}
        for code in self.keys(sources):
            winners = {f: self.winner(sources, code, f) for f in FIELDS if not self.is_open(sources, code, f)}
            rows[code] = {f: w[1] if w else None for f, w in winners.items()}
        return rows

    def label(self, row):
        a, c = row["a"], row["c"]
        if self.derived == 0:
            return f"{'-' if a is None else a}/{'-' if c is None else c}"
        return f"{'~' if a is None else a}{'' if c is None else c}"

    def disagreements(self, sources):
        """{(key, field, winner, loser): (winner's value, loser's value)}."""
        found = {}
        for code in self.keys(sources):
            for f in FIELDS:
                said = [(n, v) for n, v, is_opinion in self.opinions(sources, code, f, "truth") if is_opinion]
                for n, v in said[1:]:
                    if v != said[0][1]:
                        found[code, f, said[0][0], n] = (said[0][1], v)
        return found
