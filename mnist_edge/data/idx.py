"""The IDX format that MNIST is published in, and the hashes of its four files."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnist_edge import DIGIT_SHAPE
from mnist_edge.errors import DataHashMismatch, MalformedData

SHA256 = {
    "train-images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""sha256 of the four files as published by Y. LeCun, C. Cortes and C. Burges, decompressed."""

_IMAGE_MAGIC = 0x00000803
_LABEL_MAGIC = 0x00000801


def file_name(key: str) -> str:
    """Return the original name of a file, for example ``train-images-idx3-ubyte``."""
    return f"{key}-idx{3 if key.endswith('images') else 1}-ubyte"


def parse_idx(key: str, content: bytes, *, source: Path | str) -> NDArray[np.uint8]:
    """Parse an IDX file: magic number, sizes as big-endian uint32, then bytes.

    Args:
        key: of ``SHA256``, the file that it should be.
        content: the file, decompressed.
        source: where it came from, for messages.

    Returns:
        ``(n, 28, 28)`` or ``(n,)``, uint8.

    Raises:
        MalformedData: it is truncated, has another magic number, or images that are not 28x28.
    """
    dimensions, magic = (3, _IMAGE_MAGIC) if key.endswith("images") else (1, _LABEL_MAGIC)
    header = 4 * (1 + dimensions)
    if len(content) < header:
        raise MalformedData(
            f"{source} is truncated: it has {len(content)} bytes, its header alone {header}; "
            "copy the file again"
        )
    found, *sizes = struct.unpack(f">{1 + dimensions}I", content[:header])
    if found != magic:
        raise MalformedData(
            f"{source} has the magic number {found:#010x}, expected {magic:#010x} for {key}; "
            "check which file it is"
        )
    expected = header + int(np.prod(sizes, dtype=np.int64))
    if len(content) != expected or (dimensions == 3 and sizes[1:] != list(DIGIT_SHAPE)):
        raise MalformedData(
            f"{source} has {len(content)} bytes, expected {expected} by its header "
            f"({'x'.join(map(str, sizes))}); it is truncated or damaged, copy the file again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(sizes)


def encode_idx(array: NDArray[np.uint8]) -> bytes:
    """Encode an array as an IDX file, so that every source is verified against the same hashes."""
    return _header(array) + array.tobytes()


def idx_sha256(array: NDArray[np.uint8]) -> str:
    """Return the sha256 of an array encoded as an IDX file, without encoding it in memory."""
    digest = hashlib.sha256(_header(array))
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _header(array: NDArray[np.uint8]) -> bytes:
    magic = _IMAGE_MAGIC if array.ndim == 3 else _LABEL_MAGIC
    return struct.pack(f">{1 + array.ndim}I", magic, *array.shape)


def verify_file(key: str, content: bytes, *, source: Path | str) -> None:
    """Check that the bytes of an IDX file are MNIST's.

    Raises:
        MalformedData: they are truncated, or have another magic number.
        DataHashMismatch: they are well formed, but other data.
    """
    parse_idx(key, content, source=source)
    require_hash(key, content, source=source)


def require_hash(key: str, content: bytes, *, source: Path | str) -> None:
    """Check the sha256 of a well-formed IDX file.

    Raises:
        DataHashMismatch: it is other data.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest != SHA256[key]:
        raise DataHashMismatch(
            f"{key} from {source} is not MNIST's: sha256 {digest[:12]}, expected "
            f"{SHA256[key][:12]}; get the original files"
        )
