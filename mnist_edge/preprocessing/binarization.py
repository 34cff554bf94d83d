"""Separate ink from paper in a photo, however it is lit.

The brightness of the paper is estimated around every pixel, so that a shadow or a dark corner
counts as paper. Ink is what differs from it by more than the noise, in the ink's direction.
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
from mnist_edge.preprocessing.flat_background import border_pixels

_LUMA_WEIGHTS = (299, 587, 114)
"""Weights of red, green and blue in luma, in thousandths (ITU-R BT.601, as in Pillow)."""
_CHANNEL_SAMPLE_SIDE = 256
"""Longest side, in pixels, of the sample that the most legible channel is chosen on."""

TIGHT_SIDE = 128
"""Longest side, in pixels, of a picture that is taken for a crop which the digit fills."""
CELL_SIDE = 2 * TIGHT_SIDE
"""Longest side, in pixels, of a picture that may be half ink, such as a form's cell."""

_MIN_CONTRAST = 12.0
"""Minimum contrast of full ink with its paper in gray levels; less is blank paper."""
_MIN_SNR = 6.0
"""Minimum contrast of full ink over the noise, both in gray levels; less is noise."""
_FULL_INK_PERCENTILE = 99.9
"""Percentile of the contrast that counts as full ink: a pencil digit whose height is a twelfth of
the picture's covers one pixel in five hundred."""
_STRONG, _WEAK = 0.45, 0.22
"""Shares of full ink above which a pixel is ink: by itself, and if it is connected to one that
is."""

_WINDOW, _TIGHT_WINDOW = 0.25, 0.5
"""Side of the window in which paper is searched for, relative to the picture's longest side: wider
than a stroke, narrower than a shadow. The strokes of a tight crop are a fifth of it wide."""
_MAX_STROKE, _TIGHT_MAX_STROKE = 0.11, 0.2
"""Maximum width of a stroke, relative to the picture's longest side, in a picture and in a tight
crop."""
_MAX_SHADE = 0.8
"""Maximum contrast of a shadow, relative to full ink's."""
_MIN_INK_BESIDE_SHADOW = 0.07
"""Minimum share of the dark pixels that must be strokes for the wider ones to be a shadow."""

_RIM = 0.12
"""Width of the zone along each edge that may show what lies around the paper, relative to a
side."""
_SAME_TONE = 0.12
"""Maximum difference within one tone, relative to the strongest difference from it."""
_MIN_BORDER_TONE = 0.7
"""Minimum share of a border that has one tone if the border is paper; strokes may reach it."""
_MIN_PAPER = 0.3
"""Minimum share of the picture that has its border's tone if the border is paper."""
_MAX_UNEVENNESS = 40.0
"""Maximum range of a small picture's border in gray levels; a shadow across it makes it wider."""
_MAX_OTHER_PAPER = 0.6
"""Maximum share of a small picture that is closer to its median than to its border's, if the border
is its paper."""


@dataclass(frozen=True, kw_only=True)
class InkMap:
    """The contrast of each pixel with its paper."""

    contrast: FloatImage
    """``(height, width)``, gray levels; 0 for pixels that are paper or brighter than dark ink's
    paper, or darker than light ink's."""
    noise: float
    """Standard deviation of the paper's contrast, in gray levels."""

    def full_contrast(self, where: Mask) -> float:
        """Return the contrast of full ink among some pixels; 0 if they hold no ink."""
        if not where.any():
            return 0.0
        full = float(np.percentile(self.contrast[where], _FULL_INK_PERCENTILE))
        return full if full >= max(_MIN_CONTRAST, _MIN_SNR * self.noise) else 0.0

    def ink_mask(self, full: float) -> Mask:
        """Return the pixels that are ink if full ink has this contrast.

        Weak ends of strokes count if they are connected to strong ink: hysteresis (J. Canny, A
        Computational Approach to Edge Detection, 1986).
        """
        strong = self.contrast > max(_STRONG * full, 4 * self.noise)
        weak = self.contrast > max(_WEAK * full, 3 * self.noise)
        labels, components = label_components(weak)
        is_ink = np.zeros(len(components) + 1, np.bool_)
        is_ink[np.unique(labels[strong])] = True
        is_ink[0] = False
        mask: Mask = is_ink[labels]
        return mask

    def faint_mask(self, full: float) -> Mask:
        """Return the pixels that may belong to something fainter than ink, such as a print."""
        mask: Mask = self.contrast > max(0.5 * _WEAK * full, 4 * self.noise)
        return mask


def binarize(rgb: NDArray[np.uint8]) -> InkMap:
    """Measure the ink of a picture, in the channel in which it stands out best.

    Args:
        rgb: ``(height, width, 3)``.
    """
    # In whole thousandths, so that a negative has exactly the negative luma.
    thousandths = np.zeros(rgb.shape[:2], np.int32)
    for channel, weight in enumerate(_LUMA_WEIGHTS):
        thousandths += weight * rgb[..., channel].astype(np.int32)
    luma = (thousandths / 1000).astype(np.float32)
    if all(np.array_equal(rgb[..., 0], rgb[..., channel]) for channel in (1, 2)):
        return _measure_ink(_polarity(luma) * luma)
    # Red ink vanishes in the red channel, and yellow ink in luma; ink that is lighter than its
    # paper in one channel may be darker in another. A sample of the pixels is enough to choose.
    channels = [luma, *(rgb[..., channel].astype(np.float32) for channel in range(3))]
    step = -(-max(luma.shape) // _CHANNEL_SAMPLE_SIDE)
    samples = [channel[::step, ::step] for channel in channels]
    polarities = [_polarity(sample) for sample in samples]
    scores = [
        _legibility(polarity * sample) for polarity, sample in zip(polarities, samples, strict=True)
    ]
    best = int(np.argmax(scores))
    return _measure_ink(polarities[best] * channels[best])


def _legibility(dark_ink: FloatImage) -> float:
    """Return the contrast of full ink over the noise, in a channel with dark ink on light paper."""
    ink_map = _measure_ink(dark_ink)
    return ink_map.full_contrast(np.ones(dark_ink.shape, np.bool_)) / (ink_map.noise + 1.0)


def _measure_ink(dark_ink: FloatImage) -> InkMap:
    """Measure the ink of a channel with dark ink on light paper."""
    longest = max(dark_ink.shape)
    is_tight = longest <= TIGHT_SIDE
    window = 2 * round((_TIGHT_WINDOW if is_tight else _WINDOW) * longest / 2) + 1
    noise = _estimate_noise(dark_ink)
    smooth = dark_ink if is_tight else blur(dark_ink, 1 + min(2, round(noise / 6)))
    contrast = _estimate_paper(smooth, window) - smooth
    contrast = _remove_shadows(smooth, contrast)
    low, median = (float(value) for value in np.percentile(contrast, (16, 50)))
    spread = 1.4826 * float(np.median(np.abs(contrast - median)))
    if longest <= CELL_SIDE:
        # Lines and digit may cover half of a small cell: only the lower half is paper's for sure.
        spread = min(spread, median - low)
    return InkMap(contrast=np.maximum(contrast - median, 0), noise=spread)


def _estimate_paper(dark_ink: FloatImage, window: int) -> FloatImage:
    """Return the paper's brightness: a closing, which fills what is dark and below the window."""
    # Paper continues beyond the picture: otherwise light that falls off towards the edge would
    # count as ink.
    reach = window // 2
    border = border_pixels(dark_ink)
    if max(dark_ink.shape) <= TIGHT_SIDE and _is_paper(border, dark_ink - np.median(border)):
        # It does so even where a stroke reaches the edge.
        beyond = np.pad(dark_ink, reach, constant_values=float(np.median(border)))
    else:
        beyond = np.pad(dark_ink, reach, mode="edge")
    closed = erode(dilate(beyond, window), window)
    return closed[reach:-reach, reach:-reach]


def _remove_shadows(dark_ink: FloatImage, contrast: FloatImage) -> FloatImage:
    """Return the contrast, with shadows that are narrower than the window counted as paper.

    A shadow is wider than strokes and reaches into the picture from outside. If nothing else is
    dark, it is not a shadow but a thick pen close up.
    """
    longest = max(dark_ink.shape)
    max_stroke = _MAX_STROKE if longest > TIGHT_SIDE else _TIGHT_MAX_STROKE
    stroke = 2 * round(max_stroke * longest / 2) + 1
    full = float(np.percentile(contrast, _FULL_INK_PERCENTILE))
    dark = contrast > max(_MIN_CONTRAST, 0.3 * full)
    wide = _reaching_edge(erode(dark.astype(np.float32), stroke) > 0)
    if not wide.any():
        return contrast
    shade = float(np.median(contrast[wide]))
    shadow = dilate(wide.astype(np.float32), stroke) > 0
    ink = dark & (~shadow | (contrast > (shade + full) / 2))
    # A shadow is never as dark as ink.
    if shade > _MAX_SHADE * full or ink.sum() < _MIN_INK_BESIDE_SHADOW * dark.sum():
        return contrast
    # The shadow's edge counts as well, because the window reached the light beyond it.
    around_shadow = dilate(wide.astype(np.float32), 3 * stroke) > 0
    narrow_contrast = _estimate_paper(dark_ink, stroke) - dark_ink
    return np.where(around_shadow, narrow_contrast, contrast).astype(np.float32)


def _reaching_edge(mask: Mask) -> Mask:
    """Return the components of a mask that reach the edge, as shadows of things outside do."""
    labels, _ = label_components(mask)
    edges = border_pixels(labels)
    reaching: Mask = np.isin(labels, np.unique(edges[edges > 0]))
    return reaching


def _polarity(luma: FloatImage) -> float:
    """Return 1 for ink that is darker than its paper, and -1 for ink that is lighter.

    Ink is a small part of a picture and far from its paper: the sign of the third moment tells. A
    border of one tone that much of the picture shares is paper, even if there is more ink. A small
    picture is cropped tightly, and has only its border to tell the paper by. Otherwise the edges
    are left out, where a frame or a table may show.
    """
    border = border_pixels(luma)
    paper = np.median(border) if max(luma.shape) > TIGHT_SIDE else _tight_paper(luma)
    difference = luma - paper
    if not _shows_paper(border, difference):
        rows, columns = (round(_RIM * size) for size in luma.shape)
        inner = luma[rows : luma.shape[0] - rows, columns : luma.shape[1] - columns]
        difference = inner - blur(inner, max(luma.shape) // 8)
    wide = difference.astype(np.float64)
    # A power takes ten times as long.
    return 1.0 if float((wide * wide * wide).sum()) <= 0 else -1.0


def _shows_paper(border: FloatImage, difference: FloatImage) -> bool:
    """Check whether a picture's border is paper."""
    if max(difference.shape) > TIGHT_SIDE:
        return _is_paper(border, difference)
    light, dark = np.percentile(border, (80, 20))
    return bool(light - dark <= _MAX_UNEVENNESS)


def _is_paper(border: FloatImage, difference: FloatImage) -> bool:
    """Check whether a border has one tone, and much of the picture differs no more from it."""
    near = _SAME_TONE * float(np.percentile(np.abs(difference), _FULL_INK_PERCENTILE))
    deviation = np.abs(border - np.median(border))
    return bool(
        (deviation < near).mean() > _MIN_BORDER_TONE
        and (np.abs(difference) < near).mean() > _MIN_PAPER
    )


def _tight_paper(luma: FloatImage) -> float:
    """Return a small picture's paper: its border, unless that is a frame around other paper."""
    border = float(np.median(border_pixels(luma)))
    median = float(np.median(luma))
    is_other = np.mean(np.abs(luma - median) < np.abs(luma - border)) > _MAX_OTHER_PAPER
    return median if is_other else border


def _estimate_noise(values: FloatImage) -> float:
    """Return the standard deviation of the pixels' noise.

    It is estimated from second differences, to which a smooth picture contributes nothing (J.
    Immerkaer, Fast Noise Variance Estimation, 1996), and from their median, to which edges
    contribute little.
    """
    if min(values.shape) < 3:
        return 0.0
    across = values[:, :-2] - 2 * values[:, 1:-1] + values[:, 2:]
    second = across[:-2] - 2 * across[1:-1] + across[2:]
    return float(np.median(np.abs(second)) / (0.6745 * 6))


def blur(values: FloatImage, radius: int) -> FloatImage:
    """Blur by the mean of the square around each pixel, twice, which approximates a Gaussian."""
    for _ in range(2):
        for axis in (0, 1):
            padding = [(0, 0), (0, 0)]
            padding[axis] = (radius + 1, radius)
            sums = np.cumsum(np.pad(values, padding, mode="edge"), axis=axis, dtype=np.float64)
            ends = np.moveaxis(sums, axis, 0)
            mean = (ends[2 * radius + 1 :] - ends[: -2 * radius - 1]) / (2 * radius + 1)
            values = np.moveaxis(mean, 0, axis).astype(np.float32)
    return values
