"""From any picture of a digit to the pixels MNIST would have had for it.

MNIST's form, as its makers describe it (Y. LeCun, C. Cortes, C. Burges, "The MNIST database"):
white ink on black, the digit size-normalised into a 20x20 box keeping its aspect, anti-aliased,
and set so that the centre of mass of its ink is the centre of a 28x28 field.

``decoding`` gives colours on white paper, ``ink`` finds what is not paper, ``strokes`` keeps the
handwriting, ``layout`` says which strokes are one digit; here they become pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.preprocessing import layout
from mnist_edge.preprocessing.binarization import Ink, find_ink
from mnist_edge.preprocessing.cell_borders import closes, without_frame
from mnist_edge.preprocessing.connected_components import Image as Values
from mnist_edge.preprocessing.connected_components import Piece, label, largest_around
from mnist_edge.preprocessing.decoding import SUFFIXES, Picture, as_stored, decode, in_colours
from mnist_edge.preprocessing.flat_background import is_drawing, strength_of
from mnist_edge.preprocessing.handwriting import find_pieces
from mnist_edge.preprocessing.mnist_format import BOX, MIDDLE, SIDE, has_long_stroke, is_mnist_form

__all__ = [
    "SUFFIXES",
    "Glance",
    "Picture",
    "Sight",
    "glance",
    "is_mnist_form",
    "look",
    "normalise",
    "read_pixels",
]

Problem: TypeAlias = Literal["blank", "not-one-digit"]
"""Why a picture is not of one digit."""

WORKING_SIDE = 640
"""Longest side of what is worked on: a digit of a twentieth of it is still 32 pixels."""
PAGE_SIDE = 960
"""The same where many digits are looked for, which are smaller."""
_LEAST_SIDE = 112
"""Longest side that a small picture is enlarged to."""
_THINNEST = 2.0
"""Width of a stroke at least, in pixels of the 20x20 box; MNIST's thinnest twentieth has 2.1."""
_INK = 0.25
"""Share of full ink from which on a pixel counts when the digit is cropped."""
_SMALLEST = 4
"""Rows or columns that a digit fills at least; less is a speck."""
_WIDEST = 3.0
"""Times that a digit may be as wide as it is high; the widest of MNIST's 60,000 is 2.5."""


class Glance(NamedTuple):
    """What a model needs of a picture."""

    pixels: NDArray[np.uint8]
    """``(28, 28)``, its digit in MNIST's form; all 0 where there is none."""
    problem: Problem | None
    """``blank`` or ``not-one-digit``; None where there is one digit."""


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What was made of a picture, step by step."""

    colours: NDArray[np.uint8]
    """``(height, width, 3)``, the picture as it was worked on."""
    scale: float
    """Pixels of the picture itself a pixel of ``colours``."""
    ink: Ink
    """How much of what is in ``colours`` is ink."""
    labels: NDArray[np.int32]
    """``(height, width)``, the number of the piece that each pixel belongs to; 0 none."""
    pieces: tuple[Piece, ...]
    """The handwriting, piece by piece."""
    digits: tuple[Piece, ...]
    """What may be digits: pieces, and pieces that belong together."""
    digit: Piece | None
    """The one that the picture is of."""
    pixels: NDArray[np.uint8]
    """``(28, 28)``, that digit in MNIST's form; all 0 where there is none."""
    problem: Problem | None
    """``blank`` or ``not-one-digit``; None where there is one digit."""


def read_pixels(picture: Picture) -> NDArray[np.uint8]:
    """The digit in a picture, as MNIST would have it.

    Args:
        picture: a path, encoded bytes, a binary stream, a PIL image or a uint8 array.

    Returns:
        ``(28, 28) uint8``, 0 background, 255 ink. A 28x28 picture that is in MNIST's form
        already comes back as it is, or inverted; a blank one comes back all 0.

    Raises:
        PictureNotFound: the path names no file.
        UnreadablePicture: it is empty, truncated, or not an image.
    """
    return glance(picture).pixels


def glance(picture: Picture) -> Glance:
    """The digit in a picture and no more: many are in MNIST's form, which is soon seen.

    Args:
        picture: as ``read_pixels``.

    Returns:
        What ``look`` has under the same names.

    Raises:
        PictureError: as ``read_pixels``.
    """
    if isinstance(picture, np.ndarray) and picture.dtype == np.uint8:
        pixels = _in_mnist_form(picture)
        if pixels is not None:
            # A caller may change an array after it was given.
            return Glance(pixels.copy(), None)
    image, longest = decode(picture, side=WORKING_SIDE)
    # An image that the caller holds may have been given more than what it was opened with.
    grey = None if isinstance(picture, Image.Image) else as_stored(image)
    if grey is not None and (pixels := _in_mnist_form(grey)) is not None:
        return Glance(pixels, None)
    sight = _look(*in_colours(image, longest, side=WORKING_SIDE))
    return Glance(sight.pixels, sight.problem)


def _in_mnist_form(grey: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    """A picture that is in MNIST's form, or its negative that is; None for any other."""
    if grey.shape != (SIDE, SIDE):
        return None
    for pixels in (grey, np.invert(grey)):
        if is_mnist_form(pixels) and has_long_stroke(pixels > 0):
            return pixels
    return None


def look(picture: Picture, *, side: int = WORKING_SIDE) -> Sight:
    """Finds the digit in a picture.

    Args:
        picture: as ``read_pixels``.
        side: longest side of the picture to work on, in pixels.

    Raises:
        PictureError: as ``read_pixels``.
    """
    image, longest = decode(picture, side=side)
    return _look(*in_colours(image, longest, side=side))


def _look(colours: NDArray[np.uint8], scale: float) -> Sight:
    grey = np.asarray(Image.fromarray(colours).convert("L"))
    for pixels in (grey, np.invert(grey)):
        if is_mnist_form(pixels):
            # Four of MNIST's test digits are in two large pieces, and are digits all the same.
            strength = pixels / np.float32(255)
            return replace(_seen(colours, scale, strength, pixels > 0, pixels), problem=None)
    if is_drawing(grey) and not _is_framed(grey):
        strength = strength_of(grey)
        pixels = centre(fit(strength)) if strength.any() else None
        return _seen(colours, scale, strength, strength > _INK, pixels)
    if max(grey.shape) < _LEAST_SIDE:
        colours, scale = _enlarged(colours, scale)
    ink = find_ink(colours)
    labels, pieces = find_pieces(ink)
    return _sight(colours, scale, ink, labels, pieces, None)


def _seen(
    colours: NDArray[np.uint8],
    scale: float,
    strength: Values,
    mask: NDArray[np.bool_],
    pixels: NDArray[np.uint8] | None,
) -> Sight:
    """A picture whose pixels are made already: what it holds is told from its ink."""
    labels, pieces = label(mask)
    ink = Ink(contrast=255 * strength, noise=0.0)
    return _sight(colours, scale, ink, labels, sorted(pieces, key=lambda one: -one.area), pixels)


def _sight(
    colours: NDArray[np.uint8],
    scale: float,
    ink: Ink,
    labels: NDArray[np.int32],
    pieces: Sequence[Piece],
    pixels: NDArray[np.uint8] | None,
) -> Sight:
    groups = layout.group_strokes(pieces)
    digit = layout.choose_digit(groups, *labels.shape)
    if digit and max(digit.height, digit.width) < _SMALLEST:
        digit = None
    if digit is None:
        pixels = np.zeros((SIDE, SIDE), np.uint8)
    elif pixels is None:
        pixels = normalise(ink, labels, digit)
    problem: Problem | None = "blank" if digit is None else None
    if digit and (layout.rivals(digit, groups) or digit.width > _WIDEST * digit.height):
        problem = "not-one-digit"
    return Sight(
        colours=colours,
        scale=scale,
        ink=ink,
        labels=labels,
        pieces=tuple(pieces),
        digits=tuple(groups),
        digit=digit,
        pixels=pixels,
        problem=problem,
    )


def _is_framed(grey: NDArray[np.uint8]) -> bool:
    """Whether a drawing or a clean scan is of a form's cell, its frame in the picture."""
    mask = strength_of(grey) > _INK
    rest, frame = without_frame(mask, mask)
    # The border of a drawing is paper: a frame in it closes about the digit.
    return closes(frame, rest)


def normalise(ink: Ink, labels: NDArray[np.int32], piece: Piece) -> NDArray[np.uint8]:
    """One digit of a picture in MNIST's form, ``(28, 28) uint8``."""
    margin = 3
    height, width = labels.shape
    top, left = max(0, piece.top - margin), max(0, piece.left - margin)
    bottom, right = min(height, piece.bottom + margin), min(width, piece.right + margin)
    member = np.isin(labels[top:bottom, left:right], piece.labels)
    contrast = ink.contrast[top:bottom, left:right]
    full = float(np.percentile(contrast[member], 60))
    # Half a stroke's edge is ink: what reaches out of the mask a little belongs to it.
    near = largest_around(member.astype(np.float32), 3) > 0
    strength = np.where(near, np.clip((contrast / full - 0.15) / 0.7, 0, 1), 0).astype(np.float32)
    return centre(fit(_with_stroke_weight(np.pad(strength, 4), member)))


def stroke_width(mask: NDArray[np.bool_]) -> float:
    """Mean width of the strokes in a mask, in pixels: twice the area over the outline."""
    inner = mask[1:-1, 1:-1] & mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    outline = int(mask.sum()) - int(inner.sum())
    return 2 * int(mask.sum()) / max(1, outline)


def _with_stroke_weight(strength: Values, member: NDArray[np.bool_]) -> Values:
    """Ink whose strokes are as thick as a pen's in MNIST: hairlines vanish in 20 pixels."""
    rows, columns = np.nonzero(member)
    longest = max(np.ptp(rows), np.ptp(columns)) + 1
    lacking = _THINNEST * longest / BOX - stroke_width(np.pad(member, 1))
    return largest_around(strength, 2 * max(0, round(lacking / 2)) + 1)


def fit(ink: NDArray[np.float32]) -> NDArray[np.float32]:
    """Crops ink and scales it, anti-aliased and keeping its aspect, to 20 pixels at its longest."""
    rows, columns = (
        np.flatnonzero((ink > _INK).any(axis=1)),
        np.flatnonzero((ink > _INK).any(axis=0)),
    )
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = ink.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    scaled = Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC)
    fitted: NDArray[np.float32] = np.clip(np.asarray(scaled), 0, 1)
    return fitted


def centre(ink: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Sets ink of at most 20x20 into 28x28, its centre of mass at the centre."""
    height, width = ink.shape
    top, left = (
        int(np.clip(round(MIDDLE - mass), 0, SIDE - size))
        for mass, size in zip(_centre_of_mass(ink), (height, width), strict=True)
    )
    pixels = np.zeros((SIDE, SIDE), np.uint8)
    pixels[top : top + height, left : left + width] = np.rint(ink * 255 / ink.max())
    return pixels


def _enlarged(colours: NDArray[np.uint8], scale: float) -> tuple[NDArray[np.uint8], float]:
    height, width = colours.shape[:2]
    times = -(-_LEAST_SIDE // max(height, width))
    size = (width * times, height * times)
    large = Image.fromarray(colours).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(large), scale / times


def _centre_of_mass(ink: NDArray[np.uint8] | NDArray[np.float32]) -> tuple[float, float]:
    """Row and column of the ink's centre of mass, in pixel indices."""
    total = float(ink.sum(dtype=np.float64))
    rows = ink.sum(axis=1, dtype=np.float64) @ np.arange(ink.shape[0])
    columns = ink.sum(axis=0, dtype=np.float64) @ np.arange(ink.shape[1])
    return float(rows) / total, float(columns) / total
