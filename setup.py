"""Make the description for package indexes from README.md.

Relative links lead nowhere on an index, so the description names the file that each link leads to.
Everything else is in pyproject.toml.
"""

import re
from pathlib import Path

from setuptools import setup


def describe(readme: str) -> str:
    """Replace each relative link by its text and its path, and each picture by its description."""
    readme = re.sub(r"!\[([^]]*)\]\((?!https?:)[^)]+\)", r"*\1*", readme)
    return re.sub(r"\[([^]]*)\]\((?!https?:)([^)]+)\)", r"\1 (`\2`)", readme)


setup(
    long_description=describe(Path(__file__).with_name("README.md").read_text(encoding="utf-8")),
    long_description_content_type="text/markdown",
)
