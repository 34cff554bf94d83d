from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mnist_edge import Classifier
from mnist_edge.deployment.cluster.plan import BatchSettings


@pytest.fixture
def digits(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of seven pictures, two of which cannot be read, in the current folder."""
    monkeypatch.chdir(tmp_path)
    folder = Path("digits")
    (folder / "more").mkdir(parents=True)
    for number, source in enumerate((2 * sorted(pictures.rglob("*.png")))[:5]):
        shutil.copy(source, folder / ("more" if number % 2 else "") / f"{number}.png")
    (folder / "bad\n.png").write_text("no picture")
    (folder / "empty.png").touch()
    return folder


@pytest.fixture
def settings(classifier: Classifier) -> BatchSettings:
    """How the default model reads."""
    return BatchSettings(
        model_sha256=classifier.model.sha256,
        min_confidence=classifier.min_confidence,
        read_all=False,
        output_format="parquet",
    )
