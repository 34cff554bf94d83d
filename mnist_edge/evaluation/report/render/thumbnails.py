"""A digit's pixels as a PNG inside the page."""

from __future__ import annotations

import base64
import binascii
import io

import numpy as np
from PIL import Image

from mnist_edge.errors import InvalidValue

_SIDE = 28
"""Height and width of a digit in pixels."""


def data_uri(pixels: str) -> str:
    """Return a PNG of a digit as a ``data:`` address, white ink on black as the model sees it.

    The PNG has the digit's own 28x28 pixels: ``image-rendering: pixelated`` keeps them crisp.

    Args:
        pixels: base64 of the 784 bytes, row by row, 0 background, 255 ink.

    Raises:
        InvalidValue: the text is not base64, or not of 784 bytes.
    """
    try:
        content = base64.b64decode(pixels, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidValue(
            f"a digit's pixels are not base64 ({error}): write the report again"
        ) from None
    if len(content) != _SIDE * _SIDE:
        raise InvalidValue(
            f"a digit has {len(content)} bytes of pixels, expected {_SIDE * _SIDE}: write the "
            "report again"
        )
    digit = np.frombuffer(content, np.uint8).reshape(_SIDE, _SIDE)
    file = io.BytesIO()
    Image.fromarray(digit).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
