"""Read FlatBuffers: as much as a model file needs, and never beyond its bytes.

A table begins with the distance back to its vtable, which holds the place of each field in the
table, or 0 for a field that has its default. Whatever is not a number is reached by the distance to
it (FlatBuffers Internals, https://flatbuffers.dev/internals/). Every place is checked against the
length of the file before it is read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_edge.errors import InvalidModel
from mnist_edge.runtimes.numpy_backend.tflite_schema import Field

MAX_TABLES = 4096
"""Tables in a vector beyond which a file counts as damaged; ``nano`` has 16 tensors."""


@dataclass(frozen=True)
class FlatbufferTable:
    """A table in a file."""

    content: bytes
    """The whole file."""
    place: int
    """Offset of the table in the file, in bytes."""

    @classmethod
    def root(cls, content: bytes) -> FlatbufferTable:
        """Return the table that a file begins with.

        Raises:
            InvalidModel: it lies outside the file, as may every other read.
        """
        return cls(content, _unpack(content, "<I", 0))

    def scalar(self, field: Field) -> Any:
        """Return a number, or the schema's default if the file has none."""
        place = self._find(field)
        return field.default if place is None else _unpack(self.content, f"<{field.type}", place)

    def table(self, field: Field) -> FlatbufferTable | None:
        """Return a table within this one, if there is one."""
        place = self._follow(field)
        return None if place is None else FlatbufferTable(self.content, place)

    def tables(self, field: Field) -> list[FlatbufferTable]:
        """Return the tables of a vector."""
        distances = self._vector(field, "<u4", MAX_TABLES)
        first = (self._follow(field) or 0) + 4
        return [
            FlatbufferTable(self.content, first + 4 * index + int(distance))
            for index, distance in enumerate(distances)
        ]

    def vector_place(self, field: Field) -> int | None:
        """Return the offset of a vector's length in the file, in bytes, if there is a vector."""
        return self._follow(field)

    def array(self, field: Field, *, max_items: int | None = None) -> NDArray[Any]:
        """Return a vector of numbers as a view into the file, empty if the file has none.

        Args:
            field: a vector.
            max_items: the number of items beyond which the file counts as damaged.
        """
        return self._vector(field, f"<{field.type}", max_items)

    def _vector(self, field: Field, dtype: str, max_items: int | None) -> NDArray[Any]:
        place = self._follow(field)
        if place is None:
            return np.empty(0, dtype)
        count: int = _unpack(self.content, "<I", place)
        end = place + 4 + count * np.dtype(dtype).itemsize
        if end > len(self.content) or (max_items is not None and count > max_items):
            raise damaged(
                f"it has a vector of {count} items at byte {place} of {len(self.content)}"
            )
        return np.frombuffer(self.content, dtype, count, place + 4)

    def _follow(self, field: Field) -> int | None:
        place = self._find(field)
        return None if place is None else place + int(_unpack(self.content, "<I", place))

    def _find(self, field: Field) -> int | None:
        vtable = self.place - _unpack(self.content, "<i", self.place)
        # The first two entries are the sizes of the vtable and of the table.
        entry = 4 + 2 * field.position
        if entry >= _unpack(self.content, "<H", vtable):
            return None
        offset: int = _unpack(self.content, "<H", vtable + entry)
        return self.place + offset if offset else None


EMPTY_TABLE = FlatbufferTable(b"\4\0\4\0\4\0\0\0", 4)
"""A table whose fields all have their defaults."""


def damaged(found: str) -> InvalidModel:
    """Make the error for a damaged model file.

    Args:
        found: what is wrong with it.
    """
    return InvalidModel(
        f"the model is damaged: {found}; copy the file again, or convert it again with: "
        "mnist-edge convert"
    )


def _unpack(content: bytes, code: str, place: int) -> Any:
    # struct would count a negative place from the end.
    if not 0 <= place <= len(content) - struct.calcsize(code):
        raise damaged(f"it has something at byte {place} of {len(content)}")
    (value,) = struct.unpack_from(code, content, place)
    return value
