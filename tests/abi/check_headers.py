#!/usr/bin/env python3
"""check_headers.py COMPILER INCLUDE_DIR USE_FILE: each public header alone, and a plugin that uses them, as strict
C11 or C++11 with all warnings. 77 when the compiler is not installed."""
import os
import shutil
import subprocess
import sys

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wundef", "-Werror"]


def main():
    compiler, include, use = sys.argv[1:4]
    if shutil.which(compiler) is None:
        print(f"SKIPPED: {compiler} is not installed; the headers were NOT checked with it")
        return 77
    plus = compiler.endswith("++")
    language = ["-std=c++11", "-x", "c++"] if plus else ["-std=c11", "-x", "c"]
    strict = ["-Wold-style-definition", "-Wstrict-prototypes"] if not plus else ["-Wnon-virtual-dtor"]
    headers = sorted(name for name in os.listdir(os.path.join(include, "dvsync")) if name.endswith(".h"))
    sources = [(name, f"#include <dvsync/{name}>\nextern int no_empty_file;\n") for name in headers]
    with open(use, encoding="utf-8") as file:
        sources.append((os.path.basename(use), file.read()))
    failed = 0
    for name, text in sources:
        run = subprocess.run([compiler, *language, *WARNINGS, *strict, "-fsyntax-only", "-I", include, "-"],
                             input=text, text=True, capture_output=True, check=False)
        print(f"{compiler}: {name}: {'ok' if run.returncode == 0 else 'FAILED'}\n{run.stderr}", end="")
        failed += run.returncode != 0
    return 1 if failed or len(headers) < 4 else 0


if __name__ == "__main__":
    sys.exit(main())
