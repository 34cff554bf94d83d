from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_edge.data.corruptions import SEVERITIES, corrupt
from mnist_edge.data.corruptions.overlays import DOTTED_LINES, STRIPE_WIDTHS, ZIGZAGS
from mnist_edge.data.mnist import Digits
from mnist_edge.preprocessing.connected_components import label_components
from tests.support.images import PLACE, full, moments


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_stripe_inverts_a_band_in_the_middle(severity: int, digits: Digits) -> None:
    found = corrupt(digits.images, "stripe", severity=severity)
    inverted = np.abs(PLACE) < STRIPE_WIDTHS[severity - 1] / 2
    assert inverted.sum() == STRIPE_WIDTHS[severity - 1]
    np.testing.assert_array_equal(found[:, :, inverted], 255 - digits.images[:, :, inverted])
    np.testing.assert_array_equal(found[:, :, ~inverted], digits.images[:, :, ~inverted])


def test_spatter_is_blobs_of_one_gray_level() -> None:
    found = corrupt(full(100, gray=0), "spatter", severity=5)
    for picture in found:
        ink = picture.max()
        if ink:
            assert 0.4 * 255 - 1 <= ink <= 255
            # Most covered pixels are fully covered.
            assert (picture == ink).sum() > (picture > 0).sum() / 3
    assert 0.1 < (found > 0).mean() < 0.35
    # The pixels of a blob are neighbors.
    inked = found > 0
    beside = inked[:, :, 1:][inked[:, :, :-1]].mean()
    assert beside > 0.6


@pytest.mark.parametrize(("kind", "lines"), [("dotted-line", DOTTED_LINES), ("zigzag", ZIGZAGS)])
def test_a_line_only_adds_ink(
    kind: str, lines: tuple[tuple[int, float], ...], digits: Digits
) -> None:
    for severity in SEVERITIES:
        found = corrupt(digits.images, kind, severity=severity)
        assert (found >= digits.images).all()
    one = corrupt(full(200, gray=0), kind, severity=3)
    three = corrupt(full(200, gray=0), kind, severity=5)
    assert lines[4][0] == 3 * lines[2][0]
    assert 2 < three.sum() / one.sum() < 3


def test_dotted_lines_are_straight_and_zigzags_are_not() -> None:
    def thickness(kind: str) -> NDArray[np.float64]:
        """Return the ink's standard deviation across its long axis, in pixels."""
        _, _, _, down, right, both = moments(corrupt(full(100, gray=0), kind, severity=1))
        least = (down + right) / 2 - np.hypot((down - right) / 2, both)
        found: NDArray[np.float64] = np.sqrt(least)
        return found

    assert thickness("dotted-line").max() < 0.7
    assert np.median(thickness("zigzag")) == pytest.approx(2.5 / np.sqrt(3), rel=0.15)


def test_dotted_lines_have_gaps_and_zigzags_have_none() -> None:
    def pieces(image: NDArray[np.uint8]) -> int:
        return len(label_components(image > 100)[1])

    dotted = corrupt(full(30, gray=0), "dotted-line", severity=2)
    assert min(pieces(image) for image in dotted) >= 4
    zigzag = corrupt(full(30, gray=0), "zigzag")
    assert np.median([pieces(image) for image in zigzag]) <= 2
