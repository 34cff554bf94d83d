from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge.commands.parsing import split_list
from tests.support.programs import Run


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        (None, []),
        ([], []),
        (["int8"], ["int8"]),
        (["int8,float32", "dynamic"], ["int8", "float32", "dynamic"]),
        (["int8,", ",float32"], ["int8", "float32"]),
    ],
)
def test_a_list_is_repeated_or_has_commas(values: list[str] | None, parts: list[str]) -> None:
    assert split_list(values) == parts


def test_a_path_with_a_comma_is_one_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b").mkdir()
    assert split_list(["a,b", "a,c"]) == ["a,b", "a", "c"]


@pytest.mark.parametrize(
    "words",
    [
        ["report", "nano", "--out", "-"],
        ["report", "nano", "--junit", "-"],
        ["convert", "nano", "--out", "-"],
        ["train", "--out", "-"],
        ["run", "--out", "-"],
        ["reproduce", "--out", "-"],
        ["bundle", "--target", "pi-bookworm-64", "--out", "-"],
        ["predict", "x.png", "--resume", "-"],
        ["predict", "x.png", "--explain", "-"],
        ["predict", "x.png", "y.png", "--explain", "-"],
    ],
    ids=" ".join,
)
def test_no_output_makes_a_file_that_is_called_dash(
    words: list[str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run(*words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
