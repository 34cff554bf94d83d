from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_edge.commands import group as program
from mnist_edge.modelstore import SCHEMES
from mnist_edge.training.recipes import RECIPES
from tests.support.programs import Run


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
def test_a_dash_is_refused_as_an_output_file(
    words: list[str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = run(*words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


Complete = Callable[[str], list[str]]


@pytest.fixture
def complete(run: Run, monkeypatch: pytest.MonkeyPatch) -> Complete:
    """Complete the last word of a line, as bash asks for it."""

    def ask(line: str) -> list[str]:
        words = shlex.split(line)
        if line.endswith(" "):
            words.append("")
        monkeypatch.setenv("_MNIST_EDGE_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(words) - 1))
        ran = run()
        assert ran.stderr == ""
        return ran.stdout.split()

    return ask


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mnist-edge ", set(program.COMMANDS)),
        ("mnist-edge re", {"readings", "report", "reproduce"}),
        ("mnist-edge model ", {"install", "list", "use", "rollback", "verify"}),
        ("mnist-edge report --max-d", {f"--max-drop{end}" for end in ("", "-point", "-corrupted")}),
        ("mnist-edge predict --format j", {"json", "jsonl"}),
        ("mnist-edge train --recipe cn", {"cnn", "cnn-unscaled"}),
        ("mnist-edge reproduce --only cnn,mlp-e", {"cnn,mlp-ema"}),
        ("mnist-edge report --scheme ", set(SCHEMES)),
        ("mnist-edge report --scheme int8,flo", {"int8,float32", "int8,float16"}),
        ("mnist-edge convert -q ", {*SCHEMES, "all"}),
        ("mnist-edge predict --model na", {"nano"}),
        ("mnist-edge info ed", {"edge"}),
        ("mnist-edge model use n", {"nano"}),
        ("mnist-edge bundle --target pi-b", {"pi-bookworm-64", "pi-bookworm-32"}),
        ("mnist-edge doctor --runtime n", {"numpy"}),
        ("mnist-edge predict --pixels pixels/255", {"pixels/255", "pixels/255-0.5"}),
        # Files are the shell's to complete.
        ("mnist-edge predict pict", set()),
        ("mnist-edge report --out ", set()),
    ],
)
def test_a_shell_completes(line: str, expected: set[str], complete: Complete) -> None:
    assert set(complete(line)) == expected


def test_completion_lists_every_recipe(complete: Complete) -> None:
    assert set(complete("mnist-edge run --recipe ")) == set(RECIPES)
