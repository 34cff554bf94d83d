"""Dataclasses whose methods are not compiled at each start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["record"]

Kind = TypeVar("Kind")


if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(*, frozen: bool, kw_only: bool) -> Callable[[type[Kind]], type[Kind]]:
        """Make a class what ``dataclass(frozen=True, kw_only=True)`` makes of it, in less time.

        That writes the source of six methods and compiles it, which takes half a millisecond a
        class: a tenth of a start that reads one picture. These are written once, for all records,
        and look up the fields. Making a record takes two or three times as long, so what is made
        for every digit is better an ordinary dataclass.

        Args:
            frozen: True, as every record is.
            kw_only: True, as for every record.
        """
        if not (frozen and kw_only):
            raise TypeError("a record is frozen, and its fields are given by name")

        def decorate(kind: type[Kind]) -> type[Kind]:
            for name, method in _METHODS.items():
                setattr(kind, name, method)
            # Without methods of its own, it only lists the fields.
            return dataclass(init=False, repr=False, eq=False, kw_only=True)(kind)

        return decorate


def _init(self: Any, **values: Any) -> None:
    state = vars(self)
    missing = []
    for field in fields(self):
        if field.name in values:
            state[field.name] = values.pop(field.name)
        elif field.default is not MISSING:
            state[field.name] = field.default
        elif field.default_factory is not MISSING:
            state[field.name] = field.default_factory()
        else:
            missing.append(repr(field.name))
    call = f"{type(self).__qualname__}.__init__()"
    for name in values:
        raise TypeError(f"{call} got an unexpected keyword argument {name!r}")
    if missing:
        raise TypeError(f"{call} misses keyword arguments: {', '.join(missing)}")
    if hasattr(self, "__post_init__"):
        self.__post_init__()


def _values(self: Any) -> tuple[Any, ...]:
    return tuple(getattr(self, field.name) for field in fields(self))


def _repr(self: Any) -> str:
    pairs = zip(fields(self), _values(self), strict=True)
    return f"{type(self).__qualname__}({', '.join(f'{f.name}={value!r}' for f, value in pairs)})"


def _eq(self: Any, other: object) -> bool:
    return _values(self) == _values(other) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(_values(self))


def _set_attribute(self: Any, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete_attribute(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


_METHODS = {
    "__init__": _init,
    "__repr__": _repr,
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _set_attribute,
    "__delattr__": _delete_attribute,
}
"""What a dataclass would have of its own."""
