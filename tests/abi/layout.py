#!/usr/bin/env python3
"""The layout of the plugin ABI as text.

layout.py program HEADER...     prints a C program that prints size and offset of every struct and field, and
                                the value of every constant, in the headers
layout.py compare PROGRAM FILE  runs that program and compares with the golden file, which may only gain lines
"""
import re
import subprocess
import sys

NOT_CONSTANTS = {"DVS_EXPORT"}


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def constants(text):
    for match in re.finditer(r"^#define (DVS_\w+)[ \t]+(.+)$", text, flags=re.M):
        name, value = match.groups()
        if name not in NOT_CONSTANTS and not value.lstrip().startswith("{"):
            yield name


def fields(body):
    """Names of the fields of a struct body; those of an unnamed type inside as v.name."""
    inner = re.search(r"\b(?:union|struct)\s*\{([^}]*)\}\s*(\w+)\s*;", body)
    if inner:
        body = body.replace(inner.group(0), "")
        for name in fields(inner.group(1)):
            yield f"{inner.group(2)}.{name}"
    for declaration in body.split(";"):
        declaration = " ".join(declaration.split())
        if not declaration:
            continue
        pointer = re.search(r"\(\*(\w+)\)", declaration)
        if pointer:
            yield pointer.group(1)
            continue
        for part in declaration.split(","):
            yield re.search(r"(\w+)(\[\w+\])?$", part.strip()).group(1)


def structs(text):
    """(name, body) of every struct that is defined."""
    for match in re.finditer(r"\bstruct (\w+)\s*\{", text):
        depth, at = 1, match.end()
        while depth:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        yield match.group(1), text[match.end():at - 1]


def program(headers):
    print('#include <stdio.h>\n\n#include "dvsync/plugin.h"\n\nint main(void)\n{')
    print("    static const dvs_error error_init = DVS_ERROR_INIT;")
    for header in headers:
        with open(header, encoding="utf-8") as file:
            text = without_comments(file.read())
        for name in constants(text):
            print(f'    printf("value {name} %lld\\n", (long long)({name}));')
        for name, body in structs(text):
            print(f'    printf("size {name} %zu\\n", sizeof({name}));')
            for field in fields(body):
                print(f'    printf("field {name}.{field} at %zu size %zu\\n", offsetof({name}, {field}), '
                      f"sizeof((({name} *)0)->{field}));")
    print('    printf("value DVS_ERROR_INIT.struct_size %u\\n", (unsigned)error_init.struct_size);')
    print("    return 0;\n}")


def split(line):
    """("size dvs_host", 112); a line is its name and, at its end, a number."""
    name, number = line.rsplit(" ", 1)
    return name, int(number)


def may_grow(name, now):
    """Structs that carry their size may get longer, and two constants count what there is. Where it happened the
    golden file has one line for each version."""
    if name in ("value DVS_ABI_MINOR", "value DVS_KIND_COUNT", "value DVS_ERROR_INIT.struct_size"):
        return True
    kind, struct = name.split()[:2]
    return kind == "size" and f"field {struct}.struct_size at 0 size 4" in now


def compare(executable, golden):
    now = subprocess.run([executable], check=True, capture_output=True, text=True).stdout.splitlines()
    with open(golden, encoding="utf-8") as file:
        was = file.read().splitlines()
    values = dict(split(line) for line in now)
    gone = [line for line in was if line not in now
            and not (may_grow(split(line)[0], now) and split(line)[1] < values.get(split(line)[0], 0))]
    new = [line for line in now if line not in was]
    for line in gone:
        print(f"changed or removed: {line}")
    for line in new:
        print(f"not in {golden}: {line}")
    if gone:
        print("The ABI of plugins that exist would break. Fields and constants are added at the end, never changed.")
    elif new:
        print("Add these lines to the golden file if they are meant to stay for ever.")
    print(f"{len(now)} lines, {len(gone)} changed, {len(new)} new")
    return 1 if gone or new or len(now) < 100 else 0


def main():
    if sys.argv[1] == "program":
        program(sys.argv[2:])
        return 0
    return compare(sys.argv[2], sys.argv[3])


if __name__ == "__main__":
    sys.exit(main())
