"""Read an unclear picture in the few other ways that there may be, and decide which one is right.

Geometry alone decides how a picture is read first: whether it is a drawing or a photo, what its
paper is, which lines are a border. Where the model is not sure of the result, a few alternatives
are read as well, and their calibrated confidence decides. More readings are more chances to see
what is not there: an alternative must be the surer, the more of them there are, and where two that
are sure disagree, there is no digit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.preprocessing.binarization import CELL_SIDE, TIGHT_SIDE
from mnist_edge.preprocessing.flat_background import border_pixels
from mnist_edge.preprocessing.handwriting import Removal
from mnist_edge.preprocessing.pipeline import (
    PreprocessingTrace,
    trace_crop,
    trace_image,
    trace_photo,
    trace_strokes,
)
from mnist_edge.preprocessing.remnants import is_border_alone
from mnist_edge.preprocessing.scenes import find_grounds, has_two_tones

if TYPE_CHECKING:
    from mnist_edge.inference.classifier import Classifier, Prediction

HypothesisKind: TypeAlias = Literal["picture", "photo", "crop", "sheet", "margin", "lines"]
"""What a picture is taken for: what it looks like at first; a photo, though it looks like a
drawing; a crop that was padded; a sheet that lies on something else; a crop that lacks the paper
around its digit; or one of which straight strokes were taken for lines."""

_MIN_CONFIDENCE = 0.9
"""Minimum confidence in a digit that one alternative reads; it grows with their number."""
_MIN_BEYOND_DOUBT = 0.995
"""Confidence of an alternative from which on no other is read, unless it may be a line."""
_MIN_ODDS_RATIO = 10.0
"""Minimum odds of an alternative's digit, relative to those of another that was read first."""
_LINES: frozenset[Removal] = frozenset({"borders", "ruled-lines"})
"""What was removed from a picture's ink and may have been of its digit."""
_LINE_LIKE = 1
"""The digit that a line is read as."""
_EDGE_ZONE = 0.15
"""Width of the zone along a sheet's sides that its edge may be read in, relative to its width."""
_MARGIN = 0.3
"""Width of the paper that a crop lacks, relative to its longest side."""


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """One way to read a picture, and what was read in that way."""

    kind: HypothesisKind
    """What the picture is taken for."""
    trace: PreprocessingTrace
    """Its preprocessing."""
    prediction: Prediction
    """The model's answer to it."""

    @property
    def digit(self) -> int:
        """The most probable digit, 0..9, whether or not it is answered."""
        return self.prediction.top(1)[0][0]

    @property
    def confidence(self) -> float:
        """Calibrated probability of that digit, 0..1; 0 for a blank picture."""
        return self.prediction.confidence


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a picture may show, and what it was decided to show."""

    hypotheses: tuple[Hypothesis, ...]
    """How it was read: the first is what it looks like, the others its alternatives."""
    chosen: Hypothesis
    """The one that was found right, or the first if none was."""
    prediction: Prediction
    """Its answer, without the digit if an alternative contradicts it."""


class Alternatives:
    """The other ways to read a picture, which all models that find it unclear share.

    Args:
        trace: the preprocessing of the picture.
    """

    def __init__(self, trace: PreprocessingTrace) -> None:
        self.trace = trace
        """The preprocessing of the picture, as it looks at first."""
        self._found: list[tuple[HypothesisKind, PreprocessingTrace]] = []
        self._others = _alternatives(trace)

    def __iter__(self) -> Iterator[tuple[HypothesisKind, PreprocessingTrace]]:
        """Yield what else the picture may be taken for, with its preprocessing.

        Each is found when it is asked for, and only once.
        """
        for place in count():
            if place == len(self._found):
                self._found += islice(self._others, 1)
            if place == len(self._found):
                return
            yield self._found[place]


def decide(
    alternatives: Alternatives,
    prediction: Prediction,
    *,
    read: Callable[[Sequence[PreprocessingTrace]], list[Prediction]],
    min_confidence: float,
) -> Decision:
    """Read the alternatives to an unclear picture, and decide what it shows.

    Args:
        alternatives: to how the picture looks at first.
        prediction: the model's answer to that, which is not clear.
        read: returns the model's answer to each of several traces.
        min_confidence: of the model, 0..1.
    """
    first = Hypothesis(kind="picture", trace=alternatives.trace, prediction=prediction)
    hypotheses: tuple[Hypothesis, ...] = (first,)
    chosen: Hypothesis | None = None
    for kind, other in alternatives:
        (answer,) = read([other])
        hypotheses += (Hypothesis(kind=kind, trace=other, prediction=answer),)
        chosen = _choose(hypotheses, min_confidence)
        if chosen is not None and chosen is not first and _is_beyond_doubt(chosen):
            break
    chosen = chosen or _choose(hypotheses, min_confidence)
    if chosen is not None:
        return Decision(hypotheses=hypotheses, chosen=chosen, prediction=chosen.prediction)
    withheld = replace(prediction, digit=None, abstained=prediction.abstained or "low-confidence")
    return Decision(hypotheses=hypotheses, chosen=first, prediction=withheld)


def decide_by_each(classifiers: Sequence[Classifier], trace: PreprocessingTrace) -> list[Decision]:
    """Classify the digit in a preprocessed picture with several models, each by itself.

    Args:
        classifiers: one for each model.
        trace: the preprocessing of the picture.

    Returns:
        What ``Classifier.decide`` returns for each; the alternatives are found once for all.
    """
    alternatives = Alternatives(trace)
    return [one.decide(trace, alternatives=alternatives) for one in classifiers]


def _choose(hypotheses: Sequence[Hypothesis], min_confidence: float) -> Hypothesis | None:
    """Return the right hypothesis; None if there is no digit to answer with.

    An alternative contradicts the first by being surer of another digit, and is right only if it is
    sure enough for itself.
    """
    first = hypotheses[0]
    is_answered = first.prediction.digit is not None
    plausible = [one for one in hypotheses[1:] if _is_plausible(one, first)]
    best = max(plausible, key=lambda one: one.confidence, default=first)
    if best.confidence <= first.confidence or (is_answered and best.digit == first.digit):
        return first if is_answered and _has_support(hypotheses) else None
    rivals = [one.confidence for one in (first, *plausible) if one.digit != best.digit]
    needed = max(min_confidence, _MIN_CONFIDENCE)
    if best.digit != first.digit or first.prediction.abstained == "blank" or rivals:
        # Each further reading is another chance to be sure of what is not there.
        needed = 1 - (1 - needed) / len(hypotheses)
    is_certain = best.confidence >= needed and all(
        _odds(best.confidence) >= _MIN_ODDS_RATIO * _odds(rival) for rival in rivals
    )
    return best if is_certain else None


def _is_beyond_doubt(hypothesis: Hypothesis) -> bool:
    """Check whether a right hypothesis is so sure that no other need be read."""
    return hypothesis.confidence >= _MIN_BEYOND_DOUBT and hypothesis.digit != _LINE_LIKE


def _has_support(hypotheses: Sequence[Hypothesis]) -> bool:
    """Check that another reading of the same ink has the same digit, if there is another."""
    first, *others = hypotheses
    digits = [one.prediction.digit for one in others if one.kind not in ("sheet", "crop")]
    return not digits or first.digit in digits


def _is_plausible(hypothesis: Hypothesis, first: Hypothesis) -> bool:
    """Check whether an alternative may be right, by what it is and what it reads."""
    if hypothesis.prediction.digit is None:
        return False
    if hypothesis.kind == "lines":
        # A line that is taken for a stroke is a 1, and two that meet are a 7.
        return hypothesis.digit != _LINE_LIKE and not _is_border(hypothesis.trace, first.trace)
    if hypothesis.kind in ("sheet", "crop"):
        return _is_within(hypothesis)
    # Several digits stay several, however their ink is told from their paper.
    is_several = first.prediction.abstained == "not-one-digit"
    return not is_several or max(first.trace.rgb.shape) <= TIGHT_SIDE


def _is_border(strokes: PreprocessingTrace, first: PreprocessingTrace) -> bool:
    """Check whether hardly anything but the lines of a border was removed from these strokes."""
    if strokes.labels.shape != first.labels.shape:
        return False
    numbers = [number for component in first.components for number in component.labels]
    ink = strokes.labels > 0
    return is_border_alone(ink & ~np.isin(first.labels, numbers), ink)


def _is_within(part: Hypothesis) -> bool:
    """Check whether a digit lies within its sheet, and is no part of the sheet's edge."""
    trace = part.trace
    height, width = trace.labels.shape
    if trace.digit is None or trace.digit.touches_edge((height, width)):
        return False
    side = _EDGE_ZONE * width
    is_clear = trace.digit.left >= side and trace.digit.right <= width - side
    return is_clear or part.digit != _LINE_LIKE


def _odds(probability: float) -> float:
    return probability / max(1 - probability, 1e-6)


def _alternatives(
    trace: PreprocessingTrace,
) -> Iterator[tuple[HypothesisKind, PreprocessingTrace]]:
    """Yield the other ways to read a picture that its geometry leaves open, the surest first."""
    # An enlarged picture has no more room for a sheet than the original.
    factor = max(1, round(1 / trace.scale))
    for ground in find_grounds(trace.rgb[factor // 2 :: factor, factor // 2 :: factor]):
        part = trace_image(ground.rgb, factor * trace.scale, trace.ink)
        yield ground.kind, _place(part, trace, factor * ground.left, factor * ground.top)
    photo = trace
    if trace.kind == "drawing":
        photo = trace_photo(trace.rgb, trace.scale, trace.ink)
        yield "photo", photo
    if photo.removed & _LINES:
        yield "lines", trace_strokes(photo)
    if _may_lack_paper(photo, is_blank=trace.problem == "blank"):
        margin = round(_MARGIN * max(photo.rgb.shape))
        rgb = _pad(photo.rgb, margin)
        # What looks blank has wide strokes, which are looked for in pictures no larger than a crop.
        reduced = -(-max(rgb.shape) // TIGHT_SIDE) if trace.problem == "blank" else 1
        rgb = np.asarray(Image.fromarray(rgb).reduce(reduced))
        padded = trace_crop(rgb, reduced * photo.scale, photo.ink)
        yield "margin", _place(padded, photo, -margin, -margin)


def _may_lack_paper(photo: PreprocessingTrace, *, is_blank: bool) -> bool:
    """Check whether a small picture may be a crop that its digit fills.

    If it looks blank, half of it must be ink, which looks like noise. A cell has paper enough.
    """
    is_small = max(photo.rgb.shape) <= CELL_SIDE and not photo.removed & _LINES
    return is_small and (not is_blank or has_two_tones(photo.rgb))


def _pad(rgb: NDArray[np.uint8], margin: int) -> NDArray[np.uint8]:
    """Return a picture with more of its paper around it: its border's median color."""
    height, width = rgb.shape[:2]
    padded = np.empty((height + 2 * margin, width + 2 * margin, 3), np.uint8)
    padded[:] = np.median(border_pixels(rgb), axis=0)
    padded[margin:-margin, margin:-margin] = rgb
    return padded


def _place(
    part: PreprocessingTrace, trace: PreprocessingTrace, left: int, top: int
) -> PreprocessingTrace:
    """Return the trace of a part of a picture, with its place in the picture.

    Args:
        part: of the picture's pixels, perhaps enlarged.
        trace: of the picture.
        left: first column of the part in the picture.
        top: first row of the part in the picture.
    """
    enlarged = trace.scale / part.scale
    left, top = (round(enlarged * edge) for edge in (trace.left + left, trace.top + top))
    return replace(part, left=left, top=top, name=trace.name)
