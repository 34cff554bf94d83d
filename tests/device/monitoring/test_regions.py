from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from mnist_edge import Classifier
from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.alignment import Placement
from mnist_edge.monitoring.demo_counter import COUNTER_BOX, CounterPicture, draw_counter
from mnist_edge.monitoring.readings import RegionReading
from mnist_edge.monitoring.regions import cut_out, read_region, require_inside
from mnist_edge.monitoring.rule_settings import RuleSettings
from mnist_edge.monitoring.settings import RegionSettings
from mnist_edge.preprocessing.flat_background import Ink

PICTURE = draw_counter(CounterPicture(value=1_234_567))
NOW = datetime(2026, 11, 27, tzinfo=timezone.utc)


def region(digits: int | None = 8, ink: Ink | None = None) -> RegionSettings:
    rules = RuleSettings(digits=digits)
    return RegionSettings(name="counter", box=COUNTER_BOX, ink=ink, rules=rules)


@pytest.fixture(scope="module")
def classifier(nano: Path) -> Classifier:
    return Classifier(nano)


def read(pixels: object, settings: RegionSettings, classifier: Classifier) -> RegionReading:
    return read_region(np.asarray(pixels), settings, classifier, time=NOW, reading_id="a")


def test_a_region_outside_the_picture_is_refused_with_both_sizes() -> None:
    require_inside(region(), 640, 280)
    with pytest.raises(InvalidValue, match=r"counter: \(592, 96\) is outside .* 500x280"):
        require_inside(region(), 500, 280)


def test_a_box_is_cut_out_as_it_is() -> None:
    left, top, right, bottom = COUNTER_BOX
    assert (cut_out(PICTURE, region()) == PICTURE[top:bottom, left:right]).all()


def test_four_corners_are_straightened(classifier: Classifier) -> None:
    # The picture is seen from the side: its left edge is far away.
    corners = ((70.0, 90.0), (570.0, 60.0), (570.0, 220.0), (70.0, 190.0))
    side = Image.new("RGB", (640, 280), (196, 200, 198))
    rows = []
    rectangle = ((48, 96), (592, 96), (592, 180), (48, 180))
    for (x, y), (u, v) in zip(corners, rectangle, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    factors = np.linalg.solve(np.array(rows), np.array(rectangle, float).reshape(-1))
    side = Image.fromarray(PICTURE).transform(
        side.size, Image.Transform.PERSPECTIVE, factors.tolist(), Image.Resampling.BICUBIC
    )
    settings = RegionSettings(name="counter", corners=corners, rules=RuleSettings(digits=8))
    straight = cut_out(np.asarray(side), settings)
    assert abs(straight.shape[0] - 130) <= 1
    assert read(straight, settings, classifier).text == "01234567"


def test_corners_in_another_order_are_refused() -> None:
    corners = ((0.0, 0.0), (0.0, 50.0), (50.0, 50.0), (50.0, 0.0))
    with pytest.raises(InvalidValue, match="upper left, upper right"):
        RegionSettings(name="a", corners=corners)
    with pytest.raises(InvalidValue, match="either box or corners"):
        RegionSettings(name="a", box=COUNTER_BOX, corners=corners[::-1])


def test_a_region_without_a_place_is_the_whole_picture() -> None:
    whole = RegionSettings(name="picture")
    require_inside(whole, 8, 8)
    assert (cut_out(PICTURE, whole) == PICTURE).all()


def test_a_region_keeps_nothing_else_of_the_picture_and_no_more_pixels_than_are_read() -> None:
    large = np.zeros((3000, 4000, 3), np.uint8)
    large[:, 2000:] = 200
    whole = cut_out(large, RegionSettings(name="whole"))
    assert whole.shape == (1500, 2000, 3)
    assert (whole[:, :1000] == 0).all()
    assert (whole[:, 1000:] == 200).all()
    part = cut_out(large, RegionSettings(name="part", box=(1990, 0, 2010, 20)))
    assert part.shape == (20, 20, 3)
    assert part.base is None


def test_a_tall_region_is_straightened_as_a_short_one_is() -> None:
    rows, columns = np.mgrid[:700, :300]
    picture = np.stack([columns // 2, rows // 3, (rows + columns) // 4], -1).astype(np.uint8)
    box = (20, 10, 270, 690)
    left, top, right, bottom = box
    found = cut_out(picture, RegionSettings(name="tall", box=box), Placement(shift=(-4.0, 6.0)))
    expected = picture[top + 6 : bottom + 6, left - 4 : right - 4].astype(int)
    # What is below the picture is black.
    assert np.abs(found[: len(expected)] - expected).max() <= 1
    beyond = cut_out(picture, RegionSettings(name="tall", box=box), Placement(shift=(0.0, 500.0)))
    assert not beyond[200:].any()


def test_a_region_follows_the_reference() -> None:
    placement = Placement(shift=(5.0, -3.0))
    left, top, right, bottom = COUNTER_BOX
    expected = PICTURE[top - 3 : bottom - 3, left + 5 : right + 5]
    found = cut_out(PICTURE, region(), placement)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_the_number_of_digits_helps_where_a_drum_turns(classifier: Classifier) -> None:
    picture = draw_counter(CounterPicture(value=1_234_567, fault="between"))
    seen = read(cut_out(picture, region()), region(), classifier)
    assert seen.text == "0123456?"
    assert len(seen.confidences) == 8


def test_a_hidden_digit_is_not_guessed(classifier: Classifier) -> None:
    picture = draw_counter(CounterPicture(value=1_234_567, fault="glare"))
    assert read(cut_out(picture, region()), region(), classifier).text == "012?4567"


def test_one_digit_and_an_unknown_number_of_digits_are_read(classifier: Classifier) -> None:
    drum = cut_out(PICTURE, region())[:, 2 * 68 + 4 : 3 * 68 - 2]
    assert read(drum, region(1), classifier).text == "2"
    assert read(cut_out(PICTURE, region()), region(None), classifier).text == "01234567"


@pytest.mark.parametrize("ink", ["dark", "light"])
@pytest.mark.parametrize("digits", [8, None])
def test_the_ink_that_is_known_is_read_on_both_grounds(
    ink: Ink, digits: int | None, classifier: Classifier
) -> None:
    on_black = cut_out(PICTURE, region())
    on_white = 255 - on_black
    right, wrong = (on_black, on_white) if ink == "light" else (on_white, on_black)
    assert read(right, region(digits, ink), classifier).text == "01234567"
    # The paper between the digits is not a digit.
    seen = read(wrong, region(digits, ink), classifier).text
    assert not set(seen) & set("0234567")


def test_where_the_ink_is_known_the_hole_of_a_bold_zero_is_not_read_as_a_stroke(
    classifier: Classifier,
) -> None:
    drum = Image.new("RGB", (68, 84), (24, 25, 28))
    ImageDraw.Draw(drum).ellipse([2, 0, 66, 84], outline=(238, 238, 232), width=27)
    assert read(drum, region(1), classifier).text == "1"
    assert read(drum, region(1, "light"), classifier).text == "?"


def test_no_digit_is_read_in_a_region_without_digits(classifier: Classifier) -> None:
    blank = np.full((84, 544, 3), 200, np.uint8)
    assert read(blank, region(), classifier).text == "????????"
    assert read(blank, region(None), classifier).text == ""
