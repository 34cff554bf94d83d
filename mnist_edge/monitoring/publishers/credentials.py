"""Passwords and tokens: from a file or the environment, never from the settings themselves."""

from __future__ import annotations

import os
from pathlib import Path

from mnist_edge.errors import InvalidValue
from mnist_edge.system.files import read_regular_file
from mnist_edge.system.text import one_line


def read_credential(file: Path | None, *, key: str, variable: str) -> str | None:
    """Return the first line of a file, or an environment variable, or None without either.

    Args:
        file: the file of the settings; None if they name none.
        key: the key that names the file, for messages.
        variable: the environment variable.

    Raises:
        InvalidValue: the file cannot be read, or its first line is empty.
    """
    if file is None:
        return os.environ.get(variable)
    try:
        lines = read_regular_file(file).decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InvalidValue(f"{key}: {file} is not UTF-8; write its first line again") from error
    except OSError as error:
        reason = error.strerror or one_line(error)
        raise InvalidValue(
            f"{key}: cannot read {file} ({reason}); its first line is the secret"
        ) from error
    if not lines or not lines[0]:
        raise InvalidValue(f"{key}: {file} is empty; its first line is the secret")
    return lines[0]
