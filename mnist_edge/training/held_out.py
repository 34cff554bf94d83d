"""Hold out some of a user's pictures, by series and time rather than by chance.

Digits of one page, or frames of one camera, resemble each other more than they resemble what comes
next week. Held out by chance, they would show how well a network remembers, not how well it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PROOF_SHARE = 0.25
"""Share of the pictures that no training sees, on which the gain is measured."""
WATCHED_SHARE = 0.15
"""Share of the others that are watched to stop in time."""
MIN_WATCHED = 40
"""Number of pictures from which on some are watched: of fewer, a handful would decide by chance."""
MIN_SERIES = 8
"""Number of series from which on whole series are held out; of fewer, each one's last pictures."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Which pictures are learned, which are watched, and which are left for the proof."""

    learned: NDArray[np.int64]
    """Indices of the pictures to learn from, ascending."""
    watched: NDArray[np.int64]
    """Indices of those that tell when to stop, ascending; perhaps none."""
    proof: NDArray[np.int64]
    """Indices of those that no training sees, ascending."""


def split_pictures(labels: NDArray[np.uint8], series: Sequence[str]) -> Split:
    """Split pictures three ways.

    Args:
        labels: ``(n,)``, in the order in which the pictures were taken.
        series: name of the series of each.

    Returns:
        The split; the same pictures are always split alike, and every label is learned.
    """
    everything = np.arange(len(labels))
    proof = _held_out(labels, series, everything, PROOF_SHARE)
    rest = np.setdiff1d(everything, proof)
    watched = (
        _held_out(labels, series, rest, WATCHED_SHARE)
        if len(labels) >= MIN_WATCHED
        else np.empty(0, np.int64)
    )
    return Split(learned=np.setdiff1d(rest, watched), watched=watched, proof=proof)


def _held_out(
    labels: NDArray[np.uint8], series: Sequence[str], among: NDArray[np.int64], share: float
) -> NDArray[np.int64]:
    """Choose about a share of some pictures, of each label, but never all of a label."""
    groups: dict[str, list[int]] = {}
    for index in among:
        groups.setdefault(series[index], []).append(int(index))
    if len(groups) >= MIN_SERIES:
        whole = _whole_series(labels, [np.array(group) for group in groups.values()], share)
        # Where each series is of one label, hardly any can be left out.
        if len(whole) >= share * len(among) / 2:
            return whole
    return _last_of_each(labels, [np.array(group) for group in groups.values()], share)


def _whole_series(
    labels: NDArray[np.uint8], groups: Sequence[NDArray[np.int64]], share: float
) -> NDArray[np.int64]:
    """Choose series from the last to the first while that brings each label nearer to its share."""
    counts = [np.bincount(labels[group], minlength=256) for group in groups]
    totals = np.sum(counts, axis=0)
    wanted = share * totals
    chosen, held = [], np.zeros_like(totals)
    for group, count in sorted(zip(groups, counts, strict=True), key=lambda pair: -pair[0][-1]):
        after = held + count
        leaves_some = bool((after[totals > 0] < totals[totals > 0]).all())
        if leaves_some and np.abs(after - wanted).sum() < np.abs(held - wanted).sum():
            chosen.append(group)
            held = after
    return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, np.int64)


def _last_of_each(
    labels: NDArray[np.uint8], groups: Sequence[NDArray[np.int64]], share: float
) -> NDArray[np.int64]:
    """Choose the last pictures of each label in each series, the largest remainders first."""
    runs = [group[labels[group] == label] for group in groups for label in np.unique(labels[group])]
    exact = np.array([share * len(run) for run in runs])
    quotas = np.floor(exact).astype(int)
    short = round(float(exact.sum())) - int(quotas.sum())
    # Of a label that has one picture, that is learned.
    spare = np.bincount(labels[np.concatenate(runs)], minlength=256)
    ranked = sorted(range(len(runs)), key=lambda index: (-(exact - quotas)[index], index))
    for index in ranked:
        if short and spare[labels[runs[index][0]]] > 1 and quotas[index] < len(runs[index]):
            quotas[index] += 1
            spare[labels[runs[index][0]]] -= 1
            short -= 1
    chosen = [run[len(run) - quota :] for run, quota in zip(runs, quotas, strict=True)]
    return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, np.int64)
