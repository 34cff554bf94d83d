"""Damage to JSON documents: fields that are missing, of another type, or beyond their range."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

from tests.fuzz.mutation import interesting_integer

_DEEP = 2000
"""Levels of a value that no recursion survives by default."""
_MARK = "a mark that is replaced in the text"


def mutate_json(random: Random, document: Any) -> bytes:
    """Damage a document in one to three places, and return its JSON."""
    damaged = copy.deepcopy(document)
    raw: list[str] = []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        damaged = _damage(random, damaged, raw)
    text = json.dumps(damaged, indent=random.choice((None, 2)), ensure_ascii=random.random() < 0.8)
    for part in raw:
        text = text.replace(json.dumps(_MARK), part, 1)
    return text.encode("utf-8", "surrogatepass")


def _damage(random: Random, document: Any, raw: list[str]) -> Any:
    places = list(_places(document))
    if not places:
        return _value(random, document, raw)
    holder, key = random.choice(places)
    operation = random.random()
    if operation < 0.1:
        del holder[key]
    elif operation < 0.2 and isinstance(holder, dict):
        holder[random.choice((f"{key} ", "", "class_name", "config", "\x1b"))] = holder.pop(key)
    elif operation < 0.3:
        other, its = random.choice(places)
        holder[key] = copy.deepcopy(other[its])
    else:
        holder[key] = _value(random, holder[key], raw)
    return document


def _places(document: Any) -> Any:
    """Yield every place of a document: what holds it, and its key."""
    if not isinstance(document, (dict, list)):
        return  # damage before has left one value
    keys = document if isinstance(document, dict) else range(len(document))
    for key in list(keys):
        yield document, key
        yield from _places(document[key])


def _value(random: Random, value: Any, raw: list[str]) -> Any:
    """Return another value, near to the one that was there or far from it."""
    if isinstance(value, (int, float)) and random.random() < 0.4:
        return random.choice((-value, value + 1, value - 1, value * 1000, value / 7, str(value)))
    if isinstance(value, str) and value and random.random() < 0.4:
        place = random.randrange(len(value))
        inserted = random.choice(("", "\0", "\n", "\x1b[2J", "\ud800", "é", "'", "0", "x" * 5000))
        return value[:place] + inserted + value[place + random.randrange(2) :]
    if isinstance(value, list) and random.random() < 0.4:
        return random.choice((value * 2, value[::-1], value[1:], [value], value * 100))
    if random.random() < 0.15:
        # What json.dumps does not write.
        raw.append(
            random.choice(
                ("1" + "0" * 400, "9" * 5000, "-0", "1e999", "[" * _DEEP + "]" * _DEEP, "NaN")
            )
        )
        return _MARK
    return random.choice(
        (
            None,
            True,
            False,
            interesting_integer(random, 64),
            interesting_integer(random, 64) / 1000,
            random.choice((1e308, -1e308, 5e-324, 1e-3, 1e3, float("nan"), float("inf"), -0.0)),
            "",
            "a",
            "../../x",
            "line\nbreak",
            "\x1b]0;title\x07",
            "\ud800",
            [],
            {},
            [[]],
            {"a": None},
            [1, 2],
        )
    )
