from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from mnist_edge.errors import DataUnavailable
from mnist_edge.evaluation.reproduction import measure, systems
from mnist_edge.training import frameworks
from tests.support.programs import Run


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
