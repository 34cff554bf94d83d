"""Wrong labels among a user's pictures."""

from __future__ import annotations

import numpy as np
import pytest

from mnist_edge.data.mnist import Digits, Mnist
from mnist_edge.training import fine_tuning
from mnist_edge.training.suspect_labels import MIN_PICTURES, find_suspect_labels
from tests.support.paths import ROOT


@pytest.mark.slow
def test_wrong_labels_are_found_and_an_unusual_hand_is_not(small_mnist: Mnist) -> None:
    parent = fine_tuning.load_parent(ROOT / "models" / "micro")
    references = small_mnist.train.take(np.arange(1_000))
    pictures = small_mnist.validation.take(np.arange(60))
    labels = pictures.labels.copy()
    labels[5] = (labels[5] + 3) % 10
    labels[40] = (labels[40] + 5) % 10
    wrong = Digits(images=pictures.images, labels=labels)
    found = find_suspect_labels(parent, wrong, references)
    assert {suspect.index for suspect in found} == {5, 40}
    for suspect in found:
        assert suspect.suggested == pictures.labels[suspect.index]
        assert suspect.label == labels[suspect.index]
    assert not find_suspect_labels(parent, pictures, references)
    few = wrong.take(np.arange(MIN_PICTURES - 1))
    assert not find_suspect_labels(parent, few, references)
