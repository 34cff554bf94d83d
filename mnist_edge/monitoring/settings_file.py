"""Settings as TOML: a frozen dataclass per table, a field per key, its help as the comment.

Nothing here knows what is set: a table is read into the dataclass that its field is annotated with,
and a dataclass checks itself. Keys that no field has are errors.
"""

from __future__ import annotations

import dataclasses
import sys
import textwrap
import types
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    Protocol,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from mnist_edge.errors import InvalidValue, did_you_mean
from mnist_edge.monitoring.clock import format_duration, parse_duration
from mnist_edge.system.files import read_regular_file, write_bytes, write_text
from mnist_edge.system.text import one_line, shorten

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_WIDTH = 78
"""Characters of a line of comments."""
_MAX_BYTES = 1_000_000
"""Bytes of a file of settings."""
_TOO_LARGE = 1e18
"""Numbers from which on nothing is measured; those of a billion digits would fill the memory."""
_MAX_MESSAGE = 300
"""Characters of a message about one value, which may quote it."""
_MAX_QUOTE = 60
"""Characters of a value that are quoted."""


class _Dataclass(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


Settings = TypeVar("Settings", bound=_Dataclass)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Key:
    """A key of a table."""

    name: str
    """As it is written."""
    kind: Any
    """The annotation of its field, without ``None``."""
    help: str
    """What it sets, in a sentence or two."""
    default: Any
    """The value that it has without being written; ``dataclasses.MISSING`` if it must be."""
    example: str
    """A value as TOML; for keys that have no default to show."""
    field: str
    """The name of the field."""

    @property
    def table(self) -> type[Any] | None:
        """The dataclass of a table; None for a value, and for an array of tables."""
        return cast("type[Any]", self.kind) if dataclasses.is_dataclass(self.kind) else None

    @property
    def array(self) -> type[Any] | None:
        """The dataclass of each table of an array of tables; None for everything else."""
        item = get_args(self.kind)[0] if get_origin(self.kind) is tuple else None
        return cast("type[Any]", item) if dataclasses.is_dataclass(item) else None


def keys(settings: type[Any]) -> list[Key]:
    """Return the keys of a table, in the order of its dataclass's fields.

    A field may have ``help``, ``example`` and ``key`` (its name in the file, if it is another one)
    in its metadata.
    """
    hints = get_type_hints(settings, include_extras=True)
    return [
        Key(
            name=field.metadata.get("key", field.name),
            kind=_without_none(hints[field.name]),
            help=field.metadata.get("help", ""),
            default=_default(field),
            example=field.metadata.get("example", ""),
            field=field.name,
        )
        for field in dataclasses.fields(settings)
    ]


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
        raise InvalidValue(f"{name} has more than {_MAX_BYTES:,} bytes; it is no file of settings")
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


def save_settings(path: Path, settings: _Dataclass) -> None:
    """Write settings with every key explained; the file that was there is kept as ``NAME.old``.

    Raises:
        NotWritable: the file cannot be written.
    """
    if path.exists():
        write_bytes(path.with_name(f"{path.name}.old"), read_regular_file(path))
    write_text(path, format_settings(settings, folder=path.absolute().parent))


def format_settings(settings: _Dataclass, *, folder: Path) -> str:
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
        kind = _without_none(kind)
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


def _quote(value: Any) -> str:
    """Return a value as it stands in messages."""
    try:
        return shorten(repr(value), _MAX_QUOTE)
    except ValueError:  # an integer of thousands of digits
        return "a number"


def _escape(letter: str) -> str:
    if letter in {'"', "\\"}:
        return f"\\{letter}"
    return letter if letter.isprintable() else f"\\U{ord(letter):08X}"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="# ", subsequent_indent="# ")


def _where(at: tuple[str, ...]) -> str:
    return f"{'.'.join(at)}: " if at else ""


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _without_none(hint: Any) -> Any:
    """Return an annotation without ``None``."""
    if get_origin(hint) in (Union, types.UnionType):
        (kind,) = (one for one in get_args(hint) if one is not types.NoneType)
        return kind
    return hint
