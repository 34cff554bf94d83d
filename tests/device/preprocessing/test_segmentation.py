"""Pictures of several digits: numbers and lines of them."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist_edge import Classifier
from mnist_edge.data.mnist import Digits
from mnist_edge.inference.explain import ACCENT
from mnist_edge.preprocessing.connected_components import Component, label_components
from mnist_edge.preprocessing.segmentation import Candidate, TextLine, segment_lines
from tests.support.programs import Run

SIDE = 112
"""Height and width of a digit of MNIST on a page: four times its own."""


def row(digits: Iterable[NDArray[np.uint8]], *, gap: int) -> NDArray[np.float64]:
    """Lay digits side by side, ``gap`` pixels between their ink; they overlap if it is negative."""
    inks = []
    for digit in digits:
        large = Image.fromarray(digit).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        ink = np.asarray(large) / 255
        columns = np.flatnonzero((ink > 0.3).any(axis=0))
        inks.append(ink[:, columns[0] : columns[-1] + 1])
    line = np.zeros((SIDE, sum(ink.shape[1] + abs(gap) for ink in inks)))
    column = 0
    for ink in inks:
        line[:, column : column + ink.shape[1]] += ink
        column += ink.shape[1] + gap
    used = np.flatnonzero(line.any(axis=0))
    return np.clip(line[:, : used[-1] + 1], 0, 1)


def photograph(ink: NDArray[np.float64], seed: int = 0) -> NDArray[np.uint8]:
    """Photograph ink on gray paper under uneven light, with camera noise."""
    light = np.linspace(150, 215, ink.shape[1])[None, :] * (1 - 0.75 * ink)
    noise = np.random.default_rng(seed).normal(0, 2, ink.shape)
    picture: NDArray[np.uint8] = np.clip(light + noise, 0, 255).astype(np.uint8)
    return picture


def on_page(
    *lines: tuple[NDArray[np.float64], int, int], size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Place rows of ink on a page and photograph it."""
    page = np.zeros(size)
    for ink, top, left in lines:
        page[top : top + ink.shape[0], left : left + ink.shape[1]] += ink
    return photograph(page)


def text_of(labels: NDArray[np.uint8]) -> str:
    return "".join(map(str, labels))


def test_a_number_is_read_from_the_left(classifier: Classifier, test_digits: Digits) -> None:
    right = 0
    for first in range(0, 60, 3):
        ink = row(test_digits.images[first : first + 3], gap=25)
        picture = on_page((ink, 120, 40), size=(360, 560))
        right += classifier.predict_all(picture).text == text_of(
            test_digits.labels[first : first + 3]
        )
    # One digit in a hundred is not answered, and there are sixty.
    assert right >= 19


def test_lines_are_read_from_the_top_with_their_boxes(
    classifier: Classifier, test_digits: Digits
) -> None:
    # Large enough to be processed at half its size; boxes are in pixels of the picture.
    rows = [
        (row(test_digits.images[n : n + 3], gap=40), 300 + 600 * k, 200)
        for k, n in enumerate((0, 11, 14))
    ]
    large = [(np.kron(ink, np.ones((3, 3))), top, left) for ink, top, left in rows]
    page = classifier.predict_all(on_page(*large, size=(2000, 1700)))
    assert page.text == "\n".join(text_of(test_digits.labels[n : n + 3]) for n in (0, 11, 14))
    assert [len(line) for line in page.lines] == [3, 3, 3]
    assert page.digits == tuple(digit for line in page.lines for digit in line)
    for line, (ink, top, left) in zip(page.lines, large, strict=True):
        inked = np.argwhere(ink > 0.5)
        (upper, first), (lower, last) = inked.min(axis=0), inked.max(axis=0) + 1
        assert min(digit.box[1] for digit in line) == pytest.approx(top + upper, abs=12)
        assert max(digit.box[3] for digit in line) == pytest.approx(top + lower, abs=12)
        assert line[0].box[0] == pytest.approx(left + first, abs=12)
        assert line[-1].box[2] == pytest.approx(left + last, abs=12)


@pytest.mark.slow
def test_touching_digits_are_separated(classifier: Classifier, test_digits: Digits) -> None:
    right = touching = 0
    for first in range(0, 80, 2):
        ink = row(test_digits.images[first : first + 2], gap=-8)
        touching += len(label_components(np.pad(ink > 0.4, 1))[1]) == 1
        picture = on_page((ink, 120, 100), size=(360, 480))
        right += classifier.predict_all(picture).text == text_of(
            test_digits.labels[first : first + 2]
        )
    assert touching >= 30
    assert right >= 19


def test_a_page_of_one_digit_is_read_as_predict_reads_it(
    classifier: Classifier, pictures: Path
) -> None:
    for path in sorted(pictures.iterdir()):
        (digit,) = classifier.predict_all(path).digits
        alone = classifier.predict(path)
        assert digit.prediction.digit == alone.digit
        assert digit.prediction.confidence == pytest.approx(alone.confidence, abs=0.05)
        with Image.open(path) as image:
            left, top, right, bottom = digit.box
            assert 0 <= left < right <= image.width
            assert 0 <= top < bottom <= image.height


def test_a_blank_page_has_no_digits(classifier: Classifier) -> None:
    page = classifier.predict_all(photograph(np.zeros((300, 400))))
    assert not page.lines
    assert not page.digits
    assert page.text == ""


def test_dots_between_digits_are_not_digits(classifier: Classifier, test_digits: Digits) -> None:
    ink = row(test_digits.images[:3], gap=60)
    page = np.zeros((360, 640))
    page[120 : 120 + SIDE, 60 : 60 + ink.shape[1]] = ink
    (gap, *_) = np.flatnonzero(~(ink > 0.2).any(axis=0))
    page[205:217, 60 + gap + 24 : 60 + gap + 36] = 1
    assert classifier.predict_all(photograph(page)).text == text_of(test_digits.labels[:3])


def component(number: int, left: int, right: int, height: int = 40) -> Component:
    return Component(
        labels=(number,), area=(right - left) * 10, top=0, left=left, bottom=height, right=right
    )


def candidate(first: int, last: int, *, weight: float, prior: float = 0.0) -> Candidate:
    return Candidate(
        component=component(1, 10 * first, 10 * last),
        first=first,
        last=last,
        weight=weight,
        prior=prior,
    )


@pytest.mark.parametrize(
    ("whole", "parts", "chosen"), [(0.9, 0.99, [1, 2]), (0.99, 0.9, [0]), (0.5, 0.6, [1, 2])]
)
def test_a_line_is_cut_where_the_parts_are_more_confident(
    whole: float, parts: float, chosen: list[int]
) -> None:
    line = TextLine(
        segments=(component(1, 0, 10), component(2, 10, 20)),
        skip_costs=(3.0, 3.0),
        candidates=(
            candidate(0, 2, weight=2),
            candidate(0, 1, weight=1),
            candidate(1, 2, weight=1),
        ),
    )
    scores = [math.log(p) for p in (whole, parts, parts)]
    assert list(line.best_segmentation(dict(enumerate(scores))).candidates) == chosen


def test_the_best_segmentation_without_a_candidate_is_the_next_best() -> None:
    line = TextLine(
        segments=(component(1, 0, 10), component(2, 10, 20), component(3, 20, 30)),
        skip_costs=(3.0, 3.0, 3.0),
        candidates=(
            candidate(0, 2, weight=1),
            candidate(0, 1, weight=1, prior=-0.7),
            candidate(1, 2, weight=1, prior=-0.7),
            candidate(2, 3, weight=1),
        ),
    )
    assert line.best_segmentation({}).candidates == (0, 3)
    assert line.best_segmentation({}, without=0).candidates == (1, 2, 3)
    assert line.best_segmentation({}, without=0).score == pytest.approx(-1.4)
    assert line.best_segmentation({}, without=3).candidates == (0,)
    assert [line.has_rivals(index) for index in range(4)] == [True, True, True, False]


@pytest.mark.parametrize("seed", range(20))
def test_to_read_what_may_be_best_finds_what_to_read_all_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 30))
    line = TextLine(
        segments=tuple(component(place + 1, 10 * place, 10 * place + 10) for place in range(count)),
        skip_costs=tuple(rng.uniform(0, 6, count).tolist()),
        candidates=tuple(
            candidate(
                first,
                last,
                weight=rng.uniform(0.2, 1) * (last - first),
                prior=-float(rng.choice((0, 0.7, 1.4, rng.uniform(0, 4)))),
            )
            for first in range(count)
            for last in range(first + 1, min(first + 4, count) + 1)
        ),
    )
    confidences = 1 - rng.uniform(0, 0.9, len(line.candidates)) ** 4
    every = dict(enumerate(np.log(confidences).tolist()))
    read: dict[int, float] = {}
    while unread := [one for one in line.best_segmentation(read).candidates if one not in read]:
        read |= {one: every[one] for one in unread}
    assert line.best_segmentation(read) == line.best_segmentation(every)
    assert len(read) < len(every)


def test_a_cut_crosses_the_least_ink() -> None:
    labels = np.zeros((60, 100), np.int32)
    # Two posts with a thin bridge between them.
    labels[10:50, 10:22] = labels[10:50, 70:82] = labels[28:31, 22:70] = 1
    _, [bridge] = label_components(labels > 0)
    cut, [line] = segment_lines(labels, [bridge])
    assert len(line.segments) >= 2
    assert set(np.unique(cut[10:50, 10:22])) == {int(cut[20, 15])}
    assert set(np.unique(cut[10:50, 70:82])) == {int(cut[20, 75])}
    assert cut[20, 15] != cut[20, 75]
    # Every pixel is still in a segment, and the input is unchanged.
    assert ((cut > 0) == (labels > 0)).all()
    assert set(np.unique(labels)) == {0, 1}


@pytest.fixture
def number(tmp_path: Path, test_digits: Digits) -> Path:
    """A picture of 721, the first three digits of the test split."""
    path = tmp_path / "number.png"
    ink = row(test_digits.images[:3], gap=25)
    Image.fromarray(on_page((ink, 120, 40), size=(360, 560))).save(path)
    return path


def test_json_has_a_box_per_digit_with_all(number: Path, run: Run) -> None:
    ran = run("predict", "--all", number, "--format", "json")
    assert ran.returncode == 0
    [document] = json.loads(ran.stdout)
    assert list(document) == ["path", "digits", "text"]
    assert document["text"] == "721"
    assert [digit["digit"] for digit in document["digits"]] == [7, 2, 1]
    for digit in document["digits"]:
        assert 0.75 <= digit["confidence"] <= 1
        left, top, right, bottom = digit["box"]
        assert 0 <= left < right <= 560
        assert 100 <= top < bottom <= 260
    line = run("predict", "--all", number, "-f", "jsonl").stdout
    assert json.loads(line) == document
    page = Classifier().predict_all(number)
    assert line == json.dumps({"path": str(number), **page.to_dict()}) + "\n"


def test_text_has_one_line_per_picture_with_all(number: Path, tmp_path: Path, run: Run) -> None:
    blank = tmp_path / "blank.png"
    Image.new("L", (200, 200), 220).save(blank)
    ran = run("predict", "--all", number, blank, tmp_path / "none.png")
    assert ran.returncode == 1
    first, second = ran.stdout.splitlines()
    assert first.startswith(f"{number}: 721 (")
    assert second == f"{blank}: - (blank)"
    assert "none.png" in ran.stderr


def test_csv_has_one_row_per_digit_with_all(number: Path, tmp_path: Path, run: Run) -> None:
    blank = tmp_path / "blank.png"
    Image.new("L", (200, 200), 220).save(blank)
    ran = run("predict", "--all", number, blank, tmp_path / "none.png", "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(ran.stdout)))
    assert [row["digit"] for row in rows] == ["7", "2", "1", "", ""]
    assert [row["line"] for row in rows] == ["1", "1", "1", "", ""]
    assert rows[3]["abstained"] == "blank"
    assert "none.png" in rows[4]["error"]
    assert all(int(row["left"]) < int(row["right"]) for row in rows[:3])


def test_a_low_confidence_digit_is_a_question_mark_unless_always_is_given(
    number: Path, run: Run
) -> None:
    unsure = run("predict", "--all", number, "--min-confidence", "1", "-f", "json")
    [document] = json.loads(unsure.stdout)
    assert document["text"] == "???"
    assert {digit["abstained"] for digit in document["digits"]} == {"low-confidence"}
    assert ": 721 (" in run("predict", "--all", number, "--always").stdout


@pytest.mark.parametrize("option", [("--show",), ("--top", "3")])
def test_options_for_one_digit_are_refused_with_all(
    option: tuple[str, ...], number: Path, run: Run
) -> None:
    ran = run("predict", "--all", number, *option)
    assert ran.returncode == 2
    assert option[0] in ran.stderr


def test_the_explanation_of_a_page_has_its_boxes(number: Path, tmp_path: Path, run: Run) -> None:
    out = tmp_path / "how.png"
    assert run("predict", "--all", number, "--explain", out).returncode == 0
    with Image.open(out) as image:
        accented = (np.asarray(image.convert("RGB")) == ACCENT).all(axis=2)
    _, boxes = label_components(accented)
    assert len(boxes) == 3


def test_lines_of_smaller_digits_stay_separate() -> None:
    """A line of digits more than twice as tall does not draw the smaller ones into it.

    The third of them is as near to it as lines of a dense page are.
    """

    def digit(column: int, top: int, height: int) -> Component:
        left = 60 * column
        size = {"top": top, "left": left, "bottom": top + height, "right": left + height // 2}
        return Component(labels=(1,), area=height * height // 4, **size)

    small = [digit(column, top, 28) for top in (20, 90, 225) for column in range(5)]
    tall = [digit(column, 260, 65) for column in range(5)]
    dot, speck = digit(5, 310, 10), digit(2, 140, 4)
    labels = np.zeros((400, 400), np.int32)
    for component in [*small, *tall, dot, speck]:
        labels[component.top : component.bottom, component.left : component.right] = 1
    _, lines = segment_lines(labels, [*small, *tall, dot, speck])
    counts = [sum(one.height > 20 for one in line.segments) for line in lines]
    assert counts == [5, 5, 5, 5]
    assert [line.segments[0].top for line in lines] == [20, 90, 225, 260]
    # A dot belongs to its line, and a speck, too small for a digit, is no line.
    assert any(one.height == 10 for one in lines[3].segments)


def test_dust_makes_no_more_candidates_than_can_be_read() -> None:
    chance = np.random.default_rng(0)
    mask = np.zeros((200, 1500), np.bool_)
    for left in (30, 750, 1440):
        mask[20:180, left : left + 12] = True
    for top, left in zip(
        chance.integers(10, 184, 800), chance.integers(10, 1484, 800), strict=True
    ):
        mask[top : top + 5, left : left + 4] = True
    labels, components = label_components(mask)
    _, lines = segment_lines(labels, components)
    # Every neighbors within a digit's width would be ninety thousand.
    assert 0 < sum(len(line.candidates) for line in lines) <= 4_000


def test_a_texture_of_more_components_than_a_page_has_lines_of_none() -> None:
    rows, columns = np.indices((640, 640))
    labels, components = label_components((rows % 6 < 4) & (columns % 6 < 4))
    assert len(components) > 10_000
    assert segment_lines(labels, components)[1] == []
