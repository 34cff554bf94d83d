"""The keys of a table of settings: a frozen dataclass for each table, a field for each key."""

from __future__ import annotations

import dataclasses
import types
from typing import (
    Any,
    ClassVar,
    Protocol,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)


class TableClass(Protocol):
    """A dataclass, which is the table of a file of settings."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Settings = TypeVar("Settings", bound=TableClass)


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
            kind=without_none(hints[field.name]),
            help=field.metadata.get("help", ""),
            default=_default(field),
            example=field.metadata.get("example", ""),
            field=field.name,
        )
        for field in dataclasses.fields(settings)
    ]


def without_none(hint: Any) -> Any:
    """Return an annotation without ``None``."""
    if get_origin(hint) in (Union, types.UnionType):
        (kind,) = (one for one in get_args(hint) if one is not types.NoneType)
        return kind
    return hint


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
