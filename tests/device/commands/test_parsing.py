from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from mnist_edge.commands.group import COMMANDS, app
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


def dependent_options() -> list[tuple[str, str, str]]:
    """Return each command with an option that changes nothing, and the other that says so."""
    root: Any = typer.main.get_command(app)
    cases = []
    for name in COMMANDS:
        command = root.get_command(None, name)
        known = {
            each.opts[0] if each.param_type_name == "option" else each.human_readable_name
            for each in command.params
        }
        cases += [(name, option, "") for option in command.needs]
        for option, used in command.used_with.items():
            assert {option, *used} <= known, f"{name}: {used} are not all its options"
            idle_ones = known - {*command.used_with, *used}
            idle = next(one for one in sorted(idle_ones) if one.startswith("--"))
            cases.append((name, idle, option))
        assert {*command.needs, *command.needs.values()} <= known
    return cases


@pytest.mark.parametrize(("command", "idle", "other"), dependent_options())
def test_an_option_that_would_change_nothing_is_refused(
    command: str, idle: str, other: str, run: Run
) -> None:
    root: Any = typer.main.get_command(app)
    words = [command]
    for parameter in root.get_command(None, command).params:
        name = parameter.opts[0]
        if name in (idle, other):
            # Any value that is of the option's type, and large enough for a size.
            value = "1000000" if parameter.type.name != "path" else "there.png"
            value = getattr(parameter.type, "choices", [value])[0]
            value = "1" if name == "--port" else value
            words += [name] if parameter.is_flag else [name, *[value] * parameter.nargs]
        elif parameter.param_type_name == "argument" and parameter.required:
            words.append("here")
    refused = run(*words)
    assert refused.returncode == 2
    reason = f"{idle} changes nothing with" + (f" {other}" if other else "out ")
    assert refused.stderr.startswith(f"mnist-edge: {reason}")
    assert refused.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [
        ("report", "edge", "--corrupted", "0", "--severity", "3"),
        ("convert", "nano", "--quantize", "float32,dynamic", "--calibration-images", "100"),
        ("convert", "nano", "--quantize", "float16", "--calibration-seed", "1"),
    ],
)
def test_an_option_that_a_value_leaves_without_effect_is_refused(
    words: tuple[str, ...], run: Run
) -> None:
    refused = run(*words)
    assert refused.returncode == 2
    assert "changes nothing with" in refused.stderr
