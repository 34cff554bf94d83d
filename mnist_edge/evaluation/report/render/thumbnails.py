"""A digit's pixels as a PNG inside the page."""

from __future__ import annotations

import base64
import binascii
import io
import math

import numpy as np
from PIL import Image

from mnist_edge import DIGIT_SHAPE
from mnist_edge.errors import InvalidValue


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
    expected = math.prod(DIGIT_SHAPE)
    if len(content) != expected:
        raise InvalidValue(
            f"a digit has {len(content)} bytes of pixels, expected {expected}: write the report "
            "again"
        )
    digit = np.frombuffer(content, np.uint8).reshape(DIGIT_SHAPE)
    file = io.BytesIO()
    Image.fromarray(digit).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
