"""Find what a digit may be written on within a picture: a sheet, a tile, a crop that was padded.

A picture need not be of the paper alone: a card lies on a table, a display has a bezel, a meter's
window is a black tile in a light frame, and programs pad a crop to a square. What surrounds such a
ground is neither its paper nor its ink. Whether a ground is the one that the digit is on is for
others to decide, by what they read on it: ``find_grounds`` returns the few that there may be.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.preprocessing.binarization import blur
from mnist_edge.preprocessing.connected_components import (
    Component,
    FloatImage,
    Mask,
    dilate,
    erode,
    label_components,
)

GroundKind: TypeAlias = Literal["crop", "sheet"]
"""A crop that was padded with one tone, or a sheet: of paper on a table, or a tile of any tone."""

_SEARCH_SIDE = 160
"""Longest side, in pixels, of the reduced picture that sheets are searched in."""
_MAX_GROUNDS = 2
"""Grounds that are worth reading: each takes as long as a picture of its size."""
_MIN_SIDE = 12
"""Minimum height and width of a ground in pixels; a smaller one has no room for a digit."""

_MAX_PADDING_RANGE = 10
"""Maximum range of the gray levels of padding, which compression makes uneven."""
_MIN_PADDING = 0.02
"""Minimum width of padding, relative to the longest side."""
_MIN_PADDED_BORDER = 0.6
"""Minimum share of a crop's border that differs from the padding: around a drawing on a flat
background hardly any of it does."""
_PADDING_BLUR = 2
"""Pixels along padding that are left out of the crop, over which compression smears the edge."""

_MIN_SHEET_AREA = 0.06
"""Minimum area of a sheet, relative to the picture's."""
_MAX_SHEET_AREA = 0.985
"""Maximum area of a sheet, relative to the picture's."""
_MIN_OWN_TONE = 0.45
"""Minimum share of a sheet that has its own tone: the rest is ink, and its soft edges."""
_MIN_SOLIDITY = 0.9
"""Minimum area of a sheet with the ink on it, relative to its convex hull's."""
_MIN_EDGE_CONTRAST = 20.0
"""Minimum difference between the two sides of a sheet's edge in gray levels."""
_MIN_SHARP_EDGE = 0.85
"""Minimum share of a sheet's outline that has this contrast."""
_MAX_SHEET_RANGE = 110.0
"""Maximum range of a sheet's gray levels, with the light that falls on it."""
_MIN_TONE_CONTRAST = 40.0
"""Minimum difference of two tones in gray levels."""
_MIN_TONE_VARIANCE = 0.8
"""Minimum share of the variance of gray levels that is between two tones."""
_ROUNDING = 1e-6
"""Pixels by which a column between two corners of a hull may be off."""
_BINS = 64
"""Number of gray levels that thresholds are chosen from."""


class Ground(NamedTuple):
    """A part of a picture that a digit may be written on."""

    kind: GroundKind
    """What it was found by."""
    rgb: NDArray[np.uint8]
    """``(height, width, 3)``, its bounding box; what lies around the ground has its tone."""
    left: int
    """First column of the bounding box in the picture."""
    top: int
    """First row of the bounding box in the picture."""


def find_grounds(rgb: NDArray[np.uint8]) -> list[Ground]:
    """Return the parts of a picture that a digit may be written on, the likeliest first.

    A ground is even, convex and larger than a digit, and has an edge all around; the picture as a
    whole is not among them. Each is read like a picture, by ``pipeline.trace_image(ground.rgb)``,
    whose boxes are off by ``ground.left`` and ``ground.top``.

    Args:
        rgb: ``(height, width, 3)``.

    Returns:
        At most two.
    """
    crop = _find_crop(rgb)
    grounds = chain([crop] if crop else [], _find_sheets(rgb))
    return list(islice(grounds, _MAX_GROUNDS))


def has_two_tones(rgb: NDArray[np.uint8]) -> bool:
    """Check that a picture is of two tones, light and dark, as paper and thick strokes are.

    The shares of a slope or of noise in the variance are lower: 75 % and 64 %.

    Args:
        rgb: ``(height, width, 3)``.
    """
    luma = np.asarray(Image.fromarray(rgb).convert("L")).astype(np.float32)
    light = luma > _thresholds(luma)[0]
    if light.all() or not light.any():
        return False
    contrast = float(luma[light].mean() - luma[~light].mean())
    between = float(light.mean() * (1 - light.mean())) * contrast**2
    return contrast >= _MIN_TONE_CONTRAST and between >= _MIN_TONE_VARIANCE * float(luma.var())


def _find_crop(rgb: NDArray[np.uint8]) -> Ground | None:
    """Return the part of a picture without the padding along its sides; None without padding."""
    height, width = rgb.shape[:2]
    # Padding on any side covers one of these corners.
    for tone in rgb[[0, -1], [0, -1]].astype(np.int16):
        if all(_differs(edge, tone).any() for edge in (rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1])):
            continue
        is_other = _differs(rgb, tone)
        rows, columns = np.flatnonzero(is_other.any(axis=1)), np.flatnonzero(is_other.any(axis=0))
        if not len(rows):
            return None
        top, bottom = int(rows[0]), int(rows[-1]) + 1
        left, right = int(columns[0]), int(columns[-1]) + 1
        widest = max(top, height - bottom, left, width - right)
        if widest < max(1, _MIN_PADDING * max(height, width)):
            continue
        # Only where there was padding is there a smeared edge.
        top, left = (edge + _PADDING_BLUR * (edge > 0) for edge in (top, left))
        bottom -= _PADDING_BLUR * (bottom < height)
        right -= _PADDING_BLUR * (right < width)
        inside = is_other[top:bottom, left:right]
        if min(inside.shape) < _MIN_SIDE:
            continue
        sides = (inside[0], inside[-1], inside[:, 0], inside[:, -1])
        if min(float(side.mean()) for side in sides) >= _MIN_PADDED_BORDER:
            return Ground("crop", rgb[top:bottom, left:right], left, top)
    return None


def _differs(rgb: NDArray[np.uint8], tone: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Return which pixels differ from the tone of padding in any of the three colors."""
    low, high = (
        np.clip(tone + reach, 0, 255).astype(np.uint8)
        for reach in (-_MAX_PADDING_RANGE, _MAX_PADDING_RANGE)
    )
    differs = np.zeros(rgb.shape[:-1], np.bool_)
    for color in range(3):
        differs |= (rgb[..., color] < low[color]) | (rgb[..., color] > high[color])
    return differs


def _find_sheets(rgb: NDArray[np.uint8]) -> Iterator[Ground]:
    """Yield the sheets and tiles in a picture, the largest first."""
    height, width = rgb.shape[:2]
    factor = -(-max(height, width) // _SEARCH_SIDE)
    image = Image.fromarray(rgb).convert("L")
    luma = np.asarray(image.reduce(factor) if factor > 1 else image).astype(np.float32)
    found: list[tuple[Mask, Mask]] = []
    for mask in _tone_masks(luma):
        labels, components = label_components(mask)
        for component in sorted(components, key=lambda one: -one.area)[:_MAX_GROUNDS]:
            paper = labels == component.labels[0]
            sheet = _as_sheet(paper, component, luma)
            if sheet is not None and not any(_is_same(sheet, other) for other, _ in found):
                found.append((sheet, paper))
    for sheet, paper in sorted(found, key=lambda pair: -int(pair[0].sum())):
        ground = _cut_out(rgb, sheet, paper, factor)
        if ground is not None:
            yield ground


def _tone_masks(luma: FloatImage) -> Iterator[Mask]:
    """Yield the pixels of each tone: of two tones, light and dark, and of three."""
    two, three = _thresholds(luma)
    yield luma > two
    yield luma <= two
    low, high = three
    yield luma > high
    yield luma <= low
    yield (luma > low) & (luma <= high)


def _thresholds(luma: FloatImage) -> tuple[float, tuple[float, float]]:
    """Return the thresholds that part a picture into two and into three tones.

    The variance between the tones is the largest (N. Otsu, A Threshold Selection Method from
    Gray-Level Histograms, 1979).
    """
    counts, edges = np.histogram(luma, _BINS, (0, 256))
    centers = (edges[:-1] + edges[1:]) / 2
    weight = np.append(0, np.cumsum(counts)).astype(np.float64)
    moment = np.append(0, np.cumsum(counts * centers))

    def between(first: NDArray[np.intp], last: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the share in the variance of the bins from first to before last."""
        total = weight[last] - weight[first]
        variance: NDArray[np.float64] = (moment[last] - moment[first]) ** 2 / np.maximum(total, 1)
        return variance

    cuts = np.arange(1, _BINS)
    start, end = np.zeros_like(cuts), np.full_like(cuts, _BINS)
    two = between(start, cuts) + between(cuts, end)
    low, high = np.meshgrid(cuts, cuts, indexing="ij")
    three = between(np.zeros_like(low), low) + between(low, high)
    three = np.where(low < high, three + between(high, np.full_like(high, _BINS)), 0)
    best_low, best_high = np.unravel_index(int(three.argmax()), three.shape)
    return (
        float(edges[cuts[int(two.argmax())]]),
        (float(edges[cuts[best_low]]), float(edges[cuts[best_high]])),
    )


def _as_sheet(member: Mask, component: Component, luma: FloatImage) -> Mask | None:
    """Return the convex hull of a component if that is a sheet, and otherwise None.

    Args:
        member: the component's pixels.
        component: of one tone.
        luma: of the picture.
    """
    least = _MIN_OWN_TONE * _MIN_SHEET_AREA * member.size
    if min(component.height, component.width) < _MIN_SIDE or component.area < least:
        return None
    hull = _convex_hull(member)
    area = int(hull.sum())
    is_sheet_like = (
        _MIN_SHEET_AREA * member.size <= area <= _MAX_SHEET_AREA * member.size
        and component.area >= _MIN_OWN_TONE * area
        and _fill(member, component).sum() >= _MIN_SOLIDITY * area
    )
    if not is_sheet_like:
        return None
    dark, light = np.percentile(luma[member], (2, 98))
    if light - dark > _MAX_SHEET_RANGE:
        return None
    return hull if _has_edge(hull, luma) else None


def _has_edge(hull: Mask, luma: FloatImage) -> bool:
    """Check whether the tone changes all along the outline of a sheet: light falls off slowly."""
    outline = dilate(hull, 3) & ~hull
    inside, outside = (
        blur(luma * part, 1)[outline] / blur(part.astype(np.float32), 1)[outline]
        for part in (hull, ~hull)
    )
    changes = np.abs(inside - outside) >= _MIN_EDGE_CONTRAST
    return bool(changes.mean() >= _MIN_SHARP_EDGE)


def _fill(member: Mask, component: Component) -> Mask:
    """Return a component with the holes in it."""
    window = member[component.top : component.bottom, component.left : component.right]
    labels, _ = label_components(~np.pad(window, 1))
    filled: Mask = (labels != labels[0, 0])[1:-1, 1:-1]
    return filled


def _convex_hull(member: Mask) -> Mask:
    """Return the pixels of the convex hull of a mask (A. Andrew's monotone chain, 1979)."""
    rows = np.flatnonzero(member.any(axis=1))
    first = member[rows].argmax(axis=1)
    last = member.shape[1] - 1 - member[rows, ::-1].argmax(axis=1)
    left = _lower_chain(rows, first)
    right = -_lower_chain(rows, -last)
    columns = np.arange(member.shape[1])
    hull = np.zeros_like(member)
    # The chains' corners are pixels, whatever rounding does to what lies between them.
    is_inside = (columns > left[:, None] - _ROUNDING) & (columns < right[:, None] + _ROUNDING)
    hull[rows[0] : rows[-1] + 1] = is_inside
    return hull


def _lower_chain(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the column of the convex chain below some points, on every row from first to last."""
    corners: list[tuple[int, int]] = []
    for point in zip(rows.tolist(), columns.tolist(), strict=True):
        while len(corners) > 1 and _turns_out(corners[-2], corners[-1], point):
            corners.pop()
        corners.append(point)
    corner_rows, corner_columns = zip(*corners, strict=True)
    return np.interp(np.arange(rows[0], rows[-1] + 1), corner_rows, corner_columns)


def _turns_out(first: tuple[int, int], middle: tuple[int, int], last: tuple[int, int]) -> bool:
    """Check whether the middle point lies on or beyond the line between two others."""
    across = (middle[1] - first[1]) * (last[0] - first[0])
    return across >= (last[1] - first[1]) * (middle[0] - first[0])


def _is_same(sheet: Mask, other: Mask) -> bool:
    return bool((sheet & other).sum() > 0.9 * (sheet | other).sum())


def _cut_out(rgb: NDArray[np.uint8], sheet: Mask, paper: Mask, factor: int) -> Ground | None:
    """Return a sheet's bounding box, with what lies around the sheet painted in its tone.

    Args:
        rgb: the picture.
        sheet: its convex hull, in a picture reduced by ``factor``.
        paper: the part of it that has its tone.
        factor: pixels of the picture per pixel of the masks.
    """
    # The edge's pixels show in part what lies around; the picture's own edge does not.
    inner = erode(sheet, 3)
    rows, columns = np.flatnonzero(inner.any(axis=1)), np.flatnonzero(inner.any(axis=0))
    if min(len(rows), len(columns)) < _MIN_SIDE:
        return None
    inner = inner[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    top, left = factor * int(rows[0]), factor * int(columns[0])
    inside = np.kron(inner, np.ones((factor, factor), np.bool_))
    cut = rgb[top : top + inside.shape[0], left : left + inside.shape[1]].copy()
    # The last of the reduced pixels may stand for fewer than the others.
    inside = inside[: cut.shape[0], : cut.shape[1]]
    reduced = np.asarray(Image.fromarray(rgb).reduce(factor)) if factor > 1 else rgb
    cut[~inside] = np.median(reduced[paper], axis=0).astype(np.uint8)
    return Ground("sheet", cut, left, top)
