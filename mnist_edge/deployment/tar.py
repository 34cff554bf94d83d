"""Read the few plain files of a hostile tar, in one pass over its bytes.

``tarfile`` follows what an archive says of itself: it goes back by a negative size, forever, and
takes a time that is quadratic in the size of an extended header. This reader only goes forward, by
at least one block of 512 bytes for each header, and knows plain files, folders and long names.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass

from mnist_edge.errors import InvalidArtifact

_BLOCK = tarfile.BLOCKSIZE
_MAX_EXTENDED_HEADER = 4096
"""Maximum size of a header that holds a long name or attributes, in bytes."""
_MAX_HEADERS = 1024
"""Maximum number of headers: 256 files with attributes and long names have at most 768."""
_PAX_HEADERS = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_EXTENDED_HEADERS = (
    *_PAX_HEADERS,
    tarfile.XGLTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
"""Types of headers that say more of the member that follows, or of all members."""


@dataclass(frozen=True, kw_only=True)
class TarMember:
    """One file, folder, link or device of a tar."""

    name: str
    """Its path, as the archive has it."""
    content: bytes
    """Its bytes."""
    is_file: bool
    """Whether it is a plain file."""
    is_folder: bool
    """Whether it is a folder; what is neither is a link or a device."""


def read_tar(plain: bytes, source: str) -> Iterator[TarMember]:
    """Read the members of a tar that is not compressed.

    Args:
        plain: its bytes.
        source: the archive's name in messages.

    Raises:
        InvalidArtifact: it is damaged or truncated, has too many headers, or holds a sparse file.
    """
    offset, headers, long_name = 0, 0, None
    while (header := _read_header(plain, offset, source)) is not None:
        headers += 1
        if headers > _MAX_HEADERS:
            raise InvalidArtifact(
                f"{source} has more than {_MAX_HEADERS:,} tar headers; pack the model and its "
                "manifest alone"
            )
        start = offset + _BLOCK
        content = plain[start : start + header.size]
        offset = start + (header.size + _BLOCK - 1) // _BLOCK * _BLOCK
        if header.type in _EXTENDED_HEADERS:
            if header.size > _MAX_EXTENDED_HEADER:
                raise InvalidArtifact(
                    f"{source} has a tar header of {header.size:,} bytes, more than the "
                    f"{_MAX_EXTENDED_HEADER:,} allowed; pack plain files"
                )
            if header.type == tarfile.GNUTYPE_LONGNAME:
                long_name = content.rstrip(b"\0").decode("utf-8", "surrogateescape")
            elif header.type in _PAX_HEADERS:
                long_name = _pax_path(content, source) or long_name
            continue
        yield TarMember(
            name=long_name or header.name,
            content=content,
            is_file=header.isfile(),
            is_folder=header.isdir(),
        )
        long_name = None


def _read_header(plain: bytes, offset: int, source: str) -> tarfile.TarInfo | None:
    """Read the header at an offset; None at the end of the archive."""
    block = plain[offset : offset + _BLOCK]
    # An archive ends in blocks of zeros.
    if not any(block):
        return None
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise InvalidArtifact(f"cannot read {source} ({error}); copy it again") from error
    if header.type == tarfile.GNUTYPE_SPARSE:
        raise _sparse(source)
    remaining = len(plain) - offset - _BLOCK
    if not 0 <= header.size <= remaining:
        raise InvalidArtifact(
            f"cannot read {source}: {header.name!r:.80} has a size of {header.size:,} bytes, with "
            f"{remaining:,} left in the archive; copy it again, or pack it again"
        )
    if header.isdir() and header.size:
        raise InvalidArtifact(f"{source} holds a folder with contents; pack it again")
    return header


def _pax_path(content: bytes, source: str) -> str | None:
    """Return the path that an extended header has, if any.

    Its records are ``LENGTH KEY=VALUE`` and a newline, the length in bytes and of the whole record
    (POSIX.1-2001, pax, Extended Header).
    """
    path = None
    while content:
        length, space, _ = content[:8].partition(b" ")
        if not (space and length.isdigit() and len(length) < int(length) <= len(content)):
            raise InvalidArtifact(f"cannot read {source}: a damaged pax header; pack it again")
        record = content[len(length) + 1 : int(length)].removesuffix(b"\n")
        key, _, value = record.partition(b"=")
        # Sizes of more than 8 GiB, and files with holes.
        if key == b"size" or key.startswith(b"GNU.sparse."):
            raise _sparse(source)
        if key == b"path":
            path = value.decode("utf-8", "surrogateescape")
        content = content[int(length) :]
    return path


def _sparse(source: str) -> InvalidArtifact:
    return InvalidArtifact(
        f"{source} holds a sparse file, or one whose size is in a pax header; pack plain files"
    )
