from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from mnist_edge.data.mnist import Digits


@pytest.fixture
def digit_folder(tmp_path: Path, test_digits: Digits) -> Path:
    """A folder of three digits as PNG files, one of them in a folder below, and of a text file."""
    folder = tmp_path / "digits"
    (folder / "below").mkdir(parents=True)
    for index, name in enumerate(("a.png", "c.png", "below/b.png")):
        Image.fromarray(test_digits.images[index]).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder
