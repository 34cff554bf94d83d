"""Put a margin of paper around a picture that its digits fill.

A strip or a table that is cropped to its digits hardly shows paper along its edges: which of its
two tones is ink cannot be told from them, light that falls off cannot be told from strokes, and
digits at the edges cannot be told from a border or from what reaches in from outside. With a margin
of the paper's tone all of that can be told. Which tone is the paper's is for others to decide, by
what they read.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.preprocessing.flat_background import Ink

_MARGIN = 0.3
"""Width of the margin, relative to the shorter side."""
_MIN_MARGIN = 8
"""Minimum width of the margin in pixels."""
_MIN_SHORT_SIDE = 96
"""Shorter side, in pixels, that a smaller picture is enlarged to; segments need whole pixels."""
_MAX_FACTOR = 4
"""Maximum factor of that enlargement."""
_MIN_DIFFERENCE = 24
"""Minimum difference between ink and paper in gray levels."""


class Margined(NamedTuple):
    """A picture in a margin of one tone."""

    rgb: NDArray[np.uint8]
    """``(height, width, 3)``."""
    margin: int
    """Width of the margin in pixels."""
    factor: int
    """Pixels per pixel of the picture."""


def add_margins(rgb: NDArray[np.uint8], *, side: int, ink: Ink | None = None) -> list[Margined]:
    """Return a picture in a margin of its light tone, and in one of its dark tone.

    Args:
        rgb: ``(height, width, 3)``.
        side: longest side, in pixels, up to which a small picture is enlarged.
        ink: whether its ink is dark or light, if that is known: the other tone is its paper.

    Returns:
        Both, or that of the paper if it is known, or none if the picture has but one tone.
    """
    image = Image.fromarray(rgb)
    gray = np.asarray(image.convert("L"))
    is_light = gray > _threshold(gray)
    tones = [np.median(rgb[where], axis=0) for where in (is_light, ~is_light) if where.any()]
    if len(tones) < 2 or np.abs(tones[0] - tones[1]).max() < _MIN_DIFFERENCE:
        return []
    height, width = gray.shape
    factor = min(_MAX_FACTOR, _MIN_SHORT_SIDE // min(height, width), side // max(height, width))
    factor = max(1, factor)
    margin = max(_MIN_MARGIN, round(_MARGIN * factor * min(height, width)))
    large = image.resize((factor * width, factor * height), Image.Resampling.BICUBIC)
    size = (large.width + 2 * margin, large.height + 2 * margin)
    result = []
    papers = {None: tones, "dark": tones[:1], "light": tones[1:]}
    for tone in papers[ink]:
        red, green, blue = (round(level) for level in tone.tolist())
        canvas = Image.new("RGB", size, (red, green, blue))
        canvas.paste(large, (margin, margin))
        result.append(Margined(np.asarray(canvas), margin, factor))
    return result


def _threshold(gray: NDArray[np.uint8]) -> int:
    """Return the highest gray level of the darker of two tones.

    The variance between the tones is the largest (N. Otsu, A Threshold Selection Method from
    Gray-Level Histograms, 1979).
    """
    counts = np.bincount(gray.ravel(), minlength=256).astype(np.float64)
    below = np.cumsum(counts)
    moment = np.cumsum(counts * np.arange(256))
    above = below[-1] - below
    apart = (moment[-1] * below / below[-1] - moment) ** 2 / np.maximum(below * above, 1)
    return int(apart.argmax())
