"""Read files within bounds; write them so that a reader sees the old or the new one, whole."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mnist_edge.errors import NotWritable

MAX_FILE_BYTES = 64_000_000
"""Bytes of a file that is read as a whole, by default: documents have kilobytes, models a few
megabytes."""


def exists(path: str | os.PathLike[str]) -> bool:
    """Return whether a path exists; False also for one that the system refuses."""
    return os.path.exists(path)  # noqa: PTH110  # Path.exists raises for a name that is too long


def file_mode(path: str | os.PathLike[str]) -> int:
    """Return the type and permissions of what a path leads to, as ``stat`` has them.

    Returns:
        0 if there is nothing, or the system refuses the path.
    """
    try:
        return os.stat(path).st_mode  # noqa: PTH116  # as exists
    except (OSError, ValueError):
        return 0


def read_regular_file(path: str | os.PathLike[str], *, max_bytes: int = MAX_FILE_BYTES) -> bytes:
    """Read a whole file, if it is one and of bounded size.

    Raises:
        OSError: it cannot be read, is a pipe or a device, or has more than ``max_bytes`` bytes.
    """
    require_regular_file(path)
    # Path.read_bytes takes twice as long, which counts where a start reads little else.
    with open(path, "rb", buffering=0) as stream:  # noqa: PTH123
        size = os.fstat(stream.fileno()).st_size
        content = stream.read(min(size, max_bytes) + 1)
    if len(content) > max_bytes:
        raise OSError(errno.EFBIG, f"more than {max_bytes:,} bytes", str(path))
    return content


def require_regular_file(path: str | os.PathLike[str]) -> None:
    """Check that a path is a file. Opening a pipe waits for a writer, and a device may never end.

    Raises:
        OSError: it is something else, or is not there.
    """
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116  # Path.stat takes twice as long
    except ValueError as error:  # a path with a null character
        raise OSError(errno.EINVAL, str(error), str(path)) from error
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "a pipe or a device, not a file", str(path))


@contextmanager
def replacing(target: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """Yield a temporary path beside ``target`` that becomes ``target`` on success.

    The temporary file has the target's suffix, because some writers choose a format by it. It is
    flushed to disk and renamed over the target when the block ends, and removed when it raises.

    Args:
        target: the file to write.
        mode: its permissions, less those that the umask takes away.

    Raises:
        NotWritable: the folder cannot be created or written to.
    """
    # What only reads needs neither this nor what it imports.
    import tempfile

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(
            prefix=f".{target.stem}.", suffix=target.suffix, dir=target.parent
        )
    except OSError as error:
        raise not_writable(target, error) from error
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files private; a result is for everyone who may read the folder.
        temporary.chmod(mode & ~_umask())
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.replace(target)
    except OSError as error:
        raise not_writable(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(target: Path, content: bytes) -> None:
    """Write bytes to a file, completely or not at all.

    Raises:
        NotWritable: the folder or the file cannot be written.
    """
    with replacing(target) as temporary:
        temporary.write_bytes(content)


def write_text(target: Path, text: str) -> None:
    r"""Write text to a file as UTF-8, completely or not at all.

    Bytes of a name that is not Unicode are escaped as JSON does, for example as ``\udcff``.

    Raises:
        NotWritable: the folder or the file cannot be written.
    """
    write_bytes(target, text.encode("utf-8", "backslashreplace"))


def write_private_bytes(target: Path, content: bytes) -> None:
    """Write bytes to a file that only its owner may read, completely or not at all.

    Raises:
        NotWritable: the folder or the file cannot be written.
    """
    with replacing(target, mode=0o600) as temporary:
        temporary.write_bytes(content)


def write_private_text(target: Path, text: str) -> None:
    """Write text as UTF-8 to a file that only its owner may read, completely or not at all.

    Raises:
        NotWritable: the folder or the file cannot be written.
    """
    write_private_bytes(target, text.encode("utf-8"))


def write_json(target: Path, document: Any) -> None:
    """Write a document to a file as indented JSON, completely or not at all.

    Raises:
        NotWritable: the folder or the file cannot be written.
    """
    write_text(target, json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk, as ``replacing`` flushes contents.

    Otherwise the later of two renames may reach the disk before the earlier one. Windows and some
    file systems do not support it, and keep their own order.
    """
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Create a folder, and keep others who lock it waiting until the block ends.

    The system releases the lock of a process that is killed. File systems that have no locks, such
    as some network folders, are used without.

    Raises:
        NotWritable: the folder cannot be created or opened.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Windows locks files alone.
        if sys.platform == "win32":
            descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT)
        else:
            descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise not_writable(folder, error) from error
    try:
        with suppress(OSError):
            _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)


def require_writable(folder: Path) -> None:
    """Check, before any long work, that files can be created in a folder.

    One that does not exist is not made yet, so that a request that is refused for another reason
    leaves nothing behind: its nearest parent is checked, and ``replacing`` makes it.

    Raises:
        NotWritable: it cannot be created or written to.
    """
    try:
        _create_nothing_in(folder)
    except OSError as error:
        raise not_writable(folder, error) from error


def require_replaceable(target: Path) -> None:
    """Check, before any long work, that a file can be written, whether it is there or not.

    Raises:
        NotWritable: it is a folder, or its folder cannot be written to.
    """
    try:
        if target.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        _create_nothing_in(target.parent)
    except OSError as error:
        raise not_writable(target, error) from error


def _create_nothing_in(folder: Path) -> None:
    """Create a file without a name in a folder, or in the nearest parent that exists."""
    import tempfile

    while not folder.is_dir():
        if os.path.lexists(folder):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        folder = folder.parent
    with tempfile.TemporaryFile(dir=folder):
        pass


def not_writable(target: Path, error: OSError) -> NotWritable:
    """Make the error for a file that the system refused to write, with its reason."""
    reason = error.strerror or type(error).__name__
    return NotWritable(
        f"cannot write {target}: {reason}; choose another place, or make it writable"
    )


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
