"""Write digits with another pen: measure how wide strokes are, and make them as wide as others.

A few pictures of a writer do not show every digit in every form, but they show the pen. MNIST's
digits in that pen show what else it may write.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.preprocessing.connected_components import dilate, erode
from mnist_edge.preprocessing.mnist_format import INK_THRESHOLD, to_mnist_format

_SCALE = 4
"""Enlargement in which strokes change, so that they change by halves of a pixel."""
_MAX_CHANGE = 3.0
"""Change of the width in pixels, at most: a digit is not written with a broom."""


def measure_pen_widths(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Estimate how wide the strokes of each picture are.

    A stroke much longer than wide has an outline of twice its length, so that its width is twice
    its area, divided by the outline's length. That is the sum of the gradient's magnitude, whatever
    the blur.

    Args:
        images: ``(n, 28, 28)``, white ink on black.

    Returns:
        ``(n,)``, in pixels; 0.0 of a blank picture.
    """
    ink = np.pad(images, ((0, 0), (1, 1), (1, 1))).astype(np.float64) / 255
    down, right = np.diff(ink, axis=1)[:, :, :-1], np.diff(ink, axis=2)[:, :-1]
    outline = np.sqrt(down**2 + right**2).sum(axis=(1, 2))
    return np.asarray(2 * ink.sum(axis=(1, 2)) / np.maximum(outline, 1e-9))


def change_pen(images: NDArray[np.uint8], widths: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Write digits with other pens.

    Args:
        images: ``(n, 28, 28)`` digits in MNIST's format.
        widths: ``(n,)``, how wide each one's strokes become, in pixels.

    Returns:
        ``(n, 28, 28)``, in MNIST's format again; a digit whose strokes would disappear stays.
    """
    changes = np.clip(widths - measure_pen_widths(images), -_MAX_CHANGE, _MAX_CHANGE)
    # An even number of steps: half of them on each side of a stroke.
    steps = np.rint(changes * _SCALE / 2).astype(int)
    changed = [_widen(image, int(step)) for image, step in zip(images, steps, strict=True)]
    return np.stack(changed) if changed else images


def _widen(image: NDArray[np.uint8], steps: int) -> NDArray[np.uint8]:
    """Widen strokes by a number of steps of a quarter of a pixel on each side."""
    if not steps:
        return image
    side = image.shape[0] * _SCALE
    enlarged = Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR)
    large = np.asarray(enlarged, np.float32) / 255
    size = 2 * abs(steps) + 1
    ink = dilate(large, size) if steps > 0 else erode(large, size)
    return to_mnist_format(ink) if ink.max() > INK_THRESHOLD else image
