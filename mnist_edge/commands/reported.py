"""A report's document as a terminal shows it, in 80 columns: the verdict, then the tables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from mnist_edge.commands.console import table

_WIDTH = 80
"""Columns of a terminal."""
_FLIPS = 10
"""Flips that are told of; the page shows all."""


def as_text(document: dict[str, Any]) -> str:
    """The report, part by part."""
    parts = [
        _wrapped(document["verdict"]),
        table(*_accuracy(document)),
        table(*_pairs(document)),
        _flips(document),
        table(*_recall(document)),
        _corruptions(document),
        table(*_times(document)),
        _provenance(document),
        *_unread(document),
    ]
    return "\n\n".join(part for part in parts if part)


def _accuracy(document: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    header = ["scheme", "accuracy", "95 %", "drop", "95 %", "bytes"]
    rows = []
    for scheme in document["schemes"]:
        low, high = scheme["accuracy_interval"]
        itself = scheme["scheme"] == document["reference"]
        rows.append(
            [
                scheme["scheme"],
                _percent(scheme["accuracy"]),
                f"{100 * low:.2f}..{100 * high:.2f}",
                "reference" if itself else f"{scheme['drop_points']:+.2f}",
                "" if itself else "{:+.2f}..{:+.2f}".format(*scheme["drop_interval"]),
                f"{scheme['size']:,}",
            ]
        )
    return header, rows


def _pairs(document: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    header = ["scheme", "lost", "won", "both wrong", "p", "agreement", "abstained", "ECE"]
    rows = [
        [
            scheme["scheme"],
            str(scheme["only_reference"]),
            str(scheme["only_candidate"]),
            str(scheme["both_wrong"]),
            f"{scheme['p_value']:.2g}",
            _percent(scheme["agreement"]),
            str(scheme["abstained"]),
            _percent(scheme["calibration"]["error"]),
        ]
        for scheme in document["schemes"]
    ]
    return header, rows


def _flips(document: dict[str, Any]) -> str:
    lines = []
    for scheme in document["schemes"]:
        for flip in scheme["flips"][:_FLIPS]:
            before, after = flip["reference"], flip["candidate"]
            lines.append(
                f"{scheme['scheme']} flips {_shortened(flip['path'] or '#' + str(flip['index']))}, "
                f"a {flip['label']}: {before['digit']} ({100 * before['confidence']:.0f} %) to "
                f"{after['digit']} ({100 * after['confidence']:.0f} %)"
            )
        if scheme["flipped"] > _FLIPS:
            lines.append(f"{scheme['scheme']} flips {scheme['flipped'] - _FLIPS:,} more")
    return "\n".join(lines)


def _recall(document: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    schemes = document["schemes"]
    header = ["recall of", "pictures", *(scheme["scheme"] for scheme in schemes)]
    rows = []
    for digit, first in enumerate(schemes[0]["classes"]):
        recalls = [scheme["classes"][digit]["recall"] for scheme in schemes]
        cells = ["" if recall is None else _percent(recall) for recall in recalls]
        rows.append([str(digit), str(first["count"]), *cells])
    return header, rows


def _corruptions(document: dict[str, Any]) -> str:
    schemes = document["schemes"]
    if not schemes[0]["corruptions"]:
        return ""
    total = schemes[0]["corruptions"][0]["total"]
    header = [f"{total:,} each of", "severity", *(scheme["scheme"] for scheme in schemes)]
    rows = [
        [
            results[0]["kind"],
            str(results[0]["severity"]),
            *(_percent(result["accuracy"]) for result in results),
        ]
        for results in zip(*(scheme["corruptions"] for scheme in schemes), strict=True)
    ]
    return table(header, rows)


def _times(document: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    threads = [str(count) for count in document["times"]["threads"]]
    header = ["scheme", "load ms", "median us", "p95", "p99", *(f"per s, {n}" for n in threads)]
    rows = [
        [
            scheme["scheme"],
            f"{scheme['load_ms']:.1f}",
            f"{scheme['median_us']:.0f}",
            f"{scheme['p95_us']:.0f}",
            f"{scheme['p99_us']:.0f}",
            *(f"{scheme['throughput'][count]:,.0f}" for count in threads),
        ]
        for scheme in document["times"]["schemes"]
    ]
    return header, rows


def _provenance(document: dict[str, Any]) -> str:
    data, times = document["data"], document["times"]
    reference = document["reference"]
    said = [
        f"{data['name']}, {data['pictures']:,} pictures. Drop: points of accuracy lost against "
        f"{reference}; lost and won: read right by {reference} alone, and by the scheme alone; p: "
        "McNemar's exact; ECE: expected calibration error.",
        ". ".join(part for part in (document["runtime"], times["machine"], times["cpu"]) if part)
        + ".",
    ]
    return "\n".join(map(_wrapped, said))


def _unread(document: dict[str, Any]) -> Iterator[str]:
    data = document["data"]
    for kind, pictures in (
        ("unreadable, counted nowhere", data["unreadable"]),
        ("without a single digit, abstained from", data["without_digit"]),
    ):
        if pictures:
            told = [f"  {picture['path']}: {picture['reason']}" for picture in pictures]
            yield "\n".join([f"{len(pictures):,} {kind}:", *told])


def side_by_side(first: dict[str, Any], second: dict[str, Any]) -> str:
    """Two reports, figure by figure: two releases, or two machines.

    Args:
        first: a report's document.
        second: another, of which the change from the first is told.
    """
    lines = [
        f"{name}  {_wrapped(document['verdict'], indent=3)[3:]}"
        for name, document in (("A", first), ("B", second))
    ]
    if first["data"]["sha256"] != second["data"]["sha256"]:
        lines.append("A and B are not of the same pictures: their accuracies do not compare.")
    ours, theirs = _figures(first), _figures(second)
    rows = []
    for key, before in ours.items():
        after = theirs.get(key)
        change = "" if after is None or before is None else f"{after - before:+,.2f}"
        rows.append([" ".join(key), _number(before), _number(after), change])
    rows += [[" ".join(key), "-", _number(theirs[key]), ""] for key in theirs if key not in ours]
    facts = [
        [fact, _shortened(str(one)), _shortened(str(other))]
        for fact, one, other in (
            ("model", first["model"], second["model"]),
            ("runtime", first["runtime"], second["runtime"]),
            ("machine", first["times"]["machine"], second["times"]["machine"]),
            ("date", first["times"]["date"], second["times"]["date"]),
        )
    ]
    return "\n\n".join(
        ["\n".join(lines), table(["", "A", "B"], facts), table(["", "A", "B", "B - A"], rows)]
    )


def _figures(document: dict[str, Any]) -> dict[tuple[str, str], float | None]:
    """Every figure that two reports are compared by."""
    times = {scheme["scheme"]: scheme for scheme in document["times"]["schemes"]}
    found: dict[tuple[str, str], float | None] = {}
    for scheme in document["schemes"]:
        name = scheme["scheme"]
        corrupted = [result["accuracy"] for result in scheme["corruptions"]]
        found[name, "accuracy, %"] = 100 * scheme["accuracy"]
        found[name, "drop, points"] = scheme["drop_points"]
        found[name, "largest drop, points"] = scheme["largest_drop"]
        found[name, "corrupted, mean accuracy, %"] = (
            100 * sum(corrupted) / len(corrupted) if corrupted else None
        )
        found[name, "ECE, %"] = 100 * scheme["calibration"]["error"]
        found[name, "bytes"] = scheme["size"]
        found[name, "median us"] = times[name]["median_us"]
        found[name, "load ms"] = times[name]["load_ms"]
    return found


def _wrapped(text: str, *, indent: int = 0) -> str:
    prefix = " " * indent
    return textwrap.fill(text, _WIDTH, initial_indent=prefix, subsequent_indent=prefix)


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.2f}"


def _shortened(name: str, most: int = 34) -> str:
    """A name with its beginning left out where it is long."""
    return name if len(name) <= most else f"...{name[3 - most :]}"
