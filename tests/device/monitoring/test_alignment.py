from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from mnist_edge.errors import InvalidValue
from mnist_edge.monitoring.alignment import Aligner, NotAligned, Placement
from mnist_edge.monitoring.demo_counter import MARKS, CounterPicture, draw_counter
from mnist_edge.monitoring.settings import AlignmentSettings

REFERENCE = draw_counter(CounterPicture(value=1_234_567))
SETTINGS = AlignmentSettings(reference=Path("reference.jpg"), marks=MARKS)
CORNERS = [(48.0, 96.0), (592.0, 96.0), (592.0, 180.0), (48.0, 180.0)]


def moved(placement: Placement, seed: int = 9) -> NDArray[np.uint8]:
    """Return a picture in which the reference is at a placement, on a wider wall."""
    # Pillow wants where each pixel comes from: the inverse, from three points.
    points = [(0.0, 0.0), (100.0, 0.0), (0.0, 100.0)]
    there = np.array([[*point, 1.0] for point in placement.apply(points)])
    back = np.linalg.solve(there, np.array(points))
    picture = Image.fromarray(draw_counter(CounterPicture(value=7_654_321), seed=seed))
    turned = picture.transform(
        picture.size,
        Image.Transform.AFFINE,
        tuple(map(float, back.T.reshape(-1))),
        Image.Resampling.BICUBIC,
        fillcolor=(196, 200, 198),
    )
    return np.asarray(turned)


def about_middle(rotation: float, scale: float, dx: float, dy: float) -> Placement:
    ((x, y),) = Placement(rotation=rotation, scale=scale).apply([(320.0, 140.0)])
    return Placement(rotation=rotation, scale=scale, shift=(320 - x + dx, 140 - y + dy))


def off(first: Placement, second: Placement) -> float:
    """Return the largest distance between the corners of the counter at two placements."""
    return float(np.abs(np.subtract(first.apply(CORNERS), second.apply(CORNERS))).max())


def test_the_reference_itself_is_found_in_its_own_place() -> None:
    found = Aligner(REFERENCE, SETTINGS).align(REFERENCE)
    assert off(found, Placement()) < 0.05
    assert found.similarity > 0.99


def test_a_mark_outside_the_reference_is_refused_with_both_sizes() -> None:
    beyond = AlignmentSettings(reference=Path("reference.jpg"), marks=(*MARKS, (600, 0, 650, 40)))
    with pytest.raises(InvalidValue, match=r"marks\.3: \(650, 40\) is outside .* 640x280"):
        Aligner(REFERENCE, beyond)


@settings(max_examples=6, deadline=None)
@given(st.floats(-5, 5), st.floats(0.96, 1.04), st.floats(-12, 12), st.floats(-12, 12))
def test_a_picture_that_is_moved_turned_and_scaled_is_found(
    rotation: float, scale: float, dx: float, dy: float
) -> None:
    placement = about_middle(rotation, scale, dx, dy)
    # Both marks must be within the picture.
    found = Aligner(REFERENCE, SETTINGS).align(moved(placement))
    assert off(found, placement) < 1.5
    assert found.rotation == pytest.approx(rotation, abs=0.2)
    assert found.scale == pytest.approx(scale, abs=0.004)


@pytest.mark.parametrize(
    ("placement", "limits", "words"),
    [
        (about_middle(0, 1, 8, 0), {"max_shift": 3.0}, "the marks are not found|pixels from"),
        (about_middle(3, 1, 0, 0), {"max_rotation": 1.0}, "turned by 3.0 degrees"),
        (about_middle(0, 1.04, 0, 0), {"max_scale": 0.01}, "scaled by 1.04"),
    ],
)
def test_a_picture_that_is_too_far_off_is_refused_with_how_far(
    placement: Placement, limits: dict[str, float], words: str
) -> None:
    strict = AlignmentSettings(reference=Path("reference.jpg"), marks=MARKS, **limits)
    with pytest.raises(NotAligned, match=words):
        Aligner(REFERENCE, strict).align(moved(placement))


@pytest.mark.parametrize("kind", ["black", "noise", "one mark"])
def test_without_its_marks_a_picture_is_refused(kind: str) -> None:
    picture = np.zeros_like(REFERENCE)
    if kind == "noise":
        picture = np.random.default_rng(0).integers(0, 256, picture.shape, np.uint8)
    elif kind == "one mark":
        picture = REFERENCE.copy()
        picture[200:, 560:] = 196
    with pytest.raises(NotAligned, match="not found"):
        Aligner(REFERENCE, SETTINGS).align(picture)
