"""A digit's pixels as a picture that stands in a page itself."""

from __future__ import annotations

import base64
import binascii
import io

import numpy as np
from PIL import Image

from mnist_edge.errors import InvalidValue

SIDE = 28
"""Height and width of a digit in pixels."""


def data_uri(pixels: str) -> str:
    """A PNG of a digit, for the ``src`` of an ``img``; white ink on black, as the model sees it.

    It has a pixel for each of the digit's: ``image-rendering: pixelated`` keeps them crisp.

    Args:
        pixels: base64 of the 784 bytes, row by row, 0 background, 255 ink.

    Raises:
        InvalidValue: they are not base64, or not 784 bytes.
    """
    try:
        content = base64.b64decode(pixels, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidValue(
            f"a digit's pixels are no base64 ({error}): write the report anew"
        ) from None
    if len(content) != SIDE * SIDE:
        raise InvalidValue(
            f"a digit has {len(content)} bytes of pixels and not {SIDE * SIDE}: write the report "
            "anew"
        )
    digit = np.frombuffer(content, np.uint8).reshape(SIDE, SIDE)
    file = io.BytesIO()
    Image.fromarray(digit).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")
