"""What all commands have in common: help, examples, options, completion."""

from __future__ import annotations

import os
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

from mnist_edge.commands import group as program
from tests.support.programs import Run


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command and group with the words that call it."""
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


def test_the_list_of_commands_says_what_their_own_help_does() -> None:
    room = 78 - len("  reproduce  ")
    for name, line in program.COMMANDS.items():
        assert COMMANDS[name,].get_short_help_str(room) == line


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


OWN_MEANING = {
    *("--out", "--model", "--compare", "--explain", "--target", "--resume", "--scheme"),
    *("--pictures", "--data", "--camera"),
}
"""Options that take a file in one command and a folder, a flag or a list in another."""


def test_an_option_has_the_same_name_and_help_in_every_command() -> None:
    found = defaultdict(set)
    for command in COMMANDS.values():
        for option in command.params:
            if option.param_type_name == "option" and not option.hidden:
                text = option.help.partition(":")[0]
                found[max(option.opts, key=len)].add((option.metavar, text, option.is_flag))
    several = {name: meanings for name, meanings in found.items() if len(meanings) > 1}
    assert several.keys() <= OWN_MEANING, several


def test_every_metavar_is_in_capitals() -> None:
    for words, command in COMMANDS.items():
        for option in command.params:
            if not (option.hidden or getattr(option, "is_flag", False)):
                name = f"{' '.join(words)} {option.name}"
                assert option.metavar, name
                assert option.metavar == option.metavar.upper(), name


def test_every_list_option_is_repeatable_and_takes_commas() -> None:
    for command in COMMANDS.values():
        for option in command.params:
            if option.param_type_name == "option" and option.multiple:
                assert option.metavar.endswith(",...")
                assert option.help.endswith("; repeatable, or with commas.")


@pytest.mark.skipif(not shutil.which("bash"), reason="needs bash")
@pytest.mark.parametrize(
    "load",
    [
        'eval "$(mnist-edge --show-completion)"',
        "mnist-edge --install-completion > /dev/null; source ~/.bashrc",
    ],
    ids=["shown", "installed"],
)
def test_bash_completes_with_the_installed_script(load: str, tmp_path: Path) -> None:
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
