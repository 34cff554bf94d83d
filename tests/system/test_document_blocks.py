"""Every console and Python block of the pages does what it shows.

Each page is run from top to bottom in a folder of its own, which holds the files of ``desk``. In a
``console`` block each line that begins with ``$`` is a command for bash, and the lines after it are
its output, where ``...`` stands for any text and, alone on a line, for any lines. The output of a
command without any is not compared, but the command must succeed. In a ``python`` block a comment
that begins with ``->`` is the value of the expression before it.

A comment on the line before a block changes how it is run:

``<!-- not run: REASON -->``
    Skip it, since it needs root, another machine or the network, or takes minutes.
``<!-- figures vary -->``
    Do not compare numbers, since they are times or come from a training.
``<!-- needs PROGRAM, ... -->``
    Skip it where one of these programs, or modules of Python, is absent.
``<!-- serves -->``
    Leave its command running until the page ends, once it has shown what it should. Port 8080 of
    the page is a free one.
"""

from __future__ import annotations

import ast
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from tests.support.paths import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MAX_NOT_RUN = 17
"""Largest number of blocks that may be marked as not run, in all pages: they take a board, a
network, root, hours or an accelerator."""

STAND_INS = {
    # Keras downloads MNIST from another host than this project does.
    "keras.datasets.mnist.load_data()": "[(d.images, d.labels) for d in (M.train, M.test)]",
}
"""Expressions of the pages' Python that need the network, and what is run in their place."""

_BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>.*?) -->\n)?```(?P<language>\w+)\n(?P<text>.*?)^```$",
    flags=re.MULTILINE | re.DOTALL,
)
_COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n?", re.MULTILINE)
_SLOW = re.compile(
    r"^\$ mnist-edge (?:convert|train|teach|run|reproduce|report)|^import keras", re.MULTILINE
)
"""What needs TensorFlow, or reads ten thousand digits."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of a page that is run."""

    language: str
    text: str
    mark: str
    line: int
    """Where in the page it begins, from 1."""


def blocks(page: Path) -> Iterator[Block]:
    """Yield the console and Python blocks of a page."""
    text = page.read_text(encoding="utf-8")
    for match in _BLOCK.finditer(text):
        if match["language"] in {"console", "python"}:
            yield Block(
                language=match["language"],
                text=match["text"],
                mark=match["mark"] or "",
                line=text.count("\n", 0, match.start()) + 1,
            )


def marks(page: Path) -> list[pytest.MarkDecorator]:
    """Mark a page that takes long as slow."""
    text = "\n".join(block.text for block in blocks(page) if not block.mark.startswith("not run"))
    return [pytest.mark.slow] if _SLOW.search(text) else []


@pytest.fixture(autouse=True)
def ray_of_its_own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep a Ray that a block starts on this machine, and its files out of the way."""
    # The paths of its sockets are longer than pytest's folders allow.
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as ray:
        monkeypatch.setenv("RAY_TMPDIR", ray)
        monkeypatch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        monkeypatch.setenv("RAY_AUTH_MODE", "token")
        monkeypatch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(16))
        yield


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with the pictures and models that the pages speak of."""
    images = tmp_path / "docs" / "images"
    images.mkdir(parents=True)
    for name in ("photo.jpg", "number.jpg", "page.jpg"):
        shutil.copy(ROOT / "docs" / "images" / name, images)
        shutil.copy(images / name, tmp_path)
    samples = tmp_path / "mnist_edge" / "samples"
    samples.mkdir(parents=True)
    shutil.copy(ROOT / "mnist_edge" / "samples" / "digit.png", samples)
    shutil.copy(samples / "digit.png", tmp_path)
    for model in ("edge", "nano"):
        shutil.copytree(ROOT / "models" / model, tmp_path / "models" / model)
        shutil.copytree(ROOT / "models" / model, tmp_path / "runs" / model)
    with Image.open(ROOT / "mnist_edge" / "samples" / "digits.png") as sheet:
        # Ten of each digit: a row of 28x28 tiles each.
        for digit in range(10):
            folder = tmp_path / "photos" / str(digit)
            folder.mkdir(parents=True)
            for column in range(10):
                left, top = 28 * column, 28 * digit
                sheet.crop((left, top, left + 28, top + 28)).save(folder / f"{column}.png")
    shutil.copy(
        ROOT / "tests" / "data" / "models" / "signatures.tflite", tmp_path / "theirs.tflite"
    )
    shutil.copytree(ROOT / "examples" / "microcontroller", tmp_path / "examples/microcontroller")
    (tmp_path / "installed").mkdir()
    shutil.copytree(tmp_path / "photos" / "7", tmp_path / "scans")
    shutil.copytree(tmp_path / "photos" / "3", tmp_path / "inbox")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.relative_to(ROOT).as_posix(), marks=marks(page))
        for page in PAGES
        if list(blocks(page))
    ],
)
def test_the_blocks_of_a_page_do_what_they_show(page: Path, desk: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port = chosen.getsockname()[1]
    with ExitStack() as stack:
        for block in blocks(page):
            run_block(block, page, desk, port, stack)


def run_block(block: Block, page: Path, desk: Path, port: int, stack: ExitStack) -> None:
    """Run a block, unless it is marked otherwise."""
    where = f"{page.relative_to(ROOT)}:{block.line}"
    text = block.text.replace("8080", str(port))
    if block.mark.startswith("not run: "):
        return
    if block.mark == "serves":
        stack.enter_context(serving(text, desk, where, port))
        return
    if block.mark.startswith("needs "):
        if not all(map(is_installed, block.mark.removeprefix("needs ").split(", "))):
            return
    else:
        assert block.mark in {"", "figures vary"}, f"{where}: unknown mark {block.mark}"
    if block.language == "python":
        run_python(text, desk, where)
    else:
        run_console(text, desk, where, figures=block.mark != "figures vary")


def is_installed(name: str) -> bool:
    """Return whether there is such a program, or such a module."""
    return bool(shutil.which(name) or find_spec(name))


@contextmanager
def serving(text: str, folder: Path, where: str, port: int) -> Iterator[None]:
    """Run the one command of a block until it has shown its output, and on to the end."""
    first, command, expected = _COMMAND.split(text)
    assert not first, f"{where}: {first!r} is not a command"
    with subprocess.Popen(
        ["bash", "-c", f"exec {command} --port {port}"],  # noqa: S607
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            shown = "".join(process.stdout.readline() for _ in expected.splitlines())
            assert pattern(expected).fullmatch(stripped(shown)), f"{where}: {command}\n{shown}"
            yield
        finally:
            process.kill()


def test_few_blocks_are_marked_as_not_run() -> None:
    not_run = [b for page in PAGES for b in blocks(page) if b.mark.startswith("not run: ")]
    assert len(not_run) <= MAX_NOT_RUN


def run_console(text: str, folder: Path, where: str, *, figures: bool) -> None:
    """Run the commands of a block and compare what they show."""
    first, *parts = _COMMAND.split(text)
    assert not first, f"{where}: {first!r} is not a command"
    for command, expected in zip(parts[::2], parts[1::2], strict=True):
        outcome = run(["bash", "-c", command], folder)
        shown = outcome.stdout
        if not expected.strip():
            assert outcome.returncode == 0, f"{where}: {command}\n{shown}"
            continue
        if not figures:
            shown = without_numbers(shown)
        wanted = pattern(expected if figures else without_numbers(expected))
        assert wanted.fullmatch(stripped(shown)), f"{where}: {command}\n{shown}"


def without_numbers(text: str) -> str:
    """Return the text with ``#`` for each number and one space where there were several."""
    return re.sub(r" +", " ", re.sub(r"(?<!\w)[-+]?\d[\d.,]*", " #", text))


def run_python(text: str, folder: Path, where: str) -> None:
    """Run the code of a block and compare the values of its expressions."""
    checked = []
    for expression, stand_in in STAND_INS.items():
        if expression in text:
            text = text.replace(expression, stand_in)
            checked.append("from mnist_edge.data.mnist import load_mnist; M = load_mnist()")
    for statement in ast.parse(text).body:
        # A decorator is above the line of what it decorates.
        first = min(one.lineno for one in (statement, *getattr(statement, "decorator_list", ())))
        source = "\n".join(text.splitlines()[first - 1 : statement.end_lineno])
        code, _, expected = source.partition("  # -> ")
        checked.append(f"assert repr({code}) == {expected!r}, repr({code})" if expected else source)
    outcome = run([sys.executable, "-c", "\n".join(checked)], folder)
    assert outcome.returncode == 0, f"{where}:\n{outcome.stdout}"


def run(words: list[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as in a terminal that is 80 columns wide."""
    return subprocess.run(
        words,
        cwd=folder,
        env=environment(folder),
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a page's commands, which run in its folder."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        # A page's desk has a folder mnist_edge/ of samples, which comes before an editable install.
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "80",
        "TERMINAL_WIDTH": "80",
        "MNIST_EDGE_MODELS": str(folder / "installed"),
    }


def pattern(expected: str) -> re.Pattern[str]:
    """Return the pattern of an output in which ``...`` stands for anything."""
    lines = (
        "(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") + "\n"
        for line in stripped(expected).splitlines()
    )
    return re.compile("".join(lines))


def stripped(text: str) -> str:
    """Return the lines without the spaces at their ends and without empty lines at the end."""
    return "\n".join(line.rstrip() for line in text.splitlines()).rstrip() + "\n"
