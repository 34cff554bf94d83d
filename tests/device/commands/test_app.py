"""What all commands have in common: help, examples, mistakes, completion."""

from __future__ import annotations

import os
import pty
import shlex
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from mnist_edge.commands import app as program
from mnist_edge.modelstore.loading import SCHEMES
from mnist_edge.training.recipes import RECIPES
from tests.support.paths import SAMPLE
from tests.support.programs import Run, Start


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group by the words that call it."""
    root: Any = typer.main.get_command(program.app)
    yield (), root
    for name in program.COMMANDS:
        command = root.get_command(None, name)
        yield (name,), command
        for below in getattr(command, "commands", {}).values():
            yield (name, below.name), below


COMMANDS = dict(commands())
EXAMPLES = [
    (words, line)
    for words, command in COMMANDS.items()
    for line in command.epilog.strip().splitlines()
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_ends_with_two_or_three_examples_of_the_command(
    words: tuple[str, ...], run: Run
) -> None:
    shown = run(*words, "--help").stdout
    _, _, end = shown.partition("\nExamples:\n")
    examples = [line for example, line in EXAMPLES if example == words]
    assert len(examples) in (2, 3)
    assert [line.strip() for line in end.splitlines()[: len(examples)]] == examples
    assert all(" ".join(("mnist-edge", *words)) in line for line in examples)


@pytest.mark.parametrize("line", sorted({line for _, line in EXAMPLES}))
def test_every_example_is_a_command(line: str) -> None:
    words = shlex.split(line.partition(" | ")[2] or line.partition(" > ")[0])
    assert words.pop(0) == "mnist-edge"
    root: Any = COMMANDS[()]
    context = root.make_context("mnist-edge", words)
    command = root
    while hasattr(command, "commands"):
        name, command, words = command.resolve_command(context, words)
        context = command.make_context(name, words, parent=context)
    assert command.callback


def test_the_exit_status_is_in_the_help(run: Run) -> None:
    shown = " ".join(run("--help").stdout.split())
    assert shown.endswith(
        "Exit status: 0 success; 1 some inputs failed; 2 usage error; 3 accuracy gate failed."
    )


OWN_MEANING = {"--out", "--model", "--compare", "--explain", "--target", "--resume", "--scheme"}
"""Options that take a file in one command and a folder, a flag or a list in another."""


def test_an_option_is_called_and_explained_alike_wherever_it_is() -> None:
    found = defaultdict(set)
    for command in COMMANDS.values():
        for option in command.params:
            if option.param_type_name == "option" and not option.hidden:
                text = option.help.partition(":")[0]
                found[max(option.opts, key=len)].add((option.metavar, text, option.is_flag))
    several = {name: meanings for name, meanings in found.items() if len(meanings) > 1}
    assert several.keys() <= OWN_MEANING, several


def test_every_value_is_named_by_a_noun_in_capitals() -> None:
    for words, command in COMMANDS.items():
        for option in command.params:
            if not (option.hidden or getattr(option, "is_flag", False)):
                name = f"{' '.join(words)} {option.name}"
                assert option.metavar, name
                assert option.metavar == option.metavar.upper(), name


def test_every_list_is_repeated_or_has_commas() -> None:
    for command in COMMANDS.values():
        for option in command.params:
            if option.param_type_name == "option" and option.multiple:
                assert option.metavar.endswith(",...")
                assert option.help.endswith("; repeatable, or with commas.")


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
def test_a_misspelt_name_is_answered_with_the_closest(
    words: list[str], meant: str, run: Run
) -> None:
    ran = run(*words)
    assert ran.returncode in (1, 2)
    assert ran.stdout == ""
    assert f"(did you mean '{meant}'?)" in ran.stderr
    assert ran.stderr.startswith("mnist-edge: ")
    assert ran.stderr.count("\n") == 1


def test_nothing_is_suggested_for_what_is_like_nothing(run: Run) -> None:
    for words in (["xyzzy"], ["predict", "--xyzzy"], ["predict", "--format", "xyzzy", "a.png"]):
        ran = run(*words)
        assert ran.returncode == 2
        assert "did you mean" not in ran.stderr
        assert ran.stderr.rstrip().endswith("--help")


def test_an_option_that_is_hidden_is_not_suggested(run: Run) -> None:
    assert "'--mnist'" not in run("report", "--mnis", "x").stderr.partition("(did")[2]


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
def test_the_spelling_of_the_last_release_works_with_a_warning(
    words: list[str], warning: str, run: Run
) -> None:
    ran = run(*words)
    assert f"warning: {warning}" in ran.stderr
    # Parsed all the same: what fails is the model that is not there.
    assert ran.returncode == (0 if words[0] == "doctor" else 1)
    assert "deprecated" not in run(words[0], "--help").stdout
    assert words[-1].partition("=")[0] not in run(words[0], "--help").stdout.split()


def test_a_word_after_two_dashes_is_no_old_spelling(run: Run) -> None:
    ran = run("doctor", "--", "--json")
    assert ran.returncode == 2
    assert "deprecated" not in ran.stderr


def complete(line: str, start: Start) -> list[str]:
    words = shlex.split(line)
    if line.endswith(" "):
        words.append("")
    environment = {
        "_MNIST_EDGE_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    ran = start(env=environment)
    assert ran.stderr == b""
    return ran.stdout.decode().split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("mnist-edge ", set(program.COMMANDS)),
        ("mnist-edge re", {"report", "reproduce"}),
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
def test_a_shell_completes(line: str, expected: set[str], start: Start) -> None:
    assert set(complete(line, start)) == expected


def test_recipes_are_completed_whole(start: Start) -> None:
    assert set(complete("mnist-edge run --recipe ", start)) == set(RECIPES)


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    "load",
    [
        'eval "$(mnist-edge --show-completion)"',
        "mnist-edge --install-completion > /dev/null; source ~/.bashrc",
    ],
    ids=["shown", "installed"],
)
def test_bash_itself_completes_with_the_script(load: str, tmp_path: Path) -> None:
    (tmp_path / "mnist-edge").write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m mnist_edge "$@"\n', encoding="utf-8"
    )
    (tmp_path / "mnist-edge").chmod(0o755)
    script = f"""
        {load}
        COMP_WORDS=(mnist-edge tra) COMP_CWORD=1
        _mnist_edge_completion mnist-edge
        echo "${{COMPREPLY[@]}}"
    """
    path = f"{tmp_path}:{os.environ['PATH']}"
    shell = {"SHELL": "/bin/bash", "PATH": path, "BASH_ENV": "", "HOME": str(tmp_path)}
    ran = subprocess.run(
        [shutil.which("bash") or "", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **shell},
    )
    assert ran.stdout == "train\n", ran.stderr


def on_a_terminal(*words: str, environment: dict[str, str] | None = None) -> str:
    """What the program writes where both its outputs are a terminal."""
    terminal, other_end = pty.openpty()
    env = {**os.environ, "TERM": "xterm", "COLUMNS": "80", **(environment or {})}
    child = subprocess.Popen(
        [sys.executable, "-m", "mnist_edge", *words],
        stdin=subprocess.DEVNULL,
        stdout=other_end,
        stderr=other_end,
        env=env,
    )
    os.close(other_end)
    written = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        written += part
    os.close(terminal)
    child.wait()
    return written.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "colored"),
    [
        (["predict", "nowhere.png"], "\033[31mmnist-edge:\033[0m no picture"),
        (["predict", "--min-confidence", "1", str(SAMPLE)], "\033[33m- (low-confidence)\033[0m"),
        (["doctor", "--runtime", "numpy"], "\033[32mgood   \033[0m python "),
        (["pretict"], "\033[31mmnist-edge:\033[0m no such command"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_colors_are_for_terminals(words: list[str], colored: str, run: Run) -> None:
    assert colored in on_a_terminal(*words)
    for plain in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        written = on_a_terminal(*words, environment=plain)
        assert "\033[3" not in written
        assert "\033[0m" not in written
    ran = run(*words)
    assert "\033" not in ran.stdout + ran.stderr
