"""Reading FlatBuffers: as much as a model file needs, and nothing beyond its bytes.

A table begins with the distance back to its vtable, which has the place of every field in it, or
0 where the field has its default; whatever is not a scalar is reached by the distance to it
(FlatBuffers Internals, https://flatbuffers.dev/internals/). Every place is held against the length
of the file before it is read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import InvalidModel

MAX_ITEMS = 4096
"""Tables in one vector, beyond which a file is taken for damaged; ``nano`` has 16 tensors."""


@dataclass(frozen=True)
class FlatbufferTable:
    """A table in a file."""

    content: bytes
    """The file, whole."""
    place: int
    """Where the table begins, in bytes."""

    @classmethod
    def root(cls, content: bytes) -> FlatbufferTable:
        """The table that a file begins with.

        Raises:
            InvalidModel: it lies outside the file, as may every other read.
        """
        return cls(content, _unpack(content, "<I", 0))

    def scalar(self, field: int, form: str, default: float = 0) -> Any:
        """A number.

        Args:
            field: its position among the table's fields, from 0.
            form: its type, as ``struct`` has it.
            default: what the schema has for it where the file says nothing.
        """
        place = self._find(field)
        return default if place is None else _unpack(self.content, f"<{form}", place)

    def table(self, field: int) -> FlatbufferTable | None:
        """A table within this one; None where there is none."""
        place = self._follow(field)
        return None if place is None else FlatbufferTable(self.content, place)

    def tables(self, field: int) -> list[FlatbufferTable]:
        """A vector of tables."""
        places = self.array(field, "<u4", most=MAX_ITEMS)
        first = (self._follow(field) or 0) + 4
        return [
            FlatbufferTable(self.content, first + 4 * number + int(distance))
            for number, distance in enumerate(places)
        ]

    def array(self, field: int, dtype: str, *, most: int | None = None) -> NDArray[Any]:
        """A vector of numbers, which is a view into the file; empty where there is none.

        Args:
            field: as for ``scalar``.
            dtype: numpy's name of the numbers' type, little-endian.
            most: how many there may be.
        """
        place = self._follow(field)
        if place is None:
            return np.empty(0, dtype)
        count: int = _unpack(self.content, "<I", place)
        end = place + 4 + count * np.dtype(dtype).itemsize
        if end > len(self.content) or (most is not None and count > most):
            raise _damaged(f"a vector of {count} items at byte {place} of {len(self.content)}")
        return np.frombuffer(self.content, dtype, count, place + 4)

    def _follow(self, field: int) -> int | None:
        place = self._find(field)
        return None if place is None else place + int(_unpack(self.content, "<I", place))

    def _find(self, field: int) -> int | None:
        vtable = self.place - _unpack(self.content, "<i", self.place)
        # The first two entries are the sizes of the vtable and of the table.
        if 4 + 2 * field >= _unpack(self.content, "<H", vtable):
            return None
        offset: int = _unpack(self.content, "<H", vtable + 4 + 2 * field)
        return self.place + offset if offset else None


def _unpack(content: bytes, form: str, place: int) -> Any:
    # struct counts a negative place from the end.
    if not 0 <= place <= len(content) - struct.calcsize(form):
        raise _damaged(f"something at byte {place} of {len(content)}")
    (value,) = struct.unpack_from(form, content, place)
    return value


def _damaged(what: str) -> InvalidModel:
    return InvalidModel(
        f"the model is damaged: it has {what}; copy the file again, or convert it again with: "
        "mnist-edge convert"
    )
