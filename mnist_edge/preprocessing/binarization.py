"""Where the ink is in a picture of paper, however it is lit.

The paper's own brightness is estimated around every pixel, so that a shadow or a dark corner is
paper; what differs from it by more than the noise, on the ink's side, is ink.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_edge.preprocessing.connected_components import (
    FloatImage,
    Mask,
    dilate,
    erode,
    label_components,
)

_LUMA = (299, 587, 114)
"""Thousandths of red, green and blue in luma, by ITU-R BT.601 as Pillow has it."""
LEAST_CONTRAST = 12.0
"""Grey levels by which ink must differ from its paper; less is blank paper."""
_LEAST_SNR = 6.0
"""Contrast of ink over the noise, both in grey levels; less is noise."""
_WINDOW = 0.25
"""Side of the window that paper is looked for in, as a share of the picture's longest side: wider
than a stroke, narrower than a shadow."""
_FEW = 256
"""Longest side that is enough to tell in which channel ink is seen best."""
TIGHT = 128
"""Longest side of a picture that is cut so tight that the digit fills it."""
_CELL = 2 * TIGHT
"""Longest side of a picture that ink may take half of."""
_TIGHT_WINDOW = 0.5
"""The window of such a picture: its strokes are a fifth of it wide."""
_THICKEST, _TIGHT_THICKEST = 0.11, 0.2
"""Width of a stroke at most, as a share of a picture's longest side, and of one that is cut so
tight that the digit fills it."""
_SHADE = 0.8
"""Contrast of a shadow at most, as a share of full ink's."""
_OTHER_INK = 0.07
"""Share of what is dark that must be strokes, for what is wider to be a shadow."""
_RIM = 0.12
"""Share of a side, at each edge, that may show what lies about the paper."""
_ONE_TONE = 0.12
"""Difference within one tone at most, as a share of the strongest contrast with it."""
_BORDER = 0.7
"""Share of a border that must be of one tone to be paper: strokes may reach it."""
_MUCH_PAPER = 0.3
"""Share of a picture that is of its border's tone, from which on the border is paper."""
_UNEVEN = 40.0
"""Grey levels by which light and dark of a border differ where a shadow falls across it."""
_MOST = 0.6
"""Share of a small picture that is nearer to its middle grey than to its border's, from which on
the border is none of its paper."""
_STRONGEST = 99.9
"""Percentile of the contrast that stands for full ink: a pencil digit of a twelfth of the frame's
height is one pixel in five hundred."""
_CLEAR, _FAINT = 0.45, 0.22
"""Shares of full ink from which on a pixel is ink: by itself, and next to one that is."""


@dataclass(frozen=True, kw_only=True)
class InkMap:
    """How much a picture's pixels differ from their paper."""

    contrast: FloatImage
    """``(height, width)``, grey levels; 0 where a pixel is paper or lies on its other side."""
    noise: float
    """Standard deviation of the paper's contrast."""

    def full(self, where: Mask) -> float:
        """Contrast of full ink among some pixels; 0 where they hold none."""
        if not where.any():
            return 0.0
        full = float(np.percentile(self.contrast[where], _STRONGEST))
        return full if full >= max(LEAST_CONTRAST, _LEAST_SNR * self.noise) else 0.0

    def mask(self, full: float) -> Mask:
        """Which pixels are ink, where full ink has some contrast.

        Faint ends of strokes are ink where they hang on to clear ones (J. Canny, A Computational
        Approach to Edge Detection, 1986: hysteresis).
        """
        clear = self.contrast > max(_CLEAR * full, 4 * self.noise)
        faint = self.contrast > max(_FAINT * full, 3 * self.noise)
        labels, components = label_components(faint)
        kept = np.zeros(len(components) + 1, np.bool_)
        kept[np.unique(labels[clear])] = True
        kept[0] = False
        mask: Mask = kept[labels]
        return mask

    def faint(self, full: float) -> Mask:
        """Which pixels may be of something fainter than the ink: a printed line."""
        mask: Mask = self.contrast > max(0.5 * _FAINT * full, 4 * self.noise)
        return mask


def binarize(rgb: NDArray[np.uint8]) -> InkMap:
    """The ink of a picture.

    Args:
        rgb: ``(height, width, 3)``.
    """
    # In whole thousandths, so that a negative has exactly the negative luma.
    thousandths = np.zeros(rgb.shape[:2], np.int32)
    for channel, weight in enumerate(_LUMA):
        thousandths += weight * rgb[..., channel].astype(np.int32)
    luma = (thousandths / 1000).astype(np.float32)
    if all(np.array_equal(rgb[..., 0], rgb[..., channel]) for channel in (1, 2)):
        return _measured(_polarity(luma) * luma)
    # Red ink is lost in a red channel, and yellow in luma; ink that is lighter than its paper in
    # one may be darker in another. A few of the pixels tell.
    channels = [luma, *(rgb[..., channel].astype(np.float32) for channel in range(3))]
    coarse = -(-max(luma.shape) // _FEW)
    few = [one[::coarse, ::coarse] for one in channels]
    polarities = [_polarity(one) for one in few]
    worth = [_worth(polarity * one) for polarity, one in zip(polarities, few, strict=True)]
    best = int(np.argmax(worth))
    return _measured(polarities[best] * channels[best])


def _worth(paper_up: FloatImage) -> float:
    """How well ink stands out of a channel's noise."""
    ink = _measured(paper_up)
    return ink.full(np.ones(paper_up.shape, np.bool_)) / (ink.noise + 1.0)


def _measured(paper_up: FloatImage) -> InkMap:
    """The ink of one channel in which paper is brighter than ink."""
    longest = max(paper_up.shape)
    share = _WINDOW if longest > TIGHT else _TIGHT_WINDOW
    window = 2 * round(share * longest / 2) + 1
    noise = estimate_noise(paper_up)
    large = max(paper_up.shape) > TIGHT
    smooth = blur(paper_up, 1 + min(2, round(noise / 6))) if large else paper_up
    contrast = _closed(smooth, window) - smooth
    contrast = _without_shadows(smooth, contrast)
    low, base = (float(value) for value in np.percentile(contrast, (16, 50)))
    spread = 1.4826 * float(np.median(np.abs(contrast - base)))
    if longest <= _CELL:
        # Lines and digit take near half of a small cell: only the lower half is the paper's.
        spread = min(spread, base - low)
    return InkMap(contrast=np.maximum(contrast - base, 0), noise=spread)


def _closed(paper_up: FloatImage, window: int) -> FloatImage:
    """The paper: what is dark and narrower than the window filled, edges of shadows left be."""
    # Paper goes on beyond the edge: without it light that falls off towards it would be ink.
    reach = window // 2
    border = _border(paper_up)
    if max(paper_up.shape) <= TIGHT and _is_paper(border, paper_up - np.median(border)):
        # And so it does where a stroke reaches the edge.
        beyond = np.pad(paper_up, reach, constant_values=float(np.median(border)))
    else:
        beyond = np.pad(paper_up, reach, mode="edge")
    closed = erode(dilate(beyond, window), window)
    return closed[reach:-reach, reach:-reach]


def _without_shadows(paper_up: FloatImage, contrast: FloatImage) -> FloatImage:
    """Contrast in which a shadow that is narrower than the window is paper too.

    A shadow is wider than strokes are, and reaches in from outside; where nothing else is dark, it
    is a thick pen close up.
    """
    longest = max(paper_up.shape)
    thickest = _THICKEST if longest > TIGHT else _TIGHT_THICKEST
    stroke = 2 * round(thickest * longest / 2) + 1
    full = float(np.percentile(contrast, _STRONGEST))
    dark = contrast > max(LEAST_CONTRAST, 0.3 * full)
    solid = _from_outside(erode(dark.astype(np.float32), stroke) > 0)
    if not solid.any():
        return contrast
    shade = float(np.median(contrast[solid]))
    wide = dilate(solid.astype(np.float32), stroke) > 0
    ink = dark & (~wide | (contrast > (shade + full) / 2))
    # Shade is never as dark as ink.
    if shade > _SHADE * full or ink.sum() < _OTHER_INK * dark.sum():
        return contrast
    # Its edge, too: the window saw the light beyond it.
    within = dilate(solid.astype(np.float32), 3 * stroke) > 0
    narrow = _closed(paper_up, stroke) - paper_up
    return np.where(within, narrow, contrast).astype(np.float32)


def _from_outside(mask: Mask) -> Mask:
    """The pieces of a mask that reach the picture's edge: what casts a shadow is not on it."""
    labels, _ = label_components(mask)
    edges = np.concatenate((labels[0], labels[-1], labels[:, 0], labels[:, -1]))
    outside: Mask = np.isin(labels, np.unique(edges[edges > 0]))
    return outside


def _polarity(luma: FloatImage) -> float:
    """1 where ink is darker than its paper, -1 where it is lighter.

    Ink is little of a picture and far from its paper: the third moment has its sign. Frames and
    tables are at the edge, and left out. Where the edge is paper all around, and so is a good deal
    of the rest, it says what the paper is even if there is more ink; and a small picture is cut
    tight, and has no other paper to go by.
    """
    border = _border(luma)
    away = luma - (np.median(border) if max(luma.shape) > TIGHT else _tight_paper(luma))
    if not _shows_paper(border, away):
        rows, columns = (round(_RIM * size) for size in luma.shape)
        inner = luma[rows : luma.shape[0] - rows, columns : luma.shape[1] - columns]
        away = inner - blur(inner, max(luma.shape) // 8)
    wide = away.astype(np.float64)
    # A power takes ten times as long.
    return 1.0 if float((wide * wide * wide).sum()) <= 0 else -1.0


def _shows_paper(border: FloatImage, away: FloatImage) -> bool:
    """Whether the paper of a picture can be told from its border."""
    if max(away.shape) > TIGHT:
        return _is_paper(border, away)
    light, dark = np.percentile(border, (80, 20))
    return bool(light - dark <= _UNEVEN)


def _is_paper(border: FloatImage, away: FloatImage) -> bool:
    """Whether a border is of one tone, and much of the picture no further away from it."""
    near = _ONE_TONE * float(np.percentile(np.abs(away), _STRONGEST))
    rim = np.abs(border - np.median(border))
    return bool((rim < near).mean() > _BORDER and (np.abs(away) < near).mean() > _MUCH_PAPER)


def _border(values: FloatImage) -> FloatImage:
    return np.concatenate((values[0], values[-1], values[:, 0], values[:, -1]))


def _tight_paper(luma: FloatImage) -> float:
    """The paper of a small picture: its border's, unless that is a frame about other paper."""
    border = float(np.median(_border(luma)))
    middle = float(np.median(luma))
    most = np.mean(np.abs(luma - middle) < np.abs(luma - border)) > _MOST
    return middle if most else border


def estimate_noise(values: FloatImage) -> float:
    """Standard deviation of the pixels' own noise.

    By the second differences, to which a smooth picture adds nothing (J. Immerkaer, Fast Noise
    Variance Estimation, 1996); their median, so that edges add little.
    """
    if min(values.shape) < 3:
        return 0.0
    across = values[:, :-2] - 2 * values[:, 1:-1] + values[:, 2:]
    second = across[:-2] - 2 * across[1:-1] + across[2:]
    return float(np.median(np.abs(second)) / (0.6745 * 6))


def blur(values: FloatImage, radius: int) -> FloatImage:
    """The mean of a square around each pixel, twice: near to a Gaussian."""
    for _ in range(2):
        for axis in (0, 1):
            padding = [(0, 0), (0, 0)]
            padding[axis] = (radius + 1, radius)
            sums = np.cumsum(np.pad(values, padding, mode="edge"), axis=axis, dtype=np.float64)
            ends = np.moveaxis(sums, axis, 0)
            mean = (ends[2 * radius + 1 :] - ends[: -2 * radius - 1]) / (2 * radius + 1)
            values = np.moveaxis(mean, 0, axis).astype(np.float32)
    return values
