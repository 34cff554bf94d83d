"""Fill in the texts that the generated C and its libraries are made of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources


def read_resource(path: str) -> str:
    """Read a text of this package, ASCII."""
    return resources.files("converters.c").joinpath(path).read_text(encoding="ascii")


def fill(path: str, prefix: str, values: Mapping[str, str]) -> str:
    """Read a template, fill in its values, and give its names the prefix.

    Args:
        path: the template within this package. It has ``@name@`` where a value goes, which may
            have others in it, and ``digit`` where names have the prefix.
        prefix: what names begin with.
        values: the values by name.
    """
    text = read_resource(path)
    while re.search(r"@\w+@", text):
        text = re.sub(r"@(\w+)@", lambda match: values[match[1]], text)
    return rename(text.replace("DIGIT_", f"{prefix.upper()}_"), prefix)


def rename(text: str, prefix: str) -> str:
    """Give the prefix to the names in a text: those of functions, types and files."""
    return re.sub(r"\bdigit(?=_|\.(?:[ch]|js|wasm)\b)", prefix, text)
