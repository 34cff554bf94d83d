"""Writes ``mnist_edge/samples/digits.png``: the digits that a device tries a new model on.

The first ten of each digit in the validation split, in its order: no model had a say in which, and
the test split is for the report alone. One picture of 28x28 tiles, a row for each digit.

Run from the root of the repository: ``python tests/data/make_sheet.py``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mnist_edge.data.mnist import load_mnist

_OF_EACH = 10
"""Digits of each label."""
_TARGET = Path("mnist_edge/samples/digits.png")


def main() -> None:
    """Put the digits together and writes the picture."""
    validation = load_mnist().validation
    rows = []
    for digit in range(10):
        first = np.flatnonzero(validation.labels == digit)[:_OF_EACH]
        rows.append(np.hstack(list(validation.images[first])))
    note = PngInfo()
    note.add_text("Source", "MNIST, training set: Y. LeCun, C. Cortes, C. J. C. Burges")
    note.add_text("Copyright", "CC BY-SA 3.0, https://creativecommons.org/licenses/by-sa/3.0/")
    Image.fromarray(np.vstack(rows)).save(_TARGET, optimize=True, pnginfo=note)


if __name__ == "__main__":
    main()
