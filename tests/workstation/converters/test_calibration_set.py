from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from converters import conversion, schemes
from converters.calibration_set import draw_calibration_set
from converters.conversion import Prepared
from mnist_edge.data.mnist import Mnist
from mnist_edge.errors import ConversionError, InvalidValue


def test_calibration_digits_are_a_seeded_stratified_sample_of_the_training_split(
    mnist: Mnist,
) -> None:
    drawn = draw_calibration_set(mnist, count=505, seed=3)
    again = draw_calibration_set(mnist, count=505, seed=3)
    other = draw_calibration_set(mnist, count=505, seed=4)
    assert drawn.record == again.record
    assert np.array_equal(drawn.images, again.images)
    assert drawn.record.indices_sha256 != other.record.indices_sha256
    training = {image.tobytes() for image in mnist.train.images}
    assert all(image.tobytes() in training for image in drawn.images)
    labels = {
        image.tobytes(): label
        for image, label in zip(mnist.train.images, mnist.train.labels, strict=True)
    }
    counts = np.bincount([labels[image.tobytes()] for image in drawn.images], minlength=10)
    assert counts.sum() == 505
    assert set(counts) == {50, 51}


def test_calibration_digits_from_another_split_are_refused(
    prepared: Prepared, tmp_path: Path
) -> None:
    honest = draw_calibration_set(prepared.mnist)
    for split in ("validation", "test"):
        images = getattr(prepared.mnist, split).images[:3]
        leaked = replace(honest, images=np.concatenate([honest.images, images]))
        (error,) = conversion.convert_each(prepared, tmp_path, [schemes.int8()], calibration=leaked)
        assert isinstance(error, ConversionError)
        assert f"3 of 503 calibration digits are also {split} digits" in str(error)


@pytest.mark.parametrize(("count", "seed"), [(9, 1), (10**6, 1), (500, -1), (500, 2**32)])
def test_calibration_settings_outside_their_range_are_refused(
    count: int, seed: int, mnist: Mnist
) -> None:
    with pytest.raises(InvalidValue):
        draw_calibration_set(mnist, count=count, seed=seed)
