"""Figures of a report in words: how a share, a drop and an interval are written on every page."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, TypeGuard

Document: TypeAlias = Mapping[str, Any]
"""A report as its JSON has it, or a part of one."""

NONE = "\u2013"
"""Stands where there is no figure."""
_MINUS = "\u2212"
_LEADING = "int8"
"""The scheme that a report is about, where it was measured."""
_SHORT = 18
"""Characters of a name that a plot has room for."""


def clean(text: object) -> str:
    """Text that any file can hold: what is no character of one, or steers it, is replaced."""
    return "".join(
        "\ufffd" if unicodedata.category(character) in {"Cc", "Cs"} else character
        for character in str(text)
    )


def short(text: object) -> str:
    """A name cut to what a plot has room for."""
    name = clean(text)
    return name if len(name) <= _SHORT else name[: _SHORT - 1] + "\u2026"


def count(number: float | None) -> str:
    """A whole number with its thousands parted."""
    return f"{number:,.0f}" if _known(number) else NONE


def decimal(number: float | None, places: int) -> str:
    """A number of so many decimal places."""
    return _signed(f"{number:,.{places}f}") if _known(number) else NONE


def percent(share: float | None, places: int = 2) -> str:
    """A share, 0..1, in per cent."""
    return f"{100 * share:.{places}f} %" if _known(share) else NONE


def points(drop: float | None) -> str:
    """A drop in percentage points with its sign: one of 0 has none."""
    if not _known(drop):
        return NONE
    text = f"{drop:+.2f}"
    return text[1:] if float(text) == 0 else _signed(text)


def share_interval(ends: Sequence[float] | None) -> str:
    """From and to, shares 0..1, in per cent."""
    if ends is None:
        return NONE
    return f"{100 * ends[0]:.2f} to {percent(ends[1])}"


def drop_interval(ends: Sequence[float] | None) -> str:
    """From and to, in percentage points."""
    return NONE if ends is None else f"{points(ends[0])} to {points(ends[1])}"


def p_value(p: float | None) -> str:
    """A probability that may be tiny."""
    if not _known(p):
        return NONE
    return f"{p:.3f}" if p >= 0.001 else "below 0.001"


def measured(value: float | None, unit: str) -> str:
    """A figure of a gate with its unit."""
    if not _known(value):
        return "not measured"
    whole = float(value).is_integer() and abs(value) >= 1000
    number = f"{value:,.0f}" if whole else f"{round(value, 4):g}"
    return clean(f"{_signed(number)} {unit}").rstrip()


def claim_and_figures(verdict: str) -> tuple[str, str]:
    """A verdict cut into what it claims and the figures for it; one that is not two has none.

    The claim ends with the first colon that is not in brackets, or with a bracket before a comma.
    """
    depth = 0
    for place, character in enumerate(verdict):
        depth += (character == "(") - (character == ")")
        if depth or " " not in verdict[:place]:
            continue
        if verdict.startswith(": ", place):
            return verdict[:place], verdict[place + 2 :]
        if verdict.startswith("), ", place):
            return verdict[: place + 1], verdict[place + 3 :]
    return verdict, ""


def reference_of(document: Document) -> Document:
    """The scheme that the others are compared with."""
    found: Document = next(
        scheme for scheme in document["schemes"] if scheme["scheme"] == document["reference"]
    )
    return found


def candidates_of(document: Document) -> list[Document]:
    """The schemes that are compared with the reference: the one that the report is about first.

    That is the one that the verdict begins with, or else int8, or else that of the largest drop.
    """
    others = [s for s in document["schemes"] if s["scheme"] != document["reference"]]
    if not others:
        return []
    verdict = str(document["verdict"])
    leading = max(
        others,
        key=lambda s: (
            verdict.startswith(f"{s['scheme']} "),
            s["scheme"] == _LEADING,
            s["drop_points"],
        ),
    )
    return [leading, *(scheme for scheme in others if scheme is not leading)]


def left_out(document: Document) -> list[tuple[str, list[Document]]]:
    """Pictures that there was trouble with, by what it was; no trouble, no entry."""
    troubles = (
        ("that could not be read, which count nowhere", "unreadable"),
        ("without a single digit, which every scheme abstains from", "without_digit"),
    )
    found = [(what, list(document["data"].get(key, ()))) for what, key in troubles]
    return [(f"Pictures {what}: {count(len(items))}", items) for what, items in found if items]


def flipped(scheme: Document) -> int:
    """How many answers changed: more than there are pictures of where these were too many."""
    return int(scheme.get("flipped", len(scheme["flips"])))


def flips_by_outcome(scheme: Document) -> dict[str, list[Document]]:
    """The pictures whose answer changed: lost, gained, or wrong both times; none of these empty."""
    found: dict[str, list[Document]] = {"Lost": [], "Gained": [], "Wrong both times": []}
    for flip in scheme["flips"]:
        if flip["reference"]["digit"] == flip["label"]:
            found["Lost"].append(flip)
        elif flip["candidate"]["digit"] == flip["label"]:
            found["Gained"].append(flip)
        else:
            found["Wrong both times"].append(flip)
    return {outcome: flips for outcome, flips in found.items() if flips}


def name_of(picture: Document) -> str:
    """What a picture is known by: its path, or its number in the data."""
    path = picture["path"]
    return f"#{picture['index']}" if path is None else clean(path)


def missed_gates(document: Document) -> list[Document]:
    """The gates that a report does not pass."""
    return [gate for gate in document["gates"] if not gate["passed"]]


def gates_in_words(document: Document) -> str:
    """How many of the gates are passed."""
    gates, missed = len(document["gates"]), len(missed_gates(document))
    if not gates:
        return "No gate was set"
    if missed:
        return f"{missed} of {gates} gates missed" if gates > 1 else "Gate missed"
    return "All gates passed" if gates > 1 else "Gate passed"


def gate_in_words(gate: Document) -> str:
    """What was measured for a gate, of which scheme, and what it asks for."""
    least = str(gate["name"]).startswith("--min")
    scheme = f" ({clean(gate['scheme'])})" if gate.get("scheme") else ""
    return (
        f"{clean(gate['name'])}: {measured(gate['value'], gate['unit'])}{scheme}, "
        f"{'at least' if least else 'at most'} {measured(gate['limit'], gate['unit'])}"
    )


def _signed(text: str) -> str:
    return text.replace("-", _MINUS)


def _known(number: float | None) -> TypeGuard[float]:
    return number is not None and not math.isnan(number)
