from __future__ import annotations

import numpy as np
import pytest
import scipy
from numpy.typing import NDArray

from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.training import augmentation, recipes
from mnist_edge.training.augmentation_ops import NORMALS, OPS, UNIFORMS
from mnist_edge.training.frameworks import import_keras


def with_ops(augment: augmentation.Augment, digits: Digits, *, seed: int = 0) -> NDArray[np.uint8]:
    """Augments digits with the counterpart in keras.ops."""
    ops, random = import_keras().ops, np.random.RandomState(seed)
    count = len(digits)
    changed = ops.convert_to_numpy(
        OPS[augment](
            ops.convert_to_tensor(digits.images.astype(np.float32)),
            ops.convert_to_tensor(digits.labels.astype(np.int32)),
            ops.convert_to_tensor(random.random_sample((count, UNIFORMS)).astype(np.float32)),
            ops.convert_to_tensor(random.normal(size=(count, NORMALS)).astype(np.float32)),
        )
    )
    assert changed.min() >= 0
    assert changed.max() <= 255
    np.testing.assert_array_equal(changed, np.rint(changed))
    return np.asarray(changed, np.uint8)


def traits(changed: NDArray[np.uint8], images: NDArray[np.uint8]) -> dict[str, NDArray[np.float64]]:
    """What a change does to each picture, in figures."""
    ink, before = (pixels.sum(axis=(1, 2)) + 1e-6 for pixels in (changed / 255, images / 255))
    rows, columns = np.mgrid[:28, :28]
    weights = changed / 255 / ink[:, None, None]
    y, x = ((weights * axis).sum(axis=(1, 2)) for axis in (rows, columns))
    off_y, off_x = rows - y[:, None, None], columns - x[:, None, None]
    around = changed.copy()
    around[:, 4:24, 4:24] = 0
    return {
        "ink": ink / before,
        "row": y,
        "column": x,
        "height": (weights * off_y**2).sum(axis=(1, 2)),
        "width": (weights * off_x**2).sum(axis=(1, 2)),
        "slant": (weights * off_x * off_y).sum(axis=(1, 2)),
        "rim": around.sum(axis=(1, 2)).astype(float),
        "full": (changed > 250).mean(axis=(1, 2)),
        "difference": np.abs(changed.astype(float) - images).mean(axis=(1, 2)),
    }


@pytest.mark.slow
@pytest.mark.parametrize("augment", OPS, ids=lambda augment: augment.__name__)
@pytest.mark.parametrize("labels", [(1,), (7,), tuple(range(10))], ids=["1", "7", "all"])
def test_changes_to_digits_have_the_same_distribution(
    augment: augmentation.Augment, labels: tuple[int, ...], small_mnist: Mnist
) -> None:
    digits = small_mnist.train
    digits = digits.take(np.flatnonzero(np.isin(digits.labels, labels))[:1_500])
    numpy = traits(augment(digits, np.random.RandomState(1)), digits.images)
    ops = traits(with_ops(augment, digits), digits.images)
    for name, exact in numpy.items():
        # In float64 the same ink, moved, differs in its last bits.
        values, others = exact.round(6), ops[name].round(6)
        assert scipy.stats.ks_2samp(values, others, method="asymp").pvalue > 1e-3, name
        difference = values - others
        assert abs(difference.mean()) <= 4 * difference.std() / len(values) ** 0.5, name


@pytest.mark.slow
def test_the_same_share_of_digits_stays_unchanged(small_mnist: Mnist) -> None:
    digits = small_mnist.train
    for augment, limits in (
        (augmentation.distorted, augmentation.DEFAULT),
        (augmentation.distorted_lightly, augmentation.LIGHT),
        (augmentation.distorted_heavily, augmentation.HEAVY),
    ):
        for changed in (augment(digits, np.random.RandomState(2)), with_ops(augment, digits)):
            same = (changed == digits.images).all(axis=(1, 2)).mean()
            assert same == pytest.approx(limits.unchanged, abs=0.03)


@pytest.mark.slow
def test_the_same_noise_gives_the_same_pictures_and_other_noise_others(small_mnist: Mnist) -> None:
    digits = small_mnist.train.take(np.arange(200))
    first, again = (with_ops(augmentation.distorted, digits) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, with_ops(augmentation.distorted, digits, seed=1))


@pytest.mark.slow
def test_pictures_without_ink_or_digit_are_distorted_too() -> None:
    labels = np.array([1, 7, 10], np.uint8)
    for value in (0, 255):
        images = np.full((3, 28, 28), value, np.uint8)
        for seed in range(8):
            with_ops(
                augmentation.distorted_heavily, Digits(images=images, labels=labels), seed=seed
            )


def test_the_augmentation_of_every_recipe_has_a_counterpart() -> None:
    assert {recipe().augment for recipe in recipes.RECIPES.values()} <= set(OPS)
