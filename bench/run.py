#!/usr/bin/env python3
"""Benchmarks of dvsync, beside floors that are measured in the same run. docs/benchmarks.md says what the rows mean.

    bench/run.py [csv|dataverse|gather] [--build DIR] [--rows N] [--columns M] [--repeat K] [--json FILE] [--only STEP ...]

Builds the programs it needs in DIR (default build/release, configured with the release preset when it is not there),
makes the data, runs every step in rounds, and prints a table: median wall and CPU seconds (user and system), rows
per second, peak memory (of the child process, as the kernel reports it), and the ratio of its wall seconds to those of
the step's floor in the same round. A second table says where the CPU time goes: of each rung the least of all rounds.
What a step leaves behind is checked every time; a step whose content is wrong gets no speed, and the exit code is 1. A
missed target is printed, and is no failure.

csv: one file. dataverse: the simulator. gather: two files that speak for one entity.

Only the standard library of Python 3 is needed.
"""
import argparse
import subprocess
import sys

sys.dont_write_bytecode = True  # beside the sources

from csv_files import CsvFiles
from dataverse import Dataverse
from gather_files import GatherFiles
from harness import ROOT, Bench, Wrong

WORLDS = {world.name: world for world in (CsvFiles, Dataverse, GatherFiles)}


def read_options():
    parser = argparse.ArgumentParser(description="benchmarks of dvsync beside floors measured in the same run")
    parser.add_argument("world", nargs="?", choices=sorted(WORLDS), default="csv", help="what is measured (default csv)")
    parser.add_argument("--build", default=ROOT / "build/release", help="build directory (default build/release)")
    parser.add_argument("--no-build", action="store_true", help="the programs are built already")
    parser.add_argument("--rows", type=int, default=200000)
    parser.add_argument("--columns", type=int, help="default 20, 42 (dataverse)")
    parser.add_argument("--change", type=float, default=1, help="percent of the rows that change (default 1)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--json", help="write the results to this file too")
    parser.add_argument("--work", help="where data and databases go (default: a new temporary folder)")
    parser.add_argument("--keep", action="store_true", help="leave data and databases there")
    parser.add_argument("--only", nargs="+", metavar="STEP",
                        help="run only these steps, in their usual order; the second table is the step ladder")
    service = parser.add_argument_group("dataverse")
    service.add_argument("--gzip", action="store_true", help="the simulator compresses its answers")
    service.add_argument("--latency", type=int, default=0, metavar="MS",
                         help="every answer waits so long; ratios are to the pauses alone")
    service.add_argument("--tables", type=int, default=1, help="the rows are spread over so many tables, read at once")
    options = parser.parse_args()
    if options.columns is None:
        options.columns = WORLDS[options.world].default_columns
    if options.rows < 1 or options.columns < 2 or options.repeat < 1:
        parser.error("--rows and --repeat must be at least 1, --columns at least 2")
    if options.world != "dataverse" and (options.gzip or options.latency or options.tables != 1):
        parser.error("--gzip, --latency and --tables are for dataverse")
    if options.tables < 1 or options.rows < options.tables or options.latency < 0:
        parser.error("--tables must be at least 1 and not above --rows, --latency not negative")
    return options


def main():
    options = read_options()
    bench = Bench(WORLDS[options.world](options), options)
    try:
        bench.prepare()
        bench.run()
        return bench.report()
    except (Wrong, subprocess.CalledProcessError) as e:
        print(f"bench: {e}", file=sys.stderr)
        return 1
    finally:
        bench.clean_up()


if __name__ == "__main__":
    sys.exit(main())
