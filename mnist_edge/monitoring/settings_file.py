"""Read and write files of settings, which are TOML.

Nothing here knows what is set: a table is read into the dataclass that its field is annotated with,
and a dataclass checks itself. Keys that no field has are errors.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args, get_origin

from mnist_edge.errors import InvalidValue, did_you_mean
from mnist_edge.monitoring.clock import parse_duration
from mnist_edge.monitoring.settings_keys import Settings, TableClass, keys, without_none
from mnist_edge.monitoring.settings_text import format_settings, kind_words
from mnist_edge.system.files import read_regular_file, write_bytes, write_text
from mnist_edge.system.text import one_line, shorten

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_MAX_BYTES = 1_000_000
"""Bytes of a file of settings."""
_TOO_LARGE = 1e18
"""Numbers from which on nothing is measured; those of a billion digits would fill the memory."""
_MAX_MESSAGE = 300
"""Characters of a message about one value, which may quote it."""
_MAX_QUOTE = 60
"""Characters of a value that are quoted."""


def load_settings(path: Path, settings: type[Settings]) -> Settings:
    """Read a file of settings; relative paths in it start from its folder.

    Raises:
        InvalidValue: there is no such file, it is not TOML, a key is unknown, missing or has
            another type, or the settings do not fit together.
    """
    try:
        content = read_regular_file(path)
    except OSError as error:
        raise InvalidValue(
            f"cannot read {path}: {error.strerror}; mnist-edge watch --init writes a file of "
            "settings"
        ) from error
    return parse_settings(content, settings, name=str(path), folder=path.absolute().parent)


def parse_settings(
    content: bytes, settings: type[Settings], *, name: str, folder: Path
) -> Settings:
    """Parse the content of a file of settings.

    Args:
        content: TOML.
        settings: the dataclass of the whole file.
        name: what messages call the file.
        folder: where relative paths start from.

    Raises:
        InvalidValue: as for ``load_settings``.
    """
    if len(content) > _MAX_BYTES:
        raise InvalidValue(
            f"{name} has more than {_MAX_BYTES:,} bytes; it is not a file of settings"
        )
    try:
        table = tomllib.loads(content.decode("utf-8"))
    # Of a number of thousands of digits it is a plain ValueError.
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"{name} is not TOML: {one_line(error)}") from error
    try:
        return cast("Settings", _Reader(folder).table(settings, table, ()))
    except InvalidValue as error:
        raise InvalidValue(f"{name}: {error}") from error


def parse_table(table: Mapping[str, Any], settings: type[Settings], *, folder: Path) -> Settings:
    """Parse one table, or a JSON object of the same form.

    Raises:
        InvalidValue: as for ``load_settings``.
    """
    return cast("Settings", _Reader(folder).table(settings, table, ()))


def save_settings(path: Path, settings: TableClass) -> None:
    """Write settings with every key explained; the file that was there is kept as ``NAME.old``.

    Raises:
        NotWritable: the file cannot be written.
    """
    if path.exists():
        write_bytes(path.with_name(f"{path.name}.old"), read_regular_file(path))
    write_text(path, format_settings(settings, folder=path.absolute().parent))


class _Reader:
    """Reads tables; paths start from a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def table(self, settings: type[Any], table: Mapping[str, Any], at: tuple[str, ...]) -> Any:
        """Return the dataclass of a table."""
        known = {key.name: key for key in keys(settings)}
        for name in table:
            if name not in known:
                raise InvalidValue(
                    f"{_where(at)}there is no key {name!r}{did_you_mean(name, known)}: it has "
                    f"{', '.join(known)}"
                )
        values = {}
        for name, key in known.items():
            if name in table:
                if key.array and isinstance(table[name], dict):
                    raise InvalidValue(
                        f"{_where((*at, name))}there may be several: write [[{name}]] for [{name}]"
                    )
                values[key.field] = self.value(key.kind, table[name], (*at, name))
            elif isinstance(key.default, Path):
                values[key.field] = self._folder / key.default
            elif key.default is dataclasses.MISSING:
                raise InvalidValue(f"{_where(at)}{name!r} is missing ({key.help})")
        try:
            return settings(**values)
        except InvalidValue as error:
            # A dataclass quotes what it was given, which may be of any length.
            message = shorten(str(error), _MAX_MESSAGE)
            raise InvalidValue(f"{_where(at)}{message}") from error

    def value(self, kind: Any, value: Any, at: tuple[str, ...]) -> Any:
        """Return a value of a kind."""
        kind = without_none(kind)
        origin, arguments = get_origin(kind), get_args(kind)
        if dataclasses.is_dataclass(kind) and isinstance(value, dict):
            return self.table(cast("type[Any]", kind), value, at)
        if origin is tuple and isinstance(value, list):
            items = arguments[:1] * len(value) if arguments[-1] is Ellipsis else arguments
            if len(items) == len(value):
                numbered = zip(items, value, range(1, len(value) + 1), strict=True)
                return tuple(self.value(item, one, (*at, str(n))) for item, one, n in numbered)
        elif origin is Annotated:
            seconds = value if isinstance(value, str) else self._plain(float, value)
            if seconds is not None:
                return self._duration(seconds, at)
        elif origin is Literal:
            return self._choice(kind, value, at)
        elif (plain := self._plain(kind, value)) is not None:
            return plain
        raise InvalidValue(f"{_where(at)}{_quote(value)}: expected {kind_words(kind)}")

    def _plain(self, kind: Any, value: Any) -> Any:
        """Return a value of one of TOML's own kinds, a path or a decimal; None if it is not."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if kind is Path and isinstance(value, str):
            try:
                return self._folder / Path(value).expanduser()
            except RuntimeError:  # no such user
                return None
        if kind in (Decimal, float) and (is_number or (kind is Decimal and isinstance(value, str))):
            try:
                number = Decimal(str(value))
            except (InvalidOperation, ValueError):  # the latter of thousands of digits
                return None
            # abs() would round, and overflow.
            is_small = number.is_finite() and -_TOO_LARGE < number < _TOO_LARGE
            return kind(number) if is_small else None
        if kind is int and is_number and not abs(value) < _TOO_LARGE:
            return None
        return value if type(value) is kind else None

    @staticmethod
    def _choice(kind: Any, value: Any, at: tuple[str, ...]) -> Any:
        if value in get_args(kind) and not isinstance(value, bool):
            return value
        if isinstance(value, str):
            hint = did_you_mean(value, map(str, get_args(kind)))
            raise InvalidValue(
                f"{_where(at)}{_quote(value)} is no choice{hint}: {kind_words(kind)}"
            )
        raise InvalidValue(f"{_where(at)}{_quote(value)}: expected {kind_words(kind)}")

    @staticmethod
    def _duration(value: str | float, at: tuple[str, ...]) -> float:
        try:
            return parse_duration(value)
        except InvalidValue as error:
            message = shorten(str(error), _MAX_MESSAGE)
            raise InvalidValue(f"{_where(at)}{message}") from error


def _quote(value: Any) -> str:
    """Return a value as it stands in messages."""
    try:
        return shorten(repr(value), _MAX_QUOTE)
    except ValueError:  # an integer of thousands of digits
        return "a number"


def _where(at: tuple[str, ...]) -> str:
    return f"{'.'.join(at)}: " if at else ""
