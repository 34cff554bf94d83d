from __future__ import annotations

from pathlib import Path

import pytest

from mnist_edge.commands.parsing import parse_min_confidence, split_list
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


@pytest.mark.parametrize(
    ("text", "value"), [(None, None), ("0.5", 0.5), ("1", 1.0), ("careful", "careful"), ("", "")]
)
def test_a_minimum_confidence_is_a_number_or_a_name(
    text: str | None, value: float | str | None
) -> None:
    assert parse_min_confidence(text) == value


def test_an_existing_path_with_a_comma_is_not_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b").mkdir()
    assert split_list(["a,b", "a,c"]) == ["a,b", "a", "c"]


@pytest.mark.parametrize(
    ("words", "warning"),
    [
        (["doctor", "--json"], "--json is deprecated; use --format json"),
        (["convert", "nowhere", "--rescue"], "--rescue is deprecated; use --recover"),
        (
            ["report", "nowhere", "--severities", "1,2"],
            "--severities is deprecated; use --severity",
        ),
        (["report", "nowhere", "--severities=1"], "--severities is deprecated; use --severity"),
        (["report", "nowhere", "--mnist", "x.npz"], "--mnist is deprecated; use --data"),
        (["report", "nowhere", "--data", "mnist-test"], "--data mnist-test is deprecated"),
        (
            ["report", "nowhere", "--data", "a.csv"],
            "--data is deprecated for your own pictures",
        ),
        (["benchmark", "nowhere", "--against", "floor"], "--against floor is deprecated; use --ba"),
        (["benchmark", "nowhere", "--against=floor"], "--against floor is deprecated; use --base"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_deprecated_spelling_works_with_a_warning(
    words: list[str], warning: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the doctor examines takes seconds.
    monkeypatch.setattr("mnist_edge.device.doctor.software.examine_software", lambda: iter(()))
    ran = run(*words)
    assert f"warning: {warning}" in ran.stderr
    # It was parsed: only the model is missing.
    assert ran.returncode == (0 if words[0] == "doctor" else 1)
    assert "deprecated" not in run(words[0], "--help").stdout
    assert words[-1].partition("=")[0] not in run(words[0], "--help").stdout.split()


def test_words_after_two_dashes_are_not_renamed(run: Run) -> None:
    ran = run("doctor", "--", "--json")
    assert ran.returncode == 2
    assert "deprecated" not in ran.stderr
