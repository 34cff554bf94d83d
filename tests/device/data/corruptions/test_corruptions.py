from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_edge.data.corruptions import CORRUPTIONS, DEFAULT_SEVERITY, SEVERITIES, corrupt
from mnist_edge.data.corruptions.blurs import MOTION_LENGTHS
from mnist_edge.data.corruptions.geometry import ANGLES, DISTANCES, SCALES, SHEARS
from mnist_edge.data.corruptions.keyed_random import KeyedRandom
from mnist_edge.data.corruptions.light import BRIGHTNESS_OFFSETS, IMPULSE_SHARES, SHOT_NOISE_PHOTONS
from mnist_edge.data.corruptions.overlays import DOTTED_LINES, STRIPE_WIDTHS, ZIGZAGS
from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.errors import InvalidValue, UnknownName
from mnist_edge.inference.classifier import Classifier
from mnist_edge.preprocessing.connected_components import label_components
from mnist_edge.runtimes.interpreter import Interpreter

KINDS = list(CORRUPTIONS)
LEAVING_BLANK = {
    "shot-noise",
    "glass-blur",
    "motion-blur",
    "shear",
    "scale",
    "rotate",
    "translate",
    "canny-edges",
}
"""The kinds that make nothing of nothing."""
RANDOM = set(KINDS) - {"scale", "brightness", "stripe", "canny-edges"}
PLACE = np.arange(28) - 13.5
"""How far rows and columns lie from the middle."""


@pytest.fixture(scope="module")
def digits(mnist: Mnist) -> Digits:
    return mnist.validation.take(np.arange(500))


def full(count: int = 100, *, grey: int = 255) -> NDArray[np.uint8]:
    return np.full((count, 28, 28), grey, np.uint8)


def bar(count: int = 100) -> NDArray[np.uint8]:
    """An upright stroke of 4 by 16 pixels in the middle."""
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 6:22, 12:16] = 255
    return images


def moments(images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], ...]:
    """Ink, and its mean and mean square places: of rows, of columns, and of their product."""
    ink = images / 255.0
    mass = ink.sum(axis=(1, 2))
    row = (ink * PLACE[:, np.newaxis]).sum(axis=(1, 2)) / mass
    column = (ink * PLACE).sum(axis=(1, 2)) / mass
    down, right = PLACE[:, np.newaxis] - row[:, None, None], PLACE - column[:, None, None]
    return (
        mass,
        row,
        column,
        (ink * down**2).sum(axis=(1, 2)) / mass,
        (ink * right**2).sum(axis=(1, 2)) / mass,
        (ink * down * right).sum(axis=(1, 2)) / mass,
    )


def tilt(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Degrees that the ink's long axis leans, by its second moments."""
    _, _, _, down, right, both = moments(images)
    found: NDArray[np.float64] = np.degrees(np.arctan2(2 * both, down - right) / 2)
    return found


def test_these_are_the_fifteen_kinds() -> None:
    assert " ".join(KINDS) == (
        "shot-noise impulse-noise glass-blur motion-blur shear scale rotate brightness translate "
        "stripe fog spatter dotted-line zigzag canny-edges"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_corruption_is_of_the_same_form_and_leaves_its_digits_alone(
    kind: str, digits: Digits
) -> None:
    before = digits.images.copy()
    found = corrupt(digits.images, kind)
    assert (found.shape, found.dtype) == (before.shape, before.dtype)
    np.testing.assert_array_equal(digits.images, before)
    assert (found != before).any(axis=(1, 2)).mean() > 0.99
    assert corrupt(before[:0], kind).shape == (0, 28, 28)


@pytest.mark.parametrize("kind", KINDS)
def test_a_corruption_is_the_same_for_a_seed_and_another_for_another(
    kind: str, digits: Digits
) -> None:
    images = digits.images[:20]
    found = corrupt(images, kind, seed=7)
    np.testing.assert_array_equal(corrupt(images, kind, seed=7), found)
    assert (corrupt(images, kind, seed=8) != found).any() == (kind in RANDOM)


@pytest.mark.parametrize("kind", KINDS)
def test_a_digit_is_corrupted_alike_in_any_batch(kind: str, digits: Digits) -> None:
    images = np.concatenate((digits.images, digits.images[:100]))
    whole = corrupt(images, kind)
    for start, end in ((0, 1), (13, 130), (499, 501), (599, 600)):
        part = corrupt(images[start:end], kind, first=start)
        np.testing.assert_array_equal(part, whole[start:end])


@pytest.mark.parametrize("kind", sorted(RANDOM))
def test_two_digits_are_not_corrupted_alike(kind: str) -> None:
    images = np.repeat(bar(1), 40, axis=0)
    assert len(np.unique(corrupt(images, kind), axis=0)) > 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_severer_corruption_changes_more(kind: str, digits: Digits) -> None:
    before = digits.images.astype(int)
    changes = [
        np.abs(corrupt(digits.images, kind, severity=severity) - before).mean()
        for severity in SEVERITIES
    ]
    assert changes == sorted(changes)
    assert changes[0] > 0
    assert changes[-1] > 1.2 * changes[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_severer_corruption_is_read_worse(kind: str, digits: Digits) -> None:
    classifier = Classifier()

    def accuracy(images: NDArray[np.uint8]) -> float:
        found = [one.without_abstention().digit for one in classifier.predict_pixels(images)]
        return float((np.array(found) == digits.labels).mean())

    clean, slight, severe = (
        accuracy(images)
        for images in (
            digits.images,
            corrupt(digits.images, kind, severity=1),
            corrupt(digits.images, kind, severity=5),
        )
    )
    # Shot noise spares some digits that were misread without it.
    assert slight <= clean + 0.01
    # The models have learnt to bear some of it.
    assert severe < slight - 0.02


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_network_is_hurt_step_by_step_and_not_at_chance_in_the_middle(
    kind: str, digits: Digits, nano: Path
) -> None:
    interpreter = Interpreter((nano.parent / "cnn" / "int8.tflite").read_bytes())
    chosen = digits.take(np.arange(300))
    accuracies = [
        (interpreter.logits(images).argmax(axis=1) == chosen.labels).mean()
        for images in (
            chosen.images,
            *(corrupt(chosen.images, kind, severity=severity) for severity in SEVERITIES),
        )
    ]
    # A step that hardly hurts may spare what was misread by chance.
    assert all(after <= before + 0.01 for before, after in pairwise(accuracies))
    assert accuracies[-1] < accuracies[0]
    assert accuracies[DEFAULT_SEVERITY] > 0.3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_blank_stays_blank_where_nothing_is_added(kind: str, severity: int) -> None:
    found = corrupt(full(20, grey=0), kind, severity=severity)
    assert found.any() == (kind not in LEAVING_BLANK)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_shot_noise_is_poisson_s(severity: int) -> None:
    photons = SHOT_NOISE_PHOTONS[severity - 1]
    # A grey that the brightest pixels seldom leave white.
    grey = round(255 * 0.3)
    found = corrupt(full(200, grey=grey), "shot-noise", severity=severity) / 255 * photons
    counts = np.rint(found)
    whole = found < photons
    assert whole.mean() > 0.5
    np.testing.assert_allclose(found[whole], counts[whole], atol=0.51 / 255 * photons)
    mean = photons * grey / 255
    share = np.exp(-mean)
    assert (counts == 0).mean() == pytest.approx(share, abs=0.01)
    assert (counts[whole] == 1).sum() / counts.size == pytest.approx(share * mean, abs=0.01)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_impulse_noise_is_half_salt_and_half_pepper(severity: int) -> None:
    found = corrupt(full(200, grey=100), "impulse-noise", severity=severity)
    assert set(np.unique(found)) == {0, 100, 255}
    for stuck in (0, 255):
        assert (found == stuck).mean() == pytest.approx(IMPULSE_SHARES[severity - 1] / 2, rel=0.1)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_brightness_adds_the_same_everywhere(severity: int) -> None:
    images = np.arange(784, dtype=np.int64).reshape(1, 28, 28) % 256
    found = corrupt(images.astype(np.uint8), "brightness", severity=severity)
    added = 255 * BRIGHTNESS_OFFSETS[severity - 1]
    np.testing.assert_allclose(found, np.minimum(images + added, 255), atol=0.51)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_stripe_inverts_a_band_in_the_middle(severity: int, digits: Digits) -> None:
    found = corrupt(digits.images, "stripe", severity=severity)
    inverted = np.abs(PLACE) < STRIPE_WIDTHS[severity - 1] / 2
    assert inverted.sum() == STRIPE_WIDTHS[severity - 1]
    np.testing.assert_array_equal(found[:, :, inverted], 255 - digits.images[:, :, inverted])
    np.testing.assert_array_equal(found[:, :, ~inverted], digits.images[:, :, ~inverted])


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_rotation_is_by_its_angle_to_either_side(severity: int) -> None:
    found = tilt(corrupt(bar(), "rotate", severity=severity))
    np.testing.assert_allclose(np.abs(found), ANGLES[severity - 1], atol=0.5)
    assert 20 < (found > 0).sum() < 80
    mass, row, column, *_ = moments(corrupt(bar(), "rotate", severity=severity))
    np.testing.assert_allclose(mass, 64, rtol=0.02)
    np.testing.assert_allclose((row, column), 0, atol=0.05)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_shear_moves_each_row_by_its_distance_from_the_middle(severity: int) -> None:
    mass, row, column, down, _, both = moments(corrupt(bar(), "shear", severity=severity))
    np.testing.assert_allclose(np.abs(both / down), SHEARS[severity - 1], atol=0.01)
    assert 20 < (both > 0).sum() < 80
    np.testing.assert_allclose(mass, 64, rtol=0.01)
    np.testing.assert_allclose((row, column), 0, atol=0.05)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_smaller_digit_has_its_ink_in_the_square_of_the_scale(severity: int) -> None:
    mass, row, column, down, *_ = moments(corrupt(bar(1), "scale", severity=severity))
    factor = SCALES[severity - 1]
    assert mass == pytest.approx(64 * factor**2, rel=0.03)
    assert (*row, *column) == pytest.approx((0, 0), abs=0.05)
    assert down == pytest.approx(factor**2 * moments(bar(1))[3], rel=0.06)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_translation_is_by_its_distance_in_any_direction(severity: int) -> None:
    # A dot that stays within the picture.
    images = np.zeros((200, 28, 28), np.uint8)
    images[:, 12:16, 12:16] = 255
    mass, row, column, *_ = moments(corrupt(images, "translate", severity=severity))
    np.testing.assert_allclose(mass, 16, rtol=0.01)
    np.testing.assert_allclose(np.hypot(row, column), DISTANCES[severity - 1], atol=0.05)
    quarters = np.histogram(np.arctan2(row, column), 4, (-np.pi, np.pi))[0]
    assert quarters.min() > 30


def test_digits_keep_nearly_all_their_ink_when_moved(digits: Digits) -> None:
    for kind in ("translate", "rotate", "shear", "motion-blur"):
        found = corrupt(digits.images, kind)
        assert found.sum() / digits.images.sum() > 0.95


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_movement_draws_a_dot_out_along_a_line(severity: int) -> None:
    images = np.zeros((100, 28, 28), np.uint8)
    images[:, 13:15, 13:15] = 255
    found = corrupt(images, "motion-blur", severity=severity)
    mass, _, _, down, right, both = moments(found)
    np.testing.assert_allclose(mass, 4, rtol=0.05)
    middle, apart = (down + right) / 2, np.hypot((down - right) / 2, both)
    still = 1 / 4
    steps = round(MOTION_LENGTHS[severity - 1])
    # The variance of so many looks from end to end, at equal distances.
    drawn = MOTION_LENGTHS[severity - 1] ** 2 / 12 * (steps + 2) / steps
    np.testing.assert_allclose(2 * apart, drawn, rtol=0.2, atol=0.1)
    np.testing.assert_allclose(middle - apart, still, atol=0.25)


def test_glass_shuffles_and_hardly_takes_away(digits: Digits) -> None:
    found = corrupt(digits.images, "glass-blur")
    assert found.sum() / digits.images.sum() == pytest.approx(1, abs=0.02)
    # Neighbours are less alike than in the digit as it was.
    level = full(5, grey=90)
    np.testing.assert_array_equal(corrupt(level, "glass-blur", severity=5), level)


def test_fog_is_light_that_differs_from_place_to_place_and_takes_contrast() -> None:
    found = corrupt(full(50, grey=0), "fog", severity=5).astype(float)
    assert (found.min(axis=(1, 2)) < 40).all()
    assert (found.max(axis=(1, 2)) > 110).all()
    assert found.max() <= 255
    # Patches: neighbours are far more alike than places that lie apart.
    beside = np.abs(np.diff(found, axis=2)).mean()
    far = np.abs(found[:, :, 14:] - found[:, :, :14]).mean()
    assert beside < far / 2
    behind = corrupt(full(50), "fog", severity=5).astype(float) - found
    np.testing.assert_allclose(behind, 255 / 2.5, atol=1)


def test_drops_are_of_one_grey_and_gather() -> None:
    found = corrupt(full(100, grey=0), "spatter", severity=5)
    for picture in found:
        ink = picture.max()
        if ink:
            assert 0.4 * 255 - 1 <= ink <= 255
            # Most of what is covered is so fully.
            assert (picture == ink).sum() > (picture > 0).sum() / 3
    assert 0.1 < (found > 0).mean() < 0.35
    # A drop's own pixels lie side by side.
    inked = found > 0
    beside = inked[:, :, 1:][inked[:, :, :-1]].mean()
    assert beside > 0.6


@pytest.mark.parametrize(("kind", "lines"), [("dotted-line", DOTTED_LINES), ("zigzag", ZIGZAGS)])
def test_a_line_adds_ink_and_takes_none(
    kind: str, lines: tuple[tuple[int, float], ...], digits: Digits
) -> None:
    for severity in SEVERITIES:
        found = corrupt(digits.images, kind, severity=severity)
        assert (found >= digits.images).all()
    one = corrupt(full(200, grey=0), kind, severity=3)
    three = corrupt(full(200, grey=0), kind, severity=5)
    assert lines[4][0] == 3 * lines[2][0]
    assert 2 < three.sum() / one.sum() < 3


def test_dots_lie_on_a_straight_line_and_zigzags_do_not() -> None:
    def thickness(kind: str) -> NDArray[np.float64]:
        """The ink's deviation across its long axis, in pixels."""
        _, _, _, down, right, both = moments(corrupt(full(100, grey=0), kind, severity=1))
        least = (down + right) / 2 - np.hypot((down - right) / 2, both)
        found: NDArray[np.float64] = np.sqrt(least)
        return found

    assert thickness("dotted-line").max() < 0.7
    assert np.median(thickness("zigzag")) == pytest.approx(2.5 / np.sqrt(3), rel=0.15)


def test_dots_have_gaps_and_zigzags_have_none() -> None:
    def pieces(image: NDArray[np.uint8]) -> int:
        return len(label_components(image > 100)[1])

    dotted = corrupt(full(30, grey=0), "dotted-line", severity=2)
    assert min(pieces(image) for image in dotted) >= 4
    zigzag = corrupt(full(30, grey=0), "zigzag")
    assert np.median([pieces(image) for image in zigzag]) <= 2


def test_edges_are_thin_full_and_about_the_strokes() -> None:
    (found,) = corrupt(bar(1), "canny-edges")
    assert set(np.unique(found)) == {0, 255}
    edges = found > 0
    # Around the stroke there is an edge, within it and far off there is none.
    assert not edges[8:20, 13:15].any()
    assert not edges[:, :9].any()
    assert not edges[:, 19:].any()
    np.testing.assert_array_equal(edges[10:18].sum(axis=1), 2)
    assert edges.sum() == pytest.approx(2 * (16 + 4), rel=0.2)


def test_edges_of_every_digit_are_found(test_digits: Digits) -> None:
    for severity in (1, 5):
        found = corrupt(test_digits.images[:2_000], "canny-edges", severity=severity)
        assert found.any(axis=(1, 2)).all()


@given(
    st.integers(0, 10_000), st.integers(1, 40), st.integers(0, 50), st.sampled_from([1, 3, 4, 5])
)
def test_draws_belong_to_their_place(first: int, count: int, after: int, wanted: int) -> None:
    def numbers(start: int, many: int) -> NDArray[np.float64]:
        draws = KeyedRandom("some/kind", first=start, count=many)
        return np.stack((draws.uniform(wanted), draws.normal(wanted)))

    whole = numbers(first, count + after)
    np.testing.assert_array_equal(numbers(first + after, count), whole[:, after:])
    assert len(np.unique(whole)) == whole.size


def test_draws_are_evenly_and_normally_distributed() -> None:
    draws = KeyedRandom("some/kind", first=0, count=10_000)
    even = draws.uniform(5)
    assert 0 <= even.min() < even.max() < 1
    np.testing.assert_allclose(np.histogram(even, 10, (0, 1))[0], 5_000, rtol=0.06)
    normal = draws.normal(5)
    assert (normal.mean(), normal.std()) == pytest.approx((0, 1), abs=0.02)
    assert (np.abs(normal) < 1).mean() == pytest.approx(0.6827, abs=0.01)
    assert np.unique(draws.sign()).tolist() == [-1, 1]
    other = KeyedRandom("another/kind", first=0, count=10_000).uniform(5)
    assert abs(np.corrcoef(even.ravel(), other.ravel())[0, 1]) < 0.02


def test_what_cannot_be_corrupted_is_told() -> None:
    images = bar(2)
    with pytest.raises(UnknownName, match="unknown corruption 'snow'"):
        corrupt(images, "snow")
    for severity in (0, 6):
        with pytest.raises(InvalidValue, match=f"severity {severity}"):
            corrupt(images, "fog", severity=severity)
    with pytest.raises(InvalidValue, match="seed -1"):
        corrupt(images, "fog", seed=-1)
    with pytest.raises(InvalidValue, match="first -1"):
        corrupt(images, "fog", first=-1)
    with pytest.raises(InvalidValue, match=r"shape \(28, 28\)"):
        corrupt(images[0], "fog")
    with pytest.raises(InvalidValue, match="float64"):
        corrupt(images / 255, "fog")  # type: ignore[arg-type]
