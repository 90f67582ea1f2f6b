#!/usr/bin/env python3
"""check_includes.py ROOT: the rooms of core include only rooms below them, core/map alone knows SQLite, the command
line sees the public headers and base only, and a plugin sees nothing of dvsync but the public headers."""
import os
import re
import sys

ROOMS = ["base", "data", "config", "plugin", "map", "reconcile", "run", "api", "cli"]  # from the ground up
CLI_SEES = {"cli", "base"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def includes(top):
    """(file, quote, included, line) of every C or C++ file below `top`."""
    for folder, _, names in os.walk(top):
        for name in sorted(names):
            if not name.endswith((".c", ".h", ".cc", ".cpp", ".hpp")):
                continue
            path = os.path.join(folder, name)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            for match in INCLUDE.finditer(text):
                yield path, match.group(1), match.group(2), text.count("\n", 0, match.start(1)) + 1


def room_problem(room, quote, name):
    first = name.split("/")[0]
    if first == "dvsync":
        return None
    if name == "sqlite3.h" and room != "map":
        return "only core/map may include sqlite3.h"
    if ".." in name.split("/"):
        return "includes are written room/file.h"
    if quote == "<":
        return "rooms are included with quotes" if first in ROOMS else None
    if first not in ROOMS or "/" not in name:
        return "includes are written room/file.h"
    if room == "cli":
        return None if first in CLI_SEES else "the command line sees the public headers and base only"
    return None if ROOMS.index(first) <= ROOMS.index(room) else f"{room} lies below {first}"


def plugin_problem(core, top, path, quote, name):
    if name.startswith("dvsync/"):
        exists = os.path.exists(os.path.join(core, "include", name))
        return None if exists and name != "dvsync/dvsync.h" else "no header for plugins"
    if quote == "<":
        return "core" if name.split("/")[0] in ROOMS and os.path.exists(os.path.join(core, name)) else None
    here = os.path.normpath(os.path.join(os.path.dirname(path), name))
    inside = [here, os.path.normpath(os.path.join(top, name))]
    shared = os.path.join(os.path.dirname(top), "common")  # compiled into each plugin that uses it
    if any(os.path.exists(p) and p.startswith((top + os.sep, shared + os.sep)) for p in inside):
        return None
    return "a plugin sees its own folder, plugins/common and dvsync/*.h only"


def main():
    root = os.path.abspath(sys.argv[1])
    core = os.path.join(root, "core")
    problems, seen = [], 0
    for room in ROOMS:
        for path, quote, name, line in includes(os.path.join(core, room)):
            seen += 1
            problem = room_problem(room, quote, name)
            if problem:
                problems.append(f"{path}:{line}: {name}: {problem}")
    plugins = os.path.join(root, "plugins")
    tests = os.path.join(root, "tests", "plugins")
    tops = [os.path.join(plugins, name) for name in sorted(os.listdir(plugins))]
    # Test plugins share what is in tests/plugins/common.
    for top in [t for t in tops if os.path.isdir(t)] + [tests]:
        for path, quote, name, line in includes(top):
            seen += 1
            problem = plugin_problem(core, top, path, quote, name)
            if problem:
                problems.append(f"{path}:{line}: {name}: {problem}")
    print(*problems, sep="\n")
    print(f"{seen} includes, {len(problems)} problems")
    return 1 if problems or seen < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
