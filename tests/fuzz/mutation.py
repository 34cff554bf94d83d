"""Damage to bytes: at random, and to the numbers that a format hangs on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

_MAX_PART = 64
"""Bytes that an operation moves, removes or inserts, mostly."""
_HEADER = 256
"""Bytes at the start of a file that half of the damage goes to."""


@dataclass(frozen=True)
class Number:
    """An integer in a file."""

    offset: int
    size: int
    order: Literal["big", "little"] = "big"


def mutate(
    random: Random,
    content: bytes,
    *,
    numbers: Sequence[Number] = (),
    donors: Sequence[bytes] = (),
) -> bytes:
    """Damage a file in one place, or in a few.

    Args:
        random: decides everything.
        content: the file.
        numbers: of it, which half of the damage goes to.
        donors: files that parts are taken from.
    """
    damaged = bytearray(content)
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        if numbers and random.random() < 0.5:
            _set_number(random, damaged, random.choice(numbers))
        elif damaged:
            random.choice(_OPERATIONS)(random, damaged, donors)
    return bytes(damaged)


def interesting_integer(random: Random, bits: int) -> int:
    """Draw an integer at which programs go wrong: the ends of ranges, and all around them."""
    power = 1 << random.randrange(bits + 1)
    near = power + random.choice((-2, -1, 0, 1, 2))
    return random.choice((0, 1, near, near, -near, (1 << bits) - 1, random.getrandbits(bits)))


def _set_number(random: Random, damaged: bytearray, number: Number) -> None:
    end = number.offset + number.size
    if end > len(damaged):
        return
    bits = 8 * number.size
    value = interesting_integer(random, bits)
    if random.random() < 0.3:
        found = int.from_bytes(damaged[number.offset : end], number.order)
        value = found + random.choice((-256, -16, -2, -1, 1, 2, 16, 256, found, len(damaged)))
    value %= 1 << bits
    damaged[number.offset : end] = value.to_bytes(number.size, number.order)


def _place(random: Random, damaged: bytearray) -> int:
    limit = min(len(damaged), _HEADER) if random.random() < 0.5 else len(damaged)
    return random.randrange(max(1, limit))


def _part(random: Random, damaged: bytearray) -> slice:
    start = _place(random, damaged)
    size = random.randrange(1, _MAX_PART)
    if random.random() < 0.1:
        size = random.randrange(1, len(damaged) + 1)
    return slice(start, min(len(damaged), start + size))


def _set_byte(random: Random, damaged: bytearray, donors: Sequence[bytes]) -> None:
    damaged[_place(random, damaged)] = random.randrange(256)


def _flip_bit(random: Random, damaged: bytearray, donors: Sequence[bytes]) -> None:
    damaged[_place(random, damaged)] ^= 1 << random.randrange(8)


def _set_integer(random: Random, damaged: bytearray, donors: Sequence[bytes]) -> None:
    size = random.choice((2, 4, 4, 8))
    place = _place(random, damaged) // size * size
    order: Literal["big", "little"] = random.choice(("big", "little"))
    _set_number(random, damaged, Number(place, size, order))


def _cut(random: Random, damaged: bytearray, donors: Sequence[bytes]) -> None:
    del damaged[random.randrange(len(damaged)) :]


def _remove(random: Random, damaged: bytearray, donors: Sequence[bytes]) -> None:
    del damaged[_part(random, damaged)]


def _blank(random: Random, damaged: bytearray, donors: Sequence[bytes]) -> None:
    part = _part(random, damaged)
    damaged[part] = random.choice((b"\0", b"\xff")) * (part.stop - part.start)


def _repeat(random: Random, damaged: bytearray, donors: Sequence[bytes]) -> None:
    part = _part(random, damaged)
    damaged[part] = damaged[part] * random.choice((2, 2, 3, 50))


def _insert(random: Random, damaged: bytearray, donors: Sequence[bytes]) -> None:
    place = _place(random, damaged)
    damaged[place:place] = random.randbytes(random.randrange(1, _MAX_PART))


def _splice(random: Random, damaged: bytearray, donors: Sequence[bytes]) -> None:
    donor = bytearray(random.choice(donors)) if donors else damaged
    if donor:
        damaged[_part(random, damaged)] = donor[_part(random, donor)]


_OPERATIONS: tuple[Callable[[Random, bytearray, Sequence[bytes]], None], ...] = (
    _set_byte,
    _set_byte,
    _flip_bit,
    _flip_bit,
    _set_integer,
    _set_integer,
    _cut,
    _remove,
    _blank,
    _repeat,
    _insert,
    _splice,
)
