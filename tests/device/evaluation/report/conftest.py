from __future__ import annotations

import pytest

from mnist_edge.data.corruptions import CORRUPTIONS
from mnist_edge.evaluation.report import robustness


@pytest.fixture
def few_corruptions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Corrupt in three ways alone, whose pictures take the front end 3 ms and not up to 60."""
    kinds = ("shot-noise", "shear", "brightness")
    monkeypatch.setattr(robustness, "CORRUPTIONS", {kind: CORRUPTIONS[kind] for kind in kinds})
