"""Archives of models, and headers of tar that no packing program writes."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping


def pack_tar(files: Mapping[str, bytes]) -> bytes:
    """A ``.tar.gz`` of files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def pack_zip(
    files: Mapping[str, bytes],
    compression: int = zipfile.ZIP_DEFLATED,
    *,
    level: int | None = None,
) -> bytes:
    """A ``.zip`` of files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression, compresslevel=level) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tar_header(name: str, size: int, kind: bytes = b"0") -> bytes:
    """A header of any size, a negative one included (GNU's base 256)."""
    member = tarfile.TarInfo(name)
    member.type = kind
    block = bytearray(member.tobuf(tarfile.GNU_FORMAT))
    block[124:136] = size.to_bytes(12, "big", signed=True) if size < 0 else b"%011o\0" % size
    return with_tar_checksum(bytes(block))


def with_tar_checksum(block: bytes) -> bytes:
    """A header whose checksum is put right, so that damage reaches the reader."""
    blank = block[:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(blank) + block[156:]


def pax_header(name: str, value: str) -> bytes:
    """Build an extended header with one record."""
    record = next(
        line for length in range(99) if len(line := f"{length} {name}={value}\n".encode()) == length
    )
    return tar_header("pax", len(record), b"x") + record + bytes(-len(record) % 512)


EMPTY = tar_header("README", 0)
"""The header of an empty file."""
ENDLESS = {
    "back to itself": tar_header("a", -512),
    "back to the one before": EMPTY + tar_header("a", -512),
    "far back": EMPTY + tar_header("a", -(1 << 60)),
    "back by an extended header": EMPTY + pax_header("size", "-1536") + tar_header("a", 0),
    "a header that goes back": EMPTY + tar_header("pax", -512, b"x"),
    "a name that goes back": EMPTY + tar_header("long", -1024, b"L"),
    "digits to search": tar_header("pax", 4_000_000, b"x") + b"1" * 4_000_256,
    "blanks to search for all": tar_header("pax", 1_000_000, b"g") + b" " * 1_000_448,
    "a long name": tar_header("long", 100_000, b"L") + b"n" * 100_352,
    "many files": EMPTY * 30_000,
    "many headers": pax_header("comment", "x") * 15_000 + EMPTY,
    "many names": (tar_header("long", 2, b"L") + b"a".ljust(512, b"\0")) * 15_000 + EMPTY,
    "a size that is no number": pax_header("size", "abc") + EMPTY,
    "a size beyond all": pax_header("size", "9" * 30) + EMPTY,
}
"""Blocks of archives that a reader could follow for ever, or for minutes."""


def pack_blocks(blocks: bytes) -> bytes:
    """A ``.tar.gz`` of blocks as they are."""
    return gzip.compress(blocks + bytes(1024), 1)
