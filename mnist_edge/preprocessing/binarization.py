"""Separate ink from paper in a photo, however it is lit.

The brightness of the paper is estimated around every pixel, so that a shadow or a dark corner
counts as paper. Ink is what differs from it by more than the noise, in the ink's direction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.preprocessing.connected_components import (
    FloatImage,
    Mask,
    dilate,
    erode,
    extend,
    label_components,
    reduce_blocks,
)
from mnist_edge.preprocessing.flat_background import Ink, border_pixels
from mnist_edge.system.records import record

_Levels = TypeVar("_Levels", np.int16, np.float32)

_LUMA = (299, 587, 114)
"""Weights of red, green and blue in luma, in thousandths (ITU-R BT.601, as in Pillow)."""
_COLORS = ((1000, 0, 0), (0, 1000, 0), (0, 0, 1000))
"""The same for red, green and blue by themselves."""
_POLARITY: Mapping[Ink, float] = {"dark": 1.0, "light": -1.0}
"""As ``_polarity`` returns it."""
_MIN_COLOR = 0.2
"""Minimum difference between two colors' contrasts, relative to full ink's, from which on ink may
stand out better in one of them than in luma."""
_STATISTICS_SAMPLE = 5000
"""Number of pixels that are enough for the median of a picture."""
_PAPER_SIDE = 160
"""Longest side, in pixels, that a picture is reduced to for the brightness of its paper, unless
that changes at the edge of a shadow."""

TIGHT_SIDE = 128
"""Longest side, in pixels, of a picture that is taken for a crop which the digit fills."""
CELL_SIDE = 2 * TIGHT_SIDE
"""Longest side, in pixels, of a picture that may be half ink, such as a form's cell."""
_CHANNEL_SAMPLE_SIDE = TIGHT_SIDE + 1
"""Least length of the longest side, in pixels, of the sample of a larger picture that the most
legible channel is chosen on; it is no tight crop."""

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

_HAIRLINE = 1.75
"""Width of a stroke, in pixels of the camera, from which on it is no hairline."""
_MAX_PIXEL = 4
"""Maximum pixels per pixel of the camera where hairlines are looked for: a picture of fewer pixels
than that leaves is a digit cut tight, and all strokes in it are narrow."""
_DIRECTIONS = 8
"""Number of directions that a hairline may have."""
_ALONG = ((0.5, 0.243), (1.0, 0.09))
"""Distances along a hairline in pixels of the camera, with the weights of what is that far away on
either side in an average: those of a Gaussian whose standard deviation is 0.6 pixels."""

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
_MAX_RELATIVE_UNEVENNESS = 0.35
"""The same, relative to the strongest difference from it: of faint ink, uneven light is more."""
_MAX_OTHER_PAPER = 0.6
"""Maximum share of a small picture that is closer to its median than to its border's, if the border
is its paper."""


@record(frozen=True, kw_only=True)
class InkMap:
    """The contrast of each pixel with its paper."""

    contrast: FloatImage
    """``(height, width)``, gray levels; 0 for pixels that are paper or brighter than dark ink's
    paper, or darker than light ink's."""
    noise: float
    """Standard deviation of the paper's contrast, in gray levels."""

    def full_contrast(self, where: Mask) -> float:
        """Return the contrast of full ink among some pixels; 0 if they hold no ink."""
        least = max(_MIN_CONTRAST, _MIN_SNR * self.noise)
        return _full_ink(self.contrast[where & (self.contrast >= least)], int(where.sum()))

    def ink_mask(self, full: float) -> Mask:
        """Return the pixels that are ink if full ink has this contrast.

        Weak ends of strokes count if they are connected to strong ink: hysteresis (J. Canny, A
        Computational Approach to Edge Detection, 1986).
        """
        strong = self.contrast > max(_STRONG * full, 4 * self.noise)
        weak = self.contrast > max(_WEAK * full, 3 * self.noise)
        labels, components = label_components(weak)
        is_ink = np.zeros(len(components) + 1, np.bool_)
        is_ink[labels[strong & weak]] = True
        mask: Mask = weak.copy()
        mask[weak] = is_ink[labels[weak]]
        return mask

    def faint_mask(self, full: float) -> Mask:
        """Return the pixels that may belong to something fainter than ink, such as a print."""
        mask: Mask = self.contrast > max(0.5 * _WEAK * full, 4 * self.noise)
        return mask

    def doubtful_mask(self, full: float) -> Mask:
        """Return the pixels that may be ink where its contrast is measured too low.

        Between strokes that are close to each other, too little paper shows.
        """
        mask: Mask = self.contrast > max(0.5 * _WEAK * full, 2 * self.noise)
        return mask


def binarize(rgb: NDArray[np.uint8], ink: Ink | None = None, *, pixel: int = 1) -> InkMap:
    """Measure the ink of a picture, in the channel in which it stands out best.

    Args:
        rgb: ``(height, width, 3)``.
        ink: whether it is dark or light, if that is known.
        pixel: pixels of ``rgb`` per pixel of the camera, in height and in width.
    """
    # Red ink vanishes in the red channel, and yellow ink in luma; ink that is lighter than its
    # paper in one channel may be darker in another. A sample of the pixels is enough to choose.
    is_gray = all(np.array_equal(rgb[..., 0], rgb[..., channel]) for channel in (1, 2))
    step = max(1, max(rgb.shape[:2]) // _CHANNEL_SAMPLE_SIDE)
    sample = rgb[::step, ::step]
    best = _measure_channel(sample, _LUMA, ink, pixel)
    if not is_gray and _may_differ_in_color(sample, best.ink_map):
        others = [_measure_channel(sample, weights, ink, pixel) for weights in _COLORS]
        best = max((best, *others), key=lambda channel: channel.legibility)
    if step == 1:
        return best.ink_map
    return _measure_ink(best.polarity * _mix(rgb, best.weights), pixel)


def _may_differ_in_color(rgb: NDArray[np.uint8], ink_map: InkMap) -> bool:
    """Check whether ink, or what surrounds it, differs from the paper in color as well."""
    full = ink_map.full_contrast(np.ones(ink_map.contrast.shape, np.bool_))
    levels = rgb.astype(np.int16)
    for one, other in ((0, 1), (1, 2)):
        difference = levels[..., one] - levels[..., other]
        off = np.abs(difference - np.median(_sample(difference))) > _MIN_COLOR * full
        if off.mean() > 1 - _FULL_INK_PERCENTILE / 100:
            return True
    return False


class _Channel(NamedTuple):
    """A channel of a picture, and how ink stands out in it."""

    weights: tuple[int, int, int]
    """Of red, green and blue, in thousandths."""
    polarity: float
    """1 for ink that is darker than its paper, and -1 for ink that is lighter."""
    ink_map: InkMap

    @property
    def legibility(self) -> float:
        """The contrast of full ink over the noise."""
        everywhere = np.ones(self.ink_map.contrast.shape, np.bool_)
        return self.ink_map.full_contrast(everywhere) / (self.ink_map.noise + 1.0)


def _measure_channel(
    rgb: NDArray[np.uint8], weights: tuple[int, int, int], ink: Ink | None, pixel: int
) -> _Channel:
    values = _mix(rgb, weights)
    polarity = _polarity(values) if ink is None else _POLARITY[ink]
    return _Channel(weights, polarity, _measure_ink(polarity * values, pixel))


def _mix(rgb: NDArray[np.uint8], weights: tuple[int, int, int]) -> FloatImage:
    """Return a channel of a picture in gray levels."""
    # Whole thousandths are exact, so that a negative has exactly the negative luma.
    thousandths: FloatImage = rgb.astype(np.float32) @ np.array(weights, np.float32)
    return thousandths / np.float32(1000)


def _measure_ink(dark_ink: FloatImage, pixel: int) -> InkMap:
    """Measure the ink of a channel with dark ink on light paper."""
    longest = max(dark_ink.shape)
    is_tight = longest <= TIGHT_SIDE
    window = (_TIGHT_WINDOW if is_tight else _WINDOW) * longest
    noise = _estimate_noise(dark_ink)
    smooth = dark_ink if is_tight else blur(dark_ink, 1 + min(2, round(noise / 6)))
    contrast = _estimate_paper(smooth, window) - smooth
    contrast = _remove_shadows(smooth, contrast)
    if 1 < pixel <= _MAX_PIXEL and _has_hairlines(contrast, pixel):
        contrast = _average_along_hairlines(contrast, pixel)
    sample = _sample(contrast)
    low, median = quantiles(sample, 0.16, 0.5)
    (deviation,) = quantiles(np.abs(sample - np.float32(median)), 0.5)
    spread = 1.4826 * deviation
    if longest <= CELL_SIDE:
        # Lines and digit may cover half of a small cell: only the lower half is paper's for sure.
        spread = min(spread, median - low)
    return InkMap(contrast=np.maximum(contrast - np.float32(median), 0), noise=spread)


def _has_hairlines(contrast: FloatImage, pixel: int) -> bool:
    """Check whether no stroke is much wider than a pixel of the camera."""
    ink = contrast > _STRONG * _full_ink(contrast[contrast > _MIN_CONTRAST], contrast.size)
    return not erode(ink, _odd(_HAIRLINE * pixel)).any()


def _average_along_hairlines(contrast: FloatImage, pixel: int) -> FloatImage:
    """Average the contrast in the direction in which that leaves the most of it.

    A hairline is lost where it passes between two of the camera's pixels, and noise is as wide as
    it is, but not as long.
    """
    height, width = contrast.shape
    around = np.pad(contrast, pixel, mode="edge")
    center = 1 - 2 * sum(weight for _, weight in _ALONG)
    best = np.full_like(contrast, -np.inf)
    for angle in np.arange(_DIRECTIONS) * math.pi / _DIRECTIONS:
        mean = center * contrast
        for distance, weight in _ALONG:
            down = round(pixel * distance * math.sin(angle))
            right = round(pixel * distance * math.cos(angle))
            for top, left in ((pixel + down, pixel + right), (pixel - down, pixel - right)):
                mean += weight * around[top : top + height, left : left + width]
        np.maximum(best, mean, out=best)
    return best


def _sample(values: NDArray[_Levels]) -> NDArray[_Levels]:
    """Return enough pixels of a picture for their statistics, in rows and columns."""
    step = _sample_step(values)
    return values[::step, ::step]


def _sample_step(values: NDArray[_Levels]) -> int:
    """Return the distance between pixels of a sample, which does not fit the blocks of a JPEG."""
    step = max(1, int(math.sqrt(values.size / _STATISTICS_SAMPLE)))
    return step + (step % 4 == 0)


def quantiles(values: FloatImage, *shares: float) -> list[float]:
    """Return the values below which these shares of all lie; numpy's take several times as long."""
    ranks = [round(share * (values.size - 1)) for share in shares]
    ordered = np.partition(values, ranks, axis=None)
    return [float(ordered[rank]) for rank in ranks]


def _full_ink(strong: FloatImage, count: int) -> float:
    """Return the contrast of full ink, a percentile of a number of pixels; 0 if it is too weak.

    Args:
        strong: the contrasts that are strong enough for ink, ``(n,)``.
        count: of all pixels.
    """
    rank = (1 - _FULL_INK_PERCENTILE / 100) * (count - 1)
    upper = len(strong) - 1 - math.floor(rank)
    if upper < 1:
        return 0.0
    low, high = np.partition(strong, (upper - 1, upper))[upper - 1 : upper + 1].tolist()
    return float(high + (rank % 1) * (low - high))


def _estimate_paper(dark_ink: FloatImage, window: float) -> FloatImage:
    """Return the paper's brightness: a closing, which fills what is dark and below the window.

    Args:
        dark_ink: a channel with dark ink on light paper.
        window: side of the window in pixels.
    """
    if max(dark_ink.shape) <= TIGHT_SIDE:
        border, size = border_pixels(dark_ink), _odd(window)
        paper = float(np.median(border))
        if not _is_paper(border, dark_ink - np.float32(paper)):
            return _close(dark_ink, size)
        # Paper continues beyond the picture even where a stroke reaches the edge.
        reach = size // 2
        beyond = np.pad(dark_ink, reach, constant_values=paper)
        return erode(dilate(beyond, size), size)[reach:-reach, reach:-reach]
    height, width = dark_ink.shape
    factor = -(-max(height, width) // _PAPER_SIDE)
    closed = _close(reduce_blocks(dark_ink, factor, np.maximum), _odd(window / factor))
    if factor == 1:
        return closed
    steps = max(float(np.abs(np.diff(closed, axis=axis)).max(initial=0)) for axis in (0, 1))
    if steps > _MIN_CONTRAST:
        # Beside the edge of a shadow, what is between two of the reduced pixels would be ink.
        return _close(dark_ink, _odd(window))
    box = (0, 0, width / factor, height / factor)
    image = Image.fromarray(closed)
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR, box))


def _close(values: FloatImage, size: int) -> FloatImage:
    """Fill what is dark and narrower than a window of odd ``size``."""
    # Paper continues beyond the picture: otherwise light that falls off towards the edge would
    # count as ink.
    reach = size // 2
    beyond = np.pad(values, reach, mode="edge")
    return erode(dilate(beyond, size), size)[reach:-reach, reach:-reach]


def _odd(size: float) -> int:
    return 2 * round(size / 2) + 1


def _remove_shadows(dark_ink: FloatImage, contrast: FloatImage) -> FloatImage:
    """Return the contrast, with shadows that are narrower than the window counted as paper.

    A shadow is wider than strokes and reaches into the picture from outside. If nothing else is
    dark, it is not a shadow but a thick pen close up.
    """
    longest = max(dark_ink.shape)
    stroke = (_MAX_STROKE if longest > TIGHT_SIDE else _TIGHT_MAX_STROKE) * longest
    full = _full_ink(contrast[contrast > _MIN_CONTRAST], contrast.size)
    dark = contrast > max(_MIN_CONTRAST, 0.3 * full)
    wide = erode(dark, _odd(stroke))
    wide = _reaching_edge(wide) if wide.any() else wide
    if not wide.any():
        return contrast
    shade = float(np.median(contrast[wide]))
    ink = dark & (~dilate(wide, _odd(stroke)) | (contrast > (shade + full) / 2))
    # A shadow is never as dark as ink.
    if shade > _MAX_SHADE * full or ink.sum() < _MIN_INK_BESIDE_SHADOW * dark.sum():
        return contrast
    # The shadow's edge counts as well, because the window reached the light beyond it.
    around_shadow = dilate(wide, 3 * _odd(stroke))
    narrow_contrast = _estimate_paper(dark_ink, stroke) - dark_ink
    return np.where(around_shadow, narrow_contrast, contrast)


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
    if _shows_paper(border, difference):
        return _sign_of_ink(difference)
    radius = max(luma.shape) // 8
    rows, columns = (round(_RIM * size) for size in luma.shape)
    inner = luma[rows : luma.shape[0] - rows, columns : luma.shape[1] - columns]
    polarity = _sign_of_ink(inner - blur(inner, radius))
    # Of an empty cell, the lines of the border remain at the edges, and paper is lighter than what
    # is blurred with them.
    if polarity != _sign_of_ink(luma - blur(luma, radius)):
        return _sign_of_ink(inner - np.median(inner))
    return polarity


def _sign_of_ink(difference: FloatImage) -> float:
    """Return 1 if the pixels that differ most from their paper are darker than it, else -1."""
    wide = difference.astype(np.float64)
    # A power takes ten times as long.
    return 1.0 if float((wide * wide * wide).sum()) <= 0 else -1.0


def _shows_paper(border: FloatImage, difference: FloatImage) -> bool:
    """Check whether a picture's border is paper."""
    if max(difference.shape) > TIGHT_SIDE:
        return _is_paper(border, difference)
    light, dark = np.percentile(border, (80, 20))
    full = float(np.percentile(np.abs(difference), _FULL_INK_PERCENTILE))
    return bool(light - dark <= min(_MAX_UNEVENNESS, _MAX_RELATIVE_UNEVENNESS * full))


def _is_paper(border: FloatImage, difference: FloatImage) -> bool:
    """Check whether a border has one tone, and much of the picture differs no more from it."""
    apart = np.abs(difference)
    # Unless a few pixels are far from all others, the percentile is that of few.
    strong = apart[apart > apart.max() / 4]
    full = _full_ink(strong, apart.size) or float(np.percentile(apart, _FULL_INK_PERCENTILE))
    near = _SAME_TONE * full
    deviation = np.abs(border - np.median(border))
    return bool(
        np.count_nonzero(deviation < near) > _MIN_BORDER_TONE * border.size
        and np.count_nonzero(apart < near) > _MIN_PAPER * apart.size
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
    step = _sample_step(values)
    rows = [values[begin : len(values) - 2 + begin : step] for begin in range(3)]
    down = rows[0] - 2 * rows[1] + rows[2]
    second = down[:, :-2:step] - 2 * down[:, 1:-1:step] + down[:, 2::step]
    (deviation,) = quantiles(np.abs(second), 0.5)
    return deviation / (0.6745 * 6)


def blur(values: FloatImage, radius: int) -> FloatImage:
    """Blur by the mean of the square around each pixel, twice, which approximates a Gaussian."""
    for axis in (0, 0, 1, 1):
        values = _window_sums(extend(values, radius, axis), 2 * radius + 1, axis)
    return values / np.float32((2 * radius + 1) ** 4)


def _window_sums(values: FloatImage, size: int, axis: int) -> FloatImage:
    """Return the sum of each window along an axis, by doubling: of 2n it is two sums of n."""
    values = values.T if axis else values
    count = len(values) - size + 1
    sums, covered, start = values, 1, 0
    total: FloatImage | None = None
    while covered <= size:
        if size & covered:
            part = sums[start : start + count]
            total = part if total is None else total + part
            start += covered
        sums = sums[:-covered] + sums[covered:]
        covered *= 2
    assert total is not None  # noqa: S101  # a window has at least one value
    return total.T if axis else total
