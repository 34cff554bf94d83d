"""Remove the lines of ruled and squared paper: straight, thin, and through the whole picture."""

from __future__ import annotations

import numpy as np

from mnist_edge.preprocessing.connected_components import Component, Mask, label_components

_MIN_SIDE = 64
"""Longest side, in pixels, below which a picture has no room for ruled lines."""
_MIN_LENGTH = 0.7
"""Minimum length of a ruled line or a border, relative to a side."""
_MIN_DENSITY = 0.85
"""Minimum share of the line that is inked."""
_MAX_THICKNESS = 0.025
"""Maximum thickness of a ruled line, relative to the longest side."""
_BORDER_ZONE = 0.16
"""Width of the zone along the edges in which a line may be as thick as a border, relative to a
side."""
_RIM = 0.06
"""Width of the zone at the sides that a ruled line reaches into, relative to the width."""
_ROW_TOLERANCE = 4
"""Rows by which a line may miss its slope where it enters the picture."""
_SLOPES = np.linspace(-0.14, 0.14, 29)
"""Slopes that lines are searched at: up to eight degrees."""


def may_be_ruled_lines(component: Component, mask: Mask) -> bool:
    """Check whether a component is long enough to consist of ruled lines."""
    height, width = mask.shape
    return component.width >= _MIN_LENGTH * width or component.height >= _MIN_LENGTH * height


def remove_ruled_lines(mask: Mask) -> Mask:
    """Remove ruled lines from a mask, and keep the strokes that cross them."""
    if max(mask.shape) < _MIN_SIDE:
        return mask
    for is_transposed in (False, True):
        image = mask.T if is_transposed else mask
        lines = _find_ruled_lines(image)
        if lines.any():
            rest = image & ~lines
            reach = max(3, round(_MAX_THICKNESS * max(mask.shape)))
            # A stroke that crosses a line continues on both of its sides.
            crossing = lines & _has_ink_within(rest, reach, 1) & _has_ink_within(rest, reach, -1)
            image = rest | crossing
        mask = image.T if is_transposed else image
    return mask


def _has_ink_within(mask: Mask, reach: int, direction: int) -> Mask:
    """Return where there is ink within ``reach`` rows above (1) or below (-1)."""
    found = np.zeros_like(mask)
    for step in range(1, reach + 1):
        shifted = np.zeros_like(mask)
        if direction > 0:
            shifted[step:] = mask[:-step]
        else:
            shifted[:-step] = mask[step:]
        found |= shifted
    return found


def _find_ruled_lines(mask: Mask) -> Mask:
    """Return the pixels of long, thin, nearly horizontal lines."""
    height, width = mask.shape
    length = max(1, int(_MIN_LENGTH * width))
    columns = np.arange(width)
    inked_rows, inked_columns = np.nonzero(mask)
    rim = max(2, round(_RIM * width))
    is_in_rim = (inked_columns < rim) | (inked_columns >= width - rim)
    found = np.zeros_like(mask)
    for slope in _SLOPES:
        shift = np.rint(slope * (columns - width / 2)).astype(int)
        lines = inked_rows - shift[inked_columns]
        is_inside = (lines >= 0) & (lines < height)
        inked = np.bincount(lines[is_inside], minlength=height)
        # A ruled line comes in from outside; the bar of a 5 does not.
        enters = np.bincount(lines[is_inside & is_in_rim], minlength=height) > 0
        is_near = np.convolve(enters, np.ones(2 * _ROW_TOLERANCE + 1)) > 0
        is_near = is_near[_ROW_TOLERANCE:-_ROW_TOLERANCE]
        middles = np.flatnonzero((inked > _MIN_DENSITY * length) & is_near)
        if not len(middles):
            continue
        rows = middles[:, np.newaxis] + shift
        sheared = mask[np.clip(rows, 0, height - 1), columns] & (rows >= 0) & (rows < height)
        # Each row's densest stretch of the minimum length.
        sums = np.cumsum(np.pad(sheared, ((0, 0), (1, 0))), axis=1, dtype=np.int32)
        densest = (sums[:, length:] - sums[:, :-length]).max(axis=1)
        is_dense = sheared & (densest > _MIN_DENSITY * length)[:, np.newaxis]
        found[rows[is_dense], np.broadcast_to(columns, rows.shape)[is_dense]] = True
    if not found.any():
        return found
    return _thin_lines(found, mask)


def _thin_lines(lines: Mask, mask: Mask) -> Mask:
    """Return the lines that are thin, or as thick as a border if they lie near an edge."""
    height = mask.shape[0]
    thin = max(3, round(_MAX_THICKNESS * max(mask.shape)))
    kept = np.zeros_like(lines)
    thickened = lines | _has_ink_within(lines, 2, 1) & mask | _has_ink_within(lines, 2, -1) & mask
    labels, components = label_components(thickened)
    for component in components:
        member = labels == component.labels[0]
        thickness = float(np.median(member.sum(axis=0)[member.any(axis=0)]))
        is_near_edge = (
            component.bottom < _BORDER_ZONE * height or component.top > (1 - _BORDER_ZONE) * height
        )
        if thickness <= thin or (is_near_edge and thickness <= 4 * thin):
            kept |= member
    return kept
