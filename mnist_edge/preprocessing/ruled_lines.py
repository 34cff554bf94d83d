"""The rules of ruled and squared paper: straight, thin lines that run through a whole picture."""

from __future__ import annotations

import numpy as np

from mnist_edge.preprocessing.connected_components import Component, Mask, label_components

_LINE = 0.7
"""Share of a side that a straight line must run along to be a rule or a frame."""
_THIN = 0.025
"""Thickness of a rule at most, as a share of the picture's longest side."""
_FRAME = 0.16
"""Share of a side, from the edge, within which a line may be as thick as a frame's."""
_RIM = 0.06
"""Share of a side, from the edge, that a rule reaches into."""
_OFF = 4
"""Rows that a line may be off the slope it is looked for under, where it enters."""
_SLOPES = np.linspace(-0.14, 0.14, 29)
"""Slopes of lines that are looked for: up to eight degrees."""


def may_be_ruled_lines(piece: Component, mask: Mask) -> bool:
    """Whether a piece runs along so much of a picture that it may be rules."""
    height, width = mask.shape
    return piece.width >= _LINE * width or piece.height >= _LINE * height


def remove_ruled_lines(mask: Mask) -> Mask:
    """A mask without the rules in it, strokes across them kept."""
    if max(mask.shape) < 64:
        return mask
    for turned in (False, True):
        image = mask.T if turned else mask
        line = _rules(image)
        if line.any():
            rest = image & ~line
            reach = max(3, round(_THIN * max(mask.shape)))
            # A stroke that crosses a line goes on at both of its sides.
            crossing = line & _near(rest, reach, 1) & _near(rest, reach, -1)
            image = rest | crossing
        mask = image.T if turned else image
    return mask


def _near(mask: Mask, reach: int, direction: int) -> Mask:
    """Where ink lies within ``reach`` rows above (1) or below (-1)."""
    found = np.zeros_like(mask)
    for step in range(1, reach + 1):
        shifted = np.zeros_like(mask)
        if direction > 0:
            shifted[step:] = mask[:-step]
        else:
            shifted[:-step] = mask[step:]
        found |= shifted
    return found


def _rules(mask: Mask) -> Mask:
    """Pixels of long, thin, nearly horizontal lines."""
    height, width = mask.shape
    length = int(_LINE * width)
    columns = np.arange(width)
    found = np.zeros_like(mask)
    rim = max(2, round(_RIM * width))
    for slope in _SLOPES:
        shift = np.rint(slope * (columns - width / 2)).astype(int)
        rows = np.arange(height)[:, None] + shift[None, :]
        inside = (rows >= 0) & (rows < height)
        sheared = mask[np.clip(rows, 0, height - 1), columns] & inside
        # A row that is inked along most of its length.
        filled = np.cumsum(np.pad(sheared, ((0, 0), (1, 0))), axis=1)
        share = (filled[:, length:] - filled[:, :-length]).max(axis=1) / length
        # A rule comes in from outside; the bar of a 5 does not.
        enters = sheared[:, :rim].any(axis=1) | sheared[:, -rim:].any(axis=1)
        enters = np.convolve(enters, np.ones(2 * _OFF + 1))[_OFF:-_OFF] > 0
        for row in np.flatnonzero((share > 0.85) & enters):
            hit = sheared[row] & inside[row]
            found[rows[row][hit], columns[hit]] = True
    if not found.any():
        return found
    return _of_thickness(found, mask)


def _of_thickness(line: Mask, mask: Mask) -> Mask:
    """The parts of lines that are thin, or lie at the edge as a frame's do."""
    height = mask.shape[0]
    thin = max(3, round(_THIN * max(mask.shape)))
    kept = np.zeros_like(line)
    grown = line | _near(line, 2, 1) & mask | _near(line, 2, -1) & mask
    band_labels, bands = label_components(grown)
    for band in bands:
        member = band_labels == band.labels[0]
        thickness = float(np.median(member.sum(axis=0)[member.any(axis=0)]))
        at_edge = band.bottom < _FRAME * height or band.top > (1 - _FRAME) * height
        if thickness <= thin or (at_edge and thickness <= 4 * thin):
            kept |= member
    return kept
