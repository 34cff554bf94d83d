from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.errors import DataUnavailable
from mnist_edge.evaluation.reproduction import measure, systems
from mnist_edge.training import frameworks
from tests.support.programs import Run, mnist_edge


@pytest.mark.slow
def test_reproduce_one_row(tmp_path: Path) -> None:
    outcome = mnist_edge("reproduce", "--only", "softmax-1k", "--format", "json", folder=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    (row,) = json.loads(outcome.stdout)["rows"]
    assert row["system"]["recipe"] == "softmax-1k"
    assert 85 < row["test_int8"] < 100
    assert abs(row["test_float"] - row["test_int8"]) < 1
    folder = tmp_path / "runs" / "reproduction"
    assert "softmax-1k" in (folder / "REPRODUCTION.md").read_text()
    assert (folder / "reproduction.png").stat().st_size > 10_000


def test_reproducing_one_system_keeps_the_others(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[str] = []

    def reproduce(some: Sequence[systems.System], *_: Any, **__: Any) -> Iterator[Any]:
        chosen.extend(one.recipe for one in some)
        raise DataUnavailable("far enough")

    trained = {"cnn", "softmax-1k"}
    monkeypatch.setattr(measure, "is_trained", lambda system, _: system.recipe in trained)
    monkeypatch.setattr(measure, "reproduce", reproduce)
    monkeypatch.setattr(frameworks, "import_keras", lambda: None)
    ran = run("reproduce", "--only", "mlp-ema", "--out", tmp_path)
    assert "far enough" in ran.stderr
    assert chosen == ["softmax-1k", "cnn", "mlp-ema"]
