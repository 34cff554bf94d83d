"""An unclear picture is read in other ways as well, and calibrated confidence decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist_edge import Classifier
from mnist_edge.data.builtin_digits import load_builtin_digits
from mnist_edge.inference.batch import read_digits
from mnist_edge.inference.hypotheses import decide_by_each
from mnist_edge.inference.inputs import FoundPicture
from mnist_edge.preprocessing.pipeline import preprocess, trace_preprocessing
from tests.support.unclear_pictures import (
    Pixels,
    card_on_a_table,
    coverage,
    padded_crop,
    plain,
    write,
)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier()


def display_in_a_bezel(index: int) -> Pixels:
    display = plain((160, 200), (30, 30, 30))
    display[20:-20, 24:-24] = write(plain((120, 152), (165, 175, 160)), (25, 25, 25), index, 0.6)
    return display


def bordered_drawing(index: int) -> Pixels:
    drawing = Image.fromarray(write(np.full((90, 90, 3), 250, np.uint8), (70, 90, 100), index, 0.5))
    ImageDraw.Draw(drawing).rectangle((0, 0, 89, 89), outline=(230, 20, 230), width=2)
    picture: Pixels = np.asarray(drawing)
    return picture


def red_on_green(index: int) -> Pixels:
    return write(np.full((120, 120, 3), (60, 120, 60), np.uint8), (190, 60, 60), index, 0.6)


def cut_tight(index: int) -> Pixels:
    ink = Image.fromarray((255 * coverage(index, 48)).astype(np.uint8))
    tight: Pixels = np.invert(np.asarray(ink.resize((16, 16), Image.Resampling.BICUBIC)))
    return tight


def faint_in_uneven_light(index: int) -> Pixels:
    written = write(plain((32, 32), (160, 160, 160), 1), (135, 135, 135), index, 0.5)
    light = 40 * np.linspace(0, 1, 32)[:, np.newaxis, np.newaxis] ** 3
    picture: Pixels = np.rint(written + light).astype(np.uint8)
    return picture


SCENES = [
    card_on_a_table,
    padded_crop,
    display_in_a_bezel,
    bordered_drawing,
    red_on_green,
    cut_tight,
    faint_in_uneven_light,
]


@pytest.mark.parametrize("scene", SCENES)
def test_digits_are_read_whatever_is_around_them(
    scene: Callable[[int], Pixels], classifier: Classifier
) -> None:
    labels = load_builtin_digits().labels
    chosen = [int(np.flatnonzero(labels == digit)[0]) for digit in range(10)]
    answers = [classifier.predict(scene(index)).digit for index in chosen]
    # One may stay unread, and none is read as another.
    assert sum(answer == digit for digit, answer in enumerate(answers)) >= 9
    assert all(answer in (digit, None) for digit, answer in enumerate(answers))


@pytest.mark.slow
def test_every_kind_of_input_gives_the_same_answer(classifier: Classifier, tmp_path: Path) -> None:
    pictures = [scene(index) for scene in SCENES for index in (0, 1)]
    files: list[FoundPicture] = []
    for number, picture in enumerate(pictures):
        files.append((str(tmp_path / f"{number}.png"), None))
        Image.fromarray(picture).save(files[-1][0])
    alone = [classifier.predict(one) for one in pictures]
    assert list(classifier.predict_many(pictures)) == alone
    assert classifier.classify_many([preprocess(one) for one in pictures]) == alone
    traces = [trace_preprocessing(one) for one in pictures]
    assert [classifier.classify(trace) for trace in traces] == alone
    assert [classifier.decide(trace).prediction for trace in traces] == alone
    assert read_digits(classifier, files) == alone


def test_models_share_the_alternatives_and_decide_each_for_itself(
    classifier: Classifier, nano: Path
) -> None:
    models = [classifier, Classifier(nano)]
    picture = card_on_a_table(0)
    decisions = decide_by_each(models, trace_preprocessing(picture))
    assert [one.prediction for one in decisions] == [one.predict(picture) for one in models]
    of_edge, of_nano = ([one.trace for one in decision.hypotheses] for decision in decisions)
    assert len(of_edge) > 1
    assert all(one is other for one, other in zip(of_edge, of_nano, strict=True))


def test_a_clear_picture_is_read_once(classifier: Classifier, pictures: Path) -> None:
    decision = classifier.decide(trace_preprocessing(pictures / "pen-four.png"))
    assert decision.prediction.digit == 4
    assert decision.hypotheses == (decision.chosen,)


@pytest.mark.parametrize("scene", [card_on_a_table, bordered_drawing])
def test_nothing_is_read_after_what_is_beyond_doubt(
    scene: Callable[[int], Pixels], classifier: Classifier
) -> None:
    decision = classifier.decide(trace_preprocessing(scene(0)))
    assert decision.chosen.confidence > 0.995
    assert len(decision.hypotheses) == 2
    assert decision.chosen is decision.hypotheses[1]


def test_ink_as_bright_as_its_paper_is_clear_in_another_color(classifier: Classifier) -> None:
    trace = trace_preprocessing(red_on_green(0))
    decision = classifier.decide(trace)
    assert trace.kind == "drawing"
    assert decision.prediction.digit == load_builtin_digits().labels[0]
    assert decision.hypotheses == (decision.chosen,)


def test_the_chosen_hypothesis_tells_where_its_digit_is(classifier: Classifier) -> None:
    decision = classifier.decide(trace_preprocessing(card_on_a_table(0)))
    chosen = decision.chosen
    assert chosen.kind == "sheet"
    assert chosen.prediction == decision.prediction
    digit, trace = chosen.trace.digit, chosen.trace
    assert digit is not None
    # The card's middle lies right of the picture's, and a little above it.
    middle = trace.scale * (trace.left + (digit.left + digit.right) / 2)
    assert 215 < middle < 255
    middle = trace.scale * (trace.top + (digit.top + digit.bottom) / 2)
    assert 125 < middle < 175


@pytest.mark.parametrize("size", [(1, 1), (2, 90), (16, 16), (28, 28), (64, 64), (150, 200)])
def test_blank_pictures_and_noise_stay_without_a_digit(
    size: tuple[int, int], classifier: Classifier
) -> None:
    rng = np.random.default_rng(3)
    slope = np.linspace(90, 200, size[1]) * np.ones((size[0], 1))
    pictures = [
        np.full(size, 128, np.uint8),
        slope.astype(np.uint8),
        rng.integers(0, 256, size, dtype=np.uint8),
        np.clip(slope + rng.normal(0, 6, size), 0, 255).astype(np.uint8),
        np.where(rng.random(size) < 0.1, 0, 255).astype(np.uint8),
    ]
    assert [one.digit for one in classifier.predict_many(pictures)] == [None] * len(pictures)


@pytest.mark.parametrize("bend", [3, 5, 7])
def test_remains_of_a_crooked_border_are_not_a_digit(bend: int, classifier: Classifier) -> None:
    cell = Image.fromarray(plain((127, 134), (205, 205, 205)))
    pen = ImageDraw.Draw(cell)
    for line in (
        ((0, 12), (134, 8)),
        ((0, 118), (134, 115)),
        ((6, 0), (8, 127)),
        ((122, 0), (122 + bend, 70), (121 + bend, 127)),
    ):
        pen.line(line, fill=(175, 60, 55), width=5)
    assert classifier.predict(cell).digit is None
