"""Small files that ask for the memory of large pictures, and parts to build such files of."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

from PIL import Image

SIDE = 7071
"""Pixels of a side: just under fifty megapixels."""
PALETTE = (b"PLTE", bytes(range(256)) * 3)
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(width: int, height: int, *, depth: int, color: int, bits: int, chunks: Any = ()) -> bytes:
    """A PNG of zeros, with what chunks come before its pixels."""
    row = (width * bits + 7) // 8 + 1
    rows = zlib.compress(bytes(row * height), 9)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", rows), (b"IEND", b"")]
    blank = b"".join(struct.pack(">I", len(part)) + kind + part + bytes(4) for kind, part in parts)
    return with_checksums(_SIGNATURE + blank)


def with_checksums(content: bytes) -> bytes:
    """Correct the checksums of a PNG's chunks, so that damage reaches the decoder."""
    whole, start = bytearray(content), len(_SIGNATURE)
    while start + 12 <= len(whole):
        (size,) = struct.unpack_from(">I", whole, start)
        end = start + 8 + size
        if end + 4 > len(whole):
            break
        struct.pack_into(">I", whole, end, zlib.crc32(whole[start + 4 : end]))
        start = end + 4
    return bytes(whole)


def saved(kind: str, mode: str, **settings: Any) -> bytes:
    """A file as Pillow writes it, of one color."""
    stream = io.BytesIO()
    Image.new(mode, (SIDE, SIDE)).save(stream, kind, **settings)
    return stream.getvalue()


def webp() -> bytes:
    """Encode a lossless WebP of one color, which takes 34 bytes at any size."""
    stream = io.BytesIO()
    Image.new("RGBA", (7000, 7000)).save(stream, "WEBP", lossless=True, method=0, quality=0)
    return stream.getvalue()


POISONED: dict[str, Callable[[], bytes]] = {
    "palette with alpha": lambda: png(
        SIDE, SIDE, depth=8, color=3, bits=8, chunks=(PALETTE, (b"tRNS", bytes(256)))
    ),
    "one bit with alpha": lambda: png(
        SIDE, SIDE, depth=1, color=3, bits=1, chunks=((b"PLTE", bytes(6)), (b"tRNS", b"\0\xff"))
    ),
    "transparent gray": lambda: png(
        SIDE, SIDE, depth=8, color=0, bits=8, chunks=((b"tRNS", b"\0\0"),)
    ),
    "RGBA": lambda: png(SIDE, SIDE, depth=8, color=6, bits=32),
    "RGBA that is just small enough": lambda: png(4000, 7700, depth=8, color=6, bits=32),
    "RGB that a camera's is just small enough": lambda: png(4200, 4200, depth=8, color=2, bits=24),
    "16-bit RGBA": lambda: png(SIDE, SIDE, depth=16, color=6, bits=64),
    "16-bit gray": lambda: png(SIDE, SIDE, depth=16, color=0, bits=16),
    "gray with alpha": lambda: png(SIDE, SIDE, depth=8, color=4, bits=16),
    "one column": lambda: png(1, 49_000_000, depth=8, color=0, bits=8),
    "one row": lambda: png(49_000_000, 1, depth=8, color=0, bits=8),
    "one row of a palette": lambda: png(
        49_000_000, 1, depth=8, color=3, bits=8, chunks=(PALETTE, (b"tRNS", bytes(256)))
    ),
    "float TIFF": lambda: saved("TIFF", "F", compression="tiff_adobe_deflate"),
    "32-bit TIFF": lambda: saved("TIFF", "I", compression="tiff_adobe_deflate"),
    "Lab TIFF": lambda: saved("TIFF", "LAB", compression="tiff_adobe_deflate"),
    "CMYK TIFF": lambda: saved("TIFF", "CMYK", compression="tiff_adobe_deflate"),
    "progressive JPEG": lambda: saved("JPEG", "RGB", progressive=True),
    "GIF": lambda: saved("GIF", "P", transparency=0),
    "WebP": webp,
}
"""Makers of such files, most of them of a few kilobytes, by what is in them."""
