"""A report's summary as cells, and a Markdown table of any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

HEADER = ("scheme", "accuracy", "drop", "agreement", "bytes", "us/digit")
"""Columns of the summary, on screen and in Markdown."""


def rows(document: dict[str, Any]) -> list[list[str]]:
    """The summary's cells, a row a scheme, from a report's document."""
    medians = {times["scheme"]: times["median_us"] for times in document["times"]["schemes"]}
    return [
        [
            scheme["scheme"],
            f"{100 * scheme['accuracy']:.2f} %",
            "reference"
            if scheme["scheme"] == document["reference"]
            else f"{scheme['drop_points']:+.2f} points",
            f"{100 * scheme['agreement']:.2f} %",
            f"{scheme['size']:,}",
            f"{medians[scheme['scheme']]:.0f}",
        ]
        for scheme in document["schemes"]
    ]


def markdown_table(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A Markdown table, the first column set left, the others right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *cells))
