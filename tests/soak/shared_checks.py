"""What must hold of an entity that several sources share, when all is calm (shared.py says what they say)."""

import json
from collections import defaultdict

from checks import OPS
from shared import ENTITY, FIELDS

STEADY = ("_sync_lineage", "_sync_conflicts", "_sync_pins", ENTITY)  # what an idle run leaves as it is


def current(now):
    """The active rows by key."""
    rows = [r for r in now[ENTITY] if r.get("deleted_at") is None and r.get("valid_to") is None]
    keys = [r["code"] for r in rows]
    assert len(keys) == len(set(keys)), f"a key twice: {sorted(keys)}"
    return {r["code"]: r for r in rows}


def pins(now):
    return {(r["key"], r["field"]): r["value"] for r in now.of("_sync_pins", ENTITY)}


def json_value(text):
    return json.loads(text) if isinstance(text, str) else text


def state(now, rules, sources, touched, what):
    """Which records are active, their values, and which conflicts are open. `touched`: (key, field) that were edited by
    hand; a value of somebody's own stays where no source says anything of the field."""
    rows, expected, pinned = current(now), rules.expected(sources), pins(now)
    assert set(rows) == set(expected), (f"{what}: active and should not be: {sorted(set(rows) - set(expected))}, "
                                        f"missing: {sorted(set(expected) - set(rows))}")
    for key, fields in expected.items():
        for f, v in fields.items():
            if (key, f) not in pinned and ((key, f) not in touched or rules.winner(sources, key, f)):
                assert rows[key][f] == v, f"{what}: {key}.{f} is {rows[key][f]!r}, not {v!r}"
        if rules.derived is not None and (key, "label") not in pinned:
            label = rules.label(rows[key])
            assert rows[key]["label"] == label, f"{what}: {key}.label is {rows[key]['label']!r}, not {label!r}"
    for (key, f), v in pinned.items():
        assert key in rows, f"{what}: {key} has ended, but is pinned"
        assert rows[key][f] == json_value(v), f"{what}: {key}.{f} is {rows[key][f]!r}, but {v!r} is pinned"
    conflicts(now, rules, sources, pinned, what)


def conflicts(now, rules, sources, pinned, what):
    """One open row for every disagreement that stands, with the values of both."""
    wanted = {k: v for k, v in rules.disagreements(sources).items() if (k[0], k[1]) not in pinned}
    found = {}
    for r in now.of("_sync_conflicts", ENTITY):
        if r["status"] != "open" or r["kind"] != "field_differs":
            continue
        pair = (r["key"], r["field"], r["winner_source"], r["loser_source"])
        assert pair not in found, f"{what}: a conflict is open twice: {pair}"
        found[pair] = (json_value(r["winner_value"]), json_value(r["loser_value"]))
    assert found == wanted, (f"{what}: open conflicts that do not stand: {set(found.items()) - set(wanted.items())}, "
                             f"missing: {set(wanted.items()) - set(found.items())}")


def versions(now, history, what):
    """The intervals of a key neither overlap nor invert nor are empty."""
    if history != "scd2":
        return
    of_key = defaultdict(list)
    for r in now[ENTITY]:
        of_key[r["code"]].append((r["valid_from"], r["valid_to"]))
    for key, found in of_key.items():
        found.sort(key=lambda v: (v[0], v[1] or "9"))
        for n, (start, end) in enumerate(found):
            last = n + 1 == len(found)
            fits = (end is None and last) or (end is not None and end > start and (last or found[n + 1][0] >= end))
            assert fits, f"{what}: versions of {key}: {found}"


def no_false_edits(now, touched, what):
    """Nothing is said to be edited by hand that never was."""
    wrong = {(r["key"], r["field"]) for r in now.of("_sync_conflicts", ENTITY) if r["kind"] == "local_edit"} - touched
    assert not wrong, f"{what}: called edited by hand: {wrong}"


def story(now, fields, hard, edited, what):
    """The lineage of each key is a life that can be, and each value before is the value after the change before.
    `edited`: keys of rows that were edited or deleted by hand; `fields`: what was mapped all the time."""
    lives, last = defaultdict(list), {}
    rows_now = current(now)
    for r in now.of("_sync_lineage", ENTITY):
        if r["key"] not in edited:
            lives[r["key"]].append(r)
    for key, rows in lives.items():
        living = False
        for n, r in enumerate(rows):
            fits = r["op"] == "unpin" or (living == OPS[r["op"]] and (r["op"] != "revive" or n > 0) and
                                          (r["op"] != "create" or n == 0 or hard))
            assert fits, f"{what}: lineage of {key}: {[x['op'] for x in rows]}"
            if r["op"] == "unpin":  # it tells of the pin, not of the row
                continue
            living = r["op"] != "delete"
            changes = json.loads(r["changes"]) if r["changes"] else {}
            if r["op"] == "create":
                last.clear()
                continue
            for f, change in changes.items():
                before = last.get(f, change["old"])
                assert before == change["old"] or f not in fields, \
                    f"{what}: {key}.{f} was {before!r}, and {change['old']!r} was replaced"
                last[f] = change["new"]
        for f, v in last.items():
            if key in rows_now and f in fields:
                assert rows_now[key][f] == v, f"{what}: {key}.{f} is {rows_now[key][f]!r}, its lineage ends with {v!r}"
        last.clear()


def offers(now, rules, sources, what):
    """One offer for each record of each source that takes part, none of them pending."""
    found = sorted((r["source"], int(r["source_key"]), r["key"], bool(r["pending"])) for r in
                   now.of("_sync_offers", ENTITY))
    wanted = sorted((n, i, r.code, False) for n in rules.taking_part for i, r in sources[n].taking_part().items())
    assert found == wanted, f"{what}: offers differ: {set(found) ^ set(wanted)}"


def books(now, what):
    """Nothing is left of any run."""
    for table in ("_sync_runs", "_sync_log"):
        running = [r for r in now[table] if r["status"] == "running"]
        assert not running, f"{what}: still running in {table}: {running[:2]}"
    for table in ("_sync_deletes", "_sync_seen", "_sync_locks"):
        assert not now[table], f"{what}: left in {table}: {now[table][:2]}"


def idle(before, now, what):
    """An idle run has written nothing that anybody reads."""
    for table in STEADY:
        assert before[table] == now[table], f"{what}: an idle run has changed {table}: {differences(before, now, table)}"


def differences(before, now, table):
    old, new = before[table], now[table]
    return [r for r in old if r not in new][:2] + [r for r in new if r not in old][:2]


def alike(planned, synced):
    """A plan that was carried out left the same as a sync that started from the same."""
    def shown(now):
        fields = ("code", *FIELDS, "label")
        rows = sorted(repr(([r.get(f) for f in fields], r["sync_hash"], r.get("deleted_at") is None,
                            r.get("valid_to") is None)) for r in now[ENTITY])
        story = sorted(repr((r["key"], r["op"], r["source"], r["source_entity"], r["changes"])) for r in
                       now.of("_sync_lineage", ENTITY))
        conflicts = sorted(repr([r[c] for c in ("key", "field", "kind", "winner_source", "winner_value", "loser_source",
                                                "loser_value", "rule", "status", "seen_count")]) for r in
                           now.of("_sync_conflicts", ENTITY))
        offers = sorted(repr([r[c] for c in ("source", "source_key", "key", "fields", "pending")]) for r in
                        now.of("_sync_offers", ENTITY))
        return {"rows": rows, "lineage": story, "conflicts": conflicts, "offers": offers, "pins": pins(now)}
    for (what, plan), sync in zip(shown(planned).items(), shown(synced).values()):
        assert plan == sync, (f"a plan left other {what} than a sync: only the plan {[x for x in plan if x not in sync][:3]}, "
                              f"only the sync {[x for x in sync if x not in plan][:3]}")


def edits(now, found_edits, rules, sources, what):
    """Every edit by hand that was overwritten was logged."""
    logged = {(r["key"], r["field"], json.dumps(json_value(r["loser_value"]))) for r in
              now.of("_sync_conflicts", ENTITY) if r["kind"] == "local_edit"}
    rows, pinned = current(now), pins(now)
    for (key, f), v in found_edits.items():
        if key not in rows or (key, f) in pinned or f not in FIELDS or not rules.winner(sources, key, f):
            continue
        if rows[key][f] != v:
            assert (key, f, json.dumps(v)) in logged, f"{what}: {key}.{f} = {v!r} was edited by hand, and is not logged"
