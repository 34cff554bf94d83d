"""Find the numbers that file formats hang on: sizes, counts, types and offsets."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Literal

from tests.fuzz.mutation import Number

_MAX_DEPTH = 4
"""Levels of boxes that are looked into."""
_BOXES = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"iinf": 6, b"moov": 0}
"""Boxes of HEIC that hold boxes, and the bytes before these (ISO/IEC 14496-12)."""


def picture_numbers(content: bytes) -> list[Number]:
    """Find the numbers of a picture of any format that is read."""
    for start, find in (
        (b"\x89PNG", _png),
        (b"\xff\xd8", _jpeg),
        (b"GIF8", _gif),
        (b"BM", _bmp),
        (b"RIFF", _webp),
        (b"II", _tiff),
        (b"MM", _tiff),
    ):
        if content.startswith(start):
            return list(find(content))
    if content[4:8] == b"ftyp":
        return list(_boxes(content, 0, len(content), 0))
    # The header of PNM is text.
    return [Number(offset, 1) for offset in range(min(16, len(content)))]


def tar_numbers(content: bytes) -> list[Number]:
    """Find the fields of the headers of a tar that is not compressed, byte by byte."""
    numbers, offset = [], 0
    while offset + 512 <= len(content) and any(content[offset : offset + 512]):
        numbers += [Number(offset + place, 1) for place in (0, 1, *range(124, 136), 156, 257, 345)]
        numbers += [Number(offset + 124, 12), Number(offset + 482, 1)]
        digits = content[offset + 124 : offset + 135].strip(b" \0")
        size = int(digits, 8) if digits.isdigit() else 0
        offset += 512 + (size + 511) // 512 * 512
    return numbers


def zip_numbers(content: bytes) -> list[Number]:
    """Find the fields of a zip's headers (APPNOTE.TXT of PKWARE, sections 4.3.7 to 4.3.16)."""
    layouts = {
        b"PK\3\4": "HHHHHIIIHH",
        b"PK\1\2": "HHHHHHIIIHHHHHII",
        b"PK\5\6": "HHHHIIH",
    }
    numbers = []
    for start, layout in layouts.items():
        place = content.find(start)
        while place >= 0:
            offset = place + 4
            for letter in layout:
                size = struct.calcsize(letter)
                numbers.append(Number(offset, size, "little"))
                offset += size
            place = content.find(start, place + 1)
    return numbers


def flatbuffer_numbers(content: bytes) -> list[Number]:
    """Find what may be a table's field or an offset: whole words, and halves of the small ones."""
    words = struct.unpack(f"<{len(content) // 4}i", content[: len(content) // 4 * 4])
    # Weights are mostly of large words; offsets, sizes and indices are below the file's size.
    small = [4 * place for place, word in enumerate(words) if abs(word) <= len(content)]
    return [Number(place, size, "little") for place in small for size in (4, 2, 1)]


def _png(content: bytes) -> Iterator[Number]:
    start = 8
    while start + 12 <= len(content):
        (size,) = struct.unpack_from(">I", content, start)
        yield Number(start, 4)
        yield Number(start + 7, 1)
        if content[start + 4 : start + 8] == b"IHDR":
            yield Number(start + 8, 4)
            yield Number(start + 12, 4)
        yield from (Number(start + 8 + place, 1) for place in range(min(size, 13)))
        start += 12 + size


def _jpeg(content: bytes) -> Iterator[Number]:
    start = 2
    while start + 4 <= len(content) and content[start] == 0xFF:
        marker = content[start + 1]
        (size,) = struct.unpack_from(">H", content, start + 2)
        yield Number(start + 1, 1)
        yield Number(start + 2, 2)
        if 0xC0 <= marker <= 0xC2:
            yield Number(start + 5, 2)
            yield Number(start + 7, 2)
        yield from (Number(start + 4 + place, 1) for place in range(min(size - 2, 24)))
        if marker == 0xDA:
            return
        start += 2 + size


def _gif(content: bytes) -> Iterator[Number]:
    yield Number(6, 2, "little")
    yield Number(8, 2, "little")
    yield Number(10, 1)
    start = 13 + (3 << (content[10] & 7) + 1 if content[10] & 0x80 else 0)
    while start + 10 <= len(content) and content[start] in b"!,":
        if content[start] == ord("!"):
            yield from (Number(start + place, 1) for place in range(1, 8))
            start += 2
        else:
            yield from (Number(start + place, 2, "little") for place in (1, 3, 5, 7))
            yield from (Number(start + place, 1) for place in (9, 10))
            flags = content[start + 9]
            start += 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        while start < len(content) and content[start]:
            yield Number(start, 1)
            start += 1 + content[start]
        start += 1


def _bmp(content: bytes) -> Iterator[Number]:
    for place in (2, 10, 14, 18, 22, 30, 34, 38, 42, 46, 50):
        yield Number(place, 4, "little")
    yield Number(26, 2, "little")
    yield Number(28, 2, "little")


def _webp(content: bytes) -> Iterator[Number]:
    yield Number(4, 4, "little")
    start = 12
    while start + 8 <= len(content):
        (size,) = struct.unpack_from("<I", content, start + 4)
        yield Number(start + 3, 1)
        yield Number(start + 4, 4, "little")
        yield Number(start + 12, 3, "little")
        yield Number(start + 15, 3, "little")
        yield from (Number(start + 8 + place, 1) for place in range(min(size, 12)))
        start += 8 + size + size % 2


def _tiff(content: bytes) -> Iterator[Number]:
    order = "<" if content.startswith(b"II") else ">"
    name: Literal["big", "little"] = "little" if order == "<" else "big"
    yield Number(4, 4, name)
    (start,) = struct.unpack_from(f"{order}I", content, 4)
    if start + 2 > len(content):
        return
    (count,) = struct.unpack_from(f"{order}H", content, start)
    yield Number(start, 2, name)
    for entry in range(start + 2, min(start + 2 + 12 * count, len(content) - 12), 12):
        yield Number(entry, 2, name)
        yield Number(entry + 2, 2, name)
        yield Number(entry + 4, 4, name)
        yield Number(entry + 8, 4, name)
        yield Number(entry + 8, 2, name)


def _boxes(content: bytes, start: int, end: int, depth: int) -> Iterator[Number]:
    while start + 8 <= end:
        size, kind = struct.unpack_from(">I4s", content, start)
        yield Number(start, 4)
        if not 8 <= size <= end - start:
            return
        if kind in _BOXES and depth < _MAX_DEPTH:
            yield from _boxes(content, start + 8 + _BOXES[kind], start + size, depth + 1)
        else:
            yield from (Number(start + 8 + place, 1) for place in range(min(size - 8, 40)))
            yield from (Number(start + 8 + place, 4) for place in range(0, min(size - 8, 40), 4))
        start += size
