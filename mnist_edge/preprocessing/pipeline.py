"""Normalize any picture of a digit to the pixels that MNIST would have had for it.

``decoding`` returns the picture in RGB on white paper, ``binarization`` tells ink from paper,
``handwriting`` keeps the strokes of handwriting, ``layout`` groups the strokes into digits, and
``mnist_format`` scales and centers one digit as MNIST does. A drawing or a clean scan, whose
background is flat, skips the search for ink and handwriting, and a picture in MNIST's format skips
everything.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge import DIGIT_SHAPE
from mnist_edge.preprocessing import layout
from mnist_edge.preprocessing.binarization import InkMap, binarize, quantiles
from mnist_edge.preprocessing.cell_borders import MIN_DIGIT_SIZE, encloses, remove_border
from mnist_edge.preprocessing.connected_components import (
    Component,
    FloatImage,
    Mask,
    dilate,
    erode,
    label_components,
    member_mask,
    stroke_width,
)
from mnist_edge.preprocessing.decoding import Picture, decode, stored_gray, to_rgb
from mnist_edge.preprocessing.flat_background import (
    Ink,
    has_flat_background,
    ink_on,
    ink_strength,
    visible_levels,
)
from mnist_edge.preprocessing.handwriting import (
    Handwriting,
    Removal,
    find_handwriting,
    find_strokes,
)
from mnist_edge.preprocessing.mnist_format import (
    BOX_SIDE,
    INK_THRESHOLD,
    has_long_stroke,
    is_mnist_format,
    to_mnist_format,
)
from mnist_edge.preprocessing.remnants import is_border_alone
from mnist_edge.system.records import record

Problem: TypeAlias = Literal["blank", "not-one-digit"]
"""Why a picture does not show one digit."""
PictureKind: TypeAlias = Literal["mnist", "drawing", "photo"]
"""What a picture is taken for: a digit in MNIST's format, a drawing or clean scan on a flat
background, or a photo, which has light, paper and perhaps lines."""

_Image = TypeVar("_Image", Mask, FloatImage)

WORKING_SIDE = 640
"""Longest side, in pixels, that a picture is reduced to; a digit that is a twentieth of it high
still has 32 pixels, or 24 in a JPEG that is decoded to three quarters of it."""
PAGE_SIDE = 960
"""The same for a picture of many digits, which are smaller."""
_MIN_SIDE = 112
"""Longest side, in pixels, that a smaller picture is enlarged to."""
_MIN_STROKE_WIDTH, _MAX_STROKE_WIDTH = 2.0, 4.5
"""Minimum and maximum width of a stroke in pixels of the 20x20 box; MNIST's thinnest twentieth has
2.1, and its thickest 4.1."""
_MAX_BLOT = 0.6
"""Maximum width of a stroke that is thinned, relative to the digit's shorter side."""
_MIN_BOLD = 0.9
"""Minimum share of a digit's ink that is as wide as what is taken from it, if it is thinned."""
_MIN_DIGIT_SIDE = 4
"""Minimum height or width of a digit in pixels; anything smaller is a speck."""
_MAX_ASPECT = 3.0
"""Maximum width of a digit over its height; the widest of MNIST's 60,000 is 2.5."""
_FULL_INK_SAMPLE = 5000
"""Maximum number of a digit's pixels that the contrast of its full ink is measured on."""
_CROP_MARGIN = 3
"""Pixels around a digit that are cropped with it, for the soft edges of its strokes."""


class ModelInput(NamedTuple):
    """The pixels that a model reads of a picture."""

    pixels: NDArray[np.uint8]
    """``(28, 28)``, the digit in MNIST's format; all 0 if there is none."""
    problem: Problem | None
    """``blank`` or ``not-one-digit``; None if the picture shows one digit."""
    trace: PreprocessingTrace | None = None
    """How they came about; None if the picture was in MNIST's format."""


@record(frozen=True, kw_only=True)
class PreprocessingTrace:
    """The result of every step from a picture to the pixels that a model reads."""

    rgb: NDArray[np.uint8]
    """``(height, width, 3)``, the decoded picture at the size it was worked on."""
    kind: PictureKind
    """What the picture was taken for."""
    scale: float
    """Pixels of the original picture per pixel of ``rgb``."""
    ink_map: InkMap
    """Contrast of each pixel of ``rgb`` with the paper."""
    labels: NDArray[np.int32]
    """``(height, width)``, the number of the component that each pixel belongs to; 0 for none."""
    components: tuple[Component, ...]
    """The connected components of the handwriting, the largest first."""
    candidates: tuple[Component, ...]
    """The possible digits: components, with those that form one digit merged."""
    digit: Component | None
    """The candidate that was chosen as the picture's digit; None if there is none."""
    pixels: NDArray[np.uint8]
    """``(28, 28)``, that digit in MNIST's format; all 0 if there is none."""
    problem: Problem | None
    """``blank`` or ``not-one-digit``; None if the picture shows one digit."""
    removed: frozenset[Removal] = frozenset()
    """What was removed from the ink to find the handwriting."""
    left: int = 0
    """First column of ``rgb`` in the picture, in pixels of ``rgb``: it may be a part of it."""
    top: int = 0
    """First row of ``rgb`` in the picture, in pixels of ``rgb``."""
    name: str | None = None
    """Name of the picture's file; None if it was not read from one."""
    ink: Ink | None = None
    """Whether its ink is dark or light, if that was known before it was read."""


def preprocess(picture: Picture, *, ink: Ink | None = None) -> ModelInput:
    """Return the digit in a picture in MNIST's format.

    Args:
        picture: a path, encoded bytes, a binary stream, a PIL image or a uint8 array. A 28x28
            picture that is already in MNIST's format is returned as it is, or inverted.
        ink: whether the digit is darker or lighter than its paper, if that is known.

    Returns:
        ``(28, 28) uint8`` pixels, 0 background, 255 ink, with the problem if there is one: what
        ``trace_preprocessing`` returns under the same names.

    Raises:
        PictureNotFound: no file has this path.
        UnreadablePicture: the picture is empty, truncated, too large, or not an image.
    """
    if isinstance(picture, np.ndarray) and picture.dtype == np.uint8:
        pixels = _as_mnist_format(picture, ink)
        if pixels is not None:
            # The caller may change the array later.
            return ModelInput(pixels.copy(), None)
    image, longest = decode(picture, side=WORKING_SIDE)
    # The caller may have added metadata to an image that is already open.
    if image.size == DIGIT_SHAPE and not isinstance(picture, Image.Image):
        gray = stored_gray(image)
        if gray is not None and (pixels := _as_mnist_format(gray, ink)) is not None:
            return ModelInput(pixels, None)
    rgb, scale = to_rgb(image, longest, side=WORKING_SIDE)
    # It may be a hundred times as large as what is read of it.
    del image
    trace = trace_image(rgb, scale, ink)
    return ModelInput(trace.pixels, trace.problem, None if trace.kind == "mnist" else trace)


def _as_mnist_format(gray: NDArray[np.uint8], ink: Ink | None) -> NDArray[np.uint8] | None:
    """Return the picture or its negative, whichever is in MNIST's format; None if neither is."""
    if gray.shape != DIGIT_SHAPE:
        return None
    if ink != "dark" and is_mnist_format(gray) and has_long_stroke(gray.view(np.bool_)):
        return gray
    if ink == "light":
        return None
    negative = np.invert(gray)
    if is_mnist_format(negative) and has_long_stroke(negative.view(np.bool_)):
        return negative
    return None


def trace_preprocessing(
    picture: Picture, *, side: int = WORKING_SIDE, ink: Ink | None = None
) -> PreprocessingTrace:
    """Return every step from a picture to its digit in MNIST's format.

    Args:
        picture: as for ``preprocess``.
        side: longest side, in pixels, that a larger picture is reduced to.
        ink: whether the digits are darker or lighter than their paper, if that is known.

    Raises:
        PictureError: as for ``preprocess``.
    """
    image, longest = decode(picture, side=side)
    rgb, scale = to_rgb(image, longest, side=side)
    del image
    trace = trace_image(rgb, scale, ink)
    if isinstance(picture, (str, os.PathLike)):
        return replace(trace, name=Path(picture).name)
    return trace


def trace_image(
    rgb: NDArray[np.uint8], scale: float = 1.0, ink: Ink | None = None
) -> PreprocessingTrace:
    """Return every step from a decoded picture to its digit in MNIST's format.

    Args:
        rgb: ``(height, width, 3)``, at the size that it is worked on.
        scale: pixels of the original picture per pixel of ``rgb``.
        ink: as for ``trace_preprocessing``.
    """
    gray = np.asarray(Image.fromarray(rgb).convert("L"))
    for tone, pixels in (("light", gray), ("dark", np.invert(gray))):
        if ink in (None, tone) and is_mnist_format(pixels):
            # Four of MNIST's test digits consist of two large components.
            strength = pixels / np.float32(255)
            trace = _trace_flat(rgb, scale, strength, pixels > 0, pixels, ink)
            return replace(trace, kind="mnist", problem=None)
    if has_flat_background(gray):
        levels = visible_levels(rgb, gray)
        strength = ink_strength(levels)
        mask = strength > INK_THRESHOLD
        if ink in (None, ink_on(levels)) and not _has_border(mask):
            pixels = to_mnist_format(strength) if strength.any() else None
            return _trace_flat(rgb, scale, strength, mask, pixels, ink)
    return trace_photo(rgb, scale, ink)


def trace_photo(
    rgb: NDArray[np.uint8], scale: float = 1.0, ink: Ink | None = None
) -> PreprocessingTrace:
    """Return every step from a decoded photo to its digit in MNIST's format.

    Args:
        rgb: as for ``trace_image``, which takes a picture for a photo unless its background is
            flat.
        scale: as for ``trace_image``.
        ink: as for ``trace_preprocessing``.
    """
    pixel = -(-_MIN_SIDE // max(rgb.shape[:2]))
    if pixel > 1:
        rgb, scale = _enlarge(rgb, scale)
    ink_map = binarize(rgb, ink, pixel=pixel)
    return _trace_components(rgb, "photo", scale, ink_map, find_handwriting(ink_map), None, ink)


def trace_crop(
    rgb: NDArray[np.uint8], scale: float = 1.0, ink: Ink | None = None
) -> PreprocessingTrace:
    """Return every step from a decoded photo of a digit alone to it in MNIST's format.

    Args:
        rgb: as for ``trace_photo``; nothing in it is removed as a line or a border.
        scale: as for ``trace_photo``.
        ink: as for ``trace_preprocessing``.
    """
    ink_map = binarize(rgb, ink)
    return _trace_components(rgb, "photo", scale, ink_map, find_strokes(ink_map), None, ink)


def trace_strokes(trace: PreprocessingTrace) -> PreprocessingTrace:
    """Return the trace of the same photo with all its ink taken for strokes, lines as well."""
    handwriting = find_strokes(trace.ink_map)
    kept = _trace_components(
        trace.rgb, trace.kind, trace.scale, trace.ink_map, handwriting, None, trace.ink
    )
    return replace(kept, left=trace.left, top=trace.top, name=trace.name)


def _trace_flat(
    rgb: NDArray[np.uint8],
    scale: float,
    strength: FloatImage,
    mask: Mask,
    pixels: NDArray[np.uint8] | None,
    ink: Ink | None,
) -> PreprocessingTrace:
    """Return the trace of a picture on a flat background, whose final pixels are known."""
    labels, components = label_components(mask)
    ink_map = InkMap(contrast=255 * strength, noise=0.0)
    largest_first = sorted(components, key=lambda one: -one.area)
    handwriting = Handwriting(labels, largest_first)
    return _trace_components(rgb, "drawing", scale, ink_map, handwriting, pixels, ink)


def _trace_components(
    rgb: NDArray[np.uint8],
    kind: PictureKind,
    scale: float,
    ink_map: InkMap,
    handwriting: Handwriting,
    pixels: NDArray[np.uint8] | None,
    ink: Ink | None,
) -> PreprocessingTrace:
    labels, components, removed = handwriting
    candidates = layout.group_strokes(components)
    digit = layout.choose_digit(candidates, *labels.shape)
    least = MIN_DIGIT_SIZE * min(labels.shape) if "borders" in removed else 0
    if digit and max(digit.height, digit.width) < max(_MIN_DIGIT_SIDE, least):
        digit = None
    problem: Problem | None = None
    if digit is None:
        pixels, problem = np.zeros(DIGIT_SHAPE, np.uint8), "blank"
    elif pixels is None:
        pixels = normalize_digit(ink_map, labels, digit)
    if digit and (
        layout.competing_digits(digit, candidates) or digit.width > _MAX_ASPECT * digit.height
    ):
        problem = "not-one-digit"
    return PreprocessingTrace(
        rgb=rgb,
        kind=kind,
        scale=scale,
        ink_map=ink_map,
        labels=labels,
        components=tuple(components),
        candidates=tuple(candidates),
        digit=digit,
        pixels=pixels,
        problem=problem,
        removed=removed,
        ink=ink,
    )


def _has_border(mask: Mask) -> bool:
    """Check whether ink on a flat background contains the border of a form's cell."""
    rest, border = remove_border(mask, mask)
    # A flat background reaches the picture's edge: a border within it encloses the digit.
    return encloses(border, rest) or is_border_alone(border, mask)


def normalize_digit(
    ink_map: InkMap,
    labels: NDArray[np.int32],
    digit: Component,
    *,
    max_stroke: float = _MAX_STROKE_WIDTH,
) -> NDArray[np.uint8]:
    """Return one digit of a picture in MNIST's format, ``(28, 28) uint8``.

    Args:
        ink_map: of the picture.
        labels: ``(height, width)``, the number of each pixel's component.
        digit: one of them, or several merged.
        max_stroke: width in pixels of the 20x20 box that wider strokes are thinned to.
    """
    height, width = labels.shape
    top, left = max(0, digit.top - _CROP_MARGIN), max(0, digit.left - _CROP_MARGIN)
    bottom = min(height, digit.bottom + _CROP_MARGIN)
    right = min(width, digit.right + _CROP_MARGIN)
    member = member_mask(labels[top:bottom, left:right], digit)
    contrast = ink_map.contrast[top:bottom, left:right]
    inked = contrast[member]
    (full,) = quantiles(inked[:: -(-len(inked) // _FULL_INK_SAMPLE)], 0.6)
    strength = contrast / np.float32(full)
    strength -= np.float32(0.15)
    strength /= np.float32(0.7)
    np.maximum(strength, 0, out=strength)
    np.minimum(strength, 1, out=strength)
    # Half of a stroke's soft edge is ink, and lies just outside the mask.
    strength *= dilate(member, 3)
    return to_mnist_format(_fit_strokes(_surround(strength, 4), member, max_stroke))


def _fit_strokes(strength: FloatImage, member: Mask, max_stroke: float) -> FloatImage:
    """Thicken or thin strokes to those of MNIST's pens.

    Hairlines would vanish in 20 pixels, and the loops of bold strokes are closed.
    """
    rows, columns = (np.flatnonzero(member.any(axis=axis)) for axis in (1, 0))
    shorter, longer = sorted((rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1))
    unit = longer / BOX_SIDE
    width = stroke_width(_surround(member, 1))
    excess = _odd_size(width - max_stroke * unit)
    if excess == 1 or width > _MAX_BLOT * shorter:
        return dilate(strength, _odd_size(_MIN_STROKE_WIDTH * unit - width))
    thinned = erode(strength, excess)
    inked, bold = (
        np.count_nonzero(one > INK_THRESHOLD) for one in (strength, dilate(thinned, excess))
    )
    # Beside bold strokes, there may be thin ones.
    return thinned if bold >= _MIN_BOLD * inked else strength


def _odd_size(pixels: float) -> int:
    """Return the size of a square that changes strokes by so many pixels, or not at all."""
    return 2 * round(max(0.0, pixels) / 2) + 1


def _surround(image: _Image, width: int) -> _Image:
    """Return an image with ``width`` pixels of zeros around it; numpy's pad takes ten times it."""
    height, across = image.shape
    padded = np.zeros((height + 2 * width, across + 2 * width), image.dtype)
    padded[width : width + height, width : width + across] = image
    return padded


def _enlarge(rgb: NDArray[np.uint8], scale: float) -> tuple[NDArray[np.uint8], float]:
    height, width = rgb.shape[:2]
    factor = -(-_MIN_SIDE // max(height, width))
    size = (width * factor, height * factor)
    large = Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(large), scale / factor
