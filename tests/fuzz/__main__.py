"""``make fuzz MINUTES=60``: every fuzzer in turn, each with its share of the time."""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.runner import fuzz
from tests.fuzz.target import TARGETS
from tests.support.paths import ROOT


def main() -> int:
    """Run the fuzzers; the exit status is 1 if a case broke the property."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60, help="time of all together")
    parser.add_argument("--target", action="append", choices=TARGETS, help="default: all")
    parser.add_argument("--seed", default=str(time.time_ns()), help="default: another each time")
    arguments = parser.parse_args()
    targets = arguments.target or TARGETS
    seconds = 60 * arguments.minutes / len(targets)
    failures = 0
    for name in targets:
        print(f"{name}: {seconds:.0f} s from seed {arguments.seed}", flush=True)
        run = fuzz(name, seed=arguments.seed, count=sys.maxsize, seconds=seconds)
        print(f"{name}: {run.summary()}", flush=True)
        for failure in run.failures:
            where = failure.path.relative_to(ROOT) if failure.path else "known"
            print(f"  {failure.case} ({where}): {failure.reason}")
            print(f"    {failure.place}", flush=True)
        failures += len(run.failures)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
