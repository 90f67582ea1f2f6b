#!/usr/bin/env python3
"""check_exports.py DIR...: every plugin (*.so) below the folders exports dvs_plugin_v1 and nothing else."""
import os
import subprocess
import sys


def main():
    plugins = [os.path.join(folder, name) for top in sys.argv[1:] for folder, _, names in os.walk(top)
               for name in names if name.startswith("dvsync-") and name.endswith(".so")]
    failed = 0
    for path in sorted(plugins):
        lines = subprocess.run(["nm", "-D", "--defined-only", path], check=True, capture_output=True,
                               text=True).stdout.splitlines()
        symbols = sorted(line.split()[-1].split("@")[0] for line in lines)
        print(f"{path}: {', '.join(symbols)}")
        failed += symbols != ["dvs_plugin_v1"]
    if not plugins:
        print("no plugins found in", *sys.argv[1:])
    return 1 if failed or not plugins else 0


if __name__ == "__main__":
    sys.exit(main())
