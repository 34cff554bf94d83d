"""Settings as TOML that explains itself: each key's help is the comment above it."""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from mnist_edge.monitoring.clock import format_duration
from mnist_edge.monitoring.settings_keys import Key, TableClass, keys

_WIDTH = 78
"""Characters of a line of comments."""


def format_settings(settings: TableClass, *, folder: Path) -> str:
    """Return settings as TOML: each key explained, those that have their default commented out.

    Args:
        settings: the whole file's.
        folder: paths below it are written relative to it.
    """
    return "\n".join(_Writer(folder).table(settings, ())).strip() + "\n"


def format_value(value: Any) -> str:
    """Return a value as TOML."""
    return _Writer(Path()).value(value)


def kind_words(kind: Any) -> str:
    """Describe what values a key takes, for example ``number`` or ``list of texts``."""
    plain = {bool: "true or false", int: "whole number", float: "number", str: "text"}
    if get_origin(kind) is Annotated:
        return 'duration, such as "10s"'
    if get_origin(kind) is Literal:
        return " or ".join(map(format_value, get_args(kind)))
    if get_origin(kind) is tuple:
        items = get_args(kind)
        if items[-1] is Ellipsis:
            return f"list of: {kind_words(items[0])}"
        return f"list of {len(items)}: {kind_words(items[0])}"
    return plain.get(kind, {Path: "path", Decimal: "number"}.get(kind, "table"))


class _Writer:
    """Writes tables; paths below a folder are written relative to it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def table(self, settings: Any, at: tuple[str, ...]) -> Iterator[str]:
        """Yield the lines of a table: values first, then the tables below it."""
        known = keys(type(settings))
        for key in known:
            if not (key.table or key.array):
                yield from self._line(key, getattr(settings, key.field))
        for key in known:
            value, name = getattr(settings, key.field), ".".join((*at, key.name))
            for one in (value or [None]) if key.array else [value]:
                brackets = f"[[{name}]]" if key.array else f"[{name}]"
                if key.table or key.array:
                    yield from ("", *_comment(key.help))
                    if one is None:
                        yield from (f"# {brackets}", *self._absent(key.table or key.array))
                    else:
                        yield brackets
                        yield from self.table(one, (*at, key.name))

    def _line(self, key: Key, value: Any) -> Iterator[str]:
        yield from _comment(key.help)
        is_default = value is None or value == key.default
        text = key.example if value is None else self._of_kind(key.kind, value)
        yield f"{'# ' if is_default else ''}{key.name} = {text}"

    def _absent(self, settings: type[Any] | None) -> Iterator[str]:
        """Yield the lines of a table that is not there, as comments."""
        for key in keys(settings) if settings else ():
            if not (key.table or key.array):
                yield from _comment(key.help)
                has_default = key.default not in (None, dataclasses.MISSING)
                text = self._of_kind(key.kind, key.default) if has_default else key.example
                yield f"# {key.name} = {text}"

    def _of_kind(self, kind: Any, value: Any) -> str:
        if get_origin(kind) is Annotated:
            return f'"{format_duration(value)}"'
        return self.value(value)

    def value(self, value: Any) -> str:
        """Return a value as TOML."""
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, Path):
            is_below = value.is_absolute() and value.is_relative_to(self._folder.absolute())
            value = str(value.relative_to(self._folder.absolute()) if is_below else value)
        if isinstance(value, str):
            return f'"{"".join(map(_escape, value))}"'
        if isinstance(value, Sequence):
            return f"[{', '.join(map(self.value, value))}]"
        if isinstance(value, float) and value.is_integer():
            return f"{value:.1f}"
        return str(value)


def _escape(letter: str) -> str:
    if letter in {'"', "\\"}:
        return f"\\{letter}"
    return letter if letter.isprintable() else f"\\U{ord(letter):08X}"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")
