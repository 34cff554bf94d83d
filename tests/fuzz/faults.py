"""A program that fails in every way, to test the runner itself."""

from __future__ import annotations

import faulthandler
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.fuzz.target import KnownCase, Target


def _raise() -> str:
    raise ZeroDivisionError("on purpose")


def _crash() -> str:
    faulthandler._sigsegv()  # type: ignore[attr-defined]  # noqa: SLF001  # Python's own test of it
    return "read"


def _hang() -> str:
    while True:
        pass


def _take_too_much() -> str:
    return "read" if bytearray(b"1") * 250_000_000 else ""


_FAULTS: dict[str, Callable[[], str]] = {
    "works": lambda: "read",
    "raises": _raise,
    "crashes": _crash,
    "hangs": _hang,
    "takes too much": _take_too_much,
    "is another error": lambda: "InvalidModel",
}


def _draw(random: Random) -> bytes:
    return random.choice([*_FAULTS]).encode()


def _check(content: bytes, folder: Path) -> str:
    return _FAULTS[content.decode()]()


TARGET = Target(
    name="faults",
    draw=_draw,
    check=_check,
    count=0,
    known={name: KnownCase(content=name.encode, expected=("read",)) for name in _FAULTS},
    megabytes=200,
    seconds=2,
)
