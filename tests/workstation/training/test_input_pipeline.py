"""What Keras is fed is every picture, in order, with nothing left running."""

from __future__ import annotations

import numpy as np

from mnist_edge.training.input_pipeline import in_batches


def test_batches_hold_every_picture_and_its_target_the_last_batch_with_fewer() -> None:
    images = np.arange(7 * 4, dtype=np.uint8).reshape(7, 2, 2)
    targets = np.arange(7, dtype=np.float32)
    batches = list(in_batches(images, targets, size=3)["x"].as_numpy_iterator())
    assert [len(pictures) for pictures, _ in batches] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate([pictures for pictures, _ in batches]), images)
    np.testing.assert_array_equal(np.concatenate([wanted for _, wanted in batches]), targets)


def test_the_dataset_has_no_thread_that_tunes_it_and_may_sleep_on() -> None:
    given = in_batches(np.zeros((2, 2, 2), np.uint8), np.zeros(2, np.uint8), size=1)
    assert given["x"].options().autotune.enabled is False
