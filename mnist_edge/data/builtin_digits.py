"""A hundred labeled digits that come with the package, for checks without MNIST."""

from __future__ import annotations

import numpy as np
from PIL import Image

from mnist_edge import DIGIT_SHAPE
from mnist_edge.data.mnist import Digits
from mnist_edge.system.paths import SAMPLES


def load_builtin_digits() -> Digits:
    """Load a hundred of MNIST's validation digits, ten of each, in order of their labels."""
    with Image.open(SAMPLES / "digits.png") as picture:
        sheet = np.asarray(picture, np.uint8)
    height, width = DIGIT_SHAPE
    rows, columns = sheet.shape[0] // height, sheet.shape[1] // width
    tiles = sheet.reshape(rows, height, columns, width).swapaxes(1, 2)
    labels = np.repeat(np.arange(rows, dtype=np.uint8), columns)
    return Digits(images=np.ascontiguousarray(tiles.reshape(-1, *DIGIT_SHAPE)), labels=labels)
