"""Two reports side by side: two releases, or a workstation and a Raspberry Pi."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from mnist_edge.metrics.intervals import Interval, difference_interval, wilson_interval

Document: TypeAlias = Mapping[str, Any]
"""A report as its JSON has it, or a part of one."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One figure of one scheme in both reports."""

    scheme: str
    """The scheme's name."""
    figure: str
    """What it is, with its unit."""
    first: float | None
    """In the first report; None where it was not measured."""
    second: float | None
    """In the second."""
    change: float | None
    """The second less the first; None where one is missing."""
    interval: Interval | None
    """Where the change lies with 95 % confidence; None of a figure that has no interval."""
    beyond: bool | None
    """Whether the interval leaves out 0, so that chance does not explain the change; None without
    an interval."""

    @property
    def decimals(self) -> int:
        """Decimal places that it is told with."""
        return 0 if self.figure in _WHOLE or self.figure.startswith(_SPEED) else 2

    @property
    def corrupted(self) -> bool:
        """Whether it is of corrupted pictures."""
        return self.interval is not None and self.figure not in (_ACCURACY, _DROP)

    @property
    def worse(self) -> bool:
        """Whether an accuracy fell, or a drop grew."""
        grew = (self.change or 0) > 0
        return grew if self.figure == _DROP else not grew


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """What became of each figure from the first report to the second."""

    same_pictures: bool
    """Whether both read the same pictures in the same order."""
    facts: tuple[tuple[str, str, str], ...]
    """What each report is of, by name."""
    verdicts: tuple[str, str]
    """Of both reports."""
    changes: tuple[Change, ...]
    """Scheme by scheme, in the first report's order."""

    @property
    def beyond(self) -> tuple[Change, ...]:
        """The changes that chance does not explain."""
        return tuple(change for change in self.changes if change.beyond)

    @property
    def summary(self) -> str:
        """How many changes chance does not explain, in a sentence."""
        found = len(self.beyond)
        if not any(change.interval for change in self.changes):
            return "A and B have no scheme in common."
        if not found:
            return "No accuracy changed by more than chance explains."
        worse = sum(change.worse for change in self.beyond)
        return (
            f"{found} {'accuracy' if found == 1 else 'accuracies'} changed by more than chance "
            f"explains: {found - worse} for the better, {worse} for the worse."
        )


_ACCURACY = "accuracy, %"
_DROP = "drop, points"
_WHOLE = ("abstained", "bytes", "arena, bytes", "median, \u00b5s", "p95, \u00b5s", "p99, \u00b5s")
_SPEED = "digits a second, "
"""Figures without decimal places."""
_Value: TypeAlias = tuple[float | None, Sequence[float] | None]
"""A figure, and its own 95 % interval where it has one."""


def side_by_side(first: Document, second: Document) -> SideBySide:
    """Sets two reports side by side.

    The interval of a change is put together from the two figures' own, as if the reports were
    independent. Over the same pictures they are not, and it is too wide rather than too narrow.

    Args:
        first: a report's document.
        second: another, of which the change from the first is told.
    """
    ours, theirs = _figures(first), _figures(second)
    changes = []
    for key in dict.fromkeys((*ours, *theirs)):
        (before, around), (after, beside) = (of.get(key, (None, None)) for of in (ours, theirs))
        change = None if before is None or after is None else after - before
        interval = None
        if before is not None and after is not None and around and beside:
            interval = difference_interval(before, around, after, beside)
        changes.append(
            Change(
                scheme=key[0],
                figure=key[1],
                first=before,
                second=after,
                change=change,
                interval=interval,
                beyond=None if interval is None else not interval.low <= 0 <= interval.high,
            )
        )
    return SideBySide(
        same_pictures=first["data"]["sha256"] == second["data"]["sha256"],
        facts=tuple((name, of(first), of(second)) for name, of in _FACTS),
        verdicts=(first["verdict"], second["verdict"]),
        changes=tuple(changes),
    )


_FACTS: tuple[tuple[str, Callable[[Document], str]], ...] = (
    ("model", lambda document: str(document["model"])),
    ("mnist-edge", lambda document: str(document["mnist_edge"])),
    ("runtime", lambda document: str(document["runtime"])),
    ("machine", lambda document: str(document["times"]["machine"])),
    ("processor", lambda document: str(document["times"]["cpu"] or "unknown")),
    ("date", lambda document: str(document["times"]["date"])),
    ("pictures", lambda d: f"{d['data']['pictures']:,} of {d['data']['name']}"),
)


def _figures(document: Document) -> dict[tuple[str, str], _Value]:
    times = {scheme["scheme"]: scheme for scheme in document["times"]["schemes"]}
    return {
        (scheme["scheme"], name): value
        for scheme in document["schemes"]
        for name, value in _of_scheme(
            scheme,
            times.get(scheme["scheme"], {}),
            itself=scheme["scheme"] == document["reference"],
        )
    }


def _of_scheme(scheme: Document, times: Document, *, itself: bool) -> Iterator[tuple[str, _Value]]:
    """Every figure that two reports are compared by; those of time last."""
    low, high = scheme["accuracy_interval"]
    yield _ACCURACY, (100 * scheme["accuracy"], (100 * low, 100 * high))
    if not itself:
        yield _DROP, (scheme["drop_points"], scheme["drop_interval"])
    for result in scheme["corruptions"]:
        low, high = wilson_interval(result["correct"], result["total"])
        yield (
            f"{result['kind']} {result['severity']}, %",
            (100 * result["accuracy"], (100 * low, 100 * high)),
        )
    yield "ECE, %", (100 * scheme["calibration"]["error"], None)
    yield "abstained", (scheme["abstained"], None)
    yield "bytes", (scheme["size"], None)
    yield "arena, bytes", (scheme["arena"], None)
    yield "load, ms", (times.get("load_ms"), None)
    for name in ("median", "p95", "p99"):
        yield f"{name}, \u00b5s", (times.get(f"{name}_us"), None)
    for threads, speed in times.get("throughput", {}).items():
        yield f"{_SPEED}{threads} thr.", (speed, None)
