from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.programs import mnist_edge


@pytest.mark.slow
def test_a_system_is_trained_converted_and_measured(tmp_path: Path) -> None:
    outcome = mnist_edge("reproduce", "--only", "softmax-1k", "--format", "json", folder=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    (row,) = json.loads(outcome.stdout)["rows"]
    assert row["system"]["recipe"] == "softmax-1k"
    assert 85 < row["test_int8"] < 100
    assert abs(row["test_float"] - row["test_int8"]) < 1
    folder = tmp_path / "runs" / "reproduction"
    assert "softmax-1k" in (folder / "REPRODUCTION.md").read_text()
    assert (folder / "reproduction.png").stat().st_size > 10_000
