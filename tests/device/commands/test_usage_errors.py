from __future__ import annotations

import pytest

from tests.support.programs import Run


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["pretict", "a.png"], "predict"),
        (["model", "instal", "x"], "install"),
        (["predict", "--fromat", "csv", "a.png"], "--format"),
        (["report", "--max-dorp", "1"], "--max-drop"),
        (["predict", "--format", "cvs", "a.png"], "csv"),
        (["doctor", "-f", "jsn"], "json"),
        (["predict", "--runtime", "numppy", "a.png"], "numpy"),
        (["report", "--scheme", "float61"], "float16"),
        (["info", "--scheme", "INT8"], "int8"),
        (["convert", "--quantize", "int8,dinamic"], "dynamic"),
        (["convert", "--target", "tflite-runtime==2.14"], "tflite-runtime==2.14.0"),
        (["bundle", "--target", "pi-bookwrom-64"], "pi-bookworm-64"),
        (["train", "--recipe", "nanno"], "nano"),
        (["reproduce", "--only", "cnn,mlp-emma"], "mlp-ema"),
        (["predict", "--model", "edgee", "a.png"], "edge"),
        (["model", "use", "nanno"], "nano"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_the_closest_name_is_suggested_for_a_misspelt_one(
    words: list[str], meant: str, run: Run
) -> None:
    ran = run(*words)
    assert ran.returncode in (1, 2)
    assert ran.stdout == ""
    assert f"(did you mean '{meant}'?)" in ran.stderr
    assert ran.stderr.startswith("mnist-edge: ")
    assert ran.stderr.count("\n") == 1


def test_nothing_is_suggested_where_no_name_is_close(run: Run) -> None:
    for words in (["xyzzy"], ["predict", "--xyzzy"], ["predict", "--format", "xyzzy", "a.png"]):
        ran = run(*words)
        assert ran.returncode == 2
        assert "did you mean" not in ran.stderr
        assert ran.stderr.rstrip().endswith("--help")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["predict", "--quantize", "int8", "a.png"], " (it is one of convert)"),
        (["benchmark", "--max-drop", "1"], " (it is one of report, convert)"),
        (["batch", "in", "--out", "o"], ""),
    ],
)
def test_an_option_of_another_command_is_told_apart(words: list[str], hint: str, run: Run) -> None:
    option = next(word for word in words if word.startswith("--"))
    assert run(*words).stderr == (
        f"mnist-edge: no such option '{option}'{hint}; see: mnist-edge {words[0]} --help\n"
    )


def test_hidden_options_are_not_suggested(run: Run) -> None:
    assert "'--mnist'" not in run("report", "--mnis", "x").stderr.partition("(did")[2]
