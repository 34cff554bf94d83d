"""Rows of a speed benchmark: each a figure beside that of a floor or a peer."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np

from mnist_edge.evaluation.benchmark.timing import Ratio, summarize_ratio, time_interleaved

Goal = Literal["at most", "at least"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One figure, with what it is held against; both were measured in one run, in turn."""

    what: str
    """What was measured."""
    figure: float
    """Its median."""
    unit: str
    """Of both figures."""
    against: str | None = None
    """The floor or the peer; None where the figure stands alone."""
    other: float | None = None
    """The median of that."""
    ratio: float | None = None
    """Median over rounds of the ratio of times or bytes; inverted where more is better, so that it
    says how many times as fast."""
    quartiles: tuple[float, float] | None = None
    """Of those ratios."""
    goal: Goal | None = None
    """Direction of the target, if there is one."""
    target: float | None = None
    """Limit for the ratio, or for a figure that stands alone."""

    @property
    def short_by(self) -> float | None:
        """Share by which the target is missed, or None."""
        if self.goal is None or self.target is None:
            return None
        value = self.figure if self.ratio is None else self.ratio
        if self.goal == "at least":
            return 1 - value / self.target if value < self.target else None
        if value <= self.target:
            return None
        return value / self.target - 1 if self.target else value


def row_of_times(
    what: str,
    ours: Sequence[float],
    against: str,
    theirs: Sequence[float],
    *,
    calls: int = 1,
    goal: Goal | None = None,
    target: float | None = None,
) -> Row:
    """Make a row of two series of seconds, one value per round.

    Args:
        what: the first.
        ours: its seconds.
        against: the second.
        theirs: its seconds, of the same rounds.
        calls: calls made in each round.
        goal: ``at least`` for how many times as fast, otherwise how many times as long.
        target: of the ratio.
    """
    fast = goal == "at least"
    ratio: Ratio = summarize_ratio(theirs, ours) if fast else summarize_ratio(ours, theirs)
    ours_us, theirs_us = (1e6 * float(np.median(times)) / calls for times in (ours, theirs))
    scale, unit = (1e3, "ms") if max(ours_us, theirs_us) >= 1e4 else (1.0, "us")
    return Row(
        what=what,
        figure=ours_us / scale,
        unit=unit,
        against=against,
        other=theirs_us / scale,
        ratio=ratio.median,
        quartiles=(ratio.low, ratio.high),
        goal=goal,
        target=target,
    )


def row_of_peaks(
    what: str,
    ours: float | None,
    against: str,
    theirs: float | None,
    *,
    target: float | None = None,
) -> Iterable[Row]:
    """Yield a row of two programs' memory in MiB, or nothing if the system cannot tell."""
    if ours and theirs:
        yield Row(
            what=what,
            figure=ours,
            unit="MiB",
            against=against,
            other=theirs,
            ratio=ours / theirs,
            goal=None if target is None else "at most",
            target=target,
        )


def in_turn(calls: Sequence[Callable[[], object]], *, rounds: int) -> list[list[float]]:
    """Time each call in every round, in seconds, after a round that does not count."""
    time_interleaved(calls, rounds=1)
    return time_interleaved(calls, rounds=rounds)


def main(measure: Callable[[float], Iterable[Row]], description: str | None) -> None:
    """Print the rows of a script as lines of JSON.

    Args:
        measure: yields the rows; takes the share of the full size to measure, 0..1.
        description: the docstring of the script.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--share", type=float, default=1.0, help="of the full size, 0..1")
    chosen = parser.parse_args()
    started = time.perf_counter()
    for row in measure(chosen.share):
        print(json.dumps(asdict(row)), flush=True)
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{time.perf_counter() - started:.0f} s{load}", file=sys.stderr)


def count(full: int, share: float, least: int = 1) -> int:
    """Return a share of a full number, but at least ``least``."""
    return max(least, round(full * share))
