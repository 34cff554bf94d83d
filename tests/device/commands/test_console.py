from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from mnist_edge.commands import console
from mnist_edge.commands.console import format_facts, format_table, paint, wrap
from tests.support.paths import SAMPLE
from tests.support.programs import Run

HEADER = ("scheme", "accuracy", "bytes")
ROWS = (("a-folder/with-a-long-name/int8", "99.56 %", "15,993"), ("float32", "", "54,000"))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Make standard output a terminal; ``COLUMNS`` says how wide it is."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return monkeypatch


def test_a_table_in_a_pipe_is_not_shortened() -> None:
    assert format_table(HEADER, ROWS).splitlines() == [
        "scheme                          accuracy   bytes",
        "a-folder/with-a-long-name/int8   99.56 %  15,993",
        "float32                                   54,000",
    ]


def test_a_narrow_terminal_shortens_names(terminal: pytest.MonkeyPatch) -> None:
    wide = format_table(HEADER, ROWS)
    terminal.setenv("COLUMNS", "35")
    assert format_table(HEADER, ROWS).splitlines() == [
        "scheme             accuracy   bytes",
        "a-folde...me/int8   99.56 %  15,993",
        "float32                      54,000",
    ]
    terminal.setenv("COLUMNS", "200")
    assert format_table(HEADER, ROWS) == wide


def test_a_very_narrow_terminal_has_a_line_per_column(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "24")
    assert format_table(HEADER, ROWS).splitlines() == [
        "scheme a-folder/with-a-long-name/int8",
        "  accuracy  99.56 %",
        "  bytes     15,993",
        "scheme float32",
        "  bytes     54,000",
    ]


@pytest.mark.parametrize("columns", [30, 60, 80, 100, 120])
def test_text_is_wrapped_to_the_terminal_up_to_100_columns(
    columns: int, terminal: pytest.MonkeyPatch
) -> None:
    terminal.setenv("COLUMNS", str(columns))
    lines = wrap("one word after another " * 20, first="-> ", margin="   ").splitlines()
    assert max(map(len, lines)) <= min(columns, 100)
    assert lines[0].startswith("-> one")
    assert all(line.startswith("   ") for line in lines[1:])


def test_text_in_a_pipe_is_wrapped_at_80_columns_and_a_hash_is_not_broken() -> None:
    sha256 = "0123456789abcdef" * 8
    lines = wrap(f"{'word ' * 30}{sha256} is it").splitlines()
    assert max(len(line) for line in lines if sha256 not in line) <= 80
    assert sha256 in lines


def test_facts_are_wrapped_in_a_terminal_and_not_in_a_pipe(
    terminal: pytest.MonkeyPatch,
) -> None:
    facts = {"scheme": "int8", "made with": "word " * 30}
    terminal.setenv("COLUMNS", "60")
    lines = format_facts(facts).splitlines()
    assert lines[0] == "scheme     int8"
    assert len(lines) > 3
    assert all(line.startswith(" " * 11) for line in lines[2:])
    terminal.setattr(sys.stdout, "isatty", lambda: False)
    assert len(format_facts(facts).splitlines()) == 2


def test_no_color_turns_colors_off_unless_it_is_empty(terminal: pytest.MonkeyPatch) -> None:
    assert paint("good", "green") == "\033[32mgood\033[0m"
    terminal.setenv("NO_COLOR", "")
    assert paint("good", "green") == "\033[32mgood\033[0m"
    terminal.setenv("NO_COLOR", "1")
    assert paint("good", "green") == "good"


def test_colors_depend_on_the_stream(terminal: pytest.MonkeyPatch) -> None:
    terminal.setattr(sys.stderr, "isatty", lambda: False)
    assert paint("bad", "red", sys.stderr) == "bad"
    assert console.terminal_width() == 80


def on_a_terminal(*words: str, environment: dict[str, str] | None = None) -> str:
    """Run the program in a terminal and return what it writes."""
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
def test_a_terminal_has_colors_and_a_pipe_has_none(
    words: list[str], colored: str, run: Run
) -> None:
    assert colored in on_a_terminal(*words)
    for plain in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        written = on_a_terminal(*words, environment=plain)
        assert "\033[3" not in written
        assert "\033[0m" not in written
    ran = run(*words)
    assert "\033" not in ran.stdout + ran.stderr


def test_a_message_is_no_longer_than_a_person_reads(capsys: pytest.CaptureFixture[str]) -> None:
    console.fail(f"cannot read {'n' * 5000}: File name too long")
    said = capsys.readouterr().err
    assert said.startswith("mnist-edge: cannot read nnn")
    assert said.endswith("nnn: File name too long\n")
    assert len(said) < 2000
