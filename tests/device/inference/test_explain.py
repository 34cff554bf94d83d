"""The explanation of how a picture was read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mnist_edge import Classifier, Prediction
from mnist_edge.inference.classifier import Abstention
from mnist_edge.inference.explain import (
    ACCENT,
    PANEL_SIZE,
    PIXEL_SIZE,
    decision_reason,
    draw_explanation,
    draw_page,
    headline,
    panel_corner,
)
from mnist_edge.inference.page import LeftOut, Page
from mnist_edge.preprocessing.binarization import InkMap
from mnist_edge.preprocessing.connected_components import Component
from mnist_edge.preprocessing.pipeline import (
    PAGE_SIDE,
    PreprocessingTrace,
    trace_preprocessing,
)
from tests.support.explanations import SIZE, bars, extent, inside, panel


def answer(
    digit: int | None = 7, *, sure: float = 0.91, abstained: Abstention | None = None
) -> Prediction:
    rest = (1 - sure) / 9
    chances = tuple(sure if one == (digit or 0) else rest for one in range(10))
    return Prediction(digit=digit, confidence=sure, probabilities=chances, abstained=abstained)


@pytest.mark.parametrize("name", ["pen-four.png", "chalk-three.png", "mnist-seven.png"])
def test_the_box_surrounds_the_digit_whose_ink_is_black(
    name: str, pictures: Path, classifier: Classifier
) -> None:
    trace = trace_preprocessing(pictures / name)
    assert trace.digit
    image = draw_explanation(trace, classifier.classify(trace))
    assert (image.mode, image.size) == ("RGB", SIZE)
    fit = PANEL_SIZE / max(trace.labels.shape)
    ends = (trace.digit.left, trace.digit.top, trace.digit.right, trace.digit.bottom)
    expected = [10 + end * fit for end in ends]
    box = extent((panel(image, 0) == ACCENT).all(axis=2))
    # The line is 3 wide, and 2 pixels off the ink.
    assert np.abs(np.subtract(box, expected) - (-5, -5, 5, 5)).max() <= 1
    ink = extent((panel(image, 1) < 100).all(axis=2))
    assert np.abs(np.subtract(ink, expected)).max() <= 2


def test_the_models_pixels_are_enlarged_and_not_changed(
    pictures: Path, classifier: Classifier
) -> None:
    trace = trace_preprocessing(pictures / "pen-four.png")
    image = draw_explanation(trace, classifier.classify(trace))
    large = np.kron(trace.pixels, np.ones((PIXEL_SIZE, PIXEL_SIZE), np.uint8))
    assert np.array_equal(inside(image, 2), np.repeat(large[..., np.newaxis], 3, axis=2))
    # A frame of one pixel, then paper.
    assert (panel(image, 2)[9, 9:-9] == 190).all()
    assert (panel(image, 2)[8] == 255).all()


def test_only_the_bar_of_the_answer_is_highlighted(pictures: Path) -> None:
    trace = trace_preprocessing(pictures / "pen-four.png")
    chances = (0.05, 0, 0.1, 0, 0.6, 0, 0, 0.25, 0, 0)
    drawn = bars(
        draw_explanation(trace, Prediction(digit=4, confidence=0.6, probabilities=chances))
    )
    lengths = [length for length, _ in drawn]
    assert [accented for _, accented in drawn] == [digit == 4 for digit in range(10)]
    full = PANEL_SIZE - 72 - 22
    assert lengths == pytest.approx([full * chance for chance in chances], abs=1.5)
    assert lengths[1] == 0


def test_no_bar_is_highlighted_without_an_answer(pictures: Path) -> None:
    trace = trace_preprocessing(pictures / "pen-four.png")
    drawn = bars(draw_explanation(trace, answer(None, abstained="low-confidence")))
    assert not any(accented for _, accented in drawn)


def test_the_headline_is_the_text_of_predict() -> None:
    assert headline(answer(7, sure=0.992)) == "7 (99.2 %)"
    assert headline(answer(None, abstained="not-one-digit")) == "- (not-one-digit)"


def test_other_digits_have_gray_boxes_and_gray_ink(classifier: Classifier) -> None:
    page = Image.new("RGB", (400, 300), (250, 250, 245))
    pen = ImageDraw.Draw(page)
    for left in (100, 260):
        pen.line([(left, 80), (left + 50, 80), (left + 15, 220)], fill=(20, 20, 90), width=14)
    trace = trace_preprocessing(page)
    assert len(trace.candidates) == 2
    prediction = classifier.classify(trace)
    assert prediction.abstained == "not-one-digit"
    image = draw_explanation(trace, prediction)
    (other,) = (one for one in trace.candidates if one is not trace.digit)
    fit = PANEL_SIZE / 400
    box = extent((panel(image, 0) == 128).all(axis=2))
    expected = [10 + end * fit for end in (other.left, other.top, other.right, other.bottom)]
    assert np.abs(np.subtract(box, expected) - (-3, -3, 3, 3)).max() <= 1
    ink = panel(image, 1)[int(expected[1]) : int(expected[3]), int(expected[0]) : int(expected[2])]
    assert ink.min() > 150
    assert (ink == 205).all(axis=2).any()


def test_all_ways_to_read_an_unclear_picture_are_drawn_below(classifier: Classifier) -> None:
    table = Image.new("RGB", (300, 240), (40, 35, 30))
    card = Image.new("RGB", (120, 150), (235, 230, 220))
    ImageDraw.Draw(card).line(((35, 40), (85, 40), (55, 110)), fill=(30, 30, 90), width=9)
    table.paste(card, (90, 50))
    decision = classifier.decide(trace_preprocessing(table))
    assert decision.prediction.digit == 7
    assert len(decision.hypotheses) > 1
    outcome = (decision.chosen.trace, decision.prediction, decision.hypotheses)
    assert decision_reason(*outcome).endswith("this is the surest: without padding.")
    drawn = np.asarray(draw_explanation(*outcome))
    above = np.asarray(draw_explanation(*outcome[:2]))
    assert np.array_equal(drawn[: len(above)], above)
    assert (drawn[len(above) :] == ACCENT).all(axis=2).any()
    withheld = answer(None, abstained="low-confidence")
    assert "disagree" in decision_reason(outcome[0], withheld, decision.hypotheses)
    undecided = draw_explanation(outcome[0], withheld, decision.hypotheses)
    assert not (np.asarray(undecided)[len(above) :] == ACCENT).all(axis=2).any()


def test_a_blank_picture_has_no_box_and_no_ink(classifier: Classifier) -> None:
    trace = trace_preprocessing(Image.new("L", (300, 200), 230))
    assert trace.digit is None
    image = draw_explanation(trace, classifier.classify(trace))
    assert not (panel(image, 0) == ACCENT).all(axis=2).any()
    assert (inside(image, 1)[:180] == 255).all()
    assert not inside(image, 2).any()


def made(height: int, width: int, piece: Component | None) -> PreprocessingTrace:
    """Make a trace of a given size with ink in one box."""
    labels = np.zeros((height, width), np.int32)
    if piece:
        labels[piece.top : piece.bottom, piece.left : piece.right] = 1
    return PreprocessingTrace(
        kind="photo",
        rgb=np.full((height, width, 3), 200, np.uint8),
        scale=1.0,
        ink_map=InkMap(contrast=255 * (labels > 0).astype(np.float32), noise=0.0),
        labels=labels,
        components=(piece,) if piece else (),
        candidates=(piece,) if piece else (),
        digit=piece,
        pixels=np.zeros((28, 28), np.uint8),
        problem=None if piece else "blank",
    )


@pytest.mark.parametrize("size", [(640, 1), (1, 640), (28, 28), (2, 640), (1, 1), (640, 480)])
def test_a_picture_of_any_aspect_is_drawn_with_its_box(size: tuple[int, int]) -> None:
    height, width = size
    # The ink that is hardest to box: all that there is, up to every edge.
    piece = Component(labels=(1,), area=height * width, top=0, left=0, bottom=height, right=width)
    image = draw_explanation(made(height, width, piece), answer())
    assert image.size == SIZE
    fit = PANEL_SIZE / max(size)
    box = extent((panel(image, 0) == ACCENT).all(axis=2))
    expected = (5, 5, 15 + max(1, round(width * fit)), 15 + max(1, round(height * fit)))
    assert box == expected
    assert draw_explanation(made(height, width, None), answer(None, abstained="blank")).size == SIZE


@given(
    arrays.arrays(np.uint8, st.tuples(*[st.integers(1, 40)] * 2, st.just(3))),
    st.integers(0, 9),
)
@settings(max_examples=25)
def test_any_small_picture_is_drawn(array: NDArray[np.uint8], digit: int) -> None:
    trace = trace_preprocessing(array)
    assert trace.labels.shape == trace.rgb.shape[:2]
    image = draw_explanation(trace, answer(digit))
    assert (image.mode, image.size) == ("RGB", SIZE)
    large = np.kron(trace.pixels, np.ones((PIXEL_SIZE, PIXEL_SIZE), np.uint8))
    assert np.array_equal(inside(image, 2)[..., 0], large)


@pytest.mark.parametrize("error", [TypeError, ImportError])
def test_an_old_pillow_without_font_sizes_draws_text(
    error: type[Exception], pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_default(size: float | None = None) -> ImageFont.ImageFont:
        if size is not None:
            raise error
        return ImageFont.load_default_imagefont()

    monkeypatch.setattr(ImageFont, "load_default", load_default)
    image = draw_explanation(trace_preprocessing(pictures / "pen-four.png"), answer(4))
    assert image.size == SIZE
    left, top, right, bottom = extent((np.asarray(image)[:70] == 34).all(axis=2))
    assert (right - left, bottom - top) >= (100, 20)
    # No percentage runs over its bar's end.
    assert (inside(image, 3)[:, -71:-67] == 255).all()


def _changed_by_name(name: str | None, *, pictures: Path) -> NDArray[np.bool_]:
    """Return where a file's name changes an explanation."""
    trace = trace_preprocessing(pictures / "pen-four.png")
    plain, named = (
        np.asarray(draw_explanation(replace(trace, name=each), answer(4))) for each in (None, name)
    )
    changed: NDArray[np.bool_] = (plain != named).any(axis=2)
    return changed


@pytest.mark.parametrize("name", ["four.png", "\u4e94\n\udcff.png", "x" * 250, "i" * 250])
def test_an_explanation_carries_the_files_name(name: str, pictures: Path) -> None:
    left, top, right, bottom = extent(_changed_by_name(name, pictures=pictures))
    assert (left, bottom) >= (SIZE[0] // 2 - 21, top + 5)
    assert right <= SIZE[0] - 19
    # Above the panels' titles.
    assert bottom < panel_corner(0)[1] - 30


def test_a_picture_that_is_not_from_a_file_has_no_name(pictures: Path) -> None:
    content = (pictures / "pen-four.png").read_bytes()
    assert trace_preprocessing(content).name is None
    assert trace_preprocessing(pictures / "pen-four.png").name == "pen-four.png"
    assert trace_preprocessing(str(pictures / "pen-four.png")).name == "pen-four.png"
    assert not _changed_by_name(None, pictures=pictures).any()


def test_a_page_carries_the_files_name_above_the_picture(
    pictures: Path, classifier: Classifier
) -> None:
    trace = trace_preprocessing(pictures / "pen-four.png", side=PAGE_SIDE)
    page = classifier.classify_page(trace)
    named, plain = draw_page(trace, page), draw_page(replace(trace, name=None), page)
    added = named.height - plain.height
    assert added > 0
    assert np.array_equal(np.asarray(named)[20 + added :], np.asarray(plain)[20:])
    assert (np.asarray(named)[20 : 20 + added] < 255).any()


def test_parts_left_out_of_a_page_have_a_box_with_their_name(pictures: Path) -> None:
    trace = trace_preprocessing(pictures / "pen-four.png", side=PAGE_SIDE)
    box = (10, 20, 40, 26)
    bare = Page(lines=())
    named = replace(bare, left_out=(LeftOut(kind="mark", box=box),))
    before, after = (np.asarray(draw_page(trace, page)) for page in (bare, named))
    rows, columns = np.nonzero((before != after).any(axis=2))
    assert len(rows)
    scale = (before.shape[1] - 40) / (trace.scale * trace.rgb.shape[1])
    top = before.shape[0] - 20 - scale * trace.scale * trace.rgb.shape[0]
    # The box is just outside of what it names, and the name above.
    assert rows.max() == pytest.approx(top + scale * box[3] + 2, abs=2)
    assert columns.min() == pytest.approx(20 + scale * box[0] - 3, abs=2)
    assert columns.max() == pytest.approx(20 + scale * box[2] + 2, abs=2)
    assert rows.min() < top + scale * box[1] - 10
