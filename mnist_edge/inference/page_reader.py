"""Read pages: every digit of a picture, in lines.

A page is read as it looks at first. If that is not clear, it is read in a few more ways, and the
reading that is most probable as a whole counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.inference.classifier import Abstention, Classifier, Prediction
from mnist_edge.inference.page import Box, FoundDigit, LeftOut, Page
from mnist_edge.preprocessing.binarization import InkMap, binarize
from mnist_edge.preprocessing.cell_borders import MIN_DIGIT_SIZE
from mnist_edge.preprocessing.connected_components import Component, label_components
from mnist_edge.preprocessing.flat_background import Ink
from mnist_edge.preprocessing.handwriting import Removal, find_strokes
from mnist_edge.preprocessing.margins import add_margins
from mnist_edge.preprocessing.pipeline import (
    PAGE_SIDE,
    PreprocessingTrace,
    normalize_digit,
    trace_image,
)
from mnist_edge.preprocessing.scenes import find_grounds
from mnist_edge.preprocessing.segmentation import Segmentation, TextLine, segment_lines

_MIN_CLEAR_CONFIDENCE = 0.9
"""Minimum confidence of the digits of a page that is read in one way alone."""
_MAX_UNSURE = 0.02
"""Maximum share of digits of such a page that are below that: of a hundred digits, the model is
rarely sure of all."""
_MIN_CUT_LEAD, _MIN_STROKE_LEAD = 1.0, 0.5
"""Minimum logarithm of how many times as probable a line is as with other digits, in place of one
that is cut from a component or unsure, and of a stroke."""
_MIN_LIKELY, _MIN_SURE_CONFIDENCE = 0.5, 0.95
"""Minimum probability of a digit in the first reading of a page by which it contradicts another;
and of a sure digit, such as one that the first reading does not give, or a line at the edge."""
_LINE_LIKE = (1, 7)
"""Digits that the line of a border may be read as."""
_MIN_SHARED = 0.4
"""Minimum area that two boxes of one digit share, relative to the area of both together."""
_MIN_CERTAIN = 1 / 3
"""Minimum share of other digits among those that another reading of a page adds."""
_MAX_UNCERTAIN, _MAX_MORE_UNCERTAIN = 0.25, 0.1
"""Maximum shares of digits without an answer in another reading: if the first has as large a share
of them, and if it has a smaller one."""
_MIN_READ = 0.5
"""Minimum area of the digits that have an answer, relative to that of all, if any is to keep it."""
_MIN_COUNT_OF_PAGE = 3
"""Minimum number of digits for that: of two, one may be doubtful."""
_MAX_SPECKS = 6
"""Maximum number of marks that may be the dirt of an empty cell."""
_MIN_MARK_SIZE = 0.15
"""Minimum height or width of a mark, relative to the median height of a page's digits."""
_MIN_HEIGHT = 0.6
"""Minimum height of what may be a digit, relative to the same."""
_MAX_MISALIGNMENT = 0.25
"""Maximum distance of the top and the bottom of what touches the edge from a digit's in its line,
relative to that digit's height, if it may be a digit as well."""
_MAX_SIZE, _MAX_THIN_SIZE = 1.6, 1.25
"""Maximum height or width of what may be a digit, relative to the same; and of what is as thin as a
line."""
_MIN_LINE_ASPECT = 6.0
"""Minimum length of what is as thin as a line, relative to its thickness."""


class _View(NamedTuple):
    """The handwriting in a picture, and where it is."""

    ink_map: InkMap
    labels: NDArray[np.int32]
    """``(height, width)``, the number of each pixel's component."""
    components: Sequence[Component]
    """The handwriting."""
    removed: frozenset[Removal]
    """What was removed from the ink to find it."""
    scale: float
    """Pixels of the picture per pixel of the view."""
    origin: tuple[float, float]
    """Column and row of the picture's upper left corner in the view."""
    size: tuple[int, int]
    """Width and height of the picture in its pixels."""

    def box(self, component: Component) -> Box:
        """Return the bounding box of a component in pixels of the picture."""
        x, y = self.origin
        left, right = (self.scale * (edge - x) for edge in (component.left, component.right))
        top, bottom = (self.scale * (edge - y) for edge in (component.top, component.bottom))
        width, height = self.size
        return (
            max(0, math.floor(left)),
            max(0, math.floor(top)),
            min(math.ceil(right), width),
            min(math.ceil(bottom), height),
        )


def read_page(trace: PreprocessingTrace, classifier: Classifier) -> Page:
    """Read every digit in a preprocessed picture.

    A page that is not clear is read in a few more ways: the sheet that there may be in the picture,
    and the picture in a margin of its light and of its dark tone, with nothing removed that may be
    a border or a line. The reading that is most probable as a whole counts. What may be a digit and
    was not read gets no answer.

    Args:
        trace: the result of ``trace_preprocessing`` with a ``side`` of ``PAGE_SIDE``, for digits
            that are small in the picture.
        classifier: reads each digit.
    """
    view = picture = _view(trace)
    page = first = _read_view(view, classifier)
    if not _is_clear(page, view):
        for other in _other_views(trace):
            alternative = _read_view(other, classifier)
            is_whole = view.removed and not other.removed and _reads_whole(alternative, page)
            if is_whole or _reads_more(alternative, page, trace):
                view, page = other, alternative
    if page is not first and len(page.digits) > 1 and not picture.removed:
        page = _confirmed(page, first)
    is_single = len(page.digits) == 1 and trace.problem is None
    if is_single and view is picture and trace.digit:
        # A single digit gets the same prediction as from classify, with all of its strokes.
        decision = classifier.decide(trace)
        single, seen = decision.prediction, decision.chosen.trace
        if seen.digit and (single.digit is not None or page.digits[0].prediction.digit is None):
            view = _view(seen)._replace(origin=(-seen.left, -seen.top), size=_size(trace))
            page = Page(lines=((FoundDigit(prediction=single, box=view.box(seen.digit)),),))
    page = _account_for(page, view, classifier)
    if _is_empty_cell(page, trace) or not _is_mostly_read(page):
        return _without_answers(page)
    return page


def _view(trace: PreprocessingTrace) -> _View:
    """Return a picture as it was preprocessed."""
    return _View(
        ink_map=trace.ink_map,
        labels=trace.labels,
        components=trace.components,
        removed=trace.removed,
        scale=trace.scale,
        origin=(0, 0),
        size=_size(trace),
    )


def _other_views(trace: PreprocessingTrace) -> Iterator[_View]:
    """Yield the sheets in a picture, and the picture in a margin of either of its tones.

    Nothing is removed from the ink of those with a margin. Of a picture with a border, the border's
    tone is the ink's.
    """
    for ground in find_grounds(trace.rgb):
        sheet = trace_image(ground.rgb, ink=trace.ink)
        yield _view(sheet)._replace(
            scale=trace.scale * sheet.scale,
            origin=(-ground.left / sheet.scale, -ground.top / sheet.scale),
            size=_size(trace),
        )
    # Between the lines of a form, its paper is no writing.
    ink = trace.ink or (_tone(trace) if "borders" in trace.removed else None)
    for margined in add_margins(trace.rgb, side=PAGE_SIDE, ink=ink):
        ink_map = binarize(margined.rgb, trace.ink)
        labels, components, _ = find_strokes(ink_map)
        yield _View(
            ink_map=ink_map,
            labels=labels,
            components=components,
            removed=frozenset(),
            scale=trace.scale / margined.factor,
            origin=(margined.margin, margined.margin),
            size=_size(trace),
        )


def _tone(trace: PreprocessingTrace) -> Ink:
    """Return whether a picture's ink is darker or lighter than its paper, as it was read first."""
    gray = np.asarray(Image.fromarray(trace.rgb).convert("L"))
    strong = trace.ink_map.contrast > trace.ink_map.contrast.max() / 2
    return "dark" if gray[strong].mean() < gray[~strong].mean() else "light"


def _size(trace: PreprocessingTrace) -> tuple[int, int]:
    """Return width and height of the original picture."""
    height, width = trace.labels.shape
    return round(trace.scale * width), round(trace.scale * height)


def _read_view(view: _View, classifier: Classifier) -> Page:
    labels, lines = segment_lines(view.labels, view.components)
    view = view._replace(labels=labels)
    readings = [_LineReading(line) for line in lines]
    # Of most lines, few of the possible digits can be the right ones, whatever the others are.
    for find_unread in (_LineReading.unread, _LineReading.unread_rivals):
        while unread := [(one, index) for one in readings for index in find_unread(one)]:
            components = [one.component(index) for one, index in unread]
            predictions = _predict(view, components, classifier)
            for (one, index), prediction in zip(unread, predictions, strict=True):
                one.predictions[index] = prediction
    found = (one.digits(view) for one in readings)
    return Page(lines=tuple(line for line in found if line))


class _LineReading:
    """What has been read of a line's possible digits."""

    def __init__(self, line: TextLine) -> None:
        self._line = line
        self.predictions: dict[int, Prediction] = {}
        """By the index of a candidate."""
        self._rivals: dict[int, Segmentation] = {}
        """By the index of a digit of the best segmentation, if there is one."""
        self._best = Segmentation(0.0, ())

    def component(self, index: int) -> Component:
        """Return a candidate's segments."""
        return self._line.candidates[index].component

    def unread(self) -> list[int]:
        """Return the candidates that are the line's digits unless reading them shows otherwise."""
        self._best = self._line.best_segmentation(self._scores())
        return self._unread(self._best)

    def unread_rivals(self) -> list[int]:
        """Return the candidates by which the line may be nearly as probably read as other digits.

        To be called once none is unread that may be the line's digits.
        """
        scores = self._scores()
        rivals = ((index, self._rival(index, scores)) for index in self._best.candidates)
        self._rivals = {index: rival for index, rival in rivals if rival}
        return sorted({index for one in self._rivals.values() for index in self._unread(one)})

    def _scores(self) -> dict[int, float]:
        return {
            index: math.log(max(prediction.probabilities))
            for index, prediction in self.predictions.items()
        }

    def _unread(self, segmentation: Segmentation) -> list[int]:
        return [index for index in segmentation.candidates if index not in self.predictions]

    def _rival(self, index: int, scores: Mapping[int, float]) -> Segmentation | None:
        """Return the best segmentation without a digit, if it is nearly as probable.

        Of a component that is surely a digit as a whole, parts may look like digits as well. Only
        what is cut from one, and strokes that may be those of a wider digit, can be read in other
        ways.
        """
        is_sure = max(self.predictions[index].probabilities) >= _MIN_SURE_CONFIDENCE
        if self._line.candidates[index].is_cut or not is_sure:
            min_lead = _MIN_CUT_LEAD
        elif self._digit(index) in _LINE_LIKE and self._line.has_rivals(index):
            min_lead = _MIN_STROKE_LEAD
        else:
            return None
        rival = self._line.best_segmentation(scores, without=index)
        return rival if rival.score > self._best.score - min_lead else None

    def _digit(self, index: int) -> int:
        """Return a candidate's most probable digit."""
        probabilities = self.predictions[index].probabilities
        return probabilities.index(max(probabilities))

    def _is_doubtful(self, index: int) -> bool:
        """Check whether other digits may as probably be read in the place of one."""
        rival = self._rivals.get(index)
        return rival is not None and [*map(self._digit, rival.candidates)] != [
            *map(self._digit, self._best.candidates)
        ]

    def digits(self, view: _View) -> tuple[FoundDigit, ...]:
        """Return the line's digits, once none is unread, nor any of their rivals."""
        found = []
        for index in self._best.candidates:
            digit = FoundDigit(
                prediction=self.predictions[index], box=view.box(self.component(index))
            )
            is_doubtful = self._is_doubtful(index)
            found.append(_without_answer(digit, "low-confidence") if is_doubtful else digit)
        return tuple(found)


def _predict(
    view: _View, components: Sequence[Component], classifier: Classifier
) -> list[Prediction]:
    # Digits of a page are small: an 8 whose loops are blotted would be thinned to a 1.
    pixels = [
        normalize_digit(view.ink_map, view.labels, one, max_stroke=math.inf) for one in components
    ]
    return classifier.predict_pixels(np.stack(pixels))


def _is_clear(page: Page, view: _View) -> bool:
    """Check whether nothing was removed from a page, and the model is sure of nearly every digit.

    Two digits that are lines may as well be the edges of a sheet.
    """
    unsure = sum(not _is_sure(one.prediction) for one in page.digits)
    is_line_like = len(page.digits) > 1 and not _has_other_digit(page.digits)
    if not page.digits or is_line_like or unsure > _MAX_UNSURE * len(page.digits):
        return False
    return not view.removed and not _find_weak(page, view)[1]


def _find_weak(page: Page, view: _View) -> tuple[NDArray[np.int32], list[Component]]:
    """Find what is in line with a page's digits and as high, but too weak to be taken for ink.

    Returns:
        ``(height, width)``, the number of each pixel's component or 0, and the components.
    """
    full = view.ink_map.full_contrast(np.ones(view.labels.shape, np.bool_))
    weak = view.ink_map.doubtful_mask(full)
    rest = weak.copy()
    for one in view.components:
        rest[one.top : one.bottom, one.left : one.right] = False
    height = _median_height(page) / view.scale
    if np.count_nonzero(rest) < _MIN_HEIGHT * height:
        return view.labels, []
    labels, components = label_components(weak)
    inked = set(np.unique(labels[view.labels > 0]).tolist())
    return labels, [
        one
        for one in components
        if one.labels[0] not in inked
        and one.height >= _MIN_HEIGHT * height
        and _is_aligned(view.box(one), page.digits)
    ]


def _median_height(page: Page) -> float:
    """Return the median height of a page's digits in pixels of the picture."""
    return float(np.median([digit.box[3] - digit.box[1] for digit in page.digits]))


def _is_confident(page: Page) -> bool:
    return all(_is_sure(one.prediction) for one in page.digits)


def _is_sure(prediction: Prediction) -> bool:
    return prediction.digit is not None and prediction.confidence >= _MIN_CLEAR_CONFIDENCE


def _reads_whole(page: Page, other: Page) -> bool:
    """Check whether a page is confident of the digits that another one reads, or reads parts of.

    Where a border was removed that there was not, digits are missing or lack strokes, and strokes
    look like 1s. Of the same digits, the more probable ones count: those on a ruled line may be
    joined by it.
    """
    boxes, others = (
        np.array([digit.box for digit in one.digits]).reshape(-1, 4) for one in (page, other)
    )
    covers = _covered(others, boxes)
    added = [one for one, found in zip(page.digits, covers.any(axis=0), strict=True) if not found]
    fewer = len(others) - (len(boxes) - len(added))
    return (
        (fewer > 0 or (fewer == 0 and (bool(added) or _score(page) > _score(other))))
        and len(added) < len(boxes)
        and _is_confident(page)
        and _is_writing(page.digits)
        and all(covers.any(axis=1))
        and all(one.prediction.digit not in _LINE_LIKE for one in added)
    )


def _reads_more(page: Page, other: Page, trace: PreprocessingTrace) -> bool:
    """Check whether a page is more probable than another one, and its digits are no border.

    Remnants of a border, and what is no writing, are read with many doubts.
    """
    if _score(page) <= _score(other):
        return False
    answered = [one for one in other.digits if one.prediction.digit is not None]
    added = [one for one in page.digits if not any(_agrees(one, two) for two in answered)]
    uncertain, before = _uncertain(page), _uncertain(other)
    if uncertain > (_MAX_UNCERTAIN if uncertain <= before else _MAX_MORE_UNCERTAIN):
        return False
    if _is_confident(page):
        # Of a row that is read without a doubt, what is added may be 1s and 7s, but no border.
        others = [one for one in page.digits if one.prediction.digit not in _LINE_LIKE]
        if all(_is_in_row(one, others, trace) for one in added):
            return bool(others)
        if _is_writing(page.digits) and _has_other_digit(added):
            return True
    return _is_writing(added or page.digits)


def _uncertain(page: Page) -> float:
    """Return the share of a page's digits that have no answer; 1 if there are none."""
    if not page.digits:
        return 1.0
    return sum(one.prediction.digit is None for one in page.digits) / len(page.digits)


def _is_in_row(digit: FoundDigit, others: Sequence[FoundDigit], trace: PreprocessingTrace) -> bool:
    """Check whether a digit is in line with others, and ends within the picture, as no border does.

    At the left or the right edge, it has to be the surer.
    """
    left, top, right, bottom = digit.box
    width, height = _size(trace)
    is_within = left > 0 and right < width
    is_sure = is_within or digit.prediction.confidence >= _MIN_SURE_CONFIDENCE
    return is_sure and top > 0 and bottom < height and _is_aligned(digit.box, others)


def _confirmed(page: Page, first: Page) -> Page:
    """Return a page without the answers that the first reading of the same ink contradicts.

    An answer that it does not give has to be the surer.
    """

    def confirm(digit: FoundDigit) -> FoundDigit:
        prediction = digit.prediction
        for other in first.digits:
            if not _is_same(digit, other):
                continue
            is_other = prediction.digit != other.prediction.without_abstention().digit
            is_likely = max(other.prediction.probabilities) >= _MIN_LIKELY
            if is_other and (is_likely or prediction.confidence < _MIN_SURE_CONFIDENCE):
                return _without_answer(digit, "low-confidence")
        return digit

    return replace(page, lines=tuple(tuple(map(confirm, line)) for line in page.lines))


def _has_other_digit(digits: Sequence[FoundDigit]) -> bool:
    return any(one.prediction.digit not in (None, *_LINE_LIKE) for one in digits)


def _is_writing(digits: Sequence[FoundDigit]) -> bool:
    """Check whether enough of the digits are others than the line of a border may be read as."""
    certain = [one for one in digits if one.prediction.digit not in (None, *_LINE_LIKE)]
    return bool(certain) and len(certain) >= _MIN_CERTAIN * len(digits)


def _is_mostly_read(page: Page) -> bool:
    """Check whether half of a page's area is answered: otherwise a few letters look like digits."""
    if len(page.digits) < _MIN_COUNT_OF_PAGE:
        return True
    boxes = np.array([digit.box for digit in page.digits])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    is_read = np.array([digit.prediction.digit is not None for digit in page.digits])
    return bool(areas[is_read].sum() > _MIN_READ * areas.sum())


def _is_empty_cell(page: Page, trace: PreprocessingTrace) -> bool:
    """Check whether all that is read within a border are a few specks."""
    if trace.digit is not None or "borders" not in trace.removed:
        return False
    least = MIN_DIGIT_SIZE * min(_size(trace))
    sides = [
        max(right - left, bottom - top)
        for left, top, right, bottom in (one.box for one in page.digits)
    ]
    return len(sides) <= _MAX_SPECKS and all(side < least for side in sides)


def _without_answers(page: Page) -> Page:
    """Return a page on which no digit has an answer."""
    lines = tuple(tuple(_without_answer(digit) for digit in line) for line in page.lines)
    return replace(page, lines=lines)


def _without_answer(digit: FoundDigit, abstained: Abstention = "not-one-digit") -> FoundDigit:
    prediction = digit.prediction
    if prediction.digit is None:
        return digit
    return replace(digit, prediction=replace(prediction, digit=None, abstained=abstained))


def _score(page: Page) -> float:
    """Sum up how much more probable than not each digit is."""
    return sum(max(digit.prediction.probabilities) - 0.5 for digit in page.digits)


def _account_for(page: Page, view: _View, classifier: Classifier) -> Page:
    """Return a page with what was not read: no answer where it may be a digit, the rest named."""
    if not page.digits:
        return page
    labels, components = view.labels, view.components
    if view.removed:
        # Beside a ruled line, a digit would be a speck.
        full = view.ink_map.full_contrast(np.ones(labels.shape, np.bool_))
        labels, components = label_components(view.ink_map.ink_mask(full))
    boxes = np.array([digit.box for digit in page.digits])
    height = _median_height(page) / view.scale
    large = [one for one in components if max(one.height, one.width) >= _MIN_MARK_SIZE * height]
    is_read = _covered(np.array([view.box(one) for one in large]).reshape(-1, 4), boxes)
    unread = [one for one, read in zip(large, is_read.any(axis=1), strict=True) if not read]
    may_be_digits: list[Component] = []
    left_out: list[LeftOut] = []
    for component in unread:
        longest = max(component.height, component.width)
        is_thin = longest > _MIN_LINE_ASPECT * min(component.height, component.width)
        if longest > (_MAX_THIN_SIZE if is_thin else _MAX_SIZE) * height:
            left_out.append(LeftOut(kind="line", box=view.box(component)))
        elif component.height < _MIN_HEIGHT * height:
            left_out.append(LeftOut(kind="mark", box=view.box(component)))
        elif component.touches_edge(labels.shape) and not _is_aligned(
            view.box(component), page.digits
        ):
            left_out.append(LeftOut(kind="outside", box=view.box(component)))
        else:
            may_be_digits.append(component)
    pieces = _pieces(boxes, [view.box(one) for one in may_be_digits]) if view.removed else set()
    lines = [[one for one in line if one.box not in pieces] for line in page.lines]
    lines = [line for line in lines if line]
    # Where something was removed, all ink was looked through already.
    weak = (labels, []) if view.removed else _find_weak(page, view)
    for numbers, found in ((labels, may_be_digits), weak):
        if not found:
            continue
        predictions = _predict(view._replace(labels=numbers), found, classifier)
        for component, prediction in zip(found, predictions, strict=True):
            no_answer = replace(prediction, digit=None, abstained="not-one-digit")
            _insert(FoundDigit(prediction=no_answer, box=view.box(component)), lines)
    return Page(lines=tuple(map(tuple, lines)), left_out=tuple(left_out))


def _pieces(boxes: NDArray[np.int64], wholes: Sequence[Box]) -> set[Box]:
    """Return the digits' boxes that are all that was read of something larger.

    A line's removal tore it, and what is left of it looks like another digit.
    """
    holds = _covered(boxes, np.array(wholes).reshape(-1, 4))
    alone = np.flatnonzero(holds[:, holds.sum(axis=0) == 1].any(axis=1))
    return {(left, top, right, bottom) for left, top, right, bottom in boxes[alone].tolist()}


def _is_aligned(box: Box, digits: Sequence[FoundDigit]) -> bool:
    """Check whether a box is as high as one of the digits, and as far from the top."""
    return any(
        max(abs(box[1] - digit.box[1]), abs(box[3] - digit.box[3]))
        <= _MAX_MISALIGNMENT * (digit.box[3] - digit.box[1])
        for digit in digits
    )


def _covered(boxes: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which of ``(m, 4)`` other boxes hold the center of each of ``(n, 4)``: ``(n, m)``."""
    x, y = ((boxes[:, edge] + boxes[:, edge + 2]) / 2 for edge in (0, 1))
    left, top, right, bottom = others.T
    x, y = x[:, np.newaxis], y[:, np.newaxis]
    holds: NDArray[np.bool_] = (left <= x) & (x < right) & (top <= y) & (y < bottom)
    return holds


def _insert(digit: FoundDigit, lines: list[list[FoundDigit]]) -> None:
    """Insert a digit into the line whose nearest digit it is beside, or as a line of its own."""
    left, top, right, bottom = digit.box
    for line in lines:
        near = min(line, key=lambda one: abs(one.box[0] + one.box[2] - left - right)).box
        if near[1] < (top + bottom) / 2 < near[3]:
            line.append(digit)
            line.sort(key=lambda one: one.box[0] + one.box[2])
            return
    middles = [float(np.median([one.box[1] + one.box[3] for one in line])) for line in lines]
    lines.insert(sum(middle < top + bottom for middle in middles), [digit])


def _agrees(first: FoundDigit, second: FoundDigit) -> bool:
    """Check whether two digits share most of their area, and are read as the same."""
    return first.prediction.digit == second.prediction.digit and _is_same(first, second)


def _is_same(first: FoundDigit, second: FoundDigit) -> bool:
    """Check whether two digits' boxes share most of their area."""
    (left, top, right, bottom), other = first.box, second.box
    width = min(right, other[2]) - max(left, other[0])
    height = min(bottom, other[3]) - max(top, other[1])
    shared = max(0, width) * max(0, height)
    areas = (right - left) * (bottom - top) + (other[2] - other[0]) * (other[3] - other[1])
    return shared >= _MIN_SHARED * (areas - shared)
